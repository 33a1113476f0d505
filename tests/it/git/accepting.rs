//! What is accepted, by what, and until when.

use std::fs;

use serde_json::Value;

use super::made::{Repo, flow, key};

/// The findings of a scan of the repository, without git's own folder.
fn scan(repo: &Repo, options: &[&str]) -> Value {
    repo.keysieve(&[&["scan", ".", "--exclude", ".git", "--format", "json"], options].concat()).json()
}

/// Of each finding: its path, and by what it is accepted.
fn accepted(json: &Value) -> Vec<(String, Option<String>)> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let findings = json["findings"].as_array().expect("findings").iter();
    findings.map(|it| (text(&it["location"]["path"]).expect("a path"), text(&it["accepted"]["by"]))).collect()
}

fn notices(json: &Value) -> Vec<String> {
    let list = json["summary"]["acceptances"].as_array().expect("a list").iter();
    list.map(|it| {
        format!("{}: {}", it["state"].as_str().expect("a state"), it["by"].as_str().expect("a name"))
    })
    .collect()
}

/// Another one for each number, made when the test runs.
fn password(number: u64) -> String {
    format!("{}!x", crate::common::Random(number).alnum(9))
}

fn with_password(value: &str) -> String {
    serde_json::json!({ "db_password": value }).to_string()
}

fn pair(path: &str, by: Option<&str>) -> (String, Option<String>) {
    (path.to_owned(), by.map(str::to_owned))
}

#[test]
fn rules_accept_by_what_they_name() {
    let repo = Repo::new();
    repo.write("a/a.env", format!("TOKEN={}", key(1))).write("b.env", format!("TOKEN={}", key(2)));
    let print = scan(&repo, &[])["findings"][1]["secret"]["fingerprint"].as_str().expect("one").to_owned();
    repo.write(
        ".keysieve.toml",
        format!(
            "[[accept]]\npath = 'a/'\nsignature = 'github-personal-access-token'\nreason = 'r'\nwho = 'w'\n\
             [[accept]]\nfingerprint = '{print}'\nreason = 'sandbox'\nwho = 'jane'\nexpires = 2027-06-30\n\
             [[accept]]\npath = 'gone/'\nreason = 'old'\nwho = 'jane'\n"
        ),
    );
    let json = scan(&repo, &["--now", "2026-11-23T12:00:00Z"]);
    let expected =
        [pair("a/a.env", Some(".keysieve.toml, line 1")), pair("b.env", Some(".keysieve.toml, line 6"))];
    assert_eq!(accepted(&json), expected);
    assert_eq!(json["findings"][1]["accepted"]["expires"], "2027-07-01T00:00:00Z");
    assert_eq!(json["findings"][1]["accepted"]["who"], "jane");
    assert_eq!(notices(&json), ["unused: .keysieve.toml, line 11"]);
    assert_eq!(repo.keysieve(&["scan", ".", "--exclude", ".git"]).status, 0);
    let human = repo.keysieve(&["scan", ".", "--exclude", ".git"]).stdout;
    assert!(human.contains("Accepted: 2 findings") && human.contains("(sandbox; jane; until"), "{human}");
    assert!(human.contains("line 11 (old; jane) matches nothing in what was scanned"), "{human}");
    let later = scan(&repo, &["--now", "2027-07-01T00:00:00Z"]);
    assert_eq!(accepted(&later)[1], pair("b.env", None));
    assert!(notices(&later).contains(&"expired: .keysieve.toml, line 6".to_owned()));
}

#[test]
fn paths_are_accepted_by_patterns() {
    let repo = Repo::new();
    repo.write("tests/a.env", format!("TOKEN={}", key(1))).write("b.env", format!("TOKEN={}", key(2)));
    repo.write(".keysieveignore", "# made up for tests\n/tests/\n*.gone\n");
    let json = scan(&repo, &[]);
    assert_eq!(accepted(&json), [pair("b.env", None), pair("tests/a.env", Some(".keysieveignore, line 2"))]);
    assert_eq!(json["findings"][1]["accepted"]["reason"], "made up for tests");
    assert_eq!(notices(&json), ["unused: .keysieveignore, line 3"]);
    // A part of what it is about was looked at: nobody knows whether it is unused.
    let part = repo.keysieve(&["scan", "tests", "--format", "json"]);
    assert_eq!((part.status, notices(&part.json()).len()), (0, 0));
    assert_eq!(repo.keysieve(&["scan", "tests", "--accept-nothing"]).status, 1);
}

#[test]
fn what_lies_above_the_repository_or_below_the_path_is_not_trusted() {
    let repo = Repo::new();
    repo.write("drive/sub/a.env", format!("TOKEN={}", key(1))).write("drive/sub/.keysieveignore", "*\n");
    assert_eq!(repo.keysieve(&["scan", "drive"]).status, 1, "below");
    assert_eq!(repo.keysieve(&["scan", "drive/sub"]).status, 0, "beside");
    let outer = Repo::new();
    outer.write(".keysieveignore", "*\n");
    fs::create_dir_all(outer.at("inner/.git")).expect("made");
    outer.write("inner/a.env", format!("TOKEN={}", key(1)));
    assert_eq!(outer.keysieve(&["scan", "inner/a.env"]).status, 1, "above the repository");
}

#[test]
fn a_file_that_is_named_is_used_in_place_of_those_beside() {
    let repo = Repo::new();
    repo.write("x/a.env", format!("TOKEN={}", key(1)))
        .write(".keysieve.toml", "[[accept]]\npath='*'\nreason='r'\nwho='w'\n");
    repo.write("other.toml", "[[accept]]\npath = 'b.env'\nreason = 'r'\nwho = 'w'\n");
    let ended = repo.keysieve(&["scan", "x", "--config", "other.toml", "--format", "json"]);
    assert_eq!(ended.status, 1);
    assert_eq!(notices(&ended.json()), ["unused: other.toml, line 1"]);
    assert_eq!(repo.keysieve(&["scan", "x", "--config", "none.toml"]).status, 2);
    repo.write("other.toml", "[[accept]]\npath = 'a.env'\n");
    let wrong = repo.keysieve(&["scan", "x", "--config", "other.toml"]);
    assert_eq!(wrong.status, 2);
    assert!(wrong.stderr.contains("other.toml, line 1: missing field"), "{}", wrong.stderr);
}

#[test]
fn marks_cover_what_they_stand_beside() {
    let repo = Repo::new();
    repo.write("a.env", format!("A_TOKEN={} # keysieve:allow sandbox\nB_TOKEN={}\n", key(1), key(2)));
    let noted = flow(&[key(3), key(4)]).replacen(
        "\"name\":\"Step 0\"",
        "\"notes\":\"keysieve:allow known\",\"name\":\"Step 0\"",
        1,
    );
    repo.write("flow.json", noted);
    let json = scan(&repo, &[]);
    let mark = Some("keysieve:allow in the text");
    let expected =
        [pair("a.env", mark), pair("a.env", None), pair("flow.json", mark), pair("flow.json", None)];
    assert_eq!(accepted(&json), expected);
    assert_eq!(json["findings"][0]["accepted"]["reason"], "sandbox");
    repo.git(&["add", "."]);
    assert_eq!(repo.staged().open(), ["a.env", "flow.json"]);
}

#[test]
fn a_baseline_accepts_what_was_there() {
    let repo = Repo::new();
    let (first, second) = (password(1), password(2));
    repo.write("flow.json", flow(&[key(1)])).write("c.json", with_password(&first));
    let create = [
        "baseline",
        "create",
        "--exclude",
        ".git",
        "--who",
        "jane",
        "--reason",
        "known",
        "--expires",
        "2027-06-30",
    ];
    let made = repo.keysieve(&create);
    assert_eq!(made.status, 0, "{}", made.stderr);
    assert!(made.stdout.contains("2 added, 2 in all; 1 of them by their place alone"), "{}", made.stdout);
    let text = fs::read_to_string(repo.at(".keysieve.baseline")).expect("a baseline");
    assert!(
        text.contains("place-only")
            && text.contains("place alone")
            && text.contains("\t2027-06-30\tjane\tknown")
    );
    assert!(!text.contains(&key(1)) && !text.contains(&first));
    assert_eq!(repo.keysieve(&create).status, 2, "it is there already");
    let now = "2026-11-23T12:00:00Z";
    let by = |path: &str, alone: &str| pair(path, Some(&format!(".keysieve.baseline{alone}")));
    let both = [by("c.json", ", by its place alone"), by("flow.json", "")];
    assert_eq!(accepted(&scan(&repo, &["--now", now])), both);
    // A moved line is the same finding; a new secret at the place is another one, but where the place is all that is held.
    repo.write("flow.json", format!("\n\n{}", flow(&[key(1)]))).write("c.json", with_password(&second));
    assert_eq!(accepted(&scan(&repo, &["--now", now])), both);
    repo.write("flow.json", flow(&[key(2)]));
    let json = scan(&repo, &["--now", now]);
    assert_eq!(accepted(&json), [by("c.json", ", by its place alone"), pair("flow.json", None)]);
    assert_eq!(notices(&json).len(), 1, "the old one is there no more");
    let later = scan(&repo, &["--now", "2027-07-01T00:00:00Z"]);
    assert_eq!(accepted(&later), [pair("c.json", None), pair("flow.json", None)]);
    assert!(repo.keysieve(&["baseline", "update", "--exclude", ".git"]).stdout.contains("1 added, 3 in all"));
    assert!(
        repo.keysieve(&["baseline", "prune", "--exclude", ".git"]).stdout.contains("1 taken out, 2 in all")
    );
    assert_eq!(scan(&repo, &["--now", now])["summary"]["accepted"], 2);
}

#[test]
fn baselines_of_two_branches_merge() {
    let repo = Repo::new();
    repo.write("base.env", format!("TOKEN={}", key(1)));
    repo.keysieve(&["baseline", "create", "--exclude", ".git"]);
    repo.commit("first");
    let mut merged = 0;
    for number in 0..8u64 {
        let branch = format!("side{number}");
        repo.git(&["checkout", "-q", "-b", &branch, "main"]);
        repo.write(&format!("{branch}.env"), format!("TOKEN={}", key(10 + number)));
        assert_eq!(repo.keysieve(&["baseline", "update", "--exclude", ".git"]).status, 0);
        repo.commit("side");
        repo.git(&["checkout", "-q", "main"]);
    }
    for number in 0..8 {
        let ended = repo.try_git(&["merge", "-q", "--no-ff", "-m", "merge", &format!("side{number}")]);
        if ended.status == 0 {
            merged += 1;
            continue;
        }
        // A conflict of lines beside each other: both sides are kept, in any order.
        let text = fs::read_to_string(repo.at(".keysieve.baseline")).expect("a baseline");
        let refused = repo.keysieve(&["scan", "."]);
        assert!(refused.stderr.contains("keep the lines of both sides"), "{}", refused.stderr);
        let kept: Vec<&str> = text
            .lines()
            .filter(|line| !["<<<<<<<", "=======", ">>>>>>>"].iter().any(|mark| line.starts_with(mark)))
            .collect();
        repo.write(".keysieve.baseline", kept.join("\n") + "\n").commit("merge");
    }
    assert!(merged >= 1);
    assert_eq!(repo.keysieve(&["scan", ".", "--exclude", ".git"]).status, 0);
}

#[test]
fn a_key_holds_passwords_by_their_value() {
    let repo = Repo::new();
    let keys = tempfile::tempdir().expect("a folder");
    let file = keys.path().join("key");
    fs::write(&file, [7; 32]).expect("written");
    let file = file.to_str().expect("a name");
    let (first, second) = (password(1), password(2));
    repo.write("c.json", with_password(&first));
    let made = repo.keysieve(&["baseline", "create", "--exclude", ".git", "--fingerprint-key-file", file]);
    assert!(made.stdout.contains("1 added, 1 in all."), "{}", made.stdout);
    let text = fs::read_to_string(repo.at(".keysieve.baseline")).expect("a baseline");
    assert!(text.contains("# made with: kk1:") && !text.contains("place alone"), "{text}");
    let keyed = ["--fingerprint-key-file", file];
    assert!(accepted(&scan(&repo, &keyed))[0].1.is_some());
    repo.write("c.json", with_password(&second));
    assert_eq!(accepted(&scan(&repo, &keyed)), [pair("c.json", None)]);
    let wrong = repo.keysieve(&["scan", ".", "--exclude", ".git"]);
    assert_eq!(wrong.status, 2);
    assert!(wrong.stderr.contains("give its key with --fingerprint-key-file"), "{}", wrong.stderr);
}

#[test]
fn the_same_baseline_holds_for_files_commits_and_history() {
    let repo = Repo::new();
    repo.write("a/flow.json", flow(&[key(1)])).write("b.env", format!("TOKEN={}", key(2)));
    repo.keysieve(&["baseline", "create", "--exclude", ".git"]);
    repo.git(&["add", "."]);
    assert_eq!((repo.staged().status, repo.staged().open().len()), (0, 0));
    repo.commit("first");
    let history = repo.history(&["--history"]);
    assert_eq!((history.status, history.open().len()), (0, 0), "{}", history.stdout);
    assert_eq!(history.json()["summary"]["accepted"], 2);
    fs::remove_file(repo.at(".keysieve.baseline")).expect("removed");
    let made = repo.keysieve(&["baseline", "create", "--history"]);
    assert!(made.stdout.contains("2 added"), "{}{}", made.stdout, made.stderr);
    assert_eq!(repo.keysieve(&["scan", ".", "--exclude", ".git"]).status, 0);
}
