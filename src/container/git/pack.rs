//! A pack: objects one behind the other, many of them as a delta against another one, which stands at some distance before
//! it or is told by its id. Nothing tells where the next one begins but the end of the one before it.

use std::cell::Cell;
use std::collections::{HashMap, VecDeque};
use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;

use sha1::{Digest, Sha1};
use sha2::Sha256;

use super::super::stream::{Inflate, Metered};
use super::super::{Job, Outcome, Place, Stream, Workspace, broken, gap};
use super::delta;
use crate::blob::Alone;
use crate::budget::Reason;
use crate::source::{RangeReader, ReadAt};

/// Deltas upon deltas that are followed; git's own limit.
const CHAIN: usize = 4095;

/// What may be inflated and put together once more for the sake of bases that were forgotten, in bytes: at least, and as a
/// multiple of the pack's size.
const WORK: u64 = 1 << 30;
const WORK_RATIO: u64 = 64;

/// An object's id: of SHA-1 the first 20 bytes.
type Id = [u8; 32];

/// How objects are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Sha1,
    Sha256,
}

/// The largest pack whose checksum is worked out to tell how its objects are named, in bytes.
const SUMMED: u64 = 32 << 20;

impl Format {
    /// Of a pack that stands alone: nothing in it but the checksum at its end tells, or its name as git gives it.
    pub(super) fn of(place: Place, source: &Arc<dyn ReadAt>) -> Self {
        let name = place.provenance.name();
        let digits = name.strip_prefix("pack-").and_then(|name| name.strip_suffix(".pack"));
        match digits.map(|digits| (digits.len(), digits.bytes().all(|digit| digit.is_ascii_hexdigit()))) {
            Some((40, true)) => Self::Sha1,
            Some((64, true)) => Self::Sha256,
            _ if ends_with_sum::<Sha256>(source).unwrap_or(false) => Self::Sha256,
            _ => Self::Sha1,
        }
    }

    /// The length of an id, in bytes.
    fn size(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    fn id(self, kind: Kind, content: &[u8]) -> Id {
        let head = format!("{} {}\0", kind.name(), content.len());
        let mut id = Id::default();
        match self {
            Self::Sha1 => fill(&mut id, &Sha1::new_with_prefix(head).chain_update(content).finalize()),
            Self::Sha256 => fill(&mut id, &Sha256::new_with_prefix(head).chain_update(content).finalize()),
        }
        id
    }
}

fn fill(id: &mut Id, digest: &[u8]) {
    id.iter_mut().zip(digest).for_each(|(to, from)| *to = *from);
}

/// Whether a pack ends with this sum of what is before it.
fn ends_with_sum<D: Digest>(source: &Arc<dyn ReadAt>) -> io::Result<bool> {
    let size = <D as Digest>::output_size() as u64;
    let Some(end) = source.size().checked_sub(size).filter(|_| source.size() <= SUMMED) else {
        return Ok(false);
    };
    let (mut sum, mut last) = (D::new(), Vec::new());
    let mut piece = vec![0; 64 << 10];
    let mut reader = RangeReader::new(source.clone(), 0, end);
    loop {
        match reader.read(&mut piece)? {
            0 => break,
            read => sum.update(piece.get(..read).unwrap_or_default()),
        }
    }
    RangeReader::new(source.clone(), end, source.size()).read_to_end(&mut last)?;
    Ok(sum.finalize().as_slice() == last)
}

/// What an object is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Commit,
    Tree,
    Blob,
    Tag,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::Tree => "tree",
            Self::Blob => "blob",
            Self::Tag => "tag",
        }
    }
}

/// How an object is stored.
#[derive(Clone, Copy)]
enum Stored {
    Whole(Kind),
    /// As a delta against the object at that place.
    Offset(u64),
    /// As a delta against the object of that id.
    Reference(Id),
}

/// An object that was put together.
#[derive(Clone)]
struct Object {
    kind: Kind,
    bytes: Arc<[u8]>,
}

/// Why an object cannot be put together.
enum Trouble {
    /// The pack cannot be read on.
    Broken,
    /// The base is nowhere in the pack, or comes later.
    NoBase,
    /// It is too large, or too much work.
    TooLarge,
    /// The delta is none.
    BadDelta,
}

impl From<io::Error> for Trouble {
    fn from(_error: io::Error) -> Self {
        Self::Broken
    }
}

/// Looks at all objects of the pack that begins at `start`.
pub(super) fn unpack(
    job: &Job,
    place: Place,
    source: &Arc<dyn ReadAt>,
    start: u64,
    format: Format,
    workspace: &mut Workspace,
) -> Outcome {
    let whole = job.run.visit.budget().whole;
    // A base, a delta, what they make, and the bases that are remembered, a share each.
    let held = job.hold(whole);
    let share = if held.is_some() { whole / 2 } else { whole / 16 };
    let job = &held.as_ref().map_or(*job, |held| held.job(job));
    let mut pack = Pack {
        job,
        place,
        source,
        format,
        share,
        again: Inflate::zlib(Reader::new(source, start)),
        ids: HashMap::new(),
        bases: HashMap::new(),
        order: VecDeque::new(),
        remembered: 0,
        work: WORK.saturating_add(source.size().saturating_mul(WORK_RATIO)),
        outcome: Outcome::default(),
        lost: [0; 3],
    };
    pack.objects(start, workspace);
    pack.finish()
}

struct Pack<'a> {
    job: &'a Job<'a>,
    place: Place<'a>,
    source: &'a Arc<dyn ReadAt>,
    format: Format,
    /// The largest object that is held, and the most that is remembered, in bytes.
    share: usize,
    /// For going back to a base.
    again: Inflate<Reader>,
    ids: HashMap<Id, u64>,
    bases: HashMap<u64, Object>,
    order: VecDeque<u64>,
    remembered: usize,
    work: u64,
    outcome: Outcome,
    /// Objects without a base, too large ones, and broken deltas.
    lost: [u64; 3],
}

impl Pack<'_> {
    /// Goes through the pack from its first byte on, and then again through what had to wait for a base.
    fn objects(&mut self, start: u64, workspace: &mut Workspace) {
        let mut forward = Inflate::zlib(Reader::new(self.source, start));
        let mut waiting = Vec::new();
        if let Err(error) = self.forward(&mut forward, &mut waiting, workspace) {
            self.outcome.add(broken(self.place.provenance, &error));
        }
        while !waiting.is_empty() && !self.job.spent() {
            let before = waiting.len();
            waiting.retain(|at| match self.resolve(*at) {
                Err(Trouble::NoBase) => true,
                resolved => {
                    self.conclude(*at, resolved, workspace);
                    false
                }
            });
            if waiting.len() == before {
                break;
            }
        }
        for at in waiting {
            self.conclude(at, Err(Trouble::NoBase), workspace);
        }
    }

    fn forward(
        &mut self,
        forward: &mut Inflate<Reader>,
        waiting: &mut Vec<u64>,
        workspace: &mut Workspace,
    ) -> io::Result<()> {
        let mut head = [0; 12];
        forward.inner().read_exact(&mut head)?;
        let count = head.last_chunk::<4>().map_or(0, |count| u32::from_be_bytes(*count)) as usize;
        let most = self.job.run.visit.budget().members;
        for _ in 0..count.min(most) {
            if self.job.spent() {
                return Ok(());
            }
            let at = forward.inner().position;
            let stored = header(forward.inner(), at, self.format)?;
            forward.restart();
            let mut bytes = Vec::new();
            let read = forward.by_ref().take(self.share as u64 + 1).read_to_end(&mut bytes)?;
            if read > self.share {
                self.large(at, stored, workspace);
                if self.job.spent() || !self.skip(forward)? {
                    return Ok(());
                }
            } else {
                match self.put_together(stored, bytes) {
                    Err(Trouble::NoBase) => waiting.push(at),
                    resolved => self.conclude(at, resolved, workspace),
                }
            }
        }
        if count > most {
            let detail = "more objects than are looked at";
            self.outcome.add(gap(self.place.provenance, Reason::BudgetMembers, detail));
        }
        Ok(())
    }

    /// Goes to the end of an object, which is where the next one begins. False if that is too far.
    fn skip(&mut self, forward: &mut Inflate<Reader>) -> io::Result<bool> {
        let skipped = io::copy(&mut forward.take(self.work), &mut io::sink())?;
        self.work = self.work.saturating_sub(skipped);
        if self.work == 0 {
            let detail = "an object is too large to be passed over; what follows was not looked at";
            self.outcome.add(gap(self.place.provenance, Reason::BudgetBytes, detail));
        }
        Ok(self.work > 0)
    }

    /// What an object is, given what is stored of it.
    fn put_together(&mut self, stored: Stored, bytes: Vec<u8>) -> Result<Object, Trouble> {
        let base = match stored {
            Stored::Whole(kind) => return Ok(Object { kind, bytes: bytes.into() }),
            Stored::Offset(at) => self.object(at)?,
            Stored::Reference(id) => self.object(*self.ids.get(&id).ok_or(Trouble::NoBase)?)?,
        };
        self.made(&base, &bytes)
    }

    fn made(&mut self, base: &Object, delta: &[u8]) -> Result<Object, Trouble> {
        let made = delta::apply(&base.bytes, delta, self.share).ok_or(Trouble::BadDelta)?;
        self.work = self.work.checked_sub(made.len() as u64).ok_or(Trouble::TooLarge)?;
        Ok(Object { kind: base.kind, bytes: made.into() })
    }

    /// The object at a place, out of memory or put together once more.
    fn object(&mut self, at: u64) -> Result<Object, Trouble> {
        let (mut deltas, mut next, mut held) = (Vec::new(), at, 0);
        let mut object = loop {
            if let Some(object) = self.bases.get(&next) {
                break object.clone();
            }
            let (stored, bytes) = self.stored(next)?;
            let base = match stored {
                Stored::Whole(kind) => break Object { kind, bytes: bytes.into() },
                Stored::Offset(base) => base,
                Stored::Reference(id) => *self.ids.get(&id).ok_or(Trouble::NoBase)?,
            };
            held += bytes.len();
            deltas.push(bytes);
            // Bases by id can go round in a circle.
            if deltas.len() > CHAIN || held > self.share {
                return Err(Trouble::TooLarge);
            }
            next = base;
        };
        while let Some(delta) = deltas.pop() {
            object = self.made(&object, &delta)?;
        }
        self.remember(at, &object);
        Ok(object)
    }

    /// What is stored at a place.
    fn stored(&mut self, at: u64) -> Result<(Stored, Vec<u8>), Trouble> {
        *self.again.inner() = Reader::new(self.source, at);
        let stored = header(self.again.inner(), at, self.format)?;
        self.again.restart();
        let mut bytes = Vec::new();
        let read = (&mut self.again).take(self.share as u64 + 1).read_to_end(&mut bytes)?;
        self.work = self.work.checked_sub(read as u64).ok_or(Trouble::TooLarge)?;
        if read > self.share { Err(Trouble::TooLarge) } else { Ok((stored, bytes)) }
    }

    fn resolve(&mut self, at: u64) -> Result<Object, Trouble> {
        let (stored, bytes) = self.stored(at)?;
        self.put_together(stored, bytes)
    }

    fn remember(&mut self, at: u64, object: &Object) {
        if object.bytes.len() > self.share / 4 || self.bases.contains_key(&at) {
            return;
        }
        self.remembered += object.bytes.len();
        self.bases.insert(at, object.clone());
        self.order.push_back(at);
        while self.remembered > self.share {
            let Some(oldest) = self.order.pop_front() else { break };
            let forgotten = self.bases.remove(&oldest).map_or(0, |object| object.bytes.len());
            self.remembered = self.remembered.saturating_sub(forgotten);
        }
    }

    /// Looks at an object, or at what is stored of one that cannot be put together.
    fn conclude(&mut self, at: u64, resolved: Result<Object, Trouble>, workspace: &mut Workspace) {
        match resolved {
            Ok(object) => {
                let id = self.format.id(object.kind, &object.bytes);
                self.ids.insert(id, at);
                self.remember(at, &object);
                self.show(&name(object.kind, &id[..self.format.size()]), &object.bytes, workspace);
            }
            Err(trouble) => {
                let index = match trouble {
                    Trouble::NoBase => 0,
                    Trouble::TooLarge => 1,
                    Trouble::BadDelta | Trouble::Broken => 2,
                };
                if let Some(lost) = self.lost.get_mut(index) {
                    *lost += 1;
                }
                // What a delta adds stands in it as it is.
                if let Ok((_, bytes)) = self.stored(at) {
                    self.show(&format!("delta at {at}"), &bytes, workspace);
                }
            }
        }
    }

    fn show(&mut self, name: &str, bytes: &[u8], workspace: &mut Workspace) {
        if self.job.spent() {
            return;
        }
        let provenance = &self.place.provenance.entry(name);
        // What was granted is at most the length, a `usize`.
        let granted = self.job.allowance.take_up_to(bytes.len() as u64) as usize;
        let bytes = bytes.get(..granted).unwrap_or(bytes);
        let place = Place { provenance, package: &Alone };
        let outcome = self.job.run.guarded(provenance, || self.job.whole(place, bytes, workspace));
        self.outcome.add(outcome);
        self.outcome.coverage.members += 1;
        if self.job.spent() {
            self.outcome.add(self.job.spent_gap(provenance));
        }
    }

    /// Looks at an object that is too large to be held, as a stream.
    fn large(&mut self, at: u64, stored: Stored, workspace: &mut Workspace) {
        let Stored::Whole(kind) = stored else {
            self.lost[1] += 1;
            return;
        };
        let provenance = &self.place.provenance.entry(format!("{} at {at}", kind.name()));
        let (source, format) = (self.source.clone(), self.format);
        let open = move || -> io::Result<Inflate<Reader>> {
            let mut reader = Reader::new(&source, at);
            header(&mut reader, at, format)?;
            Ok(Inflate::zlib(reader))
        };
        let opener = || Ok(Box::new(open()?) as Box<dyn Read>);
        let cut = Cell::new(false);
        let outcome = self.job.run.guarded(provenance, || match open() {
            Ok(reader) => {
                let mut reader = Metered::new(reader, self.job.allowance, &cut);
                let stream = Stream { reader: &mut reader, opener: &opener };
                self.job.stream(Place { provenance, package: &Alone }, stream, workspace)
            }
            Err(error) => broken(provenance, &error),
        });
        self.outcome.add(outcome);
        self.outcome.coverage.members += 1;
        if cut.get() {
            self.outcome.add(self.job.spent_gap(provenance));
        }
    }

    /// Says what was lost.
    fn finish(mut self) -> Outcome {
        let [no_base, too_large, bad] = self.lost;
        for (count, reason, what) in [
            (no_base, Reason::Truncated, "whose base is not in the pack"),
            (too_large, Reason::BudgetBytes, "that are too large, or too much work, to be put together"),
            (bad, Reason::Corrupt, "whose delta does not fit"),
        ] {
            if count > 0 {
                let detail = format!("objects {what}: {count}; looked at as they are stored");
                self.outcome.add(gap(self.place.provenance, reason, detail));
            }
        }
        self.outcome
    }
}

/// What a member is called.
fn name(kind: Kind, id: &[u8]) -> String {
    format!("{} {}", kind.name(), data_encoding::HEXLOWER.encode(id))
}

/// Reads the header of the object at `at`: its kind, a size that nobody needs to believe, and its base.
fn header(reader: &mut Reader, at: u64, format: Format) -> io::Result<Stored> {
    let bad = |what| io::Error::new(io::ErrorKind::InvalidData, what);
    let first = reader.byte()?;
    let mut byte = first;
    for _ in 0..10 {
        if byte & 0x80 == 0 {
            break;
        }
        byte = reader.byte()?;
    }
    match first >> 4 & 7 {
        1 => Ok(Stored::Whole(Kind::Commit)),
        2 => Ok(Stored::Whole(Kind::Tree)),
        3 => Ok(Stored::Whole(Kind::Blob)),
        4 => Ok(Stored::Whole(Kind::Tag)),
        6 => {
            let mut byte = reader.byte()?;
            let mut distance = u64::from(byte & 0x7f);
            while byte & 0x80 != 0 {
                byte = reader.byte()?;
                let next = distance.checked_add(1).and_then(|distance| distance.checked_mul(128));
                distance =
                    next.ok_or_else(|| bad("the distance to a base is too large"))? | u64::from(byte & 0x7f);
            }
            let base = at.checked_sub(distance).filter(|base| *base < at);
            base.map(Stored::Offset).ok_or_else(|| bad("a base lies outside of the pack"))
        }
        7 => {
            let mut id = Id::default();
            reader.read_exact(&mut id[..format.size()])?;
            Ok(Stored::Reference(id))
        }
        _ => Err(bad("an object of an unknown kind")),
    }
}

/// Reads on from some place, and knows where it is.
struct Reader {
    inner: BufReader<RangeReader>,
    position: u64,
}

impl Reader {
    fn new(source: &Arc<dyn ReadAt>, at: u64) -> Self {
        let range = RangeReader::new(source.clone(), at, source.size());
        Self { inner: BufReader::with_capacity(16 << 10, range), position: at }
    }

    fn byte(&mut self) -> io::Result<u8> {
        let mut byte = [0];
        self.read_exact(&mut byte)?;
        Ok(byte[0])
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.position += read as u64;
        Ok(read)
    }
}

impl BufRead for Reader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.position += amount as u64;
        self.inner.consume(amount);
    }
}
