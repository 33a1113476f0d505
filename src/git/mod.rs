//! Git: what is staged and what was ever committed, read by the user's own `git`; findings and coverage come out.
//!
//! Git knows its indexes, worktrees, partial clones and object formats better than any second reader. But a repository may be
//! a stranger's, whose configuration names programs, so each call ([`Repository::command`]) is one that runs none: plumbing
//! only, with file system monitors, hooks, pagers, replaced objects and fetching switched off, and neither filters nor text
//! conversion. What costs most, all objects of a history, is read without git where they lie as they commonly do
//! (`packs`), and first commits are told from the trees that went by (`firsts`).

mod beside;
mod firsts;
pub mod history;
mod id;
mod objects;
mod packs;
pub mod staged;
mod store;

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Why a repository could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no git.
    #[error("cannot run git, which this command reads the repository with")]
    NoGit(#[source] io::Error),
    /// There is no repository.
    #[error("no git repository here: run it in the folder of one")]
    NoRepository,
    /// Git refused.
    #[error("git {what}: {said}")]
    Refused {
        /// What it was asked.
        what: String,
        /// What it said.
        said: String,
    },
    /// Git ended in the middle of something, or said what git does not say.
    #[error("git {0} ended too early, or said what was not understood")]
    Broken(&'static str),
    /// The scan could not begin.
    #[error(transparent)]
    Engine(#[from] crate::engine::Error),
}

/// A repository, as git finds it from the current folder or a given one.
#[derive(Clone, Debug)]
pub struct Repository {
    /// Where git is run; `None` stands for the current folder.
    folder: Option<PathBuf>,
    /// The root of the work tree; `None` if there is none to be seen.
    pub top: Option<PathBuf>,
}

impl Repository {
    /// The repository of the current folder or of `folder`. Asks nobody: the root of the work tree is where `.git` stands,
    /// or what the variables of git say, which hooks are given.
    pub fn at(folder: Option<&Path>) -> Self {
        let here = || std::env::current_dir().ok();
        let top = match (folder, std::env::var_os("GIT_WORK_TREE"), std::env::var_os("GIT_DIR")) {
            (None, Some(tree), _) => Some(PathBuf::from(tree)),
            (None, None, Some(_)) => here(),
            (folder, ..) => {
                let start =
                    folder.map(Path::to_owned).or_else(here).and_then(|start| start.canonicalize().ok());
                start.and_then(|start| {
                    start.ancestors().find(|folder| folder.join(".git").exists()).map(Path::to_owned)
                })
            }
        };
        Self { folder: folder.map(Path::to_owned), top: top.and_then(|top| top.canonicalize().ok()) }
    }

    /// A call of git that runs no program of the repository, asks no network, and writes nothing.
    pub fn command(&self) -> Command {
        let mut command = self.magic_command();
        command.arg("--literal-pathspecs");
        command
    }

    /// The same for a path that says by its own words (gitglossary(7), "pathspec") that it is literal, and from where on.
    fn magic_command(&self) -> Command {
        let mut command = Command::new("git");
        command.args(["--no-pager", "--no-optional-locks", "--no-replace-objects"]);
        let settings = [
            "core.fsmonitor=false",
            "core.hooksPath=/dev/null",
            "core.pager=cat",
            "protocol.allow=never",
            "submodule.recurse=false",
            "diff.external=",
        ];
        for setting in settings {
            command.args(["-c", setting]);
        }
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
            // What a hook's git says of its own repository does not hold for another one.
            for variable in
                ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR"]
            {
                command.env_remove(variable);
            }
        }
        command.env("GIT_NO_LAZY_FETCH", "1").env("GIT_TERMINAL_PROMPT", "0").env("LC_ALL", "C");
        for variable in ["GIT_EXTERNAL_DIFF", "GIT_LITERAL_PATHSPECS"] {
            command.env_remove(variable);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// What git says.
    ///
    /// # Errors
    /// If there is no git, or it refuses.
    pub fn ask(&self, arguments: &[&str]) -> Result<Vec<u8>, Error> {
        let output = self.try_to(arguments)?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        Err(refused(arguments.first().unwrap_or(&""), &output.stderr))
    }

    /// What git says by its own settings, which [`Repository::command`] overrides: asked only where hooks lie, which runs
    /// nothing.
    ///
    /// # Errors
    /// If there is no git, or it refuses.
    pub fn ask_as_configured(&self, arguments: &[&str]) -> Result<Vec<u8>, Error> {
        let mut command = Command::new("git");
        command.args(["--no-optional-locks", "-c", "core.fsmonitor=false"]).args(arguments);
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        let output = command.stdin(Stdio::null()).output().map_err(Error::NoGit)?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        Err(refused(arguments.first().unwrap_or(&""), &output.stderr))
    }

    /// Where git is run, from which its answers are to be read.
    pub fn folder(&self) -> &Path {
        self.folder.as_deref().unwrap_or(Path::new("."))
    }

    /// What git says, whether or not it is content.
    fn try_to(&self, arguments: &[&str]) -> Result<Output, Error> {
        self.command().args(arguments).output().map_err(Error::NoGit)
    }

    /// What git says in one line; `None` if it refuses or says nothing.
    pub fn line(&self, arguments: &[&str]) -> Option<String> {
        let text = String::from_utf8_lossy(&self.ask(arguments).ok()?).into_owned();
        let line = text.strip_suffix('\n').unwrap_or(&text);
        (!line.is_empty()).then(|| line.strip_suffix('\r').unwrap_or(line).to_owned())
    }
}

/// The error out of what git wrote to standard error.
fn refused(what: &str, stderr: &[u8]) -> Error {
    let said = String::from_utf8_lossy(stderr);
    let first = said.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("failed");
    if first.contains("not a git repository (or any") {
        return Error::NoRepository;
    }
    Error::Refused { what: what.to_owned(), said: first.trim_start_matches("fatal: ").to_owned() }
}
