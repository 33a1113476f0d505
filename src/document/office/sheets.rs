//! Parts of a workbook (ECMA-376 part 1, 18): which sheet and cell a place belongs to.

use std::cell::OnceCell;
use std::collections::HashMap;

use quick_xml::events::BytesStart;

use super::parts::relations;
use super::walk::{Passed, Walk, attribute};
use super::{Part, quoted};
use crate::blob::{Blob, Package};

/// A sheet of a workbook.
pub(super) struct Sheet {
    /// What its tab says, in quotes, and whether the tab is to be seen.
    pub(super) label: String,
    /// The member with its cells.
    pub(super) member: String,
}

/// The name of a cell, both from 0 and from 1: `B7`.
pub(in crate::document) fn cell(column: u64, row: u64) -> String {
    let (mut letters, mut rest) = (Vec::new(), column + 1);
    while rest > 0 {
        rest -= 1;
        // Below 26.
        letters.insert(0, char::from(b'A' + (rest % 26) as u8));
        rest /= 26;
    }
    format!("{}{row}", letters.into_iter().collect::<String>())
}

/// Column (from 0) and row (from 1) of a cell's name.
fn place(name: &str) -> Option<(u64, u64)> {
    let letters = name.bytes().take_while(u8::is_ascii_alphabetic).count();
    let (letters, digits) = name.split_at_checked(letters).filter(|(letters, _)| letters.len() <= 3)?;
    let column =
        letters.bytes().fold(0, |sum, letter| sum * 26 + u64::from(letter.to_ascii_uppercase() - b'A') + 1);
    Some((u64::checked_sub(column, 1)?, digits.parse().ok()?))
}

/// The sheets of the workbook in that folder (`xl/`), in the order of their tabs.
pub(super) fn sheets(package: &dyn Package, folder: &str) -> Vec<Sheet> {
    let name = format!("{folder}workbook.xml");
    let Some(workbook) = package.read(&name) else { return Vec::new() };
    let relations: HashMap<String, String> = relations(package, &name).into_iter().collect();
    let mut walk = Walk::new(&workbook);
    let mut sheets = Vec::new();
    while let Some(passed) = walk.step() {
        let Passed::Start(start) = passed else { continue };
        if start.local_name().as_ref() != b"sheet" {
            continue;
        }
        let member = attribute(&start, "id").and_then(|id| relations.get(&id)).cloned();
        let hidden = attribute(&start, "state").is_some_and(|state| state != "visible");
        let label = quoted(&attribute(&start, "name").unwrap_or_default());
        let label = if hidden { format!("{label} (hidden)") } else { label };
        sheets.extend(member.map(|member| Sheet { label, member }));
    }
    sheets
}

/// A cell as its sheet writes it.
#[derive(Default)]
pub(super) struct Cell {
    /// From 0.
    pub(super) column: u64,
    /// From 1.
    pub(super) row: u64,
    /// What its text stands for: `s`: the number of a shared string.
    pub(super) kind: Option<String>,
    /// Its value, without a formula.
    pub(super) text: String,
}

/// Calls `visit` for each cell of a sheet, until that says false.
pub(super) fn each_cell(xml: &[u8], visit: &mut dyn FnMut(Cell) -> bool) {
    let mut walk = Walk::new(xml);
    let (mut cell, mut in_value) = (Cell::default(), false);
    while let Some(passed) = walk.step() {
        match passed {
            Passed::Start(start) => match start.local_name().as_ref() {
                b"c" => {
                    let named = attribute(&start, "r").as_deref().and_then(place);
                    let (column, row) = named.unwrap_or((cell.column + 1, cell.row.max(1)));
                    cell = Cell { column, row, kind: attribute(&start, "t"), text: String::new() };
                }
                b"v" | b"t" => in_value = true,
                _ => {}
            },
            Passed::Text(text) if in_value => cell.text += &text,
            Passed::End(end) => match end.local_name().as_ref() {
                b"v" | b"t" => in_value = false,
                b"c" => {
                    let (column, row) = (cell.column, cell.row);
                    if !visit(std::mem::take(&mut cell)) {
                        return;
                    }
                    (cell.column, cell.row) = (column, row);
                }
                _ => {}
            },
            Passed::Text(_) | Passed::Other => {}
        }
    }
}

/// The reader of a workbook's part by its root element.
pub(super) fn part_of<'a>(blob: &Blob<'a>, root: &[u8]) -> Option<Box<dyn Part + 'a>> {
    let own = blob.package.own_name().unwrap_or_default();
    let folder = own.rfind("xl/").and_then(|at| own.get(..at + 3)).unwrap_or("xl/").to_owned();
    let package = blob.package;
    if root == b"sst" {
        let (sheets, uses) = (sheets(package, &folder), OnceCell::new());
        return Some(Box::new(Shared { package, sheets, uses, number: 0, begun: false }));
    }
    let sheets = sheets(package, &folder);
    let is_own = |sheet: &&Sheet| match root {
        b"worksheet" => sheet.member == own,
        _ => relations(package, &sheet.member).iter().any(|(_, target)| target == own),
    };
    let label = sheets.iter().find(is_own).map(|sheet| sheet.label.clone());
    let what = if root == b"worksheet" { "cell" } else { "comment on" };
    Some(Box::new(Cells { label, what, cell: None }))
}

/// A sheet, or the comments on one.
struct Cells {
    label: Option<String>,
    what: &'static str,
    cell: Option<String>,
}

impl Part for Cells {
    fn enter(&mut self, name: &[u8], start: &BytesStart<'_>) {
        match name {
            b"c" => self.cell = attribute(start, "r"),
            b"comment" | b"threadedComment" => self.cell = attribute(start, "ref"),
            _ => {}
        }
    }

    fn leave(&mut self, name: &[u8]) {
        if matches!(name, b"c" | b"comment" | b"threadedComment") {
            self.cell = None;
        }
    }

    fn here(&self) -> Option<String> {
        let sheet = self.label.as_ref().map_or_else(|| "sheet".to_owned(), |label| format!("sheet {label}"));
        Some(match self.cell.as_ref().filter(|cell| cell.len() <= 12) {
            Some(cell) => format!("{sheet}, {} {cell}", self.what),
            None => sheet,
        })
    }
}

/// The strings that cells share, each named by the first cell that has it.
struct Shared<'a> {
    package: &'a dyn Package,
    sheets: Vec<Sheet>,
    uses: OnceCell<HashMap<u64, (usize, String)>>,
    number: u64,
    begun: bool,
}

impl Shared<'_> {
    /// For each string the first sheet, by its place among the tabs, and cell with it.
    fn uses(&self) -> HashMap<u64, (usize, String)> {
        let mut uses = HashMap::new();
        for (number, sheet) in self.sheets.iter().enumerate() {
            let Some(xml) = self.package.read(&sheet.member) else { continue };
            each_cell(&xml, &mut |found| {
                if found.kind.as_deref() == Some("s")
                    && let Ok(string) = found.text.trim().parse()
                {
                    uses.entry(string).or_insert_with(|| (number, cell(found.column, found.row)));
                }
                true
            });
        }
        uses
    }
}

impl Part for Shared<'_> {
    fn enter(&mut self, name: &[u8], _start: &BytesStart<'_>) {
        if name == b"si" {
            self.number += u64::from(std::mem::replace(&mut self.begun, true));
        }
    }

    fn leave(&mut self, _name: &[u8]) {}

    fn here(&self) -> Option<String> {
        let (sheet, cell) = self.uses.get_or_init(|| self.uses()).get(&self.number)?;
        Some(format!("sheet {}, cell {cell}", self.sheets.get(*sheet)?.label))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_have_names() {
        for (column, row, name) in
            [(0, 1, "A1"), (25, 7, "Z7"), (26, 7, "AA7"), (701, 9, "ZZ9"), (16383, 1, "XFD1")]
        {
            assert_eq!(cell(column, row), name);
            assert_eq!(place(name), Some((column, row)));
        }
        assert_eq!(place("7"), None);
        assert_eq!(place("ABCD1"), None);
    }
}
