//! The exact way from decoded bytes back to the bytes that they came from.

use crate::blob::Span;

/// Maps the bytes of a decoded text to pieces of its parent. Bytes that were copied are exact; bytes that were
/// decoded (an escape, four base64 digits) map to their whole group.
///
/// Stretches of equal groups are one run, so that its size is that of the irregularities: the escapes of a JSON
/// string, the line breaks of base64. Looking up is logarithmic in the runs, plus the runs it returns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OffsetMap {
    runs: Vec<Run>,
    decoded_len: usize,
}

/// `count` equal groups in a row: `from` bytes of the parent each, `to` decoded bytes each.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Run {
    parent: usize,
    decoded: usize,
    count: usize,
    from: usize,
    to: usize,
}

impl Run {
    fn parent_end(&self) -> usize {
        self.parent + self.count * self.from
    }

    fn decoded_end(&self) -> usize {
        self.decoded + self.count * self.to
    }

    /// The groups that touch `decoded`, by number.
    fn groups(&self, decoded: &Span) -> Span {
        let start = decoded.start.clamp(self.decoded, self.decoded_end()) - self.decoded;
        let end = decoded.end.clamp(self.decoded, self.decoded_end()) - self.decoded;
        start / self.to..end.div_ceil(self.to)
    }
}

impl OffsetMap {
    /// Appends a stretch that was copied byte by byte.
    pub fn push_copy(&mut self, parent: Span) {
        let count = parent.len();
        self.append(Run { parent: parent.start, decoded: self.decoded_len, count, from: 1, to: 1 });
    }

    /// Appends one group: bytes of the parent that gave the next `decoded_len` bytes together. The parent's spans
    /// come in order and do not overlap; what stands between them gave nothing.
    pub fn push_group(&mut self, parent: Span, decoded_len: usize) {
        let (from, to) = (parent.len(), decoded_len);
        self.append(Run { parent: parent.start, decoded: self.decoded_len, count: 1, from, to });
    }

    fn append(&mut self, run: Run) {
        if run.count == 0 || run.to == 0 {
            return;
        }
        self.decoded_len += run.count * run.to;
        match self.runs.last_mut() {
            Some(last) if last.from == run.from && last.to == run.to && last.parent_end() == run.parent => {
                last.count += run.count;
            }
            _ => self.runs.push(run),
        }
    }

    /// Lets the last group reach to `parent_end`: bytes that gave nothing but go when the group goes.
    pub(super) fn stretch_last(&mut self, parent_end: usize) {
        let Some(last) = self.runs.last_mut() else { return };
        let mut group = last.clone();
        group.parent = last.parent_end() - last.from;
        group.decoded = last.decoded_end() - last.to;
        group.from = parent_end.saturating_sub(group.parent).max(last.from);
        group.count = 1;
        last.count -= 1;
        if last.count == 0 {
            self.runs.pop();
        }
        self.runs.push(group);
    }

    /// Where in the parent the last group ends.
    pub(super) fn encoded_end(&self) -> usize {
        self.runs.last().map_or(0, Run::parent_end)
    }

    /// Lets go of the first bytes of the decoded text: the map is then that of the rest.
    pub fn forget(&mut self, decoded: usize) {
        let decoded = decoded.min(self.decoded_len);
        let gone = self.runs.partition_point(|run| run.decoded_end() <= decoded);
        self.runs.drain(..gone);
        for run in &mut self.runs {
            let groups = decoded.saturating_sub(run.decoded) / run.to;
            run.parent += groups * run.from;
            run.count -= groups;
            run.decoded = (run.decoded + groups * run.to).saturating_sub(decoded);
        }
        self.decoded_len -= decoded;
    }

    /// Length of the decoded text that is mapped.
    pub fn decoded_len(&self) -> usize {
        self.decoded_len
    }

    /// How many runs it is made of: its memory.
    pub fn runs(&self) -> usize {
        self.runs.len()
    }

    /// The pieces of the parent that produce the bytes of `decoded`: in order, disjoint, touching ones joined. What
    /// lies beyond the decoded text gives none.
    pub fn encoded(&self, decoded: Span) -> Pieces {
        let mut pieces = Pieces { spans: Vec::new(), at: self.place(decoded.start) };
        for run in self.touching(&decoded) {
            let groups = run.groups(&decoded);
            pieces.push(run.parent + groups.start * run.from..run.parent + groups.end * run.from);
        }
        pieces
    }

    /// `decoded`, widened to whole groups: all that the same bytes of the parent produce.
    pub fn widen(&self, decoded: Span) -> Span {
        let mut wide = decoded.clone();
        for run in self.touching(&decoded) {
            let groups = run.groups(&decoded);
            wide.start = wide.start.min(run.decoded + groups.start * run.to);
            wide.end = wide.end.max(run.decoded + groups.end * run.to);
        }
        wide
    }

    /// The runs that hold bytes of `decoded`.
    fn touching(&self, decoded: &Span) -> impl Iterator<Item = &Run> {
        let first = self.runs.partition_point(|run| run.decoded_end() <= decoded.start);
        let (start, end) = (decoded.start, decoded.end);
        self.runs.iter().skip(first).take_while(move |run| run.decoded < end && start < end)
    }

    /// Where in the parent a decoded byte begins; behind the last one for what lies beyond.
    fn place(&self, decoded: usize) -> usize {
        let next = self.runs.partition_point(|run| run.decoded_end() <= decoded);
        match self.runs.get(next) {
            Some(run) => run.parent + (decoded - run.decoded) / run.to * run.from,
            None => self.runs.last().map_or(0, Run::parent_end),
        }
    }
}

/// Pieces of a parent: in order, disjoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pieces {
    spans: Vec<Span>,
    /// Where nothing stands, if there are none.
    at: usize,
}

impl Pieces {
    /// The smallest span over all. Empty, and at the place in question, where there are none.
    pub fn cover(&self) -> Span {
        match (self.spans.first(), self.spans.last()) {
            (Some(first), Some(last)) => first.start..last.end,
            _ => self.at..self.at,
        }
    }

    /// The pieces.
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// The pieces of the parent's own parent, by its map: one layer further out.
    pub fn through(&self, map: &OffsetMap) -> Pieces {
        let mut outer = Pieces { spans: Vec::new(), at: map.place(self.at) };
        for span in self.spans.iter().flat_map(|span| map.encoded(span.clone()).spans) {
            outer.push(span);
        }
        outer
    }

    /// Appends a piece; one that touches the last, or shares a group with it, is joined to it.
    fn push(&mut self, span: Span) {
        match self.spans.last_mut() {
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            _ => self.spans.push(span),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_groups_are_one_run() {
        let mut map = OffsetMap::default();
        map.push_copy(10..15);
        map.push_copy(15..20);
        map.push_group(20..22, 1);
        map.push_group(22..24, 1);
        map.push_group(30..34, 3);
        assert_eq!(map.runs(), 3);
        assert_eq!(map.decoded_len(), 15);
        assert_eq!(map.encoded(3..12).spans(), std::slice::from_ref(&(13..24)));
        assert_eq!(map.encoded(11..13).spans(), [22..24, 30..34]);
        assert_eq!(map.encoded(11..13).cover(), 22..34);
        assert_eq!(map.widen(11..13), 11..15);
    }

    #[test]
    fn what_lies_beyond_gives_nothing() {
        let mut map = OffsetMap::default();
        map.push_copy(10..15);
        assert_eq!(map.encoded(3..99).cover(), 13..15);
        assert!(map.encoded(7..9).spans().is_empty());
        assert_eq!(map.encoded(7..9).cover(), 15..15);
        assert_eq!(map.encoded(2..2).cover(), 12..12);
        assert_eq!(OffsetMap::default().encoded(0..4).cover(), 0..0);
    }

    #[test]
    fn forgets_what_is_done() {
        let mut map = OffsetMap::default();
        map.push_copy(10..15);
        map.push_group(20..25, 1);
        map.push_copy(30..40);
        map.forget(3);
        assert_eq!(map.decoded_len(), 13);
        assert_eq!(map.encoded(0..4).spans(), [13..15, 20..25, 30..31]);
        map.forget(5);
        assert_eq!((map.runs(), map.encoded(0..2).cover()), (1, 32..34));
    }

    #[test]
    fn climbs_through_layers() {
        let mut inner = OffsetMap::default();
        inner.push_group(4..8, 3);
        let mut outer = OffsetMap::default();
        outer.push_copy(100..106);
        outer.push_group(110..112, 2);
        assert_eq!(inner.encoded(1..2).through(&outer).spans(), [104..106, 110..112]);
    }
}
