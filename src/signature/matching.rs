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
        self.anchor?.starts(at).find_map(|start| self.match_at(text, start))
    }

    /// Matches from byte `start` of `text` on.
    ///
    /// Classes take as much as they can and give back only where what follows could begin within them. The match needs
    /// a border on both sides: see [`border_before`] and `signatures/README.md`.
    pub fn match_at(&self, text: &[u8], start: usize) -> Option<Match> {
        if start > text.len() || !may_begin(self.pieces, text, start) {
            return None;
        }
        let mut walk =
            Walk { pieces: self.pieces, text, marks: self.secret, secret: start..start, fuel: FUEL };
        let end = walk.rest(0, start)?;
        Some(Match { whole: start..end, secret: walk.secret })
    }
}

/// Whether a token may begin at byte `at`: the byte before is no letter or digit, or it is the tail of an escape:
/// `\n` and the like, `\xHH`, `\uHHHH`, `%HH`, `%25HH`, or a terminal's colour.
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
        [.., b'\\', b'a' | b'b' | b'e' | b'f' | b'n' | b'r' | b't' | b'v' | b'0'] => true,
        [.., b'\\', b'u', a, b, c, d] if hex(&[*a, *b, *c, *d]) => true,
        [.., b'\\', b'x', a, b] if hex(&[*a, *b]) => true,
        [.., b'%', b'2', b'5', a, b] | [.., b'%', a, b] => hex(&[*a, *b]),
        _ => ends_with_colour(before),
    }
}

/// A terminal's escape for colours: ESC, `[`, digits and `;`, `m` (ECMA-48, SGR).
fn ends_with_colour(before: &[u8]) -> bool {
    const LONGEST: usize = 20;
    let Some(digits) = before.strip_suffix(b"m") else { return false };
    let length =
        digits.iter().rev().take(LONGEST).take_while(|byte| matches!(byte, b'0'..=b'9' | b';')).count();
    digits[..digits.len() - length].ends_with(b"\x1b[")
}

/// Whether a match of these pieces may begin at byte `start`. Fixed text that begins with punctuation is a border itself
/// (`/token:`); a class must not begin amid a longer stretch of its characters.
fn may_begin(pieces: &[Piece], text: &[u8], start: usize) -> bool {
    let before = start.checked_sub(1).and_then(|at| text.get(at)).copied();
    match pieces.first() {
        Some(Piece::Text(fixed)) => {
            let is_border = !fixed.starts_with(|c: char| c.is_ascii_alphanumeric());
            is_border || border_before(text, start)
        }
        Some(Piece::Class { alphabet, .. }) => {
            let goes_on = before.is_some_and(|byte| !byte.is_ascii_alphanumeric() && alphabet.has(byte));
            !goes_on && border_before(text, start)
        }
        None => false,
    }
}

/// Whether a token whose last piece is `last` may end at byte `at`: what follows cannot continue it.
///
/// A full stop continues no token unless more of its alphabet follows: it ends a sentence. `=` continues base64.
fn border_after(text: &[u8], at: usize, last: &Piece) -> bool {
    let mut after = text.get(at..).unwrap_or_default().iter().copied();
    let Some(next) = after.next() else { return true };
    let ends_in_word = at.checked_sub(1).and_then(|at| text.get(at)).is_some_and(u8::is_ascii_alphanumeric);
    if ends_in_word && next.is_ascii_alphanumeric() {
        return false;
    }
    match last {
        Piece::Class { alphabet, .. } if next == b'.' => {
            !alphabet.has(next) || !after.next().is_some_and(|byte| alphabet.has(byte))
        }
        Piece::Class { alphabet, .. } => {
            let is_padding = next == b'=' && is_base64(*alphabet);
            !alphabet.has(next) && !is_padding
        }
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
        let most = here.iter().take(max).take_while(|byte| alphabet.has(**byte)).count();
        self.spend(most)?;
        if most < min {
            return None;
        }
        let least = if self.may_give_back(index, alphabet) { min } else { most };
        (least..=most).rev().find_map(|length| self.rest(index + 1, at + length))
    }

    /// Whether what follows the class at `index` could begin with one of its characters.
    fn may_give_back(&self, index: usize, alphabet: Alphabet) -> bool {
        match self.pieces.get(index + 1) {
            // The border after the last class would refuse what it gave back.
            None => false,
            Some(Piece::Text(fixed)) => fixed.bytes().next().is_none_or(|byte| alphabet.has(byte)),
            Some(Piece::Class { alphabet: next, min, .. }) => *min == 0 || !alphabet.and(*next).is_empty(),
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::shape;
    use super::*;

    fn shape(text: &'static str) -> Shape {
        shape::parse(text).expect(text)
    }

    fn secret<'a>(shape: &Shape, text: &'a str) -> Option<&'a str> {
        shape.match_at(text.as_bytes(), 0).map(|found| &text[found.secret])
    }

    #[test]
    fn a_match_has_borders() {
        let shape = shape("ab_<hex:4>");
        let matches = |text: &str| shape.match_at(text.as_bytes(), 1).map(|found| found.whole);
        for text in
            [" ab_0123", " ab_0123 ", "\"ab_0123\"", "/ab_0123/", "=ab_0123_x", "-ab_0123.", "_ab_0123-"]
        {
            assert_eq!(matches(text), Some(1..8), "{text}");
        }
        for text in ["xab_0123", " ab_01234", " ab_0123x", " ab_012", " ab_012x", "0ab_0123", ""] {
            assert_eq!(matches(text), None, "{text}");
        }
    }

    #[test]
    fn an_escape_before_a_token_is_a_border() {
        for text in ["\\n", "\\t", "\\\\n", "\\u003d", "\\x3d", "%3D", "%2f", "%253D", "", ":", "é"] {
            assert!(border_before(text.as_bytes(), text.len()), "{text}");
        }
        for text in ["n", "\\q", "\\u03d", "u003d", "3D", "%D", "%2g", "\\x", "a%u"] {
            assert!(!border_before(text.as_bytes(), text.len()), "{text}");
        }
    }

    #[test]
    fn a_class_must_not_go_on() {
        let exact = shape("<base64:6>");
        for (text, matches) in [("abcdef", true), ("abcdef=", false), ("abcdef/", false), ("abcdef.", true)] {
            assert_eq!(exact.match_at(text.as_bytes(), 0).is_some(), matches, "{text}");
        }
        assert_eq!(exact.match_at(b"+abcdef", 1), None);
        let dotted = shape("k-<[a-z.]:4>");
        for (text, matches) in
            [("k-abcd.", true), ("k-abcd. ", true), ("k-abcd.e", false), ("k-abcd..", false)]
        {
            assert_eq!(dotted.match_at(text.as_bytes(), 0).is_some(), matches, "{text}");
        }
    }

    #[test]
    fn punctuation_in_front_is_a_border_itself() {
        let shape = shape("/token:<digit:4>");
        assert_eq!(shape.match_at(b"me/token:1234", 2).map(|found| found.whole), Some(2..13));
    }

    #[test]
    fn a_class_gives_back_what_follows_needs() {
        let marked = shape("sk-<alnum:4-20>MARK<alnum:4-20>");
        assert_eq!(secret(&marked, "sk-abcdMARKefgh"), Some("sk-abcdMARKefgh"));
        assert_eq!(secret(&marked, "sk-MARKMARKMARK"), Some("sk-MARKMARKMARK"));
        assert_eq!(secret(&marked, "sk-abcMARKefgh"), None);
        assert_eq!(secret(&shape("k-<alnum:0-3>x{<digit:2>}"), "k-x12"), Some("12"));
    }

    #[test]
    fn the_braces_are_the_secret() {
        let hook = shape("example.com/{T<uppernum:3>/<alnum:4>}/go");
        assert_eq!(secret(&hook, "example.com/TA1B/xY3z/go"), Some("TA1B/xY3z"));
    }

    #[test]
    fn the_longest_lead_that_matches_wins() {
        let bot = shape("<digit:3-5>:AA<base64url:33>");
        let tail = ":AA012345678901234567890123456789012";
        for (digits, begins) in
            [("12345", Some(0)), ("123", Some(0)), ("12", None), ("123456", None), ("=1234", Some(1))]
        {
            let text = format!("{digits}{tail}");
            let found = bot.match_at_anchor(text.as_bytes(), digits.len() + 1);
            assert_eq!(found.map(|found| found.whole.start), begins, "{digits}");
        }
        assert_eq!(bot.match_at_anchor(b"AA", 0), None);
    }

    #[test]
    fn a_shape_made_to_cost_time_does_not() {
        let evil = shape("k-<alnum:1-9999>a<alnum:1-9999>a<alnum:1-9999>a<alnum:1-9999>!");
        let text = format!("k-{}", "a".repeat(100_000));
        assert_eq!(evil.match_at(text.as_bytes(), 0), None);
        let mut walk =
            Walk { pieces: evil.pieces, text: text.as_bytes(), marks: evil.secret, secret: 0..0, fuel: FUEL };
        assert_eq!((walk.rest(0, 0), walk.fuel), (None, 0));
    }

    proptest! {
        #[test]
        fn spans_lie_within_the_text(text in "[ab01_.=%n\\\\-]{0,40}", at in 0_usize..50) {
            for pattern in ["a<[ab]:1-9>b{<digit:1-3>}", "<hex:1-4>-<word:2>", "{<[a-z.]:2-6>}=", "<digit:1-3>_<alnum:2-9>"] {
                let shape = shape(pattern);
                for found in shape.match_at(text.as_bytes(), at).into_iter().chain(shape.match_at_anchor(text.as_bytes(), at)) {
                    prop_assert!(found.whole.start <= found.secret.start && found.secret.end <= found.whole.end);
                    prop_assert!(found.secret.start < found.secret.end && found.whole.end <= text.len());
                }
            }
        }
    }
}
