//! From markup to its text, piece by piece: what is given may be cut anywhere.

use super::names::{self, Tag};
use crate::decode::OffsetMap;

/// The longest name of an element that is told from others.
const LONGEST_NAME: usize = 48;

/// Reads markup from its beginning on, or from any place outside of a tag.
#[derive(Debug, Default)]
pub struct Reader {
    state: State,
    /// How much was read: offset of the next byte.
    at: usize,
    /// The text so far.
    pub text: Vec<u8>,
    /// The way back from it.
    pub map: OffsetMap,
    /// Whether anything but plain text was met.
    pub decodes: bool,
}

/// Where the reader is.
#[derive(Clone, Copy, Debug)]
enum State {
    /// In text; whether the last thing was a tag behind which a line break is no text.
    Text { loose: bool },
    /// In white space that began at `start`.
    Blank { start: usize, line: bool, loose: bool },
    /// In a tag.
    Tag(Open),
    /// In what ends with this and is no text: a comment, a script.
    Hidden(&'static [u8]),
}

impl Default for State {
    fn default() -> Self {
        Self::Text { loose: false }
    }
}

/// A tag that is still open.
#[derive(Clone, Copy, Debug)]
struct Open {
    start: usize,
    quote: Option<u8>,
    slash: bool,
    /// What it gives, and what if it turns out to be empty.
    gives: [Tag; 2],
    loose: bool,
}

impl Reader {
    /// From the byte at this offset on.
    pub fn at(at: usize) -> Self {
        Self { at, ..Self::default() }
    }

    /// Reads on, and returns how much was read; what is left (some bytes of a tag or an entity) is to be given again
    /// with what follows. All is read if this is the end.
    pub fn read(&mut self, bytes: &[u8], ended: bool) -> usize {
        let from = self.at;
        loop {
            let rest = bytes.get(self.at - from..).unwrap_or_default();
            if rest.is_empty() {
                break;
            }
            let read = match self.state {
                State::Text { loose } => self.read_text(rest, loose, ended),
                State::Blank { start, line, loose } => self.read_blank(rest, start, line, loose),
                State::Tag(open) => self.read_tag(rest, open),
                State::Hidden(end) => self.skip_to(rest, end, ended),
            };
            if read == 0 {
                break;
            }
        }
        if ended {
            self.finish();
        }
        self.at - from
    }

    fn finish(&mut self) {
        if let State::Blank { start, line, .. } = self.state {
            self.give(start..self.at, if line { b'\n' } else { b' ' });
            self.state = State::default();
        }
    }

    /// Lets go of the first bytes of the text.
    pub fn forget(&mut self, bytes: usize) {
        self.text.drain(..bytes.min(self.text.len()));
        self.map.forget(bytes);
    }

    fn read_text(&mut self, rest: &[u8], loose: bool, ended: bool) -> usize {
        let special = |byte: &u8| matches!(byte, b'<' | b'&') || byte.is_ascii_whitespace();
        let copied = rest.iter().position(special).unwrap_or(rest.len());
        if copied > 0 {
            self.state = State::default();
            return self.copy(rest.get(..copied).unwrap_or_default());
        }
        match rest.first() {
            Some(b'<') => self.begin_tag(rest, ended),
            Some(b'&') => self.entity(rest, ended),
            _ => {
                self.state = State::Blank { start: self.at, line: false, loose };
                self.read_blank(rest, self.at, false, loose)
            }
        }
    }

    fn copy(&mut self, bytes: &[u8]) -> usize {
        self.text.extend_from_slice(bytes);
        self.map.push_copy(self.at..self.at + bytes.len());
        self.at += bytes.len();
        bytes.len()
    }

    fn give(&mut self, from: std::ops::Range<usize>, byte: u8) {
        self.decodes |= from.len() > 1;
        self.text.push(byte);
        self.map.push_group(from, 1);
    }

    /// However much of it there is, white space is one blank or one line break.
    fn read_blank(&mut self, rest: &[u8], start: usize, line: bool, loose: bool) -> usize {
        let blank = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let line = line || rest.iter().take(blank).any(|byte| *byte == b'\n');
        self.at += blank;
        self.state = State::Blank { start, line, loose };
        if let Some(next) = rest.get(blank) {
            match line && loose && *next == b'<' {
                // It goes where the tag before it goes.
                true if self.map.encoded_end() == start => self.map.stretch_last(self.at),
                true => {}
                false => self.give(start..self.at, if line { b'\n' } else { b' ' }),
            }
            self.state = State::Text { loose: loose && *next == b'<' };
            return blank.max(1);
        }
        blank
    }

    fn entity(&mut self, rest: &[u8], ended: bool) -> usize {
        if rest.len() < names::LONGEST && !ended && memchr::memchr(b';', rest).is_none() {
            return 0;
        }
        self.state = State::default();
        let Some((c, len)) = names::entity(rest) else {
            return self.copy(b"&");
        };
        self.decodes = true;
        if !names::is_invisible(c) {
            let c = if c == '\u{a0}' { ' ' } else { c };
            self.text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            self.map.push_group(self.at..self.at + len, c.len_utf8());
        }
        self.at += len;
        len
    }

    /// What begins with `<`. A section of character data is mostly markup in markup (of a note, of a feed), so what is in
    /// one is read as such: only what opens it goes.
    fn begin_tag(&mut self, rest: &[u8], ended: bool) -> usize {
        const CDATA: &[u8] = b"<![CDATA[";
        if !ended && rest.len() <= LONGEST_NAME + 2 && !is_named(rest) {
            return 0;
        }
        let (state, len) = match rest {
            _ if rest.starts_with(b"<!--") => (State::Hidden(b"-->"), 4),
            _ if rest.starts_with(CDATA) => (State::default(), CDATA.len()),
            [b'<', b'?', ..] => (State::Hidden(b"?>"), 2),
            [b'<', b'!', ..] => (State::Hidden(b">"), 2),
            [b'<', b'/', first, ..] if first.is_ascii_alphabetic() => self.named(rest, 2),
            [b'<', first, ..] if first.is_ascii_alphabetic() => self.named(rest, 1),
            _ => {
                self.state = State::default();
                return self.copy(b"<");
            }
        };
        self.decodes = true;
        self.state = state;
        self.at += len;
        len
    }

    fn named(&self, rest: &[u8], from: usize) -> (State, usize) {
        let name = rest.get(from..).unwrap_or_default();
        let name = name.get(..name_len(name)).unwrap_or_default();
        let gives = [false, true].map(|empty| names::tag(name, from == 2, empty));
        let loose = names::is_office(name);
        let open = Open { start: self.at, quote: None, slash: false, gives, loose };
        (State::Tag(open), from + name.len())
    }

    fn read_tag(&mut self, rest: &[u8], mut open: Open) -> usize {
        let mut read = 0;
        for &byte in rest {
            read += 1;
            match (open.quote, byte) {
                (Some(quote), _) if byte == quote => open.quote = None,
                (Some(_), _) => {}
                (None, b'"' | b'\'') => open.quote = Some(byte),
                (None, b'>') => {
                    self.at += read;
                    self.end_tag(open);
                    return read;
                }
                (None, _) => {}
            }
            open.slash = byte == b'/';
        }
        self.at += read;
        self.state = State::Tag(open);
        read
    }

    fn end_tag(&mut self, open: Open) {
        self.state = State::Text { loose: open.loose };
        let [full, empty] = open.gives;
        match if open.slash { empty } else { full } {
            Tag::Inline => {}
            Tag::Gives(byte) => self.give(open.start..self.at, byte),
            Tag::Hides(end) => self.state = State::Hidden(end),
        }
    }

    fn skip_to(&mut self, rest: &[u8], end: &'static [u8], ended: bool) -> usize {
        let is_name = end.last().is_some_and(u8::is_ascii_alphabetic);
        let found = match is_name {
            true => rest.windows(end.len()).position(|window| window.eq_ignore_ascii_case(end)),
            false => memchr::memmem::find(rest, end),
        };
        let read = match found {
            Some(at) => {
                self.state = State::default();
                // An end tag is one like all others.
                if is_name { at } else { at + end.len() }
            }
            None if ended => rest.len(),
            None => return self.skip((rest.len() + 1).saturating_sub(end.len())),
        };
        self.skip(read).max(usize::from(found.is_some()))
    }

    fn skip(&mut self, bytes: usize) -> usize {
        self.at += bytes;
        bytes
    }
}

/// Whether the name of the tag that `rest` begins with is whole, or it is none.
fn is_named(rest: &[u8]) -> bool {
    let name = rest.get(1..).unwrap_or_default();
    let name = name.strip_prefix(b"/").unwrap_or(name);
    match name.first() {
        None | Some(b'!') => false,
        Some(_) => name_len(name) < name.len(),
    }
}

fn name_len(name: &[u8]) -> usize {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'_' | b'-' | b'.');
    name.iter().take(LONGEST_NAME).take_while(|byte| is_name(byte)).count()
}
