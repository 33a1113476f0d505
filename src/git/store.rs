//! Objects by name, as a hook asks for them: what was staged just now lies in a file of its own, which is read here; all
//! else is asked of git, which is started only then. A process costs more than all that a hook looks at on most days.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::ZlibDecoder;

use super::id::Kind;
use super::objects::{Head, Objects};
use super::{Error, Repository};
use crate::source::{self, Links};

/// The longest head of an object in a file of its own: `blob`, a space and a number.
const HEAD: u64 = 32;

/// The objects of a repository.
pub(super) struct Store<'r> {
    repository: &'r Repository,
    /// The folder of git for this work tree, and that of the objects, where they could be told.
    folder: Option<PathBuf>,
    objects: Option<PathBuf>,
    git: Option<Objects>,
}

/// An object, or that there is none.
pub(super) enum Got<T> {
    Missing,
    /// Whole.
    Bytes(Vec<u8>),
    /// What came of the stream of one that is too large for that.
    Streamed(T),
}

impl<'r> Store<'r> {
    pub(super) fn of(repository: &'r Repository) -> Self {
        let folder = repository.git_folder();
        let objects = folder.as_deref().and_then(objects);
        Self { repository, folder, objects, git: None }
    }

    /// Whether a merge is going on; if nobody knows, it may.
    pub(super) fn is_merging(&self) -> bool {
        self.folder.as_ref().is_none_or(|folder| folder.join("MERGE_HEAD").exists())
    }

    /// The object of that name, whole if it has at most `most` bytes, else as a stream.
    pub(super) fn get<T>(
        &mut self,
        name: &str,
        most: u64,
        stream: impl FnOnce(&mut dyn Read) -> T,
    ) -> Result<Got<T>, Error> {
        if let Some(bytes) = self.objects.as_deref().and_then(|objects| loose(objects, name, most)) {
            return Ok(Got::Bytes(bytes));
        }
        let git = match &mut self.git {
            Some(git) => git,
            none => none.insert(Objects::asked(self.repository)?),
        };
        git.ask(name)?;
        match git.next()?.ok_or(Error::Broken("cat-file"))? {
            Head::Missing(_) => Ok(Got::Missing),
            Head::Object { size, .. } if size > most => git.stream(size, stream).map(Got::Streamed),
            Head::Object { size, .. } => git.bytes(size).map(Got::Bytes),
        }
    }
}

impl Repository {
    /// The folder of git for this work tree, if it is where git looks when nothing else was said.
    fn git_folder(&self) -> Option<PathBuf> {
        let told = std::env::var_os("GIT_DIR").filter(|_| self.folder.is_none());
        let folder = match told {
            Some(folder) => PathBuf::from(folder),
            None => self.top.as_ref()?.join(".git"),
        };
        if folder.is_dir() {
            return Some(folder);
        }
        // A work tree of its own, or a submodule: a line that says where (gitrepository-layout(5)).
        let line = fs::read_to_string(&folder).ok()?;
        Some(folder.parent()?.join(line.strip_prefix("gitdir: ")?.trim_end()))
    }
}

/// The folder of objects; work trees share that of their repository.
fn objects(folder: &Path) -> Option<PathBuf> {
    let variables = ["GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR"];
    if variables.iter().any(|variable| std::env::var_os(variable).is_some()) {
        return None; // git knows
    }
    let common = match fs::read_to_string(folder.join("commondir")) {
        Ok(common) => folder.join(common.trim_end()),
        Err(_) => folder.to_owned(),
    };
    Some(common.join("objects"))
}

/// A blob that lies in a file of its own.
fn loose(objects: &Path, name: &str, most: u64) -> Option<Vec<u8>> {
    unpacked(objects, name, most).filter(|object| object.kind == Kind::Blob).map(|object| object.bytes)
}

/// An object out of a file of its own.
pub(super) struct Unpacked {
    pub(super) kind: Kind,
    pub(super) bytes: Vec<u8>,
}

/// An object that lies in a file of its own: zlib of `blob SIZE`, a zero byte, and the bytes. `None` if it does not, or
/// anything about it is odd: then git is asked.
pub(super) fn unpacked(objects: &Path, name: &str, most: u64) -> Option<Unpacked> {
    if name.len() < 40 || !name.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let (first, rest) = name.split_at_checked(2)?;
    let file: File = source::open(&objects.join(first).join(rest), Links::Refuse).ok()?;
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut inflated = BufReader::new(ZlibDecoder::new(BufReader::new(file)));
    let mut head = Vec::new();
    (&mut inflated).take(HEAD).read_until(0, &mut head).ok()?;
    let head = std::str::from_utf8(head.strip_suffix(b"\0")?).ok()?;
    let (kind, size) = head.split_once(' ')?;
    let (kind, size) = (Kind::from_name(kind)?, size.parse().ok().filter(|size: &u64| *size <= most)?);
    let mut bytes = Vec::new();
    inflated.take(size + 1).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 == size).then_some(Unpacked { kind, bytes })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn read(object: &[u8], cut: usize, most: u64) -> Option<Vec<u8>> {
        let folder = tempfile::tempdir().expect("a folder");
        let name = "ab".repeat(20);
        let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(object).expect("packed");
        let packed = packed.finish().expect("packed");
        fs::create_dir(folder.path().join("ab")).expect("made");
        fs::write(folder.path().join("ab").join(&name[2..]), &packed[..packed.len() - cut]).expect("written");
        loose(folder.path(), &name, most)
    }

    #[test]
    fn a_blob_in_a_file_is_read() {
        assert_eq!(read(b"blob 5\0hello", 0, 5).as_deref(), Some(&b"hello"[..]));
        assert_eq!(read(b"blob 0\0", 0, 5).as_deref(), Some(&b""[..]));
    }

    #[test]
    fn what_is_odd_is_left_to_git() {
        for (object, cut, most) in [
            (&b"blob 5\0hello"[..], 0, 4),
            (b"blob 4\0hello", 0, 9),
            (b"blob 6\0hello", 0, 9),
            (b"tree 5\0hello", 0, 9),
            (b"blob -5\0hello", 0, 9),
            (b"blob 5hello", 0, 9),
            (b"blob 5\0hello", 9, 9),
        ] {
            assert_eq!(read(object, cut, most), None, "{}", String::from_utf8_lossy(object));
        }
        assert_eq!(loose(Path::new("/"), "HEAD:a", 9), None);
        assert_eq!(loose(Path::new("/"), &"é".repeat(20), 9), None);
    }
}
