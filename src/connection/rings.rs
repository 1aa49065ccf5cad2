//! Which captures are files of one ring buffer, so that one clock stamped them: by their names and by their times.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::anchors::Extent;
use crate::base::{SourceId, Timestamp, Window, time};

/// A file may begin this much before the one before it ends.
pub(super) const OVERLAP: i64 = time::SECOND;
/// The next file begins with the next packet: that may be this much later.
const PAUSE: i64 = 3600 * time::SECOND;

/// For each capture, the first file of its ring buffer; itself, where it stands alone.
#[derive(Clone, Debug, Default)]
pub(super) struct Rings {
    first: BTreeMap<SourceId, SourceId>,
}

impl Rings {
    /// Of captures of these times. What `shares` packets with any file of a ring is none of it, and what `begins` one goes
    /// on with none.
    pub(super) fn of(
        extents: &BTreeMap<SourceId, Extent>,
        paths: &BTreeMap<SourceId, PathBuf>,
        shares: &BTreeMap<SourceId, Vec<SourceId>>,
        begins: &BTreeSet<SourceId>,
    ) -> Self {
        let mut files: Vec<(Name<'_>, Window, SourceId)> = extents
            .iter()
            .filter_map(|(source, own)| Some((Name::of(paths.get(source)?), own.window, *source)))
            .collect();
        files.sort_unstable_by_key(|(name, window, source)| (name.clone(), window.start, *source));
        let mut first: BTreeMap<SourceId, SourceId> = BTreeMap::new();
        for alike in files.chunk_by(|(name, ..), (next, ..)| name == next) {
            // When each ends.
            let mut rings: Vec<(SourceId, Timestamp)> = Vec::new();
            for (_, window, source) in alike {
                let views = shares.get(source).map_or(&[][..], Vec::as_slice);
                let shared: BTreeSet<SourceId> =
                    views.iter().filter_map(|other| first.get(other).copied()).collect();
                let goes_on = |(ring, end): &&mut (SourceId, Timestamp)| {
                    (-OVERLAP..=PAUSE).contains(&(window.start - *end)) && !shared.contains(ring)
                };
                let open = rings.iter_mut().filter(goes_on).max_by_key(|(ring, end)| (*end, *ring));
                if let Some((ring, end)) = open.filter(|_| !begins.contains(source)) {
                    first.insert(*source, *ring);
                    *end = window.end.max(*end);
                } else {
                    first.insert(*source, *source);
                    rings.push((*source, window.end));
                }
            }
        }
        Self { first }
    }

    /// The first file of the ring buffer of a capture.
    pub(super) fn ring(&self, source: SourceId) -> SourceId {
        self.first.get(&source).copied().unwrap_or(source)
    }

    /// The files of a ring buffer, in order of sources.
    pub(super) fn files(&self, ring: SourceId) -> Vec<SourceId> {
        let own = self.first.iter().filter(|(_, first)| **first == ring).map(|(source, _)| *source);
        let files: Vec<SourceId> = own.collect();
        if files.is_empty() { vec![ring] } else { files }
    }
}

/// Whether captures are called as files of one ring buffer are.
pub(super) fn are_alike(paths: &BTreeMap<SourceId, PathBuf>, one: SourceId, other: SourceId) -> bool {
    let name = |source: SourceId| paths.get(&source).map(|path| Name::of(path));
    name(one) == name(other)
}

/// A name without what counts the files of a ring buffer, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Name<'a> {
    folder: Option<&'a Path>,
    /// Its bytes that are no digits.
    rest: Vec<u8>,
}

impl<'a> Name<'a> {
    fn of(path: &'a Path) -> Self {
        let name = path.file_name().map(std::ffi::OsStr::as_encoded_bytes).unwrap_or_default();
        let rest = name.iter().copied().filter(|byte| !byte.is_ascii_digit()).collect();
        Self { folder: path.parent(), rest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files of these names and seconds, and which ring each is in.
    fn rings(files: &[(&str, i64, i64)], shares: &[(u32, u32)]) -> Vec<u32> {
        rings_from(files, shares, &[])
    }

    /// The same where these files begin rings.
    fn rings_from(files: &[(&str, i64, i64)], shares: &[(u32, u32)], begins: &[u32]) -> Vec<u32> {
        let ids = (0_u32..).map(SourceId);
        let window = |start: i64, end: i64| Extent {
            window: Window {
                start: Timestamp::from_nanos(start * time::SECOND),
                end: Timestamp::from_nanos(end * time::SECOND),
            },
            anchors: 0,
        };
        let windows = ids.clone().zip(files.iter().map(|(_, start, end)| window(*start, *end))).collect();
        let paths = ids.clone().zip(files.iter().map(|(name, ..)| PathBuf::from(name))).collect();
        let mut views: BTreeMap<SourceId, Vec<SourceId>> = BTreeMap::new();
        for (one, other) in shares.iter().map(|(one, other)| (SourceId(*one), SourceId(*other))) {
            views.entry(one).or_default().push(other);
            views.entry(other).or_default().push(one);
        }
        let rings = Rings::of(&windows, &paths, &views, &begins.iter().copied().map(SourceId).collect());
        ids.take(files.len()).map(|id| rings.ring(id).0).collect()
    }

    #[test]
    fn files_that_follow_each_other_under_counted_names_are_one() {
        let ring =
            [("s/a_00002.pcapng", 60, 119), ("s/a_00001.pcapng", 0, 60), ("s/a_00003.pcapng", 400, 500)];
        assert_eq!(rings(&ring, &[]), [1, 1, 1]);
        assert_eq!(rings(&[("cap.pcap", 0, 9), ("cap.pcap1", 9, 20), ("cap.pcap2", 20, 21)], &[]), [0, 0, 0]);
        assert_eq!(rings(&[("a1", 0, 60), ("b2", 60, 90), ("c/a2", 60, 90)], &[]), [0, 1, 2], "other names");
        assert_eq!(rings(&[("a1", 0, 60), ("a2", 30, 90)], &[]), [0, 1], "at the same time");
        assert_eq!(rings(&[("a1", 0, 60), ("a2", 60, 90)], &[(0, 1)]), [0, 1], "two views");
        let three = [("a1", 0, 60), ("a2", 60, 90), ("a3", 91, 95)];
        assert_eq!(rings(&three, &[(0, 2)]), [0, 0, 2], "a view of the first");
        assert_eq!(rings_from(&three, &[], &[1]), [0, 1, 1], "by another clock");
        let beside = [("1", 0, 60), ("2", 60, 90), ("3", 70, 80), ("4", 90, 95)];
        assert_eq!(rings(&beside, &[]), [0, 0, 2, 0]);
    }
}
