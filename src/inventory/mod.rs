//! What flows do, whether they hold a credential or not: inputs go in; out come the flows with their steps, and for each
//! step the connectors that it uses, the hosts that it calls and the references to credentials that it holds.
//!
//! Everything is told by the outlines of platforms, so that a new platform needs nothing here. What is no flow (a sheet, a
//! mail) yields nothing. Names and texts are as the export has them: whoever shows them masks them.

mod facts;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

pub use facts::{Reference, ReferenceKind};

use crate::blob::{Blob, Landmarks, Package, Provenance};
use crate::budget::{Budget, Gap, Reason};
use crate::engine::{self, Input, Unwatched, Visit};
use crate::finding::{self, Finding, Place};
use crate::platform::{self, trigger::Trigger};
use crate::scan::{BlobScan, Scanner, Scratch};

/// Strings of one blob that are looked at.
const MOST_STRINGS: usize = 500_000;

/// An automation and what it does.
#[derive(Clone, Debug)]
pub struct Flow {
    /// Whose it is, as findings name it.
    pub about: Arc<finding::Flow>,
    /// Where its steps stand.
    pub provenance: Provenance,
    /// Its steps, in the order of the export. What stands in no step is a step without `about`.
    pub steps: Vec<Step>,
}

/// A step and what it does.
#[derive(Clone, Debug, Default)]
pub struct Step {
    /// The step, as findings name it; `None` for what belongs to the flow as a whole.
    pub about: Option<Arc<finding::Step>>,
    /// What it works with: a connector where it uses one, else the platform's word for the kind of step.
    pub connectors: BTreeSet<String>,
    /// Hosts in the addresses that stand in it, lower case, without port; `*` for the part that an expression makes.
    pub hosts: BTreeSet<String>,
    /// Scopes that its connections ask for, as the export has them (OAuth 2.0, RFC 6749 §3.3).
    pub scopes: BTreeSet<String>,
    /// Credentials held elsewhere that it refers to.
    pub references: BTreeSet<Reference>,
    /// How it starts the flow, if it does.
    pub trigger: Option<Trigger>,
    /// How much that counts which told of the trigger: the less, the more.
    told: usize,
}

/// All flows of some inputs.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// The flows in the order of the walk.
    pub flows: Vec<Flow>,
    /// What of the inputs was not read, or not whole.
    pub gaps: Vec<Gap>,
}

/// Lists the flows of inputs. Reads them in the order of the walk with one thread: exports are small.
///
/// # Errors
/// Those of [`engine::run`].
pub fn flows(
    inputs: &[Input],
    scanner: &Scanner,
    options: &engine::Options,
) -> Result<Inventory, engine::Error> {
    let collector = Collector { scanner, found: Mutex::default() };
    let options = engine::Options { threads: std::num::NonZeroUsize::MIN, ..options.clone() };
    let outcome = engine::visit(inputs, &collector, &options, &Unwatched)?;
    let Found { order, blobs } = collector.found.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut blobs = blobs;
    let flows = order.iter().filter_map(|provenance| blobs.remove(provenance)).flatten().collect();
    Ok(Inventory { flows, gaps: outcome.coverage.gaps })
}

/// Lists the flows of one blob, and whether all of it was looked at.
pub fn of_blob(blob: &Blob) -> (Vec<Flow>, bool) {
    let mut outline = platform::outline(blob);
    let (mut flows, mut seen, mut whole) = (Vec::new(), 0, true);
    if outline.platform().is_none() {
        return (flows, whole);
    }
    outline.strings(&mut |place, text| {
        seen += 1;
        whole = seen <= MOST_STRINGS;
        add(&mut flows, blob.provenance, &place, text);
        whole
    });
    (flows, whole)
}

/// Adds what a string says to the step that it stands in.
fn add(flows: &mut Vec<Flow>, provenance: &Provenance, place: &Place, text: &str) {
    let Some(about) = &place.flow else { return };
    let known = flows.iter().rposition(|flow| same(&flow.about, about));
    let index = known.unwrap_or(flows.len());
    if known.is_none() {
        flows.push(Flow { about: about.clone(), provenance: provenance.clone(), steps: Vec::new() });
    }
    let Some(flow) = flows.get_mut(index) else { return };
    let is_step = |step: &Step| match (&step.about, &place.step) {
        (Some(a), Some(b)) => same(a, b),
        (None, None) => true,
        _ => false,
    };
    let known = flow.steps.iter().rposition(is_step);
    let index = known.unwrap_or(flow.steps.len());
    if known.is_none() {
        flow.steps.push(Step { about: place.step.clone(), ..Step::default() });
    }
    if let Some(step) = flow.steps.get_mut(index) {
        facts::add(step, place, text);
        facts::trigger(step, about.platform, place, text);
    }
}

/// Readers give the same thing out again as long as they know it.
fn same<T: PartialEq>(a: &Arc<T>, b: &Arc<T>) -> bool {
    Arc::ptr_eq(a, b) || a == b
}

/// Looks at blobs for their flows.
struct Collector<'s> {
    scanner: &'s Scanner,
    found: Mutex<Found>,
}

/// A blob that is shown twice counts once.
#[derive(Default)]
struct Found {
    order: Vec<Provenance>,
    blobs: BTreeMap<Provenance, Vec<Flow>>,
}

impl Visit for Collector<'_> {
    fn budget(&self) -> &Budget {
        &self.scanner.budget
    }

    fn blob(&self, blob: &Blob, _scratch: &mut Scratch) -> BlobScan {
        let (flows, whole) = of_blob(blob);
        let mut scan = BlobScan { bytes: blob.bytes.len() as u64, ..BlobScan::default() };
        if !whole {
            scan.gaps.push(too_large(blob.provenance));
        }
        if !flows.is_empty() {
            let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
            if found.blobs.insert(blob.provenance.clone(), flows).is_none() {
                found.order.push(blob.provenance.clone());
            }
        }
        scan
    }

    fn stream(
        &self,
        provenance: &Provenance,
        reader: &mut dyn Read,
        _reopen: &mut dyn FnMut() -> io::Result<Box<dyn Read>>,
        package: &dyn Package,
        scratch: &mut Scratch,
    ) -> BlobScan {
        let most = self.scanner.budget.whole as u64;
        let mut bytes = Vec::new();
        let read = reader.take(most + 1).read_to_end(&mut bytes);
        if let Err(error) = read {
            let detail = "the bytes after this point could not be read";
            let gaps = vec![Gap::new(provenance, error.kind().into(), detail)];
            return BlobScan { gaps, ..BlobScan::default() };
        }
        if bytes.len() as u64 > most {
            return BlobScan { gaps: vec![too_large(provenance)], ..BlobScan::default() };
        }
        let whole = Blob { provenance, bytes: &bytes, package, landmarks: Landmarks::NONE };
        self.blob(&whole, scratch)
    }

    fn worker(&self) -> Option<&Path> {
        self.scanner.worker.as_deref()
    }

    fn name(&self, _provenance: &Provenance, _scratch: &mut Scratch) -> Vec<Finding> {
        Vec::new()
    }
}

fn too_large(provenance: &Provenance) -> Gap {
    Gap::new(provenance, Reason::BudgetBytes, "too large for its flows to be listed")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blob::Alone;

    fn flows_of(text: &str) -> Vec<Flow> {
        let provenance = Provenance::file("a.json");
        let blob = Blob {
            provenance: &provenance,
            bytes: text.as_bytes(),
            package: &Alone,
            landmarks: Landmarks::NONE,
        };
        of_blob(&blob).0
    }

    fn words(set: &BTreeSet<String>) -> Vec<&str> {
        set.iter().map(String::as_str).collect()
    }

    #[test]
    fn steps_of_n8n() {
        let text = r#"{"name": "Sync", "nodes": [
            {"id": "a", "name": "Get", "type": "n8n-nodes-base.httpRequest", "typeVersion": 4,
             "parameters": {"url": "=https://api.example.com/v1/{{ $json.id }}"},
             "credentials": {"httpHeaderAuth": {"id": "1", "name": "Billing"}}},
            {"id": "b", "name": "Say", "type": "n8n-nodes-base.slack", "typeVersion": 2,
             "parameters": {"text": "hello"}}], "connections": {}}"#;
        let flows = flows_of(text);
        assert_eq!(flows.len(), 1);
        let steps: Vec<_> = flows[0].steps.iter().filter(|step| step.about.is_some()).collect();
        assert_eq!(steps.len(), 2, "{steps:?}");
        assert_eq!(words(&steps[0].connectors), ["n8n-nodes-base.httpRequest"]);
        assert_eq!(words(&steps[0].hosts), ["api.example.com"]);
        let references: Vec<_> = steps[0].references.iter().map(|it| (it.kind, it.name.as_str())).collect();
        assert_eq!(references, [(ReferenceKind::CredentialStore, "Billing")]);
        assert_eq!(words(&steps[1].connectors), ["n8n-nodes-base.slack"]);
        assert!(steps[1].hosts.is_empty() && steps[1].references.is_empty());
    }

    #[test]
    fn steps_of_power_automate() {
        let text = r#"{"properties": {"connectionReferences": {}, "definition": {"triggers": {}, "actions": {
            "Send": {"type": "OpenApiConnection", "inputs": {"host": {"connectionName": "shared_office365_1",
              "apiId": "/providers/Microsoft.PowerApps/apis/shared_office365"}}},
            "Call": {"type": "Http", "inputs": {"uri": "https://hooks.example.org:8443/x", "method": "GET",
              "authentication": {"type": "Raw", "value": "@parameters('Key (billing)')"}}}}}}}"#;
        let flows = flows_of(text);
        let steps: Vec<_> = flows[0].steps.iter().filter(|step| step.about.is_some()).collect();
        assert_eq!(words(&steps[0].connectors), ["shared_office365"]);
        assert_eq!(words(&steps[1].connectors), ["Http"]);
        assert_eq!(words(&steps[1].hosts), ["hooks.example.org"]);
    }

    #[test]
    fn what_is_no_flow_has_none() {
        assert!(flows_of(r#"{"a": "https://example.com"}"#).is_empty());
        assert!(flows_of("https://example.com").is_empty());
    }
}
