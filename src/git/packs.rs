//! All objects of a repository, read where they lie: packs, in the order in which each delta is applied once to a base that
//! is at hand, and objects in files of their own. Git reads a base again and again, and hands each object through a pipe;
//! this is what most of the cost of a history was. What is odd, too large or of another format is left to git by its name.
//!
//! A repository may be a stranger's, with an index that lies: each number is checked against what is there, an object is
//! unpacked to the size that it says and at most to [`LARGEST`], and bases are held up to [`HELD`] bytes.
//!
//! Format: <https://git-scm.com/docs/gitformat-pack>.

use std::fs;
use std::io::Read;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::{Decompress, FlushDecompress, Status};

use super::id::{Id, Kind};
use super::store::{self, Unpacked};
use super::{Error, Repository};
use crate::container::apply_delta;
use crate::source::{self, Links, Memory, OpenFile, ReadAt};

/// The largest object that is unpacked here, in bytes.
const LARGEST: usize = 8 << 20;

/// The most that is held of bases that others are still to be made of, in bytes.
const HELD: usize = 256 << 20;

/// The largest index that is read, in bytes: some 20 million objects.
const INDEX: u64 = 600 << 20;

/// How much more than its bytes a deflated stream can unpack to.
const RATIO: usize = 1040;

/// Bytes that the header of an object has at most: a kind, a size, and a distance or a name.
const HEADER: usize = 64;

/// The objects of a repository.
pub(super) struct Everything {
    packs: Vec<Pack>,
    objects: PathBuf,
    loose: Vec<Id>,
}

/// Why git has to be asked.
#[derive(Debug)]
pub(super) enum Left {
    /// Objects elsewhere, SHA-256, a folder that cannot be read.
    ToGit,
    /// The index of that name is not as it should be. Git may pass over its pack, and say nothing.
    Odd(String),
}

/// What is done with an object, its name, kind and bytes; whether more are wanted.
pub(super) type Take<'t> = dyn FnMut(Id, Kind, &Arc<Memory>) -> Result<ControlFlow<()>, Error> + 't;

impl Everything {
    /// Opens what there is.
    ///
    /// # Errors
    /// Where git has to be asked.
    pub(super) fn of(repository: &Repository) -> Result<Self, Left> {
        let variables = ["GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_COMMON_DIR"];
        if variables.iter().any(|variable| std::env::var_os(variable).is_some()) {
            return Err(Left::ToGit);
        }
        let objects = folder(repository).ok_or(Left::ToGit)?;
        let elsewhere = ["info/alternates", "info/http-alternates"];
        if elsewhere.iter().any(|name| objects.join(name).exists()) {
            return Err(Left::ToGit);
        }
        let mut packs = Vec::new();
        for index in
            files(&objects.join("pack")).ok_or(Left::ToGit)?.into_iter().filter(|path| is_index(path))
        {
            let name = || index.file_name().unwrap_or_default().to_string_lossy().into_owned();
            packs.push(Pack::open(&index).ok_or_else(|| Left::Odd(name()))?);
        }
        let loose = loose(&objects).ok_or(Left::ToGit)?;
        Ok(Self { packs, objects, loose })
    }

    /// Goes through all objects once. Returns the names of those that git has to be asked for.
    ///
    /// # Errors
    /// Those of `take`.
    pub(super) fn each(&self, take: &mut Take) -> Result<Vec<Id>, Error> {
        let mut left = Vec::new();
        for (number, pack) in self.packs.iter().enumerate() {
            let before = self.packs.get(..number).unwrap_or_default();
            let is_new = |id: &[u8]| !before.iter().any(|pack| pack.find(id).is_some());
            if Walk::of(pack, &is_new, &mut left).each(take)?.is_break() {
                return Ok(Vec::new());
            }
        }
        for id in &self.loose {
            if self.packs.iter().any(|pack| pack.find(id.bytes()).is_some()) {
                continue;
            }
            match store::unpacked(&self.objects, &id.to_string(), LARGEST as u64) {
                None => left.push(*id),
                Some(Unpacked { kind, bytes }) => {
                    if take(*id, kind, &Arc::new(Memory(bytes)))?.is_break() {
                        return Ok(Vec::new());
                    }
                }
            }
        }
        Ok(left)
    }
}

/// The folder of a repository's objects, if they are named by SHA-1.
fn folder(repository: &Repository) -> Option<PathBuf> {
    let said = repository.ask(&["rev-parse", "--show-object-format", "--git-path", "objects"]).ok()?;
    let objects = String::from_utf8(said).ok()?;
    Some(repository.folder().join(objects.strip_prefix("sha1\n")?.trim_end_matches(['\r', '\n'])))
}

fn is_index(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "idx")
}

/// The files of a folder, sorted; none if there is no such folder, `None` if it cannot be read.
fn files(folder: &Path) -> Option<Vec<PathBuf>> {
    if !folder.exists() {
        return Some(Vec::new());
    }
    let entries = fs::read_dir(folder).ok()?.collect::<Result<Vec<_>, _>>().ok()?;
    let mut files: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
    files.sort_unstable();
    Some(files)
}

/// The names of the objects that lie in files of their own.
fn loose(objects: &Path) -> Option<Vec<Id>> {
    let mut all = Vec::new();
    for first in 0..=255u8 {
        let first = format!("{first:02x}");
        for file in files(&objects.join(&first))? {
            let rest = file.file_name().unwrap_or_default().to_string_lossy();
            all.extend(Id::from_hex(format!("{first}{rest}").as_bytes()));
        }
    }
    Some(all)
}

/// A pack with its index.
struct Pack {
    file: OpenFile,
    /// The index: 256 counts, names in order, checksums, places.
    index: Vec<u8>,
    count: usize,
    /// Where objects begin, in order, each with its number in the index.
    places: Vec<(u64, u32)>,
}

/// Bytes before the counts and of the counts of an index.
const COUNTS: usize = 8;
const NAMES: usize = COUNTS + 4 * 256;

impl Pack {
    fn open(index: &Path) -> Option<Self> {
        let open = |path: &Path| OpenFile::new(source::open(path, Links::Refuse).ok()?).ok();
        let (file, listed) = (open(&index.with_extension("pack"))?, source::open(index, Links::Refuse).ok()?);
        let mut index = Vec::new();
        listed.take(INDEX + 1).read_to_end(&mut index).ok()?;
        let count = number(&index, COUNTS + 4 * 255)? as usize;
        let fits = index.len() as u64 <= INDEX && index.len() >= NAMES + count.checked_mul(28)? + 40;
        let mut head = [0; 12];
        read(&file, 0, &mut head)?;
        let is_pack = matches!(head, [b'P', b'A', b'C', b'K', 0, 0, 0, 2 | 3, ..]);
        if !fits
            || !is_pack
            || !index.starts_with(b"\xfftOc\0\0\0\x02")
            || number(&head, 8)? as usize != count
        {
            return None;
        }
        let mut pack = Self { file, index, count, places: Vec::new() };
        pack.places =
            (0..count).map(|at| Some((pack.place(at)?, u32::try_from(at).ok()?))).collect::<Option<_>>()?;
        pack.places.sort_unstable();
        let end = pack.file.size().checked_sub(20)?;
        let inside = |(place, _): &(u64, u32)| (12..end).contains(place);
        let apart = pack.places.is_sorted_by(|(a, _), (b, _)| a < b);
        (pack.places.iter().all(inside) && apart).then_some(pack)
    }

    /// Where an object begins, by its number in the index.
    fn place(&self, at: usize) -> Option<u64> {
        let short = NAMES + self.count * 24;
        let place = number(&self.index, short + 4 * at)?;
        if place & 0x8000_0000 == 0 {
            return Some(place.into());
        }
        let long = short + self.count * 4 + 8 * (place & 0x7fff_ffff) as usize;
        Some(u64::from_be_bytes(*self.index.get(long..)?.first_chunk()?))
    }

    fn name(&self, at: usize) -> &[u8] {
        self.index.get(NAMES + 20 * at..).and_then(|rest| rest.get(..20)).unwrap_or_default()
    }

    /// The number of an object in the index.
    fn find(&self, id: &[u8]) -> Option<usize> {
        let first = usize::from(*id.first()?);
        let counted = |at: usize| Some(number(&self.index, COUNTS + 4 * at)? as usize);
        let mut start = if first == 0 { 0 } else { counted(first - 1)? };
        let mut end = counted(first)?.min(self.count);
        while start < end {
            let middle = start + (end - start) / 2;
            match self.name(middle).cmp(id) {
                std::cmp::Ordering::Less => start = middle + 1,
                std::cmp::Ordering::Greater => end = middle,
                std::cmp::Ordering::Equal => return Some(middle),
            }
        }
        None
    }

    /// The number of the object that begins there, in the order of the pack.
    fn at(&self, place: u64) -> Option<usize> {
        self.places.binary_search_by_key(&place, |(place, _)| *place).ok()
    }

    /// From where to where the object of that number, in the order of the pack, lies.
    fn span(&self, at: usize) -> Option<(u64, u64)> {
        let next = self.places.get(at + 1).map_or(self.file.size().checked_sub(20)?, |(place, _)| *place);
        Some((self.places.get(at)?.0, next))
    }

    fn id(&self, at: usize) -> Option<Id> {
        Id::of(self.name(self.places.get(at)?.1 as usize))
    }
}

/// Four bytes, the highest first.
fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Reads until the buffer is full.
fn read(file: &OpenFile, at: u64, buffer: &mut [u8]) -> Option<()> {
    let mut done = 0;
    while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, at + done as u64).ok()? {
            0 => return None,
            read => done += read,
        }
    }
    Some(())
}

/// How an object is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stored {
    Whole(Kind),
    /// As a delta against the one that begins so many bytes before.
    Before(u64),
    /// As a delta against the one of that name.
    Named([u8; 20]),
}

/// The header of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Header {
    stored: Stored,
    /// Bytes of what is deflated behind it.
    size: u64,
    /// Bytes of itself.
    length: usize,
}

fn header(bytes: &[u8]) -> Option<Header> {
    let mut rest = bytes.iter();
    let first = *rest.next()?;
    let (mut byte, mut size, mut shift) = (first, u64::from(first & 15), 4);
    while byte & 0x80 != 0 {
        byte = *rest.next()?;
        size |= u64::from(byte & 0x7f).checked_shl(shift)?;
        shift += 7;
    }
    let stored = match first >> 4 & 7 {
        1 => Stored::Whole(Kind::Commit),
        2 => Stored::Whole(Kind::Tree),
        3 => Stored::Whole(Kind::Blob),
        4 => Stored::Whole(Kind::Tag),
        6 => {
            let mut byte = *rest.next()?;
            let mut distance = u64::from(byte & 0x7f);
            while byte & 0x80 != 0 {
                byte = *rest.next()?;
                distance = distance.checked_add(1)?.checked_mul(128)? | u64::from(byte & 0x7f);
            }
            Stored::Before(distance)
        }
        7 => {
            let id = *rest.as_slice().first_chunk()?;
            rest = rest.as_slice().get(20..)?.iter();
            Stored::Named(id)
        }
        _ => return None,
    };
    Some(Header { stored, size, length: bytes.len() - rest.len() })
}

/// No number.
const NONE: u32 = u32::MAX;

/// A way through a pack on which a base comes right before what is made of it.
struct Walk<'p> {
    pack: &'p Pack,
    is_new: &'p dyn Fn(&[u8]) -> bool,
    /// Of each object in the order of the pack: the first that is made of it, and the next with the same base.
    first: Vec<u32>,
    next: Vec<u32>,
    roots: Vec<u32>,
    inflate: Decompress,
    packed: Vec<u8>,
    delta: Vec<u8>,
    left: &'p mut Vec<Id>,
}

/// An object of which others are still to be made.
struct Base {
    kind: Kind,
    bytes: Arc<Memory>,
    /// The next that is made of it.
    next: u32,
}

impl<'p> Walk<'p> {
    fn of(pack: &'p Pack, is_new: &'p dyn Fn(&[u8]) -> bool, left: &'p mut Vec<Id>) -> Self {
        let none = vec![NONE; pack.count];
        let mut walk = Self {
            pack,
            is_new,
            first: none.clone(),
            next: none,
            roots: Vec::new(),
            inflate: Decompress::new(true),
            packed: Vec::new(),
            delta: Vec::new(),
            left,
        };
        walk.families();
        walk
    }

    /// Finds each object's base.
    fn families(&mut self) {
        let mut block = Vec::new();
        let mut start = 0;
        let mut bases = Vec::with_capacity(self.pack.count);
        for at in 0..self.pack.count {
            bases.push(self.base(at, &mut block, &mut start));
        }
        // From behind, so that the lists are in order.
        for (at, base) in bases.iter().enumerate().rev() {
            let Ok(number) = u32::try_from(at) else { continue };
            match base {
                Some(None) => self.roots.push(number),
                Some(Some(base)) => {
                    let before = self.first.get_mut(*base).map(|first| std::mem::replace(first, number));
                    if let (Some(before), Some(next)) = (before, self.next.get_mut(at)) {
                        *next = before;
                    }
                }
                None => {}
            }
        }
        self.roots.reverse();
    }

    /// The base of an object, if it has one; `None` if that is nowhere. `block` holds what was read last, `start` where that is.
    fn base(&self, at: usize, block: &mut Vec<u8>, start: &mut u64) -> Option<Option<usize>> {
        const BLOCK: u64 = 1 << 20;
        let (place, end) = self.pack.span(at)?;
        let wanted = HEADER.min(usize::try_from(end - place).ok()?);
        let known = place.checked_sub(*start).and_then(|skip| usize::try_from(skip).ok());
        if known.is_none_or(|skip| block.len() < skip + wanted) {
            let length = BLOCK.min(self.pack.file.size() - place);
            block.resize(usize::try_from(length).ok()?, 0);
            read(&self.pack.file, place, block)?;
            *start = place;
        }
        let skip = usize::try_from(place - *start).ok()?;
        match header(block.get(skip..skip + wanted)?)?.stored {
            Stored::Whole(_) => Some(None),
            Stored::Before(distance) => self.pack.at(place.checked_sub(distance)?).map(Some),
            Stored::Named(id) => self.pack.at(self.pack.place(self.pack.find(&id)?)?).map(Some),
        }
    }

    /// Goes through all.
    fn each(mut self, take: &mut Take) -> Result<ControlFlow<()>, Error> {
        let mut seen = vec![false; self.pack.count];
        for root in std::mem::take(&mut self.roots) {
            if self.family(root, &mut seen, take)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        // Deltas without a base, or in a circle.
        for at in (0..self.pack.count).filter(|at| seen.get(*at) == Some(&false)) {
            self.leave(at);
        }
        Ok(ControlFlow::Continue(()))
    }

    /// An object, and all that is made of it.
    fn family(&mut self, root: u32, seen: &mut [bool], take: &mut Take) -> Result<ControlFlow<()>, Error> {
        let mut bases: Vec<Base> = Vec::new();
        let (mut held, mut at) = (0, root);
        loop {
            let number = at as usize;
            if let Some(seen) = seen.get_mut(number) {
                *seen = true;
            }
            // Of the last that is made of it a base need not outlive it.
            let last = bases.last_mut().is_some_and(|base| {
                base.next = self.next.get(number).copied().unwrap_or(NONE);
                base.next == NONE
            });
            let base = if last { bases.pop() } else { None };
            let made = match base.as_ref().or(bases.last()) {
                _ if held > HELD => None,
                None => self.whole(number),
                Some(base) => self.made(number, base),
            };
            held -= base.map_or(0, |base| base.bytes.0.len());
            match made {
                Some((kind, bytes)) => {
                    if let Some(id) = self.pack.id(number).filter(|id| (self.is_new)(id.bytes()))
                        && take(id, kind, &bytes)?.is_break()
                    {
                        return Ok(ControlFlow::Break(()));
                    }
                    let next = self.first.get(number).copied().unwrap_or(NONE);
                    if next != NONE {
                        held += bytes.0.len();
                        bases.push(Base { kind, bytes, next });
                    }
                }
                // What is made of it is seen by nobody, so it is left, too.
                None => self.leave(number),
            }
            match bases.last() {
                Some(base) => at = base.next,
                None => return Ok(ControlFlow::Continue(())),
            }
        }
    }

    /// Leaves an object to git.
    fn leave(&mut self, at: usize) {
        self.left.extend(self.pack.id(at).filter(|id| (self.is_new)(id.bytes())));
    }

    /// An object that is stored whole.
    fn whole(&mut self, at: usize) -> Option<(Kind, Arc<Memory>)> {
        let mut bytes = Vec::new();
        match self.unpack(at, &mut bytes)? {
            Stored::Whole(kind) => Some((kind, Arc::new(Memory(bytes)))),
            _ => None,
        }
    }

    /// An object that is made of another.
    fn made(&mut self, at: usize, base: &Base) -> Option<(Kind, Arc<Memory>)> {
        let mut delta = std::mem::take(&mut self.delta);
        delta.clear();
        let stored = self.unpack(at, &mut delta);
        let made = match stored? {
            Stored::Whole(_) => None,
            _ => apply_delta(&base.bytes.0, &delta, LARGEST),
        };
        self.delta = delta;
        Some((base.kind, Arc::new(Memory(made?))))
    }

    /// Unpacks what is stored of an object into an empty buffer.
    fn unpack(&mut self, at: usize, bytes: &mut Vec<u8>) -> Option<Stored> {
        let (place, end) = self.pack.span(at)?;
        let length = usize::try_from(end - place).ok().filter(|length| *length <= 2 * LARGEST)?;
        self.packed.resize(length, 0);
        read(&self.pack.file, place, &mut self.packed)?;
        let head = header(&self.packed)?;
        let size = usize::try_from(head.size).ok().filter(|size| *size <= LARGEST)?;
        let packed = self.packed.get(head.length..)?;
        if size / RATIO > packed.len() {
            return None;
        }
        bytes.reserve(size + 1); // one more, so that more than there should be is noticed
        self.inflate.reset(true);
        let status = self.inflate.decompress_vec(packed, bytes, FlushDecompress::Finish).ok()?;
        (status == Status::StreamEnd && bytes.len() == size).then_some(head.stored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read() {
        let head = |stored, size, length| Some(Header { stored, size, length });
        assert_eq!(header(b"\x35x"), head(Stored::Whole(Kind::Blob), 5, 1));
        assert_eq!(header(b"\x9f\x01"), head(Stored::Whole(Kind::Commit), 31, 2));
        assert_eq!(header(b"\x61\x80\x05"), head(Stored::Before(133), 1, 3));
        let named = [&b"\x72"[..], &[7; 20]].concat();
        assert_eq!(header(&named), head(Stored::Named([7; 20]), 2, 21));
        for bad in [&b""[..], b"\x80", b"\x05", b"\x55", b"\x61", b"\x61\x80", &named[..20]] {
            assert_eq!(header(bad), None, "{bad:?}");
        }
        assert_eq!(
            header(&[0xb0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]),
            None
        );
    }
}
