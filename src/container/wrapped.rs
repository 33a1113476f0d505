//! What gzip, Zstandard, xz and their like have in common: one blob in a wrapper.

use std::cell::Cell;
use std::io::{BufRead, BufReader, Read};

use super::codec::with_window;
use super::stream::{Blamed, Capped, Metered};
use super::{Job, Opener, Outcome, Place, Stream, Workspace};
use crate::blob::Provenance;
use crate::budget::Gap;

/// What the wrapped blob is called: the wrapper's name without its ending. Each ending goes with what stands in its
/// place.
pub(super) fn name(provenance: &Provenance, endings: &[(&str, &str)]) -> String {
    let name = provenance.name();
    let cut = |(ending, other): &(&str, &str)| {
        let (stem, last) = name.rsplit_once('.')?;
        let matches = last.eq_ignore_ascii_case(ending) && !stem.is_empty();
        matches.then(|| if other.is_empty() { stem.to_owned() } else { format!("{stem}.{other}") })
    };
    endings.iter().find_map(cut).unwrap_or_else(|| "content".to_owned())
}

/// A wrapper whose decoder is a crate's.
pub(super) struct Wrapper {
    /// Endings of its names, each with what stands in its place for what is wrapped.
    pub(super) endings: &'static [(&'static str, &'static str)],
    /// The most that a decoder's memory grows to, by the first bytes.
    pub(super) window: fn(&[u8]) -> u64,
    /// What was wrapped, decoded with a window of at most so many bytes.
    pub(super) open: for<'a> fn(Box<dyn BufRead + 'a>, u64) -> Box<dyn Read + 'a>,
}

impl Wrapper {
    /// Looks at what is in it.
    pub(super) fn unpack(
        &self,
        job: &Job,
        place: Place,
        stream: Stream,
        workspace: &mut Workspace,
    ) -> Outcome {
        let mut head = [0; 512];
        let filled = crate::source::fill(stream.reader, &mut head).0;
        let head = head.get(..filled).unwrap_or_default();
        let mut rest = head.chain(stream.reader);
        let reader: &mut dyn Read = &mut rest;
        let name = name(place.provenance, self.endings);
        with_window(job, place, (self.window)(head), false, |job, window, most| {
            let opener = || Ok(self.reader((stream.opener)()?, window, most));
            job.run.guarded(place.provenance, || {
                unpack(job, place, &name, self.reader(reader, window, most), &opener, workspace)
            })
        })
    }

    fn reader<'a>(&self, reader: impl Read + 'a, window: u64, most: u64) -> Box<dyn Read + 'a> {
        let packed = Box::new(BufReader::with_capacity(64 << 10, reader));
        let plain = Blamed((self.open)(packed, window));
        match most {
            u64::MAX => Box::new(plain),
            _ => Box::new(Capped::new(plain, most, super::codec::NO_ROOM)),
        }
    }
}

/// Looks at the one blob of a wrapper.
pub(super) fn unpack(
    job: &Job,
    place: Place,
    name: &str,
    decoder: impl Read,
    opener: Opener,
    workspace: &mut Workspace,
) -> Outcome {
    let provenance = &place.provenance.entry(name);
    let cut = Cell::new(false);
    let mut reader = Metered::new(decoder, job.allowance, &cut);
    let stream = Stream { reader: &mut reader, opener };
    let mut outcome = job.stream(Place { provenance, ..place }, stream, workspace);
    outcome.coverage.members += 1;
    let told = |gap: &Gap| gap.provenance == *provenance && gap.reason == job.limit();
    if cut.get() && !outcome.coverage.gaps.last().is_some_and(told) {
        outcome.add(job.spent_gap(provenance));
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrapped_blob_is_named_after_its_wrapper() {
        let endings = [("gz", ""), ("tgz", "tar")];
        for (wrapper, wanted) in [
            ("a/x.json.gz", "x.json"),
            ("x.TGZ", "x.tar"),
            ("x", "content"),
            (".gz", "content"),
            ("-", "content"),
        ] {
            assert_eq!(name(&Provenance::file(wrapper), &endings), wanted);
        }
    }
}
