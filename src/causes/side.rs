//! The verdict on a UDP connection: what became of it. It names no cause of its own, since a session goes on over TCP
//! without it: where UDP was to blame, the verdict of the TCP connection says so.

use super::finding::{Evidence, Finding, Kind, Verdict};
use super::session::udp_half_working;
use crate::connection::Outcome;
use crate::connection::udp::{UdpConnection, times};
use crate::correlate::clock::seconds;

/// Judges a UDP connection. `of_tcp` is the verdict on the connection that it stands beside.
pub fn judge(udp: &UdpConnection, of_tcp: Option<&Verdict>) -> Verdict {
    let cause = &udp_half_working::CAUSE;
    let half: Option<&Finding> = of_tcp.and_then(|verdict| {
        let said = verdict.finding.iter().chain(&verdict.remarks);
        let mut half = said.filter(|finding| std::ptr::eq(finding.cause, cause));
        half.find(|_| udp.stalls())
    });
    if let Some(half) = half {
        let summary = format!("{}.", half.cause.title());
        return Verdict { summary, finding: Some(half.clone()), ..Verdict::empty(Kind::Cause) };
    }
    let (kind, summary) = told(udp);
    let mut missing = Vec::new();
    if of_tcp.is_none() {
        missing.push(
            "the TCP connection that it belongs to: a capture that begins before the user connects".into(),
        );
    }
    // Alone it shows that UDP works, or why it does not; never what became of the session.
    let kind = if of_tcp.is_none() && !udp.works() { Kind::Undetermined } else { kind };
    Verdict { summary, evidence: evidence(udp), missing, ..Verdict::empty(kind) }
}

fn told(udp: &UdpConnection) -> (Kind, String) {
    let failed = udp
        .stages()
        .into_iter()
        .rev()
        .find(|result| result.outcome == Outcome::Failed && result.at.is_some() && udp.is_answered());
    if let Some(failed) = failed {
        let detail = failed.detail.unwrap_or_default();
        return (Kind::Undetermined, format!("UDP opened, and its security failed ({detail})."));
    }
    if udp.works() {
        let lasted = seconds(udp.last.time - udp.first.time);
        return (Kind::Healthy, format!("UDP came up and both sides exchanged data for {lasted:.1} s."));
    }
    if !udp.is_answered() {
        let sent = times(udp.to_server.datagrams);
        let summary =
            format!("UDP was offered {sent} and not answered. RDP needs none: it can go on over TCP alone.");
        return (Kind::Healthy, summary);
    }
    if udp.stalls() {
        let summary = "UDP opened, and then one side was not heard any more.".to_owned();
        return (Kind::Undetermined, summary);
    }
    (Kind::Healthy, "UDP was answered; too few datagrams followed to say more.".into())
}

fn evidence(udp: &UdpConnection) -> Vec<Evidence> {
    let version = udp.version().map(|version| format!(", version {version}")).unwrap_or_default();
    let mut evidence = Vec::new();
    if let Some(offer) = &udp.offer {
        evidence.push(Evidence::of(offer, format!("the client offers UDP {}", times(udp.offers))));
    }
    if let Some(answer) = &udp.answer {
        evidence.push(Evidence::of(answer, format!("the server answers{version}")));
    }
    if let Some(hello) = &udp.security.client_hello {
        evidence.push(Evidence::of(hello, format!("the client begins {}", hello.value.name())));
    }
    if let Some(chosen) = &udp.security.server_hello {
        evidence.push(Evidence::of(chosen, format!("the server chooses {}", chosen.value.version)));
    }
    if let Some(alert) = &udp.security.alert {
        let (from, what) = alert.value;
        evidence
            .push(Evidence::of(alert, format!("the {} sends the alert {}", from.name(), what.description)));
    }
    if evidence.is_empty() {
        evidence.push(Evidence::at(udp.first, "the first datagram"));
    }
    evidence.push(Evidence::at(udp.last, "the last datagram"));
    evidence
}
