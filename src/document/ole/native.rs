//! Files that were put into a document as packages: the stream `\x01Ole10Native` (the layout as OLE's packager writes it;
//! [MS-OLEDS] 2.3.6 gives its size and leaves the rest to the packager).

use super::Compound;
use super::bytes::{part, size_at, u32_at};
use crate::document::charset;
use crate::document::text::Writer;

pub(super) fn give(compound: &mut Compound, writer: &mut Writer) {
    let numbers: Vec<usize> = (0..compound.entries.len())
        .filter(|number| compound.entries.get(*number).is_some_and(|entry| entry.name() == "\u{1}Ole10Native"))
        .collect();
    for number in numbers {
        let stream = compound.read(number);
        if let Some((name, mut content)) = embedded(&stream) {
            compound.given.insert(number);
            writer.member(&name, &mut content);
        }
    }
}

/// The name and the bytes of the file in a package.
pub(super) fn embedded(stream: &[u8]) -> Option<(String, &[u8])> {
    let mut rest = stream.get(6..)?; // the size of all, and a version
    let label = until_zero(&mut rest)?;
    let path = until_zero(&mut rest)?;
    rest = rest.get(4..)?; // flags
    let temporary = size_at(rest, 0)?;
    rest = rest.get(4usize.checked_add(temporary)?..)?;
    let length = u32_at(rest, 0)?;
    let content = part(rest, 4, usize::try_from(length).ok()?);
    let name = if label.is_empty() { path } else { label };
    let name = charset::code_page(1252).decode_without_bom_handling(name).0.into_owned();
    Some((if name.is_empty() { "package".to_owned() } else { name }, content))
}

fn until_zero<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let end = memchr::memchr(0, rest)?;
    let (text, after) = rest.split_at(end);
    *rest = after.get(1..)?;
    Some(text)
}
