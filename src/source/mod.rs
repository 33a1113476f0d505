//! Source: where bytes come from. The only room that reads files: paths to listings, open files and their bytes.
//!
//! What the bytes are is left to `container`; what they mean, to all others. Nothing here writes. An [`At`] is a place in the
//! file system or in a store (`remote`); whoever walks asks it for listings and files.

mod at;
mod beneath;
mod folder;
mod kept;
mod os;
mod read;
pub mod remote;
mod stamp;

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fs::{self, FileType};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use at::{At, Listing, Opened};
pub use folder::{Folder, Sibling};
pub(crate) use kept::Kept;
pub use read::{Memory, OpenFile, RangeReader, ReadAt, fill, fill_of_file, open};
pub use remote::Address;
pub use stamp::{Stamp, StampedEntry, nanos};

/// One thing to scan, as the user named it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A file or a folder. A symbolic link named here is followed; one met below is not.
    Path(PathBuf),
    /// An object or a folder of a store.
    Remote(Address),
    /// Standard input, under the name that reports show (`-` if the user gave none).
    Stdin(String),
    /// Bytes in memory, under the name that reports show.
    Bytes {
        /// The name.
        name: String,
        /// What stands there.
        bytes: Arc<[u8]>,
    },
}

impl Input {
    /// Returns the name that reports show.
    pub fn shown(&self) -> String {
        match self {
            Self::Path(path) => shown(path),
            Self::Remote(address) => address.shown().to_owned(),
            Self::Stdin(name) | Self::Bytes { name, .. } => name.clone(),
        }
    }
}

/// What stands in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name, without the folder.
    pub name: OsString,
    /// What it is.
    pub kind: EntryKind,
    /// What a store told of it.
    pub known: Option<Arc<remote::Known>>,
}

impl From<StampedEntry> for Entry {
    fn from(entry: StampedEntry) -> Self {
        Self { name: entry.name, kind: entry.kind, known: entry.known }
    }
}

/// What a name of the file system stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    #[default]
    File,
    /// A folder.
    Folder,
    /// A symbolic link, to whatever.
    Link,
    /// A pipe, device or socket: to open it may block or do something.
    Special,
}

impl From<FileType> for EntryKind {
    fn from(kind: FileType) -> Self {
        if kind.is_symlink() {
            Self::Link
        } else if kind.is_dir() {
            Self::Folder
        } else if kind.is_file() {
            Self::File
        } else {
            Self::Special
        }
    }
}

/// Returns the entries of a folder by name, and the error that ended the listing early, if any.
pub fn list(folder: &Path) -> (Vec<Entry>, Option<io::Error>) {
    let mut entries = Vec::new();
    let trouble = collect(folder, &mut entries).err();
    entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    (entries, trouble)
}

fn collect(folder: &Path, entries: &mut Vec<Entry>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        entries.push(Entry { kind: entry.file_type()?.into(), name: entry.file_name(), known: None });
    }
    Ok(())
}

/// What a path argument stands for, links followed.
///
/// # Errors
/// The system's, above all if there is no such thing.
pub fn named(path: &Path) -> io::Result<(EntryKind, u64)> {
    let meta = fs::metadata(path)?;
    Ok((meta.file_type().into(), meta.len()))
}

/// Whether a link as the last part of a path is followed when it is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// Only what the user named himself.
    Follow,
    /// Whatever the walk met: it may have been swapped for a link since it was listed.
    Refuse,
}

/// The way a path is shown: `/` between its parts on every system, what is no UTF-8 replaced.
pub fn shown(path: &Path) -> String {
    let text = path.to_string_lossy();
    if cfg!(windows) { text.replace('\\', "/") } else { text.into_owned() }
}

/// The shown path of a name below a shown folder. What stands below `.` is shown by its own name.
pub fn shown_below(folder: &str, name: &OsStr) -> String {
    let name = text_of(name);
    match folder {
        "." | "./" => name.into_owned(),
        _ if folder.ends_with('/') => [folder, &name].concat(),
        _ => [folder, "/", &name].concat(),
    }
}

/// A name as text, what is no UTF-8 replaced. (`to_string_lossy` goes through every name character by character.)
pub fn text_of(name: &OsStr) -> Cow<'_, str> {
    name.to_str().map_or_else(|| name.to_string_lossy(), Cow::Borrowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_joined_as_users_write_them() {
        let name = OsStr::new("a.json");
        assert_eq!(shown_below(".", name), "a.json");
        assert_eq!(shown_below("drive/", name), "drive/a.json");
        assert_eq!(shown_below("drive", name), "drive/a.json");
        assert_eq!(shown_below("/", name), "/a.json");
    }

    #[test]
    fn a_folder_is_listed_by_name() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b", "a", ".c"] {
            fs::write(dir.path().join(name), name).unwrap();
        }
        fs::create_dir(dir.path().join("aa")).unwrap();
        let (entries, trouble) = list(dir.path());
        assert!(trouble.is_none());
        let names: Vec<_> = entries.iter().map(|e| (e.name.to_str().unwrap(), e.kind)).collect();
        let file = EntryKind::File;
        assert_eq!(names, [(".c", file), ("a", file), ("aa", EntryKind::Folder), ("b", file)]);
    }

    #[test]
    fn a_missing_folder_is_trouble() {
        assert!(list(Path::new("/no/such/folder")).1.is_some());
    }
}
