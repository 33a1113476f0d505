//! Siblings: the members of the object around a value, for exports that say `{"name": "X-Api-Key", "value": "…"}`.
//!
//! The object is found by walking back from the value, at most [`REACH`] bytes, then its members are read forward. Its
//! quotes may be escaped, as in JSON within a JSON string; nothing else of JSON is wanted.

use super::context::{Quote, REACH, backslashes_before, closing_quote};
use crate::blob::Span;

/// The most members of one object that are read.
const MAX_MEMBERS: usize = 64;

/// One member: its key, and its value where that is a string; both without quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The key.
    pub key: Span,
    /// The value of a string.
    pub value: Option<Span>,
}

/// The members of the object that `at` (a byte within a string of it) is in; empty where there is none within reach.
pub fn members(text: &[u8], at: usize, quote: Quote) -> Vec<Member> {
    match object_start(text, at, quote) {
        Some(start) => members_from(text, start, (at + REACH).min(text.len()), quote),
        None => Vec::new(),
    }
}

/// The key of the object that the string at `at` is in: `password` in `"password": {"value": "…"}`.
pub fn outer_key(text: &[u8], at: usize, quote: Quote) -> Option<Span> {
    let open = object_start(text, at, quote)? - 1;
    let floor = at.saturating_sub(REACH);
    let colon = super::context::skip_space_back(text, open, floor).checked_sub(1)?;
    let close = super::context::skip_space_back(text, colon, floor).checked_sub(1)?;
    if text.get(colon) != Some(&b':') || text.get(close) != Some(&quote.mark) {
        return None;
    }
    let end = close.checked_sub(quote.escapes)?;
    let start = end - text.get(floor..end)?.iter().rev().position(|byte| *byte == quote.mark)?;
    Some(start..end)
}

/// The members of the object that is the value of the key at `key`.
pub fn members_of(text: &[u8], key: &Span, quote: Quote) -> Vec<Member> {
    let limit = text.len().min(key.end.saturating_add(REACH));
    let colon = skip_space(text, key.end + quote.escapes + 1, limit);
    let open = skip_space(text, colon + 1, limit);
    match (text.get(colon), text.get(open)) {
        (Some(b':'), Some(b'{')) => members_from(text, open + 1, limit, quote),
        _ => Vec::new(),
    }
}

/// The byte after the `{` that opens the object around the string in which `at` lies.
fn object_start(text: &[u8], at: usize, quote: Quote) -> Option<usize> {
    let floor = at.saturating_sub(REACH);
    let mut in_string = true;
    let mut depth = 0usize;
    for place in (floor..at).rev() {
        match text[place] {
            byte if byte == quote.mark && is_delimiter(text, place, quote) => in_string = !in_string,
            _ if in_string => {}
            b'}' | b']' => depth += 1,
            b'{' if depth == 0 => return Some(place + 1),
            b'[' if depth == 0 => return None,
            b'{' | b'[' => depth -= 1,
            _ => {}
        }
    }
    None
}

fn is_delimiter(text: &[u8], place: usize, quote: Quote) -> bool {
    let escapes = backslashes_before(text, place);
    escapes == quote.escapes || quote.escapes == 0 && escapes.is_multiple_of(2)
}

fn members_from(text: &[u8], start: usize, limit: usize, quote: Quote) -> Vec<Member> {
    let mut members = Vec::new();
    let mut at = start;
    while members.len() < MAX_MEMBERS {
        let Some(key) = string(text, at, limit, quote) else { break };
        let colon = skip_space(text, key.end + quote.escapes + 1, limit);
        if text.get(colon) != Some(&b':') {
            break;
        }
        let value = string(text, colon + 1, limit, quote);
        let after = match &value {
            Some(value) => value.end + quote.escapes + 1,
            None => skip_value(text, colon + 1, limit, quote),
        };
        members.push(Member { key, value });
        let comma = skip_space(text, after, limit);
        if text.get(comma) != Some(&b',') {
            break;
        }
        at = comma + 1;
    }
    members
}

/// The string that begins at `at` but for space: its content.
fn string(text: &[u8], at: usize, limit: usize, quote: Quote) -> Option<Span> {
    let open = skip_space(text, at, limit);
    let start = open + quote.escapes + 1;
    if start > limit
        || text[open..start - 1].iter().any(|byte| *byte != b'\\')
        || text[start - 1] != quote.mark
    {
        return None;
    }
    closing_quote(text, start, limit, quote).map(|end| start..end)
}

/// Blanks, line ends, and their escapes in a nested document.
fn skip_space(text: &[u8], mut at: usize, limit: usize) -> usize {
    while at < limit {
        match text[at] {
            b' ' | b'\t' | b'\r' | b'\n' => at += 1,
            b'\\' => {
                let letter = (at..limit).find(|place| text[*place] != b'\\').unwrap_or(limit);
                match text.get(letter) {
                    Some(b'n' | b'r' | b't') if letter < limit => at = letter + 1,
                    _ => break,
                }
            }
            _ => break,
        }
    }
    at
}

/// Skips a value that is no string: to the comma or bracket that ends it.
fn skip_value(text: &[u8], mut at: usize, limit: usize, quote: Quote) -> usize {
    let mut depth = 0usize;
    while at < limit {
        match text[at] {
            byte if byte == quote.mark && is_delimiter(text, at, quote) => {
                match closing_quote(text, at + 1, limit, quote) {
                    Some(end) => at = end + quote.escapes,
                    None => return limit,
                }
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' | b',' if depth == 0 => return at,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    limit
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str, escapes: usize) -> Vec<(&str, Option<&str>)> {
        let at = text.find("VALUE").expect("a value in the test");
        members(text.as_bytes(), at, Quote { mark: b'"', escapes })
            .into_iter()
            .map(|member| (&text[member.key], member.value.map(|span| &text[span])))
            .collect()
    }

    #[test]
    fn reads_both_orders_and_skips_what_is_between() {
        let text = r#"[{"x":1},{"name": "X-Api-Key", "n": [1,{"a":"}"}], "value": "VALUE"}]"#;
        assert_eq!(pairs(text, 0), [("name", Some("X-Api-Key")), ("n", None), ("value", Some("VALUE"))]);
        let text = "{\"value\": \"VALUE\",\n \"type\":null, \"name\":\"a\\\"b\"}";
        assert_eq!(pairs(text, 0), [("value", Some("VALUE")), ("type", None), ("name", Some("a\\\"b"))]);
    }

    #[test]
    fn objects_within_objects() {
        let quote = Quote { mark: b'"', escapes: 0 };
        let text = r#"{"a": {"password" : {"type": "x", "value": "VALUE"}}, "b": 1}"#;
        let at = text.find("VALUE").expect("a value in the test");
        let key = outer_key(text.as_bytes(), at, quote).expect("a key");
        assert_eq!(&text[key.clone()], "password");
        let inner: Vec<_> =
            members_of(text.as_bytes(), &key, quote).into_iter().map(|m| &text[m.key]).collect();
        assert_eq!(inner, ["type", "value"]);
        assert_eq!(&text[outer_key(text.as_bytes(), key.start, quote).expect("a key")], "a");
        assert_eq!(outer_key(br#"[{"value": "VALUE"}]"#, 12, quote), None);
    }

    #[test]
    fn reads_nested_documents() {
        let text = r#"{"body":"{\n \"name\": \"k\",\n \"value\": \"VALUE\"\n}"}"#;
        assert_eq!(pairs(text, 1), [("name", Some("k")), ("value", Some("VALUE"))]);
    }

    #[test]
    fn braces_in_strings_open_nothing() {
        let text = r#"{"a":"{","value":"VALUE"}"#;
        assert_eq!(pairs(text, 0), [("a", Some("{")), ("value", Some("VALUE"))]);
    }
}
