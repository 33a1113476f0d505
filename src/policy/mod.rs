//! Policies: what an organisation allows in its flows, over what keysieve says by itself. A TOML file goes in ([`Policy::read`]);
//! out come, for findings, which of them it lets pass, and for the flows of an inventory what it forbids.
//!
//! `docs/policy.toml` is the commented example, and the one description of the form.

mod file;

use std::sync::Arc;

use globset::GlobSet;

pub use file::PolicyError;

use crate::blob::Provenance;
use crate::finding::{self, Finding, LifetimeClass, Severity, Storage};
use crate::inventory::{Flow, Inventory, ReferenceKind, Step};

/// The example, with comments.
pub const EXAMPLE: &str = include_str!("../../docs/policy.toml");

/// What is allowed.
#[derive(Debug, Default)]
pub struct Policy {
    allow: Vec<Allow>,
    connectors: Lists,
    hosts: Lists,
    references: Option<Vec<ReferenceKind>>,
    require: Vec<Require>,
}

/// Which credentials may stay: those for which all that is said holds.
#[derive(Debug)]
struct Allow {
    reason: String,
    severity: Option<Severity>,
    lifetime: Vec<LifetimeClass>,
    storage: Vec<Storage>,
    vendors: Vec<String>,
}

/// Names that may be used, and names that may not.
#[derive(Debug, Default)]
struct Lists {
    allow: Option<GlobSet>,
    deny: GlobSet,
}

/// A reference that steps with some connector must hold.
#[derive(Debug)]
struct Require {
    connectors: GlobSet,
    references: Vec<ReferenceKind>,
    reason: String,
}

/// What a policy says about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// A connector that may not be used.
    Connector,
    /// A host that may not be called.
    Host,
    /// A credential held where it may not be.
    Reference,
    /// A reference that is missing.
    Require,
}

impl Rule {
    /// Every rule.
    pub const ALL: &[Self] = &[Self::Connector, Self::Host, Self::Reference, Self::Require];

    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connector => "connector",
            Self::Host => "host",
            Self::Reference => "reference",
            Self::Require => "require",
        }
    }

    /// The rule of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|rule| rule.name() == name)
    }
}

/// Something in a flow that the policy forbids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// By which rule.
    pub rule: Rule,
    /// What stands there: the connector, the host, the reference. Comes from outside.
    pub what: String,
    /// In words, a whole sentence. Comes from outside in part.
    pub message: String,
    /// Which flow.
    pub flow: Arc<finding::Flow>,
    /// Which step.
    pub step: Option<Arc<finding::Step>>,
    /// Where it stands.
    pub provenance: Provenance,
}

impl Policy {
    /// Reads a policy. `name` is what errors call it.
    ///
    /// # Errors
    /// The first thing in it that is not as it must be.
    pub fn read(name: &str, text: &str) -> Result<Self, PolicyError> {
        file::read(name, text)
    }

    /// Why a finding may stay; `None` if it may not.
    pub fn allows(&self, finding: &Finding, severity: Severity) -> Option<&str> {
        self.allow.iter().find(|allow| allow.holds(finding, severity)).map(|allow| allow.reason.as_str())
    }

    /// Whether flows must be listed for it.
    pub fn wants_flows(&self) -> bool {
        !self.connectors.is_empty()
            || !self.hosts.is_empty()
            || self.references.is_some()
            || !self.require.is_empty()
    }

    /// What in the flows it forbids, in their order.
    pub fn violations(&self, inventory: &Inventory) -> Vec<Violation> {
        let steps = inventory.flows.iter().flat_map(|flow| flow.steps.iter().map(move |step| (flow, step)));
        steps.flat_map(|(flow, step)| self.of_step(flow, step)).collect()
    }

    fn of_step(&self, flow: &Flow, step: &Step) -> Vec<Violation> {
        let violation = |rule, what: &str, message: String| Violation {
            rule,
            what: what.to_owned(),
            message,
            flow: flow.about.clone(),
            step: step.about.clone(),
            provenance: flow.provenance.clone(),
        };
        let connectors =
            step.connectors.iter().filter(|name| !self.connectors.allows(name)).map(|name| {
                violation(Rule::Connector, name, format!("The connector {name} may not be used."))
            });
        let hosts = step.hosts.iter().filter(|name| !self.hosts.allows(name)).map(|name| {
            let message = match name.as_str() {
                "*" => "The host is made while the flow runs, so nobody can tell whether it may be called."
                    .to_owned(),
                name => format!("The host {name} may not be called."),
            };
            violation(Rule::Host, name, message)
        });
        let references =
            step.references.iter().filter(|reference| self.forbids(reference.kind)).map(|reference| {
                let message = format!(
                    "The credential comes from a place that is not allowed: {}.",
                    place(reference.kind)
                );
                violation(Rule::Reference, &reference.name, message)
            });
        let missing = self.require.iter().filter_map(|require| {
            let connector = step.connectors.iter().find(|name| require.connectors.is_match(name))?;
            let held = step.references.iter().any(|reference| require.references.contains(&reference.kind));
            let places: Vec<_> = require.references.iter().map(|kind| place(*kind)).collect();
            let message = format!(
                "The step must take its credential from {}: {}.",
                places.join(" or "),
                require.reason
            );
            (!held).then(|| violation(Rule::Require, connector, message))
        });
        connectors.chain(hosts).chain(references).chain(missing).collect()
    }

    fn forbids(&self, kind: ReferenceKind) -> bool {
        self.references.as_ref().is_some_and(|allowed| !allowed.contains(&kind))
    }
}

/// Where a credential is held, for people.
fn place(kind: ReferenceKind) -> &'static str {
    match kind {
        ReferenceKind::CredentialStore => "the platform's credential store",
        ReferenceKind::SecretsManager => "a secrets manager",
        ReferenceKind::Environment => "an environment variable",
        ReferenceKind::Variable => "a variable or parameter of the flow",
    }
}

impl Allow {
    fn holds(&self, finding: &Finding, severity: Severity) -> bool {
        let vendor = finding.signature.vendor.map_or("", |vendor| vendor.id);
        self.severity.is_none_or(|most| severity <= most)
            && (self.lifetime.is_empty() || self.lifetime.contains(&finding.lifetime.class))
            && (self.storage.is_empty() || self.storage.contains(&finding.storage))
            && (self.vendors.is_empty() || self.vendors.iter().any(|id| id == vendor))
    }
}

impl Lists {
    fn is_empty(&self) -> bool {
        self.allow.is_none() && self.deny.is_empty()
    }

    fn allows(&self, name: &str) -> bool {
        !self.deny.is_match(name) && self.allow.as_ref().is_none_or(|allow| allow.is_match(name))
    }
}
