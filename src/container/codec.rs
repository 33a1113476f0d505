//! Packed bytes as a reader of what was packed, for methods that several containers have in common, and the memory that
//! each takes before its first byte comes out.

use std::io::{self, BufRead, Read};

use super::pool::Pool;
use super::stream::{Blamed, Capped};
use super::{Job, Outcome, Place, gap};
use crate::budget::Reason;

/// What a decoder may take without asking: the window that any decoder of Zstandard should manage (RFC 8878,
/// 3.1.1.1.2), and that `xz` has by default.
pub(super) const COMMON: u64 = 8 << 20;

/// Room beside the window for tables and buffers.
pub(super) const TABLES: u64 = 1 << 20;

/// A way to pack bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    Deflate64,
    Bzip2,
    /// As zip has it: versions, properties, then the raw stream; with the size where no mark stands at its end.
    ZipLzma(Option<u64>),
    Xz,
    Zstd,
    /// PPMd variant I, revision 1, with the parameters before it, as zip has it.
    ZipPpmd,
}

impl Codec {
    /// The most memory that decoding takes, by the first bytes; for what grows with its output the most it can grow to.
    pub(super) fn memory(self, head: &[u8]) -> u64 {
        match self {
            Self::Deflate64 | Self::Bzip2 => COMMON,
            Self::ZipLzma(_) => u64::from(u32_at(head, 5)),
            Self::Xz => xz_window(head),
            Self::Zstd => super::zstd::window(head),
            Self::ZipPpmd => u64::from(u16_at(head, 0) >> 4 & 0xff).saturating_add(1) << 20,
        }
    }

    /// Whether all the memory is taken at once, not as the output grows.
    fn at_once(self) -> bool {
        matches!(self, Self::Zstd | Self::ZipPpmd)
    }

    /// The bytes that were packed. A stream that is none gives the error that says so.
    pub(super) fn open<'a>(self, mut packed: impl BufRead + 'a, memory: u64) -> Box<dyn Read + 'a> {
        let kib = u32::try_from(memory.saturating_add(TABLES) >> 10).unwrap_or(u32::MAX - 1);
        match self {
            // It takes an early end for the end: sizes and checksums tell then.
            Self::Deflate64 => Box::new(Blamed(deflate64::Deflate64Decoder::with_buffer(packed))),
            Self::Bzip2 => Box::new(Blamed(bzip2::bufread::BzDecoder::new(packed))),
            Self::ZipLzma(size) => opened(zip_lzma(&mut packed).and_then(|(props, window)| {
                let size = size.unwrap_or(u64::MAX);
                let mut reader = lzma_rust2::LzmaReader::new_with_props(packed, size, props, window, None)?;
                reader.set_defer_errors(true);
                Ok(Whole { reader: Some(reader) })
            })),
            Self::Xz => Box::new(Blamed(lzma_rust2::XzReader::new_mem_limit(packed, false, kib))),
            Self::Zstd => opened(super::zstd::decoder(packed, memory)),
            Self::ZipPpmd => opened(zip_ppmd(packed)),
        }
    }
}

/// Does a piece of work that takes memory for a window: what is more than common comes out of the pool. Where there is
/// no room, a decoder whose memory grows with its output may go on until it has used what there is.
pub(super) fn with_window(
    job: &Job,
    place: Place,
    memory: u64,
    at_once: bool,
    work: impl FnOnce(&Job, u64, u64) -> Outcome,
) -> Outcome {
    if memory <= COMMON {
        return work(job, COMMON, u64::MAX);
    }
    let wanted = usize::try_from(memory).ok().filter(|memory| *memory <= Pool::MOST);
    match wanted.and_then(|bytes| job.hold(bytes)) {
        Some(held) => work(&held.job(job), memory, u64::MAX),
        None if at_once => gap(place.provenance, Reason::BudgetBytes, NO_ROOM),
        None => {
            let room = job.run.visit.budget().whole;
            match job.hold(room) {
                Some(held) => work(&held.job(job), memory, COMMON.max(room as u64)),
                None => work(job, memory, COMMON),
            }
        }
    }
}

/// Why a stream whose window is too large is not decoded, or not to its end.
pub(super) const NO_ROOM: &str = "its window is too large to be held";

/// Looks at a stream by a codec, with the memory that it takes. `work` is given the job to go on with, and a function
/// from packed bytes to a reader.
pub(super) fn with_codec(
    job: &Job,
    place: Place,
    codec: Codec,
    head: &[u8],
    work: impl FnOnce(&Job, Memory) -> Outcome,
) -> Outcome {
    with_window(job, place, codec.memory(head), codec.at_once(), |job, window, output| {
        work(job, Memory { window, output })
    })
}

/// What a decoder may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory {
    window: u64,
    /// Bytes of output after which there is no room for more.
    output: u64,
}

impl Default for Memory {
    /// What may be taken without asking.
    fn default() -> Self {
        Self { window: COMMON, output: u64::MAX }
    }
}

impl Memory {
    /// Whether a stream with these first bytes takes no more.
    pub(super) fn is_enough(self, codec: Codec, head: &[u8]) -> bool {
        codec.memory(head) <= self.window
    }

    /// The bytes that were packed, within this memory.
    pub(super) fn open<'a>(self, codec: Codec, packed: impl BufRead + 'a) -> Box<dyn Read + 'a> {
        let plain = codec.open(packed, self.window);
        if self.output == u64::MAX { plain } else { Box::new(Capped::new(plain, self.output, NO_ROOM)) }
    }
}

fn opened<'a, R: Read + 'a>(reader: io::Result<R>) -> Box<dyn Read + 'a> {
    match reader {
        Ok(reader) => Box::new(Blamed(reader)),
        Err(error) => Box::new(Blamed(Failed::new(error))),
    }
}

/// A stream that could not be begun.
pub(super) struct Failed(Option<io::Error>);

impl Failed {
    pub(super) fn new(error: io::Error) -> Self {
        Self(Some(error))
    }
}

impl Read for Failed {
    fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

/// The header before an LZMA stream in a zip (APPNOTE.TXT 6.3.10, 5.8.8): version, size of properties, properties.
fn zip_lzma(packed: &mut impl Read) -> io::Result<(u8, u32)> {
    let mut head = [0; 9];
    packed.read_exact(&mut head)?;
    if u16_at(&head, 2) != 5 {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "no properties of LZMA"));
    }
    Ok((head[4], u32_at(&head, 5)))
}

/// An LZMA stream that must use up what was packed: a size that lies would hide the rest.
struct Whole<R> {
    reader: Option<lzma_rust2::LzmaReader<R>>,
}

impl<R: Read> Read for Whole<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(reader) = &mut self.reader else {
            return Ok(0);
        };
        let read = reader.read(buffer)?;
        if read > 0 || buffer.is_empty() {
            return Ok(read);
        }
        if let Some(reader) = self.reader.take() {
            let (mut packed, unused) = reader.into_parts();
            if !unused.is_empty() || packed.read(&mut [0])? > 0 {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "there is more than its size tells"));
            }
        }
        Ok(0)
    }
}

/// The parameters before a PPMd stream in a zip (APPNOTE.TXT 6.3.10, 5.10): order, memory, and how the model restarts.
fn zip_ppmd<R: BufRead>(mut packed: R) -> io::Result<impl Read> {
    let mut head = [0; 2];
    packed.read_exact(&mut head)?;
    let word = u16_at(&head, 0);
    let (order, memory) = (u32::from(word & 15) + 1, (u32::from(word >> 4 & 0xff) + 1) << 20);
    let restore = ppmd_rust::RestoreMethod::from(word >> 12);
    ppmd_rust::Ppmd8Decoder::new(packed, order, memory, restore).map_err(|error| match error {
        ppmd_rust::Error::IoError(error) => error,
        ppmd_rust::Error::MemoryAllocation => io::Error::new(io::ErrorKind::OutOfMemory, NO_ROOM),
        _ => io::Error::new(io::ErrorKind::InvalidData, "not a PPMd stream"),
    })
}

/// The window of an xz stream's first block ("The .xz File Format" 1.2.1, 2.1.1 and 3.1), as far as these bytes tell.
pub(super) fn xz_window(head: &[u8]) -> u64 {
    first_block(head).unwrap_or(COMMON)
}

fn first_block(head: &[u8]) -> Option<u64> {
    let mut block = head.get(12..)?;
    let size = (usize::from(*block.first()?) + 1) * 4;
    block = block.get(1..size.min(block.len()))?;
    let flags = *block.first()?;
    block = block.get(1..)?;
    for bit in [0x40, 0x80] {
        if flags & bit != 0 {
            integer(&mut block)?;
        }
    }
    for _ in 0..=flags & 3 {
        let (id, length) = (integer(&mut block)?, integer(&mut block)?);
        let (properties, rest) = block.split_at_checked(usize::try_from(length).ok()?)?;
        if id == 0x21 {
            let bits = u64::from(*properties.first()? & 63).min(40);
            return Some((2 | bits & 1) << (bits / 2 + 11));
        }
        block = rest;
    }
    None
}

/// A number of seven bits a byte, low ones first.
fn integer(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for place in 0..9 {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |chunk| u16::from_le_bytes(*chunk))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |chunk| u32::from_le_bytes(*chunk))
}
