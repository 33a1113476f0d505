//! Platforms: whose a place in an export is. From a blob to flow, step, field and how the value is stored there.
//!
//! [`outline`] recognises the platform by content and makes an [`Outline`], which answers for one place after the
//! other. A platform is a file with a `Reader`, a vocabulary beside it and a row in `PLATFORMS`. What a secret looks
//! like is no business of this room; a wrong guess here costs a nicer label, never a finding, except that [`Place::own`]
//! lets the filters dismiss a value: so the vocabularies ask for a shape wherever a person could write something else.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

use memchr::memmem;

use crate::blob::{Blob, Span};
use crate::finding::{Flow, Place, Step, Storage};
use crate::json::escape::Unescaped;
use crate::json::{self, Value};

mod declared;
mod described;
mod document;
mod logic_apps;
mod make;
mod n8n;
mod node_red;
mod notation;
mod power_apps;
mod power_automate;
mod power_platform;
mod retool;
mod sealed;
mod solution;
#[cfg(test)]
mod tests;
pub mod trigger;
mod vocabulary;
mod xml;

pub(crate) use declared::{Declared, declared};
use document::{Document, Trail};
use notation::{Marks, Transcript};
pub(crate) use sealed::{Opened, opened};
use vocabulary::{Query, Scope, Vocabulary};

/// A platform that is known.
pub struct Platform {
    vocabulary: &'static Vocabulary,
    /// Sets of words: every export of it holds all words of one of them, so that others need not be read.
    hints: &'static [&'static [&'static str]],
    /// Makes a reader if a value is the platform's: a flow, a list of its nodes, an entry of its store.
    open: for<'a> fn(&Blob<'a>, Value<'_>) -> Option<Box<dyn Reader + 'a>>,
}

impl Platform {
    /// The name in reports: `n8n`, `power-automate`, …
    pub fn name(&self) -> &'static str {
        self.vocabulary.name
    }

    /// Whether a text has the words of one of its exports.
    fn is_hinted(&self, text: &[u8]) -> bool {
        let has = |word: &&str| memmem::find(text, word.as_bytes()).is_some();
        self.hints.iter().any(|words| words.iter().all(has))
    }

    /// What it is, for people: its own name, then what is read of it.
    pub fn title(&self) -> &'static str {
        self.vocabulary.title
    }

    /// Its own name, for people: what its title begins with, up to the first word that is no name.
    pub fn brand(&self) -> &'static str {
        let is_name = |word: &str| !word.starts_with(|first: char| first.is_lowercase() || first == '(');
        let words = self.title().match_indices(' ');
        let end = words.map(|(at, _)| at).find(|at| !is_name(&self.title()[at + 1..]));
        end.map_or(self.title(), |end| &self.title()[..end])
    }
}

/// The platforms, in the order in which they are tried.
const PLATFORMS: &[Platform] = &[
    Platform {
        vocabulary: &vocabulary::N8N,
        hints: &[&["nodes", "connections", "type"], &["data", "type", "name"]],
        open: n8n::open,
    },
    Platform {
        vocabulary: &vocabulary::POWER_AUTOMATE,
        hints: &[&["definition", "properties"], &["shared_"], &["packageTelemetryId"]],
        open: power_automate::open,
    },
    Platform {
        vocabulary: &vocabulary::LOGIC_APPS,
        hints: &[
            &["workflowdefinition.json"],
            &["actions", "triggers"],
            &["deploymentTemplate.json", "Microsoft.Web/connections"],
            &["deploymentParameters.json"],
            &["IsEncrypted", "Values"],
            &["managedApiConnections"],
            &["serviceProviderConnections"],
            &["type", "value", "String"],
        ],
        open: power_automate::open_logic_app,
    },
    Platform {
        vocabulary: &vocabulary::POWER_PLATFORM,
        hints: &[
            &["environmentvariablevalues"],
            &["policyTemplateInstances"],
            &["uiDefinition"],
            &["swagger"],
        ],
        open: power_platform::open,
    },
    Platform {
        vocabulary: &vocabulary::POWER_APPS,
        hints: &[
            &["TopParent"],
            &["DataSources"],
            &["ResourceKind"],
            &["UsedTemplates"],
            &["QualifiedValues"],
            &["LocalConnectionReferences"],
            &["MSAppStructureVersion"],
            &["Screens", "Properties"],
            &["App", "Properties"],
            &["ComponentDefinitions", "Properties"],
            &[" As screen"],
            &[" As appinfo"],
            &[" As Component"],
            &[" As CanvasComponent"],
        ],
        open: power_apps::open,
    },
    Platform { vocabulary: &vocabulary::MAKE, hints: &[&["flow", "module"]], open: make::open },
    Platform {
        vocabulary: &vocabulary::NODE_RED,
        hints: &[&["type", "wires"], &["type", "tab"], &["type", "\"z"]],
        open: node_red::open,
    },
    Platform { vocabulary: &vocabulary::RETOOL, hints: &[&["appState"]], open: retool::open },
];

/// The platforms that are known, in the order in which they are tried: those with a reader of their own come before
/// those that are described as data.
pub fn platforms() -> impl Iterator<Item = &'static Platform> {
    PLATFORMS.iter().chain(described::PLATFORMS)
}

/// The platform of that name in reports.
pub fn named(name: &str) -> Option<&'static Platform> {
    platforms().find(|platform| platform.name() == name)
}

/// Tells whose a place in a JSON document is. Keeps what it has read, since findings come in crowds.
trait Reader: Send {
    /// `None` where the place belongs to nothing of the platform.
    fn place(&mut self, trail: &Trail<'_>) -> Option<Whose>;

    /// The field as the user knows it, where that is not the way to it.
    fn field(&self, _trail: &Trail<'_>) -> Option<String> {
        None
    }

    /// The name of the connection or credential that the step at the place has already.
    fn connection(&self, _trail: &Trail<'_>) -> Option<String> {
        None
    }
}

/// What a reader knows about a place.
struct Whose {
    flow: Option<Arc<Flow>>,
    step: Option<Arc<Step>>,
    scope: Scope,
    /// What the field begins with, where that does not stand on the way from hop `from` on.
    prefix: Option<&'static str>,
    /// The hop of the trail from which on it is the field.
    from: usize,
}

/// Whose the places of a blob are. See [`outline`].
pub struct Outline<'a> {
    vocabulary: Option<&'static Vocabulary>,
    view: View<'a>,
}

/// How the blob is read.
enum View<'a> {
    Json {
        document: Box<Document<'a>>,
        reader: Option<Box<dyn Reader + 'a>>,
    },
    /// Another notation, read as the JSON that says the same.
    Other {
        marks: Marks,
        document: Box<Document<'a>>,
        reader: Option<Box<dyn Reader + 'a>>,
    },
    Xml(Box<power_platform::XmlMember<'a>>),
    /// All of it is one place.
    Whole(Place),
    Opaque,
}

/// Returns whose the places of a blob are: recognises the platform by content, but reads names and states only when
/// they are asked for. Linear in the blob's size.
pub fn outline<'a>(blob: &Blob<'a>) -> Outline<'a> {
    if let Some(member) = power_platform::XmlMember::open(blob) {
        return Outline { vocabulary: Some(&vocabulary::POWER_PLATFORM), view: View::Xml(Box::new(member)) };
    }
    if !json::begins_like_json(blob.bytes) {
        return match power_platform::resource(blob) {
            Some(place) => {
                Outline { vocabulary: Some(&vocabulary::POWER_PLATFORM), view: View::Whole(place) }
            }
            None => outline_of_other(blob),
        };
    }
    let credentials = || Some((&vocabulary::NODE_RED, node_red::open_credentials(blob)?));
    let (vocabulary, reader) = recognise(blob, blob.bytes).or_else(credentials).unzip();
    let view = View::Json { document: Box::new(Document::new(blob.bytes)), reader };
    Outline { vocabulary, view }
}

/// The outline of a text in a notation that says what JSON could say.
fn outline_of_other<'a>(blob: &Blob<'a>) -> Outline<'a> {
    let Some(Transcript { text, marks }) = notation::transcript(blob.bytes) else {
        return Outline { vocabulary: None, view: View::Opaque };
    };
    let (vocabulary, reader) = recognise(blob, &text).unzip();
    let document = Box::new(Document::of(Cow::Owned(text)));
    Outline { vocabulary, view: View::Other { marks, document, reader } }
}

impl Outline<'_> {
    /// Returns whose a place is. `span` are bytes of the blob; the first of them that says something decides, and the
    /// name of a member counts as the place of its value. Ascending calls cost one pass over the blob in all; each
    /// step back costs some ten thousand bytes more.
    pub fn place(&mut self, span: Span) -> Place {
        match &mut self.view {
            View::Json { document, reader } => {
                document.locate(&span);
                json_place(&document.trail(), self.vocabulary.zip(reader.as_deref_mut()))
            }
            View::Other { marks, document, reader } => {
                document.locate(&marks.transcribed(&span));
                json_place(&document.trail(), self.vocabulary.zip(reader.as_deref_mut()))
            }
            View::Xml(member) => member.place(&span),
            View::Whole(place) => place.clone(),
            View::Opaque => Place::default(),
        }
    }

    /// Calls `visit` with each string that is a value, in the order of the blob: whose its place is, and the string's text
    /// (of a long one the beginning). Of a document in a string those of the document. Stops when `visit` says `false`. What no
    /// platform is known of has no strings.
    pub fn strings(&mut self, visit: &mut dyn FnMut(Place, &str) -> bool) {
        let (View::Json { document, reader } | View::Other { document, reader, .. }) = &mut self.view else {
            return;
        };
        let Some((vocabulary, reader)) = self.vocabulary.zip(reader.as_deref_mut()) else { return };
        // Asking for a connection reads the step: once is enough for all its strings.
        let mut known: Option<(Arc<Step>, Option<String>)> = None;
        for at in document.strings() {
            document.locate(&(at..at + 1));
            let trail = document.trail();
            let Some(text) = trail.text() else { continue };
            let mut place = place_of(&trail, vocabulary, reader);
            if let Some(step) = &place.step {
                if known.as_ref().is_none_or(|(known, _)| !Arc::ptr_eq(known, step)) {
                    known = Some((step.clone(), reader.connection(&trail)));
                }
                place.connection = known.as_ref().and_then(|(_, connection)| connection.clone());
            }
            if !visit(place, &text) {
                return;
            }
        }
    }

    /// The platform's name, if it is a known one.
    pub fn platform(&self) -> Option<&'static str> {
        self.vocabulary.map(|vocabulary| vocabulary.name)
    }
}

fn json_place(trail: &Trail<'_>, reader: Option<(&Vocabulary, &mut (dyn Reader + '_))>) -> Place {
    match reader {
        Some((vocabulary, reader)) => {
            let place = place_of(trail, vocabulary, reader);
            let connection = place.storage.and_then(|_| reader.connection(trail));
            Place { connection, ..place }
        }
        None => Place { pointer: (!trail.is_empty()).then(|| trail.pointer()), ..Place::default() },
    }
}

/// The place without the connection of its step.
fn place_of(trail: &Trail<'_>, vocabulary: &Vocabulary, reader: &mut (dyn Reader + '_)) -> Place {
    if trail.is_empty() {
        return Place::default();
    }
    let whose = reader.place(trail);
    let place = whose.map(|whose| {
        let place = label(vocabulary, whose, trail);
        let field = reader.field(trail).or(place.field);
        Place { field, ..place }
    });
    Place { pointer: Some(trail.pointer()), ..place.unwrap_or_default() }
}

/// Makes a place of what a reader knows and what the vocabulary says about it.
fn label(vocabulary: &Vocabulary, whose: Whose, trail: &Trail<'_>) -> Place {
    let prefix = whose.prefix.into_iter();
    let names: Vec<&str> = prefix.chain(trail.names(whose.from)).collect();
    let value = trail.value(whose.from);
    let kind = whose.step.as_ref().and_then(|step| step.kind.as_deref());
    let query = Query { scope: whose.scope, kind, field: &names, value: value.as_deref() };
    let (storage, store, own) = judge(vocabulary, &query);
    let field = joined(whose.prefix, trail.field(whose.from));
    let reference = vocabulary.reference(&query, storage);
    Place {
        reference,
        flow: whose.flow,
        step: whose.step,
        field,
        storage: Some(storage),
        store,
        own,
        ..Place::default()
    }
}

/// How a value is stored, how to store it properly, and why it is the platform's own.
fn judge(
    vocabulary: &Vocabulary,
    query: &Query<'_>,
) -> (Storage, Option<&'static str>, Option<&'static str>) {
    let storage = vocabulary.storage(query);
    (storage, vocabulary.store(query, storage), vocabulary.own(query))
}

fn joined(prefix: Option<&str>, rest: Option<String>) -> Option<String> {
    match (prefix, rest) {
        (None, rest) => rest,
        (Some(prefix), None) => Some(prefix.to_owned()),
        (Some(prefix), Some(rest)) if rest.starts_with('[') => Some(format!("{prefix}{rest}")),
        (Some(prefix), Some(rest)) => Some(format!("{prefix}.{rest}")),
    }
}

/// How deep a platform's value may lie in wrappers, and in how many layers of strings.
const MAX_WRAPPERS: usize = 4;
const MAX_STRINGS: usize = 3;

/// How much of a text is searched for the words of platforms that are described as data, in bytes: there are many.
const MAX_HINTED: usize = 1 << 20;

/// How many values are looked at in all, how many members of an object, and how many items of a list.
const MAX_LOOKS: usize = 128;
const MAX_MEMBERS: usize = 48;
const MAX_ITEMS: usize = 4;

/// Finds the platform of a JSON text, whose value may stand in wrappers of an API or a backup, even in their strings.
/// `text` is what the blob says as JSON.
fn recognise<'a>(blob: &Blob<'a>, text: &[u8]) -> Option<(&'static Vocabulary, Box<dyn Reader + 'a>)> {
    let head = text.get(..MAX_HINTED).unwrap_or(text);
    let own = PLATFORMS.iter().filter(|platform| platform.is_hinted(text));
    let described = described::PLATFORMS.iter().filter(|platform| platform.is_hinted(head));
    let candidates: Vec<_> = own.chain(described).collect();
    if candidates.is_empty() {
        return None;
    }
    let mut texts = vec![Cow::Borrowed(text)];
    for _ in 0..MAX_STRINGS {
        let mut inner = Vec::new();
        for text in &texts {
            let values = values_within(text, &mut inner);
            let mut opened = values.iter().flat_map(|value| {
                candidates
                    .iter()
                    .filter_map(|platform| Some((platform.vocabulary, (platform.open)(blob, *value)?)))
            });
            if let Some(found) = opened.next() {
                return Some(found);
            }
        }
        texts = inner.into_iter().map(Cow::Owned).collect();
    }
    None
}

/// The values of a text that may be a platform's, outermost first; documents in strings go to `inner`.
fn values_within<'t>(text: &'t [u8], inner: &mut Vec<Vec<u8>>) -> Vec<Value<'t>> {
    let mut queue: VecDeque<_> = json::documents(text).take(MAX_ITEMS).map(|value| (value, 0)).collect();
    let mut values = Vec::new();
    while let Some((value, depth)) = queue.pop_front().filter(|_| values.len() < MAX_LOOKS) {
        if let Some(content) = value.content() {
            inner.extend(document_in(content));
            continue;
        }
        values.push(value);
        if depth < MAX_WRAPPERS {
            let members = value.members().take(MAX_MEMBERS).map(|(_, member)| member);
            let parts = members.chain(value.items().take(MAX_ITEMS));
            queue.extend(parts.filter(|part| is_compound(*part)).map(|part| (part, depth + 1)));
        }
    }
    values
}

fn is_compound(value: Value<'_>) -> bool {
    let is_document = |content: &[u8]| matches!(content.first(), Some(b'{' | b'['));
    value.is_object() || value.is_array() || value.content().is_some_and(is_document)
}

/// The document in a string's content, if there is one.
fn document_in(content: &[u8]) -> Option<Vec<u8>> {
    let text = Unescaped::new(content).text;
    json::is_json(&text).then_some(text)
}

/// Calls `visit` for each item of a list that may stand in a string, until it says `false`.
fn each_item(list: Value<'_>, visit: &mut dyn FnMut(Value<'_>) -> bool) {
    match list.content().and_then(document_in) {
        Some(text) => {
            let items = Value::first(&text).into_iter().flat_map(Value::items);
            let _ = items.take_while(|item| visit(*item)).count();
        }
        None => drop(list.items().take_while(|item| visit(*item)).count()),
    }
}

/// The longest name, id or owner that is shown, in bytes. A longer one is left out, not cut: what hides secrets in
/// labels could not know a half of one.
const MAX_NAME: usize = 1024;

/// A string or number as a name; `None` if there is nothing to show.
fn name_of(value: Option<Value<'_>>) -> Option<String> {
    let value = value?;
    let name = match value.text() {
        Some(text) => text,
        None if value.is_object() || value.is_array() => return None,
        None => String::from_utf8_lossy(value.raw()),
    };
    let name = name.trim();
    (!name.is_empty() && name != "null" && name.len() <= MAX_NAME).then(|| name.to_owned())
}

/// `on` or `off` out of a flag, which is a number in rows of a database.
fn on_off(flag: Option<Value<'_>>) -> Option<String> {
    let flag = flag?;
    let number = || match flag.raw() {
        b"1" => Some(true),
        b"0" => Some(false),
        _ => None,
    };
    let on = flag.boolean().or_else(number)?;
    Some(if on { "on" } else { "off" }.to_owned())
}
