//! Public keys as a trust server's key endpoints answer.
#![no_main]

use tuf::metadata::{parse_public_key, public_key_to_json};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(key) = parse_public_key(data) {
        let written = public_key_to_json(&key);
        // Control characters stay as they are in Go's canonical form, which is then no JSON that anybody stores.
        if written.iter().any(|byte| *byte < 0x20) {
            return;
        }
        let again = parse_public_key(&written).expect("what is written reads back");
        assert_eq!(public_key_to_json(&again), written);
    }
});
