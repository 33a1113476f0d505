//! Archives and packages.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use zip::CompressionMethod::{Bzip2, Ppmd, Stored, Xz, Zstd};
use zip::write::SimpleFileOptions;

use super::{Form, form};
use crate::containers::{gzip, streamed_zip, tar, zip, zip_by, zstd};

pub(super) const FORMS: &[Form] = &[
    form("zip", "a.zip", |token| zip(&[("keys.txt", &text(token))])),
    form("zip, stored", "a.zip", |token| zip_by(Stored, &[("keys.txt", &text(token))])),
    form("zip, bzip2", "a.zip", |token| zip_by(Bzip2, &[("keys.txt", &text(token))])),
    form("zip, xz", "a.zip", |token| zip_by(Xz, &[("keys.txt", &text(token))])),
    form("zip, zstd", "a.zip", |token| zip_by(Zstd, &[("keys.txt", &text(token))])),
    form("zip, PPMd", "a.zip", |token| zip_by(Ppmd, &[("keys.txt", &text(token))])),
    form("zip, sizes behind the members", "a.zip", |token| streamed_zip(&[("keys.txt", &text(token))])),
    form("zip behind a program (self-extracting)", "setup.exe", |token| {
        let mut program = b"MZ".to_vec();
        program.resize(4096, 0x90);
        program.extend(zip(&[("keys.txt", &text(token))]));
        program
    }),
    form("zip, comment of the archive", "a.zip", |token| {
        let mut zip = ::zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        zip.start_file("a.txt", SimpleFileOptions::default()).expect("a member");
        zip.set_comment(format!("key {token}")).expect("a comment");
        zip.finish().expect("a zip").into_inner()
    }),
    form("zip, name of a member", "a.zip", |token| zip(&[(&format!("{token}.txt"), b"nothing")])),
    form("zip in zip in zip", "a.zip", |token| {
        zip(&[("b.zip", &zip(&[("c.zip", &zip(&[("keys.txt", &text(token))]))]))])
    }),
    form("zip behind an image", "a.png", |token| {
        let image = b"\x89PNG\r\n\x1a\n\0\0\0\0IEND\xae\x42\x60\x82";
        [&image[..], &zip(&[("keys.txt", &text(token))])].concat()
    }),
    form("twelve containers in each other", "a.gz", |token| {
        let mut bytes = text(token);
        for _ in 0..4 {
            bytes = gzip(&tar(&[("b.zip", &zip(&[("a.gz", &bytes)]))]));
        }
        bytes
    }),
    form("tar", "a.tar", |token| tar(&[("keys.txt", &text(token))])),
    form("tar in gzip", "a.tgz", |token| gzip(&tar(&[("keys.txt", &text(token))]))),
    form("tar in zstd", "a.tar.zst", |token| zstd(&tar(&[("keys.txt", &text(token))]))),
    form("image of a container (OCI)", "image.tar", |token| {
        tar(&[("blobs/sha256/1", &gzip(&tar(&[("app/.env", &text(token))])))])
    }),
    form("gzip", "keys.txt.gz", |token| gzip(&text(token))),
    form("gzip, second member", "keys.txt.gz", |token| [gzip(b"first\n"), gzip(&text(token))].concat()),
    form("zstd", "keys.txt.zst", |token| zstd(&text(token))),
    form("lz4", "keys.txt.lz4", |token| {
        let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
        encoder.write_all(&text(token)).expect("memory");
        encoder.finish().expect("a frame")
    }),
    form("bzip2", "keys.txt.bz2", |token| {
        let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
        encoder.write_all(&text(token)).expect("memory");
        encoder.finish().expect("a stream")
    }),
    form("zlib", "keys.z", |token| {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&text(token)).expect("memory");
        encoder.finish().expect("a stream")
    }),
    form("ar", "a.a", |token| {
        let text = text(token);
        let mut file = b"!<arch>\n".to_vec();
        file.extend(
            format!("{:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", "keys.txt/", 0, 0, 0, 644, text.len()).bytes(),
        );
        file.extend(text);
        if file.len() % 2 == 1 {
            file.push(b'\n');
        }
        file
    }),
    form("cpio (newc)", "a.cpio", |token| cpio(&[("keys.txt", &text(token)), ("TRAILER!!!", b"")])),
    form("package of npm", "a.tgz", |token| gzip(&tar(&[("package/.npmrc", &text(token))]))),
    form("wheel of Python", "a.whl", |token| zip(&[("pkg/config.py", &text(token))])),
    form("Java archive in an app", "a.apk", |token| {
        zip(&[("lib/a.jar", &zip(&[("application.properties", &text(token))]))])
    }),
    form("Power Apps", "a.msapp", |token| {
        let source = format!(
            "{{\"TopParent\":{{\"Rules\":[{{\"Property\":\"OnStart\",\"InvariantScript\":\"Set(k, \\\"{token}\\\")\"}}]}}}}"
        );
        zip(&[("Controls/1.json", source.as_bytes())])
    }),
    form("Power BI, model in UTF-16", "a.pbit", |token| {
        let model = format!("{{\"model\":{{\"expression\":\"let Key = \\\"{token}\\\" in Key\"}}}}");
        let wide: Vec<u8> = model.encode_utf16().flat_map(u16::to_le_bytes).collect();
        zip(&[("DataModelSchema", &wide)])
    }),
];

/// A file of settings with the token in it.
fn text(token: &str) -> Vec<u8> {
    format!("# settings\nurl=https://api.example.org\nkey {token}\n").into_bytes()
}

/// An archive in the format of SVR4 without checksums: thirteen numbers in hexadecimal after the magic, names and
/// contents padded to four bytes.
fn cpio(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut file = Vec::new();
    for (name, bytes) in members {
        let numbers = [1, 0o100_644, 0, 0, 1, 0, bytes.len(), 0, 0, 0, 0, name.len() + 1, 0];
        file.extend(b"070701");
        numbers.iter().for_each(|number| file.extend(format!("{number:08x}").bytes()));
        file.extend(name.bytes().chain([0]));
        file.resize(file.len().next_multiple_of(4), 0);
        file.extend(*bytes);
        file.resize(file.len().next_multiple_of(4), 0);
    }
    file
}
