//! The form in which Notary's clients publish.
#![no_main]

// The file itself, not the crate, which would bring a database and an HTTP server along.
#[path = "../../crates/server/trustd/src/multipart.rs"]
mod multipart;

use bytes::Bytes;

libfuzzer_sys::fuzz_target!(|data: (&str, &[u8])| {
    let (content_type, body) = data;
    let boundary = multipart::boundary(content_type).unwrap_or_else(|_| "b".to_owned());
    let body = Bytes::copy_from_slice(body);
    if let Ok(parts) = multipart::parse(&body, &boundary, 8) {
        assert!(parts.len() <= 8);
        let content: usize = parts.iter().map(|part| part.content.len()).sum();
        assert!(content <= body.len(), "no byte belongs to two parts");
    }
});
