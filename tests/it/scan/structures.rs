//! What is told by the form around it: keys in PEM, JSON web tokens, `Basic`, addresses and connection strings, pairs.

use data_encoding::BASE64;
use keysieve::blob::Span;
use keysieve::finding::{Finding, LifetimeClass, Severity};
use serde_json::json;

use crate::common::{NOW, Random, findings, jwt, pem, place, short, token, value};

/// The one finding of a text.
fn only(text: &str) -> Finding {
    let mut found = findings(text);
    let ids: Vec<_> = found.iter().map(short).map(|(id, _, span)| (id, span)).collect();
    assert_eq!(found.len(), 1, "{text}: {ids:?}");
    found.remove(0)
}

/// The one finding has this id and secret, and its whole match stands there.
fn check(text: &str, id: &str, secret: &str, whole: Span) -> Finding {
    let found = only(text);
    assert_eq!(short(&found), (found.signature.id, secret.to_owned(), whole), "{text}");
    assert_eq!(found.signature.id, id, "{text}");
    found
}

/// The bytes that the base64 of a PEM block stands for.
fn der(pem: &str) -> Vec<u8> {
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    BASE64.decode(body.as_bytes()).expect("base64")
}

#[test]
fn private_keys() {
    for (number, bytes) in [48, 138, 600, 2400, 9000].into_iter().enumerate() {
        let block = pem(bytes, &mut Random(number as u64));
        let block = block.trim_end();
        for text in [
            format!("{block}\n"),
            format!("before {block} behind"),
            json!({"private_key": format!("{block}\n")}).to_string(),
            json!({"document": json!({"key": format!("{block}\n")}).to_string()}).to_string(),
            block.replace('\n', "\r\n"),
            format!("KEY=\"{}\"", block.replace('\n', "\\n")),
        ] {
            let found = only(&text);
            assert_eq!(found.signature.id, "private-key", "{text}");
            assert_eq!(found.secret.expose(), der(block), "the same value however its lines end");
            let start = text.find("-----BEGIN").expect("a block");
            let end = text.rfind("-----").expect("a block") + 5;
            assert_eq!(short(&found).2, start..end, "{text}");
        }
    }
}

/// The bytes of a key are random: whatever stands among them, it is one.
#[test]
fn any_private_key_stands() {
    for number in 0..150 {
        let block = pem(8000, &mut Random(1000 + number));
        assert_eq!(only(&block).secret.expose(), der(&block), "{number}");
    }
}

#[test]
fn labels_of_private_keys() {
    let block = pem(600, &mut Random(1));
    for label in ["RSA", "EC", "DSA", "OPENSSH"] {
        let text = block.replace("PRIVATE", &format!("{label} PRIVATE"));
        assert_eq!(only(&text).signature.id, "private-key", "{label}");
    }
    let encrypted = block.replace("PRIVATE", "ENCRYPTED PRIVATE");
    assert_eq!(only(&encrypted).signature.id, "private-key-encrypted");
    let header = "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0123456789ABCDEF0123456789ABCDEF\n\n";
    let legacy = block.replacen("-----\n", &format!("-----\n{header}"), 1).replace("PRIVATE", "RSA PRIVATE");
    let found = only(&legacy);
    assert_eq!(found.signature.id, "private-key-encrypted");
    assert_eq!(found.secret.expose(), der(&block), "the header is no part of the key");
    for public in ["PUBLIC KEY", "CERTIFICATE", "CERTIFICATE REQUEST"] {
        let text = block.replace("PRIVATE KEY", public);
        assert_eq!(findings(&text).len(), 0, "{public}");
    }
}

/// A block that is cut off has no key in it.
#[test]
fn a_private_key_without_its_end_is_none() {
    let block = pem(600, &mut Random(2));
    assert_eq!(findings(&block[..block.len() / 2]).len(), 0);
}

#[test]
fn web_tokens_by_their_end() {
    const DAY: i64 = 86_400;
    let mut number = 0;
    let mut lifetime = |claims: serde_json::Value| {
        number += 1;
        let token = jwt(&claims, &mut Random(number));
        let text = format!("Cookie2: {token};");
        let found = check(&text, "jwt", &token, place(&text, &token));
        (found.lifetime.class, found.lifetime.expires, found.severity)
    };
    use LifetimeClass::{Expired, Expiring, LongLived, ShortLived};
    let (medium, low) = (Severity::Medium, Severity::Low);
    let iss = "https://issuer.example.com";
    for (claims, wanted) in [
        (json!({"iss": iss}), (LongLived, None, medium)),
        (json!({"iss": iss, "iat": NOW - DAY}), (LongLived, None, medium)),
        (json!({"iss": iss, "exp": NOW - 1}), (Expired, Some(NOW - 1), low)),
        (json!({"iss": iss, "exp": NOW}), (Expired, Some(NOW), low)),
        (
            json!({"iss": iss, "iat": NOW - 9 * DAY, "exp": NOW - 8 * DAY}),
            (Expired, Some(NOW - 8 * DAY), low),
        ),
        (json!({"iss": iss, "exp": NOW + 400 * DAY}), (Expiring, Some(NOW + 400 * DAY), medium)),
        (
            json!({"iss": iss, "iat": NOW - DAY, "exp": NOW + 400 * DAY}),
            (Expiring, Some(NOW + 400 * DAY), medium),
        ),
        // What lives for a day at most is short-lived; what has a day left of many is not.
        (json!({"iss": iss, "iat": NOW - 3600, "exp": NOW + 3600}), (ShortLived, Some(NOW + 3600), low)),
        (
            json!({"iss": iss, "iat": NOW - 3600, "exp": NOW - 3600 + DAY}),
            (ShortLived, Some(NOW - 3600 + DAY), low),
        ),
        (
            json!({"iss": iss, "iat": NOW - 3600, "exp": NOW - 3599 + DAY}),
            (Expiring, Some(NOW - 3599 + DAY), medium),
        ),
        (json!({"iss": iss, "iat": NOW - 30 * DAY, "exp": NOW + 3600}), (Expiring, Some(NOW + 3600), medium)),
        // Seconds may be a fraction (RFC 7519, section 2: NumericDate).
        (
            json!({"iss": iss, "exp": NOW as f64 + 0.5 + 400.0 * DAY as f64}),
            (Expiring, Some(NOW + 400 * DAY), medium),
        ),
    ] {
        assert_eq!(lifetime(claims.clone()), wanted, "{claims}");
    }
}

#[test]
fn web_tokens_in_headers_and_fields() {
    let token = jwt(&json!({"sub": "1", "iss": "me"}), &mut Random(50));
    for text in [
        format!("Authorization: Bearer {token}\n"),
        json!({"access_token": token}).to_string(),
        json!({"name": "Authorization", "value": format!("Bearer {token}")}).to_string(),
        format!("https://example.com/?jwt={token}&x=1"),
        format!("const t = '{token}';\\nnext"),
    ] {
        let found = check(&text, "jwt", &token, place(&text, &token));
        assert_eq!(found.public.get("jwt-issuer").map(String::as_str), Some("me"));
    }
    // Without a signature it proves nothing.
    let (unsigned, _) = token.rsplit_once('.').expect("three parts");
    assert_eq!(findings(format!("t: {unsigned}.")).len(), 0);
}

#[test]
fn basic_authorization() {
    for (number, user) in ["api", "jane.doe@example.com", "a:b"].into_iter().enumerate() {
        let password = Random(60 + number as u64).alnum(13);
        let digits = BASE64.encode(format!("{user}:{password}").as_bytes());
        // RFC 7617, section 2: the user name ends at the first colon.
        let (name, behind) = user.split_once(':').unwrap_or((user, ""));
        let secret = if behind.is_empty() { password } else { format!("{behind}:{password}") };
        for text in [
            format!("Authorization: Basic {digits}\r\n"),
            json!({"Authorization": format!("Basic {digits}")}).to_string(),
            json!({"name": "Authorization", "value": format!("=Basic {digits}")}).to_string(),
        ] {
            let whole = place(&text, format!("Basic {digits}"));
            let found = check(&text, "basic-auth-password", &secret, whole);
            let parts: Vec<_> = found.parts.iter().map(|part| (&*part.what, &*part.shown)).collect();
            assert_eq!(parts, [("user", name)], "{text}");
        }
    }
    // A key as the user, and no password.
    let key = Random(70).alnum(32);
    let digits = BASE64.encode(format!("{key}:").as_bytes());
    let text = format!("Authorization: Basic {digits}\n");
    let found = check(&text, "basic-auth-password", &key, place(&text, format!("Basic {digits}")));
    assert_eq!(found.parts.len(), 0);
}

#[test]
fn addresses_with_a_password() {
    let plain = Random(80).alnum(15);
    for (encoded, password) in
        [(plain.clone(), plain.clone()), (format!("p%40ss%2F{plain}"), format!("p@ss/{plain}"))]
    {
        for address in [
            format!("https://jane:{encoded}@example.com/path?x=1"),
            format!("mongodb+srv://jane:{encoded}@cluster0.example.mongodb.net"),
            format!("postgresql://jane:{encoded}@10.0.0.7:5432/app"),
            format!("amqps://jane:{encoded}@broker.example.com/vhost"),
            format!("redis://jane:{encoded}@cache:6379"),
        ] {
            for text in [format!("url: {address}\n"), json!({"url": address}).to_string()] {
                // The scheme, the user, the password and the host with its port.
                let start = place(&text, &address).start;
                let host = text[start..].find('@').expect("a host") + start;
                let end = text[host..].find(['/', '?', '"', '\n']).expect("an end") + host;
                let found = check(&text, "password-in-url", &password, start..end);
                let parts: Vec<_> = found.parts.iter().map(|part| (&*part.what, &*part.shown)).collect();
                assert_eq!(parts, [("user", "jane")], "{text}");
                assert!(found.guessable, "nothing is told of a password");
            }
        }
    }
}

#[test]
fn connection_strings() {
    let password = Random(90).alnum(15);
    for text in [
        format!(
            "Server=tcp:x.database.example.net,1433;Initial Catalog=db;User ID=sa;Password={password};Encrypt=True"
        ),
        format!("Data Source=db;Pwd={password};Uid=sa"),
        format!("Driver={{ODBC Driver 18}};Server=x;Uid=sa;Pwd={password}"),
    ] {
        for text in
            [text.clone(), json!({"connectionString": text}).to_string(), format!("CONNECTION=\"{text}\"")]
        {
            check(&text, "connection-string-password", &password, place(&text, &password));
        }
    }
    let key = BASE64.encode(&Random(91).bytes(64));
    let storage = format!(
        "DefaultEndpointsProtocol=https;AccountName=contoso;AccountKey={key};EndpointSuffix=core.windows.net"
    );
    let key_of_bus = BASE64.encode(&Random(92).bytes(32));
    let bus = format!(
        "Endpoint=sb://contoso.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey={key_of_bus}"
    );
    for (text, key) in [(storage, key), (bus, key_of_bus)] {
        for text in [text.clone(), json!({"connectionString": text}).to_string()] {
            let found = only(&text);
            assert_eq!(value(&found), key, "{text}");
            assert!(found.severity >= Severity::High, "{text}");
        }
    }
}

#[test]
fn halves_of_a_pair_are_one_finding() {
    let (id, secret) = (token("aws-access-key-id", 1), token("aws-secret-access-key", 1));
    for text in [
        json!({"accessKeyId": id, "secretAccessKey": secret}).to_string(),
        json!({"secretAccessKey": secret, "region": "eu-west-1", "accessKeyId": id}).to_string(),
        format!("[default]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n"),
        format!("export AWS_ACCESS_KEY_ID={id}\nexport AWS_SECRET_ACCESS_KEY={secret}\n"),
    ] {
        let found = check(&text, "aws-secret-access-key", &secret, place(&text, &secret));
        let parts: Vec<_> = found.parts.iter().map(|part| (&*part.what, &*part.shown)).collect();
        assert_eq!(parts, [("aws-access-key-id", "AKIA…")], "{text}");
        assert!(found.public.contains_key("aws-account"), "the account stands in the id");
        let known: Vec<_> = found.secrets().map(|secret| secret.expose().to_vec()).collect();
        assert_eq!(known, [secret.as_bytes(), id.as_bytes()], "both are masked in reports");
    }
    // Too far from each other to belong together.
    let text =
        format!("AWS_ACCESS_KEY_ID={id}\n{}AWS_SECRET_ACCESS_KEY={secret}\n", "# nothing\n".repeat(300));
    let found: Vec<_> = findings(&text).iter().map(|finding| finding.signature.id).collect();
    assert_eq!(found, ["aws-access-key-id", "aws-secret-access-key"]);
}

#[test]
fn each_secret_has_its_own_half() {
    let pairs: Vec<_> = (10..13)
        .map(|number| (token("aws-access-key-id", number), token("aws-secret-access-key", number)))
        .collect();
    let text = json!(
        pairs
            .iter()
            .map(|(id, secret)| json!({"accessKeyId": id, "secretAccessKey": secret}))
            .collect::<Vec<_>>()
    );
    let found: Vec<_> = findings(text.to_string())
        .iter()
        .map(|finding| {
            let half = finding.parts[0].secret.as_ref().expect("the id").expose().to_vec();
            (String::from_utf8(half).expect("ASCII"), value(finding))
        })
        .collect();
    assert_eq!(found, pairs);
}

/// A temporary id says that its secret is temporary too.
#[test]
fn a_pair_lives_as_long_as_its_id_says() {
    let (id, secret) = (token("aws-temporary-access-key-id", 1), token("aws-secret-access-key", 2));
    let text = json!({"AccessKeyId": id, "SecretAccessKey": secret}).to_string();
    let found = check(&text, "aws-secret-access-key", &secret, place(&text, &secret));
    assert_eq!((found.lifetime.class, found.severity), (LifetimeClass::ShortLived, Severity::Low));
}

#[test]
fn two_secrets_of_one_credential_stay_two() {
    let (cookie, client) = (token("slack-session-cookie", 1), token("slack-client-token", 1));
    let text = json!({"d": cookie, "token": client}).to_string();
    let found: Vec<_> = findings(&text).iter().map(|finding| finding.signature.id).collect();
    assert_eq!(found, ["slack-session-cookie", "slack-client-token"]);
}
