//! Each format of one small report, whole, against `tests/data/report/`.
//!
//! `KEYSIEVE_ACCEPT=1 cargo test` writes what came out there; read the difference before you commit it.

use std::path::Path;

use keysieve::finding::{Confidence, LifetimeClass, Severity};
use keysieve::mask::{Masker, no_detector};
use keysieve::report::{Acceptance, Format, Options, Report, Run, View};

use super::made::{run, written};

fn options() -> Options {
    Options { reproducible: true, ..Options::default() }
}

fn check(file: &str, found: &str) {
    let version = format!("\"{}\"", env!("CARGO_PKG_VERSION"));
    let found = found.replace(&version, "\"VERSION\"");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/report").join(file);
    if std::env::var_os("KEYSIEVE_ACCEPT").is_some() {
        std::fs::write(&path, &found).expect("written");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, expected, "{file} differs");
}

#[test]
fn human() {
    check("small.txt", &written(run(), Format::Human, &options()));
}

#[test]
fn human_in_colour() {
    let coloured = written(run(), Format::Human, &Options { colour: true, ..options() });
    assert!(coloured.contains("\x1b[1m\x1b[31mCRITICAL\x1b[0m"), "{coloured}");
    let plain = anstream::adapter::strip_str(&coloured).to_string();
    assert_eq!(plain, written(run(), Format::Human, &options()));
}

#[test]
fn human_with_nothing() {
    check("nothing.txt", &written(Run::default(), Format::Human, &options()));
}

#[test]
fn json() {
    check("small.json", &written(run(), Format::Json, &options()));
}

#[test]
fn jsonl() {
    check("small.jsonl", &written(run(), Format::Jsonl, &options()));
}

#[test]
fn sarif() {
    let log = written(run(), Format::Sarif, &options());
    let value: serde_json::Value = serde_json::from_str(&log).expect("JSON");
    let mut pretty = serde_json::to_string_pretty(&value).expect("JSON");
    pretty.push('\n');
    check("small.sarif", &pretty);
}

#[test]
fn only_reproducible_reports_leave_the_duration_out() {
    for format in [Format::Human, Format::Json, Format::Jsonl] {
        let slower = || Run { duration: std::time::Duration::from_secs(99), ..run() };
        assert_eq!(written(run(), format, &options()), written(slower(), format, &options()));
        let timed = Options::default();
        assert_ne!(written(run(), format, &timed), written(slower(), format, &timed), "{format:?}");
    }
}

#[test]
fn a_view_filters_findings_and_the_worst() {
    let masker = Masker::new([], &no_detector);
    let mut report = Report::new(run(), &masker);
    let worst = |report: &Report, change: fn(&mut View)| {
        let mut view = View::default();
        change(&mut view);
        (report.shown(&view).count(), report.worst(&view))
    };
    assert_eq!(worst(&report, |_| ()), (5, Some(Severity::Critical)));
    assert_eq!(worst(&report, |view| view.min_confidence = Confidence::High), (3, Some(Severity::Critical)));
    assert_eq!(
        worst(&report, |view| view.lifetimes = vec![LifetimeClass::Unknown]),
        (1, Some(Severity::High))
    );
    assert_eq!(
        worst(&report, |view| view.lifetimes = vec![LifetimeClass::ShortLived]),
        (1, Some(Severity::Low))
    );
    assert_eq!(worst(&report, |view| view.lifetimes.clear()), (0, None));
    for finding in &mut report.findings {
        finding.accepted = Some(Acceptance::by("baseline"));
    }
    assert_eq!(worst(&report, |_| ()), (5, None));
}

#[test]
fn secrets_are_written_on_request_only() {
    let shown = Options { show_secrets: true, ..options() };
    for format in [Format::Human, Format::Json, Format::Jsonl] {
        assert!(!written(run(), format, &options()).contains("hunter2!"));
        assert!(written(run(), format, &shown).contains("hunter2!"), "{format:?}");
    }
    assert!(!written(run(), Format::Sarif, &shown).contains("hunter2!"));
}
