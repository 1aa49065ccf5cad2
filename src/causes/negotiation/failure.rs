//! What the six negotiation failures share: the code is in clear, so the server itself states the cause.

use crate::base::time;
use crate::causes::{Blame, Case, Cause, Evidence, Finding, Strength};
use crate::correlate::clock::seconds;
use crate::protocol::nego::FailureCode;

/// A client that tries again by itself has done so within this.
const FALLBACK: i64 = 5 * time::SECOND;

/// The server refused with `code`.
pub fn detect(case: &Case<'_>, cause: &'static Cause, code: FailureCode, blame: Blame) -> Option<Finding> {
    let connection = case.connection()?;
    let failure = connection.negotiation_failure().filter(|failure| failure.value == code)?;
    let mut evidence =
        vec![Evidence::of(&failure, format!("the server refuses with negotiation failure {code}"))];
    if let Some(requested) = connection.requested() {
        evidence.push(Evidence::of(&requested, format!("the client offered {}", requested.value)));
    }
    evidence.extend(case.accepted());
    let finding = Finding::new(cause, Strength::Stated, blame, evidence);
    let seen = connection.capture_end - failure.time;
    let falls_back = code == FailureCode::SSL_NOT_ALLOWED_BY_SERVER && connection.flow.is_some();
    let unseen =
        case.ask_to_tell(|own, around| around.others.follow_ups(own, FALLBACK).next().map(|_| ())).is_none()
            && seen < FALLBACK;
    Some(if falls_back && unseen {
        let seen = seconds(seen);
        finding.missing(format!(
            "what the client did next: the capture ends {seen:.3} s after the refusal, and mstsc tries again by itself"
        ))
    } else {
        finding
    })
}
