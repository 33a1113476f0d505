//! Words that stand under a password's name without being one: types, states, descriptions.

/// Values that schemas, forms and switches have there.
const WORDS: &[&str] = &[
    "true",
    "false",
    "null",
    "none",
    "undefined",
    "string",
    "text",
    "password",
    "passwort",
    "secret",
    "required",
    "optional",
    "hidden",
    "object",
    "number",
    "boolean",
    "expression",
    "securestring",
    "secureobject",
    "parameter",
    "default",
    "value",
    "basic",
    "input",
    "output",
    "type",
    "name",
    "username",
    "user",
    "yes",
    "no",
    "on",
    "off",
    "enabled",
    "disabled",
    "unknown",
    "empty",
    "test",
    "example",
    "sample",
    "changeme",
    "env",
    "literal",
    "body",
    "header",
    "query",
    "credential",
    "credentials",
    "token",
    "key",
    "apikey",
    "keychain",
    "vault",
    "generic",
    "custom",
    "manual",
    "auto",
    "automatic",
    "always",
    "never",
];

/// Pieces of code and selectors that stand behind `password =` or `password:` in programs.
pub(super) fn is_code(value: &[u8]) -> bool {
    let word = |byte: &u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-');
    let path = |byte: &u8| word(byte) || matches!(byte, b'/' | b'#' | b'.' | b':');
    match value {
        [b',' | b')' | b';', ..] => true,
        [b'.', b'$' | b'[', ..] => true,
        [b'@', host @ ..] => super::identifier::is_host(&host.to_ascii_lowercase()),
        [b'#' | b'.', rest @ ..] if !rest.is_empty() && rest.iter().all(word) => true,
        _ if value.starts_with(b"arn:") => true,
        _ => value.iter().all(path) && value.iter().filter(|byte| **byte == b'/').count() >= 2,
    }
}

/// Whether a value is one of them, or only letters that begin like one of them: `passwordField`, `SecureString`.
pub(super) fn is_plain_word(value: &[u8]) -> bool {
    let folded = value.to_ascii_lowercase();
    if WORDS.iter().any(|word| word.as_bytes() == folded) {
        return true;
    }
    let letters = folded.iter().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-' | b'.'));
    letters
        && ["password", "passwd", "secret", "user", "your", "the"]
            .iter()
            .any(|start| folded.starts_with(start.as_bytes()))
}
