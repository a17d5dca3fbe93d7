//! Sealed secrets of a server's database.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &str| {
    let passphrase = pki::keyfile::Passphrase::new(String::from("fuzz").into());
    let _ = pki::envelope::open(data, &passphrase);
});
