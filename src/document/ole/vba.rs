//! Macros ([MS-OVBA]): the stream `dir` of a storage `VBA` names the modules and where their source begins in their
//! streams; both are compressed.

use super::Compound;
use super::bytes::{part, size_at, u16_at, u32_at};
use crate::document::charset;
use crate::document::text::Writer;

/// Records of `dir` ([MS-OVBA] 2.3.4.2).
const CODE_PAGE: u16 = 0x0003;
const VERSION: u16 = 0x0009;
const STREAM_NAME: u16 = 0x001a;
const OFFSET: u16 = 0x0031;

/// Bytes of a chunk when it is decompressed ([MS-OVBA] 2.4.1.1.1).
const CHUNK: usize = 4096;

/// The most source that is decompressed out of one stream, in bytes.
const LIMIT: usize = 16 << 20;

/// Projects in a file, and modules in a project.
const PROJECTS: usize = 64;
const MODULES: usize = 4096;

pub(super) fn give(compound: &mut Compound, writer: &mut Writer) {
    let is_dir = |names: &[String]| matches!(names, [.., storage, own] if storage == "VBA" && own.eq_ignore_ascii_case("dir"));
    let dirs: Vec<usize> = (0..compound.entries.len())
        .filter(|number| compound.entries.get(*number).is_some_and(|entry| is_dir(&entry.names)))
        .take(PROJECTS)
        .collect();
    for dir in dirs {
        let (page, modules) = modules(&decompress(&compound.read(dir)));
        let Some(parents) = compound.entries.get(dir).map(|entry| entry.parents().to_vec()) else { continue };
        for (name, offset) in modules {
            let is_module = |(number, entry): &(usize, &super::Entry)| {
                entry.parents() == parents.as_slice()
                    && entry.name().eq_ignore_ascii_case(&name)
                    && !compound.given.contains(number)
            };
            let Some((number, _)) = compound.entries.iter().enumerate().find(is_module) else { continue };
            if !writer.wanted() {
                return;
            }
            compound.given.insert(number);
            let source = decompress(compound.read(number).get(offset..).unwrap_or_default());
            let source = charset::code_page(page).decode_without_bom_handling(&source).0.into_owned();
            writer.end_line();
            writer.landmark(format!("macro {name}"));
            writer.push(source.replace('\r', "").as_bytes());
            writer.end_line();
        }
    }
}

/// The code page of a project, and its modules with where their source begins.
fn modules(dir: &[u8]) -> (u32, Vec<(String, usize)>) {
    let (mut page, mut modules, mut name, mut at) = (1252, Vec::new(), Vec::new(), 0_usize);
    while let (Some(id), Some(size)) = (u16_at(dir, at), size_at(dir, at.saturating_add(2))) {
        // The size of this one is a reserved number; two numbers of 4 and 2 bytes follow.
        let size = if id == VERSION { 6 } else { size };
        let data = part(dir, at + 6, size);
        match id {
            CODE_PAGE => page = u16_at(data, 0).map_or(1252, u32::from),
            STREAM_NAME => name = data.to_vec(),
            OFFSET if modules.len() < MODULES => {
                if let Some(offset) = u32_at(data, 0).and_then(|offset| usize::try_from(offset).ok()) {
                    let name = charset::code_page(page).decode_without_bom_handling(&name).0.into_owned();
                    modules.push((name, offset));
                }
            }
            _ => {}
        }
        at = at.saturating_add(6).saturating_add(size);
    }
    (page, modules)
}

/// Decompresses a container ([MS-OVBA] 2.4.1.3); what is broken ends it.
pub(super) fn decompress(container: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let Some(mut rest) = container.strip_prefix(&[1]) else { return out };
    while let Some(header) = u16_at(rest, 0) {
        let size = usize::from(header & 0x0fff) + 3;
        let data = part(rest, 2, size - 2);
        if header & 0x7000 != 0x3000 || out.len() > LIMIT {
            break;
        }
        if header & 0x8000 == 0 {
            out.extend_from_slice(part(data, 0, CHUNK))
        } else {
            chunk(data, &mut out)
        }
        rest = rest.get(size..).unwrap_or_default();
    }
    out
}

fn chunk(data: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    let mut at = 0;
    while let Some(flags) = data.get(at) {
        at += 1;
        for bit in 0..8 {
            if flags >> bit & 1 == 0 {
                let Some(byte) = data.get(at) else { return };
                out.push(*byte);
                at += 1;
                continue;
            }
            let Some(token) = u16_at(data, at) else { return };
            at += 2;
            let (offset, length) = copy(token, out.len() - start);
            if offset > out.len() - start || out.len() - start > CHUNK {
                return;
            }
            for _ in 0..length {
                let byte = out.get(out.len() - offset).copied().unwrap_or_default();
                out.push(byte);
            }
        }
    }
}

/// How far back and how much ([MS-OVBA] 2.4.1.3.19): the further we are in a chunk, the more bits tell how far.
fn copy(token: u16, position: usize) -> (usize, usize) {
    let bits = (4..12).find(|bits| 1 << bits >= position).unwrap_or(12);
    let length = usize::from(token & (0xffff >> bits)) + 3;
    (usize::from(token >> (16 - bits)) + 1, length)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of [MS-OVBA] 3.2.1 to 3.2.3.
    #[test]
    fn the_examples_of_the_specification() {
        let hex = |text: &str| data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap();
        let plain = "0119b000616263646566676800696a6b6c6d6e6f70007172737475762e";
        assert_eq!(decompress(&hex(plain)), b"abcdefghijklmnopqrstuv.");
        let normal = "012fb00023616161626364658266007061676869 6a01380861 6b6c00306d6e6f700671027004107273747576107778797a003c";
        let text = b"#aaabcdefaaaaghijaaaaaklaaamnopqaaaaaaaaaaaarstuvwxyzaaa";
        assert_eq!(decompress(&hex(&normal.replace(' ', ""))), text);
        assert_eq!(decompress(&hex("0103b002614500")), b"a".repeat(73));
        for cut in 0..7 {
            decompress(&hex("0103b002614500")[..cut]);
        }
    }
}
