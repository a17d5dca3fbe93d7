//! Fulcio's certificates with all their extensions, alone and as chains in PEM.
#![no_main]

use sigstore::fulcio::{SigningCertificate, chain_from_pem};
use sigstore::limits::CHAIN_CERTIFICATES;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(certificate) = SigningCertificate::from_der(data) {
        assert_eq!(certificate.der(), data);
        let again = SigningCertificate::from_pem(&certificate.to_pem()).expect("what was read can be written and read");
        assert_eq!(again.names(), certificate.names());
        assert!(certificate.extensions().present().all(|(number, name, _)| number > 0 && !name.is_empty()));
        if let Ok(Some(list)) = tlog::precert::embedded_sct_list(data) {
            let _ = tlog::sct::Sct::parse_list(list);
        }
    }
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = SigningCertificate::from_pem(text);
        if let Ok(chain) = chain_from_pem(text) {
            assert!(chain.len() <= CHAIN_CERTIFICATES);
        }
    }
});
