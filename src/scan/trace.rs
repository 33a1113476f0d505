//! A scan that remembers the way: what stands, in which layer, and how each layer came out of the one before it. What is
//! to be written through the layers is found so.
//!
//! Other than a scan it keeps what is seen in several layers (the writer decides), and it looks for known values as well:
//! a secret may stand once more where nothing tells that it is one.

use std::io::Read;

use aho_corasick::{AhoCorasick, MatchKind};

use super::{
    Frame, Lines, Looking, Placed, Scanner, Scratch, View, as_it_stands, declared, sealed, stand, wide,
};
use crate::blob::{Blob, Landmarks, Span};
use crate::decode::Decoded;
use crate::detect::{By, keep_disjoint};
use crate::finding::{Finding, Secret};
use crate::platform;

/// Values shorter than this are looked for as whole words only.
const SHORT: usize = 8;

/// Values shorter than this are not looked for: they would be in every other line.
const SHORTEST: usize = 4;

/// What is read at once of a stream, in bytes.
const PIECE: u64 = 1 << 20;

/// Values that are looked for in every layer.
#[derive(Default)]
pub(crate) struct Needles {
    automaton: Option<AhoCorasick>,
    /// Of each value that is looked for: its number among those that were given, and its length.
    values: Vec<(usize, usize)>,
}

impl Needles {
    /// For these values. Empty ones, and such as would be in every word, are not looked for.
    pub(crate) fn new<'s>(values: impl IntoIterator<Item = &'s Secret>) -> Self {
        let values = values.into_iter().map(Secret::expose).enumerate();
        let wanted: Vec<_> = values.filter(|(_, value)| value.len() >= SHORTEST).collect();
        let builder = || {
            AhoCorasick::builder()
                .match_kind(MatchKind::LeftmostLongest)
                .build(wanted.iter().map(|(_, value)| value))
        };
        let automaton = if wanted.is_empty() { None } else { builder().ok() };
        Self { automaton, values: wanted.iter().map(|(number, value)| (*number, value.len())).collect() }
    }

    /// Whether one of them stands in a text.
    pub(crate) fn stand_in_text(&self, text: &[u8]) -> bool {
        self.find(text).next().is_some()
    }

    /// Whether one of them stands in a stream as it is. What cannot be read has none.
    pub(crate) fn stand_in(&self, mut reader: impl Read) -> bool {
        let longest = self.values.iter().map(|(_, length)| *length).max().unwrap_or(0);
        let mut window = Vec::new();
        loop {
            let read = (&mut reader).take(PIECE).read_to_end(&mut window);
            if self.stand_in_text(&window) {
                return true;
            }
            if !read.is_ok_and(|read| read as u64 == PIECE) {
                return false;
            }
            window.drain(..window.len().saturating_sub(longest + 1));
        }
    }

    /// Where they stand, and which: disjoint, ascending.
    fn find<'t>(&'t self, text: &'t [u8]) -> impl Iterator<Item = (Span, usize)> + 't {
        let found = self.automaton.iter().flat_map(move |automaton| automaton.find_iter(text));
        found.filter_map(move |found| {
            let (number, length) = *self.values.get(found.pattern().as_usize())?;
            let letter = |at: Option<usize>| {
                at.and_then(|at| text.get(at))
                    .is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
            };
            let bounded = !letter(found.start().checked_sub(1)) && !letter(Some(found.end()));
            (bounded || length >= SHORT).then_some((found.range(), number))
        })
    }
}

/// Where a secret stands in its own layer.
#[derive(Clone, Debug)]
pub(super) struct Own {
    /// The layer's number; 0 is the blob itself.
    pub(super) layer: usize,
    pub(super) secret: Span,
}

/// A text that was decoded out of another.
pub(crate) struct Layer {
    /// The number of that other: 0 is the blob, n the layer before place n.
    pub(crate) parent: usize,
    /// The text and the way back.
    pub(crate) decoded: Decoded,
}

/// A finding and where it stands in its layer.
pub(crate) struct Hit {
    /// The finding.
    pub(crate) finding: Finding,
    /// What saw it.
    pub(crate) by: By,
    /// The number of the layer.
    pub(crate) layer: usize,
    /// The secret's bytes in the layer.
    pub(crate) secret: Span,
    /// The same in the blob's text, as far as they can be told apart there.
    pub(crate) text: Span,
}

/// What a trace found.
#[derive(Default)]
pub(crate) struct Trace {
    /// Layers in which there is something, or in whose layers there is; their numbers begin with 1, and each has a higher one
    /// than its parent.
    pub(crate) layers: Vec<Layer>,
    /// The layer that is the blob's text: 1 where all of the blob is in another encoding than UTF-8, else 0.
    pub(crate) base: usize,
    /// What stands, in order.
    pub(crate) hits: Vec<Hit>,
    /// Known values: layer, place, and which.
    pub(crate) known: Vec<(usize, Span, usize)>,
    /// Containers in a text: the layer that they stand in, and how they come out of it.
    pub(crate) embedded: Vec<(usize, Decoded)>,
    /// What is encrypted, and whose key lies beside it: the finding, and the bytes of the blob that are sealed.
    pub(crate) sealed: Vec<(Finding, Span)>,
}

impl Trace {
    /// The text of a layer of that blob.
    pub(crate) fn text<'t>(&'t self, blob: &'t [u8], layer: usize) -> &'t [u8] {
        match layer.checked_sub(1).and_then(|at| self.layers.get(at)) {
            Some(layer) => &layer.decoded.text,
            None => blob,
        }
    }
}

impl Trace {
    /// The bytes of the blob's text that a part of a layer came out of.
    pub(crate) fn in_text(&self, mut layer: usize, mut span: Span) -> Span {
        while layer > self.base
            && let Some(out) = layer.checked_sub(1).and_then(|at| self.layers.get(at))
        {
            span = out.decoded.map.encoded(span).cover();
            layer = out.parent;
        }
        span
    }
}

/// Remembers the layers while a blob is looked at.
pub(super) struct Trail<'n> {
    needles: &'n Needles,
    layers: Vec<Layer>,
    known: Vec<(usize, Span, usize)>,
    embedded: Vec<(usize, Decoded)>,
    /// The layer that is being looked at.
    at: usize,
    /// The highest one in which something is.
    used: usize,
}

impl Trail<'_> {
    /// Looks for what is known; returns the layer's number.
    pub(super) fn look(&mut self, text: &[u8], has_candidates: bool) -> usize {
        let before = self.known.len();
        let at = self.at;
        self.known.extend(self.needles.find(text).map(|(span, which)| (at, span, which)));
        if has_candidates || self.known.len() > before {
            self.used = self.used.max(at);
        }
        at
    }

    /// A layer begins; returns the one that it comes out of.
    pub(super) fn enter(&mut self, decoded: &Decoded) -> usize {
        self.layers.push(Layer { parent: self.at, decoded: decoded.clone() });
        std::mem::replace(&mut self.at, self.layers.len())
    }

    /// The layer ends. If nothing is in it, it is forgotten.
    pub(super) fn leave(&mut self, outer: usize) {
        if self.used < self.at {
            self.layers.truncate(self.at - 1);
        }
        self.at = outer;
    }

    pub(super) fn embed(&mut self, container: &Decoded) {
        self.used = self.used.max(self.at);
        self.embedded.push((self.at, container.clone()));
    }
}

/// Looks at a blob as [`super::blob`] does, and remembers where in which layer things stand.
pub(crate) fn trace(blob: &Blob, scanner: &Scanner, scratch: &mut Scratch, needles: &Needles) -> Trace {
    let wide = wide(blob.bytes);
    let trail =
        Trail { needles, layers: Vec::new(), known: Vec::new(), embedded: Vec::new(), at: 0, used: 0 };
    let mut looking = Looking::new(scanner, blob.bytes.len(), scratch);
    looking.trail = Some(trail);
    match &wide {
        Some(wide) => {
            if let Some(trail) = &mut looking.trail {
                trail.enter(wide);
            }
            looking.look_all(&Frame::root(&wide.text), 1);
        }
        None => {
            looking.look_all(&Frame::root(blob.bytes), 0);
            looking.placed.extend(platform::declared(blob).into_iter().map(declared));
        }
    }
    looking.whole(blob.bytes);
    let placed = std::mem::take(&mut looking.placed);
    let mut trace = Trace { base: usize::from(wide.is_some()), ..Trace::default() };
    if let Some(Trail { layers, known, embedded, .. }) = looking.trail {
        (trace.layers, trace.known, trace.embedded) = (layers, known, embedded);
    }
    let text = wide.as_ref().map_or(blob.bytes, |wide| &wide.text[..]);
    let view = View { text: Some(text), wide: wide.as_ref(), ..View::of(blob) };
    stand(best_of_each_layer(placed), &view, scanner, usize::MAX, |finding, seen| {
        let text = seen.text.start as usize..seen.text.end as usize;
        let hit = Hit { finding, by: seen.by, layer: seen.own.layer, secret: seen.own.secret, text };
        trace.hits.push(hit);
    });
    trace.sealed = all_sealed(blob, scanner, scratch);
    trace
}

/// Two detectors see the same value in one layer: the stronger one's word counts, then the longer secret.
fn best_of_each_layer(mut placed: Vec<Placed>) -> Vec<Placed> {
    placed.sort_by(|a, b| {
        let rank = |placed: &Placed| (placed.candidate.by, placed.candidate.value.len());
        a.own
            .layer
            .cmp(&b.own.layer)
            .then(rank(b).cmp(&rank(a)))
            .then(a.own.secret.start.cmp(&b.own.secret.start))
    });
    let mut best = Vec::with_capacity(placed.len());
    let mut placed = placed.into_iter().peekable();
    while let Some(first) = placed.next() {
        let layer = first.own.layer;
        let mut one = vec![first];
        while let Some(next) = placed.next_if(|next| next.own.layer == layer) {
            one.push(next);
        }
        keep_disjoint(&mut one, |placed| placed.own.secret.start as u64..placed.own.secret.end as u64);
        best.append(&mut one);
    }
    // The outline is cheapest in order.
    best.sort_by_key(|placed| placed.secret.start);
    best
}

/// What is encrypted in the blob and can be opened with what lies beside it.
fn all_sealed(blob: &Blob, scanner: &Scanner, scratch: &mut Scratch) -> Vec<(Finding, Span)> {
    let Some(opened) = platform::opened(blob) else { return Vec::new() };
    let text = Blob { bytes: &opened.text, landmarks: Landmarks::NONE, ..*blob };
    let mut lines = Lines::new(blob.bytes);
    let findings = as_it_stands(&text, scanner, scratch).findings;
    let sealed = findings.into_iter().filter_map(|finding| sealed(finding, &opened, &mut lines));
    let span = |finding: &Finding| {
        let bytes = finding.location.bytes.as_ref()?;
        Some(usize::try_from(bytes.start).ok()?..usize::try_from(bytes.end).ok()?)
    };
    sealed
        .filter_map(|finding| Some((span(&finding)?, finding)))
        .map(|(span, finding)| (finding, span))
        .collect()
}
