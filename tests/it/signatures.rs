//! Every built-in signature's examples through the whole scan, all signatures loaded.
//!
//! What is expected comes from the signature file: the place where the template has its token, or where one of the
//! signature's shapes (or its pattern) matches the written-out text.

use std::collections::BTreeSet;

use data_encoding::BASE64;
use keysieve::blob::Span;
use keysieve::detect::generic;
use keysieve::signature::examples::{self, Example};
use keysieve::signature::shape::{JWT, Shape};
use keysieve::signature::{Match, Signature, built_in, pattern};

use super::common::{Short, findings, short};

/// Findings by this id.
fn by_id(signature: &Signature, text: &[u8]) -> Vec<Short> {
    findings(text).iter().map(short).filter(|found| found.0 == signature.id).collect()
}

/// All findings, for messages.
fn all(text: &[u8]) -> Vec<(&'static str, Span)> {
    findings(text).iter().map(short).map(|(id, _, span)| (id, span)).collect()
}

/// The examples of all signatures.
fn positives() -> impl Iterator<Item = (&'static Signature, Example)> {
    built_in().iter().flat_map(|signature| {
        let examples = examples::positive(signature);
        examples.map(move |example| (signature, example.unwrap_or_else(|error| panic!("{error}"))))
    })
}

/// Where the credential stands in an example: the template's `<token>`, or, where the classes are written out, the
/// longest match of a shape, or the pattern's.
fn expected(signature: &Signature, example: &Example) -> Match {
    if let Some(token) = &example.token {
        return token.clone();
    }
    let text = example.text.as_bytes();
    let by_shape =
        signature.shapes.iter().flat_map(|shape| (0..text.len()).filter_map(|at| shape.match_at(text, at)));
    let by_pattern = || {
        let captures = pattern::compile(signature.pattern?).ok()?.captures(text)?;
        let secret = captures.name("secret")?;
        Some(Match { whole: captures.get(0)?.range(), secret: secret.range() })
    };
    by_shape
        .max_by_key(|found| found.whole.len())
        .or_else(by_pattern)
        .unwrap_or_else(|| panic!("{}: no credential in {}", signature.id, example.text))
}

/// The value without the percent-encoding of the address that it stands in: a fingerprint is one for each credential,
/// however it was encoded.
fn decoded(secret: &str) -> String {
    ["%3D=", "%2B+", "%2F/"].iter().fold(secret.to_owned(), |text, code| text.replace(&code[..3], &code[3..]))
}

/// Panics with all that is wrong, not with the first of it.
fn check(wrong: Vec<String>) {
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// What is wrong if not exactly this credential is found by this id in `text`.
fn missed(signature: &Signature, text: &str, wanted: &Match, secret: &str) -> Option<String> {
    let found = by_id(signature, text.as_bytes());
    let exact = [(signature.id, secret.to_owned(), wanted.whole.clone())];
    let seen: Vec<_> = found.iter().map(|(_, _, span)| span).collect();
    (found != exact).then(|| {
        format!(
            "{}: {text}\n    wanted {:?}, found {seen:?} of {:?}",
            signature.id,
            wanted.whole,
            all(text.as_bytes())
        )
    })
}

#[test]
fn positives_are_found() {
    let wrong = positives().filter_map(|(signature, example)| {
        let wanted = expected(signature, &example);
        missed(signature, &example.text, &wanted, &decoded(&example.text[wanted.secret.clone()]))
    });
    check(wrong.collect());
}

#[test]
fn negatives_are_not_found_by_this_id() {
    let wrong = built_in().iter().flat_map(|signature| {
        examples::negative(signature).filter_map(|example| {
            let text = example.unwrap_or_else(|error| panic!("{error}")).text;
            let found = by_id(signature, text.as_bytes());
            (!found.is_empty()).then(|| format!("{}: {text}", signature.id))
        })
    });
    check(wrong.collect());
}

/// Each text as the value of a JSON string, quotes and all.
#[test]
fn positives_are_found_in_json() {
    let wrong = positives().filter_map(|(signature, example)| {
        let wanted = expected(signature, &example);
        let shifted = |at: usize| 10 + escaped(&example.text[..at]).len();
        let document = format!("{{\"note\": \"{}\"}}", escaped(&example.text));
        let whole = shifted(wanted.whole.start)..shifted(wanted.whole.end);
        let secret = decoded(&example.text[wanted.secret.clone()]);
        missed(signature, &document, &Match { secret: whole.clone(), whole }, &secret)
    });
    check(wrong.collect());
}

/// As RFC 8259 writes it within quotes.
fn escaped(text: &str) -> String {
    let quoted = serde_json::to_string(text).expect("a string");
    quoted[1..quoted.len() - 1].to_owned()
}

/// Each text in base64: the groups of four digits that hold the token, and no others.
#[test]
fn anchored_positives_are_found_in_base64() {
    let is_anchored = |signature: &Signature| signature.anchors().next().is_some();
    let wrong =
        positives().filter(|(signature, _)| is_anchored(signature)).filter_map(|(signature, example)| {
            let wanted = expected(signature, &example);
            let document = format!("{{\"file\": \"{}\"}}", BASE64.encode(example.text.as_bytes()));
            let groups = 10 + wanted.whole.start / 3 * 4..10 + wanted.whole.end.div_ceil(3) * 4;
            let secret = decoded(&example.text[wanted.secret.clone()]);
            missed(signature, &document, &Match { secret: groups.clone(), whole: groups }, &secret)
        });
    check(wrong.collect());
}

/// Each shape's shortest token is found in the middle of a text, and without its last character it is not, unless
/// another shape of the signature takes that.
#[test]
fn a_character_short_is_no_token() {
    let mut wrong = Vec::new();
    for signature in built_in() {
        for (shape, number) in signature.shapes.iter().zip(100..) {
            let token = examples::token(signature, shape, number).0;
            let Some((before, behind)) = surroundings(signature, shape) else { continue };
            let text = |token: &str| format!("{before}{token}{behind}");
            if by_id(signature, text(&token).as_bytes()).is_empty() {
                wrong.push(format!("{}: not found: {}", signature.id, text(&token)));
            }
            let cut = text(&cut(shape, &token));
            if signature
                .shapes
                .iter()
                .any(|shape| (0..cut.len()).any(|at| shape.match_at(cut.as_bytes(), at).is_some()))
            {
                continue;
            }
            if !by_id(signature, cut.as_bytes()).is_empty() {
                wrong.push(format!("{}: found: {cut}", signature.id));
            }
        }
    }
    check(wrong);
}

#[test]
fn shapeless_signatures_have_a_decoy() {
    let lacking = built_in().iter().filter(|signature| keysieve::trial::lacks_decoy(signature));
    check(lacking.map(|signature| format!("{}: no negative with its shape", signature.id)).collect());
}

/// Rules that need a regular expression at scan time cost most.
#[test]
fn few_signatures_need_a_pattern() {
    let patterns = built_in().iter().filter(|signature| signature.pattern.is_some()).count();
    assert!(patterns * 50 <= built_in().len(), "{patterns} of {}", built_in().len());
}

/// The token without its last character; of a JSON web token what is shorter than any signature.
fn cut(shape: &Shape, token: &str) -> String {
    let is_jwt = shape.pieces.ends_with(JWT);
    let end = if is_jwt { token.rfind('.').expect("three parts") + 20 } else { token.len() - 1 };
    token[..end].to_owned()
}

/// What stands around a token in the first example that says so; nothing much where its own text is enough.
fn surroundings(signature: &Signature, shape: &Shape) -> Option<(String, String)> {
    if shape.anchor.is_some() {
        return Some(("see \"".to_owned(), "\" there".to_owned()));
    }
    let mut examples = examples::positive(signature).flatten();
    let (text, token) = examples.find_map(|example| Some((example.text, example.token?.whole)))?;
    Some((text[..token.start].to_owned(), text[token.end..].to_owned()))
}

/// The table of all signatures in the documentation is made of them: `KEYSIEVE_ACCEPT=1 cargo test signatures` writes it anew.
#[test]
fn the_documented_table_is_that_of_the_files() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/signatures.md");
    let text = documented();
    if std::env::var_os("KEYSIEVE_ACCEPT").is_some() {
        std::fs::write(path, &text).expect("writable");
    }
    let stands = std::fs::read_to_string(path).unwrap_or_default().replace("\r\n", "\n");
    assert!(
        stands == text,
        "docs/signatures.md is stale: KEYSIEVE_ACCEPT=1 cargo test signatures writes it anew"
    );
}

/// The table, with what precedes it.
fn documented() -> String {
    let signatures: Vec<&Signature> = built_in().iter().chain(generic::ALL.iter().copied()).collect();
    let mut rows: Vec<(String, String)> = signatures.iter().map(|signature| row(signature)).collect();
    rows.sort();
    let vendors: BTreeSet<_> =
        built_in().iter().filter_map(|signature| signature.vendor.map(|own| own.id)).collect();
    let mut text = format!(
        "# Signatures\n\nMade of `signatures/` and `src/detect/generic.rs` by `KEYSIEVE_ACCEPT=1 cargo test signatures`: {} kinds of \
         credentials, {} vendors.\nWhat is recognised by *name or host* has no shape of its own: it becomes a vendor's under a field of its \
         name, or near its host.\n\n{RELIABILITY}\n| vendor | kind | what | lifetime | check | recognised by |\n| --- | --- | --- | --- | --- | --- |\n",
        signatures.len(),
        vendors.len(),
    );
    rows.iter().for_each(|(_, row)| text.push_str(row));
    text
}

/// Measured on the examples of ten scanners' test suites, which are no part of this repository.
const RELIABILITY: &str = "\
## How reliable a confidence is

Of the findings in half of the examples that ten scanners test themselves with (7,837 texts with a credential and 959 \
without one; 2026-11-24), so many stood in a text with a credential:

| confidence | findings | in a text with a credential |
| --- | --- | --- |
| high | 5,393 | 99.4 % |
| medium | 1,728 | 98.0 % |
| low | 239 | 92.5 % |

Real text has far fewer credentials in it, so the shares are lower there; their order is what counts. What is doubtful (a token \
cut short, a mark that no token has, almost what the vendor that is named has) is `info` and not in this table.

## All of them
";

/// A row, and what it is sorted by.
fn row(signature: &Signature) -> (String, String) {
    let vendor = signature.vendor.map_or("any", |vendor| vendor.name);
    let check = signature.check.map_or_else(|| "-".to_owned(), |check| format!("`{}`", check.name()));
    let row = format!(
        "| {vendor} | {} | {} (`{}`) | {} | {check} | {} |\n",
        signature.kind.name(),
        signature.description,
        signature.id,
        signature.lifetime.name(),
        recognised(signature)
    );
    (format!("{} {}", vendor.to_lowercase(), signature.id), row)
}

fn recognised(signature: &Signature) -> String {
    if signature.pattern.is_some() {
        return format!("pattern behind `{}`", signature.keywords.join("`, `"));
    }
    if signature.shapes.is_empty() {
        return "its field or form".to_owned();
    }
    if !signature.claims.is_empty() {
        let claim = |(name, value): &(&str, &str)| match value.is_empty() {
            true => format!("`{name}`"),
            false => format!("`{name}` = `{value}`"),
        };
        let claims: Vec<String> = signature.claims.iter().map(claim).collect();
        return format!("JSON web token with {}", claims.join(", "));
    }
    let shapes: Vec<String> = signature.shapes.iter().map(|shape| format!("`{shape}`")).collect();
    let shapes = shapes.join(" or ").replace('|', "\\|");
    let held = signature.shapes.iter().all(|shape| shape.anchor.is_some());
    if held { format!("shape {shapes}") } else { format!("name or host, and shape {shapes}") }
}
