//! Excel of the old form ([MS-XLS], and BIFF5 before it): records in a stream. Each row of a sheet becomes a line of
//! JSON with the texts of the first row as keys.

use std::collections::BTreeMap;

use super::Compound;
use super::bytes::{part, size_at, u16_at, u32_at};
use crate::budget::Reason;
use crate::document::charset;
use crate::document::text::Writer;

/// Types of records ([MS-XLS] 2.3).
const BOF: u16 = 0x0809;
const EOF: u16 = 0x000a;
const FILEPASS: u16 = 0x002f;
const CODE_PAGE: u16 = 0x0042;
const CONTINUE: u16 = 0x003c;
const BOUND_SHEET: u16 = 0x0085;
const SST: u16 = 0x00fc;
const LABEL_SST: u16 = 0x00fd;
const LABEL: u16 = 0x0204;
const RICH_LABEL: u16 = 0x00d6;
const NUMBER: u16 = 0x0203;
const RK: u16 = 0x027e;
const MULTIPLE_RK: u16 = 0x00bd;
const FORMULA: u16 = 0x0006;
const STRING: u16 = 0x0207;
const TEXT_BOX: u16 = 0x01b6;
const HEADER: u16 = 0x0014;
const FOOTER: u16 = 0x0015;
const CONNECTION: u16 = 0x00dc;
const LINK: u16 = 0x01b8;

/// The version of BIFF8 in a BOF.
const BIFF8: u16 = 0x0600;

/// The longest text that makes a column's name, in characters.
const HEAD: usize = 64;

/// Columns of a sheet ([MS-XLS] 2.5.53).
const COLUMNS: u16 = 256;

pub(super) fn give(compound: &mut Compound, writer: &mut Writer) {
    let Some(name) = ["Workbook", "Book"].into_iter().find(|name| compound.root(name).is_some()) else {
        return;
    };
    let Some(number) = compound.root(name) else { return };
    let stream = compound.read(number);
    if records(&stream).take(16).any(|record| record.kind == FILEPASS) {
        writer.sink().gap(Reason::Encrypted, "a password is needed");
        return;
    }
    compound.given.insert(number);
    let mut book = Book::default();
    let mut all = records(&stream).peekable();
    while let Some(record) = all.next() {
        let mut more = Vec::new();
        if matches!(record.kind, SST | TEXT_BOX) {
            while let Some(next) = all.next_if(|next| next.kind == CONTINUE) {
                more.push(next.data);
            }
        }
        book.record(&record, &more, writer);
        if !writer.wanted() {
            return;
        }
    }
    book.end_row(writer);
    if let Some(cut) = truncated(&stream) {
        writer.sink().gap(Reason::Truncated, cut);
    }
}

/// A record and where it stands.
struct Record<'a> {
    kind: u16,
    data: &'a [u8],
    at: usize,
}

fn records(stream: &[u8]) -> impl Iterator<Item = Record<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let (kind, length) = (u16_at(stream, at)?, u16_at(stream, at + 2)?);
        let record = Record { kind, data: part(stream, at + 4, length.into()), at };
        at += 4 + usize::from(length);
        (kind != 0).then_some(record) // what fills the last sector
    })
}

/// Whether the last substream has no end.
fn truncated(stream: &[u8]) -> Option<&'static str> {
    let last = records(stream).last()?;
    (last.kind != EOF).then_some("it ends within a sheet")
}

/// A workbook as far as it was read.
#[derive(Default)]
struct Book {
    /// Names of sheets by where they begin.
    sheets: BTreeMap<usize, String>,
    strings: Vec<String>,
    biff8: bool,
    page: u32,
    sheet: String,
    heads: Vec<(u16, String)>,
    /// The row at hand.
    row: u16,
    cells: Vec<(u16, String, bool)>,
    first: bool,
    /// Where the value of a formula belongs that follows.
    formula: Option<(u16, u16)>,
}

impl Book {
    fn record(&mut self, record: &Record, more: &[&[u8]], writer: &mut Writer) {
        let data = record.data;
        match record.kind {
            BOF => self.begin(record, writer),
            EOF => self.end_row(writer),
            CODE_PAGE => {
                self.page = u16_at(data, 0).map_or(1252, |page| if page == 1200 { 1252 } else { page.into() })
            }
            BOUND_SHEET => {
                if let (Some(at), Some(name)) = (size_at(data, 0), self.short(part(data, 6, data.len()))) {
                    self.sheets.insert(at, name);
                }
            }
            SST => self.strings = shared(data, more),
            LABEL_SST => {
                let text = size_at(data, 6).and_then(|number| self.strings.get(number)).cloned();
                self.cell(data, text, writer);
            }
            LABEL | RICH_LABEL => self.cell(data, self.long(part(data, 6, data.len())), writer),
            NUMBER => {
                let number =
                    data.get(6..).and_then(<[u8]>::first_chunk).map(|bytes| f64::from_le_bytes(*bytes));
                self.number(u16_at(data, 0), u16_at(data, 2), number, writer);
            }
            RK => self.number(u16_at(data, 0), u16_at(data, 2), u32_at(data, 6).map(rk), writer),
            MULTIPLE_RK => {
                let first = u16_at(data, 2).unwrap_or(0);
                for (number, cell) in part(data, 4, data.len().saturating_sub(6)).chunks_exact(6).enumerate()
                {
                    let column = first.saturating_add(u16::try_from(number).unwrap_or(COLUMNS));
                    self.number(u16_at(data, 0), Some(column), u32_at(cell, 2).map(rk), writer);
                }
            }
            FORMULA => self.formula = u16_at(data, 0).zip(u16_at(data, 2)),
            STRING => {
                if let (Some((row, column)), Some(text)) = (self.formula.take(), self.long(data)) {
                    self.put(row, column, text, true, writer);
                }
            }
            TEXT_BOX => self.aside("comment or text box", comment(more), writer),
            HEADER | FOOTER | CONNECTION => self.aside("header, footer or query", self.long(data), writer),
            LINK => self.aside("link", Some(charset::utf16(part(data, 32, data.len()))), writer),
            _ => {}
        }
    }

    fn begin(&mut self, record: &Record, writer: &mut Writer) {
        self.end_row(writer);
        self.biff8 = u16_at(record.data, 0) == Some(BIFF8);
        self.sheet = self.sheets.get(&record.at).cloned().unwrap_or_default();
        (self.first, self.row) = (true, 0);
        self.heads.clear();
    }

    /// A text with a length of one byte.
    fn short(&self, data: &[u8]) -> Option<String> {
        let (length, rest) = data.split_first()?;
        self.text(usize::from(*length), rest)
    }

    /// A text with a length of two bytes.
    fn long(&self, data: &[u8]) -> Option<String> {
        self.text(usize::from(u16_at(data, 0)?), data.get(2..)?)
    }

    fn text(&self, length: usize, data: &[u8]) -> Option<String> {
        if !self.biff8 {
            let page = charset::code_page(self.page);
            return Some(page.decode_without_bom_handling(part(data, 0, length)).0.into_owned());
        }
        let (flags, rest) = data.split_first()?;
        Some(if flags & 1 == 0 {
            latin(part(rest, 0, length))
        } else {
            charset::utf16(part(rest, 0, length * 2))
        })
    }

    fn cell(&mut self, data: &[u8], text: Option<String>, writer: &mut Writer) {
        if let (Some(row), Some(column), Some(text)) = (u16_at(data, 0), u16_at(data, 2), text) {
            self.put(row, column, text, true, writer);
        }
    }

    fn number(&mut self, row: Option<u16>, column: Option<u16>, number: Option<f64>, writer: &mut Writer) {
        if let (Some(row), Some(column), Some(number)) = (row, column, number) {
            self.put(row, column, number.to_string(), false, writer);
        }
    }

    fn put(&mut self, row: u16, column: u16, text: String, is_text: bool, writer: &mut Writer) {
        if row != self.row {
            self.end_row(writer);
            self.row = row;
        }
        // A row has so many cells and no more, whatever the records say.
        if column < COLUMNS && self.cells.len() < COLUMNS.into() && !text.is_empty() {
            self.cells.push((column, text, is_text));
        }
    }

    fn end_row(&mut self, writer: &mut Writer) {
        let mut cells = std::mem::take(&mut self.cells);
        if cells.is_empty() {
            return;
        }
        cells.sort_by_key(|(column, _, _)| *column);
        for (number, (column, text, is_text)) in cells.iter().enumerate() {
            let head = self.heads.iter().find(|(own, _)| own == column).map(|(_, head)| head.clone());
            let head = head.unwrap_or_else(|| letters(*column));
            let value =
                if *is_text { serde_json::Value::from(text.as_str()).to_string() } else { text.clone() };
            writer.push(if number == 0 { b"{" } else { b", " });
            writer.landmark(format!(
                "sheet \"{}\", cell {}{}",
                self.sheet,
                letters(*column),
                u32::from(self.row) + 1
            ));
            writer.push(format!("{}: {value}", serde_json::Value::from(head)).as_bytes());
        }
        writer.push(b"}\n");
        let is_head = |(_, text, is_text): &(u16, String, bool)| *is_text && text.chars().count() <= HEAD;
        if std::mem::take(&mut self.first) && cells.iter().all(is_head) {
            self.heads = cells.into_iter().map(|(column, text, _)| (column, text)).collect();
        }
    }

    /// A text beside the cells.
    fn aside(&mut self, what: &str, text: Option<String>, writer: &mut Writer) {
        let Some(text) = text.filter(|text| !text.trim().is_empty()) else { return };
        self.end_row(writer);
        writer.landmark(format!("sheet \"{}\", {what}", self.sheet));
        writer.push(text.replace('\r', "\n").as_bytes());
        writer.end_line();
    }
}

/// 8-bit characters of a BIFF8 text: the lower halves of UTF-16 ([MS-XLS] 2.5.293).
fn latin(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// A column as letters.
fn letters(column: u16) -> String {
    let letter = |number: u16| char::from(b'A' + u8::try_from(number % 26).unwrap_or(0));
    match column / 26 {
        0 => letter(column).to_string(),
        high => [letter(high - 1), letter(column)].iter().collect(),
    }
}

/// A number in 30 bits ([MS-XLS] 2.5.217).
fn rk(bits: u32) -> f64 {
    let number = if bits & 2 == 0 {
        f64::from_bits(u64::from(bits & !3) << 32)
    } else {
        f64::from(bits.cast_signed() >> 2)
    };
    if bits & 1 == 0 { number } else { number / 100.0 }
}

/// The text of a comment or text box: in the records behind it, the first of which holds the characters
/// ([MS-XLS] 2.4.329).
fn comment(more: &[&[u8]]) -> Option<String> {
    let (flags, text) = more.first()?.split_first()?;
    Some(if flags & 1 == 0 { latin(text) } else { charset::utf16(text) })
}

/// The shared strings ([MS-XLS] 2.4.265). Where one goes on in the next record, that begins with flags of its own.
fn shared(first: &[u8], more: &[&[u8]]) -> Vec<String> {
    let mut cursor = Cursor { records: more.iter(), rest: first.get(8..).unwrap_or_default() };
    let mut strings = Vec::new();
    // The count is not asked: what there is, is what is read.
    while let Some(string) = cursor.string() {
        strings.push(string);
    }
    strings
}

/// A place in a record and the records that go on with it.
struct Cursor<'a, 'r> {
    records: std::slice::Iter<'r, &'a [u8]>,
    rest: &'a [u8],
}

impl<'a> Cursor<'a, '_> {
    fn string(&mut self) -> Option<String> {
        if self.rest.is_empty() {
            self.rest = self.records.next()?;
        }
        let length = usize::from(u16_at(self.rest, 0)?);
        let flags = *self.rest.get(2)?;
        self.rest = self.rest.get(3..)?;
        let runs = if flags & 8 == 0 { 0 } else { usize::from(u16_at(self.take_whole(2)?, 0)?) * 4 };
        let phonetic = if flags & 4 == 0 { 0 } else { size_at(self.take_whole(4)?, 0)? };
        let text = self.characters(length, flags & 1 != 0);
        self.skip(runs);
        self.skip(phonetic);
        Some(text)
    }

    fn take_whole(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    fn characters(&mut self, mut length: usize, mut wide: bool) -> String {
        let mut text = String::new();
        while length > 0 {
            let width = if wide { 2 } else { 1 };
            let taken = part(self.rest, 0, length * width);
            text.push_str(&if wide { charset::utf16(taken) } else { latin(taken) });
            length -= (taken.len() / width).min(length);
            self.rest = self.rest.get(taken.len()..).unwrap_or_default();
            if length > 0 {
                let Some((flags, rest)) = self.records.next().and_then(|record| record.split_first()) else {
                    break;
                };
                (wide, self.rest) = (flags & 1 != 0, rest);
            }
        }
        text
    }

    fn skip(&mut self, mut length: usize) {
        while length > self.rest.len() {
            length -= self.rest.len();
            let Some(next) = self.records.next() else {
                self.rest = &[];
                return;
            };
            self.rest = next;
        }
        self.rest = self.rest.get(length..).unwrap_or_default();
    }
}
