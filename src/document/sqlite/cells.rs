//! Rows out of single pages (<https://www.sqlite.org/fileformat2.html#b_tree_pages>), without SQLite: of pages that no table
//! has any more, and of those in a log whose database is not there. In the bytes as they stand a value follows the one
//! before it without anything between them.

use std::io::Read;
use std::sync::Arc;

use super::super::rows::{Cell, Rows};
use super::super::{Decoder, Sink};
use crate::budget::Reason;
use crate::source::{RangeReader, ReadAt};

/// Logs as a kind of document of their own.
pub(in crate::document) const LOG: Decoder =
    Decoder { name: "SQLite log", begins: is_log, decode: log, isolated: false };

/// A page of a table's rows, and its header, in bytes.
const LEAF: u8 = 13;
const PAGE_HEADER: usize = 8;

/// The log's header, and that of each frame.
const LOG_HEADER: usize = 32;
const FRAME: usize = 24;

/// Columns of a row that are read, and freed pages that are looked for.
const COLUMNS: usize = 1000;
const PAGES: usize = 1 << 20;

/// Gives the rows of a database's freed pages: trunks of a list, each with the next one, a count, and the pages that it
/// frees.
pub(super) fn freed(source: &Arc<dyn ReadAt>, header: &[u8], sink: &mut dyn Sink) -> bool {
    let Some((size, mut trunk)) = page_size(header, 16).zip(word(header, 32)) else { return true };
    let mut left = PAGES;
    while trunk > 0 && left > 0 {
        let Some(page) = page(source, trunk, size) else { return true };
        let count = word(&page, 4).unwrap_or(0) as usize;
        let numbers = page.get(8..).unwrap_or_default().as_chunks::<4>().0.iter().take(count);
        for number in numbers.map(|number| u32::from_be_bytes(*number)) {
            left = left.saturating_sub(1);
            let rows = self::page(source, number, size).map(|page| rows(&page, &name(number), sink));
            if rows == Some(false) {
                return false;
            }
        }
        left = left.saturating_sub(1);
        // The list is written over the beginning of a page of rows: of the places of its cells the last ones are left.
        let places = page.get(8 + 4 * count.min(size)..).unwrap_or_default();
        if !cells(&page, places.as_chunks::<2>().0, &name(trunk), sink) {
            return false;
        }
        trunk = word(&page, 0).unwrap_or(0);
    }
    true
}

fn name(page: u32) -> String {
    format!("freed page {page}")
}

fn is_log(head: &[u8]) -> bool {
    matches!(word(head, 0), Some(0x377f_0682 | 0x377f_0683)) && word(head, 8).is_some_and(is_page_size)
}

fn is_page_size(size: u32) -> bool {
    size.is_power_of_two() && (512..=65536).contains(&size)
}

/// Gives the rows of all pages in a log, the committed and the older ones.
fn log(source: &Arc<dyn ReadAt>, sink: &mut dyn Sink) {
    let mut head = [0; LOG_HEADER];
    let mut reader = RangeReader::whole(source.clone());
    if reader.read_exact(&mut head).is_err() {
        return sink.gap(Reason::Truncated, "the log ends within its header");
    }
    let size = word(&head, 8).filter(|size| is_page_size(*size)).unwrap_or(512) as usize;
    let mut frame = vec![0; FRAME + size];
    for number in 1_u64.. {
        if reader.read_exact(&mut frame).is_err() {
            return; // what is left is looked at as it is
        }
        let page = frame.get(FRAME..).unwrap_or_default();
        if !rows(page, &format!("frame {number}"), sink) {
            return;
        }
    }
}

/// A page by its number, from 1.
fn page(source: &Arc<dyn ReadAt>, number: u32, size: usize) -> Option<Vec<u8>> {
    let start = u64::from(number.checked_sub(1)?) * size as u64;
    let mut page = vec![0; size];
    RangeReader::new(source.clone(), start, start + size as u64).read_exact(&mut page).ok()?;
    Some(page)
}

fn page_size(header: &[u8], at: usize) -> Option<usize> {
    let size = u32::from(u16::from_be_bytes(*header.get(at..)?.first_chunk()?));
    let size = if size == 1 { 65536 } else { size };
    is_page_size(size).then_some(size as usize)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Gives the rows of a page, if it is one of rows; false once no more is wanted.
fn rows(page: &[u8], name: &str, sink: &mut dyn Sink) -> bool {
    let at = if page.starts_with(super::MAGIC) { super::HEADER } else { 0 };
    if page.get(at) != Some(&LEAF) {
        return true;
    }
    let count =
        page.get(at + 3..).and_then(|rest| rest.first_chunk()).map_or(0, |count| u16::from_be_bytes(*count));
    let places = page.get(at + PAGE_HEADER..).unwrap_or_default().as_chunks::<2>().0;
    cells(page, places.get(..usize::from(count)).unwrap_or(places), name, sink)
}

/// Gives the cells at these places of a page; false once no more is wanted.
fn cells(page: &[u8], places: &[[u8; 2]], name: &str, sink: &mut dyn Sink) -> bool {
    let mut out = Rows::new(sink, name, format!("{name}, "));
    // Cells do not lie on each other: those of a page are as long as the page at most.
    let mut left = page.len();
    for place in places {
        let place = usize::from(u16::from_be_bytes(*place));
        let cell = page.get(place..).filter(|_| place >= PAGE_HEADER).unwrap_or_default();
        if cell.is_empty() || left == 0 {
            break;
        }
        if !out.begin() {
            break;
        }
        values(cell, &mut left, &mut out);
        out.end();
    }
    out.finish()
}

/// The values of a cell: the length of its record, a row's number, then the record with the types before the values.
fn values(cell: &[u8], most: &mut usize, out: &mut Rows) -> Option<()> {
    let (_length, rest) = varint(cell)?;
    let (_row, record) = varint(rest)?;
    let (header, mut types) = varint(record)?;
    let header = usize::try_from(header).ok()?;
    let mut left = header.checked_sub(record.len() - types.len())?;
    let mut content = record.get(header..)?;
    for column in 1..=COLUMNS {
        if left == 0 {
            break;
        }
        let (kind, rest) = varint(types)?;
        left = left.checked_sub(types.len() - rest.len())?;
        types = rest;
        let value;
        // What goes on in another page is cut off.
        (value, content) = content.split_at(usize::try_from(width(kind)).ok()?.min(content.len()));
        *most = most.saturating_sub(value.len() + 1);
        let name = format!("column {column}");
        match kind {
            13.. if kind % 2 == 1 => out.cell(&name, &Cell::Text(text(value).as_bytes())),
            12.. => out.cell(&name, &Cell::Bytes(value)),
            _ => {}
        }
    }
    Some(())
}

/// The bytes that a value of this type takes.
fn width(kind: u64) -> u64 {
    match kind {
        0 | 8..=11 => 0,
        1..=4 => kind,
        5 => 6,
        6 | 7 => 8,
        12.. => (kind - 12) / 2,
    }
}

/// A text in the database's encoding, which a page does not tell.
fn text(bytes: &[u8]) -> String {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let wide = rest.is_empty() && memchr::memchr(0, bytes).is_some();
    let big = bytes.first() == Some(&0);
    let units =
        pairs.iter().map(|pair| if big { u16::from_be_bytes(*pair) } else { u16::from_le_bytes(*pair) });
    match wide {
        true => char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect(),
        false => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// A number of at most nine bytes, seven bits in each, of the ninth all eight.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (at, byte) in bytes.iter().enumerate().take(9) {
        if at == 8 {
            return Some((value << 8 | u64::from(*byte), bytes.get(9..)?));
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(at + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::super::recorder::Recorder;
    use super::*;
    use crate::source::Memory;

    fn database(sql: &str) -> Vec<u8> {
        let mut database = rusqlite::Connection::open_in_memory().unwrap();
        database.execute_batch(sql).unwrap();
        database.serialize("main").unwrap().to_vec()
    }

    #[test]
    fn rows_of_a_dropped_table_are_read() {
        for encoding in ["UTF-8", "UTF-16le", "UTF-16be"] {
            let bytes = database(&format!(
                "PRAGMA encoding = '{encoding}'; PRAGMA secure_delete = off; PRAGMA page_size = 512;
                 CREATE TABLE t (a, b, c, d);
                 WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 90) INSERT INTO t SELECT i, 'value ' || i, 'x', 'y' FROM n;
                 UPDATE t SET b = 'first', c = 'second', d = x'ff' WHERE a = 44;
                 UPDATE t SET a = -70000, b = 2.5, c = NULL, d = 'gr\u{fc}n' WHERE a = 46;
                 DROP TABLE t"
            ));
            let source: Arc<dyn ReadAt> = Arc::new(Memory(bytes.clone()));
            let mut recorder = Recorder::default();
            assert!(freed(&source, &bytes[..100], &mut recorder));
            let text = recorder.text();
            let row = r#"{"column 2":"first","column 3":"second"}"#;
            assert!(text.contains(row) && text.contains(r#"{"column 4":"grün"}"#), "{encoding}: {text}");
            assert!(text.matches("\"value ").count() > 60, "{encoding}: {text}");
            for at in (0..bytes.len()).step_by(7) {
                let mut damaged = bytes.clone();
                damaged[at] ^= 0xff;
                let source: Arc<dyn ReadAt> = Arc::new(Memory(damaged.clone()));
                freed(&source, &damaged[..100], &mut Recorder::default());
            }
        }
    }

    #[test]
    fn numbers_of_the_format() {
        assert_eq!(varint(b"\x7f1"), Some((127, &b"1"[..])));
        assert_eq!(varint(b"\x81\x00"), Some((128, &b""[..])));
        assert_eq!(varint(&[0xff; 9]), Some((u64::MAX, &b""[..])));
        assert_eq!(varint(&[0xff; 8]), None);
        assert_eq!(
            [width(0), width(4), width(5), width(7), width(9), width(12), width(15)],
            [0, 4, 6, 8, 0, 0, 1]
        );
    }
}
