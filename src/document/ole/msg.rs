//! Outlook messages ([MS-OXMSG]): a storage of properties, one stream each, with storages for recipients, attachments
//! and attached messages in it. A stream's name tells the property and its type: `__substg1.0_1000001F`.

use std::collections::BTreeMap;

use super::bytes::{u16_at, u32_at};
use super::{Compound, lzfu};
use crate::document::charset;
use crate::document::text::Writer;

/// Types of properties ([MS-OXCDATA] 2.11.1).
const STRING: u16 = 0x001f;
const STRING8: u16 = 0x001e;
const BINARY: u16 = 0x0102;
const MULTIPLE: u16 = 0x1000;

/// Properties by what a reader calls them ([MS-OXPROPS]).
const NAMES: &[(u16, &str)] = &[
    (0x0037, "Subject"),
    (0x007d, "headers"),
    (0x0070, "conversation"),
    (0x0c1a, "From"),
    (0x0c1f, "From address"),
    (0x0e02, "Bcc"),
    (0x0e03, "Cc"),
    (0x0e04, "To"),
    (0x1000, "body"),
    (0x1035, "Message-ID"),
    (0x3001, "name"),
    (0x3003, "address"),
    (0x3704, "short file name"),
    (0x3707, "file name"),
];

/// The code pages of a message's 8-bit strings ([MS-OXPROPS] 2.709, 2.788).
const CODE_PAGES: [u16; 2] = [0x3ffd, 0x3fde];

const HTML: u16 = 0x1013;
const RTF: u16 = 0x1009;
const DATA: u16 = 0x3701;

/// What a reader calls a property, and where it stands among the others: first what is seen first.
pub(in crate::document) fn property_name(id: u16) -> ((usize, u16), String) {
    let place = NAMES.iter().position(|(own, _)| *own == id);
    let name = place.and_then(|place| NAMES.get(place)).map(|(_, name)| (*name).to_owned());
    ((place.unwrap_or(NAMES.len()), id), name.unwrap_or_else(|| format!("property {id:04X}")))
}

/// The stream of one property.
struct Property {
    id: u16,
    kind: u16,
    entry: usize,
}

/// Gives all messages of the file: its own, and those attached to it.
pub(super) fn give(compound: &mut Compound, writer: &mut Writer) {
    let mut storages: BTreeMap<Vec<String>, Vec<Property>> = BTreeMap::new();
    for (number, entry) in compound.entries.iter().enumerate() {
        if let Some((id, kind)) = property(entry.name()) {
            let property = Property { id, kind, entry: number };
            storages.entry(entry.parents().to_vec()).or_default().push(property);
        }
    }
    let page = code_page(compound);
    for (names, properties) in &mut storages {
        // What a reader sees first: the subject, the names, the body.
        properties.sort_by_key(|property| property_name(property.id).0);
        let place = place(names);
        strings(compound, properties, &place, page, writer);
    }
    writer.flush();
    for (names, properties) in &storages {
        files(compound, names, properties, page, writer);
    }
}

/// A property's id and type by its stream's name; of one with many values each has its own stream.
fn property(name: &str) -> Option<(u16, u16)> {
    let tag = name.strip_prefix("__substg1.0_")?;
    let tag = tag.get(..8).filter(|_| tag.len() == 8 || tag.get(8..9) == Some("-"))?;
    let tag = u32::from_str_radix(tag, 16).ok()?;
    Some((u16::try_from(tag >> 16).ok()?, u16::try_from(tag & 0xffff).ok()?))
}

/// The code page of 8-bit strings, out of the root's properties of fixed length: 16 bytes each behind a header of 32
/// ([MS-OXMSG] 2.4).
fn code_page(compound: &mut Compound) -> u32 {
    let stream =
        compound.root("__properties_version1.0").map(|number| compound.read(number)).unwrap_or_default();
    let entries = || stream.get(32..).unwrap_or_default().chunks_exact(16);
    let of =
        |id: u16| entries().find(|entry| u16_at(entry, 2) == Some(id)).and_then(|entry| u32_at(entry, 8));
    CODE_PAGES.iter().find_map(|id| of(*id)).unwrap_or(1252)
}

/// What landmarks of a storage begin with.
fn place(names: &[String]) -> String {
    let mut place = String::new();
    for name in names {
        let number = name.split_once('#').and_then(|(_, digits)| u32::from_str_radix(digits, 16).ok());
        let number = number.unwrap_or(0).saturating_add(1);
        if name.starts_with("__recip") {
            place.push_str(&format!("recipient {number}, "));
        } else if name.starts_with("__attach") {
            place.push_str(&format!("attachment {number}, "));
        } else if name.starts_with("__nameid") {
            place.push_str("names, ");
        }
    }
    place
}

/// Writes the strings of a storage into the text.
fn strings(compound: &mut Compound, properties: &[Property], place: &str, page: u32, writer: &mut Writer) {
    for Property { id, kind, entry } in properties {
        if !matches!(kind & !MULTIPLE, STRING | STRING8) || *id == HTML || !writer.wanted() {
            continue;
        }
        let bytes = compound.read(*entry);
        compound.given.insert(*entry);
        let text = decoded(&bytes, *kind, page);
        let text = text.trim_end_matches('\0');
        if text.is_empty() {
            continue;
        }
        let (_, name) = property_name(*id);
        writer.landmark(format!("{place}{name}"));
        // Long ones stand for themselves, and what is short has a name before it, as in a list of headers.
        if !text.contains('\n') {
            writer.push(format!("{name}: ").as_bytes());
        }
        writer.push(text.as_bytes());
        writer.end_line();
    }
}

fn decoded(bytes: &[u8], kind: u16, page: u32) -> String {
    match kind & !MULTIPLE {
        STRING => charset::utf16(bytes),
        _ => charset::code_page(page).decode_without_bom_handling(bytes).0.into_owned(),
    }
}

/// Gives the bodies in HTML and RTF and the attachments of a storage as members.
fn files(compound: &mut Compound, names: &[String], properties: &[Property], page: u32, writer: &mut Writer) {
    let inner = if place(names).is_empty() {
        String::new()
    } else {
        format!("{}/", place(names).trim_end_matches(", "))
    };
    for Property { id, kind, entry } in properties {
        let is_file = matches!((*id, *kind), (HTML, _) | (RTF | DATA, BINARY));
        if !is_file || !writer.wanted() {
            continue;
        }
        let bytes = compound.read(*entry);
        let name = match *id {
            HTML => "body.html".to_owned(),
            RTF => "body.rtf".to_owned(),
            _ => attached(compound, properties, page),
        };
        let content = match (*id, *kind) {
            (RTF, _) => lzfu::decompress(&bytes),
            (_, STRING | STRING8) => Some(decoded(&bytes, *kind, page).into_bytes()),
            _ => Some(bytes),
        };
        if let Some(content) = content {
            compound.given.insert(*entry);
            let name = if *id == DATA { name } else { format!("{inner}{name}") };
            writer.member(&name, &mut content.as_slice());
        }
    }
}

/// The file name of an attachment.
fn attached(compound: &mut Compound, properties: &[Property], page: u32) -> String {
    let mut of = |id: u16| {
        let property = properties.iter().find(|property| property.id == id)?;
        let text = decoded(&compound.read(property.entry), property.kind, page);
        Some(text.trim_end_matches('\0').to_owned()).filter(|text| !text.is_empty())
    };
    [0x3707, 0x3704, 0x3001].into_iter().find_map(&mut of).unwrap_or_else(|| "attachment".to_owned())
}
