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

/// A copy that is to be checked.
pub(super) struct Check<'c> {
    pub(super) provenance: &'c Provenance,
    /// What of it is left as it is, and why.
    pub(super) closed: &'c [(Provenance, String)],
    /// Whether it has the name of the file that it was made of.
    pub(super) named: bool,
}

impl Check<'_> {
    /// Scans the copy; returns what could not be read of it.
    ///
    /// # Errors
    /// What is left in it, and why, as far as that is known.
    pub(super) fn check(
        &self,
        bytes: &[u8],
        package: &dyn Package,
        scanner: &Scanner,
        secrets: &mut Secrets,
    ) -> Result<Vec<Gap>, Refusal> {
        secrets.look_for_all();
        let look = Look { scanner, needles: secrets.needles(), named: self.named, left: Mutex::default() };
        let run = Run {
            visit: &look,
            progress: &Unwatched,
            workspaces: &Workspaces::new(1),
            pool: &Pool::default(),
            passwords: &[],
            parallel: false,
            funds: &Arc::new(Funds::new(scanner.budget.run_expanded, None)),
        };
        let place = Place { provenance: self.provenance, package };
        let outcome = run.guarded(self.provenance, || run.bytes(place, bytes));
        if let Some(finding) = outcome.findings.first() {
            let is_name = finding.location.bytes.is_none();
            return Err(refusal(&finding.location.provenance, is_name, Some(finding), self.closed));
        }
        let left = look.left.into_inner().unwrap_or_else(PoisonError::into_inner);
        match left.first() {
            Some((place, is_name)) => Err(refusal(place, *is_name, None, self.closed)),
            None => Ok(outcome.coverage.gaps),
        }
    }
}

/// Why something is left there, in a name or in what has that name.
fn refusal(
    place: &Provenance,
    is_name: bool,
    finding: Option<&Finding>,
    closed: &[(Provenance, String)],
) -> Refusal {
    let holds = |outer: &Provenance| outer.path == place.path && place.entries.starts_with(&outer.entries);
    let closed = closed.iter().filter(|(outer, _)| holds(outer) && !(is_name && outer == place));
    let reason = closed.max_by_key(|(outer, _)| outer.entries.len());
    let what = finding.map_or("a value that was found elsewhere", |finding| finding.signature.description);
    let why = match (reason, finding) {
        (Some((_, why)), _) => format!("it holds a credential ({what}), and {why}"),
        (None, _) if is_name => format!("its name holds a credential ({what}): rename it, and try again"),
        (None, Some(finding)) if !finding.location.decoded.is_empty() => {
            let steps: Vec<_> = finding.location.decoded.iter().map(|step| step.name()).collect();
            format!("a credential in it ({what}) cannot be replaced through {}", steps.join(", "))
        }
        (None, _) => format!("a credential in it ({what}) cannot be replaced"),
    };
    Refusal::new(place, why)
}

/// Looks at each blob as the scan does, and for what is known.
struct Look<'c> {
    scanner: &'c Scanner,
    needles: &'c Needles,
    named: bool,
    /// Where something is left, and whether that is a name.
    left: Mutex<Vec<(Provenance, bool)>>,
}

impl Look<'_> {
    fn is_left(&self, provenance: &Provenance, in_name: bool) {
        self.left.lock().unwrap_or_else(PoisonError::into_inner).push((provenance.clone(), in_name));
    }
}

impl Visit for Look<'_> {
    fn budget(&self) -> &Budget {
        &self.scanner.budget
    }

    fn blob(&self, blob: &Blob, scratch: &mut Scratch) -> BlobScan {
        let trace = scan::trace(blob, self.scanner, scratch, self.needles);
        if !trace.known.is_empty() {
            self.is_left(blob.provenance, false);
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
                self.is_left(provenance, false);
            }
        } else if reopen().is_ok_and(|reader| self.needles.stand_in(reader)) {
            self.is_left(provenance, false);
        }
        scan::stream(provenance, reader, reopen, package, self.scanner, scratch)
    }

    fn worker(&self) -> Option<&Path> {
        self.scanner.worker.as_deref()
    }

    fn name(&self, provenance: &Provenance, scratch: &mut Scratch) -> Vec<Finding> {
        if provenance.entries.is_empty() && !self.named {
            return Vec::new();
        }
        let name = provenance.entries.last().map_or(provenance.name(), |entry| entry);
        if self.needles.stand_in_text(name.as_bytes()) {
            self.is_left(provenance, true);
        }
        scan::name(provenance, self.scanner, scratch)
    }
}
