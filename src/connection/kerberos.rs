//! What key distribution centres refuse: KRB-ERRORs that a capture holds beside its connections.
//!
//! Says to whom and why; whether that failed a connection is judged elsewhere.

use std::net::IpAddr;

use crate::base::{Locator, Mark, Observed, SourceId};
use crate::packet::Datagram;
use crate::packet::interest::KERBEROS_PORT;
use crate::protocol::kerberos::{self, KrbError};

/// One error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KerberosError {
    /// The key distribution centre.
    pub from: IpAddr,
    /// Who asked.
    pub to: IpAddr,
    /// What it says.
    pub error: KrbError,
}

/// Errors of one capture that are remembered.
const MAX_ERRORS: usize = 4096;

/// Reads the errors of a capture.
pub fn errors(source: SourceId, datagrams: &[Datagram]) -> Vec<Observed<KerberosError>> {
    datagrams
        .iter()
        .filter(|datagram| datagram.from.port == KERBEROS_PORT)
        .filter_map(|datagram| {
            let error = kerberos::message(&datagram.head).ok()?.error?;
            let mark = Mark { time: datagram.time, at: Locator::Frame { source, number: datagram.frame } };
            Some(mark.of(KerberosError { from: datagram.from.ip, to: datagram.to.ip, error }))
        })
        .take(MAX_ERRORS)
        .collect()
}
