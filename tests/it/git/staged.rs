//! `keysieve git --staged`: what the next commit would add, and nothing else.

use std::process::Stdio;

use serde_json::json;

use super::made::{Repo, flow, git, key, keysieve_in};
use crate::containers::zip;

#[test]
fn before_the_first_commit_everything_is_new() {
    let repo = Repo::new();
    assert_eq!((repo.staged().status, repo.staged().open().len()), (0, 0));
    repo.write("a.env", format!("TOKEN={}", key(1))).git(&["add", "."]);
    assert_eq!((repo.staged().status, repo.staged().open()), (1, vec!["a.env".to_owned()]));
}

#[test]
fn only_what_is_staged_counts() {
    let repo = Repo::new();
    repo.write("a.env", "A=1").commit("first");
    repo.write("a.env", format!("TOKEN={}", key(1)));
    assert_eq!(repo.staged().open().len(), 0, "changed in the work tree alone");
    repo.git(&["add", "a.env"]);
    repo.write("a.env", "A=2");
    assert_eq!(repo.staged().open(), ["a.env"], "staged, and gone from the work tree");
}

#[test]
fn a_secret_that_was_there_is_not_new() {
    let repo = Repo::new();
    repo.write("flow.json", flow(&[key(1)])).commit("first");
    repo.write("flow.json", flow(&[key(1)]).replace("Flow", "Renamed")).git(&["add", "."]);
    assert_eq!(repo.staged().open().len(), 0, "the one line of the file has changed, the secret has not");
    repo.write("flow.json", flow(&[key(1), key(2)])).git(&["add", "."]);
    let json = repo.staged().json();
    assert_eq!(json["findings"].as_array().expect("findings").len(), 1);
    assert_eq!(json["findings"][0]["step"]["name"], "Step 1");
}

#[test]
fn a_renamed_file_brings_nothing_new() {
    let repo = Repo::new();
    let text = |more: &str| format!("{}TOKEN={}\n{more}", "Lorem ipsum dolor\n".repeat(50), key(1));
    repo.write("old/a.txt", text("")).commit("first");
    repo.git(&["mv", "old", "new"]);
    assert_eq!(repo.staged().open().len(), 0, "only moved");
    repo.write("new/a.txt", text("more\n")).git(&["add", "."]);
    assert_eq!(repo.staged().open().len(), 0, "moved and changed");
    repo.write("new/a.txt", text(&format!("OTHER_TOKEN={}\n", key(2)))).git(&["add", "."]);
    assert_eq!(repo.staged().open(), ["new/a.txt"]);
    repo.write("copy.txt", text("")).git(&["add", "."]);
    assert_eq!(repo.staged().open().len(), 2, "a copy is another place");
}

#[test]
fn archives_and_office_files_are_unpacked() {
    let repo = Repo::new();
    let body = |text: &str| {
        format!("<w:document><w:body><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:body></w:document>")
    };
    let docx = |text: &str| {
        zip(&[("[Content_Types].xml", b"<Types/>"), ("word/document.xml", body(text).as_bytes())])
    };
    let export = |token: &str| zip(&[("Workflows/a.json", flow(&[token.to_owned()]).as_bytes())]);
    repo.write("export.zip", export(&key(1))).write("notes.docx", docx("nothing")).commit("first");
    repo.write("notes.docx", docx(&format!("the token is {}", key(2)))).git(&["add", "."]);
    assert_eq!(repo.staged().open(), ["notes.docx!/word/document.xml"]);
    repo.write(
        "export.zip",
        zip(&[("more.txt", &b"x"[..]), ("Workflows/a.json", flow(&[key(1)]).as_bytes())]),
    );
    repo.git(&["add", "."]);
    assert_eq!(repo.staged().open(), ["notes.docx!/word/document.xml"], "packed anew with the same secret");
    repo.write("export.zip", export(&key(3))).git(&["add", "."]);
    assert_eq!(repo.staged().open().len(), 2);
}

#[test]
fn binary_files_and_odd_names_are_read() {
    let repo = Repo::new();
    let utf16: Vec<u8> =
        format!("\u{feff}TOKEN={}", key(1)).encode_utf16().flat_map(u16::to_le_bytes).collect();
    repo.write("bin/a.dat", utf16).write("ünïcode \"quoted\" name.env", format!("TOKEN={}", key(2)));
    repo.git(&["add", "."]);
    let mut open = repo.staged().open();
    open.sort();
    assert_eq!(open.len(), 2);
    assert!(open.iter().any(|place| place.contains("ünïcode")), "{open:?}");
}

#[test]
fn paths_are_those_of_the_repository_in_any_folder() {
    let repo = Repo::new();
    repo.write("a/b/c.env", format!("TOKEN={}", key(1))).write("d.env", format!("TOKEN={}", key(2)));
    repo.git(&["add", "."]);
    let ended = keysieve_in(&repo.at("a"), &["git", "--staged", "--format", "json"]);
    assert_eq!(ended.open(), ["a/b/c.env", "d.env"]);
}

#[test]
fn another_index_is_read_if_git_says_so() {
    let repo = Repo::new();
    repo.write("a.env", "A=1").commit("first");
    repo.write("b.env", format!("TOKEN={}", key(1)));
    let index = repo.at(".git/other");
    std::fs::copy(repo.at(".git/index"), &index).expect("copied");
    let mut add = git(repo.path());
    assert!(add.env("GIT_INDEX_FILE", &index).args(["add", "b.env"]).status().expect("git").success());
    assert_eq!(repo.staged().open().len(), 0);
    let mut own = std::process::Command::new(env!("CARGO_BIN_EXE_keysieve"));
    own.current_dir(repo.path()).env("GIT_INDEX_FILE", &index).stdout(Stdio::piped());
    let output = own.args(["git", "--staged", "--format", "json"]).output().expect("the binary");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn worktrees_are_repositories_too() {
    let repo = Repo::new();
    repo.write("a.env", "A=1").commit("first");
    let tree = tempfile::tempdir().expect("a folder");
    let path = tree.path().join("tree");
    repo.git(&["worktree", "add", "-q", "-b", "side", path.to_str().expect("a name")]);
    std::fs::write(path.join("b.env"), format!("TOKEN={}", key(1))).expect("written");
    assert!(git(&path).args(["add", "."]).status().expect("git").success());
    assert_eq!(keysieve_in(&path, &["git", "--staged", "--format", "json"]).open(), ["b.env"]);
    assert_eq!(repo.staged().open().len(), 0);
}

#[test]
fn submodules_are_left_to_themselves() {
    let inner = Repo::new();
    inner.write("a.env", format!("TOKEN={}", key(1))).commit("inner");
    let repo = Repo::new();
    repo.git(&["submodule", "add", "-q", inner.path().to_str().expect("a name"), "sub"]);
    let ended = repo.staged();
    assert_eq!((ended.status, ended.open().len()), (0, 0));
    assert_eq!(ended.json()["coverage"]["links"], 1);
    repo.write("sub/b.env", format!("TOKEN={}", key(2)));
    assert!(git(&repo.at("sub")).args(["add", "."]).status().expect("git").success());
    let within = keysieve_in(&repo.at("sub"), &["git", "--staged", "--format", "json"]);
    assert_eq!(within.open(), ["b.env"]);
}

#[test]
fn repositories_of_sha_256_are_read() {
    let repo = Repo::with(&["--object-format=sha256"]);
    repo.write("a.env", format!("TOKEN={}", key(1))).git(&["add", "."]);
    assert_eq!(repo.staged().open(), ["a.env"], "without a commit");
    repo.commit("first");
    repo.write("a.env", format!("TOKEN={}\nB=1", key(1))).git(&["add", "."]);
    assert_eq!(repo.staged().open().len(), 0);
    assert_eq!(repo.history(&["--history"]).open(), ["a.env"]);
}

#[test]
fn what_a_merge_brings_was_committed_before() {
    let repo = Repo::new();
    repo.write("a.env", "A=1\n").write("c.txt", "one\n").commit("first");
    repo.git(&["checkout", "-q", "-b", "side"]);
    repo.write("b.env", format!("TOKEN={}\n", key(1))).write("c.txt", "two\n").commit("side");
    repo.git(&["checkout", "-q", "main"]);
    repo.write("c.txt", "three\n").commit("main");
    assert_ne!(repo.try_git(&["merge", "-q", "side"]).status, 0, "a conflict");
    let ended = repo.staged();
    assert_eq!((ended.status, ended.open().len()), (3, 0), "c.txt is not merged yet");
    assert_eq!(ended.json()["coverage"]["gaps"][0]["place"]["path"], "c.txt");
    repo.write("c.txt", format!("OTHER_TOKEN={}", key(2))).git(&["add", "."]);
    assert_eq!(repo.staged().open(), ["c.txt"], "what solving the conflict adds is new");
}

#[test]
fn a_deleted_file_and_a_changed_mode_are_nothing() {
    let repo = Repo::new();
    repo.write("a.env", format!("TOKEN={}", key(1)))
        .write("b.env", format!("TOKEN={}", key(2)))
        .commit("first");
    repo.git(&["rm", "-q", "a.env"]);
    repo.git(&["update-index", "--chmod=+x", "b.env"]);
    let ended = repo.staged();
    assert_eq!((ended.status, ended.json()["coverage"]["files"].clone()), (0, 0.into()));
}

#[test]
fn many_files_come_in_their_order() {
    let repo = Repo::new();
    for number in 0..300 {
        repo.write(&format!("{number:03}.env"), format!("TOKEN={}\n{}", key(number), "x ".repeat(4000)));
    }
    repo.git(&["add", "."]);
    let expected: Vec<String> = (0..300).map(|number| format!("{number:03}.env")).collect();
    let of =
        |threads: &str| repo.keysieve(&["git", "--staged", "--format", "json", "--threads", threads]).open();
    assert_eq!(of("1"), expected);
    assert_eq!(of("4"), expected);
}

#[test]
fn large_files_are_read_as_they_come() {
    let repo = Repo::new();
    let mut text = "Lorem ipsum dolor sit amet. \n".repeat(1_250_000);
    text.push_str(&format!("TOKEN={}\n", key(1)));
    repo.write("large.txt", text).git(&["add", "."]);
    assert_eq!(repo.staged().open(), ["large.txt"]);
}

#[test]
fn the_files_beside_are_those_that_are_staged() {
    let repo = Repo::new();
    let names = |label: &str| {
        let nodes = json!([{"id": "t1", "type": "tab", "label": label},
                           {"id": "n1", "type": "http request", "z": "t1", "name": "Call", "wires": []}]);
        nodes.to_string()
    };
    let kept = |number| json!({"n1": {"password": key(number)}}).to_string();
    for folder in ["", "deep/er/"] {
        let (flows, credentials) = (format!("{folder}flows.json"), format!("{folder}flows_cred.json"));
        repo.write(&flows, names("As it is staged")).write(&credentials, kept(1)).git(&["add", "."]);
        repo.write(&flows, names("As it lies in the work tree"));
        let flow = |json: &serde_json::Value| json["findings"][0]["flow"]["name"].clone();
        assert_eq!(flow(&repo.staged().json()), "As it is staged", "{folder}");
        std::fs::remove_file(repo.at(&flows)).expect("removed");
        assert_eq!(flow(&repo.staged().json()), "As it is staged", "{folder}");
        repo.git(&["rm", "-q", "-r", "--cached", "."]);
    }
}

#[test]
fn outside_of_a_repository_it_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    for call in
        [&["git", "--staged"][..], &["git", "--history"], &["git", "--history", "a..b"], &["hook", "status"]]
    {
        let ended = keysieve_in(folder.path(), call);
        assert_eq!(ended.status, 2, "{call:?}");
        assert!(ended.stderr.contains("no git repository here"), "{}", ended.stderr);
    }
    assert_eq!(keysieve_in(folder.path(), &["git"]).status, 2);
}
