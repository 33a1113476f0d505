//! Notations that say what JSON could say: a text in XML, YAML or Bru → the JSON that says the same, and where each byte
//! went. So one kind of reader serves them all. Tolerant: what cannot be read is left out, and its bytes have no place.

use std::borrow::Cow;

use crate::blob::Span;
use crate::json;

mod bru;
mod m;
mod wide;
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
    /// Whether two bytes of the text are one of the transcript, between marks.
    is_wide: bool,
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
        let past = (offset - from) / if self.is_wide { 2 } else { 1 };
        to.saturating_add(past).min(end.saturating_sub(1).max(*to))
    }
}

/// The transcript of a text that is no JSON, if it is in one of the notations.
pub(super) fn transcript(text: &[u8]) -> Option<Transcript> {
    if let Some(transcript) = wide::transcript(text) {
        return Some(transcript);
    }
    let start = if text.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
    let body = text.get(start..).unwrap_or_default();
    let begin = start + body.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    if text.get(begin) == Some(&b'<') {
        return if is_html(text.get(begin..)?) { None } else { xml::transcript(text, begin) };
    }
    m::transcript(text, begin)
        .or_else(|| bru::transcript(text, start))
        .or_else(|| yaml::transcript(text, start))
}

/// A page of the web, whose elements are of no use to tell a place; but for the pages that Notion exports.
fn is_html(text: &[u8]) -> bool {
    let head = text.get(..64 << 10).unwrap_or(text);
    if memchr::memmem::find(head, b"class=\"page-title\"").is_some() {
        return false;
    }
    let begins = |word: &[u8]| text.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word));
    begins(b"<html") || begins(b"<!doctype html")
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

    /// A value that is written already, with places of the text and where in the value they stand.
    fn embed(&mut self, value: &[u8], marks: impl IntoIterator<Item = (usize, usize)>) {
        self.comma();
        let here = self.text.len();
        self.text.extend_from_slice(value);
        for (from, at) in marks {
            self.mark_at(from, here + at);
        }
        self.due = true;
    }

    /// Says that byte `from` of the text stands here. Offsets only ascend.
    fn mark(&mut self, from: usize) {
        self.mark_at(from, self.text.len());
    }

    fn mark_at(&mut self, from: usize, at: usize) {
        let here = (from, at);
        match self.marks.pairs.last_mut() {
            Some(last) if last.0 > from || last.1 > at => {}
            Some(last) if last.0 == from || last.1 == at => *last = here,
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(text: &str) -> Option<Value> {
        let text = transcript(text.as_bytes())?.text;
        Some(
            serde_json::from_slice(&text)
                .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&text))),
        )
    }

    /// What PyYAML and the specification say.
    #[test]
    fn yaml() {
        let says = |text: &str, tree: Value| assert_eq!(read(text), Some(tree), "{text}");
        says(
            "a: 1\nb: x y # c\nc:\n  d: 'it''s'\n  e: \"q\\\"\\n\"\n",
            json!({"a": 1, "b": "x y", "c": {"d": "it's", "e": "q\"\n"}}),
        );
        says(
            "- a\n- b: 1\n  c: 2\n-\n  d: 3\n- - e\n  - f\n",
            json!(["a", {"b": 1, "c": 2}, {"d": 3}, ["e", "f"]]),
        );
        says("a:\n- b\n- c\nd: e\n", json!({"a": ["b", "c"], "d": "e"}));
        says("a: |\n  x: 1\n    y\nb: true\n", json!({"a": "x: 1\n  y\n", "b": true}));
        says(
            "---\na: [b, \"c d\", {e: f}]\ng: {}\nh:\ni: ~\n",
            json!({"a": ["b", "c d", {"e": "f"}], "g": {}, "h": null, "i": null}),
        );
        says("a: one\n  two\nb: 3\n", json!({"a": "one two", "b": 3}));
        says("\"a b\": c\n'd': http://e/f\n", json!({"a b": "c", "d": "http://e/f"}));
        says("a: \"\\u8FD0\\x41\\/\"\n", json!({"a": "\u{8FD0}A/"}));
        says("a: 'x\n\n  y'\nb: c\n", json!({"a": "x  y", "b": "c"}));
    }

    #[test]
    fn what_is_no_yaml() {
        for text in [
            "",
            "hello world\n",
            "# title\n\ntext\n",
            "fn main() {\n    x: 1\n}\n",
            "a: b\nsome text\n",
            "x = 1\n",
            "a: b\n   c: d\n  e: f\n",
        ] {
            assert!(transcript(text.as_bytes()).is_none(), "{text}");
        }
    }

    #[test]
    fn xml() {
        let says = |text: &str, tree: Value| assert_eq!(read(text), Some(tree), "{text}");
        says("<?xml version=\"1.0\"?>\n<a><b>x &amp; y</b><c/></a>", json!({"a": {"b": "x & y", "c": ""}}));
        says("<p:a b='1 &lt; 2'>t<c>u</c></p:a>", json!({"a": {"b": "1 < 2", "text": "t", "c": "u"}}));
        says("<a><![CDATA[<b>]]></a>", json!({"a": "<b>"}));
        says(
            "<a><entry key='k' value='v'/><property name='n'>w</property></a>",
            json!({"a": {"k": {"key": "k", "value": "v"}, "n": "w"}}),
        );
        says(
            "<a><b>x &lt;record_update>&lt;c>y&amp;amp;&lt;/c></b></a>",
            json!({"a": {"b": "x <record_update><c>y&amp;</c>"}}),
        );
        let tree = json!({"a": {"b": {"record_update": {"c": "y&"}}}});
        says("<a><b>&lt;record_update>&lt;c>y&amp;amp;&lt;/c>&lt;/record_update></b></a>", tree.clone());
        says("<a><b><![CDATA[<record_update><c>y&amp;</c></record_update>]]></b></a>", tree);
        says("<a><b>x", json!({"a": {"b": "x"}}));
        assert!(transcript(b"<!DOCTYPE html><p>a</p>").is_none());
    }

    #[test]
    fn bru() {
        let text = "meta {\n  name: a\n}\n\nheaders {\n  ~k: v: w\n}\nbody:json {\n  {\n    \"x\": 1\n  }\n}\nvars:secret [\n  t\n]\n";
        let tree = json!({"meta": {"name": "a"}, "headers": {"k": "v: w"}, "body:json": "  {\n    \"x\": 1\n  }\n", "vars:secret": ["t"], "~bru": true});
        assert_eq!(read(text), Some(tree));
    }

    #[test]
    fn bytes_are_found_again() {
        let texts = [
            "a:\n  - b: \"x\\\"KEY-1\"\n    c: |\n      d\n      KEY-2\n  - {e: KEY-3}\nf: KEY-4 # x\n",
            "<a b='&amp;KEY-1'>x &lt; KEY-2<c>KEY-3</c>\n<entry key='k' value='KEY-4'/></a>",
            "<a><b><![CDATA[<record_update><c d='KEY-0'>y&amp;KEY-1</c></record_update>]]></b><b>&lt;record_update&gt;&lt;c d='KEY-2'>y&amp;amp;KEY-3&lt;/c>&lt;/record_update></b>KEY-4</a>",
            "meta {\n  name: KEY-1\n}\nbody {\n  x \"KEY-2\"\n}\n",
        ];
        for text in texts {
            let transcript = transcript(text.as_bytes()).unwrap();
            for start in memchr::memmem::find_iter(text.as_bytes(), b"KEY-") {
                let place = transcript.marks.transcribed(&(start..start + 5));
                let word = text.get(start..start + 5).unwrap();
                assert_eq!(transcript.text.get(place), Some(word.as_bytes()), "{text}");
            }
        }
    }

    #[test]
    fn deep_and_hostile_texts_end() {
        for text in [
            "<a>".repeat(100_000),
            "- ".repeat(100_000),
            format!("a: {}", "[".repeat(100_000)),
            "a:\n".to_owned() + &" b:\n".repeat(10),
        ] {
            transcript(text.as_bytes());
        }
    }
}
