//! What a reader of an office document calls the place of a byte in one of its parts: `paragraph 12`, `sheet "Keys",
//! cell B7`, `slide 4, notes`. The parts are members of the document's zip (ECMA-376, ISO/IEC 26300) and looked at as
//! text like all others; this is asked only where something was found. What a part is, its root element tells.

mod parts;
mod sheets;
pub(crate) mod tables;
mod walk;

use quick_xml::events::BytesStart;

pub(super) use self::sheets::cell;
use self::walk::{Passed, Walk};
use crate::blob::Blob;

/// The longest text of a stranger in a name, in bytes; a longer one is left out.
const LONGEST: usize = 200;

/// Follows a walk through one part.
trait Part {
    /// An element begins.
    fn enter(&mut self, name: &[u8], start: &BytesStart<'_>);
    /// The innermost element ends.
    fn leave(&mut self, name: &[u8]);
    /// What the place is called.
    fn here(&self) -> Option<String>;
}

/// Tells the places of one part, best in ascending order: then it goes through the part once.
pub(crate) struct Guide<'a> {
    blob: Blob<'a>,
    walk: Walk<'a>,
    /// Where what was passed last begins.
    from: usize,
    part: Box<dyn Part + 'a>,
}

impl<'a> Guide<'a> {
    /// For a blob that is a part of an office document.
    pub(crate) fn open(blob: &Blob<'a>) -> Option<Self> {
        let part = part_of(blob)?;
        Some(Self { blob: *blob, walk: Walk::new(blob.bytes), from: 0, part })
    }

    /// What the place of that byte is called.
    pub(crate) fn at(&mut self, byte: usize) -> Option<String> {
        if byte < self.from {
            *self = Self::open(&self.blob)?;
        }
        while self.walk.position() <= byte {
            self.from = self.walk.position();
            match self.walk.step()? {
                Passed::Start(start) => self.part.enter(start.local_name().as_ref(), &start),
                Passed::End(end) => self.part.leave(end.local_name().as_ref()),
                Passed::Text(_) | Passed::Other => {}
            }
        }
        self.part.here()
    }
}

/// The reader of a part by its root element, whatever prefix it has.
fn part_of<'a>(blob: &Blob<'a>) -> Option<Box<dyn Part + 'a>> {
    if !crate::decode::markup::begins(blob.bytes) {
        return None;
    }
    let mut walk = Walk::new(blob.bytes);
    let start = loop {
        match walk.step()? {
            Passed::Start(start) => break start,
            Passed::End(_) => return None,
            Passed::Text(_) | Passed::Other => {}
        }
    };
    let (name, root) = (start.name(), start.local_name());
    let fixed = |name: &str| Some(Box::new(parts::Fixed::new(name)) as Box<dyn Part + 'a>);
    match (name.as_ref(), root.as_ref()) {
        (_, b"document-content") | (b"office:document", _) => Some(Box::new(parts::OpenText::default())),
        (_, b"document-styles") => fixed("header, footer or style"),
        (_, b"document-meta" | b"coreProperties") => fixed("document properties"),
        (_, b"Properties") if in_package(blob, "docProps/") => fixed("document properties"),
        (_, b"Relationships") => fixed("target of a link"),
        (b"w:document" | b"document", _) if has(blob, b"wordprocessingml") => {
            Some(Box::new(parts::Word::new("")))
        }
        (_, b"hdr") => Some(Box::new(parts::Word::new("header"))),
        (_, b"ftr") => Some(Box::new(parts::Word::new("footer"))),
        (_, b"footnotes") => Some(Box::new(parts::Word::new("footnotes"))),
        (_, b"endnotes") => Some(Box::new(parts::Word::new("endnotes"))),
        (_, b"comments") if has(blob, b"wordprocessingml") => Some(Box::new(parts::Word::new("comment"))),
        (_, b"sld" | b"notes" | b"cmLst") => Some(Box::new(parts::Slide::new(blob, root.as_ref(), &start))),
        (_, b"sldLayout") => fixed("slide layout"),
        (_, b"sldMaster") => fixed("slide master"),
        (_, b"PageContents") => Some(Box::new(parts::page(blob))),
        (_, b"sst" | b"worksheet" | b"comments" | b"ThreadedComments") => {
            sheets::part_of(blob, root.as_ref())
        }
        (_, b"connections") => Some(Box::new(parts::Named::new(b"connection", "data connection"))),
        _ => None,
    }
}

/// Whether a word stands in the beginning of a part, where its namespaces are.
fn has(blob: &Blob<'_>, word: &[u8]) -> bool {
    memchr::memmem::find(blob.bytes.get(..4096).unwrap_or(blob.bytes), word).is_some()
}

fn in_package(blob: &Blob<'_>, folder: &str) -> bool {
    blob.package.own_name().is_some_and(|name| name.contains(folder))
}

/// A stranger's word as part of a name, in quotes.
fn quoted(word: &str) -> String {
    if word.len() <= LONGEST { format!("\"{word}\"") } else { "\"…\"".to_owned() }
}
