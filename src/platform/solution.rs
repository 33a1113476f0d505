//! What the other members of a Power Platform solution say about a flow: its name and state in `customizations.xml` or
//! in the `.data.xml` beside it, the publisher in `solution.xml`. Packed or unpacked by `pac solution unpack`.

use std::sync::Arc;

use crate::blob::Blob;
use crate::finding::Flow;
use crate::platform::vocabulary::is_uuid;
use crate::platform::xml::{self, Element};
use crate::platform::{MAX_NAME, vocabulary};

/// A workflow that a solution lists.
#[derive(Clone, Debug, Default)]
pub(super) struct Listed {
    /// Name of its file, without folders.
    file: Option<String>,
    id: Option<String>,
    name: Option<String>,
    state: Option<String>,
}

/// Who made a solution.
#[derive(Clone, Debug, Default)]
pub(super) struct Manifest {
    /// Name of the solution.
    pub name: Option<String>,
    /// The publisher's mail address or, without one, name.
    pub owner: Option<String>,
}

/// The flow of a solution whose steps the blob holds, by the name of its file; `None` if that says nothing.
pub(super) fn flow(blob: &Blob<'_>) -> Option<Flow> {
    let path = own_path(blob);
    let file = file_name(&path);
    let beside = sibling(blob, &path).into_iter().flat_map(|xml| listed(&xml));
    let central = nearest(blob, &path, "customizations.xml").into_iter().flat_map(|xml| listed(&xml));
    let found = beside.chain(central).find(|listed| listed.is_of(file));
    let listed = found.or_else(|| Listed::by_name(file))?;
    Some(listed.flow(manifest(blob).owner))
}

/// The solution that the blob is a member of, as far as it says who it is.
pub(super) fn manifest(blob: &Blob<'_>) -> Manifest {
    nearest(blob, &own_path(blob), "solution.xml").map(|xml| read_manifest(&xml)).unwrap_or_default()
}

/// The workflows that a `customizations.xml` or a `.data.xml` lists.
pub(super) fn listed(xml: &[u8]) -> Vec<Listed> {
    let mut workflows = vec![Listed::default()];
    xml::each_element(xml, &mut |open| {
        let Some((element, Some(parent))) = open.split_last().map(|(last, outer)| (last, outer.last()))
        else {
            return end_of_workflow(open, &mut workflows);
        };
        match workflows.last_mut() {
            Some(workflow) if parent.is("Workflow") => workflow.learn(element),
            _ => end_of_workflow(open, &mut workflows),
        }
    });
    workflows.pop();
    workflows
}

/// Completes the last workflow with its attributes and begins the next, if it is one that ends.
fn end_of_workflow(open: &[Element], workflows: &mut Vec<Listed>) {
    let (Some(element), Some(workflow)) =
        (open.last().filter(|element| element.is("Workflow")), workflows.last_mut())
    else {
        return;
    };
    workflow.id = element.attribute("WorkflowId").map(|id| id.trim_matches(['{', '}']).to_lowercase());
    workflow.name = short(element.attribute("Name").unwrap_or_default());
    workflows.push(Listed::default());
}

impl Listed {
    /// Takes note of a child of the `Workflow` element.
    fn learn(&mut self, element: &Element) {
        if element.is("JsonFileName") {
            self.file = Some(file_name(element.text.trim()).to_owned());
        } else if element.is("StateCode") {
            self.state = state(element.text.trim());
        }
    }

    /// The workflow that a file's name tells of: `Name-GUID.json`.
    fn by_name(file: &str) -> Option<Self> {
        let stem = file.get(..file.len().checked_sub(5)?)?;
        let (name, id) = (stem.get(..stem.len().checked_sub(37)?)?, stem.get(stem.len() - 36..)?);
        is_uuid(id).then(|| Self { file: None, id: Some(id.to_lowercase()), name: short(name), state: None })
    }

    fn is_of(&self, file: &str) -> bool {
        self.file.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(file))
    }

    /// The workflow with that id.
    pub(super) fn has_id(&self, id: &str) -> bool {
        self.id.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(id.trim_matches(['{', '}'])))
    }

    /// As a flow of that owner.
    pub(super) fn flow(self, owner: Option<String>) -> Flow {
        let Self { file: _, id, name, state } = self;
        Flow { platform: vocabulary::POWER_AUTOMATE.name, id, name, owner, state, modified: None }
    }
}

/// <https://learn.microsoft.com/power-apps/developer/data-platform/reference/entities/workflow#BKMK_StateCode>
fn state(code: &str) -> Option<String> {
    let state = match code {
        "0" => "off",
        "1" => "on",
        "2" => "suspended",
        _ => return None,
    };
    Some(state.to_owned())
}

fn read_manifest(xml: &[u8]) -> Manifest {
    let mut manifest = Manifest::default();
    let (mut mail, mut publisher) = (None, None);
    xml::each_element(xml, &mut |open| {
        let [.., parent, element] = open else { return };
        let text = || short(element.text.trim());
        if element.is("UniqueName") && parent.is("SolutionManifest") {
            manifest.name = text();
        } else if element.is("UniqueName") && parent.is("Publisher") {
            publisher = text();
        } else if element.is("EMailAddress") && parent.is("Publisher") {
            mail = text();
        }
    });
    manifest.owner = mail.or(publisher);
    manifest
}

/// Non-empty and not too long to be shown; a longer one is left out, not cut.
fn short(text: &str) -> Option<String> {
    (!text.is_empty() && text.len() <= MAX_NAME).then(|| text.to_owned())
}

/// The blob's name among the members of its package, else in its provenance; with `/`.
pub(super) fn own_path(blob: &Blob<'_>) -> String {
    let name = blob.package.own_name().map_or_else(|| blob.provenance.name().to_owned(), str::to_owned);
    name.replace('\\', "/")
}

/// The last name of a path.
pub(super) fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// pac's `<flow>.json.data.xml` beside a flow.
fn sibling(blob: &Blob<'_>, path: &str) -> Option<Arc<[u8]>> {
    let wanted = format!("{path}.data.xml");
    let member = blob.package.members().into_iter().find(|member| member.eq_ignore_ascii_case(&wanted))?;
    blob.package.read(&member)
}

/// The member of that name in the solution's root or, unpacked, in its folder `Other`: of several the innermost whose
/// solution holds `path`.
fn nearest(blob: &Blob<'_>, path: &str, name: &str) -> Option<Arc<[u8]>> {
    let members = blob.package.members();
    let of_that_name = members.iter().filter(|member| file_name(member).eq_ignore_ascii_case(name));
    let holding = of_that_name.filter(|member| path.starts_with(solution_root(member)));
    blob.package.read(holding.max_by_key(|member| solution_root(member).len())?)
}

/// The folder, with its `/`, of the solution that a member describes.
fn solution_root(member: &str) -> &str {
    let folder = member.strip_suffix(file_name(member)).unwrap_or_default();
    folder.strip_suffix("Other/").or_else(|| folder.strip_suffix("other/")).unwrap_or(folder)
}
