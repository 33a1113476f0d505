//! Percent-encoding (RFC 3986 §2.1). A `+` stays a plus: in a secret it is one far more often than a blank.

use super::{AHEAD, Decoded, OffsetMap, hex_value, readable};
use crate::blob::Span;
use crate::finding::Encoding;

/// The stretch of an address around the place `at`: what may stand in one, at most `limit` bytes before it and `AHEAD` times as
/// many behind it.
/// Blanks, quotes, angle brackets, backslashes and all that is no ASCII end it.
pub fn region(text: &[u8], at: usize, limit: usize) -> Span {
    let at = at.min(text.len());
    let left = text[..at].iter().rev().take(limit).take_while(|&&byte| in_address(byte)).count();
    let right =
        text[at..].iter().take(limit.saturating_mul(AHEAD)).take_while(|&&byte| in_address(byte)).count();
    at - left..at + right
}

fn in_address(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&()*+,;=%".contains(&byte)
}

/// Decodes the stretch; `None` where no escape stands in it or what comes out is no text.
pub fn decode(parent: &[u8], span: Span) -> Option<Decoded> {
    decode_bytes(parent, span).filter(|decoded| readable(&decoded.text))
}

fn decode_bytes(parent: &[u8], span: Span) -> Option<Decoded> {
    let stretch = parent.get(span.clone())?;
    let mut escapes = memchr::memchr_iter(b'%', stretch).filter_map(|at| escape(stretch, at)).peekable();
    escapes.peek()?;
    let mut text = Vec::with_capacity(stretch.len());
    let mut map = OffsetMap::default();
    let mut copied = 0;
    for (at, byte) in escapes {
        text.extend_from_slice(&stretch[copied..at]);
        map.push_copy(span.start + copied..span.start + at);
        text.push(byte);
        map.push_group(span.start + at..span.start + at + 3, 1);
        copied = at + 3;
    }
    text.extend_from_slice(&stretch[copied..]);
    map.push_copy(span.start + copied..span.end);
    Some(Decoded { text, map, encoding: Encoding::Percent })
}

/// The escape whose `%` stands at `at`, with that place.
fn escape(text: &[u8], at: usize) -> Option<(usize, u8)> {
    let digits: &[u8; 2] = text.get(at + 1..)?.first_chunk()?;
    Some((at, hex_value(digits[0])? << 4 | hex_value(digits[1])?))
}

/// Escapes all but the unreserved characters.
pub fn encode(text: &[u8]) -> Vec<u8> {
    text.iter().fold(Vec::with_capacity(text.len()), |mut out, &byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(byte);
        } else {
            push_escape(&mut out, byte);
        }
        out
    })
}

/// Encodes for a place behind `before`: a stray `%` there must not make an escape of the first characters.
pub(super) fn encode_after(text: &[u8], before: &[u8]) -> Vec<u8> {
    let stray = before.iter().rev().take(2).any(|&byte| byte == b'%');
    let (first, rest) = text.split_at(text.len().min(if stray { 2 } else { 0 }));
    let mut out = Vec::with_capacity(text.len() + 4);
    first.iter().for_each(|&byte| push_escape(&mut out, byte));
    out.extend(encode(rest));
    out
}

fn push_escape(out: &mut Vec<u8>, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.extend([b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
}

#[cfg(test)]
mod tests {
    use super::super::laws;
    use super::*;
    use proptest::prelude::*;

    fn decoded(text: &str) -> Option<String> {
        laws::text_of(decode, text)
    }

    #[test]
    fn decodes_escapes_only() {
        assert_eq!(decoded("code%3Dab%2bc+d").as_deref(), Some("code=ab+c+d"));
        assert_eq!(decoded("gr%C3%B6%c3%9Fe").as_deref(), Some("größe"));
        assert_eq!(decoded("100% of 5%a%41").as_deref(), Some("100% of 5%aA"));
        assert_eq!(decoded("nothing"), None);
        assert_eq!(decoded("%zz%"), None);
        assert_eq!(decoded("%00%01%02a"), None);
    }

    #[test]
    fn maps_to_the_escape() {
        let decoded = decode(b"..a%3Db", 2..7).expect("an escape");
        assert_eq!(decoded.map.encoded(1..2).cover(), 3..6);
        assert_eq!(decoded.map.encoded(0..3).cover(), 2..7);
    }

    #[test]
    fn regions_are_addresses() {
        let text = r#"GET "https://x.test/a?b=%2Fc&d=(e)" now"#;
        let at = text.find('%').expect("an escape");
        assert_eq!(&text[region(text.as_bytes(), at, 400)], "https://x.test/a?b=%2Fc&d=(e)");
        let long = "x".repeat(100);
        assert_eq!(region(long.as_bytes(), 50, 2), 48..50 + 2 * AHEAD);
        assert_eq!(region(b"abc", 9, 400), 0..3);
    }

    proptest! {
        #[test]
        fn keeps_the_laws(
            pieces in proptest::collection::vec(
                prop_oneof![Just("%41"), Just("%"), Just("%4"), Just("a"), Just("1"), Just("%C3%A9"), Just("/"), Just("%25")],
                1..40,
            ),
            with in "[a-f0-9%/ é]{1,6}",
            ends in any::<[proptest::sample::Index; 2]>(),
        ) {
            let stretch = pieces.concat();
            let text = decode_bytes(stretch.as_bytes(), 0..stretch.len()).map_or(stretch.clone().into_bytes(), |decoded| decoded.text);
            laws::check(&stretch, decode_bytes, laws::characters(&text, ends), with.as_bytes())?;
        }

        #[test]
        fn encodes_back(text in "\\PC{1,60}") {
            let encoded = encode(text.as_bytes());
            let decoded = decode(&encoded, 0..encoded.len()).map_or(encoded, |decoded| decoded.text);
            prop_assert_eq!(decoded, text.into_bytes());
        }
    }
}
