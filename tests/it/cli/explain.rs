//! `keysieve explain`: every answer names the detector, the filters and the result, and none shows the value.

use super::made::{Tree, command, ended, github, keysieve, keysieve_of, n8n};
use crate::common::Random;

fn explained(value: &str, arguments: &[&str]) -> String {
    let arguments: Vec<_> = ["explain"].into_iter().chain(arguments.iter().copied()).collect();
    let ended = keysieve_of(value.as_bytes(), &arguments);
    assert_eq!((ended.status, &*ended.stderr), (0, ""), "{arguments:?}");
    assert!(value.len() < 8 || !ended.stdout.contains(value), "{}", ended.stdout);
    ended.stdout
}

#[test]
fn a_token_is_explained() {
    let said = explained(&format!("{}\n", github(1)), &[]);
    for part in [
        "github-personal-access-token",
        "by its shape",
        "checksum wrong?",
        "passed",
        "result a finding: severity",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn a_dismissal_names_the_filter() {
    for (value, name, said) in [
        ("{{ $json.token }}", "X-Api-Key", "reference or template?"),
        ("YOUR_API_KEY_12345", "X-Api-Key", "placeholder?"),
    ] {
        let said_all = explained(value, &["--name", name]);
        assert!(said_all.contains("No finding"), "{said_all}");
        assert!(said_all.contains(said), "{value}: {said_all}");
    }
}

/// A token with a wrong checksum: the miss that a user asks about.
#[test]
fn a_wrong_checksum_is_told() {
    let mut token = github(1);
    let last = if token.pop() == Some('A') { 'B' } else { 'A' };
    token.push(last);
    let said = explained(&token, &[]);
    assert!(said.contains("the checksum in it is wrong"), "{said}");
}

#[test]
fn a_value_that_nobody_sees_is_explained_too() {
    let value = Random(5).alnum(40);
    let said = explained(&value, &[]);
    assert!(said.contains("counts only under a telling name"), "{said}");
    assert!(said.contains("apiKey    a finding, generic-api-key"), "{said}");
    let said = explained("ghp_tooShort", &[]);
    assert!(said.contains("it begins as"), "{said}");
}

#[test]
fn a_finding_of_a_report_is_explained() {
    let tree = Tree::new().file("a.json", n8n("Invoices", "Charge", "Jane", &github(1)));
    let report = ended(command().arg("scan").arg(tree.path()).args(["--format", "json"])).json();
    let finding = &report["findings"][0];
    for id in [&finding["fingerprint"], &finding["secret"]["fingerprint"]] {
        let id = id.as_str().expect("a fingerprint");
        let run = |id: &str| {
            keysieve(["explain".as_ref(), "--finding".as_ref(), id.as_ref(), tree.path().as_os_str()])
        };
        for id in [id, &id[..14]] {
            let ended = run(id);
            assert_eq!((ended.status, &*ended.stderr), (0, ""), "{id}");
            for part in
                ["parameters.headerParameters", "also   under the name \"X-Api-Key\"", "result a finding"]
            {
                assert!(ended.stdout.contains(part), "{part}: {}", ended.stdout);
            }
        }
    }
    let none =
        keysieve(["explain".as_ref(), "--finding".as_ref(), "kf1:none".as_ref(), tree.path().as_os_str()]);
    assert_eq!(none.status, 2);
    assert!(none.stderr.contains("no finding kf1:none"), "{}", none.stderr);
}

#[test]
fn a_text_is_explained() {
    let token = github(3);
    let said =
        explained(&format!("{{\"a\": 1, \"url\": \"https://x.example/?token={token}\"}}"), &["--text"]);
    assert!(said.contains("line 1, column") && !said.contains(&token), "{said}");
    assert!(explained("nothing here", &["--text"]).contains("No detector sees anything"));
}
