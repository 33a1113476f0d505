//! Rows of a table as lines of JSON with the columns' names as keys, so that each value has its field, given to a sink
//! some hundred KiB at a time.

use std::fmt::{self, Write as _};

use serde::de::IgnoredAny;

use super::Sink;
use crate::blob::Landmarks;

/// Bytes after which the rows so far are given away.
const FLUSH: usize = 512 << 10;

/// The longest text that stands in its row, and the most of a row, in bytes; what is longer is a member of its own.
const CELL: usize = 1 << 20;

/// The shortest bytes that are worth a member: fewer hold no credential.
const BYTES: usize = 8;

/// What stands in a cell.
pub(super) enum Cell<'a> {
    /// A number, or what else looks the same in JSON.
    Bare(&'a dyn fmt::Display),
    /// A text, which may be none in truth.
    Text(&'a [u8]),
    /// Bytes, which may be a text in truth.
    Bytes(&'a [u8]),
}

/// Takes the rows of one table.
pub(super) struct Rows<'a> {
    sink: &'a mut dyn Sink,
    /// The table, as the text is called.
    name: &'a str,
    /// What stands before `row 3` in a landmark: the name and a comma, or nothing.
    prefix: String,
    text: String,
    landmarks: Landmarks,
    row: u64,
    /// Where the present row begins in the text.
    start: usize,
    /// Whether the present row has no end yet.
    open: bool,
    more: bool,
}

impl<'a> Rows<'a> {
    pub(super) fn new(sink: &'a mut dyn Sink, name: &'a str, prefix: String) -> Self {
        let (text, landmarks) = (String::new(), Landmarks::default());
        Self { sink, name, prefix, text, landmarks, row: 0, start: 0, open: false, more: true }
    }

    /// Begins a row, counted from 1. False once no more is wanted.
    pub(super) fn begin(&mut self) -> bool {
        if self.open {
            self.end(); // a reader that failed within a row has left it so
        }
        if self.text.len() >= FLUSH {
            self.flush();
        }
        self.row += 1;
        self.open = true;
        self.start = self.text.len();
        let place = self.place();
        self.landmarks.push(self.start, place);
        self.text.push('{');
        self.more
    }

    /// A cell of the present row. An empty one (null) is not given.
    pub(super) fn cell(&mut self, column: &str, cell: &Cell) {
        match *cell {
            Cell::Bare(value) => {
                let value = value.to_string();
                if self.is_long(value.as_bytes()) {
                    return self.member(column, value.as_bytes());
                }
                self.key(column);
                self.text.push_str(&value);
            }
            Cell::Text(text) if self.is_long(text) => self.member(column, text),
            Cell::Text(text) => self.text(column, &String::from_utf8_lossy(text)),
            Cell::Bytes(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) if !self.is_long(bytes) => self.text(column, text),
                _ if bytes.len() < BYTES => {}
                _ => self.member(column, bytes),
            },
        }
    }

    /// Ends the present row.
    pub(super) fn end(&mut self) {
        self.text.push_str("}\n");
        self.open = false;
    }

    /// Rows that were begun.
    pub(super) fn count(&self) -> u64 {
        self.row
    }

    /// Gives what is left. False once no more is wanted.
    pub(super) fn finish(mut self) -> bool {
        if self.open {
            self.end();
        }
        self.flush();
        self.more
    }

    fn place(&self) -> String {
        format!("{}row {}", self.prefix, self.row)
    }

    fn is_long(&self, text: &[u8]) -> bool {
        text.len() > CELL || self.text.len() - self.start > CELL
    }

    fn key(&mut self, column: &str) {
        if self.text.len() > self.start + 1 {
            self.text.push(',');
        }
        quoted(&mut self.text, column);
        self.text.push(':');
    }

    /// A text; one that is JSON itself stands there as what it is, so that a reader of it sees no string around it.
    fn text(&mut self, column: &str, text: &str) {
        self.key(column);
        let compound = text.trim_start().starts_with(['{', '[']);
        if compound && serde_json::from_str::<IgnoredAny>(text).is_ok() {
            self.text.push_str(text.trim());
        } else {
            quoted(&mut self.text, text);
        }
    }

    fn member(&mut self, column: &str, bytes: &[u8]) {
        if self.more {
            let name = format!("{}, column \"{column}\"", self.place());
            self.more = self.sink.member(&name, &mut &*bytes);
        }
    }

    fn flush(&mut self) {
        if self.more && !self.text.is_empty() {
            self.more = self.sink.text(self.name, self.text.as_bytes(), &self.landmarks);
        }
        self.text.clear();
        self.landmarks = Landmarks::default();
    }
}

/// A string of JSON (RFC 8259, 7). Only what must be is escaped: a credential stands there as it is.
pub(super) fn quoted(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\x1f' => {
                let _ = write!(out, "\\u{:04x}", u32::from(character));
            }
            _ => out.push(character),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::budget::Reason;

    #[derive(Default)]
    struct Recorder {
        texts: Vec<(String, Landmarks)>,
        members: Vec<(String, usize)>,
    }

    impl Sink for Recorder {
        fn text(&mut self, _name: &str, text: &[u8], landmarks: &Landmarks) -> bool {
            self.texts.push((String::from_utf8(text.to_vec()).unwrap(), landmarks.clone()));
            true
        }

        fn member(&mut self, name: &str, content: &mut dyn Read) -> bool {
            let mut bytes = Vec::new();
            self.members.push((name.to_owned(), content.read_to_end(&mut bytes).unwrap()));
            true
        }

        fn gap(&mut self, _reason: Reason, _detail: &str) {}
    }

    #[test]
    fn rows_are_lines_of_json() {
        let mut recorder = Recorder::default();
        let mut rows = Rows::new(&mut recorder, "t", "t, ".into());
        assert!(rows.begin());
        rows.cell("id", &Cell::Bare(&7));
        rows.cell("a\"b", &Cell::Text(b"x\n\x01\\\xff"));
        rows.cell("json", &Cell::Text(b" {\"k\": [1]} "));
        rows.cell("no json", &Cell::Text(b"{k}"));
        rows.cell("short", &Cell::Bytes(b"\xff\xfe"));
        rows.cell("bytes", &Cell::Bytes(&[0xff; 20]));
        rows.cell("long", &Cell::Text(&[b'x'; CELL + 1]));
        rows.end();
        assert!(rows.begin());
        rows.end();
        assert!(rows.finish());
        let (text, landmarks) = &recorder.texts[0];
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let row = serde_json::json!(
            {"id": 7, "a\"b": "x\n\u{1}\\\u{fffd}", "json": {"k": [1]}, "no json": "{k}"}
        );
        assert_eq!(lines, [row, serde_json::json!({})]);
        assert_eq!(landmarks.at(3), Some("t, row 1"));
        assert_eq!(landmarks.at(text.len() - 2), Some("t, row 2"));
        let wanted = [("t, row 1, column \"bytes\"", 20), ("t, row 1, column \"long\"", CELL + 1)];
        assert_eq!(recorder.members, wanted.map(|(name, size)| (name.to_owned(), size)));
    }
}
