//! Private key files of cosign, and those that it imports; sealed ones are read and not opened, which is slow by design.
#![no_main]

use pki::cosign_key::{COSIGN_KEY_FILE_LIMIT, CosignKeyFile};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(file) = CosignKeyFile::parse(data) {
        // A file that was read can be written, and reads back as the same; line breaks can take it over the limit.
        let text = file.to_pem();
        if text.len() <= COSIGN_KEY_FILE_LIMIT {
            let again = CosignKeyFile::parse(text.as_bytes()).expect("written files read back");
            assert!(again == file);
        }
        let _ = file.unlock(None);
    }
});
