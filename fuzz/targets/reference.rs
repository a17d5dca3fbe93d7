//! Image references: what a user types, what a Dockerfile names.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &str| {
    if let Ok(reference) = oci::Reference::parse(data) {
        let text = reference.to_string();
        let again = oci::Reference::parse(&text).expect("printed references read back");
        assert_eq!(again.to_string(), text);
        assert!(!reference.gun().contains(".."), "a GUN is a path in the trust folder");
    }
});
