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
    "invalid",
    "missing",
    "incorrect",
    "wrong",
    "correct",
    "valid",
    "pass",
    "fail",
];

/// Pieces of code, selectors and paths that stand behind `password =` or `password:` in programs. Those that might be a
/// password have no digit.
pub(super) fn is_code(value: &[u8]) -> bool {
    let word = |byte: &u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-');
    let path = |byte: &u8| word(byte) || matches!(byte, b'/' | b'#' | b'.' | b':');
    match value {
        [b',' | b')' | b';', rest @ ..] => !rest.iter().any(u8::is_ascii_digit),
        [b'.', b'$' | b'[', ..] => true,
        [b'@', host @ ..] => super::identifier::is_host(&host.to_ascii_lowercase()),
        [b'#' | b'.', rest @ ..] if !rest.is_empty() && rest.iter().all(word) => true,
        _ if value.starts_with(b"arn:") => true,
        _ => {
            let slashes = value.iter().filter(|byte| **byte == b'/').count();
            (slashes >= 2 || memchr::memmem::find(value, b"::").is_some()) && value.iter().all(path)
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_behind_names() {
        for value in [
            "#loginPassword",
            ".password-field",
            ".$row",
            "@mail.example.org",
            ");",
            "/etc/app/password",
            "arn:aws:secret",
            "Hash::make",
        ] {
            assert!(is_code(value.as_bytes()), "{value}");
        }
        for value in ["#Summer2019", ";horse7staple", "Winter/2020", "a::7", "correct-horse", "@home", ""] {
            assert!(!is_code(value.as_bytes()), "{value}");
        }
    }
}
