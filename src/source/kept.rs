//! Companions that were read for labels, kept since a package with many findings asks again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What is kept, in bytes of all companions together; what is beyond is read again when asked for.
const KEPT: usize = 64 << 20;

/// How many answers are kept, a "there is no such thing" among them.
const ANSWERS: usize = 2048;

/// The companions of one package.
#[derive(Default)]
pub(crate) struct Kept(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    bytes: usize,
    members: HashMap<String, Option<Arc<[u8]>>>,
}

impl Kept {
    /// Returns a member that is kept, else reads it.
    pub(crate) fn get_or_read(
        &self,
        member: &str,
        read: impl FnOnce() -> Option<Arc<[u8]>>,
    ) -> Option<Arc<[u8]>> {
        let inner = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = inner().members.get(member) {
            return known.clone();
        }
        let bytes = read(); // not under the lock: others need not wait, at the price of reading twice
        let size = bytes.as_ref().map_or(0, |bytes| bytes.len());
        let mut inner = inner();
        if inner.bytes + size <= KEPT && inner.members.len() < ANSWERS {
            let before = inner.members.insert(member.to_owned(), bytes.clone());
            inner.bytes += if before.is_none() { size } else { 0 };
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_read_once() {
        let kept = Kept::default();
        let text = || Some(Arc::from(&b"a"[..]));
        assert_eq!(kept.get_or_read("a", text).as_deref(), Some(&b"a"[..]));
        assert_eq!(kept.get_or_read("a", || None).as_deref(), Some(&b"a"[..]));
        assert!(kept.get_or_read("b", || None).is_none());
        assert!(kept.get_or_read("b", text).is_none());
    }
}
