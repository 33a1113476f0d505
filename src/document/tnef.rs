//! TNEF ([MS-OXTNEF]), which Outlook sends as `winmail.dat`: a message's texts with its properties' names, its bodies in
//! HTML and RTF and its attachments as members. One attribute behind the other, each with its level, number and length.

use std::sync::Arc;

use super::ole::bytes::{part, size_at, u16_at, u32_at};
use super::ole::{decompress_rtf, property_name};
use super::text::Writer;
use super::{Decoder, Sink, charset, held};
use crate::budget::Reason;
use crate::source::ReadAt;

/// Takes Outlook's envelopes apart.
pub(super) const DECODER: Decoder =
    Decoder { name: "Outlook envelope (TNEF)", begins, decode, isolated: false };

const MAGIC: &[u8] = &0x223e_9f78_u32.to_le_bytes();

/// The attributes and properties that are looked at.
const ATTRIBUTES: usize = 100_000;

/// Attributes ([MS-OXTNEF] 2.1.3.2), without their type.
const CODE_PAGE: u16 = 0x9007;
const SUBJECT: u16 = 0x8004;
const BODY: u16 = 0x800c;
const PROPERTIES: u16 = 0x9003;
const ATTACHMENT: u16 = 0x9002;
const TITLE: u16 = 0x8010;
const DATA: u16 = 0x800f;
const OF_ATTACHMENT: u16 = 0x9005;

/// Types of properties ([MS-OXCDATA] 2.11.1).
const STRING: u16 = 0x001f;
const STRING8: u16 = 0x001e;
const BINARY: u16 = 0x0102;
const OBJECT: u16 = 0x000d;
const MULTIPLE: u16 = 0x1000;

/// Properties ([MS-OXPROPS]).
const RTF: u16 = 0x1009;
const HTML: u16 = 0x1013;
const ATTACHED: u16 = 0x3701;
const LONG_NAME: u16 = 0x3707;

fn begins(head: &[u8]) -> bool {
    head.starts_with(MAGIC)
}

fn decode(source: &Arc<dyn ReadAt>, sink: &mut dyn Sink) {
    let Some(bytes) = held(source, sink) else { return };
    let (attributes, whole) = attributes(&bytes);
    if !whole {
        sink.gap(Reason::Truncated, "an attribute of it is not whole");
    }
    let page = attributes.iter().find(|one| one.number == CODE_PAGE).and_then(|one| u32_at(one.data, 0));
    let mut message = Message { page: page.unwrap_or(1252), attachments: 0, files: Vec::new(), last: 0 };
    let mut writer = Writer::new("(text)", sink);
    for attribute in &attributes {
        message.take(attribute, &mut writer);
    }
    writer.flush();
    for (name, content) in &message.files {
        writer.member(name, &mut content.as_slice());
    }
}

/// A piece of the stream.
struct Attribute<'a> {
    number: u16,
    data: &'a [u8],
}

/// All attributes, and whether the last one is whole. Behind the magic stand two bytes of a key.
fn attributes(bytes: &[u8]) -> (Vec<Attribute<'_>>, bool) {
    let mut attributes = Vec::new();
    let mut rest = bytes.get(6..).unwrap_or_default();
    while !rest.is_empty() && attributes.len() < ATTRIBUTES {
        let Some((number, length)) = u16_at(rest, 1).zip(size_at(rest, 5)) else {
            return (attributes, false);
        };
        let data = part(rest, 9, length);
        attributes.push(Attribute { number, data });
        // Two bytes of a checksum.
        match rest.get(9..).and_then(|rest| rest.get(length..)?.get(2..)) {
            Some(behind) => rest = behind,
            None => return (attributes, false),
        }
    }
    (attributes, true)
}

/// What was seen of the message.
struct Message {
    page: u32,
    /// Attachments that have begun.
    attachments: usize,
    files: Vec<(String, Vec<u8>)>,
    /// Which file the last one is.
    last: usize,
}

impl Message {
    fn take(&mut self, attribute: &Attribute, writer: &mut Writer) {
        match attribute.number {
            SUBJECT => self.text("Subject", &self.narrow(attribute.data), writer),
            BODY => self.text("body", &self.narrow(attribute.data), writer),
            ATTACHMENT => {
                self.attachments += 1;
                self.last = self.files.len();
                self.files.push((format!("attachment {}", self.attachments), Vec::new()));
            }
            TITLE => {
                let name = self.narrow(attribute.data);
                self.rename(name);
            }
            DATA => self.fill(attribute.data),
            PROPERTIES | OF_ATTACHMENT => {
                for property in properties(attribute.data) {
                    self.property(&property, attribute.number == OF_ATTACHMENT, writer);
                }
            }
            _ => {}
        }
    }

    fn property(&mut self, property: &Property, attached: bool, writer: &mut Writer) {
        let Property { id, kind, value } = *property;
        match (id, kind & !MULTIPLE) {
            (HTML, STRING | STRING8) => self.file("body.html", self.string(kind, value).into_bytes()),
            (HTML, _) => self.file("body.html", value.to_vec()),
            (RTF, BINARY) => self.file("body.rtf", decompress_rtf(value).unwrap_or_default()),
            // The object's interface stands before it.
            (ATTACHED, OBJECT) => self.fill(value.get(16..).unwrap_or_default()),
            (ATTACHED, BINARY) => self.fill(value),
            (_, STRING | STRING8) => {
                let (text, (_, name)) = (self.string(kind, value), property_name(id));
                self.text(&name, &text, writer);
                if attached && id == LONG_NAME {
                    self.rename(text.trim_end_matches('\0').to_owned());
                }
            }
            _ => {}
        }
    }

    fn string(&self, kind: u16, value: &[u8]) -> String {
        if kind & !MULTIPLE == STRING { charset::utf16(value) } else { self.narrow(value) }
    }

    fn narrow(&self, bytes: &[u8]) -> String {
        let text = charset::code_page(self.page).decode_without_bom_handling(bytes).0;
        text.trim_end_matches('\0').to_owned()
    }

    /// Writes a text with its name.
    fn text(&self, name: &str, text: &str, writer: &mut Writer) {
        let text = text.trim_end_matches('\0');
        if text.is_empty() || !writer.wanted() {
            return;
        }
        let place =
            if self.attachments > 0 { format!("attachment {}, ", self.attachments) } else { String::new() };
        writer.landmark(format!("{place}{name}"));
        if !text.contains('\n') {
            writer.push(format!("{name}: ").as_bytes());
        }
        writer.push(text.as_bytes());
        writer.end_line();
    }

    fn file(&mut self, name: &str, content: Vec<u8>) {
        self.files.push((name.to_owned(), content));
    }

    /// Names the last attachment.
    fn rename(&mut self, name: String) {
        if let Some((own, _)) =
            self.files.get_mut(self.last).filter(|_| self.attachments > 0 && !name.is_empty())
        {
            *own = name;
        }
    }

    /// The content of the last attachment.
    fn fill(&mut self, data: &[u8]) {
        if let Some((_, content)) = self.files.get_mut(self.last).filter(|_| self.attachments > 0) {
            *content = data.to_vec();
        }
    }
}

/// One value of a property.
struct Property<'a> {
    id: u16,
    kind: u16,
    value: &'a [u8],
}

/// The properties of an attribute ([MS-OXTNEF] 2.1.3.4), as far as they can be read.
fn properties(data: &[u8]) -> Vec<Property<'_>> {
    let mut reader = Values { rest: data.get(4..).unwrap_or_default() };
    let count = size_at(data, 0).unwrap_or(0).min(ATTRIBUTES);
    let mut properties = Vec::new();
    for _ in 0..count {
        if reader.property(&mut properties).is_none() || properties.len() > ATTRIBUTES {
            break;
        }
    }
    properties
}

/// Reads values.
struct Values<'a> {
    rest: &'a [u8],
}

impl<'a> Values<'a> {
    fn property(&mut self, out: &mut Vec<Property<'a>>) -> Option<()> {
        let (kind, id) = (u16_at(self.rest, 0)?, u16_at(self.rest, 2)?);
        self.take(4)?;
        if id >= 0x8000 {
            // Its set, then a number or a name.
            self.take(16)?;
            if self.number()? == 0 {
                self.take(4)?;
            } else {
                self.sized()?;
            }
        }
        let variable = matches!(kind & !MULTIPLE, STRING | STRING8 | BINARY | OBJECT);
        let count = if variable || kind & MULTIPLE != 0 { self.number()? } else { 1 };
        for _ in 0..count {
            let value = if variable { self.sized()? } else { self.take(width(kind)?)? };
            if variable && out.len() <= ATTRIBUTES {
                out.push(Property { id, kind, value });
            }
        }
        Some(())
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<usize> {
        size_at(self.take(4)?, 0)
    }

    /// Bytes behind their length, filled up to four.
    fn sized(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        let value = self.take(length)?;
        let fill = length.wrapping_neg() & 3;
        // The last one may lack it.
        let _ = self.take(fill.min(self.rest.len()));
        Some(value)
    }
}

/// The bytes that a value of fixed length takes, filled up to four.
fn width(kind: u16) -> Option<usize> {
    match kind & !MULTIPLE {
        0x0001 | 0x0002 | 0x0003 | 0x0004 | 0x000a | 0x000b => Some(4),
        0x0005 | 0x0006 | 0x0007 | 0x0014 | 0x0040 => Some(8),
        0x0048 => Some(16),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::recorder::Recorder;
    use super::*;
    use crate::source::Memory;

    fn attribute(level: u8, kind: u16, number: u16, data: &[u8]) -> Vec<u8> {
        let mut bytes = vec![level];
        bytes.extend([number.to_le_bytes(), kind.to_le_bytes()].concat());
        bytes.extend((data.len() as u32).to_le_bytes());
        bytes.extend(data);
        let sum = data.iter().fold(0_u16, |sum, byte| sum.wrapping_add(u16::from(*byte)));
        bytes.extend(sum.to_le_bytes());
        bytes
    }

    fn property(kind: u16, id: u16, value: &[u8]) -> Vec<u8> {
        let mut bytes = [kind.to_le_bytes(), id.to_le_bytes()].concat();
        if id >= 0x8000 {
            bytes.extend([7; 16]);
            bytes.extend([1, 0, 0, 0, 6, 0, 0, 0, b'a', 0, b'b', 0, 0, 0, 0, 0]);
        }
        bytes.extend([1, 0, 0, 0]);
        bytes.extend((value.len() as u32).to_le_bytes());
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn envelope() -> Vec<u8> {
        let wide: Vec<u8> = "the body\0".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let rtf = [&[0; 8][..], b"MELA\0\0\0\0{\\rtf1 words}"].concat();
        let properties = [
            vec![5, 0, 0, 0],
            vec![3, 0, 0x17, 0, 1, 0, 0, 0],
            property(STRING, 0x1000, &wide),
            property(BINARY, RTF, &rtf),
            property(STRING8, 0x8001, b"named\0"),
            property(BINARY, HTML, b"<html>words</html>"),
        ];
        [
            MAGIC.to_vec(),
            vec![1, 0],
            attribute(1, 6, CODE_PAGE, &[0xe4, 4, 0, 0, 0, 0, 0, 0]),
            attribute(1, 1, SUBJECT, b"gr\xfc\xdfe\0"),
            attribute(1, 6, PROPERTIES, &properties.concat()),
            attribute(2, 6, ATTACHMENT, &[1; 14]),
            attribute(2, 1, TITLE, b"A.TXT\0"),
            attribute(2, 6, DATA, b"first"),
            attribute(
                2,
                6,
                OF_ATTACHMENT,
                &[vec![1, 0, 0, 0], property(STRING8, LONG_NAME, b"a long.txt\0")].concat(),
            ),
            attribute(2, 6, ATTACHMENT, &[1; 14]),
            attribute(2, 6, DATA, b"second"),
        ]
        .concat()
    }

    fn read(bytes: &[u8]) -> Recorder {
        let source: Arc<dyn ReadAt> = Arc::new(Memory(bytes.to_vec()));
        let mut recorder = Recorder::default();
        decode(&source, &mut recorder);
        recorder
    }

    #[test]
    fn a_message_has_its_texts_bodies_and_attachments() {
        let recorder = read(&envelope());
        assert_eq!(recorder.gaps, []);
        assert_eq!(recorder.place("grüße"), Some("Subject"));
        assert_eq!(recorder.place("the body"), Some("body"));
        assert_eq!(recorder.place("named"), Some("property 8001"));
        for (name, content) in [
            ("body.html", "<html>words</html>"),
            ("body.rtf", "{\\rtf1 words}"),
            ("a long.txt", "first"),
            ("attachment 2", "second"),
        ] {
            assert_eq!(recorder.member(name).as_deref(), Some(content), "{name}");
        }
    }

    #[test]
    fn what_is_broken_gives_what_it_has() {
        let whole = envelope();
        for cut in 7..whole.len() {
            let recorder = read(&whole[..cut]);
            assert!(recorder.gaps.len() <= 1, "{cut}");
        }
        assert_eq!(read(&whole[..whole.len() - 4]).member("attachment 2").as_deref(), Some("seco"));
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0xff;
            read(&damaged);
        }
    }
}
