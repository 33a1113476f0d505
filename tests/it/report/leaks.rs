//! No secret leaves: a token planted in every string that comes from outside, looked for in every output.

use std::sync::Arc;

use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER};
use keysieve::blob::{Provenance, Span};
use keysieve::budget::{Gap, Reason};
use keysieve::finding::{Finding, Flow, Part, Secret, Step};
use keysieve::mask::Masker;
use keysieve::report::{Acceptance, Format, Options, Report, Run, write};
use keysieve::signature::{Signature, Vendor};

use super::made::{STRIPE_LIVE, finding, location, run};

/// Tokens are made here and now: none is ever in the repository. The second character is one that our own words do not
/// have, so that a short token is not in them by chance.
fn random(length: usize) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = vec![0; length];
    getrandom::fill(&mut bytes).expect("random bytes");
    let mut token: Vec<u8> = bytes.iter().map(|byte| ALPHABET[usize::from(byte & 63)]).collect();
    token[1] = b'+';
    String::from_utf8(token).expect("ASCII")
}

/// Hands out names with a token in them: in turn as it is, and in encodings.
struct Planter {
    token: String,
    planted: usize,
}

impl Planter {
    fn name(&mut self) -> String {
        let token = &self.token;
        self.planted += 1;
        let form = match self.planted % 6 {
            0 => token.bytes().map(|byte| format!("%{byte:02X}")).collect(),
            1 => BASE64.encode(format!("user:{token}").as_bytes()),
            2 => format!("x{}", BASE64URL_NOPAD.encode(token.as_bytes())),
            3 => token.replace('/', "\\/"),
            4 => token.replace('/', "~1"),
            _ => token.clone(),
        };
        format!("name {form} \u{202e}\x1b]0;x\x07 \"<&{{}}")
    }

    fn some(&mut self) -> Option<String> {
        Some(self.name())
    }

    fn leaked(&mut self) -> &'static str {
        Box::leak(self.name().into_boxed_str())
    }
}

/// A finding with the token in each of its strings.
fn planted(planter: &mut Planter, secret: &str) -> Finding {
    let vendor = Box::leak(Box::new(Vendor {
        id: "vendor",
        name: planter.leaked(),
        source: planter.leaked(),
        revoke: planter.leaked(),
    }));
    let signature = Box::leak(Box::new(Signature {
        id: "planted",
        description: planter.leaked(),
        vendor: Some(vendor),
        shapes: &[],
        ..copy(&STRIPE_LIVE)
    }));
    let place = Provenance::file(planter.name()).entry(planter.name()).entry(planter.name());
    let mut finding = finding(signature, secret, &planter.name(), place);
    finding.location.pointer = planter.some();
    let also = Provenance::file(planter.name()).entry(planter.name());
    finding.also = vec![location(also, 1, 1, 4)];
    finding.also[0].pointer = planter.some();
    finding.place.flow = Some(Arc::new(Flow {
        platform: "n8n",
        id: planter.some(),
        name: planter.some(),
        owner: planter.some(),
        state: planter.some(),
        modified: planter.some(),
    }));
    finding.place.step = Some(Arc::new(Step {
        id: planter.some(),
        name: planter.some(),
        kind: planter.some(),
        enabled: None,
    }));
    finding.place.pointer = planter.some();
    finding.place.field = planter.some();
    finding.place.store = Some(planter.leaked());
    finding.parts = vec![Part { what: planter.name(), shown: planter.name(), secret: None }];
    finding.lifetime.evidence = planter.name();
    finding.public.insert("issuer", planter.name());
    finding.name = planter.some();
    finding
}

fn copy(signature: &Signature) -> Signature {
    Signature { shapes: &[], ..*signature }
}

/// A run with the token everywhere, and a finding without names, so that what stands in for them is written too.
fn planted_run(planter: &mut Planter, secret: &str) -> Run<'static> {
    let named = planted(planter, secret);
    let mut unnamed = planted(planter, secret);
    unnamed.place = Default::default();
    unnamed.location.bytes = None;
    let mut only_ids = planted(planter, secret);
    only_ids.place.flow = Some(Arc::new(Flow { id: planter.some(), ..Flow::default() }));
    only_ids.place.step = Some(Arc::new(Step { id: planter.some(), ..Step::default() }));
    let gap = Provenance::file(planter.name()).entry(planter.name());
    let mut run = run();
    run.inputs.push(planter.name());
    run.settings.push((planter.name(), planter.name()));
    run.findings.extend([named, unnamed, only_ids]);
    run.coverage.gaps.insert(0, Gap::new(&gap, Reason::Corrupt, planter.name()));
    run
}

fn outputs(run: Run<'_>, masker: &Masker, planter: &mut Planter) -> Vec<(String, String)> {
    let mut report = Report::new(run, masker);
    let last = report.findings.len() - 1;
    report.findings[last].accepted =
        Some(Acceptance { reason: planter.some(), who: planter.some(), ..Acceptance::by(planter.name()) });
    let mut outputs = Vec::new();
    for &format in Format::ALL {
        for colour in [false, true] {
            let mut out = Vec::new();
            let options = Options { colour, ..Options::default() };
            write(format, &report, masker, &options, &mut out).expect("written to memory");
            outputs.push((format!("{} {colour}", format.name()), String::from_utf8(out).expect("text")));
        }
    }
    outputs
}

fn assert_absent(token: &str, outputs: &[(String, String)]) {
    let json = serde_json::to_string(token).expect("a string");
    let mut forms = vec![
        token.to_owned(),
        json.trim_matches('"').to_owned(),
        token.replace('/', "\\/"),
        token.replace('/', "~1"),
        token.replace('/', "%2F").replace('+', "%2B"),
        token.bytes().map(|byte| format!("%{byte:02X}")).collect(),
        HEXLOWER.encode(token.as_bytes()),
        token.chars().rev().collect(),
    ];
    if token.len() > 4 {
        // Behind "user:" its groups are whole from the second byte on.
        let behind_user = &token.as_bytes()[1..];
        for base64 in [&BASE64_NOPAD, &BASE64URL_NOPAD] {
            forms.extend([base64.encode(token.as_bytes()), base64.encode(behind_user)]);
        }
    }
    for (name, output) in outputs {
        for form in &forms {
            assert!(!output.contains(form.as_str()), "{name} holds {form}:\n{output}");
        }
        let acting = ['\u{202e}', '\u{7}'].into_iter().find(|&c| output.contains(c));
        assert_eq!(acting, None, "{name}");
    }
}

#[test]
fn the_secret_of_a_finding_is_in_no_output() {
    for length in [4, 6, 12, 40, 300] {
        let token = random(length);
        let planter = &mut Planter { token: token.clone(), planted: 0 };
        let run = planted_run(planter, &token);
        let secrets: Vec<_> = run.findings.iter().map(|finding| finding.secret.clone()).collect();
        let masker = Masker::new(&secrets, &keysieve::mask::no_detector);
        assert_absent(&token, &outputs(run, &masker, planter));
    }
}

#[test]
fn a_token_that_made_no_finding_is_in_no_output() {
    let token = random(40);
    let detect = |text: &str| -> Vec<Span> {
        text.match_indices(&token).map(|(at, found)| at..at + found.len()).collect()
    };
    let masker = Masker::new([], &detect);
    let planter = &mut Planter { token: token.clone(), planted: 0 };
    let run = planted_run(planter, "another");
    assert_absent(&token, &outputs(run, &masker, planter));
}

#[test]
fn a_terminal_gets_no_escapes_but_colours() {
    let token = random(24);
    let planter = &mut Planter { token: token.clone(), planted: 0 };
    let run = planted_run(planter, &token);
    let secrets: Vec<_> = run.findings.iter().map(|finding| finding.secret.clone()).collect();
    let masker = Masker::new(&secrets, &keysieve::mask::no_detector);
    for (name, output) in outputs(run, &masker, planter) {
        let stripped = anstream::adapter::strip_str(&output).to_string();
        assert!(!stripped.contains('\x1b'), "{name}");
        if !["human true", "plain true"].contains(&&*name) {
            assert!(!output.contains('\x1b'), "{name}");
        }
    }
}

proptest::proptest! {
    /// Whatever stands around it, and however often and in whatever order forms of it stand side by side.
    #[test]
    fn no_text_shows_a_known_value(
        token in "[A-Z/+%~üÉ ]{4,24}",
        around in "[A-Za-z0-9%&#;/~=.-]{0,12}",
        forms in proptest::collection::vec(0..6usize, 1..5),
    ) {
        let mut planter = Planter { token: token.clone(), planted: 0 };
        let text: String = forms
            .into_iter()
            .map(|form| {
                planter.planted = form;
                format!("{around}{}{around}", planter.name())
            })
            .collect();
        let secret = Secret::new(token.as_bytes());
        let shown = Masker::new([&secret], &keysieve::mask::no_detector).text(&text);
        let decoded = shown.replace("~1", "/").replace("\\/", "/");
        proptest::prop_assert!(!shown.contains(&token) && !decoded.contains(&token), "{shown}");
        for base64 in [&BASE64_NOPAD, &BASE64URL_NOPAD] {
            proptest::prop_assert!(!shown.contains(&base64.encode(token.as_bytes())), "{shown}");
        }
    }

    /// No text and no detector makes it panic, and what it shows is never longer than the escapes can make it.
    #[test]
    fn any_text_can_be_masked(text in "\\PC{0,80}|.{0,80}", start in 0..100usize, length in 0..100usize) {
        let detect = |_: &str| std::iter::once(start..start + length).collect();
        let shown = Masker::new([], &detect).text(&text);
        proptest::prop_assert!(shown.len() <= text.len() * 8 + 8);
        proptest::prop_assert!(!shown.chars().any(char::is_control));
    }
}
