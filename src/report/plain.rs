//! `plain`: text for somebody who wants to publish a flow. The verdict first, then for each flow and step what it is, why it
//! matters and what to do; no line numbers and no terms of the field unless details are asked for.

use std::io::{self, Write};

use crate::finding::{Confidence, Flow, Step};

use super::paper::{Ink, Paper, shorten};
use super::verdict::{Outcome, Verdict};
use super::words::{counted, grouped, lives, platform, revoke, since, storage, store, why_not_read};
use super::{Page, Reported, why};

/// Things of one list that are written out; the rest is counted.
const LISTED: usize = 20;
/// Columns of a name beyond which its middle is left out.
const NAME_WIDTH: usize = 60;

/// Writes the text.
pub(super) fn write(page: &Page, out: &mut dyn Write) -> io::Result<()> {
    let paper = &mut Paper::new(out, page.options.colour, page.options.width);
    let verdict = Verdict::of(page);
    let ink = match verdict.outcome {
        Outcome::Stop => Ink::Severity(crate::finding::Severity::Critical),
        Outcome::Unsure | Outcome::Nothing => Ink::Warning,
        Outcome::Clear => Ink::Good,
    };
    paper.line(0, &[(ink, &verdict.sentence(page))])?;
    if verdict.outcome == Outcome::Stop && !page.report.is_complete() {
        let places = counted(page.report.coverage.gaps.len(), "place");
        paper.line(0, &[(Ink::Warning, &format!("{places} could not be read, so there may be more."))])?;
    }
    let mut number = 0;
    let key = |it: &Reported| {
        let flow = it.finding.place.flow.as_deref();
        let flow = flow.map(|flow| (flow.platform, flow.id.clone(), flow.name.clone()));
        (it.finding.location.provenance.clone(), flow)
    };
    for findings in grouped(&verdict.stopping, key) {
        flow(page, &findings, &mut number, paper)?;
    }
    violations(page, &verdict, paper)?;
    gaps(page, paper)?;
    besides(page, &verdict, paper)?;
    if verdict.outcome == Outcome::Stop {
        paper.blank()?;
        paper
            .line(0, &[(Ink::Plain, "When all of it is mended: export again, and run this check again.")])?;
    }
    Ok(())
}

/// The findings of one flow, or of one file that is none.
fn flow(page: &Page, findings: &[&Reported], number: &mut usize, paper: &mut Paper) -> io::Result<()> {
    let Some(first) = findings.first() else { return Ok(()) };
    let file = page.text(&first.finding.location.provenance.to_string());
    paper.blank()?;
    match first.finding.place.flow.as_deref() {
        Some(flow) => {
            let owner = flow.owner.as_ref().map(|owner| format!(", owner {}", short(page, owner)));
            paper.line(
                0,
                &[(Ink::Strong, &flow_name(page, flow)), (Ink::Plain, &owner.unwrap_or_default())],
            )?;
            paper.line(0, &[(Ink::Faint, &format!("in {file}"))])?;
        }
        None => paper.line(0, &[(Ink::Strong, &file)])?,
    }
    for reported in findings {
        *number += 1;
        finding(page, reported, *number, paper)?;
    }
    Ok(())
}

fn finding(page: &Page, reported: &Reported, number: usize, paper: &mut Paper) -> io::Result<()> {
    let finding = &reported.finding;
    let doubt = match finding.confidence {
        Confidence::High => "",
        Confidence::Medium => " (likely)",
        Confidence::Low => " (possibly: please look)",
    };
    let what = format!("{}{doubt}", page.text(why::name(finding)));
    let step = finding.place.step.as_deref().map(|step| format!("{}: ", step_name(page, step)));
    let line = format!("{number}. {}", step.unwrap_or_default());
    paper.blank()?;
    paper.line(1, &[(Ink::Plain, &line), (Ink::Strong, &what)])?;
    if let Some(shown) = shown(page, reported) {
        paper.fact(2, "looks", &shown)?;
    }
    paper.fact(2, "why", &why::sentence(finding))?;
    for (at, step) in todo(page, reported).into_iter().enumerate() {
        paper.fact(2, if at == 0 { "do" } else { "" }, &format!("{}. {step}", at + 1))?;
    }
    if page.options.details {
        details(page, reported, paper)?;
    }
    Ok(())
}

/// How to know it when one sees it.
fn shown(page: &Page, reported: &Reported) -> Option<String> {
    let finding = &reported.finding;
    let preview = page.text(&finding.preview);
    let field = finding.name.as_ref().or(finding.place.field.as_ref()).map(|name| short(page, name));
    let landmark = finding.location.landmark.as_ref().map(|name| format!(" on {}", page.text(name)));
    let landmark = landmark.unwrap_or_default();
    // `…` alone tells nothing.
    match (field, preview.trim_matches('…').is_empty()) {
        (Some(field), false) => Some(format!("{preview}, in \"{field}\"{landmark}")),
        (None, false) => Some(format!("{preview}{landmark}")),
        (Some(field), true) => Some(format!("the value of \"{field}\"{landmark}")),
        (None, true) => (!landmark.is_empty()).then(|| landmark.trim().to_owned()),
    }
}

/// What to do, step by step.
pub(super) fn todo(page: &Page, reported: &Reported) -> Vec<String> {
    let finding = &reported.finding;
    let mut steps = vec![match finding.signature.vendor {
        Some(_) => format!("Get a new one and end this one. {}", revoke(page, reported)),
        None => "Change it where it was issued, and let this one end.".to_owned(),
    }];
    steps.push(sentence(&store(page, reported)));
    let others: Vec<_> = page.report.others(reported).collect();
    if !others.is_empty() {
        let places: Vec<_> = others.iter().take(3).map(|other| place_beside(page, other, reported)).collect();
        let places = places.join("; ");
        let more = if others.len() > 3 { format!("; and {} more", others.len() - 3) } else { String::new() };
        let count = counted(others.len(), "other place");
        steps.push(format!("The same credential stands in {count}: {places}{more}. Change it there too."));
    }
    steps
}

/// `step "Charge" in a.json`
fn place(page: &Page, reported: &Reported) -> String {
    let place = &reported.finding.place;
    let step = place.step.as_deref().map(|step| format!("{} in ", step_name(page, step)));
    format!("{}{}", step.unwrap_or_default(), page.text(&reported.finding.location.provenance.to_string()))
}

/// The same, without the file where that is the one of which the talk is.
fn place_beside(page: &Page, other: &Reported, reported: &Reported) -> String {
    let same = other.finding.location.provenance == reported.finding.location.provenance;
    match other.finding.place.step.as_deref().filter(|_| same) {
        Some(step) => step_name(page, step),
        None => place(page, other),
    }
}

/// A text that may go on from other words, as a sentence of its own.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first: String = characters.next().into_iter().flat_map(char::to_uppercase).collect();
    let end = if text.ends_with('.') { "" } else { "." };
    format!("{first}{}{end}", characters.as_str())
}

/// What only somebody technical wants to know.
fn details(page: &Page, reported: &Reported, paper: &mut Paper) -> io::Result<()> {
    let finding = &reported.finding;
    let at = &finding.location;
    let line = at.line.zip(at.column).map(|(line, column)| format!(", line {line}, column {column}"));
    let field = finding.place.field.as_ref().map(|field| format!(", field {}", page.text(field)));
    let place = page.text(&at.provenance.to_string());
    paper.fact(2, "at", &format!("{place}{}{}", line.unwrap_or_default(), field.unwrap_or_default()))?;
    if let Some(commit) = &reported.commit {
        paper.fact(2, "since", &since(page, commit))?;
    }
    paper.fact(2, "stored", storage(finding.storage))?;
    paper.fact(2, "lives", &lives(page, reported))?;
    let (severity, confidence) = (reported.severity().name(), finding.confidence.name());
    let id = finding.signature.id;
    paper.fact(
        2,
        "id",
        &format!("{id}, severity {severity}, confidence {confidence}, {}", reported.fingerprint),
    )
}

fn flow_name(page: &Page, flow: &Flow) -> String {
    let brand = platform(flow.platform);
    match (&flow.name, &flow.id) {
        (Some(name), _) => format!("{brand} flow \"{}\"", short(page, name)),
        (None, Some(id)) => format!("{brand} flow {}", short(page, id)),
        (None, None) => format!("{brand} flow"),
    }
}

fn step_name(page: &Page, step: &Step) -> String {
    match step.name.as_ref().or(step.id.as_ref()).or(step.kind.as_ref()) {
        Some(name) => format!("step \"{}\"", short(page, name)),
        None => "a step".to_owned(),
    }
}

fn short(page: &Page, text: &str) -> String {
    shorten(&page.text(text), NAME_WIDTH)
}

/// What the policy forbids, by flow.
fn violations(page: &Page, verdict: &Verdict, paper: &mut Paper) -> io::Result<()> {
    if verdict.violations.is_empty() {
        return Ok(());
    }
    paper.heading("Not allowed by the policy")?;
    for violation in verdict.violations.iter().take(5 * LISTED) {
        let step = violation.step.as_deref().map(|step| format!(", {}", step_name(page, step)));
        let place = format!("{}{}: ", flow_name(page, &violation.flow), step.unwrap_or_default());
        paper.line(1, &[(Ink::Plain, &place), (Ink::Strong, &page.text(&violation.message))])?;
        if page.options.details {
            paper.fact(2, "at", &page.text(&violation.provenance.to_string()))?;
        }
    }
    more(verdict.violations.len(), 5 * LISTED, paper)
}

fn gaps(page: &Page, paper: &mut Paper) -> io::Result<()> {
    let gaps = &page.report.coverage.gaps;
    if gaps.is_empty() {
        return Ok(());
    }
    paper.heading("Could not be read")?;
    for gap in gaps.iter().take(LISTED) {
        let place = page.text(&gap.provenance.to_string());
        paper.line(1, &[(Ink::Plain, &format!("{place}: {}", why_not_read(gap.reason)))])?;
        if page.options.details && !gap.detail.is_empty() {
            paper.fact(2, "detail", &format!("{}: {}", gap.reason.name(), page.text(&gap.detail)))?;
        }
    }
    more(gaps.len(), LISTED, paper)
}

fn more(count: usize, listed: usize, paper: &mut Paper) -> io::Result<()> {
    if count > listed {
        paper.line(1, &[(Ink::Faint, &format!("and {} more: see --format json", count - listed))])?;
    }
    Ok(())
}

/// What was seen and stops nothing.
fn besides(page: &Page, verdict: &Verdict, paper: &mut Paper) -> io::Result<()> {
    if !verdict.passing.is_empty() {
        paper.blank()?;
        let text = match verdict.passing.len() {
            1 => "1 thing that looks like a credential is no reason to stop.".to_owned(),
            count => format!("{count} things that look like credentials are no reason to stop."),
        };
        paper.line(0, &[(Ink::Faint, &text)])?;
    }
    if !verdict.accepted.is_empty() {
        paper.blank()?;
        let count = counted(verdict.accepted.len(), "credential");
        paper.line(0, &[(Ink::Faint, &format!("Accepted, so no reason to stop: {count}."))])?;
    }
    if page.options.details {
        for reported in verdict.passing.iter().chain(&verdict.accepted).take(LISTED) {
            let what = page.text(reported.finding.signature.description);
            let reason = reported.accepted.as_ref().map(|it| {
                let reason = it.reason.as_ref().map(|reason| format!(", {reason}"));
                page.text(&format!(" ({}{})", it.by, reason.unwrap_or_default()))
            });
            let line = format!("{what}: {}{}", place(page, reported), reason.unwrap_or_default());
            paper.line(1, &[(Ink::Plain, &line)])?;
        }
    }
    Ok(())
}
