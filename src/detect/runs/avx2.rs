//! The run finder's masks with AVX2: 64 bytes a step, two table look-ups by nibble.
//!
//! One of the few rooms with `unsafe`: its only reasons are the loads from a slice and the call into a function that
//! needs a processor feature.
#![expect(unsafe_code, reason = "vector loads, and the call that needs AVX2; each with its proof")]

use std::arch::x86_64::{
    __m256i, _mm256_and_si256, _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_min_epu8, _mm256_movemask_epi8,
    _mm256_or_si256, _mm256_set1_epi8, _mm256_setr_epi8, _mm256_setzero_si256, _mm256_shuffle_epi8,
    _mm256_slli_epi16, _mm256_srli_epi16,
};

use super::{Batch, Finder, Masks};

/// Takes whole blocks of 64 bytes until the batch is full or fewer bytes are left.
pub(super) fn blocks(finder: &mut Finder, batch: &mut Batch) {
    // SAFETY: a finder takes this way only if `is_x86_feature_detected!("avx2")` said yes.
    unsafe { blocks_avx2(finder, batch) }
}

// Each byte's low nibble and high nibble choose a set of bits; a byte has the classes that both sets share:
// bit 0 `+ - /`, bit 1 `A-O a-o`, bit 2 `P-Z _`, bit 3 `p-z`, bit 4 `+ - / _` (and `[ ]`, which are in no run),
// bit 5 `\ <`, bit 6 `% &`, bit 7 `0-9`. A shuffle gives 0 for an index with its top bit set, so bytes of 128 and more have none.
const CLASS: i8 = 0b1000_1111u8 as i8;
const BY_LOW: [i8; 16] = [
    0b1000_1100u8 as i8, // 0: 0, P, p
    0b1000_1110u8 as i8,
    0b1000_1110u8 as i8,
    0b1000_1110u8 as i8,
    0b1000_1110u8 as i8,
    0b1100_1110u8 as i8, // 5: %
    0b1100_1110u8 as i8, // 6: &
    0b1000_1110u8 as i8,
    0b1000_1110u8 as i8,
    0b1000_1110u8 as i8,
    0b0000_1110, // a: J, Z, z
    0b0001_0011, // b: +
    0b0010_0010, // c: \, <
    0b0001_0011, // d: -
    0b0000_0010,
    0b0001_0111, // f: /, _
];
const BY_HIGH: [i8; 16] =
    [0, 0, 0b0101_0001, 0b1010_0000u8 as i8, 0b10, 0b0011_0100, 0b10, 0b1000, 0, 0, 0, 0, 0, 0, 0, 0];

#[target_feature(enable = "avx2")]
fn blocks_avx2(finder: &mut Finder, batch: &mut Batch) {
    let mut state = finder.state;
    let (mut at, mut nul) = (finder.at, false);
    // The lists are lent out for the loop, so that edges can be pushed while words are written.
    let mut joints = std::mem::take(&mut batch.joints);
    let mut digits = std::mem::take(&mut batch.digits);
    let words = joints[at / 64..].iter_mut().zip(&mut digits[at / 64..]);
    for (block, (joint, digit)) in finder.text[at..].as_chunks::<64>().0.iter().zip(words) {
        if batch.is_full() {
            break;
        }
        let masks = masks(block, state.backslash);
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

/// The masks of a block; what a backslash escapes is looked at only where there is one, or was at the end before.
#[inline]
#[target_feature(enable = "avx2")]
fn masks(block: &[u8; 64], backslash: u64) -> Masks {
    // SAFETY: both loads lie within the 64 bytes, and need no alignment.
    let halves = unsafe {
        let start = block.as_ptr().cast::<__m256i>();
        [_mm256_loadu_si256(start), _mm256_loadu_si256(start.add(1))]
    };
    // Spelled out: a closure handed to `map` would be compiled without AVX2.
    let (low, high) = (half(halves[0]), half(halves[1]));
    let backslashes = join(low.backslash, high.backslash);
    let escaped = match backslashes | backslash {
        0 => 0,
        _ => join(escaped(halves[0]), escaped(halves[1])),
    };
    let zeros = _mm256_cmpeq_epi8(_mm256_min_epu8(halves[0], halves[1]), _mm256_setzero_si256());
    Masks {
        class: !join(low.other, high.other),
        joint: join(low.joint, high.joint),
        digit: join(low.digit, high.digit),
        percent: join(low.percent, high.percent),
        backslash: backslashes,
        escaped,
        nul: _mm256_movemask_epi8(zeros) != 0,
    }
}

/// Masks of 32 bytes.
struct Half {
    other: u32,
    joint: u32,
    digit: u32,
    percent: u32,
    backslash: u32,
}

#[inline]
#[target_feature(enable = "avx2")]
fn half(bytes: __m256i) -> Half {
    let low = _mm256_shuffle_epi8(twice(BY_LOW), bytes);
    let nibble = _mm256_and_si256(_mm256_srli_epi16::<4>(bytes), _mm256_set1_epi8(0x0f));
    let high = _mm256_shuffle_epi8(twice(BY_HIGH), nibble);
    let bits = _mm256_and_si256(low, high);
    let class = _mm256_and_si256(bits, _mm256_set1_epi8(CLASS));
    Half {
        other: _mm256_movemask_epi8(_mm256_cmpeq_epi8(class, _mm256_setzero_si256())) as u32,
        digit: _mm256_movemask_epi8(bits) as u32,
        percent: _mm256_movemask_epi8(_mm256_slli_epi16::<1>(bits)) as u32,
        backslash: _mm256_movemask_epi8(_mm256_slli_epi16::<2>(bits)) as u32,
        joint: _mm256_movemask_epi8(_mm256_slli_epi16::<3>(bits)) as u32,
    }
}

/// Which of 32 bytes are `u`, `/` or `w`.
#[inline]
#[target_feature(enable = "avx2")]
fn escaped(bytes: __m256i) -> u32 {
    // `u` and `w` differ in one bit.
    let letter = _mm256_or_si256(bytes, _mm256_set1_epi8(2));
    let escaped = _mm256_or_si256(
        _mm256_cmpeq_epi8(letter, _mm256_set1_epi8(b'w' as i8)),
        _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(b'/' as i8)),
    );
    _mm256_movemask_epi8(escaped) as u32
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
