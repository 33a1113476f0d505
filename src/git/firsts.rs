//! Trees and commits as they come by → for each blob the commit that brought it first, and its path there.
//!
//! Nothing but their bytes is kept, and only if they are few enough; looked through are they only if something was found.
//! Commits go from the oldest on, a parent before its children, so the first whose tree holds a blob has brought it; and a
//! tree that an older commit had has nothing new.

use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet};

use super::id::{Id, Kind};

/// The most that is kept of trees and commits, in bytes. Of a larger history git is asked.
const KEPT: usize = 256 << 20;

/// What was seen of a history.
#[derive(Default)]
pub(super) struct Firsts {
    trees: HashMap<Id, (usize, usize)>,
    bytes: Vec<u8>,
    commits: Vec<Commit>,
    /// Whether some were not kept.
    pub(super) lacking: bool,
    /// Whether the reading ended before the end.
    pub(super) cut: bool,
}

struct Commit {
    id: Id,
    tree: Id,
    parents: Vec<Id>,
    /// When it was committed, in seconds.
    time: i64,
}

/// Where a blob came from first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct First {
    /// How many commits came before.
    pub(super) order: usize,
    pub(super) path: String,
    pub(super) commit: Id,
}

impl Firsts {
    /// Keeps what matters of an object.
    pub(super) fn note(&mut self, id: Id, kind: Kind, bytes: &[u8]) {
        match kind {
            Kind::Tree if self.bytes.len() + bytes.len() <= KEPT => {
                self.trees.insert(id, (self.bytes.len(), bytes.len()));
                self.bytes.extend(bytes);
            }
            Kind::Tree => self.lacking = true,
            Kind::Commit => self.commits.extend(commit(id, bytes)),
            Kind::Blob | Kind::Tag => {}
        }
    }

    /// Something that was not looked at may be a tree or a commit.
    pub(super) fn lacks(&mut self) {
        self.lacking = true;
    }

    /// The commits that nobody has as a parent.
    pub(super) fn ends(&self) -> impl Iterator<Item = Id> {
        let parents: HashSet<Id> =
            self.commits.iter().flat_map(|commit| commit.parents.iter().copied()).collect();
        self.commits.iter().map(|commit| commit.id).filter(move |id| !parents.contains(id))
    }

    /// Looks for what is wanted, and takes it out of that.
    pub(super) fn find(&self, wanted: &mut HashSet<Id>) -> HashMap<Id, First> {
        let mut found = HashMap::new();
        let mut seen = HashSet::new();
        let hints = Hints::of(wanted);
        for (order, commit) in self.oldest_first().into_iter().enumerate() {
            if wanted.is_empty() {
                break;
            }
            self.look((order, commit), (wanted, &hints), &mut seen, &mut found);
        }
        found
    }

    /// Goes through what of a commit's tree no older commit had.
    fn look(
        &self,
        (order, commit): (usize, &Commit),
        (wanted, hints): (&mut HashSet<Id>, &Hints),
        seen: &mut HashSet<Id>,
        found: &mut HashMap<Id, First>,
    ) {
        let mut path: Vec<u8> = Vec::new();
        let mut open: Vec<(&[u8], usize)> =
            self.unseen(commit.tree, seen).map(|tree| (tree, 0)).into_iter().collect();
        while let Some((rest, length)) = open.last_mut() {
            path.truncate(*length);
            let Some(entry) = next(rest, commit.tree.bytes().len()) else {
                open.pop();
                continue;
            };
            path.extend(entry.name);
            if entry.is_folder() {
                if let Some(tree) = self.unseen(entry.id, seen) {
                    path.push(b'/');
                    open.push((tree, path.len()));
                }
            } else if !entry.is_link() && hints.has(&entry.id) && wanted.remove(&entry.id) {
                let path = String::from_utf8_lossy(&path).into_owned();
                found.insert(entry.id, First { order, path, commit: commit.id });
            }
        }
    }

    /// A tree that is looked at for the first time.
    fn unseen(&self, id: Id, seen: &mut HashSet<Id>) -> Option<&[u8]> {
        let (start, length) = *self.trees.get(&id).filter(|_| seen.insert(id))?;
        self.bytes.get(start..)?.get(..length)
    }

    /// The commits, parents first, else by their time, as `git rev-list --reverse --date-order` has them.
    fn oldest_first(&self) -> Vec<&Commit> {
        let known: BTreeMap<Id, usize> =
            self.commits.iter().zip(0..).map(|(commit, at)| (commit.id, at)).collect();
        let parents = |commit: &Commit| {
            commit.parents.iter().filter_map(|id| known.get(id).copied()).collect::<Vec<_>>()
        };
        let mut children = vec![0usize; self.commits.len()];
        for parent in self.commits.iter().flat_map(parents) {
            if let Some(count) = children.get_mut(parent) {
                *count += 1;
            }
        }
        let key = |at: usize| self.commits.get(at).map(|commit| (commit.time, commit.id, at));
        let free = |at: &usize| children.get(*at) == Some(&0);
        let mut ready: BinaryHeap<_> = (0..self.commits.len()).filter(free).filter_map(key).collect();
        let mut order = Vec::with_capacity(self.commits.len());
        while let Some((.., at)) = ready.pop() {
            let Some(commit) = self.commits.get(at) else { continue };
            order.push(commit);
            for parent in parents(commit) {
                if let Some(count) = children.get_mut(parent) {
                    *count -= 1;
                    ready.extend(key(parent).filter(|_| *count == 0));
                }
            }
        }
        order.reverse();
        order
    }
}

/// One bit for the first two bytes of each name that is wanted: what most others are told by.
struct Hints(Vec<u64>);

impl Hints {
    fn of(wanted: &HashSet<Id>) -> Self {
        let mut bits = vec![0; 1 << 10];
        for (word, bit) in wanted.iter().filter_map(Self::bit) {
            if let Some(bits) = bits.get_mut(word) {
                *bits |= bit;
            }
        }
        Self(bits)
    }

    fn bit(id: &Id) -> Option<(usize, u64)> {
        let first = u16::from_be_bytes(*id.bytes().first_chunk()?);
        Some((usize::from(first >> 6), 1 << (first & 63)))
    }

    fn has(&self, id: &Id) -> bool {
        Self::bit(id).is_some_and(|(word, bit)| self.0.get(word).is_some_and(|bits| bits & bit != 0))
    }
}

/// The head of a commit (<https://git-scm.com/docs/git-commit-tree>): lines up to an empty one.
fn commit(id: Id, bytes: &[u8]) -> Option<Commit> {
    let (mut tree, mut parents, mut time) = (None, Vec::new(), 0);
    for line in bytes.split(|byte| *byte == b'\n').take_while(|line| !line.is_empty()) {
        if let Some(id) = line.strip_prefix(b"tree ") {
            tree = tree.or_else(|| Id::from_hex(id));
        } else if let Some(id) = line.strip_prefix(b"parent ") {
            parents.extend(Id::from_hex(id));
        } else if let Some(who) = line.strip_prefix(b"committer ") {
            time = seconds(who).unwrap_or(0);
            break;
        }
    }
    Some(Commit { id, tree: tree?, parents, time })
}

/// The time in `Jane <jane@example.org> 1700000000 +0100`.
fn seconds(who: &[u8]) -> Option<i64> {
    let mut words = who.rsplit(|byte| *byte == b' ');
    let _zone = words.next()?;
    std::str::from_utf8(words.next()?).ok()?.parse().ok()
}

/// What stands in a tree.
pub(super) struct Entry<'t> {
    mode: &'t [u8],
    pub(super) name: &'t [u8],
    id: Id,
}

impl Entry<'_> {
    fn is_folder(&self) -> bool {
        matches!(self.mode, b"40000" | b"040000")
    }

    /// Whether it is a commit of another repository.
    fn is_link(&self) -> bool {
        self.mode == b"160000"
    }
}

/// The entries of a tree: a mode in octal digits, a space, a name, a zero byte, and an id of so many bytes. What is broken ends
/// it.
pub(super) fn entries(mut rest: &[u8], length: usize) -> impl Iterator<Item = Entry<'_>> {
    std::iter::from_fn(move || next(&mut rest, length))
}

fn next<'t>(rest: &mut &'t [u8], length: usize) -> Option<Entry<'t>> {
    let space = memchr::memchr(b' ', rest)?;
    let (mode, behind) = (rest.get(..space)?, rest.get(space + 1..)?);
    let end = memchr::memchr(0, behind)?;
    let (name, behind) = (behind.get(..end)?, behind.get(end + 1..)?);
    let (id, behind) = behind.split_at_checked(length)?;
    *rest = behind;
    Some(Entry { mode, name, id: Id::of(id)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u8) -> Id {
        Id::of(&[number; 20]).expect("a name")
    }

    fn tree(entries: &[(&str, &str, u8)]) -> Vec<u8> {
        let entry = |(mode, name, number): &(&str, &str, u8)| {
            [format!("{mode} {name}\0").into_bytes(), vec![*number; 20]].concat()
        };
        entries.iter().flat_map(entry).collect()
    }

    fn committed(tree: u8, parents: &[u8], time: i64) -> Vec<u8> {
        let parents: String = parents.iter().map(|number| format!("parent {}\n", id(*number))).collect();
        format!("tree {}\n{parents}author A <a@b> 1 +0000\ncommitter A <a@b> {time} +0000\n\nx", id(tree))
            .into_bytes()
    }

    fn firsts() -> Firsts {
        let mut firsts = Firsts::default();
        // The child's clock is wrong, and it comes first.
        firsts.note(id(102), Kind::Commit, &committed(12, &[101], 5));
        firsts.note(id(101), Kind::Commit, &committed(11, &[99], 9));
        firsts.note(id(103), Kind::Commit, &committed(13, &[101, 102], 20));
        firsts.note(id(11), Kind::Tree, &tree(&[("100644", "a", 1), ("40000", "d", 20), ("160000", "s", 3)]));
        firsts.note(
            id(12),
            Kind::Tree,
            &tree(&[("100644", "a", 2), ("100644", "b c", 1), ("40000", "d", 20)]),
        );
        firsts.note(id(13), Kind::Tree, &tree(&[("40000", "d", 21), ("40000", "gone", 22)]));
        firsts.note(id(20), Kind::Tree, &tree(&[("120000", "link", 4)]));
        firsts.note(id(21), Kind::Tree, &tree(&[("100755", "e", 5), ("40000", "again", 21)]));
        firsts
    }

    #[test]
    fn the_first_commit_with_a_blob_has_brought_it() {
        let firsts = firsts();
        let mut wanted: HashSet<Id> = (1..=9).map(id).collect();
        let found = firsts.find(&mut wanted);
        let first = |number: u8| found.get(&id(number)).map(|it| (it.order, it.path.as_str(), it.commit));
        assert_eq!(first(1), Some((0, "a", id(101))));
        assert_eq!(first(2), Some((1, "a", id(102))));
        assert_eq!(first(4), Some((0, "d/link", id(101))));
        assert_eq!(first(5), Some((2, "d/e", id(103))));
        assert_eq!(wanted, [3, 6, 7, 8, 9].map(id).into(), "another repository's, and what is nowhere");
    }

    #[test]
    fn the_ends_are_nobodys_parents() {
        assert_eq!(firsts().ends().collect::<Vec<_>>(), [id(103)]);
    }

    #[test]
    fn broken_trees_and_commits_end_nowhere() {
        let mut firsts = Firsts::default();
        firsts.note(id(1), Kind::Commit, b"tree x\n");
        firsts.note(id(2), Kind::Commit, b"");
        firsts.note(id(3), Kind::Commit, &committed(4, &[3], 0));
        firsts.note(id(4), Kind::Tree, b"100644 a\0short");
        assert!(firsts.find(&mut [id(9)].into()).is_empty());
    }
}
