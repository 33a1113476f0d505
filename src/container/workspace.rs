//! Working memory that is reused from file to file, so that a clean file allocates nothing but its name.

use std::sync::{Mutex, PoisonError};

use flate2::Decompress;

use crate::scan::Scratch;

/// The size of a buffer, in bytes: what is smaller is held whole, what is not is streamed.
pub(crate) const SMALL: usize = 1 << 20;

/// One thread's working memory.
#[derive(Default)]
pub(crate) struct Workspace {
    /// The scan's own.
    pub(crate) scratch: Scratch,
    /// The state of an inflater, made at the first deflated member: a new one for each costs 6 % of the whole.
    pub(crate) inflater: Option<Decompress>,
    /// Buffers that nobody holds.
    spare: Vec<Vec<u8>>,
}

impl Workspace {
    /// A buffer of [`SMALL`] bytes with whatever its last user left in it. To be given back; if a panic keeps it, it
    /// is only freed.
    pub(crate) fn buffer(&mut self) -> Vec<u8> {
        // Fresh zeroed memory costs nothing until it is touched, so small files never pay for the whole buffer.
        self.spare.pop().unwrap_or_else(|| vec![0; SMALL])
    }

    /// Takes a buffer back.
    pub(crate) fn give_back(&mut self, buffer: Vec<u8>) {
        self.spare.push(buffer);
    }
}

/// The workspaces of all threads. Each thread has a stack of its own, since a thread that waits for a part of its work
/// may begin another file meanwhile.
pub(crate) struct Workspaces(Vec<Mutex<Vec<Workspace>>>);

impl Workspaces {
    /// Stacks for so many threads.
    pub(crate) fn new(threads: usize) -> Self {
        Self((0..threads.max(1)).map(|_| Mutex::default()).collect())
    }

    /// Lends a workspace for a piece of work. If that panics, the workspace is gone with whatever state it was left in.
    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut Workspace) -> R) -> R {
        let thread = rayon::current_thread_index().unwrap_or(0) % self.0.len();
        let stack = || self.0[thread].lock().unwrap_or_else(PoisonError::into_inner);
        let mut workspace = stack().pop().unwrap_or_default();
        let result = work(&mut workspace);
        stack().push(workspace);
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workspace_comes_back_with_its_buffers() {
        let workspaces = Workspaces::new(1);
        let place = |workspace: &mut Workspace| {
            let buffer = workspace.buffer();
            let place = buffer.as_ptr() as usize;
            workspace.give_back(buffer);
            place
        };
        let first = workspaces.with(place);
        assert_eq!(workspaces.with(place), first);
        workspaces.with(|outer| {
            let outer = place(outer);
            assert_ne!(workspaces.with(place), outer);
        });
    }
}
