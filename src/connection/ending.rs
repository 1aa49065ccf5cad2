//! The orderly end of a connection: who said goodbye, and how.
//!
//! mstsc ends every connection with a reset, also an orderly one; so the goodbye before it decides whether an end
//! was abrupt, never the reset itself.

use super::encrypted::Encrypted;
use super::tls::{SEALED_ALERT, Sealed, Tls};
use crate::base::{Mark, Observed};
use crate::protocol::tls::PlaintextLen;
use crate::stream::{Close, Flow, Framing, Record, Side};

/// An orderly end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Goodbye {
    /// Who said it first.
    pub from: Side,
    /// In which form.
    pub form: Form,
}

/// The form of a goodbye.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A TLS alert behind the handshake: close_notify, as far as can be seen.
    CloseNotify,
    /// A record of the size of an MCS Disconnect Provider Ultimatum. [MS-RDPBCGR] 2.2.2.3
    Ultimatum,
    /// The same, with a Set Error Info PDU before it. [MS-RDPBCGR] 2.2.5.1
    ErrorInfoAndUltimatum,
    /// FINs of both sides, all data acknowledged, and no framing that could carry a goodbye.
    BothFins,
}

impl Form {
    /// In words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CloseNotify => "a TLS closing alert",
            Self::Ultimatum => "a record of the size of an MCS disconnect ultimatum",
            Self::ErrorInfoAndUltimatum => {
                "records of the size of Set Error Info and an MCS disconnect ultimatum"
            }
            Self::BothFins => "FINs of both sides",
        }
    }
}

/// Plaintext bytes of a Disconnect Provider Ultimatum: TPKT 4, X.224 3, MCS 2.
pub const ULTIMATUM: u16 = 9;
/// Plaintext bytes of a Set Error Info PDU.
pub(super) const ERROR_INFO: u16 = 36;
/// Body of an ultimatum under the suites that RDP uses most, where the handshake that names the suite was not captured:
/// ChaCha20, TLS 1.3, GCM. A record of the latter may carry a movement of the mouse too, but none that its sender
/// closes right behind.
const SEALED_ULTIMATUM: [u32; 3] = [25, 26, 33];
/// Records from the end among which a goodbye is looked for: the other side may be in the middle of a burst.
const LAST_RECORDS: usize = 12;

/// Looks for the goodbye of a connection that was up (or nearly so). What one side says after the other has ended
/// the connection is an answer, not a goodbye.
pub fn goodbye(flow: &Flow, tls: &Tls, encrypted: &Encrypted) -> Option<Observed<Goodbye>> {
    let in_time = |record: &Record| flow.first_close().is_none_or(|close| close.is_after(record));
    let said = |record: &Record, form| record.end.of(Goodbye { from: record.from, form });
    if tls.finished().is_some() || tls.midstream {
        let alert = tls.sealed_alerts.iter().find(|alert| in_time(alert));
        if let Some(alert) = alert {
            return Some(said(alert, Form::CloseNotify));
        }
    }
    if tls.is_used() {
        let found = sealed_goodbye(flow, tls, encrypted).into_iter().find(|(record, _)| in_time(record));
        return found.map(|(record, form)| said(&record, form));
    }
    clear_goodbye(flow)
}

fn sealed_goodbye(flow: &Flow, tls: &Tls, encrypted: &Encrypted) -> Vec<(Record, Form)> {
    // Where the hello was not captured, the size tells all the same: nothing else that RDP says is so short.
    let is_1_3 = tls.version().is_none_or(crate::protocol::tls::TlsVersion::is_1_3);
    let mut found = Vec::new();
    for last in [encrypted.last_of_server, encrypted.last_of_client].into_iter().flatten() {
        if is_1_3 && last.record.body == SEALED_ALERT {
            found.push((last.record, Form::CloseNotify));
        } else if is_ultimatum(&last, flow) || is_last_word(&last, flow, tls) {
            let form = if follows_error_info(flow, tls, &last.record) {
                Form::ErrorInfoAndUltimatum
            } else {
                Form::Ultimatum
            };
            found.push((last.record, form));
        }
    }
    found
}

/// An ultimatum is the last thing its sender says, and the end follows. Where block ciphers hide the length, the
/// smallest record that the suite can make counts.
fn is_ultimatum(last: &Sealed, flow: &Flow) -> bool {
    let fits = match last.plaintext.exact() {
        Some(exact) => exact == ULTIMATUM,
        None if last.plaintext == PlaintextLen::Unknown => {
            SEALED_ULTIMATUM.contains(&last.record.body)
                && flow.first_close().is_some_and(|close| close.from == last.record.from)
        }
        None => last.plaintext.most().is_some_and(|most| most < 2 * 16) && last.plaintext.may_be(ULTIMATUM),
    };
    let is_behind = |close: &Close| close.mark.time >= last.record.end.time || close.is_after(&last.record);
    fits && !flow.closes.is_empty() && flow.closes.iter().all(is_behind)
}

/// Where the capture stops before the end: the server's reason and what follows it cannot be mistaken.
fn is_last_word(last: &Sealed, flow: &Flow, tls: &Tls) -> bool {
    flow.closes.is_empty()
        && last.record.from == Side::Server
        && last.plaintext.exact() == Some(ULTIMATUM)
        && follows_error_info(flow, tls, &last.record)
}

fn follows_error_info(flow: &Flow, tls: &Tls, ultimatum: &Record) -> bool {
    let (Some(version), Some(cipher)) = (tls.version(), tls.cipher()) else { return false };
    let before = flow
        .records
        .newest()
        .take(LAST_RECORDS)
        .filter(|record| record.from == ultimatum.from && record.offset < ultimatum.offset)
        .max_by_key(|record| record.offset);
    before.is_some_and(|record| {
        let body = u16::try_from(record.body).unwrap_or(u16::MAX);
        crate::protocol::tls::plaintext_len(body, version, cipher).may_be(ERROR_INFO)
    })
}

/// In clear framing an ultimatum is a TPKT of nine bytes, the last of its sender.
fn clear_goodbye(flow: &Flow) -> Option<Observed<Goodbye>> {
    for from in [Side::Server, Side::Client] {
        let last =
            flow.records.newest().filter(|record| record.from == from).max_by_key(|record| record.offset);
        if let Some(last) = last
            && last.framing == Framing::Tpkt
            && last.header + last.body == u32::from(ULTIMATUM)
        {
            return Some(last.end.of(Goodbye { from, form: Form::Ultimatum }));
        }
    }
    both_fins(flow).map(|mark| {
        let from = flow.first_close().map_or(Side::Client, |close| close.from);
        mark.of(Goodbye { from, form: Form::BothFins })
    })
}

/// Both sides closed their direction and nothing was lost: TCP's own orderly end.
fn both_fins(flow: &Flow) -> Option<Mark> {
    use crate::stream::CloseKind::Fin;
    let client = flow.close_of(Side::Client, Fin)?;
    let server = flow.close_of(Side::Server, Fin)?;
    Some(client.mark.max(server.mark))
}
