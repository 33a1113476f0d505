//! Cases are folders under `tests/data/platform/<reader>/<case>`: the members of a package and `expected.json`, which
//! has the place of every `VALUE-n` in them and every value that is the platform's own. `KEYSIEVE_ACCEPT=1` writes it
//! anew; read the difference.

use std::fs;
use std::path::{Path, PathBuf};

use memchr::memmem;
use proptest::prelude::*;
use serde_json::{Map, Value as Tree, json};

use super::*;
use crate::blob::{Alone, Landmarks, Package, Provenance};

/// A folder as a package.
struct Folder {
    root: PathBuf,
    own: String,
}

impl Package for Folder {
    fn members(&self) -> Vec<String> {
        members(&self.root)
    }

    fn read(&self, member: &str) -> Option<Arc<[u8]>> {
        Some(fs::read(self.root.join(member)).ok()?.into())
    }

    fn own_name(&self) -> Option<&str> {
        Some(&self.own)
    }
}

/// The files below a folder, with `/`, sorted; without what is expected of them.
fn members(root: &Path) -> Vec<String> {
    let mut folders = vec![root.to_owned()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => files.push(path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/")),
            }
        }
    }
    files.retain(|file| file != "expected.json");
    files.sort();
    files
}

fn without_nulls(tree: Tree) -> Tree {
    match tree {
        Tree::Object(members) => members
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name, without_nulls(value)))
            .collect(),
        other => other,
    }
}

fn shown(place: &Place) -> Tree {
    let flow = place.flow.as_ref().map(|flow| {
        json!({"platform": flow.platform, "id": flow.id, "name": flow.name, "owner": flow.owner,
               "state": flow.state, "modified": flow.modified})
    });
    let step = place
        .step
        .as_ref()
        .map(|step| json!({"id": step.id, "name": step.name, "kind": step.kind, "enabled": step.enabled}));
    without_nulls(json!({
        "pointer": place.pointer, "flow": flow, "step": step, "field": place.field,
        "storage": place.storage.map(Storage::name), "own": place.own, "store": place.store,
        "connection": place.connection,
    }))
}

/// The spans of the words `VALUE-n`.
fn values(bytes: &[u8]) -> Vec<Span> {
    let digits = |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let starts = memmem::find_iter(bytes, b"VALUE-");
    starts.map(|start| start..start + 6 + digits(start + 6)).collect()
}

/// The offsets of all strings of a JSON text.
fn strings(bytes: &[u8]) -> Vec<usize> {
    let mut cursor = json::Cursor::default();
    let leaves = (0..bytes.len()).map(|at| (at, cursor.seek(bytes, at)));
    leaves
        .filter(|(at, leaf)| leaf.role == json::Role::Value && leaf.span.start == *at)
        .map(|(at, _)| at)
        .collect()
}

fn places(root: &Path, member: &str) -> Tree {
    let bytes = fs::read(root.join(member)).unwrap();
    let package = Folder { root: root.to_owned(), own: member.to_owned() };
    let provenance = Provenance::file("export.zip").entry(member);
    let mut outline = outline(&Blob {
        provenance: &provenance,
        bytes: &bytes,
        package: &package,
        landmarks: Landmarks::NONE,
    });
    let mut found = Map::new();
    for span in values(&bytes) {
        let value = String::from_utf8_lossy(&bytes[span.clone()]).into_owned();
        found.insert(value, shown(&outline.place(span)));
    }
    let mut own = Map::new();
    for at in strings(&bytes) {
        let place = outline.place(at..at + 1);
        own.extend(place.pointer.zip(place.own).map(|(pointer, why)| (pointer, Tree::from(why))));
    }
    json!({"platform": outline.platform(), "places": found, "own": own})
}

fn check(case: &Path) {
    let found: Map<String, Tree> =
        members(case).into_iter().map(|member| (member.clone(), places(case, &member))).collect();
    let expected = case.join("expected.json");
    if std::env::var_os("KEYSIEVE_ACCEPT").is_some() {
        fs::write(&expected, serde_json::to_string_pretty(&found).unwrap() + "\n").unwrap();
    }
    let expected = fs::read(&expected).unwrap_or_else(|_| b"{}".to_vec());
    let expected: Map<String, Tree> = serde_json::from_slice(&expected).unwrap();
    assert!(found == expected, "{}:\n{}", case.display(), serde_json::to_string_pretty(&found).unwrap());
}

fn cases(reader: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/platform").join(reader);
    let mut cases: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}

fn check_all(reader: &str) {
    cases(reader).iter().for_each(|case| check(case));
}

#[test]
fn n8n_places() {
    check_all("n8n");
}

#[test]
fn power_automate_places() {
    check_all("power_automate");
}

#[test]
fn logic_apps_places() {
    check_all("logic_apps");
}

#[test]
fn make_places() {
    check_all("make");
}

#[test]
fn node_red_places() {
    check_all("node_red");
}

#[test]
fn retool_places() {
    check_all("retool");
}

/// Each platform that is described as data has a case, in a folder of its name.
#[test]
fn described_places() {
    for platform in described::PLATFORMS {
        check_all(&platform.name().replace('-', "_"));
    }
}

#[test]
fn power_apps_places() {
    check_all("power_apps");
}

#[test]
fn unknown_places() {
    check_all("unknown");
}

/// The members of all cases, to be damaged.
fn samples() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/platform");
    let files = members(&folder).into_iter().filter(|file| !file.ends_with("expected.json"));
    files.map(|file| fs::read(folder.join(file)).unwrap()).collect()
}

/// What can happen to a file.
#[derive(Clone, Debug)]
enum Damage {
    Cut(prop::sample::Index),
    Drop(prop::sample::Index, usize),
    Put(prop::sample::Index, u8),
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        1 => at().prop_map(Damage::Cut),
        4 => (at(), 1usize..40).prop_map(|(at, length)| Damage::Drop(at, length)),
        8 => (at(), prop::sample::select(b"{}[]\",:\\0a<>/\xFF\0".to_vec())).prop_map(|(at, byte)| Damage::Put(at, byte)),
    ]
}

fn damaged(mut bytes: Vec<u8>, damages: &[Damage]) -> Vec<u8> {
    for damage in damages {
        let length = bytes.len();
        match damage {
            _ if length == 0 => {}
            Damage::Cut(at) => bytes.truncate(at.index(length)),
            Damage::Drop(at, count) => {
                drop(bytes.drain(at.index(length)..length.min(at.index(length) + count)))
            }
            Damage::Put(at, byte) => bytes[at.index(length)] = *byte,
        }
    }
    bytes
}

fn place_alone(bytes: &[u8], spans: &[Span]) -> Vec<Place> {
    let provenance = Provenance::file("-");
    let mut outline =
        outline(&Blob { provenance: &provenance, bytes, package: &Alone, landmarks: Landmarks::NONE });
    spans.iter().map(|span| outline.place(span.clone())).collect()
}

proptest! {
    #[test]
    fn damage_does_no_harm_in_any_order(
        sample in any::<prop::sample::Index>(),
        damages in prop::collection::vec(damage(), 0..8),
        starts in prop::collection::vec((any::<prop::sample::Index>(), 0usize..30), 1..24),
    ) {
        let samples = samples();
        let bytes = damaged(samples[sample.index(samples.len())].clone(), &damages);
        let mut spans: Vec<Span> =
            starts.iter().map(|(at, length)| (at.index(bytes.len() + 2), length)).map(|(at, length)| at..at + length).collect();
        let mixed = place_alone(&bytes, &spans);
        let one_by_one: Vec<Place> = spans.iter().flat_map(|span| place_alone(&bytes, std::slice::from_ref(span))).collect();
        prop_assert_eq!(&mixed, &one_by_one);
        spans.reverse();
        let mut backwards = place_alone(&bytes, &spans);
        backwards.reverse();
        prop_assert_eq!(&mixed, &backwards);
    }

    #[test]
    fn random_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..100), at in 0usize..120) {
        place_alone(&bytes, &[at..at + 8, 0..bytes.len(), at..at / 2]);
    }
}

#[test]
fn every_platform_has_a_name_of_its_own() {
    let mut names: Vec<_> = platforms().map(Platform::name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), platforms().count());
    assert!(platforms().all(|platform| !platform.title().is_empty()));
}

#[test]
fn platforms_are_called_as_people_call_them() {
    let called = |name| super::named(name).map(super::Platform::brand);
    for (name, brand) in [
        ("n8n", "n8n"),
        ("power-automate", "Power Automate"),
        ("logic-apps", "Azure Logic Apps"),
        ("node-red", "Node-RED"),
        ("blue-prism", "Blue Prism"),
        ("salesforce", "Salesforce"),
        ("har", "HAR"),
    ] {
        assert_eq!(called(name), Some(brand));
    }
    assert_eq!(called("no such"), None);
}
