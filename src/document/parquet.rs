//! Parquet files (<https://parquet.apache.org/docs/file-format/>): their rows as lines of JSON with the columns' names as
//! keys. What is nested in a cell is JSON too.
//!
//! The crate that reads them panics on some broken files; what it gave before that counts.

use std::fmt::Write as _;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, FileReader, Length, RowGroupReader, SerializedFileReader};
use parquet::record::Field;
use parquet::record::reader::RowIter;

use super::Sink;
use super::rows::{Cell, Rows, quoted};
use crate::budget::Reason;
use crate::source::{RangeReader, ReadAt};

/// The decoder's name.
pub(super) const NAME: &str = "Parquet file";

/// The first bytes of a file that can be read, and of one whose footer is encrypted.
const MAGIC: &[u8] = b"PAR1";
const ENCRYPTED: &[u8] = b"PARE";

/// Lists within lists that are shown.
const DEPTH: usize = 32;

/// Whether bytes begin as such a file does.
pub(super) fn begins(head: &[u8]) -> bool {
    head.starts_with(MAGIC) || head.starts_with(ENCRYPTED)
}

/// Gives the rows.
pub(super) fn decode(source: &Arc<dyn ReadAt>, sink: &mut dyn Sink) {
    let mut head = [0; 4];
    if source.read_at(&mut head, 0).is_ok() && head == ENCRYPTED {
        return sink.gap(Reason::Encrypted, "its columns are encrypted");
    }
    let opened = catch_unwind(AssertUnwindSafe(|| SerializedFileReader::new(Chunks(source.clone()))));
    let Ok(Ok(file)) = opened else {
        return sink.gap(Reason::Corrupt, "its footer cannot be read; looked at as it is");
    };
    let mut rows = Rows::new(sink, "(rows)", String::new());
    let mut broken = Vec::new();
    for index in 0..file.num_row_groups() {
        // What a panic leaves half done is a row without its end, which the next one begins behind.
        let read = || group(&*file.get_row_group(index)?, &mut rows);
        match catch_unwind(AssertUnwindSafe(read)) {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) => break,
            Ok(Err(ParquetError::General(error))) if error.starts_with("Disabled feature") => {
                broken.push((index + 1, rows.count(), Reason::Unsupported));
            }
            Ok(Err(_)) | Err(_) => broken.push((index + 1, rows.count(), Reason::Corrupt)),
        }
        if broken.len() >= 100 {
            break;
        }
    }
    rows.finish();
    for (group, row, reason) in broken {
        sink.gap(reason, &format!("row group {group} cannot be read behind row {row}"));
    }
}

/// Gives the rows of a group. False once no more is wanted.
fn group(group: &dyn RowGroupReader, out: &mut Rows) -> Result<bool> {
    for row in RowIter::from_row_group(None, group)? {
        let row = row?;
        if !out.begin() {
            return Ok(false);
        }
        for (name, field) in row.get_column_iter() {
            cell(name, field, out);
        }
        out.end();
    }
    Ok(true)
}

fn cell(name: &str, field: &Field, out: &mut Rows) {
    match field {
        Field::Null => {}
        Field::Str(text) => out.cell(name, &Cell::Text(text.as_bytes())),
        Field::Bytes(bytes) => out.cell(name, &Cell::Bytes(bytes.data())),
        nested => {
            let mut json = String::new();
            render(nested, &mut json, DEPTH);
            out.cell(name, &Cell::Bare(&json));
        }
    }
}

fn render(field: &Field, out: &mut String, depth: usize) {
    let Some(depth) = depth.checked_sub(1) else { return out.push_str("null") };
    match field {
        Field::Group(row) => {
            let members = row.get_column_iter().map(|(name, field)| (Key::Name(name), field));
            object(members, out, depth);
        }
        Field::MapInternal(map) => {
            object(map.entries().iter().map(|(key, field)| (Key::Field(key), field)), out, depth);
        }
        Field::ListInternal(list) => {
            out.push('[');
            for (index, item) in list.elements().iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                render(item, out, depth);
            }
            out.push(']');
        }
        plain => scalar(plain, out),
    }
}

/// The key of a member.
enum Key<'a> {
    Name(&'a str),
    Field(&'a Field),
}

fn object<'a>(members: impl Iterator<Item = (Key<'a>, &'a Field)>, out: &mut String, depth: usize) {
    out.push('{');
    for (index, (key, field)) in members.enumerate() {
        if index > 0 {
            out.push(',');
        }
        match key {
            Key::Name(name) => quoted(out, name),
            Key::Field(Field::Str(name)) => quoted(out, name),
            Key::Field(other) => {
                let mut name = String::new();
                scalar(other, &mut name);
                quoted(out, name.trim_matches('"'));
            }
        }
        out.push(':');
        render(field, out, depth);
    }
    out.push('}');
}

fn scalar(field: &Field, out: &mut String) {
    match field {
        Field::Str(text) => quoted(out, text),
        Field::Bytes(bytes) => quoted(out, &String::from_utf8_lossy(bytes.data())),
        // Days, and what goes since midnight or 1970: as they are stored.
        Field::Date(number) | Field::TimeMillis(number) => number_of(*number, out),
        Field::TimeMicros(number) | Field::TimestampMillis(number) | Field::TimestampMicros(number) => {
            number_of(*number, out);
        }
        Field::Float16(_) | Field::Float(_) | Field::Double(_) | Field::Decimal(_) => {
            quoted(out, &field.to_string());
        }
        Field::Group(_) | Field::ListInternal(_) | Field::MapInternal(_) => out.push_str("null"),
        _ => {
            let _ = write!(out, "{field}"); // into a string nothing fails
        }
    }
}

fn number_of(number: impl Into<i64>, out: &mut String) {
    let _ = write!(out, "{}", number.into());
}

/// The file as the crate wants to read it.
struct Chunks(Arc<dyn ReadAt>);

impl Length for Chunks {
    fn len(&self) -> u64 {
        self.0.size()
    }
}

impl ChunkReader for Chunks {
    type T = RangeReader;

    fn get_read(&self, start: u64) -> Result<RangeReader> {
        Ok(RangeReader::new(self.0.clone(), start, self.0.size()))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let end = start.saturating_add(length as u64).min(self.0.size());
        let mut bytes = Vec::new();
        RangeReader::new(self.0.clone(), start, end).read_to_end(&mut bytes)?;
        if bytes.len() < length {
            return Err(ParquetError::EOF("the file ends before that".to_owned()));
        }
        Ok(bytes.into())
    }
}
