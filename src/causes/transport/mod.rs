//! Stage transport: TCP, and the network below it.

pub mod client_outbound_rule;
pub mod client_security_software;
pub mod data_dropped_after_handshake;
pub mod firewall_drop;
pub mod firewall_reject;
pub mod host_asleep;
pub mod host_unreachable;
pub mod ip_fragments_lost;
pub mod not_rdp;
pub mod packet_loss;
pub mod port_closed_or_device_reset;
pub mod rdp_disabled_or_other_port;
pub mod rst_injected;
pub mod service_down;
pub mod syn_ack_lost;
pub mod too_many_incomplete_connections;

use crate::base::time;
use crate::causes::{Case, Evidence};
use crate::connection::Connection;
use crate::correlate::Surroundings;
use crate::correlate::surroundings::Own;
use crate::packet::IcmpError;
use crate::packet::icmp::IcmpMeaning;
use crate::stream::{CloseKind, Flow, Opening, Side};

/// A connection of which only SYNs are there: no SYN-ACK, nothing else of the server in this flow.
fn unanswered<'a>(case: &Case<'a>) -> Option<(&'a Connection, &'a Flow)> {
    let (connection, flow) = case.both()?;
    let silent = flow.opening == Opening::Syn && flow.syn_acks.is_empty() && !flow.is_established();
    // A client that goes on was answered, whatever the capture shows of that.
    let went_on = flow.to_server.data_segments > 0 || flow.to_client.acked_end.is_some();
    (silent && flow.server_habits.segments == 0 && !went_on).then_some((connection, flow))
}

/// The first ICMP error of a meaning about this flow.
pub(in crate::causes) fn icmp_of(flow: &Flow, meanings: &[IcmpMeaning]) -> Option<IcmpError> {
    flow.icmp.iter().find(|error| meanings.contains(&error.meaning())).copied()
}

/// An ICMP error about the two hosts of this flow that a packet was too big, cut off by the snapshot length before the
/// ports: it may be about this flow.
pub(in crate::causes) fn too_big_cut_off(own: Own<'_>, around: &Surroundings) -> Option<IcmpError> {
    let ends = [(own.client, own.server.ip), (own.server.ip, own.client)];
    let mut errors = around
        .captures_at(own.first)
        .flat_map(|capture| &capture.orphans)
        .filter(|error| error.quoted.is_portless() && error.meaning() == IcmpMeaning::TooBig);
    errors.find(|error| ends.contains(&(error.quoted.from.ip, error.quoted.to.ip))).copied()
}

/// An ICMP error as evidence.
pub(in crate::causes) fn icmp_evidence(flow: &Flow, error: &IcmpError, says: &str) -> Evidence {
    Evidence::at(flow.mark_of(error), format!("{} sends {}: {says}", error.reporter, error.label()))
}

/// Whether all logs are of one computer, and it can be the server: events that are tied by time alone may else be
/// another host's.
fn is_one_computer(case: &Case<'_>) -> bool {
    if case.logs_are_strangers() {
        return false;
    }
    let mut computers = case.around.coverage.logs.iter().flat_map(|log| &log.computers);
    computers.next().is_some_and(|first| computers.all(|other| other.eq_ignore_ascii_case(first)))
}

/// The SYNs that were repeated in vain, as evidence: the first, and the last.
pub(in crate::causes) fn syn_evidence(flow: &Flow) -> Vec<Evidence> {
    let seconds = |nanos: i64| crate::correlate::clock::seconds(nanos);
    match flow.syns.as_slice() {
        [] => Vec::new(),
        [only] => vec![Evidence::at(only.mark, "the client sends a SYN; no answer")],
        [first, .., last] => vec![
            Evidence::at(
                first.mark,
                format!("the client sends a SYN, {} in all; none is answered", flow.syns.len()),
            ),
            Evidence::at(
                last.mark,
                format!("the last of them, {:.1} s later", seconds(last.mark.time - first.mark.time)),
            ),
        ],
    }
}

/// Whether a reset acknowledges the SYN and nothing more: a client takes no other for an answer, RFC 9293 3.10.7.3.
pub(super) fn answers_the_syn(reset: &crate::stream::Close) -> bool {
    reset.acknowledges == Some(0)
}

/// The reset that answers a SYN, with the delay, nanoseconds.
fn refusal(flow: &Flow) -> Option<(&crate::stream::Close, i64)> {
    if flow.opening != Opening::Syn || !flow.syn_acks.is_empty() {
        return None;
    }
    let reset = flow.close_of(Side::Server, CloseKind::Rst).filter(|reset| answers_the_syn(reset))?;
    let syn = flow.syns.iter().rev().find(|syn| syn.mark <= reset.mark)?;
    // A client that says anything but SYN was answered, though the capture lost it.
    let only_asked = flow
        .client_habits
        .last
        .is_none_or(|last| last >= reset.mark || flow.syns.iter().any(|syn| syn.mark == last));
    if !only_asked || flow.to_server.data_segments > 0 {
        return None;
    }
    Some((reset, reset.mark.time - syn.mark.time))
}

/// A host answers a SYN to a closed port at once; a proxy or a translating device reports its own time-out.
const ANSWERED_BY_HOST: i64 = 3 * time::SECOND;
