//! The two sides settled on a security that one of them does not speak, and no failure code said so.

use crate::base::Observed;
use crate::causes::case::ending_says;
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause};
use crate::connection::{Connection, Outcome, Stage};
use crate::correlate::incident::CLICK;
use crate::protocol::nego::Protocols;
use crate::stream::{Close, Opening, Side};

cause! {
    /// Client and server settled on a security protocol that one of them does not accept.
    ///
    /// ## Why
    /// The server confirmed the connection, but with a protocol that the client had not offered, or with the old
    /// RDP security although one of the two insists on TLS. The negotiation should have ended with a failure code;
    /// a proxy, an old server or a setting that is half changed leaves it out.
    ///
    /// ## What to do
    /// - On the server: `reg query "HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp"` must
    ///   show `SecurityLayer` 2 (TLS), `UserAuthentication` 1, and `fAllowSecProtocolNegotiation` 1, without which the
    ///   server does not negotiate at all.
    /// - A policy overrides them: `reg query "HKLM\SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services"` shows it.
    /// - On the client: do not force the old security (`/sec:rdp` of FreeRDP, `negotiate security layer:i:0` in the
    ///   .rdp file); update a client that knows nothing else. Do not lower the server instead.
    /// - With a proxy or load balancer that ends TLS in between: connect around it once.
    /// - To verify: in a new capture the confirm selects SSL or HYBRID, and a TLS ClientHello follows.
    ///
    /// ## Seen as
    /// A connection confirm with a protocol outside of the request, or of 11 bytes, then the end before TLS or at
    /// the MCS Connect-Initial; RdpCoreTS 105. [MS-RDPBCGR] 2.2.1.2
    "security-layer-mismatch", stage: Negotiation, severity: Failure, blames: [Client, Server],
    more_specific_than: ["client-left-or-probe", "ended-abruptly-by-client", "ended-abruptly-by-server"],
    client_code: "0x904",
}

pub(crate) fn detect(case: &Case<'_>) -> Option<Finding> {
    let (connection, flow) = case.both()?;
    let ended = flow.first_close().filter(|close| case.forged(close).is_none())?;
    let readable = case.capture_is_sound() && flow.opening != Opening::MidStream;
    if !readable || connection.tls.is_begun() || connection.reached_session() || connection.foreign.is_some()
    {
        return None;
    }
    let requested = connection.requested()?;
    let selected = connection.selected()?;
    match connection.reached {
        Stage::Negotiation => closed_at_confirm(case, &requested, &selected, ended),
        Stage::Settings => refused_in_clear(connection, &requested, &selected, ended),
        _ => None,
    }
}

/// The client closes at a confirm that it cannot accept.
fn closed_at_confirm(
    case: &Case<'_>,
    requested: &Observed<Protocols>,
    selected: &Observed<Protocols>,
    ended: &Close,
) -> Option<Finding> {
    let foreign = selected.value.0 & !requested.value.0 != 0;
    let downgraded = !selected.value.tls() && requested.value.tls();
    // Who comes back at once and gets further has only looked.
    let came_back = case.ask(|own, around| around.others.got_in(own, CLICK).map(|_| ()));
    if ended.from != Side::Client || !foreign && (!downgraded || came_back.is_some()) {
        return None;
    }
    let says = if foreign { "which was not offered" } else { "without TLS" };
    let evidence = vec![
        Evidence::of(selected, format!("the server selects {}, {says}", selected.value)),
        Evidence::of(requested, format!("the client had offered {}", requested.value)),
        Evidence::at(ended.mark, ending_says(ended)),
    ];
    let detail = format!("the client offers {}, the server selects {}", requested.value, selected.value);
    Some(Finding::new(&CAUSE, Strength::Inferred, Blame::Server, evidence).detail(detail))
}

/// Both speak the old security, and the server ends it at the client's first message: it wants TLS.
fn refused_in_clear(
    connection: &Connection,
    requested: &Observed<Protocols>,
    selected: &Observed<Protocols>,
    ended: &Close,
) -> Option<Finding> {
    let initial = connection.settings.connect_initial.as_ref()?;
    let answered = connection.settings.connect_response.is_some()
        || connection.outcome(Stage::Settings) != Outcome::Failed;
    if answered || selected.value.tls() || ended.from != Side::Server || ended.mark < initial.mark() {
        return None;
    }
    let mut evidence = vec![
        Evidence::of(selected, "the server confirms without a security protocol: the old RDP security"),
        Evidence::of(initial, "the client goes on in clear with its MCS Connect-Initial"),
    ];
    evidence.extend(
        connection
            .settings
            .ultimatum
            .as_ref()
            .map(|ultimatum| Evidence::of(ultimatum, "the answer is a disconnect ultimatum")),
    );
    evidence.push(Evidence::at(ended.mark, ending_says(ended)));
    let (blame, says) = if requested.value.tls() {
        (Blame::Server, "although the client had offered TLS")
    } else {
        (Blame::Client, "which is all that the client offers")
    };
    let detail = format!("the server ends the connection at the first message in the old security, {says}");
    let finding = Finding::new(&CAUSE, Strength::Inferred, blame, evidence).detail(detail);
    Some(finding.missing("the server's log at this second: it may say that TLS is required"))
}
