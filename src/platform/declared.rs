//! Exports in which every value is a credential, whatever its name: n8n's credentials decrypted, Node-RED's credential
//! file in clear. From a blob to its values, without what only says where a credential is used (hosts, users, ids).

use std::collections::VecDeque;
use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::blob::{Blob, Span};
use crate::json::{self, Value};
use crate::platform::solution::own_path;
use crate::platform::{n8n, node_red};

/// Bytes from the beginning by which such an export is told, so that other blobs cost next to nothing.
const HEAD: usize = 4096;

/// The same for exports whose one word stands at their very beginning.
const BEGINNING: usize = 512;

static DATA: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("\"data\""));
static TYPE: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("\"type\""));
static ZAPS: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("\"zaps\""));
static VARIABLES: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("\"environmentvariablevalues\""));
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
    let begins = |word: &LazyLock<Finder<'_>>| word.find(head.get(..BEGINNING).unwrap_or(head)).is_some();
    let mut found = Vec::new();
    // A workflow has its nodes near the beginning, so that it costs next to nothing.
    if !has(&NODES) && has(&DATA) && has(&TYPE) {
        let roots = json::documents(blob.bytes).take(MAX_ENTRIES);
        let entries = roots.flat_map(|root| std::iter::once(root).chain(root.items()));
        let decrypted = entries.take(MAX_ENTRIES).filter(|entry| n8n::is_credential(*entry));
        decrypted.filter_map(|entry| entry.get("data")).for_each(|data| add(data, &mut found));
    } else if begins(&VARIABLES) {
        found.extend(Value::first(blob.bytes).and_then(|root| variable(blob, root)));
    } else if begins(&ZAPS) {
        let zaps = json::documents(blob.bytes).take(1).filter_map(|root| root.get("zaps"));
        let nodes = zaps.flat_map(|zaps| zaps.items().take(MAX_ENTRIES)).filter_map(|zap| zap.get("nodes"));
        let nodes = nodes.flat_map(|nodes| nodes.members().take(MAX_ENTRIES));
        found.extend(nodes.take(MAX_ENTRIES).filter_map(|(_, node)| basic_auth(node)));
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

/// What the schema name of an environment variable ends with if its value is a credential.
const TELLING: &[&str] =
    &["key", "token", "secret", "password", "passwd", "pwd", "passwort", "apikey", "credential"];

/// The value of a solution's environment variable, whose name is that of the folder: `environmentvariabledefinitions/<name>/`.
fn variable(blob: &Blob<'_>, root: Value<'_>) -> Option<Declared> {
    let value = root.path(&["environmentvariablevalues", "environmentvariablevalue", "value"])?;
    let path = own_path(blob);
    let name = path.rsplit('/').nth(1)?.to_owned();
    let letters: String = name.to_lowercase().chars().filter(|letter| letter.is_alphabetic()).collect();
    let found = one(name, value)?;
    let is_reference = found.value.starts_with('/');
    (!is_reference && TELLING.iter().any(|end| letters.ends_with(end))).then_some(found)
}

/// The password of a Zap's step: `user|password` (<https://help.zapier.com/hc/en-us/articles/8496326446989>, "Basic auth").
fn basic_auth(node: Value<'_>) -> Option<Declared> {
    let value = node.path(&["params", "basic_auth"])?;
    let content = value.content().filter(|content| content.len() <= MAX_VALUE)?;
    let bar = memchr::memchr(b'|', content)? + 1;
    let password = std::str::from_utf8(content.get(bar..)?).ok()?;
    let start = value.start() + 1 + bar;
    let is_literal = !password.is_empty() && !password.contains(['{', '\\', ' ']);
    is_literal.then(|| Declared {
        span: start..start + password.len(),
        value: password.to_owned(),
        name: "password".to_owned(),
    })
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
