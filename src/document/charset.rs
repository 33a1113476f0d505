//! Text of any charset → UTF-8, by the labels of the WHATWG Encoding Standard, which are those of mail as well.

use std::io::{self, Read};

use encoding_rs::{Decoder, Encoding};

/// Bytes that are decoded at a time.
const CHUNK: usize = 16 << 10;

/// The encoding of that label, if its bytes need to be decoded: UTF-8 and ASCII are left as they stand.
pub(super) fn encoding(label: &str) -> Option<&'static Encoding> {
    let label = label.trim();
    if label.eq_ignore_ascii_case("us-ascii") || label.eq_ignore_ascii_case("ascii") {
        return None;
    }
    Encoding::for_label(label.as_bytes()).filter(|encoding| *encoding != encoding_rs::UTF_8)
}

/// The encoding of a Windows code page, which without one is that of western Europe.
pub(super) fn code_page(number: u32) -> &'static Encoding {
    match number {
        65001 => encoding_rs::UTF_8,
        932 => encoding_rs::SHIFT_JIS,
        936 => encoding_rs::GBK,
        949 => encoding_rs::EUC_KR,
        950 => encoding_rs::BIG5,
        10000 => encoding_rs::MACINTOSH,
        20866 => encoding_rs::KOI8_R,
        _ => Encoding::for_label(format!("windows-{number}").as_bytes()).unwrap_or(encoding_rs::WINDOWS_1252),
    }
}

/// UTF-16LE bytes as text.
pub(super) fn utf16(bytes: &[u8]) -> String {
    let units = bytes.chunks_exact(2).filter_map(|pair| Some(u16::from_le_bytes(pair.try_into().ok()?)));
    char::decode_utf16(units).map(|decoded| decoded.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// A stream of some charset as UTF-8.
pub(super) struct Transcode<R> {
    inner: R,
    decoder: Decoder,
    decoded: Vec<u8>,
    given: usize,
    ended: bool,
}

impl<R: Read> Transcode<R> {
    pub(super) fn new(inner: R, encoding: &'static Encoding) -> Self {
        let decoder = encoding.new_decoder();
        Self { inner, decoder, decoded: Vec::new(), given: 0, ended: false }
    }

    fn refill(&mut self) -> io::Result<()> {
        let mut chunk = [0; CHUNK];
        let read = self.inner.read(&mut chunk)?;
        self.ended = read == 0;
        let bytes = chunk.get(..read).unwrap_or_default();
        // The longest that so many bytes can become: at most some times their number.
        self.decoded.resize(self.decoder.max_utf8_buffer_length(read).unwrap_or(CHUNK * 4), 0);
        let (_, _, written, _) = self.decoder.decode_to_utf8(bytes, &mut self.decoded, self.ended);
        self.decoded.truncate(written);
        self.given = 0;
        Ok(())
    }
}

impl<R: Read> Read for Transcode<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given == self.decoded.len() && !self.ended {
            self.refill()?;
        }
        let mut rest = self.decoded.get(self.given..).unwrap_or_default();
        let read = rest.read(buffer)?;
        self.given += read;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transcoded(bytes: &[u8], label: &str) -> String {
        let mut text = String::new();
        Transcode::new(bytes, encoding(label).unwrap()).read_to_string(&mut text).unwrap();
        text
    }

    // Expected values by Python's codecs.
    #[test]
    fn charsets_become_utf8() {
        assert_eq!(transcoded(b"Schl\xfcssel", "ISO-8859-1"), "Schlüssel");
        assert_eq!(transcoded(b"\x1b$B80\x1b(B=x", "iso-2022-jp"), "鍵=x");
        assert_eq!(transcoded(b"k\0e\0y\0", "UTF-16LE"), "key");
        assert_eq!(transcoded(&b"\x8c\xae ".repeat(9000), "shift_jis"), "鍵 ".repeat(9000));
        assert!(encoding("utf-8").is_none() && encoding("US-ASCII").is_none() && encoding("none").is_none());
        assert_eq!(utf16(b"k\0e\0y\0!"), "key");
    }
}
