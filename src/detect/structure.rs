//! Structure: credentials that are told by the form around them: URLs with a password, PEM private keys, JSON web
//! tokens, `Authorization: Basic`, connection strings.

use memchr::memmem;
use serde_json::{Map, Value};

use super::context::{self, Left};
use super::names::Telling;
use super::{By, Candidate, Claims, generic};
use crate::blob::Span;

/// A PEM block is followed to its end over at most this many bytes (RSA 16384 in PEM is about 13 KB).
const MAX_PEM: usize = 20 << 10;

/// The longest user name and password of a URL together.
const MAX_USERINFO: usize = 512;

/// The password of the URL whose `://` is at `at`.
pub(super) fn url_password(text: &[u8], at: usize) -> Option<Candidate> {
    let start = at + 3;
    let rest = &text[start..text.len().min(start + MAX_USERINFO)];
    let stop = rest.iter().position(|byte| ENDS_AUTHORITY[usize::from(*byte)]);
    let authority = &rest[..stop.unwrap_or(rest.len())];
    let sign = authority.iter().rposition(|byte| *byte == b'@')?;
    let colon = authority[..sign].iter().position(|byte| *byte == b':')?;
    let (user, password, host) = (&authority[..colon], colon + 1..sign, &authority[sign + 1..]);
    if password.len() < 3 || !host.iter().any(u8::is_ascii_alphanumeric) {
        return None;
    }
    let span = start + password.start..start + password.end;
    let scheme =
        text[..at].iter().rev().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'+').count();
    Some(Candidate {
        signature: &generic::URL_PASSWORD,
        by: By::Structure,
        whole: text[span.clone()].to_vec().into(),
        value: super::unpercent(&text[span.clone()]).into(),
        secret: span,
        span: at - scheme..start + authority.len(),
        name: None,
        user: Some(String::from_utf8_lossy(user).into_owned()),
        claims: None,
        doubt: None,
    })
}

/// Bytes that stand in no user name, password or host of a URL (RFC 3986, section 3.2, and what people leave bare).
static ENDS_AUTHORITY: [bool; 256] = {
    let mut ends = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        let bare = matches!(
            byte as u8,
            b'/' | b'?'
                | b'#'
                | b'"'
                | b'\''
                | b'<'
                | b'>'
                | b'`'
                | b'\\'
                | b'('
                | b')'
                | b'{'
                | b'}'
                | b'|'
                | b'^'
                | b','
        );
        ends[byte] = bare || byte <= 0x20 || byte == 0x7f;
        byte += 1;
    }
    ends
};

/// The private key of the PEM block whose `-----BEGIN ` is at `at`.
pub(super) fn private_key(text: &[u8], at: usize) -> Option<Candidate> {
    let block = &text[at..text.len().min(at + MAX_PEM)];
    let label_end = 11 + memmem::find(&block[11..block.len().min(11 + 64)], b"-----")?;
    let label = &block[11..label_end];
    if !label.ends_with(b"PRIVATE KEY") && label != b"PGP PRIVATE KEY BLOCK" {
        return None;
    }
    let body = label_end + 5;
    let end = memmem::find(&block[body..], b"-----END").map(|end| body + end)?;
    let base64 = pem_body(&block[body..end]);
    let der = data_encoding::BASE64_NOPAD.decode(&base64).ok().filter(|der| der.len() >= 32)?;
    let close = memmem::find(&block[end + 8..], b"-----").map_or(end + 8, |close| end + 8 + close + 5);
    let encrypted =
        label.starts_with(b"ENCRYPTED") || memmem::find(&block[body..end], b"ENCRYPTED").is_some();
    Some(Candidate {
        signature: if encrypted { &generic::ENCRYPTED_PRIVATE_KEY } else { &generic::PRIVATE_KEY },
        by: By::Structure,
        span: at..at + close,
        secret: at + body..at + end,
        whole: Vec::new().into(),
        value: der.into(),
        name: None,
        user: None,
        claims: None,
        doubt: None,
    })
}

/// The base64 digits of a PEM body: without line ends (raw or escaped, however often) and header lines.
fn pem_body(body: &[u8]) -> Vec<u8> {
    let text: Vec<u8> = match memmem::rfind(body, b": ") {
        // Proc-Type and DEK-Info end with an empty line.
        Some(header) => {
            body[header..].iter().copied().skip_while(|byte| !matches!(byte, b'\n' | b'\\')).collect()
        }
        None => body.to_vec(),
    };
    let mut digits = Vec::with_capacity(text.len());
    let mut bytes = text.iter().peekable();
    while let Some(&byte) = bytes.next() {
        match byte {
            b'\\' => {
                bytes.next_if(|next| matches!(next, b'n' | b'r' | b't'));
            }
            b'+' | b'/' => digits.push(byte),
            _ if byte.is_ascii_alphanumeric() => digits.push(byte),
            _ => {}
        }
    }
    digits.truncate(digits.len() - usize::from(digits.len() % 4 == 1));
    // Padding is gone; bits beyond the last byte must be zero for a strict decoder.
    digits
}

/// The JSON web token that begins at `at` (`eyJ`).
pub(super) fn jwt(text: &[u8], at: usize) -> Option<Candidate> {
    if !crate::signature::border_before(text, at) {
        return None;
    }
    let part = |from: usize| {
        let length = text[from..].iter().take(16 << 10).take_while(|byte| is_base64url(**byte)).count();
        from..from + length
    };
    let header = part(at);
    let payload = text.get(header.end).filter(|byte| **byte == b'.').map(|_| part(header.end + 1))?;
    let signature = text.get(payload.end).filter(|byte| **byte == b'.').map(|_| part(payload.end + 1))?;
    let header = json(&text[header])?;
    header.get("alg").or_else(|| header.get("enc"))?;
    let claims = json(&text[payload])?;
    if signature.len() < 20 {
        return None; // `alg: none`, or cut off: no credential
    }
    let matches = |wanted: &[(&str, &str)]| {
        wanted.iter().all(|(claim, value)| match claims.get(*claim) {
            Some(Value::String(text)) => value.is_empty() || text == value,
            Some(_) => value.is_empty(),
            None => false,
        })
    };
    let vendor = generic::JWT_CLAIMS.iter().find(|(wanted, _)| matches(wanted));
    Some(Candidate {
        signature: vendor.map_or(&generic::JWT, |(_, signature)| signature),
        by: By::Structure,
        span: at..signature.end,
        secret: at..signature.end,
        whole: text[at..signature.end].to_vec().into(),
        value: text[at..signature.end].to_vec().into(),
        name: None,
        user: None,
        claims: Some(Claims {
            issuer: claims.get("iss").and_then(Value::as_str).map(str::to_owned),
            issued: claims.get("iat").and_then(Value::as_i64),
            expires: claims.get("exp").and_then(Value::as_f64).map(|seconds| seconds as i64),
        }),
        doubt: None,
    })
}

fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// The JSON object in one part of a token.
fn json(part: &[u8]) -> Option<Map<String, Value>> {
    let bytes = base64_lossy(part)?;
    match serde_json::from_slice(&bytes).ok()? {
        Value::Object(object) => Some(object),
        _ => None,
    }
}

/// Base64 of either alphabet, padded or not; bits that belong to no byte are ignored.
pub(super) fn base64_lossy(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let (mut bits, mut count) = (0u32, 0);
    for &byte in text.iter().take_while(|byte| **byte != b'=') {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Some(bytes)
}

/// The password in the base64 of `Basic`, at `run`.
pub(super) fn basic(text: &[u8], run: &Span) -> Option<Candidate> {
    let left: Left = context::left(text, run.start);
    let scheme =
        left.scheme.as_ref().filter(|scheme| text[(*scheme).clone()].eq_ignore_ascii_case(b"basic"))?;
    let padding = text[run.end..].iter().take(2).take_while(|byte| **byte == b'=').count();
    let decoded = base64_lossy(&text[run.clone()])?;
    let decoded = std::str::from_utf8(&decoded).ok().filter(|text| !text.chars().any(char::is_control))?;
    let (user, password) = decoded.split_once(':')?;
    // `key:` with an empty password is how many services take an API key.
    let (user, value) = if password.is_empty() { (None, user) } else { (Some(user.to_owned()), password) };
    if value.len() < 4 {
        return None;
    }
    Some(Candidate {
        signature: &generic::BASIC,
        by: By::Structure,
        span: scheme.start..run.end + padding,
        secret: run.start..run.end + padding,
        whole: text[run.start..run.end + padding].to_vec().into(),
        value: value.as_bytes().to_vec().into(),
        name: left.name.map(|name| String::from_utf8_lossy(&text[name]).into_owned()),
        user,
        claims: None,
        doubt: None,
    })
}

/// What makes a text a connection string, and how far from the password it may stand.
const CONNECTION_WORDS: &[&[u8]] = &[
    b"server=",
    b"data source=",
    b"host=",
    b"accountname=",
    b"endpoint=",
    b"initial catalog=",
    b"database=",
    b"uid=",
    b"user id=",
    b"driver=",
    b"accountendpoint=",
];

/// Makes a field candidate the connection string's, where it stands in one.
pub(super) fn in_connection_string(text: &[u8], candidate: &mut Candidate) {
    let By::Field(telling @ (Telling::Weak | Telling::Strong | Telling::Password)) = candidate.by else {
        return;
    };
    let from = candidate.span.start.saturating_sub(400);
    let around = &text[from..text.len().min(candidate.span.end + 200)];
    let key = candidate.span.start - from;
    let starts =
        around[..key].iter().rposition(|byte| matches!(byte, b'\n' | b'"' | b'\'')).map_or(0, |at| at + 1);
    let before = around[starts..].to_ascii_lowercase();
    let separated = before.contains(&b';');
    if separated && CONNECTION_WORDS.iter().any(|word| memmem::find(&before, word).is_some()) {
        candidate.signature = match telling {
            Telling::Password => &generic::CONNECTION_PASSWORD,
            _ => &generic::CONNECTION_KEY,
        };
        candidate.by = By::Structure;
    }
}
