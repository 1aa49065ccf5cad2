//! What an attempt is to the others.

use std::net::IpAddr;
use std::sync::Arc;

use crate::base::{Mark, Observed, Timestamp, Window, time};
use crate::connection::{Connection, Outcome, Stage};
use crate::correlate::attempt::Attempt;
use crate::correlate::join::{are_of_two_users, bare, tells_a_user};
use crate::correlate::keys;
use crate::packet::Endpoint;
use crate::stream::Side;

/// How one attempt ended, for the others to know.
#[derive(Clone, Debug)]
pub struct Other {
    /// Who.
    pub client: IpAddr,
    /// From which port; 0 if unknown.
    pub client_port: u16,
    /// To whom.
    pub server: Endpoint,
    /// When.
    pub window: Window,
    /// Its first frame or record.
    pub first: Mark,
    /// When its client first came to its server: before this, if others were seen and are not told.
    pub came: Timestamp,
    /// How far it came.
    pub reached: Stage,
    /// The user name of its cookie, lower case.
    pub cookie: Option<Arc<str>>,
    /// The name it logs on with, lower case: of the cookie where that tells a user, else as the server's log says.
    pub name: Option<Arc<str>>,
    /// The server's word that it accepted the connection.
    pub logged: bool,
    /// The server's word that name or password are wrong.
    pub refused: Option<Mark>,
    /// Its connection request.
    pub request: Option<Mark>,
    /// Whether the slice left nothing of that.
    pub hidden: bool,
    /// Whether TCP was accepted.
    pub accepted: Option<Mark>,
    /// Whether a TLS handshake was completed.
    pub tls_passed: Option<Mark>,
    /// SHA-1 of the certificate that the server showed.
    pub certificate: Option<(Arc<str>, Mark)>,
    /// Whether it says itself why it failed: a negotiation failure, a TLS alert.
    pub says_why: bool,
    /// Whether the session came up.
    pub session: bool,
    /// Whether the server ended a session abruptly.
    pub cut_at: Option<Mark>,
    /// When the client and the server were last heard, resets excepted.
    pub heard: [Option<Timestamp>; 2],
    /// When the server was last heard, if its client went on for a while and heard nothing more.
    pub server_silent: Option<Timestamp>,
    /// Least and greatest TTL of the server's segments, resets excepted.
    pub server_ttl: Option<(u8, u8)>,
    /// The silence before the end, nanoseconds, if the end followed a long one.
    pub idle_before_end: Option<i64>,
}

/// A side that sends for so long and hears nothing is alone.
pub const ALONE: i64 = 2 * time::SECOND;
/// A silence this long before the end may be why the connection ended.
pub const LONG_SILENCE: i64 = 30 * time::SECOND;

impl Other {
    /// What the others need to know of a connection.
    pub fn of(connection: &Connection) -> Self {
        let flow = connection.flow.as_ref();
        let cut = connection.reached_session() && connection.outcome(Stage::Session) == Outcome::Cut;
        let idle = flow.and_then(|flow| flow.silence).filter(|silence| silence.length() >= LONG_SILENCE);
        let accepted: Option<Mark> =
            flow.filter(|flow| flow.is_established()).map(|flow| flow.handshake.unwrap_or(flow.first));
        let cookie: Option<Arc<str>> = connection.cookie().map(|cookie| cookie.value.to_lowercase().into());
        Self {
            client: connection.client.ip,
            client_port: connection.client.port,
            server: connection.server,
            window: connection.window(),
            first: connection.first,
            came: connection.first.time,
            reached: connection.reached,
            name: cookie.clone(),
            cookie,
            logged: false,
            refused: None,
            request: connection.request.as_ref().map(Observed::mark),
            hidden: connection.hides_negotiation(),
            accepted,
            tls_passed: connection.tls.finished(),
            certificate: connection
                .tls
                .certificate
                .as_ref()
                .map(|seen| (seen.value.thumbprint.as_str().into(), seen.mark())),
            says_why: connection.negotiation_failure().is_some() || connection.tls.fatal_alert().is_some(),
            session: connection.reached_session(),
            cut_at: cut.then(|| flow.and_then(|flow| flow.first_close()).map(|close| close.mark)).flatten(),
            heard: [Side::Client, Side::Server].map(|side| Some(flow?.habits(side).last?.time)),
            server_silent: flow
                .filter(|flow| flow.fell_silent(Side::Server, ALONE).is_some())
                .and_then(|flow| flow.server_habits.last)
                .map(|last| last.time),
            server_ttl: flow.and_then(|flow| flow.server_habits.ttl),
            idle_before_end: idle
                .filter(|silence| connection.last.time - silence.to.time < LONG_SILENCE)
                .map(|silence| silence.length()),
        }
    }

    /// The same, with what the logs tell.
    pub fn of_attempt(attempt: &Attempt) -> Self {
        let mut other = Self::of(&attempt.connection);
        other.logged = attempt.was_accepted();
        for joined in &attempt.events {
            if keys::refuses_credentials(&joined.event) {
                other.refused.get_or_insert(joined.mark());
            }
            // The handshake may not have been captured; the log tells that it came past it.
            if other.tls_passed.is_none() && keys::passed_security(&joined.event) {
                other.tls_passed = Some(joined.mark());
            }
            if !other.tells_its_user() {
                let logged = keys::user(&joined.event).map(|user| bare(&user).into());
                other.name = logged.or(other.name);
            }
        }
        other
    }

    /// When it asked for a session: its request, or of one that only a log knows its acceptance or its logon, and of one
    /// whose request the slice hides.
    pub fn asked(&self) -> Option<Mark> {
        let is_told = self.logged && (self.is_unseen() || self.hidden);
        let by_audit = || self.is_unseen() && self.reached == Stage::Authentication;
        self.request.or_else(|| (is_told || by_audit()).then_some(self.first))
    }

    /// Whether its name is that of one user: a cookie that was cut may be that of several.
    pub fn tells_its_user(&self) -> bool {
        self.name.is_some() && (self.name != self.cookie || self.cookie.as_deref().is_some_and(tells_a_user))
    }

    /// Whether both asked for a user, and not for the same: behind one address there may be many.
    pub fn is_another_user_than(&self, own: &Self) -> bool {
        self.cookie.as_ref().zip(own.cookie.as_ref()).is_some_and(|(one, other)| are_of_two_users(one, other))
    }

    /// Whether only a log knows of it.
    pub const fn is_unseen(&self) -> bool {
        self.server.ip.is_unspecified()
    }

    /// Whether this attempt began within `nanos` before or after a moment.
    pub fn is_near(&self, moment: Timestamp, nanos: i64) -> bool {
        Window::at(moment).widened(nanos).overlaps(&self.window)
    }
}
