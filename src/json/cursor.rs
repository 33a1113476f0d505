//! The way from the root to a byte: one pass for ascending offsets, however many.

use crate::blob::Span;
use crate::json::{Container, Key, Lexeme, Token, Value, lexeme};

/// How many open containers a [`Cursor`] remembers; what is nested deeper counts as part of the innermost of them.
pub const MAX_DEPTH: usize = 1024;

/// Bytes between two marks to which a cursor can go back, for every so many open containers: a mark keeps those.
const MARK_STEP: usize = 64 << 10;
const MARK_FRAMES: usize = 16;

/// An open container on the way to a byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Offset of its opening bracket.
    pub start: usize,
    /// Its kind.
    pub container: Container,
    /// Which part of it the way goes on through; `None` between the parts.
    pub part: Option<Part>,
    /// Items of an array that have begun.
    items: usize,
    /// In an object: whether the colon behind the key was there, so that a value comes next.
    colon: bool,
}

/// A part of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// The member whose key stands in this span, quotes not included.
    Member(Span),
    /// The item with this index, from 0.
    Item(usize),
}

impl Frame {
    fn new(start: usize, container: Container) -> Self {
        Self { start, container, part: None, items: 0, colon: false }
    }

    /// The container itself.
    pub fn value<'a>(&self, text: &'a [u8]) -> Value<'a> {
        Value::at(text, self.start)
    }

    /// The key, where the way goes through a member.
    pub fn key<'a>(&self, text: &'a [u8]) -> Option<Key<'a>> {
        match &self.part {
            Some(Part::Member(span)) => Some(Key::at(text, span)),
            Some(Part::Item(_)) | None => None,
        }
    }

    /// Takes note of a string or scalar: a key or a value.
    fn word(&mut self, content: &Span) -> Role {
        match self.container {
            Container::Object if !self.colon => {
                self.part = Some(Part::Member(content.clone()));
                Role::Key
            }
            _ => {
                self.begin_value();
                Role::Value
            }
        }
    }

    fn begin_value(&mut self) {
        match self.container {
            Container::Array => {
                self.part = Some(Part::Item(self.items));
                self.items += 1;
            }
            Container::Object if self.colon => self.colon = false,
            Container::Object => self.part = None,
        }
    }

    fn colon(&mut self) {
        self.colon = self.container == Container::Object && self.part.is_some();
    }

    fn comma(&mut self) {
        self.part = None;
        self.colon = false;
    }
}

/// What stands at an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The name of a member.
    Key,
    /// A string, number or other scalar.
    Value,
    /// A bracket, comma or colon.
    Punctuation,
    /// White space, a comment, or nothing any more.
    Blank,
}

/// The token at an offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Its bytes; a string's include the quotes. Empty for [`Role::Blank`].
    pub span: Span,
    /// The same without the quotes.
    pub content: Span,
    /// What it is.
    pub role: Role,
}

/// A place to go back to.
#[derive(Clone, Debug)]
struct Mark {
    at: usize,
    frames: Vec<Frame>,
    excess: usize,
}

/// Walks through a text and knows the open containers at the byte where it stands.
///
/// Ascending offsets cost one pass in all. An offset behind the current one costs the way from the last mark, of which
/// there is one for every 64 KiB, fewer where it is deep.
#[derive(Clone, Debug, Default)]
pub struct Cursor {
    frames: Vec<Frame>,
    /// Containers that are open beyond [`MAX_DEPTH`].
    excess: usize,
    /// The token that was taken last; `frames` are as they are there.
    last: Option<Leaf>,
    /// Offset behind it.
    at: usize,
    /// The token that comes next, once it was looked at.
    ahead: Option<Lexeme>,
    marks: Vec<Mark>,
}

impl Cursor {
    /// Goes to an offset of `text`, which must be the same text in all calls.
    pub fn seek(&mut self, text: &[u8], offset: usize) -> Leaf {
        if offset < self.last.as_ref().map_or(0, |last| last.span.start) {
            self.go_back(offset);
        }
        loop {
            if let Some(last) = self.last.as_ref().filter(|_| offset < self.at) {
                return last.clone();
            }
            match self.ahead.take().or_else(|| lexeme(text, self.at)) {
                Some(next) if next.span.start <= offset => self.take(next),
                ahead => {
                    self.ahead = ahead;
                    return Leaf { span: offset..offset, content: offset..offset, role: Role::Blank };
                }
            }
        }
    }

    /// The containers that are open there, outermost first. At an opening bracket its own is among them.
    pub fn frames(&self) -> &[Frame] {
        &self.frames
    }

    fn go_back(&mut self, offset: usize) {
        let behind = self.marks.partition_point(|mark| mark.at <= offset);
        let mark = behind.checked_sub(1).and_then(|index| self.marks.get(index)).cloned();
        (self.at, self.frames, self.excess) =
            mark.map_or_else(Default::default, |mark| (mark.at, mark.frames, mark.excess));
        (self.last, self.ahead) = (None, None);
    }

    fn take(&mut self, lexeme: Lexeme) {
        let step = MARK_STEP * (1 + self.frames.len() / MARK_FRAMES);
        if self.at >= self.marks.last().map_or(0, |mark| mark.at) + step {
            self.marks.push(Mark { at: self.at, frames: self.frames.clone(), excess: self.excess });
        }
        let role = self.apply(&lexeme);
        self.at = lexeme.span.end;
        self.last = Some(Leaf { span: lexeme.span, content: lexeme.content, role });
    }

    fn apply(&mut self, lexeme: &Lexeme) -> Role {
        if self.excess > 0 {
            return self.apply_beyond(lexeme.token);
        }
        let top = self.frames.last_mut();
        match lexeme.token {
            Token::Open(container) => {
                top.into_iter().for_each(Frame::begin_value);
                self.open(lexeme.span.start, container);
            }
            Token::Close => drop(self.frames.pop()),
            Token::Colon => top.into_iter().for_each(Frame::colon),
            Token::Comma => top.into_iter().for_each(Frame::comma),
            Token::String | Token::Scalar => return top.map_or(Role::Value, |top| top.word(&lexeme.content)),
        }
        Role::Punctuation
    }

    fn apply_beyond(&mut self, token: Token) -> Role {
        match token {
            Token::Open(_) => self.excess += 1,
            Token::Close => self.excess -= 1,
            Token::String | Token::Scalar => return Role::Value,
            Token::Colon | Token::Comma => {}
        }
        Role::Punctuation
    }

    fn open(&mut self, start: usize, container: Container) {
        if self.frames.len() < MAX_DEPTH {
            self.frames.push(Frame::new(start, container));
        } else {
            self.excess = 1;
        }
    }
}
