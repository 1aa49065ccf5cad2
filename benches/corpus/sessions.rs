//! A few long sessions.

use std::io::{self, Write};

use super::connection::Connection;
use super::random::Random;
use super::recorded::Recorded;
use super::side_by_side::side_by_side;
use super::steps::{begin, moment};

/// Nanoseconds between two frames.
const STEP: u64 = 200_000;
const SESSIONS: u32 = 8;

/// Eight sessions side by side, none of which ends. Their sequence numbers begin shortly before they wrap.
pub fn sessions(out: &mut impl Write, size: u64) -> io::Result<()> {
    let recorded = Recorded::read();
    side_by_side(out, size, STEP, SESSIONS, |number| {
        let mut random = Random::new(number.into());
        let [.., low] = number.to_be_bytes();
        let initial = [0xffff_f000 | random.next(), 0xfff0_0000 | random.next()];
        let moments = (0..).flat_map(move |_: u32| moment(&mut random));
        Connection {
            client: ([10, 1, 0, 10 + low], 50_000),
            server: ([10, 2, 0, 10 + low], 3389),
            initial,
            steps: Box::new(begin(&recorded).into_iter().chain(moments)),
        }
    })
}
