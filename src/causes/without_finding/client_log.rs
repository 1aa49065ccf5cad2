//! The verdict on an attempt of which only the client's log knows, where no cause was found.

use super::{Case, Evidence, Kind, Verdict};
use crate::causes::told::of_code;
use crate::codes::Family;
use crate::eventlog::rdp_client::{self, Meaning};

/// Codes with which mstsc ends what its user ended: at the client, or inside the session.
const BY_THE_USER: [u32; 2] = [1, 2];

/// An attempt of which only the client's log knows, and no finding.
pub(super) fn told(case: &Case<'_>) -> Verdict {
    let events =
        || case.all_events().filter_map(|joined| Some((joined, rdp_client::meaning(&joined.event)?)));
    let ended = events().filter_map(|(joined, meaning)| match meaning {
        Meaning::Disconnected(Some(code)) => Some((joined, code)),
        _ => None,
    });
    let missing = vec!["a capture of the attempt, or the server's logs of that time".to_owned()];
    let Some((end, code)) = ended.last() else {
        if events().next().is_none() {
            return Verdict {
                summary: "Nothing can be said about this attempt.".into(),
                ..Verdict::empty(Kind::Undetermined)
            };
        }
        return Verdict {
            summary: "The client's log shows that an attempt began, and no end of it.".into(),
            evidence: events()
                .take(1)
                .map(|(joined, _)| Evidence::event(&joined.event, "an attempt"))
                .collect(),
            missing,
            ..Verdict::empty(Kind::Undetermined)
        };
    };
    let known = Family::named("reason").and_then(|family| family.find(code));
    let means = known.map_or("a number without a published meaning", |known| known.means);
    let end = of_code((end, code), means);
    let logged_on = events().find(|(_, meaning)| matches!(meaning, Meaning::LoggedOn { .. }));
    // A user also closes a session that was cut, or could not be taken up again.
    let in_order = events().all(|(_, meaning)| match meaning {
        Meaning::Disconnected(code) => code.is_some_and(|code| BY_THE_USER.contains(&code)),
        Meaning::Started(_)
        | Meaning::Server(_)
        | Meaning::TlsSupported(_)
        | Meaning::UserHash(_)
        | Meaning::Connected
        | Meaning::LoggedOn { .. } => true,
        _ => false,
    });
    if let Some((joined, _)) = logged_on.filter(|_| in_order) {
        return Verdict {
            summary: "The client's log shows a session that its user ended; it tells of no fault.".into(),
            evidence: vec![Evidence::event(&joined.event, "the client is logged on"), end],
            ..Verdict::empty(Kind::Healthy)
        };
    }
    let reached = if logged_on.is_some() {
        "The session came up"
    } else {
        "The attempt did not become a session, as far as this log tells"
    };
    let decides = known.map_or(&[][..], |known| known.decides).iter().map(|what| (*what).to_owned());
    Verdict {
        summary: format!(
            "{reached}. The client ended it with code {code:#X}: {means}. That is what the client saw, not why."
        ),
        evidence: vec![end],
        missing: decides.chain(missing).collect(),
        ..Verdict::empty(Kind::Undetermined)
    }
}
