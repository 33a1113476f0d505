//! Archives by the tools of others (`tests/data/container`), or made here byte by byte, walked with a recorder in the
//! scan's place.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::io::{Cursor, Write};
use std::sync::Arc;

use keysieve::budget::{Budget, Reason};
use keysieve::engine::{self, Input, Options, Unwatched};
use keysieve::finding::Secret;
use zip::unstable::write::FileOptionsExt as _;
use zip::write::SimpleFileOptions;

use crate::containers::{
    Case, Counter, Looked, Recorder, defuse, find, gaps, gzip, look, noise, pairs, tar, threads, tight, zip,
    zip_by, zstd,
};

/// What the archives hold: `a.txt` and `dir/b.txt`, as the recorder shortens them.
const A: &str = "156 × 97";
const B: &str = "104 × 97";

fn fixture(name: &str) -> Vec<u8> {
    fs::read(format!("{}/tests/data/container/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn fixtures() -> Vec<String> {
    let folder = fs::read_dir(format!("{}/tests/data/container", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let mut names: Vec<_> = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn pack(name: &str) -> Looked {
    look(&Case::new().file("x", fixture(name)))
}

/// A token that stands for a text that must be seen.
fn text_of(case: &Case) -> Vec<String> {
    let (seen, _) = look(case);
    seen.into_iter().map(|(_, text)| text).collect()
}

#[test]
fn zips_of_every_method_are_opened() {
    for name in ["deflate64.zip", "bzip2.zip", "lzma.zip", "ppmd.zip"] {
        assert_eq!(pack(name), (pairs([("x!/a.txt", A), ("x!/dir/b.txt", B)]), vec![]), "{name}");
    }
    let large = noise(5 << 18, 4);
    let members: [(&str, &[u8]); 3] = [("a", &b"one".repeat(500)), ("b", &large), ("c", b"")];
    for method in [zip::CompressionMethod::Xz, zip::CompressionMethod::Zstd, zip::CompressionMethod::Bzip2] {
        let bytes = zip_by(method, &members);
        let wanted =
            pairs([("x!/a", "1500 × 111"), ("x!/b", &format!("{} × {}", 5 << 18, large[0])), ("x!/c", "")]);
        assert_eq!(look(&Case::new().file("x", &bytes)), (wanted.clone(), vec![]), "{method:?}");
        // Without its directory, by the members' own headers.
        let cut = &bytes[..find(&bytes, b"PK\x01\x02") + 20];
        let truncated = vec![("x".to_owned(), Reason::Truncated)];
        assert_eq!(look(&Case::new().file("x", cut)), (wanted, truncated), "{method:?}");
    }
}

fn with_passwords(passwords: &[&str]) -> Options {
    let passwords: Vec<_> = passwords.iter().map(|password| Secret::new(password.as_bytes())).collect();
    Options { passwords: passwords.into(), ..threads(2) }
}

#[test]
fn a_password_that_fits_opens_a_zip() {
    let open = |bytes: &[u8], passwords: &[&str]| {
        let case = Case::new().file("x", bytes);
        let recorder = Recorder::reopening();
        let outcome = case.run_with(&recorder, &with_passwords(passwords));
        (recorder.seen(), gaps(&outcome))
    };
    let both = pairs([("x!/a.txt", A), ("x!/dir/b.txt", B)]);
    let encrypted = ["x!/a.txt", "x!/dir/b.txt"].map(|name| (name.to_owned(), Reason::Encrypted)).to_vec();
    for name in ["zipcrypto.zip", "aes128.zip", "aes256.zip"] {
        let bytes = fixture(name);
        assert_eq!(open(&bytes, &[]), (vec![], encrypted.clone()), "{name}");
        assert_eq!(open(&bytes, &["password"]), (both.clone(), vec![]), "{name}");
        assert_eq!(open(&bytes, &["pass", "", "password", "word"]), (both.clone(), vec![]), "{name}");
        let wrong: Vec<String> = (0..300).map(|number| format!("wrong-{number}")).collect();
        let wrong: Vec<&str> =
            wrong.iter().map(String::as_str).take(if name == "zipcrypto.zip" { 300 } else { 3 }).collect();
        assert_eq!(open(&bytes, &wrong), (vec![], encrypted.clone()), "{name}");
        // By the members' own headers, in a stream that is too large to be held.
        let cut = &bytes[..find(&bytes, b"PK\x01\x02") + 4];
        let (seen, told) = open(cut, &["password"]);
        assert_eq!((seen, told), (both.clone(), vec![("x".to_owned(), Reason::Truncated)]), "{name}");
    }
}

#[test]
fn a_large_member_under_a_password_is_streamed() {
    let large = noise(5 << 18, 8);
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default();
    zip.start_file("aes", options.with_aes_encryption(zip::AesMode::Aes192, "one")).unwrap();
    zip.write_all(&large).unwrap();
    zip.start_file("old", options.with_deprecated_encryption(b"two").unwrap()).unwrap();
    zip.write_all(&large).unwrap();
    let mut bytes = zip.finish().unwrap().into_inner();
    let shown = format!("{} × {}", large.len(), large[0]);
    let run = |bytes: &[u8]| {
        let recorder = Recorder::reopening();
        let outcome = Case::new().file("x", bytes).run_with(&recorder, &with_passwords(&["one", "two"]));
        (recorder.seen(), gaps(&outcome))
    };
    assert_eq!(run(&bytes), (pairs([("x!/aes", &shown), ("x!/old", &shown)]), vec![]));
    // With one password there is no choice: what fits is taken, and what is broken is said.
    let recorder = Recorder::default();
    bytes[large.len() / 2] ^= 1;
    let outcome = Case::new().file("x", &bytes).run_with(&recorder, &with_passwords(&["one"]));
    let [aes, old] = gaps(&outcome).try_into().expect("a gap for each");
    assert_eq!(aes, ("x!/aes".to_owned(), Reason::Corrupt));
    // The old method knows a password by one byte, and its header is random: one wrong password in 256 seems to fit.
    assert_eq!(old.0, "x!/old");
    assert!(matches!(old.1, Reason::Encrypted | Reason::Corrupt));
}

#[test]
fn texts_in_extra_fields_and_other_names_are_looked_at() {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let mut options = zip::write::FullFileOptions::default();
    options.add_extra_field(0x4242, b"a text in a field", true).unwrap();
    zip.start_file("a", options).unwrap();
    zip.write_all(b"one").unwrap();
    let mut options = zip::write::FullFileOptions::default();
    options.add_extra_field(0x4343, b"in one's own header", false).unwrap();
    zip.start_file("b", options).unwrap();
    zip.write_all(b"two").unwrap();
    let mut bytes = zip.finish().unwrap().into_inner();
    let texts = text_of(&Case::new().file("x", &bytes)).concat();
    assert!(texts.contains("a text in a field") && texts.contains("in one's own header"), "{texts}");
    // Another name in the member's own header than in the directory.
    bytes[30] = b'z';
    let texts = text_of(&Case::new().file("x", &bytes)).concat();
    assert!(texts.contains("z\n"), "{texts}");
}

#[test]
fn a_member_hidden_deep_in_a_hole_is_looked_at() {
    let hidden = zip(&[("hidden", b"one and a little more")]);
    let mut bytes =
        b"MZ, and a long text before what is hidden, which no directory names: PK\x03\x04".to_vec();
    bytes.extend(&hidden[..find(&hidden, b"PK\x01\x02")]);
    bytes.extend(zip(&[("listed", b"two")]));
    let (seen, gaps) = look(&Case::new().file("x", bytes));
    let texts: Vec<_> = seen.iter().map(|(name, text)| (&**name, &**text)).collect();
    assert!(texts.contains(&("x!/hidden", "one and a little more")), "{texts:?}");
    assert!(texts.contains(&("x!/listed", "two")));
    assert_eq!((seen.len(), gaps), (3, vec![]));
}

#[test]
fn wrappers_are_opened() {
    for (name, content) in [
        ("a.txt.bz2", "a.txt"),
        ("a.txt.xz", "a.txt"),
        ("a.txt.lz", "a.txt"),
        ("a.txt.lzma", "a.txt"),
        ("a.txt.lz4", "a.txt"),
        ("legacy.lz4", "legacy"),
    ] {
        let path = format!("{name}!/{content}");
        assert_eq!(look(&Case::new().file(name, fixture(name))), (pairs([(&path, A)]), vec![]), "{name}");
        // One after the other.
        let twice = fixture(name).repeat(2);
        if !matches!(name, "a.txt.lzma" | "legacy.lz4") {
            let wanted = pairs([(&path, "312 × 97")]);
            assert_eq!(look(&Case::new().file(name, &twice)), (wanted, vec![]), "{name}");
            let mut trash = fixture(name);
            trash.extend(b"xxxxxxxxxxxxxxxxxxxxxxx");
            let (seen, gaps) = look(&Case::new().file(name, &trash));
            assert_eq!((seen, gaps.len()), (pairs([(&path, A)]), 1), "{name}");
        }
        let whole = fixture(name);
        let (_, gaps) = look(&Case::new().file(name, &whole[..whole.len() - 5]));
        if name != "legacy.lz4" {
            assert_eq!(gaps, [(path, Reason::Truncated)], "{name}");
        }
    }
}

/// A reader that is asked for nothing must not take that for its end.
#[test]
fn a_tar_in_a_packed_stream_is_read_to_its_end() {
    let (large, small) = (noise(5 << 18, 1), noise(100, 2));
    let tar = tar(&[("large", &large), ("small", &small)]);
    for method in [zip::CompressionMethod::Xz, zip::CompressionMethod::Zstd, zip::CompressionMethod::Bzip2] {
        let (seen, gaps) = look(&Case::new().file("x", zip_by(method, &[("y.tar", &tar)])));
        let names: Vec<_> = seen.iter().map(|(name, _)| &**name).collect();
        assert_eq!((names, gaps), (vec!["x!/y.tar!/large", "x!/y.tar!/small"], vec![]), "{method:?}");
    }
}

#[test]
fn large_streams_come_out_of_wrappers() {
    let large = noise(5 << 18, 9);
    let mut bz = Vec::new();
    std::io::Read::read_to_end(
        &mut bzip2::read::BzEncoder::new(&large[..], bzip2::Compression::fast()),
        &mut bz,
    )
    .unwrap();
    let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
    lz4.write_all(&large).unwrap();
    let lz4 = lz4.finish().unwrap();
    let shown = format!("{} × {}", large.len(), large[0]);
    for bytes in [bz, lz4] {
        assert_eq!(look(&Case::new().file("x", &bytes)), (pairs([("x!/content", &shown)]), vec![]));
    }
}

#[test]
fn what_stands_in_skippable_frames_is_looked_at() {
    let skippable =
        |text: &[u8]| [b"\x5f\x2a\x4d\x18", &(text.len() as u32).to_le_bytes()[..], text].concat();
    for packed in [zstd(b"some text"), fixture("a.txt.lz4")] {
        let bytes = [
            skippable(b"a text that is skipped"),
            packed.clone(),
            skippable(b"another such text"),
            packed.clone(),
        ];
        let (seen, gaps) = look(&Case::new().file("x", bytes.concat()));
        assert_eq!(gaps, []);
        assert_eq!(seen[0].0, "x!/(skippable frames)");
        assert_eq!(seen[0].1, "a text that is skipped\nanother such text\n");
        assert_eq!(seen.len(), 2);
    }
}

#[test]
fn brotli_is_told_by_its_name_and_zlib_by_its_bytes() {
    let bytes = fixture("a.txt.br");
    let (seen, gaps) = look(&Case::new().file("a.txt.br", &bytes));
    assert_eq!((seen.len(), gaps), (2, vec![]), "as it stands, too");
    assert_eq!(seen[1], ("a.txt.br!/a.txt".to_owned(), A.to_owned()));
    assert_eq!(look(&Case::new().file("a.txt", &bytes)).0.len(), 1);
    // A name that lies.
    let (seen, gaps) = look(&Case::new().file("a.br", "plain text, whatever its name"));
    assert_eq!((seen, gaps), (pairs([("a.br", "plain text, whatever its name")]), vec![]));

    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::new(6));
    encoder.write_all(&b"some text ".repeat(100)).unwrap();
    let (seen, gaps) = look(&Case::new().file("x", encoder.finish().unwrap()));
    assert_eq!((seen[1].clone(), gaps), (("x!/content".to_owned(), "1000 × 115".to_owned()), vec![]));
    assert_eq!(look(&Case::new().file("x", "x^2 + y^2 = 1")).0, pairs([("x", "x^2 + y^2 = 1")]));
}

#[test]
fn cpio_ar_and_cabinets_are_opened() {
    for name in ["newc.cpio", "crc.cpio", "odc.cpio", "bin.cpio", "gnu.ar", "stored.cab", "mszip.cab"] {
        let (seen, gaps) = pack(name);
        let texts: Vec<_> = seen.iter().map(|(_, text)| &**text).collect();
        assert_eq!((texts, gaps), (vec![A, B], vec![]), "{name}");
        // In another container, as a stream.
        let (seen, gaps) = look(&Case::new().file("x", gzip(&fixture(name))));
        assert_eq!((seen.len(), gaps), (2, vec![]), "{name}");
    }
    let recorder = Recorder::default();
    Case::new().file("x", fixture("newc.cpio")).run(&recorder);
    assert!(recorder.names().contains(&"x!/dir".to_owned()), "folders have names");
}

#[test]
fn long_names_of_ar_are_read() {
    let header =
        |name: &str, size: usize| format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{size:<10}`\n", 0, 0, 0, 644);
    let mut gnu = b"!<arch>\n".to_vec();
    gnu.extend(header("//", 26).bytes());
    gnu.extend(b"a-name-of-many-letters.o/\n");
    gnu.extend(header("/0", 3).bytes());
    gnu.extend(b"one\n");
    gnu.extend(header("#1/20", 23).bytes());
    gnu.extend(b"another-name-of-bsd\0two\n");
    let wanted = pairs([("x!/a-name-of-many-letters.o", "one"), ("x!/another-name-of-bsd", "two")]);
    assert_eq!(look(&Case::new().file("x", gnu)), (wanted, vec![]));
}

#[test]
fn packages_of_debian_and_red_hat_are_opened() {
    let (seen, gaps) = pack("x.deb");
    assert_eq!(gaps, []);
    let file = ("x!/data.tar.xz!/data.tar!/./etc/a.txt".to_owned(), A.to_owned());
    assert!(seen.contains(&file), "{seen:?}");
    assert!(seen.iter().any(|(name, _)| name.ends_with("control.tar!/./control")));

    let mut rpm = b"\xed\xab\xee\xdb".to_vec();
    rpm.resize(96, 0);
    for (index, store) in [(1_u32, &b"odd"[..]), (2, b"a script of the package")] {
        rpm.resize(rpm.len().next_multiple_of(8), 0);
        rpm.extend(b"\x8e\xad\xe8\x01\0\0\0\0");
        rpm.extend(index.to_be_bytes());
        rpm.extend((store.len() as u32).to_be_bytes());
        rpm.resize(rpm.len() + 16 * index as usize, 1);
        rpm.extend(store);
    }
    rpm.extend(gzip(&fixture("newc.cpio")));
    let (seen, gaps) = look(&Case::new().file("x.rpm", &rpm));
    assert_eq!(gaps, []);
    let texts: Vec<_> = seen.iter().map(|(_, text)| &**text).collect();
    assert_eq!(texts, ["odda script of the package", A, B]);
    assert_eq!(seen[1].0, "x.rpm!/payload!/content!/a.txt");
    let (_, gaps) = look(&Case::new().file("x.rpm", &rpm[..100]));
    assert_eq!(gaps, [("x.rpm".to_owned(), Reason::Truncated)]);
}

#[test]
fn sevenz_archives_are_opened() {
    for name in
        ["lzma.7z", "lzma2.7z", "ppmd.7z", "bzip2.7z", "deflate.7z", "deflate64.7z", "copy.7z", "bcj2.7z"]
    {
        let (mut seen, gaps) = pack(name);
        seen.retain(|(path, _)| path.ends_with(".txt"));
        assert_eq!((seen, gaps), (pairs([("x!/a.txt", A), ("x!/dir/b.txt", B)]), vec![]), "{name}");
    }
    for name in ["content.7z", "headers.7z"] {
        assert_eq!(pack(name).1, [("x".to_owned(), Reason::Encrypted)], "{name}");
    }
    let names = text_of(&Case::new().file("x", fixture("content.7z"))).concat();
    assert!(names.contains("a.txt\n"), "names that are not encrypted are text: {names}");
    for name in ["lzma2.7z", "deflate64.7z"] {
        let whole = fixture(name);
        assert_eq!(look(&Case::new().file("x", &whole[..100])).1.len(), 1);
    }
    let mut damaged = fixture("deflate64.7z");
    damaged[60] ^= 0x10;
    assert_eq!(look(&Case::new().file("x", damaged)).1, [("x!/a.txt".to_owned(), Reason::Corrupt)]);
}

#[test]
fn a_password_that_fits_opens_a_7z() {
    let open = |name: &str, passwords: &[&str]| {
        let recorder = Recorder::default();
        let outcome = Case::new().file("x", fixture(name)).run_with(&recorder, &with_passwords(passwords));
        let mut seen = recorder.seen();
        seen.retain(|(path, _)| path.ends_with(".txt"));
        (seen, gaps(&outcome))
    };
    for name in ["content.7z", "headers.7z"] {
        let both = pairs([("x!/a.txt", A), ("x!/dir/b.txt", B)]);
        assert_eq!(open(name, &["pass", "password"]), (both, vec![]), "{name}");
        assert_eq!(open(name, &["pass"]), (vec![], vec![("x".to_owned(), Reason::Encrypted)]), "{name}");
    }
}

/// A RAR 5 of these members: name, method, flags of its extra area.
fn rar5(members: &[(&str, u8, bool, &[u8])]) -> Vec<u8> {
    let block = |body: &[u8], data: &[u8]| {
        let mut block = vec![0, 0, 0, 0, body.len() as u8]; // nobody checks the checksum
        block.extend(body);
        block.extend(data);
        block
    };
    let mut rar = b"Rar!\x1a\x07\x01\0".to_vec();
    rar.extend(block(&[1, 0, 0], &[]));
    for (name, method, encrypted, data) in members {
        let size = data.len() as u8;
        let extra: &[u8] = if *encrypted { &[3, 1, 0, 0] } else { &[] };
        let mut body = vec![2, 2 | u8::from(*encrypted)];
        if *encrypted {
            body.push(extra.len() as u8);
        }
        // size of the data, flags with a checksum, size, attributes, checksum, method, system, name
        body.extend([size, 4, size, 0, 0, 0, 0, 0]);
        let info = u16::from(*method) << 7;
        body.extend([(info & 0x7f) as u8 | 0x80, (info >> 7) as u8]);
        body.extend([0, name.len() as u8]);
        body.extend(name.bytes());
        body.extend(extra);
        rar.extend(block(&body, data));
    }
    rar.extend(block(&[5, 0, 0], &[]));
    rar
}

/// A RAR 4 of these members: name, method, flags.
fn rar4(members: &[(&str, u8, u16, &[u8])]) -> Vec<u8> {
    let mut rar = b"Rar!\x1a\x07\0".to_vec();
    rar.extend(b"\0\0\x73\0\0\x0d\0\0\0\0\0\0\0");
    for (name, method, flags, data) in members {
        rar.extend([0, 0, 0x74]);
        rar.extend((flags | 0x8000).to_le_bytes());
        rar.extend((32 + name.len() as u16).to_le_bytes());
        rar.extend((data.len() as u32).to_le_bytes());
        rar.extend((data.len() as u32).to_le_bytes());
        rar.extend([0; 9]);
        rar.extend([20, 0x30 + method]);
        rar.extend((name.len() as u16).to_le_bytes());
        rar.extend([0; 4]);
        rar.extend(name.bytes());
        rar.extend(*data);
    }
    rar.extend([0, 0, 0x7b, 0, 0, 7, 0]);
    rar
}

#[test]
fn rar_shows_names_and_what_is_stored() {
    let new = rar5(&[("a", 0, false, b"one"), ("b", 3, false, b"?"), ("c", 0, true, b"?")]);
    let old = rar4(&[("a", 0, 0, b"one"), ("b", 3, 0, b"?"), ("c", 0, 4, b"?")]);
    for bytes in [new, old] {
        let recorder = Recorder::reopening();
        let outcome = Case::new().file("x", &bytes).run(&recorder);
        assert_eq!(recorder.seen(), pairs([("x!/a", "one")]));
        let wanted = [Reason::Encrypted, Reason::Unsupported].map(|reason| ("x".to_owned(), reason));
        assert_eq!(gaps(&outcome), wanted);
        assert_eq!(
            outcome.coverage.gaps[1].detail,
            "members are packed in a way that cannot be opened, 1 of them"
        );
        let names: Vec<_> = recorder.names().into_iter().filter(|name| name.starts_with("x!/")).collect();
        assert_eq!(names, ["x!/a", "x!/b", "x!/c"]);
    }
    let mut locked = b"Rar!\x1a\x07\x01\0\0\0\0\0\x03\x04\0\0".to_vec();
    locked.extend(noise(300, 1));
    assert_eq!(look(&Case::new().file("x", &locked)).1, [("x".to_owned(), Reason::Encrypted)]);
    let mut locked = b"Rar!\x1a\x07\0\0\0\x73\x80\0\x0d\0\0\0\0\0\0\0".to_vec();
    locked.extend(noise(300, 1));
    assert_eq!(look(&Case::new().file("x", &locked)).1, [("x".to_owned(), Reason::Encrypted)]);
}

#[test]
fn archives_behind_programs_are_found() {
    let prefix = [&b"MZ"[..], &noise(5000, 3)].concat();
    let zipped = zip(&[("a", b"one")]);
    let mut commented = zip::ZipWriter::new(Cursor::new(Vec::new()));
    commented.start_file("a", SimpleFileOptions::default()).unwrap();
    commented.write_all(b"one").unwrap();
    commented.set_comment("of it all").unwrap();
    let commented = commented.finish().unwrap().into_inner();
    for (archive, wanted) in [
        (zipped.clone(), "x!/a"),
        (commented.clone(), "x!/a"),
        (fixture("lzma2.7z"), "x!/(bytes from 5002)!/a.txt"),
        (rar5(&[("a", 0, false, b"one")]), "x!/(bytes from 5002)!/a"),
    ] {
        let bytes = [prefix.clone(), archive].concat();
        for bytes in [bytes.clone(), zip(&[("y", &bytes)])] {
            let (seen, gaps) = look(&Case::new().file("x", &bytes));
            let found = seen.iter().any(|(name, _)| name.replace("!/y", "") == wanted);
            assert!(found && gaps.is_empty(), "{wanted}: {seen:?} {gaps:?}");
        }
    }
    let script = [b"#!/bin/sh\n", &commented[..]].concat();
    assert!(look(&Case::new().file("x", script)).0.contains(&("x!/a".to_owned(), "one".to_owned())));
    let chrome = [b"Cr24\x03\0\0\0\x04\0\0\0abcd", &zipped[..]].concat();
    assert!(look(&Case::new().file("x", chrome)).0.contains(&("x!/a".to_owned(), "one".to_owned())));
    assert_eq!(look(&Case::new().file("x", &prefix)).1, [], "a program alone is just bytes");
}

#[test]
fn sparse_members_have_their_holes() {
    let mut header = tar::Header::new_gnu();
    header.set_path("s").unwrap();
    header.set_entry_type(tar::EntryType::GNUSparse);
    header.set_size(6);
    let gnu = header.as_gnu_mut().unwrap();
    gnu.sparse[0].offset[..11].copy_from_slice(b"00000000004");
    gnu.sparse[0].numbytes[..11].copy_from_slice(b"00000000003");
    gnu.sparse[1].offset[..11].copy_from_slice(b"00000000012");
    gnu.sparse[1].numbytes[..11].copy_from_slice(b"00000000003");
    gnu.realsize[..11].copy_from_slice(b"00000000015");
    header.set_cksum();
    let mut old = header.as_bytes().to_vec();
    old.extend(b"onetwo");
    old.resize(old.len().next_multiple_of(512), 0);

    let mut pax = tar::Builder::new(Vec::new());
    let records: [(&str, &[u8]); 4] = [
        ("GNU.sparse.major", b"1"),
        ("GNU.sparse.minor", b"0"),
        ("GNU.sparse.name", b"s"),
        ("GNU.sparse.realsize", b"13"),
    ];
    pax.append_pax_extensions(records).unwrap();
    let mut content = b"2\n4\n3\n10\n3\n".to_vec();
    content.resize(512, 0);
    content.extend(b"onetwo");
    let mut header = tar::Header::new_ustar();
    header.set_path("GNUSparseFile.0/s").unwrap();
    header.set_size(content.len() as u64);
    header.set_cksum();
    pax.append(&header, &content[..]).unwrap();
    for bytes in [old, pax.into_inner().unwrap()] {
        let wanted = pairs([("x!/s", "\0\0\0\0one\0\0\0two")]);
        assert_eq!(look(&Case::new().file("x", &bytes)), (wanted, vec![]));
    }
}

#[test]
fn other_texts_of_tar_headers_are_looked_at() {
    let mut pax = tar::Builder::new(Vec::new());
    pax.append_pax_extensions([("comment", &b"a text in a record"[..]), ("mtime", b"1")]).unwrap();
    let mut header = tar::Header::new_ustar();
    header.set_path("a").unwrap();
    header.set_size(3);
    header.set_cksum();
    pax.append(&header, &b"one"[..]).unwrap();
    let mut link = tar::Header::new_ustar();
    link.set_entry_type(tar::EntryType::Symlink);
    link.set_size(0);
    pax.append_link(&mut link, "l", "to/some/other/place").unwrap();
    let wanted = pairs([
        ("x!/a", "one"),
        ("x!/a!/(header)", "a text in a record\n"),
        ("x!/l!/(header)", "to/some/other/place\n"),
    ]);
    assert_eq!(look(&Case::new().file("x", pax.into_inner().unwrap())), (wanted, vec![]));
}

#[test]
fn images_of_docker_are_tars_in_tars() {
    let layer = tar(&[("app/.env", b"one")]);
    let image = tar(&[
        ("manifest.json", b"[]"),
        ("blobs/sha256/1", &layer),
        ("blobs/sha256/2", &gzip(&layer)),
        ("blobs/sha256/3", &zstd(&layer)),
    ]);
    let (seen, gaps) = look(&Case::new().file("image", gzip(&image)));
    assert_eq!((seen.iter().filter(|(_, text)| text == "one").count(), gaps), (3, vec![]));
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// `DataMashup` ([MS-QDEFF] 2.2): version, the length of a zip, the zip, then permissions and metadata.
fn mashup() -> Vec<u8> {
    let package = zip(&[("Formulas/Section1.m", b"section Section1;")]);
    let mut mashup = vec![0; 4];
    mashup.extend((package.len() as u32).to_le_bytes());
    mashup.extend(package);
    mashup.extend(b"\x0d\0\0\0<Permissions/>");
    mashup
}

#[test]
fn parts_of_power_bi_are_found() {
    let model = utf16(r#"{"expression": "let x = 1"}"#);
    let pbit = zip(&[("DataModelSchema", &model), ("DataMashup", &mashup())]);
    let recorder = Recorder::reopening();
    let outcome = Case::new().file("x.pbit", pbit).run(&recorder);
    assert_eq!(gaps(&outcome), []);
    let seen = recorder.seen();
    let has = |name: &str, text: &str| seen.iter().any(|(path, seen)| path == name && seen.contains(text));
    assert!(has("x.pbit!/DataMashup!/(package)!/Formulas/Section1.m", "section Section1;"), "{seen:?}");
    assert!(has("x.pbit!/DataMashup!/(metadata)", "<Permissions/>"));
    assert!(has("x.pbit!/DataModelSchema", "l\0e\0t\0"));
}

#[test]
fn a_kind_is_told_by_content_whatever_it_is_called() {
    for name in [
        "app.msapp",
        "report.pbix",
        "report.pbit",
        "book.twbx",
        "process.nupkg",
        "flow.yxzp",
        "flow.knwf",
        "app.mpk",
        "bot.bpz",
        "x.vsix",
        "x.jar",
        "x.apk",
        "x.xpi",
        "x.whl",
        "x.zip",
        "x.bin",
        "x.txt",
        "x",
    ] {
        let (seen, gaps) = look(&Case::new().file(name, zip(&[("a", b"one")])));
        assert_eq!((seen, gaps), (pairs([(&format!("{name}!/a"), "one")]), vec![]));
    }
    for (name, fixture_name) in [
        ("x.gem", "newc.cpio"),
        ("backup.bin", "lzma2.7z"),
        ("setup.dat", "mszip.cab"),
        ("lib.txt", "gnu.ar"),
    ] {
        let (seen, gaps) = look(&Case::new().file(name, fixture(fixture_name)));
        assert!(seen.iter().any(|(_, text)| text == A) && gaps.is_empty(), "{name}");
    }
}

#[test]
fn bombs_of_every_kind_are_cut() {
    let ratio = Reason::BudgetRatio;
    for name in ["zeros.xz", "zeros.bz2", "zeros.br", "zeros.lz", "zeros.7z", "zeros.cab"] {
        defuse(name, &fixture(name), ratio);
    }
    let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
    lz4.write_all(&vec![0; 24 << 20]).unwrap();
    defuse("x.lz4", &lz4.finish().unwrap(), ratio);
    let zeros = vec![0; 16 << 20];
    for method in [zip::CompressionMethod::Zstd, zip::CompressionMethod::Bzip2] {
        defuse("x.zip", &zip_by(method, &[("a", &zeros)]), ratio);
    }
    // A sparse file that is nothing but a hole.
    let mut pax = tar::Builder::new(Vec::new());
    let records: [(&str, &[u8]); 3] =
        [("GNU.sparse.map", b"0,0"), ("GNU.sparse.name", b"s"), ("GNU.sparse.size", b"30000000")];
    pax.append_pax_extensions(records).unwrap();
    let mut header = tar::Header::new_ustar();
    header.set_path("s").unwrap();
    header.set_size(0);
    header.set_cksum();
    pax.append(&header, &b""[..]).unwrap();
    defuse("x.tar", &pax.into_inner().unwrap(), ratio);
}

#[test]
fn too_many_members_of_any_kind_are_cut() {
    let members = Reason::BudgetMembers;
    let ar = format!("{:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", "a/", 0, 0, 0, 644, 0);
    defuse("x", format!("!<arch>\n{}", ar.repeat(3000)).as_bytes(), members);
    let cpio = "0707070000010000011006440000000000000000010000000000000000000000200000000000a\0";
    defuse("x", cpio.repeat(3000).as_bytes(), members);
    let rar = rar4(&[("a", 3, 0, b"")]);
    let rar = [&rar[..20], &rar[20..53].repeat(3000)].concat();
    defuse("x", &rar, members);
}

/// Whatever is done to an archive: no decoder fails, and the budget holds.
#[test]
fn damaged_archives_of_every_kind_are_survived() {
    let made = [
        ("rar5", rar5(&[("a", 0, false, b"one"), ("b", 3, false, b"?")])),
        ("rar4", rar4(&[("a", 0, 0, b"one"), ("b", 3, 0, b"?")])),
        ("mashup", mashup()),
        ("sfx", [b"MZ\0\0", &fixture("lzma2.7z")[..]].concat()),
    ];
    let given = fixtures().into_iter().filter(|name| !name.starts_with("zeros"));
    let given = given.map(|name| (name.clone(), fixture(&name)));
    let mut random = 11_u64;
    let mut next = |below: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % below.max(1)
    };
    for (name, whole) in given.chain(made.map(|(name, bytes)| (name.to_owned(), bytes))) {
        for round in 0..60 {
            let mut bytes = whole.clone();
            for _ in 0..round % 5 {
                let at = next(bytes.len());
                bytes[at] = next(256) as u8;
            }
            if round % 3 == 0 {
                bytes.truncate(next(bytes.len()));
            }
            survive(&name, bytes);
        }
    }
}

fn survive(name: &str, bytes: Vec<u8>) {
    let budget = Budget { ratio_floor: 1 << 20, ..tight() };
    let length = bytes.len() as u64;
    let input = [Input::Bytes { name: name.to_owned(), bytes: Arc::from(bytes) }];
    let options = with_passwords(&["password"]);
    let outcome = engine::visit(&input, &Counter(budget), &options, &Unwatched).unwrap();
    assert!(outcome.coverage.bytes <= 2 * (1 << 20) + 3 * length, "{name}");
    let failed = outcome.coverage.gaps.iter().find(|gap| gap.reason == Reason::DecoderFailed);
    assert!(failed.is_none(), "{name}: {failed:?}");
}
