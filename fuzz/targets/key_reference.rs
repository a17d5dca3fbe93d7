//! What a user writes after `--key`: files, key services, PKCS#11 URIs.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Err(error) = kms::KeyReference::parse(text) {
        let shown = error.to_string();
        // A PIN in a URI that is not understood is a secret still.
        if let Some((_, pin)) = text.split_once("pin-value=").filter(|_| text.starts_with("pkcs11:")) {
            let pin = pin.split(['?', '&', ';']).next().unwrap_or_default();
            assert!(pin.len() < 8 || !shown.contains(&format!("pin-value={pin}")), "{shown}");
        }
    }
});
