//! Files and folders put in their place as a whole: written beside it first, for their owner's eyes only, and renamed when
//! they are complete.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use tempfile::{Builder, TempDir};

/// What a name begins with while it is written.
const PREFIX: &str = ".keysieve-";

/// Writes a file as a whole: it is there with all its bytes or not at all.
///
/// # Errors
/// The system's; above all if there is such a file and `force` was not given.
pub(super) fn file(path: &Path, bytes: &[u8], like: Option<Permissions>, force: bool) -> anyhow::Result<()> {
    let write = || -> io::Result<()> {
        let folder = folder_of(path);
        fs::metadata(folder)?;
        // Made for its owner alone, and gone if we do not get to the end.
        let mut temporary = Builder::new().prefix(PREFIX).tempfile_in(folder)?;
        temporary.write_all(bytes)?;
        temporary.as_file().sync_all()?;
        if let Some(permissions) = like {
            temporary.as_file().set_permissions(permissions)?;
        }
        let placed = if force { temporary.persist(path) } else { temporary.persist_noclobber(path) };
        placed.map_err(|error| error.error)?;
        sync(folder)
    };
    write().map_err(plain).with_context(|| format!("cannot write {}", path.display()))
}

/// The system's reason without the name of a temporary file, which tells nobody anything.
fn plain(error: io::Error) -> io::Error {
    if error.get_ref().is_some() { io::Error::from(error.kind()) } else { error }
}

/// The folder that a path stands in.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes sure that a name is on the disk; where a folder cannot be opened, the system does so by itself.
fn sync(folder: &Path) -> io::Result<()> {
    match File::open(folder) {
        Ok(folder) if cfg!(unix) => folder.sync_all(),
        _ => Ok(()),
    }
}

/// A folder that is made beside its place.
pub(super) struct Stage {
    temporary: TempDir,
    target: PathBuf,
    /// Folders in it, with the permissions that they get at the end.
    folders: Vec<(PathBuf, Permissions)>,
}

impl Stage {
    /// Begins with nothing in it.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn new(target: &Path) -> anyhow::Result<Self> {
        let temporary = Builder::new().prefix(PREFIX).tempdir_in(folder_of(target));
        let temporary =
            temporary.map_err(plain).with_context(|| format!("cannot write beside {}", target.display()))?;
        Ok(Self { temporary, target: target.to_owned(), folders: Vec::new() })
    }

    /// Makes a folder in it.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn folder(&mut self, relative: &Path, like: Permissions) -> io::Result<()> {
        let path = self.temporary.path().join(relative);
        fs::create_dir_all(&path)?;
        if !self.folders.iter().any(|(known, _)| *known == path) {
            self.folders.push((path, like));
        }
        Ok(())
    }

    /// Writes a file in it.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn file(&self, relative: &Path, bytes: &[u8], like: Permissions) -> io::Result<()> {
        let path = self.temporary.path().join(relative);
        let folder = path.parent().unwrap_or(self.temporary.path());
        let mut temporary = Builder::new().prefix(PREFIX).tempfile_in(folder)?;
        temporary.write_all(bytes)?;
        temporary.as_file().sync_all()?;
        temporary.as_file().set_permissions(like)?;
        temporary.persist(&path).map_err(|error| error.error)?;
        Ok(())
    }

    /// Puts it in its place.
    ///
    /// # Errors
    /// The system's; above all if something is there by now.
    pub(super) fn finish(self) -> anyhow::Result<()> {
        let Self { temporary, target, folders } = self;
        let place = || -> io::Result<()> {
            // The innermost first: a folder that forbids writing would be in the way of what is in it.
            for (path, like) in folders.into_iter().rev() {
                fs::set_permissions(path, like)?;
            }
            fs::rename(temporary.path(), &target)?;
            sync(folder_of(&target))
        };
        let placed = place().with_context(|| format!("cannot write {}", target.display()));
        if placed.is_ok() {
            drop(temporary.keep()); // it has another name now
        }
        placed
    }
}
