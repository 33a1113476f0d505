//! Tables as text with a separator (RFC 4180): rows as lines of JSON with the heads as keys. Told by a first line of
//! heads one of which says that credentials stand below it; all others are looked at as text only.

use std::io::{BufRead, BufReader};
use std::sync::Arc;

use super::Sink;
use super::grid::{Rows, is_head};
use crate::budget::Reason;
use crate::source::{RangeReader, ReadAt};

/// Separators, the most likely first.
const SEPARATORS: &[u8] = b",;\t|";

/// Parts of heads that credentials stand under.
const WORDS: &[&str] = &[
    "passw",
    "pwd",
    "secret",
    "token",
    "key",
    "credential",
    "auth",
    "kennwort",
    "senha",
    "contrase",
    "mot de passe",
];

/// How much of the beginning is looked at, in bytes, and the longest record that is read.
const HEAD: usize = 4096;
const RECORD: usize = 1 << 20;

/// Whether the first line names columns, the second has as many, and one of them may hold credentials.
pub(super) fn begins(head: &[u8]) -> bool {
    separator(head.get(..HEAD).unwrap_or(head)).is_some()
}

fn separator(head: &[u8]) -> Option<u8> {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    if !head.first().is_some_and(|first| first.is_ascii_alphabetic() || matches!(first, b'"' | b'_')) {
        return None;
    }
    let mut lines = head.split(|byte| *byte == b'\n');
    let (first, second) = (trimmed(lines.next()?), trimmed(lines.next()?));
    let first_text = std::str::from_utf8(first).ok()?.to_lowercase();
    if !WORDS.iter().any(|word| first_text.contains(word)) {
        return None;
    }
    let count = |line: &[u8], separator: u8| fields(line, separator).len();
    SEPARATORS.iter().copied().find(|separator| {
        let heads = fields(first, *separator);
        // The head may cut the second line off.
        let rows = count(second, *separator);
        heads.len() > 1 && rows > 1 && rows <= heads.len() && heads.iter().all(|head| is_head(head))
    })
}

fn trimmed(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The fields of one record; doubled quotes in quotes are one.
fn fields(record: &[u8], separator: u8) -> Vec<String> {
    let (mut fields, mut field, mut quoted) = (Vec::new(), Vec::new(), false);
    let mut bytes = record.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' if quoted && bytes.peek() == Some(&b'"') => field.extend(bytes.next()),
            b'"' if quoted || field.is_empty() => quoted = !quoted,
            _ if byte == separator && !quoted => fields.push(std::mem::take(&mut field)),
            _ => field.push(byte),
        }
    }
    fields.push(field);
    fields.into_iter().map(|field| String::from_utf8_lossy(&field).into_owned()).collect()
}

/// Gives the rows.
pub(super) fn decode(source: &Arc<dyn ReadAt>, sink: &mut dyn Sink) {
    let mut reader = BufReader::new(RangeReader::whole(source.clone()));
    let Some(separator) = reader.fill_buf().ok().and_then(|head| separator(head.get(..HEAD).unwrap_or(head)))
    else {
        return;
    };
    let mut trouble = None;
    let mut take = |name: &str, text: &[u8], landmarks: &_| sink.text(name, text, landmarks);
    let mut rows = Rows::new("(table)", &mut take);
    rows.begin(None);
    let mut row = 0;
    loop {
        match record(&mut reader) {
            Ok(Some(record)) => {
                row += 1;
                let record = record.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&record);
                let mut fields = (0..).zip(fields(record, separator));
                if !fields.all(|(column, field)| rows.cell(column, row, field.trim())) {
                    break;
                }
            }
            Ok(None) => break,
            Err(error) => {
                trouble = Some(error);
                break;
            }
        }
    }
    rows.end();
    if let Some(error) = trouble {
        sink.gap(Reason::Unreadable, &error.to_string());
    }
}

/// The next record, without its line end: lines, until no quote is open. One that is too long is cut into several.
fn record(reader: &mut dyn BufRead) -> std::io::Result<Option<Vec<u8>>> {
    let (mut record, mut quotes) = (Vec::new(), 0);
    loop {
        let room = (RECORD - record.len().min(RECORD)) as u64;
        let before = record.len();
        let read = std::io::Read::take(&mut *reader, room).read_until(b'\n', &mut record)?;
        quotes += memchr::memchr_iter(b'"', record.get(before..).unwrap_or_default()).count();
        if read == 0 || quotes % 2 == 0 {
            break;
        }
    }
    if record.is_empty() {
        return Ok(None);
    }
    while matches!(record.last(), Some(b'\n' | b'\r')) {
        record.pop();
    }
    Ok(Some(record))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_credentials_are_told_by_their_heads() {
        for (text, is) in [
            ("name,api_key\nx,y\n", Some(b',')),
            ("\u{feff}\"Name\";\"Pass word\";\"Password\"\r\na;b;c\r\n", Some(b';')),
            ("name\ttoken\nx\ty", Some(b'\t')),
            ("name,city\nx,y\n", None),
            ("Dear all, the password, as you know\nis: x\n", None),
            ("{\"token\": 1,\n\"a\": 2}", None),
            ("token, key\n", None),
        ] {
            assert_eq!(separator(text.as_bytes()), is, "{text}");
        }
    }

    #[test]
    fn quotes_hold_separators_and_quotes() {
        assert_eq!(fields(b"a,\"b,\"\"c\"\"\",,d\"e", b','), ["a", "b,\"c\"", "", "d\"e"]);
    }

    #[test]
    fn records_go_on_in_quotes() {
        let mut reader = &b"a,\"b\nc\"\r\nd"[..];
        let mut next = || {
            record(&mut reader).expect("memory").map(|record| String::from_utf8_lossy(&record).into_owned())
        };
        assert_eq!([next(), next(), next()], [Some("a,\"b\nc\"".to_owned()), Some("d".to_owned()), None]);
    }
}
