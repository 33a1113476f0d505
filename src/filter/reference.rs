//! References: values that point to a credential held elsewhere (a credential store, a secrets manager, the
//! environment), wholly or in part, and values that are encrypted. Good practice, never a finding.
//!
//! A syntax that could stand in a password by chance must have its whole form and a border before it.

use super::words::{bare, names_credential};

/// Returns which syntax the value refers by, if it does. `Bearer {{ $json.t }}` is a reference; a leading `=` without
/// braces is none, since n8n takes what follows literally.
pub fn reference(value: &[u8]) -> Option<&'static str> {
    let value = bare(value);
    by_prefix(value)
        .or_else(|| by_address(value))
        .or_else(|| by_delimiters(value))
        .or_else(|| by_call(value))
        .or_else(|| by_variable(value))
        .or_else(|| by_lookup(value))
}

/// Starts of values that point into a store, or are encrypted, with the name of each.
#[rustfmt::skip]
const PREFIXES: &[(&str, &str)] = &[
    ("op://", "1Password reference"), ("doppler://", "Doppler reference"), ("infisical://", "Infisical reference"),
    ("bws:", "Bitwarden reference"), ("keyring:", "keyring reference"), ("ref+", "vals reference"),
    ("callout:", "Salesforce named credential"), ("secretref:", "secret reference"), ("sm://", "Secret Manager reference"),
    ("@microsoft.keyvault(", "Key Vault reference"), ("/run/secrets/", "secret file"), ("file:/run/secrets/", "secret file"),
    ("!secret ", "secret reference"), ("!vault ", "encrypted value"), ("!env_var ", "environment variable"),
    ("!ref ", "CloudFormation reference"), ("!sub ", "CloudFormation reference"), ("!getatt ", "CloudFormation reference"),
    ("!importvalue ", "CloudFormation reference"),
    ("enc[", "encrypted value"), ("enc(", "encrypted value"), ("enc:", "encrypted value"),
    ("u2fsdgvkx1", "encrypted value"), ("$ansible_vault;", "encrypted value"),
    ("vault:v1:", "encrypted value"),
    // Power Fx, as Copilot Studio writes it: `=Env.name`, the `=` gone.
    ("env.", "environment variable"), ("topic.", "expression"), ("global.", "expression"),
    ("$json.", "expression"), ("$env.", "environment variable"), ("$vars.", "variable"), ("$secrets.", "external secret"),
    ("$node[", "expression"), ("$input.", "expression"), ("$('", "expression"), ("$(\"", "expression"), ("$env:", "environment variable"),
];

fn by_prefix(value: &[u8]) -> Option<&'static str> {
    let starts = |prefix: &str| {
        let head = value.get(..prefix.len());
        value.len() > prefix.len() && head.is_some_and(|head| head.eq_ignore_ascii_case(prefix.as_bytes()))
    };
    PREFIXES.iter().find(|(prefix, _)| starts(prefix)).map(|&(_, name)| name)
}

/// ARNs, vault paths, Key Vault and Secret Manager names.
fn by_address(value: &[u8]) -> Option<&'static str> {
    let has = |part: &[u8]| memchr::memmem::find(value, part).is_some();
    let begins = |part: &[u8]| value.starts_with(part);
    let path = || has(b"/") || has(b"#");
    match () {
        () if begins(b"arn:aws") && (has(b":secretsmanager:") || has(b":ssm:")) => Some("AWS secret"),
        () if begins(b"vault:") && path() => Some("Vault reference"),
        () if begins(b"projects/") && has(b"/secrets/") => Some("Secret Manager reference"),
        () if begins(b"/subscriptions/") && has(b"/vaults/") && has(b"/secrets/") => {
            Some("Key Vault reference")
        }
        () if begins(b"https://") && has(b".vault.azure.net/secrets/") => Some("Key Vault reference"),
        // Alteryx puts this into a connection string where it keeps the password apart.
        () if has(b"__EncPwd1__") => Some("encrypted value"),
        () => None,
    }
}

/// One pair of delimiters of a template language, and what must hold for what stands between.
struct Delimiters {
    open: &'static [u8],
    close: &'static [u8],
    holds: fn(&[u8]) -> bool,
    name: &'static str,
}

const DELIMITERS: &[Delimiters] = &[
    Delimiters { open: b"{{", close: b"}}", holds: is_something, name: "template expression" },
    Delimiters { open: b"{%", close: b"%}", holds: is_something, name: "template expression" },
    Delimiters { open: b"@{", close: b"}", holds: is_call, name: "workflow expression" },
    Delimiters { open: b"${", close: b"}", holds: is_variable, name: "variable" },
    Delimiters { open: b"#{", close: b"}", holds: begins_name, name: "variable" },
    Delimiters { open: b"{!", close: b"}", holds: begins_name, name: "Salesforce reference" },
    Delimiters { open: b"{secret.", close: b"}", holds: begins_name, name: "secret reference" },
    Delimiters { open: b"<<", close: b">>", holds: is_name, name: "variable" },
    Delimiters { open: b"$(", close: b")", holds: is_variable, name: "variable" },
    Delimiters { open: b"%%", close: b"%%", holds: is_name, name: "variable" },
    Delimiters { open: b"%", close: b"%", holds: is_name, name: "variable" },
];

fn by_delimiters(value: &[u8]) -> Option<&'static str> {
    // Most values have none of the bytes that they begin with.
    let mut stands = [false; 256];
    value.iter().for_each(|byte| stands[usize::from(*byte)] = true);
    let may_stand =
        |delimiters: &&Delimiters| delimiters.open.first().is_some_and(|byte| stands[usize::from(*byte)]);
    let mut may_stand = DELIMITERS.iter().filter(may_stand);
    may_stand.find(|delimiters| delimiters.enclose(value)).map(|delimiters| delimiters.name)
}

impl Delimiters {
    /// Whether a pair of them stands in the value at a border, around what they may enclose. Only the first pair, and
    /// the last close: an expression may have braces of its own.
    fn enclose(&self, value: &[u8]) -> bool {
        let Some(open) = memchr::memmem::find(value, self.open) else {
            return false;
        };
        let (before, inner) = (&value[..open], &value[open + self.open.len()..]);
        let first = memchr::memmem::find(inner, self.close).map(|end| self.fits(before, inner, end));
        let last = memchr::memmem::rfind(inner, self.close).map(|end| self.fits(before, inner, end));
        first == Some(true) || last == Some(true)
    }

    /// Doubled braces are a border of their own; a single mark, which a password may have, wants one on both sides.
    fn fits(&self, before: &[u8], inner: &[u8], end: usize) -> bool {
        let behind = &inner[end + self.close.len()..];
        let plain = self.open.ends_with(b"%") && self.open[0] == b'%';
        let borders = ends_at_border(before) && behind.first().is_none_or(|&byte| is_border(byte));
        (self.holds)(&inner[..end]) && (!plain || borders)
    }
}

fn ends_at_border(before: &[u8]) -> bool {
    before.last().is_none_or(|&byte| is_border(byte))
}

fn is_border(byte: u8) -> bool {
    byte.is_ascii_whitespace() || b":=/\"'`,;&?|".contains(&byte)
}

fn is_something(inner: &[u8]) -> bool {
    !inner.trim_ascii().is_empty()
}

/// A name, as variables have: a letter or underscore, then letters, digits, dots, dashes, blanks inside.
fn is_name(inner: &[u8]) -> bool {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.- ".contains(byte);
    begins_name(inner) && inner.iter().all(allowed) && inner.len() >= 2
}

fn begins_name(inner: &[u8]) -> bool {
    let inner = inner.trim_ascii_start();
    let inner = inner.strip_prefix(b"$").unwrap_or(inner);
    inner.len() >= 2 && inner.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_')
}

/// A variable, perhaps with what a shell or a language appends; but one with a long default is the default.
fn is_variable(inner: &[u8]) -> bool {
    const LONG: usize = 8;
    let default = memchr::memmem::find(inner, b":-").map_or(0, |at| inner.len() - at - 2);
    begins_name(inner) && default < LONG
}

/// A name and a pair of parentheses.
fn is_call(inner: &[u8]) -> bool {
    let open = memchr::memchr(b'(', inner).unwrap_or(0);
    open > 1 && begins_name(inner) && inner[open..].contains(&b')') && inner[..open].iter().all(is_name_byte)
}

fn is_name_byte(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_.".contains(byte)
}

/// `@parameters('x')` of workflows, `[parameters('x')]` of ARM templates.
fn by_call(value: &[u8]) -> Option<&'static str> {
    match value {
        [b'@', call @ ..] if is_call(call) => Some("workflow expression"),
        [b'[', call @ .., b']'] if is_call(call) => Some("template expression"),
        _ => None,
    }
}

/// `$API_KEY` as shells write it, `$apiKey` as PHP and PowerShell do: a name that says what it holds.
fn by_variable(value: &[u8]) -> Option<&'static str> {
    let name = value.strip_prefix(b"$")?;
    let shell = name.len() >= 3 && name.iter().all(|byte| byte.is_ascii_uppercase() || *byte == b'_');
    let telling =
        names_credential(name) && name.iter().all(|byte| byte.is_ascii_alphabetic() || *byte == b'_');
    (shell || telling).then_some("variable")
}

/// Ways to ask the environment or a store, by language.
#[rustfmt::skip]
const LOOKUPS: &[&str] = &[
    "process.env.", "process.env[", "import.meta.env.", "Deno.env.get(", "Bun.env.", "os.environ[", "os.environ.get(",
    "os.getenv(", "getenv(", "System.getenv(", "Environment.GetEnvironmentVariable(", "env.get(", "env(", "ENV[",
    "ENV.fetch(", "std::env::var(", "env!(", "$env:", "$_ENV[", "secrets.get(", "dbutils.secrets.get(", "userdata.get(",
    "st.secrets[", "global.get(", "flow.get(", "context.env.", "PropertiesService.", "config.get(", "SecretClient(",
    "get_secret(", "getSecret(", "get_secret_value(", "keyring.get_password(", "ConvertTo-SecureString", "Get-Secret ",
    "Get-AutomationVariable", "GetRobotCredential", "GetRobotAsset",
];

/// A lookup in the environment or a store, in code.
fn by_lookup(value: &[u8]) -> Option<&'static str> {
    let looks_up = |lookup: &str| {
        let at = memchr::memmem::find(value, lookup.as_bytes());
        at.is_some_and(|at| value[..at].last().is_none_or(|byte| !byte.is_ascii_alphanumeric()))
    };
    LOOKUPS.iter().any(|lookup| looks_up(lookup)).then_some("lookup in code")
}

/// Returns what the value is if it stands unquoted in code and no literal: a name, a member, an index, a call
/// (`config.token`, `headers["x"]`, `getToken()`).
pub fn code_expression(value: &[u8]) -> Option<&'static str> {
    let value = value.trim_ascii().trim_suffix_of(b",;");
    let name_len = value.iter().take_while(|byte| is_name_byte(byte) || **byte == b'$').count();
    let (name, behind) = value.split_at(name_len);
    let begins = name.first().is_some_and(|byte| byte.is_ascii_alphabetic() || b"_$".contains(byte));
    let member = name.contains(&b'.') && name.split(|&byte| byte == b'.').all(is_plain_name);
    match behind.first() {
        Some(b'(' | b'[') if begins => Some("expression in code"),
        None if begins && (member || names_credential(name) && is_plain_name(name)) => {
            Some("expression in code")
        }
        _ => None,
    }
}

/// Few digits and all at the end: a name that someone chose.
fn is_plain_name(name: &[u8]) -> bool {
    let digits = name.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let letters = &name[..name.len() - digits];
    !letters.is_empty() && digits <= 2 && !letters.iter().any(u8::is_ascii_digit)
}

trait TrimSuffix {
    fn trim_suffix_of(&self, marks: &[u8]) -> &Self;
}

impl TrimSuffix for [u8] {
    fn trim_suffix_of(&self, marks: &[u8]) -> &Self {
        let trailing = self.iter().rev().take_while(|byte| marks.contains(byte)).count();
        &self[..self.len() - trailing]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn references() {
        for value in [
            "{{ $json.token }}",
            "={{ $env.KEY }}",
            "=Bearer {{ $json.t }}",
            "Bearer {{1.token}}",
            "{{#env.KEY#}}",
            "{{vault:x}}",
            "{{_dp('x')}}",
            "{{connections['name']}}",
            "{{ secrets.KEY }}",
            "@parameters('Key (new_Key)')",
            "@{variables('token')}",
            "Bearer @{body('Get')?['token']}",
            "@appsetting('KEY')",
            "@outputs('Get_secret')?['body/value']",
            "@Microsoft.KeyVault(SecretUri=https://a.vault.azure.net/)",
            "[parameters('secret')]",
            "[concat('a', variables('b'))]",
            "[listKeys(resourceId('x'), '2020')]",
            "${API_KEY}",
            "Bearer ${TOKEN}",
            "${API_KEY:-none}",
            "$(MQTT_PASSWORD)",
            "%API_KEY%",
            "Bearer %Token%",
            "%%client.TOKEN%%",
            "$OPENROUTER_API_KEY",
            "$HASH",
            "$apiKey",
            "<<token>>",
            "#{_dp('{\"pill_type\":1}')}",
            "#{Octopus.Key}",
            "{!$Credential.Password}",
            "{% credential slack %}",
            "{% vault 'a' %}",
            "!secret api_key",
            "op://vault/item/field",
            "vault:secret/data/app#key",
            "arn:aws:secretsmanager:eu-west-1:123:secret:x",
            "arn:aws-us-gov:ssm:us:123:parameter/x",
            "projects/p/secrets/s/versions/1",
            "https://acme.vault.azure.net/secrets/s",
            "/subscriptions/1/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v/secrets/s",
            "doppler://a/b",
            "infisical://a",
            "bws:1",
            "keyring:a",
            "ref+vault://a/b",
            "callout:Named",
            "enc:abc",
            "ENC[AES256_GCM,data:abc]",
            "U2FsdGVkX1+abcdef",
            "__EncPwd1__",
            "process.env.KEY",
            "os.environ['KEY']",
            "os.getenv('KEY')",
            "$env:API_KEY",
            "{secret.NAME}",
            "=Env.new_key",
            "$json.body.token",
        ] {
            assert!(reference(value.as_bytes()).is_some(), "{value}");
        }
    }

    /// Every syntax that a value of some platform's export refers by, alone and behind text that is none.
    #[test]
    fn every_syntax_of_the_platforms_alone_and_in_a_mixture() {
        for value in [
            "{{ $('Node').item.json.x }}",
            "{{ $node[\"N\"].json.x }}",
            "{{ $vars.X }}",
            "{{ $credentials.x }}",
            "{{ $fromAI('x') }}",
            "{{ $secrets.vault.x }}",
            "{{1.field}}",
            "{{var.organization.x}}",
            "{{#node.x#}}",
            "{{constants.X}}",
            "{{ retoolContext.configVars.X }}",
            "{{ _.x }}",
            "{{process.env.X}}",
            "{{step_1['x']}}",
            "{{123__field}}",
            "@{parameters('x')}",
            "@{variables('x')}",
            "@{outputs('Get_secret')?['body/value']}",
            "${TOKEN}",
            "$(TOKEN)",
            "%%server.X%%",
            "<<x1>>",
            "#{Octopus.Key}",
            "{!$CustomMetadata.X}",
            "{% response 'body' %}",
        ] {
            for mixed in [
                value.to_owned(),
                format!("Bearer {value}"),
                format!("=Bearer {value}"),
                format!("id:{value}"),
            ] {
                assert!(reference(mixed.as_bytes()).is_some(), "{mixed}");
            }
        }
        for value in [
            "@variables('x')",
            "@body('Get')?['value']",
            "@parameters('$connections')['x']['connectionId']",
            "@parameters('$authentication')",
            "[listCallbackUrl(resourceId('x'), '2020')]",
            "[parameters('x')]",
            "$vars.x",
            "$secrets.vault.x",
            "$env.TOKEN",
            "projects/1/secrets/s/versions/latest",
            "https://v.vault.azure.net/secrets/s/1",
            "ref+awsssm://a",
            "odbc:DRIVER={x};UID=u;PWD=__EncPwd1__",
        ] {
            assert!(reference(value.as_bytes()).is_some(), "{value}");
        }
    }

    #[test]
    fn literals() {
        for value in [
            "pa$$w0rd%1",
            "=959c2b17-8f41-4cb7-92aa-8c2d1f5e7a60",
            "50%off%now",
            "a%b%c",
            "$2b$12$abcdefghijk",
            "$UMMER2024",
            "p@{ss}word",
            "a@b(c)",
            "{}",
            "{{}}",
            "{{",
            "%%",
            "<<>>",
            "${",
            "${NAME:-Zk3vTq8LmX1p}",
            "vault:7",
            "[abc]",
            "Tr0ub4dor&3",
            "x$(ls",
            "environment",
            "enc",
            "op://",
            "P%word1%x",
        ] {
            assert_eq!(reference(value.as_bytes()), None, "{value}");
        }
    }

    #[test]
    fn code() {
        for value in ["config.token", "headers[\"x\"]", "getToken();", "apiKey", "self.api_key,", "$token"] {
            assert!(code_expression(value.as_bytes()).is_some(), "{value}");
        }
        for value in ["sjU9V7SxH2BN2eYZc7Dahe", "hunter2", "mF9.B5f4x.1JqM", "12345", "", "a-b-c", "3key"] {
            assert_eq!(code_expression(value.as_bytes()), None, "{value}");
        }
    }

    #[test]
    fn random_passwords_are_literals() {
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state >> 20
        };
        let mut password = |len| (0..len).map(|_| b'!' + (next() % 94) as u8).collect::<Vec<u8>>();
        let taken = (0..50_000).filter(|n| reference(&password(8 + n % 25)).is_some()).count();
        assert!(taken < 50, "{taken} of 50,000");
    }

    proptest! {
        #[test]
        fn takes_any_bytes(value in proptest::collection::vec(any::<u8>(), 0..60)) {
            reference(&value);
            code_expression(&value);
        }

        #[test]
        fn takes_any_marks(value in "[a{}%$@#!<>()\\[\\]=. ]{0,20}") {
            reference(value.as_bytes());
            code_expression(value.as_bytes());
        }
    }
}
