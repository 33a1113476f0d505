//! Saved results: what `json` and `jsonl` wrote → a [`Report`] again, so that every other format can be made of it.
//!
//! What a saved result does not hold is not made up: the values, and what a view left out. Texts in it were masked when it
//! was written and are masked once more; what has no place in memory for good (ids of signatures of the user's own) is leaked,
//! so this is meant to be called once.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::blob::Provenance;
use crate::budget::{Coverage, Gap, Reason};
use crate::detect::generic;
use crate::finding::{
    Confidence, Encoding, Finding, Flow, Kind, Lifetime, LifetimeClass, Location, Part, Place, Secret,
    Severity, Step, Storage,
};
use crate::fingerprint::Withheld;
use crate::platform;
use crate::policy::{Rule, Violation};
use crate::signature::{self, Signature, Vendor};

use super::{
    Acceptance, Commit, Credential, Identity, Life, LifeState, Notice, NoticeState, Report, Reported, Sweep,
    data,
};

/// Why a saved result cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SavedError {
    /// It is no JSON, or not of our shape.
    #[error("line {line}, column {column}: not as keysieve writes it: {what}")]
    Shape {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What was expected.
        what: String,
    },
    /// It is of another version, or of another tool.
    #[error("it is no result of keysieve in json or jsonl (its \"schema\" is not \"keysieve/1\")")]
    Schema,
    /// A jsonl that ends before its last line.
    #[error("its last line, the summary, is missing: the run that wrote it did not end")]
    Unfinished,
    /// A term that this version does not know.
    #[error("finding {number}: {what}")]
    Term {
        /// The number of the finding, from 1.
        number: usize,
        /// Which.
        what: String,
    },
}

#[derive(Deserialize)]
struct Document {
    schema: String,
    tool: Tool,
    inputs: Vec<String>,
    summary: Summary,
    secrets: Vec<SecretEntry>,
    findings: Vec<FindingEntry>,
    #[serde(default)]
    violations: Option<Vec<ViolationEntry>>,
    coverage: CoverageEntry,
}

/// The last line of jsonl.
#[derive(Deserialize)]
struct Last {
    schema: String,
    tool: Tool,
    inputs: Vec<String>,
    #[serde(flatten)]
    summary: Summary,
    coverage: CoverageEntry,
}

#[derive(Deserialize)]
struct Tool {
    now: Option<String>,
    key_id: Option<String>,
    settings: serde_json::Map<String, Value>,
}

#[derive(Deserialize)]
struct Summary {
    filtered: usize,
    duration_ms: Option<u64>,
    #[serde(default)]
    violations: Option<usize>,
    #[serde(default)]
    acceptances: Vec<NoticeEntry>,
    #[serde(default)]
    sweep: Option<SweepEntry>,
}

#[derive(Deserialize)]
struct CoverageEntry {
    files: u64,
    members: u64,
    bytes: u64,
    excluded: u64,
    links: u64,
    #[serde(default)]
    gaps: Vec<GapEntry>,
}

#[derive(Deserialize)]
struct GapEntry {
    place: PlaceEntry,
    reason: String,
    detail: String,
    bytes: Option<u64>,
}

#[derive(Deserialize)]
struct PlaceEntry {
    path: String,
    container: Vec<String>,
}

#[derive(Deserialize)]
struct SecretEntry {
    fingerprint: Option<String>,
    group: Option<usize>,
    no_fingerprint: Option<String>,
    flows: usize,
    findings: Vec<String>,
}

#[derive(Deserialize)]
struct ViolationEntry {
    rule: String,
    what: String,
    message: String,
    flow: FlowEntry,
    step: Option<StepEntry>,
    place: PlaceEntry,
}

#[derive(Deserialize)]
struct FindingEntry {
    signature: String,
    vendor: Option<String>,
    kind: String,
    severity: String,
    confidence: String,
    title: String,
    location: LocationEntry,
    flow: Option<FlowEntry>,
    step: Option<StepEntry>,
    field: Option<String>,
    name: Option<String>,
    also: Vec<LocationEntry>,
    parts: Vec<PartEntry>,
    storage: String,
    lifetime: LifetimeEntry,
    secret: ValueEntry,
    fingerprint: String,
    accepted: Option<AcceptedEntry>,
    #[serde(default)]
    commit: Option<CommitEntry>,
    fix: FixEntry,
    #[serde(flatten)]
    life: Option<LifeEntry>,
}

/// What only the findings of a sweep have.
#[derive(Deserialize)]
struct LifeEntry {
    state: String,
    first_seen: Option<String>,
    last_seen: Option<String>,
    first_sweep: i64,
    last_sweep: i64,
    moved_from: Option<String>,
}

impl LifeEntry {
    fn life(self) -> Result<Life, String> {
        let at = |text: Option<String>| text.as_deref().and_then(time).unwrap_or_default();
        Ok(Life {
            state: term(&self.state, LifeState::from_name)?,
            first_seen: at(self.first_seen),
            last_seen: at(self.last_seen),
            first_sweep: self.first_sweep,
            last_sweep: self.last_sweep,
            moved_from: self.moved_from,
        })
    }
}

/// What a sweep said of itself.
#[derive(Deserialize)]
struct SweepEntry {
    number: i64,
    states: BTreeMap<String, u64>,
    unchanged: u64,
    whole: bool,
}

impl SweepEntry {
    fn sweep(self, gaps: u64) -> Sweep {
        let Self { number, states, unchanged, whole } = self;
        let count = |state: &LifeState| Some((*state, states.get(state.name()).copied()?));
        Sweep { number, states: LifeState::ALL.iter().filter_map(count).collect(), unchanged, gaps, whole }
    }
}

#[derive(Deserialize)]
struct LocationEntry {
    path: String,
    container: Vec<String>,
    line: Option<u64>,
    column: Option<u64>,
    bytes: Option<[u64; 2]>,
    decoded: Vec<String>,
    pointer: Option<String>,
    landmark: Option<String>,
}

#[derive(Deserialize)]
struct FlowEntry {
    platform: String,
    id: Option<String>,
    name: Option<String>,
    owner: Option<String>,
    state: Option<String>,
    modified: Option<String>,
}

#[derive(Deserialize)]
struct StepEntry {
    id: Option<String>,
    name: Option<String>,
    r#type: Option<String>,
    enabled: Option<bool>,
}

#[derive(Deserialize)]
struct PartEntry {
    what: String,
    shown: String,
}

#[derive(Deserialize)]
struct LifetimeEntry {
    class: String,
    expires: Option<String>,
    evidence: String,
}

#[derive(Deserialize)]
struct ValueEntry {
    preview: String,
    length: Option<usize>,
    value: Option<String>,
    public: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct AcceptedEntry {
    by: String,
    reason: Option<String>,
    #[serde(default)]
    who: Option<String>,
    #[serde(default)]
    expires: Option<String>,
}

impl AcceptedEntry {
    fn acceptance(self) -> Acceptance {
        let expires = self.expires.as_deref().and_then(time);
        Acceptance { by: self.by, reason: self.reason, who: self.who, expires }
    }
}

#[derive(Deserialize)]
struct CommitEntry {
    id: String,
    author: String,
    date: String,
}

#[derive(Deserialize)]
struct NoticeEntry {
    state: String,
    #[serde(flatten)]
    acceptance: AcceptedEntry,
}

impl NoticeEntry {
    fn notice(self) -> Option<Notice> {
        let states = [NoticeState::Expired, NoticeState::Unused];
        let state = states.into_iter().find(|state| state.name() == self.state)?;
        Some(Notice { state, acceptance: self.acceptance.acceptance() })
    }
}

#[derive(Deserialize)]
struct FixEntry {
    revoke: Option<String>,
    store: Option<String>,
}

/// Reads a saved result, `json` or `jsonl`.
///
/// # Errors
/// The first thing in it that is not as it must be.
pub fn read(text: &str) -> Result<Report, SavedError> {
    let document = if is_lines(text) { lines(text)? } else { serde_json::from_str(text).map_err(shape)? };
    if document.schema != data::SCHEMA {
        return Err(SavedError::Schema);
    }
    Reader::default().report(document)
}

/// Whether each line is an object of its own, told by its type.
fn is_lines(text: &str) -> bool {
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    serde_json::from_str::<Value>(line).is_ok_and(|value| value.get("type").is_some())
}

fn lines(text: &str) -> Result<Document, SavedError> {
    let (mut findings, mut gaps, mut secrets, mut violations) = (vec![], vec![], vec![], vec![]);
    let mut last: Option<Last> = None;
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let at = |error: serde_json::Error| match shape(error) {
            SavedError::Shape { column, what, .. } => SavedError::Shape { line: number + 1, column, what },
            other => other,
        };
        let value: Value = serde_json::from_str(line).map_err(at)?;
        match value.get("type").and_then(Value::as_str).unwrap_or_default() {
            "finding" => findings.push(serde_json::from_str(line).map_err(at)?),
            "gap" => gaps.push(serde_json::from_str(line).map_err(at)?),
            "secret" => secrets.push(serde_json::from_str(line).map_err(at)?),
            "violation" => violations.push(serde_json::from_str(line).map_err(at)?),
            "summary" => last = Some(serde_json::from_str(line).map_err(at)?),
            _ => {} // a newer version's: readers pass over what they do not know
        }
    }
    let Last { schema, tool, inputs, summary, coverage } = last.ok_or(SavedError::Unfinished)?;
    let violations = summary.violations.map(|_| violations);
    let coverage = CoverageEntry { gaps, ..coverage };
    Ok(Document { schema, tool, inputs, summary, secrets, findings, violations, coverage })
}

fn shape(error: serde_json::Error) -> SavedError {
    let what = error.to_string();
    let what = what.split(" at line ").next().unwrap_or_default().to_owned();
    SavedError::Shape { line: error.line(), column: error.column(), what }
}

/// What is made of the entries once for all of them.
#[derive(Default)]
struct Reader {
    texts: HashSet<&'static str>,
    signatures: HashMap<String, &'static Signature>,
}

impl Reader {
    fn report(mut self, document: Document) -> Result<Report, SavedError> {
        let mut findings = Vec::new();
        for (at, entry) in document.findings.into_iter().enumerate() {
            let reported = self.reported(entry).map_err(|what| SavedError::Term { number: at + 1, what })?;
            findings.push(reported);
        }
        let secrets = secrets(document.secrets, &mut findings);
        let settings = document.tool.settings.into_iter();
        let violations = document
            .violations
            .map(|list| list.into_iter().filter_map(|entry| self.violation(entry)).collect::<Vec<_>>());
        let CoverageEntry { files, members, bytes, excluded, links, gaps } = document.coverage;
        let gaps: Vec<_> = gaps.into_iter().map(gap).collect();
        let sweep = document.summary.sweep.map(|sweep| sweep.sweep(gaps.len() as u64));
        Ok(Report {
            sweep,
            inventory: None,
            inputs: document.inputs,
            settings: settings.map(|(name, value)| (name, text(value))).collect(),
            now: document.tool.now.as_deref().and_then(time).unwrap_or_default(),
            duration: Duration::from_millis(document.summary.duration_ms.unwrap_or_default()),
            key_id: document.tool.key_id,
            findings,
            secrets,
            coverage: Coverage { files, members, bytes, excluded, links, gaps },
            violations,
            left_out: document.summary.filtered,
            notices: document.summary.acceptances.into_iter().filter_map(NoticeEntry::notice).collect(),
        })
    }

    fn reported(&mut self, entry: FindingEntry) -> Result<Reported, String> {
        let signature = self.signature(&entry)?;
        let expires = entry.lifetime.expires.as_deref().and_then(time);
        let class = term(&entry.lifetime.class, LifetimeClass::from_name)?;
        let storage = term(&entry.storage, Storage::from_name)?;
        let place = Place {
            pointer: entry.location.pointer.clone(),
            flow: entry.flow.map(|flow| Arc::new(self.flow(flow))),
            step: entry.step.map(|step| Arc::new(step_of(step))),
            field: entry.field,
            storage: Some(storage),
            store: entry.fix.store.map(|store| self.leak(&store)),
            ..Place::default()
        };
        let also: Result<_, String> = entry.also.into_iter().map(location).collect();
        let value = entry.secret.value.map(value).unwrap_or_default();
        let public = entry.secret.public.into_iter();
        Ok(Reported {
            life: entry.life.map(LifeEntry::life).transpose()?,
            length: entry.secret.length,
            fingerprint: entry.fingerprint,
            secret: 0,
            accepted: entry.accepted.map(AcceptedEntry::acceptance),
            commit: entry.commit.map(|it| Commit { id: it.id, author: it.author, date: it.date }),
            finding: Finding {
                signature,
                severity: term(&entry.severity, Severity::from_name)?,
                confidence: term(&entry.confidence, Confidence::from_name)?,
                location: location(entry.location)?,
                also: also?,
                place,
                storage,
                parts: entry.parts.into_iter().map(part).collect(),
                lifetime: Lifetime { class, expires, evidence: entry.lifetime.evidence },
                secret: Secret::new(value),
                preview: entry.secret.preview,
                guessable: entry.secret.length.is_none(),
                public: public.map(|(name, value)| (self.leak(&name), value)).collect(),
                name: entry.name,
                mark: None,
            },
        })
    }

    /// The signature of that id, or one that says what the finding says of it.
    fn signature(&mut self, entry: &FindingEntry) -> Result<&'static Signature, String> {
        if let Some(known) = self.signatures.get(&entry.signature) {
            return Ok(known);
        }
        let mut built_in = signature::built_in().iter().chain(generic::ALL.iter().copied());
        let known = built_in.find(|known| known.id == entry.signature);
        let signature = match known {
            Some(known) => known,
            None => self.made(entry)?,
        };
        self.signatures.insert(entry.signature.clone(), signature);
        Ok(signature)
    }

    fn made(&mut self, entry: &FindingEntry) -> Result<&'static Signature, String> {
        let vendor = entry.vendor.as_deref().map(|id| {
            let vendors = signature::built_in().iter().filter_map(|signature| signature.vendor);
            vendors.into_iter().find(|vendor| vendor.id == id).unwrap_or_else(|| {
                let id = self.leak(id);
                let revoke = self.leak(entry.fix.revoke.as_deref().unwrap_or_default());
                Box::leak(Box::new(Vendor { id, name: id, source: "", revoke }))
            })
        });
        Ok(Box::leak(Box::new(Signature {
            id: self.leak(&entry.signature),
            vendor,
            description: self.leak(&entry.title),
            kind: term(&entry.kind, Kind::from_name)?,
            severity: term(&entry.severity, Severity::from_name)?,
            lifetime: LifetimeClass::Unknown,
            evidence: "",
            public: false,
            shapes: &[],
            pattern: None,
            keywords: &[],
            check: None,
            random_bits: 0,
            hosts: &[],
            names: &[],
            parts: &[],
            claims: &[],
            positive: &[],
            negative: &[],
        })))
    }

    fn flow(&mut self, entry: FlowEntry) -> Flow {
        let FlowEntry { platform, id, name, owner, state, modified } = entry;
        let known = platform::named(&platform).map(|platform| platform.name());
        Flow { platform: known.unwrap_or_else(|| self.leak(&platform)), id, name, owner, state, modified }
    }

    fn violation(&mut self, entry: ViolationEntry) -> Option<Violation> {
        Some(Violation {
            rule: Rule::from_name(&entry.rule)?,
            what: entry.what,
            message: entry.message,
            flow: Arc::new(self.flow(entry.flow)),
            step: entry.step.map(|step| Arc::new(step_of(step))),
            provenance: provenance(&entry.place.path, &entry.place.container),
        })
    }

    fn leak(&mut self, text: &str) -> &'static str {
        if let Some(known) = self.texts.get(text) {
            return known;
        }
        let leaked: &'static str = Box::leak(text.to_owned().into_boxed_str());
        self.texts.insert(leaked);
        leaked
    }
}

/// The credentials, and in the findings which of them they hold.
fn secrets(entries: Vec<SecretEntry>, findings: &mut [Reported]) -> Vec<Credential> {
    let at: HashMap<String, usize> =
        findings.iter().enumerate().map(|(index, it)| (it.fingerprint.clone(), index)).collect();
    let mut secrets = Vec::new();
    for entry in entries {
        let members: Vec<usize> = entry.findings.iter().filter_map(|id| at.get(id).copied()).collect();
        for &member in &members {
            if let Some(reported) = findings.get_mut(member) {
                reported.secret = secrets.len();
            }
        }
        let guessable = entry.no_fingerprint.as_deref() == Some(Withheld::Guessable.name());
        let withheld = if guessable { Withheld::Guessable } else { Withheld::NoValue };
        let identity = match entry.fingerprint {
            Some(fingerprint) => Identity::Fingerprint(fingerprint),
            None => Identity::Group { number: entry.group.unwrap_or_default(), withheld },
        };
        secrets.push(Credential { identity, guessable, findings: members, flows: entry.flows });
    }
    secrets
}

fn location(entry: LocationEntry) -> Result<Location, String> {
    let decoded: Result<_, String> =
        entry.decoded.iter().map(|name| term(name, Encoding::from_name)).collect();
    Ok(Location {
        provenance: provenance(&entry.path, &entry.container),
        bytes: entry.bytes.map(|[start, end]| start..end),
        line: entry.line,
        column: entry.column,
        decoded: decoded?,
        pointer: entry.pointer,
        landmark: entry.landmark,
    })
}

fn provenance(path: &str, container: &[String]) -> Provenance {
    container.iter().fold(Provenance::file(path), |outer, entry| outer.entry(entry.as_str()))
}

fn step_of(entry: StepEntry) -> Step {
    Step { id: entry.id, name: entry.name, kind: entry.r#type, enabled: entry.enabled }
}

fn part(entry: PartEntry) -> Part {
    Part { what: entry.what, shown: entry.shown, secret: None }
}

fn gap(entry: GapEntry) -> Gap {
    let provenance = provenance(&entry.place.path, &entry.place.container);
    // A reason of a newer version: what matters is that something was not read.
    let reason = Reason::from_name(&entry.reason).unwrap_or(Reason::Unreadable);
    Gap { provenance, reason, detail: entry.detail, bytes: entry.bytes }
}

/// The value as it was written on request: see `data::value`.
fn value(text: String) -> Vec<u8> {
    match text.strip_prefix("base64:").map(|rest| data_encoding::BASE64.decode(rest.as_bytes())) {
        Some(Ok(bytes)) => bytes,
        _ => text.into_bytes(),
    }
}

fn text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

fn time(text: &str) -> Option<i64> {
    let parsed = time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339);
    parsed.ok().map(time::OffsetDateTime::unix_timestamp)
}

fn term<T>(name: &str, from_name: fn(&str) -> Option<T>) -> Result<T, String> {
    from_name(name).ok_or_else(|| format!("\"{name}\" is no term of this version of keysieve"))
}
