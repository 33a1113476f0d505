//! Stores: the address of one → its folders and objects, as if they lay in the file system.
//!
//! What a store must do is a [`Store`]; a `Remote` is a place in one. The room knows nothing of requests: the stores
//! themselves (`connect`, with the feature `remote`) run on a runtime of their own, to which the threads of a scan hand
//! what they want and wait. So those threads need no network, and may give it up.

mod address;
mod blocks;
#[cfg(feature = "remote")]
mod connect;

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use sha2::{Digest, Sha256};

pub use self::address::{Address, Scheme};
pub(super) use self::blocks::Blocks;
use super::{At, EntryKind, Stamp, StampedEntry};

/// What a store tells of an object without giving it away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Bytes.
    pub size: u64,
    /// When it was last changed, nanoseconds since 1970-01-01 UTC.
    pub modified: i64,
    /// Its entity tag, which changes with its content.
    pub tag: Option<String>,
}

impl Known {
    /// Whether it is the same content, as far as the store tells. Listings and single answers differ in how exact their
    /// times are, so these count only where there is no tag.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        const SECOND: i64 = 1_000_000_000;
        self.size == other.size
            && match (&self.tag, &other.tag) {
                (Some(one), Some(other)) => one == other,
                _ => self.modified / SECOND == other.modified / SECOND,
            }
    }

    /// As a stamp: what a file's number is, the tag is here.
    pub(super) fn stamp(&self) -> Stamp {
        let number = self.tag.as_deref().map_or(0, |tag| {
            let digest: [u8; 32] = Sha256::digest(tag).into();
            digest.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
        });
        Stamp { size: self.size, mtime: self.modified, ctime: 0, inode: number }
    }
}

/// What stands in a folder of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its name, without the folder.
    pub name: String,
    /// What it is.
    pub kind: EntryKind,
    /// What the store tells of it; nothing of folders.
    pub known: Known,
    /// Why it cannot be read, if that is known already.
    pub trouble: Option<String>,
}

/// Objects by key: the names on the way to them with `/` between them. The empty key is the store's root.
pub trait Store: Send + Sync + fmt::Debug {
    /// What it is known by, whatever it is called on the command line: service, account, bucket.
    fn identity(&self) -> String;

    /// What stands in a folder.
    ///
    /// # Errors
    /// If it cannot be listed to its end.
    fn list(&self, folder: &str) -> io::Result<Vec<Item>>;

    /// What is known of an object; `None` if there is none.
    ///
    /// # Errors
    /// If the store does not say.
    fn look(&self, key: &str) -> io::Result<Option<Known>>;

    /// Reads a stretch of an object, all of it or nothing.
    ///
    /// # Errors
    /// If it cannot be read, or is not any more what is known of it.
    fn read(&self, key: &str, known: &Known, range: Range<u64>) -> io::Result<Vec<u8>>;
}

/// What a key stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Object {
    File(Arc<Known>),
    Folder,
}

/// A place in a store.
#[derive(Clone, Debug)]
pub(super) struct Remote {
    store: Arc<dyn Store>,
    key: String,
    known: Option<Arc<Known>>,
}

impl Remote {
    pub(super) fn root(store: Arc<dyn Store>) -> Self {
        Self { store, key: String::new(), known: None }
    }

    pub(super) fn join(&self, name: &OsStr, known: Option<Arc<Known>>) -> Self {
        let name = name.to_string_lossy();
        let name = name.trim_end_matches('/'); // a folder beside an object of the same name
        let key = match self.key.as_str() {
            "" => name.to_owned(),
            key => [key, "/", name].concat(),
        };
        Self { store: self.store.clone(), key, known }
    }

    pub(super) fn up(&self) -> Option<Self> {
        if self.key.is_empty() {
            return None;
        }
        let key = self.key.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
        Some(Self { store: self.store.clone(), key, known: None })
    }

    pub(super) fn list(&self) -> io::Result<Vec<StampedEntry>> {
        let mut items = self.store.list(&self.key)?;
        items.sort_unstable_by(|a, b| (&a.name, a.kind as u8).cmp(&(&b.name, b.kind as u8)));
        let mut entries: Vec<StampedEntry> = Vec::with_capacity(items.len());
        for item in items {
            let twin = entries.last().is_some_and(|before| before.name == OsStr::new(&item.name));
            let name = if twin { item.name + "/" } else { item.name };
            let is_file = item.kind == EntryKind::File;
            entries.push(StampedEntry {
                name: OsString::from(name),
                kind: item.kind,
                stamp: if is_file { item.known.stamp() } else { Stamp::default() },
                trouble: item.trouble.map(io::Error::other),
                known: is_file.then(|| Arc::new(item.known)),
            });
        }
        Ok(entries)
    }

    pub(super) fn look(&self) -> io::Result<Object> {
        if let Some(known) = &self.known {
            return Ok(Object::File(known.clone()));
        }
        let known = if self.key.is_empty() { None } else { self.store.look(&self.key)? };
        Ok(known.map_or(Object::Folder, |known| Object::File(Arc::new(known))))
    }

    pub(super) fn open(&self) -> io::Result<Blocks> {
        match self.look()? {
            Object::File(known) => Ok(Blocks::new(self.store.clone(), self.key.clone(), known)),
            Object::Folder => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

/// What an address leads to.
#[derive(Debug)]
pub struct Found {
    /// The place itself.
    pub at: At,
    /// The folder around it, if it is an object.
    pub folder: Option<At>,
    /// The object's size in bytes.
    pub size: u64,
}

/// Opens what an address names: an object, or the folder of that name.
///
/// # Errors
/// If this build knows no stores, there are no credentials, or there is no such thing.
pub fn find(address: &Address) -> io::Result<Found> {
    let store = connect(address)?;
    let whole = store.clone();
    let key = address.key().to_owned();
    let at = if key.is_empty() { At::store(whole) } else { At::store(whole).join(&key) };
    match at.look()? {
        (EntryKind::File, stamp) => Ok(Found { folder: at.up(), at, size: stamp.size }),
        _ if !key.is_empty() && store.list(&key)?.is_empty() => Err(io::ErrorKind::NotFound.into()),
        _ => Ok(Found { at, folder: None, size: 0 }),
    }
}

/// Opens a store for a sweep: the address is a folder, there or not.
///
/// # Errors
/// If this build knows no stores, or there are no credentials.
pub fn root(address: &Address) -> io::Result<(At, String)> {
    let store = connect(address)?;
    let identity = format!("{}/{}", store.identity(), address.key());
    let at = At::store(store);
    Ok((if address.key().is_empty() { at } else { at.join(address.key()) }, identity))
}

#[cfg(feature = "remote")]
fn connect(address: &Address) -> io::Result<Arc<dyn Store>> {
    connect::connect(address)
}

#[cfg(not(feature = "remote"))]
fn connect(address: &Address) -> io::Result<Arc<dyn Store>> {
    let _ = address;
    let message =
        "this build of keysieve reads no stores: take a released binary, or build with `--features remote`";
    Err(io::Error::new(io::ErrorKind::Unsupported, message))
}
