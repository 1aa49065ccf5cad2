//! What the computers write into their logs while an incident happens: records with their channel, and files of them.
//!
//! Sequences follow `events.md` of the reference: (a) good session, (b) and (b') refused logon, (c) left early, (d) TLS
//! failure, (e) network, (g) window closed, (h) decision of the server. Knows no packets.

use std::collections::BTreeMap;

use super::super::support::bytes::{Nanos, SECOND};
use super::super::support::event::Event;
use super::super::support::evtx::Log;
use super::super::support::shapes;
use super::world::{MS, World};

/// The computer that writes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Who {
    Client,
    Server,
    Gateway,
}

/// One record to be written.
pub struct Record {
    pub at: Nanos,
    pub who: Who,
    pub shape: &'static str,
    pub values: Vec<(&'static str, String)>,
    pub activity: Option<String>,
}

/// Which Windows the server runs: the logs differ.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Build {
    Windows10,
    Server2012R2,
}

/// A connection as the server's logs know it.
#[derive(Clone)]
pub struct Logged {
    pub flow: usize,
    pub activity: String,
    pub number: u32,
    pub session: u32,
    pub user: &'static str,
    pub build: Build,
}

/// A GUID that begins with these digits and ends as those of RDP do.
pub fn guid(world: &mut World, prefix: &str) -> String {
    let (a, b) = (world.random.next(), world.random.next());
    let first = format!("{prefix}{a:016x}");
    format!(
        "{{{}-{:04x}-4{:03x}-{:04x}-{:08x}0000}}",
        &first[..8],
        a & 0xffff,
        b & 0xfff,
        0x8000 | (b >> 20 & 0x3fff),
        b >> 32
    )
}

impl World {
    /// A record of this moment.
    pub fn log(&mut self, who: Who, shape: &'static str, values: &[(&'static str, &str)]) {
        self.log_at(self.now, who, shape, values, None);
    }

    pub fn log_at(
        &mut self,
        at: Nanos,
        who: Who,
        shape: &'static str,
        values: &[(&'static str, &str)],
        activity: Option<&str>,
    ) {
        let values = values.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        self.records.push(Record { at, who, shape, values, activity: activity.map(str::to_owned) });
    }

    /// A record of a connection, some microseconds after its predecessor.
    fn of(&mut self, it: &Logged, at: &mut Nanos, shape: &'static str, values: &[(&'static str, &str)]) {
        *at += 100_000 + self.random.below(900_000) as Nanos;
        self.log_at(*at, Who::Server, shape, values, Some(&it.activity));
    }

    /// The server accepts a flow: 131, 261, 65, 141.
    pub fn accepted(&mut self, flow: usize, user: &'static str, build: Build) -> Logged {
        let activity = guid(self, "f420");
        let number = 1 + self.random.below(900) as u32;
        let session = 2 + self.random.below(7) as u32;
        let it = Logged { flow, activity, number, session, user, build };
        let mut at = self.flows[flow].accepted + self.random.below(4_000_000) as Nanos;
        let client = self.flows[flow].outside.to_string();
        self.of(&it, &mut at, "RdpCoreTS/131", &[("ConnType", "TCP"), ("ClientIP", &client)]);
        self.of(&it, &mut at, "RCM/261", &[]);
        self.of(&it, &mut at, "RdpCoreTS/65", &[("ConnectionName", &format!("RDP-Tcp#{number}"))]);
        if build == Build::Windows10 {
            self.of(&it, &mut at, "RdpCoreTS/72", &[("MethodName", "PrepareForAccept")]);
            self.of(&it, &mut at, "RdpCoreTS/72", &[("MethodName", "SendPolicyData")]);
        }
        self.of(&it, &mut at, "RdpCoreTS/141", &[("InstanceID", &number.to_string())]);
        it
    }

    /// Security is over: NLA or TLS passed.
    pub fn secured(&mut self, it: &Logged) {
        let at = &mut self.now.clone();
        let ip = self.flows[it.flow].outside.ip().to_string();
        self.of(it, at, "RdpCoreTS/101", &[("ReasonString", "Reason Code: 2(Server Configuration).")]);
        for channel in ["rdplic", "rdpcmd"] {
            self.of(it, at, "RdpCoreTS/132", &[("ChannelName", channel), ("TunnelID", "0")]);
        }
        if it.build == Build::Windows10 {
            self.of(it, at, "RdpCoreTS/72", &[("MethodName", "OnStartLicensing")]);
            self.of(it, at, "RdpCoreTS/72", &[("MethodName", "AcceptConnection")]);
            self.of(it, at, "RdpCoreTS/104", &[("TimezoneBiasHour", "[1]")]);
        }
        self.of(it, at, "RCM/1149", &[("Param1", it.user), ("Param2", "EXAMPLE"), ("Param3", &ip)]);
        self.of(it, at, "RdpCoreTS/98", &[]);
    }

    /// The user is in: a session with its number.
    pub fn in_session(&mut self, it: &Logged) {
        let at = &mut self.now.clone();
        let ip = self.flows[it.flow].outside.ip().to_string();
        let (name, session) = (format!("RDP-Tcp#{}", it.number), it.session.to_string());
        let user = format!("EXAMPLE\\{}", it.user);
        self.of(it, at, "RdpCoreTS/66", &[("ConnectionName", &name), ("SessionID", &session)]);
        self.of(it, at, "RdpCoreTS/132", &[("ChannelName", "rdpgrfx"), ("TunnelID", "0")]);
        self.of(it, at, "LSM/41", &[("User", &user), ("SessionID", &session)]);
        self.of(it, at, "LSM/42", &[("User", &user), ("SessionID", &session)]);
        self.of(it, at, "LSM/21", &[("User", &user), ("SessionID", &session), ("Address", &ip)]);
        if it.build == Build::Windows10 {
            self.of(it, at, "RdpCoreTS/72", &[("MethodName", "OnConnected")]);
        }
        let now = *at;
        self.log_at(
            now,
            Who::Server,
            "Security/4624",
            &[("TargetUserName", it.user), ("LogonType", "10"), ("IpAddress", &ip), ("IpPort", "0")],
            None,
        );
    }

    /// The end of a main connection: 72, 102, 145, 148, 103.
    fn closing(&mut self, it: &Logged, at: &mut Nanos, idle: i64, code: Option<&str>) {
        if it.build == Build::Windows10 {
            self.of(it, at, "RdpCoreTS/72", &[("MethodName", "OnDisconnected")]);
        }
        self.of(it, at, "RdpCoreTS/102", &[]);
        if it.build == Build::Windows10 {
            self.of(it, at, "RdpCoreTS/145", &[("IdleSeconds", &idle.to_string())]);
        }
        if let Some(code) = code {
            self.of(it, at, "RdpCoreTS/103", &[("ReasonCode", code)]);
        }
    }

    /// (e), (c): the socket failed with this Win32 error.
    pub fn socket_failed(&mut self, it: &Logged, error: u32, in_session: bool) {
        let at = &mut self.now.clone();
        if it.build == Build::Windows10 {
            let text = error.to_string();
            self.of(it, at, "RdpCoreTS/143", &[("error", &text)]);
            self.of(it, at, "RdpCoreTS/226", &[("ErrorCode", &format!("0x8007{error:04x}"))]);
        }
        self.closing(it, at, 0, None);
        if in_session && it.build == Build::Windows10 {
            self.of(it, at, "RdpCoreTS/228", &[("ErrorCode", "3489660929")]);
            self.of(it, at, "RdpCoreTS/72", &[("MethodName", "SetErrorInfo(0xd0000001)")]);
        }
        self.of(it, at, "RdpCoreTS/103", &[("ReasonCode", "14")]);
        if in_session {
            let session = it.session.to_string();
            self.of(it, at, "LSM/40", &[("Session", &session), ("Reason", "0")]);
        }
    }

    /// (h): the server decided; `code` is the errorInfo.
    pub fn decided(&mut self, it: &Logged, code: u32, in_session: bool) {
        let at = &mut self.now.clone();
        let (session, text) = (it.session.to_string(), code.to_string());
        if it.build == Build::Windows10 {
            self.of(it, at, "RdpCoreTS/228", &[("ErrorCode", &text)]);
            self.of(it, at, "RdpCoreTS/72", &[("MethodName", &format!("SetErrorInfo({code:#x})"))]);
        }
        self.of(it, at, "RdpCoreTS/103", &[("ReasonCode", &text)]);
        if in_session {
            self.of(it, at, "LSM/40", &[("Session", &session), ("Reason", &text)]);
        }
        if it.build == Build::Windows10 {
            self.of(it, at, "RdpCoreTS/143", &[("error", "64")]);
        }
        self.closing(it, at, 0, None);
    }

    /// (g): the user closed the window.
    pub fn window_closed(&mut self, it: &Logged) {
        let at = &mut self.now.clone();
        self.of(it, at, "RdpCoreTS/107", &[]);
        self.closing(it, at, 0, None);
        if it.build == Build::Windows10 {
            self.of(it, at, "RdpCoreTS/228", &[("ErrorCode", "0")]);
            self.of(it, at, "RdpCoreTS/72", &[("MethodName", "SetErrorInfo(0x0)")]);
        }
        self.of(it, at, "RdpCoreTS/103", &[("ReasonCode", "13")]);
        let session = it.session.to_string();
        self.of(it, at, "LSM/40", &[("Session", &session), ("Reason", "0")]);
        let (user, ip) = (format!("EXAMPLE\\{}", it.user), self.flows[it.flow].outside.ip().to_string());
        self.of(it, at, "LSM/24", &[("User", &user), ("SessionID", &session), ("Address", &ip)]);
    }

    /// (b), (b'): NLA refused. 4625 stands in Security if the sub-status is given.
    pub fn refused(&mut self, it: &Logged, sub_status: Option<&str>) {
        let at = &mut self.now.clone();
        let ip = self.flows[it.flow].outside.ip().to_string();
        if let Some(sub_status) = sub_status {
            let values = [("TargetUserName", it.user), ("Status", "0xc000006d"), ("SubStatus", sub_status)];
            self.log_at(*at - 2 * MS, Who::Server, "Security/4625", &values, None);
        }
        if it.build == Build::Server2012R2 {
            self.of(it, at, "RdpCoreTS/102", &[]);
            self.of(it, at, "RdpCoreTS/103", &[("ReasonCode", "0")]);
            return;
        }
        self.of(it, at, "RdpCoreTS/140", &[("IPString", &ip)]);
        *at += 1_010 * MS + self.random.below(800) as Nanos * MS;
        self.of(it, at, "RdpCoreTS/143", &[("error", "64")]);
        self.of(it, at, "RdpCoreTS/226", &[]);
        self.closing(it, at, 0, Some("14"));
    }

    /// (d): TLS failed, with the records of Schannel at the same tick.
    pub fn tls_failed(
        &mut self,
        it: &Logged,
        result: Option<&str>,
        schannel: &[(&'static str, &[(&'static str, &str)])],
    ) {
        let at = &mut self.now.clone();
        let ip = self.flows[it.flow].outside.ip().to_string();
        let tick = *at;
        for (shape, values) in schannel {
            self.log_at(tick, Who::Server, shape, values, None);
        }
        if let Some(result) = result {
            self.log_at(
                tick,
                Who::Server,
                "RdpCoreTS/139",
                &[("ResultCode", result), ("IPString", &ip)],
                Some(&it.activity),
            );
        }
        self.of(it, at, "RdpCoreTS/102", &[]);
        self.of(it, at, "RdpCoreTS/103", &[("ReasonCode", "0")]);
    }

    /// RDPClient: 1024 with the name typed, at the beginning.
    pub fn client_starts(&mut self, name: &str) -> String {
        let activity = guid(self, "5");
        let at = self.now - 30 * MS;
        let values = [("Name", "Server Name"), ("Value", name), ("CustomLevel", "Info")];
        self.log_at(at, Who::Client, "RDPClient/1024", &values, Some(&activity));
        activity
    }

    /// RDPClient: 1102 with the address in use.
    pub fn client_address(&mut self, activity: &str, ip: &str) {
        let values = [("Name", "ServerAddress"), ("Value", ip), ("CustomLevel", "Info")];
        self.log_at(self.now, Who::Client, "RDPClient/1102", &values, Some(activity));
    }

    /// RDPClient: 1026 with the code of the end.
    pub fn client_ends(&mut self, activity: &str, code: u32) {
        let code = code.to_string();
        let values = [("Name", "Disconnect Reason"), ("Value", &*code), ("CustomLevel", "Info")];
        self.log_at(self.now + 20 * MS, Who::Client, "RDPClient/1026", &values, Some(activity));
    }
}

/// A log file: whose, which channel, its bytes.
pub struct LogFile {
    pub who: Who,
    pub channel: &'static str,
    pub bytes: Vec<u8>,
}

/// The files of all channels; the clock of each computer is added to its records.
pub fn files(records: &[Record], clock: impl Fn(Who) -> Nanos, first: u64) -> Vec<LogFile> {
    let mut by_file: BTreeMap<(Who, &'static str), Vec<&Record>> = BTreeMap::new();
    for record in records {
        let shape = shapes::find(record.shape);
        by_file.entry((record.who, shape.channel.as_str())).or_default().push(record);
    }
    let file = |((who, channel), mut records): ((Who, &'static str), Vec<&Record>)| {
        records.sort_by_key(|record| record.at);
        let mut log = Log::new(first);
        let computer = match who {
            Who::Client => "CLIENT07.example.test",
            Who::Server => "SRV07.example.test",
            Who::Gateway => "GW07.example.test",
        };
        for (number, record) in (first..).zip(records) {
            let time = record.at + clock(who);
            let event = Event {
                shape: shapes::find(record.shape),
                record: number,
                time,
                computer: computer.to_owned(),
                activity: record.activity.clone(),
                process: 1208,
                thread: 2316,
                values: record
                    .values
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), absolute(value, clock(who))))
                    .collect(),
            };
            log.push(number, time, &event.body());
        }
        LogFile { who, channel, bytes: log.finish() }
    };
    by_file.into_iter().map(file).collect()
}

/// `@<nanoseconds>` in a value is a moment: as a date of the log's clock.
fn absolute(value: &str, clock: Nanos) -> String {
    let Some(moment) = value.strip_prefix('@') else { return value.to_owned() };
    let moment: Nanos = moment.parse::<Nanos>().unwrap() + clock;
    let time = jiff::Timestamp::new(moment.div_euclid(SECOND), 0).unwrap();
    format!("{}.{:07}Z", time.strftime("%Y-%m-%dT%H:%M:%S"), moment.rem_euclid(SECOND) / 100)
}
