//! Frames of any link type to packets: what is said of a payload is what the frame holds.

use std::sync::Arc;

use super::Script;
use crate::base::bytes::{index, length};
use crate::base::{SourceId, Timestamp};
use crate::capture::split::Collect;
use crate::capture::{Frame, LinkType};
use crate::packet::{Interest, Packets, Reassembler};
use crate::stream::FlowTable;
use crate::stream::table::Batch;

const LINKS: [u16; 12] = [1, 0, 9, 101, 104, 108, 113, 228, 229, 276, 12, 147];

/// Takes a link type, then frames: length, bytes that the capture cut off, bytes.
pub fn packets(bytes: &[u8]) {
    let mut script = Script::new(bytes);
    let link = LINKS.get(usize::from(script.u8()) % LINKS.len()).copied().unwrap_or(1);
    let interest = Arc::new(Interest::new(&[]));
    let mut packets = Packets::new(Arc::clone(&interest), bytes);
    let mut number = 0;
    while !script.is_empty() {
        let size = usize::from(script.u16());
        let cut = u32::from(script.u8());
        let data = script.take(size);
        packets.frame(Frame {
            index: number,
            time: Timestamp::from_nanos(i64::try_from(number).unwrap_or(0) * 1_000_000),
            interface: 0,
            link: LinkType(link),
            original: length(data).saturating_add(cut),
            data,
        });
        number += 1;
    }
    packets.renumber(1);
    let mut reassembler = Reassembler::default();
    let fragments = std::mem::take(&mut packets.fragments);
    let count = fragments.len();
    let mut whole = 0;
    for fragment in fragments {
        if let Some(datagram) = reassembler.push(fragment) {
            assert!(datagram.payload.len() <= 2 * 65_536, "a datagram of {} bytes", datagram.payload.len());
            packets.reassembled(&datagram);
            whole += 1;
        }
    }
    let (lost, more) = reassembler.finish();
    let more = usize::try_from(more).unwrap_or(usize::MAX);
    assert!(lost.len() + more + whole <= count, "more datagrams than fragments");
    check(&packets, bytes, number);

    let mut table = FlowTable::default();
    table.apply(Batch {
        segments: &[packets.segments.as_slice()],
        icmp: &packets.icmp,
        source: SourceId(0),
        bytes,
        interest: &interest,
    });
    let flows = table.finish();
    assert!(flows.len() <= packets.segments.len());
}

fn check(packets: &Packets, bytes: &[u8], frames: u64) {
    for segment in &packets.segments {
        assert!((1..=frames).contains(&segment.frame));
        let payload = segment.bytes(bytes);
        assert_eq!(
            payload.len(),
            index(segment.captured),
            "frame {}: a payload that is not there",
            segment.frame
        );
        let _ = segment.checksum_holds(payload);
    }
    for datagram in &packets.datagrams {
        assert!((1..=frames).contains(&datagram.frame));
        assert!(datagram.head.len() <= bytes.len());
    }
    let (malformed, unknown) = (packets.malformed.count, packets.unknown_link.count);
    assert!(malformed <= frames * 16 && unknown <= frames);
}
