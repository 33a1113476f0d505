//! `keysieve check`: whether an export may be published, in plain words.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::args::Options;
use super::output::Manner;
use super::{Failure, Status, scan};
use crate::engine::Input;
use crate::policy::{self, Policy};
use crate::report::Format;

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
    let inputs = match &policy {
        // The flows are listed in a second reading, and standard input comes only once.
        Some(policy) if policy.wants_flows() => inputs.map(held).collect::<Result<_, _>>()?,
        _ => inputs.collect(),
    };
    let manner = Manner { format: Format::Plain, details: check.details };
    scan::inputs_judged(inputs, &check.options, manner, policy.as_ref())
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

fn held(input: Input) -> Result<Input, Failure> {
    let Input::Stdin(name) = input else { return Ok(input) };
    let mut bytes = Vec::new();
    std::io::stdin().lock().take(HELD + 1).read_to_end(&mut bytes).map_err(Failure::run)?;
    if bytes.len() as u64 > HELD {
        let why = "standard input is too long to be held for the policy; save it as a file and name that";
        return Err(Failure::usage(anyhow::anyhow!(why)));
    }
    Ok(Input::Bytes { name, bytes: bytes.into() })
}
