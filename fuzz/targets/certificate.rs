//! Certificate bundles: `public` of an `*-x509` key, CA files of a trust folder.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(bundle) = pki::certificate::CertificateBundle::parse_pem(data) {
        let again = pki::certificate::CertificateBundle::parse_pem(bundle.to_pem().as_bytes());
        assert_eq!(again.expect("written bundles read back").to_pem(), bundle.to_pem());
        let _ = bundle.check_root_leaf("registry.example.com/app", None);
        let _ = bundle.public_key();
    }
    let _ = pki::certificate::Certificate::from_der(data);
});
