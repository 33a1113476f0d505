//! Stores on real servers of this machine: `moto` for S3, `azurite` for Azure Blob Storage, `rclone` for WebDAV and SFTP,
//! `smbd` for SMB. Each test says what it left out where its server is not installed.

mod servers;
mod set;

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use self::servers::{Azurite, Counting, Moto, Server, Sftp, Smb, WebDav};
use self::set::Set;

/// Says what a test left out; past what captures the output of tests that pass.
fn say(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// The binary, knowing the server and nothing else of this machine.
fn keysieve(server: Option<&dyn Server>, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keysieve"));
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("HOME", "/nonexistent").stdin(Stdio::null());
    if let Some(server) = server {
        command.envs(server.environment());
    }
    command.args(arguments).output().expect("the binary")
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// All that is said of each finding but where its root is; and of each gap.
fn said(report: &Value, root: &str) -> Vec<String> {
    let relative = |text: &str| text.strip_prefix(root).unwrap_or(text).to_owned();
    let mut said: Vec<String> = Vec::new();
    for finding in report["findings"].as_array().expect("findings") {
        let mut finding = finding.clone();
        for key in ["path", "display"] {
            let text = finding["location"][key].as_str().expect("text");
            finding["location"][key] = relative(text).into();
        }
        said.push(finding.to_string());
    }
    for gap in report["coverage"]["gaps"].as_array().expect("gaps") {
        let path = gap["place"]["path"].as_str().expect("a path");
        said.push(format!("{} {} {}", relative(path), gap["place"]["container"], gap["reason"]));
    }
    said.sort();
    said
}

/// What a plain folder with the set gives.
fn wanted(set: &Set) -> Vec<String> {
    let root = set.path().to_str().expect("UTF-8");
    let output = keysieve(
        None,
        &["scan", root, "--format", "json", "--reproducible", "--now", "2026-11-23T12:00:00Z"],
    );
    let said = said(&json(&output), root);
    assert!(said.len() >= 9, "{said:?}");
    said
}

/// Scans and sweeps a root that has the set in it: the findings of a plain folder, and nothing read twice.
fn agrees(server: &dyn Server, set: &Set) {
    let root = server.root();
    let scan = ["scan", &root, "--format", "json", "--reproducible", "--now", "2026-11-23T12:00:00Z"];
    let output = keysieve(Some(server), &scan);
    let report = json(&output);
    let (given, wanted) = (said(&report, &root), wanted(set));
    let odd: Vec<_> = given.iter().filter(|it| !wanted.contains(it)).collect();
    assert_eq!(odd, Vec::<&String>::new(), "{root}: more than in a folder");
    assert_eq!(given.len(), wanted.len(), "{root}: less than in a folder");
    assert_eq!(report["coverage"]["files"].as_u64(), Some(set.files() as u64), "{root}");
    let one = format!("{root}/flows/order.json");
    let one = json(&keysieve(Some(server), &["scan", &one, "--format", "json"]));
    assert_eq!(one["findings"].as_array().map(Vec::len), Some(1), "{root}: one object alone");
    let none = format!("{root}/no/such/thing");
    assert_eq!(keysieve(Some(server), &["scan", &none]).status.code(), Some(2), "{root}");
    sweeps(server, set);
    shards(server);
}

/// Waits until what was just written is old enough to be known by its time (which is whole seconds in stores).
fn settle() {
    std::thread::sleep(std::time::Duration::from_millis(2100));
}

fn sweep(server: &dyn Server, state: &Path) -> Value {
    let (root, state) = (server.root(), state.to_str().expect("UTF-8"));
    json(&keysieve(Some(server), &["sweep", &root, "--state", state, "--format", "json"]))
}

fn states(report: &Value) -> Vec<(String, String)> {
    let findings = report["findings"].as_array().expect("findings");
    let name = |finding: &Value| {
        let path = finding["location"]["path"].as_str().expect("a path");
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        (name, finding["state"].as_str().expect("a state").to_owned())
    };
    let mut states: Vec<_> = findings.iter().map(name).collect();
    states.sort();
    states.dedup();
    states
}

fn sweeps(server: &dyn Server, set: &Set) {
    let root = server.root();
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("s.state");
    settle();
    let first = sweep(server, &state);
    assert_eq!(first["coverage"]["files"].as_u64(), Some(set.files() as u64), "{root}: {first}");
    assert!(states(&first).iter().all(|(_, state)| state == "new"), "{root}");
    let second = sweep(server, &state);
    assert_eq!(second["coverage"]["files"], 0, "{root}: nothing is read again");
    assert_eq!(states(&second), [], "{root}");
    let token = set::token(77);
    server.put("flows/order.json", format!("now {token}").as_bytes());
    server.remove("deep/a b#c%25/plain.env");
    settle();
    let third = sweep(server, &state);
    assert_eq!(third["coverage"]["files"], 1, "{root}: what changed is read");
    let own = |name: &str, state: &str| (name.to_owned(), state.to_owned());
    let wanted = [own("order.json", "new"), own("order.json", "resolved"), own("plain.env", "resolved")];
    assert_eq!(states(&third), wanted, "{root}");
    server.put("flows/order.json", &set.bytes("flows/order.json"));
    server.put("deep/a b#c%25/plain.env", &set.bytes("deep/a b#c%25/plain.env"));
}

/// A manifest and two shards give what one sweep gives.
fn shards(server: &dyn Server) {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let (state, list, key, root) = (at("s.state"), at("list"), at("s.state.key"), server.root());
    settle();
    let listed = keysieve(Some(server), &["manifest", &root, "--state", &state, "--to", &list]);
    assert_eq!(listed.status.code(), Some(0), "{root}: {}", String::from_utf8_lossy(&listed.stderr));
    let parts = ["1/2", "2/2"].map(|shard| {
        let part = at(&format!("part-{}", shard.replace('/', "-")));
        let call = ["sweep", "--manifest", &list, "--shard", shard, "--part", &part];
        let ended = keysieve(Some(server), &[&call[..], &["--fingerprint-key-file", &key]].concat());
        assert_eq!(ended.status.code(), Some(0), "{root}: {}", String::from_utf8_lossy(&ended.stderr));
        part
    });
    let call = ["merge", "--manifest", &list, "--state", &state, "--format", "json", &parts[0], &parts[1]];
    let merged = json(&keysieve(Some(server), &call));
    let alone = sweep(server, &folder.path().join("alone.state"));
    assert_eq!(states(&merged), states(&alone), "{root}");
    assert!(!states(&merged).is_empty());
}

#[test]
fn s3_gives_what_a_folder_gives() {
    let set = Set::new();
    match Moto::start() {
        Some(server) => {
            set.put(&server);
            agrees(&server, &set);
        }
        None => say("left out: moto_server is not here (pip install 'moto[server]')"),
    }
}

#[test]
fn azure_blob_gives_what_a_folder_gives() {
    let set = Set::new();
    match Azurite::start() {
        Some(server) => {
            set.put(&server);
            agrees(&server, &set);
        }
        None => say("left out: azurite-blob is not here (npm install azurite)"),
    }
}

#[test]
fn webdav_gives_what_a_folder_gives() {
    let set = Set::new();
    match WebDav::start() {
        Some(server) => {
            set.put(&server);
            agrees(&server, &set);
        }
        None => say("left out: rclone is not here (WebDAV)"),
    }
}

#[test]
fn sftp_gives_what_a_folder_gives() {
    let set = Set::new();
    match Sftp::start() {
        Some(server) => {
            set.put(&server);
            agrees(&server, &set);
        }
        None => say("left out: rclone, ssh or ssh-keygen is not here (SFTP)"),
    }
}

/// SMB shares are mounted, which wants a kernel and a right that tests have not; so what `smbclient` pulls is scanned.
#[test]
fn what_smbclient_pulls_is_scanned() {
    let set = Set::new();
    let Some(server) = Smb::start(set.path()) else {
        return say("left out: smbd or smbclient is not here");
    };
    let report: Value = serde_json::from_slice(&server.pull_and_scan()).expect("a report");
    let found = |report: &Value| report["findings"].as_array().map(Vec::len);
    let root = set.path().to_str().expect("UTF-8");
    let wanted = json(&keysieve(None, &["scan", root, "--format", "json"]));
    assert_eq!(found(&report), found(&wanted));
}

/// An archive of 40 MiB whose middle is one encrypted member: its directory and the rest are read, the middle is not.
#[test]
fn archives_are_read_in_ranges() {
    let Some(server) = Moto::start() else {
        return say("left out: moto_server is not here (ranges)");
    };
    let big = set::zip_with_an_encrypted_middle(40 << 20, &set::token(5));
    server.put("big.zip", &big);
    let counting = Counting::before(&server);
    let address = format!("{}/big.zip", server.root());
    let output = keysieve(Some(&counting), &["scan", &address, "--format", "json"]);
    let bytes = counting.bytes();
    assert!((1 << 20..10 << 20).contains(&bytes), "{bytes} of 40 MiB came");
    let report = json(&output);
    let findings = report["findings"].as_array().expect("findings");
    assert_eq!(findings.len(), 1, "{report}");
    let display = findings[0]["location"]["display"].as_str().expect("a place");
    assert!(display.ends_with("big.zip!/z.txt"), "{display}");
    assert!(display.starts_with("s3://"), "{display}");
}

#[test]
fn a_wrong_credential_is_a_gap_that_tells_nothing() {
    let Some(server) = Azurite::start() else {
        return say("left out: azurite-blob is not here (wrong credentials)");
    };
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("s.state");
    let wrong = server.with_wrong_key();
    let root = server.root();
    let call = ["sweep", &root, "--state", state.to_str().expect("UTF-8"), "--format", "json"];
    let output = keysieve(Some(&wrong), &call);
    assert_eq!(output.status.code(), Some(3));
    let gap = &json(&output)["coverage"]["gaps"][0];
    assert_eq!(gap["reason"], "unreadable");
    let detail = gap["detail"].as_str().expect("text");
    assert!(!detail.contains("sig=") && !detail.contains('<') && detail.len() < 500, "{detail}");
}

#[test]
fn a_store_that_is_away_resolves_nothing() {
    let Some(server) = Moto::start() else {
        return say("left out: moto_server is not here (away)");
    };
    server.put("a.txt", format!("token {}", set::token(6)).as_bytes());
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("s.state");
    settle();
    assert_eq!(states(&sweep(&server, &state)), [("a.txt".to_owned(), "new".to_owned())]);
    server.remove("a.txt");
    let output = {
        let root = server.root();
        let call = ["sweep", &root, "--state", state.to_str().expect("UTF-8"), "--format", "json"];
        keysieve(Some(&server), &call)
    };
    assert_eq!(output.status.code(), Some(3), "a bucket that is empty all of a sudden");
    assert_eq!(states(&json(&output)), [("a.txt".to_owned(), "unreadable".to_owned())]);
}
