//! What a clean copy was made of: the list of what was replaced by what, for the person who creates the credentials, as text
//! or as one JSON document.

use std::io::{self, Write};

use serde::Serialize;

use crate::blob::Provenance;
use crate::budget::Gap;
use crate::finding::{Finding, Location};
use crate::mask::Masker;
use crate::platform;
use crate::redact::{Again, Replaced};

/// What was done to an export.
pub struct Clean<'c> {
    /// The export as the user named it.
    pub input: String,
    /// Where its copy stands.
    pub output: String,
    /// What was replaced, in the order of the export.
    pub replaced: Vec<&'c Replaced>,
    /// Where found values stood once more.
    pub again: Vec<&'c Again>,
    /// What was not read, and so may hold what nobody has seen.
    pub gaps: Vec<&'c Gap>,
    /// What is in the export and not in its copy.
    pub left_out: Vec<String>,
}

#[derive(Serialize)]
struct CleanData {
    schema: &'static str,
    input: String,
    output: String,
    replaced: Vec<ReplacedData>,
    again: Vec<AgainData>,
    gaps: Vec<GapData>,
    left_out: Vec<String>,
}

#[derive(Serialize)]
struct ReplacedData {
    name: String,
    put: String,
    create: Option<&'static str>,
    store: Option<String>,
    revoke: Option<String>,
    signature: &'static str,
    title: String,
    vendor: Option<&'static str>,
    kind: &'static str,
    severity: &'static str,
    lifetime: &'static str,
    preview: String,
    location: LocationData,
    flow: Option<FlowData>,
    step: Option<StepData>,
    field: Option<String>,
}

#[derive(Serialize)]
struct LocationData {
    display: String,
    line: Option<u64>,
    column: Option<u64>,
    decoded: Vec<&'static str>,
    pointer: Option<String>,
}

#[derive(Serialize)]
struct FlowData {
    platform: &'static str,
    id: Option<String>,
    name: Option<String>,
}

#[derive(Serialize)]
struct StepData {
    id: Option<String>,
    name: Option<String>,
    r#type: Option<String>,
}

#[derive(Serialize)]
struct AgainData {
    name: String,
    place: String,
}

#[derive(Serialize)]
struct GapData {
    place: String,
    reason: &'static str,
    detail: String,
}

/// Strings fit to be shown.
struct Shown<'m>(&'m Masker<'m>);

impl Shown<'_> {
    fn text(&self, text: &str) -> String {
        self.0.text(text)
    }

    fn maybe(&self, text: Option<&str>) -> Option<String> {
        text.map(|text| self.text(text))
    }

    fn place(&self, place: &Provenance) -> String {
        self.text(&place.to_string())
    }
}

/// Writes the list as one JSON document.
///
/// # Errors
/// Those of `out`.
pub fn write_json(clean: &Clean, masker: &Masker, out: &mut dyn Write) -> io::Result<()> {
    let shown = Shown(masker);
    let gap = |gap: &&Gap| GapData {
        place: shown.place(&gap.provenance),
        reason: gap.reason.name(),
        detail: shown.text(&gap.detail),
    };
    let data = CleanData {
        schema: "keysieve-clean/1",
        input: shown.text(&clean.input),
        output: shown.text(&clean.output),
        replaced: clean.replaced.iter().map(|replaced| replaced_data(replaced, &shown)).collect(),
        again: clean
            .again
            .iter()
            .map(|again| AgainData { name: again.name.clone(), place: shown.place(&again.provenance) })
            .collect(),
        gaps: clean.gaps.iter().map(gap).collect(),
        left_out: clean.left_out.iter().map(|path| shown.text(path)).collect(),
    };
    serde_json::to_writer_pretty(&mut *out, &data)?;
    out.write_all(b"\n")
}

fn replaced_data(replaced: &Replaced, shown: &Shown) -> ReplacedData {
    let Replaced { finding, put, name, create } = replaced;
    let flow = finding.place.flow.as_deref().map(|flow| FlowData {
        platform: flow.platform,
        id: shown.maybe(flow.id.as_deref()),
        name: shown.maybe(flow.name.as_deref()),
    });
    let step = finding.place.step.as_deref().map(|step| StepData {
        id: shown.maybe(step.id.as_deref()),
        name: shown.maybe(step.name.as_deref()),
        r#type: shown.maybe(step.kind.as_deref()),
    });
    ReplacedData {
        name: name.clone(),
        put: put.clone(),
        create: *create,
        store: shown.maybe(finding.place.fix().as_deref()),
        revoke: finding.signature.vendor.map(|vendor| shown.text(vendor.revoke)),
        signature: finding.signature.id,
        title: shown.text(finding.signature.description),
        vendor: finding.signature.vendor.map(|vendor| vendor.id),
        kind: finding.signature.kind.name(),
        severity: finding.severity.name(),
        lifetime: finding.lifetime.class.name(),
        preview: shown.text(&finding.preview),
        location: location(&finding.location, shown),
        flow,
        step,
        field: shown.maybe(finding.place.field.as_deref()),
    }
}

fn location(location: &Location, shown: &Shown) -> LocationData {
    LocationData {
        display: shown.place(&location.provenance),
        line: location.line,
        column: location.column,
        decoded: location.decoded.iter().map(|step| step.name()).collect(),
        pointer: shown.maybe(location.pointer.as_deref()),
    }
}

/// Writes the list as text: each credential once, with its places below it.
///
/// # Errors
/// Those of `out`.
pub fn write_human(clean: &Clean, masker: &Masker, out: &mut dyn Write) -> io::Result<()> {
    let shown = Shown(masker);
    let mut names: Vec<&str> = Vec::new();
    for replaced in &clean.replaced {
        if !names.contains(&replaced.name.as_str()) {
            names.push(&replaced.name);
        }
    }
    for name in &names {
        credential(name, clean, &shown, out)?;
    }
    for gap in &clean.gaps {
        let (place, reason) = (shown.place(&gap.provenance), gap.reason.name());
        writeln!(out, "not read: {place} ({reason}: {})", shown.text(&gap.detail))?;
    }
    for path in &clean.left_out {
        writeln!(out, "not copied: {}", shown.text(path))?;
    }
    let (input, output) = (shown.text(&clean.input), shown.text(&clean.output));
    match (names.len(), clean.replaced.len() + clean.again.len()) {
        (0, 0) => writeln!(out, "{output}: the same as {input}, nothing had to be replaced."),
        (secrets, places) => {
            let (secrets, places) = (counted(secrets.max(1), "credential"), counted(places, "place"));
            writeln!(
                out,
                "{output}: {input} without {secrets} in {places}. Scanned again: nothing is left."
            )?;
            writeln!(
                out,
                "Whoever has the original can still use them: revoke each one and create a new one."
            )
        }
    }
}

fn credential(name: &str, clean: &Clean, shown: &Shown, out: &mut dyn Write) -> io::Result<()> {
    let mut places = clean.replaced.iter().filter(|replaced| replaced.name == name).peekable();
    let Some(first) = places.peek() else { return Ok(()) };
    let finding = &first.finding;
    let preview = shown.text(&finding.preview);
    let title = shown.text(finding.signature.description);
    writeln!(
        out,
        "{name}  {title}{}",
        if preview.is_empty() { String::new() } else { format!(" ({preview})") }
    )?;
    if let Some(vendor) = finding.signature.vendor {
        writeln!(out, "  revoke   {}: {}", shown.text(vendor.name), shown.text(vendor.revoke))?;
    }
    let mut created: Vec<String> = Vec::new();
    for replaced in places {
        writeln!(out, "  at       {}", whose(&replaced.finding, shown))?;
        writeln!(out, "  now      {}", replaced.put)?;
        let (label, way) = match replaced.create {
            Some(create) => ("create", Some(create.to_owned())),
            None => ("store ", replaced.finding.place.fix().map(|fix| shown.text(&fix))),
        };
        if let Some(way) = way.filter(|way| !created.contains(way)) {
            writeln!(out, "  {label}   {way}")?;
            created.push(way);
        }
    }
    for again in clean.again.iter().filter(|again| again.name == name) {
        writeln!(out, "  also     {}", shown.place(&again.provenance))?;
    }
    writeln!(out)
}

/// Flow, step and field of a finding; its file, where that is all that is known, with the line.
fn whose(finding: &Finding, shown: &Shown) -> String {
    let file = shown.place(&finding.location.provenance);
    let step = finding.place.step.as_deref();
    let names = [
        finding.place.flow.as_deref().and_then(|flow| flow.name.as_deref().or(flow.id.as_deref())),
        step.and_then(|step| step.name.as_deref().or(step.id.as_deref())),
        finding.place.field.as_deref().or(finding.name.as_deref()),
    ];
    let way: Vec<String> = names.into_iter().flatten().map(|name| shown.text(name)).collect();
    let platform = finding.place.flow.as_deref().and_then(|flow| platform::named(flow.platform));
    let platform = platform.map_or_else(String::new, |platform| format!("{}: ", platform.brand()));
    match (way.is_empty(), finding.location.line) {
        (true, Some(line)) => format!("{file}, line {line}"),
        (true, None) => file,
        (false, _) => format!("{platform}{} ({file})", way.join(" > ")),
    }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
