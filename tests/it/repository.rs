//! This repository holds no credentials, nor what looks like one: tests make theirs at run time.

use std::num::NonZeroUsize;
use std::path::Path;

use keysieve::engine::{self, Input, Options, Unwatched};
use keysieve::finding::Confidence;

use crate::common::SCANNER;

/// Findings that stand: the end of the path, the signature's id, and the reason. Mend the cause rather than add here.
const ALLOWED: &[(&str, &str, &str)] = &[];

#[test]
fn it_is_clean_under_its_own_scan() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let exclude = engine::excludes(["target", ".git"]).expect("globs");
    let options = Options { exclude, threads: NonZeroUsize::MIN.saturating_add(1), ..Options::default() };
    let outcome = engine::run(&[Input::Path(root.into())], &SCANNER, &options, &Unwatched).expect("a run");
    assert!(outcome.coverage.files > 400, "{:?}", outcome.coverage);
    // Some archives there are locked, of a kind that nobody opens, or bombs: that is what they are for.
    let meant = |path: &str| path.contains("tests/data/container/");
    let gaps: Vec<_> =
        outcome.coverage.gaps.iter().filter(|gap| !meant(&gap.provenance.path.replace('\\', "/"))).collect();
    assert!(gaps.is_empty(), "{gaps:?}");
    let mut allowed: Vec<_> = ALLOWED.iter().map(|(path, id, _)| (*path, *id)).collect();
    let mut wrong = Vec::new();
    for finding in outcome.findings.iter().filter(|finding| finding.confidence >= Confidence::Medium) {
        let path = finding.location.provenance.to_string();
        let known = allowed.iter().position(|(end, id)| path.ends_with(end) && *id == finding.signature.id);
        match known {
            Some(known) => drop(allowed.swap_remove(known)),
            None => wrong.push(format!("{path}:{:?} {}", finding.location.line, finding.signature.id)),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(allowed.is_empty(), "no longer there: {allowed:?}");
}
