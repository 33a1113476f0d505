//! Notations that say what JSON could say: a text in XML, YAML or Bru → the JSON that says the same, and where each byte
//! went. So one kind of reader serves them all. Tolerant: what cannot be read is left out, and its bytes have no place.

use std::borrow::Cow;

use crate::blob::Span;
use crate::json;

mod bru;
mod xml;
mod yaml;

/// The longest transcript, in bytes: what follows in the text has no place.
const MAX_TEXT: usize = 128 << 20;

/// A text as JSON.
pub(super) struct Transcript {
    pub text: Vec<u8>,
    pub marks: Marks,
}

/// Which byte of a text went where.
#[derive(Default)]
pub(super) struct Marks {
    /// Offsets in the text and in the transcript, both ascending. Between two marks bytes follow each other.
    pairs: Vec<(usize, usize)>,
}

impl Marks {
    /// Where bytes of the text stand in the transcript.
    pub(super) fn transcribed(&self, span: &Span) -> Span {
        let start = self.place(span.start);
        start..self.place(span.end).max(start + 1)
    }

    fn place(&self, offset: usize) -> usize {
        let next = self.pairs.partition_point(|(from, _)| *from <= offset);
        let Some((from, to)) = next.checked_sub(1).and_then(|last| self.pairs.get(last)) else {
            return 0;
        };
        let end = self.pairs.get(next).map_or(usize::MAX, |(_, to)| *to);
        to.saturating_add(offset - from).min(end.saturating_sub(1).max(*to))
    }
}

/// The transcript of a text that is no JSON, if it is in one of the notations.
pub(super) fn transcript(text: &[u8]) -> Option<Transcript> {
    let start = if text.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
    let body = text.get(start..).unwrap_or_default();
    let begin = start + body.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    if text.get(begin) == Some(&b'<') {
        return xml::transcript(text, begin);
    }
    bru::transcript(text, start).or_else(|| yaml::transcript(text, start))
}

/// A text as JSON, where it is not already.
pub(super) fn json_of(text: &[u8]) -> Cow<'_, [u8]> {
    match transcript(text).filter(|_| !json::begins_like_json(text)) {
        Some(transcript) => Cow::Owned(transcript.text),
        None => Cow::Borrowed(text),
    }
}

/// Writes a transcript.
#[derive(Default)]
struct Writer {
    text: Vec<u8>,
    marks: Marks,
    /// Whether a comma is due before the next value or name.
    due: bool,
}

impl Writer {
    fn is_full(&self) -> bool {
        self.text.len() >= MAX_TEXT
    }

    /// Opens a container that begins at `from` of the text.
    fn open(&mut self, from: usize, bracket: u8) {
        self.comma();
        self.mark(from);
        self.text.push(bracket);
        self.due = false;
    }

    fn close(&mut self, bracket: u8) {
        self.text.push(bracket);
        self.due = true;
    }

    /// The name of a member, which stands at `from` of the text.
    fn key(&mut self, from: usize, name: &[u8]) {
        self.comma();
        self.string_of(from, name);
        self.text.push(b':');
        self.due = false;
    }

    /// A value that is written as it stands: a number, `true`, `false`, `null`.
    fn bare(&mut self, from: usize, value: &[u8]) {
        self.comma();
        self.mark(from);
        self.text.extend_from_slice(value);
        self.due = true;
    }

    /// A string of pieces, each with the offset in the text at which it stands.
    fn string<'p>(&mut self, pieces: impl IntoIterator<Item = (usize, &'p [u8])>) {
        self.comma();
        self.text.push(b'"');
        for (from, piece) in pieces {
            self.escape(from, piece);
        }
        self.text.push(b'"');
        self.due = true;
    }

    fn string_of(&mut self, from: usize, value: &[u8]) {
        self.text.push(b'"');
        self.escape(from, value);
        self.text.push(b'"');
    }

    fn escape(&mut self, from: usize, piece: &[u8]) {
        self.mark(from);
        let mut done = 0;
        for (at, byte) in piece.iter().enumerate().filter(|(_, byte)| matches!(byte, 0..=31 | b'"' | b'\\')) {
            self.text.extend_from_slice(piece.get(done..at).unwrap_or_default());
            self.mark(from + at);
            match byte {
                b'"' | b'\\' => self.text.extend_from_slice(&[b'\\', *byte]),
                b'\n' => self.text.extend_from_slice(b"\\n"),
                b'\t' => self.text.extend_from_slice(b"\\t"),
                b'\r' => self.text.extend_from_slice(b"\\r"),
                _ => self.text.push(b' '),
            }
            done = at + 1;
            self.mark(from + done);
        }
        self.text.extend_from_slice(piece.get(done..).unwrap_or_default());
    }

    /// Says that byte `from` of the text stands here. Offsets only ascend.
    fn mark(&mut self, from: usize) {
        let here = (from, self.text.len());
        match self.marks.pairs.last_mut() {
            Some(last) if last.0 > from || last.1 == here.1 => {}
            Some(last) if last.0 == from => last.1 = here.1,
            _ => self.marks.pairs.push(here),
        }
    }

    fn comma(&mut self) {
        if std::mem::take(&mut self.due) {
            self.text.push(b',');
        }
    }

    fn finish(self) -> Transcript {
        Transcript { text: self.text, marks: self.marks }
    }
}

/// Goes through a text line by line.
struct Lines<'t> {
    text: &'t [u8],
    at: usize,
}

/// A line without its break.
#[derive(Clone, Copy)]
struct Line<'t> {
    start: usize,
    text: &'t [u8],
}

impl<'t> Line<'t> {
    fn indent(&self) -> usize {
        self.text.iter().take_while(|byte| **byte == b' ').count()
    }

    fn is_blank(&self) -> bool {
        self.text.trim_ascii().is_empty()
    }

    /// What stands from column `at` on, without blanks around it, and the offset where it begins.
    fn from(&self, at: usize) -> (usize, &'t [u8]) {
        let rest = self.text.get(at..).unwrap_or_default();
        let trimmed = rest.trim_ascii_start();
        (self.start + at + rest.len() - trimmed.len(), trimmed.trim_ascii_end())
    }
}

impl<'t> Lines<'t> {
    fn peek(&self) -> Option<Line<'t>> {
        let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let line = rest.get(..end)?;
        Some(Line { start: self.at, text: line.strip_suffix(b"\r").unwrap_or(line) })
    }

    fn next(&mut self) -> Option<Line<'t>> {
        let line = self.peek()?;
        let rest = self.text.get(self.at..)?;
        self.at += memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
        Some(line)
    }
}
