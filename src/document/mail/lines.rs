//! The lines of a mail, up to the next delimiter of the multiparts that are open (RFC 2046, 5.1.1).

use std::io::{self, BufRead, Read};

use super::transfer::{Decoder, Encoding, split_ending};

/// The longest piece of a line, in bytes.
const PIECE: u64 = 64 << 10;

/// A line that ends a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Delimiter {
    /// Which of the open multiparts it belongs to.
    pub(super) level: usize,
    /// Whether that multipart ends with it.
    pub(super) closes: bool,
}

/// Lines, one at a time.
pub(super) struct Lines<R> {
    reader: R,
    line: Vec<u8>,
    /// Whether the last piece ended its line.
    ended: bool,
    /// Of the open multiparts, outermost first.
    pub(super) boundaries: Vec<Vec<u8>>,
    delimiter: Option<Delimiter>,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, line: Vec::new(), ended: true, boundaries: Vec::new(), delimiter: None }
    }

    /// The next line with its end, or a piece of a very long one; `None` at a delimiter and at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<&[u8]>> {
        if self.delimiter.is_some() {
            return Ok(None);
        }
        self.line.clear();
        (&mut self.reader).take(PIECE).read_until(b'\n', &mut self.line)?;
        if self.ended {
            self.delimiter = self.find_delimiter();
        }
        self.ended = self.line.ends_with(b"\n");
        Ok((self.delimiter.is_none() && !self.line.is_empty()).then_some(&self.line))
    }

    fn find_delimiter(&self) -> Option<Delimiter> {
        let text = split_ending(&self.line).0.strip_prefix(b"--")?.trim_ascii_end();
        self.boundaries.iter().enumerate().rev().find_map(|(level, boundary)| {
            match text.strip_prefix(boundary.as_slice())? {
                b"" => Some(Delimiter { level, closes: false }),
                b"--" => Some(Delimiter { level, closes: true }),
                _ => None,
            }
        })
    }

    /// Goes on behind the delimiter, if there is one.
    pub(super) fn pass(&mut self) -> Option<Delimiter> {
        self.delimiter.take()
    }

    /// The bytes of the part that begins here.
    pub(super) fn content(&mut self, encoding: Encoding) -> Content<'_, R> {
        Content { lines: self, decoder: Decoder::new(encoding), decoded: Vec::new(), given: 0, ended: false }
    }
}

/// The decoded bytes of one part.
pub(super) struct Content<'a, R> {
    lines: &'a mut Lines<R>,
    decoder: Decoder,
    decoded: Vec<u8>,
    given: usize,
    ended: bool,
}

impl<R: BufRead> Read for Content<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given == self.decoded.len() && !self.ended {
            self.decoded.clear();
            self.given = 0;
            match self.lines.next()? {
                Some(line) => self.decoder.line(line, &mut self.decoded),
                None => {
                    self.decoder.finish(&mut self.decoded);
                    self.ended = true;
                }
            }
        }
        let mut rest = self.decoded.get(self.given..).unwrap_or_default();
        let read = rest.read(buffer)?;
        self.given += read;
        Ok(read)
    }
}
