//! Whose computer wrote an event that names no connection: a service that ended, a sleep, a certificate that could not be
//! made. Beside the server's logs lie those of the user's computer, and of other servers.

use super::{Case, Strength, told};
use crate::correlate::Joined;
use crate::eventlog::{Event, Provider};
use crate::stream::Side;

/// Whether a computer is one end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    /// It wrote of this connection, or bears the name that was called.
    Own,
    /// Nothing tells.
    Open,
    /// It bears another name than was called, which may be an alias of it.
    Doubtful,
    /// It is the other end, or somebody else's.
    Other,
}

/// Whether an event may be of the computer at `side`.
pub fn may_be(case: &Case<'_>, side: Side, event: &Event) -> bool {
    whose(case, side, event) != Whose::Other
}

/// The same of the server's, to filter by. It costs more than a look at what an event says: ask that first.
pub fn of_server<'c, 'a>(case: &'c Case<'a>) -> impl Fn(&&Joined) -> bool + Copy + use<'c, 'a> {
    move |joined| may_be(case, Side::Server, &joined.event)
}

/// How sure an event makes a finding, by whose it is.
pub fn at_most(case: &Case<'_>, side: Side, event: &Event, strength: Strength) -> Strength {
    match whose(case, side, event) {
        Whose::Own | Whose::Open => strength,
        Whose::Doubtful | Whose::Other => strength.min(Strength::Inferred),
    }
}

fn whose(case: &Case<'_>, side: Side, event: &Event) -> Whose {
    let writer = |side: Side| {
        let mut own = case.all_events().filter(move |joined| writes(&joined.event.provider) == Some(side));
        own.next().map(|joined| &joined.event.computer)
    };
    // Windows compares names of computers without regard to case.
    let is_its = |name: &str| name.eq_ignore_ascii_case(&event.computer);
    match (writer(side), writer(side.other())) {
        (Some(own), _) if is_its(own) => return Whose::Own,
        (Some(_), _) => return Whose::Other,
        (None, Some(other)) if is_its(other) => return Whose::Other,
        _ => {}
    }
    let named = by_name(case, &event.computer);
    if named == Whose::Own {
        return if side == Side::Server { Whose::Own } else { Whose::Other };
    }
    if logs_of(case, event) == Some(side.other()) {
        return Whose::Other;
    }
    if side == Side::Server { named } else { Whose::Open }
}

/// Which side writes the events of a provider.
const fn writes(provider: &Provider) -> Option<Side> {
    match provider {
        Provider::RdpClient => Some(Side::Client),
        Provider::RdpCoreTs | Provider::RemoteConnectionManager | Provider::LocalSessionManager => {
            Some(Side::Server)
        }
        _ => None,
    }
}

/// Whether a computer is the one that was called.
fn by_name(case: &Case<'_>, computer: &str) -> Whose {
    let is_address = |name: &String| name.parse::<std::net::IpAddr>().is_ok();
    if told::is_of_server(case, computer) {
        return Whose::Own;
    }
    // What was called may be an alias of it: a name alone rules nobody out.
    let mut names = told::server_names(case).into_iter();
    if names.any(|name| !is_address(&name)) { Whose::Doubtful } else { Whose::Open }
}

/// Whose logs a computer writes, where they are all of one side.
fn logs_of(case: &Case<'_>, event: &Event) -> Option<Side> {
    let logs = case.around.coverage.logs.iter().filter(|log| log.computers.contains(&event.computer));
    let channels: Vec<&str> = logs.flat_map(|log| &log.channels).map(|channel| &**channel).collect();
    let has = |name: &str| channels.iter().any(|channel| channel.contains(name));
    match (has("TerminalServices-RDPClient"), has("RdpCoreTS")) {
        (true, false) => Some(Side::Client),
        (false, true) => Some(Side::Server),
        _ => None,
    }
}
