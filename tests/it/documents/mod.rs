//! Documents: what is found in them, and where their readers would look for it. One file per format.

mod git;
mod mail;
mod markup;
pub(crate) mod office;
mod ole;
mod packed;
#[cfg(feature = "parquet")]
mod parquet;
mod pdf;
mod rtf;
mod sqlite;
mod tables;

pub(crate) use self::office::workbook;

use keysieve::budget::Reason;
use keysieve::engine::{self, Input, Options, Outcome, Unwatched};

use crate::common::{SCANNER, token, value};

/// A token of a fixed length: that of [`PLACEHOLDER`].
const TOKEN: &str = "github-personal-access-token";

/// What stands for a token in the files of `tests/data/documents`.
const PLACEHOLDER: &str = "PLACEHOLDERPLACEHOLDERPLACEHOLDERPLACEHO";

/// Scans a file of these bytes by the real engine, with decoders in processes of their own.
fn scan(name: &str, bytes: impl AsRef<[u8]>) -> Outcome {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join(name);
    std::fs::write(&path, bytes).expect("a file");
    engine::run(&[Input::Path(path)], &SCANNER, &Options::default(), &Unwatched).expect("a run")
}

/// Where findings are, by the entries below the file and the landmark, and what they are.
fn places(outcome: &Outcome) -> Vec<(String, String)> {
    let place = |finding: &keysieve::finding::Finding| {
        let entries: Vec<&str> = finding.location.provenance.entries.iter().map(|entry| &**entry).collect();
        let landmark = finding.location.landmark.as_deref().unwrap_or_default();
        (format!("{}: {landmark}", entries.join("/")), value(finding))
    };
    outcome.findings.iter().map(place).collect()
}

/// One place and the token number there.
fn at(place: &str, number: u64) -> (String, String) {
    (place.to_owned(), token(TOKEN, number))
}

fn reasons(outcome: &Outcome) -> Vec<Reason> {
    outcome.coverage.gaps.iter().map(|gap| gap.reason).collect()
}

/// A file with a token instead of the placeholder, in 8-bit characters and in UTF-16.
fn patched(bytes: &[u8], number: u64) -> Vec<u8> {
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let token = token(TOKEN, number);
    let mut bytes = bytes.to_vec();
    let mut patch = |from: &[u8], to: &[u8]| {
        let places: Vec<usize> = memchr::memmem::find_iter(&bytes, from).collect();
        for place in &places {
            bytes[*place..*place + to.len()].copy_from_slice(to);
        }
        places.len()
    };
    let patches = patch(PLACEHOLDER.as_bytes(), token.as_bytes()) + patch(&wide(PLACEHOLDER), &wide(&token));
    assert!(patches > 0 && token.len() == PLACEHOLDER.len());
    bytes
}
