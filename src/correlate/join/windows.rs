//! Which connections were under way at a moment: looked up, as every event without a name asks.

use super::{AFTERMATH, Arc, BTreeMap, MatchKey, TICK, Timestamp, Window, Work, time};

/// A connection, the computer by whose clock its window stands (none: the capture's clock), and the window.
pub(super) type Span = (usize, Option<Arc<str>>, Window);

/// By connection and computer.
pub(super) type OwnWindows = BTreeMap<(usize, Arc<str>), Window>;

/// Longer windows are few: they are searched one by one.
const LONG: i64 = 60 * time::SECOND;

/// Windows by their beginning.
pub(super) struct Spans {
    short: Vec<Span>,
    long: Vec<Span>,
}

impl Spans {
    pub fn new(spans: Vec<Span>) -> Self {
        let (long, mut short): (Vec<Span>, Vec<Span>) =
            spans.into_iter().partition(|(_, _, window)| window.end - window.start > LONG);
        short.sort_by_key(|(_, _, window)| window.start);
        Self { short, long }
    }

    pub fn is_empty(&self) -> bool {
        self.short.is_empty() && self.long.is_empty()
    }

    /// All windows that may contain a moment, and some that do not.
    pub fn around(&self, moment: Timestamp) -> impl Iterator<Item = &Span> {
        let from = self.short.partition_point(|(_, _, window)| moment - window.start > LONG);
        let to = self.short.partition_point(|(_, _, window)| window.start <= moment);
        self.short.get(from..to).unwrap_or_default().iter().chain(&self.long)
    }
}

impl Work<'_> {
    /// The window in which events without a name belong to a connection: by the computer's own clock where its
    /// acceptance was logged, else by the corrected clock.
    pub(super) fn span_of(&self, at: usize, own: &OwnWindows) -> Option<Span> {
        if let Some(item) = self.accepted.get(&at).and_then(|item_at| self.items.get(*item_at)) {
            let computer = &item.event.computer;
            let window = own.get(&(at, Arc::clone(computer)))?;
            return Some((at, Some(Arc::clone(computer)), *window));
        }
        let window = self.attempts.get(at)?.connection.window();
        let window = Window { start: window.start.shifted(-TICK), end: window.end.shifted(AFTERMATH) };
        Some((at, None, window))
    }

    /// Of each connection, on each computer: from acceptance to the last event that is surely the connection's own,
    /// by the computer's clock.
    pub(super) fn own_windows(&self) -> OwnWindows {
        let mut windows = OwnWindows::new();
        for item in &self.items {
            let Some((at, by)) = item.taken else { continue };
            let sure = matches!(by, MatchKey::Address | MatchKey::Port | MatchKey::Activity);
            if sure || by == MatchKey::Time && self.by_order.contains(&at) {
                let key = (at, Arc::clone(&item.event.computer));
                windows.entry(key).or_insert(Window::at(item.event.time)).include(item.event.time);
            }
        }
        for window in windows.values_mut() {
            *window = Window { start: window.start.shifted(-TICK), end: window.end.shifted(TICK * 2) };
        }
        windows
    }
}
