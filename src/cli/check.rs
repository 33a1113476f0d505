//! `keysieve check`: whether an export may be published, in plain words.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::accepting::Accepting;
use super::args::Options;
use super::output::{Manner, Targets};
use super::{Failure, Status, scan};
use crate::accept::{Roots, Unused};
use crate::engine::Input;
use crate::inventory::{self, Inventory};
use crate::policy::{self, Policy};
use crate::report::{Acceptance, Format, Report};

const EXAMPLES: &str = "\
Examples:
  keysieve check flow.json                          is it fit to be published?
  keysieve check Solution.zip --output html=report.html
  keysieve check exports/ --policy policy.toml --format junit
  keysieve check --policy-example > policy.toml     a policy to begin with

Exit status: 0 nothing that must not be published; 1 something; 2 wrong usage or policy; 3 nothing, but something could \
not be read; 4 the run itself failed; 130 interrupted.";

/// What can be typed behind `check`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = EXAMPLES,
    mut_arg("fail_on", |arg| arg.default_value("low")),
)]
pub(super) struct Check {
    /// Exports: files, folders, archives; `-` for standard input
    #[arg(required_unless_present = "policy_example", value_name = "EXPORT")]
    exports: Vec<PathBuf>,
    /// What your organisation allows, as a file; see --policy-example
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Write an example of a policy, with comments, and end
    #[arg(long)]
    policy_example: bool,
    /// Tell lines, fields, ids and what was let pass as well
    #[arg(long)]
    details: bool,
    /// Believe the export: let `keysieve:allow` in it, and .keysieve.toml, .keysieveignore and .keysieve.baseline beside it, count
    #[arg(long, help_heading = "What is accepted")]
    trust_marks: bool,
    #[command(flatten)]
    accepting: Accepting,
    #[command(flatten)]
    options: Options,
}

/// Runs the command.
pub(super) fn run(check: &Check) -> Result<Status, Failure> {
    if check.policy_example {
        anstream::stdout().write_all(policy::EXAMPLE.as_bytes()).map_err(Failure::run)?;
        return Ok(Status::Clean);
    }
    let policy = check.policy.as_deref().map(policy_of).transpose()?;
    let inputs = check.exports.iter().map(|path| scan::input(path));
    let inputs: Vec<Input> = match &policy {
        // The flows are listed in a second reading, and standard input comes only once.
        Some(policy) if policy.wants_flows() => inputs.map(|input| held(input?)).collect::<Result<_, _>>()?,
        _ => inputs.collect::<Result<_, _>>()?,
    };
    let options = &check.options;
    let targets = Targets::with(
        options,
        Manner { format: Format::Plain, details: check.details, ..Manner::default() },
    )?;
    let roots = Roots::of_paths(check.exports.iter().map(PathBuf::as_path));
    let acceptances = check.accepting().read(&roots)?;
    let again = inputs.clone();
    scan::reported(inputs, options, |report, masker| {
        acceptances.apply(report, &roots, Unused::Told).map_err(Failure::usage)?;
        if let Some(policy) = &policy {
            let_pass(policy, report);
            breaches(policy, &again, options, report)?;
        }
        targets.write(report, masker, options)?;
        Ok(scan::status(report, options))
    })
}

impl Check {
    /// What stands beside an export, and in it, may come from a stranger: it counts only if that is trusted.
    fn accepting(&self) -> Accepting {
        let accept_nothing = self.accepting.accept_nothing || !self.trust_marks;
        Accepting { accept_nothing, ..self.accepting.clone() }
    }
}

/// Adds what a policy forbids in the flows of the inputs, and what of them could not be listed.
fn breaches(
    policy: &Policy,
    inputs: &[Input],
    options: &Options,
    report: &mut Report,
) -> Result<(), Failure> {
    let mut inventory = Inventory::default();
    if policy.wants_flows() {
        let (scanner, options) = (scan::scanner(options)?, scan::engine_options(options)?);
        inventory = inventory::flows(inputs, &scanner, &options).map_err(Failure::usage)?;
    }
    report.violations = Some(policy.violations(&inventory));
    let known = &report.coverage.gaps;
    let new: Vec<_> = inventory.gaps.into_iter().filter(|gap| !known.contains(gap)).collect();
    report.coverage.gaps.extend(new);
    Ok(())
}

/// Marks the findings that a policy lets pass.
fn let_pass(policy: &Policy, report: &mut Report) {
    for reported in report.findings.iter_mut().filter(|reported| reported.accepted.is_none()) {
        let reason = policy.allows(&reported.finding, reported.severity()).map(str::to_owned);
        reported.accepted =
            reason.map(|reason| Acceptance { reason: Some(reason), ..Acceptance::by("policy") });
    }
}

/// The longest policy, and the longest export on standard input that is held for one, in bytes.
const POLICY: u64 = 1 << 20;
const HELD: u64 = 256 << 20;

fn policy_of(path: &Path) -> Result<Policy, Failure> {
    let read = || -> anyhow::Result<String> {
        let mut text = String::new();
        File::open(path)?.take(POLICY + 1).read_to_string(&mut text)?;
        anyhow::ensure!(text.len() as u64 <= POLICY, "it has more than {POLICY} bytes");
        Ok(text)
    };
    let text = read().with_context(|| format!("cannot read the policy {}", path.display()));
    Policy::read(&path.display().to_string(), &text.map_err(Failure::usage)?).map_err(Failure::usage)
}

pub(super) fn held(input: Input) -> Result<Input, Failure> {
    let Input::Stdin(name) = input else { return Ok(input) };
    let mut bytes = Vec::new();
    std::io::stdin().lock().take(HELD + 1).read_to_end(&mut bytes).map_err(Failure::run)?;
    if bytes.len() as u64 > HELD {
        let why = "standard input is too long to be held for the policy; save it as a file and name that";
        return Err(Failure::usage(anyhow::anyhow!(why)));
    }
    Ok(Input::Bytes { name, bytes: bytes.into() })
}
