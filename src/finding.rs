//! A finding and all it is made of: everything needed to show it, in the coordinates of its blob.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use zeroize::Zeroize;

use crate::blob::Provenance;
use crate::signature::Signature;
pub use crate::terms::{Adds, Confidence, Encoding, Kind, LifetimeClass, Notation, Severity, Storage};

/// A secret's bytes, decoded. `Debug` shows the length only; [`Secret::expose`] is the one way to read it. The
/// memory is wiped when it is dropped.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Secret(Box<[u8]>);

impl Secret {
    /// Takes the value as its own.
    pub fn new(value: impl Into<Box<[u8]>>) -> Self {
        Self(value.into())
    }

    /// The value itself. Whoever calls this answers for where it goes.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Its length in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} bytes)", self.0.len())
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// How long a credential lives, and why we think so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// The class.
    pub class: LifetimeClass,
    /// When it ends, in seconds since 1970-01-01 UTC, where that is readable.
    pub expires: Option<i64>,
    /// The evidence, in words: `vendor: never expires`, `jwt: exp`.
    pub evidence: String,
}

/// Where a finding stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The way to the innermost blob.
    pub provenance: Provenance,
    /// Bytes of the innermost blob that the match came out of; `None` where the secret stands in the blob's name.
    pub bytes: Option<Range<u64>>,
    /// Line in the innermost blob's text, from 1.
    pub line: Option<u64>,
    /// Column in Unicode scalars, from 1.
    pub column: Option<u64>,
    /// The decoding steps, outermost first.
    pub decoded: Vec<Encoding>,
    /// JSON pointer (RFC 6901) in each layer, joined by `#`; in YAML of the JSON that says the same, in XML of that or
    /// the way through elements as XPath writes it.
    pub pointer: Option<String>,
    /// Where that is in words of a reader of the document: `page 3`, `sheet "Keys", cell B7`.
    pub landmark: Option<String>,
}

/// An automation of a no-code platform, as far as its export tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// The platform's name in reports: `n8n`, `power-automate`, `make`, `node-red`.
    pub platform: &'static str,
    /// The flow's id.
    pub id: Option<String>,
    /// Its name as the user sees it.
    pub name: Option<String>,
    /// Its owner, or the nearest thing that the export has.
    pub owner: Option<String>,
    /// `on` or `off`; other words where the platform has others.
    pub state: Option<String>,
    /// When it was last changed, as the export writes it (RFC 3339 for all platforms so far).
    pub modified: Option<String>,
}

/// A node, action or module of a flow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Its id in the export.
    pub id: Option<String>,
    /// Its name as the user sees it.
    pub name: Option<String>,
    /// The platform's word for what it does: a node type, an action type, a module.
    pub kind: Option<String>,
    /// Whether it is switched on, where the export says so.
    pub enabled: Option<bool>,
}

/// Whose a place in a blob is: the answer of a platform's reader.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// JSON pointer of the value, with `#` between nested documents; in XML the way through elements.
    pub pointer: Option<String>,
    /// What a reader of the document calls the place: `paragraph 12`, `slide 4, notes`.
    pub landmark: Option<String>,
    /// The flow.
    pub flow: Option<Arc<Flow>>,
    /// The step.
    pub step: Option<Arc<Step>>,
    /// The parameter by the platform's own name, from the step: `inputs.headers.Authorization`.
    pub field: Option<String>,
    /// How it is stored there; `None` lets the detector's guess stand.
    pub storage: Option<Storage>,
    /// How to store it properly on this platform, in its own words.
    pub store: Option<&'static str>,
    /// The connection or credential of the platform's store that the step has already, by its name.
    pub connection: Option<String>,
    /// What a clean copy has in the value's place.
    pub reference: Option<&'static Reference>,
    /// Set where the platform itself makes such values (node ids, hashes, encrypted blobs): why it is no finding.
    pub own: Option<&'static str>,
}

/// A platform's own way to point to a credential that is held elsewhere. In its texts `{name}` stands for the name of a
/// variable in capitals, `{camel}` for the same as one word, `{schema}` for that behind a publisher's prefix, and `{title}`
/// for one for people.
#[derive(Debug, PartialEq, Eq)]
pub struct Reference {
    /// How references are told from text.
    pub notation: Notation,
    /// What the whole value becomes.
    pub whole: &'static str,
    /// What stands in a value that has more than the secret, if that can be.
    pub within: Option<&'static str>,
    /// What stands in place of the base64 of a user's name, for which `{user}` stands, and a password.
    pub basic: Option<&'static str>,
    /// What is needed beside it.
    pub adds: Adds,
    /// How a person creates what it points to.
    pub create: &'static str,
}

impl Place {
    /// How to store it properly, with the connection that is there already.
    pub fn fix(&self) -> Option<String> {
        let store = self.store?;
        Some(match &self.connection {
            Some(name) => format!("{store} The step has the connection \"{name}\" already."),
            None => store.to_owned(),
        })
    }
}

/// Another half of a credential: a key id, a SID, a user name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What it is: a signature's id, or `user`.
    pub what: String,
    /// Its value if that is public by nature, else its preview.
    pub shown: String,
    /// The value, where not all of it is shown: what reports must mask.
    pub secret: Option<Secret>,
}

/// A `keysieve:allow` that covers a finding: see [`crate::mark`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// What stands behind it.
    pub reason: Option<String>,
}

/// A candidate that stood.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What was found. Findings of the detectors without a vendor have signatures of their own.
    pub signature: &'static Signature,
    /// How bad.
    pub severity: Severity,
    /// How sure.
    pub confidence: Confidence,
    /// Where, first of all.
    pub location: Location,
    /// Further places of the same finding: a published copy, a second definition.
    pub also: Vec<Location>,
    /// Whose.
    pub place: Place,
    /// Stored how.
    pub storage: Storage,
    /// The other halves.
    pub parts: Vec<Part>,
    /// Lives how long.
    pub lifetime: Lifetime,
    /// The value that fingerprints are made over, decoded.
    pub secret: Secret,
    /// The value without the secret: public prefix, `…`, and the last four where the format allows it.
    pub preview: String,
    /// Whether the value can be guessed (a password, or fewer than 112 random bits): no length, no unkeyed digest.
    pub guessable: bool,
    /// Identifiers that are public: AWS account id, JWT issuer, …
    pub public: BTreeMap<&'static str, String>,
    /// The name beside the value, as it stands there: a header, a member's key, a variable.
    pub name: Option<String>,
    /// The mark in the text that covers it. Whether such marks count is for whoever reports.
    pub mark: Option<Mark>,
}

impl Finding {
    /// Takes in the other half of the credential, which is then no finding of its own. What the half tells of the whole
    /// stays: its public identifiers, and that it ends soon.
    pub fn join(&mut self, half: Finding) {
        let public = half.signature.public;
        let shown =
            if public { String::from_utf8_lossy(half.secret.expose()).into_owned() } else { half.preview };
        let secret = (!public).then_some(half.secret);
        self.parts.push(Part { what: half.signature.id.to_owned(), shown, secret });
        self.public.extend(half.public);
        if matches!(half.lifetime.class, LifetimeClass::ShortLived | LifetimeClass::Expired) {
            self.lifetime = half.lifetime;
            self.severity = self.severity.min(half.severity);
        }
    }

    /// Its secret and those of its parts.
    pub fn secrets(&self) -> impl Iterator<Item = &Secret> {
        std::iter::once(&self.secret).chain(self.parts.iter().filter_map(|part| part.secret.as_ref()))
    }
}
