//! Base32 (RFC 4648 §6): either case, with or without padding, over line breaks.

use data_encoding::{BASE32, BASE32_NOPAD};

use super::digits::{self, Alphabet};
use super::packed::is_packed;
use super::{Decoded, readable};
use crate::blob::Span;
use crate::finding::Encoding;

static DIGIT: [u8; 256] = digits::values(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", &lower());
const ALPHABET: Alphabet =
    Alphabet { values: &DIGIT, bits: 5, group: 8, padding: 6, encoding: Encoding::Base32 };

const fn lower() -> [(u8, u8); 26] {
    let mut pairs = [(0, 0); 26];
    let mut letter = 0;
    while letter < 26 {
        pairs[letter] = (b'a' + letter as u8, b'A' + letter as u8);
        letter += 1;
    }
    pairs
}

/// Digits that are looked at to tell whether text comes out.
const SAMPLE: usize = 32;

/// Whether a run begins as base32 digits of text do: of one case, and 20 printable bytes.
pub fn promising(run: &[u8]) -> bool {
    let Some(sample) = run.get(..SAMPLE) else { return false };
    // The first group tells most other runs apart.
    sample.as_chunks().0.iter().all(is_printable) && {
        let lower = sample.iter().any(u8::is_ascii_lowercase);
        !(lower && sample.iter().any(u8::is_ascii_uppercase))
    }
}

/// Whether a run of base32 digits begins as a container does, or as what gzip or zlib packed.
pub fn holds_packed(run: &[u8]) -> bool {
    let Some((first, second)) =
        run.split_first_chunk::<8>().and_then(|(first, rest)| Some((first, rest.first_chunk::<8>()?)))
    else {
        return false;
    };
    let (Some(first), Some(second)) = (group(first), group(second)) else { return false };
    let mut bytes = [0; 8];
    bytes.iter_mut().zip(first.into_iter().chain(second)).for_each(|(to, from)| *to = from);
    is_packed(&bytes)
}

/// The bytes of a group of digits.
fn group(digits: &[u8; 8]) -> Option<[u8; 5]> {
    let mut bits = 0u64;
    for digit in digits {
        let value = DIGIT[usize::from(*digit)];
        if value == digits::NO_DIGIT {
            return None;
        }
        bits = bits << 5 | u64::from(value);
    }
    let [_, _, _, bytes @ ..] = bits.to_be_bytes();
    Some(bytes)
}

/// Whether a group of digits gives printable ASCII.
fn is_printable(group: &[u8; 8]) -> bool {
    let (mut bits, mut all) = (0u64, 0);
    for digit in group {
        let value = DIGIT[usize::from(*digit)];
        all |= value;
        bits = bits << 5 | u64::from(value & 31);
    }
    let printable = |byte: &u8| matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r');
    all & digits::NO_DIGIT == 0 && bits.to_be_bytes()[3..].iter().all(printable)
}

/// The whole stretch from the run's start: its lines, as long as they are equal, and its padding. At most `limit` bytes.
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

/// Encodes the way `old` is written: its case, and padding where it has some or is whole groups.
pub(super) fn encode_like(text: &[u8], old: &[u8]) -> Vec<u8> {
    let padded = old.ends_with(b"=") || digits::count(&ALPHABET, old).is_multiple_of(ALPHABET.group);
    let encoding = if padded { BASE32 } else { BASE32_NOPAD };
    let encoded = encoding.encode(text);
    let lower = old.iter().any(u8::is_ascii_lowercase);
    if lower { encoded.to_ascii_lowercase().into_bytes() } else { encoded.into_bytes() }
}

#[cfg(test)]
mod tests {
    use super::super::laws;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn decodes_the_vectors_of_the_rfc() {
        for (text, digits) in [("f", "MY======"), ("fooba", "MZXW6YTB"), ("foobar", "MZXW6YTBOI======")] {
            let decoded = decode_bytes(digits.as_bytes(), 0..digits.len()).expect("digits");
            assert_eq!(decoded.text, text.as_bytes());
            assert_eq!(decoded.map.encoded(text.len() - 1..text.len()).cover().end, digits.len());
        }
    }

    #[test]
    fn tells_what_is_packed() {
        assert!(holds_packed(BASE32.encode(b"\x1f\x8b\x08\0\0\0\0\0\0\x03").as_bytes()));
        assert!(holds_packed(BASE32.encode(b"PK\x03\x04\x14\0\0\0\x08\0").to_lowercase().as_bytes()));
        assert!(
            !holds_packed(b"SOME_CONSTANT_WITH")
                && !holds_packed(b"ABCDEFGHIJKLMNOPQRST")
                && !holds_packed(b"D6FQ")
        );
    }

    #[test]
    fn tells_text_from_names() {
        assert!(promising(BASE32.encode(b"a text of some length, not more").as_bytes()));
        assert!(promising(BASE32.encode(b"a text of some length, not more").to_lowercase().as_bytes()));
        assert!(!promising(b"thisissomelongnameofathingwithoutdigits"));
        assert!(!promising(b"SOME_CONSTANT_WITH_A_LONG_NAME_IN_IT"));
        assert!(!promising(b"MZXW6YTBOI"));
    }

    proptest! {
        #[test]
        fn keeps_the_laws(
            text in proptest::collection::vec(any::<u8>(), 1..90),
            with in proptest::collection::vec(any::<u8>(), 1..9),
            ends in any::<[proptest::sample::Index; 2]>(),
            padded in any::<bool>(),
            lower in any::<bool>(),
        ) {
            let stretch = if padded { BASE32.encode(&text) } else { BASE32_NOPAD.encode(&text) };
            let stretch = if lower { stretch.to_lowercase() } else { stretch };
            laws::check(&stretch, decode_bytes, laws::part(text.len(), ends), &with)?;
        }
    }
}
