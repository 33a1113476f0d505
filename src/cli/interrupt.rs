//! Ctrl-C and SIGTERM: the first one lets a run end with what was found so far, the second one ends the process at once.

use std::io::Write;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Status;

static FLAG: OnceLock<Option<Arc<AtomicBool>>> = OnceLock::new();

/// The flag that is set when somebody ends the run; listens from the first call on. `None` if the system does not let
/// it: then signals do what they always do.
pub(super) fn flag() -> Option<Arc<AtomicBool>> {
    FLAG.get_or_init(listen).clone()
}

/// Whether somebody ended the run.
pub(super) fn happened() -> bool {
    FLAG.get().and_then(Option::as_ref).is_some_and(|flag| flag.load(Ordering::Relaxed))
}

fn listen() -> Option<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    let set = flag.clone();
    let handler = move || {
        if set.swap(true, Ordering::Relaxed) {
            leave();
        }
        let line = "keysieve: interrupted; what was found so far follows (once more to end at once)";
        let _ = writeln!(std::io::stderr(), "{line}");
    };
    ctrlc::set_handler(handler).ok()?;
    Some(flag)
}

#[expect(
    clippy::exit,
    reason = "whoever presses a second time wants no report; no file is half written but outputs"
)]
fn leave() {
    std::process::exit(Status::Interrupted as i32);
}
