//! GUNs, role names and expiry times, as metadata and URLs carry them.
#![no_main]

use tuf::{Expiry, Gun, Role};

libfuzzer_sys::fuzz_target!(|data: &str| {
    if let Ok(gun) = Gun::parse(data) {
        assert_eq!(gun.as_str(), data);
        assert!(data.split('/').all(|part| !matches!(part, "" | "." | "..")), "a GUN is a path in the trust folder");
    }
    if let Ok(role) = Role::parse(data) {
        assert_eq!(role.as_str(), data);
        assert!(!data.contains(".."), "a role is a path in the trust folder");
        assert_eq!(role.delegator().is_some(), role.depth() > 0);
    }
    if let Ok(expiry) = Expiry::parse(data) {
        let again = Expiry::parse(expiry.as_str()).expect("Go's form reads back");
        assert_eq!(again.at(), expiry.at());
        assert_eq!(again.as_str(), expiry.as_str());
        let _ = (expiry.unix_date(), expiry.is_near(expiry.at()), expiry.is_expired(expiry.at()));
    }
});
