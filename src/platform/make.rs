//! Make: blueprints of scenarios, as downloaded or as the API wraps them, where the blueprint may be JSON in a string.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::blob::Blob;
use crate::finding::{Flow, Step};
use crate::json::Value;
use crate::platform::document::{Id, Trail};
use crate::platform::vocabulary::{self, Scope};
use crate::platform::{Reader, Whose, name_of, on_off};

/// How many containers a blueprint may lie in.
const MAX_OUTER: usize = 8;

/// How deep routes are followed into routes, so that hostile blueprints stay linear.
const MAX_NESTED: usize = 32;

/// How many modules are asked for a connection with an owner.
const MAX_MODULES: usize = 2000;

/// How a module names its connection or keychain; their labels are kept for the designer.
const CONNECTIONS: &[&str] = &["__IMTCONN__", "__IMTKEY__", "account", "keychain"];

/// Makes a reader if the value is a blueprint.
pub(super) fn open<'a>(_blob: &Blob<'a>, value: Value<'_>) -> Option<Box<dyn Reader + 'a>> {
    is_blueprint(value).then(|| Box::new(Make::default()) as Box<dyn Reader>)
}

/// A list `flow` whose first item has a module, `app:Action`, and what only Make writes beside it.
fn is_blueprint(value: Value<'_>) -> bool {
    let Some(module) = value.get("flow").and_then(|flow| flow.items().next()) else {
        return false;
    };
    let [kind, version, mapper, parameters, metadata] =
        module.pick(["module", "version", "mapper", "parameters", "metadata"]);
    let is_module = kind.and_then(Value::text).is_some_and(|kind| kind.contains(':'));
    is_module && [version, mapper, parameters, metadata].iter().any(Option::is_some)
}

/// What was read so far, by the container that it was read from.
#[derive(Default)]
struct Make {
    flows: HashMap<Id, Option<Arc<Flow>>>,
    steps: HashMap<Id, Arc<Step>>,
    /// Whether a route or module is switched off.
    disabled: HashMap<Id, bool>,
}

impl Reader for Make {
    fn place(&mut self, trail: &Trail<'_>) -> Option<Whose> {
        let outer = trail.hops.len().min(MAX_OUTER);
        let (root, flow) = (0..outer).find_map(|hop| Some((hop, self.flow(trail, hop)?)))?;
        let modules = modules_at(trail, root);
        let step = self.step(trail, &modules);
        let scope = if step.is_some() { Scope::Step } else { Scope::Flow };
        let from = modules.last().copied().unwrap_or(root);
        Some(Whose { flow: Some(flow), step, scope, prefix: None, from })
    }

    fn connection(&self, trail: &Trail<'_>) -> Option<String> {
        let root = (0..trail.hops.len().min(MAX_OUTER)).find(|hop| trail.key(*hop) == Some("flow"))?;
        let module = trail.hops.get(*modules_at(trail, root).last()?)?;
        CONNECTIONS.iter().find_map(|name| {
            name_of(module.value.path(&["metadata", "restore", "parameters", name, "label"]))
        })
    }
}

impl Make {
    fn flow(&mut self, trail: &Trail<'_>, hop: usize) -> Option<Arc<Flow>> {
        let container = trail.hops.get(hop)?;
        let known = self.flows.entry(container.id.clone());
        known.or_insert_with(|| is_blueprint(container.value).then(|| Arc::new(flow(trail, hop)))).clone()
    }

    /// The step of the last of the modules that lie in each other on the way.
    fn step(&mut self, trail: &Trail<'_>, modules: &[usize]) -> Option<Arc<Step>> {
        let container = trail.hops.get(*modules.last()?)?;
        if let Some(step) = self.steps.get(&container.id) {
            return Some(step.clone());
        }
        // Between a module and the list of the next lies a route, which is switched off as a whole.
        let routes = modules.iter().flat_map(|module| [module.checked_sub(2), Some(*module)]).flatten();
        let is_disabled = routes.into_iter().any(|hop| self.is_disabled(trail, hop));
        let step = Arc::new(step(container.value, is_disabled));
        self.steps.insert(container.id.clone(), step.clone());
        Some(step)
    }

    fn is_disabled(&mut self, trail: &Trail<'_>, hop: usize) -> bool {
        let Some(container) = trail.hops.get(hop) else {
            return false;
        };
        let known = self.disabled.entry(container.id.clone());
        *known.or_insert_with(|| container.value.get("disabled").and_then(Value::boolean) == Some(true))
    }
}

/// The hops of the modules that lie in each other on the way from a blueprint on, outermost first.
fn modules_at(trail: &Trail<'_>, root: usize) -> Vec<usize> {
    let next = |at: &usize| module_behind(trail, *at);
    std::iter::successors(module_behind(trail, root), next).take(MAX_NESTED).collect()
}

/// The hop of the module that the way reaches next from the object at `at`: in its `flow` or `onerror`, or in the `flow`
/// of one of its routes, branches or tools.
fn module_behind(trail: &Trail<'_>, at: usize) -> Option<usize> {
    let list = match (trail.key(at)?, trail.item(at + 1)) {
        ("flow" | "onerror", _) => at + 1,
        (_, Some(_)) if trail.key(at + 2) == Some("flow") => at + 3,
        (_, None) if trail.key(at + 1) == Some("flow") => at + 2,
        _ => return None,
    };
    trail.item(list)?;
    trail.hops.get(list + 1).map(|_| list + 1)
}

fn step(module: Value<'_>, is_disabled: bool) -> Step {
    let [id, kind, metadata] = module.pick(["id", "module", "metadata"]);
    let title = name_of(metadata.and_then(|metadata| metadata.path(&["designer", "name"])));
    let kind = name_of(kind);
    Step {
        id: name_of(id),
        name: title.or_else(|| kind.clone()),
        kind,
        enabled: is_disabled.then_some(false),
    }
}

/// The flow of the blueprint at `hop`, with what the wrappers of the API say about it.
fn flow(trail: &Trail<'_>, hop: usize) -> Flow {
    let wrappers = (0..hop)
        .rev()
        .take_while(|outer| matches!(trail.key(*outer), Some("blueprint" | "response" | "scenario")));
    let wrappers = wrappers.filter_map(|outer| Some(facts(trail.hops.get(outer)?.value)));
    let Some(blueprint) = trail.hops.get(hop) else {
        return Flow::default();
    };
    let own = Flow {
        platform: vocabulary::MAKE.name,
        name: name_of(blueprint.value.get("name")),
        owner: owner(blueprint.value),
        ..Flow::default()
    };
    wrappers.fold(own, |flow, outer| Flow {
        platform: flow.platform,
        id: flow.id.or(outer.id),
        name: flow.name.or(outer.name),
        owner: flow.owner,
        state: flow.state.or(outer.state),
        modified: flow.modified.or(outer.modified),
    })
}

/// What an object of the API says about a scenario.
fn facts(object: Value<'_>) -> Flow {
    let [id, scenario, name, active, edited, created] =
        object.pick(["id", "scenarioId", "name", "isActive", "lastEdit", "created"]);
    Flow {
        platform: vocabulary::MAKE.name,
        id: name_of(id).or_else(|| name_of(scenario)),
        name: name_of(name),
        owner: None,
        state: on_off(active),
        modified: name_of(edited).or_else(|| name_of(created)),
    }
}

/// The nearest thing to an owner: the first label of a connection that names somebody by a mail address, else the first
/// label. Make writes the account into it: `My Google connection (jane@example.org)`.
fn owner(blueprint: Value<'_>) -> Option<String> {
    let mut queue: VecDeque<_> = modules_of(blueprint).collect();
    let mut first = None;
    for _ in 0..MAX_MODULES {
        let Some(module) = queue.pop_front() else { break };
        let label = name_of(module.path(&["metadata", "restore", "parameters", "__IMTCONN__", "label"]));
        let address = label.as_deref().and_then(mail_address);
        if address.is_some() {
            return address;
        }
        first = first.or(label);
        if queue.len() < MAX_MODULES {
            queue.extend(inner_modules(module));
        }
    }
    first
}

fn mail_address(label: &str) -> Option<String> {
    let words = label.split(|letter: char| letter.is_whitespace() || "()<>[],;".contains(letter));
    words
        .into_iter()
        .find(|word| word.split_once('@').is_some_and(|(user, host)| !user.is_empty() && host.contains('.')))
        .map(str::to_owned)
}

fn modules_of(object: Value<'_>) -> impl Iterator<Item = Value<'_>> {
    object.get("flow").into_iter().flat_map(Value::items)
}

/// The modules of a module's routes, branches, tools and error handlers.
fn inner_modules(module: Value<'_>) -> Vec<Value<'_>> {
    let [routes, branches, tools, on_error] = module.pick(["routes", "branches", "tools", "onerror"]);
    let lists = [routes, branches, tools].into_iter().flatten().flat_map(Value::items);
    let handlers = on_error.into_iter().flat_map(Value::items);
    lists.flat_map(modules_of).chain(handlers).collect()
}
