//! What gzip and Zstandard have in common: one blob in a wrapper.

use std::cell::Cell;
use std::io::Read;

use super::stream::Metered;
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
