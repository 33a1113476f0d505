//! The run finder's masks with AVX-512: 64 bytes a step, each class by one look-up in a table of all 128 ASCII bytes, and
//! the needles in the same pass.
//!
//! One of the few rooms with `unsafe`: its only reasons are the loads from a slice and the calls into functions that
//! need processor features.
#![expect(unsafe_code, reason = "vector loads, and the calls that need AVX-512; each with its proof")]

use std::arch::x86_64::{
    __m512i, __mmask64, _mm512_and_si512, _mm512_loadu_si512, _mm512_maskz_loadu_epi8,
    _mm512_maskz_permutex2var_epi8, _mm512_permutex2var_epi8, _mm512_set1_epi8, _mm512_test_epi8_mask,
    _mm512_testn_epi8_mask,
};

use super::{Batch, Finder, Marked, Marks, Masks, Needles};

/// Takes blocks of 64 bytes, and what is left of the text, until the batch is full or `limit` is reached.
pub(super) fn blocks(finder: &mut Finder, batch: &mut Batch, limit: usize) {
    // SAFETY: a finder has this level only if `is_x86_feature_detected!` said yes to AVX512BW and AVX512VBMI (of which
    // AVX512F is a part).
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

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn blocks_avx512(finder: &mut Finder, batch: &mut Batch, limit: usize) {
    let classes = Table::new(&CLASSES);
    let needles = NeedleTables::new(finder.needles);
    let mut state = finder.state;
    let from = finder.at;
    let mut at = from;
    let mut nul = 0;
    while at < limit && !batch.is_full() {
        let rest = &finder.text[at..];
        let (bytes, lead, here) = match rest.first_chunk::<WINDOW>() {
            Some(window) => (load(window, 0), needles.fits(window), u64::MAX),
            None => (load_some(rest), needles.fits_some(rest), some(rest.len())),
        };
        nul |= _mm512_testn_epi8_mask(bytes, bytes) & here;
        batch.needles.push_bits(lead & here, at - from);
        state.block(at, masks(classes.of(bytes)), batch);
        at += 64.min(rest.len());
    }
    finder.state = state;
    finder.at = at;
    finder.nul |= nul != 0;
    batch.searched = at;
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn masks(classes: __m512i) -> Masks {
    Masks {
        class: _mm512_test_epi8_mask(classes, every(RUN)),
        lone: _mm512_test_epi8_mask(classes, every(LONE)),
        backslash: _mm512_test_epi8_mask(classes, every(BACKSLASH)),
        escaped: _mm512_test_epi8_mask(classes, every(ESCAPED)),
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
