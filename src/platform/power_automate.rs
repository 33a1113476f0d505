//! Power Automate: cloud flows of solutions and of the older flow packages; and Azure Logic Apps, whose definitions are
//! the same. A flow is recognised by its definition: triggers and actions by name, actions in actions.
//!
//! <https://learn.microsoft.com/azure/logic-apps/logic-apps-workflow-definition-language>

use std::collections::HashMap;
use std::sync::Arc;

use crate::blob::Blob;
use crate::finding::{Flow, Step};
use crate::json::Value;
use crate::platform::document::{Id, Trail};
use crate::platform::vocabulary::{self, Scope, Vocabulary, is_uuid};
use crate::platform::{Reader, Whose, logic_apps, name_of, solution};

/// How many containers a definition may lie in.
const MAX_OUTER: usize = 12;

/// How deep actions are followed into actions. The platform allows eight
/// (<https://learn.microsoft.com/azure/logic-apps/logic-apps-limits-and-configuration>); a bound keeps hostile
/// definitions linear.
const MAX_NESTED: usize = 32;

/// Makes a reader if the value is a flow, a map of connections of a flow package, or such a package's manifest.
pub(super) fn open<'a>(blob: &Blob<'a>, value: Value<'_>) -> Option<Box<dyn Reader + 'a>> {
    if is_flow(value) {
        return Some(Box::new(Flows::new(blob, &vocabulary::POWER_AUTOMATE)));
    }
    (is_connection_map(value) || is_package_manifest(value)).then(|| Box::new(Beside) as Box<dyn Reader>)
}

/// Makes a reader if the value is a definition without the surroundings of a cloud flow, or a member around such ones.
pub(super) fn open_logic_app<'a>(blob: &Blob<'a>, value: Value<'_>) -> Option<Box<dyn Reader + 'a>> {
    let is_logic_app = is_definition(value) || value.get("definition").is_some_and(is_definition);
    let around = logic_apps::open(value);
    if !is_logic_app && around.is_none() {
        return None;
    }
    Some(Box::new(Flows { around, ..Flows::new(blob, &vocabulary::LOGIC_APPS) }))
}

/// A definition beside what only Power Automate writes there.
fn is_flow(value: Value<'_>) -> bool {
    let [properties, kind] = value.pick(["properties", "type"]);
    if kind.and_then(Value::text).is_some_and(|kind| kind.starts_with("Microsoft.Logic/")) {
        return false;
    }
    let Some(properties) = properties else {
        return false;
    };
    let [definition, references, name, api] =
        properties.pick(["definition", "connectionReferences", "displayName", "apiId"]);
    definition.is_some_and(is_definition) && [references, name, api].iter().any(Option::is_some)
}

fn is_definition(value: Value<'_>) -> bool {
    let [schema, actions, triggers] = value.pick(["$schema", "actions", "triggers"]);
    let is_schema =
        |schema: Value<'_>| schema.text().is_some_and(|schema| schema.contains("/workflowdefinition.json"));
    let has_steps = actions.is_some_and(Value::is_object) && triggers.is_some_and(Value::is_object);
    has_steps || schema.is_some_and(is_schema)
}

/// `apisMap.json` and `connectionsMap.json`: connectors by name, each with the id of a resource of the package.
fn is_connection_map(value: Value<'_>) -> bool {
    let mut members = value.members().take(64).peekable();
    let is_connection = |value: Value<'_>| value.text().is_some_and(|id| is_uuid(&id));
    members.peek().is_some()
        && members.all(|(key, value)| key.text().starts_with("shared_") && is_connection(value))
}

/// The root `manifest.json` of a flow package.
fn is_package_manifest(value: Value<'_>) -> bool {
    let [schema, details, resources] = value.pick(["schema", "details", "resources"]);
    schema.is_some()
        && resources.is_some_and(Value::is_object)
        && details.is_some_and(|details| details.get("packageTelemetryId").is_some())
}

/// The members beside a flow in its package: ids, and who made it.
struct Beside;

impl Reader for Beside {
    fn place(&mut self, _trail: &Trail<'_>) -> Option<Whose> {
        Some(Whose { flow: None, step: None, scope: Scope::Store, prefix: None, from: 0 })
    }
}

/// What was read so far, by the container that it was read from.
struct Flows<'a> {
    blob: Blob<'a>,
    vocabulary: &'static Vocabulary,
    definitions: HashMap<Id, bool>,
    flows: HashMap<Id, Arc<Flow>>,
    steps: HashMap<Id, Arc<Step>>,
    /// Whose the places are that lie in no flow.
    around: Option<Box<dyn Reader + 'a>>,
}

impl<'a> Flows<'a> {
    fn new(blob: &Blob<'a>, vocabulary: &'static Vocabulary) -> Self {
        Self {
            blob: *blob,
            vocabulary,
            definitions: HashMap::new(),
            flows: HashMap::new(),
            steps: HashMap::new(),
            around: None,
        }
    }

    /// The hops of the object that is the flow and, where the way goes through it, of its definition.
    fn flow_at(&mut self, trail: &Trail<'_>) -> Option<(usize, Option<usize>)> {
        let outer = trail.hops.len().min(MAX_OUTER);
        (0..outer).find_map(|hop| {
            let container = trail.hops.get(hop)?;
            let known = self.definitions.entry(container.id.clone());
            if !*known.or_insert_with(|| is_definition(container.value) || holds_definition(container.value))
            {
                return None;
            }
            let definition = match (trail.key(hop), trail.key(hop + 1)) {
                (Some("properties"), Some("definition")) => Some(hop + 2),
                (Some("definition"), _) => Some(hop + 1),
                _ => is_definition(container.value).then_some(hop),
            };
            Some((hop, definition))
        })
    }

    fn flow(&mut self, trail: &Trail<'_>, hop: usize) -> Option<Arc<Flow>> {
        let root = trail.hops.get(hop)?;
        let (blob, vocabulary) = (&self.blob, self.vocabulary);
        let template = trail.hops.first().filter(|_| hop > 0).map(|outermost| outermost.value);
        let known = self.flows.entry(root.id.clone());
        Some(known.or_insert_with(|| Arc::new(flow(blob, vocabulary, root.value, template))).clone())
    }

    /// The innermost step on the way from a definition on, and the hop of its object.
    fn step(&mut self, trail: &Trail<'_>, definition: usize) -> Option<(usize, Arc<Step>)> {
        let mut innermost = None;
        let mut at = definition;
        for _ in 0..MAX_NESTED {
            let Some(steps) = steps_at(trail, at) else { break };
            if trail.key(steps).is_none() || trail.hops.get(steps + 1).is_none() {
                break;
            }
            innermost = Some(steps);
            at = steps + 1;
        }
        let steps = innermost?;
        let (name, object) = (trail.key(steps)?, trail.hops.get(steps + 1)?);
        let known = self.steps.entry(object.id.clone());
        Some((steps + 1, known.or_insert_with(|| Arc::new(step(name, object.value))).clone()))
    }
}

impl Reader for Flows<'_> {
    fn place(&mut self, trail: &Trail<'_>) -> Option<Whose> {
        let Some((root, definition)) = self.flow_at(trail) else {
            return self.around.as_mut()?.place(trail);
        };
        let flow = self.flow(trail, root);
        let step = definition.and_then(|definition| self.step(trail, definition));
        let (scope, from) = match &step {
            Some((from, _)) => (Scope::Step, *from),
            None => {
                (Scope::Flow, definition.unwrap_or(root + usize::from(trail.key(root) == Some("properties"))))
            }
        };
        Some(Whose { flow, step: step.map(|(_, step)| step), scope, prefix: None, from })
    }

    fn connection(&self, trail: &Trail<'_>) -> Option<String> {
        let inputs = trail.hops.iter().rev().find_map(|hop| hop.value.get("inputs"))?;
        let [name, reference] = inputs.get("host")?.pick(["connectionName", "connectionReferenceName"]);
        name_of(reference.or(name))
    }
}

fn holds_definition(value: Value<'_>) -> bool {
    let [definition, properties] = value.pick(["definition", "properties"]);
    let inner = || properties.and_then(|properties| properties.get("definition"));
    definition.or_else(inner).is_some_and(is_definition)
}

/// The hop of the object that has the steps by name, if the way goes from the object at `at` into one: the actions
/// of a definition or scope, of a branch, of a case.
fn steps_at(trail: &Trail<'_>, at: usize) -> Option<usize> {
    match (trail.key(at)?, trail.key(at + 1), trail.key(at + 2)) {
        ("actions" | "triggers", _, _) => Some(at + 1),
        ("else" | "default", Some("actions"), _) => Some(at + 2),
        ("cases", Some(_), Some("actions")) => Some(at + 3),
        _ => None,
    }
}

/// The designer writes spaces of a step's name as `_`.
fn step(name: &str, object: Value<'_>) -> Step {
    let kind = name_of(object.get("type"));
    Step { id: Some(name.to_owned()), name: Some(name.replace('_', " ")), kind, enabled: None }
}

/// What the export says about a flow: its own object first, then the members beside it.
fn flow(blob: &Blob<'_>, vocabulary: &Vocabulary, root: Value<'_>, template: Option<Value<'_>>) -> Flow {
    let [id, name, properties, tags] = root.pick(["id", "name", "properties", "tags"]);
    let own = properties.map(properties_of).unwrap_or_default();
    let name_or_id = match template {
        Some(template) => name.and_then(|name| logic_apps::resolved(template, name)),
        None => name_of(name),
    };
    let is_guid = name_or_id.as_deref().is_some_and(is_uuid);
    let written = Flow {
        platform: vocabulary.name,
        id: name_or_id.clone().filter(|_| is_guid).or_else(|| name_of(id)),
        name: own.name.or(name_or_id.filter(|_| !is_guid)),
        owner: own.owner.or_else(|| name_of(tags?.get("owner"))),
        state: own.state,
        modified: own.modified,
    };
    let package = package_flow(blob).unwrap_or_default();
    let listed =
        if written.id.is_none() { solution::flow(blob).unwrap_or_default() } else { Flow::default() };
    let template = template.and_then(logic_apps::template_flow).unwrap_or_default();
    let folder =
        Flow { name: folder_of_workflow(blob).or_else(|| file_of_definition(blob)), ..Flow::default() };
    completed(completed(completed(completed(written, listed), package), template), folder)
}

/// A definition that somebody saved out of the code view is named as its file.
fn file_of_definition(blob: &Blob<'_>) -> Option<String> {
    let path = blob.provenance.entries.last().unwrap_or(&blob.provenance.path).replace('\\', "/");
    let stem = solution::file_name(&path).strip_suffix(".json")?;
    Some(stem.to_owned()).filter(|stem| !matches!(&**stem, "" | "definition" | "workflow"))
}

/// A workflow of a Standard logic app is named as the folder of its `workflow.json`.
fn folder_of_workflow(blob: &Blob<'_>) -> Option<String> {
    let path = blob.provenance.entries.last().unwrap_or(&blob.provenance.path).replace('\\', "/");
    let folder = path.strip_suffix("/workflow.json")?;
    Some(solution::file_name(folder).to_owned()).filter(|name| !matches!(&**name, "" | "." | ".."))
}

fn completed(flow: Flow, other: Flow) -> Flow {
    Flow {
        platform: flow.platform,
        id: flow.id.or(other.id),
        name: flow.name.or(other.name),
        owner: flow.owner.or(other.owner),
        state: flow.state.or(other.state),
        modified: flow.modified.or(other.modified),
    }
}

fn properties_of(properties: Value<'_>) -> Flow {
    let [name, state, modified, changed, author, creator] =
        properties.pick(["displayName", "state", "lastModifiedTime", "changedTime", "author", "creator"]);
    Flow {
        name: name_of(name),
        state: name_of(state).map(|state| match state.as_str() {
            "Started" | "Enabled" => "on".to_owned(),
            "Stopped" | "Disabled" => "off".to_owned(),
            _ => state,
        }),
        owner: author.or(creator).and_then(person),
        modified: name_of(modified).or_else(|| name_of(changed)),
        ..Flow::default()
    }
}

fn person(person: Value<'_>) -> Option<String> {
    let [name, email, user] = person.pick(["name", "email", "userId"]);
    name_of(email).or_else(|| name_of(name)).or_else(|| name_of(user)).or_else(|| name_of(Some(person)))
}

/// What the `manifest.json` in the root of a flow package says.
fn package_flow(blob: &Blob<'_>) -> Option<Flow> {
    let path = solution::own_path(blob);
    let root = path.find("Microsoft.Flow/").map_or("", |at| path.get(..at).unwrap_or_default());
    let wanted = format!("{root}manifest.json");
    let member = blob.package.members().into_iter().find(|member| member.replace('\\', "/") == wanted)?;
    let bytes = blob.package.read(&member)?;
    let manifest = Value::first(&bytes).filter(|value| is_package_manifest(*value))?;
    let [creator, created] = manifest.get("details")?.pick(["creator", "createdTime"]);
    let owner = name_of(creator).filter(|creator| creator != "N/A");
    Some(Flow { owner, modified: name_of(created), ..Flow::default() })
}
