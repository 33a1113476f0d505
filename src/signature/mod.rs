//! What one vendor's credential looks like, as data: `signatures/*.toml` → [`Signature`] tables.
//!
//! The built-in files are turned into constants by `build.rs` ([`built_in`]); files of the user's own are read at run
//! time by [`load`]. Both go through the same reader (`file`) and the same grammar ([`shape`]). Matching a [`Shape`]
//! at an anchor is here too, since it needs nothing but the shape; finding anchors in text is the `detect` room's work.

use std::fmt;
use std::path::Path;

use crate::terms::{Kind, LifetimeClass, Severity};

pub mod anchor;
pub mod check;
pub mod examples;
pub mod file;
pub mod matching;
pub mod pattern;
pub mod rules;
pub mod shape;
#[cfg(test)]
mod tests;

pub use anchor::{Anchor, Hold};
pub use check::Check;
pub use file::{FileError, Problem, normal_bytes, normal_name};
pub use matching::{Match, border_before};
pub use shape::{Alphabet, Piece, Shape};

mod table {
    //! What `build.rs` made of `signatures/`.

    use super::*;

    include!(concat!(env!("OUT_DIR"), "/signatures.rs"));
}

/// A vendor: whose credentials a file of signatures describes.
#[derive(Debug, PartialEq, Eq)]
pub struct Vendor {
    /// Kebab-case id, the file's name.
    pub id: &'static str,
    /// As people write it.
    pub name: &'static str,
    /// Where the formats are documented.
    pub source: &'static str,
    /// The page where one revokes, or words that say where.
    pub revoke: &'static str,
}

/// One kind of credential.
#[derive(Debug, PartialEq, Eq)]
pub struct Signature {
    /// Kebab-case id; it never changes.
    pub id: &'static str,
    /// Whose it is; `None` for what the detectors without a vendor find.
    pub vendor: Option<&'static Vendor>,
    /// What it is, as a title.
    pub description: &'static str,
    /// What kind of credential.
    pub kind: Kind,
    /// How bad when it leaks.
    pub severity: Severity,
    /// How long it lives by default.
    pub lifetime: LifetimeClass,
    /// Why that lifetime.
    pub evidence: &'static str,
    /// Public by design.
    pub public: bool,
    /// Shapes in order of preference.
    pub shapes: &'static [Shape],
    /// A regular expression with a `secret` group, where no shape fits.
    pub pattern: Option<&'static str>,
    /// Texts of which one is in every match of `pattern`.
    pub keywords: &'static [&'static str],
    /// The format's checksum.
    pub check: Option<Check>,
    /// Random bits of the secret part; of the shapes the least.
    pub random_bits: u32,
    /// Hosts near which a shapeless key is this vendor's; lower case.
    pub hosts: &'static [&'static str],
    /// Field names, normalised: lower case without `-`, `_`, `.` and spaces.
    pub names: &'static [&'static str],
    /// Ids of signatures that belong together with it.
    pub parts: &'static [&'static str],
    /// Of a JSON web token: claims that its payload must have, each with its value; an empty one is any.
    pub claims: &'static [(&'static str, &'static str)],
    /// Example templates that must be found.
    pub positive: &'static [&'static str],
    /// Example templates that must not be found by this id.
    pub negative: &'static [&'static str],
}

/// The random characters from which on vendors' consoles show the last four of a token.
const SHOWS_TAIL_FROM: u32 = 24;

impl Signature {
    /// The shapes that can be taken hold of, with their anchors; none of what is told by the claims in it.
    pub fn anchors(&self) -> impl Iterator<Item = (&'static Shape, Anchor)> + use<> {
        let tokens = self.claims.is_empty();
        self.shapes.iter().filter(move |_| tokens).filter_map(|shape| Some((shape, shape.anchor?)))
    }

    /// The keywords of a pattern as anchors: each begins where a word begins, and the match is somewhere around.
    pub fn keyword_anchors(&self) -> impl Iterator<Item = Anchor> + use<> {
        self.keywords.iter().map(|keyword| Anchor::keyword(keyword))
    }

    /// The public prefix of a secret that one of the shapes matched: the longest fixed text that it begins with. Empty
    /// for a pattern's.
    pub fn prefix(&self, secret: &[u8]) -> &'static str {
        let prefixes = self.shapes.iter().map(Shape::prefix);
        let fitting = prefixes.filter(|prefix| secret.starts_with(prefix.as_bytes()));
        fitting.max_by_key(|prefix| prefix.len()).unwrap_or_default()
    }

    /// Random characters of the secret part; of the shapes the least, none of a pattern.
    pub fn random_chars(&self) -> u32 {
        self.shapes.iter().map(Shape::random_chars).min().unwrap_or(0)
    }

    /// Characters of fixed text in the shape that has the most: of two signatures that match one text, the one with
    /// more says more.
    pub fn fixed_chars(&self) -> usize {
        self.shapes.iter().map(Shape::fixed_chars).max().unwrap_or(0)
    }

    /// What may be shown of a secret: its public prefix, `…`, and its last four characters if the format has enough
    /// random ones that vendors' consoles show them too.
    pub fn preview(&self, secret: &[u8]) -> String {
        let prefix = self.prefix(secret);
        let tail = secret.last_chunk::<4>().filter(|_| self.random_chars() >= SHOWS_TAIL_FROM);
        let tail = tail.and_then(|tail| std::str::from_utf8(tail).ok()).unwrap_or_default();
        format!("{prefix}…{tail}")
    }
}

/// The signatures of the folder `signatures/`, sorted by id.
pub fn built_in() -> &'static [Signature] {
    table::SIGNATURES
}

/// Why signature files of the user's own cannot be used.
#[derive(Debug)]
pub struct LoadError {
    /// The first error of each file; at least one.
    pub errors: Vec<FileError>,
}

impl fmt::Display for LoadError {
    /// A line for each file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.errors.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for LoadError {}

/// Reads signature files of the user's own: every `.toml` file of a folder, or one file, in the form of
/// `signatures/README.md`, sorted by id. What is read is leaked, since signatures live as long as the program: meant to be called once.
///
/// # Errors
///
/// The first error of each file; an id twice among them; a pattern that is no regular expression; no file at all.
pub fn load(folder: &Path) -> Result<Vec<&'static Signature>, LoadError> {
    let fail = |problem| FileError { file: folder.to_owned(), signature: None, problem };
    let files = match folder.is_file() {
        true => vec![file::read_file(folder).map_err(|error| LoadError { errors: vec![error] })?],
        false => file::read_folder(folder).map_err(|errors| LoadError { errors })?,
    };
    if files.is_empty() {
        return Err(LoadError { errors: vec![fail(Problem::NoFiles)] });
    }
    let mut signatures: Vec<&'static Signature> = files.into_iter().flat_map(signatures_of).collect();
    signatures.sort_by_key(|signature| signature.id);
    let errors: Vec<FileError> = signatures
        .iter()
        .filter_map(|signature| {
            let problem = pattern::problem(signature.pattern?)?;
            Some(FileError { signature: Some(signature.id.to_owned()), ..fail(problem) })
        })
        .collect();
    if errors.is_empty() { Ok(signatures) } else { Err(LoadError { errors }) }
}

fn signatures_of(file: file::VendorFile) -> Vec<&'static Signature> {
    let vendor = Vendor { id: file.vendor, name: file.name, source: file.source, revoke: file.revoke };
    let vendor: &'static Vendor = Box::leak(Box::new(vendor));
    file.signatures.into_iter().map(|entry| &*Box::leak(Box::new(signature_of(vendor, entry)))).collect()
}

fn signature_of(vendor: &'static Vendor, entry: file::Entry) -> Signature {
    let name_is_known = "the reader checked the name";
    Signature {
        id: entry.id,
        vendor: Some(vendor),
        description: entry.description,
        kind: Kind::from_name(entry.kind).expect(name_is_known),
        severity: Severity::from_name(entry.severity).expect(name_is_known),
        lifetime: LifetimeClass::from_name(entry.lifetime).expect(name_is_known),
        evidence: entry.evidence,
        public: entry.public,
        shapes: entry.shapes.leak(),
        pattern: entry.pattern,
        keywords: entry.keywords.leak(),
        check: entry.check,
        random_bits: entry.random_bits,
        hosts: entry.hosts.leak(),
        names: entry.names.leak(),
        parts: entry.parts.leak(),
        claims: entry.claims.leak(),
        positive: entry.positive.leak(),
        negative: entry.negative.leak(),
    }
}
