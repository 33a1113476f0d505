//! The escapes of a JSON string (RFC 8259 §7). What is no valid escape is kept as it stands.

use super::{AHEAD, Decoded, OffsetMap, hex_value, readable, with_first_escaped};
use crate::blob::Span;
use crate::finding::Encoding;

/// The word around the place `at`, at most `limit` bytes before it and `AHEAD` times as many behind it, since what is
/// encoded once more within it must be whole: it ends at raw blanks, control characters and quotes, and at the escapes of
/// a quote, a line break and a tab.
pub fn region(text: &[u8], at: usize, limit: usize) -> Span {
    let at = at.min(text.len());
    word_start(text, at, limit)..word_end(text, at, limit.saturating_mul(AHEAD))
}

fn word_start(text: &[u8], at: usize, limit: usize) -> usize {
    let mut start = at;
    while start > at.saturating_sub(limit) && !ends_word(text, start - 1) {
        start -= 1;
    }
    start
}

/// Whether the byte at `at` is a raw end of a word, or the letter of an escape that is one.
fn ends_word(text: &[u8], at: usize) -> bool {
    let letter = matches!(text[at], b'n' | b'r' | b't');
    is_raw_end(text[at]) || letter && is_escaped(text, at)
}

/// Whether an odd number of backslashes stands before `at`.
fn is_escaped(text: &[u8], at: usize) -> bool {
    text[..at].iter().rev().take_while(|&&byte| byte == b'\\').count() % 2 == 1
}

fn word_end(text: &[u8], at: usize, limit: usize) -> usize {
    let bound = text.len().min(at.saturating_add(limit));
    let mut end = at;
    while end < bound {
        end += match text[end..] {
            [b'\\', b'"' | b'n' | b'r' | b't', ..] => return end,
            [b'\\', _, ..] => 2,
            [byte, ..] if is_raw_end(byte) => return end,
            _ => 1,
        };
    }
    end.min(bound)
}

fn is_raw_end(byte: u8) -> bool {
    byte <= b' ' || byte == b'"' || byte == 0x7f
}

/// Decodes the stretch; `None` where no valid escape stands in it or what comes out is no text.
pub fn decode(parent: &[u8], span: Span) -> Option<Decoded> {
    decode_bytes(parent, span).filter(|decoded| readable(&decoded.text))
}

fn decode_bytes(parent: &[u8], span: Span) -> Option<Decoded> {
    let stretch = parent.get(span.clone())?;
    let mut text = Vec::with_capacity(stretch.len());
    let mut map = OffsetMap::default();
    let (mut at, mut decodes) = (0, false);
    while at < stretch.len() {
        let copied = memchr::memchr(b'\\', &stretch[at..]).unwrap_or(stretch.len() - at);
        text.extend_from_slice(&stretch[at..at + copied]);
        map.push_copy(span.start + at..span.start + at + copied);
        at += copied;
        if at == stretch.len() {
            break;
        }
        let before = text.len();
        let len = match escape(&stretch[at..]) {
            Some((c, len)) => {
                decodes = true;
                text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                len
            }
            None => {
                let kept = invalid(&stretch[at..]);
                text.extend_from_slice(kept);
                kept.len()
            }
        };
        map.push_group(span.start + at..span.start + at + len, text.len() - before);
        at += len;
    }
    decodes.then_some(Decoded { text, map, encoding: Encoding::JsonString })
}

/// The character of the escape at the start of `text`, and the escape's length.
fn escape(text: &[u8]) -> Option<(char, usize)> {
    let c = match text.get(1)? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode_escape(text),
        _ => return None,
    };
    Some((c, 2))
}

fn unicode_escape(text: &[u8]) -> Option<(char, usize)> {
    let first = unit(text)?;
    if let Some(c) = char::from_u32(first.into()) {
        return Some((c, 6));
    }
    let second = unit(text.get(6..)?)?;
    let c = char::decode_utf16([first, second]).next()?.ok()?;
    Some((c, 12))
}

/// The code unit of the `\uXXXX` at the start of `text`.
fn unit(text: &[u8]) -> Option<u16> {
    let digits: &[u8; 4] = text.strip_prefix(b"\\u")?.first_chunk()?;
    digits.iter().try_fold(0, |unit, &digit| Some(unit << 4 | u16::from(hex_value(digit)?)))
}

/// What is kept of an invalid escape at the start of `text`: the backslash and its letter. They stay together, so
/// that nothing written between them makes another escape.
fn invalid(text: &[u8]) -> &[u8] {
    &text[..text.len().min(2)]
}

/// Escapes quotes, backslashes and control characters.
pub fn encode(text: &[u8]) -> Vec<u8> {
    text.iter().fold(Vec::with_capacity(text.len()), |mut out, &byte| {
        match byte {
            b'"' | b'\\' => out.extend([b'\\', byte]),
            b'\n' => out.extend(b"\\n"),
            b'\r' => out.extend(b"\\r"),
            b'\t' => out.extend(b"\\t"),
            0..0x20 => push_escape(&mut out, byte),
            _ => out.push(byte),
        }
        out
    })
}

/// Encodes for a place behind `before`: a `\u` cut short there must not take the first characters for its digits.
pub(super) fn encode_after(text: &[u8], before: &[u8]) -> Vec<u8> {
    let digits = before.iter().rev().take(3).take_while(|byte| byte.is_ascii_hexdigit()).count();
    let cut = (0..=digits).any(|digits| before[..before.len() - digits].ends_with(b"\\u"));
    with_first_escaped(text, |first| cut && first.is_ascii_hexdigit(), push_escape, encode)
}

fn push_escape(out: &mut Vec<u8>, byte: u8) {
    out.extend(format!("\\u{byte:04x}").into_bytes());
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
        assert_eq!(decoded(r#"a\"b\\c\/d\n\r\te"#).as_deref(), Some("a\"b\\c/d\n\r\te"));
        assert_eq!(decoded(r"\u003dAKIA\u00E9\ud83d\ude00").as_deref(), Some("=AKIAé😀"));
        assert_eq!(decoded("plain"), None);
    }

    #[test]
    fn keeps_what_is_no_escape() {
        assert_eq!(decoded(r"\q\u12\ud800\n\"), Some("\\q\\u12\\ud800\n\\".to_owned()));
        assert_eq!(decoded(r"\ud800\u0041"), Some("\\ud800A".to_owned()));
        assert_eq!(decoded(r"C:\dir\x"), None);
    }

    #[test]
    fn maps_to_the_escape() {
        let text = br"--x\u003dAKIA\n\nz";
        let decoded = decode(text, 2..text.len()).expect("escapes");
        assert_eq!(decoded.map.encoded(1..2).cover(), 3..9);
        assert_eq!(decoded.map.encoded(2..6).cover(), 9..13);
        assert_eq!(decoded.map.runs(), 5);
    }

    #[test]
    fn regions_are_words() {
        let word = |text: &str, at: usize| text[region(text.as_bytes(), at, 400)].to_owned();
        let text = r#"{"a": "say \"x\u003dAKIA\/b\" now\nnext\ttab"}"#;
        let at = |part: &str| text.find(part).expect("it stands there");
        assert_eq!(word(text, at(r"\u003d")), r"x\u003dAKIA\/b");
        assert_eq!(word(text, at("AKIA")), r"x\u003dAKIA\/b");
        assert_eq!(word(text, at("ext")), "next");
        assert_eq!(word(text, at("ab\"")), "tab");
        assert_eq!(word(r"a\\nb", 4), r"a\\nb");
        let long = "x".repeat(100);
        assert_eq!(region(long.as_bytes(), 50, 2), 48..50 + 2 * AHEAD);
        assert_eq!(region(b"abc", 9, 400), 0..3);
    }

    proptest! {
        #[test]
        fn decodes_as_serde_json_does(text in any::<String>(), escape_all in any::<bool>()) {
            let quoted = match escape_all {
                true => text.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect(),
                false => {
                    let quoted = serde_json::to_string(&text).expect("a string");
                    quoted[1..quoted.len() - 1].to_owned()
                }
            };
            if let Some(decoded) = decode_bytes(quoted.as_bytes(), 0..quoted.len()) {
                let expected: String = serde_json::from_str(&format!("\"{quoted}\"")).expect("valid");
                prop_assert_eq!(decoded.text, expected.into_bytes());
            }
        }

        #[test]
        fn encodes_what_serde_json_reads(text in any::<String>()) {
            let encoded = String::from_utf8(encode(text.as_bytes())).expect("UTF-8 stays UTF-8");
            let read: String = serde_json::from_str(&format!("\"{encoded}\"")).expect("valid");
            prop_assert_eq!(read, text);
        }

        #[test]
        fn keeps_the_laws(
            pieces in proptest::collection::vec(
                prop_oneof![
                    Just(r"\n"), Just(r"\u00e9"), Just(r"\ud83d\ude00"), Just(r"\q"), Just(r"\u12"), Just(r"\ud800"),
                    Just(r"\\"), Just(r"\/"), Just("a"), Just("3"), Just("é"), Just("z"),
                ],
                1..40,
            ),
            with in "[a-f0-9u\\\\\"\n é]{1,6}",
            ends in any::<[proptest::sample::Index; 2]>(),
        ) {
            let stretch = pieces.concat();
            let text = decode_bytes(stretch.as_bytes(), 0..stretch.len()).map_or(stretch.clone().into_bytes(), |decoded| decoded.text);
            laws::check(&stretch, decode_bytes, laws::characters(&text, ends), with.as_bytes())?;
        }

        #[test]
        fn regions_stay_inside(text in r#"[a-z\\"nrt ]{0,80}"#, at in 0..100usize, limit in 0..100usize) {
            let region = region(text.as_bytes(), at, limit);
            prop_assert!(region.start <= region.end && region.end <= text.len());
        }
    }
}
