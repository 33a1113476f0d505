//! The first look at the runs of a batch, without branches: what may be worth trying on which run.
//!
//! Nearly every run is worth nothing, but which one is cannot be foreseen, so a branch for each question would be guessed
//! wrongly again and again. Instead each run's number is written to each list, and a list grows only where the answer is
//! yes.

use super::Detectors;
use super::index::{four, three};
use super::runs::{BATCH_ROOM, Batch};
use crate::blob::Span;

/// Runs of a batch by what may be worth trying on them.
pub(super) struct Sieve {
    count: usize,
    lists: [List; 4],
}

/// Numbers of runs within their batch.
#[derive(Clone, Copy)]
struct List {
    runs: [u8; BATCH_ROOM],
    count: usize,
}

impl List {
    #[inline(always)]
    fn add(&mut self, run: usize, wanted: bool) {
        self.runs[self.count % BATCH_ROOM] = run as u8;
        self.count += usize::from(wanted);
    }
}

impl Default for Sieve {
    fn default() -> Self {
        Self { count: 0, lists: [List { runs: [0; BATCH_ROOM], count: 0 }; 4] }
    }
}

const ANCHORED: usize = 0;
const JOINTED: usize = 1;
const NUMBERED: usize = 2;
const ENCODED: usize = 3;

impl Sieve {
    /// Asks the questions about the next run.
    #[inline(always)]
    pub(super) fn add(&mut self, text: &[u8], run: &Span, batch: &Batch, detectors: &Detectors) {
        let number = self.count;
        self.count += 1;
        let before = three(text, run.start.wrapping_sub(3));
        let glued = matches!((before >> 16) as u8, b'\\' | b'%');
        let first = four(text, run.start);
        let anchored = detectors.at_start.may_begin(first) | detectors.before.may_have(before) | glued;
        self.lists[ANCHORED].add(number, anchored | (run.start < 3));
        self.lists[JOINTED].add(number, batch.has_joint(number));
        self.lists[NUMBERED].add(number, batch.has_digit(number));
        let pair = ENCODES[usize::from(first as u8)] & 1 | ENCODES[usize::from((first >> 8) as u8)] & 2;
        self.lists[ENCODED].add(number, pair == 3);
    }

    /// Runs where an anchor may stand at or before the start.
    pub(super) fn anchored(&self, batch: &Batch) -> impl Iterator<Item = Span> {
        self.list(ANCHORED, batch)
    }

    /// Numbers of the runs with `+ - / _` in them.
    pub(super) fn jointed(&self) -> impl Iterator<Item = usize> {
        self.numbers(JOINTED)
    }

    /// Runs with a digit in them.
    pub(super) fn numbered(&self, batch: &Batch) -> impl Iterator<Item = Span> {
        self.list(NUMBERED, batch)
    }

    /// Runs that may be base64 of something readable.
    pub(super) fn encoded(&self, batch: &Batch) -> impl Iterator<Item = Span> {
        self.list(ENCODED, batch)
    }

    fn list(&self, list: usize, batch: &Batch) -> impl Iterator<Item = Span> {
        self.numbers(list).map(|number| batch.run(number))
    }

    fn numbers(&self, list: usize) -> impl Iterator<Item = usize> {
        let List { runs, count } = &self.lists[list];
        runs[..(*count).min(BATCH_ROOM)].iter().map(|run| usize::from(*run))
    }
}

/// Bit 0: the digit may begin base64 of text, JSON, UTF-16, gzip or zip; bit 1: it may be the second one of such.
///
/// The first digit is the upper six bits of the first byte. The second holds its lower two bits and the upper four of the
/// second byte, which are 2 to 7 in printable ASCII, 0 in blanks and in UTF-16, 8 in gzip, 11 and 15 in byte order marks.
static ENCODES: [u8; 256] = {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut table = [0; 256];
    let mut value = 0;
    while value < 64 {
        let first = matches!(value, 2 | 3 | 7..=31 | 59 | 63);
        let second = matches!(value & 15, 0 | 2..=8 | 11 | 15);
        table[alphabet[value] as usize] = first as u8 | (second as u8) << 1;
        value += 1;
    }
    table[b'-' as usize] = table[b'+' as usize];
    table[b'_' as usize] = table[b'/' as usize];
    table
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::base64;

    /// The tables must let pass whatever the whole test takes.
    #[test]
    fn nothing_promising_is_sieved_out() {
        let mut passed = 0;
        for first in 0..=255u8 {
            for second in 0..=255u8 {
                for rest in ["cdef", "\0c\0c", "\u{8}\0\0\0", "\u{3}\u{4}ab", " 1,2"] {
                    let text = base64::encode(&[&[first, second], rest.as_bytes()].concat());
                    if base64::promising(&text).is_some() {
                        passed += 1;
                        let bits = ENCODES[usize::from(text[0])] & 1 | ENCODES[usize::from(text[1])] & 2;
                        assert_eq!(bits, 3, "{first:#x} {second:#x}");
                    }
                }
            }
        }
        assert!(passed > 10_000);
    }
}
