//! Walks through the XML members of a solution: the open elements at a byte, and the texts of elements. Tolerant: what
//! is no XML ends the walk where it stands.

use std::borrow::Cow;

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

/// How many open elements are remembered; deeper ones count as part of the innermost of them.
const MAX_DEPTH: usize = 128;

/// How many attributes of an element are kept.
const MAX_ATTRIBUTES: usize = 64;

/// The longest text of an element that is kept, in bytes.
const MAX_TEXT: usize = 64 << 10;

/// An open element.
#[derive(Clone, Debug)]
pub(super) struct Element {
    /// Its name with its prefix, as written.
    pub name: String,
    /// Its attributes, as far as they can be read.
    attributes: Vec<(String, String)>,
    /// Its own text so far, without that of its children.
    pub text: String,
}

impl Element {
    fn of(start: &BytesStart<'_>) -> Self {
        let mut attributes = Vec::new();
        for attribute in start.attributes().with_checks(false).map_while(Result::ok).take(MAX_ATTRIBUTES) {
            let name = String::from_utf8_lossy(attribute.key.as_ref()).into_owned();
            let value = attribute.normalized_value(XmlVersion::Implicit1_0);
            let raw = || String::from_utf8_lossy(&attribute.value).into_owned();
            attributes.push((name, value.map_or_else(|_| raw(), Cow::into_owned)));
        }
        let name = String::from_utf8_lossy(start.name().as_ref()).into_owned();
        Self { name, attributes, text: String::new() }
    }

    /// Whether it has that name; case does not count, since unpacked and packed solutions differ.
    pub(super) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// An attribute's value; case of the name does not count.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        let (_, value) = self.attributes.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        Some(value)
    }
}

/// What a [`Walker`] has just passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passed {
    /// The innermost element begins.
    Start,
    /// The innermost element ends; it is open until the next step.
    End,
    /// Text or anything else.
    Other,
}

/// Goes through a document and keeps the elements that are open.
pub(super) struct Walker<'x> {
    reader: Reader<&'x [u8]>,
    open: Vec<Element>,
    /// Elements that are open beyond [`MAX_DEPTH`].
    excess: usize,
    /// Whether the innermost element has ended.
    ended: bool,
}

impl<'x> Walker<'x> {
    pub(super) fn new(xml: &'x [u8]) -> Self {
        let mut reader = Reader::from_reader(xml);
        let config = reader.config_mut();
        config.check_end_names = false;
        config.allow_unmatched_ends = true;
        config.allow_dangling_amp = true;
        config.expand_empty_elements = true;
        Self { reader, open: Vec::new(), excess: 0, ended: false }
    }

    /// The open elements, outermost first.
    pub(super) fn open(&self) -> &[Element] {
        &self.open
    }

    /// Offset behind what was passed.
    pub(super) fn position(&self) -> usize {
        usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX)
    }

    /// Passes the next piece; `None` at the end or where the document breaks.
    pub(super) fn step(&mut self) -> Option<Passed> {
        if std::mem::take(&mut self.ended) {
            self.open.pop();
        }
        match self.reader.read_event().ok()? {
            Event::Start(start) | Event::Empty(start) => Some(self.enter(&start)),
            Event::End(_) => Some(self.leave()),
            Event::Text(text) => Some(self.add(&text.decode().unwrap_or_default())),
            Event::CData(text) => Some(self.add(&text.decode().unwrap_or_default())),
            Event::GeneralRef(reference) => {
                let character = reference.resolve_char_ref().ok().flatten().map(String::from);
                let named = || {
                    quick_xml::escape::resolve_predefined_entity(&reference.decode().ok()?).map(str::to_owned)
                };
                Some(self.add(&character.or_else(named).unwrap_or_default()))
            }
            Event::Eof => None,
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => Some(Passed::Other),
        }
    }

    fn enter(&mut self, start: &BytesStart<'_>) -> Passed {
        if self.open.len() == MAX_DEPTH {
            self.excess += 1;
            return Passed::Other;
        }
        self.open.push(Element::of(start));
        Passed::Start
    }

    fn leave(&mut self) -> Passed {
        if self.excess > 0 {
            self.excess -= 1;
            return Passed::Other;
        }
        self.ended = !self.open.is_empty();
        Passed::End
    }

    fn add(&mut self, text: &str) -> Passed {
        if let Some(element) =
            self.open.last_mut().filter(|element| element.text.len() + text.len() <= MAX_TEXT)
        {
            element.text += text;
        }
        Passed::Other
    }
}

/// Calls `visit` with the open elements whenever the innermost of them ends, its text complete.
pub(super) fn each_element(xml: &[u8], visit: &mut dyn FnMut(&[Element])) {
    let mut walker = Walker::new(xml);
    while let Some(passed) = walker.step() {
        if passed == Passed::End {
            visit(walker.open());
        }
    }
}
