//! Credentials that an export holds encrypted, opened with the key that lies in the same package: from a blob to the
//! text that it would be if its makers had exported it in clear. What nobody can open without more than the package has
//! is none of our business: it stays the platform's own.
//!
//! n8n: AES-256-CBC in OpenSSL's salted format, the key made by `EVP_BytesToKey` with MD5 of the instance's encryption
//! key (<https://github.com/n8n-io/n8n/tree/master/packages/core/src/encryption>). Node-RED: AES-256-CTR, the
//! key the SHA-256 of the secret, the initial counter before the base64
//! (<https://github.com/node-red/node-red/blob/master/packages/node_modules/%40node-red/runtime/lib/nodes/credentials.js>).

use std::sync::{Arc, LazyLock};

use aes::Aes256;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, KeyIvInit, StreamCipher};
use data_encoding::BASE64;
use md5::Md5;
use memchr::memmem;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::blob::{Blob, Span};
use crate::finding::Storage;
use crate::json::escape::Unescaped;
use crate::json::{self, Value};
use crate::platform::solution::{file_name, own_path};
use crate::platform::vocabulary::{self, Query, Scope, Vocabulary};

/// Bytes from the beginning in which the first sealed text stands, so that other blobs cost next to nothing.
const HEAD: usize = 4096;

/// How a sealed text of n8n begins as a JSON string: base64 of `Salted__`.
const SALTED: &[u8] = b"\"U2FsdGVkX1";

static SALT: LazyLock<memmem::Finder<'_>> = LazyLock::new(|| memmem::Finder::new(SALTED));

/// How many members are searched for keys, and how many keys are tried.
const MAX_FILES: usize = 16;
const MAX_KEYS: usize = 8;

/// The longest key, in bytes.
const MAX_KEY: usize = 512;

/// A blob's text with what was sealed in it in clear.
pub(crate) struct Opened {
    /// The text.
    pub text: Zeroizing<Vec<u8>>,
    /// Bytes of the text that were sealed, ascending, each with the bytes of the blob that they were sealed in.
    pieces: Vec<(Span, Span)>,
    /// How to do better.
    pub store: Option<&'static str>,
}

impl Opened {
    /// The bytes of the blob in which a byte of the text was sealed; `None` if it was in clear.
    pub(crate) fn origin(&self, at: usize) -> Option<Span> {
        let next = self.pieces.partition_point(|(opened, _)| opened.start <= at);
        let (opened, sealed) = self.pieces.get(next.checked_sub(1)?)?;
        opened.contains(&at).then(|| sealed.clone())
    }
}

/// Opens what is sealed in a blob, if its package has the key.
pub(crate) fn opened(blob: &Blob<'_>) -> Option<Opened> {
    let head = blob.bytes.get(..HEAD).unwrap_or(blob.bytes);
    if SALT.find(head).is_some() {
        return n8n(blob);
    }
    let start = head.get(..64).unwrap_or(head);
    if start.windows(3).any(|three| three == b"\"$\"") { node_red(blob) } else { None }
}

/// Every sealed text of an export of n8n's credentials, replaced by the object that it is.
fn n8n(blob: &Blob<'_>) -> Option<Opened> {
    let keys = keys(blob, is_n8n_setting, &["encryptionKey", "N8N_ENCRYPTION_KEY"]);
    if keys.is_empty() {
        return None;
    }
    let mut text = Zeroizing::new(Vec::with_capacity(blob.bytes.len()));
    let mut pieces = Vec::new();
    let mut copied = 0;
    for at in memmem::find_iter(blob.bytes, SALTED) {
        let sealed = Value::at(blob.bytes, at);
        let content = sealed.content().filter(|_| at >= copied);
        let Some(clear) = content.and_then(|content| keys.iter().find_map(|key| salted(content, key))) else {
            continue;
        };
        text.extend_from_slice(blob.bytes.get(copied..at)?);
        let start = text.len();
        text.extend_from_slice(&clear);
        copied = sealed.end();
        pieces.push((start..text.len(), at..copied));
    }
    text.extend_from_slice(blob.bytes.get(copied..)?);
    let store = advice(&vocabulary::N8N);
    (!pieces.is_empty()).then_some(Opened { text, pieces, store })
}

/// A sealed credential file of Node-RED is one string: the file in clear.
fn node_red(blob: &Blob<'_>) -> Option<Opened> {
    let sealed = Value::first(blob.bytes)?.get("$")?;
    let content = sealed.content()?;
    let keys = keys(blob, is_node_red_setting, &["redentialSecret", "NODE_RED_CREDENTIAL_SECRET"]);
    let text = keys.iter().find_map(|key| counted(content, key))?;
    let pieces = vec![(0..text.len(), sealed.start()..sealed.end())];
    Some(Opened { text, pieces, store: advice(&vocabulary::NODE_RED) })
}

fn advice(vocabulary: &Vocabulary) -> Option<&'static str> {
    let query = Query { scope: Scope::Store, kind: None, field: &[], value: None };
    vocabulary.store(&query, Storage::Encrypted)
}

/// `~/.n8n/config`, and what sets the environment of a container.
fn is_n8n_setting(name: &str) -> bool {
    matches!(name, "config" | "config.json") || sets_environment(name)
}

/// `.config.runtime.json`, in older versions `.config.json`, in projects `.config.projects.json`; `settings.js`.
fn is_node_red_setting(name: &str) -> bool {
    name.starts_with(".config") && name.ends_with(".json") || name == "settings.js" || sets_environment(name)
}

fn sets_environment(name: &str) -> bool {
    let yaml = name.ends_with(".yml") || name.ends_with(".yaml");
    name.starts_with(".env") || name.ends_with(".env") || yaml && name.contains("compose")
}

/// The keys that members of such names hold under such names, those of the nearest members first.
fn keys(blob: &Blob<'_>, is_setting: fn(&str) -> bool, names: &[&str]) -> Vec<Vec<u8>> {
    let path = own_path(blob);
    let folder = path.strip_suffix(file_name(&path)).unwrap_or_default().to_owned();
    let mut settings = blob.package.members();
    settings.retain(|member| is_setting(file_name(member)));
    settings.sort_by_key(|member| !member.starts_with(&folder));
    let mut keys = Vec::new();
    for bytes in settings.iter().take(MAX_FILES).filter_map(|member| blob.package.read(member)) {
        add_keys(&bytes, names, &mut keys);
    }
    keys
}

fn add_keys(bytes: &Arc<[u8]>, names: &[&str], keys: &mut Vec<Vec<u8>>) {
    let found = names.iter().flat_map(|name| {
        memmem::find_iter(bytes, name.as_bytes()).map(|at| bytes.get(at + name.len()..).unwrap_or_default())
    });
    for key in found.filter_map(assigned) {
        if keys.len() < MAX_KEYS && !keys.iter().any(|known| known == key) {
            keys.push(key.to_vec());
        }
    }
}

/// The value that is given to the name before `rest`: `": "value"`, `=value`, `: 'value'`.
fn assigned(rest: &[u8]) -> Option<&[u8]> {
    let skip = |rest: &[u8], marks: &[u8]| rest.iter().take_while(|byte| marks.contains(byte)).count();
    let rest = rest.get(skip(rest, b"\"' \t")..)?;
    let rest = rest.get(1..).filter(|_| matches!(rest.first(), Some(b':' | b'=')))?;
    let rest = rest.get(skip(rest, b" \t")..)?;
    let value = match rest.first()? {
        quote @ (b'"' | b'\'' | b'`') => {
            let inner = rest.get(1..)?;
            inner.get(..memchr::memchr(*quote, inner)?)?
        }
        _ => rest.split(|byte| byte.is_ascii_whitespace() || *byte == b',').next()?,
    };
    (!value.is_empty() && value.len() <= MAX_KEY).then_some(value)
}

/// What OpenSSL's salted format holds: `Salted__`, eight bytes of salt, then the blocks. Only JSON is the right text.
fn salted(content: &[u8], key: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = BASE64.decode(&Unescaped::new(content).text).ok()?;
    let (salt, blocks) = bytes.strip_prefix(b"Salted__".as_slice())?.split_at_checked(8)?;
    let (key, iv) = stretched(key, salt);
    let head = bytes.len() - blocks.len();
    let cipher = cbc::Decryptor::<Aes256>::new_from_slices(&key, &iv).ok()?;
    let length = cipher.decrypt_padded::<Pkcs7>(bytes.get_mut(head..)?).ok()?.len();
    let bytes = Zeroizing::new(bytes);
    as_document(Zeroizing::new(bytes.get(head..head + length)?.to_vec()))
}

/// OpenSSL's `EVP_BytesToKey` with MD5 and one round: 32 bytes of key, 16 of initial vector.
fn stretched(key: &[u8], salt: &[u8]) -> (Zeroizing<Vec<u8>>, Vec<u8>) {
    let mut made = Zeroizing::new(Vec::new());
    let mut last = Vec::new();
    while made.len() < 48 {
        last = Md5::new().chain_update(&last).chain_update(key).chain_update(salt).finalize().to_vec();
        made.extend_from_slice(&last);
    }
    let iv = made.split_off(32);
    (made, iv)
}

/// What Node-RED seals: the initial counter as 32 hexadecimal digits, then base64.
fn counted(content: &[u8], key: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let text = Unescaped::new(content).text;
    let (counter, sealed) = text.split_at_checked(32)?;
    let counter = data_encoding::HEXLOWER_PERMISSIVE.decode(counter).ok()?;
    let mut bytes = Zeroizing::new(BASE64.decode(sealed).ok()?);
    let key = Sha256::digest(key);
    let mut cipher = ctr::Ctr128BE::<Aes256>::new_from_slices(&key, &counter).ok()?;
    cipher.try_apply_keystream(&mut bytes).ok()?;
    as_document(bytes)
}

/// A wrong key makes noise, which is no JSON object.
fn as_document(text: Zeroizing<Vec<u8>>) -> Option<Zeroizing<Vec<u8>>> {
    let is_whole = text.starts_with(b"{") && text.trim_ascii_end().ends_with(b"}");
    (is_whole && std::str::from_utf8(&text).is_ok() && json::is_json(&text)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blob::{Landmarks, Package, Provenance};

    /// Members by name; the first is the blob's own.
    struct Members(Vec<(&'static str, &'static str)>);

    impl Package for Members {
        fn members(&self) -> Vec<String> {
            self.0.iter().map(|(name, _)| (*name).to_owned()).collect()
        }

        fn read(&self, member: &str) -> Option<Arc<[u8]>> {
            self.0.iter().find(|(name, _)| *name == member).map(|(_, text)| text.as_bytes().into())
        }

        fn own_name(&self) -> Option<&str> {
            self.0.first().map(|(name, _)| *name)
        }
    }

    fn opened_text(members: Vec<(&'static str, &'static str)>) -> Option<String> {
        let provenance = Provenance::file("export.zip");
        let bytes = members[0].1.as_bytes();
        let package = Members(members);
        let blob = Blob { provenance: &provenance, bytes, package: &package, landmarks: Landmarks::NONE };
        opened(&blob).map(|opened| String::from_utf8_lossy(&opened.text).into_owned())
    }

    /// `openssl enc -aes-256-cbc -md md5 -k keysieve-test-key -base64 -A` of OpenSSL 3.
    const BY_OPENSSL: &str = r#"[{"a":1,"data":"U2FsdGVkX1/RIsdKwLHMa01TTtbAztDrRrhL8mxoBuXKUobCuwOsMcBg7AWt2Uo70xm6E0ntbjyn5QH1gxdHfQ=="}]"#;

    /// `openssl enc -aes-256-ctr -K <SHA-256 of keysieve-test-secret> -iv 0001…0f` of OpenSSL 3.
    const COUNTED: &str = r#"{"$":"000102030405060708090a0b0c0d0e0fTG+ovB1SSEbBDidtPTJDas8pdUCHXudCofOg5spTx50BcuWsEpg95vnYFbsEmIjm3g6dIm16"}"#;

    #[test]
    fn opens_what_openssl_sealed() {
        let text =
            opened_text(vec![("a.json", BY_OPENSSL), ("config", r#"{"encryptionKey":"keysieve-test-key"}"#)]);
        assert_eq!(
            text.as_deref(),
            Some(r#"[{"a":1,"data":{"apiKey":"VALUE-1","url":"https://x.example"}}]"#)
        );
        let secret =
            "credentialSecret: process.env.X || 'keysieve-no', // credentialSecret: 'keysieve-test-secret'";
        let text = opened_text(vec![("flows_cred.json", COUNTED), ("settings.js", secret)]);
        assert_eq!(text.as_deref(), Some(r#"{"a1b2c3d4e5f60718":{"user":"u","password":"VALUE-2"}}"#));
    }

    #[test]
    fn knows_where_it_was_sealed() {
        let package = Members(vec![("a.json", BY_OPENSSL), (".env", "N8N_ENCRYPTION_KEY=keysieve-test-key")]);
        let provenance = Provenance::file("a.json");
        let bytes = BY_OPENSSL.as_bytes();
        let blob = Blob { provenance: &provenance, bytes, package: &package, landmarks: Landmarks::NONE };
        let opened = opened(&blob).expect("the key is there");
        let at = |text: &str| memmem::find(&opened.text, text.as_bytes()).expect("it is in there");
        assert_eq!(opened.origin(at("VALUE-1")), Some(15..BY_OPENSSL.len() - 2));
        assert_eq!(opened.origin(at("data")), None);
        assert_eq!(opened.origin(opened.text.len() - 1), None);
    }

    #[test]
    fn damage_and_wrong_keys_open_nothing() {
        let key = r#"{"encryptionKey":"keysieve-test-key"}"#;
        for bytes in
            [r#"["U2FsdGVkX1"#, r#"["U2FsdGVkX1/RIsdKwLHMa01TTtbA"]"#, r#"["U2FsdGVkX19"]"#, r#"{"$":""}"#]
        {
            assert_eq!(
                opened_text(vec![("a.json", bytes), ("config", key), ("settings.js", key)]),
                None,
                "{bytes}"
            );
        }
        assert_eq!(opened_text(vec![("a.json", BY_OPENSSL), ("config", r#"{"encryptionKey":"x"}"#)]), None);
        assert_eq!(
            opened_text(vec![("a.json", COUNTED), (".config.json", r#"{"_credentialSecret":"x"}"#)]),
            None
        );
        assert_eq!(opened_text(vec![("a.json", BY_OPENSSL)]), None);
    }

    #[test]
    fn finds_what_is_assigned() {
        for text in ["\": \"k\"", "=k\nB=c", ": 'k'", " = `k`", "=k"] {
            assert_eq!(assigned(text.as_bytes()), Some(b"k".as_slice()), "{text}");
        }
        for text in ["", "=", " k", "=\"k", ": ''"] {
            assert_eq!(assigned(text.as_bytes()), None, "{text}");
        }
    }
}
