//! Repositories whose configuration names programs: none of them runs.

use super::made::{Repo, key};

/// A repository that would make a file if any of its programs ran.
#[cfg(unix)]
fn hostile() -> (Repo, std::path::PathBuf) {
    use std::os::unix::fs::PermissionsExt;
    let repo = Repo::new();
    repo.write("a.env", "A=1\n").write("b.txt", "one\n").commit("first");
    let trace = repo.at("it-ran");
    let script = repo.at(".git/evil");
    std::fs::write(&script, format!("#!/bin/sh\necho \"$0 $*\" >> '{}'\ncat\n", trace.display()))
        .expect("written");
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).expect("set");
    let evil = script.to_str().expect("a name");
    repo.write("a.env", format!("TOKEN={}\n", key(1))).write("c.txt", "two\n").git(&["add", "."]);
    repo.git(&["mv", "b.txt", "moved.txt"]);
    for setting in [
        "core.fsmonitor",
        "core.pager",
        "core.sshCommand",
        "core.editor",
        "core.askPass",
        "core.gitProxy",
        "core.alternateRefsCommand",
        "credential.helper",
        "diff.external",
        "diff.evil.textconv",
        "diff.evil.command",
        "filter.evil.clean",
        "filter.evil.smudge",
        "filter.evil.process",
        "gpg.program",
        "pager.diff-index",
        "pager.log",
        "pager.cat-file",
        "pager.rev-list",
        "uploadpack.packObjectsHook",
        "interactive.diffFilter",
        "sequence.editor",
        "merge.evil.driver",
    ] {
        repo.git(&["config", setting, evil]);
    }
    for setting in
        ["alias.diff-index", "alias.cat-file", "alias.rev-list", "alias.rev-parse", "alias.diff-tree"]
    {
        repo.git(&["config", setting, &format!("!{evil}")]);
    }
    repo.git(&["config", "log.showSignature", "true"]);
    repo.git(&["config", "core.hooksPath", repo.at(".git/evil-hooks").to_str().expect("a name")]);
    for hook in ["post-index-change", "reference-transaction", "fsmonitor-watchman", "pre-auto-gc"] {
        repo.write(&format!(".git/evil-hooks/{hook}"), std::fs::read(&script).expect("read"));
        let path = repo.at(&format!(".git/evil-hooks/{hook}"));
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("set");
    }
    repo.write(".git/info/attributes", "* filter=evil diff=evil merge=evil\n");
    repo.git(&["config", "extensions.partialClone", "origin"]);
    repo.git(&["config", "remote.origin.promisor", "true"]);
    repo.git(&["config", "remote.origin.url", &format!("ext::{evil}")]);
    repo.git(&["config", "remote.origin.uploadpack", evil]);
    let _ = std::fs::remove_file(&trace); // git's own calls above may have run one
    (repo, trace)
}

#[cfg(unix)]
#[test]
fn no_program_of_a_repository_runs() {
    let (repo, trace) = hostile();
    assert_eq!(repo.staged().open(), ["a.env"]);
    assert_eq!(repo.history(&["--history"]).status, 3, "a partial clone, as it says");
    repo.keysieve(&["git", "--history", "HEAD"]);
    repo.keysieve(&["hook", "status"]);
    let ran = std::fs::read_to_string(&trace).unwrap_or_default();
    assert!(ran.is_empty(), "{ran}");
    // The test can fail: git itself would have run one.
    repo.try_git(&["status"]);
    assert!(trace.exists(), "git status runs none of them, so the test shows nothing");
}

#[cfg(unix)]
#[test]
fn a_missing_object_is_not_fetched() {
    let (repo, trace) = hostile();
    let blob = repo.git(&["rev-parse", ":a.env"]);
    std::fs::remove_file(repo.at(&format!(".git/objects/{}/{}", &blob[..2], &blob[2..]))).expect("removed");
    let _ = std::fs::remove_file(&trace);
    let ended = repo.staged();
    assert_eq!(ended.status, 3, "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains("not in this repository"), "{}", ended.stdout);
    assert!(!trace.exists(), "{}", std::fs::read_to_string(&trace).unwrap_or_default());
}

#[test]
fn a_replaced_object_hides_nothing() {
    let repo = Repo::new();
    repo.write("a.env", format!("TOKEN={}", key(1))).git(&["add", "."]);
    let harmless = repo.write("b.env", "A=1").git(&["hash-object", "-w", "b.env"]);
    let staged = repo.git(&["rev-parse", ":a.env"]);
    repo.git(&["replace", &staged, &harmless]);
    assert_eq!(repo.staged().open(), ["a.env"]);
    repo.commit("first");
    assert!(repo.history(&["--history"]).open().contains(&"a.env".to_owned()));
}
