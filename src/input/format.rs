//! What a file is, by its first bytes, never by its name.

use crate::base::bytes::{array, u32_in, wrong_bits};

/// Formats that are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Classic capture file, any byte order and resolution.
    Pcap,
    /// Next-generation capture file.
    PcapNg,
    /// Windows event log.
    Evtx,
    /// A wrapper around one file.
    Compressed(Compression),
    /// A wrapper around several.
    Archive(Archive),
    /// Known, but to be converted by the user first.
    Foreign(Foreign),
    /// No bytes at all.
    Empty,
    /// Printable text.
    Text,
    /// Anything else.
    Unknown,
}

/// Compression of a single file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstandard,
}

/// Wrappers around several files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Archive {
    /// PKWARE's.
    Zip,
    /// POSIX.
    Tar,
    /// Microsoft's cabinet.
    Cab,
    /// 7-Zip's.
    SevenZip,
}

/// Captures and containers that this tool does not read, with the command that makes them readable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// What it is.
    pub name: &'static str,
    /// What to run.
    pub convert: &'static str,
}

impl Format {
    /// The word used in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pcap => "pcap",
            Self::PcapNg => "pcapng",
            Self::Evtx => "evtx",
            Self::Compressed(Compression::Gzip) => "gzip",
            Self::Compressed(Compression::Zstandard) => "zstd",
            Self::Archive(Archive::Zip) => "zip",
            Self::Archive(Archive::Tar) => "tar",
            Self::Archive(Archive::Cab) => "cab",
            Self::Archive(Archive::SevenZip) => "7z",
            Self::Foreign(foreign) => foreign.name,
            Self::Empty => "empty file",
            Self::Text => "text",
            Self::Unknown => "unknown format",
        }
    }

    /// Tells what begins with `head`. A few hundred bytes suffice.
    pub fn of(head: &[u8]) -> Self {
        if head.is_empty() {
            return Self::Empty;
        }
        for (magic, format) in MAGICS {
            if head.starts_with(magic) {
                return *format;
            }
        }
        // A frame to be skipped, which says nothing of the next: `pzstd` begins with one. [RFC 8878] 3.1.2
        if matches!(head, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..]) {
            return Self::Compressed(Compression::Zstandard);
        }
        // The digit is the size of a block.
        if matches!(head, [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, ..]) {
            return unpack("bzip2 file");
        }
        if is_damaged_pcap(head) {
            return Self::Pcap;
        }
        if is_damaged_pcapng(head) {
            return Self::PcapNg;
        }
        if is_etl(head) {
            return Self::Foreign(ETL);
        }
        if is_tar(head) {
            return Self::Archive(Archive::Tar);
        }
        if looks_like_text(head) { Self::Text } else { Self::Unknown }
    }
}

const ETL: Foreign = Foreign {
    name: "Windows trace (.etl)",
    convert: "convert it with: etl2pcapng.exe in.etl out.pcapng (netsh trace), or: pktmon etl2pcap in.etl --out out.pcapng",
};

const fn editcap(name: &'static str) -> Format {
    Format::Foreign(Foreign {
        name,
        convert: "convert it with: editcap -F pcapng IN OUT.pcapng (part of Wireshark)",
    })
}

const fn unpack(name: &'static str) -> Format {
    Format::Foreign(Foreign { name, convert: "unpack it first and give the folder" })
}

/// Classic captures: little- and big-endian with microseconds, with nanoseconds, and as "modified" libpcap writes them,
/// with 24-byte record headers.
const PCAP: [[u8; 4]; 6] = [
    [0xd4, 0xc3, 0xb2, 0xa1],
    [0xa1, 0xb2, 0xc3, 0xd4],
    [0x4d, 0x3c, 0xb2, 0xa1],
    [0xa1, 0xb2, 0x3c, 0x4d],
    [0x34, 0xcd, 0xb2, 0xa1],
    [0xa1, 0xb2, 0xcd, 0x34],
];

/// Longest magics need not come first: no entry is a prefix of another.
const MAGICS: &[(&[u8], Format)] = &[
    (&[0x0a, 0x0d, 0x0d, 0x0a], Format::PcapNg),
    (&PCAP[0], Format::Pcap),
    (&PCAP[1], Format::Pcap),
    (&PCAP[2], Format::Pcap),
    (&PCAP[3], Format::Pcap),
    (&PCAP[4], Format::Pcap),
    (&PCAP[5], Format::Pcap),
    (b"ElfFile\0", Format::Evtx),
    (&[0x1f, 0x8b, 0x08], Format::Compressed(Compression::Gzip)),
    (&[0x28, 0xb5, 0x2f, 0xfd], Format::Compressed(Compression::Zstandard)),
    (b"GMBU", editcap("Network Monitor 2 capture")),
    (b"RTSS", editcap("Network Monitor 1 capture")),
    (b"snoop\0\0\0", editcap("snoop capture")),
    (b"TRSNIFF data", editcap("Sniffer capture")),
    (b"XCP\0", editcap("NetXRay capture")),
    (b"\x7fver", editcap("EtherPeek capture")),
    (b"PK\x03\x04", Format::Archive(Archive::Zip)),
    (b"PK\x05\x06", Format::Archive(Archive::Zip)), // empty
    (b"PK\x07\x08", Format::Archive(Archive::Zip)), // once meant for several disks
    (b"MSCF", Format::Archive(Archive::Cab)),
    (b"7z\xbc\xaf\x27\x1c", Format::Archive(Archive::SevenZip)),
    (b"Rar!\x1a\x07", unpack("rar archive")),
    (b"\xfd7zXZ\0", unpack("xz file")),
    (
        b"LfLe",
        Format::Foreign(Foreign {
            name: "event log of Windows XP (.evt)",
            convert: "convert it with: wevtutil epl in.evt out.evtx /lf:true",
        }),
    ),
];

/// Whether one bit alone is wrong in the magic of a classic capture: behind it stands what all of them have, version 2.4,
/// no zone and no accuracy, and a first record with lengths that fit each other.
fn is_damaged_pcap(head: &[u8]) -> bool {
    const LITTLE: [u8; 12] = [2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    const BIG: [u8; 12] = [0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0];
    /// As long as a record may be.
    const LONGEST: u32 = 1 << 20;
    let (Some(magic), Some(common)) = (array(head, 0), array(head, 4)) else { return false };
    let big = common == BIG;
    let Some((captured, original)) = u32_in(head, 32, big).zip(u32_in(head, 36, big)) else { return false };
    let is_near = |own: &[u8; 4]| wrong_bits(*own, magic) == 1 && own.starts_with(&[0xa1]) == big;
    (big || common == LITTLE)
        && (1..=original).contains(&captured)
        && original <= LONGEST
        && PCAP.iter().any(is_near)
}

/// Whether a file begins with a section of which the type alone is damaged, or has a byte too many or too few: the magic
/// of its byte order stands there, and version 1.0 behind it. [draft-ietf-opsawg-pcapng] 4.1
fn is_damaged_pcapng(head: &[u8]) -> bool {
    const ORDERS: [[u8; 8]; 2] = [[0x1a, 0x2b, 0x3c, 0x4d, 0, 1, 0, 0], [0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0]];
    (7..=9).any(|at| array(head, at).is_some_and(|order| ORDERS.contains(&order)))
}

/// An ETL file starts with a WMI buffer header of 0x48 bytes; the first event in it is a system trace header,
/// whose version word and marker are fixed (evntrace.h, `SYSTEM_TRACE_HEADER`).
fn is_etl(head: &[u8]) -> bool {
    matches!(head.get(0x48..0x4c), Some([0x02, 0x00, 0x01 | 0x02, 0xc0]))
}

/// A tar header is told by its checksum: the sum of its bytes, with the checksum itself taken for blanks, in octal.
/// [POSIX pax] ustar interchange format
fn is_tar(head: &[u8]) -> bool {
    let (Some(header), Some(written)) = (head.get(..512), head.get(148..156)) else { return false };
    let digits: Vec<u8> = written.iter().copied().filter(u8::is_ascii_digit).collect();
    let Some(written) = std::str::from_utf8(&digits).ok().and_then(|text| u32::from_str_radix(text, 8).ok())
    else {
        return false;
    };
    let blanks = 148..156;
    let sum: u32 = header
        .iter()
        .zip(0..)
        .map(|(byte, at)| if blanks.contains(&at) { 32 } else { u32::from(*byte) })
        .sum();
    // The name comes first, and is not empty.
    sum == written && header.first().is_some_and(|first| *first != 0)
}

/// Printable in ASCII, UTF-8 or UTF-16, with no NUL outside of UTF-16.
fn looks_like_text(head: &[u8]) -> bool {
    if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) {
        return true;
    }
    let sample = head.get(..512).unwrap_or(head);
    if utf16_without_mark(head).is_some() {
        return true;
    }
    // Behind text of one byte there may be some in UTF-16.
    let wide = sample.iter().position(|byte| *byte == 0).map(|at| at.saturating_sub(1));
    let (narrow, wide) = sample.split_at_checked(wide.unwrap_or(sample.len())).unwrap_or((sample, &[]));
    narrow.iter().all(|byte| matches!(byte, b'\t' | b'\n' | b'\r' | 0x20..=0x7e | 0x80..=0xff))
        && (wide.is_empty() || utf16_without_mark(wide) == Some(Utf16::LittleEndian))
}

/// The order of bytes in UTF-16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Utf16 {
    /// As Windows writes.
    LittleEndian,
    /// The other way round.
    BigEndian,
}

/// Whether a text is a report of this program, for people or as JSON: one may lie beside what it is of.
pub fn is_own_report(text: &[u8]) -> bool {
    const PAGE: &[u8] = b"Remote Desktop connection analysis";
    const SCHEMA: &[u8] = b"\"schema\": \"rdpscan.";
    let head = text.get(..64).unwrap_or(text);
    head.starts_with(PAGE) || head.windows(SCHEMA.len()).any(|part| part == SCHEMA)
}

/// Whether text is UTF-16 that does not say so, as `cmd /u` writes it: printable, and a good part of it ASCII, as of all
/// outputs of commands.
pub fn utf16_without_mark(text: &[u8]) -> Option<Utf16> {
    let sample = text.get(..512).unwrap_or(text);
    let of = |order: fn([u8; 2]) -> u16| {
        let units = sample.chunks_exact(2).filter_map(|pair| <[u8; 2]>::try_from(pair).ok()).map(order);
        let (mut all, mut ascii) = (0_usize, 0_usize);
        for unit in units {
            match unit {
                0x09 | 0x0a | 0x0d | 0x20..=0x7e => ascii += 1,
                // The first is a line feed, a blank or a label that is not translated, or the text is of two parts.
                0xa0..=0xd7ff | 0xf900..=0xfffd if all > 0 => {}
                _ => return false,
            }
            all += 1;
        }
        all >= 8 && ascii * 4 >= all
    };
    if of(u16::from_le_bytes) {
        Some(Utf16::LittleEndian)
    } else {
        of(u16::from_be_bytes).then_some(Utf16::BigEndian)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_reports_are_known() {
        assert!(is_own_report(b"{\n  \"schema\": \"rdpscan.report.v1\",\n"));
        assert!(is_own_report(b"Remote Desktop connection analysis\n1 incident"));
        assert!(!is_own_report(b"{\"schema\": \"other\"}") && !is_own_report(b""));
    }

    #[test]
    fn content_decides() {
        assert_eq!(Format::of(b""), Format::Empty);
        assert_eq!(Format::of(b"ElfFile\0rest"), Format::Evtx);
        assert_eq!(Format::of(&[0xa1, 0xb2, 0x3c, 0x4d, 0, 2]), Format::Pcap);
        assert_eq!(Format::of(b"hello, this is a note\r\n"), Format::Text);
        assert_eq!(Format::of(&[0x5f, 0x2a, 0x4d, 0x18, 0]), Format::Compressed(Compression::Zstandard));
        assert_eq!(Format::of(&[0x00, 0x01, 0x02]), Format::Unknown);
        assert!(matches!(Format::of(b"GMBU\x01\x02"), Format::Foreign(_)));
        assert!(matches!(Format::of(b"BZh91AY&SY"), Format::Foreign(_)));
        assert_eq!(Format::of(b"BZh is no file"), Format::Text);
        let wide = |order: fn(u16) -> [u8; 2]| -> Vec<u8> {
            "\r\n   ホスト名 . . . . : SRV01\r\n".encode_utf16().flat_map(order).collect()
        };
        assert_eq!(Format::of(&wide(u16::to_le_bytes)), Format::Text);
        assert_eq!(utf16_without_mark(&wide(u16::to_be_bytes)), Some(Utf16::BigEndian));
        assert_eq!(Format::of(&[b'a', 0, 1, 0].repeat(9)), Format::Unknown);
    }

    #[test]
    fn etl_is_known_by_its_trace_header() {
        let mut head = vec![0u8; 0x80];
        head[0x48..0x4c].copy_from_slice(&[0x02, 0x00, 0x02, 0xc0]);
        assert_eq!(Format::of(&head), Format::Foreign(ETL));
    }
}
