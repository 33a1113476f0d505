//! `keysieve redact`: what is written where, what is refused, and that the list shows no secret.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::made::{keysieve, keysieve_of};
use crate::common::token;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[test]
fn a_file_gets_a_clean_copy() {
    let dir = folder();
    let (secret, original, copy) =
        (token("stripe-secret-key", 1), dir.path().join("a.txt"), dir.path().join("b.txt"));
    fs::write(&original, format!("key={secret}\n")).expect("written");
    let call = ["redact", &text(&original), "-o", &text(&copy), "--format", "json"];
    let ended = keysieve(call);
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    assert_eq!(fs::read_to_string(&copy).expect("a copy"), "key=REDACTED_STRIPE_SECRET_KEY\n");
    assert!(fs::read_to_string(&original).expect("the original").contains(&secret));
    let list = ended.json();
    assert_eq!(list["schema"], "keysieve-clean/1");
    assert_eq!(list["replaced"][0]["put"], "REDACTED_STRIPE_SECRET_KEY");
    assert_eq!(list["replaced"][0]["location"]["line"], 1);
    assert!(!ended.stdout.contains(&secret));
    // It is there now, and not written over.
    assert_eq!(keysieve(call).status, 2);
    assert_eq!(keysieve([&call[..], &["--force"]].concat()).status, 0);
    assert_eq!(keysieve(["scan", &text(&copy)]).status, 0);
    // Nothing else is left in the folder.
    assert_eq!(fs::read_dir(dir.path()).expect("a folder").count(), 2);
}

#[test]
fn the_original_is_written_over_only_if_asked() {
    let dir = folder();
    let original = dir.path().join("a.txt");
    fs::write(&original, format!("key={}\n", token("stripe-secret-key", 2))).expect("written");
    let path = text(&original);
    for call in [vec!["redact", &path], vec!["redact", &path, "-o", &path, "--force"]] {
        assert_eq!(keysieve(call).status, 2);
    }
    let ended = keysieve(["redact", &path, "--in-place"]);
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    assert_eq!(fs::read_to_string(&original).expect("it"), "key=REDACTED_STRIPE_SECRET_KEY\n");
    let ended = keysieve(["redact", &path, "--in-place"]);
    assert!(ended.stdout.contains("nothing had to be replaced"), "{}", ended.stdout);
}

#[cfg(unix)]
#[test]
fn the_copy_has_the_mode_of_the_original() {
    use std::os::unix::fs::PermissionsExt;
    let dir = folder();
    let (original, copy) = (dir.path().join("a.txt"), dir.path().join("b.txt"));
    fs::write(&original, format!("key={}\n", token("stripe-secret-key", 2))).expect("written");
    fs::set_permissions(&original, fs::Permissions::from_mode(0o640)).expect("set");
    assert_eq!(keysieve(["redact", &text(&original), "-o", &text(&copy)]).status, 0);
    assert_eq!(fs::metadata(&copy).expect("a copy").permissions().mode() & 0o777, 0o640);
}

#[test]
fn standard_input_goes_to_standard_output() {
    let secret = token("slack-bot-token", 3);
    let ended = keysieve_of(format!("t={secret}\n").as_bytes(), &["redact", "-"]);
    assert_eq!((ended.status, ended.stdout.as_str()), (0, "t=REDACTED_SLACK_BOT_TOKEN\n"));
    assert!(ended.stderr.contains("SLACK_BOT_TOKEN") && !ended.stderr.contains(&secret));
}

#[test]
fn what_is_refused_writes_nothing() {
    let dir = folder();
    let secret = token("stripe-secret-key", 4);
    let (original, copy) = (dir.path().join("a.bin"), dir.path().join("b.bin"));
    fs::write(&original, [b"\0\x01\x02 key=", secret.as_bytes(), b"\0"].concat()).expect("written");
    let ended = keysieve(["redact", &text(&original), "-o", &text(&copy)]);
    assert_eq!(ended.status, 4);
    assert!(
        ended.stderr.contains("a binary file") && ended.stderr.contains("nothing was written"),
        "{}",
        ended.stderr
    );
    assert!(!ended.stderr.contains(&secret));
    assert_eq!(fs::read_dir(dir.path()).expect("a folder").count(), 1);
}

/// A short password may well be the name of the file; the copy of one file has the name that it is given.
#[test]
fn a_name_that_holds_the_secret_does_not_come_along() {
    let dir = folder();
    let secret = "kumquat";
    let (original, copy) = (dir.path().join("kumquat.json"), dir.path().join("clean.json"));
    fs::write(&original, format!("{{\"password\": \"{secret}\"}}")).expect("written");
    let ended = keysieve(["redact", &text(&original), "-o", &text(&copy)]);
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    assert!(!fs::read_to_string(&copy).expect("a copy").contains(secret));
    fs::remove_file(&copy).expect("removed");
    let elsewhere = folder();
    for call in [vec!["redact", "--in-place"], vec!["redact", "-o", &text(&elsewhere.path().join("to"))]] {
        let path = if call.len() == 2 { text(&original) } else { text(dir.path()) };
        let ended = keysieve(call.into_iter().chain([path.as_str()]));
        assert_eq!(ended.status, 4, "{}", ended.stderr);
        assert!(ended.stderr.contains("rename it"), "{}", ended.stderr);
    }
    assert_eq!(fs::read_dir(dir.path()).expect("a folder").count(), 1);
}

#[test]
fn what_cannot_be_read_is_told_and_not_written() {
    let dir = folder();
    let (original, copy) = (dir.path().join("a.zip"), dir.path().join("b.zip"));
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    zip.start_file("locked.txt", options.with_aes_encryption(zip::AesMode::Aes256, "word")).expect("memory");
    std::io::Write::write_all(&mut zip, b"nobody knows").expect("memory");
    zip.start_file("open.txt", options).expect("memory");
    std::io::Write::write_all(&mut zip, format!("key={}", token("stripe-secret-key", 5)).as_bytes())
        .expect("memory");
    fs::write(&original, zip.finish().expect("memory").into_inner()).expect("written");
    let call = ["redact", &text(&original), "-o", &text(&copy)];
    let ended = keysieve(call);
    assert_eq!(ended.status, 3, "{}", ended.stderr);
    assert!(ended.stderr.contains("locked.txt") && !copy.exists(), "{}", ended.stderr);
    let ended = keysieve([&call[..], &["--allow-incomplete"]].concat());
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    assert!(ended.stdout.contains("not read") && copy.exists());
}

#[test]
fn a_folder_is_mirrored() {
    let dir = folder();
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    let secret = token("stripe-secret-key", 6);
    fs::create_dir_all(from.join("x/y")).expect("made");
    fs::write(from.join("x/y/a.txt"), format!("key={secret}\n")).expect("written");
    // In clear, where nothing tells what it is.
    let password = crate::common::Random(7).alnum(15);
    fs::write(from.join("x/b.txt"), format!("it is {password} today\n")).expect("written");
    fs::write(from.join("z.json"), format!("{{\"password\": \"{password}\"}}")).expect("written");
    fs::write(from.join("clean.txt"), "nothing\n").expect("written");
    let ended = keysieve(["redact", &text(&from), "-o", &text(&to), "--format", "json"]);
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    assert_eq!(fs::read_to_string(to.join("x/y/a.txt")).expect("a copy"), "key=REDACTED_STRIPE_SECRET_KEY\n");
    assert!(fs::read_to_string(to.join("x/b.txt")).expect("a copy").starts_with("it is REDACTED_"));
    assert_eq!(fs::read_to_string(to.join("clean.txt")).expect("a copy"), "nothing\n");
    let list: Value = ended.json();
    assert_eq!(list["replaced"].as_array().map(Vec::len), Some(2));
    assert_eq!(list["again"].as_array().map(Vec::len), Some(1));
    let ended = keysieve(["redact", &text(&from), "-o", &text(&from.join("inner"))]);
    assert_eq!(ended.status, 2);
    let ended = keysieve(["redact", &text(&from), "--in-place", "--quiet"]);
    assert_eq!((ended.status, ended.stdout.as_str()), (0, ""));
    assert!(!fs::read_to_string(from.join("x/b.txt")).expect("it").contains(&password));
}

/// A password that only its column's name tells stands in another part of the workbook than its cell.
#[test]
fn cells_are_replaced_and_listed() {
    let dir = folder();
    let (original, copy) = (dir.path().join("a.xlsx"), dir.path().join("b.xlsx"));
    let password = crate::common::Random(4).alnum(5) + "-Xk9";
    let shared = format!(
        "<sst><si><t>System</t></si><si><t>Password</t></si><si><t>Billing</t></si><si><t>{password}</t></si></sst>"
    );
    let cell = |name: &str, number: usize| format!("<c r=\"{name}\" t=\"s\"><v>{number}</v></c>");
    let row = |number: usize, cells: [String; 2]| format!("<row r=\"{number}\">{}</row>", cells.concat());
    let rows = [row(1, [cell("A1", 0), cell("B1", 1)]), row(2, [cell("A2", 2), cell("B2", 3)])].concat();
    let keys = format!("<worksheet><sheetData>{rows}</sheetData></worksheet>");
    let empty = "<worksheet><sheetData/></worksheet>";
    fs::write(&original, crate::documents::workbook(&shared, &keys, empty)).expect("written");
    let ended = keysieve(["redact", &text(&original), "-o", &text(&copy), "--format", "json"]);
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    let list = ended.json();
    assert_eq!(list["replaced"].as_array().map(Vec::len), Some(1), "{list}");
    let mut zip = zip::ZipArchive::new(fs::File::open(&copy).expect("a copy")).expect("a zip");
    let mut strings = String::new();
    std::io::Read::read_to_string(&mut zip.by_name("xl/sharedStrings.xml").expect("a part"), &mut strings)
        .expect("text");
    let put = list["replaced"][0]["put"].as_str().expect("text");
    assert_eq!(strings, shared.replace(&password, put));
}

/// Credentials that are encrypted, with their key beside them: both go.
#[test]
fn what_is_sealed_goes_too() {
    let dir = folder();
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    let mut random = crate::common::Random(8);
    let (key, secret) = (random.alnum(32), random.alnum(40));
    fs::create_dir(&from).expect("made");
    let export = crate::platforms::credentials(&secret, &key);
    fs::write(from.join("credentials.json"), &export).expect("written");
    fs::write(from.join("config"), format!("{{\"encryptionKey\": \"{key}\"}}")).expect("written");
    let ended = keysieve(["redact", &text(&from), "-o", &text(&to), "--format", "json"]);
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    let clean: Value =
        serde_json::from_slice(&fs::read(to.join("credentials.json")).expect("a copy")).expect("JSON");
    assert!(clean[0]["data"].as_str().is_some_and(|data| data.starts_with("REDACTED_")), "{clean}");
    assert!(!fs::read_to_string(to.join("config")).expect("a copy").contains(&key));
}
