#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};

// Only what is opened as such; the rest is `scan`'s.
fuzz_target!(|bytes: &[u8]| -> Corpus {
    if !(bytes.get(257..262) == Some(b"ustar")) {
        return Corpus::Reject;
    }
    keysieve_fuzz::scan(bytes);
    Corpus::Keep
});
