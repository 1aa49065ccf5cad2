//! The shorthand itself: what a few lines give, read back by the tiny capture reader and by the `evtx` crate.

use super::{events, packets};
use crate::support::bytes::date;
use crate::support::capture::read::{connections, frames};
use serde_json::Value;

fn lines(text: &str) -> Vec<String> {
    text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
}

const TWO_CONNECTIONS: &str = r"
    start 2026-03-02T09:15:00.5Z
    host client 2001:db8::10 ttl=126
    host server 2001:db8::20 ttl=128
    vantage server rtt=0.012
    connection c1 client:50001 server:3389 mss=1440
    connection other client:50002 server:445 mss=1440
    connection c2 client:50003 server:3389 mss=1440
    +0 c1 open
    +0 other open
    +1 c1 > rst
    +1 c2 > syn
    +1 c2 > syn
";

fn records(file: Vec<u8>) -> Vec<Value> {
    let mut parser = evtx::EvtxParser::from_buffer(file).unwrap();
    parser.records_json_value().map(|record| record.unwrap().data["Event"].clone()).collect()
}

fn time(event: &Value) -> i64 {
    date(event["System"]["TimeCreated"]["#attributes"]["SystemTime"].as_str().unwrap())
}

fn activity(event: &Value) -> Option<&str> {
    event["System"]["Correlation"]["#attributes"]["ActivityID"].as_str()
}

#[test]
fn connections_are_found_in_both_formats() {
    let start = date("2026-03-02T09:15:00.5Z");
    for file in ["capture.pcapng", "capture.pcap"] {
        let text = format!("file {file}\n{TWO_CONNECTIONS}");
        let (name, bytes) = packets::build("sample", &lines(&text)).remove(0);
        assert_eq!(name, file);
        let found = connections(&bytes);
        let clients: Vec<u16> = found.iter().map(|it| it.client.port()).collect();
        assert_eq!(clients, [50001, 50002, 50003], "{file}");
        assert_eq!(found[0].server, "[2001:db8::20]:3389".parse().unwrap());
        assert_eq!(found[0].syn, start);
        // The SYN-ACK leaves 0.1 ms later, the ACK arrives a round trip after it.
        assert_eq!(found[0].established, Some(start + 12_100_000), "{file}");
        assert_eq!(found[2].established, None, "the second SYN repeats the first");
    }
}

#[test]
fn a_message_is_cut_and_acknowledged() {
    let text = r"
        start 2026-03-02T09:15:00Z
        host client 192.0.2.10
        host server 198.51.100.20
        vantage client rtt=0.012
        connection c1 client:50001 server:3389 mss=1000
        +0 c1 open
        +0.1 c1 < app 2500 lost
        +0.1 c1 < again
    ";
    let (_, bytes) = packets::build("sample", &lines(text)).remove(0);
    let tcp: Vec<(u32, u32, usize)> = frames(&bytes)
        .iter()
        .map(|frame| {
            let number = |at: usize| u32::from_be_bytes(frame.data[at..at + 4].try_into().unwrap());
            (number(38), number(42), frame.data.len() - 54)
        })
        .collect();
    let first = tcp[3].0;
    // 2500 + 24 + 5 bytes in three segments, the last of them repeated, then the late acknowledgment.
    assert_eq!(tcp[3].2 + tcp[4].2 + tcp[5].2, 2529);
    assert_eq!((tcp[6].0, tcp[6].2), (first + 2000, 529));
    assert_eq!((tcp[7].1, tcp[7].2), (first + 2529, 0));
}

#[test]
fn events_are_timed_against_the_capture_on_the_clock_of_the_log() {
    let (_, capture) = packets::build("sample", &lines(TWO_CONNECTIONS)).remove(0);
    let found = connections(&capture);
    let text = r"
        log a.evtx computer=SRV01 clock=+10802.5 first-record=77
        c1 +0.004 RdpCoreTS/131 ConnType=TCP ClientIP={c1.client}
        c1 +0.005 RCM/261
        - +1.5 from c1 Security/4625 SubStatus=0xc000006a @record=90
        c2 +0 Power-Troubleshooter/1 SleepTime={now-60} @times=2 @step=0.5
        log b.evtx computer=CLIENT01 first-record=1
        - -1 RDPClient/1026 Value=260
        c1 0 RDPClient/1024
    ";
    let made = events::build("sample", &lines(text), &found);
    assert_eq!(made.len(), 2);
    let start = found[0].start();
    let server = records(made[0].1.clone());
    let ids: Vec<u64> =
        server.iter().map(|event| event["System"]["EventRecordID"].as_u64().unwrap()).collect();
    assert_eq!(ids, [77, 78, 90, 91, 92]);
    assert_eq!(server[0]["EventData"]["ClientIP"], "[2001:db8::10]:50001");
    assert_eq!(time(&server[0]), start + 10_802_504_000_000);
    assert_eq!(time(&server[2]), start + 10_804_000_000_000);
    // c2 was never established: its events count from the first SYN.
    assert_eq!(time(&server[3]), found[2].syn + 10_802_500_000_000);
    assert_eq!(time(&server[4]), time(&server[3]) + 500_000_000);
    assert_eq!(
        date(server[3]["EventData"]["SleepTime"].as_str().unwrap()),
        time(&server[3]) - 60_000_000_000
    );
    let id = activity(&server[0]).unwrap();
    assert!(id.starts_with("{f420") && id.ends_with("0000}"), "{id}");
    assert_eq!(activity(&server[1]), Some(id), "one connection, one id");
    assert_eq!(activity(&server[2]), None);
    let client = records(made[1].1.clone());
    assert_eq!(time(&client[0]), found[0].syn - 1_000_000_000);
    assert_eq!(activity(&client[0]), None);
    assert!(activity(&client[1]).is_some_and(|id| !id.starts_with("{f4") && id.ends_with("0000}")));
}

#[test]
#[should_panic(expected = "has no ClientIp")]
fn a_misspelt_field_is_an_error() {
    let text = "log a.evtx computer=A\nbase 2026-03-02T09:15:00Z\n- 0 RdpCoreTS/131 ClientIp=1.2.3.4:5";
    events::build("sample", &lines(text), &[]);
}

#[test]
#[should_panic(expected = "before its predecessor")]
fn a_step_back_must_be_meant() {
    let text = "log a.evtx computer=A\nbase 2026-03-02T09:15:00Z\n- 1 RdpCoreTS/102\n- 0 RdpCoreTS/102";
    events::build("sample", &lines(text), &[]);
}
