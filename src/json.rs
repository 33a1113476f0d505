//! Reads JSON where it lies: spans of values in the raw bytes, never a tree.
//!
//! Three readers share one tokenizer: [`Value`] looks forward from a value (members, items, a member by name),
//! [`Cursor`] tells the way from the root to any byte, and [`escape`] turns the content of a string into text, with
//! the offsets kept. All are tolerant, since exports come truncated, hand-edited, with comments or as many documents
//! in one file: what is no JSON yields odd values, never an error; any closing bracket closes the innermost open one.
//! There is no recursion, and each call is linear in the bytes that it passes. What the values mean is the business
//! of [`crate::platform`].

use std::borrow::Cow;

use memchr::{memchr, memchr2, memmem};

use crate::blob::Span;

mod cursor;
pub mod escape;
#[cfg(test)]
mod tests;

pub use cursor::{Cursor, Frame, Leaf, MAX_DEPTH, Part, Role};

/// What kind of container a bracket opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Container {
    /// `{`
    Object,
    /// `[`
    Array,
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Open(Container),
    Close,
    Colon,
    Comma,
    String,
    /// A number, `true`, `null`, and whatever else is no punctuation.
    Scalar,
}

/// A token and the bytes it stands in.
#[derive(Clone, Debug)]
struct Lexeme {
    token: Token,
    /// A string's include its quotes.
    span: Span,
    /// The same without the quotes.
    content: Span,
}

/// Returns the first token at or after `from`; `None` at the end.
fn lexeme(text: &[u8], from: usize) -> Option<Lexeme> {
    let start = blank_end(text, from);
    let (token, end) = match text.get(start)? {
        b'{' => (Token::Open(Container::Object), start + 1),
        b'[' => (Token::Open(Container::Array), start + 1),
        b'}' | b']' => (Token::Close, start + 1),
        b':' => (Token::Colon, start + 1),
        b',' => (Token::Comma, start + 1),
        b'"' => {
            let (content_end, end) = string_end(text, start);
            return Some(Lexeme { token: Token::String, span: start..end, content: start + 1..content_end });
        }
        _ => (Token::Scalar, scalar_end(text, start)),
    };
    Some(Lexeme { token, span: start..end, content: start..end })
}

/// The strings of a text in order, names of members among them: their spans without the quotes.
pub fn strings(text: &[u8]) -> impl Iterator<Item = Span> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let found = lexeme(text, at)?;
            at = found.span.end.max(at + 1);
            if found.token == Token::String {
                return Some(found.content);
            }
        }
    })
}

/// Skips white space, control characters, a byte order mark and comments, which are no JSON but common.
fn blank_end(text: &[u8], from: usize) -> usize {
    let mut at = from;
    loop {
        // Indentation is a good part of a pretty document.
        while tail(text, at).first_chunk() == Some(b"        ") {
            at += 8;
        }
        match tail(text, at) {
            [0..=b' ', ..] => at += 1,
            [0xEF, 0xBB, 0xBF, ..] => at += 3,
            [b'/', b'/', rest @ ..] => at += 2 + memchr(b'\n', rest).unwrap_or(rest.len()),
            [b'/', b'*', rest @ ..] => at += 2 + memmem::find(rest, b"*/").map_or(rest.len(), |end| end + 2),
            _ => return at,
        }
    }
}

/// Returns the ends of a string's content and of its token; they are the same where the closing quote is missing.
fn string_end(text: &[u8], start: usize) -> (usize, usize) {
    let mut at = start + 1;
    while let Some(found) = memchr2(b'"', b'\\', tail(text, at)) {
        at += found;
        if text.get(at) == Some(&b'"') {
            return (at, at + 1);
        }
        at += 2;
    }
    (text.len(), text.len())
}

/// The end of a string, or of an object or array, found without telling its tokens apart; `None` where that may not be
/// done: in what has comments, or no end.
fn plain_end(text: &[u8], start: usize) -> Option<usize> {
    let (mut at, mut depth) = (start, 0usize);
    if !matches!(text.get(start)?, b'"' | b'{' | b'[') {
        return None;
    }
    loop {
        while tail(text, at).first_chunk() == Some(b"        ") {
            at += 8;
        }
        let byte = *text.get(at)?;
        at += 1;
        match byte {
            b'"' => at = string_end(text, at - 1).1,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.checked_sub(1)?,
            b'/' => return None,
            _ => continue,
        }
        if depth == 0 {
            return Some(at);
        }
    }
}

fn scalar_end(text: &[u8], start: usize) -> usize {
    let stops = |byte: &u8| matches!(byte, 0..=b' ' | b',' | b':' | b'{' | b'}' | b'[' | b']' | b'"');
    let rest = tail(text, start + 1);
    start + 1 + rest.iter().position(stops).unwrap_or(rest.len())
}

/// The bytes from `at` on; none where `at` lies behind the end.
fn tail(text: &[u8], at: usize) -> &[u8] {
    text.get(at..).unwrap_or_default()
}

/// A value in a text: a view that reads on demand.
#[derive(Clone, Copy, Debug)]
pub struct Value<'a> {
    text: &'a [u8],
    start: usize,
}

impl<'a> Value<'a> {
    /// The first value of a text.
    pub fn first(text: &'a [u8]) -> Option<Self> {
        documents(text).next()
    }

    /// The value that starts at `start`, which is where a [`Frame`] or a [`Leaf`] says that one starts.
    pub(crate) fn at(text: &'a [u8], start: usize) -> Self {
        Self { text, start }
    }

    /// Offset of its first byte: a bracket, a quote, …
    pub fn start(self) -> usize {
        self.start
    }

    /// Offset behind its last byte. Linear in its size.
    pub fn end(self) -> usize {
        plain_end(self.text, self.start).unwrap_or_else(|| self.end_by_tokens())
    }

    fn end_by_tokens(self) -> usize {
        let mut depth = 0usize;
        let mut at = self.start;
        while let Some(lexeme) = lexeme(self.text, at) {
            at = lexeme.span.end;
            match lexeme.token {
                Token::Open(_) => depth += 1,
                Token::Close => depth = depth.saturating_sub(1),
                Token::Colon | Token::Comma | Token::String | Token::Scalar => {}
            }
            if depth == 0 {
                return at;
            }
        }
        self.text.len()
    }

    /// Its bytes, as they stand there. Linear in its size.
    pub fn raw(self) -> &'a [u8] {
        self.text.get(self.start..self.end()).unwrap_or_default()
    }

    /// Whether it is an object.
    pub fn is_object(self) -> bool {
        self.text.get(self.start) == Some(&b'{')
    }

    /// Whether it is an array.
    pub fn is_array(self) -> bool {
        self.text.get(self.start) == Some(&b'[')
    }

    /// Whether it is a string.
    pub fn is_string(self) -> bool {
        self.text.get(self.start) == Some(&b'"')
    }

    /// `true` or `false`, else `None`.
    pub fn boolean(self) -> Option<bool> {
        match tail(self.text, self.start) {
            [b't', b'r', b'u', b'e', ..] => Some(true),
            [b'f', b'a', b'l', b's', b'e', ..] => Some(false),
            _ => None,
        }
    }

    /// The text of a string, escapes decoded; what is no UTF-8 is replaced. `None` for all other values.
    pub fn text(self) -> Option<Cow<'a, str>> {
        Some(escape::text(self.content()?))
    }

    /// The content of a string between its quotes, as it stands there.
    pub fn content(self) -> Option<&'a [u8]> {
        let content = || self.text.get(self.start + 1..string_end(self.text, self.start).0);
        if self.is_string() { content() } else { None }
    }

    /// The members of an object, in order; none of any other value. A key that has no value is left out.
    pub fn members(self) -> Members<'a> {
        let at = if self.is_object() { self.start + 1 } else { self.text.len() };
        Members { text: self.text, at }
    }

    /// The items of an array, in order; none of any other value.
    pub fn items(self) -> Items<'a> {
        let at = if self.is_array() { self.start + 1 } else { self.text.len() };
        Items { text: self.text, at }
    }

    /// The first member of that name.
    pub fn get(self, name: &str) -> Option<Value<'a>> {
        let [found] = self.pick([name]);
        found
    }

    /// The first members of those names, in one pass that ends as soon as all are found.
    pub fn pick<const N: usize>(self, names: [&str; N]) -> [Option<Value<'a>>; N] {
        let mut found = [None; N];
        let mut missing = N;
        for (key, value) in self.members() {
            let slot = names.iter().zip(&mut found).find(|(name, slot)| slot.is_none() && key.is(name));
            if let Some((_, slot)) = slot {
                *slot = Some(value);
                missing -= 1;
                if missing == 0 {
                    break;
                }
            }
        }
        found
    }

    /// What stands at the end of a path of names.
    pub fn path(self, names: &[&str]) -> Option<Value<'a>> {
        names.iter().try_fold(self, |value, name| value.get(name))
    }

    /// What stands at a JSON pointer (RFC 6901).
    pub fn pointer(self, pointer: &str) -> Option<Value<'a>> {
        let mut parts = pointer.split('/');
        if parts.next() != Some("") {
            return None;
        }
        parts.try_fold(self, |value, part| match value.is_array() {
            true => value.items().nth(part.parse().ok()?),
            false => value.get(&part.replace("~1", "/").replace("~0", "~")),
        })
    }
}

/// The name of a member: a view on its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Key<'a>(&'a [u8]);

impl<'a> Key<'a> {
    /// The key whose content, without quotes, stands in `content`.
    fn at(text: &'a [u8], content: &Span) -> Self {
        Self(text.get(content.clone()).unwrap_or_default())
    }

    /// Whether it is that name.
    pub fn is(self, name: &str) -> bool {
        match memchr(b'\\', self.0) {
            None => self.0 == name.as_bytes(),
            Some(_) => self.text() == name,
        }
    }

    /// The name, escapes decoded; what is no UTF-8 is replaced.
    pub fn text(self) -> Cow<'a, str> {
        escape::text(self.0)
    }

    /// How many bytes it has, escapes undecoded.
    pub fn raw_len(self) -> usize {
        self.0.len()
    }
}

/// Iterator over an object's members. Made by [`Value::members`].
#[derive(Clone, Debug)]
pub struct Members<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Members<'a> {
    type Item = (Key<'a>, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let mut key: Option<Span> = None;
        let mut colon = false;
        while let Some(lexeme) = lexeme(self.text, self.at) {
            self.at = lexeme.span.end;
            match (lexeme.token, &key) {
                (Token::Close, _) => break,
                (Token::Comma, _) => (key, colon) = (None, false),
                (Token::Colon, _) => colon = key.is_some(),
                (Token::Open(_) | Token::String | Token::Scalar, Some(content)) if colon => {
                    let value = Value { text: self.text, start: lexeme.span.start };
                    self.at = value.end();
                    return Some((Key::at(self.text, content), value));
                }
                (Token::String | Token::Scalar, _) => key = Some(lexeme.content),
                (Token::Open(_), _) => self.at = Value { text: self.text, start: lexeme.span.start }.end(),
            }
        }
        self.at = self.text.len();
        None
    }
}

/// Iterator over an array's items. Made by [`Value::items`].
#[derive(Clone, Debug)]
pub struct Items<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Items<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        while let Some(lexeme) = lexeme(self.text, self.at) {
            match lexeme.token {
                Token::Close => break,
                Token::Comma | Token::Colon => self.at = lexeme.span.end,
                Token::Open(_) | Token::String | Token::Scalar => {
                    let value = Value { text: self.text, start: lexeme.span.start };
                    self.at = value.end();
                    return Some(value);
                }
            }
        }
        self.at = self.text.len();
        None
    }
}

/// The values that stand one after the other in a text: one of a plain document, many of JSON lines.
pub fn documents(text: &[u8]) -> impl Iterator<Item = Value<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let lexeme = lexeme(text, at)?;
            at = lexeme.span.end;
            if matches!(lexeme.token, Token::Open(_) | Token::String | Token::Scalar) {
                let value = Value { text, start: lexeme.span.start };
                at = value.end();
                return Some(value);
            }
        }
    })
}

/// Whether a text begins as an object or array of JSON does: a guess from its first tokens.
pub fn begins_like_json(text: &[u8]) -> bool {
    let Some(Lexeme { token: Token::Open(container), span, .. }) = lexeme(text, 0) else {
        return false;
    };
    match (container, lexeme(text, span.end)) {
        (_, None) => true,
        (_, Some(Lexeme { token: Token::Close, .. })) => true,
        (_, Some(Lexeme { token: Token::String, .. })) => true,
        (Container::Array, Some(Lexeme { token: Token::Open(_), .. })) => true,
        (Container::Array, Some(Lexeme { token: Token::Scalar, span, .. })) => {
            text.get(span).is_some_and(|word| serde_json::from_slice::<serde::de::IgnoredAny>(word).is_ok())
        }
        _ => false,
    }
}

/// Whether a whole text is one object or array and nothing behind it. One that breaks off counts too. Linear.
pub fn is_json(text: &[u8]) -> bool {
    begins_like_json(text)
        && Value::first(text).is_some_and(|value| blank_end(text, value.end()) >= text.len())
}
