//! Binary property lists (`bplist00`, Apple's `CFBinaryPList.c`): the tree as JSON, so that each value has its field;
//! data that is no text as members.

use std::fmt::Write as _;
use std::sync::Arc;

use super::rows::quoted;
use super::{Decoder, Sink, held};
use crate::blob::Landmarks;
use crate::budget::Reason;
use crate::source::ReadAt;

/// Takes binary property lists apart.
pub(super) const DECODER: Decoder = Decoder { name: "binary property list", begins, decode, isolated: false };

const MAGIC: &[u8] = b"bplist0";

/// The most text that is made of a list, in bytes: an object may be in many places.
const TEXT: usize = 32 << 20;

/// Objects in objects that are followed.
const DEPTH: usize = 128;

/// The shortest data that is worth a member, and the most of them.
const DATA: usize = 8;
const MEMBERS: usize = 10_000;

/// The trailer: five bytes of nothing, sizes, counts, places.
const TRAILER: usize = 32;

fn begins(head: &[u8]) -> bool {
    head.starts_with(MAGIC)
}

fn decode(source: &Arc<dyn ReadAt>, sink: &mut dyn Sink) {
    let Some(bytes) = held(source, sink) else { return };
    let Some((list, top)) = List::new(&bytes) else {
        return sink.gap(Reason::Corrupt, "its trailer does not fit; looked at as it is");
    };
    let mut tree = Tree { list, text: String::new(), data: Vec::new(), trouble: None };
    tree.value(top, DEPTH);
    tree.text.push('\n');
    let Tree { text, data, trouble, .. } = tree;
    let mut more = sink.text("(values)", text.as_bytes(), Landmarks::NONE);
    for (number, mut data) in (1..).zip(data) {
        more = more && sink.member(&format!("data {number}"), &mut data);
    }
    if let Some((reason, detail)) = trouble {
        sink.gap(reason, detail);
    }
}

/// Where the objects are.
struct List<'a> {
    bytes: &'a [u8],
    /// The places of the objects, each a number of some bytes.
    offsets: &'a [u8],
    offset_size: usize,
    reference_size: usize,
}

impl<'a> List<'a> {
    /// With the number of the object at the top.
    fn new(bytes: &'a [u8]) -> Option<(Self, usize)> {
        let trailer = bytes.last_chunk::<TRAILER>()?;
        let (offset_size, reference_size) = (usize::from(trailer[6]), usize::from(trailer[7]));
        let count = number(&trailer[8..16])?;
        let start = number(&trailer[24..32])?;
        let offsets = bytes.get(start..start.checked_add(count.checked_mul(offset_size)?)?)?;
        let fits = |size: usize| (1..=8).contains(&size);
        let list = Self { bytes, offsets, offset_size, reference_size };
        (fits(offset_size) && fits(reference_size)).then_some((list, number(&trailer[16..24])?))
    }

    /// The bytes of an object, from its mark on.
    fn object(&self, index: usize) -> Option<&'a [u8]> {
        let at = index.checked_mul(self.offset_size)?;
        let offset = number(self.offsets.get(at..at.checked_add(self.offset_size)?)?)?;
        self.bytes.get(offset..).filter(|object| !object.is_empty())
    }
}

/// A number of at most eight bytes, the highest first.
fn number(bytes: &[u8]) -> Option<usize> {
    let value = bytes.iter().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
    usize::try_from(value).ok()
}

/// The tree on its way to being text.
struct Tree<'a> {
    list: List<'a>,
    text: String,
    data: Vec<&'a [u8]>,
    trouble: Option<(Reason, &'static str)>,
}

impl<'a> Tree<'a> {
    /// Writes an object; whatever is broken is null.
    fn value(&mut self, index: usize, depth: usize) {
        if depth == 0 || self.text.len() > TEXT {
            self.trouble = Some((Reason::BudgetBytes, "too deep or too large; the rest is left out"));
            return self.text.push_str("null");
        }
        if self.written(index, depth).is_none() {
            self.trouble.get_or_insert((Reason::Corrupt, "an object of it is broken; looked at as it is"));
            self.text.push_str("null");
        }
    }

    fn written(&mut self, index: usize, depth: usize) -> Option<()> {
        let (&mark, rest) = self.list.object(index)?.split_first()?;
        let small = usize::from(mark & 15);
        match mark >> 4 {
            0 => self.text.push_str(match mark {
                8 => "false",
                9 => "true",
                _ => "null",
            }),
            1 => self.integer(rest.get(..1_usize.checked_shl(u32::from(mark & 15))?)?),
            2 | 3 => self.real(rest.get(..1 << (small & 3))?),
            4 => self.data(counted(small, rest, 1)?),
            5 | 7 => quoted(&mut self.text, &String::from_utf8_lossy(counted(small, rest, 1)?)),
            6 => {
                let units =
                    counted(small, rest, 2)?.as_chunks().0.iter().map(|unit| u16::from_be_bytes(*unit));
                let text: String =
                    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
                quoted(&mut self.text, &text);
            }
            8 => self.integer(rest.get(..=small)?),
            10..=12 => self.array(counted(small, rest, self.list.reference_size)?, depth),
            13 => self.dictionary(counted(small, rest, self.list.reference_size.checked_mul(2)?)?, depth),
            _ => return None,
        }
        Some(())
    }

    fn integer(&mut self, bytes: &[u8]) {
        let value = bytes.iter().fold(0_i128, |value, byte| value << 8 | i128::from(*byte));
        // Of eight bytes it has a sign, of less none.
        let value = if bytes.len() == 8 { i128::from(value as u64 as i64) } else { value };
        let _ = write!(self.text, "{value}");
    }

    fn real(&mut self, bytes: &[u8]) {
        let value = match bytes.len() {
            4 => bytes.first_chunk().map(|bytes| f64::from(f32::from_be_bytes(*bytes))),
            8 => bytes.first_chunk().map(|bytes| f64::from_be_bytes(*bytes)),
            _ => None,
        };
        match value.filter(|value| value.is_finite()) {
            Some(value) => {
                let _ = write!(self.text, "{value}");
            }
            None => self.text.push_str("null"),
        }
    }

    /// Data is text, or a member that the text names.
    fn data(&mut self, data: &'a [u8]) {
        match std::str::from_utf8(data) {
            Ok(text) => quoted(&mut self.text, text),
            Err(_) if data.len() < DATA || self.data.len() >= MEMBERS => self.text.push_str("null"),
            Err(_) => {
                self.data.push(data);
                let _ = write!(self.text, "\"(data {})\"", self.data.len());
            }
        }
    }

    fn array(&mut self, references: &[u8], depth: usize) {
        self.text.push('[');
        for (at, index) in references.chunks_exact(self.list.reference_size).enumerate() {
            self.text.push_str(if at > 0 { "," } else { "" });
            self.value(number(index).unwrap_or(usize::MAX), depth - 1);
            if self.text.len() > TEXT {
                break;
            }
        }
        self.text.push(']');
    }

    fn dictionary(&mut self, references: &[u8], depth: usize) {
        let (keys, values) = references.split_at(references.len() / 2);
        let size = self.list.reference_size;
        self.text.push('{');
        for (at, (key, value)) in keys.chunks_exact(size).zip(values.chunks_exact(size)).enumerate() {
            self.text.push_str(if at > 0 { "," } else { "" });
            self.key(number(key).unwrap_or(usize::MAX));
            self.text.push(':');
            self.value(number(value).unwrap_or(usize::MAX), depth - 1);
            if self.text.len() > TEXT {
                break;
            }
        }
        self.text.push('}');
    }

    /// A key is a string; what is none, and what is broken, has no name.
    fn key(&mut self, index: usize) {
        let before = self.text.len();
        let kind = self.list.object(index).and_then(<[u8]>::first).map(|mark| mark >> 4);
        if !matches!(kind, Some(5..=7)) || self.written(index, 1).is_none() {
            self.text.truncate(before);
            self.text.push_str("\"\"");
        }
    }
}

/// The items of an object: their count in the mark, or behind it as an integer where that is 15.
fn counted(small: usize, rest: &[u8], size: usize) -> Option<&[u8]> {
    let (count, items) = match (small, rest) {
        (15, [mark, rest @ ..]) if mark >> 4 == 1 && mark & 15 <= 3 => {
            let length = 1 << (mark & 15);
            (number(rest.get(..length)?)?, rest.get(length..)?)
        }
        (15, _) => return None,
        _ => (small, rest),
    };
    items.get(..count.checked_mul(size)?)
}

#[cfg(test)]
mod tests {
    use super::super::recorder::Recorder;
    use super::*;
    use crate::source::Memory;

    /// `plistlib.dumps({"a": "text", "ü": ["ß", 7, -1, True, 1.5], "d": b"\xff" * 9}, fmt=FMT_BINARY, sort_keys=False)` of
    /// Python's library.
    const LIST: &[u8] =
        b"bplist00\xd3\x01\x02\x03\x04\x05\x0bQaa\x00\xfcQdTtext\xa5\x06\x07\x08\x09\x0aa\x00\xdf\x10\x07\
        \x13\xff\xff\xff\xff\xff\xff\xff\xff\x09#?\xf8\x00\x00\x00\x00\x00\x00I\xff\xff\xff\xff\xff\xff\
        \xff\xff\xff\x08\x0f\x11\x14\x16\x1b!$&/09\x00\x00\x00\x00\x00\x00\x01\x01\x00\x00\x00\x00\x00\
        \x00\x00\x0c\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00C";

    fn read(bytes: &[u8]) -> Recorder {
        let source: Arc<dyn ReadAt> = Arc::new(Memory(bytes.to_vec()));
        let mut recorder = Recorder::default();
        decode(&source, &mut recorder);
        recorder
    }

    #[test]
    fn a_list_is_json() {
        let recorder = read(LIST);
        assert_eq!(recorder.gaps, []);
        let wanted = serde_json::json!({"a": "text", "ü": ["ß", 7, -1, true, 1.5], "d": "(data 1)"});
        assert_eq!(serde_json::from_str::<serde_json::Value>(&recorder.text()).unwrap(), wanted);
        assert_eq!(recorder.members, [("data 1".to_owned(), vec![0xff; 9])]);
    }

    #[test]
    fn what_is_broken_is_told() {
        for cut in 8..LIST.len() {
            assert!(!read(&LIST[..cut]).gaps.is_empty(), "{cut}");
        }
        // An array of itself, many times.
        let mut bomb = b"bplist00\xaf\x10\x40".to_vec();
        bomb.extend([0; 64]);
        let table = bomb.len() as u8;
        bomb.extend([8, 0, 0, 0, 0, 0, 0, 1, 1]);
        bomb.extend([[0; 7].as_slice(), &[1], &[0; 8], &[0; 7], &[table]].concat());
        let recorder = read(&bomb);
        assert_eq!(recorder.gaps[0].0, Reason::BudgetBytes);
        assert!(recorder.text().len() < 2 * TEXT);
        for at in 0..LIST.len() {
            let mut damaged = LIST.to_vec();
            damaged[at] ^= 0x55;
            read(&damaged);
        }
    }
}
