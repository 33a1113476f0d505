//! What a user says about accepted findings: which files, and where they are looked for.

use std::path::PathBuf;

use super::Failure;
use crate::accept::{Acceptances, Found, Roots};

/// Where acceptances come from.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct Accepting {
    /// Rules of what is accepted, instead of the .keysieve.toml beside or above PATH; may be given several times
    #[arg(long, value_name = "FILE", help_heading = "What is accepted")]
    pub(super) config: Vec<PathBuf>,
    /// The baseline, instead of the .keysieve.baseline beside or above PATH
    #[arg(long, value_name = "FILE", help_heading = "What is accepted")]
    pub(super) baseline: Option<PathBuf>,
    /// Look for no .keysieve.toml, .keysieveignore or .keysieve.baseline, and trust no keysieve:allow
    #[arg(long, help_heading = "What is accepted")]
    pub(super) accept_nothing: bool,
}

impl Accepting {
    /// Reads what is accepted in what lies at these roots.
    pub(super) fn read(&self, roots: &Roots) -> Result<Acceptances, Failure> {
        let mut found = if self.accept_nothing { Found::default() } else { Found::beside(roots) };
        if !self.config.is_empty() {
            found.configs.clear();
        }
        if self.baseline.is_some() {
            found.baseline = None;
        }
        let mut acceptances = Acceptances::new(!self.accept_nothing).with(&found).map_err(Failure::usage)?;
        for path in &self.config {
            acceptances.config(path, true).map_err(Failure::usage)?;
        }
        if let Some(path) = &self.baseline {
            acceptances.baseline(path, true).map_err(Failure::usage)?;
        }
        Ok(acceptances)
    }
}
