//! The run finder's masks with AVX2: 64 bytes a step, two table look-ups by nibble.
//!
//! One of the few rooms with `unsafe`: its only reasons are the loads from a slice and the call into a function that
//! needs a processor feature.
#![expect(unsafe_code, reason = "vector loads, and the call that needs AVX2; each with its proof")]

use std::arch::x86_64::{
    __m256i, _mm256_and_si256, _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_min_epu8, _mm256_movemask_epi8,
    _mm256_or_si256, _mm256_set1_epi8, _mm256_setr_epi8, _mm256_setzero_si256, _mm256_shuffle_epi8,
    _mm256_slli_epi16, _mm256_srli_epi16, _mm256_sub_epi8,
};

use super::{Batch, Finder, Marks, Masks};

/// Takes whole blocks of 64 bytes until the batch is full or `limit` is reached, or fewer bytes are left.
pub(super) fn blocks(finder: &mut Finder, batch: &mut Batch, limit: usize) {
    // SAFETY: a finder takes this way only if `is_x86_feature_detected!("avx2")` said yes.
    unsafe { blocks_avx2(finder, batch, limit) }
}

// Each byte's low nibble and high nibble choose a set of bits; a byte has the classes that both sets share:
// bit 0 `+ - /`, bit 1 `A-O a-o`, bit 2 `P-Z p-z`, bit 3 `0-9`, bit 4 `_`, bit 5 `\ <`, bit 6 `% &`, bit 7 `u`, `w`, `x`,
// line ends (and `z`, `}` and three control characters). A shuffle gives 0 for an index with its top bit set, so bytes of 128 and
// more have none.
const CLASS: i8 = 0b0001_1111;
/// What a backslash makes an escape of: bit 7, digits and `+ - / _`.
const ESCAPED: i8 = 0b1001_1001u8 as i8;
const BY_LOW: [i8; 16] = [
    0b0000_1100, // 0: 0, P, p
    0b0000_1110,
    0b0000_1110,
    0b0000_1110,
    0b0000_1110,
    0b1100_1110u8 as i8, // 5: %, u
    0b0100_1110,         // 6: &
    0b1000_1110u8 as i8, // 7: w
    0b1000_1110u8 as i8, // 8: x
    0b0000_1110,
    0b1000_0110u8 as i8, // a: J, Z, z, the line end
    0b0000_0011,         // b: +
    0b0010_0010,         // c: \
    0b1000_0011u8 as i8, // d: -, the other line end
    0b0000_0010,
    0b0001_0011, // f: /, _
];
const BY_HIGH: [i8; 16] = [
    0b1000_0000u8 as i8,
    0,
    0b0100_0001,
    0b0010_1000,
    0b0000_0010,
    0b0011_0100,
    0b0000_0010,
    0b1000_0100u8 as i8,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
];

#[target_feature(enable = "avx2")]
fn blocks_avx2(finder: &mut Finder, batch: &mut Batch, limit: usize) {
    let mut state = finder.state;
    let mut at = finder.at;
    // The least of all bytes in each place: 0 if one of them is 0.
    let mut least = _mm256_set1_epi8(-1);
    for block in finder.text[at..limit].as_chunks::<64>().0 {
        let halves = halves(block);
        least = _mm256_min_epu8(least, _mm256_min_epu8(halves[0], halves[1]));
        state.block(at, masks(halves), batch);
        at += 64;
    }
    finder.state = state;
    finder.at = at;
    finder.nul |= _mm256_movemask_epi8(_mm256_cmpeq_epi8(least, _mm256_setzero_si256())) != 0;
}

#[inline]
#[target_feature(enable = "avx2")]
fn halves(block: &[u8; 64]) -> [__m256i; 2] {
    // SAFETY: both loads lie within the 64 bytes, and need no alignment.
    unsafe {
        let start = block.as_ptr().cast::<__m256i>();
        [_mm256_loadu_si256(start), _mm256_loadu_si256(start.add(1))]
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn masks(halves: [__m256i; 2]) -> Masks {
    // Spelled out: a closure handed to `map` would be compiled without AVX2.
    let (low, high) = (half(halves[0]), half(halves[1]));
    Masks {
        class: !join(low.other, high.other),
        lone: join(low.lone, high.lone),
        backslash: join(low.backslash, high.backslash),
        escaped: !join(low.plain, high.plain),
    }
}

/// Masks of 32 bytes.
struct Half {
    /// Not in a run.
    other: u32,
    lone: u32,
    backslash: u32,
    /// Not escaped by a backslash.
    plain: u32,
}

#[inline]
#[target_feature(enable = "avx2")]
fn half(bytes: __m256i) -> Half {
    let low = _mm256_shuffle_epi8(twice(BY_LOW), bytes);
    let nibble = _mm256_and_si256(_mm256_srli_epi16::<4>(bytes), _mm256_set1_epi8(0x0f));
    let high = _mm256_shuffle_epi8(twice(BY_HIGH), nibble);
    let bits = _mm256_and_si256(low, high);
    Half {
        other: none_of(bits, CLASS),
        lone: _mm256_movemask_epi8(_mm256_slli_epi16::<1>(bits)) as u32,
        backslash: _mm256_movemask_epi8(_mm256_slli_epi16::<2>(bits)) as u32,
        plain: none_of(bits, ESCAPED),
    }
}

/// Which of 32 bytes have none of these bits.
#[inline]
#[target_feature(enable = "avx2")]
fn none_of(bytes: __m256i, bits: i8) -> u32 {
    let some = _mm256_and_si256(bytes, _mm256_set1_epi8(bits));
    _mm256_movemask_epi8(_mm256_cmpeq_epi8(some, _mm256_setzero_si256())) as u32
}

/// The marks of 64 bytes. Only for who knows that the processor has AVX2.
pub(super) fn marks(block: &[u8; 64]) -> Marks {
    // SAFETY: the only caller asks `is_x86_feature_detected!("avx2")` first.
    unsafe { marks_avx2(block) }
}

#[target_feature(enable = "avx2")]
fn marks_avx2(block: &[u8; 64]) -> Marks {
    let [low, high] = halves(block);
    let digits = (within::<9>(low, b'0'), within::<9>(high, b'0'));
    let case = _mm256_set1_epi8(0x20);
    let letters =
        (within::<25>(_mm256_or_si256(low, case), b'a'), within::<25>(_mm256_or_si256(high, case), b'a'));
    let digit = join(digits.0, digits.1);
    Marks { joint: !(digit | join(letters.0, letters.1)), digit }
}

/// Which of 32 bytes are `first` or one of the next `MORE` ones.
#[inline]
#[target_feature(enable = "avx2")]
fn within<const MORE: i8>(bytes: __m256i, first: u8) -> u32 {
    let over = _mm256_sub_epi8(bytes, _mm256_set1_epi8(first as i8));
    let capped = _mm256_min_epu8(over, _mm256_set1_epi8(MORE));
    _mm256_movemask_epi8(_mm256_cmpeq_epi8(over, capped)) as u32
}

#[inline]
fn join(low: u32, high: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

#[inline]
#[target_feature(enable = "avx2")]
fn twice(table: [i8; 16]) -> __m256i {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = table;
    _mm256_setr_epi8(
        a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p,
    )
}
