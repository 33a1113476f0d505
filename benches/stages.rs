//! The stages of a scan one by one, each over texts in memory: what a byte costs, and beside it what it costs to touch
//! it at all.
//!
//! Made texts, and those of the folder in `KEYSIEVE_CORPUS` if that is set.

use std::fs;
use std::hint::black_box;
use std::sync::OnceLock;

use divan::Bencher;
use divan::counter::BytesCount;
use keysieve::decode::{base64, json_string};
use keysieve::detect::runs::{Batch, Finder, Level, Needles};
use keysieve::detect::{Detectors, Found};
use keysieve::signature;

#[allow(dead_code, reason = "each user needs a part of it")]
mod corpus;
mod given;
mod yardstick;
mod zipped;

/// Bytes of each made corpus.
const SIZE: usize = 16_000_000;

fn main() {
    given::announce();
    divan::main();
}

/// A corpus by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Texts {
    Workflows,
    Sources,
    Given,
}

impl Texts {
    /// Those that there are.
    fn all() -> Vec<Self> {
        let mut all = vec![Self::Workflows, Self::Sources];
        all.extend(given::folder().map(|_| Self::Given));
        all
    }

    fn get(self) -> &'static [Vec<u8>] {
        static MADE: [OnceLock<Vec<Vec<u8>>>; 3] = [const { OnceLock::new() }; 3];
        let bytes = |files: Vec<corpus::File>| files.into_iter().map(|file| file.bytes).collect();
        MADE[self as usize].get_or_init(|| match self {
            Self::Workflows => bytes(corpus::workflows(1, SIZE)),
            Self::Sources => bytes(corpus::sources(1, SIZE)),
            Self::Given => given::texts(4 * SIZE),
        })
    }
}

/// Runs `look` over each text.
fn over(bencher: Bencher, texts: Texts, mut look: impl FnMut(&[u8]) -> usize) {
    let texts = texts.get();
    let bytes: usize = texts.iter().map(Vec::len).sum();
    bencher
        .counter(BytesCount::new(bytes))
        .bench_local(|| texts.iter().map(|text| look(black_box(text))).sum::<usize>());
}

/// The yardstick: looks for a byte that is not there.
#[divan::bench(args = Texts::all())]
fn memchr(bencher: Bencher, texts: Texts) {
    over(bencher, texts, |text| usize::from(memchr::memchr(1, text).is_some()));
}

/// The run finder with the fastest means of this processor.
#[divan::bench(args = Texts::all())]
fn runs(bencher: Bencher, texts: Texts) {
    let mut batch = Batch::default();
    let none = Needles::default();
    over(bencher, texts, |text| count(Finder::new(text, Level::best(), &none), &mut batch));
}

/// The run finder without vector instructions.
#[divan::bench(args = Texts::all())]
fn runs_scalar(bencher: Bencher, texts: Texts) {
    let mut batch = Batch::default();
    let none = Needles::default();
    over(bencher, texts, |text| count(Finder::new(text, Level::Scalar, &none), &mut batch));
}

fn count(mut finder: Finder, batch: &mut Batch) -> usize {
    let mut runs = 0;
    while finder.next(batch) {
        runs += batch.runs().count();
    }
    runs
}

/// All detectors with all signatures: text to candidates.
#[divan::bench(args = Texts::all())]
fn detect(bencher: Bencher, texts: Texts) {
    let detectors = Detectors::new(signature::built_in().iter().collect());
    let mut found = Found::default();
    over(bencher, texts, |text| {
        found.clear(usize::MAX);
        detectors.look(text, &mut found);
        found.candidates.len()
    });
}

/// Making the detectors, which every start pays.
#[divan::bench]
fn make_detectors() -> usize {
    Detectors::new(signature::built_in().iter().collect()).signatures().len()
}

#[divan::bench]
fn decode_base64(bencher: Bencher) {
    let text = data_encoding::BASE64.encode(&Texts::Workflows.get().concat()[..1 << 20]).into_bytes();
    bencher
        .counter(BytesCount::new(text.len()))
        .bench_local(|| base64::decode(black_box(&text), 0..text.len()).map(|decoded| decoded.text.len()));
}

#[divan::bench]
fn decode_json_string(bencher: Bencher) {
    let inner = Texts::Workflows.get().concat();
    let text = serde_json::to_vec(&String::from_utf8_lossy(&inner[..1 << 20])).unwrap_or_default();
    bencher.counter(BytesCount::new(text.len())).bench_local(|| {
        json_string::decode(black_box(&text), 1..text.len() - 1).map(|decoded| decoded.text.len())
    });
}

/// The yardstick of a zip: inflate and CRC-32.
#[divan::bench]
fn zip_inflate(bencher: Bencher) {
    let zip = zipped::Zipped::new(&corpus::workflows(1, SIZE));
    bencher.counter(BytesCount::new(zip.bytes)).bench_local(|| {
        let file = fs::File::open(zip.path()).expect("it was just written");
        yardstick::inflate(file).expect("it is a plain zip")
    });
}

/// The scan of the same zip, on one thread.
#[divan::bench]
fn zip_scan(bencher: Bencher) {
    let zip = zipped::Zipped::new(&corpus::workflows(1, SIZE));
    let scan = given::Scan::new(1);
    bencher.counter(BytesCount::new(zip.bytes)).bench_local(|| scan.findings(zip.path()));
}
