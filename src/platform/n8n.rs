//! n8n: exports of workflows in every wrapper that the editor, the command line, the API and backup tools make, and
//! exports of credentials.
//!
//! Shapes: <https://docs.n8n.io/workflows/export-import/>, `n8n export:workflow`, `n8n export:credentials`, and the
//! public API's lists (`{"data": […]}`).

use std::collections::HashMap;
use std::sync::Arc;

use crate::blob::Blob;
use crate::finding::{Flow, Step};
use crate::json::Value;
use crate::platform::document::{Hop, Id, Trail};
use crate::platform::vocabulary::{self, Scope};
use crate::platform::{Reader, Whose, each_item, name_of, on_off};

/// How many containers a workflow may lie in.
const MAX_OUTER: usize = 8;

/// How many nodes are remembered by name, for pinned data.
const MAX_NAMED: usize = 10_000;

/// Makes a reader if the value is a workflow or a credential.
pub(super) fn open<'a>(_blob: &Blob<'a>, value: Value<'_>) -> Option<Box<dyn Reader + 'a>> {
    (is_workflow(value) || is_credential(value)).then(|| Box::new(N8n::default()) as Box<dyn Reader>)
}

/// What was read so far, by the container that it was read from.
#[derive(Default)]
struct N8n {
    /// With whether the way goes on to what the container wraps.
    flows: HashMap<(Id, bool), Option<Arc<Flow>>>,
    /// Entries of the credential store: each a step, with its owner as that of a flow.
    credentials: HashMap<Id, Option<Entry>>,
    steps: HashMap<Id, Arc<Step>>,
    named: HashMap<Id, HashMap<String, Arc<Step>>>,
}

impl Reader for N8n {
    fn place(&mut self, trail: &Trail<'_>) -> Option<Whose> {
        let outer = trail.hops.len().min(MAX_OUTER);
        (0..outer).find_map(|hop| self.in_workflow(trail, hop).or_else(|| self.in_credential(trail, hop)))
    }

    fn connection(&self, trail: &Trail<'_>) -> Option<String> {
        let nodes = (0..trail.hops.len().min(MAX_OUTER)).find(|hop| trail.key(*hop) == Some("nodes"))?;
        let node = trail.item(nodes + 1).and(trail.hops.get(nodes + 2))?;
        let (_, credential) = node.value.get("credentials")?.members().next()?;
        name_of(credential.get("name")).or_else(|| name_of(Some(credential)))
    }
}

impl N8n {
    /// Whose the place is if the container at `hop` is a workflow or a wrapper with something beside one.
    fn in_workflow(&mut self, trail: &Trail<'_>, hop: usize) -> Option<Whose> {
        let key = (trail.hops.get(hop)?.id.clone(), is_wrapping(trail, hop));
        let flow = self.flows.entry(key).or_insert_with(|| flow(trail, hop)).clone()?;
        let version = hop + usize::from(trail.key(hop) == Some("activeVersion"));
        let whose = self.in_step(trail, version).unwrap_or(Whose {
            flow: None,
            step: None,
            scope: Scope::Flow,
            prefix: None,
            from: hop,
        });
        Some(Whose { flow: Some(flow), ..whose })
    }

    /// The step of a place in the nodes, pinned or static data of the workflow at `hop`.
    fn in_step(&mut self, trail: &Trail<'_>, hop: usize) -> Option<Whose> {
        let (step, prefix, from) = match trail.key(hop)? {
            "nodes" => {
                trail.item(hop + 1)?;
                (Some(self.step(trail.hops.get(hop + 2)?)), None, hop + 2)
            }
            "pinData" => {
                (self.step_named(trail.hops.get(hop)?, trail.key(hop + 1)?), Some("pinData"), hop + 2)
            }
            "staticData" => {
                let name = trail.key(hop + 1)?.strip_prefix("node:")?;
                (self.step_named(trail.hops.get(hop)?, name), Some("staticData"), hop + 2)
            }
            _ => return None,
        };
        Some(Whose { flow: None, step, scope: Scope::Step, prefix, from })
    }

    fn step(&mut self, node: &Hop<'_>) -> Arc<Step> {
        self.steps.entry(node.id.clone()).or_insert_with(|| Arc::new(step(node.value))).clone()
    }

    fn step_named(&mut self, workflow: &Hop<'_>, name: &str) -> Option<Arc<Step>> {
        let named = self.named.entry(workflow.id.clone()).or_insert_with(|| steps_by_name(workflow.value));
        named.get(name).cloned()
    }

    /// Whose the place is if the container at `hop` is a credential of an export.
    fn in_credential(&mut self, trail: &Trail<'_>, hop: usize) -> Option<Whose> {
        let container = trail.hops.get(hop)?;
        let credential = self.credentials.entry(container.id.clone());
        let known =
            credential.or_insert_with(|| is_credential(container.value).then(|| entry(container.value)));
        let (flow, step) = known.clone()?;
        Some(Whose { flow: Some(flow), step: Some(step), scope: Scope::Store, prefix: None, from: hop })
    }
}

/// A workflow has nodes, which have a type, and connections; either may be JSON in a string, as in the database.
fn is_workflow(value: Value<'_>) -> bool {
    let [nodes, connections] = value.pick(["nodes", "connections"]);
    let Some(nodes) = nodes else { return false };
    if connections.is_none_or(|connections| !connections.is_object() && !connections.is_string()) {
        return false;
    }
    let mut is_node = nodes.is_array();
    each_item(nodes, &mut |node| {
        let [kind, version, parameters] = node.pick(["type", "typeVersion", "parameters"]);
        is_node = kind.is_some_and(Value::is_string) && (version.is_some() || parameters.is_some());
        false
    });
    is_node
}

/// A credential of `n8n export:credentials`: its data are an encrypted text or, decrypted, an object.
pub(super) fn is_credential(value: Value<'_>) -> bool {
    let [data, kind, name] = value.pick(["data", "type", "name"]);
    let (Some(data), Some(_), Some(_)) = (data, kind, name) else {
        return false;
    };
    let encrypted = data.content().is_some_and(|content| content.starts_with(b"U2FsdGVkX1"));
    let marks = || value.pick(["nodesAccess", "createdAt", "isManaged", "homeProject", "usageScope"]);
    encrypted || (data.is_object() && marks().iter().any(Option::is_some))
}

/// An entry of the credential store: its owner as that of a flow, and itself as a step.
type Entry = (Arc<Flow>, Arc<Step>);

/// An entry of the credential store. It belongs to no workflow: the store stands as the flow, with the entry's owner.
fn entry(credential: Value<'_>) -> Entry {
    let [id, name, kind, updated, shared] = credential.pick(["id", "name", "type", "updatedAt", "shared"]);
    let flow = Flow {
        platform: vocabulary::N8N.name,
        owner: shared.and_then(owner_of_shares),
        modified: name_of(updated),
        ..Flow::default()
    };
    let step = Step { id: name_of(id), name: name_of(name), kind: name_of(kind), enabled: None };
    (Arc::new(flow), Arc::new(step))
}

/// The flow at `hop`, with what its wrappers say about it; `None` if neither it nor what it wraps is a workflow.
fn flow(trail: &Trail<'_>, hop: usize) -> Option<Arc<Flow>> {
    let container = trail.hops.get(hop)?.value;
    let wrapped = (!is_workflow(container)).then(|| wrapped(container));
    let levels = match wrapped {
        None => {
            let wrappers = (0..hop).rev().take_while(|outer| is_wrapping(trail, *outer));
            let wrappers = wrappers.filter_map(|outer| Some(trail.hops.get(outer)?.value));
            [container].into_iter().chain(wrappers).collect()
        }
        // A place within what is wrapped is left to that.
        Some(_) if is_wrapping(trail, hop) => return None,
        Some(levels) => levels?,
    };
    let flow = levels.into_iter().map(facts).reduce(completed)?;
    Some(Arc::new(flow))
}

/// Whether the way goes on through what a wrapper wraps.
fn is_wrapping(trail: &Trail<'_>, hop: usize) -> bool {
    matches!(trail.key(hop), Some("workflow" | "data"))
}

/// The workflow in a wrapper and the wrappers around it, innermost first.
fn wrapped(outer: Value<'_>) -> Option<Vec<Value<'_>>> {
    let mut levels = vec![outer];
    for _ in 0..2 {
        let [workflow, data] = levels.last()?.pick(["workflow", "data"]);
        let inner = [workflow, data].into_iter().flatten().find(|inner| inner.is_object())?;
        levels.push(inner);
        if is_workflow(inner) {
            levels.reverse();
            return Some(levels);
        }
    }
    None
}

/// What one object says about a workflow.
fn facts(object: Value<'_>) -> Flow {
    let [id, workflow_id, name, active, archived, updated, shared, project, user] = object.pick([
        "id",
        "workflowId",
        "name",
        "active",
        "isArchived",
        "updatedAt",
        "shared",
        "homeProject",
        "user",
    ]);
    let is_archived = archived.and_then(Value::boolean) == Some(true);
    let project = || name_of(project?.get("name"));
    let user = || user.and_then(person);
    Flow {
        platform: vocabulary::N8N.name,
        id: name_of(id).or_else(|| name_of(workflow_id)),
        name: name_of(name),
        owner: shared.and_then(owner_of_shares).or_else(project).or_else(user),
        state: if is_archived { Some("archived".to_owned()) } else { on_off(active) },
        modified: name_of(updated),
    }
}

fn completed(flow: Flow, outer: Flow) -> Flow {
    Flow {
        platform: flow.platform,
        id: flow.id.or(outer.id),
        name: flow.name.or(outer.name),
        owner: flow.owner.or(outer.owner),
        state: flow.state.or(outer.state),
        modified: flow.modified.or(outer.modified),
    }
}

/// The owner among those whom a workflow is shared with, else the first of them.
fn owner_of_shares(shared: Value<'_>) -> Option<String> {
    let owns = |share: &Value<'_>| {
        share.get("role").and_then(Value::text).is_some_and(|role| role.ends_with(":owner"))
    };
    let share = shared.items().find(owns).or_else(|| shared.items().next())?;
    let [project, user] = share.pick(["project", "user"]);
    name_of(project.and_then(|project| project.get("name"))).or_else(|| user.and_then(person))
}

fn person(user: Value<'_>) -> Option<String> {
    let [email, username, name] = user.pick(["email", "username", "name"]);
    name_of(email).or_else(|| name_of(username)).or_else(|| name_of(name))
}

fn step(node: Value<'_>) -> Step {
    let [id, name, kind, disabled] = node.pick(["id", "name", "type", "disabled"]);
    let disabled = disabled.and_then(Value::boolean).unwrap_or(false);
    Step { id: name_of(id), name: name_of(name), kind: name_of(kind), enabled: Some(!disabled) }
}

fn steps_by_name(workflow: Value<'_>) -> HashMap<String, Arc<Step>> {
    let mut steps = HashMap::new();
    let Some(nodes) = workflow.get("nodes") else {
        return steps;
    };
    each_item(nodes, &mut |node| {
        let step = step(node);
        steps.extend(step.name.clone().map(|name| (name, Arc::new(step))));
        steps.len() < MAX_NAMED
    });
    steps
}
