//! `keysieve redact`: a clean copy of an export, written beside its place and put there only when a scan of it finds nothing.

use std::fs::{self, Permissions};
use std::io::{self, Read, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, anyhow, bail};

use super::{Failure, Status, place, scan};
use crate::blob::{Alone, Provenance};
use crate::budget::{Budget, Gap};
use crate::engine::{self, Input, Unwatched};
use crate::mask::Masker;
use crate::redact::{Redacted, Redactor, Refusal};
use crate::report::clean::{self, Clean};
use crate::scan::Scanner;
use crate::source::{self, EntryKind, Folder, Links, Sibling};

const AFTER: &str = "\
Every credential that is found, of any lifetime and severity, is replaced where it stands: by the platform's own reference \
where it has one, else by REDACTED_<NAME>. All else stays as it is, byte for byte. The copy is scanned again before it is \
put in place.

Examples:
  keysieve redact flow.json -o flow.clean.json
  keysieve redact Solution.zip -o Solution-clean.zip --format json > credentials-to-create.json
  keysieve redact exports/ -o exports-clean/
  keysieve redact - < flow.json > clean.json

Exit status: 0 the copy is written; 2 wrong usage; 3 something could not be read, so nothing is written (--allow-incomplete \
writes it nevertheless); 4 the copy cannot be made clean, or not be written: nothing is written.";

/// What can be typed.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER)]
pub(super) struct Redact {
    /// A file or a folder; `-` for standard input
    #[arg(value_name = "EXPORT")]
    export: PathBuf,
    /// Where the copy goes; `-` for standard output
    #[arg(long, short, value_name = "CLEAN", conflicts_with = "in_place")]
    output: Option<PathBuf>,
    /// Put the copy in the original's place
    #[arg(long)]
    in_place: bool,
    /// Write over what is there
    #[arg(long)]
    force: bool,
    /// How to list what was replaced: human or json
    #[arg(long, value_name = "FORMAT", value_parser = ["human", "json"], default_value = "human")]
    format: String,
    /// Write the list into a file
    #[arg(long, value_name = "FILE")]
    list: Option<PathBuf>,
    /// No list on the terminal
    #[arg(long, short)]
    quiet: bool,
    /// Write the copy even if something in it could not be read
    #[arg(long)]
    allow_incomplete: bool,
    /// Signatures of your own: a folder of files in the form of signatures/README.md
    #[arg(long, value_name = "DIR")]
    signatures: Vec<PathBuf>,
    /// Threads to use
    #[arg(long, value_name = "N", value_parser = super::args::threads)]
    threads: Option<NonZeroUsize>,
}

/// The largest file that is written anew, in bytes: it is held in memory.
const LARGEST: u64 = 1 << 30;

/// Folders within folders that are entered.
const FOLDERS: usize = 256;

/// How often all files of a folder are done, if one shows a credential that may stand in those before.
const TIMES: usize = 3;

/// A file's bytes, and who may read it.
fn read(path: &Path, links: Links) -> anyhow::Result<(Vec<u8>, Permissions)> {
    let read = || -> anyhow::Result<(Vec<u8>, Permissions)> {
        let file = source::open(path, links)?;
        let permissions = file.metadata()?.permissions();
        let mut bytes = Vec::new();
        if file.take(LARGEST + 1).read_to_end(&mut bytes)? as u64 > LARGEST {
            bail!("it has more than {LARGEST} bytes");
        }
        Ok((bytes, permissions))
    };
    read().with_context(|| format!("cannot read {}", path.display()))
}

/// Runs the command.
pub(super) fn run(redact: &Redact) -> Result<Status, Failure> {
    let signatures = scan::signatures(&redact.signatures, false)?;
    let scanner = scan::scanner_of(signatures, Budget::default(), None);
    let job = Job { redact, scanner: &scanner };
    match redact.export.to_str() {
        Some("-") => job.stdin(),
        _ => match source::named(&redact.export) {
            Ok((EntryKind::Folder, _)) => job.folder(),
            Ok((EntryKind::File, _)) => job.file(),
            Ok(_) => Err(Failure::usage(anyhow!("{} is no file and no folder", redact.export.display()))),
            Err(error) => Err(Failure::usage(
                anyhow::Error::new(error).context(format!("cannot read {}", redact.export.display())),
            )),
        },
    }
}

/// One export.
struct Job<'j> {
    redact: &'j Redact,
    scanner: &'j Scanner,
}

/// A file or folder below the one that was named.
struct Found {
    path: PathBuf,
    relative: PathBuf,
    shown: String,
    kind: EntryKind,
}

/// What is done with the new bytes of each file.
enum Sink {
    /// The copy is made beside its place.
    Stage(place::Stage),
    /// Changed files are kept until all are done.
    InPlace(Vec<(PathBuf, Vec<u8>)>),
}

impl Job<'_> {
    fn stdin(&self) -> Result<Status, Failure> {
        let usage = |text: &str| Err(Failure::usage(anyhow!("{text}")));
        if self.redact.in_place {
            return usage("standard input has no place to be written in: leave out --in-place");
        }
        let mut bytes = Vec::new();
        io::stdin().lock().take(LARGEST + 1).read_to_end(&mut bytes).map_err(Failure::run)?;
        let output = self.output().unwrap_or(Path::new("-")).to_owned();
        if self.exists(&output) {
            return Err(exists(&output));
        }
        let input = Input::Bytes { name: "-".to_owned(), bytes: Arc::from(bytes.as_slice()) };
        let provenance = Provenance::file("-");
        self.single(input, &provenance, &bytes, &Alone, &output, None)
    }

    fn file(&self) -> Result<Status, Failure> {
        let path = &self.redact.export;
        let output = self.target()?;
        let (bytes, permissions) = read(path, Links::Follow).map_err(Failure::run)?;
        let folder = Folder::new(path.parent().unwrap_or(Path::new("")));
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let package = Sibling { folder: &folder, name: &name };
        let provenance = Provenance::file(source::shown(path));
        self.single(Input::Path(path.clone()), &provenance, &bytes, &package, &output, Some(permissions))
    }

    /// Does one file.
    fn single(
        &self,
        input: Input,
        provenance: &Provenance,
        bytes: &[u8],
        package: &dyn crate::blob::Package,
        output: &Path,
        like: Option<Permissions>,
    ) -> Result<Status, Failure> {
        let (mut redactor, gaps) = self.look(input)?;
        if let Some(status) = self.incomplete(&gaps, &redactor) {
            return Ok(status);
        }
        // Whoever runs this says how the copy is called.
        redactor.keeps_names = self.redact.in_place;
        let done = redactor.file(provenance, bytes, package);
        let done = done.map_err(|refusal| self.refused(&refusal, &redactor))?;
        if let Some(status) = self.incomplete(&done.gaps, &redactor) {
            return Ok(status);
        }
        let new = done.bytes.as_deref().unwrap_or(bytes);
        match output.to_str() {
            Some("-") => stdout(new).map_err(Failure::run)?,
            // What nothing had to be done to stays untouched in its place.
            _ if self.redact.in_place && done.bytes.is_none() => {}
            _ => place::file(output, new, like, self.redact.force || self.redact.in_place)
                .map_err(Failure::run)?,
        }
        self.list(&[done], gaps, Vec::new(), output, &redactor)
    }

    fn folder(&self) -> Result<Status, Failure> {
        let output = self.target()?;
        let (mut redactor, gaps) = self.look(Input::Path(self.redact.export.clone()))?;
        if let Some(status) = self.incomplete(&gaps, &redactor) {
            return Ok(status);
        }
        let mut found = Vec::new();
        let shown = source::shown(&self.redact.export);
        walk(&self.redact.export, Path::new(""), &shown, 0, &mut found).map_err(Failure::run)?;
        let mut sink = match self.redact.in_place {
            true => Sink::InPlace(Vec::new()),
            false => Sink::Stage(place::Stage::new(&output).map_err(Failure::run)?),
        };
        let mut done = Vec::new();
        for time in 1..=TIMES {
            let known = redactor.secrets.len();
            done = self.files(&found, &mut redactor, &mut sink)?;
            if redactor.secrets.len() == known {
                break;
            }
            if time == TIMES {
                return Err(Failure::run(anyhow!(
                    "each look at the files shows more credentials; nothing was written"
                )));
            }
        }
        if let Some(status) = done.iter().find_map(|done| self.incomplete(&done.gaps, &redactor)) {
            return Ok(status);
        }
        match sink {
            Sink::Stage(stage) => stage.finish(),
            Sink::InPlace(files) => files.iter().try_for_each(|(path, bytes)| {
                let like = fs::metadata(path).map(|meta| meta.permissions()).ok();
                place::file(path, bytes, like, true)
            }),
        }
        .map_err(Failure::run)?;
        let is_left_out = |found: &&Found| matches!(found.kind, EntryKind::Link | EntryKind::Special);
        let left_out = found.iter().filter(is_left_out).filter(|_| !self.redact.in_place);
        self.list(&done, gaps, left_out.map(|found| found.shown.clone()).collect(), &output, &redactor)
    }

    /// Does all files of a folder.
    fn files(
        &self,
        found: &[Found],
        redactor: &mut Redactor,
        sink: &mut Sink,
    ) -> Result<Vec<Redacted>, Failure> {
        let mut all = Vec::new();
        if let Sink::InPlace(files) = sink {
            files.clear();
        }
        for Found { path, relative, shown, kind } in found {
            let provenance = Provenance::file(shown.as_str());
            let trouble = |error: io::Error| {
                Failure::run(anyhow::Error::new(error).context(format!("cannot copy {}", path.display())))
            };
            match kind {
                EntryKind::Folder => {
                    let named = redactor.name(&provenance);
                    named.map_err(|refusal| self.refused(&refusal, redactor))?;
                    if let Sink::Stage(stage) = sink {
                        let like = fs::metadata(path).map_err(trouble)?.permissions();
                        stage.folder(relative, like).map_err(trouble)?;
                    }
                }
                EntryKind::File => {
                    let (done, bytes, like) = self.member(path, &provenance, redactor)?;
                    match sink {
                        Sink::Stage(stage) => stage.file(relative, &bytes, like).map_err(trouble)?,
                        Sink::InPlace(files) if done.bytes.is_some() => files.push((path.clone(), bytes)),
                        Sink::InPlace(_) => {}
                    }
                    all.push(Redacted { bytes: None, ..done });
                }
                EntryKind::Link | EntryKind::Special => {}
            }
        }
        Ok(all)
    }

    /// Does one file of a folder; returns what was done, and its bytes.
    fn member(
        &self,
        path: &Path,
        provenance: &Provenance,
        redactor: &mut Redactor,
    ) -> Result<(Redacted, Vec<u8>, Permissions), Failure> {
        let (bytes, like) = read(path, Links::Refuse).map_err(Failure::run)?;
        let folder = Folder::new(path.parent().unwrap_or(Path::new("")));
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let done = redactor.file(provenance, &bytes, &Sibling { folder: &folder, name: &name });
        let done = done.map_err(|refusal| self.refused(&refusal, redactor))?;
        let bytes = done.bytes.clone().unwrap_or(bytes);
        Ok((done, bytes, like))
    }

    /// Scans the export.
    fn look(&self, input: Input) -> Result<(Redactor<'_>, Vec<Gap>), Failure> {
        let default = engine::Options::default();
        let threads = self.redact.threads.unwrap_or(default.threads);
        let options = engine::Options { threads, ..default };
        let outcome = engine::run(&[input], self.scanner, &options, &Unwatched).map_err(Failure::usage)?;
        Ok((Redactor::new(self.scanner, &outcome.findings), outcome.coverage.gaps))
    }

    fn output(&self) -> Option<&Path> {
        self.redact.output.as_deref()
    }

    /// Where the copy of a path goes.
    fn target(&self) -> Result<PathBuf, Failure> {
        let export = &self.redact.export;
        let Some(output) = self.output() else {
            return match self.redact.in_place {
                // What a link leads to is written, not the link.
                true => Ok(fs::canonicalize(export).unwrap_or_else(|_| export.clone())),
                false => Err(Failure::usage(anyhow!("say where the copy goes: -o CLEAN, or --in-place"))),
            };
        };
        if output == Path::new("-") {
            return match source::named(export) {
                Ok((EntryKind::Folder, _)) => Err(Failure::usage(anyhow!(
                    "the copy of a folder cannot go to standard output: name a new folder with -o"
                ))),
                _ => Ok(output.to_owned()),
            };
        }
        let real = |path: &Path| fs::canonicalize(path).ok();
        let beside = real(place::folder_of(output)).zip(output.file_name());
        let target = real(output).or_else(|| beside.map(|(folder, name)| folder.join(name)));
        if let (Some(original), Some(target)) = (real(export), target)
            && target.starts_with(&original)
        {
            let what = if target == original {
                "is the original; --in-place writes over it"
            } else {
                "is in the original: name a place outside of it"
            };
            return Err(Failure::usage(anyhow!("{} {what}", output.display())));
        }
        let is_folder = output.is_dir();
        if is_folder || self.exists(output) {
            let way =
                if is_folder { "name a folder that is not there yet" } else { "--force writes over it" };
            return Err(Failure::usage(anyhow!("{} is there already; {way}", output.display())));
        }
        Ok(output.to_owned())
    }

    /// Whether something is there that may not be written over.
    fn exists(&self, output: &Path) -> bool {
        !self.redact.force && output != Path::new("-") && fs::symlink_metadata(output).is_ok()
    }

    /// Says what was not read, and that nothing is written, unless that is allowed.
    fn incomplete(&self, gaps: &[Gap], redactor: &Redactor) -> Option<Status> {
        if gaps.is_empty() || self.redact.allow_incomplete {
            return None;
        }
        let lines = gaps.iter().map(|gap| {
            format!("keysieve: {}: not read ({}: {})", gap.provenance, gap.reason.name(), gap.detail)
        });
        let end = "keysieve: nothing was written: what was not read may hold credentials (--allow-incomplete writes the copy)";
        self.say(lines.chain([end.to_owned()]), redactor);
        Some(Status::Incomplete)
    }

    fn refused(&self, refusal: &Refusal, redactor: &Redactor) -> Failure {
        let text = format!("{}: {}; nothing was written", refusal.provenance, refusal.why);
        Failure::run(anyhow!("{}", self.masked(redactor, |masker| masker.text(&text))))
    }

    /// Shows strings that may have what was found in them.
    fn masked<T>(&self, redactor: &Redactor, show: impl FnOnce(&Masker) -> T) -> T {
        let detector = |text: &str| self.scanner.detectors.spans(text);
        show(&Masker::new(redactor.secrets.values(), &detector))
    }

    fn say(&self, lines: impl Iterator<Item = String>, redactor: &Redactor) {
        self.masked(redactor, |masker| {
            let mut out = io::stderr().lock();
            for line in lines {
                let _ = writeln!(out, "{}", masker.text(&line));
            }
        });
    }

    /// Lists what was done.
    fn list(
        &self,
        done: &[Redacted],
        gaps: Vec<Gap>,
        left_out: Vec<String>,
        output: &Path,
        redactor: &Redactor,
    ) -> Result<Status, Failure> {
        let clean = Clean {
            input: source::shown(&self.redact.export),
            output: source::shown(output),
            replaced: done.iter().flat_map(|done| &done.replaced).collect(),
            again: done.iter().flat_map(|done| &done.again).collect(),
            gaps: gaps.iter().collect(),
            left_out,
        };
        let text = self.masked(redactor, |masker| -> io::Result<Vec<u8>> {
            let mut text = Vec::new();
            match self.redact.format.as_str() {
                "json" => clean::write_json(&clean, masker, &mut text)?,
                _ => clean::write_human(&clean, masker, &mut text)?,
            }
            Ok(text)
        });
        let text = text.map_err(Failure::run)?;
        if let Some(list) = &self.redact.list {
            place::file(list, &text, None, true).map_err(Failure::run)?;
        } else if output == Path::new("-") {
            // Standard output is the copy's.
            let _ = if self.redact.quiet { Ok(()) } else { io::stderr().lock().write_all(&text) };
        } else if !self.redact.quiet {
            stdout(&text).map_err(Failure::run)?;
        }
        Ok(Status::Clean)
    }
}

fn exists(output: &Path) -> Failure {
    Failure::usage(anyhow!("{} is there already; --force writes over it", output.display()))
}

fn stdout(bytes: &[u8]) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        // Whoever reads through a pipe may have seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}

/// What is in a folder, the folder itself first.
fn walk(
    path: &Path,
    relative: &Path,
    shown: &str,
    depth: usize,
    found: &mut Vec<Found>,
) -> anyhow::Result<()> {
    if depth > FOLDERS {
        bail!("{}: too many folders within folders", path.display());
    }
    let all = |path: &Path, relative: &Path, shown: &str, kind| Found {
        path: path.to_owned(),
        relative: relative.to_owned(),
        shown: shown.to_owned(),
        kind,
    };
    found.push(all(path, relative, shown, EntryKind::Folder));
    let (entries, trouble) = source::list(path);
    if let Some(error) = trouble {
        return Err(error).with_context(|| format!("cannot list {}", path.display()));
    }
    for entry in entries {
        let (inner, below) = (path.join(&entry.name), relative.join(&entry.name));
        let name = source::shown_below(shown, &entry.name);
        match entry.kind {
            EntryKind::Folder => walk(&inner, &below, &name, depth + 1, found)?,
            kind => found.push(all(&inner, &below, &name, kind)),
        }
    }
    Ok(())
}
