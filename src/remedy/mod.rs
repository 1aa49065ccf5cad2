//! Layer 11: what to do about a verdict, as a PowerShell script for the computer that is to blame.
//!
//! A remedy is a list of steps of few kinds ([`Step`]): the script reads first, changes only under `-Apply`, keeps
//! what it changes, and prints how to undo it. `-Apply` covers named registry values and the self-signed
//! certificate; everything else is printed for a person to do. Runs nothing itself. Takes from a report only which
//! cause it is and what to call the incident: a command never comes out of a report.

mod order;
mod plan;
mod powershell;
#[cfg(test)]
mod tests;

pub use order::{Order, Refusal};
pub use plan::{CHANGES, Change, Dword, Host, Step, plan};
pub use powershell::script;
