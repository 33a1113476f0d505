//! Example templates of signature files → texts, the same ones each time.
//!
//! Committed text holds no token: what stands for random characters is written in here, from numbers that depend on the
//! signature's id and the example's place alone.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;

use super::Signature;
use super::matching::Match;
use super::shape::{self, Alphabet, JWT, Piece, Shape, ShapeError, ShapeProblem};

/// A template written out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// The text.
    pub text: String,
    /// Where the first `<token>` of the template is in `text`, and its secret; `None` for a template without one.
    pub token: Option<Match>,
}

/// Why a template cannot be written out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplateError {
    /// `<token>` in an example of a signature that has no shape.
    NoShape,
    /// A class that cannot be read.
    Class(ShapeError),
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoShape => f.write_str("`<token>` without a shape: write the classes out"),
            Self::Class(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for TemplateError {}

/// The examples that must be found, in the file's order.
pub fn positive(signature: &Signature) -> impl Iterator<Item = Result<Example, TemplateError>> {
    signature.positive.iter().zip(0..).map(|(template, number)| expand(signature, template, number))
}

/// The examples that must not be found by this signature's id, in the file's order.
pub fn negative(signature: &Signature) -> impl Iterator<Item = Result<Example, TemplateError>> {
    signature.negative.iter().zip(NEGATIVE..).map(|(template, number)| expand(signature, template, number))
}

/// The number of the first negative example: their characters differ from those of the positive ones.
const NEGATIVE: u64 = 1 << 32;

/// Writes out one template; `number` tells the examples of a signature apart.
///
/// # Errors
///
/// A class with a length that cannot be read, and `<token>` where the signature has no shape. Other texts in angle
/// brackets stay as they are, since examples hold HTML and XML too.
pub fn expand(signature: &Signature, template: &str, number: u64) -> Result<Example, TemplateError> {
    let mut random = Random::new(signature.id, number);
    let mut example = Example { text: String::with_capacity(template.len()), token: None };
    let mut at = 0;
    while let Some(rest) = template.get(at..).filter(|rest| !rest.is_empty()) {
        let plain = rest.find('<').unwrap_or(rest.len());
        example.text.push_str(&rest[..plain]);
        at += plain;
        at += example.insert(signature, &rest[plain..], &mut random).map_err(|error| match error {
            TemplateError::Class(error) => TemplateError::Class(ShapeError { at: at + error.at, ..error }),
            error => error,
        })?;
    }
    Ok(example)
}

impl Example {
    /// Writes out what stands in angle brackets at the beginning of `rest`; returns how many bytes of it that took.
    fn insert(
        &mut self,
        signature: &Signature,
        rest: &str,
        random: &mut Random,
    ) -> Result<usize, TemplateError> {
        const TOKEN: &str = "<token>";
        if rest.is_empty() {
            return Ok(0);
        }
        if rest.starts_with(TOKEN) {
            self.insert_token(signature, random)?;
            return Ok(TOKEN.len());
        }
        if let Some((count, taken)) = placeholder(rest) {
            self.text.extend(std::iter::repeat_n('x', count));
            return Ok(taken);
        }
        match shape::parse_class(rest) {
            Ok((pieces, taken)) => {
                let mut written = Vec::new();
                write_pieces(&pieces, random, &mut written);
                self.text.extend(written.into_iter().map(char::from));
                Ok(taken)
            }
            Err(error) if is_meant_as_class(rest, &error.problem) => Err(TemplateError::Class(error)),
            Err(_) => {
                self.text.push('<');
                Ok(1)
            }
        }
    }

    fn insert_token(&mut self, signature: &Signature, random: &mut Random) -> Result<(), TemplateError> {
        let shape = signature.shapes.first().ok_or(TemplateError::NoShape)?;
        let (token, found) = token_of(signature, shape, random);
        let start = self.text.len();
        self.text.push_str(&token);
        self.token.get_or_insert(Match {
            whole: start..start + found.whole.end,
            secret: start + found.secret.start..start + found.secret.end,
        });
        Ok(())
    }
}

/// A token of one of the signature's shapes at its shortest (a JWT a little longer, so that it can be read), with a
/// right checksum, and where the secret is in it.
pub fn token(signature: &Signature, shape: &Shape, number: u64) -> (String, Match) {
    token_of(signature, shape, &mut Random::new(signature.id, number))
}

fn token_of(signature: &Signature, shape: &Shape, random: &mut Random) -> (String, Match) {
    let mut token = Vec::new();
    if !signature.claims.is_empty() {
        write_jwt(signature.claims, random, &mut token);
        let found = Match { whole: 0..token.len(), secret: 0..token.len() };
        return (token.into_iter().map(char::from).collect(), found);
    }
    let (before, rest) = shape.pieces.split_at(shape.secret.0.min(shape.pieces.len()));
    let (secret, after) = rest.split_at(shape.secret_pieces().len());
    write_pieces(before, random, &mut token);
    let start = token.len();
    write_pieces(secret, random, &mut token);
    let end = token.len();
    write_pieces(after, random, &mut token);
    if let Some(check) = signature.check {
        check.seal(&mut token);
    }
    let found = Match { whole: 0..token.len(), secret: start..end };
    (token.into_iter().map(char::from).collect(), found)
}

/// `<x:32>`: how many, and the length of the text.
fn placeholder(rest: &str) -> Option<(usize, usize)> {
    let inner = rest.strip_prefix("<x:")?;
    let (count, _) = inner.split_once('>')?;
    Some((count.parse().ok()?, "<x:".len() + count.len() + ">".len()))
}

/// Whether something in angle brackets that is no class was meant as one: a known alphabet, or a length.
fn is_meant_as_class(rest: &str, problem: &ShapeProblem) -> bool {
    let has_length = || {
        let inner = rest.split('>').next().unwrap_or_default();
        inner.split_once(':').is_some_and(|(_, length)| length.starts_with(|c: char| c.is_ascii_digit()))
    };
    match problem {
        ShapeProblem::UnknownAlphabet(_) | ShapeProblem::BadBrackets => has_length(),
        ShapeProblem::BadLength(_) | ShapeProblem::LengthOutOfRange => true,
        _ => false,
    }
}

fn write_pieces(pieces: &[Piece], random: &mut Random, out: &mut Vec<u8>) {
    let mut rest = pieces;
    while let Some((first, tail)) = rest.split_first() {
        if let Some(tail) = rest.strip_prefix(JWT) {
            write_jwt(&[], random, out);
            rest = tail;
            continue;
        }
        match first {
            Piece::Text(text) => out.extend_from_slice(text.as_bytes()),
            Piece::Class { alphabet, min, .. } => write_class(*alphabet, usize::from(*min), random, out),
        }
        rest = tail;
    }
}

/// A token that can be read: HS256, a subject, these claims (a number for any value), no end.
fn write_jwt(claims: &[(&str, &str)], random: &mut Random, out: &mut Vec<u8>) {
    let subject = random.below(9_000_000_000) + 1_000_000_000;
    let claim = |(name, value): &(&str, &str)| match value.is_empty() {
        true => format!(r#","{name}":1"#),
        false => format!(r#","{name}":"{value}""#),
    };
    let more: String = claims.iter().map(claim).collect();
    let payload = format!(r#"{{"sub":"{subject}","iat":1700000000{more}}}"#);
    out.extend_from_slice(BASE64URL_NOPAD.encode(br#"{"alg":"HS256","typ":"JWT"}"#).as_bytes());
    out.push(b'.');
    out.extend_from_slice(BASE64URL_NOPAD.encode(payload.as_bytes()).as_bytes());
    out.push(b'.');
    let signature: Vec<u8> = (0..32).map(|_| random.below(256) as u8).collect();
    out.extend_from_slice(BASE64URL_NOPAD.encode(&signature).as_bytes());
}

/// Classes from this length on hold a digit and letters of each case, where their alphabet does: else a run of luck
/// would make a word of them.
const MIXED_FROM: usize = 4;

/// Random characters that no filter takes for a placeholder: none next to itself or to its neighbour in the alphabet,
/// letters and digits at both ends.
fn write_class(alphabet: Alphabet, length: usize, random: &mut Random, out: &mut Vec<u8>) {
    // `=` is padding: it belongs to the end alone, and there need be none.
    let all: Vec<u8> = alphabet.bytes().filter(|byte| *byte != b'=' || alphabet.len() == 1).collect();
    let plain: Vec<u8> = all.iter().copied().filter(u8::is_ascii_alphanumeric).collect();
    let start = out.len();
    for index in 0..length {
        let at_end = index == 0 || index + 1 == length;
        let from = if at_end && !plain.is_empty() { &plain } else { &all };
        let previous = out.last().copied().filter(|_| index > 0);
        out.push(random.unlike(previous, from));
    }
    if length >= MIXED_FROM {
        mix(&all, random, &mut out[start..]);
    }
}

/// Writes one character of each kind that the alphabet has into places side by side.
fn mix(alphabet: &[u8], random: &mut Random, written: &mut [u8]) {
    let kinds: [fn(&u8) -> bool; 3] = [u8::is_ascii_digit, u8::is_ascii_lowercase, u8::is_ascii_uppercase];
    let first = random.below(written.len() as u64) as usize;
    for (place, is_kind) in kinds.iter().enumerate() {
        let of_kind: Vec<u8> = alphabet.iter().copied().filter(is_kind).collect();
        if !of_kind.is_empty() {
            written[(first + place) % written.len()] = random.unlike(None, &of_kind);
        }
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): good enough to look random, and the same on every machine.
struct Random(u64);

impl Random {
    /// From a text (FNV-1a) and a number.
    fn new(text: &str, number: u64) -> Self {
        let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(hash ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    /// One of the bytes, which are not empty; neither `previous` nor next to it where there are enough others.
    fn unlike(&mut self, previous: Option<u8>, bytes: &[u8]) -> u8 {
        let near = |byte: u8| previous.is_some_and(|previous| previous.abs_diff(byte) <= 1);
        let others: Vec<u8> = bytes.iter().copied().filter(|byte| !near(*byte)).collect();
        let from = if others.is_empty() { bytes } else { &others };
        from[self.below(from.len() as u64) as usize]
    }
}
