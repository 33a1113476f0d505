//! The check of a copy before anything is given out: scanned as any file, nothing may be found, and none of the known values
//! may stand in any layer of it.

use std::io::{self, Read};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Refusal, Secrets};
use crate::blob::{Blob, Landmarks, Package, Provenance};
use crate::budget::{Budget, Funds, Gap};
use crate::container::{Place, Pool, Run, Unwatched, Visit, Workspaces};
use crate::finding::Finding;
use crate::scan::{self, BlobScan, Needles, Scanner, Scratch};

/// Looks at each blob as the scan does, and for what is known.
struct Check<'c> {
    scanner: &'c Scanner,
    needles: &'c Needles,
    left: Mutex<Vec<Provenance>>,
}

/// Scans a copy; returns what could not be read of it.
///
/// # Errors
/// What is left in it, and why, as far as `closed` tells.
pub(super) fn check(
    provenance: &Provenance,
    bytes: &[u8],
    package: &dyn Package,
    scanner: &Scanner,
    secrets: &mut Secrets,
    closed: &[(Provenance, String)],
) -> Result<Vec<Gap>, Refusal> {
    secrets.look_for_all();
    let check = Check { scanner, needles: secrets.needles(), left: Mutex::default() };
    let run = Run {
        visit: &check,
        progress: &Unwatched,
        workspaces: &Workspaces::new(1),
        pool: &Pool::default(),
        passwords: &[],
        parallel: false,
        funds: &Arc::new(Funds::new(scanner.budget.run_expanded, None)),
    };
    let place = Place { provenance, package };
    let outcome = run.guarded(provenance, || run.bytes(place, bytes));
    let found = outcome.findings.iter().map(|finding| (&finding.location.provenance, Some(finding)));
    let left = check.left.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut left = found.chain(left.iter().map(|place| (place, None)));
    match left.next() {
        Some((place, finding)) => Err(refusal(place, finding, closed)),
        None => Ok(outcome.coverage.gaps),
    }
}

/// Why something is left there.
fn refusal(place: &Provenance, finding: Option<&Finding>, closed: &[(Provenance, String)]) -> Refusal {
    let holds = |outer: &Provenance| outer.path == place.path && place.entries.starts_with(&outer.entries);
    let reason = closed.iter().filter(|(outer, _)| holds(outer)).max_by_key(|(outer, _)| outer.entries.len());
    let what = finding.map_or("a value that was found elsewhere", |finding| finding.signature.description);
    let why = match (reason, finding) {
        (Some((_, why)), _) => format!("it holds a credential ({what}), and {why}"),
        (None, Some(finding)) if finding.location.bytes.is_none() => {
            format!("its name holds a credential ({what}): rename it")
        }
        (None, Some(finding)) if !finding.location.decoded.is_empty() => {
            let steps: Vec<_> = finding.location.decoded.iter().map(|step| step.name()).collect();
            format!("a credential in it ({what}) cannot be replaced through {}", steps.join(", "))
        }
        (None, _) => format!("a credential in it ({what}) cannot be replaced"),
    };
    Refusal::new(place, why)
}

impl Check<'_> {
    fn is_left(&self, provenance: &Provenance) {
        self.left.lock().unwrap_or_else(PoisonError::into_inner).push(provenance.clone());
    }
}

impl Visit for Check<'_> {
    fn budget(&self) -> &Budget {
        &self.scanner.budget
    }

    fn blob(&self, blob: &Blob, scratch: &mut Scratch) -> BlobScan {
        let trace = scan::trace(blob, self.scanner, scratch, self.needles);
        if !trace.known.is_empty() {
            self.is_left(blob.provenance);
        }
        scan::blob(blob, self.scanner, scratch)
    }

    fn stream(
        &self,
        provenance: &Provenance,
        reader: &mut dyn Read,
        reopen: &mut dyn FnMut() -> io::Result<Box<dyn Read>>,
        package: &dyn Package,
        scratch: &mut Scratch,
    ) -> BlobScan {
        // What does not fit into memory is not written anew, and looked at in windows.
        let mut bytes = Vec::new();
        let limit = self.scanner.budget.whole;
        let whole = reopen().and_then(|reader| reader.take(limit as u64 + 1).read_to_end(&mut bytes));
        if whole.is_ok_and(|read| read <= limit) {
            let blob = Blob { provenance, bytes: &bytes, package, landmarks: Landmarks::NONE };
            let trace = scan::trace(&blob, self.scanner, scratch, self.needles);
            if !trace.known.is_empty() {
                self.is_left(provenance);
            }
        } else if reopen().is_ok_and(|reader| self.needles.stand_in(reader)) {
            self.is_left(provenance);
        }
        scan::stream(provenance, reader, reopen, package, self.scanner, scratch)
    }

    fn worker(&self) -> Option<&Path> {
        self.scanner.worker.as_deref()
    }

    fn name(&self, provenance: &Provenance, scratch: &mut Scratch) -> Vec<Finding> {
        let name = provenance.entries.last().map_or(provenance.name(), |entry| entry);
        if self.needles.stand_in_text(name.as_bytes()) {
            self.is_left(provenance);
        }
        scan::name(provenance, self.scanner, scratch)
    }
}
