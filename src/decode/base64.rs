//! Base64 (RFC 4648 §4 and §5): both alphabets, mixed, with or without padding, over line breaks.

use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD};

use super::digits::{self, Alphabet, NO_DIGIT};
use super::{Decoded, deflate, packed, readable, utf16};
use crate::blob::Span;
use crate::finding::Encoding;

/// What the first bytes behind some base64 look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inside {
    /// Printable ASCII and blanks, or a UTF-8 byte order mark.
    Text,
    /// The start of a JSON document.
    Json,
    /// Little-endian UTF-16: what `powershell -EncodedCommand` takes.
    Utf16,
    /// A gzip stream.
    Gzip,
    /// A zip archive.
    Zip,
}

const PRINTABLE: u8 = 1;
const NUL: u8 = 2;

static DIGIT: [u8; 256] = digits::values(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    &[(b'-', b'+'), (b'_', b'/')],
);
const ALPHABET: Alphabet =
    Alphabet { values: &DIGIT, bits: 6, group: 4, padding: 2, encoding: Encoding::Base64 };

static CLASS: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0x20;
    while byte < 0x7f {
        table[byte] = PRINTABLE;
        byte += 1;
    }
    table[b'\t' as usize] = PRINTABLE;
    table[b'\n' as usize] = PRINTABLE;
    table[b'\r' as usize] = PRINTABLE;
    table[0] = NUL;
    table
}

/// Whether decoding is worth its price, by the first eight digits: `None` for fewer, and for nearly everything that
/// is no base64 of something readable (one random run in 250 passes).
#[inline]
pub fn promising(first: &[u8]) -> Option<Inside> {
    let first: &[u8; 8] = first.first_chunk()?;
    let mut bits = 0u64;
    let mut all = 0u8;
    for &byte in first {
        let digit = DIGIT[usize::from(byte)];
        all |= digit;
        bits = bits << 6 | u64::from(digit & 63);
    }
    let [_, _, a, b, c, d, e, f] = bits.to_be_bytes();
    let [a, b, c, d, e, f] = [a, b, c, d, e, f].map(|byte| CLASS[usize::from(byte)]);
    let printable = a & b & c & d & e & f & PRINTABLE != 0;
    let utf16 = a & c & e & PRINTABLE != 0 && b & d & f & NUL != 0;
    match () {
        () if all & NO_DIGIT != 0 => None,
        () if starts_json(bits) => Some(Inside::Json),
        () if printable || bits >> 24 == 0xef_bbbf => Some(Inside::Text),
        () if utf16 || bits >> 32 == 0xfffe => Some(Inside::Utf16),
        () if bits >> 24 == 0x1f_8b08 => Some(Inside::Gzip),
        () if bits >> 16 == 0x504b_0304 => Some(Inside::Zip),
        () => None,
    }
}

/// The shortest run that is tried as deflate without a wrapper: a token of some forty bytes, deflated.
const BARE: usize = 40;

/// Whether a run that is not [`promising`] is worth decoding nevertheless: what it holds is packed, or text in letters of
/// another script. One random run in some hundred is.
pub fn holds_more(run: &[u8]) -> bool {
    let Some(first) = run.first_chunk::<8>() else { return false };
    // The first byte tells nearly all others apart.
    let byte = DIGIT[usize::from(first[0])] << 2 | DIGIT[usize::from(first[1])] >> 4 & 3;
    if run.len() < BARE && byte & 0x8f != 8 && byte < 0xc2 && !packed::may_begin(byte) {
        return false;
    }
    let bits = first.iter().fold(0u64, |bits, digit| bits << 6 | u64::from(DIGIT[usize::from(*digit)] & 63));
    let [_, _, first @ ..] = bits.to_be_bytes();
    let zlib = deflate::is_zlib([first[0], first[1]]);
    let wide = first[0] >= 0xc2 && std::str::from_utf8(&first[..2]).is_ok();
    zlib || wide || packed::may_be_container(&first) || run.len() >= BARE && is_deflate(run, first[0])
}

/// Whether what the run holds begins as deflate without a wrapper.
fn is_deflate(run: &[u8], first: u8) -> bool {
    let block = matches!(first >> 1 & 3, 1 | 2);
    block && run.first_chunk().is_some_and(|digits| deflate::may_begin_block(&beginning(digits)))
}

/// The first bytes behind digits.
fn beginning(digits: &[u8; 24]) -> [u8; 18] {
    let mut bytes = [0; 18];
    for (group, three) in digits.as_chunks::<4>().0.iter().zip(bytes.as_chunks_mut::<3>().0) {
        let bits =
            group.iter().fold(0_u32, |bits, digit| bits << 6 | u32::from(DIGIT[usize::from(*digit)] & 63));
        let [_, bytes @ ..] = bits.to_be_bytes();
        *three = bytes;
    }
    bytes
}

/// Whether the upper two of six bytes open a JSON object, array or string and go on as one does.
#[inline]
fn starts_json(bits: u64) -> bool {
    let [first, second] = [(bits >> 40) as u8, (bits >> 32) as u8];
    match first {
        b'{' => matches!(second, b'"' | b'}' | b' ' | b'\n' | b'\r' | b'\t'),
        b'[' => matches!(second, b'"' | b'{' | b'[' | b']' | b' ' | b'\n' | b'\r' | b'\t'),
        _ => false,
    }
}

/// Given a run of base64 digits, returns the whole stretch from its start: with its padding, and over line breaks
/// (raw, or escaped as in a JSON string) as long as the lines are equal; the last may be shorter. A digit that is the
/// letter of an escape (`\n`) is left out. At most `limit` bytes.
///
/// Looks forward only: whoever goes through the runs of a text skips those inside the last region, and stays linear.
pub fn region(text: &[u8], run: Span, limit: usize) -> Span {
    digits::region(&ALPHABET, text, run, limit)
}

/// Decodes the stretch if text comes out; see [`is_text`].
pub fn decode(parent: &[u8], span: Span) -> Option<Decoded> {
    decode_bytes(parent, span).filter(|decoded| is_text(&decoded.text))
}

/// Whether bytes are text: UTF-8 that is readable for at least nine tenths, or little-endian UTF-16 (which is one step
/// more, by [`utf16::decode`]).
pub fn is_text(bytes: &[u8]) -> bool {
    readable(bytes) || utf16::detect(bytes).is_some()
}

/// Decodes the stretch whatever comes out: an archive, a key. `None` where there are not even two digits. What
/// follows the first byte that is neither digit nor break is not read.
pub fn decode_bytes(parent: &[u8], span: Span) -> Option<Decoded> {
    digits::decode(&ALPHABET, parent, span)
}

/// Encodes with the standard alphabet and padding.
pub fn encode(text: &[u8]) -> Vec<u8> {
    BASE64.encode(text).into_bytes()
}

/// Encodes the way `old` is written: its alphabet, and padding where it has some or is whole groups.
pub(super) fn encode_like(text: &[u8], old: &[u8]) -> Vec<u8> {
    let url = old.iter().any(|byte| matches!(byte, b'-' | b'_'));
    let padded = old.ends_with(b"=") || digits::count(&ALPHABET, old).is_multiple_of(4);
    let encoding = match (url, padded) {
        (false, true) => BASE64,
        (false, false) => BASE64_NOPAD,
        (true, true) => BASE64URL,
        (true, false) => BASE64URL_NOPAD,
    };
    encoding.encode(text).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::super::laws;
    use super::*;
    use data_encoding::Specification;
    use proptest::prelude::*;

    /// What an independent decoder makes of digits alone, trailing bits ignored.
    fn oracle(digits: &str) -> Vec<u8> {
        let mut specification = Specification::new();
        specification.symbols.push_str("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
        specification.translate.from.push_str("-_");
        specification.translate.to.push_str("+/");
        specification.check_trailing_bits = false;
        let encoding = specification.encoding().expect("the alphabet is complete");
        let whole = digits.len() - usize::from(digits.len() % 4 == 1);
        encoding.decode(&digits.as_bytes()[..whole]).expect("all are digits")
    }

    /// Digits broken into lines.
    fn wrapped(digits: &str, width: usize, line_break: &str) -> String {
        let lines: Vec<_> = digits.as_bytes().chunks(width).map(String::from_utf8_lossy).collect();
        lines.join(line_break)
    }

    proptest! {
        #[test]
        fn decodes_as_data_encoding_does(digits in "[A-Za-z0-9+/_-]{2,90}", width in 1..40usize) {
            let text = wrapped(&digits, width, "\n");
            let decoded = decode_bytes(text.as_bytes(), 0..text.len()).expect("two digits or more");
            prop_assert_eq!(decoded.text, oracle(&digits));
        }

        #[test]
        fn keeps_the_laws(
            text in proptest::collection::vec(any::<u8>(), 1..120),
            with in proptest::collection::vec(any::<u8>(), 1..9),
            ends in any::<[proptest::sample::Index; 2]>(),
            kind in 0..4usize,
            line in prop_oneof![Just("\n"), Just("\r\n"), Just("\\n"), Just("\\r\\n")],
            width in 1..80usize,
        ) {
            let encoding = [BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD][kind].clone();
            let stretch = wrapped(&encoding.encode(&text), width, line);
            let at = laws::part(text.len(), ends);
            laws::check(&stretch, decode_bytes, at, &with)?;
        }

        #[test]
        fn promises_agree_with_the_decoder(seed in "[A-Za-z0-9+/]{8}") {
            if promising(seed.as_bytes()) == Some(Inside::Text) {
                let decoded = decode_bytes(seed.as_bytes(), 0..8).expect("eight digits");
                prop_assert!(decoded.text.starts_with(b"\xef\xbb\xbf") || readable(&decoded.text));
            }
        }

        #[test]
        fn regions_stay_inside(text in "[A-Za-z0-9+/=\\\\\n\r -]{0,300}", start in 0..400usize, limit in 0..400usize) {
            let region = region(text.as_bytes(), start..start + 16, limit);
            prop_assert!(region.start <= region.end);
            prop_assert!(region.end <= text.len().max(region.start));
        }
    }

    #[test]
    fn tells_what_is_inside() {
        let inside = |bytes: &[u8]| promising(&encode(bytes));
        assert_eq!(inside(b"user:password"), Some(Inside::Text));
        assert_eq!(inside("\u{feff}größe".as_bytes()), Some(Inside::Text));
        assert_eq!(inside(b"{\"alg\":\"HS256\"}"), Some(Inside::Json));
        assert_eq!(inside(b"I\0E\0X\0 \0"), Some(Inside::Utf16));
        assert_eq!(inside(b"\x1f\x8b\x08\0\0\0\0"), Some(Inside::Gzip));
        assert_eq!(inside(b"PK\x03\x04\x14\0\0"), Some(Inside::Zip));
        assert_eq!(inside(b"\x89PNG\r\n\x1a\n"), None);
        assert_eq!(promising(b"dXNlcjp"), None);
        assert_eq!(promising(b"dXNl:jpw"), None);
    }

    #[test]
    fn takes_text_only() {
        let plain = encode("Größe: 12, user=jane".as_bytes());
        assert!(decode(&plain, 0..plain.len()).is_some());
        let wide = encode(&utf16::encode(b"Connect-Thing -Key abc", Encoding::Utf16Le));
        assert!(decode(&wide, 0..wide.len()).is_some());
        let key = encode(&[0x91; 24]);
        assert_eq!(decode(&key, 0..key.len()), None);
        assert_eq!(decode(b"A", 0..1), None);
        assert_eq!(decode(b"AAAA", 3..9), None);
    }

    #[test]
    fn regions_go_over_equal_lines() {
        let digits = encode(&[b'x'; 200]);
        let digits = String::from_utf8_lossy(&digits);
        for line_break in ["\n", "\r\n", "\\n", "\\r\\n", "\n    "] {
            let block = wrapped(&digits, 76, line_break);
            let text = format!("\"{block}\" and more");
            let region = region(text.as_bytes(), 1..77, 4096);
            assert_eq!(&text[region.clone()], block);
            let decoded = decode(text.as_bytes(), region).expect("text");
            assert_eq!(decoded.text, [b'x'; 200]);
            assert!(decoded.map.runs() < 12);
        }
    }

    #[test]
    fn regions_end() {
        let ends = |text: &str, run: Span, limit| text[region(text.as_bytes(), run, limit)].to_owned();
        assert_eq!(ends("dXNlcjpwYXNzd29yZA== tail", 0..18, 99), "dXNlcjpwYXNzd29yZA==");
        assert_eq!(ends("dXNlcjpwYXNzd29yZA\nother", 0..18, 99), "dXNlcjpwYXNzd29yZA");
        assert_eq!(ends("x\\ndXNlcjpwYXNz", 2..15, 99), "dXNlcjpwYXNz");
        assert_eq!(ends("dXNlcjpwYXNzd29yZA", 0..18, 8), "dXNlcjpw");
        assert_eq!(ends("dXNlc\\/pwYXNz", 0..5, 99), "dXNlc\\/pwYXNz");
        let line = "QUFB".repeat(16);
        let pem = format!("{line}\nQUFB\n-----END THING-----");
        assert_eq!(ends(&pem, 0..64, 999), format!("{line}\nQUFB"));
        let pem = format!("{line}\n{line}\n-----END THING-----");
        assert_eq!(ends(&pem, 0..64, 999), format!("{line}\n{line}"));
    }

    #[test]
    fn a_long_text_is_one_run() {
        let stretch = encode(&[b'y'; 3000]);
        assert_eq!(decode(&stretch, 0..4000).expect("text").map.runs(), 1);
    }
}
