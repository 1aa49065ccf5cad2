//! What limits an analysis: counted, not repeated.
//!
//! A note is not an error (the run goes on) and not a finding (it says nothing about the RDP connection). It
//! tells the reader what the tool could not see, and what that costs.

use std::collections::BTreeMap;

use super::{Locator, SourceId};

macro_rules! note_kinds {
    ($($(#[doc = $doc:literal])+ $name:ident: $text:literal, costs $costs:literal;)+) => {
        /// A kind of limit. The order is the order in reports.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum NoteKind { $($(#[doc = $doc])+ $name,)+ }

        impl NoteKind {
            /// Every kind, in report order.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// What happened, as a fragment that follows a count.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// What the reader loses by it.
            pub const fn costs(self) -> &'static str {
                match self { $(Self::$name => $costs,)+ }
            }
        }
    };
}

note_kinds! {
    /// A file could not be opened or read.
    UnreadableInput: "input could not be read", costs "nothing of this file was analysed";
    /// A file that others wrote to while it was read.
    InputWritten: "input was written to while it was read", costs "one part of it may be older than another: analyse a copy that nobody writes to";
    /// A file is neither a capture nor a log that can be read.
    NotUnderstood: "file is neither a capture nor an event log", costs "this file was left out";
    /// Texts of a folder or an archive in which nothing is understood.
    TextNotUnderstood: "texts in which nothing is understood", costs "nothing of them is evidence; the README lists the texts that are read";
    /// A capture format that is known but has to be converted first.
    NeedsConversion: "capture format must be converted first", costs "this file was left out";
    /// A member of an archive that is encrypted, damaged or packed in an unknown way.
    UnreadableMember: "archive member could not be read, or not to its end", costs "what it holds beyond that was not analysed";
    /// An archive that breaks off or contradicts itself.
    DamagedArchive: "archive is damaged or cut short", costs "members behind the damage are missing";
    /// A member, or an archive inside of an archive, that a limit cut or left out.
    OverLimit: "archive or member is larger than the limits allow", costs "what lies beyond the limit was not analysed; the option that is named raises it";
    /// Folders too far below the one that was given.
    FolderTooDeep: "folders that were not entered", costs "nothing in them was analysed";
    /// A member that would be written outside of the folder that it is unpacked to.
    OddMemberName: "archive member whose name leads out of the archive", costs "nothing: members are never written under their names";
    /// A capture ends inside a block or record.
    TruncatedCapture: "capture ends in the middle of a record", costs "what followed in the original is not here";
    /// Bytes of a capture that are no valid block.
    DamagedCapture: "damaged place in a capture", costs "frames in the damaged part are missing";
    /// Blocks that name an interface that was never described.
    UnknownInterface: "frames of an interface that the file does not describe", costs "these frames were not decoded";
    /// An interface that is described wrongly or not at all, and whose frames tell what it is.
    InterfaceGuessed: "interface whose description is missing or damaged, read as its frames look", costs "nothing if it is what nearly all of them look like, and its clock the one that makes dates of our time of its stamps";
    /// Link types that this tool does not decode.
    UnknownLinkType: "frames with a link type that is not decoded", costs "these frames were not analysed";
    /// Frames shorter than on the wire.
    CutFrames: "frames cut by the snapshot length", costs "contents beyond the cut are unknown, not missing";
    /// Frames whose headers contradict themselves.
    MalformedFrames: "frames with malformed headers", costs "these frames were not analysed";
    /// The same packet captured more than once.
    DuplicateFrames: "frames captured twice", costs "nothing: the copies were not counted as retransmissions";
    /// Datagrams of which fragments are missing.
    FragmentsIncomplete: "IP datagrams with missing fragments", costs "these datagrams could not be decoded";
    /// Time runs backwards by more than the reorder bound.
    ClockStep: "steps back in time inside a capture", costs "times before and after a step cannot be compared";
    /// Packets that the analysis saw acknowledged but never saw.
    CaptureLoss: "byte ranges acknowledged but never captured", costs "the capture lost packets; losses on the network cannot be told from losses of the capture";
    /// The capture counts packets that it dropped.
    CaptureDrops: "packets that the capture itself says it dropped", costs "what is missing in it was not lost on the network for that alone";
    /// Only one direction was captured.
    OneDirection: "connections captured in one direction only", costs "nothing can be said about silence of the other side";
    /// Connections without their beginning.
    MidStream: "connections already running when the capture starts", costs "negotiation and logon of these connections were not seen";
    /// Bounds on stored stream bytes were reached.
    StreamBound: "streams longer than the part that is kept for decoding", costs "later messages are known by size and time only";
    /// Out-of-order segments were given up.
    ReorderBound: "streams with more missing ranges than are tracked", costs "retransmissions in these streams are not counted exactly";
    /// More connections at once than are tracked.
    FlowBound: "running connections given up to stay within memory", costs "what they did later was taken for another connection";
    /// More ICMP errors at once than are held.
    IcmpBound: "ICMP errors left out to stay within memory", costs "what they say of a connection is not known";
    /// More besides connections than is remembered.
    BesideBound: "signs of hosts, name lookups and Kerberos errors left out to stay within memory", costs "what they say of a connection is not known";
    /// More UDP conversations than are held or reported.
    UdpBound: "UDP datagrams or conversations left out to stay within bounds", costs "side transports of later connections are not shown";
    /// UDP on an RDP port that begins nowhere and belongs to nothing.
    UdpStray: "UDP conversations on RDP ports without a handshake and without a connection beside them", costs "they are not shown: whether they are RDP is not known";
    /// RDP was found on an unexpected port.
    RdpElsewhere: "RDP endpoints found by content on other ports", costs "nothing: the capture was read a second time for them";
    /// RDP was found on more unexpected ports than are looked at again.
    ElsewhereBound: "RDP endpoints on other ports beyond the 1,024 that are read again, or requests to them", costs "connections to these endpoints were not analysed";
    /// Ended connections were folded into groups.
    Folded: "ended connections folded into groups", costs "these connections are reported by count, not one by one, and judged from packets alone";
    /// Connections that two captures may hold were folded in each of them.
    FoldedApart: "folded connections of captures that hold the same packets", costs "each is counted and judged by what one capture shows: one that two of them hold counts twice";
    /// Attempts that a firewall kept out were folded into groups.
    FoldedBlocked: "attempts that the server's own firewall dropped, folded into groups by source", costs "these attempts are reported by count: most are scans";
    /// A log with damaged chunks.
    DamagedChunk: "damaged chunks in an event log", costs "events in these chunks are missing";
    /// A record that could not be decoded.
    DamagedRecord: "event records that could not be decoded", costs "these events are missing";
    /// Record numbers are missing.
    RecordGap: "gaps in the record numbers of a log", costs "events were overwritten or removed; a missing event proves nothing there";
    /// The log does not speak of the captured time.
    LogDoesNotCover: "log does not cover the time of the capture", costs "the absence of an event in this log proves nothing";
    /// A log without any event that bears on RDP.
    NoRdpEvents: "log without any event that bears on RDP", costs "this log could not be used";
    /// Clock jumps inside a log.
    LogClockJump: "clock jumps inside a log", costs "each side of a jump was matched as a clock of its own";
    /// No clock offset could be found.
    ClockUnknown: "log whose clock could not be compared with the capture", costs "its events could be joined only by address and port";
    /// An offset from few pairs, or an odd one.
    ClockEstimated: "clock offset rests on fewer than three pairs", costs "joins by time alone are less sure";
    /// An offset of whole hours.
    ClockWholeHours: "clock offset is close to whole hours", costs "one of the files may carry local time; nothing was corrected silently";
    /// Captures of the same packets with clocks that nobody set alike.
    CaptureClockFar: "clock of a capture is days apart from that of another capture of the same packets", costs "all times are told by one of the two; which of them is right is not known";
    /// More than one connection fits an event.
    AmbiguousJoin: "events that fit more than one connection", costs "these events were not used as evidence";
    /// Texts that may be of any computer.
    TextOfUnknown: "text that names no computer", costs "what it says was not used: give it a name that begins with the computer's and `_`, or put `ipconfig /all` of that computer alone into the same folder";
    /// Texts of computers of which one alone can have the address that packets go to.
    AddressContested: "address that the texts of several computers claim", costs "none of these texts was used for connections with this address: leave out those of a computer that has another one now";
    /// Incidents that the user did not ask for.
    FilteredOut: "incidents left out by the filters given", costs "they are not in this report";
    /// Events that stand in two logs, or twice in one.
    SameEvents: "events that stand there twice, or in another log as well", costs "nothing: each was counted once";
    /// A file that is given twice, or a copy of it.
    SameCapture: "captures that are copies of another one", costs "nothing: each was read once";
    /// Connections of a log that the capture does not show.
    NotInCapture: "connections that the log holds and the capture does not show", costs "they are not judged here; analyse the log without the capture to see them";
    /// Connections that began before the log does.
    BeginningMissing: "connections whose end the log holds and whose beginning no file does", costs "they are not judged: nothing tells whose they are; a longer export of the log does, or LocalSessionManager/Operational of that time";
    /// The log names another address for a connection.
    JoinedByPort: "connections whose address is another in the log (address translation)", costs "they were joined by port and time";
    /// The log names another address and port for a connection.
    JoinedByOrder: "connections whose address and port are others in the log (address translation)", costs "they were joined by time and order alone";
    /// No RDP was found.
    NoRdp: "capture without RDP", costs "nothing could be judged from this capture";
}

/// One limit, with how often it was met.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    /// Which limit.
    pub kind: NoteKind,
    /// The file concerned, if it is one.
    pub source: Option<SourceId>,
    /// What exactly, where the kind alone does not say: a path and its error, a command, an offset.
    pub detail: String,
    /// How often.
    pub count: u64,
    /// The first place, if it has one.
    pub first: Option<Locator>,
}

/// What makes two limits the same.
type Key = (NoteKind, Option<SourceId>, String);

/// All limits of one analysis.
///
/// INVARIANT: the order of [`Notes::iter`] depends on what was added, not on when, so notes that come from
/// parallel work may be added in any order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    by_key: BTreeMap<Key, (u64, Option<Locator>)>,
}

impl Notes {
    /// No limits so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts one limit that concerns `source`.
    pub fn add(&mut self, kind: NoteKind, source: Option<SourceId>, first: Option<Locator>) {
        self.add_many(kind, source, "", 1, first);
    }

    /// Counts one limit and says what exactly.
    pub fn add_detail(&mut self, kind: NoteKind, source: Option<SourceId>, detail: impl Into<String>) {
        self.add_many(kind, source, detail, 1, None);
    }

    /// Counts `count` limits of one kind. Does nothing for a count of 0.
    pub fn add_many(
        &mut self,
        kind: NoteKind,
        source: Option<SourceId>,
        detail: impl Into<String>,
        count: u64,
        first: Option<Locator>,
    ) {
        if count == 0 {
            return;
        }
        let slot = self.by_key.entry((kind, source, detail.into())).or_insert((0, None));
        slot.0 = slot.0.saturating_add(count);
        slot.1 = match (slot.1, first) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }

    /// Takes over all limits of another part of the work.
    pub fn merge(&mut self, other: Self) {
        for ((kind, source, detail), (count, first)) in other.by_key {
            self.add_many(kind, source, detail, count, first);
        }
    }

    /// How often a kind was met, over all sources.
    pub fn count(&self, kind: NoteKind) -> u64 {
        self.by_key.iter().filter(|(key, _)| key.0 == kind).map(|(_, value)| value.0).sum()
    }

    /// Every limit, in report order.
    pub fn iter(&self) -> impl Iterator<Item = Note> + '_ {
        self.by_key.iter().map(|((kind, source, detail), (count, first))| Note {
            kind: *kind,
            source: *source,
            detail: detail.clone(),
            count: *count,
            first: *first,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_of_adding_does_not_show() {
        let frame = |number| Some(Locator::Frame { source: SourceId(0), number });
        let mut one = Notes::new();
        one.add(NoteKind::CutFrames, Some(SourceId(0)), frame(9));
        one.add(NoteKind::TruncatedCapture, Some(SourceId(0)), None);
        one.add(NoteKind::CutFrames, Some(SourceId(0)), frame(4));
        let mut two = Notes::new();
        two.add(NoteKind::CutFrames, Some(SourceId(0)), frame(4));
        two.add(NoteKind::CutFrames, Some(SourceId(0)), frame(9));
        two.add(NoteKind::TruncatedCapture, Some(SourceId(0)), None);
        assert_eq!(one, two);
        assert_eq!(one.iter().nth(1).map(|note| (note.count, note.first)), Some((2, frame(4))));
    }
}
