//! Which captures are files of one ring buffer, so that one clock stamped them: by their names and by their times.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::anchors::{Extent, OVERLAP};
use super::matches::{Match, clearly_ahead};
use crate::base::{SourceId, Timestamp, Window, time};

/// The next file begins with the next packet: that may be this much later.
const PAUSE: i64 = 3600 * time::SECOND;

/// For each capture, the first file of its ring buffer; itself, where it stands alone.
#[derive(Clone, Debug, Default)]
pub(super) struct Rings {
    first: BTreeMap<SourceId, SourceId>,
}

impl Rings {
    /// Which captures are files of one ring, where these are two views of others: a file by another clock begins another.
    pub(super) fn of(
        matches: &BTreeMap<(SourceId, SourceId), Vec<Match>>,
        extents: &BTreeMap<SourceId, Extent>,
        paths: &BTreeMap<SourceId, PathBuf>,
    ) -> Self {
        /// Where rings are cut the others are other ones; so often at most.
        const ROUNDS: usize = 4;
        let mut views: BTreeMap<SourceId, Vec<SourceId>> = BTreeMap::new();
        for (one, other) in matches.keys() {
            views.entry(*one).or_default().push(*other);
            views.entry(*other).or_default().push(*one);
        }
        let mut begins = BTreeSet::new();
        let mut rings = Self::cut(extents, paths, &views, &begins);
        for _ in 0..ROUNDS {
            let more = other_clocks(matches, extents, &rings);
            if more.is_empty() {
                break;
            }
            begins.extend(more);
            rings = Self::cut(extents, paths, &views, &begins);
        }
        rings
    }

    /// Of captures of these times. What `shares` packets with any file of a ring is none of it, and what `begins` one goes
    /// on with none.
    fn cut(
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

/// Files whose clock, against that of another ring, is another one than that of the file before.
fn other_clocks(
    matches: &BTreeMap<(SourceId, SourceId), Vec<Match>>,
    extents: &BTreeMap<SourceId, Extent>,
    rings: &Rings,
) -> Vec<SourceId> {
    /// No clock drifts so far from one file to the next.
    const ANOTHER: i64 = time::SECOND;
    /// Of each pair of rings the times of files of the first, and how far the other's clock is ahead.
    type Clocks = BTreeMap<(SourceId, SourceId), Vec<(Timestamp, SourceId, i64)>>;
    let mut clocks = Clocks::new();
    for ((one, other), own) in matches {
        let Some(middle) = clearly_ahead(own) else { continue };
        for (file, view, ahead) in [(*one, *other, middle), (*other, *one, middle.saturating_neg())] {
            let Some(extent) = extents.get(&file) else { continue };
            let pair = (rings.ring(file), rings.ring(view));
            clocks.entry(pair).or_default().push((extent.window.start, file, ahead));
        }
    }
    let mut begins = Vec::new();
    for list in clocks.values_mut() {
        list.sort_unstable();
        for files in list.windows(2) {
            if let [(_, before, one), (_, file, other)] = files
                && before != file
                && one.abs_diff(*other) > ANOTHER.unsigned_abs()
            {
                begins.push(*file);
            }
        }
    }
    begins
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
        let rings = Rings::cut(&windows, &paths, &views, &begins.iter().copied().map(SourceId).collect());
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
