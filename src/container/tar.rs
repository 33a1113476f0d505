//! Tar: headers of 512 bytes, each with its member behind it (POSIX.1-2017 `pax`, and the GNU extensions).
//!
//! The headers are read here rather than by the `tar` crate, which takes a long name or a PAX record of any length into
//! memory, and holds no place for a bound.

use std::io::{self, Read};
use std::sync::Arc;

use super::companions::{Companions, Member, NAMES};
use super::stream::{Rewinds, skip};
use super::{Job, Opener, Outcome, Place, Stream, Workspace, broken, gap};
use crate::blob::COMPANION_LIMIT;
use crate::budget::Reason;
use crate::source::fill;

const BLOCK: usize = 512;

/// The longest long name or PAX header that is read, in bytes; what is behind it is left out.
const EXTENSION: u64 = 64 << 10;

/// How far a tar is gone through for the names of its members, in bytes.
const LISTED: u64 = 256 << 20;

/// Whether bytes begin with a header: its checksum tells.
pub(super) fn begins(head: &[u8]) -> bool {
    head.first_chunk().is_some_and(is_header)
}

/// Looks at the members in their order.
pub(super) fn unpack(job: &Job, place: Place, stream: Stream, workspace: &mut Workspace) -> Outcome {
    let rewinds = Rewinds::default();
    let list = || names(stream.opener);
    let read = |name: &str| companion(stream.opener, name);
    let companions = Companions::new(&list, &read);
    let mut walk = Walk::new(stream.reader);
    let mut outcome = Outcome::default();
    let mut members = 0;
    loop {
        let next = walk.next();
        if job.spent() {
            outcome.add(gap(place.provenance, job.limit(), "members from here on are left out"));
            break;
        }
        match next {
            Ok(None) => break,
            Ok(Some(_)) if members == job.run.visit.budget().members => {
                outcome.add(gap(
                    place.provenance,
                    Reason::BudgetMembers,
                    "too many members; the rest is left out",
                ));
                break;
            }
            Ok(Some(entry)) => {
                members += 1;
                let opener = || entry.reopen(stream.opener, &rewinds);
                outcome.add(member(job, place, &companions, &mut walk, &entry, &opener, workspace));
            }
            Err(error) => {
                outcome.add(broken(place.provenance, &error));
                break;
            }
        }
    }
    outcome
}

fn member(
    job: &Job,
    place: Place,
    companions: &Companions,
    walk: &mut Walk<&mut dyn Read>,
    entry: &Entry,
    opener: Opener,
    workspace: &mut Workspace,
) -> Outcome {
    let provenance = &place.provenance.entry(entry.name.as_str());
    let package = &Member { companions, name: &entry.name };
    let mut outcome = job.run.named(provenance, workspace);
    if !entry.is_file {
        return outcome;
    }
    outcome.coverage.members += 1;
    let stream = Stream { reader: &mut walk.content(), opener };
    outcome.add(job.run.guarded(provenance, || job.stream(Place { provenance, package }, stream, workspace)));
    if !job.spent()
        && let Err(error) = walk.finish_content()
    {
        outcome.add(broken(provenance, &error));
    }
    outcome
}

/// A member's header, extensions applied.
struct Entry {
    name: String,
    /// Whether bytes are behind it.
    is_file: bool,
    /// Where those are in the tar.
    start: u64,
    size: u64,
}

impl Entry {
    fn reopen(&self, opener: Opener, rewinds: &Rewinds) -> io::Result<Box<dyn Read>> {
        let mut reader = opener()?;
        rewinds.skip(&mut reader, self.start)?;
        Ok(Box::new(reader.take(self.size)))
    }
}

/// A tar on the way from header to header.
struct Walk<R> {
    reader: R,
    /// How far the reader is.
    position: u64,
    /// Of the member at hand.
    content_left: u64,
    /// From the member's end to the next header.
    padding: u64,
}

/// What extension headers say about the next member.
#[derive(Default)]
struct Extension {
    name: Option<String>,
    size: Option<u64>,
}

impl<R: Read> Walk<R> {
    fn new(reader: R) -> Self {
        Self { reader, position: 0, content_left: 0, padding: 0 }
    }

    /// The next member. Zero blocks between members, as concatenated tars have them, are passed over.
    fn next(&mut self) -> io::Result<Option<Entry>> {
        let mut extension = Extension::default();
        loop {
            self.finish_content()?;
            let Some(block) = self.block()? else {
                return Ok(None);
            };
            if block.iter().all(|byte| *byte == 0) {
                continue;
            }
            if !is_header(&block) {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "no header where one should be"));
            }
            self.expect(size(&block));
            match block[156] {
                b'L' => extension.name = Some(text(until_zero(&self.extension()?))),
                b'x' => pax(&self.extension()?, &mut extension),
                // A long link name, the defaults for all members, a volume's name: nothing that we need.
                b'K' | b'g' | b'V' => {}
                kind => {
                    if kind == b'S' {
                        self.sparse_map(&block)?;
                    }
                    return Ok(Some(self.entry(&block, kind, extension)));
                }
            }
        }
    }

    fn entry(&mut self, block: &[u8; BLOCK], kind: u8, extension: Extension) -> Entry {
        if let Some(size) = extension.size {
            self.expect(size);
        }
        if matches!(kind, b'2'..=b'6') {
            self.expect(0); // links, devices, folders: a size there is a hint or a lie, as libarchive takes it too
        }
        let is_file = !matches!(kind, b'1'..=b'6') || self.content_left > 0;
        let name = extension.name.unwrap_or_else(|| name(block));
        Entry { name, is_file, start: self.position, size: self.content_left }
    }

    /// The map of a sparse file may go on in further blocks; what is behind it are the parts that are not zero.
    fn sparse_map(&mut self, block: &[u8; BLOCK]) -> io::Result<()> {
        let mut goes_on = block[482] != 0;
        while goes_on {
            let Some(block) = self.block()? else {
                return Err(io::ErrorKind::UnexpectedEof.into());
            };
            goes_on = block[504] != 0;
        }
        Ok(())
    }

    fn block(&mut self) -> io::Result<Option<[u8; BLOCK]>> {
        let mut block = [0; BLOCK];
        let (filled, trouble) = fill(&mut self.reader, &mut block);
        self.position += filled as u64;
        match (filled, trouble) {
            (_, Some(error)) => Err(error),
            (0, None) => Ok(None),
            (BLOCK, None) => Ok(Some(block)),
            (_, None) => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it ends within a header")),
        }
    }

    fn expect(&mut self, size: u64) {
        self.content_left = size;
        self.padding = (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64;
    }

    fn extension(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.content().take(EXTENSION).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// What is left of the member at hand.
    fn content(&mut self) -> Content<'_, R> {
        Content(self)
    }

    /// Goes to the end of the member at hand.
    fn finish_content(&mut self) -> io::Result<()> {
        let left = self.content_left.saturating_add(std::mem::take(&mut self.padding));
        self.content_left = 0;
        let end = self.position.saturating_add(left);
        self.position = end;
        skip(&mut self.reader, left).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                io::Error::new(error.kind(), format!("it ends within a member, before byte {end}"))
            }
            _ => error,
        })
    }
}

/// The bytes of a member.
struct Content<'a, R>(&'a mut Walk<R>);

impl<R: Read> Read for Content<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let walk = &mut *self.0;
        let wanted = usize::try_from(walk.content_left).unwrap_or(usize::MAX).min(buffer.len());
        let read = walk.reader.read(&mut buffer[..wanted])?;
        walk.content_left -= read as u64;
        walk.position += read as u64;
        Ok(read) // an early end is told once, by who goes on to the next header
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

/// Reads PAX records: `length key=value\n`, the length in decimal and counting itself.
fn pax(mut records: &[u8], extension: &mut Extension) {
    while let Some((key, value, rest)) = record(records) {
        match key {
            b"path" | b"GNU.sparse.name" => extension.name = Some(text(value)),
            b"size" => extension.size = std::str::from_utf8(value).ok().and_then(|size| size.parse().ok()),
            _ => {}
        }
        records = rest;
    }
}

fn record(records: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = records.iter().position(|byte| *byte == b' ')?;
    let length: usize = std::str::from_utf8(&records[..space]).ok()?.parse().ok()?;
    let record = records.get(space + 1..length)?;
    let equals = record.iter().position(|byte| *byte == b'=')?;
    let value = record[equals + 1..].strip_suffix(b"\n")?;
    Some((&record[..equals], value, &records[length..]))
}

fn names(opener: Opener) -> Vec<String> {
    let Ok(reader) = opener() else { return Vec::new() };
    let mut walk = Walk::new(reader.take(LISTED));
    let mut names = Vec::new();
    while let Ok(Some(entry)) = walk.next() {
        if entry.is_file {
            names.push(entry.name);
        }
        if names.len() == NAMES {
            break;
        }
    }
    names
}

fn companion(opener: Opener, name: &str) -> Option<Arc<[u8]>> {
    let mut walk = Walk::new(opener().ok()?.take(LISTED));
    loop {
        let entry = walk.next().ok()??;
        if entry.is_file && entry.name == name {
            let limit = u64::try_from(COMPANION_LIMIT).ok().filter(|limit| entry.size <= *limit)?;
            let mut bytes = Vec::new();
            walk.content().take(limit).read_to_end(&mut bytes).ok()?;
            return (bytes.len() as u64 == entry.size).then(|| bytes.into());
        }
    }
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
        pax(b"12 path=a=b\n11 size=42\n99 path=x\n", &mut extension);
        assert_eq!(extension.name.as_deref(), Some("a=b"));
        assert_eq!(extension.size, Some(42));
        for odd in [&b"3 a"[..], b"0 ", b"2 x=\n", b"x", b" =", b"18446744073709551616 a=b\n"] {
            pax(odd, &mut Extension::default());
        }
    }
}
