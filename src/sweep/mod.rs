//! Sweeps: roots and a state → what is new, still open, gone or back.
//!
//! A sweep walks its roots (`walk`), opens only what changed, and gives what each file yields as a record without secrets
//! (`record`) to the one writer, who brings the life of findings forward in the state (`life`, `store`). It may be killed
//! at any moment: whatever is committed is true, and the next run goes on. What a report shows comes out of the state
//! again (`view`). Nothing of the roots is written.

mod guard;
mod life;
mod manifest;
mod merge;
mod outbox;
mod record;
mod store;
mod view;
mod walk;

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension, Transaction, params};

pub use self::life::Sweep;
pub use self::manifest::{Manifest, Shard, manifest, part};
pub use self::merge::{Merged, merge};
pub use self::outbox::{Message, deliver};
pub use self::record::{FileRecord, FindingRecord, GapRecord, Id};
pub use self::store::{Error, Lease, Store, key, private};
pub use self::view::{Decision, Which, accept, compact, forget, report, withdraw};
pub use self::walk::{Limits, Root, Site};

use self::life::Note;
use self::walk::{Counts, Pace, Readers, Walk};
use crate::blob::Span;
use crate::budget::Coverage;
use crate::engine::{self, Progress};
use crate::finding::Severity;
use crate::fingerprint::Key;
use crate::scan::Scanner;
use crate::source::Address;

/// Notes that may wait for the writer.
const WAITING: usize = 1024;

/// Notes of one transaction.
const BATCH: usize = 2000;

/// The longest that a note waits for its transaction to be committed.
const PATIENCE: Duration = Duration::from_secs(1);

/// What a run of a sweep came to.
#[derive(Clone, Debug)]
pub struct Swept {
    /// The sweep.
    pub sweep: Sweep,
    /// What was read; its gaps stand in the state.
    pub coverage: Coverage,
    /// Files that were not read since they had not changed.
    pub unchanged: u64,
    /// Whether it came to the end of all roots.
    pub whole: bool,
}

/// How a sweep looks at files.
pub struct Looking<'a> {
    /// What is looked for.
    pub scanner: &'a Scanner,
    /// Over how many threads, and what is left out.
    pub options: &'a engine::Options,
    /// What it may spend.
    pub limits: &'a Limits,
    /// Told how far it is.
    pub progress: &'a dyn Progress,
    /// Whether the threads that read files give up writing and the network, where the system can do that.
    pub guarded: bool,
    /// What was left out, as it was typed: part of what decides whether a file is read again.
    pub exclude: &'a [String],
    /// Messages are written for new findings that are at least this bad.
    pub notify: Option<Severity>,
}

/// Makes roots of what the user named.
///
/// # Errors
/// If one lies in another, or is a file.
pub fn roots(key: &Key, paths: &[PathBuf]) -> Result<Vec<Root>, Error> {
    let mut roots: Vec<Root> = Vec::new();
    for path in paths {
        if let Some(address) = path.to_str().and_then(Address::parse) {
            roots.push(remote_root(key, &roots, address.map_err(|error| Error::Usage(error.to_string()))?)?);
            continue;
        }
        let whole = path.canonicalize().or_else(|_| std::path::absolute(path));
        let whole = whole.map_err(|source| Error::File { path: path.clone(), source })?;
        if whole.is_file() {
            return Err(Error::Usage(format!("{}: a root is a folder; `scan` is for files", path.display())));
        }
        let entwined = |root: &&Root| match &root.site {
            Site::Folder(other) => whole.starts_with(other) || other.starts_with(&whole),
            Site::Remote(..) => false,
        };
        if let Some(other) = roots.iter().find(entwined) {
            let message = format!("{}: lies in {}, or holds it", path.display(), other.shown);
            return Err(Error::Usage(message));
        }
        let id = Id::root(key, &whole);
        roots.push(Root { site: Site::Folder(whole), shown: crate::source::shown(path), id });
    }
    Ok(roots)
}

/// A root in a store.
fn remote_root(key: &Key, roots: &[Root], address: Address) -> Result<Root, Error> {
    let name = |address: &Address| format!("{}/{}/", address.host(), address.key());
    let entwined = |root: &&Root| match &root.site {
        Site::Remote(_, other) => {
            let (a, b) = (name(other), name(&address));
            other.scheme() == address.scheme() && (a.starts_with(&b) || b.starts_with(&a))
        }
        Site::Folder(_) => false,
    };
    if let Some(other) = roots.iter().find(entwined) {
        return Err(Error::Usage(format!("{}: lies in {}, or holds it", address.shown(), other.shown)));
    }
    let opened = crate::source::remote::root(&address);
    let (at, identity) = opened.map_err(|error| Error::Usage(format!("{}: {error}", address.shown())))?;
    let id = Id::root(key, Path::new(&identity));
    Ok(Root { shown: address.shown().to_owned(), site: Site::Remote(at, address), id })
}

/// A digest of all that decides what is found: this version, the signatures, the budget, what is left out, passwords.
fn settings_of(key: &Key, looking: &Looking) -> Id {
    let (scanner, options) = (looking.scanner, looking.options);
    use std::fmt::Write;
    let mut text = String::from(env!("CARGO_PKG_VERSION"));
    for signature in scanner.detectors.signatures() {
        let _ = write!(text, "\n{signature:?}");
    }
    let _ = write!(text, "\n{:?}\n{}", scanner.budget, looking.exclude.join("\0"));
    let mut bytes = text.into_bytes();
    for password in options.passwords.iter() {
        bytes.extend_from_slice(&key.tag(password.expose()));
    }
    Id(key.tag(&bytes))
}

/// Sweeps the roots.
///
/// # Errors
/// If the state cannot be read or written, or another sweep has it. Trouble with a root or a file is a gap.
pub fn run(store: &mut Store, roots: &[Root], looking: &Looking) -> Result<Swept, Error> {
    let _lease = store.lease()?;
    let now = looking.scanner.now;
    let sweep = Sweep::begin(&mut store.db, now, None)?;
    for root in roots {
        let shown = crate::mask::Masker::new([], &|text: &str| looking.scanner.detectors.spans(text))
            .text(&root.shown);
        let sql = "INSERT INTO roots (id, shown) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET shown = ?2";
        store.db.execute(sql, params![root.id.0, shown])?;
    }
    // As many as last time, most likely.
    let last =
        "SELECT files + unchanged FROM sweeps WHERE ended IS NOT NULL AND id < ?1 ORDER BY id DESC LIMIT 1";
    let last: Option<i64> = store.db.query_row(last, [sweep.number], |row| row.get(0)).optional()?;
    looking.progress.expected(last.unwrap_or(0).cast_unsigned());
    let counts = Counts::default();
    let stopped = AtomicBool::new(false);
    let walked = walk(store, roots, looking, sweep, &counts, &stopped)?;
    let whole = !stopped.load(Ordering::Relaxed);
    finish(store, sweep, &walked, whole, &counts, looking.notify)?;
    let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
    let coverage = Coverage {
        files: read(&counts.read),
        members: read(&counts.members),
        bytes: read(&counts.bytes),
        excluded: read(&counts.excluded),
        links: read(&counts.links),
        gaps: Vec::new(),
    };
    Ok(Swept { sweep, coverage, unchanged: read(&counts.unchanged), whole })
}

/// Walks in threads that may read only, and writes in one that may write; returns the roots that were looked at.
fn walk(
    store: &mut Store,
    roots: &[Root],
    looking: &Looking,
    sweep: Sweep,
    counts: &Counts,
    stopped: &AtomicBool,
) -> Result<Vec<Id>, Error> {
    let settings = settings_of(&store.key, looking);
    let readers = readers(store, looking.options.threads.get())?;
    let (notes, received) = sync_channel(WAITING);
    let Store { db, key, .. } = store;
    let key = &*key;
    std::thread::scope(|scope| {
        let writer = scope.spawn(move || write(db, sweep, &received));
        let walker = scope.spawn(|| {
            if looking.guarded {
                guard::read_only();
            }
            let detector: &(dyn Fn(&str) -> Vec<Span> + Sync) = &|text| looking.scanner.detectors.spans(text);
            let pace = Pace::new(looking.limits.bytes_per_second);
            engine::files(looking.scanner, looking.options, looking.progress, |files| {
                let interrupt = looking.options.stop.as_deref();
                let limits = looking.limits;
                let walk = Walk {
                    files,
                    key,
                    settings,
                    limits,
                    detector,
                    notes,
                    counts,
                    stopped,
                    interrupt,
                    progress: looking.progress,
                    pace,
                    readers,
                };
                each_root(&walk, roots)
            })
        });
        let walked = walker.join().map_err(|_| Error::Usage("the walk failed".to_owned()))?;
        writer.join().map_err(|_| Error::Usage("the writer failed".to_owned()))??;
        walked?
    })
}

fn each_root(walk: &Walk, roots: &[Root]) -> Result<Vec<Id>, Error> {
    let mut looked_at = Vec::new();
    for root in roots {
        match root.open() {
            Ok(at) => {
                if walk.root(root, at)? {
                    looked_at.push(root.id);
                }
            }
            Err(error) => walk.missing(root, format!("is not there: {error}")),
        }
    }
    Ok(looked_at)
}

/// Opens the state for reading, and looks into it, so that nothing has to be opened later.
fn readers(store: &Store, count: usize) -> Result<Readers, Error> {
    let open = || -> Result<Connection, Error> {
        let db = store.reader()?;
        db.query_row("SELECT count(*) FROM sweeps", [], |_| Ok(()))?;
        Ok(db)
    };
    let idle = (0..count).map(|_| open()).collect::<Result<_, _>>()?;
    Ok(Readers { idle: Mutex::new(idle) })
}

/// Brings notes into the state until the walk ends, some at a time.
fn write(db: &mut Connection, sweep: Sweep, notes: &Receiver<Note>) -> Result<(), Error> {
    let mut open = true;
    while open {
        let Ok(first) = notes.recv() else { return Ok(()) };
        let tx = db.transaction()?;
        sweep.apply(&tx, first)?;
        let until = Instant::now() + PATIENCE;
        for _ in 1..BATCH {
            match notes.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(note) => sweep.apply(&tx, note)?,
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => {
                    open = false;
                    break;
                }
            }
        }
        tx.commit()?;
    }
    Ok(())
}

/// Ends the run of a walk, in one transaction.
fn finish(
    store: &mut Store,
    sweep: Sweep,
    walked: &[Id],
    whole: bool,
    counts: &Counts,
    notify: Option<Severity>,
) -> Result<(), Error> {
    let state_id = store.id()?;
    let tx = store.db.transaction()?;
    let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
    let counts = (read(&counts.read), read(&counts.unchanged), read(&counts.bytes));
    close(&tx, sweep, walked, whole, counts, notify.map(|least| (least, state_id.as_str())))?;
    Ok(tx.commit()?)
}

/// What only the end of a walk can tell: what moved, what was there last, what others are to be told. `counts`: files that
/// were read, files that had not changed, bytes.
fn close(
    tx: &Transaction,
    sweep: Sweep,
    walked: &[Id],
    whole: bool,
    counts: (u64, u64, u64),
    notify: Option<(Severity, &str)>,
) -> Result<(), Error> {
    sweep.moves(tx)?;
    for root in walked.iter().filter(|_| whole) {
        tx.execute(
            "UPDATE findings SET last_seen = ?2, last_sweep = ?3 WHERE root = ?1 AND state IN ('new', 'open', 'reopened')",
            params![root.0, sweep.now, sweep.number],
        )?;
        tx.execute("UPDATE roots SET sweep = ?2 WHERE id = ?1", params![root.0, sweep.number])?;
    }
    let (files, unchanged, bytes) = counts;
    let ended = whole.then_some(sweep.now);
    tx.execute(
        "UPDATE sweeps SET ended = ?2, files = files + ?3, unchanged = ?4, bytes = bytes + ?5 WHERE id = ?1",
        params![sweep.number, ended, files.cast_signed(), unchanged.cast_signed(), bytes.cast_signed()],
    )?;
    match notify {
        Some((least, state_id)) => outbox::fill(tx, sweep, state_id, least),
        None => Ok(()),
    }
}
