//! What a log says of itself: the catalogues that rules point to, and the notifications of what was not read.

use serde_json::{Value, json};

use crate::budget::Reason;

use super::super::controls::{CONTROLS, Catalogue, Control};
use super::super::words::why_not_read;

/// A catalogue as a component of the log.
struct Taxonomy {
    catalogue: Catalogue,
    name: &'static str,
    /// Of CWE the one of `sarif-standard/taxonomies`, which other tools use; the others are ours, and stay.
    guid: &'static str,
    organization: &'static str,
    version: Option<&'static str>,
    address: &'static str,
    about: &'static str,
}

/// In the order of [`Catalogue`]s in the log; a reference counts in it.
const TAXONOMIES: &[Taxonomy] = &[
    Taxonomy {
        catalogue: Catalogue::Cwe,
        name: "CWE",
        guid: "ffc64c90-42b6-44ce-8beb-f6b7dae649e5",
        organization: "MITRE",
        version: None,
        address: "https://cwe.mitre.org/",
        about: "The MITRE Common Weakness Enumeration",
    },
    Taxonomy {
        catalogue: Catalogue::OwaspNhi,
        name: "OWASP-NHI-2025",
        guid: "8f0d6c1e-5a52-4b0e-9d0b-2f6a4f4b1c01",
        organization: "OWASP",
        version: Some("2025"),
        address: "https://owasp.org/www-project-non-human-identities-top-10/2025/",
        about: "OWASP Non-Human Identities Top 10 2025",
    },
    Taxonomy {
        catalogue: Catalogue::NistCsf,
        name: "NIST-CSF-2.0",
        guid: "8f0d6c1e-5a52-4b0e-9d0b-2f6a4f4b1c02",
        organization: "NIST",
        version: Some("2.0"),
        address: "https://www.nist.gov/cyberframework",
        about: "NIST Cybersecurity Framework 2.0",
    },
    Taxonomy {
        catalogue: Catalogue::NistZeroTrust,
        name: "NIST-SP-800-207",
        guid: "8f0d6c1e-5a52-4b0e-9d0b-2f6a4f4b1c03",
        organization: "NIST",
        version: None,
        address: "https://csrc.nist.gov/pubs/sp/800/207/final",
        about: "NIST SP 800-207, Zero Trust Architecture, tenets of section 2.1",
    },
    Taxonomy {
        catalogue: Catalogue::NistCsfBefore,
        name: "NIST-CSF-1.1",
        guid: "8f0d6c1e-5a52-4b0e-9d0b-2f6a4f4b1c04",
        organization: "NIST",
        version: Some("1.1"),
        address: "https://www.nist.gov/cyberframework",
        about: "NIST Cybersecurity Framework 1.1, whose ids 2.0 no longer has",
    },
];

/// Returns `run.taxonomies`, each with the entries that a finding can speak to.
pub(super) fn taxonomies() -> Vec<Value> {
    TAXONOMIES.iter().map(taxonomy).collect()
}

fn taxonomy(taxonomy: &Taxonomy) -> Value {
    let taxa = CONTROLS.iter().filter(|control| control.catalogue == taxonomy.catalogue).map(taxon);
    let mut component = json!({
        "name": taxonomy.name,
        "guid": taxonomy.guid,
        "organization": taxonomy.organization,
        "informationUri": taxonomy.address,
        "shortDescription": {"text": taxonomy.about},
        "isComprehensive": false,
        "taxa": taxa.collect::<Vec<_>>(),
    });
    if let (Some(version), Some(component)) = (taxonomy.version, component.as_object_mut()) {
        component.insert("version".to_owned(), version.into());
    }
    component
}

fn taxon(control: &Control) -> Value {
    json!({"id": control.own_id, "shortDescription": {"text": control.title}})
}

/// Returns `driver.supportedTaxonomies`.
pub(super) fn references() -> Vec<Value> {
    let reference = |(index, taxonomy): (usize, &Taxonomy)| json!({"name": taxonomy.name, "guid": taxonomy.guid, "index": index});
    TAXONOMIES.iter().enumerate().map(reference).collect()
}

/// Returns a reference to an entry of a catalogue.
pub(super) fn target(control: &Control) -> Value {
    let found = TAXONOMIES.iter().enumerate().find(|(_, taxonomy)| taxonomy.catalogue == control.catalogue);
    let component =
        found.map(|(index, taxonomy)| json!({"name": taxonomy.name, "guid": taxonomy.guid, "index": index}));
    json!({"id": control.own_id, "toolComponent": component})
}

/// Returns `driver.notifications`: a descriptor for each reason why something was not read.
pub(super) fn notifications() -> Vec<Value> {
    let descriptor =
        |&reason: &Reason| json!({"id": reason.name(), "shortDescription": {"text": why_not_read(reason)}});
    Reason::ALL.iter().map(descriptor).collect()
}
