//! The engine: paths to findings and coverage, over all cores, in an order that threads cannot change.
//!
//! Folders are rayon tasks that scan in place: no queue, no list of paths. Each part gives an [`Outcome`], and parts
//! are put together in the order of the walk.

mod files;
mod session;

use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use globset::{Glob, GlobSet, GlobSetBuilder};
use rayon::prelude::*;

pub use crate::container::{Counters, Outcome, Progress, Unwatched, Visit};
pub use crate::source::Input;
pub use files::{Files, files};
pub use session::{Given, Session};

use crate::blob::{Package, Provenance};
use crate::budget::{Funds, Reason};
use crate::container::{Place, Pool, Run, SMALL, Workspace, Workspaces, gap};
use crate::finding::Secret;
use crate::scan::Scanner;
use crate::source::remote::Found;
use crate::source::{
    self, At, Entry, EntryKind, Folder, Links, OpenFile, Opened, RangeReader, ReadAt, Sibling,
};

/// Folders within folders that are entered: each costs stack, and a path of more parts than this is no one's work.
const FOLDER_DEPTH: usize = 256;

/// A thread's stack, in bytes. Folders, containers and stolen tasks lie on it on top of each other; what is not
/// touched costs address space only.
const STACK: usize = 16 << 20;

/// How a run is done.
#[derive(Clone, Debug)]
pub struct Options {
    /// Threads to use: exactly so many once there is work for a second one.
    pub threads: NonZeroUsize,
    /// Paths to leave out; see [`excludes`].
    pub exclude: GlobSet,
    /// Passwords that members of archives are tried with.
    pub passwords: Arc<[Secret]>,
    /// The last guard: after so long nothing more is begun, and what was not is a gap. Which that is depends on the
    /// machine; a run that must end in the same report everywhere has none.
    pub deadline: Option<Duration>,
    /// Set by somebody else (on Ctrl-C) so that nothing more is begun; what was not is a gap.
    pub stop: Option<Arc<AtomicBool>>,
}

impl Default for Options {
    /// As many threads as the system offers, at most 64, and nothing left out.
    fn default() -> Self {
        let most = NonZeroUsize::MIN.saturating_add(63);
        let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN).min(most);
        Self { threads, exclude: GlobSet::empty(), passwords: Arc::from([]), deadline: None, stop: None }
    }
}

/// Threads for what lies in stores: they wait for answers most of the time.
const FAR_THREADS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(15);

impl Options {
    /// More threads, if what is read lies in a store.
    #[must_use]
    pub fn far(self, far: bool) -> Self {
        let threads = if far { self.threads.max(FAR_THREADS) } else { self.threads };
        Self { threads, ..self }
    }
}

/// Why a run could not begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A path that the user named cannot be looked at, mostly since there is no such thing.
    #[error("cannot read {path}")]
    Input {
        /// The path as it was named.
        path: String,
        /// The system's reason.
        source: io::Error,
    },
    /// A glob that cannot be understood.
    #[error("cannot leave out by that glob")]
    Exclude(#[from] globset::Error),
    /// The system gave no threads.
    #[error("cannot start the threads")]
    Threads(#[from] rayon::ThreadPoolBuildError),
}

/// Compiles globs of paths to leave out. A glob is held against a path from the folder that the user named on, and
/// against the last name alone: `node_modules` and `*.png` match at any depth, `docs/old/**` only there.
///
/// # Errors
/// The first glob that cannot be understood.
pub fn excludes<'a>(globs: impl IntoIterator<Item = &'a str>) -> Result<GlobSet, Error> {
    let mut set = GlobSetBuilder::new();
    for glob in globs {
        set.add(Glob::new(glob)?);
    }
    Ok(set.build()?)
}

/// Scans inputs. The outcome is the same for any number of threads.
///
/// # Errors
/// If an input that the user named is not there, or the threads cannot be started. Whatever goes wrong with a part of
/// an input is a gap in the coverage.
pub fn run(
    inputs: &[Input],
    scanner: &Scanner,
    options: &Options,
    progress: &dyn Progress,
) -> Result<Outcome, Error> {
    visit(inputs, scanner, options, progress)
}

/// Shows every blob of the inputs to a visitor, as [`run`] does to the scan. If all inputs together expand to more than
/// the run may unpack, it shows them a second time, in the order of the walk, and that is what counts.
///
/// # Errors
/// Those of [`run`].
pub fn visit(
    inputs: &[Input],
    visit: &dyn Visit,
    options: &Options,
    progress: &dyn Progress,
) -> Result<Outcome, Error> {
    let named = inputs.iter().map(look).collect::<Result<Vec<_>, _>>()?;
    let threads = options.threads.get();
    let parallel = threads > 1 && wants_threads(&named) && comes_again(&named);
    let workspaces = &Workspaces::new(threads);
    let deadline = options.deadline.and_then(|time| Instant::now().checked_add(time));
    let funds = || Arc::new(Funds::new(visit.budget().run_expanded, deadline).unless(options.stop.clone()));
    let walk = |parallel, funds: &Arc<Funds>| {
        let run = Run {
            visit,
            progress,
            workspaces,
            pool: &Pool::default(),
            passwords: &options.passwords,
            parallel,
            funds,
        };
        Walk { run, exclude: &options.exclude }.inputs(&named)
    };
    if !parallel {
        return Ok(walk(false, &funds()));
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).stack_size(STACK).build()?;
    Ok(pool.install(|| {
        let first = funds();
        let outcome = walk(true, &first);
        // Which of the inputs came too late was a matter of luck.
        if first.over() { walk(false, &funds()) } else { outcome }
    }))
}

/// An input, and what the system says it is.
enum Named<'a> {
    Path { path: &'a Path, kind: EntryKind, size: u64 },
    Remote { shown: &'a str, found: Found },
    Stdin(&'a str),
    Bytes { name: &'a str, bytes: &'a [u8] },
}

fn look(input: &Input) -> Result<Named<'_>, Error> {
    match input {
        Input::Stdin(name) => Ok(Named::Stdin(name)),
        Input::Bytes { name, bytes } => Ok(Named::Bytes { name, bytes }),
        Input::Remote(address) => match source::remote::find(address) {
            Ok(found) => Ok(Named::Remote { shown: address.shown(), found }),
            Err(source) => Err(Error::Input { path: address.shown().to_owned(), source }),
        },
        Input::Path(path) => match source::named(path) {
            Ok((kind, size)) => Ok(Named::Path { path, kind, size }),
            Err(source) => Err(Error::Input { path: source::shown(path), source }),
        },
    }
}

/// Whether a pool pays: not for one small file, as a pre-commit hook has it.
fn wants_threads(named: &[Named]) -> bool {
    match named {
        [] | [Named::Stdin(_) | Named::Bytes { .. }] => false,
        [Named::Path { kind, size, .. }] => *kind == EntryKind::Folder || *size > SMALL as u64,
        [Named::Remote { found, .. }] => found.folder.is_none() || found.size > SMALL as u64,
        _ => true,
    }
}

/// Whether all inputs can be read a second time.
fn comes_again(named: &[Named]) -> bool {
    !named.iter().any(|named| matches!(named, Named::Stdin(_)))
}

/// What all parts of a walk share.
struct Walk<'a> {
    run: Run<'a>,
    exclude: &'a GlobSet,
}

/// A folder on the way down.
struct Step {
    at: At,
    /// As reports show it.
    shown: String,
    /// From the folder that the user named on, empty for that one itself; kept only for the globs.
    relative: PathBuf,
    depth: usize,
}

impl Walk<'_> {
    fn inputs(&self, inputs: &[Named]) -> Outcome {
        self.ordered(inputs, |input| match input {
            Named::Stdin(name) => self.stream(name, &mut io::stdin().lock()),
            Named::Bytes { name, bytes } => self.stream(name, &mut &**bytes),
            Named::Path { path, kind, .. } => self.argument(path, *kind),
            Named::Remote { shown, found } => self.remote(shown, found),
        })
    }

    /// Does each part, over all threads, and puts the outcomes together in order.
    fn ordered<T: Sync>(&self, parts: &[T], work: impl Fn(&T) -> Outcome + Sync + Send) -> Outcome {
        if self.run.parallel && parts.len() > 1 {
            parts.par_iter().map(work).reduce(Outcome::default, Outcome::then)
        } else {
            parts.iter().map(work).fold(Outcome::default(), Outcome::then)
        }
    }

    fn argument(&self, path: &Path, kind: EntryKind) -> Outcome {
        if self.excluded(path, path) {
            return excluded();
        }
        let shown = source::shown(path);
        match kind {
            EntryKind::Folder => {
                self.folder(&Step { at: At::path(path), shown, relative: PathBuf::new(), depth: 0 })
            }
            EntryKind::File => {
                let folder = Folder::new(path.parent().unwrap_or(Path::new("")));
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                let package = Sibling { folder: &folder, name: &name };
                self.file(&At::path(path), shown.into(), &package, Links::Follow)
            }
            EntryKind::Special | EntryKind::Link => special(&Provenance::file(shown)),
        }
    }

    fn remote(&self, shown: &str, found: &Found) -> Outcome {
        let path = Path::new(shown);
        if self.excluded(path, path) {
            return excluded();
        }
        let Some(folder) = &found.folder else {
            let (at, shown) = (found.at.clone(), shown.to_owned());
            return self.folder(&Step { at, shown, relative: PathBuf::new(), depth: 0 });
        };
        let folder = Folder::at(folder.clone());
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        self.file(&found.at, shown.into(), &Sibling { folder: &folder, name: &name }, Links::Refuse)
    }

    /// What is left of a folder or file that is not begun any more, if the run has ended: nothing, where it will be done
    /// once more.
    fn ended(&self, provenance: &Provenance) -> Option<Outcome> {
        if self.run.parallel && self.run.funds.over() {
            return Some(Outcome::default());
        }
        let reason = self.run.funds.late_reason();
        let detail = match reason {
            Reason::Interrupted => "not begun before the run was interrupted",
            _ => "not begun before the deadline",
        };
        self.run.funds.late().then(|| gap(provenance, reason, detail))
    }

    fn excluded(&self, relative: &Path, name: impl AsRef<Path>) -> bool {
        is_excluded(self.exclude, relative, name)
    }

    fn folder(&self, step: &Step) -> Outcome {
        let provenance = Provenance::file(step.shown.as_str());
        if step.depth > FOLDER_DEPTH {
            return gap(&provenance, Reason::BudgetDepth, "too many folders within folders");
        }
        if let Some(ended) = self.ended(&provenance) {
            return ended;
        }
        let (entries, trouble) = step.at.list();
        let beside = Folder::at(step.at.clone());
        let mut outcome = self.run.name(&provenance);
        outcome.add(self.ordered(&entries, |entry| self.entry(step, entry, &beside)));
        if let Some(error) = trouble {
            outcome.add(gap(&provenance, Reason::Unreadable, format!("cannot list the folder: {error}")));
        }
        outcome
    }

    fn entry(&self, step: &Step, entry: &Entry, beside: &Folder) -> Outcome {
        let relative = if self.exclude.is_empty() { PathBuf::new() } else { step.relative.join(&entry.name) };
        if self.excluded(&relative, &entry.name) {
            return excluded();
        }
        let shown = source::shown_below(&step.shown, &entry.name);
        match entry.kind {
            EntryKind::Folder => {
                let at = step.at.join(&entry.name);
                self.folder(&Step { at, shown, relative, depth: step.depth + 1 })
            }
            EntryKind::File => {
                let name = source::text_of(&entry.name);
                let package = Sibling { folder: beside, name: &name };
                let at = step.at.entry(&entry.name, entry.known.as_ref());
                self.file(&at, shown.into(), &package, Links::Refuse)
            }
            EntryKind::Special => special(&Provenance::file(shown)),
            EntryKind::Link => {
                let provenance = Provenance::file(shown);
                let mut outcome = self.run.name(&provenance);
                outcome.coverage.links += 1;
                outcome
            }
        }
    }

    fn file(&self, at: &At, shown: Arc<str>, package: &dyn Package, links: Links) -> Outcome {
        let provenance = &Provenance::file(shown);
        let place = Place { provenance, package };
        if let Some(ended) = self.ended(provenance) {
            return ended;
        }
        let outcome = self.run.guarded(provenance, || {
            let (mut outcome, large) =
                self.run.workspaces.with(|workspace| self.small_file(at, place, links, workspace));
            if let Some(large) = large {
                outcome.add(self.large_file(large, place));
            }
            outcome
        });
        self.run.progress.gaps(outcome.coverage.gaps.len() as u64);
        outcome
    }

    /// Looks at a file if it fits a buffer, else hands it back open.
    fn small_file(
        &self,
        at: &At,
        place: Place,
        links: Links,
        workspace: &mut Workspace,
    ) -> (Outcome, Option<Opened>) {
        let mut outcome = self.run.named(place.provenance, workspace);
        let mut opened = match at.open(links) {
            Ok(opened) => opened,
            Err(error) => return (outcome.then(unreadable(place.provenance, &error)), None),
        };
        let mut buffer = workspace.buffer();
        let (filled, trouble) = match &mut opened {
            Opened::File(file) => source::fill_of_file(file, &mut buffer),
            Opened::Source(source) => source::fill(&mut RangeReader::whole(source.clone()), &mut buffer),
        };
        self.run.progress.files(1);
        outcome.coverage.files += 1;
        let large = filled == buffer.len();
        if !large {
            outcome.add(self.run.small(place, &buffer[..filled], workspace));
        }
        workspace.give_back(buffer);
        match (trouble, &opened) {
            (Some(error), _) => outcome.add(unreadable(place.provenance, &error)),
            (None, Opened::Source(source))
                if !large && (filled as u64 != source.size() || source.changed()) =>
            {
                outcome.add(changed(place.provenance));
            }
            _ => {}
        }
        (outcome, large.then_some(opened))
    }

    fn large_file(&self, opened: Opened, place: Place) -> Outcome {
        let source: Arc<dyn ReadAt> = match opened {
            Opened::Source(source) => source,
            Opened::File(file) => match OpenFile::new(file) {
                Ok(file) => Arc::new(file),
                Err(error) => return unreadable(place.provenance, &error),
            },
        };
        let mut outcome = self.run.large(place, &source);
        if source.changed() {
            outcome.add(changed(place.provenance));
        }
        outcome
    }

    fn stream(&self, name: &str, bytes: &mut dyn io::Read) -> Outcome {
        let provenance = Provenance::file(name);
        self.run.guarded(&provenance, || self.run.input(&provenance, bytes))
    }
}

fn is_excluded(exclude: &GlobSet, relative: &Path, name: impl AsRef<Path>) -> bool {
    !exclude.is_empty()
        && (exclude.is_match(relative)
            || name.as_ref().file_name().is_some_and(|name| exclude.is_match(name)))
}

fn unreadable(provenance: &Provenance, error: &io::Error) -> Outcome {
    gap(provenance, Reason::Unreadable, error.to_string())
}

fn changed(provenance: &Provenance) -> Outcome {
    gap(provenance, Reason::Changed, "the file changed while it was read")
}

fn special(provenance: &Provenance) -> Outcome {
    gap(provenance, Reason::Unreadable, "a pipe, device or socket, not a file")
}

fn excluded() -> Outcome {
    let mut outcome = Outcome::default();
    outcome.coverage.excluded += 1;
    outcome
}
