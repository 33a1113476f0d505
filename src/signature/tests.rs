//! The built-in signatures as a whole, and folders of the user's own.

use std::collections::HashSet;
use std::path::Path;

use proptest::prelude::*;

use super::*;

#[test]
fn both_roads_lead_to_the_same_table() {
    let loaded = load(Path::new("signatures")).unwrap_or_else(|error| panic!("{error}"));
    assert!(built_in().iter().eq(loaded), "the table is older than the files");
}

#[test]
fn ids_are_sorted_and_unique() {
    assert!(built_in().is_sorted_by(|a, b| a.id < b.id));
}

#[test]
fn parts_are_ids() {
    let ids: HashSet<&str> = built_in().iter().map(|signature| signature.id).collect();
    for signature in built_in() {
        let missing: Vec<_> = signature.parts.iter().filter(|part| !ids.contains(*part)).collect();
        assert!(missing.is_empty(), "{}: no signature of these ids: {missing:?}", signature.id);
    }
}

#[test]
fn the_words_of_files_are_those_of_findings() {
    assert!(Kind::ALL.iter().map(|kind| kind.name()).eq(file::KINDS.iter().copied()));
    assert!(Severity::ALL.iter().map(|severity| severity.name()).eq(file::SEVERITIES.iter().copied()));
    let lifetimes = file::LIFETIMES.iter().map(|(name, _)| *name);
    assert!(LifetimeClass::ALL.iter().map(|lifetime| lifetime.name()).eq(lifetimes));
}

#[test]
fn examples_can_be_written_out() {
    for signature in built_in() {
        for example in examples::positive(signature).chain(examples::negative(signature)) {
            let example = example.unwrap_or_else(|error| panic!("{}: {error}", signature.id));
            assert!(
                example.text.is_ascii()
                    || example.token.is_none_or(|token| token.whole.end <= example.text.len())
            );
        }
    }
}

#[test]
fn patterns_match_around_a_keyword() {
    for signature in built_in() {
        let Some(pattern) = signature.pattern else { continue };
        let pattern = pattern::compile(pattern).unwrap_or_else(|error| panic!("{}: {error}", signature.id));
        for example in examples::positive(signature).flatten() {
            let text = example.text.as_bytes();
            assert!(pattern.is_match(text), "{}: {}", signature.id, example.text);
            let is_found = |anchor: &Anchor| {
                let mut places = memchr::memmem::find_iter(text, anchor.text);
                places.any(|at| border_before(text, at) && is_held(anchor, text, at))
            };
            assert!(
                signature.keyword_anchors().any(|anchor| is_found(&anchor)),
                "{}: no keyword",
                signature.id
            );
        }
    }
}

/// Each shape takes its own shortest token, whole and no shorter, and holds its checksum.
#[test]
fn shapes_match_their_own_tokens() {
    for signature in built_in() {
        for (shape, number) in signature.shapes.iter().zip(0..) {
            let (token, expected) = examples::token(signature, shape, number);
            let id = signature.id;
            assert_eq!(shape.match_at(token.as_bytes(), 0), Some(expected.clone()), "{id}: {token}");
            let sealed = signature.check.is_none_or(|check| check.verify(token.as_bytes()));
            assert!(sealed, "{id}: {token}");
            assert!(token[expected.secret].starts_with(signature.prefix(token.as_bytes())), "{id}: {token}");
            if !shape.pieces.windows(shape::JWT.len()).any(|pieces| pieces == shape::JWT) {
                assert_eq!(shape.match_at(&token.as_bytes()[..token.len() - 1], 0), None, "{id}: {token}");
            }
        }
    }
}

/// Every anchor stands where it says, and on a run that is long enough.
#[test]
fn anchors_lead_to_their_tokens() {
    for signature in built_in() {
        for (shape, anchor) in signature.anchors() {
            let (token, expected) = examples::token(signature, shape, 7);
            let text = format!("\"{token}\"");
            let places = memchr::memmem::find_iter(text.as_bytes(), anchor.text)
                .filter(|at| is_held(&anchor, text.as_bytes(), *at));
            let found = places.filter_map(|at| shape.match_at_anchor(text.as_bytes(), at)).next();
            let shifted = expected.whole.start + 1..expected.whole.end + 1;
            assert_eq!(found.map(|found| found.whole), Some(shifted), "{}: {token} {anchor:?}", signature.id);
        }
    }
}

/// Whether a scanner that knows runs comes upon an anchor whose text is at `at`.
fn is_held(anchor: &Anchor, text: &[u8], at: usize) -> bool {
    let is_run = |byte: &u8| anchor::RUN.has(*byte);
    let folded = |bytes: &[u8]| bytes.to_ascii_lowercase();
    let after = at + anchor.text.len();
    let run = |at: usize| {
        let back = text[..at].iter().rev().take_while(|byte| is_run(byte)).count();
        back + text[at..].iter().take_while(|byte| is_run(byte)).count()
    };
    match anchor.hold {
        Hold::Alone => true,
        Hold::Start => {
            let border = at
                .checked_sub(1)
                .is_none_or(|before| !is_run(&text[before]) || anchor::SEPARATOR.has(text[before]));
            border
                && run(at) >= anchor::SHORTEST_RUN
                && anchor.heads().any(|head| folded(&text[at..at + 3]) == head)
        }
        Hold::Before => {
            let begins = !is_run(&text[after - 1]);
            begins
                && run(after) >= anchor::SHORTEST_RUN
                && anchor.heads().any(|head| folded(&text[after - 3..after]) == head)
        }
    }
}

#[test]
fn previews_show_what_is_public() {
    let signature = |shape: &'static str| {
        let shape = shape::parse(shape).expect("a shape");
        Signature { shapes: vec![shape].leak(), ..blank() }
    };
    assert_eq!(signature("exc_<alnum:24>").preview(b"exc_0123456789abcdefghijwxyz"), "exc_…wxyz");
    assert_eq!(signature("exc_<alnum:23>").preview(b"exc_0123456789abcdefghijwxy"), "exc_…");
    assert_eq!(signature("<alnum:24>").preview(b"0123456789abcdefghijwxyz"), "…wxyz");
    assert_eq!(blank().preview(b"hunter2hunter2hunter2hunter2"), "…");
}

fn blank() -> Signature {
    Signature {
        id: "example",
        vendor: None,
        description: "",
        kind: Kind::ApiKey,
        severity: Severity::High,
        lifetime: LifetimeClass::Unknown,
        evidence: "",
        public: false,
        shapes: &[],
        pattern: None,
        keywords: &[],
        check: None,
        random_bits: 0,
        hosts: &[],
        names: &[],
        parts: &[],
        claims: &[],
        positive: &[],
        negative: &[],
    }
}

#[test]
fn folders_of_the_users_own() {
    let signatures = load(Path::new("tests/data/signatures/good")).unwrap_or_else(|error| panic!("{error}"));
    let ids: Vec<&str> = signatures.iter().map(|signature| signature.id).collect();
    assert_eq!(ids, ["acme-license", "acme-token"]);
    let error = load(Path::new("tests/data/signatures/bad")).expect_err("files with errors");
    let expected = "\
        tests/data/signatures/bad/broken.toml: line 10: unknown field `shap`, expected one of `id`, \
        `description`, `kind`, `severity`, `lifetime`, `evidence`, `public`, `shape`, `shapes`, `pattern`, `keywords`, \
        `random_bits`, `check`, `hosts`, `names`, `parts`, `claims`, `positive`, `negative`\n\
        tests/data/signatures/bad/twice.toml: signature twice-token: id: also in tests/data/signatures/bad/twice.toml";
    assert_eq!(error.to_string().replace('\\', "/"), expected);
    let error = load(Path::new("tests/data/signatures")).expect_err("a folder without files");
    assert_eq!(error.to_string(), "tests/data/signatures: expected at least one .toml file");
    assert!(load(Path::new("tests/data/none")).is_err());
}

/// A token of a shape whose lengths and characters are drawn.
fn any_token(shape: &'static Shape) -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec((any::<u16>(), any::<u64>()), shape.pieces.len()).prop_map(|drawn| {
        let mut token = Vec::new();
        for (piece, (length, mut seed)) in shape.pieces.iter().zip(drawn) {
            match piece {
                Piece::Text(text) => token.extend_from_slice(text.as_bytes()),
                Piece::Class { alphabet, min, max } => {
                    let bytes: Vec<u8> = alphabet.bytes().collect();
                    for _ in 0..min + length % ((max - min).min(60) + 1) {
                        seed = seed
                            .wrapping_mul(6_364_136_223_846_793_005)
                            .wrapping_add(1_442_695_040_888_963_407);
                        token.push(bytes[(seed >> 33) as usize % bytes.len()]);
                    }
                }
            }
        }
        token
    })
}

fn any_shape() -> impl Strategy<Value = &'static Shape> {
    let shapes: Vec<&'static Shape> = built_in().iter().flat_map(|signature| signature.shapes).collect();
    proptest::sample::select(shapes)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_token_of_a_shape_matches_it((shape, token) in any_shape().prop_flat_map(|shape| (Just(shape), any_token(shape)))) {
        let found = shape.match_at(&token, 0).map(|found| found.whole);
        prop_assert_eq!(found, Some(0..token.len()), "{}", String::from_utf8_lossy(&token));
    }
}
