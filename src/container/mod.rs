//! Containers: a blob with other blobs in it. Bytes of a file go in; each blob in them is shown to a [`Visit`], and
//! out comes what it found, with the account of what was and was not read.
//!
//! What a blob is, is told by its content, never by its name. Everything is held in memory or streamed; nothing is
//! written to disk. What the bytes of a blob mean is left to the visitor.

mod visit;
mod workspace;

use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

pub use visit::{Counters, Outcome, Progress, Unwatched, Visit};
pub(crate) use workspace::{SMALL, Workspace, Workspaces};

use crate::blob::{Alone, Blob, Package, Provenance};
use crate::budget::{Allowance, Gap, Reason};
use crate::scan::BlobScan;
use crate::source::{Memory, RangeReader, ReadAt};

/// Gives a stream once more, from its first byte on.
pub(crate) type Opener<'a> = &'a (dyn Fn() -> io::Result<Box<dyn Read>> + Sync);

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
    /// Whether we are in a pool of threads.
    pub(crate) parallel: bool,
}

impl Run<'_> {
    /// Looks at a file that was read whole.
    pub(crate) fn small(&self, place: Place, bytes: &[u8], workspace: &mut Workspace) -> Outcome {
        self.job(bytes.len() as u64).whole(place, bytes, workspace)
    }

    /// Looks at a file of [`SMALL`] bytes or more.
    pub(crate) fn large(&self, place: Place, source: Arc<dyn ReadAt>) -> Outcome {
        let opener = || Ok(Box::new(RangeReader::whole(source.clone())) as Box<dyn Read>);
        let mut reader = RangeReader::whole(source.clone());
        let job = self.job(source.size());
        self.workspaces
            .with(|workspace| job.stream(place, &mut reader, &opener, workspace))
    }

    /// Looks at a stream that comes only once and stands alone.
    pub(crate) fn input(&self, provenance: &Provenance, reader: &mut dyn Read) -> Outcome {
        let place = Place {
            provenance,
            package: &Alone,
        };
        let mut held = Vec::new();
        let limit = self.visit.budget().whole;
        let ended = (&mut *reader).take(limit as u64).read_to_end(&mut held);
        self.progress.files(1);
        let mut outcome = match ended {
            Ok(read) if read == limit => {
                let opener = || Err(io::Error::other("standard input comes only once"));
                let mut all = held.as_slice().chain(reader);
                self.workspaces
                    .with(|workspace| self.job(0).stream(place, &mut all, &opener, workspace))
            }
            Ok(_) => self.large(place, Arc::new(Memory(held))),
            Err(error) => self.large(place, Arc::new(Memory(held))).then(gap(
                provenance,
                Reason::Unreadable,
                error.to_string(),
            )),
        };
        outcome.coverage.files += 1;
        outcome
    }

    /// Does a piece of work so that a decoder's panic costs no more than that piece.
    pub(crate) fn guarded(&self, provenance: &Provenance, work: impl FnOnce() -> Outcome) -> Outcome {
        // What a panic may leave half done is thrown away: workspaces do not come back from it.
        catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_payload| {
            gap(
                provenance,
                Reason::DecoderFailed,
                "a decoder failed; what it had found is lost",
            )
        })
    }

    /// Looks at the last name of a provenance.
    pub(crate) fn named(&self, provenance: &Provenance, workspace: &mut Workspace) -> Outcome {
        let findings = self.visit.name(provenance, &mut workspace.scratch);
        self.progress.findings(findings.len() as u64);
        Outcome {
            findings,
            ..Outcome::default()
        }
    }

    /// The same for what has no bytes: a folder, a link.
    pub(crate) fn name(&self, provenance: &Provenance) -> Outcome {
        self.guarded(provenance, || {
            self.workspaces
                .with(|workspace| self.named(provenance, workspace))
        })
    }

    fn job(&self, size: u64) -> Job<'_> {
        Job {
            run: *self,
            allowance: self.visit.budget().allowance(size),
        }
    }
}

/// One input being unpacked: what all its parts share.
pub(crate) struct Job<'a> {
    pub(crate) run: Run<'a>,
    pub(crate) allowance: Allowance,
}

impl Job<'_> {
    /// Looks at bytes that are whole in memory, and at whatever unpacks out of them.
    pub(crate) fn whole(&self, place: Place, bytes: &[u8], workspace: &mut Workspace) -> Outcome {
        let Place { provenance, package } = place;
        let scan = self.run.visit.blob(
            &Blob {
                provenance,
                bytes,
                package,
            },
            &mut workspace.scratch,
        );
        self.seen(scan)
    }

    /// Looks at a stream, and at whatever unpacks out of it.
    pub(crate) fn stream(
        &self,
        place: Place,
        reader: &mut dyn Read,
        opener: Opener,
        workspace: &mut Workspace,
    ) -> Outcome {
        let scratch = &mut workspace.scratch;
        self.seen(
            self.run
                .visit
                .stream(place.provenance, reader, &mut || opener(), place.package, scratch),
        )
    }

    fn seen(&self, scan: BlobScan) -> Outcome {
        self.run.progress.bytes(scan.bytes);
        self.run.progress.findings(scan.findings.len() as u64);
        let mut outcome = Outcome {
            findings: scan.findings,
            ..Outcome::default()
        };
        outcome.coverage.bytes = scan.bytes;
        outcome.coverage.gaps = scan.gaps;
        outcome
    }
}

/// An outcome of nothing but a gap.
pub(crate) fn gap(provenance: &Provenance, reason: Reason, detail: impl Into<String>) -> Outcome {
    let mut outcome = Outcome::default();
    outcome.coverage.gaps.push(Gap::new(provenance, reason, detail));
    outcome
}
