//! OCSF events: a change in the life of a finding → a Data Security Finding (class 2006), one JSON object a line.
//!
//! <https://schema.ocsf.io/1.4.0/classes/data_security_finding>. A finding that is new creates, one that is gone closes, all
//! other changes update. What OCSF has no attribute for stands in `unmapped`.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::{Life, LifeState, Options, Page, Report, Reported, rfc3339};
use crate::finding::{Confidence, Severity};
use crate::mask::Masker;

/// The version of the schema.
const VERSION: &str = "1.4.0";
const CLASS: u32 = 2006;

/// Writes an event for each finding of the report that has a life.
///
/// # Errors
/// What `out` refuses.
pub fn write(report: &Report, masker: &Masker, options: &Options, out: &mut dyn Write) -> io::Result<()> {
    let page = Page { report, masker, options };
    for reported in page.shown() {
        if let Some(life) = &reported.life {
            serde_json::to_writer(&mut *out, &event(&page, reported, life))?;
            out.write_all(b"\n")?;
        }
    }
    Ok(())
}

fn event(page: &Page, reported: &Reported, life: &Life) -> Value {
    let finding = &reported.finding;
    let (activity, activity_name) = activity(life.state);
    let (severity, severity_name) = severity(reported.severity());
    let (confidence, confidence_name) = confidence(finding.confidence);
    let (status, status_name) = status(life.state);
    let number = page.report.sweep.as_ref().map_or(0, |sweep| sweep.number);
    json!({
        "activity_id": activity,
        "activity_name": activity_name,
        "category_uid": 2,
        "category_name": "Findings",
        "class_uid": CLASS,
        "class_name": "Data Security Finding",
        "type_uid": CLASS * 100 + activity,
        "type_name": format!("Data Security Finding: {activity_name}"),
        "time": page.report.now.saturating_mul(1000),
        "severity_id": severity,
        "severity": severity_name,
        "confidence_id": confidence,
        "confidence": confidence_name,
        "status_id": status,
        "status": status_name,
        "message": page.text(finding.signature.description),
        "metadata": {
            "version": VERSION,
            "uid": format!("{}-{number}-{}", reported.fingerprint, life.state.name()),
            "product": {"name": "keysieve", "vendor_name": "keysieve", "version": env!("CARGO_PKG_VERSION")},
        },
        "finding_info": finding_info(page, reported, life),
        "data_security": {
            "category": "Credential",
            "data_lifecycle_state_id": 1,
            "data_lifecycle_state": "Data at-rest",
            "pattern_match": page.text(&finding.preview),
        },
        "file": file(page, reported),
        "remediation": {"desc": remediation(page, reported)},
        "unmapped": unmapped(page, reported, life),
    })
}

fn activity(state: LifeState) -> (u32, &'static str) {
    match state {
        LifeState::New => (1, "Create"),
        LifeState::Resolved => (3, "Close"),
        _ => (2, "Update"),
    }
}

fn severity(severity: Severity) -> (u32, &'static str) {
    match severity {
        Severity::Info => (1, "Informational"),
        Severity::Low => (2, "Low"),
        Severity::Medium => (3, "Medium"),
        Severity::High => (4, "High"),
        Severity::Critical => (5, "Critical"),
    }
}

fn confidence(confidence: Confidence) -> (u32, &'static str) {
    match confidence {
        Confidence::Low => (1, "Low"),
        Confidence::Medium => (2, "Medium"),
        Confidence::High => (3, "High"),
    }
}

fn status(state: LifeState) -> (u32, &'static str) {
    match state {
        LifeState::New | LifeState::Reopened => (1, "New"),
        LifeState::Open | LifeState::Unreadable => (2, "In Progress"),
        LifeState::Accepted => (3, "Suppressed"),
        LifeState::Resolved => (4, "Resolved"),
    }
}

fn finding_info(page: &Page, reported: &Reported, life: &Life) -> Value {
    json!({
        "uid": reported.fingerprint,
        "title": page.text(reported.finding.signature.description),
        "types": [reported.finding.signature.kind.name()],
        "first_seen_time": life.first_seen.saturating_mul(1000),
        "last_seen_time": life.last_seen.saturating_mul(1000),
    })
}

fn file(page: &Page, reported: &Reported) -> Value {
    let provenance = &reported.finding.location.provenance;
    json!({
        "name": page.text(provenance.name()),
        "path": page.text(&provenance.to_string()),
        "type_id": 1,
        "type": "Regular File",
    })
}

fn remediation(page: &Page, reported: &Reported) -> String {
    let finding = &reported.finding;
    let revoke = finding.signature.vendor.map(|vendor| format!("Revoke it: {}", page.text(vendor.revoke)));
    let store = finding.place.fix().map(|store| format!("Store it: {}", page.text(&store)));
    let known: Vec<String> = [revoke, store].into_iter().flatten().collect();
    if known.is_empty() { "Change it where it was issued.".to_owned() } else { known.join(" ") }
}

fn unmapped(page: &Page, reported: &Reported, life: &Life) -> Value {
    let finding = &reported.finding;
    let flow = finding.place.flow.as_deref();
    json!({
        "state": life.state.name(),
        "signature": finding.signature.id,
        "storage": finding.storage.name(),
        "lifetime": finding.lifetime.class.name(),
        "expires": finding.lifetime.expires.and_then(rfc3339),
        "platform": flow.map(|flow| flow.platform),
        "flow": flow.and_then(|flow| page.maybe(flow.name.as_deref())),
        "owner": flow.and_then(|flow| page.maybe(flow.owner.as_deref())),
        "field": page.maybe(finding.place.field.as_deref()),
        "controls": page.controls(reported),
    })
}
