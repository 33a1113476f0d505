//! A baseline: what is there today, as a text file that merges well. One finding a line, sorted by fingerprint, so that
//! lines that two people add rarely meet.
//!
//! A line has, with tabs between: the finding's fingerprint (`kf1:…`), its secret's (`ks1:…`) or `place-only`, the
//! signature, the place, the last day that counts, who, and the reason; `-` where there is none. Only the fingerprints, the
//! day and the reason are read; the rest is for people. A secret that has no fingerprint of its own, since it can be
//! guessed and there is no key, is held by its place alone: then a new one at that place is accepted too.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Error, day_ends};
use crate::mask::Masker;
use crate::report::{Acceptance, Identity, Report, Reported};

/// The largest baseline that is read, in bytes.
pub(super) const LIMIT: u64 = 256 << 20;

/// What the first line begins with.
const HEAD: &str = "# keysieve baseline 1";
/// What the line of the key begins with.
const KEY: &str = "# made with: ";
/// The key of a baseline that was made without.
const NO_KEY: &str = "no fingerprint key";
/// What stands in the place of a secret's fingerprint.
const PLACE_ONLY: &str = "place-only";
/// What stands in the place of nothing.
const NOTHING: &str = "-";

/// A baseline.
#[derive(Debug, Default)]
pub struct Baseline {
    pub(super) file: String,
    /// The name of the key of its fingerprints.
    key: Option<String>,
    /// By fingerprint.
    pub(super) lines: BTreeMap<String, Line>,
}

/// One finding of a baseline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    secret: Option<String>,
    signature: String,
    pub(super) place: String,
    expires: Option<String>,
    who: Option<String>,
    reason: Option<String>,
}

/// What is said of findings that are added.
#[derive(Clone, Debug, Default)]
pub struct Said {
    /// The last day that counts, as `2027-06-30`.
    pub expires: Option<String>,
    /// Who accepts them.
    pub who: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

impl Said {
    /// Whether the date is one.
    pub fn is_valid(&self) -> bool {
        self.expires.as_ref().is_none_or(|date| day_ends(date).is_some())
    }
}

impl Line {
    pub(super) fn acceptance(&self, file: &str) -> Acceptance {
        let alone = if self.secret.is_none() { ", by its place alone" } else { "" };
        Acceptance {
            reason: self.reason.clone(),
            who: self.who.clone(),
            expires: self.expires.as_deref().and_then(day_ends),
            ..Acceptance::by(format!("{file}{alone}"))
        }
    }

    fn parse(line: &str) -> Option<(String, Self)> {
        let mut columns = line.split('\t');
        let fingerprint = columns.next().filter(|print| print.starts_with("kf1:") && print.len() == 36)?;
        let secret = columns.next()?;
        if secret != PLACE_ONLY && !secret.starts_with("ks1:") {
            return None;
        }
        let mut next = || columns.next().filter(|column| *column != NOTHING).map(str::to_owned);
        let (signature, place) = (next().unwrap_or_default(), next().unwrap_or_default());
        let expires = next();
        if expires.as_deref().is_some_and(|date| day_ends(date).is_none()) {
            return None;
        }
        let secret = (secret != PLACE_ONLY).then(|| secret.to_owned());
        Some((
            fingerprint.to_owned(),
            Self { secret, signature, place, expires, who: next(), reason: next() },
        ))
    }
}

impl Baseline {
    /// An empty one, for a run with this key.
    pub fn new(key: Option<&str>) -> Self {
        Self { key: key.map(str::to_owned), ..Self::default() }
    }

    /// Reads a baseline.
    ///
    /// # Errors
    /// The first line that is none of a baseline.
    pub fn parse(text: &str, file: &str) -> Result<Self, Error> {
        let syntax = |line: usize, message: &str| Error::Syntax {
            file: file.to_owned(),
            line,
            message: message.to_owned(),
        };
        let mut baseline = Self { file: file.to_owned(), ..Self::default() };
        if !text.starts_with(HEAD) {
            return Err(syntax(1, "no baseline: the first line is not `# keysieve baseline 1`"));
        }
        for (index, line) in text.lines().enumerate() {
            if let Some(key) = line.strip_prefix(KEY) {
                baseline.key = Some(key.trim().to_owned()).filter(|key| key != NO_KEY);
            }
            if line.starts_with('#') || line.trim().is_empty() {
                continue;
            }
            if ["<<<<<<<", "=======", ">>>>>>>", "|||||||"].iter().any(|mark| line.starts_with(mark)) {
                return Err(syntax(
                    index + 1,
                    "a conflict of a merge: keep the lines of both sides, in any order",
                ));
            }
            let (fingerprint, line) = Line::parse(line).ok_or_else(|| {
                syntax(index + 1, "no line of a baseline; make it anew with keysieve baseline create")
            })?;
            baseline.lines.insert(fingerprint, line);
        }
        Ok(baseline)
    }

    /// Whether a run with this key can know its findings again.
    pub(super) fn check_key(&self, ours: Option<&str>) -> Result<(), Error> {
        if self.key.as_deref() == ours {
            return Ok(());
        }
        let named =
            |key: Option<&str>| key.map_or("no fingerprint key".to_owned(), |key| format!("the key {key}"));
        let way_out = match self.key {
            Some(_) => "give its key with --fingerprint-key-file",
            None => "leave the key out, or make the baseline anew with it",
        };
        let file = self.file.clone();
        Err(Error::Key { file, theirs: named(self.key.as_deref()), ours: named(ours), way_out })
    }

    /// The line of a finding.
    pub(super) fn line(&self, fingerprint: &str) -> Option<&Line> {
        self.lines.get(fingerprint)
    }

    /// Adds findings of a report that it does not hold; returns how many. A line that has expired is said anew.
    pub fn add<'r>(
        &mut self,
        report: &Report,
        findings: impl IntoIterator<Item = &'r Reported>,
        said: &Said,
        masker: &Masker,
    ) -> usize {
        let before = self.lines.len();
        let mut renewed = 0;
        for reported in findings {
            let line = line(report, reported, said, masker);
            let expired = |line: &Line| {
                line.expires.as_deref().and_then(day_ends).is_some_and(|expires| expires <= report.now)
            };
            match self.lines.get_mut(&reported.fingerprint) {
                Some(known) if expired(known) => {
                    *known = line;
                    renewed += 1;
                }
                Some(_) => {}
                None => {
                    self.lines.insert(reported.fingerprint.clone(), line);
                }
            }
        }
        self.lines.len() - before + renewed
    }

    /// Takes out the lines that no finding of a report has, and those that have expired; returns how many.
    pub fn prune(&mut self, report: &Report) -> usize {
        let there: std::collections::HashSet<_> = report.findings.iter().map(|it| &it.fingerprint).collect();
        let before = self.lines.len();
        self.lines.retain(|fingerprint, line| {
            let expires = line.expires.as_deref().and_then(day_ends);
            there.contains(fingerprint) && expires.is_none_or(|expires| expires > report.now)
        });
        before - self.lines.len()
    }

    /// How many findings it holds.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// How many it holds by their place alone.
    pub fn place_only(&self) -> usize {
        self.lines.values().filter(|line| line.secret.is_none()).count()
    }

    /// The file's text. The head depends on nothing but the key, so that two of them merge.
    pub fn text(&self) -> String {
        let mut text = format!(
            "{HEAD}\n# Findings that are accepted: one a line, in any order. `keysieve baseline update` adds what is new,\n\
             # `keysieve baseline prune` takes out what is gone.\n{KEY}{}\n",
            self.key.as_deref().unwrap_or(NO_KEY)
        );
        if self.key.is_none() {
            text.push_str(
                "# Without a key, values that could be guessed (passwords, short keys) are held by their place alone\n\
                 # (place-only): a new value at that place is accepted too. A fingerprint key mends that.\n",
            );
        }
        for (fingerprint, line) in &self.lines {
            let or =
                |text: &Option<String>, default: &str| text.clone().unwrap_or_else(|| default.to_owned());
            let columns = [
                fingerprint.clone(),
                or(&line.secret, PLACE_ONLY),
                line.signature.clone(),
                line.place.clone(),
                or(&line.expires, NOTHING),
                or(&line.who, NOTHING),
                or(&line.reason, NOTHING),
            ];
            let columns = columns.map(|column| column.replace(['\t', '\n', '\r'], " "));
            let _ = writeln!(text, "{}", columns.join("\t"));
        }
        text
    }
}

fn line(report: &Report, reported: &Reported, said: &Said, masker: &Masker) -> Line {
    let finding = &reported.finding;
    let own = !finding.guessable || report.key_id.is_some();
    let secret = match report.secrets.get(reported.secret).map(|credential| &credential.identity) {
        // A value that another finding vouches for has a fingerprint, but this finding's is made without it.
        Some(Identity::Fingerprint(fingerprint)) if own => Some(fingerprint.clone()),
        _ => None,
    };
    let field = finding.place.field.as_ref().or(finding.name.as_ref());
    let place = match field {
        Some(field) => format!("{} {field}", finding.location.provenance),
        None => finding.location.provenance.to_string(),
    };
    let text = |text: &Option<String>| text.as_deref().map(|text| masker.text(text));
    Line {
        secret,
        signature: finding.signature.id.to_owned(),
        place: masker.text(&place),
        expires: said.expires.clone(),
        who: text(&said.who),
        reason: text(&said.reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(reason: &str) -> Line {
        Line {
            secret: Some("ks1:x".into()),
            signature: "a".into(),
            place: "b.json c".into(),
            expires: Some("2026-11-23".into()),
            who: None,
            reason: Some(reason.into()),
        }
    }

    fn print(letter: &str) -> String {
        format!("kf1:{}", letter.repeat(32))
    }

    #[test]
    fn what_is_written_is_read() {
        let mut baseline = Baseline::new(None);
        baseline.lines.insert(print("b"), some("r"));
        baseline.lines.insert(print("a"), Line { secret: None, expires: None, ..some("s") });
        let text = baseline.text();
        assert!(text.find(&print("a")) < text.find(&print("b")), "sorted");
        assert!(text.contains("place alone"));
        let read = Baseline::parse(&text, "f").expect("a baseline");
        assert_eq!(read.lines, baseline.lines);
        assert_eq!((read.len(), read.place_only()), (2, 1));
        assert_eq!(Baseline { file: String::new(), ..read }.text(), text);
    }

    #[test]
    fn another_key_is_told() {
        let text = Baseline::new(Some("kk1:x")).text();
        assert!(!text.contains("place alone"));
        let baseline = Baseline::parse(&text, "f").expect("a baseline");
        assert!(baseline.check_key(Some("kk1:x")).is_ok());
        let error = baseline.check_key(None).expect_err("another key").to_string();
        assert_eq!(
            error,
            "f was made with the key kk1:x, and this run has no fingerprint key: give its key with --fingerprint-key-file"
        );
        assert!(
            Baseline::parse(&Baseline::new(None).text(), "f").expect("one").check_key(Some("k")).is_err()
        );
    }

    #[test]
    fn errors_name_the_line() {
        let message = |text: &str| Baseline::parse(text, "f").expect_err("an error").to_string();
        assert!(message("").starts_with("f, line 1: no baseline"));
        assert!(message("# keysieve baseline 1\n<<<<<<< HEAD\n").starts_with("f, line 2: a conflict"));
        assert!(message("# keysieve baseline 1\nVALUE-1\n").starts_with("f, line 2: no line"));
        assert!(!message("# keysieve baseline 1\nVALUE-1\n").contains("VALUE-1"));
    }
}
