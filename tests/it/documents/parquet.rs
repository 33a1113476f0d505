//! Parquet files, which the crate that reads them writes here; those of other writers were tried by hand.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;

use keysieve::budget::Reason;
use keysieve::engine::{self, Input, Options, Outcome, Unwatched};
use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use crate::common::{SCANNER, token, value};

fn scan(bytes: Vec<u8>) -> Outcome {
    let input = Input::Bytes { name: "a.parquet".into(), bytes: bytes.into() };
    engine::run(&[input], &SCANNER, &Options::default(), &Unwatched).unwrap()
}

/// Two row groups of three rows each, with notes.
fn file(compression: Compression, notes: [&str; 6]) -> Vec<u8> {
    let schema = "message m { required int64 id; optional binary note (UTF8); }";
    let properties = WriterProperties::builder().set_compression(compression).build();
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties)).unwrap();
    for group in notes.chunks(3) {
        let mut rows = writer.next_row_group().unwrap();
        let mut ids = rows.next_column().unwrap().unwrap();
        ids.typed::<Int64Type>().write_batch(&[1, 2, 3], None, None).unwrap();
        ids.close().unwrap();
        let mut column = rows.next_column().unwrap().unwrap();
        let texts: Vec<ByteArray> = group.iter().map(|note| ByteArray::from(*note)).collect();
        column.typed::<ByteArrayType>().write_batch(&texts, Some(&[1, 1, 1]), None).unwrap();
        column.close().unwrap();
        rows.close().unwrap();
    }
    writer.into_inner().unwrap()
}

fn landmarks(outcome: &Outcome) -> Vec<(String, String)> {
    let place = |finding: &keysieve::finding::Finding| {
        (finding.location.landmark.clone().unwrap_or_default(), value(finding))
    };
    outcome.findings.iter().map(place).collect()
}

#[test]
fn a_secret_has_its_row() {
    let secret = token("github-personal-access-token", 1);
    let note = format!("{} {secret}", "some words before it ".repeat(30));
    for compression in [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(Default::default()),
        Compression::LZ4_RAW,
        Compression::ZSTD(ZstdLevel::default()),
    ] {
        let outcome = scan(file(compression, ["a", "b", "c", "d", &note, "f"]));
        assert_eq!(outcome.coverage.gaps, []);
        assert_eq!(landmarks(&outcome), [("row 5".to_owned(), secret.clone())], "{compression}");
    }
}

#[test]
fn a_damaged_file_gives_what_it_has() {
    let (one, two) = (token("github-personal-access-token", 2), token("github-personal-access-token", 3));
    let whole = file(Compression::ZSTD(ZstdLevel::default()), ["a", &one, "c", "d", &two, "f"]);
    // The second row group stands in the second half, before the footer.
    let frames: Vec<usize> = memchr::memmem::find_iter(&whole, b"\x28\xb5\x2f\xfd").collect();
    let mut broken = whole.clone();
    for at in frames.iter().rev().take(frames.len() / 2) {
        broken[at + 4..at + 10].fill(0xff);
    }
    let outcome = scan(broken);
    assert_eq!(landmarks(&outcome)[0], ("row 2".to_owned(), one));
    let reasons: Vec<_> = outcome.coverage.gaps.iter().map(|gap| gap.reason).collect();
    assert_eq!(reasons, [Reason::Corrupt]);

    let outcome = scan(whole[..whole.len() - 20].to_vec());
    assert_eq!(outcome.coverage.gaps[0].reason, Reason::Corrupt);
}
