//! Public keys of logs and signers, and signatures under them.
#![no_main]

use pki::signature::VerifyingKey;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(key) = VerifyingKey::from_spki_der(data) {
        assert_eq!(key.spki_der(), data);
        let _ = key.verify(key.default_scheme(), b"message", data);
    }
});
