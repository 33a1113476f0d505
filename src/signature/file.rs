//! Signature files: TOML → checked entries, with errors that name the file, the signature and what was expected.
//!
//! Also compiled into `build.rs`, hence nothing but the standard library, serde, toml and its siblings. What it reads is
//! leaked: signatures live as long as the program.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::anchor::{self, Anchor};
use super::check::Check;
use super::shape::{self, Piece, Shape, ShapeError};

/// The names of `finding::Kind`, which `build.rs` cannot see.
pub const KINDS: &[&str] = &[
    "api-key",
    "oauth-secret",
    "refresh-token",
    "session-token",
    "password",
    "private-key",
    "certificate",
    "connection-string",
    "webhook-url",
    "signed-url",
    "encryption-key",
    "keystore",
];

/// The names of `finding::Severity`.
pub const SEVERITIES: &[&str] = &["info", "low", "medium", "high", "critical"];

/// The names of `finding::LifetimeClass`, each with the evidence that stands where a file gives none.
pub const LIFETIMES: &[(&str, &str)] = &[
    ("long-lived", "vendor: no expiry by default"),
    ("expiring", "vendor: ends at a date"),
    ("short-lived", "vendor: lives a day at most"),
    ("expired", "vendor: switched off"),
    ("unknown", "nothing tells"),
];

/// One file, checked.
#[derive(Debug)]
pub struct VendorFile {
    /// Kebab-case id, the file's name.
    pub vendor: &'static str,
    /// As people write it.
    pub name: &'static str,
    /// Where the formats are documented.
    pub source: &'static str,
    /// Where one revokes.
    pub revoke: &'static str,
    /// Its signatures in the file's order.
    pub signatures: Vec<Entry>,
}

/// One signature, checked: a `Signature` whose words are still words.
#[derive(Debug)]
pub struct Entry {
    /// Kebab-case id.
    pub id: &'static str,
    /// What it is, as a title.
    pub description: &'static str,
    /// One of [`KINDS`].
    pub kind: &'static str,
    /// One of [`SEVERITIES`].
    pub severity: &'static str,
    /// One of [`LIFETIMES`].
    pub lifetime: &'static str,
    /// Why that lifetime: the file's words or those of the class.
    pub evidence: &'static str,
    /// Public by design.
    pub public: bool,
    /// Shapes in order of preference; each has an anchor, or there are hosts or names.
    pub shapes: Vec<Shape>,
    /// A regular expression, where there are no shapes; not compiled yet.
    pub pattern: Option<&'static str>,
    /// Texts of which one is in every match of `pattern`.
    pub keywords: Vec<&'static str>,
    /// The format's checksum.
    pub check: Option<Check>,
    /// Random bits of the secret part; of the shapes the least.
    pub random_bits: u32,
    /// Host names, lower case.
    pub hosts: Vec<&'static str>,
    /// Field names, normalised.
    pub names: Vec<&'static str>,
    /// Ids of signatures that belong together with it.
    pub parts: Vec<&'static str>,
    /// Of a JSON web token: claims that its payload must have, each with its value; an empty one is any.
    pub claims: Vec<(&'static str, &'static str)>,
    /// Example templates that must be found.
    pub positive: Vec<&'static str>,
    /// Example templates that must not be found by this id.
    pub negative: Vec<&'static str>,
}

/// Why a signature file cannot be used.
#[derive(Debug)]
pub struct FileError {
    /// The file, or the folder.
    pub file: PathBuf,
    /// The signature, once its id is known.
    pub signature: Option<String>,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with a signature file.
#[derive(Debug)]
pub enum Problem {
    /// The file or folder cannot be read.
    Unreadable(std::io::Error),
    /// A folder without any `.toml` file.
    NoFiles,
    /// No TOML of this form: line from 1 and the reason, without the line's text.
    Form(usize, String),
    /// A field with a value that is none of those expected.
    Field {
        /// The field.
        field: &'static str,
        /// What was expected.
        expected: String,
    },
    /// A shape that cannot be read.
    Shape(String, ShapeError),
    /// Neither hosts nor names, and nothing in the shape that the scanner could hold on to.
    NoHold(String),
    /// An id that stands in another place too.
    Twice(PathBuf),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => write!(f, "cannot be read: {error}"),
            Self::NoFiles => f.write_str("expected at least one .toml file"),
            Self::Form(line, reason) => write!(f, "line {line}: {reason}"),
            Self::Field { field, expected } => write!(f, "{field}: expected {expected}"),
            Self::Shape(shape, error) => write!(f, "shape `{shape}`: {error}"),
            Self::NoHold(shape) => write!(
                f,
                "shape `{shape}`: nothing to hold on to: expected hosts, names, or fixed text of three characters at \
                 its beginning or four elsewhere"
            ),
            Self::Twice(other) => write!(f, "id: also in {}", other.display()),
        }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.file.display())?;
        if let Some(signature) = &self.signature {
            write!(f, "signature {signature}: ")?;
        }
        self.problem.fmt(f)
    }
}

impl std::error::Error for FileError {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    vendor: String,
    name: String,
    source: String,
    revoke: String,
    #[serde(rename = "signature")]
    signatures: Vec<Raw>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    id: String,
    description: String,
    #[serde(default = "default_kind")]
    kind: String,
    severity: String,
    lifetime: String,
    evidence: Option<String>,
    #[serde(default)]
    public: bool,
    shape: Option<String>,
    #[serde(default)]
    shapes: Vec<String>,
    pattern: Option<String>,
    #[serde(default)]
    keywords: Vec<String>,
    random_bits: Option<u32>,
    check: Option<String>,
    #[serde(default)]
    hosts: Vec<String>,
    #[serde(default)]
    names: Vec<String>,
    #[serde(default)]
    parts: Vec<String>,
    #[serde(default)]
    claims: BTreeMap<String, String>,
    positive: Vec<String>,
    #[serde(default)]
    negative: Vec<String>,
}

fn default_kind() -> String {
    "api-key".to_owned()
}

/// A name as names are compared: lower case, without `-`, `_`, `.` and spaces. Bytes beyond ASCII stay as they are.
pub fn normal_bytes(name: &[u8]) -> impl Iterator<Item = u8> {
    name.iter().filter(|byte| !b"-_. ".contains(byte)).map(u8::to_ascii_lowercase)
}

/// [`normal_bytes`] as a string.
pub fn normal_name(name: &str) -> String {
    name.chars().filter(|c| !"-_. ".contains(*c)).map(|c| c.to_ascii_lowercase()).collect()
}

/// Reads every `.toml` file of a folder, sorted by name.
///
/// # Errors
///
/// The first error of each file that has one; ids must be unique over the folder.
pub fn read_folder(folder: &Path) -> Result<Vec<VendorFile>, Vec<FileError>> {
    let paths = toml_files(folder).map_err(|problem| vec![in_file(folder, problem)])?;
    let (mut files, mut errors) = (Vec::new(), Vec::new());
    let mut seen = BTreeMap::new();
    for path in paths {
        match read_file(&path) {
            Ok(file) => {
                errors.extend(repeated(&file, &path, &mut seen));
                files.push(file);
            }
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(files) } else { Err(errors) }
}

fn toml_files(folder: &Path) -> Result<Vec<PathBuf>, Problem> {
    let entries = std::fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let mut paths: Vec<PathBuf> = entries
        .map_err(Problem::Unreadable)?
        .into_iter()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    paths.sort();
    Ok(paths)
}

/// An id of this file that an earlier one, or the file itself, already has.
fn repeated(file: &VendorFile, path: &Path, seen: &mut BTreeMap<&'static str, PathBuf>) -> Option<FileError> {
    file.signatures.iter().find_map(|entry| {
        let other = seen.insert(entry.id, path.to_owned())?;
        Some(FileError {
            file: path.to_owned(),
            signature: Some(entry.id.to_owned()),
            problem: Problem::Twice(other),
        })
    })
}

/// Reads one file.
///
/// # Errors
///
/// What is wrong with it first.
pub fn read_file(path: &Path) -> Result<VendorFile, FileError> {
    let text = std::fs::read_to_string(path).map_err(|error| in_file(path, Problem::Unreadable(error)))?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    read_text(&stem, &text).map_err(|(signature, problem)| FileError {
        file: path.to_owned(),
        signature,
        problem,
    })
}

fn in_file(file: &Path, problem: Problem) -> FileError {
    FileError { file: file.to_owned(), signature: None, problem }
}

/// Reads a file's text; `vendor` is the file's name without `.toml`. An error comes with the signature's id.
fn read_text(vendor: &str, text: &str) -> Result<VendorFile, (Option<String>, Problem)> {
    let document: Document = toml::from_str(text).map_err(|error| (None, form(text, &error)))?;
    let head = check_head(&document, vendor);
    head.map_err(|problem| (None, problem))?;
    let entries = document.signatures.into_iter().map(|raw| {
        let id = raw.id.clone();
        entry(raw).map_err(|problem| (Some(id), problem))
    });
    let signatures = entries.collect::<Result<Vec<_>, _>>()?;
    Ok(VendorFile {
        vendor: document.vendor.leak(),
        name: document.name.leak(),
        source: document.source.leak(),
        revoke: document.revoke.leak(),
        signatures,
    })
}

/// The line and the reason alone: the text that toml shows beside them could hold a token.
pub(super) fn form(text: &str, error: &toml::de::Error) -> Problem {
    let at = error.span().map_or(0, |span| span.start);
    let line = 1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count();
    Problem::Form(line, error.message().to_owned())
}

fn check_head(document: &Document, vendor: &str) -> Result<(), Problem> {
    let is_file = document.vendor == vendor && is_kebab(vendor);
    expect(is_file, "vendor", || format!("the file's name, `{vendor}`, in kebab-case"))?;
    filled("name", &document.name)?;
    filled("source", &document.source)?;
    filled("revoke", &document.revoke)
}

fn entry(raw: Raw) -> Result<Entry, Problem> {
    check_words(&raw)?;
    check_texts(&raw)?;
    check_pattern(&raw)?;
    let check = raw.check.as_deref().map(named_check).transpose()?;
    let evidence = LIFETIMES.iter().find(|(name, _)| *name == raw.lifetime).map_or("", |(_, words)| words);
    let has_context = !raw.hosts.is_empty() || !raw.names.is_empty() || !raw.claims.is_empty();
    let shapes = shapes(raw.shape.into_iter().chain(raw.shapes), has_context)?;
    let least = shapes.iter().map(Shape::random_bits).min().unwrap_or(0);
    // A checksum adds characters, but nothing that one would have to guess.
    let known_by_sum = if check.is_some() { u32::BITS } else { 0 };
    Ok(Entry {
        id: raw.id.leak(),
        description: raw.description.leak(),
        kind: raw.kind.leak(),
        severity: raw.severity.leak(),
        lifetime: raw.lifetime.leak(),
        evidence: raw.evidence.map_or(evidence, |words| words.leak()),
        public: raw.public,
        shapes,
        pattern: raw.pattern.map(|pattern| &*pattern.leak()),
        keywords: leak_all(raw.keywords),
        check,
        random_bits: raw.random_bits.unwrap_or(least.saturating_sub(known_by_sum)),
        hosts: leak_all(raw.hosts.iter().map(|host| host.to_ascii_lowercase())),
        names: leak_all(raw.names.iter().map(|name| normal_name(name))),
        parts: leak_all(raw.parts),
        claims: raw.claims.into_iter().map(|(name, value)| (&*name.leak(), &*value.leak())).collect(),
        positive: leak_all(raw.positive),
        negative: leak_all(raw.negative),
    })
}

fn check_words(raw: &Raw) -> Result<(), Problem> {
    expect(is_kebab(&raw.id), "id", || "kebab-case".to_owned())?;
    one_of("kind", &raw.kind, KINDS)?;
    one_of("severity", &raw.severity, SEVERITIES)?;
    let lifetimes: Vec<&str> = LIFETIMES.iter().map(|(name, _)| *name).collect();
    one_of("lifetime", &raw.lifetime, &lifetimes)?;
    let fits = !raw.public || raw.severity == "info";
    expect(fits, "severity", || "info, since it is public".to_owned())
}

fn check_texts(raw: &Raw) -> Result<(), Problem> {
    filled("description", &raw.description)?;
    expect(!raw.positive.is_empty(), "positive", || "at least one example".to_owned())?;
    let is_host = |host: &String| !host.is_empty() && !host.contains(['/', ' ', ':']);
    expect(raw.hosts.iter().all(is_host), "hosts", || "host names without scheme and path".to_owned())?;
    let is_name = |name: &String| !normal_name(name).is_empty();
    expect(raw.names.iter().all(is_name), "names", || "names with letters or digits".to_owned())?;
    expect(raw.parts.iter().all(|part| is_kebab(part)), "parts", || "ids of signatures".to_owned())?;
    let is_token = raw.claims.is_empty() || raw.shape.as_deref() == Some("<jwt>");
    expect(is_token, "claims", || "the shape `<jwt>` with them".to_owned())
}

fn check_pattern(raw: &Raw) -> Result<(), Problem> {
    let given = [raw.shape.is_some(), !raw.shapes.is_empty(), raw.pattern.is_some()];
    let one = given.iter().filter(|given| **given).count() == 1;
    expect(one, "shape", || "exactly one of shape, shapes and pattern".to_owned())?;
    let Some(pattern) = &raw.pattern else {
        expect(raw.keywords.is_empty(), "keywords", || "none without a pattern".to_owned())?;
        return expect(raw.random_bits.is_none(), "random_bits", || "none without a pattern".to_owned());
    };
    let has_group = pattern.contains("(?P<secret>") || pattern.contains("(?<secret>");
    expect(has_group, "pattern", || "a group named `secret`".to_owned())?;
    let long = !raw.keywords.is_empty() && raw.keywords.iter().all(|keyword| keyword.len() >= 4);
    expect(long, "keywords", || "one or more, each of 4 bytes or more".to_owned())
}

fn named_check(name: &str) -> Result<Check, Problem> {
    let known = || Check::ALL.iter().map(|check| check.name()).collect::<Vec<_>>().join(", ");
    Check::from_name(name).ok_or_else(|| Problem::Field { field: "check", expected: known() })
}

fn shapes(texts: impl Iterator<Item = String>, has_context: bool) -> Result<Vec<Shape>, Problem> {
    let read = |text: String| {
        let text: &'static str = text.leak();
        let shape = shape::parse(text).map_err(|error| Problem::Shape(text.to_owned(), error))?;
        let anchor = if has_context { beside_context(&shape) } else { without_context(&shape) };
        match anchor {
            None if !has_context => Err(Problem::NoHold(text.to_owned())),
            anchor => Ok(Shape { anchor, ..shape }),
        }
    };
    texts.map(read).collect()
}

/// With hosts or names a shape that begins with a class is shapeless: fixed text further on marks it (`-us21`), but
/// does not tell it from others.
fn beside_context(shape: &Shape) -> Option<Anchor> {
    shape.anchor.filter(|_| matches!(shape.pieces.first(), Some(Piece::Text(_))))
}

fn without_context(shape: &Shape) -> Option<Anchor> {
    shape.anchor.or_else(|| anchor::alone(shape.pieces))
}

fn expect(holds: bool, field: &'static str, expected: impl FnOnce() -> String) -> Result<(), Problem> {
    if holds { Ok(()) } else { Err(Problem::Field { field, expected: expected() }) }
}

fn filled(field: &'static str, value: &str) -> Result<(), Problem> {
    expect(!value.trim().is_empty(), field, || "a text".to_owned())
}

fn one_of(field: &'static str, value: &str, known: &[&str]) -> Result<(), Problem> {
    expect(known.contains(&value), field, || format!("one of {}", known.join(", ")))
}

fn is_kebab(text: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    text.split('-').all(part)
}

fn leak_all(texts: impl IntoIterator<Item = String>) -> Vec<&'static str> {
    texts.into_iter().map(|text| &*text.leak()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "vendor = \"acme\"\nname = \"Acme\"\nsource = \"docs\"\nrevoke = \"settings\"\n";
    const ENTRY: &str = "id = \"acme-token\"\ndescription = \"Acme token\"\nseverity = \"high\"\n\
                         lifetime = \"long-lived\"\npositive = [\"<token>\"]\n";

    fn read(lines: &str) -> Result<Entry, String> {
        let text = format!("{HEAD}[[signature]]\n{ENTRY}{lines}\n");
        let file = read_text("acme", &text).map_err(|(signature, problem)| {
            let error = FileError { file: "acme.toml".into(), signature, problem };
            error.to_string()
        })?;
        file.signatures.into_iter().next().ok_or_else(String::new)
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        let entry = read("shape = \"acme_<alnum:32>\"").expect("a signature");
        assert_eq!((entry.kind, entry.public, entry.check), ("api-key", false, None));
        assert_eq!(entry.evidence, "vendor: no expiry by default");
        assert_eq!(entry.random_bits, 190);
    }

    #[test]
    fn a_checksum_adds_no_random_bits() {
        let entry =
            read("shape = \"acme_<hex:32>\"\ncheck = \"crc32-hex-body:last-8\"").expect("a signature");
        assert_eq!((entry.check, entry.random_bits), (Some(Check::Crc32HexBody), 96));
    }

    #[test]
    fn names_and_hosts_are_normalised() {
        let entry = read("shape = \"<hex:32>\"\nnames = [\"X-Acme_Api.Key\"]\nhosts = [\"API.acme.com\"]");
        let entry = entry.expect("a signature");
        assert_eq!((entry.names, entry.hosts), (vec!["xacmeapikey"], vec!["api.acme.com"]));
        assert_eq!(
            normal_bytes(b"X-Acme_Api.Key ").collect::<Vec<u8>>(),
            normal_name("X-Acme_Api.Key ").as_bytes()
        );
    }

    #[test]
    fn surroundings_make_a_class_in_front_shapeless() {
        let shape = "shape = \"<hex:32>-acme<digit:2>\"";
        let anchor = |entry: Result<Entry, String>| entry.expect("a signature").shapes[0].anchor;
        assert_eq!(anchor(read(shape)).map(|anchor| anchor.text), Some("acme"));
        assert_eq!(anchor(read(&format!("{shape}\nnames = [\"acmeKey\"]"))), None);
    }

    #[test]
    fn errors_name_file_signature_and_what_was_expected() {
        let token = "shape = \"acme_<alnum:32>\"";
        let cases = [
            ("", "shape: expected exactly one of shape, shapes and pattern"),
            ("shape = \"acme_<alnumm:32>\"", "at byte 6: unknown alphabet `alnumm`, expected digit,"),
            ("shape = \"<hex:32>\"", "nothing to hold on to"),
            (&format!("{token}\nkind = \"key\""), "kind: expected one of api-key,"),
            (&format!("{token}\npublic = true"), "severity: expected info, since it is public"),
            (&format!("{token}\ncheck = \"md5\""), "check: expected crc32-base62:last-6,"),
            (
                &format!("{token}\nhosts = [\"https://acme.com\"]"),
                "hosts: expected host names without scheme",
            ),
            (&format!("{token}\nnames = [\"-\"]"), "names: expected names with letters"),
            (&format!("{token}\nparts = [\"No Id\"]"), "parts: expected ids"),
            (&format!("{token}\nkeywords = [\"acme\"]"), "keywords: expected none without a pattern"),
            ("pattern = 'acme(\\d+)'\nkeywords = [\"acme\"]", "pattern: expected a group named `secret`"),
            ("pattern = 'acme(?P<secret>\\d+)'", "keywords: expected one or more"),
        ];
        for (lines, expected) in cases {
            let message = read(lines).expect_err(lines);
            assert!(message.starts_with("acme.toml: signature acme-token: "), "{message}");
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn an_unknown_field_is_named_by_its_line_and_shows_no_text() {
        let message = read("secret = \"hunter2\"").expect_err("an unknown field");
        assert!(message.starts_with("acme.toml: line 11: unknown field `secret`"), "{message}");
        assert!(!message.contains("hunter2"), "{message}");
    }

    #[test]
    fn the_vendor_is_the_file() {
        let (signature, problem) = read_text("other", HEAD).expect_err("another name");
        assert!(signature.is_none() && problem.to_string().contains("missing field"), "{problem}");
        let (_, problem) = read_text("other", &format!("{HEAD}signature = []")).expect_err("another name");
        assert_eq!(problem.to_string(), "vendor: expected the file's name, `other`, in kebab-case");
    }
}
