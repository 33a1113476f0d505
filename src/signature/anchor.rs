//! Where a scanner can take hold of a shape: the choice of its [`Anchor`].
//!
//! Also compiled into `build.rs`, hence nothing but the standard library and its siblings.

use super::shape::{Alphabet, Piece};

/// The bytes that the run finder takes together: `[A-Za-z0-9_+/-]`.
pub const RUN: Alphabet = Alphabet::of(&[
    (b'0', b'9'),
    (b'A', b'Z'),
    (b'a', b'z'),
    (b'_', b'_'),
    (b'+', b'+'),
    (b'/', b'/'),
    (b'-', b'-'),
]);

/// The bytes within a run after which an anchor may begin.
pub const SEPARATOR: Alphabet = Alphabet::of(&[(b'_', b'_'), (b'+', b'+'), (b'/', b'/'), (b'-', b'-')]);

/// The least length of a run that the run finder reports.
pub const SHORTEST_RUN: usize = 16;

/// `=` in a class is base64's padding: at its end only, twice at most.
const RUN_OR_PADDING: Alphabet = Alphabet(RUN.0 | 1 << b'=');
const PADDING: usize = 2;

/// The greatest length of an anchor's text.
const LONGEST: usize = 16;

/// The greatest difference between the longest and the shortest lead. It bounds how many beginnings are tried.
const WIDEST_LEAD: usize = 256;

/// Beginnings so frequent in any export that an anchor there would make the scanner stop for nothing.
const COMMON: &[&str] = &["htt", "com", "www", "api", "org", "net"];

/// How a scanner comes upon an anchor.
///
/// The run finder knows runs of at least 16 of `[A-Za-z0-9_+/-]`. The run at an anchor is long enough whatever the
/// classes around it hold, except for [`Hold::Alone`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// It begins where a run can begin: at the match's beginning, or after a byte that is no run byte, or after
    /// `/`, `+`, `-` or `_` (`ghp_`, `hooks/catch/`).
    Start,
    /// It ends right where a run begins (`SG.`, `sig=`).
    Before,
    /// Its run may be too short, so only a search for the text itself finds it (`ya29.c.`): dear, hence the last resort.
    Alone,
}

/// Where the fixed text of a shape can be taken hold of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// How to come upon it.
    pub hold: Hold,
    /// Bytes of fixed text from the match's beginning to the anchor's beginning.
    pub offset: usize,
    /// Least and greatest number of bytes that the classes before the anchor take, besides `offset`.
    pub lead: (usize, usize),
    /// Its bytes: 3 to 16 of them, or 2 where `next` says what follows. A keyword is here whole.
    pub text: &'static str,
    /// The third byte where `text` has only two (the `AA` after a Telegram bot's number); else empty.
    pub next: Alphabet,
}

impl Anchor {
    /// The anchor of a pattern's keyword, which begins where a word begins. Nothing is known of what stands around it, so
    /// only the keyword's own run counts.
    pub fn keyword(text: &'static str) -> Self {
        let run = text.bytes().take_while(|byte| RUN.has(*byte)).count();
        let hold = if run >= SHORTEST_RUN { Hold::Start } else { Hold::Alone };
        Self { hold, offset: 0, lead: (0, 0), text, next: Alphabet::EMPTY }
    }

    /// The three bytes that the run finder looks up, with letters in lower case: the last three of an anchor before a
    /// run, the first three of others. More than one where the third is not fixed; none twice.
    pub fn heads(&self) -> impl Iterator<Item = [u8; 3]> + use<> {
        let text = self.text.as_bytes();
        let (fixed, third) = match *text {
            [.., a, b, c] if self.hold == Hold::Before => ([a, b], single(c)),
            [a, b, c, ..] => ([a, b], single(c)),
            [a, b] => ([a, b], self.next),
            _ => ([0, 0], Alphabet::EMPTY),
        };
        let [first, second] = fixed.map(|byte| byte.to_ascii_lowercase());
        folded(third).bytes().map(move |third| [first, second, third])
    }

    /// Where matches may begin if the anchor's text begins at byte `at`; those furthest to the left first.
    pub fn starts(&self, at: usize) -> impl Iterator<Item = usize> + use<> {
        let (offset, (least, most)) = (self.offset, self.lead);
        (least..=most).rev().filter_map(move |lead| at.checked_sub(offset + lead))
    }
}

fn single(byte: u8) -> Alphabet {
    Alphabet::of(&[(byte, byte)])
}

fn folded(alphabet: Alphabet) -> Alphabet {
    Alphabet(alphabet.bytes().fold(0, |bits, byte| bits | 1 << byte.to_ascii_lowercase()))
}

/// Chooses the anchor of a shape: a fixed text at the start of a run where there is one, preferring what is seldom met,
/// at a fixed distance from the match's beginning, and long; else one right before a run.
pub fn choose(pieces: &'static [Piece]) -> Option<Anchor> {
    let texts = fixed_texts(pieces);
    let runs = sure_runs(pieces);
    let starts: Vec<Anchor> = texts.iter().flat_map(|text| starting_in(text, &runs)).collect();
    // The first of equals: `max_by_key` takes the last.
    let best = starts
        .into_iter()
        .rev()
        .max_by_key(|anchor| (!is_common(anchor.text), anchor.lead.0 == anchor.lead.1, anchor.text.len()));
    best.or_else(|| texts.iter().find_map(|text| ending(text, &runs)))
}

/// The anchor of a shape whose runs may be too short for [`choose`]: its longest fixed text, if that is seldom enough.
pub fn alone(pieces: &'static [Piece]) -> Option<Anchor> {
    let texts = fixed_texts(pieces);
    let is_rare = |text: &&FixedText| text.text.len() >= 4 || text.at == 0 && text.text.len() >= 3;
    let longest = texts.iter().rev().filter(is_rare).max_by_key(|text| text.text.len())?;
    let text = longest.text.get(..longest.text.len().min(LONGEST))?;
    Some(Anchor {
        hold: Hold::Alone,
        offset: longest.offset,
        lead: longest.lead,
        text,
        next: Alphabet::EMPTY,
    })
}

/// A fixed text of a shape with what stands around it.
struct FixedText {
    text: &'static str,
    /// Bytes of fixed text before it.
    offset: usize,
    /// Least and greatest length of the classes before it.
    lead: (usize, usize),
    /// Where its first byte is in [`sure_runs`].
    at: usize,
    /// Whether an anchor may begin at its first byte.
    begins: bool,
    /// The characters that follow it, if there is surely one.
    next: Alphabet,
}

fn fixed_texts(pieces: &'static [Piece]) -> Vec<FixedText> {
    let mut texts = Vec::new();
    let (mut offset, mut lead, mut at) = (0, (0, 0), 0);
    for (index, piece) in pieces.iter().enumerate() {
        match *piece {
            Piece::Text(text) => {
                let before = index.checked_sub(1).and_then(|before| pieces.get(before));
                let begins = before.is_none_or(starts_run_after);
                let next = pieces.get(index + 1).map_or(Alphabet::EMPTY, surely_next);
                texts.push(FixedText { text, offset, lead, at, begins, next });
                offset += text.len();
                at += text.len();
            }
            Piece::Class { min, max, .. } => {
                lead = (lead.0 + usize::from(min), lead.1 + usize::from(max));
                at += sure_run(piece).len();
            }
        }
    }
    texts.retain(|text| text.lead.1 - text.lead.0 <= WIDEST_LEAD);
    texts
}

/// Whether an anchor may begin after this piece, whatever it holds.
fn starts_run_after(piece: &Piece) -> bool {
    match piece {
        Piece::Text(text) => text.bytes().last().is_some_and(is_border),
        Piece::Class { alphabet, min, .. } => *min > 0 && alphabet.bytes().all(is_border),
    }
}

fn surely_next(piece: &Piece) -> Alphabet {
    match piece {
        Piece::Class { alphabet, min: 1.., .. } => *alphabet,
        _ => Alphabet::EMPTY,
    }
}

fn is_border(byte: u8) -> bool {
    !RUN.has(byte) || SEPARATOR.has(byte)
}

/// For each byte of a shape at its shortest, whether it is a run byte for sure.
fn sure_runs(pieces: &[Piece]) -> Vec<bool> {
    pieces.iter().flat_map(sure_run).collect()
}

/// [`sure_runs`] of one piece. Classes are cut to a little over [`SHORTEST_RUN`] bytes: longer ones make no difference.
fn sure_run(piece: &Piece) -> Vec<bool> {
    match piece {
        Piece::Text(text) => text.bytes().map(|byte| RUN.has(byte)).collect(),
        Piece::Class { alphabet, min, .. } => {
            let min = usize::from(*min);
            let padding = if alphabet.has(b'=') { PADDING.min(min) } else { 0 };
            let sure = alphabet.within(RUN_OR_PADDING);
            let mut bytes = vec![sure; (min - padding).min(SHORTEST_RUN)];
            bytes.extend(std::iter::repeat_n(false, padding));
            bytes
        }
    }
}

/// The anchors in a text that begin where a run, or a part of one, begins.
fn starting_in(fixed: &FixedText, runs: &[bool]) -> Vec<Anchor> {
    let bytes = fixed.text.as_bytes();
    let begins = |at: usize| match at.checked_sub(1) {
        Some(before) => is_border(bytes[before]),
        None => fixed.begins,
    };
    let anchor = |at: usize| {
        let length = bytes[at..].iter().take(LONGEST).take_while(|byte| RUN.has(**byte)).count();
        let text = fixed.text.get(at..at + length)?;
        // Two bytes count only as part of three fixed ones, as in `:AA`.
        let next =
            if length == 2 && at > 0 && at + length == bytes.len() { fixed.next } else { Alphabet::EMPTY };
        let holds = length >= 3 || !next.is_empty();
        (holds && run_around(runs, fixed.at + at) >= SHORTEST_RUN).then(|| Anchor {
            hold: Hold::Start,
            offset: fixed.offset + at,
            lead: fixed.lead,
            text,
            next,
        })
    };
    (0..bytes.len()).filter(|at| begins(*at)).filter_map(anchor).collect()
}

/// The length of the sure run around a byte.
fn run_around(runs: &[bool], at: usize) -> usize {
    let (before, after) = runs.split_at(at);
    let back = before.iter().rev().take_while(|sure| **sure).count();
    back + after.iter().take_while(|sure| **sure).count()
}

/// The anchor that a text ends with, right before a run.
fn ending(fixed: &FixedText, runs: &[bool]) -> Option<Anchor> {
    let length = fixed.text.len();
    let ends = fixed.text.bytes().last().is_some_and(|byte| !RUN.has(byte));
    let run = runs[fixed.at + length..].iter().take_while(|sure| **sure).count();
    let at = length - length.min(LONGEST);
    (length >= 3 && ends && run >= SHORTEST_RUN).then(|| Anchor {
        hold: Hold::Before,
        offset: fixed.offset + at,
        lead: fixed.lead,
        text: &fixed.text[at..],
        next: Alphabet::EMPTY,
    })
}

fn is_common(text: &str) -> bool {
    !text.starts_with(|c: char| c.is_ascii_alphanumeric())
        || COMMON.iter().any(|common| text.get(..3).is_some_and(|head| head.eq_ignore_ascii_case(common)))
}

#[cfg(test)]
mod tests {
    use super::super::shape::{self, Shape};
    use super::*;

    fn shape(text: &'static str) -> Shape {
        shape::parse(text).expect(text)
    }

    /// The chosen anchor: how, its text, and where it begins in the shortest match.
    fn held(text: &'static str) -> Option<(Hold, &'static str, usize)> {
        let anchor = choose(shape(text).pieces)?;
        Some((anchor.hold, anchor.text, anchor.offset + anchor.lead.0))
    }

    #[test]
    fn the_beginning_of_a_token_is_taken() {
        assert_eq!(held("ghx_<alnum:36>"), Some((Hold::Start, "ghx_", 0)));
        assert_eq!(held("sx_live_<alnum:24-99>"), Some((Hold::Start, "sx_live_", 0)));
        assert_eq!(
            held("a-very-long-prefix-of-a-token-<alnum:24>"),
            Some((Hold::Start, "a-very-long-pref", 0))
        );
    }

    #[test]
    fn a_path_is_preferred_to_what_every_address_has() {
        let url = "https://hooks.example.com/services/{T<uppernum:8-12>/<alnum:24>}";
        assert_eq!(held(url), Some((Hold::Start, "services/", 26)));
        assert_eq!(held("https://<lower:3-20>.example.com/{<alnum:24>}"), Some((Hold::Start, "com/", 20)));
    }

    #[test]
    fn text_before_a_run_is_the_second_choice() {
        assert_eq!(held("SG.<base64url:22>.<base64url:43>"), Some((Hold::Before, "SG.", 0)));
        assert_eq!(held("a&sig={<base64url:43>}"), Some((Hold::Before, "a&sig=", 0)));
    }

    #[test]
    fn text_after_a_class_has_a_lead() {
        let anchor = choose(shape("<digit:8-10>:AA<base64url:33>").pieces).expect("an anchor");
        assert_eq!((anchor.text, anchor.offset, anchor.lead), ("AA", 1, (8, 10)));
        assert_eq!(anchor.starts(20).collect::<Vec<_>>(), [9, 10, 11]);
        assert_eq!(anchor.starts(9).collect::<Vec<_>>(), [0]);
        let heads: Vec<[u8; 3]> = anchor.heads().collect();
        assert_eq!(heads.len(), 38, "26 letters, 10 digits, - and _");
        assert!(heads.contains(b"aae") && !heads.contains(b"aaE"));
    }

    #[test]
    fn padding_does_not_shorten_a_run() {
        assert_eq!(held("abc_<[A-Za-z0-9+/=]:40-80>"), Some((Hold::Start, "abc_", 0)));
        assert_eq!(held("abc_<[A-Za-z0-9.]:40-80>"), None);
    }

    #[test]
    fn short_runs_and_bare_classes_have_none() {
        for text in ["abc_<alnum:11>", "SK<hex:32>", "<hex:32>", "a.<alnum:32>", "<alnum:20>key_<alnum:20>"] {
            assert_eq!(held(text), None, "{text}");
        }
        assert_eq!(held("abc_<alnum:12>"), Some((Hold::Start, "abc_", 0)));
    }

    #[test]
    fn rare_text_can_stand_alone() {
        let found = |text| alone(shape(text).pieces).map(|anchor| (anchor.hold, anchor.text, anchor.lead));
        assert_eq!(found("ya2.c.<[A-Za-z0-9.]:40>"), Some((Hold::Alone, "ya2.c.", (0, 0))));
        assert_eq!(
            found("{<lowernum:32>}@hook.example.com"),
            Some((Hold::Alone, "@hook.example.co", (32, 32)))
        );
        assert_eq!(found("<hex:32>-us<digit:2>"), None);
        assert_eq!(found("<alnum:3-400>.token"), None);
    }
}
