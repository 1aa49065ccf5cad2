//! The `events` shorthand: which records a log holds, timed against the connections of the capture.
//!
//! Knows the capture's connections by number only. Nothing here decides what Windows would log: the author of the
//! case does, from the reference.

use super::{Made, option, words};
use crate::support::bytes::{Nanos, SECOND, date, hash, number, seconds};
use crate::support::capture::read::Connection;
use crate::support::event::Event;
use crate::support::evtx::Log;
use crate::support::shapes::{self, Shape};
use std::net::SocketAddr;

/// Makes the logs of one block. `sample` seeds the ids, `connections` are those of the capture.
pub fn build(sample: &str, lines: &[String], connections: &[Connection]) -> Vec<Made> {
    let mut writer = Writer::new(sample, connections);
    for line in lines {
        writer.line(line);
    }
    writer.end_log();
    writer.made
}

/// A connection that events can refer to, `c1` (captured) or any name given by a `connection` line.
struct Peer {
    label: String,
    client: SocketAddr,
    server: Option<SocketAddr>,
    time: Nanos,
}

/// The log being written.
struct Open {
    file: String,
    computer: String,
    clock: Nanos,
    log: Log,
    next: u64,
    last: Nanos,
}

struct Writer<'a> {
    sample: String,
    captured: &'a [Connection],
    base: Nanos,
    peers: Vec<Peer>,
    open: Option<Open>,
    made: Vec<Made>,
}

impl<'a> Writer<'a> {
    fn new(sample: &str, captured: &'a [Connection]) -> Self {
        let mut writer = Self {
            sample: sample.to_owned(),
            captured,
            base: captured.first().map_or(0, |first| first.syn),
            peers: Vec::new(),
            open: None,
            made: Vec::new(),
        };
        writer.number_connections(|server| server.port() == 3389);
        writer
    }

    /// `c1` … in the order of their SYN, of those connections that go to the wanted server.
    fn number_connections(&mut self, wanted: impl Fn(&SocketAddr) -> bool) {
        self.peers = self
            .captured
            .iter()
            .filter(|connection| wanted(&connection.server))
            .enumerate()
            .map(|(index, connection)| Peer {
                label: format!("c{}", index + 1),
                client: connection.client,
                server: Some(connection.server),
                time: connection.start(),
            })
            .collect();
    }

    fn line(&mut self, line: &str) {
        let words = words(line);
        let rest = &words[1..];
        match words[0].as_str() {
            "log" => self.start_log(rest),
            "chunk" => self.open.as_mut().expect("`chunk` after `log`").log.start_chunk(),
            "base" => self.base = date(&rest[0]),
            "connections" => {
                let port = option(rest, "port").map(|port| number(port) as u16);
                let server: Option<SocketAddr> = option(rest, "server").map(|text| text.parse().unwrap());
                self.number_connections(|it| server.map_or(port == Some(it.port()), |server| server == *it));
            }
            "connection" => self.peers.push(Peer {
                label: rest[0].clone(),
                client: option(rest, "client").expect("client=ip:port").parse().expect("client=ip:port"),
                server: option(rest, "server").map(|text| text.parse().expect("server=ip:port")),
                time: self.base + seconds(option(rest, "at").unwrap_or("0")),
            }),
            label => self.event(label, rest, line),
        }
    }

    fn start_log(&mut self, rest: &[String]) {
        self.end_log();
        let first = number(option(rest, "first-record").unwrap_or("1"));
        self.open = Some(Open {
            file: rest[0].clone(),
            computer: option(rest, "computer").expect("computer=").to_owned(),
            clock: option(rest, "clock").map_or(0, seconds),
            log: Log::new(first),
            next: first,
            last: Nanos::MIN,
        });
    }

    fn end_log(&mut self) {
        if let Some(open) = self.open.take() {
            self.made.push((open.file, open.log.finish()));
        }
    }

    fn event(&mut self, label: &str, rest: &[String], line: &str) {
        let (from, after) = match rest.get(1).map(String::as_str) {
            Some("from") => (self.peer(&rest[2]).time, 3),
            _ if label == "-" => (self.base, 1),
            _ => (self.peer(label).time, 1),
        };
        let clock = self.open.as_ref().expect("`log` before the first event").clock;
        let time = from + seconds(&rest[0]) + clock;
        let shape = shapes::find(&rest[after]);
        let (system, fields): (Vec<&String>, Vec<&String>) =
            rest[after + 1..].iter().partition(|word| word.starts_with('@'));
        let system: Vec<String> = system.into_iter().cloned().collect();
        let values: Vec<(String, String)> = fields
            .into_iter()
            .map(|word| word.split_once('=').unwrap_or_else(|| panic!("not name=value: {word} in {line}")))
            .map(|(name, value)| (name.to_owned(), self.substitute(value, time)))
            .collect();
        let activity = match option(&system, "@activity") {
            Some("-") => None,
            Some(id) => Some(self.substitute(id, time)),
            None => self.activity(label, shape),
        };
        let open = self.open.as_mut().expect("an open log");
        assert!(
            time >= open.last || system.iter().any(|word| word == "@back"),
            "an event before its predecessor (say @back if it is meant): {line}"
        );
        open.last = time;
        if let Some(id) = option(&system, "@record") {
            open.next = number(id);
        }
        let step = option(&system, "@step").map_or(0, seconds);
        for repeat in 0..option(&system, "@times").map_or(1, number) {
            let event = Event {
                shape,
                record: open.next,
                time: time + repeat as i64 * step,
                computer: option(&system, "@computer").unwrap_or(&open.computer).to_owned(),
                activity: activity.clone(),
                process: option(&system, "@process")
                    .map_or_else(|| process_of(shape), |id| number(id) as u32),
                thread: option(&system, "@thread").map_or(2316, |id| number(id) as u32),
                values: values.clone(),
            };
            open.log.push(event.record, event.time, &event.body());
            open.last = event.time;
            open.next += 1;
        }
    }

    fn peer(&self, label: &str) -> &Peer {
        let name = label.strip_suffix(".udp").unwrap_or(label);
        let known = || self.peers.iter().map(|peer| peer.label.as_str()).collect::<Vec<_>>();
        self.peers
            .iter()
            .find(|peer| peer.label == name)
            .unwrap_or_else(|| panic!("no connection {name} in {}, only {:?}", self.sample, known()))
    }

    /// The ActivityID a provider uses for this connection: the server's own (`f420…0000`) in the server channels,
    /// the client's (version 4, `…0000`) in the client's log and for the UDP side.
    fn activity(&self, label: &str, shape: &Shape) -> Option<String> {
        let server_channel = ["RdpCoreTS", "RemoteConnectionManager", "LocalSessionManager"]
            .iter()
            .any(|name| shape.provider.ends_with(name));
        // The gateway goes on with the id that its client brings.
        let client_channel = ["ClientActiveXCore", "TerminalServices-Gateway"]
            .iter()
            .any(|name| shape.provider.ends_with(name));
        if label == "-" {
            // Service and listener records carry an id of their own.
            let listener =
                server_channel && shape.has_activity && !shape.provider.ends_with("LocalSessionManager");
            return listener.then(|| self.id("f462", "listener"));
        }
        self.peer(label);
        let udp = label.strip_suffix(".udp");
        if udp.is_some() || client_channel {
            return Some(client_activity(&self.sample, udp.unwrap_or(label)));
        }
        server_channel.then(|| self.id("f420", label))
    }

    fn id(&self, prefix: &str, label: &str) -> String {
        activity_id(&self.sample, prefix, label)
    }

    /// Replaces `{c1.client}`, `{c1.ip}`, `{c1.port}`, `{c1.server}`, `{c1.server-ip}`, `{c1.activity}` and
    /// `{now}`, `{now-3600}` (a date on the log's clock).
    fn substitute(&self, text: &str, now: Nanos) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, tail)) = rest.split_once('{') {
            let (name, after) =
                tail.split_once('}').unwrap_or_else(|| panic!("a brace is not closed: {text}"));
            out.push_str(before);
            out.push_str(&self.variable(name, now));
            rest = after;
        }
        out + rest
    }

    fn variable(&self, name: &str, now: Nanos) -> String {
        if let Some(offset) = name.strip_prefix("now") {
            let shift = if offset.is_empty() { 0 } else { seconds(offset) };
            let time = jiff::Timestamp::new((now + shift).div_euclid(SECOND), 0).unwrap();
            let ticks = (now + shift).rem_euclid(SECOND) / 100;
            return format!("{}.{ticks:07}Z", time.strftime("%Y-%m-%dT%H:%M:%S"));
        }
        let Some((label, part)) = name.split_once('.') else {
            // A literal GUID.
            return format!("{{{name}}}");
        };
        let peer = self.peer(label);
        match part {
            "client" => peer.client.to_string(),
            "ip" => peer.client.ip().to_string(),
            "port" => peer.client.port().to_string(),
            "server" => peer.server.expect("a known server").to_string(),
            "server-ip" => peer.server.expect("a known server").ip().to_string(),
            "activity" => self.id("f420", label),
            "client-activity" => client_activity(&self.sample, label),
            _ => panic!("unknown {{{name}}}"),
        }
    }
}

/// The id that a client gives its connection: in its own log, in its RDPEUDP SYN, and so in the server's UDP records.
pub fn client_activity(sample: &str, label: &str) -> String {
    activity_id(sample, "", &format!("client {label}"))
}

/// A version 4 GUID ending in `0000`.
fn activity_id(sample: &str, prefix: &str, label: &str) -> String {
    let a = hash(&format!("{sample} {label}"));
    let b = hash(&format!("{label} {sample}"));
    // A client's id must not look like one made by a server, and its first byte must not be 00 ([MS-RDPBCGR] 2.2.1.1.2).
    let first = if prefix.is_empty() { format!("5{:03x}", a >> 48 & 0xfff) } else { prefix.to_owned() };
    format!(
        "{{{first}{:04x}-{:04x}-4{:03x}-{:04x}-{:08x}0000}}",
        a >> 32 & 0xffff,
        a >> 16 & 0xffff,
        a & 0xfff,
        0x8000 | b >> 48 & 0x3fff,
        b & 0xffff_ffff
    )
}

/// The process that writes this provider's records.
fn process_of(shape: &Shape) -> u32 {
    match shape.provider.rsplit('-').next().unwrap_or_default() {
        "RdpCoreTS" | "RemoteConnectionManager" => 1208,
        "LocalSessionManager" => 884,
        "Schannel" | "Auditing" => 712,
        "Service Control Manager" => 664,
        "ClientActiveXCore" => 5120,
        "Gateway" => 2044,
        _ => 1064,
    }
}
