//! Stage licensing: the server asks for a licence.

#[expect(clippy::module_inception, reason = "the stage and its one cause have the same name")]
pub mod licensing;
