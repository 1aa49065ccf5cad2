//! Every length of time that a detector holds something of a connection against is one of the limits.

use std::path::Path;

use super::LIMITS;
use crate::base::time;

/// Lengths of time that are no limits of a pattern: file, name, why.
const OTHERS: &[(&str, &str, &str)] = &[
    ("schannel.rs", "TICK", "between two events"),
    ("handshake.rs", "SLACK", "beside a neighbour's moments"),
    ("stateful_idle_timeout.rs", "SAME", "a share"),
    ("stateful_idle_timeout.rs", "ABOUT", "of sessions beside it"),
];

/// The constants of a source that are lengths of time up to a minute, in nanoseconds.
fn lengths(text: &str) -> Vec<(&str, i64)> {
    let number = |text: &str| text.trim().replace('_', "").parse::<i64>().ok();
    let units = [("time::MILLISECOND", time::MILLISECOND), ("time::SECOND", time::SECOND)];
    let constants = text.lines().filter_map(|line| line.split_once("const ")?.1.split_once(": i64 = "));
    constants
        .filter_map(|(name, value)| {
            let value = value.split(';').next()?.trim();
            let unit = units.iter().find_map(|(unit, nanos)| Some((value.strip_suffix(unit)?, *nanos)));
            let nanos = match unit {
                Some(("", nanos)) => nanos,
                Some((count, nanos)) => number(count.trim_end().strip_suffix('*')?)? * nanos,
                None => number(value)?,
            };
            Some((name, nanos))
        })
        .filter(|(_, nanos)| *nanos <= 60 * time::SECOND)
        .collect()
}

fn sources(folder: &Path, see: &mut dyn FnMut(&str, &str)) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() {
            sources(&path, see);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            see(name.to_str().unwrap(), &std::fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn detectors_know_no_other_limits() {
    let (mut seen, mut strange) = (0, Vec::new());
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/causes"), &mut |file, text| {
        for (name, nanos) in lengths(text) {
            seen += 1;
            let is_known = OTHERS.iter().any(|(other, own, _)| *other == file && *own == name);
            if !LIMITS.contains(&nanos) && !is_known {
                strange.push(format!("{file}: {name}, {nanos} ns"));
            }
        }
    });
    assert!(seen > 50, "{seen} were found");
    assert!(strange.is_empty(), "add them to LIMITS, or say here why not: {strange:#?}");
}
