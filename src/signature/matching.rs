//! Matching a [`Shape`] where its anchor was found: text and a place → the spans of the match and of its secret.
//!
//! Nothing is allocated, and each call is bounded by a constant whatever the text is.

use crate::blob::Span;

use super::shape::{Alphabet, Piece, Shape};

/// What a shape matched; both spans index the text that was searched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// The whole match.
    pub whole: Span,
    /// The part of it that is the secret.
    pub secret: Span,
}

/// Bytes that one match may look at, those looked at again after a step back included. More than the longest shape of
/// one class of each length needs; what needs more is built to cost time.
const FUEL: usize = 1 << 16;

impl Shape {
    /// Matches with the shape's anchor at byte `at` of `text`; the longest lead that matches wins.
    pub fn match_at_anchor(&self, text: &[u8], at: usize) -> Option<Match> {
        self.anchor?
            .starts(at)
            .find_map(|start| self.match_at(text, start))
    }

    /// Matches from byte `start` of `text` on.
    ///
    /// Classes take as much as they can and give back only where what follows could begin within them. The match needs
    /// a border on both sides: see [`border_before`] and `signatures/README.md`.
    pub fn match_at(&self, text: &[u8], start: usize) -> Option<Match> {
        if start > text.len() || !border_before(text, start) || continues_first(self.pieces, text, start) {
            return None;
        }
        let mut walk = Walk {
            pieces: self.pieces,
            text,
            marks: self.secret,
            secret: start..start,
            fuel: FUEL,
        };
        let end = walk.rest(0, start)?;
        Some(Match {
            whole: start..end,
            secret: walk.secret,
        })
    }
}

/// Whether a token may begin at byte `at`: the byte before is no letter or digit, or it is the tail of an escape:
/// `\n` and the like, `\xHH`, `\uHHHH`, `%HH`, `%25HH`.
///
/// The texts are not always decoded when they are searched, and an escape's tail touches the token: `\nghp_…`,
/// `\u003dAKIA…`, `%3DAKIA…`.
pub fn border_before(text: &[u8], at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default();
    match before {
        [.., last] if last.is_ascii_alphanumeric() => ends_with_escape(before),
        _ => true,
    }
}

fn ends_with_escape(before: &[u8]) -> bool {
    let hex = |digits: &[u8]| digits.iter().all(u8::is_ascii_hexdigit);
    match before {
        [
            ..,
            b'\\',
            b'a' | b'b' | b'e' | b'f' | b'n' | b'r' | b't' | b'v' | b'0',
        ] => true,
        [.., b'\\', b'u', a, b, c, d] if hex(&[*a, *b, *c, *d]) => true,
        [.., b'\\', b'x', a, b] if hex(&[*a, *b]) => true,
        [.., b'%', b'2', b'5', a, b] | [.., b'%', a, b] => hex(&[*a, *b]),
        _ => false,
    }
}

/// Whether a shape that begins with a class would begin amid a longer stretch of that class.
fn continues_first(pieces: &[Piece], text: &[u8], start: usize) -> bool {
    match (pieces.first(), text.get(..start)) {
        (Some(Piece::Class { alphabet, .. }), Some([.., last])) => {
            !last.is_ascii_alphanumeric() && alphabet.has(*last)
        }
        _ => false,
    }
}

/// Whether a token whose last piece is `last` may end at byte `at`: what follows cannot continue it.
///
/// A full stop continues no token unless more of its alphabet follows: it ends a sentence. `=` continues base64.
fn border_after(text: &[u8], at: usize, last: &Piece) -> bool {
    let mut after = text.get(at..).unwrap_or_default().iter().copied();
    let Some(next) = after.next() else { return true };
    let ends_in_word = at
        .checked_sub(1)
        .and_then(|at| text.get(at))
        .is_some_and(u8::is_ascii_alphanumeric);
    if ends_in_word && next.is_ascii_alphanumeric() {
        return false;
    }
    match last {
        Piece::Class { alphabet, .. } if next == b'.' => {
            !alphabet.has(next) || !after.next().is_some_and(|byte| alphabet.has(byte))
        }
        Piece::Class { alphabet, .. } => !alphabet.has(next) && !(next == b'=' && is_base64(*alphabet)),
        Piece::Text(_) => true,
    }
}

fn is_base64(alphabet: Alphabet) -> bool {
    alphabet.has(b'+') && alphabet.has(b'/')
}

/// One attempt to match.
struct Walk<'a> {
    pieces: &'static [Piece],
    text: &'a [u8],
    /// The pieces that are the secret.
    marks: (usize, usize),
    /// Filled on the way back from a match.
    secret: Span,
    fuel: usize,
}

impl Walk<'_> {
    /// Matches the pieces from `index` on at byte `at`; returns where the match ends. As deep as there are pieces.
    fn rest(&mut self, index: usize, at: usize) -> Option<usize> {
        self.spend(1)?;
        let end = match self.pieces.get(index) {
            None => self.border(at),
            Some(Piece::Text(fixed)) => {
                let here = self.text.get(at..)?.starts_with(fixed.as_bytes());
                here.then(|| self.rest(index + 1, at + fixed.len())).flatten()
            }
            Some(Piece::Class { alphabet, min, max }) => {
                self.class(index, at, *alphabet, (usize::from(*min), usize::from(*max)))
            }
        }?;
        if index == self.marks.0 {
            self.secret.start = at;
        }
        if index == self.marks.1 {
            self.secret.end = at;
        }
        Some(end)
    }

    fn class(
        &mut self,
        index: usize,
        at: usize,
        alphabet: Alphabet,
        (min, max): (usize, usize),
    ) -> Option<usize> {
        let here = self.text.get(at..)?;
        let most = here
            .iter()
            .take(max)
            .take_while(|byte| alphabet.has(**byte))
            .count();
        self.spend(most)?;
        if most < min {
            return None;
        }
        let least = if self.may_give_back(index, alphabet) {
            min
        } else {
            most
        };
        (least..=most)
            .rev()
            .find_map(|length| self.rest(index + 1, at + length))
    }

    /// Whether what follows the class at `index` could begin with one of its characters.
    fn may_give_back(&self, index: usize, alphabet: Alphabet) -> bool {
        match self.pieces.get(index + 1) {
            // The border after the last class would refuse what it gave back.
            None => false,
            Some(Piece::Text(fixed)) => fixed.bytes().next().is_none_or(|byte| alphabet.has(byte)),
            Some(Piece::Class {
                alphabet: next, min, ..
            }) => *min == 0 || !alphabet.and(*next).is_empty(),
        }
    }

    fn border(&mut self, at: usize) -> Option<usize> {
        border_after(self.text, at, self.pieces.last()?).then_some(at)
    }

    /// `None` when the fuel is gone, and from then on for ever.
    fn spend(&mut self, bytes: usize) -> Option<()> {
        self.fuel = self.fuel.saturating_sub(bytes);
        (self.fuel > 0).then_some(())
    }
}
