//! Files one at a time, for whoever walks to them himself and must know what each of them gave.
//!
//! Each file has funds of its own, so that what one may unpack does not depend on those before it.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;

use super::{Error, Options, STACK, Walk, unreadable};
use crate::blob::Provenance;
use crate::budget::Funds;
use crate::container::{Outcome, Pool, Progress, Run, Visit, Workspaces};
use crate::source::{At, Folder, Links, Sibling};

/// What is shared by all files of a walk.
pub struct Files<'a> {
    visit: &'a dyn Visit,
    progress: &'a dyn Progress,
    options: &'a Options,
    workspaces: Workspaces,
    pool: Pool,
}

/// Calls `walk` in a pool of `options.threads` threads; in it, rayon's parallel iterators are spread over these.
///
/// # Errors
/// If the threads cannot be started.
pub fn files<R: Send>(
    visit: &dyn Visit,
    options: &Options,
    progress: &dyn Progress,
    walk: impl FnOnce(&Files) -> R + Send,
) -> Result<R, Error> {
    let threads = options.threads.get();
    let workspaces = Workspaces::new(threads);
    let files = Files { visit, progress, options, workspaces, pool: Pool::default() };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).stack_size(STACK).build()?;
    Ok(pool.install(|| walk(&files)))
}

impl Files<'_> {
    /// Scans one regular file of a folder, under the path that reports show. A link in its place is refused.
    pub fn scan(&self, at: &At, shown: &str, beside: &Folder, name: &OsStr) -> Outcome {
        let name = name.to_string_lossy();
        let package = Sibling { folder: beside, name: &name };
        self.with_funds(|walk| walk.file(at, shown.into(), &package, Links::Refuse))
    }

    /// Looks at the last name of a path that is no file: a folder's, a link's.
    pub fn name(&self, shown: &str) -> Outcome {
        self.with_funds(|walk| walk.run.name(&Provenance::file(shown)))
    }

    /// What a file gives that the system refused to tell of.
    pub fn refused(&self, shown: &str, error: &std::io::Error) -> Outcome {
        unreadable(&Provenance::file(shown), error)
    }

    /// Whether a path is to be left out; `relative` is the way from the root on.
    pub fn excluded(&self, relative: &Path) -> bool {
        let globs = &self.options.exclude;
        !globs.is_empty()
            && (globs.is_match(relative) || relative.file_name().is_some_and(|name| globs.is_match(name)))
    }

    fn funds(&self) -> Arc<Funds> {
        Arc::new(Funds::new(self.visit.budget().run_expanded, None))
    }

    /// Does it with all threads; once more with one if it ran out, since which part came too late was luck.
    fn with_funds(&self, work: impl Fn(&Walk) -> Outcome) -> Outcome {
        let funds = self.funds();
        let outcome = self.with_walk(true, &funds, &work);
        if funds.over() { self.with_walk(false, &self.funds(), &work) } else { outcome }
    }

    fn with_walk<R>(&self, parallel: bool, funds: &Arc<Funds>, work: impl FnOnce(&Walk) -> R) -> R {
        let run = Run {
            visit: self.visit,
            progress: self.progress,
            workspaces: &self.workspaces,
            pool: &self.pool,
            passwords: &self.options.passwords,
            parallel,
            funds,
        };
        work(&Walk { run, exclude: &self.options.exclude })
    }
}
