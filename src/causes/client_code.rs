//! The code that the user saw, as evidence beside the files: does it agree with a verdict, contradict it, or say nothing?
//!
//! It has no time and names no server, so it belongs to one of the incidents, and which may be open. A code that names
//! no cause (0x904, extended 7) supports none. A session that is healthy stays so, whatever code is told.

use super::judge::of_finding;
use super::session::ended_abruptly_by_client;
use super::{ALL, Cause, Finding, Kind, Severity, Strength, Verdict};
use crate::codes::Family;
use crate::codes::reason::{NAME_NOT_RESOLVED, NOT_OPENED};
use crate::connection::{Connection, Outcome, Stage, Transport};
use crate::correlate::{Attempt, Incident};
use crate::eventlog::rdp_client;
use crate::stream::Flow;

/// The numbers of the error box of mstsc.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// Error code.
    pub code: u32,
    /// Extended error code.
    pub extended: Option<u32>,
}

/// What it does for a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// It speaks for it.
    Agrees,
    /// Both cannot be true of one attempt.
    Contradicts,
    /// It fits this verdict and many others.
    SaysNothing,
}

impl Weight {
    /// The word in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Agrees => "agrees",
            Self::Contradicts => "contradicts",
            Self::SaysNothing => "says-nothing",
        }
    }
}

/// The code against one verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weighed {
    /// What it does.
    pub weight: Weight,
    /// Why, as a fragment.
    pub says: String,
}

/// "The server ended it in an orderly way": the extended code is the server's own. [MS-RDPBCGR] 2.2.5.1.1
const BY_SERVER: u32 = 3;
/// Ends that are no failure: the user's own.
const BY_USER: [u32; 2] = [1, 2];
/// The same as the server puts it: by an administrator's tool, disconnected, logged off.
const ORDERLY: [u32; 4] = [1, 2, 0xb, 0xc];
/// TCP was open and broke: sending, receiving, closed.
const BROKEN: [u32; 3] = [0x304, 0x404, 0x904];
const LICENSING: [u32; 2] = [0x808, 0x908];
/// Codes of sockets and time-outs tell where it ended, never why.
const NAMELESS: [u32; 9] = [0, 0x108, 0x204, 0x304, 0x404, 0x704, 0x804, 0x904, 0xb04];

impl Told {
    /// As it is written: `0x904, extended 0x7`.
    pub fn text(self) -> String {
        match self.extended {
            Some(extended) => format!("{:#X}, extended {extended:#X}", self.code).replace("0X", "0x"),
            None => format!("{:#X}", self.code).replace("0X", "0x"),
        }
    }

    /// What its first number literally means, if it is known.
    pub fn means(self) -> Option<&'static str> {
        let families = ["reason", "gateway-reason"].into_iter().filter_map(Family::named);
        let mut codes = families.filter_map(|family| family.find(self.code));
        codes.next().map(|code| code.means)
    }

    /// The failures that it names. Residuals are none, and neither is what a hundred others show too.
    pub fn names(self) -> Vec<&'static Cause> {
        let by_server = self.code == BY_SERVER;
        if NAMELESS.contains(&self.code) || BY_USER.contains(&self.code) {
            return Vec::new();
        }
        let value = if by_server { self.extended.unwrap_or(0) } else { self.code };
        let named = |cause: &&&Cause| {
            let real = !cause.residual && (cause.severity == Severity::Failure || by_server);
            real && value != 0 && cause.shows(value, by_server)
        };
        ALL.iter().filter(named).copied().collect()
    }

    /// Whether it is how a session ends that nothing is wrong with.
    fn is_orderly(self) -> bool {
        BY_USER.contains(&self.code)
            || self.code == BY_SERVER && self.extended.is_some_and(|extended| ORDERLY.contains(&extended))
    }

    /// What the files show of an attempt and this code denies, as a fragment.
    fn denies(self, own: &[&Connection]) -> Option<String> {
        let code = self.code;
        let opened = own.iter().find(|connection| is_open(connection));
        if let Some(connection) = opened.filter(|_| NAME_NOT_RESOLVED.contains(&code) || code == NOT_OPENED) {
            let what =
                if code == NOT_OPENED { "no TCP connection was opened" } else { "the name was not resolved" };
            return Some(format!(
                "it says that {what}, and this attempt came to the stage {}",
                connection.reached
            ));
        }
        // Where the files do not show how far an attempt came, no code asks too much of it.
        if own.iter().any(|connection| !is_seen_to_its_end(connection)) {
            return None;
        }
        let abrupt = |connection: &&Connection| {
            let closed =
                connection.flow.as_deref().is_some_and(|flow| !flow.closes.is_empty() && !flow.is_cut());
            connection.reached_session() && connection.goodbye.is_none() && closed
        };
        if own.iter().all(abrupt) && !own.is_empty() && (code == BY_SERVER || LICENSING.contains(&code)) {
            return Some("it tells of an end in order, and these files show one without a goodbye".into());
        }
        let behind_tls = |connection: &&&Connection| {
            connection.outcome(Stage::Tls) == Outcome::Passed || connection.reached >= Stage::Settings
        };
        let named = self.names();
        let later = !named.is_empty()
            && named.iter().all(|cause| (Stage::Settings..Stage::Gateway).contains(&cause.stage));
        let needs = match code {
            _ if later && !own.iter().any(|one| behind_tls(&one)) => "a failure behind the TLS handshake",
            _ if NAME_NOT_RESOLVED.contains(&code) || code == NOT_OPENED => return None,
            _ if BROKEN.contains(&code) && opened.is_none() => "an open connection that broke",
            _ if is_logon(code) && !own.iter().any(|one| one.reached >= Stage::Tls) => "a logon inside TLS",
            BY_SERVER if !own.iter().any(|one| behind_tls(&one)) => {
                "a session that the server ended with a reason"
            }
            _ if LICENSING.contains(&code) && !own.iter().any(|one| behind_tls(&one)) => {
                "licensing behind the logon"
            }
            _ => return None,
        };
        Some(format!("it tells of {needs}, and this attempt did not come so far"))
    }
}

/// The family of CredSSP and TLS logon.
const fn is_logon(code: u32) -> bool {
    code > 0xff && code <= 0xffff && code & 0xff == 7
}

fn is_open(connection: &Connection) -> bool {
    match &connection.flow {
        Some(flow) => flow.is_established() || connection.reached > Stage::Transport,
        // A log that knows of it: the server accepted it.
        None => connection.transport == Transport::Unseen && connection.reached > Stage::Name,
    }
}

fn is_seen_to_its_end(connection: &Connection) -> bool {
    let open = |flow: &Flow| flow.closes.is_empty();
    let last = connection.stages.last().map(|result| result.outcome);
    connection.flow.as_deref().is_some_and(|flow| !open(flow) || last == Some(Outcome::Failed))
}

/// Weighs a code against each incident, and lets it support the one that it can only belong to.
pub fn apply(
    told: Told,
    judged: &mut [(Incident, Verdict, Option<usize>)],
    attempts: &[Attempt],
) -> Vec<Weighed> {
    let mut weighed: Vec<Weighed> =
        judged.iter().map(|(incident, verdict, _)| weigh(told, incident, verdict, attempts)).collect();
    let fits: Vec<usize> = judged
        .iter()
        .zip(&weighed)
        .enumerate()
        .filter(|(_, ((_, verdict, _), own))| {
            verdict.kind != Kind::Healthy && own.weight != Weight::Contradicts
        })
        .map(|(at, _)| at)
        .collect();
    if let [only] = fits.as_slice()
        && let (Some((_, verdict, _)), Some(own)) = (judged.get_mut(*only), weighed.get_mut(*only))
        && own.weight == Weight::Agrees
        && let [cause] = told.names().as_slice()
    {
        support(told, verdict, cause, own);
    }
    weighed
}

/// A residual becomes the cause that the code names; a pattern that the code agrees with is corroborated: what the
/// user saw is the client's word, and independent of packets and of the server's log.
fn support(told: Told, verdict: &mut Verdict, cause: &'static Cause, own: &mut Weighed) {
    let Some(finding) = verdict.finding.clone() else { return };
    if std::ptr::eq(finding.cause, cause) {
        if finding.strength == Strength::Inferred {
            verdict.finding = Some(Finding { strength: Strength::Corroborated, ..finding });
            own.says.push_str("; it corroborates what was a pattern only");
        }
        return;
    }
    if !finding.cause.residual || !cause.more_specific_than.contains(&finding.cause.id) {
        return;
    }
    let blame =
        if cause.blames.contains(&finding.blame) { Some(&finding.blame) } else { cause.blames.first() };
    let Some(blame) = blame.copied() else { return };
    let refined = Finding::new(cause, Strength::Inferred, blame, finding.evidence).detail(format!(
        "by the code that the user saw ({}); the files show only that it failed here",
        told.text()
    ));
    let judged = of_finding(refined);
    let why_not = format!("it says what happened; {} says why", cause.id);
    verdict.also_considered.retain(|(other, _)| !std::ptr::eq(*other, cause));
    verdict.also_considered.insert(0, (finding.cause, why_not));
    verdict.kind = judged.kind;
    verdict.summary = judged.summary;
    verdict.finding = judged.finding;
    own.says.push_str("; with it the reason is known, on the word of the user");
}

fn weigh(told: Told, incident: &Incident, verdict: &Verdict, attempts: &[Attempt]) -> Weighed {
    let own: Vec<&Attempt> = incident.connections.iter().filter_map(|at| attempts.get(*at)).collect();
    let connections: Vec<&Connection> = own.iter().map(|attempt| &attempt.connection).collect();
    let is = |weight, says: String| Weighed { weight, says };
    if verdict.kind == Kind::Healthy {
        return if told.is_orderly() {
            is(Weight::Agrees, "it is how a session ends in order".into())
        } else {
            let says = "nothing failed here, so it belongs to another attempt, which these files do not show";
            is(Weight::Contradicts, says.into())
        };
    }
    let logged = logged_codes(incident, &own);
    if let Some(last) = logged.last().filter(|_| !logged.contains(&told.code)) {
        return is(
            Weight::Contradicts,
            format!("the client's own log has the code {last:#X} for this attempt"),
        );
    }
    if let Some(denied) = told.denies(&connections) {
        return is(Weight::Contradicts, denied);
    }
    if told.is_orderly() {
        return is(
            Weight::SaysNothing,
            "the user or a tool ended the attempt; that is no reason for a failure".into(),
        );
    }
    let names = told.names();
    let ids = names.iter().map(|cause| cause.id).collect::<Vec<_>>().join(", ");
    let Some(finding) = &verdict.finding else {
        return if names.is_empty() {
            is(Weight::SaysNothing, nameless(told))
        } else {
            is(Weight::Agrees, format!("it names {ids}, which these files neither show nor exclude"))
        };
    };
    let cause = finding.cause;
    if names.is_empty() {
        let usual = cause.shows(told.code, false);
        let usual = if usual { "the client shows it in this case, but " } else { "" };
        return is(Weight::SaysNothing, format!("{usual}{}", nameless(told)));
    }
    if names.iter().any(|named| std::ptr::eq(*named, cause)) {
        return is(Weight::Agrees, format!("it names {ids}, as the files do"));
    }
    if told.code == BY_SERVER && std::ptr::eq(cause, &raw const ended_abruptly_by_client::CAUSE) {
        let says = "it says that the server ended it with a reason, and the files show that the client did, before \
                    the server had said anything";
        return is(Weight::Contradicts, says.into());
    }
    if let Some(says) = passed(&names, &connections) {
        return is(Weight::Contradicts, format!("it names {ids}, and {says}"));
    }
    let refines = |named: &&Cause| cause.residual && named.more_specific_than.contains(&cause.id);
    if names.iter().any(refines) {
        return is(Weight::Agrees, format!("it names {ids}, and the files show where that fails"));
    }
    is(Weight::Contradicts, format!("it names {ids}, and the files show {}", cause.id))
}

/// What the packets show to have gone well, or never to have come, of what a code's causes fail in.
fn passed(names: &[&'static Cause], own: &[&Connection]) -> Option<&'static str> {
    let logged_on = own.iter().any(|one| one.outcome(Stage::Settings) == Outcome::Passed);
    if logged_on && names.iter().all(|cause| cause.stage < Stage::Settings) {
        return Some("the files show that the attempt came past that stage");
    }
    let certificates = names.iter().all(|cause| cause.id.starts_with("certificate-"));
    let never_came = own.iter().all(|one| {
        one.outcome(Stage::Transport) == Outcome::Passed
            && one.tls.answered().is_none()
            && is_seen_to_its_end(one)
            && one.reached <= Stage::Tls
    });
    (certificates && never_came && !own.is_empty())
        .then_some("the files show that the server sent no certificate")
}

fn nameless(told: Told) -> String {
    match told.means() {
        Some(means) => format!("it names no cause: {means}"),
        None => "its meaning is not known".into(),
    }
}

/// The codes that the client's own log has for an attempt.
fn logged_codes(incident: &Incident, own: &[&Attempt]) -> Vec<u32> {
    let events = own.iter().flat_map(|attempt| &attempt.events).chain(&incident.events);
    let codes = events.filter_map(|joined| match rdp_client::meaning(&joined.event)? {
        rdp_client::Meaning::Disconnected(code) => code,
        _ => None,
    });
    codes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(code: u32, extended: Option<u32>) -> Vec<&'static str> {
        Told { code, extended }.names().iter().map(|cause| cause.id).collect()
    }

    #[test]
    fn codes_of_sockets_name_nothing() {
        for code in NAMELESS {
            assert!(names(code, None).is_empty() && names(code, Some(7)).is_empty(), "{code:#x}");
        }
        assert!(names(1, None).is_empty() && names(3, None).is_empty() && names(3, Some(0)).is_empty());
    }

    #[test]
    fn codes_that_say_why_name_their_cause() {
        assert_eq!(names(0xd07, None), ["account-locked"]);
        assert_eq!(names(0x807, None), ["bad-password-or-unknown-user"]);
        assert_eq!(names(0xb09, None), ["neg-failure-5-nla-required"]);
        assert_eq!(names(0x1b07, None), ["certificate-dates"]);
        assert_eq!(names(0x300_001c, None), ["gateway-cap-denied"]);
        assert_eq!(names(3, Some(5)), ["taken-over"]);
        assert_eq!(names(0x104, None), ["dns-failure"]);
    }

    #[test]
    fn a_code_is_written_as_mstsc_does() {
        assert_eq!(Told { code: 0x904, extended: Some(7) }.text(), "0x904, extended 0x7");
        assert_eq!(Told { code: 0xd07, extended: None }.text(), "0xD07");
    }
}
