//! RTF (Rich Text Format Specification 1.9.1): the text with its runs joined, what stands beside it (footnotes, comments,
//! fields' instructions) behind it, embedded objects as members. Groups are a stack, read from a stream of tokens.

mod tokens;

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader};
use std::sync::Arc;

use self::tokens::{Token, Tokens};
use super::mail::hex;
use super::ole::embedded;
use super::text::Writer;
use super::{Decoder, Sink, charset};
use crate::budget::Reason;
use crate::source::{RangeReader, ReadAt};

/// RTF as a kind of document.
pub(super) const RTF: Decoder = Decoder { name: "RTF document", begins, decode, isolated: false };

/// Groups in groups whose states are kept; those within the last one share its state.
const DEPTH: usize = 4096;

/// Fonts whose code pages are kept.
const FONTS: usize = 4096;

/// The most that is kept of one object, of HTML in RTF, or of the texts beside one paragraph, in bytes.
const KEPT: usize = 32 << 20;

/// Texts beside the text of so many bytes are given at the end of a paragraph.
const BESIDE_KEPT: usize = 1 << 20;

/// What one of them costs at least, in bytes.
const BESIDE_COST: usize = 64;

/// Destinations that hold no text.
const SKIPPED: &[&str] = &[
    "colortbl",
    "stylesheet",
    "listtable",
    "listoverridetable",
    "rsidtbl",
    "pict",
    "themedata",
    "datastore",
    "colorschememapping",
    "latentstyles",
    "filetbl",
    "revtbl",
    "xmlnstbl",
    "mmathPr",
    "pgdsctbl",
    "nonshppict",
];

/// Destinations whose text stands beside the text, and what a reader calls them.
const BESIDE: &[(&str, &str)] = &[
    ("annotation", "comment"),
    ("atnauthor", "comment"),
    ("docvar", "document variable"),
    ("fldinst", "field"),
    ("footer", "footer"),
    ("footerf", "footer"),
    ("footerl", "footer"),
    ("footerr", "footer"),
    ("footnote", "footnote"),
    ("header", "header"),
    ("headerf", "header"),
    ("headerl", "header"),
    ("headerr", "header"),
    ("info", "properties"),
    ("shptxt", "text box"),
    ("sv", "shape"),
    ("userprops", "properties"),
];

fn begins(head: &[u8]) -> bool {
    head.starts_with(b"{\\rtf")
}

fn decode(source: &Arc<dyn ReadAt>, sink: &mut dyn Sink) {
    let reader = BufReader::with_capacity(64 << 10, RangeReader::whole(source.clone()));
    let mut document = Document::new(Tokens::new(reader), Writer::new("(text)", sink));
    let ended = document.read();
    document.finish();
    match ended {
        Err(error) => document.writer.sink().gap(Reason::Unreadable, &error.to_string()),
        Ok(false) if document.writer.wanted() => {
            document.writer.sink().gap(Reason::Truncated, "it ends within a group");
        }
        Ok(_) => {}
    }
}

/// Where the text of a group goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Goal {
    Text,
    Skipped,
    Beside(&'static str),
    Fonts,
    /// The hexadecimal digits of an object.
    Object,
    /// A tag of HTML that was packed into RTF ([MS-OXRTFEX]).
    Tag,
}

/// What holds up to the end of a group.
#[derive(Clone, Copy)]
struct State {
    goal: Goal,
    /// How many characters stand for one of `\u`.
    fallback: usize,
    font: i32,
    /// Whether the text is there only for readers of RTF, not of the HTML in it.
    rtf_only: bool,
}

/// A document as far as it was read.
struct Document<'s, R> {
    tokens: Tokens<R>,
    writer: Writer<'s>,
    states: Vec<State>,
    /// Groups beyond [`DEPTH`].
    deeper: usize,
    state: State,
    /// Whether the group at hand begins with `\*`.
    ignorable: bool,
    /// Whether nothing of the group at hand was read yet.
    fresh: bool,
    /// Characters to be passed over behind a `\u`.
    passed_over: usize,
    high: Option<u16>,
    page: u32,
    fonts: BTreeMap<i32, u32>,
    /// 8-bit characters not yet decoded.
    narrow: Vec<u8>,
    line: String,
    beside: Vec<(&'static str, String)>,
    beside_size: usize,
    object: Vec<u8>,
    digit: Option<u8>,
    html: Option<String>,
    paragraph: usize,
    objects: usize,
}

impl<'s, R: BufRead> Document<'s, R> {
    fn new(tokens: Tokens<R>, mut writer: Writer<'s>) -> Self {
        writer.landmark("paragraph 1");
        Self {
            tokens,
            writer,
            states: Vec::new(),
            deeper: 0,
            state: State { goal: Goal::Text, fallback: 1, font: 0, rtf_only: false },
            ignorable: false,
            fresh: false,
            passed_over: 0,
            high: None,
            page: 1252,
            fonts: BTreeMap::new(),
            narrow: Vec::new(),
            line: String::new(),
            beside: Vec::new(),
            beside_size: 0,
            object: Vec::new(),
            digit: None,
            html: None,
            paragraph: 1,
            objects: 0,
        }
    }

    /// Reads up to the end of the outermost group; false if that does not come.
    fn read(&mut self) -> io::Result<bool> {
        while self.writer.wanted() {
            let Some(token) = self.tokens.next()? else { return Ok(false) };
            match token {
                Token::Open => self.open(),
                Token::Close => {
                    self.close();
                    if self.states.is_empty() {
                        return Ok(true);
                    }
                }
                Token::Byte(byte, escaped) => self.byte(byte, escaped),
                Token::Symbol(symbol) => self.symbol(symbol),
                Token::Word(name, number) => {
                    if name == "bin" {
                        self.binary(number)?;
                    } else {
                        self.word(&name, number);
                    }
                    (self.fresh, self.ignorable) = (false, false);
                }
            }
        }
        Ok(true)
    }

    fn open(&mut self) {
        self.decode_narrow();
        self.passed_over = 0;
        if self.states.len() < DEPTH {
            self.states.push(self.state)
        } else {
            self.deeper += 1
        }
        (self.fresh, self.ignorable) = (true, false);
    }

    fn close(&mut self) {
        self.decode_narrow();
        self.passed_over = 0;
        if self.deeper > 0 {
            self.deeper -= 1;
            return;
        }
        let Some(outer) = self.states.pop() else { return };
        let inner = std::mem::replace(&mut self.state, outer);
        if inner.goal == Goal::Object && outer.goal != Goal::Object {
            self.give_object();
        }
        if let (Goal::Beside(_), true) = (inner.goal, inner.goal != outer.goal)
            && let Some((_, text)) = self.beside.last_mut()
        {
            text.push('\n');
        }
    }

    fn binary(&mut self, length: Option<i32>) -> io::Result<()> {
        let length = length.and_then(|length| u64::try_from(length).ok()).unwrap_or(0);
        let (object, keep) = (&mut self.object, self.state.goal == Goal::Object);
        self.tokens.binary(length, &mut |bytes| {
            if keep && object.len() < KEPT {
                object.extend_from_slice(bytes);
            }
        })
    }

    fn symbol(&mut self, symbol: u8) {
        match symbol {
            b'*' => {
                self.ignorable = true;
                return;
            }
            b'~' => self.character(' '),
            b'_' => self.character('-'),
            b'\r' | b'\n' => self.paragraph(),
            b'\\' | b'{' | b'}' => self.byte(symbol, false),
            _ => {}
        }
        self.fresh = false;
    }

    fn byte(&mut self, byte: u8, escaped: bool) {
        self.fresh = false;
        if self.passed_over > 0 {
            self.passed_over -= 1;
            return;
        }
        match self.state.goal {
            Goal::Skipped | Goal::Fonts => {}
            Goal::Object if !escaped => {
                if let Some(value) = hex(byte).filter(|_| self.object.len() < KEPT) {
                    match self.digit.take() {
                        Some(high) => self.object.push(high << 4 | value),
                        None => self.digit = Some(value),
                    }
                }
            }
            _ => {
                self.narrow.push(byte);
                if self.narrow.len() >= 64 << 10 {
                    self.decode_narrow();
                }
            }
        }
    }

    /// A control word: of a group's beginning, or anywhere.
    fn word(&mut self, name: &str, number: Option<i32>) {
        if self.fresh && self.destination(name) {
            return;
        }
        if self.passed_over > 0 {
            self.passed_over -= 1; // a control word counts as one character
            return;
        }
        match name {
            "par" | "sect" | "page" | "row" => self.paragraph(),
            "line" | "lbr" => self.character('\n'),
            "tab" | "cell" | "nestcell" => self.character('\t'),
            "emdash" => self.character('—'),
            "endash" => self.character('–'),
            "bullet" => self.character('•'),
            "lquote" => self.character('‘'),
            "rquote" => self.character('’'),
            "ldblquote" => self.character('“'),
            "rdblquote" => self.character('”'),
            "u" => self.unicode(number.unwrap_or(0)),
            "uc" => {
                self.state.fallback =
                    number.and_then(|number| usize::try_from(number).ok()).unwrap_or(1).min(32)
            }
            "ansicpg" => self.page = number.and_then(|number| u32::try_from(number).ok()).unwrap_or(1252),
            "mac" => self.page = 10000,
            "f" => {
                self.decode_narrow();
                self.state.font = number.unwrap_or(0);
            }
            "fcharset" if self.state.goal == Goal::Fonts && self.fonts.len() < FONTS => {
                if let Some(page) = number.and_then(page_of_charset) {
                    self.fonts.insert(self.state.font, page);
                }
            }
            "fromhtml" => self.html = Some(String::new()),
            "htmlrtf" => {
                self.decode_narrow();
                self.state.rtf_only = number != Some(0);
            }
            _ => {}
        }
    }

    /// Whether this word at the beginning of a group says where its text goes.
    fn destination(&mut self, name: &str) -> bool {
        let goal = match name {
            "fonttbl" => Goal::Fonts,
            "objdata" => Goal::Object,
            "htmltag" => Goal::Tag,
            "shpinst" | "shprslt" | "fldrslt" | "background" | "shppict" | "shp" | "sp" => return true,
            _ if SKIPPED.contains(&name) => Goal::Skipped,
            _ => match BESIDE.iter().find(|(own, _)| *own == name) {
                Some((_, what)) => Goal::Beside(what),
                None if self.ignorable => Goal::Skipped,
                None => return false,
            },
        };
        let hidden = matches!(self.state.goal, Goal::Skipped | Goal::Fonts);
        if !hidden {
            self.state.goal = goal;
        }
        if let (Goal::Beside(what), false) = (goal, hidden)
            && self.beside_size < KEPT
        {
            self.beside_size += BESIDE_COST;
            self.beside.push((what, String::new()));
        }
        if goal == Goal::Object {
            (self.digit, self.object) = (None, Vec::new());
        }
        true
    }

    fn unicode(&mut self, number: i32) {
        self.decode_narrow();
        self.passed_over = self.state.fallback;
        // Numbers above 32767 are written as negative ones; the lowest 16 bits are what is meant.
        let unit = (number & 0xffff) as u16;
        match (self.high.take(), unit) {
            (_, 0xd800..0xdc00) => self.high = Some(unit),
            (Some(high), _) => {
                char::decode_utf16([high, unit]).flatten().for_each(|character| self.character(character));
            }
            (None, _) => self.character(char::from_u32(unit.into()).unwrap_or(char::REPLACEMENT_CHARACTER)),
        }
    }

    fn decode_narrow(&mut self) {
        if self.narrow.is_empty() {
            return;
        }
        let page = self.fonts.get(&self.state.font).copied().unwrap_or(self.page);
        let narrow = std::mem::take(&mut self.narrow);
        let text = charset::code_page(page).decode_without_bom_handling(&narrow).0;
        self.text(&text);
        self.narrow = narrow;
        self.narrow.clear();
    }

    fn character(&mut self, character: char) {
        self.decode_narrow();
        self.text(character.encode_utf8(&mut [0; 4]));
    }

    fn text(&mut self, text: &str) {
        if let Some(html) = &mut self.html
            && html.len() < KEPT
            && (self.state.goal == Goal::Tag || self.state.goal == Goal::Text && !self.state.rtf_only)
        {
            html.push_str(text);
        }
        match self.state.goal {
            Goal::Text => {
                self.line.push_str(text);
                if self.line.len() >= 64 << 10 {
                    self.give_line();
                }
            }
            Goal::Beside(_) if self.beside_size < KEPT => {
                self.beside_size += text.len();
                if let Some((_, beside)) = self.beside.last_mut() {
                    beside.push_str(text);
                }
            }
            _ => {}
        }
    }

    fn give_line(&mut self) {
        self.writer.push(self.line.as_bytes());
        self.line.clear();
    }

    fn paragraph(&mut self) {
        self.character('\n');
        if self.state.goal == Goal::Text {
            self.give_line();
            self.paragraph += 1;
            if self.beside_size > BESIDE_KEPT {
                self.give_beside();
            }
            self.writer.landmark(format!("paragraph {}", self.paragraph));
        }
    }

    /// Gives an object: an OLE 1 header ([MS-OLEDS] 2.2.4), then a compound file or a package.
    fn give_object(&mut self) {
        let object = std::mem::take(&mut self.object);
        self.objects += 1;
        self.decode_narrow();
        self.give_line();
        self.writer.flush();
        let name = format!("object {}", self.objects);
        match embedded(&object) {
            Some((file, mut content)) => self.writer.member(file.as_deref().unwrap_or(&name), &mut content),
            None => self.writer.member(&name, &mut object.as_slice()),
        }
    }

    /// Gives what stands beside the text.
    fn give_beside(&mut self) {
        if self.beside_size >= KEPT {
            self.writer.sink().gap(Reason::BudgetBytes, "too much stands beside its text");
        }
        self.beside_size = 0;
        for (what, text) in std::mem::take(&mut self.beside) {
            self.writer.landmark(what);
            self.writer.push(text.as_bytes());
            self.writer.end_line();
        }
    }

    /// Gives what is left.
    fn finish(&mut self) {
        self.decode_narrow();
        self.give_line();
        self.writer.end_line();
        self.give_beside();
        self.writer.flush();
        if let Some(html) = self.html.take().filter(|html| !html.is_empty()) {
            self.writer.member("body.html", &mut html.as_bytes());
        }
    }
}

/// The code page of a font's character set (section "Font Table").
fn page_of_charset(charset: i32) -> Option<u32> {
    Some(match charset {
        0 => 1252,
        77 => 10000,
        128 => 932,
        129 => 949,
        134 => 936,
        136 => 950,
        161 => 1253,
        162 => 1254,
        163 => 1258,
        177 => 1255,
        178 => 1256,
        186 => 1257,
        204 => 1251,
        222 => 874,
        238 => 1250,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
