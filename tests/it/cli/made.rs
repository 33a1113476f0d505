//! Calls of the binary, and folders and exports made for them.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::common::{Random, jwt, pem, token};
use crate::containers::{gzip, noise, tar, zip};

/// What a call ended with.
pub(super) struct Ended {
    pub(super) status: i32,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Ended {
    /// The report as JSON.
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}{}", self.stdout, self.stderr))
    }
}

/// The binary, without what the environment would say to it.
pub(super) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keysieve"));
    let variables = [
        "NO_COLOR",
        "CLICOLOR",
        "CLICOLOR_FORCE",
        "COLUMNS",
        "KEYSIEVE_FINGERPRINT_KEY_FILE",
        "RUST_BACKTRACE",
    ];
    for variable in variables {
        command.env_remove(variable);
    }
    command.stdin(Stdio::null());
    command
}

/// Runs the binary with these arguments.
pub(super) fn keysieve<A: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = A>) -> Ended {
    ended(command().args(arguments))
}

pub(super) fn ended(command: &mut Command) -> Ended {
    let output = command.output().expect("the binary");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Ended {
        status: output.status.code().expect("no signal"),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

/// Runs the binary over standard input.
pub(super) fn keysieve_of(input: &[u8], arguments: &[&str]) -> Ended {
    let mut child = command()
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(input).expect("written");
    drop(stdin);
    let output = child.wait_with_output().expect("an end");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Ended {
        status: output.status.code().expect("no signal"),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

/// A folder that vanishes with the test.
pub(super) struct Tree(tempfile::TempDir);

impl Tree {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(super) fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// With a file, and the folders that it needs.
    pub(super) fn file(self, name: &str, bytes: impl AsRef<[u8]>) -> Self {
        let path = self.at(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, bytes).expect("written");
        self
    }
}

/// A vendor's token, another one for each number.
pub(super) fn github(number: u64) -> String {
    token("github-personal-access-token", number)
}

/// A workflow of n8n with a key in a header.
pub(super) fn n8n(name: &str, step: &str, owner: &str, value: &str) -> Vec<u8> {
    let node = json!({"id": "00000000-0000-4000-8000-000000000001", "name": step, "type": "n8n-nodes-base.httpRequest",
        "typeVersion": 4.2, "position": [0, 0], "parameters": {"url": "https://api.example.com", "sendHeaders": true,
        "headerParameters": {"parameters": [{"name": "X-Api-Key", "value": value}]}}});
    json!({"name": name, "id": "wf-1", "active": true, "nodes": [node], "connections": {},
        "shared": [{"role": "workflow:owner", "project": {"name": owner}}]})
    .to_string()
    .into_bytes()
}

/// Flows of Node-RED with a token in a function, and the plain credentials beside them.
pub(super) fn node_red(label: &str, step: &str, value: &str) -> Vec<u8> {
    json!([{"id": "f1940d57.f0b49", "type": "tab", "label": label},
        {"id": "00000000000000a1", "type": "function", "z": "f1940d57.f0b49", "name": step,
         "func": format!("msg.token = '{value}';\nreturn msg;"), "wires": [[]]},
        {"id": "00000000000000a2", "type": "mqtt-broker", "name": "Broker", "broker": "10.0.0.1"}])
    .to_string()
    .into_bytes()
}

pub(super) fn node_red_credentials(password: &str) -> Vec<u8> {
    json!({"00000000000000a2": {"user": "house", "password": password}}).to_string().into_bytes()
}

/// A solution of Power Platform with one flow; its name stands in `customizations.xml`.
pub(super) fn solution(name: &str, owner: &str, action: &str, value: &str) -> Vec<u8> {
    let id = "5b12a2e0-09bb-4051-a5a5-3f3634b7ea82";
    let member = format!("Workflows/Charge-{}.json", id.to_uppercase());
    let inputs = json!({"method": "POST", "uri": "https://api.example.com", "headers": {"Authorization": format!("Bearer {value}")}});
    let actions = json!({action: {"type": "Http", "runAfter": {}, "inputs": inputs}});
    let definition = json!({"properties": {"connectionReferences": {}, "definition": {"actions": actions,
        "triggers": {"manual": {"type": "Request", "kind": "Button", "inputs": {}}}}}, "schemaVersion": "1.0.0.0"});
    let customizations = format!(
        "<ImportExportXml><Workflows><Workflow WorkflowId=\"{{{id}}}\" Name=\"{name}\"><JsonFileName>/{member}</JsonFileName>\
         <Category>5</Category><StateCode>1</StateCode></Workflow></Workflows></ImportExportXml>"
    );
    let manifest = format!(
        "<ImportExportXml><SolutionManifest><UniqueName>Billing</UniqueName><Version>1.0</Version><Managed>0</Managed>\
         <Publisher><UniqueName>finance</UniqueName><EMailAddress>{owner}</EMailAddress></Publisher></SolutionManifest></ImportExportXml>"
    );
    zip(&[
        ("[Content_Types].xml", b"<Types/>"),
        ("solution.xml", manifest.as_bytes()),
        ("customizations.xml", customizations.as_bytes()),
        (&member, definition.to_string().as_bytes()),
    ])
}

/// How many findings [`drive`] has.
pub(super) const IN_DRIVE: usize = 22;

/// A drive as people keep it: exports, archives in archives, files large and small, and some that cannot be read whole.
pub(super) fn drive() -> Tree {
    let random = &mut Random(42);
    let line = |number: u64| format!("GITHUB_TOKEN={}\n", github(number));
    let inner = zip(&[("deep/a.env", line(1).as_bytes()), ("deep/b.txt", b"nothing")]);
    let middle = zip(&[("inner.zip", &inner[..]), ("c.env", line(2).as_bytes())]);
    let outer = zip(&[("middle.zip", &middle[..]), ("d.env", line(3).as_bytes())]);
    let tarball = gzip(&tar(&[("x/e.env", line(4).as_bytes()), ("x/inner.zip", &inner)]));
    let mut large = String::new();
    for number in 10..14 {
        large.push_str(&"Lorem ipsum dolor sit amet, consetetur sadipscing elitr.\n".repeat(12_000));
        large.push_str(&line(number));
    }
    let mut corrupt = zip(&[
        ("good.env", line(20).as_bytes()),
        ("bad.bin", &noise(5000, 1)),
        ("f.env", line(21).as_bytes()),
    ]);
    let at = crate::containers::find(&corrupt, b"bad.bin") + 2000;
    corrupt[at..at + 50].fill(0xff);
    let password = format!("{}!x", random.alnum(9));
    let mut tree = Tree::new()
        .file("n8n/invoices.json", n8n("Invoices", "Charge", "Jane <jane@example.org>", &random.alnum(40)))
        .file("n8n/more/orders.json", n8n("Orders", "Ask", "Joe <joe@example.org>", &random.alnum(40)))
        .file("nodered/flows.json", node_red("House", "Build", &github(30)))
        .file("nodered/flows_cred.json", node_red_credentials(&password))
        .file(
            "power/Billing_1_0.zip",
            solution("Charge", "owner@example.org", "Charge_the_card", &github(31)),
        )
        .file("nest/outer.zip", outer)
        .file("nest/x.tar.gz", tarball)
        .file("large/log.txt", large)
        .file("keys/id.pem", pem(1200, random))
        .file("keys/token.txt", jwt(&json!({"sub": "1", "exp": crate::common::NOW - 5}), random))
        .file("broken/corrupt.zip", corrupt)
        .file("broken/cut.json.gz", &gzip(&noise(9000, 2))[..4000])
        .file(".hidden/.env", line(40));
    for number in 0..40 {
        tree = tree.file(
            &format!("many/{number:02}.json"),
            json!({"n": number, "text": "x".repeat(100)}).to_string(),
        );
    }
    tree.file("same/a.env", line(1))
        .file("same/b.env", line(1))
        .file("same/c.json", json!({"note": line(40)}).to_string())
}
