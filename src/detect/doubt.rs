//! Doubts: a value under a telling name that is most likely no working credential. It is not dismissed, for a vendor may
//! have a format that no signature knows yet, but it is said for information only.

use super::names::{Names, Telling};
use super::{By, Candidate};
use crate::blob::Span;
use crate::signature::{Alphabet, Piece, Shape, Signature};

/// The shortest fixed beginning of a vendor's tokens that is telling by itself.
const MIN_PREFIX: usize = 4;

/// The shortest value whose marks and digits prove anything.
const MIN_LENGTH: usize = 20;

/// What is known of vendors' formats.
pub(super) struct Doubts {
    /// Fixed beginnings, sorted, each with a shape that has it.
    prefixes: Vec<(&'static str, &'static Shape)>,
}

impl Doubts {
    pub(super) fn new(signatures: &[&'static Signature]) -> Self {
        let shapes = signatures.iter().flat_map(|signature| signature.shapes);
        let long = |prefix: &str| prefix.len() >= MIN_PREFIX && is_marked(prefix);
        let mut prefixes: Vec<_> =
            shapes.filter(|shape| long(shape.prefix())).map(|shape| (shape.prefix(), shape)).collect();
        prefixes.sort_by_key(|(prefix, _)| *prefix);
        Self { prefixes }
    }

    /// Why a candidate is doubtful, if it is.
    pub(super) fn about(&self, text: &[u8], candidate: &Candidate, names: &Names) -> Option<&'static str> {
        let By::Field(Telling::Weak | Telling::Strong) = candidate.by else { return None };
        let value = candidate.value.expose();
        match () {
            () if is_bare_key(text, &candidate.span, candidate.name.as_deref())
                && !is_of_a_generator(value) =>
            {
                Some("a bare key in text")
            }
            () if has_stray_mark(value) => Some("a mark that no token has"),
            () if is_almost_hexadecimal(value) => Some("hexadecimal but for a letter or two"),
            () if self.is_cut_short(value) => Some("begins as a vendor's token and ends too early"),
            () if super::structure::is_unsigned(value) => Some("a JSON web token without its signature"),
            () if is_near_miss(text, candidate, names) => Some("almost what the vendor that is named has"),
            () => None,
        }
    }

    /// Whether a value begins as vendors' tokens do, and is much shorter than any of them.
    fn is_cut_short(&self, value: &[u8]) -> bool {
        let after = self.prefixes.partition_point(|(prefix, _)| prefix.as_bytes() <= value);
        // Prefixes of one another stand in a row; those that fit are among the last few before the value.
        let mut fitting = self.prefixes[..after]
            .iter()
            .rev()
            .take(16)
            .filter(|(prefix, _)| value.starts_with(prefix.as_bytes()));
        let is_cut = |shape: &Shape| is_cut(value, least(shape));
        fitting.next().is_some_and(|(_, shape)| is_cut(shape)) && fitting.all(|(_, shape)| is_cut(shape))
    }
}

/// Shorter by a fifth or more: what misses less may be of a kind that the signature does not know.
fn is_cut(value: &[u8], least: usize) -> bool {
    value.len() * 5 <= least * 4
}

/// The least length of a shape's secret.
fn least(shape: &Shape) -> usize {
    let piece = |piece: &Piece| match piece {
        Piece::Text(text) => text.len(),
        Piece::Class { min, .. } => usize::from(*min),
    };
    shape.pieces.iter().map(piece).sum()
}

/// The greatest length of a shape.
fn most(shape: &Shape) -> usize {
    let piece = |piece: &Piece| match piece {
        Piece::Text(text) => text.len(),
        Piece::Class { max, .. } => usize::from(*max),
    };
    shape.pieces.iter().map(piece).sum()
}

/// Whether a prefix ends in a mark or digit, as vendors make them (`ghp_`, `sk-ant-`, `AKIA`): no beginning of a word.
fn is_marked(prefix: &str) -> bool {
    prefix.ends_with(['_', '-', '.']) || prefix.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// `Using Key=…`: a name that is `key` alone, in running text. In a query or a quoted member it stands for more.
fn is_bare_key(text: &[u8], span: &Span, name: Option<&str>) -> bool {
    let is_key = name.is_some_and(|name| name.eq_ignore_ascii_case("key"));
    let blank = |byte: &&u8| **byte == b' ';
    let left = text.get(..span.start).unwrap_or_default();
    let left = &left[..left.len() - left.iter().rev().take(2).take_while(blank).count()];
    let before = left.strip_suffix(b"=").map(<[u8]>::trim_ascii_end);
    let blank =
        before.and_then(|before| before.len().checked_sub(3)).map(|at| at.checked_sub(1).map(|at| text[at]));
    is_key && matches!(blank, Some(None | Some(b' ' | b'\t' | b'\n')))
}

/// Letters and digits of a length that generators of keys give, and no digest's.
fn is_of_a_generator(value: &[u8]) -> bool {
    matches!(value.len(), 32 | 40 | 64)
        && value.iter().all(u8::is_ascii_alphanumeric)
        && !value.iter().all(u8::is_ascii_hexdigit)
}

/// One to three marks that no alphabet of tokens has, in what has hardly any: passwords have more, and Django's keys.
fn has_stray_mark(value: &[u8]) -> bool {
    let strays = value.iter().filter(|byte| b"!#$%^&?,;*".contains(byte)).count();
    let plain = value.iter().filter(|byte| byte.is_ascii_alphanumeric()).count();
    value.len() >= MIN_LENGTH
        && (1..=3).contains(&strays)
        && plain + strays + 6 >= value.len()
        && plain >= MIN_LENGTH - 3
}

/// Of letters and digits all but one or two hexadecimal, in one case: of 28 random ones that is not to be had.
fn is_almost_hexadecimal(value: &[u8]) -> bool {
    let others = value.iter().filter(|byte| !byte.is_ascii_hexdigit()).count();
    let has = |class: fn(&u8) -> bool| value.iter().any(class);
    value.len() >= 28
        && (1..=2).contains(&others)
        && value.iter().all(u8::is_ascii_alphanumeric)
        && has(u8::is_ascii_digit)
        && !(has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase))
}

/// How far before a value its vendor may be named for a near miss, in bytes.
const NAMED_WITHIN: usize = 96;

/// Whether the name, or the words before it, are a vendor's, the value looks like its keys, and it is none of them, being
/// too short, too long or put together in another way.
fn is_near_miss(text: &[u8], candidate: &Candidate, names: &Names) -> bool {
    let value = candidate.value.expose();
    let floor = candidate.span.start.saturating_sub(NAMED_WITHIN);
    let is_end = |byte: &u8| b"\n\r,;{}<>&?|".contains(byte);
    let Some(before) = text.get(floor..candidate.span.start) else { return false };
    let start = before.iter().rposition(is_end).map_or(floor, |end| floor + end + 1);
    let (mut place, mut like, mut fitting) = (usize::MAX, false, false);
    names.aliases().each(text, start..candidate.span.start, |word, signature| {
        if word.start != place {
            (place, like, fitting) = (word.start, false, false);
        }
        like |= is_like(signature, value);
        fitting |= signature.pattern.is_some() || signature.shapes.iter().any(|shape| may_fit(shape, value));
    });
    like && !fitting
}

/// The most fixed characters of a shape that is a key by itself: what has more is an address.
const MOST_FIXED: usize = 12;

/// By how much a value that is too long may be so by a slip.
const SLIP: usize = 2;

/// Whether a value begins as a signature's keys do, or has their characters and is shorter, or longer by a slip: what is
/// longer may be of a new kind.
fn is_like(signature: &Signature, value: &[u8]) -> bool {
    let like = |shape: &Shape| {
        let prefix = shape.prefix();
        let least = least(shape);
        shape.fixed_chars() <= MOST_FIXED
            && has_marks(shape, value)
            && match prefix.len() {
                0..=2 => {
                    (least / 2..=most(shape) + SLIP).contains(&value.len())
                        && value.iter().all(|byte| shape.pieces.iter().any(|piece| has(piece, *byte)))
                }
                _ => value.starts_with(prefix.as_bytes()),
            }
    };
    signature.shapes.iter().any(like)
}

/// Whether the marks that part a shape stand in a value as well: `:` in `<digit:9>:AA<base64url:33>`.
fn has_marks(shape: &Shape, value: &[u8]) -> bool {
    let texts = shape.pieces.iter().filter_map(|piece| match piece {
        Piece::Text(text) => Some(text.as_bytes()),
        Piece::Class { .. } => None,
    });
    let mut marks = texts.flatten().filter(|byte| b":.|~/".contains(byte));
    marks.all(|mark| value.contains(mark))
}

fn has(piece: &Piece, byte: u8) -> bool {
    match piece {
        Piece::Text(text) => text.as_bytes().contains(&byte),
        Piece::Class { alphabet, .. } => alphabet.has(byte),
    }
}

/// Whether a value has these parts of a shape in their lengths, whatever letters they have: a vendor may use more of them than
/// is known.
fn may_fit(shape: &Shape, value: &[u8]) -> bool {
    const LONGEST: usize = 256;
    if value.len() > LONGEST {
        return true;
    }
    // Which lengths of the value's beginning the pieces so far may have.
    let mut reached = vec![false; value.len() + 1];
    reached[0] = true;
    let mut step = |fits: &dyn Fn(u8) -> bool, min: usize, max: usize| {
        let mut next = vec![false; reached.len()];
        for from in (0..reached.len()).filter(|from| reached[*from]) {
            let run = value[from..].iter().take(max).take_while(|byte| fits(**byte)).count();
            (min..=run).for_each(|length| next[from + length] = true);
        }
        reached = next;
    };
    for piece in shape.secret_pieces() {
        match piece {
            Piece::Text(text) => text.bytes().for_each(|own| step(&|byte| is_alike(own, byte), 1, 1)),
            Piece::Class { alphabet, min, max } => {
                let is_number = alphabet.within(Alphabet::of(&[(b'0', b'9')]));
                let fits = |byte: u8| {
                    if is_number { byte.is_ascii_digit() } else { is_token(byte) || alphabet.has(byte) }
                };
                step(&fits, usize::from(*min), usize::from(*max));
            }
        }
    }
    reached.last() == Some(&true)
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-=+/.".contains(&byte)
}

/// The same mark, or any letter or digit, or what joins them, for another.
fn is_alike(own: u8, byte: u8) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    own == byte || is_word(own) && is_word(byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Characters of an alphabet by a fixed generator: no token stands in this file.
    fn random(alphabet: &[u8], length: usize, seed: u64) -> Vec<u8> {
        let mut state = seed | 1;
        let mut next = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 20) as usize
        };
        (0..length).map(|_| alphabet[next() % alphabet.len()]).collect()
    }

    const HEX: &[u8] = b"0123456789abcdef";
    const ALNUM: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

    #[test]
    fn stray_marks() {
        let mut value = random(ALNUM, 40, 7);
        assert!(!has_stray_mark(&value));
        value[20] = b'%';
        assert!(has_stray_mark(&value));
        assert!(!has_stray_mark(b"Summer2019!"), "a password");
        assert!(
            !has_stray_mark(&random(b"abcdef0123!@#$%^&*(-_=+)", 50, 3)),
            "Django's secret keys are full of them"
        );
    }

    #[test]
    fn almost_hexadecimal() {
        let mut value = random(HEX, 32, 5);
        assert!(!is_almost_hexadecimal(&value));
        value[9] = b'x';
        assert!(is_almost_hexadecimal(&value));
        for seed in 1..2000 {
            let value = random(b"abcdefghijklmnopqrstuvwxyz0123456789", 32, seed * 977);
            assert!(!is_almost_hexadecimal(&value), "{}", String::from_utf8_lossy(&value));
        }
    }

    #[test]
    fn vendors_tokens_cut_short() {
        let doubts = Doubts::new(&crate::signature::built_in().iter().collect::<Vec<_>>());
        let token = |length| [b"ghp_".as_slice(), &random(ALNUM, length, 11)].concat();
        assert!(doubts.is_cut_short(&token(20)));
        assert!(!doubts.is_cut_short(&token(36)));
        assert!(!doubts.is_cut_short(b"unknown_4711"));
    }

    #[test]
    fn almost_what_the_named_vendor_has() {
        let loaded: Vec<_> = crate::signature::built_in().iter().collect();
        let (doubts, names) = (Doubts::new(&loaded), Names::new(&loaded));
        let detectors = super::super::Detectors::new(loaded.clone());
        let doubt = |name: &str, value: &[u8]| {
            let text = format!("{name} = \"{}\"", String::from_utf8_lossy(value));
            let mut found = super::super::Found::default();
            found.clear(10);
            detectors.look(text.as_bytes(), &mut found);
            let candidate = found.candidates.first().expect("a candidate");
            doubts.about(text.as_bytes(), candidate, &names).is_some()
        };
        assert!(doubt("deepgram_api_key", &random(HEX, 32, 3)), "these have 40");
        assert!(!doubt("deepgram_api_key", &random(HEX, 40, 3)));
        assert!(!doubt("some_api_key", &random(HEX, 32, 3)), "nobody is named");
        assert!(!doubt("deepgram_api_key", &random(ALNUM, 64, 3)), "of a new kind");
    }

    #[test]
    fn bare_keys_in_text() {
        for (text, name, expected) in [
            ("Using Key=VALUE", "Key", true),
            ("key=VALUE", "key", true),
            ("Key = VALUE", "Key", true),
            ("?key=VALUE", "key", false),
            ("my_key=VALUE", "my_key", false),
            ("\"key\": VALUE", "key", false),
        ] {
            let at = text.find("VALUE").expect("a value");
            assert_eq!(is_bare_key(text.as_bytes(), &(at..at + 5), Some(name)), expected, "{text}");
        }
    }
}
