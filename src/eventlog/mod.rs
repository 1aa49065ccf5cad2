//! Layer 6: the bytes of a Windows event log to known RDP events.
//!
//! [`scan`] walks a log once and tells what it holds; [`LogIndex::anchors`] and [`LogIndex::events`] decode only
//! what bears on RDP. The files of the providers give events their meaning, always by field name and never by
//! position, and never require a field: builds of Windows differ.
//!
//! Knows nothing of packets, and corrects no time: which clock a moment was read from is settled in `correlate`.

pub mod address;
pub mod event;
pub mod evtx;
pub mod gateway;
pub mod guid;
pub mod local_session_manager;
pub mod log;
pub mod network;
pub mod provider;
pub mod rdp_client;
pub mod rdp_core_ts;
pub mod remote_connection_manager;
pub mod schannel;
pub mod security;
pub mod service;
pub mod session_broker;
pub mod system;
pub mod unused;

mod decode;
mod heads;
mod index;
mod names;
mod once;
mod pieces;
mod plan;
mod stamps;
mod templates;
mod value;

pub use address::ClientAddress;
pub use event::{Event, Fields};
pub use guid::Guid;
pub use index::{LogIndex, Wanted};
pub use log::{Gap, Kind, Log, Piece, scan, scan_watched};
pub use once::once;
pub use provider::{Bearing, Provider, bearing};
