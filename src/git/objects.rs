//! Objects out of `git cat-file --batch`: names go in, one object after the other comes out, as streams.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use super::{Error, Repository};

/// The longest first line of an object that is believed.
const HEAD: u64 = 4096;

/// Bytes that room is made for before they are there.
const PREPARED: u64 = 32 << 20;

/// Bytes of the buffer before the pipe: as large as pipes are.
const BUFFER: usize = 64 << 10;

/// A running `git cat-file --batch`.
pub(super) struct Objects {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

/// What was said of one object.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Head {
    /// An object whose bytes follow.
    Object { id: String, kind: String, size: u64 },
    /// There is no such object here.
    Missing(String),
}

impl Objects {
    /// Starts one that is asked for objects.
    pub(super) fn asked(repository: &Repository) -> Result<Self, Error> {
        Self::start(repository, &["cat-file", "--batch"], Stdio::piped())
    }

    /// Starts one that gives all objects there are, in the order that costs least.
    pub(super) fn all(repository: &Repository) -> Result<Self, Error> {
        let arguments = ["cat-file", "--batch", "--batch-all-objects", "--unordered", "--buffer"];
        Self::start(repository, &arguments, Stdio::null())
    }

    /// Starts one that reads its names from another process.
    pub(super) fn named_by(repository: &Repository, names: Stdio) -> Result<Self, Error> {
        let arguments = ["cat-file", "--batch=%(objectname) %(objecttype) %(objectsize)", "--buffer"];
        Self::start(repository, &arguments, names)
    }

    fn start(repository: &Repository, arguments: &[&str], names: Stdio) -> Result<Self, Error> {
        let mut command = repository.command();
        // What it has to say stands in its answers too.
        command.args(arguments).stdin(names).stderr(Stdio::null());
        let mut child = command.spawn().map_err(Error::NoGit)?;
        let output = child.stdout.take().ok_or(Error::Broken("cat-file"))?;
        Ok(Self { input: child.stdin.take(), output: BufReader::with_capacity(BUFFER, output), child })
    }

    /// Asks for an object, whose first line comes next.
    pub(super) fn ask(&mut self, name: &str) -> Result<(), Error> {
        let input = self.input.as_mut().ok_or(Error::Broken("cat-file"))?;
        input.write_all(format!("{name}\n").as_bytes()).map_err(|_| Error::Broken("cat-file"))
    }

    /// The first line of the next object; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Head>, Error> {
        let mut line = Vec::new();
        let read = (&mut self.output).take(HEAD).read_until(b'\n', &mut line);
        if read.map_err(|_| Error::Broken("cat-file"))? == 0 {
            return Ok(None);
        }
        head(&line).map(Some).ok_or(Error::Broken("cat-file"))
    }

    /// Reads the bytes of the object whose first line came last, if there are at most `limit`.
    pub(super) fn bytes(&mut self, size: u64) -> Result<Vec<u8>, Error> {
        // The size is what git has unpacked and checked already, not what a stranger says; callers keep it small.
        let mut bytes = Vec::with_capacity(usize::try_from(size.min(PREPARED)).unwrap_or(0));
        let read = (&mut self.output).take(size).read_to_end(&mut bytes);
        if read.map_err(|_| Error::Broken("cat-file"))? as u64 != size {
            return Err(Error::Broken("cat-file"));
        }
        self.end_of_object()?;
        Ok(bytes)
    }

    /// Hands the bytes over as a stream, and passes over what is left of them.
    pub(super) fn stream<T>(&mut self, size: u64, look: impl FnOnce(&mut dyn Read) -> T) -> Result<T, Error> {
        let mut bytes = (&mut self.output).take(size);
        let seen = look(&mut bytes);
        io::copy(&mut bytes, &mut io::sink()).map_err(|_| Error::Broken("cat-file"))?;
        self.end_of_object()?;
        Ok(seen)
    }

    fn end_of_object(&mut self) -> Result<(), Error> {
        let mut end = [0];
        self.output.read_exact(&mut end).map_err(|_| Error::Broken("cat-file"))?;
        if end == *b"\n" { Ok(()) } else { Err(Error::Broken("cat-file")) }
    }

    /// Waits for its end; whether it was content.
    pub(super) fn finish(mut self) -> Result<bool, Error> {
        drop(self.input.take());
        Ok(self.child.wait().map_err(|_| Error::Broken("cat-file"))?.success())
    }
}

impl Drop for Objects {
    /// Nobody is left behind: where its output is no longer wanted, it ends.
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `<id> <kind> <size>`, or `<name> missing`.
fn head(line: &[u8]) -> Option<Head> {
    let line = std::str::from_utf8(line.strip_suffix(b"\n")?).ok()?;
    if let Some(name) = line.strip_suffix(" missing").or_else(|| line.strip_suffix(" ambiguous")) {
        return Some(Head::Missing(name.to_owned()));
    }
    let mut words = line.split(' ');
    let (id, kind, size) = (words.next()?, words.next()?, words.next()?.parse().ok()?);
    Some(Head::Object { id: id.to_owned(), kind: kind.to_owned(), size })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_lines_are_read() {
        let object = |kind: &str, size| Head::Object { id: "ab".into(), kind: kind.into(), size };
        assert_eq!(head(b"ab blob 12\n"), Some(object("blob", 12)));
        assert_eq!(head(b"HEAD:a b missing\n"), Some(Head::Missing("HEAD:a b".into())));
        for bad in [&b"ab blob\n"[..], b"ab blob x\n", b"ab blob 12", b"\n", b"ab blob -1\n"] {
            assert_eq!(head(bad), None);
        }
    }
}
