//! The table of contents of the main job: one blob, or one stream, to findings.

use std::io;

use crate::blob::{Blob, Package, Provenance};
use crate::budget::{Budget, Gap};
use crate::finding::Finding;

/// Everything that a scan needs to know, read-only and shared by all threads.
pub struct Scanner {
    /// What may be spent on an input.
    pub budget: Budget,
    /// The clock that expiries are judged by, seconds since 1970-01-01 UTC.
    pub now: i64,
}

/// One thread's working memory, reused from blob to blob.
#[derive(Default)]
pub struct Scratch {}

/// What one blob gave.
#[derive(Debug, Default)]
pub struct BlobScan {
    /// In order of their place.
    pub findings: Vec<Finding>,
    /// What of this blob was not read.
    pub gaps: Vec<Gap>,
    /// Bytes that were scanned.
    pub bytes: u64,
}

/// Scans one blob that is whole in memory: every byte of it, and every layer that decodes out of it.
pub fn blob(_blob: &Blob, _scanner: &Scanner, _scratch: &mut Scratch) -> BlobScan {
    BlobScan::default()
}

/// Scans a blob too large for memory (or of unknown size), window by window.
///
/// `reader` gives all its bytes from the first one on. `reopen` gives them once more: it is called only when a candidate
/// stands, so that an outline can be made of the whole blob if it fits [`Budget::whole`]. An error of `reader` becomes
/// a gap (`UnexpectedEof`: truncated; `InvalidData`: corrupt; others: unreadable), and what came before it is scanned.
pub fn stream(
    _provenance: &Provenance,
    _reader: &mut dyn io::Read,
    _reopen: &mut dyn FnMut() -> io::Result<Box<dyn io::Read>>,
    _package: &dyn Package,
    _scanner: &Scanner,
    _scratch: &mut Scratch,
) -> BlobScan {
    BlobScan::default()
}

/// Scans the last name of a provenance as text: secrets stand in file and member names as well.
pub fn name(_provenance: &Provenance, _scanner: &Scanner, _scratch: &mut Scratch) -> Vec<Finding> {
    Vec::new()
}
