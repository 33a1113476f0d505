//! `human`: text for people, on a terminal or in a mail.
//!
//! Findings stand under their file, flow and step; those that end by themselves stand last, and what is public by
//! design is only counted. Then what was not read, and at the very end the verdict, where a terminal leaves the eye.

mod acceptances;

use std::io::{self, Write};

use crate::budget::Gap;
use crate::finding::{Confidence, Flow, LifetimeClass, Location, Severity, Step};
use crate::mask::visible;

use super::paper::{Ink, Paper, shorten};
use super::words::{counted, encoding, grouped, lives, platform, revoke, since, size, storage, store};
use super::{Life, LifeState, Page, Reported, data};

/// Gaps that are listed; the rest is counted.
const GAPS_SHOWN: usize = 10;
/// Further places of a credential that are listed; the rest is counted.
const PLACES_SHOWN: usize = 3;
/// Columns of a name (of a flow, a step, a field) beyond which its middle is left out.
const NAME_WIDTH: usize = 80;

/// Writes the text.
pub(super) fn write(page: &Page, out: &mut dyn Write) -> io::Result<()> {
    let paper = &mut Paper::new(out, page.options.colour, page.options.width);
    let counts = Counts::of(page);
    files(page, &listed(page, false), paper)?;
    let ended = listed(page, true);
    if !ended.is_empty() {
        paper.heading("Short-lived or expired")?;
        files(page, &ended, paper)?;
    }
    gone(page, paper)?;
    acceptances::accepted(page, paper)?;
    acceptances::notices(page, paper)?;
    gaps(page, paper)?;
    coverage(page, paper)?;
    sweep_line(page, paper)?;
    verdict(&counts, page, paper)
}

/// Findings of the view that are written out: `ended` are those that end by themselves.
fn listed<'p>(page: &'p Page, ended: bool) -> Vec<&'p Reported> {
    let is_listed = |reported: &&Reported| {
        reported.accepted.is_none()
            && !is_gone(reported)
            && reported.severity() > Severity::Info
            && ends(reported) == ended
    };
    page.shown().filter(is_listed).collect()
}

/// Whether a sweep found that it is there no more.
fn is_gone(reported: &Reported) -> bool {
    reported.life.as_ref().is_some_and(|life| life.state == LifeState::Resolved)
}

/// What is there no more, a line each.
fn gone(page: &Page, paper: &mut Paper) -> io::Result<()> {
    let gone: Vec<&Reported> = page.shown().filter(|reported| is_gone(reported)).collect();
    if gone.is_empty() {
        return Ok(());
    }
    paper.heading("Resolved: there no more, which does not revoke them")?;
    for reported in gone {
        let title = page.text(reported.finding.signature.description);
        let place = position(page, &reported.finding.location);
        paper.line(1, &[(Ink::Plain, &format!("{title}: {}, {place}", shown_place(page, reported)))])?;
    }
    paper.blank()
}

/// `Sweep 3: 2 new, 14 open, 1 resolved; 5120 files had not changed.`
fn sweep_line(page: &Page, paper: &mut Paper) -> io::Result<()> {
    let Some(sweep) = &page.report.sweep else { return Ok(()) };
    let states = sweep.states.iter().filter(|(_, count)| *count > 0);
    let states: Vec<String> = states.map(|(state, count)| format!("{count} {}", state.name())).collect();
    let states = if states.is_empty() { "no findings".to_owned() } else { states.join(", ") };
    let end = if sweep.whole { "" } else { " It did not come to its end; the next one goes on." };
    let said = format!(
        "Sweep {}: {states}; {} had not changed.{end}",
        sweep.number,
        counted(sweep.unchanged, "file")
    );
    paper.line(0, &[(Ink::Plain, &said)])
}

/// Whether a credential is of no use soon, or by now.
fn ends(reported: &Reported) -> bool {
    matches!(reported.finding.lifetime.class, LifetimeClass::ShortLived | LifetimeClass::Expired)
}

fn files(page: &Page, findings: &[&Reported], paper: &mut Paper) -> io::Result<()> {
    for findings in grouped(findings, |reported| &reported.finding.location.provenance) {
        let Some(first) = findings.first() else { continue };
        paper.line(0, &[(Ink::File, &page.text(&first.finding.location.provenance.to_string()))])?;
        flows(page, &findings, paper)?;
    }
    Ok(())
}

fn flows(page: &Page, findings: &[&Reported], paper: &mut Paper) -> io::Result<()> {
    let key = |flow: &'_ Flow| (flow.platform, flow.id.clone(), flow.name.clone());
    for findings in grouped(findings, |reported| reported.finding.place.flow.as_deref().map(key)) {
        match findings.first().and_then(|first| first.finding.place.flow.as_deref()) {
            Some(flow) => flow_section(page, flow, &findings, paper)?,
            None => steps(page, &findings, 1, paper)?,
        }
    }
    Ok(())
}

fn flow_section(page: &Page, flow: &Flow, findings: &[&Reported], paper: &mut Paper) -> io::Result<()> {
    let title = format!(
        "{} {}",
        platform(flow.platform),
        name(page, "flow", flow.name.as_deref(), flow.id.as_deref())
    );
    let owner = flow.owner.as_ref().map(|owner| format!("owner {}", short(page, owner)));
    let state = flow.state.as_ref().map(|state| short(page, state));
    let modified = flow.modified.as_ref().map(|when| format!("changed {}", short(page, when)));
    paper.line(1, &[(Ink::Strong, &title), (Ink::Plain, &bracketed([state, owner, modified]))])?;
    steps(page, findings, 2, paper)
}

fn steps(page: &Page, findings: &[&Reported], indent: usize, paper: &mut Paper) -> io::Result<()> {
    let key = |step: &'_ Step| (step.id.clone(), step.name.clone());
    for findings in grouped(findings, |reported| reported.finding.place.step.as_deref().map(key)) {
        let step = findings.first().and_then(|first| first.finding.place.step.as_deref());
        if let Some(step) = step {
            step_line(page, step, indent, paper)?;
        }
        for reported in findings {
            finding(page, reported, indent + usize::from(step.is_some()), paper)?;
        }
    }
    Ok(())
}

fn step_line(page: &Page, step: &Step, indent: usize, paper: &mut Paper) -> io::Result<()> {
    let title = name(page, "step", step.name.as_deref(), step.id.as_deref());
    let kind = step.kind.as_ref().map(|kind| short(page, kind));
    let off = (step.enabled == Some(false)).then(|| "switched off".to_owned());
    paper.line(indent, &[(Ink::Strong, &title), (Ink::Plain, &bracketed([kind, off]))])
}

/// `flow "Invoice sync"`, or `flow 7f3a` where it has no name, or just `flow`.
fn name(page: &Page, what: &str, name: Option<&str>, id: Option<&str>) -> String {
    match (name, id) {
        (Some(name), _) => format!("{what} \"{}\"", short(page, name)),
        (None, Some(id)) => format!("{what} {}", short(page, id)),
        (None, None) => what.to_owned(),
    }
}

/// ` (on, owner jane@x.org)`, or nothing.
fn bracketed(said: impl IntoIterator<Item = Option<String>>) -> String {
    let said: Vec<String> = said.into_iter().flatten().collect();
    if said.is_empty() { String::new() } else { format!(" ({})", said.join(", ")) }
}

/// A name from outside, masked and not longer than a name should be.
fn short(page: &Page, text: &str) -> String {
    shorten(&page.text(text), NAME_WIDTH)
}

/// One finding: a title, then what is known, a line each.
fn finding(page: &Page, reported: &Reported, indent: usize, paper: &mut Paper) -> io::Result<()> {
    let finding = &reported.finding;
    let severity = reported.severity();
    let doubt = match finding.confidence {
        Confidence::High => "",
        Confidence::Medium => " (likely)",
        Confidence::Low => " (possibly)",
    };
    let title = format!("{}{doubt}", page.text(finding.signature.description));
    paper.blank()?;
    let label = severity.name().to_uppercase();
    paper.line(indent, &[(Ink::Severity(severity), &label), (Ink::Plain, "  "), (Ink::Strong, &title)])?;
    for (label, text) in facts(page, reported) {
        paper.fact(indent + 1, label, &text)?;
    }
    paper.blank()
}

/// What is known of a finding, and what to do, each with its label.
fn facts(page: &Page, reported: &Reported) -> Vec<(&'static str, String)> {
    let finding = &reported.finding;
    let mut facts = vec![("where", shown_place(page, reported)), ("at", position(page, &finding.location))];
    facts.extend(reported.life.as_ref().map(|it| ("state", life(page, it))));
    if page.shows_value(reported) {
        facts.push(("secret", visible(&data::value(finding.secret.expose()))));
    }
    let parts =
        finding.parts.iter().map(|part| format!("{} {}", page.text(&part.what), short(page, &part.shown)));
    let public = finding.public.iter().map(|(name, value)| format!("{name} {}", short(page, value)));
    let together: Vec<String> = parts.chain(public).collect();
    if !together.is_empty() {
        facts.push(("with", together.join(", ")));
    }
    if let Some(commit) = &reported.commit {
        facts.push(("since", since(page, commit)));
    }
    facts.push(("stored", storage(finding.storage).to_owned()));
    facts.push(("lives", lives(page, reported)));
    facts.extend(elsewhere(page, reported).map(|text| ("also", text)));
    facts.push(("revoke", revoke(page, reported)));
    facts.push(("store", store(page, reported)));
    facts
}

/// `open since 2026-11-02 (moved from drive/a.json)`
fn life(page: &Page, life: &Life) -> String {
    let day = super::rfc3339(life.first_seen).unwrap_or_default();
    let day = day.split('T').next().unwrap_or_default();
    let moved = life.moved_from.as_ref().map(|from| format!("moved here from {}", page.text(from)));
    format!("{}, first seen {day}{}", life.state.name(), bracketed([moved]))
}

/// `inputs.headers.Authorization: sk_live_…9f2Q`
fn shown_place(page: &Page, reported: &Reported) -> String {
    let finding = &reported.finding;
    let field = finding.place.field.as_ref().or(finding.name.as_ref()).map(|field| short(page, field));
    let preview = page.text(&finding.preview);
    match (field, preview.is_empty()) {
        (Some(field), false) => format!("{field}: {preview}"),
        (Some(field), true) => field,
        (None, false) => preview,
        (None, true) => "the file itself".to_owned(),
    }
}

/// `drive/a.zip!/b.json:1:20417 (in a JSON string)`, `drive/a.xlsx!/xl/sharedStrings.xml, sheet "Keys", cell B7`
fn position(page: &Page, location: &Location) -> String {
    let mut text = page.text(&location.provenance.to_string());
    match &location.landmark {
        Some(landmark) => text.push_str(&format!(", {}", page.text(landmark))),
        None => {
            for number in [location.line, location.column].into_iter().flatten() {
                text.push_str(&format!(":{number}"));
            }
        }
    }
    if location.bytes.is_none() {
        text.push_str(" (in its name)");
    }
    if !location.decoded.is_empty() {
        let steps: Vec<&str> = location.decoded.iter().copied().map(encoding).collect();
        text.push_str(&format!(" (in {})", steps.join(", then in ")));
    }
    text
}

/// `drive/b.json:4:12 (flow "Invoice sync")`
fn position_in_flow(page: &Page, reported: &Reported) -> String {
    let flow = reported.finding.place.flow.as_deref();
    let flow = flow.map(|flow| name(page, "flow", flow.name.as_deref(), flow.id.as_deref()));
    format!("{}{}", position(page, &reported.finding.location), bracketed([flow]))
}

/// Where else the finding or its credential stands; `None` if nowhere.
fn elsewhere(page: &Page, reported: &Reported) -> Option<String> {
    let also = reported.finding.also.iter().map(|location| position(page, location));
    let others = page.report.others(reported).map(|other| position_in_flow(page, other));
    let shared =
        page.credential(reported).map_or(0, |credential| credential.findings.len().saturating_sub(1));
    let count = reported.finding.also.len() + shared;
    let mut listed: Vec<String> = also.chain(others).take(PLACES_SHOWN).collect();
    if count > PLACES_SHOWN {
        listed.push(format!("and {} more: see json", count - PLACES_SHOWN));
    }
    (count > 0).then(|| format!("in {}: {}", counted(count, "other place"), listed.join(", ")))
}

/// What was not read.
fn gaps(page: &Page, paper: &mut Paper) -> io::Result<()> {
    let gaps = &page.report.coverage.gaps;
    if gaps.is_empty() {
        return Ok(());
    }
    paper.heading(&format!("Not read: {}", counted(gaps.len(), "place")))?;
    for gap in gaps.iter().take(GAPS_SHOWN) {
        paper.line(1, &[(Ink::Plain, &gap_line(page, gap))])?;
    }
    if gaps.len() > GAPS_SHOWN {
        paper.line(1, &[(Ink::Faint, &format!("and {} more: see json", gaps.len() - GAPS_SHOWN))])?;
    }
    paper.blank()
}

/// `drive/old.zip!/a.7z: encrypted, a password is needed (17.8 KiB)`
fn gap_line(page: &Page, gap: &Gap) -> String {
    let size = gap.bytes.map(|bytes| format!(" ({})", size(bytes))).unwrap_or_default();
    let detail = page.text(&gap.detail);
    let detail = if detail.is_empty() { detail } else { format!(", {detail}") };
    format!("{}: {}{detail}{size}", page.text(&gap.provenance.to_string()), gap.reason.name())
}

/// What was read.
fn coverage(page: &Page, paper: &mut Paper) -> io::Result<()> {
    let coverage = &page.report.coverage;
    let mut read = format!("Read {}", counted(coverage.files, "file"));
    if coverage.members > 0 {
        read.push_str(&format!(" with {} in archives", counted(coverage.members, "member")));
    }
    read.push_str(&format!(", {}", size(coverage.bytes)));
    if !page.options.reproducible {
        read.push_str(&format!(", in {:.1} s", page.report.duration.as_secs_f64()));
    }
    for (count, what) in [(coverage.excluded, "path"), (coverage.links, "link")] {
        if count > 0 {
            let why = if what == "link" { "not followed" } else { "left out by options" };
            read.push_str(&format!("; {} {why}", counted(count, what)));
        }
    }
    paper.line(0, &[(Ink::Faint, &format!("{read}."))])
}

/// Numbers of the verdict.
struct Counts {
    /// Open findings by severity, worst first.
    open: Vec<(Severity, usize)>,
    ended: usize,
    info: usize,
    accepted: usize,
    filtered: usize,
}

impl Counts {
    fn of(page: &Page) -> Self {
        let open = listed(page, false);
        let of =
            |&severity: &Severity| (severity, open.iter().filter(|it| it.severity() == severity).count());
        let worst_first = Severity::ALL.iter().rev().map(of);
        Self {
            open: worst_first.filter(|&(_, count)| count > 0).collect(),
            ended: listed(page, true).len(),
            info: page
                .shown()
                .filter(|it| it.accepted.is_none() && !is_gone(it) && it.severity() == Severity::Info)
                .count(),
            accepted: page.shown().filter(|it| it.accepted.is_some()).count(),
            filtered: page.report.left_out + page.report.findings.len() - page.shown().count(),
        }
    }
}

/// The last lines: what it comes to.
fn verdict(counts: &Counts, page: &Page, paper: &mut Paper) -> io::Result<()> {
    let total: usize = counts.open.iter().map(|(_, count)| count).sum();
    let worst = counts.open.first().map(|(severity, _)| *severity);
    let by: Vec<String> =
        counts.open.iter().map(|(severity, count)| format!("{count} {}", severity.name())).collect();
    let complete = page.report.is_complete();
    match worst {
        Some(worst) => {
            let said = format!("{} to act on: {}.", counted(total, "finding"), by.join(", "));
            paper.line(0, &[(Ink::Severity(worst), &said)])?;
        }
        None => {
            let (ink, said) = relief(page);
            paper.line(0, &[(ink, said)])?;
        }
    }
    let besides = [
        (counts.ended, "short-lived or expired"),
        (counts.info, "public by design"),
        (counts.accepted, "accepted"),
        (counts.filtered, "outside of the view that was asked for"),
    ];
    let besides: Vec<String> = besides
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    if !besides.is_empty() {
        paper.line(0, &[(Ink::Plain, &format!("Besides: {}.", besides.join(", ")))])?;
    }
    if !complete {
        let gaps = counted(page.report.coverage.gaps.len(), "place");
        paper.line(0, &[(Ink::Warning, &format!("Incomplete: {gaps} could not be read, or not whole."))])?;
    }
    Ok(())
}

/// What to say where there is nothing to act on: no more than was looked at.
fn relief(page: &Page) -> (Ink, &'static str) {
    let report = page.report;
    if report.sweep.is_some() && report.is_complete() {
        return (Ink::Good, "Nothing new to act on.");
    }
    match (report.coverage.files, report.is_complete(), report.findings.is_empty()) {
        (0, ..) => (Ink::Warning, "Nothing was read, so nothing can be said."),
        (_, false, _) => (Ink::Warning, "Nothing to act on in what could be read."),
        (_, true, false) => (Ink::Good, "Nothing to act on."),
        (_, true, true) => (Ink::Good, "Nothing to act on: no credential was found."),
    }
}
