//! Deflate (RFC 1951) in gzip (RFC 1952), in zlib (RFC 1950), or as it is: what stands in base64 as SAML requests, drawings
//! and payloads do. It has no parts, so that each byte of the text comes out of all of it.

use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

use super::{Decoded, OffsetMap, readable};
use crate::blob::Span;
use crate::finding::Encoding;

/// What is around the deflated bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrapper {
    /// Gzip.
    Gzip,
    /// Zlib.
    Zlib,
    /// Nothing.
    None,
}

/// Bytes that are inflated to tell whether it is deflate without a wrapper.
const SAMPLE: usize = 64;

/// How bytes are deflated, by their first bytes; without a wrapper only if readable text comes out.
pub fn detect(bytes: &[u8]) -> Option<Wrapper> {
    match bytes {
        [0x1f, 0x8b, 8, ..] => Some(Wrapper::Gzip),
        [first, second, ..] if is_zlib([*first, *second]) => Some(Wrapper::Zlib),
        _ => is_bare(bytes).then_some(Wrapper::None),
    }
}

/// Whether zlib begins so: deflate with a window of at most 32 KiB, no dictionary, and the check of the header.
pub(super) fn is_zlib([first, second]: [u8; 2]) -> bool {
    first & 0x8f == 8 && second & 0x20 == 0 && u16::from_be_bytes([first, second]).is_multiple_of(31)
}

/// Whether bytes are deflated text: a block of type 1 or 2 (§3.2.3), and readable from the first byte.
fn is_bare(bytes: &[u8]) -> bool {
    if !may_begin_block(bytes) {
        return false;
    }
    let mut sample = [0; SAMPLE];
    let mut filled = 0;
    let mut decoder = DeflateDecoder::new(bytes);
    while let Some(room) = sample.get_mut(filled..).filter(|room| !room.is_empty()) {
        match decoder.read(room) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(_) => return false,
        }
    }
    filled >= SAMPLE / 4 && sample[..filled].is_ascii() && readable(&sample[..filled])
}

/// A first look at a block, since a decoder costs far more: of type 1 it must begin with printable ASCII (§3.2.6), of type 2
/// the lengths of its first code must make a complete one (§3.2.7). One of a hundred random ones does.
pub(super) fn may_begin_block(bytes: &[u8]) -> bool {
    let mut head = [0; 16];
    head.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    let head = u128::from_le_bytes(head);
    let bits = |at: usize, count: usize| (head >> at) as usize & ((1 << count) - 1);
    match bits(1, 2) {
        1 => (0..4).all(|symbol| {
            let code = (bits(3 + 8 * symbol, 8) as u8).reverse_bits();
            matches!(code.wrapping_sub(0x30), b' '..=b'~' | b'\t' | b'\n' | b'\r')
        }),
        2 => {
            let lengths = (0..bits(13, 4) + 4).map(|code| bits(17 + 3 * code, 3));
            let filled: usize = lengths.filter(|length| *length > 0).map(|length| 128 >> length).sum();
            bits(3, 5) < 30 && bits(8, 5) < 30 && filled == 128
        }
        _ => false,
    }
}

/// What comes out of a stretch.
pub enum Inflated {
    /// The text; of what is cut short or damaged, what stands before.
    Text(Decoded),
    /// More than the limit.
    TooMuch,
}

/// Inflates the stretch. `None` where it is not deflated or nothing comes out.
pub fn decode(parent: &[u8], span: Span, limit: usize) -> Option<Inflated> {
    let packed = parent.get(span.clone())?;
    let text = match detect(packed)? {
        Wrapper::Gzip => inflate(MultiGzDecoder::new(packed), limit),
        Wrapper::Zlib => inflate(ZlibDecoder::new(packed), limit),
        Wrapper::None => inflate(DeflateDecoder::new(packed), limit),
    };
    match text.len() {
        0 => None,
        length if length > limit => Some(Inflated::TooMuch),
        length => {
            let mut map = OffsetMap::default();
            map.push_group(span, length);
            Some(Inflated::Text(Decoded { text, map, encoding: Encoding::Deflate }))
        }
    }
}

fn inflate(decoder: impl Read, limit: usize) -> Vec<u8> {
    let mut text = Vec::new();
    // An error leaves what was read before it.
    let _ = decoder.take(limit as u64 + 1).read_to_end(&mut text);
    text
}

/// Deflates in the wrapper that `old` has.
pub(super) fn encode_like(text: &[u8], old: &[u8]) -> Option<Vec<u8>> {
    let encoded = match detect(old)? {
        Wrapper::Gzip => write(GzEncoder::new(Vec::new(), Compression::default()), text, GzEncoder::finish),
        Wrapper::Zlib => {
            write(ZlibEncoder::new(Vec::new(), Compression::default()), text, ZlibEncoder::finish)
        }
        Wrapper::None => {
            write(DeflateEncoder::new(Vec::new(), Compression::default()), text, DeflateEncoder::finish)
        }
    };
    encoded.ok()
}

fn write<W: Write>(mut encoder: W, text: &[u8], finish: fn(W) -> io::Result<Vec<u8>>) -> io::Result<Vec<u8>> {
    encoder.write_all(text)?;
    finish(encoder)
}

#[cfg(test)]
mod tests {
    use super::super::laws;
    use super::*;
    use proptest::prelude::*;

    /// `zlib.compressobj(9, 8, -15)` of Python's library over "a request, a request of some length", and so on.
    const TEXT: &[u8] = b"a request, a request of some length";
    const BARE: &[u8] = &[
        75, 84, 40, 74, 45, 44, 77, 45, 46, 209, 81, 72, 132, 49, 21, 242, 211, 20, 138, 243, 115, 83, 21,
        114, 82, 243, 210, 75, 50, 0,
    ];

    fn text(packed: &[u8]) -> Option<Vec<u8>> {
        match decode(packed, 0..packed.len(), 1000)? {
            Inflated::Text(decoded) => Some(decoded.text),
            Inflated::TooMuch => None,
        }
    }

    #[test]
    fn inflates_with_and_without_a_wrapper() {
        assert_eq!(text(BARE).as_deref(), Some(TEXT));
        for wrapper in [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..], &[0x78, 0x9c]] {
            // Without its checksum: what came before the damage counts.
            assert_eq!(text(&[wrapper, BARE].concat()).as_deref(), Some(TEXT));
        }
        assert_eq!(text(&[0x91; 40]), None);
        assert_eq!(text(b"plain text"), None);
        assert_eq!(text(b""), None);
    }

    #[test]
    fn stops_at_its_limit() {
        assert!(matches!(decode(BARE, 0..BARE.len(), 10), Some(Inflated::TooMuch)));
    }

    #[test]
    fn writes_without_a_wrapper() {
        let Some(Inflated::Text(decoded)) = decode(BARE, 0..BARE.len(), 1000) else {
            panic!("deflated text")
        };
        let rewrite = decoded.rewrite(BARE, 2..9, b"letter").expect("it lies there");
        assert_eq!(rewrite.span, 0..BARE.len());
        assert_eq!(text(&rewrite.bytes).as_deref(), Some(&b"a letter, a request of some length"[..]));
    }

    proptest! {
        #[test]
        fn keeps_the_laws(
            text in "[a-z {}\":0-9]{20,90}",
            with in "[a-z]{1,9}",
            ends in any::<[proptest::sample::Index; 2]>(),
            wrapper in prop_oneof![Just(&[0x1fu8, 0x8b, 8][..]), Just(&[0x78, 0x9c][..])],
        ) {
            let stretch = encode_like(text.as_bytes(), wrapper).expect("a known wrapper");
            let decode = |parent: &[u8], span| match decode(parent, span, 1000) {
                Some(Inflated::Text(decoded)) => Some(decoded),
                _ => None,
            };
            laws::check_bytes(&stretch, decode, laws::part(text.len(), ends), with.as_bytes())?;
        }
    }
}
