//! The same packets at another capture point: later or earlier, some hops on, through an address translation, by another
//! clock.
//!
//! Knows IPv4 and TCP as far as it changes them.

use super::file::{self, Frame};
use crate::support::bytes::{Nanos, internet_checksum, number, seconds};
use crate::support::case::{Made, option};
use std::net::{IpAddr, SocketAddr};

/// Which capture points a frame passes, where there are two.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum At {
    Both,
    Here,
    There,
}

/// A second capture of what one block tells.
pub struct View {
    file: String,
    /// This clock minus the other one.
    clock: Nanos,
    /// How long a packet needs from the one point to the other.
    delay: Nanos,
    hops: u8,
    /// What the client's end looks like here.
    nat: Option<SocketAddr>,
}

impl View {
    /// `view FILE delay=S [clock=S] [hops=N] [nat=IP:PORT]`
    pub fn new(words: &[String]) -> Self {
        Self {
            file: words[1].clone(),
            clock: option(words, "clock").map_or(0, seconds),
            delay: seconds(option(words, "delay").expect("delay=")),
            hops: option(words, "hops").map_or(0, |hops| number(hops) as u8),
            nat: option(words, "nat").map(|end| end.parse().expect("nat=IP:PORT")),
        }
    }

    /// The file that was taken here, of the frames as the first point has them.
    pub fn made(&self, frames: &[Frame], near_client: bool, server: Option<IpAddr>) -> Made {
        let mut own: Vec<Frame> = frames.iter().map(|frame| self.moved(frame, near_client, server)).collect();
        own.sort_by_key(|frame| frame.time);
        (self.file.clone(), file::pcapng(&own))
    }

    fn moved(&self, frame: &Frame, near_client: bool, server: Option<IpAddr>) -> Frame {
        let mut frame = frame.clone();
        let from = <[u8; 4]>::try_from(&frame.data[26..30]).expect("IPv4");
        let from_server = Some(IpAddr::from(from)) == server;
        // Away from its sender a packet comes later, and has lived longer.
        let away = from_server != near_client;
        frame.time += self.clock + if away { self.delay } else { -self.delay };
        let ttl = frame.data[22];
        frame.data[22] = if away { ttl - self.hops } else { ttl + self.hops };
        if let Some(SocketAddr::V4(nat)) = self.nat.filter(|_| frame.data[23] == 6) {
            let (ip, port) = if from_server { (30, 36) } else { (26, 34) };
            frame.data[ip..ip + 4].copy_from_slice(&nat.ip().octets());
            frame.data[port..port + 2].copy_from_slice(&nat.port().to_be_bytes());
        }
        checksums(&mut frame.data);
        frame
    }
}

/// Sums up an Ethernet frame of IPv4 again, and TCP in it.
fn checksums(data: &mut [u8]) {
    data[24..26].fill(0);
    let sum = internet_checksum(&[&data[14..34]]);
    data[24..26].copy_from_slice(&sum.to_be_bytes());
    if data[23] != 6 {
        return;
    }
    data[50..52].fill(0);
    let length = (data.len() - 34) as u16;
    let sum = internet_checksum(&[&data[26..34], &[0, 6], &length.to_be_bytes(), &data[34..]]);
    data[50..52].copy_from_slice(&sum.to_be_bytes());
}
