//! What is read, and what is said of the rest.

use serde_json::Value;

use super::made::{Ended, Tree, command, ended, github, keysieve, keysieve_of};
use crate::common::{Random, say};
use crate::containers::{find, gzip, noise, tar, zip};

fn scan(tree: &Tree) -> Ended {
    ended(command().arg("scan").arg(tree.path()).args(["--format", "json", "--show-secrets"]))
}

/// The last names of the places where something was found, and the secrets, in order.
fn found(report: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let findings = report["findings"].as_array().expect("findings");
    findings
        .iter()
        .map(|finding| {
            let display = text(&finding["location"]["display"]);
            (display.rsplit('/').next().unwrap_or_default().to_owned(), text(&finding["secret"]["value"]))
        })
        .collect()
}

/// The last names of what was not read, and why.
fn gaps(report: &Value) -> Vec<(String, String)> {
    let gaps = report["coverage"]["gaps"].as_array().expect("gaps");
    gaps.iter()
        .map(|gap| {
            let display =
                gap["place"]["display"].as_str().or(gap["place"]["path"].as_str()).unwrap_or_default();
            (
                display.rsplit('/').next().unwrap_or_default().to_owned(),
                gap["reason"].as_str().expect("a reason").to_owned(),
            )
        })
        .collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

#[test]
fn standard_input() {
    let token = github(1);
    let line = format!("T={token}\n");
    let ended = keysieve_of(line.as_bytes(), &["scan", "-", "--format", "json", "--show-secrets"]);
    assert_eq!(ended.status, 1);
    let report = ended.json();
    assert_eq!(found(&report), pairs(&[("-", &token)]));
    assert_eq!(report["findings"][0]["location"]["bytes"], serde_json::json!([2, 2 + token.len()]));
    // An archive may come that way too.
    let bytes = zip(&[("a/b.env", line.as_bytes())]);
    let report = keysieve_of(&bytes, &["scan", "-", "--format", "json", "--show-secrets"]).json();
    assert_eq!(found(&report), pairs(&[("b.env", &token)]));
    assert_eq!(keysieve_of(b"", &["scan", "-"]).status, 0);
}

#[test]
fn several_paths() {
    let tree =
        Tree::new().file("a.env", format!("T={}", github(1))).file("b/c.env", format!("T={}", github(2)));
    let ended = ended(command().arg("scan").arg(tree.at("b")).arg(tree.at("a.env")).args([
        "--format",
        "json",
        "--show-secrets",
    ]));
    assert_eq!(
        found(&ended.json()),
        pairs(&[("c.env", &github(2)), ("a.env", &github(1))]),
        "in the order given"
    );
}

#[test]
fn hidden_and_ignored_files() {
    let password = Random(1).alnum(10);
    let tree = Tree::new()
        .file(".gitignore", "*")
        .file(".env", format!("T={}", github(1)))
        .file(".git/config", format!("url = https://jane:{password}@example.com/x.git"))
        .file(
            "image.png",
            [b"\x89PNG\r\n\x1a\n\0\0\0\x38tEXtComment\0".as_slice(), github(2).as_bytes(), b"\0\0"].concat(),
        );
    let report = scan(&tree).json();
    let mut wanted = [(".env", &*github(1)), ("config", &*password), ("(metadata)", &*github(2))];
    wanted.sort();
    let mut seen = found(&report);
    seen.sort();
    assert_eq!(seen, pairs(&wanted));
    assert_eq!(report["coverage"]["files"], 4);
}

#[cfg(unix)]
#[test]
fn links_are_counted_and_not_followed() {
    let outside = Tree::new().file("secret.env", format!("T={}", github(1)));
    let tree = Tree::new().file("a", "x");
    std::os::unix::fs::symlink(outside.path(), tree.at("folder")).expect("a link");
    std::os::unix::fs::symlink(outside.at("secret.env"), tree.at("file")).expect("a link");
    std::os::unix::fs::symlink(tree.path(), tree.at("loop")).expect("a link");
    let ended = scan(&tree);
    let report = ended.json();
    assert_eq!((ended.status, found(&report)), (0, vec![]));
    assert_eq!(report["coverage"]["links"], 3);
}

/// A pipe that nobody writes to: whoever opened it to read would wait for ever.
#[cfg(unix)]
#[test]
fn what_is_no_file_is_a_gap() {
    let tree = Tree::new().file("a", "x");
    let made = std::process::Command::new("mkfifo").arg(tree.at("pipe")).status().expect("mkfifo");
    assert!(made.success());
    let ended = scan(&tree);
    assert_eq!(ended.status, 3);
    assert_eq!(gaps(&ended.json()), pairs(&[("pipe", "unreadable")]));
}

#[cfg(unix)]
#[test]
fn what_may_not_be_read_is_a_gap() {
    use std::os::unix::fs::PermissionsExt;
    let tree =
        Tree::new().file("a", "x").file("locked.env", format!("T={}", github(1))).file("folder/b", "y");
    let lock = |name: &str, mode| {
        std::fs::set_permissions(tree.at(name), std::fs::Permissions::from_mode(mode)).expect("set")
    };
    lock("locked.env", 0o000);
    lock("folder", 0o000);
    let is_root = std::fs::read(tree.at("locked.env")).is_ok();
    let ended = scan(&tree);
    lock("folder", 0o700);
    if is_root {
        say("this user reads everything; `what_is_no_file_is_a_gap` tests the same with a pipe");
        return;
    }
    assert_eq!(ended.status, 3);
    assert_eq!(gaps(&ended.json()), pairs(&[("folder", "unreadable"), ("locked.env", "unreadable")]));
}

#[test]
fn members_that_cannot_be_read_are_gaps() {
    let line = |number| format!("T={}\n", github(number));
    // A bit in both headers says that a password is needed (APPNOTE.TXT, 4.4.4).
    let mut encrypted = zip(&[("locked.env", b"?"), ("open.env", line(1).as_bytes())]);
    let entry = find(&encrypted, b"PK\x01\x02");
    encrypted[entry + 8] |= 1;
    encrypted[6] |= 1;
    let mut corrupt = zip(&[("noise.bin", &noise(5000, 1)), ("open.env", line(2).as_bytes())]);
    corrupt[2000..2100].fill(0xff);
    let cut = gzip(&noise(9000, 2));
    let whole = tar(&[("open.env", line(3).as_bytes()), ("long.bin", &noise(9000, 3))]);
    let tree = Tree::new()
        .file("a.zip", encrypted)
        .file("b.zip", corrupt)
        .file("c.gz", &cut[..4000])
        .file("d.tar", &whole[..4000])
        .file("e.7z", [b"7z\xbc\xaf\x27\x1c\0\x04".as_slice(), &noise(500, 4)].concat());
    let ended = scan(&tree);
    let report = ended.json();
    assert_eq!(ended.status, 1, "what can be read is read");
    assert_eq!(
        found(&report),
        pairs(&[("open.env", &github(1)), ("open.env", &github(2)), ("open.env", &github(3))])
    );
    let mut seen = gaps(&report);
    seen.sort();
    let wanted = [
        ("c", "truncated"),
        ("e.7z", "corrupt"),
        ("locked.env", "encrypted"),
        ("long.bin", "truncated"),
        ("noise.bin", "corrupt"),
    ];
    assert_eq!(seen, pairs(&wanted));
    // People are told as well.
    let human = keysieve(["scan".as_ref(), tree.path()]).stdout;
    for (name, reason) in wanted {
        assert!(human.contains(name) && human.contains(reason), "{name}: {human}");
    }
}

#[test]
fn names_are_text_too() {
    let [file, folder, member, entry] = [1, 2, 3, 4].map(github);
    let tree = Tree::new()
        .file(&format!("{file}.txt"), "x")
        .file(&format!("{folder}/y.txt"), "x")
        .file("z.zip", zip(&[(&format!("a/{member}.json"), b"{}")]))
        .file("z.tar", tar(&[(&format!("{entry}/x"), b"x")]));
    let report = scan(&tree).json();
    let mut seen: Vec<_> = found(&report).into_iter().map(|(_, secret)| secret).collect();
    seen.sort();
    let mut wanted = vec![file, folder, member, entry];
    wanted.sort();
    assert_eq!(seen, wanted);
    for finding in report["findings"].as_array().expect("findings") {
        assert_eq!(finding["location"]["bytes"], Value::Null, "it stands in no bytes");
    }
}
