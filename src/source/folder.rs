//! A folder as a package: the files beside and below a file, and those beside and below its folder.
//!
//! An unpacked Power Platform solution has its flows in `src/Workflows/` and their names in
//! `src/Other/Customizations.xml`, so a file's package reaches one folder up.

use std::io::Read;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, OnceLock};

use super::{At, EntryKind, Kept, RangeReader};
use crate::blob::{COMPANION_LIMIT, Package};

/// How many names of its own folder, and as many of the parent's, a package lists.
const NAMES: usize = 2048;

/// How many folders of a store are listed for that: each costs a request.
const FAR_LISTINGS: usize = 16;

/// A folder whose files are being scanned. Nothing is read before it is asked for.
pub struct Folder {
    at: At,
    names: OnceLock<Vec<String>>,
    kept: Kept,
}

impl Folder {
    /// A folder by its path; the empty path is the current one.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self::at(At::path(path))
    }

    /// A folder, wherever it is.
    pub fn at(at: At) -> Self {
        Self { at, names: OnceLock::new(), kept: Kept::default() }
    }

    fn names(&self) -> &[String] {
        self.names.get_or_init(|| {
            let mut names = below(&self.at, "", 2);
            names.extend(self.at.up().iter().flat_map(|up| below(up, "../", 1)));
            names.sort_unstable();
            names
        })
    }

    fn read(&self, member: &str) -> Option<Arc<[u8]>> {
        if !stays_near(member) {
            return None;
        }
        let at = match member.strip_prefix("../") {
            Some(member) => self.at.up()?.join(member),
            None => self.at.join(member),
        };
        self.kept.get_or_read(member, || companion(&at))
    }
}

/// Names of the files below a folder, the nearest first, so that the limit cuts off the farthest.
fn below(folder: &At, prefix: &str, depth: usize) -> Vec<String> {
    let mut names = Vec::new();
    let mut listings = if folder.is_far() { FAR_LISTINGS } else { usize::MAX };
    let mut level = vec![(folder.clone(), prefix.to_owned())];
    for left in (0..=depth).rev() {
        let mut next = Vec::new();
        for (folder, prefix) in level {
            if listings == 0 {
                return names;
            }
            listings -= 1;
            for entry in folder.list().0 {
                if names.len() >= NAMES {
                    return names;
                }
                let name = format!("{prefix}{}", entry.name.to_string_lossy());
                match entry.kind {
                    EntryKind::File => names.push(name),
                    EntryKind::Folder if left > 0 && next.len() < NAMES => {
                        next.push((folder.join(&entry.name), name + "/"));
                    }
                    _ => {}
                }
            }
        }
        level = next;
    }
    names
}

/// Whether a member's name leads no further than one folder up: a reader may have made it from what a stranger wrote.
fn stays_near(member: &str) -> bool {
    let inner = member.strip_prefix("../").unwrap_or(member);
    Path::new(inner).components().all(|part| matches!(part, Component::Normal(_)))
}

fn companion(at: &At) -> Option<Arc<[u8]>> {
    let mut bytes = Vec::new();
    RangeReader::whole(at.open_regular().ok()?)
        .take(COMPANION_LIMIT as u64 + 1)
        .read_to_end(&mut bytes)
        .ok()?;
    (bytes.len() <= COMPANION_LIMIT).then(|| bytes.into())
}

/// A file of a folder, with what stands around it.
#[derive(Clone, Copy)]
pub struct Sibling<'a> {
    /// The folder.
    pub folder: &'a Folder,
    /// The file's name in it.
    pub name: &'a str,
}

impl Package for Sibling<'_> {
    fn members(&self) -> Vec<String> {
        self.folder.names().to_vec()
    }

    fn read(&self, member: &str) -> Option<Arc<[u8]>> {
        self.folder.read(member)
    }

    fn own_name(&self) -> Option<&str> {
        Some(self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_flow_finds_the_names_of_its_solution() {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["src/Workflows/deep/deeper/deepest", "src/Other"] {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        for (name, text) in [
            ("src/Workflows/x.json", "{}"),
            ("src/Workflows/deep/a", "a"),
            ("src/Workflows/deep/deeper/b", "b"),
            ("src/Workflows/deep/deeper/deepest/c", "c"),
            ("src/Other/Customizations.xml", "<a/>"),
            ("src/top", "t"),
        ] {
            fs::write(dir.path().join(name), text).unwrap();
        }
        let folder = Folder::new(dir.path().join("src/Workflows"));
        let package = Sibling { folder: &folder, name: "x.json" };
        let names = package.members();
        assert!(names.is_sorted());
        for wanted in ["x.json", "deep/a", "deep/deeper/b", "../Other/Customizations.xml", "../top"] {
            assert!(names.iter().any(|name| name == wanted), "{wanted} in {names:?}");
        }
        assert!(!names.iter().any(|name| name.contains("deepest")));
        assert_eq!(package.read("../Other/Customizations.xml").as_deref(), Some(&b"<a/>"[..]));
        assert_eq!(package.read("../Other/Customizations.xml").as_deref(), Some(&b"<a/>"[..]));
        assert_eq!(package.own_name(), Some("x.json"));
    }

    #[test]
    fn nothing_far_away_is_read() {
        let folder = Folder::new("/tmp");
        let package = Sibling { folder: &folder, name: "x" };
        for name in ["/etc/hostname", "../../etc/hostname", "a/../../etc/hostname", "../etc/../etc/hostname"]
        {
            assert_eq!(package.read(name), None, "{name}");
        }
        assert!(package.read("../etc/no-such-file").is_none());
    }
}
