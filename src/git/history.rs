//! What was ever committed: every object once, scanned, and for each finding the first commit that had it.
//!
//! All objects that git has are read, those of commits that no branch holds any more included. Paths, commits and authors
//! are looked up only for what was found: the commits that nobody has as a parent are the ends from which the whole
//! history is walked. What no commit holds was never committed (a file that was staged, no more) and is counted only.
//! A credential that stands in many versions of a file is one finding, that of the first version.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdout, Stdio};
use std::sync::Arc;

use super::objects::{Head, Objects};
use super::{Error, Repository, refused};
use crate::blob::Provenance;
use crate::budget::{Gap, Reason};
use crate::container::Outcome;
use crate::engine::{Given, Session};
use crate::finding::Finding;
use crate::report::Commit;

/// What an object is held whole up to, in bytes, and how many bytes are scanned together.
const HELD: u64 = 8 << 20;

/// How many objects git is asked for by name; beyond that it tells all changes of the history.
const NAMED: usize = 500;

/// What a record of a commit begins with, which no path and no name of an author has in this place.
const RECORD: &str = "\u{1}commit ";

/// The history of a repository, scanned.
#[derive(Debug, Default)]
pub struct History {
    /// What was found, in the order of the commits; the paths are those that the first commits gave them.
    pub outcome: Outcome,
    /// The first commit of each finding.
    pub commits: Vec<Option<Commit>>,
    /// Findings in objects that no commit holds, which were left out.
    pub uncommitted: usize,
}

/// Scans the history: of all objects, or of those that the commits of a range have brought.
///
/// # Errors
/// If git cannot be run or refuses. What cannot be read is a gap.
pub fn scan(repository: &Repository, range: Option<&str>, session: &mut Session) -> Result<History, Error> {
    let mut seen = Seen::default();
    let mut outcome = match range {
        None => read(Objects::all(repository)?, session, &mut seen)?,
        Some(range) => in_range(repository, range, session, &mut seen)?,
    };
    let found = outcome.findings.iter().map(object);
    let missed = outcome.coverage.gaps.iter().map(|gap| &*gap.provenance.path);
    let wanted: HashSet<&str> = found.chain(missed).filter(|id| !seen.known.contains_key(*id)).collect();
    let origins = origins(repository, &wanted, range, &seen)?;
    let mut history = attributed(std::mem::take(&mut outcome.findings), &origins, &seen);
    outcome.coverage.gaps.retain_mut(|gap| named(gap, &origins));
    outcome.coverage.gaps.extend(cut_off(repository));
    history.outcome.coverage = outcome.coverage;
    Ok(history)
}

/// The objects that the commits of a range have brought.
fn in_range(
    repository: &Repository,
    range: &str,
    session: &mut Session,
    seen: &mut Seen,
) -> Result<Outcome, Error> {
    // A range that git does not understand is told before anything is read.
    repository.ask(&["rev-list", "--max-count=1", "--end-of-options", range, "--"])?;
    let listed = [
        "rev-list",
        "--objects",
        "--no-object-names",
        "--missing=allow-any",
        "--end-of-options",
        range,
        "--",
    ];
    let mut list = repository.command().args(listed).stderr(Stdio::null()).spawn().map_err(Error::NoGit)?;
    let names = list.stdout.take().ok_or(Error::Broken("rev-list"))?;
    let outcome = read(Objects::named_by(repository, names.into())?, session, seen);
    let content = list.wait().map_err(|_| Error::Broken("rev-list"))?.success();
    if content { outcome } else { Err(Error::Broken("rev-list")) }
}

/// What is known of the objects after they were read.
#[derive(Default)]
struct Seen {
    /// The commits that were read, and those that they have as parents.
    commits: HashSet<Box<str>>,
    parents: HashSet<Box<str>>,
    /// Of the batch that is being read: what is no blob, with its author if it is a commit.
    batch: HashMap<String, (String, Option<Commit>)>,
    /// The same of objects that hold a finding.
    known: HashMap<String, (String, Option<Commit>)>,
}

impl Seen {
    fn note(&mut self, id: &str, kind: &str, bytes: &[u8]) {
        if kind == "blob" {
            return;
        }
        let mut author = None;
        if kind == "commit" {
            self.commits.insert(id.into());
            let head = String::from_utf8_lossy(bytes.get(..bytes.len().min(4096)).unwrap_or_default());
            for line in head.lines().take_while(|line| !line.is_empty()) {
                if let Some(parent) = line.strip_prefix("parent ") {
                    self.parents.insert(parent.into());
                }
                author = author.or_else(|| commit(id, line.strip_prefix("author ")?));
            }
        }
        self.batch.insert(id.to_owned(), (kind.to_owned(), author));
    }

    /// Ends a batch in which these objects hold a finding.
    fn keep(&mut self, found: &HashSet<&str>) {
        let batch = std::mem::take(&mut self.batch);
        self.known.extend(batch.into_iter().filter(|(id, _)| found.contains(id.as_str())));
    }
}

/// A commit out of the line of its author: `Jane <jane@example.org> 1700000000 +0100`.
fn commit(id: &str, author: &str) -> Option<Commit> {
    let (author, time) = author.rsplit_once("> ")?;
    let seconds: i64 = time.split(' ').next()?.parse().ok()?;
    let date = time::OffsetDateTime::from_unix_timestamp(seconds).ok()?;
    let date = date.format(&time::format_description::well_known::Rfc3339).ok()?;
    Some(Commit { id: id.to_owned(), author: format!("{author}>"), date })
}

/// Reads and scans objects until there are no more.
fn read(mut objects: Objects, session: &mut Session, seen: &mut Seen) -> Result<Outcome, Error> {
    let mut outcome = Outcome::default();
    let mut batch = Vec::new();
    let (mut held, mut missing) = (0, 0u64);
    while let Some(head) = objects.next()? {
        match head {
            Head::Missing(_) => missing += 1,
            Head::Object { id, size, .. } if size > HELD => {
                outcome.add(objects.stream(size, |bytes| session.stream(&id, bytes))?);
            }
            Head::Object { id, kind, size } => {
                let bytes = objects.bytes(size)?;
                seen.note(&id, &kind, &bytes);
                batch.push(Given { name: id, bytes, named: false, folder: None });
                held += size;
            }
        }
        if held > HELD {
            add(session.scan(&std::mem::take(&mut batch))?, &mut outcome, seen);
            held = 0;
        }
    }
    add(session.scan(&batch)?, &mut outcome, seen);
    let mut gap = |reason, detail: String| {
        outcome.coverage.gaps.push(Gap::new(&Provenance::file(".git"), reason, detail));
    };
    if missing > 0 {
        gap(Reason::Unreadable, format!("objects that are not in this repository: {missing}"));
    }
    if !objects.finish()? {
        gap(Reason::Corrupt, "git stopped at an object that it could not read".to_owned());
    }
    Ok(outcome)
}

/// Adds what a batch gave.
fn add(batch: Outcome, outcome: &mut Outcome, seen: &mut Seen) {
    seen.keep(&batch.findings.iter().map(object).collect());
    outcome.add(batch);
}

/// The object that a finding was found in: it was scanned under its name.
fn object(finding: &Finding) -> &str {
    &finding.location.provenance.path
}

/// Where a blob came from first.
struct Origin {
    /// How many commits came before.
    order: usize,
    path: String,
    commit: Commit,
}

/// Looks for the first commits of blobs. Commits of which a parent is gone cannot be walked from; then only those are
/// that a branch or tag holds.
fn origins(
    repository: &Repository,
    wanted: &HashSet<&str>,
    range: Option<&str>,
    seen: &Seen,
) -> Result<HashMap<String, Origin>, Error> {
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let ends = match range {
        Some(range) => return walk(repository, wanted, &["--end-of-options", range, "--"], ""),
        None => seen.commits.difference(&seen.parents).map(|id| format!("{id}\n")).collect::<String>(),
    };
    walk(repository, wanted, &["--stdin"], &ends).or_else(|_| walk(repository, wanted, &["--all"], ""))
}

/// `git rev-list` from these ends, oldest first, with the changes of each commit by `git diff-tree`.
fn walk(
    repository: &Repository,
    wanted: &HashSet<&str>,
    from: &[&str],
    ends: &str,
) -> Result<HashMap<String, Origin>, Error> {
    let mut list = repository.command();
    list.args(["rev-list", "--reverse", "--date-order"]).args(from).stdin(Stdio::piped());
    let mut list = list.spawn().map_err(Error::NoGit)?;
    if let Some(mut input) = list.stdin.take() {
        input.write_all(ends.as_bytes()).map_err(|_| Error::Broken("rev-list"))?;
    }
    let commits = list.stdout.take().ok_or(Error::Broken("rev-list"))?;
    let mut changes = repository.command();
    changes.args([
        "diff-tree",
        "--stdin",
        "-r",
        "-m",
        "--root",
        "--raw",
        "-z",
        "--no-renames",
        "--no-abbrev",
    ]);
    changes.args(["--no-notes", &format!("--format={RECORD}%H%x00%an <%ae>%x00%aI")]);
    if wanted.len() <= NAMED {
        changes.args(wanted.iter().map(|id| format!("--find-object={id}")));
    }
    let mut changes = changes.stdin(commits).stderr(Stdio::null()).spawn().map_err(Error::NoGit)?;
    let output = changes.stdout.take().ok_or(Error::Broken("diff-tree"))?;
    let found = first_commits(output, wanted);
    ended(list, "rev-list").and(ended(changes, "diff-tree")).and(found)
}

/// Waits for the end of a child that has said all it had to.
fn ended(mut child: Child, what: &'static str) -> Result<(), Error> {
    let mut said = Vec::new();
    if let Some(mut stderr) = child.stderr.take() {
        let _ = (&mut stderr).take(4096).read_to_end(&mut said);
    }
    let status = child.wait().map_err(|_| Error::Broken(what))?;
    if status.success() { Ok(()) } else { Err(refused(what, &said)) }
}

/// Reads the commits with their changes, and takes of each blob that is wanted the first.
fn first_commits(output: ChildStdout, wanted: &HashSet<&str>) -> Result<HashMap<String, Origin>, Error> {
    let mut fields = BufReader::with_capacity(64 << 10, output).split(0);
    let mut next = || -> Result<Option<String>, Error> {
        let field = fields.next().transpose().map_err(|_| Error::Broken("diff-tree"))?;
        Ok(field.map(|field| String::from_utf8_lossy(&field).into_owned()))
    };
    let broken = || Error::Broken("diff-tree");
    let mut origins = HashMap::new();
    let (mut current, mut order) = (None, 0);
    while let Some(field) = next()? {
        let field = field.trim_start_matches('\n');
        if let Some(id) = field.strip_prefix(RECORD) {
            let (author, date) = (next()?.ok_or_else(broken)?, next()?.ok_or_else(broken)?);
            let date = date.trim_end().to_owned();
            current = Some(Commit { id: id.to_owned(), author, date });
            order += 1;
        } else if let Some(change) = field.strip_prefix(':') {
            let path = next()?.ok_or_else(broken)?;
            let id = change.split(' ').nth(3).ok_or_else(broken)?;
            if let Some(commit) = current.as_ref().filter(|_| wanted.contains(id)) {
                let origin = || Origin { order, path, commit: commit.clone() };
                origins.entry(id.to_owned()).or_insert_with(origin);
            }
        }
    }
    Ok(origins)
}

/// Findings with their commits, in the order of these.
fn attributed(findings: Vec<Finding>, origins: &HashMap<String, Origin>, seen: &Seen) -> History {
    let mut history = History::default();
    let mut placed = Vec::new();
    for finding in findings {
        let id = object(&finding);
        if let Some(origin) = origins.get(id) {
            let commit = origin.commit.clone();
            placed.push((origin.order, moved(finding, &origin.path), Some(commit)));
        } else if let Some((kind, commit)) = seen.known.get(id) {
            let name = format!("({kind} {id})");
            placed.push((usize::MAX, moved(finding, &name), commit.clone()));
        } else {
            history.uncommitted += 1;
        }
    }
    let key = |finding: &Finding| {
        let start = finding.location.bytes.as_ref().map(|bytes| bytes.start);
        (finding.location.provenance.clone(), start)
    };
    placed.sort_by_cached_key(|(order, finding, commit)| {
        (*order, commit.as_ref().map(|commit| commit.date.clone()), key(finding))
    });
    let mut known = HashSet::new();
    for (_, finding, commit) in placed {
        if finding.secret.is_empty() || known.insert(same(&finding)) {
            history.outcome.findings.push(finding);
            history.commits.push(commit);
        }
    }
    history
}

/// What two versions of a file have in common when they have the same finding. Names of files stand in every version of
/// their folder.
fn same(finding: &Finding) -> impl Eq + std::hash::Hash + use<> {
    let Provenance { path, entries } = finding.location.provenance.clone();
    let path = if path.starts_with("(tree ") { Arc::from("(tree)") } else { path };
    let step = finding.place.step.as_ref().and_then(|step| step.id.clone().or_else(|| step.name.clone()));
    let field = finding.place.field.clone().or_else(|| finding.name.clone());
    (finding.secret.clone(), finding.signature.id, path, entries, step, field)
}

/// A finding under the path that the object has in the repository.
fn moved(mut finding: Finding, path: &str) -> Finding {
    let path: Arc<str> = path.into();
    for location in std::iter::once(&mut finding.location).chain(&mut finding.also) {
        location.provenance.path = path.clone();
    }
    finding
}

/// Gives a gap the path of its object; whether it is one of something that was committed.
fn named(gap: &mut Gap, origins: &HashMap<String, Origin>) -> bool {
    if let Some(origin) = origins.get(&*gap.provenance.path) {
        gap.provenance.path = origin.path.as_str().into();
        return true;
    }
    &*gap.provenance.path == ".git"
}

/// What of the history is not here.
fn cut_off(repository: &Repository) -> Vec<Gap> {
    let gap = |detail: &str| Gap::new(&Provenance::file(".git"), Reason::Unreadable, detail);
    let mut gaps = Vec::new();
    if repository.line(&["rev-parse", "--is-shallow-repository"]).as_deref() == Some("true") {
        gaps.push(gap("a shallow clone: older commits are not here"));
    }
    if repository.line(&["config", "--get-regexp", r"^remote\..*\.promisor$"]).is_some() {
        gaps.push(gap("a partial clone: objects that were never fetched are not here"));
    }
    gaps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authors_are_read() {
        let commit = commit("ab", "Jane Doe <jane@example.org> 1795435200 +0100").expect("a commit");
        assert_eq!(commit.author, "Jane Doe <jane@example.org>");
        assert_eq!(commit.date, "2026-11-23T12:00:00Z");
        assert!(super::commit("ab", "no one").is_none());
    }
}
