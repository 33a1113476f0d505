//! How flows are started. Which steps do it stands as data in the platforms' vocabularies (`[[trigger]]`).

use super::named;
use super::vocabulary::{Query, Scope};

/// How a step starts its flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trigger {
    /// By a call of anybody who knows the address.
    OpenWebhook,
    /// By a call of anybody who has an address with a signature in it.
    SasUrl,
    /// By a call that must prove who it is from.
    Webhook,
    /// By the clock.
    Schedule,
    /// By something that happens in a service.
    Event,
    /// By another flow.
    Flow,
    /// By a person.
    Manual,
}

impl Trigger {
    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenWebhook => "open-webhook",
            Self::SasUrl => "sas-url",
            Self::Webhook => "webhook",
            Self::Schedule => "schedule",
            Self::Event => "event",
            Self::Flow => "flow",
            Self::Manual => "manual",
        }
    }
}

/// How a step of a platform starts its flow, as one of its strings says; the less the number, the more that counts.
pub(crate) fn told_by(platform: &str, kind: &str, field: &str, value: &str) -> Option<(usize, Trigger)> {
    let names: Vec<_> = field.split('.').map(|name| name.split('[').next().unwrap_or(name)).collect();
    let query = Query { scope: Scope::Step, kind: Some(kind), field: &names, value: Some(value) };
    named(platform)?.vocabulary.trigger(&query)
}
