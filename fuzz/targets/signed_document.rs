//! What is signed: DSSE envelopes, in-toto statements, simple signing.
#![no_main]

use std::collections::BTreeMap;

use sigstore::dsse::Envelope;
use sigstore::simple_signing::SimpleSigning;
use sigstore::statement::Statement;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(envelope) = Envelope::parse(data) {
        let again = Envelope::parse(envelope.to_json().as_bytes()).expect("what was read can be written and read");
        assert_eq!(again, envelope);
        assert!(envelope.signed_bytes().ends_with(envelope.payload()));
        let _ = Statement::of_envelope(&envelope);
    }
    let _ = Statement::parse(data);
    if let Ok(payload) = SimpleSigning::parse(data) {
        assert_eq!(payload.raw(), data, "what was received is what is signed");
        assert!(payload.check_annotations(&BTreeMap::new()).is_ok());
        let digest = *payload.manifest();
        // It binds its own image, and only as a signature of cosign's kind.
        let _ = payload.bind(&digest);
    }
});
