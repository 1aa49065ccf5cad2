//! The firewall's own log (`pfirewall.log`), and its rules as PowerShell lists them.

use std::net::{IpAddr, SocketAddr};

use super::fact::{Fact, Stated, numbered};
use crate::base::Timestamp;

/// More drops are a flood, and the first are enough.
const MOST: usize = 100_000;

/// Segments that were dropped on their way in.
///
/// `date time action protocol src-ip dst-ip src-port dst-port size tcpflags … path`: W3C extended log format.
pub(super) fn log(text: &str) -> Vec<Stated> {
    let lines = numbered(text).filter_map(|(line, content)| Some(Stated { fact: dropped(content)?, line }));
    lines.take(MOST).collect()
}

fn dropped(line: &str) -> Option<Fact> {
    let mut fields = line.split_ascii_whitespace();
    let mut next = || fields.next();
    let (date, time) = (next()?, next()?);
    if (next()?, next()?) != ("DROP", "TCP") {
        return None;
    }
    let (from, to): (IpAddr, IpAddr) = (next()?.parse().ok()?, next()?.parse().ok()?);
    let (from_port, to_port) = (next()?.parse().ok()?, next()?.parse().ok()?);
    // Where the path is written, it must be the way in.
    if fields.next_back().is_some_and(|path| path == "SEND") {
        return None;
    }
    let local: Timestamp = format!("{date}T{time}Z").parse().ok()?;
    Some(Fact::Dropped { local, from: SocketAddr::new(from, from_port), to: SocketAddr::new(to, to_port) })
}

/// The rules of Remote Desktop, of `Get-NetFirewallRule`. Property names are the same in all languages.
pub(super) fn rules(text: &str) -> Vec<Stated> {
    let mut facts = Vec::new();
    let mut rule: Option<(u64, Option<bool>, Option<bool>)> = None;
    for (line, content) in numbered(text) {
        let Some((key, value)) = content.split_once(" : ") else { continue };
        let value = value.trim();
        match key.trim() {
            "Name" => {
                let is_rdp = value.starts_with("RemoteDesktop-")
                    && value.contains("-In-TCP")
                    && !value.contains("Shadow");
                rule = is_rdp.then_some((line, None, None));
            }
            "Enabled" => {
                if let Some((_, active, _)) = &mut rule {
                    *active = match value {
                        "True" | "1" => Some(true),
                        "False" | "2" => Some(false),
                        _ => None,
                    };
                }
            }
            "Action" => {
                if let Some((_, _, allows)) = &mut rule {
                    *allows = Some(matches!(value, "Allow" | "2"));
                }
            }
            _ => {}
        }
        if let Some((line, Some(active), Some(allows))) = rule {
            facts.push(Stated { fact: Fact::Rule { port: None, active, allows }, line });
            rule = None;
        }
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_on_the_way_in_are_read() {
        let text = "#Version: 1.5\n#Fields: date time action protocol src-ip dst-ip src-port dst-port size tcpflags tcpsyn tcpack tcpwin icmptype icmpcode info path\n\
            2026-03-02 10:40:20 DROP TCP 192.0.2.10 198.51.100.20 50123 3389 52 S 1 0 64240 - - - RECEIVE\n\
            2026-03-02 10:40:21 DROP TCP 198.51.100.20 192.0.2.10 3389 50123 52 S 1 0 64240 - - - SEND\n\
            2026-03-02 10:40:22 ALLOW TCP 192.0.2.10 198.51.100.20 50124 3389 0 - 0 0 0 - - - RECEIVE\n";
        let found = log(text);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].line, 3);
        assert!(matches!(found[0].fact, Fact::Dropped { from, .. } if from.port() == 50123));
    }

    #[test]
    fn rules_are_read_by_their_properties() {
        let text = "Name                  : RemoteDesktop-UserMode-In-TCP\nDisplayName           : Remotedesktop\n\
            Enabled               : False\nDirection             : Inbound\nAction                : Allow\n\n\
            Name                  : RemoteDesktop-UserMode-In-UDP\nEnabled               : True\nAction                : Allow\n";
        let expected = Fact::Rule { port: None, active: false, allows: true };
        assert_eq!(rules(text).into_iter().map(|stated| stated.fact).collect::<Vec<_>>(), [expected]);
    }
}
