//! Connections that run side by side.

use std::io::{self, Write};

use super::connection::{Connection, Noise, Running};
use super::frame::Frames;
use super::random::Random;

/// Connections side by side, as many as `width`, with `step` nanoseconds between two frames, until so many bytes are
/// written. The next number begins where one ends; whose turn it is, is chance.
pub fn side_by_side(
    out: &mut impl Write,
    size: u64,
    step: u64,
    width: u32,
    begin: impl FnMut(u32) -> Connection,
) -> io::Result<()> {
    let mut frames = Frames::begin(out, step)?;
    let mut turns = Random::new(1);
    let noise = Noise::new();
    let mut connections = (0..).map(begin).map(Running::new);
    let mut running: Vec<Running> = connections.by_ref().take(usize::try_from(width).unwrap()).collect();
    while frames.size < size {
        let turn = &mut running[usize::try_from(turns.of(0..width)).unwrap()];
        if !turn.step(&mut frames, &noise)? {
            *turn = connections.next().unwrap();
        }
    }
    Ok(())
}
