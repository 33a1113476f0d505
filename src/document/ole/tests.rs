use super::*;
use crate::document::recorder::Recorder;
use crate::source::Memory;
use std::io::{Cursor, Write};

/// A compound file of these streams, by the crate that reads it.
fn compound(streams: &[(&str, &[u8])]) -> Vec<u8> {
    let mut file = CompoundFile::create(Cursor::new(Vec::new())).unwrap();
    for (path, bytes) in streams {
        let path = std::path::Path::new(path);
        if let Some(parent) = path.parent() {
            file.create_storage_all(parent).unwrap();
        }
        file.create_stream(path).unwrap().write_all(bytes).unwrap();
    }
    file.flush().unwrap();
    file.into_inner().into_inner()
}

fn decoded(bytes: Vec<u8>) -> Recorder {
    let source: Arc<dyn ReadAt> = Arc::new(Memory(bytes));
    let mut recorder = Recorder::default();
    decode(&source, &mut recorder);
    recorder
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn put(stream: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    stream.resize(stream.len().max(at + bytes.len()), 0);
    stream[at..at + bytes.len()].copy_from_slice(bytes);
}

/// A document of Word 97 of three pieces, which do not stand in their order ([MS-DOC] 2.5 and 2.9.38).
fn word(flags: u16) -> Vec<u8> {
    let (one, two, three) = (b"The to".as_slice(), wide("ken: ключ"), b"en\x0dA note\x0d".as_slice());
    let mut stream = Vec::new();
    put(&mut stream, 0, &0xa5ec_u16.to_le_bytes());
    put(&mut stream, 2, &0x00c1_u16.to_le_bytes());
    put(&mut stream, 0x0a, &(flags | 0x0200).to_le_bytes());
    for (at, count) in [(0x4c, 18_u32), (0x50, 7)] {
        put(&mut stream, at, &count.to_le_bytes());
    }
    put(&mut stream, 0x01a2, &4_u32.to_le_bytes());
    put(&mut stream, 0x01a6, &100_u32.to_le_bytes());
    put(&mut stream, 0x400, three);
    put(&mut stream, 0x500, &two);
    put(&mut stream, 0x600, one);
    let narrow = |at: u32| (at * 2) | 0x4000_0000;
    let mut table = vec![0; 4];
    table.extend([1, 2, 0, 9, 9]); // a property modifier, which is passed over
    table.push(2);
    table.extend((4 * 4 + 3 * 8_u32).to_le_bytes());
    [0_u32, 6, 15, 25].iter().for_each(|at| table.extend(at.to_le_bytes()));
    for place in [narrow(0x600), 0x500, narrow(0x400)] {
        table.extend([0, 0]);
        table.extend(place.to_le_bytes());
        table.extend([0, 0]);
    }
    compound(&[("/WordDocument", &stream), ("/1Table", &table), ("/other", b"something else")])
}

#[test]
fn pieces_of_a_document_are_read_in_their_order() {
    let document = decoded(word(0));
    assert_eq!(document.text(), "The token: ключen\nA note\n");
    assert_eq!(document.place("ken: "), Some("paragraph 1"));
    assert_eq!(document.place("A note"), Some("footnotes, paragraph 1"));
    assert_eq!(document.member("other").as_deref(), Some("something else"));
    assert_eq!(document.member("WordDocument"), None);
    let encrypted = decoded(word(0x0100));
    assert_eq!(encrypted.gaps, [(Reason::Encrypted, "a password is needed".to_owned())]);
}

fn record(kind: u16, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap();
    [&kind.to_le_bytes(), &length.to_le_bytes(), data].concat()
}

fn label(row: u16, column: u16, string: u32) -> Vec<u8> {
    let head: Vec<u8> = [row, column, 0].iter().flat_map(|number| number.to_le_bytes()).collect();
    record(0x00fd, &[head, string.to_le_bytes().to_vec()].concat())
}

/// A workbook whose second string goes on, in wide characters, in the next record ([MS-XLS] 2.4.58, 2.4.265).
fn workbook() -> Vec<u8> {
    let bof = record(0x0809, &[&0x0600_u16.to_le_bytes()[..], &[5, 0, 0, 0, 0, 0, 0, 0]].concat());
    let mut strings = vec![0; 8];
    for text in ["name", "token"] {
        strings.extend(u16::try_from(text.len()).unwrap().to_le_bytes());
        strings.push(0);
        strings.extend(text.bytes());
    }
    strings.extend(5_u16.to_le_bytes());
    strings.extend([8, 1, 0]); // one run of formatting behind it
    strings.extend(b"abc");
    let mut next = vec![1];
    next.extend(wide("дe"));
    next.extend([0; 4]);
    next.extend(3_u16.to_le_bytes());
    next.extend([1]);
    next.extend(wide("end"));
    let sheet = |at: u32| record(0x0085, &[&at.to_le_bytes()[..], &[0, 0, 2, 0], b"S1"].concat());
    let globals = |at| {
        [bof.clone(), sheet(at), record(0x00fc, &strings), record(0x003c, &next), record(0x0a, &[])].concat()
    };
    let start = u32::try_from(globals(0).len()).unwrap();
    let number = [&[1, 0, 2, 0, 0, 0][..], &1.5_f64.to_le_bytes()].concat();
    let formula = [&[1, 0, 3, 0][..], &[0; 18]].concat();
    let rk = [&[2, 0, 0, 0, 0, 0][..], &(1234_u32 << 2 | 3).to_le_bytes()].concat();
    let cells = [
        label(0, 0, 0),
        label(0, 1, 1),
        label(1, 0, 2),
        label(1, 1, 3),
        record(0x0203, &number),
        record(0x0006, &formula),
        record(0x0207, b"\x02\0\0hi"),
        record(0x027e, &rk),
        record(0x0a, &[]),
    ];
    compound(&[("/Workbook", &[globals(start), bof.clone(), cells.concat()].concat())])
}

#[test]
fn rows_of_a_workbook_are_lines_with_keys() {
    let book = decoded(workbook());
    let lines = "{\"A\": \"name\", \"B\": \"token\"}\n\
        {\"name\": \"abcдe\", \"token\": \"end\", \"C\": 1.5, \"D\": \"hi\"}\n{\"name\": 12.34}\n";
    assert_eq!(book.text(), lines);
    assert_eq!(book.place("end"), Some("sheet \"S1\", cell B2"));
    assert!(book.gaps.is_empty());
    let locked = [record(0x0809, &[0, 6, 5, 0]), record(0x002f, &[1, 0])].concat();
    assert_eq!(
        decoded(compound(&[("/Workbook", &locked)])).gaps.first().map(|gap| gap.0),
        Some(Reason::Encrypted)
    );
}

#[test]
fn slides_and_their_notes() {
    let atom = |kind: u16, data: &[u8]| {
        [&[0, 0][..], &kind.to_le_bytes(), &u32::try_from(data.len()).unwrap().to_le_bytes(), data].concat()
    };
    let container = |kind: u16, data: Vec<u8>| {
        [&[0x0f, 0][..], &kind.to_le_bytes(), &u32::try_from(data.len()).unwrap().to_le_bytes(), &data]
            .concat()
    };
    let stream = [
        container(0x03ee, container(0x0fff, atom(0x0fa0, &wide("ключ\rone")))),
        container(0x03ee, atom(0x0fa8, b"two")),
        container(0x03f0, atom(0x0fa8, b"note")),
    ];
    let slides = decoded(compound(&[("/PowerPoint Document", &stream.concat())]));
    assert_eq!(slides.text(), "ключ\none\ntwo\nnote\n");
    assert_eq!(slides.place("two"), Some("slide 2"));
    assert_eq!(slides.place("note"), Some("notes of slide 2"));
}

/// A module of a macro, compressed as literals ([MS-OVBA] 2.4.1), 8 to a byte of flags.
fn literals(text: &[u8]) -> Vec<u8> {
    let tokens: Vec<u8> = text.chunks(8).flat_map(|chunk| [&[0][..], chunk].concat()).collect();
    let header = 0xb000 | u16::try_from(tokens.len() - 1).unwrap();
    [&[1][..], &header.to_le_bytes(), &tokens].concat()
}

#[test]
fn macros_and_packages() {
    let part = |id: u16, data: &[u8]| {
        [&id.to_le_bytes()[..], &u32::try_from(data.len()).unwrap().to_le_bytes(), data].concat()
    };
    let dir = [
        part(0x0003, &1251_u16.to_le_bytes()),
        [&9_u16.to_le_bytes()[..], &4_u32.to_le_bytes(), &[1, 0, 0, 0, 2, 0]].concat(),
        part(0x0019, b"Module1"),
        part(0x001a, b"Module1"),
        part(0x0031, &3_u32.to_le_bytes()),
    ];
    let module = [&b"xyz"[..], &literals(b"Sub a()\r\nkey = \"\xea\"\r\n")].concat();
    let file = b"hello";
    let package =
        [&[0, 0, 0, 0, 2, 0][..], b"a.txt\0c:\\a.txt\0\0\0\x03\0\x02\0\0\0c\0\x05\0\0\0", file].concat();
    let parts = decoded(compound(&[
        ("/Macros/VBA/dir", &literals(&dir.concat())),
        ("/Macros/VBA/Module1", &module),
        ("/ObjectPool/_1/\u{1}Ole10Native", &package),
    ]));
    assert_eq!(parts.text(), "Sub a()\nkey = \"к\"\n");
    assert_eq!(parts.place("key"), Some("macro Module1"));
    assert_eq!(parts.member("a.txt").as_deref(), Some("hello"));
}

/// In the real run this is in a child; here its panics would fail.
#[test]
fn damaged_files_end() {
    let message = compound(&[
        ("/__properties_version1.0", &[0; 48]),
        ("/__substg1.0_1000001F", &wide("text")),
        ("/__substg1.0_10090102", &[9; 64]),
    ]);
    let mut seed: u32 = 5;
    let mut next = move || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223); // Numerical Recipes' generator
        (seed >> 8) as usize
    };
    for whole in [word(0), workbook(), message] {
        for _ in 0..300 {
            let mut bytes = whole.clone();
            for _ in 0..4 {
                let at = next() % bytes.len();
                bytes[at] = next() as u8;
            }
            bytes.truncate(next() % bytes.len() + 1);
            decoded(bytes);
        }
    }
}
