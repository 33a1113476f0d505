//! Mentions: a vendor's word right before a value makes a key without a shape of its own that vendor's, and tells a broken
//! copy of such a key from a key.
//!
//! Only the few bytes before a candidate are read, so nothing of this is paid for by text without any.

use std::collections::{BTreeMap, HashMap};

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use crate::signature::{Piece, Shape, Signature};

/// How far before a value under a telling name its vendor may be mentioned, in bytes: a line or two.
pub(super) const NEAR: usize = 130;

/// The same for a value that no name stands before.
pub(super) const BESIDE: usize = 48;

/// What may follow a word directly: `stripekey`. A common word wants one of them behind it.
const TAILS: &[&str] =
    &["key", "token", "api", "secret", "auth", "access", "app", "client", "oauth", "pass", "io"];

/// A vendor's words, and all its signatures.
struct Mentioned {
    word: &'static str,
    common: bool,
    signatures: Vec<&'static Signature>,
}

/// The words of all vendors.
pub(super) struct Mentions {
    words: Vec<Mentioned>,
    searcher: Option<AhoCorasick>,
}

impl Mentions {
    /// Of these signatures: dear, hence made when the first candidate asks.
    pub(super) fn new(signatures: &[&'static Signature]) -> Self {
        let mut of: HashMap<&str, Vec<&'static Signature>> = HashMap::new();
        let mut vendors: BTreeMap<(&'static str, bool), Vec<&'static str>> = BTreeMap::new();
        for signature in signatures {
            let Some(vendor) = signature.vendor else { continue };
            of.entry(vendor.id).or_default().push(signature);
            let words = signature.words.iter().map(|word| (*word, false));
            let words = words.chain(signature.common_words.iter().map(|word| (*word, true)));
            words.for_each(|word| vendors.entry(word).or_default().push(vendor.id));
        }
        let mentioned = |((word, common), mut vendors): ((&'static str, bool), Vec<&str>)| {
            vendors.dedup();
            let signatures = vendors.iter().filter_map(|vendor| of.get(vendor)).flatten().copied().collect();
            Mentioned { word, common, signatures }
        };
        let words: Vec<Mentioned> = vendors.into_iter().map(mentioned).collect();
        let searcher = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .ascii_case_insensitive(true)
            .build(words.iter().map(|mentioned| mentioned.word))
            .ok();
        Self { words, searcher }
    }

    /// The signatures of the vendors whose words stand in the `reach` bytes before `at`, those nearest to it first.
    /// `hosts`: whether a host's name counts.
    pub(super) fn before(
        &self,
        text: &[u8],
        at: usize,
        reach: usize,
        hosts: bool,
    ) -> Vec<&'static Signature> {
        let Some(searcher) = &self.searcher else { return Vec::new() };
        let around = &text[at.saturating_sub(reach)..at];
        let is_host = |end: usize| {
            around.get(end) == Some(&b'.') && around.get(end + 1).is_some_and(u8::is_ascii_lowercase)
        };
        let mut found: Vec<_> = searcher
            .find_overlapping_iter(around)
            .filter(|word| {
                let common = self.words[word.pattern().as_usize()].common;
                is_word(around, word.start(), word.end(), common) && (hosts || !is_host(word.end()))
            })
            .map(|word| (std::cmp::Reverse(word.end()), word.pattern().as_usize()))
            .collect();
        found.sort_unstable();
        found.into_iter().flat_map(|(_, word)| self.words[word].signatures.iter().copied()).collect()
    }
}

/// Whether what was found is a word of a name, between its borders; a common one must stand before what a credential is
/// called: `box_token`, `the Box API`.
fn is_word(text: &[u8], start: usize, end: usize, common: bool) -> bool {
    let begins = match start.checked_sub(1).map(|before| text[before]) {
        Some(before) => {
            !before.is_ascii_alphanumeric() || before.is_ascii_lowercase() && text[start].is_ascii_uppercase()
        }
        None => true,
    };
    let rest = &text[end..];
    let is_tail = |rest: &[u8]| {
        let starts = |tail: &&str| {
            rest.get(..tail.len()).is_some_and(|head| head.eq_ignore_ascii_case(tail.as_bytes()))
        };
        TAILS.iter().any(|tail| starts(&tail))
    };
    let ends = rest.first().is_none_or(|byte| !byte.is_ascii_alphanumeric() || byte.is_ascii_uppercase());
    let joint = rest.iter().take(1).filter(|byte| matches!(byte, b' ' | b'_' | b'-' | b'.')).count();
    begins && if common { is_tail(&rest[joint..]) } else { ends || is_tail(rest) }
}

/// Whether a value is nearly, but not quite, of one of the vendor's shapes: cut short, a little longer, or with one or two
/// characters that its keys never have. What differs more may be of another form.
pub(super) fn is_near_miss(value: &[u8], signatures: &[&'static Signature]) -> bool {
    let shapes = || signatures.iter().flat_map(|signature| signature.shapes);
    let fits = |shape: &Shape| shape.match_at(value, 0).is_some_and(|found| found.whole == (0..value.len()));
    !is_uuid(value) && !shapes().any(fits) && shapes().any(|shape| is_nearly(value, shape))
}

/// The most characters that a broken copy may have of which its shape knows nothing.
const FOREIGN: usize = 2;

fn is_nearly(value: &[u8], shape: &Shape) -> bool {
    let prefix = shape.prefix().as_bytes();
    if shape.anchor.is_some() && (prefix.len() < 3 || !value.starts_with(prefix)) {
        return false;
    }
    let known = shape.pieces.iter().fold(0u128, |known, piece| match piece {
        Piece::Text(text) => text.bytes().fold(known, |known, byte| known | 1 << (byte & 127)),
        Piece::Class { alphabet, .. } => known | alphabet.0,
    });
    let foreign = value.iter().filter(|byte| !byte.is_ascii() || known >> **byte & 1 == 0).count();
    let (least, most) = lengths(shape);
    let cut = foreign == 0 && value.len() * 2 >= least && value.len() < least;
    cut || foreign <= FOREIGN && value.len() + 3 >= least && value.len() <= most + 2
}

fn is_uuid(value: &[u8]) -> bool {
    let dashes = [8, 13, 18, 23];
    value.len() == 36
        && value.iter().enumerate().all(|(at, byte)| match byte {
            b'-' => dashes.contains(&at),
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Whether something before `at`, on its line, is called a key, token or the like.
pub(super) fn speaks_of_credentials(text: &[u8], at: usize) -> bool {
    let length = text[..at].iter().rev().take(BESIDE).take_while(|byte| **byte != b'\n').count();
    let line = text[at - length..at].to_ascii_lowercase();
    NOUNS.iter().any(|noun| memchr::memmem::find(&line, noun.as_bytes()).is_some())
}

/// What a credential is called.
const NOUNS: &[&str] = &["key", "token", "secret", "api", "auth", "access", "passw", "credential"];

/// The least and the greatest length of what a shape matches.
pub(super) fn lengths(shape: &Shape) -> (usize, usize) {
    shape.pieces.iter().fold((0, 0), |(least, most), piece| match piece {
        Piece::Text(text) => (least + text.len(), most + text.len()),
        Piece::Class { min, max, .. } => (least + usize::from(*min), most + usize::from(*max)),
    })
}
