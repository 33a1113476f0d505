//! `keysieve inventory`: who owns which flow, and what it can reach.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::args::Options;
use super::output::{Manner, Targets};
use super::{Failure, Status, check, scan};
use crate::engine::Input;
use crate::inventory;
use crate::report::Format;
use crate::report::inventory::Overview;

const EXAMPLES: &str = "\
Examples:
  keysieve inventory exports/                        flows, owners, triggers, connections, hosts, secrets
  keysieve inventory Solution.zip --output svg=map.svg --output csv=flows.csv
  keysieve inventory exports/ --leavers left.txt     first the flows of people who left

Formats: human, json, csv, dot (for Graphviz) and svg.

Exit status: 0 no secret at or above --fail-on; 1 some; 2 wrong usage; 3 no such secret, but something could not be read; 4 \
the run itself failed; 130 interrupted.";

/// What can be typed behind `inventory`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = EXAMPLES,
    mut_arg("format", |arg| arg.help("How to write the inventory: human, json, csv, dot or svg")),
)]
pub(super) struct Inventory {
    /// Exports: files, folders, archives; `-` for standard input
    #[arg(required = true, value_name = "EXPORT")]
    exports: Vec<PathBuf>,
    /// Addresses of people who left, one a line: their flows stand first
    #[arg(long, value_name = "FILE")]
    leavers: Option<PathBuf>,
    #[command(flatten)]
    options: Options,
}

/// Runs the command.
pub(super) fn run(command: &Inventory) -> Result<Status, Failure> {
    let options = &command.options;
    let targets = Targets::with(options, Manner { formats: Format::INVENTORY, ..Manner::default() })?;
    let leavers = command.leavers.as_deref().map(leavers).transpose()?.unwrap_or_default();
    // The flows are listed in a second reading, and standard input comes only once.
    let inputs = command.exports.iter().map(|path| check::held(scan::input(path)?));
    let inputs: Vec<Input> = inputs.collect::<Result<_, _>>()?;
    let again = inputs.clone();
    scan::reported(inputs, options, |report, masker| {
        let (scanner, engine) = (scan::scanner(options)?, scan::engine_options(options)?);
        let listed = inventory::flows(&again, &scanner, &engine).map_err(Failure::usage)?;
        let known = &report.coverage.gaps;
        let new: Vec<_> = listed.gaps.into_iter().filter(|gap| !known.contains(gap)).collect();
        report.coverage.gaps.extend(new);
        report.inventory = Some(Overview::new(listed.flows, &report.findings, &leavers));
        targets.write(report, masker, options)?;
        Ok(scan::status(report, options))
    })
}

/// The longest list of leavers, in bytes.
const LEAVERS: u64 = 16 << 20;

/// Reads addresses, one a line, in small letters; `#` begins a comment.
fn leavers(path: &Path) -> Result<Vec<String>, Failure> {
    let read = || -> anyhow::Result<Vec<String>> {
        let mut text = String::new();
        File::open(path)?.take(LEAVERS + 1).read_to_string(&mut text)?;
        anyhow::ensure!(text.len() as u64 <= LEAVERS, "it has more than {LEAVERS} bytes");
        let lines = text.trim_start_matches('\u{feff}').lines();
        let addresses = lines.map(|line| line.split('#').next().unwrap_or(line).trim().to_lowercase());
        Ok(addresses.filter(|address| !address.is_empty()).collect())
    };
    read().with_context(|| format!("cannot read the leavers {}", path.display())).map_err(Failure::usage)
}
