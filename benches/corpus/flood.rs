//! A flood: many short connections to port 3389.

use std::io::{self, Write};

use super::frame::{ACK, Frames, PUSH, RST, SYN, Segment};

/// Nanoseconds between two frames.
const STEP: u64 = 20_000;
/// Connections that run side by side.
const ROUND: u32 = 2000;

const REQUEST: [u8; 19] = [3, 0, 0, 19, 14, 0xe0, 0, 0, 0, 0, 0, 1, 0, 8, 0, 3, 0, 0, 0];
/// HYBRID_REQUIRED_BY_SERVER. [MS-RDPBCGR] 2.2.1.2.2
const REFUSAL: [u8; 19] = [3, 0, 0, 19, 14, 0xd0, 0, 0, 0x12, 0x34, 0, 3, 0, 8, 0, 5, 0, 0, 0];

/// Short connections to port 3389, each from another address: scans, refusals, resets, requests that are refused.
pub fn flood(out: &mut impl Write, flows: u32) -> io::Result<()> {
    let mut frames = Frames::begin(out, STEP)?;
    for round in 0..flows.div_ceil(ROUND) {
        let connections = round * ROUND..flows.min((round + 1) * ROUND);
        for step in 0..6 {
            for segment in connections.clone().filter_map(|connection| segment(connection, step)) {
                frames.tcp(&segment)?;
            }
        }
    }
    Ok(())
}

/// Segment `step` of a connection, of which there are five kinds; none behind its last one.
fn segment(connection: u32, step: u32) -> Option<Segment<'static>> {
    let [_, high, middle, low] = connection.to_be_bytes();
    let client = ([10, 64 + high, middle, low], 40_000 + u16::from_be_bytes([middle & 0x3f, low]));
    let server = ([198, 51, 100, low & 0x3f], 3389);
    let (up, down) = ((client, server), (server, client));
    let length = 19;
    let (ends, numbers, flags, payload): (_, _, _, &[u8]) = match (connection % 20, step) {
        (_, 0) | (0..2, 1 | 2) => (up, (1000, 0), SYN, &[]),
        (2..9, 1) => (down, (0, 1001), RST | ACK, &[]),
        (9.., 1) => (down, (5000, 1001), SYN | ACK, &[]),
        (9.., 2) => (up, (1001, 5001), ACK, &[]),
        (9..14, 3) => (up, (1001, 5001), RST | ACK, &[]),
        (14.., 3) => (up, (1001, 5001), PUSH, &REQUEST),
        (14..17, 4) => (down, (5001, 1001 + length), RST | ACK, &[]),
        (17.., 4) => (down, (5001, 1001 + length), PUSH, &REFUSAL),
        (17.., 5) => (up, (1001 + length, 5001 + length), RST | ACK, &[]),
        _ => return None,
    };
    Some(Segment { ends, numbers, flags, options: &[], payload })
}
