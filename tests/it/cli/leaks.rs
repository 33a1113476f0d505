//! No raw secret leaves: a token in every place that a stranger can name, and every output looked through.

use std::fs;

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD};
use serde_json::{Value, json};

use super::made::{Tree, command, ended, github, keysieve, n8n, node_red, node_red_credentials, solution};
use crate::common::Random;
use crate::containers::{tar, zip};

/// A tree with a token in each place, the tokens, and values that only their field betrays, which stand in names as well.
fn planted() -> (Tree, Vec<String>) {
    let mut tokens = Vec::new();
    let mut next = || {
        tokens.push(github(1000 + tokens.len() as u64));
        tokens[tokens.len() - 1].clone()
    };
    let tree = Tree::new()
        .file("content.env", format!("T={}", next()))
        .file(&format!("file {}.txt", next()), "x")
        .file(&format!("folder {}/x.txt", next()), "x")
        .file(
            "members.zip",
            zip(&[(&format!("in/{}.json", next()), b"{}"), ("x.zip", &zip(&[(&next(), b"x")]))]),
        )
        .file("members.tar", tar(&[(&format!("{}/x", next()), b"x")]))
        .file("key.json", json!({"a": {next(): "x"}, "b": [{"c": next()}]}).to_string())
        .file(
            "n8n.json",
            n8n(
                &format!("Flow {}", next()),
                &format!("Step {}", next()),
                &format!("Owner {}", next()),
                &next(),
            ),
        )
        .file(
            "red/flows.json",
            node_red(&format!("Tab {}", next()), &format!("Function {}", next()), &next()),
        )
        .file(
            "solution.zip",
            solution(
                &format!("Flow {}", next()),
                &format!("{}@example.org", next()),
                &format!("Step_{}", next()),
                &next(),
            ),
        )
        .file("broken.zip", {
            let mut bytes = zip(&[(&format!("{}.bin", next()), &crate::containers::noise(3000, 1))]);
            bytes[1500..1600].fill(0xff);
            bytes
        });
    let mut random = Random(77);
    let (password, key) = (format!("{}!7", random.alnum(8)), random.alnum(40));
    let tree = tree
        .file("red/flows_cred.json", node_red_credentials(&password))
        .file(&format!("names/{password}.txt"), "x")
        .file(&format!("names/{key}/x.txt"), json!({"apiKey": key}).to_string())
        .file("names/n.json", n8n(&format!("uses {key}"), &format!("with {password}"), &key, &key));
    tokens.extend([password, key]);
    (tree, tokens)
}

/// The value itself, and as some encoding has it.
fn forms(token: &str) -> Vec<String> {
    let percent: String = token.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let inner = token.as_bytes();
    vec![
        token.to_owned(),
        percent,
        token.replace('_', "%5F"),
        BASE64_NOPAD.encode(inner),
        BASE64URL_NOPAD.encode(inner),
    ]
}

fn assert_absent(tokens: &[String], name: &str, text: &str) {
    for form in tokens.iter().flat_map(|token| forms(token)) {
        assert!(!text.contains(&form), "{name} holds {form}:\n{text}");
    }
}

#[test]
fn no_output_holds_a_secret() {
    let (tree, tokens) = planted();
    let out = Tree::new();
    let files = [
        "a.json", "a.jsonl", "a.sarif", "a.txt", "a.html", "a.csv", "a.junit", "a.gitlab", "a.github",
        "a.md", "a.plain",
    ]
    .map(|name| out.at(name));
    let mut run = command();
    run.arg("scan").arg(tree.path()).env("CLICOLOR_FORCE", "1");
    for file in &files {
        run.arg("--output").arg(file);
    }
    let ended = ended(&mut run);
    assert_eq!(ended.status, 1);
    assert_absent(&tokens, "the terminal", &ended.stdout);
    assert_absent(&tokens, "the errors", &ended.stderr);
    for file in files {
        assert_absent(&tokens, &file.display().to_string(), &fs::read_to_string(&file).expect("written"));
    }
}

/// What the test above says is worth something: each token was found, and stands in the report of one who asks for it.
#[test]
fn every_planted_secret_is_found() {
    let (tree, tokens) = planted();
    let report =
        ended(command().arg("scan").arg(tree.path()).args(["--format", "json", "--show-secrets"])).json();
    let findings = report["findings"].as_array().expect("findings");
    let values: Vec<&str> =
        findings.iter().filter_map(|finding| finding["secret"]["value"].as_str()).collect();
    let missing: Vec<_> = tokens.iter().filter(|token| !values.contains(&token.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?} of {values:?}");
    assert_eq!(ended(command().arg("scan").arg(tree.path()).arg("--quiet")).stdout, "");
}

#[test]
fn errors_hold_no_secret() {
    let token = github(2000);
    let tree = Tree::new()
        .file("a", "x")
        .file("signatures/x.toml", format!("vendor = \"x\"\n{token} = \"{token}\"\n"));
    let path = tree.path().to_str().expect("UTF-8");
    let in_tree = |name: &str| tree.at(name).to_str().expect("UTF-8").to_owned();
    for arguments in [
        vec!["scan".to_owned(), in_tree(&token)],
        vec!["scan".to_owned(), path.to_owned(), "--output".to_owned(), in_tree(&format!("{token}/x.json"))],
        vec!["scan".to_owned(), path.to_owned(), "--output".to_owned(), in_tree(&token)],
        vec!["scan".to_owned(), path.to_owned(), "--signatures".to_owned(), in_tree("signatures")],
        vec!["scan".to_owned(), path.to_owned(), "--fingerprint-key-file".to_owned(), in_tree(&token)],
        vec!["scan".to_owned(), path.to_owned(), "--exclude".to_owned(), format!("[{token}")],
        vec!["scan".to_owned(), path.to_owned(), "--now".to_owned(), token.clone()],
        vec![token.clone()],
    ] {
        let ended = keysieve(&arguments);
        assert!(ended.status == 2 || ended.status == 4, "{arguments:?}");
        assert!(ended.stderr.len() > 20, "{arguments:?}");
        assert_absent(std::slice::from_ref(&token), "the errors", &ended.stderr);
        assert_absent(std::slice::from_ref(&token), "the report", &ended.stdout);
    }
}

/// What is asked for is given: to the formats for that, and never in SARIF, which is uploaded.
#[test]
fn secrets_are_written_on_request_only() {
    let token = github(3000);
    let tree = Tree::new().file("a.env", format!("T={token}"));
    for (format, shown) in [("human", true), ("json", true), ("jsonl", true), ("sarif", false)] {
        let with = |more: &[&str]| {
            ended(command().arg("scan").arg(tree.path()).args(["--format", format]).args(more)).stdout
        };
        assert!(!with(&[]).contains(&token), "{format}");
        assert_eq!(with(&["--show-secrets"]).contains(&token), shown, "{format}");
    }
    let report: Value = ended(command().arg("scan").arg(tree.path()).args(["--format", "json"])).json();
    assert_eq!(report["findings"][0]["secret"]["value"], Value::Null);
}
