//! A database's write-ahead log (<https://www.sqlite.org/fileformat2.html#the_write_ahead_log>): what was committed there
//! and not yet copied into the database is laid over it.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use crate::blob::Package;
use crate::source::ReadAt;

/// The log's header, and that of each frame.
const HEADER: usize = 32;
const FRAME: usize = 24;

/// The database as its log makes it, if there is a log beside it with anything committed.
pub(super) fn overlay(database: &Arc<dyn ReadAt>, package: &dyn Package) -> Option<Arc<dyn ReadAt>> {
    let log = package.read(&format!("{}-wal", package.own_name()?))?;
    let committed = committed(&log)?;
    Some(Arc::new(Overlaid { database: database.clone(), log, committed }))
}

/// The pages of the last commit in a log.
struct Committed {
    /// Bytes of the log by number of the page, from 0.
    pages: BTreeMap<u64, Range<usize>>,
    page_size: u64,
    /// Pages of the whole database.
    count: u64,
}

/// Reads a log up to the last commit whose frames are all whole.
fn committed(log: &[u8]) -> Option<Committed> {
    let word = |at: usize| -> Option<u32> { Some(u32::from_be_bytes(*log.get(at..)?.first_chunk::<4>()?)) };
    let big = match word(0)? {
        0x377f_0682 => false,
        0x377f_0683 => true,
        _ => return None,
    };
    let page_size = word(8)? as usize;
    if !page_size.is_power_of_two() || !(512..=65536).contains(&page_size) {
        return None;
    }
    let mut sum = checksum((0, 0), log.get(..24)?, big);
    if sum != (word(24)?, word(28)?) {
        return None;
    }
    let mut last = None;
    let (mut pages, mut pending) = (BTreeMap::new(), Vec::new());
    for (index, frame) in log.get(HEADER..)?.chunks_exact(FRAME + page_size).enumerate() {
        let at = HEADER + index * (FRAME + page_size);
        sum = checksum(checksum(sum, frame.get(..8)?, big), frame.get(FRAME..)?, big);
        // Frames of an older round have other salts: the log is written from its start again.
        let salted = log.get(at + 8..at + 16)? == log.get(16..24)?;
        if !salted || sum != (word(at + 16)?, word(at + 20)?) {
            break;
        }
        let number = u64::from(word(at)?).checked_sub(1)?;
        pending.push((number, at + FRAME..at + FRAME + page_size));
        let count = word(at + 4)?;
        if count > 0 {
            pages.extend(pending.drain(..));
            last = Some(u64::from(count));
        }
    }
    let count = last?;
    pages.retain(|number, _| *number < count);
    Some(Committed { pages, page_size: page_size as u64, count })
}

/// The log's checksum, carried on over a multiple of eight bytes.
fn checksum((mut first, mut second): (u32, u32), bytes: &[u8], big: bool) -> (u32, u32) {
    let word = |bytes: &[u8; 4]| if big { u32::from_be_bytes(*bytes) } else { u32::from_le_bytes(*bytes) };
    let (words, _) = bytes.as_chunks::<4>();
    let (pairs, _) = words.as_chunks::<2>();
    for [one, two] in pairs {
        first = first.wrapping_add(word(one)).wrapping_add(second);
        second = second.wrapping_add(word(two)).wrapping_add(first);
    }
    (first, second)
}

/// A database with a log over it.
struct Overlaid {
    database: Arc<dyn ReadAt>,
    log: Arc<[u8]>,
    committed: Committed,
}

impl ReadAt for Overlaid {
    /// No more than both files have: a count in the log may promise more.
    fn size(&self) -> u64 {
        let Committed { pages, page_size, count } = &self.committed;
        let last = pages.last_key_value().map_or(0, |(number, _)| (number + 1).saturating_mul(*page_size));
        self.database.size().max(last).min(count.saturating_mul(*page_size))
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let Committed { pages, page_size, .. } = &self.committed;
        let within = offset % page_size;
        let left = self.size().saturating_sub(offset).min(page_size - within);
        let wanted = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let Some(buffer) = buffer.get_mut(..wanted) else { return Ok(0) };
        let page = pages.get(&(offset / page_size)).and_then(|bytes| self.log.get(bytes.clone()));
        match page.and_then(|page| page.get(usize::try_from(within).ok()?..)?.get(..wanted)) {
            Some(part) => {
                buffer.copy_from_slice(part);
                Ok(wanted)
            }
            None => match self.database.read_at(buffer, offset)? {
                // A hole between the end of the database and a page of the log.
                0 => {
                    buffer.fill(0);
                    Ok(wanted)
                }
                read => Ok(read),
            },
        }
    }
}
