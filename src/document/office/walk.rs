//! A walk through XML that is never wrong, only at its end: what is broken ends it.

use std::borrow::Cow;

use quick_xml::events::{BytesEnd, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

/// What a walk has just passed.
pub(super) enum Passed<'x> {
    /// An element begins; an empty one ends next.
    Start(BytesStart<'x>),
    /// An element ends.
    End(BytesEnd<'x>),
    /// Text, or a character of it.
    Text(String),
    /// Anything else.
    Other,
}

/// A walk.
pub(super) struct Walk<'x>(Reader<&'x [u8]>);

impl<'x> Walk<'x> {
    pub(super) fn new(xml: &'x [u8]) -> Self {
        let mut reader = Reader::from_reader(xml);
        let config = reader.config_mut();
        config.check_end_names = false;
        config.allow_unmatched_ends = true;
        config.allow_dangling_amp = true;
        config.expand_empty_elements = true;
        Self(reader)
    }

    /// Offset behind what was passed.
    pub(super) fn position(&self) -> usize {
        usize::try_from(self.0.buffer_position()).unwrap_or(usize::MAX)
    }

    /// Passes the next piece; `None` at the end.
    pub(super) fn step(&mut self) -> Option<Passed<'x>> {
        Some(match self.0.read_event().ok()? {
            Event::Start(start) | Event::Empty(start) => Passed::Start(start),
            Event::End(end) => Passed::End(end),
            Event::Text(text) => Passed::Text(text.decode().unwrap_or_default().into_owned()),
            Event::CData(text) => Passed::Text(text.decode().unwrap_or_default().into_owned()),
            Event::GeneralRef(reference) => {
                let character = reference.resolve_char_ref().ok().flatten().map(String::from);
                let named = || {
                    let name = reference.decode().ok()?;
                    quick_xml::escape::resolve_predefined_entity(&name).map(str::to_owned)
                };
                Passed::Text(character.or_else(named).unwrap_or_default())
            }
            Event::Eof => return None,
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => Passed::Other,
        })
    }
}

/// An attribute's value by its local name.
pub(super) fn attribute(start: &BytesStart<'_>, name: &str) -> Option<String> {
    let mut attributes = start.attributes();
    let mut attributes = attributes.with_checks(false).map_while(Result::ok).take(64);
    let attribute = attributes.find(|attribute| attribute.key.local_name().as_ref() == name.as_bytes())?;
    let value = attribute.normalized_value(XmlVersion::Implicit1_0);
    Some(value.map_or_else(|_| String::from_utf8_lossy(&attribute.value).into_owned(), Cow::into_owned))
}
