//! What the surroundings of a value tell to be no credential, though its name might say so: names that stand for other
//! things, authorization codes, addresses of token contracts. Names and shapes alone; nothing with a vendor's shape comes here.

use super::context::Assignment;
use super::names::{Normal, Telling};
use crate::blob::Span;

/// How far around a value the words that tell are looked for, in bytes: within one object or request, roughly.
const NEAR: usize = 400;

/// Whether a value under that name is something else.
pub(super) fn is_harmless(
    text: &[u8],
    name: &Span,
    value: &Span,
    telling: Telling,
    assignment: Option<Assignment>,
) -> bool {
    let (Some(called), Some(raw)) = (text.get(name.clone()), text.get(value.clone())) else { return false };
    let normal = Normal::new(called);
    let is_weak = telling == Telling::Weak;
    is_within_resource_name(text, name)
        || is_branch(text, name)
        || is_weak && is_other_code(text, &normal, value)
        || normal.as_bytes() == b"token" && is_contract(text, raw, value)
        || normal.as_bytes() == b"token" && is_cart(text, raw, value)
        || telling == Telling::Password
            && assignment == Some(Assignment::Comma)
            && is_queried(text, name, raw)
}

/// The text around a value.
fn around<'t>(text: &'t [u8], value: &Span) -> &'t [u8] {
    let end = text.len().min(value.end.saturating_add(NEAR));
    text.get(value.start.saturating_sub(NEAR)..end).unwrap_or_default()
}

fn has(text: &[u8], words: &[&str]) -> bool {
    words.iter().any(|word| memchr::memmem::find(text, word.as_bytes()).is_some())
}

/// `arn:aws:secretsmanager:…:secret:name`: part of a name of a resource (AWS General Reference, "Amazon Resource Names").
fn is_within_resource_name(text: &[u8], name: &Span) -> bool {
    let before = &text[name.start.saturating_sub(100)..name.start];
    let is_part =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'-' | b'_' | b'/' | b'.');
    let start = before.iter().rposition(|byte| !is_part(byte)).map_or(0, |at| at + 1);
    before[start..].starts_with(b"arn:")
}

/// `found ? "PASS" : "MISSING"`: the branches of a condition, no name and value.
fn is_branch(text: &[u8], name: &Span) -> bool {
    let before = &text[name.start.saturating_sub(16)..name.start];
    let Some(outer) = before.strip_suffix(b"\"").or(before.strip_suffix(b"'")) else { return false };
    let outer = outer.trim_ascii_end();
    let outer = &outer[..outer.len() - outer.iter().rev().take_while(|byte| **byte == b'\\').count()];
    outer.trim_ascii_end().ends_with(b"?")
}

/// What stands before `code` where that is a key: Azure Functions and others call theirs so.
const KEY_CODES: &[&str] = &[
    "",
    "access",
    "auth",
    "api",
    "secret",
    "security",
    "function",
    "functions",
    "license",
    "activation",
    "verification",
];

/// Codes of tasks and other things, and of the authorization code grant (RFC 6749 §4.1.2: ten minutes at most, once).
fn is_other_code(text: &[u8], normal: &Normal, value: &Span) -> bool {
    let Some(before) = normal.as_bytes().strip_suffix(b"code") else { return false };
    if !KEY_CODES.iter().any(|known| known.as_bytes() == before) {
        return true;
    }
    let near = around(text, value);
    has(near, &["authorization_code", "redirect_uri"]) && !has(near, &["azurewebsites.net"])
}

/// The address of a token's contract: `0x` and 40 digits, or base58, beside words of a blockchain.
fn is_contract(text: &[u8], raw: &[u8], value: &Span) -> bool {
    const WORDS: &[&str] = &[
        "\"chain\"",
        "chainId",
        "erc20",
        "ethereum",
        "solana",
        "polygon",
        "WALLET_ADDRESS",
        "walletAddress",
    ];
    (32..=44).contains(&raw.len())
        && raw.iter().all(u8::is_ascii_alphanumeric)
        && !raw.iter().all(u8::is_ascii_hexdigit)
        && has(around(text, value), WORDS)
}

/// Shopify's token of a cart: 32 hexadecimal digits beside `cart_token` (Shopify Admin API, "Checkout").
fn is_cart(text: &[u8], raw: &[u8], value: &Span) -> bool {
    raw.len() == 32
        && raw.iter().all(u8::is_ascii_hexdigit)
        && has(around(text, value), &["cart_token", "\"cart"])
}

/// `addQuery('user_password', '…')`: a stored digest that is looked for (SHA-1 in base64), no password.
fn is_queried(text: &[u8], name: &Span, raw: &[u8]) -> bool {
    let before = &text[name.start.saturating_sub(24)..name.start];
    raw.len() == 28 && raw.ends_with(b"=") && has(before, &["addQuery("]) && raw[..27].iter().all(is_base64)
}

fn is_base64(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, name: &str, telling: Telling, assignment: Option<Assignment>) -> bool {
        let at = text.find(name).expect("a name in the test");
        let value = text.find("VALUE").expect("a value in the test");
        let value = value..value + text[value..].find(['"', '\'', '&', ' ']).unwrap_or(text.len() - value);
        is_harmless(text.as_bytes(), &(at..at + name.len()), &value, telling, assignment)
    }

    #[test]
    fn names_that_stand_for_other_things() {
        for (text, name, expected) in [
            (r#"{"taskCode": "VALUE"}"#, "taskCode", true),
            ("?appid=VALUE", "appid", false),
            ("https://f.azurewebsites.net/api/x?code=VALUE", "code", false),
            ("access_code=VALUE", "access_code", false),
        ] {
            assert_eq!(check(text, name, Telling::Weak, None), expected, "{text}");
        }
        let exchange = r#"{"grant_type":"authorization_code","code":"VALUE"}"#;
        assert!(check(exchange, "code", Telling::Weak, None));
    }

    #[test]
    fn surroundings_that_tell() {
        for (text, name, expected) in [
            ("arn:aws:secretsmanager:eu-west-1:1:secret:VALUE", "secret:", true),
            ("x secret:VALUE", "secret:", false),
            (r#"ok ? "PASS" : "VALUE""#, "PASS", true),
            (r#"{"PASS": "VALUE"}"#, "PASS", false),
        ] {
            assert_eq!(check(text, name, Telling::Strong, None), expected, "{text}");
        }
    }
}
