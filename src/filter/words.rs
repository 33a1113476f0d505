//! Words in values and names: how a text falls into words, and the lists that the filters go by.

/// What asks to be replaced: one such word makes a value a placeholder.
#[rustfmt::skip]
pub(super) const REPLACE: &[&str] = &[
    "your", "yours", "placeholder", "changeme", "changeit", "changethis", "replaceme", "replace", "insert",
    "paste", "enter", "redacted", "censored", "masked", "scrubbed", "sanitized", "removed", "example",
    "examplekey", "sample", "dummy", "fake", "foobar", "lorem", "todo", "fixme", "votre", "deine", "deinen",
    "ihren", "vuestra",
];

/// The same in scripts without borders between words: Chinese, Japanese, Russian "your".
pub(super) const REPLACE_ANYWHERE: &[&str] = &["你的", "您的", "あなたの", "ваш", "Ваш"];

/// What a credential is called.
#[rustfmt::skip]
pub(super) const NOUNS: &[&str] = &[
    "key", "keys", "token", "tokens", "secret", "secrets", "password", "passwords", "passwd", "pwd", "pass",
    "passphrase", "passwort", "credential", "credentials", "auth", "authorization", "apikey", "bearer",
    "signature", "pat", "jwt",
];

/// What stands around such a noun where it is only named: a value of nothing but these and a noun holds no secret.
#[rustfmt::skip]
pub(super) const FILLERS: &[&str] = &[
    "api", "app", "application", "client", "access", "refresh", "oauth", "basic", "user", "username",
    "login", "account", "id", "private", "public", "shared", "my", "our", "some", "any", "the", "this",
    "that", "here", "value", "string", "code", "name", "header", "test", "testing", "demo", "temp", "tmp",
    "default", "new", "old", "service", "server", "host", "target", "webhook", "signing", "session",
    "random", "strong", "super", "actual", "real", "valid", "put", "add", "set", "use", "get", "fill",
    "goes", "in", "with", "is", "not", "for", "of", "to", "and", "me", "it", "change", "long", "live",
    "prod", "dev", "bot", "web", "hook", "admin", "root", "developer", "personal", "account", "encryption",
    "encoded", "generic", "custom", "http", "query",
];

/// What marks a trial value even with a few digits behind it.
#[rustfmt::skip]
pub(super) const TRIALS: &[&str] = &[
    "test", "testing", "demo", "foo", "bar", "baz", "asdf", "hello", "temp", "tmp", "value",
];

/// What stands where nothing does.
#[rustfmt::skip]
pub(super) const NOTHING: &[&str] = &[
    "undefined", "null", "nil", "none", "n/a", "na", "nan", "true", "false", "empty", "tbd",
    "[object object]",
];

/// Samples of well-known documentation, without their prefixes.
#[rustfmt::skip]
pub(super) const SAMPLES: &[&str] = &[
    // RFC 6749, sections 1.3 to 6: authorization code, access and refresh token, basic credentials.
    "SplxlOBeZQQYbYS6WxSbIA", "2YotnFZFEjr1zCsicMWpAA", "tGzv3JOkF0XG5Qx2TlKWIA",
    "czZCaGRSa3F0MzpnWDFmQmF0M2JW",
    // RFC 6750, section 2.1.
    "mF_9.B5f-4.1JqM",
    // RFC 7617, section 2 ("Aladdin:open sesame"), and RFC 6455, section 1.3.
    "QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "dGhlIHNhbXBsZSBub25jZQ==",
    // jwt.io: the signature of the token that the page opens with.
    "SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c",
    // core.telegram.org/bots/api: the end of the sample token.
    "SAs0K5PALDsaw",
    // docs.stripe.com: the test keys of pages read without a login.
    "4eC39HqLyjWDarjtT1zdp7dc", "BQokikJOvBiI2HlWgH4olfQ2",
    // learn.microsoft.com: Azurite's and the Cosmos DB emulator's only account key.
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
    "C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw/Jw==",
    // Postman's echo service ("postman:password").
    "cG9zdG1hbjpwYXNzd29yZA==",
];

/// Names of members that hold a digest.
#[rustfmt::skip]
pub(super) const DIGESTS: &[&str] = &[
    "sha", "commit", "hash", "hashes", "etag", "md", "digest", "checksum", "rev", "revision", "integrity",
    "oid", "fingerprint", "crc", "tree", "blob",
];

/// The words that stand before a credential in a header.
#[rustfmt::skip]
const SCHEMES: &[&str] = &[
    "bearer", "token", "key", "basic", "bot", "zoho-oauthtoken", "apikey", "api-key", "oauth", "digest",
    "sso-key", "jwt", "ghost", "splunk", "discogs",
];

/// Whether the list has the word, in any case.
pub(super) fn lists(list: &[&str], word: &[u8]) -> bool {
    list.iter().any(|listed| listed.as_bytes().eq_ignore_ascii_case(word))
}

/// The value without what stands around it: blanks, quotes, the `=` of an n8n expression, the scheme of a header.
pub fn bare(value: &[u8]) -> &[u8] {
    let value = unquoted(value);
    let value = value.strip_prefix(b"=").map_or(value, unquoted);
    match value.iter().position(|&byte| byte == b' ') {
        Some(blank) if lists(SCHEMES, &value[..blank]) => unquoted(&value[blank..]),
        _ if lists(&["bearer", "basic"], value) => b"",
        _ => value,
    }
}

fn unquoted(value: &[u8]) -> &[u8] {
    let value = value.trim_ascii();
    let quote = |&&first: &&u8| matches!(first, b'"' | b'\'' | b'`');
    match value.first().filter(quote) {
        Some(&quote) if value.len() > 1 && value.ends_with(&[quote]) => &value[1..value.len() - 1],
        _ => value,
    }
}

/// The words of a text: runs of letters and runs of digits, with a border before an upper-case letter that begins a
/// word (`apiKey`, `HTTPServer`).
pub fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let start = rest.iter().position(u8::is_ascii_alphanumeric)?;
        let (word, behind) = rest[start..].split_at(word_len(&rest[start..]));
        rest = behind;
        Some(word)
    })
}

/// Length of the word that `text` begins with.
fn word_len(text: &[u8]) -> usize {
    let run = |class: fn(&u8) -> bool| text.iter().take_while(|byte| class(byte)).count();
    let upper = run(u8::is_ascii_uppercase);
    let lower = text[upper..].iter().take_while(|byte| byte.is_ascii_lowercase()).count();
    match (upper, lower) {
        (0, 0) => run(u8::is_ascii_digit),
        (0 | 1, _) | (_, 0) => upper + lower,
        _ => upper - 1,
    }
}

/// The unbroken runs of letters and digits.
pub(super) fn runs(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| !byte.is_ascii_alphanumeric()).filter(|run| !run.is_empty())
}

/// Whether the letters are words of the lists written together: `CLIENTSECRET`. At most 40 letters.
pub(super) fn spelled(letters: &[u8], lists_of: &[&[&str]]) -> bool {
    const LONGEST: usize = 40;
    if letters.is_empty() || letters.len() > LONGEST {
        return false;
    }
    // Bit n: the first n letters can be spelled.
    let mut reached = 1u64;
    for start in 0..letters.len() {
        if reached >> start & 1 == 0 {
            continue;
        }
        let rest = &letters[start..];
        for word in lists_of.iter().copied().flatten() {
            let fits = rest.get(..word.len()).is_some_and(|part| part.eq_ignore_ascii_case(word.as_bytes()));
            reached |= u64::from(fits) << (start + word.len()).min(63);
        }
    }
    reached >> letters.len() & 1 == 1
}

/// Whether a name says that a credential stands under it: one of its words does, perhaps written together with
/// others (`accesstoken`, but not `monkey`).
pub fn names_credential(name: &[u8]) -> bool {
    words(name).any(|word| has_noun(word) && spelled(word, &[NOUNS, FILLERS]))
}

/// Whether a word begins or ends with what a credential is called.
pub(super) fn has_noun(word: &[u8]) -> bool {
    NOUNS.iter().any(|noun| {
        let rest = word.len().checked_sub(noun.len());
        rest.is_some_and(|rest| lists(&[noun], &word[rest..]) || lists(&[noun], &word[..noun.len()]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<&str> {
        words(text.as_bytes()).map(|word| std::str::from_utf8(word).expect("ASCII")).collect()
    }

    #[test]
    fn words_have_borders() {
        assert_eq!(split("apiKey"), ["api", "Key"]);
        assert_eq!(split("HTTPServer_v2"), ["HTTP", "Server", "v", "2"]);
        assert_eq!(split("X-API-KEY"), ["X", "API", "KEY"]);
        assert_eq!(split("Größe"), ["Gr", "e"]);
        assert_eq!(split(""), Vec::<&str>::new());
    }

    #[test]
    fn bare_values() {
        assert_eq!(bare(b"=Bearer abc"), b"abc");
        assert_eq!(bare(b" \"Zoho-oauthtoken abc\" "), b"abc");
        assert_eq!(bare(b"Bearer "), b"");
        assert_eq!(bare(b"two words"), b"two words");
        assert_eq!(bare(b"\""), b"\"");
    }

    #[test]
    fn spells_words_together() {
        assert!(spelled(b"CLIENTSECRET", &[NOUNS, FILLERS]));
        assert!(spelled(b"mypass", &[NOUNS, FILLERS]));
        assert!(!spelled(b"mypasq", &[NOUNS, FILLERS]));
        assert!(!spelled(b"", &[NOUNS]));
        assert!(!spelled(&[b'a'; 99], &[NOUNS]));
    }
}
