//! Control mappings: which entries of which catalogues a finding speaks to, as data.
//!
//! The catalogues, as they were read on 2026-11-23: OWASP Non-Human Identities Top 10 2025 (its own repository), CWE,
//! NIST CSF 2.0, NIST SP 800-207 section 2.1, whose tenets have no ids of their own. NHI3 and NHI5 need facts that a
//! file cannot show, NHI1 needs the state of a sweep, NHI8 knowledge of environments and NHI10 of who a token belongs
//! to: they are never given here.

use crate::finding::{Finding, Kind, LifetimeClass, Storage};

/// A catalogue of controls or weaknesses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Catalogue {
    Cwe,
    OwaspNhi,
    NistCsf,
    NistZeroTrust,
    /// The framework before, whose ids 2.0 no longer has.
    NistCsfBefore,
}

/// An entry of a catalogue.
#[derive(Debug)]
pub(super) struct Control {
    /// As it stands in reports: `CWE-798`, `NHI2:2025`.
    pub(super) id: &'static str,
    /// The catalogue.
    pub(super) catalogue: Catalogue,
    /// Its id within the catalogue.
    pub(super) own_id: &'static str,
    /// The catalogue's title for it, or what it says in short.
    pub(super) title: &'static str,
}

/// Every entry that a finding can speak to, by catalogue.
pub(super) const CONTROLS: &[Control] = &[
    cwe("CWE-256", "Plaintext Storage of a Password"),
    cwe("CWE-260", "Password in Configuration File"),
    cwe("CWE-312", "Cleartext Storage of Sensitive Information"),
    cwe("CWE-321", "Use of Hard-coded Cryptographic Key"),
    cwe("CWE-522", "Insufficiently Protected Credentials"),
    cwe("CWE-532", "Insertion of Sensitive Information into Log File"),
    cwe("CWE-540", "Inclusion of Sensitive Information in Source Code"),
    cwe("CWE-598", "Use of GET Request Method With Sensitive Query Strings"),
    cwe("CWE-615", "Inclusion of Sensitive Information in Source Code Comments"),
    cwe("CWE-798", "Use of Hard-coded Credentials"),
    nhi("NHI2:2025", "Secret Leakage"),
    nhi("NHI4:2025", "Insecure Authentication"),
    nhi("NHI7:2025", "Long-Lived Secrets"),
    nhi("NHI9:2025", "NHI Reuse"),
    csf("CSF2:PR.AA-01", "PR.AA-01", "Identities and credentials are managed by the organization"),
    csf("CSF2:PR.AA-03", "PR.AA-03", "Users, services, and hardware are authenticated"),
    csf(
        "CSF2:PR.AA-05",
        "PR.AA-05",
        "Access permissions, entitlements, and authorizations are managed, with least privilege",
    ),
    csf("CSF2:PR.DS-01", "PR.DS-01", "Data-at-rest is protected"),
    csf("CSF2:PR.DS-02", "PR.DS-02", "Data-in-transit is protected"),
    tenet("SP800-207 §2.1 tenet 2", "tenet 2", "All communication is secured regardless of location"),
    tenet("SP800-207 §2.1 tenet 3", "tenet 3", "Access is granted per session"),
    tenet("SP800-207 §2.1 tenet 6", "tenet 6", "Authentication is dynamic and enforced before access"),
    Control {
        id: "CSF1.1:PR.AC-4",
        catalogue: Catalogue::NistCsfBefore,
        own_id: "PR.AC-4",
        title: "Access permissions and authorizations are managed, incorporating the principles of least privilege and separation of duties",
    },
];

const fn cwe(id: &'static str, title: &'static str) -> Control {
    Control { id, catalogue: Catalogue::Cwe, own_id: id, title }
}

const fn nhi(id: &'static str, title: &'static str) -> Control {
    Control { id, catalogue: Catalogue::OwaspNhi, own_id: id, title }
}

const fn csf(id: &'static str, own_id: &'static str, title: &'static str) -> Control {
    Control { id, catalogue: Catalogue::NistCsf, own_id, title }
}

const fn tenet(id: &'static str, own_id: &'static str, title: &'static str) -> Control {
    Control { id, catalogue: Catalogue::NistZeroTrust, own_id, title }
}

/// What decides, of a finding.
struct Facts {
    kind: Kind,
    storage: Storage,
    /// The vendor or the value says that it does not end.
    long_lived: bool,
    /// It stands in more than one flow.
    shared: bool,
    /// It is sent with every call, as Basic authentication does it.
    is_basic: bool,
}

/// A line of the mapping.
struct Line {
    /// Whether it is this one.
    when: fn(&Facts) -> bool,
    /// Its controls, those of a catalogue with the primary first.
    controls: &'static [&'static str],
}

/// What a credential at its place speaks to: the first line that is true counts, and the last one always is.
const PLACES: &[Line] = &[
    Line {
        when: |facts| facts.storage == Storage::Note,
        controls: &["NHI2:2025", "CWE-615", "CWE-540", "CSF2:PR.DS-01"],
    },
    Line {
        when: |facts| facts.storage == Storage::RunData,
        controls: &["NHI2:2025", "CWE-532", "CWE-312", "CSF2:PR.DS-01"],
    },
    Line {
        when: |facts| {
            matches!(facts.kind, Kind::PrivateKey | Kind::Certificate | Kind::Keystore | Kind::EncryptionKey)
        },
        controls: &[
            "NHI2:2025",
            "CWE-321",
            "CWE-522",
            "CSF2:PR.AA-01",
            "CSF2:PR.DS-01",
            "SP800-207 §2.1 tenet 2",
            "SP800-207 §2.1 tenet 6",
        ],
    },
    Line {
        when: |facts| {
            facts.storage == Storage::TriggerUrl || matches!(facts.kind, Kind::SignedUrl | Kind::WebhookUrl)
        },
        controls: &["NHI2:2025", "NHI4:2025", "CWE-598", "CSF2:PR.DS-02", "SP800-207 §2.1 tenet 2"],
    },
    Line {
        when: |facts| matches!(facts.kind, Kind::Password | Kind::ConnectionString),
        controls: &[
            "NHI2:2025",
            "NHI4:2025",
            "CWE-798",
            "CWE-256",
            "CWE-260",
            "CSF2:PR.AA-01",
            "SP800-207 §2.1 tenet 6",
        ],
    },
    Line {
        when: |facts| matches!(facts.storage, Storage::Document | Storage::Encrypted),
        controls: &["NHI2:2025", "CWE-522", "CWE-312", "CSF2:PR.AA-01", "CSF2:PR.DS-01"],
    },
    Line {
        when: |_| true,
        controls: &[
            "NHI2:2025",
            "CWE-798",
            "CWE-312",
            "CWE-522",
            "CSF2:PR.AA-01",
            "CSF2:PR.DS-01",
            "SP800-207 §2.1 tenet 3",
            "SP800-207 §2.1 tenet 6",
        ],
    },
];

/// What a finding speaks to besides: every line that is true counts.
const BESIDES: &[Line] = &[
    Line { when: |facts| facts.long_lived, controls: &["NHI7:2025"] },
    Line {
        when: |facts| facts.shared,
        controls: &["NHI9:2025", "CWE-522", "CSF2:PR.AA-05", "CSF1.1:PR.AC-4", "SP800-207 §2.1 tenet 3"],
    },
    Line {
        when: |facts| facts.is_basic,
        controls: &[
            "NHI4:2025",
            "CWE-522",
            "CSF2:PR.AA-03",
            "SP800-207 §2.1 tenet 2",
            "SP800-207 §2.1 tenet 6",
        ],
    },
];

/// Returns the ids of the controls that a finding speaks to: NHI, CWE, CSF, SP 800-207, those of a catalogue with the
/// primary first. None where the value is public by design. `shared`: the credential stands in more than one flow.
pub(super) fn of(finding: &Finding, shared: bool) -> Vec<&'static str> {
    if finding.signature.public {
        return Vec::new();
    }
    let facts = Facts {
        kind: finding.signature.kind,
        storage: finding.storage,
        long_lived: finding.lifetime.class == LifetimeClass::LongLived
            && !finding.lifetime.evidence.is_empty(),
        shared,
        is_basic: finding.signature.id == "basic-auth-password",
    };
    of_facts(&facts)
}

fn of_facts(facts: &Facts) -> Vec<&'static str> {
    let place = PLACES.iter().find(|line| (line.when)(facts));
    let besides = BESIDES.iter().filter(|line| (line.when)(facts));
    let mut ids: Vec<&'static str> = Vec::new();
    for &id in place.into_iter().chain(besides).flat_map(|line| line.controls) {
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    ids.sort_by_key(|id| control(id).map(|control| rank(control.catalogue)));
    ids
}

/// Returns the entry of that id.
pub(super) fn control(id: &str) -> Option<&'static Control> {
    CONTROLS.iter().find(|control| control.id == id)
}

/// Where a catalogue stands in a finding's list.
fn rank(catalogue: Catalogue) -> u8 {
    match catalogue {
        Catalogue::OwaspNhi => 0,
        Catalogue::Cwe => 1,
        Catalogue::NistCsf => 2,
        Catalogue::NistCsfBefore => 3,
        Catalogue::NistZeroTrust => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(kind: Kind, storage: Storage, long_lived: bool, shared: bool) -> Vec<&'static str> {
        of_facts(&Facts { kind, storage, long_lived, shared, is_basic: false })
    }

    #[test]
    fn every_id_of_the_mapping_is_in_a_catalogue() {
        for id in PLACES.iter().chain(BESIDES).flat_map(|line| line.controls) {
            assert!(control(id).is_some(), "{id}");
        }
    }

    #[test]
    fn every_catalogued_id_is_given_to_something() {
        for control in CONTROLS {
            assert!(
                PLACES.iter().chain(BESIDES).any(|line| line.controls.contains(&control.id)),
                "{}",
                control.id
            );
        }
    }

    #[test]
    fn a_long_lived_key_in_a_step() {
        let expected = "NHI2:2025 NHI7:2025 CWE-798 CWE-312 CWE-522 CSF2:PR.AA-01 CSF2:PR.DS-01 \
                        SP800-207 §2.1 tenet 3 SP800-207 §2.1 tenet 6";
        assert_eq!(ids(Kind::ApiKey, Storage::HardCoded, true, false).join(" "), expected);
    }

    #[test]
    fn the_place_comes_before_the_kind() {
        assert_eq!(ids(Kind::Password, Storage::Note, false, false)[1], "CWE-615");
        assert_eq!(ids(Kind::PrivateKey, Storage::RunData, false, false)[1], "CWE-532");
        assert_eq!(ids(Kind::ApiKey, Storage::TriggerUrl, false, false)[2], "CWE-598");
    }

    #[test]
    fn what_several_flows_share_is_reused() {
        let ids = ids(Kind::ApiKey, Storage::HardCoded, false, true);
        assert!(ids.contains(&"NHI9:2025") && ids.contains(&"CSF2:PR.AA-05"));
        assert!(ids.contains(&"CSF1.1:PR.AC-4"), "shown as what it is: 2.0 has no such id");
    }
}
