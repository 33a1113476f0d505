//! The memory for blobs that must be whole before they can be opened, shared by all threads.
//!
//! A thread waits for its share; that cannot end in a deadlock, since whoever holds a share works alone until it gives
//! it back: it takes no second one and no other thread's work. For containers within the one that it holds it has a
//! reserve, which is a part of the share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Bytes that all threads together may hold.
const TOTAL: usize = 256 << 20;

impl Pool {
    /// The most that one piece of work may ask for.
    pub(super) const MOST: usize = TOTAL;
}

/// What is left of the pool.
pub(crate) struct Pool {
    left: Mutex<usize>,
    more: Condvar,
}

impl Default for Pool {
    fn default() -> Self {
        Self { left: Mutex::new(TOTAL), more: Condvar::new() }
    }
}

impl Pool {
    /// Waits until `bytes` are free, or as many as there are in all, and takes them.
    pub(super) fn share(&self, bytes: usize) -> Share<'_> {
        let bytes = bytes.min(TOTAL);
        let mut left = self.left();
        while *left < bytes {
            left = self.more.wait(left).unwrap_or_else(PoisonError::into_inner);
        }
        *left -= bytes;
        Share { pool: self, bytes, reserve: Reserve::default() }
    }

    fn left(&self) -> MutexGuard<'_, usize> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A share of the pool, until it is dropped.
pub(super) struct Share<'a> {
    pool: &'a Pool,
    bytes: usize,
    /// For one blob within the one that is held.
    pub(super) reserve: Reserve,
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        *self.pool.left() += self.bytes;
        self.pool.more.notify_all();
    }
}

/// Room for one more blob within a share. Used by the share's own thread only.
#[derive(Default)]
pub(super) struct Reserve {
    taken: AtomicBool,
}

impl Reserve {
    /// Takes the room, unless it is taken already.
    pub(super) fn take(&self) -> Option<Reserved<'_>> {
        (!self.taken.swap(true, Ordering::Relaxed)).then_some(Reserved(self))
    }
}

/// The room of a reserve, until it is dropped.
pub(super) struct Reserved<'a>(&'a Reserve);

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        self.0.taken.store(false, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_pool_waits() {
        let pool = Pool::default();
        let first = pool.share(usize::MAX);
        std::thread::scope(|scope| {
            let second = scope.spawn(|| pool.share(1).bytes);
            drop(first);
            assert_eq!(second.join().unwrap(), 1);
        });
        assert_eq!(*pool.left(), TOTAL);
    }

    #[test]
    fn a_reserve_is_taken_once() {
        let reserve = Reserve::default();
        let first = reserve.take();
        assert!(first.is_some() && reserve.take().is_none());
        drop(first);
        assert!(reserve.take().is_some());
    }
}
