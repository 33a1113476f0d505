//! `keysieve explain`: why a value is a finding, or why not: what saw it, and what each filter says. Never shows the value.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::args::Options;
use super::{Failure, Status, scan};
use crate::blob::{Alone, Blob, Landmarks, Package, Provenance};
use crate::budget::Budget;
use crate::detect::By;
use crate::detect::names::{Names, Normal, Telling};
use crate::engine::{self, Unwatched, Visit};
use crate::filter::{Step, identifier, placeholder, reference};
use crate::finding::{Confidence, Finding, Secret};
use crate::fingerprint::Key;
use crate::mask::Masker;
use crate::report::{Report, Run};
use crate::scan::{BlobScan, Scanner, Scratch, Seen, seen};
use crate::signature::Shape;

const EXAMPLES: &str = "\
Examples:
  keysieve explain --name X-Api-Key < value.txt            one value, under the name that stands beside it
  keysieve explain --name key --host api.example.com < value.txt
  keysieve explain --text < snippet.json                   everything that is seen in a text
  keysieve explain --finding kf1:abcd export.zip           a finding of a report, by its fingerprint or its beginning";

/// What can be typed behind `explain`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Explain {
    /// Where the finding is: the paths that were scanned. Without: a value on standard input
    #[arg(value_name = "PATH", requires = "finding")]
    paths: Vec<PathBuf>,
    /// A finding by its fingerprint (kf1:…, or its secret's ks1:…), or the beginning of one
    #[arg(long, value_name = "FINGERPRINT", requires = "paths")]
    finding: Option<String>,
    /// The name that stands beside the value: a header, a field, a variable
    #[arg(long, value_name = "NAME", conflicts_with = "text")]
    name: Option<String>,
    /// A host that stands near the value
    #[arg(long, value_name = "HOST", conflicts_with = "text")]
    host: Option<String>,
    /// Standard input is a text with the value in it, not the value alone
    #[arg(long, conflicts_with = "finding")]
    text: bool,
    #[command(flatten)]
    options: Options,
}

/// The longest text on standard input, in bytes.
const LONGEST: u64 = 16 << 20;

/// Runs the command.
pub(super) fn run(explain: &Explain) -> Result<Status, Failure> {
    let scanner = scan::scanner(&explain.options)?;
    if let Some(wanted) = &explain.finding {
        return finding(explain, wanted, &scanner);
    }
    let mut input = Vec::new();
    io::stdin().lock().take(LONGEST + 1).read_to_end(&mut input).map_err(Failure::run)?;
    if input.len() as u64 > LONGEST {
        let why = "standard input is longer than can be explained; give the value alone, or a piece of the text around it";
        return Err(Failure::usage(anyhow::anyhow!(why)));
    }
    if explain.text {
        let all = seen_in(&input, &scanner);
        let mut said = Said::new(&scanner, &all, &[]);
        said.text(&all);
        return said.write();
    }
    value(explain, &input, &scanner)
}

/// One value, in a text that is made for it.
fn value(explain: &Explain, input: &[u8], scanner: &Scanner) -> Result<Status, Failure> {
    let value = String::from_utf8_lossy(input);
    let value = value.trim_end_matches(['\n', '\r']);
    if value.is_empty() {
        let why = "nothing on standard input; give the value there, as in: keysieve explain < value.txt";
        return Err(Failure::usage(anyhow::anyhow!(why)));
    }
    let text = around(value, explain.name.as_deref(), explain.host.as_deref());
    let all = seen_in(text.as_bytes(), scanner);
    let secret = [Secret::new(value.as_bytes())];
    let mut said = Said::new(scanner, &all, &secret);
    if all.iter().any(Seen::stands) {
        said.text(&all);
        return said.write();
    }
    said.line("No finding.");
    if all.is_empty() {
        said.line("");
        said.nothing(value, explain.name.as_deref(), scanner);
    } else {
        said.text(&all);
    }
    if explain.name.is_none() {
        said.elsewhere(value, explain.host.as_deref(), scanner);
    }
    said.write()
}

/// A value as it stands in exports.
fn around(value: &str, name: Option<&str>, host: Option<&str>) -> String {
    let mut object = serde_json::Map::new();
    if let Some(host) = host {
        object.insert("url".to_owned(), format!("https://{host}/").into());
    }
    match name {
        Some(name) => object.insert(name.to_owned(), value.into()),
        None if object.is_empty() => return value.to_owned(),
        None => object.insert("x".to_owned(), value.into()),
    };
    serde_json::Value::Object(object).to_string()
}

fn seen_in(bytes: &[u8], scanner: &Scanner) -> Vec<Seen> {
    let provenance = Provenance::file("-");
    seen(&Blob { provenance: &provenance, bytes, package: &Alone, landmarks: Landmarks::NONE }, scanner)
}

/// A finding of some paths.
fn finding(explain: &Explain, wanted: &str, scanner: &Scanner) -> Result<Status, Failure> {
    let inputs = explain.paths.iter().map(|path| scan::input(path)).collect::<Result<Vec<_>, _>>()?;
    let key = explain.options.fingerprint_key_file.as_deref().map(Key::from_file).transpose();
    let key = key.map_err(Failure::usage)?;
    let options = scan::engine_options(&explain.options)?;
    let outcome = engine::run(&inputs, scanner, &options, &Unwatched).map_err(Failure::usage)?;
    let secrets: Vec<_> = outcome.findings.iter().flat_map(Finding::secrets).cloned().collect();
    let detector = |text: &str| scanner.detectors.spans(text);
    let masker = Masker::new(&secrets, &detector);
    let run = Run {
        inputs: inputs.iter().map(engine::Input::shown).collect(),
        findings: outcome.findings,
        key: key.as_ref(),
        ..Run::default()
    };
    let report = Report::new(run, &masker);
    let fits = |reported: &&crate::report::Reported| {
        let secret = report.secrets.get(reported.secret).map(|it| &it.identity);
        let secret = match secret {
            Some(crate::report::Identity::Fingerprint(fingerprint)) => fingerprint.as_str(),
            _ => "",
        };
        reported.fingerprint.starts_with(wanted) || secret.starts_with(wanted)
    };
    let found: Vec<_> = report.findings.iter().filter(fits).collect();
    let Some(first) = found.first() else {
        let why = format!(
            "no finding {wanted} in these paths; name the paths as the report did, and the same --fingerprint-key-file"
        );
        return Err(Failure::usage(anyhow::anyhow!(why)));
    };
    let place = &first.finding.location;
    let watcher = Watcher { scanner, wanted: &place.provenance, seen: Mutex::default() };
    engine::visit(&inputs, &watcher, &options, &Unwatched).map_err(Failure::usage)?;
    let mut all = watcher.seen.into_inner().unwrap_or_else(PoisonError::into_inner);
    let bytes = place.bytes.clone().unwrap_or_default();
    let is_there = |seen: &Seen| {
        let at = seen.finding.location.bytes.clone().unwrap_or_default();
        at.start < bytes.end && bytes.start < at.end
    };
    let indices: Vec<usize> = (0..all.len()).filter(|at| all.get(*at).is_some_and(is_there)).collect();
    for seen in &mut all {
        seen.outranked_by = seen.outranked_by.and_then(|at| indices.iter().position(|index| *index == at));
    }
    all.retain(is_there);
    let mut said = Said::new(scanner, &all, &secrets);
    if found.len() > 1 {
        said.line(&format!("{} findings fit; this is the first. {}", found.len(), first.fingerprint));
    } else {
        said.line(&first.fingerprint);
    }
    if all.is_empty() {
        said.line("It stands in a name, in what was decrypted, or in a file too large to be held: only its result is known.");
        said.result(&first.finding);
    }
    said.text(&all);
    said.write()
}

/// Looks at one blob of a run.
struct Watcher<'s> {
    scanner: &'s Scanner,
    wanted: &'s Provenance,
    seen: Mutex<Vec<Seen>>,
}

impl Visit for Watcher<'_> {
    fn budget(&self) -> &Budget {
        &self.scanner.budget
    }

    fn blob(&self, blob: &Blob, _scratch: &mut Scratch) -> BlobScan {
        if blob.provenance == self.wanted {
            let mut kept = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            // A blob may be shown once more, as a decoder's text and as it stands.
            if kept.is_empty() {
                *kept = seen(blob, self.scanner);
            }
        }
        BlobScan::default()
    }

    fn stream(
        &self,
        provenance: &Provenance,
        reader: &mut dyn Read,
        _reopen: &mut dyn FnMut() -> io::Result<Box<dyn Read>>,
        package: &dyn Package,
        scratch: &mut Scratch,
    ) -> BlobScan {
        let mut bytes = Vec::new();
        let most = self.scanner.budget.whole as u64;
        if provenance == self.wanted
            && reader.take(most + 1).read_to_end(&mut bytes).is_ok()
            && bytes.len() as u64 <= most
        {
            let blob = Blob { provenance, bytes: &bytes, package, landmarks: Landmarks::NONE };
            return self.blob(&blob, scratch);
        }
        BlobScan::default()
    }

    fn worker(&self) -> Option<&Path> {
        self.scanner.worker.as_deref()
    }

    fn name(&self, _provenance: &Provenance, _scratch: &mut Scratch) -> Vec<Finding> {
        Vec::new()
    }
}

/// What is said, line by line; each line is masked when it is written.
struct Said<'s> {
    scanner: &'s Scanner,
    secrets: Vec<Secret>,
    lines: Vec<String>,
}

impl<'s> Said<'s> {
    fn new(scanner: &'s Scanner, seen: &[Seen], more: &[Secret]) -> Self {
        let values = seen.iter().map(|seen| seen.candidate.value.clone());
        Self { scanner, secrets: values.chain(more.iter().cloned()).collect(), lines: Vec::new() }
    }

    fn line(&mut self, line: &str) {
        self.lines.push(line.to_owned());
    }

    fn write(self) -> Result<Status, Failure> {
        let detector = |text: &str| self.scanner.detectors.spans(text);
        let masker = Masker::new(&self.secrets, &detector);
        let mut out = anstream::stdout().lock();
        for line in &self.lines {
            let indent = line.len() - line.trim_start().len();
            let text = masker.text(line.trim_start());
            writeln!(out, "{:indent$}{text}", "").map_err(Failure::run)?;
        }
        Ok(Status::Clean)
    }

    /// Everything that was seen, those that count first, each with those that see the same.
    fn text(&mut self, all: &[Seen]) {
        if all.is_empty() && self.lines.is_empty() {
            self.line("No detector sees anything in it.");
        }
        for (at, seen) in all.iter().enumerate().filter(|(_, seen)| seen.outranked_by.is_none()) {
            self.line("");
            self.one(seen);
            let others = all.iter().filter(|other| other.outranked_by == Some(at) && differs(seen, other));
            for other in others {
                self.line(&format!(
                    "  also   {} ({}); the one above counts",
                    by(other),
                    other.candidate.signature.id
                ));
            }
            self.filters(seen);
            self.verdict(seen);
        }
    }

    fn one(&mut self, seen: &Seen) {
        let finding = &seen.finding;
        let at = &finding.location;
        let preview =
            if finding.preview.is_empty() { String::new() } else { format!(" {}", finding.preview) };
        self.line(&format!("{}{preview} ({})", finding.signature.description, finding.signature.id));
        let line = at.line.zip(at.column).map(|(line, column)| format!(", line {line}, column {column}"));
        if &*at.provenance.path != "-" {
            self.line(&format!("  in     {}{}", at.provenance, line.unwrap_or_default()));
        } else if let Some(line) = line {
            self.line(&format!("  at     {}", line.trim_start_matches(", ")));
        }
        if let Some(field) = &finding.place.field {
            self.line(&format!("  field  {field}"));
        }
        if !seen.decoded.is_empty() {
            let steps: Vec<_> = seen.decoded.iter().map(|step| step.name()).collect();
            self.line(&format!("  after  decoding {}", steps.join(", then ")));
        }
        self.line(&format!("  seen   {}", by(seen)));
    }

    fn filters(&mut self, seen: &Seen) {
        self.line("  filters");
        for (step, why) in seen.steps {
            let said = match (step, why) {
                (_, Some(why)) => format!("dismisses it: {why}"),
                (Step::Checksum, None) if seen.candidate.signature.check.is_none() => {
                    "passed: the format has none".to_owned()
                }
                (_, None) => "passed".to_owned(),
            };
            self.line(&format!("    {:<28}{said}", question(step)));
        }
    }

    fn verdict(&mut self, seen: &Seen) {
        let why = seen.steps.iter().find_map(|(step, why)| Some((step, (*why)?)));
        match why {
            Some((step, why)) => self.line(&format!("  result no finding, since \"{}\" dismisses it: {why}", question(*step))),
            None if seen.candidate.by == By::Field(Telling::Hint) => self.line(
                "  result no finding: its name only hints, and neither the name nor a host nearby belongs to a vendor with such keys",
            ),
            None => self.result(&seen.finding),
        }
    }

    fn result(&mut self, finding: &Finding) {
        let confidence = match finding.confidence {
            Confidence::High => "its own shape or form vouches for it",
            Confidence::Medium => "a telling name, but no shape of its own",
            Confidence::Low => "a guess by its surroundings",
        };
        let severity = match finding.severity == finding.signature.severity {
            true => "what such a credential opens",
            false if finding.signature.public => "it is public by design",
            false => "it ends by itself or has ended",
        };
        let (severity_name, confidence_name) = (finding.severity.name(), finding.confidence.name());
        self.line(&format!("  result a finding: severity {severity_name} ({severity}), confidence {confidence_name} ({confidence})"));
        let lifetime = &finding.lifetime;
        self.line(&format!("         lifetime {} ({})", lifetime.class.name(), lifetime.evidence));
        let guess = if finding.guessable {
            "it can be guessed, so without a key it has no fingerprint"
        } else {
            "it cannot be guessed, so it has a fingerprint without a key"
        };
        self.line(&format!("         stored {}; {guess}", finding.storage.name()));
    }

    /// Why no detector sees a value.
    fn nothing(&mut self, value: &str, name: Option<&str>, scanner: &Scanner) {
        self.line("No detector sees it:");
        let near: Vec<_> = scanner
            .detectors
            .signatures()
            .iter()
            .filter_map(|signature| {
                let shapes = signature.shapes.iter().filter(|shape| shape.prefix().len() >= 3);
                let shape = shapes
                    .filter(|shape| value.starts_with(shape.prefix()))
                    .max_by_key(|it| it.prefix().len())?;
                Some((signature, shape))
            })
            .collect();
        for (signature, shape) in near.iter().take(5) {
            let (have, want) = (value.chars().count(), length(shape));
            self.line(&format!(
                "  it begins as \"{}\" ({}…) does, but is not of that shape: it has {have} characters, the shape has at least {want}",
                signature.description,
                shape.prefix()
            ));
        }
        let bytes = value.as_bytes();
        let filters = [
            (Step::Reference, reference::reference(bytes)),
            (Step::Placeholder, placeholder::placeholder(bytes)),
            (Step::Identifier, identifier::identify(bytes, name.map(str::as_bytes))),
        ];
        for (step, why) in filters.into_iter().filter_map(|(step, why)| Some((step, why?))) {
            self.line(&format!("  and if one did, \"{}\" would dismiss it: {why}", question(step)));
        }
        if near.is_empty() {
            self.line(
                "  it has no shape of a vendor that is known (keysieve knows them by their prefix or form)",
            );
        }
        let names = Names::new(scanner.detectors.signatures());
        match name.map(|name| (name, names.telling(&Normal::new(name.as_bytes())))) {
            None => self.line("  a value without a shape counts only under a telling name: give one with --name"),
            Some((name, None)) => self.line(&format!("  the name \"{name}\" tells nothing of a credential")),
            Some((name, Some(telling))) => self.line(&format!(
                "  the name \"{name}\" tells of a credential ({}), but the value is too short or too plain to be one",
                telling_words(telling)
            )),
        }
    }

    /// What would be said of a value under other names.
    fn elsewhere(&mut self, value: &str, host: Option<&str>, scanner: &Scanner) {
        self.line("");
        self.line("Under another name:");
        for name in ["password", "apiKey", "key"] {
            let all = seen_in(around(value, Some(name), host).as_bytes(), scanner);
            let said = match all.iter().find(|seen| seen.outranked_by.is_none()) {
                None => "not seen".to_owned(),
                Some(seen) if seen.stands() => format!("a finding, {}", seen.candidate.signature.id),
                Some(seen) => match seen.steps.iter().find_map(|(step, why)| Some((step, (*why)?))) {
                    Some((step, why)) => {
                        format!("no finding, since \"{}\" dismisses it: {why}", question(*step))
                    }
                    None => "no finding: the name only hints".to_owned(),
                },
            };
            self.line(&format!("  {name:<10}{said}"));
        }
    }
}

/// Whether another detector, signature or name saw the same: layers of one text see it more than once.
fn differs(seen: &Seen, other: &Seen) -> bool {
    let key = |seen: &Seen| (seen.candidate.by, seen.candidate.signature.id, seen.candidate.name.clone());
    key(seen) != key(other)
}

/// Which detector it was, in words.
fn by(seen: &Seen) -> String {
    let name = seen.candidate.name.as_deref().unwrap_or_default();
    match seen.candidate.by {
        By::Signature => "by its shape, which is this vendor's alone".to_owned(),
        By::Surroundings => format!("by its shape together with the name or a host near it (\"{name}\")"),
        By::Structure => "by the form around it: an address, a connection string, a key block or a token that says what it is".to_owned(),
        By::Field(telling) => format!("under the name \"{name}\", which tells of {}", telling_words(telling)),
    }
}

fn telling_words(telling: Telling) -> &'static str {
    match telling {
        Telling::Password => "a password",
        Telling::Strong => "a key or token",
        Telling::Weak => "a key, perhaps",
        Telling::Hint => "a key only if the value is some vendor's",
    }
}

/// A filter as a question that it asks.
fn question(step: Step) -> &'static str {
    match step {
        Step::Checksum => "checksum wrong?",
        Step::Reference => "reference or template?",
        Step::Placeholder => "placeholder?",
        Step::Platform => "the platform's own?",
        Step::Identifier => "identifier by its shape?",
        Step::Language => "language, too plain?",
    }
}

fn length(shape: &Shape) -> usize {
    shape.fixed_chars() + shape.random_chars() as usize
}
