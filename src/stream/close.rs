//! How a flow ends: the FINs and RSTs of both sides, and which came first.

use super::flow::Side;
use super::limits;
use super::records::Record;
use crate::base::Mark;

/// FIN or RST.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseKind {
    /// An orderly end of one direction.
    Fin,
    /// An abort.
    Rst,
}

/// One closing segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Close {
    /// Who sent it, by its address.
    pub from: Side,
    /// FIN or RST.
    pub kind: CloseKind,
    /// Where and when.
    pub mark: Mark,
    /// Its time to live.
    pub ttl: u8,
    /// Its IPv4 identification.
    pub ip_id: Option<u16>,
    /// Whether it acknowledges something.
    pub has_ack: bool,
    /// Whether it carries a timestamp option.
    pub has_timestamp: bool,
    /// Its place in the sender's stream.
    pub offset: i64,
    /// The end of what the sender had sent before, its FIN included.
    pub expected: i64,
    /// How far the other side had acknowledged.
    pub acked: Option<u64>,
    /// How far it acknowledges the other side's stream, whatever was captured of that.
    pub acknowledges: Option<i64>,
    /// What acknowledged this FIN although it was captured before it: the capture shows the two directions out of step,
    /// and what the other side said from there on is its answer.
    pub answered: Option<Mark>,
    /// The segment with which the same side went on afterwards, as if it had sent no RST.
    pub went_on: Option<Mark>,
}

impl Close {
    /// Whether a record was sent before this end, or before its sender knew of it, wherever it was captured: what both sides
    /// count tells more than the order of the file.
    pub fn is_after(&self, record: &Record) -> bool {
        let end = i64::try_from(record.offset).unwrap_or(i64::MAX).saturating_add(record.length());
        if record.from == self.from {
            // Nobody says anything behind his own FIN.
            return self.kind == CloseKind::Fin || end <= self.offset || record.end <= self.mark;
        }
        let is_answer = self.answered.is_some_and(|answer| record.end >= answer);
        record.end <= self.mark && !is_answer || self.acknowledges >= Some(end)
    }
}

/// Puts a close behind those of a flow, but a FIN that ends its stream at `end` before the close that acknowledges it, and
/// before a reset of its sender that counts it. A FIN that is sent again is not told again.
pub(super) fn put(closes: &mut Vec<Close>, close: Close, end: i64) {
    let is_fin = close.kind == CloseKind::Fin;
    let is_repeated = is_fin && closes.iter().any(|own| own.from == close.from && own.kind == CloseKind::Fin);
    if is_repeated || closes.len() >= limits::CLOSES {
        return;
    }
    let knows = |own: &Close| {
        own.from != close.from && own.acknowledges == Some(end)
            || own.from == close.from && own.kind == CloseKind::Rst && own.offset >= end
    };
    let at = closes.iter().position(|own| is_fin && knows(own));
    // Mostly the only one; a flood has millions.
    closes.reserve_exact(usize::from(closes.is_empty()));
    closes.insert(at.unwrap_or(closes.len()), close);
}
