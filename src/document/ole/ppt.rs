//! PowerPoint of the old form ([MS-PPT]): records in records, of which those that hold text are picked out.

use std::io::Read;

use super::Compound;
use super::bytes::{part, size_at, u16_at, u32_at};
use crate::budget::Reason;
use crate::document::charset;
use crate::document::text::Writer;

/// Types of records ([MS-PPT] 2.13.24).
const SLIDE: u16 = 0x03ee;
const NOTES: u16 = 0x03f0;
const MASTER: u16 = 0x03f8;
const SLIDE_LIST: u16 = 0x0ff0;
const SLIDE_PERSIST: u16 = 0x03f3;
const TEXT_CHARS: u16 = 0x0fa0;
const TEXT_BYTES: u16 = 0x0fa8;
const STRING: u16 = 0x0fba;
const OBJECT: u16 = 0x1011;

/// The header token of an encrypted file ([MS-PPT] 2.3.2).
const ENCRYPTED: u32 = 0xf3d1_c4df;

pub(super) fn give(compound: &mut Compound, writer: &mut Writer) {
    let user = compound.root("Current User").map(|number| compound.read(number)).unwrap_or_default();
    if compound.root("PowerPoint Document").is_some() && u32_at(&user, 12) == Some(ENCRYPTED) {
        writer.sink().gap(Reason::Encrypted, "a password is needed");
        return;
    }
    let Some(stream) = compound.take_root("PowerPoint Document") else { return };
    let objects = texts(&stream, writer);
    writer.flush();
    for (number, (start, length)) in objects.into_iter().enumerate() {
        let data = part(&stream, start, length);
        object(data, &format!("object {}", number + 1), writer);
    }
}

/// Writes all texts; gives the places of embedded objects.
fn texts(stream: &[u8], writer: &mut Writer) -> Vec<(usize, usize)> {
    let (mut at, mut slide, mut objects, mut list) = (0_usize, 0, Vec::new(), 0);
    while let (Some(head), Some(kind), Some(length)) =
        (u16_at(stream, at), u16_at(stream, at.saturating_add(2)), size_at(stream, at.saturating_add(4)))
    {
        at += 8;
        let data = part(stream, at, length);
        match kind {
            SLIDE => {
                slide += 1;
                writer.landmark(format!("slide {slide}"));
            }
            NOTES => writer.landmark(format!("notes of slide {}", slide.max(1))),
            MASTER => writer.landmark("master slide"),
            SLIDE_LIST => list = 0,
            SLIDE_PERSIST => {
                list += 1;
                writer.landmark(format!("outline of slide {list}"));
            }
            TEXT_CHARS | STRING => line(&charset::utf16(data), writer),
            TEXT_BYTES => line(&charset::code_page(1252).decode_without_bom_handling(data).0, writer),
            OBJECT => objects.push((at, length)),
            _ => {}
        }
        // What is a container is gone into, anything else passed over.
        if head & 0xf != 0xf {
            at = at.saturating_add(length);
        }
        if !writer.wanted() {
            break;
        }
    }
    objects
}

fn line(text: &str, writer: &mut Writer) {
    let text: String = text.chars().map(|c| if matches!(c, '\r' | '\u{b}') { '\n' } else { c }).collect();
    writer.push(text.as_bytes());
    writer.end_line();
}

/// An embedded object is a compound file, behind its size and packed by zlib ([MS-PPT] 2.10.34), or as it is.
fn object(data: &[u8], name: &str, writer: &mut Writer) {
    let packed = data.get(4..).filter(|rest| rest.first().is_some_and(|byte| byte & 0x0f == 8));
    match packed {
        Some(packed) => {
            let mut inflated = flate2::read::ZlibDecoder::new(packed);
            writer.member(name, &mut (&mut inflated as &mut dyn Read));
        }
        None => writer.member(name, &mut &*data),
    }
}
