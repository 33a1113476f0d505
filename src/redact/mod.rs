//! Redacting: an export and all credentials in it → the same export without them.
//!
//! Bytes of a file go in; out come its new bytes and a list of what was replaced by what, or the reason why it cannot be
//! done. Containers are opened as far as they can be written again (`package`); in each text in them every finding, of any
//! lifetime and severity, and every other place where a found value stands, is replaced through the layers that it came out
//! of (`text`, `plan`): by the platform's own reference where it has one (`reference`), else by a placeholder. All else
//! stays byte for byte. What was made is scanned again (`check`): if anything is left, nothing is given out.

mod check;
mod gzip;
mod package;
mod plan;
mod reference;
mod secrets;
mod tar;
mod text;
mod zip;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::blob::{Package, Provenance};
use crate::budget::{Allowance, Gap};
use crate::container::{Form, form};
use crate::finding::Finding;
use crate::scan::{self, Scanner, Scratch};

use self::check::Check;
pub use self::secrets::Secrets;

/// One finding, and what stands in its place now.
#[derive(Debug)]
pub struct Replaced {
    /// What was found there.
    pub finding: Finding,
    /// What stands there now: a reference or a placeholder, without anything of the secret.
    pub put: String,
    /// The name by which the reference or placeholder calls the credential.
    pub name: String,
    /// How a person creates what a reference points to; `None` for a placeholder.
    pub create: Option<&'static str>,
}

/// A place where a found value stood once more, with nothing that tells what it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Again {
    /// The text it stood in.
    pub provenance: Provenance,
    /// The name by which the placeholder calls the credential.
    pub name: String,
}

/// What was done to one file.
#[derive(Debug, Default)]
pub struct Redacted {
    /// Its new bytes; `None` where nothing had to be replaced.
    pub bytes: Option<Vec<u8>>,
    /// What was replaced, in the order of the file.
    pub replaced: Vec<Replaced>,
    /// Further places.
    pub again: Vec<Again>,
    /// What could not be read of the new file.
    pub gaps: Vec<Gap>,
}

/// Why a file has no clean copy.
#[derive(Debug)]
pub struct Refusal {
    /// What it is about: the file, or what in it.
    pub provenance: Provenance,
    /// Why, in words.
    pub why: String,
}

impl Refusal {
    fn new(provenance: &Provenance, why: impl Into<String>) -> Self {
        Self { provenance: provenance.clone(), why: why.into() }
    }
}

/// Makes clean copies: what all files of an export share.
pub struct Redactor<'s> {
    scanner: &'s Scanner,
    /// What is known of secrets so far. It may grow with every file; then those before have to be done once more.
    pub secrets: Secrets,
    /// Whether a copy has the name of its file. If so, nothing that is known may stand in it.
    pub keeps_names: bool,
}

impl<'s> Redactor<'s> {
    /// For what a scan of the whole export has found.
    pub fn new(scanner: &'s Scanner, findings: &[Finding]) -> Self {
        let mut secrets = Secrets::default();
        for finding in findings {
            secrets.add(finding);
        }
        Self { scanner, secrets, keeps_names: true }
    }

    /// Whether a name of a folder, which is not changed, is free of what is known.
    ///
    /// # Errors
    /// Why there is no clean copy of what is in it.
    pub fn name(&mut self, provenance: &Provenance) -> Result<(), Refusal> {
        self.secrets.look_for_all();
        let is_known = self.secrets.needles().stand_in_text(provenance.name().as_bytes());
        if is_known || !scan::name(provenance, self.scanner, &mut Scratch::default()).is_empty() {
            return Err(Refusal::new(provenance, "the folder's name holds a credential: rename it"));
        }
        Ok(())
    }

    /// Makes the clean copy of one file. `package` is what stands beside it.
    ///
    /// # Errors
    /// Why there is none: a kind of file that is not written holds a credential, or one could not be replaced.
    pub fn file(
        &mut self,
        provenance: &Provenance,
        bytes: &[u8],
        package: &dyn Package,
    ) -> Result<Redacted, Refusal> {
        // Where a reference is not known as one, a placeholder is.
        let with_references = self.guarded(provenance, bytes, package, true);
        with_references.or_else(|_| self.guarded(provenance, bytes, package, false))
    }

    /// A decoder that panics costs its own file.
    fn guarded(
        &mut self,
        provenance: &Provenance,
        bytes: &[u8],
        package: &dyn Package,
        references: bool,
    ) -> Result<Redacted, Refusal> {
        // What a panic leaves half done is thrown away; names that were given to secrets may stay.
        let attempt = AssertUnwindSafe(|| self.attempt(provenance, bytes, package, references));
        catch_unwind(attempt).unwrap_or_else(|_payload| Err(Refusal::new(provenance, "a decoder failed")))
    }

    /// What was found in a text that is no part of the file, such as the rows of a workbook, was replaced where the file has
    /// it: then it is listed as it was found.
    fn list_by_copies(&self, provenance: &Provenance, redacted: &mut Redacted) {
        redacted.again.sort();
        redacted.again.dedup();
        let names: BTreeSet<String> = redacted.again.iter().map(|again| again.name.clone()).collect();
        for name in names {
            let finding =
                self.secrets.first(&name).filter(|_| !redacted.replaced.iter().any(|one| one.name == name));
            if let Some(finding) =
                finding.filter(|finding| finding.location.provenance.path == provenance.path)
            {
                let put = secrets::placeholder(&name);
                redacted.replaced.push(Replaced { finding: finding.clone(), put, name, create: None });
            }
        }
    }

    fn attempt(
        &mut self,
        provenance: &Provenance,
        bytes: &[u8],
        package: &dyn Package,
        references: bool,
    ) -> Result<Redacted, Refusal> {
        const TIMES: usize = 4;
        let mut redacted = Redacted::default();
        for time in 1..=TIMES {
            let known = self.secrets.len();
            self.secrets.look_for_all();
            let mut work = Work {
                scanner: self.scanner,
                secrets: &mut self.secrets,
                scratch: Scratch::default(),
                allowance: self.scanner.budget.allowance(bytes.len() as u64),
                redacted: Redacted::default(),
                listed: BTreeSet::new(),
                closed: Vec::new(),
                references,
            };
            let clean = work.item(provenance, bytes, package, 0)?;
            let Work { closed, redacted: done, .. } = work;
            redacted = Redacted { bytes: clean, ..done };
            // What came to light only now may stand in what was done before.
            if self.secrets.len() > known && time < TIMES {
                continue;
            }
            let shown = redacted.bytes.as_deref().unwrap_or(bytes);
            let check = Check { provenance, closed: &closed, named: self.keeps_names };
            redacted.gaps = check.check(shown, package, self.scanner, &mut self.secrets)?;
            break;
        }
        self.list_by_copies(provenance, &mut redacted);
        Ok(redacted)
    }
}

/// One file being done.
struct Work<'w> {
    scanner: &'w Scanner,
    secrets: &'w mut Secrets,
    scratch: Scratch,
    /// What may still unpack out of it.
    allowance: Allowance,
    redacted: Redacted,
    /// What is on the list of what was replaced: a credential's number, its text and its place there.
    listed: BTreeSet<(usize, String, String)>,
    /// What is left as it is, and why.
    closed: Vec<(Provenance, String)>,
    /// Whether platforms' references are put in.
    references: bool,
}

impl Work<'_> {
    /// The new bytes of a file or member; `None` where they stay as they are.
    fn item(
        &mut self,
        provenance: &Provenance,
        bytes: &[u8],
        package: &dyn Package,
        depth: usize,
    ) -> Result<Option<Vec<u8>>, Refusal> {
        if depth > self.scanner.budget.depth {
            return Ok(self.leave(provenance, "it lies too deep in containers"));
        }
        match form(bytes) {
            Form::Zip => self.zip(provenance, bytes, depth),
            Form::Gzip => self.gzip(provenance, bytes, depth),
            Form::Tar => self.tar(provenance, bytes, depth),
            Form::Mashup => self.mashup(provenance, bytes, depth),
            Form::Other => Ok(self.leave(provenance, "an archive of this kind is not written")),
            Form::Document(name) if !is_text_document(name) => {
                Ok(self.leave(provenance, format!("a {name} is not written")))
            }
            Form::Document(_) | Form::Plain => self.text(provenance, bytes, package, depth),
        }
    }

    /// Leaves something as it is. If a credential is in it, the check says so with this reason.
    fn leave<T>(&mut self, provenance: &Provenance, why: impl Into<String>) -> Option<T> {
        self.closed.push((provenance.clone(), why.into()));
        None
    }
}

/// Documents that are text, so that they can be written by their layers.
fn is_text_document(name: &str) -> bool {
    ["mail message", "RTF document", "Power Query part", "table as text"].contains(&name)
}
