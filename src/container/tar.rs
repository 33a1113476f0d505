//! Tar: headers of 512 bytes, each with its member behind it (POSIX.1-2017 `pax`, and the GNU extensions).
//!
//! The headers are read here rather than by the `tar` crate, which takes a long name or a PAX record of any length into
//! memory, and holds no place for a bound.

use std::io::{self, Read};

use super::sequence::{Entry, Headers, Holes, Walk};

const BLOCK: usize = 512;

/// The longest long name or PAX header that is read, in bytes; what is behind it is left out.
const EXTENSION: u64 = 64 << 10;

/// The longest map of a sparse file that is read, in bytes or parts, and the largest such file whose holes are filled:
/// of others the parts are looked at as they follow each other.
const MAP: usize = 1 << 20;
const FILLED: u64 = 32 << 20;

/// Whether bytes begin with a header: its checksum tells.
pub(super) fn begins(head: &[u8]) -> bool {
    head.first_chunk().is_some_and(is_header)
}

/// The headers of a tar.
#[derive(Default)]
pub(super) struct Tar;

/// What extension headers say about the next member.
#[derive(Default)]
struct Extension {
    name: Option<String>,
    size: Option<u64>,
    /// Other records.
    texts: Vec<u8>,
    sparse: Sparse,
}

/// What PAX records say about a sparse member (GNU tar's manual, "Storing Sparse Files").
#[derive(Default)]
struct Sparse {
    major: Option<u64>,
    size: Option<u64>,
    /// Places and sizes, one after the other, as formats 0.0 and 0.1 have them.
    map: Vec<u64>,
}

impl Headers for Tar {
    /// Zero blocks between members, as concatenated tars have them, are passed over.
    fn next<R: Read>(&mut self, walk: &mut Walk<R>) -> io::Result<Option<Entry>> {
        let mut extension = Extension::default();
        loop {
            walk.finish_content()?;
            let mut block = [0; BLOCK];
            if !walk.header(&mut block)? {
                return Ok(None);
            }
            if block.iter().all(|byte| *byte == 0) {
                continue;
            }
            if !is_header(&block) {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "no header where one should be"));
            }
            walk.expect(size(&block), BLOCK as u64);
            match block[156] {
                b'L' => extension.name = Some(text(until_zero(&walk.bytes(EXTENSION)?))),
                b'K' => extension.line(until_zero(&walk.bytes(EXTENSION)?)),
                b'x' | b'g' => extension.pax(&walk.bytes(EXTENSION)?, block[156] == b'g'),
                b'V' => extension.line(until_zero(&block[..100])),
                kind => return entry(walk, &block, kind, extension).map(Some),
            }
        }
    }
}

fn entry<R: Read>(
    walk: &mut Walk<R>,
    block: &[u8; BLOCK],
    kind: u8,
    mut extension: Extension,
) -> io::Result<Entry> {
    if let Some(size) = extension.size {
        walk.expect(size, BLOCK as u64);
    }
    if matches!(kind, b'2'..=b'6') {
        // Links, devices, folders: a size there is a hint or a lie, as libarchive takes it too.
        walk.expect(0, BLOCK as u64);
    }
    let is_file = !matches!(kind, b'1'..=b'6') || walk.content_left > 0;
    extension.line(until_zero(&block[157..257])); // what a link points to
    let holes = match kind {
        b'S' => old_map(walk, block)?,
        _ => extension.sparse.map(walk)?,
    };
    let holes = holes.filter(|holes| holes.size <= FILLED);
    let name = extension.name.unwrap_or_else(|| name(block));
    Ok(Entry { name, is_file, texts: extension.texts, holes, closed: None })
}

/// The map of a sparse file of the old GNU form: four parts in the header, then 21 in each block that goes on.
fn old_map<R: Read>(walk: &mut Walk<R>, block: &[u8; BLOCK]) -> io::Result<Option<Holes>> {
    let size = number(&block[483..495]).unwrap_or(0);
    let stored = walk.content_left;
    let mut parts = Vec::new();
    old_parts(&block[386..482], &mut parts);
    let mut goes_on = block[482] != 0;
    while goes_on {
        let mut block = [0; BLOCK];
        if !walk.header(&mut block)? {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if parts.len() < MAP {
            old_parts(&block[..504], &mut parts);
        }
        goes_on = block[504] != 0;
    }
    walk.expect(stored, BLOCK as u64);
    Ok(Some(Holes { parts, size }))
}

fn old_parts(fields: &[u8], parts: &mut Vec<(u64, u64)>) {
    for part in fields.chunks_exact(24) {
        let (start, size) = part.split_at(12);
        if let (Some(start), Some(size)) = (number(start), number(size)) {
            parts.push((start, size));
        }
    }
}

impl Sparse {
    /// The map, which format 1.0 has as lines of decimal numbers before the parts.
    fn map<R: Read>(&self, walk: &mut Walk<R>) -> io::Result<Option<Holes>> {
        let Some(size) = self.size else { return Ok(None) };
        let numbers = match self.major {
            Some(1) => lines(walk)?,
            _ => self.map.clone(),
        };
        let parts = numbers.chunks_exact(2).map(|part| (part[0], part[1])).collect();
        Ok(Some(Holes { parts, size }))
    }
}

/// The numbers before the parts: how many pairs, then the pairs, filled up to a block.
fn lines<R: Read>(walk: &mut Walk<R>) -> io::Result<Vec<u64>> {
    let mut bytes = Vec::new();
    loop {
        let block = walk.bytes(BLOCK as u64)?;
        bytes.extend_from_slice(&block);
        let mut numbers = bytes.split(|byte| *byte == b'\n').map(decimal);
        let count = numbers.next().flatten().and_then(|pairs| usize::try_from(pairs).ok());
        let count = count.and_then(|pairs| pairs.checked_mul(2)).filter(|count| *count <= MAP);
        let Some(count) = count else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "no map of a sparse file"));
        };
        let ends = memchr::memchr_iter(b'\n', &bytes).count();
        if ends > count {
            return Ok(numbers.take(count).map(Option::unwrap_or_default).collect());
        }
        if block.len() < BLOCK || bytes.len() > MAP {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the map of a sparse file has no end"));
        }
    }
}

fn decimal(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

impl Extension {
    fn line(&mut self, text: &[u8]) {
        if !text.is_empty() {
            self.texts.extend_from_slice(text);
            self.texts.push(b'\n');
        }
    }

    /// Reads PAX records: `length key=value\n`, the length in decimal and counting itself. Those for all members are
    /// text only.
    fn pax(&mut self, mut records: &[u8], for_all: bool) {
        while let Some((key, value, rest)) = record(records) {
            records = rest;
            match key {
                _ if for_all => self.line(value),
                b"path" | b"GNU.sparse.name" => self.name = Some(text(value)),
                b"size" => self.size = decimal(value),
                b"GNU.sparse.major" => self.sparse.major = decimal(value),
                b"GNU.sparse.size" | b"GNU.sparse.realsize" => self.sparse.size = decimal(value),
                b"GNU.sparse.offset" | b"GNU.sparse.numbytes" => self.sparse.map.extend(decimal(value)),
                b"GNU.sparse.map" => {
                    self.sparse.map = value.split(|byte| *byte == b',').filter_map(decimal).collect();
                }
                b"mtime" | b"atime" | b"ctime" | b"uid" | b"gid" => {}
                _ => self.line(value),
            }
        }
    }
}

/// Whether the checksum is right: the sum of all bytes with its own field taken as spaces. Some old writers summed
/// signed bytes.
fn is_header(block: &[u8; BLOCK]) -> bool {
    let Some(wanted) = number(&block[148..156]) else {
        return false;
    };
    let counted = || block[..148].iter().chain(&[b' '; 8]).chain(&block[156..]);
    let unsigned: u64 = counted().map(|byte| u64::from(*byte)).sum();
    let signed: i64 = counted().map(|byte| i64::from(byte.cast_signed())).sum();
    wanted == unsigned || i64::try_from(wanted) == Ok(signed)
}

/// A number in octal digits, or in binary if the top bit of its first byte is set (GNU).
fn number(field: &[u8]) -> Option<u64> {
    let (first, rest) = field.split_first()?;
    if first & 0x80 != 0 {
        let begin = u64::from(first & 0x7f);
        return rest.iter().try_fold(begin, |sum, byte| Some(sum.checked_mul(256)? + u64::from(*byte)));
    }
    let digits = std::str::from_utf8(until_zero(field)).ok()?.trim();
    if digits.is_empty() { None } else { u64::from_str_radix(digits, 8).ok() }
}

fn size(block: &[u8; BLOCK]) -> u64 {
    number(&block[124..136]).unwrap_or(0)
}

fn name(block: &[u8; BLOCK]) -> String {
    let name = text(until_zero(&block[..100]));
    let prefix = text(until_zero(&block[345..500]));
    let is_posix = block[257..].starts_with(b"ustar\0");
    if is_posix && !prefix.is_empty() { format!("{prefix}/{name}") } else { name }
}

fn until_zero(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn record(records: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = records.iter().position(|byte| *byte == b' ')?;
    let length: usize = std::str::from_utf8(&records[..space]).ok()?.parse().ok()?;
    let record = records.get(space + 1..length)?;
    let equals = record.iter().position(|byte| *byte == b'=')?;
    let value = record[equals + 1..].strip_suffix(b"\n")?;
    Some((&record[..equals], value, &records[length..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_octal_or_binary() {
        assert_eq!(number(b"0000644\0"), Some(0o644));
        assert_eq!(number(b"    644 "), Some(0o644));
        assert_eq!(number(&[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]), Some(256));
        assert_eq!(number(&[0xff; 12]), None);
        assert_eq!(number(b"9"), None);
        assert_eq!(number(b""), None);
    }

    #[test]
    fn pax_records_are_read() {
        let mut extension = Extension::default();
        extension.pax(b"12 path=a=b\n11 size=42\n99 path=x\n", false);
        assert_eq!(extension.name.as_deref(), Some("a=b"));
        assert_eq!(extension.size, Some(42));
        for odd in [&b"3 a"[..], b"0 ", b"2 x=\n", b"x", b" =", b"18446744073709551616 a=b\n"] {
            Extension::default().pax(odd, false);
        }
    }
}
