//! `gitlab`: GitLab's secret-detection report, by version 15.0.1 of its schema
//! (<https://gitlab.com/gitlab-org/security-products/security-report-schemas>), as `artifacts:reports:secret_detection` takes it.
//!
//! It has no place for a policy or for what was accepted: accepted findings are left out, and breaches of a policy are messages.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::finding::{Confidence, Severity};

use super::frame::Object;
use super::words::{revoke, store, why_not_read};
use super::{Page, Reported, controls, plain, rfc3339, why};

const VERSION: &str = "15.0.1";
/// Characters that the schema allows, of a name and of a solution.
const NAME: usize = 255;
const SOLUTION: usize = 7000;

/// Writes the report.
pub(super) fn write(page: &Page, out: &mut dyn Write) -> io::Result<()> {
    let mut report = Object::open(out)?;
    report.member("version", &VERSION)?;
    let schema = "https://gitlab.com/gitlab-org/security-products/security-report-schemas/-/raw/v15.0.1/dist/secret-detection-report-format.json";
    report.member("schema", &schema)?;
    report.member("scan", &scan(page))?;
    let open = page.shown().filter(|reported| reported.accepted.is_none());
    report.list("vulnerabilities", open.map(|reported| vulnerability(page, reported)))?;
    report.close()
}

fn scan(page: &Page) -> Value {
    let tool = json!({
        "id": "keysieve", "name": "keysieve", "version": env!("CARGO_PKG_VERSION"), "vendor": {"name": "keysieve"},
    });
    let report = page.report;
    // The clock of the run is when it ended; without the fraction and the zone, which the schema does not have.
    let took = if page.options.reproducible { 0 } else { report.duration.as_secs().cast_signed() };
    json!({
        "type": "secret_detection", "status": "success", "analyzer": tool, "scanner": tool,
        "start_time": time(report.now.saturating_sub(took)), "end_time": time(report.now), "messages": messages(page),
    })
}

fn time(seconds: i64) -> String {
    let time = rfc3339(seconds).unwrap_or_else(|| "1970-01-01T00:00:00Z".to_owned());
    time.trim_end_matches('Z').to_owned()
}

/// What was not read, and what a policy forbids.
fn messages(page: &Page) -> Vec<Value> {
    let gaps = page.report.coverage.gaps.iter().map(|gap| {
        let place = page.text(&gap.provenance.to_string());
        json!({"level": "warn", "value": format!("not read: {place}: {}", why_not_read(gap.reason))})
    });
    let violations = page.report.violations.iter().flatten().map(|violation| {
        let place = page.text(&violation.provenance.to_string());
        json!({"level": "warn", "value": format!("policy: {place}: {}", page.text(&violation.message))})
    });
    gaps.chain(violations).collect()
}

fn vulnerability(page: &Page, reported: &Reported) -> Value {
    let finding = &reported.finding;
    let title = page.text(finding.signature.description);
    let mut identifiers = vec![json!({
        "type": "keysieve_signature", "name": format!("keysieve {}", finding.signature.id), "value": finding.signature.id,
    })];
    identifiers.extend(page.controls(reported).into_iter().filter_map(cwe));
    let mut vulnerability = json!({
        "id": reported.fingerprint,
        "name": cut(&title, NAME),
        "description": description(page, reported),
        "severity": severity(reported.severity()),
        "solution": cut(&plain::todo(page, reported).join("\n"), SOLUTION),
        "identifiers": identifiers,
        "location": location(page, reported),
        "details": details(page, reported),
    });
    if let (Confidence::Low, Some(object)) = (finding.confidence, vulnerability.as_object_mut()) {
        let flag = json!({
            "type": "flagged-as-likely-false-positive", "origin": "keysieve", "description": "Only its surroundings suggest it.",
        });
        object.insert("flags".to_owned(), json!([flag]));
    }
    vulnerability
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "Info",
        Severity::Low => "Low",
        Severity::Medium => "Medium",
        Severity::High => "High",
        Severity::Critical => "Critical",
    }
}

/// GitLab has a place for CWE alone.
fn cwe(id: &'static str) -> Option<Value> {
    let number = id.strip_prefix("CWE-")?;
    let url = format!("https://cwe.mitre.org/data/definitions/{number}.html");
    let title = controls::control(id).map_or(id, |control| control.title);
    Some(json!({"type": "cwe", "name": format!("{id}: {title}"), "value": number, "url": url}))
}

/// GitLab shows this as Markdown, so names of strangers stay out of it: they are among the details.
fn description(page: &Page, reported: &Reported) -> String {
    format!("{} {}", why::sentence(&reported.finding), page.text(reported.finding.signature.description))
}

/// The commit that brought it. GitLab needs one; a scan of files has none, which its own analyzers say with zeros.
fn commit(page: &Page, reported: &Reported) -> Value {
    match &reported.commit {
        Some(commit) => json!({
            "sha": page.text(&commit.id), "author": page.text(&commit.author), "date": page.text(&commit.date),
        }),
        None => json!({"sha": "0000000"}),
    }
}

fn location(page: &Page, reported: &Reported) -> Value {
    let at = &reported.finding.location;
    let mut location = json!({"file": page.text(&at.provenance.path), "commit": commit(page, reported)});
    let line = at.line.filter(|_| at.provenance.entries.is_empty());
    if let (Some(line), Some(object)) = (line, location.as_object_mut()) {
        object.insert("start_line".to_owned(), line.into());
        object.insert("end_line".to_owned(), line.into());
    }
    location
}

/// Whose it is and what it looks like, as plain text.
fn details(page: &Page, reported: &Reported) -> Value {
    let finding = &reported.finding;
    let (flow, step) = (finding.place.flow.as_deref(), finding.place.step.as_deref());
    let named = [
        ("place", "Place", Some(finding.location.provenance.to_string())),
        ("flow", "Flow", flow.and_then(|flow| flow.name.clone().or(flow.id.clone()))),
        ("owner", "Owner", flow.and_then(|flow| flow.owner.clone())),
        ("step", "Step", step.and_then(|step| step.name.clone().or(step.id.clone()))),
        ("field", "Field", finding.place.field.clone().or(finding.name.clone())),
        ("preview", "Preview", Some(finding.preview.clone())),
        ("revoke", "Revoke", Some(revoke(page, reported))),
        ("store", "Store", Some(store(page, reported))),
    ];
    let field = |(key, name, value): (&str, &str, Option<String>)| {
        let value = page.text(&value.filter(|value| !value.is_empty())?);
        Some((key.to_owned(), json!({"name": name, "type": "text", "value": value})))
    };
    Value::Object(named.into_iter().filter_map(field).collect())
}

/// At most so many characters.
fn cut(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}
