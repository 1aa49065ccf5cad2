//! Pseudonyms: nothing original is left, the same is the same, and words stay words.

use super::*;
use crate::report::fixture::{failed_verdict, hostile, single};

fn prose(names: &[(What, &str)], text: &str) -> String {
    let mut report = single(failed_verdict());
    report.incidents[0].verdict.summary = text.to_owned();
    let mut identities = Identities::default();
    for (what, name) in names {
        identities.add(*what, name);
    }
    redact(&mut report, identities, &mut Key::default());
    report.incidents[0].verdict.summary.clone()
}

#[test]
fn addresses_are_known_by_their_form() {
    // The parties of the fixture come first.
    assert_eq!(prose(&[], "from 10.1.2.3:50001 to 10.1.2.3."), "from 198.18.0.3:50001 to 198.18.0.3.");
    let text =
        prose(&[], "[fe80::1]:3389, 00:11:22:aa:bb:cc and 00-11-22-AA-BB-CC, 0.0.0.0, ::1, 20:10:10.747");
    assert_eq!(text, "[2001:2::1]:3389, hardware-1 and HARDWARE-1, 0.0.0.0, ::1, 20:10:10.747");
}

#[test]
fn names_are_found_in_sentences_in_any_case() {
    let names = [(What::Host, "srv77.lab.test"), (What::User, "LAB\\zoe"), (What::Host, "TERMSRV/srv77")];
    let text = prose(&names, "Zoe at SRV77, srv77.lab.test and lab\\ZOE; zoexyz, zoe@lab.test, srv77-old");
    assert!(!text.to_lowercase().contains("srv77") && !text.contains("lab."), "{text}");
    assert!(text.contains("zoexyz"), "another word stays: {text}");
    // As each is written there.
    for name in ["User-2 at HOST-2, host-2.", "\\USER-2;", " user-2@"] {
        assert!(text.contains(name), "{name}: {text}");
    }
}

#[test]
fn a_user_by_the_name_of_a_word_is_one_only_where_a_name_stands() {
    let text = prose(&[(What::User, "Client")], "the client refuses the logon of Client (user Client)");
    assert!(text.starts_with("the client refuses the logon of User-"), "{text}");
    assert!(!text.contains("Client"), "{text}");
}

#[test]
fn what_texts_say_of_a_computer_names_nobody() {
    let names = [
        (What::Host, "SERVER"),
        (What::Host, "srv01"),
        (What::Host, "network"),
        (What::User, "alice"),
        (What::Interface, "VPN Contoso Ltd alice.meier"),
        (What::Interface, "VPN"),
        (What::Interface, "RDP-Contoso"),
    ];
    let bound = "3F9A1C7BE24D80566C0FA7D1983BE5027741CADB";
    let (lower, sha256) = (bound.to_lowercase(), format!("{bound}{}", "a1".repeat(12)));
    let text = prose(
        &names,
        &format!(
            "the registry of SERVER switches Remote Desktop off; nothing listens on port 3389 of network; \
             the interface VPN Contoso Ltd alice.meier of SRV01 has an MTU; the interface VPN of SERVER; \
             the interface rdp-contoso; target srv01; {bound}, {lower}, {sha256}; the server of the network"
        ),
    );
    for name in ["server ", "srv01", "contoso", "meier", "vpn", "3f9a"] {
        let left = text.to_lowercase().replace("the server ", "");
        assert!(!left.contains(name), "{name}: {text}");
    }
    assert!(text.ends_with("; the server of the network"), "words stay: {text}");
    assert!(!text.contains("3389 of network"), "{text}");
    let thumbprints: Vec<&str> =
        text.split([' ', ',', ';']).filter(|word| word.to_lowercase().starts_with("thumb")).collect();
    let same = thumbprints[0].eq_ignore_ascii_case(thumbprints[1]);
    assert!(same && !thumbprints[1].eq_ignore_ascii_case(thumbprints[2]), "{text}");
    let first = prose(&[(What::Host, "server")], "server is bound to the certificate; the server has it");
    assert!(first.starts_with("host-") && first.ends_with("; the server has it"), "{first}");
}

#[test]
fn the_key_turns_every_pseudonym_back_and_keeps_it_for_the_next_report() {
    let mut key = Key::default();
    let mut report = single(failed_verdict());
    redact(&mut report, Identities::default(), &mut key);
    assert!(report.redacted);
    let client = report.connections[0].client.ip.clone();
    assert_eq!(key.original(&client), Some("10.20.0.5"));
    let user = report.incidents[0].user.clone().unwrap();
    let (domain, name) = user.split_once('\\').unwrap();
    // Windows does not tell cases apart; nor do pseudonyms.
    assert_eq!(key.original(domain).map(str::to_uppercase).as_deref(), Some("CORP"));
    assert_eq!(key.original(name), Some("alice"));

    let (source, path) = (&report.sources[0], &single(failed_verdict()).sources[0].path);
    assert_eq!(key.original(&source.path), Some(path.as_str()), "with its ending once");

    let mut again = Key::from_json(&key.to_json()).unwrap();
    let mut report = single(failed_verdict());
    redact(&mut report, Identities::default(), &mut again);
    assert_eq!(report.connections[0].client.ip, client);
    assert_eq!(again.to_json(), key.to_json());
    assert!(Key::from_json("{}").is_none() && Key::from_json("no key").is_none());
}

#[test]
fn strange_strings_do_not_stop_it() {
    let mut report = hostile();
    redact(&mut report, Identities::default(), &mut Key::default());
    let text = super::super::render(&report, super::super::Format::Json, super::super::Style::default());
    assert!(!text.contains("10.20.0.5"), "{text}");
}
