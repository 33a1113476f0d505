//! `keysieve state`: what the sweeps know, looked at and settled.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::Subcommand;

use super::args::{self, Options};
use super::output::Targets;
use super::sweep::failure;
use super::{Failure, Status, detectors, scan};
use crate::mask::Masker;
use crate::report::LifeState;
use crate::sweep::{self, Decision, Store, Which};

const EXAMPLES: &str = "\
Examples:
  keysieve state findings --state s.state --state-is new,open
  keysieve state accept kf1:… --state s.state --reason 'test account' --until 2027-01-01T00:00:00Z
  keysieve state compact --state s.state --older-than 365";

/// What can be typed behind `keysieve state`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct State {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Args)]
struct Where {
    /// Where the sweeps remember
    #[arg(long, value_name = "FILE")]
    state: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Report the findings that the state knows
    Findings {
        #[command(flatten)]
        place: Where,
        /// Only in these states, with commas: new, reopened, open, unreadable, accepted, resolved
        #[arg(long, value_name = "STATE,…", value_parser = life_state, value_delimiter = ',')]
        state_is: Vec<LifeState>,
        #[command(flatten)]
        options: Box<Options>,
    },
    /// Report one finding, by its fingerprint or the secret's
    Show {
        /// kf1:… or ks1:…
        fingerprint: String,
        #[command(flatten)]
        place: Where,
        #[command(flatten)]
        options: Box<Options>,
    },
    /// Accept a finding: it is reported as accepted, and is news no more
    Accept {
        /// kf1:…
        fingerprint: String,
        #[command(flatten)]
        place: Where,
        /// Why
        #[arg(long)]
        reason: String,
        /// Who decided; the user's name if not given
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
        /// Until when; for good if not given
        #[arg(long, value_name = "TIME", value_parser = args::time)]
        until: Option<i64>,
        /// Take the acceptance back
        #[arg(long, conflicts_with = "until")]
        withdraw: bool,
    },
    /// Write all that the state knows, as JSON lines
    Export {
        #[command(flatten)]
        place: Where,
        #[command(flatten)]
        options: Box<Options>,
    },
    /// Forget a finding; if it is still there, the next sweep meets it as new
    Forget {
        /// kf1:…
        fingerprint: String,
        #[command(flatten)]
        place: Where,
    },
    /// Drop what was resolved long ago, and give the space back
    Compact {
        #[command(flatten)]
        place: Where,
        /// Days since it was seen last
        #[arg(long, value_name = "DAYS", default_value_t = 365)]
        older_than: u32,
    },
}

fn life_state(name: &str) -> Result<LifeState, String> {
    LifeState::from_name(name)
        .ok_or_else(|| "expected new, reopened, open, unreadable, accepted or resolved".to_owned())
}

/// Runs the command.
pub(super) fn run(state: &State) -> Result<Status, Failure> {
    match &state.action {
        Action::Findings { place, state_is, options } => {
            findings(place, options, |_, state| state_is.is_empty() || state_is.contains(&state))
        }
        Action::Show { fingerprint, place, options } => {
            findings(place, options, |prints, _| prints.contains(&fingerprint.as_str()))
        }
        Action::Export { place, options } => findings(place, options, |_, _| true),
        Action::Accept { fingerprint, place, reason, by, until, withdraw } => {
            if *withdraw {
                return withdrawn(place, fingerprint);
            }
            let who = by.clone().unwrap_or_else(user);
            accept(
                place,
                fingerprint,
                &Decision { who: &masked(&who), reason: &masked(reason), until: *until },
            )
        }
        Action::Forget { fingerprint, place } => {
            let mut store = open(place, None)?;
            let _lease = store.lease().map_err(failure)?;
            let forgotten = sweep::forget(&mut store, fingerprint).map_err(failure)?;
            done(forgotten, "forgotten", fingerprint)
        }
        Action::Compact { place, older_than } => {
            let store = open(place, None)?;
            let _lease = store.lease().map_err(failure)?;
            let before = scan::now() - i64::from(*older_than) * 86_400;
            let dropped = sweep::compact(&store, before).map_err(failure)?;
            tell(&format!("dropped {dropped} resolved"))
        }
    }
}

fn open(place: &Where, options: Option<&Options>) -> Result<Store, Failure> {
    let key = options.and_then(|options| options.fingerprint_key_file.clone());
    let key = key.or_else(|| std::env::var_os("KEYSIEVE_FINGERPRINT_KEY_FILE").map(PathBuf::from));
    Store::existing(&place.state, key.as_deref()).map_err(failure)
}

/// Reports the findings that are wanted, by their fingerprints (the finding's, the secret's) and state.
fn findings(
    place: &Where,
    options: &Options,
    wanted: impl Fn(&[&str], LifeState) -> bool,
) -> Result<Status, Failure> {
    let targets = Targets::new(options)?;
    let store = open(place, Some(options))?;
    let now = options.now.unwrap_or_else(scan::now);
    let mut report = sweep::report(&store, Which::All, now, None).map_err(failure)?;
    report.duration = Duration::ZERO;
    report.retain(|prints, life| wanted(prints, life.state));
    let detectors = detectors();
    let detector = |text: &str| detectors.spans(text);
    targets.write(&report, &Masker::new([], &detector), options)?;
    Ok(Status::Clean)
}

fn accept(place: &Where, print: &str, decision: &Decision) -> Result<Status, Failure> {
    let store = open(place, None)?;
    let accepted = sweep::accept(&store, print, decision, scan::now()).map_err(failure)?;
    done(accepted, "accepted", print)
}

fn withdrawn(place: &Where, print: &str) -> Result<Status, Failure> {
    let store = open(place, None)?;
    let withdrawn = sweep::withdraw(&store, print).map_err(failure)?;
    done(usize::from(withdrawn), "no longer accepted", print)
}

fn done(count: usize, what: &str, print: &str) -> Result<Status, Failure> {
    if count == 0 {
        return Err(Failure::usage(anyhow::anyhow!("{print}: the state knows no such finding")));
    }
    tell(&format!("{what}: {count}"))
}

/// A text that the user typed, without what may be a secret in it.
fn masked(text: &str) -> String {
    let detectors = detectors();
    let detector = |text: &str| detectors.spans(text);
    Masker::new([], &detector).text(text)
}

fn tell(text: &str) -> Result<Status, Failure> {
    writeln!(anstream::stdout().lock(), "{text}").map_err(Failure::run)?;
    Ok(Status::Clean)
}

fn user() -> String {
    let named = ["USER", "USERNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    named.unwrap_or_else(|| "unknown".to_owned())
}
