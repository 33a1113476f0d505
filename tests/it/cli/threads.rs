//! One thread or eight: the same reports, byte for byte.

use std::fs;
use std::path::Path;

use crate::common::say;

use super::made::{IN_DRIVE, Tree, command, drive, ended};

/// The reports of a run with so many threads, and its status.
fn reports(paths: &[&Path], threads: usize) -> (i32, [String; 3]) {
    let out = Tree::new();
    let files = ["a.json", "a.jsonl", "a.sarif"].map(|name| out.at(name));
    let mut run = command();
    run.arg("scan").args(paths).args([
        "--quiet",
        "--reproducible",
        "--now",
        "2026-11-23T12:00:00Z",
        "--threads",
    ]);
    run.arg(threads.to_string());
    for file in &files {
        run.arg("--output").arg(file);
    }
    let ended = ended(&mut run);
    assert_eq!((&*ended.stdout, &*ended.stderr), ("", ""));
    (ended.status, files.map(|file| fs::read_to_string(file).expect("written")))
}

fn check(paths: &[&Path]) -> String {
    let (status, one) = reports(paths, 1);
    for threads in [2, 8] {
        let (other, several) = reports(paths, threads);
        assert_eq!(status, other);
        for (one, several) in one.iter().zip(&several) {
            let line = one.lines().zip(several.lines()).find(|(one, several)| one != several);
            assert!(one == several, "{threads} threads differ: {line:?}");
        }
    }
    let [json, ..] = one;
    json
}

#[test]
fn threads_change_nothing() {
    let tree = drive();
    let json = check(&[tree.path()]);
    assert_eq!(json.matches("\"signature\"").count(), IN_DRIVE);
    let nest = tree.at("nest");
    check(&[&tree.at("n8n"), &nest, &tree.at("nodered/flows.json"), &tree.at("same")]);
}

/// Real exports: those of the platforms with a reader, where the folder has such parts, else all of it.
#[test]
fn threads_change_nothing_in_real_exports() {
    let Some(corpus) = std::env::var_os("KEYSIEVE_CORPUS") else {
        say("KEYSIEVE_CORPUS names no folder of real exports, so only made ones are scanned");
        return;
    };
    let corpus = Path::new(&corpus);
    let parts = ["n8n", "node-red", "make", "power-automate", "power-platform"].map(|name| corpus.join(name));
    let parts: Vec<&Path> =
        parts.iter().map(std::path::PathBuf::as_path).filter(|part| part.is_dir()).collect();
    let json = check(if parts.is_empty() { std::slice::from_ref(&corpus) } else { &parts });
    assert!(json.contains("\"findings\""));
}
