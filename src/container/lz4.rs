//! LZ4: frames one after the other, those of the old form included (`doc/lz4_Frame_format.md` of lz4, 1.6.4), which are
//! read as one blob. What stands in skippable frames is looked at too.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use lz4_flex::frame::FrameDecoder;

use super::frames::{Skipped, behind_skippable, is_skippable};
use super::stream::Blamed;
use super::{Job, Outcome, Place, Stream, Workspace, wrapped};

/// The first bytes of a frame, and of one of the old form.
const MAGIC: [u8; 4] = 0x184d_2204_u32.to_le_bytes();
const LEGACY: [u8; 4] = 0x184c_2102_u32.to_le_bytes();

/// Whether bytes begin with a frame, or with skippable ones and then one.
pub(super) fn begins(head: &[u8]) -> bool {
    let head = behind_skippable(head);
    head.starts_with(&MAGIC) || head.starts_with(&LEGACY)
}

/// Looks at what is in it.
pub(super) fn unpack(job: &Job, place: Place, stream: Stream, workspace: &mut Workspace) -> Outcome {
    let opener = || Ok(Box::new(Blamed(frames((stream.opener)()?))) as Box<dyn Read>);
    let name = wrapped::name(place.provenance, &[("lz4", ""), ("tlz4", "tar")]);
    let mut frames = frames(stream.reader);
    let outcome = job.run.guarded(place.provenance, || {
        wrapped::unpack(job, place, &name, Blamed(&mut frames), &opener, workspace)
    });
    outcome.then(frames.skipped.look(job, place, workspace))
}

fn frames<R: Read>(reader: R) -> Frames<BufReader<R>> {
    let reader = Source { reader: BufReader::with_capacity(64 << 10, reader), ended: false };
    Frames { state: State::Between(reader), skipped: Skipped::default() }
}

/// A reader that knows whether somebody asked for more than there is: the decoder of a frame takes an end within it for
/// its own end.
struct Source<R> {
    reader: R,
    ended: bool,
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.ended |= read == 0 && !buffer.is_empty();
        Ok(read)
    }
}

/// A frame, its magic before it.
type Frame<R> = FrameDecoder<io::Chain<Cursor<[u8; 4]>, Source<R>>>;

enum State<R: Read> {
    Between(Source<R>),
    Within(Box<Frame<R>>),
    Over,
}

/// Frames one after the other.
struct Frames<R: Read> {
    state: State<R>,
    skipped: Skipped,
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !buffer.is_empty() {
            // What fails is over.
            match std::mem::replace(&mut self.state, State::Over) {
                State::Over => break,
                State::Between(source) => self.state = self.next(source)?,
                State::Within(mut frame) => {
                    let read = frame.read(buffer)?;
                    if read > 0 {
                        self.state = State::Within(frame);
                        return Ok(read);
                    }
                    self.state = State::Between(end(*frame)?);
                }
            }
        }
        Ok(0)
    }
}

impl<R: BufRead> Frames<R> {
    /// Goes to the next frame that is not skippable.
    fn next(&mut self, mut source: Source<R>) -> io::Result<State<R>> {
        while !source.reader.fill_buf()?.is_empty() {
            let mut magic = [0; 4];
            source.read_exact(&mut magic)?;
            if is_skippable(&magic) {
                self.skipped.read(&mut source)?;
                continue;
            }
            if magic != MAGIC && magic != LEGACY {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "what follows a frame is none"));
            }
            let frame = FrameDecoder::new(Cursor::new(magic).chain(source));
            return Ok(State::Within(Box::new(frame)));
        }
        Ok(State::Over)
    }
}

/// What comes behind a frame. A frame of the old form has no mark at its end: the stream's end is its.
fn end<R: Read>(frame: Frame<R>) -> io::Result<Source<R>> {
    let (magic, source) = frame.into_inner().into_inner();
    if source.ended && magic.get_ref() == &MAGIC {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a frame has no end"));
    }
    Ok(source)
}
