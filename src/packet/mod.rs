//! Layer 3: frames to TCP segments, and to the few other packets that can explain a failed connection.
//!
//! Stateless per frame, so ranges decode in parallel; what needs memory across frames (IP fragments) is
//! resolved in file order by `fragment`. Knows headers up to TCP, UDP, ICMP and ARP, and no message of RDP; the
//! one exception is [`interest::looks_like_request`], which finds RDP on ports where nobody expects it.

pub mod checksum;
pub mod decode;
pub mod fragment;
pub mod icmp;
pub mod interest;
pub mod link;
pub mod neighbour;
pub mod segment;

pub use decode::Packets;
pub use fragment::{Fragment, LostDatagram, Reassembler};
pub use icmp::{IcmpError, Quoted};
pub use interest::Interest;
pub use neighbour::Neighbour;
pub use segment::{Datagram, Endpoint, PairKey, Payload, Segment, TcpFlags, TcpOptions};
