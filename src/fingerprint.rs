//! Fingerprints: names for a credential and for a finding that stay the same from run to run and tell nothing of the
//! value.
//!
//! Both are a prefix and the base32 (lower case, no padding) of the first 160 bits of a digest: HMAC-SHA-256 where there
//! is a [`Key`], SHA-256 where there is none. A digest without a key of something that can be guessed would be the leak
//! itself, since whoever holds the report could try guesses against it. Hence two rules for runs without a key: a
//! guessable value gets no fingerprint, and the names that go into the fingerprint of a finding go in as the report
//! shows them, masked.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use thiserror::Error;
use zeroize::{Zeroize, Zeroizing};

use crate::finding::{Finding, Secret};

/// What the digest of a credential begins with.
const SECRET_DOMAIN: &[u8] = b"keysieve secret v1\0";
/// What the digest of a finding begins with.
const FINDING_DOMAIN: &[u8] = b"keysieve finding v1\0";
/// What the digest that names a key begins with.
const KEY_DOMAIN: &[u8] = b"keysieve key v1\0";
/// What the digest of a name in the state of a sweep begins with.
const STATE_DOMAIN: &[u8] = b"keysieve state v1\0";
/// Bytes of a digest that are kept: 160 bits, 32 characters of base32.
const KEPT: usize = 20;
/// Bytes of a digest that name a key: 80 bits, 16 characters of base32.
const KEPT_OF_KEY: usize = 10;
/// Bytes of a key.
const KEY_LENGTH: usize = 32;

/// A fingerprint key: 32 random bytes. `Debug` does not show them, and the memory is wiped when it is dropped.
pub struct Key([u8; KEY_LENGTH]);

/// Why a key could not be had from a file. The messages name the file as the user did.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The system refused to read it.
    #[error("cannot read the fingerprint key {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It has another length.
    #[error("the fingerprint key {} must be a file of exactly 32 random bytes, it has {found}", path.display())]
    Length {
        /// The file.
        path: PathBuf,
        /// How many it has, or `more`.
        found: String,
    },
}

impl Key {
    /// Takes 32 random bytes as a key.
    pub fn new(bytes: [u8; KEY_LENGTH]) -> Self {
        Self(bytes)
    }

    /// Reads a key: a file of exactly 32 bytes, as `keysieve fingerprint --new-key` writes it. Never reads more than
    /// one byte beyond them.
    ///
    /// # Errors
    ///
    /// [`KeyError`] if the file cannot be read or has another length.
    pub fn from_file(path: &Path) -> Result<Self, KeyError> {
        let unreadable = |source| KeyError::Unreadable { path: path.to_owned(), source };
        let mut bytes = Zeroizing::new(Vec::with_capacity(KEY_LENGTH + 1));
        let file = File::open(path).map_err(unreadable)?;
        file.take(KEY_LENGTH as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        let found = if bytes.len() > KEY_LENGTH { "more".to_owned() } else { bytes.len().to_string() };
        match <[u8; KEY_LENGTH]>::try_from(bytes.as_slice()) {
            Ok(bytes) => Ok(Self(bytes)),
            Err(_) => Err(KeyError::Length { path: path.to_owned(), found }),
        }
    }

    /// Returns 128 bits that stand for some bytes and tell nothing of them: what the state of a sweep knows names by.
    pub fn tag(&self, bytes: &[u8]) -> [u8; 16] {
        let digest = digest(Some(self), STATE_DOMAIN, bytes);
        std::array::from_fn(|at| digest.get(at).copied().unwrap_or(0))
    }

    /// Returns the name of the key in reports: `kk1:` and 16 characters, derived one-way, so that two reports can be
    /// seen to be comparable and the key cannot be had from either.
    pub fn id(&self) -> String {
        format!("kk1:{}", base32(&digest(Some(self), KEY_DOMAIN, &[]), KEPT_OF_KEY))
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({})", self.id())
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// Why a credential has no fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Withheld {
    /// It can be guessed, and there is no key.
    Guessable,
    /// The finding has no value of its own: the presence of a file is the finding.
    NoValue,
}

impl Withheld {
    /// Returns the reason's name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Guessable => "guessable-without-key",
            Self::NoValue => "no-value",
        }
    }
}

/// Makes the fingerprint of a credential: `ks1:` and the digest of `keysieve secret v1\0` and the decoded value.
///
/// # Errors
///
/// [`Withheld`] where there may be none.
pub fn secret(secret: &Secret, guessable: bool, key: Option<&Key>) -> Result<String, Withheld> {
    if secret.is_empty() {
        return Err(Withheld::NoValue);
    }
    if guessable && key.is_none() {
        return Err(Withheld::Guessable);
    }
    Ok(format!("ks1:{}", base32(&digest(key, SECRET_DOMAIN, secret.expose()), KEPT)))
}

/// The place of a finding as its owner would name it: what stays the same when the export is made again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LogicalPlace {
    /// In an automation.
    Flow {
        /// The platform's name in reports.
        platform: String,
        /// The flow's id; where the export has none its name, and where it has neither the path.
        flow: String,
        /// The step's id, or else its name.
        step: Option<String>,
        /// The field, or else the name beside the value.
        field: Option<String>,
    },
    /// In a plain file, or in a member of a plain archive.
    File {
        /// The path within the scanned root, with `!/` before each member.
        path: String,
        /// The field, or else the name beside the value.
        name: Option<String>,
    },
}

impl LogicalPlace {
    /// Returns the place of a finding. `roots` are the paths that the user named.
    pub fn of(finding: &Finding, roots: &[String]) -> Self {
        let path = || path_within(&finding.location.provenance.to_string(), roots).to_owned();
        let field = finding.place.field.clone().or_else(|| finding.name.clone());
        let Some(flow) = &finding.place.flow else {
            return Self::File { path: path(), name: field };
        };
        let step = finding.place.step.as_ref().and_then(|step| step.id.clone().or_else(|| step.name.clone()));
        let flow_id = flow.id.clone().or_else(|| flow.name.clone()).unwrap_or_else(path);
        Self::Flow { platform: flow.platform.to_owned(), flow: flow_id, step, field }
    }

    /// Returns the same place with each of its names changed by `change`.
    #[must_use]
    pub fn map(self, change: impl Fn(&str) -> String) -> Self {
        let maybe = |name: Option<String>| name.map(|name| change(&name));
        match self {
            Self::Flow { platform, flow, step, field } => {
                Self::Flow { platform, flow: change(&flow), step: maybe(step), field: maybe(field) }
            }
            Self::File { path, name } => Self::File { path: change(&path), name: maybe(name) },
        }
    }
}

/// Returns `path` without the root that it was met below: the longest of `roots` that it begins with. A path that is
/// itself a root is cut down to its last name.
fn path_within<'a>(path: &'a str, roots: &[String]) -> &'a str {
    let path = plain(path);
    let below = |root: &String| {
        let rest = path.strip_prefix(plain(root))?;
        (rest.is_empty() || rest.starts_with('/') || rest.starts_with("!/")).then_some(rest)
    };
    match roots.iter().filter_map(below).min_by_key(|rest| rest.len()) {
        Some(rest) if rest.starts_with('/') => rest.trim_start_matches('/'),
        Some(rest) => {
            let file = path.len() - rest.len();
            let start = path.get(..file).and_then(|file| file.rfind('/')).map_or(0, |slash| slash + 1);
            path.get(start..).unwrap_or(path)
        }
        None => path,
    }
}

/// Returns a path without `./` before it and `/` after it, so that one file has one spelling.
fn plain(path: &str) -> &str {
    let mut rest = path.trim_end_matches('/');
    while let Some(shorter) = rest.strip_prefix("./") {
        rest = shorter;
    }
    rest
}

/// What a finding's fingerprint is about: the credential, or where that has no fingerprint the kind of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject<'a> {
    /// A credential's fingerprint.
    Secret(&'a str),
    /// A signature's id.
    Signature(&'a str),
}

/// Makes the fingerprints of the findings of one run, one after the other in report order: it counts those that share
/// a subject and a place.
///
/// The digest is over `keysieve finding v1\0` and these fields, each as its length in bytes (8 bytes, most significant
/// first) and its bytes; an absent one is the length 2⁶⁴−1 alone:
///
/// 1. `secret` or `signature`
/// 2. the credential's fingerprint (`ks1:…`), or the signature's id
/// 3. `flow` or `file`
/// 4. of a flow: platform, flow id, step id, field; of a file: path, field or key name
///
/// and at the end how many findings before this one had the same fields, as 8 bytes, most significant first.
#[derive(Debug)]
pub struct Sequence<'a> {
    key: Option<&'a Key>,
    seen: HashMap<Vec<u8>, u64>,
}

impl<'a> Sequence<'a> {
    /// Begins a run.
    pub fn new(key: Option<&'a Key>) -> Self {
        Self { key, seen: HashMap::new() }
    }

    /// Makes the fingerprint of the next finding: `kf1:` and the digest. Without a key `place` must be masked already
    /// (see the module's documentation).
    pub fn next(&mut self, subject: Subject<'_>, place: &LogicalPlace) -> String {
        let mut message = finding_message(subject, place);
        let count = self.seen.entry(message.clone()).or_insert(0);
        message.extend_from_slice(&count.to_be_bytes());
        *count += 1;
        format!("kf1:{}", base32(&digest(self.key, FINDING_DOMAIN, &message), KEPT))
    }
}

/// Returns the fields that a finding's fingerprint is made over, without the count.
fn finding_message(subject: Subject<'_>, place: &LogicalPlace) -> Vec<u8> {
    let (what, id) = match subject {
        Subject::Secret(fingerprint) => ("secret", fingerprint),
        Subject::Signature(id) => ("signature", id),
    };
    let mut fields = vec![Some(what), Some(id)];
    match place {
        LogicalPlace::Flow { platform, flow, step, field } => {
            fields.extend([Some("flow"), Some(platform), Some(flow), step.as_deref(), field.as_deref()]);
        }
        LogicalPlace::File { path, name } => fields.extend([Some("file"), Some(path), name.as_deref()]),
    }
    let mut message = Vec::new();
    for field in fields {
        let length = field.map_or(u64::MAX, |field| field.len() as u64);
        message.extend_from_slice(&length.to_be_bytes());
        message.extend_from_slice(field.unwrap_or_default().as_bytes());
    }
    message
}

/// Returns the digest of `domain` and `message`.
fn digest(key: Option<&Key>, domain: &[u8], message: &[u8]) -> [u8; 32] {
    match key {
        Some(key) => {
            let mut mac = Hmac::<Sha256>::new_from_slice(&key.0).expect("HMAC takes a key of any length");
            mac.update(domain);
            mac.update(message);
            mac.finalize().into_bytes().into()
        }
        None => Sha256::new().chain_update(domain).chain_update(message).finalize().into(),
    }
}

/// Returns the first `kept` bytes of a digest as lower-case base32.
fn base32(digest: &[u8; 32], kept: usize) -> String {
    let kept = digest.get(..kept).unwrap_or(digest);
    BASE32_NOPAD.encode(kept).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        Key::new(std::array::from_fn(|i| i as u8))
    }

    fn file(path: &str, name: Option<&str>) -> LogicalPlace {
        LogicalPlace::File { path: path.to_owned(), name: name.map(str::to_owned) }
    }

    /// Expected values were made with Python's `hashlib`, `hmac` and `base64.b32encode`.
    #[test]
    fn secrets_have_the_documented_digest() {
        let value = Secret::new(*b"correct horse battery staple");
        assert_eq!(secret(&value, false, None).as_deref(), Ok("ks1:adu45cpo2f5fbz4tc4b3wtjvg5aw534k"));
        assert_eq!(secret(&value, true, Some(&key())).as_deref(), Ok("ks1:i2ozgvllnrtkckb64muntu6noxuw57kc"));
        assert_eq!(key().id(), "kk1:mykbsrw7t57yjvne");
    }

    #[test]
    fn findings_have_the_documented_digest() {
        let place = file("a/b.json", None);
        let mut sequence = Sequence::new(None);
        assert_eq!(
            sequence.next(Subject::Signature("generic-password"), &place),
            "kf1:lnqqiofet7gt3uhzgv2movz2sa7rcffm"
        );
        assert_eq!(
            sequence.next(Subject::Signature("generic-password"), &place),
            "kf1:kiy7rnyfbths4hiilmpfc4qirgapwdnu"
        );
    }

    #[test]
    fn guessable_values_need_a_key() {
        let value = Secret::new(*b"hunter2");
        assert_eq!(secret(&value, true, None), Err(Withheld::Guessable));
        assert!(secret(&value, true, Some(&key())).is_ok());
        assert_eq!(secret(&Secret::new(*b""), false, Some(&key())), Err(Withheld::NoValue));
    }

    #[test]
    fn fields_cannot_run_into_each_other() {
        let mut sequence = Sequence::new(None);
        let mut next = |path: &str, name| sequence.next(Subject::Signature("x"), &file(path, name));
        let all = [next("ab", Some("c")), next("a", Some("bc")), next("abc", None), next("abc", Some(""))];
        for (i, one) in all.iter().enumerate() {
            assert!(all.iter().skip(i + 1).all(|other| other != one));
        }
    }

    #[test]
    fn paths_are_within_their_root() {
        let roots = |roots: &[&str]| roots.iter().map(|root| (*root).to_owned()).collect::<Vec<_>>();
        let cases = [
            ("drive/a/b.json", &["drive"][..], "a/b.json"),
            ("drive/a/b.json", &["drive/"], "a/b.json"),
            ("./drive/a/b.json", &["drive", "drive/a"], "b.json"),
            ("drive2/a.json", &["drive"], "drive2/a.json"),
            ("/home/me/x.zip!/w/a.json", &["/home/me/x.zip"], "x.zip!/w/a.json"),
            ("./a.json", &["."], "a.json"),
            ("/etc/a", &["/"], "etc/a"),
            ("-", &["-"], "-"),
        ];
        for (path, given, expected) in cases {
            assert_eq!(path_within(path, &roots(given)), expected, "{path} in {given:?}");
        }
    }

    #[test]
    fn key_files_have_32_bytes() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key");
        for (length, fits) in [(0, false), (31, false), (32, true), (33, false), (4096, false)] {
            std::fs::write(&path, vec![7; length]).expect("written");
            assert_eq!(Key::from_file(&path).is_ok(), fits, "{length} bytes");
        }
        assert!(matches!(Key::from_file(&folder.path().join("none")), Err(KeyError::Unreadable { .. })));
    }

    #[test]
    fn keys_are_not_shown() {
        assert!(!format!("{:?}", Key::new([65; 32])).contains("65, 65"));
        assert!(!format!("{:?}", Key::new([65; 32])).contains("AAAA"));
    }
}
