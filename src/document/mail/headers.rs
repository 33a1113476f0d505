//! Headers of mail: a block of lines → names with values (RFC 5322, 2.2), their parameters (RFC 2045, 5.1 and RFC 2231)
//! and the encoded words in them (RFC 2047).

use super::transfer::{self, hex};
use crate::document::charset;

/// The headers of a message or a part.
#[derive(Default)]
pub(super) struct Headers(Vec<(String, Vec<u8>)>);

impl Headers {
    /// Adds a line: a header, or one that goes on with the header before. False if it is neither.
    pub(super) fn line(&mut self, line: &[u8]) -> bool {
        let (text, _) = transfer::split_ending(line);
        if text.starts_with(b" ") || text.starts_with(b"\t") {
            if let Some((_, value)) = self.0.last_mut() {
                value.extend_from_slice(text);
            }
            return !self.0.is_empty();
        }
        let Some((name, value)) = split(text) else { return false };
        self.0.push((name.to_owned(), value.trim_ascii_start().to_vec()));
        true
    }

    /// All of them, decoded.
    pub(super) fn decoded(&self) -> impl Iterator<Item = (&str, String)> {
        self.0.iter().map(|(name, value)| (name.as_str(), decode_words(value)))
    }

    /// The value of the first one of that name.
    pub(super) fn get(&self, name: &str) -> Option<Structured> {
        let (_, value) = self.0.iter().find(|(own, _)| own.eq_ignore_ascii_case(name))?;
        Some(Structured::parse(&String::from_utf8_lossy(value)))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A header's name and value, if a line is one: the name is printable ASCII without a blank.
pub(super) fn split(line: &[u8]) -> Option<(&str, &[u8])> {
    let colon = memchr::memchr(b':', line.get(..line.len().min(128))?)?;
    let (name, value) = (line.get(..colon)?.trim_ascii_end(), line.get(colon + 1..)?);
    let fits = !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
    Some((std::str::from_utf8(name).ok().filter(|_| fits)?, value))
}

/// A value with parameters: `text/plain; charset="utf-8"`.
pub(super) struct Structured {
    /// What stands before the first parameter, in lower case.
    pub(super) value: String,
    parameters: Vec<(String, String)>,
}

impl Structured {
    fn parse(text: &str) -> Self {
        let mut pieces = pieces(text).into_iter();
        let value = pieces.next().unwrap_or_default().trim().to_ascii_lowercase();
        let parameter = |piece: String| {
            let (name, value) = piece.split_once('=')?;
            Some((name.trim().to_ascii_lowercase(), unquoted(value.trim())))
        };
        Self { value, parameters: pieces.filter_map(parameter).collect() }
    }

    /// A parameter, put together of its continuations and decoded.
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        let plain = self.parameters.iter().find(|(own, _)| own == name);
        match plain {
            Some((_, value)) => Some(decode_words(value.as_bytes())),
            None => self.extended(name),
        }
    }

    /// RFC 2231: `name*=utf-8''…`, `name*0="…"`, `name*1*=…`.
    fn extended(&self, name: &str) -> Option<String> {
        let mut charset = None;
        let mut bytes = Vec::new();
        for (own, value) in &self.parameters {
            let Some(rest) = own.strip_prefix(name).and_then(|rest| rest.strip_prefix('*')) else { continue };
            let encoded = rest.is_empty() || rest.ends_with('*');
            let mut value = value.as_str();
            if encoded && bytes.is_empty() && value.matches('\'').count() >= 2 {
                let mut parts = value.splitn(3, '\'');
                charset = parts.next().map(str::to_owned);
                value = parts.nth(1).unwrap_or_default();
            }
            if encoded { percent_decode(value.as_bytes(), &mut bytes) } else { bytes.extend(value.bytes()) }
        }
        (!bytes.is_empty()).then(|| to_text(&bytes, charset.as_deref().unwrap_or_default()))
    }
}

/// Splits at semicolons outside of quotes.
fn pieces(text: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let (mut quoted, mut escaped) = (false, false);
    for character in text.chars() {
        match character {
            '"' if !escaped => quoted = !quoted,
            ';' if !quoted => {
                pieces.push(String::new());
                continue;
            }
            _ => {}
        }
        escaped = quoted && character == '\\' && !escaped;
        if let Some(piece) = pieces.last_mut() {
            piece.push(character);
        }
    }
    pieces
}

fn unquoted(text: &str) -> String {
    let Some(inner) = text.strip_prefix('"') else {
        // A comment may stand behind it.
        return text.split_whitespace().next().unwrap_or_default().to_owned();
    };
    let mut value = String::new();
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => break,
            '\\' => value.extend(characters.next()),
            _ => value.push(character),
        }
    }
    value
}

fn percent_decode(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let [byte, after @ ..] = rest {
        rest = after;
        if let (b'%', [high, low, after @ ..]) = (*byte, after)
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
        {
            out.push(high << 4 | low);
            rest = after;
        } else {
            out.push(*byte);
        }
    }
}

fn to_text(bytes: &[u8], label: &str) -> String {
    match charset::encoding(label) {
        Some(encoding) => encoding.decode_without_bom_handling(bytes).0.into_owned(),
        None => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// Decodes the encoded words in a value. Blanks between two of them are no part of the text.
pub(super) fn decode_words(value: &[u8]) -> String {
    let mut out = String::new();
    let mut rest = value;
    let mut after_word = false;
    while let Some(start) = memchr::memmem::find(rest, b"=?") {
        let (before, word) = rest.split_at(start);
        if !(after_word && before.trim_ascii().is_empty()) {
            out.push_str(&String::from_utf8_lossy(before));
        }
        let end = match encoded_word(word) {
            Some((text, length)) => {
                out.push_str(&text);
                after_word = true;
                length
            }
            None => {
                out.push_str("=?");
                after_word = false;
                2
            }
        };
        rest = word.get(end..).unwrap_or_default();
    }
    out.push_str(&String::from_utf8_lossy(rest));
    out
}

/// `=?charset?Q?text?=` at the beginning: its text and its length.
fn encoded_word(word: &[u8]) -> Option<(String, usize)> {
    let inner = word.strip_prefix(b"=?")?;
    // A word has at most 75 characters; some writers take more.
    let inner = inner.get(..inner.len().min(4096))?;
    let mut parts = inner.splitn(3, |byte| *byte == b'?');
    let (charset, method, text) = (parts.next()?, parts.next()?, parts.next()?);
    let end = memchr::memmem::find(text, b"?=")?;
    let text = text.get(..end)?;
    let bytes = match method {
        b"B" | b"b" => transfer::decode(transfer::Encoding::Base64, text),
        b"Q" | b"q" => {
            let text: Vec<u8> = text.iter().map(|byte| if *byte == b'_' { b' ' } else { *byte }).collect();
            transfer::decode(transfer::Encoding::QuotedPrintable, &text)
        }
        _ => return None,
    };
    let label = std::str::from_utf8(charset).ok()?.split('*').next()?; // a language may follow (RFC 2231)
    Some((to_text(&bytes, label), 2 + charset.len() + 1 + method.len() + 1 + end + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Expected values by Python's email.header and email.message.
    #[test]
    fn encoded_words() {
        for (value, wanted) in [
            ("plain", "plain"),
            ("=?utf-8?B?U2NobMO8c3NlbA==?=", "Schlüssel"),
            ("=?iso-8859-1?Q?Schl=FCssel_1?= =?utf-8?q?_und_2?= end", "Schlüssel 1 und 2 end"),
            ("a =?utf-8*de?Q?b?= c", "a b c"),
            ("=?broken", "=?broken"),
            ("=?utf-8?X?abc?=", "=?utf-8?X?abc?="),
        ] {
            assert_eq!(decode_words(value.as_bytes()), wanted);
        }
    }

    #[test]
    fn parameters() {
        let value = Structured::parse(
            "Attachment; filename*0*=utf-8''Schl%C3%BC; filename*1=\"ssel;.txt\"; a=b (c); d=\"\\\"x\\\"\"",
        );
        assert_eq!(value.value, "attachment");
        assert_eq!(value.parameter("filename").as_deref(), Some("Schlüssel;.txt"));
        assert_eq!(value.parameter("a").as_deref(), Some("b"));
        assert_eq!(value.parameter("d").as_deref(), Some("\"x\""));
        assert_eq!(value.parameter("none"), None);
    }

    #[test]
    fn lines_are_folded() {
        let mut headers = Headers::default();
        assert!(headers.line(b"Subject: one\r\n") && headers.line(b"\ttwo\r\n") && headers.line(b"X:y\n"));
        assert!(!headers.line(b"no header\r\n"));
        let decoded: Vec<_> = headers.decoded().collect();
        assert_eq!(decoded, [("Subject", "one\ttwo".to_owned()), ("X", "y".to_owned())]);
    }
}
