//! `ar`: libraries, and Debian packages, whose members are tars (`ar(5)` of FreeBSD and `deb(5)`, the GNU and BSD ways
//! to write long names).

use std::io::{self, Read};

use super::sequence::{Entry, Headers, Walk};

const MAGIC: &[u8] = b"!<arch>\n";

/// The longest table of names that is read, and the longest name, in bytes.
const TABLE: u64 = 1 << 20;
const NAME: u64 = 64 << 10;

/// Whether bytes begin as such an archive does.
pub(super) fn begins(head: &[u8]) -> bool {
    head.starts_with(MAGIC)
}

/// The headers of an archive.
#[derive(Default)]
pub(super) struct Ar {
    begun: bool,
    /// GNU's table of long names.
    table: Vec<u8>,
}

impl Headers for Ar {
    fn next<R: Read>(&mut self, walk: &mut Walk<R>) -> io::Result<Option<Entry>> {
        if !std::mem::replace(&mut self.begun, true) {
            walk.header(&mut [0; MAGIC.len()])?;
        }
        loop {
            walk.finish_content()?;
            let mut head = [0; 60];
            if !walk.header(&mut head)? {
                return Ok(None);
            }
            let size = head.get(48..58).and_then(decimal).filter(|_| head.ends_with(b"`\n"));
            let Some(size) = size else {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "no header where one should be"));
            };
            walk.expect(size, 2);
            let name = head.first_chunk::<16>().copied().unwrap_or_default();
            if name.starts_with(b"//") {
                self.table = walk.bytes(TABLE)?;
                continue;
            }
            let name = self.name(&name, walk)?;
            return Ok(Some(Entry { name, is_file: true, ..Entry::default() }));
        }
    }
}

impl Ar {
    fn name<R: Read>(&self, field: &[u8; 16], walk: &mut Walk<R>) -> io::Result<String> {
        let field = field.trim_ascii_end();
        if let Some(length) = field.strip_prefix(b"#1/").and_then(decimal) {
            let name = walk.bytes(length.min(NAME))?;
            return Ok(text(name.split(|byte| *byte == 0).next().unwrap_or_default()));
        }
        if let Some(at) = field.strip_prefix(b"/").and_then(decimal) {
            let rest = usize::try_from(at).ok().and_then(|at| self.table.get(at..)).unwrap_or_default();
            let name = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
            return Ok(text(name.strip_suffix(b"/").unwrap_or(name)));
        }
        Ok(text(field.strip_suffix(b"/").filter(|name| !name.is_empty()).unwrap_or(field)))
    }
}

fn decimal(field: &[u8]) -> Option<u64> {
    std::str::from_utf8(field).ok()?.trim_ascii().parse().ok()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
