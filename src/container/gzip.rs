//! Gzip: one stream in some members (RFC 1952), which are read as one blob.

use std::io::{BufReader, Read};

use flate2::bufread::MultiGzDecoder;

use super::stream::Blamed;
use super::{Job, Outcome, Place, Stream, Workspace, wrapped};

/// Whether bytes begin as gzip does, with deflate in it (there is no other method).
pub(super) fn begins(head: &[u8]) -> bool {
    head.starts_with(&[0x1f, 0x8b, 8])
}

/// Looks at what is in it.
pub(super) fn unpack(job: &Job, place: Place, stream: Stream, workspace: &mut Workspace) -> Outcome {
    let opener = || Ok(Box::new(decoder((stream.opener)()?)) as Box<dyn Read>);
    let name = wrapped::name(place.provenance, &[("gz", ""), ("tgz", "tar"), ("gzip", "")]);
    wrapped::unpack(job, place, &name, decoder(stream.reader), &opener, workspace)
}

fn decoder<R: Read>(reader: R) -> impl Read + use<R> {
    Blamed(MultiGzDecoder::new(BufReader::with_capacity(64 << 10, reader)))
}
