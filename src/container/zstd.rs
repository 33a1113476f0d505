//! Zstandard: one stream in some frames (RFC 8878), which are read as one blob.

use std::io::{self, Read};

use super::stream::Blamed;
use super::{Job, Outcome, Place, Stream, Workspace, gap, wrapped};
use crate::budget::Reason;

/// The first bytes of a frame.
const MAGIC: [u8; 4] = 0xfd2f_b528_u32.to_le_bytes();

/// The window that any decoder should manage (RFC 8878, 3.1.1.1.2), as a power of two.
const COMMON_WINDOW: u32 = 23;

/// The largest window of `zstd --ultra -22`, as a power of two.
const LARGEST_WINDOW: u32 = 27;

/// Whether bytes begin with a frame.
pub(super) fn begins(head: &[u8]) -> bool {
    head.starts_with(&MAGIC)
}

/// Looks at what is in it. A window larger than usual comes out of the pool.
pub(super) fn unpack(job: &Job, place: Place, stream: Stream, workspace: &mut Workspace) -> Outcome {
    let mut head = [0; 18];
    let (filled, _) = crate::source::fill(stream.reader, &mut head);
    let mut rest = head[..filled].chain(stream.reader);
    let stream = Stream {
        reader: &mut rest,
        opener: stream.opener,
    };
    if window(&head) <= 1 << COMMON_WINDOW {
        return decode(job, place, stream, COMMON_WINDOW, workspace);
    }
    match job.hold(1 << LARGEST_WINDOW) {
        Some(held) => decode(&held.job(job), place, stream, LARGEST_WINDOW, workspace),
        None => gap(
            place.provenance,
            Reason::BudgetBytes,
            "its window is too large within another container",
        ),
    }
}

fn decode(job: &Job, place: Place, stream: Stream, window: u32, workspace: &mut Workspace) -> Outcome {
    let opener = || Ok(Box::new(decoder((stream.opener)()?, window)?) as Box<dyn Read>);
    let name = wrapped::name(place.provenance, &[("zst", ""), ("tzst", "tar"), ("zstd", "")]);
    match decoder(stream.reader, window) {
        Ok(reader) => wrapped::unpack(job, place, &name, reader, &opener, workspace),
        Err(error) => gap(place.provenance, Reason::DecoderFailed, error.to_string()),
    }
}

fn decoder<R: Read>(reader: R, window: u32) -> io::Result<impl Read + use<R>> {
    let mut decoder = zstd::stream::read::Decoder::new(reader)?;
    decoder.window_log_max(window)?;
    Ok(Blamed(decoder))
}

/// The window that a frame asks for, in bytes (RFC 8878, 3.1.1.1).
fn window(head: &[u8; 18]) -> u64 {
    let descriptor = head[4];
    let single_segment = descriptor & 0x20 != 0;
    if !single_segment {
        let (exponent, mantissa) = (head[5] >> 3, head[5] & 7);
        let base = 1_u64 << (10 + exponent);
        return base + base / 8 * u64::from(mantissa);
    }
    // The window is the content, whose size stands behind the dictionary's id.
    let at = 5 + [0, 1, 2, 4][usize::from(descriptor & 3)];
    let size = |bytes: usize| {
        head[at..at + bytes]
            .iter()
            .rev()
            .fold(0, |size, byte| size << 8 | u64::from(*byte))
    };
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
            let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
            encoder.window_log(window).unwrap();
            encoder.set_pledged_src_size(size).unwrap();
            encoder.write_all(&vec![1; size.unwrap_or(1) as usize]).unwrap();
            let frame = encoder.finish().unwrap();
            let mut head = [0; 18];
            let length = frame.len().min(18);
            head[..length].copy_from_slice(&frame[..length]);
            head
        };
        assert_eq!(self::window(&head(20, None)), 1 << 20);
        assert_eq!(self::window(&head(27, None)), 1 << 27);
        assert_eq!(self::window(&head(20, Some(100))), 100);
        assert_eq!(self::window(&head(20, Some(1000))), 1000);
        assert_eq!(self::window(&head(20, Some(100_000))), 100_000);
    }
}
