//! The shape of results as data, `keysieve/1`: what `json` and `jsonl` write, and `schema/keysieve-1.json` describes.
//!
//! What does not apply is null, not absent. A new member may come within a version; one that goes or changes its
//! meaning makes a new version.

use std::collections::BTreeMap;

use data_encoding::BASE64;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::blob::Provenance;
use crate::budget::Gap;
use crate::finding::{Confidence, Encoding, Flow, LifetimeClass, Location, Severity, Step, Storage};
use crate::policy::Violation;

use super::{Acceptance, Commit, Credential, Identity, Life, Notice, Page, Reported, rfc3339};

/// The version of the shape.
pub(super) const SCHEMA: &str = "keysieve/1";

/// What made the report.
#[derive(Serialize)]
pub(super) struct ToolData {
    name: &'static str,
    version: &'static str,
    now: Option<String>,
    key_id: Option<String>,
    settings: Pairs,
}

/// Names and values in a given order.
struct Pairs(Vec<(String, String)>);

impl Serialize for Pairs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        self.0.iter().try_for_each(|(name, value)| map.serialize_entry(name, value))?;
        map.end()
    }
}

/// A finding.
#[derive(Serialize)]
pub(super) struct FindingData {
    r#type: &'static str,
    signature: &'static str,
    vendor: Option<&'static str>,
    kind: &'static str,
    severity: &'static str,
    confidence: &'static str,
    title: String,
    location: LocationData,
    flow: Option<FlowData>,
    step: Option<StepData>,
    field: Option<String>,
    name: Option<String>,
    also: Vec<LocationData>,
    parts: Vec<PartData>,
    storage: &'static str,
    lifetime: LifetimeData,
    secret: SecretData,
    fingerprint: String,
    accepted: Option<AcceptedData>,
    commit: Option<CommitData>,
    fix: FixData,
    controls: Vec<&'static str>,
    #[serde(flatten)]
    life: Option<LifeData>,
}

/// What only a sweep knows of a finding.
#[derive(Serialize)]
struct LifeData {
    state: &'static str,
    first_seen: Option<String>,
    last_seen: Option<String>,
    first_sweep: i64,
    last_sweep: i64,
    moved_from: Option<String>,
}

#[derive(Serialize)]
struct LocationData {
    path: String,
    container: Vec<String>,
    display: String,
    line: Option<u64>,
    column: Option<u64>,
    bytes: Option<[u64; 2]>,
    decoded: Vec<&'static str>,
    pointer: Option<String>,
    landmark: Option<String>,
}

#[derive(Serialize)]
pub(super) struct FlowData {
    platform: &'static str,
    id: Option<String>,
    name: Option<String>,
    owner: Option<String>,
    state: Option<String>,
    modified: Option<String>,
}

#[derive(Serialize)]
struct StepData {
    id: Option<String>,
    name: Option<String>,
    r#type: Option<String>,
    enabled: Option<bool>,
}

#[derive(Serialize)]
struct PartData {
    what: String,
    shown: String,
}

#[derive(Serialize)]
struct LifetimeData {
    class: &'static str,
    expires: Option<String>,
    evidence: String,
}

#[derive(Serialize)]
struct SecretData {
    preview: String,
    length: Option<usize>,
    value: Option<String>,
    fingerprint: Option<String>,
    group: Option<usize>,
    no_fingerprint: Option<&'static str>,
    occurrences: Option<usize>,
    public: BTreeMap<&'static str, String>,
}

#[derive(Serialize)]
struct AcceptedData {
    by: String,
    reason: Option<String>,
    who: Option<String>,
    expires: Option<String>,
}

#[derive(Serialize)]
struct CommitData {
    id: String,
    author: String,
    date: String,
}

/// An acceptance that has expired or matches nothing.
#[derive(Serialize)]
struct NoticeData {
    state: &'static str,
    #[serde(flatten)]
    acceptance: AcceptedData,
}

#[derive(Serialize)]
struct FixData {
    revoke: Option<String>,
    store: Option<String>,
}

/// One distinct credential.
#[derive(Serialize)]
pub(super) struct CredentialData {
    r#type: &'static str,
    fingerprint: Option<String>,
    group: Option<usize>,
    no_fingerprint: Option<&'static str>,
    preview: String,
    signatures: Vec<&'static str>,
    occurrences: usize,
    flows: usize,
    findings: Vec<String>,
}

/// Something that was not read.
#[derive(Serialize)]
pub(super) struct GapData {
    r#type: &'static str,
    place: PlaceData,
    reason: &'static str,
    detail: String,
    bytes: Option<u64>,
}

#[derive(Serialize)]
pub(super) struct PlaceData {
    path: String,
    container: Vec<String>,
    display: String,
}

/// Something that a policy forbids.
#[derive(Serialize)]
pub(super) struct ViolationData {
    r#type: &'static str,
    rule: &'static str,
    what: String,
    message: String,
    flow: FlowData,
    step: Option<StepData>,
    place: PlaceData,
}

/// Numbers of the whole run.
#[derive(Serialize)]
pub(super) struct SummaryData {
    /// Findings of the view.
    findings: usize,
    /// Findings that are not in the view, and so are not in the report.
    filtered: usize,
    accepted: usize,
    acceptances: Vec<NoticeData>,
    secrets: usize,
    worst: Option<&'static str>,
    severity: BTreeMap<Ranked, usize>,
    confidence: BTreeMap<Ranked, usize>,
    lifetime: BTreeMap<Ranked, usize>,
    storage: BTreeMap<Ranked, usize>,
    /// Things that a policy forbids; null if there was none.
    violations: Option<usize>,
    gaps: usize,
    complete: bool,
    duration_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sweep: Option<SweepData>,
}

/// What a sweep says of itself.
#[derive(Serialize)]
struct SweepData {
    number: i64,
    states: BTreeMap<Ranked, u64>,
    unchanged: u64,
    whole: bool,
}

/// A name that is ordered by its place in its list.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Ranked(usize, &'static str);

impl Serialize for Ranked {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.1)
    }
}

/// What was read, in numbers.
#[derive(Serialize)]
pub(super) struct ReadData {
    files: u64,
    members: u64,
    bytes: u64,
    excluded: u64,
    links: u64,
}

/// Returns what made the report.
pub(super) fn tool(page: &Page) -> ToolData {
    let report = page.report;
    let settings = report.settings.iter().map(|(name, value)| (page.text(name), page.text(value)));
    ToolData {
        name: "keysieve",
        version: env!("CARGO_PKG_VERSION"),
        now: rfc3339(report.now),
        key_id: report.key_id.clone(),
        settings: Pairs(settings.collect()),
    }
}

/// Returns the paths that the user named.
pub(super) fn inputs(page: &Page) -> Vec<String> {
    page.report.inputs.iter().map(|input| page.text(input)).collect()
}

/// Returns a finding; `counted` says whether the occurrences of its credential are known.
pub(super) fn finding(page: &Page, reported: &Reported, counted: bool) -> FindingData {
    let finding = &reported.finding;
    FindingData {
        r#type: "finding",
        signature: finding.signature.id,
        vendor: finding.signature.vendor.map(|vendor| vendor.id),
        kind: finding.signature.kind.name(),
        severity: reported.severity().name(),
        confidence: finding.confidence.name(),
        title: page.text(finding.signature.description),
        location: location(page, &finding.location),
        flow: finding.place.flow.as_deref().map(|it| flow(page, it)),
        step: finding.place.step.as_deref().map(|it| step(page, it)),
        field: page.maybe(finding.place.field.as_deref()),
        name: page.maybe(finding.name.as_deref()),
        also: finding.also.iter().map(|it| location(page, it)).collect(),
        parts: parts(page, reported),
        storage: finding.storage.name(),
        lifetime: lifetime(page, reported),
        secret: secret(page, reported, counted),
        fingerprint: reported.fingerprint.clone(),
        accepted: reported.accepted.as_ref().map(|it| accepted(page, it)),
        commit: reported.commit.as_ref().map(|it| commit(page, it)),
        fix: FixData {
            revoke: finding.signature.vendor.map(|vendor| page.text(vendor.revoke)),
            store: page.maybe(finding.place.fix().as_deref()),
        },
        controls: page.controls(reported),
        life: reported.life.as_ref().map(|it| life(page, it)),
    }
}

fn life(page: &Page, life: &Life) -> LifeData {
    LifeData {
        state: life.state.name(),
        first_seen: rfc3339(life.first_seen),
        last_seen: rfc3339(life.last_seen),
        first_sweep: life.first_sweep,
        last_sweep: life.last_sweep,
        moved_from: page.maybe(life.moved_from.as_deref()),
    }
}

fn location(page: &Page, location: &Location) -> LocationData {
    let PlaceData { path, container, display } = place(page, &location.provenance);
    LocationData {
        path,
        container,
        display,
        line: location.line,
        column: location.column,
        bytes: location.bytes.as_ref().map(|bytes| [bytes.start, bytes.end]),
        decoded: location.decoded.iter().copied().map(Encoding::name).collect(),
        pointer: page.maybe(location.pointer.as_deref()),
        landmark: page.maybe(location.landmark.as_deref()),
    }
}

pub(super) fn place(page: &Page, provenance: &Provenance) -> PlaceData {
    PlaceData {
        path: page.text(&provenance.path),
        container: provenance.entries.iter().map(|entry| page.text(entry)).collect(),
        display: page.text(&provenance.to_string()),
    }
}

pub(super) fn flow(page: &Page, flow: &Flow) -> FlowData {
    FlowData {
        platform: flow.platform,
        id: page.maybe(flow.id.as_deref()),
        name: page.maybe(flow.name.as_deref()),
        owner: page.maybe(flow.owner.as_deref()),
        state: page.maybe(flow.state.as_deref()),
        modified: page.maybe(flow.modified.as_deref()),
    }
}

fn step(page: &Page, step: &Step) -> StepData {
    StepData {
        id: page.maybe(step.id.as_deref()),
        name: page.maybe(step.name.as_deref()),
        r#type: page.maybe(step.kind.as_deref()),
        enabled: step.enabled,
    }
}

fn parts(page: &Page, reported: &Reported) -> Vec<PartData> {
    let part =
        |part: &crate::finding::Part| PartData { what: page.text(&part.what), shown: page.text(&part.shown) };
    reported.finding.parts.iter().map(part).collect()
}

fn lifetime(page: &Page, reported: &Reported) -> LifetimeData {
    let lifetime = &reported.finding.lifetime;
    LifetimeData {
        class: lifetime.class.name(),
        expires: lifetime.expires.and_then(rfc3339),
        evidence: page.text(&lifetime.evidence),
    }
}

fn secret(page: &Page, reported: &Reported, counted: bool) -> SecretData {
    let finding = &reported.finding;
    let credential = page.credential(reported);
    let (fingerprint, group, no_fingerprint) = identity(credential);
    SecretData {
        preview: page.text(&finding.preview),
        length: reported.length,
        value: page.shows_value(reported).then(|| value(finding.secret.expose())),
        fingerprint,
        group,
        no_fingerprint,
        occurrences: credential.filter(|_| counted).map(|credential| credential.findings.len()),
        public: finding.public.iter().map(|(&name, value)| (name, page.text(value))).collect(),
    }
}

/// The value itself: as text where it is text, else `base64:` and its base64.
pub(super) fn value(secret: &[u8]) -> String {
    match std::str::from_utf8(secret) {
        Ok(text) => text.to_owned(),
        Err(_) => format!("base64:{}", BASE64.encode(secret)),
    }
}

pub(super) fn identity(
    credential: Option<&Credential>,
) -> (Option<String>, Option<usize>, Option<&'static str>) {
    match credential.map(|credential| &credential.identity) {
        Some(Identity::Fingerprint(fingerprint)) => (Some(fingerprint.clone()), None, None),
        Some(Identity::Group { number, withheld }) => (None, Some(*number), Some(withheld.name())),
        None => (None, None, None),
    }
}

fn accepted(page: &Page, acceptance: &Acceptance) -> AcceptedData {
    AcceptedData {
        by: page.text(&acceptance.by),
        reason: page.maybe(acceptance.reason.as_deref()),
        who: page.maybe(acceptance.who.as_deref()),
        expires: acceptance.expires.and_then(rfc3339),
    }
}

fn commit(page: &Page, commit: &Commit) -> CommitData {
    CommitData { id: page.text(&commit.id), author: page.text(&commit.author), date: page.text(&commit.date) }
}

fn notice(page: &Page, notice: &Notice) -> NoticeData {
    NoticeData { state: notice.state.name(), acceptance: accepted(page, &notice.acceptance) }
}

/// Returns the credentials of which a finding is in the view; their numbers count all their findings.
pub(super) fn credentials(page: &Page) -> impl Iterator<Item = CredentialData> {
    shown_credentials(page).map(|(credential, first)| {
        let findings = || credential.findings.iter().filter_map(|&index| page.report.findings.get(index));
        let mut signatures: Vec<&'static str> = Vec::new();
        for reported in findings() {
            let id = reported.finding.signature.id;
            if !signatures.contains(&id) {
                signatures.push(id);
            }
        }
        let (fingerprint, group, no_fingerprint) = identity(Some(credential));
        CredentialData {
            r#type: "secret",
            fingerprint,
            group,
            no_fingerprint,
            preview: page.text(&first.finding.preview),
            signatures,
            occurrences: credential.findings.len(),
            flows: credential.flows,
            findings: findings().map(|reported| reported.fingerprint.clone()).collect(),
        }
    })
}

/// The credentials of which a finding is in the view, each with the first such finding.
fn shown_credentials<'p>(page: &'p Page) -> impl Iterator<Item = (&'p Credential, &'p Reported)> {
    page.report.secrets.iter().filter_map(|credential| {
        let mut findings = credential.findings.iter().filter_map(|&index| page.report.findings.get(index));
        Some((credential, findings.find(|reported| page.options.view.shows(reported))?))
    })
}

/// Returns something that was not read.
pub(super) fn gap(page: &Page, gap: &Gap) -> GapData {
    GapData {
        r#type: "gap",
        place: place(page, &gap.provenance),
        reason: gap.reason.name(),
        detail: page.text(&gap.detail),
        bytes: gap.bytes,
    }
}

/// Returns what a policy forbids; `None` if there was none.
pub(super) fn violations(page: &Page) -> Option<Vec<ViolationData>> {
    let violation = |it: &Violation| ViolationData {
        r#type: "violation",
        rule: it.rule.name(),
        what: page.text(&it.what),
        message: page.text(&it.message),
        flow: flow(page, &it.flow),
        step: it.step.as_deref().map(|it| step(page, it)),
        place: place(page, &it.provenance),
    };
    Some(page.report.violations.as_ref()?.iter().map(violation).collect())
}

/// Returns the numbers of the run.
pub(super) fn summary(page: &Page) -> SummaryData {
    let report = page.report;
    let view = &page.options.view;
    let findings = page.shown().count();
    SummaryData {
        findings,
        filtered: report.left_out + report.findings.len() - findings,
        accepted: page.shown().filter(|reported| reported.accepted.is_some()).count(),
        acceptances: report.notices.iter().map(|it| notice(page, it)).collect(),
        secrets: shown_credentials(page).count(),
        worst: report.worst(view).map(Severity::name),
        severity: count(page, Severity::ALL, Severity::name, Reported::severity),
        confidence: count(page, Confidence::ALL, Confidence::name, |it| it.finding.confidence),
        lifetime: count(page, LifetimeClass::ALL, LifetimeClass::name, |it| it.finding.lifetime.class),
        storage: count(page, Storage::ALL, Storage::name, |it| it.finding.storage),
        violations: report.violations.as_ref().map(Vec::len),
        gaps: report.coverage.gaps.len(),
        complete: report.is_complete(),
        duration_ms: (!page.options.reproducible)
            .then(|| report.duration.as_millis().try_into().unwrap_or(u64::MAX)),
        sweep: report.sweep.as_ref().map(sweep),
    }
}

fn sweep(sweep: &super::Sweep) -> SweepData {
    let ranked =
        |(rank, (state, count)): (usize, &(super::LifeState, u64))| (Ranked(rank, state.name()), *count);
    SweepData {
        number: sweep.number,
        states: sweep.states.iter().enumerate().map(ranked).collect(),
        unchanged: sweep.unchanged,
        whole: sweep.whole,
    }
}

/// Counts the findings of the view by one of their properties.
fn count<T: Copy + PartialEq>(
    page: &Page,
    all: &[T],
    name: fn(T) -> &'static str,
    property: fn(&Reported) -> T,
) -> BTreeMap<Ranked, usize> {
    let of = |value: T| page.shown().filter(|reported| property(reported) == value).count();
    all.iter().enumerate().map(|(rank, &value)| (Ranked(rank, name(value)), of(value))).collect()
}

/// Returns what was read, in numbers.
pub(super) fn read(page: &Page) -> ReadData {
    let coverage = &page.report.coverage;
    ReadData {
        files: coverage.files,
        members: coverage.members,
        bytes: coverage.bytes,
        excluded: coverage.excluded,
        links: coverage.links,
    }
}
