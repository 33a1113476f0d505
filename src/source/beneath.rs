//! A folder held open: paths below it → open files and listings, resolved beneath it and without any link.
//!
//! Swept folders are written by others while they are swept: a name may be swapped for a link, a pipe or a device after it
//! was listed. On Linux the kernel itself refuses links on the whole way (openat2, `RESOLVE_NO_SYMLINKS` and
//! `RESOLVE_BENEATH`, <https://man7.org/linux/man-pages/man2/openat2.2.html>); elsewhere, and on kernels without it, only
//! the last name is guarded.

#[cfg(target_os = "linux")]
pub(super) use linux::Held;
#[cfg(not(target_os = "linux"))]
pub(super) use other::Held;

#[cfg(target_os = "linux")]
mod linux {
    use std::ffi::{OsStr, OsString};
    use std::fs::File;
    use std::io;
    use std::os::fd::{AsFd, OwnedFd};
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    use std::path::{Path, PathBuf};

    use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, RawMode, ResolveFlags};
    use rustix::io::Errno;

    use crate::source::{EntryKind, Links, Listing, Stamp, StampedEntry, os};

    /// How often an opening is tried again that the kernel could not vouch for, since something was renamed meanwhile.
    const TRIES: usize = 8;

    /// A folder that is held open.
    #[derive(Debug)]
    pub(in crate::source) struct Held {
        folder: OwnedFd,
        path: PathBuf,
    }

    impl Held {
        /// Opens a folder; links on the way to it are followed, since it was named by the user.
        pub(in crate::source) fn new(path: &Path) -> io::Result<Self> {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            Ok(Self { folder: rustix::fs::open(path, flags, Mode::empty())?, path: path.to_owned() })
        }

        fn resolve(&self, below: &Path, flags: OFlags) -> io::Result<OwnedFd> {
            let below = if below.as_os_str().is_empty() { Path::new(".") } else { below };
            let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW;
            let rules = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
            for _ in 0..TRIES {
                match rustix::fs::openat2(&self.folder, below, flags, Mode::empty(), rules) {
                    Err(Errno::AGAIN | Errno::INTR) => {}
                    // Linux before 5.6, and sandboxes that know no openat2.
                    Err(Errno::NOSYS | Errno::PERM) => {
                        return Ok(rustix::fs::openat(&self.folder, below, flags, Mode::empty())?);
                    }
                    Err(Errno::LOOP | Errno::XDEV) => {
                        return Err(io::Error::other("a link is on the way to it"));
                    }
                    done => return Ok(done?),
                }
            }
            Err(io::Error::other("something was renamed on the way to it, again and again"))
        }

        /// Opens a regular file; what is none is never read, and never waited for.
        pub(in crate::source) fn open(&self, below: &Path) -> io::Result<File> {
            match self.resolve(below, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY) {
                Ok(file) => Ok(file.into()),
                // Too long a way for one call: the plain one, which has the same limit, says so.
                Err(error) if error.raw_os_error() == Some(Errno::NAMETOOLONG.raw_os_error()) => {
                    os::open(&self.path.join(below), Links::Refuse)
                }
                Err(error) => Err(error),
            }
        }

        /// What stands at a path.
        pub(in crate::source) fn look(&self, below: &Path) -> io::Result<(EntryKind, Stamp)> {
            let found = self.resolve(below, OFlags::PATH)?;
            let meta = File::from(found).metadata()?;
            Ok((meta.file_type().into(), Stamp::of(&meta)))
        }

        /// What a folder holds, by name.
        pub(in crate::source) fn list(&self, below: &Path) -> io::Result<Listing> {
            let folder = self.resolve(below, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK)?;
            let device = rustix::fs::fstat(&folder)?.st_dev;
            let mut entries = Vec::new();
            for entry in Dir::read_from(&folder)? {
                let entry = entry?;
                let name = entry.file_name();
                if !matches!(name.to_bytes(), b"." | b"..") {
                    let name = OsString::from_vec(name.to_bytes().to_vec());
                    entries.push(stamped(&folder, name, entry.file_type()));
                }
            }
            entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
            Ok(Listing { entries, device })
        }
    }

    /// An entry with its stamp; of one whose kind the file system did not tell, what it turns out to be.
    fn stamped(folder: &OwnedFd, name: OsString, kind: FileType) -> StampedEntry {
        let plain = |name, kind| StampedEntry { name, kind, ..StampedEntry::default() };
        match kind {
            FileType::Directory => return plain(name, EntryKind::Folder),
            FileType::Symlink => return plain(name, EntryKind::Link),
            FileType::RegularFile | FileType::Unknown => {}
            _ => return plain(name, EntryKind::Special),
        }
        match rustix::fs::statat(folder.as_fd(), OsStr::as_bytes(&name), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => {
                let kind = kind_of(stat.st_mode);
                let stamp = if kind == EntryKind::File { Stamp::of_stat(&stat) } else { Stamp::default() };
                StampedEntry { stamp, ..plain(name, kind) }
            }
            Err(error) => StampedEntry { trouble: Some(error.into()), ..plain(name, EntryKind::File) },
        }
    }

    fn kind_of(mode: RawMode) -> EntryKind {
        match FileType::from_raw_mode(mode) {
            FileType::RegularFile => EntryKind::File,
            FileType::Directory => EntryKind::Folder,
            FileType::Symlink => EntryKind::Link,
            _ => EntryKind::Special,
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    use crate::source::{At, EntryKind, Links};

    #[test]
    fn nothing_leads_out_of_a_folder_that_is_held() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("root/in")).unwrap();
        fs::write(dir.path().join("out"), "x").unwrap();
        fs::write(dir.path().join("root/in/a"), "x").unwrap();
        symlink("../out", dir.path().join("root/link")).unwrap();
        symlink("in", dir.path().join("root/folder")).unwrap();
        let held = At::held(&dir.path().join("root")).unwrap();
        assert!(held.join("in/a").open(Links::Follow).is_ok());
        for way in ["link", "folder/a", "../out", "in/../../out", "/etc/hostname"] {
            assert!(held.join(way).open(Links::Follow).is_err(), "{way}");
        }
        assert!(held.join("folder").listing().is_err());
        assert_eq!(held.join("link").look().unwrap().0, EntryKind::Link);
        assert_eq!(held.join("in/a").look().unwrap().1.size, 1);
        let names = held.listing().unwrap().entries;
        let names: Vec<_> = names.iter().map(|entry| (entry.name.to_str().unwrap(), entry.kind)).collect();
        assert_eq!(
            names,
            [("folder", EntryKind::Link), ("in", EntryKind::Folder), ("link", EntryKind::Link)]
        );
    }

    #[test]
    fn it_stays_the_folder_that_was_opened() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("root")).unwrap();
        fs::write(dir.path().join("root/a"), "x").unwrap();
        let held = At::held(&dir.path().join("root")).unwrap();
        fs::rename(dir.path().join("root"), dir.path().join("gone")).unwrap();
        symlink("/etc", dir.path().join("root")).unwrap();
        assert!(held.join("a").open(Links::Refuse).is_ok());
        assert_eq!(held.listing().unwrap().entries.len(), 1);
        assert!(held.up().is_none());
    }

    #[test]
    fn pipes_and_devices_are_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let made = std::process::Command::new("mkfifo").arg(dir.path().join("pipe")).status();
        assert!(made.is_ok_and(|status| status.success()));
        let held = At::held(dir.path()).unwrap();
        assert!(held.join("pipe").open(Links::Refuse).is_err());
        assert_eq!(held.listing().unwrap().entries[0].kind, EntryKind::Special);
        let devices = At::held(Path::new("/dev")).unwrap();
        assert!(devices.join("zero").open(Links::Refuse).is_err());
    }
}

#[cfg(not(target_os = "linux"))]
mod other {
    use std::fs::{self, File};
    use std::io;
    use std::path::{Path, PathBuf};

    use crate::source::{EntryKind, Links, Listing, Stamp, os, stamp};

    /// A folder that is known by its path.
    #[derive(Debug)]
    pub(in crate::source) struct Held(PathBuf);

    impl Held {
        /// Looks whether the folder is there.
        pub(in crate::source) fn new(path: &Path) -> io::Result<Self> {
            if !fs::metadata(path)?.is_dir() {
                return Err(io::ErrorKind::NotADirectory.into());
            }
            Ok(Self(path.to_owned()))
        }

        /// Opens a file; a link in its place is refused.
        pub(in crate::source) fn open(&self, below: &Path) -> io::Result<File> {
            os::open(&self.0.join(below), Links::Refuse)
        }

        /// What stands at a path.
        pub(in crate::source) fn look(&self, below: &Path) -> io::Result<(EntryKind, Stamp)> {
            let meta = fs::symlink_metadata(self.0.join(below))?;
            Ok((meta.file_type().into(), Stamp::of(&meta)))
        }

        /// What a folder holds, by name.
        pub(in crate::source) fn list(&self, below: &Path) -> io::Result<Listing> {
            let path = self.0.join(below);
            Ok(Listing { device: stamp::device(&path)?, entries: stamp::list_stamped(&path)? })
        }
    }
}
