//! `csv`: a row for each finding (RFC 4180), for spreadsheets.
//!
//! A cell that a spreadsheet would take for a formula gets a `'` before it (OWASP, "CSV Injection"): what stands in cells
//! comes from strangers.

use std::io::{self, Write};

use super::words::{lives, platform, revoke, store};
use super::{Identity, Page, Reported};

const COLUMNS: &[&str] = &[
    "severity",
    "confidence",
    "what",
    "signature",
    "vendor",
    "platform",
    "flow",
    "owner",
    "state",
    "step",
    "field",
    "place",
    "line",
    "column",
    "storage",
    "lifetime",
    "lives",
    "preview",
    "secret",
    "occurrences",
    "accepted",
    "revoke",
    "store",
    "controls",
    "fingerprint",
    "commit",
    "author",
    "date",
];

/// Writes the rows below their header.
pub(super) fn write(page: &Page, out: &mut dyn Write) -> io::Result<()> {
    row(COLUMNS.iter().map(|name| (*name).to_owned()), out)?;
    page.shown().try_for_each(|reported| row(cells(page, reported).into_iter(), out))
}

/// The cells of a finding, in the order of [`COLUMNS`].
fn cells(page: &Page, reported: &Reported) -> [String; COLUMNS.len()] {
    let finding = &reported.finding;
    let text = |text: Option<&String>| text.map(|text| page.text(text)).unwrap_or_default();
    let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
    let (flow, step) = (finding.place.flow.as_deref(), finding.place.step.as_deref());
    let credential = page.credential(reported);
    let secret = credential.map(|it| match &it.identity {
        Identity::Fingerprint(fingerprint) => fingerprint.clone(),
        Identity::Group { number, .. } => format!("group {number}"),
    });
    [
        reported.severity().name().to_owned(),
        finding.confidence.name().to_owned(),
        page.text(finding.signature.description),
        finding.signature.id.to_owned(),
        finding.signature.vendor.map(|vendor| page.text(vendor.name)).unwrap_or_default(),
        flow.map(|flow| platform(flow.platform).to_owned()).unwrap_or_default(),
        text(flow.and_then(|flow| flow.name.as_ref().or(flow.id.as_ref()))),
        text(flow.and_then(|flow| flow.owner.as_ref())),
        text(flow.and_then(|flow| flow.state.as_ref())),
        text(step.and_then(|step| step.name.as_ref().or(step.id.as_ref()))),
        text(finding.place.field.as_ref().or(finding.name.as_ref())),
        page.text(&finding.location.provenance.to_string()),
        number(finding.location.line),
        number(finding.location.column),
        finding.storage.name().to_owned(),
        finding.lifetime.class.name().to_owned(),
        lives(page, reported),
        page.text(&finding.preview),
        secret.unwrap_or_default(),
        credential.map(|it| it.findings.len().to_string()).unwrap_or_default(),
        reported.accepted.as_ref().map(|it| page.text(&it.by)).unwrap_or_default(),
        revoke(page, reported),
        store(page, reported),
        page.controls(reported).join(" "),
        reported.fingerprint.clone(),
        text(reported.commit.as_ref().map(|commit| &commit.id)),
        text(reported.commit.as_ref().map(|commit| &commit.author)),
        text(reported.commit.as_ref().map(|commit| &commit.date)),
    ]
}

pub(super) fn row(cells: impl Iterator<Item = String>, out: &mut dyn Write) -> io::Result<()> {
    let cells: Vec<String> = cells.map(|cell| quoted(&cell)).collect();
    write!(out, "{}\r\n", cells.join(","))
}

/// A cell in quotes, harmless to a spreadsheet.
fn quoted(text: &str) -> String {
    let begins = text.trim_start().chars().next();
    // Full-width forms too: spreadsheets of East Asia take them for the same.
    let is_formula = matches!(begins, Some('=' | '+' | '-' | '@' | '|' | '%' | '＝' | '＋' | '－' | '＠'));
    let harmless = if is_formula { "'" } else { "" };
    format!("\"{harmless}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_harmless() {
        for (text, cell) in [
            ("=1+1", "\"'=1+1\""),
            (" @SUM(A1)", "\"' @SUM(A1)\""),
            ("-2", "\"'-2\""),
            ("a=\"b\"", "\"a=\"\"b\"\"\""),
            ("plain, text", "\"plain, text\""),
            ("", "\"\""),
        ] {
            assert_eq!(quoted(text), cell);
        }
    }
}
