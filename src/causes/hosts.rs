//! What the texts of the two computers say, for detectors. A text explains nothing by itself: a detector asks for it after
//! the packets fit.

use super::{Case, Evidence};
use crate::base::{Locator, Mark, Timestamp};
use crate::eventlog::Provider;
use crate::host::{Computer, Place};

/// The server, if the texts of a computer are known to be its own: it alone has the address, or it wrote a log that
/// speaks of this connection.
pub fn server<'a>(case: &Case<'a>) -> Option<&'a Computer> {
    const OF_SERVER: [Provider; 3] =
        [Provider::RdpCoreTs, Provider::RemoteConnectionManager, Provider::LocalSessionManager];
    let hosts = &case.around.hosts;
    hosts.with_address(case.connection()?.server.ip).or_else(|| {
        let own = case.all_events().find(|joined| OF_SERVER.contains(&joined.event.provider))?;
        hosts.with_log(own.event.at.source())
    })
}

/// The client, in the same way.
pub fn client<'a>(case: &Case<'a>) -> Option<&'a Computer> {
    let hosts = &case.around.hosts;
    hosts.with_address(case.connection()?.client.ip).or_else(|| {
        let own = case.all_events().find(|joined| joined.event.provider == Provider::RdpClient)?;
        hosts.with_log(own.event.at.source())
    })
}

/// A line of a text as evidence. It has no time.
pub fn line(place: Place, says: impl Into<String>) -> Evidence {
    let at = Locator::Line { source: place.source, number: place.line };
    Evidence::at(Mark { time: Timestamp::MIN, at }, says)
}

/// The name of a computer as it is written.
pub fn name(computer: &Computer) -> String {
    computer.name.to_uppercase()
}
