//! Fingerprints of values, completions, manual pages and help.

use super::made::{Tree, command, ended, github, keysieve, keysieve_of};

#[test]
fn a_fingerprint_is_that_of_the_report() {
    let token = github(1);
    let tree = Tree::new().file("a.env", format!("T={token}\n"));
    let key = tree.at("key").display().to_string();
    let made = keysieve(["fingerprint", "--new-key", &key]);
    assert_eq!(made.status, 0);
    assert!(made.stdout.starts_with("kk1:"), "{}", made.stdout);
    assert_eq!(std::fs::metadata(&key).expect("made").len(), 32);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&key).expect("made").permissions().mode() & 0o777, 0o600);
    }
    let again = keysieve(["fingerprint", "--new-key", &key]);
    assert_eq!(again.status, 4, "a key is never overwritten");

    let in_report = |more: &[&str]| {
        let path = tree.at("a.env");
        let report = ended(command().arg("scan").arg(path).args(["--format", "json"]).args(more)).json();
        report["findings"][0]["secret"]["fingerprint"].as_str().expect("a fingerprint").to_owned()
    };
    let keyed = ["--fingerprint-key-file", key.as_str()];
    let said = keysieve_of(token.as_bytes(), &["fingerprint"]).stdout;
    assert_eq!(said, format!("without a key  {}\n", in_report(&[])));
    let said = keysieve_of(token.as_bytes(), &[&["fingerprint"][..], &keyed[..]].concat()).stdout;
    assert!(said.ends_with(&format!("{}\n", in_report(&keyed))), "{said}");
}

#[test]
fn a_guessable_value_has_no_name_without_a_key() {
    let said = keysieve_of(b"hunter2!\n", &["fingerprint"]);
    assert_eq!(said.status, 0);
    assert!(
        said.stdout.contains("none: the value can be guessed") && !said.stdout.contains("ks1:"),
        "{}",
        said.stdout
    );
    assert_eq!(keysieve_of(b"\n", &["fingerprint"]).status, 2);
}

#[test]
fn completions_and_pages_know_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ended = keysieve(["completions", shell]);
        assert_eq!((ended.status, &*ended.stderr), (0, ""), "{shell}");
        assert!(ended.stdout.contains("fingerprint") && ended.stdout.contains("check"), "{shell}");
    }
    let tree = Tree::new();
    assert_eq!(keysieve(["man".as_ref(), tree.path().as_os_str()]).status, 0);
    for page in ["keysieve.1", "keysieve-check.1", "keysieve-scan.1"] {
        let text = std::fs::read_to_string(tree.at(page)).expect(page);
        assert!(text.contains(".TH"), "{page}");
    }
    assert!(!tree.at("keysieve-decode-worker.1").exists());
    assert!(keysieve(["man"]).stdout.contains(".TH keysieve"));
}

/// A screen has some fifty lines, and examples are on it.
#[test]
fn the_short_help_fits_a_screen() {
    for arguments in [
        vec!["-h"],
        vec!["scan", "-h"],
        vec!["check", "-h"],
        vec!["demo", "-h"],
        vec!["explain", "-h"],
        vec!["report", "-h"],
    ] {
        let ended = keysieve(&arguments);
        assert_eq!(ended.status, 0);
        let lines = ended.stdout.lines().count();
        assert!(lines <= 50, "{arguments:?}: {lines} lines\n{}", ended.stdout);
        assert!(arguments.contains(&"demo") || ended.stdout.contains("Examples:"), "{arguments:?}");
    }
    assert!(keysieve(["scan", "--help"]).stdout.contains("--max-ratio"));
    assert!(!keysieve(["scan", "-h"]).stdout.contains("--max-ratio"));
}
