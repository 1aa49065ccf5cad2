//! Files that change while the program reads them: no signal ends it, and what it then says is said as what it is.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test stops with its reason"
)]

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use super::support::capture::file::{self, Frame};
use super::support::capture::read;

/// A capture of a size that takes a while to read: a sample, over and over, an hour later each time.
fn large() -> Vec<u8> {
    let bytes = fs::read("samples/healthy-windows-nla/capture.pcapng").unwrap();
    let own: Vec<Frame> = read::frames(&bytes)
        .into_iter()
        .map(|frame| Frame { time: frame.time, data: frame.data.to_vec() })
        .collect();
    let size: usize = own.iter().map(|frame| frame.data.len() + 32).sum();
    let later = |times: i64| {
        own.iter().map(move |frame| Frame { time: frame.time + times * 3_600_000_000_000, ..frame.clone() })
    };
    let times = i64::try_from((24 << 20) / size).unwrap();
    file::pcapng(&(0..times).flat_map(later).collect::<Vec<_>>())
}

fn start(path: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_rdpscan"))
        .arg("analyze")
        .arg(path)
        .args(["--format", "json", "--quiet"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn end(child: Child) -> Output {
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.signal(), None, "ended by a signal: {output:?}");
    output
}

#[test]
fn a_file_that_is_shortened_while_it_is_mapped_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("capture.pcapng");
    let bytes = large();
    let mut told = 0;
    // How long it takes to begin depends on the machine: earlier and later, until it was in the middle of it.
    for wait in [5, 20, 50, 100, 200, 400, 800, 1600, 3200] {
        fs::write(&path, &bytes).unwrap();
        let child = start(&path);
        std::thread::sleep(Duration::from_millis(wait));
        File::options().write(true).open(&path).unwrap().set_len(100_000).unwrap();
        let output = end(child);
        let says = String::from_utf8_lossy(&output.stderr).into_owned();
        match output.status.code() {
            // Too early or too late.
            Some(0) => {}
            Some(2) => {
                assert!(says.contains("became shorter") && says.contains("--no-mmap"), "{says}");
                assert!(output.stdout.is_empty(), "no report is made of it");
                told += 1;
            }
            other => panic!("{other:?}: {says}"),
        }
        if told > 1 {
            return;
        }
    }
    assert!(told > 0, "never shortened in the middle of it");
}

#[test]
fn a_file_that_is_replaced_or_goes_on_growing_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("capture.pcapng");
    let other = folder.path().join("other.pcapng");
    let bytes = large();
    for wait in [30, 300] {
        fs::write(&path, &bytes).unwrap();
        fs::write(&other, &bytes[..200_000]).unwrap();
        let child = start(&path);
        std::thread::sleep(Duration::from_millis(wait));
        fs::rename(&other, &path).unwrap();
        assert_eq!(end(child).status.code(), Some(0), "another file under its name is another file");

        fs::write(&path, &bytes).unwrap();
        let child = start(&path);
        std::thread::sleep(Duration::from_millis(wait));
        let mut file = File::options().append(true).open(&path).unwrap();
        std::io::Write::write_all(&mut file, &bytes[..200_000]).unwrap();
        drop(file);
        assert_eq!(end(child).status.code(), Some(0));
    }
}
