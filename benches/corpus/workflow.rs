//! One n8n workflow, as the editor downloads it.

use serde_json::{Value, json};

use super::{ALNUM, File, HEX, Random};

/// Returns a workflow of about `size` bytes, with one to three credentials if `plant`. Its path is for the caller.
pub(super) fn make(random: &mut Random, size: usize, plant: bool) -> File {
    let mut nodes = Vec::new();
    let mut planted = 0;
    if plant {
        planted = 1 + random.below(3);
        nodes.extend((0..planted).map(|number| node(random, number, credential)));
    }
    let mut made = 400 + nodes.len() * 600;
    // The room that a node takes in the text is not known before it is written, so it is written twice.
    while made < size || nodes.is_empty() {
        let kind = KINDS[random.below(KINDS.len())];
        let node = node(random, nodes.len(), kind);
        made += node.to_string().len() * 5 / 4 + 120;
        nodes.push(node);
    }
    let workflow = json!({
        "name": random.prose(4), "nodes": nodes, "pinData": {}, "connections": connections(&nodes),
        "active": random.once_in(2), "settings": {"executionOrder": "v1"}, "versionId": random.uuid(),
        "meta": {"instanceId": random.text(HEX, 64)}, "id": random.text(ALNUM, 16), "tags": []
    });
    let text = if random.once_in(3) { workflow.to_string() } else { format!("{workflow:#}\n") };
    File { path: String::new(), bytes: text.into_bytes(), planted }
}

/// What a node does: its type, and its parameters.
type Kind = fn(&mut Random) -> (&'static str, Value);

/// The kinds that real workflows have most, as often as it stands here.
const KINDS: &[Kind] = &[code, code, note, note, http, http, set, condition, sheet, agent, chat, webhook];

fn node(random: &mut Random, number: usize, kind: Kind) -> Value {
    let (kind, parameters) = kind(random);
    let mut node = json!({
        "parameters": parameters, "id": random.uuid(), "name": format!("{} {number}", random.prose(2)),
        "type": kind, "typeVersion": 1 + random.below(4), "position": [random.below(4000), random.below(2000)]
    });
    if kind.ends_with("googleSheets") || kind.ends_with("slack") {
        node["credentials"] = json!({"oAuth2Api": {"id": random.text(ALNUM, 16), "name": random.prose(2)}});
    }
    node
}

fn connections(nodes: &[Value]) -> Value {
    let name = |node: &Value| node["name"].as_str().unwrap_or_default().to_owned();
    let wire = |pair: &[Value]| {
        let target = json!({"node": name(&pair[1]), "type": "main", "index": 0});
        (name(&pair[0]), json!({"main": [[target]]}))
    };
    Value::Object(nodes.windows(2).map(wire).collect())
}

fn code(random: &mut Random) -> (&'static str, Value) {
    let mut script = format!("// {}\nconst items = $input.all();\n", random.prose(12));
    for _ in 0..3 + random.below(25) {
        let (what, field) = (random.prose(1), random.prose(1));
        script += &match random.below(4) {
            0 => {
                format!("const {what} = items.map((item) => item.json.{field} ?? \"{}\");\n", random.prose(2))
            }
            1 => format!("// {}\n", random.prose(9)),
            2 => format!(
                "for (const item of items) {{\n  item.json['{what}'] = `{} ${{{field}}}`;\n}}\n",
                random.prose(3)
            ),
            _ => format!("if (!{field}) {{ throw new Error('{}'); }}\n", random.prose(5)),
        };
    }
    ("n8n-nodes-base.code", json!({"jsCode": script + "return items;"}))
}

fn note(random: &mut Random) -> (&'static str, Value) {
    let words = 10 + random.below(90);
    let content = format!(
        "## {}\n{}\n\n[docs](https://docs.example.com/{})",
        random.prose(3),
        random.prose(words),
        random.prose(1)
    );
    (
        "n8n-nodes-base.stickyNote",
        json!({"content": content, "height": 300 + random.below(900), "color": random.below(8)}),
    )
}

/// A request whose key is a reference or a placeholder, as most are.
fn http(random: &mut Random) -> (&'static str, Value) {
    let value = random.pick(&[
        "={{ $vars.api_key }}",
        "Bearer YOUR_API_KEY",
        "={{ $json.token }}",
        "application/json",
    ]);
    let body =
        json!({"query": random.prose(12), "id": "={{ $json.id }}", "trace": random.uuid()}).to_string();
    request(random, "Authorization", value, &body)
}

fn request(random: &mut Random, header: &str, value: &str, body: &str) -> (&'static str, Value) {
    let url =
        format!("https://{}.example.com/v1/{}", random.pick(&["api", "crm", "billing"]), random.prose(1));
    (
        "n8n-nodes-base.httpRequest",
        json!({
            "method": "POST", "url": url, "sendHeaders": true, "sendBody": true, "specifyBody": "json", "jsonBody": body,
            "headerParameters": {"parameters": [{"name": header, "value": value}]}, "options": {}
        }),
    )
}

fn set(random: &mut Random) -> (&'static str, Value) {
    let fields: Vec<_> = (0..1 + random.below(6))
        .map(|_| json!({"id": random.uuid(), "name": random.prose(1), "type": "string", "value": format!("={{{{ $json.{} }}}}", random.prose(1))}))
        .collect();
    ("n8n-nodes-base.set", json!({"assignments": {"assignments": fields}, "options": {}}))
}

fn condition(random: &mut Random) -> (&'static str, Value) {
    let one = json!({"id": random.uuid(), "leftValue": "={{ $json.status }}", "rightValue": random.prose(1),
                     "operator": {"type": "string", "operation": "equals"}});
    ("n8n-nodes-base.if", json!({"conditions": {"combinator": "and", "conditions": [one]}, "options": {}}))
}

fn sheet(random: &mut Random) -> (&'static str, Value) {
    let id = random.text(ALNUM, 44);
    let url = format!("https://docs.google.com/spreadsheets/d/{id}/edit#gid=0");
    (
        "n8n-nodes-base.googleSheets",
        json!({
            "operation": "append", "documentId": {"__rl": true, "mode": "list", "value": id, "cachedResultUrl": url},
            "columns": {"mappingMode": "autoMapInputData", "value": {}}, "options": {}
        }),
    )
}

fn agent(random: &mut Random) -> (&'static str, Value) {
    let words = 60 + random.below(300);
    (
        "@n8n/n8n-nodes-langchain.agent",
        json!({
            "promptType": "define", "text": "={{ $json.chatInput }}",
            "options": {"systemMessage": format!("# {}\n\n{}\n\"{}\"", random.prose(3), random.prose(words), random.prose(6))}
        }),
    )
}

fn chat(random: &mut Random) -> (&'static str, Value) {
    let channel = json!({"__rl": true, "mode": "id", "value": format!("C{}", random.text(b"0123456789ABCDEFGHJK", 10))});
    (
        "n8n-nodes-base.slack",
        json!({"select": "channel", "channelId": channel, "text": random.prose(15), "otherOptions": {}}),
    )
}

fn webhook(random: &mut Random) -> (&'static str, Value) {
    ("n8n-nodes-base.webhook", json!({"httpMethod": "POST", "path": random.uuid(), "options": {}}))
}

/// A step with a credential in it, in one of the places where people leave them.
fn credential(random: &mut Random) -> (&'static str, Value) {
    match random.below(4) {
        0 => {
            let key = random.text(HEX, 40);
            request(random, "X-Api-Key", &key, "{}")
        }
        1 => {
            let key = format!("Bearer sk_{}_{}", "live", random.text(ALNUM, 24));
            request(random, "Authorization", &key, "{}")
        }
        2 => {
            let password = random.text(ALNUM, 20);
            let script = format!(
                "const url = \"postgres://report:{password}@db.example.com:5432/sales\";\nreturn items;"
            );
            ("n8n-nodes-base.code", json!({"jsCode": script}))
        }
        _ => {
            let [team, bot] = [11, 11].map(|digits| random.text(b"123456789", digits));
            let token = format!("xox{}-{team}-{bot}-{}", "b", random.text(ALNUM, 24));
            request(random, "Authorization", &format!("Bearer {token}"), "{}")
        }
    }
}
