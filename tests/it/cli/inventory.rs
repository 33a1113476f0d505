//! `keysieve inventory`: of two flows in two exports, what starts them, whom they call, and what they hold.

use std::process::{Command, Output};

use crate::common::token;

const LEFT: &str = "# people who left\njane@example.org\n";

/// An n8n workflow that anybody may start, whose owner left, and one that only runs by hand.
fn exports(dir: &std::path::Path) {
    let key = token("stripe-secret-key", 1);
    let flow = |name: &str, trigger: serde_json::Value, header: &str| {
        serde_json::json!({
            "name": name, "active": true, "connections": {},
            "shared": [{"role": "workflow:owner", "user": {"email": "jane@example.org"}}],
            "nodes": [trigger, {
                "id": "2", "name": "Call", "type": "n8n-nodes-base.httpRequest", "typeVersion": 4, "position": [0, 0],
                "parameters": {"url": "https://api.example.com/v1", "headerParameters":
                    {"parameters": [{"name": "Authorization", "value": header}]}},
                "credentials": {"httpHeaderAuth": {"id": "7", "name": "Shop account"}}
            }]
        })
        .to_string()
    };
    let node = |kind: &str| {
        serde_json::json!({"id": "1", "name": "Start", "type": kind, "typeVersion": 1,
        "position": [0, 0], "parameters": {}})
    };
    let open = flow("=Open <b>", node("n8n-nodes-base.webhook"), &format!("Bearer {key}"));
    let by_hand = flow("By hand", node("n8n-nodes-base.manualTrigger"), "={{ $vars.shop_key }}");
    std::fs::write(dir.join("open.json"), open).expect("a file");
    std::fs::write(dir.join("hand.json"), by_hand).expect("a file");
    std::fs::write(dir.join("left.txt"), LEFT).expect("a file");
}

fn run(dir: &std::path::Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keysieve"));
    command.current_dir(dir).arg("inventory").args(["open.json", "hand.json"]).args(arguments);
    command.output().expect("a run")
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

#[test]
fn flows_are_told_by_what_starts_them_and_whom_they_call() {
    let dir = tempfile::tempdir().expect("a folder");
    exports(dir.path());
    let output = run(dir.path(), &["--format", "json", "--leavers", "left.txt"]);
    assert_eq!(output.status.code(), Some(1), "a credential is a finding here too");
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let flows = json["inventory"]["flows"].as_array().expect("flows");
    let flow = |name: &str| {
        let flow = flows.iter().find(|flow| flow["flow"]["name"] == name).expect("the flow");
        assert_eq!(flow["leaver"], true, "{flow}");
        flow.to_string()
    };
    let (open, by_hand) = (flow("=Open <b>"), flow("By hand"));
    assert!(open.contains("open-webhook") && open.contains("api.example.com"), "{open}");
    assert!(by_hand.contains("manual") && by_hand.contains("$vars.shop_key"), "{by_hand}");
    assert!(open.contains("Shop account") && !by_hand.contains("open-webhook"));
    let text = json.to_string();
    assert!(!text.contains(&token("stripe-secret-key", 1)), "a raw secret");
}

#[test]
fn who_left_is_told_and_a_secret_is_shown_with_its_flows() {
    let dir = tempfile::tempdir().expect("a folder");
    exports(dir.path());
    let shown = text(&run(dir.path(), &["--leavers", "left.txt"]));
    assert_eq!(shown.matches("LEFT").count(), 2, "{shown}");
    assert!(shown.contains("api.example.com") && shown.contains("Stripe"), "{shown}");
    assert!(!text(&run(dir.path(), &[])).contains("LEFT"));
}

#[test]
fn tables_and_graphs_are_harmless() {
    let dir = tempfile::tempdir().expect("a folder");
    exports(dir.path());
    let csv = text(&run(dir.path(), &["--format", "csv"]));
    assert!(csv.contains("'=Open <b>") && !csv.lines().any(|line| line.starts_with('=')), "{csv}");
    let svg = text(&run(dir.path(), &["--format", "svg"]));
    assert!(svg.starts_with("<svg") || svg.starts_with("<?xml"), "{svg}");
    assert!(svg.contains("&lt;b&gt;") && !svg.contains("<b>"), "{svg}");
    let mut reader = quick_xml::Reader::from_str(&svg);
    while !matches!(reader.read_event().expect("well-formed"), quick_xml::events::Event::Eof) {}
    let dot = text(&run(dir.path(), &["--format", "dot"]));
    assert!(dot.contains("->") && dot.contains("api.example.com"), "{dot}");
}
