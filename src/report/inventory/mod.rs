//! The flows of a run and what they reach: an [`Overview`] goes into the [`Report`](super::Report), and comes out as text,
//! rows, data or a picture.

mod graph;
mod human;
mod rows;
mod svg;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::sync::Arc;

use serde::Serialize;

use super::{Format, Page, Reported, data};
use crate::blob::Provenance;
use crate::finding::{self, Severity};
use crate::inventory::{Flow, Reference, ReferenceKind, Step};
use crate::platform::trigger::Trigger;

/// Steps that say something to people and reach nothing, whatever addresses stand in them.
const NOTES: &[&str] = &["n8n-nodes-base.stickyNote", "comment"];

/// What the flows of a run are, and what each reaches.
#[derive(Debug, Default)]
pub struct Overview {
    /// The flows: first those of people who left, the running ones before the others; else in the order of the walk.
    pub flows: Vec<Entry>,
}

/// One flow, all of its steps together.
#[derive(Debug)]
pub struct Entry {
    /// Whose it is.
    pub about: Arc<finding::Flow>,
    /// Where it stands.
    pub provenance: Provenance,
    /// Whether its owner is among those who left.
    pub leaver: bool,
    /// What starts it.
    pub triggers: BTreeSet<Trigger>,
    /// What its steps work with.
    pub connectors: BTreeSet<String>,
    /// Scopes that its connections ask for.
    pub scopes: BTreeSet<String>,
    /// Credentials held elsewhere that it refers to, those of the platform's own store among them.
    pub references: BTreeSet<Reference>,
    /// Hosts in the addresses of its steps.
    pub hosts: BTreeSet<String>,
    /// Its findings: indices into the report's.
    pub findings: Vec<usize>,
}

impl Overview {
    /// Puts flows together with the findings of the same inputs. `leavers` are addresses of people who left.
    pub fn new(flows: Vec<Flow>, findings: &[Reported], leavers: &[String]) -> Self {
        let mut entries: Vec<_> = flows.into_iter().map(|flow| Entry::new(flow, leavers)).collect();
        let mut known: BTreeMap<_, usize> = BTreeMap::new();
        let mut anywhere: BTreeMap<_, usize> = BTreeMap::new();
        for (index, entry) in entries.iter().enumerate() {
            known.entry((key(&entry.about), entry.provenance.clone())).or_insert(index);
            anywhere.entry(key(&entry.about)).or_insert(index);
        }
        for (index, reported) in findings.iter().enumerate() {
            let Some(about) = &reported.finding.place.flow else { continue };
            let key = key(about);
            let place = reported.finding.location.provenance.clone();
            let same = known.get(&(key.clone(), place)).or_else(|| anywhere.get(&key));
            if let Some(entry) = same.and_then(|&at| entries.get_mut(at)) {
                entry.findings.push(index);
            }
        }
        entries.sort_by_key(|entry| match (entry.leaver, entry.is_off()) {
            (true, false) if entry.runs() => 0,
            (true, false) => 1,
            (true, true) => 2,
            (false, _) => 3,
        });
        Self { flows: entries }
    }
}

/// What tells a flow from others: its platform, id and name.
fn key(flow: &finding::Flow) -> (&'static str, Option<String>, Option<String>) {
    (flow.platform, flow.id.clone(), flow.name.clone())
}

impl Entry {
    fn new(flow: Flow, leavers: &[String]) -> Self {
        let mut entry = Self {
            leaver: flow.about.owner.as_deref().is_some_and(|owner| left(owner, leavers)),
            about: flow.about,
            provenance: flow.provenance,
            triggers: BTreeSet::new(),
            connectors: BTreeSet::new(),
            scopes: BTreeSet::new(),
            references: BTreeSet::new(),
            hosts: BTreeSet::new(),
            findings: Vec::new(),
        };
        flow.steps.into_iter().for_each(|step| entry.add(step));
        entry
    }

    fn add(&mut self, step: Step) {
        self.references.extend(step.references);
        // Addresses of schemas and of past runs stand in no step.
        let Some(about) = step.about else { return };
        if about.kind.as_deref().is_some_and(|kind| NOTES.contains(&kind)) {
            return;
        }
        self.connectors.extend(step.connectors);
        self.scopes.extend(step.scopes);
        self.hosts.extend(step.hosts);
        if about.enabled != Some(false) {
            self.triggers.extend(step.trigger);
        }
    }

    /// Whether the export says that it is on.
    fn runs(&self) -> bool {
        self.about.state.as_deref() == Some("on")
    }

    fn is_off(&self) -> bool {
        self.about.state.as_deref() == Some("off")
    }

    /// The names of the connections and credentials of the platform's own store.
    fn connections(&self) -> impl Iterator<Item = &str> {
        let of_store = |it: &&Reference| it.kind == ReferenceKind::CredentialStore;
        self.references.iter().filter(of_store).map(|it| it.name.as_str())
    }

    /// What it refers to in other stores.
    fn elsewhere(&self) -> impl Iterator<Item = &Reference> {
        self.references.iter().filter(|it| it.kind != ReferenceKind::CredentialStore)
    }

    /// Its name, or its id where it has none.
    fn title(&self, page: &Page) -> String {
        let name = self.about.name.as_deref().or(self.about.id.as_deref());
        name.map_or_else(|| page.text(&self.provenance.to_string()), |name| page.text(name))
    }

    /// The distinct credentials in it that are in the view: indices into the report's.
    fn secrets(&self, page: &Page) -> BTreeSet<usize> {
        let shown = self.findings.iter().filter_map(|&index| page.report.findings.get(index));
        shown.filter(|it| counts(page, it)).map(|it| it.secret).collect()
    }
}

/// Whether a finding is told: what is public by design is not.
fn counts(page: &Page, reported: &Reported) -> bool {
    page.options.view.shows(reported) && reported.severity() > Severity::Info && reported.accepted.is_none()
}

/// Whether an owner, who may be an address alone or a name with one, is among those who left.
fn left(owner: &str, leavers: &[String]) -> bool {
    let owner = owner.trim().to_lowercase();
    let is_border = |c: char| c.is_whitespace() || "<>(),;\"".contains(c);
    leavers.iter().any(|leaver| owner == *leaver || owner.split(is_border).any(|word| word == leaver))
}

/// What reaches what: names with the flows that do, by their numbers in the overview.
type Reached<T> = BTreeMap<T, Vec<usize>>;

fn reached<T: Ord>(overview: &Overview, of: impl Fn(&Entry) -> Vec<T>) -> Reached<T> {
    let mut reached: Reached<T> = BTreeMap::new();
    for (index, entry) in overview.flows.iter().enumerate() {
        of(entry).into_iter().for_each(|what| reached.entry(what).or_default().push(index));
    }
    reached
}

fn secrets(page: &Page, overview: &Overview) -> Reached<usize> {
    reached(overview, |entry| entry.secrets(page).into_iter().collect())
}

fn hosts(overview: &Overview) -> Reached<String> {
    reached(overview, |entry| entry.hosts.iter().cloned().collect())
}

/// A credential as people tell it: what it is, and its preview.
fn secret_title(page: &Page, secret: usize) -> String {
    let first = page.report.secrets.get(secret).and_then(|secret| secret.findings.first());
    let Some(first) = first.and_then(|first| page.report.findings.get(*first)) else { return String::new() };
    format!("{}: {}", page.text(first.finding.signature.description), page.text(&first.finding.preview))
}

/// Writes an overview as a form other than data; `None` if the format has no such form.
pub(super) fn write(format: Format, page: &Page, out: &mut dyn Write) -> Option<io::Result<()>> {
    let overview = page.report.inventory.as_ref()?;
    match format {
        Format::Human => Some(human::write(page, overview, out)),
        Format::Csv => Some(rows::write(page, overview, out)),
        Format::Dot => Some(graph::write(page, overview, out)),
        Format::Svg => Some(svg::write(page, overview, out)),
        _ => None,
    }
}

/// An overview as data.
#[derive(Serialize)]
pub(super) struct OverviewData {
    flows: Vec<EntryData>,
    hosts: Vec<HostData>,
    secrets: Vec<SecretData>,
}

#[derive(Serialize)]
struct EntryData {
    flow: data::FlowData,
    place: data::PlaceData,
    leaver: bool,
    triggers: Vec<&'static str>,
    connectors: Vec<String>,
    connections: Vec<String>,
    scopes: Vec<String>,
    references: Vec<ReferenceData>,
    hosts: Vec<String>,
    findings: Vec<String>,
}

#[derive(Serialize)]
struct ReferenceData {
    store: &'static str,
    name: String,
}

#[derive(Serialize)]
struct HostData {
    host: String,
    flows: Vec<usize>,
}

#[derive(Serialize)]
struct SecretData {
    fingerprint: Option<String>,
    group: Option<usize>,
    title: String,
    flows: Vec<usize>,
}

/// The overview of a report as data, if it has one.
pub(super) fn data(page: &Page) -> Option<OverviewData> {
    let overview = page.report.inventory.as_ref()?;
    let hosts = hosts(overview).into_iter();
    let secret = |(secret, flows)| {
        let (fingerprint, group, _) = data::identity(page.report.secrets.get(secret));
        SecretData { fingerprint, group, title: secret_title(page, secret), flows }
    };
    Some(OverviewData {
        flows: overview.flows.iter().map(|entry| entry_data(page, entry)).collect(),
        hosts: hosts.map(|(host, flows)| HostData { host: page.text(&host), flows }).collect(),
        secrets: secrets(page, overview).into_iter().map(secret).collect(),
    })
}

fn entry_data(page: &Page, entry: &Entry) -> EntryData {
    let texts = |names: &BTreeSet<String>| names.iter().map(|name| page.text(name)).collect();
    let reference = |it: &Reference| ReferenceData { store: it.kind.name(), name: page.text(&it.name) };
    let findings = entry.findings.iter().filter_map(|&index| page.report.findings.get(index));
    EntryData {
        flow: data::flow(page, &entry.about),
        place: data::place(page, &entry.provenance),
        leaver: entry.leaver,
        triggers: entry.triggers.iter().map(|trigger| trigger.name()).collect(),
        connectors: texts(&entry.connectors),
        connections: entry.connections().map(|name| page.text(name)).collect(),
        scopes: texts(&entry.scopes),
        references: entry.elsewhere().map(reference).collect(),
        hosts: texts(&entry.hosts),
        findings: findings.filter(|it| counts(page, it)).map(|it| it.fingerprint.clone()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leavers_are_found_by_address() {
        let gone = ["jane@example.org".to_owned()];
        for (owner, expected) in [
            ("jane@example.org", true),
            ("Jane Doe <Jane@Example.org>", true),
            ("mary-jane@example.org", false),
            ("jane@example.org.uk", false),
            ("", false),
        ] {
            assert_eq!(left(owner, &gone), expected, "{owner}");
        }
    }
}
