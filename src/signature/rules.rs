//! Rule files of Gitleaks and Betterleaks → signatures, so that people can bring the rules they have.
//!
//! What a rule asks for beyond a regular expression behind keywords cannot be carried over; each such thing is a
//! [`Note`], so that nothing is dropped in silence. The format: the section "Configuration" of Gitleaks' README, and
//! Betterleaks', which took it over.

use std::fmt;
use std::path::Path;

use serde::Deserialize;

use super::file::{FileError, Problem};
use super::{LoadError, Signature, Vendor, pattern};
use crate::terms::{Kind, LifetimeClass, Severity};

/// The shortest keyword: shorter ones stand everywhere, and each is searched for in every text.
const MIN_KEYWORD: usize = 4;

/// Signatures made of rules, and what of the rules they do not hold.
#[derive(Debug, Default)]
pub struct Rules {
    /// Sorted by id.
    pub signatures: Vec<&'static Signature>,
    /// In the order of the file.
    pub notes: Vec<Note>,
}

/// What could not be carried over of one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The rule's id, or `(file)` for what stands outside of the rules.
    pub rule: String,
    /// Whether the rule is left out as a whole.
    pub left_out: bool,
    /// What is missing, in words.
    pub what: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = if self.left_out { "left out" } else { "without" };
        write!(f, "rule {}: {how}: {}", self.rule, self.what)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    #[serde(default)]
    rules: Vec<Rule>,
    extend: Option<toml::Value>,
    allowlist: Option<toml::Value>,
    allowlists: Option<toml::Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: String,
    #[serde(default)]
    description: String,
    regex: Option<String>,
    path: Option<String>,
    secret_group: Option<usize>,
    entropy: Option<f64>,
    #[serde(default)]
    keywords: Vec<String>,
    allowlist: Option<toml::Value>,
    allowlists: Option<toml::Value>,
    required: Option<toml::Value>,
    filter: Option<toml::Value>,
    validate: Option<toml::Value>,
}

/// The largest file that is read to see whether it is one of rules, in bytes.
const LARGEST: u64 = 16 << 20;

/// Whether a path is a TOML file of rules.
pub fn is_rules(path: &Path) -> bool {
    let is_file = path.metadata().is_ok_and(|data| data.is_file() && data.len() <= LARGEST);
    is_file && std::fs::read_to_string(path).is_ok_and(|text| has_rules(&text))
}

fn has_rules(text: &str) -> bool {
    text.lines().any(|line| line.trim() == "[[rules]]")
}

/// Reads a file of rules. What is read is leaked, as by [`super::load`].
///
/// # Errors
///
/// A file that cannot be read or is no TOML of this form. A rule that cannot be carried over is a note.
pub fn load(path: &Path) -> Result<Rules, LoadError> {
    let fail =
        |problem| LoadError { errors: vec![FileError { file: path.to_owned(), signature: None, problem }] };
    let text = std::fs::read_to_string(path).map_err(|error| fail(Problem::Unreadable(error)))?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    read(&stem, &text).map_err(fail)
}

/// Reads rules out of a file's text; `name` is the file's.
fn read(name: &str, text: &str) -> Result<Rules, Problem> {
    let document: Document = toml::from_str(text).map_err(|error| super::file::form(text, &error))?;
    let vendor: &'static Vendor = Box::leak(Box::new(Vendor {
        id: "own-rules",
        name: format!("Rules of {name}").leak(),
        source: "a rule file of the user's own",
        revoke: "where its issuer lists its credentials",
    }));
    let mut rules = Rules::default();
    let mut outside = |present: bool, what: &str| {
        if present {
            rules.notes.push(Note { rule: "(file)".to_owned(), left_out: false, what: what.to_owned() });
        }
    };
    outside(document.extend.is_some(), "other files that it extends");
    outside(document.allowlist.is_some() || document.allowlists.is_some(), "its global allowlists");
    for rule in document.rules {
        rules.add(vendor, rule);
    }
    rules.signatures.sort_by_key(|signature| signature.id);
    Ok(rules)
}

impl Rules {
    /// Makes a signature of a rule, or says why there is none.
    fn add(&mut self, vendor: &'static Vendor, rule: Rule) {
        let (made, missing) = signature_of(vendor, &rule);
        let left_out = made.is_err();
        let what = made.as_ref().err().cloned().into_iter().chain(missing);
        self.notes.extend(what.map(|what| Note { rule: rule.id.clone(), left_out, what }));
        if let Ok(signature) = made {
            match self.signatures.iter().any(|own| own.id == signature.id) {
                true => self.notes.push(Note {
                    rule: rule.id,
                    left_out: true,
                    what: "its id stands twice".to_owned(),
                }),
                false => self.signatures.push(signature),
            }
        }
    }
}

/// The signature, or why there is none; and what it does not hold.
fn signature_of(vendor: &'static Vendor, rule: &Rule) -> (Result<&'static Signature, String>, Vec<String>) {
    let missing = [
        (rule.allowlist.is_some() || rule.allowlists.is_some(), "its allowlists"),
        (rule.entropy.is_some(), "its entropy threshold: values are measured against language instead"),
        (rule.required.is_some(), "its required rules"),
        (rule.filter.is_some(), "its filter"),
        (rule.validate.is_some(), "its validation"),
    ];
    let missing = missing.iter().filter(|(is, _)| *is).map(|(_, what)| (*what).to_owned()).collect();
    (pattern_of(rule).map(|(pattern, keywords)| leaked(vendor, rule, pattern, keywords)), missing)
}

/// The pattern with its group named, and its keywords in the cases that people write them in.
fn pattern_of(rule: &Rule) -> Result<(String, Vec<String>), String> {
    let regex = rule.regex.as_deref().ok_or("it looks at file names only")?;
    if rule.path.is_some() {
        return Err("it looks into certain paths only".to_owned());
    }
    let keywords = keywords(&rule.keywords)?;
    let pattern = named(regex, rule.secret_group)?;
    match pattern::problem(&pattern) {
        None => Ok((pattern, keywords)),
        Some(Problem::Field { expected, .. }) => Err(format!("expected {expected}")),
        Some(other) => Err(other.to_string()),
    }
}

/// Gitleaks compares keywords without case; here each is searched for as it stands, so its usual cases are given.
fn keywords(given: &[String]) -> Result<Vec<String>, String> {
    if given.is_empty() {
        return Err("no keywords: its pattern would run over every byte".to_owned());
    }
    if let Some(short) = given.iter().find(|keyword| keyword.len() < MIN_KEYWORD) {
        return Err(format!("the keyword `{short}` is shorter than {MIN_KEYWORD} bytes"));
    }
    let cases = |keyword: &String| {
        let lower = keyword.to_ascii_lowercase();
        let mut capital = lower.clone();
        capital.get_mut(..1).into_iter().for_each(str::make_ascii_uppercase);
        [keyword.clone(), keyword.to_ascii_uppercase(), capital, lower]
    };
    let mut all: Vec<String> = given.iter().flat_map(cases).collect();
    all.sort();
    all.dedup();
    Ok(all)
}

/// The regular expression with the group of the secret named: the one that the rule says, else the first, else all.
fn named(regex: &str, group: Option<usize>) -> Result<String, String> {
    let groups = groups(regex);
    let wanted = group.filter(|group| *group > 0).unwrap_or(1);
    match (groups.get(wanted - 1), group) {
        (Some(at), _) => Ok(format!("{}?P<secret>{}", &regex[..=*at], &regex[at + 1..])),
        (None, Some(group)) if group > 0 => Err(format!("its pattern has no group {group}")),
        (None, _) => Ok(format!("(?P<secret>{regex})")),
    }
}

/// Where the capturing groups without a name open.
fn groups(regex: &str) -> Vec<usize> {
    let bytes = regex.as_bytes();
    let (mut at, mut in_class, mut groups) = (0, false, Vec::new());
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 1,
            b'[' if !in_class => {
                in_class = true;
                // `[]…]` and `[^]…]` have the bracket itself.
                at += usize::from(bytes.get(at + 1) == Some(&b'^'));
                at += usize::from(bytes.get(at + 1) == Some(&b']'));
            }
            b'[' if bytes.get(at + 1) == Some(&b':') => {
                at = regex[at..].find(":]").map_or(bytes.len(), |end| at + end + 1);
            }
            b']' => in_class = false,
            b'(' if !in_class && bytes.get(at + 1) != Some(&b'?') => groups.push(at),
            _ => {}
        }
        at += 1;
    }
    groups
}

fn leaked(
    vendor: &'static Vendor,
    rule: &Rule,
    pattern: String,
    keywords: Vec<String>,
) -> &'static Signature {
    let description = if rule.description.trim().is_empty() { &rule.id } else { &rule.description };
    let keywords: Vec<&'static str> = keywords.into_iter().map(|keyword| &*keyword.leak()).collect();
    Box::leak(Box::new(Signature {
        id: rule.id.clone().leak(),
        vendor: Some(vendor),
        description: description.clone().leak(),
        kind: Kind::ApiKey,
        severity: Severity::Medium,
        lifetime: LifetimeClass::Unknown,
        evidence: "a rule of the user's own says nothing of it",
        public: false,
        shapes: &[],
        pattern: Some(pattern.leak()),
        keywords: keywords.leak(),
        check: None,
        random_bits: 0,
        hosts: &[],
        names: &[],
        parts: &[],
        claims: &[],
        positive: &[],
        negative: &[],
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = r#"
title = "ours"
[allowlist]
paths = ['''vendor/''']

[[rules]]
id = "acme-token"
description = "Acme token"
regex = '''(?i)\b(acme_[a-z0-9]{20})(?:['"\s]|$)'''
entropy = 3.0
keywords = ["acme_"]

[[rules]]
id = "second-group"
regex = '''([^)(]x)[(\]](hook_[0-9]{16})'''
secretGroup = 2
keywords = ["hook_"]

[[rules]]
id = "whole"
regex = '''plan-[0-9]{16}'''
keywords = ["plan-"]

[[rules]]
id = "no-keywords"
regex = '''[0-9]{16}'''

[[rules]]
id = "short-keyword"
regex = '''sk-[0-9]{16}'''
keywords = ["sk-"]

[[rules]]
id = "names-only"
path = '''\.p12$'''

[[rules]]
id = "look-ahead"
regex = '''tokn(?=x)'''
keywords = ["tokn"]
"#;

    #[test]
    fn rules_become_signatures_and_notes() {
        let rules = read("ours", RULES).expect("readable");
        let ids: Vec<_> = rules.signatures.iter().map(|signature| signature.id).collect();
        assert_eq!(ids, ["acme-token", "second-group", "whole"]);
        let notes: Vec<_> = rules.notes.iter().map(|note| (note.rule.as_str(), note.left_out)).collect();
        assert_eq!(
            notes,
            [
                ("(file)", false),
                ("acme-token", false),
                ("no-keywords", true),
                ("short-keyword", true),
                ("names-only", true),
                ("look-ahead", true),
            ]
        );
        for signature in &rules.signatures {
            let compiled = pattern::compile(signature.pattern.expect("a pattern")).expect("compiles");
            let digits = "0123456789".repeat(2);
            let text = format!("ax( acme_{digits}\" ax(hook_{} plan-{} ", &digits[..16], &digits[..16]);
            let found =
                compiled.captures(text.as_bytes()).expect(signature.id).name("secret").expect("the group");
            let expected = match signature.id {
                "acme-token" => format!("acme_{digits}"),
                "second-group" => format!("hook_{}", &digits[..16]),
                _ => format!("plan-{}", &digits[..16]),
            };
            assert_eq!(found.as_bytes(), expected.as_bytes(), "{}", signature.id);
        }
    }

    #[test]
    fn keywords_have_the_usual_cases() {
        let given = ["acme_".to_owned()];
        assert_eq!(keywords(&given), Ok(["ACME_", "Acme_", "acme_"].map(str::to_owned).to_vec()));
        assert!(keywords(&["abc".to_owned()]).is_err());
    }

    #[test]
    fn what_is_no_toml_is_an_error() {
        assert!(read("x", "[[rules]]\nid = ").is_err());
        assert!(has_rules("a = 1\n [[rules]]\n"));
        assert!(!has_rules("vendor = \"acme\"\n[[signature]]\n"));
    }
}
