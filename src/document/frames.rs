//! How a worker's pieces travel through a pipe: frames of a kind, a length and that many bytes. The reader trusts
//! nothing of it: a length beyond [`LIMIT`] and an unknown kind end the stream.

use std::io::{self, Read, Write};

use super::Sink;
use crate::blob::Landmarks;
use crate::budget::Reason;
use crate::finding::Secret;

/// The longest frame, in bytes.
const LIMIT: u32 = 64 << 20;

/// Bytes of a member in one frame.
const CHUNK: usize = 64 << 10;

/// The kinds of frames, and the bytes that stand for them.
const NAME: u8 = b'N';
const LANDMARK: u8 = b'L';
const TEXT: u8 = b'T';
const MEMBER: u8 = b'M';
const DATA: u8 = b'D';
const END: u8 = b'E';
const BROKEN: u8 = b'B';
const GAP: u8 = b'G';
const DONE: u8 = b'Z';

/// What comes next out of a pipe.
pub(crate) enum Frame {
    /// A text with its name.
    Text(String, Vec<u8>, Landmarks),
    /// A member of that name begins: its bytes are read from [`Frames::content`].
    Member(String),
    /// A gap.
    Gap(Reason, String),
    /// The document has been taken apart.
    Done,
}

/// Writes pieces into a pipe.
pub(super) struct FrameWriter<W> {
    out: W,
    passwords: Vec<Secret>,
}

impl<W: Write> FrameWriter<W> {
    pub(super) fn new(out: W, passwords: Vec<Secret>) -> Self {
        Self { out, passwords }
    }

    /// Says that all was given.
    pub(super) fn done(mut self) -> io::Result<()> {
        self.frame(DONE, &[])?;
        self.out.flush()
    }

    fn frame(&mut self, kind: u8, bytes: &[u8]) -> io::Result<()> {
        let length = u32::try_from(bytes.len()).ok().filter(|length| *length <= LIMIT);
        let length = length.ok_or_else(|| io::Error::other("a piece is too long for a frame"))?;
        self.out.write_all(&[kind])?;
        self.out.write_all(&length.to_le_bytes())?;
        self.out.write_all(bytes)
    }

    fn write_text(&mut self, name: &str, text: &[u8], landmarks: &Landmarks) -> io::Result<()> {
        self.frame(NAME, name.as_bytes())?;
        let mut named = Vec::new();
        for (at, name) in landmarks.iter() {
            named.clear();
            named.extend((at as u64).to_le_bytes());
            named.extend(name.as_bytes());
            self.frame(LANDMARK, &named)?;
        }
        self.frame(TEXT, text)
    }

    fn write_member(&mut self, name: &str, content: &mut dyn Read) -> io::Result<()> {
        self.frame(MEMBER, name.as_bytes())?;
        let mut chunk = vec![0; CHUNK];
        loop {
            match content.read(&mut chunk) {
                Ok(0) => return self.frame(END, &[]),
                Ok(read) => self.frame(DATA, chunk.get(..read).unwrap_or_default())?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return self.frame(BROKEN, error.to_string().as_bytes()),
            }
        }
    }
}

impl<W: Write> Sink for FrameWriter<W> {
    // Each piece is sent when it is done: what runs wild after it does not take it along.

    fn text(&mut self, name: &str, text: &[u8], landmarks: &Landmarks) -> bool {
        self.write_text(name, text, landmarks).and_then(|()| self.out.flush()).is_ok()
    }

    fn member(&mut self, name: &str, content: &mut dyn Read) -> bool {
        self.write_member(name, content).and_then(|()| self.out.flush()).is_ok()
    }

    fn gap(&mut self, reason: Reason, detail: &str) {
        // Where nobody reads any more, nobody misses it.
        let _ = self.frame(GAP, format!("{} {detail}", reason.name()).as_bytes());
    }

    fn passwords(&self) -> Vec<Secret> {
        self.passwords.clone()
    }
}

/// Reads pieces out of a pipe.
pub(crate) struct Frames<R> {
    inner: R,
    /// Bytes of the present frame of a member that are still to come; `None` where no member is open.
    open: Option<u32>,
}

impl<R: Read> Frames<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self { inner, open: None }
    }

    /// The next piece; what was left of a member is passed over.
    pub(crate) fn next(&mut self) -> io::Result<Frame> {
        if self.open.is_some() {
            io::copy(&mut self.content(), &mut io::sink())?;
        }
        let (mut name, mut landmarks) = (String::new(), Landmarks::default());
        loop {
            let (kind, length) = self.header()?;
            match kind {
                NAME => name = self.string(length)?,
                LANDMARK => {
                    let bytes = self.bytes(length)?;
                    let (at, name) = bytes.split_first_chunk::<8>().ok_or(io::ErrorKind::InvalidData)?;
                    let at = usize::try_from(u64::from_le_bytes(*at)).unwrap_or(usize::MAX);
                    landmarks.push(at, String::from_utf8_lossy(name));
                }
                TEXT => return Ok(Frame::Text(name, self.bytes(length)?, landmarks)),
                MEMBER => {
                    self.open = Some(0);
                    return Ok(Frame::Member(self.string(length)?));
                }
                GAP => return Ok(gap(&self.string(length)?)),
                DONE => return Ok(Frame::Done),
                _ => return Err(io::ErrorKind::InvalidData.into()),
            }
        }
    }

    /// The bytes of the member that has begun.
    pub(crate) fn content(&mut self) -> Content<'_, R> {
        Content(self)
    }

    fn header(&mut self) -> io::Result<(u8, u32)> {
        let mut header = [0; 5];
        self.inner.read_exact(&mut header)?;
        let [kind, length @ ..] = header;
        let length = u32::from_le_bytes(length);
        if length > LIMIT { Err(io::ErrorKind::InvalidData.into()) } else { Ok((kind, length)) }
    }

    fn bytes(&mut self, length: u32) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let read = (&mut self.inner).take(length.into()).read_to_end(&mut bytes)?;
        if read < length as usize { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(bytes) }
    }

    fn string(&mut self, length: u32) -> io::Result<String> {
        Ok(String::from_utf8_lossy(&self.bytes(length)?).into_owned())
    }
}

fn gap(text: &str) -> Frame {
    let (name, detail) = text.split_once(' ').unwrap_or((text, ""));
    Frame::Gap(Reason::from_name(name).unwrap_or(Reason::DecoderFailed), detail.to_owned())
}

/// The bytes of one member.
pub(crate) struct Content<'a, R>(&'a mut Frames<R>);

impl<R: Read> Read for Content<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.open {
                None => return Ok(0),
                Some(0) => match self.0.header()? {
                    (DATA, length) => self.0.open = Some(length),
                    (END, 0) => self.0.open = None,
                    (BROKEN, length) => {
                        self.0.open = None;
                        let detail = self.0.string(length)?;
                        return Err(io::Error::new(io::ErrorKind::InvalidData, detail));
                    }
                    _ => return Err(io::ErrorKind::InvalidData.into()),
                },
                Some(left) => {
                    let wanted = buffer.len().min(left as usize);
                    let Some(part) = buffer.get_mut(..wanted) else { return Ok(0) };
                    let read = self.0.inner.read(part)?;
                    if read == 0 && wanted > 0 {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                    // At most `left` was read.
                    self.0.open = Some(left.saturating_sub(u32::try_from(read).unwrap_or(left)));
                    return Ok(read);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_come_out_as_they_went_in() {
        let mut pipe = Vec::new();
        let mut writer = FrameWriter::new(&mut pipe, Vec::new());
        let mut landmarks = Landmarks::default();
        landmarks.push(0, "page 1");
        landmarks.push(7, "page 2");
        assert!(writer.text("(text)", b"one two", &landmarks));
        let long = vec![7; 3 * CHUNK + 5];
        assert!(writer.member("a.bin", &mut &long[..]));
        assert!(writer.member("b.bin", &mut &b"left alone"[..]));
        writer.gap(Reason::Encrypted, "a password is needed");
        writer.done().unwrap();

        let mut frames = Frames::new(&pipe[..]);
        let Frame::Text(name, text, marks) = frames.next().unwrap() else { panic!() };
        assert_eq!((name.as_str(), &text[..], marks), ("(text)", &b"one two"[..], landmarks));
        let Frame::Member(name) = frames.next().unwrap() else { panic!() };
        let mut read = Vec::new();
        frames.content().read_to_end(&mut read).unwrap();
        assert!(name == "a.bin" && read == long);
        let Frame::Member(name) = frames.next().unwrap() else { panic!() };
        assert_eq!(name, "b.bin");
        let Frame::Gap(reason, detail) = frames.next().unwrap() else { panic!() };
        assert_eq!((reason, detail.as_str()), (Reason::Encrypted, "a password is needed"));
        assert!(matches!(frames.next().unwrap(), Frame::Done));
        assert!(frames.next().is_err());
    }

    #[test]
    fn nothing_in_a_pipe_is_trusted() {
        for bytes in [&b"T\xff\xff\xff\xff"[..], b"X\0\0\0\0", b"L\x03\0\0\0abc", b"T\x05\0\0\0abc", b""] {
            assert!(Frames::new(bytes).next().is_err());
        }
        let mut frames = Frames::new(&b"M\x01\0\0\0aD\x04\0\0\0xyE"[..]);
        assert!(matches!(frames.next(), Ok(Frame::Member(_))));
        assert!(frames.content().read_to_end(&mut Vec::new()).is_err());
    }
}
