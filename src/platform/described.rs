//! Platforms whose exports are described as data: `described/<name>.toml` says by what an export is recognised, and
//! where its flows and steps stand and what tells them. The text may be in any notation that [`super::notation`] reads.

use std::collections::HashMap;
use std::sync::Arc;

use crate::blob::Blob;
use crate::finding::{Flow, Step};
use crate::json::Value;
use crate::platform::document::{Id, Trail, Turn};
use crate::platform::solution::{file_name, own_path};
use crate::platform::vocabulary::{self, Scope, Vocabulary, is_like, leads_to};
use crate::platform::{Platform, Reader, Whose, name_of, notation, on_off};

include!(concat!(env!("OUT_DIR"), "/described.rs"));

/// How many containers an export may lie in.
const MAX_OUTER: usize = 8;

/// How many hops from the export on are looked at, so that deep documents stay linear.
const MAX_HOPS: usize = 128;

/// How many entries of a list are known by their keys.
const MAX_ENTRIES: usize = 20_000;

/// A platform with its exports.
struct Description {
    vocabulary: &'static Vocabulary,
    exports: &'static [Export],
}

/// One kind of export.
struct Export {
    /// What holds for its value.
    is: &'static [Condition],
    /// Where flows stand; the innermost one on the way counts.
    flows: &'static [Part],
    /// Where steps stand; the innermost one on the way counts.
    steps: &'static [Part],
}

/// What must hold at the end of a way.
struct Condition {
    at: &'static [&'static str],
    test: Test,
}

/// What a value must be.
enum Test {
    Present,
    Missing,
    Like(&'static str),
    Array,
    Object,
    String,
}

/// A flow or a step, and where what tells it stands: the first source that says something counts.
struct Part {
    /// The way to it from the export's value.
    at: &'static [&'static str],
    /// Ways of which one must lead somewhere, if there are any.
    has: &'static [&'static [&'static str]],
    scope: Option<Scope>,
    id: &'static [Source],
    name: &'static [Source],
    owner: &'static [Source],
    state: &'static [Source],
    modified: &'static [Source],
    kind: &'static [Source],
    enabled: &'static [Source],
}

/// Where something stands.
enum Source {
    /// In the part.
    Here(&'static [&'static str]),
    /// In the part; a flag that means the opposite.
    Not(&'static [&'static str]),
    /// In a container so many above the part.
    Above(usize, &'static [&'static str]),
    /// In another member of the package.
    Member(&'static str, &'static [&'static str]),
    /// Always that.
    Text(&'static str),
    /// The name by which the part is reached.
    Key,
    /// The name of the file, without its ending.
    File,
    /// The name of the outermost file that it stands in, without its ending.
    Archive,
    /// The name of that folder, counted from the file.
    Folder(usize),
    /// In a list of the export or of another member.
    Lookup(Lookup),
}

/// The entry of a list by its key.
struct Lookup {
    /// Which lookup of all it is.
    number: usize,
    /// Where in the part the key stands; or, behind `=`, the key itself.
    by: &'static [&'static str],
    list: &'static [&'static str],
    member: Option<&'static str>,
    key: &'static [&'static str],
    take: &'static [&'static [&'static str]],
}

/// Makes a reader if the value is an export of description `N`.
pub(super) fn open<'a, const N: usize>(blob: &Blob<'a>, value: Value<'_>) -> Option<Box<dyn Reader + 'a>> {
    let description = DESCRIPTIONS.get(N)?;
    export_of(description, value)?;
    let (exports, parts, lists) = (HashMap::new(), HashMap::new(), HashMap::new());
    Some(Box::new(Described { description, blob: *blob, exports, parts, lists }))
}

/// Which of its exports a value is.
fn export_of(description: &'static Description, value: Value<'_>) -> Option<&'static Export> {
    description.exports.iter().find(|export| export.is.iter().all(|condition| condition.holds(value)))
}

impl Condition {
    fn holds(&self, value: Value<'_>) -> bool {
        let found = follow(value, self.at).filter(|value| value.raw() != b"null");
        match (&self.test, found) {
            (Test::Missing, found) => found.is_none(),
            (_, None) => false,
            (Test::Present, Some(_)) => true,
            (Test::Like(pattern), Some(found)) => {
                name_of(Some(found)).is_some_and(|text| is_like(pattern, &text))
            }
            (Test::Array, Some(found)) => found.is_array(),
            (Test::Object, Some(found)) => found.is_object(),
            (Test::String, Some(found)) => found.is_string(),
        }
    }
}

/// The value at the end of a way: `[]` is the first item, `*` the first member.
fn follow<'v>(value: Value<'v>, way: &[&str]) -> Option<Value<'v>> {
    way.iter().try_fold(value, |value, part| match *part {
        "[]" => value.items().next(),
        "*" => value.members().next().map(|(_, member)| member),
        name => value.get(name),
    })
}

/// What was read so far, by the container that it was read from.
struct Described<'a> {
    description: &'static Description,
    blob: Blob<'a>,
    exports: HashMap<Id, Option<&'static Export>>,
    /// A container may be a flow and a step as well.
    parts: HashMap<(Id, bool), Told>,
    /// Keys and names of the lists that were asked for.
    lists: HashMap<usize, HashMap<String, String>>,
}

/// What a part is told by.
#[derive(Clone, Default)]
struct Told {
    id: Option<String>,
    name: Option<String>,
    owner: Option<String>,
    state: Option<String>,
    modified: Option<String>,
    kind: Option<String>,
    enabled: Option<bool>,
}

impl Reader for Described<'_> {
    fn place(&mut self, trail: &Trail<'_>) -> Option<Whose> {
        let outer = trail.hops.len().min(MAX_OUTER);
        let (root, export) = (0..outer).find_map(|hop| Some((hop, self.export(trail, hop)?)))?;
        let turns = turns(trail, root);
        let flow = part_on(export.flows, &turns, trail, root);
        let step = part_on(export.steps, &turns, trail, root);
        let told = |this: &mut Self, at: Option<(&'static Part, usize)>, is_step: bool| {
            let (part, depth) = at?;
            Some((part, root + depth, this.told(trail, root, root + depth, part, is_step)?))
        };
        let flow = told(self, flow, false);
        let step = told(self, step, true);
        let scope = step.as_ref().map_or(Scope::Flow, |(part, ..)| part.scope.unwrap_or(Scope::Step));
        let from = step.as_ref().or(flow.as_ref()).map_or(root, |(_, hop, _)| *hop);
        let step = step.map(|(_, _, told)| told);
        let flow = flow.map(|(_, _, told)| told).unwrap_or_default();
        let author = step.as_ref().and_then(|step| step.owner.clone());
        let edited = step.as_ref().and_then(|step| step.modified.clone());
        let flow = Flow {
            platform: self.description.vocabulary.name,
            id: flow.id,
            name: flow.name,
            owner: author.or(flow.owner),
            state: flow.state,
            modified: edited.or(flow.modified),
        };
        let step = step.map(|told| {
            Arc::new(Step { id: told.id, name: told.name, kind: told.kind, enabled: told.enabled })
        });
        Some(Whose { flow: Some(Arc::new(flow)), step, scope, prefix: None, from })
    }
}

/// The turns from the export on, as the patterns of ways have them.
fn turns<'t>(trail: &'t Trail<'_>, root: usize) -> Vec<&'t str> {
    let hops = trail.hops.iter().skip(root).take(MAX_HOPS);
    let turn = |turn: &'t Turn<'_>| match turn {
        Turn::Key(key) => key.as_ref(),
        Turn::Item(_) => "[]",
    };
    hops.map_while(|hop| hop.turn.as_ref().map(turn)).collect()
}

/// The innermost part on the way from the export at `root` on, and after how many turns it is reached.
fn part_on(
    parts: &'static [Part],
    turns: &[&str],
    trail: &Trail<'_>,
    root: usize,
) -> Option<(&'static Part, usize)> {
    (0..=turns.len()).rev().find_map(|depth| {
        let way = turns.get(..depth)?;
        let container = trail.hops.get(root + depth)?.value;
        let is_one = |part: &&Part| leads_to(part.at, way) && part.fits(container);
        parts.iter().find(is_one).map(|part| (part, depth))
    })
}

impl Part {
    fn fits(&self, value: Value<'_>) -> bool {
        let is_there = |way: &&[&str]| {
            name_of(follow(value, way)).is_some() || follow(value, way).is_some_and(Value::is_object)
        };
        self.has.is_empty() || self.has.iter().any(is_there)
    }
}

impl Described<'_> {
    fn export(&mut self, trail: &Trail<'_>, hop: usize) -> Option<&'static Export> {
        let container = trail.hops.get(hop)?;
        let description = self.description;
        *self.exports.entry(container.id.clone()).or_insert_with(|| export_of(description, container.value))
    }

    /// What the part at a hop is told by; `None` if the way ends before it, in a bare value.
    fn told(
        &mut self,
        trail: &Trail<'_>,
        root: usize,
        hop: usize,
        part: &'static Part,
        is_step: bool,
    ) -> Option<Told> {
        let container = trail.hops.get(hop)?;
        let id = (container.id.clone(), is_step);
        if let Some(told) = self.parts.get(&id) {
            return Some(told.clone());
        }
        let key = hop.checked_sub(1).filter(|_| hop > root).and_then(|outer| trail.key(outer));
        let above: Vec<_> = trail.hops.iter().take(hop).skip(root).map(|hop| hop.value).collect();
        let asked = Asked { root: trail.hops.get(root)?.value, above, value: container.value, key };
        let told = Told {
            id: self.text(part.id, &asked),
            name: self.text(part.name, &asked),
            owner: self.text(part.owner, &asked),
            state: self.text(part.state, &asked),
            modified: self.text(part.modified, &asked),
            kind: self.text(part.kind, &asked),
            enabled: part.enabled.iter().find_map(|source| flag(source, &asked)),
        };
        self.parts.insert(id, told.clone());
        Some(told)
    }

    fn text(&mut self, sources: &'static [Source], asked: &Asked<'_>) -> Option<String> {
        sources.iter().find_map(|source| self.said(source, asked))
    }

    /// What stands at a source: a text as it is, a flag as `on` or `off`.
    fn said(&mut self, source: &'static Source, asked: &Asked<'_>) -> Option<String> {
        let shown = |value: Value<'_>| match value.boolean() {
            Some(_) => on_off(Some(value)),
            None => name_of(Some(value)),
        };
        match source {
            Source::Here(way) => shown(follow(asked.value, way)?),
            Source::Above(count, way) => {
                let outer = asked.above.len().checked_sub(*count).and_then(|at| asked.above.get(at))?;
                shown(follow(*outer, way)?)
            }
            Source::Member(member, way) => {
                let bytes = self.blob.package.read(&nearest(&self.blob, member)?)?;
                let text = notation::json_of(&bytes);
                shown(follow(Value::first(&text)?, way)?)
            }
            Source::Not(_) => flag(source, asked).map(|on| if on { "on" } else { "off" }.to_owned()),
            Source::Text(text) => Some((*text).to_owned()),
            Source::Key => asked.key.map(str::to_owned),
            Source::File => file_stem(&own_path(&self.blob)),
            Source::Archive => file_stem(&self.blob.provenance.path.replace('\\', "/")),
            Source::Folder(up) => {
                own_path(&self.blob).rsplit('/').nth(*up).filter(|name| !name.is_empty()).map(str::to_owned)
            }
            Source::Lookup(lookup) => {
                let key = match lookup.by.first().and_then(|by| by.strip_prefix('=')) {
                    Some(key) => key.to_owned(),
                    None => name_of(follow(asked.value, lookup.by))?,
                };
                let blob = &self.blob;
                let list = self.lists.entry(lookup.number);
                list.or_insert_with(|| listed(lookup, blob, asked.root)).get(&key).cloned()
            }
        }
    }
}

/// What is asked about a part.
struct Asked<'v> {
    root: Value<'v>,
    /// The containers around it up to the export, outermost first.
    above: Vec<Value<'v>>,
    value: Value<'v>,
    key: Option<&'v str>,
}

/// A flag; a number counts as well.
fn flag(source: &Source, asked: &Asked<'_>) -> Option<bool> {
    let (way, same) = match source {
        Source::Here(way) => (way, true),
        Source::Not(way) => (way, false),
        _ => return None,
    };
    let value = follow(asked.value, way)?;
    let said = match name_of(Some(value))?.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "enabled" | "active" | "on" => true,
        "false" | "0" | "no" | "disabled" | "inactive" | "off" => false,
        _ => return None,
    };
    Some(said == same)
}

/// `request` of `a/b/request.bru`, and `Page` of `Page.flow-meta.xml`.
fn file_stem(path: &str) -> Option<String> {
    let name = file_name(path);
    let stem = name.split_once('.').map_or(name, |(stem, _)| stem);
    (!stem.is_empty()).then(|| stem.to_owned())
}

/// The names of a list by their keys.
fn listed(lookup: &Lookup, blob: &Blob<'_>, root: Value<'_>) -> HashMap<String, String> {
    let Some(member) = lookup.member else {
        return follow(root, lookup.list).map(|list| entries(lookup, list)).unwrap_or_default();
    };
    let bytes = nearest(blob, member).and_then(|path| blob.package.read(&path));
    let Some(bytes) = bytes else {
        return HashMap::new();
    };
    let text = notation::json_of(&bytes);
    let list = Value::first(&text).and_then(|value| follow(value, lookup.list));
    list.map(|list| entries(lookup, list)).unwrap_or_default()
}

fn entries(lookup: &Lookup, list: Value<'_>) -> HashMap<String, String> {
    let values = list.items().chain(list.members().map(|(_, value)| value)).take(MAX_ENTRIES);
    let name = |value| lookup.take.iter().find_map(|way| name_of(follow(value, way)));
    values.filter_map(|value| Some((name_of(follow(value, lookup.key))?, name(value)?))).collect()
}

/// The member of that name in the nearest of the folders that the blob lies in.
fn nearest(blob: &Blob<'_>, wanted: &str) -> Option<String> {
    let own = own_path(blob);
    let folder = |path: &str| path.len() - file_name(path).len();
    let beside = |member: &String| {
        file_name(member) == wanted && own.starts_with(member.get(..folder(member)).unwrap_or("/"))
    };
    blob.package.members().into_iter().filter(beside).max_by_key(String::len)
}
