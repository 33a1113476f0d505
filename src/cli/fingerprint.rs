//! `keysieve fingerprint`: the names of a value in reports, and keys to make them with.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use zeroize::Zeroizing;

use super::{Failure, Status, detectors};
use crate::blob::{Alone, Blob, Landmarks, Provenance};
use crate::budget::Budget;
use crate::finding::{Finding, Secret};
use crate::fingerprint::{self, Key};
use crate::label;
use crate::scan::{self, Scanner, Scratch};

const EXAMPLES: &str = "\
Examples:
  keysieve fingerprint < value.txt                  the value's name in reports that were made without a key
  keysieve fingerprint --new-key sweep.key          a key, for reports that are to be compared
  keysieve fingerprint --fingerprint-key-file sweep.key < value.txt

Of a URL, a connection string, a private key or `Bearer …` the secret part counts, as in reports. Look a fingerprint up \
with: grep ks1:… result.json";

/// What can be typed behind `fingerprint`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Fingerprint {
    /// Make a new key in this file, readable by its owner alone, and end
    #[arg(long, value_name = "FILE")]
    new_key: Option<PathBuf>,
    /// A file of 32 random bytes that fingerprints are keyed with
    #[arg(long, value_name = "FILE", env = "KEYSIEVE_FINGERPRINT_KEY_FILE")]
    fingerprint_key_file: Option<PathBuf>,
}

/// The longest value, in bytes.
const LONGEST: u64 = 1 << 20;

/// Runs the command.
pub(super) fn run(command: &Fingerprint) -> Result<Status, Failure> {
    if let Some(path) = &command.new_key {
        let key = new_key(path).with_context(|| format!("cannot make the key {}", path.display()));
        return say(&[format!("{} in {}", key.map_err(Failure::run)?.id(), path.display())]);
    }
    let key = command.fingerprint_key_file.as_deref().map(Key::from_file).transpose();
    let key = key.map_err(Failure::usage)?;
    let mut input = Zeroizing::new(Vec::new());
    io::stdin().lock().take(LONGEST + 1).read_to_end(&mut input).map_err(Failure::run)?;
    if input.len() as u64 > LONGEST {
        return Err(Failure::usage(anyhow::anyhow!(
            "standard input is longer than a credential; give the value alone"
        )));
    }
    let text = input.strip_suffix(b"\n").unwrap_or(&input);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    if text.is_empty() {
        let why = "nothing on standard input; give the value there, as in: keysieve fingerprint < value.txt";
        return Err(Failure::usage(anyhow::anyhow!(why)));
    }
    let (secret, guessable) = credential(text);
    let without = fingerprint::secret(&secret, guessable, None);
    let without = without.unwrap_or_else(|_| {
        "none: the value can be guessed (a password, or too few random characters), so a name made without a key would \
         give it away"
            .to_owned()
    });
    let mut lines = vec![format!("without a key  {without}")];
    if let Some(key) = &key {
        let with = fingerprint::secret(&secret, guessable, Some(key)).unwrap_or_default();
        lines.push(format!("with {}  {with}", key.id()));
    }
    say(&lines)
}

fn say(lines: &[String]) -> Result<Status, Failure> {
    let mut out = anstream::stdout().lock();
    for line in lines {
        writeln!(out, "{line}").map_err(Failure::run)?;
    }
    Ok(Status::Clean)
}

/// The secret in a text as a scan would take it, and whether it can be guessed; the text itself if a scan sees nothing, or more
/// than one.
fn credential(text: &[u8]) -> (Secret, bool) {
    let scanner = Scanner { detectors: detectors(), budget: Budget::default(), now: 0, worker: None };
    let provenance = Provenance::file("-");
    let blob = Blob { provenance: &provenance, bytes: text, package: &Alone, landmarks: Landmarks::NONE };
    let findings = scan::blob(&blob, &scanner, &mut Scratch::default()).findings;
    match <[Finding; 1]>::try_from(findings) {
        Ok([finding]) if !finding.secret.is_empty() => (finding.secret.clone(), finding.guessable),
        _ => (Secret::new(text), !label::looks_uniform(text)),
    }
}

/// Makes a key in a file that was not there before.
fn new_key(path: &Path) -> anyhow::Result<Key> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *bytes).context("the system gives no random bytes")?;
    let there = |error: &io::Error| error.kind() == io::ErrorKind::AlreadyExists;
    let file = private_file(path).map_err(|error| match there(&error) {
        true => {
            anyhow::anyhow!("something is there already, and a key is never written over: name a new file")
        }
        false => error.into(),
    });
    let mut file = file?;
    file.write_all(&*bytes)?;
    file.sync_all()?;
    Ok(Key::new(*bytes))
}

/// A new file that its owner alone can read.
fn private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
