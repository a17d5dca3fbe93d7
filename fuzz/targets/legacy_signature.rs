//! Signatures in the form of cosign before version 3: annotations of layers, bundles of files and attestations.
#![no_main]

use std::collections::BTreeMap;

use sigstore::legacy::{self, LegacyBlob, LegacySignature};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(blob) = LegacyBlob::parse(data) {
        let again = LegacyBlob::parse(blob.to_json().as_bytes()).expect("what was read can be written and read");
        assert_eq!(again.signature, blob.signature);
        assert_eq!(again.log_promise, blob.log_promise);
    }
    let _ = LegacySignature::from_attestation_bundle(data);
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(der) = legacy::timestamp_from_json(text) {
        assert_eq!(legacy::timestamp_from_json(&legacy::timestamp_json(&der)), Ok(der));
    }
    // A file of all annotations, or one text as each of them in turn.
    if let Ok(annotations) = serde_json::from_str::<BTreeMap<String, String>>(text) {
        read(&annotations);
    }
    for name in [legacy::SIGNATURE, legacy::CERTIFICATE, legacy::CHAIN, legacy::BUNDLE, legacy::TIMESTAMP] {
        let mut annotations = BTreeMap::from([(legacy::SIGNATURE.to_owned(), "c2ln".to_owned())]);
        annotations.insert(name.to_owned(), text.to_owned());
        read(&annotations);
    }
});

fn read(annotations: &BTreeMap<String, String>) {
    if let Ok(signature) = LegacySignature::from_annotations(b"{}", annotations) {
        let written = signature.to_annotations();
        let again = LegacySignature::from_annotations(b"{}", &written).expect("what was read can be written and read");
        assert_eq!(again.to_annotations(), written);
    }
}
