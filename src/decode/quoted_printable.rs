//! Quoted-printable (RFC 2045 §6.7): `=3D`, and lines that go on behind `=`. What is neither is kept as it stands. The
//! line ends may be escaped as in a JSON string.

use super::{Decoded, Replacing, hex_value, in_token, readable};
use crate::blob::Span;
use crate::finding::Encoding;

/// Whether what stands at `at` makes it clear that the text is quoted-printable: an escaped `=` (in lower case it may be an
/// identifier's beginning, as in `id=3d4e`), or a line that goes on within a word.
pub fn opens(text: &[u8], at: usize) -> bool {
    let rest = text.get(at..).unwrap_or_default();
    match line_end(rest) {
        Some(length) => {
            let before = at.checked_sub(1).and_then(|before| text.get(before));
            before.zip(rest.get(length)).is_some_and(|(before, next)| in_token(*before) && in_token(*next))
        }
        None => rest.get(2) == Some(&b'D') || !rest.get(3).is_some_and(u8::is_ascii_hexdigit),
    }
}

/// The stretch around the place `at`, from `floor` on at the earliest: at most `reach` bytes before it, and on as long as
/// not more than `reach` bytes have no `=`. Begins with a line.
pub fn region(text: &[u8], at: usize, floor: usize, reach: usize) -> Span {
    let at = at.min(text.len());
    let from = floor.max(at.saturating_sub(reach)).min(at);
    let start =
        memchr::memchr(b'\n', &text[from..at]).filter(|_| from > floor).map_or(from, |end| from + end + 1);
    let mut end = at;
    loop {
        let rest = &text[end..text.len().min(end.saturating_add(reach))];
        match memchr::memchr(b'=', rest) {
            Some(sign) => end += sign + 1,
            None => return start..end + rest.len(),
        }
    }
}

/// Decodes the stretch; `None` where nothing is encoded in it or what comes out is no text.
pub fn decode(parent: &[u8], span: Span) -> Option<Decoded> {
    decode_bytes(parent, span).filter(|decoded| readable(&decoded.text))
}

fn decode_bytes(parent: &[u8], span: Span) -> Option<Decoded> {
    let mut text = Replacing::new(parent, span)?;
    while let Some(sign) = memchr::memchr(b'=', text.rest()) {
        text.copy(sign);
        let rest = text.rest();
        match (line_end(rest), byte(rest)) {
            (Some(length), _) => text.replace(length, b""),
            (None, Some(byte)) => text.replace(3, &[byte]),
            (None, None) => text.copy(1),
        }
    }
    text.finish(Encoding::QuotedPrintable)
}

/// The byte that the `=XX` at the start of `text` stands for. Lower case is not in the RFC, but in mails.
fn byte(text: &[u8]) -> Option<u8> {
    let [_, high, low] = *text.first_chunk()?;
    Some(hex_value(high)? << 4 | hex_value(low)?)
}

/// The length of the `=` at the start of `text` and of the line end behind it: blanks may stand between them.
fn line_end(text: &[u8]) -> Option<usize> {
    const BLANKS: usize = 8;
    let blanks = text.iter().skip(1).take(BLANKS).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let end = match text.get(1 + blanks..)? {
        [b'\r', b'\n', ..] => 2,
        [b'\n', ..] => 1,
        [b'\\', b'r', b'\\', b'n', ..] => 4,
        [b'\\', b'n', ..] => 2,
        _ => return None,
    };
    Some(1 + blanks + end)
}

/// Encodes all but letters, digits and signs that mean nothing in any place.
pub fn encode(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 4);
    // Those two might be taken for the digits of a stray `=`.
    for (at, &byte) in text.iter().enumerate() {
        let plain = byte.is_ascii_alphanumeric() || b"-_.:/,+*()".contains(&byte);
        if plain && (at >= 2 || !byte.is_ascii_hexdigit()) {
            out.push(byte);
        } else {
            out.extend(format!("={byte:02X}").into_bytes());
        }
    }
    out
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
    fn decodes_bytes_and_line_ends() {
        assert_eq!(decoded("a=3Db gr=C3=B6=c3=9fe").as_deref(), Some("a=b größe"));
        assert_eq!(decoded("lo=\r\nng to=\nken=  \r\n!").as_deref(), Some("long token!"));
        assert_eq!(decoded("lo=\\r\\nng to=\\nken").as_deref(), Some("long token"));
        assert_eq!(decoded("a = b =G1 =").as_deref(), None);
    }

    #[test]
    fn regions_go_on_with_what_is_encoded() {
        let text = format!(
            "{}\nsecond {}\na=3Db{}=3Dc{}",
            "w".repeat(50),
            "x".repeat(30),
            "y".repeat(50),
            "z".repeat(99)
        );
        let at = text.find('=').expect("a sign");
        let region = region(text.as_bytes(), at, 0, 60);
        assert!(text[region.clone()].starts_with("second x"));
        assert!(text[region].ends_with(&"z".repeat(57)));
    }

    proptest! {
        #[test]
        fn keeps_the_laws(
            pieces in proptest::collection::vec(
                prop_oneof![
                    Just("=41"), Just("="), Just("=4"), Just("a"), Just("1"), Just("=C3=A9"), Just("=\n"), Just("=\r\n"),
                    Just("=3D"), Just("\n"), Just("=\\n"), Just(" "), Just("é"),
                ],
                1..40,
            ),
            with in "[a-f0-9= é\n\\\\]{1,6}",
            ends in any::<[proptest::sample::Index; 2]>(),
        ) {
            let stretch = pieces.concat();
            let text = decode_bytes(stretch.as_bytes(), 0..stretch.len()).map_or(stretch.clone().into_bytes(), |decoded| decoded.text);
            laws::check(&stretch, decode_bytes, laws::characters(&text, ends), with.as_bytes())?;
        }
    }
}
