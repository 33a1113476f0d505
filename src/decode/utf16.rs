//! UTF-16 of either endianness: whole texts, with a byte order mark or without, and runs of it in binaries.

use super::{Decoded, OffsetMap};
use crate::blob::Span;
use crate::finding::Encoding;

/// How much of a text is looked at to guess its endianness, in bytes.
const SAMPLE: usize = 4096;

/// The shortest run in a binary, in code units.
pub const SHORTEST_RUN: usize = 8;

/// Whether the bytes are UTF-16 text as a whole, and where the text begins: behind the byte order mark, or at 0 where
/// the zero bytes of the first 4 KiB all stand in the upper half of code units that are mostly printable.
pub fn detect(bytes: &[u8]) -> Option<(Encoding, usize)> {
    match bytes {
        [0xff, 0xfe, _, _, ..] => Some((Encoding::Utf16Le, 2)),
        [0xfe, 0xff, _, _, ..] => Some((Encoding::Utf16Be, 2)),
        _ => detect_unmarked(&bytes[..bytes.len().min(SAMPLE)]).map(|encoding| (encoding, 0)),
    }
}

fn detect_unmarked(sample: &[u8]) -> Option<Encoding> {
    let (units, _) = sample.as_chunks();
    if units.len() < SHORTEST_RUN || memchr::memchr(0, sample).is_none() {
        return None;
    }
    let mut printable = [0usize; 2];
    let mut zeros = [0usize; 2];
    for &[first, second] in units {
        zeros[0] += usize::from(first == 0);
        zeros[1] += usize::from(second == 0);
        printable[0] += usize::from(first == 0 && is_text(second));
        printable[1] += usize::from(second == 0 && is_text(first));
    }
    // Two units of five, since a text may be of another script and have only its punctuation here.
    let is = |upper: usize| {
        printable[upper] * 5 >= units.len() * 2
            && printable[upper] * 10 >= zeros[upper] * 9
            && zeros[1 - upper] * 50 <= units.len()
    };
    match () {
        () if is(1) => Some(Encoding::Utf16Le),
        () if is(0) => Some(Encoding::Utf16Be),
        () => None,
    }
}

/// Decodes the stretch if it is UTF-16 text as a whole; see [`detect`].
pub fn decode(parent: &[u8], span: Span) -> Option<Decoded> {
    let (encoding, start) = detect(parent.get(span.clone())?)?;
    decode_as(parent, span.start + start..span.end, encoding)
}

/// Decodes the stretch as UTF-16 of the given endianness, to UTF-8. An unpaired surrogate becomes U+FFFD; an odd byte
/// at the end is left. `None` where there is no code unit, or the encoding is another.
pub fn decode_as(parent: &[u8], span: Span, encoding: Encoding) -> Option<Decoded> {
    let unit = match encoding {
        Encoding::Utf16Le => u16::from_le_bytes,
        Encoding::Utf16Be => u16::from_be_bytes,
        _ => return None,
    };
    let (units, _) = parent.get(span.clone())?.as_chunks();
    let mut text = Vec::with_capacity(units.len() + units.len() / 8);
    let mut map = OffsetMap::default();
    let mut at = span.start;
    for c in char::decode_utf16(units.iter().map(|&bytes| unit(bytes))) {
        let len = c.as_ref().map_or(2, |c| c.len_utf16() * 2);
        let c = c.unwrap_or(char::REPLACEMENT_CHARACTER);
        text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        map.push_group(at..at + len, c.len_utf8());
        at += len;
    }
    (!text.is_empty()).then_some(Decoded { text, map, encoding })
}

/// Encodes UTF-8 text, without a byte order mark. What is no UTF-8 becomes U+FFFD; big-endian for
/// [`Encoding::Utf16Be`], little-endian for all else.
pub fn encode(text: &[u8], encoding: Encoding) -> Vec<u8> {
    let bytes = match encoding {
        Encoding::Utf16Be => u16::to_be_bytes,
        _ => u16::to_le_bytes,
    };
    String::from_utf8_lossy(text).encode_utf16().flat_map(bytes).collect()
}

/// The stretches of UTF-16 text in bytes of unknown kind, in order and disjoint: at least [`SHORTEST_RUN`] code units
/// of ASCII and Latin-1, then also of the other European scripts, at even or odd places, of either endianness. Linear,
/// and looks at one byte in eight of what holds none.
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
        // Each run is longer than the stride, so that a probe hits two neighbours in it.
        const STRIDE: usize = 2 * SHORTEST_RUN - 1;
        while let Some(pair) = self.bytes.get(self.probe..self.probe + 2) {
            if alternates(pair) {
                let (encoding, span) = self.run();
                if span.len() >= 2 * SHORTEST_RUN {
                    let end = extend(self.bytes, encoding, span.end);
                    (self.from, self.probe) = (end, end);
                    return Some((encoding, span.start..end));
                }
            }
            self.probe += STRIDE;
        }
        None
    }
}

impl Runs<'_> {
    /// The longest stretch around the probe in which zero and text alternate, cut to whole code units.
    fn run(&self) -> (Encoding, Span) {
        let (mut start, mut end) = (self.probe, self.probe + 2);
        while start > self.from && alternates(&self.bytes[start - 1..=start]) {
            start -= 1;
        }
        while end < self.bytes.len() && alternates(&self.bytes[end - 1..=end]) {
            end += 1;
        }
        // A zero at both ends leaves it open; little-endian is far more common, and the text is the same.
        let zero = |at: usize| self.bytes[at] == 0;
        match (zero(start), zero(end - 1)) {
            (true, true) => (Encoding::Utf16Le, start + 1..end),
            (true, false) => (Encoding::Utf16Be, start..end),
            (false, true) => (Encoding::Utf16Le, start..end),
            // One of the two bytes at the ends belongs to something else: rather that which is no ASCII.
            (false, false) if !self.bytes[start].is_ascii() && self.bytes[end - 1].is_ascii() => {
                (Encoding::Utf16Be, start + 1..end)
            }
            (false, false) => (Encoding::Utf16Le, start..end - 1),
        }
    }
}

/// Whether one of two neighbours is zero and the other text.
fn alternates(pair: &[u8]) -> bool {
    matches!(*pair, [0, text] | [text, 0] if is_text(text))
}

/// Printable ASCII, blanks, Latin-1.
fn is_text(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r' | 0xa0..)
}

/// Where the run that has reached `end` ends if other European scripts and typographic punctuation go on with it.
fn extend(bytes: &[u8], encoding: Encoding, end: usize) -> usize {
    let (units, _) = bytes.get(end..).unwrap_or_default().as_chunks();
    let goes_on = |&&[first, second]: &&[u8; 2]| {
        let [upper, lower] = if encoding == Encoding::Utf16Le { [second, first] } else { [first, second] };
        matches!(upper, 1..=5 | 0x20) || upper == 0 && is_text(lower)
    };
    end + 2 * units.iter().take_while(goes_on).count()
}

#[cfg(test)]
mod tests {
    use super::super::laws;
    use super::*;
    use proptest::prelude::*;

    const BOTH: [Encoding; 2] = [Encoding::Utf16Le, Encoding::Utf16Be];

    #[test]
    fn detects_with_a_mark_or_without() {
        for encoding in BOTH {
            let text = encode("{\"name\": \"Größe – Ω\"}".as_bytes(), encoding);
            assert_eq!(detect(&text), Some((encoding, 0)));
            let marked = [encode("\u{feff}".as_bytes(), encoding), text].concat();
            assert_eq!(detect(&marked), Some((encoding, 2)));
            let decoded = decode(&marked, 0..marked.len()).expect("text");
            assert_eq!(decoded.text, "{\"name\": \"Größe – Ω\"}".as_bytes());
            assert_eq!(decoded.map.encoded(0..1).cover(), 2..4);
        }
    }

    #[test]
    fn takes_no_numbers_for_text() {
        let words: Vec<u8> = (0..64u32).flat_map(|n| (n + 64).to_le_bytes()).collect();
        assert_eq!(detect(&words), None);
        let shorts: Vec<u8> = (0..64u16).flat_map(u16::to_le_bytes).collect();
        assert_eq!(detect(&shorts), None);
        assert_eq!(detect(&[0; 64]), None);
        assert_eq!(detect(b"plain text of one byte each"), None);
        assert_eq!(detect(b"\xff\xfe"), None);
    }

    #[test]
    fn ascii_is_one_run_of_the_map() {
        let text = encode(&[b'a'; 500], Encoding::Utf16Le);
        assert_eq!(decode(&text, 0..1000).expect("text").map.runs(), 1);
    }

    #[test]
    fn finds_runs_at_any_place() {
        for encoding in BOTH {
            for shift in 0..40 {
                let run = encode("Passwort ist schön".as_bytes(), encoding);
                let binary = [vec![0x83; shift], run.clone(), vec![0x83; 31]].concat();
                let found: Vec<_> = runs(&binary).collect();
                assert_eq!(found, [(encoding, shift..shift + run.len())]);
            }
        }
    }

    #[test]
    fn runs_go_on_in_other_scripts() {
        let run = encode("password = Пароль – да".as_bytes(), Encoding::Utf16Le);
        let binary = [b"\x01\x02\x03".to_vec(), run.clone(), vec![0, 0, 0xff, 0xff]].concat();
        assert_eq!(runs(&binary).next(), Some((Encoding::Utf16Le, 3..3 + run.len())));
    }

    #[test]
    fn short_runs_are_none() {
        let binary = [vec![7; 20], encode(b"seven77", Encoding::Utf16Le), vec![7; 20]].concat();
        assert_eq!(runs(&binary).count(), 0);
        assert_eq!(runs(&[]).count(), 0);
    }

    proptest! {
        #[test]
        fn decodes_as_the_standard_library_does(units in proptest::collection::vec(any::<u16>(), 1..60)) {
            let bytes: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
            let decoded = decode_as(&bytes, 0..bytes.len(), Encoding::Utf16Be).expect("units");
            prop_assert_eq!(decoded.text, String::from_utf16_lossy(&units).into_bytes());
            if let Ok(text) = String::from_utf16(&units) {
                prop_assert_eq!(encode(text.as_bytes(), Encoding::Utf16Be), bytes);
            }
        }

        #[test]
        fn keeps_the_laws(text in any::<String>(), with in "\\PC{1,6}", ends in any::<[proptest::sample::Index; 2]>()) {
            for encoding in BOTH {
                let stretch = encode(text.as_bytes(), encoding);
                let decode = |parent: &[u8], span| decode_as(parent, span, encoding);
                laws::check_bytes(&stretch, decode, laws::characters(text.as_bytes(), ends), with.as_bytes())?;
            }
        }

        #[test]
        fn runs_are_in_order(bytes in proptest::collection::vec(prop_oneof![Just(0u8), Just(b'a'), Just(4u8)], 0..300)) {
            let mut end = 0;
            for (_, span) in runs(&bytes) {
                prop_assert!(span.start >= end && span.len() >= 2 * SHORTEST_RUN && span.len() % 2 == 0);
                end = span.end;
            }
            prop_assert!(end <= bytes.len());
        }
    }
}
