//! `junit`: JUnit's XML as Jenkins, GitLab and Azure Pipelines read it: a suite for each file, a case for each finding. What
//! stops is a failure, what is accepted is skipped, what could not be read is an error.

use std::io::{self, Write};

use super::verdict::Verdict;
use super::words::{grouped, since, why_not_read};
use super::{Page, Reported, plain, why};

/// A test case.
struct Case {
    class: String,
    name: String,
    /// The element that says how it went, if it did not go well.
    result: Option<(&'static str, String, String)>,
}

/// Writes the document.
pub(super) fn write(page: &Page, out: &mut dyn Write) -> io::Result<()> {
    let verdict = Verdict::of(page);
    let mut suites: Vec<(String, Vec<Case>)> = Vec::new();
    let shown: Vec<_> = page.shown().collect();
    for findings in grouped(&shown, |it| &it.finding.location.provenance) {
        let Some(first) = findings.first() else { continue };
        let name = page.text(&first.finding.location.provenance.to_string());
        suites.push((name, findings.iter().map(|it| case(page, it)).collect()));
    }
    suites.push(("policy".to_owned(), verdict.violations.iter().map(|it| violation(page, it)).collect()));
    suites.push(("coverage".to_owned(), coverage(page)));
    suites.retain(|(_, cases)| !cases.is_empty());
    let count = |what: &str| suites.iter().map(|(_, cases)| results(cases, what)).sum::<usize>();
    let tests: usize = suites.iter().map(|(_, cases)| cases.len()).sum();
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    // Jenkins' schema (junit-10.xsd of its xunit plugin) has what was skipped in each suite only.
    let (failures, errors) = (count("failure"), count("error"));
    let counts = format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\"");
    writeln!(out, "<testsuites name=\"keysieve\" {counts}>")?;
    suites.iter().try_for_each(|(name, cases)| suite(name, cases, out))?;
    writeln!(out, "</testsuites>")
}

fn results(cases: &[Case], what: &str) -> usize {
    cases.iter().filter(|case| case.result.as_ref().is_some_and(|(name, ..)| *name == what)).count()
}

fn suite(name: &str, cases: &[Case], out: &mut dyn Write) -> io::Result<()> {
    let (tests, failures) = (cases.len(), results(cases, "failure"));
    let (errors, skipped) = (results(cases, "error"), results(cases, "skipped"));
    let name = xml(name);
    writeln!(
        out,
        "  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\">"
    )?;
    for Case { class, name, result } in cases {
        write!(out, "    <testcase classname=\"{}\" name=\"{}\"", xml(class), xml(name))?;
        match result {
            None => writeln!(out, "/>")?,
            Some(("skipped", message, _)) => {
                writeln!(out, "><skipped message=\"{}\"/></testcase>", xml(message))?;
            }
            Some((element, message, text)) => {
                let (message, text) = (xml(message), xml(text));
                writeln!(out, "><{element} message=\"{message}\">{text}</{element}></testcase>")?;
            }
        }
    }
    writeln!(out, "  </testsuite>")
}

fn case(page: &Page, reported: &Reported) -> Case {
    let finding = &reported.finding;
    let title = page.text(finding.signature.description);
    let preview = page.text(&finding.preview);
    let flow = finding.place.flow.as_deref().and_then(|flow| flow.name.as_ref().or(flow.id.as_ref()));
    let step = finding.place.step.as_deref().and_then(|step| step.name.as_ref().or(step.id.as_ref()));
    let class = flow.map_or_else(|| "file".to_owned(), |flow| page.text(flow));
    let step = step.map(|step| format!("{}: ", page.text(step))).unwrap_or_default();
    // The fingerprint keeps cases apart, and the same from run to run.
    let name = format!("{step}{title} [{}]", reported.fingerprint);
    let result = match &reported.accepted {
        Some(accepted) => {
            let reason = accepted.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            Some(("skipped", page.text(&format!("accepted by {}{reason}", accepted.by)), String::new()))
        }
        None if reported.severity() >= page.options.fail_on => {
            let mut lines = vec![why::sentence(finding)];
            lines.extend(plain::todo(page, reported));
            let place = page.text(&finding.location.provenance.to_string());
            let line = finding.location.line.map(|line| format!(":{line}")).unwrap_or_default();
            lines.push(format!("{place}{line}"));
            lines.extend(reported.commit.as_ref().map(|commit| since(page, commit)));
            let message = format!("{}: {title} {preview}", reported.severity().name());
            Some(("failure", message, lines.join("\n")))
        }
        None => None,
    };
    Case { class, name, result }
}

fn violation(page: &Page, violation: &crate::policy::Violation) -> Case {
    let flow = violation.flow.name.as_ref().or(violation.flow.id.as_ref());
    let step = violation.step.as_deref().and_then(|step| step.name.as_ref().or(step.id.as_ref()));
    let step = step.map(|step| format!("{}: ", page.text(step))).unwrap_or_default();
    let message = page.text(&violation.message);
    let name = format!("{step}{} {}", violation.rule.name(), page.text(&violation.what));
    let place = page.text(&violation.provenance.to_string());
    let class = flow.map_or_else(|| "flow".to_owned(), |flow| page.text(flow));
    Case { class, name, result: Some(("failure", message, place)) }
}

/// What could not be read, or that all was.
fn coverage(page: &Page) -> Vec<Case> {
    let gap = |gap: &crate::budget::Gap| {
        let place = page.text(&gap.provenance.to_string());
        let detail = format!("{}: {}", gap.reason.name(), page.text(&gap.detail));
        let result = Some(("error", why_not_read(gap.reason).to_owned(), detail));
        Case { class: "coverage".to_owned(), name: format!("{place} ({})", gap.reason.name()), result }
    };
    let all = Case { class: "coverage".to_owned(), name: "everything was read".to_owned(), result: None };
    match page.report.coverage.gaps.as_slice() {
        [] => vec![all],
        gaps => gaps.iter().map(gap).collect(),
    }
}

/// Text for an element or an attribute of XML 1.0; what XML cannot hold (section 2.2) becomes U+FFFD.
fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
