//! How the segments of a short flow follow each other: when, and by the identifications of their senders, as far as
//! anybody asks. Nothing is long in a flow that is not.

use super::{Item, limit};
use crate::connection::encrypted::AT_ONCE;
use crate::packet::TcpFlags;
use crate::stream::Side;
use crate::stream::flow::WENT_ON_AFTER;
use crate::stream::habits::was_sent_before;

/// What is remembered from one segment to the next.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// The newest identification of the client and of the server, resets excepted; see [`Habits`](crate::stream::habits::Habits).
    newest: [Option<u16>; 2],
    has_reset: bool,
    /// Whether anybody went on behind a reset of his own.
    went_on: bool,
}

impl Order {
    /// Tells how `own` stands to the segments before it. `long`: how much later it comes matters.
    pub fn tell(&mut self, before: &[Item], own: &Item, long: bool, out: &mut Vec<u8>) {
        let is_later = before.last().is_some_and(|last| own.time > last.time);
        let is_reset = own.flags.has(TcpFlags::RST);
        let [client, server] = &mut self.newest;
        let newest = if own.side == Side::Client { client } else { server };
        let apart = distance(own.ip_id, *newest);
        if !is_reset && was_sent_before(own.ip_id, *newest) != Some(true) {
            *newest = own.ip_id.or(*newest);
        }
        out.push(apart << 1 | u8::from(is_later));
        if self.has_reset {
            for reset in before.iter().filter(|item| item.side == own.side && item.flags.has(TcpFlags::RST)) {
                let went_on = own.time - reset.time > WENT_ON_AFTER;
                self.went_on |= went_on;
                out.push(distance(own.ip_id, reset.ip_id) << 1 | u8::from(went_on));
            }
        }
        self.has_reset |= is_reset;
        if says(own) {
            let parted = |item: &&Item| says(item) && own.time - item.time >= AT_ONCE;
            out.push(u8::try_from(before.iter().filter(parted).count()).unwrap_or(u8::MAX));
        }
        if long {
            out.extend(before.iter().map(|item| limit(own.time - item.time)));
        }
    }

    /// Tells how each reset stands to what its sender had counted up to in the end, and when all came if one went on.
    pub fn end(&self, items: &[Item], out: &mut Vec<u8>) {
        let [client, server] = self.newest;
        for reset in items.iter().filter(|item| self.has_reset && item.flags.has(TcpFlags::RST)) {
            out.push(distance(reset.ip_id, if reset.side == Side::Client { client } else { server }));
        }
        // How late that was is held against the round trip: there are few such flows.
        if let (true, [first, rest @ ..]) = (self.went_on, items) {
            out.extend(rest.iter().flat_map(|item| (item.time - first.time).to_le_bytes()));
        }
    }
}

/// Whether a segment brings something that the server says.
fn says(item: &Item) -> bool {
    item.side == Side::Server && item.length > 0
}

/// How far an identification lies from an earlier one of the same sender, as far as that says who sent first or that
/// it was forged.
fn distance(own: Option<u16>, before: Option<u16>) -> u8 {
    let (Some(own), Some(before)) = (own, before) else { return 0 };
    match own.wrapping_sub(before) {
        0 => 1,
        far => 2 + [far > 4095, far > 4096, far > 61440].into_iter().map(u8::from).sum::<u8>(),
    }
}
