//! Platforms through the whole scan: what is encrypted beside its key is opened, and a platform that is not recognised
//! costs names, never a finding.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use aes::Aes256;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeEncrypt, KeyIvInit, StreamCipher};
use keysieve::engine::{self, Input, Options, Unwatched};
use keysieve::finding::{Finding, Storage};
use md5::Md5;
use sha2::{Digest, Sha256};

use crate::common::{Random, SCANNER, findings, place, token, value};
use crate::containers::{Case, zip};

/// As n8n does it: OpenSSL's salted format, the key by `EVP_BytesToKey` with MD5.
fn sealed_by_n8n(text: &str, key: &str) -> String {
    let salt = b"saltsalt";
    let mut made: Vec<u8> = Vec::new();
    let mut last: Vec<u8> = Vec::new();
    while made.len() < 48 {
        last = Md5::new().chain_update(&last).chain_update(key).chain_update(salt).finalize().to_vec();
        made.extend(&last);
    }
    let mut bytes = text.as_bytes().to_vec();
    bytes.resize(text.len() / 16 * 16 + 16, 0);
    let cipher =
        cbc::Encryptor::<Aes256>::new_from_slices(&made[..32], &made[32..48]).expect("a key of its size");
    let blocks = cipher.encrypt_padded::<Pkcs7>(&mut bytes, text.len()).expect("room for it").to_vec();
    data_encoding::BASE64.encode(&[b"Salted__".as_slice(), salt, &blocks].concat())
}

/// As Node-RED does it: AES-256-CTR under the SHA-256 of the secret.
fn sealed_by_node_red(text: &str, secret: &str) -> String {
    let counter = [7u8; 16];
    let mut bytes = text.as_bytes().to_vec();
    let key = Sha256::digest(secret);
    let cipher = ctr::Ctr128BE::<Aes256>::new_from_slices(&key, &counter);
    cipher.expect("a key of its size").apply_keystream(&mut bytes);
    data_encoding::HEXLOWER.encode(&counter) + &data_encoding::BASE64.encode(&bytes)
}

fn scan(case: &Case) -> Vec<Finding> {
    engine::run(&[Input::Path(case.path())], &SCANNER, &Options::default(), &Unwatched)
        .expect("a run")
        .findings
}

/// The finding of that secret, of which there is one.
fn found(findings: &[Finding], secret: &str) -> Finding {
    let of: Vec<_> = findings.iter().filter(|finding| value(finding) == secret).collect();
    assert_eq!(of.len(), 1, "{findings:#?}");
    of[0].clone()
}

pub(crate) fn credentials(secret: &str, key: &str) -> String {
    let sealed = sealed_by_n8n(&format!(r#"{{"name":"X-Api-Key","value":"{secret}"}}"#), key);
    let marks = r#""createdAt":"2026-01-01T00:00:00.000Z","updatedAt":"2026-01-01T00:00:00.000Z","type":"httpHeaderAuth""#;
    format!(r#"[{{"id":"c1","name":"Shop",{marks},"data":"{sealed}"}}]"#)
}

#[test]
fn credentials_of_n8n_are_opened_by_the_key_beside_them() {
    let mut random = Random(1);
    let (key, secret) = (random.alnum(32), random.alnum(40));
    let export = credentials(&secret, &key);
    let config = format!("{{\n\t\"encryptionKey\": \"{key}\"\n}}");
    for (name, setting) in [
        ("config", config.clone()),
        (".env", format!("A=b\nN8N_ENCRYPTION_KEY={key}\n")),
        ("docker-compose.yml", format!("    environment:\n      - N8N_ENCRYPTION_KEY={key}\n")),
        ("compose.yaml", format!("      N8N_ENCRYPTION_KEY: '{key}'\n")),
    ] {
        let case = Case::new().file("credentials.json", &export).file(name, setting);
        let finding = found(&scan(&case), &secret);
        assert_eq!(finding.storage, Storage::Encrypted, "{name}");
        assert_eq!(finding.place.step.as_ref().unwrap().name.as_deref(), Some("Shop"));
        assert_eq!(finding.place.field.as_deref(), Some("data.value"));
        assert_eq!(finding.location.pointer.as_deref(), Some("/0/data/value"));
        let sealed = place(&export, "\"U2FsdGVkX1");
        assert_eq!(finding.location.bytes.unwrap().start, sealed.start as u64);
        assert!(finding.place.store.unwrap().contains("encryption key"));
    }
    let archive =
        zip(&[("dump/credentials.json", export.as_bytes()), ("dump/.n8n/config", config.as_bytes())]);
    let case = Case::new().file("dump.zip", archive);
    assert_eq!(found(&scan(&case), &secret).storage, Storage::Encrypted);
}

#[test]
fn what_no_key_opens_stays_closed() {
    let mut random = Random(2);
    let (key, other, secret) = (random.alnum(32), random.alnum(32), random.alnum(40));
    let export = credentials(&secret, &key);
    for case in [
        Case::new().file("credentials.json", &export),
        Case::new()
            .file("credentials.json", &export)
            .file("config", format!(r#"{{"encryptionKey":"{other}"}}"#)),
        Case::new().file("credentials.json", &export).file("notes.txt", format!("encryptionKey: {key}")),
    ] {
        assert!(scan(&case).iter().all(|finding| value(finding) != secret));
        assert!(scan(&case).iter().all(|finding| finding.location.provenance.name() != "credentials.json"));
    }
}

#[test]
fn a_credential_file_of_node_red_is_opened_by_the_secret_beside_it() {
    let mut random = Random(3);
    let (key, secret) = (random.alnum(64), random.alnum(40));
    let sealed =
        sealed_by_node_red(&format!(r#"{{"00000000000000a4":{{"user":"u","password":"{secret}"}}}}"#), &key);
    let flows = r#"[{"id":"f1940d57.f0b49","type":"tab","label":"Doors"},
        {"id":"00000000000000a4","type":"mqtt-broker","name":"Broker","z":"f1940d57.f0b49","wires":[]}]"#;
    for (name, setting) in [
        (".config.runtime.json", format!(r#"{{"instanceId":"x","_credentialSecret":"{key}"}}"#)),
        ("settings.js", format!("module.exports = {{\n    credentialSecret: \"{key}\",\n}}")),
    ] {
        let case = Case::new()
            .file("flows.json", flows)
            .file("flows_cred.json", format!("{{\n    \"$\": \"{sealed}\"\n}}"))
            .file(name, setting);
        let finding = found(&scan(&case), &secret);
        assert_eq!(finding.storage, Storage::Encrypted, "{name}");
        assert_eq!(finding.place.step.as_ref().unwrap().name.as_deref(), Some("Broker"));
        assert_eq!(finding.place.flow.as_ref().unwrap().name.as_deref(), Some("Doors"));
        assert_eq!(finding.place.field.as_deref(), Some("password"));
        assert_eq!(finding.location.line, Some(2));
    }
}

/// `X-Custom` and `anything` tell nobody that their values are keys; that they stand in a credential store does.
#[test]
fn every_value_of_a_credential_store_in_clear_counts() {
    let mut random = Random(4);
    let secrets: Vec<String> = (0..3).map(|_| random.alnum(24)).collect();
    let [header, other, token] = secrets.as_slice() else { panic!("three of them") };
    let marks = r#""createdAt":"2026-01-01T00:00:00.000Z","isManaged":false"#;
    let decrypted = format!(
        r#"[{{"id":"c1","name":"Header","type":"httpHeaderAuth",{marks},"data":{{"name":"X-Custom","value":"{header}"}}}},
        {{"id":"c2","name":"Other","type":"otherApi",{marks},"data":{{"host":"db-01.example.org","user":"admin_user_01",
        "tenantId":"6e2f9a1c-0000-4000-8000-00000000dddd","anything":"{other}","ref":"={{{{ $secrets.vault.key01 }}}}"}}}}]"#
    );
    let found = findings(&decrypted);
    assert_eq!(found.iter().map(value).collect::<Vec<_>>(), [header.clone(), other.clone()]);
    assert!(found.iter().all(|finding| finding.storage == Storage::PlainConfig));
    assert_eq!(found[1].place.step.as_ref().unwrap().name.as_deref(), Some("Other"));
    let clear = format!(
        r#"{{"00000000000000a4":{{"user":"operator01","anything":"{token}","b":"${{BROKER_PASSWORD_1}}"}}}}"#
    );
    assert_eq!(findings(&clear).iter().map(value).collect::<Vec<_>>(), std::slice::from_ref(token));
}

/// The members of all cases of the platforms.
pub(crate) fn members() -> Vec<PathBuf> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/platform")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder of cases") {
            let path = entry.expect("an entry of it").path();
            let list = if path.is_dir() { &mut folders } else { &mut files };
            list.push(path);
        }
    }
    files.retain(|file| !file.ends_with("expected.json"));
    files.sort();
    files
}

/// A text with tokens in place of the words `VALUE-n`, and the tokens.
pub(crate) fn planted(text: &str) -> (String, BTreeSet<String>) {
    let mut parts = text.split("VALUE-");
    let mut planted = parts.next().unwrap_or_default().to_owned();
    let mut tokens = BTreeSet::new();
    for part in parts {
        let behind = part.trim_start_matches(|letter: char| letter.is_ascii_digit());
        let number: u64 = part[..part.len() - behind.len()].parse().expect("a number");
        let token = token("github-personal-access-token", number);
        planted = planted + &token + behind;
        tokens.insert(token);
    }
    (planted, tokens)
}

/// What is not recognised as a platform's, since it begins with what begins neither JSON nor XML, is scanned as well:
/// a wrong guess of the platform costs a label, never a finding.
#[test]
fn without_their_platform_all_tokens_are_found() {
    let mut count = 0;
    for file in members() {
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        let (text, tokens) = planted(&text);
        let blind = format!("@@ {text}");
        let found: BTreeSet<String> = findings(&blind).iter().map(value).collect();
        assert!(found.is_superset(&tokens), "{}: {:?}", file.display(), tokens.difference(&found));
        assert!(findings(&blind).iter().all(|finding| finding.place.flow.is_none()), "{}", file.display());
        count += tokens.len();
    }
    assert!(count > 100, "{count} tokens only");
}
