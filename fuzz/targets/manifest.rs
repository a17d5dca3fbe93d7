//! Manifests and indexes, as a registry serves or receives them.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(manifest) = oci::Manifest::parse(data.to_vec(), None) {
        assert_eq!(manifest.bytes(), data, "what was received is what is hashed and stored");
        let _ = manifest.referrer_entry();
        let _ = manifest.children().count();
    }
});
