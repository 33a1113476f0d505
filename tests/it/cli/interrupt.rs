//! Ctrl-C ends a run with what was found so far.
#![cfg(unix)]

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use super::made::{Tree, command, github};

/// Standard input that does not end is what a run can be caught in; the first path is done by then, the last is not begun.
#[test]
fn an_interrupted_run_reports_what_it_found() {
    for signal in ["-INT", "-TERM"] {
        let tree = Tree::new()
            .file("a.env", format!("T={}\n", github(1)))
            .file("z.env", format!("T={}\n", github(2)));
        let mut child = command()
            .arg("scan")
            .arg(tree.at("a.env"))
            .arg("-")
            .arg(tree.at("z.env"))
            .args(["--format", "json", "--threads", "1"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary");
        let mut stdin = child.stdin.take().expect("a pipe");
        let mut stderr = child.stderr.take().expect("a pipe");
        stdin.write_all(b"x\n").expect("written");
        std::thread::sleep(std::time::Duration::from_millis(1500));
        let sent = Command::new("kill").arg(signal).arg(child.id().to_string()).status().expect("kill");
        assert!(sent.success());
        // Its first word after the signal; only then the input ends.
        let mut first = [0; 9];
        stderr.read_exact(&mut first).expect("a line");
        assert_eq!(&first, b"keysieve:");
        drop(stdin);
        let output = child.wait_with_output().expect("an end");
        assert_eq!(output.status.code(), Some(130), "{signal}");
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a whole report");
        assert_eq!(report["findings"].as_array().map(Vec::len), Some(1), "{report}");
        let gaps = report["coverage"]["gaps"].as_array().expect("gaps");
        assert!(gaps.iter().any(|gap| gap["reason"] == "interrupted"), "{gaps:?}");
        assert_eq!(report["summary"]["complete"], false);
    }
}
