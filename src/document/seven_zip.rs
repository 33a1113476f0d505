//! 7z archives. The crate reads them; it is not ours, and the format lets a header ask for much, so it runs isolated.
//! What is under a password is opened if one of the run's passwords fits.

use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::sync::Arc;

use deflate64::Deflate64Decoder;
use sevenz_rust2::{Archive, BlockDecoder, EncoderMethod, Error, Password};

use super::{Decoder, Sink};
use crate::blob::Landmarks;
use crate::budget::Reason;
use crate::source::{RangeReader, ReadAt};

/// The memory that headers, and windows or models of decoders, may take, in KiB.
const MEMORY: usize = 512 << 10;

/// How much of a block's first member is decoded to tell whether a password fits: its checksum stands at its end, and
/// with most methods a wrong one is told by the first bytes.
const TRIED: u64 = 64 << 20;

/// The most rounds of a key, as a power of two; 7-Zip's own limit (it writes 19).
const ROUNDS: u8 = 24;

/// The header before the packed streams, in bytes (`7zFormat.txt` of 7-Zip's SDK).
const HEADER: u64 = 32;

/// Takes 7z archives apart.
pub(super) const DECODER: Decoder = Decoder { name: "7z archive", begins, decode, isolated: true };

fn begins(head: &[u8]) -> bool {
    head.starts_with(b"7z\xbc\xaf\x27\x1c")
}

fn decode(source: &Arc<dyn ReadAt>, sink: &mut dyn Sink) {
    let reader = Seekable { source: source.as_ref(), position: 0 };
    let passwords = sink.passwords();
    let passwords = passwords.iter().filter_map(|password| std::str::from_utf8(password.expose()).ok());
    let mut opener = Opener { reader, passwords: passwords.map(Password::new).collect(), last: 0 };
    let archive = match opener.archive() {
        Ok(archive) => archive,
        Err(error) => return say(&error, !opener.passwords.is_empty(), sink),
    };
    let folders = archive.files.iter().filter(|file| file.is_directory).map(|file| file.name());
    let folders = folders.collect::<Vec<_>>().join("\n");
    if !folders.is_empty() && !sink.text("(folders)", folders.as_bytes(), Landmarks::NONE) {
        return;
    }
    for block in 0..archive.blocks.len() {
        let more = match deflate64_block(&archive, block, source) {
            Some(packed) => inflated(&archive, block, packed, sink),
            None => members(&archive, block, &mut opener, sink),
        };
        if !more {
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

/// Opens what is locked.
struct Opener<'a> {
    reader: Seekable<'a>,
    passwords: Vec<Password>,
    /// Which one fitted last.
    last: usize,
}

impl Opener<'_> {
    /// The list of members, which may be locked itself.
    fn archive(&mut self) -> Result<Archive, Error> {
        let read = Archive::read_with_memory_limit(&mut self.reader, &Password::empty(), MEMORY);
        let Err(error @ (Error::PasswordRequired | Error::MaybeBadPassword(_))) = read else { return read };
        for (index, password) in self.passwords.iter().enumerate() {
            if let Ok(archive) = Archive::read_with_memory_limit(&mut self.reader, password, MEMORY) {
                self.last = index;
                return Ok(archive);
            }
        }
        Err(error)
    }

    /// The password that a block's first member can be read with; the one that fitted last is tried first.
    fn password(&mut self, archive: &Archive, block: usize) -> Option<Password> {
        let first = self.last;
        let order = std::iter::once(first).chain((0..self.passwords.len()).filter(|index| *index != first));
        for index in order {
            let password = self.passwords.get(index)?.clone();
            if self.fits(archive, block, &password) {
                self.last = index;
                return Some(password);
            }
        }
        None
    }

    fn fits(&mut self, archive: &Archive, block: usize, password: &Password) -> bool {
        let costly = |coder: &sevenz_rust2::Coder| {
            coder.encoder_method_id() == EncoderMethod::ID_AES256_SHA256
                && coder.properties().first().is_some_and(|first| first & 0x3f > ROUNDS)
        };
        if archive.blocks.get(block).is_none_or(|block| block.coders.iter().any(costly)) {
            return false;
        }
        let reader = &mut self.reader;
        let decoder = BlockDecoder::new_with_memory_limit(1, MEMORY, block, archive, password, reader);
        let tried = decoder.for_each_entries(&mut |entry, content| {
            io::copy(&mut content.take(TRIED), &mut io::sink())?;
            Ok(!entry.has_stream)
        });
        tried.is_ok()
    }
}

/// Gives the members of a block, which are packed together; false once no more is wanted.
fn members(archive: &Archive, block: usize, opener: &mut Opener, sink: &mut dyn Sink) -> bool {
    let first = archive.stream_map.block_first_file_index.get(block).copied().unwrap_or_default();
    let mut password = Password::empty();
    if archive.is_file_encrypted(first) {
        match opener.password(archive, block) {
            Some(fitting) => password = fitting,
            None => return locked(archive, block, opener, sink),
        }
    }
    let reader = &mut opener.reader;
    let decoder = BlockDecoder::new_with_memory_limit(1, MEMORY, block, archive, &password, reader);
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
        say(&error, false, sink);
    }
    wanted
}

/// Says that no password fits a block, and gives the names of its members.
fn locked(archive: &Archive, block: usize, opener: &mut Opener, sink: &mut dyn Sink) -> bool {
    let tried = !opener.passwords.is_empty();
    let (password, reader) = (Password::empty(), &mut opener.reader);
    let decoder = BlockDecoder::new_with_memory_limit(1, MEMORY, block, archive, &password, reader);
    let names: Vec<_> = decoder.entries().iter().map(|entry| entry.name().to_owned()).collect();
    let what = if tried { "no password fits" } else { "a password is needed for" };
    sink.gap(Reason::Encrypted, &format!("{what} members, {} of them", names.len()));
    sink.text("(names)", names.join("\n").as_bytes(), Landmarks::NONE)
}

/// The packed bytes of a block that is Deflate64 and nothing else, which the crate cannot read.
fn deflate64_block(archive: &Archive, block: usize, source: &Arc<dyn ReadAt>) -> Option<RangeReader> {
    let [coder] = archive.blocks.get(block)?.coders.as_slice() else { return None };
    let sizes = archive.pack_sizes();
    // Each block has a stream at least; so if there are as many, each has one.
    if coder.encoder_method_id() != EncoderMethod::ID_DEFLATE64 || sizes.len() != archive.blocks.len() {
        return None;
    }
    let before = sizes.get(..block)?.iter().try_fold(0_u64, |sum, size| sum.checked_add(*size))?;
    let start = HEADER.checked_add(archive.pack_pos())?.checked_add(before)?;
    let end = start.checked_add(*sizes.get(block)?)?;
    Some(RangeReader::new(source.clone(), start, end))
}

/// Gives the members of a block in Deflate64; false once no more is wanted.
fn inflated(archive: &Archive, block: usize, packed: RangeReader, sink: &mut dyn Sink) -> bool {
    let mut content = Deflate64Decoder::with_buffer(BufReader::with_capacity(64 << 10, packed));
    let of_block = |index: usize| archive.stream_map.file_block_index.get(index) == Some(&Some(block));
    let files = archive.files.iter().enumerate().filter(|(index, file)| of_block(*index) && file.has_stream);
    for (_, file) in files {
        let mut member = Checked { inner: (&mut content).take(file.size()), crc: crc32fast::Hasher::new() };
        let mut watched = Watched { inner: &mut member, told: false };
        let more = sink.member(file.name(), &mut watched);
        if !more || watched.told {
            return more;
        }
        // What was not wanted of it stands before the next one.
        let rest = io::copy(&mut member, &mut io::sink());
        let whole = rest.is_ok() && member.inner.limit() == 0;
        if !whole || file.has_crc && u64::from(member.crc.finalize()) != file.crc {
            sink.gap(Reason::Corrupt, "a block does not unpack to what it should");
            return true;
        }
    }
    true
}

/// Keeps the checksum of what is read.
struct Checked<R> {
    inner: R,
    crc: crc32fast::Hasher,
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.crc.update(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}

/// What an error of the crate means.
fn say(error: &Error, tried: bool, sink: &mut dyn Sink) {
    match error {
        Error::PasswordRequired | Error::MaybeBadPassword(_) if tried => {
            sink.gap(Reason::Encrypted, "no password fits, and even the names of its members are locked");
        }
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
