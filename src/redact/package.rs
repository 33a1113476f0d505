//! The members of a container as what stands beside one of them.

use std::sync::Arc;

use crate::blob::{COMPANION_LIMIT, Package};
use crate::source::Kept;

/// How many names are listed.
const NAMES: usize = 4096;

/// One member, with all others.
pub(super) struct Members<'a> {
    /// All names, in the order of the container.
    pub(super) names: &'a [String],
    /// Gives a member's content by its number.
    pub(super) read: &'a (dyn Fn(usize) -> Option<Vec<u8>> + Sync),
    /// What was read.
    pub(super) kept: &'a Kept,
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
        let read = || (self.read)(number).filter(|bytes| bytes.len() <= COMPANION_LIMIT).map(Arc::from);
        self.kept.get_or_read(member, read)
    }

    fn own_name(&self) -> Option<&str> {
        Some(self.own)
    }
}
