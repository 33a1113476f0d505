//! What is done with the bytes that come out of files and containers, and the account of it.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::blob::{Blob, Package, Provenance};
use crate::budget::{Budget, Coverage};
use crate::finding::Finding;
use crate::scan::{self, BlobScan, Scanner, Scratch};

/// Whoever looks at each blob: the scan, or in tests a recorder. All threads share it.
pub trait Visit: Sync {
    /// What may be spent on an input.
    fn budget(&self) -> &Budget;

    /// Looks at a blob that is whole in memory.
    fn blob(&self, blob: &Blob, scratch: &mut Scratch) -> BlobScan;

    /// Looks at a blob that comes as a stream; the contract is that of [`scan::stream`].
    fn stream(
        &self,
        provenance: &Provenance,
        reader: &mut dyn Read,
        reopen: &mut dyn FnMut() -> io::Result<Box<dyn Read>>,
        package: &dyn Package,
        scratch: &mut Scratch,
    ) -> BlobScan;

    /// The program that runs decoders in a process of their own, as `PROGRAM decode-worker NAME`; none if they are to
    /// run in this one.
    fn worker(&self) -> Option<&Path> {
        None
    }

    /// Looks at the last name of a provenance.
    fn name(&self, provenance: &Provenance, scratch: &mut Scratch) -> Vec<Finding>;
}

impl Visit for Scanner {
    fn budget(&self) -> &Budget {
        &self.budget
    }

    fn blob(&self, blob: &Blob, scratch: &mut Scratch) -> BlobScan {
        scan::blob(blob, self, scratch)
    }

    fn stream(
        &self,
        provenance: &Provenance,
        reader: &mut dyn Read,
        reopen: &mut dyn FnMut() -> io::Result<Box<dyn Read>>,
        package: &dyn Package,
        scratch: &mut Scratch,
    ) -> BlobScan {
        scan::stream(provenance, reader, reopen, package, self, scratch)
    }

    fn worker(&self) -> Option<&Path> {
        self.worker.as_deref()
    }

    fn name(&self, provenance: &Provenance, scratch: &mut Scratch) -> Vec<Finding> {
        scan::name(provenance, self, scratch)
    }
}

/// What a run, or a part of it, found, and what it read. Parts are put together in the order of the walk.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// By file in the order of the walk, then by member in the order of its container, then by place.
    pub findings: Vec<Finding>,
    /// What was read and what was not.
    pub coverage: Coverage,
}

impl Outcome {
    /// This, and then what came later.
    #[must_use]
    pub fn then(mut self, later: Self) -> Self {
        self.add(later);
        self
    }

    /// This, and of what was found in the same bytes once more only what is new: the same secret seen as a decoder gave
    /// it has the better place.
    #[must_use]
    pub fn then_unseen(self, mut again: Self) -> Self {
        let seen: BTreeSet<_> = self.findings.iter().flat_map(Finding::secrets).cloned().collect();
        again.findings.retain(|finding| !seen.contains(&finding.secret));
        self.then(again)
    }

    /// Adds what came later.
    pub fn add(&mut self, later: Self) {
        if self.findings.is_empty() {
            self.findings = later.findings;
        } else {
            self.findings.extend(later.findings);
        }
        self.coverage.extend(later.coverage);
    }
}

/// Told how far a run is, from any thread and in no order. An input that ran out of its budget counts twice.
pub trait Progress: Sync {
    /// So many more files were read.
    fn files(&self, more: u64);
    /// So many more bytes were scanned.
    fn bytes(&self, more: u64);
    /// So many more findings stand.
    fn findings(&self, more: u64);
    /// So many more places could not be read.
    fn gaps(&self, _more: u64) {}
    /// So many more files were known already, and not read.
    fn unchanged(&self, _more: u64) {}
    /// So many files will be read or known already, as far as anyone can tell before.
    fn expected(&self, _files: u64) {}
}

/// Nobody watches.
pub struct Unwatched;

impl Progress for Unwatched {
    fn files(&self, _more: u64) {}
    fn bytes(&self, _more: u64) {}
    fn findings(&self, _more: u64) {}
}

/// Counters that another thread may look at while a run goes on.
#[derive(Debug, Default)]
pub struct Counters {
    files: AtomicU64,
    bytes: AtomicU64,
    findings: AtomicU64,
    gaps: AtomicU64,
    unchanged: AtomicU64,
    expected: AtomicU64,
}

impl Counters {
    /// Files, bytes and findings so far.
    pub fn read(&self) -> (u64, u64, u64) {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (read(&self.files), read(&self.bytes), read(&self.findings))
    }

    /// Places that could not be read so far.
    pub fn read_gaps(&self) -> u64 {
        self.gaps.load(Ordering::Relaxed)
    }

    /// How long it will take until all files that are expected are done, if they take as long as those before.
    pub fn left(&self, elapsed: Duration) -> Option<Duration> {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (done, expected) = (read(&self.files) + read(&self.unchanged), read(&self.expected));
        let left = expected.checked_sub(done).filter(|left| *left > 0)?;
        Duration::try_from_secs_f64(elapsed.as_secs_f64() * left as f64 / done.max(1) as f64).ok()
    }
}

impl Progress for Counters {
    fn files(&self, more: u64) {
        self.files.fetch_add(more, Ordering::Relaxed);
    }

    fn bytes(&self, more: u64) {
        self.bytes.fetch_add(more, Ordering::Relaxed);
    }

    fn findings(&self, more: u64) {
        self.findings.fetch_add(more, Ordering::Relaxed);
    }

    fn gaps(&self, more: u64) {
        self.gaps.fetch_add(more, Ordering::Relaxed);
    }

    fn unchanged(&self, more: u64) {
        self.unchanged.fetch_add(more, Ordering::Relaxed);
    }

    fn expected(&self, files: u64) {
        self.expected.store(files, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_left_is_what_the_rest_takes_at_the_same_pace() {
        let counters = Counters::default();
        let after = Duration::from_secs(10);
        assert_eq!(counters.left(after), None, "nothing is expected");
        counters.expected(100);
        counters.files(5);
        counters.unchanged(15);
        assert_eq!(counters.left(after), Some(Duration::from_secs(40)));
        counters.unchanged(90);
        assert_eq!(counters.left(after), None, "more than was expected");
    }
}
