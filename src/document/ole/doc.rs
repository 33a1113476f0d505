//! Word of the old form ([MS-DOC]): the stream `WordDocument` holds the characters in pieces, and the piece table in the
//! table stream tells their order, so that what a person saved piecemeal is read as it is seen.

use super::Compound;
use super::bytes::{part, size_at, u16_at, u32_at};
use crate::budget::Reason;
use crate::document::charset;
use crate::document::text::Writer;

/// The first two bytes of the stream ([MS-DOC] 2.5.2).
const IDENT: u16 = 0xa5ec;

/// The version from which on there is a piece table at a fixed place ([MS-DOC] 2.5.1): Word 97.
const WORD_97: u16 = 0x00c1;

/// Parts of the text in their order: where their counts of characters stand ([MS-DOC] 2.5.4), and what a reader calls
/// them.
const PARTS: &[(usize, &str)] = &[
    (0x4c, ""),
    (0x50, "footnotes, "),
    (0x54, "headers and footers, "),
    (0x58, "macros, "),
    (0x5c, "comments, "),
    (0x60, "endnotes, "),
    (0x64, "text boxes, "),
    (0x68, "text boxes of headers, "),
];

/// Characters that are decoded at a time.
const CHUNK: usize = 64 << 10;

pub(super) fn give(compound: &mut Compound, writer: &mut Writer) {
    let Some(number) = compound.root("WordDocument") else { return };
    let stream = compound.read(number);
    if u16_at(&stream, 0).is_none() {
        return;
    }
    let flags = u16_at(&stream, 0x0a).unwrap_or(0);
    if flags & 0x0100 != 0 {
        writer.sink().gap(Reason::Encrypted, "a password is needed");
        return;
    }
    let table = if flags & 0x0200 == 0 { "0Table" } else { "1Table" };
    let table = compound.root(table).map(|number| compound.read(number)).unwrap_or_default();
    let version = u16_at(&stream, 2).unwrap_or(0);
    let pieces = if version >= WORD_97 { pieces(&stream, &table) } else { oldest(&stream) };
    match pieces.filter(|_| matches!(u16_at(&stream, 0), Some(IDENT | 0xa5dc))) {
        Some(pieces) => {
            compound.given.insert(number);
            Text::new(&stream, writer).give(&pieces);
        }
        None => writer.sink().gap(Reason::Corrupt, "its table of pieces cannot be read"),
    }
}

/// A run of characters.
struct Piece {
    start: usize,
    characters: usize,
    wide: bool,
}

/// The pieces in reading order ([MS-DOC] 2.4.1 and 2.9.38).
fn pieces(stream: &[u8], table: &[u8]) -> Option<Vec<Piece>> {
    let (start, length) = (size_at(stream, 0x01a2)?, size_at(stream, 0x01a6)?);
    let mut clx = part(table, start, length);
    while let [1, rest @ ..] = clx {
        clx = rest.get(usize::from(u16_at(rest, 0)?).checked_add(2)?..)?;
    }
    let [2, rest @ ..] = clx else { return None };
    let plc = part(rest, 4, size_at(rest, 0)?);
    let count = plc.len().checked_sub(4)? / 12;
    let piece = |number: usize| {
        let (from, to) = (size_at(plc, number * 4)?, size_at(plc, number * 4 + 4)?);
        let place = u32_at(plc, (count + 1) * 4 + number * 8 + 2)?;
        let wide = place & 0x4000_0000 == 0;
        let start = usize::try_from(place & 0x3fff_ffff).ok()?;
        let start = if wide { start } else { start / 2 };
        Some(Piece { start, characters: to.checked_sub(from)?, wide })
    };
    Some((0..count).map_while(piece).collect())
}

/// Word 6 and 95: one run of 8-bit characters ([MS-DOC] knows no more of it than `fcMin` and `fcMac`).
fn oldest(stream: &[u8]) -> Option<Vec<Piece>> {
    let (start, end) = (size_at(stream, 0x18)?, size_at(stream, 0x1c)?);
    Some(vec![Piece { start, characters: end.checked_sub(start)?, wide: false }])
}

/// The text on its way to the writer.
struct Text<'a, 's, 'w> {
    stream: &'a [u8],
    writer: &'w mut Writer<'s>,
    /// Ends of the parts, in characters from the beginning.
    ends: Vec<(usize, &'static str)>,
    part: &'static str,
    /// Characters so far.
    at: usize,
    paragraph: usize,
    /// Bytes that may still be decoded: pieces that lie over each other give no more than twice the stream.
    left: usize,
}

impl<'a, 's, 'w> Text<'a, 's, 'w> {
    fn new(stream: &'a [u8], writer: &'w mut Writer<'s>) -> Self {
        let mut end = 0_usize;
        let mut ends = Vec::new();
        for (at, name) in PARTS {
            end = end.saturating_add(size_at(stream, *at).unwrap_or(0));
            ends.push((end, *name));
        }
        let left = stream.len().saturating_mul(2);
        Self { stream, writer, ends, part: "", at: 0, paragraph: 0, left }
    }

    fn give(mut self, pieces: &[Piece]) {
        self.begin_paragraph();
        let mut missing = false;
        for piece in pieces {
            let width = if piece.wide { 2 } else { 1 };
            let bytes = part(self.stream, piece.start, piece.characters.saturating_mul(width).min(self.left));
            self.left -= bytes.len();
            missing |= bytes.len() < piece.characters.saturating_mul(width);
            for chunk in bytes.chunks(CHUNK) {
                if !self.writer.wanted() {
                    return;
                }
                if piece.wide { self.characters(&charset::utf16(chunk)) } else { self.narrow(chunk) }
            }
        }
        self.writer.end_line();
        if missing {
            self.writer.sink().gap(Reason::Truncated, "a piece of its text is not there");
        }
    }

    /// 8-bit characters are those of code page 1252 ([MS-DOC] 2.9.73).
    fn narrow(&mut self, bytes: &[u8]) {
        let text = charset::code_page(1252).decode_without_bom_handling(bytes).0;
        self.characters(&text);
    }

    /// Special characters ([MS-DOC] 2.4.1, 2.8.25): marks of paragraphs and cells end a line or a cell; fields and
    /// anchors are no text.
    fn characters(&mut self, text: &str) {
        let mut line = String::new();
        for character in text.chars() {
            self.at += character.len_utf16();
            match character {
                '\r' => {
                    line.push('\n');
                    self.writer.push(line.as_bytes());
                    line.clear();
                    self.begin_paragraph();
                }
                '\u{b}' | '\u{c}' => line.push('\n'),
                '\u{7}' => line.push('\t'),
                '\u{13}' | '\u{14}' | '\u{15}' => line.push(' '),
                '\u{1e}' => line.push('-'),
                '\t' | '\n' => line.push(character),
                character if character.is_control() => {}
                character => line.push(character),
            }
        }
        self.writer.push(line.as_bytes());
    }

    fn begin_paragraph(&mut self) {
        let part = self.ends.iter().find(|(end, _)| self.at < *end).map_or("", |(_, name)| *name);
        if part != self.part {
            (self.part, self.paragraph) = (part, 0);
        }
        self.paragraph += 1;
        self.writer.landmark(format!("{part}paragraph {}", self.paragraph));
    }
}
