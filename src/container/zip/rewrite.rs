//! A zip with some members' contents replaced: every other byte of it stays as it is (APPNOTE.TXT 6.3.10).
//!
//! Bytes go in and come out: members that are not replaced keep their packed bytes and headers, and what stands between
//! members stays there. A replaced one is packed by the method that it had; its sizes and checksum are put right where they
//! stand (the own header, the descriptor behind it, the directory, Zip64 fields), and the directory's offsets with them.

use std::io::{self, Read, Write};
use std::ops::Range;
use std::sync::Arc;

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

use super::directory::{self, Directory, END_SIZE, END64, END64_RECORDS, u16_at, u32_at, u64_at};
use super::{LOCAL, LOCAL_SIZE};
use crate::source::ReadAt;

/// The fixed part of a directory's entry, in bytes.
const ENTRY_SIZE: usize = 46;

/// What a 32-bit field says whose number stands in the Zip64 field.
const ELSEWHERE: u32 = u32::MAX;

/// A zip that can be written anew.
pub(crate) struct Rewriting<'a> {
    bytes: &'a [u8],
    directory: Directory,
}

/// Bytes as a file.
struct Borrowed<'a>(&'a [u8]);

impl ReadAt for Borrowed<'_> {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        self.0.get(start..).unwrap_or_default().read(buffer)
    }

    fn bytes(&self) -> Option<&[u8]> {
        Some(self.0)
    }
}

/// What is put in place of some bytes.
struct Splice {
    span: Range<usize>,
    with: Vec<u8>,
}

/// The numbers of a member that its content decides.
#[derive(Clone, Copy)]
struct Numbers {
    crc: u32,
    packed: u64,
    size: u64,
}

impl<'a> Rewriting<'a> {
    /// Reads the directory; `None` where there is none, or it breaks off, or has more members than `limit`.
    pub(crate) fn read(bytes: &'a [u8], limit: usize) -> Option<Self> {
        let directory = directory::read(&Borrowed(bytes), limit).ok()??;
        (!directory.broken && directory.left_out == 0).then_some(Self { bytes, directory })
    }

    /// The members' names, in the order of the directory.
    pub(crate) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.directory.members.iter().map(|member| &member.name)
    }

    /// Where a member's packed bytes stand.
    fn data(&self, index: usize) -> Option<Range<usize>> {
        let member = self.directory.members.get(index)?;
        let start = usize::try_from(member.start).ok()?;
        let own = self.bytes.get(start..).filter(|own| own.starts_with(LOCAL))?;
        let data = start + LOCAL_SIZE as usize + usize::from(u16_at(own, 26)) + usize::from(u16_at(own, 28));
        let data = data..data.checked_add(usize::try_from(member.packed).ok()?)?;
        self.bytes.get(data.clone()).map(|_| data)
    }

    /// The content of a member, at most `limit` bytes.
    ///
    /// # Errors
    /// Why it cannot be written anew: it is too large, locked, damaged, or packed by a method that is not written.
    pub(crate) fn content(&self, index: usize, limit: usize) -> Result<Vec<u8>, &'static str> {
        const DAMAGED: &str = "the member is damaged";
        let member = self.directory.members.get(index).ok_or(DAMAGED)?;
        if member.lock.is_some() {
            return Err("the member is encrypted");
        }
        let packed = self.data(index).and_then(|data| self.bytes.get(data)).ok_or(DAMAGED)?;
        let mut plain = Vec::new();
        let read = match member.method {
            0 => packed.take(limit as u64 + 1).read_to_end(&mut plain),
            8 => DeflateDecoder::new(packed).take(limit as u64 + 1).read_to_end(&mut plain),
            _ => return Err("the member is packed by a method that is not written"),
        };
        match read {
            Ok(read) if read > limit => Err("the member is too large to be written anew"),
            Ok(_) if crc32fast::hash(&plain) == member.crc && plain.len() as u64 == member.size => Ok(plain),
            _ => Err(DAMAGED),
        }
    }

    /// The zip with the contents of some members replaced, given by their number in the directory.
    ///
    /// # Errors
    /// Why it cannot be written.
    pub(crate) fn write(&self, contents: Vec<(usize, Vec<u8>)>) -> Result<Vec<u8>, &'static str> {
        let mut splices = Vec::new();
        let mut changed = vec![None; self.directory.members.len()];
        for (index, content) in contents {
            let (packed, numbers) = self.pack(index, &content)?;
            if let Some(changed) = changed.get_mut(index) {
                *changed = Some(numbers);
            }
            self.replace(index, packed, numbers, &mut splices)?;
        }
        splices.sort_by_key(|splice: &Splice| splice.span.start);
        let overlap = splices.windows(2).any(|pair| matches!(pair, [a, b] if a.span.end > b.span.start));
        let start = usize::try_from(self.directory.start).unwrap_or(usize::MAX);
        if overlap || splices.last().is_some_and(|splice| splice.span.end > start) {
            return Err("members of the zip lie over each other");
        }
        let mut out = splice(self.bytes, start, &splices);
        self.entries(&changed, &splices, &mut out)?;
        Ok(out)
    }

    fn pack(&self, index: usize, content: &[u8]) -> Result<(Vec<u8>, Numbers), &'static str> {
        let member = self.directory.members.get(index).ok_or("there is no such member")?;
        let packed = match member.method {
            0 => content.to_vec(),
            _ => {
                let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
                let done = encoder.write_all(content).and_then(|()| encoder.finish());
                done.map_err(|_| "the member cannot be deflated")?
            }
        };
        let numbers = Numbers {
            crc: crc32fast::hash(content),
            packed: packed.len() as u64,
            size: content.len() as u64,
        };
        Ok((packed, numbers))
    }

    /// Replaces a member's bytes, and the numbers in its own header and in the descriptor behind it.
    fn replace(
        &self,
        index: usize,
        packed: Vec<u8>,
        numbers: Numbers,
        splices: &mut Vec<Splice>,
    ) -> Result<(), &'static str> {
        const BROKEN: &str = "a member of the zip is not where the directory says";
        let member = self.directory.members.get(index).ok_or(BROKEN)?;
        let data = self.data(index).ok_or(BROKEN)?;
        let start = usize::try_from(member.start).map_err(|_| BROKEN)?;
        let mut own = self.bytes.get(start..data.start).ok_or(BROKEN)?.to_vec();
        let described = member.flags & 8 != 0;
        let fixed = LOCAL_SIZE as usize;
        let name = usize::from(u16_at(&own, 26));
        if !described || u32_at(&own, 14) != 0 {
            put32(&mut own, 14, numbers.crc);
        }
        let field = zip64_field(&own, fixed + name..own.len());
        let mut wide = field.map(|field| field.start);
        // 4.5.3: in the own header both stand there, the size first.
        for (at, number) in [(22, numbers.size), (18, numbers.packed)] {
            match u32_at(&own, at) {
                ELSEWHERE => put_wide(&mut own, &mut wide, number).ok_or(BROKEN)?,
                0 if described => {}
                _ => put32(&mut own, at, u32::try_from(number).map_err(|_| "the member grows too large")?),
            }
        }
        splices.push(Splice { span: start..data.start, with: own });
        splices.push(Splice { span: data.clone(), with: packed });
        if described && let Some(descriptor) = self.descriptor(index, data.end, numbers) {
            splices.push(descriptor);
        }
        Ok(())
    }

    /// The descriptor behind a member's bytes (4.3.9): with its signature or without, its sizes of four bytes or of eight.
    /// Told by what the directory says.
    fn descriptor(&self, index: usize, at: usize, numbers: Numbers) -> Option<Splice> {
        const SIGNATURE: &[u8] = b"PK\x07\x08";
        let member = self.directory.members.get(index)?;
        let old = Numbers { crc: member.crc, packed: member.packed, size: member.size };
        let write = |numbers: Numbers, signed: bool, wide: bool| {
            let mut bytes = if signed { SIGNATURE.to_vec() } else { Vec::new() };
            bytes.extend(numbers.crc.to_le_bytes());
            for number in [numbers.packed, numbers.size] {
                let number = number.to_le_bytes();
                bytes.extend(number.get(..if wide { 8 } else { 4 }).unwrap_or_default());
            }
            bytes
        };
        let behind = self.bytes.get(at..)?;
        let forms = [(true, true), (true, false), (false, true), (false, false)];
        let (signed, wide) =
            forms.into_iter().find(|(signed, wide)| behind.starts_with(&write(old, *signed, *wide)))?;
        let with = write(numbers, signed, wide);
        Some(Splice { span: at..at + with.len(), with })
    }

    /// Writes the directory and what stands behind it.
    fn entries(
        &self,
        changed: &[Option<Numbers>],
        splices: &[Splice],
        out: &mut Vec<u8>,
    ) -> Result<(), &'static str> {
        const BROKEN: &str = "the directory of the zip is damaged";
        let begin = out.len();
        let old_begin = usize::try_from(self.directory.start).map_err(|_| BROKEN)?;
        let mut at = old_begin;
        for (member, changed) in self.directory.members.iter().zip(changed) {
            let fixed = self.bytes.get(at..at + ENTRY_SIZE).ok_or(BROKEN)?;
            let name = usize::from(u16_at(fixed, 28));
            let extra = usize::from(u16_at(fixed, 30));
            let length = ENTRY_SIZE + name + extra + usize::from(u16_at(fixed, 32));
            let mut entry = self.bytes.get(at..at + length).ok_or(BROKEN)?.to_vec();
            let moved = shift(splices, member.start);
            patch(&mut entry, ENTRY_SIZE + name..ENTRY_SIZE + name + extra, *changed, moved).ok_or(BROKEN)?;
            out.extend(entry);
            at += length;
        }
        // What is behind the entries keeps its length; offsets in it point to the directory.
        let moved = begin as i64 - old_begin as i64;
        let mut tail = self.bytes.get(at..).ok_or(BROKEN)?.to_vec();
        let record = usize::try_from(self.directory.record).ok().and_then(|record| record.checked_sub(at));
        let record = record.ok_or(BROKEN)?;
        if let Some(at64) = tail.get(..record).and_then(|head| memchr::memmem::rfind(head, END64))
            && record >= END64_RECORDS as usize
        {
            let old = u64_at(&tail, at64 + 48);
            put(&mut tail, at64 + 48, &old.wrapping_add_signed(moved).to_le_bytes());
            let locator = record - 20;
            let old = u64_at(&tail, locator + 8);
            put(&mut tail, locator + 8, &old.wrapping_add_signed(moved).to_le_bytes());
        }
        let old = u32_at(tail.get(..record + END_SIZE as usize).ok_or(BROKEN)?, record + 16);
        if old != ELSEWHERE {
            let new = u32::try_from(i64::from(old) + moved).map_err(|_| "the zip grows too large")?;
            put32(&mut tail, record + 16, new);
        }
        out.extend(tail);
        Ok(())
    }
}

/// Puts the numbers of an entry of the directory right.
fn patch(entry: &mut [u8], extra: Range<usize>, changed: Option<Numbers>, moved: i64) -> Option<()> {
    let mut wide = zip64_field(entry, extra).map(|field| field.start);
    if let Some(numbers) = changed {
        put32(entry, 16, numbers.crc);
    }
    // 4.5.3: only those that are all ones stand in the field, in this order.
    for (at, number) in
        [(24, changed.map(|numbers| numbers.size)), (20, changed.map(|numbers| numbers.packed))]
    {
        match (u32_at(entry, at), number) {
            (ELSEWHERE, Some(number)) => put_wide(entry, &mut wide, number)?,
            (ELSEWHERE, None) => wide = wide.map(|wide| wide + 8),
            (_, Some(number)) => put32(entry, at, u32::try_from(number).ok()?),
            (_, None) => {}
        }
    }
    match u32_at(entry, 42) {
        ELSEWHERE => {
            let old = u64_at(entry, wide?);
            put_wide(entry, &mut wide, old.wrapping_add_signed(moved))?;
        }
        old => put32(entry, 42, u32::try_from(i64::from(old) + moved).ok()?),
    }
    Some(())
}

/// How far what stood at a place moves.
fn shift(splices: &[Splice], at: u64) -> i64 {
    let before = splices.iter().take_while(|splice| (splice.span.start as u64) < at);
    before.map(|splice| splice.with.len() as i64 - splice.span.len() as i64).sum()
}

/// The first `end` bytes with splices in them.
fn splice(bytes: &[u8], end: usize, splices: &[Splice]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    for splice in splices {
        out.extend(bytes.get(at..splice.span.start).unwrap_or_default());
        out.extend(&splice.with);
        at = splice.span.end;
    }
    out.extend(bytes.get(at..end).unwrap_or_default());
    out
}

/// Where the data of the Zip64 field stands among the extra fields.
fn zip64_field(bytes: &[u8], extra: Range<usize>) -> Option<Range<usize>> {
    let mut at = extra.start;
    while at + 4 <= extra.end {
        let end = at + 4 + usize::from(u16_at(bytes, at + 2));
        if u16_at(bytes, at) == 1 {
            return (end <= extra.end).then_some(at + 4..end);
        }
        at = end;
    }
    None
}

/// Puts a number into the Zip64 field, and goes on to the next one there.
fn put_wide(bytes: &mut [u8], wide: &mut Option<usize>, number: u64) -> Option<()> {
    let at = (*wide)?;
    bytes.get(at..at + 8)?;
    put(bytes, at, &number.to_le_bytes());
    *wide = Some(at + 8);
    Some(())
}

fn put32(bytes: &mut [u8], at: usize, number: u32) {
    put(bytes, at, &number.to_le_bytes());
}

fn put(bytes: &mut [u8], at: usize, with: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + with.len()) {
        place.copy_from_slice(with);
    }
}
