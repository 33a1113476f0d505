//! What can be typed.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

use super::accepting::Accepting;
use super::baseline::Baseline;
use super::git::Git;
use super::hook::Hook;
use crate::finding::{Confidence, LifetimeClass, Severity};
use crate::report::Format;

const EXAMPLES: &str = "\
Examples:
  keysieve demo                           see it work, with nothing prepared
  keysieve check Solution.zip             may this flow be published?
  keysieve scan exports/ shared-drive/    find what lies around
  keysieve scan export.zip --output html=report.html

`keysieve COMMAND -h` tells the options of a command, `--help` all of them.

Exit status: 0 nothing at or above --fail-on; 1 findings; 2 wrong usage; 3 no such finding, but something could not be \
read; 4 the run itself failed; 130 interrupted.";

const SCAN_EXAMPLES: &str = "\
Examples:
  keysieve scan exports/
  keysieve scan a.zip b.json --format json --output html=report.html
  cat dump.json | keysieve scan -

Exit status: 0 nothing at or above --fail-on; 1 findings; 2 wrong usage; 3 no such finding, but something could not be \
read; 4 the run itself failed; 130 interrupted.";

/// Finds long-lived credentials in exports of no-code platforms, and says whose they are.
#[derive(Debug, Parser)]
#[command(name = "keysieve", version, after_help = EXAMPLES, propagate_version = true)]
pub(super) struct Args {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Scan files, folders and archives
    Scan(Scan),
    /// Say in plain words whether an export may be published, and what to mend first
    Check(super::check::Check),
    /// Make a clean copy of an export, each credential replaced by a reference or a placeholder
    Redact(super::redact::Redact),
    /// List flows: whose they are, what starts them, what they reach, and the secrets in them
    Inventory(super::inventory::Inventory),
    /// Scan what is staged in git, or what was ever committed
    Git(Git),
    /// Put keysieve before each commit of a repository, or take it out again
    Hook(Hook),
    /// Accept what is there today
    Baseline(Baseline),
    /// Make two small exports in memory and scan them: the main job with nothing prepared
    Demo(Demo),
    /// Sweep shared folders: read what changed, tell what is new, still open, gone or back
    Sweep(Box<super::sweep::Sweep>),
    /// List all files of shared folders, so that several machines can sweep them
    Manifest(Box<super::manifest::Manifest>),
    /// Bring what several machines found into the state
    Merge(Box<super::manifest::Merge>),
    /// Look at what the sweeps know, and settle it
    State(Box<super::state::State>),
    /// Say why a value is a finding, or why not
    Explain(super::explain::Explain),
    /// Turn one saved result into another format
    Report(super::report::Command),
    /// Tell the fingerprint of a value, to look it up in reports; make a key for fingerprints
    Fingerprint(super::fingerprint::Fingerprint),
    /// Write completions for a shell
    Completions(super::pages::Completions),
    /// Write manual pages
    Man(super::pages::Man),
    /// Look at signatures, try them on a text, check one's own
    Signatures(Signatures),
    /// Take a document on standard input apart, in a process that limits itself
    #[command(hide = true)]
    DecodeWorker {
        /// The decoder
        name: String,
    },
}

#[derive(Debug, clap::Args)]
#[command(after_help = SCAN_EXAMPLES)]
pub(super) struct Scan {
    /// Files, folders, archives; `-` for standard input; s3://bucket/key and other stores (builds with the feature `remote`)
    #[arg(required = true, value_name = "PATH")]
    pub(super) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) accepting: Accepting,
    #[command(flatten)]
    pub(super) options: Options,
}

#[derive(Debug, clap::Args)]
pub(super) struct Demo {
    /// Also write the two exports into this folder
    #[arg(long, value_name = "DIR")]
    pub(super) keep: Option<PathBuf>,
    #[command(flatten)]
    pub(super) options: Options,
}

const SIGNATURES: &str = "\
Examples:
  keysieve signatures list --vendor stripe
  keysieve signatures show stripe-live-secret-key
  keysieve signatures test export.json        which suspicions stand, and why the others do not
  keysieve signatures lint my-signatures/     every example through the detectors and filters";

#[derive(Debug, clap::Args)]
#[command(after_help = SIGNATURES)]
pub(super) struct Signatures {
    #[command(subcommand)]
    pub(super) command: SignaturesCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum SignaturesCommand {
    /// All signatures: id, severity, lifetime, what it is
    List {
        /// Only this vendor's
        #[arg(long, value_name = "VENDOR")]
        vendor: Option<String>,
        /// Signatures of your own as well: a folder, a file, or a rule file
        #[arg(long = "signatures", value_name = "PATH")]
        own: Vec<PathBuf>,
    },
    /// One signature: what it looks like, how long it lives, where one revokes it
    Show {
        /// Its id
        id: String,
        /// Signatures of your own as well: a folder, a file, or a rule file
        #[arg(long = "signatures", value_name = "PATH")]
        own: Vec<PathBuf>,
    },
    /// Which suspicions a text raises, and whether they stand; no value is shown
    Test {
        /// A file of text; `-` for standard input
        #[arg(value_name = "FILE", default_value = "-")]
        file: PathBuf,
        /// Signatures of your own as well: a folder, a file, or a rule file
        #[arg(long = "signatures", value_name = "PATH")]
        own: Vec<PathBuf>,
    },
    /// Read signatures of your own, and try their examples among the built-in ones
    Lint {
        /// Folders, files, or rule files
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
    },
}

/// What commands that scan have in common.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Options {
    /// How to write the report: human, plain, json, jsonl, sarif, html, csv, junit, gitlab, github or markdown
    #[arg(long, value_name = "FORMAT", value_parser = format, help_heading = "Output")]
    pub(super) format: Option<Format>,
    /// Write to a file, as FORMAT=FILE or FILE; may be given several times
    #[arg(long, short, value_name = "[FORMAT=]FILE", help_heading = "Output")]
    pub(super) output: Vec<String>,
    /// Leave out what differs from run to run
    #[arg(long, help_heading = "Output", hide_short_help = true)]
    pub(super) reproducible: bool,
    /// Write the secrets themselves into the report
    #[arg(long, help_heading = "Output", hide_short_help = true)]
    pub(super) show_secrets: bool,
    /// No progress bar
    #[arg(long, help_heading = "Output", hide_short_help = true)]
    pub(super) no_progress: bool,
    /// Nothing but errors on the terminal
    #[arg(long, short, help_heading = "Output")]
    pub(super) quiet: bool,

    /// Exit with 1 from this severity on
    #[arg(long, value_name = "SEVERITY", default_value = "medium", value_parser = severity, help_heading = "What counts")]
    pub(super) fail_on: Severity,
    /// Only these lifetimes, with commas: long-lived, expiring, short-lived, expired, unknown; or all
    #[arg(long, value_name = "CLASS,…", value_parser = lifetime, value_delimiter = ',', help_heading = "What counts", hide_short_help = true)]
    pub(super) lifetime: Vec<Lifetimes>,
    /// Only findings at least this bad: info, low, medium, high, critical
    #[arg(long, value_name = "SEVERITY", default_value = "info", value_parser = severity, help_heading = "What counts", hide_short_help = true)]
    pub(super) min_severity: Severity,
    /// Only findings at least this sure: low, medium, high
    #[arg(long, value_name = "CONFIDENCE", default_value = "low", value_parser = confidence, help_heading = "What counts", hide_short_help = true)]
    pub(super) min_confidence: Confidence,
    /// Do not exit with 3 when something could not be read
    #[arg(long, help_heading = "What counts", hide_short_help = true)]
    pub(super) allow_incomplete: bool,

    /// Leave out paths that match this glob (a name, or a path from PATH on); may be given several times
    #[arg(long, value_name = "GLOB", help_heading = "What is scanned")]
    pub(super) exclude: Vec<String>,
    /// Signatures of your own: a folder of files in the form of signatures/README.md, one such file, or a rule file of
    /// Gitleaks or Betterleaks (what it cannot carry over is said)
    #[arg(long, value_name = "PATH", help_heading = "What is scanned", hide_short_help = true)]
    pub(super) signatures: Vec<PathBuf>,
    /// A file of at most 100 passwords, one a line, that locked members of zip and 7z are tried with
    #[arg(long, value_name = "FILE", help_heading = "What is scanned", hide_short_help = true)]
    pub(super) archive_password_file: Option<PathBuf>,
    /// The clock that expiries are judged by, as 2026-11-23T00:00:00Z; the system's if not given
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "What is scanned", hide_short_help = true)]
    pub(super) now: Option<i64>,
    /// A file of 32 random bytes that fingerprints are keyed with
    #[arg(
        long,
        value_name = "FILE",
        env = "KEYSIEVE_FINGERPRINT_KEY_FILE",
        help_heading = "What is scanned",
        hide_short_help = true
    )]
    pub(super) fingerprint_key_file: Option<PathBuf>,

    /// Threads to use
    #[arg(long, value_name = "N", value_parser = threads, help_heading = "Limits", hide_short_help = true)]
    pub(super) threads: Option<NonZeroUsize>,
    /// Containers within containers that are opened
    #[arg(long, value_name = "N", help_heading = "Limits", hide_short_help = true)]
    pub(super) max_depth: Option<usize>,
    /// Members of one container that are looked at
    #[arg(long, value_name = "N", help_heading = "Limits", hide_short_help = true)]
    pub(super) max_members: Option<usize>,
    /// Bytes that may unpack out of one input
    #[arg(long, value_name = "BYTES", help_heading = "Limits", hide_short_help = true)]
    pub(super) max_expanded: Option<u64>,
    /// Bytes that may unpack out of all inputs together
    #[arg(long, value_name = "BYTES", help_heading = "Limits", hide_short_help = true)]
    pub(super) max_run_expanded: Option<u64>,
    /// How many times its own size an input may unpack to, above a floor
    #[arg(long, value_name = "N", help_heading = "Limits", hide_short_help = true)]
    pub(super) max_ratio: Option<u64>,
    /// Findings of one file that are listed
    #[arg(long, value_name = "N", help_heading = "Limits", hide_short_help = true)]
    pub(super) max_findings: Option<usize>,
    /// Begin nothing more after so long; what was not begun is reported as not read
    #[arg(long, value_name = "SECONDS", help_heading = "Limits", hide_short_help = true)]
    pub(super) deadline: Option<u64>,
}

/// One word of `--lifetime`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lifetimes {
    All,
    One(LifetimeClass),
}

fn format(name: &str) -> Result<Format, String> {
    Format::from_name(name).ok_or_else(|| one_of(Format::ALL.iter().map(|format| format.name())))
}

pub(super) fn severity(name: &str) -> Result<Severity, String> {
    Severity::from_name(name).ok_or_else(|| one_of(Severity::ALL.iter().map(|severity| severity.name())))
}

fn confidence(name: &str) -> Result<Confidence, String> {
    Confidence::from_name(name)
        .ok_or_else(|| one_of(Confidence::ALL.iter().map(|confidence| confidence.name())))
}

fn lifetime(name: &str) -> Result<Lifetimes, String> {
    match LifetimeClass::from_name(name) {
        Some(class) => Ok(Lifetimes::One(class)),
        None if name == "all" => Ok(Lifetimes::All),
        None => Err(one_of(LifetimeClass::ALL.iter().map(|class| class.name()).chain(["all"]))),
    }
}

pub(super) fn threads(text: &str) -> Result<NonZeroUsize, String> {
    text.parse().map_err(|_| "expected a number from 1 on".to_owned())
}

pub(super) fn time(text: &str) -> Result<i64, String> {
    time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339)
        .map(time::OffsetDateTime::unix_timestamp)
        .map_err(|_| "expected a time such as 2026-11-23T00:00:00Z".to_owned())
}

fn one_of<'a>(names: impl Iterator<Item = &'a str>) -> String {
    format!("expected one of {}", names.collect::<Vec<_>>().join(", "))
}
