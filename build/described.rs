//! Exports that are described as data: `[[export]]` of a vocabulary to the tables that `platform::described` reads.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Deserialize;

/// One kind of export of a platform.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Export {
    /// Words all of which every such export has, the rarest first.
    hints: Vec<String>,
    /// What holds for its value: `way`, `!way`, `way=pattern`, `way:array`.
    is: Vec<String>,
    #[serde(default)]
    flow: Vec<Part>,
    #[serde(default)]
    step: Vec<Part>,
}

/// A flow or a step.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    /// The way to it from the export's value: names, `[]` for an item, `*` in names, `**` for anything.
    at: String,
    /// Ways of which one must lead somewhere; without any, it always is one.
    #[serde(default)]
    has: Vec<String>,
    scope: Option<String>,
    #[serde(default)]
    id: Vec<Source>,
    #[serde(default)]
    name: Vec<Source>,
    #[serde(default)]
    owner: Vec<Source>,
    #[serde(default)]
    state: Vec<Source>,
    #[serde(default)]
    modified: Vec<Source>,
    #[serde(default)]
    kind: Vec<Source>,
    #[serde(default)]
    enabled: Vec<Source>,
}

/// Where something stands that a part is told by; the first that says something counts.
#[derive(Deserialize)]
#[serde(untagged)]
enum Source {
    /// `way`, `!way`, `^^way` from so many containers above, `=text`, `@key`, `@file`,
    /// `@folder`, `@folder2`, `@member way` in the member of that name.
    Way(String),
    /// The entry of a list whose `key` is what stands at `by`, and its `take`.
    Lookup(Lookup),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Lookup {
    by: String,
    #[serde(default)]
    list: String,
    /// The member of the package that the list stands in.
    member: Option<String>,
    key: String,
    take: Vec<String>,
}

/// The tables so far.
#[derive(Default)]
pub(crate) struct Code {
    descriptions: String,
    platforms: String,
    count: usize,
    lookups: usize,
}

impl Code {
    /// Adds the platform whose vocabulary is the constant `name`.
    pub(crate) fn add(&mut self, name: &str, exports: &[Export]) -> Result<(), String> {
        if exports.is_empty() {
            return Err("no export is described".to_owned());
        }
        let mut code = String::new();
        for export in exports {
            code += &self.export(export)?;
        }
        let _ = writeln!(
            self.descriptions,
            "    Description {{ vocabulary: &vocabulary::{name}, exports: &[\n{code}    ] }},"
        );
        let hints: String = exports.iter().map(|export| format!("&{:?}, ", export.hints)).collect();
        let _ = writeln!(
            self.platforms,
            "    Platform {{ vocabulary: &vocabulary::{name}, hints: &[{hints}], open: open::<{}> }},",
            self.count
        );
        self.count += 1;
        Ok(())
    }

    /// All tables.
    pub(crate) fn finish(self) -> String {
        format!(
            "const DESCRIPTIONS: &[Description] = &[\n{}];\n\
             /// The platforms that are described as data.\n\
             pub(super) const PLATFORMS: &[Platform] = &[\n{}];\n",
            self.descriptions, self.platforms
        )
    }

    fn export(&mut self, export: &Export) -> Result<String, String> {
        if export.hints.is_empty() || export.is.is_empty() {
            return Err("an export needs hints and conditions".to_owned());
        }
        let mut code = String::from("        Export {\n            is: &[");
        for condition in &export.is {
            code += &condition_code(condition)?;
        }
        code += "],\n            flows: &[";
        for part in &export.flow {
            code += &self.part(part)?;
        }
        code += "],\n            steps: &[";
        for part in &export.step {
            code += &self.part(part)?;
        }
        Ok(code + "],\n        },\n")
    }

    fn part(&mut self, part: &Part) -> Result<String, String> {
        let scope = match part.scope.as_deref() {
            None => "None",
            Some("flow") => "Some(Scope::Flow)",
            Some("step") => "Some(Scope::Step)",
            Some("store") => "Some(Scope::Store)",
            Some(other) => return Err(format!("unknown scope {other:?}")),
        };
        let has: String = part.has.iter().map(|text| format!("&{:?}, ", way(text))).collect();
        let mut code = format!("Part {{ at: &{:?}, has: &[{has}], scope: {scope}, ", way(&part.at));
        let fields: BTreeMap<&str, &[Source]> = [
            ("id", &*part.id),
            ("name", &part.name),
            ("owner", &part.owner),
            ("state", &part.state),
            ("modified", &part.modified),
            ("kind", &part.kind),
            ("enabled", &part.enabled),
        ]
        .into();
        for (field, sources) in fields {
            let _ = write!(code, "{field}: &[");
            for source in sources {
                code += &self.source(source)?;
            }
            code += "], ";
        }
        Ok(code + "}, ")
    }

    fn source(&mut self, source: &Source) -> Result<String, String> {
        let lookup = match source {
            Source::Way(text) => return way_code(text),
            Source::Lookup(lookup) => lookup,
        };
        let take: String = lookup.take.iter().map(|take| format!("&{:?}, ", way(take))).collect();
        self.lookups += 1;
        Ok(format!(
            "Source::Lookup(Lookup {{ number: {}, by: &{:?}, list: &{:?}, member: {:?}, key: &{:?}, \
             take: &[{take}] }}), ",
            self.lookups,
            way(&lookup.by),
            way(&lookup.list),
            lookup.member,
            way(&lookup.key),
        ))
    }
}

fn way_code(text: &str) -> Result<String, String> {
    let tail = text.get(1..).unwrap_or_default();
    let above = text.trim_start_matches('^');
    Ok(match text.get(..1) {
        Some("^") => format!("Source::Above({}, &{:?}), ", text.len() - above.len(), way(above)),
        Some("=") => format!("Source::Text({tail:?}), "),
        Some("!") => format!("Source::Not(&{:?}), ", way(tail)),
        Some("@") => match tail {
            "key" => "Source::Key, ".to_owned(),
            "file" => "Source::File, ".to_owned(),
            "archive" => "Source::Archive, ".to_owned(),
            "folder" => "Source::Folder(1), ".to_owned(),
            "folder2" => "Source::Folder(2), ".to_owned(),
            other => match other.split_once(' ') {
                Some((member, end)) => format!("Source::Member({member:?}, &{:?}), ", way(end)),
                None => return Err(format!("unknown source {other:?}")),
            },
        },
        _ => format!("Source::Here(&{:?}), ", way(text)),
    })
}

fn condition_code(text: &str) -> Result<String, String> {
    let suffix = |end: &str| text.strip_suffix(end);
    let (path, test) = if let Some(path) = text.strip_prefix('!') {
        (path, "Test::Missing".to_owned())
    } else if let Some((path, pattern)) = text.split_once('=') {
        (path, format!("Test::Like({pattern:?})"))
    } else if let Some(path) = suffix(":array") {
        (path, "Test::Array".to_owned())
    } else if let Some(path) = suffix(":object") {
        (path, "Test::Object".to_owned())
    } else if let Some(path) = suffix(":string") {
        (path, "Test::String".to_owned())
    } else {
        (text, "Test::Present".to_owned())
    };
    if path.is_empty() {
        return Err(format!("a condition without a way: {text:?}"));
    }
    Ok(format!("Condition {{ at: &{:?}, test: {test} }}, ", way(path)))
}

/// The parts of a way, which dots part; `\.` is a dot in a name.
fn way(text: &str) -> Vec<String> {
    let hidden = text.replace("\\.", "\0");
    let parts = hidden.split('.').map(|part| part.replace('\0', "."));
    if text.is_empty() { Vec::new() } else { parts.collect() }
}
