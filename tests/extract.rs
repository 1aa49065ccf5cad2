//! The frames of an incident: as they were, enough to come to the same verdict, and readable by others.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test stops with its reason"
)]

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use rdpscan::extract::{Order, Refusal};
use rdpscan::report::model::{Incident, Verdict};
use rdpscan::{Options, Report};

use super::samples;
use super::support::capture::file::{self, Frame};
use super::support::capture::read;

/// What must stay the same.
fn judgement(verdict: &Verdict) -> (&'static str, Option<&'static str>, Option<&'static str>) {
    (verdict.kind, verdict.cause, verdict.strength)
}

/// The extract of an incident, with the sources that are no captures.
fn extracted(options: &Options, report: &Report, incident: u32, folder: &Path) -> Option<Options> {
    let order = Order { incident, secrets: false };
    let extraction = match rdpscan::extract(options, order).unwrap() {
        Ok(extraction) => extraction,
        Err(Refusal::NoFrames(_)) => return None,
        Err(refusal) => panic!("{refusal}"),
    };
    let mut inputs: Vec<PathBuf> = Vec::new();
    for nth in 0..extraction.captures().count() {
        let file = folder.join(format!("{nth}.pcapng"));
        let written = extraction.write(nth, File::create(&file).unwrap()).unwrap();
        assert!(written.frames > 0, "{report:?}");
        inputs.push(file);
    }
    let is_capture = |path: &PathBuf| {
        let shown = path.display().to_string();
        report.sources.iter().any(|source| source.path == shown && source.kind == "capture")
    };
    inputs.extend(options.inputs.iter().filter(|path| !is_capture(path)).cloned());
    Some(Options { inputs, ..options.clone() })
}

fn same(report: &Report, incident: &Incident) -> bool {
    let wanted = judgement(&incident.verdict);
    report.incidents.iter().any(|own| own.server == incident.server && judgement(&own.verdict) == wanted)
}

/// Verdicts that rest on more than the incident, so that less is left of them: other connections showed how far the
/// clock of a log is, which addresses are translated, that the server answers others, or that many sources guess.
const REST_ON_OTHERS: [&str; 6] = [
    "bad-password--nat-ports",
    "brute-force-storm--many-sources",
    "firewall-drop--two-captures",
    "host-asleep--with-log",
    "rst-injected--both-sides",
    "too-many-incomplete-connections--no-1006",
];

/// Whether what came of it says less, and nothing else.
fn less(report: &Report, incident: &Incident) -> bool {
    report
        .incidents
        .iter()
        .all(|own| own.verdict.kind != "cause" || own.verdict.cause == incident.verdict.cause)
}

#[test]
fn the_extract_of_every_sample_is_judged_the_same() {
    let mut complaints = Vec::new();
    let mut count = 0;
    for sample in samples::all() {
        let report = sample.report.as_ref().unwrap();
        for incident in &report.incidents {
            let folder = tempfile::tempdir().unwrap();
            let Some(options) = extracted(&sample.options, report, incident.id, folder.path()) else {
                continue;
            };
            count += 1;
            let again = rdpscan::analyze(&options).unwrap();
            let rests = REST_ON_OTHERS.contains(&sample.name.as_str());
            if !(same(&again, incident) || rests && less(&again, incident)) {
                let got: Vec<_> = again.incidents.iter().map(|own| judgement(&own.verdict)).collect();
                let wanted = judgement(&incident.verdict);
                complaints.push(format!("{} {}: {wanted:?} became {got:?}", sample.name, incident.id));
            }
        }
    }
    assert!(count > 250, "only {count} incidents were extracted");
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

const SAMPLE: &str = "samples/bad-password--windows";
const SECRETS: &[u8] = b"CLIENT_RANDOM 00 11\n";

/// The sample's frames in a big-endian file: the second of two interfaces, a comment and flags on each frame, secrets.
fn big_endian() -> Vec<u8> {
    let block = |out: &mut Vec<u8>, kind: u32, body: &[u8]| {
        let body = [body, &[0, 0, 0][..body.len().next_multiple_of(4) - body.len()]].concat();
        let length = u32::try_from(body.len() + 12).unwrap().to_be_bytes();
        for part in [&kind.to_be_bytes()[..], &length, &body, &length] {
            out.extend_from_slice(part);
        }
    };
    let mut out = Vec::new();
    let section = [&[0x1a, 0x2b, 0x3c, 0x4d, 0, 1, 0, 0][..], &[0xff; 8]].concat();
    block(&mut out, 0x0a0d_0d0a, &section);
    block(&mut out, 1, &[0, 101, 0, 0, 0, 0, 0, 0]);
    // Ethernet, snap length 2048; name eth7; stamps of 2^-20 s, an hour less than they are.
    let mut interface = vec![0, 1, 0, 0, 0, 0, 8, 0];
    interface.extend([0, 2, 0, 4]);
    interface.extend(b"eth7");
    interface.extend([0, 9, 0, 1, 0x94, 0, 0, 0, 0, 14, 0, 8]);
    interface.extend(3600_i64.to_be_bytes());
    interface.extend([0; 4]);
    block(&mut out, 1, &interface);
    let key_log = [b"TLSK", &u32::try_from(SECRETS.len()).unwrap().to_be_bytes()[..], SECRETS].concat();
    block(&mut out, 10, &key_log);
    let capture = fs::read(format!("{SAMPLE}/capture.pcapng")).unwrap();
    for frame in read::frames(&capture) {
        let ticks = (i128::from(frame.time) - 3_600_000_000_000) * (1 << 20) / 1_000_000_000;
        let ticks = u64::try_from(ticks).unwrap().to_be_bytes();
        let length = u32::try_from(frame.data.len()).unwrap().to_be_bytes();
        let mut body = [&[0, 0, 0, 1][..], &ticks, &length, &length, frame.data].concat();
        body.resize(body.len().next_multiple_of(4), 0);
        body.extend(b"\0\x01\0\x04seen\0\x02\0\x04\0\0\0\x01\0\0\0\0");
        block(&mut out, 6, &body);
    }
    out
}

fn written(bytes: &[u8], secrets: bool) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("in");
    fs::write(&file, bytes).unwrap();
    let options = Options { inputs: vec![file], ..Options::default() };
    let extraction = rdpscan::extract(&options, Order { incident: 1, secrets }).unwrap().unwrap();
    let mut out = Vec::new();
    let written = extraction.write(0, &mut out).unwrap();
    assert!(written.proofs > 0);
    out
}

fn holds(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}

#[test]
fn frames_of_any_container_are_as_they_were() {
    let capture = fs::read(format!("{SAMPLE}/capture.pcapng")).unwrap();
    let plain: Vec<Frame> = read::frames(&capture)
        .iter()
        .map(|frame| Frame { time: frame.time, data: frame.data.to_vec() })
        .collect();
    let (pcap, pcapng) = (file::pcap(&plain), file::pcapng(&plain));
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&pcapng).unwrap();
    let gzip = gzip.finish().unwrap();
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(u64::try_from(pcap.len()).unwrap());
    header.set_mode(0o644);
    header.set_cksum();
    tar.append_data(&mut header, "folder/a.pcap", &*pcap).unwrap();
    let tar = tar.into_inner().unwrap();
    for (source, container) in [(&pcap, &pcap), (&pcapng, &pcapng), (&pcapng, &gzip), (&pcap, &tar)] {
        let out = written(container, false);
        let (before, after) = (read::frames(source), read::frames(&out));
        assert!(after.len() > 10);
        let mut rest = before.iter();
        for frame in &after {
            assert!(
                rest.any(|own| own.time == frame.time && own.data == frame.data && own.link == frame.link)
            );
        }
    }
}

#[test]
fn byte_order_resolution_offset_comments_and_flags_are_kept() {
    let source = big_endian();
    let out = written(&source, false);
    assert!(holds(&out, b"\x02\0\x04\0eth7\x09\0\x01\0\x94\0\0\0\x0e\0\x08\0\x10\x0e\0\0\0\0\0\0"));
    assert!(holds(&out, b"\x01\0\x04\0seen"));
    assert!(holds(&out, b"\x02\0\x04\0\x01\0\0\0"), "flags in the byte order of the file");
    assert!(holds(&out, b"of the capture)"), "no comment on what a frame proves");
    assert!(!holds(&out, SECRETS), "secrets that nobody asked for");
    assert!(holds(&written(&source, true), SECRETS));
    // An interface that has no frame is not described.
    assert!(!holds(&out, &[1, 0, 0, 0, 32, 0, 0, 0, 101]));
}

/// What tshark says of a file; nothing where there is no tshark.
fn tshark(file: &Path, args: &[&str]) -> Option<String> {
    let shown = Command::new("tshark").arg("-r").arg(file).args(args).output().ok()?;
    assert!(shown.status.success(), "{}", String::from_utf8_lossy(&shown.stderr));
    Some(String::from_utf8(shown.stdout).unwrap())
}

#[test]
fn tshark_reads_it_alike() {
    let folder = tempfile::tempdir().unwrap();
    let (before, after) = (folder.path().join("before.pcapng"), folder.path().join("after.pcapng"));
    let source = big_endian();
    fs::write(&before, &source).unwrap();
    fs::write(&after, written(&source, true)).unwrap();
    let fields = ["-T", "fields", "-e", "frame.time_epoch", "-e", "frame.len", "-e", "frame.interface_name"];
    let Some(all) = tshark(&before, &fields) else {
        println!("skipped: no tshark here");
        return;
    };
    let own = tshark(&after, &fields).unwrap();
    let mut rest = all.lines();
    assert!(own.lines().count() > 10);
    for line in own.lines() {
        assert!(rest.any(|other| other == line), "{line}");
    }
    let commented = tshark(&after, &["-Y", "frame.comment contains \"of the capture\""]).unwrap();
    assert!(commented.lines().count() > 0);
}

#[test]
fn the_command_writes_a_file_and_a_pipe() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.pcapng");
    let run = |args: &[&std::ffi::OsStr]| {
        Command::new(env!("CARGO_BIN_EXE_rdpscan"))
            .args(["extract", "--incident", "1", SAMPLE])
            .args(args)
            .output()
            .unwrap()
    };
    let done = run(&["-o".as_ref(), file.as_os_str()]);
    assert!(done.status.success() && done.stdout.is_empty());
    assert!(String::from_utf8_lossy(&done.stderr).contains("with a comment, written to"));
    let piped = run(&[]);
    assert_eq!(piped.stdout, fs::read(&file).unwrap());
    let none = run(&["--server".as_ref(), "192.0.2.77".as_ref()]);
    assert_eq!(none.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&none.stderr).contains("there is no incident 1; there are 0"));
}

#[test]
fn an_incident_that_is_not_there_is_refused() {
    let options = Options { inputs: vec!["samples/healthy-tls".into()], ..Options::default() };
    let refused = rdpscan::extract(&options, Order { incident: 7, secrets: false }).unwrap();
    assert_eq!(refused.unwrap_err(), Refusal::NoSuchIncident { wanted: 7, there: 1 });
}
