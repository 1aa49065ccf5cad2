//! Every parser of this layer on cut, damaged and made-up bytes: no panic, nothing read beyond the end.
//!
//! Tests only.

use super::tls::{self, CipherSuite, HandshakeJoiner, TlsVersion};
use super::{
    credssp, der, dns, dtls, fast_path, foreign, gateway, kerberos, mcs, nego, preamble, rdpeudp, share,
    tpkt, x224, x509,
};

/// Beginnings that lead far into a parser.
const SEEDS: &[&[u8]] = &[
    &[0x03, 0x00, 0x00, 0x13, 0x0E, 0xE0, 0, 0, 0, 0, 0, 1, 8, 8, 0, 0x0B, 0, 0, 0, 6, 0, 0x24, 0, 9, 9, 9, 9, 9],
    b"\x03\x00\x00\x2F\x2A\xE0\x00\x00\x00\x00\x00Cookie: msts=3640205228.15629.0000\r\n\x01\x00\x08\x00\x0B\x00\x00\x00",
    &[0x16, 0x03, 0x01, 0x00, 0x30, 0x01, 0x00, 0x00, 0x2C, 0x03, 0x03, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00],
    &[0x80, 0x2E, 0x01, 0x03, 0x01, 0x00, 0x06, 0x00, 0x00, 0x00, 0x10, 0x00, 0x00, 0x2F, 0x07, 0x00, 0xC0],
    &[0x7F, 0x66, 0x30, 0x0A, 0x01, 0x00, 0x04, 0x28, 0x4D, 0x63, 0x44, 0x6E, 0x20, 0x02, 0x0C, 0x0C, 0x00, 0x02],
    &[0x7F, 0x65, 0x30, 0x04, 0x2E, 0x44, 0x75, 0x63, 0x61, 0x28, 0x01, 0xC0, 0x10, 0x00, 0x04, 0x00, 0x08, 0x00],
    &[0x68, 0x00, 0x01, 0x03, 0xEB, 0x70, 0x16, 0x16, 0x00, 0x17, 0x00, 0xEA, 0x03, 0xEA, 0x03, 0x01, 0x00, 0x00],
    &[0x30, 0x0D, 0xA0, 0x03, 0x02, 0x01, 0x06, 0xA4, 0x06, 0x02, 0x04, 0x80, 0x09, 0x03, 0x02],
    &[0x30, 0x20, 0x30, 0x1E, 0xA0, 0x03, 0x02, 0x01, 0x02, 0x02, 0x01, 0x07, 0x30, 0x05, 0x06, 0x03, 0x55, 0x04, 0x03],
    &[0x7E, 0x1E, 0x30, 0x1C, 0xA4, 0x11, 0x18, 0x0F, 0x32, 0x30, 0x32, 0x34, 0x30, 0x35, 0x30, 0x36, 0x32, 0x30],
    &[0x12, 0x34, 0x81, 0x80, 0, 1, 0, 2, 0, 0, 0, 0, 3, b'r', b'd', b'p', 0, 0, 1, 0, 1, 0xC0, 0x0C, 0, 5, 0, 1],
    &[0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x40, 0x18, 0x01, 0xEE, 0x40, 0x71, 0xDC, 0x04, 0xD0, 0x04, 0xD0],
    b"RDG_OUT_DATA /remoteDesktopGateway/ HTTP/1.1\r\nUpgrade: websocket\r\nRDG-Connection-Id: {A}\r\n\r\n",
    b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Negotiate\r\n\r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.9 40000 3389\r\n",
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0C\xC0\x00\x02\x01\xC0\x00\x02\x09\x9C\x40\x0D\x3D",
    &[0x12, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF],
];

/// xorshift64: the same bytes in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(limit.max(1)).unwrap()).unwrap()
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[3]
    }
}

/// What a streaming parser leaves must be the end of what it got.
fn ends<T>(input: &[u8], result: &super::Parse<'_, T>) {
    if let Ok((rest, _)) = result {
        assert!(input.ends_with(rest));
    }
}

fn run_all(bytes: &[u8]) {
    ends(bytes, &tpkt::tpkt(bytes));
    ends(bytes, &preamble::preamble(bytes));
    ends(bytes, &fast_path::fast_path(bytes));
    ends(bytes, &der::element(bytes));
    ends(bytes, &credssp::ts_request(bytes));
    ends(bytes, &dns::message_over_tcp(bytes));
    ends(bytes, &kerberos::message_over_tcp(bytes));
    ends(bytes, &gateway::request(bytes));
    ends(bytes, &gateway::response(bytes));
    ends(bytes, &gateway::packet(bytes));
    ends(bytes, &tls::record(bytes));
    ends(bytes, &tls::ssl2_client_hello(bytes));
    for start in [0, 4, 5, 9] {
        let inner = bytes.get(start..).unwrap_or_default();
        if let Ok(tpdu) = x224::tpdu(inner) {
            let request = nego::connection_request(&tpdu);
            assert!(request.trailing <= inner.len());
            nego::connection_confirm(&tpdu);
        }
        run_whole(inner);
    }
}

fn run_whole(bytes: &[u8]) {
    let _ = foreign::foreign(bytes);
    let _ = mcs::mcs(bytes);
    let _ = share::share_pdu(bytes).map(|pdu| pdu.error_info());
    let _ = share::secured(bytes).and_then(|secured| share::licence(&secured));
    let _ = dns::message(bytes);
    let _ = kerberos::message(bytes);
    let _ = rdpeudp::udp_header(bytes);
    let _ = dtls::message(bytes);
    let _ = tls::alert(bytes);
    let _ = tls::client_hello(bytes).map(|hello| hello.offered_versions());
    let _ = tls::server_hello(bytes).map(|hello| hello.downgraded_from());
    let _ = tls::certificate_request(bytes, TlsVersion::TLS_1_2);
    let _ = tls::server_key_exchange(bytes, CipherSuite(0xC030), TlsVersion::TLS_1_2);
    let _ = tls::server_key_exchange(bytes, CipherSuite(0x0033), TlsVersion::TLS_1_0);
    for list in [tls::certificate_list(bytes), tls::certificate_list_tls13(bytes)] {
        assert!(list.oddity.is_none_or(|oddity| oddity.at <= bytes.len()));
    }
    let certificate = x509::certificate(bytes);
    assert!(certificate.oddity.is_none_or(|oddity| oddity.at <= bytes.len()));
    let mut joiner = HandshakeJoiner::new();
    for chunk in bytes.chunks(7) {
        joiner.push(chunk);
    }
}

#[test]
fn cut_and_damaged_messages() {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    for seed in SEEDS {
        for end in 0..=seed.len() {
            run_all(&seed[..end]);
        }
        for _ in 0..400 {
            let mut bytes = seed.to_vec();
            let more = random.below(60);
            bytes.extend((0..more).map(|_| random.byte()));
            for _ in 0..random.below(5) {
                let at = random.below(bytes.len());
                bytes[at] = random.byte();
            }
            run_all(&bytes);
        }
    }
}

#[test]
fn made_up_messages() {
    let mut random = Random(42);
    for _ in 0..4_000 {
        let bytes: Vec<u8> = (0..random.below(200)).map(|_| random.byte()).collect();
        run_all(&bytes);
    }
}

#[test]
fn lengths_of_all_ones() {
    for fill in [0x00, 0x7F, 0x80, 0x84, 0xC0, 0xFF] {
        let mut bytes = vec![fill; 300];
        run_all(&bytes);
        for seed in SEEDS {
            bytes[..seed.len()].copy_from_slice(seed);
            run_all(&bytes);
        }
    }
}

#[test]
fn record_sizes_never_overflow() {
    for suite in 0..=u16::MAX {
        for length in [0, 1, 16, 17, 24, 0x4800, u16::MAX] {
            for version in [0x0300, 0x0301, 0x0303, 0x0304, 0xFFFF] {
                let found = tls::plaintext_len(length, TlsVersion(version), CipherSuite(suite));
                assert!(found.least() <= length && found.most().is_none_or(|most| most <= length));
            }
        }
    }
}
