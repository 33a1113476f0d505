//! The few rare words that lead to what is no run: short passwords under their name, PEM headers, URLs with a password,
//! the anchors of signatures whose runs may be too short, and places where text is encoded so that no run tells of it.
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
    /// Where text may be encoded.
    Opener(Opener),
}

/// A way to encode text that no run tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opener {
    /// A sign that may put two strings together, at a quote or before one.
    Join,
    /// A function that puts its arguments together, or the call that does so with a list behind it.
    List,
    /// A call that puts the list before it together.
    ListBefore,
    /// A literal in a template literal.
    Template,
    /// Numbers of characters.
    Codes,
    /// Quoted-printable.
    Quoted,
}

/// Words in lower case, compared without case; of the encodings' those that clean text has less than once in fifty
/// kilobytes. With the place of their three rarest bytes.
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
    ("\" +", 0, JOIN),
    ("' +", 0, JOIN),
    ("\"+\"", 0, JOIN),
    ("\"+\\", 0, JOIN),
    ("'+'", 0, JOIN),
    ("+ \"", 0, JOIN),
    ("+ '", 0, JOIN),
    ("+ \\", 0, JOIN),
    ("\" &", 0, JOIN),
    ("\"&\"", 0, JOIN),
    ("\"&\\", 0, JOIN),
    ("& \"", 0, JOIN),
    ("' .", 0, JOIN),
    ("'.'", 0, JOIN),
    ("\" .", 0, JOIN),
    ("\".\"", 0, JOIN),
    ("' |", 0, JOIN),
    ("'||", 0, JOIN),
    ("\" \"", 0, JOIN),
    ("' '", 0, JOIN),
    ("concat(", 3, Word::Opener(Opener::List)),
    ("concatenate(", 8, Word::Opener(Opener::List)),
    ("text.combine(", 3, Word::Opener(Opener::List)),
    ("\".join(", 0, Word::Opener(Opener::List)),
    ("'.join(", 0, Word::Opener(Opener::List)),
    ("join('')", 3, Word::Opener(Opener::ListBefore)),
    ("join(\"\")", 3, Word::Opener(Opener::ListBefore)),
    ("join(\\\"", 3, Word::Opener(Opener::ListBefore)),
    ("${\"", 0, Word::Opener(Opener::Template)),
    ("${'", 0, Word::Opener(Opener::Template)),
    ("${\\\"", 0, Word::Opener(Opener::Template)),
    ("charcode(", 3, CODES),
    ("codepoint(", 3, CODES),
    ("chr(", 0, CODES),
    ("chrw(", 1, CODES),
    ("char(", 1, CODES),
    ("from([", 3, CODES),
    ("array([", 4, CODES),
    ("bytes([", 4, CODES),
    ("fer\",", 1, CODES),
    (",0x", 0, CODES),
    (", 0x", 1, CODES),
    ("=3d", 0, QUOTED),
    ("=\r\n", 0, QUOTED),
    ("quoted-print", 5, QUOTED),
];

const JOIN: Word = Word::Opener(Opener::Join);
const CODES: Word = Word::Opener(Opener::Codes);
const QUOTED: Word = Word::Opener(Opener::Quoted);

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

impl Tables {
    /// For these keys, each with the byte that follows if it is known. Keys that begin alike share a bucket: its nibbles
    /// then fit few other texts.
    fn new(mut keys: Vec<(u32, Option<u8>)>) -> Self {
        let mut tables = Self::default();
        keys.sort_by_key(|(key, fourth)| (fourth.is_some(), key.swap_bytes(), *fourth));
        keys.dedup();
        for (number, (key, fourth)) in keys.iter().enumerate() {
            let bucket = 1 << (number * 8 / keys.len());
            for (place, byte) in key.to_le_bytes()[..3].iter().chain(fourth).enumerate() {
                tables.low[place][usize::from(byte & 15)] |= bucket;
                // Either case: what folds to the byte differs from it in this bit at most.
                tables.high[place][usize::from(byte >> 4)] |= bucket;
                tables.high[place][usize::from((byte & !0x20) >> 4)] |= bucket;
            }
            if fourth.is_none() {
                tables.low[3].iter_mut().chain(&mut tables.high[3]).for_each(|buckets| *buckets |= bucket);
            }
        }
        tables
    }
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
