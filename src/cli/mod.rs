//! The command line: what was typed → what it means → one command → an exit status. The only room that writes to the
//! terminal or to files.

mod accepting;
mod args;
mod baseline;
mod check;
mod demo;
mod explain;
mod fingerprint;
mod git;
mod hook;
mod interrupt;
mod inventory;
mod manifest;
mod notify;
mod output;
mod pages;
mod place;
mod progress;
mod redact;
mod report;
mod scan;
mod signatures;
mod state;
mod sweep;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use self::args::{Args, Command};
use crate::detect::Detectors;
use crate::document::worker;
use crate::mask::Masker;
use crate::signature::{self, LoadError};

/// How a command ended; see `keysieve help`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Nothing at or above `--fail-on`, and everything was read.
    Clean = 0,
    /// Findings at or above `--fail-on`.
    Findings = 1,
    /// Wrong usage or configuration.
    Usage = 2,
    /// No such finding, but something could not be read.
    Incomplete = 3,
    /// The run itself failed.
    Failed = 4,
    /// Somebody ended it; what was found so far was reported.
    Interrupted = 130,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        ExitCode::from(status as u8)
    }
}

/// An error of the command line, with the status that it ends in.
#[derive(Debug)]
struct Failure {
    status: Status,
    error: anyhow::Error,
}

impl Failure {
    fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self { status: Status::Usage, error: error.into() }
    }

    fn run(error: impl Into<anyhow::Error>) -> Self {
        Self { status: Status::Failed, error: error.into() }
    }
}

/// Runs the command that the process was called with.
pub fn main() -> ExitCode {
    quiet_panics();
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            let status = if error.use_stderr() { Status::Usage } else { Status::Clean };
            let text = error.render().to_string();
            if status == Status::Usage && !detectors().spans(&text).is_empty() {
                say(text.lines());
            } else {
                let _ = error.print();
            }
            return status.into();
        }
    };
    let ended = match args.command {
        Command::Scan(scan) => scan::run(&scan),
        Command::Check(check) => check::run(&check),
        Command::Inventory(inventory) => inventory::run(&inventory),
        Command::Git(git) => git::run(&git),
        Command::Hook(hook) => hook::run(&hook),
        Command::Baseline(baseline) => baseline::run(&baseline),
        Command::Demo(demo) => demo::run(&demo),
        Command::Sweep(sweep) => sweep::run(&sweep),
        Command::Manifest(manifest) => manifest::run(&manifest),
        Command::Merge(merge) => manifest::merge(&merge),
        Command::State(state) => state::run(&state),
        Command::Explain(explain) => explain::run(&explain),
        Command::Report(report) => report::run(&report),
        Command::Fingerprint(fingerprint) => fingerprint::run(&fingerprint),
        Command::Completions(completions) => pages::completions(&completions),
        Command::Man(man) => pages::man(&man),
        Command::Redact(redact) => redact::run(&redact),
        Command::Signatures(args) => signatures::run(&args),
        Command::DecodeWorker { name } => decode(&name),
    };
    match ended {
        Ok(status) => status.into(),
        Err(Failure { status, error }) => {
            match error.downcast_ref::<LoadError>() {
                Some(LoadError { errors }) => say(errors.iter().map(|error| format!("keysieve: {error}"))),
                None => say([format!("keysieve: {error:#}")]),
            }
            status.into()
        }
    }
}

/// Takes a document apart for another keysieve.
fn decode(name: &str) -> Result<Status, Failure> {
    match worker::run(name) {
        Ok(true) => Ok(Status::Clean),
        Ok(false) => Err(Failure::usage(anyhow::anyhow!("no decoder of that name"))),
        Err(error) => Err(Failure::run(error)),
    }
}

/// Writes lines to standard error. What a path or a file put into an error comes from outside, like everything else, so
/// it is masked.
fn say(lines: impl IntoIterator<Item = impl AsRef<str>>) {
    let detectors = detectors();
    let detector = |text: &str| detectors.spans(text);
    let masker = Masker::new([], &detector);
    let mut out = io::stderr().lock();
    for line in lines {
        let _ = writeln!(out, "{}", masker.text(line.as_ref()));
    }
}

/// What secrets in errors are known by.
fn detectors() -> Detectors {
    Detectors::new(signature::built_in().iter().collect())
}

/// A panic in a decoder becomes a gap in the coverage; its message may hold a piece of the input, so it is not shown.
fn quiet_panics() {
    std::panic::set_hook(Box::new(|info| {
        let place = info
            .location()
            .map_or_else(String::new, |place| format!(" at {}:{}", place.file(), place.line()));
        let _ = writeln!(io::stderr().lock(), "keysieve: a part of the scan failed{place}; see the coverage");
    }));
}
