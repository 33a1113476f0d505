//! `keysieve scan`: the main job.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use zeroize::Zeroizing;

use super::args::{Options, Scan};
use super::output::{self, Targets};
use super::progress::Line;
use super::{Failure, Status, interrupt, say};
use crate::accept::{Roots, Unused};
use crate::budget::Budget;
use crate::detect::Detectors;
use crate::engine::{self, Input};
use crate::finding::{Finding, Secret};
use crate::fingerprint::Key;
use crate::mask::Masker;
use crate::report::{Report, Run};
use crate::scan::Scanner;
use crate::signature::{self, Signature, rules};
use crate::source::Address;

/// Runs the command.
pub(super) fn run(scan: &Scan) -> Result<Status, Failure> {
    let inputs = scan.paths.iter().map(|path| input(path)).collect::<Result<_, _>>()?;
    let roots = Roots::of_paths(scan.paths.iter().map(PathBuf::as_path));
    let acceptances = scan.accepting.read(&roots)?;
    scanned(inputs, &scan.options, |report, _| {
        acceptances.apply(report, &roots, Unused::Told).map_err(Failure::usage)
    })
}

pub(super) fn input(path: &Path) -> Result<Input, Failure> {
    let text = path.to_str().unwrap_or_default();
    match Address::parse(text) {
        _ if text == "-" => Ok(Input::Stdin("-".to_owned())),
        Some(Ok(address)) => Ok(Input::Remote(address)),
        Some(Err(error)) => Err(Failure::usage(error)),
        None => Ok(Input::Path(path.to_owned())),
    }
}

/// Scans, writes what was asked for, and says how it ended.
pub(super) fn inputs_to_report(inputs: Vec<Input>, options: &Options) -> Result<Status, Failure> {
    scanned(inputs, options, |_, _| Ok(()))
}

/// The same; `judge` sees the report before it is written.
fn scanned(
    inputs: Vec<Input>,
    options: &Options,
    judge: impl FnOnce(&mut Report, &Masker) -> Result<(), Failure>,
) -> Result<Status, Failure> {
    let targets = Targets::new(options)?;
    reported(inputs, options, |report, masker| {
        judge(report, masker)?;
        targets.write(report, masker, options)?;
        Ok(status(report, options))
    })
}

/// Scans, and does something with the report.
pub(super) fn reported<T>(
    inputs: Vec<Input>,
    options: &Options,
    end: impl FnOnce(&mut Report, &Masker) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let scanner = scanner(options)?;
    let key = key(options)?;
    let far = inputs.iter().any(|input| matches!(input, Input::Remote(_)));
    let engine_options = engine_options(options)?.far(far && options.threads.is_none());
    let started = Instant::now();
    let line = Line::new(options);
    let outcome = engine::run(&inputs, &scanner, &engine_options, &*line.counters).map_err(Failure::usage)?;
    line.finish();
    let secrets: Vec<_> = outcome.findings.iter().flat_map(Finding::secrets).cloned().collect();
    let detector = |text: &str| scanner.detectors.spans(text);
    let masker = Masker::new(&secrets, &detector);
    let run = Run {
        inputs: inputs.iter().map(Input::shown).collect(),
        findings: outcome.findings,
        coverage: outcome.coverage,
        settings: settings(options),
        now: scanner.now,
        duration: started.elapsed(),
        key: key.as_ref(),
    };
    end(&mut Report::new(run, &masker), &masker)
}

/// The key that fingerprints are made with.
pub(super) fn key(options: &Options) -> Result<Option<Key>, Failure> {
    options.fingerprint_key_file.as_deref().map(Key::from_file).transpose().map_err(Failure::usage)
}

/// What the options say of looking.
pub(super) fn scanner(options: &Options) -> Result<Scanner, Failure> {
    let signatures = signatures(&options.signatures, options.quiet)?;
    Ok(scanner_of(signatures, budget(options), options.now))
}

/// A scanner for these signatures.
pub(super) fn scanner_of(
    signatures: Vec<&'static Signature>,
    budget: Budget,
    now_is: Option<i64>,
) -> Scanner {
    Scanner {
        detectors: Detectors::new(signatures),
        budget,
        now: now_is.unwrap_or_else(now),
        worker: std::env::current_exe().ok(),
    }
}

/// The built-in signatures and those of the user's own.
pub(super) fn signatures(own: &[PathBuf], quiet: bool) -> Result<Vec<&'static Signature>, Failure> {
    let mut signatures: Vec<_> = signature::built_in().iter().collect();
    signatures.extend(signatures_of(own, !quiet)?);
    Ok(signatures)
}

/// Those of the user's own: folders, files, and rule files, of which it is said what they cannot carry over.
pub(super) fn signatures_of(own: &[PathBuf], says: bool) -> Result<Vec<&'static Signature>, Failure> {
    let mut signatures = Vec::new();
    for path in own {
        if !rules::is_rules(path) {
            signatures.extend(signature::load(path).map_err(Failure::usage)?);
            continue;
        }
        let rules = rules::load(path).map_err(Failure::usage)?;
        if says {
            say(rules.notes.iter().map(|note| format!("keysieve: {}: {note}", path.display())));
        }
        signatures.extend(rules.signatures);
    }
    Ok(signatures)
}

pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    since.as_secs().try_into().unwrap_or(i64::MAX)
}

fn budget(options: &Options) -> Budget {
    let default = Budget::default();
    Budget {
        depth: options.max_depth.unwrap_or(default.depth),
        members: options.max_members.unwrap_or(default.members),
        expanded: options.max_expanded.unwrap_or(default.expanded),
        run_expanded: options.max_run_expanded.unwrap_or(default.run_expanded),
        ratio: options.max_ratio.unwrap_or(default.ratio),
        findings: options.max_findings.unwrap_or(default.findings),
        ..default
    }
}

/// What the options say of the run.
pub(super) fn engine_options(options: &Options) -> Result<engine::Options, Failure> {
    let default = engine::Options::default();
    let exclude = engine::excludes(options.exclude.iter().map(String::as_str)).map_err(Failure::usage)?;
    let passwords = options.archive_password_file.as_deref().map(passwords).transpose()?.unwrap_or_default();
    let threads = options.threads.unwrap_or(default.threads);
    let deadline = options.deadline.map(Duration::from_secs);
    Ok(engine::Options { threads, exclude, passwords: passwords.into(), deadline, stop: interrupt::flag() })
}

/// The most passwords that are tried: each costs time at each member that it does not open.
const PASSWORDS: usize = 100;

/// The longest file of passwords, in bytes.
const PASSWORD_FILE: u64 = 64 << 10;

/// Reads passwords, one a line, whatever their encoding.
fn passwords(path: &Path) -> Result<Vec<Secret>, Failure> {
    let read = || -> anyhow::Result<Vec<Secret>> {
        let mut text = Zeroizing::new(Vec::with_capacity(PASSWORD_FILE as usize + 1));
        File::open(path)?.take(PASSWORD_FILE + 1).read_to_end(&mut text)?;
        anyhow::ensure!(text.len() as u64 <= PASSWORD_FILE, "it has more than {PASSWORD_FILE} bytes");
        let lines = text.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let passwords: Vec<_> = lines.filter(|line| !line.is_empty()).map(Secret::new).collect();
        anyhow::ensure!(passwords.len() <= PASSWORDS, "it has more than {PASSWORDS} passwords");
        Ok(passwords)
    };
    read().with_context(|| format!("cannot read the passwords {}", path.display())).map_err(Failure::usage)
}

/// The settings that change what is found, as the report names them.
pub(super) fn settings(options: &Options) -> Vec<(String, String)> {
    let mut settings = vec![("fail-on".to_owned(), options.fail_on.name().to_owned())];
    settings.extend(options.exclude.iter().map(|glob| ("exclude".to_owned(), glob.clone())));
    settings.extend(
        options.signatures.iter().map(|folder| ("signatures".to_owned(), folder.display().to_string())),
    );
    settings
}

/// How a run ended.
pub(super) fn status(report: &Report, options: &Options) -> Status {
    let worst = report.worst(&output::view(options));
    match worst {
        _ if interrupt::happened() => Status::Interrupted,
        _ if report.violations.as_ref().is_some_and(|violations| !violations.is_empty()) => Status::Findings,
        Some(worst) if worst >= options.fail_on => Status::Findings,
        _ if report.is_complete() || options.allow_incomplete => Status::Clean,
        _ => Status::Incomplete,
    }
}
