//! Which of several connections an event of security speaks of: of a logon (4624, 4625, 4776), which may have no address
//! under NLA, or of Schannel, which never has one. What the connections' own events and packets tell decides where time
//! alone does not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Work;
use crate::base::{Timestamp, time};
use crate::connection::Nla;
use crate::correlate::keys;
use crate::eventlog::{Event, Provider, security};

/// The server writes 4625 and RdpCoreTS 140, or Schannel's word and 139, of one refusal this near to each other.
pub const ONE_REFUSAL: i64 = 500 * time::MILLISECOND;
/// mstsc cuts the name in the cookie of the connection request to so many characters, its domain included.
const COOKIE: usize = 9;

/// What is known of one connection's logon.
#[derive(Debug, Default)]
struct Told {
    /// When it had passed security, by the clock of a computer's log.
    passed: BTreeMap<Arc<str>, Timestamp>,
    /// Whether its packets show that it had.
    passed_on_wire: bool,
    /// Whether its packets show that name and password were right: the server's early result came.
    proven_on_wire: bool,
    /// When the server refused its handshake (139) or its user (140).
    refused: Vec<(Arc<str>, Timestamp)>,
    /// The users that it names, lower case: of the cookie, which may be cut, and of the log.
    cookie: Option<String>,
    user: Option<String>,
    /// The client's port, as captured and as the server's log has it.
    ports: Vec<u16>,
}

impl Told {
    /// Whether it names this user; unknown where nothing of its name tells.
    fn names(&self, user: &str) -> Option<bool> {
        let cookie = self.cookie.as_deref().and_then(|cookie| fits_cookie(cookie, user));
        self.user.as_ref().map(|own| own == user).or(cookie)
    }
}

/// The same of all connections.
#[derive(Debug)]
pub(super) struct Logons(Vec<Told>);

impl Work<'_> {
    /// Gathers what is known of the logon of each connection.
    pub(super) fn told_of_logons(&self) -> Logons {
        let mut all: Vec<Told> = self
            .attempts
            .iter()
            .map(|attempt| Told {
                proven_on_wire: matches!(attempt.connection.encrypted.nla, Some(Nla::ResultThenEnd(_))),
                passed_on_wire: attempt.connection.encrypted.settings_began.is_some(),
                cookie: attempt.connection.cookie().map(|cookie| cookie.value.to_lowercase()),
                ports: vec![attempt.connection.client.port],
                ..Told::default()
            })
            .collect();
        for item in &self.items {
            let Some(told) = item.taken.and_then(|(at, _)| all.get_mut(at)) else { continue };
            let event = item.event;
            if event.provider == Provider::RdpCoreTs && matches!(event.id, 139 | 140) {
                told.refused.push((Arc::clone(&event.computer), event.time));
            }
            told.ports.extend(keys::accepted_from(event).map(|from| from.port));
            if keys::passed_security(event) {
                let time = told.passed.entry(Arc::clone(&event.computer)).or_insert(event.time);
                *time = (*time).min(event.time);
            }
            if told.user.is_none() {
                told.user = keys::user(event).map(|user| bare(&user));
            }
        }
        Logons(all)
    }
}

impl Logons {
    /// Of the connections that were under way, those that the event can mean; `is_addressed` if it names their client.
    pub(super) fn narrow(
        &self,
        event: &Event,
        is_addressed: bool,
        mut fits: BTreeSet<usize>,
    ) -> BTreeSet<usize> {
        if !matches!(event.provider, Provider::Security | Provider::Schannel) {
            return fits;
        }
        self.still_outside(event, &mut fits);
        if is_addressed {
            self.of_port(event, &mut fits);
        } else {
            self.not_of_another_user(event, &mut fits);
        }
        if fits.len() < 2 {
            return fits;
        }
        let fits = self.of_user(event, fits);
        self.refused_with(event, fits)
    }

    /// Those that are wanted; all, where none is: then the rule was of no help.
    fn keep(&self, fits: BTreeSet<usize>, wanted: impl Fn(&Told) -> bool) -> BTreeSet<usize> {
        let kept: BTreeSet<usize> =
            fits.iter().copied().filter(|at| self.0.get(*at).is_some_and(&wanted)).collect();
        if kept.is_empty() { fits } else { kept }
    }

    /// A handshake or network logon that failed is of a connection that has not passed security yet.
    fn still_outside(&self, event: &Event, fits: &mut BTreeSet<usize>) {
        let before = match security::meaning(event) {
            Some(security::Meaning::LogonFailed(logon)) => {
                logon.kind.is_none_or(|kind| kind == security::LogonType::NETWORK)
            }
            _ => is_of_handshake(event),
        };
        let outside = |told: &Told| match told.passed.get(&event.computer) {
            Some(passed) => event.time < *passed,
            // CredSSP ends a connection whose user it refuses: one that passed had no refusal before.
            None => !told.passed_on_wire,
        };
        if is_of_credentials(event) {
            fits.retain(|at| self.0.get(*at).is_some_and(|told| !told.proven_on_wire));
        }
        if before {
            fits.retain(|at| self.0.get(*at).is_some_and(outside));
        }
    }

    /// The same computer logs on at shares and services too: from another port than those that the connection is known by.
    fn of_port(&self, event: &Event, fits: &mut BTreeSet<usize>) {
        let Some(security::Meaning::LogonFailed(logon)) = security::meaning(event) else { return };
        let Some(port) = logon.client.and_then(|from| from.port) else { return };
        let is_known = |told: &Told| {
            let mut known = told.ports.iter().filter(|known| **known != 0).peekable();
            known.peek().is_none() || known.any(|known| *known == port)
        };
        fits.retain(|at| self.0.get(*at).is_some_and(is_known));
    }

    /// Where time alone joins them, a connection that names another user is not meant, even if it is the only one: a
    /// service with a stale password fails at any moment.
    fn not_of_another_user(&self, event: &Event, fits: &mut BTreeSet<usize>) {
        let Some(user) = user_of(event) else { return };
        fits.retain(|at| self.0.get(*at).is_some_and(|told| told.names(&user) != Some(false)));
    }

    /// The user that the event names, against the cookie and the log.
    fn of_user(&self, event: &Event, fits: BTreeSet<usize>) -> BTreeSet<usize> {
        let Some(user) = user_of(event) else { return fits };
        let fits = self.keep(fits, |told| told.names(&user) != Some(false));
        self.keep(fits, |told| told.names(&user) == Some(true))
    }

    /// The only one that the server refused at that moment.
    fn refused_with(&self, event: &Event, fits: BTreeSet<usize>) -> BTreeSet<usize> {
        let refusal = matches!(security::meaning(event), Some(security::Meaning::LogonFailed(_)));
        if !refusal && !is_of_handshake(event) {
            return fits;
        }
        self.keep(fits, |told| {
            told.refused.iter().any(|(computer, time)| {
                *computer == event.computer && (*time - event.time).abs() <= ONE_REFUSAL
            })
        })
    }
}

/// Whether a cookie, lower case, names a user; unknown where it was cut before the name began.
pub fn fits_cookie(cookie: &str, user: &str) -> Option<bool> {
    let (name, user) = (bare(cookie), bare(user));
    if cookie.chars().count() < COOKIE {
        return Some(name == user);
    }
    let begins = user.starts_with(&name);
    (begins || cookie.contains('\\')).then_some(begins)
}

/// Whether two cookies are of two users: one user may be spelled with and without the domain, and cut where that is long.
pub fn are_of_two_users(one: &str, other: &str) -> bool {
    let cookies = [one, other].map(str::to_lowercase);
    let [one, other] = &cookies;
    if one == other {
        return false;
    }
    let is_cut = |cookie: &str| cookie.chars().count() >= COOKIE;
    match (is_cut(one), is_cut(other)) {
        (false, _) => fits_cookie(other, one) != Some(true),
        (true, false) => fits_cookie(one, other) != Some(true),
        (true, true) => {
            let [one, other] = [one, other].map(|cookie| bare(cookie));
            !one.starts_with(&other) && !other.starts_with(&one)
        }
    }
}

/// Whether a cookie tells one user from the others of his domain: what was cut may end before that.
pub fn tells_a_user(cookie: &str) -> bool {
    /// Characters of a name that few share.
    const TELLING: usize = 3;
    cookie.chars().count() < COOKIE
        || cookie.rsplit_once('\\').is_some_and(|(_, name)| name.chars().count() >= TELLING)
}

/// The user that an event names.
fn user_of(event: &Event) -> Option<String> {
    keys::user(event).map(|user| bare(&user)).filter(|user| !user.is_empty())
}

/// Whether a logon failed over its name or password.
fn is_of_credentials(event: &Event) -> bool {
    /// `STATUS_NO_SUCH_USER`, `STATUS_WRONG_PASSWORD`
    const WRONG: [u32; 2] = [0xc000_0064, 0xc000_006a];
    let Some(security::Meaning::LogonFailed(logon)) = security::meaning(event) else { return false };
    logon.sub_status.or(logon.status).is_some_and(|status| WRONG.contains(&status))
}

/// Whether Schannel speaks of a handshake that failed.
fn is_of_handshake(event: &Event) -> bool {
    event.provider == Provider::Schannel && matches!(event.id, 36870 | 36871 | 36874 | 36887 | 36888)
}

/// A user's name without its domain, lower case.
pub fn bare(user: &str) -> String {
    let name = user.rsplit('\\').next().unwrap_or(user);
    name.split('@').next().unwrap_or(name).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_may_be_cut() {
        assert_eq!(fits_cookie("administr", "administrator"), Some(true));
        assert_eq!(fits_cookie("it-help\\a", "administrator"), Some(true));
        assert_eq!(fits_cookie("it-help\\b", "administrator"), Some(false));
        assert_eq!(fits_cookie("longdomai", "administrator"), None);
        assert_eq!(fits_cookie("bob", "alice"), Some(false));
        let telling = ["alice", "corp\\alic", "example\\a", "longdomai"].map(tells_a_user);
        assert_eq!(telling, [true, true, false, false]);
    }

    #[test]
    fn one_user_is_spelled_in_several_ways() {
        let one = [
            ("alice", "ALICE"),
            ("alice", "corp\\alic"),
            ("ex\\alice", "alice"),
            ("corp\\alic", "alice.smi"),
            ("administr", "x\\adminis"),
        ];
        let two = [("alice", "bob"), ("corp\\alic", "corp\\alex"), ("alic", "alice"), ("administr", "alice")];
        assert!(one.iter().all(|(a, b)| !are_of_two_users(a, b) && !are_of_two_users(b, a)));
        assert!(two.iter().all(|(a, b)| are_of_two_users(a, b) && are_of_two_users(b, a)));
    }
}
