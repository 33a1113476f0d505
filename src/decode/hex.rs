//! Hexadecimal: two digits a byte, of either case, over line breaks as `xxd -p` writes them.

use super::digits::{self, Alphabet};
use super::packed::is_packed;
use super::{Decoded, hex_value, readable};
use crate::blob::Span;
use crate::finding::Encoding;

static DIGIT: [u8; 256] = digits::values(
    b"0123456789abcdef",
    &[(b'A', b'a'), (b'B', b'b'), (b'C', b'c'), (b'D', b'd'), (b'E', b'e'), (b'F', b'f')],
);
const ALPHABET: Alphabet =
    Alphabet { values: &DIGIT, bits: 4, group: 2, padding: 0, encoding: Encoding::Hex };

/// Digits that are looked at to tell whether text comes out.
const SAMPLE: usize = 32;

/// Whether a run begins as hexadecimal digits of ASCII text do; random ones pass once in a million.
#[inline]
pub fn promising(run: &[u8]) -> bool {
    matches!(run, [b'0' | b'2'..=b'7', ..]) && begins_text(run)
}

fn begins_text(run: &[u8]) -> bool {
    let Some(sample) = run.get(..SAMPLE) else { return false };
    let printable = |pair: &[u8; 2]| {
        let byte = hex_value(pair[0]).zip(hex_value(pair[1])).map(|(high, low)| high << 4 | low);
        byte.is_some_and(|byte| matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r'))
    };
    sample.as_chunks().0.iter().all(printable)
}

/// Whether a run of hexadecimal digits begins as a container does, or as what gzip or zlib packed.
pub fn holds_packed(run: &[u8]) -> bool {
    let Some(digits) = run.first_chunk::<16>() else { return false };
    // The first digits tell nearly all others apart.
    if !matches!(digits[0], b'0' | b'1' | b'2' | b'3' | b'4' | b'5' | b'7' | b'd' | b'D' | b'f' | b'F') {
        return false;
    }
    let mut bytes = [0; 8];
    for (pair, byte) in digits.as_chunks::<2>().0.iter().zip(&mut bytes) {
        let Some((high, low)) = hex_value(pair[0]).zip(hex_value(pair[1])) else { return false };
        *byte = high << 4 | low;
    }
    is_packed(&bytes)
}

/// Whether a run holds little-endian UTF-16, as databases write it: every second byte is a zero.
pub fn holds_utf16(run: &[u8]) -> bool {
    let Some(sample) = run.get(..SAMPLE) else { return false };
    let unit = |unit: &[u8; 4]| {
        let byte = hex_value(unit[0]).zip(hex_value(unit[1])).map(|(high, low)| high << 4 | low);
        unit.ends_with(b"00") && byte.is_some_and(|byte| matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r'))
    };
    sample.as_chunks().0.iter().all(unit)
}

/// The whole stretch from the run's start: its lines, as long as they are equal. At most `limit` bytes.
pub fn region(text: &[u8], run: Span, limit: usize) -> Span {
    digits::region(&ALPHABET, text, run, limit)
}

/// Decodes the stretch if readable text comes out.
pub fn decode(parent: &[u8], span: Span) -> Option<Decoded> {
    decode_bytes(parent, span).filter(|decoded| readable(&decoded.text))
}

/// Decodes the stretch whatever comes out.
pub fn decode_bytes(parent: &[u8], span: Span) -> Option<Decoded> {
    digits::decode(&ALPHABET, parent, span)
}

/// Encodes in the case of `old`.
pub(super) fn encode_like(text: &[u8], old: &[u8]) -> Vec<u8> {
    let upper = old.iter().any(u8::is_ascii_uppercase);
    let encoding = if upper { data_encoding::HEXUPPER } else { data_encoding::HEXLOWER };
    encoding.encode(text).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::super::laws;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tells_text_from_hashes() {
        assert!(promising(b"746865206b6579206973206e6f742068657265"));
        assert!(promising(b"746865206B6579206973206E6F742068657265"));
        assert!(!promising(b"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
        assert!(!promising(b"746865206b657"));
        assert!(!promising(b"746865206b657920697zz06e6f74206865"));
    }

    #[test]
    fn tells_what_is_packed_and_wide_text() {
        assert!(holds_packed(b"1f8b0800000000000203"));
        assert!(holds_packed(b"504B030414000000080021"));
        assert!(
            !holds_packed(b"504b0404140000000800")
                && !holds_packed(b"1f8b")
                && !holds_packed(b"1f8b08zzzzzzzzzzzz")
        );
        assert!(holds_utf16(b"67006800700061005f00310032003300"));
        assert!(!holds_utf16(b"67016800700061005f00310032003300"));
    }

    #[test]
    fn regions_go_over_equal_lines() {
        let digits = data_encoding::HEXLOWER.encode(&[b'x'; 70]);
        let text = format!("00000 {}\n{}\n{}\n\nother", &digits[..60], &digits[60..120], &digits[120..]);
        let region = region(text.as_bytes(), 6..66, 999);
        assert_eq!(decode(text.as_bytes(), region).expect("text").text, [b'x'; 70]);
    }

    proptest! {
        #[test]
        fn keeps_the_laws(
            text in proptest::collection::vec(any::<u8>(), 1..90),
            with in proptest::collection::vec(any::<u8>(), 1..9),
            ends in any::<[proptest::sample::Index; 2]>(),
            upper in any::<bool>(),
            tail in "[0-9a-f]?",
        ) {
            let encoding = if upper { data_encoding::HEXUPPER } else { data_encoding::HEXLOWER };
            let stretch = encoding.encode(&text) + &tail;
            laws::check(&stretch, decode_bytes, laws::part(text.len(), ends), &with)?;
        }
    }
}
