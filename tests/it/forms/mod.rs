//! The forms that a token is hidden in: each with four vendors' tokens, found whole and in clear. `docs/forms.md` is the
//! table of them, with the place as it is shown; `KEYSIEVE_ACCEPT=1` writes it anew.

mod containers;
mod documents;
mod encodings;

use std::fmt::Write as _;

use keysieve::budget::Reason;
use keysieve::engine::{self, Input, Options, Unwatched};
use keysieve::finding::Finding;

use crate::common::{Random, SCANNER, token, value};

/// Letters and digits; underscores; digits and hyphens; dots and both signs of base64url.
const VENDORS: [&str; 4] =
    ["github-personal-access-token", "stripe-secret-key", "slack-bot-token", "sendgrid-api-key"];

/// One way to hide a token.
struct Form {
    /// What it is, as the table calls it.
    name: &'static str,
    /// The file's name, which decides nothing but for Brotli.
    file: &'static str,
    /// The file with a token in it.
    hide: fn(&str) -> Vec<u8>,
}

/// A form, shorter.
const fn form(name: &'static str, file: &'static str, hide: fn(&str) -> Vec<u8>) -> Form {
    Form { name, file, hide }
}

/// The findings of a form that are the token itself.
fn found(form: &Form, token: &str) -> Vec<Finding> {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join(form.file);
    std::fs::write(&path, (form.hide)(token)).expect("a file");
    let outcome =
        engine::run(&[Input::Path(path)], &SCANNER, &Options::default(), &Unwatched).expect("a run");
    assert_eq!(outcome.coverage.gaps, [], "{}", form.name);
    outcome.findings.into_iter().filter(|finding| value(finding) == token).collect()
}

/// Where a finding is, as a report shows it.
fn place(form: &Form, finding: &Finding, token: &str) -> String {
    let location = &finding.location;
    let mut shown = form.file.to_owned();
    for entry in &location.provenance.entries {
        let _ = write!(shown, "!/{}", entry_name(entry, token));
    }
    let _ = match (&location.landmark, &location.pointer, location.line) {
        (Some(landmark), _, _) => write!(shown, ", {landmark}"),
        (None, Some(pointer), _) => write!(shown, " at `{pointer}`"),
        (None, None, Some(line)) => write!(shown, ", line {line}"),
        (None, None, None) => Ok(()),
    };
    shown
}

/// An entry's name without the numbers of bytes in it, which differ from token to token, and without the token.
fn entry_name(entry: &str, token: &str) -> String {
    let entry = entry.replace(token, "TOKEN");
    if !entry.starts_with("(b") {
        return entry;
    }
    let words = entry.split(' ').map(|word| match word.trim_end_matches(')').parse::<u64>() {
        Ok(_) => format!("N{}", word.trim_start_matches(|c: char| c.is_ascii_digit())),
        Err(_) => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The row of a form in the table, or what is wrong with it.
fn row(form: &Form) -> Result<String, String> {
    let mut rows = Vec::new();
    for (vendor, number) in VENDORS.iter().zip(1..) {
        let token = token(vendor, number);
        let found = found(form, &token);
        let finding = found.first().ok_or_else(|| format!("{}: no {vendor}", form.name))?;
        if finding.signature.id != *vendor {
            return Err(format!("{}: {vendor} is called {}", form.name, finding.signature.id));
        }
        let decoded: Vec<&str> = finding.location.decoded.iter().map(|step| step.name()).collect();
        let shown = place(form, finding, &token);
        rows.push(format!("| {} | {shown} | {} |\n", form.name, decoded.join(", ")));
    }
    rows.dedup();
    match rows.len() {
        1 => Ok(rows.concat()),
        _ => Err(format!("{}: shown in different ways: {rows:?}", form.name)),
    }
}

/// Cut off anywhere and with bits turned over: no decoder of ours fails, and what is looked at stays bounded.
#[test]
fn damaged_forms_are_survived() {
    let mut random = Random(3);
    for form in containers::FORMS.iter().chain(documents::FORMS) {
        let whole = (form.hide)(&token(VENDORS[0], 1));
        for round in 0..6 {
            let mut bytes = whole.clone();
            if round % 2 == 0 {
                bytes.truncate(random.below(whole.len()));
            }
            for _ in 0..round {
                let at = random.below(bytes.len().max(1));
                bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << random.below(8));
            }
            let input = Input::Bytes { name: form.file.into(), bytes: bytes.into() };
            let outcome = engine::run(&[input], &SCANNER, &Options::default(), &Unwatched).expect("a run");
            let coverage = &outcome.coverage;
            assert!(coverage.bytes < 16 << 20 && coverage.gaps.len() < 50, "{}: {coverage:?}", form.name);
            let failed = coverage.gaps.iter().find(|gap| gap.reason == Reason::DecoderFailed);
            assert!(failed.is_none(), "{}: {failed:?}", form.name);
        }
    }
}

#[test]
fn every_form_is_found_and_the_table_in_the_docs_is_true() {
    let mut page = "# Forms\n\nWhere keysieve finds a token, and how it says where. Made and checked by `tests/it/forms`, each form with \
                    the tokens of\nfour vendors; what needs another program to be made (7z, cabinets, RPM, legacy Office, PST, …) \
                    has its tests in\n`tests/it/archives.rs` and `tests/it/documents`.\n"
        .to_owned();
    let mut problems = Vec::new();
    for (title, forms) in [
        ("Archives and packages", containers::FORMS),
        ("Documents, mail and data", documents::FORMS),
        ("Encodings", encodings::FORMS),
    ] {
        let _ = write!(page, "\n## {title}\n\n| form | shown as | decoded |\n| --- | --- | --- |\n");
        for form in forms {
            match row(form) {
                Ok(row) => page.push_str(&row),
                Err(problem) => problems.push(problem),
            }
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/forms.md");
    if std::env::var_os("KEYSIEVE_ACCEPT").is_some() {
        std::fs::write(path, &page).expect("the page");
    }
    let written = std::fs::read_to_string(path).expect("docs/forms.md").replace("\r\n", "\n");
    assert!(
        written == page,
        "docs/forms.md is stale: run this test with KEYSIEVE_ACCEPT=1 and look at what changed"
    );
}
