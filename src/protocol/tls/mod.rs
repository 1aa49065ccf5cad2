//! TLS as an observer sees it: records, handshake messages, alerts, and what the size of an encrypted record
//! still tells. RFC 5246, RFC 8446; SSLv2 hellos are recognised.
//!
//! Decrypts nothing and checks nothing: a hello with an odd value is read, and the oddity is said.

mod alert;
mod cipher;
mod cipher_names;
mod client_hello;
mod codes;
mod extension;
mod handshake;
mod plaintext;
mod record;
mod server;
mod server_hello;

pub use alert::{Alert, AlertDescription, AlertLevel, alert};
pub use cipher::{CipherSuite, Protection};
pub use client_hello::{ClientHello, client_hello, ssl2_client_hello};
pub use codes::{ExtensionType, NamedGroup, SignatureScheme, TlsVersion, is_grease};
pub use handshake::{
    HandshakeJoiner, HandshakeMessage, HandshakeType, LONGEST_MESSAGE, Unfinished, handshake_message,
};
pub use plaintext::{PlaintextLen, plaintext_len};
pub use record::{
    ContentType, HEADER, LONGEST_FRAGMENT, Record, RecordHeader, looks_like_ssl2, looks_like_tls, record,
    record_header,
};
pub use server::{
    CertificateList, CertificateRequest, ServerKeyExchange, certificate_list, certificate_list_tls13,
    certificate_request, server_key_exchange,
};
pub use server_hello::{ServerHello, begins_retry, server_hello};
