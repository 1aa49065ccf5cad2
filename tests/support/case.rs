//! A sample's `case.md`: finds the fenced blocks of shorthand and makes the files of the folder from them.
//!
//! Knows Markdown fences and file names; what the lines mean stands in `case/`.

pub mod events;
pub mod packets;
#[cfg(test)]
mod tests;

use super::capture::read::connections;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// A file made from shorthand: its name in the sample's folder, its bytes.
pub type Made = (String, Vec<u8>);

/// Folders of `samples/` that hold a `case.md`, in order.
pub fn folders() -> Vec<PathBuf> {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let Ok(entries) = fs::read_dir(samples) else { return Vec::new() };
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.join("case.md").exists())
        .collect();
    found.sort();
    found
}

/// Every file that the shorthand of this folder gives; none when `case.md` holds none.
pub fn build(folder: &Path) -> Vec<Made> {
    build_where(folder, &|_| true)
}

/// The same, with only those lines of logs that `keep` wants.
pub fn build_where(folder: &Path, keep: &dyn Fn(&str) -> bool) -> Vec<Made> {
    let text = fs::read_to_string(folder.join("case.md")).expect("a readable case.md");
    let name = folder.file_name().and_then(|name| name.to_str()).expect("a plain folder name");
    let mut made = Vec::new();
    for block in blocks(&text, "packets") {
        made.extend(packets::build(name, &block));
    }
    for mut block in blocks(&text, "events") {
        // The capture that the log is written over, where it is not the only one.
        let over = match block.first().and_then(|line| line.strip_prefix("over ")) {
            Some(file) => file.trim().to_owned(),
            None => "capture.".to_owned(),
        };
        block.retain(|line| !line.starts_with("over ") && keep(line));
        let capture = match made.iter().find(|(file, _)| file.starts_with(&over)) {
            Some((_, bytes)) => Some(bytes.clone()),
            None => fs::read(folder.join("capture.pcapng")).ok(),
        };
        let connections = capture.map(|bytes| connections(&bytes)).unwrap_or_default();
        made.extend(events::build(name, &block, &connections));
    }
    made
}

/// The lines of a folder's logs.
pub fn log_lines(folder: &Path) -> Vec<String> {
    let text = fs::read_to_string(folder.join("case.md")).unwrap_or_default();
    blocks(&text, "events").into_iter().flatten().collect()
}

/// The lines of every fenced block with this word, without comments and empty lines.
fn blocks(text: &str, word: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut open: Option<Vec<String>> = None;
    for line in text.lines() {
        match (&mut open, line.trim()) {
            (Some(_), "```") => found.extend(open.take()),
            (Some(lines), content) => {
                let content = strip_comment(content);
                if !content.is_empty() {
                    lines.push(content.to_owned());
                }
            }
            (None, fence) if fence.strip_prefix("```") == Some(word) => open = Some(Vec::new()),
            _ => {}
        }
    }
    assert!(open.is_none(), "a ```{word} block is not closed");
    found
}

/// A comment starts with `#` at the beginning of a line or after two blanks.
fn strip_comment(line: &str) -> &str {
    if line.starts_with('#') {
        return "";
    }
    line.find("  #").map_or(line, |at| &line[..at]).trim_end()
}

/// Splits at blanks; double quotes hold blanks together and vanish.
pub fn words(line: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut word = String::new();
    let mut quoted = false;
    let mut any = false;
    for c in line.chars() {
        match c {
            '"' => {
                quoted = !quoted;
                any = true;
            }
            c if c.is_whitespace() && !quoted => {
                if any {
                    out.push(std::mem::take(&mut word));
                    any = false;
                }
            }
            c => {
                word.push(c);
                any = true;
            }
        }
    }
    assert!(!quoted, "a quote is not closed: {line}");
    if any {
        out.push(word);
    }
    out
}

/// The value of `name=value` among the words.
pub fn option<'a>(words: &'a [String], name: &str) -> Option<&'a str> {
    words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
}

/// Writes the files of all samples: `RDPSCAN_WRITE_SAMPLES=1 cargo test --test main write_samples -- --ignored`.
#[test]
#[ignore = "writes into samples/; run it with RDPSCAN_WRITE_SAMPLES=1"]
fn write_samples() {
    assert!(std::env::var_os("RDPSCAN_WRITE_SAMPLES").is_some(), "set RDPSCAN_WRITE_SAMPLES=1 to write");
    for folder in folders() {
        for (file, bytes) in build(&folder) {
            let path = folder.join(&file);
            if fs::read(&path).ok().as_deref() != Some(&bytes) {
                fs::write(&path, &bytes).unwrap();
                println!("wrote {}", path.display());
            }
        }
    }
}

#[test]
fn committed_samples_equal_their_shorthand() {
    let mut stale = Vec::new();
    for folder in folders() {
        for (file, bytes) in build(&folder) {
            let path = folder.join(&file);
            if fs::read(&path).ok().as_deref() != Some(&bytes) {
                stale.push(path);
            }
        }
    }
    assert!(
        stale.is_empty(),
        "not what case.md says, write them again (see tests/support/README.md): {stale:#?}"
    );
}

/// The captures inside a sample's archives.
fn zipped_captures(folder: &Path) -> Vec<Vec<u8>> {
    let mut captures = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension() != Some("zip".as_ref()) {
            continue;
        }
        let mut archive = zip::ZipArchive::new(fs::File::open(path).unwrap()).unwrap();
        for at in 0..archive.len() {
            let mut member = archive.by_index(at).unwrap();
            if member.name().unwrap().ends_with(".pcapng") {
                let mut bytes = Vec::new();
                member.read_to_end(&mut bytes).unwrap();
                captures.push(bytes);
            }
        }
    }
    captures
}

/// What an expectation cites must exist: frames of the capture, records of the logs.
#[test]
fn expectations_cite_what_exists() {
    for folder in folders() {
        let Ok(text) = fs::read_to_string(folder.join("case.toml")) else { continue };
        let captures = ["capture.pcapng", "client.pcapng", "server.pcapng"];
        let frames = captures
            .iter()
            .filter_map(|file| fs::read(folder.join(file)).ok())
            .chain(zipped_captures(&folder))
            .map(|bytes| super::capture::read::frames(&bytes).len())
            .max()
            .unwrap_or(0);
        for line in text.lines() {
            let Some((key, list)) = line.split_once('=') else { continue };
            let items =
                list.split('#').next().unwrap().trim().trim_matches(['[', ']']).split(',').map(str::trim);
            for item in items.filter(|item| !item.is_empty()) {
                match key.trim() {
                    "frames" => {
                        let number: usize = item.parse().unwrap();
                        assert!((1..=frames).contains(&number), "{}: frame {number}", folder.display());
                    }
                    "records" => {
                        let (file, id) = item.trim_matches('"').rsplit_once(':').unwrap();
                        let mut log = evtx::EvtxParser::from_path(folder.join(file)).unwrap();
                        let id: u64 = id.parse().unwrap();
                        let known = log.records().any(|record| record.unwrap().event_record_id == id);
                        assert!(known, "{}: {item}", folder.display());
                    }
                    _ => {}
                }
            }
        }
    }
}

/// Wireshark's own view of the written captures: no wrong checksum, nothing malformed, nothing retransmitted unmeant.
#[test]
fn written_captures_are_clean_for_tshark() {
    use std::process::Command;
    if Command::new("tshark").arg("-v").output().is_err() {
        println!("skipped: tshark is not on PATH");
        return;
    }
    for folder in folders() {
        let made = build(&folder);
        let Some((file, _)) = made.iter().find(|(file, _)| file.starts_with("capture.")) else { continue };
        // TLS begins in mid-stream behind two X.224 messages: Wireshark has to be told to read it.
        let mut command = Command::new("tshark");
        command.arg("-r").arg(folder.join(file)).args(["-d", "tcp.port==3389,tls"]);
        for preference in ["ip.check_checksum", "tcp.check_checksum", "udp.check_checksum"] {
            command.args(["-o", &format!("{preference}:TRUE")]);
        }
        let bad = "_ws.malformed || ip.checksum.status==Bad || tcp.checksum.status==Bad || udp.checksum.status==Bad \
                   || tls.ignored_unknown_record || tcp.analysis.lost_segment || tcp.analysis.ack_lost_segment \
                   || tcp.analysis.out_of_order";
        let output = command.args(["-Y", bad]).output().unwrap();
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && shown.is_empty(), "{}:\n{shown}", folder.display());
    }
}

#[test]
fn words_keep_quoted_blanks() {
    assert_eq!(words(r#"a  Name="two words" b="" "#), ["a", "Name=two words", "b="]);
    assert_eq!(
        strip_comment("c1 +0 RdpCoreTS/65 ConnectionName=RDP-Tcp#5  # note"),
        "c1 +0 RdpCoreTS/65 ConnectionName=RDP-Tcp#5"
    );
}
