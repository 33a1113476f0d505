//! Writes seeds: `cargo run --example seeds`, in this folder. They hold plain words only; what a token looks like libFuzzer
//! learns from the tables in the program.

use std::error::Error;
use std::fs;
use std::io::{Cursor, Write};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const JSON: &str = r#"{"name": "a flow", "nodes": [{"name": "n", "type": "t", "typeVersion": 1,
    "parameters": {"password": "words \u0041 and \"quotes\"", "url": "https://u:p@h.example/?k=%41%42"}}], "connections": {}}"#;

fn main() -> Result<()> {
    let xml = "<add key=\"password\" value=\"words and words\"/>";
    let base64 = "d29yZHMgYW5kIHdvcmRzIGFuZCBtb3JlIHdvcmRzIGFuZCB3b3Jkcw==";
    let utf16: Vec<u8> = JSON.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (index, text) in [JSON.as_bytes(), xml.as_bytes(), base64.as_bytes(), &utf16].into_iter().enumerate()
    {
        let prefixed = [&[3, 9], text].concat();
        seed("scan", index, text)?;
        seed("json", index, text)?;
        seed("decode", index, &prefixed)?;
        seed("mask", index, &[b"words\n", text].concat())?;
    }
    for (index, method) in
        [zip::CompressionMethod::Stored, zip::CompressionMethod::Deflated].into_iter().enumerate()
    {
        seed("zip", index, &zip(method)?)?;
    }
    seed("tar", 0, &tar()?)?;
    seed("gzip", 0, &gzip(JSON.as_bytes())?)?;
    seed("gzip", 1, &gzip(&tar()?)?)?;
    seed("zstd", 0, &zstd::encode_all(JSON.as_bytes(), 1)?)?;
    for (index, encoding) in ["UTF-8", "UTF-16le"].into_iter().enumerate() {
        let database = database(encoding)?;
        seed("document", index, &database)?;
        seed("scan", 10 + index, &database)?;
    }
    seed("git", 0, &pack()?)?;
    let references = b"# v2 git bundle\nce013625030ba8dba906f756967f9e9ca394464a refs/heads/main\n\n";
    seed("git", 1, &[&references[..], &pack()?].concat())?;
    seed("git", 2, &zlib(b"blob 6\0hello\n")?)
}

fn seed(target: &str, index: usize, bytes: &[u8]) -> Result<()> {
    let folder = format!("corpus/{target}");
    fs::create_dir_all(&folder)?;
    Ok(fs::write(format!("{folder}/seed-{index}"), bytes)?)
}

fn zip(method: zip::CompressionMethod) -> Result<Vec<u8>> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(method);
    for name in ["a.json", "b/c"] {
        zip.start_file(name, options)?;
        zip.write_all(JSON.as_bytes())?;
    }
    Ok(zip.finish()?.into_inner())
}

fn tar() -> Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(JSON.len() as u64);
    tar.append_data(&mut header, "a.json", JSON.as_bytes())?;
    Ok(tar.into_inner()?)
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder =
        flate2::GzBuilder::new().filename("a.json").write(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

fn zlib(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

fn database(encoding: &str) -> Result<Vec<u8>> {
    let mut database = rusqlite::Connection::open_in_memory()?;
    database.execute_batch(&format!("PRAGMA page_size = 512; PRAGMA encoding = '{encoding}'; CREATE TABLE t (a, b);
         CREATE TABLE w (k TEXT PRIMARY KEY, v) WITHOUT ROWID; INSERT INTO w VALUES ('k', x'00ff00ff00ff00ff')"))?;
    for row in 0..20 {
        database.execute("INSERT INTO t VALUES (?1, ?2)", (row as i64, JSON.repeat(row % 4)))?;
    }
    Ok(database.serialize("main")?.to_vec())
}

/// A file, and a delta against it: ten bytes copied, three inserted.
fn pack() -> Result<Vec<u8>> {
    let file = [&[0x3a][..], &zlib(b"ten bytes!")?].concat();
    let delta = [&[0x66, file.len() as u8][..], &zlib(b"\x0a\x0d\x90\x0a\x03abc")?].concat();
    Ok([b"PACK\0\0\0\x02\0\0\0\x02", &file[..], &delta, &[0; 20]].concat())
}
