//! The run finder: bytes → runs of `[A-Za-z0-9_+/-]` of at least [`MIN_RUN`] bytes, the only places where most
//! credentials can be, and the few places where an escape hides a byte of one.
//!
//! One pass over every byte, so it is the part whose cost everybody pays: about one instruction a byte with AVX2
//! (`avx2`), three to four without. Both are driven by [`Finder`], which hands out small batches so that what looks at
//! the runs next finds their bytes still in the first-level cache.

use memchr::{memchr, memchr2_iter};

use crate::blob::Span;

#[cfg(target_arch = "x86_64")]
mod avx2;

/// The shortest run that is looked at, in bytes.
pub const MIN_RUN: usize = 16;

/// A batch ends with the 64-byte block in which this many runs have come together.
const BATCH: usize = 96;

/// Whether a byte can be part of a run.
#[inline]
pub fn is_run_byte(byte: u8) -> bool {
    RUN_BYTES[byte as usize]
}

static RUN_BYTES: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = (byte as u8).is_ascii_alphanumeric() || matches!(byte as u8, b'_' | b'+' | b'/' | b'-');
        byte += 1;
    }
    table
};

/// What one step of a [`Finder`] gave; positions are bytes of the text.
#[derive(Debug, Default)]
pub struct Batch {
    starts: Edges,
    ends: Edges,
    escapes: Edges,
    /// Which of the first 64 bytes of each run, and of what follows it, are `+ - / _`, and which are digits.
    marks: Marked,
    /// Whether those are made with vector instructions.
    vector: bool,
}

/// The marks of each run of a batch.
#[derive(Debug)]
struct Marked([Marks; EDGES]);

impl Default for Marked {
    fn default() -> Self {
        Self([Marks::default(); EDGES])
    }
}

/// Of up to 64 bytes: which are `+ - / _`, if they are bytes of a run, and which are digits. Bit n stands for byte n.
#[derive(Clone, Copy, Debug, Default)]
struct Marks {
    joint: u64,
    digit: u64,
}

impl Batch {
    fn clear(&mut self) {
        self.starts.count = 0;
        self.ends.count = 0;
        self.escapes.count = 0;
    }

    /// Where something begins that can stand for a byte of a credential, or part it: `%` and `&`, or a backslash or `<`
    /// before `u`, `w`, `x`, a line end, a digit or one of `+ - / _`. (Also before `z`, `}` and three control characters,
    /// which the same test lets pass.)
    pub fn escapes(&self) -> &[u32] {
        self.escapes.as_slice()
    }

    /// Whether the edges or escapes of one block more might find no room.
    #[inline(always)]
    fn is_full(&self) -> bool {
        self.starts.count >= BATCH || self.escapes.count > EDGES - 64
    }

    /// The runs, ascending.
    pub fn runs(&self) -> impl Iterator<Item = Span> {
        let spans = self.starts.as_slice().iter().zip(self.ends.as_slice());
        spans.map(|(start, end)| *start as usize..*end as usize)
    }

    /// The run of that number; an empty one if there is none.
    #[inline]
    pub fn run(&self, number: usize) -> Span {
        self.starts.places[number % EDGES] as usize..self.ends.places[number % EDGES] as usize
    }

    /// Looks at the bytes of all runs.
    fn mark(&mut self, text: &[u8], vector: bool) {
        self.vector = vector;
        let starts = self.starts.places.iter().take(self.ends.count.min(EDGES));
        for (start, marks) in starts.zip(&mut self.marks.0) {
            *marks = Marks::at(text, *start as usize, vector);
        }
    }

    /// Whether one of the first 64 bytes of the run of that number is one of `+ - / _`, or there are more.
    #[inline]
    pub fn has_joint(&self, number: usize) -> bool {
        let length = self.run(number).len();
        self.marks.0[number % EDGES].joint << (64 - length.min(64)) != 0 || length > 64
    }

    /// Whether one of the first 64 bytes of the run of that number is a digit.
    #[inline]
    pub fn has_digit(&self, number: usize) -> bool {
        self.marks.0[number % EDGES].digit << (64 - self.run(number).len().min(64)) != 0
    }

    /// Calls `each` with the place of every `+ - / _` in the run of that number.
    #[inline(always)]
    pub fn joints(&self, text: &[u8], number: usize, mut each: impl FnMut(usize)) {
        let run = self.run(number);
        let mut joint = self.marks.0[number % EDGES].joint;
        let mut from = run.start;
        loop {
            let length = (run.end - from).min(64);
            let mut bits = if length == 64 { joint } else { joint & ((1 << length) - 1) };
            while bits != 0 {
                each(from + bits.trailing_zeros() as usize);
                bits &= bits - 1;
            }
            from += length;
            if from >= run.end {
                break;
            }
            joint = Marks::at(text, from, self.vector).joint;
        }
    }
}

impl Marks {
    /// Of the 64 bytes from `at` on.
    #[inline]
    fn at(text: &[u8], at: usize, vector: bool) -> Self {
        let rest = text.get(at..).unwrap_or_default();
        match rest.first_chunk::<64>() {
            #[cfg(target_arch = "x86_64")]
            Some(block) if vector => avx2::marks(block),
            _ => Self::scalar(rest),
        }
    }

    fn scalar(rest: &[u8]) -> Self {
        let mut marks = Self::default();
        for (bit, byte) in rest.iter().take(64).enumerate() {
            marks.joint |= u64::from(!byte.is_ascii_alphanumeric()) << bit;
            marks.digit |= u64::from(byte.is_ascii_digit()) << bit;
        }
        marks
    }
}

/// Room for the edges of a batch: those of [`BATCH`] runs, one run from before, and the four of the last block.
const EDGES: usize = BATCH_ROOM;

/// More runs than a batch ever has; a power of two.
pub(super) const BATCH_ROOM: usize = 128;

/// Starts or ends of runs. An array, not a list that grows: its loop then calls nothing and keeps its registers.
#[derive(Debug)]
struct Edges {
    places: [u32; EDGES],
    count: usize,
}

impl Default for Edges {
    fn default() -> Self {
        Self { places: [0; EDGES], count: 0 }
    }
}

impl Edges {
    /// Adds a place for each bit. There is one or none nearly always, and which cannot be foreseen; so no branch asks.
    #[inline(always)]
    fn push_bits(&mut self, bits: u64, base: usize) {
        self.places[self.count % EDGES] = base.wrapping_add(bits.trailing_zeros() as usize) as u32;
        self.count += usize::from(bits != 0);
        let mut rest = bits & bits.wrapping_sub(1);
        while rest != 0 {
            self.push(base.wrapping_add(rest.trailing_zeros() as usize) as u32);
            rest &= rest - 1;
        }
    }

    #[inline(always)]
    fn push(&mut self, place: u32) {
        self.places[self.count % EDGES] = place;
        self.count += 1;
    }

    fn pop(&mut self) -> Option<u32> {
        self.count = self.count.checked_sub(1)?;
        Some(self.places[self.count % EDGES])
    }

    fn as_slice(&self) -> &[u32] {
        &self.places[..self.count.min(EDGES)]
    }
}

/// Walks over a text of less than 4 GiB, batch by batch.
pub struct Finder<'a> {
    text: &'a [u8],
    at: usize,
    state: State,
    open: Option<u32>,
    vector: bool,
    /// Whether a zero byte was met so far: such a text is no plain text.
    pub nul: bool,
}

/// What is carried from one 64-byte block to the next.
#[derive(Clone, Copy, Default)]
struct State {
    /// Of the class mask of the block before, and of the same after each doubling of the window: the upper bits, moved
    /// down to where they go on in the next block. (Kept so, two shifts do; whole, they become one instruction that
    /// takes AMD's processors three cycles.)
    one: u64,
    two: u64,
    four: u64,
    eight: u64,
    /// Bits where a window of 16 ended.
    windows: u64,
    /// Whether the last byte was a backslash.
    backslash: u64,
}

/// Masks of one block of 64 bytes; bit n stands for byte n.
#[derive(Clone, Copy, Default)]
struct Masks {
    class: u64,
    /// `%` or `&`.
    lone: u64,
    /// `\` or `<`.
    backslash: u64,
    /// What may follow those; see [`Batch::escapes`].
    escaped: u64,
}

impl<'a> Finder<'a> {
    /// Over `text`, with the fastest means that this processor has.
    pub fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0, state: State::default(), open: None, vector: has_avx2(), nul: false }
    }

    /// Over `text` without vector instructions: the fallback, and the oracle of the tests.
    pub fn scalar(text: &'a [u8]) -> Self {
        Self { vector: false, ..Self::new(text) }
    }

    /// Fills `batch` with what comes next; false when the text is at its end and nothing was found.
    ///
    /// A run that is still open at the batch's end is closed, as a last entry, in a later one: `batch` holds only
    /// whole runs.
    pub fn next(&mut self, batch: &mut Batch) -> bool {
        batch.clear();
        if let Some(start) = self.open.take() {
            batch.starts.push(start);
        }
        if self.vector {
            self.vector_blocks(batch);
        } else {
            self.scalar_blocks(batch);
        }
        if batch.starts.count > batch.ends.count {
            if self.at >= self.text.len() {
                batch.ends.push(self.text.len() as u32);
            } else {
                self.open = batch.starts.pop();
            }
        }
        batch.mark(self.text, self.vector);
        !(batch.starts.count == 0 && batch.escapes.count == 0 && self.at >= self.text.len())
    }

    fn vector_blocks(&mut self, batch: &mut Batch) {
        #[cfg(target_arch = "x86_64")]
        avx2::blocks(self, batch);
        self.tail(batch);
    }

    /// The last bytes, fewer than a block: the same masks by a table, so that there is no second set of rules.
    fn tail(&mut self, batch: &mut Batch) {
        let rest = self.text.len() - self.at;
        if rest >= 64 || batch.is_full() || self.at >= self.text.len() {
            return;
        }
        let masks = self.masks(rest);
        self.state.block(self.at, masks, batch);
        self.at = self.text.len();
    }

    fn scalar_blocks(&mut self, batch: &mut Batch) {
        while self.text.len() - self.at >= 64 && !batch.is_full() {
            let masks = self.masks(64);
            self.state.block(self.at, masks, batch);
            self.at += 64;
        }
        self.tail(batch);
    }

    /// The masks of the `len` (at most 64) bytes at the current place, byte by byte.
    fn masks(&mut self, len: usize) -> Masks {
        let block = &self.text[self.at..self.at + len];
        self.nul |= memchr(0, block).is_some();
        let mut masks = Masks::default();
        for (bit, &byte) in block.iter().enumerate() {
            masks.class |= u64::from(is_run_byte(byte)) << bit;
        }
        for bit in memchr2_iter(b'%', b'&', block) {
            masks.lone |= 1 << bit;
        }
        for bit in memchr2_iter(b'<', b'\\', block) {
            masks.backslash |= 1 << bit;
        }
        if masks.backslash | self.state.backslash != 0 {
            for (bit, byte) in block.iter().enumerate() {
                masks.escaped |= u64::from(is_escaped(*byte)) << bit;
            }
        }
        masks
    }
}

/// Whether a backslash before this byte may make an escape of it.
fn is_escaped(byte: u8) -> bool {
    byte.is_ascii_digit() || b"uwx\r\n+-/_z}\x05\x07\x08".contains(&byte)
}

impl State {
    /// Takes the masks of the block at `at`: finds the edges of windows of 16 class bits, and escapes.
    #[inline(always)]
    fn block(&mut self, at: usize, masks: Masks, batch: &mut Batch) {
        let before = *self;
        let one = masks.class;
        let two = one & (one << 1 | before.one);
        let four = two & (two << 2 | before.two);
        let eight = four & (four << 4 | before.four);
        let windows = eight & (eight << 8 | before.eight);
        let shifted = windows << 1 | before.windows;
        let escapes = masks.lone | ((masks.backslash << 1 | before.backslash) & masks.escaped);
        *self = State {
            one: one >> 63,
            two: two >> 62,
            four: four >> 60,
            eight: eight >> 56,
            windows: windows >> 63,
            backslash: masks.backslash >> 63,
        };
        batch.starts.push_bits(windows & !shifted, at.wrapping_sub(MIN_RUN - 1));
        batch.ends.push_bits(shifted & !windows, at);
        if escapes != 0 {
            push_escapes(&mut batch.escapes, escapes, masks.lone, at);
        }
    }
}

#[inline(always)]
fn push_escapes(places: &mut Edges, mut escapes: u64, lone: u64, block: usize) {
    while escapes != 0 {
        let bit = escapes.trailing_zeros();
        let at = block + bit as usize;
        // The mask of a backslash escape has its bit at the second byte.
        places.push((at - usize::from(lone >> bit & 1 == 0)) as u32);
        escapes &= escapes - 1;
    }
}

fn has_avx2() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx2");
    #[cfg(not(target_arch = "x86_64"))]
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Found = (Vec<(u32, u32)>, Vec<u32>, bool);

    fn collect(mut finder: Finder) -> Found {
        let (mut runs, mut escapes, mut batch) = (Vec::new(), Vec::new(), Batch::default());
        while finder.next(&mut batch) {
            assert_eq!(batch.starts.count, batch.ends.count);
            runs.extend(batch.runs().map(|run| (run.start as u32, run.end as u32)));
            escapes.extend(batch.escapes());
        }
        (runs, escapes, finder.nul)
    }

    /// The definition, byte by byte.
    fn by_definition(text: &[u8]) -> Found {
        let (mut runs, mut start) = (Vec::new(), 0);
        for end in 0..=text.len() {
            if end == text.len() || !is_run_byte(text[end]) {
                if end - start >= MIN_RUN {
                    runs.push((start as u32, end as u32));
                }
                start = end + 1;
            }
        }
        let escape = |at: &usize| match text[*at] {
            b'%' | b'&' => true,
            b'\\' | b'<' => text.get(at + 1).is_some_and(|byte| {
                byte.is_ascii_digit() || b"uwx\r\n+-/_".contains(byte) || b"z}\x05\x07\x08".contains(byte)
            }),
            _ => false,
        };
        let escapes = (0..text.len()).filter(escape).map(|at| at as u32).collect();
        (runs, escapes, text.contains(&0))
    }

    #[test]
    fn finds_runs_at_every_place_and_length() {
        for lead in 0..130 {
            for length in [15, 16, 17, 63, 64, 65, 128, 200] {
                for trail in [0, 1, 64] {
                    let text = [vec![b' '; lead], vec![b'a'; length], vec![b'.'; trail]].concat();
                    assert_eq!(collect(Finder::new(&text)), by_definition(&text), "{lead} {length} {trail}");
                    assert_eq!(collect(Finder::scalar(&text)), by_definition(&text));
                }
            }
        }
    }

    #[test]
    fn joints_and_digits_are_those_of_the_run() {
        let text =
            [" ".repeat(50), "abc-def_ghi/jkl+mno".repeat(9), " -1- ".into(), "abcdefghijklmnopq7".into()]
                .concat();
        for mut finder in [Finder::new(text.as_bytes()), Finder::scalar(text.as_bytes())] {
            let mut batch = Batch::default();
            assert!(finder.next(&mut batch));
            let run = |n: usize| batch.runs().nth(n).expect("a run");
            let mut joints = Vec::new();
            batch.joints(text.as_bytes(), 0, |at| joints.push(at));
            let expected: Vec<usize> = run(0).filter(|at| b"+-/_".contains(&text.as_bytes()[*at])).collect();
            assert_eq!(joints, expected);
            assert_eq!([batch.has_digit(0), batch.has_digit(1)], [false, true]);
        }
    }

    #[test]
    fn tells_the_class_of_every_byte() {
        for byte in 0..=255u8 {
            for lead in [&b"aaaaaaaa"[..], b"aaaaaaa\\", b"aaaaaaa<"] {
                let text = [lead, &[byte], &[b'b'; 80]].concat();
                assert_eq!(collect(Finder::new(&text)), by_definition(&text), "{byte:#x}");
                assert_eq!(collect(Finder::scalar(&text)), by_definition(&text), "{byte:#x}");
            }
        }
    }

    proptest! {
        #[test]
        fn both_agree_with_the_definition(text in "[a-zA-Z0-9_+/%&<\\\\u \r\n.\\x00é-]{0,900}") {
            let expected = by_definition(text.as_bytes());
            prop_assert_eq!(&collect(Finder::new(text.as_bytes())), &expected);
            prop_assert_eq!(&collect(Finder::scalar(text.as_bytes())), &expected);
        }

        #[test]
        fn long_texts_come_in_batches(words in proptest::collection::vec("[a-z]{14,40}[ %]", 0..400)) {
            let text = words.concat();
            prop_assert_eq!(collect(Finder::new(text.as_bytes())), by_definition(text.as_bytes()));
        }
    }
}
