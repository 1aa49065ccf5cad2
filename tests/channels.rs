//! Logs without one of their channels, or with one alone, tell no other story: a cause may become a residual of it, a
//! more general cause, or nothing; never a different one, and a failure never becomes a healthy session.
//!
//! One is seldom given all channels. The logs are made here from the shorthand of the samples, not committed.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test stops with its reason")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use rdpscan::Options;

use super::lesser::another_story;
use super::neighbours::is_log;
use super::samples::{self, Sample};
use super::support::case;

/// The channel that an event of the shorthand stands in; none for other lines.
fn channel(line: &str) -> Option<&'static str> {
    let (provider, _) = case::words(line).into_iter().find_map(|word| {
        let (provider, id) = word.split_once('/')?;
        let id: String = id.chars().take_while(char::is_ascii_digit).collect();
        (!id.is_empty() && !word.contains('=')).then(|| (provider.to_owned(), id))
    })?;
    let known =
        ["RdpCoreTS", "RemoteConnectionManager", "LocalSessionManager", "Security", "RDPClient", "Gateway"];
    Some(known.into_iter().find(|name| provider.contains(name)).unwrap_or("System"))
}

/// What only packets show: the session went on, and its user closed it.
const BY_PACKETS: [&str; 2] = ["segments-corrupted--with-log", "udp-half-working"];

#[test]
fn a_channel_less_tells_no_other_story() {
    let counted: Vec<(usize, Vec<String>)> = samples::all().par_iter().map(complaints).collect();
    let count: usize = counted.iter().map(|(count, _)| count).sum();
    let complaints: Vec<String> = counted.into_iter().flat_map(|(_, complaints)| complaints).collect();
    println!("{count} logs");
    assert!(count > 400);
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

fn complaints(sample: &Sample) -> (usize, Vec<String>) {
    let folder = Path::new("samples").join(&sample.name);
    let channels: BTreeSet<&str> = case::log_lines(&folder).iter().filter_map(|line| channel(line)).collect();
    if channels.len() < 2 {
        return (0, Vec::new());
    }
    let place = tempfile::tempdir().unwrap();
    let captures = sample.options.inputs.iter().filter(|path| !is_log(path)).cloned().collect();
    let without_logs = samples::analysed(&Options { inputs: captures, ..sample.options.clone() });
    let is_healthy_without_logs = without_logs
        .is_ok_and(|report| report.incidents.iter().any(|incident| incident.verdict.kind == "healthy"));
    let (mut count, mut complaints) = (0, Vec::new());
    for own in channels {
        for only in [true, false] {
            let kept = |line: &str| channel(line).is_none_or(|channel| (channel == own) == only);
            let made = case::build_where(&folder, &kept);
            let written: Vec<PathBuf> = made
                .into_iter()
                .map(|(name, bytes)| (place.path().join(name), bytes))
                .filter(|(path, _)| is_log(path))
                .inspect(|(path, bytes)| fs::write(path, bytes).unwrap())
                .map(|(path, _)| path)
                .collect();
            let captures = sample.options.inputs.iter().filter(|path| !is_log(path)).cloned();
            for inputs in [captures.chain(written.clone()).collect::<Vec<_>>(), written] {
                // A capture that shows an end in order shows it beside any log.
                let has_capture = inputs.iter().any(|path| !is_log(path));
                let options = Options { inputs, threads: Some(1), ..sample.options.clone() };
                count += 1;
                let how = if only { "with" } else { "without" };
                match samples::analysed(&options) {
                    Ok(report) => complaints.extend(report.incidents.iter().filter_map(|incident| {
                        let why = another_story(sample, incident)?;
                        let known = has_capture && is_healthy_without_logs
                            || !has_capture && BY_PACKETS.contains(&sample.name.as_str())
                            || incident.verdict.summary.contains("it still runs");
                        if incident.verdict.kind == "healthy" && known {
                            return None;
                        }
                        let says = samples::one_line(incident);
                        let captures = options.inputs.len();
                        Some(format!("samples/{} {how} {own}, {captures} inputs: {why}: {says}", sample.name))
                    })),
                    Err(error) if error != "panic" => {}
                    Err(_) => complaints.push(format!("samples/{} {how} {own}: panic", sample.name)),
                }
            }
        }
    }
    (count, complaints)
}
