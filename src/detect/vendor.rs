//! Surroundings: a key without a shape of its own becomes a vendor's by the name it stands under or the host near it.

use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use super::mention::{self, Mentions};
use super::names::{Names, Normal, Telling};
use super::{By, Candidate, randomness};
use crate::signature::Signature;

/// How far from a key its host may stand, in bytes: within one step of an export, roughly.
const NEAR: usize = 1500;

/// The signatures that need surroundings. What is searched for is made when the first candidate asks: text without any
/// pays nothing for it.
pub(super) struct Surroundings {
    signatures: Vec<&'static Signature>,
    known: OnceLock<Known>,
}

/// What tells vendors by their surroundings.
struct Known {
    hosts: Vec<(&'static str, &'static Signature)>,
    searcher: Option<AhoCorasick>,
    /// Which lengths a shapeless key may have.
    lengths: Vec<bool>,
    mentions: Mentions,
    /// Fixed beginnings of shapes that say whose a token is.
    prefixes: Vec<(&'static str, usize)>,
}

impl Known {
    fn new(signatures: &[&'static Signature]) -> Self {
        let hosts: Vec<_> = signatures
            .iter()
            .filter(|signature| is_shapeless(signature))
            .flat_map(|signature| signature.hosts.iter().map(|host| (*host, *signature)))
            .collect();
        let searcher = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .ascii_case_insensitive(true)
            .build(hosts.iter().map(|(host, _)| host))
            .ok();
        Self {
            lengths: key_lengths(&hosts),
            hosts,
            searcher,
            mentions: Mentions::new(signatures),
            prefixes: prefixes(signatures),
        }
    }
}

impl Surroundings {
    pub(super) fn new(signatures: &[&'static Signature]) -> Self {
        Self { signatures: signatures.to_vec(), known: OnceLock::new() }
    }

    fn known(&self) -> &Known {
        self.known.get_or_init(|| Known::new(&self.signatures))
    }

    /// Makes a field candidate a vendor's, where its shape and its name or a host near it say so.
    pub(super) fn attribute(&self, text: &[u8], candidate: &mut Candidate, names: &Names) {
        let by_name = candidate.name.as_ref().and_then(|name| {
            let normal = Normal::new(name.as_bytes());
            names.of(&normal).filter(|signature| fits(signature, candidate)).min_by_key(|own| own.doubt())
        });
        let found = match candidate.by {
            _ if candidate.name.is_none() && candidate.by == By::Field(Telling::Hint) => {
                self.by_mention(text, candidate, mention::BESIDE)
            }
            By::Field(Telling::Password) => by_name.or_else(|| self.by_host(text, candidate)),
            _ => by_name
                .or_else(|| self.by_host(text, candidate))
                .or_else(|| self.by_mention(text, candidate, mention::NEAR)),
        };
        match found {
            Some(signature) => {
                candidate.signature = signature;
                candidate.by = By::Surroundings;
            }
            None => candidate.is_broken = self.is_broken(text, candidate),
        }
    }

    /// The signature of a vendor that is mentioned before the value, of those that the value fits.
    fn by_mention(&self, text: &[u8], candidate: &Candidate, reach: usize) -> Option<&'static Signature> {
        let mentioned = self.known().mentions.before(text, candidate.span.start, reach, true);
        let fitting = || mentioned.iter().copied().filter(|own| is_shapeless(own) && fits(own, candidate));
        // Of a vendor that has secrets and public keys of one form the worse.
        let secret = fitting().filter(|own| !own.public).min_by_key(|own| own.doubt());
        secret.or_else(|| fitting().next())
    }

    /// Whether a key or token is a broken copy of one: nearly of the shape that the vendor's keys have whose word stands
    /// before it, or with the beginning of a known token and shorter than any of those.
    fn is_broken(&self, text: &[u8], candidate: &Candidate) -> bool {
        if !matches!(candidate.by, By::Field(Telling::Weak | Telling::Strong)) {
            return false;
        }
        let value = candidate.value.expose();
        let cut =
            |(prefix, least): &(&str, usize)| value.starts_with(prefix.as_bytes()) && value.len() < *least;
        self.known().prefixes.iter().any(cut) || {
            let mentioned = self.known().mentions.before(text, candidate.span.start, mention::NEAR, false);
            mention::is_near_miss(value, &mentioned)
        }
    }

    /// The signature whose host is nearest, of those that the value fits.
    fn by_host(&self, text: &[u8], candidate: &Candidate) -> Option<&'static Signature> {
        // Words and names of things stand near hosts by the thousand.
        if !randomness::score(candidate.value.expose()).is_random {
            return None;
        }
        let known = self.known();
        if !known.lengths.get(candidate.value.expose().len()).is_some_and(|may| *may) {
            return None;
        }
        let searcher = known.searcher.as_ref()?;
        let from = candidate.span.start.saturating_sub(NEAR);
        let around = &text[from..text.len().min(candidate.span.end + NEAR)];
        let place = candidate.span.start - from;
        searcher
            .find_overlapping_iter(around)
            .filter(|host| is_host(around, host.start(), host.end()))
            .map(|host| (host.start().abs_diff(place), known.hosts[host.pattern().as_usize()].1))
            .filter(|(_, signature)| fits(signature, candidate))
            .min_by_key(|(distance, signature)| (*distance, signature.doubt(), signature.id))
            .map(|(_, signature)| signature)
    }
}

/// The longest key that is told by its surroundings, in bytes.
const LONGEST_KEY: usize = 1024;

/// Whether a key near one of these hosts may have so many bytes, for each number.
fn key_lengths(hosts: &[(&'static str, &'static Signature)]) -> Vec<bool> {
    let mut lengths = vec![false; LONGEST_KEY];
    for shape in hosts.iter().flat_map(|(_, signature)| signature.shapes) {
        let (least, most) = mention::lengths(shape);
        lengths.iter_mut().take(most + 1).skip(least).for_each(|may| *may = true);
    }
    lengths
}

/// The fixed beginnings of shapes with the length of their shortest token; only those that are no common word.
fn prefixes(signatures: &[&'static Signature]) -> Vec<(&'static str, usize)> {
    let shapes = signatures.iter().flat_map(|signature| signature.shapes);
    let says_whose = |prefix: &str| prefix.len() >= 4 && !COMMON.contains(&prefix);
    let mut prefixes: Vec<_> = shapes
        .filter(|shape| shape.anchor.is_some())
        .map(|shape| (shape.prefix(), mention::lengths(shape).0))
        .filter(|(prefix, _)| says_whose(prefix))
        .collect();
    prefixes.sort_unstable();
    // The shortest of each.
    prefixes.dedup_by_key(|(prefix, _)| *prefix);
    prefixes
}

/// Beginnings that tokens of several vendors have.
const COMMON: &[&str] = &[
    "key-", "key_", "api_", "api-", "app-", "live_", "test_", "secret_", "token_", "prod_", "sk_live_",
    "sk_test_", "pk_live_", "pk_test_", "rk_live_", "eyJ", "user_", "pat_", "pat-", "sk-proj-", "whsec_",
    "http", "https://", "EAAA",
];

fn is_shapeless(signature: &Signature) -> bool {
    signature.shapes.iter().any(|shape| shape.anchor.is_none())
}

/// Whether what was found is a host of its own and no part of another's name (`api.x.com` in `myapi.x.community`).
fn is_host(text: &[u8], start: usize, end: usize) -> bool {
    let part = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
    !part(start.checked_sub(1).and_then(|at| text.get(at))) && !part(text.get(end))
}

/// Whether the whole value has one of the signature's shapes.
fn fits(signature: &Signature, candidate: &Candidate) -> bool {
    let value = candidate.value.expose();
    signature
        .shapes
        .iter()
        .any(|shape| shape.match_at(value, 0).is_some_and(|found| found.whole == (0..value.len())))
}
