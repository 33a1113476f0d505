//! YAML as programs write it: block mappings and sequences, plain, quoted and block scalars, and the flow collections
//! that fit on a line. <https://yaml.org/spec/1.2.2/>. Anchors and tags are left as they stand; a text with a line that
//! is none of this is no YAML to us.

use std::borrow::Cow;

use super::{Line, Lines, Transcript, Writer};

/// How many collections may lie in each other.
const MAX_DEPTH: usize = 128;

/// The transcript, if every line can be read and there is a mapping.
pub(super) fn transcript(text: &[u8], start: usize) -> Option<Transcript> {
    let mut lines = Lines { text, at: start };
    while lines.peek().is_some_and(is_skipped) {
        lines.next();
    }
    if lines.peek()?.indent() > 0 {
        return None;
    }
    let mut blocks = Blocks { writer: Writer::default(), open: Vec::new(), is_due: false, has_names: false };
    while let Some(line) = lines.next().filter(|_| !blocks.writer.is_full()) {
        if !is_skipped(line) {
            blocks.line(line, &mut lines)?;
        }
    }
    blocks.close_to(0);
    blocks.has_names.then(|| blocks.writer.finish())
}

/// Blank lines, comments, and the marks between documents.
fn is_skipped(line: Line<'_>) -> bool {
    let text = line.text.trim_ascii();
    text.is_empty()
        || text.starts_with(b"#")
        || text == b"---"
        || text == b"..."
        || line.text.starts_with(b"%YAML")
}

/// An open collection.
#[derive(Clone, Copy)]
struct Block {
    indent: usize,
    is_list: bool,
}

struct Blocks {
    writer: Writer,
    open: Vec<Block>,
    /// Whether a name or a dash waits for its value.
    is_due: bool,
    /// Whether there is a mapping.
    has_names: bool,
}

impl Blocks {
    /// Reads a line, and those behind it that belong to its scalar. `None` if it is no YAML.
    fn line(&mut self, line: Line<'_>, lines: &mut Lines<'_>) -> Option<()> {
        let mut column = line.indent();
        loop {
            let (start, rest) = line.from(column);
            column = start - line.start;
            if rest == b"-" || rest.starts_with(b"- ") {
                self.enter(column, true, start)?;
                column += 1;
                if rest == b"-" {
                    return Some(());
                }
                continue;
            }
            let Some(end) = key_end(rest) else {
                return if self.is_due { self.scalar(line, column, self.indent() + 1, lines) } else { None };
            };
            self.enter(column, false, start)?;
            self.writer.key(start, unquoted(rest.get(..end)?));
            (self.is_due, self.has_names) = (true, true);
            let (_, value) = line.from(column + end + 1);
            if is_nothing(value) {
                return Some(());
            }
            return self.scalar(line, column + end + 1, column + 1, lines);
        }
    }

    fn indent(&self) -> usize {
        self.open.last().map_or(0, |block| block.indent)
    }

    /// Goes to the collection whose items stand in that column, and begins one if there is none.
    fn enter(&mut self, indent: usize, is_list: bool, start: usize) -> Option<()> {
        let is_inner =
            |block: &Block| block.indent > indent || (block.indent == indent && block.is_list && !is_list);
        let outer = self.open.iter().rposition(|block| !is_inner(block)).map_or(0, |last| last + 1);
        self.close_to(outer);
        match self.open.last() {
            Some(block) if block.indent == indent && block.is_list == is_list => self.fill(start),
            Some(_) if !self.is_due => return None,
            None if !self.writer.text.is_empty() => return None,
            _ if self.open.len() == MAX_DEPTH => return None,
            _ => {
                self.writer.open(start, if is_list { b'[' } else { b'{' });
                self.open.push(Block { indent, is_list });
            }
        }
        self.is_due = is_list;
        Some(())
    }

    /// What had no value has the value `null`.
    fn fill(&mut self, start: usize) {
        if std::mem::take(&mut self.is_due) {
            self.writer.bare(start, b"null");
        }
    }

    fn close_to(&mut self, count: usize) {
        while self.open.len() > count {
            let end = self.writer.marks.pairs.last().map_or(0, |(from, _)| *from);
            self.fill(end);
            let is_list = self.open.pop().is_some_and(|block| block.is_list);
            self.writer.close(if is_list { b']' } else { b'}' });
        }
    }

    /// Writes the scalar that begins in a column; lines from `deeper` on belong to it. `None` if they cannot.
    fn scalar(&mut self, line: Line<'_>, column: usize, deeper: usize, lines: &mut Lines<'_>) -> Option<()> {
        self.is_due = false;
        let (start, value) = line.from(column);
        match value.first() {
            Some(b'|' | b'>') => self.block_scalar(deeper, start, lines),
            Some(quote @ (b'"' | b'\'')) => self.quoted(*quote, start, line, lines),
            Some(b'[' | b'{') if is_flow(value) => self.flow(start, value),
            _ => return self.plain(start, value, deeper, lines),
        }
        Some(())
    }

    fn block_scalar(&mut self, deeper: usize, start: usize, lines: &mut Lines<'_>) {
        let mut pieces: Vec<(usize, &[u8])> = vec![(start, b"")];
        let mut margin = None;
        while let Some(line) = lines.peek().filter(|line| line.is_blank() || line.indent() >= deeper) {
            if !line.is_blank() {
                margin = margin.or(Some(line.indent()));
            }
            let cut = margin.unwrap_or(0).min(line.text.len());
            pieces.push((line.start + cut, line.text.get(cut..).unwrap_or_default()));
            pieces.push((line.start + line.text.len(), b"\n"));
            lines.next();
        }
        self.writer.string(pieces);
    }

    /// A quoted scalar, up to its quote, perhaps on a later line.
    fn quoted(&mut self, quote: u8, start: usize, line: Line<'_>, lines: &mut Lines<'_>) {
        let mut pieces = Vec::new();
        let mut piece = (start + 1, line.text.get(start - line.start + 1..).unwrap_or_default());
        loop {
            let ended = quoted_pieces(quote, piece, &mut pieces);
            if ended {
                break;
            }
            let Some(next) = lines.next() else { break };
            let (from, text) = next.from(0);
            pieces.push((next.start, Cow::Borrowed(b" ".as_slice())));
            piece = (from, text);
        }
        self.writer.string(pieces.iter().map(|(from, piece)| (*from, &**piece)));
    }

    fn plain(&mut self, start: usize, value: &[u8], deeper: usize, lines: &mut Lines<'_>) -> Option<()> {
        let value = without_comment(value);
        let mut pieces = vec![(start, value)];
        while let Some(line) = lines.peek().filter(|line| !line.is_blank() && line.indent() >= deeper) {
            let (from, text) = line.from(0);
            if key_end(text).is_some() {
                return None;
            }
            pieces.push((line.start, b" "));
            pieces.push((from, without_comment(text)));
            lines.next();
        }
        match value {
            b"~" | b"null" | b"" if pieces.len() == 1 => self.writer.bare(start, b"null"),
            b"true" | b"false" if pieces.len() == 1 => self.writer.bare(start, value),
            _ if pieces.len() == 1 && is_number(value) => self.writer.bare(start, value),
            _ => self.writer.string(pieces),
        }
        Some(())
    }

    /// A list or mapping on one line: its words one by one, names where a colon follows.
    fn flow(&mut self, start: usize, value: &[u8]) {
        let mut at = 0;
        while let Some(byte) = value.get(at) {
            match byte {
                b'[' | b'{' => self.writer.open(start + at, *byte),
                b']' | b'}' => self.writer.close(*byte),
                b',' | b' ' => {}
                _ => {
                    let rest = value.get(at..).unwrap_or_default();
                    let length = flow_word(rest);
                    let word = rest.get(..length).unwrap_or_default().trim_ascii_end();
                    let behind = rest.get(length..).unwrap_or_default();
                    at += length;
                    if behind.starts_with(b":") {
                        self.writer.key(start + at - length, unquoted(word));
                        at += 1;
                    } else {
                        self.writer.string([(start + at - length, unquoted(word))]);
                    }
                    continue;
                }
            }
            at += 1;
        }
    }
}

/// Adds what stands up to the closing quote; says whether there is one.
fn quoted_pieces<'t>(quote: u8, piece: (usize, &'t [u8]), pieces: &mut Vec<(usize, Cow<'t, [u8]>)>) -> bool {
    let (start, text) = piece;
    let mut from = 0;
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        let is_end = *byte == quote;
        let Some((length, shown)) = escape(quote, text.get(at..).unwrap_or_default()) else {
            if is_end {
                pieces.push((start + from, Cow::Borrowed(text.get(from..at).unwrap_or_default())));
                return true;
            }
            at += 1;
            continue;
        };
        pieces.push((start + from, Cow::Borrowed(text.get(from..at).unwrap_or_default())));
        pieces.push((start + at, shown));
        at += length;
        from = at;
    }
    pieces.push((start + from, Cow::Borrowed(text.get(from..).unwrap_or_default())));
    false
}

/// The escape that a text in quotes begins with: how long it is, and what it says.
fn escape(quote: u8, text: &[u8]) -> Option<(usize, Cow<'_, [u8]>)> {
    match (quote, text) {
        (b'\'', [b'\'', b'\'', ..]) => Some((2, Cow::Borrowed(b"'"))),
        (b'"', [b'\\', letter @ (b'x' | b'u' | b'U'), ..]) => {
            let digits = match letter {
                b'x' => 2,
                b'u' => 4,
                _ => 8,
            };
            let number = std::str::from_utf8(text.get(2..2 + digits)?).ok()?;
            let shown = char::from_u32(u32::from_str_radix(number, 16).ok()?)?;
            Some((2 + digits, Cow::Owned(shown.to_string().into_bytes())))
        }
        (b'"', [b'\\', b'n', ..]) => Some((2, Cow::Borrowed(b"\n"))),
        (b'"', [b'\\', b't', ..]) => Some((2, Cow::Borrowed(b"\t"))),
        (b'"', [b'\\', ..]) => Some((2, Cow::Borrowed(text.get(1..2)?))),
        _ => None,
    }
}

/// Where the colon of a name stands that a line begins with.
fn key_end(text: &[u8]) -> Option<usize> {
    let quote = text.first().filter(|byte| matches!(byte, b'"' | b'\''));
    let is_end = |at: usize| {
        text.get(at) == Some(&b':') && text.get(at + 1).is_none_or(|byte| matches!(byte, b' ' | b'\t'))
    };
    if let Some(quote) = quote {
        let close = memchr::memchr(*quote, text.get(1..)?)? + 2;
        return is_end(close).then_some(close);
    }
    if matches!(text.first()?, b'[' | b'{' | b'|' | b'>' | b'@' | b'`' | b'%' | b'<') {
        return None;
    }
    let colons = memchr::memchr_iter(b':', text.get(..256).unwrap_or(text));
    let end = colons.into_iter().find(|at| is_end(*at)).filter(|end| *end > 0)?;
    let name = text.get(..end)?;
    let is_odd = |byte: &u8| matches!(byte, b'"' | b'\'' | b'{' | b'}' | b'(' | b';' | b'#');
    (!name.iter().any(is_odd)).then_some(end)
}

/// Nothing stands behind a name, or only an anchor, a tag or a comment.
fn is_nothing(value: &[u8]) -> bool {
    value.is_empty()
        || value.starts_with(b"#")
        || (matches!(value.first(), Some(b'&' | b'!')) && !value.contains(&b' '))
}

fn unquoted(text: &[u8]) -> &[u8] {
    let inner = |quote: &[u8]| text.strip_prefix(quote)?.strip_suffix(quote);
    inner(b"\"").or_else(|| inner(b"'")).unwrap_or(text)
}

fn without_comment(value: &[u8]) -> &[u8] {
    match memchr::memmem::find(value, b" #") {
        Some(end) => value.get(..end).unwrap_or(value).trim_ascii_end(),
        None => value,
    }
}

/// Whether JSON has the number as well.
fn is_number(value: &[u8]) -> bool {
    value.first().is_some_and(|byte| byte.is_ascii_digit() || *byte == b'-')
        && serde_json::from_slice::<serde_json::Number>(value).is_ok()
}

/// Whether the brackets of a flow collection are balanced on the line.
fn is_flow(value: &[u8]) -> bool {
    let mut open = Vec::new();
    let mut at = 0;
    while let Some(byte) = value.get(at) {
        match byte {
            b'[' | b'{' if open.len() < MAX_DEPTH => open.push(*byte),
            b'[' | b'{' => return false,
            b']' if open.pop() != Some(b'[') => return false,
            b'}' if open.pop() != Some(b'{') => return false,
            b']' | b'}' if open.is_empty() => return at + 1 == value.len(),
            b']' | b'}' | b',' | b' ' => {}
            _ => {
                at += flow_word(value.get(at..).unwrap_or_default());
                let is_name = value.get(at) == Some(&b':');
                if is_name && open.last() != Some(&b'{') {
                    return false;
                }
                at += usize::from(is_name);
                continue;
            }
        }
        at += 1;
    }
    false
}

/// How long a word in a flow collection is; at least one byte.
fn flow_word(text: &[u8]) -> usize {
    if let Some(quote @ (b'"' | b'\'')) = text.first() {
        let close = memchr::memchr(*quote, text.get(1..).unwrap_or_default());
        return close.map_or(text.len(), |close| close + 2);
    }
    let is_end = |(at, byte): (usize, &u8)| {
        matches!(byte, b',' | b']' | b'}' | b'[' | b'{')
            || (*byte == b':' && text.get(at + 1).is_none_or(|next| *next == b' '))
    };
    text.iter().enumerate().position(is_end).unwrap_or(text.len()).max(1)
}
