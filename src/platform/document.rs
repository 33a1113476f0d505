//! The way from the root of a JSON text to a byte, through documents that stand in strings of others.

use std::borrow::Cow;

use crate::blob::Span;
use crate::json::escape::{self, Unescaped};
use crate::json::{self, Cursor, Frame, Leaf, Part, Role, Value};

/// How many documents are followed into each other.
const MAX_LAYERS: usize = 4;

/// The largest string whose content is read as a document of its own, in bytes.
const MAX_INNER: usize = 8 << 20;

/// The longest pointer or field, in bytes. A longer one ends with the last part that fits: no part is ever cut, since
/// a mask that hides secrets in labels would not know the half of one.
const MAX_LABEL: usize = 4096;

/// The longest name of a member that is shown, in bytes. The way breaks off before a longer one.
const MAX_KEY: usize = 512;

/// How many names of a field are compared with the vocabulary's.
const MAX_NAMES: usize = 64;

/// How much of a value is compared with the shapes of the vocabulary, in bytes.
const MAX_VALUE: usize = 1024;

/// A JSON text and the documents in its strings, on the way to the byte that was located last.
pub(super) struct Document<'a> {
    /// The text itself, then the strings on the way, each in the one before it.
    layers: Vec<Layer<'a>>,
    /// How many of the layers are on the way.
    used: usize,
}

/// A text with its own offsets.
struct Layer<'a> {
    text: Cow<'a, [u8]>,
    /// Where its string starts in the layer above.
    origin: usize,
    /// The way back into the layer above.
    escapes: Option<Unescaped>,
    cursor: Cursor,
    leaf: Leaf,
}

impl<'a> Document<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self::of(Cow::Borrowed(text))
    }

    pub(super) fn of(text: Cow<'a, [u8]>) -> Self {
        Self { layers: vec![Layer::new(text, 0)], used: 1 }
    }

    /// Goes to the first byte of `span` that says something, through nested documents.
    pub(super) fn locate(&mut self, span: &Span) {
        let Some(root) = self.layers.first_mut() else {
            return;
        };
        let mut at = telling(&root.text, span);
        root.seek(at);
        self.used = 1;
        while let Some(inner) = self.descend(at) {
            at = inner;
            self.used += 1;
        }
    }

    /// Goes into the string at `at` of the innermost layer, if it holds a document; returns the offset in there.
    fn descend(&mut self, at: usize) -> Option<usize> {
        let outer = self.layers.get(self.used - 1).filter(|_| self.used < MAX_LAYERS)?;
        let content = outer.string_at(at)?;
        let origin = outer.leaf.span.start;
        if self.layers.get(self.used).is_none_or(|layer| layer.origin != origin) {
            let layer = Layer::inside(content, origin);
            self.layers.truncate(self.used);
            self.layers.push(layer);
        }
        let (outer, inner) = self.layers.split_at_mut(self.used);
        let content = outer.last()?.string_at(at)?;
        inner.first_mut()?.enter(content, at - origin - 1)
    }

    /// Where strings begin, behind their quotes, in the order of the text; names of members are among them, and what may be
    /// a string of a document in a string.
    pub(super) fn strings(&self) -> Vec<usize> {
        let Some(root) = self.layers.first() else { return Vec::new() };
        let mut starts = Vec::new();
        for span in json::strings(&root.text) {
            let content = root.text.get(span.clone()).unwrap_or_default();
            starts.push(span.start);
            if matches!(document(content).first(), Some(b'{' | b'[')) {
                let quotes = memchr::memmem::find_iter(content, b"\\\"").map(|at| span.start + at + 2);
                starts.extend(quotes.filter(|at| *at < span.end));
            }
        }
        starts
    }

    /// The way to where [`Document::locate`] went.
    pub(super) fn trail(&self) -> Trail<'_> {
        let mut ids = Vec::new();
        let mut hops = Vec::new();
        let mut leaf = None;
        for (number, layer) in self.layers.iter().take(self.used).enumerate() {
            ids.extend((number > 0).then_some(layer.origin));
            hops.extend(layer.cursor.frames().iter().map(|frame| layer.hop(frame, &ids, number)));
            leaf = layer.string();
        }
        Trail { hops, leaf, layer: self.used - 1 }
    }
}

/// The first byte of `span` that is no white space, comma or colon: those belong to no value.
fn telling(text: &[u8], span: &Span) -> usize {
    let bytes = text.get(span.clone()).unwrap_or_default();
    let blank = bytes.iter().position(|byte| !matches!(byte, 0..=b' ' | b',' | b':'));
    span.start + blank.unwrap_or(0)
}

impl<'a> Layer<'a> {
    fn new(text: Cow<'a, [u8]>, origin: usize) -> Self {
        let leaf = Leaf { span: 0..0, content: 0..0, role: Role::Blank };
        Self { text, origin, escapes: None, cursor: Cursor::default(), leaf }
    }

    /// The layer in a string; one without text if the string holds no document, so that it is not asked again.
    fn inside(content: &[u8], origin: usize) -> Self {
        let content = document(content);
        let escapes = (content.len() <= MAX_INNER && json::begins_like_json(&unescaped_head(content)))
            .then(|| Unescaped::new(content))
            .filter(|escapes| json::is_json(&escapes.text));
        let mut layer = Self::new(Cow::Borrowed(&[]), origin);
        if let Some(mut escapes) = escapes {
            layer.text = Cow::Owned(std::mem::take(&mut escapes.text));
            layer.escapes = Some(escapes);
        }
        layer
    }

    fn seek(&mut self, at: usize) {
        self.leaf = self.cursor.seek(&self.text, at);
    }

    /// Goes to where byte `at` of the string's content went to; `None` if the string holds no document.
    fn enter(&mut self, content: &[u8], at: usize) -> Option<usize> {
        let escapes = self.escapes.as_ref()?;
        let document = document(content);
        let inner = escapes.decoded(document, at.checked_sub(content.len() - document.len())?);
        let inner = inner.min(self.text.len());
        self.seek(inner);
        Some(inner)
    }

    /// The content of the string that `at` lies in, behind its opening quote.
    fn string_at(&self, at: usize) -> Option<&[u8]> {
        let is_inside = at > self.leaf.span.start && !self.cursor.frames().is_empty();
        if is_inside { self.string() } else { None }
    }

    /// The content of the string that the leaf is, if it is a value.
    fn string(&self) -> Option<&[u8]> {
        let is_string = self.leaf.role == Role::Value && self.text.get(self.leaf.span.start) == Some(&b'"');
        if is_string { self.text.get(self.leaf.content.clone()) } else { None }
    }

    fn hop<'d>(&'d self, frame: &Frame, ids: &[usize], layer: usize) -> Hop<'d> {
        let turn = match &frame.part {
            Some(Part::Item(index)) => Some(Turn::Item(*index)),
            Some(Part::Member(_)) => {
                let key = frame.key(&self.text).filter(|key| key.raw_len() <= MAX_KEY);
                key.map(|key| Turn::Key(key.text()))
            }
            None => None,
        };
        let id = ids.iter().copied().chain([frame.start]).collect();
        Hop { value: frame.value(&self.text), id, turn, layer }
    }
}

/// The content of a string without the `=` by which n8n marks an expression.
fn document(content: &[u8]) -> &[u8] {
    content.strip_prefix(b"=").unwrap_or(content)
}

/// Enough of a string's content, decoded, to see how it begins.
fn unescaped_head(content: &[u8]) -> Vec<u8> {
    Unescaped::new(content.get(..256).unwrap_or(content)).text
}

/// The way to a byte. Where documents nest, their parts follow each other as if they were one.
pub(super) struct Trail<'d> {
    /// The containers that are open there, outermost first.
    pub hops: Vec<Hop<'d>>,
    /// The content of the string value that the byte stands in.
    leaf: Option<&'d [u8]>,
    /// Number of the layer that it stands in, from 0.
    layer: usize,
}

/// A container on the way, and the turn that the way takes in it.
pub(super) struct Hop<'d> {
    /// The container.
    pub value: Value<'d>,
    /// Which container of the blob it is.
    pub id: Id,
    /// The turn; `None` at a bracket, between the parts, and where a name is too long to be shown.
    pub turn: Option<Turn<'d>>,
    /// Number of the layer that it stands in, from 0.
    layer: usize,
}

/// The offsets that name a container: of the strings that it stands in, outermost first, then its own.
pub(super) type Id = Vec<usize>;

/// A part of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Turn<'d> {
    /// The member of that name.
    Key(Cow<'d, str>),
    /// The item with that index.
    Item(usize),
}

impl Hop<'_> {
    /// The name of the member, where the way goes through one.
    pub(super) fn key(&self) -> Option<&str> {
        match &self.turn {
            Some(Turn::Key(key)) => Some(key),
            Some(Turn::Item(_)) | None => None,
        }
    }

    /// The index of the item, where the way goes through one.
    pub(super) fn item(&self) -> Option<usize> {
        match &self.turn {
            Some(Turn::Item(index)) => Some(*index),
            Some(Turn::Key(_)) | None => None,
        }
    }
}

impl Trail<'_> {
    /// Whether the byte stands in no container at all, as in a text that is no JSON.
    pub(super) fn is_empty(&self) -> bool {
        self.hops.is_empty()
    }

    /// The name that the way takes at that hop.
    pub(super) fn key(&self, hop: usize) -> Option<&str> {
        self.hops.get(hop)?.key()
    }

    /// The index that the way takes at that hop.
    pub(super) fn item(&self, hop: usize) -> Option<usize> {
        self.hops.get(hop)?.item()
    }

    /// The JSON pointer of the byte, with `#` between nested documents.
    pub(super) fn pointer(&self) -> String {
        let mut pointer = String::new();
        let mut layer = 0;
        for hop in &self.hops {
            let part = match &hop.turn {
                Some(Turn::Key(key)) => key.replace('~', "~0").replace('/', "~1"),
                Some(Turn::Item(index)) => index.to_string(),
                None => break,
            };
            let border = if hop.layer > layer { "#/" } else { "/" };
            layer = hop.layer;
            if pointer.len() + border.len() + part.len() > MAX_LABEL {
                break;
            }
            pointer += border;
            pointer += &part;
        }
        pointer
    }

    /// The way from hop `from` on as one writes it in code, `parameters.headers[1].value`, up to the end of the
    /// layer of that hop. `None` if there is nothing.
    pub(super) fn field(&self, from: usize) -> Option<String> {
        let layer = self.hops.get(from)?.layer;
        let mut field = String::new();
        for hop in self.hops.iter().skip(from).take_while(|hop| hop.layer == layer) {
            let part = match &hop.turn {
                Some(Turn::Key(key)) if field.is_empty() => key.clone().into_owned(),
                Some(Turn::Key(key)) => format!(".{key}"),
                Some(Turn::Item(index)) => format!("[{index}]"),
                None => break,
            };
            if field.len() + part.len() > MAX_LABEL {
                break;
            }
            field += &part;
        }
        (!field.is_empty()).then_some(field)
    }

    /// The names from hop `from` on, without indices, up to the end of the layer of that hop.
    pub(super) fn names(&self, from: usize) -> Vec<&str> {
        let Some(layer) = self.hops.get(from).map(|hop| hop.layer) else {
            return Vec::new();
        };
        let hops = self.hops.iter().skip(from).take_while(|hop| hop.layer == layer);
        hops.filter_map(Hop::key).take(MAX_NAMES).collect()
    }

    /// The text of the string value that the byte stands in; of a long one the beginning and `…`.
    pub(super) fn text(&self) -> Option<Cow<'_, str>> {
        self.leaf.map(shown)
    }

    /// The text of the string that the byte stands in, unless that is a document within the layer of hop `from`. Of a
    /// long one the beginning and `…`, which no shape of a whole value has.
    pub(super) fn value(&self, from: usize) -> Option<Cow<'_, str>> {
        let content = self.leaf.filter(|_| self.hops.get(from).is_some_and(|hop| hop.layer == self.layer))?;
        Some(shown(content))
    }
}

/// The content of a string as text; of a long one the beginning and `…`.
fn shown(content: &[u8]) -> Cow<'_, str> {
    match content.get(..MAX_VALUE) {
        None => escape::text(content),
        Some(head) => Cow::Owned(escape::text(head).into_owned() + "…"),
    }
}
