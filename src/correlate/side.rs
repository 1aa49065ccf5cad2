//! A UDP connection beside the TCP connection that it belongs to.

use super::attempt::Joined;
use crate::base::Mark;
use crate::connection::udp::UdpConnection;

/// By what a UDP connection was tied to its TCP connection, strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SideKey {
    /// The correlation id of both: in the SYN and in the connection request.
    Correlation,
    /// The correlation id is the ActivityID of events that are tied to the TCP connection.
    Activity,
    /// The addresses of both ends, and time.
    Address,
}

impl SideKey {
    /// The word in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Correlation => "correlation",
            Self::Activity => "activity",
            Self::Address => "address",
        }
    }
}

/// The connection that a side connection belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Its place among the attempts.
    pub at: usize,
    /// Its first frame or record.
    pub first: Mark,
    /// What ties them.
    pub by: SideKey,
}

/// A UDP connection, with its events.
#[derive(Clone, Debug)]
pub struct SideConnection {
    /// What packets show of it.
    pub udp: UdpConnection,
    /// The connection that it belongs to, if that is in these files.
    pub owner: Option<Owner>,
    /// The events that name its ports.
    pub events: Vec<Joined>,
}
