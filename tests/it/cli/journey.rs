//! A share with a bit of everything, swept, changed in known ways and swept again: the states are exactly as they should be.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use super::made::{Ended, Tree, github, keysieve};
use crate::common::say;
use crate::containers::zip;
use crate::documents::office::workbook;
use crate::platforms::{members, planted};

/// Place and preview → state.
type States = BTreeMap<(String, String), String>;

struct Journey {
    share: Tree,
    states: Tree,
}

impl Journey {
    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.share.at(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, bytes).expect("written");
    }

    fn call(&self, arguments: &[&str]) -> Ended {
        let state = self.states.at("s.state");
        let fixed = ["--state", state.to_str().expect("UTF-8"), "--format", "json"];
        keysieve(arguments.iter().copied().chain(fixed))
    }

    fn sweep(&self, more: &[&str]) -> Ended {
        std::thread::sleep(Duration::from_millis(80));
        let root = self.share.path().to_str().expect("UTF-8");
        self.call(&[&["sweep", root], more].concat())
    }

    /// All that the state knows.
    fn known(&self) -> States {
        let report = self.call(&["state", "findings"]).json();
        let root = format!("{}/", self.share.path().display());
        let mut states = States::new();
        for finding in report["findings"].as_array().expect("findings") {
            let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
            let place = text(&finding["location"]["display"]).replace(&root, "");
            let pointer = finding["location"]["pointer"].as_str().unwrap_or_default();
            let bytes = finding["location"]["bytes"].to_string();
            let place = format!("{place} {pointer} {bytes}");
            states.insert((place, text(&finding["secret"]["preview"])), text(&finding["state"]));
        }
        states
    }
}

fn tail(token: &str) -> &str {
    token.get(token.len() - 4..).expect("ASCII")
}

/// A database of one table.
fn database(path: &Path, values: &[&str]) {
    let db = rusqlite::Connection::open(path).expect("a database");
    db.execute_batch("DROP TABLE IF EXISTS t; CREATE TABLE t (token TEXT); VACUUM").expect("made");
    for value in values {
        db.execute("INSERT INTO t VALUES (?1)", [value]).expect("inserted");
    }
    db.execute_batch("VACUUM").expect("packed");
}

fn nested(token: &str) -> Vec<u8> {
    let inner = zip(&[("in.txt", format!("token {token}").as_bytes())]);
    zip(&[("inner.zip", &inner), ("other.txt", b"clean")])
}

/// Exports of every platform, documents, archives, and `small` files without anything.
fn made(small: usize) -> Journey {
    let journey = Journey { share: Tree::new(), states: Tree::new() };
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/platform");
    for file in members() {
        let name = file.strip_prefix(&data).expect("a case").to_str().expect("UTF-8").to_owned();
        let bytes = fs::read(&file).expect("read");
        let bytes = match String::from_utf8(bytes) {
            Ok(text) => planted(&text).0.into_bytes(),
            Err(binary) => binary.into_bytes(),
        };
        journey.write(&format!("exports/{name}"), bytes);
    }
    for (name, number) in [
        ("moved/a.txt", 9001),
        ("names/before.txt", 9002),
        ("replaced.txt", 9003),
        ("removed.txt", 9004),
        ("unreadable.txt", 9005),
        ("clock.txt", 9006),
        ("stays.txt", 9007),
    ] {
        journey.write(name, format!("token {}", github(number)));
    }
    journey.write("zips/outer.zip", nested(&github(9010)));
    let cell =
        "<worksheet><sheetData><row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c></row></sheetData></worksheet>";
    let shared = format!("<sst><si><t>{}</t></si></sst>", github(9011));
    journey.write("office/book.xlsx", workbook(&shared, cell, "<worksheet><sheetData/></worksheet>"));
    database(&journey.share.at("list.db"), &[&github(9013), &github(9012)]);
    for number in 0..small {
        journey.write(&format!("small/{}/{number}.json", number / 200), format!("{{\"id\":{number}}}"));
    }
    journey
}

/// Changes the share in known ways; what the state must say of it after the next sweep.
fn changed(journey: &Journey, before: &States) -> States {
    let share = |name: &str| journey.share.at(name);
    let mut wanted: States = before.keys().map(|key| (key.clone(), "open".to_owned())).collect();
    let mut turn = |token: &str, state: &str| {
        let mut turned = 0;
        for ((_, preview), old) in &mut wanted {
            if preview.ends_with(tail(token)) {
                state.clone_into(old);
                turned += 1;
            }
        }
        assert!(turned > 0, "{state}");
    };
    journey.write("replaced.txt", format!("token {}", github(9103)));
    turn(&github(9003), "resolved");
    journey.write("removed.txt", "token, gone");
    turn(&github(9004), "resolved");
    fs::remove_file(share("unreadable.txt")).expect("removed");
    rustix::fs::mkfifoat(rustix::fs::CWD, share("unreadable.txt"), 0o600.into()).expect("a pipe");
    turn(&github(9005), "unreadable");
    // Of the same size, and older than before: only the system's own time tells.
    let old = fs::metadata(share("clock.txt")).expect("there").modified().expect("a time");
    journey.write("clock.txt", format!("token {}", github(9106)));
    let file = fs::File::options().write(true).open(share("clock.txt")).expect("open");
    file.set_modified(old - Duration::from_secs(86_400)).expect("set");
    turn(&github(9006), "resolved");
    journey.write("zips/outer.zip", nested(&github(9110)));
    turn(&github(9010), "resolved");
    database(&share("list.db"), &[&github(9013)]);
    turn(&github(9012), "resolved");
    let mut wanted = renamed(journey, wanted);
    for (like, old, new) in [
        ("replaced.txt", github(9003), github(9103)),
        ("clock.txt", github(9006), github(9106)),
        ("zips/outer.zip", github(9010), github(9110)),
    ] {
        let of =
            |(place, preview): &(String, String)| place.starts_with(like) && preview.ends_with(tail(&old));
        let (place, preview) = wanted.keys().find(|key| of(key)).expect("known").clone();
        wanted.insert((place, preview.replace(tail(&old), tail(&new))), "new".to_owned());
    }
    wanted
}

/// Moves a file, renames one, and moves a folder: what is in them stays open, elsewhere.
fn renamed(journey: &Journey, wanted: States) -> States {
    let ways = [
        ("moved/a.txt", "elsewhere/b/a.txt"),
        ("names/before.txt", "names/after.txt"),
        ("exports/n8n/", "archive/n8n/"),
    ];
    for (from, to) in ways {
        let (from, to) = (journey.share.at(from), journey.share.at(to));
        fs::create_dir_all(to.parent().expect("a folder")).expect("made");
        fs::rename(from, to).expect("renamed");
    }
    let moved = |((place, preview), state): ((String, String), String)| {
        let way = ways.iter().find_map(|(from, to)| Some(format!("{to}{}", place.strip_prefix(from)?)));
        ((way.unwrap_or(place), preview), state)
    };
    wanted.into_iter().map(moved).collect()
}

fn differences(given: &States, wanted: &States) -> Vec<String> {
    let all: std::collections::BTreeSet<_> = given.keys().chain(wanted.keys()).collect();
    let odd = all.into_iter().filter(|key| given.get(*key) != wanted.get(*key));
    odd.map(|key| format!("{key:?}: {:?}, not {:?}", given.get(key), wanted.get(key))).collect()
}

fn journey(small: usize) {
    let journey = made(small);
    let first = journey.sweep(&[]);
    assert_eq!(first.status, 1, "{}", first.stderr);
    let before = journey.known();
    assert!(before.len() > 100, "{}", before.len());
    assert!(before.values().all(|state| state == "new"));
    let first_seen = first.json()["findings"][0]["first_seen"].clone();
    assert_eq!(journey.sweep(&[]).json()["coverage"]["files"], 0, "nothing is read twice");
    let wanted = changed(&journey, &before);
    // The clock of this machine was turned back as well.
    let again = journey.sweep(&["--now", "2020-01-01T00:00:00Z"]);
    assert_eq!(again.status, 1, "{}", again.stderr);
    assert_eq!(differences(&journey.known(), &wanted), Vec::<String>::new());
    let report = journey.call(&["state", "findings"]).json();
    let moved = |it: &&serde_json::Value| !it["moved_from"].is_null();
    let moved: Vec<_> = report["findings"].as_array().expect("findings").iter().filter(moved).collect();
    assert!(moved.len() > 2, "{}", moved.len());
    assert!(moved.iter().all(|it| it["first_seen"] == first_seen), "since it was first seen");
}

#[test]
fn a_share_that_changed_in_known_ways_has_the_states_it_should_have() {
    journey(500);
}

#[test]
#[ignore = "takes minutes"]
fn so_has_one_of_200_000_files() {
    say("200 000 files");
    journey(200_000);
}
