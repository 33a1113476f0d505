//! The run finder: bytes → runs of `[A-Za-z0-9_+/-]` of at least [`MIN_RUN`] bytes, the only places where most
//! credentials can be, and the few places where an escape hides a byte of one.
//!
//! One pass over every byte, so it is the part whose cost everybody pays: about one instruction a byte with AVX-512
//! (`avx512`, which looks for needles in the same pass), two with AVX2 (`avx2`), three to four without. All are driven by
//! [`Finder`], which hands out small batches so that what looks at the runs next finds their bytes still in the
//! first-level cache.

use memchr::{memchr, memchr2_iter};

use crate::blob::Span;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;

/// The shortest run that is looked at, in bytes.
pub const MIN_RUN: usize = 16;

/// The shortest run that is looked at as hexadecimal, base32, or something packed: 20 bytes in hexadecimal.
const MIN_LONG: usize = 40;

/// Bytes of a batch, a multiple of 1,024: what looks at them next finds them in the first-level cache.
const BATCH_BYTES: usize = 8 << 10;

/// The means that a processor has, from the slowest on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// None: the fallback, and the oracle of the tests.
    Scalar,
    /// AVX2.
    Avx2,
    /// AVX-512 with its byte permutations (BW, VBMI, VBMI2).
    Avx512,
}

impl Level {
    /// The best of this processor.
    pub fn best() -> Self {
        Self::all().last().unwrap_or(Self::Scalar)
    }

    /// All of this processor, ascending.
    pub fn all() -> impl Iterator<Item = Self> {
        #[cfg(target_arch = "x86_64")]
        let (avx2, avx512) = (
            std::arch::is_x86_feature_detected!("avx2"),
            std::arch::is_x86_feature_detected!("avx512bw")
                && std::arch::is_x86_feature_detected!("avx512vbmi")
                && std::arch::is_x86_feature_detected!("avx512vbmi2"),
        );
        #[cfg(not(target_arch = "x86_64"))]
        let (avx2, avx512) = (false, false);
        let levels = [(Self::Scalar, true), (Self::Avx2, avx2), (Self::Avx512, avx512)];
        levels.into_iter().filter_map(|(level, has)| has.then_some(level))
    }
}

/// Texts of four bytes that are looked for in the same pass where that costs little: for each of the four places which of
/// eight sets a byte below 128 is of. What fits one set at all four places is a needle, perhaps; of bytes of 128 and
/// more the top bit does not count.
#[derive(Clone, Debug)]
pub struct Needles(pub [[u8; 128]; 4]);

impl Default for Needles {
    /// None at all.
    fn default() -> Self {
        Self([[0; 128]; 4])
    }
}

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
    escapes: Escapes,
    marks: Marked,
    level: Option<Level>,
    /// The bytes that were gone through.
    span: Span,
    needles: Hits,
    /// Up to where needles were looked for.
    searched: usize,
    #[cfg(target_arch = "x86_64")]
    room: Box<avx512::Room>,
}

/// Where needles may be, from the batch's beginning on.
#[derive(Debug)]
struct Hits {
    places: Box<[u16; BATCH_BYTES]>,
    count: usize,
}

impl Default for Hits {
    fn default() -> Self {
        Self { places: Box::new([0; BATCH_BYTES]), count: 0 }
    }
}

impl Hits {
    #[inline(always)]
    fn push_bits(&mut self, mut bits: u64, from: usize) {
        while bits != 0 {
            self.places[self.count % BATCH_BYTES] = (from + bits.trailing_zeros() as usize) as u16;
            self.count += 1;
            bits &= bits - 1;
        }
    }
}

/// What stands in the runs of a batch.
#[derive(Debug)]
struct Marked {
    /// Which of the first 64 bytes of each run are `+ - / _`.
    joints: [u64; EDGES],
    jointed: Numbers,
    numbered: Numbers,
    long: Numbers,
}

impl Default for Marked {
    fn default() -> Self {
        let none = Numbers::default();
        Self { joints: [0; EDGES], jointed: none, numbered: none, long: none }
    }
}

impl Marked {
    /// Takes the marks of the next run, which has that number and length. The joints of what is cut as a UUID do not
    /// count: a third of all runs of an export are, and no anchor stands within one.
    #[inline(always)]
    fn add(&mut self, number: usize, length: usize, marks: Marks) {
        let within = u64::MAX >> (64 - length.clamp(1, 64));
        let joints = marks.joint & within;
        self.joints[number % EDGES] = joints;
        let is_uuid = (length == 36) & (joints == UUID_JOINTS);
        self.jointed.insert(number, (length > 64) | ((joints != 0) & !is_uuid));
        let numbered = marks.digit & within != 0;
        self.numbered.insert(number, numbered);
        self.long.insert(number, numbered & (length >= MIN_LONG));
    }
}

/// A set of runs of a batch, by their numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Numbers([u64; EDGES / 64]);

impl Numbers {
    /// Adds the run of that number if it is wanted: without a branch, since that cannot be foreseen.
    #[inline(always)]
    pub fn insert(&mut self, number: usize, wanted: bool) {
        self.0[number / 64 % (EDGES / 64)] |= u64::from(wanted) << (number % 64);
    }

    /// Those that are not in another set.
    pub fn without(mut self, others: Self) -> Self {
        self.0.iter_mut().zip(others.0).for_each(|(own, other)| *own &= !other);
        self
    }

    /// Adds those of the 16 runs from that number on, a multiple of 16, whose bits are set.
    #[inline(always)]
    pub fn insert_sixteen(&mut self, number: usize, wanted: u16) {
        self.0[number / 64 % (EDGES / 64)] |= u64::from(wanted) << (number % 64);
    }
}

impl IntoIterator for Numbers {
    type Item = usize;
    type IntoIter = Ascending;

    fn into_iter(self) -> Ascending {
        Ascending { words: self.0, word: 0 }
    }
}

/// The numbers of a set.
pub struct Ascending {
    words: [u64; EDGES / 64],
    word: usize,
}

impl Iterator for Ascending {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        while let Some(bits) = self.words.get_mut(self.word) {
            if *bits != 0 {
                let number = self.word * 64 + bits.trailing_zeros() as usize;
                *bits &= *bits - 1;
                return Some(number);
            }
            self.word += 1;
        }
        None
    }
}

/// Of up to 64 bytes: which are `+ - / _`, if they are bytes of a run, and which are digits. Bit n stands for byte n.
#[derive(Clone, Copy, Debug, Default)]
struct Marks {
    joint: u64,
    digit: u64,
}

impl Batch {
    fn clear(&mut self, at: usize) {
        self.starts.count = 0;
        self.ends.count = 0;
        self.escapes.count = 0;
        self.needles.count = 0;
        (self.span, self.searched) = (at..at, at);
    }

    /// Where needles may be, ascending.
    pub fn needles(&self) -> impl Iterator<Item = usize> {
        let places = self.needles.places.iter().take(self.needles.count);
        places.map(|place| self.span.start + usize::from(*place))
    }

    /// The bytes of this batch where needles were not looked for.
    pub fn unsearched(&self) -> Span {
        self.searched..self.span.end
    }

    /// Where something begins that can stand for a byte of a credential, or part it: `%` and `&`, or a backslash or `<`
    /// before `u`, `w`, `x`, a line end, a digit or one of `+ - / _`. (Also before `z`, `}` and three control characters,
    /// which the same test lets pass.)
    pub fn escapes(&self) -> &[u32] {
        self.escapes.places.get(..self.escapes.count).unwrap_or_default()
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
    fn mark(&mut self, text: &[u8], level: Level) {
        self.level = Some(level);
        (self.marks.jointed, self.marks.numbered, self.marks.long) = Default::default();
        let count = self.ends.count.min(EDGES);
        let edges = self.starts.places[..count].iter().zip(&self.ends.places[..count]);
        match level {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => avx512::mark(text, edges, &mut self.marks),
            _ => {
                for (number, (start, end)) in edges.enumerate() {
                    let marks = Marks::at(text, *start as usize, level);
                    self.marks.add(number, (end - start) as usize, marks);
                }
            }
        }
    }

    /// Where the runs begin, ascending.
    pub fn starts(&self) -> &[u32] {
        &self.starts.places[..self.ends.count.min(EDGES)]
    }

    /// The means that it was made with.
    pub fn level(&self) -> Level {
        self.level.unwrap_or(Level::Scalar)
    }

    /// The runs with one of `+ - / _` among their first 64 bytes, or with more bytes; without UUIDs.
    pub fn jointed(&self) -> Numbers {
        self.marks.jointed
    }

    /// The runs with a digit among their first 64 bytes.
    pub fn numbered(&self) -> Numbers {
        self.marks.numbered
    }

    /// Those of `MIN_LONG` bytes and more among these.
    pub fn long(&self) -> Numbers {
        self.marks.long
    }

    /// Calls `each` for every 64 bytes of the run of that number: with the place of the first, and which are `+ - / _`.
    #[inline(always)]
    pub fn joints(&self, text: &[u8], number: usize, mut each: impl FnMut(usize, u64)) {
        let run = self.run(number);
        each(run.start, self.marks.joints[number % EDGES]);
        for from in (run.start..run.end).step_by(64).skip(1) {
            let within = u64::MAX >> (64 - (run.end - from).min(64));
            each(from, Marks::at(text, from, self.level()).joint & within);
        }
    }
}

impl Marks {
    /// Of the 64 bytes from `at` on.
    #[inline]
    fn at(text: &[u8], at: usize, level: Level) -> Self {
        let rest = text.get(at..).unwrap_or_default();
        match rest.first_chunk::<64>() {
            #[cfg(target_arch = "x86_64")]
            Some(block) if level >= Level::Avx2 => avx2::marks(block),
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

/// More runs than a batch ever has: one of 17 bytes with what ends it, one from before, one that is still open. A power of two.
const EDGES: usize = 512;

const _: () = assert!(BATCH_BYTES / (MIN_RUN + 1) + 2 < EDGES);

/// Where escapes begin.
#[derive(Debug)]
struct Escapes {
    places: Box<[u32; BATCH_BYTES]>,
    count: usize,
}

impl Default for Escapes {
    fn default() -> Self {
        Self { places: Box::new([0; BATCH_BYTES]), count: 0 }
    }
}

impl Escapes {
    /// Adds the escapes of a block. The bit of those that begin with a backslash is at their second byte.
    #[inline(always)]
    fn push_bits(&mut self, mut bits: u64, lone: u64, block: usize) {
        while bits != 0 {
            let bit = bits.trailing_zeros();
            let at = block + bit as usize;
            self.places[self.count % BATCH_BYTES] = (at - usize::from(lone >> bit & 1 == 0)) as u32;
            self.count += 1;
            bits &= bits - 1;
        }
    }
}

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

/// Where a UUID has its hyphens (RFC 9562, section 4).
const UUID_JOINTS: u64 = 1 << 8 | 1 << 13 | 1 << 18 | 1 << 23;

/// Walks over a text of less than 4 GiB, batch by batch.
pub struct Finder<'a> {
    text: &'a [u8],
    at: usize,
    state: State,
    open: Option<u32>,
    level: Level,
    needles: &'a Needles,
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
    /// Over `text`, with means that this processor has; needles are looked for if that is [`Level::Avx512`], else they are
    /// left to the caller ([`Batch::unsearched`]).
    pub fn new(text: &'a [u8], level: Level, needles: &'a Needles) -> Self {
        let level = level.min(Level::best());
        Self { text, at: 0, state: State::default(), open: None, level, needles, nul: false }
    }

    /// Fills `batch` with what comes next; false when the text is at its end and nothing was found.
    ///
    /// A run that is still open at the batch's end is closed, as a last entry, in a later one: `batch` holds only
    /// whole runs.
    pub fn next(&mut self, batch: &mut Batch) -> bool {
        batch.clear(self.at);
        if let Some(start) = self.open.take() {
            batch.starts.push(start);
        }
        let limit = self.text.len().min(self.at + BATCH_BYTES);
        match self.level {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => avx512::blocks(self, batch, limit),
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => {
                avx2::blocks(self, batch, limit);
                self.tail(batch, limit);
            }
            _ => self.scalar_blocks(batch, limit),
        }
        batch.span.end = self.at;
        if batch.starts.count > batch.ends.count {
            if self.at >= self.text.len() {
                batch.ends.push(self.text.len() as u32);
            } else {
                self.open = batch.starts.pop();
            }
        }
        batch.mark(self.text, self.level);
        !(batch.span.is_empty()
            && batch.starts.count == 0
            && batch.escapes.count == 0
            && self.at >= self.text.len())
    }

    /// The last bytes, fewer than a block: the same masks by a table, so that there is no second set of rules.
    fn tail(&mut self, batch: &mut Batch, limit: usize) {
        let rest = self.text.len() - self.at;
        if rest >= 64 || self.at >= limit {
            return;
        }
        let masks = self.masks(rest);
        self.state.block(self.at, masks, batch);
        self.at = self.text.len();
    }

    fn scalar_blocks(&mut self, batch: &mut Batch, limit: usize) {
        while limit - self.at >= 64 {
            let masks = self.masks(64);
            self.state.block(self.at, masks, batch);
            self.at += 64;
        }
        self.tail(batch, limit);
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
            batch.escapes.push_bits(escapes, masks.lone, at);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Found = (Vec<(u32, u32)>, Vec<u32>, bool);

    /// With all means that this processor has, which must agree.
    fn collect(text: &[u8]) -> Found {
        let mut found: Vec<Found> = Level::all().map(|level| collect_at(text, level)).collect();
        found.dedup();
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    }

    fn collect_at(text: &[u8], level: Level) -> Found {
        let none = Needles::default();
        let mut finder = Finder::new(text, level, &none);
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
                    assert_eq!(collect(&text), by_definition(&text), "{lead} {length} {trail}");
                }
            }
        }
    }

    #[test]
    fn joints_and_digits_are_those_of_the_run() {
        let uuid = "0a0a0a0a-0a0a-0a0a-0a0a-0a0a0a0a0a0a";
        let text = [
            " ".repeat(50),
            "abc-def_ghi/jkl+mno".repeat(9),
            " -1- ".into(),
            "abcdefghijklmnopq7 ".into(),
            uuid.into(),
        ]
        .concat();
        let none = Needles::default();
        for mut finder in Level::all().map(|level| Finder::new(text.as_bytes(), level, &none)) {
            let mut batch = Batch::default();
            assert!(finder.next(&mut batch));
            let run = |n: usize| batch.runs().nth(n).expect("a run");
            let mut joints = Vec::new();
            batch.joints(text.as_bytes(), 0, |from, bits| {
                joints.extend((0..64).filter(|bit| bits >> bit & 1 == 1).map(|bit| from + bit));
            });
            let expected: Vec<usize> = run(0).filter(|at| b"+-/_".contains(&text.as_bytes()[*at])).collect();
            assert_eq!(joints, expected);
            assert_eq!(batch.jointed().into_iter().collect::<Vec<_>>(), [0]);
            assert_eq!(batch.numbered().into_iter().collect::<Vec<_>>(), [1, 2]);
        }
    }

    #[test]
    fn tells_the_class_of_every_byte() {
        for byte in 0..=255u8 {
            for lead in [&b"aaaaaaaa"[..], b"aaaaaaa\\", b"aaaaaaa<"] {
                let text = [lead, &[byte], &[b'b'; 80]].concat();
                assert_eq!(collect(&text), by_definition(&text), "{byte:#x}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn both_agree_with_the_definition(text in "[a-zA-Z0-9_+/%&<\\\\u \r\n.\\x00é-]{0,900}") {
            prop_assert_eq!(collect(text.as_bytes()), by_definition(text.as_bytes()));
        }

        #[test]
        fn long_texts_come_in_batches(words in proptest::collection::vec("[a-z]{14,40}[ %]|[a-z]{16}[ .]|[%&]{9}|a{3000}|[^a]{0,90}", 0..400)) {
            let text = words.concat();
            prop_assert_eq!(collect(text.as_bytes()), by_definition(text.as_bytes()));
        }
    }
}
