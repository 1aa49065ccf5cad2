use std::collections::BTreeSet;

use super::*;
use crate::causes::ALL;

fn order(cause: &str, blame: &str) -> Order {
    Order { incident: 1, cause: cause.into(), blame: blame.into(), ..Order::default() }
}

/// Every script that can be written for a cause of the catalogue.
fn all() -> Vec<(Order, String)> {
    let orders = ALL.iter().flat_map(|cause| {
        let blames = cause.blames.iter().map(|blame| blame.name());
        blames.map(|blame| order(cause.id, blame)).collect::<Vec<_>>()
    });
    orders.map(|order| (order.clone(), script(&order))).collect()
}

/// What stands between the quotes of a literal that begins at the start of `text`, and what follows it; by the rule of
/// PowerShell: any of five quotes ends it, a pair of any two of them does not.
fn literal(text: &str) -> Option<(String, &str)> {
    let is_quote = |c: char| matches!(c, '\'' | '\u{2018}' | '\u{2019}' | '\u{201a}' | '\u{201b}');
    let mut rest = text.strip_prefix('\'')?;
    let mut inside = String::new();
    loop {
        let c = rest.chars().next()?;
        rest = &rest[c.len_utf8()..];
        if !is_quote(c) {
            inside.push(c);
            continue;
        }
        match rest.chars().next().filter(|next| is_quote(*next)) {
            Some(next) => {
                inside.push(next);
                rest = &rest[next.len_utf8()..];
            }
            None => return Some((inside, rest)),
        }
    }
}

#[test]
fn a_script_has_a_mark_and_the_line_ends_of_windows() {
    for (order, text) in all() {
        assert!(text.starts_with('\u{feff}'), "{order:?}");
        assert_eq!(text.matches('\n').count(), text.matches("\r\n").count(), "{order:?}");
        assert_eq!(text.matches('\r').count(), text.matches("\r\n").count(), "{order:?}");
    }
}

#[test]
fn strings_of_a_report_are_inert() {
    let evil = "a'; Remove-Item C:\\ -Recurse #\u{2019}; calc \u{2018}\u{201a}\u{201b}' \"$(calc)\" `n #> '@\r\nStop-Computer\n$env:x\u{202e}\u{2028}\0\u{2019}";
    let mut order = order("no-such-cause", evil);
    for field in [&mut order.client, &mut order.server, &mut order.start, &mut order.cause] {
        evil.clone_into(field);
    }
    for field in [&mut order.strength, &mut order.summary] {
        evil.clone_into(field);
    }
    order.steps = vec![evil.to_owned(), format!("run `{evil} x` now"), "'".into(), "`".into(), String::new()];
    let harmless = script(&Order { cause: "no-such-cause".into(), ..Order::default() });
    let text = script(&order);
    let own = |text: &str| text.lines().filter(|line| !line.starts_with("Write-Host '")).count();
    // Nothing but lines that print a literal, and the heading above the steps.
    assert!(own(&text) <= own(&harmless) + 2, "a string broke out of its line:\n{text}");
    let mut printed = 0;
    for line in text.lines().filter_map(|line| line.strip_prefix("Write-Host '")) {
        let whole = format!("'{line}");
        let (inside, after) = literal(&whole).expect("a literal that ends");
        assert_eq!(after, "", "something follows the literal in {line}");
        printed += usize::from(inside.contains("Remove-Item C:"));
    }
    assert!(printed >= 6, "{printed}");
    assert!(!text.contains('\u{202e}') && !text.contains('\u{2028}') && !text.contains('\0'));
}

#[test]
fn nothing_changes_but_under_apply_and_by_three_functions() {
    let text = include_str!("script.ps1");
    let functions: Vec<(&str, &str)> =
        text.split("\nfunction ").skip(1).filter_map(|part| part.split_once(" {\n")).collect();
    let changing = [
        "New-Item",
        "Set-Item",
        "Remove-Item",
        "Clear-Item",
        "Restart-Service",
        "Stop-Service",
        "Start-Service",
        "Set-Service",
        "Export-",
        "Import-",
        "Set-Content",
        "Add-Content",
        "Start-Process",
        "Invoke-Expression",
        "reg.exe",
        "Start-Transcript",
        "Enable-",
        "Disable-",
        "Set-Net",
        "Invoke-Web",
    ];
    let keeps = ["Open-Backup", "Add-Undo", "Add-UndoOfValue"];
    let mut seen = BTreeSet::new();
    for (name, body) in functions {
        // What is written into undo.ps1 is text.
        let code: Vec<&str> = body.lines().filter(|line| !line.contains("Add-Undo -Line")).collect();
        let Some(at) = code.iter().position(|line| changing.iter().any(|word| line.contains(word))) else {
            continue;
        };
        seen.insert(name);
        let asks = code.iter().position(|line| line.contains("if (-not $Apply)"));
        let is_asked = asks.is_some_and(|asks| asks < at);
        // Called by Update-RdpCertificate alone, behind its question.
        assert!(
            is_asked || keeps.contains(&name) || name == "Remove-RegistryValue",
            "{name} changes something"
        );
    }
    let expected =
        ["Open-Backup", "Add-Undo", "Set-RegistryDword", "Remove-RegistryValue", "Update-RdpCertificate"];
    assert_eq!(seen, BTreeSet::from(expected));
    // What a plan adds to it calls known functions only.
    let known = [
        "Write-Host '",
        "Write-Heading -Text '",
        "Show-",
        "Set-RegistryDword -Path '",
        "Update-RdpCertificate",
    ];
    for (order, script) in all() {
        let (_, own) = script.split_once("\r\nAssert-Computer\r\n").expect("the fixed part ends");
        let (own, _) = own.split_once("\r\nif ($null -ne $script:Folder)").expect("the end is fixed");
        for line in own.lines().filter(|line| !line.is_empty()) {
            assert!(known.iter().any(|known| line.starts_with(known)), "{order:?}: {line}");
        }
    }
}

#[test]
fn what_may_be_changed_is_named_and_lowers_nothing() {
    let mut seen = BTreeSet::new();
    for (cause, host, changes) in CHANGES {
        assert!(crate::causes::by_id(cause).is_some(), "{cause}");
        assert!(seen.insert((cause, host.name())), "{cause} twice for {}", host.name());
        assert!(!changes.is_empty());
        for change in *changes {
            let Change::Set(value) = change else { continue };
            assert!(value.key.starts_with(r"HKLM:\S"), "{cause}: {}", value.key);
            let bad = match value.name {
                "SecurityLayer" => value.data != 2,
                "UserAuthentication" | "fAllowSecProtocolNegotiation" | "Enabled" => value.data != 1,
                "DisabledByDefault" => value.data != 0,
                "AllowEncryptionOracle" | "MinEncryptionLevel" | "LimitBlankPasswordUse" => true,
                _ => value.key.contains("TLS 1.0") || value.key.contains("TLS 1.1"),
            };
            assert!(!bad, "{cause}: {} = {}", value.name, value.data);
        }
    }
}

#[test]
fn a_script_is_for_the_computer_that_is_to_blame() {
    let host = |cause: &str, blame: &str| plan(&order(cause, blame)).0;
    assert_eq!(host("tls-version-mismatch", "client"), Host::Client);
    assert_eq!(host("tls-version-mismatch", "server"), Host::Server);
    assert_eq!(host("gateway-rap-denied", "server"), Host::Gateway);
    assert_eq!(host("rst-injected", "middlebox"), Host::Elsewhere);
    // A device is to blame, and the server can be made to bear with it.
    assert_eq!(host("stateful-idle-timeout", "middlebox"), Host::Server);
    assert_eq!(host("no-such-cause", "server"), Host::Server);
}

#[test]
fn a_report_is_read_as_windows_writes_it() {
    let json = r#"{"schema":"rdpscan.report.v1","more":1,"incidents":[
        {"id":1,"client":"a","server":"b","start":"t","verdict":{"kind":"healthy","cause":"x","summary":"s"}},
        {"id":2,"client":"a","server":"b","start":"t","verdict":{"kind":"undetermined","cause":"no-cc","summary":"s"}},
        {"id":3,"client":"a","server":"ü","start":"t","verdict":{"kind":"cause","cause":"not-rdp","blame":"server","summary":"s"}}]}"#;
    let utf16: Vec<u8> =
        "\u{feff}".encode_utf16().chain(json.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let marked = format!("\u{feff}{json}");
    for bytes in [json.as_bytes(), &utf16, marked.as_bytes()] {
        // What names the reason goes before what does not.
        let first = Order::read(bytes, None).unwrap();
        assert_eq!((first.incident, first.server.as_str()), (3, "ü"));
        assert_eq!(Order::read(bytes, Some(2)).unwrap().cause, "no-cc");
        assert_eq!(Order::read(bytes, Some(1)), Err(Refusal::NoCause(1)));
        assert_eq!(Order::read(bytes, Some(9)), Err(Refusal::NoSuchIncident { wanted: 9, there: 3 }));
    }
    for bad in ["", "{", "[]", r#"{"schema":"rdpscan.compare.v1","incidents":[]}"#] {
        assert!(matches!(Order::read(bad.as_bytes(), None), Err(Refusal::NotAReport(_))), "{bad}");
    }
}
