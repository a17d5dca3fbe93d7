//! Compose files.
#![no_main]

use std::collections::BTreeMap;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let environment = BTreeMap::from([("TAG".to_owned(), "1".to_owned())]);
    if let Ok(services) = dockerfile::compose::services(&[data], &environment) {
        for service in services {
            assert!(service.image.is_some() || service.build.is_some());
        }
    }
});
