//! SQLite databases (<https://www.sqlite.org/fileformat2.html>): the rows of each table as lines of JSON, what is longer or
//! no text as a member, and the schema.
//!
//! SQLite itself reads a copy in memory that nothing can write to. A hostile schema cannot run anything: only real tables
//! are read, each as a whole. Rows of freed pages are read here (`cells`); what is left in the slack of others is seen where the
//! file's bytes are looked at as they stand.

pub(super) mod cells;
mod wal;

use std::io::{Cursor, Read};
use std::sync::Arc;

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Error, ErrorCode, Row};

use super::Sink;
use super::rows::{Cell, Rows};
use crate::blob::Package;
use crate::budget::Reason;
use crate::source::{RangeReader, ReadAt, fill};

/// The decoder's name.
pub(super) const NAME: &str = "SQLite database";

/// The first bytes, and the header that they begin.
const MAGIC: &[u8] = b"SQLite format 3\0";
const HEADER: usize = 100;

/// The largest database that is copied into memory, in bytes.
const LARGEST: u64 = 384 << 20;

/// The longest row, in bytes.
const LONGEST: i32 = 128 << 20;

/// Tables that are read.
const TABLES: usize = 10_000;

/// Steps of SQLite's machine between two looks at what it has done, and how many looks there are for each MiB of the
/// database and at least: a row of some bytes takes some ten steps.
const STEPS: i32 = 1 << 20;
const LOOKS_PER_MIB: u64 = 64;
const LOOKS: u64 = 256;

/// Whether bytes begin as a database does.
pub(super) fn begins(head: &[u8]) -> bool {
    head.starts_with(MAGIC)
}

/// The database with its log laid over it, where one stands beside it.
pub(super) fn with_log(source: &Arc<dyn ReadAt>, package: &dyn Package) -> Option<Arc<dyn ReadAt>> {
    wal::overlay(source, package)
}

/// Gives each table's rows.
pub(super) fn decode(source: &Arc<dyn ReadAt>, sink: &mut dyn Sink) {
    if source.size() > LARGEST {
        return sink.gap(Reason::BudgetBytes, "too large for its tables to be read; looked at as it is");
    }
    let (header, size) = match header(source) {
        Ok(read) => read,
        Err((reason, detail)) => return sink.gap(reason, detail),
    };
    if promised(&header) > size {
        sink.gap(Reason::Truncated, "the database ends before its last page");
    }
    // The second way leaves out what of the schema cannot be understood.
    let read =
        |lenient| open(source, &header, lenient).and_then(|database| Ok((tables(&database)?, database)));
    match read(false).or_else(|_| read(true)) {
        Ok((tables, database)) => {
            if !give(&database, &tables, sink) {
                return;
            }
        }
        Err(error) => sink.gap(reason(&error), "the schema cannot be read; looked at as it is"),
    }
    cells::freed(source, &header, sink);
}

/// The header as SQLite is to see it, and the size of the database.
fn header(source: &Arc<dyn ReadAt>) -> Result<([u8; HEADER], u64), (Reason, &'static str)> {
    let mut header = [0; HEADER];
    match fill(&mut RangeReader::whole(source.clone()), &mut header) {
        (HEADER, _) => {}
        (_, None) => return Err((Reason::Truncated, "the header is not whole")),
        (_, Some(_)) => return Err((Reason::Unreadable, "it cannot be read")),
    }
    // A database in memory has no log: these two bytes say that there is none.
    for version in header.iter_mut().skip(18).take(2) {
        *version = 1;
    }
    Ok((header, source.size()))
}

/// The size that a header gives, in bytes; 0 if it has none that counts.
fn promised(header: &[u8; HEADER]) -> u64 {
    let word = |at: usize| header.get(at..).and_then(|bytes| bytes.first_chunk::<4>());
    let page = match header
        .get(16..)
        .and_then(|bytes| bytes.first_chunk::<2>())
        .map(|bytes| u16::from_be_bytes(*bytes))
    {
        Some(1) => 65536,
        Some(size) => u64::from(size),
        None => 0,
    };
    let counts = word(24) == word(92);
    word(28).filter(|_| counts).map_or(0, |count| u64::from(u32::from_be_bytes(*count)) * page)
}

/// Copies the database into memory and opens it there.
fn open(source: &Arc<dyn ReadAt>, header: &[u8; HEADER], lenient: bool) -> rusqlite::Result<Connection> {
    let mut database = Connection::open_in_memory()?;
    let mut header = *header;
    if let Some(count) = header.get_mut(28..32) {
        count.fill(0); // then what there is counts, and one that was cut off can be read
    }
    let size = usize::try_from(source.size()).unwrap_or(usize::MAX);
    let rest = RangeReader::new(source.clone(), HEADER as u64, size as u64);
    // A file that shrinks meanwhile is filled up.
    let mut bytes = Cursor::new(header).chain(rest).chain(std::io::repeat(0)).take(size as u64);
    database.deserialize_read_exact("main", &mut bytes, size, true)?;
    for (setting, on) in [
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
        (DbConfig::SQLITE_DBCONFIG_DQS_DML, false),
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, !lenient),
        (DbConfig::SQLITE_DBCONFIG_WRITABLE_SCHEMA, lenient),
    ] {
        database.set_db_config(setting, on)?;
    }
    database.pragma_update(None, "cell_size_check", true)?;
    for (limit, most) in [
        (Limit::SQLITE_LIMIT_LENGTH, LONGEST),
        (Limit::SQLITE_LIMIT_ATTACHED, 0),
        (Limit::SQLITE_LIMIT_EXPR_DEPTH, 100),
        (Limit::SQLITE_LIMIT_SQL_LENGTH, 1 << 20),
        (Limit::SQLITE_LIMIT_VDBE_OP, 1 << 20),
    ] {
        database.set_limit(limit, most)?;
    }
    let mut looks = LOOKS + (source.size() >> 20) * LOOKS_PER_MIB;
    let spent = move || {
        looks = looks.saturating_sub(1);
        looks == 0
    };
    database.progress_handler(STEPS, Some(spent))?;
    Ok(database)
}

/// The names of the tables that have pages of their own: no view, and nothing that a module makes up.
fn tables(database: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut tables = vec!["sqlite_schema".to_owned()];
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0";
    let mut statement = database.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if let Ok(name) = row.get::<_, String>(0) {
            tables.push(name);
        }
        if tables.len() > TABLES {
            break;
        }
    }
    Ok(tables)
}

/// False once no more is wanted.
fn give(database: &Connection, tables: &[String], sink: &mut dyn Sink) -> bool {
    if tables.len() > TABLES {
        sink.gap(Reason::BudgetMembers, "more tables than are read");
    }
    for table in tables {
        let name = format!("table \"{table}\"");
        let mut rows = Rows::new(sink, &name, format!("{name}, "));
        let read = read(database, table, &mut rows);
        let count = rows.count();
        let more = rows.finish();
        if let Err(error) = read {
            sink.gap(reason(&error), &format!("{name} cannot be read behind row {count}"));
        }
        if !more {
            return false;
        }
    }
    true
}

/// Reads all rows of a table in the order in which they are stored.
fn read(database: &Connection, table: &str, out: &mut Rows) -> rusqlite::Result<()> {
    let columns = columns(database, table)?;
    let list: Vec<_> = columns.iter().map(|column| quoted(column)).collect();
    let list = if list.is_empty() { "*".to_owned() } else { list.join(",") };
    let mut statement = database.prepare(&format!("SELECT {list} FROM {} NOT INDEXED", quoted(table)))?;
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if !out.begin() {
            return Ok(());
        }
        for (index, name) in names.iter().enumerate() {
            cell(row, index, name, out)?;
        }
        out.end();
    }
    Ok(())
}

fn cell(row: &Row, index: usize, column: &str, out: &mut Rows) -> rusqlite::Result<()> {
    match row.get_ref(index)? {
        ValueRef::Null => {}
        ValueRef::Integer(number) => out.cell(column, &Cell::Bare(&number)),
        ValueRef::Real(number) if number.is_finite() => out.cell(column, &Cell::Bare(&number)),
        ValueRef::Real(number) => out.cell(column, &Cell::Text(number.to_string().as_bytes())),
        ValueRef::Text(text) => out.cell(column, &Cell::Text(text)),
        ValueRef::Blob(bytes) => out.cell(column, &Cell::Bytes(bytes)),
    }
    Ok(())
}

/// The columns that are stored: what is computed at each look (2) would run what a stranger wrote.
fn columns(database: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = database.prepare(&format!("PRAGMA main.table_xinfo({})", quoted(table)))?;
    let mut rows = statement.query([])?;
    let mut columns = Vec::new();
    while let Some(row) = rows.next()? {
        if row.get::<_, i64>("hidden")? != 2 {
            columns.push(row.get("name")?);
        }
    }
    Ok(columns)
}

/// A name in SQL.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn reason(error: &Error) -> Reason {
    match error.sqlite_error_code() {
        Some(ErrorCode::OperationInterrupted | ErrorCode::TooBig) => Reason::BudgetBytes,
        Some(ErrorCode::OutOfMemory) => Reason::DecoderFailed,
        _ => Reason::Corrupt,
    }
}
