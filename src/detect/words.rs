//! The few rare words that lead to what is no run: short passwords under their name, PEM headers, URLs with a password,
//! the anchors of signatures whose runs may be too short, and places where text is encoded so that no run tells of it.
//!
//! Three or four bytes of each word, chosen for being rare in text, are looked for at every place in one pass: with AVX-512 by
//! the run finder itself ([`Needles`]), with AVX2 by nibble tables (`avx2`), else by a bitmap. What is compared whole is then
//! only a few places in a thousand bytes.

use super::index::{Bitmap, Slots, fold, three};
use super::runs::{Batch, Level, Needles};
use crate::blob::Span;

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

/// How a word is taken hold of: by three or four of its bytes, from that place in it on, in that one of eight buckets.
type Hold = (usize, u8);

/// Words in lower case, compared without case; of the encodings' those that clean text has less than once in fifty
/// kilobytes. With two holds: one where a bucket is told by the nibbles of its bytes, and one where it is told by the bytes
/// themselves. The words of a bucket have so much in common, or are so few, that hardly any text fits one's first and
/// another's second byte: the second holds were found by trying which make the fewest such places in exports and code.
const WORDS: &[(&str, Word, [Hold; 2])] = &[
    ("://", Word::Url, [(0, 3), (0, 5)]),
    ("-----begin ", Word::Pem, [(4, 1), (2, 3)]),
    ("passw", Word::Name, [(2, 4), (0, 3)]),
    ("passphrase", Word::Name, [(3, 4), (0, 3)]),
    ("pass\"", Word::Name, [(2, 4), (0, 3)]),
    ("pass\\", Word::Name, [(2, 4), (0, 3)]),
    ("kennwort", Word::Name, [(2, 0), (4, 0)]),
    ("pwd", Word::Name, [(0, 4), (0, 5)]),
    ("secret", Word::Name, [(1, 0), (2, 1)]),
    ("api_k", Word::Name, [(1, 2), (1, 1)]),
    ("api-k", Word::Name, [(1, 2), (1, 1)]),
    ("apik", Word::Name, [(1, 2), (0, 3)]),
    ("senha", Word::Name, [(2, 2), (1, 4)]),
    ("contrase", Word::Name, [(4, 1), (3, 4)]),
    ("\" +", JOIN, [(0, 5), (0, 2)]),
    ("' +", JOIN, [(0, 5), (0, 6)]),
    ("\"+\"", JOIN, [(0, 5), (0, 2)]),
    ("\"+\\\"", JOIN, [(0, 6), (0, 4)]),
    ("'+'", JOIN, [(0, 5), (0, 6)]),
    ("+ \"", JOIN, [(0, 5), (0, 2)]),
    ("+ '", JOIN, [(0, 5), (0, 6)]),
    ("\" &", JOIN, [(0, 5), (0, 2)]),
    ("\"&\"", JOIN, [(0, 5), (0, 2)]),
    ("\"&\\\"", JOIN, [(0, 6), (0, 4)]),
    ("& \"", JOIN, [(0, 5), (0, 6)]),
    ("' .", JOIN, [(0, 5), (0, 6)]),
    ("'.'", JOIN, [(0, 5), (0, 6)]),
    ("\" .", JOIN, [(0, 5), (0, 6)]),
    ("\".\"", JOIN, [(0, 5), (0, 2)]),
    ("\" \"", JOIN, [(0, 5), (0, 2)]),
    ("' '", JOIN, [(0, 5), (0, 6)]),
    ("' \\\n", JOIN, [(0, 5), (0, 6)]),
    ("\" \\\n", JOIN, [(0, 5), (0, 6)]),
    ("'\n ", JOIN, [(0, 5), (0, 3)]),
    ("' |", JOIN, [(0, 5), (0, 6)]),
    ("'||", JOIN, [(0, 0), (0, 3)]),
    ("${\"", TEMPLATE, [(0, 5), (0, 2)]),
    ("${'", TEMPLATE, [(0, 5), (0, 2)]),
    ("${\\\"", TEMPLATE, [(0, 6), (0, 1)]),
    ("\".join(", LIST, [(0, 5), (0, 2)]),
    ("'.join(", LIST, [(0, 5), (0, 6)]),
    ("concat(", LIST, [(3, 7), (2, 0)]),
    ("concatenate(", LIST, [(8, 7), (2, 0)]),
    ("textjoin(", LIST, [(2, 3), (2, 5)]),
    ("combine({", LIST, [(1, 6), (5, 7)]),
    ("-join(", LIST, [(0, 1), (0, 6)]),
    ("-join (", LIST, [(0, 1), (0, 6)]),
    ("join('')", LIST_BEFORE, [(3, 6), (4, 4)]),
    ("join(\"\")", LIST_BEFORE, [(3, 6), (4, 4)]),
    ("join(\\\"\\\")", LIST_BEFORE, [(3, 6), (4, 4)]),
    ("charcode(", CODES, [(5, 7), (1, 7)]),
    ("chr(", CODES, [(0, 7), (0, 7)]),
    ("chr,", CODES, [(0, 0), (0, 1)]),
    ("charcode.", CODES, [(3, 1), (1, 7)]),
    ("[char", CODES, [(0, 1), (0, 0)]),
    ("binary({", CODES, [(3, 7), (4, 7)]),
    ("chrw(", CODES, [(1, 7), (1, 1)]),
    ("char(", CODES, [(1, 7), (1, 7)]),
    ("from([", CODES, [(2, 7), (2, 7)]),
    ("array([", CODES, [(3, 7), (3, 7)]),
    ("bytes([", CODES, [(3, 7), (3, 0)]),
    ("buffer\"", CODES, [(1, 1), (3, 7)]),
    (",0x", CODES, [(0, 2), (0, 5)]),
    (", 0x", CODES, [(1, 2), (0, 7)]),
    ("=3d", QUOTED, [(0, 4), (0, 5)]),
    ("=\r\n", QUOTED, [(0, 3), (0, 5)]),
];

/// Second holds of signatures' anchors, found in the same way; others take one by the letters that text has most.
const ANCHORS: &[(&str, Hold)] = &[
    ("3AAABL", (2, 3)),
    ("2AAABL", (2, 3)),
    ("dp.st.", (0, 2)),
    ("dt0s", (0, 2)),
    ("ya29.c.", (2, 7)),
    ("@hook.eu1.make.c", (6, 4)),
    ("@hook.eu2.make.c", (6, 4)),
    ("@hook.us1.make.c", (4, 6)),
    ("@hook.us2.make.c", (4, 6)),
    ("@hook.integromat", (3, 3)),
    ("api_live.", (1, 1)),
    ("api_live_us.", (1, 1)),
    ("api_live_ca.", (1, 1)),
    ("api_sandbox.", (8, 0)),
    ("api_sandbox_us.", (8, 0)),
    ("api_sandbox_ca.", (8, 0)),
    (".m.pipedream.net", (10, 7)),
    ("pscale_oauth_", (0, 5)),
    ("pscale_pw_", (0, 5)),
    ("pscale_tkn_", (0, 5)),
    ("azurewebsites.ne", (11, 0)),
    ("azurewebsites.us", (11, 0)),
    ("5Aep861", (3, 1)),
    ("00D", (0, 6)),
    ("xoxd-", (0, 5)),
    ("snyk_uat.", (1, 4)),
    ("snyk_sat.", (1, 4)),
    ("t1.", (0, 2)),
    (".acc_", (0, 7)),
    ("authress_", (2, 1)),
    ("tfp_", (0, 4)),
];

const JOIN: Word = Word::Opener(Opener::Join);
const LIST: Word = Word::Opener(Opener::List);
const LIST_BEFORE: Word = Word::Opener(Opener::ListBefore);
const TEMPLATE: Word = Word::Opener(Opener::Template);
const CODES: Word = Word::Opener(Opener::Codes);
const QUOTED: Word = Word::Opener(Opener::Quoted);

/// The first buckets, which anchors may share with the words in them.
const SHARED: usize = 5;

/// Where a word's three bytes were seen: the word, and how far into it they stand.
#[derive(Clone)]
struct Entry {
    key: u32,
    /// The byte that follows the three, folded; `None` where the word ends.
    fourth: Option<u8>,
    text: &'static str,
    back: usize,
    word: Word,
    /// Of the tables; chosen for an anchor when they are made.
    bucket: Option<u8>,
}

impl Entry {
    fn new(text: &'static str, back: usize, word: Word, bucket: Option<u8>) -> Self {
        let fourth = text.as_bytes().get(back + 3).map(|byte| byte | 0x20);
        Self { key: fold(three(text.as_bytes(), back)), fourth, text, back, word, bucket }
    }

    /// Adds its bytes, in either case, to the set of its bucket.
    fn add_to(&self, Needles(needles): &mut Needles) {
        let set = 1 << (self.bucket.unwrap_or(0) % 8);
        let [a, b, c, _] = self.key.to_le_bytes();
        let bytes = [Some(a), Some(b), Some(c), self.fourth];
        for (needle, wanted) in needles.iter_mut().zip(bytes) {
            for (byte, sets) in (0u8..).zip(needle) {
                *sets |= if wanted.is_none_or(|wanted| byte | 0x20 == wanted) { set } else { 0 };
            }
        }
    }
}

/// A searcher for them.
pub(super) struct Words {
    entries: Slots<Entry>,
    bitmap: Bitmap,
    tables: Tables,
    needles: Needles,
    level: Level,
}

/// Which of eight buckets a nibble of a word's first, second, third and fourth byte belongs to.
#[derive(Clone, Copy, Default)]
struct Tables {
    low: [[u8; 16]; 4],
    high: [[u8; 16]; 4],
}

impl Words {
    /// For [`WORDS`] and the beginnings of these anchors, which the caller compares whole.
    pub(super) fn new(anchors: impl Iterator<Item = &'static str>, level: Level) -> Self {
        let exact = level == Level::Avx512;
        let mut entries: Vec<Entry> = WORDS
            .iter()
            .map(|(text, word, [nibbles, bytes])| {
                let (back, bucket) = if exact { *bytes } else { *nibbles };
                Entry::new(text, back, *word, Some(bucket))
            })
            .collect();
        for text in anchors {
            entries.push(anchor(text, exact, &entries));
        }
        entries.sort_by_key(|entry| (entry.key, entry.back));
        let is_anchor = |entry: &Entry| entry.word == Word::Anchor;
        let (mut tables, mut needles) = (Tables::default(), Needles::default());
        if !exact || entries.iter().any(|entry| entry.bucket.is_none()) {
            tables = Tables::new(&mut entries);
        }
        if exact {
            entries.iter().for_each(|entry| entry.add_to(&mut needles));
        }
        let mut bitmap = Bitmap::default();
        entries.iter().for_each(|entry| bitmap.insert(entry.key));
        entries.dedup_by(|a, b| is_anchor(a) && is_anchor(b) && (a.key, a.back) == (b.key, b.back));
        Self { entries: Slots::new(&entries, |entry| entry.key), bitmap, tables, needles, level }
    }

    /// Their bytes, for the run finder.
    pub(super) fn needles(&self) -> &Needles {
        &self.needles
    }

    /// Calls `each` for every word that begins, or has its rarest bytes, in a batch of `text`; with the place of its first
    /// byte.
    pub(super) fn each(&self, text: &[u8], batch: &Batch, mut each: impl FnMut(Word, usize)) {
        batch.needles().for_each(|at| self.at(text, at, &mut each));
        self.each_in(text, batch.unsearched(), &mut each);
    }

    /// The same for the words whose rarest bytes stand in `span`, without the run finder's help.
    fn each_in(&self, text: &[u8], span: Span, each: &mut impl FnMut(Word, usize)) {
        let mut from = span.start;
        #[cfg(target_arch = "x86_64")]
        if self.level >= Level::Avx2 {
            let shown = text.get(..span.end.saturating_add(3)).unwrap_or(text);
            from = avx2::scan(shown, from, &self.tables, |at| self.at(text, at, each));
        }
        self.each_slowly(text, from..span.end, each);
    }

    /// The same without vector instructions.
    fn each_slowly(&self, text: &[u8], span: Span, each: &mut impl FnMut(Word, usize)) {
        for at in span.start..span.end.min(text.len().saturating_sub(2)) {
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
        for entry in self.entries.get(key).iter().filter(|entry| entry.key == key) {
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

/// An anchor: held as [`ANCHORS`] says, or by three bytes that are looked for anyway, which cost nothing more, or by its
/// rarest.
fn anchor(text: &'static str, exact: bool, entries: &[Entry]) -> Entry {
    let known = ANCHORS.iter().find(|(anchor, _)| exact && *anchor == text);
    if let Some((_, (back, bucket))) = known {
        return Entry::new(text, *back, Word::Anchor, Some(*bucket));
    }
    let shared = (0..text.len().saturating_sub(2))
        .find(|at| entries.iter().any(|entry| entry.key == fold(three(text.as_bytes(), *at))));
    Entry::new(text, shared.unwrap_or_else(|| rarest(text)), Word::Anchor, None)
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
    /// For these words. An anchor goes where it makes a bucket fit the least more of text.
    fn new(entries: &mut [Entry]) -> Self {
        let mut buckets = [Bucket::default(); 8];
        for entry in entries.iter() {
            if let Some(bucket) = entry.bucket {
                buckets[usize::from(bucket % 8)].add(entry);
            }
        }
        let mut anchors: Vec<&mut Entry> =
            entries.iter_mut().filter(|entry| entry.bucket.is_none()).collect();
        anchors.sort_by_key(|entry| (entry.fourth.is_some(), entry.key, entry.fourth));
        for anchor in anchors {
            let growth =
                |bucket: &(u8, &mut Bucket)| bucket.1.with(anchor).frequency() - bucket.1.frequency();
            if let Some((number, bucket)) = (0..).zip(buckets.iter_mut()).take(SHARED).min_by_key(growth) {
                bucket.add(anchor);
                anchor.bucket = Some(number);
            }
        }
        let mut tables = Self::default();
        for (number, bucket) in buckets.iter().enumerate() {
            for (place, (low, high)) in bucket.low.iter().zip(bucket.high).enumerate() {
                for nibble in 0..16 {
                    tables.low[place][nibble] |= ((low >> nibble & 1) << number) as u8;
                    tables.high[place][nibble] |= ((high >> nibble & 1) << number) as u8;
                }
            }
        }
        tables
    }
}

/// Which low and high nibbles its words have in each of four places; bit n for nibble n.
#[derive(Clone, Copy, Default)]
struct Bucket {
    low: [u16; 4],
    high: [u16; 4],
}

impl Bucket {
    fn add(&mut self, entry: &Entry) {
        for (place, byte) in entry.key.to_le_bytes()[..3].iter().chain(&entry.fourth).enumerate() {
            self.low[place] |= 1 << (byte & 15);
            // Either case: what folds to the byte differs from it in this bit at most.
            self.high[place] |= 1 << (byte >> 4) | 1 << ((byte & !0x20) >> 4);
        }
        if entry.fourth.is_none() {
            (self.low[3], self.high[3]) = (u16::MAX, u16::MAX);
        }
    }

    fn with(mut self, entry: &Entry) -> Self {
        self.add(entry);
        self
    }

    /// How often text fits it, in no unit: as if its bytes were independent.
    fn frequency(&self) -> u64 {
        let place = |low: u16, high: u16| match (low, high) {
            (u16::MAX, _) => ANY,
            _ => bits(high)
                .map(|row| bits(low).map(|column| WEIGHTS[usize::from(row << 4 | column)]).sum::<u64>())
                .sum(),
        };
        self.low.iter().zip(self.high).map(|(low, high)| place(*low, high)).product()
    }
}

/// The numbers of the bits that are set.
fn bits(mut set: u16) -> impl Iterator<Item = u8> {
    std::iter::from_fn(move || {
        let bit = (set != 0).then(|| set.trailing_zeros() as u8)?;
        set &= set - 1;
        Some(bit)
    })
}

/// Roughly how often text has each byte.
static WEIGHTS: [u64; 256] = {
    let mut weights = [0; 256];
    let mut byte = 0;
    while byte < 128 {
        weights[byte as usize] = weight(byte);
        byte += 1;
    }
    weights
};

/// The same for any byte.
const ANY: u64 = 219;

const fn weight(byte: u8) -> u64 {
    match byte {
        b'a' | b'e' | b'i' | b'n' | b'o' | b'r' | b's' | b't' | b' ' | b'"' => 8,
        b'a'..=b'z' => 3,
        b'0'..=b'9' | b'-' | b'.' | b'/' | b'_' | b',' | b':' | b'\n' => 2,
        b'!'..=b'~' => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::detect::runs::Finder;

    /// With all means that this processor has, the slowest first; in order.
    fn all_ways(text: &str) -> Vec<Vec<(Word, usize)>> {
        let text = text.as_bytes();
        let by = |level| {
            let words = Words::new(["ya29.c.", "@hook."].into_iter(), level);
            let (mut found, mut batch) = (Vec::new(), Batch::default());
            let mut finder = Finder::new(text, level, words.needles());
            while finder.next(&mut batch) {
                words.each(text, &batch, |word, at| found.push((word, at)));
            }
            found.sort_by_key(|(word, at)| (*at, format!("{word:?}")));
            found
        };
        Level::all().map(by).collect()
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
        for found in all_ways(text) {
            assert_eq!(found, expected);
        }
    }

    proptest! {
        #[test]
        fn all_ways_see_the_same(words in proptest::collection::vec("(PASSw|secret|api[-_]?key|://|-----BEGIN |ya29.c.|@hook.|\" \\+ '|é|[a-z ]{1,99})", 0..260)) {
            let mut ways = all_ways(&words.concat());
            ways.dedup();
            prop_assert_eq!(ways.len(), 1, "{:?}", ways);
        }
    }
}
