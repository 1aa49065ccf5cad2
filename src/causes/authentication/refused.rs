//! What the causes of a refused logon share: the reason is an NTSTATUS in the server's Security log, or the code
//! that the client shows. Packets and event 140 tell that a logon was refused, never why.

use crate::causes::{Blame, Case, Cause, Evidence, Finding, Strength, told};
use crate::connection::{Nla, Stage};
use crate::correlate::Joined;
use crate::correlate::attempt::MatchKey;
use crate::correlate::join::ONE_REFUSAL;
use crate::eventlog::security::{self, Logon, LogonType};
use crate::eventlog::{Provider, rdp_client, rdp_core_ts};
use crate::stream::Side;

/// STATUS_LOGON_TYPE_NOT_GRANTED. [MS-ERREF] 2.3.1
pub const NOT_GRANTED: u32 = 0xc000_015b;

/// The codes that name one cause.
#[derive(Clone, Copy, Debug)]
pub struct Codes {
    /// NTSTATUS values of Security 4625.
    pub status: &'static [u32],
    /// mstsc's disconnect codes (RDPClient 1026), which the server's errorCode becomes. [MS-CSSP] 2.2.1
    pub client: &'static [u32],
}

/// A failed logon (4625) of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Failure<'a> {
    /// The event.
    pub joined: &'a Joined,
    /// What it says.
    pub logon: Logon<'a>,
}

impl Failure<'_> {
    /// Why: the sub-status, or the status where the sub-status is 0.
    pub fn reason(&self) -> Option<u32> {
        self.logon.sub_status.filter(|code| *code != 0).or(self.logon.status).filter(|code| *code != 0)
    }

    /// What it says, as evidence.
    pub fn evidence(&self) -> Evidence {
        let code = self.reason().unwrap_or_default();
        let user = self.logon.user.map(|user| format!(" of {user}")).unwrap_or_default();
        let says = format!("the server refuses the logon{user} with status {code:#010X}: {}", words(code));
        Evidence::event(&self.joined.event, says)
    }
}

/// A cause whose codes were given for this connection.
pub fn detect(case: &Case<'_>, cause: &'static Cause, codes: Codes, blame: Blame) -> Option<Finding> {
    if passed(case) {
        return None;
    }
    match failure(case) {
        Some(failure) => by_status(case, cause, codes, blame, &failure),
        None => by_client(case, cause, codes, blame),
    }
}

fn by_status(
    case: &Case<'_>,
    cause: &'static Cause,
    codes: Codes,
    blame: Blame,
    failure: &Failure<'_>,
) -> Option<Finding> {
    let code = failure.reason().filter(|code| codes.status.contains(code))?;
    // At the server's own logon screen security has passed: another stage, whatever the log lacks. That the logon there
    // is not granted is told while security is still being settled.
    if code != NOT_GRANTED && failure.logon.kind.is_some_and(LogonType::is_at_screen) {
        return None;
    }
    let pattern = pattern(case).or_else(|| denied(case));
    // Where the packets show that it was never asked for credentials, what order and time tie is another's.
    let said = case.event(&Provider::RdpCoreTs, 140).filter(|joined| is_tied(joined) || !never_asked(case));
    let names_it = is_tied(failure.joined);
    // The early result is sent when the credentials have been accepted: a logon that failed for another reason is
    // another's.
    if !names_it && code != NOT_GRANTED && denied(case).is_some() {
        return None;
    }
    // Time alone ties any failed logon of the server: something of this connection must tell of a refusal.
    if !names_it && pattern.is_none() && said.is_none() && !ended_without_reason(case) {
        return None;
    }
    if pattern.is_none() && said.is_none() && never_asked(case) {
        return None;
    }
    let strength = if names_it {
        Strength::Stated
    } else if pattern.is_some() || said.is_some_and(is_tied) {
        Strength::Corroborated
    } else {
        Strength::Inferred
    };
    let mut evidence = vec![failure.evidence()];
    evidence.extend(pattern);
    evidence.extend(said.map(refusal_event));
    evidence.extend(case.accepted());
    let user = failure.logon.user.map(|user| format!(", user {user}")).unwrap_or_default();
    // A title that stands for one status says already what it means.
    let detail = match codes.status {
        [_] => format!("status {code:#010X}{user}"),
        _ => format!("{} (status {code:#010X}{user})", words(code)),
    };
    Some(Finding::new(cause, strength, blame, evidence).detail(detail))
}

/// The client's own code, which it made of the server's.
fn by_client(case: &Case<'_>, cause: &'static Cause, codes: Codes, blame: Blame) -> Option<Finding> {
    let (joined, code) = client_code(case)?;
    if !codes.client.contains(&code) {
        return None;
    }
    let pattern = pattern(case).or_else(|| denied(case));
    // Where the packets show that no credentials were sent, the code is of another attempt, maybe.
    let strength = if pattern.is_none() && never_asked(case) {
        Strength::Inferred
    } else {
        told::code_strength(case, joined, pattern.is_some())
    };
    let mut evidence = vec![Evidence::event(
        &joined.event,
        format!("the client ends the attempt with code {code:#X}, which it makes of the server's refusal"),
    )];
    evidence.extend(pattern);
    evidence.extend(case.event(&Provider::RdpCoreTs, 140).map(refusal_event));
    let finding = Finding::new(cause, strength, blame, evidence).detail(format!("client code {code:#X}"));
    Some(finding.missing("Security 4625 of the server, whose sub-status gives the reason exactly"))
}

/// The disconnect code in the client's log.
pub fn client_code<'a>(case: &Case<'a>) -> Option<(&'a Joined, u32)> {
    case.all_events().find_map(|joined| match rdp_client::meaning(&joined.event)? {
        rdp_client::Meaning::Disconnected(Some(code)) => Some((joined, code)),
        _ => None,
    })
}

/// The last failed logon that belongs to the connection: a lockout comes behind wrong passwords. A connection has one
/// user: where time alone joined the failures of several, those of the one whose failure stands at the server's refusal.
pub fn failure<'a>(case: &Case<'a>) -> Option<Failure<'a>> {
    let all = case.all_events().filter_map(|joined| match security::meaning(&joined.event)? {
        security::Meaning::LogonFailed(logon) if logon.kind.is_none_or(LogonType::is_remote) => {
            Some(Failure { joined, logon })
        }
        _ => None,
    });
    let mut failures: Vec<Failure<'a>> = all.collect();
    let user = |failure: &Failure<'a>| failure.logon.user.unwrap_or_default().to_lowercase();
    let is_of_one = failures.windows(2).all(|pair| matches!(pair, [one, other] if user(one) == user(other)));
    if is_of_one || failures.iter().any(|failure| is_tied(failure.joined)) {
        return failures.into_iter().rfind(|failure| is_of_one || is_tied(failure.joined));
    }
    let refusal = &case.event(&Provider::RdpCoreTs, 140)?.event;
    let is_at_refusal = |failure: &&Failure<'a>| {
        let own = &failure.joined.event;
        own.computer == refusal.computer && (own.time - refusal.time).abs() <= ONE_REFUSAL
    };
    let mut near = failures.iter().filter(is_at_refusal).map(user);
    let meant = near.next()?;
    if near.any(|other| other != meant) {
        return None;
    }
    failures.retain(|failure| user(failure) == meant);
    failures.pop()
}

/// Whether an event names the connection itself.
pub fn is_tied(joined: &Joined) -> bool {
    matches!(joined.by, MatchKey::Address | MatchKey::Activity)
}

/// The refusal as packets show it.
pub fn pattern(case: &Case<'_>) -> Option<Evidence> {
    let alerts = &case.connection()?.tls.sealed_alerts;
    match case.connection()?.encrypted.nla? {
        Nla::RefusedByStatus(seen) => Some(Evidence::of(
            &seen,
            format!(
                "the server answers the client's last token with {} bytes: a CredSSP status and no more",
                seen.value
            ),
        )),
        Nla::RefusedByClosing(mark) => {
            let alert = alerts.iter().any(|alert| alert.from == Side::Server);
            let how = if alert { "with an encrypted alert" } else { "without a word" };
            let says = format!("the server ends the connection when it has the client's credentials, {how}");
            Some(Evidence::at(mark, says))
        }
        _ => None,
    }
}

/// The early result, and then the end: the credentials were good and the user was not let in, maybe.
pub fn denied(case: &Case<'_>) -> Option<Evidence> {
    match case.connection()?.encrypted.nla? {
        Nla::ResultThenEnd(mark) => Some(Evidence::at(
            mark,
            "the server's early authorization result (four bytes) is its last word in CredSSP",
        )),
        _ => None,
    }
}

/// Event 140 as evidence.
pub fn refusal_event(joined: &Joined) -> Evidence {
    Evidence::event(&joined.event, "RdpCoreTS says that the logon was refused")
}

/// Whether the logon went through: then no refusal of this connection is its cause.
pub fn passed(case: &Case<'_>) -> bool {
    let connection = case.connection();
    connection.is_some_and(|connection| {
        connection.reached_session()
            || connection.reached > Stage::Authentication
            || matches!(connection.encrypted.nla, Some(Nla::Passed(_)))
    }) || case.all_events().any(|joined| {
        matches!(
            (&joined.event.provider, joined.event.id),
            (Provider::RdpCoreTs, 66 | 68 | 98 | 100 | 101 | 104)
                | (Provider::RemoteConnectionManager, 1149)
                | (Provider::LocalSessionManager, 21 | 22 | 25)
        )
    })
}

/// The sequence of Windows Server 2012 R2, which has no event 140: ended by the server without a stored reason,
/// and TLS was not refused.
fn ended_without_reason(case: &Case<'_>) -> bool {
    let ended = case.all_events().any(|joined| {
        matches!(rdp_core_ts::meaning(&joined.event), Some(rdp_core_ts::Meaning::Disconnected(Some(0))))
    });
    ended && case.event(&Provider::RdpCoreTs, 139).is_none()
}

/// Whether the packets show that no credentials were sent: a failed logon of that time is not this connection's.
fn never_asked(case: &Case<'_>) -> bool {
    let Some((connection, _)) = case.both() else { return false };
    case.capture_is_sound()
        && (connection.reached < Stage::Authentication || connection.encrypted.from_client < 2)
}

/// What a status says. [MS-ERREF] 2.3.1
pub fn words(code: u32) -> &'static str {
    match code {
        0xc000_006a => "the password is wrong",
        0xc000_0064 => "there is no such user",
        0xc000_006d => "user name or password is wrong",
        0xc000_0234 => "the account is locked out",
        0xc000_0193 => "the account has expired",
        0xc000_0071 => "the password has expired",
        0xc000_0224 => "the password must be changed first",
        0xc000_0072 => "the account is disabled",
        0xc000_006f => "the account may not log on at this hour",
        0xc000_0070 => "the account may not log on from this workstation",
        0xc000_015b => "the user has not been granted this type of logon",
        0xc000_006e => "an account restriction forbids this logon",
        0xc000_0413 => "selective authentication does not let this account log on here",
        0xc000_005e => "no logon server was available",
        0xc000_0133 => "the clocks differ too much",
        _ => "another reason",
    }
}
