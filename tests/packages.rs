//! The packages that the program is built of: licences and sources as `deny.toml` allows them.
//!
//! A part of `cargo deny check licenses sources` that needs no other tool. Advisories need their database, and are
//! checked by `cargo deny check advisories` alone.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test stops with its reason"
)]

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

/// Whether an SPDX expression can be met with licences of the list: `OR` needs one side, `AND` both. The slash of old
/// manifests means `OR`; an exception (`WITH`) only adds rights.
fn is_met(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let (met, rest) = either(&words, allowed);
    assert!(rest.is_empty(), "{expression}: not understood from {rest:?}");
    met
}

fn either<'a>(words: &'a [&'a str], allowed: &BTreeSet<String>) -> (bool, &'a [&'a str]) {
    let (mut met, mut rest) = both(words, allowed);
    while let ["OR", more @ ..] = rest {
        let (other, after) = both(more, allowed);
        (met, rest) = (met | other, after);
    }
    (met, rest)
}

fn both<'a>(words: &'a [&'a str], allowed: &BTreeSet<String>) -> (bool, &'a [&'a str]) {
    let (mut met, mut rest) = one(words, allowed);
    while let ["AND", more @ ..] = rest {
        let (other, after) = one(more, allowed);
        (met, rest) = (met & other, after);
    }
    (met, rest)
}

fn one<'a>(words: &'a [&'a str], allowed: &BTreeSet<String>) -> (bool, &'a [&'a str]) {
    match words {
        ["(", inside @ ..] => match either(inside, allowed) {
            (met, [")", rest @ ..]) => (met, rest),
            _ => panic!("a bracket is not closed in {words:?}"),
        },
        [name, "WITH", _, rest @ ..] | [name, rest @ ..] => (allowed.contains(*name), rest),
        [] => panic!("a licence is missing"),
    }
}

fn policy() -> toml::Table {
    toml::from_str(&std::fs::read_to_string("deny.toml").unwrap()).unwrap()
}

fn list(policy: &toml::Table, section: &str, name: &str) -> BTreeSet<String> {
    policy[section][name].as_array().unwrap().iter().map(|item| item.as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_package_has_a_licence_and_a_source_that_the_policy_allows() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        .output()
        .unwrap();
    if !output.status.success() {
        // Packages of other systems need not be here.
        println!("skipped: {}", String::from_utf8_lossy(&output.stderr));
        return;
    }
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let policy = policy();
    let allowed = list(&policy, "licenses", "allow");
    let registries = list(&policy, "sources", "allow-registry");
    let mut wrong = Vec::new();
    let packages = metadata["packages"].as_array().unwrap();
    for package in packages {
        let name = &package["name"];
        match package["license"].as_str() {
            Some(licence) if is_met(licence, &allowed) => {}
            licence => wrong.push(format!("{name}: licence {licence:?}")),
        }
        match package["source"].as_str() {
            // Our own.
            None => {}
            Some(source) if source.strip_prefix("registry+").is_some_and(|url| registries.contains(url)) => {}
            Some(source) => wrong.push(format!("{name}: from {source}")),
        }
    }
    println!("{} packages", packages.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn expressions_of_licences_are_understood() {
    let allowed: BTreeSet<String> = ["MIT", "Zlib", "Unicode-3.0"].map(str::to_owned).into();
    let met = [
        "MIT",
        "MIT OR GPL-3.0",
        "Apache-2.0/MIT",
        "(MIT OR Apache-2.0) AND Unicode-3.0",
        "MIT WITH x OR GPL-3.0",
    ];
    let unmet = ["GPL-3.0", "MIT AND GPL-3.0", "(MIT OR Zlib) AND GPL-3.0", "GPL-3.0 OR (MIT AND GPL-2.0)"];
    assert!(met.iter().all(|expression| is_met(expression, &allowed)));
    assert!(!unmet.iter().any(|expression| is_met(expression, &allowed)));
}
