//! Signatures tried: each example through the detectors and the filters, all signatures loaded; and a signature in words.

use crate::detect::{Detectors, Found};
use crate::filter;
use crate::finding::Place;
use crate::signature::Signature;
use crate::signature::examples::{self, Example};

/// What is wrong with the examples of `own`, each in a line: positives that are not found by their id, negatives that
/// are. `together`: all that is loaded, `own` among it.
pub fn examples(own: &[&'static Signature], together: Vec<&'static Signature>) -> Vec<String> {
    let detectors = Detectors::new(together);
    own.iter().flat_map(|signature| of(signature, &detectors)).collect()
}

fn of(signature: &'static Signature, detectors: &Detectors) -> Vec<String> {
    let wrong = |kind: &str, number: usize, what: &str| {
        format!("signature {}: {kind} example {}: {what}", signature.id, number + 1)
    };
    let mut lines = Vec::new();
    for (number, example) in examples::positive(signature).enumerate() {
        match example {
            Err(error) => lines.push(wrong("positive", number, &error.to_string())),
            Ok(example) => lines
                .extend(missed(signature, &example, detectors).map(|what| wrong("positive", number, &what))),
        }
    }
    for (number, example) in examples::negative(signature).enumerate() {
        match example {
            Err(error) => lines.push(wrong("negative", number, &error.to_string())),
            Ok(example) if finds(signature, &example, detectors).0 => {
                lines.push(wrong("negative", number, "found by this id"));
            }
            Ok(_) => {}
        }
    }
    if lacks_decoy(signature) {
        lines.push(format!(
            "signature {}: negative: expected one with its shape under another host or name",
            signature.id
        ));
    }
    lines
}

/// Whether a signature without a shape of its own has no negative example with that shape, under another host or name.
pub fn lacks_decoy(signature: &Signature) -> bool {
    let shapeless = || signature.shapes.iter().filter(|shape| shape.anchor.is_none());
    let has_shape = |example: Example| {
        let text = example.text.as_bytes();
        (0..text.len()).any(|at| shapeless().any(|shape| shape.match_at(text, at).is_some()))
    };
    shapeless().next().is_some() && !examples::negative(signature).flatten().any(has_shape)
}

/// Why a positive example is not found by its signature, if it is not.
fn missed(signature: &Signature, example: &Example, detectors: &Detectors) -> Option<String> {
    let (found, others) = finds(signature, example, detectors);
    match (found, others.is_empty()) {
        (true, _) => None,
        (false, true) => Some("nothing is found".to_owned()),
        (false, false) => Some(format!("found only as {}", others.join(", "))),
    }
}

/// Whether a signature is found in an example, and what else stands or why it does not.
fn finds(signature: &Signature, example: &Example, detectors: &Detectors) -> (bool, Vec<String>) {
    let mut found = Found::default();
    found.clear(1000);
    detectors.look(example.text.as_bytes(), &mut found);
    let (mut is_found, mut others) = (false, Vec::new());
    for candidate in &found.candidates {
        match filter::judge(candidate, Place::default) {
            Ok(_) if candidate.signature.id == signature.id => is_found = true,
            Ok(_) => others.push(candidate.signature.id.to_owned()),
            Err(dismissal) => {
                others.push(format!("{} (dismissed: {})", candidate.signature.id, dismissal.why))
            }
        }
    }
    (is_found, others)
}

/// A signature in words: names of fields and their values.
pub fn described(signature: &Signature) -> Vec<(&'static str, String)> {
    let mut fields = vec![
        ("id", signature.id.to_owned()),
        ("what", signature.description.to_owned()),
        ("kind", signature.kind.name().to_owned()),
        ("severity", signature.severity.name().to_owned()),
        ("lifetime", format!("{} ({})", signature.lifetime.name(), signature.evidence)),
    ];
    if let Some(vendor) = signature.vendor {
        fields.push(("vendor", format!("{} ({})", vendor.name, vendor.id)));
        fields.push(("source", vendor.source.to_owned()));
        fields.push(("revoke", vendor.revoke.to_owned()));
    }
    fields.extend(signature.shapes.iter().map(|shape| ("shape", shape.to_string())));
    fields.extend(signature.pattern.map(|pattern| ("pattern", pattern.to_owned())));
    let lists = [
        ("keywords", signature.keywords),
        ("hosts", signature.hosts),
        ("names", signature.names),
        ("parts", signature.parts),
    ];
    fields.extend(
        lists.iter().filter(|(_, list)| !list.is_empty()).map(|(name, list)| (*name, list.join(", "))),
    );
    fields.extend(signature.check.map(|check| ("check", check.name().to_owned())));
    if signature.random_bits > 0 {
        fields.push(("random bits", signature.random_bits.to_string()));
    }
    fields
}
