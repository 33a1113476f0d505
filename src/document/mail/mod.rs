//! Mail (RFC 5322, MIME of RFC 2045 to 2049): decoded headers and bodies as one text, attachments and HTML bodies as
//! members. A message is gone through line by line, so that its size does not matter, and multiparts within multiparts
//! are a stack of delimiters, so that their depth does not either.
//!
//! The walker is our own: the crates for mail hold a message and all its decoded parts at once, and drop deeply nested
//! ones by recursion.

mod headers;
mod lines;
mod transfer;

use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;

use self::headers::{Headers, Structured};
use self::lines::{Delimiter, Lines};
use self::transfer::Encoding;
pub(super) use self::transfer::hex;
use super::charset::{self, Transcode};
use super::text::Writer;
use super::{Decoder, Sink};
use crate::budget::Reason;
use crate::source::{RangeReader, ReadAt};

/// Mail as a kind of document.
pub(super) const MAIL: Decoder = Decoder { name: "mail message", begins, decode, isolated: false };

/// Multiparts within multiparts that are told apart; deeper ones are read as text.
const DEPTH: usize = 32;

/// The longest block of headers that is read as such, in bytes.
const HEADERS: usize = 1 << 20;

/// How far [`begins`] looks, in bytes.
const TOLD_BY: usize = 4 << 10;

/// Headers that a message has and other texts of names and values seldom do (RFC 5322, 3.6; RFC 6376; RFC 8617).
const TELLING: &[&str] = &[
    "From",
    "To",
    "Cc",
    "Subject",
    "Reply-To",
    "Sender",
    "Message-ID",
    "In-Reply-To",
    "References",
    "Received",
    "Return-Path",
    "Delivered-To",
    "Envelope-To",
    "MIME-Version",
    "X-Received",
    "X-Mailer",
    "DKIM-Signature",
    "ARC-Seal",
    "Authentication-Results",
    "Received-SPF",
    "Thread-Topic",
    "X-Original-To",
    "X-Gmail-Labels",
    "List-Unsubscribe",
];

/// Whether bytes begin with a block of headers of which some are those of mail. Another text that looks so loses
/// nothing: its own bytes are looked at as well.
fn begins(head: &[u8]) -> bool {
    let head = head.get(..head.len().min(TOLD_BY)).unwrap_or_default();
    let mut told = Vec::new();
    let mut first = true;
    for line in head.split_inclusive(|byte| *byte == b'\n') {
        let (text, ending) = transfer::split_ending(line);
        if text.is_empty() || ending.is_empty() {
            break; // the end of the headers, or of what we see of them
        }
        if text.starts_with(b" ") || text.starts_with(b"\t") {
            if first {
                return false;
            }
            continue;
        }
        let Some((name, value)) = headers::split(text) else { return false };
        first = false;
        let known = TELLING.iter().position(|known| known.eq_ignore_ascii_case(name));
        if let Some(known) = known.filter(|known| is_spelled(name) && !told.contains(known)) {
            told.push(known);
            // Nobody else writes these.
            if ["received", "dkim-signature"].iter().any(|trace| trace.eq_ignore_ascii_case(name))
                && [&b"from "[..], b"by ", b"v=1"].iter().any(|start| value.trim_ascii().starts_with(start))
            {
                return true;
            }
        }
    }
    told.len() >= 2
}

/// Mailers write names of headers with capitals; `from: x` is another language's.
fn is_spelled(name: &str) -> bool {
    name.starts_with(|character: char| character.is_ascii_uppercase())
}

fn decode(source: &Arc<dyn ReadAt>, sink: &mut dyn Sink) {
    let reader = BufReader::with_capacity(64 << 10, RangeReader::whole(source.clone()));
    let mut walk = Walk {
        lines: Lines::new(reader),
        writer: Writer::new("(text)", sink),
        levels: Vec::new(),
        message: String::new(),
        messages: 0,
        parts: 0,
        bodies: 0,
        pages: 0,
        stray: Vec::new(),
    };
    let ended = walk.message();
    walk.writer.flush();
    if let Err(error) = ended {
        walk.writer.sink().gap(Reason::Unreadable, &error.to_string());
    } else if walk.writer.wanted() && !walk.levels.is_empty() {
        walk.writer.sink().gap(Reason::Truncated, "it ends before its last part does");
    }
}

/// A multipart that is open.
struct Level {
    /// Whether its parts are messages unless they say otherwise (RFC 2046, 5.1.5).
    digest: bool,
    /// The message that it stands in, as landmarks call it.
    message: String,
}

/// A message on the way from part to part.
struct Walk<'s, R> {
    lines: Lines<R>,
    writer: Writer<'s>,
    levels: Vec<Level>,
    /// What landmarks of the present message begin with.
    message: String,
    messages: usize,
    parts: usize,
    bodies: usize,
    pages: usize,
    /// A line among the headers that is none.
    stray: Vec<u8>,
}

impl<R: BufRead> Walk<'_, R> {
    fn message(&mut self) -> io::Result<()> {
        let headers = self.headers()?;
        self.show(&headers);
        self.part(&headers)?;
        while self.writer.wanted() {
            let Some(Delimiter { level, closes }) = self.lines.pass() else { return Ok(()) };
            self.levels.truncate(level + 1);
            self.message = self.levels.last().map(|level| level.message.clone()).unwrap_or_default();
            if closes {
                self.levels.truncate(level);
            }
            self.lines.boundaries.truncate(self.levels.len());
            if closes {
                self.copy(&mut |_| {})?; // what stands behind a multipart is for nobody
            } else {
                let headers = self.headers()?;
                self.part(&headers)?;
            }
        }
        Ok(())
    }

    /// The block of headers that begins here, with the blank line at its end.
    fn headers(&mut self) -> io::Result<Headers> {
        let mut headers = Headers::default();
        let mut size = 0;
        while let Some(line) = self.lines.next()? {
            size += line.len();
            let blank = transfer::split_ending(line).0.is_empty();
            if blank || size > HEADERS || !headers.line(line) {
                if !blank {
                    // It is no header, so it belongs to the body.
                    self.stray = line.to_vec();
                }
                break;
            }
        }
        Ok(headers)
    }

    /// Writes the headers of a message into the text.
    fn show(&mut self, headers: &Headers) {
        for (name, value) in headers.decoded() {
            self.writer.landmark(format!("{}header {name}", self.message));
            self.writer.push(format!("{name}: {value}\n").as_bytes());
        }
    }

    /// The part, or the whole message, with these headers. A message in a message begins anew.
    fn part(&mut self, headers: &Headers) -> io::Result<()> {
        let mut inner;
        let mut headers = headers;
        loop {
            self.writer.push(&std::mem::take(&mut self.stray));
            self.parts += 1;
            let part = Part::of(headers, self.levels.last().is_some_and(|level| level.digest));
            let nested = part.kind.starts_with("message/rfc822") || part.kind == "message/global";
            if !(nested && part.encoding == Encoding::Plain) {
                return if part.kind.starts_with("multipart/") {
                    self.multipart(&part)
                } else {
                    self.leaf(&part)
                };
            }
            self.messages += 1;
            self.message = format!("attached message {}, ", self.messages);
            self.writer.end_line();
            inner = self.headers()?;
            self.show(&inner);
            headers = &inner;
            if headers.is_empty() {
                return self.leaf(&Part::of(headers, false));
            }
        }
    }

    fn multipart(&mut self, part: &Part) -> io::Result<()> {
        if part.kind == "multipart/encrypted" {
            self.writer.sink().gap(Reason::Encrypted, "the message is encrypted");
        }
        match &part.boundary {
            Some(boundary) if self.levels.len() < DEPTH => {
                self.lines.boundaries.push(boundary.clone().into_bytes());
                let digest = part.kind == "multipart/digest";
                self.levels.push(Level { digest, message: self.message.clone() });
            }
            Some(_) => {
                self.writer.sink().gap(Reason::BudgetDepth, "too many multiparts within multiparts");
            }
            None => {}
        }
        self.text(&Part { charset: None, joined: false, ..Part::default() }, None)
    }

    /// A part without parts.
    fn leaf(&mut self, part: &Part) -> io::Result<()> {
        match (part.kind.as_str(), &part.name) {
            ("text/plain" | "message/delivery-status" | "text/rfc822-headers" | "", None) => {
                self.bodies += 1;
                let place = numbered("body", self.bodies);
                self.text(part, Some(place))
            }
            ("text/html", None) => {
                self.pages += 1;
                let name = numbered("body", self.pages) + ".html";
                self.member(&name, part)
            }
            (_, Some(name)) => self.member(name, part),
            (_, None) => self.member(&format!("part {}", self.parts), part),
        }
    }

    fn text(&mut self, part: &Part, place: Option<String>) -> io::Result<()> {
        if let Some(place) = place {
            self.writer.end_line();
            self.writer.landmark(format!("{}{place}", self.message));
        }
        let content = self.lines.content(part.encoding);
        let mut reader = BufReader::new(transcoded(content, part));
        let (writer, mut line) = (&mut self.writer, Vec::new());
        while writer.wanted() {
            line.clear();
            if (&mut reader).take(64 << 10).read_until(b'\n', &mut line)? == 0 {
                break;
            }
            let (text, _) = transfer::split_ending(&line);
            match text.strip_suffix(b" ") {
                // RFC 3676, 4.1: the blank was put there with the end of the line.
                Some(joined) if part.joined && joined != b"--" => writer.push(joined),
                _ => writer.push(&line),
            }
        }
        writer.end_line();
        Ok(())
    }

    fn member(&mut self, name: &str, part: &Part) -> io::Result<()> {
        if part.encrypted {
            self.writer.sink().gap(Reason::Encrypted, "the message is encrypted");
        }
        let mut content = transcoded(self.lines.content(part.encoding), part);
        self.writer.member(name, &mut content);
        drop(content);
        self.copy(&mut |_| {})
    }

    /// What is left up to the next delimiter.
    fn copy(&mut self, take: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        while self.writer.wanted() {
            match self.lines.next()? {
                Some(line) => take(line),
                None => break,
            }
        }
        Ok(())
    }
}

fn numbered(name: &str, number: usize) -> String {
    if number == 1 { name.to_owned() } else { format!("{name} {number}") }
}

/// Text in its own charset becomes UTF-8; anything else is left as it is.
fn transcoded<'a>(content: impl Read + 'a, part: &Part) -> Box<dyn Read + 'a> {
    let text = part.kind.is_empty() || part.kind.starts_with("text/");
    match part.charset.as_deref().filter(|_| text).and_then(charset::encoding) {
        Some(encoding) => Box::new(Transcode::new(content, encoding)),
        None => Box::new(content),
    }
}

/// What the headers of a part say about it.
struct Part {
    /// `text/plain`; empty where nothing is said.
    kind: String,
    encoding: Encoding,
    charset: Option<String>,
    boundary: Option<String>,
    /// What it is called, where it is to be seen as a file.
    name: Option<String>,
    encrypted: bool,
    /// Whether blanks at the ends of lines are to be removed together with these ends (RFC 3676).
    joined: bool,
}

impl Default for Part {
    fn default() -> Self {
        Self {
            kind: String::new(),
            encoding: Encoding::Plain,
            charset: None,
            boundary: None,
            name: None,
            encrypted: false,
            joined: false,
        }
    }
}

impl Part {
    fn of(headers: &Headers, in_digest: bool) -> Self {
        let encoding = headers.get("Content-Transfer-Encoding");
        let disposition = headers.get("Content-Disposition");
        let told = headers.get("Content-Type");
        let parameter = |name| told.as_ref().and_then(|told| told.parameter(name));
        let is = |name, wanted: &str| parameter(name).is_some_and(|value| value.eq_ignore_ascii_case(wanted));
        let default = if in_digest { "message/rfc822" } else { "" };
        let kind = told.as_ref().map_or_else(|| default.to_owned(), |told| told.value.clone());
        let filename = |told: &Structured| told.parameter("filename").or_else(|| told.parameter("name"));
        let name = disposition.as_ref().and_then(filename).or_else(|| parameter("name"));
        let attached = disposition.is_some_and(|told| told.value == "attachment");
        Self {
            encoding: encoding.map_or(Encoding::Plain, |told| Encoding::named(&told.value)),
            charset: parameter("charset"),
            boundary: parameter("boundary").filter(|boundary| !boundary.is_empty()),
            name: name.filter(|name| !name.is_empty()).or_else(|| attached.then(|| "attachment".to_owned())),
            encrypted: kind.ends_with("pkcs7-mime") && is("smime-type", "enveloped-data"),
            joined: is("format", "flowed") && is("delsp", "yes"),
            kind,
        }
    }
}

#[cfg(test)]
mod tests;
