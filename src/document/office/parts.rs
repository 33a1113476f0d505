//! Parts of text documents, presentations and drawings, and those where one name is all there is to say.

use quick_xml::events::BytesStart;

use super::walk::{Passed, Walk, attribute};
use super::{Part, quoted};
use crate::blob::{Blob, Package};

/// A part all of which has one name.
pub(super) struct Fixed(String);

impl Fixed {
    pub(super) fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }
}

impl Part for Fixed {
    fn enter(&mut self, _name: &[u8], _start: &BytesStart<'_>) {}

    fn leave(&mut self, _name: &[u8]) {}

    fn here(&self) -> Option<String> {
        Some(self.0.clone())
    }
}

/// A list of things that have names.
pub(super) struct Named {
    element: &'static [u8],
    what: &'static str,
    name: Option<String>,
}

impl Named {
    pub(super) fn new(element: &'static [u8], what: &'static str) -> Self {
        Self { element, what, name: None }
    }
}

impl Part for Named {
    fn enter(&mut self, name: &[u8], start: &BytesStart<'_>) {
        if name == self.element {
            self.name = attribute(start, "name");
        }
    }

    fn leave(&mut self, name: &[u8]) {
        if name == self.element {
            self.name = None;
        }
    }

    fn here(&self) -> Option<String> {
        Some(match &self.name {
            Some(name) => format!("{} {}", self.what, quoted(name)),
            None => self.what.to_owned(),
        })
    }
}

/// Tables that are open: which one of the part, and row and cell of each.
#[derive(Default)]
pub(super) struct Tables {
    count: u64,
    open: Vec<(u64, u64)>,
}

/// How many tables within tables are told apart.
const DEEPEST: usize = 64;

impl Tables {
    fn begin(&mut self) {
        self.count += u64::from(self.open.is_empty());
        if self.open.len() < DEEPEST {
            self.open.push((0, 0));
        }
    }

    fn end(&mut self) {
        self.open.pop();
    }

    fn row(&mut self) {
        if let Some(table) = self.open.last_mut() {
            *table = (table.0 + 1, 0);
        }
    }

    fn cell(&mut self) {
        if let Some((_, cell)) = self.open.last_mut() {
            *cell += 1;
        }
    }

    fn here(&self) -> Option<String> {
        let (row, cell) = self.open.first()?;
        Some(format!("table {}, row {row}, cell {cell}", self.count))
    }
}

/// The text of a word processor (ECMA-376 part 1, 17), its headers, notes and comments.
pub(super) struct Word {
    what: &'static str,
    paragraph: u64,
    tables: Tables,
    deleted: u64,
    boxes: u64,
    author: Option<String>,
    note: Option<String>,
}

impl Word {
    pub(super) fn new(what: &'static str) -> Self {
        let (paragraph, deleted, boxes) = (0, 0, 0);
        Self { what, paragraph, tables: Tables::default(), deleted, boxes, author: None, note: None }
    }
}

impl Part for Word {
    fn enter(&mut self, name: &[u8], start: &BytesStart<'_>) {
        match name {
            b"p" if self.tables.open.is_empty() && self.boxes == 0 => self.paragraph += 1,
            b"tbl" => self.tables.begin(),
            b"tr" => self.tables.row(),
            b"tc" => self.tables.cell(),
            b"del" | b"moveFrom" => self.deleted += 1,
            b"txbxContent" => self.boxes += 1,
            b"comment" => self.author = attribute(start, "author"),
            b"footnote" | b"endnote" => self.note = attribute(start, "id"),
            _ => {}
        }
    }

    fn leave(&mut self, name: &[u8]) {
        match name {
            b"tbl" => self.tables.end(),
            b"del" | b"moveFrom" => self.deleted = self.deleted.saturating_sub(1),
            b"txbxContent" => self.boxes = self.boxes.saturating_sub(1),
            _ => {}
        }
    }

    fn here(&self) -> Option<String> {
        let place = match self.what {
            "" => self.tables.here().unwrap_or_else(|| format!("paragraph {}", self.paragraph)),
            "comment" => match self.author.as_ref().filter(|author| !author.is_empty()) {
                Some(author) => format!("comment by {}", quoted(author)),
                None => "comment".to_owned(),
            },
            "footnotes" | "endnotes" => match &self.note {
                Some(number) => format!("{} {number}", self.what.trim_end_matches('s')),
                None => self.what.to_owned(),
            },
            what => what.to_owned(),
        };
        let place = if self.boxes > 0 { format!("{place}, text box") } else { place };
        Some(if self.deleted > 0 { format!("{place}, tracked deletion") } else { place })
    }
}

/// The content of an OpenDocument text, sheet or presentation (ISO/IEC 26300).
#[derive(Default)]
pub(super) struct OpenText {
    paragraph: u64,
    tables: Tables,
    slide: u64,
    notes: bool,
    /// Author of the comment that is open.
    comment: bool,
    changes: bool,
    sheet: Option<String>,
    is_sheets: bool,
    row: u64,
    column: u64,
    /// How many rows the one that is open stands for, and columns of the last cell.
    repeats: (u64, u64),
}

impl OpenText {
    fn repeated(start: &BytesStart<'_>, name: &str) -> u64 {
        attribute(start, name).and_then(|number| number.parse().ok()).unwrap_or(1).clamp(1, 1 << 20)
    }

    fn enter_sheet(&mut self, name: &[u8], start: &BytesStart<'_>) {
        match name {
            b"table" => {
                self.sheet = attribute(start, "name");
                (self.row, self.column, self.repeats) = (0, 0, (1, 1));
            }
            b"table-row" => {
                self.row += self.repeats.0;
                self.repeats = (Self::repeated(start, "number-rows-repeated"), 1);
                self.column = 0;
            }
            b"table-cell" | b"covered-table-cell" => {
                self.column += if self.column == 0 { 1 } else { self.repeats.1 };
                self.repeats.1 = Self::repeated(start, "number-columns-repeated");
            }
            _ => {}
        }
    }
}

impl Part for OpenText {
    fn enter(&mut self, name: &[u8], start: &BytesStart<'_>) {
        match name {
            b"spreadsheet" => self.is_sheets = true,
            b"annotation" => self.comment = true,
            b"tracked-changes" => self.changes = true,
            _ if self.is_sheets => self.enter_sheet(name, start),
            b"page" => self.slide += 1,
            b"notes" => self.notes = true,
            b"p" | b"h" if self.tables.open.is_empty() && !self.comment && !self.changes => {
                self.paragraph += 1;
            }
            b"table" => self.tables.begin(),
            b"table-row" => self.tables.row(),
            b"table-cell" => self.tables.cell(),
            _ => {}
        }
    }

    fn leave(&mut self, name: &[u8]) {
        match name {
            b"annotation" => self.comment = false,
            b"tracked-changes" => self.changes = false,
            b"notes" => self.notes = false,
            b"table" if !self.is_sheets => self.tables.end(),
            _ => {}
        }
    }

    fn here(&self) -> Option<String> {
        let mut place = match (&self.sheet, self.slide) {
            _ if self.changes => return Some("tracked deletion".to_owned()),
            (Some(sheet), _) => {
                let cell = super::sheets::cell(self.column.saturating_sub(1), self.row.max(1));
                format!("sheet {}, cell {cell}", quoted(sheet))
            }
            (None, 0) => self.tables.here().unwrap_or_else(|| format!("paragraph {}", self.paragraph)),
            (None, slide) => format!("slide {slide}"),
        };
        if self.notes {
            place += ", notes";
        }
        if self.comment {
            place += ", comment";
        }
        Some(place)
    }
}

/// A slide, its notes or its comments (ECMA-376 part 1, 19).
pub(super) struct Slide(String);

impl Slide {
    pub(super) fn new(blob: &Blob<'_>, root: &[u8], start: &BytesStart<'_>) -> Self {
        let own = blob.package.own_name().unwrap_or_default();
        let slide = match root {
            b"sld" => Some(own.to_owned()),
            _ => related(blob, own, "/slides/slide"),
        };
        let number = slide.as_deref().and_then(|slide| number(blob, slide));
        let mut name = number.map_or_else(|| "slide".to_owned(), |number| format!("slide {number}"));
        match root {
            b"notes" => name += ", notes",
            b"cmLst" => name += ", comment",
            _ if attribute(start, "show").is_some_and(|show| show == "0" || show == "false") => {
                name += " (hidden)";
            }
            _ => {}
        }
        Self(name)
    }
}

impl Part for Slide {
    fn enter(&mut self, _name: &[u8], _start: &BytesStart<'_>) {}

    fn leave(&mut self, _name: &[u8]) {}

    fn here(&self) -> Option<String> {
        Some(self.0.clone())
    }
}

/// The relations of a member: id and target.
pub(super) fn relations(package: &dyn Package, member: &str) -> Vec<(String, String)> {
    let (folder, file) = member.rsplit_once('/').unwrap_or(("", member));
    let Some(bytes) = package.read(&format!("{folder}/_rels/{file}.rels")) else { return Vec::new() };
    let mut walk = Walk::new(&bytes);
    let mut relations = Vec::new();
    while let Some(passed) = walk.step() {
        if let Passed::Start(start) = passed
            && start.local_name().as_ref() == b"Relationship"
            && let (Some(id), Some(target)) = (attribute(&start, "Id"), attribute(&start, "Target"))
        {
            relations.push((id, absolute(folder, &target)));
        }
    }
    relations
}

/// A target as the name of a member: it counts from the folder of the part, or from the root.
fn absolute(folder: &str, target: &str) -> String {
    if let Some(target) = target.strip_prefix('/') {
        return target.to_owned();
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." | "" => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn related(blob: &Blob<'_>, member: &str, wanted: &str) -> Option<String> {
    relations(blob.package, member)
        .into_iter()
        .map(|(_, target)| target)
        .find(|target| target.contains(wanted))
}

/// The number of a slide in the order of the presentation.
fn number(blob: &Blob<'_>, slide: &str) -> Option<usize> {
    let root = slide.rsplit_once("slides/")?.0;
    let name = format!("{root}presentation.xml");
    let presentation = blob.package.read(&name)?;
    let relations = relations(blob.package, &name);
    let mut walk = Walk::new(&presentation);
    let mut count = 0;
    while let Some(passed) = walk.step() {
        if let Passed::Start(start) = passed
            && start.local_name().as_ref() == b"sldId"
        {
            count += 1;
            // Its own `id` comes first; the other one is a relation's.
            let mut attributes = start.attributes();
            let ids = attributes.with_checks(false).map_while(Result::ok).take(8);
            let is_id = |value: &[u8]| relations.iter().any(|(id, to)| id.as_bytes() == value && to == slide);
            if { ids }.any(|attribute| is_id(&attribute.value)) {
                return Some(count);
            }
        }
    }
    None
}

/// A page of a drawing, by the name that its tab has.
pub(super) fn page(blob: &Blob<'_>) -> Fixed {
    let own = blob.package.own_name().unwrap_or_default();
    Fixed::new(
        page_name(blob, own).map_or_else(|| "page".to_owned(), |name| format!("page {}", quoted(&name))),
    )
}

fn page_name(blob: &Blob<'_>, own: &str) -> Option<String> {
    let (folder, _) = own.rsplit_once('/')?;
    let list = format!("{folder}/pages.xml");
    let pages = blob.package.read(&list)?;
    let id = relations(blob.package, &list).into_iter().find(|(_, target)| target == own)?.0;
    let mut walk = Walk::new(&pages);
    let mut name = None;
    while let Some(passed) = walk.step() {
        let Passed::Start(start) = passed else { continue };
        match start.local_name().as_ref() {
            b"Page" => name = attribute(&start, "Name"),
            b"Rel" if attribute(&start, "id").as_ref() == Some(&id) => return name,
            _ => {}
        }
    }
    None
}
