//! What a user writes after `--key`: files, key services, PKCS#11 URIs.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Err(error) = kms::KeyReference::parse(text) {
        let shown = error.to_string();
        // A PIN in a URI that is not understood is a secret still.
        if let Some(pin) = text.split(['?', '&', ';']).find_map(|part| part.strip_prefix("pin-value="))
            && text.starts_with("pkcs11:")
            && pin.len() > 16
        {
            assert!(!shown.contains(pin), "{shown}");
        }
    }
});
