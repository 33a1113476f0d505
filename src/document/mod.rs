//! Documents: files that people read with a program of their own, as texts with landmarks and the files embedded in
//! them; and archives whose decoder is not ours. One file per format; a decoder turns bytes into pieces for a [`Sink`] and
//! knows neither what is looked for in them nor where they go.
//!
//! A decoder that is not ours can run wild on a hostile file in ways that no caught panic stops: a runaway allocation, a
//! stack overflow, a loop. Such a one is marked as isolated and runs in a child process ([`worker`]).

mod charset;
mod csv;
mod frames;
mod grid;
mod images;
mod mail;
mod mashup;
pub(crate) mod office;
mod ole;
mod onenote;
#[cfg(feature = "parquet")]
mod parquet;
mod pdf;
mod plist;
mod pst;
#[cfg(test)]
mod recorder;
mod rows;
mod rtf;
mod seven_zip;
mod sqlite;
mod text;
mod tnef;
pub mod worker;

use std::io::Read;
use std::sync::Arc;

use crate::blob::{Landmarks, Package};
use crate::budget::Reason;
use crate::finding::Secret;
use crate::source::{RangeReader, ReadAt};

pub(crate) use frames::{Frame, Frames};
use office::cell as office_cell;

/// The largest document that is held in memory by a decoder that runs in this process, in bytes.
const HELD: u64 = 32 << 20;

/// All bytes of a document that is no larger than [`HELD`]; of another, and of one that cannot be read, the sink is told so.
fn held(source: &Arc<dyn ReadAt>, sink: &mut dyn Sink) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    // One more than it says: it may have grown since.
    let read = RangeReader::whole(source.clone()).take(HELD + 1).read_to_end(&mut bytes);
    if read.is_err() {
        sink.gap(Reason::Unreadable, "it cannot be read");
        return None;
    }
    if bytes.len() as u64 > HELD {
        sink.gap(Reason::BudgetBytes, "too large to be taken apart; looked at as it is");
        return None;
    }
    Some(bytes)
}

/// A kind of document.
pub struct Decoder {
    /// Its name, as a gap and the worker call it: `PDF document`.
    pub name: &'static str,
    /// Whether a blob with these first bytes (some hundred at least, if it has them) is of this kind.
    pub begins: fn(&[u8]) -> bool,
    /// Takes it apart. What it says of trouble is a gap of the document; what it gave before that counts.
    pub decode: fn(&Arc<dyn ReadAt>, &mut dyn Sink),
    /// Whether it runs in a child process.
    pub isolated: bool,
}

/// All kinds, in the order in which they are tried.
pub const DECODERS: &[Decoder] = &[
    seven_zip::DECODER,
    mail::MAIL,
    ole::OLE,
    rtf::RTF,
    pdf::PDF,
    onenote::ONENOTE,
    pst::PST,
    plist::DECODER,
    tnef::DECODER,
    Decoder { name: sqlite::NAME, begins: sqlite::begins, decode: sqlite::decode, isolated: true },
    sqlite::cells::LOG,
    #[cfg(feature = "parquet")]
    Decoder { name: parquet::NAME, begins: parquet::begins, decode: parquet::decode, isolated: true },
    Decoder { name: "PNG image", begins: images::is_png, decode: images::png, isolated: false },
    Decoder { name: "JPEG image", begins: images::is_jpeg, decode: images::jpeg, isolated: false },
    Decoder { name: "Power Query part", begins: mashup::begins, decode: mashup::decode, isolated: false },
    Decoder { name: "table as text", begins: csv::begins, decode: csv::decode, isolated: false },
];

/// The decoder for a blob with these first bytes.
pub fn decoder(head: &[u8]) -> Option<&'static Decoder> {
    DECODERS.iter().find(|decoder| (decoder.begins)(head))
}

/// A document with what stands beside it and belongs to it: a database with the log of what is to be written into it.
pub fn with_companions(
    decoder: &Decoder,
    source: &Arc<dyn ReadAt>,
    package: &dyn Package,
) -> Arc<dyn ReadAt> {
    let whole = if decoder.name == sqlite::NAME { sqlite::with_log(source, package) } else { None };
    whole.unwrap_or_else(|| source.clone())
}

/// Takes the pieces of a document, in its order.
pub trait Sink {
    /// A text made for reading, such as `(text)` or a table's name, at most some MiB of it at a time, cut between lines.
    /// False once no more is wanted: a decoder stops then.
    fn text(&mut self, name: &str, text: &[u8], landmarks: &Landmarks) -> bool;

    /// A file embedded in it, which may be anything. False once no more is wanted.
    fn member(&mut self, name: &str, content: &mut dyn Read) -> bool;

    /// Something of it could not be read.
    fn gap(&mut self, reason: Reason, detail: &str);

    /// What is locked may be tried with these.
    fn passwords(&self) -> Vec<Secret> {
        Vec::new()
    }
}
