//! Clean copies: through chains of layers nothing but the secret changes. Each layer is put on and taken off here by its own
//! rules and by others' libraries, not by the code under test.

use std::io::{Cursor, Read, Write};
use std::num::NonZeroUsize;

use data_encoding::{BASE64, HEXLOWER};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use keysieve::blob::{Alone, Provenance};
use keysieve::engine::{self, Input, Options, Unwatched};
use keysieve::redact::{Redacted, Redactor, Refusal};
use proptest::prelude::*;
use serde_json::{Value, json};
use zip::write::SimpleFileOptions;

use crate::common::{Random, SCANNER, pem, token};

/// One layer around a text.
#[derive(Clone, Copy, Debug)]
enum Layer {
    Json,
    Base64,
    Percent,
    Xml,
    Hex,
    Utf16,
    Gzip,
    Zip,
    Stored,
    Tar,
}

const LAYERS: [Layer; 10] = [
    Layer::Json,
    Layer::Base64,
    Layer::Percent,
    Layer::Xml,
    Layer::Hex,
    Layer::Utf16,
    Layer::Gzip,
    Layer::Zip,
    Layer::Stored,
    Layer::Tar,
];

const BESIDE: &[u8] = b"a member that nobody touches, again and again, again and again";

impl Layer {
    /// Whether it takes any bytes, or only text.
    fn takes_bytes(self) -> bool {
        matches!(self, Self::Base64 | Self::Gzip | Self::Zip | Self::Stored | Self::Tar)
    }

    fn gives_bytes(self) -> bool {
        matches!(self, Self::Utf16 | Self::Gzip | Self::Zip | Self::Stored | Self::Tar)
    }

    fn wrap(self, inner: &[u8]) -> Vec<u8> {
        let text = || String::from_utf8(inner.to_vec()).expect("text");
        match self {
            Self::Json => json!({"id": 7, "note": text(), "last": true}).to_string().into_bytes(),
            Self::Base64 => format!("{{\"data\": \"{}\"}}", BASE64.encode(inner)).into_bytes(),
            Self::Percent => {
                let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
                let one = |byte: &u8| {
                    if plain(*byte) { char::from(*byte).to_string() } else { format!("%{byte:02X}") }
                };
                format!("https://example.com/x?a=1&q={}", inner.iter().map(one).collect::<String>())
                    .into_bytes()
            }
            Self::Xml => {
                let escaped = text()
                    .replace('&', "&amp;")
                    .replace('<', "&lt;")
                    .replace('>', "&gt;")
                    .replace('"', "&quot;");
                format!("<root><first>1</first><payload>{escaped}</payload></root>").into_bytes()
            }
            Self::Hex => format!("hex: {} end", HEXLOWER.encode(inner)).into_bytes(),
            Self::Utf16 => {
                let units = text().encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
                [b"\xff\xfe", units.as_slice()].concat()
            }
            Self::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
                encoder.write_all(inner).expect("memory");
                encoder.finish().expect("memory")
            }
            Self::Zip => zip(inner, zip::CompressionMethod::Deflated),
            Self::Stored => zip(inner, zip::CompressionMethod::Stored),
            Self::Tar => {
                let mut tar = tar::Builder::new(Vec::new());
                for (name, bytes) in [("a.txt", BESIDE), ("b.json", inner), ("c.txt", BESIDE)] {
                    let mut header = tar::Header::new_gnu();
                    header.set_size(bytes.len() as u64);
                    header.set_mtime(1_700_000_000);
                    header.set_mode(0o640);
                    tar.append_data(&mut header, name, bytes).expect("memory");
                }
                tar.into_inner().expect("memory")
            }
        }
    }

    /// The inner bytes; all around them must be as [`Layer::wrap`] makes it.
    fn unwrap(self, outer: &[u8]) -> Vec<u8> {
        let text = || std::str::from_utf8(outer).expect("text");
        let between = |before: &str, behind: &str| {
            let text = text();
            let inner = text.strip_prefix(before).and_then(|rest| rest.strip_suffix(behind));
            inner.unwrap_or_else(|| panic!("what is around has changed: {text}")).to_owned()
        };
        match self {
            Self::Json => {
                let inner = between("{\"id\":7,\"note\":", ",\"last\":true}");
                serde_json::from_str::<String>(&inner).expect("a string").into_bytes()
            }
            Self::Base64 => BASE64.decode(between("{\"data\": \"", "\"}").as_bytes()).expect("base64"),
            Self::Percent => {
                let text = between("https://example.com/x?a=1&q=", "");
                let mut parts = text.split('%');
                let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
                for part in parts {
                    bytes.push(u8::from_str_radix(&part[..2], 16).expect("two digits"));
                    bytes.extend(&part.as_bytes()[2..]);
                }
                bytes
            }
            Self::Xml => {
                let text = between("<root><first>1</first><payload>", "</payload></root>");
                let text = text.replace("&quot;", "\"").replace("&gt;", ">").replace("&lt;", "<");
                text.replace("&amp;", "&").into_bytes()
            }
            Self::Hex => HEXLOWER.decode(between("hex: ", " end").as_bytes()).expect("hex"),
            Self::Utf16 => {
                let units = outer.strip_prefix(b"\xff\xfe").expect("a mark").chunks_exact(2);
                let units: Vec<u16> = units.map(|unit| u16::from_le_bytes([unit[0], unit[1]])).collect();
                String::from_utf16(&units).expect("UTF-16").into_bytes()
            }
            Self::Gzip => {
                let mut inner = Vec::new();
                GzDecoder::new(outer).read_to_end(&mut inner).expect("gzip");
                inner
            }
            Self::Zip | Self::Stored => unzip(outer),
            Self::Tar => untar(outer),
        }
    }
}

fn zip(inner: &[u8], method: zip::CompressionMethod) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().unix_permissions(0o640);
    for (name, bytes, method) in [
        ("a.txt", BESIDE, zip::CompressionMethod::Deflated),
        ("b.json", inner, method),
        ("c.txt", BESIDE, method),
    ] {
        zip.start_file(name, options.compression_method(method)).expect("memory");
        zip.write_all(bytes).expect("memory");
    }
    zip.set_comment("the archive's comment").expect("short");
    zip.finish().expect("memory").into_inner()
}

fn unzip(outer: &[u8]) -> Vec<u8> {
    let mut zip = zip::ZipArchive::new(Cursor::new(outer)).expect("a zip");
    assert_eq!(zip.comment(), b"the archive's comment");
    let names: Vec<String> = (0..zip.len())
        .map(|at| zip.by_index_raw(at).expect("a member").name().expect("a name").into_owned())
        .collect();
    assert_eq!(names, ["a.txt", "b.json", "c.txt"]);
    let mut contents = names.iter().map(|name| {
        let mut member = zip.by_name(name).expect("a member");
        assert_eq!(member.unix_mode().map(|mode| mode & 0o777), Some(0o640));
        let mut bytes = Vec::new();
        member.read_to_end(&mut bytes).expect("its checksum is right");
        bytes
    });
    let [a, b, c] =
        [contents.next(), contents.next(), contents.next()].map(|content| content.expect("three"));
    assert_eq!((a.as_slice(), c.as_slice()), (BESIDE, BESIDE));
    b
}

fn untar(outer: &[u8]) -> Vec<u8> {
    assert_eq!(outer.len() % 512, 0);
    let mut inner = Vec::new();
    let mut names = Vec::new();
    for entry in tar::Archive::new(outer).entries().expect("a tar") {
        let mut entry = entry.expect("a member");
        assert_eq!(entry.header().mode().ok(), Some(0o640));
        let name = entry.path().expect("a name").display().to_string();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).expect("bytes");
        if name == "b.json" {
            inner = bytes;
        } else {
            assert_eq!(bytes, BESIDE);
        }
        names.push(name);
    }
    assert_eq!(names, ["a.txt", "b.json", "c.txt"]);
    inner
}

/// The clean copy of a file that stands alone.
fn redact(bytes: &[u8]) -> Result<Redacted, Refusal> {
    Redactor::new(&SCANNER, &[]).file(&Provenance::file("test"), bytes, &Alone)
}

/// The text of the clean copy, which must be one.
fn clean(text: &str) -> String {
    let redacted = redact(text.as_bytes()).unwrap_or_else(|refusal| panic!("{refusal:?}: {text}"));
    let bytes = redacted.bytes.unwrap_or_else(|| panic!("nothing was found in {text}"));
    String::from_utf8(bytes).expect("text")
}

/// A chain of layers, the innermost first, each of which takes what the one before gives.
fn chains() -> impl Strategy<Value = Vec<Layer>> {
    proptest::collection::vec(proptest::sample::select(&LAYERS[..]), 1..5).prop_filter("fits", |chain| {
        chain.windows(2).all(|pair| !pair[0].gives_bytes() || pair[1].takes_bytes())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Taken off again, each layer gives the text with a placeholder where the secret was, and nothing else changed.
    #[test]
    fn only_the_secret_changes(chain in chains(), seed in 0..1000_u64, id in proptest::sample::select(&["github-personal-access-token", "stripe-secret-key", "slack-bot-token"][..])) {
        let secret = token(id, seed);
        let text = |secret: &str| format!("before é & <b> \"q\" \\ token={secret}; 'after' and more of it\n");
        let outer = chain.iter().fold(text(&secret).into_bytes(), |inner, layer| layer.wrap(&inner));
        // What a scan does not see (hexadecimal of much that is no ASCII) nobody can replace.
        let input = Input::Bytes { name: "test".to_owned(), bytes: outer.as_slice().into() };
        let options = Options { threads: NonZeroUsize::MIN, ..Options::default() };
        let found = engine::run(&[input], &SCANNER, &options, &Unwatched).expect("a run").findings;
        prop_assume!(found.iter().any(|finding| finding.secret.expose() == secret.as_bytes()));
        let redacted = redact(&outer).unwrap_or_else(|refusal| panic!("{refusal:?}"));
        prop_assert_eq!(redacted.replaced.len(), 1);
        let put = redacted.replaced[0].put.clone();
        let outer = redacted.bytes.expect("changed");
        let inner = chain.iter().rev().fold(outer, |outer, layer| layer.unwrap(&outer));
        let inner = String::from_utf8_lossy(&inner).into_owned();
        prop_assert_eq!(inner, text(&put));
    }
}

/// What nothing was found in stays as it is.
#[test]
fn what_is_clean_stays() {
    for layer in LAYERS {
        let outer = layer.wrap(b"{\"a\": \"nothing in it\"}");
        let redacted = redact(&outer).expect("clean");
        assert!(redacted.bytes.is_none() && redacted.replaced.is_empty());
    }
}

/// Members that are not touched keep their packed bytes and headers.
#[test]
fn members_are_copied_as_they_are() {
    let secret = token("stripe-secret-key", 3);
    let before = zip(format!("key={secret}").as_bytes(), zip::CompressionMethod::Deflated);
    let after = redact(&before).expect("clean").bytes.expect("changed");
    let raw = |bytes: &[u8], name: &str| {
        let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).expect("a zip");
        let number = zip.index_for_name(name).expect("a member");
        let mut member = zip.by_index_raw(number).expect("a member");
        let start = member.header_start() as usize..member.data_start().expect("known") as usize;
        let mut packed = Vec::new();
        member.read_to_end(&mut packed).expect("bytes");
        (bytes[start].to_vec(), packed)
    };
    for name in ["a.txt", "c.txt"] {
        assert_eq!(raw(&before, name), raw(&after, name), "{name}");
    }
    assert_eq!(before[..30 + 5], after[..30 + 5]);
}

/// A zip whose sizes stand behind each member and in Zip64 fields, as streaming writers make it (APPNOTE 4.3.9, 4.5.3).
#[test]
fn descriptors_and_zip64_fields_are_put_right() {
    let secret = token("stripe-secret-key", 5);
    let content = format!("key={secret}\n");
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content.as_bytes()).expect("memory");
    let packed = encoder.finish().expect("memory");
    let crc = crc32fast::hash(content.as_bytes());
    let (name, wide) = (b"k.txt", [&1_u16.to_le_bytes()[..], &16_u16.to_le_bytes()].concat());
    let sizes = [(content.len() as u64).to_le_bytes(), (packed.len() as u64).to_le_bytes()].concat();
    let mut zip = b"PK\x03\x04\x2d\0\x08\0\x08\0\0\0\0\0".to_vec();
    zip.extend([0; 4]);
    zip.extend([0xff; 8]);
    zip.extend([5, 0, 20, 0]);
    zip.extend([&name[..], &wide, &[0; 16]].concat());
    zip.extend(&packed);
    zip.extend([&b"PK\x07\x08"[..], &crc.to_le_bytes()].concat());
    zip.extend((packed.len() as u64).to_le_bytes());
    zip.extend((content.len() as u64).to_le_bytes());
    let start = zip.len();
    zip.extend(b"PK\x01\x02\x2d\0\x2d\0\x08\0\x08\0\0\0\0\0");
    zip.extend(crc.to_le_bytes());
    zip.extend([0xff; 8]);
    zip.extend([5, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    zip.extend([&name[..], &wide, &sizes].concat());
    let size = zip.len() - start;
    let record = zip.len() as u64;
    zip.extend([&b"PK\x06\x06"[..], &44_u64.to_le_bytes(), &[45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]].concat());
    for number in [1, 1, size as u64, start as u64] {
        zip.extend(number.to_le_bytes());
    }
    zip.extend([&b"PK\x06\x07\0\0\0\0"[..], &record.to_le_bytes(), &[1, 0, 0, 0]].concat());
    zip.extend(b"PK\x05\x06\0\0\0\0");
    zip.extend([0xff; 12]);
    zip.extend([0, 0]);
    let clean = redact(&zip).expect("clean").bytes.expect("changed");
    let mut archive = zip::ZipArchive::new(Cursor::new(clean.clone())).expect("a zip");
    let mut text = String::new();
    archive.by_index(0).expect("a member").read_to_string(&mut text).expect("its checksum is right");
    assert_eq!(text, "key=REDACTED_STRIPE_SECRET_KEY\n");
    // As a stream, which only has what stands at and behind the member.
    let packed = clean.len() - (zip.len() - start) - 24;
    let behind = &clean[packed..packed + 24];
    let expected = [&b"PK\x07\x08"[..], &crc32fast::hash(text.as_bytes()).to_le_bytes()].concat();
    assert_eq!(behind[..8], expected);
    assert_eq!(behind[16..], (text.len() as u64).to_le_bytes());
}

#[test]
fn only_the_secret_part_goes() {
    let mut random = Random(9);
    let password = random.alnum(16);
    let key = BASE64.encode(&random.bytes(64));
    for (text, part) in [
        (format!("postgres://app:{password}@db.example.com:5432/main?ssl=1"), &password),
        (format!("Server=tcp:db.example.com,1433;User ID=app;Password={password};Encrypt=True"), &password),
        (
            format!(
                "DefaultEndpointsProtocol=https;AccountName=shop;AccountKey={key};EndpointSuffix=core.windows.net"
            ),
            &key,
        ),
    ] {
        let clean = clean(&text);
        let (before, behind) = text.split_once(part.as_str()).expect("it is there");
        let put = clean.strip_prefix(before).and_then(|rest| rest.strip_suffix(behind));
        let put = put.unwrap_or_else(|| panic!("{clean}"));
        assert!(put.starts_with("REDACTED_"), "{clean}");
    }
}

#[test]
fn the_user_stays_in_basic_credentials() {
    let password = Random(10).alnum(16);
    let text = format!("Authorization: Basic {}\n", BASE64.encode(format!("jane:{password}").as_bytes()));
    let clean = clean(&text);
    let pair = clean.trim_end().strip_prefix("Authorization: Basic ").expect("the rest stays");
    let pair = String::from_utf8(BASE64.decode(pair.as_bytes()).expect("base64")).expect("text");
    assert!(pair.starts_with("jane:REDACTED_"), "{pair}");
}

#[test]
fn a_pem_block_keeps_its_lines() {
    let block = pem(300, &mut Random(11));
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let raw = lines(&clean(&block));
    assert_eq!(raw.len(), 3, "{raw:?}");
    assert!(
        raw[0].starts_with("-----BEGIN ")
            && raw[1].starts_with("REDACTED_")
            && raw[2].starts_with("-----END ")
    );
    let json = clean(&json!({"key": block, "next": 1}).to_string());
    let json: Value = serde_json::from_str(&json).expect("JSON still");
    assert_eq!(lines(json["key"].as_str().expect("a string")), raw);
    assert_eq!(json["next"], 1);
}

/// A value that stands once more, where nothing tells what it is, goes there too: in a name, in another member.
#[test]
fn copies_go_too() {
    let password = Random(12).alnum(14);
    let text =
        json!({"password": password, "note": format!("it was {password} before"), password.clone(): 1})
            .to_string();
    let clean = clean(&text);
    assert!(!clean.contains(&password), "{clean}");
    assert_eq!(clean.matches("REDACTED_").count(), 3, "{clean}");
    serde_json::from_str::<Value>(&clean).expect("JSON still");
}

/// Base64 of a mail (RFC 2045 §6.8) keeps its lines.
#[test]
fn base64_keeps_its_lines() {
    let text = |secret: &str| {
        format!("{}\nkey: {secret}\n{}", "some text of a mail, ".repeat(9), "and more ".repeat(30))
    };
    let lines = |text: &str, end: &str| {
        let digits = BASE64.encode(text.as_bytes());
        let lines: Vec<&str> =
            digits.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).expect("ASCII")).collect();
        lines.join(end)
    };
    for end in ["\n", "\r\n"] {
        let before = lines(&text(&token("stripe-secret-key", 4)), end);
        assert_eq!(
            clean(&format!("Body:{end}{end}{before}{end}")),
            format!("Body:{end}{end}{}{end}", lines(&text("REDACTED_STRIPE_SECRET_KEY"), end))
        );
    }
}

#[test]
fn two_secrets_in_one_stretch_of_base64() {
    let (a, b) = (token("stripe-secret-key", 1), token("github-personal-access-token", 2));
    let text = format!("first {a} then {b} and the end");
    let clean = clean(&format!("data: {}\n", BASE64.encode(text.as_bytes())));
    let inner =
        BASE64.decode(clean.trim_end().strip_prefix("data: ").expect("the rest").as_bytes()).expect("base64");
    let inner = String::from_utf8(inner).expect("text");
    assert_eq!(
        inner,
        "first REDACTED_STRIPE_SECRET_KEY then REDACTED_GITHUB_PERSONAL_ACCESS_TOKEN and the end"
    );
}

/// What cannot be written is refused, with the kind in the reason.
#[test]
fn what_cannot_be_written_is_refused() {
    let secret = token("stripe-secret-key", 6);
    let why = |bytes: &[u8]| redact(bytes).map(|_| "written").map_err(|refusal| refusal.why);
    let zstd = zstd::encode_all(format!("key={secret}").as_bytes(), 1).expect("memory");
    assert!(why(&zstd).expect_err("refused").contains("an archive of this kind is not written"));
    let binary = [b"\x7f\0\0\x01 key=", secret.as_bytes(), b"\0\0"].concat();
    assert!(why(&binary).expect_err("refused").contains("a binary file"));
    let pdf = format!("%PDF-1.4\n1 0 obj\n(key={secret})\nendobj\n");
    assert!(why(pdf.as_bytes()).expect_err("refused").contains("PDF document is not written"));
    // In a zip as well, named by its member.
    let inner = zip(&binary, zip::CompressionMethod::Deflated);
    let refusal = redact(&inner).expect_err("refused");
    assert_eq!(refusal.provenance.to_string(), "test!/b.json");
    // Without a credential in them they are no obstacle.
    let other = zip(&zstd::encode_all(&b"nothing"[..], 1).expect("memory"), zip::CompressionMethod::Stored);
    assert!(redact(&other).is_ok());
}

#[test]
fn a_signed_archive_is_refused() {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in
        [("META-INF/APP.SF", "Signature-Version: 1.0".to_owned()), ("k", token("stripe-secret-key", 7))]
    {
        zip.start_file(name, SimpleFileOptions::default()).expect("memory");
        zip.write_all(text.as_bytes()).expect("memory");
    }
    let zip = zip.finish().expect("memory").into_inner();
    assert!(redact(&zip).expect_err("refused").why.contains("signed"));
}

#[test]
fn numbers_become_strings() {
    let clean = clean(&format!("{{\"password\": {}, \"n\": 1}}", 8_846_201_937_u64));
    let clean: Value = serde_json::from_str(&clean).expect("JSON still");
    assert!(clean["password"].as_str().is_some_and(|text| text.starts_with("REDACTED_")));
}

/// An n8n workflow with one HTTP Request node.
fn n8n(parameters: &Value) -> String {
    json!({"name": "W", "connections": {}, "nodes": [
        {"parameters": parameters, "name": "Call", "type": "n8n-nodes-base.httpRequest", "typeVersion": 4.2, "position": [0, 0], "id": "1"}
    ]})
    .to_string()
}

fn n8n_clean(parameters: &Value) -> Value {
    let clean: Value = serde_json::from_str(&clean(&n8n(parameters))).expect("JSON still");
    clean["nodes"][0]["parameters"].clone()
}

#[test]
fn n8n_takes_a_credential_or_a_variable() {
    let secret = token("stripe-secret-key", 8);
    let header = |value: String| {
        json!({"url": "https://example.com", "sendHeaders": true, "headerParameters": {"parameters": [
            {"name": "Accept", "value": "*/*"}, {"name": "Authorization", "value": value}, {"name": "X-A", "value": "1"}]}})
    };
    let after = n8n_clean(&header(format!("Bearer {secret}")));
    assert_eq!(after["authentication"], "genericCredentialType");
    assert_eq!(after["genericAuthType"], "httpHeaderAuth");
    let names: Vec<_> = after["headerParameters"]["parameters"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| &one["name"])
        .collect();
    assert_eq!(names, ["Accept", "X-A"]);

    let mut with_credential = header(format!("Bearer {secret}"));
    with_credential["authentication"] = "predefinedCredentialType".into();
    let after = n8n_clean(&with_credential);
    assert_eq!(after["headerParameters"]["parameters"][1]["value"], "=Bearer {{ $vars.STRIPE_SECRET_KEY }}");

    let after = n8n_clean(&json!({"url": format!("https://example.com/?a=1&key={secret}&b=2")}));
    assert_eq!(after["url"], "=https://example.com/?a=1&key={{ $vars.STRIPE_SECRET_KEY }}&b=2");
    // Within an expression it would be one in another.
    let after =
        n8n_clean(&json!({"url": format!("={{{{ 'https://example.com/?key={secret}' + $json.x }}}}")}));
    assert_eq!(after["url"], "={{ 'https://example.com/?key=REDACTED_STRIPE_SECRET_KEY' + $json.x }}");
}

#[test]
fn flows_get_a_parameter() {
    let secret = token("stripe-secret-key", 9);
    let flow = json!({"properties": {"connectionReferences": {}, "definition": {"parameters": {"$connections": {}}, "triggers": {},
        "actions": {"Charge": {"type": "Http", "runAfter": {}, "inputs": {"method": "POST", "uri": "https://example.com",
            "headers": {"A": secret, "B": format!("Bearer {secret}")}, "body": format!("@concat('{secret}', 'x')")}}}}},
        "schemaVersion": "1.0.0.0"});
    let clean: Value = serde_json::from_str(&clean(&flow.to_string())).expect("JSON still");
    let definition = &clean["properties"]["definition"];
    let name = "Stripe secret key (new_StripeSecretKey)";
    assert_eq!(definition["parameters"][name]["metadata"]["schemaName"], "new_StripeSecretKey");
    let inputs = &definition["actions"]["Charge"]["inputs"];
    assert_eq!(inputs["headers"]["A"], format!("@parameters('{name}')"));
    assert_eq!(inputs["headers"]["B"], format!("Bearer @{{parameters('{name}')}}"));
    assert_eq!(inputs["body"], format!("@concat(parameters('{name}'), 'x')"));
}

#[test]
fn references_in_parts_of_values() {
    let mut random = Random(13);
    let (password, block) = (random.alnum(16), pem(300, &mut random));
    let basic = format!("Basic {}", BASE64.encode(format!("jane:{password}").as_bytes()));
    let flow = json!({"properties": {"connectionReferences": {}, "definition": {"triggers": {},
        "actions": {"Charge": {"type": "Http", "runAfter": {}, "inputs": {"method": "POST", "uri": "https://example.com",
            "headers": {"Authorization": basic}, "body": block}}}}}, "schemaVersion": "1.0.0.0"});
    let clean: Value = serde_json::from_str(&clean(&flow.to_string())).expect("JSON still");
    let inputs = &clean["properties"]["definition"]["actions"]["Charge"]["inputs"];
    let name = "Basic auth password (new_BasicAuthPassword)";
    assert_eq!(
        inputs["headers"]["Authorization"],
        format!("Basic @{{base64(concat('jane:', parameters('{name}')))}}")
    );
    assert_eq!(inputs["body"], "@parameters('Private key (new_PrivateKey)')");
    let names = clean["properties"]["definition"]["parameters"].as_object().expect("parameters");
    assert_eq!(names.len(), 2);
}

/// A name is not written anew: what it is called by elsewhere may not be in the export.
#[test]
fn a_secret_in_a_members_name_is_refused() {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let name = format!("{}.txt", token("stripe-secret-key", 7));
    zip.start_file(name.as_str(), SimpleFileOptions::default()).expect("memory");
    let zip = zip.finish().expect("memory").into_inner();
    assert!(redact(&zip).expect_err("refused").why.contains("rename it"));
}

/// A Power Query part ([MS-QDEFF] 2.2): version, length, package, and what follows.
#[test]
fn a_power_query_part_keeps_its_frame() {
    let text = |secret: &str| {
        format!(
            "shared Q = Web.Contents(\"https://x.example.com\", [Headers=[#\"x-api-key\"=\"{secret}\"]]);"
        )
    };
    let inner = zip(text(&token("stripe-secret-key", 9)).as_bytes(), zip::CompressionMethod::Deflated);
    let length = u32::try_from(inner.len()).expect("small");
    let part = [&[0; 4][..], &length.to_le_bytes(), &inner, b"<PermissionList/>"].concat();
    let clean = redact(&part).expect("clean").bytes.expect("changed");
    let length = u32::from_le_bytes([clean[4], clean[5], clean[6], clean[7]]) as usize;
    assert_eq!(clean[8 + length..], *b"<PermissionList/>");
    assert_eq!(unzip(&clean[8..8 + length]), text("REDACTED_STRIPE_SECRET_KEY").as_bytes());
}

#[test]
fn logic_apps_get_a_securestring() {
    let secret = token("stripe-secret-key", 9);
    let schema = "https://schema.management.azure.com/providers/Microsoft.Logic/schemas/2016-06-01/workflowdefinition.json#";
    let flow = json!({"definition": {"$schema": schema, "contentVersion": "1.0.0.0", "triggers": {},
        "actions": {"Charge": {"type": "Http", "runAfter": {}, "inputs": {"method": "POST", "uri": "https://example.com",
            "headers": {"A": secret}}}}}, "kind": "Stateful"});
    let clean: Value = serde_json::from_str(&clean(&flow.to_string())).expect("JSON still");
    let definition = &clean["definition"];
    assert_eq!(definition["parameters"]["stripeSecretKey"], json!({"type": "securestring"}));
    assert_eq!(definition["actions"]["Charge"]["inputs"]["headers"]["A"], "@parameters('stripeSecretKey')");
}

#[test]
fn node_red_takes_the_environment() {
    let secret = token("stripe-secret-key", 9);
    let flow = json!([{"id": "t1", "type": "tab", "label": "T"},
        {"id": "a1", "type": "http request", "z": "t1", "name": "Call", "apiKey": secret, "url": "https://example.com", "wires": [[]]}]);
    let clean: Value = serde_json::from_str(&clean(&flow.to_string())).expect("JSON still");
    assert_eq!(clean[1]["apiKey"], "${STRIPE_SECRET_KEY}");
}
