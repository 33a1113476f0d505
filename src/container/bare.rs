//! Packed streams that nothing marks for sure: zlib (RFC 1950), whose two bytes may be anything, and Brotli (RFC 7932),
//! which has no magic at all and so is the one format that is told by its name, `.br`. Both must decode; and since that
//! may be chance, their bytes are looked at as they stand, too.

use std::io::{BufRead, Read};

use brotli_decompressor::Decompressor;
use flate2::bufread::ZlibDecoder;

use super::wrapped::Wrapper;
use super::{Job, Outcome, Place, Stream, Workspace};

const ZLIB: Wrapper = Wrapper {
    endings: &[("zlib", ""), ("z", ""), ("zz", "")],
    window: |_| 0,
    open: |packed, _| Box::new(ZlibDecoder::new(packed)),
};

const BROTLI: Wrapper = Wrapper {
    endings: &[("br", "")],
    window: |_| 16 << 20, // RFC 7932, 9.1; no larger ones unless asked for
    open: |packed, _| brotli(packed),
};

/// What must come out before a stream is believed in, unless it ends earlier.
const TRIAL: usize = 256;

/// Whether bytes begin with a zlib stream of the usual window.
pub(super) fn is_zlib(head: &[u8]) -> bool {
    let [0x78, flags, ..] = *head else { return false };
    let checked = (0x7800 + u32::from(flags)).is_multiple_of(31) && flags & 0x20 == 0;
    checked && head.len() > 8 && gives(ZlibDecoder::new(head))
}

/// Whether a blob of this name is a Brotli stream.
pub(super) fn is_brotli(place: Place, head: &[u8]) -> bool {
    let named =
        place.provenance.name().rsplit_once('.').is_some_and(|(_, end)| end.eq_ignore_ascii_case("br"));
    named && gives(brotli(Box::new(head)))
}

fn brotli<'a>(packed: Box<dyn BufRead + 'a>) -> Box<dyn Read + 'a> {
    Box::new(Decompressor::new(packed, 4096))
}

/// Whether something comes out, and as much as is asked for or all there is.
fn gives(mut decoder: impl Read) -> bool {
    let mut buffer = [0; TRIAL];
    let (filled, trouble) = crate::source::fill(&mut decoder, &mut buffer);
    filled > 0 && (trouble.is_none() || filled == buffer.len())
}

/// Looks at what is in a zlib stream.
pub(super) fn unpack_zlib(job: &Job, place: Place, stream: Stream, workspace: &mut Workspace) -> Outcome {
    unpack(&ZLIB, job, place, stream, workspace)
}

/// Looks at what is in a Brotli stream.
pub(super) fn unpack_brotli(job: &Job, place: Place, stream: Stream, workspace: &mut Workspace) -> Outcome {
    unpack(&BROTLI, job, place, stream, workspace)
}

fn unpack(wrapper: &Wrapper, job: &Job, place: Place, stream: Stream, workspace: &mut Workspace) -> Outcome {
    let Stream { reader, opener } = stream;
    let outcome = wrapper.unpack(job, place, Stream { reader, opener }, workspace);
    match opener() {
        Ok(mut again) => {
            let raw = Stream { reader: &mut again, opener };
            outcome.then_unseen(job.windows(place, raw, workspace))
        }
        Err(error) => outcome.then(super::broken(place.provenance, &error)),
    }
}
