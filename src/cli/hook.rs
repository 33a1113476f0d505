//! `keysieve hook`: the pre-commit hook of a repository.

use std::io::{self, Write};

use anyhow::Context;

use super::{Failure, Status};
use crate::git::Repository;
use crate::hook::{Error, Hook as Place, Kind, State};

const EXAMPLES: &str = "\
Examples:
  keysieve hook install      in the repository of the current folder
  keysieve hook status       is it there, and what else runs?
  keysieve hook uninstall    puts back what was there before";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Hook {
    #[command(subcommand)]
    action: Action,
}

#[derive(Clone, Copy, Debug, clap::Subcommand)]
enum Action {
    /// Look at what is staged before each commit; a hook that is there is kept and runs first
    Install {
        /// Also where core.hooksPath is a folder that other repositories use too
        #[arg(long)]
        shared: bool,
    },
    /// Take the hook away, and put back what was there before
    Uninstall,
    /// Say whether the hook is there
    Status,
}

/// Runs the command.
pub(super) fn run(hook: &Hook) -> Result<Status, Failure> {
    let repository = Repository::at(None);
    let shared = !matches!(hook.action, Action::Install { shared: false });
    let place = Place::of(&repository, shared).map_err(failure)?;
    let before = matches!(hook.action, Action::Uninstall).then(|| place.state());
    let was_there = matches!(before, Some(Ok(State::Installed { .. } | State::Replaced)));
    let state = state(hook, &place)?;
    let said = if was_there { gone(&place, &state) } else { said(&place, &state) };
    writeln!(io::stdout().lock(), "{said}")
        .context("cannot write to standard output")
        .map_err(Failure::run)?;
    Ok(Status::Clean)
}

/// Does what was asked, and tells what is there then.
fn state(hook: &Hook, place: &Place) -> Result<State, Failure> {
    let state = match hook.action {
        Action::Install { .. } => {
            let program =
                std::env::current_exe().context("cannot tell where keysieve is").map_err(Failure::run)?;
            place.install(&program)
        }
        Action::Uninstall => place.uninstall(),
        Action::Status => place.state(),
    };
    state.map_err(failure)
}

/// After something was taken out.
fn gone(place: &Place, state: &State) -> String {
    let path = place.path.display();
    match state {
        State::Absent { other: true } => {
            format!("keysieve is taken out; the hook that was there is back: {path}")
        }
        State::Absent { other: false } => format!("keysieve is taken out, and no hook is left: {path}"),
        state => said(place, state),
    }
}

fn failure(error: Error) -> Failure {
    match error {
        Error::File { .. } => Failure::run(error),
        _ => Failure::usage(error),
    }
}

fn said(place: &Place, state: &State) -> String {
    let path = place.path.display();
    match (state, place.kind) {
        (State::Installed { chained: true }, Kind::Script) => format!(
            "keysieve looks at what is staged before each commit: {path}\nThe hook that was there is kept and runs first: {}",
            place.before().display()
        ),
        (State::Installed { .. }, Kind::Husky) => format!(
            "keysieve looks at what is staged before each commit: {path} (Husky)\nCommit that file, so that all who work here have it."
        ),
        (State::Installed { .. }, _) => {
            format!("keysieve looks at what is staged before each commit: {path}")
        }
        (State::Absent { other: true }, _) => {
            format!("keysieve is not installed; another hook is there: {path}")
        }
        (State::Absent { other: false }, _) => {
            format!("keysieve is not installed, and no hook is there: {path}")
        }
        (State::Replaced, _) => format!(
            "keysieve was installed, and another hook has taken its place: {path}\nThe hook that was there first: {}",
            place.before().display()
        ),
    }
}
