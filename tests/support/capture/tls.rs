//! TLS 1.2 as bytes: hellos, a certificate flight, alerts, and protected records of chosen plaintext sizes.
//!
//! Nothing is encrypted: protected records hold filler of the right length (AES-GCM adds 24 bytes, RFC 5288). Layouts
//! from RFC 5246, 4492 and 6066; the order of suites and extensions is that of Schannel on Windows 10.

use crate::support::bytes::{filler, hash};

/// `CN=srv01.example.test`, issued by `CN=EXAMPLE Issuing CA 1`, RSA 2048, SHA-256, 2026-01-05 to 2027-01-05.
pub const CERTIFICATE: &[u8] = include_bytes!("srv01.der");

/// AES-GCM with an explicit nonce: 8 bytes nonce, 16 bytes tag.
const GCM_OVERHEAD: usize = 24;

/// ECDHE_RSA_AES_256_GCM_SHA384, what Windows 10 and Server 2016 agree on.
pub const SUITE: u16 = 0xc030;

/// What Schannel of Windows 10 offers.
pub const MODERN_SUITES: &[u16] = &[
    0xc02c, 0xc02b, 0xc030, 0xc02f, 0x009f, 0x009e, 0xc024, 0xc023, 0xc028, 0xc027, 0xc00a, 0xc009, 0xc014,
    0xc013, 0x009d, 0x009c, 0x003d, 0x003c, 0x0035, 0x002f, 0x000a,
];

/// Content types, RFC 5246 6.2.1.
const CHANGE_CIPHER_SPEC: u8 = 20;
pub const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
pub const APPLICATION: u8 = 23;

/// A record, RFC 5246 6.2.1.
pub fn record(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![kind, 3, 3];
    out.extend_from_slice(&(payload.len() as u16).to_be_bytes());
    out.extend_from_slice(payload);
    out
}

/// A protected record around `plaintext` bytes. `seed` must differ from record to record.
pub fn protected(kind: u8, plaintext: usize, seed: u64) -> Vec<u8> {
    record(kind, &filler(seed, plaintext + GCM_OVERHEAD))
}

/// A clear fatal alert, RFC 5246 7.2.
pub fn alert(description: u8) -> Vec<u8> {
    record(ALERT, &[2, description])
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u32).to_be_bytes();
    [&[kind], &length[1..], body].concat()
}

fn extension(kind: u16, body: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &(body.len() as u16).to_be_bytes(), body].concat()
}

fn words(values: &[u16]) -> Vec<u8> {
    let mut out = (values.len() as u16 * 2).to_be_bytes().to_vec();
    out.extend(values.iter().flat_map(|value| value.to_be_bytes()));
    out
}

/// A ClientHello offering `suites`, with SNI if a name is given.
pub fn client_hello(label: &str, name: Option<&str>, suites: &[u16]) -> Vec<u8> {
    let mut extensions = Vec::new();
    if let Some(name) = name {
        let length = name.len() as u16;
        let mut list = (length + 3).to_be_bytes().to_vec();
        list.push(0);
        list.extend_from_slice(&length.to_be_bytes());
        list.extend_from_slice(name.as_bytes());
        extensions.extend(extension(0, &list));
    }
    extensions.extend(extension(5, &[1, 0, 0, 0, 0]));
    extensions.extend(extension(10, &words(&[0x001d, 0x0017, 0x0018])));
    extensions.extend(extension(11, &[1, 0]));
    let algorithms = words(&[
        0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0201, 0x0403, 0x0503, 0x0203, 0x0202, 0x0601, 0x0603,
    ]);
    extensions.extend(extension(13, &algorithms));
    extensions.extend(extension(35, &[]));
    extensions.extend(extension(23, &[]));
    extensions.extend(extension(0xff01, &[0]));
    let mut body = vec![3, 3];
    body.extend(filler(hash(&format!("{label} client random")), 32));
    body.push(0);
    body.extend(words(suites));
    body.extend_from_slice(&[1, 0]);
    body.extend_from_slice(&(extensions.len() as u16).to_be_bytes());
    body.extend(extensions);
    record(HANDSHAKE, &message(1, &body))
}

/// ServerHello, Certificate, ServerKeyExchange and ServerHelloDone in one record, as Schannel sends them.
pub fn server_flight(label: &str) -> Vec<u8> {
    let mut hello = vec![3, 3];
    hello.extend(filler(hash(&format!("{label} server random")), 32));
    hello.push(32);
    hello.extend(filler(hash(&format!("{label} session")), 32));
    hello.extend_from_slice(&SUITE.to_be_bytes());
    hello.push(0);
    let extensions = [extension(23, &[]), extension(0xff01, &[0])].concat();
    hello.extend_from_slice(&(extensions.len() as u16).to_be_bytes());
    hello.extend(extensions);

    let one = CERTIFICATE.len() as u32;
    let certificate = [&(one + 3).to_be_bytes()[1..], &one.to_be_bytes()[1..], CERTIFICATE].concat();

    // Named curve secp384r1, an uncompressed point, RSA-SHA256 signature of a 2048-bit key.
    let mut exchange = vec![3, 0, 0x18, 97, 4];
    exchange.extend(filler(hash(&format!("{label} server point")), 96));
    exchange.extend_from_slice(&[4, 1, 1, 0]);
    exchange.extend(filler(hash(&format!("{label} signature")), 256));

    let messages = [message(2, &hello), message(11, &certificate), message(12, &exchange), message(14, &[])];
    record(HANDSHAKE, &messages.concat())
}

/// ClientKeyExchange, ChangeCipherSpec, Finished (40 bytes with AES-GCM).
pub fn client_finish(label: &str) -> Vec<u8> {
    let mut point = vec![97, 4];
    point.extend(filler(hash(&format!("{label} client point")), 96));
    let seed = hash(&format!("{label} client finished"));
    [
        record(HANDSHAKE, &message(16, &point)),
        record(CHANGE_CIPHER_SPEC, &[1]),
        protected(HANDSHAKE, 16, seed),
    ]
    .concat()
}

/// ChangeCipherSpec and Finished.
pub fn server_finish(label: &str) -> Vec<u8> {
    [record(CHANGE_CIPHER_SPEC, &[1]), protected(HANDSHAKE, 16, hash(&format!("{label} server finished")))]
        .concat()
}
