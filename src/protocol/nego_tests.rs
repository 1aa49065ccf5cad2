//! Tests of `nego`, with messages of real clients and servers.

use super::*;
use crate::protocol::tpkt::tpkt;
use crate::protocol::x224::tpdu;

fn request(bytes: &[u8]) -> ConnectionRequest {
    connection_request(&tpdu(tpkt(bytes).unwrap().1.payload).unwrap())
}

fn confirm(bytes: &[u8]) -> ConnectionConfirm {
    connection_confirm(&tpdu(tpkt(bytes).unwrap().1.payload).unwrap())
}

#[test]
fn request_of_mstsc() {
    // awakecoding rdp-nla-ntlm-rejected1, frame 4.
    let mut bytes = vec![0x03, 0x00, 0x00, 0x2F, 0x2A, 0xE0, 0x00, 0x00, 0x00, 0x00, 0x00];
    bytes.extend(b"Cookie: mstshash=IT-HELP\\A\r\n");
    bytes.extend([0x01, 0x00, 0x08, 0x00, 0x0B, 0x00, 0x00, 0x00]);
    let found = request(&bytes);
    assert_eq!(found.line, Some(RoutingLine::Cookie("IT-HELP\\A".into())));
    let asked = found.request.unwrap();
    assert_eq!((asked.flags.bits(), asked.protocols.to_string().as_str()), (0, "SSL|HYBRID|HYBRID_EX"));
    assert_eq!((found.correlation, found.trailing, found.oddity), (None, 0, None));
}

#[test]
fn request_without_cookie_and_with_correlation() {
    let mut bytes = vec![0x03, 0x00, 0x00, 0x37, 0x32, 0xE0, 0x00, 0x00, 0x00, 0x00, 0x00];
    bytes.extend([0x01, 0x08, 0x08, 0x00, 0x03, 0x00, 0x00, 0x00]);
    bytes.extend([0x06, 0x00, 0x24, 0x00]);
    bytes.extend([0xC5; 16]);
    bytes.extend([0x00; 16]);
    let found = request(&bytes);
    assert_eq!(found.line, None);
    assert_eq!(found.request.map(|asked| asked.flags), Some(RequestFlags::CORRELATION_INFO_PRESENT));
    assert_eq!((found.correlation, found.trailing, found.oddity), (Some([0xC5; 16]), 0, None));
}

#[test]
fn routing_token_names_the_server() {
    let mut bytes = vec![0x03, 0x00, 0x00, 0x37, 0x32, 0xE0, 0x00, 0x00, 0x00, 0x00, 0x00];
    bytes.extend(b"Cookie: msts=3640205228.15629.0000\r\n");
    bytes.extend([0x01, 0x00, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00]);
    let found = request(&bytes);
    let Some(RoutingLine::Token { value, server }) = found.line else { panic!("{:?}", found.line) };
    assert_eq!(value, "3640205228.15629.0000");
    assert_eq!(server, Some("172.31.249.216:3389".parse().unwrap()));
    assert_eq!(found.request.map(|asked| asked.protocols), Some(Protocols::RDP));
}

#[test]
fn wrong_lengths_are_odd_but_read() {
    // zeek rdp-invalid-length, frame 5: length 0, an unknown protocol bit.
    let found = confirm(&[
        0x03, 0x00, 0x00, 0x13, 0x0E, 0xD0, 0x00, 0x00, 0x12, 0x34, 0x00, // header
        0x02, 0x03, 0x00, 0x00, 0x01, 0x00, 0x00, 0x02,
    ]);
    let Some(Answer::Response { flags, selected }) = found.answer else { panic!("{:?}", found.answer) };
    assert_eq!((flags.bits(), selected.to_string().as_str()), (3, "SSL|0x2000000"));
    assert_eq!(found.oddity, Some(Malformed::new("negotiation length", 9, Expected::Exactly(8), 0)));
}

#[test]
fn failure_response_and_old_server() {
    let failure = [
        0x03, 0x00, 0x00, 0x13, 0x0E, 0xD0, 0x00, 0x00, 0x12, 0x34, 0x00, // header
        0x03, 0x00, 0x08, 0x00, 0x05, 0x00, 0x00, 0x00,
    ];
    let code = FailureCode::HYBRID_REQUIRED_BY_SERVER;
    assert_eq!(confirm(&failure).answer, Some(Answer::Failure { code }));
    assert_eq!(confirm(&failure).oddity, None);
    let old = [0x03, 0x00, 0x00, 0x0B, 0x06, 0xD0, 0x00, 0x00, 0x12, 0x34, 0x00];
    assert_eq!(confirm(&old), ConnectionConfirm::default());
}

#[test]
fn cut_negotiation_is_not_none() {
    let found = confirm(&[0x03, 0x00, 0x00, 0x0E, 0x09, 0xD0, 0, 0, 0x12, 0x34, 0, 0x02, 0x1F, 0x08]);
    assert_eq!((found.answer, found.trailing), (None, 3));
    assert_eq!(found.oddity.map(|oddity| oddity.what), Some("negotiation answer"));
}
