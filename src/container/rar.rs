//! RAR, old and new, as far as it is published: headers with names, and members that are stored. There is no decoder
//! with a licence that ours allows, so packed members are counted in a gap (<https://www.rarlab.com/technote.htm> for
//! RAR 5, read 2026-11-23; `technote.txt` of RAR 4.20 for the older).

use std::io::{self, Read};

use super::sequence::{Closed, Entry, Headers, Walk};

const OLD: &[u8] = b"Rar!\x1a\x07\x00";
const NEW: &[u8] = b"Rar!\x1a\x07\x01\x00";

/// The largest header of RAR 5, in bytes; one of RAR 4 is below 64 KiB by its form.
const HEADER: u64 = 2 << 20;

/// Whether bytes begin as an archive of either form does.
pub(super) fn begins(head: &[u8]) -> bool {
    head.starts_with(OLD) || head.starts_with(NEW)
}

/// The headers of an archive.
#[derive(Default)]
pub(super) struct Rar(State);

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Before,
    Old,
    New,
    Over,
}

impl Headers for Rar {
    fn next<R: Read>(&mut self, walk: &mut Walk<R>) -> io::Result<Option<Entry>> {
        loop {
            walk.finish_content()?;
            let block = match self.0 {
                State::Before => {
                    self.0 = signature(walk)?;
                    continue;
                }
                State::Over => return walk.rest(),
                State::Old => old(walk)?,
                State::New => new(walk)?,
            };
            match block {
                Some(Block::Member(entry)) => return Ok(Some(entry)),
                Some(Block::Other) => {}
                Some(Block::End) => self.0 = State::Over,
                Some(Block::Locked) => {
                    // Nothing behind this can be told from anything else.
                    self.0 = State::Over;
                    walk.expect_all();
                    let (name, closed) = ("(members)".to_owned(), Some(Closed::Encrypted));
                    return Ok(Some(Entry { name, is_file: true, closed, ..Entry::default() }));
                }
                None => return Ok(None),
            }
        }
    }
}

fn signature<R: Read>(walk: &mut Walk<R>) -> io::Result<State> {
    let mut magic = [0; 7];
    walk.header(&mut magic)?;
    if magic == OLD {
        return Ok(State::Old);
    }
    walk.header(&mut [0; 1])?;
    Ok(State::New)
}

/// What a block of an archive is.
enum Block {
    Member(Entry),
    Other,
    /// All that follows is encrypted, names included.
    Locked,
    End,
}

fn corrupt() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "no header where one should be")
}

/// Reads a block of the older form; its bytes are what is expected next.
fn old<R: Read>(walk: &mut Walk<R>) -> io::Result<Option<Block>> {
    let mut base = [0; 7];
    if !walk.header(&mut base)? {
        return Ok(None);
    }
    let mut base = Fields(&base);
    let (_crc, kind, flags, size) = (base.u16(), base.u8(), base.u16(), base.u16());
    let length = u64::from(size.unwrap_or(0)).checked_sub(7).ok_or_else(corrupt)?;
    let (kind, flags) = (kind.unwrap_or(0), flags.unwrap_or(0));
    walk.expect(length, 1);
    let header = walk.bytes(length)?;
    walk.finish_content()?;
    let mut fields = Fields(&header);
    let added = if flags & 0x8000 != 0 { fields.u32().ok_or_else(corrupt)? } else { 0 };
    walk.expect(u64::from(added), 1);
    Ok(Some(match kind {
        0x73 if flags & 0x80 != 0 => Block::Locked,
        0x74 => old_member(walk, fields, flags, added).map(Block::Member).ok_or_else(corrupt)?,
        0x7a => old_member(walk, fields, flags, added).map(service).ok_or_else(corrupt)?,
        0x7b => Block::End,
        0x72..=0x79 => Block::Other,
        _ => return Err(corrupt()),
    }))
}

fn old_member<R: Read>(walk: &mut Walk<R>, mut fields: Fields, flags: u16, packed: u32) -> Option<Entry> {
    fields.skip(4 + 1 + 4 + 4 + 1)?; // size, system, checksum, time, version
    let method = fields.u8()?;
    let name_size = usize::from(fields.u16()?);
    fields.skip(4)?; // attributes
    if flags & 0x100 != 0 {
        let high = fields.u32()?;
        fields.skip(4)?;
        walk.expect(u64::from(high) << 32 | u64::from(packed), 1);
    }
    // Behind a zero comes the same name in a packed form of UTF-16.
    let name = fields.bytes(name_size)?.split(|byte| *byte == 0).next()?;
    let is_folder = flags & 0xe0 == 0xe0;
    let closed = if flags & 4 != 0 {
        Some(Closed::Encrypted)
    } else {
        (method != 0x30 || flags & 3 != 0).then_some(Closed::Unsupported)
    };
    Some(entry(name, is_folder, closed))
}

/// Reads a block of RAR 5.
fn new<R: Read>(walk: &mut Walk<R>) -> io::Result<Option<Block>> {
    if !walk.header(&mut [0; 4])? {
        return Ok(None);
    }
    let length = vint(walk)?;
    if length > HEADER {
        return Err(corrupt());
    }
    walk.expect(length, 1);
    let header = walk.bytes(length)?;
    walk.finish_content()?;
    let mut fields = Fields(&header);
    let parsed = new_block(walk, &mut fields);
    parsed.map(Some).ok_or_else(corrupt)
}

fn new_block<R: Read>(walk: &mut Walk<R>, fields: &mut Fields) -> Option<Block> {
    let (kind, flags) = (fields.vint()?, fields.vint()?);
    let extra = if flags & 1 != 0 { fields.vint()? } else { 0 };
    let data = if flags & 2 != 0 { fields.vint()? } else { 0 };
    walk.expect(data, 1);
    Some(match kind {
        2 => Block::Member(new_member(fields, flags, extra)?),
        3 => service(new_member(fields, flags, extra)?),
        4 => Block::Locked,
        5 => Block::End,
        _ => Block::Other,
    })
}

fn new_member(fields: &mut Fields, flags: u64, extra: u64) -> Option<Entry> {
    let file_flags = fields.vint()?;
    fields.vint()?; // size
    fields.vint()?; // attributes
    fields.skip(if file_flags & 2 != 0 { 4 } else { 0 })?; // time
    fields.skip(if file_flags & 4 != 0 { 4 } else { 0 })?; // checksum
    let method = fields.vint()? >> 7 & 7;
    fields.vint()?; // system
    let length = usize::try_from(fields.vint()?).ok()?;
    let name = fields.bytes(length)?;
    let extra = fields.0.len().checked_sub(usize::try_from(extra).ok()?).and_then(|at| fields.0.get(at..))?;
    let closed = if is_encrypted(extra) {
        Some(Closed::Encrypted)
    } else {
        (method != 0 || flags & 0x18 != 0).then_some(Closed::Unsupported)
    };
    Some(entry(name, file_flags & 1 != 0, closed))
}

/// Whether an extra area has a record of encryption.
fn is_encrypted(extra: &[u8]) -> bool {
    let mut fields = Fields(extra);
    while let Some(size) = fields.vint() {
        let record = usize::try_from(size).ok().and_then(|size| fields.bytes(size));
        match record.map(|record| Fields(record).vint()) {
            Some(Some(1)) => return true,
            Some(_) => {}
            None => return false,
        }
    }
    false
}

/// Of what the archive keeps beside its files, comments and streams of NTFS may be text.
fn service(entry: Entry) -> Block {
    if matches!(&*entry.name, "CMT" | "STM") { Block::Member(entry) } else { Block::Other }
}

fn entry(name: &[u8], is_folder: bool, closed: Option<Closed>) -> Entry {
    let name = String::from_utf8_lossy(name).into_owned();
    Entry { name, is_file: !is_folder, closed: closed.filter(|_| !is_folder), ..Entry::default() }
}

/// A number of seven bits a byte, low ones first, straight out of the walk.
fn vint<R: Read>(walk: &mut Walk<R>) -> io::Result<u64> {
    let mut number = 0;
    for place in 0..3 {
        let mut byte = [0; 1];
        if !walk.header(&mut byte)? {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        number |= u64::from(byte[0] & 0x7f) << (7 * place);
        if byte[0] & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(corrupt())
}

/// The fields of a header, one after the other.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    fn skip(&mut self, length: usize) -> Option<()> {
        self.bytes(length).map(|_| ())
    }

    fn u8(&mut self) -> Option<u8> {
        self.bytes(1)?.first().copied()
    }

    fn u16(&mut self) -> Option<u16> {
        self.bytes(2)?.first_chunk().map(|bytes| u16::from_le_bytes(*bytes))
    }

    fn u32(&mut self) -> Option<u32> {
        self.bytes(4)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
    }

    fn vint(&mut self) -> Option<u64> {
        let mut number = 0;
        for place in 0..10 {
            let byte = self.u8()?;
            number |= u64::from(byte & 0x7f).checked_shl(7 * place).unwrap_or(0);
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }
}
