//! The grammar of shapes (`signatures/README.md`): `exc_<alnum:32>` → fixed texts and classes.
//!
//! Also compiled into `build.rs`, hence nothing but the standard library and its siblings. Matching is in
//! `matching.rs`, the choice of an anchor in `anchor.rs`.

use std::fmt;

use super::anchor::{self, Anchor};

/// Prefix, alphabets and lengths of a token.
#[derive(Debug, PartialEq, Eq)]
pub struct Shape {
    /// Fixed texts and classes in order.
    pub pieces: &'static [Piece],
    /// The pieces that are the secret, half-open; all of them unless the shape has braces.
    pub secret: (usize, usize),
    /// Where a scanner can take hold of it; `None` for a shapeless one.
    pub anchor: Option<Anchor>,
}

impl fmt::Display for Shape {
    /// As a signature file has it; an alphabet without a name by its ranges.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (start, end) = self.secret;
        let whole = (start, end) == (0, self.pieces.len());
        for (at, piece) in self.pieces.iter().enumerate() {
            f.write_str(if at == start && !whole { "{" } else { "" })?;
            match piece {
                Piece::Text(text) => f.write_str(text)?,
                Piece::Class { alphabet, min, max } if min == max => write!(f, "<{alphabet}:{min}>")?,
                Piece::Class { alphabet, min, max } => write!(f, "<{alphabet}:{min}-{max}>")?,
            }
            f.write_str(if at + 1 == end && !whole { "}" } else { "" })?;
        }
        Ok(())
    }
}

impl fmt::Display for Alphabet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((name, _)) = ALPHABETS.iter().find(|(_, alphabet)| alphabet == self) {
            return f.write_str(name);
        }
        f.write_str("[")?;
        for range in self.bytes().collect::<Vec<_>>().chunk_by(|a, b| *b == a + 1) {
            match *range {
                [first, _, .., last] => write!(f, "{}-{}", first as char, last as char)?,
                _ => range.iter().try_for_each(|byte| write!(f, "{}", *byte as char))?,
            }
        }
        f.write_str("]")
    }
}

/// One piece of a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Fixed text, compared byte for byte.
    Text(&'static str),
    /// Between `min` and `max` characters of an alphabet.
    Class {
        /// The characters.
        alphabet: Alphabet,
        /// The least count.
        min: u16,
        /// The greatest count.
        max: u16,
    },
}

/// A set of ASCII characters: bit n stands for byte n.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alphabet(pub u128);

impl Alphabet {
    /// No character at all.
    pub const EMPTY: Self = Self(0);

    /// The characters of all ranges, both ends included.
    pub const fn of(ranges: &[(u8, u8)]) -> Self {
        let mut bits = 0;
        let mut index = 0;
        while index < ranges.len() {
            let (mut byte, last) = ranges[index];
            while byte <= last {
                bits |= 1 << byte;
                byte += 1;
            }
            index += 1;
        }
        Self(bits)
    }

    /// The alphabet of that name in `signatures/README.md`.
    pub fn named(name: &str) -> Option<Self> {
        ALPHABETS.iter().find(|(known, _)| *known == name).map(|(_, alphabet)| *alphabet)
    }

    /// Whether `byte` is in the set; never for a byte of 128 or more.
    pub const fn has(self, byte: u8) -> bool {
        byte < 128 && self.0 >> byte & 1 == 1
    }

    /// How many characters.
    pub const fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// Whether it has none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The characters of both.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether all its characters are in `other`.
    pub const fn within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// Its characters in the order of their codes.
    pub fn bytes(self) -> impl Iterator<Item = u8> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let byte = (left != 0).then(|| left.trailing_zeros() as u8)?; // at most 127
            left &= left - 1;
            Some(byte)
        })
    }
}

const DIGIT: (u8, u8) = (b'0', b'9');
const LOWER: (u8, u8) = (b'a', b'z');
const UPPER: (u8, u8) = (b'A', b'Z');
const ANY_HEX: Alphabet = Alphabet::of(&[DIGIT, (b'a', b'f'), (b'A', b'F')]);
const BASE64_URL: Alphabet = Alphabet::of(&[DIGIT, LOWER, UPPER, (b'-', b'-'), (b'_', b'_')]);
const BASE58: Alphabet =
    Alphabet::of(&[(b'1', b'9'), (b'A', b'H'), (b'J', b'N'), (b'P', b'Z'), (b'a', b'k'), (b'm', b'z')]);

const ALPHABETS: &[(&str, Alphabet)] = &[
    ("digit", Alphabet::of(&[DIGIT])),
    ("lower", Alphabet::of(&[LOWER])),
    ("upper", Alphabet::of(&[UPPER])),
    ("alpha", Alphabet::of(&[LOWER, UPPER])),
    ("alnum", Alphabet::of(&[DIGIT, LOWER, UPPER])),
    ("lowernum", Alphabet::of(&[DIGIT, LOWER])),
    ("uppernum", Alphabet::of(&[DIGIT, UPPER])),
    ("hex", Alphabet::of(&[DIGIT, (b'a', b'f')])),
    ("upperhex", Alphabet::of(&[DIGIT, (b'A', b'F')])),
    ("anyhex", ANY_HEX),
    ("base32", Alphabet::of(&[UPPER, (b'2', b'7')])),
    ("base58", BASE58),
    ("base64", Alphabet::of(&[DIGIT, LOWER, UPPER, (b'+', b'+'), (b'/', b'/')])),
    ("base64url", BASE64_URL),
    ("word", Alphabet::of(&[DIGIT, LOWER, UPPER, (b'_', b'_')])),
];

const fn class(alphabet: Alphabet, min: u16, max: u16) -> Piece {
    Piece::Class { alphabet, min, max }
}

/// What `<uuid>` stands for: RFC 9562, either case.
pub const UUID: &[Piece] = &[
    class(ANY_HEX, 8, 8),
    Piece::Text("-"),
    class(ANY_HEX, 4, 4),
    Piece::Text("-"),
    class(ANY_HEX, 4, 4),
    Piece::Text("-"),
    class(ANY_HEX, 4, 4),
    Piece::Text("-"),
    class(ANY_HEX, 12, 12),
];

/// What `<jwt>` stands for: RFC 7519, signed. The shortest header in use is `{"alg":"HS256"}`, 20 characters; the
/// shortest signature is longer than 20, RS4096 has 683. Headers are capped low, since `eyJ` is frequent in base64.
pub const JWT: &[Piece] = &[
    Piece::Text("eyJ"),
    class(BASE64_URL, 13, 1024),
    Piece::Text("."),
    class(BASE64_URL, 2, LONGEST_CLASS),
    Piece::Text("."),
    class(BASE64_URL, 20, 1024),
];

/// The greatest count of characters that a class may have.
pub const LONGEST_CLASS: u16 = 16_384;

/// The greatest count of pieces of a shape; `<uuid>` has nine.
const MOST_PIECES: usize = 64;

impl Shape {
    /// The pieces of the secret.
    pub fn secret_pieces(&self) -> &'static [Piece] {
        self.pieces.get(self.secret.0..self.secret.1).unwrap_or_default()
    }

    /// Random bits of the secret at its shortest, rounded down.
    pub fn random_bits(&self) -> u32 {
        let bits = |piece: &Piece| match piece {
            Piece::Text(_) => 0.0,
            Piece::Class { alphabet, min, .. } => f64::from(*min) * f64::from(alphabet.len()).log2(),
        };
        self.secret_pieces().iter().map(bits).sum::<f64>() as u32
    }

    /// Random characters of the secret at its shortest.
    pub fn random_chars(&self) -> u32 {
        let chars = |piece: &Piece| match piece {
            Piece::Text(_) => 0,
            Piece::Class { min, .. } => u32::from(*min),
        };
        self.secret_pieces().iter().map(chars).sum()
    }

    /// Characters of fixed text.
    pub fn fixed_chars(&self) -> usize {
        let chars = |piece: &Piece| match piece {
            Piece::Text(text) => text.len(),
            Piece::Class { .. } => 0,
        };
        self.pieces.iter().map(chars).sum()
    }

    /// The fixed text that the secret begins with: what of it is public.
    pub fn prefix(&self) -> &'static str {
        match self.secret_pieces().first() {
            Some(Piece::Text(text)) => text,
            _ => "",
        }
    }
}

/// Why a shape cannot be read, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShapeError {
    /// Byte of the shape's text, from 0.
    pub at: usize,
    /// What is wrong.
    pub problem: ShapeProblem,
}

/// What is wrong with a shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShapeProblem {
    /// A character that is no printable ASCII.
    NotPrintable,
    /// `<` without `>`.
    OpenClass,
    /// `>` without `<`.
    StrayAngle,
    /// A name that is no alphabet's.
    UnknownAlphabet(String),
    /// Brackets that hold nothing, or a range that runs backwards.
    BadBrackets,
    /// No length, or none that can be read.
    BadLength(String),
    /// A length of 0, the greatest below the least, or more than [`LONGEST_CLASS`].
    LengthOutOfRange,
    /// `{` without `}`.
    OpenBrace,
    /// `}` without `{`, or a second pair of braces.
    StrayBrace,
    /// No class in what would be the secret.
    NothingRandom,
    /// More than 64 pieces.
    TooManyPieces,
}

impl fmt::Display for ShapeProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotPrintable => f.write_str("expected printable ASCII"),
            Self::OpenClass => f.write_str("`<` without `>`"),
            Self::StrayAngle => f.write_str("`>` without `<`"),
            Self::UnknownAlphabet(name) => {
                write!(f, "unknown alphabet `{name}`, expected")?;
                ALPHABETS.iter().try_for_each(|(known, _)| write!(f, " {known},"))?;
                f.write_str(" uuid, jwt or brackets")
            }
            Self::BadBrackets => f.write_str("expected characters and rising ranges, as in `[A-Za-z0-9.-]`"),
            Self::BadLength(name) => write!(f, "expected a length, as in `<{name}:32>` or `<{name}:20-40>`"),
            Self::LengthOutOfRange => {
                write!(f, "expected a length from 1 to {LONGEST_CLASS}, the least first")
            }
            Self::OpenBrace => f.write_str("`{` without `}`"),
            Self::StrayBrace => f.write_str("`}` without `{`, or a second pair of braces"),
            Self::NothingRandom => f.write_str("expected at least one class in the secret"),
            Self::TooManyPieces => write!(f, "expected at most {MOST_PIECES} pieces"),
        }
    }
}

impl fmt::Display for ShapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at byte {}: {}", self.at, self.problem)
    }
}

impl std::error::Error for ShapeError {}

/// Reads a shape and chooses its anchor. The pieces are leaked: signatures live as long as the program.
///
/// # Errors
///
/// What is wrong with the text, and at which byte.
pub fn parse(text: &'static str) -> Result<Shape, ShapeError> {
    let mut parser = Parser { text, at: 0, pieces: Vec::new(), opened: None, closed: None };
    while let Some(byte) = parser.rest().bytes().next() {
        parser.step(byte)?;
    }
    parser.finish()
}

/// Reads one class with its angle brackets from the beginning of `text`: its pieces and how many bytes it took.
///
/// # Errors
///
/// What is wrong, at which byte of `text`.
pub fn parse_class(text: &str) -> Result<(Vec<Piece>, usize), ShapeError> {
    let fail = |at, problem| ShapeError { at, problem };
    let inner = text.strip_prefix('<').unwrap_or(text);
    let name = class_name(inner);
    let after = inner.strip_prefix(name).unwrap_or_default();
    let close = after.find('>').ok_or_else(|| fail(0, ShapeProblem::OpenClass))?;
    let length = &after[..close];
    let taken = "<".len() + name.len() + close + ">".len();
    match (name, length) {
        ("uuid", "") => return Ok((UUID.to_vec(), taken)),
        ("jwt", "") => return Ok((JWT.to_vec(), taken)),
        _ => {}
    }
    let alphabet = alphabet(name).map_err(|problem| fail(1, problem))?;
    let (min, max) = length
        .strip_prefix(':')
        .and_then(lengths)
        .ok_or_else(|| fail(1 + name.len(), ShapeProblem::BadLength(name.to_owned())))?;
    if max == 0 || max < min || max > LONGEST_CLASS {
        return Err(fail(1 + name.len(), ShapeProblem::LengthOutOfRange));
    }
    Ok((vec![class(alphabet, min, max)], taken))
}

/// The alphabet's name or its brackets, from the beginning of what follows a `<`.
fn class_name(inner: &str) -> &str {
    let end = match inner.starts_with('[') {
        true => inner.find(']').map(|at| at + 1),
        false => inner.find([':', '>', '<']),
    };
    &inner[..end.unwrap_or(inner.len())]
}

fn alphabet(name: &str) -> Result<Alphabet, ShapeProblem> {
    match name.strip_prefix('[') {
        Some(list) => bracketed(list.trim_end_matches(']')).ok_or(ShapeProblem::BadBrackets),
        None => Alphabet::named(name).ok_or_else(|| ShapeProblem::UnknownAlphabet(name.to_owned())),
    }
}

/// The characters and ranges between brackets; `None` for none, and for ranges that run backwards.
fn bracketed(list: &str) -> Option<Alphabet> {
    let mut ranges = Vec::new();
    let mut rest = list.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let (last, tail) = match tail {
            [b'-', last, tail @ ..] => (*last, tail),
            _ => (first, tail),
        };
        if last < first || !first.is_ascii_graphic() || !last.is_ascii_graphic() {
            return None;
        }
        ranges.push((first, last));
        rest = tail;
    }
    (!ranges.is_empty()).then(|| Alphabet::of(&ranges))
}

/// `32` or `20-40`.
fn lengths(text: &str) -> Option<(u16, u16)> {
    let (min, max) = text.split_once('-').unwrap_or((text, text));
    Some((min.parse().ok()?, max.parse().ok()?))
}

/// How far a shape's text has been read.
struct Parser {
    text: &'static str,
    at: usize,
    pieces: Vec<Piece>,
    /// The first piece within the braces.
    opened: Option<usize>,
    /// The first piece after the braces.
    closed: Option<usize>,
}

impl Parser {
    fn rest(&self) -> &'static str {
        &self.text[self.at..]
    }

    fn fail<T>(&self, problem: ShapeProblem) -> Result<T, ShapeError> {
        Err(ShapeError { at: self.at, problem })
    }

    fn step(&mut self, byte: u8) -> Result<(), ShapeError> {
        match byte {
            b'<' => self.class()?,
            b'>' => return self.fail(ShapeProblem::StrayAngle),
            b'{' if self.opened.is_none() => {
                self.opened = Some(self.pieces.len());
                self.at += 1;
            }
            b'}' if self.opened.is_some() && self.closed.is_none() => {
                self.closed = Some(self.pieces.len());
                self.at += 1;
            }
            b'{' | b'}' => return self.fail(ShapeProblem::StrayBrace),
            _ => self.literal()?,
        }
        if self.pieces.len() > MOST_PIECES {
            return self.fail(ShapeProblem::TooManyPieces);
        }
        Ok(())
    }

    fn class(&mut self) -> Result<(), ShapeError> {
        let (pieces, taken) = parse_class(self.rest())
            .map_err(|error| ShapeError { at: self.at + error.at, problem: error.problem })?;
        self.pieces.extend(pieces);
        self.at += taken;
        Ok(())
    }

    fn literal(&mut self) -> Result<(), ShapeError> {
        let rest = self.rest();
        let text = &rest[..rest.find(['<', '>', '{', '}']).unwrap_or(rest.len())];
        if let Some(at) = text.find(|c: char| !c.is_ascii_graphic() && c != ' ') {
            self.at += at;
            return self.fail(ShapeProblem::NotPrintable);
        }
        self.pieces.push(Piece::Text(text));
        self.at += text.len();
        Ok(())
    }

    fn finish(self) -> Result<Shape, ShapeError> {
        let secret = match (self.opened, self.closed) {
            (Some(_), None) => return self.fail(ShapeProblem::OpenBrace),
            (opened, closed) => (opened.unwrap_or(0), closed.unwrap_or(self.pieces.len())),
        };
        let random = self.pieces[secret.0..secret.1].iter().any(|piece| matches!(piece, Piece::Class { .. }));
        if !random {
            return self.fail(ShapeProblem::NothingRandom);
        }
        let pieces: &'static [Piece] = self.pieces.leak();
        Ok(Shape { pieces, secret, anchor: anchor::choose(pieces) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &'static str) -> (usize, ShapeProblem) {
        let error = parse(text).expect_err(text);
        (error.at, error.problem)
    }

    #[test]
    fn texts_and_classes_in_order() {
        let shape = parse("ab_<hex:32>-{<alnum:8-12>x}").expect("a shape");
        let [hex, alnum] = ["hex", "alnum"].map(|name| Alphabet::named(name).expect("an alphabet"));
        let expected =
            [Piece::Text("ab_"), class(hex, 32, 32), Piece::Text("-"), class(alnum, 8, 12), Piece::Text("x")];
        assert_eq!(shape.pieces, expected);
        assert_eq!(shape.secret, (3, 5));
        assert_eq!(shape.random_bits(), 47);
        assert_eq!(shape.random_chars(), 8);
        assert_eq!(shape.prefix(), "");
        assert_eq!(parse("ab_<hex:32>").map(|shape| (shape.prefix(), shape.random_bits())), Ok(("ab_", 128)));
    }

    #[test]
    fn brackets_hold_ranges_and_single_characters() {
        let alphabet = |text: &str| parse_class(text).map(|(pieces, _)| pieces);
        let of = |ranges: &[(u8, u8)]| Ok(vec![class(Alphabet::of(ranges), 3, 3)]);
        assert_eq!(alphabet("<[A-C_.-]:3>"), of(&[(b'A', b'C'), (b'_', b'_'), (b'.', b'.'), (b'-', b'-')]));
        assert_eq!(alphabet("<[-+]:3>"), of(&[(b'-', b'-'), (b'+', b'+')]));
        assert_eq!(alphabet("<[>]:3>"), of(&[(b'>', b'>')]));
        assert_eq!(alphabet("<[~]:3>"), of(&[(b'~', b'~')]));
    }

    #[test]
    fn short_names_stand_for_several_pieces() {
        assert_eq!(parse("x-<uuid>").map(|shape| shape.pieces[1..] == *UUID), Ok(true));
        assert_eq!(parse("x-<jwt>").map(|shape| shape.pieces[1..] == *JWT), Ok(true));
    }

    #[test]
    fn errors_say_what_is_wrong_where() {
        use ShapeProblem::*;
        assert_eq!(problem("ab_<hex:32"), (3, OpenClass));
        assert_eq!(problem("ab_hex:32>"), (9, StrayAngle));
        assert_eq!(problem("ab_<hax:32>"), (4, UnknownAlphabet("hax".to_owned())));
        assert_eq!(problem("ab_<hex>"), (7, BadLength("hex".to_owned())));
        assert_eq!(problem("ab_<hex:many>"), (7, BadLength("hex".to_owned())));
        assert_eq!(problem("ab_<hex:9-3>"), (7, LengthOutOfRange));
        assert_eq!(problem("ab_<hex:0>"), (7, LengthOutOfRange));
        assert_eq!(problem("ab_<hex:20000>"), (7, LengthOutOfRange));
        assert_eq!(problem("ab_<[]:3>"), (4, BadBrackets));
        assert_eq!(problem("ab_<[z-a]:3>"), (4, BadBrackets));
        assert_eq!(problem("ab_{<hex:3>"), (11, OpenBrace));
        assert_eq!(problem("ab_<hex:3>}"), (10, StrayBrace));
        assert_eq!(problem("{<hex:3>}{<hex:3>}"), (9, StrayBrace));
        assert_eq!(problem("{ab}<hex:3>"), (11, NothingRandom));
        assert_eq!(problem(""), (0, NothingRandom));
        assert_eq!(problem("aü<hex:3>"), (1, NotPrintable));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_shape_or_an_error(text in "[a-z<>{}:0-9\\[\\]\\-ü]{0,24}") {
            let text: &'static str = text.leak();
            if let Err(error) = parse(text) {
                proptest::prop_assert!(error.at <= text.len());
            }
        }
    }
}
