//! Pieces of an RDP connection: negotiation, TLS, NLA, MCS, work, and the ways to end. Sizes as in `protocol.md`.
//!
//! Each piece leaves the moment at which its last message has arrived. Knows no cause.

use super::super::support::bytes::{Nanos, SECOND};
use super::super::support::capture::conversation::{ACK, RST, Way};
use super::super::support::capture::{rdp, tls};
use super::log::{Build, Logged};
use super::world::{Fate, MS, World};

pub const UP: Way = Way::ToServer;
pub const DOWN: Way = Way::ToClient;

/// What most clients ask for.
pub const ALL_PROTOCOLS: u32 = 0x0b;

/// Who connects, and how the connection is seen.
#[derive(Clone, Copy)]
pub struct Party {
    /// The client's computer and the server's.
    pub client: usize,
    pub server: usize,
    pub outside: Option<std::net::IpAddr>,
    /// A NAT that also changes ports.
    pub shifts_ports: bool,
    pub user: &'static str,
    pub build: Build,
}

impl World {
    /// A new flow of this party from a port of its own.
    pub fn connect(&mut self, party: &Party, port: u16) -> usize {
        let source = 49_152 + self.random.below(16_000) as u16;
        let mapped = if party.shifts_ports { 1_024 + self.random.below(48_000) as u16 } else { source };
        let outside = party.outside.map(|ip| std::net::SocketAddr::new(ip, mapped));
        self.flow((party.client, source), (party.server, port), outside)
    }

    pub fn request(&mut self, flow: usize, user: &str, protocols: Option<u32>) {
        self.pause(0, 2);
        let bytes = request(user, protocols);
        self.say(flow, UP, &bytes);
    }

    pub fn confirm(&mut self, flow: usize, selected: u32) {
        self.pause(2, 18);
        self.say(flow, DOWN, &rdp::negotiation_response(0x1f, selected));
    }

    /// Handshake, request and confirm.
    pub fn negotiate(&mut self, flow: usize, user: &str, selected: u32) {
        self.open(flow);
        self.request(flow, user, Some(ALL_PROTOCOLS));
        self.confirm(flow, selected);
    }

    pub fn hello(&mut self, flow: usize) {
        self.pause(1, 6);
        let bytes = self.hello_bytes(Some("srv07.example.test"), tls::MODERN_SUITES);
        self.say(flow, UP, &bytes);
    }

    pub fn hello_bytes(&mut self, name: Option<&str>, suites: &[u16]) -> Vec<u8> {
        let label = format!("hello {}", self.fresh());
        tls::client_hello(&label, name, suites)
    }

    pub fn flight(&mut self, flow: usize) {
        self.pause(1, 5);
        let label = format!("flight {}", self.fresh());
        self.say(flow, DOWN, &tls::server_flight(&label));
    }

    pub fn finish_tls(&mut self, flow: usize) {
        self.pause(1, 6);
        let label = format!("finish {}", self.fresh());
        self.say(flow, UP, &tls::client_finish(&label));
        self.pause(1, 3);
        self.say(flow, DOWN, &tls::server_finish(&label));
    }

    /// A whole TLS handshake.
    pub fn tls(&mut self, flow: usize) {
        self.hello(flow);
        self.flight(flow);
        self.finish_tls(flow);
    }

    /// Protected records of these plaintext sizes, in one write.
    pub fn app(&mut self, flow: usize, way: Way, sizes: &[usize]) {
        let bytes = self.app_bytes(sizes);
        self.say(flow, way, &bytes);
    }

    pub fn app_bytes(&mut self, sizes: &[usize]) -> Vec<u8> {
        sizes.iter().flat_map(|size| tls::protected(tls::APPLICATION, *size, self.fresh())).collect()
    }

    /// NTLM up to the client's last token.
    pub fn tokens(&mut self, flow: usize) {
        self.pause(2, 9);
        self.app(flow, UP, &[57]);
        self.pause(1, 4);
        let challenge = 281 + self.random.below(30);
        self.app(flow, DOWN, &[challenge]);
        self.pause(5, 40);
        let answer = 671 + self.random.below(70);
        self.app(flow, UP, &[answer]);
    }

    /// The rest of a good NLA, after the tokens.
    pub fn granted(&mut self, flow: usize) {
        self.pause(10, 60);
        self.app(flow, DOWN, &[103]);
        self.pause(1, 5);
        self.app(flow, UP, &[183]);
        self.pause(50, 500);
        self.app(flow, DOWN, &[4]);
    }

    /// A bare status after the client's last token; the client leaves at once.
    pub fn status(&mut self, flow: usize) {
        self.app(flow, DOWN, &[15]);
        self.now += 200_000 + self.random.below(500_000) as Nanos;
        self.rst(flow, UP);
    }

    /// MCS up to the client info.
    pub fn mcs(&mut self, flow: usize) {
        self.pause(1, 4);
        self.app(flow, UP, &[462]);
        self.pause(1, 4);
        self.app(flow, DOWN, &[126]);
        self.pause(1, 2);
        self.app(flow, UP, &[12, 8]);
        self.app(flow, DOWN, &[11]);
        for _ in 0..5 {
            self.app(flow, UP, &[12]);
            self.app(flow, DOWN, &[15]);
        }
        self.pause(1, 3);
        self.app(flow, UP, &[412]);
    }

    /// Licence, capabilities, and the first picture.
    pub fn picture(&mut self, flow: usize) {
        self.pause(1, 4);
        self.app(flow, DOWN, &[34]);
        self.pause(2, 5);
        self.app(flow, DOWN, &[428]);
        self.pause(3, 6);
        self.app(flow, UP, &[512]);
        self.app(flow, UP, &[36, 40, 40, 44]);
        self.app(flow, DOWN, &[36, 40, 40, 44]);
        self.pause(300, 900);
        self.app(flow, DOWN, &[1180, 2240, 900]);
    }

    /// Input and picture, with pauses of up to `gap` milliseconds.
    pub fn work(&mut self, flow: usize, exchanges: usize, gap: i64) {
        for _ in 0..exchanges {
            self.pause(gap / 3, gap);
            let (input, picture) = (12 + self.random.below(3) * 7, 180 + self.random.below(900));
            self.app(flow, UP, &[input]);
            self.pause(8, 30);
            self.app(flow, DOWN, &[picture]);
        }
    }

    /// A connection up to a usable session, with its records.
    pub fn session(&mut self, party: &Party) -> Logged {
        let flow = self.connect(party, 3389);
        self.negotiate(flow, party.user, 8);
        self.session_on(flow, party)
    }

    pub fn session_on(&mut self, flow: usize, party: &Party) -> Logged {
        self.tls(flow);
        let it = self.accepted(flow, party.user, party.build);
        self.tokens(flow);
        self.granted(flow);
        self.secured(&it);
        self.mcs(flow);
        self.picture(flow);
        self.in_session(&it);
        it
    }

    /// A connection up to the client's last token, with its records.
    pub fn up_to_tokens(&mut self, party: &Party) -> Logged {
        let flow = self.connect(party, 3389);
        self.negotiate(flow, party.user, 8);
        let it = self.accepted(flow, party.user, party.build);
        self.tls(flow);
        self.tokens(flow);
        it
    }

    /// The user closes the window.
    pub fn close_window(&mut self, it: &Logged) {
        self.pause(200, 900);
        self.app(it.flow, UP, &[9]);
        self.window_closed(it);
        self.now += 300_000;
        self.rst(it.flow, UP);
    }

    /// The server ends the session with this errorInfo.
    pub fn end_by_decision(&mut self, it: &Logged, code: u32, in_session: bool) {
        self.decided(it, code, in_session);
        self.app(it.flow, DOWN, &[36]);
        self.now -= self.delay;
        self.now += 200_000;
        self.app(it.flow, DOWN, &[9]);
        self.now += 400_000;
        self.rst(it.flow, UP);
    }

    /// A healthy session with its records, short: the noise around an incident.
    pub fn noise(&mut self, party: &Party, exchanges: usize) {
        let it = self.session(party);
        self.work(it.flow, exchanges, 4_000);
        self.close_window(&it);
    }

    /// SYNs of one attempt that nothing answers: 0, 1, 3, 7 s.
    pub fn syns(&mut self, flow: usize, fate: Fate) {
        let times = 3 + self.random.below(2);
        let mut gap = SECOND;
        for at in 0..times {
            if at > 0 {
                self.now += gap + self.random.below(15) as Nanos * MS;
                gap *= 2;
            }
            self.syn(flow, fate);
        }
    }

    /// Refused by a reset with the TTL of the server, three times, as Windows tries.
    pub fn resets(&mut self, flow: usize) {
        for at in 0..3 {
            if at > 0 {
                self.now += 500 * MS;
            }
            self.syn(flow, Fate::Arrives);
            let back = self.delay + 50_000;
            self.now += back;
            self.bare(flow, DOWN, RST | ACK, Fate::Arrives);
            self.now += self.delay;
        }
    }

    /// An answer to a ping, or whatever shows that the host is alive: another session just before.
    pub fn alive(&mut self, party: &Party) {
        let flow = self.connect(party, 445);
        self.open(flow);
        self.pause(1, 3);
        self.say(flow, UP, &[0, 0, 0, 45, 0xff, b'S', b'M', b'B', 0x72, 0, 0, 0, 0]);
        self.pause(1, 3);
        self.say(flow, DOWN, &[0, 0, 0, 41, 0xfe, b'S', b'M', b'B', 0x40, 0, 0, 0, 0]);
        self.fin(flow, UP);
        self.fin(flow, DOWN);
        self.ack(flow, UP);
    }
}

pub fn request(user: &str, protocols: Option<u32>) -> Vec<u8> {
    let name: String = format!("EXAMPLE\\{user}").chars().take(9).collect();
    rdp::connection_request(&rdp::Request {
        cookie: Some(&name),
        negotiation: protocols.map(|asked| (0, asked)),
        correlation: None,
    })
}
