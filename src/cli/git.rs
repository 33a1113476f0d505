//! `keysieve git`: what is staged, or what was ever committed.

use std::io::{self, Write};
use std::time::Instant;

use anyhow::Context;

use super::accepting::Accepting;
use super::args::Options;
use super::output::{self, Targets};
use super::progress::Line;
use super::{Failure, Status, say, scan};
use crate::accept::{CONFIG, Roots, Unused};
use crate::container::Outcome;
use crate::engine::Session;
use crate::finding::{Confidence, Finding};
use crate::git::{self, Repository, history, staged};
use crate::mask::Masker;
use crate::report::{Commit, Report, Reported, Run, View};

const EXAMPLES: &str = "\
Examples:
  keysieve git --staged                     what the next commit would add
  keysieve git --history                    everything that was ever committed
  keysieve git --history main..HEAD         what a branch brings
  keysieve hook install                     --staged before each commit";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, group = clap::ArgGroup::new("what").required(true))]
pub(super) struct Git {
    /// What is staged and was not in the same file before
    #[arg(long, group = "what")]
    staged: bool,
    /// Every object of the repository once, or what the commits of RANGE (as main..HEAD) have brought
    #[arg(long, group = "what", value_name = "RANGE", num_args = 0..=1, default_missing_value = "")]
    history: Option<String>,
    /// As the pre-commit hook: say nothing where there is nothing to say, stop only for findings that are at least
    /// likely, and let what could not be read pass with a warning
    #[arg(long, requires = "staged")]
    hook: bool,
    #[command(flatten)]
    accepting: Accepting,
    #[command(flatten)]
    options: Options,
}

/// What was read of a repository.
struct Read {
    outcome: Outcome,
    commits: Vec<Option<Commit>>,
}

/// Runs the command.
pub(super) fn run(git: &Git) -> Result<Status, Failure> {
    let repository = Repository::at(None);
    let range = git.history.as_deref();
    let targets = Targets::new(&git.options)?;
    let roots = roots(&repository);
    let acceptances = git.accepting.read(&roots)?;
    // Only all of the history tells that something is nowhere any more.
    let unused = if range == Some("") { Unused::Told } else { Unused::Untold };
    read_and(range, &repository, &git.options, |report, masker| {
        acceptances.apply(report, &roots, unused).map_err(Failure::usage)?;
        if git.hook {
            return before_commit(report, masker, &targets, git, &repository);
        }
        targets.write(report, masker, &git.options)?;
        Ok(scan::status(report, &git.options))
    })
}

/// Where the paths of a repository lie.
pub(super) fn roots(repository: &Repository) -> Roots {
    Roots(repository.top.iter().map(|top| (String::new(), top.clone())).collect())
}

/// Reads what is staged (no `range`) or the history (of an empty range all of it), and does something with the report.
pub(super) fn read_and<T>(
    range: Option<&str>,
    repository: &Repository,
    options: &Options,
    end: impl FnOnce(&mut Report, &Masker) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let scanner = scan::scanner(options)?;
    let key = scan::key(options)?;
    let engine_options = scan::engine_options(options)?;
    let started = Instant::now();
    let line = Line::new(options);
    let mut session = Session::new(&scanner, &engine_options, &*line.counters);
    let read = read(range, repository, &mut session);
    line.finish();
    let Read { outcome, commits } = read.map_err(failure)?;
    let secrets: Vec<_> = outcome.findings.iter().flat_map(Finding::secrets).cloned().collect();
    let detector = |text: &str| scanner.detectors.spans(text);
    let masker = Masker::new(&secrets, &detector);
    let run = Run {
        inputs: vec![input(range)],
        findings: outcome.findings,
        coverage: outcome.coverage,
        settings: scan::settings(options),
        now: scanner.now,
        duration: started.elapsed(),
        key: key.as_ref(),
    };
    let mut report = Report::new(run, &masker);
    for (reported, commit) in report.findings.iter_mut().zip(commits) {
        reported.commit = commit;
    }
    end(&mut report, &masker)
}

/// What was looked at, as reports name it.
fn input(range: Option<&str>) -> String {
    match range {
        None => "git --staged".to_owned(),
        Some("") => "git --history".to_owned(),
        Some(range) => format!("git --history {range}"),
    }
}

fn read(range: Option<&str>, repository: &Repository, session: &mut Session) -> Result<Read, git::Error> {
    let Some(range) = range else {
        return Ok(Read { outcome: staged::scan(repository, session)?, commits: Vec::new() });
    };
    let range = (!range.is_empty()).then_some(range);
    let history::History { outcome, commits, uncommitted } = history::scan(repository, range, session)?;
    if uncommitted > 0 {
        say([format!(
            "keysieve: {uncommitted} more in objects that were staged at some time and never committed; \
             `git gc --prune=now` takes them away"
        )]);
    }
    Ok(Read { outcome, commits })
}

fn failure(error: git::Error) -> Failure {
    match error {
        git::Error::Broken(_) => Failure::run(error),
        _ => Failure::usage(error),
    }
}

/// The end of a hook: silence, a warning, or why the commit stops and what to do.
fn before_commit(
    report: &Report,
    masker: &Masker,
    targets: &Targets,
    git: &Git,
    repository: &Repository,
) -> Result<Status, Failure> {
    let view = view(git);
    let mut options = git.options.clone();
    (options.min_severity, options.min_confidence) = (view.min_severity, view.min_confidence);
    let stopped: Vec<&Reported> = report.shown(&view).filter(|it| it.accepted.is_none()).collect();
    if !stopped.is_empty() || !git.options.output.is_empty() || git.options.format.is_some() {
        targets.write(report, masker, &options)?;
    }
    if stopped.is_empty() {
        warn(report, masker)?;
        return Ok(Status::Clean);
    }
    if !git.options.quiet {
        let who = repository.line(&["config", "user.email"]).unwrap_or_default();
        tell(&stopped, masker, &who).context("cannot write to standard error").map_err(Failure::run)?;
    }
    Ok(Status::Findings)
}

/// What stops a commit.
fn view(git: &Git) -> View {
    let view = output::view(&git.options);
    View {
        min_severity: view.min_severity.max(git.options.fail_on),
        min_confidence: view.min_confidence.max(Confidence::Medium),
        ..view
    }
}

/// What could not be read stops no commit.
fn warn(report: &Report, masker: &Masker) -> Result<(), Failure> {
    let mut err = io::stderr().lock();
    for gap in &report.coverage.gaps {
        let place = masker.text(&gap.provenance.to_string());
        let detail =
            if gap.detail.is_empty() { gap.reason.name().to_owned() } else { masker.text(&gap.detail) };
        writeln!(
            err,
            "keysieve: warning: {place} could not be read, or not whole ({detail}); look at it yourself"
        )
        .map_err(Failure::run)?;
    }
    Ok(())
}

/// What to do, and how to accept.
fn tell(stopped: &[&Reported], masker: &Masker, who: &str) -> io::Result<()> {
    let mut err = io::stderr().lock();
    let credentials = if stopped.len() == 1 { "a credential" } else { "credentials" };
    writeln!(err, "\nkeysieve stopped this commit: it would add {credentials} to the repository.\n")?;
    writeln!(err, "What to do:")?;
    writeln!(
        err,
        "  1. Take each one out of its file, as \"store\" above says, and stage the file again with git add."
    )?;
    writeln!(
        err,
        "  2. If it was ever in use, revoke it, as \"revoke\" says: others may have seen it by now.\n"
    )?;
    writeln!(
        err,
        "If one is no credential (a sample, a made-up value), accept it: paste its lines into {CONFIG} at the"
    )?;
    writeln!(err, "root of the repository, fill in the reason, and stage that file too.\n")?;
    for reported in stopped {
        let location = &reported.finding.location;
        let line = location.line.map(|line| format!(", line {line}")).unwrap_or_default();
        let title = masker.text(reported.finding.signature.description);
        let place = masker.text(&location.provenance.to_string());
        writeln!(err, "    [[accept]]   # {title} in {place}{line}")?;
        writeln!(err, "    fingerprint = \"{}\"", reported.fingerprint)?;
        writeln!(err, "    reason = \"\"")?;
        writeln!(err, "    who = \"{}\"\n", masker.text(&plain(who)))?;
    }
    Ok(())
}

/// A name that needs no escapes in a TOML string.
fn plain(who: &str) -> String {
    who.chars().filter(|c| !c.is_control() && !matches!(c, '"' | '\\')).collect()
}
