//! Layer 4: segments to flows to ordered bytes.
//!
//! Strictly in file order per flow, in parallel over shards of flows. Knows TCP; of what flows carry it knows
//! only how records are framed (`records`), because sizes and times are all that is left of encrypted ones.

pub mod checksums;
pub mod close;
pub mod flow;
pub mod habits;
pub mod health;
pub mod limits;
pub mod reassemble;
pub mod records;
pub mod reorder;
mod running;
pub mod seq;
pub mod sightings;
pub mod table;
pub mod young;

pub use close::{Close, CloseKind};
pub use flow::{Flow, Opening, Side};
pub use reassemble::{Repeat, Run, Stream};
pub use records::{Framing, Record, Records};
pub use sightings::{Sighting, Sightings, Vantage};
pub use table::FlowTable;
pub use young::{Kept, Young};
