//! Documents as containers: what their decoders give is shown to the visitor, piece by piece, and then the document's
//! own bytes as they stand, for what no decoder knows of. A decoder that is not ours runs in a child process.

use std::io::{self, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;

use super::{Job, Outcome, Place, Stream, Workspace, broken, gap, zip};
use crate::blob::{Alone, Landmarks, Package};
use crate::budget::Reason;
use crate::document::{self, Decoder, Frame, Frames, Sink, office, worker};
use crate::finding::Secret;
use crate::source::{RangeReader, ReadAt};

/// Documents that may be a zip as well, whose directory stands at its end.
const BEFORE_ZIP: &[&str] = &["PNG image", "JPEG image", "PDF document"];

/// Looks at what is in a document.
pub(super) fn unpack(
    decoder: &'static Decoder,
    job: &Job,
    place: Place,
    source: &Arc<dyn ReadAt>,
    workspace: &mut Workspace,
) -> Outcome {
    let whole = &document::with_companions(decoder, source, place.package);
    let pieces = match job.run.visit.worker() {
        Some(_) if !decoder.isolated => inside(decoder, job, place, whole, workspace),
        Some(program) => {
            let mut command = Command::new(program);
            command.args(["decode-worker", decoder.name]).env_clear();
            if !job.run.passwords.is_empty() {
                command.env(worker::PASSWORDS, worker::passwords_for_worker(job.run.passwords));
            }
            outside(command, job, place, whole, workspace)
        }
        None => inside(decoder, job, place, whole, workspace),
    };
    let mut reader = RangeReader::whole(source.clone());
    let opener = || Ok(Box::new(RangeReader::whole(source.clone())) as Box<dyn Read>);
    let raw = job.windows(place, Stream { reader: &mut reader, opener: &opener }, workspace);
    let outcome = pieces.then_unseen(raw);
    let may_be_zip = BEFORE_ZIP.contains(&decoder.name) && !job.too_deep(place);
    match may_be_zip && zip::has_directory(source.as_ref()) {
        true => outcome.then_unseen(zip::unpack(job, place, source, workspace)),
        false => outcome,
    }
}

/// Decodes in this process.
fn inside(
    decoder: &Decoder,
    job: &Job,
    place: Place,
    source: &Arc<dyn ReadAt>,
    workspace: &mut Workspace,
) -> Outcome {
    job.run.guarded(place.provenance, || {
        let mut pieces = Pieces { job, place, workspace, outcome: Outcome::default(), members: 0 };
        (decoder.decode)(source, &mut pieces);
        pieces.outcome
    })
}

/// Decodes in a process of its own.
fn outside(
    mut command: Command,
    job: &Job,
    place: Place,
    source: &Arc<dyn ReadAt>,
    workspace: &mut Workspace,
) -> Outcome {
    let given = source.file().and_then(|file| file.try_clone().ok());
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = match command.stdin(given.map_or_else(Stdio::piped, Stdio::from)).spawn() {
        Ok(child) => child,
        Err(error) => {
            let detail = format!("no process for its decoder: {error}");
            return gap(place.provenance, Reason::DecoderFailed, detail);
        }
    };
    let (feed, pipe) = (child.stdin.take(), child.stdout.take());
    std::thread::scope(|scope| {
        // A worker that ends early closes the pipe; that is not our trouble.
        scope.spawn(move || feed.map(|mut feed| copy(source, &mut feed)));
        let mut pieces = Pieces { job, place, workspace, outcome: Outcome::default(), members: 0 };
        let ended = pipe.map_or(Ok(false), |pipe| receive(pipe, &mut pieces));
        let mut outcome = pieces.outcome;
        if let Some(gap) = verdict(&mut child, ended, place) {
            outcome.add(gap);
        }
        outcome
    })
}

fn copy(source: &Arc<dyn ReadAt>, feed: &mut dyn Write) -> io::Result<()> {
    match source.bytes() {
        Some(bytes) => feed.write_all(bytes),
        None => io::copy(&mut RangeReader::whole(source.clone()), feed).map(|_| ()),
    }
}

/// Takes the pieces out of the pipe; true at their end, false where no more were wanted.
fn receive(pipe: impl Read, pieces: &mut Pieces) -> io::Result<bool> {
    let mut frames = Frames::new(io::BufReader::with_capacity(64 << 10, pipe));
    loop {
        let more = match frames.next()? {
            Frame::Text(name, text, landmarks) => pieces.text(&name, &text, &landmarks),
            Frame::Member(name) => pieces.member(&name, &mut frames.content()),
            Frame::Gap(reason, detail) => {
                pieces.gap(reason, &detail);
                true
            }
            Frame::Done => return Ok(true),
        };
        if !more {
            return Ok(false);
        }
    }
}

/// Ends the worker, and says what it left undone.
fn verdict(child: &mut Child, ended: io::Result<bool>, place: Place) -> Option<Outcome> {
    if !matches!(ended, Ok(true)) {
        let _ = child.kill(); // it may have ended by itself
    }
    let status = child.wait();
    let detail = match (ended, status) {
        (Ok(_), Ok(_)) => return None, // all of it, or all that was wanted
        (Err(_), Ok(status)) if spent_its_time(status) => {
            return Some(gap(place.provenance, Reason::Deadline, "its decoder was at work for too long"));
        }
        (Err(_), Ok(_)) => "its decoder failed, or wanted too much memory",
        (_, Err(_)) => "its decoder cannot be waited for",
    };
    Some(gap(place.provenance, Reason::DecoderFailed, detail))
}

#[cfg(unix)]
fn spent_its_time(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt;
    // Hard and soft limit are one, so that some systems send SIGKILL; but that is what we send as well.
    status.signal() == Some(rustix::process::Signal::XCPU.as_raw())
}

#[cfg(not(unix))]
fn spent_its_time(_status: ExitStatus) -> bool {
    false
}

/// Shows the pieces of a document to the visitor.
struct Pieces<'a, 'w> {
    job: &'a Job<'a>,
    place: Place<'a>,
    workspace: &'w mut Workspace,
    outcome: Outcome,
    /// How many were looked at.
    members: usize,
}

impl Sink for Pieces<'_, '_> {
    fn text(&mut self, name: &str, text: &[u8], landmarks: &Landmarks) -> bool {
        let provenance = &self.place.provenance.entry(name);
        // What was granted is at most the length of the text, a `usize`.
        let granted = self.job.allowance.take_up_to(text.len() as u64) as usize;
        let text = text.get(..granted).unwrap_or(text);
        // It is the document still: the key of a database lies beside the database.
        let place = Place { provenance, package: self.place.package };
        self.outcome.add(self.job.rendered(place, text, landmarks, self.workspace));
        if self.job.spent() {
            self.outcome.add(self.job.spent_gap(provenance));
        }
        !self.job.spent()
    }

    fn member(&mut self, name: &str, content: &mut dyn Read) -> bool {
        if self.members == self.job.run.visit.budget().members {
            self.gap(Reason::BudgetMembers, "too many members; the rest is left out");
            return false;
        }
        self.members += 1;
        let provenance = &self.place.provenance.entry(name);
        let place = Place { provenance, package: &Alone };
        let outcome = self.job.run.guarded(provenance, || self.job.once(place, content, self.workspace));
        self.outcome.add(outcome);
        self.outcome.add(self.job.run.named(provenance, self.workspace));
        self.outcome.coverage.members += 1;
        !self.job.spent()
    }

    fn gap(&mut self, reason: Reason, detail: &str) {
        self.outcome.add(gap(self.place.provenance, reason, detail));
    }

    fn passwords(&self) -> Vec<Secret> {
        self.job.run.passwords.to_vec()
    }
}

/// Looks at the tables of a workbook, given as the members of its zip.
pub(super) fn tables(job: &Job, place: Place, package: &dyn Package, workspace: &mut Workspace) -> Outcome {
    job.run.guarded(place.provenance, || {
        let mut pieces = Pieces { job, place, workspace, outcome: Outcome::default(), members: 0 };
        office::tables::render(package, &mut |name, text, landmarks| pieces.text(name, text, landmarks));
        pieces.outcome
    })
}

impl Job<'_> {
    /// Looks at a text that was made out of a document.
    fn rendered(
        &self,
        place: Place,
        text: &[u8],
        landmarks: &Landmarks,
        workspace: &mut Workspace,
    ) -> Outcome {
        let Place { provenance, package } = place;
        let blob = crate::blob::Blob { provenance, bytes: text, package, landmarks };
        let scan = self.run.visit.blob(&blob, &mut workspace.scratch);
        self.seen(place, scan, workspace)
    }

    /// Looks at a stream that comes only once. What is not too large is held, so that an outline can be made of it.
    fn once(&self, place: Place, content: &mut dyn Read, workspace: &mut Workspace) -> Outcome {
        let cut = std::cell::Cell::new(false);
        let mut reader = super::stream::Metered::new(content, self.allowance, &cut);
        let limit = self.run.visit.budget().whole;
        let mut outcome = match self.hold(limit) {
            None => {
                let opener = || Err(io::Error::other("a part of a document comes only once"));
                self.stream(place, Stream { reader: &mut reader, opener: &opener }, workspace)
            }
            Some(held) => held.job(self).held(place, &mut reader, limit, workspace),
        };
        if cut.get() {
            outcome.add(self.spent_gap(place.provenance));
        }
        outcome
    }

    fn held(&self, place: Place, reader: &mut dyn Read, limit: usize, workspace: &mut Workspace) -> Outcome {
        let mut bytes = Vec::new();
        match (&mut *reader).take(limit as u64).read_to_end(&mut bytes) {
            Ok(read) if read == limit => {
                let opener = || Err(io::Error::other("a part of a document comes only once"));
                let mut all = bytes.as_slice().chain(reader);
                self.stream(place, Stream { reader: &mut all, opener: &opener }, workspace)
            }
            ended => {
                let outcome = self.whole(place, &bytes, workspace);
                match ended {
                    Ok(_) => outcome,
                    Err(error) => outcome.then(broken(place.provenance, &error)),
                }
            }
        }
    }
}
