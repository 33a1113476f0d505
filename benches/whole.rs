//! The whole main job, from paths to findings: a folder, a zip of it, one file of 20 KB.
//!
//! Over a made corpus, and over the folder in `KEYSIEVE_CORPUS` if that is set. Divan tells the time that passes; what
//! the processor spends, and what others spend on the same, is for `benches/compare.py` to tell.

use std::fs;

use divan::Bencher;
use divan::counter::BytesCount;
use tempfile::TempDir;

#[allow(dead_code, reason = "each user needs a part of it")]
mod corpus;
mod given;
mod zipped;

/// Bytes of the made corpus.
const SIZE: usize = 32_000_000;

/// Threads to try.
const THREADS: [usize; 2] = [1, 4];

fn main() {
    given::announce();
    divan::main();
}

#[divan::bench(args = THREADS)]
fn folder(bencher: Bencher, threads: usize) {
    let files = corpus::workflows(1, SIZE);
    let folder = TempDir::new().expect("a folder for temporary files");
    for file in &files {
        let path = folder.path().join(&file.path);
        fs::create_dir_all(path.parent().expect("it has a folder")).expect("the folder is writable");
        fs::write(path, &file.bytes).expect("the folder is writable");
    }
    let scan = given::Scan::new(threads);
    let bytes: usize = files.iter().map(|file| file.bytes.len()).sum();
    bencher.counter(BytesCount::new(bytes)).bench_local(|| scan.findings(folder.path()));
}

#[divan::bench(args = THREADS)]
fn zip(bencher: Bencher, threads: usize) {
    let zip = zipped::Zipped::new(&corpus::workflows(1, SIZE));
    let scan = given::Scan::new(threads);
    bencher.counter(BytesCount::new(zip.bytes)).bench_local(|| scan.findings(zip.path()));
}

/// What a pre-commit hook asks for, without the start of the process.
#[divan::bench]
fn one_file(bencher: Bencher) {
    let file = corpus::clean_workflow(1, 20_000);
    let folder = TempDir::new().expect("a folder for temporary files");
    let path = folder.path().join("clean.json");
    fs::write(&path, &file.bytes).expect("the folder is writable");
    bencher.counter(BytesCount::new(file.bytes.len())).bench_local(|| given::Scan::new(1).findings(&path));
}

#[divan::bench(ignore = given::folder().is_none())]
fn given_folder(bencher: Bencher) {
    let folder = given::folder().expect("it is ignored otherwise");
    let scan = given::Scan::new(1);
    bencher.bench_local(|| scan.findings(&folder));
}
