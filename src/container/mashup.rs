//! `DataMashup`, as Power BI files have it: a version, a length, a zip of that length, then the permissions and the
//! metadata ([MS-QDEFF] 2.2), which are XML for the most part.

use std::io::Read;

use super::stream::Rewinds;
use super::{Job, Outcome, Place, Stream, Workspace, broken};

/// Whether bytes begin so: version 0, a length, and a zip.
pub(super) fn begins(head: &[u8]) -> bool {
    head.starts_with(&[0; 4]) && head.get(8..12) == Some(b"PK\x03\x04")
}

/// Looks at the zip, and at what is behind it.
pub(super) fn unpack(job: &Job, place: Place, stream: Stream, workspace: &mut Workspace) -> Outcome {
    let mut head = [0; 8];
    if let Err(error) = stream.reader.read_exact(&mut head) {
        return broken(place.provenance, &error);
    }
    let [_, _, _, _, size @ ..] = head;
    let size = u64::from(u32::from_le_bytes(size));
    let rewinds = Rewinds::default();
    let mut part = |name: &str, start: u64, size: u64| {
        let opener = || {
            let mut reader = (stream.opener)()?;
            rewinds.skip(&mut reader, start)?;
            Ok(Box::new(reader.take(size)) as Box<dyn Read>)
        };
        let provenance = &place.provenance.entry(name);
        let mut reader = (&mut *stream.reader).take(size);
        let part = Stream { reader: &mut reader, opener: &opener };
        let mut outcome = job.stream(Place { provenance, ..place }, part, workspace);
        outcome.coverage.members += 1;
        match std::io::copy(&mut reader, &mut std::io::sink()) {
            Ok(_) => outcome,
            Err(error) => outcome.then(broken(provenance, &error)),
        }
    };
    part("(package)", 8, size).then(part("(metadata)", 8 + size, u64::MAX))
}
