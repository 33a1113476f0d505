//! Characters by their numbers: `String.fromCharCode(115, 107)`, `Chr(115) & Chr(107)`, `bytes([0x73, 0x6b])`, Node's
//! `{"type":"Buffer","data":[115,107]}`. Each number of at most 255 is a byte, all else is passed over.

use super::{Decoded, OffsetMap, readable};
use crate::blob::Span;
use crate::finding::Encoding;

/// Numbers in a row that make a text.
const FEWEST: usize = 8;

/// The most that stands between two numbers, in bytes.
const GAP: usize = 48;

/// Words that may stand between two numbers or before the first: functions, types, members, the letters of `\n`.
const WORDS: &[&str] = &[
    "apply",
    "array",
    "b",
    "binary",
    "buffer",
    "byte",
    "bytearray",
    "bytes",
    "char",
    "charcode",
    "chr",
    "chrw",
    "code",
    "codepoint",
    "data",
    "for",
    "from",
    "frombinary",
    "fromcharcode",
    "fromcodepoint",
    "in",
    "map",
    "n",
    "new",
    "null",
    "nchar",
    "of",
    "r",
    "rn",
    "string",
    "t",
    "text",
    "type",
    "uint8array",
    "unichar",
    "unicode",
];

/// How far the call that makes characters of a list may stand behind it, and the longest such list, in bytes.
const BEHIND: usize = 48;
const LIST: usize = 4096;

/// The numbers of a list that ends right before `at`, where a function is named: `[115, 107].map(c => String.fromCharCode(c))`.
pub fn region_before(text: &[u8], at: usize, floor: usize) -> Option<Span> {
    let from = floor.max(at.saturating_sub(LIST)).min(at);
    let before = text.get(from..at)?;
    let close = memchr::memrchr(b']', before).filter(|close| before.len() - close <= BEHIND)?;
    let open = memchr::memrchr(b'[', before.get(..close)?)?;
    let items = || before[open + 1..close].split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    let is_list = items().count() >= FEWEST && items().all(|item| number(item).is_some());
    is_list.then_some(from + open + 1..from + close)
}

/// The numbers that begin at or behind `at` (or in the word before it, not before `floor`), if they are enough to be a
/// text; else how far was looked.
pub fn region(text: &[u8], at: usize, floor: usize) -> Result<Span, usize> {
    let word = |byte: &&u8| byte.is_ascii_alphanumeric();
    let before =
        text.get(floor.min(at)..at).unwrap_or_default().iter().rev().take(16).take_while(word).count();
    let (mut place, mut end, mut first, mut count) = (at - before, at, at, 0);
    while let Some(token) = next_token(text, place) {
        if number(&text[token.clone()]).is_some() {
            first = if count == 0 { token.start } else { first };
            (count, end) = (count + 1, token.end);
        } else if !is_known(&text[token.clone()]) {
            break;
        }
        place = token.end;
        if place > end + GAP {
            break;
        }
    }
    if count >= FEWEST { Ok(first..end) } else { Err(place.max(end)) }
}

/// The next letters and digits at or behind `at`, with nothing between that ends a list of numbers.
fn next_token(text: &[u8], at: usize) -> Option<Span> {
    let rest = text.get(at..text.len().min(at.saturating_add(GAP)))?;
    let between = rest
        .iter()
        .take_while(|byte| byte.is_ascii_whitespace() || b"()[]{}+&.,;:\"'\\#=>".contains(byte))
        .count();
    let start = at + between;
    let length = text[start..].iter().take(GAP).take_while(|byte| byte.is_ascii_alphanumeric()).count();
    (length > 0).then_some(start..start + length)
}

fn is_known(word: &[u8]) -> bool {
    if word.first().is_none_or(u8::is_ascii_digit) {
        return false;
    }
    // A variable.
    if word.len() == 1 {
        return true;
    }
    // The letter of an escaped line end glues to a word.
    let word = word.to_ascii_lowercase();
    WORDS.iter().any(|known| known.as_bytes() == word || word.strip_prefix(b"n") == Some(known.as_bytes()))
}

/// The value of a number of at most 255, decimal or hexadecimal.
fn number(token: &[u8]) -> Option<u8> {
    // An escaped line end: `,\n115`.
    let token = token.strip_prefix(b"n").unwrap_or(token);
    let text = std::str::from_utf8(token).ok()?;
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) if digits.len() <= 2 => u8::from_str_radix(digits, 16).ok(),
        None if text.len() <= 3 => text.parse().ok(),
        _ => None,
    }
}

/// The numbers of a stretch, and their values.
fn numbers(text: &[u8], span: Span) -> impl Iterator<Item = (Span, u8)> {
    let end = span.end.min(text.len());
    let mut at = span.start;
    std::iter::from_fn(move || {
        loop {
            at += text.get(at..end)?.iter().position(u8::is_ascii_alphanumeric)?;
            let length = text[at..end].iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
            let token = at..at + length;
            at = token.end;
            if let Some(value) = number(&text[token.clone()]) {
                return Some((token, value));
            }
        }
    })
}

/// Decodes the stretch; `None` where no number stands in it or what comes out is no text.
pub fn decode(parent: &[u8], span: Span) -> Option<Decoded> {
    decode_bytes(parent, span).filter(|decoded| readable(&decoded.text))
}

fn decode_bytes(parent: &[u8], span: Span) -> Option<Decoded> {
    let (mut text, mut map) = (Vec::new(), OffsetMap::default());
    parent.get(span.clone())?;
    for (number, value) in numbers(parent, span) {
        text.push(value);
        map.push_group(number, 1);
    }
    (!text.is_empty()).then_some(Decoded { text, map, encoding: Encoding::CharacterCodes })
}

/// Encodes the way the numbers at `span` of the parent are written, with what stands between two numbers there.
pub(super) fn encode_like(text: &[u8], parent: &[u8], span: &Span) -> Vec<u8> {
    let hex = parent.get(span.clone()).is_some_and(|old| old.starts_with(b"0x") || old.starts_with(b"0X"));
    let after = span.start..span.end.saturating_add(GAP);
    let before = span.start.saturating_sub(GAP)..span.end;
    let between = [after, before].into_iter().find_map(|window| {
        let [(a, _), (b, _)] = first_two(numbers(parent, window))?;
        parent.get(a.end..b.start)
    });
    let numbers: Vec<String> =
        text.iter().map(|byte| if hex { format!("0x{byte:02x}") } else { byte.to_string() }).collect();
    let numbers: Vec<&[u8]> = numbers.iter().map(String::as_bytes).collect();
    numbers.join(between.unwrap_or(b","))
}

fn first_two<T>(mut items: impl Iterator<Item = T>) -> Option<[T; 2]> {
    Some([items.next()?, items.next()?])
}

#[cfg(test)]
mod tests {
    use super::super::laws;
    use super::*;
    use proptest::prelude::*;

    fn decoded(text: &str) -> Option<String> {
        let decoded = decode(text.as_bytes(), region(text.as_bytes(), 0, 0).ok()?)?;
        Some(String::from_utf8_lossy(&decoded.text).into_owned())
    }

    #[test]
    fn decodes_the_ways_of_many_languages() {
        for text in [
            "String.fromCharCode(97,98,99,100,101,102,103,104)",
            "Chr(97) & Chr(98) & chrw(99)&Char(100)+chr(101).chr(102).chr(103).chr(104)",
            "bytes([0x61, 0x62,0x63,0x64,\n 0x65,0x66,0X67,0x68])",
            "Buffer\",\"data\":[97,98,99,100,101,102,103,104]}",
            "from([\\n  97,\\n  98,\\n99,100,101,102,103,104])",
            "fromCharCode.apply(null, [97,98,99,100,101,102,103,104])",
            "chr, [97,98,99,100,101,102,103,104]))",
            "chr(c) for c in [97,98,99,100,101,102,103,104])",
            "[char[]](97,98,99,100,101,102,103,104)",
            "[char]97+[char]98+[char]99+[char]100+[char]101+[char]102+[char]103+[char]104",
            "#binary({97,98,99,100,101,102,103,104})",
        ] {
            assert_eq!(decoded(text).as_deref(), Some("abcdefgh"), "{text}");
        }
    }

    #[test]
    fn numbers_before_their_function() {
        let of = |text: &str| {
            let span = region_before(text.as_bytes(), text.find("fromCharCode")?, 0)?;
            Some(String::from_utf8_lossy(&decode(text.as_bytes(), span)?.text).into_owned())
        };
        let call = "].map(c => String.fromCharCode(c)).join('')";
        assert_eq!(of(&format!("k = [97,98, 99,0x64,101,102,103,104{call}")).as_deref(), Some("abcdefgh"));
        assert_eq!(of(&format!("k = [97, b, 99,100,101,102,103,104{call}")), None);
        assert_eq!(of(&format!("k = [97{call}")), None);
        assert_eq!(of("fromCharCode"), None);
    }

    #[test]
    fn takes_no_other_numbers() {
        for text in
            ["chr(97)", "bytes([1000,98,99,100,101,102,103,104,105])", "char(a + 1, 2, 3, 4, 5, 6, 7, 8, 9)"]
        {
            assert_eq!(decoded(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn keeps_the_laws(
            text in proptest::collection::vec(any::<u8>(), 1..60),
            with in proptest::collection::vec(any::<u8>(), 1..9),
            ends in any::<[proptest::sample::Index; 2]>(),
            between in prop_oneof![Just(","), Just(", "), Just(")+chr("), Just(") & Chr("), Just(",\n  "), Just(",\\n")],
            hex in any::<bool>(),
        ) {
            let number = |byte: &u8| if hex { format!("0x{byte:x}") } else { byte.to_string() };
            let stretch = text.iter().map(number).collect::<Vec<_>>().join(between);
            laws::check(&stretch, decode_bytes, laws::part(text.len(), ends), &with)?;
        }
    }
}
