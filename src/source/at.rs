//! A place in a tree, wherever the tree lies: by a path, below a folder that is held open, or in a store.
//!
//! A scan takes paths as the system resolves them. A sweep holds its root open and resolves all below it beneath it
//! ([`Held`]). What lies in a store ([`Store`]) has a key. Whoever walks needs not know which of them it is.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::beneath::Held;
use super::remote::{Known, Object, Remote, Store};
use super::{Entry, EntryKind, Links, OpenFile, ReadAt, Stamp, StampedEntry, list, read, stamp};

/// A folder or file of a tree.
#[derive(Clone, Debug)]
pub struct At(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Path(PathBuf),
    Beneath(Arc<Held>, PathBuf),
    Remote(Remote),
}

/// What was opened.
pub enum Opened {
    /// A file that is read as it comes.
    File(File),
    /// What is known by its size, and whether it changed meanwhile.
    Source(Arc<dyn ReadAt>),
}

/// A folder as it was listed.
#[derive(Debug)]
pub struct Listing {
    /// What stands in it, by name.
    pub entries: Vec<StampedEntry>,
    /// The device it lies on; 0 where there is no such thing.
    pub device: u64,
}

impl At {
    /// By a path; the empty one is the current folder.
    pub fn path(path: impl Into<PathBuf>) -> Self {
        Self(Kind::Path(path.into()))
    }

    /// A folder that is held open from now on, so that all below it is resolved beneath it.
    ///
    /// # Errors
    /// The system's, above all if there is no such folder.
    pub fn held(path: &Path) -> io::Result<Self> {
        Ok(Self(Kind::Beneath(Arc::new(Held::new(path)?), PathBuf::new())))
    }

    /// The root of a store.
    pub fn store(store: Arc<dyn Store>) -> Self {
        Self(Kind::Remote(Remote::root(store)))
    }

    /// What stands there under a name, or under several with `/` between them.
    pub fn join(&self, name: impl AsRef<OsStr>) -> Self {
        let name = name.as_ref();
        Self(match &self.0 {
            Kind::Path(path) => Kind::Path(path.join(name)),
            Kind::Beneath(held, path) => Kind::Beneath(held.clone(), path.join(name)),
            Kind::Remote(remote) => Kind::Remote(remote.join(name, None)),
        })
    }

    /// What was listed there, with what the listing said of it.
    pub fn entry(&self, name: &OsStr, known: Option<&Arc<Known>>) -> Self {
        match (&self.0, known) {
            (Kind::Remote(remote), Some(known)) => Self(Kind::Remote(remote.join(name, Some(known.clone())))),
            _ => self.join(name),
        }
    }

    /// The folder around it; none beyond a root that is held or lies in a store.
    pub fn up(&self) -> Option<Self> {
        Some(Self(match &self.0 {
            Kind::Path(path) => Kind::Path(path.join("..")),
            Kind::Beneath(held, path) => Kind::Beneath(held.clone(), path.parent()?.to_owned()),
            Kind::Remote(remote) => Kind::Remote(remote.up()?),
        }))
    }

    /// Whether each listing and each file costs a journey.
    pub fn is_far(&self) -> bool {
        matches!(self.0, Kind::Remote(_))
    }

    /// What the folder holds, by name, and the error that ended the listing early, if any.
    pub fn list(&self) -> (Vec<Entry>, Option<io::Error>) {
        match &self.0 {
            Kind::Path(path) => list(path),
            Kind::Beneath(..) | Kind::Remote(_) => match self.listing() {
                Ok(listing) => (listing.entries.into_iter().map(Entry::from).collect(), None),
                Err(error) => (Vec::new(), Some(error)),
            },
        }
    }

    /// What the folder holds, with stamps.
    ///
    /// # Errors
    /// If it cannot be listed to its end: then nothing that is missing may be taken for gone.
    pub fn listing(&self) -> io::Result<Listing> {
        match &self.0 {
            Kind::Path(path) => {
                let device = stamp::device(path)?;
                Ok(Listing { entries: stamp::list_stamped(path)?, device })
            }
            Kind::Beneath(held, path) => held.list(path),
            Kind::Remote(remote) => Ok(Listing { entries: remote.list()?, device: 0 }),
        }
    }

    /// Opens a file.
    ///
    /// # Errors
    /// The system's or the store's.
    pub fn open(&self, links: Links) -> io::Result<Opened> {
        Ok(match &self.0 {
            Kind::Path(path) => Opened::File(read::open(path, links)?),
            Kind::Beneath(held, path) => Opened::Source(Arc::new(OpenFile::new(held.open(path)?)?)),
            Kind::Remote(remote) => Opened::Source(Arc::new(remote.open()?)),
        })
    }

    /// Opens a file of which nobody was told that it is one.
    ///
    /// # Errors
    /// The system's or the store's; also if it is no regular file.
    pub fn open_regular(&self) -> io::Result<Arc<dyn ReadAt>> {
        if let Kind::Path(path) = &self.0
            && !fs::symlink_metadata(path)?.is_file()
        {
            return Err(io::Error::other("no regular file"));
        }
        match self.open(Links::Refuse)? {
            Opened::File(file) => Ok(Arc::new(OpenFile::new(file)?)),
            Opened::Source(source) => Ok(source),
        }
    }

    /// What it is, and its stamp.
    ///
    /// # Errors
    /// The system's or the store's, above all if there is no such thing.
    pub fn look(&self) -> io::Result<(EntryKind, Stamp)> {
        match &self.0 {
            Kind::Path(path) => {
                let meta = fs::symlink_metadata(path)?;
                Ok((meta.file_type().into(), Stamp::of(&meta)))
            }
            Kind::Beneath(held, path) => held.look(path),
            Kind::Remote(remote) => Ok(match remote.look()? {
                Object::File(known) => (EntryKind::File, known.stamp()),
                Object::Folder => (EntryKind::Folder, Stamp::default()),
            }),
        }
    }
}
