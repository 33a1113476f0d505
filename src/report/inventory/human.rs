//! An overview for people: a block for each flow, then what several of them reach.

use std::io::{self, Write};

use super::{Entry, Overview, hosts, secret_title, secrets};
use crate::report::Page;
use crate::report::paper::{Ink, Paper, shorten};
use crate::report::words::{counted, platform};

/// Columns of one name.
const NAME_WIDTH: usize = 60;

pub(super) fn write(page: &Page, overview: &Overview, out: &mut dyn Write) -> io::Result<()> {
    let paper = &mut Paper::new(out, page.options.colour, page.options.width);
    overview.flows.iter().try_for_each(|entry| flow(page, entry, paper))?;
    let secrets = secrets(page, overview);
    let names = |flows: &[usize]| {
        let entries = flows.iter().filter_map(|&at| overview.flows.get(at));
        entries.map(|entry| shorten(&entry.title(page), NAME_WIDTH)).collect::<Vec<_>>().join(", ")
    };
    if !secrets.is_empty() {
        paper.heading("Which secret is reached from which flows")?;
        for (secret, flows) in &secrets {
            let title = secret_title(page, *secret);
            paper.line(1, &[(Ink::Strong, &title)])?;
            paper.fact(2, "flows", &names(flows))?;
        }
    }
    let hosts = hosts(overview);
    if !hosts.is_empty() {
        paper.heading("Which host is reached from which flows")?;
        for (host, flows) in &hosts {
            paper.line(1, &[(Ink::Strong, &page.text(host))])?;
            paper.fact(2, "flows", &names(flows))?;
        }
    }
    end(page, overview, secrets.len(), paper)
}

fn flow(page: &Page, entry: &Entry, paper: &mut Paper) -> io::Result<()> {
    let short = |text: &str| shorten(&page.text(text), NAME_WIDTH);
    let about = &entry.about;
    let title = format!("{} flow \"{}\"", platform(about.platform), shorten(&entry.title(page), NAME_WIDTH));
    let state = about.state.as_deref().map_or_else(|| "state unknown".to_owned(), short);
    let owner = about
        .owner
        .as_deref()
        .map_or_else(|| "owner unknown".to_owned(), |it| format!("owner {}", short(it)));
    let said = format!(" ({state}, {owner})");
    let left = match entry.leaver {
        true if entry.runs() => " LEFT, still running",
        true if entry.is_off() => " left",
        true => " LEFT, may still run",
        false => "",
    };
    paper.line(0, &[(Ink::Strong, &title), (Ink::Plain, &said), (Ink::Warning, left)])?;
    paper.line(1, &[(Ink::Faint, &page.text(&entry.provenance.to_string()))])?;
    let triggers: Vec<_> = entry.triggers.iter().map(|trigger| trigger.name().to_owned()).collect();
    let connections: Vec<_> = entry.connections().map(short).collect();
    let elsewhere = entry.elsewhere().map(|it| format!("{} ({})", short(&it.name), it.kind.name())).collect();
    let secrets = entry.secrets(page).into_iter().map(|it| secret_title(page, it)).collect();
    for (label, names) in [
        ("starts", triggers),
        ("uses", entry.connectors.iter().map(|it| short(it)).collect()),
        ("signed", connections),
        ("scopes", entry.scopes.iter().map(|it| short(it)).collect()),
        ("refers", elsewhere),
        ("calls", entry.hosts.iter().map(|it| short(it)).collect()),
        ("secrets", secrets),
    ] {
        if !names.is_empty() {
            paper.fact(1, label, &names.join(", "))?;
        }
    }
    paper.blank()
}

fn end(page: &Page, overview: &Overview, secrets: usize, paper: &mut Paper) -> io::Result<()> {
    paper.blank()?;
    let with = overview.flows.iter().filter(|entry| !entry.secrets(page).is_empty()).count();
    let flows = counted(overview.flows.len(), "flow");
    let secrets = counted(secrets, "hard-coded secret");
    paper.line(0, &[(Ink::Strong, &format!("{flows}; {secrets}, in {with} of them."))])?;
    let known = |entry: &&Entry| entry.leaver && !entry.is_off();
    let left = overview.flows.iter().filter(known).count();
    if left > 0 {
        let left = counted(left, "flow");
        paper.line(
            0,
            &[(Ink::Warning, &format!("Under people who left {left} still on, or not said to be off."))],
        )?;
    }
    let gaps = page.report.coverage.gaps.len();
    if gaps > 0 {
        let gaps = counted(gaps, "place");
        paper.line(
            0,
            &[(Ink::Warning, &format!("Not read, or not whole: {gaps}; --format json lists them."))],
        )?;
    }
    Ok(())
}
