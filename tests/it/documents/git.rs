//! What git keeps: packs, bundles and loose objects, written here by the book
//! (<https://git-scm.com/docs/gitformat-pack>), and those of git itself where it is there.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::io::Write;
use std::path::Path;
use std::process::Command;

use keysieve::budget::{Budget, Reason};
use keysieve::detect::Detectors;
use keysieve::engine::{self, Input, Options, Outcome, Unwatched};
use keysieve::scan::Scanner;
use keysieve::signature;

use crate::common::{NOW, SCANNER, say, token, value};

fn scan(bytes: Vec<u8>) -> Outcome {
    let input = Input::Bytes { name: "a".into(), bytes: bytes.into() };
    engine::run(&[input], &SCANNER, &Options::default(), &Unwatched).unwrap()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A number in groups of seven bits, the lowest first.
fn varint(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// An object of a pack: its kind, what stands before its content, and that.
fn object(kind: u8, before: &[u8], content: &[u8]) -> Vec<u8> {
    let size = content.len();
    let mut bytes = vec![kind << 4 | (size & 15) as u8];
    if size > 15 {
        bytes[0] |= 0x80;
        bytes.extend(varint(size >> 4));
    }
    bytes.extend(before);
    bytes.extend(zlib(content));
    bytes
}

/// A delta that copies `copied` bytes of a base of `base` bytes and inserts a text of fewer than 128.
fn delta(base: usize, copied: usize, inserted: &[u8]) -> Vec<u8> {
    let mut bytes = varint(base);
    bytes.extend(varint(copied + inserted.len()));
    bytes.extend([0xb0, copied as u8, (copied >> 8) as u8]);
    bytes.push(inserted.len() as u8);
    bytes.extend(inserted);
    bytes
}

fn pack(objects: &[Vec<u8>]) -> Vec<u8> {
    let mut pack = b"PACK\0\0\0\x02".to_vec();
    pack.extend((objects.len() as u32).to_be_bytes());
    pack.extend(objects.concat());
    pack.extend([0; 20]); // a checksum that nobody needs
    pack
}

fn places(outcome: &Outcome) -> Vec<(String, String)> {
    let place = |finding: &keysieve::finding::Finding| {
        (finding.location.provenance.entries.join("!"), value(finding))
    };
    outcome.findings.iter().map(place).collect()
}

/// `printf 'hello\n' | git hash-object --stdin`
const HELLO: &str = "ce013625030ba8dba906f756967f9e9ca394464a";

fn id(hex: &str) -> Vec<u8> {
    data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap()
}

#[test]
fn objects_and_deltas_are_looked_at() {
    let [one, two, three] = [1, 2, 3].map(|number| token("github-personal-access-token", number));
    let waiting = object(7, &id(HELLO), &delta(6, 6, two.as_bytes()));
    let hello = object(3, &[], b"hello\n");
    let commit = object(1, &[], format!("tree {HELLO}\n\nuse {one}\n").as_bytes());
    let after = object(6, &[hello.len() as u8], &delta(6, 6, three.as_bytes()));
    assert!(hello.len() < 128);
    let outcome = scan(pack(&[commit, waiting, hello, after]));
    assert_eq!(outcome.coverage.gaps, []);
    assert_eq!(outcome.coverage.members, 4);
    let found = places(&outcome);
    assert_eq!(found.iter().map(|(_, secret)| secret.clone()).collect::<Vec<_>>(), [one, three, two]);
    assert!(found[0].0.starts_with("commit ") && found[1].0.starts_with("blob "));
}

#[test]
fn an_object_is_named_by_its_id() {
    // `git hash-object --stdin` of this with a line feed
    let text = ["password:", " Zq8vN3kLm2", "Xw7Rt5Yb1C\n"].concat();
    let outcome = scan(pack(&[object(3, &[], text.as_bytes())]));
    assert_eq!(places(&outcome)[0].0, "blob 741a61960acf04f31daf071bcb046bfad5b3409c");
}

#[test]
fn a_bundle_is_a_pack_behind_references() {
    let secret = token("github-personal-access-token", 4);
    let mut bundle = format!("# v2 git bundle\n-{HELLO} before\n{HELLO} refs/heads/main\n\n").into_bytes();
    // Its base is what the reader has already.
    bundle.extend(pack(&[object(7, &id(HELLO), &delta(6, 6, secret.as_bytes())), object(3, &[], b"x")]));
    let outcome = scan(bundle);
    let [gap] = &outcome.coverage.gaps[..] else { panic!("{:?}", outcome.coverage.gaps) };
    assert_eq!(gap.reason, Reason::Truncated);
    assert_eq!(places(&outcome)[0].1, secret, "what a delta adds stands in it");
}

#[test]
fn a_loose_object_is_opened() {
    let secret = token("github-personal-access-token", 5);
    let text = format!("{{\"token\": \"{secret}\"}}");
    let outcome = scan(zlib(format!("blob {}\0{text}", text.len()).as_bytes()));
    assert_eq!(outcome.coverage.gaps, []);
    let [finding] = &outcome.findings[..] else { panic!() };
    assert_eq!(value(finding), secret);
    assert_eq!(finding.location.pointer.as_deref(), Some("/token"), "without its header");
    assert_eq!(finding.location.provenance.entries.len(), 1);
}

#[test]
fn a_damaged_pack_gives_what_it_has() {
    let [one, two] = [6, 7].map(|number| token("github-personal-access-token", number));
    let first = object(3, &[], one.as_bytes());
    let whole = pack(&[first.clone(), object(3, &[], two.as_bytes())]);
    for end in 12 + first.len() + 4..whole.len() - 25 {
        let outcome = scan(whole[..end].to_vec());
        assert_eq!(
            places(&outcome).first().map(|place| place.1.clone()),
            Some(one.clone()),
            "{end} {:?}",
            outcome.coverage
        );
        assert_eq!(outcome.coverage.gaps[0].reason, Reason::Truncated, "{end}");
    }
    let mut broken = whole;
    broken[12 + first.len() + 5..][..10].fill(0xff);
    let outcome = scan(broken);
    assert_eq!((places(&outcome).len(), outcome.coverage.gaps[0].reason), (1, Reason::Corrupt));
}

#[test]
fn a_bomb_of_deltas_is_cut_off() {
    // Each delta makes twenty times its base, which is some bytes of a pack: 30 × 20^4.
    let mut objects = vec![object(3, &[], &[b'x'; 30_000])];
    let mut size = 30_000;
    for _ in 0..3 {
        let mut delta = varint(size);
        delta.extend(varint(size * 20));
        for _ in 0..20 {
            let size = size.to_le_bytes();
            delta.extend([0xf0, size[0], size[1], size[2]]);
        }
        size *= 20;
        let distance = objects.last().unwrap().len();
        assert!(distance < 16_000);
        let far = if distance < 128 {
            vec![distance as u8]
        } else {
            vec![((distance >> 7) - 1) as u8 | 0x80, distance as u8 & 0x7f]
        };
        objects.push(object(6, &far, &delta));
    }
    let scanner = Scanner {
        detectors: Detectors::new(signature::built_in().iter().collect()),
        budget: Budget { ratio_floor: 4 << 20, ratio: 2, ..Budget::default() },
        now: NOW,
        worker: None,
    };
    let input = Input::Bytes { name: "a".into(), bytes: pack(&objects).into() };
    let outcome = engine::run(&[input], &scanner, &Options::default(), &Unwatched).unwrap();
    assert!(outcome.coverage.bytes <= 4 << 20);
    assert_eq!(outcome.coverage.gaps[0].reason, Reason::BudgetRatio);
}

fn git(folder: &Path, arguments: &[&str]) -> bool {
    let mut git = Command::new("git");
    let names = ["GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"];
    git.envs(names.map(|name| (name, "nobody"))).env("GIT_CONFIG_GLOBAL", "/dev/null");
    git.arg("-C").arg(folder).args(arguments).output().is_ok_and(|output| output.status.success())
}

#[test]
fn what_git_itself_wrote_is_read() {
    for format in ["sha1", "sha256"] {
        let dir = tempfile::tempdir().unwrap();
        if git(dir.path(), &["init", "-q", &format!("--object-format={format}"), "r"]) {
            read_what_git_wrote(dir.path());
        } else {
            say(&format!("left out: there is no git that knows {format}"));
        }
    }
}

fn read_what_git_wrote(dir: &Path) {
    let repository = dir.join("r");
    let lines: String =
        (0..2000).map(|line| format!("line {line} of a file that changes a little\n")).collect();
    let secrets: Vec<_> = (10..30).map(|number| token("github-personal-access-token", number)).collect();
    for (index, secret) in secrets.iter().enumerate() {
        let text = lines.replace(&format!("line {} ", index * 90), &format!("use {secret} "));
        std::fs::write(repository.join("a.txt"), text).unwrap();
        assert!(git(&repository, &["add", "."]) && git(&repository, &["commit", "-q", "-m", "change"]));
    }
    std::fs::remove_file(repository.join("a.txt")).unwrap();
    let found = |path: &Path| {
        let outcome =
            engine::run(&[Input::Path(path.to_owned())], &SCANNER, &Options::default(), &Unwatched).unwrap();
        assert_eq!(outcome.coverage.gaps, []);
        let mut found: Vec<_> = outcome.findings.iter().map(value).collect();
        found.sort();
        found.dedup();
        found
    };
    let mut wanted = secrets.clone();
    wanted.sort();
    assert_eq!(found(&repository), wanted, "loose");
    assert!(git(&repository, &["gc", "-q", "--aggressive", "--prune=now"]));
    assert_eq!(found(&repository), wanted, "packed");
    assert!(git(&repository, &["bundle", "create", "-q", "../b", "--all"]));
    assert_eq!(found(&dir.join("b")), wanted, "in a bundle");
    // A pack whose bases are told by their ids, under another name.
    let objects =
        "git rev-list --objects --all | cut -d' ' -f1 | git pack-objects -q --no-reuse-delta --stdout > ../c";
    let mut shell = Command::new("sh");
    if shell.args(["-c", objects]).current_dir(&repository).status().is_ok_and(|status| status.success()) {
        assert_eq!(found(&dir.join("c")), wanted, "in a pack that stands alone");
    }
}
