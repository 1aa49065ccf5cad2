//! Layer 5: bytes to messages.
//!
//! Pure functions over borrowed bytes, written with `nom`. Nothing here knows time, files, packets or which
//! side is right: a parser says what the bytes say. We observe and do not take part, so an odd value is
//! reported beside what could be read (`oddity`), and only bytes that cannot be framed at all are [`Malformed`].
//!
//! Stream parsers return [`Parse`]: `nom::Err::Incomplete` means that more stream bytes are needed, an error
//! means that more bytes will not help. Parsers of a whole message return `Result<_, Malformed>` or a plain value.

pub mod wire;

pub mod der;
pub mod foreign;
pub mod preamble;
pub mod tpkt;
pub mod x224;

pub mod nego;

pub mod credssp;
pub mod fast_path;
pub mod mcs;
pub mod share;

pub mod tls;
pub mod x509;

pub mod dns;
pub mod dtls;
pub mod gateway;
pub mod kerberos;
pub mod rdpeudp;

pub use wire::{Expected, Malformed, Parse};

#[cfg(test)]
mod hostile;
