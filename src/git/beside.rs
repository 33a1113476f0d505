//! The files beside a staged one, as the index or a commit has them: what names its flow, or opens what is encrypted in
//! it. What lies in the work tree may be another thing, and is not what will be committed.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use super::objects::{Head, Objects};
use super::{Error, Repository};
use crate::blob::{COMPANION_LIMIT, Package};
use crate::source::Kept;

/// How many names are listed, as of a folder on disk.
const NAMES: usize = 4096;

/// Which version of the files is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Version {
    /// What is staged.
    Staged,
    /// What the last commit has.
    Committed,
}

impl Version {
    /// What git puts before a path in it (gitrevisions(7)).
    fn prefix(self) -> &'static str {
        match self {
            Self::Staged => ":",
            Self::Committed => "HEAD:",
        }
    }
}

/// The folders of a version that were asked for, so that files of one folder share what was read.
pub(super) struct Folders<'r> {
    repository: &'r Repository,
    version: Version,
    known: HashMap<String, Arc<Folder>>,
}

impl<'r> Folders<'r> {
    pub(super) fn of(repository: &'r Repository, version: Version) -> Self {
        Self { repository, version, known: HashMap::new() }
    }

    /// What stands around the file of that path.
    pub(super) fn around(&mut self, path: &str) -> Arc<dyn Package + Send> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let made = || Folder::new(self.repository.clone(), self.version, folder);
        let folder = self.known.entry(folder.to_owned()).or_insert_with(|| Arc::new(made())).clone();
        Arc::new(Sibling { folder, name: name.to_owned() })
    }
}

/// A folder of a version. Git is asked only when something is wanted of it.
struct Folder {
    repository: Repository,
    version: Version,
    /// Its path with a slash at its end, from the root of the repository; empty for the root itself.
    path: String,
    /// The same of the folder around it; `None` for the root.
    parent: Option<String>,
    names: OnceLock<Vec<String>>,
    kept: Kept,
}

impl Folder {
    fn new(repository: Repository, version: Version, folder: &str) -> Self {
        let slashed = |folder: &str| if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let parent = (!folder.is_empty()).then(|| slashed(folder.rsplit_once('/').map_or("", |(up, _)| up)));
        Self {
            repository,
            version,
            path: slashed(folder),
            parent,
            names: OnceLock::new(),
            kept: Kept::default(),
        }
    }

    fn list(&self) -> Result<Vec<String>, Error> {
        let around = self.parent.as_deref().unwrap_or("").trim_end_matches('/');
        let listed = match self.version {
            Version::Staged => {
                let place = format!(":(top,literal){around}");
                let mut command = self.repository.magic_command();
                command.args(["ls-files", "--cached", "--full-name", "-z", "--", &place]);
                command.output().map_err(Error::NoGit)?.stdout
            }
            Version::Committed => {
                let tree = format!("HEAD:{around}");
                let names =
                    self.repository.ask(&["ls-tree", "-r", "-z", "--name-only", "--full-tree", &tree])?;
                let before = self.parent.as_deref().unwrap_or("").as_bytes();
                let names = names.split(|byte| *byte == 0).filter(|name| !name.is_empty());
                names.flat_map(|name| [before, name, b"\0"].concat()).collect()
            }
        };
        Ok(near(&self.path, self.parent.as_deref(), &listed))
    }

    fn read(&self, member: &str) -> Option<Arc<[u8]>> {
        let path = match member.strip_prefix("../") {
            Some(member) => format!("{}{member}", self.parent.as_ref()?),
            None => format!("{}{member}", self.path),
        };
        // A reader may have made the name from what a stranger wrote; git takes one name a line.
        let plain = path.split('/').all(|part| !matches!(part, "" | "." | "..")) && !path.contains('\n');
        if !plain {
            return None;
        }
        self.kept.get_or_read(member, || self.object(&format!("{}{path}", self.version.prefix())))
    }

    fn object(&self, name: &str) -> Option<Arc<[u8]>> {
        let mut objects = Objects::asked(&self.repository).ok()?;
        objects.ask(name).ok()?;
        match objects.next().ok()?? {
            Head::Object { size, kind, .. } if size <= COMPANION_LIMIT as u64 && kind == "blob" => {
                objects.bytes(size).ok().map(Arc::from)
            }
            _ => None,
        }
    }
}

/// The names of a list by git that stand near a folder, as they are seen from there: of its own files and those down to two
/// folders below, of those beside it and one below. The nearest are kept if there are many.
fn near(folder: &str, parent: Option<&str>, listed: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    for path in listed.split(|byte| *byte == 0).filter_map(|path| std::str::from_utf8(path).ok()) {
        let depth = |name: &str| name.matches('/').count();
        if let Some(name) = path.strip_prefix(folder).filter(|name| !name.is_empty() && depth(name) <= 2) {
            names.push((depth(name), name.to_owned()));
        }
        if let Some(name) =
            parent.and_then(|parent| path.strip_prefix(parent)).filter(|name| !name.is_empty())
            && depth(name) <= 1
        {
            names.push((depth(name) + 1, format!("../{name}")));
        }
    }
    names.sort_unstable();
    names.truncate(NAMES);
    let mut names: Vec<String> = names.into_iter().map(|(_, name)| name).collect();
    names.sort_unstable();
    names
}

/// A file of a folder, with what stands around it.
struct Sibling {
    folder: Arc<Folder>,
    name: String,
}

impl Package for Sibling {
    fn members(&self) -> Vec<String> {
        self.folder.names.get_or_init(|| self.folder.list().unwrap_or_default()).clone()
    }

    fn read(&self, member: &str) -> Option<Arc<[u8]>> {
        self.folder.read(member)
    }

    fn own_name(&self) -> Option<&str> {
        Some(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_as_they_are_seen_from_the_folder() {
        let listed = b"a/b/x\0a/b/c/y\0a/b/c/d/e/far\0a/z\0a/o/q\0a/o/p/far\0other/x\0\xff\0";
        let names = near("a/b/", Some("a/"), listed);
        assert_eq!(names, ["../b/x", "../o/q", "../z", "c/y", "x"]);
        assert_eq!(near("", None, b"x\0a/b/c/d\0a/b/c\0"), ["a/b/c", "x"]);
    }

    #[test]
    fn nothing_far_away_is_asked_for() {
        let folder = Folder::new(Repository::at(None), Version::Staged, "a");
        for name in ["../../x", "x\ny", "../a/../../x", "", "./x", "/etc/hostname"] {
            assert!(folder.read(name).is_none(), "{name}");
        }
    }
}
