//! `markdown`: a comment on a pull request, as GitHub and GitLab show it.
//!
//! What comes from outside stands in code spans: so it is no link, no picture, no mention of a person and no markup.

use std::io::{self, Write};

use crate::finding::Confidence;

use super::verdict::Verdict;
use super::words::{counted, lives, platform, since, storage, why_not_read};
use super::{Page, Reported, plain, why};

/// Characters from which on findings are only counted: GitHub takes 65,536 in a comment.
const MOST: usize = 56_000;
/// Gaps and breaches of the policy that are listed.
const LISTED: usize = 30;
/// Characters of one text from outside.
const LONGEST: usize = 200;

/// Writes the comment.
pub(super) fn write(page: &Page, out: &mut dyn Write) -> io::Result<()> {
    let verdict = Verdict::of(page);
    let mut text = format!("## keysieve\n\n**{}**\n", verdict.sentence(page));
    table(page, &verdict.stopping, &mut text);
    violations(page, &verdict, &mut text);
    gaps(page, &mut text);
    for (count, what) in
        [(verdict.passing.len(), "below what stops a publication"), (verdict.accepted.len(), "accepted")]
    {
        if count > 0 {
            text.push_str(&format!("\n{} {what}.\n", counted(count, "finding")));
        }
    }
    out.write_all(text.as_bytes())
}

/// A row for each finding, then what to do about each.
fn table(page: &Page, findings: &[&Reported], text: &mut String) {
    if findings.is_empty() {
        return;
    }
    text.push_str("\n| | What | Flow and step | Where |\n|---|---|---|---|\n");
    let mut listed = 0;
    let mut told = String::new();
    for reported in findings {
        let (row, details) = (row(page, reported), details(page, reported));
        if text.len() + told.len() + row.len() + details.len() > MOST {
            break;
        }
        text.push_str(&row);
        told.push_str(&details);
        listed += 1;
    }
    if listed < findings.len() {
        text.push_str(&format!("\n… and {} more: see the whole report.\n", findings.len() - listed));
    }
    text.push_str(&told);
}

fn row(page: &Page, reported: &Reported) -> String {
    let finding = &reported.finding;
    let doubt = match finding.confidence {
        Confidence::High => "",
        Confidence::Medium => " (likely)",
        Confidence::Low => " (possibly)",
    };
    let line = finding.location.line.map(|line| format!(":{line}")).unwrap_or_default();
    let place = format!("{}{line}", page.text(&finding.location.provenance.to_string()));
    let what = format!(
        "{}{doubt} {}",
        prose(&page.text(finding.signature.description)),
        code(&page.text(&finding.preview))
    );
    format!("| {} | {what} | {} | {} |\n", reported.severity().name(), whose(page, reported), code(&place))
}

/// `n8n, flow X, step Y`
fn whose(page: &Page, reported: &Reported) -> String {
    let place = &reported.finding.place;
    let name = |name: Option<&String>| name.map(|name| code(&page.text(name)));
    let flow = place.flow.as_deref().map(|flow| {
        let flow_name = name(flow.name.as_ref().or(flow.id.as_ref())).unwrap_or_default();
        format!("{} {flow_name}", platform(flow.platform))
    });
    let step = place.step.as_deref().and_then(|step| name(step.name.as_ref().or(step.id.as_ref())));
    flow.into_iter().chain(step).collect::<Vec<_>>().join(", ")
}

fn details(page: &Page, reported: &Reported) -> String {
    let finding = &reported.finding;
    let step = whose(page, reported);
    let title = prose(&page.text(finding.signature.description));
    let mut text = format!("\n<details><summary>{title}: what to do</summary>\n\n");
    if !step.is_empty() {
        text.push_str(&format!("{step}\n\n"));
    }
    text.push_str(&format!("{}\n\n", why::sentence(finding)));
    for (at, step) in plain::todo(page, reported).iter().enumerate() {
        text.push_str(&format!("{}. {}\n", at + 1, prose(step)));
    }
    let lives = prose(&lives(page, reported));
    let since = reported.commit.as_ref().map(|commit| format!(" Since {}.", prose(&since(page, commit))));
    text.push_str(&format!(
        "\nStored {}; lives {lives}.{} Fingerprint `{}`\n",
        storage(finding.storage),
        since.unwrap_or_default(),
        reported.fingerprint
    ));
    text.push_str("\n</details>\n");
    text
}

fn violations(page: &Page, verdict: &Verdict, text: &mut String) {
    if verdict.violations.is_empty() {
        return;
    }
    text.push_str("\n**Not allowed by the policy**\n\n");
    for violation in verdict.violations.iter().take(LISTED) {
        let name = |name: Option<&String>| name.map(|name| code(&page.text(name)));
        let flow = name(violation.flow.name.as_ref().or(violation.flow.id.as_ref()));
        let step = violation.step.as_deref().and_then(|it| name(it.name.as_ref().or(it.id.as_ref())));
        let place: Vec<_> = flow.into_iter().chain(step).collect();
        text.push_str(&format!("- {}: {}\n", place.join(", "), prose(&page.text(&violation.message))));
    }
    more(verdict.violations.len(), text);
}

fn gaps(page: &Page, text: &mut String) {
    let gaps = &page.report.coverage.gaps;
    if gaps.is_empty() {
        return;
    }
    text.push_str("\n**Could not be read**\n\n");
    for gap in gaps.iter().take(LISTED) {
        let place = code(&page.text(&gap.provenance.to_string()));
        text.push_str(&format!("- {place}: {}\n", why_not_read(gap.reason)));
    }
    more(gaps.len(), text);
}

fn more(count: usize, text: &mut String) {
    if count > LISTED {
        text.push_str(&format!("- and {} more\n", count - LISTED));
    }
}

/// Text from outside as a code span (CommonMark, section 6.1) that may stand in a table (GFM, section 4.10): a fence longer than
/// any row of backticks in it. A `|` would end the cell even there, so it is shown as the like character U+2502.
fn code(text: &str) -> String {
    let short: String = text.chars().take(LONGEST).collect();
    let short = if short.len() < text.len() { format!("{short}…") } else { short };
    let text = short.replace('|', "│").replace(['\n', '\r'], " ");
    if text.trim().is_empty() {
        return String::new();
    }
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    format!("{fence} {text} {fence}")
}

/// Sentences that may have names of strangers in them: what means something in Markdown or HTML is escaped, and a zero-width
/// space after `@` and `#` keeps them from naming a person or an issue.
fn prose(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '~' | '|' | '!' => out.extend(['\\', c]),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '@' | '#' => out.extend([c, '\u{200b}']),
            '\n' | '\r' => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_stay_in_their_span() {
        assert_eq!(code("a"), "` a `");
        assert_eq!(code("a`b``c"), "``` a`b``c ```");
        assert_eq!(code("x | y"), "` x │ y `");
        assert_eq!(code(""), "");
        assert_eq!(prose("[x](http://e) <img> @me"), "\\[x\\](http://e) &lt;img&gt; @\u{200b}me");
    }
}
