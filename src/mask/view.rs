//! Views: a string as others would read it, after taking off one encoding, with the way back to the original.
//!
//! These are not the layers of the `decode` room: names are short, everything is tried everywhere, and what comes out
//! is only searched, never shown.

use std::borrow::Cow;

use crate::blob::Span;

use super::visible::acts;

/// Characters of base64 or hex in a row below which nothing is decoded: no value worth it fits.
const SHORTEST_RUN: usize = 6;

/// Bytes that were read out of a text.
pub(super) struct View {
    /// The bytes.
    pub(super) bytes: Vec<u8>,
    /// For each of them the bytes of the original text that it came out of.
    origins: Vec<Span>,
}

/// What stands at the beginning of some bytes: how many of them, and what they decode to.
type Piece = (usize, Vec<u8>);

impl View {
    /// The text as it is.
    pub(super) fn of(text: &str) -> Self {
        let bytes = text.as_bytes().to_vec();
        let origins = (0..bytes.len()).map(|at| at..at + 1).collect();
        Self { bytes, origins }
    }

    /// Returns the view as text of the same length in bytes. What decodes to anything but text (base64 that is none)
    /// may have a token in it all the same, so there the bytes beyond ASCII become a control character.
    pub(super) fn text(&self) -> Cow<'_, str> {
        match std::str::from_utf8(&self.bytes) {
            Ok(text) => text.into(),
            Err(_) => self
                .bytes
                .iter()
                .map(|&byte| if byte.is_ascii() { char::from(byte) } else { '\x1a' })
                .collect(),
        }
    }

    /// Returns the bytes of the original text that a span of the view came out of; `None` for an empty span and for one
    /// that is not within the view, except that an end beyond it is the view's.
    pub(super) fn original(&self, span: Span) -> Option<Span> {
        let origins = self.origins.get(span.start..span.end.min(self.origins.len()))?;
        Some(origins.first()?.start..origins.last()?.end)
    }

    /// Returns whether some of it reads as text: a token does, and so does whatever decodes to one. What decodes from
    /// base64 that is none hardly ever has that many printable characters in a row.
    pub(super) fn is_legible(&self) -> bool {
        let mut run = 0;
        self.bytes.iter().any(|byte| {
            run = if byte.is_ascii_graphic() { run + 1 } else { 0 };
            run >= SHORTEST_RUN
        })
    }

    /// Returns what the view decodes to, by each encoding that occurs in it.
    pub(super) fn decoded(&self) -> Vec<View> {
        let escapes = [json, percent, pointer, entity, invisible];
        let escaped = escapes.into_iter().filter_map(|escape| self.unescaped(escape));
        let base64 = (0..4).filter_map(|from| self.digits(sextet, 6, from));
        let hex = (0..2).filter_map(|from| self.digits(nibble, 4, from));
        escaped.chain(base64).chain(hex).collect()
    }

    /// Replaces what `escape` knows; `None` if nothing is.
    fn unescaped(&self, escape: impl Fn(&[u8]) -> Option<Piece>) -> Option<View> {
        let piece = |at: usize| escape(self.bytes.get(at..)?);
        let first = (0..self.bytes.len()).find(|&at| piece(at).is_some())?;
        let mut view = View {
            bytes: self.bytes.get(..first)?.to_vec(),
            origins: self.origins.get(..first)?.to_vec(),
        };
        let mut at = first;
        while let Some(&byte) = self.bytes.get(at) {
            let (taken, decoded) = piece(at).unwrap_or_else(|| (1, vec![byte]));
            let origin = self.original(at..at + taken)?;
            view.origins.extend(decoded.iter().map(|_| origin.clone()));
            view.bytes.extend(decoded);
            at += taken;
        }
        Some(view)
    }

    /// Decodes the runs of digits of `bits` bits each, each run from its digit `from` on, with a zero byte after each;
    /// `None` if there is no run.
    fn digits(&self, value: fn(u8) -> Option<u8>, bits: usize, from: usize) -> Option<View> {
        let mut view = View {
            bytes: Vec::new(),
            origins: Vec::new(),
        };
        let mut at = 0;
        while at < self.bytes.len() {
            let rest = self.bytes.get(at..)?;
            let digits: Vec<u8> = rest.iter().map_while(|&byte| value(byte)).collect();
            if digits.len() >= SHORTEST_RUN + from {
                self.decode_run(at, &digits, bits, from, &mut view);
            }
            at += digits.len() + 1;
        }
        (!view.bytes.is_empty()).then_some(view)
    }

    /// Appends what a run of digits decodes to; `at` is where the run begins.
    fn decode_run(&self, at: usize, digits: &[u8], bits: usize, from: usize, view: &mut View) {
        let digits_from = digits.get(from..).unwrap_or_default();
        for byte in 0..digits_from.len() * bits / 8 {
            let (first, last) = (byte * 8 / bits, (byte * 8 + 7) / bits);
            let (Some(&high), Some(&low)) = (digits_from.get(first), digits_from.get(last)) else {
                break;
            };
            let pair = u16::from(high) << bits | u16::from(low);
            let spare = 2 * bits - 8 - byte * 8 % bits;
            let Some(origin) = self.original(at + from + first..at + from + last + 1) else {
                break;
            };
            view.bytes.push((pair >> spare & 0xff) as u8);
            view.origins.push(origin);
        }
        if let Some(end) = view.origins.last().map(|origin| origin.end) {
            view.bytes.push(0);
            view.origins.push(end..end);
        }
    }
}

/// The value of a digit of base64, of either alphabet.
fn sextet(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}

/// The value of a hexadecimal digit.
fn nibble(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

/// An escape of a JSON string.
fn json(rest: &[u8]) -> Option<Piece> {
    let [b'\\', kind, ..] = rest else { return None };
    let plain = match kind {
        b'"' | b'\\' | b'/' => *kind,
        b'b' => 8,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'u' => return json_unicode(rest),
        _ => return None,
    };
    Some((2, vec![plain]))
}

/// `\u` and four digits, or two such that are a surrogate pair.
fn json_unicode(rest: &[u8]) -> Option<Piece> {
    let unit = |at: usize| {
        let digits = rest.get(at..at + 6)?.strip_prefix(b"\\u")?;
        digits
            .iter()
            .try_fold(0u16, |unit, &digit| Some(unit << 4 | u16::from(nibble(digit)?)))
    };
    let first = unit(0)?;
    let units: Vec<u16> = [Some(first), unit(6)].into_iter().flatten().collect();
    let decoded = char::decode_utf16(units).next()?.ok()?;
    Some((6 * decoded.len_utf16(), decoded.to_string().into_bytes()))
}

/// `%` and two digits.
fn percent(rest: &[u8]) -> Option<Piece> {
    let [b'%', high, low, ..] = rest else { return None };
    Some((3, vec![nibble(*high)? << 4 | nibble(*low)?]))
}

/// An escape of a JSON pointer (RFC 6901).
fn pointer(rest: &[u8]) -> Option<Piece> {
    match rest {
        [b'~', b'0', ..] => Some((2, vec![b'~'])),
        [b'~', b'1', ..] => Some((2, vec![b'/'])),
        _ => None,
    }
}

/// An entity of XML or HTML.
fn entity(rest: &[u8]) -> Option<Piece> {
    let name = rest.strip_prefix(b"&")?;
    let end = name.iter().take(12).position(|&byte| byte == b';')?;
    let name = std::str::from_utf8(name.get(..end)?).ok()?;
    let number = |digits: &str, radix| u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
    let decoded = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        name => match name.strip_prefix('#')?.strip_prefix(['x', 'X']) {
            Some(digits) => number(digits, 16)?,
            None => number(name.strip_prefix('#')?, 10)?,
        },
    };
    Some((end + 2, decoded.to_string().into_bytes()))
}

/// A character that cannot be seen: it decodes to nothing.
fn invisible(rest: &[u8]) -> Option<Piece> {
    if rest
        .first()
        .is_some_and(|&byte| byte == b' ' || byte.is_ascii_graphic())
    {
        return None;
    }
    let longest = rest.get(..4).unwrap_or(rest);
    let valid = match std::str::from_utf8(longest) {
        Ok(valid) => valid,
        Err(error) => std::str::from_utf8(longest.get(..error.valid_up_to())?).ok()?,
    };
    let first = valid.chars().next()?;
    (acts(first) || first == '\u{fe0f}').then(|| (first.len_utf8(), Vec::new()))
}
