//! Containers that are a sequence of headers, each with its member's bytes behind it: tar, ar, cpio, RAR. A format's
//! reader of headers goes in; out comes what was found in the members, which are looked at as they pass by.

use std::cell::Cell;
use std::io::{self, Read};
use std::sync::Arc;

use super::companions::{Companions, Member, NAMES};
use super::stream::{Metered, Rewinds, skip};
use super::{Job, Opener, Outcome, Place, Stream, Workspace, broken, gap};
use crate::blob::COMPANION_LIMIT;
use crate::budget::Reason;
use crate::source::fill;

/// How far a container is gone through for the names of its members, in bytes.
const LISTED: u64 = 256 << 20;

/// The shortest text of a header that is worth a look.
const SHORTEST: usize = 8;

/// A format's reader of headers, with what it keeps from one to the next.
pub(super) trait Headers: Default {
    /// The next member, with the walk at its first byte; `None` at the end.
    ///
    /// # Errors
    /// Those of the walk; `InvalidData` where there is no header.
    fn next<R: Read>(&mut self, walk: &mut Walk<R>) -> io::Result<Option<Entry>>;
}

/// A member's header.
#[derive(Default)]
pub(super) struct Entry {
    pub(super) name: String,
    /// Whether bytes are behind it.
    pub(super) is_file: bool,
    /// What else its headers say that is text: a line each.
    pub(super) texts: Vec<u8>,
    /// Where its bytes belong, if some were left out.
    pub(super) holes: Option<Holes>,
    /// Why its bytes cannot be opened, if so.
    pub(super) closed: Option<Closed>,
}

/// Why bytes cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Closed {
    Encrypted,
    Unsupported,
}

/// Looks at the members in their order.
pub(super) fn unpack<H: Headers>(
    job: &Job,
    place: Place,
    stream: Stream,
    workspace: &mut Workspace,
) -> Outcome {
    let rewinds = Rewinds::default();
    let list = || names::<H>(stream.opener);
    let read = |name: &str| companion::<H>(stream.opener, name);
    let companions = Companions::new(&list, &read);
    let mut walk = Walk::new(stream.reader);
    let mut headers = H::default();
    let mut outcome = Outcome::default();
    let (mut members, mut closed) = (0, [0_u64; 2]);
    loop {
        let next = headers.next(&mut walk);
        if job.spent() {
            outcome.add(gap(place.provenance, job.limit(), "members from here on are left out"));
            break;
        }
        match next {
            Ok(None) => break,
            Ok(Some(_)) if members == job.run.visit.budget().members => {
                let detail = "too many members; the rest is left out";
                outcome.add(gap(place.provenance, Reason::BudgetMembers, detail));
                break;
            }
            Ok(Some(entry)) => {
                members += 1;
                closed[0] += u64::from(entry.closed == Some(Closed::Encrypted));
                closed[1] += u64::from(entry.closed == Some(Closed::Unsupported));
                let at = (walk.position, walk.content_left);
                let opener = || entry.reopen(stream.opener, at, &rewinds);
                outcome.add(member(job, place, &companions, &mut walk, &entry, &opener, workspace));
            }
            Err(error) => {
                outcome.add(broken(place.provenance, &error));
                break;
            }
        }
    }
    outcome.then(count(place, closed))
}

/// Says how many members stayed closed.
fn count(place: Place, [encrypted, unsupported]: [u64; 2]) -> Outcome {
    let mut outcome = Outcome::default();
    if encrypted > 0 {
        let detail = format!("a password is needed for members, {encrypted} of them");
        outcome.add(gap(place.provenance, Reason::Encrypted, detail));
    }
    if unsupported > 0 {
        let detail = format!("members are packed in a way that cannot be opened, {unsupported} of them");
        outcome.add(gap(place.provenance, Reason::Unsupported, detail));
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
    if entry.texts.len() >= SHORTEST {
        let provenance = &provenance.entry("(header)");
        outcome.add(job.blob(Place { provenance, package }, &entry.texts, workspace));
    }
    if !entry.is_file {
        return outcome;
    }
    outcome.coverage.members += 1;
    if entry.closed.is_none() {
        let place = Place { provenance, package };
        outcome.add(job.run.guarded(provenance, || content(job, place, walk, entry, opener, workspace)));
    }
    if !job.spent()
        && let Err(error) = walk.finish_content()
    {
        outcome.add(broken(provenance, &error));
    }
    outcome
}

fn content(
    job: &Job,
    place: Place,
    walk: &mut Walk<&mut dyn Read>,
    entry: &Entry,
    opener: Opener,
    workspace: &mut Workspace,
) -> Outcome {
    let Some(holes) = &entry.holes else {
        let stream = Stream { reader: &mut walk.content(), opener };
        return job.stream(place, stream, workspace);
    };
    // Holes are bytes that come out of nothing.
    let cut = Cell::new(false);
    let mut reader = Metered::new(holes.fill(walk.content()), job.allowance, &cut);
    let outcome = job.stream(place, Stream { reader: &mut reader, opener }, workspace);
    if cut.get() { outcome.then(job.spent_gap(place.provenance)) } else { outcome }
}

impl Entry {
    fn reopen(&self, opener: Opener, at: (u64, u64), rewinds: &Rewinds) -> io::Result<Box<dyn Read>> {
        let (start, size) = at;
        let mut reader = opener()?;
        rewinds.skip(&mut reader, start)?;
        let content = reader.take(size);
        Ok(match &self.holes {
            None => Box::new(content),
            Some(holes) => Box::new(holes.fill(content)),
        })
    }
}

/// Which parts of a file were kept, by their place and size in it, and the size of it all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Holes {
    pub(super) parts: Vec<(u64, u64)>,
    pub(super) size: u64,
}

impl Holes {
    /// The file with zeros where nothing was kept.
    fn fill<R: Read>(&self, kept: R) -> Filled<R> {
        Filled {
            kept,
            parts: self.parts.clone().into_iter(),
            size: self.size,
            position: 0,
            zeros: 0,
            bytes: 0,
        }
    }
}

/// A file whose holes are filled.
struct Filled<R> {
    kept: R,
    parts: std::vec::IntoIter<(u64, u64)>,
    size: u64,
    position: u64,
    /// What comes next, and what comes behind that.
    zeros: u64,
    bytes: u64,
}

impl<R: Read> Read for Filled<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.zeros == 0 && self.bytes == 0 {
            match self.parts.next() {
                Some((start, size)) => {
                    self.zeros = start.saturating_sub(self.position);
                    self.bytes = size;
                }
                // What no part names comes at last, so that nothing stays unseen.
                None if self.position >= self.size => return self.kept.read(buffer),
                None => self.zeros = self.size - self.position,
            }
            self.position = self.position.saturating_add(self.zeros).saturating_add(self.bytes);
        }
        let within = |left: u64| usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        if self.zeros > 0 {
            let zeros = within(self.zeros);
            buffer[..zeros].fill(0);
            self.zeros -= zeros as u64;
            return Ok(zeros);
        }
        let wanted = within(self.bytes);
        let read = self.kept.read(&mut buffer[..wanted])?;
        self.bytes = if read == 0 { 0 } else { self.bytes - read as u64 };
        if read == 0 && wanted > 0 {
            self.size = 0; // it ended early; that is told by who goes on to the next header
            self.parts = Vec::new().into_iter();
        }
        Ok(read)
    }
}

/// A container on the way from header to header.
pub(super) struct Walk<R> {
    reader: R,
    /// A byte that was looked at and not used.
    ahead: Option<u8>,
    /// How far the reader is.
    pub(super) position: u64,
    /// Of the member at hand.
    pub(super) content_left: u64,
    /// From the member's end to the next header.
    padding: u64,
    /// Whether the member goes on to the end, whatever its size.
    endless: bool,
}

impl<R: Read> Walk<R> {
    fn new(reader: R) -> Self {
        Self { reader, ahead: None, position: 0, content_left: 0, padding: 0, endless: false }
    }

    /// Fills a buffer from the next header; false at the end of the container.
    pub(super) fn header(&mut self, buffer: &mut [u8]) -> io::Result<bool> {
        let (filled, trouble) = fill(&mut Ahead(self), buffer);
        self.position += filled as u64;
        match (filled, trouble) {
            (_, Some(error)) => Err(error),
            (0, None) => Ok(false),
            (filled, None) if filled == buffer.len() => Ok(true),
            (_, None) => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it ends within a header")),
        }
    }

    /// Says how many bytes the member at hand has, and to a multiple of what the next header comes.
    pub(super) fn expect(&mut self, size: u64, multiple: u64) {
        self.content_left = size;
        let end = self.position.wrapping_add(size) % multiple;
        self.padding = (multiple - end) % multiple;
    }

    /// Says that the member at hand has all bytes that are left.
    pub(super) fn expect_all(&mut self) {
        (self.content_left, self.padding, self.endless) = (u64::MAX, 0, true);
    }

    /// Takes whatever is left for a member, where that is anything but zeros.
    pub(super) fn rest(&mut self) -> io::Result<Option<Entry>> {
        self.finish_content()?;
        let mut byte = [0; 1];
        while self.header(&mut byte)? {
            if byte != [0] {
                self.position -= 1;
                self.ahead = Some(byte[0]);
                self.expect_all();
                let name = format!("(bytes from {})", self.position);
                return Ok(Some(Entry { name, is_file: true, ..Entry::default() }));
            }
        }
        Ok(None)
    }

    /// At most so many bytes of the member at hand.
    pub(super) fn bytes(&mut self, most: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.content().take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// What is left of the member at hand.
    fn content(&mut self) -> Content<'_, R> {
        Content(self)
    }

    /// Goes to the end of the member at hand.
    pub(super) fn finish_content(&mut self) -> io::Result<()> {
        let left = self.content_left.saturating_add(std::mem::take(&mut self.padding));
        if self.endless {
            self.content_left = 0;
            return io::copy(&mut Ahead(self), &mut io::sink()).map(|_| ());
        }
        self.content_left = 0;
        let end = self.position.saturating_add(left);
        self.position = end;
        skip(&mut Ahead(self), left).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                io::Error::new(error.kind(), format!("it ends within a member, before byte {end}"))
            }
            _ => error,
        })
    }
}

/// A walk's bytes, however far they were looked ahead into.
struct Ahead<'a, R>(&'a mut Walk<R>);

impl<R: Read> Read for Ahead<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match (self.0.ahead.take(), buffer.first_mut()) {
            (Some(byte), Some(place)) => {
                *place = byte;
                Ok(1)
            }
            (ahead, _) => {
                self.0.ahead = ahead;
                self.0.reader.read(buffer)
            }
        }
    }
}

/// The bytes of a member.
struct Content<'a, R>(&'a mut Walk<R>);

impl<R: Read> Read for Content<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let walk = &mut *self.0;
        let wanted = usize::try_from(walk.content_left).unwrap_or(usize::MAX).min(buffer.len());
        let read = Ahead(walk).read(&mut buffer[..wanted])?;
        walk.content_left -= read as u64;
        walk.position += read as u64;
        Ok(read) // an early end is told once, by who goes on to the next header
    }
}

fn names<H: Headers>(opener: Opener) -> Vec<String> {
    let Ok(reader) = opener() else { return Vec::new() };
    let (mut walk, mut headers) = (Walk::new(reader.take(LISTED)), H::default());
    let mut names = Vec::new();
    while let Ok(Some(entry)) = headers.next(&mut walk) {
        if entry.is_file {
            names.push(entry.name);
        }
        if names.len() == NAMES {
            break;
        }
    }
    names
}

fn companion<H: Headers>(opener: Opener, name: &str) -> Option<Arc<[u8]>> {
    let (mut walk, mut headers) = (Walk::new(opener().ok()?.take(LISTED)), H::default());
    loop {
        let entry = headers.next(&mut walk).ok()??;
        if entry.is_file && entry.closed.is_none() && entry.holes.is_none() && entry.name == name {
            let size = walk.content_left;
            let limit = u64::try_from(COMPANION_LIMIT).ok().filter(|limit| size <= *limit)?;
            let bytes = walk.bytes(limit).ok()?;
            return (bytes.len() as u64 == size).then(|| bytes.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(parts: &[(u64, u64)], size: u64, kept: &[u8]) -> Vec<u8> {
        let holes = Holes { parts: parts.to_vec(), size };
        let mut bytes = Vec::new();
        holes.fill(kept).read_to_end(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn holes_are_filled_with_zeros() {
        assert_eq!(filled(&[(2, 3), (6, 1)], 9, b"abcd"), b"\0\0abc\0d\0\0");
        assert_eq!(filled(&[], 3, b""), b"\0\0\0");
        assert_eq!(filled(&[(0, 2)], 2, b"ab"), b"ab");
        // What lies about its parts, or lacks some, shows what it has.
        assert_eq!(filled(&[(0, 2)], 2, b"abcd"), b"abcd");
        assert_eq!(filled(&[(0, 9)], 9, b"abcd"), b"abcd");
        assert_eq!(filled(&[(5, 1), (0, 1)], 6, b"ab"), b"\0\0\0\0\0ab");
    }
}
