//! Surroundings: a key without a shape of its own becomes a vendor's by the name it stands under, or by the host or the
//! vendor's name near it.

use std::sync::OnceLock;

use super::names::{Names, Normal, Telling};
use super::{By, Candidate};
use crate::blob::Span;
use crate::finding::Kind;
use crate::signature::{Piece, Shape, Signature};

/// How far from a key its host may stand, in bytes: within one step of an export, roughly.
const NEAR: usize = 1500;

/// How far from a key its vendor's name may stand, in bytes before it and behind it: within a few lines.
const NEAR_WORD: (usize, usize) = (250, 60);

/// The signatures that need surroundings.
pub(super) struct Surroundings {
    hosts: Vec<(&'static str, &'static Signature)>,
    known: OnceLock<Known>,
}

/// What tells vendors by the host near a key. Made when the first candidate asks: text without any pays nothing for it.
struct Known {
    /// In the order of the hosts.
    hosts: Vec<(&'static str, &'static Signature)>,
    lengths: Lengths,
    /// One bit for the hash of each host: what most domains of a text are told by to be nobody's.
    bits: Vec<u64>,
}

impl Surroundings {
    pub(super) fn new(signatures: &[&'static Signature]) -> Self {
        let hosts = signatures
            .iter()
            .filter(|signature| signature.claims.is_empty())
            .filter(|signature| signature.shapes.iter().any(|shape| shape.anchor.is_none()))
            .flat_map(|signature| signature.hosts.iter().map(|host| (*host, *signature)))
            .collect();
        Self { hosts, known: OnceLock::new() }
    }

    /// Makes a field candidate a vendor's, where its shape and its name or a host near it say so.
    pub(super) fn attribute(&self, text: &[u8], candidate: &mut Candidate, names: &Names) {
        let by_name = candidate.name.as_ref().and_then(|name| {
            let normal = Normal::new(name.as_bytes());
            names.of(&normal).find(|signature| fits(signature, candidate))
        });
        let found = match by_name {
            Some(signature) => Some(signature),
            // What only a vendor's name vouches for is that vendor's, or nobody's.
            None if is_named(candidate, names) => by_word(text, candidate, names),
            None => self.by_host(text, candidate).or_else(|| by_word(text, candidate, names)),
        };
        if let Some(signature) = found {
            candidate.signature = signature;
            candidate.by = By::Surroundings;
        }
    }

    /// The signature whose host is nearest, of those that the value fits.
    fn by_host(&self, text: &[u8], candidate: &Candidate) -> Option<&'static Signature> {
        let known = self.known.get_or_init(|| Known::new(&self.hosts));
        if !known.lengths.has(candidate.value.expose().len()) {
            return None;
        }
        let from = candidate.span.start.saturating_sub(NEAR);
        let around = &text[from..text.len().min(candidate.span.end + NEAR)];
        let place = candidate.span.start - from;
        let mut nearest: Option<(usize, &'static Signature)> = None;
        each_domain(
            around,
            |hash| known.may_have(hash),
            |host| {
                for signature in known.of(&around[host.clone()]) {
                    let rank = (host.start.abs_diff(place), signature.id);
                    if nearest.is_none_or(|(distance, own)| rank < (distance, own.id))
                        && fits(signature, candidate)
                    {
                        nearest = Some((rank.0, signature));
                    }
                }
            },
        );
        nearest.map(|(_, signature)| signature)
    }
}

/// Whether a candidate's name is nothing but the vendor's.
fn is_named(candidate: &Candidate, names: &Names) -> bool {
    let name = candidate.name.as_ref().filter(|_| candidate.by == By::Field(Telling::Hint));
    name.is_some_and(|name| names.aliases().last(name.as_bytes(), 0..name.len()).is_some())
}

/// The signature whose vendor is named nearest, of those that the value fits.
fn by_word(text: &[u8], candidate: &Candidate, names: &Names) -> Option<&'static Signature> {
    let is_id = |name: &String| Normal::new(name.as_bytes()).as_bytes().ends_with(b"id");
    if candidate.name.as_ref().is_some_and(is_id) {
        return None;
    }
    let place = candidate.span.start;
    let around = place.saturating_sub(NEAR_WORD.0)..text.len().min(candidate.span.end + NEAR_WORD.1);
    let mut nearest: Option<((usize, bool, &str), &'static Signature)> = None;
    names.aliases().each(text, around, |word, signature| {
        // What stands in the value itself is chance.
        if word.end > candidate.span.start && word.start < candidate.span.end {
            return;
        }
        // Of keys that look the same one that is public is named last.
        let rank = (word.start.abs_diff(place), signature.public, signature.id);
        if nearest.is_none_or(|(own, _)| rank < own) && fits(signature, candidate) {
            nearest = Some((rank, signature));
        }
    });
    nearest.map(|(_, signature)| signature)
}

impl Known {
    fn new(hosts: &[(&'static str, &'static Signature)]) -> Self {
        let mut hosts = hosts.to_vec();
        hosts.sort_unstable_by_key(|(host, signature)| (*host, signature.id));
        let mut lengths = Lengths::default();
        let shapes = hosts.iter().flat_map(|(_, signature)| signature.shapes);
        shapes.for_each(|shape| lengths.add(shape));
        let mut bits = vec![0; 1 << (HASH - 6)];
        for (host, _) in &hosts {
            let hash = host.bytes().rev().fold(BASIS, hashed);
            if let Some(bits) = bits.get_mut(bit(hash).0) {
                *bits |= bit(hash).1;
            }
        }
        Self { hosts, lengths, bits }
    }

    fn may_have(&self, hash: u32) -> bool {
        self.bits.get(bit(hash).0).is_some_and(|bits| bits & bit(hash).1 != 0)
    }

    /// The signatures of this host, whatever its case.
    fn of(&self, host: &[u8]) -> impl Iterator<Item = &'static Signature> {
        let against = |own: &str| own.bytes().cmp(host.iter().map(u8::to_ascii_lowercase));
        let first = self.hosts.partition_point(|(own, _)| against(own).is_lt());
        let same = self.hosts.iter().skip(first).take_while(move |(own, _)| against(own).is_eq());
        same.map(|(_, signature)| *signature)
    }
}

/// Bits of the hash of a host that count.
const HASH: u32 = 16;

/// FNV-1a (<http://www.isthe.com/chongo/tech/comp/fnv/>), from the last byte to the first and whatever their case, so that
/// the hash of a domain goes on from that of the domain around it.
const BASIS: u32 = 0x811c_9dc5;

fn hashed(hash: u32, byte: u8) -> u32 {
    (hash ^ u32::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0193)
}

/// Which word has a hash's bit, and the bit in it.
fn bit(hash: u32) -> (usize, u64) {
    let hash = (hash ^ hash >> HASH) & ((1 << HASH) - 1);
    ((hash >> 6) as usize, 1 << (hash & 63))
}

/// Which lengths keys near hosts have, one bit each: what most values are told by to be none.
#[derive(Default)]
struct Lengths {
    bits: [u64; 8],
    /// From here on there are no bits.
    has_longer: bool,
}

impl Lengths {
    const COUNT: usize = 8 * 64;

    fn add(&mut self, shape: &Shape) {
        let (least, most) = lengths(shape);
        for length in least..=most.min(Self::COUNT - 1) {
            self.bits[length / 64] |= 1 << (length % 64);
        }
        self.has_longer |= most >= Self::COUNT;
    }

    fn has(&self, length: usize) -> bool {
        match self.bits.get(length / 64) {
            Some(bits) => bits >> (length % 64) & 1 == 1,
            None => self.has_longer,
        }
    }
}

/// The least and the greatest length of what a shape matches.
fn lengths(shape: &Shape) -> (usize, usize) {
    shape.pieces.iter().fold((0, 0), |(least, most), piece| match piece {
        Piece::Text(text) => (least + text.len(), most + text.len()),
        Piece::Class { min, max, .. } => (least + usize::from(*min), most + usize::from(*max)),
    })
}

/// Calls `see` with each domain in the text that `may`, by its hash, be wanted: in `https://api.eu.x.com/v1` those of `com`,
/// `x.com`, `eu.x.com` and `api.eu.x.com`. Only what has a dot is looked at.
fn each_domain(text: &[u8], may: impl Fn(u32) -> bool, mut see: impl FnMut(Span)) {
    let mut from = 0;
    while let Some(dot) = memchr::memchr(b'.', &text[from..]).map(|at| from + at) {
        let before = text[from..dot].iter().rev().take_while(|byte| is_of_label(byte)).count();
        if before == 0 {
            from = dot + 1;
            continue;
        }
        let end = domain_end(text, dot);
        from = end.max(dot + 1);
        let chain = dot - before;
        let mut hash = BASIS;
        for (at, byte) in text[chain..end].iter().enumerate().rev() {
            hash = hashed(hash, *byte);
            let begins = at == 0 || text[chain + at - 1] == b'.';
            if begins && may(hash) {
                see(chain + at..end);
            }
        }
    }
}

/// Where the labels and dots from `at` on end, without dots at the end.
fn domain_end(text: &[u8], at: usize) -> usize {
    let rest = &text[at..];
    let length = rest.iter().take_while(|byte| is_of_label(byte) || **byte == b'.').count();
    at + rest[..length].iter().rposition(|byte| *byte != b'.').map_or(0, |last| last + 1)
}

fn is_of_label(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || *byte == b'-'
}

/// Whether the whole value has one of the signature's shapes, and its name is none of another thing.
fn fits(signature: &Signature, candidate: &Candidate) -> bool {
    // A signature of an address is a parameter of it: another key of that length beside one is none.
    if signature.kind == Kind::SignedUrl && !candidate.name.as_deref().is_some_and(is_of_signature) {
        return false;
    }
    let value = candidate.value.expose();
    signature.claims.is_empty()
        && signature
            .shapes
            .iter()
            .any(|shape| shape.match_at(value, 0).is_some_and(|found| found.whole == (0..value.len())))
}

/// `sig`, `signature`, `sas`: names of what signs an address.
fn is_of_signature(name: &str) -> bool {
    let normal = Normal::new(name.as_bytes());
    ["sig", "signature", "sas", "sastoken"].iter().any(|end| normal.as_bytes().ends_with(end.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domains(text: &str) -> Vec<&str> {
        let mut seen = Vec::new();
        each_domain(text.as_bytes(), |_| true, |domain| seen.push(&text[domain]));
        seen
    }

    #[test]
    fn domains_of_a_text() {
        for (text, expected) in [
            ("https://api.eu.x.com/v1", vec!["com", "x.com", "eu.x.com", "api.eu.x.com"]),
            ("See x.com. Then", vec!["com", "x.com"]),
            ("... *.x.com:443", vec!["com", "x.com"]),
            ("a_x.com, y-z.org", vec!["com", "x.com", "org", "y-z.org"]),
            ("no dot", vec![]),
            ("x.", vec!["x"]),
        ] {
            assert_eq!(domains(text), expected, "{text}");
        }
    }

    #[test]
    fn hosts_are_found_whatever_their_case() {
        let loaded = crate::signature::built_in();
        let signature = loaded.iter().find(|signature| signature.id == "todoist-api-token").expect("loaded");
        let known = Known::new(&[("api.x.com", signature), ("api.x.com", signature), ("x.com", signature)]);
        for (host, count) in [("API.x.com", 2), ("x.com", 1), ("com", 0), ("x.co", 0), ("x.comm", 0)] {
            assert_eq!(known.of(host.as_bytes()).count(), count, "{host}");
            let text = format!("https://{host}/x");
            let mut seen = false;
            each_domain(text.as_bytes(), |hash| known.may_have(hash), |domain| seen |= &text[domain] == host);
            assert_eq!(seen, count > 0, "{host}");
        }
        assert!(known.lengths.has(40) && !known.lengths.has(39) && !known.lengths.has(41));
    }

    #[test]
    fn a_long_chain_of_labels_costs_no_more_than_its_length() {
        let text = "a.".repeat(100_000);
        let mut seen = 0;
        each_domain(text.as_bytes(), |_| true, |_| seen += 1);
        assert_eq!(seen, 100_000);
    }
}
