//! A container as a package: its members by name, read on demand.

use std::sync::{Arc, OnceLock};

use crate::blob::Package;
use crate::source::Kept;

/// How many names a package lists.
pub(super) const NAMES: usize = 4096;

/// The members of one container. Nothing is listed or read before it is asked for.
pub(super) struct Companions<'a> {
    list: &'a (dyn Fn() -> Vec<String> + Sync),
    read: &'a (dyn Fn(&str) -> Option<Arc<[u8]>> + Sync),
    names: OnceLock<Vec<String>>,
    kept: Kept,
}

impl<'a> Companions<'a> {
    /// A container by how its members are listed, at most [`NAMES`] of them, and how one is read, at most
    /// [`crate::blob::COMPANION_LIMIT`] bytes of it.
    pub(super) fn new(
        list: &'a (dyn Fn() -> Vec<String> + Sync),
        read: &'a (dyn Fn(&str) -> Option<Arc<[u8]>> + Sync),
    ) -> Self {
        Self {
            list,
            read,
            names: OnceLock::new(),
            kept: Kept::default(),
        }
    }
}

/// One member, with what stands beside it.
#[derive(Clone, Copy)]
pub(super) struct Member<'a> {
    pub(super) companions: &'a Companions<'a>,
    pub(super) name: &'a str,
}

impl Package for Member<'_> {
    fn members(&self) -> Vec<String> {
        let sorted = || {
            let mut names = (self.companions.list)();
            names.sort_unstable();
            names
        };
        self.companions.names.get_or_init(sorted).clone()
    }

    fn read(&self, member: &str) -> Option<Arc<[u8]>> {
        self.companions
            .kept
            .get_or_read(member, || (self.companions.read)(member))
    }

    fn own_name(&self) -> Option<&str> {
        Some(self.name)
    }
}
