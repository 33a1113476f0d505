//! The run finder's masks with AVX2: 64 bytes a step, two table look-ups by nibble.
//!
//! One of the few rooms with `unsafe`: its only reasons are the loads from a slice and the call into a function that
//! needs a processor feature.
#![expect(unsafe_code, reason = "vector loads, and the call that needs AVX2; each with its proof")]

use std::arch::x86_64::{
    __m256i, _mm256_and_si256, _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_movemask_epi8,
    _mm256_or_si256, _mm256_set1_epi8, _mm256_setr_epi8, _mm256_setzero_si256, _mm256_shuffle_epi8,
    _mm256_slli_epi16, _mm256_srli_epi16,
};

use super::{BATCH, Batch, Finder, Masks};

/// Takes whole blocks of 64 bytes until the batch is full or fewer bytes are left.
pub(super) fn blocks(finder: &mut Finder, batch: &mut Batch) {
    // SAFETY: a finder takes this way only if `is_x86_feature_detected!("avx2")` said yes.
    unsafe { blocks_avx2(finder, batch) }
}

// Each byte's low nibble and high nibble choose a set of bits; a byte has the classes that both sets share:
// bit 0 `+ - /`, bit 1 `0-9`, bit 2 `A-O a-o`, bit 3 `P-Z`, bit 4 `p-z`, bit 5 `%`, bit 6 `\`, bit 7 `_`.
// A shuffle gives 0 for an index with its top bit set, so bytes of 128 and more have none.
const CLASS: i8 = 0b1001_1111u8 as i8;
const JOINT: i8 = 0b1000_0001u8 as i8;
const DIGIT: i8 = 0b0000_0010;
const BY_LOW: [i8; 16] = [
    0b0001_1010, // 0: 0, P, p
    0b0001_1110,
    0b0001_1110,
    0b0001_1110,
    0b0001_1110,
    0b0011_1110, // 5: %
    0b0001_1110,
    0b0001_1110,
    0b0001_1110,
    0b0001_1110,
    0b0001_1100, // a: J, Z, z
    0b0000_0101, // b: +
    0b0100_0100, // c: \
    0b0000_0101, // d: -
    0b0000_0100,
    0b1000_0101u8 as i8, // f: /, _
];
const BY_HIGH: [i8; 16] =
    [0, 0, 0b0010_0001, 0b10, 0b100, 0b1100_1000u8 as i8, 0b100, 0b1_0000, 0, 0, 0, 0, 0, 0, 0, 0];

#[target_feature(enable = "avx2")]
fn blocks_avx2(finder: &mut Finder, batch: &mut Batch) {
    let mut state = finder.state;
    let (mut at, mut nul) = (finder.at, false);
    // The lists are lent out for the loop, so that edges can be pushed while words are written.
    let mut joints = std::mem::take(&mut batch.joints);
    let mut digits = std::mem::take(&mut batch.digits);
    let words = joints[at / 64..].iter_mut().zip(&mut digits[at / 64..]);
    for (block, (joint, digit)) in finder.text[at..].as_chunks::<64>().0.iter().zip(words) {
        if batch.starts.len() >= BATCH {
            break;
        }
        let masks = masks(block);
        (*joint, *digit) = (masks.joint, masks.digit);
        nul |= masks.nul;
        state.block(at, masks, batch);
        at += 64;
    }
    (batch.joints, batch.digits) = (joints, digits);
    finder.state = state;
    finder.at = at;
    finder.nul |= nul;
}

#[inline]
#[target_feature(enable = "avx2")]
fn masks(block: &[u8; 64]) -> Masks {
    // SAFETY: both loads lie within the 64 bytes, and need no alignment.
    let halves = unsafe {
        let start = block.as_ptr().cast::<__m256i>();
        [_mm256_loadu_si256(start), _mm256_loadu_si256(start.add(1))]
    };
    let [low, high] = halves.map(|bytes| half(bytes));
    Masks {
        class: join(low.class, high.class),
        joint: join(low.joint, high.joint),
        digit: join(low.digit, high.digit),
        percent: join(low.percent, high.percent),
        backslash: join(low.backslash, high.backslash),
        escaped: join(low.escaped, high.escaped),
        nul: low.nul | high.nul != 0,
    }
}

/// Masks of 32 bytes.
struct Half {
    class: u32,
    joint: u32,
    digit: u32,
    percent: u32,
    backslash: u32,
    escaped: u32,
    nul: u32,
}

#[inline]
#[target_feature(enable = "avx2")]
fn half(bytes: __m256i) -> Half {
    let low = _mm256_shuffle_epi8(twice(BY_LOW), bytes);
    let nibble = _mm256_and_si256(_mm256_srli_epi16::<4>(bytes), _mm256_set1_epi8(0x0f));
    let high = _mm256_shuffle_epi8(twice(BY_HIGH), nibble);
    let bits = _mm256_and_si256(low, high);
    let zero = _mm256_setzero_si256();
    let without = |set: i8| {
        _mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_and_si256(bits, _mm256_set1_epi8(set)), zero)) as u32
    };
    let escaped = _mm256_or_si256(
        _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(b'u' as i8)),
        _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(b'/' as i8)),
    );
    Half {
        class: !without(CLASS),
        joint: !without(JOINT),
        digit: !without(DIGIT),
        percent: _mm256_movemask_epi8(_mm256_slli_epi16::<2>(bits)) as u32,
        backslash: _mm256_movemask_epi8(_mm256_slli_epi16::<1>(bits)) as u32,
        escaped: _mm256_movemask_epi8(escaped) as u32,
        nul: _mm256_movemask_epi8(_mm256_cmpeq_epi8(bytes, zero)) as u32,
    }
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
