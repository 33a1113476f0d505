//! The words' bytes with AVX2: 64 places a step, two table look-ups for each of four bytes.
#![expect(unsafe_code, reason = "vector loads, and the call that needs AVX2; each with its proof")]

use std::arch::x86_64::{
    __m256i, _mm_loadu_si128, _mm256_and_si256, _mm256_broadcastsi128_si256, _mm256_cmpeq_epi8,
    _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_set1_epi8, _mm256_setzero_si256, _mm256_shuffle_epi8,
    _mm256_srli_epi16,
};

use super::Tables;

/// Calls `hit` for every place from `from` on whose three bytes may be a word's; returns how far it went, a few bytes short of
/// the end.
///
/// The caller has seen that the processor has AVX2.
pub(super) fn scan(text: &[u8], from: usize, tables: &Tables, hit: impl FnMut(usize)) -> usize {
    // SAFETY: the only caller asks `is_x86_feature_detected!("avx2")` first.
    unsafe { scan_avx2(text, from, tables, hit) }
}

#[target_feature(enable = "avx2")]
fn scan_avx2(text: &[u8], from: usize, tables: &Tables, mut hit: impl FnMut(usize)) -> usize {
    let mut at = from;
    let mut hits = [0; HITS];
    loop {
        let (count, reached) = gather(text, at, tables, &mut hits);
        hits[..count].iter().for_each(|place| hit(*place as usize));
        at = reached;
        if text.len() - at < WINDOW {
            return at;
        }
    }
}

/// Room for places that are gathered before any of them is looked at. The loop that gathers calls nothing, so that the
/// tables stay in registers.
const HITS: usize = 128;

/// Gathers places from `at` on, until there might be no room for those of one step more, or at the end. Returns how many,
/// and how far it went.
#[target_feature(enable = "avx2")]
fn gather(text: &[u8], mut at: usize, tables: &Tables, hits: &mut [u32; HITS]) -> (usize, usize) {
    let (low, high) = (&tables.low, &tables.high);
    let low = [table(&low[0]), table(&low[1]), table(&low[2]), table(&low[3])];
    let high = [table(&high[0]), table(&high[1]), table(&high[2]), table(&high[3])];
    let mut count = 0;
    while count <= HITS - STEP {
        let Some(window) = text.get(at..).and_then(<[u8]>::first_chunk) else { break };
        let (lower, upper) = (fits::<0>(window, &low, &high), fits::<32>(window, &low, &high));
        let mut places = u64::from(upper) << 32 | u64::from(lower);
        while places != 0 {
            hits[count % HITS] = at as u32 + places.trailing_zeros();
            count += 1;
            places &= places - 1;
        }
        at += STEP;
    }
    (count, at)
}

/// The 32 places from byte `FROM` of a window on: where all four bytes are of one bucket's words.
#[inline]
#[target_feature(enable = "avx2")]
fn fits<const FROM: usize>(window: &[u8; WINDOW], low: &[__m256i; 4], high: &[__m256i; 4]) -> u32 {
    let first = buckets(load(window, FROM), low[0], high[0]);
    let second = buckets(load(window, FROM + 1), low[1], high[1]);
    let third = buckets(load(window, FROM + 2), low[2], high[2]);
    let fourth = buckets_of_any(load(window, FROM + 3), low[3], high[3]);
    let shared = _mm256_and_si256(_mm256_and_si256(first, second), _mm256_and_si256(third, fourth));
    !(_mm256_movemask_epi8(_mm256_cmpeq_epi8(shared, _mm256_setzero_si256())) as u32)
}

/// Places that are looked at in a step.
const STEP: usize = 64;

/// Bytes that a step reads.
const WINDOW: usize = STEP + 3;

/// The 32 bytes from `from` (at most 35) on.
#[inline]
#[target_feature(enable = "avx2")]
fn load(window: &[u8; WINDOW], from: usize) -> __m256i {
    debug_assert!(from + 32 <= WINDOW);
    // SAFETY: `from` is at most 35, so the 32 bytes lie within the window; the load needs no alignment.
    unsafe { _mm256_loadu_si256(window.as_ptr().add(from).cast()) }
}

/// For each byte the buckets of words that have it in this place. None for bytes of 128 and more.
#[inline]
#[target_feature(enable = "avx2")]
fn buckets(bytes: __m256i, low: __m256i, high: __m256i) -> __m256i {
    let nibble = _mm256_and_si256(_mm256_srli_epi16::<4>(bytes), _mm256_set1_epi8(0x0f));
    _mm256_and_si256(_mm256_shuffle_epi8(low, bytes), _mm256_shuffle_epi8(high, nibble))
}

/// The same for the fourth byte, which may be any where a word has only three: there bytes of 128 and more count as if
/// their top bit were not set.
#[inline]
#[target_feature(enable = "avx2")]
fn buckets_of_any(bytes: __m256i, low: __m256i, high: __m256i) -> __m256i {
    buckets(_mm256_and_si256(bytes, _mm256_set1_epi8(0x7f)), low, high)
}

#[inline]
#[target_feature(enable = "avx2")]
fn table(nibbles: &[u8; 16]) -> __m256i {
    // SAFETY: exactly the 16 bytes of the array are read; the load needs no alignment.
    _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(nibbles.as_ptr().cast()) })
}
