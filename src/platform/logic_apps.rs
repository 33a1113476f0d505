//! Azure Logic Apps, but for the definitions, which are Power Automate's: the members around them. ARM templates with
//! their parameters and connections, parameter files, and what lies beside the workflows of a Standard app
//! (`connections.json`, `parameters.json`, `local.settings.json`).
//!
//! <https://learn.microsoft.com/azure/logic-apps/logic-apps-azure-resource-manager-templates-overview>,
//! <https://learn.microsoft.com/azure/logic-apps/edit-app-settings-host-settings>

use std::collections::HashMap;
use std::sync::Arc;

use crate::finding::{Flow, Step};
use crate::json::Value;
use crate::platform::document::{Id, Trail};
use crate::platform::vocabulary::{self, Scope};
use crate::platform::{Reader, Whose, name_of, on_off};

/// How many resources of a template, parameters or connections decide what a member is.
const MAX_PROBED: usize = 64;

/// Makes a reader if the value is a member around workflows.
pub(super) fn open<'a>(value: Value<'_>) -> Option<Box<dyn Reader + 'a>> {
    let kind = Kind::of(value)?;
    Some(Box::new(Around { kind, flows: HashMap::new() }))
}

/// What a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// An ARM template that deploys workflows or their connections.
    Template,
    /// The parameters that are given to a template or to the workflows of a Standard app.
    Parameters,
    /// The connections of a Standard app.
    Connections,
    /// The application settings of a Standard app, for the developer's own machine.
    Settings,
}

/// The kinds of connections in a `connections.json`.
const CONNECTIONS: &[&str] = &[
    "managedApiConnections",
    "serviceProviderConnections",
    "functionConnections",
    "apiManagementConnections",
    "agentConnections",
];

impl Kind {
    fn of(value: Value<'_>) -> Option<Self> {
        let [schema, resources, parameters, values, sealed] =
            value.pick(["$schema", "resources", "parameters", "Values", "IsEncrypted"]);
        let schema = schema.and_then(Value::text).unwrap_or_default();
        if schema.contains("deploymentTemplate.json") {
            return resources.is_some_and(deploys_workflows).then_some(Self::Template);
        }
        if schema.contains("deploymentParameters.json") {
            return parameters.is_some().then_some(Self::Parameters);
        }
        if sealed.is_some() && values.is_some_and(Value::is_object) {
            return Some(Self::Settings);
        }
        let is_connections =
            value.members().take(MAX_PROBED).any(|(key, _)| CONNECTIONS.iter().any(|name| key.is(name)));
        if is_connections {
            return Some(Self::Connections);
        }
        are_parameters(value).then_some(Self::Parameters)
    }
}

fn deploys_workflows(resources: Value<'_>) -> bool {
    resources
        .items()
        .take(MAX_PROBED)
        .any(|resource| is_of(resource, "Microsoft.Logic/") || is_connection(resource))
}

fn is_connection(resource: Value<'_>) -> bool {
    is_of(resource, "Microsoft.Web/connections")
}

fn is_of(resource: Value<'_>, kind: &str) -> bool {
    let own = resource.get("type").and_then(Value::text);
    own.and_then(|own| own.get(..kind.len()).map(|start| start.eq_ignore_ascii_case(kind))) == Some(true)
}

/// `{"name": {"type": "String", "value": …}, …}`: `parameters.json` of a Standard app.
fn are_parameters(value: Value<'_>) -> bool {
    const TYPES: &[&str] =
        &["String", "Int", "Float", "Bool", "Array", "Object", "SecureString", "SecureObject"];
    let mut members = value.members().take(MAX_PROBED).peekable();
    members.peek().is_some()
        && members.all(|(_, parameter)| {
            let [kind, value] = parameter.pick(["type", "value"]);
            value.is_some() && kind.and_then(Value::text).is_some_and(|kind| TYPES.contains(&&*kind))
        })
}

/// What a template says about its first workflow, whose name may stand in a parameter.
pub(super) fn template_flow(template: Value<'_>) -> Option<Flow> {
    let [schema, resources, metadata] = template.pick(["$schema", "resources", "metadata"]);
    schema?.text().filter(|schema| schema.contains("deploymentTemplate.json"))?;
    let mut items = resources?.items().take(MAX_PROBED);
    let workflow = items.find(|resource| is_of(*resource, "Microsoft.Logic/workflows"));
    let metadata = |path: &[&str]| name_of(metadata?.path(path));
    Some(Flow {
        platform: vocabulary::LOGIC_APPS.name,
        id: None,
        name: workflow
            .and_then(|workflow| resolved(template, workflow.get("name")?))
            .or_else(|| metadata(&["title"])),
        owner: metadata(&["author", "name"]).or_else(|| metadata(&["author"])),
        state: workflow.and_then(|workflow| state(workflow.path(&["properties", "state"]))),
        modified: metadata(&["lastUpdateTime"]),
    })
}

fn state(state: Option<Value<'_>>) -> Option<String> {
    match &*state?.text()? {
        "Enabled" => Some("on".to_owned()),
        "Disabled" => Some("off".to_owned()),
        _ => on_off(state),
    }
}

/// A name, which `[parameters('x')]` or `[variables('x')]` may stand for.
pub(super) fn resolved(template: Value<'_>, name: Value<'_>) -> Option<String> {
    let text = name_of(Some(name))?;
    let inner = |call: &str| text.strip_prefix(call)?.strip_suffix("')]").map(str::to_owned);
    let parameter = || name_of(template.path(&["parameters", &inner("[parameters('")?, "defaultValue"]));
    let variable = || name_of(template.path(&["variables", &inner("[variables('")?]));
    Some(parameter().or_else(variable).unwrap_or(text))
}

/// A member around workflows.
struct Around {
    kind: Kind,
    /// By the document, of which a text may hold several.
    flows: HashMap<Id, Arc<Flow>>,
}

impl Reader for Around {
    fn place(&mut self, trail: &Trail<'_>) -> Option<Whose> {
        let flow = self.flow(trail)?;
        let step = match self.kind {
            Kind::Template => template_step(trail),
            Kind::Parameters => parameter_step(trail),
            Kind::Connections => connection_step(trail),
            Kind::Settings => setting_step(trail),
        };
        let from = step.as_ref().map_or(0, |(_, from)| *from);
        let step = step.map(|(step, _)| Arc::new(step));
        Some(Whose { flow: Some(flow), step, scope: Scope::Store, prefix: None, from })
    }
}

impl Around {
    fn flow(&mut self, trail: &Trail<'_>) -> Option<Arc<Flow>> {
        let root = trail.hops.first()?;
        let plain = || Flow { platform: vocabulary::LOGIC_APPS.name, ..Flow::default() };
        let read = || Arc::new(template_flow(root.value).unwrap_or_else(plain));
        Some(self.flows.entry(root.id.clone()).or_insert_with(read).clone())
    }
}

fn named(id: String, name: Option<String>, kind: &str) -> Step {
    Step { name: name.or_else(|| Some(id.clone())), id: Some(id), kind: Some(kind.to_owned()), enabled: None }
}

/// A parameter of a template, a connection or another resource in it; and the hop from which on its fields count.
fn template_step(trail: &Trail<'_>) -> Option<(Step, usize)> {
    match trail.key(0)? {
        "parameters" => Some((named(trail.key(1)?.to_owned(), None, "template parameter"), 2)),
        "resources" => {
            trail.item(1)?;
            let resource = trail.hops.get(2)?.value;
            let root = trail.hops.first()?.value;
            let id = resource.get("name").and_then(|name| resolved(root, name))?;
            let title = resource.path(&["properties", "displayName"]).and_then(|title| resolved(root, title));
            let kind = name_of(resource.get("type"))?;
            Some((named(id, title, &kind), if trail.key(2) == Some("properties") { 3 } else { 2 }))
        }
        _ => None,
    }
}

fn parameter_step(trail: &Trail<'_>) -> Option<(Step, usize)> {
    let from = usize::from(trail.key(0) == Some("parameters"));
    trail.hops.get(from + 1)?;
    Some((named(trail.key(from)?.to_owned(), None, "parameter"), from + 1))
}

fn connection_step(trail: &Trail<'_>) -> Option<(Step, usize)> {
    let (kind, id) = (trail.key(0)?, trail.key(1)?);
    let connection = trail.hops.get(2)?.value;
    let kind = kind.strip_suffix('s').unwrap_or(kind);
    Some((named(id.to_owned(), name_of(connection.get("displayName")), kind), 2))
}

fn setting_step(trail: &Trail<'_>) -> Option<(Step, usize)> {
    trail.key(0).filter(|key| *key == "Values")?;
    Some((named(trail.key(1)?.to_owned(), None, "app setting"), 1))
}
