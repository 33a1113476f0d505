//! From what a trace found to edits of the blob: edits of each layer become edits of the one that it came out of.

use crate::blob::Span;
use crate::decode::{Decoded, Rewrite};
use crate::detect::keep_disjoint;
use crate::scan::Trace;
use crate::terms::Encoding;

/// Bytes of a text, and what replaces them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    /// The bytes; never none.
    pub(super) span: Span,
    /// What replaces them.
    pub(super) with: Vec<u8>,
    /// Which of two edits of the same bytes is made.
    pub(super) rank: usize,
}

/// The rank of an edit that others belong to.
pub(super) const WITH_OTHERS: usize = usize::MAX;

/// The edits of a trace's layers.
pub(super) struct Plan {
    layers: Vec<Vec<Edit>>,
}

impl Plan {
    pub(super) fn new(trace: &Trace) -> Self {
        Self { layers: vec![Vec::new(); trace.layers.len() + 1] }
    }

    /// Adds an edit of a layer.
    pub(super) fn add(&mut self, layer: usize, edit: Edit) {
        if let Some(edits) = self.layers.get_mut(layer).filter(|_| !edit.span.is_empty()) {
            edits.push(edit);
        }
    }

    /// The edits of the blob, in order, disjoint.
    pub(super) fn finish(mut self, trace: &Trace, blob: &[u8]) -> Vec<Edit> {
        // A layer's number is higher than its parent's.
        while let Some(edits) = self.layers.pop() {
            let edits = strongest(edits);
            let Some(layer) = self.layers.len().checked_sub(1).and_then(|at| trace.layers.get(at)) else {
                return edits;
            };
            let raised = raise(&layer.decoded, trace.text(blob, layer.parent), &edits);
            if let Some(parent) = self.layers.get_mut(layer.parent) {
                parent.extend(raised);
            }
        }
        Vec::new()
    }
}

/// Of edits of the same bytes the one that ranks highest.
fn strongest(mut edits: Vec<Edit>) -> Vec<Edit> {
    edits.sort_by(|a, b| {
        b.rank.cmp(&a.rank).then(b.span.len().cmp(&a.span.len())).then(a.span.start.cmp(&b.span.start))
    });
    keep_disjoint(&mut edits, |edit| edit.span.start as u64..edit.span.end as u64);
    edits
}

/// What has to be done to the parent so that a layer changes so. What cannot be written is left out.
fn raise(layer: &Decoded, parent: &[u8], edits: &[Edit]) -> Vec<Edit> {
    let write = |edit: &Edit| {
        let Rewrite { span, bytes } = layer.rewrite(parent, edit.span.clone(), &edit.with)?;
        let with = if layer.encoding == Encoding::Base64 { in_lines(bytes, parent, &span) } else { bytes };
        Some(Edit { span, with, rank: edit.rank })
    };
    // Where the length of one edit moves what is behind it into other groups, all are one.
    if matches!(layer.encoding, Encoding::Base64 | Encoding::Base32 | Encoding::Deflate) {
        let all = joined(layer, edits).map(|all| to_the_end(all, layer, parent));
        return all.iter().filter_map(write).collect();
    }
    edits.iter().filter_map(write).collect()
}

/// Where lines are of one length, all that follows an edit moves.
fn to_the_end(mut edit: Edit, layer: &Decoded, parent: &[u8]) -> Edit {
    let length = layer.text.len();
    let digits = parent.get(layer.map.encoded(edit.span.start..length).cover()).unwrap_or_default();
    if layer.encoding == Encoding::Base64 && memchr::memchr(b'\n', digits).is_some() {
        edit.with.extend(layer.text.get(edit.span.end..).unwrap_or_default());
        edit.span.end = length;
    }
    edit
}

/// Base64 in the lines that it stood in: mails and their like have them (RFC 2045 §6.8: at most 76 characters each).
fn in_lines(digits: Vec<u8>, parent: &[u8], span: &Span) -> Vec<u8> {
    let old = parent.get(span.clone()).unwrap_or_default();
    let Some(first) = memchr::memchr(b'\n', old) else { return digits };
    let end: &[u8] = if old.get(..first).is_some_and(|line| line.ends_with(b"\r")) { b"\r\n" } else { b"\n" };
    let before = parent.get(..span.start).unwrap_or_default();
    let column =
        before.iter().rev().take_while(|byte| byte.is_ascii_alphanumeric() || b"+/-_".contains(byte)).count();
    let width = (column + first + 1).saturating_sub(end.len());
    let mut out = Vec::with_capacity(digits.len() + digits.len() / 32);
    let mut room = width.saturating_sub(column);
    let mut rest = digits.as_slice();
    while rest.len() > room && width > 0 {
        let (line, behind) = rest.split_at(room);
        out.extend(line);
        out.extend(end);
        (rest, room) = (behind, width);
    }
    out.extend(rest);
    out
}

/// One edit for many.
fn joined(layer: &Decoded, edits: &[Edit]) -> Option<Edit> {
    let (first, rest) = edits.split_first()?;
    let mut all = first.clone();
    for edit in rest {
        all.with.extend(layer.text.get(all.span.end..edit.span.start)?);
        all.with.extend(&edit.with);
        all.span.end = edit.span.end;
        all.rank = all.rank.max(edit.rank);
    }
    Some(all)
}

/// A text with its edits made, which are in order and disjoint.
pub(super) fn apply(text: &[u8], edits: &[Edit]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    for edit in edits {
        out.extend(text.get(at..edit.span.start).unwrap_or_default());
        out.extend(&edit.with);
        at = edit.span.end;
    }
    out.extend(text.get(at..).unwrap_or_default());
    out
}
