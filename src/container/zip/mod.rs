//! Zip: members by the directory at the end, or by their own headers where there is no directory or no reaching it
//! (APPNOTE.TXT 6.3.10). Stored and deflated members are opened; others are gaps.
//!
//! Bytes that belong to no member are looked at too: what stands before the archive, between members, in comments.

mod directory;
mod local;

use std::cell::Cell;
use std::io::{self, BufReader, Read};
use std::ops::Range;
use std::sync::Arc;

use flate2::{Decompress, FlushDecompress, Status};
use rayon::prelude::*;

use self::directory::{Directory, END, END_SIZE, END64, END64_RECORDS, fill_at, slice, u16_at};
use super::companions::{self, Companions, NAMES};
use super::stream::{Checked, Inflate, Metered, Promise};
use super::{Job, Outcome, Place, SMALL, Stream, Workspace, documents, gap, gap_of};
use crate::blob::{COMPANION_LIMIT, Provenance};
use crate::budget::{Gap, Reason};
use crate::source::{RangeReader, ReadAt};

pub(super) use self::local::unpack_stream;

/// The signature of a member's own header, and the fixed part of it in bytes.
const LOCAL: &[u8] = b"PK\x03\x04";
const LOCAL_SIZE: u64 = 30;

const STORED: u16 = 0;
const DEFLATED: u16 = 8;

/// Compressed bytes that make a task for a thread.
const GROUP: u64 = 256 << 10;

/// The largest descriptor behind a member: a signature, a checksum and two sizes of Zip64.
const DESCRIPTOR: u64 = 24;

/// Whether bytes begin as a zip does, an empty one included.
pub(super) fn begins(head: &[u8]) -> bool {
    head.starts_with(LOCAL) || head.starts_with(END)
}

/// Whether bytes end as a zip without a comment does: other things may stand before an archive.
pub(super) fn ends(bytes: &[u8]) -> bool {
    let end = bytes.last_chunk::<{ END_SIZE as usize }>();
    end.is_some_and(|end| end.starts_with(END) && end.ends_with(&[0, 0]))
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
    let archive = Archive { place, source, directory };
    let list = || archive.names();
    let read = |name: &str| archive.companion(name);
    Ok(work(Some(&archive), &Companions::new(&list, &read)))
}

/// A zip with a directory.
struct Archive<'a> {
    place: Place<'a>,
    source: &'a Arc<dyn ReadAt>,
    directory: Directory,
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
                outcome.add(gap(self.place.provenance, job.limit, detail));
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
            let provenance = &place.provenance.entry("(comment)");
            outcome.add(job.blob(Place { provenance, ..place }, comment.as_bytes(), workspace));
        }
        outcome.coverage.members += u64::from(!member.is_folder());
        let (end, content) = match self.data_start(member, &mut hands.packed) {
            Ok(Some(data)) => {
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

    /// Where a member's bytes start, by its own header; `None` if there is no header.
    fn data_start(&self, member: &directory::Member, window: &mut Window) -> io::Result<Option<u64>> {
        let header = window.get(self.source.as_ref(), member.start, LOCAL_SIZE)?;
        if header.len() < LOCAL_SIZE as usize || !header.starts_with(LOCAL) {
            return Ok(None);
        }
        let lengths = u64::from(u16_at(header, 26)) + u64::from(u16_at(header, 28));
        Ok(Some(member.start + LOCAL_SIZE + lengths))
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
        if let Some(reason) = closed(member) {
            return gap_of(reason(place.provenance).sized(member.packed));
        }
        if member.size >= SMALL as u64 || member.packed >= SMALL as u64 {
            return self.large(job, place, member, data, workspace);
        }
        if !job.allowance.take(member.size) {
            return job.spent_gap(place.provenance);
        }
        let packed = match hands.packed.get(self.source.as_ref(), data, member.packed) {
            Ok(packed) => packed,
            Err(error) => return gap(place.provenance, Reason::Unreadable, error.to_string()),
        };
        if member.method == STORED {
            let outcome = job.whole(place, packed, workspace);
            return outcome.then(verdict(place, member, packed, packed.len() as u64 == member.packed));
        }
        // One byte more than there should be, so that a longer member is noticed.
        let Some(room) = hands.plain.get_mut(..=member.size as usize) else {
            return self.large(job, place, member, data, workspace);
        };
        let inflated = inflate(&mut workspace.inflater, packed, room);
        if inflated.written > member.size as usize {
            // It lied about its size; what it has is looked at all the same.
            return self.large(job, place, member, data, workspace);
        }
        let plain = &room[..inflated.written];
        let outcome = job.whole(place, plain, workspace);
        outcome.then(verdict(place, member, plain, inflated.ended))
    }

    /// Looks at a member as a stream.
    fn large(
        &self,
        job: &Job,
        place: Place,
        member: &directory::Member,
        data: u64,
        workspace: &mut Workspace,
    ) -> Outcome {
        let open = || self.open(member, data);
        let cut = Cell::new(false);
        let promise = Promise { size: member.size, crc: member.crc };
        let mut reader = Metered::new(Checked::new(open(), promise), job.allowance, &cut);
        let opener = || Ok(open());
        let stream = Stream { reader: &mut reader, opener: &opener };
        let outcome = job.stream(place, stream, workspace);
        if cut.get() { outcome.then(job.spent_gap(place.provenance)) } else { outcome }
    }

    fn open(&self, member: &directory::Member, data: u64) -> Box<dyn Read> {
        let packed = RangeReader::new(self.source.clone(), data, data.saturating_add(member.packed));
        if member.method == STORED {
            Box::new(packed)
        } else {
            Box::new(Inflate::new(BufReader::with_capacity(64 << 10, packed)))
        }
    }

    /// Looks at bytes between members: at members that the directory hides, else as they are. Of the descriptor that
    /// may stand behind a member nothing is worth a look.
    fn hole(&self, job: &Job, range: Range<u64>, workspace: &mut Workspace) -> Outcome {
        if range.end.saturating_sub(range.start) <= DESCRIPTOR {
            return Outcome::default();
        }
        let mut head = [0; DESCRIPTOR as usize + 4];
        let read = fill_at(self.source.as_ref(), &mut head, range.start).unwrap_or(0);
        match memchr::memmem::find(&head[..read], LOCAL) {
            Some(at) => {
                let hidden = range.start + at as u64..range.end;
                local::unpack_range(job, self.place, self.source, hidden, workspace)
            }
            None if head.starts_with(END64) && range.end - range.start <= END64_RECORDS => Outcome::default(),
            None => self.raw(job, range, workspace),
        }
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
        if closed(member).is_some() || member.size > COMPANION_LIMIT as u64 {
            return None;
        }
        let mut window = Window::new(vec![0; LOCAL_SIZE as usize]);
        let data = self.data_start(member, &mut window).ok()??;
        let mut bytes = Vec::new();
        self.open(member, data).take(COMPANION_LIMIT as u64 + 1).read_to_end(&mut bytes).ok()?;
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

/// Why a member cannot be opened, if it cannot.
fn closed(member: &directory::Member) -> Option<impl FnOnce(&Provenance) -> Gap> {
    let (reason, detail) = if member.encrypted {
        (Reason::Encrypted, "a password is needed".to_owned())
    } else if !matches!(member.method, STORED | DEFLATED) {
        (Reason::Unsupported, format!("compression method {}", member.method))
    } else {
        return None;
    };
    Some(move |provenance: &Provenance| Gap::new(provenance, reason, detail))
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
