//! `keysieve signatures`, and rule files through `--signatures`.

use std::path::Path;

use super::made::{Tree, github, keysieve, keysieve_of};

/// Rules as Gitleaks has them: one that can be carried over, one that cannot.
const RULES: &str = r#"
[[rules]]
id = "acme-badge"
description = "Acme badge"
regex = '''\b(badge_[0-9]{20})\b'''
keywords = ["badge_"]

[[rules]]
id = "no-keywords"
regex = '''[0-9]{20}'''
"#;

fn at(tree: &Tree, name: &str) -> String {
    tree.at(name).to_str().expect("UTF-8").to_owned()
}

#[test]
fn signatures_are_listed_and_shown() {
    let listed = keysieve(["signatures", "list", "--vendor", "github"]);
    assert_eq!(listed.status, 0, "{}", listed.stderr);
    let first = listed.stdout.split_whitespace().next().expect("a signature").to_owned();
    let shown = keysieve(["signatures", "show", &first]);
    assert_eq!(shown.status, 0, "{}", shown.stderr);
    for said in [&*first, "GitHub", "revoke", "shape"] {
        assert!(shown.stdout.contains(said), "{said}: {}", shown.stdout);
    }
    assert_eq!(keysieve(["signatures", "show", "none-of-them"]).status, 2);
    assert_eq!(keysieve(["signatures", "list", "--vendor", "none-of-them"]).status, 2);
}

#[test]
fn a_text_is_tried() {
    let token = github(3);
    let text = format!("TOKEN={token}\npassword = \"changeme\"\n");
    let tried = keysieve_of(text.as_bytes(), &["signatures", "test"]);
    assert_eq!(tried.status, 0, "{}", tried.stderr);
    assert!(tried.stdout.contains("stands"), "{}", tried.stdout);
    assert!(tried.stdout.contains("dismissed: placeholder word"), "{}", tried.stdout);
    assert!(!tried.stdout.contains(&token), "no value is shown");
}

#[test]
fn signatures_of_ones_own_are_checked() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/signatures");
    let folder = |name: &str| data.join(name).to_str().expect("UTF-8").to_owned();
    let good = keysieve(["signatures", "lint", &folder("good")]);
    assert_eq!(good.status, 0, "{}", good.stderr);
    assert_eq!(keysieve(["signatures", "lint", &folder("bad")]).status, 2);
    let wrong = "vendor = \"acme\"\nname = \"Acme\"\nsource = \"docs\"\nrevoke = \"settings\"\n[[signature]]\n\
                 id = \"acme-badge\"\ndescription = \"Acme badge\"\nseverity = \"low\"\nlifetime = \"unknown\"\n\
                 shape = \"badge_<digit:20>\"\npositive = [\"badge_<digit:19>\"]\n";
    let tree = Tree::new().file("acme.toml", wrong);
    let linted = keysieve(["signatures", "lint", &at(&tree, "acme.toml")]);
    assert_eq!(linted.status, 2);
    assert!(linted.stderr.contains("signature acme-badge: positive example 1"), "{}", linted.stderr);
}

#[test]
fn rule_files_are_brought_along() {
    let value = format!("badge_{}", "7301948265".repeat(2).replace("22", "28"));
    let tree = Tree::new().file("rules.toml", RULES).file("in.txt", format!("see {value} there\n"));
    let scanned = keysieve([
        "scan",
        &at(&tree, "in.txt"),
        "--format",
        "json",
        "--signatures",
        &at(&tree, "rules.toml"),
    ]);
    let report = scanned.json();
    assert_eq!(report["findings"][0]["signature"], "acme-badge", "{report}");
    assert!(scanned.stderr.contains("rule no-keywords: left out: no keywords"), "{}", scanned.stderr);
}
