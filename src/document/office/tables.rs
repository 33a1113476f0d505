//! The sheets of a workbook as lines of JSON, one for each row, with the columns' heads as keys: so a value that says
//! nothing by itself has the name that stands above it or to the left of it.

use super::quoted;
use super::sheets::{self, each_cell};
use super::walk::{Passed, Walk, attribute};
use crate::blob::{Landmarks, Package};
use crate::document::grid::Rows;

/// Takes a text; false once no more is wanted.
pub(crate) type Take<'t> = dyn FnMut(&str, &[u8], &Landmarks) -> bool + 't;

/// Gives the tables of a package, if it is a workbook.
pub(crate) fn render(package: &dyn Package, take: &mut Take) {
    match package.read("xl/workbook.xml") {
        Some(_) => workbook(package, take),
        None => open_sheets(package, take),
    }
}

fn workbook(package: &dyn Package, take: &mut Take) {
    let shared = package.read("xl/sharedStrings.xml").map(|xml| strings(&xml)).unwrap_or_default();
    let mut rows = Rows::new("(sheets)", take);
    for sheet in sheets::sheets(package, "xl/") {
        let Some(xml) = package.read(&sheet.member) else { continue };
        rows.begin(Some(sheet.label));
        each_cell(&xml, &mut |cell| {
            let text = match cell.kind.as_deref() {
                Some("s") => cell.text.trim().parse().ok().and_then(|number: usize| shared.get(number)),
                _ => Some(&cell.text),
            };
            text.is_none_or(|text| rows.cell(cell.column, cell.row, text))
        });
    }
    rows.end();
}

/// The strings that cells share.
fn strings(xml: &[u8]) -> Vec<String> {
    let mut walk = Walk::new(xml);
    let (mut strings, mut in_text, mut phonetic) = (Vec::<String>::new(), false, false);
    while let Some(passed) = walk.step() {
        match passed {
            Passed::Start(start) => match start.local_name().as_ref() {
                b"si" => strings.push(String::new()),
                b"t" => in_text = true,
                b"rPh" => phonetic = true,
                _ => {}
            },
            Passed::Text(text) if in_text && !phonetic => {
                if let Some(last) = strings.last_mut() {
                    *last += &text;
                }
            }
            Passed::End(end) => match end.local_name().as_ref() {
                b"t" => in_text = false,
                b"rPh" => phonetic = false,
                _ => {}
            },
            Passed::Text(_) | Passed::Other => {}
        }
    }
    strings
}

/// The sheets of an OpenDocument (ISO/IEC 26300 part 3, 9).
fn open_sheets(package: &dyn Package, take: &mut Take) {
    let Some(xml) = package.read("content.xml") else { return };
    if memchr::memmem::find(&xml, b"office:spreadsheet").is_none() {
        return;
    }
    let mut walk = Walk::new(&xml);
    let mut rows = Rows::new("(sheets)", take);
    let (mut row, mut column, mut next) = (0, 0, [1, 1]);
    let (mut text, mut in_comment) = (String::new(), false);
    while let Some(passed) = walk.step() {
        match passed {
            Passed::Start(start) => match start.local_name().as_ref() {
                b"table" => {
                    rows.begin(attribute(&start, "name").map(|name| quoted(&name)));
                    (row, next) = (0, [1, 1]);
                }
                b"table-row" => {
                    row += next[0];
                    (next, column) = ([repeated(&start, "number-rows-repeated"), 0], 0);
                }
                b"table-cell" | b"covered-table-cell" => {
                    column += next[1];
                    next[1] = repeated(&start, "number-columns-repeated");
                    text.clear();
                }
                b"annotation" => in_comment = true,
                _ => {}
            },
            Passed::Text(piece) if !in_comment => text += &piece,
            Passed::End(end) => match end.local_name().as_ref() {
                b"table-cell" if !rows.cell(column, row, text.trim()) => break,
                b"annotation" => in_comment = false,
                _ => {}
            },
            Passed::Text(_) | Passed::Other => {}
        }
    }
    rows.end();
}

fn repeated(start: &quick_xml::events::BytesStart<'_>, name: &str) -> u64 {
    attribute(start, name).and_then(|number| number.parse().ok()).unwrap_or(1).clamp(1, 1 << 20)
}
