//! Policy files: TOML → a checked [`Policy`], with errors that name the file, the line and what would be right.

use std::fmt;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use serde::Deserialize;
use toml::Spanned;

use super::{Allow, Lists, Policy, Require};
use crate::finding::{LifetimeClass, Severity, Storage};
use crate::inventory::ReferenceKind;
use crate::signature;

/// Why a policy cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyError {
    /// What the user calls the file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong, and what would be right.
    pub problem: String,
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, problem } = self;
        write!(f, "{file}, line {line}: {problem}; `keysieve check --policy-example` shows a whole policy")
    }
}

impl std::error::Error for PolicyError {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    allow: Vec<Spanned<AllowEntry>>,
    #[serde(default)]
    connectors: ListsEntry,
    #[serde(default)]
    hosts: ListsEntry,
    references: Option<References>,
    #[serde(default)]
    require: Vec<RequireEntry>,
}

type Words = Vec<Spanned<String>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct AllowEntry {
    reason: Spanned<String>,
    max_severity: Option<Spanned<String>>,
    #[serde(default)]
    lifetime: Words,
    #[serde(default)]
    storage: Words,
    #[serde(default)]
    vendors: Words,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct ListsEntry {
    allow: Option<Words>,
    #[serde(default)]
    deny: Words,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct References {
    allow: Words,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RequireEntry {
    connectors: Spanned<Words>,
    references: Spanned<Words>,
    reason: Spanned<String>,
}

/// Where in the text, and what is wrong.
struct Problem {
    at: usize,
    what: String,
}

impl Problem {
    fn at<T>(spanned: &Spanned<T>, what: impl Into<String>) -> Self {
        Self { at: spanned.span().start, what: what.into() }
    }
}

pub(super) fn read(name: &str, text: &str) -> Result<Policy, PolicyError> {
    let problem = |Problem { at, what }| PolicyError {
        file: name.to_owned(),
        line: 1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count(),
        problem: what,
    };
    let file: File = toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        problem(Problem { at, what: error.message().trim().replace('\n', ", ") })
    })?;
    policy(&file).map_err(problem)
}

fn policy(file: &File) -> Result<Policy, Problem> {
    Ok(Policy {
        allow: file.allow.iter().map(allow).collect::<Result<_, _>>()?,
        connectors: lists(&file.connectors)?,
        hosts: lists(&file.hosts)?,
        references: file.references.as_ref().map(|it| kinds(&it.allow)).transpose()?,
        require: file.require.iter().map(require).collect::<Result<_, _>>()?,
    })
}

fn allow(entry: &Spanned<AllowEntry>) -> Result<Allow, Problem> {
    let AllowEntry { reason, max_severity, lifetime, storage, vendors } = entry.get_ref();
    if max_severity.is_none() && lifetime.is_empty() && storage.is_empty() && vendors.is_empty() {
        let what = "an [[allow]] without a condition would let every credential pass; give it max-severity, lifetime, \
                    storage or vendors";
        return Err(Problem::at(entry, what));
    }
    let severity =
        max_severity.as_ref().map(|word| one_of(word, Severity::ALL, Severity::name)).transpose()?;
    Ok(Allow {
        reason: given(reason)?,
        severity,
        lifetime: each_of(lifetime, LifetimeClass::ALL, LifetimeClass::name)?,
        storage: each_of(storage, Storage::ALL, Storage::name)?,
        vendors: vendors.iter().map(vendor).collect::<Result<_, _>>()?,
    })
}

/// A reason: whoever reads the report wants to know it.
fn given(reason: &Spanned<String>) -> Result<String, Problem> {
    match reason.get_ref().trim() {
        "" => Err(Problem::at(reason, "an empty reason; say in a few words why it is so")),
        text => Ok(text.to_owned()),
    }
}

fn require(entry: &RequireEntry) -> Result<Require, Problem> {
    for list in [&entry.connectors, &entry.references] {
        if list.get_ref().is_empty() {
            return Err(Problem::at(list, "an empty list, so that it would say nothing; name at least one"));
        }
    }
    Ok(Require {
        connectors: globs(entry.connectors.get_ref())?,
        references: kinds(entry.references.get_ref())?,
        reason: given(&entry.reason)?.trim_end_matches('.').to_owned(),
    })
}

fn kinds(words: &Words) -> Result<Vec<ReferenceKind>, Problem> {
    each_of(words, ReferenceKind::ALL, ReferenceKind::name)
}

fn vendor(word: &Spanned<String>) -> Result<String, Problem> {
    let known = |id: &str| signature::built_in().iter().filter_map(|it| it.vendor).any(|it| it.id == id);
    if known(word.get_ref()) {
        return Ok(word.get_ref().clone());
    }
    let what = format!(
        "\"{}\" is no vendor that keysieve knows; the names are those of --format json, such as \"slack\" or \"aws\"",
        word.get_ref()
    );
    Err(Problem::at(word, what))
}

fn lists(entry: &ListsEntry) -> Result<Lists, Problem> {
    Ok(Lists { allow: entry.allow.as_ref().map(globs).transpose()?, deny: globs(&entry.deny)? })
}

fn globs(words: &Words) -> Result<GlobSet, Problem> {
    let mut set = GlobSetBuilder::new();
    for word in words {
        let glob = GlobBuilder::new(word.get_ref()).case_insensitive(true).build().map_err(|error| {
            Problem::at(word, format!("\"{}\" is no pattern: {}", word.get_ref(), error.kind()))
        })?;
        set.add(glob);
    }
    let nowhere = Problem { at: 0, what: "the patterns are too many to be looked for together".to_owned() };
    set.build().map_err(|_| nowhere)
}

fn each_of<T: Copy>(words: &Words, all: &[T], name: fn(T) -> &'static str) -> Result<Vec<T>, Problem> {
    words.iter().map(|word| one_of(word, all, name)).collect()
}

fn one_of<T: Copy>(word: &Spanned<String>, all: &[T], name: fn(T) -> &'static str) -> Result<T, Problem> {
    all.iter().copied().find(|value| name(*value) == word.get_ref()).ok_or_else(|| {
        let names: Vec<_> = all.iter().map(|value| format!("\"{}\"", name(*value))).collect();
        Problem::at(word, format!("\"{}\" is none of {}", word.get_ref(), names.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        read("p.toml", text).map(drop).expect_err("an error").to_string()
    }

    #[test]
    fn the_example_is_a_policy() {
        let policy = read("docs/policy.toml", super::super::EXAMPLE).expect("a policy");
        assert!(policy.wants_flows());
        assert!(!policy.allow.is_empty() && !policy.require.is_empty() && policy.references.is_some());
    }

    #[test]
    fn errors_name_the_line_and_what_would_be_right() {
        for (text, parts) in [
            ("\n[host]\nallow = []\n", ["p.toml, line 2: ", "unknown field `host`", "`hosts`"]),
            ("[hosts]\n\nallow = \"a\"\n", ["p.toml, line 3: ", "invalid type", "sequence"]),
            ("[[allow]]\nreason = \"x\"\n", ["p.toml, line 1: ", "without a condition", "max-severity"]),
            (
                "[[allow]]\nreason = \"x\"\nmax-severity = \"mid\"\n",
                ["p.toml, line 3: ", "\"mid\" is none of", "\"medium\""],
            ),
            (
                "[[allow]]\nreason = \" \"\nvendors = [\"slack\"]\n",
                ["p.toml, line 2: ", "empty reason", "why"],
            ),
            (
                "[[allow]]\nreason = \"x\"\nvendors = [\n \"slak\"]\n",
                ["p.toml, line 4: ", "no vendor", "slack"],
            ),
            ("[connectors]\ndeny = [\"[a\"]\n", ["p.toml, line 2: ", "no pattern", "[a"]),
            ("[references]\nallow = [\"vault\"]\n", ["p.toml, line 2: ", "none of", "secrets-manager"]),
            ("a = \n", ["p.toml, line 1: ", "", "--policy-example"]),
        ] {
            let said = error(text);
            assert!(parts.iter().all(|part| said.contains(part)), "{text}: {said}");
        }
    }
}
