//! Layer 6: texts of a bundle (registry exports, outputs of commands, lists) to what they say of a computer.
//!
//! Texts are read by shape and numbers, never by words that Windows translates. Knows nothing of connections and events:
//! a fact explains nothing by itself, it must fit what packets show.

mod certificates;
mod computer;
mod fact;
mod firewall;
mod network;
mod owner;
mod registry;
mod service;
mod text;

use crate::input::format::is_own_report;

pub use computer::{Computer, Hosts, Place, Source};
pub use fact::{Fact, Stated};

/// Everything that a text says of its computer, in the order of its lines.
pub fn read(bytes: &[u8]) -> Vec<Stated> {
    if is_own_report(bytes) {
        return Vec::new();
    }
    let text = text::decoded(bytes);
    let readers: [fn(&str) -> Vec<Stated>; 13] = [
        registry::read,
        registry::properties,
        network::ipconfig,
        network::adapters,
        network::interfaces,
        network::netstat,
        service::sessions,
        service::system,
        certificates::certificates,
        service::key_rights,
        firewall::log,
        firewall::rules,
        firewall::netsh_rules,
    ];
    let mut facts: Vec<Stated> = readers.iter().flat_map(|read| read(&text)).collect();
    facts.sort_by_key(|stated| stated.line);
    facts
}

/// Whether a text says anything that is understood.
pub fn is_evidence(bytes: &[u8]) -> bool {
    !read(bytes).is_empty()
}
