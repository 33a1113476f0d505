//! A progress line on the terminal, and none elsewhere.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::time::Duration;

use indicatif::{HumanBytes, HumanDuration, ProgressBar, ProgressStyle};

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

/// How far a run is: files, bytes, their rate, findings, what could not be read, and the time left where that can be told.
fn told(counters: &Counters, elapsed: Duration) -> String {
    let (files, bytes, findings) = counters.read();
    let rate = bytes.checked_div(elapsed.as_secs()).unwrap_or(bytes);
    let mut told =
        format!("{files} files, {}, {}/s, {findings} findings", HumanBytes(bytes), HumanBytes(rate));
    match counters.read_gaps() {
        0 => {}
        1 => told.push_str(", 1 gap"),
        gaps => told.push_str(&format!(", {gaps} gaps")),
    }
    if let Some(left) = counters.left(elapsed) {
        told.push_str(&format!(", {} left", HumanDuration(left)));
    }
    told
}

fn bar(counters: Arc<Counters>) -> ProgressBar {
    let text = move |state: &indicatif::ProgressState, out: &mut dyn std::fmt::Write| {
        let _ = write!(out, "{}", told(&counters, state.elapsed()));
    };
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {counts} ({elapsed})") {
        bar.set_style(style.with_key("counts", text));
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Progress;

    #[test]
    fn the_line_says_what_is_left_and_what_was_not_read() {
        let counters = Counters::default();
        counters.files(10);
        counters.bytes(20 << 20);
        let after = Duration::from_secs(10);
        assert_eq!(told(&counters, after), "10 files, 20.00 MiB, 2.00 MiB/s, 0 findings");
        counters.gaps(2);
        counters.unchanged(40);
        counters.expected(100);
        let wanted = "10 files, 20.00 MiB, 2.00 MiB/s, 0 findings, 2 gaps, 10 seconds left";
        assert_eq!(told(&counters, after), wanted);
    }
}
