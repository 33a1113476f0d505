//! Manifests: roots → a list of all their files, and a shard of it → a part, which is what these files gave.
//!
//! A manifest is one walk, written down; any number of machines work on it without knowing of each other. Shard `i` of `n`
//! is the stretch of the list in which `1/n` of the bytes lie. It has the real names of files, since workers must find
//! them: it is as confidential as the roots are. Parts have none.

use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::record::{FileRecord, GapRecord, Id, Recorder};
use super::store::{Error, Store, hex};
use super::walk::{Root, Site};
use super::{Looking, settings_of};
use crate::blob::{Provenance, Span};
use crate::budget::{Coverage, Gap, Reason};
use crate::container::Outcome;
use crate::engine::{self, Files};
use crate::fingerprint::Key;
use crate::mask::Masker;
use crate::source::{self, Address, At, EntryKind, Folder, Listing, Stamp, StampedEntry};

/// The version of both forms.
const VERSION: u32 = 1;

/// What a file costs beside its bytes, in bytes: opening it and its row.
const COST: u64 = 32 << 10;

/// Files that are scanned before their records are written.
const BATCH: usize = 4096;

/// The longest line that is read, in bytes.
const LINE: u64 = 64 << 20;

/// A line of a manifest.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub(super) enum Line {
    /// The first one.
    Manifest { version: u32, made: i64, key_id: String, settings: Id, roots: Vec<ManifestRoot> },
    /// A folder, before all that is in it.
    Folder { id: Id, root: usize, parent: Option<Id>, device: u64 },
    /// What stands in a folder; its own name is the empty one.
    File {
        folder: Id,
        id: Id,
        root: usize,
        path: PathText,
        kind: FileKind,
        stamp: (u64, i64, i64, u64),
        unchanged: bool,
    },
    /// A folder that could not be looked at.
    Unlisted { folder: Id, root: usize, gap: GapRecord },
    /// The last one.
    End { files: u64, bytes: u64 },
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ManifestRoot {
    pub(super) path: PathText,
    pub(super) shown: String,
    pub(super) id: Id,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum FileKind {
    File,
    Link,
    Special,
    FolderName,
}

/// A path as text where it is text, else `hex:` and its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PathText(String);

impl PathText {
    fn of(path: &Path) -> Self {
        match path.to_str() {
            Some(text) if !text.starts_with("hex:") => Self(text.to_owned()),
            _ => Self(format!("hex:{}", hex(path.as_os_str().as_encoded_bytes()))),
        }
    }

    /// A folder of the file system stands by its whole path, so it is never taken for an address.
    fn of_root(root: &Root) -> Self {
        match &root.site {
            Site::Folder(path) => Self::of(path),
            Site::Remote(_, address) => Self(address.shown().to_owned()),
        }
    }

    pub(super) fn path(&self) -> PathBuf {
        let Some(digits) = self.0.strip_prefix("hex:") else { return PathBuf::from(&self.0) };
        let bytes = data_encoding::HEXLOWER.decode(digits.as_bytes()).unwrap_or_default();
        PathBuf::from(os_string(bytes))
    }
}

#[cfg(unix)]
fn os_string(bytes: Vec<u8>) -> OsString {
    std::os::unix::ffi::OsStringExt::from_vec(bytes)
}

#[cfg(not(unix))]
fn os_string(bytes: Vec<u8>) -> OsString {
    String::from_utf8_lossy(&bytes).into_owned().into()
}

/// Writes the manifest of some roots. With a state, files that it knows as they are are marked, and no shard reads them.
///
/// # Errors
/// If it cannot be written, or the state not be read. A folder that cannot be listed is a line.
pub fn manifest(
    roots: &[Root],
    key: &Key,
    known: Option<&Store>,
    looking: &Looking,
    out: &mut dyn Write,
) -> Result<(), Error> {
    let settings = settings_of(key, looking);
    let made = looking.scanner.now;
    let named =
        |root: &Root| ManifestRoot { path: PathText::of_root(root), shown: root.shown.clone(), id: root.id };
    let head = Line::Manifest {
        version: VERSION,
        made,
        key_id: key.id(),
        settings,
        roots: roots.iter().map(named).collect(),
    };
    let exclude = &looking.options.exclude;
    let mut lister = Lister { key, known, settings, exclude, out, files: 0, bytes: 0, looking };
    lister.line(&head)?;
    for (index, root) in roots.iter().enumerate() {
        lister.root(index, root)?;
    }
    let end = Line::End { files: lister.files, bytes: lister.bytes };
    lister.line(&end)
}

struct Lister<'a> {
    key: &'a Key,
    known: Option<&'a Store>,
    settings: Id,
    exclude: &'a globset::GlobSet,
    looking: &'a Looking<'a>,
    out: &'a mut dyn Write,
    files: u64,
    bytes: u64,
}

/// A folder that is still to be listed.
struct Waiting {
    relative: PathBuf,
    id: Id,
    parent: Option<Id>,
}

impl Lister<'_> {
    fn line(&mut self, line: &Line) -> Result<(), Error> {
        let text = serde_json::to_string(line).map_err(|error| Error::Usage(error.to_string()))?;
        writeln!(self.out, "{text}")
            .map_err(|error| Error::Usage(format!("cannot write the manifest: {error}")))
    }

    fn root(&mut self, index: usize, root: &Root) -> Result<(), Error> {
        let mut waiting = vec![Waiting { relative: PathBuf::new(), id: root.id, parent: None }];
        let at = root.open();
        while let Some(folder) = waiting.pop() {
            let listed = match &at {
                Ok(at) if folder.parent.is_none() => at.listing(),
                Ok(at) => at.join(&folder.relative).listing(),
                Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
            };
            match listed {
                Ok(listing) if listing.entries.is_empty() && folder.parent.is_none() => {
                    self.unlisted(index, root, &folder, "is empty".to_owned())?;
                }
                Ok(Listing { entries, device }) => {
                    self.folder(index, &folder, device, entries, &mut waiting)?;
                }
                Err(error) => {
                    self.unlisted(index, root, &folder, format!("cannot list the folder: {error}"))?
                }
            }
        }
        Ok(())
    }

    fn unlisted(&mut self, index: usize, root: &Root, folder: &Waiting, why: String) -> Result<(), Error> {
        self.line(&Line::Folder { id: folder.id, root: index, parent: folder.parent, device: 0 })?;
        let shown = shown(&root.shown, &folder.relative);
        let scanner = self.looking.scanner;
        let detector = |text: &str| scanner.detectors.spans(text);
        let recorder = Recorder { key: self.key, root: &root.shown, detector: &detector };
        let gap = Gap::new(&Provenance::file(shown), Reason::Unreadable, why);
        let gap = recorder.gap(&gap, &Masker::new([], &detector));
        self.line(&Line::Unlisted { folder: folder.id, root: index, gap })
    }

    fn folder(
        &mut self,
        index: usize,
        folder: &Waiting,
        device: u64,
        entries: Vec<StampedEntry>,
        waiting: &mut Vec<Waiting>,
    ) -> Result<(), Error> {
        self.line(&Line::Folder { id: folder.id, root: index, parent: folder.parent, device })?;
        let at = source::nanos(SystemTime::now());
        let own = StampedEntry { name: OsString::new(), kind: EntryKind::Folder, ..StampedEntry::default() };
        for entry in std::iter::once(own).chain(entries) {
            let relative = if entry.name.is_empty() {
                folder.relative.clone()
            } else {
                folder.relative.join(&entry.name)
            };
            let id = folder.id.within(self.key, &entry.name);
            if self.left_out(&relative, &entry.name) {
                continue;
            }
            let kind = match entry.kind {
                EntryKind::Folder if entry.name.is_empty() => FileKind::FolderName,
                EntryKind::Folder => {
                    waiting.push(Waiting { relative, id, parent: Some(folder.id) });
                    continue;
                }
                EntryKind::File => FileKind::File,
                EntryKind::Link => FileKind::Link,
                EntryKind::Special => FileKind::Special,
            };
            let Stamp { size, mtime, ctime, inode } = entry.stamp;
            let unchanged = self.knows(folder.id, id, &entry.stamp)? && !entry.stamp.is_racy(at);
            self.files += 1;
            self.bytes += size;
            let stamp = (size, mtime, ctime, inode);
            let path = PathText::of(&relative);
            self.line(&Line::File { folder: folder.id, id, root: index, path, kind, stamp, unchanged })?;
        }
        Ok(())
    }

    fn left_out(&self, relative: &Path, name: &OsStr) -> bool {
        !name.is_empty() && (self.exclude.is_match(relative) || self.exclude.is_match(name))
    }

    fn knows(&self, folder: Id, id: Id, stamp: &Stamp) -> Result<bool, Error> {
        match self.known {
            Some(store) => super::walk::is_known(&store.db, folder, id, stamp, self.settings),
            None => Ok(false),
        }
    }
}

fn shown(root: &str, relative: &Path) -> String {
    relative.iter().fold(root.to_owned(), |shown, name| source::shown_below(&shown, name))
}

impl ManifestRoot {
    /// Goes to a root; no machine but this one need have it at the same place.
    fn open(&self) -> io::Result<At> {
        match Address::parse(&self.path.0) {
            Some(Ok(address)) => source::remote::root(&address).map(|(at, _)| at),
            Some(Err(error)) => Err(io::Error::other(error)),
            None => At::held(&self.path.path()),
        }
    }
}

/// Reads the lines of a manifest or part, one after the other.
pub(super) fn lines<T: serde::de::DeserializeOwned>(
    file: impl BufRead,
) -> impl Iterator<Item = Result<(T, String), Error>> {
    let mut file = file;
    std::iter::from_fn(move || {
        let mut line = String::new();
        match io::Read::take(&mut file, LINE).read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => Some(match serde_json::from_str(&line) {
                Ok(value) => Ok((value, line)),
                Err(_) => Err(Error::Usage("a line is none of a manifest or part, or is cut off".to_owned())),
            }),
            Err(error) => Some(Err(Error::Usage(format!("cannot be read: {error}")))),
        }
    })
}

/// A manifest as its readers know it.
#[derive(Debug)]
pub struct Manifest {
    path: PathBuf,
    /// The digest of the whole file.
    pub digest: String,
    /// When it was made, seconds since 1970-01-01 UTC.
    pub made: i64,
    /// The name of the key that its ids are made with.
    pub key_id: String,
    pub(super) settings: Id,
    pub(super) roots: Vec<ManifestRoot>,
    /// What all shards together have to read, in costs.
    total: u64,
}

impl Manifest {
    /// Opens a manifest: reads it once to its end, and checks that it has one.
    ///
    /// # Errors
    /// If it cannot be read, or is not whole.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let mut digest = Sha256::new();
        let mut manifest = None;
        let (mut total, mut ended) = (0, false);
        for line in Self::lines_of(path)? {
            let (line, text) = line?;
            digest.update(text.as_bytes());
            match line {
                Line::Manifest { version: VERSION, made, key_id, settings, roots } => {
                    let path = path.to_owned();
                    let digest = String::new();
                    manifest = Some(Self { path, digest, made, key_id, settings, roots, total: 0 });
                }
                Line::Manifest { .. } => {
                    return Err(Error::Usage("the manifest has a version that is not known here".to_owned()));
                }
                line => total += cost(&line).unwrap_or(0),
            }
            ended = text.contains("\"type\":\"end\"");
        }
        let digest = hex(&digest.finalize());
        match manifest {
            Some(manifest) if ended => Ok(Self { digest, total, ..manifest }),
            _ => Err(Error::Usage(format!("{}: the manifest has no beginning or no end", path.display()))),
        }
    }

    /// Whether some of it lies in a store.
    pub fn is_far(&self) -> bool {
        self.roots.iter().any(|root| Address::parse(&root.path.0).is_some())
    }

    pub(super) fn lines(&self) -> Result<impl Iterator<Item = Result<(Line, String), Error>> + use<>, Error> {
        Self::lines_of(&self.path)
    }

    fn lines_of(path: &Path) -> Result<impl Iterator<Item = Result<(Line, String), Error>> + use<>, Error> {
        let file =
            std::fs::File::open(path).map_err(|source| Error::File { path: path.to_owned(), source })?;
        Ok(lines(io::BufReader::new(file)))
    }

    pub(super) fn check_key(&self, key: &Key) -> Result<(), Error> {
        let given = key.id();
        if self.key_id == given {
            return Ok(());
        }
        Err(Error::OtherKey { expected: self.key_id.clone(), given })
    }
}

/// What it costs to read what a line names; `None` if nothing is to be read.
fn cost(line: &Line) -> Option<u64> {
    match line {
        Line::File { unchanged: false, stamp: (size, ..), .. } => Some(size.saturating_add(COST)),
        _ => None,
    }
}

/// Shard `number` (from 1) of `of`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Which one, from 1.
    pub number: u64,
    /// Of how many.
    pub of: u64,
}

impl Shard {
    /// Whether what begins at this place of `total` is its own.
    fn has(self, at: u64, total: u64) -> bool {
        let share = u128::from(at) * u128::from(self.of) / u128::from(total.max(1));
        share == u128::from(self.number.saturating_sub(1))
    }
}

/// A line of a part.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub(super) enum PartLine {
    /// The first one.
    Part { version: u32, manifest: String, shard: u64, of: u64, key_id: String },
    /// What a file gave.
    File(Box<FileRecord>),
    /// The last one: a digest of all before.
    End { files: u64, digest: String },
}

/// Scans a shard of a manifest and writes its part. What it read, without gaps, which stand in the part.
///
/// # Errors
/// If the part cannot be written, or the manifest was made with another key or other signatures and settings.
pub fn part(
    manifest: &Manifest,
    shard: Shard,
    key: &Key,
    looking: &Looking,
    out: &mut (dyn Write + Send),
) -> Result<Coverage, Error> {
    manifest.check_key(key)?;
    if manifest.settings != settings_of(key, looking) {
        let message = "the manifest was made with other signatures, settings or another version of keysieve";
        return Err(Error::Usage(message.to_owned()));
    }
    // Stores are connected to before this gives up the network.
    let roots: Vec<_> = manifest.roots.iter().map(ManifestRoot::open).collect();
    let work = || {
        if looking.guarded {
            super::guard::read_only(); // the part is open already
        }
        engine::files(looking.scanner, looking.options, looking.progress, |files| {
            let detector: &(dyn Fn(&str) -> Vec<Span> + Sync) = &|text| looking.scanner.detectors.spans(text);
            Worker { manifest, roots: &roots, key, files, detector }.part(shard, out)
        })
    };
    let done = std::thread::scope(|scope| scope.spawn(work).join());
    done.map_err(|_| Error::Usage("the scan of the shard failed".to_owned()))??
}

struct Worker<'a> {
    manifest: &'a Manifest,
    roots: &'a [io::Result<At>],
    key: &'a Key,
    files: &'a Files<'a>,
    detector: &'a (dyn Fn(&str) -> Vec<Span> + Sync),
}

impl Worker<'_> {
    fn part(&self, shard: Shard, out: &mut (dyn Write + Send)) -> Result<Coverage, Error> {
        let mut part = Part { out, digest: Sha256::new(), files: 0 };
        let manifest = self.manifest.digest.clone();
        let (Shard { number, of }, key_id) = (shard, self.key.id());
        part.line(&PartLine::Part { version: VERSION, manifest, shard: number, of, key_id })?;
        let (mut at, mut batch, mut coverage) = (0_u64, Vec::new(), Coverage::default());
        for line in self.manifest.lines()? {
            let (line, _) = line?;
            let Some(cost) = cost(&line) else { continue };
            if shard.has(at, self.manifest.total) {
                batch.push(line);
            }
            at += cost;
            if batch.len() >= BATCH {
                self.batch(&batch, &mut part, &mut coverage)?;
                batch.clear();
            }
        }
        self.batch(&batch, &mut part, &mut coverage)?;
        let end = PartLine::End { files: part.files, digest: hex(&part.digest.clone().finalize()) };
        part.line(&end)?;
        Ok(coverage)
    }

    fn batch(&self, lines: &[Line], part: &mut Part, coverage: &mut Coverage) -> Result<(), Error> {
        let records: Vec<_> = lines.par_iter().filter_map(|line| self.file(line)).collect();
        for (record, read) in records {
            part.files += 1;
            part.line(&PartLine::File(Box::new(record)))?;
            coverage.extend(Coverage { gaps: Vec::new(), ..read });
        }
        Ok(())
    }

    fn file(&self, line: &Line) -> Option<(FileRecord, Coverage)> {
        let Line::File { folder, id, root, path, kind, .. } = line else { return None };
        let (root, at) = (self.manifest.roots.get(*root)?, self.roots.get(*root)?);
        let relative = path.path();
        let shown = shown(&root.shown, &relative);
        let now = source::nanos(SystemTime::now());
        let (stamp, outcome) = match at {
            Ok(at) => self.look(*kind, &at.join(&relative), &shown),
            Err(error) => (Stamp::default(), self.files.refused(&shown, error)),
        };
        let passing = |gap: &Gap| {
            gap.provenance.entries.is_empty()
                && matches!(gap.reason, Reason::Unreadable | Reason::Changed | Reason::Deadline)
        };
        let again =
            *kind == FileKind::File && (stamp.is_racy(now) || outcome.coverage.gaps.iter().any(passing));
        let recorder = Recorder { key: self.key, root: &root.shown, detector: self.detector };
        let (findings, gaps) = recorder.record(&outcome);
        let record = FileRecord {
            root: root.id,
            folder: *folder,
            file: *id,
            stamp: (stamp.size, stamp.mtime, stamp.ctime, stamp.inode),
            settings: (!again).then_some(self.manifest.settings),
            content: None,
            findings,
            gaps,
            bytes: outcome.coverage.bytes,
        };
        Some((record, outcome.coverage))
    }

    fn look(&self, kind: FileKind, at: &At, shown: &str) -> (Stamp, Outcome) {
        match kind {
            FileKind::FolderName | FileKind::Link => (Stamp::default(), self.files.name(shown)),
            FileKind::Special => {
                let error = io::Error::other("a pipe, device or socket, not a file");
                (Stamp::default(), self.files.refused(shown, &error))
            }
            FileKind::File => match at.look() {
                Ok((EntryKind::File, stamp)) => {
                    let beside = Folder::at(at.up().unwrap_or_else(|| at.clone()));
                    let name = shown.rsplit('/').next().unwrap_or(shown);
                    (stamp, self.files.scan(at, shown, &beside, OsStr::new(name)))
                }
                Ok(_) => {
                    (Stamp::default(), self.files.refused(shown, &io::Error::other("is no file any more")))
                }
                Err(error) => (Stamp::default(), self.files.refused(shown, &error)),
            },
        }
    }
}

/// A part being written.
struct Part<'a> {
    out: &'a mut (dyn Write + Send),
    digest: Sha256,
    files: u64,
}

impl Part<'_> {
    fn line(&mut self, line: &PartLine) -> Result<(), Error> {
        let mut text = serde_json::to_string(line).map_err(|error| Error::Usage(error.to_string()))?;
        text.push('\n');
        self.digest.update(text.as_bytes());
        let written = self.out.write_all(text.as_bytes());
        written.map_err(|error| Error::Usage(format!("cannot write the part: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_is_in_one_shard_and_shards_are_even() {
        for of in 1..9 {
            let mut counts = vec![0; of as usize];
            for at in 0..1000 {
                let owners: Vec<u64> =
                    (1..=of).filter(|&number| Shard { number, of }.has(at, 1000)).collect();
                assert_eq!(owners.len(), 1, "{at} of {of}");
                counts[owners[0] as usize - 1] += 1;
            }
            assert!(counts.iter().all(|count: &u64| count.abs_diff(1000 / of) <= 1), "{counts:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn paths_that_are_no_text_come_through() {
        use std::os::unix::ffi::OsStrExt;
        for bytes in [&b"a/b"[..], b"\xff\xfe/x", b"hex:61", "Übersicht".as_bytes()] {
            let path = Path::new(OsStr::from_bytes(bytes));
            assert_eq!(PathText::of(path).path(), path);
        }
    }
}
