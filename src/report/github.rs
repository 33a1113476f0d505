//! `github`: annotations of a GitHub workflow, one a line on standard output
//! (<https://docs.github.com/actions/reference/workflow-commands-for-github-actions>).
//!
//! GitHub shows ten annotations of each level in a step; the rest stands in its log.

use std::io::{self, Write};

use crate::finding::Location;

use super::verdict::Verdict;
use super::words::{revoke, since, store, why_not_read};
use super::{Page, Reported};

/// Writes the commands: what stops first, so that it is among those that are shown.
pub(super) fn write(page: &Page, out: &mut dyn Write) -> io::Result<()> {
    let verdict = Verdict::of(page);
    for reported in &verdict.stopping {
        command("error", page, reported, out)?;
    }
    for violation in verdict.violations {
        let step = violation.step.as_deref().and_then(|step| step.name.as_deref().or(step.id.as_deref()));
        let step = step.map(|step| format!("step \"{}\": ", page.text(step))).unwrap_or_default();
        let file = property(&page.text(&violation.provenance.path));
        let said = data(&format!("{step}{}", page.text(&violation.message)));
        writeln!(out, "::error file={file},title=Policy::{said}")?;
    }
    for gap in &page.report.coverage.gaps {
        let file = property(&page.text(&gap.provenance.path));
        let said = data(&format!("{}: {}", page.text(&gap.provenance.to_string()), why_not_read(gap.reason)));
        writeln!(out, "::warning file={file},title=Not read::{said}")?;
    }
    for reported in verdict.passing.iter().chain(&verdict.accepted) {
        command("notice", page, reported, out)?;
    }
    Ok(())
}

fn command(level: &str, page: &Page, reported: &Reported, out: &mut dyn Write) -> io::Result<()> {
    let finding = &reported.finding;
    let title = property(&page.text(finding.signature.description));
    let at = place(page, &finding.location);
    writeln!(out, "::{level} {at},title={title}::{}", data(&said(page, reported)))
}

/// `file=…,line=…,col=…`; within a container only the file, since lines are counted in the member.
fn place(page: &Page, location: &Location) -> String {
    let file = property(&page.text(&location.provenance.path));
    match (location.provenance.entries.is_empty(), location.line, location.column) {
        (true, Some(line), Some(column)) => format!("file={file},line={line},col={column}"),
        _ => format!("file={file}"),
    }
}

fn said(page: &Page, reported: &Reported) -> String {
    let finding = &reported.finding;
    let place = &finding.place;
    let name = |name: Option<&String>| name.map(|name| format!("\"{}\"", page.text(name)));
    let flow = place.flow.as_deref().and_then(|flow| name(flow.name.as_ref().or(flow.id.as_ref())));
    let step = place.step.as_deref().and_then(|step| name(step.name.as_ref().or(step.id.as_ref())));
    let member = (!finding.location.provenance.entries.is_empty())
        .then(|| page.text(&finding.location.provenance.to_string()));
    let whose: Vec<String> = [("in ", member), ("flow ", flow), ("step ", step)]
        .into_iter()
        .filter_map(|(what, name)| Some(format!("{what}{}", name?)))
        .collect();
    let whose = if whose.is_empty() { String::new() } else { format!(" ({})", whose.join(", ")) };
    let preview = page.text(&finding.preview);
    let accepted = reported.accepted.as_ref().map(|it| format!("Accepted by {}. ", page.text(&it.by)));
    let accepted = accepted.unwrap_or_default();
    let since = reported.commit.as_ref().map(|commit| format!("\nSince {}", since(page, commit)));
    let since = since.unwrap_or_default();
    format!(
        "{accepted}{preview}{whose}{since}\nRevoke it: {}\n{}",
        revoke(page, reported),
        store(page, reported)
    )
}

/// The data of a command, as the runner's own toolkit escapes it.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property of a command: commas and colons mean something there.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_a_command() {
        assert_eq!(data("a\n::error::b 100%"), "a%0A::error::b 100%25");
        assert_eq!(property("a,line=9::b\r\n"), "a%2Cline=9%3A%3Ab%0D%0A");
    }
}
