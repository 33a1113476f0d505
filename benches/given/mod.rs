//! What the benches are given: a folder from outside, and a scan as the command makes it.

#![allow(dead_code, reason = "each user needs a part of it")]

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use keysieve::budget::Budget;
use keysieve::detect::Detectors;
use keysieve::engine::{self, Input, Options, Unwatched};
use keysieve::scan::Scanner;
use keysieve::signature;

/// The environment variable that names a folder of real exports.
const VARIABLE: &str = "KEYSIEVE_CORPUS";

/// The folder of real exports, if there is one.
pub(crate) fn folder() -> Option<PathBuf> {
    std::env::var_os(VARIABLE).map(PathBuf::from).filter(|folder| folder.is_dir())
}

/// Says whether there is such a folder.
#[expect(clippy::print_stderr, reason = "a bench talks to the person who runs it")]
pub(crate) fn announce() {
    match folder() {
        Some(folder) => eprintln!("{VARIABLE}: {}", folder.display()),
        None => eprintln!("{VARIABLE} names no folder: benches over real exports are left out"),
    }
}

/// The files of the folder, in order of their paths, until `most` bytes have come together.
pub(crate) fn texts(most: usize) -> Vec<Vec<u8>> {
    let mut folders = folder().into_iter().collect::<Vec<_>>();
    let (mut texts, mut bytes) = (Vec::new(), 0);
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths {
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = fs::read(path)
                && bytes + text.len() <= most
            {
                bytes += text.len();
                texts.push(text);
            }
        }
    }
    texts
}

/// All signatures and what else a scan needs.
pub(crate) struct Scan {
    scanner: Scanner,
    options: Options,
}

impl Scan {
    /// With so many threads.
    pub(crate) fn new(threads: usize) -> Self {
        let detectors = Detectors::new(signature::built_in().iter().collect());
        let threads = NonZeroUsize::new(threads).unwrap_or(NonZeroUsize::MIN);
        Self {
            scanner: Scanner { detectors, budget: Budget::default(), now: 1_790_000_000, worker: None },
            options: Options { threads, ..Options::default() },
        }
    }

    /// Scans a path and returns the number of findings.
    pub(crate) fn findings(&self, path: &Path) -> usize {
        let inputs = [Input::Path(path.to_owned())];
        let outcome =
            engine::run(&inputs, &self.scanner, &self.options, &Unwatched).expect("the path is there");
        outcome.findings.len()
    }
}
