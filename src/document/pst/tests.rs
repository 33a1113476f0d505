use super::*;
use crate::document::recorder::Recorder;
use crate::source::Memory;

// The crate has no way to write a file, and one that Outlook wrote is too large for this place: what is read out of real
// ones was compared by hand.

#[test]
fn what_cannot_be_opened_is_told_and_looked_at() {
    let mut file = b"!BDN".to_vec();
    file.resize(2000, 0);
    (file[10], file[513], file[600]) = (23, 1, 71);
    let source: Arc<dyn ReadAt> = Arc::new(Memory(file));
    let mut recorder = Recorder::default();
    decode(&source, &mut recorder);
    assert_eq!(recorder.gaps.iter().map(|(reason, _)| *reason).collect::<Vec<_>>(), [Reason::Unsupported]);
    let decoded = recorder.members.first().map(|(name, bytes)| (name.as_str(), bytes.len(), bytes[600]));
    // The other table of the specification, `mpbbR`, has 71 as the 27th.
    assert_eq!(decoded, Some(("(decoded)", 2000, 26)));
}
