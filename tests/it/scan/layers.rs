//! A token under each encoding: found, and at the bytes that encode it, no more and no less.

use data_encoding::BASE64;
use keysieve::finding::Encoding::{self, Base64, JsonString, Percent, Utf16Be, Utf16Le};
use serde_json::json;

use crate::common::{Random, findings, place, short, token};

const ID: &str = "github-personal-access-token";

/// The token is the one finding, stands at the bytes of `encoded`, and was decoded by these steps.
fn check(text: &[u8], encoded: &[u8], token: &str, decoded: &[Encoding]) {
    check_id(ID, text, encoded, token, decoded);
}

fn check_id(id: &str, text: &[u8], encoded: &[u8], token: &str, decoded: &[Encoding]) {
    let found = findings(text);
    let shown = String::from_utf8_lossy(text);
    assert_eq!(
        found.iter().map(short).collect::<Vec<_>>(),
        [(id, token.to_owned(), place(text, encoded))],
        "{shown}"
    );
    assert_eq!(found[0].location.decoded, decoded, "{shown}");
}

/// The base64 digits of the groups of three bytes that hold `part` of `text`.
fn groups<'a>(digits: &'a str, text: &str, part: &str) -> &'a str {
    let part = place(text, part);
    &digits[part.start / 3 * 4..(part.end.div_ceil(3) * 4).min(digits.len())]
}

fn utf16(text: &str, to_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(to_bytes).collect()
}

#[test]
fn as_it_is() {
    let token = token(ID, 1);
    for text in
        [token.clone(), format!("x {token} y"), format!("<a>{token}</a>"), format!("a\0\u{1}{token}\0")]
    {
        check(text.as_bytes(), token.as_bytes(), &token, &[]);
    }
}

#[test]
fn percent_encoding_of_every_byte() {
    let token = token(ID, 2);
    for hex in [|byte: u8| format!("%{byte:02X}"), |byte: u8| format!("%{byte:02x}")] {
        let encoded: String = token.bytes().map(hex).collect();
        let text = format!("https://example.com/?a=1&q={encoded}&b=2");
        check(text.as_bytes(), encoded.as_bytes(), &token, &[Percent]);
    }
}

#[test]
fn percent_encoding_of_some_bytes() {
    let token = token(ID, 3);
    for step in 2..9 {
        let code = |(at, byte): (usize, u8)| {
            if at % step == 1 { format!("%{byte:02X}") } else { char::from(byte).into() }
        };
        let encoded: String = token.bytes().enumerate().map(code).collect();
        let text = format!("GET /x?q={encoded} HTTP/1.1");
        check(text.as_bytes(), encoded.as_bytes(), &token, &[Percent]);
    }
}

#[test]
fn percent_encoding_twice() {
    let token = token(ID, 4);
    let once: String = token.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let twice = once.replace('%', "%25");
    check(
        format!("next=https%3A%2F%2Fx.example%2F%3Fq%3D{twice}").as_bytes(),
        twice.as_bytes(),
        &token,
        &[Percent, Percent],
    );
}

#[test]
fn escapes_of_json() {
    let token = token(ID, 5);
    for step in [1, 2, 3, 5, 8] {
        for hex in [|byte: u8| format!("\\u{byte:04x}"), |byte: u8| format!("\\u{byte:04X}")] {
            let code =
                |(at, byte): (usize, u8)| if at % step == 0 { hex(byte) } else { char::from(byte).into() };
            let encoded: String = token.bytes().enumerate().map(code).collect();
            let text = format!("{{\"a\": [\"see {encoded}.\"]}}");
            check(text.as_bytes(), encoded.as_bytes(), &token, &[JsonString]);
        }
    }
}

#[test]
fn escaped_slashes() {
    let (id, number) = ("slack-webhook-url", 6);
    let url = token(id, number);
    let secret = url.split_once("/services/").expect("the address of a hook").1;
    let encoded = url.replace('/', "\\/");
    let text =
        format!("{{\"url\": \"https:\\/\\/{encoded}\"}}").replace("https:\\/\\/https:\\/\\/", "https:\\/\\/");
    check_id(id, text.as_bytes(), encoded.as_bytes(), secret, &[JsonString]);
}

#[test]
fn json_in_json_strings() {
    let token = token(ID, 7);
    let mut text = json!({"note": token}).to_string();
    for depth in 1..5 {
        // Backslashes and quotes stand around it, none within: the bytes are the token's own.
        check(text.as_bytes(), token.as_bytes(), &token, &vec![JsonString; depth]);
        text = json!({"document": text}).to_string();
    }
}

#[test]
fn base64_of_a_text() {
    for (number, before) in ["", "a", "ab", "abc"].into_iter().enumerate() {
        let token = token(ID, number as u64);
        let inner = format!("{before} {token} and more");
        let digits = BASE64.encode(inner.as_bytes());
        let text = format!("data: {digits}\n");
        check(text.as_bytes(), groups(&digits, &inner, &token).as_bytes(), &token, &[Base64]);
    }
}

#[test]
fn base64_over_lines() {
    let token = token(ID, 8);
    let inner = format!("{} {token} {}", "words of no meaning ".repeat(9), "and more ".repeat(20));
    for (width, end) in [(76, "\r\n"), (64, "\n"), (76, "\\r\\n")] {
        let digits = BASE64.encode(inner.as_bytes());
        let lines = |digits: &str, from: usize| {
            let mut wrapped = String::new();
            for (at, digit) in digits.char_indices() {
                if at > 0 && (from + at).is_multiple_of(width) {
                    wrapped.push_str(end);
                }
                wrapped.push(digit);
            }
            wrapped
        };
        let part = groups(&digits, &inner, &token);
        let encoded = lines(part, place(&digits, part).start);
        let text = format!("X: \"{}\"", lines(&digits, 0));
        check(text.as_bytes(), encoded.as_bytes(), &token, &[Base64]);
    }
}

#[test]
fn base64_in_json_in_base64() {
    let token = token(ID, 9);
    let innermost = format!("the key is {token}!");
    let inner_digits = BASE64.encode(innermost.as_bytes());
    let document = json!({"file": inner_digits}).to_string();
    let outer_digits = BASE64.encode(document.as_bytes());
    let inner = groups(&inner_digits, &innermost, &token);
    let outer = groups(&outer_digits, &document, inner);
    let text = json!({"attachment": outer_digits}).to_string();
    check(text.as_bytes(), outer.as_bytes(), &token, &[JsonString, Base64, Base64]);
}

#[test]
fn utf16_with_and_without_a_mark() {
    let token = token(ID, 10);
    for (to_bytes, encoding) in
        [(u16::to_le_bytes as fn(u16) -> [u8; 2], Utf16Le), (u16::to_be_bytes, Utf16Be)]
    {
        for mark in ["", "\u{feff}"] {
            let text = utf16(&format!("{mark}name: värde\r\nkey: {token}\r\n"), to_bytes);
            check(&text, &utf16(&token, to_bytes), &token, &[encoding]);
        }
    }
}

#[test]
fn utf16_runs_in_a_binary() {
    let random = &mut Random(11);
    let token = token(ID, 11);
    for (to_bytes, encoding) in
        [(u16::to_le_bytes as fn(u16) -> [u8; 2], Utf16Le), (u16::to_be_bytes, Utf16Be)]
    {
        for odd in [0, 1] {
            // As a compiler lays strings: other bytes, never two that look like a text's unit, around it.
            let noise = |random: &mut Random| {
                random.bytes(5000).into_iter().map(|byte| byte | 0x80).collect::<Vec<u8>>()
            };
            let mut text = noise(random);
            text.resize(5000 + odd, 0xff);
            let encoded = utf16(&token, to_bytes);
            text.extend_from_slice(&encoded);
            text.extend([0xff, 0xfe]);
            text.extend(noise(random));
            check(&text, &encoded, &token, &[encoding]);
        }
    }
}

#[test]
fn utf16_in_base64() {
    // `powershell -EncodedCommand` takes little-endian UTF-16.
    let token = token(ID, 12);
    let inner = utf16(&format!("Invoke-RestMethod -Headers @{{ a = '{token}' }}"), u16::to_le_bytes);
    let digits = BASE64.encode(&inner);
    let part = place(&inner, utf16(&token, u16::to_le_bytes));
    let encoded = &digits[part.start / 3 * 4..part.end.div_ceil(3) * 4];
    let text = format!("powershell -EncodedCommand {digits}");
    check(text.as_bytes(), encoded.as_bytes(), &token, &[Base64, Utf16Le]);
}

#[test]
fn json_escapes_in_utf16() {
    let token = token(ID, 13);
    let escaped = token.replacen('_', "\\u005f", 1);
    let text = utf16(&format!("\u{feff}{{\"a\": \"{escaped}\"}}"), u16::to_le_bytes);
    check(&text, &utf16(&escaped, u16::to_le_bytes), &token, &[Utf16Le, JsonString]);
}

/// A field is found through layers as well as a vendor's shape is.
#[test]
fn fields_in_layers() {
    let value = Random(14).alnum(40);
    let document = json!({"headers": {"X-Api-Key": value}}).to_string();
    let digits = BASE64.encode(document.as_bytes());
    let text = format!("payload={digits};");
    let encoded = groups(&digits, &document, &value);
    check_id("generic-api-key", text.as_bytes(), encoded.as_bytes(), &value, &[Base64]);

    let encoded: String = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let text = format!("https://example.com/?api_key={encoded}&b=2");
    let found = findings(&text);
    let wanted = ("generic-api-key", value.clone(), place(&text, &encoded));
    assert_eq!(found.iter().map(short).collect::<Vec<_>>(), [wanted], "{text}");

    let text = utf16(&format!("API_KEY={value}\r\n"), u16::to_le_bytes);
    check_id("generic-api-key", &text, &utf16(&value, u16::to_le_bytes), &value, &[Utf16Le]);
}
