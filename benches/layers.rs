//! Layers one by one.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use rdpscan::base::{Locator, Mark, Notes, SourceId, Timestamp, Window, time};
use rdpscan::capture::Capture;
use rdpscan::capture::split::{Split, for_each_window};
use rdpscan::causes::{self, Case};
use rdpscan::connection::trace::trace;
use rdpscan::connection::{Connection, Transport, tls};
use rdpscan::correlate::join::{DecodedLog, join};
use rdpscan::correlate::surroundings::Surroundings;
use rdpscan::correlate::{Attempt, Clocks};
use rdpscan::eventlog::{self, Event, Provider, Wanted};
use rdpscan::input::InputKind;
use rdpscan::packet::{Endpoint, Interest, Packets, Segment};
use rdpscan::report::{Format, Style, render};
use rdpscan::stream::reassemble::Chunk;
use rdpscan::stream::records::Records;
use rdpscan::stream::table::Batch;
use rdpscan::stream::{Flow, FlowTable, Side, Stream};
use rdpscan::{Options, analyze};

use crate::{Measure, best, best_with, sum};

const SOURCE: SourceId = SourceId(0);
/// Bytes that stand for one connection or event, where a layer reads none.
const THING: usize = 100;

/// Block walk to flows.
pub fn of_capture(bytes: &[u8]) -> Vec<Measure> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let interest = Interest::new(&[]);
    let segments = segments(bytes, &interest);
    let payload: usize = segments.iter().map(|segment| segment.bytes(bytes).len()).sum();
    let measure = |name: &str, bytes, time| Measure { name: name.into(), bytes, time };
    pool.install(|| {
        vec![
            measure("floor: sum of the bytes", bytes.len(), best(|| sum(bytes))),
            measure("block walk", bytes.len(), best(|| walk(bytes))),
            measure("walk and decode", bytes.len(), best(|| drop(self::segments(bytes, &interest)))),
            measure("apply: segments to flows", payload, best(|| drop(flows(&segments, bytes, &interest)))),
            measure("reassembly: 16 MiB, every fourth segment late", 16 << 20, best(reassemble)),
        ]
    })
}

fn walk(bytes: &[u8]) {
    let capture = Capture::open(bytes, InputKind::PcapNg).unwrap();
    let mut sum = 0;
    capture.walk(capture.start, bytes.len(), capture.state.clone(), &mut |frame| sum += frame.data.len());
    black_box(sum);
}

/// The segments of interest.
pub fn segments(bytes: &[u8], interest: &Interest) -> Vec<Segment> {
    let capture = Capture::open(bytes, InputKind::PcapNg).unwrap();
    let interest = Arc::new(interest.clone());
    let mut segments = Vec::new();
    for_each_window(&capture, Split::default(), &|| Packets::new(Arc::clone(&interest), bytes), |parts| {
        segments.extend(parts.into_iter().flat_map(|part| part.collected.segments));
    });
    segments
}

fn flows(segments: &[Segment], bytes: &[u8], interest: &Interest) -> Vec<Box<Flow>> {
    let mut table = FlowTable::default();
    table.apply(Batch { segments: &[segments], icmp: &[], source: SOURCE, bytes, interest });
    table.finish()
}

fn reassemble() {
    const SEGMENT: u32 = 1460;
    let data = vec![0x17; usize::try_from(SEGMENT).unwrap()];
    let mut stream = Stream::new(Side::Server);
    let mut records = Records::default();
    stream.open(0);
    let segments = (16_u32 << 20) / SEGMENT;
    for at in 0..segments {
        // Of four, the first comes last.
        let place = if at % 4 == 3 { at - 3 } else { at + 1 };
        let mark = mark(u64::from(at), i64::from(at));
        let seq = 1 + place * SEGMENT;
        let chunk = Chunk { seq, length: SEGMENT, bytes: &data, dont_fragment: true, late: None, mark };
        stream.data(&chunk, &mut records);
    }
    black_box(stream.bytes);
}

fn mark(number: u64, nanos: i64) -> Mark {
    Mark { time: Timestamp::from_nanos(nanos), at: Locator::Frame { source: SOURCE, number } }
}

/// Chunks to events.
pub fn of_log(bytes: &[u8]) -> Vec<Measure> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let measure = |name: &str, time| Measure { name: name.into(), bytes: bytes.len(), time };
    pool.install(|| {
        let scan = || eventlog::scan(SOURCE, bytes, &mut Notes::new()).unwrap();
        let index = scan();
        vec![
            measure("evtx: headers, ids and times of all records", best(|| drop(scan()))),
            measure(
                "evtx: what bears on RDP decoded",
                best(|| drop(index.events(&Wanted::default(), &mut Notes::new()))),
            ),
        ]
    })
}

/// TLS, join, judge, render.
pub fn of_things() -> Vec<Measure> {
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/healthy-tls/capture.pcapng");
    let bytes = std::fs::read(sample).unwrap();
    let interest = Interest::new(&[]);
    let flows = flows(&segments(&bytes, &interest), &bytes, &interest);
    let heads: usize = flows.iter().flat_map(|flow| [&flow.to_server, &flow.to_client]).map(kept).sum();
    let hello = best(|| {
        for _ in 0..1000 {
            for flow in &flows {
                drop(black_box(tls::read(flow)));
            }
        }
    });
    let end = Timestamp::from_nanos(i64::MAX);
    let connections: Vec<Connection> = flows.into_iter().map(|flow| trace(flow, end)).collect();
    let attempts: Vec<Attempt> =
        connections.into_iter().map(|connection| Attempt { connection, events: Vec::new() }).collect();
    let around = Surroundings::default();
    let judge = best(|| {
        for attempt in attempts.iter().cycle().take(10_000) {
            black_box(causes::judge(&Case::of(attempt, &around)));
        }
    });
    let report = analyze(&Options { inputs: vec![sample.into()], ..Options::default() }).unwrap();
    let text = render(&report, Format::Json, Style::default()).len();
    let rendered = best(|| {
        for _ in 0..1000 {
            black_box(render(&report, Format::Json, Style::default()));
        }
    });
    vec![
        Measure { name: "TLS: handshakes of a session".into(), bytes: heads * 1000, time: hello },
        Measure {
            name: "join: 100 000 connections, 1 000 000 events".into(),
            bytes: 1_100_000 * THING,
            time: correlate(),
        },
        Measure { name: "judge: 10 000 connections".into(), bytes: 10_000 * THING, time: judge },
        Measure { name: "render: JSON".into(), bytes: text * 1000, time: rendered },
    ]
}

fn kept(stream: &Stream) -> usize {
    stream.runs.iter().map(|run| run.bytes.len()).sum()
}

/// Ten events for each connection: one that accepts it, nine that are tied to that one.
fn correlate() -> std::time::Duration {
    const CONNECTIONS: u32 = 100_000;
    let log = eventlog::scan(SOURCE, &crate::corpus::log(1 << 20), &mut Notes::new()).unwrap().log().clone();
    let client = |number: u32| Endpoint {
        ip: IpAddr::V4(Ipv4Addr::from(0xc000_0000 + number)),
        port: u16::try_from(20_000 + number % 40_000).unwrap(),
    };
    let begins = |number: u32| i64::from(number) * 10 * time::MILLISECOND;
    let server = Endpoint { ip: IpAddr::V4(Ipv4Addr::new(198, 51, 100, 20)), port: 3389 };
    let connections = || -> Vec<Connection> {
        let one = |number| {
            let first = mark(u64::from(number), begins(number));
            Connection { transport: Transport::Tcp, ..Connection::unseen(client(number), server, first) }
        };
        (0..CONNECTIONS).map(one).collect()
    };
    let event = |number: u32, nth: u32| {
        let address = client(number).to_string();
        let fields = [("ConnType", "TCP"), ("ClientIP", address.as_str())];
        Event {
            at: Locator::Record { source: SOURCE, number: u64::from(number * 10 + nth) },
            time: Timestamp::from_nanos(begins(number)),
            provider: Provider::RdpCoreTs,
            channel: "c".into(),
            computer: "server".into(),
            id: if nth == 0 { 131 } else { 65 },
            level: 4,
            activity: format!("{{{number:08x}-0000-0000-0000-000000000001}}").parse().ok(),
            fields: fields.into_iter().collect(),
        }
    };
    let events: Vec<Event> = (0..CONNECTIONS)
        .flat_map(|number| (0..10).map(move |nth| (number, nth)))
        .map(|(number, nth)| event(number, nth))
        .collect();
    let window = Window { start: Timestamp::from_nanos(0), end: Timestamp::from_nanos(begins(CONNECTIONS)) };
    best_with(
        || (connections(), vec![DecodedLog { log: &log, events: events.clone() }]),
        |(connections, logs)| {
            let mut notes = Notes::new();
            let anchors = [];
            let clocks = Clocks::estimate(&connections, &[], &anchors, &mut notes);
            black_box(join(connections, Vec::new(), logs, &clocks, &[window], &[], &mut notes));
        },
    )
}
