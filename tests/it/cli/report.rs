//! `keysieve report`: a saved result says in every format what the run itself would have said.

use super::made::{Tree, command, drive, ended, keysieve, keysieve_of};

const CLOCK: [&str; 3] = ["--now", "2026-11-23T12:00:00Z", "--reproducible"];
const FORMATS: [&str; 11] =
    ["human", "plain", "json", "jsonl", "sarif", "html", "csv", "junit", "gitlab", "github", "markdown"];

fn saved(tree: &Tree, format: &str, more: &[&str]) -> String {
    ended(command().arg("scan").arg(tree.path()).args(CLOCK).args(["--format", format]).args(more)).stdout
}

#[test]
fn every_format_is_as_the_run_itself_would_write_it() {
    let (tree, out) = (drive(), Tree::new());
    let out = out.file("a.json", saved(&tree, "json", &[])).file("a.jsonl", saved(&tree, "jsonl", &[]));
    for format in FORMATS {
        let expected = saved(&tree, format, &[]);
        for name in ["a.json", "a.jsonl"] {
            let path = out.at(name);
            let ended = keysieve([
                "report".as_ref(),
                path.as_os_str(),
                "--format".as_ref(),
                format.as_ref(),
                "--reproducible".as_ref(),
            ]);
            assert_eq!((ended.status, &*ended.stderr), (1, ""), "{format} of {name}");
            assert_eq!(ended.stdout, expected, "{format} of {name}");
        }
    }
}

#[test]
fn a_view_of_a_saved_result() {
    let json = saved(&drive(), "json", &[]);
    let all = keysieve_of(json.as_bytes(), &["report", "-", "--format", "json"]).json();
    let critical =
        keysieve_of(json.as_bytes(), &["report", "-", "--format", "json", "--min-severity", "critical"]);
    let critical = critical.json();
    let count = |report: &serde_json::Value| report["summary"]["findings"].as_u64().expect("a number");
    assert!(count(&critical) < count(&all));
    assert_eq!(critical["summary"]["filtered"].as_u64(), Some(count(&all) - count(&critical)));
}

/// A value that was saved on request is shown on request only.
#[test]
fn saved_values_are_shown_on_request_only() {
    let token = super::made::github(7);
    let tree = Tree::new().file("a.env", format!("T={token}"));
    let json = saved(&tree, "json", &["--show-secrets"]);
    assert!(json.contains(&token));
    for format in FORMATS {
        let shown = keysieve_of(json.as_bytes(), &["report", "-", "--format", format]).stdout;
        assert!(!shown.contains(&token), "{format}");
    }
    let asked = keysieve_of(json.as_bytes(), &["report", "-", "--format", "human", "--show-secrets"]).stdout;
    assert!(asked.contains(&token));
}

#[test]
fn what_is_no_result_is_told() {
    for (text, said) in [
        ("{", "line 1, column 1"),
        ("[]", "not as keysieve writes it"),
        ("", "not as keysieve writes it"),
        ("{\"type\":\"finding\"}\n", "line 1"),
        ("{\"type\":\"x\"}\n", "summary, is missing"),
    ] {
        let ended = keysieve_of(text.as_bytes(), &["report", "-"]);
        assert_eq!((ended.status, &*ended.stdout), (2, ""), "{text}");
        assert!(ended.stderr.contains(said), "{text}: {}", ended.stderr);
    }
    let ended = keysieve(["report", "none.json"]);
    assert_eq!(ended.status, 2);
    assert!(ended.stderr.contains("cannot read none.json"), "{}", ended.stderr);
}
