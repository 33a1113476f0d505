//! Content of JSON strings to text and back to the offsets: escapes decode, all else is copied.

use std::borrow::Cow;

use memchr::memchr;

/// Raw bytes between two marks of an [`Unescaped`]: looking up an offset costs at most so many.
const MARK_STEP: usize = 4096;

/// What the next bytes of a string's content are.
enum Piece {
    /// So many bytes that stand for themselves.
    Plain(usize),
    /// An escape: so many bytes that stand for one character.
    Escape(usize, char),
}

impl Piece {
    fn at(raw: &[u8], at: usize) -> Option<Piece> {
        let rest = raw.get(at..).filter(|rest| !rest.is_empty())?;
        Some(match memchr(b'\\', rest) {
            None => Piece::Plain(rest.len()),
            Some(0) => escape(rest),
            Some(plain) => Piece::Plain(plain),
        })
    }
}

/// Reads the escape that `rest` begins with. An unknown one stands for the character behind the backslash.
fn escape(rest: &[u8]) -> Piece {
    let character = match rest.get(1) {
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => return unicode(rest),
        Some(byte) if byte.is_ascii() => char::from(*byte),
        _ => return Piece::Escape(1, '\\'),
    };
    Piece::Escape(2, character)
}

/// `\uXXXX`, or two of them that make a surrogate pair; half a pair is replaced.
fn unicode(rest: &[u8]) -> Piece {
    let Some(first) = unit(rest) else {
        return Piece::Escape(2, 'u');
    };
    let second = rest.get(6..).filter(|rest| rest.starts_with(b"\\u")).and_then(unit);
    match (char::from_u32(first), second) {
        (Some(character), _) => Piece::Escape(6, character),
        (None, Some(low @ 0xDC00..=0xDFFF)) if first < 0xDC00 => {
            let code = 0x10000 + ((first - 0xD800) << 10) + (low - 0xDC00);
            Piece::Escape(12, char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
        }
        (None, _) => Piece::Escape(6, char::REPLACEMENT_CHARACTER),
    }
}

/// The four hexadecimal digits behind `\u`.
fn unit(rest: &[u8]) -> Option<u32> {
    let digits = rest.get(2..6)?;
    digits.iter().try_fold(0, |unit, digit| Some(unit * 16 + char::from(*digit).to_digit(16)?))
}

/// Decodes the content of a string. What is no UTF-8 is replaced.
pub fn text(raw: &[u8]) -> Cow<'_, str> {
    if memchr(b'\\', raw).is_none() {
        return String::from_utf8_lossy(raw);
    }
    Cow::Owned(String::from_utf8_lossy(&Unescaped::new(raw).text).into_owned())
}

/// The decoded content of a string, which knows where each of its bytes came from.
#[derive(Clone, Debug)]
pub struct Unescaped {
    /// The decoded bytes; those that were no UTF-8 are kept as they are.
    pub text: Vec<u8>,
    /// Offsets in the raw and in the decoded bytes that belong together, ascending, every few thousand bytes.
    marks: Vec<(usize, usize)>,
}

impl Unescaped {
    /// Decodes the content of a string.
    pub fn new(raw: &[u8]) -> Self {
        let mut text = Vec::with_capacity(raw.len());
        let mut marks = vec![(0, 0)];
        let (mut at, mut marked) = (0, 0);
        while let Some(piece) = Piece::at(raw, at) {
            if at >= marked + MARK_STEP {
                marks.push((at, text.len()));
                marked = at;
            }
            match piece {
                Piece::Plain(length) => {
                    text.extend_from_slice(&raw[at..at + length]);
                    at += length;
                }
                Piece::Escape(length, character) => {
                    text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                    at += length;
                }
            }
        }
        Self { text, marks }
    }

    /// Where the raw byte at `offset` went to: a byte of an escape to the first byte of its character. `raw` is what
    /// this was made of.
    pub fn decoded(&self, raw: &[u8], offset: usize) -> usize {
        let mark = self.marks.partition_point(|(at, _)| *at <= offset).saturating_sub(1);
        let (mut at, mut decoded) = self.marks.get(mark).copied().unwrap_or_default();
        while let Some(piece) = Piece::at(raw, at) {
            match piece {
                Piece::Plain(length) if offset < at + length => return decoded + (offset - at),
                Piece::Escape(length, _) if offset < at + length => return decoded,
                Piece::Plain(length) => (at, decoded) = (at + length, decoded + length),
                Piece::Escape(length, character) => {
                    (at, decoded) = (at + length, decoded + character.len_utf8());
                }
            }
        }
        self.text.len()
    }
}
