//! The prefix index: where a signature can be taken hold of, found by three case-folded bytes.

use std::collections::HashSet;

use crate::signature::{Shape, Signature};

/// A set of three-byte texts, with false positives: 64 Ki bits, so that it stays in the first-level cache.
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

    /// Whether it may have been added.
    #[inline]
    pub fn has(&self, bytes: u32) -> bool {
        let hash = hash(bytes);
        self.0[hash >> 6] >> (hash & 63) & 1 == 1
    }
}

/// 16 bits of the low three bytes.
#[inline]
fn hash(bytes: u32) -> usize {
    ((bytes & 0x00ff_ffff).wrapping_mul(0x9e37_79b1) >> 16) as usize
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
    Pattern(&'static Signature, usize),
}

/// One way to take hold of a signature.
#[derive(Clone, Copy)]
pub struct Entry {
    key: u32,
    /// The text that stands at the anchor.
    pub text: &'static str,
    /// What to try there.
    pub target: Target,
}

/// All anchors of one kind, by their first (or, before a run, their last) three bytes.
#[derive(Default)]
pub struct Index {
    bitmap: Bitmap,
    entries: Vec<Entry>,
}

impl Index {
    fn new(anchors: impl Iterator<Item = (u32, &'static str, Target)>) -> Self {
        let mut entries: Vec<Entry> =
            anchors.map(|(key, text, target)| Entry { key: fold(key), text, target }).collect();
        entries.sort_by_key(|entry| entry.key);
        let mut bitmap = Bitmap::default();
        entries.iter().for_each(|entry| bitmap.insert(entry.key));
        Self { bitmap, entries }
    }

    /// The first look: may an anchor have these three bytes?
    #[inline]
    pub fn may_have(&self, bytes: u32) -> bool {
        self.bitmap.has(fold(bytes))
    }

    /// The anchors that have these three bytes but for case.
    pub fn get(&self, bytes: u32) -> &[Entry] {
        let key = fold(bytes);
        let first = self.entries.partition_point(|entry| entry.key < key);
        let count = self.entries[first..].iter().take_while(|entry| entry.key == key).count();
        &self.entries[first..first + count]
    }
}

/// The anchors of a set of signatures: those at the start of a run, and those right before one.
pub fn build(signatures: &[&'static Signature]) -> (Index, Index) {
    let (mut at_start, mut before) = (Vec::new(), Vec::new());
    let mut patterns = HashSet::new();
    for signature in signatures {
        for shape in signature.shapes {
            if let Some(anchor) = &shape.anchor {
                let target = Target::Shape(signature, shape);
                match anchor.before {
                    true => before.push((last_three(anchor.text), anchor.text, target)),
                    false => at_start.push((first_three(anchor.text), anchor.text, target)),
                }
            }
        }
        for keyword in signature.keywords.iter().filter(|keyword| keyword.len() >= 3) {
            let number = patterns.len();
            patterns.insert((signature.id, keyword));
            at_start.push((first_three(keyword), *keyword, Target::Pattern(signature, number)));
        }
    }
    (Index::new(at_start.into_iter()), Index::new(before.into_iter()))
}

fn first_three(text: &str) -> u32 {
    three(text.as_bytes(), 0)
}

fn last_three(text: &str) -> u32 {
    three(text.as_bytes(), text.len().saturating_sub(3))
}

/// The three bytes from `at` on as a little-endian number; missing ones are 0.
#[inline]
pub fn three(text: &[u8], at: usize) -> u32 {
    match text.get(at..at + 3) {
        Some(&[a, b, c]) => u32::from_le_bytes([a, b, c, 0]),
        _ => 0,
    }
}
