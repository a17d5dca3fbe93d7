//! Bake files in both languages.
#![no_main]

use std::collections::BTreeMap;

use dockerfile::bake::{Language, builds};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let environment = BTreeMap::from([("TAG".to_owned(), "1".to_owned())]);
    for language in [Language::Hcl, Language::Json] {
        let all = ["*".to_owned()];
        if let Ok(builds) = builds(&[(language, data)], &all, &environment, &[]) {
            assert!(!builds.is_empty(), "a pattern that matches nothing is refused");
        }
    }
});
