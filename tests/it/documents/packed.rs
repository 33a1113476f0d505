//! What images, keystores and queries hold.

use std::io::Write;

use data_encoding::BASE64;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use keysieve::engine::{self, Input, Options, Unwatched};
use keysieve::finding::Finding;
use zip::write::SimpleFileOptions;

use crate::common::{SCANNER, token, value};

fn found(bytes: Vec<u8>) -> Vec<Finding> {
    let input = Input::Bytes { name: "case".into(), bytes: bytes.into() };
    engine::run(&[input], &SCANNER, &Options::default(), &Unwatched).expect("a run").findings
}

fn packed(text: &str) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).expect("memory");
    encoder.finish().expect("memory")
}

fn png(chunks: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, content) in chunks {
        bytes.extend(u32::try_from(content.len()).expect("small").to_be_bytes());
        let start = bytes.len();
        bytes.extend(*kind);
        bytes.extend(content);
        bytes.extend(crc32fast::hash(&bytes[start..]).to_be_bytes());
    }
    bytes
}

#[test]
fn texts_of_images_are_unpacked() {
    let keys: Vec<String> = (0..4).map(|number| token("stripe-secret-key", number)).collect();
    let bytes = png(&[
        (b"IHDR", vec![0; 13]),
        (b"tEXt", [b"Comment\0", keys[0].as_bytes()].concat()),
        (b"zTXt", [&b"Source\0\0"[..], &packed(&format!("key: {}", keys[1]))].concat()),
        (
            b"iTXt",
            [&b"XML:com.adobe.xmp\0\x01\0en\0\0"[..], &packed(&format!("<x>{}</x>", keys[2]))].concat(),
        ),
        (b"IEND", Vec::new()),
    ]);
    let found_png = found(bytes.clone());
    for (key, keyword) in keys.iter().zip(["Comment", "Source", "XML:com.adobe.xmp"]) {
        let finding = found_png.iter().find(|finding| value(finding) == *key).expect("found");
        assert_eq!(finding.location.landmark, Some(format!("image text \"{keyword}\"")));
    }
    assert_eq!(found_png.len(), 3);
    for cut in (0..bytes.len()).step_by(7) {
        found(bytes[..cut].to_vec());
    }
    let comment = keys[3].as_bytes();
    let length = u16::try_from(comment.len() + 2).expect("small").to_be_bytes();
    let jpeg = [b"\xff\xd8\xff\xe0\0\x04ab\xff\xfe", &length[..], comment, b"\xff\xd9"].concat();
    let found_jpeg = found(jpeg);
    assert_eq!(found_jpeg.iter().map(value).collect::<Vec<_>>(), keys[3..]);
    assert_eq!(found_jpeg[0].location.landmark.as_deref(), Some("image text \"comment\""));
}

#[test]
fn a_keystore_is_a_finding_by_itself() {
    let entry = |tag: u8| [&[0, 0, 0, tag], &b"\0\x02ab\0\0\0\0\0\0\0\0"[..]].concat();
    let key = [entry(1), b"\0\0\0\x04abcd\0\0\0\0".to_vec(), vec![9; 20]].concat();
    for magic in [0xfeed_feed_u32, 0xcece_cece] {
        let bytes = [&magic.to_be_bytes(), &[0, 0, 0, 2, 0, 0, 0, 1][..], &key].concat();
        let found = found(bytes);
        assert_eq!(found.iter().map(|finding| finding.signature.id).collect::<Vec<_>>(), ["java-keystore"]);
        assert_eq!(found[0].preview, "");
    }
    let pkcs12 = [&b"\x30\x82\x01\x00\x02\x01\x03\x30\x81\xf9"[..], &[1; 250]].concat();
    assert_eq!(found(pkcs12)[0].signature.id, "pkcs12-keystore");
}

#[test]
fn queries_of_a_workbook_are_opened() {
    let key = token("stripe-secret-key", 9);
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("Formulas/Section1.m", SimpleFileOptions::default()).expect("a member");
    zip.write_all(
        format!("shared Q = Web.Contents(\"https://x.example\", [ApiKey = \"{key}\"]);").as_bytes(),
    )
    .expect("memory");
    let zip = zip.finish().expect("a zip").into_inner();
    let length = u32::try_from(zip.len()).expect("small").to_le_bytes();
    let part = [&[0; 4], &length[..], &zip, &[0; 8]].concat();
    let xml = format!(
        "<?xml version=\"1.0\" encoding=\"utf-16\"?><DataMashup xmlns=\"x\">{}</DataMashup>",
        BASE64.encode(&part)
    );
    let utf16: Vec<u8> = format!("\u{feff}{xml}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    for bytes in [xml.into_bytes(), utf16] {
        let found = found(bytes);
        assert_eq!(found.iter().map(value).collect::<Vec<_>>(), std::slice::from_ref(&key));
        assert_eq!(found[0].location.provenance.to_string(), "case!/Power Query!/Formulas/Section1.m");
    }
}
