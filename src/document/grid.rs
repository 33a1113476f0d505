//! Rows of a table as lines of JSON. The first row whose cells all look like names is the heads; a short row is also the
//! name of something and what it is.

use super::office_cell as cell_name;
use crate::blob::Landmarks;

/// A text is given away when it has this many bytes.
const TEXT: usize = 1 << 20;

/// The most cells of one row and bytes of one cell (longer ones name nothing), so that a string which many cells share
/// does not fill the memory; and the longest cell that is a name, in bytes.
const CELLS: usize = 4096;
const CELL: usize = 4096;
const NAME: usize = 64;

/// Takes a text; false once no more is wanted.
type Take<'t> = dyn FnMut(&str, &[u8], &Landmarks) -> bool + 't;

/// Makes lines of rows.
pub(crate) struct Rows<'t, 'u> {
    name: &'static str,
    take: &'t mut Take<'u>,
    text: Vec<u8>,
    landmarks: Landmarks,
    sheet: Option<String>,
    heads: Option<Vec<(u64, String)>>,
    row: u64,
    cells: Vec<(u64, String)>,
    more: bool,
}

impl<'t, 'u> Rows<'t, 'u> {
    /// For texts of that name.
    pub(crate) fn new(name: &'static str, take: &'t mut Take<'u>) -> Self {
        let (text, landmarks, cells) = (Vec::new(), Landmarks::default(), Vec::new());
        Self { name, take, text, landmarks, sheet: None, heads: None, row: 0, cells, more: true }
    }

    /// A table begins, with what its reader calls it.
    pub(crate) fn begin(&mut self, sheet: Option<String>) {
        self.finish_row();
        (self.sheet, self.heads, self.row) = (sheet, None, 0);
    }

    /// The next cell: column from 0, row from 1. False once no more is wanted.
    pub(crate) fn cell(&mut self, column: u64, row: u64, text: &str) -> bool {
        if row != self.row {
            self.finish_row();
            self.row = row;
        }
        if !text.is_empty() && text.len() <= CELL && self.cells.len() < CELLS {
            self.cells.push((column, text.to_owned()));
        }
        self.more
    }

    /// There are no more tables.
    pub(crate) fn end(&mut self) {
        self.finish_row();
        self.give();
    }

    fn give(&mut self) {
        if self.more && !self.text.is_empty() {
            self.more = (self.take)(self.name, &self.text, &self.landmarks);
        }
        self.text.clear();
        self.landmarks = Landmarks::default();
    }

    fn finish_row(&mut self) {
        let cells = std::mem::take(&mut self.cells);
        let heads = self.heads.take();
        let head = |column: u64| {
            let heads = heads.iter().flatten();
            heads.filter(|(of, _)| *of == column).map(|(_, head)| head.as_str()).next().unwrap_or_default()
        };
        if let [(_, name), (column, value), ..] = &cells[..]
            && cells.len() <= 3
            && name.len() <= NAME
        {
            self.line(&[(*column, name, value)], head);
        }
        if heads.is_some() {
            let members: Vec<_> =
                cells.iter().map(|(column, text)| (*column, head(*column), text.as_str())).collect();
            self.line(&members, head);
            self.heads = heads;
        } else if cells.len() > 1 && cells.iter().all(|(_, text)| is_head(text)) {
            self.heads = Some(cells);
        }
        if self.text.len() >= TEXT {
            self.give();
        }
    }

    /// Writes an object of columns, names and values; `head` tells what stands above a column.
    fn line<'h>(
        &mut self,
        members: &[(u64, impl AsRef<str>, impl AsRef<str>)],
        head: impl Fn(u64) -> &'h str,
    ) {
        for (number, (column, name, value)) in members.iter().enumerate() {
            let landmark = self.landmark(*column, head(*column));
            self.text.push(if number == 0 { b'{' } else { b',' });
            self.landmarks.push(self.text.len(), landmark);
            string(&mut self.text, name.as_ref().trim());
            self.text.push(b':');
            string(&mut self.text, value.as_ref());
        }
        if !members.is_empty() {
            self.text.extend(b"}\n");
        }
    }

    fn landmark(&self, column: u64, head: &str) -> String {
        match &self.sheet {
            Some(sheet) => format!("sheet {sheet}, cell {}", cell_name(column, self.row)),
            None if head.is_empty() => format!("row {}, column {}", self.row, column + 1),
            None => format!("row {}, column \"{head}\"", self.row),
        }
    }
}

fn string(out: &mut Vec<u8>, text: &str) {
    out.extend(serde_json::to_string(text).unwrap_or_default().into_bytes());
}

/// Whether a cell looks like the name of what stands below it: words without a number in them.
pub(crate) fn is_head(text: &str) -> bool {
    let text = text.trim();
    let glued = |pair: &[u8]| matches!(pair, [a, b] if a.is_ascii_alphabetic() && b.is_ascii_digit());
    let is_part = |c: char| c.is_alphanumeric() || " _-./()#:?*".contains(c);
    text.len() <= NAME
        && text.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && text.chars().all(is_part)
        && !text.as_bytes().windows(2).any(glued)
}
