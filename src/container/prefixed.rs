//! Programs, and Chrome's `.crx`, with an archive behind them: what unpacks itself. A zip is found from its end, other
//! archives by their first bytes; what stands before the archive is looked at as it is.

use std::io::Read;
use std::sync::Arc;

use super::{Job, Outcome, Place, Stream, Workspace, zip};
use crate::source::{RangeReader, ReadAt};

/// How programs for Windows and Unix begin, and extensions of Chrome.
const BEGINS: [&[u8]; 3] = [b"MZ", b"\x7fELF", b"Cr24"];

/// How archives begin, with their versions, so that what unpacks them is not taken for one.
const ARCHIVES: [&[u8]; 5] = [
    b"7z\xbc\xaf\x27\x1c\0\x02",
    b"7z\xbc\xaf\x27\x1c\0\x03",
    b"7z\xbc\xaf\x27\x1c\0\x04",
    b"Rar!\x1a\x07\x01\0",
    b"Rar!\x1a\x07\0",
];

/// Whether bytes begin as something that an archive may stand behind.
pub(super) fn begins(head: &[u8]) -> bool {
    BEGINS.iter().any(|magic| head.starts_with(magic))
}

/// Looks at the archive, if there is one, and at what is before it.
pub(super) fn unpack(
    job: &Job,
    place: Place,
    source: &Arc<dyn ReadAt>,
    workspace: &mut Workspace,
) -> Outcome {
    if zip::has_directory(source.as_ref()) {
        return zip::unpack(job, place, source, workspace);
    }
    let Some(start) = find(source.as_ref()) else {
        return match source.bytes() {
            Some(bytes) => job.blob(place, bytes, workspace),
            None => range(job, place, source, 0, u64::MAX, workspace, as_it_is),
        };
    };
    let before = range(job, place, source, 0, start, workspace, as_it_is);
    let provenance = &place.provenance.entry(format!("(bytes from {start})"));
    let archive = Place { provenance, ..place };
    before.then(range(job, archive, source, start, u64::MAX, workspace, |job, place, stream, workspace| {
        job.stream(place, stream, workspace)
    }))
}

/// Looks at such a stream that is too large to be held.
pub(super) fn beyond(job: &Job, place: Place, stream: Stream, workspace: &mut Workspace) -> Outcome {
    as_it_is(job, place, stream, workspace)
}

fn as_it_is(job: &Job, place: Place, stream: Stream, workspace: &mut Workspace) -> Outcome {
    job.windows(place, stream, workspace)
}

fn range(
    job: &Job,
    place: Place,
    source: &Arc<dyn ReadAt>,
    start: u64,
    end: u64,
    workspace: &mut Workspace,
    look: impl FnOnce(&Job, Place, Stream, &mut Workspace) -> Outcome,
) -> Outcome {
    let open = || RangeReader::new(source.clone(), start, end);
    let opener = || Ok(Box::new(open()) as Box<dyn Read>);
    look(job, place, Stream { reader: &mut open(), opener: &opener }, workspace)
}

/// Where the first archive begins.
fn find(source: &dyn ReadAt) -> Option<u64> {
    let mut piece = vec![0; 256 << 10];
    let mut start = 0;
    loop {
        let mut filled = 0;
        while let Some(rest) = piece.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match source.read_at(rest, start + filled as u64) {
                Ok(0) | Err(_) => break,
                Ok(read) => filled += read,
            }
        }
        let bytes = piece.get(..filled)?;
        let first = ARCHIVES.iter().filter_map(|magic| memchr::memmem::find(bytes, magic)).min();
        if let Some(at) = first {
            return Some(start + at as u64);
        }
        if filled < piece.len() {
            return None;
        }
        start += (filled - 8) as u64;
    }
}
