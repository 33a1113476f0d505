//! Bzip2: streams one after the other, which are read as one blob.

use super::wrapped::Wrapper;
use super::{Job, Outcome, Place, Stream, Workspace};

const WRAPPER: Wrapper = Wrapper {
    endings: &[("bz2", ""), ("tbz2", "tar"), ("tbz", "tar"), ("tb2", "tar"), ("bz", "")],
    window: |_| 0, // 4 MB at most
    open: |packed, _| Box::new(bzip2::bufread::MultiBzDecoder::new(packed)),
};

/// Whether bytes begin with a stream: `BZh`, a level, and the digits of pi of a block, or those of its root at the end
/// of what is empty.
pub(super) fn begins(head: &[u8]) -> bool {
    let magic = matches!(head, [b'B', b'Z', b'h', b'1'..=b'9', ..]);
    let block = head.get(4..10);
    magic
        && (block == Some(&[0x31, 0x41, 0x59, 0x26, 0x53, 0x59])
            || block == Some(&[0x17, 0x72, 0x45, 0x38, 0x50, 0x90]))
}

/// Looks at what is in it.
pub(super) fn unpack(job: &Job, place: Place, stream: Stream, workspace: &mut Workspace) -> Outcome {
    WRAPPER.unpack(job, place, stream, workspace)
}
