//! XML: an element is a member of the element around it, by its name without prefix. It is a string, if it has text and
//! nothing else; else an object of its attributes, its children and its `text`. Siblings of one name are members of one
//! name. What serialisers write as `<entry key="url" …/>` or `<property name="title">` is named by that attribute.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::{Transcript, Writer};

/// How many open elements are told apart.
const MAX_DEPTH: usize = 256;

/// How many documents are followed into each other, as in the update sets of ServiceNow.
const MAX_NESTED: usize = 2;

/// Elements that are named by an attribute.
const NAMED: &[&[u8]] = &[b"entry", b"config", b"property", b"id", b"add", b"setting"];

/// A stretch of text: where its pieces stand, and what they are.
type Pieces = Vec<(usize, Vec<u8>)>;

/// Words of documents in text that are read as such: the records in ServiceNow's update sets, and Confluence's pages
/// that name persons by their keys.
const TELLING: &[&[u8]] = &[b"<record_update", b"ri:userkey"];

/// The transcript of the document that begins at `start`; `None` if nothing in it can be read.
pub(super) fn transcript(text: &[u8], start: usize) -> Option<Transcript> {
    document(text, start, 0)
}

/// The transcript of a document in so many others.
fn document(text: &[u8], start: usize, nested: usize) -> Option<Transcript> {
    let mut writer = Writer::default();
    writer.open(start, b'{');
    let elements = Elements { writer: &mut writer, open: Vec::new(), excess: 0, nested };
    let count = elements.read(text.get(start..)?, start);
    writer.close(b'}');
    (count > 0).then(|| writer.finish())
}

/// What an open element has so far.
struct Open {
    /// Whether its object is begun; else it has had text only.
    is_object: bool,
    text: Pieces,
}

struct Elements<'w> {
    writer: &'w mut Writer,
    open: Vec<Open>,
    /// Elements that are open beyond [`MAX_DEPTH`].
    excess: usize,
    nested: usize,
}

impl Elements<'_> {
    /// Reads a document that stands at `base` of the text; returns how many elements it has.
    fn read(mut self, xml: &[u8], base: usize) -> usize {
        let mut reader = Reader::from_reader(xml);
        let config = reader.config_mut();
        config.check_end_names = false;
        config.allow_unmatched_ends = true;
        config.allow_dangling_amp = true;
        config.expand_empty_elements = true;
        let mut count = 0;
        while !self.writer.is_full() {
            let Ok(event) = reader.read_event() else { break };
            match event {
                Event::Start(start) => {
                    count += 1;
                    self.enter(&start, base + offset(xml, &start));
                }
                Event::End(_) => self.leave(),
                Event::Text(text) => self.add(base + offset(xml, &text), &text),
                Event::CData(text) => self.add(base + offset(xml, &text), &text),
                Event::GeneralRef(name) => {
                    let at = base + offset(xml, &name);
                    let shown = entity(&name);
                    self.add_piece(at.saturating_sub(1), shown.as_bytes().to_vec());
                }
                Event::Eof => break,
                _ => {}
            }
        }
        while !self.open.is_empty() {
            self.leave();
        }
        count
    }

    fn enter(&mut self, start: &BytesStart<'_>, at: usize) {
        if self.open.len() == MAX_DEPTH {
            self.excess += 1;
            return;
        }
        self.begin_object(at);
        let raw: &[u8] = start;
        let name = local(start.name().as_ref()).to_vec();
        let attributes: Vec<_> = start.attributes().with_checks(false).map_while(Result::ok).collect();
        let label = attributes.iter().find(|attribute| matches!(attribute.key.as_ref(), b"key" | b"name"));
        let named = label.filter(|label| NAMED.contains(&&*name) && !label.value.is_empty());
        self.writer.key(at, named.map_or(&*name, |label| &label.value));
        let is_label = |name: &[u8]| named.is_some_and(|label| label.key.as_ref() == name);
        let is_object = attributes.iter().any(|attribute| !is_label(attribute.key.as_ref()));
        self.open.push(Open { is_object: false, text: Pieces::new() });
        if !is_object {
            return;
        }
        self.begin_object(at);
        for attribute in &attributes {
            self.writer.key(at + offset(raw, attribute.key.as_ref()), attribute.key.as_ref());
            let pieces = unescaped(&attribute.value, at + offset(raw, &attribute.value));
            self.writer.string(pieces.iter().map(|(from, piece)| (*from, &**piece)));
        }
    }

    /// Makes the innermost element an object, with the text so far as its `text`.
    fn begin_object(&mut self, at: usize) {
        let Some(open) = self.open.last_mut() else { return };
        let text = std::mem::take(&mut open.text);
        if !std::mem::replace(&mut open.is_object, true) {
            self.writer.open(text.first().map_or(at, |(from, _)| *from), b'{');
        }
        self.write_text(&text);
    }

    fn write_text(&mut self, text: &Pieces) {
        if let Some((from, _)) = text.first().filter(|_| !is_blank(text)) {
            self.writer.key(*from, b"text");
            self.write_string(text);
        }
    }

    fn leave(&mut self) {
        if self.excess > 0 {
            self.excess -= 1;
            return;
        }
        let Some(open) = self.open.pop() else { return };
        if open.is_object {
            self.write_text(&open.text);
            self.writer.close(b'}');
        } else {
            self.write_string(&open.text);
        }
    }

    fn add(&mut self, at: usize, text: &[u8]) {
        self.add_piece(at, text.to_vec());
    }

    fn add_piece(&mut self, at: usize, piece: Vec<u8>) {
        if let Some(open) = self.open.last_mut() {
            open.text.push((at, piece));
        }
    }

    /// Writes text as a string; or as an object, where it is a document whose elements tell more.
    fn write_string(&mut self, text: &Pieces) {
        match self.inner_document(text) {
            Some((inner, joined)) => self.splice(&inner, &joined),
            None => self.writer.string(text.iter().map(|(from, piece)| (*from, &**piece))),
        }
    }

    /// The transcript of a document in text, and where the pieces of the text begin in it.
    fn inner_document(&self, text: &Pieces) -> Option<(Transcript, Vec<(usize, usize)>)> {
        let begins = text.iter().find(|(_, piece)| !piece.trim_ascii().is_empty())?;
        if self.nested >= MAX_NESTED || !begins.1.trim_ascii_start().starts_with(b"<") {
            return None;
        }
        let mut joined = Vec::new();
        let mut starts = Vec::new();
        for (from, piece) in text {
            starts.push((joined.len(), *from));
            joined.extend_from_slice(piece);
        }
        let tells = TELLING.iter().any(|word| memchr::memmem::find(&joined, word).is_some());
        let inner = tells.then(|| document(&joined, 0, self.nested + 1))??;
        Some((inner, starts))
    }

    /// Writes a transcript as a value, with marks that lead to where the pieces of its text stand.
    fn splice(&mut self, inner: &Transcript, starts: &[(usize, usize)]) {
        let source = |at: usize| {
            let piece = starts.partition_point(|(start, _)| *start <= at).saturating_sub(1);
            starts.get(piece).map_or(0, |(start, from)| from + (at - start))
        };
        let mut offsets: Vec<usize> = inner.marks.pairs.iter().map(|(from, _)| *from).collect();
        offsets.extend(starts.iter().map(|(start, _)| *start));
        offsets.sort_unstable();
        self.writer.embed(&inner.text, offsets.iter().map(|at| (source(*at), inner.marks.place(*at))));
    }
}

fn is_blank(text: &Pieces) -> bool {
    text.iter().all(|(_, piece)| piece.trim_ascii().is_empty())
}

/// Where a part of a text begins in it.
fn offset(whole: &[u8], part: &[u8]) -> usize {
    part.as_ptr().addr().saturating_sub(whole.as_ptr().addr()).min(whole.len())
}

/// A name without its prefix.
fn local(name: &[u8]) -> &[u8] {
    name.rsplit(|byte| *byte == b':').next().unwrap_or(name)
}

/// What a reference stands for, without `&` and `;`.
fn entity(name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name);
    let number = name.strip_prefix('#').and_then(|number| match number.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => number.parse().ok(),
    });
    let character = number.and_then(char::from_u32).map(String::from);
    character
        .or_else(|| quick_xml::escape::resolve_predefined_entity(&name).map(str::to_owned))
        .unwrap_or_else(|| format!("&{name};"))
}

/// The pieces of an attribute's value that stands at `at`.
fn unescaped(value: &[u8], at: usize) -> Pieces {
    let mut pieces = Pieces::new();
    let mut from = 0;
    while let Some(start) =
        memchr::memchr(b'&', value.get(from..).unwrap_or_default()).map(|start| from + start)
    {
        let rest = value.get(start + 1..).unwrap_or_default();
        let near = rest.get(..12).unwrap_or(rest);
        let Some(length) = memchr::memchr(b';', near) else {
            pieces.push((at + from, value.get(from..=start).unwrap_or_default().to_vec()));
            from = start + 1;
            continue;
        };
        pieces.push((at + from, value.get(from..start).unwrap_or_default().to_vec()));
        pieces.push((at + start, entity(rest.get(..length).unwrap_or_default()).into_bytes()));
        from = start + length + 2;
    }
    pieces.push((at + from, value.get(from..).unwrap_or_default().to_vec()));
    pieces
}
