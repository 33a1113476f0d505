//! UTF-32 of either endianness: whole texts, with a byte order mark or without, and runs of it in binaries.

use super::{Decoded, OffsetMap};
use crate::blob::Span;
use crate::finding::Encoding;

/// How much of a text is looked at to guess its endianness, in bytes.
const SAMPLE: usize = 4096;

/// The shortest run in a binary, in characters.
pub const SHORTEST_RUN: usize = 8;

/// Whether the bytes are UTF-32 text as a whole, and where the text begins: behind the byte order mark, or at 0 where nine
/// of the first characters' tenths are such, and half of them ASCII.
pub fn detect(bytes: &[u8]) -> Option<(Encoding, usize)> {
    match bytes {
        [0xff, 0xfe, 0, 0, _, ..] => Some((Encoding::Utf32Le, 4)),
        [0, 0, 0xfe, 0xff, _, ..] => Some((Encoding::Utf32Be, 4)),
        _ => [Encoding::Utf32Le, Encoding::Utf32Be]
            .into_iter()
            .find(|encoding| is_text(&bytes[..bytes.len().min(SAMPLE)], *encoding))
            .map(|encoding| (encoding, 0)),
    }
}

fn is_text(sample: &[u8], encoding: Encoding) -> bool {
    let (units, _) = sample.as_chunks::<4>();
    // Most other bytes are told by their first two.
    let begins = units.iter().take(2).all(|unit| character(*unit, encoding).is_some_and(|c| c != '\0'));
    if units.len() < SHORTEST_RUN || !begins {
        return false;
    }
    let (mut characters, mut ascii) = (0, 0);
    for c in units.iter().filter_map(|unit| character(*unit, encoding)) {
        characters += usize::from(!c.is_control() || matches!(c, '\t' | '\n' | '\r'));
        ascii += usize::from(matches!(c, ' '..='~' | '\t' | '\n' | '\r'));
    }
    characters * 10 >= units.len() * 9 && ascii * 2 >= units.len()
}

fn character(unit: [u8; 4], encoding: Encoding) -> Option<char> {
    let value =
        if encoding == Encoding::Utf32Be { u32::from_be_bytes(unit) } else { u32::from_le_bytes(unit) };
    char::from_u32(value)
}

/// Decodes the stretch as UTF-32 of the given endianness, to UTF-8. What is no character becomes U+FFFD; up to three bytes
/// at the end are left. `None` where there is no character, or the encoding is another.
pub fn decode_as(parent: &[u8], span: Span, encoding: Encoding) -> Option<Decoded> {
    if !matches!(encoding, Encoding::Utf32Le | Encoding::Utf32Be) {
        return None;
    }
    let (units, _) = parent.get(span.clone())?.as_chunks::<4>();
    let mut text = Vec::with_capacity(units.len() + units.len() / 8);
    let mut map = OffsetMap::default();
    for (number, unit) in units.iter().enumerate() {
        let c = character(*unit, encoding).unwrap_or(char::REPLACEMENT_CHARACTER);
        text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        let at = span.start + 4 * number;
        map.push_group(at..at + 4, c.len_utf8());
    }
    (!text.is_empty()).then_some(Decoded { text, map, encoding })
}

/// Encodes UTF-8 text, without a byte order mark. What is no UTF-8 becomes U+FFFD; big-endian for
/// [`Encoding::Utf32Be`], little-endian for all else.
pub fn encode(text: &[u8], encoding: Encoding) -> Vec<u8> {
    let bytes = match encoding {
        Encoding::Utf32Be => u32::to_be_bytes,
        _ => u32::to_le_bytes,
    };
    String::from_utf8_lossy(text).chars().flat_map(|c| bytes(u32::from(c))).collect()
}

/// The stretches of UTF-32 in bytes of unknown kind, in order and disjoint: at least [`SHORTEST_RUN`] characters of ASCII
/// in a row, at any place, of either endianness. Linear, and looks at a few bytes in 28 of what holds none.
pub fn runs(bytes: &[u8]) -> Runs<'_> {
    Runs { bytes, from: 0, probe: 0 }
}

/// Iterator of [`runs`].
#[derive(Clone, Debug)]
pub struct Runs<'a> {
    bytes: &'a [u8],
    /// Nothing before this is looked at again.
    from: usize,
    probe: usize,
}

impl Iterator for Runs<'_> {
    type Item = (Encoding, Span);

    fn next(&mut self) -> Option<Self::Item> {
        // A run has a character and three zeros behind it wherever it is probed, but for its last character.
        const STRIDE: usize = 4 * (SHORTEST_RUN - 1);
        while let Some(probed) = self.bytes.get(self.probe..self.probe + 7) {
            let character = (0..4).find(|at| probed[*at] != 0).map(|at| self.probe + at);
            if let Some((encoding, span)) = character.and_then(|at| self.run(at)) {
                (self.from, self.probe) = (span.end, span.end);
                return Some((encoding, span));
            }
            self.probe += STRIDE;
        }
        None
    }
}

impl Runs<'_> {
    /// The longest stretch around the character at `at` in which three zeros stand between ASCII characters.
    fn run(&self, at: usize) -> Option<(Encoding, Span)> {
        let is_ascii = |at: usize| matches!(self.bytes.get(at), Some(b' '..=b'~' | b'\t' | b'\n' | b'\r'));
        let zeros = |at: usize| self.bytes.get(at..at + 3) == Some(&[0, 0, 0]);
        if !is_ascii(at) {
            return None;
        }
        let (mut first, mut last) = (at, at);
        while zeros(last + 1) && is_ascii(last + 4) {
            last += 4;
        }
        while first >= self.from + 4 && zeros(first - 3) && is_ascii(first - 4) {
            first -= 4;
        }
        // Zeros behind the last character are its own, in little-endian, or those of what comes next.
        let (encoding, span) = match zeros(last + 1) {
            true => (Encoding::Utf32Le, first..last + 4),
            false => (Encoding::Utf32Be, first.checked_sub(3).filter(|start| *start >= self.from)?..last + 1),
        };
        (span.len() >= 4 * SHORTEST_RUN).then_some((encoding, span))
    }
}

#[cfg(test)]
mod tests {
    use super::super::laws;
    use super::*;
    use proptest::prelude::*;

    const BOTH: [Encoding; 2] = [Encoding::Utf32Le, Encoding::Utf32Be];

    #[test]
    fn detects_with_a_mark_or_without() {
        for encoding in BOTH {
            let text = encode("{\"name\": \"Größe – 😀\"}".as_bytes(), encoding);
            assert_eq!(detect(&text), Some((encoding, 0)));
            let marked = [encode("\u{feff}".as_bytes(), encoding), text].concat();
            assert_eq!(detect(&marked), Some((encoding, 4)));
            let decoded = decode_as(&marked, 4..marked.len(), encoding).expect("text");
            assert_eq!(decoded.text, "{\"name\": \"Größe – 😀\"}".as_bytes());
        }
    }

    #[test]
    fn takes_no_numbers_for_text() {
        let words: Vec<u8> = (0..64u32).flat_map(|n| (n * 700).to_le_bytes()).collect();
        assert_eq!(detect(&words), None);
        assert_eq!(detect(&[0; 64]), None);
        assert_eq!(detect(b"plain text of one byte each, and of some length"), None);
        let wide: Vec<u8> = "text of two bytes each".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(detect(&wide), None);
    }

    #[test]
    fn finds_runs_at_any_place() {
        for encoding in BOTH {
            for shift in 0..60 {
                let run = encode(b"password of mine", encoding);
                let binary = [vec![0x83; shift], run.clone(), vec![0x83; 31]].concat();
                assert_eq!(
                    runs(&binary).collect::<Vec<_>>(),
                    [(encoding, shift..shift + run.len())],
                    "{shift}"
                );
            }
        }
        assert_eq!(runs(&[0; 100]).count(), 0);
        assert_eq!(runs(&encode(b"seven77", Encoding::Utf32Le)).count(), 0);
    }

    proptest! {
        #[test]
        fn keeps_the_laws(text in any::<String>(), with in "\\PC{1,6}", ends in any::<[proptest::sample::Index; 2]>()) {
            for encoding in BOTH {
                let stretch = encode(text.as_bytes(), encoding);
                let decode = |parent: &[u8], span| decode_as(parent, span, encoding);
                laws::check_bytes(&stretch, decode, laws::characters(text.as_bytes(), ends), with.as_bytes())?;
            }
        }

        #[test]
        fn runs_are_in_order(bytes in proptest::collection::vec(prop_oneof![5 => Just(0u8), 2 => Just(b'a'), 1 => Just(0x83u8)], 0..300)) {
            let mut end = 0;
            for (_, span) in runs(&bytes) {
                prop_assert!(span.start >= end && span.len() >= 4 * SHORTEST_RUN && span.len() % 4 == 0);
                end = span.end;
            }
            prop_assert!(end <= bytes.len());
        }
    }
}
