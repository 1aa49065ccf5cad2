//! The times of a report in another time zone, for people. JSON, NDJSON and CSV stay UTC: scripts sort them.
//!
//! Changes how times are written, and nothing else.

use super::model::{Connection, Evidence, Report, Verdict};
use crate::base::{Timestamp, Zone};

/// Has all times told in a zone, also those that stand in sentences.
pub fn apply(report: &mut Report, zone: &Zone) {
    if zone.is_utc() {
        return;
    }
    report.zone = zone.clone();
    let stamp = |text: &mut String| stamp(text, zone);
    for source in &mut report.sources {
        [&mut source.first_time, &mut source.last_time].into_iter().flatten().for_each(stamp);
    }
    for incident in &mut report.incidents {
        [&mut incident.start, &mut incident.end].into_iter().for_each(stamp);
        verdict(&mut incident.verdict, zone);
    }
    for own in &mut report.connections {
        connection(own, zone);
    }
    for group in &mut report.groups {
        [&mut group.first_time, &mut group.last_time].into_iter().for_each(stamp);
    }
    for note in &mut report.notes {
        note.detail.iter_mut().for_each(|text| sentence(text, zone));
    }
}

fn connection(own: &mut Connection, zone: &Zone) {
    stamp(&mut own.start, zone);
    stamp(&mut own.end, zone);
    for stage in &mut own.stages {
        stage.at.iter_mut().for_each(|place| stamp(&mut place.time, zone));
        stage.detail.iter_mut().for_each(|text| sentence(text, zone));
    }
    for step in &mut own.steps {
        stamp(&mut step.time, zone);
        stamp(&mut step.last_time, zone);
        sentence(&mut step.says, zone);
    }
    for event in &mut own.events {
        stamp(&mut event.time, zone);
        event.time_corrected.iter_mut().for_each(|text| stamp(text, zone));
        sentence(&mut event.says, zone);
    }
    verdict(&mut own.verdict, zone);
}

fn verdict(own: &mut Verdict, zone: &Zone) {
    let lists = [&mut own.ruled_out, &mut own.missing].into_iter().flatten();
    for text in lists.chain([&mut own.summary]).chain(&mut own.location) {
        sentence(text, zone);
    }
    own.also_considered.iter_mut().for_each(|other| sentence(&mut other.why_not, zone));
    evidence(&mut own.evidence, zone);
    for remark in &mut own.remarks {
        sentence(&mut remark.says, zone);
        evidence(&mut remark.evidence, zone);
    }
    for party in &mut own.exonerated {
        sentence(&mut party.says, zone);
        evidence(&mut party.evidence, zone);
    }
}

fn evidence(evidence: &mut [Evidence], zone: &Zone) {
    for fact in evidence {
        stamp(&mut fact.time, zone);
        sentence(&mut fact.says, zone);
    }
}

/// A time that stands alone; what is none stays.
fn stamp(text: &mut String, zone: &Zone) {
    if let Ok(moment) = text.parse::<Timestamp>() {
        *text = zone.stamp(moment);
    }
}

/// The stamps in a sentence, as this program writes them: `2024-05-06T20:10:10.747423000Z`.
fn sentence(text: &mut String, zone: &Zone) {
    const LENGTH: usize = "2024-05-06T20:10:10.747423000Z".len();
    let mut from = 0;
    while let Some(end) = text.get(from..).and_then(|rest| rest.find('Z')).map(|at| from + at + 1) {
        let start = end.checked_sub(LENGTH);
        let found = start.and_then(|start| Some((start, text.get(start..end)?.parse::<Timestamp>().ok()?)));
        from = match found {
            Some((start, moment)) => {
                let local = zone.stamp(moment);
                text.replace_range(start..end, &local);
                start + local.len()
            }
            None => end,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::super::{Format, Style, render};
    use super::*;

    #[test]
    fn pages_tell_local_times() {
        let mut report = fixture::mixed();
        apply(&mut report, &"+05:30".parse().unwrap());
        for format in [Format::Table, Format::Markdown, Format::Html] {
            let page = render(&report, format, Style::default());
            assert!(page.contains("UTC+05:30") && !page.contains("20:10:1"), "{page}");
            assert!(page.contains("2024-05-07") && page.contains("01:40:10.7"), "{page}");
        }
    }

    #[test]
    fn stamps_in_sentences_are_told_too() {
        let mut text =
            "Zeus slept from 2026-03-03T11:43:59.600000000Z to 2026-03-03T13:05:01.200000000Z, ü".to_owned();
        sentence(&mut text, &"-01:00".parse().unwrap());
        let wanted =
            "Zeus slept from 2026-03-03T10:43:59.600000000-01:00 to 2026-03-03T12:05:01.200000000-01:00, ü";
        assert_eq!(text, wanted);
    }
}
