//! What base64, base32 and hexadecimal have in common: digits of some bits each, in lines, whose groups give bytes.

use super::{Decoded, OffsetMap};
use crate::blob::Span;
use crate::finding::Encoding;

/// What is no digit, in [`Alphabet::values`].
pub(super) const NO_DIGIT: u8 = 0x80;

/// A way to write bytes as digits.
pub(super) struct Alphabet {
    /// The value of each digit, or [`NO_DIGIT`].
    pub(super) values: &'static [u8; 256],
    /// Bits of a digit.
    pub(super) bits: usize,
    /// Digits of a group that gives whole bytes.
    pub(super) group: usize,
    /// The most `=` behind the last group.
    pub(super) padding: usize,
    /// Which step it is.
    pub(super) encoding: Encoding,
}

/// The shortest line that may go on in the next one whatever follows. Writers break at 60, 64, 72 or 76 digits; what is
/// shorter may be prose, and so wants a second line that is as long.
const LONG_LINE: usize = 40;
const SHORTEST_LINE: usize = 16;

/// The most backslashes before the letter of an escape: four JSON strings in each other.
const ESCAPES: usize = 15;

/// Given a run of digits, returns the whole stretch from its start: with its padding, and over line breaks (raw, or
/// escaped as in a JSON string) as long as the lines are equal; the last may be shorter. A digit that is the letter of
/// an escape (`\n`) is left out. At most `limit` bytes.
///
/// Looks forward only: whoever goes through the runs of a text skips those inside the last region, and stays linear.
pub(super) fn region(alphabet: &Alphabet, text: &[u8], run: Span, limit: usize) -> Span {
    let escaped = run.start > 0 && text.get(run.start - 1) == Some(&b'\\');
    let letter = text.get(run.start).is_some_and(|byte| b"nrtbf".contains(byte));
    let start = (run.start + usize::from(escaped && letter)).min(text.len());
    let bound = text.len().min(start.saturating_add(limit));
    let text = &text[..bound];
    let first = line(alphabet, text, start);
    let mut end = first.end;
    if first.digits >= SHORTEST_LINE && first.digits.is_multiple_of(alphabet.group) {
        let mut trusted = first.digits >= LONG_LINE;
        while let Some(next) = next_line(alphabet, text, end).filter(|next| next.digits <= first.digits) {
            let shorter = next.digits < first.digits;
            if shorter && !trusted {
                break;
            }
            (end, trusted) = (next.end, true);
            if shorter {
                break;
            }
        }
    }
    start..end + padding(alphabet, text, end)
}

/// How many `=` stand at `at`, as far as they belong to the digits.
fn padding(alphabet: &Alphabet, text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    rest.iter().take(alphabet.padding).take_while(|&&byte| byte == b'=').count()
}

/// Digits in a row.
struct Line {
    digits: usize,
    end: usize,
}

/// The line that begins at `start`.
fn line(alphabet: &Alphabet, text: &[u8], start: usize) -> Line {
    let mut line = Line { digits: 0, end: start };
    while let Step::Digit { len, .. } = step(alphabet, text, line.end) {
        line.digits += 1;
        line.end += len;
    }
    line
}

/// The line behind the break at `end`, if there is a break with digits behind it. Dashes end a PEM block.
fn next_line(alphabet: &Alphabet, text: &[u8], end: usize) -> Option<Line> {
    let mut start = end;
    while let Step::Break { len } = step(alphabet, text, start) {
        start += len;
    }
    if start == end || text[start..].starts_with(b"--") {
        return None;
    }
    Some(line(alphabet, text, start)).filter(|line| line.digits > 0)
}

/// What stands at a place of a stretch.
enum Step {
    Digit { value: u8, len: usize },
    Break { len: usize },
    End,
}

/// Line breaks, and what stands before the digits of an indented or quoted block, are skipped; `\/` is how some writers
/// of JSON write `/`.
fn step(alphabet: &Alphabet, text: &[u8], at: usize) -> Step {
    let Some(&byte) = text.get(at) else { return Step::End };
    match alphabet.values[usize::from(byte)] {
        NO_DIGIT => {}
        value => return Step::Digit { value, len: 1 },
    }
    match byte {
        b'\n' | b'\r' => Step::Break { len: 1 + indent(text, at + 1) },
        b'\\' => escape(alphabet, text, at),
        // As Word writes line ends into an attribute.
        b'&' => match text[at..].starts_with(b"&#xA;") || text[at..].starts_with(b"&#xD;") {
            true => Step::Break { len: 5 },
            false => Step::End,
        },
        _ => Step::End,
    }
}

/// An escaped line break, however often it was escaped, or an escaped slash.
fn escape(alphabet: &Alphabet, text: &[u8], at: usize) -> Step {
    let slash = alphabet.values[usize::from(b'/')];
    let backslashes = text[at..].iter().take(ESCAPES).take_while(|&&byte| byte == b'\\').count();
    let behind = at + backslashes + 1;
    match text.get(behind - 1) {
        Some(b'n' | b'r') => Step::Break { len: behind - at + indent(text, behind) },
        Some(b'/') if slash != NO_DIGIT && backslashes == 1 => Step::Digit { value: slash, len: 2 },
        _ => Step::End,
    }
}

/// How much stands at `at`, the start of a line, before its digits: blanks, and the signs of a quotation or comment.
fn indent(text: &[u8], at: usize) -> usize {
    let mut rest = text.get(at..).unwrap_or_default();
    let all = rest.len();
    loop {
        rest = match rest {
            [b' ' | b'\t' | b'>' | b'#' | b'*' | b'|' | b';', rest @ ..] => rest,
            [b'\\', b't', rest @ ..] => rest,
            _ => return all - rest.len(),
        }
    }
}

/// Decodes the stretch whatever comes out. `None` where not even one byte does. What follows the first byte that is
/// neither digit nor break is not read.
pub(super) fn decode(alphabet: &Alphabet, parent: &[u8], span: Span) -> Option<Decoded> {
    let parent = parent.get(..span.end)?;
    let mut decoded = Decoded { text: Vec::new(), map: OffsetMap::default(), encoding: alphabet.encoding };
    decoded.text.reserve_exact(span.len() * alphabet.bits / 8 + 5);
    let mut group = Group { alphabet, bits: 0, digits: 0, span: span.start..span.start };
    let mut at = span.start;
    loop {
        match step(alphabet, parent, at) {
            Step::Digit { value, len } => {
                group.add(value, at..at + len);
                at += len;
                if group.digits == alphabet.group {
                    group.emit(&mut decoded);
                }
            }
            Step::Break { len } => at += len,
            Step::End => break,
        }
    }
    group.finish(at + padding(alphabet, parent, at), &mut decoded);
    (!decoded.text.is_empty()).then_some(decoded)
}

/// Digits and where they stand.
struct Group<'a> {
    alphabet: &'a Alphabet,
    bits: u64,
    digits: usize,
    span: Span,
}

impl Group<'_> {
    fn add(&mut self, value: u8, at: Span) {
        if self.digits == 0 {
            self.span.start = at.start;
        }
        self.span.end = at.end;
        self.bits = self.bits << self.alphabet.bits | u64::from(value);
        self.digits += 1;
    }

    /// How many bytes the digits give.
    fn bytes(&self) -> usize {
        self.digits * self.alphabet.bits / 8
    }

    /// Appends the bytes of the digits there are, and clears them.
    fn emit(&mut self, decoded: &mut Decoded) {
        let (len, used) = (self.bytes(), self.digits * self.alphabet.bits);
        let bytes = (self.bits << (64 - used)).to_be_bytes();
        decoded.text.extend(bytes.iter().take(len));
        decoded.map.push_group(self.span.clone(), len);
        (self.bits, self.digits) = (0, 0);
    }

    /// The end of a stretch: its padding belongs to the last group; so does a digit too many, which gives nothing.
    fn finish(mut self, end: usize, decoded: &mut Decoded) {
        match (self.digits, self.bytes()) {
            (0, _) => {}
            (_, 0) => decoded.map.stretch_last(end),
            _ => {
                self.span.end = end;
                self.emit(decoded);
            }
        }
    }
}

/// How many digits a stretch begins with, breaks left out.
pub(super) fn count(alphabet: &Alphabet, text: &[u8]) -> usize {
    let (mut at, mut digits) = (0, 0);
    loop {
        at += match step(alphabet, text, at) {
            Step::Digit { len, .. } => {
                digits += 1;
                len
            }
            Step::Break { len } => len,
            Step::End => return digits,
        }
    }
}

/// The table of values for an alphabet: the digits in order of their values, and others that mean the same.
pub(super) const fn values(alphabet: &[u8], same: &[(u8, u8)]) -> [u8; 256] {
    let mut table = [NO_DIGIT; 256];
    let mut value = 0;
    while value < alphabet.len() {
        table[alphabet[value] as usize] = value as u8;
        value += 1;
    }
    let mut other = 0;
    while other < same.len() {
        table[same[other].0 as usize] = table[same[other].1 as usize];
        other += 1;
    }
    table
}
