//! `keysieve report`: one saved result in another format.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::args::Options;
use super::output::{Manner, Targets};
use super::{Failure, Status, detectors, scan};
use crate::finding::Finding;
use crate::mask::Masker;
use crate::report::{Format, saved};

const EXAMPLES: &str = "\
Examples:
  keysieve report result.json --format html > report.html
  keysieve report result.jsonl --output csv=findings.csv --output sarif=x.sarif
  keysieve scan exports/ --format json | keysieve report - --min-severity high

The exit status is that of the scan: 1 if something in view is at or above --fail-on, 3 if something could not be read.";

/// What can be typed behind `report`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Command {
    /// A result that was saved with --format json or jsonl; `-` for standard input
    #[arg(value_name = "RESULT")]
    result: PathBuf,
    /// In the format plain: tell lines, fields and ids as well
    #[arg(long)]
    details: bool,
    #[command(flatten)]
    options: Options,
}

/// Runs the command.
pub(super) fn run(command: &Command) -> Result<Status, Failure> {
    let manner = Manner { format: Format::Human, details: command.details, ..Manner::default() };
    let targets = Targets::with(&command.options, manner)?;
    let text = text(&command.result)
        .with_context(|| format!("cannot read {}", command.result.display()))
        .map_err(Failure::usage)?;
    let report = saved::read(&text)
        .with_context(|| {
            let name = command.result.display();
            format!("{name} is no saved result (`keysieve scan PATH --output json=FILE` saves one)")
        })
        .map_err(Failure::usage)?;
    let detectors = detectors();
    let detector = |text: &str| detectors.spans(text);
    let findings = report.findings.iter().map(|reported| &reported.finding);
    let secrets: Vec<_> =
        findings.flat_map(Finding::secrets).filter(|secret| !secret.is_empty()).cloned().collect();
    let masker = Masker::new(&secrets, &detector);
    targets.write(&report, &masker, &command.options)?;
    Ok(scan::status(&report, &command.options))
}

fn text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    match path.to_str() {
        Some("-") => io::stdin().lock().read_to_string(&mut text)?,
        _ => File::open(path)?.read_to_string(&mut text)?,
    };
    Ok(text)
}
