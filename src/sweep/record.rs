//! Records: what a file gave → what the state, or a shard's part, may keep of it, and back to findings for a report.
//!
//! On the way in every string is masked and the secret itself falls away; only its fingerprint stays. What comes back has
//! an empty secret, and shows what was stored.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::blob::Provenance;
use crate::budget::{Gap, Reason};
use crate::container::Outcome;
use crate::finding::{
    Confidence, Encoding, Finding, Flow, Kind, Lifetime, LifetimeClass, Location, Part, Place, Secret,
    Severity, Step, Storage,
};
use crate::fingerprint::{self, Key, LogicalPlace, Sequence, Subject};
use crate::mask::Masker;
use crate::signature::{self, Signature, Vendor};
use crate::source::Stamp;

/// What the state knows a folder, a file or a root by: a keyed digest, so that no name stands in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Id(pub [u8; 16]);

impl Id {
    /// The id of a root by its absolute path.
    pub fn root(key: &Key, path: &std::path::Path) -> Self {
        Self(key.tag(path.as_os_str().as_encoded_bytes()))
    }

    /// The id of what stands in a folder.
    pub fn within(self, key: &Key, name: &std::ffi::OsStr) -> Self {
        let mut bytes = self.0.to_vec();
        bytes.extend_from_slice(name.as_encoded_bytes());
        Self(key.tag(&bytes))
    }
}

impl TryFrom<String> for Id {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).map_err(|_| "not hexadecimal")?;
        bytes.try_into().map(Self).map_err(|_| "not 16 bytes")
    }
}

impl From<Id> for String {
    fn from(id: Id) -> Self {
        super::store::hex(&id.0)
    }
}

/// What one file gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Its root.
    pub root: Id,
    /// Its folder.
    pub folder: Id,
    /// It.
    pub file: Id,
    /// What the system said of it before it was read: size, times, number.
    pub stamp: (u64, i64, i64, u64),
    /// What it was read with; `None` if it is to be read again, changed or not.
    pub settings: Option<Id>,
    /// The digest of its content, where that was asked for.
    pub content: Option<Id>,
    /// What was found.
    pub findings: Vec<FindingRecord>,
    /// What was not read.
    pub gaps: Vec<GapRecord>,
    /// Bytes that were scanned.
    pub bytes: u64,
}

impl FileRecord {
    /// The stamp.
    pub fn stamp(&self) -> Stamp {
        let (size, mtime, ctime, inode) = self.stamp;
        Stamp { size, mtime, ctime, inode }
    }
}

/// A gap, fit to be stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GapRecord {
    /// Path, then entries, masked.
    pub way: Vec<String>,
    /// A digest of 8 bytes for each entry.
    pub way_id: Vec<u8>,
    /// Why.
    pub reason: String,
    /// In words, masked.
    pub detail: String,
    /// How many bytes.
    pub bytes: Option<u64>,
}

/// A finding, fit to be stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FindingRecord {
    /// `kf1:…`
    pub print: String,
    /// `ks1:…`, if there is a value.
    pub secret: Option<String>,
    /// A digest of 8 bytes for each container around it.
    pub way_id: Vec<u8>,
    signature: SignatureRecord,
    severity: String,
    confidence: String,
    location: LocationRecord,
    also: Vec<LocationRecord>,
    flow: Option<FlowRecord>,
    step: Option<StepRecord>,
    field: Option<String>,
    store: Option<String>,
    connection: Option<String>,
    storage: String,
    parts: Vec<(String, String)>,
    lifetime: String,
    /// When it ends, seconds since 1970-01-01 UTC.
    pub expires: Option<i64>,
    evidence: String,
    preview: String,
    guessable: bool,
    /// The value's length in bytes, where it may be told.
    pub length: Option<usize>,
    public: BTreeMap<String, String>,
    name: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct SignatureRecord {
    id: String,
    description: String,
    kind: String,
    severity: String,
    public: bool,
    /// Id, name, source, revoke.
    vendor: Option<[String; 4]>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct LocationRecord {
    way: Vec<String>,
    bytes: Option<(u64, u64)>,
    line: Option<u64>,
    column: Option<u64>,
    decoded: Vec<String>,
    pointer: Option<String>,
    landmark: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct FlowRecord {
    platform: String,
    id: Option<String>,
    name: Option<String>,
    owner: Option<String>,
    state: Option<String>,
    modified: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct StepRecord {
    id: Option<String>,
    name: Option<String>,
    kind: Option<String>,
    enabled: Option<bool>,
}

/// Makes records: the key, and what secrets in names are known by.
pub(super) struct Recorder<'a> {
    /// The key of fingerprints.
    pub key: &'a Key,
    /// The root as reports show it.
    pub root: &'a str,
    /// Finds credentials in a string.
    pub detector: &'a (dyn Fn(&str) -> Vec<crate::blob::Span> + Sync),
}

impl Recorder<'_> {
    /// What may be kept of an outcome. Fingerprints count within this file alone, so they do not depend on what else was
    /// scanned, by whom and when.
    pub(super) fn record(&self, outcome: &Outcome) -> (Vec<FindingRecord>, Vec<GapRecord>) {
        if outcome.findings.is_empty() && outcome.coverage.gaps.is_empty() {
            return (Vec::new(), Vec::new());
        }
        let secrets: Vec<_> = outcome.findings.iter().flat_map(Finding::secrets).collect();
        let detector = |text: &str| (self.detector)(text);
        let masker = Masker::new(secrets, &detector);
        let mut sequence = Sequence::new(Some(self.key));
        let roots = [self.root.to_owned()];
        let mut finding = |finding: &Finding| {
            let secret = fingerprint::secret(&finding.secret, finding.guessable, Some(self.key)).ok();
            let subject = secret.as_deref().map_or(Subject::Signature(finding.signature.id), Subject::Secret);
            let print = sequence.next(subject, &LogicalPlace::of(finding, &roots));
            self.finding(finding, print, secret, &masker)
        };
        let findings = outcome.findings.iter().map(&mut finding).collect();
        let gaps = outcome.coverage.gaps.iter().map(|gap| self.gap(gap, &masker)).collect();
        (findings, gaps)
    }

    /// A gap as it is kept.
    pub(super) fn gap(&self, gap: &Gap, masker: &Masker) -> GapRecord {
        GapRecord {
            way: way(&gap.provenance, masker),
            way_id: self.way_id(&gap.provenance),
            reason: gap.reason.name().to_owned(),
            detail: masker.text(&gap.detail),
            bytes: gap.bytes,
        }
    }

    fn way_id(&self, provenance: &Provenance) -> Vec<u8> {
        provenance
            .entries
            .iter()
            .flat_map(|entry| self.key.tag(entry.as_bytes()).into_iter().take(8))
            .collect()
    }

    fn finding(
        &self,
        finding: &Finding,
        print: String,
        secret: Option<String>,
        masker: &Masker,
    ) -> FindingRecord {
        let text = |text: &str| masker.text(text);
        let maybe = |text: &Option<String>| text.as_deref().map(|text| masker.text(text));
        let place = &finding.place;
        FindingRecord {
            print,
            secret,
            way_id: self.way_id(&finding.location.provenance),
            signature: SignatureRecord::of(finding.signature),
            severity: finding.severity.name().to_owned(),
            confidence: finding.confidence.name().to_owned(),
            location: LocationRecord::of(&finding.location, masker),
            also: finding.also.iter().map(|also| LocationRecord::of(also, masker)).collect(),
            flow: place.flow.as_deref().map(|flow| FlowRecord {
                platform: flow.platform.to_owned(),
                id: maybe(&flow.id),
                name: maybe(&flow.name),
                owner: maybe(&flow.owner),
                state: maybe(&flow.state),
                modified: maybe(&flow.modified),
            }),
            step: place.step.as_deref().map(|step| StepRecord {
                id: maybe(&step.id),
                name: maybe(&step.name),
                kind: maybe(&step.kind),
                enabled: step.enabled,
            }),
            field: maybe(&place.field),
            store: place.store.map(str::to_owned),
            connection: maybe(&place.connection),
            storage: finding.storage.name().to_owned(),
            parts: finding.parts.iter().map(|part| (text(&part.what), text(&part.shown))).collect(),
            lifetime: finding.lifetime.class.name().to_owned(),
            expires: finding.lifetime.expires,
            evidence: text(&finding.lifetime.evidence),
            preview: text(&finding.preview),
            guessable: finding.guessable,
            length: (!finding.guessable && !finding.secret.is_empty()).then_some(finding.secret.len()),
            public: finding.public.iter().map(|(name, value)| ((*name).to_owned(), text(value))).collect(),
            name: maybe(&finding.name),
        }
    }
}

fn way(provenance: &Provenance, masker: &Masker) -> Vec<String> {
    std::iter::once(&provenance.path).chain(&provenance.entries).map(|name| masker.text(name)).collect()
}

fn provenance(way: &[String]) -> Provenance {
    let mut way = way.iter().map(|name| Arc::from(name.as_str()));
    Provenance { path: way.next().unwrap_or_else(|| Arc::from("")), entries: way.collect() }
}

impl GapRecord {
    /// The gap that a report shows.
    pub fn to_gap(&self) -> Gap {
        Gap {
            provenance: provenance(&self.way),
            reason: Reason::from_name(&self.reason).unwrap_or(Reason::Unreadable),
            detail: self.detail.clone(),
            bytes: self.bytes,
        }
    }

    /// Whether what stands at that way may not have been read on account of this.
    pub fn covers(&self, way_id: &[u8]) -> bool {
        way_id.starts_with(&self.way_id)
    }
}

impl LocationRecord {
    fn of(location: &Location, masker: &Masker) -> Self {
        let maybe = |text: &Option<String>| text.as_deref().map(|text| masker.text(text));
        Self {
            way: way(&location.provenance, masker),
            bytes: location.bytes.as_ref().map(|bytes| (bytes.start, bytes.end)),
            line: location.line,
            column: location.column,
            decoded: location.decoded.iter().map(|step| step.name().to_owned()).collect(),
            pointer: maybe(&location.pointer),
            landmark: maybe(&location.landmark),
        }
    }

    fn to_location(&self) -> Location {
        Location {
            provenance: provenance(&self.way),
            bytes: self.bytes.map(|(start, end)| start..end),
            line: self.line,
            column: self.column,
            decoded: self.decoded.iter().filter_map(|name| Encoding::from_name(name)).collect(),
            pointer: self.pointer.clone(),
            landmark: self.landmark.clone(),
        }
    }
}

impl FindingRecord {
    /// Where it stands, in words.
    pub fn display(&self) -> String {
        provenance(&self.location.way).to_string()
    }

    /// The finding that a report shows, with its lifetime as of `now`: what has ended meanwhile has, and what a clock that
    /// was set back has yet to end does not.
    pub fn to_finding(&self, now: i64) -> Finding {
        let signature = self.signature.get();
        let stored = LifetimeClass::from_name(&self.lifetime).unwrap_or(LifetimeClass::Unknown);
        let class = match self.expires {
            Some(expires) if expires <= now => LifetimeClass::Expired,
            Some(_) if stored == LifetimeClass::Expired => LifetimeClass::Expiring,
            _ => stored,
        };
        let severity = Severity::from_name(&self.severity).unwrap_or(signature.severity);
        let revived = stored == LifetimeClass::Expired && class != stored && !signature.public;
        let ended = class == LifetimeClass::Expired && stored != class;
        Finding {
            signature,
            severity: match (revived, ended) {
                (true, _) => signature.severity,
                (_, true) => severity.min(Severity::Low),
                _ => severity,
            },
            confidence: Confidence::from_name(&self.confidence).unwrap_or(Confidence::Low),
            location: self.location.to_location(),
            also: self.also.iter().map(LocationRecord::to_location).collect(),
            place: self.place(),
            storage: Storage::from_name(&self.storage).unwrap_or(Storage::Document),
            parts: self
                .parts
                .iter()
                .map(|(what, shown)| Part { what: what.clone(), shown: shown.clone(), secret: None })
                .collect(),
            lifetime: Lifetime { class, expires: self.expires, evidence: self.evidence.clone() },
            secret: Secret::new([]),
            preview: self.preview.clone(),
            guessable: self.guessable,
            public: self.public.iter().map(|(name, value)| (interned(name), value.clone())).collect(),
            name: self.name.clone(),
            mark: None,
        }
    }

    fn place(&self) -> Place {
        let flow = self.flow.as_ref().map(|flow| {
            Arc::new(Flow {
                platform: interned(&flow.platform),
                id: flow.id.clone(),
                name: flow.name.clone(),
                owner: flow.owner.clone(),
                state: flow.state.clone(),
                modified: flow.modified.clone(),
            })
        });
        let step = self.step.as_ref().map(|step| {
            Arc::new(Step {
                id: step.id.clone(),
                name: step.name.clone(),
                kind: step.kind.clone(),
                enabled: step.enabled,
            })
        });
        Place {
            flow,
            step,
            field: self.field.clone(),
            store: self.store.as_deref().map(interned),
            connection: self.connection.clone(),
            ..Place::default()
        }
    }

    /// What it is, in the words of its signature.
    pub fn title(&self) -> &str {
        &self.signature.description
    }

    /// The signature's id.
    pub fn signature_id(&self) -> &str {
        &self.signature.id
    }

    /// What may be shown of the value.
    pub fn preview(&self) -> &str {
        &self.preview
    }
}

impl SignatureRecord {
    fn of(signature: &Signature) -> Self {
        let vendor = |it: &Vendor| [it.id, it.name, it.source, it.revoke].map(str::to_owned);
        Self {
            id: signature.id.to_owned(),
            description: signature.description.to_owned(),
            kind: signature.kind.name().to_owned(),
            severity: signature.severity.name().to_owned(),
            public: signature.public,
            vendor: signature.vendor.map(vendor),
        }
    }

    /// The built-in one of that id, else one made of what was stored: it may be gone, or a user's own. Each is made once
    /// and stays.
    fn get(&self) -> &'static Signature {
        static MADE: LazyLock<Mutex<HashMap<SignatureRecord, &'static Signature>>> =
            LazyLock::new(Mutex::default);
        if let Some(known) = signature::built_in().iter().find(|known| known.id == self.id) {
            return known;
        }
        let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = made.get(self) {
            return known;
        }
        let signature = Box::leak(Box::new(self.make()));
        made.insert(self.clone(), signature);
        signature
    }

    fn make(&self) -> Signature {
        let vendor = self.vendor.as_ref().map(|[id, name, source, revoke]| {
            let [id, name, source, revoke] = [id, name, source, revoke].map(|text| interned(text));
            &*Box::leak(Box::new(Vendor { id, name, source, revoke }))
        });
        Signature {
            id: interned(&self.id),
            vendor,
            description: interned(&self.description),
            kind: Kind::from_name(&self.kind).unwrap_or(Kind::ApiKey),
            severity: Severity::from_name(&self.severity).unwrap_or(Severity::High),
            lifetime: LifetimeClass::Unknown,
            evidence: "",
            public: self.public,
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
        }
    }
}

/// A text that stays for good: names of platforms and the like, of which there are few.
fn interned(text: &str) -> &'static str {
    static KNOWN: LazyLock<Mutex<HashSet<&'static str>>> = LazyLock::new(Mutex::default);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(text) = known.get(text) {
        return text;
    }
    let text = &*Box::leak(Box::from(text));
    known.insert(text);
    text
}
