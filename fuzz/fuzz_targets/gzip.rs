#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};

// Only what is opened as such; the rest is `scan`'s.
fuzz_target!(|bytes: &[u8]| -> Corpus {
    if !(bytes.starts_with(&[0x1f, 0x8b, 8])) {
        return Corpus::Reject;
    }
    keysieve_fuzz::scan(bytes);
    Corpus::Keep
});
