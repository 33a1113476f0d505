//! Accepting: a report and what people have said about its findings go in; the report comes out with those findings
//! accepted, by what, and with a notice for each acceptance that has expired or matches nothing any more.
//!
//! Four things accept: a rule of `.keysieve.toml` ([`config`]), a pattern of `.keysieveignore` ([`ignored`]), a line of a
//! baseline ([`baseline`]), and a mark in the text ([`crate::mark`]). Where the files are looked for is told by
//! [`Found::beside`]; whoever must not trust what lies there names the files and looks for none.

pub mod baseline;
pub mod config;
pub mod ignored;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::finding::Finding;
use crate::report::{Acceptance, Identity, Notice, NoticeState, Report, Reported};
use crate::source;
use baseline::Baseline;
use config::Rule;
use ignored::Ignored;

/// The name of the file of rules.
pub const CONFIG: &str = ".keysieve.toml";
/// The name of the file of paths.
pub const IGNORED: &str = ".keysieveignore";
/// The name of the baseline, where none is given.
pub const BASELINE: &str = ".keysieve.baseline";

/// The largest file of rules or paths, in bytes.
const LIMIT: u64 = 1 << 20;

/// Why what was accepted cannot be known. The messages name the file, the line and the way out, never a line's text.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be read.
    #[error("cannot read {file}")]
    Unreadable {
        /// The file.
        file: String,
        /// The system's reason.
        source: io::Error,
    },
    /// A file says what cannot be understood.
    #[error("{file}, line {line}: {message}")]
    Syntax {
        /// The file.
        file: String,
        /// From 1.
        line: usize,
        /// What is wrong and what to write.
        message: String,
    },
    /// A baseline was made with another fingerprint key, or with one where there is none, so that nothing in it fits.
    #[error("{file} was made with {theirs}, and this run has {ours}: {way_out}")]
    Key {
        /// The file.
        file: String,
        /// Its key.
        theirs: String,
        /// Ours.
        ours: String,
        /// What to do.
        way_out: &'static str,
    },
}

/// The inputs of a run: how reports show them, and where they are.
#[derive(Clone, Debug, Default)]
pub struct Roots(pub Vec<(String, PathBuf)>);

impl Roots {
    /// The roots of paths that a user named; what is no file or folder has none.
    pub fn of_paths<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Self {
        let root = |path: &Path| Some((source::shown(path), path.canonicalize().ok()?));
        Self(paths.into_iter().filter_map(root).collect())
    }

    /// Where a shown path is: below the longest root that it begins with.
    fn place(&self, shown: &str) -> Option<(PathBuf, String)> {
        let below = |(root, place): &(String, PathBuf)| {
            let named = if matches!(root.as_str(), "." | "./") { "" } else { root.trim_end_matches('/') };
            let rest = shown.strip_prefix(named)?;
            let rest = match rest.strip_prefix('/') {
                Some(rest) => rest,
                None if rest.is_empty() || named.is_empty() => rest,
                None => return None,
            };
            let whole = if rest.is_empty() { place.clone() } else { place.join(rest) };
            let within = if rest.is_empty() { last_name(shown) } else { rest };
            Some((named.len(), whole, within.to_owned()))
        };
        let longest = self.0.iter().filter_map(below).max_by_key(|(length, ..)| *length)?;
        Some((longest.1, longest.2))
    }

    /// Whether all of a folder is among the inputs.
    fn hold(&self, folder: &Path) -> bool {
        self.0.iter().any(|(_, place)| folder.starts_with(place))
    }
}

fn last_name(shown: &str) -> &str {
    shown.rsplit('/').next().unwrap_or(shown)
}

/// The files that say what is accepted, as they were found beside or above what is scanned.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Files of rules.
    pub configs: Vec<PathBuf>,
    /// Files of paths.
    pub ignored: Vec<PathBuf>,
    /// The nearest baseline.
    pub baseline: Option<PathBuf>,
}

impl Found {
    /// Looks beside each root and in the folders above it, up to the root of its repository; outside of a repository only
    /// beside it.
    pub fn beside(roots: &Roots) -> Self {
        let mut found = Self::default();
        for (_, place) in &roots.0 {
            let start = if place.is_dir() { place } else { place.parent().unwrap_or(place) };
            let top = start.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(start);
            for folder in start.ancestors().take_while(|folder| folder.starts_with(top)) {
                found.add(folder);
            }
        }
        found
    }

    fn add(&mut self, folder: &Path) {
        let there = |name: &str| {
            let path = folder.join(name);
            path.symlink_metadata().is_ok_and(|meta| meta.is_file()).then_some(path)
        };
        let unseen = |paths: &mut Vec<PathBuf>, path: Option<PathBuf>| {
            paths.extend(path.filter(|path| !paths.contains(path)).into_iter().collect::<Vec<_>>());
        };
        unseen(&mut self.configs, there(CONFIG));
        unseen(&mut self.ignored, there(IGNORED));
        if self.baseline.is_none() {
            self.baseline = there(BASELINE);
        }
    }
}

/// How unused acceptances are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unused {
    /// Of each file whose folder was scanned whole, and of each that was named.
    #[default]
    Told,
    /// Not at all: only a part was looked at, such as what is staged.
    Untold,
}

/// All that was accepted.
#[derive(Debug, Default)]
pub struct Acceptances {
    rules: Vec<Source<Rule>>,
    ignored: Vec<Source<Ignored>>,
    baseline: Option<Source<Baseline>>,
    marks: bool,
}

/// Something out of a file.
#[derive(Debug)]
struct Source<T> {
    what: T,
    /// The folder that its paths are relative to.
    folder: PathBuf,
    /// Whether the user named the file.
    named: bool,
}

impl Acceptances {
    /// Nothing but marks, if they count.
    pub fn new(marks: bool) -> Self {
        Self { marks, ..Self::default() }
    }

    /// Reads what was found.
    ///
    /// # Errors
    /// The first file that cannot be read or understood.
    pub fn with(mut self, found: &Found) -> Result<Self, Error> {
        for path in &found.configs {
            self.config(path, false)?;
        }
        for path in &found.ignored {
            self.ignored(path)?;
        }
        if let Some(path) = &found.baseline {
            self.baseline(path, false)?;
        }
        Ok(self)
    }

    /// Reads a file of rules.
    ///
    /// # Errors
    /// If it cannot be read or understood.
    pub fn config(&mut self, path: &Path, named: bool) -> Result<(), Error> {
        let folder = folder_of(path);
        let rules = config::parse(&text(path, LIMIT)?, &shown(path))?;
        self.rules.extend(rules.into_iter().map(|what| Source { what, folder: folder.clone(), named }));
        Ok(())
    }

    /// Reads a file of paths.
    ///
    /// # Errors
    /// If it cannot be read or understood.
    pub fn ignored(&mut self, path: &Path) -> Result<(), Error> {
        let what = Ignored::parse(&text(path, LIMIT)?, &shown(path))?;
        self.ignored.push(Source { what, folder: folder_of(path), named: false });
        Ok(())
    }

    /// Reads a baseline; a second one takes the place of the first.
    ///
    /// # Errors
    /// If it cannot be read or understood.
    pub fn baseline(&mut self, path: &Path, named: bool) -> Result<(), Error> {
        let what = Baseline::parse(&text(path, baseline::LIMIT)?, &shown(path))?;
        self.baseline = Some(Source { what, folder: folder_of(path), named });
        Ok(())
    }

    /// All but the baseline.
    #[must_use]
    pub fn without_baseline(self) -> Self {
        Self { baseline: None, ..self }
    }

    /// Marks the findings of a report that are accepted, and adds the notices.
    ///
    /// # Errors
    /// If the baseline was made with another fingerprint key.
    pub fn apply(&self, report: &mut Report, roots: &Roots, unused: Unused) -> Result<(), Error> {
        if let Some(baseline) = &self.baseline {
            baseline.what.check_key(report.key_id.as_deref())?;
        }
        let mut used = Used::new(self);
        let accepted: Vec<_> = report
            .findings
            .iter()
            .map(|reported| {
                self.acceptance(reported, &Facts::of(reported, report, roots), report.now, &mut used)
            })
            .collect();
        for (reported, accepted) in report.findings.iter_mut().zip(accepted) {
            reported.accepted = accepted;
        }
        report.notices = self.notices(&used, report.now, roots, unused);
        Ok(())
    }

    /// By what a finding is accepted. All that match are noted as used; the first one that has not expired accepts it.
    fn acceptance(
        &self,
        reported: &Reported,
        facts: &Facts,
        now: i64,
        used: &mut Used,
    ) -> Option<Acceptance> {
        let mut first = None;
        let mut take = |acceptance: Acceptance| {
            if acceptance.expires.is_none_or(|expires| expires > now) {
                first.get_or_insert(acceptance);
            }
        };
        if let Some(mark) = reported.finding.mark.as_ref().filter(|_| self.marks) {
            take(Acceptance { reason: mark.reason.clone(), ..Acceptance::by("keysieve:allow in the text") });
        }
        for (rule, used) in self.rules.iter().zip(&mut used.rules) {
            if rule.what.fits(facts, &facts.within(&rule.folder)) {
                *used = true;
                take(rule.what.acceptance());
            }
        }
        for (ignored, used) in self.ignored.iter().zip(&mut used.ignored) {
            if let Some(pattern) = ignored.what.fitting(&facts.within(&ignored.folder)) {
                used.extend(ignored.what.number(pattern));
                take(ignored.what.acceptance(pattern));
            }
        }
        if let Some(baseline) = &self.baseline
            && let Some(line) = baseline.what.line(&reported.fingerprint)
        {
            used.baseline.push(reported.fingerprint.clone());
            take(line.acceptance(&baseline.what.file));
        }
        first
    }

    fn notices(&self, used: &Used, now: i64, roots: &Roots, unused: Unused) -> Vec<Notice> {
        let mut notices = Vec::new();
        let tells = |named: bool, folder: &Path| unused == Unused::Told && (named || roots.hold(folder));
        let mut add = |acceptance: Acceptance, used: bool, told: bool| {
            let expired = acceptance.expires.is_some_and(|expires| expires <= now);
            let state = match (expired, used) {
                (true, _) => NoticeState::Expired,
                (false, false) if told => NoticeState::Unused,
                _ => return,
            };
            notices.push(Notice { acceptance, state });
        };
        for (rule, used) in self.rules.iter().zip(&used.rules) {
            add(rule.what.acceptance(), *used, tells(rule.named, &rule.folder));
        }
        for (ignored, used) in self.ignored.iter().zip(&used.ignored) {
            for (number, pattern) in ignored.what.patterns.iter().enumerate() {
                let told = tells(ignored.named, &ignored.folder) && !pattern.takes_back;
                add(ignored.what.acceptance(pattern), used.contains(&number), told);
            }
        }
        if let Some(baseline) = &self.baseline {
            let seen: std::collections::HashSet<&String> = used.baseline.iter().collect();
            let told = tells(baseline.named, &baseline.folder);
            for (fingerprint, line) in &baseline.what.lines {
                let by = format!("{} ({fingerprint} at {})", baseline.what.file, line.place);
                let acceptance = Acceptance { by, ..line.acceptance(&baseline.what.file) };
                add(acceptance, seen.contains(fingerprint), told);
            }
        }
        notices
    }
}

/// Which acceptances have matched something.
struct Used {
    rules: Vec<bool>,
    ignored: Vec<Vec<usize>>,
    baseline: Vec<String>,
}

impl Used {
    fn new(acceptances: &Acceptances) -> Self {
        Self {
            rules: vec![false; acceptances.rules.len()],
            ignored: vec![Vec::new(); acceptances.ignored.len()],
            baseline: Vec::new(),
        }
    }
}

/// What acceptances ask about a finding.
pub(crate) struct Facts<'r> {
    pub(crate) signature: &'static str,
    pub(crate) fingerprint: &'r str,
    /// Of its secret, if that has one.
    pub(crate) secret: Option<&'r str>,
    shown: String,
    entries: String,
    place: Option<(PathBuf, String)>,
}

impl<'r> Facts<'r> {
    fn of(reported: &'r Reported, report: &'r Report, roots: &Roots) -> Self {
        let provenance = &reported.finding.location.provenance;
        let identity = report.secrets.get(reported.secret).map(|credential| &credential.identity);
        Self {
            signature: reported.finding.signature.id,
            fingerprint: &reported.fingerprint,
            secret: match identity {
                Some(Identity::Fingerprint(fingerprint)) => Some(fingerprint),
                _ => None,
            },
            shown: provenance.path.to_string(),
            entries: entries(&reported.finding),
            place: roots.place(&provenance.path),
        }
    }

    /// Its path from a folder on, or else within its root; then the same with the way into archives.
    fn within(&self, folder: &Path) -> Paths {
        let file = match &self.place {
            Some((whole, within)) => {
                whole.strip_prefix(folder).map_or_else(|_| within.clone(), source::shown)
            }
            None => self.shown.clone(),
        };
        // The folder itself is named by what it is called.
        let file =
            if file.is_empty() { last_name(&self.shown).to_owned() } else { relative(&file).to_owned() };
        let inner = (!self.entries.is_empty()).then(|| format!("{file}{}", self.entries));
        Paths { file, inner }
    }
}

/// A path without what says that it begins here, or at the root of everything.
fn relative(path: &str) -> &str {
    let mut rest = path.trim_start_matches('/');
    while let Some(shorter) = rest.strip_prefix("./") {
        rest = shorter.trim_start_matches('/');
    }
    rest
}

fn entries(finding: &Finding) -> String {
    finding
        .location
        .provenance
        .entries
        .iter()
        .map(|entry| format!("!/{}", entry.trim_start_matches('/')))
        .collect()
}

/// A finding's path, without and with the way into archives.
pub(crate) struct Paths {
    pub(crate) file: String,
    pub(crate) inner: Option<String>,
}

fn folder_of(path: &Path) -> PathBuf {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    folder.canonicalize().unwrap_or_else(|_| folder.to_owned())
}

/// A file as a user in the current folder would name it.
fn shown(path: &Path) -> String {
    let here = std::env::current_dir().and_then(|here| here.canonicalize()).ok();
    let near = here.and_then(|here| path.strip_prefix(here).ok());
    source::shown(near.unwrap_or(path))
}

/// The text of a file that is not larger than `limit`.
fn text(path: &Path, limit: u64) -> Result<String, Error> {
    let read = || -> io::Result<String> {
        let mut text = String::new();
        File::open(path)?.take(limit + 1).read_to_string(&mut text)?;
        if text.len() as u64 > limit {
            return Err(io::Error::other(format!("it has more than {limit} bytes")));
        }
        Ok(text)
    };
    read().map_err(|source| Error::Unreadable { file: shown(path), source })
}

/// The first second at which a date is over, since 1970-01-01 UTC; `None` if there is no such day.
fn day_ends(date: &str) -> Option<i64> {
    let parts: Vec<&str> = date.split('-').collect();
    let [year, month, day] = parts.as_slice() else { return None };
    if year.len() != 4 || month.len() != 2 || day.len() != 2 {
        return None;
    }
    let month = time::Month::try_from(month.parse::<u8>().ok()?).ok()?;
    let date = time::Date::from_calendar_date(year.parse().ok()?, month, day.parse().ok()?).ok()?;
    Some(date.midnight().assume_utc().unix_timestamp() + 86_400)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_ends_at_midnight() {
        // By `date -u -d 2026-11-24 +%s`.
        assert_eq!(day_ends("2026-11-23"), Some(1_795_478_400));
        for bad in ["2026-02-30", "2026-1-1", "23.11.2026", "", "2026-11-23T00:00:00Z"] {
            assert_eq!(day_ends(bad), None, "{bad}");
        }
    }

    #[test]
    fn places_lie_below_the_longest_root() {
        let root = |shown: &str, place: &str| (shown.to_owned(), PathBuf::from(place));
        let roots =
            Roots(vec![root("drive", "/d"), root("drive/a", "/elsewhere"), root("x.zip", "/z/x.zip")]);
        let place = |shown: &str| roots.place(shown).map(|(whole, within)| (source::shown(&whole), within));
        assert_eq!(place("drive/b/c.json"), Some(("/d/b/c.json".into(), "b/c.json".into())));
        assert_eq!(place("drive/a/c.json"), Some(("/elsewhere/c.json".into(), "c.json".into())));
        assert_eq!(place("x.zip"), Some(("/z/x.zip".into(), "x.zip".into())));
        assert_eq!(place("drive2/c.json"), None);
        let here = Roots(vec![root(".", "/d")]);
        assert_eq!(here.place(".env").map(|(_, within)| within), Some(".env".into()));
    }
}
