//! LZMA in its three wrappers: xz ("The .xz File Format" 1.2.1), lzip (<https://www.nongnu.org/lzip/manual/lzip_manual.html>)
//! and the old one without a magic, `.lzma` (`doc/lzma-file-format.txt` of XZ Utils). Streams one after the other are
//! one blob.

use std::io::{self, Read};

use lzma_rust2::{LzipReader, LzmaReader, XzReader};

use super::codec::{Failed, TABLES, xz_window};
use super::wrapped::Wrapper;
use super::{Job, Outcome, Place, Stream, Workspace};

const XZ: Wrapper = Wrapper {
    endings: &[("xz", ""), ("txz", "tar")],
    window: xz_window,
    open: |packed, window| Box::new(XzReader::new_mem_limit(packed, true, kib(window))),
};

const LZIP: Wrapper = Wrapper {
    endings: &[("lz", ""), ("tlz", "tar")],
    window: lzip_window,
    open: |packed, _| Box::new(LzipReader::new(packed)),
};

const ALONE: Wrapper = Wrapper {
    endings: &[("lzma", ""), ("tlz", "tar")],
    window: |head| alone(head).unwrap_or(0),
    open: |packed, window| match LzmaReader::new_mem_limit(packed, kib(window), None) {
        Ok(mut reader) => {
            reader.set_defer_errors(true);
            Box::new(reader)
        }
        Err(error) => Box::new(Failed::new(error)),
    },
};

/// Whether bytes begin with an xz stream.
pub(super) fn is_xz(head: &[u8]) -> bool {
    head.starts_with(b"\xfd7zXZ\0")
}

/// Whether bytes begin with a member of lzip, version 1.
pub(super) fn is_lzip(head: &[u8]) -> bool {
    head.starts_with(b"LZIP\x01")
}

/// Whether bytes begin as `.lzma` does. There is no magic, so all that has a rule is held against it, and what comes
/// first must decode.
pub(super) fn is_alone(head: &[u8]) -> bool {
    alone(head).is_some() && decodes(head)
}

/// Looks at what is in an xz stream.
pub(super) fn unpack_xz(job: &Job, place: Place, stream: Stream, workspace: &mut Workspace) -> Outcome {
    XZ.unpack(job, place, stream, workspace)
}

/// Looks at what is in a file of lzip.
pub(super) fn unpack_lzip(job: &Job, place: Place, stream: Stream, workspace: &mut Workspace) -> Outcome {
    LZIP.unpack(job, place, stream, workspace)
}

/// Looks at what is in an LZMA stream of the old form.
pub(super) fn unpack_alone(job: &Job, place: Place, stream: Stream, workspace: &mut Workspace) -> Outcome {
    ALONE.unpack(job, place, stream, workspace)
}

fn kib(window: u64) -> u32 {
    u32::try_from(window.saturating_add(TABLES) >> 10).unwrap_or(u32::MAX - 1)
}

/// The window of a member: a power of two less some sixteenths of it.
fn lzip_window(head: &[u8]) -> u64 {
    let byte = head.get(5).copied().unwrap_or(0);
    let power = 1_u64 << (byte & 31);
    power - power / 16 * u64::from(byte >> 5)
}

/// The window of a stream with the usual properties (`lc=3, lp=0, pb=2`), if its header can be one: windows are 2^n or
/// 2^n + 2^(n-1) bytes, sizes unknown or below 256 GiB, as XZ Utils wants them too; an LZMA stream begins with a zero.
fn alone(head: &[u8]) -> Option<u64> {
    let (header, rest) = head.split_first_chunk::<13>()?;
    let (fields, size) = header.split_first_chunk::<5>()?;
    let [properties, window @ ..] = *fields;
    let window = u32::from_le_bytes(window);
    let size = u64::from_le_bytes(*size.first_chunk()?);
    let two_bits = window.count_ones() == 1 || window.count_ones() == 2 && window & (window << 1) != 0;
    let fits = properties == 0x5d && window >= 4096 && two_bits && (size == u64::MAX || size < 1 << 38);
    (fits && rest.first() == Some(&0)).then_some(u64::from(window))
}

/// Whether the first bytes decode to something.
fn decodes(head: &[u8]) -> bool {
    let Ok(mut reader) = LzmaReader::new_mem_limit(head, u32::MAX, None) else { return false };
    let mut piece = [0; 1];
    let mut steps = 0;
    loop {
        match reader.read(&mut piece) {
            Ok(0) => return true,
            Ok(_) if steps == 64 => return true,
            Ok(_) => steps += 1,
            Err(error) => return error.kind() == io::ErrorKind::UnexpectedEof && steps > 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_of_lzip_is_read() {
        assert_eq!(lzip_window(b"LZIP\x01\x0c"), 4096);
        assert_eq!(lzip_window(b"LZIP\x01\xd3"), (512 << 10) - 6 * (32 << 10)); // the manual's example: 320 KiB
    }

    #[test]
    fn what_has_no_magic_must_fit_in_all() {
        let head = |window: u32, size: u64, first: u8| {
            let mut head = vec![0x5d];
            head.extend(window.to_le_bytes());
            head.extend(size.to_le_bytes());
            head.push(first);
            head
        };
        assert_eq!(alone(&head(1 << 23, u64::MAX, 0)), Some(1 << 23));
        assert_eq!(alone(&head(3 << 20, 5, 0)), Some(3 << 20));
        assert_eq!(alone(&head(5 << 20, 5, 0)), None);
        assert_eq!(alone(&head(1 << 23, u64::MAX - 1, 0)), None);
        assert_eq!(alone(&head(1 << 23, 5, 1)), None);
        assert_eq!(alone(&[0x5d; 20]), None);
        assert_eq!(alone(&[0; 20]), None);
    }
}
