//! Files, folders and archives made here, walked by the engine with a recorder in the scan's place.

use std::fs;
use std::io::{self, Read};
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use keysieve::blob::{Blob, Package, Provenance};
use keysieve::budget::{Budget, Gap, Reason};
use keysieve::engine::{self, Counters, Input, Options, Outcome, Unwatched, Visit};
use keysieve::finding::Finding;
use keysieve::scan::{BlobScan, Scratch};

/// Writes down what it is shown.
#[derive(Default)]
struct Recorder {
    budget: Budget,
    seen: Mutex<Vec<(String, Vec<u8>)>>,
    names: Mutex<Vec<String>>,
    /// Members to read from the package of each blob, and what came of it.
    companions: Vec<&'static str>,
    read: Mutex<Vec<(String, String, Option<String>)>>,
    /// Whether the streams are opened once more, and what they gave then.
    reopen: bool,
}

impl Recorder {
    fn with(budget: Budget) -> Self {
        Self {
            budget,
            ..Self::default()
        }
    }

    /// What was shown by name: text, and for longer things `len × first byte`.
    fn seen(&self) -> Vec<(String, String)> {
        let mut seen: Vec<_> = lock(&self.seen)
            .iter()
            .map(|(name, bytes)| (name.clone(), short(bytes)))
            .collect();
        seen.sort();
        seen
    }

    fn names(&self) -> Vec<String> {
        let mut names = lock(&self.names).clone();
        names.sort();
        names
    }

    fn keep(&self, provenance: &Provenance, bytes: &[u8], package: &dyn Package) {
        lock(&self.seen).push((shown(provenance), bytes.to_vec()));
        for member in &self.companions {
            let text = package.read(member).map(|bytes| short(&bytes));
            let own = package.own_name().unwrap_or_default().to_owned();
            lock(&self.read).push((own, (*member).to_owned(), text));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The provenance without the temporary folder.
fn shown(provenance: &Provenance) -> String {
    let text = provenance.to_string();
    text.split_once("/case/")
        .map_or(text.clone(), |(_, rest)| rest.to_owned())
}

fn short(bytes: &[u8]) -> String {
    if bytes.len() < 64 {
        String::from_utf8_lossy(bytes).into_owned()
    } else {
        format!("{} × {}", bytes.len(), bytes[0])
    }
}

impl Visit for Recorder {
    fn budget(&self) -> &Budget {
        &self.budget
    }

    fn blob(&self, blob: &Blob, _scratch: &mut Scratch) -> BlobScan {
        assert!(!blob.bytes.starts_with(b"panic!"), "asked to");
        self.keep(blob.provenance, blob.bytes, blob.package);
        BlobScan {
            bytes: blob.bytes.len() as u64,
            ..BlobScan::default()
        }
    }

    fn stream(
        &self,
        provenance: &Provenance,
        reader: &mut dyn Read,
        reopen: &mut dyn FnMut() -> io::Result<Box<dyn Read>>,
        package: &dyn Package,
        _scratch: &mut Scratch,
    ) -> BlobScan {
        let mut bytes = Vec::new();
        let mut scan = BlobScan::default();
        if let Err(error) = reader.read_to_end(&mut bytes) {
            let reason = match error.kind() {
                io::ErrorKind::UnexpectedEof => Reason::Truncated,
                io::ErrorKind::InvalidData => Reason::Corrupt,
                _ => Reason::Unreadable,
            };
            scan.gaps.push(Gap::new(provenance, reason, error.to_string()));
        }
        if self.reopen {
            let mut again = Vec::new();
            reopen()
                .unwrap()
                .take(bytes.len() as u64)
                .read_to_end(&mut again)
                .unwrap();
            assert!(bytes == again, "the same stream once more");
        }
        scan.bytes = bytes.len() as u64;
        self.keep(provenance, &bytes, package);
        scan
    }

    fn name(&self, provenance: &Provenance, _scratch: &mut Scratch) -> Vec<Finding> {
        lock(&self.names).push(shown(provenance));
        Vec::new()
    }
}

/// A folder that vanishes with the test, named so that reports are the same everywhere.
struct Case(tempfile::TempDir);

impl Case {
    fn new() -> Self {
        let case = Self(tempfile::tempdir().unwrap());
        fs::create_dir(case.0.path().join("case")).unwrap();
        case
    }

    fn path(&self) -> std::path::PathBuf {
        self.0.path().join("case")
    }

    fn file(self, name: &str, bytes: impl AsRef<[u8]>) -> Self {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        self
    }

    fn run(&self, recorder: &Recorder) -> Outcome {
        self.run_with(recorder, &threads(2))
    }

    fn run_with(&self, recorder: &Recorder, options: &Options) -> Outcome {
        engine::visit(&[Input::Path(self.path())], recorder, options, &Unwatched).unwrap()
    }
}

fn threads(threads: usize) -> Options {
    Options {
        threads: NonZeroUsize::new(threads).unwrap(),
        ..Options::default()
    }
}

fn gaps(outcome: &Outcome) -> Vec<(String, Reason)> {
    outcome
        .coverage
        .gaps
        .iter()
        .map(|gap| (shown(&gap.provenance), gap.reason))
        .collect()
}

fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
        .collect()
}

#[test]
fn every_file_of_a_tree_is_looked_at() {
    let case = Case::new()
        .file("b/.hidden", "h")
        .file("a", "x")
        .file("b/c/d", "")
        .file(".gitignore", "*");
    let recorder = Recorder::default();
    let counters = Counters::default();
    let input = [Input::Path(case.path())];
    let outcome = engine::visit(&input, &recorder, &threads(2), &counters).unwrap();
    assert_eq!(
        recorder.seen(),
        pairs([(".gitignore", "*"), ("a", "x"), ("b/.hidden", "h"), ("b/c/d", "")])
    );
    assert_eq!(outcome.coverage.files, 4);
    assert_eq!(outcome.coverage.bytes, 3);
    assert_eq!(counters.read(), (4, 3, 0));
    assert!(outcome.coverage.gaps.is_empty());
    let folders = recorder
        .names()
        .into_iter()
        .filter(|name| ["b", "b/c"].contains(&&**name))
        .count();
    assert_eq!(folders, 2, "names of folders are text too");
}

#[test]
fn excluded_paths_are_counted() {
    let case = Case::new()
        .file("a.png", "1")
        .file("b/c.png", "2")
        .file("b/node_modules/x", "3")
        .file("docs/old/y", "4")
        .file("b/docs/old/y", "5");
    let recorder = Recorder::default();
    let exclude = engine::excludes(["*.png", "node_modules", "docs/old"]).unwrap();
    let outcome = case.run_with(
        &recorder,
        &Options {
            exclude,
            ..threads(2)
        },
    );
    assert_eq!(recorder.seen(), pairs([("b/docs/old/y", "5")]));
    assert_eq!(outcome.coverage.excluded, 4);
    assert!(engine::excludes(["a[b"]).is_err());
}

#[cfg(unix)]
#[test]
fn links_are_counted_and_special_files_are_gaps() {
    let case = Case::new().file("a", "x");
    std::os::unix::fs::symlink("a", case.path().join("l")).unwrap();
    std::os::unix::fs::symlink("..", case.path().join("loop")).unwrap();
    let _listener = std::os::unix::net::UnixListener::bind(case.path().join("s")).unwrap();
    let recorder = Recorder::default();
    let outcome = case.run(&recorder);
    assert_eq!(recorder.seen(), pairs([("a", "x")]));
    assert_eq!(outcome.coverage.links, 2);
    assert_eq!(gaps(&outcome), [("s".to_owned(), Reason::Unreadable)]);

    let recorder = Recorder::default();
    let link = [Input::Path(case.path().join("l"))];
    engine::visit(&link, &recorder, &threads(1), &Unwatched).unwrap();
    assert_eq!(recorder.seen(), pairs([("l", "x")]));
}

#[test]
fn a_missing_argument_is_an_error() {
    let input = [Input::Path("/no/such/file".into())];
    let error = engine::visit(&input, &Recorder::default(), &threads(1), &Unwatched).unwrap_err();
    assert!(error.to_string().starts_with("/no/such/file: "), "{error}");
}

#[test]
fn a_large_file_is_streamed() {
    let case = Case::new()
        .file("a", vec![7; 3 << 20])
        .file("b", vec![8; 1 << 20]);
    let recorder = Recorder {
        reopen: true,
        ..Recorder::default()
    };
    let outcome = case.run(&recorder);
    assert_eq!(
        recorder.seen(),
        pairs([("a", "3145728 × 7"), ("b", "1048576 × 8")])
    );
    assert!(outcome.coverage.gaps.is_empty());
}

#[test]
fn a_panic_costs_one_file() {
    let case = Case::new().file("a", "x").file("b", "panic!").file("c", "y");
    let recorder = Recorder::default();
    let outcome = case.run(&recorder);
    assert_eq!(recorder.seen(), pairs([("a", "x"), ("c", "y")]));
    assert_eq!(gaps(&outcome), [("b".to_owned(), Reason::DecoderFailed)]);
}

#[test]
fn a_file_argument_has_its_folder_as_package() {
    let case = Case::new()
        .file("src/Workflows/x.json", "{}")
        .file("src/Other/Customizations.xml", "<a/>");
    let recorder = Recorder {
        companions: vec!["../Other/Customizations.xml"],
        ..Recorder::default()
    };
    let input = [Input::Path(case.path().join("src/Workflows/x.json"))];
    engine::visit(&input, &recorder, &threads(1), &Unwatched).unwrap();
    let wanted = (
        "x.json".to_owned(),
        "../Other/Customizations.xml".to_owned(),
        Some("<a/>".to_owned()),
    );
    assert_eq!(*lock(&recorder.read), [wanted]);
}
