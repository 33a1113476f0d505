//! Exports in which every value is a credential, whatever its name: n8n's credentials decrypted, Node-RED's credential
//! file in clear. From a blob to its values, without what only says where a credential is used (hosts, users, ids).

use std::collections::VecDeque;
use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::blob::{Blob, Span};
use crate::json::{self, Value};
use crate::platform::{n8n, node_red};

/// Bytes from the beginning by which such an export is told, so that other blobs cost next to nothing.
const HEAD: usize = 4096;

static DATA: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("\"data\""));
static TYPE: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("\"type\""));
static NODES: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("\"nodes\""));

/// How many entries are read, and how many values of each.
const MAX_ENTRIES: usize = 10_000;
const MAX_VALUES: usize = 256;

/// The shortest value that is one, in bytes; a shorter one needs a telling name.
const MIN_VALUE: usize = 8;

/// The longest value, in bytes: a private key.
const MAX_VALUE: usize = 16 << 10;

/// A value of the platform's credential store.
pub(crate) struct Declared {
    /// Its bytes in the blob, between the quotes.
    pub span: Span,
    /// The value.
    pub value: String,
    /// The name of its field; of a pair of name and value the name.
    pub name: String,
}

/// The values of an export of credentials that is in clear; none of any other blob.
pub(crate) fn declared(blob: &Blob<'_>) -> Vec<Declared> {
    let head = blob.bytes.get(..HEAD).unwrap_or(blob.bytes);
    if !json::begins_like_json(head) {
        return Vec::new();
    }
    let has = |word: &LazyLock<Finder<'_>>| word.find(head).is_some();
    let mut found = Vec::new();
    // A workflow has its nodes near the beginning, so that it costs next to nothing.
    if !has(&NODES) && has(&DATA) && has(&TYPE) {
        let roots = json::documents(blob.bytes).take(MAX_ENTRIES);
        let entries = roots.flat_map(|root| std::iter::once(root).chain(root.items()));
        let decrypted = entries.take(MAX_ENTRIES).filter(|entry| n8n::is_credential(*entry));
        decrypted.filter_map(|entry| entry.get("data")).for_each(|data| add(data, &mut found));
    } else if begins_with_node(head) && node_red::is_credentials(blob) {
        let entries = Value::first(blob.bytes).into_iter().flat_map(Value::members);
        entries.take(MAX_ENTRIES).for_each(|(_, entry)| add(entry, &mut found));
    }
    found
}

/// `{"<hexadecimal digits>": {`
fn begins_with_node(head: &[u8]) -> bool {
    let Some(rest) = head.trim_ascii_start().strip_prefix(b"{") else {
        return false;
    };
    let id = rest.trim_ascii_start().strip_prefix(b"\"").unwrap_or_default();
    let digits = id.iter().take_while(|byte| byte.is_ascii_hexdigit() || **byte == b'.').count();
    (8..=16).contains(&digits) && id.get(digits) == Some(&b'"')
}

/// Adds the values of one entry.
fn add(entry: Value<'_>, found: &mut Vec<Declared>) {
    let mut queue = VecDeque::from([(String::new(), entry)]);
    for _ in 0..MAX_VALUES {
        let Some((name, value)) = queue.pop_front() else { return };
        if value.is_string() {
            found.extend(one(name, value));
            continue;
        }
        // `{"name": "X-Key", "value": "…"}`: what names the value is beside it.
        let beside = value.get("name").and_then(Value::text).unwrap_or_default().into_owned();
        let members = value.members().take(MAX_VALUES).map(|(key, member)| match &*key.text() {
            "value" if !beside.is_empty() => (beside.clone(), member),
            key => (key.to_owned(), member),
        });
        queue.extend(members.chain(value.items().take(MAX_VALUES).map(|item| (name.clone(), item))));
    }
}

fn one(name: String, value: Value<'_>) -> Option<Declared> {
    let length = value.content()?.len();
    let text = value.text().filter(|_| length <= MAX_VALUE)?.into_owned();
    let is_key =
        text.len() >= MIN_VALUE && text.bytes().any(|byte| byte.is_ascii_digit()) && !text.contains(' ');
    let start = value.start() + 1;
    let declared = Declared { span: start..start + length, value: text, name };
    (is_key && !is_harmless(&declared)).then_some(declared)
}

/// Endings of names whose values say where a credential is used, or how.
const HARMLESS: &[&str] = &[
    "user",
    "username",
    "login",
    "host",
    "hostname",
    "port",
    "url",
    "uri",
    "server",
    "domain",
    "domains",
    "region",
    "database",
    "mail",
    "scope",
    "type",
    "name",
    "authentication",
    "version",
    "environment",
    "project",
    "location",
    "language",
    "id",
    "algorithm",
    "endpoint",
    "path",
    "workspace",
    "in",
    "publickey",
    "expiry",
    "timestamp",
    "database",
    "schema",
    "account",
];

fn is_harmless(declared: &Declared) -> bool {
    let name = declared.name.to_ascii_lowercase();
    let is_address =
        declared.value.contains("://") || declared.value.contains('@') && declared.value.contains('.');
    is_address || HARMLESS.iter().any(|ending| name.ends_with(ending))
}
