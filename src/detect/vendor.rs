//! Surroundings: a key without a shape of its own becomes a vendor's by the name it stands under or the host near it.

use std::sync::OnceLock;

use super::names::{Names, Normal};
use super::{By, Candidate};
use crate::blob::Span;
use crate::finding::Kind;
use crate::signature::{Piece, Shape, Signature};

/// How far from a key its host may stand, in bytes: within one step of an export, roughly.
const NEAR: usize = 1500;

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
}

impl Surroundings {
    pub(super) fn new(signatures: &[&'static Signature]) -> Self {
        let hosts = signatures
            .iter()
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
        if let Some(signature) = by_name.or_else(|| self.by_host(text, candidate)) {
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
        each_domain(around, |host| {
            for signature in known.of(&around[host.clone()]) {
                let rank = (host.start.abs_diff(place), signature.id);
                if nearest.is_none_or(|(distance, own)| rank < (distance, own.id))
                    && fits(signature, candidate)
                {
                    nearest = Some((rank.0, signature));
                }
            }
        });
        nearest.map(|(_, signature)| signature)
    }
}

impl Known {
    fn new(hosts: &[(&'static str, &'static Signature)]) -> Self {
        let mut hosts = hosts.to_vec();
        hosts.sort_unstable_by_key(|(host, signature)| (*host, signature.id));
        let mut lengths = Lengths::default();
        let shapes = hosts.iter().flat_map(|(_, signature)| signature.shapes);
        shapes.for_each(|shape| lengths.add(shape));
        Self { hosts, lengths }
    }

    /// The signatures of this host, whatever its case.
    fn of(&self, host: &[u8]) -> impl Iterator<Item = &'static Signature> {
        let against = |own: &str| own.bytes().cmp(host.iter().map(u8::to_ascii_lowercase));
        let first = self.hosts.partition_point(|(own, _)| against(own).is_lt());
        let same = self.hosts.iter().skip(first).take_while(move |(own, _)| against(own).is_eq());
        same.map(|(_, signature)| *signature)
    }
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

/// Calls `see` with each domain in the text: in `https://api.eu.x.com/v1` those of `api.eu.x.com`, `eu.x.com`
/// and `x.com`. Only what has a dot is looked at.
fn each_domain(text: &[u8], mut see: impl FnMut(Span)) {
    let mut from = 0;
    while let Some(dot) = memchr::memchr(b'.', &text[from..]).map(|at| from + at) {
        let before = text[from..dot].iter().rev().take_while(|byte| is_of_label(byte)).count();
        if before == 0 {
            from = dot + 1;
            continue;
        }
        let end = domain_end(text, dot);
        from = end.max(dot + 1);
        see(dot - before..end);
        memchr::memchr_iter(b'.', &text[dot..end]).for_each(|at| see(dot + at + 1..end));
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
    signature
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
        each_domain(text.as_bytes(), |domain| seen.push(&text[domain]));
        seen
    }

    #[test]
    fn domains_of_a_text() {
        for (text, expected) in [
            ("https://api.eu.x.com/v1", vec!["api.eu.x.com", "eu.x.com", "x.com", "com"]),
            ("See x.com. Then", vec!["x.com", "com"]),
            ("... *.x.com:443", vec!["x.com", "com"]),
            ("a_x.com, y-z.org", vec!["x.com", "com", "y-z.org", "org"]),
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
        }
        assert!(known.lengths.has(40) && !known.lengths.has(39) && !known.lengths.has(41));
    }

    #[test]
    fn a_long_chain_of_labels_costs_no_more_than_its_length() {
        let text = "a.".repeat(100_000);
        let mut seen = 0;
        each_domain(text.as_bytes(), |_| seen += 1);
        assert_eq!(seen, 100_000);
    }
}
