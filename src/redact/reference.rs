//! Platform references: a finding at its place in a JSON document → the edits that put the platform's own reference there,
//! and what that needs beside it.
//!
//! Only where the shape allows it: the value is a string of the document itself, and what stands around the secret in it can
//! stay text. Everything else gets a placeholder.

use std::collections::BTreeMap;

use super::plan::{Edit, WITH_OTHERS};
use crate::blob::Span;
use crate::detect::generic;
use crate::finding::{Adds, Encoding, Kind, Notation, Reference};
use crate::json::{self, Value};
use crate::scan::Hit;

/// What is put in a secret's place.
pub(super) enum Put {
    /// A reference; its edits are the document's.
    Reference {
        /// As the list shows it.
        put: String,
        /// How a person creates what it points to.
        create: &'static str,
    },
    /// Other edits of this round are in the way.
    Later,
    /// A placeholder.
    Placeholder,
}

/// The JSON document of a blob, and what references change in it.
pub(super) struct Document<'a> {
    text: &'a [u8],
    edits: Vec<Edit>,
    taken: Vec<Span>,
    /// Members to be put into the object that begins at a byte.
    members: BTreeMap<usize, Members>,
}

/// Members to be put into one object.
#[derive(Default)]
struct Members {
    own: Vec<String>,
    /// Those of a new object `parameters` in it.
    parameters: Vec<String>,
}

impl<'a> Document<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self { text, edits: Vec::new(), taken: Vec::new(), members: BTreeMap::new() }
    }

    /// These bytes are edited by others.
    pub(super) fn take(&mut self, span: &Span) {
        self.taken.push(span.clone());
    }

    /// Makes all edits, or none where one of them is in the way of others.
    fn edit(&mut self, edits: Vec<(Span, String)>) -> bool {
        let free =
            |span: &Span| !self.taken.iter().any(|taken| taken.start < span.end && span.start < taken.end);
        if !edits.iter().all(|(span, _)| free(span)) {
            return false;
        }
        for (span, with) in edits {
            self.taken.push(span.clone());
            self.edits.push(Edit { span, with: with.into_bytes(), rank: WITH_OTHERS });
        }
        true
    }

    /// Puts a member first into an object, unless that was done already.
    fn member(&mut self, object: Value, member: String) {
        let members = &mut self.members.entry(object.start()).or_default().own;
        if !members.contains(&member) {
            members.push(member);
        }
    }

    /// Puts a member into the new object `parameters` of an object.
    fn parameter(&mut self, object: Value, member: String) {
        let members = &mut self.members.entry(object.start()).or_default().parameters;
        if !members.contains(&member) {
            members.push(member);
        }
    }

    /// All edits.
    pub(super) fn finish(mut self) -> Vec<Edit> {
        for (at, Members { mut own, parameters }) in std::mem::take(&mut self.members) {
            if !parameters.is_empty() {
                own.push(format!("\"parameters\":{{{}}}", parameters.join(",")));
            }
            let is_empty = Value::at(self.text, at).members().next().is_none();
            let comma = if is_empty { "" } else { "," };
            let with = format!("{{{}{comma}", own.join(",")).into_bytes();
            self.edits.push(Edit { span: at..at + 1, with, rank: WITH_OTHERS });
        }
        self.edits
    }
}

/// The string value that a secret stands in.
struct Place<'a> {
    /// The document's root.
    root: Value<'a>,
    pointer: &'a str,
    /// Its content between the quotes.
    content: Span,
    /// What stands in it before and behind the secret, as it is written.
    before: &'a str,
    behind: &'a str,
}

/// Puts a reference in the place of a finding, if its platform has one for it.
pub(super) fn put(hit: &Hit, name: &str, document: &mut Document) -> Put {
    let Some(reference) = hit.finding.place.reference else { return Put::Placeholder };
    let text = document.text;
    let Some(place) = place(hit, text) else { return Put::Placeholder };
    let filled = |template: &str| fill(template, name);
    let done = |put: String| Put::Reference { put, create: reference.create };
    if matches!(reference.adds, Adds::HeaderAuth | Adds::QueryAuth)
        && is_alone(&place)
        && let Some((edits, member)) = credential(reference.adds, &place)
    {
        if !document.edit(edits) {
            return Put::Later;
        }
        if let Some((object, member)) = member {
            document.member(object, member);
        }
        let kind = if reference.adds == Adds::HeaderAuth { "Header Auth" } else { "Query Auth" };
        return done(format!("credential ({kind}); the parameter is gone"));
    }
    let shape = Shape::of(hit, &place);
    let Some((edits, put)) = edits(reference, &place, &shape, &filled) else { return Put::Placeholder };
    if !document.edit(edits) {
        return Put::Later;
    }
    add_parameter(reference.adds, &place, &filled, document);
    done(put)
}

/// The string that the finding stands in.
fn place<'a>(hit: &'a Hit, text: &'a [u8]) -> Option<Place<'a>> {
    let pointer = hit.finding.place.pointer.as_deref().filter(|pointer| !pointer.contains('#'))?;
    // What lies under more than the escapes of the string itself is no value of the document.
    if hit
        .finding
        .location
        .decoded
        .iter()
        .any(|step| !matches!(step, Encoding::JsonString | Encoding::Utf16Le | Encoding::Utf16Be))
    {
        return None;
    }
    let holds = |value: &Value| value.start() <= hit.text.start && hit.text.end <= value.end();
    let root = json::documents(text).find(holds)?;
    let value = root.pointer(pointer).filter(|value| value.is_string() && holds(value))?;
    let content = value.start() + 1..value.start() + 1 + value.content()?.len();
    let part = |span: Span| std::str::from_utf8(text.get(span)?).ok();
    let before = part(content.start..hit.text.start)?;
    let behind = part(hit.text.end..content.end)?;
    Some(Place { root, pointer, content, before, behind })
}

/// Whether nothing but the scheme of a header stands beside the secret.
fn is_alone(place: &Place) -> bool {
    let before = place.before.trim().strip_prefix('=').unwrap_or(place.before.trim()).trim();
    place.behind.trim().is_empty()
        && before.len() <= 20
        && before.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// What of a value the secret is.
enum Shape {
    /// The value as it stands there.
    Plain,
    /// The body of a block of PEM, which is the value, or else only stands in it.
    Pem { alone: bool },
    /// The base64 of a user's name and a password.
    Basic(String),
}

impl Shape {
    fn of(hit: &Hit, place: &Place) -> Self {
        let finding = &hit.finding;
        if finding.signature.kind == Kind::PrivateKey {
            let armour = |text: &str, begin: &str| {
                let inner = text.trim().strip_prefix(begin).and_then(|rest| rest.split_once("-----"));
                inner.is_some_and(|(_, rest)| rest.replace("\\n", "").replace("\\r", "").trim().is_empty())
            };
            return Self::Pem {
                alone: armour(place.before, "-----BEGIN ") && armour(place.behind, "-----END "),
            };
        }
        let user = finding.parts.iter().find(|part| part.what == "user").map(|part| part.shown.clone());
        match user {
            Some(user) if finding.signature.id == generic::BASIC.id => Self::Basic(user),
            _ => Self::Plain,
        }
    }
}

/// A reference in the value, and how the list shows it.
fn edits(
    reference: &Reference,
    place: &Place,
    shape: &Shape,
    filled: &dyn Fn(&str) -> String,
) -> Option<(Vec<(Span, String)>, String)> {
    let whole = filled(reference.whole);
    let within = match shape {
        Shape::Pem { alone: true } => return Some((vec![(place.content.clone(), escaped(&whole))], whole)),
        Shape::Pem { alone: false } => return None,
        Shape::Basic(user) => {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-@+".contains(&byte);
            Some(filled(&reference.basic?.replace("{user}", user))).filter(|_| user.bytes().all(plain))
        }
        Shape::Plain => reference.within.map(filled),
    };
    let is_plain = matches!(shape, Shape::Plain);
    let is_whole = is_plain && place.behind.trim().is_empty() && matches!(place.before.trim(), "" | "=");
    if is_whole || reference.notation == Notation::Whole && is_alone(place) {
        return Some((vec![(place.content.clone(), escaped(&whole))], whole));
    }
    let within = within?;
    let secret = place.content.start + place.before.len()..place.content.end - place.behind.len();
    match reference.notation {
        Notation::Whole => None,
        Notation::N8n if place.before.starts_with('=') => {
            let open = place.before.matches("{{").count() > place.before.matches("}}").count();
            (!open).then(|| (vec![(secret, within.clone())], within))
        }
        Notation::N8n => {
            // What was text so far becomes an expression: it must have none of its own in it.
            let has_braces = place.before.contains("{{") || place.behind.contains("{{");
            let quote = place.content.start - 1..place.content.start;
            let edits = vec![(quote, "\"=".to_owned()), (secret, within.clone())];
            (!has_braces).then(|| (edits, format!("={{{{ … }}}}: {within}")))
        }
        Notation::Workflow => in_workflow(place, secret, &whole, within),
    }
}

/// In a text of Power Automate: within an expression only where the secret is a literal of its own.
fn in_workflow(
    place: &Place,
    secret: Span,
    whole: &str,
    within: String,
) -> Option<(Vec<(Span, String)>, String)> {
    let expression =
        place.before.starts_with('@') && !place.before.starts_with("@@") && !place.before.starts_with("@{");
    let open = expression || place.before.matches("@{").count() > place.before.matches('}').count();
    if !open {
        return Some((vec![(secret, within.clone())], within));
    }
    let literal =
        place.before.ends_with('\'') && place.behind.starts_with('\'') && !place.behind.starts_with("''");
    let call = whole.strip_prefix('@')?.to_owned();
    literal.then(|| (vec![(secret.start - 1..secret.end + 1, call.clone())], call))
}

/// n8n: the step takes a credential of a general kind, and the parameter goes. Not where it has a credential already.
#[expect(clippy::type_complexity, reason = "edits, and a member of an object")]
fn credential<'a>(
    adds: Adds,
    place: &Place<'a>,
) -> Option<(Vec<(Span, String)>, Option<(Value<'a>, String)>)> {
    let (list, _) = place.pointer.rsplit_once('/')?.0.rsplit_once('/')?;
    let item = place.pointer.rsplit_once('/')?.0.rsplit_once('/')?.1.parse::<usize>().ok()?;
    let (parameters, _) = list.rsplit_once('/')?.0.rsplit_once('/')?;
    let (list, parameters) = (place.root.pointer(list)?, parameters_of(place, parameters)?);
    let kind = if adds == Adds::HeaderAuth { "httpHeaderAuth" } else { "httpQueryAuth" };
    let [authentication, general] = parameters.pick(["authentication", "genericAuthType"]);
    if general.is_some() {
        return None;
    }
    let generic = "\"genericCredentialType\"";
    let mut edits = vec![(removal(list, item)?, String::new())];
    let kind = format!("\"genericAuthType\":\"{kind}\"");
    let member = match authentication {
        None => Some((parameters, format!("\"authentication\":{generic},{kind}"))),
        Some(value) if value.text().as_deref() == Some("none") => {
            edits.push((value.start()..value.end(), generic.to_owned()));
            Some((parameters, kind))
        }
        Some(_) => return None,
    };
    Some((edits, member))
}

/// The node's parameters; nothing where the node has credentials already.
fn parameters_of<'a>(place: &Place<'a>, pointer: &str) -> Option<Value<'a>> {
    let node = place.root.pointer(pointer.strip_suffix("/parameters")?)?;
    if node.get("credentials").is_some_and(|credentials| credentials.members().next().is_some()) {
        return None;
    }
    node.get("parameters").filter(|parameters| parameters.is_object())
}

/// The bytes of an item of a list with its comma.
fn removal(list: Value, item: usize) -> Option<Span> {
    let items: Vec<Value> = list.items().take(item + 2).collect();
    let this = items.get(item)?;
    Some(match (items.get(item + 1), item.checked_sub(1).and_then(|before| items.get(before))) {
        (Some(next), _) => this.start()..next.start(),
        (None, Some(before)) => before.end()..this.end(),
        (None, None) => this.start()..this.end(),
    })
}

/// Adds the parameter of the definition that a reference names.
fn add_parameter(adds: Adds, place: &Place, filled: &dyn Fn(&str) -> String, document: &mut Document) {
    let (name, value) = match adds {
        Adds::Parameter => (
            filled("{title} ({schema})"),
            serde_json::json!({"type": "String", "metadata": {"schemaName": filled("{schema}"), "description": ""}}),
        ),
        Adds::SecureParameter => (filled("{camel}"), serde_json::json!({"type": "securestring"})),
        Adds::Nothing | Adds::HeaderAuth | Adds::QueryAuth => return,
    };
    let Some(definition) = definition(place) else { return };
    let member = format!("\"{}\":{value}", escaped(&name));
    match definition.get("parameters") {
        Some(parameters) if parameters.get(&name).is_some() => {}
        Some(parameters) if parameters.is_object() => document.member(parameters, member),
        Some(_) => {}
        None => document.parameter(definition, member),
    }
}

/// The workflow's definition on the way to the place: the outermost object with triggers or actions.
fn definition<'a>(place: &Place<'a>) -> Option<Value<'a>> {
    let ends = place.pointer.match_indices('/').map(|(at, _)| at);
    let mut values = ends.filter_map(|end| place.root.pointer(place.pointer.get(..end)?));
    values.find(|value| {
        value.is_object() && (value.get("actions").is_some() || value.get("triggers").is_some())
    })
}

/// A template with the names in it.
fn fill(template: &str, name: &str) -> String {
    let words: Vec<String> = name.split('_').map(|word| word.to_ascii_lowercase()).collect();
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters
            .next()
            .map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
    };
    let joined: String = words.iter().map(|word| capital(word)).collect();
    let camel =
        joined.get(..1).unwrap_or_default().to_ascii_lowercase() + joined.get(1..).unwrap_or_default();
    let title = capital(&words.join(" "));
    template
        .replace("{name}", name)
        .replace("{title}", &title)
        .replace("{camel}", &camel)
        .replace("{schema}", &format!("new_{joined}"))
}

/// As the content of a JSON string.
fn escaped(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned()
}
