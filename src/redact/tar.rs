//! Tars: a changed member gets its new size and checksum in its header, and is filled up to whole blocks; every other byte,
//! the headers of other members and what fills the end included, stays.

use tar::{EntryType, Header};

use super::package::Members;
use super::{Refusal, Work};
use crate::blob::Provenance;
use crate::source::Kept;

const BLOCK: usize = 512;

/// A member: its header, its bytes, and where the next header begins.
struct Member<'a> {
    name: String,
    header: usize,
    content: &'a [u8],
    end: usize,
    /// Whether its size stands in its own header and nowhere else, and its bytes are as they are.
    is_plain: bool,
}

impl Work<'_> {
    /// The new bytes of a tar.
    pub(super) fn tar(
        &mut self,
        provenance: &Provenance,
        bytes: &[u8],
        depth: usize,
    ) -> Result<Option<Vec<u8>>, Refusal> {
        let members = members(bytes, self.scanner.budget.members);
        let names: Vec<String> = members.iter().map(|member| member.name.clone()).collect();
        let read = |number: usize| members.get(number).map(|member| member.content.to_vec());
        let kept = Kept::default();
        let (mut out, mut done, mut changed) = (Vec::with_capacity(bytes.len()), 0, false);
        for member in &members {
            let place = provenance.entry(member.name.as_str());
            if !member.is_plain {
                self.leave(&place, "a member of a tar with holes or a size of its own is not written")
                    .unwrap_or(());
                continue;
            }
            let package = Members { names: &names, read: &read, kept: &kept, own: &member.name };
            let Some(content) = self.item(&place, member.content, &package, depth + 1)? else { continue };
            out.extend(bytes.get(done..member.header).unwrap_or_default());
            let header = resized(bytes, member.header, content.len());
            out.extend(header.ok_or_else(|| Refusal::new(&place, "its header in the tar is damaged"))?);
            out.extend(&content);
            out.resize(out.len().next_multiple_of(BLOCK), 0);
            (done, changed) = (member.end, true);
        }
        out.extend(bytes.get(done..).unwrap_or_default());
        Ok(changed.then_some(out))
    }
}

/// The header with another size.
fn resized(bytes: &[u8], at: usize, size: usize) -> Option<[u8; BLOCK]> {
    let mut header = header(bytes, at)?.clone();
    header.set_size(size as u64);
    header.set_cksum();
    Some(*header.as_bytes())
}

fn header(bytes: &[u8], at: usize) -> Option<&Header> {
    bytes.get(at..at.checked_add(BLOCK)?).map(Header::from_byte_slice)
}

/// The members that are files. What cannot be understood ends the list.
fn members(bytes: &[u8], most: usize) -> Vec<Member<'_>> {
    let mut members = Vec::new();
    let (mut at, mut long_name, mut is_plain) = (0, None, true);
    while let Some(header) = header(bytes, at).filter(|_| members.len() < most) {
        if header.as_bytes().iter().all(|byte| *byte == 0) {
            at += BLOCK;
            continue;
        }
        let kind = header.entry_type();
        let sized = !matches!(kind.as_byte(), b'2'..=b'6');
        let Some(size) = header.entry_size().ok().and_then(|size| usize::try_from(size).ok()) else { break };
        let size = if sized { size } else { 0 };
        let start = at + BLOCK;
        let Some(content) = start.checked_add(size).and_then(|end| bytes.get(start..end)) else { break };
        let end = start + size.next_multiple_of(BLOCK);
        match kind {
            EntryType::GNULongName => {
                let name = content.split(|byte| *byte == 0).next().unwrap_or_default();
                long_name = Some(String::from_utf8_lossy(name).into_owned());
            }
            EntryType::XHeader => {
                let extension = extension(content);
                long_name = extension.0.or(long_name);
                is_plain &= extension.1;
            }
            EntryType::GNULongLink | EntryType::XGlobalHeader => {}
            _ => {
                let name = long_name
                    .take()
                    .unwrap_or_else(|| String::from_utf8_lossy(&header.path_bytes()).into_owned());
                is_plain &= kind != EntryType::GNUSparse;
                if sized && size > 0 {
                    members.push(Member { name, header: at, content, end, is_plain });
                }
                is_plain = true;
            }
        }
        at = end;
    }
    members
}

/// The path that PAX records give, and whether they say nothing of the size.
fn extension(records: &[u8]) -> (Option<String>, bool) {
    let (mut path, mut is_plain) = (None, true);
    for record in tar::PaxExtensions::new(records).flatten() {
        match record.key_bytes() {
            b"path" => path = Some(String::from_utf8_lossy(record.value_bytes()).into_owned()),
            b"size" => is_plain = false,
            key if key.starts_with(b"GNU.sparse.") => is_plain = false,
            _ => {}
        }
    }
    (path, is_plain)
}
