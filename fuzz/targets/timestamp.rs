//! RFC 3161: responses and tokens, against a request of ours; what one of a trusted authority says is checked too.
#![no_main]

use sigstore::timestamp::{SignedTimestamp, TimestampRequest};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(timestamp) = SignedTimestamp::from_der(data) {
        let request = TimestampRequest::new(b"signature", [7; 16]);
        assert!(request.check(&timestamp).is_err(), "nobody stamps our nonce here");
    }
});
