//! Texts of a computer beside the captures of the samples: what they decide, and each time the neighbour in which they
//! contradict, speak of another computer, or say nothing.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "a test stops with its reason"
)]

use std::fmt::Write as _;

use std::fs;
use std::io::{Cursor, Write};

use rdpscan::base::NoteKind;
use rdpscan::{Options, Report};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// As `reg export` and PowerShell 5 write.
fn utf16(text: &str) -> Vec<u8> {
    let units = text.replace('\n', "\r\n");
    [0xff, 0xfe].into_iter().chain(units.encode_utf16().flat_map(u16::to_le_bytes)).collect()
}

/// As a command writes into a file on a German console: code page 850.
fn oem(text: &str) -> Vec<u8> {
    let text = text.replace('\n', "\r\n");
    text.chars()
        .map(|letter| match letter {
            'ä' => 0x84,
            'ö' => 0x94,
            'ü' => 0x81,
            'Ö' => 0x99,
            'Ä' => 0x8e,
            'ß' => 0xe1,
            other => u8::try_from(u32::from(other)).unwrap(),
        })
        .collect()
}

fn ipconfig(name: &str, address: &str) -> Vec<u8> {
    oem(&format!(
        "\nWindows-IP-Konfiguration\n\n   Hostname  . . . . . . . . . . . . : {name}\n\
         \x20  Primäres DNS-Suffix . . . . . . . : example.test\n\nEthernet-Adapter Ethernet:\n\n\
         \x20  IPv4-Adresse  . . . . . . . . . . : {address}(Bevorzugt)\n\
         \x20  Subnetzmaske  . . . . . . . . . . : 255.255.255.0\n\
         \x20  Standardgateway . . . . . . . . . : 198.51.100.1\n\
         \x20  DNS-Server  . . . . . . . . . . . : 198.51.100.53\n"
    ))
}

fn server() -> Member {
    ("SRV01_Networking\\SRV01_Ipconfig.txt", ipconfig("SRV01", "198.51.100.20"))
}

fn client() -> Member {
    ("PC7_Networking\\PC7_Ipconfig.txt", ipconfig("PC7", "192.0.2.10"))
}

const TERMINAL_SERVER: &str = r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\Terminal Server";

fn registry(name: &'static str, deny: u32, port: u32, bound: Option<&str>) -> Member {
    let bound = bound.map_or_else(String::new, |hash| {
        let bytes: Vec<String> = hash
            .as_bytes()
            .chunks(2)
            .map(|pair| String::from_utf8(pair.to_vec()).unwrap().to_lowercase())
            .collect();
        format!("\"SSLCertificateSHA1Hash\"=hex:{},\\\n  {}\n", bytes[..12].join(","), bytes[12..].join(","))
    });
    let text = format!(
        "Windows Registry Editor Version 5.00\n\n[{TERMINAL_SERVER}]\n\"fDenyTSConnections\"=dword:{deny:08x}\n\n\
         [{TERMINAL_SERVER}\\WinStations]\n\n[{TERMINAL_SERVER}\\WinStations\\RDP-Tcp]\n\
         \"PortNumber\"=dword:{port:08x}\n{bound}"
    );
    (name, utf16(&text))
}

const REGISTRY: &str = "SRV01_RegistryKeys\\SRV01_HKLM-System-CCS-Control-TerminalServer.txt";

type Member = (&'static str, Vec<u8>);

fn zip(members: Vec<Member>) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer.start_file(name, SimpleFileOptions::default()).unwrap();
        writer.write_all(&bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// The files of a sample beside a bundle of texts.
fn analyzed(sample: &str, members: Vec<Member>) -> Report {
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("bundle.zip");
    fs::write(&bundle, zip(members)).unwrap();
    let files = fs::read_dir(format!("samples/{sample}")).unwrap().map(|entry| entry.unwrap().path());
    let mut inputs: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|kind| kind == "pcapng" || kind == "evtx"))
        .collect();
    inputs.sort();
    inputs.push(bundle);
    rdpscan::analyze(&Options { inputs, threads: Some(1), ..Options::default() }).unwrap()
}

/// `cause strength`, and whether a text is cited.
fn verdict(report: &Report) -> (String, bool) {
    let verdict = &report.incidents[0].verdict;
    let says = format!("{} {}", verdict.cause.unwrap_or(verdict.kind), verdict.strength.unwrap_or("-"));
    (says, verdict.evidence.iter().any(|fact| fact.line.is_some()))
}

#[track_caller]
fn decides(sample: &str, members: Vec<Member>, expected: &str) -> Report {
    let report = analyzed(sample, members);
    assert_eq!(verdict(&report), (expected.to_owned(), true));
    report
}

#[track_caller]
fn changes_nothing(sample: &str, members: Vec<Member>) {
    let alone = analyzed(sample, vec![]);
    let report = analyzed(sample, members);
    assert_eq!(verdict(&report), verdict(&alone));
}

const OFF: &str = "rdp-disabled-or-other-port corroborated";

#[test]
fn remote_desktop_switched_off_is_the_reason_why_nobody_answers() {
    for sample in ["firewall-drop", "port-closed-or-device-reset"] {
        let report = decides(sample, vec![server(), registry(REGISTRY, 1, 3389, None)], OFF);
        let text = report.sources.iter().find(|source| source.path.contains("RegistryKeys")).unwrap();
        assert_eq!((text.kind, text.role, text.host.as_deref()), ("text", "server", Some("SRV01")));
        // Switched on, it says nothing.
        changes_nothing(sample, vec![server(), registry(REGISTRY, 0, 3389, None)]);
        // Every client has it switched off.
        let own = "PC7_RegistryKeys\\PC7_HKLM-System-CCS-Control-TerminalServer.txt";
        changes_nothing(sample, vec![client(), registry(own, 1, 3389, None)]);
        changes_nothing(sample, vec![client(), server(), registry(own, 1, 3389, None)]);
    }
}

#[test]
fn what_the_servers_firewall_recorded_stands_and_the_registry_beside_it() {
    for sample in ["firewall-drop--with-log", "firewall-drop--host-log"] {
        let members = || vec![server(), registry(REGISTRY, 1, 3389, None)];
        let report = decides(sample, members(), "firewall-drop stated");
        let verdict = &report.incidents[0].verdict;
        assert!(verdict.evidence[0].record.is_some(), "{:?}", verdict.evidence);
        assert!(verdict.summary.contains("switched off"), "{}", verdict.summary);
        assert!(verdict.remedy[0].contains("rdp-disabled-or-other-port"), "{}", verdict.remedy[0]);
    }
}

#[test]
fn an_address_that_two_computers_claim_is_noted() {
    let other = ("SRV02_Networking\\SRV02_Ipconfig.txt", ipconfig("SRV02", "198.51.100.20"));
    let members = || vec![server(), other.clone(), registry(REGISTRY, 1, 3389, None)];
    changes_nothing("firewall-drop", members());
    let report = analyzed("firewall-drop", members());
    let note = report.notes.iter().find(|note| note.note == NoteKind::AddressContested.text()).unwrap();
    assert!(
        note.detail.as_deref().is_some_and(|detail| detail == "198.51.100.20: SRV01 and SRV02"),
        "{note:?}"
    );
}

#[test]
fn a_registry_of_nobody_says_nothing_and_is_noted() {
    let members = || vec![registry(REGISTRY, 1, 3389, None)];
    changes_nothing("firewall-drop", members());
    let report = analyzed("firewall-drop", members());
    assert!(
        report.notes.iter().any(|note| note.note == NoteKind::TextOfUnknown.text()),
        "{:?}",
        report.notes
    );
}

#[test]
fn another_port_is_the_reason_unless_it_is_open_all_the_same() {
    let members = || vec![server(), registry(REGISTRY, 0, 3390, None)];
    decides("port-closed-or-device-reset", members(), OFF);
    let open = oem("  TCP    0.0.0.0:135            0.0.0.0:0              ABHÖREN         900\n\
        \x20 TCP    0.0.0.0:3389           0.0.0.0:0              ABHÖREN         1000\n");
    let mut with_netstat = members();
    with_netstat.push(("SRV01_Networking\\SRV01_Netstat.txt", open));
    let report = analyzed("port-closed-or-device-reset", with_netstat);
    assert_eq!(verdict(&report).0, "port-closed-or-device-reset stated");
}

#[test]
fn a_policy_wins_over_the_local_value() {
    let policy = |deny: u32| -> Member {
        let text = format!(
            "Windows Registry Editor Version 5.00\n\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Microsoft\\Windows NT\\Terminal Services]\n\
             \"fDenyTSConnections\"=dword:{deny:08x}\n"
        );
        ("SRV01_RegistryKeys\\SRV01_HKLM-SW-Policies.txt", utf16(&text))
    };
    decides("firewall-drop", vec![server(), registry(REGISTRY, 0, 3389, None), policy(1)], OFF);
    changes_nothing("firewall-drop", vec![server(), registry(REGISTRY, 1, 3389, None), policy(0)]);
}

fn systeminfo(name: &str, address: &str) -> Vec<u8> {
    oem(&format!(
        "\nHostname:                  {name}\n\
         Betriebssystemname:        Microsoft Windows 11 Pro\n\
         \x20                                [01]: {address}\n"
    ))
}

fn subinterfaces(mtu: u32, bytes: u64) -> Vec<u8> {
    oem(&format!(
        "\n   MTU  Medienerkennungsstatus   Bytes eingehend  Bytes ausgehend  Schnittstelle\n\
         ------  ---------------  ---------  ---------  -------------\n\
         4294967295                1          0      28130  Loopback Pseudo-Interface 1\n\
         {mtu:>6}                1  {bytes:>9}  {bytes:>9}  Contoso VPN\n\n"
    ))
}

#[test]
fn an_mtu_of_another_interface_explains_no_black_hole() {
    let name = "PC7_Networking\\PC7_Subint.txt";
    for sample in ["mtu-black-hole", "mtu-black-hole--session"] {
        // The client offers to take what needs 1500: its connection is not on the VPN, on whichever adapter it is.
        changes_nothing(sample, vec![client(), (name, subinterfaces(1400, 55_000))]);
        let of_vpn = ("PC7_Networking\\PC7_Systeminfo.txt", systeminfo("PC7", "192.0.2.10"));
        changes_nothing(sample, vec![of_vpn, (name, subinterfaces(1400, 55_000))]);
        changes_nothing(sample, vec![client(), (name, subinterfaces(1500, 55_000))]);
        // Not in use, and of nobody.
        changes_nothing(sample, vec![client(), (name, subinterfaces(1400, 0))]);
        changes_nothing(sample, vec![(name, subinterfaces(1400, 55_000))]);
    }
}

const SERVERS_OWN: &str = "7CF47D51955A91F17B88FAE5BE0B0DE81A66DB0E";
const OF_DEVICE: &str = "512F9442CAD81CD3906350BE39176BFAD7663BF0";
const ANOTHER: &str = "1C45DC17894E3FCE1C1037AAFB31FEA52F1EA97F";

fn store(hashes: &[&str]) -> Member {
    let mut text = String::from("My \"Eigene Zertifikate\"\n");
    for (at, hash) in hashes.iter().enumerate() {
        write!(
            text,
            "================ Zertifikat {at} ================\nSeriennummer: 0{at}\nZertifikathash(sha1): {}\n",
            hash.to_lowercase()
        )
        .unwrap();
    }
    text.push_str("CertUtil: -store-Befehl wurde erfolgreich ausgeführt.\n");
    ("SRV01_Certificates\\SRV01_Certificates-My.txt", oem(&text))
}

#[test]
fn the_bound_certificate_tells_which_of_two_is_the_servers() {
    let sample = "tls-inspection";
    let members = |hash| vec![server(), registry(REGISTRY, 0, 3389, Some(hash))];
    decides(sample, members(SERVERS_OWN), "tls-inspection corroborated");
    changes_nothing(sample, members(ANOTHER));
    assert_ne!(OF_DEVICE, SERVERS_OWN);
}

#[test]
fn a_certificate_that_is_not_the_servers_is_a_devices() {
    let sample = "tls-inspection--client-side";
    let shown = OF_DEVICE;
    let members =
        |bound, listed: &[&str]| vec![server(), registry(REGISTRY, 0, 3389, Some(bound)), store(listed)];
    decides(sample, members(ANOTHER, &[ANOTHER]), "tls-inspection corroborated");
    // The server has it; it is bound to it; its list lacks even the one that it is bound to; there is no list.
    changes_nothing(sample, members(ANOTHER, &[ANOTHER, shown]));
    changes_nothing(sample, members(shown, &[ANOTHER]));
    changes_nothing(sample, members(ANOTHER, &[SERVERS_OWN]));
    changes_nothing(sample, vec![server(), registry(REGISTRY, 0, 3389, Some(ANOTHER))]);
}

#[test]
fn a_certificate_that_was_renewed_explains_nothing_else() {
    // What logs, alerts, silence, guessing and a probe explain is not explained anew by a list of another hour.
    for sample in [
        "bad-password--windows",
        "certificate-untrusted",
        "certificate-dates--no-alert",
        "mtu-black-hole",
        "mtu-black-hole--with-log",
        "packet-loss--during-tls",
        "brute-force-storm--with-log",
        "credssp-oracle-remediation",
        "tls-alert-other",
        "client-left-or-probe--after-tls",
    ] {
        let bound = || vec![server(), registry(REGISTRY, 0, 3389, Some(ANOTHER)), store(&[ANOTHER])];
        changes_nothing(sample, bound());
    }
    let remarked = analyzed(
        "mtu-black-hole",
        vec![server(), registry(REGISTRY, 0, 3389, Some(ANOTHER)), store(&[ANOTHER])],
    );
    let remark = remarked.incidents[0].verdict.remarks.iter().any(|own| own.cause == "tls-inspection");
    assert!(remark, "{:?}", remarked.incidents[0].verdict.remarks);
    // One that began behind the capture came in the place of the one that is shown.
    let begun = |day: &str| -> Member {
        let list = format!(
            "My \"Own\"\n==== Certificate 0 ====\n NotBefore: {day} 10:00\n NotAfter: 31/12/2030 10:00\nCert Hash(sha1): {ANOTHER}\nCertUtil: -store command completed successfully.\n"
        );
        ("SRV01_Certificates\\SRV01_Certificates-My.txt", oem(&list))
    };
    let members = |day: &str| vec![server(), registry(REGISTRY, 0, 3389, Some(ANOTHER)), begun(day)];
    decides("tls-inspection--client-side", members("20/10/2025"), "tls-inspection corroborated");
    changes_nothing("tls-inspection--client-side", members("20/12/2026"));
    changes_nothing("tls-inspection--client-side", members("12/11/2026"));
}

#[test]
fn a_registry_of_another_hour_does_not_outweigh_what_was_seen() {
    for sample in [
        "refused-then-healthy",
        "host-asleep",
        "service-down--with-log",
        "port-closed-or-device-reset--with-log",
        "port-closed-or-device-reset--with-log-returned",
        "firewall-drop--two-captures",
    ] {
        changes_nothing(sample, vec![server(), registry(REGISTRY, 1, 3389, None)]);
        changes_nothing(sample, vec![server(), registry(REGISTRY, 0, 3390, None)]);
    }
    // Nothing is heard of the host.
    let inferred = "rdp-disabled-or-other-port inferred";
    decides("silence-alone", vec![server(), registry(REGISTRY, 1, 3389, None)], inferred);
}

#[test]
fn a_binding_to_nothing_is_why_there_is_no_certificate() {
    let members = |listed: &[&str]| vec![server(), registry(REGISTRY, 0, 3389, Some(ANOTHER)), store(listed)];
    let expected = "certificate-missing-or-stale-binding corroborated";
    for sample in ["neg-failure-3-no-certificate", "closed-inside-tls-reason-not-visible"] {
        decides(sample, members(&[OF_DEVICE]), expected);
        changes_nothing(sample, members(&[OF_DEVICE, ANOTHER]));
    }
}

#[test]
fn rights_of_the_key_explain_a_server_that_turns_everybody_down() {
    let sample = "closed-inside-tls-reason-not-visible";
    let rights = |service: &str| -> Member {
        let text = format!(
            "C:\\ProgramData\\Microsoft\\Crypto\\RSA\\MachineKeys\\f686aace6942fb7f7ceb231212eef4a4_aa-bb NT-AUTORITÄT\\SYSTEM:(F)\n\
             {service}                VORDEFINIERT\\Administratoren:(F)\n\n1 Dateien erfolgreich verarbeitet\n"
        );
        ("SRV01_Certificates\\SRV01_ACL-MachineKeys.txt", oem(&text))
    };
    decides(sample, vec![server(), rights("")], "private-key-unreadable corroborated");
    let service = "                NT-AUTORITÄT\\Netzwerkdienst:(R)\n";
    changes_nothing(sample, vec![server(), rights(service)]);
    // What the server itself says is not the rights.
    changes_nothing("tls-no-shared-cipher", vec![server(), rights("")]);
    // A certificate that it is bound to has another key.
    changes_nothing(sample, vec![server(), rights(""), registry(REGISTRY, 0, 3389, Some(ANOTHER))]);
}

#[test]
fn the_firewalls_own_log_and_rules_tell_who_drops() {
    let sample = "firewall-drop";
    let log = |port: u16| -> Member {
        let text = format!(
            "#Version: 1.5\n#Software: Microsoft Windows Firewall\n#Time Format: Local\n\
             #Fields: date time action protocol src-ip dst-ip src-port dst-port size tcpflags tcpsyn tcpack tcpwin icmptype icmpcode info path\n\n\
             2026-11-20 13:15:41 DROP TCP 192.0.2.10 198.51.100.20 {port} 3389 60 S 123 0 64240 - - - RECEIVE\n"
        );
        ("pfirewall.log", text.into_bytes())
    };
    let beside = || ("ipconfig.txt", server().1);
    let report = decides(sample, vec![beside(), log(41812)], "firewall-drop stated");
    assert_eq!(report.incidents[0].verdict.blame, Some("server"));
    changes_nothing(sample, vec![beside(), log(41813)]);
    let rule = |enabled: &str| -> Member {
        let text = format!(
            "Name                  : RemoteDesktop-UserMode-In-TCP\nDisplayName           : Remotedesktop\n\
             Enabled               : {enabled}\nDirection             : Inbound\nAction                : Allow\n"
        );
        ("SRV01_Networking\\SRV01_FirewallRules.txt", utf16(&text))
    };
    decides(sample, vec![server(), rule("False")], "firewall-drop corroborated");
    changes_nothing(sample, vec![server(), rule("True")]);
}

/// A Japanese console, PowerShell's table of interfaces, rules of `netsh`, and a folder that TSS named.
#[test]
fn other_shapes_of_the_same_texts_decide_as_well() {
    let japanese = |name: &str, address: &str| {
        // Code page 932: the words do not matter, dots, colons and digits do.
        let text = format!(
            "\r\nWindows IP X\r\n\r\n   X . . . . . . . . . . . . . . .: {name}\r\n\r\nX:\r\n\r\n\
             \x20  IPv4 X . . . . . . . . . . . .: {address}(X)\r\n"
        );
        let word = b"\x83\x5c\x8d\x5c\x90\xac";
        text.bytes()
            .flat_map(|byte| if byte == b'X' { word.to_vec() } else { vec![byte] })
            .collect::<Vec<u8>>()
    };
    let own = || ("SRV01_Networking\\SRV01_Ipconfig.txt", japanese("SRV01", "198.51.100.20"));
    decides("firewall-drop", vec![own(), registry(REGISTRY, 1, 3389, None)], OFF);
    let rule = |active: &str| -> Member {
        let text = format!(
            "\nRegelname:                            Remotedesktop (TCP eingehend)\n{}\n\
             Aktiviert:                            {active}\nRichtung:                             Eingehend\n\
             Protokoll:                            TCP\nLokaler Port:                         3389\n\
             Remoteport:                           Beliebig\nAktion:                               Zulassen\n",
            "-".repeat(70)
        );
        ("SRV01_Networking\\SRV01_FirewallRules.txt", oem(&text))
    };
    decides("firewall-drop", vec![server(), rule("Nein")], "firewall-drop corroborated");
    changes_nothing("firewall-drop", vec![server(), rule("Ja")]);
    let interfaces = |mtu: u32, state: &str| -> Member {
        let dashes = "------- ---- ------ ----- ------ ---- ----- -----";
        let text = format!(
            "\nifIndex InterfaceAlias AddressFamily NlMtu(Bytes) InterfaceMetric Dhcp ConnectionState PolicyStore\n{dashes}\n\
             12      Contoso VPN    IPv4          {mtu}         25              Enabled  {state}      ActiveStore\n\n"
        );
        ("PC7_Networking\\PC7_NetIPInterface.txt", utf16(&text))
    };
    changes_nothing("mtu-black-hole", vec![client(), interfaces(1400, "Connected")]);
    changes_nothing("mtu-black-hole", vec![client(), interfaces(1500, "Connected")]);
    changes_nothing("mtu-black-hole", vec![client(), interfaces(1400, "Disconnected")]);
    let folder = |name: &'static str| registry(name, 1, 3389, None);
    let named = ("TSS_SRV01_261120-121500_x\\SRV01_IPconfig_Info_Start_.txt", server().1);
    decides(
        "firewall-drop",
        vec![named.clone(), folder("TSS_SRV01_261120-121500_x\\BasicLog\\reg.txt")],
        OFF,
    );
    changes_nothing("firewall-drop", vec![named, folder("TSS_PC7_261120-121500_x\\BasicLog\\reg.txt")]);
}

#[test]
fn texts_are_read_whatever_wrote_them_and_the_others_are_counted() {
    let wide = |text: &str, order: fn(u16) -> [u8; 2]| -> Vec<u8> {
        text.replace('\n', "\r\n").encode_utf16().flat_map(order).collect()
    };
    let query = format!("\n{TERMINAL_SERVER}\n    fDenyTSConnections    REG_DWORD    0x1\n\n");
    let offline = query.replace(r"SYSTEM\CurrentControlSet", r"OFFLINE\ControlSet001");
    let item = format!(
        "\nfDenyTSConnections : 1\nPSPath             : Microsoft.PowerShell.Core\\Registry::{TERMINAL_SERVER}\n\n"
    );
    for text in [
        wide(&query, u16::to_le_bytes),
        wide(&query, u16::to_be_bytes),
        query.replace('\n', "\r").into_bytes(),
        [b"a line of another command\r\n", &wide(&query, u16::to_le_bytes)[..]].concat(),
        oem(&offline),
        oem(&item),
    ] {
        decides("firewall-drop", vec![server(), (REGISTRY, text)], OFF);
    }
    let report = analyzed("firewall-drop", vec![server(), (REGISTRY, oem("nothing that is known\n"))]);
    let note = report.notes.iter().find(|note| note.note == NoteKind::TextNotUnderstood.text()).unwrap();
    assert_eq!(note.count, 1);
    assert!(note.detail.as_deref().is_some_and(|detail| detail.contains("RegistryKeys")), "{note:?}");
}

#[test]
fn a_list_without_listener_says_that_nothing_listens() {
    let sessions = |listener: &str| -> Member {
        let text = format!(
            " SITZUNGSNAME      BENUTZERNAME             ID  STATUS  TYP         GERÄT\n\
             >services                                    0  Getr.\n console                                     1  Verb.\n{listener}"
        );
        ("SRV01_RDS\\SRV01_Qwinsta.txt", oem(&text))
    };
    // Then it is not the firewall that keeps the client out.
    let report = decides("firewall-drop", vec![server(), sessions("")], OFF);
    assert!(report.incidents[0].verdict.summary.starts_with("Nothing listens"));
    let listener = " rdp-tcp                                 65536  Abhör.\n";
    changes_nothing("firewall-drop", vec![server(), sessions(listener)]);
    let report = analyzed("port-closed-or-device-reset", vec![server(), sessions("")]);
    assert_eq!(report.incidents[0].verdict.blame, Some("server"));
}

#[test]
fn a_list_of_ports_that_is_a_part_says_nothing_of_the_rest() {
    let row = |port: u16| format!("  TCP    0.0.0.0:{port:<15}0.0.0.0:0              ABHÖREN         900\n");
    let head = "\nAktive Verbindungen\n\n  Proto  Lokale Adresse         Remoteadresse          Status           PID\n";
    let rows = [135, 445, 49664].map(row).concat();
    let list = |text: &[&str]| vec![server(), ("SRV01_Networking\\SRV01_Netstat.txt", oem(&text.concat()))];
    let udp = "  UDP    0.0.0.0:123            *:*                                    1000\n";
    decides("firewall-drop", list(&[head, &rows, udp]), OFF);
    for part in [&[head, &rows][..], &[&rows], &[&rows, udp], &[&row(445)]] {
        changes_nothing("firewall-drop", list(part));
    }
}

#[test]
fn a_healthy_session_stays_healthy_whatever_the_texts_say() {
    for sample in ["healthy-tls", "healthy-nla", "healthy-windows-nla", "healthy-with-loss"] {
        let members = vec![
            server(),
            registry(REGISTRY, 1, 3390, Some(ANOTHER)),
            store(&[OF_DEVICE]),
            ("SRV01_Networking\\SRV01_Subint.txt", subinterfaces(1300, 55_000)),
        ];
        let report = analyzed(sample, members);
        for incident in &report.incidents {
            assert_eq!(incident.verdict.kind, "healthy", "{sample}");
        }
    }
}

/// The bundles of both sides of one case: the client's with the capture.
fn both_sides() -> [Member; 2] {
    let capture = fs::read("samples/firewall-drop/capture.pcapng").unwrap();
    let inner = zip(vec![server(), registry(REGISTRY, 1, 3389, None)]);
    let outer = zip(vec![("TSS_SRV01_261120-121500_UEX_RDSsrv\\MSRD-Results-SRV01.zip", inner)]);
    let own = "PC7_RegistryKeys\\PC7_HKLM-System-CCS-Control-TerminalServer.txt";
    let of_client = vec![
        client(),
        registry(own, 1, 3389, None),
        ("PC7_Networking\\PC7_NetTrace.pcapng", sliced(&capture, 128)),
    ];
    [("client.zip", zip(of_client)), ("server.zip", outer)]
}

/// Writes the sample of a case in two bundles anew.
#[test]
#[ignore = "changes the samples"]
fn write_bundle_sample() {
    for (name, bytes) in both_sides() {
        fs::write(format!("samples/rdp-disabled-or-other-port--bundles/{name}"), bytes).unwrap();
    }
}

/// The layout of MSRD-Collect in a TSS zip, client and server apart, each text in its own encoding, and a capture that
/// was cut to 128 bytes a frame as pktmon does.
#[test]
fn bundles_of_both_sides_are_one_case() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in both_sides() {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    let options = Options { inputs: vec![folder.path().to_owned()], ..Options::default() };
    let report = rdpscan::analyze(&options).unwrap();
    assert_eq!(verdict(&report), (OFF.to_owned(), true));
    let cited = report.incidents[0].verdict.evidence.iter().find(|fact| fact.line.is_some()).unwrap();
    assert!(report.sources[cited.source as usize].path.contains("MSRD-Results-SRV01.zip!SRV01_RegistryKeys"));
    assert_eq!(report.sources.iter().filter(|source| source.kind == "text").count(), 4);
}

/// Cuts the frames of a little-endian pcapng. [pcapng] 4.3
fn sliced(capture: &[u8], length: usize) -> Vec<u8> {
    let word = |at: usize| u32::from_le_bytes(capture[at..at + 4].try_into().unwrap()) as usize;
    let mut out = Vec::new();
    let mut at = 0;
    while at + 12 <= capture.len() {
        let (kind, total) = (word(at), word(at + 4));
        if kind == 6 && word(at + 20) > length {
            let padded = length.next_multiple_of(4);
            let whole = (32 + padded) as u32;
            out.extend(6_u32.to_le_bytes());
            out.extend(whole.to_le_bytes());
            out.extend(&capture[at + 8..at + 20]);
            out.extend((length as u32).to_le_bytes());
            out.extend(&capture[at + 24..at + 28 + padded]);
            out.extend(whole.to_le_bytes());
        } else {
            out.extend(&capture[at..at + total]);
        }
        at += total;
    }
    out
}
