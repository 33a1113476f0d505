//! The formats for other tools, each by the rules of that tool, with names and values made by somebody hostile.

use std::process::Command;

use data_encoding::BASE64;
use quick_xml::events::Event;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::made::{Tree, command, ended, github, n8n};
use crate::containers::{noise, zip};
use crate::report::schemas::assert_valid;

const HOSTILE: &str = "</script><script>document.title='pwned'</script><img src=x onerror=\"document.title='pwned'\">\
    '\"&\u{202e}\n::error::x|`[a](http://evil.example)@everyone]]>";

/// An export whose every name is hostile, one with a formula for a name, and one that cannot be read.
fn hostile() -> Tree {
    let mut broken = zip(&[("a.bin", &noise(3000, 1))]);
    broken[1500..1600].fill(0xff);
    Tree::new()
        .file("a.json", n8n(HOSTILE, HOSTILE, HOSTILE, &github(1)))
        .file("b.json", n8n("=cmd|' /C calc'!A0", "@SUM(A1)", "+1", &github(2)))
        .file("broken.zip", broken)
}

fn report(tree: &Tree, format: &str) -> String {
    let ended = ended(command().arg("scan").arg(tree.path()).args(["--format", format]));
    assert_eq!((ended.status, &*ended.stderr), (1, ""), "{format}");
    ended.stdout
}

#[test]
fn junit_is_xml_with_the_right_counts() {
    let text = report(&hostile(), "junit");
    let mut reader = quick_xml::Reader::from_str(&text);
    let (mut failures, mut errors, mut cases, mut counted) = (0, 0, 0, String::new());
    loop {
        match reader.read_event().expect("XML") {
            Event::Start(element) | Event::Empty(element) => match element.name().as_ref() {
                b"testsuites" => {
                    let attribute = |name: &str| {
                        let found = element.try_get_attribute(name).expect("attributes").expect("there");
                        String::from_utf8(found.value.into_owned()).expect("UTF-8")
                    };
                    counted = ["tests", "failures", "errors"].map(attribute).join(" ");
                }
                b"testcase" => cases += 1,
                b"failure" => failures += 1,
                b"error" => errors += 1,
                b"testsuite" => {}
                other => panic!("{other:?}"),
            },
            Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!((cases, failures, errors), (3, 2, 1), "{text}");
    assert_eq!(counted, "3 2 1");
}

/// The rules of GitLab's schema 15.0.1 for this kind of report that a report of ours could break.
fn gitlab_rules() -> Value {
    let text = json!({"type": "string", "minLength": 1});
    let tool = json!({"type": "object", "required": ["id", "name", "version", "vendor"], "properties": {
        "id": text, "name": text, "version": text, "vendor": {"required": ["name"], "properties": {"name": text}}}});
    let time = json!({"type": "string", "pattern": "^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}$"});
    let identifier = json!({"required": ["type", "name", "value"], "properties": {
        "type": text, "name": text, "value": text, "url": {"type": "string", "pattern": "^https?://.+"}}});
    let detail = json!({"required": ["name", "type", "value"], "properties": {
        "name": text, "type": {"const": "text"}, "value": {"type": "string"}}});
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "required": ["scan", "version", "vulnerabilities"],
        "properties": {
            "version": {"const": "15.0.1"},
            "schema": {"type": "string", "pattern": "^https?://.+"},
            "scan": {"required": ["analyzer", "end_time", "scanner", "start_time", "status", "type"], "properties": {
                "analyzer": tool, "scanner": tool, "start_time": time, "end_time": time,
                "status": {"enum": ["success", "failure"]}, "type": {"const": "secret_detection"},
                "messages": {"type": "array", "items": {"required": ["level", "value"], "properties": {
                    "level": {"enum": ["info", "warn", "fatal"]}, "value": text}}}}},
            "vulnerabilities": {"type": "array", "items": {"required": ["id", "identifiers", "location"], "properties": {
                "id": text, "name": {"type": "string", "maxLength": 255},
                "description": {"type": "string", "maxLength": 1_048_576},
                "severity": {"enum": ["Info", "Unknown", "Low", "Medium", "High", "Critical"]},
                "solution": {"type": "string", "maxLength": 7000},
                "identifiers": {"type": "array", "minItems": 1, "items": identifier},
                "flags": {"type": "array", "items": {"required": ["type", "origin", "description"], "properties": {
                    "type": {"const": "flagged-as-likely-false-positive"}}}},
                "details": {"type": "object", "additionalProperties": detail},
                "location": {"required": ["commit"], "properties": {
                    "file": {"type": "string"}, "start_line": {"type": "number"}, "end_line": {"type": "number"},
                    "commit": {"required": ["sha"], "properties": {"sha": text}}}}}}}
        }
    })
}

#[test]
fn gitlab_is_as_its_schema_says() {
    let report: Value = serde_json::from_str(&report(&hostile(), "gitlab")).expect("JSON");
    assert_valid(&gitlab_rules(), &report);
    let found = report["vulnerabilities"].as_array().expect("a list");
    assert_eq!(found.len(), 2);
    assert_eq!(found[0]["location"]["start_line"], 1);
    assert!(found.iter().all(|it| !it["description"].as_str().expect("text").contains("evil")));
    assert_eq!(report["scan"]["messages"].as_array().map(Vec::len), Some(1));
}

/// A command begins a line and ends with it; what comes from outside must do neither.
#[test]
fn github_has_one_command_a_line() {
    let text = report(&hostile(), "github");
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    for line in &lines {
        let (properties, data) =
            line.strip_prefix("::").and_then(|rest| rest.split_once("::")).expect("a command");
        assert!(properties.starts_with("error file=") || properties.starts_with("warning file="), "{line}");
        assert!(!data.is_empty());
    }
    assert!(lines[0].contains(",line=1,col="), "{text}");
}

#[test]
fn csv_holds_no_formulas() {
    let text = report(&hostile(), "csv");
    let rows: Vec<_> = text.split("\r\n").filter(|row| !row.is_empty()).collect();
    assert_eq!(rows.len(), 3, "{text}");
    for row in &rows {
        assert!(row.starts_with('"') && row.ends_with('"'));
        let cells: Vec<_> = row[1..row.len() - 1].split("\",\"").collect();
        assert_eq!(cells.len(), 28, "{row}");
        let formula = |cell: &&&str| cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
        assert_eq!(cells.iter().filter(formula).count(), 0, "{cells:?}");
    }
    assert!(rows[2].contains("\"'=cmd|"), "{}", rows[2]);
}

#[test]
fn markdown_keeps_strangers_in_code_spans() {
    let text = report(&hostile(), "markdown");
    assert!(text.starts_with("## keysieve\n\n**Do not publish: 2 credentials.**\n"), "{text}");
    let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| |")).count();
    assert_eq!(rows, 2, "{text}");
    // A row has four cells whatever stands in them.
    let bars = |line: &str| line.matches('|').count();
    assert!(text.lines().filter(|line| line.starts_with("| high")).all(|line| bars(line) == 5), "{text}");
    for line in text.lines().filter(|line| line.contains("<script") || line.contains("evil.example")) {
        let (before, _) =
            line.split_once(if line.contains("</script") { "</script" } else { "evil" }).expect("there");
        assert!(before.contains('`'), "{line}");
    }
}

/// Only the very script and style of the page may run, and nothing may be loaded.
#[test]
fn html_has_a_strict_policy() {
    let page = report(&hostile(), "html");
    let between = |from: &str, to: &str| {
        let (_, rest) = page.split_once(from).expect(from);
        rest.split_once(to).expect(to).0.to_owned()
    };
    let policy = between("http-equiv=\"Content-Security-Policy\" content=\"", "\"");
    assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{policy}");
    for (from, to) in [("<script>", "</script>"), ("<style>", "</style>")] {
        assert_eq!(page.matches(from).count(), 1, "{from}");
        let digest = BASE64.encode(&Sha256::digest(between(from, to).as_bytes()));
        assert!(policy.contains(&format!("'sha256-{digest}'")), "{from}");
    }
    assert!(!page.contains("<img") && !page.contains("src=\"") && !page.contains("url("), "{page}");
    assert_eq!(page.matches("<article ").count(), 2);
}

/// The page in a browser, if there is one on this machine.
#[test]
fn html_works_in_a_browser() {
    let browsers = ["chromium", "chromium-browser", "google-chrome"];
    let is_there =
        |name: &&&str| Command::new(name).arg("--version").output().is_ok_and(|it| it.status.success());
    let Some(browser) = browsers.iter().find(is_there) else {
        return crate::common::say("left out: the page in a browser (no Chromium on this machine)");
    };
    let (tree, out) = (hostile(), Tree::new().file("page.html", report(&hostile(), "html")));
    drop(tree);
    let dom = Command::new(browser)
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=3000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", out.at("profile").display()))
        .arg(format!("file://{}", out.at("page.html").display()))
        .output()
        .expect("a browser");
    let dom = String::from_utf8_lossy(&dom.stdout);
    assert!(dom.contains("<title>keysieve report</title>"), "{dom}");
    assert!(dom.contains("2 of 2"), "its script ran: {dom}");
    assert_eq!(dom.matches("<article").count(), 2);
    assert!(!dom.contains("<img") && dom.matches("<script").count() == 1, "{dom}");
}
