//! Connections of a flood are judged as each is by itself, though those that are alike are judged once.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops with its reason")]

use std::collections::BTreeMap;
use std::fs;

use rdpscan::{Options, analyze};

use super::support::capture::file::{self, Frame};

const SYN: u8 = 2;
const RST: u8 = 4;
const PUSH: u8 = 8;
const ACK: u8 = 16;
const REQUEST: [u8; 19] = [3, 0, 0, 19, 14, 0xe0, 0, 0, 0, 0, 0, 1, 0, 8, 0, 3, 0, 0, 0];
const MILLISECOND: i64 = 1_000_000;
/// Far beyond what is reported one by one.
const FLOWS: u16 = 4000;

/// One segment of a connection: whether the client sends it, how long after the one before, its flags, where it begins
/// in its sender's stream and what it acknowledges, its payload, its identification.
type Step = (bool, i64, u8, (u32, u32), &'static [u8], u16);

fn handshake() -> Vec<Step> {
    vec![
        (true, 0, SYN, (0, 0), &[], 1),
        (false, MILLISECOND, SYN | ACK, (0, 1), &[], 1),
        (true, MILLISECOND, ACK, (1, 1), &[], 2),
        (true, MILLISECOND, PUSH | ACK, (1, 1), &REQUEST, 3),
    ]
}

fn frame(client: [u8; 4], step: &Step, time: i64) -> Frame {
    let (is_client, _, flags, (seq, ack), payload, id) = step;
    let server = [198, 51, 100, 7];
    let begin = u32::from_be_bytes(client).wrapping_mul(2_654_435_761);
    let (own, other) = if *is_client { (begin, !begin) } else { (!begin, begin) };
    let ends = [(client, 50_000_u16), (server, 3389)];
    let (from, to) = if *is_client { (ends[0], ends[1]) } else { (ends[1], ends[0]) };
    let mut data = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0];
    data.extend(u16::try_from(40 + payload.len()).unwrap().to_be_bytes());
    data.extend(id.to_be_bytes());
    data.extend([0x40, 0, 64, 6, 0, 0]);
    data.extend([from.0, to.0].concat());
    data.extend([from.1.to_be_bytes(), to.1.to_be_bytes()].concat());
    data.extend(own.wrapping_add(*seq).to_be_bytes());
    data.extend(if flags & ACK > 0 { other.wrapping_add(*ack) } else { 0 }.to_be_bytes());
    data.extend([0x50, *flags, 4, 0, 0, 0, 0, 0]);
    data.extend_from_slice(payload);
    Frame { time, data }
}

/// How many connections of a flood end with each cause, one by one and in groups. `script` gives the segments of each.
fn causes(script: impl Fn(u16) -> Vec<Step>) -> BTreeMap<Option<String>, u64> {
    let mut frames: Vec<Frame> = Vec::new();
    for number in 0..FLOWS {
        let [high, low] = number.to_be_bytes();
        let mut time = 1_700_000_000_000_000_000 + i64::from(number) * 20 * MILLISECOND;
        for step in script(number) {
            time += step.1;
            frames.push(frame([203, 0, high, low], &step, time));
        }
    }
    // The capture goes on for long enough.
    let end = frames.iter().map(|frame| frame.time).max().unwrap() + 60_000 * MILLISECOND;
    frames.push(frame([203, 0, 255, 255], &(true, 0, SYN, (0, 0), &[], 1), end));
    frames.sort_by_key(|frame| frame.time);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flood.pcapng");
    fs::write(&path, file::pcapng(&frames)).unwrap();
    let report = analyze(&Options { inputs: vec![path], ..Options::default() }).unwrap();
    assert!(report.groups.iter().map(|group| group.count).sum::<u64>() > u64::from(FLOWS) / 4);
    let mut counts: BTreeMap<Option<String>, u64> = BTreeMap::new();
    for incident in &report.incidents {
        *counts.entry(incident.verdict.cause.map(str::to_owned)).or_default() += 1;
    }
    for group in &report.groups {
        *counts.entry(group.cause.map(str::to_owned)).or_default() += group.count;
    }
    counts
}

#[test]
fn what_lasts_longer_than_a_limit_is_not_taken_for_what_does_not() {
    // Data that is sent again in vain, for a second or for less.
    let counts = causes(|number| {
        let gap = if number % 2 == 0 { 340 } else { 330 } * MILLISECOND;
        let again = |id| (true, gap, PUSH | ACK, (1, 1), &REQUEST[..], id);
        [handshake(), vec![again(4), again(5), again(6)]].concat()
    });
    let dropped = Some("data-dropped-after-handshake".to_owned());
    assert_eq!(counts.get(&dropped), Some(&u64::from(FLOWS / 2)), "{counts:?}");
}

#[test]
fn who_goes_on_behind_his_own_reset_speaks_for_himself_alone() {
    // What was under way when the server reset comes at once; of one connection it comes far too late for that.
    let counts = causes(|number| {
        let late = if number == FLOWS / 2 + 100 { 20 * MILLISECOND } else { MILLISECOND / 5 };
        let rest = vec![
            (false, MILLISECOND, RST | ACK, (1, 20), &[][..], 2),
            (false, late, ACK, (1, 20), &[][..], 2),
        ];
        [handshake(), rest].concat()
    });
    let forged = Some("rst-injected".to_owned());
    assert_eq!(counts.get(&forged), Some(&1), "{counts:?}");
}
