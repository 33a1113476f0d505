//! Objects as bytes that can be read at any place: stretches are fetched when they are asked for, and some are kept.
//!
//! So the directory of an archive costs one request, and an archive is never in memory as a whole. What is read on and on
//! is fetched in longer stretches. All open objects together keep [`KEPT`] blocks, however many and large they are.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::{Known, Store};
use crate::source::ReadAt;

/// Bytes of a block.
const BLOCK: u64 = 1 << 20;

/// Blocks of one request, where the block before is there already.
const AHEAD: u64 = 4;

/// Blocks that are kept, of all open objects together.
const KEPT: usize = 96;

/// What is kept, and what somebody fetches right now.
static SHELF: Mutex<Shelf> = Mutex::new(Shelf { kept: Vec::new(), fetched: Vec::new(), clock: 0 });

/// Told whenever something was fetched, or was not.
static CHANGED: Condvar = Condvar::new();

/// A number for each open object.
static NUMBERS: AtomicU64 = AtomicU64::new(0);

struct Shelf {
    kept: Vec<Kept>,
    fetched: Vec<(u64, u64)>,
    clock: u64,
}

struct Kept {
    object: u64,
    block: u64,
    used: u64,
    bytes: Arc<[u8]>,
}

impl Shelf {
    fn lock() -> MutexGuard<'static, Self> {
        SHELF.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&mut self, object: u64, block: u64) -> Option<Arc<[u8]>> {
        self.clock += 1;
        let kept = self.kept.iter_mut().find(|kept| (kept.object, kept.block) == (object, block))?;
        kept.used = self.clock;
        Some(kept.bytes.clone())
    }

    fn put(&mut self, object: u64, block: u64, bytes: Arc<[u8]>) {
        self.clock += 1;
        if self.kept.len() >= KEPT {
            let oldest = self.kept.iter().enumerate().min_by_key(|(_, kept)| kept.used).map(|(at, _)| at);
            oldest.map(|at| self.kept.swap_remove(at));
        }
        self.kept.push(Kept { object, block, used: self.clock, bytes });
    }

    /// How many blocks from one on are to be fetched with one request: none, if somebody does that already.
    fn wanted(&self, object: u64, block: u64, blocks: u64) -> u64 {
        let has = |block| {
            self.kept.iter().any(|kept| (kept.object, kept.block) == (object, block))
                || self.fetched.contains(&(object, block))
        };
        if self.fetched.contains(&(object, block)) {
            return 0;
        }
        let goes_on = block > 0 && has(block - 1);
        let most = if goes_on { AHEAD } else { 1 }.min(blocks.saturating_sub(block));
        (1..most).find(|ahead| has(block + ahead)).unwrap_or(most)
    }
}

/// Blocks that this thread fetches; given up when it is dropped.
struct Fetching {
    object: u64,
    first: u64,
    count: u64,
}

impl Drop for Fetching {
    fn drop(&mut self) {
        let (object, ours) = (self.object, self.first..self.first + self.count);
        Shelf::lock().fetched.retain(|(other, block)| *other != object || !ours.contains(block));
        CHANGED.notify_all();
    }
}

/// An object of a store.
pub(in crate::source) struct Blocks {
    store: Arc<dyn Store>,
    key: String,
    known: Arc<Known>,
    number: u64,
}

impl Blocks {
    pub(super) fn new(store: Arc<dyn Store>, key: String, known: Arc<Known>) -> Self {
        Self { store, key, known, number: NUMBERS.fetch_add(1, Ordering::Relaxed) }
    }

    fn block(&self, block: u64) -> io::Result<Arc<[u8]>> {
        let blocks = self.known.size.div_ceil(BLOCK);
        let mut shelf = Shelf::lock();
        let fetching = loop {
            if let Some(bytes) = shelf.get(self.number, block) {
                return Ok(bytes);
            }
            let count = shelf.wanted(self.number, block, blocks);
            if count > 0 {
                shelf.fetched.extend((block..block + count).map(|block| (self.number, block)));
                break Fetching { object: self.number, first: block, count };
            }
            shelf = CHANGED.wait(shelf).unwrap_or_else(PoisonError::into_inner);
        };
        drop(shelf);
        self.fetch(&fetching)
    }

    fn fetch(&self, fetching: &Fetching) -> io::Result<Arc<[u8]>> {
        let start = fetching.first * BLOCK;
        let end = (start + fetching.count * BLOCK).min(self.known.size);
        let bytes = self.store.read(&self.key, &self.known, start..end)?;
        if bytes.len() as u64 != end - start {
            return Err(io::Error::other("has not the size any more that it was listed with"));
        }
        let mut shelf = Shelf::lock();
        let mut first = None;
        for (block, bytes) in (fetching.first..).zip(bytes.chunks(BLOCK as usize)) {
            let bytes: Arc<[u8]> = bytes.into();
            first.get_or_insert_with(|| bytes.clone());
            shelf.put(self.number, block, bytes);
        }
        first.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

impl Drop for Blocks {
    fn drop(&mut self) {
        Shelf::lock().kept.retain(|kept| kept.object != self.number);
    }
}

impl ReadAt for Blocks {
    fn size(&self) -> u64 {
        self.known.size
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        if offset >= self.known.size || buffer.is_empty() {
            return Ok(0);
        }
        let block = self.block(offset / BLOCK)?;
        let rest = block.get((offset % BLOCK) as usize..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(rest) {
            *to = *from;
        }
        Ok(count)
    }

    /// What came with one request is of one piece.
    fn changed(&self) -> bool {
        let several = self.known.size > BLOCK;
        several && self.store.look(&self.key).is_ok_and(|now| now.is_none_or(|now| !now.is_same(&self.known)))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::ops::Range;

    use super::super::Item;
    use super::*;
    use crate::source::RangeReader;

    /// An object of zeros and a mark at its end, which notes what is asked for.
    #[derive(Debug, Default)]
    struct Noting {
        asked: Mutex<Vec<Range<u64>>>,
    }

    impl Store for Noting {
        fn identity(&self) -> String {
            "noting".to_owned()
        }

        fn list(&self, _: &str) -> io::Result<Vec<Item>> {
            Ok(Vec::new())
        }

        fn look(&self, _: &str) -> io::Result<Option<Known>> {
            Ok(None)
        }

        fn read(&self, _: &str, known: &Known, range: Range<u64>) -> io::Result<Vec<u8>> {
            self.asked.lock().unwrap().push(range.clone());
            Ok(range.map(|at| u8::from(at + 1 == known.size)).collect())
        }
    }

    fn object(size: u64) -> (Arc<Noting>, Blocks) {
        let store = Arc::new(Noting::default());
        let known = Arc::new(Known { size, ..Known::default() });
        (store.clone(), Blocks::new(store, "a".to_owned(), known))
    }

    #[test]
    fn the_end_of_a_large_object_costs_one_request() {
        let (store, object) = object(100 * BLOCK + 5);
        let mut tail = [0; 5];
        assert_eq!(object.read_at(&mut tail, 100 * BLOCK).unwrap(), 5);
        assert_eq!(tail, [0, 0, 0, 0, 1]);
        object.read_at(&mut tail, 100 * BLOCK + 2).unwrap();
        assert_eq!(*store.asked.lock().unwrap(), vec![Range { start: 100 * BLOCK, end: 100 * BLOCK + 5 }]);
        assert!(object.changed(), "there is no such thing any more");
    }

    #[test]
    fn what_is_read_on_and_on_comes_in_longer_stretches() {
        let (store, object) = object(9 * BLOCK + 1);
        let mut bytes = Vec::new();
        RangeReader::whole(Arc::new(object)).read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes.len() as u64, 9 * BLOCK + 1);
        assert_eq!(bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>(), 1);
        let asked: Vec<u64> =
            store.asked.lock().unwrap().iter().map(|range| range.end - range.start).collect();
        assert_eq!(asked, [BLOCK, 4 * BLOCK, 4 * BLOCK, 1]);
    }

    #[test]
    fn threads_that_want_the_same_ask_once() {
        let (store, object) = object(BLOCK);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| object.read_at(&mut [0; 10], 7).unwrap());
            }
        });
        assert_eq!(store.asked.lock().unwrap().len(), 1);
    }

    #[test]
    fn nothing_is_asked_of_an_empty_object() {
        let (store, object) = object(0);
        assert_eq!(object.read_at(&mut [0; 4], 0).unwrap(), 0);
        assert!(store.asked.lock().unwrap().is_empty());
    }
}
