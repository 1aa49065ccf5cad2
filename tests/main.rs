//! All integration tests, in one binary. This file is the table of contents.

/// Files that are made to cost time or memory.
#[cfg(test)]
mod attacks;
/// Many bundles: results, interruption, shards.
#[cfg(test)]
mod batch;
/// Archives in the layouts of collectors, and archives that are made to hurt.
#[cfg(test)]
mod bundles;
/// Every cause file is listed, agrees with the reference, and has a sample that shows it.
#[cfg(test)]
mod catalogue;
mod channels;
/// Exit codes, arguments, `--help`, where the report goes.
#[cfg(test)]
mod cli;
/// A code that the user saw makes up no other story.
#[cfg(test)]
mod client_code;
/// The code tables, and what `explain` says of them.
#[cfg(test)]
mod codes;
/// What was expected against what was found: the identity.
#[cfg(test)]
mod confusion;
/// Colours that can be read.
#[cfg(test)]
mod contrast;
/// What is handed over twice counts once.
#[cfg(test)]
mod copies;
/// What is left of a damaged file is read.
#[cfg(test)]
mod damage;
/// Frames in another order than they were sent tell no other story.
#[cfg(test)]
mod disorder;
/// Event logs made by others: counts, damage, and the same fields as another reader finds.
#[cfg(test)]
mod eventlog;
/// The frames of an incident, as a capture.
#[cfg(test)]
mod extract;
/// Floods are judged as each of their connections is.
#[cfg(test)]
mod floods;
/// What every format of a report holds to: strange strings are inert, pseudonyms leave nothing.
#[cfg(test)]
mod formats;
/// What fuzzing found stays found; the seeds of its targets.
#[cfg(test)]
mod fuzzing;
/// What texts of a computer add to what packets show, and what they must not.
#[cfg(test)]
mod host;
/// Damaged and hostile files.
#[cfg(test)]
mod hostile;
/// A capture of fifty gibibytes in bounded memory.
#[cfg(test)]
mod huge;
/// Imports point one way.
#[cfg(test)]
mod layers;
/// Captures that lack frames, bytes or a direction tell no other story.
#[cfg(test)]
mod lesser;
/// Less evidence tells no other story.
#[cfg(test)]
mod neighbours;
/// Captures that overlap, and rings.
#[cfg(test)]
mod overlapping;
/// Licences and sources of packages.
#[cfg(test)]
mod packages;
/// Every event of the reference: used, or not used for a reason.
#[cfg(test)]
mod providers;
/// Captures and logs made by others, where they are present.
#[cfg(test)]
mod public_data;
/// Numbers that look random and are the same on every run.
#[cfg(test)]
mod random;
/// Incidents composed by a seed, with an honest expectation each.
#[cfg(test)]
mod random_incidents;
/// What the README says of causes, exit codes and options.
#[cfg(test)]
mod readme;
/// Random segments against a naive array.
#[cfg(test)]
mod reassembly;
/// No name or address of a sample is left in its redacted report.
#[cfg(test)]
mod redaction;
/// The remedies of all causes: exact, safe, and with a way to verify.
#[cfg(test)]
mod remedies;
/// The scripts that mend: they parse, and run nothing that came out of a report.
#[cfg(test)]
mod remedy_scripts;
/// Every sample against its expectation, and the reports against those that were looked at.
#[cfg(test)]
mod samples;
/// The JSON Schema against the reports.
#[cfg(test)]
mod schema;
/// Files that change while they are read.
#[cfg(test)]
mod shrinking;
/// Range size, threads and wrapping do not change one byte of the report.
#[cfg(test)]
mod split;
#[cfg(test)]
mod support;
/// What a person meets on a terminal.
#[cfg(test)]
mod terminal;
/// Two captures of one connection: what each may have missed proves nothing.
#[cfg(test)]
mod two_captures;
/// RDP over UDP in captures made by others, where they are present.
#[cfg(test)]
mod udp;
