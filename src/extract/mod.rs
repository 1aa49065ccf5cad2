//! Layer 10: one incident to a capture that holds what it stands on, for a reader who opens it in Wireshark.
//!
//! A second pass over the capture, record by record, so memory is that of one frame. Judges nothing: which frames a
//! verdict rests on was decided below. Nothing is made unrecognisable: the frames are the frames.

mod wanted;

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use crate::base::SourceId;
use crate::base::progress::Phase;
use crate::capture::Capture;
use crate::capture::write::Writer;
use crate::causes::Verdict;
use crate::connection::alignment::Alignment;
use crate::correlate::{Attempt, Incident, Surroundings};
use crate::input::{Bundle, Input};
use crate::packet::Interest;
use wanted::{Scene, Wanted};

/// So many bytes pass before it is told how far the work is.
const OFTEN: usize = 1 << 20;

/// What to extract.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// The number of the incident, from 1.
    pub incident: u32,
    /// Keep what decrypts the frames, if the capture holds it.
    pub secrets: bool,
}

/// Why there is nothing to extract.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There are fewer.
    #[error("there is no incident {wanted}; there are {there}")]
    NoSuchIncident {
        /// The number that was asked for.
        wanted: u32,
        /// How many there are.
        there: usize,
    },
    /// Only logs speak of it.
    #[error("no frame of incident {0} is in these files: only logs speak of it")]
    NoFrames(u32),
}

/// What was found out about the inputs.
#[derive(Debug)]
pub struct Judged<'a> {
    /// Server ports besides 3389.
    pub ports: &'a [u16],
    /// The name that the user typed.
    pub target: Option<&'a str>,
    /// Connections with their events.
    pub attempts: &'a [Attempt],
    /// Incidents, each with its verdict and its deciding connection.
    pub incidents: &'a [(Incident, Verdict, Option<usize>)],
    /// What they share.
    pub around: &'a Surroundings,
    /// Whose clock their times are told by.
    pub alignment: &'a Alignment,
}

/// What is to be written: a file for each capture that shows something of the incident.
#[derive(Debug)]
pub struct Plan {
    order: Order,
    interest: Arc<Interest>,
    headline: String,
    parts: Vec<Wanted>,
}

/// What was written of a capture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Frames.
    pub frames: u64,
    /// Of these, those with a comment on what they prove.
    pub proofs: u64,
}

impl Plan {
    /// What belongs to an incident.
    pub fn of(order: Order, judged: &Judged<'_>, bundle: &Bundle) -> Result<Self, Refusal> {
        let at = usize::try_from(order.incident).unwrap_or(0).checked_sub(1);
        let Some((incident, verdict, _)) = at.and_then(|at| judged.incidents.get(at)) else {
            let there = judged.incidents.len();
            return Err(Refusal::NoSuchIncident { wanted: order.incident, there });
        };
        let mut interest = Interest::new(judged.ports);
        let servers = judged.attempts.iter().map(|attempt| attempt.connection.server);
        interest.endpoints = servers.filter(|server| !interest.ports.contains(&server.port)).collect();
        let interest = Arc::new(interest);
        let scene = Scene::of(incident, verdict, judged);
        let parts = bundle.captures().filter_map(|input| {
            let capture = Capture::open(&input.bytes, input.kind)?;
            scene.of_capture(input.id, &capture, &interest)
        });
        let parts: Vec<Wanted> = parts.collect();
        if parts.is_empty() {
            return Err(Refusal::NoFrames(order.incident));
        }
        Ok(Self { order, interest, headline: headline(verdict), parts })
    }

    fn write(&self, wanted: &Wanted, input: &Input, out: impl Write) -> io::Result<Written> {
        let Some(capture) = Capture::open(&input.bytes, input.kind) else { return Ok(Written::default()) };
        let name = concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"));
        let incident = self.order.incident;
        let comment = format!("incident {incident} of {}: {}", input.path.display(), self.headline);
        let mut writer = Writer::new(out, name, &comment)?;
        let mut written = Written::default();
        let (mut at, mut state, mut number) = (capture.start, capture.state.clone(), 1_u64);
        let mut told = at;
        input.progress.begin(Phase::Writing, u64::try_from(capture.bytes.len()).unwrap_or(0));
        while at < capture.bytes.len() {
            let step = capture.step(at, state);
            if step.next <= at {
                break;
            }
            (at, state) = (step.next, step.state);
            if at - told >= OFTEN {
                input.progress.add(at - told);
                told = at;
            }
            if let Some((kind, secrets)) = step.secrets.filter(|_| self.order.secrets) {
                writer.secrets(kind, secrets)?;
            }
            let chosen =
                step.frame.filter(|(frame, _)| wanted.wants(number, frame, &self.interest, &capture));
            if let Some((frame, raw)) = chosen
                && let Some(interface) =
                    state.interface(frame.interface.saturating_sub(state.interfaces_before))
            {
                let proofs = wanted.proofs(number);
                writer.frame(&frame, &raw, interface, &proofs)?;
                written.frames += 1;
                written.proofs += u64::from(!proofs.is_empty());
            }
            number += step.frames;
        }
        writer.finish()?;
        Ok(written)
    }
}

/// The verdict in one line.
fn headline(verdict: &Verdict) -> String {
    let mut line = verdict.kind.name().to_owned();
    if let Some(finding) = &verdict.finding {
        let _ = write!(line, ", {} ({})", finding.cause.id, finding.strength.name());
    }
    let _ = write!(line, ". {}", verdict.summary);
    line
}

/// An incident whose frames can be written.
#[derive(Debug)]
pub struct Extraction {
    bundle: Bundle,
    plan: Plan,
}

impl Extraction {
    pub(crate) const fn new(bundle: Bundle, plan: Plan) -> Self {
        Self { bundle, plan }
    }

    /// The captures that show something of it, in order; each becomes a file of its own, since each has its clock.
    pub fn captures(&self) -> impl Iterator<Item = &Path> {
        self.plan.parts.iter().filter_map(|part| Some(self.input(part.source)?.path.as_path()))
    }

    /// Writes what one of [`Extraction::captures`] shows.
    pub fn write(&self, nth: usize, out: impl Write) -> io::Result<Written> {
        let part = self.plan.parts.get(nth).and_then(|part| Some((part, self.input(part.source)?)));
        part.map_or_else(|| Ok(Written::default()), |(part, input)| self.plan.write(part, input, out))
    }

    fn input(&self, source: SourceId) -> Option<&Input> {
        self.bundle.captures().find(|input| input.id == source)
    }
}
