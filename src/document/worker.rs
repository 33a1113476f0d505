//! The child process in which a decoder runs that is not ours: a document on standard input, its pieces on standard
//! output. It limits itself before it begins, so that what runs wild ends here and costs one document.

use std::fs::File;
use std::io::{self, BufWriter, Read};
use std::sync::Arc;

use super::frames::FrameWriter;
use super::{DECODERS, Sink};
use crate::budget::Reason;
use crate::source::{Memory, OpenFile, ReadAt};

/// Bytes of memory that a worker may take.
#[cfg(unix)]
const MEMORY: u64 = 1 << 30;

/// Seconds of CPU that a worker may take: the last guard, far beyond what an honest document needs.
#[cfg(unix)]
const SECONDS: u64 = 60;

/// Bytes of a document that comes through a pipe.
const HELD: u64 = 256 << 20;

/// Takes apart the document on standard input by the decoder of that name. False if there is none.
///
/// # Errors
/// Those of the pipes.
pub fn run(name: &str) -> io::Result<bool> {
    let Some(decoder) = DECODERS.iter().find(|decoder| decoder.name == name) else {
        return Ok(false);
    };
    limit()?;
    let mut writer = FrameWriter::new(BufWriter::with_capacity(64 << 10, io::stdout().lock()));
    match input()? {
        Some(source) => (decoder.decode)(&source, &mut writer),
        None => writer.gap(Reason::BudgetBytes, "too large to be taken apart"),
    }
    writer.done()?;
    Ok(true)
}

/// Standard input: the file itself, where it is one, or all that comes through the pipe; `None` if that is too much.
fn input() -> io::Result<Option<Arc<dyn ReadAt>>> {
    if let Ok(file) = stdin_file().and_then(OpenFile::new) {
        return Ok(Some(Arc::new(file)));
    }
    let mut bytes = Vec::new();
    let read = io::stdin().lock().take(HELD + 1).read_to_end(&mut bytes)?;
    Ok((read as u64 <= HELD).then(|| Arc::new(Memory(bytes)) as Arc<dyn ReadAt>))
}

#[cfg(unix)]
fn stdin_file() -> io::Result<File> {
    use std::os::fd::AsFd;
    Ok(io::stdin().as_fd().try_clone_to_owned()?.into())
}

#[cfg(windows)]
fn stdin_file() -> io::Result<File> {
    use std::os::windows::io::AsHandle;
    Ok(io::stdin().as_handle().try_clone_to_owned()?.into())
}

/// Gives up what a decoder never needs.
#[cfg(unix)]
fn limit() -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, setrlimit};

    let limits =
        [(Resource::As, MEMORY), (Resource::Cpu, SECONDS), (Resource::Core, 0), (Resource::Fsize, 0)];
    for (resource, most) in limits {
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?;
    }
    Ok(())
}

/// Windows has no such limits for a process to set itself; there the parent's budget is what holds.
#[cfg(windows)]
#[expect(clippy::unnecessary_wraps, reason = "the same on every system")]
fn limit() -> io::Result<()> {
    Ok(())
}
