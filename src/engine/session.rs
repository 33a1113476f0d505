//! Blobs that someone else reads, such as git: scanned by the batch, over all threads, in the order that they come in.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use rayon::prelude::*;

use super::{Error, Options, STACK, excluded, is_excluded};
use crate::blob::{Alone, Package, Provenance};
use crate::budget::{Funds, Reason};
use crate::container::{Outcome, Place, Pool, Progress, Run, SMALL, Visit, Workspaces, gap};
use crate::source::{Memory, ReadAt};

/// How many blobs a thread takes at least: most are small, and to share them out costs, too.
const TOGETHER: usize = 8;

/// One blob, whole in memory.
pub struct Given {
    /// What it is called.
    pub name: String,
    /// What stands in it.
    pub bytes: Arc<Memory>,
    /// Whether the name is one that people gave, so that it is text too.
    pub named: bool,
    /// What stands around it, for labels; none if it stands alone.
    pub package: Option<Arc<dyn Package + Send>>,
}

/// A run whose blobs come one batch after the other.
pub struct Session<'a> {
    visit: &'a dyn Visit,
    options: &'a Options,
    progress: &'a dyn Progress,
    workspaces: Workspaces,
    threads: Option<rayon::ThreadPool>,
    /// What the run may still expand, in bytes.
    left: u64,
    deadline: Option<Instant>,
}

impl<'a> Session<'a> {
    /// Begins a run.
    pub fn new(visit: &'a dyn Visit, options: &'a Options, progress: &'a dyn Progress) -> Self {
        Self {
            visit,
            options,
            progress,
            workspaces: Workspaces::new(options.threads.get()),
            threads: None,
            left: visit.budget().run_expanded,
            deadline: options.deadline.and_then(|time| Instant::now().checked_add(time)),
        }
    }

    /// Scans a batch. The outcome is the same for any number of threads, but for batches that use up what the run may
    /// expand: those are scanned once more, in order.
    ///
    /// # Errors
    /// If the threads cannot be started.
    pub fn scan(&mut self, batch: &[Given]) -> Result<Outcome, Error> {
        let size: usize = batch.iter().map(|given| given.bytes.0.len()).sum();
        // Threads do not pay for what a hook has to look at on most days.
        let parallel = self.options.threads.get() > 1 && size > SMALL && batch.len() > 1;
        if !parallel {
            return Ok(self.one_by_one(batch));
        }
        if self.threads.is_none() {
            let threads = rayon::ThreadPoolBuilder::new().num_threads(self.options.threads.get());
            self.threads = Some(threads.stack_size(STACK).build()?);
        }
        let funds = self.funds();
        let run = self.run(&funds, true);
        let look = || {
            let one = |given: &Given| self.look(&run, given);
            batch.par_iter().with_min_len(TOGETHER).map(one).reduce(Outcome::default, Outcome::then)
        };
        let outcome = self.threads.as_ref().map(|threads| threads.install(look));
        match outcome.filter(|_| !funds.over()) {
            Some(outcome) => {
                self.left = funds.left();
                Ok(outcome)
            }
            None => Ok(self.one_by_one(batch)),
        }
    }

    fn one_by_one(&mut self, batch: &[Given]) -> Outcome {
        let funds = self.funds();
        let run = self.run(&funds, false);
        let outcome =
            batch.iter().map(|given| self.look(&run, given)).fold(Outcome::default(), Outcome::then);
        self.left = funds.left();
        outcome
    }

    /// Scans what is too large to be held.
    pub fn stream(&mut self, name: &str, reader: &mut dyn Read) -> Outcome {
        if is_excluded(&self.options.exclude, Path::new(name), name) {
            return excluded();
        }
        let funds = self.funds();
        let run = self.run(&funds, false);
        let provenance = Provenance::file(name);
        let mut outcome = run.name(&provenance);
        outcome.add(run.guarded(&provenance, || run.input(&provenance, reader)));
        self.left = funds.left();
        outcome
    }

    /// Why nothing more is begun, if the time is over or somebody ended the run.
    pub fn late(&self) -> Option<Reason> {
        let funds = self.funds();
        funds.late().then(|| funds.late_reason())
    }

    fn funds(&self) -> Arc<Funds> {
        Arc::new(Funds::new(self.left, self.deadline).unless(self.options.stop.clone()))
    }

    fn run<'r>(&'r self, funds: &'r Arc<Funds>, parallel: bool) -> Run<'r> {
        static POOL: std::sync::LazyLock<Pool> = std::sync::LazyLock::new(Pool::default);
        Run {
            visit: self.visit,
            progress: self.progress,
            workspaces: &self.workspaces,
            pool: &POOL,
            passwords: &self.options.passwords,
            parallel,
            funds,
        }
    }

    fn look(&self, run: &Run, given: &Given) -> Outcome {
        if is_excluded(&self.options.exclude, Path::new(&given.name), &given.name) {
            return excluded();
        }
        let provenance = &Provenance::file(given.name.as_str());
        if run.parallel && run.funds.over() {
            return Outcome::default();
        }
        if run.funds.late() {
            let detail = match run.funds.late_reason() {
                Reason::Interrupted => "not begun before the run was interrupted",
                _ => "not begun before the deadline",
            };
            return gap(provenance, run.funds.late_reason(), detail);
        }
        let package = given.package.as_ref().map_or(&Alone as &dyn Package, |package| &**package);
        let place = Place { provenance, package };
        run.guarded(provenance, || self.whole(run, place, given))
    }

    fn whole(&self, run: &Run, place: Place, given: &Given) -> Outcome {
        let bytes = &given.bytes.0;
        let mut outcome = self.workspaces.with(|workspace| {
            let named = if given.named { run.named(place.provenance, workspace) } else { Outcome::default() };
            if bytes.len() < SMALL { named.then(run.small(place, bytes, workspace)) } else { named }
        });
        if bytes.len() >= SMALL {
            outcome.add(run.large(place, &(given.bytes.clone() as Arc<dyn ReadAt>)));
        }
        run.progress.files(1);
        outcome.coverage.files += 1;
        outcome
    }
}
