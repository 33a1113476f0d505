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
    seed("git", 2, &zlib(b"blob 6\0hello\n")?)?;
    for (index, text) in ENCODED.iter().enumerate() {
        seed("decode", 100 + index, &[&[3, 9], text.as_bytes()].concat())?;
        seed("scan", 100 + index, text.as_bytes())?;
    }
    for (index, document) in documents()?.iter().enumerate() {
        seed("document", 100 + index, document)?;
        seed("scan", 200 + index, document)?;
    }
    fixtures()
}

/// Texts with something encoded in them, a way for each.
const ENCODED: &[&str] = &[
    "k = \"wor\" + 'ds' & \"more\" . 'words' || \"and\"\n  'more'",
    "concat('wor', 'ds') ['wor','ds'].join('') ''.join(['wor','ds']) 'wor'.concat('ds') Text.Combine({\"w\", \"x\"})",
    "`wor${\"ds\"}more${'words'}`",
    "String.fromCharCode(119, 111, 114, 100, 115, 32, 97, 110) [119,111,114,100,115,32,97,110].map(fromCharCode)",
    "chr(0x77)+chr(0x6f)+chr(0x72)+chr(0x64)+chr(0x73)+chr(0x20)+chr(0x61)+chr(0x6e)",
    "wor\\x64s\\u{2d}mo\\162e\\\n   words\\u002dwords",
    "w&#111;rds&amp;mo&#x72;e&lowbar;words",
    "key=3Dwor=64s and wo=\r\nrds",
    "776f72647320616e6420776f72647320616e64206d6f726520776f726473",
    "O5XXEZDTEBQW4ZBAO5XXEZDTEBQW4ZBANVXXEZJAO5XXEZDT",
    "0x1f8b080000000000000a2bcf2f4a29060095d1b2dc05000000",
    "d29yZHMgYW5kIHdvcmRzIGFu\nZCBtb3JlIHdvcmRzIGFuZCB3\nb3Jkcw==",
    "<p>wor<b>ds</b> and wo<span x='y'>rds</span><![CDATA[more]]></p>",
    "<?xml version=\"1.0\" encoding=\"windows-1252\"?><a>words \u{fffd}</a>",
    "a:\n  b: \"words\\\n    words\"\n  c: |\n    {\"d\": \"words\"}\n",
    "[a]\nkey = \"words\"\n# words\nexport KEY='words words'\n",
    "{\"log\":{\"entries\":[{\"request\":{\"url\":\"https://h.example/?k=%41\",\"headers\":[{\"name\":\"k\",\"value\":\"words\"}]}}]}}",
];

/// Documents that are texts, and such as are quickly made.
fn documents() -> Result<Vec<Vec<u8>>> {
    let mail = "From: a@example.org\r\nSubject: =?utf-8?q?w=6Frds?=\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
        --b\r\nContent-Type: text/html; charset=utf-16le\r\nContent-Transfer-Encoding: base64\r\n\r\ndwBvAHIAZABzAA==\r\n--b\r\n\
        Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nwor=\r\nds=3D\r\n--b\r\n\
        Content-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nwords\r\n--b--\r\n";
    let mailbox = format!(
        "From a Mon Nov 23 12:00:00 2026\nFrom: a\n\nwords\n\nFrom b Mon Nov 23 12:00:00 2026\n{mail}"
    );
    let rtf = "{\\rtf1\\ansi\\ansicpg1252{\\fonttbl{\\f0\\fcharset204 A;}}\\f0 wor{\\b ds}\\'e9\\u8364?\\par{\\footnote words}\
        {\\object{\\*\\objdata 0102030405}}{\\field{\\*\\fldinst words}{\\fldrslt words}}}";
    let table = "name,api_key\r\n\"wor\r\nds\",\"a \"\"key\"\"\"\r\n";
    let page = "<!doctype html><html><meta charset=windows-1251><body><table><tr><td>wor<b>ds</b></td></tr></table><script>k=\"words\"</script></body></html>";
    let pdf = "%PDF-1.7\n1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n2 0 obj\n<</Type/Pages/Count 1/Kids[3 0 R]/MediaBox[0 0 9 9]>>\nendobj\n\
        3 0 obj\n<</Type/Page/Parent 2 0 R/Contents 4 0 R>>\nendobj\n4 0 obj\n<</Length 26>>\nstream\nBT /F 8 Tf [(w)9(ords)]TJ ET\nendstream\nendobj\n\
        trailer\n<</Size 5/Root 1 0 R>>\n%%EOF\n";
    let texts = [mail, &mailbox, rtf, table, page, pdf];
    let mut documents: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    documents.push(png()?);
    documents.push(
        b"\xff\xd8\xff\xfe\0\x0ea comment in\xff\xe1\0\x24http://ns.adobe.com/xap/1.0/\0<x/>\xff\xd9"
            .to_vec(),
    );
    documents.push(property_list());
    documents.push(envelope());
    let log =
        [&0x377f_0682_u32.to_be_bytes()[..], &3_007_000_u32.to_be_bytes(), &512_u32.to_be_bytes(), &[0; 20]];
    documents.push([&log.concat()[..], &[0; 24], &database("UTF-8")?[512..1024]].concat());
    Ok(documents)
}

fn png() -> Result<Vec<u8>> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in [
        (b"tEXt", b"k\0words".to_vec()),
        (b"zTXt", [b"k\0\0", &zlib(b"words")?[..]].concat()),
        (b"IEND", Vec::new()),
    ] {
        bytes.extend((data.len() as u32).to_be_bytes());
        bytes.extend(kind);
        bytes.extend(data);
        bytes.extend([0; 4]);
    }
    Ok(bytes)
}

/// `{"key": ["words", 7]}`
fn property_list() -> Vec<u8> {
    let mut list = b"bplist00\xd1\x01\x02Skey\xa2\x03\x04Uwords\x10\x07".to_vec();
    let table = list.len() as u8;
    list.extend([8, 11, 15, 18, 24, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 5]);
    list.extend([[0; 8], [0, 0, 0, 0, 0, 0, 0, table]].concat());
    list
}

/// A message with a property and an attachment.
fn envelope() -> Vec<u8> {
    let properties = b"\x01\0\0\0\x1f\0\0\x10\x01\0\0\0\x06\0\0\0a\0b\0\0\0\0\0";
    let attribute = |level: u8, number: u32, data: &[u8]| {
        [&[level][..], &number.to_le_bytes(), &(data.len() as u32).to_le_bytes(), data, &[0; 2]].concat()
    };
    let magic = [0x78, 0x9f, 0x3e, 0x22, 1, 0];
    [
        magic.to_vec(),
        attribute(1, 0x0006_9003, properties),
        attribute(2, 0x0006_9002, &[1; 14]),
        attribute(2, 0x0001_8010, b"a.txt\0"),
        attribute(2, 0x0006_800f, b"words"),
    ]
    .concat()
}

/// The archives and documents that other programs wrote, where they are small.
fn fixtures() -> Result<()> {
    let mut index = 500;
    for folder in ["../tests/data/container", "../tests/data/documents"] {
        let mut paths: Vec<_> = fs::read_dir(folder)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<std::result::Result<_, _>>()?;
        paths.sort();
        for path in paths {
            let bytes = fs::read(&path)?;
            if bytes.len() < 64 << 10 {
                index += 1;
                seed("scan", index, &bytes)?;
                seed("document", index, &bytes)?;
                seed("isolated", index, &bytes)?;
            }
        }
    }
    Ok(())
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
