//! Members of a zip by their own headers, from the first byte on: where the directory is missing, hides them, or cannot
//! be reached in a stream.

use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Read};
use std::ops::Range;
use std::sync::Arc;

use super::crypt::{Decrypted, LONGEST, Lock};
use super::directory::{END, extra_field, fill_at, text, u16_at, u32_at, u64_at, unknown_fields};
use super::packed::{HEAD, Packing, packing};
use super::{LOCAL, LOCAL_SIZE, locked};
use crate::blob::Alone;
use crate::budget::Reason;
use crate::container::codec::{Codec, Memory, with_codec};
use crate::container::stream::{Checked, Inflate, Metered, Promise, Rewinds, skip};
use crate::container::{Job, Opener, Outcome, Place, Stream, Workspace, broken, gap};
use crate::finding::Secret;
use crate::source::{RangeReader, ReadAt};

/// What may follow the last member: the directory, or what stands before it (4.3.6).
const BEHIND: [&[u8]; 4] = [b"PK\x01\x02", END, b"PK\x06\x06", b"PK\x06\x08"];

/// How a walk over members ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// At the directory.
    Directory,
    /// At the end of the bytes.
    Bytes,
    /// Something was said about it already.
    Told,
}

/// Looks at the members of a zip that cannot be held for the sake of its directory.
pub(in crate::container) fn unpack_stream(
    job: &Job,
    place: Place,
    stream: Stream,
    workspace: &mut Workspace,
) -> Outcome {
    let (outcome, end) = walk(job, place, stream, workspace);
    if end == End::Bytes && !job.spent() { outcome.then(truncated(place)) } else { outcome }
}

/// Looks at the members of a zip without a directory.
pub(super) fn unpack_file(
    job: &Job,
    place: Place,
    source: &Arc<dyn ReadAt>,
    workspace: &mut Workspace,
) -> Outcome {
    let outcome = unpack_range(job, place, source, 0..u64::MAX, workspace);
    outcome.then(truncated(place))
}

/// Looks at the members in a stretch of a zip.
pub(super) fn unpack_range(
    job: &Job,
    place: Place,
    source: &Arc<dyn ReadAt>,
    range: Range<u64>,
    workspace: &mut Workspace,
) -> Outcome {
    let open = || RangeReader::new(source.clone(), range.start, range.end);
    let opener = || Ok(Box::new(open()) as Box<dyn Read>);
    walk(job, place, Stream { reader: &mut open(), opener: &opener }, workspace).0
}

/// Where the first member in a stretch of a zip starts, if there is one.
pub(super) fn find(source: &dyn ReadAt, range: &Range<u64>) -> Option<u64> {
    let mut piece = vec![0; 64 << 10];
    let mut start = range.start;
    while start < range.end {
        let filled = fill_at(source, &mut piece, start).ok()?;
        let bytes = piece.get(..filled)?;
        let begins = |at: &usize| bytes.get(*at..).is_some_and(is_plausible);
        let inside = |at: &usize| start + (*at as u64) < range.end;
        if let Some(at) = memchr::memmem::find_iter(bytes, LOCAL).filter(inside).find(begins) {
            return Some(start + at as u64);
        }
        if filled < piece.len() {
            return None;
        }
        start += (filled - LONGEST_NAME - LOCAL_SIZE as usize) as u64;
    }
    None
}

/// The longest name that a header has that was found by chance.
const LONGEST_NAME: usize = 1024;

/// Whether these bytes are a member's header: programs that unpack hold its first bytes as well.
fn is_plausible(head: &[u8]) -> bool {
    let name = usize::from(u16_at(head, 26));
    let name = head.get(LOCAL_SIZE as usize..).and_then(|rest| rest.get(..name));
    let known = packing(u16_at(head, 8), 0, None).is_some() || matches!(u16_at(head, 8), 1..=6 | 99);
    let version = head.get(4).is_some_and(|version| *version <= 63);
    let named =
        |name: &[u8]| (1..=LONGEST_NAME).contains(&name.len()) && name.iter().all(|byte| *byte >= b' ');
    known && version && name.is_some_and(named)
}

fn truncated(place: Place) -> Outcome {
    gap(place.provenance, Reason::Truncated, "the archive has no directory at its end")
}

fn walk(job: &Job, place: Place, stream: Stream, workspace: &mut Workspace) -> (Outcome, End) {
    let rewinds = Rewinds::default();
    let mut tape = Tape::new(stream.reader);
    let mut outcome = Outcome::default();
    for _ in 0..job.run.visit.budget().members {
        let header = match Header::read(&mut tape) {
            Ok(Next::Member(header)) => header,
            Ok(Next::End(end)) => return (outcome, end),
            Ok(Next::Other) => {
                let other = Unknown { detail: "no member where one should be", reason: Reason::Corrupt };
                return (
                    outcome.then(rest(job, place, &mut tape, stream.opener, &rewinds, other, workspace)),
                    End::Told,
                );
            }
            Err(error) => return (outcome.then(broken(place.provenance, &error)), End::Told),
        };
        let start = tape.position;
        let provenance = &place.provenance.entry(header.name.as_str());
        let package = &Alone;
        let member = Place { provenance, package };
        outcome.add(job.run.named(provenance, workspace));
        outcome.coverage.members += u64::from(!header.is_folder());
        if let Some(texts) = &header.texts {
            let provenance = &provenance.entry("(extra field)");
            outcome.add(job.blob(Place { provenance, package }, texts, workspace));
        }
        match header.shape() {
            _ if header.is_folder() => {}
            Shape::Closed(reason) => outcome.add(gap(provenance, reason, "it cannot be opened")),
            Shape::Endless(reason) => {
                let other = Unknown { detail: "it cannot be opened, nor its end be found", reason };
                return (
                    outcome.then(rest(job, member, &mut tape, stream.opener, &rewinds, other, workspace)),
                    End::Told,
                );
            }
            Shape::Open(packing) => {
                let with = (&header, packing);
                let again = Again { opener: stream.opener, rewinds: &rewinds };
                let work = || content(job, member, with, &mut tape, again, workspace);
                outcome.add(job.run.guarded(provenance, work));
            }
        }
        if job.spent() {
            return (
                outcome.then(gap(place.provenance, job.limit(), "members from here on are left out")),
                End::Told,
            );
        }
        match header.pass(start, &mut tape) {
            Ok(()) => {}
            // The member's own gap, or the archive's, says so.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return (outcome, End::Bytes),
            Err(error) => return (outcome.then(broken(provenance, &error)), End::Told),
        }
    }
    (
        outcome.then(gap(place.provenance, Reason::BudgetMembers, "too many members; the rest is left out")),
        End::Told,
    )
}

fn content(
    job: &Job,
    place: Place,
    (header, packing): (&Header, Packing),
    tape: &mut Tape,
    again: Again,
    workspace: &mut Workspace,
) -> Outcome {
    let Some(password) = header.password(job, tape) else {
        return locked(job, place, header.packed.unwrap_or(0));
    };
    let opened = Opened { header, packing, password };
    match packing {
        Packing::Other(codec) => {
            let head = match password {
                None => tape.peek(HEAD).map(<[u8]>::to_vec).unwrap_or_default(),
                Some(_) => Vec::new(), // no looking ahead through a password: a usual window must do
            };
            with_codec(job, place, codec, &head, |job, memory| {
                plain(job, place, &opened, Some(memory), tape, again, workspace)
            })
        }
        _ => plain(job, place, &opened, None, tape, again, workspace),
    }
}

/// How a walk goes back.
#[derive(Clone, Copy)]
struct Again<'a> {
    opener: Opener<'a>,
    rewinds: &'a Rewinds,
}

fn plain(
    job: &Job,
    place: Place,
    opened: &Opened,
    memory: Option<Memory>,
    tape: &mut Tape,
    again: Again,
    workspace: &mut Workspace,
) -> Outcome {
    let start = tape.position;
    let reopen = || -> io::Result<Box<dyn Read>> {
        let mut reader = (again.opener)()?;
        again.rewinds.skip(&mut reader, start)?;
        opened.plain(BufReader::with_capacity(64 << 10, reader), memory)
    };
    let plain = match opened.plain(tape, memory) {
        Ok(plain) => plain,
        Err(error) => return broken(place.provenance, &error),
    };
    let cut = Cell::new(false);
    let mut reader = Metered::new(plain, job.allowance, &cut);
    let stream = Stream { reader: &mut reader, opener: &reopen };
    let mut outcome = job.stream(place, stream, workspace);
    if !job.spent()
        && let Err(error) = io::copy(&mut reader, &mut io::sink())
    {
        outcome.add(broken(place.provenance, &error)); // told already only if the visitor read on to it
    }
    if cut.get() { outcome.then(job.spent_gap(place.provenance)) } else { outcome }
}

/// What was met instead of a member.
struct Unknown {
    detail: &'static str,
    reason: Reason,
}

/// Looks at all that is left as it is.
fn rest(
    job: &Job,
    place: Place,
    tape: &mut Tape,
    opener: Opener,
    rewinds: &Rewinds,
    unknown: Unknown,
    workspace: &mut Workspace,
) -> Outcome {
    let start = tape.position;
    let reopen = || -> io::Result<Box<dyn Read>> {
        let mut reader = opener()?;
        rewinds.skip(&mut reader, start)?;
        Ok(reader)
    };
    let provenance = &place.provenance.entry(format!("(bytes from {start})"));
    let stream = Stream { reader: tape, opener: &reopen };
    let outcome = job.windows(Place { provenance, ..place }, stream, workspace);
    gap(place.provenance, unknown.reason, unknown.detail).then(outcome)
}

/// What stands at a place where a member may.
enum Next {
    Member(Header),
    End(End),
    Other,
}

/// A member's own header (4.3.7).
struct Header {
    name: String,
    /// Extra fields that may hold text.
    texts: Option<Vec<u8>>,
    method: u16,
    flags: u16,
    lock: Option<Lock>,
    /// Compressed bytes, where the header knows.
    packed: Option<u64>,
    promise: Option<Promise>,
}

/// What can be done with a member.
enum Shape {
    Open(Packing),
    /// Passed over.
    Closed(Reason),
    /// Neither opened nor passed over.
    Endless(Reason),
}

impl Header {
    fn read(tape: &mut Tape) -> io::Result<Next> {
        let head = tape.peek(LOCAL_SIZE as usize)?;
        if !head.starts_with(LOCAL) {
            return Ok(if head.is_empty() {
                Next::End(End::Bytes)
            } else if BEHIND.iter().any(|behind| head.starts_with(behind)) {
                Next::End(End::Directory)
            } else {
                Next::Other
            });
        }
        let ends = || io::Error::new(io::ErrorKind::UnexpectedEof, "it ends within a header");
        let (name_size, extra_size) = (usize::from(u16_at(head, 26)), usize::from(u16_at(head, 28)));
        let size = LOCAL_SIZE as usize + name_size + extra_size;
        let head = tape.peek(size)?;
        let (Some(name), Some(extra)) = (head.get(30..30 + name_size), head.get(30 + name_size..size)) else {
            return Err(ends());
        };
        let header = Self::parse(head, name, extra);
        tape.consume(size);
        Ok(Next::Member(header))
    }

    fn parse(head: &[u8], name: &[u8], extra: &[u8]) -> Self {
        let flags = u16_at(head, 6);
        let (mut packed, mut size) = (u64::from(u32_at(head, 18)), u64::from(u32_at(head, 22)));
        if let Some(field) = extra_field(extra, 1).filter(|field| field.len() >= 16) {
            (size, packed) = (u64_at(field, 0), u64_at(field, 8));
        }
        let known = flags & 8 == 0; // else it stands in a descriptor behind the member
        let (crc, time) = (u32_at(head, 14), u16_at(head, 10));
        let (lock, method) = Lock::of(flags, u16_at(head, 8), crc, time, extra);
        let has_crc = lock.is_none_or(Lock::has_crc);
        Self {
            name: text(name),
            texts: unknown_fields(extra),
            method,
            flags,
            lock,
            packed: (known || packed > 0).then_some(packed),
            promise: known.then_some(Promise { size, crc: has_crc.then_some(crc) }),
        }
    }

    fn is_folder(&self) -> bool {
        self.name.ends_with('/') && self.promise.is_some_and(|promise| promise.size == 0)
    }

    fn shape(&self) -> Shape {
        let packing = packing(self.method, self.flags, self.promise.map(|promise| promise.size));
        let knows_its_end = match packing {
            Some(Packing::Stored) | None => false,
            Some(Packing::Deflate) => true,
            // These readers look ahead.
            Some(Packing::Other(Codec::ZipLzma(_) | Codec::Xz | Codec::ZipPpmd | Codec::Zstd)) => false,
            Some(Packing::Other(Codec::Deflate64 | Codec::Bzip2)) => true,
        } && self.lock.is_none();
        let reason = if self.lock.is_some() { Reason::Encrypted } else { Reason::Unsupported };
        match packing {
            Some(packing) if self.packed.is_some() || knows_its_end => Shape::Open(packing),
            None if self.packed.is_some() => Shape::Closed(Reason::Unsupported),
            _ => Shape::Endless(reason),
        }
    }

    /// The password of a member: none where it needs none, and nothing where none fits.
    fn password<'a>(&self, job: &Job<'a>, tape: &mut Tape) -> Option<Option<(Lock, &'a Secret)>> {
        let Some(lock) = self.lock else {
            return Some(None);
        };
        let head = tape.peek(LONGEST).ok()?;
        let fits = |password: &&Secret| lock.key(head, password.expose()).is_some();
        job.run.passwords.iter().find(fits).map(|password| Some((lock, password)))
    }

    /// Goes to what follows the member that starts at a place, however much of it was read.
    fn pass(&self, start: u64, tape: &mut Tape) -> io::Result<()> {
        if let Some(packed) = self.packed {
            let left = start.saturating_add(packed).saturating_sub(tape.position);
            skip(tape, left)?;
        }
        if self.promise.is_none() {
            tape.pass_descriptor()?;
        }
        Ok(())
    }
}

/// A member that can be opened.
struct Opened<'a> {
    header: &'a Header,
    packing: Packing,
    password: Option<(Lock, &'a Secret)>,
}

impl Opened<'_> {
    /// What is packed in the bytes from here on.
    fn plain<'a>(
        &self,
        reader: impl BufRead + 'a, // not read beyond the end of what is packed
        memory: Option<Memory>,
    ) -> io::Result<Box<dyn Read + 'a>> {
        let mut packed = reader.take(self.header.packed.unwrap_or(u64::MAX));
        let decrypted: Box<dyn BufRead + 'a> = match self.password {
            None => Box::new(packed),
            Some((lock, password)) => {
                let (before, behind) = lock.around();
                let mut head = Vec::new();
                (&mut packed).take(before).read_to_end(&mut head)?;
                let key = lock.key(&head, password.expose()).ok_or(io::ErrorKind::UnexpectedEof)?;
                let length = packed.limit().saturating_sub(behind);
                Box::new(BufReader::new(Decrypted::new(packed, key, length)))
            }
        };
        let plain: Box<dyn Read + 'a> = match self.packing {
            Packing::Stored => Box::new(decrypted),
            Packing::Deflate => Box::new(Inflate::new(decrypted)),
            Packing::Other(codec) => memory.unwrap_or_default().open(codec, decrypted),
        };
        Ok(match self.header.promise {
            Some(promise) => Box::new(Checked::new(plain, promise)),
            None => plain,
        })
    }
}

/// A stream that can be looked ahead into, and knows how far it is.
struct Tape<'a> {
    reader: &'a mut dyn Read,
    bytes: Vec<u8>,
    /// What of `bytes` is neither used nor still to be filled.
    used: usize,
    filled: usize,
    position: u64,
}

impl<'a> Tape<'a> {
    /// Longer than the longest header: name and extra field have 64 KiB each at most.
    const SIZE: usize = 192 << 10;

    fn new(reader: &'a mut dyn Read) -> Self {
        Self { reader, bytes: vec![0; Self::SIZE], used: 0, filled: 0, position: 0 }
    }

    /// The next bytes, fewer than asked for only at the end.
    fn peek(&mut self, size: usize) -> io::Result<&[u8]> {
        if self.used + size > self.bytes.len() {
            self.bytes.copy_within(self.used..self.filled, 0);
            self.filled -= self.used;
            self.used = 0;
        }
        while self.filled - self.used < size {
            match self.reader.read(&mut self.bytes[self.filled..]) {
                Ok(0) => break,
                Ok(read) => self.filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(&self.bytes[self.used..self.filled.min(self.used + size)])
    }

    /// Passes over a descriptor (4.3.9): with its signature or without, with sizes of four bytes or of eight. What
    /// comes behind it tells.
    fn pass_descriptor(&mut self) -> io::Result<()> {
        let head = self.peek(24 + 4)?;
        let signed = head.starts_with(b"PK\x07\x08");
        let sizes = if signed { [16, 24] } else { [12, 20] };
        let follows = |size: &&usize| head.get(**size..).is_some_and(|rest| rest.starts_with(b"PK"));
        let size = sizes.iter().find(follows).unwrap_or(&sizes[0]);
        let size = (*size).min(head.len());
        self.consume(size);
        Ok(())
    }
}

impl BufRead for Tape<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.used == self.filled {
            (self.used, self.filled) = (0, 0);
            self.filled = self.reader.read(&mut self.bytes)?;
        }
        Ok(&self.bytes[self.used..self.filled])
    }

    fn consume(&mut self, size: usize) {
        let size = size.min(self.filled - self.used);
        self.used += size;
        self.position += size as u64;
    }
}

impl Read for Tape<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}
