//! `keysieve git --history`: every object once, the first commit and its author.

use std::io::Write;

use super::made::{Repo, git, key, keysieve_in};

/// A commit by someone at some time; returns its id.
fn commit(repo: &Repo, author: &str, date: &str, name: &str, text: &str) -> String {
    repo.write(name, text).git(&["add", "-A"]);
    let mut command = git(repo.path());
    command.env("GIT_AUTHOR_DATE", date).env("GIT_COMMITTER_DATE", date);
    let author = format!("--author={author}");
    let status = command.args(["commit", "-q", "--no-verify", "-m", "message", &author]).status();
    assert!(status.expect("git").success());
    repo.git(&["rev-parse", "HEAD"])
}

#[test]
fn the_first_commit_and_its_author_are_named() {
    let repo = Repo::new();
    repo.write("readme.txt", "x").commit("first");
    let token = |more: &str| format!("TOKEN={}\n{more}", key(1));
    let first = commit(&repo, "Joe <joe@example.org>", "2026-11-21T10:00:00+01:00", "a.env", &token(""));
    commit(&repo, "Ann <ann@example.org>", "2026-11-22T10:00:00Z", "a.env", &token("more\n"));
    commit(&repo, "Ann <ann@example.org>", "2026-11-22T11:00:00Z", "a.env", "gone\n");
    let json = repo.history(&["--history"]).json();
    let findings = json["findings"].as_array().expect("findings");
    assert_eq!(findings.len(), 1, "a finding in two versions is one: {findings:#?}");
    assert_eq!(findings[0]["location"]["path"], "a.env");
    assert_eq!(findings[0]["commit"]["id"], first.as_str());
    assert_eq!(findings[0]["commit"]["author"], "Joe <joe@example.org>");
    assert_eq!(findings[0]["commit"]["date"], "2026-11-21T10:00:00+01:00");
    let human = repo.keysieve(&["git", "--history"]);
    assert!(
        human.stdout.contains(&format!("commit {} by Joe <joe@example.org>", &first[..12])),
        "{}",
        human.stdout
    );
}

#[test]
fn every_format_names_the_commit() {
    let repo = Repo::new();
    let token = format!("TOKEN={}", key(1));
    let first = commit(&repo, "Joe <joe@example.org>", "2026-11-21T10:00:00Z", "a.env", &token);
    for format in ["human", "json", "jsonl", "sarif", "html", "csv", "junit", "gitlab", "github", "markdown"]
    {
        let said = repo.keysieve(&["git", "--history", "--format", format]).stdout;
        for wanted in [&first[..12], "Joe", "2026-11-21T10:00:00"] {
            assert!(said.contains(wanted), "{wanted} in {format}: {said}");
        }
    }
    let gitlab = repo.keysieve(&["git", "--history", "--format", "gitlab"]).json();
    assert_eq!(gitlab["vulnerabilities"][0]["location"]["commit"]["sha"], first.as_str());
    let sarif = repo.keysieve(&["git", "--history", "--format", "sarif"]).json();
    assert_eq!(sarif["runs"][0]["results"][0]["properties"]["commit"]["id"], first.as_str());
}

#[test]
fn a_range_is_what_its_commits_brought() {
    let repo = Repo::new();
    commit(&repo, "Joe <joe@example.org>", "2026-11-21T10:00:00Z", "a.env", &format!("TOKEN={}", key(1)));
    repo.git(&["tag", "start"]);
    commit(&repo, "Joe <joe@example.org>", "2026-11-21T11:00:00Z", "b.env", &format!("TOKEN={}", key(2)));
    commit(&repo, "Joe <joe@example.org>", "2026-11-21T12:00:00Z", "b.env", "gone");
    assert_eq!(repo.history(&["--history", "start..HEAD"]).open(), ["b.env"]);
    assert_eq!(repo.history(&["--history", "start"]).open(), ["a.env"]);
    assert_eq!(repo.history(&["--history"]).open(), ["a.env", "b.env"]);
    let wrong = repo.history(&["--history", "nowhere..HEAD"]);
    assert_eq!(wrong.status, 2);
    assert!(wrong.stderr.contains("nowhere"), "{}", wrong.stderr);
    assert_eq!(repo.history(&["--history=--output=x"]).status, 2);
    assert!(!repo.at("x").exists());
}

#[test]
fn commits_that_no_branch_holds_are_read() {
    let repo = Repo::new();
    repo.write("readme.txt", "x").commit("first");
    let lost =
        commit(&repo, "Joe <joe@example.org>", "2026-11-21T10:00:00Z", "a.env", &format!("TOKEN={}", key(1)));
    repo.git(&["reset", "-q", "--hard", "HEAD~1"]);
    repo.git(&["reflog", "expire", "--expire=now", "--all"]);
    let json = repo.history(&["--history"]).json();
    assert_eq!(json["findings"][0]["commit"]["id"], lost.as_str());
    repo.git(&["gc", "-q", "--prune=now"]);
    assert_eq!(repo.history(&["--history"]).open().len(), 0, "git has it no more");
}

#[test]
fn what_was_staged_and_never_committed_is_counted_only() {
    let repo = Repo::new();
    repo.write("a.env", format!("TOKEN={}", key(1))).git(&["add", "."]);
    repo.git(&["rm", "-q", "--cached", "a.env"]);
    let ended = repo.history(&["--history"]);
    assert_eq!((ended.status, ended.open().len()), (0, 0));
    assert!(ended.stderr.contains("1 more in objects that were staged"), "{}", ended.stderr);
}

#[test]
fn messages_of_commits_and_tags_are_text() {
    let repo = Repo::new();
    repo.commit(&format!("the token is {}", key(1)));
    repo.git(&["tag", "-a", "v1", "-m", &format!("the token is {}", key(2))]);
    let json = repo.history(&["--history"]).json();
    let findings = json["findings"].as_array().expect("findings");
    assert_eq!(findings.len(), 2, "{findings:#?}");
    let head = repo.git(&["rev-parse", "HEAD"]);
    let of_commit = findings.iter().find(|it| it["location"]["path"] == format!("(commit {head})"));
    assert_eq!(of_commit.expect("in the commit")["commit"]["author"], "Jane Doe <jane@example.org>");
}

#[test]
fn names_of_files_are_text() {
    let repo = Repo::new();
    let name = format!("in/export-{}.json", key(1));
    repo.write(&name, "{}").commit("first");
    repo.write("in/other.json", "{}").write("b.txt", "b").commit("second").git(&["gc", "-q"]);
    let open = repo.history(&["--history"]).open();
    assert_eq!(open.len(), 1, "in each version of its folder, but said once: {open:?}");
    assert!(open[0].starts_with("(tree "), "{open:?}");
}

/// A repository as large ones are: deltas upon deltas in more than one pack, loose objects, some of them in a pack too, a
/// file that is too large to be held, and one that git has to be asked for.
#[test]
fn every_object_is_read_once_wherever_it_lies() {
    let repo = Repo::new();
    let text = |number: u64| {
        let lines: String =
            (0..400).map(|line| format!("line {line} of some length, {}\n", line * 7919)).collect();
        format!("{lines}TOKEN_{number}={}\n{lines}", key(number))
    };
    for number in 0..30 {
        repo.write("a.txt", text(number)).commit("next");
    }
    repo.git(&["repack", "-q", "-a", "-d", "--depth=50"]);
    let objects = repo.at(".git/objects");
    let loose = repo.git(&["rev-parse", "HEAD:a.txt"]);
    repo.write("large.bin", format!("{}TOKEN={}\n", "0123456789abcde\n".repeat(600_000), key(40)))
        .commit("large");
    repo.write("b.txt", text(41)).commit("in a second pack").git(&["repack", "-q", "-d"]);
    repo.write("c.txt", text(42)).commit("loose");
    // The same once more, in a file of its own.
    let bytes = repo.try_git(&["cat-file", "blob", &loose]).stdout;
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(format!("blob {}\0{bytes}", bytes.len()).as_bytes()).expect("packed");
    std::fs::create_dir_all(objects.join(&loose[..2])).expect("made");
    std::fs::write(objects.join(&loose[..2]).join(&loose[2..]), packed.finish().expect("packed"))
        .expect("written");
    let all = repo.git(&["cat-file", "--batch-all-objects", "--batch-check"]).lines().count();
    let json = repo.history(&["--history"]).json();
    assert_eq!(json["findings"].as_array().expect("findings").len(), 33);
    assert_eq!(json["coverage"]["files"], all);
    let one = repo.history(&["--history", "--threads", "1"]).json();
    assert_eq!(one["findings"], json["findings"]);
    let range = repo.history(&["--history", "HEAD"]).json();
    assert_eq!(range["findings"], json["findings"], "as git gives them");
}

/// An index that lies costs what it lies about, no more: git is asked.
#[test]
fn a_broken_index_is_left_to_git() {
    let repo = Repo::new();
    repo.write("a.env", format!("TOKEN={}", key(1))).commit("first").git(&["gc", "-q"]);
    let folder = repo.at(".git/objects/pack");
    let index = std::fs::read_dir(folder).expect("packs").map(|entry| entry.expect("one").path());
    let index =
        index.into_iter().find(|path| path.extension().is_some_and(|end| end == "idx")).expect("an index");
    let whole = std::fs::read(&index).expect("read");
    let mut options = std::fs::metadata(&index).expect("there").permissions();
    #[allow(clippy::permissions_set_readonly_false, reason = "it is gone with the test")]
    options.set_readonly(false);
    std::fs::set_permissions(&index, options).expect("set");
    for at in (0..whole.len()).step_by(97) {
        let mut broken = whole.clone();
        broken[at] ^= 0xff;
        std::fs::write(&index, &broken).expect("written");
        let ended = repo.history(&["--history"]);
        assert!(matches!(ended.status, 0..=4), "{at}: {}", ended.stderr);
    }
    std::fs::write(&index, &whole[..whole.len() / 2]).expect("written");
    assert_ne!(repo.history(&["--history"]).status, 0);
}

/// What was found before the time was over is reported, whether or not its commit was read, and one gap tells the rest.
#[test]
fn a_history_that_is_not_read_to_its_end_says_so_once() {
    let repo = Repo::new();
    for number in 0..5 {
        repo.write("a.env", format!("TOKEN={}\n", key(number))).commit("next");
    }
    for range in [&["--history"][..], &["--history", "HEAD"]] {
        let ended = repo.history(&[range, &["--deadline", "0"]].concat());
        let json = ended.json();
        assert_eq!(ended.status, 3, "{}", ended.stderr);
        assert_eq!(json["coverage"]["gaps"].as_array().map(Vec::len), Some(1), "{json}");
        assert_eq!(json["coverage"]["gaps"][0]["reason"], "deadline");
    }
}

#[test]
fn packed_and_merged_objects_are_found() {
    let repo = Repo::new();
    repo.write("readme.txt", "x").commit("first");
    repo.git(&["checkout", "-q", "-b", "side"]);
    let side =
        commit(&repo, "Joe <joe@example.org>", "2026-11-21T10:00:00Z", "a.env", &format!("TOKEN={}", key(1)));
    repo.git(&["checkout", "-q", "main"]);
    commit(&repo, "Ann <ann@example.org>", "2026-11-21T11:00:00Z", "b.txt", "b");
    repo.git(&["merge", "-q", "--no-ff", "--no-verify", "-m", "merge", "side"]);
    repo.git(&["gc", "-q"]);
    let json = repo.history(&["--history"]).json();
    assert_eq!(json["findings"].as_array().expect("findings").len(), 1);
    assert_eq!(json["findings"][0]["commit"]["id"], side.as_str());
}

#[test]
fn what_is_not_here_is_told() {
    let repo = Repo::new();
    repo.write("a.env", "A=1").commit("first").write("a.env", "A=2").commit("second");
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("file://{}", repo.path().display());
    let clone = |options: &[&str], name: &str| {
        let mut command = git(folder.path());
        assert!(
            command.arg("clone").arg("-q").args(options).args([&url, name]).status().expect("git").success()
        );
        keysieve_in(&folder.path().join(name), &["git", "--history", "--format", "json"])
    };
    let shallow = clone(&["--depth=1"], "shallow");
    assert_eq!(shallow.status, 3);
    assert!(shallow.stdout.contains("a shallow clone"), "{}", shallow.stdout);
    repo.git(&["config", "uploadpack.allowFilter", "true"]);
    let partial = clone(&["--filter=blob:none", "--no-checkout"], "partial");
    assert_eq!(partial.status, 3);
    assert!(partial.stdout.contains("a partial clone"), "{}", partial.stdout);
}

#[test]
fn a_partial_clone_fetches_nothing() {
    let repo = Repo::new();
    let old = format!("{}\nTOKEN={}\n", "Lorem ipsum\n".repeat(40), key(1));
    repo.write("a.env", &old).commit("first");
    repo.git(&["config", "uploadpack.allowFilter", "true"]);
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("file://{}", repo.path().display());
    let mut command = git(folder.path());
    let arguments = ["clone", "-q", "--filter=blob:none", "--no-checkout", &url, "clone"];
    assert!(command.args(arguments).status().expect("git").success());
    let clone = folder.path().join("clone");
    let run = |arguments: &[&str]| assert!(git(&clone).args(arguments).status().expect("git").success());
    run(&["read-tree", "--empty"]);
    std::fs::write(clone.join("b.env"), format!("{old}more\n")).expect("written");
    run(&["add", "b.env"]);
    // A removed and an added file: to compare them git would have to fetch the first.
    let ended = keysieve_in(&clone, &["git", "--staged", "--format", "json"]);
    assert_eq!(ended.open(), ["b.env"], "{}", ended.stderr);
    let objects =
        git(&clone).args(["cat-file", "--batch-all-objects", "--batch-check"]).output().expect("git");
    let blobs = String::from_utf8_lossy(&objects.stdout).matches(" blob ").count();
    assert_eq!(blobs, 1, "only what was staged here");
}
