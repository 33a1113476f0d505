//! `keysieve check` as somebody uses it who wants to publish a flow.

use serde_json::json;

use super::made::{Ended, Tree, command, ended, github, keysieve, keysieve_of, n8n, solution};
use crate::containers::{noise, zip};

fn check(tree: &Tree, more: &[&str]) -> Ended {
    ended(command().arg("check").arg(tree.path()).args(more))
}

#[test]
fn the_verdict_comes_first() {
    let tree = Tree::new()
        .file("invoices.json", n8n("Invoices", "Charge", "Jane", &github(1)))
        .file("Billing.zip", solution("Pay", "owner@example.org", "Pay_the_bill", &github(2)));
    let said = check(&tree, &[]);
    assert_eq!((said.status, &*said.stderr), (1, ""));
    assert!(said.stdout.starts_with("Do not publish: 2 credentials.\n"), "{}", said.stdout);
    let flat = said.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "n8n flow \"Invoices\", owner Jane",
        "step \"Charge\"",
        "Power Automate flow \"Pay\"",
        "step \"Pay the bill\"",
        "https://github.com/settings/tokens",
        "Generic Credential Type",
        "Everybody who gets a copy of this flow",
        "run this check again",
    ] {
        assert!(flat.contains(part), "{part}: {}", said.stdout);
    }
    for jargon in ["line 1", "kf1:", "confidence", "severity", "CWE"] {
        assert!(!said.stdout.contains(jargon), "{jargon}: {}", said.stdout);
    }
    let details = check(&tree, &["--details"]).stdout;
    assert!(details.contains("line 1, column") && details.contains("kf1:"), "{details}");
}

#[test]
fn a_clean_export_may_go() {
    let tree = Tree::new().file("a.json", n8n("Invoices", "Charge", "Jane", "={{ $vars.key }}"));
    let said = check(&tree, &[]);
    let sentence = "Nothing found that must not be published; all of it was read.\n";
    assert_eq!((said.status, &*said.stdout), (0, sentence));
}

#[test]
fn what_was_not_read_is_no_clean_bill() {
    let mut broken = zip(&[("a.bin", &noise(3000, 1))]);
    broken[1500..1600].fill(0xff);
    let tree = Tree::new().file("broken.zip", broken);
    let said = check(&tree, &[]);
    assert_eq!(said.status, 3);
    assert!(said.stdout.starts_with("Not sure: "), "{}", said.stdout);
    assert!(said.stdout.contains("broken.zip!/a.bin"), "{}", said.stdout);
    assert_eq!(check(&tree, &["--allow-incomplete"]).status, 0);
}

/// What ends by itself is of severity low: `check` stops there, `scan` does not.
#[test]
fn low_severity_stops_a_publication() {
    let tree = Tree::new().file("a.txt", crate::common::token("github-app-installation-token", 1));
    assert_eq!(ended(command().arg("scan").arg(tree.path())).status, 0);
    assert_eq!(check(&tree, &[]).status, 1);
    assert_eq!(check(&tree, &["--fail-on", "medium"]).status, 0);
}

fn policy(tree: &Tree, text: &str) -> String {
    let path = tree.at("policy.toml");
    std::fs::write(&path, text).expect("written");
    path.display().to_string()
}

#[test]
fn a_policy_looks_at_flows_without_credentials_too() {
    let tree = Tree::new().file("x/a.json", n8n("Invoices", "Charge", "Jane", "={{ $vars.key }}"));
    let export = tree.at("x").display().to_string();
    for (rules, said) in [
        ("[hosts]\nallow = [\"*.example.org\"]", Some("The host api.example.com may not be called.")),
        ("[hosts]\nallow = [\"*.example.com\"]", None),
        ("[hosts]\ndeny = [\"API.*\"]", Some("The host api.example.com may not be called.")),
        (
            "[connectors]\nallow = [\"n8n-nodes-base.slack\"]",
            Some("n8n-nodes-base.httpRequest may not be used."),
        ),
        ("[connectors]\nallow = [\"n8n-*\"]", None),
        ("[references]\nallow = [\"credential-store\"]", Some("a variable or parameter of the flow")),
        (
            "[[require]]\nconnectors = [\"*.httpRequest\"]\nreferences = [\"credential-store\"]\nreason = \"so it is\"",
            Some("must take its credential from the platform's credential store: so it is."),
        ),
    ] {
        let file = policy(&tree, rules);
        let ended = keysieve(["check", &export, "--policy", &file]);
        let expected = if said.is_some() { 1 } else { 0 };
        assert_eq!(ended.status, expected, "{rules}: {}{}", ended.stdout, ended.stderr);
        if let Some(said) = said {
            assert!(ended.stdout.starts_with("Do not publish: 1 breach of the policy."), "{}", ended.stdout);
            assert!(ended.stdout.contains(said), "{rules}: {}", ended.stdout);
            assert!(ended.stdout.contains("step \"Charge\""), "{}", ended.stdout);
        }
    }
}

/// Standard input comes only once, and is read twice for a policy.
#[test]
fn a_policy_reads_standard_input() {
    let tree = Tree::new();
    let file = policy(&tree, "[hosts]\nallow = []");
    let ended = keysieve_of(&n8n("a", "b", "c", "={{ $vars.key }}"), &["check", "-", "--policy", &file]);
    assert_eq!(ended.status, 1, "{}", ended.stderr);
    assert!(ended.stdout.contains("api.example.com"), "{}", ended.stdout);
}

#[test]
fn a_policy_lets_pass_what_it_names() {
    let tree = Tree::new().file("x/a.json", n8n("Invoices", "Charge", "Jane", &github(1)));
    let export = tree.at("x").display().to_string();
    let allow = |conditions: &str| format!("[[allow]]\nreason = \"we know\"\n{conditions}");
    for (conditions, status) in [
        ("vendors = [\"github\"]", 0),
        ("vendors = [\"slack\"]", 1),
        ("storage = [\"hard-coded\"]\nvendors = [\"github\"]", 0),
        ("storage = [\"note\"]\nvendors = [\"github\"]", 1),
        ("max-severity = \"critical\"", 0),
        ("max-severity = \"low\"", 1),
        ("lifetime = [\"short-lived\"]", 1),
    ] {
        let file = policy(&tree, &allow(conditions));
        let ended = keysieve(["check", &export, "--policy", &file, "--format", "json"]);
        assert_eq!(ended.status, status, "{conditions}");
        let accepted = &ended.json()["findings"][0]["accepted"];
        let expected = if status == 0 { json!(["policy", "we know"]) } else { json!([null, null]) };
        assert_eq!(json!([accepted["by"], accepted["reason"]]), expected, "{conditions}");
    }
}

#[test]
fn a_wrong_policy_is_told_with_its_line() {
    let tree = Tree::new().file("a.json", "{}");
    let file = policy(&tree, "\n[hosts]\nalow = []\n");
    let ended =
        keysieve(["check".as_ref(), tree.at("a.json").as_os_str(), "--policy".as_ref(), file.as_ref()]);
    assert_eq!((ended.status, &*ended.stdout), (2, ""));
    assert!(ended.stderr.contains("policy.toml, line 3: unknown field `alow`"), "{}", ended.stderr);
    assert!(ended.stderr.contains("--policy-example"), "{}", ended.stderr);
    let ended =
        keysieve(["check".as_ref(), tree.at("a.json").as_os_str(), "--policy".as_ref(), "none".as_ref()]);
    assert_eq!(ended.status, 2);
    assert!(ended.stderr.contains("cannot read the policy none"), "{}", ended.stderr);
}

#[test]
fn the_example_policy_works() {
    let example = keysieve(["check", "--policy-example"]);
    assert_eq!(example.status, 0);
    let tree = Tree::new().file("a.json", "{}");
    let file = policy(&tree, &example.stdout);
    let ended =
        keysieve(["check".as_ref(), tree.at("a.json").as_os_str(), "--policy".as_ref(), file.as_ref()]);
    assert_eq!((ended.status, &*ended.stderr), (0, ""));
}

/// What stands in an export comes from whoever made it.
#[test]
fn marks_count_only_if_they_are_trusted() {
    let tree = Tree::new().file("a.env", format!("T={} # keysieve:allow\n", github(1)));
    assert_eq!(ended(command().arg("scan").arg(tree.path())).status, 0);
    assert_eq!(check(&tree, &[]).status, 1);
    let trusted = check(&tree, &["--trust-marks"]);
    assert_eq!(trusted.status, 0, "{}", trusted.stdout);
    assert!(trusted.stdout.contains("Accepted, so no reason to stop: 1 credential."), "{}", trusted.stdout);
    let tree = Tree::new().file("x/a.env", format!("T={}\n", github(1)));
    let tree = tree.file("x/.keysieveignore", "*\n").file("own", "*.env\n");
    assert_eq!(check(&tree, &[]).status, 1, "nor do files beside it");
}
