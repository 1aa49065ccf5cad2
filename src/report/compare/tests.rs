//! The comparison on reports written by hand.

use super::*;
use crate::report::fixture::{
    at, connection, failed_verdict, healthy_verdict, hostile, incident, mixed, report, several, single,
    undetermined_verdict,
};
use crate::report::model::{Certificate, Connection, JoinedEvent, StageRow};
use crate::report::wrap::width_of;
use crate::report::{Format, Style, escape};

fn row(stage: &'static str, outcome: &'static str, frame: u64) -> StageRow {
    let at = Some(Place { source: 0, frame: Some(frame), record: None, time: at(750) });
    StageRow { stage, outcome, at: at.filter(|_| outcome != "unseen"), detail: None }
}

/// A session with TLS.
fn session() -> Report {
    let mut report = single(healthy_verdict());
    let own = &mut report.connections[0];
    own.reached = "session";
    own.stages = vec![
        row("transport", "passed", 3),
        row("negotiation", "passed", 5),
        row("tls", "passed", 7),
        row("settings", "passed", 8),
        row("licensing", "unseen", 0),
        row("session", "passed", 9),
    ];
    own.facts.failure = None;
    own.facts.selected = Some("SSL".to_owned());
    own.facts.tls_version = Some("TLS 1.2".to_owned());
    own.facts.cipher = Some("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384".to_owned());
    own.facts.certificate = Some(Certificate {
        subject: "CN=srv01".to_owned(),
        issuer: "CN=CA 1".to_owned(),
        thumbprint: "AA".to_owned(),
        ..Certificate::default()
    });
    report
}

fn changed(change: impl FnOnce(&mut Connection)) -> Report {
    let mut report = session();
    change(&mut report.connections[0]);
    report
}

fn what(differences: &[Difference]) -> Vec<&str> {
    differences.iter().map(|difference| difference.what.as_str()).collect()
}

#[test]
fn a_report_does_not_differ_from_itself() {
    for report in [session(), single(failed_verdict()), mixed(), several()] {
        // The same incident on both sides: the only one.
        let mut report = report;
        report.incidents.truncate(1);
        let comparison = compare(&report, &report).unwrap();
        assert!(!comparison.differs && comparison.first.is_none());
        assert!(comparison.others.is_empty() && comparison.events.is_empty());
        assert!(comparison.not_compared.is_empty());
    }
}

#[test]
fn the_first_stage_that_one_does_not_pass_comes_first() {
    let comparison = compare(&session(), &single(failed_verdict())).unwrap();
    let first = comparison.first.unwrap();
    assert_eq!((first.stage, first.what.as_str()), (Some("negotiation"), "outcome"));
    assert_eq!(first.good.value, "passed");
    assert_eq!(first.bad.value, "failed: HYBRID_REQUIRED_BY_SERVER (5)");
    assert_eq!(first.bad.at.unwrap().words, "frame 5");
    let parting: Vec<&str> =
        comparison.stages.iter().filter(|pair| pair.differs).map(|pair| pair.stage).collect();
    assert_eq!(parting, ["negotiation", "tls", "settings", "session"]);
    let hidden: Vec<&str> = comparison.not_compared.iter().map(|item| item.what.as_str()).collect();
    assert_eq!(hidden, ["TLS version", "cipher", "TLS alerts", "certificate"]);
    assert!(comparison.not_compared.iter().all(|item| item.unseen_in == Which::Bad));
}

#[test]
fn another_kind_of_security_matters_and_another_cipher_does_not() {
    let nla = |selected: &str| {
        changed(|own| {
            own.facts.selected = Some(selected.to_owned());
            own.stages.insert(3, row("authentication", "passed", 8));
        })
    };
    let comparison = compare(&session(), &nla("HYBRID")).unwrap();
    assert_eq!(comparison.first.unwrap().what, "selected protocol");
    assert!(!compare(&nla("HYBRID"), &nla("HYBRID_EX")).unwrap().differs);
    let other = changed(|own| {
        own.facts.cipher = Some("TLS_RSA_WITH_AES_128_CBC_SHA".to_owned());
        own.facts.closed_by = Some("client FIN".to_owned());
        if let Some(own) = &mut own.facts.certificate {
            own.thumbprint = "BB".to_owned();
        }
    });
    let comparison = compare(&session(), &other).unwrap();
    assert!(!comparison.differs);
    assert_eq!(what(&comparison.others), ["cipher", "certificate thumbprint", "closed by"]);
}

#[test]
fn a_round_trip_differs_from_the_double_on() {
    let slower = |milliseconds: f64| changed(|own| own.facts.rtt_ms = Some(milliseconds));
    let differs = |milliseconds| what(&compare(&session(), &slower(milliseconds)).unwrap().others).len();
    assert_eq!((differs(0.84), differs(0.22), differs(0.85), differs(0.2)), (0, 0, 1, 1));
}

#[test]
fn what_one_side_does_not_show_is_never_a_difference() {
    let late = changed(|own| {
        own.stages = vec![row("transport", "unseen", 0), row("session", "passed", 9)];
        own.facts =
            crate::report::model::Facts { closed_by: own.facts.closed_by.clone(), ..Default::default() };
        own.facts.retransmissions_client = 1;
    });
    let comparison = compare(&session(), &late).unwrap();
    assert!(!comparison.differs, "{:?}", comparison.first);
    assert!(comparison.others.is_empty(), "{:?}", comparison.others);
    assert!(comparison.not_compared.iter().any(|item| item.what == "certificate"));
    // The capture stops in the middle of a good connection.
    let stopped = changed(|own| {
        own.reached = "tls";
        own.stages.truncate(3);
        own.facts.closed_by = None;
    });
    let comparison = compare(&session(), &stopped).unwrap();
    assert!(!comparison.differs, "{:?}", comparison.first);
    let hidden: Vec<&str> = comparison.not_compared.iter().map(|item| item.what.as_str()).collect();
    assert_eq!(hidden, ["stage settings", "stage session", "closed by"]);
}

#[test]
fn verdicts_that_differ_matter_where_nothing_else_does() {
    let mut bad = session();
    bad.incidents[0].verdict = undetermined_verdict();
    let first = compare(&session(), &bad).unwrap().first.unwrap();
    assert_eq!((first.stage, first.what.as_str()), (None, "verdict"));
}

#[test]
fn two_that_stop_in_one_stage_differ_only_by_named_reasons() {
    let failed = single(failed_verdict());
    // The same refusal as a log tells it.
    let mut told = failed.clone();
    told.connections[0].stages[1] = row("negotiation", "cut", 5);
    let comparison = compare(&failed, &told).unwrap();
    assert!(!comparison.differs, "{:?}", comparison.first);
    let mut other = told.clone();
    other.incidents[0].verdict.cause = Some("no-cc");
    let comparison = compare(&failed, &other).unwrap();
    assert_eq!(comparison.first.as_ref().unwrap().stage, Some("negotiation"));
    let page = comparison.render(Format::Table, Style::default());
    assert!(page.contains("negotiation: both ended here, not for the same reason"), "{page}");
    other.incidents[0].verdict.kind = "undetermined";
    let comparison = compare(&failed, &other).unwrap();
    assert!(!comparison.differs, "{:?}", comparison.first);
    assert_eq!(comparison.not_compared[0].what, "reason");
}

#[test]
fn an_incident_without_a_connection_fails_in_the_stage_of_its_cause() {
    let mut bad = report();
    let verdict = Verdict { cause: Some("dns-failure"), ..failed_verdict() };
    bad.incidents.push(incident(1, verdict));
    let comparison = compare(&session(), &bad).unwrap();
    assert_eq!(comparison.first.unwrap().stage, Some("name"));
    assert_eq!(comparison.bad.connection, None);
    assert!(comparison.not_compared.iter().all(|item| item.why == "it has no connection"));
}

#[test]
fn the_good_one_is_a_session_and_the_bad_one_a_failure() {
    let report = mixed();
    let comparison = compare(&report, &report).unwrap();
    assert_eq!((comparison.good.incident, comparison.bad.incident), (1, 2));
    assert!(comparison.good.doubt.is_some(), "healthy, but its connection reached negotiation only");
    let mut two = single(healthy_verdict());
    two.incidents.push({
        let mut second = incident(2, healthy_verdict());
        second.deciding_connection = Some(2);
        second
    });
    let mut whole = connection(2, 2, healthy_verdict());
    whole.reached = "session";
    two.connections.push(whole);
    let comparison = compare(&two, &single(failed_verdict())).unwrap();
    assert_eq!((comparison.good.incident, comparison.good.doubt), (2, None));
    assert_eq!(compare(&super::super::fixture::report(), &two).unwrap_err(), Which::Good);
    assert_eq!(compare(&two, &super::super::fixture::report()).unwrap_err(), Which::Bad);
}

#[test]
fn events_count_only_where_a_log_would_hold_them() {
    let event = |channel: &str, event_id: u32| JoinedEvent {
        channel: channel.to_owned(),
        event_id,
        ..session().connections[0].events[0].clone()
    };
    let core = "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational";
    let bad = changed(|own| own.events.extend([event(core, 140), event("Security", 4625)]));
    let comparison = compare(&session(), &bad).unwrap();
    assert_eq!(what(&comparison.events), ["RdpCoreTS 140"]);
    assert_eq!(comparison.not_compared.len(), 1);
    assert_eq!(comparison.not_compared[0].what, "events of Security");
    assert_eq!(comparison.not_compared[0].why, "no such log was given");
    // A log that ran all the while and says nothing: its silence counts.
    let silent = changed(|own| own.events.clear());
    assert_eq!(what(&compare(&silent, &bad).unwrap().events), ["RdpCoreTS 131", "RdpCoreTS 140"]);
    // Unless its clock could not be compared.
    let mut unknown = silent.clone();
    unknown.clocks[0].quality = "unknown";
    let comparison = compare(&unknown, &bad).unwrap();
    assert!(comparison.events.is_empty());
    assert!(comparison.not_compared.iter().any(|item| item.why.contains("does not cover")));
    assert!(!comparison.differs, "events alone do not matter");
}

#[test]
fn every_page_is_safe_and_fits() {
    let all = [session(), single(failed_verdict()), single(undetermined_verdict()), several(), hostile()];
    for (good, bad) in all.iter().flat_map(|good| all.iter().map(move |bad| (good, bad))) {
        let comparison = compare(good, bad).unwrap();
        for width in [40, 80, 120] {
            let page = comparison.render(Format::Table, Style { width, color: false });
            for line in page.lines() {
                assert!(width_of(line) <= width, "{width}: {line}");
            }
        }
        for format in [Format::Table, Format::Markdown, Format::Json] {
            let text = comparison.render(format, Style::default());
            assert!(!text.chars().any(|c| c != '\n' && escape::is_hidden(c)), "{text}");
            assert!(!text.contains("\n# Incident 99") && text.ends_with('\n'));
        }
    }
}
