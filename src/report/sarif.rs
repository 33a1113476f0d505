//! `sarif`: SARIF 2.1.0 (OASIS, <https://docs.oasis-open.org/sarif/sarif/v2.1.0/>), one run.
//!
//! No snippets and no hash of a line: a line holds the secret. What GitHub reads stands where it looks for it (tags and
//! `security-severity` of rules, `partialFingerprints`), beside the places that the standard has for the same
//! (taxonomies). A member of an archive is named as `drive/export.zip!/a.json`, one URI for the innermost bytes, since
//! the region counts in those.

mod catalogue;

use std::collections::HashMap;
use std::io::{self, Write};

use serde_json::{Map, Value, json};

use crate::blob::Provenance;
use crate::budget::Gap;
use crate::finding::{Location, Severity};
use crate::policy::Violation;
use crate::signature::Signature;

use super::controls::{self, Catalogue};
use super::frame::Object;
use super::{Commit, Identity, LifeState, Page, Reported, rfc3339};

/// Tags of a rule that GitHub accepts.
const MOST_TAGS: usize = 20;

/// Writes the log.
pub(super) fn write(page: &Page, out: &mut dyn Write) -> io::Result<()> {
    let rules = Rules::of(page);
    let mut log = Object::open(out)?;
    log.member(
        "$schema",
        &"https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
    )?;
    log.member("version", &"2.1.0")?;
    log.list_of_one("runs", |run| {
        run.member("tool", &tool(page, &rules))?;
        run.member("taxonomies", &catalogue::taxonomies())?;
        run.member("invocations", &[invocation(page)])?;
        run.member("columnKind", &"unicodeCodePoints")?;
        let findings = page.shown().map(|reported| result(page, reported, &rules));
        let violations = page.report.violations.iter().flatten().map(|it| violation(page, it));
        run.list("results", findings.chain(violations))
    })?;
    log.close()
}

/// The signatures of which there are findings, in order of their first one.
struct Rules {
    list: Vec<Rule>,
    index: HashMap<&'static str, usize>,
}

/// A signature, and what its findings speak to.
struct Rule {
    signature: &'static Signature,
    /// How bad the worst of them is: what GitHub shows for all of them.
    severity: Severity,
    controls: Vec<&'static str>,
}

impl Rules {
    fn of(page: &Page) -> Self {
        let mut rules = Self { list: Vec::new(), index: HashMap::new() };
        for reported in page.shown() {
            let signature = reported.finding.signature;
            let index = *rules.index.entry(signature.id).or_insert(rules.list.len());
            if index == rules.list.len() {
                rules.list.push(Rule { signature, severity: Severity::Info, controls: Vec::new() });
            }
            let Some(rule) = rules.list.get_mut(index) else {
                continue;
            };
            rule.severity = rule.severity.max(reported.severity());
            for id in page.controls(reported) {
                if !rule.controls.contains(&id) {
                    rule.controls.push(id);
                }
            }
        }
        rules
    }
}

fn tool(page: &Page, rules: &Rules) -> Value {
    json!({"driver": {
        "name": "keysieve",
        "version": env!("CARGO_PKG_VERSION"),
        "semanticVersion": env!("CARGO_PKG_VERSION"),
        "rules": rules.list.iter().map(|it| rule(page, it)).collect::<Vec<_>>(),
        "notifications": catalogue::notifications(),
        "supportedTaxonomies": catalogue::references(),
    }})
}

fn rule(page: &Page, rule: &Rule) -> Value {
    let signature = rule.signature;
    let title = message(&page.text(signature.description));
    let mut object = object(json!({
        "id": signature.id,
        "shortDescription": {"text": title},
        "fullDescription": {"text": format!("{title} outside of a secrets manager.")},
        "help": {"text": help(page, signature)},
        "defaultConfiguration": {"level": level(rule.severity)},
        "relationships": rule.controls.iter().filter_map(|id| relationship(id)).collect::<Vec<_>>(),
        "properties": {
            "tags": tags(&rule.controls),
            "precision": precision(signature),
            "security-severity": security_severity(rule.severity),
        },
    }));
    if let Some(uri) = help_uri(signature) {
        object.insert("helpUri".to_owned(), uri.into());
    }
    Value::Object(object)
}

fn help(page: &Page, signature: &Signature) -> String {
    let revoke = signature.vendor.map(|vendor| message(&page.text(vendor.revoke)));
    let revoke = revoke
        .map_or_else(|| "Change it where it was issued.".to_owned(), |place| format!("Revoke it: {place}"));
    format!(
        "{revoke}\nThen keep the new one in a credential store or secrets manager, and refer to it from here."
    )
}

/// The page that documents the credential, or else the one where it is revoked, if either is an address.
fn help_uri(signature: &Signature) -> Option<&'static str> {
    let vendor = signature.vendor?;
    let first_word = |text: &'static str| text.split_whitespace().next();
    let is_address = |word: &&str| {
        word.starts_with("https://")
            && word.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte))
    };
    [vendor.source, vendor.revoke].into_iter().filter_map(first_word).find(is_address)
}

/// `external/cwe/cwe-798` as GitHub knows them, and `NHI2:2025`.
fn tags(ids: &[&'static str]) -> Vec<String> {
    let tag = |id: &&'static str| {
        let control = controls::control(id)?;
        match control.catalogue {
            Catalogue::Cwe => Some(format!("external/cwe/{}", control.own_id.to_lowercase())),
            _ => Some(control.id.to_owned()),
        }
    };
    let fixed = ["security", "secret"].map(str::to_owned);
    fixed.into_iter().chain(ids.iter().filter_map(tag)).take(MOST_TAGS).collect()
}

/// A rule is one way in which the weakness or control of a catalogue comes about, so that is the superset.
fn relationship(id: &str) -> Option<Value> {
    Some(json!({"target": catalogue::target(controls::control(id)?), "kinds": ["superset"]}))
}

fn precision(signature: &Signature) -> &'static str {
    match (signature.check.is_some(), signature.vendor.is_some()) {
        (true, _) => "very-high",
        (false, true) => "high",
        (false, false) => "medium",
    }
}

/// GitHub: over 9.0 critical, 7.0 to 8.9 high, 4.0 to 6.9 medium, 0.1 to 3.9 low.
fn security_severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "2.0",
        Severity::Info => "0.0",
    }
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low => "note",
        Severity::Info => "none",
    }
}

fn result(page: &Page, reported: &Reported, rules: &Rules) -> Value {
    let finding = &reported.finding;
    let severity = reported.severity();
    let kind = if severity == Severity::Info { "informational" } else { "fail" };
    let mut first = object(location(page, &finding.location));
    first.insert("logicalLocations".to_owned(), logical_locations(page, reported).into());
    let mut object = object(json!({
        "ruleId": finding.signature.id,
        "ruleIndex": rules.index.get(finding.signature.id),
        "kind": kind,
        "level": level(severity),
        "message": {"text": said(page, reported)},
        "locations": [first],
        "partialFingerprints": {"keysieve/v1": reported.fingerprint},
        "taxa": page.controls(reported).iter().filter_map(|id| Some(catalogue::target(controls::control(id)?))).collect::<Vec<_>>(),
        "properties": properties(page, reported),
    }));
    if !finding.also.is_empty() {
        let related = finding.also.iter().map(|also| related(page, also)).collect::<Vec<_>>();
        object.insert("relatedLocations".to_owned(), related.into());
    }
    if let Some(life) = &reported.life {
        object.insert("baselineState".to_owned(), baseline_state(life.state).into());
        if let Some(Value::Object(properties)) = object.get_mut("properties") {
            properties.insert("state".to_owned(), life.state.name().into());
            properties.insert("firstSeen".to_owned(), json!(rfc3339(life.first_seen)));
        }
    }
    if let Some(acceptance) = &reported.accepted {
        let reason = acceptance.reason.as_ref().unwrap_or(&acceptance.by);
        let suppression =
            json!({"kind": "external", "status": "accepted", "justification": page.text(reason)});
        object.insert("suppressions".to_owned(), json!([suppression]));
    }
    Value::Object(object)
}

/// SARIF 2.1.0, 3.27.24.
fn baseline_state(state: LifeState) -> &'static str {
    match state {
        LifeState::New | LifeState::Reopened => "new",
        LifeState::Open | LifeState::Unreadable | LifeState::Accepted => "unchanged",
        LifeState::Resolved => "absent",
    }
}

/// The message: what, where in the words of the platform, and what to do.
fn said(page: &Page, reported: &Reported) -> String {
    let finding = &reported.finding;
    let mut said = format!("{}: {}", page.text(finding.signature.description), page.text(&finding.preview));
    let names: Vec<String> =
        names(page, reported).into_iter().map(|(kind, name)| format!("{kind} \"{name}\"")).collect();
    if !names.is_empty() {
        said.push_str(&format!(" in {}", names.join(", ")));
    }
    said.push_str(&format!(" ({}, {}).", finding.storage.name(), finding.lifetime.class.name()));
    if let Some(vendor) = finding.signature.vendor {
        said.push_str(&format!(" Revoke it: {}", page.text(vendor.revoke)));
    }
    if let Some(store) = finding.place.fix() {
        said.push_str(&format!(" Store it: {}", page.text(&store)));
    }
    message(&said)
}

/// Flow, step and field, as far as they are known, each with its kind.
fn names(page: &Page, reported: &Reported) -> Vec<(&'static str, String)> {
    let place = &reported.finding.place;
    let flow = place.flow.as_deref().and_then(|flow| flow.name.as_ref().or(flow.id.as_ref()));
    let step = place.step.as_deref().and_then(|step| step.name.as_ref().or(step.id.as_ref()));
    let field = place.field.as_ref().or(reported.finding.name.as_ref());
    let named = [("flow", flow), ("step", step), ("field", field)];
    named.into_iter().filter_map(|(kind, name)| Some((kind, page.text(name?)))).collect()
}

fn logical_locations(page: &Page, reported: &Reported) -> Vec<Value> {
    let mut path: Vec<String> =
        reported.finding.place.flow.as_deref().map(|flow| flow.platform.to_owned()).into_iter().collect();
    names(page, reported)
        .into_iter()
        .map(|(kind, name)| {
            path.push(name.replace('/', "~1"));
            json!({"name": name, "kind": kind, "fullyQualifiedName": path.join("/")})
        })
        .collect()
}

fn related(page: &Page, also: &Location) -> Value {
    let mut object = object(location(page, also));
    object.insert("message".to_owned(), json!({"text": "The same once more."}));
    Value::Object(object)
}

fn location(page: &Page, location: &Location) -> Value {
    let mut physical =
        object(json!({"artifactLocation": {"uri": uri(&page_path(page, &location.provenance))}}));
    if let Some(region) = region(location) {
        physical.insert("region".to_owned(), region);
    }
    json!({"physicalLocation": physical})
}

/// The bytes of the innermost blob, and their line and column. `None` where the secret stands in the blob's name.
fn region(location: &Location) -> Option<Value> {
    let bytes = location.bytes.as_ref()?;
    let length = bytes.end.saturating_sub(bytes.start);
    let mut region = object(json!({"byteOffset": bytes.start, "byteLength": length}));
    if let Some(line) = location.line {
        region.insert("startLine".to_owned(), line.into());
        region.extend(location.column.map(|column| ("startColumn".to_owned(), column.into())));
    }
    Some(Value::Object(region))
}

fn properties(page: &Page, reported: &Reported) -> Value {
    let finding = &reported.finding;
    let flow = finding.place.flow.as_deref();
    let secret = page.credential(reported).map(|credential| match &credential.identity {
        Identity::Fingerprint(fingerprint) => json!(fingerprint),
        Identity::Group { number, .. } => json!(number),
    });
    json!({
        "severity": reported.severity().name(),
        "confidence": finding.confidence.name(),
        "credentialKind": finding.signature.kind.name(),
        "storage": finding.storage.name(),
        "lifetime": finding.lifetime.class.name(),
        "lifetimeEvidence": page.text(&finding.lifetime.evidence),
        "expires": finding.lifetime.expires.and_then(rfc3339),
        "platform": flow.map(|flow| flow.platform),
        "owner": flow.and_then(|flow| page.maybe(flow.owner.as_deref())),
        "pointer": page.maybe(finding.location.pointer.as_deref()),
        "landmark": page.maybe(finding.location.landmark.as_deref()),
        "decoded": finding.location.decoded.iter().map(|step| step.name()).collect::<Vec<_>>(),
        "secret": secret,
        "occurrences": page.credential(reported).map(|credential| credential.findings.len()),
        "controls": page.controls(reported),
        "commit": reported.commit.as_ref().map(|commit| commit_of(page, commit)),
    })
}

/// The commit that brought it. What the standard has for versions is about the whole run, not about a result.
fn commit_of(page: &Page, commit: &Commit) -> Value {
    json!({"id": page.text(&commit.id), "author": page.text(&commit.author), "date": page.text(&commit.date)})
}

/// Something that a policy forbids; its rule is the policy's, so that it has no entry among ours.
fn violation(page: &Page, violation: &Violation) -> Value {
    let named = [
        ("flow", violation.flow.name.as_deref().or(violation.flow.id.as_deref())),
        ("step", violation.step.as_deref().and_then(|step| step.name.as_deref().or(step.id.as_deref()))),
    ];
    let logical =
        named.into_iter().filter_map(|(kind, name)| Some(json!({"name": page.text(name?), "kind": kind})));
    let uri = uri(&page_path(page, &violation.provenance));
    json!({
        "ruleId": format!("policy/{}", violation.rule.name()),
        "level": "error",
        "message": {"text": message(&page.text(&violation.message))},
        "locations": [{
            "physicalLocation": {"artifactLocation": {"uri": uri}},
            "logicalLocations": logical.collect::<Vec<_>>(),
        }],
        "properties": {"what": page.text(&violation.what)},
    })
}

/// The run itself, with what it could not read.
fn invocation(page: &Page) -> Value {
    let gaps = &page.report.coverage.gaps;
    json!({
        "executionSuccessful": true,
        "toolExecutionNotifications": gaps.iter().map(|it| notification(page, it)).collect::<Vec<_>>(),
        "properties": {"complete": gaps.is_empty(), "keyId": page.report.key_id, "now": rfc3339(page.report.now)},
    })
}

fn notification(page: &Page, gap: &Gap) -> Value {
    let detail = page.text(&gap.detail);
    let text = if detail.is_empty() { gap.reason.name().to_owned() } else { detail };
    json!({
        "descriptor": {"id": gap.reason.name()},
        "level": "warning",
        "message": {"text": message(&format!("not read: {text}"))},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": uri(&page_path(page, &gap.provenance))}}}],
        "properties": {"bytes": gap.bytes},
    })
}

fn page_path(page: &Page, provenance: &Provenance) -> String {
    page.text(&provenance.to_string())
}

/// Text for a message: braces doubled, as the standard wants them, and no `](`, which would begin the address of a link
/// (sections 3.11.5 and 3.11.6).
fn message(text: &str) -> String {
    text.replace('{', "{{").replace('}', "}}").replace("](", "] (")
}

/// A path as a URI reference: relative as it is, absolute with `file:`; what is not unreserved is percent-encoded, so
/// that no path reads as a scheme, a query or a fragment.
fn uri(path: &str) -> String {
    let path = path.strip_prefix("./").unwrap_or(path);
    let drive =
        path.as_bytes().get(1) == Some(&b':') && path.as_bytes().first().is_some_and(u8::is_ascii_alphabetic);
    let mut uri = match path {
        _ if drive => "file:///".to_owned(),
        path if path.starts_with("//") => "file:".to_owned(),
        path if path.starts_with('/') => "file://".to_owned(),
        _ => String::new(),
    };
    for (at, byte) in path.bytes().enumerate() {
        let plain = byte.is_ascii_alphanumeric() || b"-._~/!".contains(&byte) || drive && at == 1;
        if plain {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri
}

/// The object that a literal is.
fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_uris() {
        let cases = [
            ("drive/a b.zip!/W ü/ü.json", "drive/a%20b.zip!/W%20%C3%BC/%C3%BC.json"),
            ("./a.json", "a.json"),
            ("javascript:alert(1)", "javascript%3Aalert%281%29"),
            ("a#b?c%20", "a%23b%3Fc%2520"),
            ("/home/me/a.json", "file:///home/me/a.json"),
            ("C:/Users/a.json", "file:///C:/Users/a.json"),
            ("//server/share/a", "file://server/share/a"),
            ("-", "-"),
        ];
        for (path, expected) in cases {
            assert_eq!(uri(path), expected);
        }
    }

    #[test]
    fn messages_hold_no_links_and_no_placeholders() {
        assert_eq!(message("{0} [x](https://evil.example)"), "{{0}} [x] (https://evil.example)");
    }
}
