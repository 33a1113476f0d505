//! Repositories made for tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::common::token;

/// How a run of keysieve ended.
pub(super) struct Ended {
    pub(super) status: i32,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Ended {
    fn of(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            status: output.status.code().expect("no signal"),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}{}", self.stdout, self.stderr))
    }

    /// The places of all findings that are not accepted.
    pub(super) fn open(&self) -> Vec<String> {
        self.findings(|finding| finding["accepted"].is_null())
    }

    pub(super) fn findings(&self, wanted: impl Fn(&Value) -> bool) -> Vec<String> {
        let json = self.json();
        let findings = json["findings"].as_array().expect("findings").iter().filter(|it| wanted(it));
        findings.map(|it| it["location"]["display"].as_str().expect("a place").to_owned()).collect()
    }
}

/// A repository in a folder that vanishes with the test.
pub(super) struct Repo {
    folder: tempfile::TempDir,
}

impl Repo {
    pub(super) fn new() -> Self {
        Self::with(&[])
    }

    /// With options of `git init`.
    pub(super) fn with(options: &[&str]) -> Self {
        let repo = Self { folder: tempfile::tempdir().expect("a folder") };
        repo.git(&[&["init", "-q", "-b", "main"], options, &["."]].concat());
        repo.git(&["config", "user.name", "Jane Doe"]);
        repo.git(&["config", "user.email", "jane@example.org"]);
        repo
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn at(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub(super) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> &Self {
        let path = self.at(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, bytes).expect("written");
        self
    }

    /// Runs git, which must be content, and returns what it says.
    pub(super) fn git(&self, arguments: &[&str]) -> String {
        let output = self.try_git(arguments);
        assert!(output.status == 0, "git {arguments:?}: {}{}", output.stdout, output.stderr);
        output.stdout.trim_end().to_owned()
    }

    pub(super) fn try_git(&self, arguments: &[&str]) -> Ended {
        Ended::of(git(self.path()).args(arguments).output().expect("git"))
    }

    /// Commits all that is there, whatever a hook says.
    pub(super) fn commit(&self, message: &str) -> &Self {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--no-verify", "--allow-empty", "-m", message]);
        self
    }

    /// Runs keysieve in the repository.
    pub(super) fn keysieve(&self, arguments: &[&str]) -> Ended {
        keysieve_in(self.path(), arguments)
    }

    /// What is staged, as JSON.
    pub(super) fn staged(&self) -> Ended {
        self.keysieve(&["git", "--staged", "--format", "json"])
    }

    /// What was ever committed, as JSON.
    pub(super) fn history(&self, options: &[&str]) -> Ended {
        self.keysieve(&[&["git", "--format", "json"], options].concat())
    }
}

/// Git in a folder, without what the machine's settings say.
pub(super) fn git(folder: &Path) -> Command {
    let mut command = Command::new("git");
    quiet(&mut command, folder);
    command.args(["-c", "protocol.file.allow=always", "-c", "commit.gpgsign=false"]);
    command
}

/// Runs keysieve in a folder.
pub(super) fn keysieve_in(folder: &Path, arguments: &[&str]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keysieve"));
    quiet(&mut command, folder);
    Ended::of(command.args(arguments).output().expect("the binary"))
}

/// Takes out of the environment what would reach a test.
fn quiet(command: &mut Command, folder: &Path) {
    command.current_dir(folder).stdin(std::process::Stdio::null());
    for variable in
        ["GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE", "KEYSIEVE_FINGERPRINT_KEY_FILE", "NO_COLOR"]
    {
        command.env_remove(variable);
    }
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    command.env("GIT_AUTHOR_DATE", "2026-11-20T12:00:00Z").env("GIT_COMMITTER_DATE", "2026-11-20T12:00:00Z");
}

/// A vendor's token, another one for each number.
pub(super) fn key(number: u64) -> String {
    token("github-personal-access-token", number)
}

/// A workflow of n8n in one line, with a token in each of its steps.
pub(super) fn flow(values: &[String]) -> String {
    let step = |(number, value): (usize, &String)| {
        json!({"id": format!("n{number}"), "name": format!("Step {number}"), "type": "n8n-nodes-base.httpRequest",
               "parameters": {"headerParameters": {"parameters": [{"name": "X-Token", "value": value}]}}})
    };
    let nodes: Vec<Value> = values.iter().enumerate().map(step).collect();
    json!({"name": "Flow", "id": "wf-1", "nodes": nodes, "connections": {}}).to_string()
}
