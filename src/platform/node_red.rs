//! Node-RED: flow files, which are flat lists of nodes, and the credential files beside them.
//!
//! Shapes: <https://nodered.org/docs/developing-flows/>, <https://nodered.org/docs/api/admin/types>; encryption of
//! credential files: <https://nodered.org/docs/user-guide/runtime/securing-node-red>.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::blob::Blob;
use crate::finding::{Flow, Step};
use crate::json::Value;
use crate::platform::document::{Id, Trail};
use crate::platform::solution::{file_name, own_path};
use crate::platform::vocabulary::{self, Scope};
use crate::platform::{Reader, Whose, name_of};

/// How many containers a list of nodes may lie in: `{"flows": […]}`, `{"id", "nodes": […], "configs": […]}`.
const MAX_OUTER: usize = 4;

/// How many nodes decide whether a list is one of nodes.
const MAX_PROBED: usize = 8;

/// How many members decide whether an object is a credential file.
const MAX_IDS: usize = 16;

/// Makes a reader if the value is a list of nodes.
pub(super) fn open<'a>(_blob: &Blob<'a>, value: Value<'_>) -> Option<Box<dyn Reader + 'a>> {
    is_flow_file(value).then(|| Box::new(Nodes::default()) as Box<dyn Reader>)
}

/// Makes a reader if the blob is a credential file, which no word of its own tells of.
pub(super) fn open_credentials<'a>(blob: &Blob<'a>) -> Option<Box<dyn Reader + 'a>> {
    let file = Value::first(blob.bytes)?;
    is_credential_file(blob, file)
        .then(|| Box::new(Credentials { blob: *blob, known: None }) as Box<dyn Reader>)
}

/// Whether the blob is a credential file in clear.
pub(super) fn is_credentials(blob: &Blob<'_>) -> bool {
    Value::first(blob.bytes).is_some_and(|file| file.get("$").is_none() && is_credential_file(blob, file))
}

/// Nodes have an id and a type; the first few of them are wired, on a tab, or a tab.
fn is_flow_file(value: Value<'_>) -> bool {
    let mut tells = false;
    let mut nodes = value.items().take(MAX_PROBED).peekable();
    let mut is_node = |node: Value<'_>| {
        let [id, kind, tab, wires] = node.pick(["id", "type", "z", "wires"]);
        let is_tab =
            kind.and_then(Value::text).is_some_and(|kind| kind == "tab" || kind.starts_with("subflow"));
        tells |= is_tab || wires.is_some_and(Value::is_array) || tab.is_some_and(Value::is_string);
        id.is_some_and(Value::is_string) && kind.is_some_and(Value::is_string)
    };
    nodes.peek().is_some() && nodes.all(&mut is_node) && tells
}

/// `{"$": "…"}`, or an object for each node id. Ids that are no hexadecimal numbers must be those of a flow file beside.
fn is_credential_file(blob: &Blob<'_>, value: Value<'_>) -> bool {
    let mut members = value.members().take(MAX_IDS).peekable();
    match members.peek() {
        None => false,
        Some((key, sealed)) if key.is("$") => is_sealed(*sealed) && members.count() == 1,
        Some(_) => {
            let has_objects = members.clone().all(|(_, entry)| entry.is_object() && is_flat(entry));
            let ids: Vec<String> = members.map(|(key, _)| key.text().into_owned()).collect();
            has_objects && (ids.iter().all(|id| is_node_id(id)) || has_nodes(blob, &ids))
        }
    }
}

/// Sixteen bytes in hexadecimal, then base64.
fn is_sealed(value: Value<'_>) -> bool {
    let start = value.content().and_then(|content| content.get(..32));
    start.is_some_and(|start| start.iter().all(u8::is_ascii_hexdigit))
}

/// Credentials of a node are strings, or flags whether there is one.
fn is_flat(entry: Value<'_>) -> bool {
    entry.members().take(MAX_IDS).all(|(_, value)| !value.is_object() && !value.is_array())
}

/// `f1940d57.f0b49` or 16 hexadecimal digits.
fn is_node_id(id: &str) -> bool {
    let is_hex = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    match id.split_once('.') {
        Some((head, end)) => id.len() <= 16 && is_hex(head) && is_hex(end),
        None => id.len() == 16 && is_hex(id),
    }
}

fn has_nodes(blob: &Blob<'_>, ids: &[String]) -> bool {
    let known = companion(blob, |id| ids.iter().any(|wanted| wanted == id)).unwrap_or_default();
    ids.iter().all(|id| known.contains_key(id))
}

/// A flow file, with what was read so far.
#[derive(Default)]
struct Nodes {
    lists: HashMap<Id, Option<HashMap<String, Arc<Flow>>>>,
    entries: HashMap<Id, (Arc<Flow>, Option<Arc<Step>>)>,
}

impl Reader for Nodes {
    fn place(&mut self, trail: &Trail<'_>) -> Option<Whose> {
        let outer = trail.hops.len().min(MAX_OUTER);
        let list = (0..outer).find(|hop| self.is_list(trail, *hop))?;
        trail.item(list)?;
        let tabs = self.lists.get(&trail.hops.get(list)?.id)?.as_ref()?;
        let node = trail.hops.get(list + 1)?;
        let entry = self.entries.entry(node.id.clone()).or_insert_with(|| node_of(node.value, tabs));
        let (flow, step) = entry.clone();
        let scope = if step.is_some() { Scope::Step } else { Scope::Flow };
        Some(Whose { flow: Some(flow), step, scope, prefix: None, from: list + 1 })
    }
}

impl Nodes {
    fn is_list(&mut self, trail: &Trail<'_>, hop: usize) -> bool {
        let Some(container) = trail.hops.get(hop) else {
            return false;
        };
        let known = self.lists.entry(container.id.clone());
        known.or_insert_with(|| is_flow_file(container.value).then(|| tabs(container.value))).is_some()
    }
}

/// The tabs and subflows of a list of nodes, by id.
fn tabs(list: Value<'_>) -> HashMap<String, Arc<Flow>> {
    list.items().filter_map(tab).filter_map(|tab| Some((tab.id.clone()?, Arc::new(tab)))).collect()
}

/// The flow that a tab or the definition of a subflow is.
fn tab(node: Value<'_>) -> Option<Flow> {
    let [kind, id, label, name, disabled] = node.pick(["type", "id", "label", "name", "disabled"]);
    kind?.text().filter(|kind| kind == "tab" || kind == "subflow")?;
    let state =
        disabled.and_then(Value::boolean).map(|disabled| if disabled { "off" } else { "on" }.to_owned());
    let name = name_of(label).or_else(|| name_of(name));
    Some(Flow { platform: vocabulary::NODE_RED.name, id: name_of(id), name, state, ..Flow::default() })
}

/// The flow and the step of an element: a tab is a flow and no step; a configuration node stands in no flow.
fn node_of(node: Value<'_>, tabs: &HashMap<String, Arc<Flow>>) -> (Arc<Flow>, Option<Arc<Step>>) {
    if let Some(tab) = tab(node) {
        return (Arc::new(tab), None);
    }
    let [id, kind, name, label, tab, disabled] = node.pick(["id", "type", "name", "label", "z", "d"]);
    let flow = name_of(tab).and_then(|tab| tabs.get(&tab).cloned());
    let global = || Arc::new(Flow { platform: vocabulary::NODE_RED.name, ..Flow::default() });
    let kind = name_of(kind);
    let name = name_of(name).or_else(|| name_of(label)).or_else(|| kind.clone());
    let disabled = disabled.and_then(Value::boolean).unwrap_or(false);
    let step = Step { id: name_of(id), name, kind, enabled: Some(!disabled) };
    (flow.unwrap_or_else(global), Some(Arc::new(step)))
}

/// A node's flow and step, as known from the flow file.
type Known = HashMap<String, (Arc<Flow>, Option<Arc<Step>>)>;

/// A credential file. Its nodes' names stand in the flow file beside it.
struct Credentials<'a> {
    blob: Blob<'a>,
    known: Option<Known>,
}

impl Reader for Credentials<'_> {
    fn place(&mut self, trail: &Trail<'_>) -> Option<Whose> {
        let file = trail.hops.first()?;
        let id = trail.key(0)?;
        let blob = &self.blob;
        let known = self.known.get_or_insert_with(|| known_nodes(blob, file.value));
        let from = usize::from(id != "$");
        let (flow, step) = known.get(id).cloned().unwrap_or_else(|| stranger(id));
        Some(Whose {
            flow: Some(flow),
            step: step.filter(|_| id != "$"),
            scope: Scope::Store,
            prefix: None,
            from,
        })
    }
}

/// The nodes of the flow file that have an entry in a credential file.
fn known_nodes(blob: &Blob<'_>, file: Value<'_>) -> Known {
    let ids: HashSet<_> = file.members().map(|(id, _)| id.text()).collect();
    companion(blob, |id| ids.contains(id)).unwrap_or_default()
}

/// A node that no flow file tells of.
fn stranger(id: &str) -> (Arc<Flow>, Option<Arc<Step>>) {
    let flow = Flow { platform: vocabulary::NODE_RED.name, ..Flow::default() };
    let step = Step { id: Some(id.to_owned()), ..Step::default() };
    (Arc::new(flow), Some(Arc::new(step)))
}

/// The nodes of the flow file beside a credential file: `flows.json` beside `flows_cred.json`, else the only other.
fn companion(blob: &Blob<'_>, wanted: impl Fn(&str) -> bool) -> Option<Known> {
    let path = own_path(blob);
    let folder = path.strip_suffix(file_name(&path))?;
    let twin = path.strip_suffix("_cred.json").map(|stem| format!("{stem}.json"));
    let is_flow =
        |name: &str| name.starts_with("flow") && name.ends_with(".json") && !name.ends_with("_cred.json");
    let beside = |member: &&String| member.strip_prefix(folder).is_some_and(is_flow);
    let members = blob.package.members();
    let exact = members.iter().find(|member| twin.as_ref() == Some(*member));
    let bytes = blob.package.read(exact.or_else(|| members.iter().find(beside))?)?;
    let list = Value::first(&bytes).filter(|list| is_flow_file(*list))?;
    let tabs = tabs(list);
    let nodes = list.items().filter_map(|node| Some((name_of(node.get("id"))?, node)));
    Some(nodes.filter(|(id, _)| wanted(id)).map(|(id, node)| (id, node_of(node, &tabs))).collect())
}
