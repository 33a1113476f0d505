//! `jsonl`: one JSON object a line, told apart by `type`: findings, gaps, at the end credentials and the summary.

use std::io::{self, Write};

use serde::Serialize;

use super::{Page, data};

/// The last line.
#[derive(Serialize)]
struct Summary {
    r#type: &'static str,
    schema: &'static str,
    tool: data::ToolData,
    inputs: Vec<String>,
    #[serde(flatten)]
    summary: data::SummaryData,
    coverage: data::ReadData,
}

/// Writes the lines. In findings the occurrences are null, since a run that streams does not know them yet.
pub(super) fn write(page: &Page, out: &mut dyn Write) -> io::Result<()> {
    for reported in page.shown() {
        line(&data::finding(page, reported, false), out)?;
    }
    for gap in &page.report.coverage.gaps {
        line(&data::gap(page, gap), out)?;
    }
    for violation in data::violations(page).into_iter().flatten() {
        line(&violation, out)?;
    }
    for credential in data::credentials(page) {
        line(&credential, out)?;
    }
    let summary = Summary {
        r#type: "summary",
        schema: data::SCHEMA,
        tool: data::tool(page),
        inputs: data::inputs(page),
        summary: data::summary(page),
        coverage: data::read(page),
    };
    line(&summary, out)
}

fn line(value: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}
