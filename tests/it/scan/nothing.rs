//! What looks like a credential and is none: references, placeholders, identifiers, what a vendor's checksum denies.

use serde_json::json;

use crate::common::{Random, findings, short, token};

/// Nothing is found where `value` stands under each of some telling names, in each of some grammars.
fn none(value: &str) {
    for name in ["apiKey", "password", "Authorization", "client_secret"] {
        for text in [
            json!({name: value}).to_string(),
            json!({"name": name, "value": value}).to_string(),
            json!({"body": json!({name: value}).to_string()}).to_string(),
        ] {
            let found: Vec<_> = findings(&text).iter().map(short).collect();
            assert!(found.is_empty(), "{text}: {found:?}");
        }
    }
}

/// What the tests below say of names holds: with a secret in the same place there is a finding.
#[test]
fn a_secret_in_these_places_is_found() {
    let value = Random(1).alnum(40);
    for name in ["apiKey", "password", "Authorization", "client_secret"] {
        for text in [
            json!({name: value}),
            json!({"name": name, "value": value}),
            json!({"body": json!({name: value}).to_string()}),
        ] {
            assert_eq!(findings(text.to_string()).len(), 1, "{text}");
        }
    }
}

#[test]
fn references() {
    for value in [
        "={{ $vars.billing_key }}",
        "=Bearer {{ $json.access_token1 }}",
        "{{ $credentials.httpHeaderAuth.value2 }}",
        "@parameters('BillingKey (new_BillingKey)')",
        "@{variables('token1')}",
        "Bearer @{body('Get_token')?['access_token']}",
        "@Microsoft.KeyVault(SecretUri=https://contoso.vault.azure.net/secrets/key1/0123)",
        "[parameters('apiKey1')]",
        "${BILLING_API_KEY}",
        "$(BILLING_API_KEY1)",
        "%BILLING_KEY1%",
        "{{1.token}}",
        "{{connection.apiKey1}}",
        "op://vault/item1/field",
        "arn:aws:secretsmanager:eu-west-1:123456789012:secret:billing-Ab3",
        "projects/p1/secrets/s1/versions/1",
        "process.env.BILLING_API_KEY1",
        "{{env.NODE_RED_KEY1}}",
    ] {
        none(value);
    }
}

#[test]
fn placeholders() {
    for value in [
        "YOUR_API_KEY",
        "your-api-key-here",
        "Bearer YOUR_TOKEN_HERE",
        "<your token>",
        "xxxxxxxxxxxxxxxxxxxxxxxx",
        "****************",
        "changeme",
        "INSERT_YOUR_KEY_1",
        "REPLACE_ME_123",
        "1234567890abcdef1234567890abcdef",
        "00000000-0000-0000-0000-000000000000",
        "[REDACTED]",
        "example",
        "sk-...",
        "",
        "null",
    ] {
        none(value);
    }
    // In a vendor's own shape.
    none(&format!("sk_{}_{}", "live", "x".repeat(24)));
    none(&format!("gh{}_{}", "p", "0".repeat(36)));
    none(&format!("AKIA{}EXAMPLE", "IOSFODNN7"));
}

#[test]
fn identifiers() {
    for text in [
        json!({"id": "b048b3e4-8113-4fca-8e04-844989bc215d", "webhookId": "0f1b3a1e-7e55-4b0b-9e3e-6c2b8d0d4a11"}),
        json!({"commitSha": Random(2).alnum(3).to_lowercase() + "9b0e281560c04653a78eb82c274bfae123167e"}),
        json!({"etag": "W/\"33a64df551425fcc55e4d42a148795d9\"", "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}),
        json!({"integrity": "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg=="}),
        json!({"token": "2026-11-23T14:00:00.000Z", "apiKey": "https://docs.example.com/keys", "password": "jane.doe@example.com"}),
        json!({"keyName": "billing-key-2026", "tokenType": "Bearer", "maxTokens": "4096", "passwordField": "true"}),
    ] {
        let found: Vec<_> = findings(text.to_string()).iter().map(short).collect();
        assert!(found.is_empty(), "{text}: {found:?}");
    }
}

/// One wrong digit, and the vendor would not know it.
#[test]
fn wrong_checksums() {
    let token = token("github-personal-access-token", 3);
    assert_eq!(findings(format!("GITHUB_TOKEN={token}")).len(), 1);
    let last = if token.ends_with('0') { '1' } else { '0' };
    let wrong = format!("{}{last}", &token[..token.len() - 1]);
    assert_eq!(findings(format!("see {wrong} there")).len(), 0);
}

/// Prose and code about credentials.
#[test]
fn words_about_credentials() {
    for text in [
        "Set the password and the API key in the settings. Never share your client secret!",
        "const password = getPassword(); const apiKey = config.apiKey; headers['X-Api-Key'] = apiKey;",
        "if (password === other.password) { return token.value; }",
        "{\"password\": \"string\", \"apiKey\": \"string\", \"required\": [\"password\", \"apiKey\"]}",
        "| name | type |\n| password | SecureString |\n| apiKey | string |",
        "<input type=\"password\" name=\"password\" placeholder=\"Enter your password\">",
    ] {
        let found: Vec<_> = findings(text).iter().map(short).collect();
        assert!(found.is_empty(), "{text}: {found:?}");
    }
}
