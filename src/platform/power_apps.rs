//! Power Apps: canvas apps (`.msapp`, a zip of JSON members whose names have backslashes), packed or unpacked. A flow is
//! the app, a step a control (or a data source, a resource), a field the property whose formula it is.
//!
//! <https://learn.microsoft.com/power-platform/power-fx/yaml-formula-grammar>, members as
//! <https://github.com/microsoft/PowerApps-Tooling> reads them.

use std::collections::HashMap;
use std::sync::Arc;

use crate::blob::Blob;
use crate::finding::{Flow, Step};
use crate::json::Value;
use crate::platform::document::{Id, Trail};
use crate::platform::solution::{file_name, own_path};
use crate::platform::vocabulary::{self, Scope};
use crate::platform::{Reader, Whose, name_of};

/// How deep controls are followed into controls.
const MAX_NESTED: usize = 64;

/// What an app calls itself where a member says so.
const EXTENSION: &str = ".msapp";

/// Makes a reader if the value is a member of an app.
pub(super) fn open<'a>(blob: &Blob<'a>, value: Value<'_>) -> Option<Box<dyn Reader + 'a>> {
    let kind = Kind::of(value)?;
    Some(Box::new(App { flow: Arc::new(app(blob, value)), kind, steps: HashMap::new() }))
}

/// What a member holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A screen, a component or the app itself, with the controls in it.
    Controls,
    /// A list of things with names: data sources, resources, templates.
    List(&'static str),
    /// What is told of the app as a whole.
    Properties,
    /// Source code: controls by their names, with properties and formulas.
    Source,
}

/// The lists, each with what one of its items is called.
const LISTS: &[(&str, &str)] = &[
    ("DataSources", "data source"),
    ("Resources", "resource"),
    ("UsedTemplates", "template"),
    ("QualifiedValues", "choices"),
];

impl Kind {
    fn of(value: Value<'_>) -> Option<Self> {
        let [top, author, references, structure] =
            value.pick(["TopParent", "Author", "LocalConnectionReferences", "MSAppStructureVersion"]);
        if top.is_some_and(|top| top.get("Template").is_some()) {
            return Some(Self::Controls);
        }
        let is_list = |(list, _): &&(&'static str, &str)| is_list_of_app(value, list);
        match LISTS.iter().find(is_list) {
            Some((list, _)) => Some(Self::List(list)),
            None if is_source(value) => Some(Self::Source),
            None => {
                (author.is_some() && references.is_some() || structure.is_some()).then_some(Self::Properties)
            }
        }
    }
}

/// A file of source code: `Screens:` or `App:` with properties (`*.pa.yaml`), or `Screen1 As screen:` (`*.fx.yaml`, as
/// PowerApps-Tooling wrote it).
fn is_source(value: Value<'_>) -> bool {
    let Some((key, first)) = value.members().next() else { return false };
    let key = key.text();
    match key.as_ref() {
        "App" | "Screens" | "ComponentDefinitions" => {
            control_of(&key, first).is_some()
                || first.members().any(|(name, inner)| control_of(&name.text(), inner).is_some())
        }
        key => key.contains(" As ") && first.is_object(),
    }
}

/// The control that a member of source code is: its name and kind.
fn control_of(key: &str, value: Value<'_>) -> Option<(String, Option<String>)> {
    if let Some((name, kind)) = key.split_once(" As ") {
        return Some((name.trim_matches(['\'', '"']).to_owned(), Some(kind.to_owned())));
    }
    let [control, properties, children] = value.pick(["Control", "Properties", "Children"]);
    let is_one = [control, properties, children].iter().any(Option::is_some);
    is_one.then(|| (key.to_owned(), name_of(control)))
}

/// The innermost control of source code on the way: the hop of what it holds, and its name and kind.
fn source_control(trail: &Trail<'_>) -> Option<(usize, (String, Option<String>))> {
    (1..trail.hops.len().min(MAX_NESTED)).rev().find_map(|hop| {
        let value = trail.hops.get(hop)?.value;
        Some((hop, control_of(trail.key(hop - 1)?, value)?))
    })
}

/// The only member is that list; its items have what Power Apps writes into each.
fn is_list_of_app(value: Value<'_>, list: &str) -> bool {
    let mut members = value.members();
    let items = members.next().filter(|(key, items)| key.is(list) && items.is_array());
    let Some(first) = items.and_then(|(_, items)| items.items().next()) else {
        return false;
    };
    let marks = first.pick(["Type", "RootPath", "ResourceKind", "Template", "Kind"]);
    members.next().is_none() && marks.iter().any(Option::is_some)
}

/// A member of an app, with the steps that were read so far.
struct App {
    flow: Arc<Flow>,
    kind: Kind,
    steps: HashMap<Id, Arc<Step>>,
}

impl Reader for App {
    fn place(&mut self, trail: &Trail<'_>) -> Option<Whose> {
        if self.kind == Kind::Source {
            return Some(self.place_in_source(trail));
        }
        let (scope, hop) = match self.kind {
            Kind::Controls => (Scope::Step, control_at(trail)),
            Kind::List(_) => (Scope::Store, item_at(trail)),
            Kind::Properties | Kind::Source => (Scope::Flow, None),
        };
        let step = hop.and_then(|hop| self.step(trail, hop));
        let scope = if step.is_none() { Scope::Flow } else { scope };
        let from = field_from(trail, hop.unwrap_or(0));
        Some(Whose { flow: Some(self.flow.clone()), step, scope, prefix: None, from })
    }

    fn field(&self, trail: &Trail<'_>) -> Option<String> {
        let hop = match self.kind {
            Kind::Controls => control_at(trail)?,
            Kind::List(_) => item_at(trail)?,
            Kind::Properties | Kind::Source => return None,
        };
        rule_at(trail, hop)
            .and_then(|rule| name_of(trail.hops.get(rule)?.value.get("Property")))
            .or_else(|| trail.field(hop))
    }
}

impl App {
    fn place_in_source(&self, trail: &Trail<'_>) -> Whose {
        let flow = Some(self.flow.clone());
        let Some((hop, (name, kind))) = source_control(trail) else {
            return Whose { flow, step: None, scope: Scope::Flow, prefix: None, from: 0 };
        };
        let step = Arc::new(Step { id: None, name: Some(name), kind, enabled: None });
        let from = hop + usize::from(trail.key(hop) == Some("Properties"));
        Whose { flow, step: Some(step), scope: Scope::Step, prefix: None, from }
    }

    fn step(&mut self, trail: &Trail<'_>, hop: usize) -> Option<Arc<Step>> {
        let container = trail.hops.get(hop)?;
        let kind = self.kind;
        let known = self.steps.entry(container.id.clone());
        Some(known.or_insert_with(|| Arc::new(step(container.value, kind))).clone())
    }
}

/// The hop of the innermost control on the way.
fn control_at(trail: &Trail<'_>) -> Option<usize> {
    trail.key(0).filter(|key| *key == "TopParent")?;
    let child =
        |at: &usize| (trail.key(*at) == Some("Children") && trail.item(at + 1).is_some()).then_some(at + 2);
    let controls = std::iter::successors(Some(1), child).take(MAX_NESTED);
    controls.filter(|hop| trail.hops.get(*hop).is_some()).last()
}

/// The hop of the item of the member's list.
fn item_at(trail: &Trail<'_>) -> Option<usize> {
    trail.item(1)?;
    trail.hops.get(2).map(|_| 2)
}

/// The hop of the rule of the control at `control` that the way goes through: a property with its formula.
fn rule_at(trail: &Trail<'_>, control: usize) -> Option<usize> {
    trail.key(control).filter(|key| *key == "Rules")?;
    trail.item(control + 1)?;
    trail.hops.get(control + 2).map(|_| control + 2)
}

/// From where on the vocabulary counts: what stands in documents within a template by its name there.
fn field_from(trail: &Trail<'_>, hop: usize) -> usize {
    let templates = trail.key(hop) == Some("Template");
    match rule_at(trail, hop) {
        Some(rule) => rule,
        None if templates => trail.hops.len().saturating_sub(1),
        None => hop,
    }
}

fn step(value: Value<'_>, kind: Kind) -> Step {
    let [name, id, template, namespace, what] =
        value.pick(["Name", "ControlUniqueId", "Template", "Namespace", "Type"]);
    let called =
        |list| LISTS.iter().find(|(known, _)| *known == list).map(|(_, called)| (*called).to_owned());
    let kind = match kind {
        Kind::Controls => name_of(template.and_then(|template| template.get("Name"))),
        Kind::List("DataSources") => name_of(what).or_else(|| called("DataSources")),
        Kind::List(list) => called(list),
        Kind::Properties | Kind::Source => None,
    };
    Step { id: name_of(id), name: name_of(name).or_else(|| name_of(namespace)), kind, enabled: None }
}

/// The app, as the members beside the blob tell.
fn app(blob: &Blob<'_>, own: Value<'_>) -> Flow {
    let path = own_path(blob);
    let root = root_of(&path);
    let members = blob.package.members();
    let read = |name: &str| {
        let wanted = format!("{root}{name}");
        let member = members.iter().find(|member| member.replace('\\', "/") == wanted)?;
        blob.package.read(member)
    };
    let properties = read("Properties.json");
    let published = read("Resources/PublishInfo.json");
    let header = read("Header.json");
    let first = |bytes: &Option<Arc<[u8]>>, name: &str| {
        name_of(Value::first(without_mark(bytes.as_deref()?))?.get(name))
    };
    let title = || {
        first(&properties, "Name")
            .map(|name| name.strip_suffix(EXTENSION).map_or(name.clone(), str::to_owned))
    };
    Flow {
        platform: vocabulary::POWER_APPS.name,
        id: first(&properties, "Id").or_else(|| name_of(own.get("Id"))),
        name: first(&published, "AppName").or_else(title),
        owner: first(&properties, "Author").or_else(|| name_of(own.get("Author"))),
        state: None,
        modified: first(&header, "LastSavedDateTimeUTC"),
    }
}

/// The folder of the app, with its `/`, in which a member lies directly or one folder deep.
fn root_of(path: &str) -> &str {
    let folder = path.strip_suffix(file_name(path)).unwrap_or_default();
    let inner = file_name(folder.trim_end_matches('/'));
    let is_inner =
        matches!(inner, "Controls" | "Components" | "References" | "Resources" | "Src" | "DataSources");
    if is_inner {
        folder.strip_suffix('/').and_then(|folder| folder.strip_suffix(inner)).unwrap_or(folder)
    } else {
        folder
    }
}

fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes)
}
