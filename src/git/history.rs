//! What was ever committed: every object once, scanned, and for each finding the first commit that had it.
//!
//! All objects that git has are read, those of commits that no branch holds any more included. Paths, commits and authors
//! are looked up only for what was found. What no commit holds was never committed (a file that was staged, no more) and is
//! counted only. A credential that stands in many versions of a file is one finding, that of the first version.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::ops::ControlFlow;
use std::process::{Child, ChildStdout, Stdio};
use std::sync::Arc;

use super::firsts::{self, Firsts};
use super::id::{Id, Kind};
use super::objects::{Head, Objects};
use super::packs::{Everything, Left};
use super::{Error, Repository, refused};
use crate::blob::Provenance;
use crate::budget::{Gap, Reason};
use crate::container::Outcome;
use crate::engine::{Given, Session};
use crate::finding::Finding;
use crate::report::Commit;
use crate::source::Memory;

/// What an object is held whole up to, in bytes.
const LARGEST: u64 = 8 << 20;

/// How many bytes are scanned together.
const TOGETHER: usize = 4 << 20;

/// How many names of files and folders are known to have been looked at.
const NAMES: usize = 1 << 20;

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
    let mut reading = Reading {
        session,
        firsts: Firsts::default(),
        outcome: Outcome::default(),
        batch: Vec::new(),
        held: 0,
        missing: 0,
        late: None,
        names: HashSet::new(),
    };
    let read = match range {
        None => all(repository, &mut reading),
        Some(range) => in_range(repository, range, &mut reading),
    };
    // Whoever ends the run by the keyboard ends git as well.
    if reading.session.late().is_none() {
        read?;
    }
    let (mut outcome, firsts) = reading.finish()?;
    let found = outcome.findings.iter().map(object);
    let missed = outcome.coverage.gaps.iter().map(|gap| &*gap.provenance.path);
    let wanted: HashSet<Id> = found.chain(missed).filter_map(|id| Id::from_hex(id.as_bytes())).collect();
    let origins = origins(repository, wanted, range, &firsts)?;
    let mut history = attributed(std::mem::take(&mut outcome.findings), &origins);
    outcome.coverage.gaps.retain_mut(|gap| named(gap, &origins));
    outcome.coverage.gaps.extend(cut_off(repository));
    history.outcome.coverage = outcome.coverage;
    Ok(history)
}

/// All objects: those that can be read here, and the others by git.
fn all(repository: &Repository, reading: &mut Reading) -> Result<(), Error> {
    let everything = match Everything::of(repository) {
        Ok(everything) => everything,
        Err(left) => {
            repository.ask(&["rev-parse", "--git-dir"])?;
            if let Left::Odd(name) = left {
                reading.gap(
                    Reason::Corrupt,
                    format!("{name} is damaged, so objects of its pack may have been passed over"),
                );
            }
            return reading.git(Objects::all(repository)?);
        }
    };
    let left = everything.each(&mut |id, kind, bytes| reading.take(id, kind, bytes.clone()))?;
    if left.is_empty() {
        return Ok(());
    }
    let mut objects = Objects::asked(repository)?;
    for id in left {
        objects.ask(&id.to_string())?;
        let head = objects.next()?.ok_or(Error::Broken("cat-file"))?;
        if reading.one(head, &mut objects)?.is_break() {
            break;
        }
    }
    Ok(())
}

/// The objects that the commits of a range have brought.
fn in_range(repository: &Repository, range: &str, reading: &mut Reading) -> Result<(), Error> {
    // A range that git does not understand is told before anything is read.
    repository.ask(&["rev-list", "--max-count=1", "--end-of-options", range, "--"]).map_err(|error| {
        match error {
            Error::Refused { said, .. } if said.starts_with("bad revision") => {
                let said = format!("{said}; a range is what `git log` takes, such as main..HEAD");
                Error::Refused { what: "--history".to_owned(), said }
            }
            error => error,
        }
    })?;
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
    let read = reading.git(Objects::named_by(repository, names.into())?);
    let content = list.wait().map_err(|_| Error::Broken("rev-list"))?.success();
    if content { read } else { Err(Error::Broken("rev-list")) }
}

/// Objects being scanned as they come.
struct Reading<'r, 's> {
    session: &'r mut Session<'s>,
    firsts: Firsts,
    outcome: Outcome,
    batch: Vec<Given>,
    held: usize,
    missing: u64,
    /// Why nothing more is read.
    late: Option<Reason>,
    /// Names of files and folders that were looked at.
    names: HashSet<Box<[u8]>>,
}

impl Reading<'_, '_> {
    /// All that git gives.
    fn git(&mut self, mut objects: Objects) -> Result<(), Error> {
        while let Some(head) = objects.next()? {
            if self.one(head, &mut objects)?.is_break() {
                return Ok(());
            }
        }
        if !objects.finish()? {
            self.gap(Reason::Corrupt, "git stopped at an object that it could not read".to_owned());
        }
        Ok(())
    }

    /// What git says of one object.
    fn one(&mut self, head: Head, objects: &mut Objects) -> Result<ControlFlow<()>, Error> {
        let Head::Object { id, kind, size } = head else {
            self.missing += 1;
            return Ok(ControlFlow::Continue(()));
        };
        let (Some(name), Some(kind)) = (Id::from_hex(id.as_bytes()), Kind::from_name(&kind)) else {
            return Err(Error::Broken("cat-file"));
        };
        if size > LARGEST {
            if kind != Kind::Blob {
                self.firsts.lacks();
            }
            let outcome = objects.stream(size, |bytes| self.session.stream(&id, bytes))?;
            self.outcome.add(outcome);
            return Ok(ControlFlow::Continue(()));
        }
        self.take(name, kind, Arc::new(Memory(objects.bytes(size)?)))
    }

    /// Takes in an object; whether more are wanted.
    fn take(&mut self, id: Id, kind: Kind, bytes: Arc<Memory>) -> Result<ControlFlow<()>, Error> {
        self.firsts.note(id, kind, &bytes.0);
        let bytes = if kind == Kind::Tree { Arc::new(Memory(self.new_names(id, &bytes.0))) } else { bytes };
        self.held += bytes.0.len();
        self.batch.push(Given { name: id.to_string(), bytes, named: false, package: None });
        if self.held > TOGETHER {
            self.scan()?;
        }
        Ok(if self.late.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    /// The names in a tree that no tree before had, a line each: every version of a folder has most of them again.
    fn new_names(&mut self, id: Id, tree: &[u8]) -> Vec<u8> {
        let mut lines = Vec::new();
        for entry in firsts::entries(tree, id.bytes().len()) {
            if self.names.contains(entry.name) {
                continue;
            }
            if self.names.len() < NAMES {
                self.names.insert(entry.name.into());
            }
            lines.extend(entry.name);
            lines.push(b'\n');
        }
        lines
    }

    fn scan(&mut self) -> Result<(), Error> {
        let mut outcome = self.session.scan(&std::mem::take(&mut self.batch))?;
        self.late = self.late.or(self.session.late());
        if let Some(reason) = self.late {
            // One gap says it of all objects, whose names say nothing to anybody.
            outcome.coverage.gaps.retain(|gap| gap.reason != reason);
        }
        self.outcome.add(outcome);
        self.held = 0;
        Ok(())
    }

    fn gap(&mut self, reason: Reason, detail: String) {
        self.outcome.coverage.gaps.push(Gap::new(&Provenance::file(".git"), reason, detail));
    }

    fn finish(mut self) -> Result<(Outcome, Firsts), Error> {
        self.scan()?;
        if self.missing > 0 {
            self.gap(
                Reason::Unreadable,
                format!("objects that are not in this repository: {}", self.missing),
            );
        }
        if let Some(reason) = self.late {
            self.gap(reason, "the history was not read to its end".to_owned());
            self.firsts.cut = true;
        }
        Ok((self.outcome, self.firsts))
    }
}

/// The object that a finding was found in: it was scanned under its name.
fn object(finding: &Finding) -> &str {
    &finding.location.provenance.path
}

/// A commit out of its text.
fn commit(id: &str, text: &[u8]) -> Option<Commit> {
    let author = text.split(|byte| *byte == b'\n').take_while(|line| !line.is_empty());
    let author = author.into_iter().find_map(|line| line.strip_prefix(b"author "))?;
    authored(id, &String::from_utf8_lossy(author))
}

/// A commit out of the line of its author: `Jane <jane@example.org> 1700000000 +0100`.
fn authored(id: &str, author: &str) -> Option<Commit> {
    let (author, time) = author.rsplit_once("> ")?;
    let (seconds, zone) = time.split_once(' ')?;
    let zone: i32 = zone.parse().ok()?;
    let (hours, minutes) = (i8::try_from(zone / 100).ok()?, i8::try_from(zone % 100).ok()?);
    let zone = time::UtcOffset::from_hms(hours, minutes, 0).ok()?;
    let date = time::OffsetDateTime::from_unix_timestamp(seconds.parse().ok()?).ok()?;
    let date = date.checked_to_offset(zone)?.format(&time::format_description::well_known::Rfc3339).ok()?;
    Some(Commit { id: id.to_owned(), author: format!("{author}>"), date })
}

/// Where an object came from first, or what it is if it is no blob.
struct Origin {
    /// How many commits came before.
    order: usize,
    path: String,
    commit: Option<Commit>,
}

/// Looks for the first commits of blobs, and for what else is wanted.
fn origins(
    repository: &Repository,
    mut wanted: HashSet<Id>,
    range: Option<&str>,
    firsts: &Firsts,
) -> Result<HashMap<String, Origin>, Error> {
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let mut objects = Objects::asked(repository)?;
    let mut commits: HashMap<Id, Option<Commit>> = HashMap::new();
    let mut origins = HashMap::new();
    for (id, first) in firsts.find(&mut wanted) {
        let commit = match commits.get(&first.commit) {
            Some(known) => known.clone(),
            None => {
                let commit = described(&mut objects, first.commit)?.and_then(|(_, commit)| commit);
                commits.entry(first.commit).or_insert(commit).clone()
            }
        };
        origins.insert(id.to_string(), Origin { order: first.order, path: first.path, commit });
    }
    if firsts.lacking && !firsts.cut && !wanted.is_empty() {
        origins.extend(told(repository, &wanted, range, firsts)?);
    }
    for id in wanted {
        let name = id.to_string();
        // Of a blob whose commit was not read nobody can say that it was never committed.
        if !origins.contains_key(&name)
            && let Some((kind, commit)) = described(&mut objects, id)?
            && (kind != Kind::Blob || firsts.cut)
        {
            let path = format!("({} {name})", kind.name());
            origins.insert(name, Origin { order: usize::MAX, path, commit });
        }
    }
    Ok(origins)
}

/// The kind of an object, and who made it if it is a commit.
fn described(objects: &mut Objects, id: Id) -> Result<Option<(Kind, Option<Commit>)>, Error> {
    objects.ask(&id.to_string())?;
    let Some(Head::Object { kind, size, .. }) = objects.next()? else { return Ok(None) };
    let mut head = Vec::new();
    objects
        .stream(size, |bytes| bytes.take(LARGEST).read_to_end(&mut head))?
        .map_err(|_| Error::Broken("cat-file"))?;
    let kind = Kind::from_name(&kind);
    let author = || commit(&id.to_string(), &head);
    Ok(kind.map(|kind| (kind, (kind == Kind::Commit).then(author).flatten())))
}

/// What git tells of where blobs came from, where there was too much to be kept. Commits of which a parent is gone cannot be
/// walked from; then only those are that a branch or tag holds.
fn told(
    repository: &Repository,
    wanted: &HashSet<Id>,
    range: Option<&str>,
    firsts: &Firsts,
) -> Result<HashMap<String, Origin>, Error> {
    let names: Vec<String> = wanted.iter().map(Id::to_string).collect();
    let wanted: HashSet<&str> = names.iter().map(String::as_str).collect();
    if let Some(range) = range {
        return walk(repository, &wanted, &["--end-of-options", range, "--"], "");
    }
    let ends: String = firsts.ends().map(|id| format!("{id}\n")).collect();
    walk(repository, &wanted, &["--stdin"], &ends).or_else(|_| walk(repository, &wanted, &["--all"], ""))
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
                let origin = || Origin { order, path, commit: Some(commit.clone()) };
                origins.entry(id.to_owned()).or_insert_with(origin);
            }
        }
    }
    Ok(origins)
}

/// Findings with their commits, in the order of these.
fn attributed(findings: Vec<Finding>, origins: &HashMap<String, Origin>) -> History {
    let mut history = History::default();
    let mut placed = Vec::new();
    for finding in findings {
        match origins.get(object(&finding)) {
            Some(Origin { order, path, commit }) => {
                placed.push((*order, moved(finding, path), commit.clone()))
            }
            None => history.uncommitted += 1,
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
        let text = b"tree x\nauthor Jane Doe <jane@example.org> 1795435200 +0130\ncommitter Joe <a@b> 1 +0000\n\nauthor x";
        let commit = commit("ab", text).expect("a commit");
        assert_eq!(commit.author, "Jane Doe <jane@example.org>");
        assert_eq!(commit.date, "2026-11-23T13:30:00+01:30");
        for line in ["no one", "A <b> x +0000", "A <b> 1", "A <b> 1 +99999", "A <b> 99999999999999 +0000"] {
            assert!(authored("ab", line).is_none(), "{line}");
        }
    }
}
