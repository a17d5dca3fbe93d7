//! Trust metadata of every role: what Go would write of it reads back to the same.
#![no_main]

use tuf::metadata::{Metadata, Parsed, Root, Snapshot, Targets, Timestamp};

fn check<T: Metadata>(data: &[u8]) {
    let Ok(parsed) = Parsed::<T>::from_bytes(data) else { return };
    assert_eq!(parsed.bytes(), data, "what was received is what is hashed and stored");
    let written = parsed.to_go_form();
    // Control characters stay as they are in Go's canonical form, which is then no JSON that anybody stores.
    if written.iter().any(|byte| *byte < 0x20) {
        return;
    }
    let again = Parsed::<T>::from_bytes(&written).expect("what is written reads back");
    assert_eq!(again.to_go_form(), written);
    assert!(again.is_exact_go_form());
    assert_eq!(again.signatures(), parsed.signatures());
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    check::<Root>(data);
    check::<Targets>(data);
    check::<Snapshot>(data);
    check::<Timestamp>(data);
});
