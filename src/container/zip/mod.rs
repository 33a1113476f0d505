//! Zip: members by the directory at the end, or by their own headers where there is no directory or no reaching it
//! (APPNOTE.TXT 6.3.10). What is under a password is opened if one of the run's passwords fits.
//!
//! Bytes that belong to no member are looked at too: what stands before the archive, between members, in comments and in
//! extra fields.

mod crypt;
mod directory;
mod local;
mod packed;
mod rewrite;

use std::cell::Cell;
use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use flate2::{Decompress, FlushDecompress, Status};
use rayon::prelude::*;

use self::directory::{Directory, END, END_SIZE, END64, END64_RECORDS, fill_at, slice, u16_at};
use self::packed::{Packed, Packing, packing};
use super::companions::{self, Companions, NAMES};
use super::stream::Metered;
use super::{Job, Outcome, Place, SMALL, Stream, Workspace, broken, documents, gap, gap_of};
use crate::blob::COMPANION_LIMIT;
use crate::budget::{Gap, Reason};
use crate::source::{RangeReader, ReadAt};

pub(super) use self::local::unpack_stream;
pub(crate) use self::rewrite::Rewriting;

/// The signature of a member's own header, and the fixed part of it in bytes.
const LOCAL: &[u8] = b"PK\x03\x04";
const LOCAL_SIZE: u64 = 30;

/// Compressed bytes that make a task for a thread.
const GROUP: u64 = 256 << 10;

/// The largest descriptor behind a member: a signature, a checksum and two sizes of Zip64.
const DESCRIPTOR: u64 = 24;

/// Whether bytes begin as a zip does, an empty one included.
pub(super) fn begins(head: &[u8]) -> bool {
    head.starts_with(LOCAL) || head.starts_with(END)
}

/// Whether bytes end as a zip does: other things may stand before an archive. Behind what looks like text only a short
/// comment is looked for, so that text costs nothing.
pub(super) fn ends(bytes: &[u8]) -> bool {
    let head = bytes.get(..512).unwrap_or(bytes);
    let is_text = memchr::memchr(0, head).is_none();
    let comment = if is_text { 1024 } else { 0xffff };
    let tail = bytes.len().saturating_sub(END_SIZE as usize + comment);
    let tail = bytes.get(tail..).unwrap_or_default();
    memchr::memrchr_iter(6, tail).any(|last| {
        let record = last.checked_sub(3).and_then(|at| tail.get(at..));
        let fits = |record: &[u8]| {
            record.starts_with(END) && record.len() == END_SIZE as usize + usize::from(u16_at(record, 20))
        };
        record.is_some_and(fits)
    })
}

/// Whether there is a directory at the end of a file.
pub(super) fn has_directory(source: &dyn ReadAt) -> bool {
    directory::has_end(source).unwrap_or(false)
}

/// Looks at the members in the order of the directory.
pub(super) fn unpack(
    job: &Job,
    place: Place,
    source: &Arc<dyn ReadAt>,
    workspace: &mut Workspace,
) -> Outcome {
    let unpacked = with_archive(job, place, source, |archive, companions| match archive {
        None => local::unpack_file(job, place, source, workspace),
        Some(archive) => {
            let outcome = archive.before(job, workspace);
            let outcome = outcome.then(archive.members(job, companions, 0..archive.len(), workspace));
            let outcome = outcome.then_unseen(archive.tables(job, companions, workspace));
            outcome.then(archive.after(job, workspace))
        }
    });
    unpacked.unwrap_or_else(|error| gap(place.provenance, Reason::Unreadable, error.to_string()))
}

/// The same by all threads, if there is work for more than one. The outcome is the same unless the input's allowance is
/// used up.
pub(super) fn unpack_parallel(job: &Job, place: Place, source: &Arc<dyn ReadAt>) -> Option<Outcome> {
    let workspaces = job.run.workspaces;
    with_archive(job, place, source, |archive, companions| {
        let archive = archive?;
        let groups = archive.groups();
        if groups.len() < 2 {
            return None;
        }
        let group = |group: Range<usize>| {
            workspaces.with(|workspace| archive.members(job, companions, group, workspace))
        };
        let before = workspaces.with(|workspace| archive.before(job, workspace));
        let members = groups.into_par_iter().map(group).reduce(Outcome::default, Outcome::then);
        let tables = workspaces.with(|workspace| archive.tables(job, companions, workspace));
        let after = workspaces.with(|workspace| archive.after(job, workspace));
        Some(before.then(members).then_unseen(tables).then(after))
    })
    .ok()?
}

/// Reads the directory, and gives it with its members as a package.
fn with_archive<T>(
    job: &Job,
    place: Place,
    source: &Arc<dyn ReadAt>,
    work: impl FnOnce(Option<&Archive>, &Companions) -> T,
) -> io::Result<T> {
    let Some(directory) = directory::read(source.as_ref(), job.run.visit.budget().members)? else {
        let companions = Companions::new(&Vec::new, &|_| None);
        return Ok(work(None, &companions));
    };
    let archive = Archive { place, source, directory, password: AtomicUsize::new(0) };
    let list = || archive.names();
    let read = |name: &str| archive.companion(name);
    Ok(work(Some(&archive), &Companions::new(&list, &read)))
}

/// A zip with a directory.
struct Archive<'a> {
    place: Place<'a>,
    source: &'a Arc<dyn ReadAt>,
    directory: Directory,
    /// Which password opened the last member.
    password: AtomicUsize,
}

/// A member's own header.
struct Own {
    /// Where its packed bytes start.
    data: u64,
    /// What stands in it that may be text and does not stand in the directory.
    texts: Option<Vec<u8>>,
}

/// What one thread has at hand while it goes through members.
struct Hands {
    /// Compressed bytes as they stand in the archive.
    packed: Window,
    /// A member's bytes.
    plain: Vec<u8>,
}

impl Archive<'_> {
    fn len(&self) -> usize {
        self.directory.members.len()
    }

    /// Members one after the other in tasks of about [`GROUP`] bytes.
    fn groups(&self) -> Vec<Range<usize>> {
        let mut groups = Vec::new();
        let (mut start, mut bytes) = (0, 0);
        for (index, member) in self.directory.members.iter().enumerate() {
            bytes += member.packed.min(GROUP) + 1024; // a member costs something however small it is
            if bytes >= GROUP {
                groups.push(start..index + 1);
                (start, bytes) = (index + 1, 0);
            }
        }
        if start < self.len() {
            groups.push(start..self.len());
        }
        groups
    }

    /// Looks at what stands before the first member.
    fn before(&self, job: &Job, workspace: &mut Workspace) -> Outcome {
        let first = self.directory.members.iter().map(|member| member.start).min();
        let known = self.directory.left_out == 0; // else it may well be members that are left out
        match first {
            Some(first) if known => self.hole(job, 0..first.min(self.directory.start), workspace),
            Some(_) => Outcome::default(),
            None => self.hole(job, 0..self.directory.start, workspace),
        }
    }

    /// Looks at what stands behind the directory, the archive's comment above all, and accounts for the rest.
    fn after(&self, job: &Job, workspace: &mut Workspace) -> Outcome {
        let Directory { left_out, broken, .. } = self.directory;
        let mut outcome = Outcome::default();
        if left_out > 0 {
            let detail = format!("too many members; {left_out} or more are left out");
            return gap(self.place.provenance, Reason::BudgetMembers, detail);
        }
        if broken {
            outcome.add(gap(self.place.provenance, Reason::Corrupt, "the directory breaks off"));
        }
        if job.spent() {
            return outcome;
        }
        let Directory { end, record, .. } = self.directory;
        outcome.add(self.hole(job, end..record, workspace));
        let comment = record.saturating_add(END_SIZE)..self.source.size();
        if comment.is_empty() { outcome } else { outcome.then(self.raw(job, comment, workspace)) }
    }

    fn members(
        &self,
        job: &Job,
        companions: &Companions,
        range: Range<usize>,
        workspace: &mut Workspace,
    ) -> Outcome {
        let mut hands = Hands { packed: Window::new(workspace.buffer()), plain: workspace.buffer() };
        let mut provenance = self.place.provenance.entry("");
        let mut outcome = Outcome::default();
        for index in range.clone() {
            let Some(member) = self.directory.members.get(index) else {
                break;
            };
            if job.spent() {
                let detail = format!("{} members from here on are left out", range.end - index);
                outcome.add(gap(self.place.provenance, job.limit(), detail));
                break;
            }
            if let Some(name) = provenance.entries.last_mut() {
                name.clone_from(&member.name);
            }
            let package = &companions::Member { companions, name: &member.name };
            let place = Place { provenance: &provenance, package };
            let work = || self.member(job, place, member, &mut hands, workspace);
            outcome.add(job.run.guarded(&provenance, work));
        }
        workspace.give_back(hands.packed.bytes);
        workspace.give_back(hands.plain);
        outcome
    }

    /// Looks at the sheets of a workbook once more as tables, where values have names.
    fn tables(&self, job: &Job, companions: &Companions, workspace: &mut Workspace) -> Outcome {
        let is_part = |name: &str| name == "xl/workbook.xml" || name == "content.xml";
        if !self.directory.members.iter().any(|member| is_part(&member.name)) || job.spent() {
            return Outcome::default();
        }
        documents::tables(job, self.place, &companions::Member { companions, name: "" }, workspace)
    }

    fn member(
        &self,
        job: &Job,
        place: Place,
        member: &directory::Member,
        hands: &mut Hands,
        workspace: &mut Workspace,
    ) -> Outcome {
        let mut outcome = job.run.named(place.provenance, workspace);
        if let Some(comment) = &member.comment {
            outcome.add(self.text(job, place, "(comment)", comment.as_bytes(), workspace));
        }
        if let Some(texts) = &member.texts {
            outcome.add(self.text(job, place, "(extra field)", texts, workspace));
        }
        outcome.coverage.members += u64::from(!member.is_folder());
        let (end, content) = match self.own(member, &mut hands.packed) {
            Ok(Some(Own { data, texts })) => {
                if let Some(texts) = texts {
                    outcome.add(self.text(job, place, "(header)", &texts, workspace));
                }
                let end = data.saturating_add(member.packed);
                (end, self.content(job, place, member, data, hands, workspace))
            }
            Ok(None) => {
                let detail = "it is not where the directory says";
                (member.start, gap(place.provenance, Reason::Corrupt, detail))
            }
            Err(error) => (u64::MAX, gap(place.provenance, Reason::Unreadable, error.to_string())),
        };
        outcome.add(content);
        match member.next {
            Some(next) if !job.spent() => outcome.then(self.hole(job, end..next, workspace)),
            _ => outcome,
        }
    }

    fn text(&self, job: &Job, place: Place, name: &str, text: &[u8], workspace: &mut Workspace) -> Outcome {
        let provenance = &place.provenance.entry(name);
        job.blob(Place { provenance, ..place }, text, workspace)
    }

    /// Reads a member's own header; `None` if there is none.
    fn own(&self, member: &directory::Member, window: &mut Window) -> io::Result<Option<Own>> {
        let fixed = window.get(self.source.as_ref(), member.start, LOCAL_SIZE)?;
        if fixed.len() < LOCAL_SIZE as usize || !fixed.starts_with(LOCAL) {
            return Ok(None);
        }
        let (name, extra) = (u64::from(u16_at(fixed, 26)), u64::from(u16_at(fixed, 28)));
        let data = member.start + LOCAL_SIZE + name + extra;
        let variable = window.get(self.source.as_ref(), member.start + LOCAL_SIZE, name + extra)?;
        let (name, extra) = variable.split_at_checked(name as usize).unwrap_or((variable, &[]));
        let mut texts = directory::unknown_fields(extra);
        if texts.as_deref() == member.texts.as_deref() {
            texts = None;
        }
        if name != member.name.as_bytes() && directory::text(name) != *member.name {
            texts.get_or_insert_default().splice(..0, [name, b"\n"].concat());
        }
        Ok(Some(Own { data, texts }))
    }

    fn content(
        &self,
        job: &Job,
        place: Place,
        member: &directory::Member,
        data: u64,
        hands: &mut Hands,
        workspace: &mut Workspace,
    ) -> Outcome {
        if member.is_folder() {
            return Outcome::default();
        }
        let Some(packed) = self.packed(member, data) else {
            let detail = format!("compression method {}", member.method);
            return gap_of(Gap::new(place.provenance, Reason::Unsupported, detail).sized(member.packed));
        };
        if let Some(lock) = member.lock {
            return match packed.unlock(lock, job.run.passwords, &self.password) {
                Some(packed) => self.large(job, place, packed, workspace),
                None => locked(job, place, member.packed),
            };
        }
        let large = member.size >= SMALL as u64 || member.packed >= SMALL as u64;
        if large || matches!(packed.packing, Packing::Other(_)) {
            return self.large(job, place, packed, workspace);
        }
        self.small(job, place, packed, hands, workspace)
    }

    /// Looks at a member that is stored or deflated and fits the buffers.
    fn small(
        &self,
        job: &Job,
        place: Place,
        packed: Packed,
        hands: &mut Hands,
        workspace: &mut Workspace,
    ) -> Outcome {
        let member = packed.member;
        if !job.allowance.take(member.size) {
            return job.spent_gap(place.provenance);
        }
        let bytes = match hands.packed.get(self.source.as_ref(), packed.data, member.packed) {
            Ok(bytes) => bytes,
            Err(error) => return gap(place.provenance, Reason::Unreadable, error.to_string()),
        };
        if packed.packing == Packing::Stored {
            let outcome = job.whole(place, bytes, workspace);
            return outcome.then(verdict(place, member, bytes, bytes.len() as u64 == member.packed));
        }
        // One byte more than there should be, so that a longer member is noticed.
        let Some(room) = hands.plain.get_mut(..=member.size as usize) else {
            return self.large(job, place, packed, workspace);
        };
        let inflated = inflate(&mut workspace.inflater, bytes, room);
        if inflated.written > member.size as usize {
            // It lied about its size; what it has is looked at all the same.
            return self.large(job, place, packed, workspace);
        }
        let plain = &room[..inflated.written];
        let outcome = job.whole(place, plain, workspace);
        outcome.then(verdict(place, member, plain, inflated.ended))
    }

    /// Looks at a member as a stream.
    fn large(&self, job: &Job, place: Place, packed: Packed, workspace: &mut Workspace) -> Outcome {
        packed.with_memory(job, place, |job, memory| {
            let reader = match packed.open(memory) {
                Ok(reader) => reader,
                Err(error) => return broken(place.provenance, &error),
            };
            let opener = || packed.open(memory);
            let cut = Cell::new(false);
            let mut reader = Metered::new(reader, job.allowance, &cut);
            let stream = Stream { reader: &mut reader, opener: &opener };
            let outcome = job.stream(place, stream, workspace);
            if cut.get() { outcome.then(job.spent_gap(place.provenance)) } else { outcome }
        })
    }

    fn packed<'b>(&'b self, member: &'b directory::Member, data: u64) -> Option<Packed<'b>> {
        let packing = packing(member.method, member.flags, Some(member.size))?;
        Some(Packed { source: self.source, member, data, packing, unlocked: None })
    }

    /// Looks at bytes between members: at members that the directory hides, else as they are. Of the descriptor that
    /// may stand behind a member nothing is worth a look.
    fn hole(&self, job: &Job, range: Range<u64>, workspace: &mut Workspace) -> Outcome {
        if range.end.saturating_sub(range.start) <= DESCRIPTOR {
            return Outcome::default();
        }
        match local::find(self.source.as_ref(), &range) {
            Some(at) => {
                let before = range.start..at;
                let outcome = match at - range.start {
                    0..=DESCRIPTOR => Outcome::default(),
                    _ => self.raw(job, before, workspace),
                };
                outcome.then(local::unpack_range(job, self.place, self.source, at..range.end, workspace))
            }
            None if self.is_record(&range) => Outcome::default(),
            None => self.raw(job, range, workspace),
        }
    }

    /// Whether a stretch is nothing but the end records of a large archive.
    fn is_record(&self, range: &Range<u64>) -> bool {
        let mut head = [0; 4];
        let filled = fill_at(self.source.as_ref(), &mut head, range.start);
        filled.is_ok() && head == END64 && range.end - range.start <= END64_RECORDS
    }

    fn raw(&self, job: &Job, range: Range<u64>, workspace: &mut Workspace) -> Outcome {
        raw(job, self.place, self.source, range, workspace)
    }

    fn names(&self) -> Vec<String> {
        let files = self.directory.members.iter().filter(|member| !member.is_folder());
        files.take(NAMES).map(|member| member.name.to_string()).collect()
    }

    fn companion(&self, name: &str) -> Option<Arc<[u8]>> {
        let member = self.directory.members.iter().find(|member| &*member.name == name)?;
        if member.lock.is_some() || member.size > COMPANION_LIMIT as u64 {
            return None;
        }
        let mut window = Window::new(vec![0; LOCAL_SIZE as usize + (128 << 10)]);
        let own = self.own(member, &mut window).ok()??;
        let packed = self.packed(member, own.data).filter(Packed::is_common)?;
        let mut bytes = Vec::new();
        packed.open(None).ok()?.take(COMPANION_LIMIT as u64 + 1).read_to_end(&mut bytes).ok()?;
        (bytes.len() <= COMPANION_LIMIT).then(|| bytes.into())
    }
}

/// Looks at a stretch of an archive that is no member.
fn raw(
    job: &Job,
    place: Place,
    source: &Arc<dyn ReadAt>,
    range: Range<u64>,
    workspace: &mut Workspace,
) -> Outcome {
    let provenance = &place.provenance.entry(format!("(bytes {} to {})", range.start, range.end));
    let open = || Box::new(RangeReader::new(source.clone(), range.start, range.end)) as Box<dyn Read>;
    let opener = || Ok(open());
    let stream = Stream { reader: &mut open(), opener: &opener };
    job.stream(Place { provenance, ..place }, stream, workspace)
}

/// Says that a member stays closed.
fn locked(job: &Job, place: Place, packed: u64) -> Outcome {
    let detail = if job.run.passwords.is_empty() { "a password is needed" } else { "no password fits" };
    gap_of(Gap::new(place.provenance, Reason::Encrypted, detail).sized(packed))
}

/// Holds a member that was opened whole against what the directory says.
fn verdict(place: Place, member: &directory::Member, plain: &[u8], ended: bool) -> Outcome {
    let corrupt = |detail| gap(place.provenance, Reason::Corrupt, detail);
    if !ended {
        corrupt("its bytes end too early, or are no deflate stream")
    } else if plain.len() as u64 != member.size {
        corrupt("not the size that the archive gives")
    } else if crc32fast::hash(plain) != member.crc {
        corrupt("the checksum is wrong")
    } else {
        Outcome::default()
    }
}

struct Inflated {
    written: usize,
    ended: bool,
}

/// Inflates what fits.
fn inflate(state: &mut Option<Decompress>, packed: &[u8], plain: &mut [u8]) -> Inflated {
    let state = state.get_or_insert_with(|| Decompress::new(false));
    state.reset(false);
    let status = state.decompress(packed, plain, FlushDecompress::Finish);
    Inflated { written: state.total_out() as usize, ended: matches!(status, Ok(Status::StreamEnd)) }
}

/// A stretch of the archive, read in passing: members mostly follow each other.
struct Window {
    bytes: Vec<u8>,
    start: u64,
    filled: usize,
}

impl Window {
    /// What is read at once, unless more is asked for.
    const AHEAD: u64 = 256 << 10;

    fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, start: 0, filled: 0 }
    }

    /// Some bytes, at most as many as the buffer holds; fewer than asked for only at the end of the file.
    fn get<'a>(&'a mut self, source: &'a dyn ReadAt, at: u64, size: u64) -> io::Result<&'a [u8]> {
        if let Some(bytes) = source.bytes() {
            return Ok(slice(bytes, at, size));
        }
        let end = self.start + self.filled as u64;
        if at < self.start || at.saturating_add(size) > end {
            let wanted = size.max(Self::AHEAD).min(self.bytes.len() as u64) as usize;
            self.filled = 0;
            self.filled = fill_at(source, &mut self.bytes[..wanted], at)?;
            self.start = at;
        }
        Ok(slice(&self.bytes[..self.filled], at - self.start, size))
    }
}
