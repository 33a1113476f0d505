//! The verdict: what stops a flow from being published, what does not, and the sentence that says so.

use crate::policy::Violation;

use super::words::counted;
use super::{Page, Reported};

/// What it comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Something must be mended first.
    Stop,
    /// Nothing was found, but not everything was read.
    Unsure,
    /// Nothing was read at all.
    Nothing,
    /// Nothing was found, and everything was read.
    Clear,
}

/// The findings of the view by what follows from them.
pub(super) struct Verdict<'p> {
    pub(super) outcome: Outcome,
    /// Open findings at or above `fail_on`.
    pub(super) stopping: Vec<&'p Reported>,
    /// Open findings below that.
    pub(super) passing: Vec<&'p Reported>,
    /// Accepted findings.
    pub(super) accepted: Vec<&'p Reported>,
    /// What a policy forbids.
    pub(super) violations: &'p [Violation],
    /// Distinct credentials among those that stop.
    pub(super) credentials: usize,
}

impl<'p> Verdict<'p> {
    pub(super) fn of(page: &'p Page) -> Self {
        let (accepted, open): (Vec<_>, Vec<_>) = page.shown().partition(|it| it.accepted.is_some());
        let (stopping, passing): (Vec<_>, Vec<_>) =
            open.into_iter().partition(|it| it.severity() >= page.options.fail_on);
        let mut credentials: Vec<_> = stopping.iter().map(|it| it.secret).collect();
        credentials.sort_unstable();
        credentials.dedup();
        let violations = page.report.violations.as_deref().unwrap_or_default();
        let coverage = &page.report.coverage;
        let outcome = match () {
            () if !stopping.is_empty() || !violations.is_empty() => Outcome::Stop,
            () if coverage.files == 0 && coverage.bytes == 0 => Outcome::Nothing,
            () if !page.report.is_complete() => Outcome::Unsure,
            () => Outcome::Clear,
        };
        Self { outcome, stopping, passing, accepted, violations, credentials: credentials.len() }
    }

    /// `2 credentials and 1 breach of the policy`
    pub(super) fn count(&self) -> String {
        let breaches = match self.violations.len() {
            1 => "1 breach of the policy".to_owned(),
            count => format!("{count} breaches of the policy"),
        };
        match (self.credentials, self.violations.len()) {
            (0, _) => breaches,
            (credentials, 0) => counted(credentials, "credential"),
            (credentials, _) => format!("{} and {breaches}", counted(credentials, "credential")),
        }
    }

    /// The sentence.
    pub(super) fn sentence(&self, page: &Page) -> String {
        let gaps = page.report.coverage.gaps.len();
        match self.outcome {
            Outcome::Stop => format!("Do not publish: {}.", self.count()),
            Outcome::Nothing => "Nothing was read, so nothing can be said.".to_owned(),
            Outcome::Unsure => format!(
                "Not sure: nothing was found that must not be published, but {} could not be read.",
                counted(gaps, "place")
            ),
            Outcome::Clear => "Nothing found that must not be published; all of it was read.".to_owned(),
        }
    }
}
