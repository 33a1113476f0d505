//! RPM packages: a lead, two headers, and the payload, a packed cpio (RPM's "Package format", V3 and V4:
//! <https://rpm-software-management.github.io/rpm/manual/format_v4.html>, read 2026-11-23). The headers hold scripts and
//! other texts.

use std::io::{self, Read};

use super::stream::{Rewinds, skip};
use super::{Job, Outcome, Place, Stream, Workspace, broken};

const MAGIC: &[u8] = b"\xed\xab\xee\xdb";
const LEAD: u64 = 96;
const HEADER: [u8; 3] = [0x8e, 0xad, 0xe8];

/// The most of a header that is read, in bytes.
const TEXTS: u64 = 4 << 20;

/// Whether bytes begin with a lead.
pub(super) fn begins(head: &[u8]) -> bool {
    head.starts_with(MAGIC)
}

/// Looks at the headers and the payload.
pub(super) fn unpack(job: &Job, place: Place, stream: Stream, workspace: &mut Workspace) -> Outcome {
    let mut outcome = Outcome::default();
    let start = match headers(stream.reader) {
        Ok((start, texts)) => {
            let provenance = &place.provenance.entry("(headers)");
            outcome.add(job.blob(Place { provenance, ..place }, &texts, workspace));
            start
        }
        Err(error) => return broken(place.provenance, &error),
    };
    let rewinds = Rewinds::default();
    let opener = || {
        let mut reader = (stream.opener)()?;
        rewinds.skip(&mut reader, start)?;
        Ok(reader)
    };
    let provenance = &place.provenance.entry("payload");
    let payload = Stream { reader: stream.reader, opener: &opener };
    outcome.coverage.members += 1;
    outcome.then(job.stream(Place { provenance, ..place }, payload, workspace))
}

/// Passes over the lead and both headers: where the payload starts, and what of the headers may be text.
fn headers(reader: &mut dyn Read) -> io::Result<(u64, Vec<u8>)> {
    skip(reader, LEAD)?;
    let (mut position, mut texts) = (LEAD, Vec::new());
    for _ in 0..2 {
        // Only the first of the two is filled up to eight bytes; the other one ends where the payload begins.
        let padding = (8 - position % 8) % 8;
        skip(reader, padding)?;
        position += padding;
        let mut head = [0; 16];
        reader.read_exact(&mut head)?;
        let [magic @ .., _, _, _, _, _, _, _, _, _, _, _, _, _] = head;
        if magic != HEADER {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "no header where one should be"));
        }
        let number = |at: usize| {
            head.get(at..)
                .and_then(|rest| rest.first_chunk())
                .map_or(0, |bytes| u64::from(u32::from_be_bytes(*bytes)))
        };
        let (index, store) = (number(8) * 16, number(12));
        skip(reader, index)?;
        let kept = reader.take(store.min(TEXTS)).read_to_end(&mut texts)? as u64;
        skip(reader, store - kept)?;
        position += 16 + index + store;
    }
    Ok((position, texts))
}
