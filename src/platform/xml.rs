//! Walks through the XML members of a solution: the open elements at a byte, and the texts of elements. Tolerant: what
//! is no XML ends the walk where it stands.

use std::borrow::Cow;

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

/// How many open elements are remembered; deeper ones count as part of the innermost of them.
const MAX_DEPTH: usize = 128;

/// How many attributes of an element are kept.
const MAX_ATTRIBUTES: usize = 64;

/// How many names of children are counted in an element; further ones have no number.
const MAX_NAMES: usize = 64;

/// The longest pointer, in bytes; a longer one ends with the last element that fits.
const MAX_POINTER: usize = 4096;

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
    /// Which of the children of that name it is, from 1; 0 if they were not counted.
    number: u32,
    /// How many children of each name it had so far.
    children: Vec<(String, u32)>,
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
        Self { name, attributes, text: String::new(), number: 1, children: Vec::new() }
    }

    /// Counts a child in; returns which of that name it is.
    fn count(&mut self, name: &str) -> u32 {
        if let Some((_, count)) = self.children.iter_mut().find(|(known, _)| known == name) {
            *count = count.saturating_add(1);
            return *count;
        }
        if self.children.len() == MAX_NAMES {
            return 0;
        }
        self.children.push((name.to_owned(), 1));
        1
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
        let mut element = Element::of(start);
        if let Some(parent) = self.open.last_mut() {
            element.number = parent.count(&element.name);
        }
        self.open.push(element);
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

/// The way to the innermost of open elements, as XPath writes it: `/Workflows/Workflow[2]/@Name`. The first of a name has no
/// number.
pub(super) fn pointer(open: &[Element], attribute: Option<&str>) -> String {
    let mut pointer = String::new();
    for element in open {
        let number = if element.number > 1 { format!("[{}]", element.number) } else { String::new() };
        if pointer.len() + element.name.len() + number.len() >= MAX_POINTER {
            return pointer;
        }
        pointer = pointer + "/" + &element.name + &number;
    }
    match attribute {
        Some(name) if pointer.len() + name.len() + 2 <= MAX_POINTER => pointer + "/@" + name,
        _ => pointer,
    }
}

/// The attribute whose value goes on at the end of `tag`, which begins with an element's `<`.
pub(super) fn attribute_at(tag: &[u8]) -> Option<&str> {
    let (mut name, mut rest) = (None, tag.strip_prefix(b"<")?);
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'"' | b'\'' | b'>')) {
        let (before, behind) = rest.split_at(at);
        let (quote, behind) = behind.split_first().filter(|(mark, _)| **mark != b'>')?;
        let key = before.trim_ascii_end().strip_suffix(b"=").unwrap_or_default().trim_ascii_end();
        name = key.rsplit(u8::is_ascii_whitespace).next();
        match memchr::memchr(*quote, behind) {
            Some(end) => (name, rest) = (None, behind.get(end + 1..)?),
            None => break,
        }
    }
    std::str::from_utf8(name?).ok().filter(|name| !name.is_empty())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn pointer_at(xml: &str, wanted: &str) -> String {
        let mut walker = Walker::new(xml.as_bytes());
        let at = xml.find(wanted).expect("it is in there");
        let mut passed = 0;
        while walker.position() <= at {
            passed = walker.position();
            walker.step().expect("a step");
        }
        pointer(walker.open(), attribute_at(&xml.as_bytes()[passed..at]))
    }

    #[test]
    fn pointers_count_from_the_second_of_a_name() {
        let xml = "<a><b/><c x='1'>T</c><b y='2' z = \"U>V\"><d>W</d></b></a>";
        assert_eq!(pointer_at(xml, "T"), "/a/c");
        assert_eq!(pointer_at(xml, "1"), "/a/c/@x");
        assert_eq!(pointer_at(xml, "2"), "/a/b[2]/@y");
        assert_eq!(pointer_at(xml, "V"), "/a/b[2]/@z");
        assert_eq!(pointer_at(xml, "W"), "/a/b[2]/d");
    }

    #[test]
    fn what_is_no_tag_has_no_attribute() {
        for text in ["", "x=\"y", "<a>x=\"", "<a x", "<a \"", "<!-- \"x\" --"] {
            assert_eq!(attribute_at(text.as_bytes()), None, "{text}");
        }
    }
}
