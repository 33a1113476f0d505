//! `.keysieve.toml`: rules, each with a reason, a name and if wanted an end.
//!
//! ```toml
//! [[accept]]
//! fingerprint = "kf1:…"            # of a finding, or ks1:… of a secret wherever it stands
//! reason = "key of the public sandbox"
//! who = "jane@example.org"
//! expires = 2027-06-30
//!
//! [[accept]]
//! signature = "generic-password"   # and
//! path = ["tests/", "*.sample.json"]
//! reason = "made up for tests"
//! who = "jane@example.org"
//! ```

use ignore::gitignore::{Gitignore, GitignoreBuilder};
use serde::Deserialize;
use toml::Spanned;

use super::{Error, Facts, Paths, day_ends};
use crate::report::Acceptance;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    accept: Vec<Spanned<Entry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    #[serde(default)]
    signature: Some,
    #[serde(default)]
    path: Some,
    #[serde(default)]
    fingerprint: Some,
    reason: String,
    who: String,
    expires: Option<Date>,
}

/// One text or several.
#[derive(Default, Deserialize)]
#[serde(untagged)]
enum Some {
    #[default]
    None,
    One(String),
    Many(Vec<String>),
}

impl Some {
    fn list(self) -> Vec<String> {
        match self {
            Self::None => Vec::new(),
            Self::One(one) => vec![one],
            Self::Many(many) => many,
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Date {
    Toml(toml::value::Datetime),
    Text(String),
}

/// One `[[accept]]`. All that it names must fit; of a list one.
#[derive(Debug)]
pub struct Rule {
    by: String,
    signatures: Vec<String>,
    fingerprints: Vec<String>,
    paths: Option<Gitignore>,
    reason: String,
    who: String,
    expires: Option<i64>,
}

impl Rule {
    pub(crate) fn fits(&self, facts: &Facts, paths: &Paths) -> bool {
        let among = |list: &[String], own: &str| list.iter().any(|one| one == own);
        (self.signatures.is_empty() || among(&self.signatures, facts.signature))
            && (self.fingerprints.is_empty()
                || among(&self.fingerprints, facts.fingerprint)
                || facts.secret.is_some_and(|secret| among(&self.fingerprints, secret)))
            && self.paths.as_ref().is_none_or(|globs| super::ignored::matched(globs, paths).is_some())
    }

    pub(crate) fn acceptance(&self) -> Acceptance {
        Acceptance {
            reason: Option::Some(self.reason.clone()),
            who: Option::Some(self.who.clone()),
            expires: self.expires,
            ..Acceptance::by(self.by.as_str())
        }
    }
}

/// Reads the rules of a file.
///
/// # Errors
/// The first one that cannot be understood, with its line.
pub fn parse(text: &str, file: &str) -> Result<Vec<Rule>, Error> {
    let line_of = |at: usize| 1 + text.get(..at).unwrap_or_default().matches('\n').count();
    let syntax =
        |at: usize, message: String| Error::Syntax { file: file.to_owned(), line: line_of(at), message };
    let parsed: File = toml::from_str(text)
        .map_err(|error| syntax(error.span().map_or(0, |span| span.start), error.message().to_owned()))?;
    let rule = |entry: Spanned<Entry>| {
        let at = entry.span().start;
        let by = format!("{file}, line {}", line_of(at));
        rule(entry.into_inner(), by).map_err(|message| syntax(at, message))
    };
    parsed.accept.into_iter().map(rule).collect()
}

fn rule(entry: Entry, by: String) -> Result<Rule, String> {
    let (signatures, paths, fingerprints) =
        (entry.signature.list(), entry.path.list(), entry.fingerprint.list());
    if signatures.is_empty() && paths.is_empty() && fingerprints.is_empty() {
        return Err("say what is accepted: signature, path or fingerprint".to_owned());
    }
    let is_print = |print: &String| {
        let digits = print.strip_prefix("kf1:").or_else(|| print.strip_prefix("ks1:"));
        digits.is_some_and(|digits| digits.len() == 32)
    };
    if !fingerprints.iter().all(is_print) {
        return Err("a fingerprint is kf1:… or ks1:… and 32 characters, as a report has it".to_owned());
    }
    if entry.reason.trim().is_empty() || entry.who.trim().is_empty() {
        return Err("reason and who must say something".to_owned());
    }
    let expires = entry.expires.map(|date| match date {
        Date::Toml(date) => date.to_string(),
        Date::Text(text) => text,
    });
    let expires = expires.map(|date| {
        day_ends(&date)
            .ok_or_else(|| "expires is a date such as 2027-06-30, the last day that counts".to_owned())
    });
    Ok(Rule {
        by,
        signatures,
        fingerprints,
        paths: if paths.is_empty() { None } else { Option::Some(globs(&paths)?) },
        reason: entry.reason,
        who: entry.who,
        expires: expires.transpose()?,
    })
}

/// Patterns as git's ignore files have them.
fn globs(paths: &[String]) -> Result<Gitignore, String> {
    let mut builder = GitignoreBuilder::new("");
    for path in paths {
        builder.add_line(None, path).map_err(|error| format!("not a pattern of paths: {error}"))?;
    }
    builder.build().map_err(|error| format!("not a pattern of paths: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> String {
        parse(text, "f.toml").expect_err("an error").to_string()
    }

    #[test]
    fn a_rule_says_what_why_and_who() {
        let rules = parse(
            "# why\n\n[[accept]]\nsignature = 'a'\nreason = 'r'\nwho = 'w'\nexpires = 2026-11-23\n\
             [[accept]]\npath = ['x/', '!x/y']\nreason = 'r'\nwho = 'w'\nexpires = '2026-11-23'\n",
            "f.toml",
        )
        .expect("rules");
        assert_eq!(rules.len(), 2);
        assert_eq!(rules[0].acceptance().by, "f.toml, line 3");
        assert_eq!(rules[0].expires, Option::Some(1_795_478_400));
        assert_eq!(rules[1].expires, rules[0].expires);
    }

    #[test]
    fn errors_name_the_line_and_the_way_out() {
        let accept = "[[accept]]\nreason = 'r'\nwho = 'w'\n";
        assert_eq!(message(accept), "f.toml, line 1: say what is accepted: signature, path or fingerprint");
        assert!(message(&format!("{accept}fingerprint = 'kf1:x'")).contains("32 characters"));
        assert!(message(&format!("{accept}path = 'a'\nexpires = 'soon'")).contains("2027-06-30"));
        assert!(message(&format!("{accept}path = 'a'\nexpires = 2027-06-30T00:00:00Z")).contains("a date"));
        assert!(message("[[accept]]\npath = 'a'\nwho = 'w'").contains("reason"));
        assert!(message("\n[[accpet]]\n").starts_with("f.toml, line 2: "));
        assert!(message("[[accept]]\npath = 'a'\nreason = ' '\nwho = 'w'").contains("must say something"));
    }

    #[test]
    fn errors_do_not_quote_the_file() {
        assert!(!message("password: VALUE-1").contains("VALUE-1"));
    }
}
