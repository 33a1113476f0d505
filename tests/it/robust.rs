//! Every kind of container and document, cut off and with bits turned over: nothing panics, what is looked at stays within
//! bounds, and either the secret is found or a gap says that something is missing.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::io::Write;
use std::num::NonZeroUsize;

use keysieve::budget::{Budget, Reason};
use keysieve::detect::Detectors;
use keysieve::engine::{self, Input, Options, Outcome, Unwatched};
use keysieve::scan::Scanner;
use keysieve::signature;

use crate::common::{NOW, Random, SCANNER, token, value};
use crate::containers::{gzip, zip};

/// What is damaged, and what can be asked of it.
struct Kind {
    name: &'static str,
    bytes: Vec<u8>,
    /// Whether damage of any byte can be told, by a checksum or since the secret is seen in the bytes as they stand.
    told: bool,
    rounds: usize,
}

fn secret() -> String {
    token("github-personal-access-token", 77)
}

/// Some text with the secret in it.
fn text() -> String {
    let words = "some words that nobody minds, ".repeat(40);
    format!("{{\"note\": \"{words}\", \"token\": \"{}\", \"more\": \"{words}\"}}", secret())
}

fn kinds() -> Vec<Kind> {
    let text = text();
    let text = text.as_bytes();
    let members: &[(&str, &[u8])] = &[("a.json", text), ("b/c.txt", b"nothing"), ("d.json", b"{}")];
    let kind = |name, bytes, told, rounds| Kind { name, bytes, told, rounds };
    vec![
        kind("zip", zip(members), true, 150),
        kind("gzip", gzip(text), true, 150),
        kind("zstd", zstd(text), true, 150),
        kind("tar", tar(members), true, 150),
        kind("zip in gzip", gzip(&zip(members)), true, 60),
        kind("gzip in zip", zip(&[("x.gz", &gzip(text)[..])]), true, 60),
        kind("tar in zstd", zstd(&tar(members)), true, 60),
        kind("loose object", zlib(&[format!("blob {}\0", text.len()).as_bytes(), text].concat()), true, 100),
        kind("pack", pack(text), true, 150),
        kind("SQLite database", database(text), true, 40),
        // Its pages have no checksum that is looked at, and are packed.
        #[cfg(feature = "parquet")]
        kind("Parquet file", parquet(text), false, 40),
    ]
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        tar.append_data(&mut header, name, *bytes).unwrap();
    }
    tar.into_inner().unwrap()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// One file.
fn pack(text: &[u8]) -> Vec<u8> {
    let size = text.len();
    assert!((2048..1 << 18).contains(&size), "three bytes of header");
    let header = [0xb0 | (size & 15) as u8, 0x80 | (size >> 4 & 0x7f) as u8, (size >> 11) as u8];
    [b"PACK\0\0\0\x02\0\0\0\x01", &header[..], &zlib(text), &[0; 20]].concat()
}

fn database(text: &[u8]) -> Vec<u8> {
    let mut database = rusqlite::Connection::open_in_memory().unwrap();
    database.execute_batch("PRAGMA page_size = 1024; CREATE TABLE t (a, b)").unwrap();
    for row in 0..60 {
        database.execute("INSERT INTO t VALUES (?1, 'nothing to see in this row')", [row]).unwrap();
    }
    // Within one page, so that the raw bytes have it too.
    database.execute("INSERT INTO t VALUES ('token', ?1)", [secret()]).unwrap();
    database.execute("INSERT INTO t VALUES ('text', ?1)", [String::from_utf8_lossy(text)]).unwrap();
    database.serialize("main").unwrap().to_vec()
}

#[cfg(feature = "parquet")]
fn parquet(text: &[u8]) -> Vec<u8> {
    use std::sync::Arc;

    use parquet::basic::Compression;
    use parquet::data_type::{ByteArray, ByteArrayType};
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;

    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let schema = Arc::new(parse_message_type("message m { required binary note (UTF8); }").unwrap());
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties)).unwrap();
    for _ in 0..3 {
        let mut rows = writer.next_row_group().unwrap();
        let mut column = rows.next_column().unwrap().unwrap();
        let texts = vec![ByteArray::from(text.to_vec()); 5];
        column.typed::<ByteArrayType>().write_batch(&texts, None, None).unwrap();
        column.close().unwrap();
        rows.close().unwrap();
    }
    writer.into_inner().unwrap()
}

fn scanner() -> Scanner {
    Scanner {
        detectors: Detectors::new(vec![
            signature::built_in().iter().find(|one| one.id == "github-personal-access-token").unwrap(),
        ]),
        budget: Budget { ratio_floor: 4 << 20, whole: 2 << 20, ..Budget::default() },
        now: NOW,
        worker: SCANNER.worker.clone(),
    }
}

fn scan(scanner: &Scanner, bytes: &[u8]) -> Outcome {
    let input = Input::Bytes { name: "x".into(), bytes: bytes.into() };
    let options = Options { threads: NonZeroUsize::MIN, ..Options::default() };
    engine::run(&[input], scanner, &options, &Unwatched).unwrap()
}

fn check(kind: &Kind, scanner: &Scanner, damaged: &[u8], how: &str) {
    let outcome = scan(scanner, damaged);
    let name = kind.name;
    assert!(outcome.coverage.bytes <= 16 << 20, "{name}, {how}: {} bytes", outcome.coverage.bytes);
    let gaps = &outcome.coverage.gaps;
    assert!(gaps.len() < 50, "{name}, {how}: {} gaps", gaps.len());
    let failed = gaps.iter().any(|gap| gap.reason == Reason::DecoderFailed);
    assert!(!failed, "{name}, {how}: {gaps:?}");
    let found = outcome.findings.iter().any(|finding| value(finding) == secret());
    assert!(found || !gaps.is_empty() || !kind.told, "{name}, {how}: nothing is said");
}

#[test]
fn whole_ones_are_read_whole() {
    let scanner = scanner();
    for kind in kinds() {
        let outcome = scan(&scanner, &kind.bytes);
        assert_eq!(outcome.coverage.gaps, [], "{}", kind.name);
        assert!(outcome.findings.iter().any(|finding| value(finding) == secret()), "{}", kind.name);
    }
}

#[test]
fn what_is_cut_off_is_told() {
    let (scanner, mut random) = (scanner(), Random(1));
    for kind in kinds() {
        // What is left of so few bytes is of no kind.
        let least = 600.min(kind.bytes.len() / 2);
        for _ in 0..kind.rounds {
            let end = least + random.below(kind.bytes.len() - least);
            check(&kind, &scanner, &kind.bytes[..end], &format!("cut at {end}"));
        }
    }
}

#[test]
fn bits_turned_over_are_told() {
    let (scanner, mut random) = (scanner(), Random(2));
    for kind in kinds() {
        let secret = secret();
        let plain: Vec<usize> = memchr::memmem::find_iter(&kind.bytes, secret.as_bytes()).collect();
        let in_secret = |at: usize| plain.iter().any(|start| (*start..start + secret.len()).contains(&at));
        for round in 0..kind.rounds {
            let mut damaged = kind.bytes.clone();
            // The magic stays, else it is of no kind.
            let least = 20.min(kind.bytes.len() - 1);
            let mut places = Vec::new();
            for _ in 0..1 + round % 3 {
                let at = least + random.below(damaged.len() - least);
                if !in_secret(at) {
                    damaged[at] ^= 1 << random.below(8);
                    places.push(at);
                }
            }
            check(&kind, &scanner, &damaged, &format!("turned over at {places:?}"));
        }
    }
}
