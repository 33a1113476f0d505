//! All that the detectors see in one blob, with what each filter says of it: a scan that hides nothing, for explanations.

use super::{Frame, Looking, Scanner, Scratch, View, location, wide};
use super::{Lines, declared};
use crate::blob::Blob;
use crate::detect::names::Telling;
use crate::detect::{By, Candidate, Found};
use crate::filter::{self, Step};
use crate::finding::{Encoding, Finding, Place};
use crate::label;
use crate::platform;
use std::ops::Range;

/// A suspicion, and what became of it.
pub struct Seen {
    /// What some detector saw.
    pub candidate: Candidate,
    /// Bytes of the blob that the secret came out of.
    pub bytes: Range<u64>,
    /// The decoding steps, outermost first.
    pub decoded: Vec<Encoding>,
    /// What each filter says, in order: why it dismisses it, or nothing.
    pub steps: [(Step, Option<&'static str>); 6],
    /// Index of the one that sees the same bytes and counts in its place.
    pub outranked_by: Option<usize>,
    /// What it would be as a finding.
    pub finding: Finding,
}

impl Seen {
    /// Whether it is a finding: it is the best of those that see the same, no mere hint, and no filter dismisses it.
    pub fn stands(&self) -> bool {
        self.outranked_by.is_none()
            && self.candidate.by != By::Field(Telling::Hint)
            && self.steps.iter().all(|(_, why)| why.is_none())
    }
}

/// Everything that is seen in a blob, in the order of its bytes; of those that see the same the one that counts comes first.
pub fn seen(blob: &Blob, scanner: &Scanner) -> Vec<Seen> {
    let mut scratch = Scratch::default();
    // Each layer takes one of these.
    let keeping = || {
        let mut found = Found::default();
        found.keep_all = true;
        found
    };
    scratch.found.extend(std::iter::repeat_with(keeping).take(scanner.budget.layers + 2));
    let wide = wide(blob.bytes);
    let mut looking = Looking::new(scanner, blob.bytes.len(), &mut scratch);
    match &wide {
        Some(wide) => looking.look_all(&Frame::root(&wide.text), 1),
        None => looking.look_all(&Frame::root(blob.bytes), 0),
    }
    looking.placed.extend(platform::declared(blob).into_iter().map(declared));
    looking.whole(blob.bytes);
    let mut placed = looking.placed;
    // As a scan ranks them, and hints last.
    placed.sort_by(|a, b| {
        let rank = |by: By, length: usize| (by != By::Field(Telling::Hint), by, length);
        let (of_a, of_b) = (&a.candidate, &b.candidate);
        rank(of_b.by, of_b.value.len())
            .cmp(&rank(of_a.by, of_a.value.len()))
            .then(a.decoded.len().cmp(&b.decoded.len()))
            .then(of_b.signature.fixed_chars().cmp(&of_a.signature.fixed_chars()))
            .then(of_a.signature.id.cmp(of_b.signature.id))
            .then(a.secret.start.cmp(&b.secret.start))
    });
    let text = wide.as_ref().map_or(blob.bytes, |wide| &wide.text[..]);
    let view = View { text: Some(text), wide: wide.as_ref(), ..View::of(blob) };
    let mut outline = platform::outline(&Blob { bytes: text, ..*blob });
    let mut lines = Lines::new(text);
    let mut all: Vec<Seen> = Vec::new();
    for one in placed {
        let place: Place = outline.place(one.secret.start as usize..one.secret.end as usize);
        let location = location(&one, &place, &view, &mut lines);
        let overlaps =
            |other: &Seen| other.bytes.start < one.secret.end && one.secret.start < other.bytes.end;
        let steps = filter::steps(&one.candidate, &place);
        all.push(Seen {
            steps,
            outranked_by: all.iter().position(|other| other.outranked_by.is_none() && overlaps(other)),
            bytes: one.secret.clone(),
            decoded: one.decoded.clone(),
            finding: label::finding(one.candidate.clone(), place, location, scanner.now),
            candidate: one.candidate,
        });
    }
    all
}
