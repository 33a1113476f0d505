//! `keysieve signatures`: look at signatures, try them on a text, check one's own.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::args::{Signatures, SignaturesCommand};
use super::{Failure, Status, say, scan};
use crate::detect::{Detectors, Found, generic};
use crate::mask::Masker;
use crate::signature::{self, Signature};
use crate::{filter, finding, trial};

/// The longest text that `test` reads, in bytes.
const TEXT: u64 = 64 << 20;

/// Runs the command.
pub(super) fn run(signatures: &Signatures) -> Result<Status, Failure> {
    match &signatures.command {
        SignaturesCommand::List { vendor, own } => list(vendor.as_deref(), own),
        SignaturesCommand::Show { id, own } => show(id, own),
        SignaturesCommand::Test { file, own } => test(file, own),
        SignaturesCommand::Lint { paths } => lint(paths),
    }
}

/// Every signature, the built-in ones, those of the detectors without a file, and one's own; by id.
fn all(own: &[PathBuf]) -> Result<Vec<&'static Signature>, Failure> {
    let mut signatures = scan::signatures(own, false)?;
    signatures.extend(generic::ALL);
    signatures.sort_by_key(|signature| signature.id);
    Ok(signatures)
}

fn list(vendor: Option<&str>, own: &[PathBuf]) -> Result<Status, Failure> {
    let of_vendor = |signature: &&Signature| match vendor {
        Some(vendor) => signature.vendor.is_some_and(|own| own.id == vendor),
        None => true,
    };
    let signatures: Vec<_> = all(own)?.into_iter().filter(|signature| of_vendor(signature)).collect();
    if signatures.is_empty() {
        return Err(Failure::usage(anyhow::anyhow!(
            "no signature of the vendor {}; `keysieve signatures list` has all",
            vendor.unwrap_or_default()
        )));
    }
    let lines = signatures.iter().map(|signature| {
        let (severity, lifetime) = (signature.severity.name(), signature.lifetime.name());
        format!("{:<44} {:<9} {:<12} {}", signature.id, severity, lifetime, signature.description)
    });
    print(lines)
}

fn show(id: &str, own: &[PathBuf]) -> Result<Status, Failure> {
    let signatures = all(own)?;
    let signature = signatures.iter().find(|signature| signature.id == id);
    let signature = signature.ok_or_else(|| {
        Failure::usage(anyhow::anyhow!("no signature {id}; `keysieve signatures list` has all"))
    })?;
    print(trial::described(signature).into_iter().map(|(name, value)| format!("{name:<12} {value}")))
}

/// Says of every suspicion in a text whose it is, and whether it stands.
fn test(file: &Path, own: &[PathBuf]) -> Result<Status, Failure> {
    let text = text(file).map_err(Failure::run)?;
    let detectors = Detectors::new(scan::signatures(own, false)?);
    let mut found = Found::default();
    found.clear(10_000);
    detectors.look(&text, &mut found);
    let verdicts = found.candidates.iter().map(|candidate| {
        let place = format!("bytes {}..{}", candidate.secret.start, candidate.secret.end);
        let verdict = match filter::judge(candidate, finding::Place::default) {
            Ok(_) => {
                candidate.doubt.map_or_else(|| "stands".to_owned(), |doubt| format!("doubtful: {doubt}"))
            }
            Err(dismissal) => format!("dismissed: {}", dismissal.why),
        };
        format!("{:<44} {place:<20} {verdict}", candidate.signature.id)
    });
    let lines: Vec<String> = verdicts.collect();
    if lines.is_empty() {
        return print(["nothing was found"]);
    }
    print(lines)
}

fn text(file: &Path) -> anyhow::Result<Vec<u8>> {
    let mut text = Vec::new();
    match file.to_str() {
        Some("-") => {
            io::stdin().lock().take(TEXT).read_to_end(&mut text).context("cannot read standard input")?
        }
        _ => fs::File::open(file)
            .and_then(|file| file.take(TEXT).read_to_end(&mut text))
            .with_context(|| format!("cannot read {}", file.display()))?,
    };
    Ok(text)
}

/// Reads files of one's own and tries every example of theirs among the built-in signatures.
fn lint(paths: &[PathBuf]) -> Result<Status, Failure> {
    let own = scan::signatures_of(paths, true)?;
    let together = signature::built_in().iter().chain(own.iter().copied());
    let mut wrong = repeated(&own);
    wrong.extend(trial::examples(&own, together.collect()));
    if wrong.is_empty() {
        return print([format!("{} signatures, nothing wrong", own.len())]);
    }
    say(wrong.iter().map(|line| format!("keysieve: {line}")));
    Ok(Status::Usage)
}

/// Ids that a built-in signature has already.
fn repeated(own: &[&'static Signature]) -> Vec<String> {
    let taken = |id: &str| signature::built_in().iter().any(|built_in| built_in.id == id);
    let twice = own.iter().filter(|signature| taken(signature.id));
    twice.map(|signature| format!("signature {}: a built-in one has this id", signature.id)).collect()
}

/// Writes lines to standard output, masked as everything is that a stranger's file may have put into them.
fn print(lines: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Status, Failure> {
    let nothing = |_: &str| Vec::new();
    let masker = Masker::new([], &nothing);
    let mut out = io::stdout().lock();
    for line in lines {
        match writeln!(out, "{}", masker.text(line.as_ref())) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => break,
            written => written.context("cannot write to standard output").map_err(Failure::run)?,
        }
    }
    Ok(Status::Clean)
}
