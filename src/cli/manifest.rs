//! `keysieve manifest`, `sweep --manifest --shard` and `keysieve merge`: a sweep over several machines.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::args::Options;
use super::notify::Notify;
use super::output::Targets;
use super::sweep::{Outputs, check, failure};
use super::{Failure, Status, detectors, scan};
use crate::engine;
use crate::fingerprint::Key;
use crate::mask::Masker;
use crate::sweep::{self, Limits, Looking, Shard, Store, Which};

const MANIFEST_EXAMPLES: &str = "\
Examples:
  keysieve manifest /srv/shares --state s.state --to list.jsonl
  keysieve sweep --manifest list.jsonl --shard 3/8 --part part-3.jsonl --fingerprint-key-file s.state.key
  keysieve merge --state s.state --manifest list.jsonl part-*.jsonl

The manifest has the real names of the files, so keep it as confidential as they are.";

/// What can be typed behind `keysieve manifest`.
#[derive(Debug, clap::Args)]
#[command(after_help = MANIFEST_EXAMPLES)]
pub(super) struct Manifest {
    /// Folders to list
    #[arg(required = true, value_name = "ROOT")]
    roots: Vec<PathBuf>,
    /// The state that the parts will be merged into; made if it is not there
    #[arg(long, value_name = "FILE")]
    state: PathBuf,
    /// Where the list goes
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    #[command(flatten)]
    options: Options,
}

/// What can be typed behind `keysieve merge`.
#[derive(Debug, clap::Args)]
#[command(after_help = MANIFEST_EXAMPLES)]
pub(super) struct Merge {
    /// Parts that shards wrote, in any order, some or all of them
    #[arg(required = true, value_name = "PART")]
    parts: Vec<PathBuf>,
    /// Where the sweeps remember
    #[arg(long, value_name = "FILE")]
    state: PathBuf,
    /// The list that the shards worked on
    #[arg(long, value_name = "FILE")]
    manifest: PathBuf,
    #[command(flatten)]
    outputs: Outputs,
    #[command(flatten)]
    notify: Notify,
    #[command(flatten)]
    options: Options,
}

/// Runs `keysieve manifest`.
pub(super) fn run(manifest: &Manifest) -> Result<Status, Failure> {
    let options = &manifest.options;
    check(options)?;
    let store = Store::open(&manifest.state, options.fingerprint_key_file.as_deref()).map_err(failure)?;
    let roots = sweep::roots(&store.key, &manifest.roots).map_err(failure)?;
    let scanner = scan::scanner(options)?;
    let engine_options = scan::engine_options(options)?;
    let limits = Limits::default();
    let looking = looking(&scanner, &engine_options, &limits, options, &engine::Unwatched);
    whole(&manifest.to, |out| sweep::manifest(&roots, &store.key, Some(&store), &looking, out))?;
    Ok(Status::Clean)
}

fn looking<'a>(
    scanner: &'a crate::scan::Scanner,
    engine_options: &'a engine::Options,
    limits: &'a Limits,
    options: &'a Options,
    progress: &'a dyn engine::Progress,
) -> Looking<'a> {
    Looking {
        scanner,
        options: engine_options,
        limits,
        progress,
        guarded: true,
        exclude: &options.exclude,
        notify: None,
    }
}

/// Writes a file of one's own eyes, whole or not at all.
fn whole(
    path: &Path,
    write: impl FnOnce(&mut (dyn Write + Send)) -> Result<(), sweep::Error>,
) -> Result<(), Failure> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    let refused = |source: std::io::Error| {
        Failure::run(anyhow::Error::new(source).context(format!("cannot write {}", path.display())))
    };
    let file = sweep::private().create(true).write(true).truncate(true).open(&new).map_err(refused)?;
    let mut out = BufWriter::new(file);
    write(&mut out).map_err(failure)?;
    let file = out.into_inner().map_err(|error| refused(error.into_error()))?;
    file.sync_all().map_err(refused)?;
    std::fs::rename(&new, path).map_err(refused)
}

/// `3/8`
pub(super) fn shard(text: &str) -> Result<Shard, String> {
    let parsed = text.split_once('/').and_then(|(number, of)| Some((number.parse().ok()?, of.parse().ok()?)));
    match parsed {
        Some((number, of)) if 1 <= number && number <= of => Ok(Shard { number, of }),
        _ => Err("expected a shard such as 3/8, from 1/8 to 8/8".to_owned()),
    }
}

/// Runs `keysieve sweep --manifest`.
pub(super) fn part(list: &Path, shard: Shard, part: &Path, options: &Options) -> Result<Status, Failure> {
    let key = options.fingerprint_key_file.as_deref().ok_or_else(|| {
        Failure::usage(anyhow::anyhow!(
            "--manifest: say --fingerprint-key-file; it is the state's (STATE.key)"
        ))
    })?;
    let key = Key::from_file(key).map_err(Failure::usage)?;
    let manifest = sweep::Manifest::open(list).map_err(failure)?;
    let scanner = scan::scanner(options)?;
    let far = manifest.is_far() && options.threads.is_none();
    let engine_options = scan::engine_options(options)?.far(far);
    let limits = Limits::default();
    let line = super::progress::Line::new(options);
    let looking = looking(&scanner, &engine_options, &limits, options, &*line.counters);
    whole(part, |out| sweep::part(&manifest, shard, &key, &looking, out).map(drop))?;
    line.finish();
    Ok(Status::Clean)
}

/// Runs `keysieve merge`.
pub(super) fn merge(merge: &Merge) -> Result<Status, Failure> {
    let options = &merge.options;
    check(options)?;
    let targets = Targets::new(options)?;
    let started = Instant::now();
    let mut store = Store::open(&merge.state, options.fingerprint_key_file.as_deref()).map_err(failure)?;
    let manifest = sweep::Manifest::open(&merge.manifest).map_err(failure)?;
    let merged = sweep::merge(&mut store, &manifest, &merge.parts, merge.notify.least()).map_err(failure)?;
    let swept = &merged.swept;
    let now = options.now.unwrap_or(manifest.made);
    let which = Which::Changed(swept.sweep.number);
    let mut report = sweep::report(&store, which, now, Some(swept)).map_err(failure)?;
    report.duration = started.elapsed();
    let detectors = detectors();
    let detector = |text: &str| detectors.spans(text);
    let masker = Masker::new([], &detector);
    targets.write(&report, &masker, options)?;
    merge.outputs.write(&report, &masker, options)?;
    merge.notify.deliver(&store)?;
    Ok(super::sweep::status(&report, swept, options))
}
