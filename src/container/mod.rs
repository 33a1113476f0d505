//! Containers: a blob with other blobs in it. Bytes of a file go in; each blob in them is shown to a [`Visit`], and
//! out comes what it found, with the account of what was and was not read.
//!
//! What a blob is, is told by its content, never by its name. Everything is held in memory or streamed; nothing is
//! written to disk. What the bytes of a blob mean is left to the visitor.

mod ar;
mod bare;
mod bzip2;
mod cab;
mod closed;
mod codec;
mod companions;
mod cpio;
mod documents;
mod frames;
mod git;
mod gzip;
mod lz4;
mod lzma;
mod mashup;
mod mbox;
mod pool;
mod prefixed;
mod rar;
mod rpm;
mod sequence;
mod stream;
mod tar;
mod visit;
mod workspace;
mod wrapped;
mod zip;
mod zstd;

use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

pub(crate) use git::apply_delta;
pub(crate) use pool::Pool;
use pool::{Reserve, Reserved, Share};
pub use visit::{Counters, Outcome, Progress, Unwatched, Visit};
pub(crate) use workspace::{SMALL, Workspace, Workspaces};
pub(crate) use zip::Rewriting as Zip;

use crate::blob::{Alone, Blob, Landmarks, Package, Provenance};
use crate::budget::{Allowance, Funds, Gap, Reason};
use crate::document::{self, Decoder};
use crate::finding::Secret;
use crate::scan::{BlobScan, Embedded};
use crate::source::{self, Memory, RangeReader, ReadAt};

/// A kind of container.
struct Format {
    /// Whether a blob with these first bytes (some hundred at least, if it has them) is of this kind.
    begins: fn(&[u8]) -> bool,
    /// How it is unpacked.
    unpack: Unpack,
}

/// How a container is unpacked.
#[derive(Clone, Copy)]
enum Unpack {
    /// From its first byte to its last.
    Stream(fn(&Job, Place, Stream, &mut Workspace) -> Outcome),
    /// By a directory somewhere in it, so that it must be a file or be held whole.
    Whole {
        /// How it is unpacked.
        unpack: fn(&Job, Place, &Arc<dyn ReadAt>, &mut Workspace) -> Outcome,
        /// What is done with a stream of it that is too large to be held.
        beyond: fn(&Job, Place, Stream, &mut Workspace) -> Outcome,
    },
    /// By a decoder that makes texts of it, which wants it like a [`Unpack::Whole`].
    Document(&'static Decoder),
}

/// Zip, told by its first bytes or by its last.
const ZIP: Unpack = Unpack::Whole { unpack: zip::unpack, beyond: zip::unpack_stream };

/// All kinds, in the order in which they are tried.
const FORMATS: &[Format] = &[
    Format { begins: zip::begins, unpack: ZIP },
    Format { begins: gzip::begins, unpack: Unpack::Stream(gzip::unpack) },
    Format { begins: zstd::begins, unpack: Unpack::Stream(zstd::unpack) },
    Format { begins: bzip2::begins, unpack: Unpack::Stream(bzip2::unpack) },
    Format { begins: lzma::is_xz, unpack: Unpack::Stream(lzma::unpack_xz) },
    Format { begins: lzma::is_lzip, unpack: Unpack::Stream(lzma::unpack_lzip) },
    Format { begins: lz4::begins, unpack: Unpack::Stream(lz4::unpack) },
    Format { begins: tar::begins, unpack: Unpack::Stream(sequence::unpack::<tar::Tar>) },
    Format { begins: cab::begins, unpack: Unpack::Whole { unpack: cab::unpack, beyond: too_large } },
    Format { begins: ar::begins, unpack: Unpack::Stream(sequence::unpack::<ar::Ar>) },
    Format { begins: cpio::begins, unpack: Unpack::Stream(sequence::unpack::<cpio::Cpio>) },
    Format { begins: rpm::begins, unpack: Unpack::Stream(rpm::unpack) },
    Format { begins: rar::begins, unpack: Unpack::Stream(sequence::unpack::<rar::Rar>) },
    Format { begins: mashup::begins, unpack: Unpack::Stream(mashup::unpack) },
    Format {
        begins: prefixed::begins,
        unpack: Unpack::Whole { unpack: prefixed::unpack, beyond: prefixed::beyond },
    },
    Format { begins: lzma::is_alone, unpack: Unpack::Stream(lzma::unpack_alone) },
    Format { begins: git::begins_loose, unpack: Unpack::Stream(git::unpack_loose) },
    Format { begins: bare::is_zlib, unpack: Unpack::Stream(bare::unpack_zlib) },
    Format { begins: git::begins, unpack: Unpack::Whole { unpack: git::unpack, beyond: too_large } },
    Format { begins: mbox::begins, unpack: Unpack::Stream(mbox::unpack) },
];

fn format(place: Place, head: &[u8]) -> Option<Unpack> {
    let format = FORMATS.iter().find(|format| (format.begins)(head)).map(|format| format.unpack);
    let format = format.or_else(|| document::decoder(head).map(Unpack::Document));
    format.or_else(|| bare::is_brotli(place, head).then_some(Unpack::Stream(bare::unpack_brotli)))
}

/// What bytes are, for whoever writes them anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A zip, perhaps behind something else.
    Zip,
    /// A gzip.
    Gzip,
    /// A tar.
    Tar,
    /// A zip behind its length: a Power Query part.
    Mashup,
    /// A document of this name.
    Document(&'static str),
    /// Another container.
    Other,
    /// No container.
    Plain,
}

/// Tells what bytes are as the walk does, but for what only a name tells.
pub(crate) fn form(bytes: &[u8]) -> Form {
    match () {
        () if zip::begins(bytes) => Form::Zip,
        () if gzip::begins(bytes) => Form::Gzip,
        () if tar::begins(bytes) => Form::Tar,
        () if mashup::begins(bytes) => Form::Mashup,
        () if mbox::begins(bytes) => Form::Plain,
        () if prefixed::begins(bytes) && zip::ends(bytes) => Form::Zip,
        () if FORMATS.iter().any(|format| (format.begins)(bytes)) || closed::name(bytes).is_some() => {
            Form::Other
        }
        () => match document::decoder(bytes) {
            Some(decoder) => Form::Document(decoder.name),
            None if zip::ends(bytes) => Form::Zip,
            None => Form::Plain,
        },
    }
}

/// What the blob in a gzip of that name is called.
pub(crate) fn in_gzip(provenance: &Provenance) -> String {
    gzip::name(provenance)
}

/// Gives a stream once more, from its first byte on.
pub(crate) type Opener<'a> = &'a (dyn Fn() -> io::Result<Box<dyn Read>> + Sync);

/// A blob that comes as a stream.
pub(crate) struct Stream<'a> {
    reader: &'a mut dyn Read,
    opener: Opener<'a>,
}

/// What a blob is called, and what stands beside it.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) provenance: &'a Provenance,
    pub(crate) package: &'a dyn Package,
}

/// What all inputs of a run share.
#[derive(Clone, Copy)]
pub(crate) struct Run<'a> {
    pub(crate) visit: &'a dyn Visit,
    pub(crate) progress: &'a dyn Progress,
    pub(crate) workspaces: &'a Workspaces,
    pub(crate) pool: &'a Pool,
    /// What members under a password are tried with.
    pub(crate) passwords: &'a [Secret],
    /// Whether we are in a pool of threads.
    pub(crate) parallel: bool,
    /// What all inputs may spend together. Without `parallel` it is spent in the order of the walk.
    pub(crate) funds: &'a Arc<Funds>,
}

impl Run<'_> {
    /// Looks at a file that was read whole.
    pub(crate) fn small(&self, place: Place, bytes: &[u8], workspace: &mut Workspace) -> Outcome {
        let size = bytes.len() as u64;
        self.job(size, &self.allowance(size)).whole(place, bytes, workspace)
    }

    /// Looks at a file of [`SMALL`] bytes or more.
    ///
    /// Members of an archive are unpacked by all threads. If they use up what the input may expand to, which of them
    /// came too late is a matter of luck; so then it is done once more by one thread.
    pub(crate) fn large(&self, place: Place, source: &Arc<dyn ReadAt>) -> Outcome {
        let size = source.size();
        let mut head = [0; 512];
        let read = source::fill(&mut RangeReader::whole(source.clone()), &mut head).0;
        let kind = format(place, &head[..read]);
        let archive = zip::begins(&head[..read]) || kind.is_none() && zip::has_directory(source.as_ref());
        if archive && self.parallel {
            let allowance = self.allowance(size);
            let outcome = zip::unpack_parallel(&self.job(size, &allowance), place, source);
            if let Some(outcome) = outcome.filter(|_| !allowance.exhausted() || allowance.late()) {
                return outcome;
            }
        }
        let allowance = self.allowance(size);
        let job = self.job(size, &allowance);
        self.workspaces.with(|workspace| {
            let kind = if archive { Some(ZIP) } else { kind };
            if let Some(kind @ (Unpack::Whole { .. } | Unpack::Document(_))) = kind {
                return job.unpack(kind, place, source, workspace);
            }
            let opener = || Ok(Box::new(RangeReader::whole(source.clone())) as Box<dyn Read>);
            let stream = Stream { reader: &mut RangeReader::whole(source.clone()), opener: &opener };
            job.stream(place, stream, workspace)
        })
    }

    /// Looks at a stream that comes only once and stands alone.
    pub(crate) fn input(&self, provenance: &Provenance, reader: &mut dyn Read) -> Outcome {
        let place = Place { provenance, package: &Alone };
        let mut held = Vec::new();
        let limit = self.visit.budget().whole;
        let ended = (&mut *reader).take(limit as u64).read_to_end(&mut held);
        self.progress.files(1);
        let mut outcome = match &ended {
            Ok(read) if *read == limit => {
                let opener = || Err(io::Error::other("standard input comes only once"));
                let mut all = held.as_slice().chain(reader);
                let stream = Stream { reader: &mut all, opener: &opener };
                let allowance = self.allowance(u64::MAX); // nobody knows its size
                let job = self.job(u64::MAX, &allowance);
                self.workspaces.with(|workspace| job.stream(place, stream, workspace))
            }
            _ => self.large(place, &(Arc::new(Memory(held)) as Arc<dyn ReadAt>)),
        };
        if let Err(error) = ended {
            outcome.add(gap(provenance, Reason::Unreadable, error.to_string()));
        }
        outcome.coverage.files += 1;
        outcome
    }

    /// Looks at the bytes of a file of any size.
    pub(crate) fn bytes(&self, place: Place, bytes: &[u8]) -> Outcome {
        let named = self.workspaces.with(|workspace| self.named(place.provenance, workspace));
        named.then(self.large(place, &(Arc::new(Memory(bytes.to_vec())) as Arc<dyn ReadAt>)))
    }

    /// Does a piece of work so that a decoder's panic costs no more than that piece.
    pub(crate) fn guarded(&self, provenance: &Provenance, work: impl FnOnce() -> Outcome) -> Outcome {
        // What a panic may leave half done is thrown away, or begun anew by its next user.
        catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_payload| {
            gap(provenance, Reason::DecoderFailed, "a decoder failed; what it had found is lost")
        })
    }

    /// Looks at the last name of a provenance.
    pub(crate) fn named(&self, provenance: &Provenance, workspace: &mut Workspace) -> Outcome {
        let findings = self.visit.name(provenance, &mut workspace.scratch);
        self.progress.findings(findings.len() as u64);
        Outcome { findings, ..Outcome::default() }
    }

    /// The same for what has no bytes: a folder, a link.
    pub(crate) fn name(&self, provenance: &Provenance) -> Outcome {
        self.guarded(provenance, || self.workspaces.with(|workspace| self.named(provenance, workspace)))
    }

    fn allowance(&self, size: u64) -> Allowance {
        self.visit.budget().allowance(size).out_of(self.funds, !self.parallel)
    }

    fn job<'a>(&'a self, size: u64, allowance: &'a Allowance) -> Job<'a> {
        let budget = self.visit.budget();
        let by_ratio = budget.ratio_floor.max(size.saturating_mul(budget.ratio)) < budget.expanded;
        let by_ratio = by_ratio && !allowance.by_run();
        let limit = if by_ratio { Reason::BudgetRatio } else { Reason::BudgetBytes };
        Job { run: *self, allowance, limit, reserve: None }
    }
}

/// One input being unpacked: what all its parts share.
#[derive(Clone, Copy)]
pub(crate) struct Job<'a> {
    run: Run<'a>,
    allowance: &'a Allowance,
    /// Which limit the allowance stands for, unless the clock does.
    limit: Reason,
    /// Room for one more blob, where a share of the pool is held already.
    reserve: Option<&'a Reserve>,
}

impl<'a> Job<'a> {
    /// Looks at bytes that are whole in memory, and at whatever unpacks out of them.
    fn whole(&self, place: Place, bytes: &[u8], workspace: &mut Workspace) -> Outcome {
        let kind = format(place, bytes).or_else(|| zip::ends(bytes).then_some(ZIP));
        let Some(kind) = kind else {
            return self.blob(place, bytes, workspace).then(closed(place, bytes));
        };
        if self.too_deep(place) {
            return self.blob(place, bytes, workspace).then(too_deep(place));
        }
        let source: Arc<dyn ReadAt> = Arc::new(Memory(bytes.to_vec()));
        self.unpack(kind, place, &source, workspace)
    }

    fn blob(&self, place: Place, bytes: &[u8], workspace: &mut Workspace) -> Outcome {
        let Place { provenance, package } = place;
        let blob = Blob { provenance, bytes, package, landmarks: Landmarks::NONE };
        let scan = self.run.visit.blob(&blob, &mut workspace.scratch);
        self.seen(place, scan, workspace)
    }

    fn unpack(
        &self,
        kind: Unpack,
        place: Place,
        source: &Arc<dyn ReadAt>,
        workspace: &mut Workspace,
    ) -> Outcome {
        match kind {
            Unpack::Whole { unpack, .. } => unpack(self, place, source, workspace),
            Unpack::Document(decoder) => documents::unpack(decoder, self, place, source, workspace),
            Unpack::Stream(unpack) => {
                let opener = || Ok(Box::new(RangeReader::whole(source.clone())) as Box<dyn Read>);
                let reader = &mut RangeReader::whole(source.clone());
                unpack(self, place, Stream { reader, opener: &opener }, workspace)
            }
        }
    }

    /// Looks at a stream, and at whatever unpacks out of it. If it turns out to be small, it is held whole.
    fn stream(&self, place: Place, stream: Stream, workspace: &mut Workspace) -> Outcome {
        let mut buffer = workspace.buffer();
        let (filled, trouble) = source::fill(stream.reader, &mut buffer);
        let outcome = if filled < buffer.len() {
            let outcome = self.whole(place, &buffer[..filled], workspace);
            match trouble {
                Some(error) => outcome.then(broken(place.provenance, &error)),
                None => outcome,
            }
        } else {
            let mut reader = buffer.as_slice().chain(stream.reader);
            self.long(place, Stream { reader: &mut reader, ..stream }, &buffer, workspace)
        };
        workspace.give_back(buffer);
        outcome
    }

    /// Looks at a stream with these first bytes that is not small.
    fn long(&self, place: Place, stream: Stream, head: &[u8], workspace: &mut Workspace) -> Outcome {
        match format(place, head) {
            None => self.windows(place, stream, workspace).then(closed(place, head)),
            Some(_) if self.too_deep(place) => self.windows(place, stream, workspace).then(too_deep(place)),
            Some(Unpack::Stream(unpack)) => unpack(self, place, stream, workspace),
            Some(kind) => self.hold_whole(kind, place, stream, workspace),
        }
    }

    fn windows(&self, place: Place, stream: Stream, workspace: &mut Workspace) -> Outcome {
        let Place { provenance, package } = place;
        let mut reopen = || (stream.opener)();
        let scratch = &mut workspace.scratch;
        let scan = self.run.visit.stream(provenance, stream.reader, &mut reopen, package, scratch);
        self.seen(place, scan, workspace)
    }

    /// Holds a container whole for the sake of the directory in it; one that is too large for that is read as it comes.
    fn hold_whole(&self, kind: Unpack, place: Place, stream: Stream, workspace: &mut Workspace) -> Outcome {
        let limit = self.run.visit.budget().whole;
        let Some(held) = self.hold(limit) else {
            return kind.beyond(self, place, stream, workspace);
        };
        let job = held.job(self);
        let mut bytes = Vec::new();
        match (&mut *stream.reader).take(limit as u64).read_to_end(&mut bytes) {
            Ok(read) if read == limit => {
                let mut all = bytes.as_slice().chain(stream.reader);
                kind.beyond(&job, place, Stream { reader: &mut all, ..stream }, workspace)
            }
            ended => {
                let source: Arc<dyn ReadAt> = Arc::new(Memory(bytes));
                let outcome = job.unpack(kind, place, &source, workspace);
                match ended {
                    Ok(_) => outcome,
                    Err(error) => outcome.then(broken(place.provenance, &error)),
                }
            }
        }
    }

    /// Room for a blob of so many bytes, or none within what is held already.
    fn hold(&self, bytes: usize) -> Option<Held<'a>> {
        let room = self.run.visit.budget().whole;
        match self.reserve {
            None => Some(Held::Share(self.run.pool.share(bytes.saturating_add(room)))),
            Some(reserve) if bytes <= room => reserve.take().map(Held::Reserved),
            Some(_) => None,
        }
    }

    fn too_deep(&self, place: Place) -> bool {
        place.provenance.depth() >= self.run.visit.budget().depth
    }

    /// Whether the input has used up what it may expand to.
    fn spent(&self) -> bool {
        self.allowance.exhausted()
    }

    /// Says that a blob was cut off, or not begun, since the input expands to too much.
    fn spent_gap(&self, provenance: &Provenance) -> Outcome {
        let detail = match self.limit() {
            Reason::Deadline => "not unpacked before the deadline",
            Reason::Interrupted => "not unpacked before the run was interrupted",
            _ if self.allowance.by_run() => "the inputs expand to more than is unpacked in one run",
            _ => "the input expands to more than is unpacked of one input",
        };
        gap(provenance, self.limit(), detail)
    }

    /// Which limit the allowance stands for.
    fn limit(&self) -> Reason {
        if self.allowance.late() { self.allowance.late_reason() } else { self.limit }
    }

    /// Takes in what a blob gave, and unpacks the containers that stand in its text.
    fn seen(&self, place: Place, scan: BlobScan, workspace: &mut Workspace) -> Outcome {
        self.run.progress.bytes(scan.bytes);
        self.run.progress.findings(scan.findings.len() as u64);
        let mut outcome = Outcome { findings: scan.findings, ..Outcome::default() };
        outcome.coverage.bytes = scan.bytes;
        outcome.coverage.gaps = scan.gaps;
        scan.embedded
            .into_iter()
            .fold(outcome, |outcome, one| outcome.then(self.embedded(place, one, workspace)))
    }

    /// Unpacks a container that stands in the text of a blob.
    fn embedded(&self, place: Place, Embedded { at, bytes }: Embedded, workspace: &mut Workspace) -> Outcome {
        let provenance = &place.provenance.entry(format!("(base64 at byte {at})"));
        let place = Place { provenance, package: &Alone };
        if self.too_deep(place) {
            return gap(provenance, Reason::BudgetDepth, "too many containers within containers");
        }
        if !self.allowance.take(bytes.len() as u64) {
            return self.spent_gap(provenance);
        }
        let mut outcome = self.whole(place, &bytes, workspace);
        outcome.coverage.members += 1;
        outcome
    }
}

/// Room in memory for a blob that is held whole.
enum Held<'a> {
    Share(Share<'a>),
    Reserved(#[expect(dead_code, reason = "held until it is dropped")] Reserved<'a>),
}

impl Held<'_> {
    /// The same job for what is in the blob that is held.
    fn job<'a>(&'a self, job: &Job<'a>) -> Job<'a> {
        match self {
            Self::Share(share) => Job { reserve: Some(&share.reserve), ..*job },
            Self::Reserved(_) => *job,
        }
    }
}

impl Unpack {
    /// Looks at a stream of it that is too large to be held.
    fn beyond(self, job: &Job, place: Place, stream: Stream, workspace: &mut Workspace) -> Outcome {
        match self {
            Self::Whole { beyond, .. } => beyond(job, place, stream, workspace),
            Self::Stream(_) | Self::Document(_) => too_large(job, place, stream, workspace),
        }
    }
}

/// Looks at the bytes of a container as they stand, since they cannot be held.
fn too_large(job: &Job, place: Place, stream: Stream, workspace: &mut Workspace) -> Outcome {
    let detail = "too large to be held in memory; looked at as it is";
    job.windows(place, stream, workspace).then(gap(place.provenance, Reason::BudgetBytes, detail))
}

fn too_deep(place: Place) -> Outcome {
    gap(place.provenance, Reason::BudgetDepth, "too many containers within containers; looked at as it is")
}

/// A gap if the bytes are of a format that is known and cannot be opened.
fn closed(place: Place, head: &[u8]) -> Outcome {
    match closed::name(head) {
        Some(name) => {
            let detail = format!("a {name} cannot be opened yet; looked at as it is");
            gap(place.provenance, Reason::Unsupported, detail)
        }
        None => Outcome::default(),
    }
}

/// An outcome of nothing but a gap.
pub(crate) fn gap(provenance: &Provenance, reason: Reason, detail: impl Into<String>) -> Outcome {
    gap_of(Gap::new(provenance, reason, detail))
}

fn gap_of(gap: Gap) -> Outcome {
    let mut outcome = Outcome::default();
    outcome.coverage.gaps.push(gap);
    outcome
}

/// The gap behind the place where a stream broke off.
fn broken(provenance: &Provenance, error: &io::Error) -> Outcome {
    gap(provenance, error.kind().into(), error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::Budget;
    use crate::finding::Finding;
    use crate::scan::Scratch;

    /// Counts bytes.
    struct Counter(Budget);

    impl Visit for Counter {
        fn budget(&self) -> &Budget {
            &self.0
        }

        fn blob(&self, blob: &Blob, _scratch: &mut Scratch) -> BlobScan {
            BlobScan { bytes: blob.bytes.len() as u64, ..BlobScan::default() }
        }

        fn stream(
            &self,
            _provenance: &Provenance,
            reader: &mut dyn Read,
            _reopen: &mut dyn FnMut() -> io::Result<Box<dyn Read>>,
            _package: &dyn Package,
            _scratch: &mut Scratch,
        ) -> BlobScan {
            let bytes = io::copy(reader, &mut io::sink()).unwrap_or(0);
            BlobScan { bytes, ..BlobScan::default() }
        }

        fn name(&self, _provenance: &Provenance, _scratch: &mut Scratch) -> Vec<Finding> {
            Vec::new()
        }
    }

    fn input(bytes: &[u8], whole: usize) -> Outcome {
        let run = Run {
            visit: &Counter(Budget { whole, ..Budget::default() }),
            progress: &Unwatched,
            workspaces: &Workspaces::new(1),
            pool: &Pool::default(),
            passwords: &[],
            parallel: false,
            funds: &Arc::new(Funds::new(u64::MAX, None)),
        };
        run.input(&Provenance::file("-"), &mut { bytes })
    }

    #[test]
    fn standard_input_is_held_or_streamed() {
        let bytes = vec![1; 3 << 20];
        for whole in [2 << 20, 4 << 20] {
            for size in [0, 5, 2 << 20, 3 << 20] {
                let outcome = input(&bytes[..size], whole);
                assert_eq!(outcome.coverage.bytes, size as u64);
                assert_eq!(outcome.coverage.files, 1);
                assert!(outcome.coverage.gaps.is_empty());
            }
        }
    }

    #[test]
    fn a_wide_window_comes_out_of_the_pool() {
        let mut encoder = ::zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(25).unwrap();
        io::copy(&mut &vec![1; 2 << 20][..], &mut encoder).unwrap();
        let outcome = input(&encoder.finish().unwrap(), 32 << 20);
        assert_eq!(outcome.coverage.bytes, 2 << 20);
        assert!(outcome.coverage.gaps.is_empty());
    }
}
