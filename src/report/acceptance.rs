//! What both sides would accept, and what the user saw, as plain data.
//!
//! Chooses nothing: `correlate` and `causes` did.

use super::model::{Acceptance, Accepted, Accepts, ClientCode, WeighedCode};
use crate::causes::client_code::{Told, Weighed, Weight};
use crate::causes::{Kind, Verdict};
use crate::correlate::acceptance;

/// What both sides would accept; `id_of` gives the id of a connection.
pub fn acceptance(own: &acceptance::Acceptance, id_of: impl Fn(usize) -> u32) -> Acceptance {
    let one = |kind: &Option<acceptance::Accepted>| kind.as_ref().map(|own| accepted(own, &id_of));
    Acceptance { security: one(&own.security), tls_version: one(&own.version), cipher: one(&own.cipher) }
}

fn accepted(own: &acceptance::Accepted, id_of: impl Fn(usize) -> u32) -> Accepted {
    let accepts = |own: &acceptance::Accepts| Accepts { list: own.list.clone(), extent: own.extent.name() };
    let shown_by: Vec<u32> = own.shown_by.iter().map(|at| id_of(*at)).collect();
    let others = shown_by.iter().map(|id| format!("c{id}")).collect::<Vec<_>>().join(", ");
    let shown = if others.is_empty() { String::new() } else { format!(" (shown by {others})") };
    Accepted {
        client: accepts(&own.client),
        server: accepts(&own.server),
        refused: own.refused.clone(),
        both: own.both.clone(),
        says: format!("{}{shown}", own.says),
        shown_by,
    }
}

/// The code that the user gave, with the incidents that it can belong to: those that failed and do not contradict it.
pub fn client_code<'a>(
    told: Told,
    incidents: impl Iterator<Item = (u32, &'a Verdict, &'a Weighed)>,
) -> ClientCode {
    let fits = incidents
        .filter(|(_, verdict, own)| verdict.kind != Kind::Healthy && own.weight != Weight::Contradicts);
    ClientCode {
        code: told.code,
        extended: told.extended,
        text: told.text(),
        means: told.means(),
        names: told.names().iter().map(|cause| cause.id).collect(),
        fits: fits.map(|(id, ..)| id).collect(),
    }
}

/// The code against one verdict.
pub fn weighed(own: &Weighed) -> WeighedCode {
    WeighedCode { weighs: own.weight.name(), says: own.says.clone() }
}
