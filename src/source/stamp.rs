//! Stamps: what the system says of a file without opening it, so that a sweep can tell whether it changed.

use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::EntryKind;
use super::remote::Known;

/// Size, times and number of a file. Times are nanoseconds since 1970-01-01 UTC; what a system does not tell is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// Bytes.
    pub size: u64,
    /// When its content was last changed, as anyone may set it.
    pub mtime: i64,
    /// When it was last changed at all, which only the system sets.
    pub ctime: i64,
    /// Its number on its device.
    pub inode: u64,
}

/// What stands in a folder, with its stamp; of a name that vanished meanwhile or is refused, why.
#[derive(Debug, Default)]
pub struct StampedEntry {
    /// Its name, without the folder.
    pub name: OsString,
    /// What it is.
    pub kind: EntryKind,
    /// What the system says of it; of folders, links and special files all zero.
    pub stamp: Stamp,
    /// Why there is no stamp.
    pub trouble: Option<io::Error>,
    /// What a store told of it.
    pub known: Option<Arc<Known>>,
}

/// Nanoseconds a second.
const SECOND: i64 = 1_000_000_000;

/// The coarsest clock of a file system that keeps parts of a second: a tick of the system's, with room.
const TICK: i64 = SECOND / 20;

impl Stamp {
    /// What metadata says.
    pub fn of(meta: &Metadata) -> Self {
        let mtime = meta.modified().map_or(0, nanos);
        let (ctime, inode) = os(meta);
        Self { size: meta.len(), mtime, ctime, inode }
    }

    /// What the C library's structure says, without an open file.
    #[cfg(target_os = "linux")]
    #[allow(
        clippy::useless_conversion,
        clippy::unnecessary_cast,
        reason = "types differ between architectures"
    )]
    pub(super) fn of_stat(stat: &rustix::fs::Stat) -> Self {
        let at = |seconds: i64, nanos: i64| seconds.saturating_mul(SECOND).saturating_add(nanos);
        Self {
            size: u64::try_from(stat.st_size).unwrap_or(0),
            mtime: at(stat.st_mtime as i64, stat.st_mtime_nsec as i64),
            ctime: at(stat.st_ctime as i64, stat.st_ctime_nsec as i64),
            inode: u64::from(stat.st_ino),
        }
    }

    /// Whether the file could change once more within the same tick of its clock after `at` without another stamp (what
    /// git calls racily clean). File systems that keep whole seconds tick every two (FAT).
    pub fn is_racy(&self, at: i64) -> bool {
        let whole = self.mtime % SECOND == 0 && self.ctime % SECOND == 0;
        let tick = if whole { 2 * SECOND } else { TICK };
        at.saturating_sub(self.mtime.max(self.ctime)) < tick
    }

    /// The later of its times.
    pub fn newest(&self) -> i64 {
        self.mtime.max(self.ctime)
    }
}

/// A point in time in nanoseconds since 1970-01-01 UTC.
pub fn nanos(time: SystemTime) -> i64 {
    let after = |nanos: u128| i64::try_from(nanos).unwrap_or(i64::MAX);
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => after(since.as_nanos()),
        Err(before) => -after(before.duration().as_nanos()),
    }
}

#[cfg(unix)]
fn os(meta: &Metadata) -> (i64, u64) {
    use std::os::unix::fs::MetadataExt;
    (meta.ctime().saturating_mul(SECOND).saturating_add(meta.ctime_nsec()), meta.ino())
}

#[cfg(not(unix))]
fn os(meta: &Metadata) -> (i64, u64) {
    (meta.created().map_or(0, nanos), 0)
}

/// The device that a folder lies on; 0 where the system does not tell.
///
/// # Errors
/// The system's, above all if there is no such folder.
pub(super) fn device(path: &Path) -> io::Result<u64> {
    let meta = fs::symlink_metadata(path)?;
    #[cfg(unix)]
    let device = std::os::unix::fs::MetadataExt::dev(&meta);
    #[cfg(not(unix))]
    let device = {
        let _ = meta;
        0
    };
    Ok(device)
}

/// Returns the entries of a folder by name with their stamps.
///
/// # Errors
/// If it cannot be listed to its end: then nothing that is missing may be taken for gone.
pub(super) fn list_stamped(folder: &Path) -> io::Result<Vec<StampedEntry>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind: EntryKind = entry.file_type()?.into();
        let (stamp, trouble) = match kind {
            EntryKind::File => match entry.metadata() {
                Ok(meta) => (Stamp::of(&meta), None),
                Err(error) => (Stamp::default(), Some(error)),
            },
            _ => (Stamp::default(), None),
        };
        entries.push(StampedEntry { name: entry.file_name(), kind, stamp, trouble, known: None });
    }
    entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_shows_in_the_stamp() {
        let dir = tempfile::tempdir().unwrap();
        let stamp = || list_stamped(dir.path()).unwrap().first().map(|entry| entry.stamp).unwrap();
        fs::write(dir.path().join("a"), "one").unwrap();
        let before = stamp();
        assert_eq!(before, stamp());
        std::thread::sleep(std::time::Duration::from_millis(60));
        fs::write(dir.path().join("a"), "two").unwrap();
        assert_ne!(before, stamp());
        assert_eq!(stamp().size, 3);
    }

    #[test]
    fn what_changed_just_now_may_change_again_unseen() {
        let at = |mtime| Stamp { mtime, ctime: mtime, ..Stamp::default() };
        let now = 1_000 * SECOND + 7;
        assert!(at(now - 1_000).is_racy(now));
        assert!(!at(now - SECOND + 1).is_racy(now));
        assert!(at(999 * SECOND).is_racy(now), "whole seconds");
        assert!(!at(997 * SECOND).is_racy(now));
        assert!(at(now + SECOND).is_racy(now), "from the future");
    }
}
