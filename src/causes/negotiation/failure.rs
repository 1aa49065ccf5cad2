//! What the six negotiation failures share: the code is in clear, so the server itself states the cause.

use crate::causes::{Blame, Case, Cause, Evidence, Finding, Strength};
use crate::protocol::nego::FailureCode;

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
    Some(Finding::new(cause, Strength::Stated, blame, evidence))
}
