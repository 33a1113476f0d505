//! What differs between systems: how a file is opened without being tricked, and how it is read at an offset.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use super::Links;

/// Opens a file for reading, so that neither a pipe nor a terminal put in its place can hold us up, and a link is
/// refused unless it is to be followed.
#[cfg(unix)]
pub(super) fn open(path: &Path, links: Links) -> io::Result<File> {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;

    let mut flags = OFlags::NONBLOCK | OFlags::NOCTTY; // close-on-exec is std's own doing
    if links == Links::Refuse {
        flags |= OFlags::NOFOLLOW;
    }
    // The flags are bits of a C `int`: the top bit is no flag on any system.
    OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
}

/// Opens a file for reading; a link is refused unless it is to be followed.
#[cfg(windows)]
pub(super) fn open(path: &Path, links: Links) -> io::Result<File> {
    use std::os::windows::fs::OpenOptionsExt;

    // https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-createfilew
    const FILE_FLAG_OPEN_REPARSE_POINT: u32 = 0x0020_0000;
    let flags = match links {
        Links::Follow => 0,
        Links::Refuse => FILE_FLAG_OPEN_REPARSE_POINT,
    };
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if links == Links::Refuse && file.metadata()?.file_type().is_symlink() {
        return Err(io::Error::other("a link took the file's place"));
    }
    Ok(file)
}

/// Opens a file for reading.
#[cfg(not(any(unix, windows)))]
pub(super) fn open(path: &Path, _links: Links) -> io::Result<File> {
    OpenOptions::new().read(true).open(path)
}

/// Reads at an offset from the start, whatever the file's own position is.
#[cfg(unix)]
pub(super) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

/// Reads at an offset from the start; moves the file's own position, which nobody uses.
#[cfg(windows)]
pub(super) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}

/// Reads at an offset from the start, one reader at a time: the position belongs to the file.
#[cfg(not(any(unix, windows)))]
pub(super) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    use std::io::{Read, Seek, SeekFrom};
    use std::sync::{Mutex, PoisonError};

    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut file = file;
    file.seek(SeekFrom::Start(offset))?;
    file.read(buffer)
}
