//! Tokens of four vendors under the encodings that code, mails and dumps have: found, whole, at the bytes that encode
//! them. Each encoding is written here by its own rules, not by the code under test.

use std::fmt::Write as _;
use std::io::Write as _;

use data_encoding::{BASE32, BASE32_NOPAD, BASE64, BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use keysieve::blob::{Alone, Provenance};
use keysieve::budget::Budget;
use keysieve::detect::Detectors;
use keysieve::engine::{self, Input, Options, Outcome, Unwatched};
use keysieve::finding::Encoding::{
    self, Base32, Base64, CharacterCodes, CodePage, CodeString, Concatenation, Deflate, Entities, Hex,
    JsonString, QuotedPrintable, Utf16Le, Utf32Be, Utf32Le,
};
use keysieve::finding::Finding;
use keysieve::scan::{self, Scanner, Scratch};
use keysieve::signature::built_in;
use serde_json::json;
use zip::write::SimpleFileOptions;

use crate::common::{Random, SCANNER, findings, place, scan_bytes, short, token};

const IDS: [&str; 4] =
    ["github-personal-access-token", "stripe-secret-key", "openai-project-key", "slack-bot-token"];

/// Calls `each` with tokens of all vendors, and the id of each.
fn tokens(each: impl Fn(&str, &str)) {
    for (number, id) in IDS.into_iter().enumerate() {
        each(id, &token(id, 40 + number as u64));
    }
}

/// The token is the one finding, stands at the bytes of `encoded`, and was decoded by these steps.
fn check(id: &str, text: impl AsRef<[u8]>, encoded: impl AsRef<[u8]>, token: &str, decoded: &[Encoding]) {
    let text = text.as_ref();
    let found = only(id, text, token);
    let bytes = found.location.bytes.as_ref().expect("a place in a blob");
    let wanted = place(text, encoded);
    assert_eq!(bytes.start as usize..bytes.end as usize, wanted, "{}", String::from_utf8_lossy(text));
    assert_eq!(found.location.decoded, decoded, "{}", String::from_utf8_lossy(text));
}

/// The one finding, which is this token.
fn only(id: &str, text: &[u8], token: &str) -> Finding {
    let mut found = findings(text);
    let shown = String::from_utf8_lossy(text).into_owned();
    let short: Vec<_> = found.iter().map(short).map(|(id, value, _)| (id, value)).collect();
    assert_eq!(short, [(id, token.to_owned())], "{shown}");
    found.remove(0)
}

/// Every `step`th byte by `encode`, the others as they are.
fn some(token: &str, step: usize, encode: impl Fn(u8) -> String) -> String {
    let one = |(at, byte): (usize, u8)| if at % step == 0 { encode(byte) } else { char::from(byte).into() };
    token.bytes().enumerate().map(one).collect()
}

/// The token in pieces of seven bytes.
fn pieces(token: &str) -> Vec<&str> {
    token.as_bytes().chunks(7).map(|piece| std::str::from_utf8(piece).expect("ASCII")).collect()
}

#[test]
fn escapes_of_code() {
    tokens(|id, token| {
        for (number, encode) in [
            |byte: u8| format!("\\x{byte:02x}"),
            |byte: u8| format!("\\u{{{byte:x}}}"),
            |byte: u8| format!("\\{byte:03o}"),
        ]
        .into_iter()
        .enumerate()
        {
            for step in [1, 3, 5] {
                let encoded = some(token, step, encode);
                check(id, format!("const key = '{encoded}';\n"), &encoded, token, &[CodeString]);
                if number == 0 {
                    // The same in the JSON of an export: the backslashes are escaped once more.
                    let encoded = encoded.replace('\\', "\\\\");
                    let text = format!("{{\"jsCode\": \"const key = '{encoded}';\"}}");
                    check(id, text, &encoded, token, &[JsonString, CodeString, CodeString]);
                }
            }
        }
    });
}

#[test]
fn lines_that_go_on() {
    tokens(|id, token| {
        for end in ["\\\n", "\\\r\n"] {
            let encoded = pieces(token).join(end);
            check(id, format!("KEY=\"{encoded}\"\n"), &encoded, token, &[CodeString]);
        }
    });
}

#[test]
fn character_references() {
    tokens(|id, token| {
        for encode in [
            |byte: u8| format!("&#{byte};"),
            |byte: u8| format!("&#x{byte:X};"),
            |byte: u8| format!("&#x{byte:04x};"),
        ] {
            for step in [1, 2, 7] {
                let encoded = some(token, step, encode);
                check(id, format!("<add key=\"a\" value=\"{encoded}\"/>"), &encoded, token, &[Entities]);
                check(id, format!("<p>see {encoded} there</p>"), &encoded, token, &[Entities]);
            }
        }
        let encoded = token.replace('_', "&lowbar;").replace('-', "&#45;");
        check(id, format!("<td>{encoded}</td>"), &encoded, token, &[Entities]);
    });
}

#[test]
fn quoted_printable() {
    tokens(|id, token| {
        // A token that a line's end cuts, among other things that are encoded.
        for end in ["=\r\n", "=\n"] {
            let encoded = format!("{}{end}{}", &token[..9], &token[9..]);
            let text = format!(
                "Content-Type: text/plain; charset=3D\"utf-8\"\r\n\r\ngr=C3=BC=C3=9Fe, {encoded} is it\r\n"
            );
            check(id, text, &encoded, token, &[QuotedPrintable]);
        }
        // Nothing else is encoded; as mails have their lines' ends.
        let encoded = format!("{}=\r\n{}", &token[..9], &token[9..]);
        check(id, format!("the key: {encoded}\r\n"), &encoded, token, &[QuotedPrintable]);
        let encoded = some(token, 1, |byte| format!("={byte:02X}"));
        check(id, format!("a=3D{encoded}"), &encoded, token, &[QuotedPrintable]);
    });
}

/// The digits of the groups of `bytes` bytes that hold `part` of `text`.
fn groups<'a>(digits: &'a str, text: &[u8], part: &[u8], (bytes, group): (usize, usize)) -> &'a str {
    let part = place(text, part);
    &digits[part.start / bytes * group..(part.end.div_ceil(bytes) * group).min(digits.len())]
}

#[test]
fn other_digits() {
    tokens(|id, token| {
        let inner = format!("key={token};");
        let parts =
            |digits: &str, shape| groups(digits, inner.as_bytes(), token.as_bytes(), shape).to_owned();
        for encoding in [HEXLOWER, HEXUPPER] {
            let digits = encoding.encode(inner.as_bytes());
            check(id, format!("data: {digits}\n"), parts(&digits, (1, 2)), token, &[Hex]);
            check(id, format!("0x{digits},"), parts(&digits, (1, 2)), token, &[Hex]);
        }
        for digits in [BASE32.encode(inner.as_bytes()), BASE32_NOPAD.encode(inner.as_bytes()).to_lowercase()]
        {
            check(id, format!("data: \"{digits}\""), parts(&digits, (5, 8)), token, &[Base32]);
        }
    });
}

#[test]
fn hexadecimal_over_lines() {
    tokens(|id, token| {
        // `xxd -p` breaks at 60 digits.
        let digits =
            HEXLOWER.encode(format!("some words before it {token} and some more words behind").as_bytes());
        let lines = |digits: &str| {
            let mut text = String::new();
            for (at, digit) in digits.char_indices() {
                text.push_str(if at > 0 && at % 60 == 0 { "\n" } else { "" });
                text.push(digit);
            }
            text
        };
        let found = only(id, lines(&digits).as_bytes(), token);
        assert_eq!(found.location.decoded, [Hex]);
    });
}

#[test]
fn base64_in_many_settings() {
    tokens(|id, token| {
        let inner = format!(
            "{} {token} {}",
            "some words that stand before it, ".repeat(4),
            "and others behind. ".repeat(5)
        );
        let check = |text: String| {
            let found = only(id, text.as_bytes(), token);
            assert_eq!(found.location.decoded.last(), Some(&Base64), "{text}");
        };
        for digits in
            [BASE64, BASE64_NOPAD, BASE64URL_NOPAD].map(|encoding| encoding.encode(inner.as_bytes()))
        {
            check(format!("<img src=\"data:text/plain;charset=utf-8;base64,{digits}\">"));
            check(json!({"file": {"$content-type": "text/plain", "$content": digits}}).to_string());
            for line in
                ["\n", "\r\n", "\n  ", "\n> ", "\r\n# ", "\\n", "\\r\\n", "\\\\n", "\\n    ", "\\\\r\\\\n"]
            {
                let lines: Vec<_> = digits.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
                check(format!("  {}", lines.join(line)));
            }
            // Cut by a person, in code.
            let lines: Vec<_> = digits.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
            check(format!("atob(\"{}\")", lines.join("\" +\n    \"")));
        }
    });
}

#[test]
fn powershell_commands() {
    tokens(|id, token| {
        let script: Vec<u8> = format!("irm https://example.com -Headers @{{a='{token}'}}")
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        for option in ["-enc", "-EncodedCommand", "-e"] {
            let text = format!("powershell.exe -NoProfile {option} {}", BASE64.encode(&script));
            assert_eq!(only(id, text.as_bytes(), token).location.decoded, [Base64, Utf16Le]);
        }
    });
}

#[test]
fn base64_of_other_scripts() {
    tokens(|id, token| {
        let digits = BASE64.encode(format!("Ключ доступа: {token}").as_bytes());
        assert_eq!(only(id, format!("x: {digits}").as_bytes(), token).location.decoded, [Base64]);
    });
}

#[test]
fn strings_that_code_puts_together() {
    tokens(|id, token| {
        for sign in [
            "\" + \"",
            "\"+\"",
            "' + '",
            "'+'",
            "\" & \"",
            "\"&\"",
            "' . '",
            "'.'",
            "\" . \"",
            "' ' ",
            "\" +\n      \"",
            "'\n  + '",
            "\" & _\r\n    \"",
            "' \"",
            "' + f'",
            "\\\" + \\\"",
            "\\\"+\\\"",
            "\\\" +\\n  \\\"",
            "' +\\n  '",
        ] {
            // Neighbours have nothing but a blank between them.
            let sign = match sign {
                "' ' " => "' '",
                "' \"" => "' + \"",
                sign => sign,
            };
            let pieces = pieces(token);
            let quote = |text: &str| text.trim_start_matches(|c: char| !"\\\"'".contains(c)).to_owned();
            let open = quote(&sign[sign.len() - if sign.ends_with("\\\"") { 2 } else { 1 }..]);
            let close = if sign.starts_with('\\') { "\\\"".to_owned() } else { sign[..1].to_owned() };
            let encoded = pieces.join(sign);
            // With quotes of two kinds the literals alternate, which no join by one sign can write.
            if open != close {
                continue;
            }
            let text = format!("const value = {open}{encoded}{close};\nnext");
            let found = only(id, text.as_bytes(), token);
            assert_eq!(found.location.decoded.last(), Some(&Concatenation), "{text}");
            let bytes = found.location.bytes.expect("a place");
            assert_eq!(bytes.start as usize..bytes.end as usize, place(&text, &encoded), "{text}");
        }
    });
}

#[test]
fn lists_that_are_joined() {
    tokens(|id, token| {
        let list = |quote: &str, sign: &str| {
            format!("{quote}{}{quote}", pieces(token).join(&format!("{quote}{sign}{quote}")))
        };
        for text in [
            format!("@{{concat({})}}", list("'", ",")),
            format!("@concat('Bearer ', {})", list("'", ", ")),
            format!("=CONCAT({})", list("\"", ",")),
            format!("=CONCATENATE({})", list("\"", ";")),
            format!("[{}].join(\"\")", list("\"", ", ")),
            format!("[{}].join('')", list("'", ",")),
            format!("{{\"jsCode\": \"x = [{}].join(\\\"\\\")\"}}", list("\\\"", ", ")),
            format!("k = \"\".join([{}])", list("\"", ",\n  ")),
            format!("k = ''.join(({}))", list("'", ", ")),
        ] {
            let found = only(id, text.as_bytes(), token);
            assert_eq!(found.location.decoded.last(), Some(&Concatenation), "{text}");
        }
        let text = format!("k = `{}${{\"{}\"}}{}`;", &token[..5], &token[5..12], &token[12..]);
        assert_eq!(only(id, text.as_bytes(), token).location.decoded, [Concatenation]);
    });
}

#[test]
fn numbers_of_characters() {
    tokens(|id, token| {
        let join = |between: &str, hex: bool| {
            let number = |byte: u8| if hex { format!("0x{byte:02x}") } else { byte.to_string() };
            token.bytes().map(number).collect::<Vec<_>>().join(between)
        };
        for (before, numbers, behind) in [
            ("String.fromCharCode(", join(",", false), ")"),
            ("k = bytes([", join(", ", false), "])"),
            ("new Uint8Array([", join(", ", false), "])"),
            ("Buffer.from([", join(", ", true), "])"),
            ("byte[] k = { ", join(", ", true), " };"),
            ("{\"type\":\"Buffer\",\"data\":[", join(",", false), "]}"),
            ("{\n \"type\": \"Buffer\",\n \"data\": [\n  ", join(",\n  ", false), "\n ]\n}"),
            ("k = chr(", join(")+chr(", false), ")"),
            ("k = Chr(", join(") & Chr(", false), ")"),
            ("k = ChrW(", join(") & ChrW(", false), ")"),
            ("=CHAR(", join(")&CHAR(", false), ")"),
        ] {
            let text = format!("{before}{numbers}{behind}");
            let found = only(id, text.as_bytes(), token);
            assert_eq!(found.location.decoded.last(), Some(&CharacterCodes), "{text}");
            let bytes = found.location.bytes.expect("a place");
            assert_eq!(bytes.start as usize..bytes.end as usize, place(&text, &numbers), "{text}");
        }
    });
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

#[test]
fn deflated_in_base64() {
    tokens(|id, token| {
        let inner = format!(
            "<samlp:AuthnRequest xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" ID=\"_a1\"><key>{token}</key></samlp:AuthnRequest>"
        );
        for packed in [zlib(inner.as_bytes()), gzip(inner.as_bytes()), deflate(inner.as_bytes())] {
            let digits = BASE64.encode(&packed);
            check(
                id,
                format!("{{\"SAMLRequest\": \"{digits}\"}}"),
                &digits,
                token,
                &[JsonString, Base64, Deflate],
            );
        }
        // As it stands in an address, where base64's signs are escaped.
        let digits = BASE64.encode(&deflate(inner.as_bytes()));
        let escaped = digits.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
        let text = format!("https://idp.example.com/sso?SAMLRequest={escaped}&RelayState=x");
        let found = only(id, text.as_bytes(), token);
        assert!(found.location.decoded.ends_with(&[Base64, Deflate]), "{text}");
    });
}

#[test]
fn utf32() {
    tokens(|id, token| {
        for (to_bytes, encoding) in
            [(u32::to_le_bytes as fn(u32) -> [u8; 4], Utf32Le), (u32::to_be_bytes, Utf32Be)]
        {
            let wide =
                |text: &str| -> Vec<u8> { text.chars().flat_map(|c| to_bytes(u32::from(c))).collect() };
            for mark in ["", "\u{feff}"] {
                check(id, wide(&format!("{mark}größe: 1\nkey: {token}\n")), wide(token), token, &[encoding]);
            }
            for shift in 0..4 {
                let noise = vec![0x9d; 500 + shift];
                check(id, [&noise[..], &wide(token), &noise].concat(), wide(token), token, &[encoding]);
            }
        }
    });
}

#[test]
fn code_pages() {
    tokens(|id, token| {
        let head = b"<?xml version=\"1.0\" encoding=\"windows-1252\"?><a name=\"Gr\xf6\xdfe\">";
        let text = [&head[..], b"<key>", token.as_bytes(), b"</key> \x80</a>"].concat();
        check(id, text, token, token, &[CodePage]);
    });
    // The value itself needs it.
    let head: &[u8] = b"<?xml version=\"1.0\" encoding=\"iso-8859-1\"?>\n<a password=\"";
    let text = [head, b"Gr\xf6\xdfe7k!xQ", b"\"/>"].concat();
    let found = findings(text);
    let values: Vec<_> =
        found.iter().map(|finding| String::from_utf8_lossy(finding.secret.expose())).collect();
    assert_eq!(values, ["Größe7k!xQ"]);
}

#[test]
fn encodings_in_encodings() {
    tokens(|id, token| {
        // JSON in JSON, with escapes, in base64, percent-encoded.
        let escaped = token.replace('-', "\\u002d").replace('_', "\\u005f");
        let inner = format!("{{\"note\": \"see {escaped} there\"}}");
        let outer = json!({"document": inner, "filler": "x?>x?>x?>"}).to_string();
        let digits =
            BASE64.encode(outer.as_bytes()).replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
        let text = format!("https://example.com/?state={digits}&x=1");
        let found = only(id, text.as_bytes(), token);
        assert!(found.location.decoded.contains(&Base64), "{:?}", found.location.decoded);
        assert!(found.location.decoded.ends_with(&[JsonString, JsonString]), "{:?}", found.location.decoded);

        // Hexadecimal in gzip in base64, cut in two by code in a page.
        let hex = HEXLOWER.encode(format!("key: {token}").as_bytes());
        let digits = BASE64.encode(&gzip(hex.as_bytes()));
        let (a, b) = digits.split_at(digits.len() / 2);
        let page = format!("<script>k = &quot;{a}&quot; + &quot;{b}&quot;;</script>");
        let found = only(id, page.as_bytes(), token);
        assert_eq!(found.location.decoded, [Entities, Concatenation, Base64, Deflate, Hex]);
    });
}

#[test]
fn as_deep_as_the_budget_allows() {
    tokens(|id, token| {
        let mut text = format!("the key is {token}, no other");
        for depth in 1..=10 {
            text = BASE64.encode(text.as_bytes());
            let found = findings(&text);
            let wanted = usize::from(depth <= 8);
            assert_eq!(found.len(), wanted, "depth {depth}");
            assert!(found.iter().all(|finding| finding.signature.id == id));
        }
    });
}

/// An archive of one member.
fn archive(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    writer.start_file(name, SimpleFileOptions::default()).expect("memory");
    writer.write_all(bytes).expect("memory");
    writer.finish().expect("memory").into_inner()
}

/// Through the engine, which unpacks containers.
fn engine(text: impl Into<Vec<u8>>) -> Outcome {
    let input = Input::Bytes { name: "flow.json".into(), bytes: text.into().into() };
    engine::run(&[input], &SCANNER, &Options::default(), &Unwatched).expect("it runs")
}

#[test]
fn archives_in_base64() {
    tokens(|id, token| {
        let document = archive("word/document.xml", format!("<w:t>the key is {token}</w:t>").as_bytes());
        let digits = BASE64.encode(&document);
        let lines: Vec<_> = digits.as_bytes().chunks(76).map(String::from_utf8_lossy).collect();
        for text in [
            json!({"name": "a.docx", "contentBytes": digits}).to_string(),
            json!({"body": json!({"contentBytes": digits}).to_string()}).to_string(),
            json!({"mail": lines.join("\r\n")}).to_string(),
            format!("Content-Transfer-Encoding: base64\r\n\r\n{}\r\n", lines.join("\r\n")),
            format!("<v:shape o:gfxdata=\"{}\"/>", lines.join("&#xA;")),
            json!({"packed": BASE64.encode(&gzip(&document))}).to_string(),
        ] {
            let outcome = engine(text.clone());
            let found: Vec<_> =
                outcome.findings.iter().map(short).map(|(id, value, _)| (id, value)).collect();
            assert_eq!(found, [(id, token.to_owned())], "{text}");
            let start = text
                .find(&BASE64.encode(&document)[..8])
                .or_else(|| text.find("H4sI"))
                .expect("it begins there");
            let shown = outcome.findings[0].location.provenance.to_string();
            assert_eq!(shown, format!("flow.json!/(base64 at byte {start})!/word/document.xml"));
            assert_eq!(
                (outcome.coverage.gaps.len(), outcome.coverage.members),
                (0, 2),
                "{:?}",
                outcome.coverage.gaps
            );
        }
    });
}

/// Archives in base64 in archives: each costs a container's depth and comes out of one allowance.
#[test]
fn archives_in_base64_are_bounded() {
    let mut text = format!("the key is {}", token(IDS[0], 3));
    for depth in 1..20 {
        text = json!({"contentBytes": BASE64.encode(&archive("a.json", text.as_bytes()))}).to_string();
        let outcome = engine(text.clone());
        let (found, gaps) = (outcome.findings.len(), outcome.coverage.gaps.len());
        assert_eq!((found, gaps), if depth <= 6 { (1, 0) } else { (0, 1) }, "depth {depth}");
    }
    // A document that is no archive after all is a gap, and no error.
    let broken =
        json!({"contentBytes": BASE64.encode(&[b"PK\x03\x04".as_slice(), &[0x9d; 60]].concat())}).to_string();
    assert!(!engine(broken).coverage.gaps.is_empty());
}

/// In a stream a document is handed on once, whole; one that does not fit a window is a gap.
#[test]
fn archives_in_base64_in_windows() {
    let scanner = Scanner {
        worker: None,
        detectors: Detectors::new(built_in().iter().collect()),
        budget: Budget { window: 1 << 17, ..Budget::default() },
        now: SCANNER.now,
    };
    for (length, gaps) in [(20_000, 0), (300_000, 1)] {
        for before in [0, 40_000, 90_000, 100_000, 130_000, 200_000, 400_000] {
            let noise = Random(9).bytes(length);
            let digits = BASE64.encode(&[b"PK\x03\x04".as_slice(), &noise].concat());
            let text = format!(
                "{}{{\"a\": \"{digits}\"}}{}",
                "words ".repeat(before / 6),
                " and so on".repeat(60_000)
            );
            let provenance = Provenance::file("test");
            let mut reopen = || Ok(Box::new(std::io::empty()) as Box<dyn std::io::Read>);
            let scratch = &mut Scratch::default();
            let found =
                scan::stream(&provenance, &mut text.as_bytes(), &mut reopen, &Alone, &scanner, scratch);
            assert_eq!(found.gaps.len(), gaps, "{length} behind {before}: {:?}", found.gaps);
            let places: Vec<u64> = found.embedded.iter().map(|one| one.at).collect();
            assert_eq!(
                places,
                [text.find("UEsD").expect("it begins there") as u64],
                "{length} behind {before}"
            );
        }
    }
}

/// What an inflated text may be is bounded by the size of the blob it stands in.
#[test]
fn a_bomb_in_base64_is_a_gap() {
    let text = json!({"data": BASE64.encode(&gzip(&vec![b'a'; 16 << 20]))}).to_string();
    let scan = scan_bytes(text.as_bytes());
    assert_eq!(scan.gaps.len(), 1);
    assert_eq!(scan.gaps[0].reason, keysieve::budget::Reason::BudgetBytes);
}

/// Texts that are nothing but one encoding, or open one at each place: they end, find nothing, and find what stands behind.
#[test]
fn texts_of_nothing_but_encodings() {
    let token = token(IDS[0], 5);
    for unit in [
        "\\x41",
        "\\u0041",
        "\\101",
        "\\u{41}",
        "&#65;",
        "&amp;",
        "&amp;amp;",
        "%41",
        "%2541",
        "\"a\"+",
        "'a' . ",
        "\" +",
        "+ \"",
        "\" \"",
        "concat(",
        "concat('a',",
        "['a'].join('')",
        "[",
        "join('')",
        "${\"",
        "`${\"a\"}",
        "chr(65)+",
        "65,",
        "0x41, ",
        ",0x",
        "=41",
        "=\r\n",
        "a=\r\n",
        "=3D",
        "41",
        "ME",
        "QUFB",
        "eJw",
        "H4sI",
        "UEsDBA",
        "\\\n",
        "a\\\n",
        "\\",
        "\"",
        "'",
        "&",
        "&#",
        "=",
        "AAAA\n",
        "\\/",
    ] {
        let text = format!("{}\n\n key: {token}\n", unit.repeat(40_000 / unit.len()));
        let found = findings(&text);
        assert!(found.iter().any(|finding| short(finding).1 == token), "{unit}");
    }
}

/// What looks like an encoding and is none.
#[test]
fn clean_text_stays_clean() {
    let mut text = String::new();
    for line in [
        "const path = 'a' + '/' + name + \"/\" + 'b'; // \"x\" + \"y\"",
        "if (a && b || c & d) { return '&' + x + '&amp;' + y; }",
        "<p>Tom &amp; Jerry &copy; 2024 &mdash; 5 &lt; 6 &quot;quoted&quot;</p>",
        "C:\\\\Users\\\\x64\\\\0123\\\\u00e9 \\\\d+\\\\.\\\\w \\x1b[0m \\033[1m",
        "let s = `${\"a\"}-${'b'}`; s.concat(\"c\", \"d\"); [1, 2, 3].join(\"\"); ['a', 'b'].join('')",
        "colors = [255, 128, 0, 64, 32, 16, 8, 4]; new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8, 9])",
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 0xdeadbeef, 0xcafebabe",
        "x =\r\n  5;\r\ny=3D; total=\r\n7",
        "SOME_LONG_CONSTANT_NAME_IN_UPPER_CASE_234567 ABCDEFGHIJKLMNOPQRSTUVWXYZ234567ABCDEFGH",
    ] {
        writeln!(text, "{line}").expect("memory");
    }
    assert_eq!(findings(&text).iter().map(short).collect::<Vec<_>>(), []);
}
