//! Which times each log can speak for. "No event" is evidence only in here.

use crate::base::{NoteKind, Notes, SourceId, Timestamp, Window};
use crate::eventlog::{Log, Provider};

use super::clock::Clocks;

/// What one log can speak for.
#[derive(Clone, Debug)]
pub struct LogCoverage {
    /// The log.
    pub source: SourceId,
    /// Its computers.
    pub computers: Vec<std::sync::Arc<str>>,
    /// Its channels.
    pub channels: Vec<std::sync::Arc<str>>,
    /// From its first to its last record, by the capture's clock if that is known, else as written.
    pub window: Option<Window>,
    /// Whether the window was corrected.
    pub corrected: bool,
    /// Whether records are missing in the middle.
    pub has_gaps: bool,
    /// Whether it would tell the ends of sessions: it is not filtered to their beginnings.
    pub tells_ends: bool,
}

impl LogCoverage {
    fn is_of(&self, provider: &Provider) -> bool {
        self.channels.iter().any(|channel| is_channel_of(provider, channel))
    }

    fn holds(&self, window: &Window) -> bool {
        self.window.is_some_and(|covered| covered.contains(window.start) && covered.contains(window.end))
    }
}

/// What all logs together can speak for.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    /// Log by log.
    pub logs: Vec<LogCoverage>,
}

impl Coverage {
    /// What the logs hold, by the clocks that were found.
    pub fn of<'a>(logs: impl Iterator<Item = &'a Log>, clocks: &Clocks) -> Self {
        let logs = logs.map(|log| {
            let offset = clocks.offset_of_source(log.source);
            let shift = |stamp: Timestamp| stamp.shifted(-offset.unwrap_or(0));
            LogCoverage {
                source: log.source,
                computers: log.computers.clone(),
                channels: log.channels.clone(),
                window: log
                    .first_time
                    .zip(log.last_time)
                    .map(|(first, last)| Window { start: shift(first), end: shift(last) }),
                corrected: offset.is_some(),
                has_gaps: !log.gaps.is_empty(),
                tells_ends: log.kinds.iter().any(|kind| shows_ends(&kind.provider, kind.id)),
            }
        });
        Self { logs: logs.collect() }
    }

    /// Notes logs that do not speak for the captured time at all.
    pub fn note_gaps(&self, captures: &[Window], notes: &mut Notes) {
        for log in &self.logs {
            let Some(window) = log.window else { continue };
            if !captures.is_empty() && captures.iter().all(|capture| !capture.overlaps(&window)) {
                let says = format!("it holds {} to {}", window.start, window.end);
                notes.add_detail(NoteKind::LogDoesNotCover, Some(log.source), says);
            }
        }
    }

    /// Whether any log of this provider's own channel holds the whole window.
    pub fn speaks_for(&self, provider: &Provider, window: &Window) -> bool {
        self.of_provider(provider).any(|log| log.holds(window))
    }

    /// A log of this provider's own channel that holds the whole window and has no holes: what it lacks did not happen.
    pub fn unbroken(&self, provider: &Provider, window: &Window) -> Option<&LogCoverage> {
        self.logs.iter().find(|log| log.is_of(provider) && !log.has_gaps && log.holds(window))
    }

    /// Whether one log of a computer tells of all ends of sessions within a window; of those at any time, where none is
    /// given.
    pub fn tells_ends(&self, computer: &str, window: Option<&Window>) -> bool {
        self.logs.iter().any(|log| {
            let is_its = || log.computers.iter().any(|own| &**own == computer);
            let holds = |window| !log.has_gaps && log.holds(window);
            log.tells_ends && window.is_none_or(holds) && is_its()
        })
    }

    /// Whether a log of this provider's own channel is there at all.
    pub fn has(&self, provider: &Provider) -> bool {
        self.of_provider(provider).next().is_some()
    }

    fn of_provider<'a>(&'a self, provider: &'a Provider) -> impl Iterator<Item = &'a LogCoverage> {
        self.logs.iter().filter(move |log| log.is_of(provider))
    }
}

/// Whether an event shows that a log would tell the ends of sessions: it tells one, or something that nobody filters for.
const fn shows_ends(provider: &Provider, id: u32) -> bool {
    match provider {
        Provider::LocalSessionManager => !matches!(id, 21..=23 | 25 | 39 | 41 | 42),
        Provider::RdpCoreTs => matches!(id, 33 | 72 | 102 | 103 | 132 | 227),
        _ => false,
    }
}

/// Whether a channel is where a provider writes.
fn is_channel_of(provider: &Provider, channel: &str) -> bool {
    match provider {
        Provider::Security => channel.eq_ignore_ascii_case("Security"),
        Provider::RdpClient => channel.contains("TerminalServices-RDPClient"),
        Provider::Schannel | Provider::ServiceControlManager | Provider::KernelPower => {
            channel.eq_ignore_ascii_case("System")
        }
        own => channel.starts_with(own.name()),
    }
}
