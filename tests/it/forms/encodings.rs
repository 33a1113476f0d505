//! Encodings within a text.

use std::io::Write;

use data_encoding::{BASE32, BASE64, BASE64URL_NOPAD, HEXLOWER};
use flate2::Compression;
use flate2::write::DeflateEncoder;

use super::{Form, form};
use crate::containers::{gzip, zip};

pub(super) const FORMS: &[Form] = &[
    form("UTF-16 with a mark", "a.txt", |token| [vec![0xff, 0xfe], wide(&line(token))].concat()),
    form("UTF-16 without a mark", "a.txt", |token| wide(&line(token))),
    form("UTF-16 within a binary", "a.bin", |token| {
        [vec![1, 200, 3, 255, 7], wide(&line(token)), vec![9, 180]].concat()
    }),
    form("UTF-32", "a.txt", |token| line(token).chars().flat_map(|c| u32::from(c).to_le_bytes()).collect()),
    form("JSON string, \\u escapes", "a.json", |token| {
        format!("{{\"note\": \"key {}\"}}", escaped(token, "\\u00")).into_bytes()
    }),
    form("JSON in a JSON string", "a.json", |token| {
        let inner = serde_json::json!({"api_key": token}).to_string();
        serde_json::json!({"body": inner}).to_string().into_bytes()
    }),
    form("JavaScript, \\x escapes", "a.js", |token| {
        format!("const k = \"{}\";", escaped(token, "\\x")).into_bytes()
    }),
    form("percent-encoding", "a.txt", |token| {
        format!("https://h.example.org/?q=a%20{}", escaped(token, "%")).into_bytes()
    }),
    form("HTML character references", "a.txt", |token| {
        let of = |byte: u8| {
            if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("&#{byte};") }
        };
        let first = token.bytes().take(2).map(|byte| format!("&#x{byte:x};"));
        format!("key {}", first.chain(token.bytes().skip(2).map(of)).collect::<String>()).into_bytes()
    }),
    form("base64", "a.txt", |token| {
        format!("data: {}\n", BASE64.encode(line(token).as_bytes())).into_bytes()
    }),
    form("base64, URL-safe and unpadded", "a.txt", |token| {
        format!("data: {}\n", BASE64URL_NOPAD.encode(line(token).as_bytes())).into_bytes()
    }),
    form("base64 over lines of 64", "a.txt", |token| {
        let digits = BASE64.encode(line(token).repeat(3).as_bytes());
        digits.as_bytes().chunks(64).flat_map(|row| [row, b"\n"].concat()).collect()
    }),
    form("base64 over lines of 32", "a.txt", |token| {
        let digits = BASE64.encode(line(token).repeat(3).as_bytes());
        digits.as_bytes().chunks(32).flat_map(|row| [row, b"\n"].concat()).collect()
    }),
    form("base64 in base64", "a.txt", |token| {
        BASE64.encode(BASE64.encode(line(token).as_bytes()).as_bytes()).into_bytes()
    }),
    form("data: URL", "a.html", |token| {
        format!("<a href=\"data:text/plain;base64,{}\">a</a>", BASE64.encode(line(token).as_bytes()))
            .into_bytes()
    }),
    form("base32", "a.txt", |token| format!("x = {}\n", BASE32.encode(line(token).as_bytes())).into_bytes()),
    form("hexadecimal", "a.txt", |token| {
        format!("x = {}\n", HEXLOWER.encode(line(token).as_bytes())).into_bytes()
    }),
    form("PowerShell -EncodedCommand", "a.ps1", |token| {
        format!("powershell -enc {}\n", BASE64.encode(&wide(&format!("$k = '{token}'")))).into_bytes()
    }),
    form("gzip in base64", "a.txt", |token| {
        format!("z: {}\n", BASE64.encode(&gzip(line(token).as_bytes()))).into_bytes()
    }),
    form("raw deflate in base64 (SAML)", "a.txt", |token| {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(format!("<samlp:AuthnRequest xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\">{}</samlp:AuthnRequest>", line(token)).as_bytes()).expect("memory");
        format!("z: {}\n", BASE64.encode(&encoder.finish().expect("memory"))).into_bytes()
    }),
    form("raw deflate of nothing but the token in base64", "a.txt", |token| {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(token.as_bytes()).expect("memory");
        format!("z: {}\n", BASE64.encode(&encoder.finish().expect("memory"))).into_bytes()
    }),
    form("gzip in hexadecimal", "a.sql", |token| {
        format!("VALUES (0x{});\n", HEXLOWER.encode(&gzip(line(token).as_bytes()))).into_bytes()
    }),
    form("UTF-16 in hexadecimal", "a.sql", |token| {
        format!("VALUES (0x{});\n", HEXLOWER.encode(&wide(token))).into_bytes()
    }),
    form("gzip in base32", "a.txt", |token| {
        format!("x = {}\n", BASE32.encode(&gzip(line(token).as_bytes()))).into_bytes()
    }),
    form("zip in base64 in JSON", "a.json", |token| {
        serde_json::json!({"file": BASE64.encode(&zip(&[("keys.txt", token.as_bytes())]))})
            .to_string()
            .into_bytes()
    }),
    form("strings added in JavaScript", "a.js", |token| joined("const k = \"", token, "\" + \"", "\";")),
    form("strings added in Power Fx", "a.txt", |token| joined("Set(k, \"", token, "\" & \"", "\")")),
    form("literals of Python in several lines", "a.py", |token| joined("k = ('", token, "'\n     '", "')")),
    form("literals of Python behind backslashes", "a.py", |token| joined("k = '", token, "' \\\n    '", "'")),
    form("strings added in SQL", "a.sql", |token| joined("SELECT '", token, "' || '", "';")),
    form("Text.Combine() in Power Query", "a.pq", |token| {
        joined("Text.Combine({\"", token, "\", \"", "\"})")
    }),
    form("TEXTJOIN() in a sheet", "a.txt", |token| joined("=TEXTJOIN(\"\",TRUE,\"", token, "\",\"", "\")")),
    form("concat() of a string in JavaScript", "a.js", |token| {
        let (left, right) = token.split_at(9);
        format!("k = '{left}'.concat('{right}');").into_bytes()
    }),
    form("-join in PowerShell", "a.ps1", |token| joined("$k = -join('", token, "','", "')")),
    form("concat() in a flow's expression", "a.txt", |token| joined("@{concat('", token, "','", "')}")),
    form("CONCAT() in a sheet", "a.txt", |token| joined("=CONCAT(\"", token, "\",\"", "\")")),
    form("template literal", "a.js", |token| {
        let (left, right) = token.split_at(9);
        format!("const k = `{left}${{\"{right}\"}}`;").into_bytes()
    }),
    form("array that is joined", "a.js", |token| joined("const k = [\"", token, "\", \"", "\"].join(\"\");")),
    form("character codes", "a.js", |token| {
        let codes: Vec<String> = token.bytes().map(|byte| byte.to_string()).collect();
        format!("String.fromCharCode({})", codes.join(",")).into_bytes()
    }),
    form("character codes, applied", "a.js", |token| {
        codes("String.fromCharCode.apply(null, [", token, ",", "])")
    }),
    form("character codes, mapped", "a.js", |token| {
        codes("[", token, ", ", "].map(c => String.fromCharCode(c)).join('')")
    }),
    form("character codes in Python", "a.py", |token| codes("''.join(chr(c) for c in [", token, ", ", "])")),
    form("character codes in PowerShell", "a.ps1", |token| codes("-join [char[]](", token, ",", ")")),
    form("character codes in Excel and Power Fx", "a.txt", |token| codes("=CHAR(", token, ")&CHAR(", ")")),
    form("character codes in Power Query", "a.pq", |token| {
        codes("Text.FromBinary(#binary({", token, ", ", "}))")
    }),
    form("eight encodings in each other", "a.txt", |token| {
        let json = |text: String| serde_json::json!({"v": text}).to_string().replace('v', "\\u0076");
        let percent = |text: String| {
            text.replace('%', "%25")
                .replace('{', "%7B")
                .replace('"', "%22")
                .replace('}', "%7D")
                .replace('=', "%3D")
        };
        let base64 = |text: String| format!("v={}", BASE64.encode(text.as_bytes()));
        let hex = |text: String| format!("v {}", HEXLOWER.encode(text.as_bytes()));
        let packed = |text: String| format!("v {}", BASE64.encode(&gzip(text.as_bytes())));
        let base32 = |text: String| format!("v {}", BASE32.encode(text.as_bytes()));
        let entities = |text: String| format!("<v>{}</v>", text.replace('v', "&#118;").replace('=', "&#61;"));
        let twice = percent(base64(entities(packed(hex(base32(escaped_line(token)))))));
        json(twice).into_bytes()
    }),
    form("JSON string in base64 in XML in percent-encoding", "a.txt", |token| {
        let json = format!("{{\"k\": \"{}\"}}", escaped(token, "\\u00"));
        let xml = format!("<v>{}</v>", BASE64.encode(json.as_bytes()));
        format!(
            "body={}",
            xml.replace('<', "%3C")
                .replace('>', "%3E")
                .replace('=', "%3D")
                .replace('/', "%2F")
                .replace('+', "%2B")
        )
        .into_bytes()
    }),
];

fn line(token: &str) -> String {
    format!("the key is {token} for now")
}

/// The token in a string with escapes.
fn escaped_line(token: &str) -> String {
    format!("{{\"k\": \"{}\"}}", escaped(token, "\\u00"))
}

/// The numbers of the token's characters.
fn codes(open: &str, token: &str, between: &str, close: &str) -> Vec<u8> {
    let codes: Vec<String> = token.bytes().map(|byte| byte.to_string()).collect();
    format!("{open}{}{close}\n", codes.join(between)).into_bytes()
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// Every third character as an escape of two hexadecimal digits.
fn escaped(token: &str, sign: &str) -> String {
    let of = |(at, byte): (usize, u8)| {
        if at % 3 == 0 { format!("{sign}{byte:02x}") } else { char::from(byte).to_string() }
    };
    token.bytes().enumerate().map(of).collect()
}

/// The token in three pieces.
fn joined(open: &str, token: &str, sign: &str, close: &str) -> Vec<u8> {
    format!("{open}{}{sign}{}{sign}{}{close}\n", &token[..6], &token[6..14], &token[14..]).into_bytes()
}
