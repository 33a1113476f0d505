//! The walk of a sweep: roots → notes for the writer. What has not changed is known by its stamp and never opened.
//!
//! Folders are rayon tasks as in the engine. A folder all of whose stamps are as they were costs one row of the state;
//! rows of single files are read only where something changed.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use rayon::prelude::*;
use rusqlite::{Connection, OptionalExtension};
use sha2::{Digest, Sha256};

use super::life::Note;
use super::record::{FileRecord, Id, Recorder};
use super::store::Error;
use crate::blob::Provenance;
use crate::budget::{Gap, Reason};
use crate::container::Outcome;
use crate::engine::{Files, Progress};
use crate::fingerprint::Key;
use crate::mask::Masker;
use crate::source::{self, Address, At, EntryKind, Folder, Listing, RangeReader, Stamp, StampedEntry};

/// Folders within folders that are entered, as in the engine.
const FOLDER_DEPTH: usize = 256;

/// A root, as the user named it and as the state knows it.
#[derive(Clone, Debug)]
pub struct Root {
    /// Where it is.
    pub site: Site,
    /// As the user named it.
    pub shown: String,
    /// As the state knows it.
    pub id: Id,
}

/// Where a root is.
#[derive(Clone, Debug)]
pub enum Site {
    /// A folder of the file system.
    Folder(PathBuf),
    /// A folder of a store, by the address that was typed.
    Remote(At, Address),
}

impl Root {
    /// Whether it lies in a store.
    pub fn is_far(&self) -> bool {
        matches!(self.site, Site::Remote(..))
    }

    /// Goes there.
    ///
    /// # Errors
    /// If there is no such folder.
    pub(super) fn open(&self) -> io::Result<At> {
        match &self.site {
            Site::Folder(path) => At::held(path),
            Site::Remote(at, _) => Ok(at.clone()),
        }
    }
}

/// What a walk may do.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// Files that were last changed before this are left as they are, nanoseconds since 1970-01-01 UTC.
    pub since: Option<i64>,
    /// Nothing more is begun after this.
    pub until: Option<Instant>,
    /// Bytes of files a second that are read, on average.
    pub bytes_per_second: Option<u64>,
    /// Whether content is compared too, by its digest.
    pub verify_content: bool,
    /// Whether a root that lies on another device than last time, or is empty all of a sudden, is meant to be so.
    pub accept_roots: bool,
}

/// What a walk counted.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) read: AtomicU64,
    pub(super) unchanged: AtomicU64,
    pub(super) members: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) excluded: AtomicU64,
    pub(super) links: AtomicU64,
}

/// What all parts of a walk share.
pub(super) struct Walk<'a> {
    pub(super) files: &'a Files<'a>,
    pub(super) key: &'a Key,
    pub(super) settings: Id,
    pub(super) limits: &'a Limits,
    pub(super) detector: &'a (dyn Fn(&str) -> Vec<crate::blob::Span> + Sync),
    pub(super) notes: SyncSender<Note>,
    pub(super) counts: &'a Counts,
    /// Set when the time is over or the writer failed.
    pub(super) stopped: &'a AtomicBool,
    /// Set when somebody ends the run.
    pub(super) interrupt: Option<&'a AtomicBool>,
    pub(super) progress: &'a dyn Progress,
    pub(super) pace: Pace,
    pub(super) readers: Readers,
}

/// Connections for reading, one for each thread that asks at the same time.
pub(super) struct Readers {
    pub(super) idle: Mutex<Vec<Connection>>,
}

impl Readers {
    fn with<R>(&self, read: impl FnOnce(&Connection) -> Result<R, Error>) -> Result<R, Error> {
        let db = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let db = db.ok_or_else(|| Error::Usage("more threads than readers".to_owned()))?;
        let read = read(&db);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(db);
        read
    }
}

/// Keeps the average of bytes a second: whoever has read too fast waits before the next file.
pub(super) struct Pace {
    rate: Option<u64>,
    free_at: Mutex<Instant>,
}

impl Pace {
    pub(super) fn new(rate: Option<u64>) -> Self {
        Self { rate, free_at: Mutex::new(Instant::now()) }
    }

    /// Waits for its turn, or until nothing more is to be begun; whether it is its turn.
    fn wait(&self, bytes: u64, stop: &dyn Fn() -> bool) -> bool {
        const GLANCE: Duration = Duration::from_millis(100);
        let Some(rate) = self.rate else { return true };
        let cost = Duration::from_secs_f64(bytes as f64 / rate.max(1) as f64);
        let turn = {
            let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
            let turn = (*free_at).max(Instant::now());
            *free_at = turn.checked_add(cost).unwrap_or(turn);
            turn
        };
        loop {
            let left = turn.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            if stop() {
                return false;
            }
            std::thread::sleep(left.min(GLANCE));
        }
    }
}

/// A folder on the way down.
struct Step<'a> {
    root: &'a Root,
    at: At,
    shown: String,
    /// From the root on; kept only for the globs.
    relative: PathBuf,
    id: Id,
    parent: Option<Id>,
    depth: usize,
}

/// What the state knows of a folder.
struct KnownFolder {
    device: u64,
    stamp: Option<Id>,
}

/// What the state knows of a file.
struct KnownFile {
    stamp: Stamp,
    settings: Option<Id>,
    content: Option<Id>,
    unread: bool,
}

impl Walk<'_> {
    /// Tells that a root is not there.
    pub(super) fn missing(&self, root: &Root, why: String) {
        let step = Self::first_step(root, At::path(""));
        self.enter(&step, 0);
        self.unlisted(&step, why);
    }

    /// Walks a root; whether it was looked at.
    pub(super) fn root(&self, root: &Root, at: At) -> Result<bool, Error> {
        self.folder(&Self::first_step(root, at))
    }

    fn first_step(root: &Root, at: At) -> Step<'_> {
        Step {
            root,
            at,
            shown: root.shown.clone(),
            relative: PathBuf::new(),
            id: root.id,
            parent: None,
            depth: 0,
        }
    }

    fn stop(&self) -> bool {
        let late = self.limits.until.is_some_and(|until| Instant::now() >= until);
        if late || self.interrupt.is_some_and(|flag| flag.load(Ordering::Relaxed)) {
            self.stopped.store(true, Ordering::Relaxed);
        }
        self.stopped.load(Ordering::Relaxed)
    }

    fn unchanged(&self, files: u64) {
        self.counts.unchanged.fetch_add(files, Ordering::Relaxed);
        self.progress.unchanged(files);
    }

    fn tell(&self, note: Note) {
        if self.notes.send(note).is_err() {
            self.stopped.store(true, Ordering::Relaxed); // the writer has ended, and says why itself
        }
    }

    /// Walks a folder; whether it could be looked at.
    fn folder(&self, step: &Step) -> Result<bool, Error> {
        if self.stop() {
            return Ok(false);
        }
        let known = self.readers.with(|db| known_folder(db, step.id))?;
        let seen = match self.look(step, known.as_ref()) {
            Ok(seen) => seen,
            Err(why) => {
                if known.is_none() {
                    self.enter(step, 0);
                }
                self.unlisted(step, why);
                return Ok(false);
            }
        };
        if known.is_none() {
            self.enter(step, seen.device);
        }
        let stamp = self.stamp(&seen);
        // Where content is compared, a stamp proves nothing.
        let same = known.as_ref().is_some_and(|known| known.stamp == Some(stamp));
        if same && !self.limits.verify_content {
            return self.unchanged_folder(step, seen.entries).map(|()| true);
        }
        self.changed_folder(step, seen, stamp).map(|()| true)
    }

    fn enter(&self, step: &Step, device: u64) {
        self.tell(Note::Enter { folder: step.id, root: step.root.id, parent: step.parent, device });
    }

    /// Lists a folder, or says why it is not to be trusted.
    fn look(&self, step: &Step, known: Option<&KnownFolder>) -> Result<Seen, String> {
        if step.depth > FOLDER_DEPTH {
            return Err("too many folders within folders".to_owned());
        }
        let at = source::nanos(SystemTime::now());
        let listing = step.at.listing().map_err(|error| format!("cannot list the folder: {error}"))?;
        let Listing { entries, device } = listing;
        let moved = known.is_some_and(|known| known.device != 0 && known.device != device);
        if moved && !self.limits.accept_roots {
            return Err("lies on another device than last time: unmounted, or mounted anew (--accept-roots)"
                .to_owned());
        }
        if entries.is_empty() && step.parent.is_none() && !self.limits.accept_roots {
            let had = self.readers.with(|db| has_content(db, step.id)).map_err(|error| error.to_string())?;
            if had {
                return Err("is empty all of a sudden (--accept-roots)".to_owned());
            }
        }
        Ok(Seen { entries, device, at })
    }

    fn unlisted(&self, step: &Step, why: String) {
        let gap = Gap::new(&Provenance::file(step.shown.as_str()), Reason::Unreadable, why);
        let detector = |text: &str| (self.detector)(text);
        let masker = Masker::new([], &detector);
        let gap = self.recorder(step).gap(&gap, &masker);
        self.progress.gaps(1);
        self.tell(Note::Unlisted { folder: step.id, root: step.root.id, gap: Some(gap) });
    }

    fn recorder<'s>(&'s self, step: &'s Step) -> Recorder<'s> {
        Recorder { key: self.key, root: &step.root.shown, detector: self.detector }
    }

    /// A digest of all that tells whether something in the folder changed, and of what it would be read with.
    fn stamp(&self, seen: &Seen) -> Id {
        let mut digest = Sha256::new();
        digest.update(self.settings.0);
        digest.update(seen.device.to_le_bytes());
        for entry in &seen.entries {
            let name = entry.name.as_encoded_bytes();
            let Stamp { size, mtime, ctime, inode } = entry.stamp;
            let mut row = [0; 41];
            for (to, from) in row.chunks_exact_mut(8).zip([
                name.len() as u64,
                size,
                mtime.cast_unsigned(),
                ctime.cast_unsigned(),
                inode,
            ]) {
                to.copy_from_slice(&from.to_le_bytes());
            }
            row[40] = entry.kind as u8;
            digest.update(row);
            digest.update(name);
        }
        Id(self.key.tag(&digest.finalize()))
    }

    fn unchanged_folder(&self, step: &Step, entries: Vec<StampedEntry>) -> Result<(), Error> {
        let all = entries.len();
        let folders: Vec<_> = entries.into_iter().filter(|entry| entry.kind == EntryKind::Folder).collect();
        self.unchanged((all - folders.len()) as u64);
        folders.par_iter().try_for_each(|entry| self.subfolder(step, entry))
    }

    fn subfolder(&self, step: &Step, entry: &StampedEntry) -> Result<(), Error> {
        let relative = step.relative.join(&entry.name);
        if self.files.excluded(&relative) {
            self.counts.excluded.fetch_add(1, Ordering::Relaxed);
            let folder = step.id.within(self.key, &entry.name);
            if self.readers.with(|db| known_folder(db, folder))?.is_some() {
                self.tell(Note::Unlisted { folder, root: step.root.id, gap: None });
            }
            return Ok(());
        }
        let inner = Step {
            root: step.root,
            at: step.at.join(&entry.name),
            shown: source::shown_below(&step.shown, &entry.name),
            relative,
            id: step.id.within(self.key, &entry.name),
            parent: Some(step.id),
            depth: step.depth + 1,
        };
        self.folder(&inner).map(drop)
    }

    fn changed_folder(&self, step: &Step, seen: Seen, stamp: Id) -> Result<(), Error> {
        let (known, known_folders) =
            self.readers.with(|db| Ok((known_files(db, step.id)?, known_folders(db, step.id)?)))?;
        let own = step.id.within(self.key, OsStr::new(""));
        let beside = Folder::at(step.at.clone());
        let settled = AtomicBool::new(true);
        let here = Here { step, known: &known, beside: &beside, at: seen.at, settled: &settled };
        self.own_name(&here, own);
        seen.entries.par_iter().try_for_each(|entry| match entry.kind {
            EntryKind::Folder => self.subfolder(step, entry),
            _ => {
                self.entry(&here, entry);
                Ok(())
            }
        })?;
        let present: HashSet<Id> =
            seen.entries.iter().map(|entry| step.id.within(self.key, &entry.name)).chain([own]).collect();
        let gone_files = known.keys().filter(|id| !present.contains(id)).copied().collect();
        let gone_folders = known_folders.into_iter().filter(|id| !present.contains(id)).collect();
        let stamp = settled.load(Ordering::Relaxed).then_some(stamp);
        self.tell(Note::Done { folder: step.id, device: seen.device, stamp, gone_files, gone_folders });
        Ok(())
    }

    fn own_name(&self, here: &Here, id: Id) {
        let same = here.known.get(&id).is_some_and(|known| known.settings == Some(self.settings));
        if !same {
            let outcome = self.files.name(&here.step.shown);
            self.record(here, id, Stamp::default(), None, &outcome);
        } else if here.known.get(&id).is_some_and(|known| known.unread) {
            self.tell(Note::Back { folder: here.step.id, file: id });
        }
    }

    fn entry(&self, here: &Here, entry: &StampedEntry) {
        let id = here.step.id.within(self.key, &entry.name);
        let known = here.known.get(&id);
        if self.files.excluded(&here.step.relative.join(&entry.name)) {
            self.counts.excluded.fetch_add(1, Ordering::Relaxed);
            if known.is_some() {
                self.tell(Note::Unread { folder: here.step.id, file: id });
            }
            return;
        }
        let fits = |known: &&KnownFile| known.stamp == entry.stamp && known.settings == Some(self.settings);
        let at = here.step.at.entry(&entry.name, entry.known.as_ref());
        let content = (self.limits.verify_content && entry.kind == EntryKind::File)
            .then(|| content(&at).map(|digest| Id(self.key.tag(&digest))))
            .flatten();
        let same = known.filter(fits).filter(|known| !self.limits.verify_content || known.content == content);
        if let Some(known) = same {
            self.unchanged(1);
            if known.unread {
                self.tell(Note::Back { folder: here.step.id, file: id });
            }
            return;
        }
        let too_old = entry.kind == EntryKind::File
            && self.limits.since.is_some_and(|since| entry.stamp.newest() < since);
        let stopped = || self.stop();
        let is_read = entry.kind == EntryKind::File && entry.trouble.is_none();
        let bytes = if is_read { entry.stamp.size } else { 0 };
        if too_old || self.stop() || !self.pace.wait(bytes, &stopped) {
            self.counts.excluded.fetch_add(u64::from(too_old), Ordering::Relaxed);
            here.settled.store(false, Ordering::Relaxed);
            return;
        }
        self.read(here, entry, id, &at, content);
    }

    fn read(&self, here: &Here, entry: &StampedEntry, id: Id, at: &At, content: Option<Id>) {
        let shown = source::shown_below(&here.step.shown, &entry.name);
        let outcome = match (entry.kind, &entry.trouble) {
            (EntryKind::Link, _) => {
                self.counts.links.fetch_add(1, Ordering::Relaxed);
                self.files.name(&shown)
            }
            (EntryKind::Special, _) => {
                self.files.refused(&shown, &std::io::Error::other("a pipe, device or socket, not a file"))
            }
            (_, Some(error)) => self.files.refused(&shown, error),
            _ => self.files.scan(at, &shown, here.beside, &entry.name),
        };
        self.record(here, id, entry.stamp, content, &outcome);
    }

    /// Hands what a file gave to the writer.
    fn record(&self, here: &Here, id: Id, stamp: Stamp, content: Option<Id>, outcome: &Outcome) {
        let coverage = &outcome.coverage;
        self.counts.read.fetch_add(coverage.files, Ordering::Relaxed);
        self.counts.members.fetch_add(coverage.members, Ordering::Relaxed);
        self.counts.bytes.fetch_add(coverage.bytes, Ordering::Relaxed);
        // The system may answer otherwise next time; all other gaps are the file's own.
        let passing = |gap: &Gap| {
            gap.provenance.entries.is_empty()
                && matches!(gap.reason, Reason::Unreadable | Reason::Changed | Reason::Deadline)
        };
        let is_file = stamp != Stamp::default();
        let again = is_file && (stamp.is_racy(here.at) || coverage.gaps.iter().any(passing));
        if again {
            here.settled.store(false, Ordering::Relaxed);
        }
        let (findings, gaps) = self.recorder(here.step).record(outcome);
        let Stamp { size, mtime, ctime, inode } = stamp;
        self.tell(Note::File(Box::new(FileRecord {
            root: here.step.root.id,
            folder: here.step.id,
            file: id,
            stamp: (size, mtime, ctime, inode),
            settings: (!again).then_some(self.settings),
            content,
            findings,
            gaps,
            bytes: coverage.bytes,
        })));
    }
}

/// A folder as it was listed.
struct Seen {
    entries: Vec<StampedEntry>,
    device: u64,
    /// When, in nanoseconds since 1970-01-01 UTC.
    at: i64,
}

/// A folder whose files are being looked at.
struct Here<'a> {
    step: &'a Step<'a>,
    known: &'a HashMap<Id, KnownFile>,
    beside: &'a Folder,
    at: i64,
    /// Whether all in it was read, so that its stamp may stand for it.
    settled: &'a AtomicBool,
}

/// The digest of a file's content; `None` if it cannot be read, which the scan will say.
fn content(at: &At) -> Option<[u8; 32]> {
    let mut file = RangeReader::whole(at.open_regular().ok()?);
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match source::fill(&mut file, &mut buffer) {
            (0, None) => return Some(digest.finalize().into()),
            (read, None) => digest.update(buffer.get(..read)?),
            (_, Some(_)) => return None,
        }
    }
}

fn known_folder(db: &Connection, id: Id) -> Result<Option<KnownFolder>, Error> {
    let mut statement = db.prepare_cached("SELECT device, stamp FROM folders WHERE id = ?1")?;
    let known = statement.query_row([id.0], |row| {
        let stamp: Option<[u8; 16]> = row.get(1)?;
        Ok(KnownFolder { device: row.get::<_, i64>(0)?.cast_unsigned(), stamp: stamp.map(Id) })
    });
    Ok(known.optional()?)
}

fn has_content(db: &Connection, id: Id) -> Result<bool, Error> {
    // Each folder has a row of its own among its files.
    let sql = "SELECT EXISTS (SELECT 1 FROM folders WHERE parent = ?1) OR (SELECT count(*) FROM files WHERE folder = ?1) > 1";
    Ok(db.query_row(sql, [id.0], |row| row.get(0))?)
}

fn known_folders(db: &Connection, parent: Id) -> Result<Vec<Id>, Error> {
    let mut statement = db.prepare_cached("SELECT id FROM folders WHERE parent = ?1")?;
    let rows = statement.query_map([parent.0], |row| row.get(0).map(Id))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn known_files(db: &Connection, folder: Id) -> Result<HashMap<Id, KnownFile>, Error> {
    let mut statement = db.prepare_cached(
        "SELECT id, size, mtime, ctime, inode, settings, content, unread FROM files WHERE folder = ?1",
    )?;
    let rows = statement.query_map([folder.0], |row| {
        let stamp = Stamp {
            size: row.get::<_, i64>(1)?.cast_unsigned(),
            mtime: row.get(2)?,
            ctime: row.get(3)?,
            inode: row.get::<_, i64>(4)?.cast_unsigned(),
        };
        let id = |at| row.get::<_, Option<[u8; 16]>>(at).map(|id| id.map(Id));
        let known = KnownFile { stamp, settings: id(5)?, content: id(6)?, unread: row.get(7)? };
        Ok((row.get(0).map(Id)?, known))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Whether the state knows a file by this stamp, read with these settings.
pub(super) fn is_known(
    db: &Connection,
    folder: Id,
    id: Id,
    stamp: &Stamp,
    settings: Id,
) -> Result<bool, Error> {
    let sql = "SELECT EXISTS (SELECT 1 FROM files WHERE folder = ?1 AND id = ?2 AND size = ?3 AND mtime = ?4 \
         AND ctime = ?5 AND inode = ?6 AND settings = ?7)";
    let (size, inode) = (stamp.size.cast_signed(), stamp.inode.cast_signed());
    let values = rusqlite::params![folder.0, id.0, size, stamp.mtime, stamp.ctime, inode, settings.0];
    Ok(db.prepare_cached(sql)?.query_row(values, |row| row.get(0))?)
}
