//! The next-generation capture file: sections of blocks.
//!
//! Several sections and interfaces, both byte orders, enhanced, simple and obsolete packet blocks; everything
//! else is stepped over by its length. The hot walk reads block headers itself; descriptions of interfaces,
//! which are few, go through pcap-parser. [draft-ietf-opsawg-pcapng]

use std::sync::Arc;

use pcap_parser::pcapng::{parse_block_be, parse_block_le};
use pcap_parser::{Block, OptionCode, PcapNGOption};

use super::guess::{self, LOOKED_AT, Look};
use super::interface::{Interface, LinkType, Resolution};
use super::raw::Raw as Besides;
use super::{Frame, MAX_DAMAGE, Measure, State, Walked, search};
use crate::base::NoteKind;
use crate::base::bytes::{array, index, length, u16_in, u32_in, wrong_bits};

/// Bytes of a block's type, which is not 0.
const TYPE: usize = 4;
const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const INTERFACE_STATISTICS: u32 = 5;
const ENHANCED_PACKET: u32 = 6;
const JOURNAL_EXPORT: u32 = 9;
/// Custom blocks: to be copied, and not to be copied.
const CUSTOM: [u32; 2] = [0x0bad, 0x4000_0bad];
const DECRYPTION_SECRETS: u32 = 0x0a;
/// TLS key log, `TLSK`.
const SECRETS_TLS: u32 = 0x544c_534b;
/// Byte-order magic as a big-endian file writes it.
const ORDER_BIG: [u8; 4] = [0x1a, 0x2b, 0x3c, 0x4d];
const ORDER_LITTLE: [u8; 4] = [0x4d, 0x3c, 0x2b, 0x1a];

/// Longest block that is believed: a key log or a list of names may be long, a frame may not.
const MAX_BLOCK: u32 = 256 << 20;
/// Longest block that is believed while guessing.
const MAX_GUESSED_BLOCK: u32 = 1 << 20;
/// Blocks in a row that must be plausible before a guessed start is believed. Three were fooled by a capture
/// inside a capture in 25 of 63 ranges, thirty-two in none; the join check catches what remains.
const CHAIN: usize = 32;
/// Interfaces that are kept per section. Past it frames are counted as those of an unknown interface.
const MAX_INTERFACES: usize = 131_072;
/// Interfaces of a section whose packets are looked at, to see whether they are what is said of them: a look costs as much
/// as many descriptions.
const MAX_DOUBTED: usize = 1024;
/// Longest name of an interface that is kept: a file may describe many, each with 64 KiB of it.
const MAX_NAME: usize = 128;

/// Bits of the byte-order magic that may be wrong: what is nearer to one order than this is far from the other.
const WRONG_BITS: u32 = 4;

/// A walk starts at byte 0: the section header sets the byte order. Where its type is damaged, the magic does alone.
pub fn open(bytes: &[u8]) -> (usize, State) {
    let magics = (7..=9).filter_map(|at| array(bytes, at));
    let order = magics.filter_map(order_of).find(|order| order.is_exact);
    let state = State {
        big_endian: order.is_some_and(|order| order.big_endian),
        nanoseconds: false,
        record_header: 0,
        measure: Measure::default(),
        interfaces: Arc::new(Vec::new()),
        interfaces_before: 0,
        undescribed: None,
    };
    (0, state)
}

/// What a byte-order magic tells, and whether no bit of it is wrong.
#[derive(Clone, Copy)]
struct Order {
    big_endian: bool,
    is_exact: bool,
}

fn order_of(magic: [u8; 4]) -> Option<Order> {
    [(ORDER_BIG, true), (ORDER_LITTLE, false)].into_iter().find_map(|(own, big_endian)| {
        let wrong = wrong_bits(own, magic);
        (wrong <= WRONG_BITS).then_some(Order { big_endian, is_exact: wrong == 0 })
    })
}

/// A block's frame: type and whole length, checked against the file.
enum Step {
    /// A block of this type that ends at this offset.
    Block(u32, usize),
    /// The file ends inside it.
    Truncated,
    /// Its lengths contradict each other.
    Damaged,
}

fn step(bytes: &[u8], at: usize, big_endian: &mut bool) -> Step {
    let Some(kind) = u32_in(bytes, at, *big_endian) else { return Step::Truncated };
    if kind == SECTION_HEADER {
        // Reads the same in both byte orders; the magic behind it tells which one follows.
        let Some(magic) = array(bytes, at + 8) else { return Step::Truncated };
        let Some(order) = order_of(magic) else { return Step::Damaged };
        *big_endian = order.big_endian;
        if !order.is_exact {
            return Step::Damaged;
        }
    }
    let Some(total) = u32_in(bytes, at + 4, *big_endian) else { return Step::Truncated };
    // Lengths are multiples of four; early writers left the padding out of the length, not out of the block.
    if !(12..=MAX_BLOCK).contains(&total) {
        return Step::Damaged;
    }
    let end = at + index(total).next_multiple_of(4);
    if end > bytes.len() {
        return Step::Truncated;
    }
    match u32_in(bytes, end - 4, *big_endian) {
        Some(trailer) if trailer == total => Step::Block(kind, end),
        _ => Step::Damaged,
    }
}

/// Walks the blocks that begin in `start..end`.
pub fn walk<'a>(
    bytes: &'a [u8],
    range: std::ops::Range<usize>,
    reach: usize,
    state: State,
    visit: &mut dyn FnMut(Frame<'a>),
) -> Walked {
    let mut walked = Walked::at(range.start, state);
    while walked.next < range.end && walked.next < bytes.len() {
        let at = walked.next;
        let mut big_endian = walked.state.big_endian;
        match step(bytes, at, &mut big_endian) {
            Step::Block(kind, block_end) => {
                if at == 0 && kind != SECTION_HEADER {
                    walked.damaged(NoteKind::DamagedCapture, at);
                }
                walked.state.big_endian = big_endian;
                take_block(kind, bytes, at..block_end, &mut walked, visit);
                walked.next = block_end;
            }
            step @ (Step::Truncated | Step::Damaged) => {
                let found = resume(bytes, at, reach, big_endian);
                // Either the file ends here, or a length lies: if blocks go on further down, the length lied.
                let is_end = matches!(step, Step::Truncated) && found.is_none();
                walked
                    .damaged(if is_end { NoteKind::TruncatedCapture } else { NoteKind::DamagedCapture }, at);
                if let Some((next, order)) = found {
                    walked.state.big_endian = order;
                    salvage(bytes, at, next, order, &mut walked);
                }
                walked.resume(found.map(|(next, _)| next), reach, bytes.len());
            }
        }
    }
    walked
}

fn take_block<'a>(
    kind: u32,
    bytes: &'a [u8],
    place: std::ops::Range<usize>,
    walked: &mut Walked,
    visit: &mut dyn FnMut(Frame<'a>),
) {
    let big = walked.state.big_endian;
    let (at, next) = (place.start, place.end);
    let Some(block) = bytes.get(place) else { return };
    match kind {
        ENHANCED_PACKET | SIMPLE_PACKET | OBSOLETE_PACKET => {}
        SECTION_HEADER => return begin_section(&mut walked.state),
        INTERFACE_DESCRIPTION => {
            // Past the last that is kept none is read.
            let is_kept = walked.state.interfaces.len() < MAX_INTERFACES;
            if let Some(interface) = is_kept.then(|| interface(block, big)).flatten() {
                describe(interface, bytes, at, next, walked);
            }
            return;
        }
        INTERFACE_STATISTICS => {
            let before = walked.state.interfaces_before;
            if let Some((interface, dropped)) = dropped(block, big).filter(|(_, dropped)| *dropped > 0) {
                walked.drops.push((before.saturating_add(interface), dropped));
            }
            return;
        }
        DECRYPTION_SECRETS => {
            if u32_in(block, 8, big) == Some(SECRETS_TLS)
                && let Some(size) = u32_in(block, 12, big)
                && walked.secrets.len() < MAX_DAMAGE
            {
                let from = at + 16;
                walked.secrets.push(from..from.saturating_add(index(size)).min(at + block.len()));
            }
            return;
        }
        // Wireshark numbers journal entries and custom blocks like frames; so must we, or every later number would
        // differ.
        other => {
            walked.frames += u64::from(other == JOURNAL_EXPORT || CUSTOM.contains(&other));
            return;
        }
    }
    let number = walked.frames;
    walked.frames += 1;
    let Some(raw) = packet(kind, block, &walked.state) else {
        walked.damaged(NoteKind::DamagedCapture, at);
        return;
    };
    if walked.state.interface(raw.interface).is_none()
        && guess::may_begin(raw.data, original(&raw), raw.ticks)
    {
        walked.state.undescribed = undescribed(bytes, at, &walked.state);
        if walked.state.undescribed.is_some() {
            walked.damaged(NoteKind::InterfaceGuessed, at);
        }
    }
    let Some(interface) = walked.state.interface(raw.interface) else {
        walked.orphans += 1;
        return;
    };
    visit(Frame {
        index: number,
        time: interface.time(raw.ticks),
        interface: walked.state.interfaces_before.saturating_add(raw.interface),
        link: interface.link,
        original: original(&raw),
        data: raw.data,
    });
}

fn begin_section(state: &mut State) {
    let before = u32::try_from(state.interfaces.len()).unwrap_or(u32::MAX);
    state.interfaces_before = state.interfaces_before.saturating_add(before);
    state.interfaces = Arc::new(Vec::new());
    state.undescribed = None;
}

/// Takes an interface in, as described at `at`, unless the packets from `next` on contradict it.
fn describe(described: Interface, bytes: &[u8], at: usize, next: usize, walked: &mut Walked) {
    let number = walked.state.interfaces.len();
    if number >= MAX_INTERFACES {
        return;
    }
    let corrected = (number < MAX_DOUBTED)
        .then(|| look(bytes, next, &walked.state, Look::at(&described), |of| index(of) == number))
        .and_then(|look| look.correct(&described));
    if corrected.is_some() {
        walked.damaged(NoteKind::InterfaceGuessed, at);
    }
    Arc::make_mut(&mut walked.state.interfaces).push(corrected.unwrap_or(described));
}

/// What the packets from `at` on show of interfaces that nothing describes.
fn undescribed(bytes: &[u8], at: usize, state: &State) -> Option<Interface> {
    look(bytes, at, state, Look::default(), |of| index(of) >= state.interfaces.len()).interface()
}

/// Looks at the packets of some interfaces in the next blocks. What is looked at are a few blocks, wherever a range
/// ends: each range sees the same.
fn look(bytes: &[u8], from: usize, state: &State, seen: Look, is_of: impl Fn(u32) -> bool) -> Look {
    let mut look = seen;
    let (mut at, mut order) = (from, state.big_endian);
    for _ in 0..LOOKED_AT {
        let Step::Block(kind, next) = step(bytes, at, &mut order) else { break };
        if kind == SECTION_HEADER {
            break;
        }
        let raw = bytes.get(at..next).and_then(|block| packet(kind, block, state));
        if let Some(raw) = raw.filter(|raw| is_of(raw.interface)) {
            look.take(raw.data, original(&raw), raw.ticks);
        }
        at = next;
    }
    look
}

/// Takes from a block whose lengths contradict each other what all that follows needs: where a section begins, and what
/// an interface is. It ends before `next`, where blocks go on.
fn salvage(bytes: &[u8], at: usize, next: usize, big: bool, walked: &mut Walked) {
    let Some(block) = bytes.get(at..next) else { return };
    match u32_in(block, 0, big) {
        Some(SECTION_HEADER) if at == 0 || array(block, 8).and_then(order_of).is_some() => {
            begin_section(&mut walked.state);
        }
        Some(INTERFACE_DESCRIPTION) => {
            if let Some(interface) = damaged_interface(block, big) {
                describe(interface, bytes, at, next, walked);
            }
        }
        _ => {}
    }
}

/// What an interface statistics block counts as dropped: by the interface (5) and by the operating system (7).
/// [draft-ietf-opsawg-pcapng] 4.6
fn dropped(block: &[u8], big: bool) -> Option<(u32, u64)> {
    const DROPPED: [u16; 2] = [5, 7];
    let interface = u32_in(block, 8, big)?;
    let mut at = 20;
    let mut total: u64 = 0;
    while let (Some(code), Some(size)) = (u16_in(block, at, big), u16_in(block, at + 2, big)) {
        if code == 0 {
            break;
        }
        if DROPPED.contains(&code) && size == 8 {
            let (first, second) = (u32_in(block, at + 4, big)?, u32_in(block, at + 8, big)?);
            let (high, low) = if big { (first, second) } else { (second, first) };
            // All ones where the counter is not kept.
            let count = u64::from(high) << 32 | u64::from(low);
            total = total.saturating_add(if count == u64::MAX { 0 } else { count });
        }
        at += 4 + usize::from(size).next_multiple_of(4);
    }
    Some((interface, total))
}

/// The fields of a packet block of any kind.
fn packet<'a>(kind: u32, block: &'a [u8], state: &State) -> Option<Raw<'a>> {
    match kind {
        ENHANCED_PACKET => enhanced(block, state.big_endian),
        SIMPLE_PACKET => simple(block, state),
        OBSOLETE_PACKET => obsolete(block, state.big_endian),
        _ => None,
    }
}

/// A packet block's fields.
struct Raw<'a> {
    interface: u32,
    ticks: u64,
    original: u32,
    data: &'a [u8],
}

/// Bytes on the wire: never fewer than were captured.
fn original(raw: &Raw<'_>) -> u32 {
    raw.original.max(length(raw.data))
}

/// Enhanced packet block: interface, time high and low, captured and original length, data.
fn enhanced(block: &[u8], big: bool) -> Option<Raw<'_>> {
    let captured = index(u32_in(block, 20, big)?);
    Some(Raw {
        interface: u32_in(block, 8, big)?,
        ticks: ticks(block, 12, big)?,
        original: u32_in(block, 24, big)?,
        data: block.get(28..block.len() - 4)?.get(..captured)?,
    })
}

/// Obsolete packet block: as enhanced, with 16 bits of interface and of drop count.
fn obsolete(block: &[u8], big: bool) -> Option<Raw<'_>> {
    let captured = index(u32_in(block, 20, big)?);
    Some(Raw {
        interface: u32::from(u16_in(block, 8, big)?),
        ticks: ticks(block, 12, big)?,
        original: u32_in(block, 24, big)?,
        data: block.get(28..block.len() - 4)?.get(..captured)?,
    })
}

/// Simple packet block: original length and data of interface 0, no time. The captured length is what the
/// interface's snapshot length left of the original.
fn simple<'a>(block: &'a [u8], state: &State) -> Option<Raw<'a>> {
    let original = u32_in(block, 8, state.big_endian)?;
    let body = block.get(12..block.len() - 4)?;
    let snaplen = state.interfaces.first().map_or(0, |interface| interface.snaplen);
    let captured = if snaplen == 0 { original } else { original.min(snaplen) };
    Some(Raw { interface: 0, ticks: 0, original, data: body.get(..index(captured)).unwrap_or(body) })
}

/// Stamp, comments and flags of a packet block. A simple one has none of these.
pub(super) fn besides(block: &[u8], big: bool) -> Besides<'_> {
    const COMMENT: u16 = 1;
    const FLAGS: u16 = 2;
    let mut raw = Besides::default();
    let Some(kind @ (ENHANCED_PACKET | OBSOLETE_PACKET)) = u32_in(block, 0, big) else { return raw };
    raw.ticks = ticks(block, 12, big).unwrap_or(0);
    let captured = u32_in(block, 20, big).map_or(0, index);
    let mut at = 28_usize.saturating_add(captured.next_multiple_of(4));
    let end = block.len().saturating_sub(4);
    while let (Some(code), Some(size)) = (u16_in(block, at, big), u16_in(block, at + 2, big)) {
        let value =
            block.get(at + 4..at + 4 + usize::from(size)).filter(|_| at + 4 + usize::from(size) <= end);
        let Some(value) = value.filter(|_| code != 0) else { break };
        match code {
            COMMENT if raw.comments.len() < MAX_DAMAGE => raw.comments.push(value),
            FLAGS if kind == ENHANCED_PACKET => raw.flags = u32_in(value, 0, big),
            _ => {}
        }
        at += 4 + usize::from(size).next_multiple_of(4);
    }
    raw
}

/// What kind of secrets a block holds.
pub(super) fn secrets_kind(bytes: &[u8], at: usize, big: bool) -> Option<u32> {
    u32_in(bytes, at.checked_add(8)?, big)
}

fn ticks(block: &[u8], at: usize, big: bool) -> Option<u64> {
    Some(u64::from(u32_in(block, at, big)?) << 32 | u64::from(u32_in(block, at + 4, big)?))
}

/// An interface description. pcap-parser takes the block and its options apart; resolution and offset are read
/// from the raw options here, since its own fields lose binary resolutions and big-endian offsets.
fn interface(block: &[u8], big: bool) -> Option<Interface> {
    let parsed = if big { parse_block_be(block) } else { parse_block_le(block) };
    let Ok((_, Block::InterfaceDescription(idb))) = parsed else {
        // Options that pcap-parser refuses must not cost the interface.
        return damaged_interface(block, big);
    };
    let option = |code: OptionCode| idb.options.iter().find(|option| option.code == code);
    let resolution = option(OptionCode::IfTsresol)
        .and_then(|option| option.value().first().copied())
        .map_or(Resolution::MICROSECONDS, Resolution::from_option);
    let offset_seconds =
        option(OptionCode::IfTsoffset).and_then(|option| seconds(option.value(), big)).unwrap_or(0);
    let name = option(OptionCode::IfName).map(text).filter(|name| name.len() <= MAX_NAME);
    Some(Interface {
        link: LinkType(u16_in(block, 8, big)?),
        snaplen: idb.snaplen,
        resolution,
        offset_seconds,
        name,
    })
}

/// An interface from what can be read of its description: the fixed part, and options as far as they go.
fn damaged_interface(block: &[u8], big: bool) -> Option<Interface> {
    let mut interface = Interface {
        link: LinkType(u16_in(block, 8, big)?),
        snaplen: u32_in(block, 12, big)?,
        resolution: Resolution::MICROSECONDS,
        offset_seconds: 0,
        name: None,
    };
    let mut at = 16;
    for _ in 0..MAX_DAMAGE {
        let Some((code, size)) = u16_in(block, at, big).zip(u16_in(block, at + 2, big)) else { break };
        let Some(value) = block.get(at + 4..at + 4 + usize::from(size)).filter(|_| code != 0) else { break };
        match (OptionCode(code), value) {
            (OptionCode::IfTsresol, [byte]) => interface.resolution = Resolution::from_option(*byte),
            (OptionCode::IfTsoffset, _) => interface.offset_seconds = seconds(value, big).unwrap_or(0),
            _ => {}
        }
        at += 4 + usize::from(size).next_multiple_of(4);
    }
    Some(interface)
}

/// The value of an offset of times.
fn seconds(value: &[u8], big: bool) -> Option<i64> {
    let raw = array::<8>(value, 0)?;
    Some(if big { i64::from_be_bytes(raw) } else { i64::from_le_bytes(raw) })
}

fn text(option: &PcapNGOption<'_>) -> String {
    let trimmed = option.value().split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(trimmed).into_owned()
}

/// Finds the first place from which a chain of plausible blocks runs. Blocks lie on multiples of four.
pub fn guess_start(bytes: &[u8], from: usize, end: usize, big_endian: bool) -> Option<usize> {
    search(bytes, from.next_multiple_of(4)..end, (4, TYPE), |at| {
        chain_runs(bytes, at, big_endian).then_some(at)
    })
}

/// The same after damage, and the order of bytes there. Where bytes were lost or added, what follows lies on no multiple
/// of four any more. At the beginning of the file nothing but the damaged place tells the order.
fn resume(bytes: &[u8], damaged: usize, reach: usize, big_endian: bool) -> Option<(usize, bool)> {
    let orders = [big_endian, !big_endian];
    let orders = orders.get(..if damaged == 0 { 2 } else { 1 })?;
    search(bytes, damaged + 1..reach, (1, TYPE), |at| {
        orders.iter().find(|order| chain_runs(bytes, at, **order)).map(|order| (at, *order))
    })
}

/// Types that are registered and may stand in a file: the usual ones, those of Hone and of Sysdig, custom ones. In a
/// search no other is believed: one byte off, a row of blocks of one length is a row of longer blocks of an odd type.
const fn is_known(kind: u32) -> bool {
    matches!(kind, 1..=0x0f | 0x101 | 0x102 | 0x201..=0x21f | SECTION_HEADER | 0x0bad | 0x4000_0bad)
}

fn chain_runs(bytes: &[u8], start: usize, big_endian: bool) -> bool {
    let mut order = big_endian;
    let mut at = start;
    for link in 0..CHAIN {
        if at == bytes.len() {
            return link > 0;
        }
        // Cheap refusals first: most places are not block starts.
        let Some(kind) = u32_in(bytes, at, order) else { return false };
        if !is_known(kind) {
            return false;
        }
        match u32_in(bytes, at + 4, order) {
            Some(total) if total <= MAX_GUESSED_BLOCK || kind == SECTION_HEADER => {}
            _ => return false,
        }
        match step(bytes, at, &mut order) {
            Step::Block(_, next) => at = next,
            Step::Truncated => return link > 1,
            Step::Damaged => return false,
        }
    }
    true
}
