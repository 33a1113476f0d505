//! `keysieve sweep`: roots and a state → what changed since the last sweep.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;

use super::args::{self, Options};
use super::notify::Notify;
use super::output::{self, Targets};
use super::progress::Line;
use super::{Failure, Status, scan};
use crate::finding::Severity;
use crate::mask::Masker;
use crate::report::{self, LifeState, Report};
use crate::sweep::{self, Limits, Looking, Shard, Store, Swept, Which};

const EXAMPLES: &str = "\
Examples:
  keysieve sweep /srv/shares --state /var/lib/keysieve/shares.state
  keysieve sweep s3://bucket/exports webdav://cloud.example.com/dav --state stores.state
  keysieve sweep /mnt/finance /mnt/hr --state s.state --max-time 4h --nice --output sarif=changed.sarif
  keysieve state findings --state s.state

Exit status: 0 nothing new or reopened at or above --fail-on; 1 there is; 2 wrong usage; 3 no such finding, but something \
new could not be read, a root was not there, or the time was over; 4 the run itself failed; 130 interrupted.";

/// What can be typed behind `keysieve sweep`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Sweep {
    /// Folders to sweep; what is mounted there is read, never written. Or stores: s3://, az://, gs://, webdav://, sftp://,
    /// onedrive://, gdrive:// (builds with the feature `remote`)
    #[arg(required_unless_present = "manifest", value_name = "ROOT")]
    roots: Vec<PathBuf>,
    /// Where the sweeps remember; made if it is not there, with its key (FILE.key) beside it
    #[arg(long, value_name = "FILE", required_unless_present = "manifest")]
    state: Option<PathBuf>,
    /// Leave files alone that last changed before this: a time, or 7d, 12h ago
    #[arg(long, value_name = "TIME", value_parser = since, help_heading = "Sweep")]
    since: Option<Since>,
    /// Begin nothing more after so long (90s, 30m, 4h); the next sweep goes on
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "Sweep")]
    max_time: Option<Duration>,
    /// Read no more bytes of files a second, on average
    #[arg(long, value_name = "BYTES", help_heading = "Sweep")]
    max_bytes_per_second: Option<u64>,
    /// Give way to other processes
    #[arg(long, help_heading = "Sweep")]
    nice: bool,
    /// Do not trust times and sizes: read each file, and compare its content with what it was
    #[arg(long, help_heading = "Sweep")]
    verify_content: bool,
    /// A root on another device than last time, or empty all of a sudden, is meant to be so
    #[arg(long, help_heading = "Sweep")]
    accept_roots: bool,
    /// Report all that the state knows, not only what changed
    #[arg(long, help_heading = "Sweep")]
    all: bool,
    /// Scan a shard of this list (`keysieve manifest`) instead of roots
    #[arg(long, value_name = "FILE", requires_all = ["shard", "part"], conflicts_with_all = ["roots", "state"], help_heading = "Several machines")]
    manifest: Option<PathBuf>,
    /// Which shard, as 3/8
    #[arg(long, value_name = "I/N", value_parser = super::manifest::shard, requires = "manifest", help_heading = "Several machines")]
    shard: Option<Shard>,
    /// Where what the shard gave goes, for `keysieve merge`
    #[arg(long, value_name = "FILE", requires = "manifest", help_heading = "Several machines")]
    part: Option<PathBuf>,
    #[command(flatten)]
    outputs: Outputs,
    #[command(flatten)]
    notify: Notify,
    #[command(flatten)]
    options: Options,
}

/// Outputs that only sweeps have.
#[derive(Debug, clap::Args)]
pub(super) struct Outputs {
    /// Write what changed as OCSF events (Data Security Finding, a JSON object a line)
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    ocsf: Option<PathBuf>,
    /// Write metrics for the textfile collector of Prometheus' node exporter
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    metrics: Option<PathBuf>,
}

impl Outputs {
    /// Writes them, each whole or not at all: others read them while they change.
    pub(super) fn write(&self, report: &Report, masker: &Masker, options: &Options) -> Result<(), Failure> {
        let settings = report::Options { view: output::view(options), ..report::Options::default() };
        if let Some(path) = &self.ocsf {
            whole(path, |out| report::ocsf::write(report, masker, &settings, out))?;
        }
        if let Some(path) = &self.metrics {
            whole(path, |out| report::metrics::write(report, out))?;
        }
        Ok(())
    }
}

fn whole(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    let written = || -> io::Result<()> {
        let mut out = BufWriter::new(File::create(&new)?);
        write(&mut out)?;
        out.into_inner()?.sync_all()?;
        std::fs::rename(&new, path)
    };
    written().with_context(|| format!("cannot write {}", path.display())).map_err(Failure::run)
}

#[derive(Clone, Copy, Debug)]
enum Since {
    At(i64),
    Ago(Duration),
}

fn since(text: &str) -> Result<Since, String> {
    match duration(text) {
        Ok(ago) => Ok(Since::Ago(ago)),
        Err(_) => args::time(text).map(Since::At),
    }
}

/// `90s`, `30m`, `4h`, `7d`, or seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let units = [("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)];
    let unit = units.iter().find_map(|(name, seconds)| Some((text.strip_suffix(name)?, *seconds)));
    let (number, seconds) = unit.unwrap_or((text, 1));
    let number: u64 = number.parse().map_err(|_| "expected a time such as 90s, 30m, 4h or 7d".to_owned())?;
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(|| "too long".to_owned())
}

/// An error of the state, with the status that it ends in.
pub(super) fn failure(error: sweep::Error) -> Failure {
    if error.is_usage() { Failure::usage(error) } else { Failure::run(error) }
}

/// Runs the command.
pub(super) fn run(sweep: &Sweep) -> Result<Status, Failure> {
    check(&sweep.options)?;
    let options = &sweep.options;
    if let (Some(manifest), Some(shard), Some(part)) = (&sweep.manifest, sweep.shard, &sweep.part) {
        return super::manifest::part(manifest, shard, part, options);
    }
    let state = sweep.state.as_deref().unwrap_or(Path::new(""));
    let targets = Targets::new(options)?;
    let scanner = scan::scanner(options)?;
    let mut store = Store::open(state, options.fingerprint_key_file.as_deref()).map_err(failure)?;
    let roots = sweep::roots(&store.key, &sweep.roots).map_err(failure)?;
    let far = roots.iter().any(sweep::Root::is_far);
    let engine_options = scan::engine_options(options)?.far(far && options.threads.is_none());
    if sweep.nice {
        give_way();
    }
    let started = Instant::now();
    let limits = limits(sweep, scanner.now);
    let line = Line::new(options);
    let looking = Looking {
        scanner: &scanner,
        options: &engine_options,
        limits: &limits,
        progress: &*line.counters,
        guarded: true,
        exclude: &options.exclude,
        notify: sweep.notify.least(),
    };
    let swept = sweep::run(&mut store, &roots, &looking).map_err(failure)?;
    line.finish();
    let made = |which| -> Result<Report, Failure> {
        let mut report = sweep::report(&store, which, scanner.now, Some(&swept)).map_err(failure)?;
        report.inputs = roots.iter().map(|root| root.shown.clone()).collect();
        report.settings = scan::settings(options);
        report.duration = started.elapsed();
        Ok(report)
    };
    let changed = made(Which::Changed(swept.sweep.number))?;
    let detector = |text: &str| scanner.detectors.spans(text);
    let masker = Masker::new([], &detector);
    if sweep.all {
        targets.write(&made(Which::All)?, &masker, options)?;
    } else {
        targets.write(&changed, &masker, options)?;
    }
    sweep.outputs.write(&changed, &masker, options)?;
    sweep.notify.deliver(&store)?;
    Ok(status(&changed, &swept, options))
}

/// Refuses options of other commands that would mean something else here.
pub(super) fn check(options: &Options) -> Result<(), Failure> {
    let refused = [
        (options.show_secrets, "--show-secrets: a state holds no secrets, so a sweep cannot show them"),
        (options.deadline.is_some(), "--deadline: a sweep that ends early goes on next time; use --max-time"),
        (options.max_run_expanded.is_some(), "--max-run-expanded: each file of a sweep has its own budget"),
    ];
    match refused.iter().find(|(given, _)| *given) {
        Some((_, why)) => Err(Failure::usage(anyhow::anyhow!("{why}"))),
        None => Ok(()),
    }
}

fn limits(sweep: &Sweep, now: i64) -> Limits {
    let ago = |ago: Duration| now.saturating_sub(i64::try_from(ago.as_secs()).unwrap_or(i64::MAX));
    let since = sweep.since.map(|since| match since {
        Since::At(at) => at,
        Since::Ago(duration) => ago(duration),
    });
    Limits {
        since: since.map(|at| at.saturating_mul(1_000_000_000)),
        until: sweep.max_time.and_then(|time| Instant::now().checked_add(time)),
        bytes_per_second: sweep.max_bytes_per_second,
        verify_content: sweep.verify_content,
        accept_roots: sweep.accept_roots,
    }
}

/// Lowers this process's claim on the processor.
fn give_way() {
    #[cfg(unix)]
    let _ = rustix::process::nice(19);
}

/// How a sweep ended, by what changed: new and reopened findings outrank what could not be read.
pub(super) fn status(changed: &Report, swept: &Swept, options: &Options) -> Status {
    let complete = changed.is_complete() && swept.whole || options.allow_incomplete;
    match worst(changed, options) {
        _ if !swept.whole && super::interrupt::happened() => Status::Interrupted,
        Some(worst) if worst >= options.fail_on => Status::Findings,
        _ if complete => Status::Clean,
        _ => Status::Incomplete,
    }
}

fn worst(report: &Report, options: &Options) -> Option<Severity> {
    let view = output::view(options);
    let fresh = |state| matches!(state, LifeState::New | LifeState::Reopened);
    let fresh = report.shown(&view).filter(|it| it.life.as_ref().is_some_and(|life| fresh(life.state)));
    fresh.map(|reported| reported.severity()).max()
}
