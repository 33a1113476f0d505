//! The few rare words that lead to what is no run: short passwords under their name, PEM headers, URLs with a password,
//! and the anchors of signatures whose runs may be too short.
//!
//! Three or four bytes of each word, chosen for being rare in text, are looked for at every place in one pass: with AVX2 by
//! nibble tables (`avx2`), else by a bitmap. What is compared whole is then only a few places in a thousand bytes.

use super::index::{Bitmap, fold, three};

#[cfg(target_arch = "x86_64")]
mod avx2;

/// What a word leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// A part of a name that says password, secret or API key.
    Name,
    /// `://`
    Url,
    /// `-----BEGIN `
    Pem,
    /// The anchor of a signature that no run leads to.
    Anchor,
}

/// Words in lower case, compared without case; with the place of their three rarest bytes.
const WORDS: &[(&str, usize, Word)] = &[
    ("://", 0, Word::Url),
    ("-----begin ", 4, Word::Pem),
    ("passw", 2, Word::Name),
    ("passphrase", 3, Word::Name),
    ("pass\"", 2, Word::Name),
    ("pass\\", 2, Word::Name),
    ("kennwort", 2, Word::Name),
    ("pwd", 0, Word::Name),
    ("secret", 1, Word::Name),
    ("api_k", 1, Word::Name),
    ("api-k", 1, Word::Name),
    ("apik", 1, Word::Name),
    ("senha", 2, Word::Name),
    ("contrase", 4, Word::Name),
];

/// Where a word's three bytes were seen: the word, and how far into it they stand.
struct Entry {
    key: u32,
    /// The byte that follows the three, folded; `None` where the word ends.
    fourth: Option<u8>,
    text: &'static str,
    back: usize,
    word: Word,
}

impl Entry {
    fn new(text: &'static str, back: usize, word: Word) -> Self {
        let fourth = text.as_bytes().get(back + 3).map(|byte| byte | 0x20);
        Self { key: fold(three(text.as_bytes(), back)), fourth, text, back, word }
    }
}

/// A searcher for them.
pub(super) struct Words {
    entries: Vec<Entry>,
    bitmap: Bitmap,
    tables: Tables,
}

/// Which of eight buckets a nibble of a word's first, second, third and fourth byte belongs to.
#[derive(Clone, Copy, Default)]
struct Tables {
    low: [[u8; 16]; 4],
    high: [[u8; 16]; 4],
}

impl Words {
    /// For [`WORDS`] and the beginnings of these anchors, which the caller compares whole.
    pub(super) fn new(anchors: impl Iterator<Item = &'static str>) -> Self {
        let mut entries: Vec<Entry> =
            WORDS.iter().map(|(text, back, word)| Entry::new(text, *back, *word)).collect();
        for text in anchors {
            // Three bytes that are looked for anyway cost nothing more.
            let shared = (0..text.len().saturating_sub(2))
                .find(|at| entries.iter().any(|entry| entry.key == fold(three(text.as_bytes(), *at))));
            entries.push(Entry::new(text, shared.unwrap_or_else(|| rarest(text)), Word::Anchor));
        }
        entries.sort_by_key(|entry| (entry.key, entry.back));
        let is_anchor = |entry: &Entry| entry.word == Word::Anchor;
        let mut bitmap = Bitmap::default();
        entries.iter().for_each(|entry| bitmap.insert(entry.key));
        let tables = Tables::new(entries.iter().map(|entry| (entry.key, entry.fourth)).collect());
        entries.dedup_by(|a, b| is_anchor(a) && is_anchor(b) && (a.key, a.back) == (b.key, b.back));
        Self { entries, bitmap, tables }
    }

    /// Calls `each` for every word in `text`, with the place of its first byte.
    pub(super) fn each(&self, text: &[u8], mut each: impl FnMut(Word, usize)) {
        #[cfg(target_arch = "x86_64")]
        let scanned = match std::arch::is_x86_feature_detected!("avx2") {
            true => avx2::scan(text, &self.tables, |at| self.at(text, at, &mut each)),
            false => 0,
        };
        #[cfg(not(target_arch = "x86_64"))]
        let scanned = 0;
        self.each_from(text, scanned, &mut each);
    }

    /// The same from byte `from` on, without vector instructions.
    fn each_from(&self, text: &[u8], from: usize, each: &mut impl FnMut(Word, usize)) {
        for at in from..text.len().saturating_sub(2) {
            self.at(text, at, each);
        }
    }

    /// Compares the words whose three bytes may stand at `at`.
    #[inline(always)]
    fn at(&self, text: &[u8], at: usize, each: &mut impl FnMut(Word, usize)) {
        let key = fold(three(text, at));
        if self.bitmap.has(key) {
            self.compare(text, at, key, each);
        }
    }

    #[cold]
    #[inline(never)]
    fn compare(&self, text: &[u8], at: usize, key: u32, each: &mut impl FnMut(Word, usize)) {
        let first = self.entries.partition_point(|entry| entry.key < key);
        for entry in self.entries[first..].iter().take_while(|entry| entry.key == key) {
            let Some(start) = at.checked_sub(entry.back) else { continue };
            let stands = match entry.word {
                Word::Anchor => true,
                _ => text[start..]
                    .get(..entry.text.len())
                    .is_some_and(|word| word.eq_ignore_ascii_case(entry.text.as_bytes())),
            };
            if stands {
                each(entry.word, start);
            }
        }
    }
}

/// Where the three bytes of an anchor stand that text has most seldom, as far as letters of language and what names
/// and addresses are made of tell.
fn rarest(text: &str) -> usize {
    let rarity = |byte: &u8| match byte {
        b'a' | b'e' | b'i' | b'n' | b'o' | b'r' | b's' | b't' => 0,
        byte if byte.is_ascii_lowercase() => 1,
        b'-' | b'.' | b'/' | b'_' => 1,
        _ => 2,
    };
    let windows = text.as_bytes().windows(3).map(|three| three.iter().map(rarity).sum::<u32>());
    // The first of the rarest: `max_by_key` takes the last.
    windows.enumerate().rev().max_by_key(|(_, rarity)| *rarity).map_or(0, |(at, _)| at)
}

/// What a searcher looks for at a place: three bytes, and the one that follows if it is known.
type Key = (u32, Option<u8>);

impl Tables {
    /// For these keys. Which keys share a bucket decides how many other texts fit its nibbles: alike ones are put together
    /// first, and then each moves to where it makes the fewest chance hits, until none wants to move.
    fn new(mut keys: Vec<Key>) -> Self {
        keys.sort_by_key(|(key, fourth)| (fourth.is_some(), key.swap_bytes(), *fourth));
        keys.dedup();
        let mut buckets: Vec<usize> = (0..keys.len()).map(|number| number * BUCKETS / keys.len()).collect();
        let weights = Nibbles::weights();
        let chance = |bucket: usize, buckets: &[usize]| {
            let own = keys.iter().zip(buckets).filter(|(_, own)| **own == bucket).map(|(key, _)| *key);
            Nibbles::of(own).chance(&weights)
        };
        let mut chances: [f64; BUCKETS] = std::array::from_fn(|bucket| chance(bucket, &buckets));
        let mut rounds = 0..ROUNDS;
        while rounds.next().is_some() {
            let mut moved = false;
            for number in 0..keys.len() {
                let from = buckets[number];
                let mut best = (0.0, from, chances);
                for to in (0..BUCKETS).filter(|to| *to != from) {
                    buckets[number] = to;
                    let mut after = chances;
                    (after[from], after[to]) = (chance(from, &buckets), chance(to, &buckets));
                    let gain = chances[from] + chances[to] - after[from] - after[to];
                    if gain > best.0 {
                        best = (gain, to, after);
                    }
                }
                moved |= best.1 != from;
                (buckets[number], chances) = (best.1, best.2);
            }
            if !moved {
                break;
            }
        }
        let mut tables = Self::default();
        for bucket in 0..BUCKETS {
            let own = keys.iter().zip(&buckets).filter(|(_, own)| **own == bucket).map(|(key, _)| *key);
            tables.put(bucket, &Nibbles::of(own));
        }
        tables
    }

    fn put(&mut self, bucket: usize, nibbles: &Nibbles) {
        for (place, (low, high)) in nibbles.0.iter().enumerate() {
            for nibble in 0..16 {
                self.low[place][nibble] |= ((low >> nibble & 1) as u8) << bucket;
                self.high[place][nibble] |= ((high >> nibble & 1) as u8) << bucket;
            }
        }
    }
}

/// One for each bit of a table's byte.
const BUCKETS: usize = 8;

/// After so many rounds the keys stay where they are: what the next would gain is less than it costs at every start.
const ROUNDS: usize = 2;

/// The nibbles that a bucket's keys have in each of four places: low ones, high ones, a bit each.
struct Nibbles([(u16, u16); 4]);

impl Nibbles {
    fn of(keys: impl Iterator<Item = Key>) -> Self {
        let mut nibbles = [(0, 0); 4];
        for (key, fourth) in keys {
            for (place, byte) in key.to_le_bytes()[..3].iter().copied().chain(fourth).enumerate() {
                let (low, high) = &mut nibbles[place];
                *low |= 1 << (byte & 15);
                // Either case: what folds to the byte differs from it in this bit at most.
                *high |= 1 << (byte >> 4) | 1 << ((byte & !0x20) >> 4);
            }
            if fourth.is_none() {
                nibbles[3] = (u16::MAX, u16::MAX);
            }
        }
        Self(nibbles)
    }

    /// How likely four bytes of text fit, as if each came by itself.
    fn chance(&self, weights: &[[f64; 16]; 16]) -> f64 {
        let fits = |(low, high): &(u16, u16)| -> f64 {
            if *low == u16::MAX {
                return 1.0; // any byte
            }
            let in_row = |row: usize| bits(*low).map(|column| weights[row][column]).sum::<f64>();
            bits(*high).map(in_row).sum()
        };
        self.0.iter().map(fits).product()
    }

    /// How often bytes stand in text, by their high and low nibble; roughly, for exports and code.
    fn weights() -> [[f64; 16]; 16] {
        let weight = |byte: u8| match byte {
            b' ' => 60.0,
            b'a' | b'e' | b'i' | b'n' | b'o' | b'r' | b's' | b't' => 24.0,
            b'"' | b':' | b',' => 16.0,
            byte if byte.is_ascii_lowercase() => 10.0,
            byte if byte.is_ascii_digit() => 8.0,
            b'-' | b'.' | b'/' | b'_' | b'{' | b'}' | b'[' | b']' | b'\\' | b'\n' | b'(' | b')' | b'=' => 5.0,
            byte if byte.is_ascii_uppercase() => 4.0,
            byte if byte.is_ascii_graphic() => 2.0,
            byte => f64::from(u8::from(byte >= 0x80)),
        };
        const ALL: f64 = 8.0 * 24.0 + 18.0 * 10.0 + 60.0 + 48.0 + 80.0 + 65.0 + 104.0 + 26.0 + 128.0;
        std::array::from_fn(|high| std::array::from_fn(|low| weight((high << 4 | low) as u8) / ALL))
    }
}

/// The numbers of the bits that are set.
fn bits(mut set: u16) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = (set != 0).then(|| set.trailing_zeros() as usize)?;
        set &= set - 1;
        Some(bit)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn both(text: &str) -> [Vec<(Word, usize)>; 2] {
        let words = Words::new(["ya29.c.", "@hook."].into_iter());
        let (mut fast, mut slow) = (Vec::new(), Vec::new());
        words.each(text.as_bytes(), |word, at| fast.push((word, at)));
        words.each_from(text.as_bytes(), 0, &mut |word, at| slow.push((word, at)));
        [fast, slow]
    }

    #[test]
    fn finds_words_in_any_case() {
        let text = "a PassWord, x-api-Key and https://u:p@h -----BEGIN X apikey ya29.c.";
        let expected = [
            (Word::Name, 2),
            (Word::Name, 14),
            (Word::Url, 31),
            (Word::Pem, 40),
            (Word::Name, 53),
            (Word::Anchor, 60),
        ];
        for found in both(text) {
            assert_eq!(found, expected);
        }
    }

    proptest! {
        #[test]
        fn both_ways_see_the_same(words in proptest::collection::vec("(PASSw|secret|api[-_]?key|://|-----BEGIN |ya29.c.|@hook.|[a-z ]{1,9})", 0..60)) {
            let [fast, slow] = both(&words.concat());
            prop_assert_eq!(fast, slow);
        }
    }
}
