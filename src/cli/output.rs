//! Where reports go: the terminal and any number of files, each in its format.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::Failure;
use super::args::{Lifetimes, Options};
use crate::mask::Masker;
use crate::report::{self, Format, Report, View};

/// One report to write: `None` stands for standard output.
struct Target {
    format: Format,
    file: Option<PathBuf>,
}

/// Every output that was asked for; checked before the scan begins.
pub(super) struct Targets {
    list: Vec<Target>,
    manner: Manner,
}

/// How a command shows results where nobody asks for another way.
#[derive(Clone, Copy)]
pub(super) struct Manner {
    /// The format for people.
    pub(super) format: Format,
    /// Whether they want to know lines and bytes.
    pub(super) details: bool,
    /// The formats that there are.
    pub(super) formats: &'static [Format],
}

impl Default for Manner {
    fn default() -> Self {
        Self { format: Format::Human, details: false, formats: Format::ALL }
    }
}

impl Targets {
    /// Reads `--format` and `--output`. Without an output for the terminal the report goes there as well, unless all
    /// outputs are files.
    pub(super) fn new(options: &Options) -> Result<Self, Failure> {
        Self::with(options, Manner::default())
    }

    /// The same in a manner of its own.
    pub(super) fn with(options: &Options, manner: Manner) -> Result<Self, Failure> {
        let mut targets = Vec::new();
        for output in &options.output {
            targets.push(target(output, options.format)?);
        }
        if targets.is_empty() {
            targets.push(Target { format: options.format.unwrap_or(manner.format), file: None });
        }
        let refused = targets.iter().find(|target| !manner.formats.contains(&target.format));
        if let Some(target) = refused {
            let known: Vec<_> = manner.formats.iter().map(|format| format.name()).collect();
            let name = target.format.name();
            let why = anyhow::anyhow!("no format {name} here: expected one of {}", known.join(", "));
            return Err(Failure::usage(why));
        }
        Ok(Self { list: targets, manner })
    }

    /// Whether a report in a form for machines goes to standard output.
    fn writes_stdout(&self) -> bool {
        self.list.iter().any(|target| target.file.is_none())
    }

    /// Writes them all.
    pub(super) fn write(&self, report: &Report, masker: &Masker, options: &Options) -> Result<(), Failure> {
        for target in &self.list {
            let settings = self.settings(options, target.file.is_none() && has_colour(target.format));
            match &target.file {
                Some(path) => to_file(target.format, path, report, masker, &settings),
                None => to_stdout(target.format, report, masker, &settings, options.quiet),
            }
            .map_err(Failure::run)?;
        }
        if !self.writes_stdout() && !options.quiet {
            let settings = self.settings(options, has_colour(self.manner.format));
            to_stdout(self.manner.format, report, masker, &settings, false).map_err(Failure::run)?;
        }
        Ok(())
    }
}

impl Targets {
    fn settings(&self, options: &Options, colour: bool) -> report::Options {
        report::Options {
            view: view(options),
            colour,
            width: if io::stdout().is_terminal() { terminal_width() } else { 100 },
            show_secrets: options.show_secrets,
            reproducible: options.reproducible,
            fail_on: options.fail_on,
            details: self.manner.details,
        }
    }
}

/// `sarif=x.sarif`, or a file whose ending says the format.
fn target(output: &str, default: Option<Format>) -> Result<Target, Failure> {
    let named = output.split_once('=').and_then(|(name, file)| Some((Format::from_name(name)?, file)));
    let (format, file) = match named {
        Some(named) => named,
        None => {
            let ending = Path::new(output).extension().and_then(|ending| ending.to_str());
            let format = default.or_else(|| match ending {
                Some("txt") => Some(Format::Human),
                Some("md") => Some(Format::Markdown),
                Some("htm") => Some(Format::Html),
                ending => Format::from_name(ending?),
            });
            let format = format.ok_or_else(|| {
                Failure::usage(anyhow::anyhow!(
                    "--output {output}: say the format, as --output json={output}"
                ))
            })?;
            (format, output)
        }
    };
    Ok(Target { format, file: (file != "-").then(|| PathBuf::from(file)) })
}

fn to_file(
    format: Format,
    path: &Path,
    report: &Report,
    masker: &Masker,
    settings: &report::Options,
) -> anyhow::Result<()> {
    let write = || -> io::Result<()> {
        let mut out = BufWriter::new(File::create(path)?);
        report::write(format, report, masker, settings, &mut out)?;
        out.flush()
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

fn to_stdout(
    format: Format,
    report: &Report,
    masker: &Masker,
    settings: &report::Options,
    quiet: bool,
) -> anyhow::Result<()> {
    if quiet && matches!(format, Format::Human | Format::Plain) {
        return Ok(());
    }
    let write = || -> io::Result<()> {
        let mut out = BufWriter::new(anstream::stdout().lock());
        report::write(format, report, masker, settings, &mut out)?;
        out.flush()
    };
    match write() {
        // Whoever reads through a pipe may have seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write the report to standard output"),
    }
}

/// Whether a format has colours, and the terminal wants them.
fn has_colour(format: Format) -> bool {
    matches!(format, Format::Human | Format::Plain)
        && anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never
}

/// What is shown and what counts.
pub(super) fn view(options: &Options) -> View {
    let mut view = View {
        min_severity: options.min_severity,
        min_confidence: options.min_confidence,
        ..View::default()
    };
    if !options.lifetime.is_empty() && !options.lifetime.contains(&Lifetimes::All) {
        let one = |lifetime: &Lifetimes| match lifetime {
            Lifetimes::One(class) => Some(*class),
            Lifetimes::All => None,
        };
        view.lifetimes = options.lifetime.iter().filter_map(one).collect();
    }
    view
}

/// Columns of the terminal, as far as its environment says.
fn terminal_width() -> usize {
    std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).unwrap_or(100).clamp(40, 160)
}
