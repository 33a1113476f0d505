//! The members of a container as what stands beside one of them.

use std::sync::{Arc, Mutex, PoisonError};

use crate::blob::{COMPANION_LIMIT, Package};

/// How many names are listed.
const NAMES: usize = 4096;

/// One member, with all others.
pub(super) struct Members<'a> {
    /// All names, in the order of the container.
    pub(super) names: &'a [String],
    /// Gives a member's content by its number.
    pub(super) read: &'a (dyn Fn(usize) -> Option<Vec<u8>> + Sync),
    /// What was read.
    pub(super) kept: &'a Mutex<Vec<(usize, Arc<[u8]>)>>,
    /// The member.
    pub(super) own: &'a str,
}

impl Package for Members<'_> {
    fn members(&self) -> Vec<String> {
        let mut names: Vec<String> = self.names.iter().take(NAMES).cloned().collect();
        names.sort_unstable();
        names
    }

    fn read(&self, member: &str) -> Option<Arc<[u8]>> {
        let number = self.names.iter().position(|name| name == member)?;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, bytes)) = kept.iter().find(|(known, _)| *known == number) {
            return Some(bytes.clone());
        }
        let bytes: Arc<[u8]> = (self.read)(number).filter(|bytes| bytes.len() <= COMPANION_LIMIT)?.into();
        kept.push((number, bytes.clone()));
        Some(bytes)
    }

    fn own_name(&self) -> Option<&str> {
        Some(self.own)
    }
}
