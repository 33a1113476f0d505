//! Properties of objects ([MS-ONESTORE] 2.6.1, 2.6.7; [MS-ONE] 2.1.12): the texts among them.

use super::store::Fields;
use crate::document::charset;

/// Texts in UTF-16: of a paragraph, a link's address, names of files, an alternative to a picture, an author.
const TEXTS: &[u32] =
    &[0x1c00_1c22, 0x1c00_1e20, 0x1c00_1d9c, 0x1c00_1d9d, 0x1c00_1dd7, 0x1c00_1e58, 0x1c00_1d75];

/// A page's title, as the page and as its section has it.
const TITLES: &[u32] = &[0x1c00_1cf3, 0x1c00_1d3c];

/// The text of a paragraph in 8-bit characters.
const NARROW: u32 = 0x1c00_3498;

/// Sets within sets.
const DEPTH: usize = 32;

/// The texts of an object, and whether each is a title.
pub(super) fn texts(bytes: &[u8]) -> Vec<(bool, String)> {
    let mut fields = Fields(bytes);
    let mut texts = Vec::new();
    if streams(&mut fields).is_some() {
        set(&mut fields, &mut texts, 0);
    }
    texts
}

/// Passes over the identifiers of other objects: of objects, of spaces, of contexts.
fn streams(fields: &mut Fields) -> Option<()> {
    let mut goes_on = true;
    let mut stream = 0;
    while goes_on && stream < 3 {
        let head = fields.number(4)?;
        fields.take(usize::try_from(head & 0x00ff_ffff).ok()?.checked_mul(4)?)?;
        // Bit 31: there is no stream of spaces; bit 30: there are further ones.
        goes_on = if stream == 0 { head & 0x8000_0000 == 0 } else { head & 0x4000_0000 != 0 };
        stream += 1;
    }
    Some(())
}

/// A set of properties: their identifiers, then their values. It ends where it makes no sense.
fn set(fields: &mut Fields, texts: &mut Vec<(bool, String)>, depth: usize) -> Option<()> {
    let count = usize::try_from(fields.number(2)?).ok()?;
    let mut ids = Fields(fields.take(count * 4)?);
    while let Some(id) = ids.number(4) {
        value(u32::try_from(id).ok()?, fields, texts, depth)?;
    }
    Some(())
}

fn value(id: u32, fields: &mut Fields, texts: &mut Vec<(bool, String)>, depth: usize) -> Option<()> {
    match (id >> 26) & 0x1f {
        // Bits, and single identifiers, which stand in the streams.
        0x01 | 0x02 | 0x08 | 0x0a | 0x0c => {}
        0x03 => drop(fields.take(1)?),
        0x04 => drop(fields.take(2)?),
        // Numbers, and counts of identifiers.
        0x05 | 0x09 | 0x0b | 0x0d => drop(fields.take(4)?),
        0x06 => drop(fields.take(8)?),
        0x07 => {
            let length = usize::try_from(fields.number(4)?).ok()?;
            text(id & 0x7fff_ffff, fields.take(length)?, texts);
        }
        0x10 if depth < DEPTH => {
            let count = fields.number(4)?;
            if count > 0 {
                fields.take(4)?;
            }
            for _ in 0..count {
                set(fields, texts, depth + 1)?;
            }
        }
        0x11 if depth < DEPTH => set(fields, texts, depth + 1)?,
        _ => return None,
    }
    Some(())
}

fn text(id: u32, bytes: &[u8], texts: &mut Vec<(bool, String)>) {
    let text = if TEXTS.contains(&id) || TITLES.contains(&id) {
        charset::utf16(bytes)
    } else if id == NARROW {
        charset::code_page(1252).decode_without_bom_handling(bytes).0.into_owned()
    } else {
        return;
    };
    let text = text.trim_end_matches('\0');
    if !text.trim().is_empty() {
        texts.push((TITLES.contains(&id), text.to_owned()));
    }
}
