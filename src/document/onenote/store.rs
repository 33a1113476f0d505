//! The revision store ([MS-ONESTORE] 2.2 to 2.5): lists of nodes in fragments, which refer to further lists and to data.
//! They are gone through in their order, each once.

use std::collections::HashSet;
use std::sync::Arc;

use crate::document::charset;
use crate::source::{RangeReader, ReadAt, fill};

/// The longest fragment or set of properties that is read, in bytes.
const LIMIT: u64 = 16 << 20;

/// Lists within lists that are waiting for their turn.
const WAITING: usize = 1 << 20;

/// The magic numbers around a fragment (2.4.1) and before a file (2.6.13).
const FRAGMENT: u64 = 0xa456_7ab1_f5f7_f4c4;
const FILE: &[u8] = b"\xe7\x16\xe3\xbd\x65\x26\x11\x45\xa4\xc4\x8d\x4d\x0b\x7a\x9e\xac";

/// Where the root's list is told (2.3.1).
const ROOT: u64 = 172;

/// Kinds of nodes (2.4.3).
const SPACE: u32 = 0x008;
const ENCRYPTION_KEY: u32 = 0x07c;
const FILE_REFERENCE: u32 = 0x094;
const FILE_OBJECTS: [u32; 2] = [0x072, 0x073];
const OBJECTS: [u32; 8] = [0x02d, 0x02e, 0x041, 0x042, 0x0a4, 0x0a5, 0x0c4, 0x0c5];
const END: u32 = 0x0ff;

/// What a store holds for us.
pub(super) enum Item {
    /// A space of objects begins, such as a page.
    Space,
    /// The properties of an object.
    Properties(Vec<u8>),
    /// An embedded file by its identifier, and where its bytes begin and how many they are.
    File([u8; 16], u64, u64),
    /// How the name of a file ends.
    Extension([u8; 16], String),
}

/// A place in the file and a length.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Reference {
    start: u64,
    length: u64,
}

/// What waits for its turn.
enum Waiting {
    List(Reference),
    Object(Reference),
    File([u8; 16], Reference),
    Done(Item),
}

/// A store that is gone through.
pub(super) struct Store {
    source: Arc<dyn ReadAt>,
    seen: HashSet<u64>,
    /// Bytes that may still be read: places that lie over each other are read no more than some times.
    left: u64,
    pub(super) broken: bool,
    pub(super) encrypted: bool,
}

impl Store {
    pub(super) fn new(source: Arc<dyn ReadAt>) -> Self {
        let left = source.size().saturating_mul(4);
        Self { source, seen: HashSet::new(), left, broken: false, encrypted: false }
    }

    /// Bytes of the file, or those of them that there are.
    pub(super) fn read(&mut self, start: u64, length: u64) -> Vec<u8> {
        // No more than the file has, whatever it says.
        let length = length.min(self.source.size().saturating_sub(start)).min(LIMIT).min(self.left);
        self.left -= length;
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        let end = start.saturating_add(length);
        let (filled, _) = fill(&mut RangeReader::new(self.source.clone(), start, end), &mut bytes);
        bytes.truncate(filled);
        bytes
    }

    /// Goes through all of it, until `take` wants no more.
    pub(super) fn walk(&mut self, take: &mut dyn FnMut(Item) -> bool) {
        let root = self.read(ROOT, 12);
        let Some(root) = Fields(&root).reference(0, 0) else {
            self.broken = true;
            return;
        };
        let mut waiting = vec![Waiting::List(root)];
        while let Some(next) = waiting.pop() {
            let item = match next {
                Waiting::List(list) => {
                    let mut found = self.list(list);
                    found.reverse(); // the first one is to be on top
                    waiting.append(&mut found);
                    if waiting.len() > WAITING {
                        self.broken = true;
                        return;
                    }
                    continue;
                }
                Waiting::Object(place) => Item::Properties(self.read(place.start, place.length)),
                Waiting::File(guid, place) => match self.file(guid, place) {
                    Some(item) => item,
                    None => continue,
                },
                Waiting::Done(item) => item,
            };
            if !take(item) {
                return;
            }
        }
    }

    /// An object that holds a file: behind its header, its length and 12 bytes of nothing.
    fn file(&mut self, guid: [u8; 16], place: Reference) -> Option<Item> {
        let head = self.read(place.start, 36);
        let length = Fields(head.strip_prefix(FILE)?).number(8)?;
        (length <= place.length).then_some(Item::File(guid, place.start.saturating_add(36), length))
    }

    /// The nodes of a list with all its fragments.
    fn list(&mut self, list: Reference) -> Vec<Waiting> {
        let (mut found, mut next) = (Vec::new(), Some(list));
        while let Some(place) = next.take().filter(|place| self.seen.insert(place.start)) {
            let bytes = self.read(place.start, place.length);
            let Some((nodes, after)) = bytes
                .get(16..)
                .filter(|_| Fields(&bytes).number(8) == Some(FRAGMENT))
                .and_then(|rest| rest.split_at_checked(rest.len().checked_sub(20)?))
            else {
                self.broken = true;
                break;
            };
            let mut fields = Fields(nodes);
            while self.node(&mut fields, &mut found) == Some(true) {}
            next = Fields(after).reference(0, 0);
        }
        found
    }

    /// The next node; false at the end.
    fn node(&mut self, nodes: &mut Fields, found: &mut Vec<Waiting>) -> Option<bool> {
        let head = u32::try_from(nodes.number(4)?).ok()?;
        let (id, size) = (head & 0x3ff, (head >> 10) & 0x1fff);
        if id == END || size < 4 {
            return Some(false);
        }
        let mut data = Fields(nodes.take(size as usize - 4)?);
        let reference = match (head >> 27) & 0xf {
            1 | 2 => data.reference(head >> 23 & 3, head >> 25 & 3),
            _ => None,
        };
        self.encrypted |= id == ENCRYPTION_KEY;
        match (head >> 27 & 0xf, reference) {
            (2, Some(list)) => {
                if id == SPACE {
                    found.push(Waiting::Done(Item::Space));
                }
                found.push(Waiting::List(list));
            }
            (1, Some(place)) if OBJECTS.contains(&id) => found.push(Waiting::Object(place)),
            (1, Some(place)) if id == FILE_REFERENCE => {
                found.push(Waiting::File(*data.0.first_chunk()?, place));
            }
            _ if FILE_OBJECTS.contains(&id) => {
                data.take(if id == 0x072 { 9 } else { 12 })?;
                let (name, extension) = (data.string()?, data.string()?);
                let guid = name.strip_prefix("<ifndf>").and_then(guid);
                found.extend(guid.map(|guid| Waiting::Done(Item::Extension(guid, extension))));
            }
            _ => {}
        }
        Some(true)
    }
}

/// A GUID as text → its bytes: the first three numbers are little-endian.
fn guid(text: &str) -> Option<[u8; 16]> {
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    let number = u128::from_str_radix(digits.get(..32)?, 16).ok()?.to_be_bytes();
    let [a, b, c, d, e, f, g, h, rest @ ..] = number;
    let mut guid = [d, c, b, a, f, e, h, g, 0, 0, 0, 0, 0, 0, 0, 0];
    guid.iter_mut().skip(8).zip(rest).for_each(|(place, byte)| *place = byte);
    Some(guid)
}

/// Fields one after the other.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    /// A number of so many bytes, at most 8.
    pub(super) fn number(&mut self, length: usize) -> Option<u64> {
        let bytes = self.take(length)?;
        Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// A place and a length in one of their forms (2.2.4.2); one that says "none" is none.
    fn reference(&mut self, start_form: u32, length_form: u32) -> Option<Reference> {
        let (bytes, unit) = [(8, 1), (4, 1), (2, 8), (4, 8)].get(start_form as usize).copied()?;
        let start = self.number(bytes)?;
        let none = start == u64::MAX >> (64 - 8 * bytes as u32);
        let (bytes, length_unit) = [(4, 1), (8, 1), (1, 8), (2, 8)].get(length_form as usize).copied()?;
        let length = self.number(bytes)?.saturating_mul(length_unit);
        (!none && length > 0).then(|| Reference { start: start.saturating_mul(unit), length })
    }

    /// UTF-16 behind its length in characters (2.2.3).
    fn string(&mut self) -> Option<String> {
        let length = usize::try_from(self.number(4)?).ok()?;
        Some(charset::utf16(self.take(length.checked_mul(2)?)?))
    }
}
