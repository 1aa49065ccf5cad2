//! What both sides of a failed negotiation or TLS handshake would accept: security protocol, TLS version, cipher suite.
//!
//! From what each offered or stated here, and from what the same server took in other connections. Guesses nothing:
//! what a side did not tell is called unknown. Judges nothing.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::Attempt;
use crate::connection::{Connection, Outcome, Stage};
use crate::packet::Endpoint;
use crate::protocol::nego::{FailureCode, Protocols};
use crate::protocol::tls::{AlertDescription, CipherSuite, ExtensionType, TlsVersion};
use crate::stream::Side;

const VERSION: &str = "TLS version";

/// How much of what a side accepts is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Extent {
    /// What is listed, and nothing else.
    All,
    /// What is listed, and maybe more.
    Part,
    /// Nothing was told.
    #[default]
    Unknown,
}

impl Extent {
    /// The word in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Part => "part",
            Self::Unknown => "unknown",
        }
    }
}

/// What one side accepts of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accepts {
    /// What it accepts, its first choice first.
    pub list: Vec<String>,
    /// How much of it that is.
    pub extent: Extent,
}

/// One kind: what each side accepts, and what both do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// The client, by its offer.
    pub client: Accepts,
    /// The server, by its answers.
    pub server: Accepts,
    /// What the server refuses, by its own word.
    pub refused: Vec<String>,
    /// What both accept, as far as it is known.
    pub both: Vec<String>,
    /// Connections, by index, that showed what this one does not of the server.
    pub shown_by: Vec<usize>,
    /// In words, a fragment.
    pub says: String,
}

/// All kinds that the connection came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Acceptance {
    /// RDP, SSL, HYBRID (CredSSP), RDSTLS, RDSAAD. [MS-RDPBCGR] 2.2.1.1.1
    pub security: Option<Accepted>,
    /// TLS versions.
    pub version: Option<Accepted>,
    /// Cipher suites.
    pub cipher: Option<Accepted>,
}

/// What servers took, by server, each with the first connection that showed it.
#[derive(Debug, Default)]
pub struct Shown {
    security: BTreeMap<(Endpoint, u32), usize>,
    versions: BTreeMap<(Endpoint, TlsVersion), usize>,
    ciphers: BTreeMap<(Endpoint, CipherSuite), usize>,
    /// Clients that went down to the old RDP security, which a request for more does not tell.
    down: BTreeMap<(IpAddr, Endpoint), usize>,
}

impl Shown {
    /// Collects it from all connections.
    pub fn of(attempts: &[Attempt]) -> Self {
        let mut shown = Self::default();
        for (at, Attempt { connection, .. }) in attempts.iter().enumerate() {
            let server = connection.server;
            if connection.requested().is_some_and(|offered| offered.value == Protocols::RDP) {
                shown.down.entry((connection.client.ip, server)).or_insert(at);
            }
            if let Some(selected) = connection.selected() {
                shown.security.entry((server, selected.value.0)).or_insert(at);
            }
            if let Some(version) = connection.tls.version() {
                shown.versions.entry((server, version)).or_insert(at);
            }
            if let Some(cipher) = connection.tls.cipher() {
                shown.ciphers.entry((server, cipher)).or_insert(at);
            }
        }
        shown
    }

    /// For a connection whose negotiation or TLS handshake failed.
    pub fn acceptance(&self, at: usize, connection: &Connection) -> Option<Acceptance> {
        let in_clear = connection.outcome(Stage::Settings) == Outcome::Failed
            && connection.selected().is_some_and(|selected| !selected.value.tls());
        let failed = |stage| connection.outcome(stage) == Outcome::Failed;
        if !failed(Stage::Negotiation) && !failed(Stage::Tls) && !in_clear {
            return None;
        }
        let own = Acceptance {
            security: self.security(at, connection),
            version: self.version(at, connection),
            cipher: self.cipher(at, connection),
        };
        (own != Acceptance::default()).then_some(own)
    }

    fn security(&self, at: usize, connection: &Connection) -> Option<Accepted> {
        let offered = connection.requested()?.value;
        let mut accepted = Accepted { client: client_security(offered), ..Accepted::default() };
        if let Some(failure) = connection.negotiation_failure() {
            refusal(&mut accepted, offered, failure.value);
        }
        let server = connection.server;
        let down = self.down.get(&(connection.client.ip, server)).filter(|_| offered != Protocols::RDP);
        if let Some(shown_at) = down {
            accepted.client.list.push(Protocols::RDP.to_string());
            accepted.shown_by.push(*shown_at);
        }
        if let Some(selected) = connection.selected() {
            accepted.add(&selected.value.to_string(), at, at);
        }
        if accepted.server.extent != Extent::All {
            let others = self.security.range((server, 0)..=(server, u32::MAX));
            for ((_, selected), shown_at) in others {
                accepted.add(&Protocols(*selected).to_string(), *shown_at, at);
            }
        }
        let only_old = accepted.server.list == [Protocols::RDP.to_string()];
        if only_old && offered != Protocols::RDP && down.is_none() {
            "whether the client would go down to RDP, its request does not tell"
                .clone_into(&mut accepted.says);
        }
        accepted.finish("security");
        Some(accepted)
    }

    fn version(&self, at: usize, connection: &Connection) -> Option<Accepted> {
        let hello = &connection.tls.client_hello.as_ref()?.value;
        let listed = hello.has(ExtensionType::SUPPORTED_VERSIONS);
        let client = Accepts {
            list: hello.offered_versions().iter().map(ToString::to_string).collect(),
            extent: if listed { Extent::All } else { Extent::Part },
        };
        let mut accepted = Accepted { client, ..Accepted::default() };
        if let Some(server_hello) = &connection.tls.server_hello {
            accepted.add(&server_hello.value.version().to_string(), at, at);
            if let Some(higher) = server_hello.value.downgraded_from() {
                accepted.add(&higher.to_string(), at, at);
            }
        } else if ended_with(connection, AlertDescription::PROTOCOL_VERSION) {
            accepted.refused.clone_from(&accepted.client.list);
            if !listed {
                "it could have chosen a lower one, and did not".clone_into(&mut accepted.says);
            }
        }
        let server = connection.server;
        let others = self.versions.range((server, TlsVersion(0))..=(server, TlsVersion(u16::MAX)));
        for ((_, version), shown_at) in others {
            accepted.add(&version.to_string(), *shown_at, at);
        }
        // Without a list of versions the client may be content with less than the highest, which it names.
        let lower = |version: &TlsVersion| !listed && *version < hello.version;
        if self
            .versions
            .range((server, TlsVersion(0))..=(server, hello.version))
            .any(|((_, version), _)| lower(version))
        {
            "a lower version than the highest that the client names may do as well"
                .clone_into(&mut accepted.says);
        }
        accepted.finish(VERSION);
        Some(accepted)
    }

    fn cipher(&self, at: usize, connection: &Connection) -> Option<Accepted> {
        let hello = &connection.tls.client_hello.as_ref()?.value;
        let suites = hello.cipher_suites.iter().filter(|suite| !suite.is_mark());
        let client = Accepts { list: suites.map(ToString::to_string).collect(), extent: Extent::All };
        let mut accepted = Accepted { client, ..Accepted::default() };
        if let Some(cipher) = connection.tls.cipher() {
            accepted.add(&cipher.to_string(), at, at);
        } else if ended_with(connection, AlertDescription::INSUFFICIENT_SECURITY) {
            // RFC 8446 6.2: the server requires parameters more secure than those that the client supports.
            accepted.refused.clone_from(&accepted.client.list);
        }
        let server = connection.server;
        let others = self.ciphers.range((server, CipherSuite(0))..=(server, CipherSuite(u16::MAX)));
        for ((_, cipher), shown_at) in others {
            accepted.add(&cipher.to_string(), *shown_at, at);
        }
        accepted.finish("cipher suite");
        Some(accepted)
    }
}

/// Whether the server ended the handshake with this alert.
fn ended_with(connection: &Connection, description: AlertDescription) -> bool {
    connection
        .tls
        .fatal_alert()
        .is_some_and(|alert| alert.value.from == Side::Server && alert.value.alert.description == description)
}

/// What a request offers. A request with a protocol says nothing of the old RDP security, which has no bit.
fn client_security(offered: Protocols) -> Accepts {
    if offered == Protocols::RDP {
        return Accepts { list: vec![offered.to_string()], extent: Extent::All };
    }
    let bits = (0..u32::BITS).map(|bit| Protocols(1 << bit));
    let list = bits.filter(|protocol| offered.0 & protocol.0 != 0).map(|protocol| protocol.to_string());
    Accepts { list: list.collect(), extent: Extent::Part }
}

/// What a failure code says of the server. [MS-RDPBCGR] 2.2.1.2.2
fn refusal(accepted: &mut Accepted, offered: Protocols, code: FailureCode) {
    let offer = accepted.client.list.clone();
    let (list, extent, refused, says): (&[Protocols], Extent, Vec<String>, &str) = match code {
        // Where CredSSP was offered, the server knows TLS without it only.
        FailureCode::SSL_REQUIRED_BY_SERVER if offered.nla() => (&[Protocols::SSL], Extent::Part, offer, ""),
        FailureCode::SSL_REQUIRED_BY_SERVER => {
            (&[], Extent::Unknown, offer, "it wants TLS, with CredSSP or without")
        }
        FailureCode::SSL_NOT_ALLOWED_BY_SERVER => (&[Protocols::RDP], Extent::All, offer, ""),
        FailureCode::HYBRID_REQUIRED_BY_SERVER => (&[Protocols::HYBRID], Extent::Part, offer, ""),
        FailureCode::SSL_CERT_NOT_ON_SERVER => (&[], Extent::Unknown, offer, "it has no certificate for TLS"),
        FailureCode::SSL_WITH_USER_AUTH_REQUIRED_BY_SERVER => {
            (&[], Extent::Unknown, offer, "it wants TLS with a certificate of the client")
        }
        // The flags are refused, not the protocols.
        _ => (&[], Extent::Unknown, Vec::new(), ""),
    };
    accepted.server = Accepts { list: list.iter().map(ToString::to_string).collect(), extent };
    accepted.refused = refused;
    says.clone_into(&mut accepted.says);
}

impl Accepted {
    /// Something that the server took in a connection, which may be this one.
    fn add(&mut self, taken: &str, shown_at: usize, at: usize) {
        if self.server.list.iter().any(|own| own == taken) {
            return;
        }
        self.server.list.push(taken.to_owned());
        if self.server.extent == Extent::Unknown {
            self.server.extent = Extent::Part;
        }
        if shown_at != at && !self.shown_by.contains(&shown_at) {
            self.shown_by.push(shown_at);
        }
    }

    /// What both accept, and all of it in words.
    fn finish(&mut self, kind: &str) {
        let both = self.client.list.iter().filter(|own| self.server.list.contains(own));
        self.both = both.cloned().collect();
        let verdict = match (self.both.as_slice(), self.client.extent, self.server.extent) {
            ([], Extent::All, Extent::All) => format!("no {kind} suits both"),
            ([], ..) if self.server.list.is_empty() && self.refused.is_empty() => {
                format!("which {kind} both accept is not known")
            }
            ([], ..) => format!("no {kind} is known to suit both"),
            (both, ..) => format!("{kind}: both accept {}", both.join(", ")),
        };
        let (client, server) = (self.client_says(kind), self.server_says());
        let more = std::mem::take(&mut self.says);
        let more = if more.is_empty() { more } else { format!("; {more}") };
        self.says = format!("{verdict}; {client}; {server}{more}");
    }

    fn client_says(&self, kind: &str) -> String {
        match self.client.list.as_slice() {
            [] => "the client offers nothing".to_owned(),
            list if list.len() > 5 => format!("the client offers {} of them", list.len()),
            list if self.client.extent == Extent::Part && kind == VERSION => {
                format!("the client offers {} at most", list.join(", "))
            }
            list => format!("the client offers {}", list.join(", ")),
        }
    }

    fn server_says(&self) -> String {
        match (self.server.list.is_empty(), self.refused.is_empty()) {
            (false, _) => {
                let more = if self.server.extent == Extent::Part { ", and maybe more" } else { "" };
                format!("the server takes {}{more}", self.server.list.join(", "))
            }
            (true, false) if self.refused.len() > 3 => {
                format!("the server refuses all {} that were offered", self.refused.len())
            }
            (true, false) => format!("the server refuses {}", self.refused.join(", ")),
            (true, true) => "what the server takes was not told".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn security(offered: Protocols, code: FailureCode) -> Accepted {
        let mut accepted = Accepted { client: client_security(offered), ..Accepted::default() };
        refusal(&mut accepted, offered, code);
        accepted.finish("security");
        accepted
    }

    #[test]
    fn a_failure_code_says_what_the_server_takes() {
        let nla = security(Protocols::SSL, FailureCode::HYBRID_REQUIRED_BY_SERVER);
        assert_eq!(
            (nla.server.list.as_slice(), nla.server.extent),
            (&["HYBRID".to_owned()][..], Extent::Part)
        );
        assert_eq!(nla.refused, ["SSL"]);
        assert!(nla.both.is_empty());
        let old = security(Protocols(3), FailureCode::SSL_NOT_ALLOWED_BY_SERVER);
        assert_eq!(old.client.list, ["SSL", "HYBRID"]);
        assert_eq!((old.server.list.as_slice(), old.server.extent), (&["RDP".to_owned()][..], Extent::All));
        assert!(
            old.says.starts_with("no security is known to suit both; the client offers SSL, HYBRID;"),
            "{}",
            old.says
        );
        // TLS is required; whether with CredSSP is not told.
        let tls = security(Protocols::RDP, FailureCode::SSL_REQUIRED_BY_SERVER);
        assert_eq!((tls.server.extent, tls.refused.as_slice()), (Extent::Unknown, &["RDP".to_owned()][..]));
        let none = security(Protocols::SSL, FailureCode(99));
        assert!(none.says.ends_with("what the server takes was not told"), "{}", none.says);
    }

    #[test]
    fn what_other_connections_show_counts_once_and_is_named() {
        let mut accepted = Accepted { client: client_security(Protocols(3)), ..Accepted::default() };
        accepted.add("HYBRID", 4, 1);
        accepted.add("HYBRID", 5, 1);
        accepted.add("RDP", 1, 1);
        accepted.finish("security");
        assert_eq!(
            (accepted.both.as_slice(), accepted.shown_by.as_slice()),
            (&["HYBRID".to_owned()][..], &[4][..])
        );
        assert_eq!(
            accepted.says,
            "security: both accept HYBRID; the client offers SSL, HYBRID; the server takes HYBRID, RDP, and maybe more"
        );
    }
}
