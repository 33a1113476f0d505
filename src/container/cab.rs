//! Cabinets ([MS-CAB], version 1.3): folders, each a stream of blocks with its files one after the other in it. MSZIP and
//! LZX are decoded; Quantum, and what goes on in another cabinet, is a gap.
//!
//! The headers are read here, since the `cab` crate decodes a folder from its start for every file in it.

use std::cell::Cell;
use std::io::{self, BufRead, Read};
use std::sync::Arc;

use flate2::{Decompress, FlushDecompress};
use lzxd::{Lzxd, WindowSize};

use super::stream::{Metered, Rewinds, skip};
use super::{Job, Outcome, Place, Stream, Workspace, broken, gap};
use crate::blob::Alone;
use crate::budget::Reason;
use crate::source::{RangeReader, ReadAt};

const MAGIC: &[u8] = b"MSCF\0\0\0\0";

/// The longest name, in bytes (2.3).
const NAME: usize = 256;

/// What a block unpacks to at most, and how far back MSZIP refers.
const BLOCK: usize = 32 << 10;

/// Whether bytes begin as a cabinet does.
pub(super) fn begins(head: &[u8]) -> bool {
    head.starts_with(MAGIC)
}

/// A folder: where its blocks start, how many there are, and how they are packed.
#[derive(Clone, Copy, Debug)]
struct Folder {
    start: u64,
    blocks: u16,
    method: u16,
    /// Bytes in each block's header that are not ours.
    reserved: u8,
}

/// A file: where it stands in its folder.
#[derive(Debug)]
struct Member {
    name: String,
    start: u64,
    size: u64,
    folder: u16,
}

/// Looks at the files, folder by folder.
pub(super) fn unpack(
    job: &Job,
    place: Place,
    source: &Arc<dyn ReadAt>,
    workspace: &mut Workspace,
) -> Outcome {
    let limit = job.run.visit.budget().members;
    let (folders, mut members) = match directory(source, limit) {
        Ok(directory) => directory,
        Err(error) => return broken(place.provenance, &error),
    };
    let mut outcome = Outcome::default();
    // Stable, so that files at one place stay in the order of the directory.
    members.sort_by_key(|member| (member.folder, member.start));
    for group in members.chunk_by(|a, b| a.folder == b.folder) {
        let folder = group.first().and_then(|member| folders.get(usize::from(member.folder)));
        match folder {
            Some(folder) => outcome.add(files(job, place, source, *folder, group, workspace)),
            None => {
                let detail = format!("{} files go on in another cabinet", group.len());
                outcome.add(gap(place.provenance, Reason::Unsupported, detail));
            }
        }
        if job.spent() {
            outcome.add(gap(place.provenance, job.limit(), "files from here on are left out"));
            break;
        }
    }
    if members.len() == limit {
        outcome.add(gap(place.provenance, Reason::BudgetMembers, "too many files; the rest is left out"));
    }
    outcome
}

fn files(
    job: &Job,
    place: Place,
    source: &Arc<dyn ReadAt>,
    folder: Folder,
    members: &[Member],
    workspace: &mut Workspace,
) -> Outcome {
    let mut outcome = Outcome::default();
    let rewinds = Rewinds::default();
    let mut stream = Blocks::new(source.clone(), folder);
    let mut position = 0;
    for member in members {
        let provenance = &place.provenance.entry(member.name.as_str());
        let member_place = Place { provenance, package: &Alone };
        outcome.add(job.run.named(provenance, workspace));
        outcome.coverage.members += 1;
        if member.start < position {
            // Its bytes are another file's as well, which was looked at.
            continue;
        }
        if let Err(error) = skip(&mut stream, member.start - position) {
            return outcome.then(broken(provenance, &error));
        }
        let opener = || -> io::Result<Box<dyn Read>> {
            let mut again = Blocks::new(source.clone(), folder);
            rewinds.skip(&mut again, member.start)?;
            Ok(Box::new(again.take(member.size)))
        };
        let mut content = (&mut stream).take(member.size);
        let cut = Cell::new(false);
        let mut reader = Metered::new(&mut content, job.allowance, &cut);
        let work = || job.stream(member_place, Stream { reader: &mut reader, opener: &opener }, workspace);
        outcome.add(job.run.guarded(provenance, work));
        if cut.get() {
            return outcome.then(job.spent_gap(provenance));
        }
        let left = content.limit();
        match skip(&mut stream, left) {
            Ok(()) => position = member.start + member.size,
            Err(error) => return outcome.then(broken(provenance, &error)),
        }
    }
    outcome
}

fn directory(source: &Arc<dyn ReadAt>, limit: usize) -> io::Result<(Vec<Folder>, Vec<Member>)> {
    let mut reader = io::BufReader::new(RangeReader::whole(source.clone()));
    let head: [u8; 36] = bytes(&mut reader)?;
    let (first_file, flags) = (u32_at(&head, 16), u16_at(&head, 30));
    let (folder_count, file_count) = (u16_at(&head, 26), u16_at(&head, 28));
    let mut reserved = [0; 4];
    if flags & 4 != 0 {
        reserved = bytes(&mut reader)?;
        skip(&mut reader, u64::from(u16_at(&reserved, 0)))?;
    }
    let [_, _, in_folder, in_block] = reserved;
    // The cabinets before and behind this one, each with the name of its disk.
    for _ in 0..(flags & 1) * 2 + (flags >> 1 & 1) * 2 {
        text(&mut reader)?;
    }
    let mut folders = Vec::new();
    for _ in 0..folder_count {
        let entry: [u8; 8] = bytes(&mut reader)?;
        skip(&mut reader, u64::from(in_folder))?;
        let (start, blocks, method) = (u64::from(u32_at(&entry, 0)), u16_at(&entry, 4), u16_at(&entry, 6));
        folders.push(Folder { start, blocks, method, reserved: in_block });
    }
    let files = RangeReader::new(source.clone(), u64::from(first_file), u64::MAX);
    let mut reader = io::BufReader::new(files);
    let mut members = Vec::new();
    for _ in 0..usize::from(file_count).min(limit) {
        let entry: [u8; 16] = bytes(&mut reader)?;
        let (size, start) = (u64::from(u32_at(&entry, 0)), u64::from(u32_at(&entry, 4)));
        members.push(Member { size, start, folder: u16_at(&entry, 8), name: text(&mut reader)? });
    }
    Ok((folders, members))
}

fn bytes<const N: usize>(reader: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn text(reader: &mut impl io::BufRead) -> io::Result<String> {
    let mut text = Vec::new();
    reader.take(NAME as u64 + 1).read_until(0, &mut text)?;
    match text.pop() {
        Some(0) => Ok(String::from_utf8_lossy(&text).into_owned()),
        Some(_) => Err(io::Error::new(io::ErrorKind::InvalidData, "a name has no end")),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// The blocks of a folder as one stream.
struct Blocks {
    reader: RangeReader,
    left: u16,
    reserved: u8,
    method: Method,
    plain: Vec<u8>,
    used: usize,
}

enum Method {
    Stored,
    /// With what the last block unpacked to.
    MsZip(Decompress, Vec<u8>),
    Lzx(Box<Lzxd>),
    Unknown,
}

impl Blocks {
    fn new(source: Arc<dyn ReadAt>, folder: Folder) -> Self {
        let method = match folder.method & 15 {
            0 => Method::Stored,
            1 => Method::MsZip(Decompress::new(false), Vec::new()),
            3 => lzx_window(folder.method >> 8 & 31)
                .map_or(Method::Unknown, |window| Method::Lzx(Box::new(Lzxd::new(window)))),
            _ => Method::Unknown,
        };
        let reader = RangeReader::new(source, folder.start, u64::MAX);
        Self { reader, left: folder.blocks, reserved: folder.reserved, method, plain: Vec::new(), used: 0 }
    }

    fn next_block(&mut self) -> io::Result<()> {
        let head: [u8; 8] = bytes(&mut self.reader)?;
        skip(&mut self.reader, u64::from(self.reserved))?;
        let (size, plain) = (usize::from(u16_at(&head, 4)), usize::from(u16_at(&head, 6)));
        let mut packed = vec![0; size];
        self.reader.read_exact(&mut packed)?;
        if plain == 0 || plain > BLOCK {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "a block goes on in another cabinet"));
        }
        self.plain.clear();
        self.used = 0;
        self.method.decode(&packed, plain, &mut self.plain)
    }
}

impl Read for Blocks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.used == self.plain.len() && self.left > 0 {
            self.left -= 1;
            self.next_block().inspect_err(|_| self.left = 0)?;
        }
        let mut rest = self.plain.get(self.used..).unwrap_or_default();
        let read = rest.read(buffer)?;
        self.used += read;
        Ok(read)
    }
}

impl Method {
    fn decode(&mut self, packed: &[u8], size: usize, plain: &mut Vec<u8>) -> io::Result<()> {
        let corrupt = || io::Error::new(io::ErrorKind::InvalidData, "a block does not unpack");
        match self {
            Self::Stored => plain.extend_from_slice(packed),
            Self::MsZip(state, before) => {
                let packed = packed.strip_prefix(b"CK").ok_or_else(corrupt)?;
                state.reset(false);
                if !before.is_empty() {
                    state.set_dictionary(before).map_err(|_| corrupt())?;
                }
                plain.resize(size, 0);
                let status = state.decompress(packed, plain, FlushDecompress::Finish);
                if status.is_err() || state.total_out() != size as u64 {
                    return Err(corrupt());
                }
                before.clone_from(plain);
            }
            Self::Lzx(state) => {
                let decoded = state.decompress_next(packed, size).map_err(|_| corrupt())?;
                plain.extend_from_slice(decoded);
            }
            Self::Unknown => {
                let detail = "its method of compression is none that is known";
                return Err(io::Error::new(io::ErrorKind::Unsupported, detail));
            }
        }
        Ok(())
    }
}

fn lzx_window(bits: u16) -> Option<WindowSize> {
    Some(match bits {
        15 => WindowSize::KB32,
        16 => WindowSize::KB64,
        17 => WindowSize::KB128,
        18 => WindowSize::KB256,
        19 => WindowSize::KB512,
        20 => WindowSize::MB1,
        21 => WindowSize::MB2,
        _ => return None,
    })
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |chunk| u16::from_le_bytes(*chunk))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |chunk| u32::from_le_bytes(*chunk))
}
