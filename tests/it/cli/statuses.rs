//! Each exit status, and what it says where.

use super::made::{Tree, github, keysieve};
use crate::containers::zip;

fn clean() -> Tree {
    Tree::new().file("a.json", "{\"a\": 1}")
}

fn with_finding() -> Tree {
    Tree::new().file("a.env", format!("GITHUB_TOKEN={}", github(1)))
}

fn scan(tree: &Tree, options: &[&str]) -> i32 {
    let path = tree.path().as_os_str();
    keysieve(["scan".as_ref(), path].into_iter().chain(options.iter().map(|option| option.as_ref()))).status
}

#[test]
fn nothing_found_is_0() {
    let ended = keysieve(["scan".as_ref(), clean().path()]);
    assert_eq!((ended.status, &*ended.stderr), (0, ""), "{}", ended.stdout);
}

#[test]
fn findings_are_1() {
    let tree = with_finding();
    assert_eq!(scan(&tree, &[]), 1);
    // By how bad they are: a GitHub token is critical or high, and nothing is above critical.
    assert_eq!(scan(&tree, &["--fail-on", "low"]), 1);
    let expired = Tree::new().file(
        "a.txt",
        crate::common::jwt(&serde_json::json!({"exp": 1_000_000_000}), &mut crate::common::Random(1)),
    );
    assert_eq!(scan(&expired, &[]), 0, "an expired token is low, and medium counts");
    assert_eq!(scan(&expired, &["--fail-on", "low"]), 1);
    assert_eq!(scan(&expired, &["--fail-on", "low", "--lifetime", "long-lived,expiring"]), 0);
    assert_eq!(scan(&expired, &["--fail-on", "low", "--lifetime", "all"]), 1);
    assert_eq!(
        scan(
            &tree,
            &["--min-severity", "critical", "--fail-on", "critical", "--min-confidence", "high", "-q"]
        ),
        1
    );
}

#[test]
fn wrong_usage_is_2() {
    let tree = clean();
    let path = tree.path().to_str().expect("UTF-8");
    let missing = tree.at("missing");
    let missing = missing.to_str().expect("UTF-8");
    let key = tree.at("a.json");
    let key = key.to_str().expect("UTF-8");
    for (arguments, said) in [
        (vec![], "Usage"),
        (vec!["scan"], "PATH"),
        (vec!["scna", path], "scan"),
        (vec!["scan", path, "--fail-on", "severe"], "critical"),
        (vec!["scan", path, "--format", "yaml"], "sarif"),
        (vec!["scan", path, "--lifetime", "short"], "short-lived"),
        (vec!["scan", path, "--now", "yesterday"], "2026-11-23T00:00:00Z"),
        (vec!["scan", path, "--threads", "0"], "threads"),
        (vec!["scan", path, "--exclude", "a[b"], "glob"),
        (vec!["scan", path, "--output", "report"], "format"),
        (vec!["scan", path, "--fingerprint-key-file", key], "a.json"),
        (vec!["scan", path, "--signatures", missing], "missing"),
        (vec!["scan", missing], "missing"),
    ] {
        let ended = keysieve(&arguments);
        assert_eq!(ended.status, 2, "{arguments:?}: {}{}", ended.stdout, ended.stderr);
        assert!(ended.stderr.contains(said), "{arguments:?}: {}", ended.stderr);
        assert_eq!(ended.stdout, "", "{arguments:?}");
    }
}

#[test]
fn help_and_version_are_0() {
    for arguments in [vec!["--help"], vec!["scan", "--help"], vec!["help", "demo"], vec!["--version"]] {
        let ended = keysieve(&arguments);
        assert_eq!((ended.status, &*ended.stderr), (0, ""), "{arguments:?}");
        assert!(ended.stdout.contains("keysieve"), "{arguments:?}");
    }
    assert!(keysieve(["--version"]).stdout.contains(env!("CARGO_PKG_VERSION")));
}

#[test]
fn what_was_not_read_is_3() {
    let mut bytes = zip(&[("a.txt", "a text that is long enough to be cut ".repeat(40).as_bytes())]);
    bytes.truncate(60);
    let tree = clean().file("cut.zip", bytes);
    assert_eq!(scan(&tree, &[]), 3);
    assert_eq!(scan(&tree, &["--allow-incomplete"]), 0);
    // Findings outrank that.
    let tree = tree.file("a.env", format!("GITHUB_TOKEN={}", github(2)));
    assert_eq!(scan(&tree, &[]), 1);
    assert_eq!(scan(&tree, &["--allow-incomplete"]), 1);
}

#[test]
fn an_output_that_cannot_be_written_is_4() {
    for tree in [clean(), with_finding()] {
        let output = tree.at("no/such/folder/report.json");
        let ended =
            keysieve(["scan".as_ref(), tree.path().as_os_str(), "--output".as_ref(), output.as_os_str()]);
        assert_eq!(ended.status, 4, "{}", ended.stderr);
        assert!(ended.stderr.contains("report.json"), "{}", ended.stderr);
    }
}
