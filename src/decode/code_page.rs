//! Code pages: documents of XML and HTML that declare an encoding other than UTF-8 (XML 1.0 §4.3.3; HTML Living Standard
//! §13.2.3.2). A credential is ASCII and needs none of it, but the names and values around it may.

use encoding_rs::{Decoder, DecoderResult, Encoding as Page};

use super::{Decoded, OffsetMap};
use crate::blob::Span;
use crate::finding::Encoding;

/// How far into a document a declaration is looked for, in bytes; HTML says so.
const HEAD: usize = 1024;

/// The code page that a document declares, if it has bytes for which that matters.
fn declared(bytes: &[u8]) -> Option<&'static Page> {
    let begin = bytes.iter().take(HEAD).position(|byte| !byte.is_ascii_whitespace())?;
    if bytes.get(begin) != Some(&b'<') {
        return None;
    }
    let head = bytes.get(begin..bytes.len().min(begin + HEAD))?;
    let label = match head.strip_prefix(b"<?xml") {
        Some(rest) => {
            let end = memchr::memchr(b'>', rest)?;
            value(rest.get(..end)?, b"encoding")
        }
        None => value(head, b"charset"),
    }?;
    let page = Page::for_label(label)?;
    // Those that are no supersets of ASCII, or have states, are read as they stand.
    (page != encoding_rs::UTF_8 && page.is_ascii_compatible() && !bytes.is_ascii()).then_some(page)
}

/// What stands behind `name=`, without its quotes.
fn value<'a>(head: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let at = memchr::memmem::find(&head.to_ascii_lowercase(), name)? + name.len();
    let blank = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'=' | b'"' | b'\'');
    let rest = head.get(at..)?;
    let start = rest.iter().position(|byte| !blank(byte))?;
    if start == 0 {
        return None;
    }
    let end = |byte: &u8| !(byte.is_ascii_alphanumeric() || b"-_:.".contains(byte));
    let value = rest.get(start..)?;
    value.get(..value.iter().position(end).unwrap_or(value.len()))
}

/// Decodes a whole document in the code page that it declares, to UTF-8. What is no character becomes U+FFFD. `None` where
/// it declares none, or is ASCII.
pub fn decode(bytes: &[u8]) -> Option<Decoded> {
    decode_as(bytes, 0..bytes.len(), declared(bytes)?)
}

fn decode_as(parent: &[u8], span: Span, page: &'static Page) -> Option<Decoded> {
    let bytes = parent.get(span.clone())?;
    let (mut text, mut map) = (Vec::with_capacity(bytes.len() + bytes.len() / 8), OffsetMap::default());
    let mut decoder = page.new_decoder_without_bom_handling();
    let mut at = 0;
    while at < bytes.len() {
        let ascii = bytes[at..].iter().take_while(|byte| byte.is_ascii()).count();
        text.extend_from_slice(&bytes[at..at + ascii]);
        map.push_copy(span.start + at..span.start + at + ascii);
        at += ascii;
        let mut character = [0; 16];
        let (length, written) = next_character(&bytes[at..], &mut decoder, &mut character);
        text.extend(character.iter().take(written));
        map.push_group(span.start + at..span.start + at + length, written);
        at += length;
    }
    (!text.is_empty()).then_some(Decoded { text, map, encoding: Encoding::CodePage })
}

/// Writes the character (some have two scalars) at the start of `bytes`. Returns how many bytes it takes, and how many were
/// written.
fn next_character(bytes: &[u8], decoder: &mut Decoder, out: &mut [u8; 16]) -> (usize, usize) {
    let mut length = 0;
    while let Some(byte) = bytes.get(length..length + 1) {
        let last = length + 1 == bytes.len();
        let (result, read, written) = decoder.decode_to_utf8_without_replacement(byte, out, last);
        length += read;
        match result {
            DecoderResult::Malformed(..) => {
                // It may have been a byte that belongs to nothing before it: that one is looked at again.
                let sign = char::REPLACEMENT_CHARACTER.encode_utf8(out).len();
                return (length.max(1), sign);
            }
            _ if written > 0 => return (length, written),
            _ => {}
        }
    }
    (length, 0)
}

/// Encodes in the code page that the document declares; what it has no character for becomes a reference by number.
pub(super) fn encode_like(text: &[u8], parent: &[u8]) -> Option<Vec<u8>> {
    let page = declared(parent)?;
    Some(page.encode(&String::from_utf8_lossy(text)).0.into_owned())
}

#[cfg(test)]
mod tests {
    use super::super::laws;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn decodes_what_is_declared() {
        for (document, text) in [
            (&b"<?xml version='1.0' encoding=\"windows-1252\"?><a>Gr\xf6\xdfe \x80</a>"[..], "Größe €"),
            (b"<?xml version=\"1.0\" encoding='ISO-8859-1' ?><a>Gr\xf6\xdfe</a>", "Größe"),
            (b"<html><meta charset=shift_jis><p>\x83p\x83X</p>", "パス"),
            (b"\n<meta http-equiv=Content-Type content=\"text/html; charset=windows-1251\">\xcf\xe0", "Па"),
        ] {
            let decoded = decode(document).expect("a code page");
            let all = String::from_utf8(decoded.text).expect("UTF-8");
            assert!(all.contains(text), "{all}");
        }
    }

    #[test]
    fn leaves_others_alone() {
        for document in [
            &b"<?xml version='1.0' encoding='utf-8'?><a>\xf6</a>"[..],
            b"<?xml version='1.0' encoding='windows-1252'?><a>plain</a>",
            b"<?xml version='1.0'?><a>\xf6</a>",
            b"charset=windows-1252 \xf6",
            b"<p>charset</p>\xf6",
            b"",
        ] {
            assert_eq!(decode(document), None, "{}", String::from_utf8_lossy(document));
        }
    }

    #[test]
    fn maps_to_the_bytes() {
        let document = b"<?xml version='1.0' encoding='windows-1252'?><a>\xf6key\xfc</a>";
        let decoded = decode(document).expect("a code page");
        let at = memchr::memmem::find(&decoded.text, b"key").expect("it stands there");
        let place = memchr::memmem::find(document, b"key").expect("it stands there");
        assert_eq!(decoded.map.encoded(at..at + 3).cover(), place..place + 3);
        let rewrite = decoded.rewrite(document, at - 2..at + 3, "ß€".as_bytes()).expect("it lies there");
        assert_eq!((rewrite.span, rewrite.bytes), (place - 1..place + 3, b"\xdf\x80".to_vec()));
    }

    proptest! {
        #[test]
        fn keeps_the_laws(text in "[a-z<>éüß€ –]{1,60}", with in "[a-zßœ]{1,6}", ends in any::<[proptest::sample::Index; 2]>()) {
            let head = "<?xml version='1.0' encoding='windows-1252'?>ö";
            let page = encoding_rs::WINDOWS_1252;
            let document = page.encode(&format!("{head}{text}")).0.into_owned();
            let Some(decoded) = decode(&document) else { return Err(TestCaseError::fail("a code page")) };
            prop_assert_eq!(String::from_utf8_lossy(&decoded.text), format!("{head}{text}"));
            let part = laws::characters(text.as_bytes(), ends);
            if !part.is_empty() {
                let part = head.len() + part.start..head.len() + part.end;
                let rewrite = decoded.rewrite(&document, part.clone(), with.as_bytes()).expect("it lies there");
                let written = [&document[..rewrite.span.start], &rewrite.bytes, &document[rewrite.span.end..]].concat();
                let read = decode(&written).expect("a code page").text;
                let expected = [&decoded.text[..part.start], with.as_bytes(), &decoded.text[part.end..]].concat();
                prop_assert_eq!(String::from_utf8_lossy(&read), String::from_utf8_lossy(&expected));
            }
        }
    }
}
