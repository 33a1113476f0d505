//! Gzip (RFC 1952): all members of it become one, with the first one's header.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::bufread::GzDecoder;
use flate2::read::MultiGzDecoder;

use super::{Refusal, Work};
use crate::blob::{Alone, Provenance};
use crate::container::in_gzip;

impl Work<'_> {
    /// The new bytes of a gzip.
    pub(super) fn gzip(
        &mut self,
        provenance: &Provenance,
        bytes: &[u8],
        depth: usize,
    ) -> Result<Option<Vec<u8>>, Refusal> {
        // A tar in it may be larger than one text.
        let limit = self.scanner.budget.whole.saturating_mul(8);
        let mut plain = Vec::new();
        match MultiGzDecoder::new(bytes).take(limit as u64 + 1).read_to_end(&mut plain) {
            Ok(read) if read <= limit && self.allowance.take(read as u64) => {}
            Ok(_) => return Ok(self.leave(provenance, "it is too large to be written anew")),
            Err(_) => return Ok(self.leave(provenance, "the gzip is damaged")),
        }
        let inner = provenance.entry(in_gzip(provenance));
        let Some(clean) = self.item(&inner, &plain, &Alone, depth + 1)? else { return Ok(None) };
        pack(bytes, &clean).map(Some).ok_or_else(|| Refusal::new(provenance, "the gzip cannot be written"))
    }
}

/// Packs under the header of `old`.
fn pack(old: &[u8], content: &[u8]) -> Option<Vec<u8>> {
    let decoder = GzDecoder::new(old);
    let header = decoder.header()?;
    let mut builder =
        flate2::GzBuilder::new().mtime(header.mtime()).operating_system(header.operating_system());
    if let Some(extra) = header.extra() {
        builder = builder.extra(extra);
    }
    if let Some(name) = header.filename() {
        builder = builder.filename(name);
    }
    if let Some(comment) = header.comment() {
        builder = builder.comment(comment);
    }
    let mut encoder = builder.write(Vec::new(), Compression::default());
    encoder.write_all(content).ok()?;
    encoder.finish().ok()
}
