//! A progress line on the terminal, and none elsewhere.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::time::Duration;

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

use super::args::Options;
use crate::engine::Counters;

/// What the run counts, and the line that shows it.
pub(super) struct Line {
    /// Counted by the engine's threads.
    pub(super) counters: Arc<Counters>,
    bar: Option<ProgressBar>,
}

impl Line {
    /// Shown only if standard error is a terminal, and after a moment, so that short runs show nothing.
    pub(super) fn new(options: &Options) -> Self {
        let counters = Arc::new(Counters::default());
        let wanted = !options.no_progress && !options.quiet && io::stderr().is_terminal();
        let bar = wanted.then(|| bar(counters.clone()));
        Self { counters, bar }
    }

    /// Takes the line off the terminal.
    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(counters: Arc<Counters>) -> ProgressBar {
    let text = move |_: &indicatif::ProgressState, out: &mut dyn std::fmt::Write| {
        let (files, bytes, findings) = counters.read();
        let _ = write!(out, "{files} files, {}, {findings} findings", HumanBytes(bytes));
    };
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {counts} ({elapsed})") {
        bar.set_style(style.with_key("counts", text));
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
