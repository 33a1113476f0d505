//! What a zip costs before anyone looks at it: each member inflated and its CRC-32 checked, with one reused state.

use std::fs::File;
use std::hint::black_box;
use std::io;

use flate2::{Decompress, FlushDecompress, Status};
use keysieve::source::{OpenFile, ReadAt};

/// Bytes inflated at a time: few enough to stay in the second-level cache.
const STEP: usize = 64 << 10;

/// Inflates every member of a zip (no zip64, no comment, no encryption), and returns their number and bytes.
///
/// # Errors
/// Those of reading, and `InvalidData` for a zip that is not so plain, or a wrong checksum.
pub(crate) fn inflate(file: File) -> io::Result<(u64, u64)> {
    let file = OpenFile::new(file)?;
    let members = directory(&file)?;
    let mut inflater = Inflater { state: Decompress::new(false), step: vec![0; STEP] };
    let (mut stored, mut bytes) = (Vec::new(), 0);
    for member in &members {
        bytes += inflater.member(member, member.read(&file, &mut stored)?)?;
    }
    Ok((members.len() as u64, bytes))
}

/// An entry of the directory (APPNOTE.TXT 6.3.10, section 4.3.12).
struct Member {
    method: u16,
    crc: u32,
    stored: usize,
    name: usize,
    offset: u64,
}

impl Member {
    /// Its bytes as they are stored, by one read: header, name, and some room for what a writer puts behind the name.
    fn read<'b>(&self, file: &OpenFile, buffer: &'b mut Vec<u8>) -> io::Result<&'b [u8]> {
        const EXTRA: usize = 64;
        let length = 30 + self.name + EXTRA + self.stored;
        buffer.resize(length.max(buffer.len()), 0);
        let read = fill(file, &mut buffer[..length], self.offset)?;
        let start = 30 + self.name + number(buffer, 28, 2)? as usize;
        buffer[..read].get(start..start + self.stored).ok_or_else(not_plain)
    }
}

fn directory(file: &OpenFile) -> io::Result<Vec<Member>> {
    let mut end = [0; 22];
    fill(file, &mut end, file.size().saturating_sub(22))?;
    let count = number(&end, 10, 2)?;
    if number(&end, 0, 4)? != 0x0605_4b50 || count == 0xffff {
        return Err(not_plain());
    }
    let mut directory = vec![0; number(&end, 12, 4)? as usize];
    fill(file, &mut directory, number(&end, 16, 4)?)?;
    let mut at = 0;
    let entries = (0..count).map(|_| {
        let field = |offset, width| number(&directory, at + offset, width);
        let name = field(28, 2)? as usize;
        let member = Member {
            method: field(10, 2)? as u16,
            crc: field(16, 4)? as u32,
            stored: field(20, 4)? as usize,
            name,
            offset: field(42, 4)?,
        };
        at += 46 + name + field(30, 2)? as usize + field(32, 2)? as usize;
        Ok(member)
    });
    entries.collect()
}

struct Inflater {
    state: Decompress,
    step: Vec<u8>,
}

impl Inflater {
    /// Inflates one member and returns its length.
    fn member(&mut self, member: &Member, mut stored: &[u8]) -> io::Result<u64> {
        let mut crc = crc32fast::Hasher::new();
        if member.method == 0 {
            crc.update(stored);
        } else {
            self.state.reset(false);
            loop {
                let (read, written) = (self.state.total_in(), self.state.total_out());
                let status = self.state.decompress(stored, &mut self.step, FlushDecompress::None)?;
                stored = &stored[(self.state.total_in() - read) as usize..];
                let written = (self.state.total_out() - written) as usize;
                crc.update(black_box(&self.step[..written]));
                match status {
                    Status::StreamEnd => break,
                    _ if written == 0 && stored.is_empty() => return Err(not_plain()),
                    _ => {}
                }
            }
        }
        let length = if member.method == 0 { member.stored as u64 } else { self.state.total_out() };
        if crc.finalize() == member.crc { Ok(length) } else { Err(not_plain()) }
    }
}

/// A little-endian number of `width` bytes.
fn number(bytes: &[u8], at: usize, width: usize) -> io::Result<u64> {
    let bytes = bytes.get(at..at + width).ok_or_else(not_plain)?;
    Ok(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

fn fill(file: &OpenFile, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], offset + filled as u64)? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}

fn not_plain() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "no plain zip, or a damaged one")
}
