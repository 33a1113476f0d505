//! Readers that stand between a decoder and whoever looks at its bytes: what a stream may give, and whether it gave
//! what it promised.

use std::cell::Cell;
use std::io::{self, BufRead, Read};
use std::sync::atomic::{AtomicU64, Ordering};

use crc32fast::Hasher;
use flate2::{Decompress, FlushDecompress, Status};

use crate::budget::Allowance;

/// Counts what a decoder gives against the input's allowance, and ends the stream where that is used up. An error ends
/// it as well, and is told once.
pub(super) struct Metered<'a, R> {
    inner: R,
    allowance: &'a Allowance,
    cut: &'a Cell<bool>,
    failed: bool,
}

impl<'a, R> Metered<'a, R> {
    /// `cut` is set where the stream was ended early.
    pub(super) fn new(inner: R, allowance: &'a Allowance, cut: &'a Cell<bool>) -> Self {
        Self { inner, allowance, cut, failed: false }
    }
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.cut.get() || self.failed {
            return Ok(0);
        }
        let read = self.inner.read(buffer).inspect_err(|_| self.failed = true)?;
        // What was granted is at most what was read, a `usize`.
        let granted = self.allowance.take_up_to(read as u64) as usize;
        self.cut.set(granted < read);
        Ok(granted)
    }
}

/// What a container says about a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Promise {
    pub(super) size: u64,
    pub(super) crc: Option<u32>,
}

/// Holds a member's bytes against what its container says about them. The bytes come first, then the error.
pub(super) struct Checked<R> {
    inner: R,
    promise: Promise,
    size: u64,
    crc: Hasher,
    told: bool,
}

impl<R> Checked<R> {
    pub(super) fn new(inner: R, promise: Promise) -> Self {
        Self { inner, promise, size: 0, crc: Hasher::new(), told: false }
    }

    fn verdict(&mut self) -> io::Result<usize> {
        if std::mem::replace(&mut self.told, true) {
            return Ok(0);
        }
        let error = |what| Err(io::Error::new(io::ErrorKind::InvalidData, what));
        if self.size != self.promise.size {
            error("not the size that the archive gives")
        } else if self.promise.crc.is_some_and(|crc| self.crc.clone().finalize() != crc) {
            error("the checksum is wrong")
        } else {
            Ok(0)
        }
    }
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        if read == 0 && !buffer.is_empty() {
            return self.verdict();
        }
        self.size += read as u64;
        self.crc.update(&buffer[..read]);
        Ok(read)
    }
}

/// A raw deflate stream, or one in zlib's wrapper (RFC 1950), that knows where it ends: nothing behind its end is read, and an end that does not come is an
/// error.
pub(super) struct Inflate<R> {
    inner: R,
    state: Decompress,
    /// Whether it has zlib's header and checksum.
    wrapped: bool,
    ended: bool,
}

impl<R: BufRead> Inflate<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, state: Decompress::new(false), wrapped: false, ended: false }
    }

    /// The same for a stream in zlib's wrapper.
    pub(super) fn zlib(inner: R) -> Self {
        Self { inner, state: Decompress::new(true), wrapped: true, ended: false }
    }

    /// What the stream is read from, at the byte behind what was used.
    pub(super) fn inner(&mut self) -> &mut R {
        &mut self.inner
    }

    /// Begins another stream at that byte.
    pub(super) fn restart(&mut self) {
        self.state.reset(self.wrapped);
        self.ended = false;
    }
}

impl<R: BufRead> Read for Inflate<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.ended && !buffer.is_empty() {
            let input = self.inner.fill_buf()?;
            let at_end = input.is_empty();
            let (read, written) = (self.state.total_in(), self.state.total_out());
            let status = self.state.decompress(input, buffer, FlushDecompress::None);
            // Both fit: they are at most the lengths of the two slices.
            let read = (self.state.total_in() - read) as usize;
            let written = (self.state.total_out() - written) as usize;
            self.inner.consume(read);
            match status {
                Ok(Status::StreamEnd) => self.ended = true,
                Ok(_) if at_end && written == 0 => {
                    return Err(io::Error::new(
                        io::ErrorKind::UnexpectedEof,
                        "the deflate stream has no end",
                    ));
                }
                Ok(_) => {}
                // What was written before the error comes first; the state stays broken and says so again.
                Err(_) if written > 0 => {}
                Err(_) => return Err(io::Error::new(io::ErrorKind::InvalidData, "not a deflate stream")),
            }
            if written > 0 {
                return Ok(written);
            }
        }
        Ok(0)
    }
}

/// Calls the complaints of a decoder by their right name: what it says about its input becomes `InvalidData`. Nor is it
/// asked for nothing, which some take for the end.
pub(super) struct Blamed<R>(pub(super) R);

impl<R: Read> Read for Blamed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        self.0.read(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::Other | io::ErrorKind::InvalidInput => {
                io::Error::new(io::ErrorKind::InvalidData, error.to_string())
            }
            _ => error,
        })
    }
}

/// Ends a stream with an error where there is no memory for more of it.
pub(super) struct Capped<R> {
    inner: R,
    left: u64,
    why: &'static str,
}

impl<R> Capped<R> {
    /// `left` bytes come out before the error.
    pub(super) fn new(inner: R, left: u64, why: &'static str) -> Self {
        Self { inner, left, why }
    }
}

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 && !buffer.is_empty() {
            return match self.inner.read(&mut [0])? {
                0 => Ok(0),
                _ => Err(io::Error::new(io::ErrorKind::OutOfMemory, self.why)),
            };
        }
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.inner.read(&mut buffer[..wanted])?;
        self.left -= read as u64;
        Ok(read)
    }
}

/// How far streams of one container may be gone through once more. Members of a stream are reached by decoding all that
/// stands before them, so a container of many members with findings would cost its size times their number.
pub(super) struct Rewinds(AtomicU64);

impl Default for Rewinds {
    fn default() -> Self {
        Self(AtomicU64::new(1 << 30))
    }
}

impl Rewinds {
    /// Goes to a place in a stream that was opened again.
    pub(super) fn skip(&self, reader: &mut dyn Read, bytes: u64) -> io::Result<()> {
        let paid = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes));
        if paid.is_err() {
            return Err(io::Error::other("too far to go back"));
        }
        skip(reader, bytes)
    }
}

/// Leaves out so many bytes.
pub(super) fn skip(reader: &mut dyn Read, bytes: u64) -> io::Result<()> {
    let skipped = io::copy(&mut reader.take(bytes), &mut io::sink())?;
    if skipped < bytes { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn deflated(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_deflate_stream_ends_where_it_ends() {
        let mut packed = deflated(b"some text, some text");
        packed.extend(b"rest");
        let mut input = &packed[..];
        let mut text = String::new();
        Inflate::new(&mut input).read_to_string(&mut text).unwrap();
        assert_eq!(text, "some text, some text");
        assert_eq!(input, b"rest");
    }

    #[test]
    fn a_deflate_stream_without_an_end_is_truncated() {
        let packed = deflated(&b"0123456789 and something else".repeat(50));
        let mut text = Vec::new();
        let error = Inflate::new(&packed[..packed.len() - 4]).read_to_end(&mut text).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        assert!(!text.is_empty());
        let error = Inflate::new(&[0xff; 9][..]).read_to_end(&mut text).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn an_allowance_cuts_at_its_byte_however_it_is_read() {
        for step in 1..12 {
            let (allowance, cut) = (Allowance::new(7), Cell::new(false));
            let mut reader = Metered::new(&b"0123456789"[..], &allowance, &cut);
            let mut buffer = vec![0; step];
            let mut text: Vec<u8> = Vec::new();
            while let Ok(read @ 1..) = reader.read(&mut buffer) {
                text.extend(&buffer[..read]);
            }
            assert_eq!(text, b"0123456");
            assert!(cut.get() && allowance.exhausted());
        }
        let (allowance, cut) = (Allowance::new(10), Cell::new(false));
        io::copy(&mut Metered::new(&b"0123456789"[..], &allowance, &cut), &mut io::sink()).unwrap();
        assert!(!cut.get() && !allowance.exhausted());
    }

    #[test]
    fn a_broken_promise_is_told_after_the_bytes() {
        let crc = Some(crc32fast::hash(b"text"));
        let read = |promise| {
            let mut text = Vec::new();
            let told = Checked::new(&b"text"[..], promise).read_to_end(&mut text);
            assert_eq!(text, b"text");
            told.map_err(|error| error.kind())
        };
        assert_eq!(read(Promise { size: 4, crc }), Ok(4));
        assert_eq!(read(Promise { size: 5, crc }), Err(io::ErrorKind::InvalidData));
        assert_eq!(read(Promise { size: 4, crc: Some(0) }), Err(io::ErrorKind::InvalidData));
    }
}
