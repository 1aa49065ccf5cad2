//! A capture cut up in any way is the capture read from beginning to end.

use crate::base::Timestamp;
use crate::capture::split::{Collect, Split, for_each_window};
use crate::capture::{Capture, Damage, Frame, LinkType, MAX_DAMAGE};
use crate::input::{Format, InputKind};

/// Bytes of a range: a record or two, some, many.
const RANGES: [usize; 3] = [64, 300, 4096];

/// One frame, and where in the file its bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    number: u64,
    time: Timestamp,
    interface: u32,
    link: LinkType,
    original: u32,
    at: usize,
    length: usize,
}

/// What a capture holds, however it was read.
#[derive(Debug, PartialEq, Eq)]
struct Content {
    frames: Vec<Seen>,
    count: u64,
    interfaces: u32,
    orphans: u64,
    damage: Vec<Damage>,
    damaged: u64,
    drops: Vec<(u32, u64)>,
    secrets: Vec<std::ops::Range<usize>>,
}

#[derive(Default)]
struct Frames {
    origin: usize,
    seen: Vec<Seen>,
}

impl Collect for Frames {
    fn frame(&mut self, frame: Frame<'_>) {
        self.seen.push(Seen {
            number: frame.index,
            time: frame.time,
            interface: frame.interface,
            link: frame.link,
            original: frame.original,
            at: frame.data.as_ptr().addr() - self.origin,
            length: frame.data.len(),
        });
    }
}

/// Reads the bytes as a capture, in ranges of several sizes.
pub fn container(bytes: &[u8]) {
    let kind = if Format::of(bytes) == Format::Pcap { InputKind::Pcap } else { InputKind::PcapNg };
    let Some(capture) = Capture::open(bytes, kind) else { return };
    let whole = read(&capture, usize::MAX / 2);
    let mut end = 0;
    for frame in &whole.frames {
        assert!(frame.at >= end || frame.length == 0, "frame {} lies in the one before it", frame.number);
        end = (frame.at + frame.length).max(end);
        assert!(usize::try_from(frame.original).is_ok_and(|original| original >= frame.length));
    }
    assert!(end <= bytes.len());
    for range in RANGES {
        let other = read(&capture, range);
        assert!(other == whole, "ranges of {range} bytes change what is read:\n{whole:?}\n{other:?}");
    }
}

fn read(capture: &Capture<'_>, range: usize) -> Content {
    let origin = capture.bytes.as_ptr().addr();
    let mut content = Content {
        frames: Vec::new(),
        count: 0,
        interfaces: 0,
        orphans: 0,
        damage: Vec::new(),
        damaged: 0,
        drops: Vec::new(),
        secrets: Vec::new(),
    };
    let new = || Frames { origin, seen: Vec::new() };
    let summary = for_each_window(capture, Split { range, window: 3 }, &new, |parts| {
        for part in parts {
            assert_eq!(part.first_frame, content.count + 1);
            content.frames.extend(
                part.collected
                    .seen
                    .into_iter()
                    .map(|seen| Seen { number: seen.number + part.first_frame, ..seen }),
            );
            content.count += part.frames;
            content.orphans += part.orphans;
            content.damaged += u64::try_from(part.damage.len()).unwrap_or(0) + part.damage_uncounted;
            let room = MAX_DAMAGE.saturating_sub(content.damage.len());
            content.damage.extend(part.damage.into_iter().take(room));
            content.drops.extend(part.drops);
        }
    });
    assert_eq!(summary.frames, content.count);
    content.interfaces = summary.interfaces;
    content.secrets = summary.secrets;
    content
}
