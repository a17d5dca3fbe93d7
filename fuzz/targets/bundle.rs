//! Bundles of all versions.
#![no_main]

use sigstore::bundle::{Bundle, Content};
use sigstore::statement::Statement;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(bundle) = Bundle::parse(data) else {
        return;
    };
    let again = Bundle::parse(bundle.to_json().as_bytes()).expect("what was read can be written and read");
    assert_eq!(again, bundle);
    if let Content::Dsse(envelope) = &bundle.content {
        let _ = Statement::of_envelope(envelope);
    }
});
