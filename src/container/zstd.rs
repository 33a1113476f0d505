//! Zstandard: frames one after the other (RFC 8878), which are read as one blob. What stands in skippable frames is
//! looked at too.

use std::io::{self, BufRead, BufReader, Read};

use ::zstd::stream::raw::{Decoder, InBuffer, Operation, OutBuffer};

use super::codec::{COMMON, with_window};
use super::frames::{Skipped, is_skippable};
use super::stream::Blamed;
use super::{Job, Outcome, Place, Stream, Workspace, wrapped};

/// The first bytes of a frame.
const MAGIC: [u8; 4] = 0xfd2f_b528_u32.to_le_bytes();

/// Whether bytes begin with a frame, or with skippable ones and then one.
pub(super) fn begins(head: &[u8]) -> bool {
    super::frames::behind_skippable(head).starts_with(&MAGIC)
}

/// Looks at what is in it. A window larger than usual comes out of the pool.
pub(super) fn unpack(job: &Job, place: Place, stream: Stream, workspace: &mut Workspace) -> Outcome {
    let mut head = [0; 512];
    let (filled, _) = crate::source::fill(stream.reader, &mut head);
    let head = head.get(..filled).unwrap_or_default();
    let mut rest = head.chain(stream.reader);
    let stream = Stream { reader: &mut rest, opener: stream.opener };
    let window = window(super::frames::behind_skippable(head));
    with_window(job, place, window, true, |job, window, _| decode(job, place, stream, window, workspace))
}

fn decode(job: &Job, place: Place, stream: Stream, window: u64, workspace: &mut Workspace) -> Outcome {
    let open = |reader| frames(BufReader::with_capacity(64 << 10, reader), window);
    let opener = || Ok(Box::new(Blamed(open((stream.opener)()?)?)) as Box<dyn Read>);
    let name = wrapped::name(place.provenance, &[("zst", ""), ("tzst", "tar"), ("zstd", "")]);
    let frames = frames(BufReader::with_capacity(64 << 10, stream.reader), window);
    match frames {
        Ok(mut frames) => {
            let outcome = wrapped::unpack(job, place, &name, Blamed(&mut frames), &opener, workspace);
            outcome.then(frames.skipped.look(job, place, workspace))
        }
        Err(error) => super::broken(place.provenance, &error),
    }
}

/// The frames of a stream as one reader, with a window of at most so many bytes.
pub(super) fn decoder<'a>(packed: impl BufRead + 'a, window: u64) -> io::Result<impl Read + 'a> {
    frames(packed, window)
}

fn frames<R: BufRead>(reader: R, window: u64) -> io::Result<Frames<R>> {
    let mut state = Decoder::new()?;
    let exponent = window.max(COMMON).next_power_of_two().trailing_zeros();
    state.set_parameter(::zstd::zstd_safe::DParameter::WindowLogMax(exponent))?;
    Ok(Frames { reader, state, within: false, skipped: Skipped::default() })
}

/// Frames one after the other.
struct Frames<R> {
    reader: R,
    state: Decoder<'static>,
    /// Whether we are behind a frame's magic and before its end.
    within: bool,
    skipped: Skipped,
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !buffer.is_empty() {
            if !self.within && !self.begin()? {
                break;
            }
            let written = self.run(buffer)?;
            if written > 0 {
                return Ok(written);
            }
        }
        Ok(0)
    }
}

impl<R: BufRead> Frames<R> {
    /// Goes to the next frame that is not skippable, behind its magic, which the decoder is given.
    fn begin(&mut self) -> io::Result<bool> {
        while !self.reader.fill_buf()?.is_empty() {
            let mut magic = [0; 4];
            self.reader.read_exact(&mut magic)?;
            if is_skippable(&magic) {
                self.skipped.read(&mut self.reader)?;
                continue;
            }
            self.state.reinit()?;
            let mut output = OutBuffer::around(&mut [] as &mut [u8]);
            self.state.run(&mut InBuffer::around(&magic), &mut output)?;
            self.within = true;
            return Ok(true);
        }
        Ok(false)
    }

    fn run(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let packed = self.reader.fill_buf()?;
        let at_end = packed.is_empty();
        let mut input = InBuffer::around(packed);
        let mut output = OutBuffer::around(buffer);
        let hint = self.state.run(&mut input, &mut output)?;
        let (read, written) = (input.pos(), output.pos());
        self.reader.consume(read);
        self.within = hint != 0;
        if self.within && at_end && written == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a frame has no end"));
        }
        Ok(written)
    }
}

/// The window that a frame asks for, in bytes (RFC 8878, 3.1.1.1).
pub(super) fn window(head: &[u8]) -> u64 {
    let at = |place: usize| head.get(place).copied().unwrap_or(0);
    let descriptor = at(4);
    let single_segment = descriptor & 0x20 != 0;
    if !single_segment {
        let (exponent, mantissa) = (at(5) >> 3, at(5) & 7);
        let base = 1_u64 << (10 + exponent);
        return base + base / 8 * u64::from(mantissa);
    }
    // The window is the content, whose size stands behind the dictionary's id.
    let start = 5 + [0, 1, 2, 4][usize::from(descriptor & 3)];
    let size =
        |bytes: usize| (start..start + bytes).rev().fold(0, |size, place| size << 8 | u64::from(at(place)));
    match descriptor >> 6 {
        0 => size(1),
        1 => size(2) + 256,
        2 => size(4),
        _ => size(8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn the_window_of_a_frame_is_read() {
        let head = |window: u32, size: Option<u64>| {
            let mut encoder = ::zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
            encoder.window_log(window).unwrap();
            encoder.set_pledged_src_size(size).unwrap();
            encoder.write_all(&vec![1; size.unwrap_or(1) as usize]).unwrap();
            encoder.finish().unwrap()
        };
        assert_eq!(self::window(&head(20, None)), 1 << 20);
        assert_eq!(self::window(&head(27, None)), 1 << 27);
        assert_eq!(self::window(&head(20, Some(100))), 100);
        assert_eq!(self::window(&head(20, Some(1000))), 1000);
        assert_eq!(self::window(&head(20, Some(100_000))), 100_000);
    }
}
