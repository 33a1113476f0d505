//! Transfer encodings of mail (RFC 2045, section 6), line by line and forgiving: what is not of the encoding stays as it
//! is (quoted-printable) or is passed over (base64).

/// How the bytes of a part are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// As they are: `7bit`, `8bit`, `binary`.
    Plain,
    QuotedPrintable,
    Base64,
}

impl Encoding {
    /// By the value of `Content-Transfer-Encoding`.
    pub(super) fn named(name: &str) -> Self {
        match name.trim().to_ascii_lowercase().as_str() {
            "quoted-printable" => Self::QuotedPrintable,
            "base64" => Self::Base64,
            _ => Self::Plain,
        }
    }
}

/// Decodes the lines of one part.
pub(super) struct Decoder {
    encoding: Encoding,
    /// Of quoted-printable: the end of a piece that may go on. Of base64: bits that do not yet make a byte.
    carry: Vec<u8>,
    bits: u32,
    count: u32,
}

impl Decoder {
    pub(super) fn new(encoding: Encoding) -> Self {
        Self { encoding, carry: Vec::new(), bits: 0, count: 0 }
    }

    /// Decodes a line with its end, or a piece of a very long line.
    pub(super) fn line(&mut self, line: &[u8], out: &mut Vec<u8>) {
        match self.encoding {
            Encoding::Plain => out.extend_from_slice(line),
            Encoding::QuotedPrintable => self.quoted_printable(line, out),
            Encoding::Base64 => self.base64(line, out),
        }
    }

    /// What is left at the end of the part.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.carry);
    }

    fn quoted_printable(&mut self, line: &[u8], out: &mut Vec<u8>) {
        self.carry.extend_from_slice(line);
        let line = std::mem::take(&mut self.carry);
        let (text, ending) = split_ending(&line);
        // Blanks before the end of a line were added on the way (rule 3).
        let text = if ending.is_empty() { text } else { text.trim_ascii_end() };
        let mut rest = text;
        while let Some(at) = memchr::memchr(b'=', rest) {
            let (before, escape) = rest.split_at(at);
            out.extend_from_slice(before);
            match escape {
                [_] if !ending.is_empty() => return, // a soft line break
                [_] | [_, _] if ending.is_empty() => {
                    self.carry.extend_from_slice(escape);
                    return;
                }
                [_, high, low, after @ ..] if hex(*high).is_some() && hex(*low).is_some() => {
                    out.push(hex(*high).unwrap_or(0) << 4 | hex(*low).unwrap_or(0));
                    rest = after;
                }
                [_, after @ ..] => {
                    out.push(b'=');
                    rest = after;
                }
                [] => {}
            }
        }
        out.extend_from_slice(rest);
        out.extend_from_slice(ending);
    }

    fn base64(&mut self, line: &[u8], out: &mut Vec<u8>) {
        for byte in line {
            let digit = match byte {
                b'A'..=b'Z' => byte - b'A',
                b'a'..=b'z' => byte - b'a' + 26,
                b'0'..=b'9' => byte - b'0' + 52,
                b'+' | b'-' => 62,
                b'/' | b'_' => 63,
                b'=' => {
                    self.count = 0; // what comes behind it is another piece
                    continue;
                }
                _ => continue,
            };
            self.bits = self.bits << 6 | u32::from(digit);
            self.count += 6;
            if self.count >= 8 {
                self.count -= 8;
                out.push((self.bits >> self.count) as u8); // the lowest eight bits of it
            }
        }
    }
}

/// A line and its end.
pub(super) fn split_ending(line: &[u8]) -> (&[u8], &[u8]) {
    let text = line.strip_suffix(b"\n").unwrap_or(line);
    let text = if text.len() < line.len() { text.strip_suffix(b"\r").unwrap_or(text) } else { text };
    line.split_at(text.len())
}

/// The value of a hexadecimal digit.
pub(in crate::document) fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// Decodes all of it at once.
pub(super) fn decode(encoding: Encoding, text: &[u8]) -> Vec<u8> {
    let (mut decoder, mut out) = (Decoder::new(encoding), Vec::new());
    decoder.line(text, &mut out);
    decoder.finish(&mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(encoding: Encoding, pieces: &[&str]) -> String {
        let (mut decoder, mut out) = (Decoder::new(encoding), Vec::new());
        pieces.iter().for_each(|piece| decoder.line(piece.as_bytes(), &mut out));
        decoder.finish(&mut out);
        String::from_utf8(out).unwrap()
    }

    // Expected values by Python's quopri and base64, but for what is broken: that is RFC 2045, 6.7's advice.
    #[test]
    fn lines_are_decoded() {
        let printable = |pieces| decoded(Encoding::QuotedPrintable, pieces);
        assert_eq!(printable(&["key=3Dab=\r\n", "cd  \r\n", "Schl=C3=BCssel\n"]), "key=abcd\r\nSchlüssel\n");
        assert_eq!(printable(&["a=", "3", "Db= \n", "c=zz=4"]), "a=bc=zz=4");
        let base64 = |pieces| decoded(Encoding::Base64, pieces);
        assert_eq!(base64(&["a2V\r\n", "5PX\n", "h5eg==\n", "IQ=="]), "key=xyz!");
        assert_eq!(base64(&["a2V5", "*PXg"]), "key=x");
    }
}
