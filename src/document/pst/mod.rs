//! Outlook data files ([MS-PST]): all folders from the root on, each a text with its messages in their order, with what
//! is attached to them. The crate is Microsoft's own; it is isolated.

mod kind;
mod permute;

use std::collections::BTreeSet;
use std::io::{self, BufReader};
use std::rc::Rc;
use std::sync::Arc;

use outlook_pst::ltp::prop_context::PropertyValue;
use outlook_pst::ltp::table_context::TableContext;
use outlook_pst::messaging::attachment::AttachmentData;
use outlook_pst::messaging::message::Message;
use outlook_pst::messaging::store::Store;
use outlook_pst::ndb::node_id::NodeId;
use outlook_pst::{AnsiPstFile, UnicodePstFile};

use self::kind::Kind;
use self::permute::Permuted;
use super::ole::{Reader, decompress_rtf, property_name};
use super::text::Writer;
use super::{Decoder, Sink, charset};
use crate::budget::Reason;
use crate::source::ReadAt;

/// Outlook data files as a kind of document.
pub(super) const PST: Decoder = Decoder { name: "Outlook data file", begins, decode, isolated: true };

/// The node of the root folder ([MS-PST] 2.4.1).
const ROOT: u32 = 0x122;

/// Folders that are looked at.
const FOLDERS: usize = 100_000;

const ATTACHMENT_NAMES: [u16; 3] = [0x3707, 0x3704, 0x3001];
const HTML: u16 = 0x1013;
const RTF: u16 = 0x1009;

fn begins(head: &[u8]) -> bool {
    head.starts_with(b"!BDN")
}

fn decode(source: &Arc<dyn ReadAt>, sink: &mut dyn Sink) {
    let reader = || Box::new(BufReader::with_capacity(8 << 10, Reader::new(source.clone())));
    let unicode = UnicodePstFile::read_from(reader()).and_then(UnicodePstFile::store);
    let done = match unicode {
        Ok(store) => give::<UnicodePstFile>(&store, sink),
        Err(_) => match AnsiPstFile::read_from(reader()).and_then(AnsiPstFile::store) {
            Ok(store) => give::<AnsiPstFile>(&store, sink),
            Err(_) => {
                sink.gap(Reason::Unsupported, "damaged, or of a form that is not known");
                return unread(source, sink);
            }
        },
    };
    if !done {
        let detail = "some of its folders, messages or attachments cannot be opened; looked at as bytes";
        sink.gap(Reason::Unsupported, detail);
        unread(source, sink);
    }
}

/// Gives the bytes of a file whose structure does not lead to all of it. The crate opens no message, for one, that has
/// neither recipients nor attachments.
fn unread(source: &Arc<dyn ReadAt>, sink: &mut dyn Sink) {
    let mut head = [0; 514];
    if matches!(source.read_at(&mut head, 0), Ok(514)) && permute::is_used(&head) {
        sink.member("(decoded)", &mut Permuted(Reader::new(source.clone())));
    }
}

/// A folder on its way: its node, and the names of the folders down to it.
struct Waiting {
    node: u32,
    path: String,
}

/// Gives all folders; false if some of it cannot be read.
fn give<K: Kind>(store: &Rc<K::Store>, sink: &mut dyn Sink) -> bool {
    let (mut whole, mut seen) = (true, BTreeSet::new());
    let mut waiting = vec![Waiting { node: ROOT, path: String::new() }];
    while let Some(Waiting { node, path }) = waiting.pop() {
        if !seen.insert(node) || seen.len() > FOLDERS {
            continue;
        }
        let folder =
            store.properties().make_entry_id(NodeId::from(node)).and_then(|id| store.open_folder(&id));
        let Ok(folder) = folder else {
            whole = false;
            continue;
        };
        let name = folder.properties().display_name().unwrap_or_default();
        let path = if path.is_empty() { name } else { format!("{path}/{name}") };
        let mut children = rows(folder.hierarchy_table());
        children.reverse(); // the first one is to be on top
        waiting.extend(children.into_iter().map(|node| Waiting { node, path: path.clone() }));
        let messages = [rows(folder.contents_table()), rows(folder.associated_table())].concat();
        match give_folder::<K>(store, &path, &messages, sink) {
            Some(all) => whole &= all,
            None => return whole, // no more is wanted
        }
    }
    whole
}

/// The nodes that the rows of a table stand for.
fn rows(table: Option<&Rc<dyn TableContext>>) -> Vec<u32> {
    table.map(|table| table.rows_matrix().map(|row| u32::from(row.id())).collect()).unwrap_or_default()
}

/// Gives the messages of a folder: whether all of them could be read; `None` once no more is wanted.
fn give_folder<K: Kind>(
    store: &Rc<K::Store>,
    path: &str,
    messages: &[u32],
    sink: &mut dyn Sink,
) -> Option<bool> {
    let mut whole = true;
    let mut writer = Writer::new(if path.is_empty() { "(root)" } else { path }, sink);
    for (number, node) in messages.iter().enumerate() {
        let message = K::message(store, NodeId::from(*node));
        match message {
            Ok(message) => {
                let place = format!("message {}", number + 1);
                strings(&*message, &place, &mut writer);
                let all = files::<K>(&message, &format!("{path}/{place}"), &mut writer);
                whole &= all;
            }
            Err(_) => whole = false,
        }
        if !writer.wanted() {
            return None;
        }
    }
    writer.flush();
    writer.wanted().then_some(whole)
}

/// Writes the strings of a message.
fn strings(message: &dyn Message, place: &str, writer: &mut Writer) {
    let mut texts: Vec<_> = message
        .properties()
        .iter()
        .filter(|(id, _)| **id != HTML)
        .filter_map(|(id, value)| Some((property_name(*id), text(value)?)))
        .filter(|(_, text)| !text.trim().is_empty())
        .collect();
    texts.sort_by_key(|((order, _), _)| *order);
    for ((_, name), text) in texts {
        writer.landmark(format!("{place}, {name}"));
        if !text.contains('\n') {
            writer.push(format!("{name}: ").as_bytes());
        }
        writer.push(text.as_bytes());
        writer.end_line();
    }
}

fn text(value: &PropertyValue) -> Option<String> {
    let wide = |units: &[u16]| String::from_utf16_lossy(units);
    let narrow = |bytes: &[u8]| charset::code_page(1252).decode_without_bom_handling(bytes).0.into_owned();
    let text = match value {
        PropertyValue::Unicode(text) => wide(text.buffer()),
        PropertyValue::String8(text) => narrow(text.buffer()),
        PropertyValue::MultipleUnicode(texts) => {
            texts.iter().map(|text| wide(text.buffer())).collect::<Vec<_>>().join("\n")
        }
        PropertyValue::MultipleString8(texts) => {
            texts.iter().map(|text| narrow(text.buffer())).collect::<Vec<_>>().join("\n")
        }
        _ => return None,
    };
    Some(text.trim_end_matches('\0').to_owned())
}

/// Gives bodies in HTML and RTF, and what is attached; false if some of it cannot be read.
fn files<K: Kind>(message: &Rc<K::Message>, place: &str, writer: &mut Writer) -> bool {
    bodies(&**message, place, writer);
    let mut whole = true;
    for node in rows(message.attachment_table()) {
        if !writer.wanted() {
            break;
        }
        match K::attachment(message, NodeId::from(node)) {
            Ok(attachment) => {
                let name_of = |id: u16| attachment.properties().get(id).and_then(text);
                let name =
                    ATTACHMENT_NAMES.into_iter().find_map(name_of).unwrap_or_else(|| "attachment".to_owned());
                whole &= attached(attachment.data(), &format!("{place}/{name}"), writer);
            }
            Err(_) => whole = false,
        }
    }
    whole
}

fn bodies(message: &dyn Message, place: &str, writer: &mut Writer) {
    let html = message.properties().get(HTML).and_then(|value| match value {
        PropertyValue::Binary(bytes) => Some(bytes.buffer().to_vec()),
        value => text(value).map(String::into_bytes),
    });
    let rtf = match message.properties().get(RTF) {
        Some(PropertyValue::Binary(bytes)) => decompress_rtf(bytes.buffer()),
        _ => None,
    };
    for (name, body) in [("body.html", html), ("body.rtf", rtf)] {
        if let Some(body) = body {
            writer.member(&format!("{place}/{name}"), &mut body.as_slice());
        }
    }
}

/// Gives one attachment. What is attached to an attached message is out of the crate's reach.
fn attached(data: Option<&AttachmentData>, name: &str, writer: &mut Writer) -> bool {
    match data {
        Some(AttachmentData::Binary(bytes)) => writer.member(name, &mut bytes.buffer()),
        Some(AttachmentData::Message(message)) => {
            strings(&**message, &format!("attached message {name}"), writer);
            bodies(&**message, name, writer);
            return rows(message.attachment_table()).is_empty();
        }
        None => {}
    }
    true
}

/// The crate's errors are those of reading.
type Read<T> = io::Result<T>;

#[cfg(test)]
mod tests;
