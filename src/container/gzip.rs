//! Gzip: a stream in one member or some (RFC 1952), which are read as one blob. Names and comments in their headers are
//! text too.
//!
//! The members are read here, since flate2's reader is slower (10 GB of zeros, cut at 1 GB: 0.79 s of CPU), and shows
//! no header but one.

use std::io::{self, BufRead, BufReader, Read};

use crc32fast::Hasher;

use super::stream::Inflate;
use super::{Job, Outcome, Place, Stream, Workspace, wrapped};
use crate::blob::Provenance;

/// The first bytes: the magic, and deflate, which is the only method.
const MAGIC: [u8; 3] = [0x1f, 0x8b, 8];

/// The longest name or comment that is read, and the most that is kept of all of them, in bytes.
const TEXT: u64 = 64 << 10;

/// Whether bytes begin as gzip does.
pub(super) fn begins(head: &[u8]) -> bool {
    head.starts_with(&MAGIC)
}

/// What the blob in it is called.
pub(super) fn name(provenance: &Provenance) -> String {
    wrapped::name(provenance, &[("gz", ""), ("tgz", "tar"), ("gzip", "")])
}

/// Looks at what is in it.
pub(super) fn unpack(job: &Job, place: Place, stream: Stream, workspace: &mut Workspace) -> Outcome {
    let opener = || Ok(Box::new(decoder((stream.opener)()?)) as Box<dyn Read>);
    let name = name(place.provenance);
    let mut decoder = decoder(stream.reader);
    let outcome = wrapped::unpack(job, place, &name, &mut decoder, &opener, workspace);
    if decoder.texts.is_empty() || decoder.texts == name.as_bytes() {
        return outcome;
    }
    let provenance = &place.provenance.entry("(header)");
    outcome.then(job.blob(Place { provenance, ..place }, &decoder.texts, workspace))
}

fn decoder<R: Read>(reader: R) -> Gunzip<BufReader<R>> {
    Gunzip {
        inflate: Inflate::new(BufReader::with_capacity(64 << 10, reader)),
        within: false,
        ended: false,
        crc: Hasher::new(),
        size: 0,
        texts: Vec::new(),
    }
}

/// The members of a gzip as one stream.
struct Gunzip<R> {
    inflate: Inflate<R>,
    /// Whether we are behind a member's header and before its end.
    within: bool,
    ended: bool,
    crc: Hasher,
    /// Of the member, modulo 2^32.
    size: u32,
    /// Names and comments of the headers, a line each.
    texts: Vec<u8>,
}

impl<R: BufRead> Read for Gunzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.ended && !buffer.is_empty() {
            if !self.within && !self.begin()? {
                self.ended = true;
                break;
            }
            let read = self.inflate.read(buffer)?;
            if read > 0 {
                self.crc.update(&buffer[..read]);
                self.size = self.size.wrapping_add(read as u32); // modulo 2^32, as the format has it
                return Ok(read);
            }
            self.finish()?;
        }
        Ok(0)
    }
}

impl<R: BufRead> Gunzip<R> {
    /// Reads the next header, unless there is nothing more, or nothing but the zeros that fill up a tape.
    fn begin(&mut self) -> io::Result<bool> {
        if self.only_zeros_left()? {
            return Ok(false);
        }
        let mut head = [0; 10];
        self.inner().read_exact(&mut head)?;
        if !head.starts_with(&MAGIC) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "what follows a gzip member is none"));
        }
        let flags = head[3];
        if flags & 4 != 0 {
            let mut size = [0; 2];
            self.inner().read_exact(&mut size)?;
            super::stream::skip(self.inner(), u64::from(u16::from_le_bytes(size)))?;
        }
        for text in [8, 16] {
            if flags & text != 0 {
                self.text()?;
            }
        }
        if flags & 2 != 0 {
            self.inner().read_exact(&mut [0; 2])?;
        }
        self.inflate.restart();
        (self.within, self.size, self.crc) = (true, 0, Hasher::new());
        Ok(true)
    }

    fn only_zeros_left(&mut self) -> io::Result<bool> {
        loop {
            let bytes = self.inner().fill_buf()?;
            let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
            if zeros < bytes.len() || bytes.is_empty() {
                return Ok(bytes.is_empty());
            }
            self.inner().consume(zeros);
        }
    }

    fn text(&mut self) -> io::Result<()> {
        let mut text = Vec::new();
        self.inner().take(TEXT).read_until(0, &mut text)?;
        if text.pop() != Some(0) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a name in a gzip header has no end"));
        }
        if (self.texts.len() + text.len()) as u64 <= TEXT {
            let separator: &[u8] = if self.texts.is_empty() { b"" } else { b"\n" };
            self.texts.extend_from_slice(separator);
            self.texts.extend_from_slice(&text);
        }
        Ok(())
    }

    /// Holds a member against its trailer.
    fn finish(&mut self) -> io::Result<()> {
        let mut trailer = [0; 8];
        self.inner().read_exact(&mut trailer)?;
        self.within = false;
        let wanted = [self.crc.clone().finalize().to_le_bytes(), self.size.to_le_bytes()].concat();
        if wanted == trailer {
            Ok(())
        } else {
            Err(io::Error::new(io::ErrorKind::InvalidData, "the checksum or size of a gzip member is wrong"))
        }
    }

    fn inner(&mut self) -> &mut R {
        self.inflate.inner()
    }
}
