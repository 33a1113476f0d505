//! PDF (ISO 32000): the text of pages as it is shown, all strings of the objects (links, comments, form values, scripts,
//! properties), and streams that are for nobody's eyes: embedded files, metadata, forms in XML.
//!
//! `hayro` reads it: in a trial of four crates over 63 files, of which half were damaged on purpose, it gave by far the
//! most text and did not panic. It is isolated all the same.

mod objects;
mod page;

use std::io::Read;
use std::sync::Arc;

use hayro_interpret::hayro_syntax::{DecryptionError, LoadPdfError, Pdf};

use super::text::Writer;
use super::{Decoder, Sink};
use crate::budget::Reason;
use crate::source::{RangeReader, ReadAt};

/// PDF as a kind of document.
pub(super) const PDF: Decoder = Decoder { name: "PDF document", begins, decode, isolated: true };

/// The largest file that is held, in bytes.
const HELD: u64 = 256 << 20;

/// A reader allows some blanks and a byte order mark before it.
fn begins(head: &[u8]) -> bool {
    head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start().starts_with(b"%PDF-")
}

fn decode(source: &Arc<dyn ReadAt>, sink: &mut dyn Sink) {
    if source.size() > HELD {
        return sink.gap(Reason::BudgetBytes, "too large to be taken apart");
    }
    let mut bytes = Vec::new();
    if let Err(error) = RangeReader::whole(source.clone()).take(HELD).read_to_end(&mut bytes) {
        return sink.gap(Reason::Unreadable, &error.to_string());
    }
    match Pdf::new(bytes) {
        Ok(pdf) => {
            let seen = page::give(&pdf, &mut Writer::new("(text)", sink));
            objects::give(&pdf, &seen, &mut Writer::new("(objects)", sink));
        }
        Err(LoadPdfError::Decryption(DecryptionError::UnsupportedAlgorithm)) => {
            sink.gap(Reason::Encrypted, "it is encrypted in a way that is not known");
        }
        Err(LoadPdfError::Decryption(_)) => sink.gap(Reason::Encrypted, "a password is needed"),
        Err(LoadPdfError::Invalid) => sink.gap(Reason::Corrupt, "its objects cannot be found"),
    }
}

#[cfg(test)]
mod tests;
