//! The same questions to sixteen runs, or places, at once.
//!
//! One of the few rooms with `unsafe`: its only reasons are loads and gathers from slices, stores to one, and the calls
//! into functions that need processor features.
#![expect(
    unsafe_code,
    reason = "vector loads, gathers and stores, and the calls that need AVX-512; each with its proof"
)]

use std::arch::x86_64::{
    __m512i, __mmask16, _mm_loadu_si128, _mm512_add_epi32, _mm512_and_si512, _mm512_cmpeq_epi8_mask,
    _mm512_cmpeq_epi32_mask, _mm512_cmpge_epu32_mask, _mm512_cmple_epu32_mask, _mm512_cmplt_epu8_mask,
    _mm512_cvtepu8_epi32, _mm512_i32gather_epi32, _mm512_loadu_si512, _mm512_mask_blend_epi32,
    _mm512_mask_compressstoreu_epi32, _mm512_mask_i32gather_epi32, _mm512_maskz_compress_epi8,
    _mm512_maskz_loadu_epi32, _mm512_movm_epi8, _mm512_mullo_epi32, _mm512_or_si512,
    _mm512_permutex2var_epi8, _mm512_set1_epi8, _mm512_set1_epi32, _mm512_set4_epi32, _mm512_setzero_si512,
    _mm512_shuffle_epi8, _mm512_slli_epi32, _mm512_srli_epi32, _mm512_srlv_epi32, _mm512_storeu_si512,
    _mm512_sub_epi8, _mm512_sub_epi32, _mm512_test_epi32_mask, _mm512_xor_si512,
};

use super::super::Detectors;
use super::super::index::{Bitmap, HASH, Index};
use super::{ABOVE, BELOW, ENCODES, FIRST, LEAD, LOW, OPENS, SECOND, Sieve};

/// Sieves the runs that begin at `starts`, if the text is not too long for such places.
///
/// Only for a processor that has AVX512BW, VBMI and VBMI2.
pub(super) fn sieve(text: &[u8], starts: &[u32], detectors: &Detectors) -> Option<Sieve> {
    let reach = Reach::of(text)?;
    // SAFETY: a batch has the level that leads here only if `is_x86_feature_detected!` said yes to all of them.
    Some(unsafe { sieve_avx512(&reach, starts, detectors) })
}

/// Keeps of `places` those where an anchor of the index may begin, in front; how many there are. `None` if the text is
/// too long.
pub(super) fn begin(text: &[u8], index: &Index, places: &mut [u32]) -> Option<usize> {
    let reach = Reach::of(text)?;
    // SAFETY: as for `sieve`.
    Some(unsafe { begin_avx512(&reach, index, places) })
}

/// Writes `from` and the bit's number for each bit that is set; how many there are. Those that find no room are left out.
#[inline]
pub(super) fn spread(from: usize, bits: u64, places: &mut [u32]) -> usize {
    // SAFETY: as for `sieve`.
    unsafe { spread_avx512(from as u32, bits, places) }
}

/// A text whose places are 31-bit numbers.
struct Reach<'a> {
    text: &'a [u8],
    /// The last place with four bytes.
    last: u32,
}

impl<'a> Reach<'a> {
    fn of(text: &'a [u8]) -> Option<Self> {
        let last = text.len().checked_sub(4)?;
        Some(Self { text, last: i32::try_from(last).ok()?.unsigned_abs() })
    }

    /// The four bytes at each of these places, and of which places they are: those that lie within.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    fn four(&self, places: __m512i, of: __mmask16) -> (__m512i, __mmask16) {
        let within = _mm512_cmple_epu32_mask(places, every(self.last)) & of;
        // SAFETY: lanes that the mask leaves out are not read. The others' places are at most `last`, which has four
        // bytes behind it and is no negative number.
        let four = unsafe {
            _mm512_mask_i32gather_epi32::<1>(
                _mm512_setzero_si512(),
                within,
                places,
                self.text.as_ptr().cast(),
            )
        };
        (four, within)
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn sieve_avx512(reach: &Reach, starts: &[u32], detectors: &Detectors) -> Sieve {
    let beginnings = Beginnings::new(&detectors.at_start);
    let before = Bits(detectors.before.all());
    let mut sieve = Sieve::default();
    for (chunk, number) in starts.chunks(16).zip((0..).step_by(16)) {
        let (starts, lanes) = load_some(chunk);
        let (first, within) = reach.four(starts, lanes);
        let lead = _mm512_cmpge_epu32_mask(starts, every(LEAD as u32));
        let (ahead, led) = reach.four(_mm512_sub_epi32(starts, every(LEAD as u32)), lanes & lead);
        let unnamed = unnamed(reach, starts, ahead, led, detectors.names.last_letters());
        sieve.unnamed.insert_sixteen(number, unnamed);
        let ahead = _mm512_srli_epi32::<8>(ahead);
        let last = _mm512_srli_epi32::<16>(ahead);
        let glued = _mm512_cmpeq_epi32_mask(last, every(u32::from(b'\\')))
            | _mm512_cmpeq_epi32_mask(last, every(u32::from(b'%')));
        let stands = _mm512_or_si512(beginnings.have(first), before.have(hash_of_three(ahead)));
        let anchored = _mm512_test_epi32_mask(stands, every(1)) | glued | !within | !led;
        sieve.anchored.insert_sixteen(number, anchored & lanes);
        sieve.encoded.insert_sixteen(number, encoded(first) & within);
    }
    sieve
}

/// Which of these runs are values of JSON members whose names tell nothing by their last letters; see
/// [`field::is_plainly_unnamed`](super::field::is_plainly_unnamed). `ahead`: the four bytes before each.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn unnamed(reach: &Reach, starts: __m512i, ahead: __m512i, of: __mmask16, letters: &Bitmap) -> __mmask16 {
    const TIGHT: u32 = u32::from_le_bytes(*b"\":\"\0");
    let spaced = _mm512_cmpeq_epi32_mask(ahead, every(u32::from_le_bytes(*b"\": \"")));
    let tight = _mm512_cmpeq_epi32_mask(_mm512_srli_epi32::<8>(ahead), every(TIGHT));
    let between = _mm512_mask_blend_epi32(tight, every(4), every(3));
    // Places before the text's beginning become greater than all others.
    let (name, within) =
        reach.four(_mm512_sub_epi32(starts, _mm512_add_epi32(between, every(4))), of & (spaced | tight));
    // The last letter becomes the lowest byte.
    let name =
        _mm512_shuffle_epi8(name, _mm512_set4_epi32(0x0c0d_0e0f, 0x0809_0a0b, 0x0405_0607, 0x0001_0203));
    let folded = _mm512_or_si512(name, every(0x2020_2020));
    let from_a = _mm512_sub_epi8(folded, _mm512_set1_epi8(b'a' as i8));
    let is_letter = _mm512_movm_epi8(_mm512_cmplt_epu8_mask(from_a, _mm512_set1_epi8(26)));
    let is_quote = _mm512_movm_epi8(_mm512_cmpeq_epi8_mask(name, _mm512_set1_epi8(b'"' as i8)));
    // All are letters, or the upper ones are a quote, or a quote and anything.
    let stands = |letters: u32, quote: u32| {
        let both = _mm512_or_si512(
            _mm512_and_si512(is_letter, every(letters)),
            _mm512_and_si512(is_quote, every(quote)),
        );
        _mm512_cmpeq_epi32_mask(both, every(letters | quote))
    };
    let (four, three, two) =
        (stands(u32::MAX, 0), stands(0x00ff_ffff, 0xff00_0000), stands(0xffff, 0x00ff_0000));
    let kept = _mm512_mask_blend_epi32(three, every(u32::MAX), every(0x00ff_ffff));
    let kept = _mm512_mask_blend_epi32(two, kept, every(0xffff));
    let letters_of = _mm512_and_si512(folded, kept);
    // `names::mix`
    let first = _mm512_srli_epi32::<24>(letters_of);
    let mixed = _mm512_xor_si512(letters_of, _mm512_xor_si512(first, _mm512_slli_epi32::<11>(first)));
    let may_end = _mm512_test_epi32_mask(Bits(letters.bits()).have(hash_of_low(mixed)), every(1));
    within & (four | three | two) & !may_end
}

/// Which of these may be the first four digits of base64 of something readable.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn encoded(first: __m512i) -> __mmask16 {
    const TWO: u32 = u32::from_le_bytes([FIRST, SECOND, 0, 0]);
    let (low, high) = ENCODES.split_at(128);
    let (Some(a), Some(b)) = (low.first_chunk::<64>(), low.last_chunk::<64>()) else { return 0 };
    debug_assert!(high.iter().all(|of| *of == 0));
    let of = _mm512_permutex2var_epi8(load(a), first, load(b));
    let two = _mm512_cmpeq_epi32_mask(_mm512_and_si512(of, every(TWO)), every(TWO));
    // The fourth digit's bit, brought to where the third one's is.
    let fourth = _mm512_srli_epi32::<{ 8 + LOW.trailing_zeros() - BELOW.trailing_zeros() }>(of);
    let below = _mm512_test_epi32_mask(_mm512_and_si512(of, fourth), every(u32::from(BELOW) << 16));
    let third = below | _mm512_test_epi32_mask(of, every(u32::from(ABOVE) << 16 | u32::from(OPENS)));
    // The table was asked by the lower seven bits.
    let beyond = _mm512_test_epi32_mask(first, every(0x8080_8080));
    two & third & !beyond
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn begin_avx512(reach: &Reach, index: &Index, places: &mut [u32]) -> usize {
    let beginnings = Beginnings::new(index);
    let mut count = 0;
    for from in (0..places.len()).step_by(16) {
        let (at, lanes) = load_some(places.get(from..).unwrap_or_default());
        let (four, within) = reach.four(at, lanes);
        let kept = _mm512_test_epi32_mask(beginnings.have(four), every(1)) & within;
        let kept_count = kept.count_ones() as usize;
        assert!(count + kept_count <= places.len(), "no more than there were");
        // SAFETY: as many places are written as bits are set, and they fit behind the first `count` of the slice, as
        // was just asked. They overwrite what was read already.
        unsafe { _mm512_mask_compressstoreu_epi32(places.as_mut_ptr().add(count).cast(), kept, at) };
        count += kept_count;
    }
    count
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2")]
fn spread_avx512(from: u32, bits: u64, places: &mut [u32]) -> usize {
    let count = (bits.count_ones() as usize).min(places.len().saturating_sub(16));
    let mut numbers = [0u8; 64];
    // SAFETY: the array has the 64 bytes that are written.
    unsafe {
        _mm512_storeu_si512(numbers.as_mut_ptr().cast(), _mm512_maskz_compress_epi8(bits, load(&IOTA)))
    };
    for (sixteen, places) in numbers.as_chunks::<16>().0.iter().zip(places.as_chunks_mut::<16>().0) {
        // SAFETY: both arrays have the sixteen numbers that are read and written.
        unsafe {
            let sixteen = _mm512_cvtepu8_epi32(_mm_loadu_si128(sixteen.as_ptr().cast()));
            let at = _mm512_add_epi32(sixteen, every(from));
            _mm512_storeu_si512(places.as_mut_ptr().cast(), at);
        }
        if count <= 16 {
            break;
        }
    }
    count
}

static IOTA: [u8; 64] = {
    let mut numbers = [0; 64];
    let mut number = 0;
    while number < 64 {
        numbers[number] = number as u8;
        number += 1;
    }
    numbers
};

/// The beginnings of an index's anchors.
struct Beginnings<'a> {
    four: Bits<'a>,
    short: Bits<'a>,
}

impl<'a> Beginnings<'a> {
    fn new(index: &'a Index) -> Self {
        let (four, short) = index.beginnings();
        Self { four: Bits(four), short: Bits(short) }
    }

    /// [`Index::may_begin`]: the lowest bit of each lane says it.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    fn have(&self, four: __m512i) -> __m512i {
        let folded = _mm512_or_si512(four, every(0x2020_2020));
        let hash = _mm512_srli_epi32::<16>(_mm512_mullo_epi32(folded, every(HASH)));
        _mm512_or_si512(self.four.have(hash), self.short.have(hash_of_three(folded)))
    }
}

/// The hash of the lower three bytes, folded.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn hash_of_three(bytes: __m512i) -> __m512i {
    hash_of_low(_mm512_or_si512(bytes, every(0x0020_2020)))
}

/// The hash of the lower three bytes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn hash_of_low(bytes: __m512i) -> __m512i {
    let low = _mm512_and_si512(bytes, every(0x00ff_ffff));
    _mm512_srli_epi32::<16>(_mm512_mullo_epi32(low, every(HASH)))
}

/// 64 Ki bits.
struct Bits<'a>(&'a [u64; 1024]);

impl Bits<'_> {
    /// The bit of that number of 16 bits; it is the lowest of its lane, and others stand above it.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    fn have(&self, number: __m512i) -> __m512i {
        let word = _mm512_srli_epi32::<5>(number);
        // SAFETY: a number of 16 bits is in a word below 2048, and there are as many of 32 bits. (x86 has the lower
        // half of a word of 64 bits first.)
        let words = unsafe { _mm512_i32gather_epi32::<4>(word, self.0.as_ptr().cast()) };
        _mm512_srlv_epi32(words, _mm512_and_si512(number, every(31)))
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn every(number: u32) -> __m512i {
    _mm512_set1_epi32(number as i32)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn load(bytes: &[u8; 64]) -> __m512i {
    // SAFETY: the array has the 64 bytes that are read; the load needs no alignment.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

/// Up to sixteen numbers with zeros behind them, and which lanes they are in.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn load_some(numbers: &[u32]) -> (__m512i, __mmask16) {
    let lanes = if numbers.len() >= 16 { u16::MAX } else { (1 << numbers.len()) - 1 };
    // SAFETY: lanes that the mask leaves out are not read, and it has no more than the slice has.
    (unsafe { _mm512_maskz_loadu_epi32(lanes, numbers.as_ptr().cast()) }, lanes)
}
