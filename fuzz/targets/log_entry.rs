//! Entries of transparency logs as bundles and Rekor v2 carry them, their bodies of both versions, and cosign's promises.
#![no_main]

use sigstore::entry::{EntryBody, LogEntry};
use sigstore::legacy::LogPromise;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(body) = EntryBody::parse(data) {
        assert!(!body.kind().is_empty() && !body.version().is_empty());
        let _ = body.signatures();
    }
    if let Ok(entry) = LogEntry::parse(data) {
        assert!(EntryBody::parse(&entry.canonicalized_body).is_ok());
        if let Some(promise) = LogPromise::of_entry(&entry) {
            read_again(&promise);
        }
    }
    if let Some(promise) = std::str::from_utf8(data).ok().and_then(|text| LogPromise::parse(text).ok()) {
        read_again(&promise);
    }
});

fn read_again(promise: &LogPromise) {
    let again = LogPromise::parse(&promise.to_json()).expect("what was read can be written and read");
    assert_eq!(&again, promise);
}
