//! Parsers of messages: nothing beyond the end, the same answer whatever more is to come, the same however it is cut.

use std::fmt::Debug;

use crate::protocol::tls::{self, CipherSuite, HandshakeJoiner, HandshakeType, TlsVersion};
use crate::protocol::{
    Parse, credssp, der, dns, dtls, fast_path, foreign, gateway, kerberos, mcs as pdu, nego, preamble,
    rdpeudp, share, tpkt, x224, x509,
};

/// Prefixes that are tried of what a parser took, when it is long.
const CUTS: usize = 24;

/// What a streaming parser took must be what it takes when the stream ends there, and of less it must say that more is
/// needed: an answer that more bytes change is none. Gives the rest.
fn streams<'a, T: Debug>(
    name: &str,
    input: &'a [u8],
    parse: impl Fn(&'a [u8]) -> Parse<'a, T>,
) -> Option<&'a [u8]> {
    let (rest, value) = parse(input).ok()?;
    assert!(input.ends_with(rest), "{name}: what is left is not the end of what was given");
    let used = input.len() - rest.len();
    let alone = input.get(..used).map(&parse);
    let same = matches!(&alone, Some(Ok(([], other))) if format!("{other:?}") == format!("{value:?}"));
    assert!(same, "{name}: {value:?} of {used} bytes, alone {alone:?}");
    for cut in (0..used).step_by(used / CUTS + 1) {
        let less = input.get(..cut).map(&parse);
        let more = matches!(less, Some(Err(nom::Err::Incomplete(_))));
        assert!(more, "{name}: {cut} of {used} bytes give {less:?}");
    }
    Some(rest)
}

/// The beginning of a connection in clear: preamble, TPKT, X.224, negotiation, and what else may stand there.
pub fn negotiation(bytes: &[u8]) {
    let _ = foreign::foreign(bytes);
    let _ = preamble::preamble(bytes).map(|(rest, _)| assert!(bytes.ends_with(rest)));
    let _ = gateway::request(bytes).map(|(rest, _)| assert!(bytes.ends_with(rest)));
    let _ = gateway::response(bytes).map(|(rest, _)| assert!(bytes.ends_with(rest)));
    streams("gateway packet", bytes, gateway::packet);
    streams("fast path", bytes, fast_path::fast_path);
    tpdu(bytes);
    let mut rest = bytes;
    while let Some(after) = streams("TPKT", rest, tpkt::tpkt) {
        if let Ok((_, packet)) = tpkt::tpkt(rest) {
            tpdu(packet.payload);
        }
        if after.len() == rest.len() {
            break;
        }
        rest = after;
    }
    let _ = dns::message(bytes);
    streams("DNS over TCP", bytes, dns::message_over_tcp);
    let _ = kerberos::message(bytes);
    streams("Kerberos over TCP", bytes, kerberos::message_over_tcp);
    let _ = rdpeudp::udp_header(bytes);
    let _ = dtls::message(bytes);
}

fn tpdu(payload: &[u8]) {
    let Ok(tpdu) = x224::tpdu(payload) else { return };
    let request = nego::connection_request(&tpdu);
    assert!(request.trailing <= payload.len());
    let _ = nego::connection_confirm(&tpdu);
}

/// A direction of TLS: records, and the handshake messages in them, whole and in pieces of any size.
pub fn tls(bytes: &[u8]) {
    streams("SSL 2 hello", bytes, tls::ssl2_client_hello);
    let mut rest = bytes;
    let mut handshake: Vec<&[u8]> = Vec::new();
    while let Some(after) = streams("TLS record", rest, tls::record) {
        if let Ok((_, record)) = tls::record(rest) {
            assert!(record.fragment.len() <= usize::from(tls::LONGEST_FRAGMENT));
            let _ = tls::alert(record.fragment);
            if record.header.content == tls::ContentType::HANDSHAKE {
                handshake.push(record.fragment);
            }
        }
        rest = after;
    }
    // Also the bytes as they are: a fuzzer need not make records to reach the messages.
    for fragments in [handshake, vec![bytes]] {
        let whole = join(fragments.iter().copied());
        for (kind, body) in &whole {
            message(HandshakeType(*kind), body);
        }
        for size in [1, 3, 50] {
            let pieces = join(fragments.iter().flat_map(|fragment| fragment.chunks(size)));
            assert!(pieces == whole, "pieces of {size} bytes give other messages");
        }
    }
}

fn join<'a>(fragments: impl Iterator<Item = &'a [u8]>) -> Vec<(u8, Vec<u8>)> {
    let mut joiner = HandshakeJoiner::new();
    let mut messages = Vec::new();
    for fragment in fragments {
        messages.extend(
            joiner.push(fragment).into_iter().map(|message| (message.kind.0, message.body.into_owned())),
        );
    }
    if let Some(left) = joiner.unfinished() {
        assert!(left.body.len() <= usize::try_from(tls::LONGEST_MESSAGE).unwrap_or(usize::MAX));
    }
    messages
}

fn message(kind: HandshakeType, body: &[u8]) {
    match kind {
        HandshakeType::CLIENT_HELLO => {
            let _ = tls::client_hello(body).map(|hello| hello.offered_versions());
        }
        HandshakeType::SERVER_HELLO => {
            let _ = tls::server_hello(body).map(|hello| hello.downgraded_from());
        }
        HandshakeType::CERTIFICATE => {
            for list in [tls::certificate_list(body), tls::certificate_list_tls13(body)] {
                assert!(list.oddity.is_none_or(|oddity| oddity.at <= body.len()));
            }
        }
        HandshakeType::CERTIFICATE_REQUEST => {
            for version in [TlsVersion::TLS_1_0, TlsVersion::TLS_1_2, TlsVersion::TLS_1_3] {
                let _ = tls::certificate_request(body, version);
            }
        }
        HandshakeType::SERVER_KEY_EXCHANGE => {
            for suite in [0xc030, 0x0033, 0xc014] {
                let _ = tls::server_key_exchange(body, CipherSuite(suite), TlsVersion::TLS_1_2);
                let _ = tls::server_key_exchange(body, CipherSuite(suite), TlsVersion::TLS_1_0);
            }
        }
        _ => {}
    }
}

/// A certificate, and lists of them.
pub fn certificate(bytes: &[u8]) {
    streams("DER element", bytes, der::element);
    let certificate = x509::certificate(bytes);
    assert!(certificate.oddity.is_none_or(|oddity| oddity.at <= bytes.len()));
    for list in [tls::certificate_list(bytes), tls::certificate_list_tls13(bytes)] {
        assert!(list.oddity.is_none_or(|oddity| oddity.at <= bytes.len()));
    }
    streams("TSRequest", bytes, credssp::ts_request);
    let _ = credssp::early_result(bytes);
}

/// What follows the negotiation in clear: MCS, settings, licence, errors.
pub fn mcs(bytes: &[u8]) {
    let _ = pdu::mcs(bytes);
    let _ = share::share_pdu(bytes).map(|pdu| pdu.error_info());
    let _ = share::secured(bytes).and_then(|secured| share::licence(&secured));
    let mut rest = bytes;
    while let Ok((after, packet)) = tpkt::tpkt(rest) {
        if let Ok(tpdu) = x224::tpdu(packet.payload) {
            let _ = pdu::mcs(tpdu.data);
        }
        rest = after;
    }
}
