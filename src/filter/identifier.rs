//! Identifiers by shape: values that only look like secrets (UUIDs, digests, dates, addresses).
//!
//! The name beside the value has a say: vendors do give out UUIDs as API keys, and forty hexadecimal digits are a
//! commit only where something says so.

use super::words::{DIGESTS, lists, names_credential, words};

/// Returns what the value identifies by its shape, if it has one. `name` is the name beside it: of the field, header
/// or variable.
pub fn identify(value: &[u8], name: Option<&[u8]>) -> Option<&'static str> {
    let value = value.trim_ascii();
    let secret = name.is_some_and(names_credential);
    let digest = name.is_some_and(names_digest);
    let open = || by_shape(value);
    let doubtful = || (!secret).then(|| by_doubtful_shape(value)).flatten();
    let named = || (digest && is_digest(value)).then_some("digest");
    let handshake =
        || name.is_some_and(|name| is_handshake(name, value)).then_some("nonce of a WebSocket handshake");
    named().or_else(handshake).or_else(open).or_else(doubtful)
}

type Shape = (fn(&[u8]) -> bool, &'static str);

/// What no credential looks like.
const SHAPES: &[Shape] = &[
    (is_fingerprint, "fingerprint"),
    (is_integrity, "integrity string"),
    (is_weak_etag, "ETag"),
    (is_date, "date"),
    (is_version, "version"),
    (is_email, "e-mail address"),
    (is_address, "URL"),
    (is_mime, "MIME type"),
    (is_data_uri, "data URI"),
    (is_colour, "colour"),
    (is_path, "file path"),
    (is_host, "host name"),
    (is_account_address, "blockchain address"),
    (is_public_id, "public id"),
];

/// How ids begin that vendors call keys: the consumer key of a Salesforce connected app (its client id), names of AWS.
const PUBLIC_BEGINNINGS: &[&[u8]] = &[b"3MVG9", b"arn:aws"];

/// What some credentials look like.
const DOUBTFUL_SHAPES: &[Shape] = &[(is_uuid, "UUID"), (is_number, "number")];

fn by_shape(value: &[u8]) -> Option<&'static str> {
    SHAPES.iter().find(|(holds, _)| holds(value)).map(|&(_, what)| what)
}

fn by_doubtful_shape(value: &[u8]) -> Option<&'static str> {
    DOUBTFUL_SHAPES.iter().find(|(holds, _)| holds(value)).map(|&(_, what)| what)
}

fn names_digest(name: &[u8]) -> bool {
    lists(DIGESTS, name) || words(name).any(|word| lists(DIGESTS, word))
}

fn is_hex(value: &[u8]) -> bool {
    !value.is_empty() && value.iter().all(u8::is_ascii_hexdigit)
}

/// Sixteen random bytes, or the SHA-1 that answers them, in base64 (RFC 6455, sections 4.1 and 4.2.2).
fn is_handshake(name: &[u8], value: &[u8]) -> bool {
    let has_length = match value {
        [.., b'=', b'='] => value.len() == 24 && name.eq_ignore_ascii_case(b"Sec-WebSocket-Key"),
        [.., b'='] => value.len() == 28 && name.eq_ignore_ascii_case(b"Sec-WebSocket-Accept"),
        _ => false,
    };
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    has_length && value.iter().all(is_digit)
}

/// Hexadecimal of the length of MD5, SHA-1, SHA-224 to SHA-512, or a commit cut short; perhaps in quotes.
fn is_digest(value: &[u8]) -> bool {
    let value = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value);
    is_hex(value) && matches!(value.len(), 7..=12 | 32 | 40 | 56 | 64 | 96 | 128)
}

/// `8-4-4-4-12`, perhaps in braces or as a URN.
fn is_uuid(value: &[u8]) -> bool {
    let value = value.strip_prefix(b"urn:uuid:").unwrap_or(value);
    let value = value.strip_prefix(b"{").and_then(|value| value.strip_suffix(b"}")).unwrap_or(value);
    let lens = [8, 4, 4, 4, 12];
    value.split(|&byte| byte == b'-').map(|part| is_hex(part).then_some(part.len())).eq(lens.map(Some))
}

/// Our own: `ks1:` or `kf1:` and 160 bits in base32.
fn is_fingerprint(value: &[u8]) -> bool {
    let digits = value.strip_prefix(b"ks1:").or_else(|| value.strip_prefix(b"kf1:"));
    let base32 = |byte: &u8| byte.is_ascii_lowercase() || matches!(byte, b'2'..=b'7');
    digits.is_some_and(|digits| digits.len() == 32 && digits.iter().all(base32))
}

/// `sha512-…` of Subresource Integrity and lock files, `sha256:…` of images.
fn is_integrity(value: &[u8]) -> bool {
    let algorithms: [(&[u8], usize); 5] =
        [(b"sha1", 20), (b"sha224", 28), (b"sha256", 32), (b"sha384", 48), (b"sha512", 64)];
    algorithms.iter().any(|(algorithm, bytes)| match value.strip_prefix(*algorithm) {
        Some([b'-', digest @ ..]) => digest.len() == bytes.div_ceil(3) * 4,
        Some([b':', digest @ ..]) => is_hex(digest) && digest.len() == bytes * 2,
        _ => false,
    })
}

fn is_weak_etag(value: &[u8]) -> bool {
    value.starts_with(b"W/\"") && value.ends_with(b"\"") && value.len() > 4
}

/// `2026-11-23`, with or without a time behind it; also `23.11.2026` and `11/23/2026`.
fn is_date(value: &[u8]) -> bool {
    let (date, time) = value.split_at(value.len().min(10));
    let shapes: [&[u8; 10]; 4] = [b"0000-00-00", b"00.00.0000", b"00/00/0000", b"0000/00/00"];
    let time_marks = |byte: &u8| byte.is_ascii_digit() || b"Tt Z:.+-UTC".contains(byte);
    shapes.iter().any(|shape| fits(date, *shape)) && time.len() <= 30 && time.iter().all(time_marks)
}

/// Whether the value has digits where the shape has `0`, and is the shape elsewhere.
fn fits(value: &[u8], shape: &[u8]) -> bool {
    let fits = |(byte, shape): (&u8, &u8)| {
        if *shape == b'0' { byte.is_ascii_digit() } else { byte == shape }
    };
    value.len() == shape.len() && value.iter().zip(shape).all(fits)
}

/// `1.2.3`, `v2.0`, `1.0.0-beta.2+build`, and so also IPv4 addresses.
fn is_version(value: &[u8]) -> bool {
    let value = value.strip_prefix(b"v").unwrap_or(value);
    let end = value.iter().position(|byte| !byte.is_ascii_digit() && *byte != b'.').unwrap_or(value.len());
    let (core, tail) = value.split_at(end);
    let mut numbers = core.split(|&byte| byte == b'.');
    let tailed = matches!(tail, [] | [b'-' | b'+', ..])
        && tail.len() <= 24
        && tail.iter().all(|byte| byte.is_ascii_alphanumeric() || b".-+".contains(byte));
    let count = core.split(|&byte| byte == b'.').count();
    numbers.all(|number| (1..=8).contains(&number.len())) && (2..=4).contains(&count) && tailed
}

/// A local part, an `@`, and a host name.
fn is_email(value: &[u8]) -> bool {
    let Some(at) = memchr::memchr(b'@', value) else {
        return false;
    };
    let local = |byte: &u8| byte.is_ascii_alphanumeric() || b"._%+-".contains(byte);
    at > 0 && value[..at].iter().all(local) && is_host(&value[at + 1..])
}

/// Lower-case labels, the last of letters: `hgap.bitrix24.eu`.
pub(super) fn is_host(value: &[u8]) -> bool {
    let label = |label: &[u8]| {
        (1..=30).contains(&label.len())
            && label.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-')
    };
    let last = value.rsplit(|&byte| byte == b'.').next().unwrap_or_default();
    value.contains(&b'.')
        && value.split(|&byte| byte == b'.').all(label)
        && (2..=12).contains(&last.len())
        && last.iter().all(u8::is_ascii_lowercase)
}

/// An absolute address in which nothing can be a secret: no user, no query, no long mixed segment.
fn is_address(value: &[u8]) -> bool {
    let Some(colon) = memchr::memmem::find(value, b"://") else {
        return false;
    };
    let (scheme, rest) = (&value[..colon], &value[colon + 3..]);
    let scheme_like =
        scheme.len() >= 2 && scheme.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+.-".contains(byte));
    let harmless = |byte: &u8| byte.is_ascii_graphic() && !b"@?#=&\"".contains(byte);
    scheme_like && rest.len() >= 2 && rest.iter().all(harmless) && !has_mixed_segment(rest)
}

/// Whether a path has a segment that may be a token.
fn has_mixed_segment(path: &[u8]) -> bool {
    let mixed = |segment: &[u8]| {
        let letters = segment.iter().any(u8::is_ascii_alphabetic);
        let digits = segment.iter().filter(|byte| byte.is_ascii_digit()).count();
        segment.len() >= 16 && letters && digits >= 2 || segment.len() >= 24
    };
    path.split(|byte| !byte.is_ascii_alphanumeric()).any(mixed)
}

/// A registered top-level type and a subtype (RFC 6838), perhaps with parameters.
fn is_mime(value: &[u8]) -> bool {
    #[rustfmt::skip]
    const TYPES: &[&str] = &[
        "application", "audio", "font", "image", "message", "model", "multipart", "text", "video",
    ];
    let Some(slash) = memchr::memchr(b'/', value) else {
        return false;
    };
    let subtype = value[slash + 1..].split(|&byte| byte == b';').next().unwrap_or_default();
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b".+-*_".contains(byte);
    lists(TYPES, &value[..slash]) && !subtype.is_empty() && subtype.iter().all(allowed)
}

fn is_data_uri(value: &[u8]) -> bool {
    let Some(rest) = value.strip_prefix(b"data:") else {
        return false;
    };
    let head = &rest[..rest.len().min(100)];
    head.contains(&b',') || is_mime(rest)
}

/// `#rgb` to `#rrggbbaa`, `rgb(…)`, `hsl(…)`.
fn is_colour(value: &[u8]) -> bool {
    match value {
        [b'#', hex @ ..] => is_hex(hex) && matches!(hex.len(), 3 | 4 | 6 | 8),
        _ => {
            let functions: [&[u8]; 4] = [b"rgb(", b"rgba(", b"hsl(", b"hsla("];
            functions.iter().any(|function| value.starts_with(function)) && value.ends_with(b")")
        }
    }
}

/// A path by its root (`/`, `~/`, `./`, `C:\`, `\\`) or its extension, of segments that are words.
fn is_path(value: &[u8]) -> bool {
    let (rest, rooted) = match value {
        [b'/', rest @ ..] => (rest, false),
        [b'~', b'/', rest @ ..] | [b'.', b'/', rest @ ..] | [b'.', b'.', b'/', rest @ ..] => (rest, true),
        [drive, b':', b'\\' | b'/', rest @ ..] if drive.is_ascii_alphabetic() => (rest, true),
        [b'\\', b'\\', rest @ ..] => (rest, true),
        rest => (rest, has_extension(rest)),
    };
    let deep = value.starts_with(b"/") && rest.contains(&b'/');
    !rest.is_empty() && (rooted || deep) && rest.split(|byte| matches!(byte, b'/' | b'\\')).all(is_segment)
}

/// A dot and two to five letters or digits, the first a letter, behind a separator or a name.
fn has_extension(value: &[u8]) -> bool {
    let Some(dot) = memchr::memrchr(b'.', value) else {
        return false;
    };
    let extension = &value[dot + 1..];
    let slash = value[..dot].iter().any(|byte| matches!(byte, b'/' | b'\\'));
    slash
        && (2..=5).contains(&extension.len())
        && extension[0].is_ascii_lowercase()
        && extension.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// A name that a person would give: of its letters and digits at most every fourth is a change of kind.
fn is_segment(segment: &[u8]) -> bool {
    let kind = |byte: u8| match byte {
        b'0'..=b'9' => 1,
        b'A'..=b'Z' => 2,
        b'a'..=b'z' => 3,
        _ => 0,
    };
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b" ._-{}@$~".contains(byte) || *byte >= 0x80;
    let changes = segment.windows(2).filter(|pair| kind(pair[0]) != kind(pair[1])).count();
    segment.len() <= 80 && segment.iter().all(allowed) && changes * 3 <= segment.len() + 3
}

/// Digits, with what stands in and around numbers: signs, separators, an exponent, a percent sign.
fn is_number(value: &[u8]) -> bool {
    let mark = |byte: &u8| b"+-., _%()".contains(byte);
    let exponent = value.iter().filter(|byte| matches!(byte, b'e' | b'E')).count();
    let allowed = |byte: &u8| byte.is_ascii_digit() || mark(byte) || matches!(byte, b'e' | b'E');
    let begins = value.iter().find(|byte| !mark(byte)).is_some_and(u8::is_ascii_digit);
    begins
        && value.iter().all(allowed)
        && exponent <= 1
        && value.last().is_some_and(|byte| !byte.is_ascii_alphabetic())
}

fn is_public_id(value: &[u8]) -> bool {
    PUBLIC_BEGINNINGS.iter().any(|beginning| value.starts_with(beginning))
}

/// `0x` and twenty bytes: an account or contract, which stands under names like `token`. Keys have thirty-two.
fn is_account_address(value: &[u8]) -> bool {
    value.strip_prefix(b"0x").is_some_and(|hex| hex.len() == 40 && is_hex(hex))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(what: Option<&str>, name: Option<&str>, values: &[&str]) {
        for value in values {
            assert_eq!(identify(value.as_bytes(), name.map(str::as_bytes)), what, "{value}");
        }
    }

    #[test]
    fn public_ids() {
        assert!(is_public_id(b"arn:aws:iam::role"));
        assert!(!is_public_id(b"warn:aws"));
    }

    #[test]
    fn shapes() {
        check(
            Some("UUID"),
            None,
            &[
                "b048b3e4-8113-4fca-8e04-844989bc215d",
                "{B048B3E4-8113-4FCA-8E04-844989BC215D}",
                "urn:uuid:b048b3e4-8113-4fca-8e04-844989bc215d",
            ],
        );
        check(
            Some("integrity string"),
            None,
            &[
                "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
                "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            ],
        );
        check(Some("fingerprint"), Some("secret"), &["ks1:54cgwighylnzjcw66l5pae7izjbxy5ep"]);
        check(Some("ETag"), None, &["W/\"33a64df551425fcc55e4d42a148795d9\""]);
        check(
            Some("date"),
            None,
            &["2026-11-23", "2026-11-23T14:00:00.000Z", "2026-11-23 14:00:00+01:00", "23.11.2026"],
        );
        check(Some("version"), None, &["1.2.3", "v2.0", "1.0.0-beta.2+7", "192.168.0.1"]);
        check(Some("e-mail address"), None, &["jane.doe+x@example.co.uk"]);
        check(
            Some("URL"),
            None,
            &["https://hgap.bitrix24.eu/rest/", "http://localhost:8080/api/auth/oauth2/token"],
        );
        check(Some("MIME type"), None, &["application/json", "text/html; charset=utf-8", "image/svg+xml"]);
        check(Some("data URI"), None, &["data:image/png;base64,iVBORw0KGgo", "data:,x"]);
        check(Some("colour"), None, &["#fff", "#a1b2c3d4", "rgba(1, 2, 3, 0.5)"]);
        check(Some("number"), None, &["1737041313", "-1.5e10", "+49 (30) 123-456", "99.5%"]);
        check(
            Some("file path"),
            None,
            &["/usr/local/bin", "C:\\Users\\Jane\\key.txt", "./a.json", "src/filter/mod.rs", "~/a/b"],
        );
        check(Some("host name"), None, &["hgap.bitrix24.eu", "api.openai.com"]);
        check(Some("blockchain address"), None, &["0x6b175474e89094c44da98b954eedeac495271d0f"]);
    }

    #[test]
    fn the_name_decides() {
        let hex40 = "9b0e281560c04653a78eb82c274bfae123167e9d";
        check(Some("digest"), Some("commitSha"), &[hex40]);
        check(Some("digest"), Some("ETag"), &["\"33a64df551425fcc55e4d42a148795d9\""]);
        let nonce = Some("nonce of a WebSocket handshake");
        check(nonce, Some("sec-websocket-key"), &["dGhlIHNhbXBsZSBub25jZQ=="]);
        check(nonce, Some("Sec-WebSocket-Accept"), &["s3pPLMBiTxaQ9kYGzzhZRbK+xOo="]);
        check(None, Some("X-Key"), &["dGhlIHNhbXBsZSBub25jZQ=="]);
        check(None, Some("token"), &[hex40, "b048b3e4-8113-4fca-8e04-844989bc215d", "1737041313"]);
        check(None, None, &[hex40]);
    }

    #[test]
    fn secrets_stand() {
        check(
            None,
            None,
            &[
                "3UXMD9AQU9IHP0TDQDY7W25C2WSIVC",
                "sjU9V7SxH2BN2eYZc7Dahe",
                "pa$$w0rd%1",
                "https://u:p@host/x",
                "https://x.test/?sig=abc",
                "https://hooks.test/services/T0AB/Zk3vTq8LmX1pQ9sR",
                "/lEINW2er46iJQBLc2t8/VrFaDF",
                "hunter2",
                "1.a",
                "",
                "#",
                "0x12",
                "mF_9.B5f-4.1JqM",
            ],
        );
    }

    #[test]
    fn random_tokens_stand() {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 20) as usize
        };
        let mut token = |len| (0..len).map(|_| alphabet[next() % 64]).collect::<Vec<u8>>();
        let taken = (0..50_000).filter(|n| identify(&token(16 + n % 49), Some(b"hash")).is_some()).count();
        assert!(taken < 50, "{taken} of 50,000");
    }

    proptest! {
        #[test]
        fn takes_any_bytes(value in proptest::collection::vec(any::<u8>(), 0..60), name in "[a-zA-Z ]{0,9}") {
            identify(&value, Some(name.as_bytes()));
        }

        #[test]
        fn takes_any_marks(value in "[a0#/.:@\\\\=,;\"-]{0,20}") {
            identify(value.as_bytes(), None);
        }
    }
}
