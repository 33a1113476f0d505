//! `.keysieveignore`: patterns of paths as git's ignore files have them. What lies there is looked at all the same, and its
//! findings are accepted; the comment line right above a pattern is its reason.

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder, Glob};

use super::{Error, Paths};
use crate::report::Acceptance;

/// The patterns of one file.
#[derive(Debug)]
pub struct Ignored {
    file: String,
    globs: Gitignore,
    pub(crate) patterns: Vec<Pattern>,
}

/// A pattern, as it was written.
#[derive(Debug)]
pub(crate) struct Pattern {
    line: usize,
    text: String,
    reason: Option<String>,
    /// Whether it takes paths back, with `!`.
    pub(crate) takes_back: bool,
}

impl Ignored {
    /// Reads the patterns of a file.
    ///
    /// # Errors
    /// The first one that cannot be understood, with its line.
    pub fn parse(text: &str, file: &str) -> Result<Self, Error> {
        let mut builder = GitignoreBuilder::new("");
        let mut patterns = Vec::new();
        let mut reason = None;
        for (index, line) in text.lines().enumerate() {
            let syntax = |error: ignore::Error| Error::Syntax {
                file: file.to_owned(),
                line: index + 1,
                message: format!("not a pattern of paths: {error}"),
            };
            if let Some(comment) = line.strip_prefix('#') {
                reason = Some(comment.trim().to_owned()).filter(|comment| !comment.is_empty());
                continue;
            }
            if !line.trim().is_empty() {
                builder.add_line(None, line).map_err(syntax)?;
                let takes_back = line.starts_with('!');
                patterns.push(Pattern {
                    line: index + 1,
                    text: line.to_owned(),
                    reason: reason.take(),
                    takes_back,
                });
            }
            reason = None;
        }
        let globs = builder.build().map_err(|error| Error::Syntax {
            file: file.to_owned(),
            line: 1,
            message: format!("not patterns of paths: {error}"),
        })?;
        Ok(Self { file: file.to_owned(), globs, patterns })
    }

    /// The pattern that a path fits, unless a later one takes it back.
    pub(crate) fn fitting(&self, paths: &Paths) -> Option<&Pattern> {
        let glob = matched(&self.globs, paths)?;
        self.patterns.iter().rfind(|pattern| pattern.text.trim_end() == glob.original().trim_end())
    }

    /// Which of the patterns it is.
    pub(crate) fn number(&self, pattern: &Pattern) -> Option<usize> {
        self.patterns.iter().position(|other| other.line == pattern.line)
    }

    pub(crate) fn acceptance(&self, pattern: &Pattern) -> Acceptance {
        let by = format!("{}, line {}", self.file, pattern.line);
        Acceptance { reason: pattern.reason.clone(), ..Acceptance::by(by) }
    }
}

/// The pattern that a path or a folder above it fits.
pub(crate) fn matched<'g>(globs: &'g Gitignore, paths: &Paths) -> Option<&'g Glob> {
    let one = |path: &str| match globs.matched_path_or_any_parents(path, false) {
        Match::Ignore(glob) => Some(Some(glob)),
        Match::Whitelist(_) => Some(None),
        Match::None => None,
    };
    let inner = paths.inner.as_deref().and_then(one);
    inner.or_else(|| one(&paths.file)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str, file: &str, inner: Option<&str>) -> Option<usize> {
        let ignored = Ignored::parse(text, "i").expect("patterns");
        let paths = Paths { file: file.to_owned(), inner: inner.map(|inner| format!("{file}!/{inner}")) };
        ignored.fitting(&paths).map(|pattern| pattern.line)
    }

    /// Expected: what gitignore(5) says of such patterns.
    #[test]
    fn patterns_are_those_of_git() {
        let text = "# samples\n*.sample.json\n\ntests/\n!tests/real.json\n/top.env\n";
        assert_eq!(line(text, "a/b.sample.json", None), Some(2));
        assert_eq!(line(text, "a/tests/b/c.json", None), Some(4));
        // What git cannot do, since it does not enter the folder: here files in one can be taken back.
        assert_eq!(line(text, "tests/real.json", None), None);
        assert_eq!(line(text, "top.env", None), Some(6));
        assert_eq!(line(text, "a/top.env", None), None);
        assert_eq!(line("*.json\n!real.json\n", "real.json", None), None);
    }

    #[test]
    fn members_of_archives_have_paths_too() {
        assert_eq!(line("*.zip!/samples/", "a.zip", Some("samples/b.json")), Some(1));
        assert_eq!(line("*.zip!/samples/", "a.zip", Some("real/b.json")), None);
        assert_eq!(line("a.zip", "a.zip", Some("real/b.json")), Some(1));
    }

    #[test]
    fn the_comment_above_is_the_reason() {
        let ignored = Ignored::parse("# made up\na\n\n# not this\n\nb\n", "i").expect("patterns");
        let reasons: Vec<_> = ignored.patterns.iter().map(|pattern| pattern.reason.as_deref()).collect();
        assert_eq!(reasons, [Some("made up"), None]);
    }
}
