//! Tests of `x509`, with one certificate made by openssl.

use super::*;

/// Self-signed, P-521, ECDSA with SHA-256; O=Example, CN=WIN-TEST; a DNS name and an address; EKU server
/// authentication and Remote Desktop authentication; serial 7A00A1B2C3.
const SELF_SIGNED: &str = "\
    3082025d308201bfa00302010202057a00a1b2c3300a06082a8648ce3d04030230253110300e060355040a0c074578616d706c653111\
    300f06035504030c0857494e2d54455354301e170d3236313132303132323234305a170d3237303531393132323234305a3025311030\
    0e060355040a0c074578616d706c653111300f06035504030c0857494e2d5445535430819b301006072a8648ce3d020106052b810400\
    23038186000401785c09f38529ab76b39474b4bf72eb1035ffd159f98286efdde9a35e2dc3e0660e0a6a47c156ec4cd2fbd6ca35c0b3\
    69f31881254c91b3eecae1828e241d7c2152018eede6b145fcebebcfc560e8d0bb1c8973cbd7da5b67232436036d91f3e6c17879f618\
    3243dbc0ebb8df7a4d0612c1dd8e1eafdae7b1df59de558cf6184f54b0b3a38198308195301d0603551d0e0416041413e28070f0c2e0\
    722141de52172df33eaecca249301f0603551d2304183016801413e28070f0c2e0722141de52172df33eaecca249300f0603551d1301\
    01ff040530030101ff30210603551d11041a3018821077696e2d746573742e6578616d706c658704c0000207301f0603551d25041830\
    1606082b06010505070301060a2b060104018237360102300a06082a8648ce3d04030203818b00308187024201f78aae3d4cc8d2202f\
    9af7a0d090a675cfdcb9c75421720dbf61537102d648c93af11060081def7947aea60d58d4f0f54441cf611003585c53e9a7204e8608\
    ddeb024103952c0efc6d4d81256a767f33b0e0738c8f97f4318ff21a4d8ebcb940b004bf583126216f1804558a19caf7dde0f9bf88a8\
    8e46c2e095174687c8a56ab1363efd";

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn facts_of_a_self_signed_certificate() {
    let found = certificate(&bytes(SELF_SIGNED));
    assert_eq!(found.oddity, None);
    assert_eq!(found.thumbprint, "D3666751386144CC9692C0B83D9574DD60EE2B7B");
    assert_eq!(found.serial.as_deref(), Some("7A00A1B2C3"));
    assert_eq!(found.subject.as_ref().map(|name| name.full.as_str()), Some("O=Example, CN=WIN-TEST"));
    assert_eq!(found.subject.as_ref().and_then(|name| name.common_name.as_deref()), Some("WIN-TEST"));
    assert!(found.is_self_issued() && found.is_ca);
    assert_eq!(found.not_before, "2026-11-20T12:22:40Z".parse().ok());
    assert_eq!(found.not_after, "2027-05-19T12:22:40Z".parse().ok());
    assert_eq!(found.is_valid_at("2020-01-01T00:00:00Z".parse().unwrap()), Some(false));
    assert_eq!(found.dns_names, ["win-test.example"]);
    assert_eq!(found.ip_addresses, ["192.0.2.7".parse::<IpAddr>().unwrap()]);
    let key = found.key.unwrap();
    assert_eq!((key.bits, key.is_rsa()), (Some(521), false));
    assert_eq!(key.curve.unwrap().oid, "1.3.132.0.35");
    assert_eq!(found.signature.and_then(|algorithm| algorithm.name).as_deref(), Some("ecdsa-with-SHA256"));
    let usage = found.usage.unwrap();
    assert!(usage.server_auth && usage.remote_desktop && !usage.client_auth && !usage.any);
}

#[test]
fn every_cut_keeps_the_parts_before_it() {
    let whole = bytes(SELF_SIGNED);
    let parts = |found: &Certificate| {
        let read =
            [found.serial.is_some(), found.issuer.is_some(), found.not_after.is_some(), found.key.is_some()];
        read.iter().filter(|read| **read).count()
    };
    let mut before = 0;
    for end in 0..whole.len() {
        let found = certificate(&whole[..end]);
        assert_eq!(found.thumbprint.len(), 40);
        assert!(parts(&found) >= before, "{end}");
        before = parts(&found);
    }
    assert_eq!(before, 4);
    let cut = certificate(&whole[..90]);
    assert!(cut.serial.is_some() && cut.key.is_none() && cut.oddity.is_some());
}

#[test]
fn a_damaged_part_costs_only_itself() {
    let mut damaged = bytes(SELF_SIGNED);
    // The first digit of notBefore becomes a letter.
    let at = damaged.windows(2).position(|pair| pair == [0x17, 0x0D]).unwrap();
    damaged[at + 2] = b'x';
    let found = certificate(&damaged);
    assert_eq!((found.not_before, found.not_after), (None, None));
    assert!(found.subject.is_some() && found.key.is_some() && found.usage.is_some());
    assert_eq!(found.oddity.map(|oddity| oddity.what), Some("certificate validity"));
}

#[test]
fn no_certificate_at_all() {
    let found = certificate(b"");
    assert_eq!(found.thumbprint, "DA39A3EE5E6B4B0D3255BFEF95601890AFD80709");
    assert!(found.oddity.is_some());
    assert!(certificate(&[0x30; 40]).oddity.is_some());
}
