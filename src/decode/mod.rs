//! Layers: readable views on a text after one decoding step, with a map back. One file per encoding, both
//! directions in it; which stretches are worth a step, and how deep to go, is for detection to say.

pub mod base32;
pub mod base64;
pub mod character_codes;
pub mod code_page;
pub mod code_string;
pub mod concatenation;
pub mod deflate;
mod digits;
pub mod entities;
pub mod hex;
pub mod json_string;
mod map;
pub mod markup;
pub mod packed;
pub mod percent;
pub mod quoted_printable;
pub mod utf16;
pub mod utf32;

pub use map::{OffsetMap, Pieces};

use crate::blob::Span;
use crate::finding::Encoding;

/// How much further than before a place its stretch goes behind it: stretches are taken from left to right, so that all
/// of them together stay linear.
const AHEAD: usize = 16;

/// Text decoded out of a stretch of its parent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// The text. Nearly always UTF-8; out of base64 it may be UTF-16, which is one step more.
    pub text: Vec<u8>,
    /// The way back into the parent.
    pub map: OffsetMap,
    /// Which step it was.
    pub encoding: Encoding,
}

/// What is to be written over a span of the parent so that a part of the text becomes another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewrite {
    /// The bytes of the parent to replace.
    pub span: Span,
    /// What replaces them.
    pub bytes: Vec<u8>,
}

impl Decoded {
    /// Returns what makes `with` out of the bytes `at` of the text. Bytes of the text that share a group with `at`
    /// (a base64 group, an escape) are encoded again beside it; in base64 all that follows is, where the length
    /// shifts the groups.
    ///
    /// `parent` is what the text was decoded from. `None` where `at` is empty or lies outside of the text, where the
    /// parent is another, and where `with` is empty: what stood apart could then make an escape together.
    pub fn rewrite(&self, parent: &[u8], at: Span, with: &[u8]) -> Option<Rewrite> {
        if at.is_empty() || with.is_empty() {
            return None;
        }
        let mut whole = self.map.widen(at.clone());
        let group = match self.encoding {
            Encoding::Base64 => 3,
            Encoding::Base32 => 5,
            _ => 1,
        };
        if !(whole.len() + with.len()).wrapping_sub(at.len()).is_multiple_of(group) {
            whole.end = self.text.len();
        }
        let head = self.text.get(whole.start..at.start)?;
        let tail = self.text.get(at.end..whole.end)?;
        let text = [head, with, tail].concat();
        let span = self.map.encoded(whole.clone()).cover();
        let (before, old) = (parent.get(..span.start)?, parent.get(span.clone())?);
        let bytes = match self.encoding {
            Encoding::Markup => markup::write(&text, parent, &self.map, whole),
            Encoding::Base64 => base64::encode_like(&text, old),
            Encoding::Base32 => base32::encode_like(&text, old),
            Encoding::Hex => hex::encode_like(&text, old),
            Encoding::Deflate => deflate::encode_like(&text, old)?,
            Encoding::Percent => percent::encode_after(&text, before),
            Encoding::JsonString => json_string::encode_after(&text, before),
            Encoding::CodeString => code_string::encode_after(&text, before),
            Encoding::Entities => entities::encode_after(&text, before),
            Encoding::QuotedPrintable => quoted_printable::encode(&text),
            Encoding::Concatenation => concatenation::encode(&text)?,
            Encoding::CharacterCodes => character_codes::encode_like(&text, parent, &span),
            Encoding::Utf16Le | Encoding::Utf16Be => utf16::encode(&text, self.encoding),
            Encoding::Utf32Le | Encoding::Utf32Be => utf32::encode(&text, self.encoding),
            Encoding::CodePage => code_page::encode_like(&text, parent)?,
        };
        Some(Rewrite { span, bytes })
    }
}

/// A text that is put together of what stands in a stretch of its parent and of what replaces parts of it.
struct Replacing<'a> {
    parent: &'a [u8],
    /// What is neither copied nor replaced so far.
    rest: Span,
    text: Vec<u8>,
    map: OffsetMap,
    replaced: bool,
}

impl<'a> Replacing<'a> {
    /// Nothing where the span is not the parent's.
    fn new(parent: &'a [u8], span: Span) -> Option<Self> {
        let length = parent.get(span.clone())?.len();
        let text = Vec::with_capacity(length);
        Some(Self { parent, rest: span, text, map: OffsetMap::default(), replaced: false })
    }

    /// What is still to be looked at.
    fn rest(&self) -> &'a [u8] {
        self.parent.get(self.rest.clone()).unwrap_or_default()
    }

    /// Copies so many bytes.
    fn copy(&mut self, length: usize) {
        let end = self.rest.end.min(self.rest.start.saturating_add(length));
        let span = self.rest.start..end;
        self.text.extend_from_slice(self.parent.get(span.clone()).unwrap_or_default());
        self.map.push_copy(span);
        self.rest.start = end;
    }

    /// Copies so many bytes as one: none of them goes without the others.
    fn keep(&mut self, length: usize) {
        let end = self.rest.end.min(self.rest.start.saturating_add(length));
        let span = self.rest.start..end;
        self.text.extend_from_slice(self.parent.get(span.clone()).unwrap_or_default());
        self.map.push_group(span.clone(), span.len());
        self.rest.start = end;
    }

    /// Takes `with` for so many bytes; it may be nothing.
    fn replace(&mut self, length: usize, with: &[u8]) {
        let end = self.rest.end.min(self.rest.start.saturating_add(length));
        self.text.extend_from_slice(with);
        self.map.push_group(self.rest.start..end, with.len());
        self.rest.start = end;
        self.replaced = true;
    }

    /// The same with a character.
    fn replace_char(&mut self, length: usize, with: char) {
        self.replace(length, with.encode_utf8(&mut [0; 4]).as_bytes());
    }

    /// The whole; nothing where nothing was replaced.
    fn finish(mut self, encoding: Encoding) -> Option<Decoded> {
        self.copy(self.rest.len());
        self.replaced.then_some(Decoded { text: self.text, map: self.map, encoding })
    }
}

/// Whether a byte can stand in a credential or in what leads to one: printable, and no blank or quote.
fn in_token(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'`' | b'\\')
}

/// Whether at least nine bytes of ten are printable ASCII, blanks or letters of other scripts in UTF-8.
fn readable(bytes: &[u8]) -> bool {
    let readable: usize = bytes.utf8_chunks().map(|chunk| readable_bytes(chunk.valid())).sum();
    !bytes.is_empty() && readable * 10 >= bytes.len() * 9
}

fn readable_bytes(text: &str) -> usize {
    if text.is_ascii() {
        let readable = |byte: &&u8| matches!(**byte, b' '..=b'~' | b'\t' | b'\n' | b'\r');
        return text.as_bytes().iter().filter(readable).count();
    }
    let readable = |c: &char| !c.is_control() || matches!(c, '\t' | '\n' | '\r');
    text.chars().filter(readable).map(char::len_utf8).sum()
}

/// The value of a hexadecimal digit.
fn hex_value(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Encodes a text, its first byte as an escape if it would go on with an escape that is cut short before it.
fn with_first_escaped(
    text: &[u8],
    goes_on: impl Fn(&u8) -> bool,
    push_escape: impl Fn(&mut Vec<u8>, u8),
    encode: impl Fn(&[u8]) -> Vec<u8>,
) -> Vec<u8> {
    let Some((first, rest)) = text.split_first().filter(|(first, _)| goes_on(first)) else {
        return encode(text);
    };
    let mut out = Vec::with_capacity(text.len() + 8);
    push_escape(&mut out, *first);
    out.extend(encode(rest));
    out
}

#[cfg(test)]
mod laws {
    //! The three laws that make a layer trustworthy, checked with one stretch and one part of its text.

    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::Decoded;
    use crate::blob::Span;

    /// What a layer makes of a whole text, if it makes anything.
    pub(super) fn text_of(decode: impl Fn(&[u8], Span) -> Option<Decoded>, text: &str) -> Option<String> {
        let decoded = decode(text.as_bytes(), 0..text.len())?;
        Some(String::from_utf8_lossy(&decoded.text).into_owned())
    }

    /// A part of a text of that length.
    pub(super) fn part(len: usize, ends: [Index; 2]) -> Span {
        let [a, b] = ends.map(|end| end.index(len + 1));
        a.min(b)..a.max(b)
    }

    /// A part of a text that cuts no character.
    pub(super) fn characters(text: &[u8], ends: [Index; 2]) -> Span {
        let mut part = part(text.len(), ends);
        let inside = |at: usize| at > 0 && text.get(at).is_some_and(|byte| byte & 0xc0 == 0x80);
        while inside(part.start) {
            part.start -= 1;
        }
        while inside(part.end) {
            part.end += 1;
        }
        part
    }

    pub(super) fn check(
        stretch: &str,
        decode: impl Fn(&[u8], Span) -> Option<Decoded>,
        at: Span,
        with: &[u8],
    ) -> Result<(), TestCaseError> {
        check_bytes(stretch.as_bytes(), decode, at, with)
    }

    pub(super) fn check_bytes(
        stretch: &[u8],
        decode: impl Fn(&[u8], Span) -> Option<Decoded>,
        at: Span,
        with: &[u8],
    ) -> Result<(), TestCaseError> {
        const HEAD: &[u8] = b"<<\"";
        const TAIL: &[u8] = b"\">>";
        let parent = [HEAD, stretch, TAIL].concat();
        let span = HEAD.len()..HEAD.len() + stretch.len();
        let Some(decoded) = decode(&parent, span.clone()) else {
            return Ok(());
        };
        prop_assert_eq!(decoded.map.decoded_len(), decoded.text.len());

        let pieces = decoded.map.encoded(at.clone());
        let mut end = span.start;
        for piece in pieces.spans() {
            prop_assert!(piece.start >= end && piece.end <= span.end && !piece.is_empty());
            end = piece.end;
        }
        if at.is_empty() {
            return Ok(());
        }

        let cover = pieces.cover();
        let again = decode(&parent, cover.clone()).map_or(parent[cover].to_vec(), |again| again.text);
        let part = &decoded.text[at.clone()];
        prop_assert!(again.windows(part.len()).any(|window| window == part), "{again:?} {part:?} {at:?}");

        let rewrite = decoded.rewrite(&parent, at.clone(), with).expect("the part lies in the text");
        prop_assert!(rewrite.span.start >= span.start && rewrite.span.end <= span.end);
        let written = [&parent[..rewrite.span.start], &rewrite.bytes, &parent[rewrite.span.end..]].concat();
        let span = span.start..written.len() - TAIL.len();
        let read = decode(&written, span.clone()).map_or(written[span].to_vec(), |read| read.text);
        let expected = [&decoded.text[..at.start], with, &decoded.text[at.end..]].concat();
        prop_assert_eq!(String::from_utf8_lossy(&read), String::from_utf8_lossy(&expected));
        Ok(())
    }
}
