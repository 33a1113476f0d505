//! Surroundings: a key without a shape of its own becomes a vendor's by the name it stands under or the host near it.

use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use super::names::{Names, Normal};
use super::{By, Candidate};
use crate::signature::Signature;

/// How far from a key its host may stand, in bytes: within one step of an export, roughly.
const NEAR: usize = 1500;

/// The signatures that need surroundings, by host.
pub(super) struct Surroundings {
    hosts: Vec<(&'static str, &'static Signature)>,
    searcher: OnceLock<Option<AhoCorasick>>,
}

impl Surroundings {
    pub(super) fn new(signatures: &[&'static Signature]) -> Self {
        let hosts = signatures
            .iter()
            .filter(|signature| signature.shapes.iter().any(|shape| shape.anchor.is_none()))
            .flat_map(|signature| signature.hosts.iter().map(|host| (*host, *signature)))
            .collect();
        Self { hosts, searcher: OnceLock::new() }
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
        if !self.hosts.iter().any(|(_, signature)| fits(signature, candidate)) {
            return None;
        }
        let searcher = self.searcher.get_or_init(|| self.build()).as_ref()?;
        let from = candidate.span.start.saturating_sub(NEAR);
        let around = &text[from..text.len().min(candidate.span.end + NEAR)];
        let place = candidate.span.start - from;
        searcher
            .find_overlapping_iter(around)
            .filter(|host| is_host(around, host.start(), host.end()))
            .map(|host| (host.start().abs_diff(place), self.hosts[host.pattern().as_usize()].1))
            .filter(|(_, signature)| fits(signature, candidate))
            .min_by_key(|(distance, signature)| (*distance, signature.id))
            .map(|(_, signature)| signature)
    }

    fn build(&self) -> Option<AhoCorasick> {
        AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .ascii_case_insensitive(true)
            .build(self.hosts.iter().map(|(host, _)| host))
            .ok()
    }
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
