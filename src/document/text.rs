//! What most decoders write their text into: it names places as it goes, and gives the text to the sink in stretches of
//! whole lines, so that no document's text is held at once.

use super::Sink;
use crate::blob::Landmarks;

/// So many bytes are given at a time, or some more up to the end of a line.
const STRETCH: usize = 2 << 20;

/// So many places are named in one stretch, or some more up to the end of a line.
const PLACES: usize = 64 << 10;

/// The longest line that is kept together, in bytes.
const LINE: usize = 16 << 20;

/// A text on its way to a sink.
pub(super) struct Writer<'s> {
    sink: &'s mut dyn Sink,
    name: String,
    text: Vec<u8>,
    landmarks: Landmarks,
    /// Where we are, for the beginning of the next stretch.
    place: String,
    wanted: bool,
}

impl<'s> Writer<'s> {
    /// A text of this name.
    pub(super) fn new(name: &str, sink: &'s mut dyn Sink) -> Self {
        Self {
            sink,
            name: name.to_owned(),
            text: Vec::new(),
            landmarks: Landmarks::default(),
            place: String::new(),
            wanted: true,
        }
    }

    /// From here on the place is called so.
    pub(super) fn landmark(&mut self, name: impl Into<String>) {
        self.place = name.into();
        self.landmarks.push(self.text.len(), self.place.as_str());
    }

    /// The next bytes of the text.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.text.extend_from_slice(bytes);
        let full = self.text.len() >= STRETCH || self.landmarks.len() >= PLACES;
        if full && (bytes.ends_with(b"\n") || self.text.len() >= LINE || self.landmarks.len() >= 2 * PLACES) {
            self.flush();
        }
    }

    /// Ends the line, if one has begun.
    pub(super) fn end_line(&mut self) {
        if self.text.last().is_some_and(|byte| *byte != b'\n') {
            self.push(b"\n");
        }
    }

    /// Whether more is wanted.
    pub(super) fn wanted(&self) -> bool {
        self.wanted
    }

    /// Gives what there is, so that the sink may take something else.
    pub(super) fn flush(&mut self) {
        if self.wanted && !self.text.is_empty() {
            self.wanted = self.sink.text(&self.name, &self.text, &self.landmarks);
        }
        self.text.clear();
        self.landmarks = Landmarks::default();
        if !self.place.is_empty() {
            self.landmarks.push(0, self.place.as_str());
        }
    }

    /// The sink, for a member or a gap.
    pub(super) fn sink(&mut self) -> &mut dyn Sink {
        self.sink
    }

    /// Gives a member.
    pub(super) fn member(&mut self, name: &str, content: &mut dyn std::io::Read) {
        if self.wanted {
            self.wanted = self.sink.member(name, content);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::recorder::Recorder;

    #[test]
    fn a_long_text_is_cut_between_lines_and_keeps_its_places() {
        let mut recorder = Recorder::default();
        let mut writer = Writer::new("(text)", &mut recorder);
        for page in 0..3 {
            writer.landmark(format!("page {page}"));
            for _ in 0..(STRETCH / 64) {
                writer.push(&[b'x'; 63]);
                writer.push(b"\n");
            }
            writer.push(b"end");
            writer.end_line();
        }
        writer.flush();
        assert!(recorder.texts.len() >= 3);
        assert!(recorder.texts.iter().all(|(_, text, _)| text.ends_with('\n')));
        assert_eq!(recorder.texts.iter().map(|(_, text, _)| text.len()).sum::<usize>(), 3 * (STRETCH + 4));
        assert_eq!(recorder.texts[1].2.first().map(|(at, name)| (*at, name.as_str())), Some((0, "page 0")));
    }
}
