//! Every string of a report, by what it is. A new field of the model gets a line here; the words of the catalogue,
//! times and codes need none.

use super::{Identities, Redactor, What};
use crate::report::model::{Certificate, Connection, Evidence, Facts, Report, Verdict};

/// The names that stand in fields of their own.
pub(super) fn names(report: &Report, found: &mut Identities) {
    for source in &report.sources {
        for host in source.host.iter().flat_map(|hosts| hosts.split(", ")) {
            found.add(What::Host, host);
        }
    }
    for incident in &report.incidents {
        for party in [&incident.client, &incident.server] {
            found.add(What::Host, without_port(party));
        }
        if let Some(user) = &incident.user {
            found.add(What::User, user);
        }
    }
    for facts in report.connections.iter().map(|connection| &connection.facts) {
        for host in [&facts.sni, &facts.client_name].into_iter().flatten() {
            found.add(What::Host, host);
        }
        if let Some(cookie) = &facts.cookie {
            found.add(What::User, cookie);
        }
        if let Some(certificate) = &facts.certificate {
            for name in &certificate.names {
                found.add(What::Host, name.trim_start_matches("*."));
            }
            for (kind, value) in parts(&certificate.subject).chain(parts(&certificate.issuer)) {
                found.add(subject_part(kind, value), value);
            }
            found.add(What::Thumbprint, &certificate.thumbprint);
        }
    }
    for party in report.groups.iter().flat_map(|group| [&group.client, &group.server]) {
        if party != "several" {
            found.add(What::Host, without_port(party));
        }
    }
}

fn without_port(party: &str) -> &str {
    match party.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') && port.parse::<u16>().is_ok() => host,
        _ => party,
    }
}

/// `CN` with `srv01.corp.example` of `CN=srv01.corp.example, O=…`.
fn parts(subject: &str) -> impl Iterator<Item = (&str, &str)> {
    subject.split(", ").filter_map(|part| part.split_once('=')).map(|(kind, value)| (kind, value.trim()))
}

/// A common name is mostly that of a host.
fn subject_part(kind: &str, value: &str) -> What {
    let host = kind == "CN" && !value.is_empty() && !value.contains(' ');
    if host { What::Host } else { What::Subject }
}

/// Puts pseudonyms in the place of all.
pub(super) fn redact(report: &mut Report, to: &mut Redactor<'_>) {
    let paths: Vec<String> = report.sources.iter().map(|source| source.path.clone()).collect();
    for source in &mut report.sources {
        source.path = file_name(to, &source.path, &source.format);
        if let Some(host) = &mut source.host {
            let hosts: Vec<String> = host.split(", ").map(|host| to.pseudonym(What::Host, host)).collect();
            *host = hosts.join(", ");
        }
    }
    for incident in &mut report.incidents {
        party(&mut incident.client, to);
        party(&mut incident.server, to);
        if let Some(user) = &mut incident.user {
            to.name(What::User, user);
        }
        verdict(&mut incident.verdict, to);
    }
    for own in &mut report.connections {
        connection(own, to);
    }
    for group in &mut report.groups {
        for own in [&mut group.client, &mut group.server] {
            if own != "several" {
                party(own, to);
            }
        }
    }
    for note in &mut report.notes {
        if let Some(detail) = &mut note.detail {
            *detail = without_path(detail, &paths, to);
        }
    }
}

/// `file-1.pcapng`: a path tells of users, hosts and cases.
fn file_name(to: &mut Redactor<'_>, path: &str, format: &str) -> String {
    let pseudonym = to.pseudonym(What::File, path);
    if format.chars().all(|c| c.is_ascii_alphanumeric() || c == '.') {
        let named = format!("{pseudonym}.{format}");
        // The path has its own ending.
        to.key.remember(&named, path);
        named
    } else {
        pseudonym
    }
}

/// A detail that begins with a path has it replaced as a whole; what follows is a sentence.
fn without_path(detail: &str, paths: &[String], to: &mut Redactor<'_>) -> String {
    let known = paths.iter().filter(|path| detail.starts_with(path.as_str())).max_by_key(|path| path.len());
    let length = known.map(String::len).or_else(|| {
        let (path, _) = detail.split_once(": ")?;
        path.contains(['/', '\\', '.']).then_some(path.len())
    });
    let Some((path, rest)) = length.and_then(|length| detail.split_at_checked(length)) else {
        return to.prose(detail);
    };
    let path = to.pseudonym(What::File, path);
    format!("{path}{}", to.prose(rest))
}

/// An address, an address and its port, or a name.
fn party(text: &mut String, to: &mut Redactor<'_>) {
    let host = without_port(text);
    if super::pattern::is_address(text) || super::pattern::is_address(host) {
        to.sentence(text);
        return;
    }
    let port = text.get(host.len()..).unwrap_or_default().to_owned();
    *text = format!("{}{port}", to.pseudonym(What::Host, host));
}

fn connection(connection: &mut Connection, to: &mut Redactor<'_>) {
    to.sentence(&mut connection.client.ip);
    to.sentence(&mut connection.server.ip);
    to.sentence(&mut connection.display_filter);
    facts(&mut connection.facts, to);
    connection.stages.iter_mut().filter_map(|stage| stage.detail.as_mut()).for_each(|text| to.sentence(text));
    connection.steps.iter_mut().for_each(|step| to.sentence(&mut step.says));
    connection.events.iter_mut().for_each(|event| to.sentence(&mut event.says));
    verdict(&mut connection.verdict, to);
}

fn facts(facts: &mut Facts, to: &mut Redactor<'_>) {
    for host in [&mut facts.sni, &mut facts.client_name].into_iter().flatten() {
        to.name(What::Host, host);
    }
    if let Some(cookie) = &mut facts.cookie {
        to.name(What::User, cookie);
    }
    if let Some(own) = &mut facts.certificate {
        certificate(own, to);
    }
    if let Some(own) = &mut facts.acceptance {
        let all = [&mut own.security, &mut own.tls_version, &mut own.cipher].into_iter().flatten();
        all.for_each(|accepted| to.sentence(&mut accepted.says));
    }
}

fn certificate(own: &mut Certificate, to: &mut Redactor<'_>) {
    for subject in [&mut own.subject, &mut own.issuer] {
        let parts: Vec<String> = parts(subject)
            .map(|(kind, value)| format!("{kind}={}", to.pseudonym(subject_part(kind, value), value)))
            .collect();
        *subject = if parts.is_empty() && !subject.is_empty() {
            to.pseudonym(What::Subject, subject)
        } else {
            parts.join(", ")
        };
    }
    own.names.iter_mut().for_each(|name| to.name(What::Host, name));
    to.name(What::Thumbprint, &mut own.thumbprint);
}

fn verdict(verdict: &mut Verdict, to: &mut Redactor<'_>) {
    let optional = [&mut verdict.location, &mut verdict.expected_client_code].into_iter().flatten();
    let lists = [&mut verdict.ruled_out, &mut verdict.missing, &mut verdict.remedy].into_iter().flatten();
    for text in optional.chain(lists).chain([&mut verdict.summary]) {
        to.sentence(text);
    }
    if let Some(code) = &mut verdict.client_code {
        to.sentence(&mut code.says);
    }
    verdict.also_considered.iter_mut().for_each(|other| to.sentence(&mut other.why_not));
    evidence(&mut verdict.evidence, to);
    for remark in &mut verdict.remarks {
        to.sentence(&mut remark.says);
        evidence(&mut remark.evidence, to);
    }
    for party in &mut verdict.exonerated {
        to.sentence(&mut party.says);
        evidence(&mut party.evidence, to);
    }
}

fn evidence(evidence: &mut [Evidence], to: &mut Redactor<'_>) {
    for fact in evidence {
        to.sentence(&mut fact.says);
    }
}
