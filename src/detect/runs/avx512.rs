//! The run finder with AVX-512: 64 bytes a step, each class by one look-up in a table of all 128 ASCII bytes, and the needles
//! in the same pass; then the edges of runs, 512 bytes a step.
//!
//! One of the few rooms with `unsafe`: its only reasons are the loads from a slice and the calls into functions that
//! need processor features.
#![expect(unsafe_code, reason = "vector loads, and the calls that need AVX-512; each with its proof")]

use std::arch::x86_64::{
    __m512i, __mmask64, _mm_extract_epi64, _mm512_add_epi64, _mm512_alignr_epi64, _mm512_and_si512,
    _mm512_andnot_si512, _mm512_extracti32x4_epi32, _mm512_loadu_si512, _mm512_maskz_compress_epi64,
    _mm512_maskz_loadu_epi8, _mm512_maskz_permutex2var_epi8, _mm512_or_si512, _mm512_permutex2var_epi8,
    _mm512_set1_epi8, _mm512_set1_epi64, _mm512_setr_epi64, _mm512_shldi_epi64, _mm512_storeu_si512,
    _mm512_test_epi8_mask, _mm512_test_epi64_mask, _mm512_testn_epi8_mask,
};

use super::{BATCH_BYTES, Batch, Finder, Hits, MIN_RUN, Marked, Marks, Needles, State};

/// Takes blocks of 64 bytes, and what is left of the text, until the batch is full or `limit` is reached.
pub(super) fn blocks(finder: &mut Finder, batch: &mut Batch, limit: usize) {
    // SAFETY: a finder has this level only if `is_x86_feature_detected!` said yes to AVX512BW, VBMI and VBMI2 (of
    // which AVX512F is a part).
    unsafe { blocks_avx512(finder, batch, limit) }
}

/// Looks at the runs that begin and end at these places.
pub(super) fn mark<'a>(text: &[u8], edges: impl Iterator<Item = (&'a u32, &'a u32)>, marked: &mut Marked) {
    // SAFETY: as for `blocks`: the level is the finder's.
    unsafe { mark_avx512(text, edges, marked) }
}

// The classes of a byte.
/// `[A-Za-z0-9_+/-]`
const RUN: u8 = 1 << 0;
/// `+ - / _`
const JOINT: u8 = 1 << 1;
const DIGIT: u8 = 1 << 2;
/// `%` or `&`
const LONE: u8 = 1 << 3;
/// `\` or `<`
const BACKSLASH: u8 = 1 << 4;
/// What may follow those.
const ESCAPED: u8 = 1 << 5;

static CLASSES: [u8; 128] = {
    let mut table = [0; 128];
    let mut byte = 0;
    while byte < 128 {
        let is = byte as u8;
        let joint = matches!(is, b'+' | b'-' | b'/' | b'_');
        let escaped = joint
            || is.is_ascii_digit()
            || matches!(is, b'u' | b'w' | b'x' | b'\r' | b'\n' | b'z' | b'}' | 0x05 | 0x07 | 0x08);
        table[byte] = (RUN * (joint || is.is_ascii_alphanumeric()) as u8)
            | (JOINT * joint as u8)
            | (DIGIT * is.is_ascii_digit() as u8)
            | (LONE * matches!(is, b'%' | b'&') as u8)
            | (BACKSLASH * matches!(is, b'\\' | b'<') as u8)
            | (ESCAPED * escaped as u8);
        byte += 1;
    }
    table
};

/// Blocks of a batch.
const BLOCKS: usize = BATCH_BYTES / 64;

/// What is noted of a batch on the way.
#[derive(Debug, Default)]
pub(super) struct Room {
    masks: Words,
    starts: Kept,
    ends: Kept,
    escapes: Kept,
}

/// The masks of a batch's blocks, side by side; see [`super::Masks`].
#[derive(Debug)]
struct Words {
    class: [u64; BLOCKS],
    lone: [u64; BLOCKS],
    backslash: [u64; BLOCKS],
    escaped: [u64; BLOCKS],
}

impl Default for Words {
    fn default() -> Self {
        Self { class: [0; BLOCKS], lone: [0; BLOCKS], backslash: [0; BLOCKS], escaped: [0; BLOCKS] }
    }
}

impl Words {
    /// Takes the classes of a block's bytes.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2")]
    fn set(&mut self, block: usize, classes: __m512i) {
        self.class[block % BLOCKS] = _mm512_test_epi8_mask(classes, every(RUN));
        self.lone[block % BLOCKS] = _mm512_test_epi8_mask(classes, every(LONE));
        self.backslash[block % BLOCKS] = _mm512_test_epi8_mask(classes, every(BACKSLASH));
        self.escaped[block % BLOCKS] = _mm512_test_epi8_mask(classes, every(ESCAPED));
    }

    /// Makes the last eight blocks whole: behind the end of the text all masks are 0.
    fn end(&mut self, count: usize) {
        for block in count..count.next_multiple_of(8).min(BLOCKS) {
            for words in [&mut self.class, &mut self.lone, &mut self.backslash, &mut self.escaped] {
                words[block % BLOCKS] = 0;
            }
        }
    }
}

/// First all masks, block by block; then edges and escapes of eight blocks at a time.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2")]
fn blocks_avx512(finder: &mut Finder, batch: &mut Batch, limit: usize) {
    let from = finder.at;
    let Room { masks, starts, ends, escapes } = &mut *batch.room;
    let count = blocks_of(finder, &mut batch.needles, limit, masks);
    let mut state = Carried::new(&finder.state);
    (starts.count, ends.count, escapes.count) = (0, 0, 0);
    for block in (0..count).step_by(8) {
        let edges = state.edges(eight(&masks.class, block));
        starts.add(edges.starts, block);
        ends.add(edges.ends, block);
        let backslash = state.behind_backslash(eight(&masks.backslash, block));
        let escaped = _mm512_and_si512(backslash, eight(&masks.escaped, block));
        escapes.add(_mm512_or_si512(escaped, eight(&masks.lone, block)), block);
    }
    finder.state = state.last();
    finder.at = finder.text.len().min(from + count * 64);
    batch.searched = finder.at;
    for (bits, block) in starts.iter() {
        batch.starts.push_bits(bits, (from + block * 64).wrapping_sub(MIN_RUN - 1));
    }
    for (bits, block) in ends.iter() {
        batch.ends.push_bits(bits, from + block * 64);
    }
    for (bits, block) in escapes.iter() {
        batch.escapes.push_bits(bits, masks.lone[block % BLOCKS], from + block * 64);
    }
}

/// Makes the masks of all blocks, and finds needles; how many blocks there are.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2")]
fn blocks_of(finder: &mut Finder, hits: &mut Hits, limit: usize, masks: &mut Words) -> usize {
    let classes = Table::new(&CLASSES);
    let needles = NeedleTables::new(finder.needles);
    let text = finder.text.get(finder.at..).unwrap_or_default();
    let length = text.len().min(limit - finder.at);
    let mut nul = 0;
    for (block, at) in (0..length).step_by(64).enumerate() {
        let rest = &text[at..];
        let (bytes, lead, here) = match rest.first_chunk::<WINDOW>() {
            Some(window) => (load(window, 0), needles.fits(window), u64::MAX),
            None => (load_some(rest), needles.fits_some(rest), some(rest.len())),
        };
        nul |= _mm512_testn_epi8_mask(bytes, bytes) & here;
        hits.push_bits(lead & here, at);
        masks.set(block, classes.of(bytes));
    }
    finder.nul |= nul != 0;
    let count = length.div_ceil(64);
    masks.end(count);
    count
}

/// The eight words from that one on, a multiple of eight.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2")]
fn eight(words: &[u64; BLOCKS], from: usize) -> __m512i {
    let words: &[u64; 8] = words[from % BLOCKS..].first_chunk().unwrap_or(&[0; 8]);
    // SAFETY: the array has the 64 bytes that are read; the load needs no alignment.
    unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
}

/// [`State`] for eight blocks at a time: the words that the last eight had, whole.
struct Carried {
    one: __m512i,
    two: __m512i,
    four: __m512i,
    eight: __m512i,
    windows: __m512i,
    backslash: __m512i,
}

/// Where runs begin and end in eight blocks.
struct Edged {
    starts: __m512i,
    ends: __m512i,
}

impl Carried {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2")]
    fn new(state: &State) -> Self {
        let word = |word: u64| _mm512_set1_epi64(word as i64);
        Self {
            one: word(state.one << 63),
            two: word(state.two << 62),
            four: word(state.four << 60),
            eight: word(state.eight << 56),
            windows: word(state.windows << 63),
            backslash: word(state.backslash << 63),
        }
    }

    /// The same for block after block.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2")]
    fn last(&self) -> State {
        State {
            one: last(self.one) >> 63,
            two: last(self.two) >> 62,
            four: last(self.four) >> 60,
            eight: last(self.eight) >> 56,
            windows: last(self.windows) >> 63,
            backslash: last(self.backslash) >> 63,
        }
    }

    /// [`State::block`] for eight.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2")]
    fn edges(&mut self, one: __m512i) -> Edged {
        let two = _mm512_and_si512(one, shifted::<1>(one, self.one));
        let four = _mm512_and_si512(two, shifted::<2>(two, self.two));
        let eight = _mm512_and_si512(four, shifted::<4>(four, self.four));
        let windows = _mm512_and_si512(eight, shifted::<8>(eight, self.eight));
        let before = shifted::<1>(windows, self.windows);
        (self.one, self.two, self.four, self.eight, self.windows) = (one, two, four, eight, windows);
        Edged { starts: _mm512_andnot_si512(before, windows), ends: _mm512_andnot_si512(windows, before) }
    }

    /// The bytes behind a backslash or `<`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2")]
    fn behind_backslash(&mut self, backslash: __m512i) -> __m512i {
        let behind = shifted::<1>(backslash, self.backslash);
        self.backslash = backslash;
        behind
    }
}

/// 512 bits moved up by so many, those of `before` moved in.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2")]
fn shifted<const BITS: i32>(words: __m512i, before: __m512i) -> __m512i {
    _mm512_shldi_epi64::<BITS>(words, _mm512_alignr_epi64::<7>(words, before))
}

/// The uppermost of eight words.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2")]
fn last(words: __m512i) -> u64 {
    _mm_extract_epi64::<1>(_mm512_extracti32x4_epi32::<3>(words)).cast_unsigned()
}

/// The words of a batch in which a bit is set, and of which block each is.
#[derive(Debug)]
struct Kept {
    words: [u64; BLOCKS + 8],
    blocks: [u64; BLOCKS + 8],
    count: usize,
}

impl Default for Kept {
    fn default() -> Self {
        Self { words: [0; BLOCKS + 8], blocks: [0; BLOCKS + 8], count: 0 }
    }
}

impl Kept {
    /// Adds those of eight blocks, without a branch.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2")]
    fn add(&mut self, words: __m512i, block: usize) {
        let set = _mm512_test_epi64_mask(words, words);
        let blocks =
            _mm512_add_epi64(_mm512_set1_epi64(block as i64), _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7));
        store(&mut self.words, self.count, _mm512_maskz_compress_epi64(set, words));
        store(&mut self.blocks, self.count, _mm512_maskz_compress_epi64(set, blocks));
        self.count += set.count_ones() as usize;
    }

    fn iter(&self) -> impl Iterator<Item = (u64, usize)> {
        self.words.iter().zip(&self.blocks).take(self.count).map(|(word, block)| (*word, *block as usize))
    }
}

/// Writes eight words from that one on, if there is room for them.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2")]
fn store(words: &mut [u64; BLOCKS + 8], from: usize, eight: __m512i) {
    if let Some(room) = words.get_mut(from..from + 8) {
        // SAFETY: the slice has the 64 bytes that are written; the store needs no alignment.
        unsafe { _mm512_storeu_si512(room.as_mut_ptr().cast(), eight) };
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn mark_avx512<'a>(text: &[u8], edges: impl Iterator<Item = (&'a u32, &'a u32)>, marked: &mut Marked) {
    let classes = Table::new(&CLASSES);
    for (number, (start, end)) in edges.enumerate() {
        let rest = text.get(*start as usize..).unwrap_or_default();
        let bytes = match rest.first_chunk::<64>() {
            Some(block) => load(block, 0),
            None => load_some(rest),
        };
        let of = classes.of(bytes);
        let joint = _mm512_test_epi8_mask(of, every(JOINT));
        let digit = _mm512_test_epi8_mask(of, every(DIGIT));
        marked.add(number, end.wrapping_sub(*start) as usize, Marks { joint, digit });
    }
}

/// A byte for each ASCII character.
struct Table([__m512i; 2]);

impl Table {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    fn new(table: &[u8; 128]) -> Self {
        Self([load(table, 0), load(table, 64)])
    }

    /// What it says of each byte; 0 of those of 128 and more.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    fn of(&self, bytes: __m512i) -> __m512i {
        let ascii = _mm512_testn_epi8_mask(bytes, every(0x80));
        _mm512_maskz_permutex2var_epi8(ascii, self.0[0], bytes, self.0[1])
    }

    /// What it says of the lower seven bits of each byte.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    fn of_low(&self, bytes: __m512i) -> __m512i {
        _mm512_permutex2var_epi8(self.0[0], bytes, self.0[1])
    }
}

/// The sets that a needle's bytes are of, by their places.
struct NeedleTables([Table; 4]);

/// Bytes that are read to know where needles begin in 64.
const WINDOW: usize = 64 + 3;

impl NeedleTables {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    fn new(Needles([a, b, c, d]): &Needles) -> Self {
        Self([Table::new(a), Table::new(b), Table::new(c), Table::new(d)])
    }

    /// Where in the first 64 bytes a needle may begin.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    fn fits(&self, window: &[u8; WINDOW]) -> __mmask64 {
        self.sets([load(window, 0), load(window, 1), load(window, 2), load(window, 3)])
    }

    /// The same for the end of a text, as if zeros followed.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    fn fits_some(&self, rest: &[u8]) -> __mmask64 {
        let from = |at: usize| rest.get(at..).unwrap_or_default();
        self.sets([load_some(rest), load_some(from(1)), load_some(from(2)), load_some(from(3))])
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    fn sets(&self, [a, b, c, d]: [__m512i; 4]) -> __mmask64 {
        let first = _mm512_and_si512(self.0[0].of_low(a), self.0[1].of_low(b));
        let last = _mm512_and_si512(self.0[2].of_low(c), self.0[3].of_low(d));
        _mm512_test_epi8_mask(first, last)
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn every(byte: u8) -> __m512i {
    _mm512_set1_epi8(byte as i8)
}

/// The 64 bytes of `window` from `from` on.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn load<const N: usize>(window: &[u8; N], from: usize) -> __m512i {
    assert!(from + 64 <= N, "within the window");
    // SAFETY: the 64 bytes lie within the window, as was just asked; the load needs no alignment.
    unsafe { _mm512_loadu_si512(window.as_ptr().add(from).cast()) }
}

/// Up to 64 bytes, with zeros behind them.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn load_some(bytes: &[u8]) -> __m512i {
    // SAFETY: bytes that the mask leaves out are not read, and it has no more than the slice has.
    unsafe { _mm512_maskz_loadu_epi8(some(bytes.len()), bytes.as_ptr().cast()) }
}

/// As many bits as there are bytes.
#[inline]
fn some(count: usize) -> u64 {
    if count >= 64 { u64::MAX } else { (1 << count) - 1 }
}
