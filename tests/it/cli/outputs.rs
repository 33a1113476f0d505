//! Formats and where they go.

use std::fs;

use serde_json::Value;

use super::made::{IN_DRIVE, Tree, command, drive, ended, github, keysieve, keysieve_of};
use crate::report::schemas::{assert_valid, line_schema, sarif_schema, schema};

const CLOCK: [&str; 2] = ["--now", "2026-11-23T12:00:00Z"];

#[test]
fn every_format_is_as_its_schema_says() {
    let tree = drive();
    let out = Tree::new();
    let [json, jsonl, sarif, text] = ["a.json", "a.jsonl", "a.sarif", "a.txt"].map(|name| out.at(name));
    let ended = ended(
        command()
            .arg("scan")
            .arg(tree.path())
            .args(CLOCK)
            .args(["--output".as_ref(), json.as_os_str(), "-o".as_ref(), jsonl.as_os_str()])
            .args(["--output".as_ref(), sarif.as_os_str(), "-o".as_ref(), text.as_os_str()]),
    );
    assert_eq!((ended.status, &*ended.stderr), (1, ""));
    let read = |path| fs::read_to_string(path).expect("written");
    // The terminal has the report for people as well.
    assert!(ended.stdout.contains("Charge the card"), "{}", ended.stdout);
    assert!(read(&text).contains("Charge the card"));

    let report: Value = serde_json::from_str(&read(&json)).expect("JSON");
    assert_valid(&schema(), &report);
    let findings = report["findings"].as_array().expect("findings");
    assert_eq!(findings.len(), IN_DRIVE);

    let lines: Vec<Value> =
        read(&jsonl).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let schema = line_schema();
    lines.iter().for_each(|line| assert_valid(&schema, line));
    assert_eq!(lines.iter().filter(|line| line["type"] == "finding").count(), IN_DRIVE);

    let log: Value = serde_json::from_str(&read(&sarif)).expect("JSON");
    assert_valid(&sarif_schema(), &log);
    let results = log["runs"][0]["results"].as_array().expect("results");
    assert_eq!(results.len(), IN_DRIVE);
    assert!(
        results
            .iter()
            .all(|result| result["partialFingerprints"].as_object().is_some_and(|all| !all.is_empty()))
    );
}

/// Whose each of the findings in an export is.
#[test]
fn findings_are_told_by_flow_and_step() {
    let tree = drive();
    let report = ended(command().arg("scan").arg(tree.path()).args(["--format", "json"]).args(CLOCK)).json();
    let place = |path: &str| {
        let findings = report["findings"].as_array().expect("findings");
        let found = findings
            .iter()
            .find(|finding| finding["location"]["display"].as_str().is_some_and(|text| text.contains(path)));
        let finding = found.unwrap_or_else(|| panic!("nothing in {path}"));
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        ["platform", "name", "owner", "state"]
            .map(|name| text(&finding["flow"][name]))
            .into_iter()
            .chain([text(&finding["step"]["name"])])
            .collect::<Vec<_>>()
    };
    assert_eq!(place("n8n/invoices.json"), ["n8n", "Invoices", "Jane <jane@example.org>", "on", "Charge"]);
    assert_eq!(
        place("Billing_1_0.zip"),
        ["power-automate", "Charge", "owner@example.org", "on", "Charge the card"]
    );
    assert_eq!(place("nodered/flows.json")[..2], ["node-red", "House"]);
    assert_eq!(place("nodered/flows.json")[4], "Build");
    assert_eq!(place("nodered/flows_cred.json")[4], "Broker", "its name stands in the flows beside it");
}

#[test]
fn standard_output_takes_any_format() {
    let input = format!("T={}\n", github(1));
    for (arguments, begins) in [
        (vec!["--format", "json"], "{"),
        (vec!["--format", "jsonl"], "{"),
        (vec!["--format", "sarif"], "{"),
        (vec!["--output", "json=-"], "{"),
        (vec!["--format", "human"], "-"),
    ] {
        let arguments: Vec<&str> = ["scan", "-"].into_iter().chain(arguments).collect();
        let ended = keysieve_of(input.as_bytes(), &arguments);
        assert_eq!((ended.status, &*ended.stderr), (1, ""), "{arguments:?}");
        assert!(ended.stdout.starts_with(begins), "{arguments:?}: {}", ended.stdout);
    }
}

#[test]
fn quiet_says_nothing() {
    let tree = Tree::new().file("a.env", format!("T={}\n", github(1)));
    let ended = keysieve(["scan".as_ref(), tree.path().as_os_str(), "--quiet".as_ref()]);
    assert_eq!((ended.status, &*ended.stdout, &*ended.stderr), (1, "", ""));
}

#[test]
fn colours_are_for_those_who_see_them() {
    let tree = Tree::new().file("a.env", format!("T={}\n", github(1)));
    let out = |variables: &[(&str, &str)]| {
        ended(command().arg("scan").arg(tree.path()).envs(variables.iter().copied())).stdout
    };
    let plain = out(&[]);
    assert!(!plain.contains('\x1b'), "a pipe is no terminal: {plain:?}");
    assert!(out(&[("CLICOLOR_FORCE", "1")]).contains("\x1b["));
    // <https://no-color.org>: set, and not empty.
    assert!(!out(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]).contains('\x1b'));
    assert!(out(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "")]).contains("\x1b["));
}

/// A report that nobody reads to its end is no failure.
#[test]
fn a_closed_pipe_is_no_failure() {
    let tree = drive();
    let mut child = command()
        .args(["scan".as_ref(), tree.path().as_os_str(), "--format".as_ref(), "jsonl".as_ref()])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the binary");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("an end");
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(1), ""));
}
