//! How a capture is cut up, by how many threads, and in which wrapping it comes: nothing of it changes the report.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test stops with its reason"
)]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rdpscan::report::{Format, Style, render};
use rdpscan::{Options, Report};
use serde_json::Value;

use super::support::capture::file::{self, Frame};
use super::support::capture::read;
use super::{public_data, samples};

/// Bytes of a range: a block or two, a few blocks, the whole file.
const RANGES: [usize; 3] = [1 << 10, 7 << 10, 1 << 40];
const THREADS: [usize; 3] = [1, 2, 4];

fn json(options: &Options) -> String {
    match samples::analysed(options) {
        Ok(report) => render(&report, Format::Json, Style::default()),
        Err(error) => error,
    }
}

/// Complains where ranges or threads change the report.
fn vary(name: &str, options: &Options, complaints: &mut Vec<String>) {
    let usual = json(options);
    for range in RANGES {
        for threads in THREADS {
            let other = json(&Options { range_size: Some(range), threads: Some(threads), ..options.clone() });
            if other != usual {
                let what = samples::first_difference(Path::new(name), &usual, &other);
                complaints.push(format!("ranges of {range}, {threads} threads: {what}"));
                return;
            }
        }
    }
}

fn alone(path: &Path) -> Options {
    Options { inputs: vec![path.to_owned()], ..Options::default() }
}

fn none(complaints: &[String]) {
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

#[test]
fn samples_read_the_same_in_any_ranges() {
    let mut complaints = Vec::new();
    for sample in samples::all() {
        vary(&sample.name, &sample.options, &mut complaints);
    }
    none(&complaints);
}

#[test]
fn public_captures_read_the_same_in_any_ranges() {
    let Some(folder) = public_data::folder() else { return };
    let mut complaints = Vec::new();
    let mut count = 0;
    for entry in fs::read_dir(folder.join("truth")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let name = name.strip_suffix(".tsv").unwrap();
        vary(name, &alone(&folder.join("pcap").join(name)), &mut complaints);
        count += 1;
    }
    // Containers of every kind: sections, interfaces, obsolete blocks, both byte orders.
    for entry in fs::read_dir(folder.join("pcap")).unwrap() {
        let path = entry.unwrap().path();
        if path.to_string_lossy().contains("pcapng-test-generator") {
            vary(&path.display().to_string(), &alone(&path), &mut complaints);
            count += 1;
        }
    }
    println!("{count} captures");
    none(&complaints);
}

/// A sample's Ethernet frames.
fn frames(sample: &str) -> Vec<Frame> {
    let bytes = fs::read(format!("samples/{sample}/capture.pcapng")).unwrap();
    let frames: Vec<Frame> = read::frames(&bytes)
        .into_iter()
        .filter(|frame| frame.link == 1)
        .map(|frame| Frame { time: frame.time, data: frame.data.to_vec() })
        .collect();
    assert!(frames.len() > 5, "{sample}");
    frames
}

/// A frame of a protocol that nobody knows, with these bytes in it.
fn carrier(time: i64, content: &[u8]) -> Frame {
    let header = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5];
    Frame { time, data: [&header[..], content].concat() }
}

fn report(path: &Path) -> Report {
    samples::analysed(&alone(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A file name and the writer of its format.
type Container = (&'static str, fn(&[Frame]) -> Vec<u8>);
const CONTAINERS: [Container; 2] = [("a.pcapng", file::pcapng), ("a.pcap", file::pcap)];

#[test]
fn a_capture_inside_a_capture_is_only_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let outer = frames("bad-password--windows");
    let inside = frames("neg-failure-4-inconsistent-flags");
    // Long enough that many ranges begin inside of it: what they find there looks right in every way.
    let many: Vec<Frame> = inside.iter().cycle().take(1500).cloned().collect();
    let mut complaints = Vec::new();
    for (name, write) in CONTAINERS {
        let path = folder.path().join(name);
        fs::write(&path, write(&outer)).unwrap();
        let plain = report(&path);
        for content in [file::pcapng(&many), file::pcap(&many)] {
            assert!(content.len() > 100_000 && content.len() < 250_000, "{}", content.len());
            let last = outer.last().unwrap().time;
            let mut frames = outer.clone();
            frames.push(carrier(last, &content));
            fs::write(&path, write(&frames)).unwrap();
            let found = report(&path);
            assert_eq!(found.sources[0].frames, Some(u64::try_from(frames.len()).unwrap()), "{name}");
            let [verdicts, expected] = [&found, &plain]
                .map(|report| report.incidents.iter().map(samples::one_line).collect::<Vec<_>>());
            assert_eq!(verdicts, expected, "{name}: the inner capture must not be seen");
            vary(name, &alone(&path), &mut complaints);
            // In the middle as well, where the ranges after it must be found again.
            let middle = frames.len() / 2;
            let carried = frames.pop().unwrap();
            frames.insert(middle, Frame { time: frames[middle].time, ..carried });
            fs::write(&path, write(&frames)).unwrap();
            assert_eq!(report(&path).connections.len(), plain.connections.len(), "{name}");
            vary(name, &alone(&path), &mut complaints);
        }
    }
    none(&complaints);
}

/// A big-endian pcapng section with one Ethernet interface, times in microseconds.
fn big_endian(frames: &[Frame]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut block = |kind: u32, body: &[u8]| {
        let length = u32::try_from(body.len().next_multiple_of(4) + 12).unwrap().to_be_bytes();
        out.extend_from_slice(&kind.to_be_bytes());
        out.extend_from_slice(&length);
        out.extend_from_slice(body);
        out.resize(out.len().next_multiple_of(4), 0);
        out.extend_from_slice(&length);
    };
    let section = [&0x1a2b_3c4d_u32.to_be_bytes()[..], &[0, 1, 0, 0], &[0xff; 8]].concat();
    block(0x0a0d_0d0a, &section);
    block(1, &[0, 1, 0, 0, 0, 4, 0, 0]);
    for frame in frames {
        let time = u64::try_from(frame.time / 1000).unwrap().to_be_bytes();
        let length = u32::try_from(frame.data.len()).unwrap().to_be_bytes();
        block(6, &[&[0; 4][..], &time, &length, &length, &frame.data].concat());
    }
    out
}

#[test]
fn a_section_of_the_other_byte_order_goes_on_in_the_same_way() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sections.pcapng");
    let micros = |name: &str| -> Vec<Frame> {
        let whole = |frame: Frame| Frame { time: frame.time / 1000 * 1000, ..frame };
        frames(name).into_iter().map(whole).collect()
    };
    let [first, second, third] =
        ["neg-failure-4-inconsistent-flags", "bad-password--windows", "healthy-windows-nla"].map(micros);
    fs::write(&path, [file::pcapng(&first), file::pcapng(&second), file::pcapng(&third)].concat()).unwrap();
    let same = report(&path);
    assert_eq!(same.sources[0].interfaces, Some(3));
    assert!(same.connections.len() >= 3);
    fs::write(&path, [file::pcapng(&first), big_endian(&second), file::pcapng(&third)].concat()).unwrap();
    let mixed = report(&path);
    let [same, mixed] = [&same, &mixed].map(|report| render(report, Format::Json, Style::default()));
    assert!(same == mixed, "{}", samples::first_difference(&path, &same, &mixed));
    let mut complaints = Vec::new();
    vary("sections.pcapng", &alone(&path), &mut complaints);
    none(&complaints);
}

/// The report without what names the wrapping.
fn unwrapped(report: &str) -> Value {
    let mut report: Value = serde_json::from_str(report).unwrap();
    for source in report["sources"].as_array_mut().unwrap() {
        let source = source.as_object_mut().unwrap();
        source.remove("path").unwrap();
        source.remove("format").unwrap();
    }
    report
}

#[test]
fn a_file_reads_the_same_compressed_from_a_pipe_and_by_position() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["bad-password--windows", "healthy-windows-nla"] {
        let path = PathBuf::from(format!("samples/{name}/capture.pcapng"));
        let bytes = fs::read(&path).unwrap();
        let plain = unwrapped(&json(&alone(&path)));
        assert!(!plain["connections"].as_array().unwrap().is_empty());

        let compressed = folder.path().join("capture.pcapng.gz");
        let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        writer.write_all(&bytes).unwrap();
        fs::write(&compressed, writer.finish().unwrap()).unwrap();
        assert_eq!(unwrapped(&json(&alone(&compressed))), plain, "{name} in gzip");

        let read = Options { no_mmap: true, ..alone(&path) };
        assert_eq!(unwrapped(&json(&read)), plain, "{name} by position");

        let mut child = Command::new(env!("CARGO_BIN_EXE_rdpscan"))
            .args(["analyze", "-", "--format", "json", "--quiet"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(&bytes).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        assert_eq!(unwrapped(&String::from_utf8(output.stdout).unwrap()), plain, "{name} from a pipe");
    }
}
