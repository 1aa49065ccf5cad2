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

/// Reads the error that a datagram holds.
pub fn error(source: SourceId, datagram: &Datagram) -> Option<Observed<KerberosError>> {
    if datagram.from.port != KERBEROS_PORT {
        return None;
    }
    let error = kerberos::message(&datagram.head).ok()?.error?;
    let mark = Mark { time: datagram.time, at: Locator::Frame { source, number: datagram.frame } };
    Some(mark.of(KerberosError { from: datagram.from.ip, to: datagram.to.ip, error }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Timestamp;
    use crate::packet::Endpoint;

    #[test]
    fn only_errors_from_the_port_count() {
        // KRB-ERROR with nothing but its code, 37. RFC 4120 5.9.1
        let head = [0x7e, 7, 0x30, 5, 0xa6, 3, 2, 1, 37];
        let datagram = |port, head: &[u8]| Datagram {
            time: Timestamp::from_nanos(0),
            frame: 7,
            from: Endpoint { ip: [192, 0, 2, 5].into(), port },
            to: Endpoint { ip: [192, 0, 2, 10].into(), port: 61_501 },
            length: 9,
            head: head.into(),
        };
        let all =
            [datagram(88, &head), datagram(53, &head), datagram(88, &head[..5]), datagram(88, &[0x6b, 0])];
        let found: Vec<_> = all.iter().filter_map(|datagram| error(SourceId(0), datagram)).collect();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].value.error.code, kerberos::ErrorCode::KRB_AP_ERR_SKEW);
        assert_eq!(found[0].at, Locator::Frame { source: SourceId(0), number: 7 });
    }
}
