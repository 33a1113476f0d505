//! The first look at the runs of a batch, without branches: what may be worth trying on which run.
//!
//! Nearly every run is worth nothing, but which one is cannot be foreseen, so a branch for each question would be guessed
//! wrongly again and again. Instead each answer becomes a bit; with AVX-512 the questions are put to sixteen runs at once.

use super::index::{four, three};
use super::runs::{Batch, Level, Numbers};
use super::{Detectors, field};

#[cfg(target_arch = "x86_64")]
mod avx512;

/// Runs of a batch by what may be worth trying on them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sieve {
    /// An anchor may stand at or before the start.
    pub anchored: Numbers,
    /// They may be base64 of something readable.
    pub encoded: Numbers,
    /// They are values of JSON members whose names tell nothing.
    pub unnamed: Numbers,
}

impl Sieve {
    /// Of the runs of a batch of `text`.
    #[inline]
    pub(super) fn new(text: &[u8], batch: &Batch, detectors: &Detectors) -> Self {
        #[cfg(target_arch = "x86_64")]
        if batch.level() == Level::Avx512
            && let Some(sieve) = avx512::sieve(text, batch.starts(), detectors)
        {
            return sieve;
        }
        Self::slowly(text, batch.starts(), detectors)
    }

    /// One by one: the fallback, and the oracle of the tests.
    fn slowly(text: &[u8], starts: &[u32], detectors: &Detectors) -> Self {
        let mut sieve = Self::default();
        for (number, start) in starts.iter().enumerate() {
            let start = *start as usize;
            let before = three(text, start.wrapping_sub(3));
            let glued = matches!((before >> 16) as u8, b'\\' | b'%');
            let first = four(text, start);
            let anchored = detectors.at_start.may_begin(first) | detectors.before.may_have(before) | glued;
            sieve.anchored.insert(number, anchored | (start < LEAD));
            sieve.encoded.insert(number, may_be_encoded(first));
            sieve.unnamed.insert(number, field::is_plainly_unnamed(text, start, &detectors.names));
        }
        sieve
    }
}

/// The bytes before a run that are looked at, and one.
const LEAD: usize = 4;

/// Places behind a `+ - / _`, gathered before they are looked at.
pub(super) struct Places {
    at: [u32; PLACES],
    count: usize,
}

/// Room for them: those of 64 bytes more always find some.
const PLACES: usize = 256;

impl Default for Places {
    fn default() -> Self {
        Self { at: [0; PLACES], count: 0 }
    }
}

impl Places {
    /// Adds `from` and the bit's number for each bit that is set.
    #[inline(always)]
    pub(super) fn add(&mut self, from: usize, bits: u64, level: Level) {
        #[cfg(target_arch = "x86_64")]
        if level == Level::Avx512 {
            self.count += avx512::spread(from, bits, self.at.get_mut(self.count..).unwrap_or_default());
            return;
        }
        let _ = level;
        let mut bits = bits;
        while bits != 0 {
            self.at[self.count % PLACES] = (from + bits.trailing_zeros() as usize) as u32;
            self.count += 1;
            bits &= bits - 1;
        }
    }

    /// Whether the places of 64 bytes more might find no room.
    pub(super) fn is_full(&self) -> bool {
        self.count > PLACES - 2 * 64
    }

    pub(super) fn clear(&mut self) {
        self.count = 0;
    }

    /// Those where an anchor may begin.
    pub(super) fn begin(
        &mut self,
        text: &[u8],
        detectors: &Detectors,
        level: Level,
    ) -> impl Iterator<Item = usize> {
        let places = self.at.get_mut(..self.count).unwrap_or_default();
        let index = &detectors.at_start;
        #[cfg(target_arch = "x86_64")]
        let fast = if level == Level::Avx512 { avx512::begin(text, index, places) } else { None };
        #[cfg(not(target_arch = "x86_64"))]
        let fast = None;
        let _ = level;
        let count = fast.unwrap_or_else(|| {
            let mut count = 0;
            for number in 0..places.len() {
                let at = places[number];
                places[count] = at;
                count += usize::from(index.may_begin(four(text, at as usize)));
            }
            count
        });
        self.at.iter().take(count).map(|at| *at as usize)
    }
}

/// Whether a run may be base64 of text, JSON, UTF-16, gzip or zip, by its first four digits.
///
/// The first digit is the upper six bits of the first byte. The second holds its lower two bits and the upper four of the
/// second byte, which are 2 to 7 in printable ASCII, 0 in blanks and in UTF-16, 8 in gzip, 11 and 15 in byte order marks.
/// The third and the fourth hold the third byte.
#[inline(always)]
fn may_be_encoded(first: u32) -> bool {
    let [a, b, c, d] = first.to_le_bytes().map(|digit| ENCODES[usize::from(digit)]);
    let third = (c & ABOVE != 0) | ((c & BELOW != 0) & (d & LOW != 0));
    (a & FIRST != 0) & (b & SECOND != 0) & ((a & OPENS != 0) | third)
}

/// It may be the first digit.
const FIRST: u8 = 1 << 0;
/// It may be the second digit.
const SECOND: u8 = 1 << 1;
/// As third digit: the third byte is below 64.
const BELOW: u8 = 1 << 2;
/// As third digit: the third byte is a letter, or stands in a byte order mark or behind one.
const ABOVE: u8 = 1 << 3;
/// As fourth digit: a third byte below 64 may be so.
const LOW: u8 = 1 << 4;
/// As first digit: a brace or bracket, behind which any letter may stand.
const OPENS: u8 = 1 << 5;

static ENCODES: [u8; 256] = {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut table = [0; 256];
    let mut value = 0;
    while value < 64 {
        let first = matches!(value, 2 | 3 | 7..=31 | 59 | 63);
        let second = matches!(value & 15, 0 | 2..=8 | 11 | 15);
        let above = value & 3 == 1 || matches!(value, 46 | 58 | 59);
        // Zip has 3 there, gzip 8, UTF-16 0.
        let low = matches!(value, 0 | 3 | 8..=13 | 32..);
        let opens = matches!(value, 22 | 30);
        table[alphabet[value] as usize] = (FIRST * first as u8)
            | (SECOND * second as u8)
            | (BELOW * (value & 3 == 0) as u8)
            | (ABOVE * above as u8)
            | (LOW * low as u8)
            | (OPENS * opens as u8);
        value += 1;
    }
    table[b'-' as usize] = table[b'+' as usize];
    table[b'_' as usize] = table[b'/' as usize];
    table
};

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::super::runs::{Finder, Needles};
    use super::*;
    use crate::decode::base64;
    use crate::signature;

    /// The tables must let pass whatever the whole test takes, unless the third byte is one that no text has.
    #[test]
    fn nothing_promising_is_sieved_out() {
        let mut passed = 0;
        for first in 0..=255u8 {
            for second in (0..=255u8).filter(|second| second % 3 != 1 || second.is_ascii()) {
                for third in (0..=255u8).filter(|third| matches!(third, 0 | 3 | 8..=10 | 13 | b' '..)) {
                    for rest in ["def", "c\0c", "\0\0\0", "\u{4}ab", "1,2"] {
                        let bytes = [&[first, second, third], rest.as_bytes()].concat();
                        let text = base64::encode(&bytes);
                        if base64::promising(&text).is_some() {
                            passed += 1;
                            assert!(may_be_encoded(four(&text, 0)), "{bytes:x?}");
                        }
                    }
                }
            }
        }
        assert!(passed > 100_000);
    }

    static DETECTORS: LazyLock<Detectors> =
        LazyLock::new(|| Detectors::new(signature::built_in().iter().collect()));

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn all_levels_see_the_same(
            words in proptest::collection::vec(r#"[a-zA-Z0-9_+/-]{14,40}[ "\\%é]|eyJ|ghp_|[/_-]sk-|SG\.|"(a|id|key|code|node|apiKey|k2|é|[a-z]{0,9})": ?""#, 0..260)
        ) {
            let text = words.concat();
            let text = text.as_bytes();
            let none = Needles::default();
            for level in Level::all() {
                let (mut finder, mut batch) = (Finder::new(text, level, &none), Batch::default());
                while finder.next(&mut batch) {
                    let (fast, slow) =
                        (Sieve::new(text, &batch, &DETECTORS), Sieve::slowly(text, batch.starts(), &DETECTORS));
                    prop_assert_eq!(fast, slow);
                    let of = |level| {
                        let mut places = Places::default();
                        for number in batch.jointed() {
                            batch.joints(text, number, |from, bits| {
                                if !places.is_full() {
                                    places.add(from + 1, bits, level);
                                }
                            });
                        }
                        places.begin(text, &DETECTORS, level).collect::<Vec<_>>()
                    };
                    prop_assert_eq!(of(level), of(Level::Scalar));
                }
            }
        }
    }
}
