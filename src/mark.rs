//! Marks: `keysieve:allow` in a text, beside a value or in the note of a step. The text of a blob and the place of a
//! secret go in; the [`Mark`] that covers it comes out, if there is one. Whether marks count is not decided here.
//!
//! A mark covers little, so that one word in a file of one line cannot hide all that stands in it:
//!
//! - in JSON the line of the string that the value stands in (code in a step has lines of its own), and all of a step
//!   whose note has the mark;
//! - in other text the line; where that is very long, or is all that a markup document has, the quoted string or the
//!   element's text.

use std::collections::HashMap;

use memchr::memmem;

use crate::blob::Span;
use crate::finding::{Mark, Step};
use crate::json::{self, Container, Cursor, Role, Value};

/// What a mark begins with.
pub const MARK: &str = "keysieve:allow";

/// How far from a value its line is looked at, to either side, in bytes.
const NEAR: usize = 512;

/// The longest reason that is kept, in bytes.
const REASON: usize = 200;

/// How many open objects around a value are looked at for a step's note, from the innermost on.
const AROUND: usize = 64;

/// The names that platforms give to a step's note: n8n, Power Automate and Logic Apps, Node-RED, others.
const NOTES: [&str; 6] = ["notes", "description", "info", "note", "comment", "comments"];

/// The names under which a step says who it is.
const NAMES: [&str; 4] = ["id", "name", "label", "title"];

/// The marks of one text. Costs one search in a text that has none.
pub(crate) struct Marks<'a> {
    text: &'a [u8],
    form: Form,
    cursor: Cursor,
    /// Notes that were looked for already, by the object and the step that they belong to.
    notes: HashMap<(usize, Option<String>), Option<Mark>>,
}

/// How a text is laid out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    /// Markup that is all one line.
    Line,
    Text,
}

impl<'a> Marks<'a> {
    /// The marks of a text, if it has one.
    pub(crate) fn of(text: &'a [u8]) -> Option<Self> {
        memmem::find(text, MARK.as_bytes())?;
        let form = if json::begins_like_json(text) {
            Form::Json
        } else if text.trim_ascii().starts_with(b"<") && memchr::memchr(b'\n', text.trim_ascii()).is_none() {
            Form::Line
        } else {
            Form::Text
        };
        Some(Self { text, form, cursor: Cursor::default(), notes: HashMap::new() })
    }

    /// The mark that covers the secret at `span`, which belongs to `step`.
    pub(crate) fn covering(&mut self, span: &Span, step: Option<&Step>) -> Option<Mark> {
        if self.form == Form::Json {
            self.in_string(span).or_else(|| self.in_note(step?))
        } else {
            read(self.text.get(line(self.text, span, self.form == Form::Line))?)
        }
    }

    /// In the string that the value stands in, on its line. Leaves the cursor there.
    fn in_string(&mut self, span: &Span) -> Option<Mark> {
        let leaf = self.cursor.seek(self.text, span.start);
        if leaf.role != Role::Value || span.end > leaf.content.end {
            return None;
        }
        let string = self.text.get(leaf.content.clone())?;
        let (start, end) = (span.start.checked_sub(leaf.content.start)?, span.end - leaf.content.start);
        let from = memmem::rfind(string.get(..start)?, br"\n").map_or(0, |at| at + 2);
        let to = memmem::find(string.get(end..)?, br"\n").map_or(string.len(), |at| end + at);
        read(string.get(from..to)?)
    }

    /// In the note of the step, if an object around the value is that step.
    fn in_note(&mut self, step: &Step) -> Option<Mark> {
        let frames = self.cursor.frames();
        for (depth, frame) in frames.iter().enumerate().rev().take(AROUND) {
            if frame.container != Container::Object {
                continue;
            }
            let key = depth.checked_sub(1).and_then(|outer| frames.get(outer)?.key(self.text));
            let keyed = key.is_some_and(|key| step.id.as_deref().is_some_and(|id| key.is(id)));
            let object = frame.value(self.text);
            let look = || (keyed || is_step(object, step)).then(|| note(object)).flatten();
            let known = self.notes.entry((frame.start, step.id.clone())).or_insert_with(look);
            if known.is_some() {
                return known.clone();
            }
        }
        None
    }
}

/// Whether an object says that it is the step.
fn is_step(object: Value, step: &Step) -> bool {
    let said = object.pick(NAMES).into_iter().flatten().filter_map(Value::text);
    let ours = [step.id.as_deref(), step.name.as_deref()];
    said.into_iter().any(|said| ours.into_iter().flatten().any(|our| !our.is_empty() && our == said))
}

/// The mark in a step's note.
fn note(object: Value) -> Option<Mark> {
    object.pick(NOTES).into_iter().flatten().filter_map(Value::content).find_map(read)
}

/// The bytes around a value that are its line; with `narrow`, or if the line is long, no more than its quoted string.
fn line(text: &[u8], span: &Span, narrow: bool) -> Span {
    let reach = span.start.saturating_sub(NEAR)..span.end.saturating_add(NEAR).min(text.len());
    let before = text.get(reach.start..span.start).unwrap_or_default();
    let behind = text.get(span.end..reach.end).unwrap_or_default();
    let is_break = |byte: &u8| matches!(byte, b'\n' | b'\r');
    let is_quote = |byte: &u8| matches!(byte, b'"' | b'\'' | b'`' | b'<' | b'>' | b'\n' | b'\r');
    let open = before.iter().rposition(is_break);
    let close = behind.iter().position(is_break);
    let long = (open.is_none() && reach.start > 0) || (close.is_none() && reach.end < text.len());
    let (open, close) = if narrow || long {
        (before.iter().rposition(is_quote), behind.iter().position(is_quote))
    } else {
        (open, close)
    };
    open.map_or(reach.start, |at| reach.start + at + 1)..close.map_or(reach.end, |at| span.end + at)
}

/// The mark in a stretch of text, with the reason behind it.
fn read(stretch: &[u8]) -> Option<Mark> {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let at = memmem::find_iter(stretch, MARK.as_bytes()).find(|at| {
        let before = at.checked_sub(1).and_then(|at| stretch.get(at));
        // An escape such as `\t` ends in a letter that belongs to nothing.
        let escaped = at.checked_sub(2).and_then(|at| stretch.get(at)) == Some(&b'\\');
        let behind = stretch.get(at + MARK.len());
        !behind.is_some_and(is_word) && (escaped || !before.is_some_and(is_word))
    })?;
    let rest = stretch.get(at + MARK.len()..).unwrap_or_default();
    let ends = [&b"\n"[..], b"\r", b"\"", b"\\", b"*/", b"-->", b"<", b"#}"];
    let end = ends.iter().filter_map(|end| memmem::find(rest, end)).min().unwrap_or(rest.len());
    let said = String::from_utf8_lossy(rest.get(..end.min(REASON)).unwrap_or_default()).into_owned();
    let said = said.trim_matches(|c: char| c.is_whitespace() || matches!(c, ':' | '-' | '(' | ')' | ','));
    Some(Mark { reason: (!said.is_empty()).then(|| said.to_owned()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(text: &str, secret: &str, step: Option<(&str, &str)>) -> Option<Option<String>> {
        let at = text.find(secret).expect("there");
        let step =
            step.map(|(id, name)| Step { id: Some(id.into()), name: Some(name.into()), ..Step::default() });
        let mark = Marks::of(text.as_bytes())?.covering(&(at..at + secret.len()), step.as_ref());
        mark.map(|mark| mark.reason)
    }

    fn reason(text: &str) -> Option<Option<String>> {
        Some(Some(text.to_owned()))
    }

    #[test]
    fn a_line_of_text_is_covered_and_no_other() {
        let text = "a = VALUE-1 # keysieve:allow sandbox key\nb = VALUE-2\n";
        assert_eq!(covers(text, "VALUE-1", None), reason("sandbox key"));
        assert_eq!(covers(text, "VALUE-2", None), None);
        assert_eq!(covers("a = VALUE-1 // keysieve:allow", "VALUE-1", None), Some(None));
        assert_eq!(covers("a = VALUE-1 <!-- keysieve:allow: old -->", "VALUE-1", None), reason("old"));
    }

    #[test]
    fn another_word_is_no_mark() {
        for text in ["VALUE-1 keysieve:allowed", "VALUE-1 notkeysieve:allow", "VALUE-1 keysieve:allow-all"] {
            assert_eq!(covers(text, "VALUE-1", None), None, "{text}");
        }
    }

    #[test]
    fn in_json_only_its_own_string_is_covered() {
        let text = r#"{"a": "VALUE-1 keysieve:allow sandbox", "b": "VALUE-2", "note": "keysieve:allow"}"#;
        assert_eq!(covers(text, "VALUE-1", None), reason("sandbox"));
        assert_eq!(covers(text, "VALUE-2", None), None);
    }

    #[test]
    fn in_code_within_json_a_line_is_covered() {
        let text = r#"{"jsCode": "a('VALUE-1');\t// keysieve:allow test\nb('VALUE-2');\n"}"#;
        assert_eq!(covers(text, "VALUE-1", None), reason("test"));
        assert_eq!(covers(text, "VALUE-2", None), None);
    }

    #[test]
    fn a_note_covers_its_step_and_no_other() {
        let node = |id: &str, value: &str, notes: &str| {
            format!(
                r#"{{"id": "{id}", "name": "N{id}", "parameters": {{"h": [{{"v": "{value}"}}]}}, "notes": "{notes}"}}"#
            )
        };
        let text = format!(
            r#"{{"name": "flow", "description": "keysieve:allow all", "nodes": [{}, {}]}}"#,
            node("1", "VALUE-1", "keysieve:allow sandbox"),
            node("2", "VALUE-2", "none")
        );
        assert_eq!(covers(&text, "VALUE-1", Some(("1", "N1"))), reason("sandbox"));
        assert_eq!(covers(&text, "VALUE-2", Some(("2", "N2"))), None);
        assert_eq!(covers(&text, "VALUE-1", None), None);
    }

    #[test]
    fn an_action_is_known_by_its_key() {
        let text = r#"{"actions": {"Ask": {"type": "Http", "description": "keysieve:allow", "inputs": {"k": "VALUE-1"}},
                       "Tell": {"type": "Http", "inputs": {"k": "VALUE-2"}}}}"#;
        assert_eq!(covers(text, "VALUE-1", Some(("Ask", "Ask"))), Some(None));
        assert_eq!(covers(text, "VALUE-2", Some(("Tell", "Tell"))), None);
    }

    #[test]
    fn a_file_of_one_line_is_never_covered_whole() {
        let xml = "<a><b>VALUE-1</b><!-- keysieve:allow --><c>VALUE-2 keysieve:allow</c></a>";
        assert_eq!(covers(xml, "VALUE-1", None), None);
        assert_eq!(covers(xml, "VALUE-2", None), Some(None));
        let long = format!("a='VALUE-1';{}b='VALUE-2 keysieve:allow'", "x".repeat(2000));
        assert_eq!(covers(&long, "VALUE-1", None), None);
        assert_eq!(covers(&long, "VALUE-2", None), Some(None));
        let near = format!("{}a='VALUE-1';/* keysieve:allow */", "x".repeat(2000));
        assert_eq!(covers(&near, "VALUE-1", None), None);
    }
}
