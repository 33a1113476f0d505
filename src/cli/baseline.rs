//! `keysieve baseline`: accept what is there today, in a file that lists it.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};

use super::accepting::Accepting;
use super::args::Options;
use super::{Failure, Status, git, output, scan};
use crate::accept::baseline::{Baseline as File, Said};
use crate::accept::{BASELINE, Roots, Unused};
use crate::engine::Input;
use crate::git::Repository;
use crate::mask::Masker;
use crate::report::Report;

const EXAMPLES: &str = "\
Examples:
  keysieve baseline create exports/ --who jane@example.org --reason 'known, ticket 17' --expires 2027-06-30
  keysieve baseline update exports/         add what is new
  keysieve baseline prune exports/          take out what is gone or has expired";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Baseline {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Make the file of what is found today
    Create(Scanned),
    /// Add what was found and is not accepted yet
    Update(Scanned),
    /// Take out what is no longer found, and what has expired
    Prune(Scanned),
}

#[derive(Debug, clap::Args)]
struct Scanned {
    /// Files, folders, archives
    #[arg(value_name = "PATH", default_value = ".")]
    paths: Vec<PathBuf>,
    /// What was ever committed, instead of PATH
    #[arg(long)]
    history: bool,
    /// The baseline
    #[arg(long, value_name = "FILE", default_value = BASELINE)]
    file: PathBuf,
    /// Why the findings are accepted
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Who accepts them
    #[arg(long, value_name = "NAME")]
    who: Option<String>,
    /// The last day that they are accepted on, as 2027-06-30
    #[arg(long, value_name = "DATE")]
    expires: Option<String>,
    /// Rules of what is accepted already, instead of .keysieve.toml
    #[arg(long, value_name = "FILE")]
    config: Vec<PathBuf>,
    #[command(flatten)]
    options: Options,
}

/// Runs the command.
pub(super) fn run(baseline: &Baseline) -> Result<Status, Failure> {
    match &baseline.action {
        Action::Create(scanned) => {
            if scanned.file.exists() {
                let file = scanned.file.display();
                return Err(Failure::usage(anyhow!(
                    "{file} is there already; `keysieve baseline update` adds to it"
                )));
            }
            let said = said(scanned)?;
            let (added, file) =
                on_report(scanned, None, |file, report, masker| add(file, report, masker, &said, scanned))?;
            write(&scanned.file, &file)?;
            tell(&scanned.file, &file, &format!("{added} added"))
        }
        Action::Update(scanned) => {
            let said = said(scanned)?;
            let (added, file) = on_report(scanned, Some(read(&scanned.file)?), |file, report, masker| {
                add(file, report, masker, &said, scanned)
            })?;
            write(&scanned.file, &file)?;
            tell(&scanned.file, &file, &format!("{added} added"))
        }
        Action::Prune(scanned) => {
            let (gone, file) =
                on_report(scanned, Some(read(&scanned.file)?), |file, report, _| file.prune(report))?;
            write(&scanned.file, &file)?;
            tell(&scanned.file, &file, &format!("{gone} taken out"))
        }
    }
}

fn said(scanned: &Scanned) -> Result<Said, Failure> {
    let said =
        Said { expires: scanned.expires.clone(), who: scanned.who.clone(), reason: scanned.reason.clone() };
    match said.is_valid() {
        true => Ok(said),
        false => {
            Err(Failure::usage(anyhow!("--expires is a date such as 2027-06-30, the last day that counts")))
        }
    }
}

/// Adds the findings of the view that nothing accepts.
fn add(file: &mut File, report: &Report, masker: &Masker, said: &Said, scanned: &Scanned) -> usize {
    let view = output::view(&scanned.options);
    file.add(report, report.shown(&view).filter(|reported| reported.accepted.is_none()), said, masker)
}

/// Scans, and changes the baseline that is there, or a new one.
fn on_report<T>(
    scanned: &Scanned,
    known: Option<File>,
    change: impl FnOnce(&mut File, &Report, &Masker) -> T,
) -> Result<(T, File), Failure> {
    let named = known.is_some().then(|| scanned.file.clone());
    let accepting =
        |accept_nothing| Accepting { config: scanned.config.clone(), baseline: None, accept_nothing };
    let judge = |report: &mut Report, masker: &Masker, roots: &Roots| {
        let mut acceptances = accepting(false).read(roots)?.without_baseline();
        if let Some(path) = &named {
            acceptances.baseline(path, true).map_err(Failure::usage)?;
        }
        acceptances.apply(report, roots, Unused::Untold).map_err(Failure::usage)?;
        let mut file = known.unwrap_or_else(|| File::new(report.key_id.as_deref()));
        let changed = change(&mut file, report, masker);
        Ok((changed, file))
    };
    if scanned.history {
        let repository = Repository::at(None);
        let roots = git::roots(&repository);
        return git::read_and(Some(""), &repository, &scanned.options, |report, masker| {
            judge(report, masker, &roots)
        });
    }
    let roots = Roots::of_paths(scanned.paths.iter().map(PathBuf::as_path));
    let inputs = scanned.paths.iter().map(|path| Input::Path(path.clone())).collect();
    scan::reported(inputs, &scanned.options, |report, masker| judge(report, masker, &roots))
}

/// Reads the baseline that is to be changed.
fn read(path: &Path) -> Result<File, Failure> {
    let text = fs::read_to_string(path).map_err(|error| {
        let way_out = if error.kind() == io::ErrorKind::NotFound {
            "; `keysieve baseline create` makes one"
        } else {
            ""
        };
        Failure::usage(anyhow!("cannot read {}: {error}{way_out}", path.display()))
    })?;
    File::parse(&text, &path.display().to_string()).map_err(Failure::usage)
}

/// Writes it beside its place first, so that it is there whole or not at all.
fn write(path: &Path, file: &File) -> Result<(), Failure> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    fs::write(&beside, file.text())
        .and_then(|()| fs::rename(&beside, path))
        .with_context(|| format!("cannot write {}", path.display()))
        .map_err(Failure::run)
}

fn tell(path: &Path, file: &File, what: &str) -> Result<Status, Failure> {
    let mut out = io::stdout().lock();
    let guessable = match file.place_only() {
        0 => String::new(),
        count => format!(
            "; {count} of them by their place alone, since their values could be guessed and there is no fingerprint key"
        ),
    };
    let said = writeln!(out, "{}: {what}, {} in all{guessable}.", path.display(), file.len());
    said.context("cannot write to standard output").map_err(Failure::run)?;
    Ok(Status::Clean)
}
