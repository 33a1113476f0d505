//! Texts in images: chunks of a PNG (PNG third edition §11.3.3: `tEXt`, `zTXt`, `iTXt`), comments and XMP of a JPEG
//! (ITU-T T.81 annex B; XMP part 3 §1.1.3). Screenshots and exported diagrams carry whole documents there, packed.

use std::io::{self, BufReader, Read};
use std::sync::Arc;

use flate2::bufread::ZlibDecoder;

use super::Sink;
use crate::blob::Landmarks;
use crate::budget::Reason;
use crate::source::{RangeReader, ReadAt};

/// The longest text that is taken out of an image, in bytes.
const TEXT: u64 = 4 << 20;

/// The most texts of one image, and chunks that are passed on the way to them.
const TEXTS: usize = 256;
const CHUNKS: usize = 1 << 16;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Whether bytes begin as a PNG.
pub(super) fn is_png(head: &[u8]) -> bool {
    head.starts_with(PNG)
}

/// Whether bytes begin as a JPEG.
pub(super) fn is_jpeg(head: &[u8]) -> bool {
    head.starts_with(b"\xff\xd8\xff")
}

/// Gives the texts of a PNG.
pub(super) fn png(source: &Arc<dyn ReadAt>, sink: &mut dyn Sink) {
    let mut at = PNG.len() as u64;
    let mut texts = 0;
    for _ in 0..CHUNKS {
        let Ok([l0, l1, l2, l3, kind @ ..]) = read::<8>(source, at) else { return };
        let (start, length) = (at + 8, u64::from(u32::from_be_bytes([l0, l1, l2, l3])));
        if matches!(&kind, b"tEXt" | b"zTXt" | b"iTXt") {
            texts += 1;
            match chunk(source, &kind, start, length) {
                Ok(Some((keyword, text))) if !give(sink, &keyword, &text) => return,
                Ok(_) => {}
                Err(_) => sink.gap(Reason::Corrupt, "a text in it is broken"),
            }
        }
        if &kind == b"IEND" || texts == TEXTS {
            return;
        }
        at = start + length + 4;
    }
}

fn read<const N: usize>(source: &Arc<dyn ReadAt>, at: u64) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    RangeReader::new(source.clone(), at, at.saturating_add(N as u64)).read_exact(&mut bytes)?;
    Ok(bytes)
}

/// The keyword of a chunk, and its text unpacked; `None` where it is no text.
fn chunk(
    source: &Arc<dyn ReadAt>,
    kind: &[u8; 4],
    start: u64,
    length: u64,
) -> io::Result<Option<(String, Vec<u8>)>> {
    let mut bytes = Vec::new();
    let reader = RangeReader::new(source.clone(), start, start.saturating_add(length));
    reader.take(TEXT).read_to_end(&mut bytes)?;
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    let (Some(keyword), Some(rest)) = (parts.next(), parts.next()) else { return Ok(None) };
    let keyword = String::from_utf8_lossy(keyword.get(..79).unwrap_or(keyword)).into_owned();
    let text = match (kind, rest) {
        (b"tEXt", text) => text.to_vec(),
        (b"zTXt", [0, packed @ ..]) => inflate(packed)?,
        (b"iTXt", [is_packed, 0, rest @ ..]) => {
            // A language and a translated keyword, each with a zero behind it.
            let Some(text) = rest.splitn(3, |byte| *byte == 0).nth(2) else { return Ok(None) };
            if *is_packed == 0 { text.to_vec() } else { inflate(text)? }
        }
        _ => return Ok(None),
    };
    Ok(Some((keyword, text)))
}

fn inflate(packed: &[u8]) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    ZlibDecoder::new(packed).take(TEXT).read_to_end(&mut text)?;
    Ok(text)
}

fn give(sink: &mut dyn Sink, keyword: &str, text: &[u8]) -> bool {
    let mut landmarks = Landmarks::default();
    landmarks.push(0, format!("image text \"{keyword}\""));
    sink.text("(metadata)", text, &landmarks)
}

/// Gives the comments and the XMP of a JPEG.
pub(super) fn jpeg(source: &Arc<dyn ReadAt>, sink: &mut dyn Sink) {
    const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
    let mut reader = BufReader::new(RangeReader::whole(source.clone()).take(TEXT));
    let mut marker = [0; 2];
    if reader.read_exact(&mut marker).is_err() {
        return;
    }
    for _ in 0..TEXTS {
        let mut header = [0; 4];
        if reader.read_exact(&mut header).is_err() {
            return;
        }
        let [0xff, kind, high, low] = header else { return };
        // Behind the start of the scan there are no segments with lengths.
        let Some(length) = u16::from_be_bytes([high, low]).checked_sub(2).filter(|_| kind != 0xda) else {
            return;
        };
        let mut bytes = vec![0; usize::from(length)];
        if reader.read_exact(&mut bytes).is_err() {
            return;
        }
        let more = match (kind, bytes.strip_prefix(XMP)) {
            (0xfe, _) => give(sink, "comment", &bytes),
            (0xe1, Some(xmp)) => give(sink, "XMP", xmp),
            _ => true,
        };
        if !more {
            return;
        }
    }
}
