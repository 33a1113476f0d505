//! What is staged: which blobs the next commit would add or change, scanned, and of what is found that which the last
//! commit does not have in the same file.
//!
//! Lines of a difference mean nothing in a JSON file of one line. So the blob as it was is scanned in the same way, with
//! all its layers and members, and a secret that stood there is not new.

use std::collections::HashSet;
use std::io::Read;
use std::sync::Arc;

use super::beside::{Folders, Version};
use super::store::{Got, Store};
use super::{Error, Repository, refused};
use crate::blob::Provenance;
use crate::budget::{Gap, Reason};
use crate::container::Outcome;
use crate::engine::{Given, Session};
use crate::finding::{Finding, Secret};
use crate::source::Memory;

/// The longest lists of added and removed files that are compared by content to tell renames; each pair costs time.
const RENAMES: &str = "-l200";

/// How many changes are looked at before what is old is taken out of them.
const TOGETHER: usize = 128;

/// What a blob is held whole up to, in bytes, and how many are held together.
const HELD: u64 = 32 << 20;

/// What a commit would add or change.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Change {
    path: String,
    /// The object that is staged.
    new: String,
    /// The object in the last commit, of this path or of that which it was renamed from.
    old: Option<String>,
}

/// The repository, with what is open of it.
struct Open<'r> {
    store: Store<'r>,
    staged: Folders<'r>,
    committed: Folders<'r>,
}

/// Scans what is staged.
///
/// # Errors
/// If git cannot be run or refuses. What cannot be read is a gap.
pub fn scan(repository: &Repository, session: &mut Session) -> Result<Outcome, Error> {
    let (changes, mut outcome) = changes(repository)?;
    if changes.is_empty() {
        return Ok(outcome);
    }
    let open = &mut Open {
        store: Store::of(repository),
        staged: Folders::of(repository, Version::Staged),
        committed: Folders::of(repository, Version::Committed),
    };
    for changes in changes.chunks(TOGETHER) {
        outcome.add(group(changes, open, session)?);
    }
    Ok(outcome)
}

/// Scans some of the changes.
fn group(changes: &[Change], open: &mut Open, session: &mut Session) -> Result<Outcome, Error> {
    let mut outcome = Outcome::default();
    let mut batch = Vec::new();
    let mut held = 0;
    for change in changes {
        let mut large = |bytes: &mut dyn Read| {
            let before = session.scan(&std::mem::take(&mut batch))?;
            Ok::<_, Error>(before.then(session.stream(&change.path, bytes)))
        };
        match open.store.get(&change.new, HELD, &mut large)? {
            Got::Missing => {
                let provenance = Provenance::file(change.path.as_str());
                let detail = "the staged object is not in this repository";
                outcome.coverage.gaps.push(Gap::new(&provenance, Reason::Unreadable, detail));
            }
            Got::Streamed(seen) => outcome.add(seen?),
            Got::Bytes(bytes) => {
                held += bytes.len() as u64;
                batch.push(given(change, bytes, &mut open.staged));
            }
        }
        if held > HELD {
            outcome.add(session.scan(&std::mem::take(&mut batch))?);
            held = 0;
        }
    }
    outcome.add(session.scan(&batch)?);
    without_old(changes, outcome, open, session)
}

/// A blob for the scan. The files beside it tell the name of its flow.
fn given(change: &Change, bytes: Vec<u8>, folders: &mut Folders) -> Given {
    let package = Some(folders.around(&change.path));
    Given { name: change.path.clone(), bytes: Arc::new(Memory(bytes)), named: true, package }
}

/// Takes out what stood in the last commit already.
fn without_old(
    changes: &[Change],
    mut outcome: Outcome,
    open: &mut Open,
    session: &mut Session,
) -> Result<Outcome, Error> {
    let found: HashSet<&str> = outcome.findings.iter().map(path).collect();
    let suspects: Vec<&Change> =
        changes.iter().filter(|change| found.contains(change.path.as_str())).collect();
    for change in suspects {
        for name in before(change, open.store.is_merging()) {
            match old(&name, change, open, session)? {
                Some(known) => {
                    outcome.findings.retain(|finding| path(finding) != change.path || !known.has(finding));
                }
                None if change.old.as_ref() == Some(&name) => {
                    let provenance = Provenance::file(change.path.as_str());
                    let detail = "the file as it was is not in this partial clone, so all that stands in it counts as new";
                    outcome.coverage.gaps.push(Gap::new(&provenance, Reason::Unreadable, detail));
                }
                None => {}
            }
        }
    }
    Ok(outcome)
}

/// What the file was before, as git names it: in the last commit, and in the one that is being merged.
fn before(change: &Change, merging: bool) -> Vec<String> {
    let merged = (merging && !change.path.contains('\n')).then(|| format!("MERGE_HEAD:{}", change.path));
    change.old.iter().cloned().chain(merged).collect()
}

/// Scans a file as it was; `None` if there was none.
fn old(name: &str, change: &Change, open: &mut Open, session: &mut Session) -> Result<Option<Known>, Error> {
    let outcome = match open.store.get(name, HELD, |bytes| session.stream(&change.path, bytes))? {
        Got::Missing => return Ok(None),
        Got::Streamed(outcome) => outcome,
        Got::Bytes(bytes) => session.scan(&[given(change, bytes, &mut open.committed)])?,
    };
    Ok(Some(Known::of(&outcome.findings)))
}

/// The secrets of a file as it was.
struct Known(HashSet<Secret>);

impl Known {
    fn of(findings: &[Finding]) -> Self {
        Self(findings.iter().filter(|it| !it.secret.is_empty()).map(|it| it.secret.clone()).collect())
    }

    fn has(&self, finding: &Finding) -> bool {
        self.0.contains(&finding.secret)
    }
}

fn path(finding: &Finding) -> &str {
    &finding.location.provenance.path
}

/// What the next commit would add or change, and what of it is left to others.
fn changes(repository: &Repository) -> Result<(Vec<Change>, Outcome), Error> {
    let listed = |rename: &[&str], tree: &str| {
        let fixed = ["diff-index", "--cached", "--raw", "-z", "--no-abbrev"];
        let arguments: Vec<&str> = fixed.iter().chain(rename).copied().chain([tree, "--"]).collect();
        repository.try_to(&arguments)
    };
    let mut output = listed(&["-M", RENAMES], "HEAD")?;
    if !output.status.success() {
        // Before the first commit there is no HEAD, and everything is new.
        let tree = match repository.line(&["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]) {
            Some(head) => head,
            // The name of the empty tree depends on the format of objects; nothing is written.
            None => repository.line(&["hash-object", "-t", "tree", "--stdin"]).unwrap_or_default(),
        };
        // In a partial clone there may not be the contents that tell renames.
        output = listed(&["--no-renames"], &tree)?;
    }
    if !output.status.success() {
        return Err(refused("diff-index", &output.stderr));
    }
    parse(&output.stdout).ok_or(Error::Broken("diff-index"))
}

/// Reads `git diff-index --raw -z` ("Raw output format" in git-diff-index(1)).
fn parse(output: &[u8]) -> Option<(Vec<Change>, Outcome)> {
    let mut changes = Vec::new();
    let mut outcome = Outcome::default();
    let mut fields = output.split(|byte| *byte == 0).map(|field| String::from_utf8_lossy(field).into_owned());
    while let Some(head) = fields.next().filter(|head| !head.is_empty()) {
        let words: Vec<&str> = head.strip_prefix(':')?.split(' ').collect();
        let [_, mode, old, new, status] = words.as_slice() else { return None };
        let mut path = fields.next()?;
        if status.starts_with(['R', 'C']) {
            path = fields.next().filter(|path| !path.is_empty())?;
        }
        match status.chars().next()? {
            'D' => {}
            'U' => {
                let provenance = Provenance::file(path);
                outcome.coverage.gaps.push(Gap::new(
                    &provenance,
                    Reason::Unreadable,
                    "not merged yet, so nothing of it is staged",
                ));
            }
            // Another repository, whose own hook looks at it.
            _ if *mode == "160000" => outcome.coverage.links += 1,
            // A file that was only moved, or made executable.
            _ if old == new => {}
            _ => {
                let old = (!old.bytes().all(|digit| digit == b'0')).then(|| (*old).to_owned());
                changes.push(Change { path, new: (*new).to_owned(), old });
            }
        }
    }
    Some((changes, outcome))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `git diff-index --cached --raw -z -M --no-abbrev` writes it, with short names.
    #[test]
    fn changes_are_read() {
        let output = b":000000 100644 000 1a A\0new\nline.json\0:100644 100644 1b 2b M\0a.json\0:100644 000000 1c 000 D\0gone\0\
            :100644 100644 1d 2d R090\0from\0to\0:100644 100644 1e 1e R100\0x\0y\0:000000 160000 000 1f A\0sub\0\
            :100644 000000 1a 000 U\0both\0";
        let (changes, outcome) = parse(output).expect("understood");
        let change = |path: &str, new: &str, old: Option<&str>| Change {
            path: path.into(),
            new: new.into(),
            old: old.map(str::to_owned),
        };
        let expected = [
            change("new\nline.json", "1a", None),
            change("a.json", "2b", Some("1b")),
            change("to", "2d", Some("1d")),
        ];
        assert_eq!(changes, expected);
        assert_eq!((outcome.coverage.links, outcome.coverage.gaps.len()), (1, 1));
    }

    #[test]
    fn what_git_does_not_say_is_refused() {
        for bad in [&b"100644"[..], b":100644 100644 a b\0x\0", b":1 2 3 4 R\0x\0"] {
            assert!(parse(bad).is_none(), "{}", String::from_utf8_lossy(bad));
        }
    }
}
