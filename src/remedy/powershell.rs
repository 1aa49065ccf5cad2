//! Steps to PowerShell: Windows PowerShell 5.1 and later.
//!
//! INVARIANT: every string that is not written in this program stands in a literal of [`quoted`]. Nothing of a report
//! stands in a comment (which `#>` would end), in a double-quoted string or in a here-string (which expand or end).

use std::fmt::Write as _;

use super::order::Order;
use super::plan::{Change, Dword, Host, Reading, Step, plan};
use crate::report::visible;

/// The fixed part: what a script can do.
const FUNCTIONS: &str = include_str!("script.ps1");

const HEAD: &str = r"# Remedy script of rdpscan. Without -Apply it reads, prints and changes nothing.
#
#   powershell.exe -ExecutionPolicy Bypass -File remedy.ps1
#   powershell.exe -ExecutionPolicy Bypass -File remedy.ps1 -Apply      (elevated)
#
# -Apply changes only what is printed with 'With -Apply'. Each old value goes to undo.ps1 in a new folder under
# -BackupFolder, beside a transcript. This program was not run on Windows by its makers: read it before you run it.
#Requires -Version 5.1
[CmdletBinding()]
param(
    [switch] $Apply,
    [string] $BackupFolder = [Environment]::GetFolderPath('UserProfile')
)

Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'

";

const TAIL: &str = "
if ($null -ne $script:Folder) {
    Write-Heading -Text 'To undo'
    Write-Host \"   Read and run: $(Join-Path -Path $script:Folder -ChildPath 'undo.ps1')\"
    $null = Stop-Transcript
}
";

/// The script of an incident: with a byte order mark, without which Windows PowerShell 5.1 reads the file in the code
/// page of the machine, and with the line ends of Windows.
pub fn script(order: &Order) -> String {
    let (host, steps) = plan(order);
    let mut text = format!("{HEAD}{FUNCTIONS}\nAssert-Computer\n");
    opening(&mut text, order, host);
    part(&mut text, "What is there now", &steps, |step| matches!(step, Step::Read(_)));
    part(&mut text, "What this script can change", &steps, |step| matches!(step, Step::Change(_)));
    part(&mut text, "What to do, and how to verify it", &steps, |step| matches!(step, Step::Tell(_)));
    text.push_str(TAIL);
    format!("\u{feff}{}", text.replace("\r\n", "\n").replace('\n', "\r\n"))
}

fn opening(text: &mut String, order: &Order, host: Host) {
    let sure = if order.undetermined {
        "What happened is certain, why is not: look before you change anything".to_owned()
    } else {
        format!("Strength: {}, blame: {}", order.strength, order.blame)
    };
    say(text, &format!("rdpscan: incident {}, {}", order.incident, order.cause));
    say(text, &format!("{} -> {}, {}", order.client, order.server, order.start));
    say(text, &order.summary);
    say(text, &sure);
    say(text, &format!("This script is for {}.", host.name()));
}

/// One part with its heading; nothing if it is empty.
fn part(text: &mut String, title: &str, steps: &[Step], is_own: impl Fn(&Step) -> bool) {
    let own: Vec<&Step> = steps.iter().filter(|step| is_own(step)).collect();
    if own.is_empty() {
        return;
    }
    line(text, &format!("\nWrite-Heading -Text {}", quoted(title)));
    for (number, step) in (1..).zip(own) {
        match step {
            Step::Read(reading) => line(text, &read(*reading)),
            Step::Change(change) => line(text, &apply(*change)),
            Step::Tell(words) => tell(text, number, words),
        }
    }
}

fn read(reading: Reading) -> String {
    let list = |words: &[&str]| words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(", ");
    match reading {
        Reading::Value(key, name) => {
            format!("Show-RegistryValue -Path {} -Name {}", quoted(key), quoted(name))
        }
        Reading::Services(names) => format!("Show-Service -Name {}", list(names)),
        Reading::Listener => "Show-Listener".to_owned(),
        Reading::Certificate => "Show-Certificate".to_owned(),
        Reading::Firewall => "Show-FirewallRule".to_owned(),
        Reading::TlsProtocols => "Show-TlsProtocol".to_owned(),
        Reading::Events(log, ids) => {
            let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
            format!("Show-Event -Log {} -Id {}", quoted(log), ids.join(", "))
        }
    }
}

fn apply(change: Change) -> String {
    match change {
        Change::RenewCertificate => "Update-RdpCertificate".to_owned(),
        Change::Set(Dword { key, name, data, policy, does }) => {
            let policy = policy.map(|policy| format!(" -Policy {}", quoted(policy))).unwrap_or_default();
            let set = format!(
                "Set-RegistryDword -Path {} -Name {} -Data {data}{policy}",
                quoted(key),
                quoted(name)
            );
            format!("{set}\nWrite-Host {}", quoted(&format!("   Effect: {does}.")))
        }
    }
}

/// A step for a person: words, and commands each on a line of its own.
fn tell(text: &mut String, number: usize, words: &str) {
    let parts: Vec<&str> = words.split('`').collect();
    let mut shown = format!("{number:>4}. ");
    for (index, part) in parts.iter().enumerate() {
        let is_code = index % 2 == 1 && index + 1 < parts.len();
        if is_code && part.contains(' ') {
            say(text, shown.trim_end());
            say(text, &format!("          {part}"));
            "      ".clone_into(&mut shown);
        } else {
            let part =
                if shown.trim().is_empty() { part.trim_start_matches([',', '.', ';', ' ']) } else { part };
            shown.push_str(part);
        }
    }
    if !shown.trim().is_empty() {
        say(text, shown.trim_end());
    }
}

fn say(text: &mut String, words: &str) {
    line(text, &format!("Write-Host {}", quoted(words)));
}

fn line(text: &mut String, words: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{words}");
}

/// A literal in which PowerShell expands nothing. It takes any of five characters for the quote that ends it, and a
/// pair of them for one that does not; what would end the line or hide is made visible before.
fn quoted(text: &str) -> String {
    let mut out = String::from("'");
    for c in visible(text).chars() {
        if matches!(c, '\'' | '\u{2018}'..='\u{201b}') {
            out.push(c);
        }
        out.push(c);
    }
    out.push('\'');
    out
}
