//! The pre-commit hook: puts a script before each commit of a repository, and takes it out again.
//!
//! Where hooks lie is git's answer (`core.hooksPath`, worktrees). A hook that is there is kept beside ours and runs first;
//! uninstalling puts it back as it was. Husky owns its folder of hooks and has people write in `.husky/pre-commit`: there
//! a block between two marks is added and taken out.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::git::{self, Repository};

/// The line by which our script is known.
const OURS: &str = "# keysieve: made by `keysieve hook install`, taken away by `keysieve hook uninstall`";
/// What a hook that was there is called meanwhile.
const BEFORE: &str = "pre-commit.before-keysieve";
/// The marks of a block in a script of others.
const BEGIN: &str = "# >>> keysieve >>>";
const END: &str = "# <<< keysieve <<<";

/// Why a hook was not installed or uninstalled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Git does not tell where hooks lie.
    #[error(transparent)]
    Git(#[from] git::Error),
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: String,
        /// The system's reason.
        source: io::Error,
    },
    /// Something stands in the way.
    #[error("{0}")]
    InTheWay(String),
}

/// Where the hook of a repository is, or would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// The script.
    pub path: PathBuf,
    /// Whose script it is.
    pub kind: Kind,
}

/// How the hook is put there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// As a script of its own in git's folder of hooks.
    Script,
    /// As a block in Husky's script.
    Husky,
}

/// What is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// No hook of ours; whether there is another one.
    Absent {
        /// Whether another hook is there.
        other: bool,
    },
    /// Ours; whether it runs another one first.
    Installed {
        /// Whether another hook is kept and runs first.
        chained: bool,
    },
    /// One of ours was replaced by another hook, and what it had kept lies beside it.
    Replaced,
}

impl Hook {
    /// Where the hook of a repository belongs. A folder of hooks outside of the repository is one of many repositories,
    /// and taken only if `shared`.
    ///
    /// # Errors
    /// If there is no repository, or the folder is one of many.
    pub fn of(repository: &Repository, shared: bool) -> Result<Self, Error> {
        let answer = repository.ask_as_configured(&["rev-parse", "--git-path", "hooks"])?;
        let said = String::from_utf8_lossy(&answer).trim_end_matches(['\n', '\r']).to_owned();
        let said = Path::new(&said);
        let folder = repository.folder().join(said.strip_prefix("./").unwrap_or(said));
        let folder = folder.strip_prefix("./").map(Path::to_owned).unwrap_or(folder);
        if let Some(husky) = husky(&folder) {
            return Ok(Self { path: husky, kind: Kind::Husky });
        }
        if !shared && !within(repository, &folder) {
            return Err(Error::InTheWay(format!(
                "core.hooksPath is {}, outside of this repository: a hook there would run in every repository that uses it. \
                 If that is meant, say --shared",
                folder.display()
            )));
        }
        Ok(Self { path: folder.join("pre-commit"), kind: Kind::Script })
    }

    /// What is there.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn state(&self) -> Result<State, Error> {
        let text = read(&self.path)?;
        let kept = self.kind == Kind::Script && exists(&self.before());
        Ok(match text {
            Some(text) if self.is_ours(&text) => State::Installed {
                chained: kept
                    || self.kind == Kind::Husky && without_block(&text).is_some_and(|rest| !rest.is_empty()),
            },
            _ if kept => State::Replaced,
            Some(_) => State::Absent { other: true },
            None => State::Absent { other: exists(&self.path) },
        })
    }

    /// Puts the hook there. `program` is how keysieve is called.
    ///
    /// # Errors
    /// If a file cannot be written, or stands in the way.
    pub fn install(&self, program: &Path) -> Result<State, Error> {
        match (self.state()?, self.kind) {
            (State::Replaced, _) => {
                return Err(Error::InTheWay(format!(
                    "{} was replaced since keysieve was installed, and the hook that was there first is {}: put one of them in \
                 place, take the other away, and install again",
                    self.path.display(),
                    self.before().display()
                )));
            }
            (_, Kind::Husky) => {
                let text = read(&self.path)?.unwrap_or_default();
                let rest = without_block(&text).unwrap_or(text);
                write(&self.path, &with_block(&rest))?;
            }
            (state, Kind::Script) => {
                if let Some(folder) = self.path.parent() {
                    fs::create_dir_all(folder).map_err(|source| trouble(folder, source))?;
                }
                if state == (State::Absent { other: true }) {
                    fs::rename(&self.path, self.before()).map_err(|source| trouble(&self.path, source))?;
                }
                write(&self.path, &script(program))?;
                make_executable(&self.path)?;
            }
        }
        self.state()
    }

    /// Takes the hook away, and puts back what was there before.
    ///
    /// # Errors
    /// If a file cannot be written, or the hook that is there is not ours.
    pub fn uninstall(&self) -> Result<State, Error> {
        match (self.state()?, self.kind) {
            (State::Absent { .. }, _) => {}
            (State::Replaced, _) => {
                return Err(Error::InTheWay(format!(
                    "{} was replaced since keysieve was installed, so it is left alone; the hook that was there first is {}",
                    self.path.display(),
                    self.before().display()
                )));
            }
            (State::Installed { .. }, Kind::Husky) => {
                let text = read(&self.path)?.unwrap_or_default();
                match without_block(&text) {
                    Some(rest) if rest.is_empty() => remove(&self.path)?,
                    Some(rest) => write(&self.path, &rest)?,
                    None => {}
                }
            }
            (State::Installed { chained: true }, Kind::Script) => {
                fs::rename(self.before(), &self.path).map_err(|source| trouble(&self.path, source))?;
            }
            (State::Installed { chained: false }, Kind::Script) => remove(&self.path)?,
        }
        self.state()
    }

    /// Where a hook that was there is kept.
    pub fn before(&self) -> PathBuf {
        self.path.with_file_name(BEFORE)
    }

    fn is_ours(&self, text: &str) -> bool {
        match self.kind {
            Kind::Script => text.lines().any(|line| line == OURS),
            Kind::Husky => text.contains(BEGIN),
        }
    }
}

/// Husky's script for people, if the folder of hooks is Husky's: `.husky/_` since version 9, `.husky` before.
fn husky(folder: &Path) -> Option<PathBuf> {
    let is_husky = |folder: &Path| folder.file_name().is_some_and(|name| name == ".husky");
    let above = folder.parent().filter(|above| is_husky(above) && folder.ends_with("_"));
    above.or_else(|| is_husky(folder).then_some(folder)).map(|folder| folder.join("pre-commit"))
}

/// Whether a folder of hooks belongs to this repository alone.
fn within(repository: &Repository, folder: &Path) -> bool {
    let common =
        repository.line(&["rev-parse", "--git-common-dir"]).map(|said| repository.folder().join(said));
    let real = |path: &Path| {
        // The folder itself need not be there yet.
        let path = &std::path::absolute(path).ok()?;
        path.ancestors()
            .find_map(|above| Some((above.canonicalize().ok()?, path.strip_prefix(above).ok()?)))
            .map(|(above, rest)| above.join(rest))
    };
    let folder = real(folder);
    let homes = [common, repository.top.clone()];
    homes
        .iter()
        .flatten()
        .filter_map(|home| home.canonicalize().ok())
        .any(|home| folder.as_ref().is_some_and(|folder| folder.starts_with(&home)))
}

/// The script. A hook that was there runs first, since it may change what is staged.
fn script(program: &Path) -> String {
    let quoted = program.to_string_lossy().replace('\'', r"'\''");
    format!(
        r#"#!/bin/sh
{OURS}
# A hook that was here before is kept as {BEFORE} beside this one, and runs first.
before="$(dirname "$0")/{BEFORE}"
if [ -x "$before" ]; then
    "$before" "$@" || exit $?
fi
keysieve='{quoted}'
if [ ! -x "$keysieve" ]; then
    keysieve="$(command -v keysieve)" || {{
        echo "keysieve is not installed, so nobody looked for credentials in this commit." >&2
        echo "Install it, or take this hook away: $0" >&2
        exit 1
    }}
fi
exec "$keysieve" git --staged --hook
"#
    )
}

/// A block for a script of a team, of whom some may not have keysieve.
fn with_block(rest: &str) -> String {
    let first = if rest.is_empty() || rest.ends_with('\n') { "" } else { "\n" };
    // The mark tells whether the line before it had an end of its own.
    let begin = if first.is_empty() { BEGIN.to_owned() } else { format!("{BEGIN} +") };
    format!(
        r#"{rest}{first}{begin}
if command -v keysieve >/dev/null 2>&1; then
    keysieve git --staged --hook || exit $?
else
    echo "keysieve is not installed, so nobody looked for credentials in this commit." >&2
fi
{END}
"#
    )
}

/// The script without the block; `None` if there is none.
fn without_block(text: &str) -> Option<String> {
    let start = text.find(BEGIN)?;
    let end = start + text.get(start..)?.find(END)? + END.len();
    let (mut before, behind) = (text.get(..start)?, text.get(end..)?);
    if text.get(start + BEGIN.len()..)?.starts_with(" +\n") {
        before = before.strip_suffix('\n').unwrap_or(before);
    }
    Some(format!("{before}{}", behind.strip_prefix('\n').unwrap_or(behind)))
}

/// The text of a script; `None` if there is no such file, or no text.
fn read(path: &Path) -> Result<Option<String>, Error> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData) => {
            Ok(None)
        }
        Err(source) => Err(trouble(path, source)),
    }
}

/// Whether something is there, be it a link to nowhere.
fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    fs::write(path, text).map_err(|source| trouble(path, source))
}

fn remove(path: &Path) -> Result<(), Error> {
    fs::remove_file(path).map_err(|source| trouble(path, source))
}

fn trouble(path: &Path, source: io::Error) -> Error {
    Error::File { path: path.display().to_string(), source }
}

#[cfg(unix)]
fn make_executable(path: &Path) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).map_err(|source| trouble(path, source))
}

#[cfg(not(unix))]
fn make_executable(_path: &Path) -> Result<(), Error> {
    Ok(()) // git for Windows runs what begins with #!
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_goes_without_a_trace() {
        for text in ["", "npm test\n", "npm test", "a\n\n", "\n"] {
            let with = with_block(text);
            assert!(with.contains("keysieve git --staged"));
            assert_eq!(without_block(&with).as_deref(), Some(text), "{text:?}");
        }
        assert_eq!(without_block("npm test\n"), None);
        let grown = format!("{}more\n", with_block("npm test\n"));
        assert_eq!(without_block(&grown).as_deref(), Some("npm test\nmore\n"));
    }

    #[test]
    fn huskys_script_is_known_by_its_folder() {
        assert_eq!(husky(Path::new("/r/.husky/_")), Some("/r/.husky/pre-commit".into()));
        assert_eq!(husky(Path::new("/r/.husky")), Some("/r/.husky/pre-commit".into()));
        assert_eq!(husky(Path::new("/r/.git/hooks")), None);
    }
}
