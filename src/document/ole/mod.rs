//! Compound files ([MS-CFB]), in which Outlook keeps messages and Office of the old form its documents: what each kind
//! of them holds as text, embedded files and macros, and all other streams as members.
//!
//! The crate `cfb` reads the file's own structure, so this one is isolated; what is in the streams is read here. Streams
//! whose text was given are not given again: the file's own bytes are looked at as well.

pub(super) mod bytes;
mod doc;
mod lzfu;
mod msg;
mod native;
mod ppt;
mod vba;
mod xls;

use std::collections::BTreeSet;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;

use cfb::CompoundFile;

pub(super) use self::lzfu::decompress as decompress_rtf;
pub(super) use self::msg::property_name;
pub(super) use self::native::embedded;

use super::text::Writer;
use super::{Decoder, Sink};
use crate::budget::Reason;
use crate::source::ReadAt;

/// Compound files as a kind of document.
pub(super) const OLE: Decoder = Decoder { name: "compound file", begins, decode, isolated: true };

/// The longest stream that is held, in bytes; longer ones are given as they come.
const HELD: u64 = 128 << 20;

/// Streams and storages that are looked at.
const ENTRIES: usize = 50_000;

fn begins(head: &[u8]) -> bool {
    head.starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
}

fn decode(source: &Arc<dyn ReadAt>, sink: &mut dyn Sink) {
    match CompoundFile::open(Reader::new(source.clone())) {
        Ok(file) => Compound::new(file).give(&mut Writer::new("(text)", sink)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            sink.gap(Reason::Truncated, "it ends before its directory does");
        }
        Err(_) => sink.gap(Reason::Corrupt, "its directory cannot be read"),
    }
}

/// One stream.
pub(super) struct Entry {
    path: PathBuf,
    /// The names on the way to it, its own last.
    names: Vec<String>,
    length: u64,
}

impl Entry {
    fn name(&self) -> &str {
        self.names.last().map_or("", String::as_str)
    }

    /// The names of the storages that it is in.
    fn parents(&self) -> &[String] {
        self.names.split_last().map_or(&[], |(_, parents)| parents)
    }
}

/// A compound file with the list of its streams.
pub(super) struct Compound {
    file: CompoundFile<Reader>,
    entries: Vec<Entry>,
    /// Streams that were given in a better form.
    given: BTreeSet<usize>,
}

impl Compound {
    fn new(file: CompoundFile<Reader>) -> Self {
        let entry = |entry: cfb::Entry| {
            let names = entry.path().iter().skip(1).map(|name| name.to_string_lossy().into_owned()).collect();
            Entry { path: entry.path().to_owned(), names, length: entry.len() }
        };
        let entries = file.walk().take(ENTRIES).filter(cfb::Entry::is_stream).map(entry).collect();
        Self { file, entries, given: BTreeSet::new() }
    }

    fn give(&mut self, writer: &mut Writer) {
        if self.root("EncryptedPackage").is_some() {
            writer.sink().gap(Reason::Encrypted, "a password is needed");
        }
        if self.root("__properties_version1.0").is_some() {
            msg::give(self, writer);
        }
        doc::give(self, writer);
        xls::give(self, writer);
        ppt::give(self, writer);
        vba::give(self, writer);
        writer.flush();
        native::give(self, writer);
        self.give_streams(writer);
    }

    /// All streams that nobody gave yet.
    fn give_streams(&mut self, writer: &mut Writer) {
        let mut broken = false;
        for number in 0..self.entries.len() {
            if !writer.wanted() {
                return;
            }
            let Some(entry) = self.entries.get(number).filter(|_| !self.given.contains(&number)) else {
                continue;
            };
            if entry.length == 0 {
                continue;
            }
            let name = shown(&entry.names);
            match self.file.open_stream(&entry.path) {
                Ok(mut stream) => writer.member(&name, &mut stream),
                Err(_) => broken = true,
            }
        }
        if broken {
            writer.sink().gap(Reason::Corrupt, "a stream of it cannot be read");
        }
    }

    /// The stream of that name in the root storage.
    fn root(&self, name: &str) -> Option<usize> {
        self.entries.iter().position(|entry| matches!(entry.names.as_slice(), [own] if own == name))
    }

    /// All bytes of a stream, or what of them can be read.
    fn read(&mut self, number: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        let stream = self.entries.get(number).and_then(|entry| self.file.open_stream(&entry.path).ok());
        if let Some(stream) = stream {
            // What came before an error counts.
            let _ = stream.take(HELD).read_to_end(&mut bytes);
        }
        bytes
    }

    /// A stream of the root storage, which then counts as given.
    fn take_root(&mut self, name: &str) -> Option<Vec<u8>> {
        let number = self.root(name)?;
        self.given.insert(number);
        Some(self.read(number))
    }
}

/// A stream's path as a member's name: some names begin with a control character that says whose they are.
fn shown(names: &[String]) -> String {
    names.join("/").chars().filter(|character| !character.is_control()).collect()
}

/// A file as a reader that can go anywhere in it.
pub(super) struct Reader {
    source: Arc<dyn ReadAt>,
    position: u64,
}

impl Reader {
    pub(super) fn new(source: Arc<dyn ReadAt>) -> Self {
        Self { source, position: 0 }
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read_at(buffer, self.position)?;
        self.position += read as u64;
        Ok(read)
    }
}

impl Seek for Reader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.source.size().checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests;
