//! 7z archives. The crate reads them; it is not ours, and the format lets a header ask for much, so it runs isolated.

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use sevenz_rust2::{Archive, BlockDecoder, Error, Password};

use super::{Decoder, Sink};
use crate::blob::Landmarks;
use crate::budget::Reason;
use crate::source::ReadAt;

/// The memory that headers, and windows or models of decoders, may take, in KiB.
const MEMORY: usize = 512 << 10;

/// Takes 7z archives apart.
pub(super) const DECODER: Decoder = Decoder { name: "7z archive", begins, decode, isolated: true };

fn begins(head: &[u8]) -> bool {
    head.starts_with(b"7z\xbc\xaf\x27\x1c")
}

fn decode(source: &Arc<dyn ReadAt>, sink: &mut dyn Sink) {
    let mut reader = Seekable { source: source.as_ref(), position: 0 };
    let password = Password::empty();
    let archive = match Archive::read_with_memory_limit(&mut reader, &password, MEMORY) {
        Ok(archive) => archive,
        Err(error) => return say(&error, sink),
    };
    let folders = archive.files.iter().filter(|file| file.is_directory).map(|file| file.name());
    let folders = folders.collect::<Vec<_>>().join("\n");
    if !folders.is_empty() && !sink.text("(folders)", folders.as_bytes(), Landmarks::NONE) {
        return;
    }
    for block in 0..archive.blocks.len() {
        if !members(&archive, block, &mut reader, sink) {
            return;
        }
    }
    for (index, file) in archive.files.iter().enumerate() {
        let in_a_block = archive.stream_map.file_block_index.get(index).is_some_and(Option::is_some);
        if !in_a_block && !file.is_directory && !sink.member(file.name(), &mut io::empty()) {
            return;
        }
    }
}

/// Gives the members of a block, which are packed together; false once no more is wanted.
fn members(archive: &Archive, block: usize, reader: &mut Seekable, sink: &mut dyn Sink) -> bool {
    let password = Password::empty();
    let decoder = BlockDecoder::new_with_memory_limit(1, MEMORY, block, archive, &password, reader);
    let first = archive.stream_map.block_first_file_index.get(block).copied().unwrap_or_default();
    if archive.is_file_encrypted(first) {
        let names: Vec<_> = decoder.entries().iter().map(|entry| entry.name().to_owned()).collect();
        sink.gap(Reason::Encrypted, &format!("a password is needed for members, {} of them", names.len()));
        return sink.text("(names)", names.join("\n").as_bytes(), Landmarks::NONE);
    }
    let mut wanted = true;
    let mut told = false;
    let result = decoder.for_each_entries(&mut |entry, content| {
        if entry.is_directory {
            return Ok(true);
        }
        let mut content = Watched { inner: content, told: false };
        wanted = sink.member(entry.name(), &mut content);
        told = content.told;
        Ok(wanted && !told)
    });
    if let Err(error) = result
        && wanted
        && !told
    {
        say(&error, sink);
    }
    wanted
}

/// What an error of the crate means.
fn say(error: &Error, sink: &mut dyn Sink) {
    match error {
        Error::PasswordRequired | Error::MaybeBadPassword(_) => {
            sink.gap(Reason::Encrypted, "a password is needed, even for the names of its members");
        }
        Error::UnsupportedCompressionMethod(method) => {
            sink.gap(Reason::Unsupported, &format!("compression method {method}"));
        }
        Error::Unsupported(_) | Error::ExternalUnsupported | Error::UnsupportedVersion { .. } => {
            sink.gap(Reason::Unsupported, &error.to_string());
        }
        Error::MaxMemLimited { .. } => sink.gap(Reason::BudgetBytes, "it wants too much memory"),
        Error::Io(error, _) if error.kind() == io::ErrorKind::UnexpectedEof => {
            sink.gap(Reason::Truncated, "it ends too early");
        }
        _ => sink.gap(Reason::Corrupt, &error.to_string()),
    }
}

/// Remembers that whoever read was given an error, and so says it.
struct Watched<'a> {
    inner: &'a mut dyn Read,
    told: bool,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer);
        self.told |= read.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::Interrupted);
        // The crate says by other kinds that bytes are not what they should be.
        read.map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted | io::ErrorKind::UnexpectedEof | io::ErrorKind::OutOfMemory => error,
            _ => io::Error::new(io::ErrorKind::InvalidData, error.to_string()),
        })
    }
}

/// Bytes at any place as a reader that can be sent to places.
struct Seekable<'a> {
    source: &'a dyn ReadAt,
    position: u64,
}

impl Read for Seekable<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read_at(buffer, self.position)?;
        self.position += read as u64;
        Ok(read)
    }
}

impl Seek for Seekable<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::End(by) => self.source.size().checked_add_signed(by),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        self.position = place.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}
