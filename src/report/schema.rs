//! The JSON Schema of the report and of everything else that is printed as JSON, derived from the types that are printed
//! (of the report, the [`model`](super::model)): it cannot say anything else.
//!
//! Describes and checks nothing itself. Keys are added within `v1`, so it allows keys that it does not know.

use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use schemars::{JsonSchema, Schema};
use serde_json::Value;

use super::batch::{self, Outcome};
use super::compare::{self, Comparison};
use super::explain::{self, Explanation};
use super::lines::IncidentRow;
use super::model::{Report, SCHEMA};

/// JSON Schema (2020-12) of `rdpscan.report.v1`, pretty, with a line break at the end.
pub fn schema() -> String {
    of::<Report>("urn:rdpscan:report:v1", SCHEMA)
}

/// JSON Schema of one line of `--format ndjson`, in the same way.
pub fn incident_schema() -> String {
    of::<IncidentRow>("urn:rdpscan:incident:v1", "rdpscan.incident.v1")
}

/// JSON Schema of a result file of `batch`.
pub fn batch_schema() -> String {
    of::<Outcome<'static>>("urn:rdpscan:batch:v1", batch::SCHEMA)
}

/// JSON Schema of one line of `batch --format ndjson`.
pub fn bundle_schema() -> String {
    of::<batch::Row>("urn:rdpscan:bundle:v1", "rdpscan.bundle.v1")
}

/// JSON Schema of `compare --format json`.
pub fn compare_schema() -> String {
    of::<Comparison>("urn:rdpscan:compare:v1", compare::SCHEMA)
}

/// JSON Schema of `explain --format json`.
pub fn explain_schema() -> String {
    of::<Explanation>("urn:rdpscan:explain:v1", explain::SCHEMA)
}

fn of<T: JsonSchema>(id: &str, title: &str) -> String {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    RecursiveTransform(absent_or_there).transform(&mut schema);
    schema.insert("$id".into(), id.into());
    schema.insert("title".into(), title.into());
    // Only string keys: this cannot fail.
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

/// What is not known is left out of a report, never null: `["string", "null"]` is a string, and any of a certificate
/// and null is a certificate.
fn absent_or_there(schema: &mut Schema) {
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            schema.insert("type".into(), only);
        }
    }
    let Some(Value::Array(choices)) = schema.get("anyOf") else { return };
    let mut choices = choices.iter().filter(|choice| choice.get("type").is_none_or(|name| name != "null"));
    if let (Some(Value::Object(only)), None) = (choices.next().cloned(), choices.next()) {
        schema.remove("anyOf");
        for (key, value) in only {
            schema.insert(key, value);
        }
    }
}
