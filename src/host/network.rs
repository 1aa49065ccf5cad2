//! `ipconfig /all`, `netsh interface ipv4 show subinterfaces`, `Get-NetIPInterface`, `netstat -an`: by columns and numbers.

use std::net::IpAddr;

use super::fact::{Fact, Stated, is_host_name, numbered};

/// Name and addresses of `ipconfig /all`.
///
/// Its labels are translated, its dotted leaders are not. An address of the computer itself has its state in brackets
/// behind it, or a mask on the next line; those of name servers and gateways have neither.
pub(super) fn ipconfig(text: &str) -> Vec<Stated> {
    let mut facts = Vec::new();
    let mut after_head = false;
    let mut last: Option<(u64, IpAddr)> = None;
    for (line, content) in numbered(text) {
        let indented = content.starts_with(' ');
        if !indented && !content.trim().is_empty() {
            // `Windows IP Configuration`, `Windows-IP-Konfiguration`: the only head without a colon.
            after_head =
                content.contains("Windows") && content.contains("IP") && !content.trim().ends_with(':');
        }
        let Some(value) = led(content).filter(|_| indented) else { continue };
        if after_head && is_host_name(value) {
            facts.push(Stated { fact: Fact::Name(value.to_owned()), line });
        }
        after_head = false;
        let (address, state) = value.split_once('(').map_or((value, ""), |(address, state)| (address, state));
        let address: Option<IpAddr> = address.split('%').next().and_then(|text| text.trim().parse().ok());
        match address {
            Some(IpAddr::V4(mask)) if is_mask(mask.into()) => {
                facts.extend(last.take().map(|(line, own)| Stated { fact: Fact::Address(own), line }));
            }
            Some(own) if !state.is_empty() => {
                last = None;
                facts.push(Stated { fact: Fact::Address(own), line });
            }
            Some(own) => last = Some((line, own)),
            None => last = None,
        }
    }
    facts
}

/// Which adapter carries an address: `Ethernet adapter Ethernet0`, the name of the interface last in every language that
/// writes from left to right.
pub(super) fn adapters(text: &str) -> Vec<Stated> {
    let mut addresses = ipconfig(text).into_iter().filter_map(|stated| match stated.fact {
        Fact::Address(own) => Some((stated.line, own)),
        _ => None,
    });
    let mut next = addresses.next();
    let mut facts = Vec::new();
    let mut head = "";
    for (line, content) in numbered(text) {
        if !content.starts_with(' ') && !content.trim().is_empty() {
            head = content.trim().strip_suffix(':').unwrap_or("");
        }
        while let Some((at, address)) = next.filter(|(at, _)| *at <= line) {
            if at == line && !head.is_empty() {
                facts.push(Stated { fact: Fact::Adapter { head: head.to_owned(), address }, line });
            }
            next = addresses.next();
        }
    }
    facts
}

/// The value behind a dotted leader: `   IPv4 Address. . . . . : 192.0.2.10`; in Japanese the last dot touches the colon.
fn led(line: &str) -> Option<&str> {
    let (label, value) =
        line.split_once(" : ").or_else(|| line.split_once(". :")).or_else(|| line.split_once(".: "))?;
    (label.contains(". .") || label.trim_end().ends_with('.')).then(|| value.trim())
}

fn is_mask(bits: u32) -> bool {
    bits != 0 && bits.leading_ones() + bits.trailing_zeros() == 32
}

/// A line of a table of interfaces: whether it is one of IPv4, and what it says.
type Row = fn(&str) -> Option<(bool, Fact)>;

/// Interfaces of `netsh interface ipv4 show subinterfaces` (MTU, state of the medium, bytes in, bytes out, name) and of
/// `Get-NetIPInterface`.
pub(super) fn interfaces(text: &str) -> Vec<Stated> {
    let mut facts = Vec::new();
    let mut table: Option<Row> = None;
    for (line, content) in numbered(text) {
        let is_rule = content.starts_with("---") && content.bytes().all(|byte| matches!(byte, b'-' | b' '));
        if is_rule {
            table = match content.split_whitespace().count() {
                5 => Some(|line| interface(line).map(|fact| (true, fact))),
                8 => Some(ip_interface),
                _ => None,
            };
            continue;
        }
        let Some(row) = table else { continue };
        match row(content) {
            Some((true, fact)) => facts.push(Stated { fact, line }),
            Some((false, _)) => {}
            None => table = None,
        }
    }
    facts
}

fn interface(line: &str) -> Option<Fact> {
    let mut fields = line.split_whitespace();
    let mut number = || fields.next()?.parse::<u64>().ok();
    let (mtu, medium, bytes_in, bytes_out) = (number()?, number()?, number()?, number()?);
    let name: Vec<&str> = fields.collect();
    // 1 is connected. NET_IF_MEDIA_CONNECT_STATE, ifdef.h
    let in_use = medium == 1 && bytes_in > 0 && bytes_out > 0;
    Some(Fact::Interface { name: name.join(" "), mtu: u32::try_from(mtu).ok()?, in_use })
}

/// `12  Contoso VPN  IPv4  1400  25  Enabled  Connected  ActiveStore`.
///
/// What went through is not told: an interface that is connected is taken for one in use.
fn ip_interface(line: &str) -> Option<(bool, Fact)> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (left, right) = fields.split_at_checked(fields.len().checked_sub(6)?)?;
    let [family, mtu, metric, _, state, _] = right else { return None };
    let [index, name @ ..] = left else { return None };
    index.parse::<u32>().ok().zip(metric.parse::<u32>().ok())?;
    let mtu = mtu.parse().ok()?;
    let fact = Fact::Interface { name: name.join(" "), mtu, in_use: *state == "Connected" };
    Some((*family == "IPv4", fact))
}

/// Ports on which TCP listens, of `netstat -an`: the other end of a listener is nobody. And whether these are all: the
/// table has its head, and goes on to IPv6 or to UDP, which come after.
pub(super) fn netstat(text: &str) -> Vec<Stated> {
    /// No Windows listens on fewer.
    const LEAST: usize = 3;
    let mut facts = Vec::new();
    let mut before = "";
    let mut head: Option<u64> = None;
    let mut goes_on = false;
    for (line, content) in numbered(text) {
        let mut fields = content.split_whitespace();
        let protocol = fields.next();
        if protocol == Some("TCP") {
            if facts.is_empty() && is_head(before) {
                head = head.or(Some(line));
            }
            let (own, other) = (fields.next().unwrap_or(""), fields.next().unwrap_or(""));
            goes_on |= own.starts_with('[');
            if matches!(other, "0.0.0.0:0" | "[::]:0") {
                let port = own.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
                facts.extend(port.map(|port| Stated { fact: Fact::Listens(port), line }));
            }
        }
        goes_on |= protocol == Some("UDP") && !facts.is_empty();
        before = content;
    }
    if let Some(line) = head.filter(|_| goes_on && facts.len() >= LEAST) {
        facts.push(Stated { fact: Fact::AllPorts, line });
    }
    facts
}

/// `  Proto  Local Address          Foreign Address        State`: words in columns, no row.
fn is_head(line: &str) -> bool {
    line.starts_with("  ") && line.split_whitespace().count() >= 4 && !line.contains(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(stated: Vec<Stated>) -> Vec<Fact> {
        stated.into_iter().map(|stated| stated.fact).collect()
    }

    #[test]
    fn an_address_is_the_computers_own_in_any_language() {
        let text = "\r\nWindows-IP-Konfiguration\r\n\r\n\
            \x20  Hostname  . . . . . . . . . . . . : SRV01\r\n\
            \x20  Primäres DNS-Suffix . . . . . . . : example.test\r\n\r\n\
            Ethernet-Adapter Ethernet:\r\n\r\n\
            \x20  Physische Adresse . . . . . . . . : 00-00-5E-00-53-01\r\n\
            \x20  Verbindungslokale IPv6-Adresse  . : fe80::1%4(Bevorzugt)\r\n\
            \x20  IPv4-Adresse  . . . . . . . . . . : 198.51.100.20(Bevorzugt)\r\n\
            \x20  Subnetzmaske  . . . . . . . . . . : 255.255.255.0\r\n\
            \x20  Standardgateway . . . . . . . . . : 198.51.100.1\r\n\
            \x20  DNS-Server  . . . . . . . . . . . : 198.51.100.2\r\n";
        let expected = [
            Fact::Name("SRV01".into()),
            Fact::Address("fe80::1".parse().unwrap()),
            Fact::Address("198.51.100.20".parse().unwrap()),
        ];
        assert_eq!(facts(ipconfig(text)), expected);
    }

    #[test]
    fn without_states_the_mask_tells() {
        let text = "Ethernet adapter Ethernet:\n\n\
            \x20  IPv4 Address. . . . . . . . . . . : 192.0.2.10\n\
            \x20  Subnet Mask . . . . . . . . . . . : 255.255.255.0\n\
            \x20  Default Gateway . . . . . . . . . : 192.0.2.1\n";
        assert_eq!(facts(ipconfig(text)), [Fact::Address("192.0.2.10".parse().unwrap())]);
    }

    #[test]
    fn a_table_of_interfaces_is_read_by_its_columns() {
        let text = "\r\n   MTU  MediaSenseState   Bytes In  Bytes Out  Interface\r\n\
            ------  ---------------  ---------  ---------  -------------\r\n\
            4294967295                1          0      28130  Loopback Pseudo-Interface 1\r\n\
            \x20 1400                1   11223344     556677  Contoso VPN\r\n\r\n\
            \x20 1500                1   1  1  behind an empty line\r\n";
        let found = facts(interfaces(text));
        assert_eq!(found.len(), 2);
        assert_eq!(found[1], Fact::Interface { name: "Contoso VPN".into(), mtu: 1400, in_use: true });
    }

    #[test]
    fn the_last_dot_may_touch_the_colon() {
        let text = "\r\nWindows IP 構成\r\n\r\n   ホスト名. . . . . . . . . . . . . . .: SRV01\r\n\r\nイーサネット:\r\n\r\n\
            \x20  IPv4 アドレス . . . . . . . . . . . .: 198.51.100.20(優先)\r\n\
            \x20  デフォルト ゲートウェイ . . . . . . .: 198.51.100.1\r\n";
        let expected = [Fact::Name("SRV01".into()), Fact::Address("198.51.100.20".parse().unwrap())];
        assert_eq!(facts(ipconfig(text)), expected);
    }

    #[test]
    fn powershells_table_of_interfaces_is_read() {
        let text = "\nifIndex InterfaceAlias  AddressFamily NlMtu(Bytes) InterfaceMetric Dhcp     ConnectionState PolicyStore\n\
            ------- --------------  ------------- ------------ --------------- ----     --------------- -----------\n\
            12      Contoso VPN     IPv6                  1280              25 Enabled  Connected       ActiveStore\n\
            12      Contoso VPN     IPv4                  1400              25 Enabled  Connected       ActiveStore\n\
            7       WLAN            IPv4                  1500              35 Enabled  Disconnected    ActiveStore\n\n";
        let interface = |name: &str, mtu, in_use| Fact::Interface { name: name.into(), mtu, in_use };
        assert_eq!(
            facts(interfaces(text)),
            [interface("Contoso VPN", 1400, true), interface("WLAN", 1500, false)]
        );
    }

    #[test]
    fn listeners_are_known_by_their_other_end() {
        let text = "  TCP    0.0.0.0:135            0.0.0.0:0              ABHÖREN         900\r\n\
            \x20 TCP    198.51.100.20:3389     192.0.2.10:50123       HERGESTELLT     1000\r\n\
            \x20 TCP    [::]:3390              [::]:0                 ABHÖREN         1000\r\n";
        assert_eq!(facts(netstat(text)), [Fact::Listens(135), Fact::Listens(3390)]);
    }

    #[test]
    fn a_list_of_ports_is_whole_with_its_head_and_what_comes_after() {
        let head = "\r\nAktive Verbindungen\r\n\r\n  Proto  Lokale Adresse         Remoteadresse          Status\r\n";
        let rows = "  TCP    0.0.0.0:135            0.0.0.0:0              ABHÖREN\r\n\
            \x20 TCP    0.0.0.0:445            0.0.0.0:0              ABHÖREN\r\n\
            \x20 TCP    0.0.0.0:49664          0.0.0.0:0              ABHÖREN\r\n";
        let after = "  UDP    0.0.0.0:123            *:*\r\n";
        let is_whole = |text: &str| facts(netstat(text)).contains(&Fact::AllPorts);
        assert!(is_whole(&[head, rows, after].concat()));
        assert!(!is_whole(&[head, rows].concat()));
        assert!(!is_whole(&[rows, after].concat()));
    }

    #[test]
    fn an_address_is_of_its_adapter() {
        let text = "\nWindows IP Configuration\n\n   Host Name . . . . . . . . . . . . : PC7\n\n\
            Ethernet adapter Ethernet 2:\n\n   IPv4 Address. . . . . . . . . . . : 192.0.2.10(Preferred)\n";
        let head = String::from("Ethernet adapter Ethernet 2");
        let expected = [Fact::Adapter { head, address: "192.0.2.10".parse().unwrap() }];
        assert_eq!(facts(adapters(text)), expected);
    }
}
