//! What git keeps, as it lies in a copied `.git` folder: packs, bundles (a pack behind a list of references) and loose
//! objects. Every object is looked at: files, messages of commits and tags, names in folders. No program of git's is run.
//!
//! Formats: <https://git-scm.com/docs/gitformat-pack>, <https://git-scm.com/docs/gitformat-bundle>,
//! <https://git-scm.com/docs/gitformat-loose>.

mod delta;
mod pack;

use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;

use flate2::{Decompress, FlushDecompress};

use self::pack::Format;
use super::stream::Inflate;
use super::{Job, Outcome, Place, Stream, Workspace, wrapped};
use crate::source::{RangeReader, ReadAt, fill};

pub(crate) use self::delta::apply as apply_delta;

/// What packs and bundles begin with.
const PACK: &[u8] = b"PACK\0\0\0\x02";
const BUNDLES: [&[u8]; 2] = [b"# v2 git bundle\n", b"# v3 git bundle\n"];

/// The longest list of references that is read, in bytes.
const REFERENCES: usize = 16 << 20;

/// The longest header of a loose object, in bytes: a kind and a size.
const HEADER: usize = 32;

/// Whether bytes begin as a pack or a bundle does.
pub(super) fn begins(head: &[u8]) -> bool {
    head.starts_with(PACK) || BUNDLES.iter().any(|bundle| head.starts_with(bundle))
}

/// Looks at the objects of a pack or a bundle.
pub(super) fn unpack(
    job: &Job,
    place: Place,
    source: &Arc<dyn ReadAt>,
    workspace: &mut Workspace,
) -> Outcome {
    let mut head = [0; 16];
    let _ = fill(&mut RangeReader::whole(source.clone()), &mut head); // what is missing is told below
    if head.starts_with(PACK) {
        return pack::unpack(job, place, source, 0, Format::of(place, source), workspace);
    }
    let references = match references(source) {
        Ok(references) => references,
        Err(error) => return super::broken(place.provenance, &error),
    };
    let provenance = &place.provenance.entry("(header)");
    let outcome = job.blob(Place { provenance, ..place }, &references, workspace);
    let sha256 = references.split(|byte| *byte == b'\n').any(|line| line == b"@object-format=sha256");
    let format = if sha256 { Format::Sha256 } else { Format::Sha1 };
    outcome.then(pack::unpack(job, place, source, references.len() as u64, format, workspace))
}

/// The lines before the pack of a bundle, with the empty one that ends them.
fn references(source: &Arc<dyn ReadAt>) -> io::Result<Vec<u8>> {
    let mut reader = BufReader::new(RangeReader::whole(source.clone()));
    let mut lines = Vec::new();
    loop {
        let read = (&mut reader).take(64 << 10).read_until(b'\n', &mut lines)?;
        match lines.last() {
            Some(b'\n') if read == 1 => return Ok(lines),
            Some(b'\n') if lines.len() <= REFERENCES => {}
            _ => return Err(io::Error::new(io::ErrorKind::InvalidData, "the list of references has no end")),
        }
    }
}

/// Whether bytes begin as a loose object does: a stream of zlib's with a kind and a size.
pub(super) fn begins_loose(head: &[u8]) -> bool {
    let Some((start @ [method, _], deflated)) = head.split_first_chunk::<2>() else { return false };
    if method & 0x8f != 8 || u16::from_be_bytes(*start) % 31 != 0 {
        return false;
    }
    let mut text = [0; HEADER];
    let mut state = Decompress::new(false);
    let _ = state.decompress(deflated, &mut text, FlushDecompress::Sync); // what came out of it counts
    let written = usize::try_from(state.total_out()).unwrap_or(0);
    let mut parts = text.get(..written).unwrap_or_default().split(|byte| *byte == 0);
    let header = parts.next().unwrap_or_default();
    let mut words = header.split(|byte| *byte == b' ');
    let kind = words.next().is_some_and(|kind| matches!(kind, b"blob" | b"tree" | b"commit" | b"tag"));
    let size = words.next().is_some_and(|size| !size.is_empty() && size.iter().all(u8::is_ascii_digit));
    kind && size && words.next().is_none() && parts.next().is_some()
}

/// Looks at what is in a loose object.
pub(super) fn unpack_loose(job: &Job, place: Place, stream: Stream, workspace: &mut Workspace) -> Outcome {
    let opener = || Ok(Box::new(loose((stream.opener)()?)) as Box<dyn Read>);
    wrapped::unpack(job, place, "content", loose(stream.reader), &opener, workspace)
}

fn loose<R: Read>(reader: R) -> Loose<BufReader<R>> {
    Loose { inflate: Inflate::zlib(BufReader::with_capacity(64 << 10, reader)), begun: false }
}

/// The content of a loose object, without its header.
struct Loose<R> {
    inflate: Inflate<R>,
    begun: bool,
}

impl<R: BufRead> Read for Loose<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.begun {
            self.begun = true;
            let mut header = Vec::new();
            // A byte at a time, so that nothing behind it is taken.
            let start = BufReader::with_capacity(1, &mut self.inflate);
            start.take(HEADER as u64).read_until(0, &mut header)?;
        }
        self.inflate.read(buffer)
    }
}
