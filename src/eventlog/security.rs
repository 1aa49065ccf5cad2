//! tmp
use super::event::Event;
pub(super) fn bears(_: &Event) -> bool {
    true
}
