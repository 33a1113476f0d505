//! What one string of a step says: a connector, a host, a reference to a credential.

use std::sync::LazyLock;

use crate::detect::names::{Names, Normal, Telling};
use crate::filter::reference;
use crate::finding::Place;
use crate::platform::trigger::{self, Trigger};

use super::Step;

/// A credential held elsewhere that a step refers to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// Where it is held.
    pub kind: ReferenceKind,
    /// What it is called there, or the expression that refers to it.
    pub name: String,
}

/// Where a credential is held that a step refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReferenceKind {
    /// The platform's own store of credentials and connections.
    CredentialStore,
    /// A secrets manager: Key Vault, Secrets Manager, Vault, 1Password, …
    SecretsManager,
    /// An environment variable.
    Environment,
    /// A variable or parameter of the platform, which may or may not be secret.
    Variable,
}

impl ReferenceKind {
    /// Every kind.
    pub const ALL: &[Self] =
        &[Self::CredentialStore, Self::SecretsManager, Self::Environment, Self::Variable];

    /// The name in policies and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::CredentialStore => "credential-store",
            Self::SecretsManager => "secrets-manager",
            Self::Environment => "environment",
            Self::Variable => "variable",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}

/// Kinds of steps that reach nothing outside of their flow: control and data operations of Power Automate and Logic Apps
/// (<https://learn.microsoft.com/azure/logic-apps/logic-apps-workflow-actions-triggers>), notes of n8n, Node-RED's own.
#[rustfmt::skip]
const NO_CONNECTORS: &[&str] = &[
    "AppendToArrayVariable", "AppendToStringVariable", "Button", "Changeset", "Compose", "DecrementVariable", "Expression",
    "Foreach", "If", "IncrementVariable", "InitializeVariable", "Join", "ParseJson", "Query", "Recurrence", "Response", "Scope",
    "Select", "SetVariable", "Switch", "Table", "Terminate", "Until", "Wait", "n8n-nodes-base.stickyNote", "comment", "tab", "group",
];

/// Adds what a string at a place says.
pub(super) fn add(step: &mut Step, place: &Place, text: &str) {
    let field = place.field.as_deref().unwrap_or_default();
    step.hosts.extend(hosts(text));
    step.scopes.extend(scopes(field, place.pointer.as_deref().unwrap_or_default(), text));
    if let Some(name) = &place.connection {
        refers(step, ReferenceKind::CredentialStore, name);
    }
    if let Some(kind) = reference_kind(field, text) {
        refers(step, kind, text);
    }
    let Some(about) = &place.step else { return };
    let kind = about.kind.as_ref().filter(|kind| !NO_CONNECTORS.contains(&kind.as_str()));
    match connector(field, text) {
        // The connector says more than that the step uses one.
        Some(connector) => {
            step.connectors.retain(|known| about.kind.as_ref() != Some(known));
            step.connectors.insert(connector);
        }
        None if step.connectors.is_empty() => step.connectors.extend(kind.cloned()),
        None => {}
    }
}

/// Adds what a string says of how the step starts its flow.
pub(super) fn trigger(step: &mut Step, platform: &str, place: &Place, text: &str) {
    let Some(kind) = place.step.as_ref().and_then(|about| about.kind.as_deref()) else { return };
    let field = place.field.as_deref().unwrap_or_default();
    let told = trigger::told_by(platform, kind, field, text);
    // What else stands among the triggers of a definition of Power Automate or Logic Apps waits for an event.
    let among = || place.pointer.as_deref().is_some_and(|pointer| pointer.contains("/definition/triggers/"));
    let Some((rank, kind)) = told.or_else(|| among().then_some((usize::MAX, Trigger::Event))) else { return };
    if step.trigger.is_none() || rank < step.told {
        (step.trigger, step.told) = (Some(kind), rank);
    }
}

fn refers(step: &mut Step, kind: ReferenceKind, name: &str) {
    step.references.insert(Reference { kind, name: name.to_owned() });
}

/// The connector that a step of Power Automate or Logic Apps names under its host: `shared_office365` out of
/// `/providers/Microsoft.PowerApps/apis/shared_office365` or the name of a connection, `shared_office365_1`; `office365`
/// out of `…/managedApis/office365` or `@parameters('$connections')['office365']['connectionId']`.
fn connector(field: &str, text: &str) -> Option<String> {
    if !field.starts_with("inputs.host") && !field.starts_with("inputs.serviceProviderConfiguration") {
        return None;
    }
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let word = |rest: &str| rest[..rest.find(|c| !is_name(c)).unwrap_or(rest.len())].to_owned();
    if let Some(at) = text.find("shared_") {
        let name = word(&text[at..]);
        let counted = name.rsplit_once('_').filter(|(head, count)| {
            head.contains('_') && !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit())
        });
        return Some(counted.map_or(name.clone(), |(head, _)| head.to_owned()));
    }
    let behind = |mark: &str| Some(word(text.split_once(mark)?.1)).filter(|name| !name.is_empty());
    behind("/managedApis/").or_else(|| behind("$connections')['")).or_else(|| behind("/serviceProviders/"))
}

/// Names of fields that hold scopes, in lower case without marks: OAuth 2.0 (RFC 6749 §3.3), n8n's credentials, custom
/// connectors' `oAuthSettings`, Slack's `user_scope`.
const SCOPES: &[&str] =
    &["scope", "scopes", "oauthscope", "oauthscopes", "userscope", "consentedscopes", "authscopes"];

/// Scopes of OpenID Connect (Core 1.0 §5.4, §11), which have no mark of their own.
const PLAIN_SCOPES: &[&str] = &["openid", "profile", "email", "address", "phone", "offline_access"];

/// The most scopes that one string names.
const MOST_SCOPES: usize = 64;

/// The scopes that a string at a place names. Of a security definition (Swagger 2.0, "Scopes Object") the scope is a key.
fn scopes(field: &str, pointer: &str, text: &str) -> Vec<String> {
    if let Some((_, scope)) =
        pointer.rsplit_once("/scopes/").filter(|_| pointer.contains("/securityDefinitions/"))
    {
        return vec![scope.replace("~1", "/").replace("~0", "~")];
    }
    let last = field.rsplit('.').next().unwrap_or(field);
    let last = last.split('[').next().unwrap_or(last).replace(['_', '-'], "").to_lowercase();
    if !SCOPES.contains(&last.as_str()) || text.contains(['{', '@', '$', '[']) {
        return Vec::new();
    }
    let words = text.split([' ', ',', '+', '\n']).filter(|word| is_scope(word));
    words.take(MOST_SCOPES).map(str::to_owned).collect()
}

/// `chat:write`, `Mail.Read`, `https://…`: words with a mark in them, of the characters that RFC 6749 (appendix A.4) allows.
fn is_scope(word: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
    let is_marked = word.len() <= 160 && word[..].contains([':', '.', '/', '_']);
    (PLAIN_SCOPES.contains(&word) || is_marked) && !word.is_empty() && word.bytes().all(is_allowed)
}

/// Names that tell of a credential, without those of vendors.
static NAMES: LazyLock<Names> = LazyLock::new(|| Names::new(&[]));

/// Where the credential is held that a string refers to. What is an expression counts only under the name of a
/// credential: most expressions are data.
fn reference_kind(field: &str, text: &str) -> Option<ReferenceKind> {
    let tells = |name: &str| NAMES.telling(&Normal::new(name.as_bytes())).is_some();
    let named = || {
        let last = field.rsplit('.').next().unwrap_or(field);
        let last = last.split('[').next().unwrap_or(last);
        tells(last) || variable(text).is_some_and(tells) || speaks_of_credential(text)
    };
    let has = |mark: &str| text.contains(mark);
    let by = reference::reference(text.as_bytes())?;
    match by {
        "encrypted value" => None,
        "Key Vault reference"
        | "1Password reference"
        | "Doppler reference"
        | "Infisical reference"
        | "Bitwarden reference"
        | "keyring reference"
        | "vals reference"
        | "secret reference"
        | "Secret Manager reference"
        | "secret file"
        | "AWS secret"
        | "Vault reference"
        | "external secret" => Some(ReferenceKind::SecretsManager),
        "Salesforce named credential" => Some(ReferenceKind::CredentialStore),
        _ if MANAGERS.iter().any(|mark| has(mark)) => Some(ReferenceKind::SecretsManager),
        _ if STORES.iter().any(|mark| has(mark)) => Some(ReferenceKind::CredentialStore),
        _ if !named() => None,
        "environment variable" => Some(ReferenceKind::Environment),
        _ if ENVIRONMENTS.iter().any(|mark| has(mark)) => Some(ReferenceKind::Environment),
        _ => Some(ReferenceKind::Variable),
    }
}

/// What expressions have that read from a manager of secrets: n8n's external secrets, Postman's and Insomnia's vaults, secrets of
/// ToolJet, Retool and Voiceflow.
const MANAGERS: &[&str] =
    &["$secrets.", "{{vault:", "{% vault", "{{secrets.", "{{ secrets.", "{secret.", "!secret "];

/// The same of a platform's own store: Salesforce, Huginn, Activepieces, n8n's credentials.
const STORES: &[&str] =
    &["$Credential.", "{% credential", "{{connections[", "{{ connections[", "$credentials."];

/// The same of the environment; Dify's and Copilot Studio's own among them.
const ENVIRONMENTS: &[&str] =
    &["$env.", "process.env", "{{#env.", "os.environ", "os.getenv", "env.get(", "$env:", "Env.", "ENV["];

/// Whether a word of the expression is the name of a credential: `{{ $json.access_token }}`.
fn speaks_of_credential(text: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let strong = |word: &str| {
        matches!(NAMES.telling(&Normal::new(word.as_bytes())), Some(Telling::Strong | Telling::Password))
    };
    text.split(|c| !is_part(c)).take(MOST_WORDS).any(|word| word.len() > 3 && strong(word))
}

/// The most words of an expression that are looked at.
const MOST_WORDS: usize = 64;

/// The name of the variable or parameter that an expression reads, where it says that it is one.
fn variable(text: &str) -> Option<&str> {
    const READS: &[&str] =
        &["$vars.", "$env.", "$secrets.", "process.env.", "parameters('", "variables('", "env.get(\"", "${"];
    let rest = READS.iter().find_map(|reads| Some(text.split_once(reads)?.1))?;
    let end = rest.find(|c: char| !(c.is_alphanumeric() || "_-. ".contains(c))).unwrap_or(rest.len());
    Some(rest[..end].trim())
}

/// The longest host that is taken for one (RFC 1035, section 2.3.4).
const LONGEST_HOST: usize = 253;

/// The hosts of the addresses in a text.
fn hosts(text: &str) -> Vec<String> {
    let mut hosts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        rest = after;
        let scheme = before.bytes().rev().take_while(u8::is_ascii_alphanumeric).count();
        if scheme > 0 {
            hosts.extend(host(after));
        }
    }
    hosts
}

/// The host that an address has behind `://`; an expression in it becomes `*`.
fn host(rest: &str) -> Option<String> {
    let masked = without_expressions(rest);
    let end =
        masked.find(['/', '?', '#', '"', '\'', '<', '>', '\\', '`', ' ', '\n', '\t', ',', ';', ')', '|']);
    let authority = &masked[..end.unwrap_or(masked.len())];
    let host = authority.rsplit('@').next().unwrap_or(authority);
    let host = match host.strip_prefix('[') {
        Some(address) => address.split(']').next().unwrap_or(address), // IPv6
        None => host.split(':').next().unwrap_or(host),
    };
    let host = host.trim_end_matches('.').to_lowercase();
    let is_host = |c: char| c.is_alphanumeric() || "-._*:".contains(c);
    (!host.is_empty() && host.len() <= LONGEST_HOST && host.chars().all(is_host)).then_some(host)
}

/// The beginning of a text with `*` for each expression of a platform in it: `{{ … }}`, `@{…}`, `${…}`, `#{…}`.
fn without_expressions(text: &str) -> String {
    const OPENERS: &[(&str, &str)] = &[("{{", "}}"), ("@{", "}"), ("${", "}"), ("#{", "}"), ("{", "}")];
    let text = text.get(..text.floor_char_boundary(2 * LONGEST_HOST)).unwrap_or(text);
    let mut out = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let opened = OPENERS.iter().find_map(|(open, close)| {
            let inner = rest.strip_prefix(open)?;
            Some(inner.split_once(close).map_or("", |(_, behind)| behind))
        });
        match opened {
            Some(behind) => {
                out.push('*');
                rest = behind;
            }
            None => {
                out.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_addresses() {
        for (text, expected) in [
            ("https://api.example.com/v1", vec!["api.example.com"]),
            ("POST to HTTPS://API.Example.com:8443?x=1.", vec!["api.example.com"]),
            (
                "https://user:x@db.example.com/a https://b.example.org",
                vec!["db.example.com", "b.example.org"],
            ),
            ("https://{{ $json.shop }}.example.com/x", vec!["*.example.com"]),
            ("https://@{variables('h')}/x", vec!["*"]),
            ("https://[2001:db8::1]:80/", vec!["2001:db8::1"]),
            ("no address :// here", vec![]),
            ("https://", vec![]),
        ] {
            assert_eq!(hosts(text), expected, "{text}");
        }
    }

    #[test]
    fn scopes_of_connections() {
        let definition = "/securityDefinitions/oauth2/scopes/https:~1~1graph.microsoft.com~1Mail.Read";
        for (field, pointer, text, expected) in [
            ("data.scope", "", "openid chat:write,files:read", vec!["openid", "chat:write", "files:read"]),
            (
                "oAuthSettings.scopes[0]",
                "",
                "https://graph.microsoft.com/.default",
                vec!["https://graph.microsoft.com/.default"],
            ),
            ("mapper.scope", "", "roundtrip", vec![]),
            ("inputs.scope", "", "@parameters('s.x')", vec![]),
            ("a.b", definition, "Read mail", vec!["https://graph.microsoft.com/Mail.Read"]),
        ] {
            assert_eq!(scopes(field, pointer, text), expected, "{field}");
        }
    }

    #[test]
    fn connectors_of_hosts() {
        for (text, expected) in [
            ("/providers/Microsoft.PowerApps/apis/shared_sharepointonline", Some("shared_sharepointonline")),
            ("shared_sharepointonline_12", Some("shared_sharepointonline")),
            ("@parameters('$connections')['office365']['connectionId']", Some("office365")),
            ("GetItems", None),
        ] {
            assert_eq!(connector("inputs.host.apiId", text).as_deref(), expected, "{text}");
        }
        assert_eq!(connector("inputs.body", "shared_x"), None);
    }

    /// Every syntax that a value of some platform refers by, under the name of a credential.
    #[test]
    fn every_syntax_has_its_kind() {
        use ReferenceKind::{CredentialStore, Environment, SecretsManager, Variable};
        for (text, expected) in [
            ("{{ $json.x }}", Variable),
            ("={{ $env.X }}", Environment),
            ("{{ $vars.X }}", Variable),
            ("{{ $secrets.vault.x }}", SecretsManager),
            ("{{ $credentials.x }}", CredentialStore),
            ("{{#env.X#}}", Environment),
            ("{{vault:x}}", SecretsManager),
            ("@{variables('x')}", Variable),
            ("@parameters('X (new_x)')", Variable),
            ("@outputs('Get_secret')?['body/value']", Variable),
            ("@body('Get')?['x']", Variable),
            ("@appsetting('X')", Variable),
            ("[parameters('x')]", Variable),
            ("[concat('a', variables('b'))]", Variable),
            ("[listKeys(resourceId('x'), '2020')]", Variable),
            ("$(X1)", Variable),
            ("%SOME_X%", Variable),
            ("<<x1>>", Variable),
            ("#{_dp('{}')}", Variable),
            ("{!varX}", Variable),
            ("{!$Credential.CRM.Password}", CredentialStore),
            ("{% credential x %}", CredentialStore),
            ("{% vault 'x' %}", SecretsManager),
            ("!secret x", SecretsManager),
            ("process.env.X1", Environment),
            ("os.environ['X1']", Environment),
            ("op://vault/item/field", SecretsManager),
            ("vault:secret/data/app#key", SecretsManager),
            ("arn:aws:secretsmanager:eu-west-1:123:secret:x", SecretsManager),
            ("arn:aws:ssm:eu-west-1:123:parameter/x", SecretsManager),
            ("projects/p/secrets/s/versions/1", SecretsManager),
            ("https://v.vault.azure.net/secrets/s", SecretsManager),
            ("@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/s)", SecretsManager),
            (
                "/subscriptions/1/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v/secrets/s",
                SecretsManager,
            ),
            ("doppler://a/b", SecretsManager),
            ("infisical://a", SecretsManager),
            ("bws:1", SecretsManager),
            ("keyring:a", SecretsManager),
            ("ref+vault://a/b", SecretsManager),
            ("callout:Named", CredentialStore),
        ] {
            let kind = reference_kind("headers.apiKey", text);
            let by = reference::reference(text.as_bytes());
            assert_eq!(kind, Some(expected), "{text} by {by:?}");
        }
        for encrypted in ["enc:abc", "ENC[AES256_GCM,data:abc]", "U2FsdGVkX1+abcdef", "__EncPwd1__"] {
            assert_eq!(reference_kind("headers.apiKey", encrypted), None, "{encrypted}");
        }
    }

    #[test]
    fn expressions_are_references_under_telling_names_only() {
        assert_eq!(reference_kind("headers[0].apiKey", "{{ $env.KEY }}"), Some(ReferenceKind::Environment));
        assert_eq!(reference_kind("parameters.text", "{{ $env.CITY }}"), None);
        assert_eq!(reference_kind("a.password", "{{ $json.p }}"), Some(ReferenceKind::Variable));
        let vault = "@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/x)";
        assert_eq!(reference_kind("a.b", vault), Some(ReferenceKind::SecretsManager));
        assert_eq!(reference_kind("a.password", "plain"), None);
        assert_eq!(
            reference_kind("headers[0].value", "={{ $vars.billing_key }}"),
            Some(ReferenceKind::Variable)
        );
        assert_eq!(reference_kind("headers[0].value", "={{ $vars.city }}"), None);
        assert_eq!(reference_kind("uri", "@parameters('ApiKey')"), Some(ReferenceKind::Variable));
    }
}
