//! Event logs whose records are made to be tiresome, beside sound ones.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Outcome, borne, scaled};

/// Where what a record holds begins in its chunk.
const BODY: u32 = 512 + 24;
const HEADER: [u8; 4] = [0x0f, 1, 1, 0];

fn word(value: u32) -> [u8; 4] {
    value.to_le_bytes()
}

fn place(body: &[u8]) -> u32 {
    BODY + u32::try_from(body.len()).unwrap()
}

/// A reference to a name and, right behind it, the name. Gives where it stands.
fn name(body: &mut Vec<u8>, text: &str) -> u32 {
    let at = place(body) + 4;
    body.extend(word(at));
    body.extend([0; 6]);
    body.extend(u16::try_from(text.len()).unwrap().to_le_bytes());
    body.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
    body.extend([0; 2]);
    at
}

/// An element that is opened, and another in it, and so on.
fn nested(depth: usize) -> Vec<u8> {
    let mut body = HEADER.to_vec();
    body.extend([1, 0, 0, 0, 0]);
    let event = name(&mut body, "Event");
    let one = [&[1, 0, 0, 0, 0][..], &word(event)].concat();
    body.extend(one.repeat(depth));
    body
}

/// Attributes by the thousand, each with a name of its own that overlaps with those of the others.
fn names() -> Vec<u8> {
    let mut body = HEADER.to_vec();
    body.extend([0x41, 0, 0, 0, 0]);
    name(&mut body, "Event");
    body.extend(word(0));
    let from = BODY + 30_000;
    let attributes = (0..5000_u32).flat_map(|n| [&[6][..], &word(from + 2 * n)].concat());
    body.extend(attributes.collect::<Vec<u8>>());
    body.resize(60_000, 0x20);
    body
}

/// A template in whose body stands what `inside` writes, and the instance of it with a value of BinXML that names the
/// same template, with such a value again, so many times.
fn of_template(depth: usize, inside: impl Fn(&mut Vec<u8>, u32)) -> Vec<u8> {
    let mut body = HEADER.to_vec();
    body.extend([0x0c, 1, 9, 9, 9, 9]);
    let template = place(&body) + 4;
    body.extend(word(template));
    // The next template is this one.
    body.extend(word(template));
    body.extend([7; 16]);
    let size_at = body.len();
    body.extend(word(0));
    body.extend(HEADER);
    body.extend([1, 0xff, 0xff, 0, 0, 0, 0]);
    name(&mut body, "Event");
    body.push(2);
    inside(&mut body, template);
    body.extend([4, 0]);
    let size = u32::try_from(body.len() - size_at - 4).unwrap();
    body[size_at..size_at + 4].copy_from_slice(&word(size));
    let mut value = HEADER.to_vec();
    for _ in 0..depth {
        let outer = [&HEADER[..], &[0x0c, 1, 9, 9, 9, 9], &word(template), &values(&value)].concat();
        value = outer;
    }
    body.extend(values(&value));
    body
}

/// One value of BinXML.
fn values(value: &[u8]) -> Vec<u8> {
    let size = u16::try_from(value.len()).unwrap().to_le_bytes();
    [&word(1)[..], &size, &[0x21, 0], value].concat()
}

/// The chunk of a log that holds nothing but this in its one record.
fn chunk(body: &[u8]) -> Vec<u8> {
    assert!(body.len() <= 65_536 - 512 - 28, "{}", body.len());
    rdpscan::oracle::log_of_record(body)[4096..].to_vec()
}

/// Many chunks of the attack around those of the sample.
fn borne_log(name: &str, body: &[u8]) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let sample = Path::new("samples/bad-password--windows");
    let [capture, log] = ["capture.pcapng", "events.evtx"].map(|file| sample.join(file));
    let own = fs::read(&log).unwrap();
    let attack = chunk(body).repeat(scaled(200, 10));
    let path: PathBuf = folder.path().join("attack.evtx");
    fs::write(&path, [&own[..4096], &attack, &own[4096..], &attack].concat()).unwrap();
    borne(name, &[capture.clone(), path], &[capture, log])
}

#[test]
fn elements_nested_as_deep_as_a_chunk_can_hold() {
    for depth in [63, 64, 65, 1000, 7000] {
        borne_log(&format!("nested {depth}"), &nested(depth));
    }
}

#[test]
fn names_that_overlap() {
    borne_log("names", &names());
}

#[test]
fn a_template_that_refers_to_itself() {
    // By its values: each holds an instance of it again.
    let value = |body: &mut Vec<u8>, _| body.extend([0x0d, 0, 0, 0x21]);
    for depth in [7, 8, 9, 1000] {
        borne_log(&format!("template in its value, {depth}"), &of_template(depth, value));
    }
    // Twice in each: without a bound of depth or cost it would be two to the power of a thousand.
    let twice = |body: &mut Vec<u8>, _| body.extend([0x0d, 0, 0, 0x21].repeat(2));
    borne_log("template twice in its value", &of_template(1000, twice));
    let often = |body: &mut Vec<u8>, _| body.extend([0x0d, 0, 0, 0x21].repeat(1000));
    borne_log("template often in its value", &of_template(1000, often));
    // By itself: an instance of it stands in its own body.
    let own = |body: &mut Vec<u8>, template| {
        body.extend([0x0c, 1, 9, 9, 9, 9]);
        body.extend(word(template));
        body.extend(word(0));
    };
    borne_log("template in itself", &of_template(3, own));
}

#[test]
fn values_that_are_named_again_and_again() {
    // A list of thousands of empty texts, of which each naming makes thousands of fields.
    let inside = |body: &mut Vec<u8>, _| {
        body.extend([1, 0xff, 0xff, 0, 0, 0, 0]);
        name(body, "EventData");
        body.push(2);
        for _ in 0..1000 {
            body.extend([1, 0xff, 0xff, 0, 0, 0, 0]);
            name(body, "Data");
            body.extend([2, 0x0d, 0, 0, 0x81, 4]);
        }
        body.push(4);
    };
    let mut body = of_template(0, inside);
    // The value that was BinXML becomes a list of texts.
    body.truncate(body.len() - 8);
    body.extend(u16::try_from(20_000).unwrap().to_le_bytes());
    body.extend([0x81, 0]);
    body.resize(body.len() + 20_000, 0);
    borne_log("a list named a thousand times", &body);
}
