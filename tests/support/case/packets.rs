//! The `packets` shorthand: hosts, connections, and what each frame carries.
//!
//! Knows how to say it, not what a server would answer: the author of the case writes both sides.

use super::events::client_activity;
use super::{Made, option, words};
use crate::support::bytes::{Nanos, date, hash, number, seconds, unhex};
use crate::support::capture::conversation::{ACK, Conversation, FIN, RST, Way};
use crate::support::capture::file::{self, Frame};
use crate::support::capture::udp::{self, Host};
use crate::support::capture::view::{At, View};
use crate::support::capture::{rdp, tls};
use crate::support::event::guid_of;
use std::collections::BTreeMap;

/// Makes the captures of one block; `sample` seeds the ids that its logs repeat.
pub fn build(sample: &str, lines: &[String]) -> Vec<Made> {
    let mut writer = Writer { sample: sample.to_owned(), ..Writer::default() };
    for line in lines {
        writer.line(line);
    }
    writer.finish()
}

#[derive(Default)]
struct Writer {
    sample: String,
    file: Option<String>,
    /// The captures taken at the other end.
    views: Vec<View>,
    /// Whether this one was taken near the client.
    near_client: bool,
    start: Nanos,
    now: Nanos,
    hosts: BTreeMap<String, Host>,
    delay: [Nanos; 2],
    connections: BTreeMap<String, Conversation>,
    frames: Vec<Frame>,
    /// Which points each frame passes.
    passes: Vec<At>,
    records: u64,
    /// Last source packet of each host on its UDP side.
    sources: BTreeMap<String, u32>,
}

impl Writer {
    fn line(&mut self, line: &str) {
        let words = words(line);
        match words[0].as_str() {
            "file" => self.file = Some(words[1].clone()),
            "start" => {
                self.start = date(&words[1]);
                self.now = self.start;
            }
            "host" => {
                let ttl = option(&words, "ttl").map_or(128, |ttl| number(ttl) as u8);
                let ip = words[2].parse().unwrap_or_else(|_| panic!("not an address: {line}"));
                // Two samples show two computers, and count on their own.
                let seed = format!("{} {}", self.sample, words[1]);
                self.hosts.insert(words[1].clone(), Host::new(&seed, ip, ttl));
            }
            "vantage" => {
                let far = seconds(option(&words, "rtt").expect("rtt="));
                let near = 100_000;
                self.near_client = words[1] != "server";
                self.delay = match words[1].as_str() {
                    "server" => [near, far],
                    "client" => [far, near],
                    "path" => [far / 2, far / 2],
                    other => panic!("vantage is client, server or path, not {other}"),
                };
            }
            "view" => self.views.push(View::new(&words)),
            "connection" => {
                let mss = option(&words, "mss").map_or(1460, |mss| number(mss) as u16);
                let seed = format!("{} {}", self.sample, words[1]);
                let talk =
                    Conversation::new(&seed, endpoint(&words[2]), endpoint(&words[3]), mss, self.delay);
                self.connections.insert(words[1].clone(), talk);
            }
            _ => self.frame_line(&words, line),
        }
    }

    fn frame_line(&mut self, words: &[String], line: &str) {
        let time = match words[0].split_at(1) {
            ("+", after) => self.now + seconds(after),
            ("=", since) => self.start + seconds(since),
            _ => panic!("a time is +seconds after the last frame or =seconds after the start: {line}"),
        };
        assert!(time >= self.now, "a frame before its predecessor: {line}");
        self.settle(time);
        self.now = time;
        self.passes.resize(self.frames.len(), At::Both);
        let says = |what: &str| words.iter().any(|word| word == what);
        let at = match (says("@there"), says("@here") || says("lost") && !says("@both")) {
            (true, _) => At::There,
            (false, true) => At::Here,
            (false, false) => At::Both,
        };
        let words: Vec<String> = words.iter().filter(|word| !word.starts_with('@')).cloned().collect();
        if words[1] == "udp" {
            self.datagram(&words[2..], line);
        } else {
            self.segment(&words[1], &words[2..], line);
        }
        self.passes.resize(self.frames.len(), at);
    }

    /// Late acknowledgments of all connections up to `time`.
    fn settle(&mut self, time: Nanos) {
        for talk in self.connections.values_mut() {
            talk.settle(&mut self.hosts, &mut self.frames, time);
        }
    }

    fn datagram(&mut self, words: &[String], line: &str) {
        let ((from, from_port), (to, to_port)) = (endpoint(&words[0]), endpoint(&words[1]));
        let kind = |text: &str| match text {
            "A" => 1,
            "AAAA" => 28,
            other => number(other) as u16,
        };
        let id = option(words, "id").map_or(0, |id| number(id) as u16);
        let payload = match words[2].as_str() {
            "query" => udp::dns_query(id, &words[3], kind(&words[4])),
            "no-such-name" => udp::dns_no_such_name(id, &words[3], kind(&words[4])),
            "address" => udp::dns_address(id, &words[3], words[4].parse().expect("an address")),
            "krb-error" => udp::krb_error(&words[4], number(&words[3]) as u8),
            "hex" => unhex(&words[3..].concat()),
            "rdpeudp-syn" => udp::rdpeudp_syn(guid_of(&client_activity(&self.sample, &words[3]))),
            "rdpeudp-syn-ack" => udp::rdpeudp_syn_ack(),
            "rdpeudp" => return self.rdpeudp((&from, from_port), (&to, to_port), &words[3..], line),
            "opaque" => udp::opaque(&format!("{line} {}", self.frames.len()), number(&words[3]) as usize),
            other => panic!("unknown datagram {other}: {line}"),
        };
        self.push_datagram((&from, from_port), (&to, to_port), &payload);
    }

    fn push_datagram(&mut self, from: (&str, u16), to: (&str, u16), payload: &[u8]) {
        let receiver = self.hosts[to.0].clone();
        let sender = self.hosts.get_mut(from.0).expect("a host line");
        let data = udp::datagram(sender, from.1, &receiver, to.1, payload);
        self.frames.push(Frame { time: self.now, data });
    }

    /// TLS over RDPEUDP: the messages of a TCP line, cut into source packets.
    fn rdpeudp(&mut self, from: (&str, u16), to: (&str, u16), words: &[String], line: &str) {
        let bytes = match words[0].as_str() {
            "client-hello" => tls::client_hello("udp", option(words, "sni"), tls::MODERN_SUITES),
            "server-flight" => tls::server_flight("udp"),
            "client-finish" => tls::client_finish("udp"),
            "server-finish" => tls::server_finish("udp"),
            "app" => tls::protected(
                tls::APPLICATION,
                number(&words[1]) as usize,
                hash(&format!("udp {}", self.frames.len())),
            ),
            other => panic!("unknown message {other}: {line}"),
        };
        for piece in bytes.chunks(1200) {
            let number = self.sources.get(from.0).copied().unwrap_or(0) + 1;
            let acknowledged = self.sources.get(to.0).copied().unwrap_or(0);
            self.push_datagram(from, to, &udp::rdpeudp_data(number, acknowledged, piece));
            self.sources.insert(from.0.to_owned(), number);
            self.now += 20_000;
        }
    }

    fn segment(&mut self, label: &str, words: &[String], line: &str) {
        let mut talk =
            self.connections.remove(label).unwrap_or_else(|| panic!("no connection {label}: {line}"));
        let way = match words[0].as_str() {
            ">" => Some(Way::ToServer),
            "<" => Some(Way::ToClient),
            _ => None,
        };
        match way {
            None => self.both_ways(&mut talk, words, line),
            Some(way) => self.one_way(&mut talk, way, label, &words[1..], line),
        }
        self.connections.insert(label.to_owned(), talk);
    }

    fn both_ways(&mut self, talk: &mut Conversation, words: &[String], line: &str) {
        match words[0].as_str() {
            "open" => self.now = talk.open(&mut self.hosts, &mut self.frames, self.now),
            // Input and picture: `chatter 8 0.25` is eight exchanges, a quarter of a second apart.
            "chatter" => {
                let step = seconds(&words[2]);
                let first = self.now;
                for index in 0..number(&words[1]) {
                    self.now = first + index as Nanos * step;
                    talk.settle(&mut self.hosts, &mut self.frames, self.now);
                    self.protected(talk, Way::ToServer, tls::APPLICATION, 12 + index as usize % 3 * 7, true);
                    self.now += self.delay[0].max(1_000_000) * 9;
                    self.protected(
                        talk,
                        Way::ToClient,
                        tls::APPLICATION,
                        180 + index as usize * 97 % 900,
                        true,
                    );
                }
            }
            other => panic!("unknown action {other}: {line}"),
        }
    }

    fn one_way(&mut self, talk: &mut Conversation, way: Way, label: &str, words: &[String], line: &str) {
        let delivered = words.last().is_none_or(|word| word != "lost");
        let (hosts, frames) = (&mut self.hosts, &mut self.frames);
        let bytes = match words[0].as_str() {
            "syn" => return talk.syn(hosts, frames, self.now),
            "syn-ack" => return talk.syn_ack(hosts, frames, self.now),
            "ack" => return talk.bare(hosts, frames, self.now, way, ACK),
            "fin" => return talk.bare(hosts, frames, self.now, way, FIN | ACK),
            "rst" => return talk.bare(hosts, frames, self.now, way, RST | ACK),
            "rst-only" => return talk.bare(hosts, frames, self.now, way, RST),
            "forged-rst" => return forged(talk, hosts, frames, self.now, way, words),
            "keep-alive" => return talk.keep_alive(hosts, frames, self.now, way),
            "again" => return talk.again(hosts, frames, self.now, way, delivered),
            "app" | "close-notify" => {
                let (kind, sizes) = if words[0] == "app" {
                    (tls::APPLICATION, &words[1..])
                } else {
                    (tls::ALERT, &["2".to_owned()][..])
                };
                for size in sizes.iter().filter(|word| *word != "lost") {
                    self.protected(talk, way, kind, number(size) as usize, delivered);
                }
                return;
            }
            "cr" => rdp::connection_request(&rdp::Request {
                cookie: option(words, "cookie"),
                token: option(words, "token").map(|to| to.parse().expect("token=IP:PORT")),
                negotiation: option(words, "protocols").map(|asked| {
                    (option(words, "flags").map_or(0, |f| number(f) as u8), number(asked) as u32)
                }),
                correlation: option(words, "correlation").map(|id| match id {
                    "own" => guid_of(&client_activity(&self.sample, label)),
                    id => unhex(id).try_into().expect("16 bytes"),
                }),
            }),
            "cc" => {
                let flags = option(words, "flags").map_or(0x1f, |flags| number(flags) as u8);
                rdp::negotiation_response(flags, number(option(words, "selected").expect("selected=")) as u32)
            }
            "cc-failure" => rdp::negotiation_failure(number(&words[1]) as u32),
            "cc-bare" => rdp::bare_confirm(),
            "client-hello" => {
                let suites: Option<Vec<u16>> = option(words, "suites")
                    .map(|list| list.split(',').map(|suite| number(suite) as u16).collect());
                tls::client_hello(
                    label,
                    option(words, "sni"),
                    suites.as_deref().unwrap_or(tls::MODERN_SUITES),
                )
            }
            "server-flight" => tls::server_flight(label),
            "client-finish" => tls::client_finish(label),
            "server-finish" => tls::server_finish(label),
            "alert" => tls::alert(number(&words[1]) as u8),
            "hex" => unhex(&words[1..].concat()),
            other => panic!("unknown message {other}: {line}"),
        };
        self.now = talk.send(hosts, frames, self.now, way, &bytes, delivered);
    }

    fn protected(&mut self, talk: &mut Conversation, way: Way, kind: u8, plaintext: usize, delivered: bool) {
        self.records += 1;
        let bytes = tls::protected(kind, plaintext, hash(&format!("record {}", self.records)));
        self.now = talk.send(&mut self.hosts, &mut self.frames, self.now, way, &bytes, delivered) + 20_000;
    }

    fn finish(mut self) -> Vec<Made> {
        self.settle(self.now + 1_000_000_000);
        self.passes.resize(self.frames.len(), At::Both);
        let server = self.hosts.get("server").map(|host| host.ip);
        let there: Vec<Frame> = self.passing(At::Here);
        let made: Vec<Made> =
            self.views.iter().map(|view| view.made(&there, self.near_client, server)).collect();
        let name = self.file.take().unwrap_or_else(|| "capture.pcapng".to_owned());
        let mut here = self.passing(At::There);
        here.sort_by_key(|frame| frame.time);
        let bytes = if name == "capture.pcap" { file::pcap(&here) } else { file::pcapng(&here) };
        std::iter::once((name, bytes)).chain(made).collect()
    }

    /// All frames but those that pass another point only.
    fn passing(&self, but: At) -> Vec<Frame> {
        let frames = self.frames.iter().zip(&self.passes);
        frames.filter(|(_, at)| **at != but).map(|(frame, _)| frame.clone()).collect()
    }
}

/// A reset in the name of one end, which knows nothing of it; its identification is one that the end may use next.
fn forged(
    talk: &Conversation,
    hosts: &BTreeMap<String, Host>,
    frames: &mut Vec<Frame>,
    now: Nanos,
    way: Way,
    words: &[String],
) {
    let (mut talk, mut hosts) = (talk.clone(), hosts.clone());
    let name = if way == Way::ToServer { "client" } else { "server" };
    let host = hosts.get_mut(name).expect("a host line");
    host.ttl = option(words, "ttl").map_or(host.ttl, |ttl| number(ttl) as u8);
    host.next_id = option(words, "id").map_or(host.next_id, |id| number(id) as u16);
    talk.bare(&mut hosts, frames, now, way, RST | ACK);
}

/// `name:port`.
fn endpoint(text: &str) -> (String, u16) {
    let (name, port) = text.rsplit_once(':').unwrap_or_else(|| panic!("not name:port: {text}"));
    (name.to_owned(), port.parse().unwrap_or_else(|_| panic!("not a port: {text}")))
}
