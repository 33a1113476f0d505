//! `keysieve hook`, through real commits.

use std::fs;

use super::made::{Repo, flow, git, key, keysieve_in};

#[test]
fn a_commit_stops_and_says_what_to_do() {
    let repo = Repo::new();
    let installed = repo.keysieve(&["hook", "install"]);
    assert_eq!(installed.status, 0, "{}", installed.stderr);
    repo.write("flow.json", flow(&[key(1)])).git(&["add", "."]);
    let stopped = repo.try_git(&["commit", "-m", "first"]);
    assert_ne!(stopped.status, 0);
    let said = format!("{}{}", stopped.stdout, stopped.stderr);
    for wanted in
        ["keysieve stopped this commit", "git add", "revoke", "[[accept]]", "who = \"jane@example.org\""]
    {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    assert!(!said.contains("no-verify"), "{said}");
    assert!(!said.contains(&key(1)), "the secret is shown");
    // The very lines that it says accept the finding, once the reason is there.
    let lines: Vec<&str> = said
        .lines()
        .skip_while(|line| !line.contains("[[accept]]"))
        .take_while(|line| !line.is_empty())
        .collect();
    repo.write(".keysieve.toml", lines.join("\n"));
    let unsaid = repo.try_git(&["commit", "-m", "first"]);
    assert!(unsaid.stderr.contains("reason and who must say something"), "{}", unsaid.stderr);
    repo.write(".keysieve.toml", lines.join("\n").replace("reason = \"\"", "reason = \"made up\""));
    let passed = repo.try_git(&["commit", "-m", "first"]);
    assert_eq!(passed.status, 0, "{}", passed.stderr);
}

#[test]
fn a_clean_commit_hears_nothing() {
    let repo = Repo::new();
    repo.keysieve(&["hook", "install"]);
    repo.write("a.json", "{\"a\": 1}").git(&["add", "."]);
    let passed = repo.try_git(&["commit", "-q", "-m", "first"]);
    assert_eq!((passed.status, &*passed.stdout, &*passed.stderr), (0, "", ""));
}

#[test]
fn commits_of_all_changes_and_of_one_path_are_seen() {
    let repo = Repo::new();
    repo.write("a.env", "A=1\n").write("b.env", "B=1\n").commit("first");
    repo.keysieve(&["hook", "install"]);
    repo.write("a.env", format!("TOKEN={}\n", key(1)));
    assert_ne!(repo.try_git(&["commit", "-a", "-m", "x"]).status, 0, "commit -a");
    assert_ne!(repo.try_git(&["commit", "-m", "x", "a.env"]).status, 0, "commit PATH");
    assert_ne!(repo.try_git(&["commit", "-m", "x", "--include", "a.env"]).status, 0, "commit --include");
    repo.write("b.env", "B=2\n");
    assert_eq!(repo.try_git(&["commit", "-q", "-m", "x", "b.env"]).status, 0, "another path alone");
    assert_ne!(repo.try_git(&["commit", "-a", "--amend", "-m", "x"]).status, 0, "commit --amend");
}

#[cfg(unix)]
#[test]
fn a_part_of_a_file_can_be_committed() {
    let repo = Repo::new();
    let text = |first: &str, last: &str| format!("{first}\n{}{last}\n", "x\n".repeat(30));
    repo.write("a.env", text("A=1", "B=1")).commit("first");
    repo.keysieve(&["hook", "install"]);
    repo.write("a.env", text("A=2", &format!("TOKEN={}", key(1))));
    let patch = |answers: &str| {
        let mut command = git(repo.path());
        let mut child = command
            .args(["commit", "-q", "-p", "-m", "part"])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("git");
        std::io::Write::write_all(&mut child.stdin.take().expect("a pipe"), answers.as_bytes())
            .expect("written");
        child.wait().expect("an end").success()
    };
    assert!(!patch("n\ny\n"), "the part with the secret");
    assert!(patch("y\nn\n"), "the part without");
}

#[test]
fn what_cannot_be_read_is_a_warning() {
    let repo = Repo::new();
    repo.keysieve(&["hook", "install"]);
    let mut zip = crate::containers::zip(&[("a.txt", b"some text here")]);
    let length = zip.len();
    zip.truncate(length - 30);
    repo.write("cut.zip", zip).git(&["add", "."]);
    let passed = repo.try_git(&["commit", "-q", "-m", "first"]);
    assert_eq!(passed.status, 0);
    assert!(passed.stderr.contains("warning: cut.zip could not be read"), "{}", passed.stderr);
}

#[test]
fn what_is_only_possible_stops_no_commit() {
    let repo = Repo::new();
    // Under a weak name, so of low confidence.
    let value = crate::common::Random(7).alnum(40);
    repo.write("a.json", format!("{{\"hash_key\": \"{value}\", \"auth\": \"{value}\"}}")).git(&["add", "."]);
    let all = repo.staged();
    let json = all.json();
    let findings = json["findings"].as_array().expect("findings");
    let sure = findings.iter().filter(|it| it["confidence"] != "low").count();
    let hook = repo.keysieve(&["git", "--staged", "--hook"]);
    assert_eq!(hook.status, i32::from(sure > 0), "{findings:#?}");
}

#[cfg(unix)]
#[test]
fn a_hook_that_is_there_runs_first_and_comes_back() {
    use std::os::unix::fs::PermissionsExt;
    let repo = Repo::new();
    let path = repo.at(".git/hooks/pre-commit");
    let script = "#!/bin/sh\n# mine\necho mine >> ran\n[ ! -e stop ] || exit 7\n";
    fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    fs::write(&path, script).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o750)).expect("set");
    let installed = repo.keysieve(&["hook", "install"]);
    assert!(installed.stdout.contains("kept and runs first"), "{}", installed.stdout);
    assert_eq!(repo.keysieve(&["hook", "install"]).status, 0, "twice is as good as once");
    repo.write("a.env", format!("TOKEN={}", key(1))).git(&["add", "a.env"]);
    assert_ne!(repo.try_git(&["commit", "-m", "x"]).status, 0);
    assert_eq!(fs::read_to_string(repo.at("ran")).expect("it ran"), "mine\n");
    repo.write("a.env", "A=1").write("stop", "").git(&["add", "a.env"]);
    assert_ne!(repo.try_git(&["commit", "-m", "x"]).status, 0, "the other hook stops it");
    assert!(repo.keysieve(&["hook", "status"]).stdout.contains("runs first"));
    let gone = repo.keysieve(&["hook", "uninstall"]);
    assert_eq!(gone.status, 0, "{}", gone.stderr);
    assert_eq!(fs::read_to_string(&path).expect("back"), script);
    assert_eq!(fs::metadata(&path).expect("back").permissions().mode() & 0o777, 0o750);
    let left: Vec<_> = fs::read_dir(repo.at(".git/hooks"))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
        .filter(|name| !name.ends_with(".sample"))
        .collect();
    assert_eq!(left, ["pre-commit"]);
}

#[test]
fn without_another_hook_nothing_is_left() {
    let repo = Repo::new();
    repo.keysieve(&["hook", "install"]);
    assert!(repo.at(".git/hooks/pre-commit").exists());
    repo.keysieve(&["hook", "uninstall"]);
    assert!(!repo.at(".git/hooks/pre-commit").exists());
    assert!(repo.keysieve(&["hook", "status"]).stdout.contains("not installed"));
}

#[test]
fn the_folder_that_git_is_told_of_is_used() {
    let repo = Repo::new();
    repo.git(&["config", "core.hooksPath", "tools/hooks"]);
    assert_eq!(repo.keysieve(&["hook", "install"]).status, 0);
    assert!(repo.at("tools/hooks/pre-commit").exists());
    repo.write("a.env", format!("TOKEN={}", key(1))).git(&["add", "a.env"]);
    assert_ne!(repo.try_git(&["commit", "-m", "x"]).status, 0);
}

#[test]
fn a_folder_of_many_repositories_is_left_alone() {
    let repo = Repo::new();
    let shared = tempfile::tempdir().expect("a folder");
    repo.git(&["config", "core.hooksPath", shared.path().to_str().expect("a name")]);
    let refused = repo.keysieve(&["hook", "install"]);
    assert_eq!(refused.status, 2);
    assert!(refused.stderr.contains("--shared"), "{}", refused.stderr);
    assert!(!shared.path().join("pre-commit").exists());
    assert_eq!(repo.keysieve(&["hook", "install", "--shared"]).status, 0);
    assert!(shared.path().join("pre-commit").exists());
}

#[test]
fn huskys_script_gets_a_block() {
    let repo = Repo::new();
    repo.git(&["config", "core.hooksPath", ".husky/_"]);
    repo.write(".husky/_/h", "").write(".husky/pre-commit", "npm test");
    assert_eq!(repo.keysieve(&["hook", "install"]).status, 0);
    let text = fs::read_to_string(repo.at(".husky/pre-commit")).expect("a script");
    assert!(text.starts_with("npm test\n") && text.contains("keysieve git --staged --hook"), "{text}");
    assert!(!repo.at(".husky/_/pre-commit").exists());
    assert_eq!(repo.keysieve(&["hook", "uninstall"]).status, 0);
    assert_eq!(fs::read_to_string(repo.at(".husky/pre-commit")).expect("a script"), "npm test");
}

#[test]
fn a_hook_that_took_our_place_is_left_alone() {
    let repo = Repo::new();
    let path = repo.at(".git/hooks/pre-commit");
    repo.write(".git/hooks/pre-commit", "#!/bin/sh\n");
    repo.keysieve(&["hook", "install"]);
    fs::write(&path, "#!/bin/sh\n# newer\n").expect("written");
    assert!(repo.keysieve(&["hook", "status"]).stdout.contains("taken its place"));
    assert_eq!(repo.keysieve(&["hook", "uninstall"]).status, 2);
    assert_eq!(fs::read_to_string(&path).expect("a script"), "#!/bin/sh\n# newer\n");
}

#[test]
fn worktrees_share_the_hook() {
    let repo = Repo::new();
    repo.write("a.env", "A=1").commit("first");
    let tree = tempfile::tempdir().expect("a folder");
    let path = tree.path().join("tree");
    repo.git(&["worktree", "add", "-q", "-b", "side", path.to_str().expect("a name")]);
    assert_eq!(keysieve_in(&path, &["hook", "install"]).status, 0);
    assert!(repo.at(".git/hooks/pre-commit").exists());
    fs::write(path.join("b.env"), format!("TOKEN={}", key(1))).expect("written");
    assert!(git(&path).args(["add", "."]).status().expect("git").success());
    let commit = git(&path).args(["commit", "-q", "-m", "x"]).output().expect("git");
    assert!(!commit.status.success());
}
