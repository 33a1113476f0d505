//! What one vendor's credential looks like, as data: `signatures/*.toml` → [`Signature`] tables.
//!
//! The built-in files are turned into constants by `build.rs`; files of the user's own are read at run time by
//! [`load`]. Both go through the same reader ([`file`]) and the same grammar ([`shape`]). Matching a [`Shape`] at an
//! anchor is here too, since it needs nothing but the shape; finding anchors in text is the `detect` room's work.

use crate::finding::{Kind, LifetimeClass, Severity};

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
    /// Example templates that must be found.
    pub positive: &'static [&'static str],
    /// Example templates that must not be found by this id.
    pub negative: &'static [&'static str],
}

/// Prefix, alphabets and lengths of a token.
#[derive(Debug, PartialEq, Eq)]
pub struct Shape {
    /// Fixed texts and classes in order.
    pub pieces: &'static [Piece],
    /// The pieces that are the secret, half-open; all of them unless the shape has braces.
    pub secret: (usize, usize),
    /// Where a scanner can take hold of it; `None` for a shapeless one.
    pub anchor: Option<Anchor>,
}

/// One piece of a shape.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    /// Fixed text, compared byte for byte.
    Text(&'static str),
    /// Between `min` and `max` characters of an alphabet.
    Class {
        /// The characters.
        alphabet: Alphabet,
        /// The least count.
        min: u16,
        /// The greatest count.
        max: u16,
    },
}

/// A set of ASCII characters: bit n stands for byte n.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alphabet(pub u128);

impl Alphabet {
    /// Whether `byte` is in the set; never for a byte of 128 or more.
    pub fn has(self, byte: u8) -> bool {
        byte < 128 && self.0 >> byte & 1 == 1
    }

    /// How many characters.
    pub fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// Whether it has none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// Where the fixed text of a shape can be taken hold of.
///
/// `text` are three bytes or more of the leading fixed text, at byte `offset` of the match. The run finder knows runs of
/// `[A-Za-z0-9_+/-]`; an anchor either begins where a run can begin (at the match's beginning, or after a byte that is no
/// run byte, or after `/`, `+`, `-` or `_`), or ends right where one begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// Whether it stands before the run (`SG.`, `sig=`) rather than at its start.
    pub before: bool,
    /// Bytes from the match's beginning to the anchor's beginning.
    pub offset: usize,
    /// Its bytes: up to 16.
    pub text: &'static str,
}

/// A checksum or fixed mark that a vendor puts into its tokens; see `signatures/README.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// `crc32-base62:last-6`
    Crc32Base62,
    /// `crc32-base36:last-7`
    Crc32Base36,
    /// `crc32-hex-upper:last-8`
    Crc32HexUpper,
    /// `crc32-hex-body:last-8`
    Crc32HexBody,
    /// `crc32-hex-le:last-8`
    Crc32HexLittle,
}

/// stub
pub struct Match { /// w
 pub whole: crate::blob::Span, /// s
 pub secret: crate::blob::Span }
impl Shape { /// stub
 pub fn match_at(&self, _t: &[u8], _s: usize) -> Option<Match> { None }
 /// stub
 pub fn match_at_anchor(&self, _t: &[u8], _s: usize) -> Option<Match> { None } }
impl Check { /// stub
 pub fn verify(self, _t: &[u8]) -> bool { true } }
impl Signature { /// stub
 pub fn prefix<'a>(&self, _t: &'a [u8]) -> &'a str { "" } }
/// stub
pub fn border_before(_t:&[u8], _at: usize)->bool{true}
/// stub
pub fn built_in() -> &'static [Signature] { &[] }
/// stub
pub fn load(_d: &std::path::Path) -> Result<Vec<&'static Signature>, std::io::Error> { Ok(vec![]) }
