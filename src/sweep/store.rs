//! The state on disk: a path → an open SQLite database and the key of its fingerprints.
//!
//! It is made with mode 0600, so are the key, the lock and SQLite's own files beside it. File systems of a network are
//! refused: SQLite's write-ahead log needs memory that all its users share, and locks that hold.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension};

use crate::fingerprint::{Key, KeyError};

/// The version of the schema, SQLite's `user_version`.
const VERSION: i64 = 1;

/// What brings a database from each version to the next.
const MIGRATIONS: [&str; VERSION as usize] = [include_str!("schema.sql")];

/// Why a sweep cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// SQLite's own trouble.
    #[error("the state: {0}")]
    Sql(#[from] rusqlite::Error),
    /// The system's, with the file.
    #[error("{}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The state lies on a file system of a network.
    #[error(
        "{} lies on {system}, where SQLite's locks and shared memory do not hold; keep the state on a local disk",
        path.display()
    )]
    Network {
        /// The state.
        path: PathBuf,
        /// The file system.
        system: &'static str,
    },
    /// Another sweep has it.
    #[error("another sweep is at work on this state: {0}")]
    Busy(String),
    /// The key's trouble.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The key is not the one that the state was made with.
    #[error("the state was made with the fingerprint key {expected}, not with {given}")]
    OtherKey {
        /// Its name.
        expected: String,
        /// The one that was given.
        given: String,
    },
    /// A newer keysieve made it.
    #[error("the state has version {0}, this keysieve knows up to {VERSION}")]
    Newer(i64),
    /// There is no state of that name.
    #[error("{}: there is no such state", .0.display())]
    Missing(PathBuf),
    /// The engine's.
    #[error(transparent)]
    Engine(#[from] crate::engine::Error),
    /// Something about what was handed in.
    #[error("{0}")]
    Usage(String),
}

impl Error {
    fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }

    /// Whether the user can do something about it on the command line.
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Network { .. } | Self::Key(_) | Self::OtherKey { .. } | Self::Missing(_) | Self::Usage(_)
        )
    }
}

/// A state that is open for reading and writing.
pub struct Store {
    /// The database.
    pub(super) db: Connection,
    /// What its fingerprints are made with.
    pub key: Key,
    path: PathBuf,
}

/// The right to write to a state, given back when it is dropped or the process ends.
pub struct Lease {
    _file: File,
}

/// A path with something behind its last name.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

impl Store {
    /// Opens a state, or makes it. `key` is the file of the key, `None` for the one beside the state, which is made with
    /// it.
    ///
    /// # Errors
    /// [`Error`].
    pub fn open(path: &Path, key: Option<&Path>) -> Result<Self, Error> {
        refuse_network(path)?;
        let key = self::key(path, key)?;
        make_private(path)?;
        let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        db.busy_timeout(Duration::from_secs(30))?;
        db.pragma_update(None, "journal_mode", "wal")?;
        db.pragma_update(None, "synchronous", "full")?;
        db.pragma_update(None, "trusted_schema", false)?;
        let mut store = Self { db, key, path: path.to_owned() };
        store.migrate()?;
        store.check_key()?;
        Ok(store)
    }

    /// Opens a state that is there already.
    ///
    /// # Errors
    /// [`Error`].
    pub fn existing(path: &Path, key: Option<&Path>) -> Result<Self, Error> {
        if !path.is_file() {
            return Err(Error::Missing(path.to_owned()));
        }
        Self::open(path, key)
    }

    fn migrate(&mut self) -> Result<(), Error> {
        let tx = self.db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let version: i64 = tx.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if version > VERSION {
            return Err(Error::Newer(version));
        }
        for migration in MIGRATIONS.iter().skip(usize::try_from(version).unwrap_or(0)) {
            tx.execute_batch(migration)?;
        }
        tx.pragma_update(None, "user_version", VERSION)?;
        tx.commit()?;
        Ok(())
    }

    fn check_key(&self) -> Result<(), Error> {
        let given = self.key.id();
        let known: Option<String> = self
            .db
            .query_row("SELECT value FROM about WHERE name = 'key_id'", [], |row| row.get(0))
            .optional()?;
        match known {
            Some(expected) if expected != given => Err(Error::OtherKey { expected, given }),
            Some(_) => Ok(()),
            None => {
                self.db.execute("INSERT INTO about VALUES ('key_id', ?1)", [&given])?;
                let id = hex(&random::<8>()?);
                self.db.execute("INSERT INTO about VALUES ('state_id', ?1)", [&id])?;
                Ok(())
            }
        }
    }

    /// The state's own name, which goes into idempotency keys.
    pub(super) fn id(&self) -> Result<String, Error> {
        Ok(self.db.query_row("SELECT value FROM about WHERE name = 'state_id'", [], |row| row.get(0))?)
    }

    /// Opens the state once more, for reading alone.
    pub(super) fn reader(&self) -> Result<Connection, Error> {
        let db = Connection::open_with_flags(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        db.busy_timeout(Duration::from_secs(30))?;
        Ok(db)
    }

    /// Takes the lease: the system's lock on a file beside the state, which ends with the process, so that none is ever
    /// left behind. Its text says who has it.
    ///
    /// # Errors
    /// [`Error::Busy`] if another process has it.
    pub fn lease(&self) -> Result<Lease, Error> {
        let path = beside(&self.path, ".lock");
        make_private(&path)?;
        let mut file = OpenOptions::new().read(true).write(true).open(&path).map_err(Error::file(&path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = (&mut file).take(200).read_to_string(&mut holder);
                return Err(Error::Busy(crate::mask::visible(holder.trim())));
            }
            Err(TryLockError::Error(source)) => return Err(Error::File { path, source }),
        }
        let holder = format!("process {}", std::process::id());
        let write = |file: &mut File| -> io::Result<()> {
            file.set_len(0)?;
            file.rewind()?;
            file.write_all(holder.as_bytes())
        };
        write(&mut file).map_err(Error::file(&path))?;
        Ok(Lease { _file: file })
    }
}

/// The key of a state that may not be there yet: the one that is given, or else the one beside it, which is made with it.
///
/// # Errors
/// [`Error`].
pub fn key(state: &Path, given: Option<&Path>) -> Result<Key, Error> {
    match given {
        Some(key) => Ok(Key::from_file(key)?),
        None => own_key(&beside(state, ".key"), state.exists()),
    }
}

/// The key beside a state: read, or made if the state is to be made as well.
fn own_key(path: &Path, state_exists: bool) -> Result<Key, Error> {
    if !path.exists() && !state_exists {
        let bytes = random::<32>()?;
        write_private(path, &bytes)?;
    }
    Ok(Key::from_file(path)?)
}

/// Writes a file that only its owner may read, whole or not at all.
pub(super) fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let new = beside(path, ".new");
    let mut file = private().create(true).write(true).truncate(true).open(&new).map_err(Error::file(&new))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(Error::file(&new))?;
    std::fs::rename(&new, path).map_err(Error::file(path))
}

fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    let fill = getrandom::fill(&mut bytes);
    fill.map_err(|error| Error::Usage(format!("the system gives no random bytes: {error}")))?;
    Ok(bytes)
}

/// Makes an empty file that only its owner may read, unless there is one.
fn make_private(path: &Path) -> Result<(), Error> {
    private().create(true).append(true).open(path).map(drop).map_err(Error::file(path))
}

/// How files that only their owner may read are made.
pub fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Bytes as lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

fn refuse_network(path: &Path) -> Result<(), Error> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match file_system(folder).map_err(Error::file(folder))? {
        Some(system) => Err(Error::Network { path: path.to_owned(), system }),
        None => Ok(()),
    }
}

#[cfg(target_os = "linux")]
fn file_system(folder: &Path) -> io::Result<Option<&'static str>> {
    let system = rustix::fs::statfs(folder)?;
    #[allow(clippy::useless_conversion, reason = "its type differs between architectures")]
    Ok(network(i64::from(system.f_type)))
}

#[cfg(not(target_os = "linux"))]
fn file_system(folder: &Path) -> io::Result<Option<&'static str>> {
    folder.metadata().map(|_| None)
}

/// The name of a file system of a network by its magic number (`linux/magic.h` and the file systems' own sources).
#[cfg(any(target_os = "linux", test))]
fn network(magic: i64) -> Option<&'static str> {
    Some(match magic & 0xffff_ffff {
        0x6969 => "NFS",
        0x517b | 0xff53_4d42 | 0xfe53_4d42 => "SMB",
        0x564c => "NCP",
        0x6573_5546 => "FUSE (a network's, as far as anyone can tell)",
        0x0102_1997 => "9P",
        0x00c3_6400 => "Ceph",
        0x5346_414f | 0x6b41_4653 => "AFS",
        0x7375_7245 => "Coda",
        0x0bd0_0bd0 => "Lustre",
        0x4750_4653 => "GPFS",
        0x0116_1970 => "GFS2",
        0x7461_636f => "OCFS2",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_private_and_keeps_its_key() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state");
        let first = Store::open(&path, None).unwrap().key.id();
        assert_eq!(Store::existing(&path, None).unwrap().key.id(), first);
        #[cfg(unix)]
        for name in ["state", "state.key"] {
            use std::os::unix::fs::PermissionsExt;
            let mode = dir.path().join(name).metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        let other = dir.path().join("other");
        std::fs::write(&other, [1; 32]).unwrap();
        assert!(matches!(Store::open(&path, Some(&other)), Err(Error::OtherKey { .. })));
        std::fs::remove_file(dir.path().join("state.key")).unwrap();
        assert!(matches!(Store::open(&path, None), Err(Error::Key(_))), "no new key for an old state");
    }

    #[test]
    fn two_leases_exclude_each_other() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("state"), None).unwrap();
        let lease = store.lease().unwrap();
        assert!(matches!(store.lease(), Err(Error::Busy(who)) if who.starts_with("process ")));
        drop(lease);
        assert!(store.lease().is_ok());
    }

    #[test]
    fn a_newer_state_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state");
        let store = Store::open(&path, None).unwrap();
        store.db.pragma_update(None, "user_version", VERSION + 1).unwrap();
        drop(store);
        assert!(matches!(Store::open(&path, None), Err(Error::Newer(2))));
    }

    #[test]
    fn file_systems_of_networks_are_known() {
        assert_eq!(network(0x6969), Some("NFS"));
        assert_eq!(network(0xff53_4d42_u32.cast_signed().into()), Some("SMB"), "sign-extended");
        assert_eq!(network(0xef53), None, "ext4");
    }
}
