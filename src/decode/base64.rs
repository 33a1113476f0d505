//! Base64 (RFC 4648 §4 and §5): both alphabets, mixed, with or without padding, over line breaks.

use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD};

use super::{Decoded, OffsetMap, readable, utf16};
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

/// The shortest line that may go on in the next one. Writers break at 60, 64, 72 or 76 digits; the rest is prose.
const SHORTEST_LINE: usize = 40;

const NO_DIGIT: u8 = 0x80;
const PRINTABLE: u8 = 1;
const NUL: u8 = 2;

static DIGIT: [u8; 256] = digits();
static CLASS: [u8; 256] = classes();

const fn digits() -> [u8; 256] {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut table = [NO_DIGIT; 256];
    let mut value = 0;
    while value < 64 {
        table[alphabet[value] as usize] = value as u8;
        value += 1;
    }
    table[b'-' as usize] = 62;
    table[b'_' as usize] = 63;
    table
}

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
    let escaped = run.start > 0 && text.get(run.start - 1) == Some(&b'\\');
    let letter = text.get(run.start).is_some_and(|byte| b"nrtbf".contains(byte));
    let start = (run.start + usize::from(escaped && letter)).min(text.len());
    let bound = text.len().min(start.saturating_add(limit));
    let text = &text[..bound];
    let first = line(text, start);
    let mut end = first.end;
    if first.digits >= SHORTEST_LINE && first.digits.is_multiple_of(4) {
        while let Some(next) = next_line(text, end).filter(|next| next.digits <= first.digits) {
            end = next.end;
            if next.digits < first.digits {
                break;
            }
        }
    }
    let padding = text[end..]
        .iter()
        .take(2)
        .take_while(|&&byte| byte == b'=')
        .count();
    start..end + padding
}

/// Digits in a row.
struct Line {
    digits: usize,
    end: usize,
}

/// The line that begins at `start`.
fn line(text: &[u8], start: usize) -> Line {
    let mut line = Line {
        digits: 0,
        end: start,
    };
    while let Step::Digit { len, .. } = step(text, line.end) {
        line.digits += 1;
        line.end += len;
    }
    line
}

/// The line behind the break at `end`, if there is a break with digits behind it. Dashes end a PEM block.
fn next_line(text: &[u8], end: usize) -> Option<Line> {
    let mut start = end;
    while let Step::Break { len } = step(text, start) {
        start += len;
    }
    if start == end || text[start..].starts_with(b"--") {
        return None;
    }
    Some(line(text, start)).filter(|line| line.digits > 0)
}

/// What stands at a place of a base64 stretch.
enum Step {
    Digit { value: u8, len: usize },
    Break { len: usize },
    End,
}

/// Line breaks and the blanks of an indented block are skipped; `\/` is how some writers of JSON write `/`.
fn step(text: &[u8], at: usize) -> Step {
    match text.get(at..).unwrap_or_default() {
        [b'\n' | b'\r' | b' ' | b'\t', ..] => blank(text, at),
        [b'\\', b'n' | b'r', ..] => Step::Break { len: 2 },
        [b'\\', b'/', ..] => Step::Digit { value: 63, len: 2 },
        [byte, ..] => match DIGIT[usize::from(*byte)] {
            NO_DIGIT => Step::End,
            value => Step::Digit { value, len: 1 },
        },
        [] => Step::End,
    }
}

/// Blanks belong to a break only behind one: those of the line before end the stretch.
fn blank(text: &[u8], at: usize) -> Step {
    let blanks = |byte: &&u8| matches!(byte, b' ' | b'\t');
    let len = match text[at] {
        b'\n' | b'\r' => 1 + text[at + 1..].iter().take_while(blanks).count(),
        _ => {
            let before = &text[..at];
            let breaks = before.ends_with(b"\\n") || before.ends_with(b"\\r");
            if !breaks {
                return Step::End;
            }
            text[at..].iter().take_while(blanks).count()
        }
    };
    Step::Break { len }
}

/// Decodes the stretch if text comes out: UTF-8 that is readable for at least nine tenths, or little-endian UTF-16
/// (left as it is: [`utf16::decode`] is the next step).
pub fn decode(parent: &[u8], span: Span) -> Option<Decoded> {
    let decoded = decode_bytes(parent, span)?;
    let text = readable(&decoded.text) || utf16::detect(&decoded.text).is_some();
    text.then_some(decoded)
}

/// Decodes the stretch whatever comes out: an archive, a key. `None` where there are not even two digits. What
/// follows the first byte that is neither digit nor break is not read.
pub fn decode_bytes(parent: &[u8], span: Span) -> Option<Decoded> {
    let parent = parent.get(..span.end)?;
    let mut decoded = Decoded {
        text: Vec::new(),
        map: OffsetMap::default(),
        encoding: Encoding::Base64,
    };
    decoded.text.reserve_exact(span.len() / 4 * 3 + 3);
    let mut group = Group {
        bits: 0,
        digits: 0,
        span: span.start..span.start,
    };
    let mut at = span.start;
    loop {
        match step(parent, at) {
            Step::Digit { value, len } => {
                group.add(value, at..at + len);
                at += len;
                if group.digits == 4 {
                    group.emit(&mut decoded);
                }
            }
            Step::Break { len } => at += len,
            Step::End => break,
        }
    }
    let padding = parent[at.min(parent.len())..]
        .iter()
        .take(2)
        .take_while(|&&byte| byte == b'=')
        .count();
    group.finish(at + padding, &mut decoded);
    (!decoded.text.is_empty()).then_some(decoded)
}

/// Up to four digits and where they stand.
struct Group {
    bits: u32,
    digits: usize,
    span: Span,
}

impl Group {
    fn add(&mut self, value: u8, at: Span) {
        if self.digits == 0 {
            self.span.start = at.start;
        }
        self.span.end = at.end;
        self.bits = self.bits << 6 | u32::from(value);
        self.digits += 1;
    }

    /// Appends the bytes of the digits there are, and clears them.
    fn emit(&mut self, decoded: &mut Decoded) {
        let bytes = (self.bits << (6 * (4 - self.digits))).to_be_bytes();
        let len = self.digits * 6 / 8;
        decoded.text.extend(bytes.iter().skip(1).take(len));
        decoded.map.push_group(self.span.clone(), len);
        (self.bits, self.digits) = (0, 0);
    }

    /// The end of a stretch: its padding belongs to the last group; so does a digit too many, which gives nothing.
    fn finish(mut self, end: usize, decoded: &mut Decoded) {
        match self.digits {
            0 => {}
            1 => decoded.map.stretch_last(end),
            _ => {
                self.span.end = end;
                self.emit(decoded);
            }
        }
    }
}

/// Encodes with the standard alphabet and padding.
pub fn encode(text: &[u8]) -> Vec<u8> {
    BASE64.encode(text).into_bytes()
}

/// Encodes the way `old` is written: its alphabet, and padding where it has some or is whole groups.
pub(super) fn encode_like(text: &[u8], old: &[u8]) -> Vec<u8> {
    let url = old.iter().any(|byte| matches!(byte, b'-' | b'_'));
    let padded = old.ends_with(b"=") || count_digits(old).is_multiple_of(4);
    let encoding = match (url, padded) {
        (false, true) => BASE64,
        (false, false) => BASE64_NOPAD,
        (true, true) => BASE64URL,
        (true, false) => BASE64URL_NOPAD,
    };
    encoding.encode(text).into_bytes()
}

fn count_digits(text: &[u8]) -> usize {
    let (mut at, mut digits) = (0, 0);
    loop {
        at += match step(text, at) {
            Step::Digit { len, .. } => {
                digits += 1;
                len
            }
            Step::Break { len } => len,
            Step::End => return digits,
        }
    }
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
        specification
            .symbols
            .push_str("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
        specification.translate.from.push_str("-_");
        specification.translate.to.push_str("+/");
        specification.check_trailing_bits = false;
        let encoding = specification.encoding().expect("the alphabet is complete");
        let whole = digits.len() - usize::from(digits.len() % 4 == 1);
        encoding
            .decode(&digits.as_bytes()[..whole])
            .expect("all are digits")
    }

    /// Digits broken into lines.
    fn wrapped(digits: &str, width: usize, line_break: &str) -> String {
        let lines: Vec<_> = digits
            .as_bytes()
            .chunks(width)
            .map(String::from_utf8_lossy)
            .collect();
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
        assert_eq!(
            ends("dXNlcjpwYXNzd29yZA== tail", 0..18, 99),
            "dXNlcjpwYXNzd29yZA=="
        );
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
