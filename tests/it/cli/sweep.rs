//! `keysieve sweep` and `keysieve state`: the life of findings, what is read again, and that nothing is lost.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::made::{Ended, Tree, github, keysieve, n8n};
use crate::common::{Random, jwt};
use crate::containers::zip;

/// A share, and the state of its sweeps outside of it.
struct Share {
    tree: Tree,
    state: Tree,
}

impl Share {
    fn new() -> Self {
        Self { tree: Tree::new(), state: Tree::new() }
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.tree.at(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, bytes).expect("written");
    }

    /// Waits until no file could change unseen any more, and sweeps.
    fn sweep(&self, more: &[&str]) -> Ended {
        std::thread::sleep(Duration::from_millis(80));
        self.sweep_of(&[self.tree.path()], more)
    }

    /// Lists the share, and has it scanned by so many shards: the list and the parts.
    fn shards(&self, of: u64) -> (String, Vec<String>) {
        std::thread::sleep(Duration::from_millis(80));
        let name = |name: &str| self.state.at(name).to_str().expect("UTF-8").to_owned();
        let (state, list, key) = (name("s.state"), name("list"), name("s.state.key"));
        let root = self.tree.path().to_str().expect("UTF-8");
        let listed = keysieve(["manifest", root, "--state", &state, "--to", &list]);
        assert_eq!(listed.status, 0, "{}", listed.stderr);
        let part = |number: u64| {
            let part = name(&format!("part-{number}-of-{of}"));
            let shard = format!("{number}/{of}");
            let fixed = ["sweep", "--manifest", &list, "--shard", &shard, "--part", &part, "--quiet"];
            let ended = keysieve(fixed.into_iter().chain(["--fingerprint-key-file", &key]));
            assert_eq!(ended.status, 0, "{}", ended.stderr);
            part
        };
        let parts = (1..=of).map(part).collect();
        (list, parts)
    }

    fn merge(&self, list: &str, parts: &[String]) -> Ended {
        let state = self.state.at("s.state");
        let fixed =
            ["merge", "--manifest", list, "--format", "json", "--state", state.to_str().expect("UTF-8")];
        keysieve(fixed.into_iter().chain(parts.iter().map(String::as_str)))
    }

    fn sweep_of(&self, roots: &[&Path], more: &[&str]) -> Ended {
        let state = self.state.at("s.state");
        let roots = roots.iter().map(|root| root.to_str().expect("UTF-8"));
        let fixed = ["--state", state.to_str().expect("UTF-8"), "--threads", "2"];
        keysieve(["sweep"].into_iter().chain(roots).chain(fixed).chain(more.iter().copied()))
    }

    fn state(&self, arguments: &[&str]) -> Ended {
        let state = self.state.at("s.state");
        let state = ["--state", state.to_str().expect("UTF-8")];
        keysieve(["state"].into_iter().chain(arguments.iter().copied()).chain(state))
    }

    /// File and state of all findings that the state knows.
    fn known(&self) -> BTreeMap<(String, String), String> {
        states(&self.state(&["findings", "--format", "json"]))
    }
}

/// File name with its members, preview → state.
fn states(ended: &Ended) -> BTreeMap<(String, String), String> {
    let report = ended.json();
    let findings = report["findings"].as_array().expect("findings");
    let named = |finding: &Value| {
        let place = finding["location"]["display"].as_str().expect("a place");
        let place = place.rsplit_once("/.tmp").map_or(place, |(_, rest)| rest);
        let place = place.split_once('/').map_or(place, |(_, rest)| rest).to_owned();
        let preview = finding["secret"]["preview"].as_str().expect("a preview").to_owned();
        ((place, preview), finding["state"].as_str().expect("a state").to_owned())
    };
    findings.iter().map(named).collect()
}

fn tail(token: &str) -> String {
    token.get(token.len() - 4..).expect("ASCII").to_owned()
}

/// `name ends → state`, for short assertions.
fn short(states: &BTreeMap<(String, String), String>) -> Vec<String> {
    let line = |((place, preview), state): (&(String, String), &String)| {
        let tail: String = preview.chars().rev().take(4).collect::<Vec<_>>().into_iter().rev().collect();
        format!("{place} {tail} {state}")
    };
    states.iter().map(line).collect()
}

#[test]
fn findings_are_new_open_resolved_and_reopened() {
    let share = Share::new();
    let token = github(1);
    let line = |state: &str| vec![format!("a.txt {} {state}", tail(&token))];
    share.write("a.txt", format!("token {token}"));
    share.write("b.txt", "nothing");
    let first = share.sweep(&["--format", "json"]);
    assert_eq!(first.status, 1, "{}", first.stderr);
    assert_eq!(short(&states(&first)), line("new"));
    let second = share.sweep(&["--format", "json"]);
    assert_eq!(second.status, 0, "{}{}", second.stdout, second.stderr);
    assert_eq!(short(&states(&second)), Vec::<String>::new(), "nothing changed");
    assert_eq!(second.json()["coverage"]["files"], 0, "nothing was read");
    assert_eq!(short(&share.known()), line("open"));
    share.write("a.txt", "token removed");
    let third = share.sweep(&["--format", "json"]);
    assert_eq!((third.status, short(&states(&third))), (0, line("resolved")));
    assert_eq!(third.json()["coverage"]["files"], 1, "only what changed was read");
    share.write("a.txt", format!("token {token}"));
    let fourth = share.sweep(&["--format", "json"]);
    assert_eq!((fourth.status, short(&states(&fourth))), (1, line("reopened")));
    fs::remove_file(share.tree.at("a.txt")).expect("removed");
    let fifth = share.sweep(&["--format", "json"]);
    assert_eq!(short(&states(&fifth)), line("resolved"));
}

#[test]
fn a_moved_secret_stays_open_since_it_was_first_seen() {
    let share = Share::new();
    let token = github(2);
    share.write("old/a.txt", format!("token {token}"));
    share.write("keep.txt", "x");
    share.sweep(&["--now", "2026-01-01T00:00:00Z"]);
    fs::rename(share.tree.at("old"), share.tree.at("new")).expect("renamed");
    let moved = share.sweep(&["--format", "json", "--now", "2026-01-02T00:00:00Z"]);
    assert_eq!(moved.status, 0, "no news: {}", moved.stdout);
    assert_eq!(short(&states(&moved)), [format!("new/a.txt {} open", tail(&token))]);
    let finding = &moved.json()["findings"][0];
    assert_eq!(finding["first_seen"], "2026-01-01T00:00:00Z");
    assert_eq!(finding["last_seen"], "2026-01-02T00:00:00Z");
    assert!(finding["moved_from"].as_str().is_some_and(|from| from.ends_with("old/a.txt")));
    assert_eq!(share.known().len(), 1);
}

#[test]
fn a_replaced_key_is_another_finding() {
    let share = Share::new();
    let (old, new) = (github(3), github(4));
    share.write("a.json", n8n("Flow", "Step", "Jane", &old));
    share.sweep(&[]);
    share.write("a.json", n8n("Flow", "Step", "Jane", &new));
    let mut expected = vec![format!("a.json {} resolved", tail(&old)), format!("a.json {} new", tail(&new))];
    expected.sort();
    let mut found = short(&states(&share.sweep(&["--format", "json"])));
    found.sort();
    assert_eq!(found, expected);
}

#[test]
fn a_clock_that_was_turned_back_hides_nothing() {
    let share = Share::new();
    let (old, new) = (github(5), github(6));
    share.write("a.txt", format!("token {old}"));
    let path = share.tree.at("a.txt");
    let before = fs::metadata(&path).expect("there").modified().expect("a time");
    share.sweep(&[]);
    fs::write(&path, format!("token {new}")).expect("written");
    fs::File::options().write(true).open(&path).and_then(|file| file.set_modified(before)).expect("set");
    let found = short(&states(&share.sweep(&["--format", "json"])));
    assert!(found.contains(&format!("a.txt {} new", tail(&new))), "{found:?}");
}

#[test]
fn what_expires_meanwhile_is_expired_without_being_read_again() {
    let share = Share::new();
    let token = jwt(&json!({"sub": "1234", "iat": 1_700_000_000, "exp": 1_800_000_000}), &mut Random(1));
    share.write("a.txt", format!("Authorization: Bearer {token}"));
    let class = |ended: &Ended| ended.json()["findings"][0]["lifetime"]["class"].clone();
    let first = share.sweep(&["--format", "json", "--all", "--now", "2026-01-01T00:00:00Z"]);
    assert_eq!(class(&first), "expiring", "{}", first.stdout);
    let later = share.sweep(&["--format", "json", "--all", "--now", "2027-12-01T00:00:00Z"]);
    assert_eq!(later.json()["coverage"]["files"], 0);
    assert_eq!(class(&later), "expired");
    let back = share.sweep(&["--format", "json", "--all", "--now", "2026-02-01T00:00:00Z"]);
    assert_eq!(class(&back), "expiring");
}

#[test]
fn roots_that_are_not_there_resolve_nothing() {
    let share = Share::new();
    let token = github(7);
    share.write("root/a.txt", format!("token {token}"));
    share.write("root/b/c.txt", "x");
    let root = share.tree.at("root");
    std::thread::sleep(Duration::from_millis(80));
    let sweep = || share.sweep_of(&[&root], &["--format", "json"]);
    assert_eq!(sweep().status, 1);
    let away = share.tree.at("away");
    fs::rename(&root, &away).expect("renamed");
    let missing = sweep();
    assert_eq!(missing.status, 3, "{}", missing.stderr);
    assert_eq!(short(&states(&missing)), [format!("root/a.txt {} unreadable", tail(&token))]);
    assert!(
        missing.json()["coverage"]["gaps"][0]["detail"]
            .as_str()
            .is_some_and(|it| it.contains("is not there"))
    );
    assert_eq!(sweep().status, 3, "reported each time");
    fs::create_dir(&root).expect("made");
    let empty = sweep();
    assert_eq!(empty.status, 3);
    assert!(empty.json()["coverage"]["gaps"][0]["detail"].as_str().is_some_and(|it| it.contains("empty")));
    fs::remove_dir(&root).expect("removed");
    fs::rename(&away, &root).expect("renamed");
    let back = sweep();
    assert_eq!((back.status, short(&states(&back))), (0, vec![format!("root/a.txt {} open", tail(&token))]));
    fs::remove_file(root.join("a.txt")).expect("removed");
    fs::remove_dir_all(root.join("b")).expect("removed");
    let meant = share.sweep_of(&[&root], &["--format", "json", "--accept-roots"]);
    assert_eq!(
        (meant.status, short(&states(&meant))),
        (0, vec![format!("root/a.txt {} resolved", tail(&token))])
    );
}

#[cfg(unix)]
#[test]
fn what_cannot_be_read_is_not_resolved() {
    use std::os::unix::fs::PermissionsExt;
    let share = Share::new();
    let token = github(8);
    share.write("in/a.txt", format!("token {token}"));
    share.write("b.txt", "x");
    share.sweep(&[]);
    let folder = share.tree.at("in");
    let mode = |mode| fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).expect("set");
    mode(0o000);
    if fs::read_dir(&folder).is_ok() {
        mode(0o755);
        crate::common::say("left out: this user may read everything");
        return;
    }
    let closed = share.sweep(&["--format", "json"]);
    assert_eq!(
        (closed.status, short(&states(&closed))),
        (3, vec![format!("in/a.txt {} unreadable", tail(&token))])
    );
    assert_eq!(share.sweep(&[]).status, 0, "a gap is news once");
    mode(0o755);
    let open = share.sweep(&["--format", "json"]);
    assert_eq!((open.status, short(&states(&open))), (0, vec![format!("in/a.txt {} open", tail(&token))]));
}

#[test]
fn a_member_that_is_damaged_is_unreadable_and_its_neighbour_is_not() {
    let share = Share::new();
    let (one, two) = (github(9), github(10));
    let archive =
        |first: &str, second: &str| zip(&[("one.txt", first.as_bytes()), ("two.txt", second.as_bytes())]);
    let whole = archive(&format!("token {one}"), &format!("token {two}"));
    share.write("a.zip", &whole);
    assert_eq!(share.sweep(&[]).status, 1);
    let mut broken = archive(&format!("token {one}"), "token gone");
    let at = broken.windows(7).position(|name| name == b"one.txt").expect("the member") + 12;
    broken[at] ^= 0xff;
    share.write("a.zip", &broken);
    let known = {
        share.sweep(&[]);
        share.known()
    };
    assert!(short(&known).contains(&format!("a.zip!/two.txt {} resolved", tail(&two))), "{known:?}");
    assert!(
        short(&known).iter().any(|line| line.starts_with("a.zip!/one.txt") && !line.ends_with("resolved")),
        "{known:?}"
    );
}

#[test]
fn an_accepted_finding_is_no_news_until_it_is_withdrawn() {
    let share = Share::new();
    let token = github(11);
    share.write("a.txt", format!("token {token}"));
    let first = share.sweep(&["--format", "json"]);
    let print = first.json()["findings"][0]["fingerprint"].as_str().expect("one").to_owned();
    let accepted = share.state(&["accept", &print, "--reason", "a test account", "--by", "jane"]);
    assert_eq!(accepted.status, 0, "{}", accepted.stderr);
    assert_eq!(short(&share.known()), [format!("a.txt {} accepted", tail(&token))]);
    let shown = share.state(&["show", &print, "--format", "json"]).json();
    assert_eq!(shown["findings"][0]["accepted"]["who"], "jane");
    share.write("b.txt", "x");
    assert_eq!(share.sweep(&[]).status, 0);
    assert_eq!(share.state(&["accept", &print, "--reason", "-", "--withdraw"]).status, 0);
    assert_eq!(short(&share.known()), [format!("a.txt {} open", tail(&token))]);
    assert_eq!(share.state(&["accept", "kf1:none", "--reason", "x"]).status, 2);
    assert_eq!(share.state(&["forget", &print]).status, 0);
    assert_eq!(short(&share.known()), Vec::<String>::new());
    assert_eq!(share.sweep(&[]).status, 1, "new once more");
    fs::remove_file(share.tree.at("a.txt")).expect("removed");
    share.sweep(&[]);
    assert_eq!(share.known().len(), 1);
    assert_eq!(share.state(&["compact", "--older-than", "0"]).status, 0);
}

#[test]
fn the_state_holds_no_secret_and_is_private() {
    let share = Share::new();
    let (token, named) = (github(12), github(13));
    share.write("a.txt", format!("token {token}"));
    share.write(&format!("b-{named}.txt"), "x");
    let password = format!("horse-{}-battery", 1_000_000 + Random(9).below(1_000_000));
    share.write("c.env", format!("PASSWORD={password}\n"));
    let ended = share.sweep(&["--format", "jsonl"]);
    assert_eq!(ended.status, 1, "{}", ended.stderr);
    for file in fs::read_dir(share.state.path()).expect("listed") {
        let path = file.expect("an entry").path();
        let bytes = fs::read(&path).expect("read");
        for secret in [&token, &named, &password] {
            let there = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!there, "{}", path.display());
        }
        #[cfg(unix)]
        assert_eq!(std::os::unix::fs::MetadataExt::mode(&fs::metadata(&path).expect("there")) & 0o077, 0);
    }
    assert!(!ended.stdout.contains(&token) && !ended.stdout.contains(&named));
}

#[test]
fn sweeps_end_in_time_and_go_on() {
    let share = Share::new();
    for number in 0..20 {
        share.write(&format!("{number}.txt"), format!("token {}", github(100 + number)));
    }
    let stopped = share.sweep(&["--max-time", "0", "--format", "json"]);
    assert_eq!(stopped.status, 3, "{}", stopped.stderr);
    let on = share.sweep(&["--format", "json"]);
    assert_eq!(on.json()["summary"]["sweep"]["number"], 1, "the same sweep");
    assert_eq!(states(&on).len(), 20);
    assert_eq!(share.sweep(&["--format", "json"]).json()["summary"]["sweep"]["number"], 2);
}

#[test]
fn content_is_compared_where_that_is_wanted() {
    let share = Share::new();
    share.write("a.txt", format!("token {}", github(14)));
    share.write("b.txt", "x");
    share.sweep(&["--verify-content"]);
    let again = share.sweep(&["--verify-content", "--format", "json"]);
    assert_eq!(again.json()["coverage"]["files"], 0);
    assert_eq!(again.json()["summary"]["sweep"]["unchanged"], 2);
}

#[test]
fn old_files_are_left_alone_where_that_is_wanted() {
    let share = Share::new();
    share.write("a.txt", format!("token {}", github(15)));
    let day = SystemTime::now() + Duration::from_secs(86_400);
    let day = time::OffsetDateTime::from(day)
        .format(&time::format_description::well_known::Rfc3339)
        .expect("a time");
    let none = share.sweep(&["--since", &day, "--format", "json"]);
    assert_eq!((none.status, states(&none).len()), (0, 0), "{}", none.stdout);
    assert_eq!(share.sweep(&["--since", "7d"]).status, 1);
}

#[test]
fn wrong_usage_is_said() {
    let share = Share::new();
    share.write("in/a.txt", "x");
    let inner = share.tree.at("in");
    let file = share.tree.at("in/a.txt");
    for (roots, more) in [
        (vec![share.tree.path(), inner.as_path()], vec![]),
        (vec![file.as_path()], vec![]),
        (vec![share.tree.path()], vec!["--show-secrets"]),
        (vec![share.tree.path()], vec!["--deadline", "3"]),
    ] {
        assert_eq!(share.sweep_of(&roots, &more).status, 2, "{roots:?} {more:?}");
    }
    assert_eq!(Share::new().state(&["findings"]).status, 2, "there is no state yet");
}

/// Sweeps once with as many kills before as `kills`, at moments between nothing and a whole sweep, and compares what the
/// state knows then with what it knows after a sweep that nobody disturbed.
#[cfg(unix)]
fn killed(kills: u32, files: u64) {
    let share = Share::new();
    for number in 0..files {
        let name = format!("{}/{}/{number}.txt", number % 7, number % 3);
        share.write(&name, format!("token {}\n", github(1000 + number % (files / 2))));
    }
    let undisturbed = Share { tree: Tree::new(), state: Tree::new() };
    std::thread::sleep(Duration::from_millis(80));
    let started = std::time::Instant::now();
    let report = undisturbed.sweep_of(&[share.tree.path()], &["--format", "json"]);
    let took = started.elapsed();
    assert_eq!(report.status, 1, "{}", report.stderr);
    let mut random = Random(u64::from(kills));
    for _ in 0..kills {
        let wait = took.mul_f64(random.below(1000) as f64 / 1000.0);
        let state = share.state.at("s.state");
        let mut command = super::made::command();
        command.args(["sweep", "--threads", "2", "--quiet", "--state"]).arg(&state).arg(share.tree.path());
        let mut child = command.stdout(std::process::Stdio::null()).spawn().expect("the binary");
        std::thread::sleep(wait);
        child.kill().expect("killed"); // SIGKILL
        child.wait().expect("an end");
        let db = rusqlite::Connection::open(&state).expect("opened");
        let sound: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("checked");
        assert_eq!(sound, "ok");
    }
    share.sweep(&["--quiet"]);
    let (expected, found) = (undisturbed.known(), share.known());
    assert_eq!(expected.len() as u64, files);
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    let one_sweep = share.state(&["findings", "--format", "json"]).json()["summary"]["sweep"]["number"] == 1;
    if one_sweep {
        assert_eq!(found, expected);
    }
    assert_eq!(share.sweep(&["--quiet"]).status, 0, "nothing is new after that");
}

#[cfg(unix)]
#[test]
fn a_sweep_that_is_killed_loses_nothing() {
    killed(10, 300);
}

/// `cargo test --test it -- --ignored killed_200_times`
#[cfg(unix)]
#[test]
#[ignore = "takes minutes"]
fn a_sweep_that_is_killed_200_times_loses_nothing() {
    killed(200, 3000);
}

#[test]
fn two_sweeps_on_one_state_exclude_each_other() {
    let share = Share::new();
    for number in 0..200 {
        share.write(&format!("{number}.txt"), vec![b'x'; 5000]);
    }
    let state = share.state.at("s.state");
    let mut command = super::made::command();
    command.args(["sweep", "--quiet", "--max-bytes-per-second", "100000", "--state"]).arg(&state);
    let mut first = command.arg(share.tree.path()).spawn().expect("the binary");
    let lock = share.state.at("s.state.lock");
    while fs::read_to_string(&lock).map_or(true, |text| text.is_empty()) {
        std::thread::sleep(Duration::from_millis(5));
    }
    let second = share.sweep_of(&[share.tree.path()], &[]);
    first.kill().expect("killed");
    first.wait().expect("an end");
    assert_eq!(second.status, 4, "{}", second.stderr);
    assert!(second.stderr.contains(&format!("process {}", first.id())), "{}", second.stderr);
    assert_eq!(share.sweep(&["--quiet"]).status, 0, "a lease ends with its process");
}

/// A share with a bit of everything.
fn mixed() -> Share {
    let share = Share::new();
    for number in 0..30 {
        share.write(&format!("{}/{number}.txt", number % 4), format!("token {}", github(200 + number)));
    }
    let member = format!("token {}", github(300));
    share.write("deep/er/a.zip", zip(&[("in.txt", member.as_bytes())]));
    share.write("big.txt", vec![b'x'; 300_000]);
    share
}

#[test]
fn shards_give_what_one_sweep_gives_in_any_order_and_any_number_of_times() {
    let share = mixed();
    let (list, mut parts) = share.shards(5);
    let alone = Share { tree: Tree::new(), state: Tree::new() };
    alone.sweep_of(&[share.tree.path()], &["--quiet"]);
    let first = share.merge(&list, &parts[3..]);
    assert_eq!(first.json()["summary"]["sweep"]["whole"], false);
    parts.reverse();
    let merged = share.merge(&list, &parts);
    assert_eq!(merged.status, 1, "{}", merged.stderr);
    assert_eq!(merged.json()["summary"]["sweep"]["whole"], true);
    assert_eq!(share.known(), alone.known());
    assert_eq!(share.known().len(), 31);
    let again = share.merge(&list, &parts);
    assert_eq!(again.json()["summary"]["sweep"]["number"], 1, "twice is once");
    assert_eq!(share.known(), alone.known());
    fs::remove_dir_all(share.tree.at("1")).expect("removed");
    fs::rename(share.tree.at("2/2.txt"), share.tree.at("3/moved.txt")).expect("renamed");
    let (list, parts) = share.shards(2);
    let second = share.merge(&list, &parts);
    assert_eq!(second.json()["summary"]["sweep"]["number"], 2);
    alone.sweep_of(&[share.tree.path()], &["--quiet"]);
    assert_eq!(share.known(), alone.known());
    let states = short(&share.known());
    assert_eq!(states.iter().filter(|line| line.ends_with("resolved")).count(), 8, "{states:?}");
    assert!(states.iter().any(|line| line.starts_with("3/moved.txt") && line.ends_with("open")));
    // What was merged is known to a sweep on one machine as well.
    let local = share.sweep(&["--format", "json"]);
    assert_eq!((local.status, states_len(&local)), (0, 0), "{}", local.stdout);
    assert_eq!(local.json()["coverage"]["files"], 0, "nothing is read again");
}

fn states_len(ended: &Ended) -> usize {
    states(ended).len()
}

#[test]
fn shards_share_the_bytes_evenly() {
    let share = Share::new();
    for number in 0..64 {
        share.write(&format!("{number}.txt"), vec![b'x'; 100_000]);
    }
    let (_, parts) = share.shards(4);
    for part in parts {
        let text = fs::read_to_string(&part).expect("read");
        let files = text.lines().filter(|line| line.starts_with("{\"type\":\"file\"")).count();
        assert!((15..=18).contains(&files), "{part}: {files}");
    }
}

#[test]
fn parts_that_do_not_belong_are_refused() {
    let share = mixed();
    let (list, parts) = share.shards(2);
    let text = fs::read_to_string(&parts[0]).expect("read");
    let cut: String = text.lines().take(3).map(|line| format!("{line}\n")).collect();
    let changed = text.replacen("\"bytes\":", "\"bytes\":1", 1);
    for (what, bad) in [("cut", cut), ("changed", changed), ("empty", String::new())] {
        let path = share.state.at(what);
        fs::write(&path, bad).expect("written");
        let ended = share.merge(&list, &[path.to_str().expect("UTF-8").to_owned()]);
        assert_eq!(ended.status, 2, "{what}: {}", ended.stdout);
    }
    share.write("another.txt", "x");
    share.shards(3);
    assert_eq!(share.merge(&list, &parts).status, 2, "the list is another one now");
    assert!(share.known().is_empty());
}

#[test]
fn changes_are_told_as_ocsf_events_and_metrics() {
    let share = Share::new();
    let token = github(16);
    share.write("a.txt", format!("token {token}"));
    share.write("b.txt", "x");
    let (ocsf, metrics) = (share.state.at("o.jsonl"), share.state.at("m.prom"));
    let outputs =
        ["--ocsf", ocsf.to_str().expect("UTF-8"), "--metrics", metrics.to_str().expect("UTF-8"), "--quiet"];
    let events = || -> Vec<Value> {
        let text = fs::read_to_string(&ocsf).expect("read");
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    };
    share.sweep(&outputs);
    let first = events();
    assert_eq!(first.len(), 1);
    for (name, value) in [
        ("class_uid", 2006),
        ("category_uid", 2),
        ("activity_id", 1),
        ("type_uid", 200_601),
        ("status_id", 1),
    ] {
        assert_eq!(first[0][name], value, "{name}");
    }
    let text = fs::read_to_string(&metrics).expect("read");
    assert!(text.contains("keysieve_findings{state=\"new\"} 1\n"), "{text}");
    assert!(text.contains("keysieve_sweep_files_read 2\n"), "{text}");
    share.sweep(&outputs);
    assert!(events().is_empty(), "nothing changed");
    fs::remove_file(share.tree.at("a.txt")).expect("removed");
    share.sweep(&outputs);
    let last = events();
    assert_eq!((last[0]["activity_id"].as_u64(), last[0]["status_id"].as_u64()), (Some(3), Some(4)));
    assert_eq!(last[0]["finding_info"]["uid"], first[0]["finding_info"]["uid"]);
    assert!(!fs::read_to_string(&ocsf).expect("read").contains(&token));
}

#[test]
fn sarif_says_what_is_new_and_what_is_absent() {
    let share = Share::new();
    share.write("a.txt", format!("token {}", github(17)));
    share.write("b.txt", "x");
    let state = |ended: &Ended| ended.json()["runs"][0]["results"][0]["baselineState"].clone();
    assert_eq!(state(&share.sweep(&["--format", "sarif"])), "new");
    fs::remove_file(share.tree.at("a.txt")).expect("removed");
    assert_eq!(state(&share.sweep(&["--format", "sarif"])), "absent");
}

#[cfg(unix)]
#[test]
fn a_command_is_told_of_each_new_finding_until_it_takes_it() {
    use std::os::unix::fs::PermissionsExt;
    let share = Share::new();
    let token = github(18);
    share.write("a.txt", format!("token {token}"));
    let told = share.state.at("told");
    let program = share.state.at("tell.sh");
    let script = |works: bool| {
        let text = format!(
            "#!/bin/sh\nread line\necho \"$KEYSIEVE_IDEMPOTENCY_KEY $line\" >> {}\nexit {}\n",
            told.display(),
            u8::from(!works)
        );
        fs::write(&program, text).expect("written");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("set");
    };
    let lines =
        || fs::read_to_string(&told).unwrap_or_default().lines().map(str::to_owned).collect::<Vec<_>>();
    script(false);
    let notify = ["--notify", program.to_str().expect("UTF-8"), "--quiet"];
    let failed = share.sweep(&notify);
    assert_eq!(failed.status, 4, "{}", failed.stderr);
    let attempts = lines();
    assert_eq!(attempts.len(), 3, "{attempts:?}");
    script(true);
    assert_eq!(share.sweep(&notify).status, 0);
    let all = lines();
    assert_eq!(all.len(), 4, "the next sweep delivers what waited");
    assert!(all.iter().all(|line| line == &all[0]), "the same key, the same message");
    assert!(all[0].contains("\"event\":\"new\"") && !all[0].contains(&token));
    share.sweep(&notify);
    assert_eq!(lines().len(), 4, "and once only");
}

/// A server that answers each request with the next status, and keeps what it was told.
#[cfg(feature = "webhook")]
fn server(statuses: &'static [u16]) -> (String, std::thread::JoinHandle<Vec<String>>) {
    use std::io::{BufRead, BufReader, Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
    let serve = move || {
        let mut told = Vec::new();
        for status in statuses {
            let (mut stream, _) = listener.accept().expect("a call");
            let mut reader = BufReader::new(stream.try_clone().expect("cloned"));
            let (mut head, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).expect("a line");
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().expect("a number");
                }
                if line.trim().is_empty() {
                    break;
                }
                head += &line;
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).expect("a body");
            told.push(head.to_lowercase() + &String::from_utf8(body).expect("UTF-8"));
            write!(stream, "HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                .expect("sent");
        }
        told
    };
    (url, std::thread::spawn(serve))
}

#[cfg(feature = "webhook")]
#[test]
fn a_webhook_is_called_again_until_it_takes_the_message() {
    let share = Share::new();
    let token = github(19);
    share.write("a.txt", format!("token {token}"));
    let (url, served) = server(&[503, 302, 204]);
    let ended = share.sweep(&["--webhook", &url, "--quiet"]);
    assert_eq!(ended.status, 1, "{}", ended.stderr);
    let told = served.join().expect("served");
    assert!(told.iter().all(|request| request.starts_with("post /hook") && !request.contains(&token)));
    let key = |request: &String| {
        request
            .lines()
            .find_map(|line| line.strip_prefix("idempotency-key: ").map(str::to_owned))
            .expect("a key")
    };
    assert_eq!(key(&told[0]), key(&told[2]));
    assert_eq!(share.sweep(&["--webhook", &url, "--quiet"]).status, 0, "nothing is left to tell");
}

#[cfg(unix)]
#[test]
fn hostile_names_act_on_nothing() {
    let share = Share::new();
    let token = github(20);
    let name = "a\u{1b}]0;x\u{7}\u{202e}'; DROP TABLE findings; -- \"$(id)\n.txt";
    share.write(name, format!("token {token}"));
    share.write("=cmd|x.csv", format!("token {}", github(21)));
    let state = share.state.at("s.state");
    for format in ["human", "json", "jsonl", "sarif"] {
        let ended = share.sweep(&["--all", "--format", format]);
        assert!(!ended.stdout.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{format}");
        assert!(!ended.stderr.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{format}");
    }
    let db = rusqlite::Connection::open(&state).expect("opened");
    let count: i64 = db.query_row("SELECT count(*) FROM findings", [], |row| row.get(0)).expect("a table");
    assert_eq!(count, 2);
    let told: Vec<u8> = fs::read(&state).expect("read");
    assert!(!told.windows(2).any(|pair| pair == b"\x1b]"));
}

#[test]
fn configuration_inside_of_a_root_is_not_trusted() {
    let share = Share::new();
    let token = github(22);
    share.write("a.txt", format!("token {token} # keysieve:allow"));
    share.write(".keysieve.toml", "[[rules]]\npaths = [\"**\"]\n");
    share.write(".keysieveignore", "**\n");
    share.write(".gitignore", "*\n");
    let found = share.sweep(&["--format", "json"]);
    assert_eq!(short(&states(&found)), [format!("a.txt {} new", tail(&token))]);
}

#[test]
fn reports_of_a_sweep_are_as_the_schema_says() {
    let schema =
        fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/keysieve-1.json")).expect("read");
    let schema = serde_json::from_slice(&schema).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let share = mixed();
    for more in [&[][..], &["--all"]] {
        let report = share.sweep(&[&["--format", "json"], more].concat()).json();
        let errors: Vec<String> = validator.iter_errors(&report).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}");
        assert!(report["summary"]["sweep"]["states"].is_object());
    }
}
