//! Header grammars: challenges, ranges, digests, media types, pagination.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &str| {
    let _ = oci::Challenge::parse_header(data);
    let _ = oci::ByteRange::parse(data);
    let _ = oci::BlobRange::parse(data);
    let _ = oci::Page::parse_query(data);
    let _ = oci::next_link(data);
    let _ = oci::Tag::parse(data);
    let _ = oci::RepositoryName::parse(data);
    if let Ok(media_type) = oci::MediaType::parse(data) {
        assert!(!media_type.as_str().is_empty());
    }
    if let Ok(digest) = oci::Digest::parse(data) {
        assert_eq!(digest.to_string(), data, "one digest has one spelling");
    }
});
