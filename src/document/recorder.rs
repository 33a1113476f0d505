//! A sink for tests: it keeps what it is given.

use std::io::Read;

use super::Sink;
use crate::blob::Landmarks;
use crate::budget::Reason;

/// Name, text and landmarks.
type Text = (String, String, Vec<(usize, String)>);

/// Keeps what it is given.
#[derive(Default)]
pub(super) struct Recorder {
    pub(super) texts: Vec<Text>,
    /// Name and content.
    pub(super) members: Vec<(String, Vec<u8>)>,
    pub(super) gaps: Vec<(Reason, String)>,
}

impl Recorder {
    /// All texts, one after the other.
    pub(super) fn text(&self) -> String {
        self.texts.iter().map(|(_, text, _)| text.as_str()).collect()
    }

    /// What the place of this part of a text is called.
    pub(super) fn place(&self, part: &str) -> Option<&str> {
        self.texts.iter().find_map(|(_, text, marks)| {
            let at = text.find(part)?;
            marks.iter().rev().find(|(mark, _)| *mark <= at).map(|(_, name)| name.as_str())
        })
    }

    /// The content of the member of that name, as text.
    pub(super) fn member(&self, name: &str) -> Option<String> {
        let member = self.members.iter().find(|(own, _)| own == name);
        member.map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned())
    }
}

impl Sink for Recorder {
    fn text(&mut self, name: &str, text: &[u8], landmarks: &Landmarks) -> bool {
        let marks = landmarks.iter().map(|(at, name)| (at, name.to_owned())).collect();
        self.texts.push((name.to_owned(), String::from_utf8_lossy(text).into_owned(), marks));
        true
    }

    fn member(&mut self, name: &str, content: &mut dyn Read) -> bool {
        let mut bytes = Vec::new();
        if let Err(error) = content.read_to_end(&mut bytes) {
            self.gaps.push((Reason::Corrupt, error.to_string()));
        }
        self.members.push((name.to_owned(), bytes));
        true
    }

    fn gap(&mut self, reason: Reason, detail: &str) {
        self.gaps.push((reason, detail.to_owned()));
    }
}
