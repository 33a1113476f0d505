//! The text of markup, whole, in windows, and within other texts.

use std::io::Read;

use keysieve::blob::{Alone, Provenance};
use keysieve::budget::Budget;
use keysieve::detect::Detectors;
use keysieve::finding::{Encoding, Finding};
use keysieve::scan::{self, Scanner, Scratch};
use keysieve::signature::built_in;
use serde_json::json;

use crate::common::{NOW, Random, Short, findings, short, token, value};

/// A token in two halves.
fn halves(number: u64) -> (String, [String; 2]) {
    let token = token("stripe-secret-key", number);
    let (left, right) = token.split_at(14);
    (token.clone(), [left.to_owned(), right.to_owned()])
}

fn decoded(text: &str, token: &str) -> Option<Vec<Encoding>> {
    let found = findings(text);
    let finding = found.iter().find(|finding| value(finding) == token)?;
    let bytes = finding.location.bytes.clone()?;
    let span = text.get(bytes.start as usize..bytes.end as usize)?;
    assert!(span.starts_with(token.get(..2)?), "{span}");
    Some(finding.location.decoded.clone())
}

#[test]
fn what_formatting_splits_is_one_word() {
    let (token, [left, right]) = halves(1);
    for text in [
        format!(
            "<w:document><w:body><w:p><w:r><w:t>{left}</w:t></w:r><w:r><w:rPr><w:b/></w:rPr><w:t>{right}</w:t></w:r></w:p></w:body></w:document>"
        ),
        format!(
            "<?xml version=\"1.0\"?>\n<sst><si><r><t>{left}</t></r><r><rPr><sz val=\"11\"/></rPr><t>{right}</t></r></si></sst>"
        ),
        format!("<!DOCTYPE html><p>key <b>{left}</b>{right}</p>"),
        format!("<html><body>{left}<wbr>{right}"),
        format!("<office:text><text:p>{left}<text:span>{right}</text:span></text:p></office:text>"),
    ] {
        assert_eq!(decoded(&text, &token), Some(vec![Encoding::Markup]), "{text}");
    }
    let utf16: Vec<u8> =
        format!("\u{feff}<p>{left}<i>{right}</i></p>").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let found = findings(utf16);
    assert_eq!(found.iter().map(value).collect::<Vec<_>>(), [token]);
}

#[test]
fn markup_within_another_text() {
    let (token, [left, right]) = halves(2);
    for html in [
        format!("<p>your key: <b>{left}</b>{right}</p>"),
        format!("<div style=\"color: red\">{left}<span style=\"color: red\">{right}</span></div>"),
        format!("your key: {left}<wbr>{right}"),
        format!("your key: {}&#95;{}", left.replacen("sk_", "sk&#95;", 1).trim_end_matches('_'), right)
            .replace(&format!("&#95;{right}"), &right),
    ] {
        let text = json!({"mail": {"body": html}}).to_string();
        let seen = |step: &Encoding| matches!(step, Encoding::Markup | Encoding::Entities);
        assert!(decoded(&text, &token).is_some_and(|steps| steps.iter().any(seen)), "{text}");
        let text = format!("Subject: x\n\n{html}\n");
        assert!(decoded(&text, &token).is_some(), "{text}");
    }
}

#[test]
fn entities_in_attributes_are_characters() {
    let (token, _) = halves(3);
    let text = format!(
        "<Relationships><Relationship Target=\"https://x.example/?a=1&amp;k={}\"/></Relationships>",
        token.replacen('_', "&#x5F;", 1)
    );
    assert_eq!(decoded(&text, &token), Some(vec![Encoding::Entities]));
}

#[test]
fn two_paragraphs_are_two_words() {
    let (_, [left, right]) = halves(4);
    for between in ["</p><p>", "<br>", "</td><td>", " ", "\n"] {
        let text = format!("<html><table><tr><td><p>{left}{between}{right}</p></td></tr></table></html>");
        assert!(decoded(&text, &format!("{left}{right}")).is_none(), "{text}");
    }
}

/// A long document, with tokens split by more and more tags.
fn long(random: &mut Random) -> String {
    let mut text = String::from("<?xml version=\"1.0\"?><w:document><w:body>");
    for number in 0..40 {
        for _ in 0..random.below(200) {
            text.push_str(
                "<w:p w14:paraId=\"00000000\"><w:r><w:t>Nothing to be seen here.</w:t></w:r></w:p>\n",
            );
        }
        let token = token("stripe-secret-key", number);
        let letters = token.chars().map(|c| {
            format!(
                "<w:r><w:rPr><w:b/><w:color w:val=\"FF0000\"/>{}</w:rPr><w:t>{c}</w:t></w:r>",
                "<w:i/>".repeat(random.below(90))
            )
        });
        text.push_str(&format!("<w:p>{}</w:p>\n<!-- <p> -->", letters.collect::<String>()));
    }
    text + "</w:body></w:document>"
}

fn scanner(window: usize) -> Scanner {
    Scanner {
        detectors: Detectors::new(built_in().iter().collect()),
        budget: Budget { window, ..Budget::default() },
        now: NOW,
        worker: None,
    }
}

#[test]
fn a_stream_of_markup_gives_the_findings_of_the_whole() {
    let text = long(&mut Random(7));
    let in_order = |found: &[Finding]| found.iter().map(short).collect::<Vec<Short>>();
    let whole = in_order(&findings(&text));
    assert_eq!(whole.len(), 40);
    for window in [1, 100_000, 1 << 20] {
        let mut reopen = || Ok(Box::new(std::io::Cursor::new(text.clone())) as Box<dyn Read>);
        let scratch = &mut Scratch::default();
        let provenance = Provenance::file("test");
        let mut reader = text.as_bytes();
        let scan = scan::stream(&provenance, &mut reader, &mut reopen, &Alone, &scanner(window), scratch);
        assert_eq!(in_order(&scan.findings), whole, "{window}");
    }
}
