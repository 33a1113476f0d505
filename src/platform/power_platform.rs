//! The members of a Power Platform solution beside its flows: environment variables, connectors, `customizations.xml`
//! and `solution.xml`. They belong to no flow: as flow stands the solution, with its publisher.

use std::collections::HashMap;
use std::sync::Arc;

use memchr::memmem;

use crate::blob::{Blob, Span};
use crate::finding::{Flow, Place, Step};
use crate::json::Value;
use crate::platform::document::{Id, Trail};
use crate::platform::solution::{self, Listed};
use crate::platform::vocabulary::{self, Query, Scope};
use crate::platform::xml::{self, Element, Walker};
use crate::platform::{Reader, Whose, judge, name_of};

/// What a step is called that stands for an environment variable.
const VARIABLE: &str = "environment variable";

/// Makes a reader if the value is one of the JSON members beside the flows.
pub(super) fn open<'a>(blob: &Blob<'a>, value: Value<'_>) -> Option<Box<dyn Reader + 'a>> {
    let [values, policies] = value.pick(["environmentvariablevalues", "policyTemplateInstances"]);
    let step = match (values, policies) {
        (Some(_), _) => Some(variable_of_path(blob)),
        (None, Some(_)) => None,
        (None, None) if is_connection_parameters(value) => None,
        (None, None) => return None,
    };
    let flow = Arc::new(solution_flow(blob));
    Some(Box::new(Member { flow, step: step.map(Arc::new), policies: HashMap::new() }))
}

/// The parameters of a connector's connections: settings by name, each with a type and how to ask for it.
fn is_connection_parameters(value: Value<'_>) -> bool {
    let mut members = value.members().take(16).peekable();
    let is_parameter = |parameter: Value<'_>| parameter.get("type").is_some();
    members.peek().is_some()
        && members.clone().all(|(_, parameter)| is_parameter(parameter))
        && members.any(|(_, parameter)| {
            parameter.get("uiDefinition").or_else(|| parameter.get("oAuthSettings")).is_some()
        })
}

/// The solution as if it were a flow: that is what has a name and an owner.
fn solution_flow(blob: &Blob<'_>) -> Flow {
    let manifest = solution::manifest(blob);
    let platform = vocabulary::POWER_PLATFORM.name;
    Flow { platform, name: manifest.name, owner: manifest.owner, ..Flow::default() }
}

/// The variable whose values stand in `environmentvariabledefinitions/<schema name>/environmentvariablevalues.json`.
fn variable_of_path(blob: &Blob<'_>) -> Step {
    let path = solution::own_path(blob);
    let folder = path.rsplit('/').nth(1).filter(|folder| !folder.is_empty()).map(str::to_owned);
    Step { id: folder.clone(), name: folder, kind: Some(VARIABLE.to_owned()), enabled: None }
}

/// A JSON member: all of it belongs to one thing.
struct Member {
    flow: Arc<Flow>,
    step: Option<Arc<Step>>,
    policies: HashMap<Id, Arc<Step>>,
}

impl Reader for Member {
    fn place(&mut self, trail: &Trail<'_>) -> Option<Whose> {
        let policy = self.policy_at(trail);
        let is_variable = trail.key(0) == Some("environmentvariablevalues") && trail.hops.len() > 2;
        let from = if policy.is_some() || is_variable { 2 } else { 0 };
        let step = self.step.clone().or(policy);
        Some(Whose { flow: Some(self.flow.clone()), step, scope: Scope::Store, prefix: None, from })
    }
}

impl Member {
    /// The policy of a connector that the way goes through.
    fn policy_at(&mut self, trail: &Trail<'_>) -> Option<Arc<Step>> {
        trail.key(0).filter(|key| *key == "policyTemplateInstances")?;
        trail.item(1)?;
        let container = trail.hops.get(2)?;
        let known = self.policies.entry(container.id.clone());
        Some(known.or_insert_with(|| Arc::new(policy(container.value))).clone())
    }
}

fn policy(policy: Value<'_>) -> Step {
    let [id, title, template] = policy.pick(["id", "title", "templateId"]);
    Step { id: name_of(id), name: name_of(title), kind: name_of(template), enabled: None }
}

/// An XML member, with the elements that are open where the last place was.
pub(super) struct XmlMember<'a> {
    bytes: &'a [u8],
    walker: Walker<'a>,
    /// Offset of what the walker passed last.
    passed: usize,
    flow: Arc<Flow>,
    variable: Option<Arc<Step>>,
    workflows: Vec<Listed>,
}

impl<'a> XmlMember<'a> {
    /// Opens a member if its root element is one that solutions have.
    pub(super) fn open(blob: &Blob<'a>) -> Option<Self> {
        let root = root(blob.bytes)?;
        let variable =
            root.is("environmentvariabledefinition").then(|| Arc::new(variable(&root, blob.bytes)));
        let is_other =
            root.is("ImportExportXml") || root.is("Workflow") || root.is("environmentvariablevalues");
        if variable.is_none() && !is_other {
            return None;
        }
        let workflows = solution::listed(blob.bytes);
        let walker = Walker::new(blob.bytes);
        Some(Self {
            bytes: blob.bytes,
            walker,
            passed: 0,
            flow: Arc::new(solution_flow(blob)),
            variable,
            workflows,
        })
    }

    /// Whose a place is.
    pub(super) fn place(&mut self, span: &Span) -> Place {
        self.seek(span.start);
        let open = self.walker.open();
        let workflow = open.iter().rposition(|element| element.is("Workflow"));
        let flow = workflow.and_then(|at| self.workflow(open.get(at)?)).unwrap_or_else(|| self.flow.clone());
        let reference = open.iter().rposition(|element| element.is("connectionreference"));
        let step = self.variable.clone().or_else(|| Some(Arc::new(connection(open.get(reference?)?))));
        let from = workflow.or(reference).map_or(1, |at| at + 1);
        let names: Vec<&str> = open.iter().skip(from).map(|element| element.name.as_str()).collect();
        let kind = step.as_ref().and_then(|step| step.kind.as_deref());
        let query = Query { scope: Scope::Store, kind, field: &names, value: None };
        let (storage, store, own) = judge(&vocabulary::POWER_PLATFORM, &query);
        let own = own.or_else(|| self.assembly_key(span));
        let field = (!names.is_empty()).then(|| names.join("."));
        let storage = Some(storage);
        Place { flow: Some(flow), step, field, storage, store, own, ..Place::default() }
    }

    fn seek(&mut self, offset: usize) {
        if offset < self.passed {
            (self.walker, self.passed) = (Walker::new(self.bytes), 0);
        }
        while self.walker.position() <= offset {
            self.passed = self.walker.position();
            if self.walker.step().is_none() {
                break;
            }
        }
    }

    /// The listed workflow that an element is.
    fn workflow(&self, element: &Element) -> Option<Arc<Flow>> {
        let id = element.attribute("WorkflowId")?;
        let listed = self.workflows.iter().find(|listed| listed.has_id(id))?;
        Some(Arc::new(listed.clone().flow(self.flow.owner.clone())))
    }

    /// The token of a public key, which the names of .NET assemblies end with.
    fn assembly_key(&self, span: &Span) -> Option<&'static str> {
        let head = self.bytes.get(..span.start).filter(|head| head.ends_with(b"PublicKeyToken="));
        let whole = || self.bytes.get(span.clone()).filter(|bytes| bytes.starts_with(b"PublicKeyToken="));
        head.or_else(whole).map(|_| "the public key token in the name of a .NET assembly")
    }
}

/// The root element of an XML text.
fn root(bytes: &[u8]) -> Option<Element> {
    let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes).trim_ascii_start();
    if !text.starts_with(b"<") || memmem::find(text.get(..4096).unwrap_or(text), b"\0").is_some() {
        return None;
    }
    let mut walker = Walker::new(text);
    while walker.open().is_empty() && walker.position() < 4096 {
        walker.step()?;
    }
    walker.open().first().cloned()
}

/// The variable that a definition defines.
fn variable(root: &Element, xml: &[u8]) -> Step {
    let mut shown = None;
    xml::each_element(xml, &mut |open| {
        if let [_, element] = open
            && element.is("displayname")
        {
            shown = element.attribute("default").map(str::to_owned);
        }
    });
    let id = root.attribute("schemaname").map(str::to_owned);
    Step { name: shown.or_else(|| id.clone()), id, kind: Some(VARIABLE.to_owned()), enabled: None }
}

fn connection(element: &Element) -> Step {
    let id = element.attribute("connectionreferencelogicalname").map(str::to_owned);
    Step { name: id.clone(), id, kind: Some("connection reference".to_owned()), enabled: None }
}
