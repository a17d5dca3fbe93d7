//! Trusted roots, signing configurations, and their selectors.
#![no_main]

use sigstore::trust::{Selector, SigningConfig, TrustedRoot};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(root) = TrustedRoot::parse(data)
        && let Ok(written) = root.to_json()
    {
        let again = TrustedRoot::parse(written.as_bytes()).expect("what was read can be written and read");
        assert_eq!(again.to_json().as_deref(), Ok(written.as_str()));
    }
    if let Ok(config) = SigningConfig::parse(data) {
        let written = config.to_json();
        let again = SigningConfig::parse(written.as_bytes()).expect("what was read can be written and read");
        assert_eq!(again.to_json(), written);
        let now = jiff::Timestamp::UNIX_EPOCH;
        for list in [&config.logs, &config.timestamp_authorities] {
            if let Ok(chosen) = list.select(&[1, 2], now) {
                assert!(chosen.len() <= list.services.len());
            }
        }
    }
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = Selector::parse(text);
    }
});
