//! Turns `src/platform/*.toml` into `platforms.rs`: a `Vocabulary` for each, named as its file; and
//! `src/platform/described/*.toml`, whose exports are described as data, into `described.rs` as well.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

#[path = "described.rs"]
mod described;

/// Where the vocabularies stand that have a reader beside them.
const FOLDER: &str = "src/platform";

/// Where those stand that describe their exports themselves.
const DESCRIBED: &str = "src/platform/described";

/// One file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vocabulary {
    name: String,
    title: String,
    #[serde(default)]
    storage: Vec<Rule>,
    #[serde(default)]
    own: Vec<Rule>,
    #[serde(default)]
    store: Vec<Rule>,
    #[serde(default)]
    reference: Vec<Rule>,
    #[serde(default)]
    trigger: Vec<Rule>,
    #[serde(default)]
    export: Vec<described::Export>,
}

/// One entry: its conditions and, in one of the last three, or in the last six together, what it says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    scope: Option<String>,
    #[serde(default)]
    kinds: Vec<String>,
    #[serde(default)]
    fields: Vec<String>,
    #[serde(default)]
    storages: Vec<String>,
    value: Option<String>,
    is: Option<String>,
    why: Option<String>,
    text: Option<String>,
    notation: Option<String>,
    whole: Option<String>,
    within: Option<String>,
    basic: Option<String>,
    adds: Option<String>,
    create: Option<String>,
}

/// Writes `platforms.rs` into `out_dir`.
///
/// # Panics
///
/// If a vocabulary cannot be read or says something that the readers do not know: the build ends with its name.
pub(crate) fn generate(out_dir: &Path) {
    let mut code = String::new();
    for path in vocabularies(FOLDER) {
        code += &constant(&path, &read(&path));
    }
    let mut descriptions = described::Code::default();
    for path in vocabularies(DESCRIBED) {
        let vocabulary = read(&path);
        code += &constant(&path, &vocabulary);
        let added = descriptions.add(&constant_name(&path), &vocabulary.export);
        added.unwrap_or_else(|what| panic!("{}: {what}", path.display()));
    }
    fs::write(out_dir.join("platforms.rs"), code).expect("the build folder is writable");
    fs::write(out_dir.join("described.rs"), descriptions.finish()).expect("the build folder is writable");
}

/// Tells cargo, which listens to standard output.
fn rerun_if_changed(path: &Path) {
    println!("cargo::rerun-if-changed={}", path.display());
}

/// The vocabularies of a folder, sorted.
fn vocabularies(folder: &str) -> Vec<PathBuf> {
    rerun_if_changed(Path::new(folder));
    let entries = fs::read_dir(folder).expect("the folder of the platforms is there");
    let paths = entries.map(|entry| entry.expect("its entries can be read").path());
    let mut paths: Vec<_> = paths.filter(|path| path.extension().is_some_and(|end| end == "toml")).collect();
    paths.sort();
    paths.iter().for_each(|path| rerun_if_changed(path));
    paths
}

fn read(path: &Path) -> Vocabulary {
    let fail = |what: &dyn std::fmt::Display| -> ! { panic!("{}: {what}", path.display()) };
    let text = fs::read_to_string(path).unwrap_or_else(|error| fail(&error));
    toml::from_str(&text).unwrap_or_else(|error| fail(&error))
}

/// The name of the constant that a file becomes.
fn constant_name(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().to_uppercase()
}

fn constant(path: &Path, vocabulary: &Vocabulary) -> String {
    let fail = |what: &dyn std::fmt::Display| -> ! { panic!("{}: {what}", path.display()) };
    let table = |rules: &[Rule], then: fn(&Rule) -> Option<String>| {
        rules.iter().map(|rule| rule_code(rule, then).unwrap_or_else(|what| fail(&what))).collect::<String>()
    };
    let storages = table(&vocabulary.storage, |rule| rule.is.as_deref().map(storage));
    let owns = table(&vocabulary.own, |rule| rule.why.as_ref().map(|why| format!("{why:?}")));
    let stores = table(&vocabulary.store, |rule| rule.text.as_ref().map(|text| format!("{:?}", text.trim())));
    let references = table(&vocabulary.reference, reference);
    let triggers = table(&vocabulary.trigger, |rule| rule.is.as_deref().map(trigger));
    let constant = constant_name(path);
    format!(
        "pub(crate) const {constant}: Vocabulary = Vocabulary {{\n    name: {:?},\n    title: {:?},\n    \
         storage: &[\n{storages}    ],\n    own: &[\n{owns}    ],\n    store: &[\n{stores}    ],\n    \
         reference: &[\n{references}    ],\n    trigger: &[\n{triggers}    ],\n}};\n",
        vocabulary.name, vocabulary.title,
    )
}

/// The code of a rule whose conclusion `then` finds.
fn rule_code(rule: &Rule, then: fn(&Rule) -> Option<String>) -> Result<String, String> {
    let conclusion = then(rule).ok_or_else(|| format!("a rule for {:?} says nothing", rule.fields))?;
    let mut code = String::from("        Rule { scope: ");
    code += &match rule.scope.as_deref() {
        None => "None".to_owned(),
        Some(scope @ ("flow" | "step" | "store")) => format!("Some(Scope::{})", camel(scope)),
        Some(other) => return Err(format!("unknown scope {other:?}")),
    };
    let _ = write!(code, ", kinds: &{:?}, fields: &[", rule.kinds);
    for field in &rule.fields {
        let _ = write!(code, "&{:?}, ", field.split('.').collect::<Vec<_>>());
    }
    let storages: Vec<_> = rule.storages.iter().map(|name| storage(name)).collect();
    let _ =
        write!(code, "], storages: &[{}], shape: {}, ", storages.join(", "), shape(rule.value.as_deref())?);
    let _ = writeln!(code, "then: {conclusion} }},");
    Ok(code)
}

/// The code of what a clean copy has in a secret's place.
fn reference(rule: &Rule) -> Option<String> {
    let (notation, whole, create) = (rule.notation.as_ref()?, rule.whole.as_ref()?, rule.create.as_ref()?);
    Some(format!(
        "&Reference {{ notation: Notation::{}, whole: {whole:?}, within: {:?}, basic: {:?}, adds: Adds::{}, \
         create: {:?} }}",
        camel(notation),
        rule.within,
        rule.basic,
        camel(rule.adds.as_deref().unwrap_or("nothing")),
        create.trim(),
    ))
}

/// The variant of `Storage` with that name. The compiler tells if there is none.
fn storage(name: &str) -> String {
    format!("Storage::{}", camel(name))
}

/// The variant of `Trigger` with that name. The compiler tells if there is none.
fn trigger(name: &str) -> String {
    format!("Trigger::{}", camel(name))
}

/// The variant of `Shape` that a `value` asks for.
fn shape(value: Option<&str>) -> Result<String, String> {
    Ok(match value.map(|value| value.split_once(':').unwrap_or((value, ""))) {
        None => "Shape::Any".to_owned(),
        Some(("prefix", prefix)) => format!("Shape::Prefix({prefix:?})"),
        Some((
            name @ ("uuid" | "short-uuid" | "id" | "hex" | "words" | "evm-address" | "signature"
            | "app-media-link" | "some"),
            "",
        )) => {
            format!("Shape::{}", camel(name))
        }
        Some((other, _)) => return Err(format!("unknown value {other:?}")),
    })
}

/// `plain-config` to `PlainConfig`.
fn camel(name: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters
            .next()
            .map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
    };
    name.split('-').map(capital).collect()
}
