//! Lines on a terminal: indents, colours, and text broken at a width.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use crate::finding::Severity;

/// Columns of one level of indent.
const INDENT: usize = 2;
/// Columns of the label of a fact, with the space after it.
const LABEL: usize = 8;
/// Columns below which nothing is broken.
const NARROWEST: usize = 20;

/// What a piece of text is, which decides its colour.
#[derive(Clone, Copy)]
pub(super) enum Ink {
    Plain,
    Faint,
    Strong,
    File,
    Good,
    Warning,
    Severity(Severity),
}

impl Ink {
    fn style(self) -> Style {
        let colour = |colour: AnsiColor| Style::new().fg_color(Some(colour.into()));
        match self {
            Self::Plain => Style::new(),
            Self::Faint => Style::new().dimmed(),
            Self::Strong => Style::new().bold(),
            Self::File => Style::new().bold().underline(),
            Self::Good => colour(AnsiColor::Green).bold(),
            Self::Warning => colour(AnsiColor::Yellow).bold(),
            Self::Severity(Severity::Critical | Severity::High) => colour(AnsiColor::Red).bold(),
            Self::Severity(Severity::Medium) => colour(AnsiColor::Yellow).bold(),
            Self::Severity(Severity::Low | Severity::Info) => colour(AnsiColor::Cyan),
        }
    }
}

/// What lines are written on.
pub(super) struct Paper<'w> {
    out: &'w mut dyn Write,
    colour: bool,
    width: usize,
    /// Whether the line above is empty, or there is none.
    after_blank: bool,
}

impl<'w> Paper<'w> {
    /// Begins with nothing above.
    pub(super) fn new(out: &'w mut dyn Write, colour: bool, width: usize) -> Self {
        Self { out, colour, width, after_blank: true }
    }

    /// Writes one line, whatever its length: paths and commands are to be copied whole.
    pub(super) fn line(&mut self, indent: usize, pieces: &[(Ink, &str)]) -> io::Result<()> {
        write!(self.out, "{:1$}", "", indent * INDENT)?;
        for (ink, text) in pieces {
            self.ink(*ink, text)?;
        }
        self.end()
    }

    /// Writes an empty line, unless there is one.
    pub(super) fn blank(&mut self) -> io::Result<()> {
        if !self.after_blank {
            self.out.write_all(b"\n")?;
        }
        self.after_blank = true;
        Ok(())
    }

    /// Writes the heading of a part.
    pub(super) fn heading(&mut self, text: &str) -> io::Result<()> {
        self.blank()?;
        self.line(0, &[(Ink::Strong, text)])
    }

    /// Writes a label and a text, the text broken between words to stay within the width.
    pub(super) fn fact(&mut self, indent: usize, label: &str, text: &str) -> io::Result<()> {
        let left = indent * INDENT + LABEL;
        let room = self.width.saturating_sub(left).max(NARROWEST);
        let mut label = label;
        for line in broken(text, room) {
            write!(self.out, "{:1$}", "", indent * INDENT)?;
            self.ink(Ink::Faint, label)?;
            write!(self.out, "{:1$}{line}", "", LABEL.saturating_sub(label.len()))?;
            self.end()?;
            label = "";
        }
        Ok(())
    }

    fn ink(&mut self, ink: Ink, text: &str) -> io::Result<()> {
        let style = ink.style();
        if self.colour && !text.is_empty() {
            write!(self.out, "{style}{text}{style:#}")
        } else {
            self.out.write_all(text.as_bytes())
        }
    }

    fn end(&mut self) -> io::Result<()> {
        self.after_blank = false;
        self.out.write_all(b"\n")
    }
}

/// Breaks a text between words into lines of at most `room` columns; a longer word gets a line of its own.
fn broken(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split(' ') {
        let width = columns(word);
        match lines.last_mut() {
            Some(line) if line.is_empty() || used + 1 + width <= room => {
                if !line.is_empty() {
                    line.push(' ');
                    used += 1;
                }
                line.push_str(word);
                used += width;
            }
            _ => {
                lines.push(word.to_owned());
                used = width;
            }
        }
    }
    lines
}

/// Returns a text of at most `room` columns, with `…` in place of its middle if it is longer.
pub(super) fn shorten(text: &str, room: usize) -> String {
    if columns(text) <= room {
        return text.to_owned();
    }
    let side = room.saturating_sub(1) / 2;
    let head = fitting(text.chars(), side);
    let tail = fitting(text.chars().rev(), side);
    let head = text.get(..head).unwrap_or_default();
    let tail = text.get(text.len() - tail..).unwrap_or_default();
    format!("{head}…{tail}")
}

/// How many bytes of the first characters fit into `room` columns.
fn fitting(chars: impl Iterator<Item = char>, room: usize) -> usize {
    let mut used = 0;
    chars
        .take_while(|&c| {
            used += column(c);
            used <= room
        })
        .map(char::len_utf8)
        .sum()
}

/// Columns of a text.
fn columns(text: &str) -> usize {
    text.chars().map(column).sum()
}

/// Columns of a character: two for the wide ones of East Asia and emoji, none for marks that stand on the one before.
/// An approximation: what a terminal does depends on its font.
fn column(c: char) -> usize {
    match c {
        '\u{300}'..='\u{36f}' | '\u{fe0f}' | '\u{20d0}'..='\u{20ff}' => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_kept_whole() {
        assert_eq!(broken("one two three", 7), ["one two", "three"]);
        assert_eq!(broken("a muchlongerword b", 4), ["a", "muchlongerword", "b"]);
        assert_eq!(broken("", 4), [""]);
    }

    #[test]
    fn the_middle_is_left_out() {
        assert_eq!(shorten("abcdefghij", 10), "abcdefghij");
        assert_eq!(shorten("abcdefghijk", 7), "abc…ijk");
        assert_eq!(shorten("請求書請求書", 7), "請…書");
    }
}
