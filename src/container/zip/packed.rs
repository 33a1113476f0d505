//! A member's packed bytes as a reader of what was packed, through a password and a method (APPNOTE.TXT 6.3.10, 4.4.5).

use std::io::{self, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::crypt::{Decrypted, LONGEST, Lock};
use super::directory::Member;
use crate::container::codec::{Codec, Memory, with_codec};
use crate::container::stream::{Checked, Inflate, Promise};
use crate::container::{Job, Outcome, Place};
use crate::finding::Secret;
use crate::source::{RangeReader, ReadAt, fill};

/// Bytes that tell what memory a decoder takes.
pub(super) const HEAD: usize = 64;

/// What is decoded to see whether a password is the right one, in bytes.
const TRIAL: u64 = 64 << 20;

/// How a member is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Stored,
    Deflate,
    Other(Codec),
}

/// The packing by its number; the size where the archive gives it.
pub(super) fn packing(method: u16, flags: u16, size: Option<u64>) -> Option<Packing> {
    let marked = flags & 2 != 0; // of LZMA: a mark stands at the end (4.4.4)
    Some(match method {
        0 => Packing::Stored,
        8 => Packing::Deflate,
        9 => Packing::Other(Codec::Deflate64),
        12 => Packing::Other(Codec::Bzip2),
        14 => Packing::Other(Codec::ZipLzma(size.filter(|_| !marked))),
        20 | 93 => Packing::Other(Codec::Zstd),
        95 => Packing::Other(Codec::Xz),
        98 => Packing::Other(Codec::ZipPpmd),
        _ => return None,
    })
}

/// The packed bytes of one member.
#[derive(Clone, Copy)]
pub(super) struct Packed<'a> {
    pub(super) source: &'a Arc<dyn ReadAt>,
    pub(super) member: &'a Member,
    /// Where they start.
    pub(super) data: u64,
    pub(super) packing: Packing,
    /// The lock, and what opens it.
    pub(super) unlocked: Option<(Lock, &'a Secret)>,
}

impl<'a> Packed<'a> {
    /// What was packed, as a reader that ends with an error where that is not what the archive promises.
    pub(super) fn open(&self, memory: Option<Memory>) -> io::Result<Box<dyn Read>> {
        let packed = BufReader::with_capacity(64 << 10, self.decrypted()?);
        let plain: Box<dyn Read> = match (self.packing, memory) {
            (Packing::Stored, _) => Box::new(packed),
            (Packing::Deflate, _) => Box::new(Inflate::new(packed)),
            (Packing::Other(codec), memory) => memory.unwrap_or_default().open(codec, packed),
        };
        Ok(Box::new(Checked::new(plain, self.promise())))
    }

    /// Does a piece of work with the memory that decoding takes.
    pub(super) fn with_memory(
        &self,
        job: &Job,
        place: Place,
        work: impl FnOnce(&Job, Option<Memory>) -> Outcome,
    ) -> Outcome {
        match self.packing {
            Packing::Other(codec) => {
                let head = self.head();
                with_codec(job, place, codec, &head, |job, memory| work(job, Some(memory)))
            }
            _ => work(job, None),
        }
    }

    /// Whether decoding takes no more memory than any member may.
    pub(super) fn is_common(&self) -> bool {
        match self.packing {
            Packing::Other(codec) => Memory::default().is_enough(codec, &self.head()),
            _ => true,
        }
    }

    fn head(&self) -> Vec<u8> {
        let mut head = vec![0; HEAD];
        let filled = self.decrypted().map_or(0, |mut reader| fill(&mut reader, &mut head).0);
        head.truncate(filled);
        head
    }

    fn promise(&self) -> Promise {
        let has_crc = self.unlocked.is_none_or(|(lock, _)| lock.has_crc());
        Promise { size: self.member.size, crc: has_crc.then_some(self.member.crc) }
    }

    fn decrypted(&self) -> io::Result<Box<dyn Read>> {
        let end = self.data.saturating_add(self.member.packed);
        let mut reader = RangeReader::new(self.source.clone(), self.data, end);
        let Some((lock, password)) = self.unlocked else {
            return Ok(Box::new(reader));
        };
        let (before, behind) = lock.around();
        let mut head = [0; LONGEST];
        let filled = fill(&mut (&mut reader).take(before), &mut head).0;
        let key = head.get(..filled).and_then(|head| lock.key(head, password.expose()));
        let key =
            key.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the password does not fit"))?;
        let length = self.member.packed.saturating_sub(before).saturating_sub(behind);
        Ok(Box::new(Decrypted::new(reader, key, length)))
    }

    /// Whether this opens to what the archive promises, as far as is tried.
    fn is_right(&self) -> bool {
        let Ok(reader) = self.open(None) else { return false };
        io::copy(&mut reader.take(TRIAL), &mut io::sink()).is_ok()
    }

    /// The first password that opens a member. The one that opened another member is tried first: they mostly have the
    /// same. A password that fits by chance is told by its bytes, if there are others to try.
    pub(super) fn unlock(self, lock: Lock, passwords: &'a [Secret], hint: &AtomicUsize) -> Option<Self> {
        let mut head = [0; LONGEST];
        let mut reader = RangeReader::new(self.source.clone(), self.data, u64::MAX);
        let filled = fill(&mut reader, &mut head).0;
        let head = head.get(..filled)?;
        let last = hint.load(Ordering::Relaxed);
        let order = passwords.get(last).map(|_| last).into_iter();
        let order = order.chain((0..passwords.len()).filter(|index| *index != last));
        for index in order {
            let password = passwords.get(index)?;
            let opened = Self { unlocked: Some((lock, password)), ..self };
            let fits = lock.key(head, password.expose()).is_some();
            if fits && (passwords.len() == 1 || opened.is_right()) {
                hint.store(index, Ordering::Relaxed);
                return Some(opened);
            }
        }
        None
    }
}
