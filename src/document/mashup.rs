//! The queries of Power Query in a workbook: a part of custom XML whose text is the base64 of a zip with the queries'
//! formulas (MS-QDEFF §2.2), where connection strings and keys stand in clear.

use std::io::Read;
use std::sync::Arc;

use data_encoding::BASE64;

use super::Sink;
use crate::budget::Reason;
use crate::decode::utf16;
use crate::source::{RangeReader, ReadAt};

/// The largest part that is read, in bytes.
const PART: u64 = 64 << 20;

/// The part's root element.
const ROOT: &str = "<DataMashup";

/// Whether bytes begin as such a part, in UTF-8 or UTF-16.
pub(super) fn begins(head: &[u8]) -> bool {
    let head = head.get(..1024).unwrap_or(head);
    matches!(head.first(), Some(b'<' | 0xff | 0xef)) && text(head).contains(ROOT)
}

fn text(bytes: &[u8]) -> String {
    let wide = utf16::decode(bytes, 0..bytes.len()).map(|wide| wide.text);
    String::from_utf8_lossy(wide.as_deref().unwrap_or(bytes)).into_owned()
}

/// Gives the zip.
pub(super) fn decode(source: &Arc<dyn ReadAt>, sink: &mut dyn Sink) {
    let mut bytes = Vec::new();
    if let Err(error) = RangeReader::whole(source.clone()).take(PART).read_to_end(&mut bytes) {
        return sink.gap(Reason::Unreadable, &error.to_string());
    }
    match package(&text(&bytes)) {
        Some(package) => drop(sink.member("Power Query", &mut &package[..])),
        None => sink.gap(Reason::Corrupt, "the queries in it cannot be read"),
    }
}

/// The zip in the text: behind a version and its length, four bytes each.
fn package(text: &str) -> Option<Vec<u8>> {
    let (_, root) = text.split_once(ROOT)?;
    let (_, content) = root.split_once('>')?;
    let (content, _) = content.split_once('<')?;
    let digits: Vec<u8> = content.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let bytes = BASE64.decode(&digits).ok()?;
    let (header, rest) = bytes.split_first_chunk::<8>()?;
    let [0, 0, 0, 0, length @ ..] = *header else { return None };
    Some(rest.get(..u32::from_le_bytes(length) as usize)?.to_vec())
}
