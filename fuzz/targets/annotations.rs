//! `-a name=value` with any value.
#![no_main]

/// The persona's, as far as it is used there.
mod error {
    #[derive(Debug)]
    pub(crate) enum Error {
        Usage { problem: String },
    }
}
#[path = "../../crates/cli/src/personas/cosign/annotations.rs"]
mod annotations;

use annotations::parse;
use error::Error;

libfuzzer_sys::fuzz_target!(|text: &str| {
    match parse(&[text.to_owned()]) {
        Ok(pairs) => {
            if let Some((name, value)) = text.split_once('=').filter(|_| !text.contains([',', '"'])) {
                assert_eq!(pairs.get(name).map(String::as_str), Some(value));
            }
        }
        Err(Error::Usage { problem }) => assert!(!problem.is_empty()),
    }
});
