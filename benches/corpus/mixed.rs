//! The traffic of an office.

use std::io::{self, Write};
use std::rc::Rc;

use rdpscan::stream::Side;

use super::connection::{Connection, Step};
use super::dns::lookup;
use super::random::Random;
use super::recorded::Recorded;
use super::side_by_side::side_by_side;
use super::steps::{acknowledged, begin, close, moment, open, record, said};

/// Nanoseconds between two frames.
const STEP: u32 = 500_000;
/// Connections that run side by side.
const WIDTH: u32 = 30;
/// Of so many connections one is RDP.
const NTH: u32 = 75;
/// Turns of a connection in a second.
const SECOND: u32 = 1_000_000_000 / STEP / WIDTH;
/// Hosts of the office, and those that accept RDP.
const CLIENTS: u32 = 200;
const RDP_SERVERS: u32 = 240;
/// Names of the world.
const NAMES: u32 = 2000;

/// HTTPS, names looked up, and RDP, one connection in seventy-five: of ten of these six are healthy sessions, and one
/// each is refused, not answered (by a host that answers a ping), reset after the request, and told that the server
/// requires NLA. What still runs at the end is cut off.
pub fn mixed(out: &mut impl Write, size: u64) -> io::Result<()> {
    let recorded = Recorded::read();
    side_by_side(out, size, STEP.into(), WIDTH, |number| {
        let mut random = Random::new(number.into());
        let port = 49_152 + u16::try_from(number / CLIENTS % 16_384).unwrap();
        let is_rdp = number % NTH == NTH / 2;
        let (client, server, name) = if is_rdp {
            let nth = number / NTH;
            let server = nth % RDP_SERVERS;
            (nth % CLIENTS, (address([10, 2, 1, 0], server), 3389), format!("rdp-{server}.example.com"))
        } else {
            let host = random.of(0..NAMES);
            (number % CLIENTS, (address([198, 18, 0, 0], host), 443), format!("www-{host}.example.net"))
        };
        let mut steps = Vec::new();
        if random.of(0..2) == 0 {
            steps.extend(lookup(random.next(), &name, server.0));
        }
        steps.extend(if is_rdp {
            rdp(&recorded, number / NTH % 10, &mut random)
        } else {
            https(&recorded, &mut random)
        });
        Connection {
            client: (address([10, 1, 0, 0], client), port),
            server,
            initial: [random.next(), random.next()],
            steps: Box::new(steps.into_iter()),
        }
    })
}

/// The address of a host of a network, counted from 10.
fn address(network: [u8; 4], host: u32) -> [u8; 4] {
    (u32::from_be_bytes(network) + 10 + host).to_be_bytes()
}

/// Handshake, requests and their answers, and the end.
fn https(recorded: &Recorded, random: &mut Random) -> Vec<Step> {
    let mut steps = open().to_vec();
    steps.extend(said(&recorded.handshake));
    for _ in 0..random.of(3..18) {
        steps.extend(record(Side::Client, u16::try_from(random.of(200..1400)).unwrap()));
        // Some answers take a while.
        if random.of(0..2) == 0 {
            steps.push(Step::Ack(Side::Server));
        }
        // Most are small.
        let longest = if random.of(0..5) == 0 { 44_000 } else { 3000 };
        let mut rest = random.of(300..longest);
        let mut answer = Vec::new();
        while rest > 0 {
            let part = rest.clamp(100, 16_384);
            answer.extend(record(Side::Server, u16::try_from(part).unwrap()));
            rest = rest.saturating_sub(part);
        }
        steps.extend(acknowledged(Side::Server, &answer));
    }
    steps.extend(said([&recorded.goodbye]));
    steps.extend(close());
    steps
}

/// The request of a client that offers TLS and not NLA, and the refusal: HYBRID_REQUIRED_BY_SERVER.
/// [MS-RDPBCGR] 2.2.1.1.1, 2.2.1.2.2
const REQUEST: [u8; 19] = [3, 0, 0, 19, 14, 0xe0, 0, 0, 0, 0, 0, 1, 0, 8, 0, 1, 0, 0, 0];
const REFUSAL: [u8; 19] = [3, 0, 0, 19, 14, 0xd0, 0, 0, 0x12, 0x34, 0, 3, 0, 8, 0, 5, 0, 0, 0];

/// One of ten kinds of RDP connections.
fn rdp(recorded: &Recorded, kind: u32, random: &mut Random) -> Vec<Step> {
    match kind {
        6 => vec![Step::Syn, Step::Rst(Side::Server)],
        7 => unanswered(),
        8 => [&open()[..], &said(&recorded.negotiation[..1]), &[Step::Rst(Side::Server)]].concat(),
        9 => {
            let messages = [(Side::Client, Rc::from(REQUEST)), (Side::Server, Rc::from(REFUSAL))];
            [&open()[..], &said(&messages), &close()].concat()
        }
        _ => session(recorded, random),
    }
}

/// The host is there, and does not answer SYNs: after 0, 1, 3 and 7 seconds.
fn unanswered() -> Vec<Step> {
    let again = |seconds: u32| {
        std::iter::repeat_n(Step::Pause, usize::try_from(seconds * SECOND).unwrap()).chain([Step::Syn])
    };
    [Step::Ping, Step::Pong].into_iter().chain([0, 1, 2, 4].into_iter().flat_map(again)).collect()
}

/// A session that the client ends.
fn session(recorded: &Recorded, random: &mut Random) -> Vec<Step> {
    let mut steps = begin(recorded);
    for _ in 0..random.of(30..200) {
        steps.extend(moment(random));
    }
    steps.extend(said([&recorded.goodbye]));
    steps.extend(close());
    steps
}
