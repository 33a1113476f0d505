//! Sweeps of shares that others write while they are swept, and what ends a sweep.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::made::{Tree, command, ended, github, keysieve};
use crate::common::say;

/// More than any machine needs for a test that ends.
const LONG: Duration = Duration::from_secs(600);

fn text(path: &std::path::Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn previews(report: &Value) -> Vec<String> {
    let findings = report["findings"].as_array().expect("findings");
    findings.iter().map(|it| it["secret"]["preview"].as_str().expect("text").to_owned()).collect()
}

/// A name is swapped, all the time, for a link out of the share, a pipe, a folder and a file: a sweep ends each time, and
/// what lies outside is never read.
#[test]
fn names_that_are_swapped_lead_nowhere_and_hold_nobody_up() {
    let (share, outside, states) = (Tree::new(), Tree::new(), Tree::new());
    fs::write(outside.at("secret.txt"), format!("token {}", github(1))).expect("written");
    fs::create_dir(outside.at("folder")).expect("made");
    fs::write(outside.at("folder/x.txt"), format!("token {}", github(2))).expect("written");
    for number in 0..50 {
        fs::write(share.at(&format!("{number}.txt")), "clean").expect("written");
    }
    let (done, begun) = (AtomicBool::new(false), Instant::now());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let name = share.at("swapped");
            let clear = || drop(fs::remove_file(&name).or_else(|_| fs::remove_dir_all(&name)));
            while !done.load(Ordering::Relaxed) && begun.elapsed() < LONG {
                fs::write(&name, "a file").expect("written");
                clear();
                symlink(outside.at("secret.txt"), &name).expect("a link");
                clear();
                fs::create_dir(&name).expect("made");
                let _ = fs::write(name.join("x.txt"), "clean");
                clear();
                symlink(outside.at("folder"), &name).expect("a link");
                clear();
                rustix::fs::mkfifoat(rustix::fs::CWD, &name, 0o600.into()).expect("a pipe");
                clear();
            }
        });
        for round in 0..6 {
            let state = states.at(&format!("{round}.state"));
            let swept = keysieve(["sweep", text(share.path()), "--state", text(&state), "--format", "json"]);
            assert!(matches!(swept.status, 0 | 3), "{}", swept.stderr);
            assert_eq!(previews(&swept.json()), Vec::<String>::new());
        }
        done.store(true, Ordering::Relaxed);
        assert!(begun.elapsed() < LONG);
    });
}

#[test]
fn pipes_devices_and_loops_are_passed_by() {
    let (share, states) = (Tree::new().file("a.txt", format!("token {}", github(3))), Tree::new());
    rustix::fs::mkfifoat(rustix::fs::CWD, share.at("pipe"), 0o600.into()).expect("a pipe");
    let _socket = std::os::unix::net::UnixListener::bind(share.at("socket")).expect("a socket");
    symlink("/dev/zero", share.at("endless")).expect("a link");
    symlink(".", share.at("loop")).expect("a link");
    let state = states.at("s.state");
    let swept = keysieve(["sweep", text(share.path()), "--state", text(&state), "--format", "json"]);
    assert_eq!(swept.status, 1, "{}", swept.stderr);
    let report = swept.json();
    assert_eq!(report["coverage"]["links"], 2);
    let gaps = report["coverage"]["gaps"].as_array().expect("gaps");
    let mut names: Vec<_> =
        gaps.iter().filter_map(|gap| gap["place"]["path"].as_str()?.rsplit('/').next()).collect();
    names.sort_unstable();
    assert_eq!(names, ["pipe", "socket"]);
}

/// A root that is mounted over, or unmounted, keeps its path and its name.
#[cfg(target_os = "linux")]
#[test]
fn a_root_on_another_device_resolves_nothing() {
    let (share, states) = (Tree::new().file("a.txt", format!("token {}", github(4))), Tree::new());
    let (root, state) = (text(share.path()).to_owned(), states.at("s.state"));
    let call = ["sweep", &root, "--state", text(&state), "--format", "json"];
    assert_eq!(keysieve(call).status, 1);
    let over = |more: &str| {
        let script =
            format!("mount -t tmpfs none \"$1\" && echo x >\"$1/b.txt\" && shift && exec \"$@\" {more}");
        let mut unshared = Command::new("unshare");
        unshared.args(["--mount", "--map-root-user", "sh", "-c", &script, "sh", &root]);
        ended(unshared.arg(env!("CARGO_BIN_EXE_keysieve")).args(call))
    };
    let mounted = over("");
    if mounted.stdout.is_empty() {
        return say("left out: nothing can be mounted here");
    }
    assert_eq!(mounted.status, 3, "{}", mounted.stderr);
    let report = mounted.json();
    assert_eq!(report["findings"][0]["state"], "unreadable");
    let detail = report["coverage"]["gaps"][0]["detail"].as_str().expect("text").to_owned();
    assert!(detail.contains("another device"), "{detail}");
    assert_eq!(over("").status, 3, "each time");
    let back = keysieve(call);
    assert_eq!((back.status, &back.json()["findings"][0]["state"]), (0, &Value::from("open")));
    let meant = over("--accept-roots");
    assert_eq!((meant.status, &meant.json()["findings"][0]["state"]), (0, &Value::from("resolved")));
}

#[test]
fn a_sweep_that_is_interrupted_keeps_what_it_found_and_goes_on() {
    let (share, states) = (Tree::new(), Tree::new());
    for number in 0..100 {
        let text = format!("token {}\n{}", github(100 + number), "x".repeat(20_000));
        fs::write(share.at(&format!("{number:03}.txt")), text).expect("written");
    }
    let state = states.at("s.state");
    let call = ["sweep", text(share.path()), "--state", text(&state), "--format", "json", "--threads", "1"];
    // 100 files of 20 kB at 100 kB a second take 20 seconds.
    let mut slow = command();
    slow.args(call).args(["--max-bytes-per-second", "100000"]);
    let child = slow.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary");
    std::thread::sleep(Duration::from_secs(3));
    let begun = Instant::now();
    let sent = Command::new("kill").arg("-INT").arg(child.id().to_string()).status().expect("kill");
    assert!(sent.success());
    let output = child.wait_with_output().expect("an end");
    assert!(begun.elapsed() < Duration::from_secs(8), "it does not wait for its turn");
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    let first: Value = serde_json::from_slice(&output.stdout).expect("a whole report");
    assert_eq!(first["summary"]["sweep"]["whole"], false);
    let found = previews(&first).len();
    assert!((1..100).contains(&found), "{found}");
    let on = keysieve(call);
    assert_eq!(on.status, 1);
    let report = on.json();
    assert_eq!((&report["summary"]["sweep"]["number"], previews(&report).len()), (&Value::from(1), 100));
    assert_eq!(report["coverage"]["files"].as_u64(), Some(100 - found as u64), "the rest");
}

#[test]
fn a_saved_report_of_a_sweep_keeps_the_states() {
    let (share, states) = (Tree::new().file("a.txt", format!("token {}", github(5))), Tree::new());
    let (state, saved) = (states.at("s.state"), states.at("saved.json"));
    let output = format!("json={}", text(&saved));
    let swept = keysieve(["sweep", text(share.path()), "--state", text(&state), "--output", &output]);
    assert_eq!(swept.status, 1, "{}", swept.stderr);
    let before: Value = serde_json::from_slice(&fs::read(&saved).expect("read")).expect("JSON");
    let again = keysieve(["report", text(&saved), "--format", "json"]).json();
    for key in ["state", "first_seen", "last_seen", "first_sweep", "last_sweep", "moved_from"] {
        assert!(!before["findings"][0][key].is_null() || key == "moved_from", "{key}");
        assert_eq!(again["findings"][0][key], before["findings"][0][key], "{key}");
    }
    assert_eq!(again["summary"]["sweep"], before["summary"]["sweep"]);
    let lines = keysieve(["report", text(&saved), "--format", "jsonl"]);
    assert!(lines.stdout.lines().any(|line| line.contains("\"state\":\"new\"")), "{}", lines.stdout);
}

#[cfg(not(feature = "remote"))]
#[test]
fn a_build_without_stores_says_which_has_them() {
    let states = Tree::new();
    let state = states.at("s.state");
    for call in [
        vec!["scan", "s3://bucket/exports"],
        vec!["sweep", "az://container", "--state", text(&state)],
        vec!["manifest", "sftp://host/a", "--state", text(&state), "--to", "list"],
    ] {
        let ended = keysieve(&call);
        assert_eq!(ended.status, 2, "{call:?}");
        assert!(ended.stderr.contains("--features remote"), "{call:?}: {}", ended.stderr);
        assert!(ended.stderr.contains("released binary"), "{call:?}: {}", ended.stderr);
    }
}

#[test]
fn credentials_in_an_address_are_refused_and_not_repeated() {
    for address in ["webdav://me:VALUE-1@host/a", "sftp://me:VALUE-1@host/a", "s3://VALUE-1:x@bucket/a"] {
        let ended = keysieve(["scan", address]);
        assert_eq!(ended.status, 2, "{address}");
        assert!(ended.stderr.contains("credentials"), "{}", ended.stderr);
        assert!(!ended.stderr.contains("VALUE-1"), "{}", ended.stderr);
    }
}
