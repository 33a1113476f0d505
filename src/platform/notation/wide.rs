//! JSON in UTF-16, little endian, with or without a mark (Power BI's `DataModelSchema`): the same in UTF-8.

use super::{MAX_TEXT, Marks, Transcript};

/// The transcript, if the text begins as an object or list in UTF-16.
pub(super) fn transcript(text: &[u8]) -> Option<Transcript> {
    let start = if text.starts_with(b"\xFF\xFE") { 2 } else { 0 };
    if !matches!(text.get(start..start + 2)?, [b'{' | b'[', 0]) {
        return None;
    }
    let units = text.get(start..)?.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let mut out = Vec::with_capacity(text.len().min(MAX_TEXT) / 2);
    let mut pairs = vec![(start, 0)];
    let mut at = start;
    for letter in char::decode_utf16(units).map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER)) {
        if out.len() >= MAX_TEXT {
            break;
        }
        let width = 2 * letter.len_utf16();
        out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
        at += width;
        if !letter.is_ascii() {
            pairs.push((at, out.len()));
        }
    }
    Some(Transcript { text: out, marks: Marks { pairs, is_wide: true } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_has_its_place() {
        let text = "{\"ä\": \"x😀y\", \"b\": \"VALUE\"}";
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let transcript = transcript(&wide).expect("a transcript");
        assert_eq!(transcript.text, text.as_bytes());
        let units = text.find("VALUE").map(|at| text[..at].encode_utf16().count()).expect("a value");
        let place = transcript.marks.transcribed(&(units * 2..units * 2 + 10));
        assert_eq!(transcript.text.get(place), Some(b"VALUE".as_slice()));
        assert!(super::transcript(b"{}").is_none() && super::transcript(b"").is_none());
    }
}
