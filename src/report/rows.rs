//! The cells: every time, number, place and name formatted once, for every format.
//!
//! Knows nothing of layout. Turns model values into [`Text`] and decides nothing about them.

use super::escape;
use super::model::{Certificate, Endpoint, Evidence, Incident, JoinedEvent, Report, Source, Verdict};
use super::text::{Ink, Text};

/// What a reader must know of a verdict at a glance. The order is the order of lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    Failed,
    Warning,
    Undetermined,
    Healthy,
}

impl State {
    pub fn of(verdict: &Verdict) -> Self {
        match (verdict.kind, verdict.severity) {
            ("healthy", _) => Self::Healthy,
            ("cause", "failure") => Self::Failed,
            ("cause", _) => Self::Warning,
            _ => Self::Undetermined,
        }
    }

    pub const fn word(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Warning => "warning",
            Self::Undetermined => "undetermined",
            Self::Healthy => "healthy",
        }
    }

    pub const fn ink(self) -> Ink {
        match self {
            Self::Failed => Ink::Bad,
            Self::Warning | Self::Undetermined => Ink::Open,
            Self::Healthy => Ink::Good,
        }
    }

    pub fn text(self) -> Text {
        Text::new().ink(self.ink(), self.word())
    }
}

/// The cause in plain words, without a full stop, if the catalogue has them.
pub(super) fn title(verdict: &Verdict) -> Option<String> {
    verdict.title.as_deref().map(|title| title.trim_end_matches('.').to_owned())
}

/// A strength with what it means.
pub(super) fn strength(word: &str) -> &str {
    match word {
        "stated" => "stated (a party said so)",
        "corroborated" => "corroborated (independent sources agree)",
        "inferred" => "inferred (from the pattern only)",
        other => other,
    }
}

/// The parts of an RFC 3339 stamp; nothing for a stamp outside the calendar.
struct Stamp<'a> {
    day: &'a str,
    second: &'a str,
    milli: &'a str,
    zone: &'a str,
}

fn parts(time: &str) -> Option<Stamp<'_>> {
    let (day, clock) = time.split_once('T')?;
    // Nine decimals, then `Z` or an offset.
    let zone = clock.get(18..)?;
    let shaped = day.len() == 10 && (zone == "Z" || zone.starts_with(['+', '-']) && zone.len() == 6);
    Some(Stamp { day, second: clock.get(..8)?, milli: clock.get(..12)?, zone }).filter(|_| shaped)
}

/// `UTC`, `UTC+02:00`.
pub(super) fn zone(time: &str) -> String {
    parts(time)
        .filter(|stamp| stamp.zone != "Z")
        .map_or_else(|| "UTC".to_owned(), |stamp| format!("UTC{}", stamp.zone))
}

/// `2024-05-06`.
pub(super) fn day(time: &str) -> Option<&str> {
    parts(time).map(|stamp| stamp.day)
}

/// `+01:00`, if the clocks were put back or forward between both: else nothing.
pub(super) fn other_offset(time: &str, head: &str) -> String {
    match (parts(time), parts(head)) {
        (Some(own), Some(head)) if own.zone != head.zone => own.zone.to_owned(),
        _ => String::new(),
    }
}

/// `20:10:10.747`, with the offset from UTC where it is another than that of `head`.
pub(super) fn clock_beside(time: &str, head: &str) -> String {
    clock(time) + &other_offset(time, head)
}

/// `2024-05-06 20:10:10.747`.
pub(super) fn date_time(time: &str) -> String {
    parts(time).map_or_else(|| time.to_owned(), |stamp| format!("{} {}", stamp.day, stamp.milli))
}

/// From when to when a certificate holds. It says so in UTC, whatever zone the page is in.
pub(super) fn validity(certificate: &Certificate) -> Option<String> {
    let time = |time: &Option<String>| time.as_deref().map_or_else(|| "?".to_owned(), to_second);
    let (from, until) = (&certificate.not_before, &certificate.not_after);
    let said = from.is_some() || until.is_some();
    said.then(|| format!("{} to {} UTC", time(from), time(until)))
}

/// `20:10:10.747`.
pub(super) fn clock(time: &str) -> String {
    parts(time).map_or_else(|| time.to_owned(), |stamp| stamp.milli.to_owned())
}

/// `2024-05-06 20:10:10`.
pub(super) fn to_second(time: &str) -> String {
    parts(time).map_or_else(|| time.to_owned(), |stamp| format!("{} {}", stamp.day, stamp.second))
}

/// `20:10:10`.
pub(super) fn clock_to_second(time: &str) -> String {
    parts(time).map_or_else(|| time.to_owned(), |stamp| stamp.second.to_owned())
}

/// `2024-05-06 20:10:10.747 to 20:10:11.002 UTC`.
pub(super) fn zoned_span(first: &str, last: &str) -> String {
    let (from, to) = (zone(first), zone(last));
    if from == to {
        return format!("{} {to}", span(first, last));
    }
    // The clocks were put back or forward in between.
    format!("{} {from} to {} {to}", date_time(first), date_time(last))
}

/// `2024-05-06 20:10:10.747 to 20:10:11.002`, with the day again only if it is another one.
pub(super) fn span(first: &str, last: &str) -> String {
    match (parts(first), parts(last)) {
        (Some(a), Some(b)) if a.day == b.day && a.milli == b.milli => date_time(first),
        (Some(a), Some(b)) if a.day == b.day => format!("{} to {}", date_time(first), b.milli),
        _ => format!("{} to {}", date_time(first), date_time(last)),
    }
}

/// `12,345`.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3 + 1);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 frame`, `12,345 frames`.
pub(super) fn counted(number: u64, one: &str) -> String {
    format!("{} {one}{}", count(number), if number == 1 { "" } else { "s" })
}

/// `+2.013 s`, `-35 ms`, `+2 min 3.2 s`, `+2 h 0 min 3.2 s`.
pub(super) fn offset(milliseconds: f64) -> String {
    let sign = if milliseconds < 0.0 { "-" } else { "+" };
    let size = milliseconds.abs();
    if !size.is_finite() {
        "unknown".to_owned()
    } else if size < 10.0 {
        format!("{sign}{size:.2} ms")
    } else if size < 1_000.0 {
        format!("{sign}{size:.0} ms")
    } else if size < 60_000.0 {
        format!("{sign}{:.3} s", size / 1_000.0)
    } else {
        let tenths = (size / 100.0).round();
        let (hours, minutes) = ((tenths / 36_000.0).floor(), (tenths % 36_000.0 / 600.0).floor());
        let whole = if hours > 0.0 { format!("{hours:.0} h ") } else { String::new() };
        format!("{sign}{whole}{minutes:.0} min {:.1} s", tenths % 600.0 / 10.0)
    }
}

/// `0.42 ms`, `43 ms`, `1.300 s`.
pub(super) fn duration(milliseconds: f64) -> String {
    offset(milliseconds).trim_start_matches(['+', '-']).to_owned()
}

/// `10.0.0.5:50123`, `[fe80::1]:3389`; without the port if it is unknown.
pub(super) fn endpoint(endpoint: &Endpoint) -> String {
    match (endpoint.port, endpoint.ip.contains(':')) {
        (0, _) => endpoint.ip.clone(),
        (port, true) => format!("[{}]:{port}", endpoint.ip),
        (port, false) => format!("{}:{port}", endpoint.ip),
    }
}

/// Characters of a name that lists and headlines show. Host names have at most 63 in a label, users fewer.
const NAME: usize = 64;

/// A name or address from the wire or a log, cut if nobody would have such a one.
pub(super) fn name(name: &str) -> Text {
    match name.char_indices().nth(NAME) {
        Some((end, _)) => Text::code(name.get(..end).unwrap_or_default()).and_dim("…"),
        None => Text::code(name),
    }
}

/// Who with whom: `alice, 10.0.0.5 → 10.0.0.9:3389`.
pub(super) fn who(incident: &Incident) -> Text {
    let user = match &incident.user {
        Some(user) => name(user).and(", "),
        None => Text::new(),
    };
    user.then(name(&incident.client)).and(" → ").then(name(&incident.server))
}

/// The last stage that the incident entered: that of the deciding connection, else of the last one.
pub(super) fn reached(report: &Report, incident: &Incident) -> &'static str {
    let id = incident.deciding_connection.or_else(|| incident.connections.last().copied());
    let connection = id.and_then(|id| connection(report, id));
    connection.map_or("", |connection| connection.reached)
}

/// The connection of that number.
pub(super) fn connection(report: &Report, id: u32) -> Option<&super::model::Connection> {
    // Ids are 1, 2, … in list order; search if a report was cut.
    let guess = usize::try_from(id).ok()?.checked_sub(1).and_then(|index| report.connections.get(index));
    guess.filter(|connection| connection.id == id).or_else(|| report.connections.iter().find(|c| c.id == id))
}

/// The source of that number.
pub(super) fn source(report: &Report, id: u32) -> Option<&Source> {
    let guess = usize::try_from(id).ok().and_then(|index| report.sources.get(index));
    guess.filter(|source| source.id == id).or_else(|| report.sources.iter().find(|source| source.id == id))
}

/// The last part of a path.
pub(super) fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).find(|part| !part.is_empty()).unwrap_or(path)
}

/// A channel by the word that people use: `RdpCoreTS` for
/// `Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational`.
pub(super) fn channel(channel: &str) -> &str {
    let provider = channel.split('/').next().unwrap_or(channel);
    provider.rsplit('-').find(|part| !part.is_empty()).unwrap_or(provider)
}

/// Where a fact can be looked up: `frame 7`, `RdpCoreTS 131, record 5511`; with the file, if there is more than
/// one of its kind.
pub(super) fn place(report: &Report, evidence: &Evidence) -> String {
    let file = source(report, evidence.source);
    // The event's own channel; a collected log has several.
    let known = evidence.channel.as_deref().or_else(|| file.and_then(|file| file.channel.as_deref()));
    let log = || escape::visible(known.map_or("event", channel));
    if let Some(line) = evidence.line {
        return format!("line {line} of file {}", evidence.source);
    }
    let what = match (evidence.frame, evidence.record, evidence.event_id) {
        (Some(frame), _, _) => format!("frame {frame}"),
        (None, Some(record), Some(id)) => format!("{} {id}, record {record}", log()),
        (None, Some(record), None) => format!("{}, record {record}", log()),
        (None, None, Some(id)) => format!("{} {id}", log()),
        (None, None, None) => String::new(),
    };
    in_file(report, &what, evidence.source)
}

/// A frame of the source with that number.
pub(super) fn frame(report: &Report, number: u64, source: Option<u32>) -> String {
    let what = format!("frame {number}");
    source.map_or_else(|| what.clone(), |source| in_file(report, &what, source))
}

/// The event that speaks of a connection: `RdpCoreTS 131`.
pub(super) fn event_name(event: &JoinedEvent) -> String {
    format!("{} {}", channel(&event.channel), event.event_id)
}

/// `what`, and the file where another one could be meant: one of the same kind (and channel).
pub(super) fn in_file(report: &Report, what: &str, id: u32) -> String {
    let Some(file) = source(report, id) else {
        return what.to_owned();
    };
    let alike = |other: &&Source| {
        other.kind == file.kind && (file.kind == "capture" || other.channel == file.channel)
    };
    let several = report.sources.iter().filter(alike).nth(1).is_some();
    match (several, what.is_empty()) {
        (true, true) => format!("file {id}"),
        (true, false) => format!("{what} of file {id}"),
        (false, _) => what.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_to_the_millisecond_and_strange_ones_as_they_are() {
        let time = "2024-05-06T20:10:10.747423000Z";
        assert_eq!(date_time(time), "2024-05-06 20:10:10.747");
        assert_eq!(clock(time), "20:10:10.747");
        assert_eq!(to_second(time), "2024-05-06 20:10:10");
        assert_eq!(span(time, "2024-05-06T20:10:11.000000000Z"), "2024-05-06 20:10:10.747 to 20:10:11.000");
        assert_eq!(
            span(time, "2024-05-07T00:00:00.000000000Z"),
            "2024-05-06 20:10:10.747 to 2024-05-07 00:00:00.000"
        );
        let local = "2024-05-06T22:10:10.747423000+02:00";
        assert_eq!((clock(local).as_str(), zone(local).as_str()), ("22:10:10.747", "UTC+02:00"));
        assert_eq!(zoned_span(time, time), "2024-05-06 20:10:10.747 UTC");
        let back = zoned_span(local, "2024-05-06T21:10:11.000000000+01:00");
        assert_eq!(back, "2024-05-06 22:10:10.747 UTC+02:00 to 2024-05-06 21:10:11.000 UTC+01:00");
        for strange in
            ["", "T", "-9223372036854775808 ns", "TTTTTTTTTTTTTTTTTTTTTTTTTTZ", "ü024-05-06T20:10:10.7Z"]
        {
            assert_eq!(date_time(strange), strange);
            assert_eq!(clock(strange), strange);
        }
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(
            (count(7), count(1_234), count(u64::MAX)),
            ("7".into(), "1,234".into(), "18,446,744,073,709,551,615".into())
        );
        assert_eq!(counted(1, "frame"), "1 frame");
        assert_eq!(offset(0.421), "+0.42 ms");
        assert_eq!(offset(-35.2), "-35 ms");
        assert_eq!(offset(2_013.0), "+2.013 s");
        assert_eq!(offset(7_203_200.0), "+2 h 0 min 3.2 s");
        assert_eq!(offset(-59_999.96), "-60.000 s");
        assert_eq!(offset(119_999.96), "+2 min 0.0 s");
        assert_eq!(offset(f64::NAN), "unknown");
        assert_eq!(duration(43.0), "43 ms");
    }

    #[test]
    fn endless_names_are_cut() {
        let shown =
            |text: &str| name(text).spans().iter().map(|span| span.text().to_owned()).collect::<String>();
        assert_eq!(shown("srv01.corp.example"), "srv01.corp.example");
        assert_eq!(shown(&"ü".repeat(200)), format!("{}…", "ü".repeat(64)));
    }

    #[test]
    fn channels_go_by_their_last_word() {
        assert_eq!(channel("Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational"), "RdpCoreTS");
        assert_eq!(channel("Security"), "Security");
        assert_eq!(channel("-/-"), "-");
    }

    #[test]
    fn files_go_by_their_name_on_any_system() {
        assert_eq!(file_name("C:\\case\\a.evtx"), "a.evtx");
        assert_eq!(file_name("/case/a.evtx"), "a.evtx");
        assert_eq!(file_name("/"), "/");
    }
}
