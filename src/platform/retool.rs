//! Retool: apps as the editor exports them. The app is Transit JSON in a string, in which a map is a list `["^ ", key, value, …]`
//! and a key that came before may be a code (`^1:`); lists of a template's keys and values have no codes.
//!
//! <https://github.com/cognitect/transit-format> ("JSON Map", "Caching")

use std::collections::HashMap;
use std::sync::Arc;

use crate::blob::Blob;
use crate::finding::{Flow, Step};
use crate::json::Value;
use crate::platform::document::{Id, Trail};
use crate::platform::solution::{file_name, own_path};
use crate::platform::vocabulary::{self, Scope};
use crate::platform::{Reader, Whose, name_of};

/// How many containers an app may lie in.
const MAX_OUTER: usize = 4;

/// How many containers within the app are asked whether they are a plugin.
const MAX_INNER: usize = 64;

/// Keys of a template that say how a value is stored.
const KEYS: &[&str] = &["query", "headers", "body", "funcBody", "value", "url"];

/// Makes a reader if the value is an app.
pub(super) fn open<'a>(blob: &Blob<'a>, value: Value<'_>) -> Option<Box<dyn Reader + 'a>> {
    is_app(value)
        .then(|| Box::new(Retool { blob: *blob, flow: None, steps: HashMap::new() }) as Box<dyn Reader>)
}

fn is_app(value: Value<'_>) -> bool {
    value.path(&["page", "data", "appState"]).is_some_and(Value::is_string)
}

/// What was read so far, by the container that it was read from.
struct Retool<'a> {
    blob: Blob<'a>,
    flow: Option<Arc<Flow>>,
    steps: HashMap<Id, Option<Arc<Step>>>,
}

impl Reader for Retool<'_> {
    fn place(&mut self, trail: &Trail<'_>) -> Option<Whose> {
        let root = (0..trail.hops.len().min(MAX_OUTER))
            .find(|hop| trail.hops.get(*hop).is_some_and(|hop| is_app(hop.value)))?;
        let app = trail.hops.get(root)?.value;
        let flow = self.flow.get_or_insert_with(|| Arc::new(flow(&self.blob, app))).clone();
        let Some((step, entry)) = self.step(trail, root) else {
            return Some(Whose {
                flow: Some(flow),
                step: None,
                scope: Scope::Flow,
                prefix: None,
                from: root,
            });
        };
        let key = key_at(trail, entry);
        let prefix = key.and_then(|key| KEYS.iter().copied().find(|known| *known == key));
        Some(Whose { flow: Some(flow), step: Some(step), scope: Scope::Step, prefix, from: entry + 1 })
    }

    fn field(&self, trail: &Trail<'_>) -> Option<String> {
        let plugin = (0..trail.hops.len().min(MAX_INNER))
            .rev()
            .find(|hop| trail.hops.get(*hop).is_some_and(|hop| plugin(hop.value).is_some()))?;
        let entry = entry_behind(trail, plugin);
        let key = key_at(trail, entry)?;
        let rest = trail.field(entry + 1).unwrap_or_default();
        let dot = if rest.is_empty() || rest.starts_with('[') { "" } else { "." };
        Some(format!("{key}{dot}{rest}"))
    }
}

impl Retool<'_> {
    /// The query or component that the way leads through, and the hop of the list in it whose entry the way takes.
    fn step(&mut self, trail: &Trail<'_>, root: usize) -> Option<(Arc<Step>, usize)> {
        let hops = root..trail.hops.len().min(root + MAX_INNER);
        hops.rev().find_map(|hop| {
            let container = trail.hops.get(hop)?;
            let known = self.steps.entry(container.id.clone());
            let step = known.or_insert_with(|| plugin(container.value).map(Arc::new)).clone()?;
            Some((step, entry_behind(trail, hop)))
        })
    }
}

/// The hop of the innermost list of keys and values behind the plugin at `hop` that is still in the same document.
fn entry_behind(trail: &Trail<'_>, hop: usize) -> usize {
    let is_list = |at: &usize| {
        trail.hops.get(*at).is_some_and(|container| container.value.is_array())
            && key_at(trail, *at).is_some()
    };
    // Of the plugin `template`, of that the list behind its tag, and of that the entry.
    (hop..trail.hops.len().min(hop + 3)).rev().find(is_list).unwrap_or(hop)
}

/// The key of the entry that the way takes in a list of keys and values.
fn key_at<'t>(trail: &'t Trail<'_>, hop: usize) -> Option<std::borrow::Cow<'t, str>> {
    let item = trail.item(hop)?;
    let list = trail.hops.get(hop)?.value;
    let is_map = list.items().next().and_then(Value::text).is_some_and(|first| first == "^ ");
    // The first item of a map says that it is one.
    let is_value = item.checked_sub(usize::from(is_map))? % 2 == 1;
    let key = list.items().nth(item.checked_sub(1).filter(|_| is_value)?)?.text()?;
    (!key.starts_with(['^', '~'])).then_some(key)
}

/// The step that a plugin is: `["^ ", "id", …, "uuid", …, "type", …, "subtype", …]`, whose keys are codes but for the first.
fn plugin(value: Value<'_>) -> Option<Step> {
    if !value.is_array() {
        return None;
    }
    let mut items = value.items().take(9);
    let mark = items.next()?.text()?;
    let key = items.next()?.text()?;
    let id = name_of(items.next()).filter(|_| mark == "^ " && key == "id")?;
    let kind = name_of(items.nth(5));
    Some(Step { id: Some(id.clone()), name: Some(id), kind, enabled: None })
}

/// An app is named as its file.
fn flow(blob: &Blob<'_>, app: Value<'_>) -> Flow {
    let path = own_path(blob);
    let stem = file_name(&path).split('.').next().unwrap_or_default();
    Flow {
        platform: vocabulary::RETOOL.name,
        id: name_of(app.get("uuid")),
        name: Some(stem.to_owned()).filter(|stem| !stem.is_empty()),
        owner: name_of(app.path(&["page", "userId"])),
        state: None,
        modified: name_of(app.path(&["page", "updatedAt"])),
    }
}
