//! `json`: the whole report as one document, a finding a line.

use std::io::{self, Write};

use super::frame::Object;
use super::{Page, data, inventory};

/// Writes the document.
pub(super) fn write(page: &Page, out: &mut dyn Write) -> io::Result<()> {
    let mut document = Object::open(out)?;
    document.member("schema", &data::SCHEMA)?;
    document.member("tool", &data::tool(page))?;
    document.member("inputs", &data::inputs(page))?;
    document.member("summary", &data::summary(page))?;
    document.list("secrets", data::credentials(page))?;
    document.list("findings", page.shown().map(|reported| data::finding(page, reported, true)))?;
    document.member("violations", &data::violations(page))?;
    if let Some(overview) = inventory::data(page) {
        document.member("inventory", &overview)?;
    }
    document.member("coverage", &Coverage::of(page))?;
    document.close()
}

/// What was read, and what could not be.
#[derive(serde::Serialize)]
struct Coverage {
    #[serde(flatten)]
    read: data::ReadData,
    gaps: Vec<data::GapData>,
}

impl Coverage {
    fn of(page: &Page) -> Self {
        let gaps = page.report.coverage.gaps.iter().map(|gap| data::gap(page, gap));
        Self { read: data::read(page), gaps: gaps.collect() }
    }
}
