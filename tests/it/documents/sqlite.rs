//! SQLite databases, which SQLite itself makes here.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::Path;

use keysieve::budget::{Budget, Reason};
use keysieve::detect::Detectors;
use keysieve::engine::{self, Input, Options, Outcome, Unwatched};
use keysieve::finding::Finding;
use keysieve::scan::Scanner;
use rusqlite::Connection;

use crate::common::{NOW, SCANNER, token, value};

fn scan(path: &Path) -> Outcome {
    engine::run(&[Input::Path(path.to_owned())], &SCANNER, &Options::default(), &Unwatched).unwrap()
}

/// Makes a database of statements and scans it.
fn made(sql: &str) -> (tempfile::TempDir, Outcome) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.db");
    Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    let outcome = scan(&path);
    (dir, outcome)
}

fn landmarks(outcome: &Outcome) -> Vec<(&str, String)> {
    let place = |finding: &Finding| (finding.location.landmark.clone().unwrap_or_default(), value(finding));
    let mut places: Vec<_> = outcome.findings.iter().map(place).collect();
    places.sort();
    let leaked = places.into_iter().map(|(place, value)| (&*Box::leak(place.into_boxed_str()), value));
    leaked.collect()
}

fn reasons(outcome: &Outcome) -> Vec<Reason> {
    outcome.coverage.gaps.iter().map(|gap| gap.reason).collect()
}

#[test]
fn a_secret_has_its_row() {
    let (one, two) = (token("github-personal-access-token", 1), token("github-personal-access-token", 2));
    let (_dir, outcome) = made(&format!(
        "CREATE TABLE \"my \"\"keys\"\"\" (id INTEGER PRIMARY KEY, note TEXT);
         INSERT INTO \"my \"\"keys\"\"\" VALUES (5, 'nothing'), (9, 'use {one} for it');
         CREATE TABLE w (k TEXT PRIMARY KEY, v ANY) WITHOUT ROWID, STRICT;
         INSERT INTO w VALUES ('a', x'00'), ('b', '{two}');
         CREATE VIEW v AS SELECT * FROM w;
         CREATE INDEX i ON \"my \"\"keys\"\"\" (note, id);"
    ));
    assert_eq!(reasons(&outcome), []);
    assert_eq!(landmarks(&outcome), [("table \"my \"keys\"\", row 2", one), ("table \"w\", row 2", two)]);
}

#[test]
fn a_long_text_and_one_in_utf_16_are_read_whole() {
    // Over pages of 512 bytes, so that no stretch of the file has the token whole.
    let token = token("github-personal-access-token", 3);
    for encoding in ["UTF-8", "UTF-16le", "UTF-16be"] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.db");
        let database = Connection::open(&path).unwrap();
        database
            .execute_batch(&format!(
                "PRAGMA page_size = 512; PRAGMA encoding = '{encoding}'; CREATE TABLE t (x, y)"
            ))
            .unwrap();
        let mut cut = 0;
        for offset in 440..520_i64 {
            let text = format!("{} {token} {}", "x".repeat(offset as usize), "y".repeat(3000));
            database.execute("INSERT INTO t VALUES (?1, ?2)", (text, offset)).unwrap();
        }
        drop(database);
        let outcome = scan(&path);
        assert_eq!(reasons(&outcome), []);
        for row in 1..=80 {
            let wanted = format!("table \"t\", row {row}");
            cut += usize::from(
                landmarks(&outcome).iter().any(|(place, found)| *place == wanted && *found == token),
            );
        }
        assert_eq!(cut, 80, "{encoding}");
    }
}

#[test]
fn a_workflow_in_the_database_has_its_name_and_step() {
    let secret = token("github-personal-access-token", 4);
    let nodes = format!(
        r#"[{{"id":"n1","name":"Call it","type":"n8n-nodes-base.httpRequest","typeVersion":4,"position":[0,0],
            "parameters":{{"url":"https://api.github.com/","jsonHeaders":"{{\"Authorization\":\"Bearer {secret}\"}}"}}}}]"#
    );
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("database.sqlite");
    let database = Connection::open(&path).unwrap();
    database
        .execute_batch("CREATE TABLE workflow_entity (id varchar(36) PRIMARY KEY, name varchar, active boolean, nodes text, connections text)")
        .unwrap();
    let insert = "INSERT INTO workflow_entity VALUES (?1, ?2, 1, ?3, '{}')";
    database.execute(insert, ("w1", "First", "[]")).unwrap();
    database.execute(insert, ("w2", "Second", &nodes)).unwrap();
    drop(database);
    let outcome = scan(&path);
    let [finding] = &outcome.findings[..] else { panic!("{:?}", outcome.findings) };
    let flow = finding.place.flow.as_ref().unwrap();
    assert_eq!((flow.id.as_deref(), flow.name.as_deref()), (Some("w2"), Some("Second")));
    assert_eq!(flow.state.as_deref(), Some("on"));
    assert_eq!(finding.place.step.as_ref().unwrap().name.as_deref(), Some("Call it"));
    assert_eq!(finding.location.landmark.as_deref(), Some("table \"workflow_entity\", row 2"));
}

#[test]
fn an_archive_in_a_cell_is_opened() {
    use std::io::Write;

    let secret = token("github-personal-access-token", 5);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(format!("token: {secret}\n").as_bytes()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.db");
    let database = Connection::open(&path).unwrap();
    database.execute_batch("CREATE TABLE t (name, data)").unwrap();
    database.execute("INSERT INTO t VALUES ('a', ?1)", [gzip.finish().unwrap()]).unwrap();
    drop(database);
    let outcome = scan(&path);
    let [finding] = &outcome.findings[..] else { panic!("{:?}", outcome.findings) };
    assert_eq!(value(finding), secret);
    let entries = finding.location.provenance.entries.join("!");
    assert_eq!(entries, "table \"t\", row 1, column \"data\"!content");
}

#[test]
fn what_is_in_the_log_only_is_read() {
    let (old, new, secret) = (
        token("github-personal-access-token", 6),
        token("github-personal-access-token", 7),
        token("github-personal-access-token", 8),
    );
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.db");
    let database = Connection::open(&path).unwrap();
    database
        .execute_batch("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (x)")
        .unwrap();
    database.execute("INSERT INTO t VALUES (?1)", [&old]).unwrap();
    database.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    // Long enough that in the log, too, it lies over pages with headers between.
    database.execute("UPDATE t SET x = ?1", [&new]).unwrap();
    database.execute("INSERT INTO t VALUES (?1)", [format!("{}{secret}", "x ".repeat(10_000))]).unwrap();
    let copies = tempfile::tempdir().unwrap();
    for name in ["a.db", "a.db-wal"] {
        fs::copy(dir.path().join(name), copies.path().join(name)).unwrap();
    }
    let place = |outcome: &Outcome, secret: &str| -> Vec<String> {
        let of = |finding: &&Finding| value(finding) == secret && finding.location.landmark.is_some();
        outcome.findings.iter().filter(of).filter_map(|finding| finding.location.landmark.clone()).collect()
    };
    let outcome = scan(&copies.path().join("a.db"));
    assert_eq!(reasons(&outcome), []);
    assert_eq!(place(&outcome, &new), ["table \"t\", row 1"]);
    assert_eq!(place(&outcome, &secret), ["table \"t\", row 2"]);
    assert_eq!(place(&outcome, &old), [""; 0]);
    assert!(outcome.findings.iter().any(|finding| value(finding) == old), "its page is in the file still");

    // What was not committed whole does not count.
    let mut log = fs::read(copies.path().join("a.db-wal")).unwrap();
    let last = log.len() - 1;
    log[last] ^= 1;
    fs::write(copies.path().join("a.db-wal"), log).unwrap();
    let outcome = scan(&copies.path().join("a.db"));
    assert_eq!(place(&outcome, &new), ["table \"t\", row 1"]);
    assert_eq!(place(&outcome, &secret), [""; 0]);
    // Without the log it is the database of before.
    fs::remove_file(copies.path().join("a.db-wal")).unwrap();
    assert_eq!(place(&scan(&copies.path().join("a.db")), &old), ["table \"t\", row 1"]);
}

#[test]
fn a_damaged_database_gives_what_it_has() {
    let secret = token("github-personal-access-token", 9);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.db");
    let database = Connection::open(&path).unwrap();
    database.execute_batch("PRAGMA page_size = 4096; CREATE TABLE t (x)").unwrap();
    database.execute("INSERT INTO t VALUES (?1)", [&secret]).unwrap();
    for _ in 0..2000 {
        database.execute("INSERT INTO t VALUES (?1)", ["nothing to see here ".repeat(10)]).unwrap();
    }
    drop(database);
    let whole = fs::read(&path).unwrap();
    let seen = |outcome: &Outcome| {
        let at = outcome.findings.iter().map(|finding| finding.location.landmark.clone());
        at.flatten().collect::<Vec<_>>()
    };
    assert_eq!(reasons(&scan(&path)), []);

    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let outcome = scan(&path);
    assert_eq!(reasons(&outcome)[0], Reason::Truncated);
    assert_eq!(seen(&outcome), ["table \"t\", row 1"]);

    let mut broken = whole.clone();
    broken[20 * 4096..30 * 4096].fill(0xff);
    fs::write(&path, broken).unwrap();
    let outcome = scan(&path);
    assert_eq!(reasons(&outcome), [Reason::Corrupt]);
    assert_eq!(seen(&outcome), ["table \"t\", row 1"]);

    fs::write(&path, &whole[..60]).unwrap();
    assert_eq!(reasons(&scan(&path)), [Reason::Truncated]);
    // No schema, but the bytes.
    let mut broken = whole;
    broken[100..108].fill(0xff);
    fs::write(&path, broken).unwrap();
    let outcome = scan(&path);
    assert_eq!(reasons(&outcome), [Reason::Corrupt]);
    assert_eq!(outcome.findings.len(), 1);
}

/// A tree whose every page has the same child many times: more rows than anyone can read.
#[test]
fn a_tree_without_end_is_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.db");
    let database = Connection::open(&path).unwrap();
    database.execute_batch("PRAGMA page_size = 512; CREATE TABLE t (x)").unwrap();
    for _ in 0..400 {
        database.execute("INSERT INTO t VALUES (?1)", ["nothing to see here"]).unwrap();
    }
    drop(database);
    let mut bytes = fs::read(&path).unwrap();
    let pages = bytes.len() / 512;
    // Six levels of interior pages (type 5) of 80 cells, each with the page below it as its child; the last one has the
    // first leaf: 80^6 leaves.
    let leaf = (1..pages).find(|page| bytes[page * 512] == 13).unwrap() as u32 + 1;
    let mut child = leaf;
    for level in 0..6 {
        let mut page = vec![0; 512];
        page[0] = 5;
        page[3..5].copy_from_slice(&80u16.to_be_bytes());
        page[8..12].copy_from_slice(&child.to_be_bytes());
        for cell in 0..80 {
            let at = 512 - 5 * (cell + 1);
            page[12 + 2 * cell..14 + 2 * cell].copy_from_slice(&(at as u16).to_be_bytes());
            page[at..at + 4].copy_from_slice(&child.to_be_bytes());
            page[at + 4] = 1;
        }
        page[5..7].copy_from_slice(&(512u16 - 400).to_be_bytes());
        if level == 5 {
            bytes[512..1024].copy_from_slice(&page);
        } else {
            bytes.extend(page);
            child = (bytes.len() / 512) as u32;
        }
    }
    fs::write(&path, bytes).unwrap();
    let scanner = Scanner {
        detectors: Detectors::new(Vec::new()),
        budget: Budget { ratio_floor: 1 << 20, ..Budget::default() },
        now: NOW,
        worker: SCANNER.worker.clone(),
    };
    let outcome = engine::run(&[Input::Path(path)], &scanner, &Options::default(), &Unwatched).unwrap();
    assert!(
        matches!(reasons(&outcome)[..], [Reason::BudgetRatio | Reason::BudgetBytes | Reason::Corrupt, ..]),
        "{:?}",
        outcome.coverage.gaps
    );
}
