//! The prefix index: where a signature can be taken hold of, found by three case-folded bytes.

use crate::signature::{Anchor, Hold, Shape, Signature};

/// A set of three-byte texts, with false positives: 64 Ki bits, so that it stays in the first-level cache.
#[derive(Clone)]
pub struct Bitmap(Box<[u64; 1024]>);

impl Default for Bitmap {
    fn default() -> Self {
        Self(Box::new([0; 1024]))
    }
}

impl Bitmap {
    /// Adds the text whose three bytes are the low ones of `bytes`.
    pub fn insert(&mut self, bytes: u32) {
        let hash = hash(bytes);
        self.0[hash >> 6] |= 1 << (hash & 63);
    }

    /// Its bits.
    pub fn bits(&self) -> &[u64; 1024] {
        &self.0
    }

    /// Whether it may have been added.
    #[inline(always)]
    pub fn has(&self, bytes: u32) -> bool {
        let hash = hash(bytes);
        self.0[hash >> 6] >> (hash & 63) & 1 == 1
    }
}

/// What bytes are multiplied by for a hash, whose upper 16 bits count: 2³² by the golden ratio.
pub const HASH: u32 = 0x9e37_79b1;

/// 16 bits of the low three bytes.
#[inline]
fn hash(bytes: u32) -> usize {
    ((bytes & 0x00ff_ffff).wrapping_mul(HASH) >> 16) as usize
}

/// Three bytes, upper case folded to lower; other bytes are folded too, which only makes the index a little less sharp.
#[inline]
pub fn fold(bytes: u32) -> u32 {
    (bytes | 0x0020_2020) & 0x00ff_ffff
}

/// What to try where an anchor's text stands.
#[derive(Clone, Copy)]
pub enum Target {
    /// A shape of a signature.
    Shape(&'static Signature, &'static Shape),
    /// The pattern of a signature whose keyword this is.
    Pattern(&'static Signature),
}

/// One way to take hold of a signature.
#[derive(Clone, Copy)]
pub struct Entry {
    key: u32,
    /// The first eight bytes of the text, and a mask of as many as it has.
    head: (u64, u64),
    /// The text that stands at the anchor.
    pub text: &'static str,
    /// What to try there.
    pub target: Target,
}

impl Entry {
    fn new(key: u32, text: &'static str, target: Target) -> Self {
        let mut bytes = [0; 8];
        let mut mask = [0; 8];
        for ((byte, mask), from) in bytes.iter_mut().zip(&mut mask).zip(text.bytes()) {
            (*byte, *mask) = (from, 0xff);
        }
        Self { key, head: (u64::from_le_bytes(bytes), u64::from_le_bytes(mask)), text, target }
    }

    /// Whether the text stands at `start`.
    #[inline]
    pub fn stands_at(&self, text: &[u8], start: usize) -> bool {
        let Some(rest) = text.get(start..) else { return false };
        let (head, mask) = self.head;
        match rest.first_chunk() {
            Some(bytes) if u64::from_le_bytes(*bytes) & mask != head => false,
            _ => rest.starts_with(self.text.as_bytes()),
        }
    }
}

/// What is found by three bytes: things in order of their slots, of which a table says where they are.
pub struct Slots<T> {
    things: Vec<T>,
    /// Where the things of each slot begin, and where those of the last one end.
    starts: Box<[u16; SLOTS + 1]>,
}

/// Slots, as many as keep all but a few to one key.
const SLOTS: usize = 1024;

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self { things: Vec::new(), starts: Box::new([0; SLOTS + 1]) }
    }
}

impl<T: Clone> Slots<T> {
    /// Sorts things (fewer than 65,536) into their slots; those of one keep their order.
    pub fn new(things: &[T], key: impl Fn(&T) -> u32) -> Self {
        let slots: Vec<usize> =
            things.iter().take(usize::from(u16::MAX)).map(|thing| slot(key(thing))).collect();
        let mut starts = Box::new([0u16; SLOTS + 1]);
        slots.iter().for_each(|slot| starts[slot + 1] += 1);
        for slot in 0..SLOTS {
            starts[slot + 1] += starts[slot];
        }
        let mut next = starts.clone();
        let mut order = vec![0; slots.len()];
        for (number, slot) in slots.iter().enumerate() {
            order[usize::from(next[*slot])] = number;
            next[*slot] += 1;
        }
        Self { things: order.into_iter().filter_map(|number| things.get(number).cloned()).collect(), starts }
    }
}

impl<T> Slots<T> {
    /// The things of the key's slot: all that have the key, and perhaps others.
    #[inline]
    pub fn get(&self, key: u32) -> &[T] {
        let slot = slot(key);
        self.things
            .get(usize::from(self.starts[slot])..usize::from(self.starts[slot + 1]))
            .unwrap_or_default()
    }
}

/// Four bytes, folded, to the three that a slot is found by.
#[inline]
fn mixed(four: u32) -> u32 {
    let folded = four | 0x2020_2020;
    folded ^ folded >> 24 << 7
}

#[inline]
fn slot(key: u32) -> usize {
    (hash(key) * SLOTS) >> 16
}

/// All anchors of one kind, by their first (or, before a run, their last) three bytes.
#[derive(Default)]
pub struct Index {
    bitmap: Bitmap,
    /// Those of more than three bytes by four: by three, `n8n_api_` would stop at every `n8n-nodes-base`.
    four: Fours,
    /// Those of three bytes.
    short: Bitmap,
    /// Those of more than three bytes by the first four, folded, and those of three.
    long: Slots<Entry>,
    entries: Slots<Entry>,
}

/// A set of four-byte texts without case, with false positives.
struct Fours(Box<[u64; 1024]>);

impl Default for Fours {
    fn default() -> Self {
        Self(Box::new([0; 1024]))
    }
}

impl Fours {
    fn insert(&mut self, bytes: u32) {
        let hash = Self::hash(bytes);
        self.0[hash >> 6] |= 1 << (hash & 63);
    }

    #[inline(always)]
    fn has(&self, bytes: u32) -> bool {
        let hash = Self::hash(bytes);
        self.0[hash >> 6] >> (hash & 63) & 1 == 1
    }

    #[inline(always)]
    fn hash(bytes: u32) -> usize {
        ((bytes | 0x2020_2020).wrapping_mul(HASH) >> 16) as usize
    }
}

impl Index {
    fn new(entries: Vec<Entry>, more: &[u32], hold: Hold) -> Self {
        let (mut bitmap, mut four, mut short) = (Bitmap::default(), Fours::default(), Bitmap::default());
        for entry in &entries {
            bitmap.insert(entry.key);
            match entry.text.as_bytes().get(3) {
                Some(byte) => four.insert(entry.key | u32::from(*byte) << 24),
                None => short.insert(entry.key),
            }
        }
        more.iter().for_each(|key| short.insert(fold(*key)));
        let (long, entries): (Vec<_>, Vec<_>) = match hold {
            Hold::Start => entries.into_iter().partition(|entry| entry.text.len() > 3),
            Hold::Before | Hold::Alone => (Vec::new(), entries),
        };
        let long = Slots::new(&long, |entry: &Entry| mixed(entry.head.0 as u32));
        Self { bitmap, four, short, long, entries: Slots::new(&entries, |entry| entry.key) }
    }

    /// The first look: may an anchor have these three bytes?
    #[inline(always)]
    pub fn may_have(&self, bytes: u32) -> bool {
        self.bitmap.has(fold(bytes))
    }

    /// The same by four bytes, for anchors that begin with them and for what else is looked for there.
    #[inline(always)]
    pub fn may_begin(&self, four: u32) -> bool {
        self.four.has(four) | self.short.has(fold(four))
    }

    /// What [`Index::may_begin`] looks into: the bits of four bytes each, and of three.
    pub fn beginnings(&self) -> (&[u64; 1024], &[u64; 1024]) {
        (&self.four.0, self.short.bits())
    }

    /// What [`Index::may_have`] looks into.
    pub fn all(&self) -> &[u64; 1024] {
        self.bitmap.bits()
    }

    /// The anchors that have these three bytes but for case, and perhaps others: of those before a run all.
    pub fn get(&self, bytes: u32) -> &[Entry] {
        self.entries.get(fold(bytes))
    }

    /// Of those at a run's start the ones of more than three bytes that begin with these four but for case, and perhaps
    /// others.
    pub fn get_long(&self, four: u32) -> &[Entry] {
        self.long.get(mixed(four))
    }
}

/// The anchors of a set of signatures, by how one comes upon them.
#[derive(Default)]
pub struct Anchors {
    /// At the start of a run.
    pub at_start: Index,
    /// Right before a run.
    pub before: Index,
    /// Those that no run leads to.
    pub alone: Vec<Entry>,
}

/// The anchors of these signatures and the keywords of their patterns.
pub fn build(signatures: &[&'static Signature]) -> Anchors {
    let (mut at_start, mut before, mut alone) = (Vec::new(), Vec::new(), Vec::new());
    let entries = signatures.iter().flat_map(|signature| entries(signature));
    for (anchor, target) in entries {
        let list = match anchor.hold {
            Hold::Start => &mut at_start,
            Hold::Before => &mut before,
            Hold::Alone => &mut alone,
        };
        let keys = anchor.heads().map(|[a, b, c]| u32::from_le_bytes([a, b, c, 0]));
        list.extend(keys.map(|key| Entry::new(fold(key), anchor.text, target)));
    }
    let at_start = Index::new(at_start, &[EYJ], Hold::Start);
    Anchors { at_start, before: Index::new(before, &[], Hold::Before), alone }
}

fn entries(signature: &'static Signature) -> impl Iterator<Item = (Anchor, Target)> {
    let shapes = signature.anchors().map(move |(shape, anchor)| (anchor, Target::Shape(signature, shape)));
    let keywords = signature.keyword_anchors().map(move |anchor| (anchor, Target::Pattern(signature)));
    shapes.chain(keywords)
}

/// `eyJ`: the base64 of `{"`, with which a JSON web token begins.
pub const EYJ: u32 = u32::from_le_bytes(*b"eyJ\0");

/// The four bytes from `at` on as a little-endian number; 0 if there are fewer: no credential is that short.
#[inline(always)]
pub fn four(text: &[u8], at: usize) -> u32 {
    text.get(at..).and_then(<[u8]>::first_chunk::<4>).map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

/// The three bytes from `at` on as a little-endian number; missing ones are 0.
#[inline(always)]
pub fn three(text: &[u8], at: usize) -> u32 {
    match text.get(at..).and_then(<[u8]>::first_chunk::<4>) {
        Some(bytes) => u32::from_le_bytes(*bytes) & 0x00ff_ffff,
        None => three_at_end(text, at),
    }
}

#[cold]
fn three_at_end(text: &[u8], at: usize) -> u32 {
    match text.get(at..) {
        Some(&[a, b, c, ..]) => u32::from_le_bytes([a, b, c, 0]),
        _ => 0,
    }
}
