//! cpio in its four forms: `newc` with or without checksums, `odc`, and the old binary one in either order of bytes
//! (`cpio(5)` of libarchive). Initial RAM disks have several of them one after the other, the last one packed.

use std::io::{self, Read};

use super::sequence::{Entry, Headers, Walk};

/// The name of what ends an archive.
const TRAILER: &[u8] = b"TRAILER!!!";

/// The longest name that is read, in bytes.
const NAME: u64 = 64 << 10;

/// The headers of an archive.
#[derive(Default)]
pub(super) struct Cpio {
    over: bool,
}

/// What a header says, in whichever form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Header {
    mode: u64,
    name: u64,
    size: u64,
    /// To a multiple of what names and contents are filled up.
    multiple: u64,
}

/// Whether bytes begin with a header. The magic of the binary form is two bytes, so there the rest must fit as well.
pub(super) fn begins(head: &[u8]) -> bool {
    let Some((header, length)) = parse(head) else { return false };
    let name = usize::try_from(header.name).ok().and_then(|size| head.get(length..)?.get(..size));
    let named = name.is_some_and(|name| {
        name.len() > 1 && name.iter().position(|byte| *byte == 0) == Some(name.len() - 1)
    });
    named && matches!(header.mode >> 12, 0 | 1 | 2 | 4 | 6 | 8 | 10 | 12)
}

impl Headers for Cpio {
    fn next<R: Read>(&mut self, walk: &mut Walk<R>) -> io::Result<Option<Entry>> {
        walk.finish_content()?;
        if self.over {
            return walk.rest();
        }
        let Some(header) = read(walk)? else { return Ok(None) };
        walk.expect(header.name, header.multiple);
        let name = walk.bytes(NAME)?;
        walk.finish_content()?;
        let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
        walk.expect(header.size, header.multiple);
        if name == TRAILER {
            self.over = true;
            return walk.rest();
        }
        let name = String::from_utf8_lossy(name).into_owned();
        // The content of a link is what it points to.
        let is_file = matches!(header.mode >> 12, 8 | 10) || header.size > 0;
        Ok(Some(Entry { name, is_file, ..Entry::default() }))
    }
}

fn read<R: Read>(walk: &mut Walk<R>) -> io::Result<Option<Header>> {
    let mut head = [0; 110];
    let (magic, rest) = head.split_at_mut(6);
    if !walk.header(magic)? {
        return Ok(None);
    }
    let length = match &*magic {
        b"070701" | b"070702" => 110,
        b"070707" => 76,
        _ => 26,
    };
    let cut = || io::Error::new(io::ErrorKind::UnexpectedEof, "it ends within a header");
    let rest = rest.get_mut(..length - 6).ok_or_else(cut)?;
    if !walk.header(rest)? {
        return Err(cut());
    }
    let header = parse(&head).map(|(header, _)| header);
    header
        .map(Some)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no header where one should be"))
}

/// A header and how long it is.
fn parse(head: &[u8]) -> Option<(Header, usize)> {
    let number = |at: usize, length: usize, radix| {
        u64::from_str_radix(std::str::from_utf8(head.get(at..at + length)?).ok()?, radix).ok()
    };
    let header = match head.get(..6)? {
        b"070701" | b"070702" => {
            let (mode, size, name) = (number(14, 8, 16)?, number(54, 8, 16)?, number(94, 8, 16)?);
            return Some((Header { mode, name, size, multiple: 4 }, 110));
        }
        b"070707" => {
            let (mode, name, size) = (number(18, 6, 8)?, number(59, 6, 8)?, number(65, 11, 8)?);
            return Some((Header { mode, name, size, multiple: 1 }, 76));
        }
        [0xc7, 0x71, ..] => binary(head, u16::from_le_bytes)?,
        [0x71, 0xc7, ..] => binary(head, u16::from_be_bytes)?,
        _ => return None,
    };
    Some((header, 26))
}

/// Numbers of 32 bits have their high half first, whatever the order of bytes.
fn binary(head: &[u8], word: fn([u8; 2]) -> u16) -> Option<Header> {
    let word = |at: usize| head.get(at..)?.first_chunk().map(|bytes| u64::from(word(*bytes)));
    let size = word(22)? << 16 | word(24)?;
    Some(Header { mode: word(6)?, name: word(20)?, size, multiple: 2 })
}
