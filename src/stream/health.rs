//! How a flow fared: computed once it has ended, from what was counted.

use super::close::{Close, CloseKind};
use super::flow::{Flow, Side};
use super::reassemble::Repeat;
use crate::base::{Locator, Mark, Observed, Timestamp, time};
use crate::packet::IcmpError;

impl Flow {
    /// The round trip of the TCP handshake between both ends, nanoseconds: SYN to the acknowledgement of the
    /// SYN-ACK, wherever the capture stood. Nothing where an opening segment was repeated: which one was
    /// answered is then unknown.
    pub fn handshake_round_trip(&self) -> Option<i64> {
        match (self.syns.as_slice(), self.syn_acks.as_slice(), self.handshake) {
            ([syn], [_], Some(ack)) => Some(ack.time - syn.mark.time),
            _ => None,
        }
    }

    /// How near the capture stood to the client: the share of the round trip that lies beyond it. 1 is at the
    /// client, 0 at the server.
    pub fn nearness_to_client(&self) -> Option<f64> {
        let whole = self.handshake_round_trip().filter(|whole| *whole > 0)?;
        let beyond = self.syn_acks.first()?.mark.time - self.syns.first()?.mark.time;
        let millionths = i32::try_from(beyond.saturating_mul(1_000_000) / whole).ok()?;
        Some(f64::from(millionths) / 1e6)
    }

    /// Whether the three-way handshake was completed, or must have been (a running connection).
    pub fn is_established(&self) -> bool {
        self.handshake.is_some()
            || (self.to_server.data_segments > 0 && self.to_client.data_segments > 0)
            || (!self.syn_acks.is_empty() && self.to_server.data_segments > 0)
    }

    /// Whether the server went on repeating its SYN-ACK after the handshake seemed complete: it heard nothing of it.
    pub fn is_half_open(&self) -> bool {
        self.handshake.is_some_and(|ack| self.syn_acks.last().is_some_and(|syn_ack| syn_ack.mark > ack))
    }

    /// Whether only one side's segments were captured although the other must have sent some.
    pub fn is_one_sided(&self) -> bool {
        let (client, server) = (self.client_habits.segments, self.server_habits.segments);
        let server_unseen = server == 0 && self.to_client.acked_end.is_some_and(|end| end > 0);
        let client_unseen = client == 0 && self.to_server.acked_end.is_some_and(|end| end > 0);
        server_unseen || client_unseen
    }

    /// Whether the snapshot length cut some of its data off.
    pub fn is_cut(&self) -> bool {
        self.to_server.is_cut() || self.to_client.is_cut()
    }

    /// Bytes at the end of what `side` sent that are not in the capture although its own sequence numbers, or the
    /// other side's acknowledgements, show that they were sent.
    pub fn unseen_at_end(&self, side: Side) -> u64 {
        /// A reset may stand further ahead: then it is damaged or forged, and shows nothing.
        const MOST: u64 = 1 << 20;
        let stream = self.stream(side);
        if !stream.is_placed() {
            return 0;
        }
        let closed = self.closes.iter().filter(|close| close.from == side && close.went_on.is_none());
        let ends = closed.filter_map(|close| u64::try_from(close.offset).ok());
        let answers =
            self.closes.iter().filter(|close| close.from == side.other() && close.went_on.is_none());
        let acks = answers.filter_map(|close| u64::try_from(close.acknowledges?).ok());
        let shown = self.habits(side).claimed.into_iter().chain(stream.acked_end).chain(ends).chain(acks);
        // The FIN counts as a byte.
        let known = stream.sent_end.max(stream.fin_at.map_or(0, |at| at + 1));
        let beyond = shown.map(|end| end.saturating_sub(known)).filter(|more| *more <= MOST).max();
        let before_fin = stream.fin_at.map_or(0, |at| at.saturating_sub(stream.sent_end));
        beyond.unwrap_or(0) + before_fin
    }

    /// Where an ICMP error about it stands.
    pub fn mark_of(&self, error: &IcmpError) -> Mark {
        Mark { time: error.time, at: Locator::Frame { source: self.first.at.source(), number: error.frame } }
    }

    /// The first close of a side, of a kind.
    pub fn close_of(&self, from: Side, kind: CloseKind) -> Option<&Close> {
        self.closes.iter().find(|close| close.from == from && close.kind == kind)
    }

    /// The segment that ended the connection: the first FIN or RST.
    pub fn first_close(&self) -> Option<&Close> {
        self.closes.first()
    }

    /// Zeek's conn_state (conn.log).
    pub fn conn_state(&self) -> &'static str {
        let rst = |side| self.close_of(side, CloseKind::Rst).is_some();
        let fin = |side| self.close_of(side, CloseKind::Fin).is_some();
        let (syn, syn_ack) = (!self.syns.is_empty(), !self.syn_acks.is_empty());
        if !syn && !syn_ack {
            return "OTH";
        }
        if !syn {
            return if rst(Side::Server) {
                "RSTRH"
            } else if fin(Side::Server) {
                "SHR"
            } else {
                "OTH"
            };
        }
        if !syn_ack && !self.is_established() {
            return match (rst(Side::Server), rst(Side::Client), fin(Side::Client)) {
                (true, ..) => "REJ",
                (_, true, _) => "RSTOS0",
                (_, _, true) => "SH",
                _ => "S0",
            };
        }
        let first_rst = self.closes.iter().find(|close| close.kind == CloseKind::Rst).map(|close| close.from);
        match (fin(Side::Client), fin(Side::Server), first_rst) {
            (true, true, _) => "SF",
            (_, _, Some(Side::Client)) => "RSTO",
            (_, _, Some(Side::Server)) => "RSTR",
            (true, false, None) => "S2",
            (false, true, None) => "S3",
            (false, false, None) => "S1",
        }
    }

    /// Who ended it, and how: `client RST`, `server FIN, then client RST`.
    pub fn closed_by(&self) -> Option<String> {
        let word = |close: &Close| {
            format!("{} {}", close.from.name(), if close.kind == CloseKind::Fin { "FIN" } else { "RST" })
        };
        let first = self.closes.first()?;
        let then = self.closes.iter().find(|close| (close.from, close.kind) != (first.from, first.kind));
        Some(match then {
            Some(then) => format!("{}, then {}", word(first), word(then)),
            None => word(first),
        })
    }

    /// Repeated segments of `side` that were never acknowledged, oldest first. None where nothing of the other side
    /// was captured: its acknowledgements may well have come.
    pub fn swallowed(&self, side: Side) -> Vec<Repeat> {
        if self.habits(side.other()).last.is_none() {
            return Vec::new();
        }
        self.stream(side).unacknowledged_repeats().copied().collect()
    }

    /// Share of a side's data segments that were repeats, in thousandths.
    pub fn loss_per_mille(&self, side: Side) -> u64 {
        let stream = self.stream(side);
        (stream.retransmissions * 1000).checked_div(stream.data_segments).unwrap_or(0)
    }

    /// The moment from which one side was no longer heard although the other went on for `patience`.
    pub fn fell_silent(&self, side: Side, patience: i64) -> Option<Observed<i64>> {
        let last = self.habits(side).last?;
        let other = self.habits(side.other()).last?;
        let alone = other.time - last.time;
        (alone >= patience).then(|| last.of(alone))
    }

    /// Whether the capture went on for `patience` after the flow's last segment.
    pub fn ended_before(&self, capture_end: Timestamp, patience: i64) -> bool {
        capture_end - self.last.time >= patience
    }

    /// The gaps between the SYNs, in tenths of a second.
    pub fn syn_gaps(&self) -> Vec<i64> {
        self.syns
            .windows(2)
            .filter_map(|pair| match pair {
                [a, b] => Some((b.mark.time - a.mark.time) / (time::SECOND / 10)),
                _ => None,
            })
            .collect()
    }
}
