//! OneNote sections ([MS-ONESTORE], [MS-ONE]): the texts of each page in the order of the file, under the page's title,
//! and the files put into it. A section keeps older states of its pages; what they say is given as well, and once.

mod properties;
mod store;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use self::store::{Item, Store};
use super::text::Writer;
use super::{Decoder, Sink};
use crate::budget::Reason;
use crate::source::{RangeReader, ReadAt};

/// OneNote sections as a kind of document.
pub(super) const ONENOTE: Decoder = Decoder { name: "OneNote section", begins, decode, isolated: false };

/// `guidFileType` of a section ([MS-ONESTORE] 2.3.1).
const SECTION: &[u8] = b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3";

/// `guidFileFormat` of a revision store; the other form is that of a server's cells ([MS-ONESTORE] 2.8).
const REVISION_STORE: &[u8] = b"\x3f\xdd\x9a\x10\x1b\x91\xf5\x49\xa5\xd0\x17\x91\xed\xc8\xae\xd8";

/// The most texts that are kept of one page, in bytes.
const KEPT: usize = 32 << 20;

fn begins(head: &[u8]) -> bool {
    head.starts_with(SECTION)
}

fn decode(source: &Arc<dyn ReadAt>, sink: &mut dyn Sink) {
    let mut store = Store::new(source.clone());
    if store.read(48, 16) != REVISION_STORE {
        let detail = "a section in the form in which a server keeps it: files in it are not taken out";
        return sink.gap(Reason::Unsupported, detail);
    }
    let mut section =
        Section { writer: Writer::new("(text)", sink), page: Page::default(), files: Vec::new() };
    let mut extensions = BTreeMap::new();
    store.walk(&mut |item| section.item(item, &mut extensions));
    section.end_page();
    section.writer.flush();
    let (broken, encrypted) = (store.broken, store.encrypted);
    for (number, (guid, start, length)) in section.files.iter().enumerate() {
        let extension = extensions.get(guid).map_or("", String::as_str);
        let mut content = RangeReader::new(source.clone(), *start, start.saturating_add(*length));
        section.writer.member(&format!("file {}{extension}", number + 1), &mut content);
    }
    if encrypted {
        section.writer.sink().gap(Reason::Encrypted, "a part of it needs a password");
    }
    if broken {
        section.writer.sink().gap(Reason::Corrupt, "a part of its structure cannot be read");
    }
}

/// The texts of one page.
#[derive(Default)]
struct Page {
    title: Option<String>,
    texts: Vec<String>,
    seen: HashSet<String>,
    size: usize,
}

/// A section as far as it was read.
struct Section<'s> {
    writer: Writer<'s>,
    page: Page,
    /// Embedded files: their names, and where their bytes are.
    files: Vec<([u8; 16], u64, u64)>,
}

impl Section<'_> {
    /// Takes what comes next; false once no more is wanted.
    fn item(&mut self, item: Item, extensions: &mut BTreeMap<[u8; 16], String>) -> bool {
        match item {
            Item::Space => self.end_page(),
            Item::Properties(bytes) => {
                for (is_title, text) in properties::texts(&bytes) {
                    self.text(is_title, text);
                }
            }
            Item::File(guid, start, length) => self.files.push((guid, start, length)),
            Item::Extension(guid, extension) => {
                extensions.insert(guid, extension);
            }
        }
        self.writer.wanted()
    }

    fn text(&mut self, is_title: bool, text: String) {
        if is_title {
            self.page.title = Some(text.clone());
        }
        if self.page.size < KEPT && !self.page.seen.contains(&text) {
            self.page.size += text.len() + size_of::<String>();
            self.page.seen.insert(text.clone());
            self.page.texts.push(text);
        }
    }

    fn end_page(&mut self) {
        let page = std::mem::take(&mut self.page);
        if page.size >= KEPT {
            self.writer.sink().gap(Reason::BudgetBytes, "a page is too long to be read whole");
        }
        if !page.texts.is_empty() {
            self.writer.landmark(
                page.title.map_or_else(|| "section".to_owned(), |title| format!("page \"{title}\"")),
            );
        }
        for text in page.texts {
            self.writer.push(text.replace(['\r', '\u{b}'], "\n").as_bytes());
            self.writer.end_line();
        }
    }
}

#[cfg(test)]
mod tests;
