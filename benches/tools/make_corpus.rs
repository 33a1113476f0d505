//! Writes the corpus of the benches to disk: `make_corpus DIR [--seed N] [--megabytes N] [--sources N] [--clean FILE]`.
//!
//! `DIR` gets N megabytes of n8n workflows (100 unless said otherwise) and N of source-like text (none unless said
//! otherwise); `--clean FILE` writes one workflow of 20 KB without a credential as well.

#![expect(clippy::print_stdout, reason = "a tool of the house, for a person at a terminal")]

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

#[path = "../corpus/mod.rs"]
mod corpus;

const USAGE: &str = "usage: make_corpus DIR [--seed N] [--megabytes N] [--sources N] [--clean FILE]";

/// What was asked for.
struct Wanted {
    folder: PathBuf,
    seed: u64,
    megabytes: usize,
    sources: usize,
    clean: Option<PathBuf>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let wanted = wanted()?;
    let workflows = corpus::workflows(wanted.seed, wanted.megabytes * 1_000_000);
    let sources = corpus::sources(wanted.seed, wanted.sources * 1_000_000);
    let (mut files, mut bytes, mut planted) = (0, 0, 0);
    for file in workflows.into_iter().chain(sources) {
        write(&wanted.folder.join(&file.path), &file.bytes)?;
        files += 1;
        bytes += file.bytes.len();
        planted += file.planted;
    }
    if let Some(path) = &wanted.clean {
        write(path, &corpus::clean_workflow(wanted.seed, 20_000).bytes)?;
    }
    println!("{{\"files\": {files}, \"bytes\": {bytes}, \"planted\": {planted}}}");
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let failed = |error| format!("cannot write {}: {error}", path.display());
    fs::create_dir_all(folder).and_then(|()| fs::write(path, bytes)).map_err(failed)
}

fn wanted() -> Result<Wanted, Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().filter(|folder| !folder.starts_with("--")).ok_or(USAGE)?;
    let mut wanted = Wanted { folder: folder.into(), seed: 1, megabytes: 100, sources: 0, clean: None };
    while let Some(option) = arguments.next() {
        let value = arguments.next().ok_or(USAGE)?;
        match option.as_str() {
            "--seed" => wanted.seed = value.parse()?,
            "--megabytes" => wanted.megabytes = value.parse()?,
            "--sources" => wanted.sources = value.parse()?,
            "--clean" => wanted.clean = Some(value.into()),
            _ => return Err(USAGE.into()),
        }
    }
    Ok(wanted)
}
