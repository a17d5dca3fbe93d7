//! Public keys: `docker trust signer add --key`, and the keys inside metadata.
#![no_main]

use pki::key::{KeyType, Method, PublicKey};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let now = "2026-11-21T00:00:00Z".parse().expect("a constant");
    if let Ok(key) = PublicKey::from_pem(data, now) {
        let _ = key.canonical_id();
    }
    let _ = PublicKey::from_spki_der(data);
    for (key_type, method) in [
        (KeyType::Ecdsa, Method::Ecdsa),
        (KeyType::EcdsaX509, Method::Ecdsa),
        (KeyType::Rsa, Method::RsaPss),
        (KeyType::Ed25519, Method::Eddsa),
    ] {
        let (public, signature) = data.split_at(data.len() / 2);
        let key = PublicKey::new(key_type, public.to_vec());
        assert!(key.verify(&method, b"message", signature).is_err(), "no fuzzer forges a signature");
    }
});
