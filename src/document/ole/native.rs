//! Files that were put into a document as packages: the stream `\x01Ole10Native` (the layout as OLE's packager writes it;
//! [MS-OLEDS] 2.3.6 gives its size and leaves the rest to the packager).

use super::Compound;
use super::bytes::{part, size_at, u32_at};
use crate::document::charset;
use crate::document::text::Writer;

pub(super) fn give(compound: &mut Compound, writer: &mut Writer) {
    let numbers: Vec<usize> = (0..compound.entries.len())
        .filter(|number| {
            compound.entries.get(*number).is_some_and(|entry| entry.name() == "\u{1}Ole10Native")
        })
        .collect();
    for number in numbers {
        let stream = compound.read(number);
        if let Some((name, mut content)) = package(&stream) {
            compound.given.insert(number);
            writer.member(&name, &mut content);
        }
    }
}

/// The file in an object of OLE 1 ([MS-OLEDS] 2.2.4 and 2.2.5): two numbers, three names with their lengths, and the data;
/// with its name if it is a package.
pub(in crate::document) fn embedded(object: &[u8]) -> Option<(Option<String>, &[u8])> {
    let mut rest = object.get(8..)?;
    for _ in 0..3 {
        rest = rest.get(4usize.checked_add(size_at(rest, 0)?)?..)?;
    }
    let data = part(rest, 4, size_at(rest, 0)?);
    let is_package = part(object, 12, 8) == b"Package\0";
    // What stands before a package's version is its size here as well.
    let file = if is_package { package(rest) } else { None };
    Some(file.map_or((None, data), |(name, content)| (Some(name), content)))
}

/// The name and the bytes of the file in a package.
fn package(stream: &[u8]) -> Option<(String, &[u8])> {
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
