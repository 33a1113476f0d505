//! Mentions: a vendor's word right before a value makes a key without a shape of its own that vendor's, and tells a broken
//! copy of such a key from a key.
//!
//! Only the few bytes before a candidate are read, so nothing of this is paid for by text without any.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use crate::signature::{Piece, Shape, Signature, Vendor};

/// How far before a value under a telling name its vendor may be mentioned, in bytes: a line or two.
pub(super) const NEAR: usize = 130;

/// The same for a value that no name stands before.
pub(super) const BESIDE: usize = 48;

/// Words of this length are seen within others too: `getsmartsheet`.
const LONG: usize = 7;

/// What may follow a word directly: `stripekey`.
const TAILS: &[&str] =
    &["key", "token", "api", "secret", "auth", "access", "app", "client", "oauth", "pass", "io"];

/// A vendor's words, and all its signatures.
struct Mentioned {
    word: &'static str,
    signatures: Vec<&'static Signature>,
}

/// The words of all vendors.
pub(super) struct Mentions {
    words: Vec<Mentioned>,
    searcher: OnceLock<Option<AhoCorasick>>,
}

impl Mentions {
    pub(super) fn new(signatures: &[&'static Signature]) -> Self {
        let mut vendors: BTreeMap<&str, Vec<&'static Vendor>> = BTreeMap::new();
        for signature in signatures {
            let Some(vendor) = signature.vendor else { continue };
            signature.words.iter().for_each(|word| vendors.entry(word).or_default().push(vendor));
        }
        let of = |vendors: &[&'static Vendor]| {
            let is_theirs = |signature: &&&'static Signature| {
                signature.vendor.is_some_and(|own| vendors.iter().any(|vendor| vendor.id == own.id))
            };
            signatures.iter().filter(is_theirs).copied().collect()
        };
        let mentioned =
            |(word, vendors): (&'static str, Vec<_>)| Mentioned { word, signatures: of(&vendors) };
        Self { words: vendors.into_iter().map(mentioned).collect(), searcher: OnceLock::new() }
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
        let Some(searcher) = self.searcher.get_or_init(|| self.build()) else { return Vec::new() };
        let around = &text[at.saturating_sub(reach)..at];
        let is_host = |end: usize| {
            around.get(end) == Some(&b'.') && around.get(end + 1).is_some_and(u8::is_ascii_lowercase)
        };
        let mut found: Vec<_> = searcher
            .find_overlapping_iter(around)
            .filter(|word| is_word(around, word.start(), word.end()) && (hosts || !is_host(word.end())))
            .map(|word| (std::cmp::Reverse(word.end()), word.pattern().as_usize()))
            .collect();
        found.sort_unstable();
        found.into_iter().flat_map(|(_, word)| self.words[word].signatures.iter().copied()).collect()
    }

    fn build(&self) -> Option<AhoCorasick> {
        AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .ascii_case_insensitive(true)
            .build(self.words.iter().map(|mentioned| mentioned.word))
            .ok()
    }
}

/// Whether what was found is a word of a name: between its borders, or long enough to count anywhere.
fn is_word(text: &[u8], start: usize, end: usize) -> bool {
    if end - start >= LONG {
        return true;
    }
    let begins = match start.checked_sub(1).map(|before| text[before]) {
        Some(before) => {
            !before.is_ascii_alphanumeric() || before.is_ascii_lowercase() && text[start].is_ascii_uppercase()
        }
        None => true,
    };
    let rest = &text[end..];
    let starts =
        |tail: &str| rest.get(..tail.len()).is_some_and(|head| head.eq_ignore_ascii_case(tail.as_bytes()));
    let ends = rest.first().is_none_or(|byte| !byte.is_ascii_alphanumeric() || byte.is_ascii_uppercase());
    begins && (ends || TAILS.iter().any(|tail| starts(tail)))
}

/// Whether a value is nearly, but not quite, of one of the vendor's shapes: a little short or long, or with a foreign
/// character. What differs more may be of a new format.
pub(super) fn is_near_miss(value: &[u8], signatures: &[&'static Signature]) -> bool {
    let shapes = || signatures.iter().flat_map(|signature| signature.shapes);
    let fits = |shape: &Shape| shape.match_at(value, 0).is_some_and(|found| found.whole == (0..value.len()));
    let is_uuid = crate::filter::identifier::is_uuid(value);
    !is_uuid && !shapes().any(fits) && shapes().any(|shape| is_nearly_as_long(value.len(), shape))
}

fn is_nearly_as_long(length: usize, shape: &Shape) -> bool {
    let (least, most) = lengths(shape);
    let slack = (least / 10).max(3);
    length + slack >= least && length <= most + 2
}

/// The least and the greatest length of what a shape matches.
pub(super) fn lengths(shape: &Shape) -> (usize, usize) {
    shape.pieces.iter().fold((0, 0), |(least, most), piece| match piece {
        Piece::Text(text) => (least + text.len(), most + text.len()),
        Piece::Class { min, max, .. } => (least + usize::from(*min), most + usize::from(*max)),
    })
}
