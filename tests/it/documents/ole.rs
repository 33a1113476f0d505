//! Compound files: a document and a table that LibreOffice 7.4 wrote, with a placeholder that is overwritten here, and
//! messages put together here.

use std::io::{Cursor, Write};

use keysieve::budget::Reason;

use super::{TOKEN, at, patched, places, reasons, scan};
use crate::common::token;

const WORD: &[u8] = include_bytes!("../../data/documents/word.doc");
const TABLE: &[u8] = include_bytes!("../../data/documents/table.xls");

fn compound(streams: &[(&str, &[u8])]) -> Vec<u8> {
    let mut file = cfb::CompoundFile::create(Cursor::new(Vec::new())).expect("a compound file");
    for (path, bytes) in streams {
        let path = std::path::Path::new(path);
        file.create_storage_all(path.parent().expect("a path")).expect("a storage");
        file.create_stream(path).expect("a stream").write_all(bytes).expect("its bytes");
    }
    file.flush().expect("a whole file");
    file.into_inner().into_inner()
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[test]
fn a_document_of_the_old_form() {
    let outcome = scan("a.doc", patched(WORD, 1));
    assert_eq!((places(&outcome), reasons(&outcome)), (vec![at("(text): paragraph 2", 1)], vec![]));
}

#[test]
fn a_table_of_the_old_form() {
    let outcome = scan("a.xls", patched(TABLE, 1));
    assert_eq!(
        (places(&outcome), reasons(&outcome)),
        (vec![at("(text): sheet \"table\", cell B2", 1)], vec![])
    );
}

#[test]
fn a_message_of_outlook() {
    let attached = format!("{}\n", token(TOKEN, 2));
    let message = compound(&[
        ("/__properties_version1.0", &[0; 32]),
        ("/__substg1.0_0037001F", &wide("A subject")),
        ("/__substg1.0_1000001F", &wide(&format!("The key is {}.", token(TOKEN, 1)))),
        ("/__attach_version1.0_#00000000/__substg1.0_3707001F", &wide("a.txt")),
        ("/__attach_version1.0_#00000000/__substg1.0_37010102", attached.as_bytes()),
        (
            "/__attach_version1.0_#00000001/__substg1.0_3701000D/__substg1.0_1000001E",
            token(TOKEN, 3).as_bytes(),
        ),
        ("/unknown", &wide(&token(TOKEN, 4))),
    ]);
    let outcome = scan("a.msg", message);
    let mut found = places(&outcome);
    found.sort();
    assert_eq!(
        found,
        [at("(text): attachment 2, body", 3), at("(text): body", 1), at("a.txt: ", 2), at("unknown: ", 4),]
    );
    assert_eq!(reasons(&outcome), []);
}

#[test]
fn what_is_encrypted_or_damaged_is_told() {
    let encrypted = compound(&[("/EncryptionInfo", b"x"), ("/EncryptedPackage", b"y")]);
    assert_eq!(reasons(&scan("a.docx", encrypted)), [Reason::Encrypted]);
    let cut = patched(WORD, 1);
    let outcome = scan("a.doc", &cut[..3000]);
    assert_eq!(reasons(&outcome).len(), 1);
    assert!(matches!(reasons(&outcome)[..], [Reason::Corrupt | Reason::Truncated]));
}
