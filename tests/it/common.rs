//! What the tests of the scan share: one scanner, findings in short, tokens made at run time.

use std::sync::LazyLock;

use keysieve::blob::{Alone, Blob, Provenance, Span};
use keysieve::budget::Budget;
use keysieve::detect::Detectors;
use keysieve::finding::Finding;
use keysieve::scan::{self, BlobScan, Scanner, Scratch};
use keysieve::signature::{self, Signature, examples};

/// 2026-11-23T12:00:00Z
pub(crate) const NOW: i64 = 1_795_435_200;

/// All built-in signatures and the default budget.
pub(crate) static SCANNER: LazyLock<Scanner> = LazyLock::new(|| Scanner {
    detectors: Detectors::new(signature::built_in().iter().collect()),
    budget: Budget::default(),
    now: NOW,
});

/// Scans bytes as one blob.
pub(crate) fn scan_bytes(bytes: &[u8]) -> BlobScan {
    let provenance = Provenance::file("test");
    let blob = Blob { provenance: &provenance, bytes, package: &Alone };
    scan::blob(&blob, &SCANNER, &mut Scratch::default())
}

/// The findings of a text.
pub(crate) fn findings(text: impl AsRef<[u8]>) -> Vec<Finding> {
    scan_bytes(text.as_ref()).findings
}

/// A finding in short: id, secret, and bytes of the blob.
pub(crate) type Short = (&'static str, String, Span);

/// A finding in short.
pub(crate) fn short(finding: &Finding) -> Short {
    let bytes = finding.location.bytes.as_ref().expect("a place in a blob");
    (finding.signature.id, value(finding), bytes.start as usize..bytes.end as usize)
}

/// The secret as text.
pub(crate) fn value(finding: &Finding) -> String {
    String::from_utf8_lossy(finding.secret.expose()).into_owned()
}

/// The signature of that id.
pub(crate) fn signature(id: &str) -> &'static Signature {
    signature::built_in().iter().find(|signature| signature.id == id).expect("a built-in signature")
}

/// A token of a signature's first shape, the same one each time for a number.
pub(crate) fn token(id: &str, number: u64) -> String {
    let signature = signature(id);
    examples::token(signature, &signature.shapes[0], number).0
}
