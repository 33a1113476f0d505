//! Reports: what a run found, and one file per format that writes it.
//!
//! A [`Report`] holds findings in the order that they came in and adds what only the whole run can tell: which findings
//! share a credential, and fingerprints. Formats write to an [`io::Write`] handed in; each string that came from outside
//! passes the [`Masker`]. Whose the output is, and what the exit status is, is the command line's business.

pub mod clean;
mod controls;
mod csv;
mod data;
mod frame;
mod github;
mod gitlab;
mod html;
mod human;
pub mod inventory;
mod json;
mod jsonl;
mod junit;
mod markdown;
pub mod metrics;
pub mod ocsf;
mod paper;
mod plain;
mod sarif;
pub mod saved;
mod verdict;
mod why;
mod words;

use std::collections::{HashMap, HashSet};
use std::io::{self, Write};
use std::time::Duration;

use crate::budget::Coverage;
use crate::finding::{Confidence, Finding, LifetimeClass, Secret, Severity};
use crate::fingerprint::{self, Key, LogicalPlace, Sequence, Subject, Withheld};
use crate::mask::Masker;
use crate::policy::Violation;

/// What a run yields, before it is a report.
#[derive(Debug, Default)]
pub struct Run<'k> {
    /// The paths that the user named, as typed.
    pub inputs: Vec<String>,
    /// Findings in the order of the walk.
    pub findings: Vec<Finding>,
    /// What was read, and what could not be.
    pub coverage: Coverage,
    /// Settings that change what is found, by name, in the order they are to be shown.
    pub settings: Vec<(String, String)>,
    /// The clock that expiries were judged by, seconds since 1970-01-01 UTC.
    pub now: i64,
    /// How long it took.
    pub duration: Duration,
    /// The key of fingerprints.
    pub key: Option<&'k Key>,
}

/// What a run found and read.
#[derive(Debug)]
pub struct Report {
    /// The paths that the user named, as typed.
    pub inputs: Vec<String>,
    /// Settings that change what is found, by name.
    pub settings: Vec<(String, String)>,
    /// The clock that expiries were judged by, seconds since 1970-01-01 UTC.
    pub now: i64,
    /// How long it took; the one thing that differs from run to run, left out by [`Options::reproducible`].
    pub duration: Duration,
    /// The name of the key of fingerprints; `None` if they were made without.
    pub key_id: Option<String>,
    /// Findings in the order of the walk.
    pub findings: Vec<Reported>,
    /// Distinct credentials in the order of their first finding.
    pub secrets: Vec<Credential>,
    /// What was read, and what could not be.
    pub coverage: Coverage,
    /// What a sweep says of itself; none of a run that remembers nothing.
    pub sweep: Option<Sweep>,
    /// What a policy forbids in the flows; `None` if no policy was asked.
    pub violations: Option<Vec<Violation>>,
    /// The flows and what they reach; `None` if nobody asked.
    pub inventory: Option<inventory::Overview>,
    /// Findings that a view left out before they came here: of a saved result.
    pub left_out: usize,
    /// Acceptances that have expired or match nothing any more.
    pub notices: Vec<Notice>,
}

/// What a sweep says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sweep {
    /// Its number in its state, from 1.
    pub number: i64,
    /// How many findings the state holds in each [`LifeState`], in the order of [`LifeState::ALL`].
    pub states: Vec<(LifeState, u64)>,
    /// Files that were not read since they had not changed.
    pub unchanged: u64,
    /// Places that the state knows and that could not be read.
    pub gaps: u64,
    /// Whether it came to the end of all roots.
    pub whole: bool,
}

/// Where a finding stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LifeState {
    /// Met in this sweep for the first time.
    New,
    /// Met before and still there.
    Open,
    /// Gone: its place was read whole, or is no more.
    Resolved,
    /// It was resolved and is back.
    Reopened,
    /// Nobody knows: its place could not be read.
    Unreadable,
    /// Someone decided to live with it.
    Accepted,
}

impl LifeState {
    /// Every state, in the order that reports have them.
    pub const ALL: &[Self] =
        &[Self::New, Self::Reopened, Self::Open, Self::Unreadable, Self::Accepted, Self::Resolved];

    /// Returns its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Open => "open",
            Self::Resolved => "resolved",
            Self::Reopened => "reopened",
            Self::Unreadable => "unreadable",
            Self::Accepted => "accepted",
        }
    }

    /// Returns the state of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|state| state.name() == name)
    }
}

/// The life of a finding, as a state knows it. Times are seconds since 1970-01-01 UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Life {
    /// Where it stands.
    pub state: LifeState,
    /// When it was met first.
    pub first_seen: i64,
    /// When it was known to be there last.
    pub last_seen: i64,
    /// The sweep that met it first.
    pub first_sweep: i64,
    /// The sweep that knew it to be there last.
    pub last_sweep: i64,
    /// Where the same secret stood before it moved here.
    pub moved_from: Option<String>,
}

/// A finding with what the whole run knows of it.
#[derive(Debug)]
pub struct Reported {
    /// The finding.
    pub finding: Finding,
    /// Its fingerprint, `kf1:…`.
    pub fingerprint: String,
    /// Which of [`Report::secrets`] it holds.
    pub secret: usize,
    /// By what it was accepted, if it was.
    pub accepted: Option<Acceptance>,
    /// Its life, if it comes out of the state of a sweep.
    pub life: Option<Life>,
    /// The length of its credential in bytes, where it may be told.
    pub length: Option<usize>,
    /// The first commit that had it, where a history was looked at.
    pub commit: Option<Commit>,
}

/// Why a finding is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acceptance {
    /// What accepts it: `baseline`, `mark`, or a rule's name.
    pub by: String,
    /// The reason that was given.
    pub reason: Option<String>,
    /// Who gave it.
    pub who: Option<String>,
    /// When it ends, in seconds since 1970-01-01 UTC.
    pub expires: Option<i64>,
}

impl Acceptance {
    /// Nothing but what accepts.
    pub fn by(by: impl Into<String>) -> Self {
        Self { by: by.into(), reason: None, who: None, expires: None }
    }
}

/// An acceptance that someone should look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Which.
    pub acceptance: Acceptance,
    /// Why.
    pub state: NoticeState,
}

/// Why an acceptance should be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeState {
    /// Its time is over: what it accepted counts again.
    Expired,
    /// It matches no finding any more.
    Unused,
}

impl NoticeState {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Unused => "unused",
        }
    }
}

/// The commit that brought a finding into a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Its id, in hexadecimal.
    pub id: String,
    /// Its author, with the address.
    pub author: String,
    /// When the author made it, as RFC 3339.
    pub date: String,
}

/// One distinct credential.
#[derive(Debug)]
pub struct Credential {
    /// How reports name it.
    pub identity: Identity,
    /// Whether nothing vouches for its randomness, so that not even its length is told.
    pub guessable: bool,
    /// Its findings: indices into [`Report::findings`], ascending, never empty.
    pub findings: Vec<usize>,
    /// In how many distinct flows it stands.
    pub flows: usize,
}

/// How reports name a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// By its fingerprint, `ks1:…`.
    Fingerprint(String),
    /// By a number that means nothing outside of the report, from 1.
    Group {
        /// The number.
        number: usize,
        /// Why there is no fingerprint.
        withheld: Withheld,
    },
}

/// Which findings are shown and count for the exit status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Their lifetime is one of these.
    pub lifetimes: Vec<LifetimeClass>,
    /// They are at least this bad.
    pub min_severity: Severity,
    /// They are at least this sure.
    pub min_confidence: Confidence,
}

impl Default for View {
    /// Everything.
    fn default() -> Self {
        Self {
            lifetimes: LifetimeClass::ALL.to_vec(),
            min_severity: Severity::Info,
            min_confidence: Confidence::Low,
        }
    }
}

impl View {
    /// Returns whether a finding is in the view.
    pub fn shows(&self, reported: &Reported) -> bool {
        let finding = &reported.finding;
        self.lifetimes.contains(&finding.lifetime.class)
            && reported.severity() >= self.min_severity
            && finding.confidence >= self.min_confidence
    }
}

/// How a report is written.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which findings.
    pub view: View,
    /// Whether `human` uses colours.
    pub colour: bool,
    /// Columns that `human` may use for running text.
    pub width: usize,
    /// Whether the secrets themselves are written. For the eyes of one who asked for that.
    pub show_secrets: bool,
    /// Whether what differs from run to run is left out.
    pub reproducible: bool,
    /// How bad a finding must be to stop a flow from being published, or to fail a pipeline.
    pub fail_on: Severity,
    /// Whether `plain` tells lines, bytes and names of fields as well.
    pub details: bool,
}

impl Default for Options {
    /// Everything, plain, 100 columns wide, without secrets.
    fn default() -> Self {
        Self {
            view: View::default(),
            colour: false,
            width: 100,
            show_secrets: false,
            reproducible: false,
            fail_on: Severity::Medium,
            details: false,
        }
    }
}

/// An output format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Text for people.
    Human,
    /// One JSON document.
    Json,
    /// One JSON object a line.
    Jsonl,
    /// SARIF 2.1.0.
    Sarif,
    /// Text for people who are to publish a flow: the verdict, and what to do.
    Plain,
    /// One self-contained page for a browser.
    Html,
    /// Comma-separated values: a row for each finding.
    Csv,
    /// JUnit's XML, as test reports of pipelines show it.
    Junit,
    /// GitLab's secret-detection report.
    Gitlab,
    /// Annotations of a GitHub workflow.
    Github,
    /// Markdown, for a comment on a pull request.
    Markdown,
    /// A graph of flows and what they reach, in the language of Graphviz; of an inventory only.
    Dot,
    /// The same as a picture; of an inventory only.
    Svg,
}

impl Format {
    /// Those that only an inventory has.
    pub const GRAPHS: &[Self] = &[Self::Dot, Self::Svg];

    /// The formats of an inventory.
    pub const INVENTORY: &[Self] = &[Self::Human, Self::Json, Self::Csv, Self::Dot, Self::Svg];

    /// Every format of findings, in the order that help texts name them.
    pub const ALL: &[Self] = &[
        Self::Human,
        Self::Plain,
        Self::Json,
        Self::Jsonl,
        Self::Sarif,
        Self::Html,
        Self::Csv,
        Self::Junit,
        Self::Gitlab,
        Self::Github,
        Self::Markdown,
    ];

    /// Returns the format's name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Json => "json",
            Self::Jsonl => "jsonl",
            Self::Sarif => "sarif",
            Self::Plain => "plain",
            Self::Html => "html",
            Self::Csv => "csv",
            Self::Junit => "junit",
            Self::Gitlab => "gitlab",
            Self::Github => "github",
            Self::Markdown => "markdown",
            Self::Dot => "dot",
            Self::Svg => "svg",
        }
    }

    /// Returns the format of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().chain(Self::GRAPHS).copied().find(|format| format.name() == name)
    }
}

/// Writes a report in a format, in many small pieces: hand in a buffered writer, and flush it.
///
/// # Errors
///
/// What `out` refuses.
pub fn write(
    format: Format,
    report: &Report,
    masker: &Masker,
    options: &Options,
    out: &mut dyn Write,
) -> io::Result<()> {
    let page = Page { report, masker, options };
    if let Some(written) = inventory::write(format, &page, out) {
        return written;
    }
    match format {
        Format::Human => human::write(&page, out),
        Format::Json => json::write(&page, out),
        Format::Jsonl => jsonl::write(&page, out),
        Format::Sarif => sarif::write(&page, out),
        Format::Plain => plain::write(&page, out),
        Format::Html => html::write(&page, out),
        Format::Csv => csv::write(&page, out),
        Format::Junit => junit::write(&page, out),
        Format::Gitlab => gitlab::write(&page, out),
        Format::Github => github::write(&page, out),
        Format::Markdown => markdown::write(&page, out),
        Format::Dot | Format::Svg => Err(io::Error::other("only an inventory has graphs")),
    }
}

impl Reported {
    /// Returns how bad it is: as found, but never above `low` where the credential ends within a day or has ended.
    pub fn severity(&self) -> Severity {
        match self.finding.lifetime.class {
            LifetimeClass::ShortLived | LifetimeClass::Expired => self.finding.severity.min(Severity::Low),
            _ => self.finding.severity,
        }
    }
}

impl Report {
    /// Makes the report of a run. Takes time linear in the findings.
    pub fn new(run: Run<'_>, masker: &Masker) -> Self {
        let secrets = credentials(&run.findings, run.key);
        let prints = fingerprints(&run, masker);
        let mut secret_of = vec![0; run.findings.len()];
        for (index, credential) in secrets.iter().enumerate() {
            for &finding in &credential.findings {
                if let Some(slot) = secret_of.get_mut(finding) {
                    *slot = index;
                }
            }
        }
        let findings = run.findings.into_iter().zip(prints).zip(secret_of);
        Self {
            inputs: run.inputs,
            settings: run.settings,
            now: run.now,
            duration: run.duration,
            key_id: run.key.map(Key::id),
            findings: findings
                .map(|((finding, fingerprint), secret)| Reported {
                    length: length(&finding, secrets.get(secret)),
                    finding,
                    fingerprint,
                    secret,
                    accepted: None,
                    life: None,
                    commit: None,
                })
                .collect(),
            secrets,
            coverage: run.coverage,
            sweep: None,
            violations: None,
            inventory: None,
            left_out: 0,
            notices: Vec::new(),
        }
    }

    /// Returns how bad the worst finding of a view is that was not accepted; `None` if there is none.
    pub fn worst(&self, view: &View) -> Option<Severity> {
        let open = self.shown(view).filter(|reported| reported.accepted.is_none());
        open.map(Reported::severity).max()
    }

    /// Keeps the findings for which `keep` holds, by their fingerprints (the finding's, and the secret's if it has one) and
    /// their life; those without a life stay.
    pub fn retain(&mut self, keep: impl Fn(&[&str], &Life) -> bool) {
        let secrets = &self.secrets;
        let kept = |reported: &Reported| {
            let Some(life) = &reported.life else { return true };
            let mut prints = vec![reported.fingerprint.as_str()];
            if let Some(Identity::Fingerprint(secret)) = secrets.get(reported.secret).map(|it| &it.identity) {
                prints.push(secret);
            }
            keep(&prints, life)
        };
        let kept: Vec<bool> = self.findings.iter().map(kept).collect();
        let stays = |index: &usize| kept.get(*index).is_some_and(|kept| *kept);
        let mut next = 0;
        let place = |kept: &bool| {
            next += usize::from(*kept);
            next - usize::from(*kept)
        };
        let places: Vec<usize> = kept.iter().map(place).collect();
        for credential in &mut self.secrets {
            credential.findings.retain(stays);
            credential
                .findings
                .iter_mut()
                .for_each(|index| *index = places.get(*index).copied().unwrap_or(0));
        }
        let mut flags = kept.iter();
        self.findings.retain(|_| flags.next().is_some_and(|kept| *kept));
    }

    /// Returns whether everything was read.
    pub fn is_complete(&self) -> bool {
        self.coverage.gaps.is_empty()
    }

    /// Returns the findings of a view, in order.
    pub fn shown<'r>(&'r self, view: &'r View) -> impl Iterator<Item = &'r Reported> {
        self.findings.iter().filter(move |reported| view.shows(reported))
    }

    /// Returns the other findings that hold the same credential, in order.
    pub fn others<'r>(&'r self, reported: &'r Reported) -> impl Iterator<Item = &'r Reported> {
        let findings = self.secrets.get(reported.secret).map(|secret| secret.findings.as_slice());
        let findings = findings.unwrap_or_default().iter().filter_map(|&index| self.findings.get(index));
        findings.filter(move |other| !std::ptr::eq(*other, reported))
    }
}

/// Groups findings by the value that they hold. A value that is empty is no value: each such finding is on its own.
///
/// A credential is guessable only if all of its findings say so: a vendor's own format vouches for the value wherever
/// else it stands.
fn credentials(findings: &[Finding], key: Option<&Key>) -> Vec<Credential> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut known: HashMap<&Secret, usize> = HashMap::new();
    for (index, finding) in findings.iter().enumerate() {
        let group = if finding.secret.is_empty() {
            groups.len()
        } else {
            *known.entry(&finding.secret).or_insert(groups.len())
        };
        match groups.get_mut(group) {
            Some(members) => members.push(index),
            None => groups.push(vec![index]),
        }
    }
    let mut number = 0;
    groups
        .into_iter()
        .filter_map(|members| {
            let of_group = || members.iter().filter_map(|&index| findings.get(index));
            let guessable = of_group().all(|finding| finding.guessable);
            let identity = match fingerprint::secret(&of_group().next()?.secret, guessable, key) {
                Ok(fingerprint) => Identity::Fingerprint(fingerprint),
                Err(withheld) => {
                    number += 1;
                    Identity::Group { number, withheld }
                }
            };
            let flows = of_group().filter_map(flow_of).collect::<HashSet<_>>().len();
            Some(Credential { identity, guessable, findings: members, flows })
        })
        .collect()
}

/// The length of a finding's credential; `None` where it can be guessed, so that it would help with that.
fn length(finding: &Finding, credential: Option<&Credential>) -> Option<usize> {
    let told = credential.is_some_and(|credential| !credential.guessable) && !finding.secret.is_empty();
    told.then_some(finding.secret.len())
}

/// Returns what tells the flow of a finding from others: its platform, and its id or else its name.
fn flow_of(finding: &Finding) -> Option<(&str, &str)> {
    let flow = finding.place.flow.as_deref()?;
    Some((flow.platform, flow.id.as_deref().or(flow.name.as_deref())?))
}

/// Makes the fingerprint of each finding, in order.
///
/// What a finding is about is its credential's fingerprint only if the finding itself vouches for the value, so that it
/// does not depend on what else was scanned.
fn fingerprints(run: &Run<'_>, masker: &Masker) -> Vec<String> {
    let mut sequence = Sequence::new(run.key);
    let print = |finding: &Finding| {
        let secret = fingerprint::secret(&finding.secret, finding.guessable, run.key);
        let subject = secret.as_deref().map_or(Subject::Signature(finding.signature.id), Subject::Secret);
        let place = LogicalPlace::of(finding, &run.inputs);
        let place = if run.key.is_some() { place } else { place.map(|name| masker.text(name)) };
        sequence.next(subject, &place)
    };
    run.findings.iter().map(print).collect()
}

/// What every format is given: the report and how to show it.
struct Page<'a> {
    report: &'a Report,
    masker: &'a Masker<'a>,
    options: &'a Options,
}

impl Page<'_> {
    /// A string from outside, fit to be shown.
    fn text(&self, text: &str) -> String {
        self.masker.text(text)
    }

    /// The same of one that may be missing.
    fn maybe(&self, text: Option<&str>) -> Option<String> {
        text.map(|text| self.text(text))
    }

    /// The findings of the view.
    fn shown(&self) -> impl Iterator<Item = &Reported> {
        self.report.shown(&self.options.view)
    }

    /// Whether the value itself is written: it was asked for, and it is there (a saved result may not have it).
    fn shows_value(&self, reported: &Reported) -> bool {
        self.options.show_secrets && (!reported.finding.secret.is_empty() || reported.length.is_none())
    }

    /// The credential of a finding.
    fn credential(&self, reported: &Reported) -> Option<&Credential> {
        self.report.secrets.get(reported.secret)
    }

    /// Control mappings of a finding.
    fn controls(&self, reported: &Reported) -> Vec<&'static str> {
        let shared = self.credential(reported).is_some_and(|credential| credential.flows > 1);
        controls::of(&reported.finding, shared)
    }
}

/// A point in time as RFC 3339; `None` if it is beyond the years 0 to 9999.
pub(crate) fn rfc3339(seconds: i64) -> Option<String> {
    let time = time::OffsetDateTime::from_unix_timestamp(seconds).ok()?;
    time.format(&time::format_description::well_known::Rfc3339).ok()
}
