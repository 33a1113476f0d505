//! The directory at the end of a zip: which members there are and where (APPNOTE.TXT 6.3.10, sections 4.3.12-4.3.16).
//!
//! It is read here and not by the `zip` crate, since that one keeps a single member of each name, gives up at the first
//! extra field it does not understand, and takes in a directory of any length.

use std::io;
use std::sync::Arc;

use super::crypt::Lock;
use crate::source::ReadAt;

/// The signature of a directory's entry.
const ENTRY: &[u8] = b"PK\x01\x02";
/// The fixed part of an entry, in bytes.
const ENTRY_SIZE: u64 = 46;
/// The signature of the record at the very end.
pub(super) const END: &[u8] = b"PK\x05\x06";
/// The fixed part of that record, in bytes; a comment of at most 64 KiB follows.
pub(super) const END_SIZE: u64 = 22;
const LOCATOR: &[u8] = b"PK\x06\x07";
const LOCATOR_SIZE: u64 = 20;
/// The signature of the end record of large archives.
pub(super) const END64: &[u8] = b"PK\x06\x06";
const END64_SIZE: u64 = 56;
/// That record and the pointer to it, in bytes, where it has no extension.
pub(super) const END64_RECORDS: u64 = END64_SIZE + LOCATOR_SIZE;

/// The directory of a zip.
#[derive(Debug, Default)]
pub(super) struct Directory {
    /// In the order of the directory.
    pub(super) members: Vec<Member>,
    /// Where it starts and ends in the file.
    pub(super) start: u64,
    pub(super) end: u64,
    /// Where the record at the very end starts, behind which the archive's comment is.
    pub(super) record: u64,
    /// Members that were left out since there are too many.
    pub(super) left_out: u64,
    /// Whether it broke off before its last entry.
    pub(super) broken: bool,
}

/// A member as the directory has it.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: Arc<str>,
    pub(super) comment: Option<Box<str>>,
    /// Where its local header should be.
    pub(super) start: u64,
    /// Where the next thing in the file starts, as far as the directory tells: what lies between belongs to nobody.
    /// `None` where another member begins at the same place and answers for that.
    pub(super) next: Option<u64>,
    pub(super) packed: u64,
    pub(super) size: u64,
    pub(super) crc: u32,
    pub(super) method: u16,
    pub(super) flags: u16,
    pub(super) lock: Option<Lock>,
    /// Extra fields that may hold text, a line each.
    pub(super) texts: Option<Box<[u8]>>,
}

impl Member {
    /// Whether it is a folder, which has a name and no bytes.
    pub(super) fn is_folder(&self) -> bool {
        self.name.ends_with('/') && self.size == 0
    }
}

/// What the end records say.
#[derive(Debug, PartialEq, Eq)]
struct End {
    entries: u64,
    /// Where the directory starts in the file.
    start: u64,
    /// What was put before the archive: offsets in it count from there.
    shift: u64,
}

/// Reads the directory; `None` if there is none.
///
/// # Errors
/// The system's.
pub(super) fn read(source: &dyn ReadAt, limit: usize) -> io::Result<Option<Directory>> {
    let Some((end, record)) = find_end(source)? else {
        return Ok(None);
    };
    let mut directory = Directory { start: end.start, record, ..Directory::default() };
    let mut page = Page::new(source);
    let mut at = end.start;
    // The count is a hint: writers without Zip64 let it overflow, others hide entries behind it.
    while let Some((mut member, next)) = entry(&mut page, at)? {
        if directory.members.len() == limit {
            directory.left_out = end.entries.saturating_sub(limit as u64).max(1);
            break;
        }
        member.start = member.start.saturating_add(end.shift);
        directory.members.push(member);
        at = next;
    }
    directory.end = at;
    directory.broken = directory.left_out == 0 && (directory.members.len() as u64) < end.entries;
    if directory.left_out == 0 {
        find_next(&mut directory);
    }
    Ok(Some(directory))
}

/// Tells each member what comes after it in the file.
fn find_next(directory: &mut Directory) {
    let mut order: Vec<usize> = (0..directory.members.len()).collect();
    order.sort_by_key(|index| directory.members[*index].start);
    let mut next = directory.start;
    for index in order.into_iter().rev() {
        let member = &mut directory.members[index];
        if member.start < next {
            member.next = Some(next);
            next = member.start;
        }
    }
}

/// Whether there is an end record whose directory is where it says.
pub(super) fn has_end(source: &dyn ReadAt) -> io::Result<bool> {
    Ok(find_end(source)?.is_some_and(|(end, record)| end.entries > 0 || record == end.start))
}

/// Finds the last end record whose directory is where it says, and where that record is.
fn find_end(source: &dyn ReadAt) -> io::Result<Option<(End, u64)>> {
    let size = source.size();
    let tail_start = size.saturating_sub(END_SIZE + 0xffff);
    let tail = exactly(source, tail_start, size - tail_start)?;
    for at in memchr::memmem::rfind_iter(&tail, END) {
        let Some(record) = tail.get(at..at + END_SIZE as usize) else {
            continue;
        };
        let position = tail_start + at as u64;
        let end = match end64(source, position)? {
            Some(end) => Some(end),
            None => end32(source, record, position)?,
        };
        if let Some(end) = end {
            return Ok(Some((end, position)));
        }
    }
    Ok(None)
}

fn end32(source: &dyn ReadAt, record: &[u8], position: u64) -> io::Result<Option<End>> {
    let (entries, size, offset) = (u16_at(record, 10), u32_at(record, 12), u32_at(record, 16));
    place(source, u64::from(entries), u64::from(size), u64::from(offset), position)
}

/// The end record of large archives, if a pointer to one stands before the other.
fn end64(source: &dyn ReadAt, position: u64) -> io::Result<Option<End>> {
    let Some(locator_at) = position.checked_sub(LOCATOR_SIZE) else {
        return Ok(None);
    };
    let locator = exactly(source, locator_at, LOCATOR_SIZE)?;
    if !locator.starts_with(LOCATOR) {
        return Ok(None);
    }
    // It stands right before its locator, unless it has an extension; then only what the locator says can find it.
    for at in [locator_at.checked_sub(END64_SIZE), Some(u64_at(&locator, 8))].into_iter().flatten() {
        let record = exactly(source, at, END64_SIZE)?;
        if record.starts_with(END64) {
            let (entries, size, offset) = (u64_at(&record, 32), u64_at(&record, 40), u64_at(&record, 48));
            return place(source, entries, size, offset, at);
        }
    }
    Ok(None)
}

/// Where a directory stands that ends at `end`, its offset given as `offset`; `None` if it does not.
fn place(source: &dyn ReadAt, entries: u64, size: u64, offset: u64, end: u64) -> io::Result<Option<End>> {
    for start in [end.checked_sub(size), Some(offset)].into_iter().flatten() {
        let Some(shift) = start.checked_sub(offset) else {
            continue;
        };
        let fits = start <= end && (entries == 0 || exactly(source, start, 4)? == ENTRY);
        if fits {
            return Ok(Some(End { entries, start, shift }));
        }
    }
    Ok(None)
}

/// Reads the entry at a place: a member, its `start` not yet shifted, and where the next entry is.
fn entry(page: &mut Page, at: u64) -> io::Result<Option<(Member, u64)>> {
    let fixed = page.get(at, ENTRY_SIZE)?;
    if fixed.len() < ENTRY_SIZE as usize || !fixed.starts_with(ENTRY) {
        return Ok(None);
    }
    let lengths = [28, 30, 32].map(|at| u64::from(u16_at(fixed, at)));
    let flags = u16_at(fixed, 8);
    let mut member = Member {
        name: Arc::from(""),
        comment: None,
        start: u64::from(u32_at(fixed, 42)),
        next: None,
        packed: u64::from(u32_at(fixed, 20)),
        size: u64::from(u32_at(fixed, 24)),
        crc: u32_at(fixed, 16),
        method: u16_at(fixed, 10),
        flags,
        lock: None,
        texts: None,
    };
    let time = u16_at(fixed, 12);
    let [name, extra, comment] = lengths;
    let variable = page.get(at + ENTRY_SIZE, name + extra + comment)?;
    let Some((name, rest)) = variable.split_at_checked(name as usize) else {
        return Ok(None);
    };
    let Some((extra, rest)) = rest.split_at_checked(extra as usize) else {
        return Ok(None);
    };
    let Some(comment) = rest.get(..comment as usize) else {
        return Ok(None);
    };
    member.name = text(name).into();
    member.comment = (!comment.is_empty()).then(|| text(comment).into());
    enlarge(&mut member, extra);
    (member.lock, member.method) = Lock::of(flags, member.method, member.crc, time, extra);
    member.texts = unknown_fields(extra).map(Into::into);
    Ok(Some((member, at + ENTRY_SIZE + lengths.iter().sum::<u64>())))
}

/// Takes the sizes that did not fit from the Zip64 field (4.5.3): only those that are all ones stand there, in order.
fn enlarge(member: &mut Member, extra: &[u8]) {
    let Some(mut field) = extra_field(extra, 1) else {
        return;
    };
    for value in [&mut member.size, &mut member.packed, &mut member.start] {
        if *value == u64::from(u32::MAX) && field.len() >= 8 {
            *value = u64_at(field, 0);
            field = &field[8..];
        }
    }
}

/// The data of an extra field by its id.
pub(super) fn extra_field(mut extra: &[u8], wanted: u16) -> Option<&[u8]> {
    while extra.len() >= 4 {
        let (id, size) = (u16_at(extra, 0), usize::from(u16_at(extra, 2)));
        let data = extra.get(4..4 + size)?;
        if id == wanted {
            return Some(data);
        }
        extra = &extra[4 + size..];
    }
    None
}

/// What stands in extra fields that are not known to hold numbers only, a line each. Whoever wants to hide a text in a
/// member has 64 KiB there.
pub(super) fn unknown_fields(mut extra: &[u8]) -> Option<Vec<u8>> {
    // Zip64, NTFS times, Unix (three), times, owners (two), AES, alignment (APPNOTE.TXT 6.3.10, 4.5.2, 4.6; Android).
    const NUMBERS: [u16; 9] = [1, 0x0a, 0x0d, 0x5455, 0x5855, 0x7855, 0x7875, 0x9901, 0xd935];
    // The shortest text that is worth a look.
    const SHORTEST: usize = 8;
    let mut texts = Vec::new();
    while !extra.is_empty() {
        let size = usize::from(u16_at(extra, 2)) + 4;
        let (field, rest) = extra.split_at_checked(size).unwrap_or((extra, &[]));
        let data = field.get(4..).unwrap_or(field);
        let known = NUMBERS.contains(&u16_at(field, 0)) && data.len() < 64;
        if !known && data.len() >= SHORTEST {
            texts.extend_from_slice(data);
            texts.push(b'\n');
        }
        extra = rest;
    }
    (!texts.is_empty()).then_some(texts)
}

/// A name or comment: UTF-8 whatever its flag says, as most writers have it, else the code page 437 of old.
pub(super) fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|byte| cp437(*byte)).collect(),
    }
}

fn cp437(byte: u8) -> char {
    // https://www.unicode.org/Public/MAPPINGS/VENDORS/MICSFT/PC/CP437.TXT
    const HIGH: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐\
                        └┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";
    match byte.checked_sub(0x80) {
        None => char::from(byte),
        Some(high) => HIGH.chars().nth(usize::from(high)).unwrap_or(char::REPLACEMENT_CHARACTER),
    }
}

/// Reads at most so many bytes, fewer only at the end of the file.
fn exactly(source: &dyn ReadAt, at: u64, size: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(size).unwrap_or(0)];
    let filled = fill_at(source, &mut bytes, at)?;
    bytes.truncate(filled);
    Ok(bytes)
}

/// Fills a buffer from a place on: fewer bytes only at the end.
pub(super) fn fill_at(source: &dyn ReadAt, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match source.read_at(&mut buffer[filled..], at.saturating_add(filled as u64))? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}

/// A stretch of a file that is read in passing.
struct Page<'a> {
    source: &'a dyn ReadAt,
    bytes: Vec<u8>,
    start: u64,
}

impl<'a> Page<'a> {
    /// Longer than the longest entry: its three variable parts have 64 KiB each at most.
    const SIZE: usize = 256 << 10;

    fn new(source: &'a dyn ReadAt) -> Self {
        Self { source, bytes: Vec::new(), start: 0 }
    }

    /// Some bytes, fewer than asked for only at the end of the file.
    fn get(&mut self, at: u64, size: u64) -> io::Result<&[u8]> {
        if let Some(bytes) = self.source.bytes() {
            return Ok(slice(bytes, at, size));
        }
        let inside = at >= self.start && at.saturating_add(size) <= self.start + self.bytes.len() as u64;
        if !inside {
            self.bytes.resize(Self::SIZE, 0);
            let filled = fill_at(self.source, &mut self.bytes, at)?;
            self.bytes.truncate(filled);
            self.start = at;
        }
        Ok(slice(&self.bytes, at - self.start, size))
    }
}

/// A part of some bytes, as much of it as there is.
pub(super) fn slice(bytes: &[u8], at: u64, size: u64) -> &[u8] {
    let bound = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
    &bytes[bound(at)..bound(at.saturating_add(size))]
}

/// Two bytes as a number, low byte first; 0 if they are not there.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |chunk| u16::from_le_bytes(*chunk))
}

/// Four bytes as a number, low byte first; 0 if they are not there.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |chunk| u32::from_le_bytes(*chunk))
}

/// Eight bytes as a number, low byte first; 0 if they are not there.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |chunk| u64::from_le_bytes(*chunk))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Memory;
    use ::zip::write::SimpleFileOptions;
    use std::io::Write;

    fn archive(names: &[&str], comment: &str) -> Vec<u8> {
        let mut zip = ::zip::ZipWriter::new(io::Cursor::new(Vec::new()));
        for name in names {
            zip.start_file(*name, SimpleFileOptions::default()).unwrap();
            zip.write_all(name.as_bytes()).unwrap();
        }
        zip.set_comment(comment).unwrap();
        zip.finish().unwrap().into_inner()
    }

    #[test]
    fn members_are_read_in_order() {
        let directory = read(&Memory(archive(&["b", "a", "c/"], "x")), 10).unwrap().unwrap();
        let names: Vec<_> = directory.members.iter().map(|member| &*member.name).collect();
        assert_eq!(names, ["b", "a", "c/"]);
        assert_eq!(directory.members[0].next, Some(directory.members[1].start));
        assert_eq!(directory.members[2].next, Some(directory.start));
        assert!(!directory.broken);
    }

    #[test]
    fn what_stands_before_shifts_it() {
        let mut bytes = b"#!/bin/sh\n".to_vec();
        bytes.extend(archive(&["a", "b"], "PK\x05\x06 a comment that looks like an end"));
        let directory = read(&Memory(bytes), 10).unwrap().unwrap();
        assert_eq!(directory.members[0].start, 10);
        assert_eq!(directory.members.len(), 2);
    }

    #[test]
    fn a_limit_says_what_it_leaves_out() {
        let directory = read(&Memory(archive(&["a", "b", "c"], "")), 2).unwrap().unwrap();
        assert_eq!((directory.members.len(), directory.left_out), (2, 1));
    }

    #[test]
    fn what_is_no_zip_has_no_directory() {
        for bytes in [&b""[..], b"PK\x03\x04", END, &[b'P'; 100]] {
            assert!(read(&Memory(bytes.to_vec()), 9).unwrap().is_none());
        }
        let empty = archive(&[], "");
        assert!(read(&Memory(empty), 9).unwrap().unwrap().members.is_empty());
    }

    #[test]
    fn old_names_are_of_their_code_page() {
        assert_eq!(text(b"\x81ber"), "über");
        assert_eq!(text("über".as_bytes()), "über");
        assert_eq!(cp437(0xff), '\u{a0}');
        assert_eq!(cp437(0xe1), 'ß');
    }
}
