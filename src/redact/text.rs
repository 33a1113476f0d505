//! A text: all that is found in it and in its layers is replaced, and looked for again until nothing is left.

use super::plan::{Edit, Plan, WITH_OTHERS, apply};
use super::reference::{self, Document, Put};
use super::secrets::placeholder;
use super::{Again, Refusal, Replaced, Work};
use crate::blob::{Alone, Blob, Landmarks, Package, Provenance, Span};
use crate::detect::By;
use crate::finding::{Finding, Kind};
use crate::scan::{self, Hit, Trace};

/// How often a text is looked at again. Each time at least one more secret is gone.
const ROUNDS: usize = 200;

impl Work<'_> {
    /// The new bytes of a text.
    pub(super) fn text(
        &mut self,
        provenance: &Provenance,
        bytes: &[u8],
        package: &dyn Package,
        depth: usize,
    ) -> Result<Option<Vec<u8>>, Refusal> {
        if bytes.len() > self.scanner.budget.whole {
            return Ok(self.leave(provenance, "it is too large to be written anew"));
        }
        let mut clean: Option<Vec<u8>> = None;
        for _ in 0..ROUNDS {
            let now = clean.as_deref().unwrap_or(bytes);
            let blob = Blob { provenance, bytes: now, package, landmarks: Landmarks::NONE };
            let trace = scan::trace(&blob, self.scanner, &mut self.scratch, self.secrets.needles());
            if let Some(why) = unwritable(&trace, now) {
                return Ok(self.leave(provenance, why));
            }
            let edits = self.edits(&blob, trace, depth)?;
            if edits.is_empty() {
                break;
            }
            clean = Some(apply(now, &edits));
        }
        if let Some(clean) = &clean
            && is_json(bytes)
            && !is_json(clean)
        {
            return Err(Refusal::new(provenance, "it would be JSON no more"));
        }
        Ok(clean)
    }

    /// What one look at a text says is to be replaced.
    fn edits(&mut self, blob: &Blob, mut trace: Trace, depth: usize) -> Result<Vec<Edit>, Refusal> {
        let mut plan = Plan::new(&trace);
        for (layer, decoded) in &trace.embedded {
            let provenance = blob.provenance.entry("(base64)");
            if self.allowance.take(decoded.text.len() as u64)
                && let Some(inner) = self.item(&provenance, &decoded.text, &Alone, depth + 1)?
                && let Some(written) =
                    decoded.rewrite(trace.text(blob.bytes, *layer), 0..decoded.text.len(), &inner)
            {
                plan.add(*layer, Edit { span: written.span, with: written.bytes, rank: WITH_OTHERS });
            }
        }
        let seen: Vec<Span> = trace.hits.iter().map(|hit| hit.text.clone()).collect();
        let (hits, sealed) = (std::mem::take(&mut trace.hits), std::mem::take(&mut trace.sealed));
        let mut document = Document::new(trace.text(blob.bytes, trace.base));
        for hit in hits {
            let text = trace.text(blob.bytes, hit.layer);
            self.hit(hit, text, trace.base, &mut document, &mut plan);
        }
        for edit in document.finish() {
            plan.add(trace.base, edit);
        }
        for (finding, span) in sealed {
            let number = self.secrets.add(&finding);
            let with = placeholder(self.secrets.name(number));
            self.replaced(finding, number, with.clone(), None);
            let is_string = matches!(blob.bytes.get(span.clone()), Some([b'"', .., b'"']));
            let with = if is_string { format!("\"{with}\"") } else { with };
            plan.add(0, Edit { span, with: with.into_bytes(), rank: 1 });
        }
        for (layer, span, number) in &trace.known {
            let name = self.secrets.name(*number).to_owned();
            let with = as_value(placeholder(&name), trace.text(blob.bytes, *layer), span);
            plan.add(*layer, Edit { span: span.clone(), with, rank: 0 });
            let text = trace.in_text(*layer, span.clone());
            if !seen.iter().any(|seen| seen.start < text.end && text.start < seen.end) {
                self.redacted.again.push(Again { provenance: blob.provenance.clone(), name });
            }
        }
        Ok(plan.finish(&trace, blob.bytes))
    }

    /// Replaces what was found at one place.
    fn hit(&mut self, hit: Hit, text: &[u8], base: usize, document: &mut Document, plan: &mut Plan) {
        let number = self.secrets.add(&hit.finding);
        let name = self.secrets.name(number).to_owned();
        let put = if self.references { reference::put(&hit, &name, document) } else { Put::Placeholder };
        match put {
            Put::Reference { put, create } => self.replaced(hit.finding, number, put, Some(create)),
            Put::Later => {}
            Put::Placeholder => {
                let put = placeholder(&name);
                let with = written(&hit, &put, text);
                if hit.layer == base {
                    document.take(&hit.secret);
                }
                plan.add(hit.layer, Edit { span: hit.secret.clone(), with, rank: rank(hit.by) });
                self.replaced(hit.finding, number, put, None);
            }
        }
    }

    /// Puts it on the list, once: two layers may see the same.
    fn replaced(&mut self, finding: Finding, number: usize, put: String, create: Option<&'static str>) {
        let location = &finding.location;
        let place = match &finding.place.pointer {
            Some(pointer) => pointer.clone(),
            None => format!("line {:?}", location.line),
        };
        if self.listed.insert((number, location.provenance.to_string(), place)) {
            let name = self.secrets.name(number).to_owned();
            self.redacted.replaced.push(Replaced { finding, put, name, create });
        }
    }
}

/// Why a text with something in it cannot be written.
fn unwritable(trace: &Trace, bytes: &[u8]) -> Option<&'static str> {
    let is_empty = trace.hits.is_empty() && trace.known.is_empty() && trace.embedded.is_empty();
    if is_empty {
        return None;
    }
    let whole = |hit: &Hit| hit.finding.signature.kind == Kind::Keystore && hit.secret == (0..bytes.len());
    if trace.hits.iter().any(whole) {
        return Some("the file is a store of keys as a whole: leave it out of the export");
    }
    // In UTF-16 and UTF-32 there are zeros as well.
    (trace.base == 0 && memchr::memchr(0, bytes).is_some())
        .then_some("a binary file of this kind is not written")
}

fn rank(by: By) -> usize {
    match by {
        By::Field(_) => 1,
        By::Structure => 2,
        By::Surroundings => 3,
        By::Signature => 4,
    }
}

/// The placeholder as it is written there.
fn written(hit: &Hit, placeholder: &str, text: &[u8]) -> Vec<u8> {
    let old = text.get(hit.secret.clone()).unwrap_or_default();
    match hit.finding.signature.kind {
        Kind::PrivateKey => {
            let (head, tail) = breaks(old);
            [head, placeholder.as_bytes(), tail].concat()
        }
        _ if is_basic(&hit.finding, old) => basic(&hit.finding, placeholder),
        _ => as_value(placeholder.to_owned(), text, &hit.secret),
    }
}

/// The line breaks, raw or escaped however often, that the body of a PEM block begins and ends with.
fn breaks(body: &[u8]) -> (&[u8], &[u8]) {
    let (mut head, mut at) = (0, 0);
    while let Some(byte) = body.get(at) {
        at += 1;
        match byte {
            b'\r' | b'\n' | b' ' | b'\t' => head = at,
            b'\\' => {}
            b'n' | b'r' if at >= 2 && body.get(at - 2) == Some(&b'\\') => head = at,
            _ => break,
        }
    }
    let digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    let mut tail = body.len();
    while tail > head {
        tail -= match body.get(..tail) {
            Some([.., b'\r' | b'\n' | b' ' | b'\t']) => 1,
            Some([before @ .., b'n' | b'r']) if before.ends_with(b"\\") => {
                1 + before.iter().rev().take_while(|byte| **byte == b'\\').count()
            }
            Some([.., last]) if !digit(last) => 1,
            _ => break,
        };
    }
    (body.get(..head).unwrap_or_default(), body.get(tail.max(head)..).unwrap_or_default())
}

/// Whether it is the base64 of user and password, seen as a whole.
fn is_basic(finding: &Finding, old: &[u8]) -> bool {
    finding.signature.id == crate::detect::generic::BASIC.id
        && memchr::memmem::find(old, finding.secret.expose()).is_none()
}

/// The same user with the placeholder as the password.
fn basic(finding: &Finding, placeholder: &str) -> Vec<u8> {
    let user = finding.parts.iter().find(|part| part.what == "user").map(|part| part.shown.as_str());
    let pair = match user {
        Some(user) => format!("{user}:{placeholder}"),
        None => format!("{placeholder}:"),
    };
    data_encoding::BASE64.encode(pair.as_bytes()).into_bytes()
}

/// A placeholder where a number of JSON stood is a string.
fn as_value(placeholder: String, text: &[u8], span: &Span) -> Vec<u8> {
    let old = text.get(span.clone()).unwrap_or_default();
    let is_number =
        !old.is_empty() && old.iter().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(byte));
    let before = text.get(..span.start).unwrap_or_default().trim_ascii_end().last();
    let behind = text.get(span.end..).unwrap_or_default().trim_ascii_start().first();
    let bare = matches!(before, Some(b':' | b'[' | b',')) && matches!(behind, Some(b',' | b'}' | b']'));
    if is_number && bare && crate::json::begins_like_json(text) {
        return format!("\"{placeholder}\"").into_bytes();
    }
    placeholder.into_bytes()
}

fn is_json(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok()
}
