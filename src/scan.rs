//! The table of contents of the main job: one blob, or one stream, to findings.
//!
//! A blob's text is looked at as it stands, then every layer that decodes out of it; the candidates of all layers are
//! brought into the blob's coordinates, filtered, and labelled by the platform's outline, which is made only if a
//! candidate stands. What is too large for memory is looked at in windows that overlap by all that a detector
//! can see, and a candidate counts in the window in whose middle it begins, so the size of windows changes nothing.

mod layers;
mod seen;
mod trace;

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::ops::Range;
use std::path::PathBuf;

use crate::blob::{Blob, Landmarks, Package, Provenance, Span};
use crate::budget::{Budget, Gap, Reason};
use crate::decode::{Decoded, OffsetMap, code_page, markup, utf16, utf32};
use crate::detect::names::Telling;
use crate::detect::runs::is_run_byte;
use crate::detect::{By, Candidate, Detectors, Found, REACH, generic, keep_disjoint, keystore};
use crate::document::office;
use crate::filter;
use crate::finding::{Encoding, Finding, Location, Place, Secret, Storage};
use crate::json;
use crate::label;
use crate::mark::Marks;
use crate::platform;

pub use self::seen::{Seen, seen};
pub(crate) use self::trace::{Hit, Needles, Trace, trace};
use self::trace::{Own, Trail};

/// Everything that a scan needs to know, read-only and shared by all threads.
pub struct Scanner {
    /// What is looked for.
    pub detectors: Detectors,
    /// What may be spent on an input.
    pub budget: Budget,
    /// The clock that expiries are judged by, seconds since 1970-01-01 UTC.
    pub now: i64,
    /// The program that runs decoders in a process of their own ([`crate::document::worker`]): keysieve itself. If
    /// there is none, they run in this process.
    pub worker: Option<PathBuf>,
}

/// One thread's working memory, reused from blob to blob.
#[derive(Default)]
pub struct Scratch {
    /// One set of result lists for each layer on top of another.
    found: Vec<Found>,
    window: Vec<u8>,
}

/// What one blob gave.
#[derive(Debug, Default)]
pub struct BlobScan {
    /// In order of their place.
    pub findings: Vec<Finding>,
    /// What of this blob was not read.
    pub gaps: Vec<Gap>,
    /// Bytes that were scanned.
    pub bytes: u64,
    /// Containers that stand in the text, for whoever can unpack them.
    pub embedded: Vec<Embedded>,
}

/// A container that stands in a text, in base64.
#[derive(Debug)]
pub struct Embedded {
    /// Where in the blob its text begins, in bytes.
    pub at: u64,
    /// The container.
    pub bytes: Vec<u8>,
}

/// A candidate in the coordinates of its blob's text.
struct Placed {
    candidate: Candidate,
    /// Bytes of the text that the match came out of, from the blob's beginning.
    span: Range<u64>,
    /// The secret's bytes.
    secret: Range<u64>,
    decoded: Vec<Encoding>,
    /// Where the secret stands in the layer that it was seen in.
    own: Own,
}

/// Scans one blob that is whole in memory: every byte of it, every layer that decodes out of it, and what is encrypted in
/// it if the key lies beside it.
pub fn blob(blob: &Blob, scanner: &Scanner, scratch: &mut Scratch) -> BlobScan {
    let mut scan = as_it_stands(blob, scanner, scratch);
    if let Some(opened) = platform::opened(blob) {
        let text = Blob { bytes: &opened.text, landmarks: Landmarks::NONE, ..*blob };
        let inner = as_it_stands(&text, scanner, scratch);
        let mut lines = Lines::new(blob.bytes);
        scan.findings.extend(inner.findings.into_iter().filter_map(|f| sealed(f, &opened, &mut lines)));
        scan.findings.sort_by_key(|finding| finding.location.bytes.as_ref().map(|bytes| bytes.start));
        scan.gaps.extend(inner.gaps);
    }
    scan
}

/// The finding of an opened text at the place where it was sealed; `None` if it stood in clear and is known.
fn sealed(mut finding: Finding, opened: &platform::Opened, lines: &mut Lines) -> Option<Finding> {
    for location in std::iter::once(&mut finding.location).chain(&mut finding.also) {
        let start = usize::try_from(location.bytes.as_ref()?.start).ok()?;
        let origin = opened.origin(start)?;
        (location.line, location.column) = lines.at(origin.start).unzip();
        location.bytes = Some(origin.start as u64..origin.end as u64);
    }
    finding.storage = Storage::Encrypted;
    finding.place.storage = Some(Storage::Encrypted);
    finding.place.store = opened.store.or(finding.place.store);
    Some(finding)
}

/// Scans the bytes of a blob and every layer that decodes out of them.
fn as_it_stands(blob: &Blob, scanner: &Scanner, scratch: &mut Scratch) -> BlobScan {
    let mut scan = BlobScan { bytes: blob.bytes.len() as u64, ..BlobScan::default() };
    let wide = wide(blob.bytes);
    let mut looking = Looking::new(scanner, blob.bytes.len(), scratch);
    match &wide {
        Some(wide) => looking.look_all(&Frame::root(&wide.text), 1),
        None => looking.look_all(&Frame::root(blob.bytes), 0),
    }
    looking.placed.extend(platform::declared(blob).into_iter().map(declared));
    looking.whole(blob.bytes);
    scan.embedded = std::mem::take(&mut looking.embedded);
    let (placed, cut) = looking.finish();
    cut.report(blob.provenance, &mut scan);
    if placed.is_empty() {
        return scan;
    }
    let text = wide.as_ref().map_or(blob.bytes, |wide| &wide.text[..]);
    let view = View { text: Some(text), wide: wide.as_ref(), ..View::of(blob) };
    conclude(placed, &view, scanner, &mut scan);
    scan
}

/// A value that stands in a credential store in clear, as a candidate: where others see the same, they know more of it.
fn declared(declared: platform::Declared) -> Placed {
    let platform::Declared { span, value, name } = declared;
    let lower = name.to_ascii_lowercase();
    let signature = match () {
        () if lower.contains("pass") => &generic::PASSWORD_FIELD,
        () if lower.contains("refresh") => &generic::REFRESH_TOKEN,
        () if lower.contains("accesstoken") || lower.contains("access_token") => &generic::ACCESS_TOKEN,
        () if lower.contains("secret") => &generic::CLIENT_SECRET,
        () => &generic::API_KEY,
    };
    let bytes = span.start as u64..span.end as u64;
    let secret = Secret::new(value.into_bytes());
    let candidate = Candidate {
        signature,
        by: By::Field(Telling::Password),
        span: span.clone(),
        secret: span,
        whole: secret.clone(),
        value: secret,
        name: Some(name),
        user: None,
        claims: None,
        doubt: None,
    };
    let own = Own { layer: 0, secret: candidate.secret.clone() };
    Placed { candidate, span: bytes.clone(), secret: bytes, decoded: Vec::new(), own }
}

/// The text of a blob that as a whole is in another encoding than UTF-8, with the way back.
fn wide(bytes: &[u8]) -> Option<Decoded> {
    // UTF-32 first: its byte order mark begins as that of UTF-16 does.
    if let Some((encoding, start)) = utf32::detect(bytes) {
        return utf32::decode_as(bytes, start..bytes.len(), encoding);
    }
    if let Some((encoding, start)) = utf16::detect(bytes) {
        return utf16::decode_as(bytes, start..bytes.len(), encoding);
    }
    code_page::decode(bytes)
}

/// Scans a blob too large for memory (or of unknown size), window by window.
///
/// `reader` gives all its bytes from the first one on. `reopen` gives them once more: it is called only when a candidate
/// stands, so that an outline can be made of the whole blob if it fits [`Budget::whole`]. An error of `reader` becomes
/// a gap (`UnexpectedEof`: truncated; `InvalidData`: corrupt; others: unreadable), and what came before it is scanned.
pub fn stream(
    provenance: &Provenance,
    reader: &mut dyn io::Read,
    reopen: &mut dyn FnMut() -> io::Result<Box<dyn io::Read>>,
    package: &dyn Package,
    scanner: &Scanner,
    scratch: &mut Scratch,
) -> BlobScan {
    let mut scan = BlobScan::default();
    let placed = windows(provenance, reader, scanner, scratch, &mut scan);
    if placed.is_empty() {
        return scan;
    }
    let whole = reopen().and_then(|reader| read_whole(reader, scanner.budget.whole)).unwrap_or_default();
    let wide = whole.as_ref().and_then(|bytes| wide(bytes));
    match (&whole, &wide) {
        // Windows keep to the bytes; of a whole UTF-16 text the coordinates are the decoded text's, as in `blob`.
        (Some(bytes), Some(_)) => {
            let whole = Blob { provenance, bytes, package, landmarks: Landmarks::NONE };
            let blob_scan = blob(&whole, scanner, scratch);
            scan.findings = blob_scan.findings;
            scan.embedded = blob_scan.embedded;
            scan.gaps.extend(blob_scan.gaps);
        }
        _ => {
            let text = whole.as_deref();
            let view = View { provenance, text, package, landmarks: Landmarks::NONE, wide: None };
            conclude(placed, &view, scanner, &mut scan);
        }
    }
    scan
}

/// Scans the last name of a provenance as text: secrets stand in file and member names as well.
pub fn name(provenance: &Provenance, scanner: &Scanner, scratch: &mut Scratch) -> Vec<Finding> {
    let name = match provenance.entries.last() {
        Some(entry) => entry,
        None => provenance.name(),
    };
    if name.len() < 8 {
        return Vec::new();
    }
    let mut looking = Looking::new(scanner, name.len(), scratch);
    looking.look(&Frame::root(name.as_bytes()), 0);
    let (placed, _) = looking.finish();
    placed
        .into_iter()
        .filter_map(|placed| {
            let place = filter::judge(&placed.candidate, Place::default).ok()?;
            let location = Location {
                provenance: provenance.clone(),
                bytes: None,
                line: None,
                column: None,
                decoded: placed.decoded,
                pointer: None,
                landmark: None,
            };
            Some(label::finding(placed.candidate, place, location, scanner.now))
        })
        .collect()
}

/// A text and the way from it back to the blob's text.
struct Frame<'a> {
    text: &'a [u8],
    out_of: Option<(&'a OffsetMap, &'a Frame<'a>, Encoding)>,
    /// Where the text stands in its blob; not 0 only in windows.
    base: u64,
}

impl<'a> Frame<'a> {
    fn root(text: &'a [u8]) -> Self {
        Self { text, out_of: None, base: 0 }
    }

    /// The smallest span of the blob's text that a span of this text came out of.
    fn in_blob(&self, span: &Span) -> Range<u64> {
        match &self.out_of {
            Some((map, parent, _)) => parent.in_blob(&map.encoded(span.clone()).cover()),
            None => self.base + span.start as u64..self.base + span.end as u64,
        }
    }

    /// The decoding steps, outermost first.
    fn encodings(&self) -> Vec<Encoding> {
        match &self.out_of {
            Some((_, parent, encoding)) => {
                let mut steps = parent.encodings();
                steps.push(*encoding);
                steps
            }
            None => Vec::new(),
        }
    }
}

/// One blob's way through the layers.
struct Looking<'s> {
    scanner: &'s Scanner,
    scratch: &'s mut Scratch,
    placed: Vec<Placed>,
    /// Bytes that may still be decoded.
    left: usize,
    /// Candidates that may still be taken.
    room: usize,
    embedded: Vec<Embedded>,
    /// Of a window that others follow: from where on the next one sees the text better.
    next_from: Option<usize>,
    /// Whether the text is markup from its first byte on.
    is_markup: bool,
    cut: Cut,
    /// Keeps the layers, for whoever writes through them; a scan has none.
    trail: Option<Trail<'s>>,
}

/// What the budget left out of one blob.
#[derive(Default)]
struct Cut {
    /// Places where a candidate may have been.
    places: u64,
    /// Layers that were not decoded since others had used up the bytes for that.
    layers: u64,
    /// Layers below the deepest that is decoded.
    deeper: u64,
    /// Packed data that goes on behind the end of a window.
    cut_off: u64,
}

impl Cut {
    fn add(&mut self, other: &Self) {
        self.places += other.places;
        self.layers += other.layers;
        self.deeper += other.deeper;
        self.cut_off += other.cut_off;
    }

    fn report(&self, provenance: &Provenance, scan: &mut BlobScan) {
        let mut report = |count: u64, reason, what: &str| {
            if count > 0 {
                scan.gaps.push(Gap::new(provenance, reason, format!("{count} {what}")));
            }
        };
        report(
            self.places,
            Reason::TooManyFindings,
            "further places that may hold a credential were passed over",
        );
        report(
            self.layers,
            Reason::BudgetBytes,
            "encoded stretches were not decoded: more comes out of it than is looked at",
        );
        report(self.deeper, Reason::BudgetDepth, "encoded stretches lie deeper than is decoded");
        report(
            self.cut_off,
            Reason::BudgetBytes,
            "packed stretches in base64 were not unpacked whole: they are longer than is held of so long a text",
        );
    }
}

/// Candidates that are looked into for each finding that is kept; most are dismissed.
const CANDIDATES_A_FINDING: usize = 8;

impl<'s> Looking<'s> {
    fn new(scanner: &'s Scanner, size: usize, scratch: &'s mut Scratch) -> Self {
        let left = (size * scanner.budget.decoded_ratio).max(1 << 20);
        let room = scanner.budget.findings.saturating_mul(CANDIDATES_A_FINDING);
        Self {
            scanner,
            scratch,
            placed: Vec::new(),
            left,
            room,
            embedded: Vec::new(),
            next_from: None,
            is_markup: false,
            cut: Cut::default(),
            trail: None,
        }
    }

    /// Looks at a whole text; if it is markup, at what its reader sees of it as well.
    fn look_all(&mut self, frame: &Frame, depth: usize) {
        self.is_markup = markup::begins(frame.text);
        self.look(frame, depth);
        if self.is_markup {
            self.layer(frame, markup::decode(frame.text, 0..frame.text.len()), depth);
        }
    }

    /// Whether the file is a credential as a whole.
    fn whole(&mut self, bytes: &[u8]) {
        let all = 0..bytes.len() as u64;
        let own = Own { layer: 0, secret: 0..bytes.len() };
        let placed =
            |candidate| Placed { candidate, span: all.clone(), secret: all, decoded: Vec::new(), own };
        self.placed.extend(keystore(bytes).map(placed));
    }

    /// Looks at a text and at all that decodes out of it.
    fn look(&mut self, frame: &Frame, depth: usize) {
        let mut found = self.scratch.found.pop().unwrap_or_default();
        found.clear(self.room.saturating_sub(self.placed.len()));
        self.scanner.detectors.look(frame.text, &mut found);
        self.cut.places += found.left_out;
        let layer =
            self.trail.as_mut().map_or(0, |trail| trail.look(frame.text, !found.candidates.is_empty()));
        for candidate in found.candidates.drain(..) {
            self.placed.push(Placed {
                own: Own { layer, secret: candidate.secret.clone() },
                span: frame.in_blob(&candidate.span),
                secret: frame.in_blob(&candidate.secret),
                decoded: frame.encodings(),
                candidate,
            });
        }
        if depth < self.scanner.budget.layers {
            self.layers(frame, &found, depth);
        } else {
            self.cut.deeper += (found.base64.len() + found.openers.len()) as u64;
        }
        self.scratch.found.push(found);
    }

    fn layer(&mut self, frame: &Frame, decoded: Option<Decoded>, depth: usize) {
        let Some(decoded) = decoded else { return };
        let Some(left) = self.left.checked_sub(decoded.text.len()) else {
            self.cut.layers += 1;
            return;
        };
        self.left = left;
        let layer =
            Frame { text: &decoded.text, out_of: Some((&decoded.map, frame, decoded.encoding)), base: 0 };
        let outer = self.trail.as_mut().map(|trail| trail.enter(&decoded));
        self.look(&layer, depth + 1);
        self.trail.iter_mut().zip(outer).for_each(|(trail, outer)| trail.leave(outer));
    }

    /// What was found, the best of what is the same, in order.
    fn finish(self) -> (Vec<Placed>, Cut) {
        let mut placed = self.placed;
        keep_best(&mut placed);
        (placed, self.cut)
    }
}

/// Two layers see the same value: the stronger detector's word counts, then the longer secret, then the outer layer.
fn keep_best(placed: &mut Vec<Placed>) {
    if placed.len() < 2 {
        return;
    }
    placed.sort_by(|a, b| {
        let rank = |placed: &Placed| (placed.candidate.by, placed.candidate.value.len());
        rank(b)
            .cmp(&rank(a))
            .then(a.decoded.len().cmp(&b.decoded.len()))
            .then(a.secret.start.cmp(&b.secret.start))
    });
    keep_disjoint(placed, |placed| placed.secret.clone());
}

/// Reads a stream in overlapping windows and gathers what begins in the middle of each.
fn windows(
    provenance: &Provenance,
    reader: &mut dyn io::Read,
    scanner: &Scanner,
    scratch: &mut Scratch,
    scan: &mut BlobScan,
) -> Vec<Placed> {
    let mut window = std::mem::take(&mut scratch.window);
    window.clear();
    let mut gathered =
        Gathered { scanner, scratch, all: Vec::new(), embedded: Vec::new(), cut: Cut::default() };
    let (mut base, mut owned_from, mut marked) = (0u64, 0u64, None);
    loop {
        let target = window.len() + scanner.budget.window.max(2 * REACH);
        let end = match fill(reader, &mut window, target) {
            Ok(at_end) => at_end,
            Err(error) => {
                let detail = "the bytes after this point could not be read";
                scan.gaps.push(Gap::new(provenance, error.kind().into(), detail));
                true
            }
        };
        if base == 0 && owned_from == 0 && markup::begins(&window) {
            marked = Some(Marked::default());
        }
        let owned_to = if end { u64::MAX } else { base + (window.len() - REACH) as u64 };
        let frame = Frame { text: &window, out_of: None, base };
        let next_from = (!end).then(|| window.len() - REACH);
        gathered.look(&frame, 0, owned_from..owned_to, Side { is_markup: marked.is_some(), next_from });
        if let Some(marked) = &mut marked {
            marked.window(&window, base, end, &mut gathered);
        }
        if end {
            scan.bytes = base + window.len() as u64;
            break;
        }
        owned_from = owned_to;
        let gone = seam(&window, window.len() - 2 * REACH);
        window.drain(..gone);
        base += gone as u64;
    }
    let Gathered { mut all, embedded, cut, .. } = gathered;
    scan.embedded.extend(embedded);
    scratch.window = window;
    cut.report(provenance, scan);
    keep_best(&mut all);
    all
}

/// What the windows of a stream gave.
struct Gathered<'s> {
    scanner: &'s Scanner,
    scratch: &'s mut Scratch,
    all: Vec<Placed>,
    embedded: Vec<Embedded>,
    cut: Cut,
}

/// What is known of a window beside its text.
#[derive(Clone, Copy)]
struct Side {
    is_markup: bool,
    /// From where on the next window sees the text better.
    next_from: Option<usize>,
}

impl Gathered<'_> {
    /// Looks at a window, and keeps what begins in the part of the blob that is its own.
    fn look(&mut self, frame: &Frame, depth: usize, owned: Range<u64>, side: Side) {
        let mut looking = Looking::new(self.scanner, frame.text.len(), self.scratch);
        looking.room = looking.room.saturating_sub(self.all.len());
        (looking.is_markup, looking.next_from) = (side.is_markup, side.next_from);
        looking.look(frame, depth);
        let embedded = std::mem::take(&mut looking.embedded).into_iter();
        self.embedded.extend(embedded.filter(|one| owned.contains(&one.at)));
        let (placed, cut) = looking.finish();
        self.cut.add(&cut);
        self.all.extend(placed.into_iter().filter(|placed| owned.contains(&placed.secret.start)));
    }
}

/// The text of a stream that is markup, with windows of its own: so it is the same text wherever the stream's windows
/// are cut, and tags do not count against what a detector sees.
#[derive(Default)]
struct Marked {
    reader: markup::Reader,
    /// How much of the stream was read.
    read: u64,
    owned_from: u64,
}

impl Marked {
    /// Reads what is new in a window of the stream.
    fn window(&mut self, window: &[u8], base: u64, end: bool, gathered: &mut Gathered) {
        let seen = usize::try_from(self.read.saturating_sub(base)).unwrap_or(usize::MAX);
        self.read += self.reader.read(window.get(seen..).unwrap_or_default(), end) as u64;
        let length = self.reader.text.len();
        if !end && length < gathered.scanner.budget.window.max(3 * REACH) {
            return;
        }
        let owned_to = match end {
            true => u64::MAX,
            false => self.reader.map.encoded(length - REACH..length - REACH + 1).cover().start as u64,
        };
        let stream = Frame::root(&[]);
        let out_of = Some((&self.reader.map, &stream, Encoding::Markup));
        let frame = Frame { text: &self.reader.text, out_of, base: 0 };
        gathered.look(&frame, 1, self.owned_from..owned_to, Side { is_markup: true, next_from: None });
        self.owned_from = owned_to;
        self.reader.forget(seam(&self.reader.text, length - length.min(2 * REACH)));
    }
}

/// Where the next window begins, at `at` or a little before: a multiple of four bytes goes, so that UTF-16 and UTF-32 keep
/// their step;
/// but within a long run, also near its beginning, base64 keeps its groups of four digits, which count from where the run
/// begins.
fn seam(window: &[u8], at: usize) -> usize {
    const LONG: usize = 64;
    let run = window[..at].iter().rev().take_while(|byte| is_run_byte(**byte)).count();
    let behind = window[at..].iter().take(LONG).take_while(|byte| is_run_byte(**byte)).count();
    if run + behind < LONG { at & !3 } else { at - run % 4 }
}

/// Reads until `window` has `target` bytes; true at the end.
fn fill(reader: &mut dyn io::Read, window: &mut Vec<u8>, target: usize) -> io::Result<bool> {
    let mut length = window.len();
    window.resize(target, 0);
    let result = loop {
        if length == target {
            break Ok(false);
        }
        match reader.read(&mut window[length..]) {
            Ok(0) => break Ok(true),
            Ok(count) => length += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => break Err(error),
        }
    };
    window.truncate(length);
    result
}

/// All bytes, unless there are more than `most`.
fn read_whole(reader: Box<dyn io::Read>, most: usize) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    io::Read::take(reader, most as u64 + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() <= most).then_some(bytes))
}

/// A blob as far as it is known when its candidates are judged.
struct View<'a> {
    provenance: &'a Provenance,
    /// The text that spans index, where it is whole in memory.
    text: Option<&'a [u8]>,
    package: &'a dyn Package,
    landmarks: &'a Landmarks,
    /// How the text was decoded, if the blob itself is UTF-16.
    wide: Option<&'a Decoded>,
}

impl<'a> View<'a> {
    fn of(blob: &Blob<'a>) -> Self {
        let Blob { provenance, bytes, package, landmarks } = *blob;
        Self { provenance, text: Some(bytes), package, landmarks, wide: None }
    }
}

/// Filters the candidates and makes findings of those that stand.
fn conclude(placed: Vec<Placed>, view: &View, scanner: &Scanner, scan: &mut BlobScan) {
    let mut findings: Vec<Finding> = Vec::new();
    let left_out = stand(placed, view, scanner, scanner.budget.findings, |finding, _| findings.push(finding));
    if left_out > 0 {
        let detail = format!("{left_out} more findings are not listed");
        scan.gaps.push(Gap::new(view.provenance, Reason::TooManyFindings, detail));
    }
    join_parts(&mut findings);
    scan.findings = fold_copies(findings);
}

/// Gives each candidate that stands to `take`, as a finding, with where it stands in its own layer; at most so many. Returns
/// how many more there are.
fn stand(
    placed: Vec<Placed>,
    view: &View,
    scanner: &Scanner,
    most: usize,
    mut take: impl FnMut(Finding, Sight),
) -> u64 {
    let outline_blob = view.text.map(|bytes| Blob {
        provenance: view.provenance,
        bytes,
        package: view.package,
        landmarks: view.landmarks,
    });
    let mut outline = None;
    let mut guide = OnceCell::new();
    let mut lines = Lines::new(view.text.unwrap_or_default());
    let mut marks = view.text.and_then(Marks::of);
    let (mut taken, mut left_out) = (0, 0u64);
    for placed in placed {
        let place = || match &outline_blob {
            Some(blob) => outline
                .get_or_insert_with(|| platform::outline(blob))
                .place(placed.secret.start as usize..placed.secret.end as usize),
            None => Place::default(),
        };
        let Ok(mut place) = filter::judge(&placed.candidate, place) else { continue };
        if place.landmark.is_none()
            && let Some(blob) = &outline_blob
        {
            guide.get_or_init(|| office::Guide::open(blob));
            let byte = usize::try_from(placed.secret.start).unwrap_or(usize::MAX);
            place.landmark = guide.get_mut().and_then(Option::as_mut).and_then(|guide| guide.at(byte));
        }
        if taken == most {
            left_out += 1;
            continue;
        }
        let location = location(&placed, &place, view, &mut lines);
        let secret = placed.secret.start as usize..placed.secret.end as usize;
        let mark = marks.as_mut().and_then(|marks| marks.covering(&secret, place.step.as_deref()));
        let sight = Sight { by: placed.candidate.by, own: placed.own, text: placed.secret };
        let finding = label::finding(placed.candidate, place, location, scanner.now);
        take(Finding { mark, ..finding }, sight);
        taken += 1;
    }
    left_out
}

/// How a candidate that stands was seen.
struct Sight {
    by: By,
    own: Own,
    /// The secret's bytes in the blob's text.
    text: Range<u64>,
}

fn location(placed: &Placed, place: &Place, view: &View, lines: &mut Lines) -> Location {
    let span = placed.span.start as usize..placed.span.end as usize;
    let (line, column) = match view.text {
        Some(_) => lines.at(span.start).map_or((None, None), |(line, column)| (Some(line), Some(column))),
        None => (None, None),
    };
    let bytes = match view.wide {
        Some(wide) => {
            let cover = wide.map.encoded(span).cover();
            cover.start as u64..cover.end as u64
        }
        None => placed.span.clone(),
    };
    // Other notations than JSON have pointers too: there only the documents in their strings are JSON.
    let outermost = usize::from(view.text.is_some_and(json::begins_like_json));
    let documents = place.pointer.as_ref().map_or(0, |pointer| pointer.matches('#').count() + outermost);
    let layers = placed.decoded.iter().filter(|step| documents == 0 || **step != Encoding::JsonString);
    let decoded = view
        .wide
        .map(|wide| wide.encoding)
        .into_iter()
        .chain(std::iter::repeat_n(Encoding::JsonString, documents))
        .chain(layers.copied())
        .collect();
    Location {
        provenance: view.provenance.clone(),
        bytes: Some(bytes),
        line,
        column,
        decoded,
        pointer: place.pointer.clone(),
        landmark: place.landmark.clone().or_else(|| landmark(placed, view)),
    }
}

/// What the document's own text calls the place; a text in UTF-16 was not made here, so it has no names.
fn landmark(placed: &Placed, view: &View) -> Option<String> {
    view.landmarks.at(usize::try_from(placed.secret.start).ok()?).map(str::to_owned)
}

/// Lines and columns of ascending places, counted once over the text.
struct Lines<'a> {
    text: &'a [u8],
    at: usize,
    line: u64,
    column: u64,
}

impl<'a> Lines<'a> {
    fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0, line: 1, column: 1 }
    }

    /// Line and column (in Unicode scalars), both from 1, of the byte at `at`; `None` behind the end.
    fn at(&mut self, at: usize) -> Option<(u64, u64)> {
        if at < self.at {
            *self = Self::new(self.text);
        }
        let between = self.text.get(self.at..at)?;
        let breaks = memchr::memchr_iter(b'\n', between).count() as u64;
        let last_line = match memchr::memrchr(b'\n', between) {
            Some(last) => {
                self.column = 1;
                &between[last + 1..]
            }
            None => between,
        };
        self.line += breaks;
        self.column += last_line.iter().filter(|byte| **byte & 0xc0 != 0x80).count() as u64;
        self.at = at;
        Some((self.line, self.column))
    }
}

/// How far from each other the parts of one credential may stand, in bytes.
const PART_REACH: u64 = 2000;

/// Gives a secret the other halves that stand beside it. What is worth less by itself (a key's id) went into it and is no
/// finding of its own; two of the same worth (a token and its cookie) stay two.
fn join_parts(findings: &mut Vec<Finding>) {
    let mut joined = Vec::new();
    for at in 0..findings.len() {
        for other in halves(findings, at) {
            let half = findings[other].clone();
            findings[at].join(half);
            joined.push(other);
        }
    }
    let mut number = 0;
    findings.retain(|_| {
        number += 1;
        !joined.contains(&(number - 1))
    });
}

/// The nearest finding of each signature whose half the finding at `at` is the better one of.
fn halves(findings: &[Finding], at: usize) -> Vec<usize> {
    let whole = &findings[at];
    let distance = |other: &Finding| {
        let [a, b] =
            [other, whole].map(|finding| finding.location.bytes.as_ref().map_or(0, |bytes| bytes.start));
        a.abs_diff(b)
    };
    let mut nearest: BTreeMap<&str, usize> = BTreeMap::new();
    for (number, other) in findings.iter().enumerate() {
        let lists = |a: &Finding, b: &Finding| a.signature.parts.contains(&b.signature.id);
        let belongs = (lists(whole, other) || lists(other, whole))
            && other.signature.severity < whole.signature.severity
            && distance(other) <= PART_REACH;
        let known = nearest.get(other.signature.id).map(|known| distance(&findings[*known]));
        if belongs && known.is_none_or(|known| distance(other) < known) {
            nearest.insert(other.signature.id, number);
        }
    }
    nearest.into_values().collect()
}

/// The same secret in the same field of the same step is one finding with further places: a published copy, a second
/// definition.
fn fold_copies(findings: Vec<Finding>) -> Vec<Finding> {
    let mut folded: Vec<Finding> = Vec::with_capacity(findings.len());
    for finding in findings {
        let same = |other: &&mut Finding| {
            other.place.step.is_some()
                && other.secret == finding.secret
                && other.place.step == finding.place.step
                && other.place.field == finding.place.field
                && other.place.flow.as_ref().map(|flow| &flow.id)
                    == finding.place.flow.as_ref().map(|flow| &flow.id)
        };
        match folded.iter_mut().find(same) {
            Some(first) => first.also.push(finding.location),
            None => folded.push(finding),
        }
    }
    folded
}
