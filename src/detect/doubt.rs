//! Doubts: a value under a telling name that is most likely no working credential. It is not dismissed, for a vendor may
//! have a format that no signature knows yet, but it is said for information only.

use super::names::Telling;
use super::{By, Candidate};
use crate::blob::Span;
use crate::signature::{Piece, Shape, Signature};

/// The shortest fixed beginning of a vendor's tokens that is telling by itself.
const MIN_PREFIX: usize = 4;

/// The shortest value whose marks and digits prove anything.
const MIN_LENGTH: usize = 20;

/// What is known of vendors' formats.
pub(super) struct Doubts {
    /// Fixed beginnings, sorted, each with the least length of what has it.
    prefixes: Vec<(&'static str, usize)>,
}

impl Doubts {
    pub(super) fn new(signatures: &[&'static Signature]) -> Self {
        let shapes = signatures.iter().flat_map(|signature| signature.shapes);
        let long = |prefix: &str| prefix.len() >= MIN_PREFIX && is_marked(prefix);
        let mut prefixes: Vec<_> =
            shapes.filter(|shape| long(shape.prefix())).map(|shape| (shape.prefix(), least(shape))).collect();
        prefixes.sort_unstable();
        prefixes.dedup_by_key(|(prefix, _)| *prefix);
        Self { prefixes }
    }

    /// Why a candidate is doubtful, if it is.
    pub(super) fn about(&self, text: &[u8], candidate: &Candidate) -> Option<&'static str> {
        let By::Field(Telling::Weak | Telling::Strong) = candidate.by else { return None };
        let value = candidate.value.expose();
        match () {
            () if is_bare_key(text, &candidate.span, candidate.name.as_deref()) => Some("a bare key in text"),
            () if has_stray_mark(value) => Some("a mark that no token has"),
            () if is_almost_hexadecimal(value) => Some("hexadecimal but for a letter or two"),
            () if self.is_cut_short(value) => Some("begins as a vendor's token and ends too early"),
            () => None,
        }
    }

    fn is_cut_short(&self, value: &[u8]) -> bool {
        let after = self.prefixes.partition_point(|(prefix, _)| prefix.as_bytes() <= value);
        // Prefixes of one another stand in a row; those that fit are among the last few before the value.
        let mut fitting = self.prefixes[..after]
            .iter()
            .rev()
            .take(8)
            .filter(|(prefix, _)| value.starts_with(prefix.as_bytes()));
        fitting.next().is_some_and(|(_, least)| is_cut(value, *least))
            && fitting.all(|(_, least)| is_cut(value, *least))
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

/// Whether a prefix ends in a mark or digit, as vendors make them (`ghp_`, `sk-ant-`, `AKIA`): no beginning of a word.
fn is_marked(prefix: &str) -> bool {
    prefix.ends_with(['_', '-', '.']) || prefix.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// `Using Key=…`: a name that is `key` alone, in running text. In a query or a quoted member it stands for more.
fn is_bare_key(text: &[u8], span: &Span, name: Option<&str>) -> bool {
    let is_key = name.is_some_and(|name| name.eq_ignore_ascii_case("key"));
    let before = text.get(..span.start).and_then(|before| before.strip_suffix(b"="));
    let blank =
        before.and_then(|before| before.len().checked_sub(3)).map(|at| at.checked_sub(1).map(|at| text[at]));
    is_key && matches!(blank, Some(None | Some(b' ' | b'\t' | b'\n')))
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
    fn bare_keys_in_text() {
        for (text, name, expected) in [
            ("Using Key=VALUE", "Key", true),
            ("key=VALUE", "key", true),
            ("?key=VALUE", "key", false),
            ("my_key=VALUE", "my_key", false),
            ("\"key\": VALUE", "key", false),
        ] {
            let at = text.find("VALUE").expect("a value");
            assert_eq!(is_bare_key(text.as_bytes(), &(at..at + 5), Some(name)), expected, "{text}");
        }
    }
}
