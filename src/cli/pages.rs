//! `keysieve completions` and `keysieve man`: what is made of the command line's own description.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::CommandFactory;
use clap_complete::Shell;

use super::args::Args;
use super::{Failure, Status};

const COMPLETIONS: &str = "\
Examples:
  keysieve completions bash > /etc/bash_completion.d/keysieve
  keysieve completions zsh > \"${fpath[1]}/_keysieve\"
  keysieve completions fish > ~/.config/fish/completions/keysieve.fish";

/// What can be typed behind `completions`.
#[derive(Debug, clap::Args)]
#[command(after_help = COMPLETIONS)]
pub(super) struct Completions {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

const MAN: &str = "\
Examples:
  keysieve man | man -l -
  keysieve man /usr/local/share/man/man1";

/// What can be typed behind `man`.
#[derive(Debug, clap::Args)]
#[command(after_help = MAN)]
pub(super) struct Man {
    /// Write a page for keysieve and one for each command into this folder; without, the first one to standard output
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
}

/// Writes completions to standard output.
pub(super) fn completions(completions: &Completions) -> Result<Status, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(completions.shell, &mut Args::command(), "keysieve", &mut script);
    anstream::stdout().write_all(&script).map_err(Failure::run)?;
    Ok(Status::Clean)
}

/// Writes manual pages.
pub(super) fn man(man: &Man) -> Result<Status, Failure> {
    let Some(folder) = &man.folder else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Args::command()).render(&mut page).map_err(Failure::run)?;
        anstream::stdout().write_all(&page).map_err(Failure::run)?;
        return Ok(Status::Clean);
    };
    let write = || -> anyhow::Result<()> {
        fs::create_dir_all(folder)?;
        Ok(clap_mangen::generate_to(Args::command(), folder)?)
    };
    write()
        .with_context(|| format!("cannot write manual pages into {}", folder.display()))
        .map_err(Failure::run)?;
    Ok(Status::Clean)
}
