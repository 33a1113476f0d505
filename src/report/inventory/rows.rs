//! An overview as comma-separated values: a row for each flow.

use std::io::{self, Write};

use super::{Entry, Overview, secret_title};
use crate::report::Page;
use crate::report::csv::row;
use crate::report::words::platform;

const COLUMNS: &[&str] = &[
    "platform",
    "id",
    "flow",
    "owner",
    "left",
    "state",
    "modified",
    "triggers",
    "connectors",
    "connections",
    "scopes",
    "references",
    "hosts",
    "secrets",
    "place",
];

pub(super) fn write(page: &Page, overview: &Overview, out: &mut dyn Write) -> io::Result<()> {
    row(COLUMNS.iter().map(|name| (*name).to_owned()), out)?;
    overview.flows.iter().try_for_each(|entry| row(cells(page, entry).into_iter(), out))
}

fn cells(page: &Page, entry: &Entry) -> [String; COLUMNS.len()] {
    let about = &entry.about;
    let text = |text: Option<&String>| page.maybe(text.map(String::as_str)).unwrap_or_default();
    let list = |names: Vec<String>| names.join("; ");
    [
        platform(about.platform).to_owned(),
        text(about.id.as_ref()),
        text(about.name.as_ref()),
        text(about.owner.as_ref()),
        if entry.leaver { "yes" } else { "" }.to_owned(),
        text(about.state.as_ref()),
        text(about.modified.as_ref()),
        list(entry.triggers.iter().map(|it| it.name().to_owned()).collect()),
        list(entry.connectors.iter().map(|it| page.text(it)).collect()),
        list(entry.connections().map(|it| page.text(it)).collect()),
        list(entry.scopes.iter().map(|it| page.text(it)).collect()),
        list(entry.elsewhere().map(|it| format!("{} ({})", page.text(&it.name), it.kind.name())).collect()),
        list(entry.hosts.iter().map(|it| page.text(it)).collect()),
        list(entry.secrets(page).into_iter().map(|it| secret_title(page, it)).collect()),
        page.text(&entry.provenance.to_string()),
    ]
}
