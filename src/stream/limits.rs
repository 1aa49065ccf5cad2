//! Every bound of this layer, with what happens at it.
//!
//! Hostile and very large captures meet these; past a bound a flow goes on with counters, and a note says so.

use crate::base::time;

/// Bytes kept of each direction for decoding (a TLS flight with a long certificate chain is under 20 KiB). Past
/// it records are known by size, direction and time only.
pub const HEAD_BYTES: usize = 64 * 1024;
/// The same where all flows together take too much: still more than such a flight.
pub const SHORT_HEAD_BYTES: usize = 24 * 1024;
/// Contiguous runs kept of each direction: each gap begins a new one. Past it nothing more is kept.
pub const HEAD_RUNS: usize = 8;
/// Out-of-order pieces held per direction. Past it the oldest hole is given up as a gap.
pub const PENDING_PIECES: usize = 256;
/// Out-of-order bytes held per direction. Past it likewise.
pub const PENDING_BYTES: usize = 1024 * 1024;
/// Unacknowledged segments watched per direction. Past it the oldest is no longer watched for repetition.
pub const IN_FLIGHT: usize = 128;
/// Repeated segments remembered one by one per direction. Past it they are counted.
pub const REPEATS: usize = 32;
/// Opening segments (SYN, SYN-ACK) remembered per flow. Past it they are counted.
pub const OPENINGS: usize = 16;
/// FIN and RST segments remembered per flow. Past it they are counted.
pub const CLOSES: usize = 16;
/// ICMP errors remembered per flow.
pub const ICMP: usize = 16;
/// Records remembered from the beginning of a flow. Past it only the last ones and counters are kept.
pub const FIRST_RECORDS: usize = 192;
/// Records remembered from the end of a flow.
pub const LAST_RECORDS: usize = 48;
/// Gaps remembered per direction. Past it they are counted.
pub const GAPS: usize = 64;
/// Letters of the history strip.
pub const HISTORY: usize = 48;
/// Segment fingerprints remembered per direction to recognise copies.
pub const FINGERPRINTS: usize = 8;
/// Shards of a flow table. Fixed, so that results do not depend on the number of threads.
pub const SHARDS: usize = 64;
/// Segments between two looks through a flow table for what has ended; fewer, where flows may have grown by half of
/// their bound. Counted in segments, so that results do not depend on how a capture is cut up.
pub const EPOCH: usize = 65_536;
/// Flows of a table below which none is taken out before the capture ends: only a flood has more at once.
pub const FLOWS: usize = 16_384;
/// Flows of a table at most. Past it those that were heard last the longest ago are taken for ended, and counted.
pub const FLOWS_AT_MOST: usize = 32_768;
/// Bytes of memory that the flows of a table take at most, looked at where they may have become so many: some thousand
/// long sessions, each with what both sides said first. Past it less of that is kept; if they still take more, the same
/// is done as past their number, until they take half of it.
pub const FLOW_BYTES: usize = 112 << 20;
/// A closed flow is taken out this long after its last segment: what comes later says nothing new.
pub const LINGER: i64 = 3 * time::SECOND;
/// A flow whose opening was never answered is taken out after this: the waits between the first six SYNs are shorter.
pub const UNANSWERED: i64 = 40 * time::SECOND;
/// Flows that are turned into connections together, once they have ended.
pub const TOGETHER: usize = 49_152;
/// The same in bytes of memory that they take.
pub const TOGETHER_BYTES: usize = 40 << 20;
/// Of running flows that came far, so many are shown to those that end meanwhile.
pub const FAR: usize = 2048;
/// And such a part of what running flows may take.
pub const FAR_PART: usize = 8;
/// Whoever said and heard so much is past the negotiation and the handshake.
pub const FAR_BYTES: u64 = 1024;
/// ICMP errors that wait for their place among the segments. Past it they are left out and counted.
pub const ICMP_WAITING: usize = 65_536;
/// Signs of hosts that wait likewise. Past it the oldest wait no longer.
pub const SIGNS_WAITING: usize = 65_536;
/// Segments remembered from the beginning of a flow where several capture points are compared.
pub const FIRST_SIGHTINGS: usize = 384;
/// Segments remembered from its end. What lies between is not compared.
pub const LAST_SIGHTINGS: usize = 640;
/// Segments of a flow that are kept as they are. Past it they are made a flow: a logon that is refused has fewer.
pub const YOUNG: usize = 24;
