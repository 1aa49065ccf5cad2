//! Layer 8: connections and events to incidents. The only place where packets and logs meet.
//!
//! Joins by keys, strongest first, and estimates how far each computer's clock is from the capture's. Judges
//! nothing.

pub mod acceptance;
pub mod attempt;
pub mod clock;
pub mod coverage;
pub mod incident;
pub mod join;
pub mod keys;
pub mod reach;
pub mod side;
pub mod storm;
pub mod surroundings;

pub use attempt::{Attempt, Joined, MatchKey};
pub use clock::{Clock, Clocks, Quality};
pub use coverage::Coverage;
pub use incident::Incident;
pub use side::SideConnection;
pub use surroundings::Surroundings;
