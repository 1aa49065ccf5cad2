//! What must hold for any bytes at all: the properties that fuzzing, the regression inputs and the damage tests share.
//!
//! No part of the program uses this, and no other program should: it is here so that a fuzz target is one line, and so
//! that `cargo test` asks exactly what a fuzzer asked. Every function takes arbitrary bytes and panics where a property
//! is broken; that bytes make no sense is no breach.

#![allow(
    clippy::missing_panics_doc,
    reason = "a broken property is a panic: it is what these functions are for"
)]

mod container;
mod log;
mod messages;
mod packets;
mod reassembly;
mod whole;

pub use container::container;
pub use log::{chunk, log_of_record, record};
pub use messages::{certificate, mcs, negotiation, tls};
pub use packets::packets;
pub use reassembly::reassembly;
pub use whole::whole;

/// Takes arbitrary bytes; panics where a property does not hold for them.
pub type Oracle = fn(&[u8]);

/// Every oracle by the name of its fuzz target.
pub const ALL: [(&str, Oracle); 10] = [
    ("container", container),
    ("packets", packets),
    ("reassembly", reassembly),
    ("negotiation", negotiation),
    ("tls", tls),
    ("certificate", certificate),
    ("mcs", mcs),
    ("chunk", chunk),
    ("record", record),
    ("whole", whole),
];

/// Small numbers out of arbitrary bytes, and zeroes when they are used up.
struct Script<'a> {
    rest: &'a [u8],
}

impl<'a> Script<'a> {
    const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    fn u8(&mut self) -> u8 {
        let Some((first, rest)) = self.rest.split_first() else { return 0 };
        self.rest = rest;
        *first
    }

    fn u16(&mut self) -> u16 {
        u16::from_le_bytes([self.u8(), self.u8()])
    }

    /// The next bytes, fewer at the end.
    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(count.min(self.rest.len()));
        self.rest = rest;
        taken
    }
}
