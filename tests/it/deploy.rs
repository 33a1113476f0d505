//! The templates of `deploy/`, each by its own validator where there is one on this machine, and that the commands in them
//! are ones that keysieve understands.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::say;

fn deploy(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(name)
}

#[test]
fn units_of_systemd_are_sound() {
    let folder = tempfile::tempdir().expect("a folder");
    let units = ["keysieve-sweep.service", "keysieve-sweep.timer"].map(|name| {
        let text = fs::read_to_string(deploy("systemd").join(name)).expect("read");
        let path = folder.path().join(name);
        // What is not installed here would be the only complaint.
        fs::write(&path, text.replace("/usr/bin/keysieve", env!("CARGO_BIN_EXE_keysieve"))).expect("written");
        path
    });
    let Ok(verified) = Command::new("systemd-analyze").arg("verify").args(units).output() else {
        return say("left out: systemd-analyze is not here");
    };
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
}

#[test]
fn the_task_of_windows_is_xml_with_what_a_task_needs() {
    let text = fs::read_to_string(deploy("windows/keysieve-sweep.xml")).expect("read");
    let mut reader = quick_xml::Reader::from_str(&text);
    let (mut open, mut names) = (Vec::new(), Vec::new());
    loop {
        match reader.read_event().expect("well-formed") {
            quick_xml::events::Event::Start(tag) => {
                let name = String::from_utf8(tag.name().as_ref().to_vec()).expect("UTF-8");
                open.push(name.clone());
                names.push(name);
            }
            quick_xml::events::Event::End(_) => drop(open.pop()),
            quick_xml::events::Event::Eof => break,
            _ => {}
        }
    }
    assert!(open.is_empty());
    for name in ["Task", "Triggers", "Principals", "Settings", "Actions", "Exec", "Command", "Arguments"] {
        assert!(names.iter().any(|it| it == name), "{name}");
    }
}

/// By the API's own schemas, with `kubernetes-validate` (PyPI), which brings them along.
#[test]
fn manifests_of_kubernetes_are_as_the_api_wants_them() {
    for name in ["cronjob.yaml", "indexed-job.yaml"] {
        let path = deploy("kubernetes").join(name);
        let Ok(checked) = Command::new("kubernetes-validate").arg("--strict").arg(path).output() else {
            return say("left out: kubernetes-validate is not here");
        };
        let said = [checked.stderr.as_slice(), &checked.stdout].concat();
        let said = String::from_utf8_lossy(&said);
        assert!(checked.status.success() && said.contains("passed"), "{name}: {said}");
    }
}

/// crontab(5): five fields of time, in a file of `/etc/cron.d` a user, and the command. No `%`, which means a new line.
#[test]
fn the_line_of_cron_has_its_fields() {
    let text = fs::read_to_string(deploy("cron/keysieve-sweep")).expect("read");
    let is_setting = |line: &&str| line.split_once('=').is_some_and(|(name, _)| !name.contains(' '));
    let lines: Vec<_> =
        text.lines().filter(|line| !line.starts_with('#') && !line.is_empty() && !is_setting(line)).collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    let fields: Vec<_> = lines[0].split_whitespace().collect();
    for (field, most) in fields.iter().zip([59, 23, 31, 12, 7]) {
        assert!(*field == "*" || field.parse::<u32>().is_ok_and(|it| it <= most), "{field}");
    }
    assert_eq!((fields[5], fields[6]), ("keysieve", "/usr/bin/keysieve"));
    assert!(!lines[0].contains('%'));
    assert!(text.ends_with('\n'), "cron passes over a last line without an end");
}

/// The options of each command line in the templates stand in the command's own help.
#[test]
fn options_in_the_templates_exist() {
    let mut seen = 0;
    for name in [
        "cron/keysieve-sweep",
        "systemd/keysieve-sweep.service",
        "windows/keysieve-sweep.xml",
        "kubernetes/cronjob.yaml",
        "kubernetes/indexed-job.yaml",
    ] {
        let text = fs::read_to_string(deploy(name)).expect("read");
        for command in ["sweep", "manifest", "merge"] {
            let help = Command::new(env!("CARGO_BIN_EXE_keysieve"))
                .args([command, "--help"])
                .output()
                .expect("help");
            let help = String::from_utf8(help.stdout).expect("UTF-8");
            let start = format!("keysieve {command} ");
            for call in text.split(&start).skip(1) {
                let call = call.split(['|', '<', '[']).next().unwrap_or_default();
                for option in call.split_whitespace().filter(|word| word.starts_with("--")) {
                    assert!(help.contains(option), "{name}: {command} {option}");
                    seen += 1;
                }
            }
        }
    }
    assert!(seen > 20, "{seen}");
}
