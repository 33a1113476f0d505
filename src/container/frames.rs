//! Skippable frames, which Zstandard and LZ4 have in common (RFC 8878, 3.1.2): data of users between packed frames.

use std::io::{self, Read};

use super::stream::skip;
use super::{Job, Outcome, Place, Workspace};

/// The most that is kept of all skippable frames of a stream, in bytes.
const KEPT: u64 = 64 << 10;

/// Whether a frame with these first bytes is skippable.
pub(super) fn is_skippable(magic: &[u8; 4]) -> bool {
    matches!(magic, [0x50..=0x5f, 0x2a, 0x4d, 0x18])
}

/// What comes behind skippable frames, as far as these bytes tell.
pub(super) fn behind_skippable(mut head: &[u8]) -> &[u8] {
    while let Some((magic, rest)) = head.split_first_chunk::<4>()
        && is_skippable(magic)
        && let Some((size, rest)) = rest.split_first_chunk::<4>()
        && let Some(behind) =
            usize::try_from(u32::from_le_bytes(*size)).ok().and_then(|size| rest.get(size..))
    {
        head = behind;
    }
    head
}

/// What stood in skippable frames.
#[derive(Default)]
pub(super) struct Skipped(Vec<u8>);

impl Skipped {
    /// Reads a frame from behind its magic on.
    pub(super) fn read(&mut self, reader: &mut impl Read) -> io::Result<()> {
        let mut size = [0; 4];
        reader.read_exact(&mut size)?;
        let size = u64::from(u32::from_le_bytes(size));
        let room = KEPT.saturating_sub(self.0.len() as u64).min(size);
        let kept = reader.take(room).read_to_end(&mut self.0)? as u64;
        if kept < room {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.0.push(b'\n');
        skip(reader, size - room)
    }

    /// Looks at it, if it may be text.
    pub(super) fn look(&self, job: &Job, place: Place, workspace: &mut Workspace) -> Outcome {
        if self.0.len() < 16 {
            return Outcome::default();
        }
        let provenance = &place.provenance.entry("(skippable frames)");
        job.blob(Place { provenance, ..place }, &self.0, workspace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skippable_frames_are_passed() {
        let skippable = b"\x51\x2a\x4d\x18\x02\0\0\0ab";
        assert_eq!(behind_skippable(&[&skippable[..], b"rest"].concat()), b"rest");
        assert_eq!(behind_skippable(skippable), b"");
        assert_eq!(behind_skippable(&skippable[..9]), &skippable[..9]);
        assert_eq!(behind_skippable(b"rest"), b"rest");
    }
}
