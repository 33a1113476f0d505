//! Which stretches of a text are decoded: what the detectors' one pass came upon ([`Found`]) → layers, each looked at in
//! its turn, and containers for others to unpack.
//!
//! Each kind of stretch goes through the text once: what lies before the end of the last stretch of its kind is passed over, so that
//! all of it stays linear.

use super::{Embedded, Frame, Looking};
use crate::blob::Span;
use crate::decode::concatenation::By;
use crate::decode::deflate::{self, Inflated};
use crate::decode::{
    Decoded, base32, base64, character_codes, code_string, concatenation, entities, hex, json_string, markup,
    packed, percent, quoted_printable, utf16, utf32,
};
use crate::detect::{Found, Opener};
use crate::finding::Encoding;

/// How far around an escape its stretch goes.
const ESCAPE_REACH: usize = 4096;

/// How far around a character reference its stretch goes.
const ENTITY_REACH: usize = 512;

/// The same for markup within another text: what is scanned once more for it.
const MARKUP_REACH: usize = 768;

/// The shortest text that is put together of pieces and looked at.
const SHORTEST: usize = 16;

/// Containers that are handed on of one blob.
const EMBEDDED: usize = 1000;

/// For each kind of stretch, where the last one ended.
#[derive(Default)]
struct Behind {
    percent: usize,
    json: usize,
    code: usize,
    entities: usize,
    markup: usize,
    join: usize,
    list: usize,
    template: usize,
    codes: usize,
    quoted: usize,
}

impl Looking<'_> {
    /// Decodes what the text has of encoded stretches, and looks at it.
    pub(super) fn layers(&mut self, frame: &Frame, found: &Found, depth: usize) {
        self.base64(frame, found, depth);
        self.long_runs(frame, found, depth);
        let mut behind = Behind::default();
        for &at in &found.escapes {
            self.escape(frame, at as usize, &mut behind, depth);
        }
        for &(opener, at) in &found.openers {
            self.opener(frame, opener, at as usize, &mut behind, depth);
        }
        // What comes out of base64 may be UTF-16 as well: `powershell -EncodedCommand` takes that; and T-SQL writes it in hexadecimal.
        let wide = || matches!(frame.encodings().last(), Some(Encoding::Base64 | Encoding::Hex));
        if found.nul && (depth == 0 || wide()) {
            for (encoding, span) in utf16::runs(frame.text) {
                self.layer(frame, utf16::decode_as(frame.text, span, encoding), depth);
            }
            for (encoding, span) in utf32::runs(frame.text) {
                self.layer(frame, utf32::decode_as(frame.text, span, encoding), depth);
            }
        }
    }

    fn base64(&mut self, frame: &Frame, found: &Found, depth: usize) {
        let mut behind = 0;
        for run in found.base64.iter().filter(|run| !run.is_empty()) {
            if run.start >= behind {
                behind = self.base64_run(frame, run.clone(), depth);
            }
        }
    }

    /// Decodes the base64 that begins with a run; returns where it ends.
    fn base64_run(&mut self, frame: &Frame, run: Span, depth: usize) -> usize {
        let region = base64::region(frame.text, run, frame.text.len());
        let end = region.end;
        if let Some(decoded) = base64::decode_bytes(frame.text, region.clone()) {
            if base64::is_text(&decoded.text) {
                self.layer(frame, Some(decoded), depth);
            } else {
                self.packed(frame, decoded, &region, depth);
            }
        }
        end
    }

    /// Looks into bytes that are no text.
    fn packed(&mut self, frame: &Frame, decoded: Decoded, region: &Span, depth: usize) {
        let container = packed::is_container(&decoded.text);
        if !container && deflate::detect(&decoded.text).is_none() {
            return;
        }
        if let Some(next) = self.next_from.filter(|_| frame.out_of.is_none()) {
            if region.start >= next {
                return;
            }
            self.cut.cut_off += u64::from(region.end == frame.text.len());
        }
        let Some(left) = self.left.checked_sub(decoded.text.len()) else {
            self.cut.layers += 1;
            return;
        };
        self.left = left;
        if !container {
            let outer = self.trail.as_mut().map(|trail| trail.enter(&decoded));
            self.deflated(frame, &decoded, depth);
            self.trail.iter_mut().zip(outer).for_each(|(trail, outer)| trail.leave(outer));
        } else {
            self.trail.iter_mut().for_each(|trail| trail.embed(&decoded));
            self.embed(frame.in_blob(region).start, decoded.text);
        }
    }

    /// Hands a container on. One that two layers see counts once, where more of it is seen.
    fn embed(&mut self, at: u64, bytes: Vec<u8>) {
        if let Some(known) = self.embedded.iter_mut().find(|known| known.at == at) {
            if known.bytes.len() < bytes.len() {
                known.bytes = bytes;
            }
        } else if self.embedded.len() < EMBEDDED {
            self.embedded.push(Embedded { at, bytes });
        } else {
            self.cut.layers += 1;
        }
    }

    /// Inflates what came out of base64, or of other digits; together they count as one layer.
    fn deflated(&mut self, frame: &Frame, packed: &Decoded, depth: usize) {
        if depth >= self.scanner.budget.layers {
            self.cut.deeper += 1;
            return;
        }
        let inner =
            Frame { text: &packed.text, out_of: Some((&packed.map, frame, packed.encoding)), base: 0 };
        match deflate::decode(&packed.text, 0..packed.text.len(), self.left) {
            Some(Inflated::Text(inflated)) if packed::is_container(&inflated.text) => {
                self.trail.iter_mut().for_each(|trail| trail.embed(&inflated));
                self.left = self.left.saturating_sub(inflated.text.len());
                self.embed(inner.in_blob(&(0..packed.text.len())).start, inflated.text);
            }
            Some(Inflated::Text(inflated)) => self.layer(&inner, Some(inflated), depth),
            Some(Inflated::TooMuch) => self.cut.layers += 1,
            None => {}
        }
    }

    /// Runs that are text in other digits, or base64 of what does not begin as ASCII text does.
    fn long_runs(&mut self, frame: &Frame, found: &Found, depth: usize) {
        let mut behind = 0;
        for run in &found.long {
            if run.start < behind {
                continue;
            }
            let text = frame.text.get(run.clone()).unwrap_or_default();
            // As C and T-SQL write it, and PostgreSQL behind a backslash.
            let prefix = match text {
                [b'0', b'x', ..] => 2,
                [b'x', ..] if run.start.checked_sub(1).and_then(|at| frame.text.get(at)) == Some(&b'\\') => 1,
                _ => 0,
            };
            let run = run.start + prefix..run.end;
            let digits = &text[prefix..];
            if hex::promising(digits) {
                let region = hex::region(frame.text, run, frame.text.len());
                behind = region.end;
                self.layer(frame, hex::decode(frame.text, region), depth);
            } else if base32::promising(digits) {
                let region = base32::region(frame.text, run, frame.text.len());
                behind = region.end;
                self.layer(frame, base32::decode(frame.text, region), depth);
            } else if hex::holds_utf16(digits) {
                let region = hex::region(frame.text, run, frame.text.len());
                behind = region.end;
                self.layer(frame, hex::decode_bytes(frame.text, region), depth);
            } else if hex::holds_packed(digits) {
                let region = hex::region(frame.text, run, frame.text.len());
                behind =
                    self.packed_digits(frame, hex::decode_bytes(frame.text, region.clone()), &region, depth);
            } else if base32::holds_packed(digits) {
                let region = base32::region(frame.text, run, frame.text.len());
                behind = self.packed_digits(
                    frame,
                    base32::decode_bytes(frame.text, region.clone()),
                    &region,
                    depth,
                );
            } else if base64::holds_more(digits) && base64::promising(digits).is_none() {
                behind = self.base64_run(frame, run, depth);
            }
        }
    }

    /// Looks into what other digits hold that is no text; returns where it ends.
    fn packed_digits(
        &mut self,
        frame: &Frame,
        decoded: Option<Decoded>,
        region: &Span,
        depth: usize,
    ) -> usize {
        if let Some(decoded) = decoded {
            self.packed(frame, decoded, region, depth);
        }
        region.end
    }

    fn escape(&mut self, frame: &Frame, at: usize, behind: &mut Behind, depth: usize) {
        let text = frame.text;
        let decoded = match text[at..] {
            [b'%', ..] if at >= behind.percent => {
                let region = percent::region(text, at, ESCAPE_REACH);
                behind.percent = region.end;
                percent::decode(text, region)
            }
            [b'&', ..] if at >= behind.entities && entities::hides_ascii(text, at) => {
                let region = entities::region(text, at, behind.entities, ENTITY_REACH);
                behind.entities = region.end;
                entities::decode(text, region)
            }
            // Of a text that is markup as a whole the layer of all of it shows what tags part.
            [b'<', ..] if self.is_markup && frame.out_of.is_none() => None,
            [b'<', ..] if at >= behind.markup && markup::splits(text, at) => {
                let region = markup::region(text, at, MARKUP_REACH);
                behind.markup = region.end;
                markup::decode(text, region)
            }
            [b'\\', b'/', ..] | [b'\\', b'u', b'0', b'0', ..] if at >= behind.json => {
                let region = json_string::region(text, at, ESCAPE_REACH);
                behind.json = region.end;
                json_string::decode(text, region)
            }
            [b'\\', b'/' | b'-' | b'+' | b'_', ..] => None,
            [b'\\', ..] if at >= behind.code && code_string::hides_ascii(text, at) => {
                let region = code_string::region(text, at, behind.code, ESCAPE_REACH);
                behind.code = region.end;
                code_string::decode(text, region)
            }
            _ => None,
        };
        self.layer(frame, decoded, depth);
    }

    fn opener(&mut self, frame: &Frame, opener: Opener, at: usize, behind: &mut Behind, depth: usize) {
        let text = frame.text;
        let decoded = match opener {
            Opener::Join if at >= behind.join => {
                concatenation::region(text, at, behind.join).and_then(|region| {
                    behind.join = region.end;
                    concatenation::decode(text, region, By::Operator)
                })
            }
            Opener::List if at >= behind.list => concatenation::list(text, at).and_then(|region| {
                behind.list = region.end;
                concatenation::decode(text, region, By::List)
            }),
            Opener::ListBefore if at >= behind.list => {
                let region = concatenation::list_before(text, at, behind.list);
                behind.list = at;
                region.and_then(|region| concatenation::decode(text, region, By::List))
            }
            Opener::Template if at >= behind.template => {
                let region = concatenation::template(text, at, behind.template);
                behind.template = region.end;
                concatenation::decode(text, region, By::Template)
            }
            Opener::Codes if at >= behind.codes => {
                let before = character_codes::region_before(text, at, behind.codes);
                let region = before.map_or_else(|| character_codes::region(text, at, behind.codes), Ok);
                behind.codes = region.as_ref().map_or_else(|looked| *looked, |region| region.end);
                region.ok().and_then(|region| character_codes::decode(text, region))
            }
            Opener::Quoted if at >= behind.quoted && quoted_printable::opens(text, at) => {
                let region = quoted_printable::region(text, at, behind.quoted, ESCAPE_REACH);
                behind.quoted = region.end;
                quoted_printable::decode(text, region)
            }
            _ => None,
        };
        // Less is no credential, and what opens a layer at each place would make as many of nothing.
        self.layer(frame, decoded.filter(|decoded| decoded.text.len() >= SHORTEST), depth);
    }
}
