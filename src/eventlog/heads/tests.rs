use super::*;
use std::fs;
use std::path::{Path, PathBuf};

use crate::eventlog::evtx::open;

/// The logs of the samples.
fn logs(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            logs(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "evtx") {
            found.push(path);
        }
    }
}

/// What a record is, read in full, as if it stood alone.
type Told = Option<(Provider, u32, Option<Timestamp>)>;

#[test]
fn what_is_read_of_the_like_is_what_is_read_in_full() {
    let mut files = Vec::new();
    logs(&Path::new(env!("CARGO_MANIFEST_DIR")).join("samples"), &mut files);
    assert!(files.len() > 10);
    let mut kept = Heads::default();
    for file in files {
        let bytes = fs::read(&file).unwrap();
        let container = open(&bytes, &|chunk| chunk).unwrap();
        // Twice, so that all is known the second time.
        for chunk in container.chunks.iter().chain(&container.chunks) {
            let mut templates = Templates::default();
            let mut reader = Reader::of(chunk, None, &mut templates);
            let full: Vec<Told> = chunk
                .records
                .iter()
                .map(|record| {
                    let found = reader.record(record)?;
                    Some((found.provider?, found.id?, found.time.or(record.written)))
                })
                .collect();
            let mut fresh = Heads::default();
            for heads in [&mut fresh, &mut kept] {
                let before = heads.kinds.all.iter().map(|met| met.count).sum::<u64>();
                let mut at = 0;
                heads.read(chunk, |_, head| {
                    let known = full[at].as_ref();
                    let told =
                        known.map(|(provider, id, time)| Head { time: *time, ..Head::of(provider, *id) });
                    assert_eq!(head, told, "{}", file.display());
                    at += 1;
                });
                let count = heads.kinds.all.iter().map(|met| met.count).sum::<u64>();
                assert_eq!(usize::try_from(count - before).unwrap(), full.iter().flatten().count());
            }
            let mut kinds: Vec<_> = full.iter().flatten().map(|(provider, id, _)| (provider, *id)).collect();
            kinds.sort();
            kinds.dedup();
            assert_eq!(kinds.len(), fresh.kinds.all.len());
            assert!(fresh.kinds.all.iter().all(|met| kinds.contains(&(&met.provider, met.id))));
            assert_eq!(fresh.channels, reader.channels.all);
            assert_eq!(fresh.computers, reader.computers.all);
            assert!(fresh.channels.is_subset(&kept.channels) && fresh.computers.is_subset(&kept.computers));
        }
    }
}
