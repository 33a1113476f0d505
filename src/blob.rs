//! The words all rooms share: where bytes came from, and the bytes themselves. Imports no other room.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// Half-open byte range, from 0; whatever stores one says what it indexes.
pub type Span = Range<usize>;

/// The way to some bytes: a file, then the entries of the containers in it, outermost first.
///
/// Its text comes from strangers: it may hold control characters or even a secret, so that it is shown only through
/// [`crate::mask::Masker`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Provenance {
    /// The file's path as the user named it or as it was met below what the user named; `-` for standard input.
    /// Separators are `/` on every system; bytes that are no UTF-8 are replaced.
    pub path: Arc<str>,
    /// Names of entries: a zip's member, then the member of the zip in it, … Empty for a plain file.
    pub entries: Vec<Arc<str>>,
}

impl Provenance {
    /// A plain file or a named stream.
    pub fn file(path: impl Into<Arc<str>>) -> Self {
        Self { path: path.into(), entries: Vec::new() }
    }

    /// An entry of the container that `self` names.
    pub fn entry(&self, name: impl Into<Arc<str>>) -> Self {
        let mut entries = self.entries.clone();
        entries.push(name.into());
        Self { path: self.path.clone(), entries }
    }

    /// The last name: of the innermost entry, or of the file.
    pub fn name(&self) -> &str {
        let whole = self.entries.last().unwrap_or(&self.path);
        let end = whole.bytes().rposition(|byte| matches!(byte, b'/' | b'\\'));
        end.and_then(|end| whole.get(end + 1..)).unwrap_or(whole)
    }

    /// How many containers the bytes came out of.
    pub fn depth(&self) -> usize {
        self.entries.len()
    }
}

impl fmt::Display for Provenance {
    /// `drive/export.zip!/Workflows/a.json`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        self.entries.iter().try_for_each(|entry| write!(f, "!/{entry}"))
    }
}

/// A run of bytes with its provenance and the members that stand beside it.
#[derive(Clone, Copy)]
pub struct Blob<'a> {
    /// Where the bytes come from.
    pub provenance: &'a Provenance,
    /// The bytes, whole: what is larger than the pool never becomes a `Blob`, only windows of it.
    pub bytes: &'a [u8],
    /// What stands beside it: the other members of its archive, or the other files of its folder.
    pub package: &'a dyn Package,
    /// Names for places in the bytes, where they were made for reading out of a document; else none.
    pub landmarks: &'a Landmarks,
}

/// What a reader calls the places of a text that was made out of a document: `page 3`, `sheet "Keys", cell B7`. Each
/// name holds from its offset on until the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Landmarks(Vec<(usize, Box<str>)>);

impl Landmarks {
    /// Of a text that was not made out of anything.
    pub const NONE: &'static Self = &Self(Vec::new());

    /// From this byte of the text on, which is not before the last one that was named, the place is called so.
    pub fn push(&mut self, at: usize, name: impl Into<Box<str>>) {
        self.0.push((at, name.into()));
    }

    /// What the place of this byte is called.
    pub fn at(&self, byte: usize) -> Option<&str> {
        let next = self.0.partition_point(|(at, _)| *at <= byte);
        self.0.get(next.checked_sub(1)?).map(|(_, name)| &**name)
    }

    /// All names, each with the byte where it begins.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &str)> {
        self.0.iter().map(|(at, name)| (*at, &**name))
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no name.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A container or folder as the unit that has names: a flow's name, state or key may stand in another member than
/// its steps. Read on demand, only when a finding is to be labelled.
pub trait Package: Sync {
    /// Names of the members, sorted, as the container spells them; of a folder the names of its files and of the
    /// files of its sub-folders down to two levels, with `/`. Bounded: at most some thousands.
    fn members(&self) -> Vec<String>;

    /// The bytes of one member, at most [`COMPANION_LIMIT`] of them, else `None`; also `None` if it cannot be read.
    /// Implementations keep what they have read, since a package with many findings asks again.
    fn read(&self, member: &str) -> Option<Arc<[u8]>>;

    /// The name of the blob that is being looked at, as in [`Package::members`], where it is a member.
    fn own_name(&self) -> Option<&str>;
}

/// The largest companion member that is read for labels, in bytes.
pub const COMPANION_LIMIT: usize = 16 << 20;

/// A blob that stands alone: standard input, a git object.
pub struct Alone;

impl Package for Alone {
    fn members(&self) -> Vec<String> {
        Vec::new()
    }

    fn read(&self, _member: &str) -> Option<Arc<[u8]>> {
        None
    }

    fn own_name(&self) -> Option<&str> {
        None
    }
}
