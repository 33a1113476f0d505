//! Open files and memory as bytes that can be read at any place, by many threads at once.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use super::{Links, os};

/// Bytes that can be read at any place, by many threads at once.
pub trait ReadAt: Send + Sync {
    /// How many there are. A file may have changed since.
    fn size(&self) -> u64;

    /// Reads some bytes from `offset` on; 0 only at the end or into an empty buffer.
    ///
    /// # Errors
    /// The system's.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Whether they are not any more what they were when they were opened, as far as anyone can tell.
    fn changed(&self) -> bool {
        false
    }

    /// All of them at once, where they stand in memory.
    fn bytes(&self) -> Option<&[u8]> {
        None
    }

    /// The open file, where they stand in one: another process can be given that.
    fn file(&self) -> Option<&File> {
        None
    }
}

/// Bytes in memory.
pub struct Memory(pub Vec<u8>);

impl ReadAt for Memory {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let mut rest = self.0.get(start..).unwrap_or_default();
        rest.read(buffer)
    }

    fn bytes(&self) -> Option<&[u8]> {
        Some(&self.0)
    }
}

/// A file that was opened for reading.
pub struct OpenFile {
    file: File,
    size: u64,
    modified: Option<SystemTime>,
}

/// Opens a file.
///
/// # Errors
/// The system's.
pub fn open(path: &Path, links: Links) -> io::Result<File> {
    os::open(path, links)
}

impl OpenFile {
    /// Takes an open file, asking the system for its size.
    ///
    /// # Errors
    /// The system's; also if it is no regular file.
    pub fn new(file: File) -> io::Result<Self> {
        let meta = file.metadata()?;
        if !meta.is_file() {
            return Err(io::Error::other("no regular file"));
        }
        Ok(Self { size: meta.len(), modified: meta.modified().ok(), file })
    }
}

impl ReadAt for OpenFile {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        loop {
            match os::read_at(&self.file, buffer, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => return done,
            }
        }
    }

    fn changed(&self) -> bool {
        let now = self.file.metadata();
        now.is_ok_and(|meta| meta.len() != self.size || meta.modified().ok() != self.modified)
    }

    fn file(&self) -> Option<&File> {
        Some(&self.file)
    }
}

/// A stretch of bytes as a stream.
pub struct RangeReader {
    source: Arc<dyn ReadAt>,
    position: u64,
    end: u64,
}

impl RangeReader {
    /// The bytes from `start` to before `end`; an end beyond the last byte is met as the end of the stream.
    pub fn new(source: Arc<dyn ReadAt>, start: u64, end: u64) -> Self {
        Self { source, position: start, end }
    }

    /// All bytes, also those that were added to a file since it was opened.
    pub fn whole(source: Arc<dyn ReadAt>) -> Self {
        Self::new(source, 0, u64::MAX)
    }
}

impl Read for RangeReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.position)).unwrap_or(usize::MAX);
        let wanted = left.min(buffer.len());
        let read = self.source.read_at(&mut buffer[..wanted], self.position)?;
        self.position += read as u64;
        Ok(read)
    }
}

/// The smallest piece in which files are read and errors show.
const PAGE: usize = 4096;

/// The same from a file's beginning. A file gives all that it has at once, but for an error, which ends a page and shows
/// at the next attempt: so only what ends with a page is asked for more.
pub fn fill_of_file(file: &mut File, buffer: &mut [u8]) -> (usize, Option<io::Error>) {
    match file.read(buffer) {
        Ok(read) if read > 0 && !read.is_multiple_of(PAGE) => (read, None),
        Ok(read) => {
            let (more, error) = fill(file, buffer.get_mut(read..).unwrap_or_default());
            (read + more, error)
        }
        Err(error) if error.kind() == io::ErrorKind::Interrupted => fill(file, buffer),
        Err(error) => (0, Some(error)),
    }
}

/// Reads until the buffer is full or the stream ends: how many bytes came, and the error that ended them, if any.
pub fn fill(reader: &mut dyn Read, buffer: &mut [u8]) -> (usize, Option<io::Error>) {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (filled, Some(error)),
        }
    }
    (filled, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_ends_where_it_should() {
        let source: Arc<dyn ReadAt> = Arc::new(Memory(b"0123456789".to_vec()));
        let read = |start, end| {
            let mut text = String::new();
            RangeReader::new(source.clone(), start, end).read_to_string(&mut text).map(|_| text).unwrap()
        };
        assert_eq!(read(2, 5), "234");
        assert_eq!(read(8, 50), "89");
        assert_eq!(read(50, 60), "");
        assert_eq!(read(6, 2), "");
    }

    #[test]
    fn a_file_is_read_at_any_place() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, "0123456789").unwrap();
        let file = OpenFile::new(open(&path, Links::Refuse).unwrap()).unwrap();
        let mut buffer = [0; 4];
        assert_eq!(file.read_at(&mut buffer, 8).unwrap(), 2);
        assert_eq!(&buffer[..2], b"89");
        assert!(!file.changed());
        std::fs::write(&path, "01").unwrap();
        assert!(file.changed());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_refused_unless_named() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a"), "x").unwrap();
        let link = dir.path().join("l");
        std::os::unix::fs::symlink("a", &link).unwrap();
        assert!(open(&link, Links::Refuse).is_err());
        assert!(open(&link, Links::Follow).is_ok());
    }
}
