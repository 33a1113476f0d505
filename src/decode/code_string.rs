//! The escapes of a string in program code, as JavaScript (ECMA-262 §12.9.4), Python, C and their kin share them: `\x2d`,
//! `\u002d`, `\u{2d}`, `\U0000002d`, `\055`, a line that goes on behind `\`. What is no escape is kept as it stands.

use super::{Decoded, Replacing, hex_value, in_token, readable, with_first_escaped};
use crate::blob::Span;
use crate::finding::Encoding;

/// Whether at `at` stands an escape that can be a byte of a credential, and that JSON does not have.
pub fn hides_ascii(text: &[u8], at: usize) -> bool {
    let rest = text.get(at..).unwrap_or_default();
    match rest {
        [b'\\', b'\n' | b'\r', ..] => {
            let next = rest.iter().skip(1).find(|byte| !matches!(byte, b'\n' | b'\r' | b' ' | b'\t'));
            let before = at.checked_sub(1).and_then(|before| text.get(before));
            before.zip(next).is_some_and(|(before, next)| in_token(*before) && in_token(*next))
        }
        [b'\\', b'x' | b'u' | b'U' | b'0'..=b'7', ..] => {
            // One digit in octal is a reference of a regular expression.
            escape(rest).is_some_and(|(c, len)| len > 2 && c.is_some_and(|c| c.is_ascii_graphic()))
        }
        _ => false,
    }
}

/// The word around the place `at`, from `floor` on at the earliest and at most `limit` bytes to each side: it ends at
/// raw blanks, control characters and quotes, and at the escapes of quotes and blanks; but goes on in the next line
/// behind a backslash.
pub fn region(text: &[u8], at: usize, floor: usize, limit: usize) -> Span {
    let at = at.min(text.len());
    let from = floor.max(at.saturating_sub(limit)).min(at);
    let ends = |byte: &u8| *byte <= b' ' || matches!(byte, b'"' | b'\'' | b'`' | 0x7f);
    let start = text[from..at].iter().rposition(ends).map_or(from, |end| from + end + 1);
    let bound = text.len().min(at.saturating_add(limit));
    let mut end = at;
    while end < bound {
        end += match text[end..] {
            [b'\\', b'"' | b'\'' | b'`' | b'n' | b'r' | b't', ..] => return start..end,
            [b'\\', b'\r' | b'\n', ..] => continued(&text[end..]),
            [b'\\', _, ..] => 2,
            [byte, ..] if ends(&byte) => return start..end,
            _ => 1,
        };
    }
    start..end.min(bound)
}

/// Decodes the stretch; `None` where no escape stands in it or what comes out is no text.
pub fn decode(parent: &[u8], span: Span) -> Option<Decoded> {
    decode_bytes(parent, span).filter(|decoded| readable(&decoded.text))
}

fn decode_bytes(parent: &[u8], span: Span) -> Option<Decoded> {
    let mut text = Replacing::new(parent, span)?;
    while let Some(backslash) = memchr::memchr(b'\\', text.rest()) {
        text.copy(backslash);
        match escape(text.rest()) {
            Some((Some(c), length)) => text.replace_char(length, c),
            Some((None, length)) => text.replace(length, b""),
            // The backslash and its letter stay together, so that nothing written between them makes another escape.
            None => text.keep(2),
        }
    }
    text.finish(Encoding::CodeString)
}

/// The character of the escape at the start of `text` (none for a line that goes on), and the escape's length.
fn escape(text: &[u8]) -> Option<(Option<char>, usize)> {
    let c = match text.get(1)? {
        b'"' => '"',
        b'\'' => '\'',
        b'`' => '`',
        b'\\' => '\\',
        b'/' => '/',
        b'a' => '\u{7}',
        b'b' => '\u{8}',
        b'e' => '\u{1b}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'v' => '\u{b}',
        b'\n' | b'\r' => return Some((None, continued(text))),
        b'x' => return number(text.get(2..4)?, 4),
        b'u' if text.get(2) == Some(&b'{') => return braced(text),
        b'u' => return number(text.get(2..6)?, 6),
        b'U' => return number(text.get(2..10)?, 10),
        b'0'..=b'7' => return octal(text),
        _ => return None,
    };
    Some((Some(c), 2))
}

/// The character of these hexadecimal digits, in an escape of that length.
fn number(digits: &[u8], length: usize) -> Option<(Option<char>, usize)> {
    let fold = |value: u32, digit: &u8| Some(value << 4 | u32::from(hex_value(*digit)?));
    let value = digits.iter().try_fold(0, fold)?;
    Some((Some(char::from_u32(value)?), length))
}

/// The length of a line that goes on, with the blanks that the next one begins with: of a text in YAML, TOML or a file of
/// properties they are no part. Where they are, no word goes on over them.
fn continued(text: &[u8]) -> usize {
    const BLANKS: usize = 64;
    let end = if text.get(1..3) == Some(b"\r\n") { 3 } else { 2 };
    let blanks = text.get(end..).unwrap_or_default().iter().take(BLANKS);
    end + blanks.take_while(|byte| matches!(byte, b' ' | b'\t')).count()
}

/// `\u{2d}`: one to six digits.
fn braced(text: &[u8]) -> Option<(Option<char>, usize)> {
    let digits = text.get(3..)?;
    let count = digits.iter().take(7).take_while(|digit| digit.is_ascii_hexdigit()).count();
    let closed = digits.get(count) == Some(&b'}') && (1..=6).contains(&count);
    number(digits.get(..count)?, count + 4).filter(|_| closed)
}

/// `\055`: one to three digits, at most `\377`.
fn octal(text: &[u8]) -> Option<(Option<char>, usize)> {
    let digits = text.get(1..)?.iter().take(3).take_while(|digit| matches!(digit, b'0'..=b'7'));
    let (mut value, mut count) = (0, 0);
    for digit in digits {
        let more = value << 3 | u32::from(digit - b'0');
        if more > 0xff {
            break;
        }
        (value, count) = (more, count + 1);
    }
    Some((Some(char::from_u32(value)?), count + 1))
}

/// Escapes quotes, backslashes and control characters.
pub fn encode(text: &[u8]) -> Vec<u8> {
    text.iter().fold(Vec::with_capacity(text.len()), |mut out, &byte| {
        match byte {
            b'"' | b'\'' | b'`' | b'\\' => out.extend([b'\\', byte]),
            b'\n' => out.extend(b"\\n"),
            b'\r' => out.extend(b"\\r"),
            b'\t' => out.extend(b"\\t"),
            0..0x20 => push_escape(&mut out, byte),
            _ => out.push(byte),
        }
        out
    })
}

/// Encodes for a place behind `before`: an escape cut short there must not go on in the first character.
pub(super) fn encode_after(text: &[u8], before: &[u8]) -> Vec<u8> {
    const LONGEST: usize = 10;
    let tail = &before[before.len().saturating_sub(LONGEST)..];
    let goes_on = |first: &u8| first.is_ascii() && tail.contains(&b'\\');
    with_first_escaped(text, goes_on, push_escape, encode)
}

fn push_escape(out: &mut Vec<u8>, byte: u8) {
    out.extend(format!("\\x{byte:02x}").into_bytes());
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
    fn decodes_every_escape() {
        assert_eq!(decoded(r"a\x2db\u002Dc\u{2d}d\055e\55f").as_deref(), Some("a-b-c-d-e-f"));
        assert_eq!(decoded("long\\\nline\\\r\n    end").as_deref(), Some("longlineend"));
        assert_eq!(decoded(r"a\U0000002Db").as_deref(), Some("a-b"));
        assert_eq!(decoded(r"\u{1F600}\xe9\\x41\/\'").as_deref(), Some("😀é\\x41/'"));
        assert_eq!(decoded(r"a\1234").as_deref(), Some("aS4"));
        assert_eq!(decoded("plain"), None);
        assert_eq!(decoded(r"C:\q\x4\u{}\u{1234567}\u12\8\"), None);
    }

    #[test]
    fn tells_what_hides_a_byte() {
        let hides = |text: &str| hides_ascii(text.as_bytes(), text.find('\\').expect("a backslash"));
        assert!(
            hides(r"sk\x5flive") && hides(r"sk\137live") && hides(r"sk\u{5f}live") && hides("sk_\\\nlive")
        );
        assert!(
            !hides(r"\x1b[0m")
                && !hides(r"\0")
                && !hides(r"$\1")
                && !hides("curl \\\n  -H")
                && !hides(r"\xe9")
        );
        assert!(!hides(r"\d"));
    }

    #[test]
    fn regions_are_words() {
        let text = "const k = 'sk\\x5flive\\\n_abc' + x";
        let at = text.find('\\').expect("an escape");
        assert_eq!(&text[region(text.as_bytes(), at, 0, 400)], "sk\\x5flive\\\n_abc");
        assert_eq!(&text[region(text.as_bytes(), at, 12, 5)], "k\\x5fl");
    }

    proptest! {
        #[test]
        fn keeps_the_laws(
            pieces in proptest::collection::vec(
                prop_oneof![
                    Just(r"\n"), Just(r"\x41"), Just(r"\u00e9"), Just(r"\u{41}"), Just(r"\05"), Just(r"\q"), Just(r"\x4"),
                    Just(r"\u{4"), Just(r"\\"), Just("\\\n"), Just("a"), Just("3"), Just("é"), Just("}"), Just("\n"),
                ],
                1..40,
            ),
            with in "[a-f0-9u\\\\\"\n é{}]{1,6}",
            ends in any::<[proptest::sample::Index; 2]>(),
        ) {
            let stretch = pieces.concat();
            let text = decode_bytes(stretch.as_bytes(), 0..stretch.len()).map_or(stretch.clone().into_bytes(), |decoded| decoded.text);
            laws::check(&stretch, decode_bytes, laws::characters(&text, ends), with.as_bytes())?;
        }
    }
}
