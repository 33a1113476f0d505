//! Mboxes: mails one behind the other, each behind a line `From sender date` (RFC 4155, appendix A). They are shown as
//! members `message 1`, `message 2`, …, as they come, so that a mailbox of many GB is never held.

use std::io::{self, BufRead, BufReader, Read};

use super::stream::Rewinds;
use super::{Job, Outcome, Place, Stream, Workspace, broken, gap};
use crate::blob::Alone;
use crate::budget::Reason;

/// The longest piece of a line that is read at once, in bytes.
const PIECE: u64 = 64 << 10;

/// Whether bytes begin with the line before a message.
pub(super) fn begins(head: &[u8]) -> bool {
    head.starts_with(b"From ") && memchr::memchr(b'\n', head).is_some_and(|end| is_from(&head[..=end]))
}

/// Looks at the messages in their order.
pub(super) fn unpack(job: &Job, place: Place, stream: Stream, workspace: &mut Workspace) -> Outcome {
    let rewinds = Rewinds::default();
    let mut messages = Messages::new(stream.reader);
    let mut outcome = Outcome::default();
    for number in 1.. {
        match messages.begin() {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => return outcome.then(broken(place.provenance, &error)),
        }
        if job.spent() {
            return outcome.then(gap(place.provenance, job.limit(), "messages from here on are left out"));
        }
        if number > job.run.visit.budget().members {
            return outcome.then(rest(job, place, messages, workspace));
        }
        let start = messages.start;
        let opener = || {
            let mut reader = (stream.opener)()?;
            rewinds.skip(&mut reader, start)?;
            let mut messages = Messages::new(reader);
            messages.begin()?;
            Ok(Box::new(messages) as Box<dyn Read>)
        };
        let provenance = &place.provenance.entry(format!("message {number}"));
        let inner = Place { provenance, package: &Alone };
        let message = Stream { reader: &mut messages, opener: &opener };
        outcome.coverage.members += 1;
        outcome.add(job.run.guarded(provenance, || job.stream(inner, message, workspace)));
        // Whoever looked at it may have stopped early.
        if let Err(error) = io::copy(&mut messages, &mut io::sink()) {
            return outcome.then(broken(place.provenance, &error));
        }
    }
    outcome
}

/// Looks at the messages that are too many as one text.
fn rest(job: &Job, place: Place, messages: Messages<&mut dyn Read>, workspace: &mut Workspace) -> Outcome {
    let opener = || Err(io::Error::other("the rest of a mailbox comes only once"));
    let mut reader = messages.line.as_slice().chain(messages.reader);
    let outcome = job.windows(place, Stream { reader: &mut reader, opener: &opener }, workspace);
    let detail = "too many messages; the rest is looked at as it is";
    outcome.then(gap(place.provenance, Reason::BudgetMembers, detail))
}

/// `From someone@example.org Mon Jun 01 10:00:00 2009`: a sender, a time of day and a year, so that no sentence is one.
fn is_from(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(b"From ") else { return false };
    let mut words = rest.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).peekable();
    let time =
        |word: &[u8]| matches!(word, [h, .., b':', m, n] if [h, m, n].iter().all(|d| d.is_ascii_digit()));
    let year = |word: &[u8]| word.len() == 4 && word.iter().all(u8::is_ascii_digit);
    let words: Vec<&[u8]> = words.by_ref().take(16).collect();
    words.iter().any(|word| time(word)) && words.iter().any(|word| year(word))
}

/// The messages of a mailbox; reading gives the bytes of the present one. Of its first line the word `From ` becomes a
/// header's name, so that what is read is a mail; one `>` of those before `From ` in a text is taken away.
struct Messages<R> {
    reader: BufReader<R>,
    /// Bytes of the lines that were read.
    position: u64,
    /// The line at hand, or a piece of it.
    line: Vec<u8>,
    given: usize,
    /// Whether the line at hand begins a message.
    at_start: bool,
    /// Where the present message begins.
    start: u64,
    /// Whether the last piece ended its line.
    ended: bool,
}

impl<R: Read> Messages<R> {
    fn new(reader: R) -> Self {
        Self {
            reader: BufReader::with_capacity(64 << 10, reader),
            position: 0,
            line: Vec::new(),
            given: 0,
            at_start: false,
            start: 0,
            ended: true,
        }
    }

    /// Goes to the next message; false if there is none.
    fn begin(&mut self) -> io::Result<bool> {
        if !self.at_start {
            self.next_line()?;
        }
        if self.line.is_empty() {
            return Ok(false);
        }
        self.start = self.position - self.line.len() as u64;
        if std::mem::take(&mut self.at_start) {
            self.line.splice(..b"From ".len(), *b"Mbox-From: ");
        }
        self.given = 0;
        Ok(true)
    }

    fn next_line(&mut self) -> io::Result<()> {
        self.line.clear();
        self.given = 0;
        (&mut self.reader).take(PIECE).read_until(b'\n', &mut self.line)?;
        self.position += self.line.len() as u64;
        if self.ended {
            self.at_start = is_from(&self.line);
        }
        let begins = self.ended;
        self.ended = self.line.ends_with(b"\n");
        let quotes = self.line.iter().take_while(|byte| **byte == b'>').count();
        if begins && quotes > 0 && self.line.get(quotes..).is_some_and(|rest| rest.starts_with(b"From ")) {
            self.given = 1;
        }
        Ok(())
    }
}

impl<R: Read> Read for Messages<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given == self.line.len() && !self.at_start {
            self.next_line()?;
        }
        if self.at_start {
            return Ok(0);
        }
        let mut rest = self.line.get(self.given..).unwrap_or_default();
        let read = rest.read(buffer)?;
        self.given += read;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(mailbox: &str) -> Vec<(u64, String)> {
        let mut messages = Messages::new(mailbox.as_bytes());
        let mut all = Vec::new();
        while messages.begin().unwrap() {
            let mut text = String::new();
            let start = messages.start;
            messages.read_to_string(&mut text).unwrap();
            all.push((start, text));
        }
        all
    }

    // Where messages begin: Python's mailbox.mbox, but that it asks for no date.
    #[test]
    fn messages_are_split_at_their_lines() {
        let from = "From a@b Mon Jun 01 10:00:00 2009\n";
        let mailbox = format!("{from}A: b\n\ntext\n>From x\nFrom here on\n{from}C: d\n\r\n{from}\nend");
        let head = "Mbox-From: a@b Mon Jun 01 10:00:00 2009\n";
        let texts: Vec<String> = split(&mailbox).into_iter().map(|(_, text)| text).collect();
        let first = format!("{head}A: b\n\ntext\nFrom x\nFrom here on\n");
        assert_eq!(texts, [first, format!("{head}C: d\n\r\n"), format!("{head}\nend")]);
        for (start, text) in split(&mailbox) {
            let again = &mailbox[start as usize..];
            assert_eq!(split(again)[0].1, text);
        }
    }

    #[test]
    fn a_mailbox_is_told_by_its_first_line() {
        assert!(begins(b"From MAILER-DAEMON Thu Jan  1 01:00:00 1970\nX: y"));
        assert!(begins(b"From 1234@xxx Mon Nov 23 10:00:00 +0000 2026\r\n"));
        for other in ["From me to you\n", "From: a@b\n", "From a at 10:00 on\n", "From x 10:00:00 2009"] {
            assert!(!begins(other.as_bytes()));
        }
    }
}
