//! `signatures/*.toml` → `$OUT_DIR/signatures.rs`: the table that `src/signature/mod.rs` includes.

use std::path::Path;

#[allow(dead_code, unreachable_pub, reason = "a room of the library, whose other half is not needed here")]
#[path = "../src/signature/anchor.rs"]
mod anchor;
#[allow(dead_code, unreachable_pub, reason = "a room of the library, whose other half is not needed here")]
#[path = "../src/signature/check.rs"]
mod check;
#[allow(dead_code, unreachable_pub, reason = "a room of the library, whose other half is not needed here")]
#[path = "../src/signature/file.rs"]
mod file;
#[allow(dead_code, unreachable_pub, reason = "a room of the library, whose other half is not needed here")]
#[path = "../src/signature/shape.rs"]
mod shape;

use anchor::Anchor;
use file::{Entry, VendorFile};
use shape::{Piece, Shape};

/// Reads the folder and writes the table.
///
/// # Errors
///
/// A message for each file that cannot be used.
pub(crate) fn write(folder: &Path, out: &Path) -> Result<(), Vec<String>> {
    println!("cargo::rerun-if-changed={}", folder.display());
    let files = file::read_folder(folder)
        .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    let path = out.join("signatures.rs");
    std::fs::write(&path, table(&files)).map_err(|error| vec![format!("{}: {error}", path.display())])
}

fn table(files: &[VendorFile]) -> String {
    let vendors: String = files.iter().map(vendor).collect();
    let mut entries: Vec<(usize, &Entry)> = files
        .iter()
        .enumerate()
        .flat_map(|(vendor, file)| file.signatures.iter().map(move |entry| (vendor, entry)))
        .collect();
    entries.sort_by_key(|(_, entry)| entry.id);
    let signatures: String = entries.into_iter().map(|(vendor, entry)| signature(vendor, entry)).collect();
    format!(
        "static VENDORS: [Vendor; {}] = [\n{vendors}];\n\n\
         pub(super) static SIGNATURES: &[Signature] = &[\n{signatures}];\n",
        files.len()
    )
}

fn vendor(file: &VendorFile) -> String {
    let VendorFile { vendor, name, source, revoke, .. } = file;
    format!("Vendor {{ id: {vendor:?}, name: {name:?}, source: {source:?}, revoke: {revoke:?} }},\n")
}

/// Strings and lists of strings are written by `Debug`, whose escapes are those of Rust's literals.
fn signature(vendor: usize, entry: &Entry) -> String {
    let Entry { id, description, evidence, public, pattern, keywords, .. } = entry;
    let Entry { random_bits, hosts, names, parts, claims, positive, negative, .. } = entry;
    let [kind, severity, lifetime] = [entry.kind, entry.severity, entry.lifetime].map(camel_case);
    let check = match entry.check {
        Some(check) => format!("Some(Check::{check:?})"),
        None => "None".to_owned(),
    };
    let shapes: String = entry.shapes.iter().map(shape).collect();
    format!(
        "Signature {{ id: {id:?}, vendor: Some(&VENDORS[{vendor}]), description: {description:?}, \
         kind: Kind::{kind}, severity: Severity::{severity}, lifetime: LifetimeClass::{lifetime}, \
         evidence: {evidence:?}, public: {public:?}, shapes: &[{shapes}], pattern: {pattern:?}, \
         keywords: &{keywords:?}, check: {check}, random_bits: {random_bits:?}, hosts: &{hosts:?}, \
         names: &{names:?}, parts: &{parts:?}, claims: &{claims:?}, positive: &{positive:?}, negative: &{negative:?} }},\n"
    )
}

fn shape(shape: &Shape) -> String {
    let pieces: String = shape.pieces.iter().map(piece).collect();
    let anchor = shape.anchor.as_ref().map_or_else(|| "None".to_owned(), anchor);
    format!("Shape {{ pieces: &[{pieces}], secret: {:?}, anchor: {anchor} }},", shape.secret)
}

fn piece(piece: &Piece) -> String {
    match piece {
        Piece::Text(text) => format!("Piece::Text({text:?}),"),
        Piece::Class { alphabet, min, max } => {
            format!("Piece::Class {{ alphabet: {alphabet:?}, min: {min}, max: {max} }},")
        }
    }
}

fn anchor(anchor: &Anchor) -> String {
    let Anchor { hold, offset, lead, text, next } = anchor;
    format!(
        "Some(Anchor {{ hold: Hold::{hold:?}, offset: {offset}, lead: {lead:?}, text: {text:?}, next: {next:?} }})"
    )
}

/// `long-lived` → `LongLived`: the variant of a name in `finding.rs`.
fn camel_case(name: &str) -> String {
    let part = |part: &str| {
        let (first, rest) = part.split_at(part.len().min(1));
        first.to_ascii_uppercase() + rest
    };
    name.split('-').map(part).collect()
}
