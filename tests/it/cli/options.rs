//! What options do: own signatures, what is left out, `demo`.

use std::collections::BTreeSet;
use std::io::{Cursor, Write};
use std::path::Path;

use keysieve::signature::{self, examples};
use serde_json::Value;
use zip::write::SimpleFileOptions;

use super::made::{Tree, drive, github, keysieve, keysieve_of};

fn data(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name).to_str().expect("UTF-8").to_owned()
}

#[test]
fn signatures_of_ones_own() {
    let folder = data("signatures/good");
    let own = signature::load(Path::new(&folder)).expect("good files");
    for signature in own {
        for example in examples::positive(signature) {
            let text = example.expect("an example").text;
            let ids = |arguments: &[&str]| {
                let ended = keysieve_of(text.as_bytes(), arguments);
                let report = ended.json();
                let findings = report["findings"].as_array().expect("findings").clone();
                findings
                    .iter()
                    .map(|finding| finding["signature"].as_str().expect("an id").to_owned())
                    .collect::<Vec<_>>()
            };
            assert_eq!(
                ids(&["scan", "-", "--format", "json", "--signatures", &folder]),
                [signature.id],
                "{text}"
            );
            assert!(!ids(&["scan", "-", "--format", "json"]).contains(&signature.id.to_owned()), "{text}");
        }
    }
}

/// The file, the line or the signature, and what is wrong with it.
#[test]
fn a_bad_file_of_signatures_is_explained() {
    let ended = keysieve(["scan", "-", "--signatures", &data("signatures/bad")]);
    assert_eq!((ended.status, &*ended.stdout), (2, ""));
    for said in ["broken.toml: line 10: unknown field `shap`", "`shape`", "twice.toml: signature twice-token"]
    {
        assert!(ended.stderr.contains(said), "{}", ended.stderr);
    }
    let ended = keysieve(["scan", "-", "--signatures", &data("signatures")]);
    assert_eq!(ended.status, 2);
    assert!(ended.stderr.contains(".toml"), "{}", ended.stderr);
}

#[test]
fn passwords_of_archives_come_from_a_file() {
    let tree = Tree::new()
        .file("a.zip", locked(format!("T={}", github(1)).as_bytes(), "open sesame"))
        .file("right", "wrong\r\n\nopen sesame\r\n")
        .file("wrong", "wrong\n")
        .file("many", "x\n".repeat(101));
    let at = |name: &str| tree.at(name).to_str().expect("UTF-8").to_owned();
    let run = |file: &str| {
        keysieve(["scan", &at("a.zip"), "--format", "json", "--archive-password-file", &at(file)])
    };
    let (right, wrong) = (run("right"), run("wrong"));
    assert_eq!((right.status, wrong.status), (1, 3));
    assert_eq!(right.json()["findings"].as_array().expect("findings").len(), 1);
    assert_eq!(wrong.json()["coverage"]["gaps"][0]["reason"], "encrypted");
    assert_eq!(keysieve(["scan", &at("a.zip")]).status, 3);
    for ended in [right, wrong] {
        assert!(!format!("{}{}", ended.stdout, ended.stderr).contains("sesame"));
    }
    for (file, said) in [("many", "more than 100 passwords"), ("none", "cannot read the passwords")] {
        let ended = run(file);
        assert_eq!((ended.status, &*ended.stdout), (2, ""));
        assert!(ended.stderr.contains(said), "{}", ended.stderr);
    }
}

/// A zip with a member under a password.
fn locked(bytes: &[u8], password: &str) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().with_aes_encryption(zip::AesMode::Aes256, password);
    zip.start_file("a.env", options).expect("begun");
    zip.write_all(bytes).expect("written");
    zip.finish().expect("an end").into_inner()
}

/// The decoder of 7z runs in a child of the binary.
#[test]
fn a_7z_is_opened_by_a_process_of_its_own() {
    for name in ["lzma2.7z", "copy.7z"] {
        let ended = keysieve(["scan", &data(&format!("container/{name}")), "--format", "json"]);
        assert_eq!((ended.status, &ended.json()["coverage"]["members"]), (0, &Value::from(2)), "{name}");
    }
    let ended =
        keysieve(["scan", &data("container/zeros.7z"), "--format", "json", "--max-expanded", "1000000"]);
    assert_eq!(ended.status, 3);
    assert_eq!(ended.json()["coverage"]["gaps"][0]["reason"], "budget-bytes");
}

#[test]
fn what_is_excluded_is_counted() {
    let tree = Tree::new()
        .file("a.env", format!("T={}", github(1)))
        .file("skip/b.env", format!("T={}", github(2)))
        .file("x/c.png", format!("T={}", github(3)))
        .file("x/d.env", "nothing");
    let path = tree.path().to_str().expect("UTF-8");
    let report = keysieve(["scan", path, "--format", "json"]).json();
    assert_eq!(
        (report["findings"].as_array().expect("findings").len(), &report["coverage"]["excluded"]),
        (3, &Value::from(0))
    );
    let report =
        keysieve(["scan", path, "--format", "json", "--exclude", "skip", "--exclude", "*.png"]).json();
    assert_eq!(
        (report["findings"].as_array().expect("findings").len(), &report["coverage"]["excluded"]),
        (1, &Value::from(2))
    );
    let human = keysieve(["scan", path, "--exclude", "skip", "--exclude", "*.png"]).stdout;
    assert!(human.contains("2 paths left out"), "{human}");
}

#[test]
fn findings_of_one_file_are_capped_and_the_rest_is_counted() {
    let text: String = (0..30).map(|number| format!("T={}\n", github(number))).collect();
    let report =
        keysieve_of(text.as_bytes(), &["scan", "-", "--format", "json", "--max-findings", "10"]).json();
    assert_eq!(report["findings"].as_array().expect("findings").len(), 10);
    let gap = &report["coverage"]["gaps"][0];
    assert_eq!(gap["reason"], "too-many-findings");
    assert!(gap["detail"].as_str().is_some_and(|detail| detail.contains("20")), "{gap}");
}

/// Fingerprints depend on the key and on nothing else that changes between runs.
#[test]
fn keyed_fingerprints() {
    let tree =
        Tree::new().file("a.env", format!("T={}", github(1))).file("key", [7; 32]).file("other", [8; 32]);
    let [path, key, other] =
        ["a.env", "key", "other"].map(|name| tree.at(name).to_str().expect("UTF-8").to_owned());
    let fingerprint = |arguments: &[&str]| {
        let report = keysieve(["scan", &path, "--format", "json"].iter().chain(arguments)).json();
        let finding = report["findings"][0].clone();
        let text = |value: &Value| value.as_str().expect("a fingerprint").to_owned();
        (text(&finding["secret"]["fingerprint"]), text(&finding["fingerprint"]))
    };
    let plain = fingerprint(&[]);
    let keyed = fingerprint(&["--fingerprint-key-file", &key]);
    assert_eq!(plain, fingerprint(&[]));
    assert_eq!(keyed, fingerprint(&["--fingerprint-key-file", &key]));
    assert_ne!(keyed, fingerprint(&["--fingerprint-key-file", &other]));
    assert_ne!(keyed, plain);
}

/// What a finding says of itself, but for the file it is in.
fn told(report: &Value) -> BTreeSet<String> {
    let findings = report["findings"].as_array().expect("findings");
    let parts = |finding: &Value| {
        let of = ["signature", "flow", "step", "field", "storage"].map(|name| finding[name].to_string());
        format!("{of:?} {}", finding["secret"]["value"])
    };
    findings.iter().map(parts).collect()
}

#[test]
fn the_demo_finds_what_it_made() {
    let ended = keysieve(["demo"]);
    assert_eq!((ended.status, &*ended.stderr), (0, ""), "{}", ended.stdout);
    let tree = Tree::new();
    let folder = tree.at("kept/demo");
    let folder = folder.to_str().expect("UTF-8");
    let ended = keysieve(["demo", "--keep", folder, "--format", "json", "--show-secrets"]);
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    let demo = ended.json();
    let found = told(&demo);
    assert!(found.len() >= 3, "{found:?}");
    for platform in ["n8n", "power-automate"] {
        assert!(found.iter().any(|finding| finding.contains(platform)), "{platform}: {found:?}");
    }
    let mut files: Vec<_> =
        std::fs::read_dir(folder).expect("kept").map(|entry| entry.expect("a file").file_name()).collect();
    files.sort();
    assert_eq!(files, ["PowerPlatformSolution.zip", "n8n-invoice-sync.json"]);
    let ended = keysieve(["scan", folder, "--format", "json", "--show-secrets"]);
    assert_eq!(ended.status, 1);
    assert_eq!(told(&ended.json()), found);
}

/// Limits are spent and said, not passed over.
#[test]
fn limits_end_in_gaps() {
    let tree = drive();
    let path = tree.at("nest");
    let path = path.to_str().expect("UTF-8");
    let reasons = |arguments: &[&str]| {
        let ended = keysieve(["scan", path, "--format", "json"].iter().chain(arguments));
        let report = ended.json();
        let gaps = report["coverage"]["gaps"].as_array().expect("gaps").clone();
        gaps.iter().map(|gap| gap["reason"].as_str().expect("a reason").to_owned()).collect::<BTreeSet<_>>()
    };
    assert_eq!(reasons(&[]), BTreeSet::new());
    assert_eq!(reasons(&["--max-depth", "1"]), BTreeSet::from(["budget-depth".to_owned()]));
    assert_eq!(reasons(&["--max-members", "1"]), BTreeSet::from(["budget-members".to_owned()]));
    assert_eq!(reasons(&["--max-expanded", "300"]).len(), 1);
}
