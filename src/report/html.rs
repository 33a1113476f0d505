//! `html`: one self-contained page for a browser. Everything stands in the page as text, so it can be read, printed and searched
//! without its script, which only filters and groups what is there.
//!
//! A strict content security policy: nothing is loaded, and only this very script and style, named by their digests, count. What
//! comes from outside is escaped (HTML, section 13.3) and is text or the value of a quoted attribute, nothing else.

use std::io::{self, Write};

use data_encoding::BASE64;
use sha2::{Digest, Sha256};

use crate::finding::Confidence;

use super::verdict::{Outcome, Verdict};
use super::words::{counted, lives, platform, since, size, storage, why_not_read};
use super::{Identity, Page, Reported, plain, rfc3339, why};

const STYLE: &str = include_str!("html/page.css");
const SCRIPT: &str = include_str!("html/page.js");

/// Writes the page.
pub(super) fn write(page: &Page, out: &mut dyn Write) -> io::Result<()> {
    let verdict = Verdict::of(page);
    head(out)?;
    heading(page, &verdict, out)?;
    controls(page, out)?;
    writeln!(out, "<main id=\"findings\">")?;
    page.shown().try_for_each(|reported| finding(page, reported, out))?;
    writeln!(out, "</main>\n<p id=\"nothing\" hidden>No finding fits the filter.</p>")?;
    violations(page, &verdict, out)?;
    gaps(page, out)?;
    foot(page, out)
}

fn head(out: &mut dyn Write) -> io::Result<()> {
    let digest = |text: &str| format!("'sha256-{}'", BASE64.encode(&Sha256::digest(text.as_bytes())));
    let policy = format!(
        "default-src 'none'; script-src {}; style-src {}; base-uri 'none'; form-action 'none'",
        digest(SCRIPT),
        digest(STYLE)
    );
    writeln!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n<title>keysieve report</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>"
    )
}

fn heading(page: &Page, verdict: &Verdict, out: &mut dyn Write) -> io::Result<()> {
    let gaps = page.report.coverage.gaps.len();
    let (class, said) = match verdict.outcome {
        Outcome::Stop => ("bad", format!("{} to act on", verdict.count())),
        Outcome::Nothing => ("unsure", "Nothing was read, so nothing can be said".to_owned()),
        Outcome::Unsure => ("unsure", "Nothing to act on in what could be read".to_owned()),
        Outcome::Clear => ("good", "Nothing to act on; everything was read".to_owned()),
    };
    let more = match (verdict.outcome, gaps) {
        (Outcome::Nothing, _) | (_, 0) => String::new(),
        (_, gaps) => format!("<p class=\"unsure\">{} could not be read.</p>", counted(gaps, "place")),
    };
    let inputs: Vec<String> = page
        .report
        .inputs
        .iter()
        .map(|input| format!("<code>{}</code>", escape(&page.text(input))))
        .collect();
    let shown = inputs.iter().take(8).cloned().collect::<Vec<_>>().join(", ");
    let rest = if inputs.len() > 8 { format!(" and {} more", inputs.len() - 8) } else { String::new() };
    let when = rfc3339(page.report.now).unwrap_or_default();
    writeln!(
        out,
        "<header>\n<h1 class=\"{class}\">{}</h1>\n{more}<p class=\"faint\">{shown}{rest} · {when}</p>\n</header>",
        escape(&said)
    )
}

/// What the script works by; without it there is nothing to press, so it is hidden until the script shows it.
fn controls(page: &Page, out: &mut dyn Write) -> io::Result<()> {
    let shown: Vec<_> = page.shown().collect();
    if shown.is_empty() {
        return Ok(());
    }
    let options = |names: Vec<&'static str>, all: &str| {
        let option = |name: &str| format!("<option value=\"{name}\">{name}</option>");
        let rest: String = names.into_iter().map(option).collect();
        format!("<option value=\"\">{all}</option>{rest}")
    };
    let mut severities: Vec<_> = shown.iter().map(|it| it.severity()).collect();
    severities.sort_unstable();
    severities.dedup();
    let severities = options(severities.iter().rev().map(|it| it.name()).collect(), "every severity");
    let mut lifetimes: Vec<_> = shown.iter().map(|it| it.finding.lifetime.class).collect();
    lifetimes.sort_unstable();
    lifetimes.dedup();
    let lifetimes = options(lifetimes.iter().map(|it| it.name()).collect(), "every lifetime");
    writeln!(
        out,
        "<form id=\"controls\" hidden>\n\
         <label>Filter <input id=\"filter\" type=\"search\" placeholder=\"flow, owner, file, kind\"></label>\n\
         <label>Severity <select id=\"severity\">{severities}</select></label>\n\
         <label>Lifetime <select id=\"lifetime\">{lifetimes}</select></label>\n\
         <label>Group by <select id=\"group\"><option value=\"flow\">flow</option><option value=\"secret\">secret</option>\
         <option value=\"owner\">owner</option><option value=\"\">nothing</option></select></label>\n\
         <label class=\"check\"><input id=\"accepted\" type=\"checkbox\"> accepted ones too</label>\n\
         <button id=\"print\" type=\"button\">Print</button>\n<output id=\"count\"></output>\n</form>"
    )
}

fn finding(page: &Page, reported: &Reported, out: &mut dyn Write) -> io::Result<()> {
    let finding = &reported.finding;
    let severity = reported.severity().name();
    let doubt = match finding.confidence {
        Confidence::High => "",
        Confidence::Medium => " <small>likely</small>",
        Confidence::Low => " <small>possibly</small>",
    };
    let accepted = if reported.accepted.is_some() { " accepted" } else { "" };
    writeln!(out, "<article class=\"{severity}{accepted}\"{}>", attributes(page, reported))?;
    let title = escape(&page.text(finding.signature.description));
    writeln!(out, "<h3><b class=\"severity\">{severity}</b> {title}{doubt}</h3>")?;
    writeln!(out, "<p>{}</p>\n<ol>", escape(&why::sentence(finding)))?;
    plain::todo(page, reported).iter().try_for_each(|step| writeln!(out, "<li>{}</li>", linked(step)))?;
    writeln!(out, "</ol>\n<dl>")?;
    for (label, value) in facts(page, reported) {
        writeln!(out, "<dt>{label}</dt><dd>{}</dd>", escape(&value))?;
    }
    writeln!(out, "</dl>\n</article>")
}

/// What the script filters and groups by.
fn attributes(page: &Page, reported: &Reported) -> String {
    let finding = &reported.finding;
    let flow = finding.place.flow.as_deref();
    let flow_name = match flow {
        Some(flow) => {
            let name =
                flow.name.as_ref().or(flow.id.as_ref()).map(|name| page.text(name)).unwrap_or_default();
            format!("{}: {name}", platform(flow.platform))
        }
        None => page.text(&finding.location.provenance.to_string()),
    };
    let owner = flow.and_then(|flow| flow.owner.as_ref()).map(|owner| page.text(owner));
    let secret = page.credential(reported).map(|credential| match &credential.identity {
        Identity::Fingerprint(fingerprint) => fingerprint.clone(),
        Identity::Group { number, .. } => format!("group {number}"),
    });
    let title = page.text(finding.signature.description);
    let secret = format!("{title} {} ({})", page.text(&finding.preview), secret.unwrap_or_default());
    [
        ("severity", reported.severity().name().to_owned()),
        ("lifetime", finding.lifetime.class.name().to_owned()),
        ("flow", flow_name),
        ("owner", owner.unwrap_or_else(|| "no owner known".to_owned())),
        ("secret", secret),
    ]
    .iter()
    .map(|(name, value)| format!(" data-{name}=\"{}\"", escape(value)))
    .collect()
}

/// What is known of a finding, each with its label.
fn facts(page: &Page, reported: &Reported) -> Vec<(&'static str, String)> {
    let finding = &reported.finding;
    let (flow, step) = (finding.place.flow.as_deref(), finding.place.step.as_deref());
    let text = |text: Option<&String>| text.map(|text| page.text(text));
    let at = &finding.location;
    let line = match (&at.landmark, at.line, at.column) {
        (Some(landmark), ..) => format!(", {}", page.text(landmark)),
        (None, Some(line), Some(column)) => format!(":{line}:{column}"),
        _ => String::new(),
    };
    let others = page.credential(reported).map_or(0, |it| it.findings.len().saturating_sub(1));
    let value = page.shows_value(reported).then(|| super::data::value(finding.secret.expose()));
    let accepted = reported.accepted.as_ref().map(|it| {
        let reason = it.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        page.text(&format!("by {}{reason}", it.by))
    });
    let facts = [
        (
            "Flow",
            flow.map(|it| {
                let name = text(it.name.as_ref().or(it.id.as_ref())).unwrap_or_default();
                format!("{} {name}", platform(it.platform)).trim_end().to_owned()
            }),
        ),
        ("Owner", text(flow.and_then(|it| it.owner.as_ref()))),
        ("Step", text(step.and_then(|it| it.name.as_ref().or(it.id.as_ref()).or(it.kind.as_ref())))),
        ("Field", text(finding.place.field.as_ref().or(finding.name.as_ref()))),
        ("File", Some(format!("{}{line}", page.text(&at.provenance.to_string())))),
        ("Since", reported.commit.as_ref().map(|commit| since(page, commit))),
        ("Preview", Some(page.text(&finding.preview)).filter(|preview| !preview.is_empty())),
        ("Secret", value.map(|value| crate::mask::visible(&value))),
        ("Stored", Some(storage(finding.storage).to_owned())),
        ("Lives", Some(lives(page, reported))),
        ("Also", (others > 0).then(|| format!("in {}", counted(others, "other place")))),
        ("Accepted", accepted),
        ("Controls", Some(page.controls(reported).join(" "))),
        ("Id", Some(format!("{} {}", finding.signature.id, reported.fingerprint))),
    ];
    facts.into_iter().filter_map(|(label, value)| Some((label, value?))).collect()
}

fn violations(page: &Page, verdict: &Verdict, out: &mut dyn Write) -> io::Result<()> {
    if verdict.violations.is_empty() {
        return Ok(());
    }
    writeln!(out, "<section>\n<h2>Not allowed by the policy</h2>\n<ul>")?;
    for violation in verdict.violations {
        let name = |name: Option<&String>| name.map(|name| escape(&page.text(name))).unwrap_or_default();
        let flow = name(violation.flow.name.as_ref().or(violation.flow.id.as_ref()));
        let step = violation.step.as_deref().map(|it| name(it.name.as_ref().or(it.id.as_ref())));
        let (step, message) = (step.unwrap_or_default(), escape(&page.text(&violation.message)));
        writeln!(out, "<li><b>{flow}</b> {step}: {message}</li>")?;
    }
    writeln!(out, "</ul>\n</section>")
}

fn gaps(page: &Page, out: &mut dyn Write) -> io::Result<()> {
    let gaps = &page.report.coverage.gaps;
    if gaps.is_empty() {
        return Ok(());
    }
    writeln!(out, "<section>\n<h2>Could not be read</h2>\n<ul>")?;
    for gap in gaps {
        let place = escape(&page.text(&gap.provenance.to_string()));
        let detail = escape(&page.text(&gap.detail));
        writeln!(out, "<li><code>{place}</code>: {} <small>{detail}</small></li>", why_not_read(gap.reason))?;
    }
    writeln!(out, "</ul>\n</section>")
}

fn foot(page: &Page, out: &mut dyn Write) -> io::Result<()> {
    let coverage = &page.report.coverage;
    let mut read = format!("Read {}", counted(coverage.files, "file"));
    if coverage.members > 0 {
        read.push_str(&format!(" with {} in archives", counted(coverage.members, "member")));
    }
    read.push_str(&format!(", {}.", size(coverage.bytes)));
    let version = env!("CARGO_PKG_VERSION");
    writeln!(
        out,
        "<footer class=\"faint\">{read} keysieve {version}. No secret stands in this page unless that was asked for.</footer>\n\
         <script>{SCRIPT}</script>\n</body>\n</html>"
    )
}

/// A sentence with a link where it ends in an address of the web, or has one.
fn linked(text: &str) -> String {
    let words = text.split(' ').map(|word| {
        let address = word.trim_end_matches(['.', ',', ';', ')']);
        let is_plain = address.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"'<>\\`".contains(&byte));
        match address.strip_prefix("https://") {
            Some(rest) if !rest.is_empty() && is_plain => {
                let (href, behind) = (escape(address), escape(&word[address.len()..]));
                format!("<a href=\"{href}\" rel=\"noopener noreferrer\">{href}</a>{behind}")
            }
            _ => escape(word),
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Text for an element or a quoted attribute.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_write_text_alone() {
        assert_eq!(
            escape("</script><img src=x onerror='a'>&\""),
            "&lt;/script&gt;&lt;img src=x onerror=&#39;a&#39;&gt;&amp;&quot;"
        );
        assert_eq!(
            linked("see javascript:alert(1) or https://a\"b"),
            "see javascript:alert(1) or https://a&quot;b"
        );
        let link = linked("GitHub: https://github.com/settings/tokens?a=1&b=2.");
        assert!(link.contains("href=\"https://github.com/settings/tokens?a=1&amp;b=2\""), "{link}");
    }

    #[test]
    fn our_own_texts_end_no_element() {
        assert!(!SCRIPT.contains("</") && !STYLE.contains("</") && !SCRIPT.contains("<!--"));
    }
}
