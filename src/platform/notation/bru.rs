//! Bru, the files of Bruno: blocks `name { … }` of lines `key: value` or of text, and lists `name [ … ]`.
//! <https://docs.usebruno.com/bru-lang/syntax>; read 2026-11. A line that starts with `~` is switched off.

use super::{Line, Lines, Transcript, Writer};

/// Blocks whose content is text.
const TEXTS: &[&[u8]] = &[b"body", b"script", b"tests", b"docs", b"example"];

/// The transcript, if the text begins with a block that only Bru has.
pub(super) fn transcript(text: &[u8], start: usize) -> Option<Transcript> {
    let mut lines = Lines { text, at: start };
    while lines.peek().is_some_and(|line| line.is_blank()) {
        lines.next();
    }
    let name = block(lines.peek()?)?.0;
    if !matches!(name, b"meta" | b"vars" | b"vars:secret" | b"headers" | b"auth") {
        return None;
    }
    let mut writer = Writer::default();
    writer.open(start, b'{');
    while let Some(line) = lines.next().filter(|_| !writer.is_full()) {
        let Some((name, bracket)) = block(line) else { continue };
        writer.key(line.start, name);
        let is_text = bracket == b'{'
            && TEXTS.iter().any(|text| {
                name == *text || name.strip_prefix(*text).is_some_and(|rest| rest.starts_with(b":"))
            })
            && !matches!(name, b"body:form-urlencoded" | b"body:multipart-form");
        match (bracket, is_text) {
            (b'[', _) => list(&mut lines, &mut writer),
            (_, true) => content(&mut lines, &mut writer),
            _ => pairs(&mut lines, &mut writer),
        }
    }
    // No block has such a name: so this is told from JSON with the same members.
    writer.key(text.len(), b"~bru");
    writer.bare(text.len(), b"true");
    writer.close(b'}');
    Some(writer.finish())
}

/// Name and bracket of a block that begins in a line.
fn block(line: Line<'_>) -> Option<(&[u8], u8)> {
    let text = line.text.trim_ascii_end();
    let (bracket, name) = text.split_last().filter(|(bracket, _)| matches!(bracket, b'{' | b'['))?;
    let name = name.strip_suffix(b" ")?;
    let is_name =
        !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b":-_".contains(byte));
    is_name.then_some((name, *bracket))
}

/// The lines up to the one that a bracket in the first column ends.
fn inside<'t>(lines: &mut Lines<'t>) -> impl Iterator<Item = Line<'t>> {
    std::iter::from_fn(|| lines.next().filter(|line| !matches!(line.text.first(), Some(b'}' | b']'))))
}

fn pairs(lines: &mut Lines<'_>, writer: &mut Writer) {
    writer.open(lines.at, b'{');
    for line in inside(lines) {
        let (start, text) = line.from(0);
        let key = text.iter().position(|byte| *byte == b':').unwrap_or(text.len());
        let name = text.get(..key).unwrap_or_default();
        if name.is_empty() {
            continue;
        }
        writer.key(start, name.strip_prefix(b"~").unwrap_or(name));
        let (from, value) = line.from((start - line.start + key + 1).min(line.text.len()));
        writer.string([(from, value)]);
    }
    writer.close(b'}');
}

fn list(lines: &mut Lines<'_>, writer: &mut Writer) {
    writer.open(lines.at, b'[');
    for line in inside(lines).filter(|line| !line.is_blank()) {
        let (from, value) = line.from(0);
        writer.string([(from, value)]);
    }
    writer.close(b']');
}

fn content(lines: &mut Lines<'_>, writer: &mut Writer) {
    let lines: Vec<_> = inside(lines).collect();
    let ends = lines
        .iter()
        .flat_map(|line| [(line.start, line.text), (line.start + line.text.len(), b"\n".as_slice())]);
    writer.string(ends);
}
