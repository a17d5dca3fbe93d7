//! Private key files: what `docker trust key load` and the key store read.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(blocks) = pki::keyfile::KeyBlock::parse_file(data) else { return };
    for block in blocks {
        // A block that was read can be written, and reads back as the same text.
        let text = block.to_pem();
        let again = pki::keyfile::KeyBlock::parse_file(text.as_bytes()).expect("written blocks read back");
        assert_eq!(*again[0].to_pem(), *text);
        let _ = block.unlock(None);
    }
});
