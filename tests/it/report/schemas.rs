//! The formats against their schemas.

use keysieve::blob::Provenance;
use keysieve::budget::Reason;
use keysieve::finding::{Confidence, Encoding, Kind, LifetimeClass, Severity, Storage};
use keysieve::fingerprint::Key;
use keysieve::mask::{Masker, no_detector};
use keysieve::policy::{Rule, Violation};
use keysieve::report::{Acceptance, Format, Options, Report, Run, write};
use serde_json::{Value, json};

use super::made::{run, written};

/// The published schema, closed: a member that it does not name is an error here.
pub(crate) fn schema() -> Value {
    let mut schema: Value =
        serde_json::from_str(include_str!("../../../schema/keysieve-1.json")).expect("JSON");
    close(&mut schema);
    schema
}

fn close(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            object.values_mut().for_each(close);
            if object.get("properties").is_some_and(Value::is_object) && object.contains_key("required") {
                object.insert("additionalProperties".to_owned(), json!(false));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => (),
    }
}

pub(crate) fn assert_valid(schema: &Value, value: &Value) {
    let validator = jsonschema::options().should_validate_formats(true).build(schema).expect("a schema");
    let errors: Vec<String> =
        validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

/// The small run, without and with a key, the secrets and an accepted finding.
fn reports(format: Format) -> Vec<String> {
    let key = Key::new([7; 32]);
    let masker = Masker::new([], &no_detector);
    let mut report = Report::new(Run { key: Some(&key), ..run() }, &masker);
    report.findings[0].accepted =
        Some(Acceptance { reason: Some("known".to_owned()), ..Acceptance::by("baseline") });
    report.findings[1].finding.location.bytes = None;
    report.violations = Some(vec![Violation {
        rule: Rule::Host,
        what: "evil.example".to_owned(),
        message: "The host evil.example may not be called.".to_owned(),
        flow: Default::default(),
        step: None,
        provenance: Provenance::file("a.json"),
    }]);
    let mut out = Vec::new();
    let options = Options { show_secrets: true, ..Options::default() };
    write(format, &report, &masker, &options, &mut out).expect("written to memory");
    let plain = Options { reproducible: true, ..Options::default() };
    vec![
        written(run(), format, &plain),
        written(Run::default(), format, &plain),
        String::from_utf8(out).expect("text"),
    ]
}

#[test]
fn json_is_as_its_schema_says() {
    for text in reports(Format::Json) {
        assert_valid(&schema(), &serde_json::from_str(&text).expect("JSON"));
    }
}

/// The schema of one line of `jsonl`.
pub(crate) fn line_schema() -> Value {
    let mut schema = schema();
    json!({"$schema": schema["$schema"], "$ref": "#/$defs/line", "$defs": schema["$defs"].take()})
}

#[test]
fn jsonl_is_as_its_schema_says() {
    let line = line_schema();
    for text in reports(Format::Jsonl) {
        for value in text.lines() {
            assert_valid(&line, &serde_json::from_str(value).expect("JSON"));
        }
    }
}

#[test]
fn the_schema_knows_every_name() {
    fn names<T: Copy>(all: &[T], name: fn(T) -> &'static str) -> Value {
        all.iter().map(|&value| name(value)).collect()
    }
    let schema = schema();
    let finding = &schema["$defs"]["finding"]["properties"];
    assert_eq!(finding["kind"]["enum"], names(Kind::ALL, Kind::name));
    assert_eq!(finding["severity"]["enum"], names(Severity::ALL, Severity::name));
    assert_eq!(finding["confidence"]["enum"], names(Confidence::ALL, Confidence::name));
    assert_eq!(finding["storage"]["enum"], names(Storage::ALL, Storage::name));
    let class = &schema["$defs"]["lifetime"]["properties"]["class"];
    assert_eq!(class["enum"], names(LifetimeClass::ALL, LifetimeClass::name));
    let reason = &schema["$defs"]["gap"]["properties"]["reason"];
    assert_eq!(reason["enum"], names(Reason::ALL, Reason::name));
    let rule = &schema["$defs"]["violation"]["properties"]["rule"];
    assert_eq!(rule["enum"], names(Rule::ALL, Rule::name));
    let decoded = &schema["$defs"]["location"]["properties"]["decoded"];
    assert_eq!(decoded["items"]["enum"], names(Encoding::ALL, Encoding::name));
}

/// The official schema; where it is from stands in `tests/data/README.md`.
pub(crate) fn sarif_schema() -> Value {
    let mut schema: Value =
        serde_json::from_str(include_str!("../../data/sarif-schema-2.1.0.json")).expect("JSON");
    // A stray bracket makes its pattern for languages one that only lenient engines read. We write no language.
    for definition in ["run", "toolComponent"] {
        let language = &mut schema["definitions"][definition]["properties"]["language"];
        assert!(language.as_object_mut().expect("as published").remove("pattern").is_some());
    }
    schema
}

#[test]
fn sarif_is_as_its_schema_says() {
    let schema = sarif_schema();
    for text in reports(Format::Sarif) {
        assert_valid(&schema, &serde_json::from_str(&text).expect("JSON"));
    }
}
