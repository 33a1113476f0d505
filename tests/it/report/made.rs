//! Findings made up for tests.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use keysieve::blob::Provenance;
use keysieve::budget::{Coverage, Gap, Reason};
use keysieve::finding::{
    Confidence, Encoding, Finding, Flow, Kind, Lifetime, LifetimeClass, Location, Part, Place, Secret,
    Severity, Step, Storage,
};
use keysieve::mask::{Masker, no_detector};
use keysieve::report::{Format, Options, Report, Run, write};
use keysieve::signature::{Signature, Vendor};

/// 2026-11-23T12:00:00Z
pub(super) const NOW: i64 = 1_795_435_200;

static STRIPE: Vendor = Vendor {
    id: "stripe",
    name: "Stripe",
    source: "https://docs.stripe.com/keys",
    revoke: "https://dashboard.stripe.com/apikeys",
};

static GITHUB: Vendor = Vendor {
    id: "github",
    name: "GitHub",
    source: "https://docs.github.com/authentication (read 2026-11-23)",
    revoke: "https://github.com/settings/tokens",
};

const fn signature(id: &'static str, description: &'static str, kind: Kind, severity: Severity) -> Signature {
    Signature {
        id,
        vendor: None,
        description,
        kind,
        severity,
        lifetime: LifetimeClass::LongLived,
        evidence: "vendor: never expires",
        public: false,
        shapes: &[],
        pattern: None,
        keywords: &[],
        check: None,
        random_bits: 128,
        hosts: &[],
        names: &[],
        parts: &[],
        claims: &[],
        positive: &[],
        negative: &[],
    }
}

pub(super) static STRIPE_LIVE: Signature = Signature {
    vendor: Some(&STRIPE),
    ..signature("stripe-live-secret-key", "Stripe live secret key", Kind::ApiKey, Severity::Critical)
};
static STRIPE_PUBLIC: Signature = Signature {
    vendor: Some(&STRIPE),
    public: true,
    ..signature("stripe-live-publishable-key", "Stripe publishable key", Kind::ApiKey, Severity::Info)
};
static GITHUB_APP: Signature = Signature {
    vendor: Some(&GITHUB),
    ..signature("github-app-token", "GitHub app installation token", Kind::SessionToken, Severity::High)
};
static PASSWORD: Signature = signature("generic-password", "Password", Kind::Password, Severity::High);

/// A finding in a plain file.
pub(super) fn finding(
    signature: &'static Signature,
    secret: &str,
    preview: &str,
    provenance: Provenance,
) -> Finding {
    Finding {
        signature,
        severity: signature.severity,
        confidence: Confidence::High,
        location: location(provenance, 4, 12, secret.len()),
        also: Vec::new(),
        place: Place::default(),
        storage: Storage::Document,
        parts: Vec::new(),
        lifetime: Lifetime {
            class: LifetimeClass::LongLived,
            expires: None,
            evidence: "vendor: never expires".to_owned(),
        },
        secret: Secret::new(secret.as_bytes()),
        preview: preview.to_owned(),
        guessable: false,
        public: BTreeMap::new(),
        name: None,
        mark: None,
    }
}

/// A place at a line and a column.
pub(super) fn location(provenance: Provenance, line: u64, column: u64, length: usize) -> Location {
    let start = 100 * line + column;
    Location {
        provenance,
        bytes: Some(start..start + length as u64),
        line: Some(line),
        column: Some(column),
        decoded: Vec::new(),
        pointer: None,
        landmark: None,
    }
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn invoice() -> Provenance {
    Provenance::file("drive/export.zip").entry("Workflows/Invoice.json")
}

/// A Stripe key in a step of a Power Automate flow, and in its second definition.
fn charge(secret: &str) -> Finding {
    let pointer = "/properties/definition/actions/Charge/inputs/headers/Authorization";
    let mut finding = finding(&STRIPE_LIVE, secret, "sk_live_…9f2Q", invoice());
    finding.location = Location {
        decoded: vec![Encoding::JsonString],
        pointer: some(pointer),
        ..location(invoice(), 1, 20_417, secret.len())
    };
    finding.also =
        vec![location(Provenance::file("drive/export.zip").entry("definition.json"), 1, 311, secret.len())];
    finding.place = Place {
        connection: None,
        reference: None,
        pointer: some(pointer),
        landmark: None,
        flow: Some(Arc::new(Flow {
            platform: "power-automate",
            id: some("7f3a1d2e-0000-4000-8000-000000000001"),
            name: some("Invoice"),
            owner: some("jane@example.org"),
            state: some("on"),
            modified: some("2026-10-02T08:00:00Z"),
        })),
        step: Some(Arc::new(Step {
            id: some("Charge"),
            name: some("Charge"),
            kind: some("Http"),
            enabled: Some(true),
        })),
        field: some("inputs.headers.Authorization"),
        storage: Some(Storage::HardCoded),
        store: Some(
            "In Power Automate, keep it in an environment variable of type Secret (Azure Key Vault) and read it with \
             the action \"Perform an unbound action\".",
        ),
        own: None,
    };
    finding.storage = Storage::HardCoded;
    finding
}

/// The same key in a node of an n8n flow.
fn sync(secret: &str) -> Finding {
    let mut finding = finding(&STRIPE_LIVE, secret, "sk_live_…9f2Q", Provenance::file("drive/n8n.json"));
    finding.place.flow = Some(Arc::new(Flow {
        platform: "n8n",
        id: some("12"),
        name: some("Invoice sync"),
        state: some("off"),
        ..Flow::default()
    }));
    finding.place.step = Some(Arc::new(Step {
        id: some("b1"),
        name: some("Set"),
        kind: some("n8n-nodes-base.set"),
        enabled: Some(false),
    }));
    finding.place.field = some("assignments.assignments[0].value");
    finding.storage = Storage::HardCoded;
    finding.confidence = Confidence::Medium;
    finding
}

/// A password in a plain file, with its user.
fn password(secret: &str) -> Finding {
    let mut finding = finding(&PASSWORD, secret, "", Provenance::file("drive/notes.txt"));
    finding.guessable = true;
    finding.confidence = Confidence::Low;
    finding.name = some("DB_PASSWORD");
    finding.parts = vec![Part { what: "user".to_owned(), shown: "admin".to_owned(), secret: None }];
    finding.lifetime = Lifetime { class: LifetimeClass::Unknown, expires: None, evidence: String::new() };
    finding
}

/// A token that ends within the day.
fn app_token(secret: &str) -> Finding {
    let mut finding = finding(&GITHUB_APP, secret, "ghs_…", Provenance::file("drive/notes.txt"));
    finding.lifetime = Lifetime {
        class: LifetimeClass::ShortLived,
        expires: Some(NOW + 3600),
        evidence: "vendor: one hour".to_owned(),
    };
    finding.public.insert("app", "12345".to_owned());
    finding
}

/// A small run with one finding of each sort.
pub(super) fn run() -> Run<'static> {
    let stripe = format!("sk_{}_{}9f2Q", "live", "Xy7".repeat(7));
    let publishable = format!("pk_{}_{}", "live", "Ab3".repeat(8));
    let github = format!("gh{}_{}", "s", "q9Z".repeat(12));
    let provenance = Provenance::file("drive/notes.txt");
    let gaps = (0..12).map(|number| {
        let place = Provenance::file(format!("drive/old-{number:02}.zip")).entry("a.7z");
        Gap::new(&place, Reason::Encrypted, "a password is needed").sized(18_233)
    });
    Run {
        inputs: vec!["drive".to_owned()],
        findings: vec![
            charge(&stripe),
            sync(&stripe),
            password("hunter2!"),
            app_token(&github),
            finding(&STRIPE_PUBLIC, &publishable, "pk_live_…", provenance),
        ],
        coverage: Coverage {
            files: 15,
            members: 41,
            bytes: 3_565_158,
            excluded: 2,
            links: 1,
            gaps: gaps.collect(),
        },
        settings: vec![("profile".to_owned(), "default".to_owned())],
        now: NOW,
        duration: Duration::from_millis(1234),
        key: None,
    }
}

/// Writes a run in a format.
pub(super) fn written(run: Run<'_>, format: Format, options: &Options) -> String {
    let secrets: Vec<Secret> = run.findings.iter().map(|finding| finding.secret.clone()).collect();
    let masker = Masker::new(&secrets, &no_detector);
    let report = Report::new(run, &masker);
    let mut out = Vec::new();
    write(format, &report, &masker, options, &mut out).expect("written to memory");
    String::from_utf8(out).expect("text")
}
