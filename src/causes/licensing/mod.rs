//! Stage licensing: the server asks for a licence.

pub mod licensing;
