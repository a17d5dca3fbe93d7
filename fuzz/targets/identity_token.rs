//! Identity tokens, and the other words of the services' clients: names of log entries, mirrors, checksums.
#![no_main]

use jiff::Timestamp;
use keyless::rekor::EntryId;
use keyless::token::IdentityToken;
use trustroot::{Mirror, RootChecksum};

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(token) = IdentityToken::parse(text) {
        assert_eq!(token.secret(), text.trim());
        for now in [Timestamp::MIN, Timestamp::UNIX_EPOCH, Timestamp::MAX] {
            let _ = token.check("sigstore", now);
        }
        let shown = format!("{token:?}");
        assert!(text.trim().len() < 24 || !shown.contains(text.trim()), "a token is a secret");
    }
    if let Ok(id) = EntryId::parse(text) {
        assert_eq!(id.leaf_hash().len(), 64);
    }
    let _ = Mirror::parse(text);
    if let Ok(checksum) = RootChecksum::parse(text) {
        assert!(checksum.check(b"another file").is_err());
    }
});
