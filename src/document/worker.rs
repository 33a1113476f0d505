//! The child process in which a decoder runs that is not ours: a document on standard input, its pieces on standard
//! output. It limits itself before it begins, so that what runs wild ends here and costs one document.

use std::fs::File;
use std::io::{self, BufWriter, Read};
use std::sync::Arc;

use data_encoding::BASE64;

use super::frames::FrameWriter;
use super::{DECODERS, Sink};
use crate::budget::Reason;
use crate::finding::Secret;
use crate::source::{Memory, OpenFile, ReadAt};

/// Bytes of memory that a worker may take.
#[cfg(unix)]
const MEMORY: u64 = 1 << 30;

/// Seconds of CPU that a worker may take: the last guard, far beyond what an honest document needs.
#[cfg(unix)]
const SECONDS: u64 = 60;

/// Bytes of a document that comes through a pipe.
const HELD: u64 = 256 << 20;

/// The name of the worker's passwords in its environment.
pub(crate) const PASSWORDS: &str = "KEYSIEVE_WORKER_PASSWORDS";

/// Takes apart the document on standard input by the decoder of that name. False if there is none.
///
/// # Errors
/// Those of the pipes.
pub fn run(name: &str) -> io::Result<bool> {
    let Some(decoder) = DECODERS.iter().find(|decoder| decoder.name == name) else {
        return Ok(false);
    };
    limit()?;
    let out = BufWriter::with_capacity(64 << 10, io::stdout().lock());
    let mut writer = FrameWriter::new(out, passwords(std::env::var(PASSWORDS).as_deref().unwrap_or("")));
    match input()? {
        Some(source) => (decoder.decode)(&source, &mut writer),
        None => writer.gap(Reason::BudgetBytes, "too large to be taken apart"),
    }
    writer.done()?;
    Ok(true)
}

/// Passwords as the worker is given them: in its environment, since anybody may see what a program is called with. Each in
/// base64, with commas between.
pub(crate) fn passwords_for_worker(passwords: &[Secret]) -> String {
    passwords.iter().map(|password| BASE64.encode(password.expose())).collect::<Vec<_>>().join(",")
}

fn passwords(given: &str) -> Vec<Secret> {
    let decode = |word: &str| BASE64.decode(word.as_bytes()).ok().map(Secret::new);
    given.split(',').filter(|word| !word.is_empty()).filter_map(decode).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_come_as_they_were_given() {
        let given = [&b"word"[..], b"a,b\xff\n", b"="].map(Secret::new);
        assert!(passwords(&passwords_for_worker(&given)) == given);
        assert!(passwords("").is_empty());
    }
}
