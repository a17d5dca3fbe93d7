//! No text or bytes make a parser panic, and what a parser accepts it writes so that it reads the same again.

use oci::{
    BlobRange, ByteRange, Challenge, Digest, Manifest, MediaType, Page, Reference, RepositoryName,
    Tag, next_link,
};
use proptest::prelude::*;

proptest! {
    #[test]
    fn any_text(text in "\\PC*") {
        let _outcomes = (
            Reference::parse(&text),
            Digest::parse(&text),
            MediaType::parse(&text),
            RepositoryName::parse(&text),
            Tag::parse(&text),
            Challenge::parse_header(&text),
            ByteRange::parse(&text),
            BlobRange::parse(&text),
            Page::parse_query(&text),
            next_link(&text),
        );
    }

    #[test]
    fn texts_like_references(text in "[a-zA-C0-2._:/@\\[\\]-]{0,40}(@sha256:[0-9a-f]{64})?") {
        if let Ok(reference) = Reference::parse(&text) {
            prop_assert_eq!(Reference::parse(&reference.to_string()), Ok(reference.clone()));
            prop_assert_eq!(Reference::parse(&reference.familiar()), Ok(reference));
        }
    }

    #[test]
    fn texts_like_challenges(text in "((Basic|Bearer|x)? ?(realm|a)?=?\"?[a-z ,\\\\]{0,5}\"?,? ?){0,6}") {
        if let Ok(challenges) = Challenge::parse_header(&text) {
            let written = challenges.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            prop_assert_eq!(Challenge::parse_header(&written), Ok(challenges));
        }
    }

    #[test]
    fn texts_like_ranges(text in "(bytes)?[= ]?[0-9]{0,21}-?[0-9]{0,21}(/[0-9*])?", size: u64) {
        if let Ok(range) = ByteRange::parse(&text) {
            prop_assert!(range.length() > 0);
        }
        if let Ok(Ok(range)) = BlobRange::parse(&text).map(|range| range.resolve(size)) {
            prop_assert!(range.start <= range.end && range.end < size);
        }
    }

    #[test]
    fn any_query_value_survives(last in "\\PC{0,30}", n: u32) {
        let page = Page { n: Some(n), last: Some(last) };
        let link = page.link("/v2/a/tags/list");
        let target = next_link(&link).unwrap().unwrap();
        prop_assert_eq!(Page::parse_query(target.split_once('?').unwrap().1), Ok(page));
    }

    #[test]
    fn any_bytes_as_manifest(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _outcome = Manifest::parse(bytes, Some(&MediaType::OCI_INDEX));
    }

    #[test]
    fn json_like_manifests(
        version in 0u64..4,
        fields in proptest::collection::vec(("(config|layers|manifests|subject|annotations|mediaType)", "(\\{\\}|\\[\\]|null|\"a/b\"|1)"), 0..5),
    ) {
        let fields: String = fields.iter().map(|(name, value)| format!(",\"{name}\":{value}")).collect();
        let text = format!("{{\"schemaVersion\":{version}{fields}}}");
        if let Ok(manifest) = Manifest::parse(text.clone().into_bytes(), Some(&MediaType::OCI_INDEX)) {
            prop_assert_eq!(manifest.bytes(), text.as_bytes());
        }
    }
}
