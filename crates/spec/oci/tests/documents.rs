//! Digests, manifests and indexes: what is read, what is refused, what is written.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;

use oci::{
    Algorithm, Artifact, BlobMismatch, BlobVerifier, Content, Descriptor, Digest, DigestError,
    DigestMismatch, Format, Hasher, ImageSpec, Layer, MANIFEST_MAX, Manifest, ManifestError,
    MediaType, Platform,
};
use serde_json::{Value, json};

fn descriptor(media_type: &MediaType) -> Value {
    json!({ "mediaType": media_type.as_str(), "size": 2, "digest": Digest::sha256(b"{}").to_string() })
}

fn image() -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": MediaType::OCI_MANIFEST.as_str(),
        "config": descriptor(&MediaType::OCI_CONFIG),
        "layers": [descriptor(&MediaType::OCI_LAYER)],
    })
}

fn index() -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": MediaType::DOCKER_LIST.as_str(),
        "manifests": [descriptor(&MediaType::DOCKER_MANIFEST)],
    })
}

fn with(mut document: Value, field: &str, value: Value) -> Vec<u8> {
    document[field] = value;
    serde_json::to_vec(&document).unwrap()
}

#[test]
fn digest_text_is_exact() {
    let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(Digest::parse(empty), Ok(Digest::sha256(b"")));
    assert_eq!(Digest::sha256(b"").to_string(), empty);
    let long = Digest::of(Algorithm::Sha512, b"");
    assert_eq!(Digest::parse(&long.to_string()), Ok(long));
    assert_eq!(
        long.referrers_tag().as_str(),
        &format!("sha512-{}", &long.hex()[..64])
    );
    assert_eq!(
        Digest::sha256(b"").referrers_tag().as_str(),
        empty.replace(':', "-")
    );
    assert_eq!(
        Digest::parse(&empty.to_uppercase()),
        Err(DigestError::Algorithm)
    );
    assert_eq!(Digest::parse("sha256"), Err(DigestError::Format));
    assert_eq!(Digest::parse("sha256:"), Err(DigestError::Length));
    assert_eq!(
        Digest::parse(&empty.replace('e', "E")),
        Err(DigestError::Format)
    );
}

#[test]
fn blobs_are_proved_by_all_their_bytes() {
    let digest = Digest::sha256(b"hello world");
    let check = |size, pieces: &[&[u8]]| {
        let mut verifier = BlobVerifier::new(digest, size);
        for piece in pieces {
            verifier.update(piece)?;
        }
        verifier.finish()
    };
    let blob = check(Some(11), &[b"hello ", b"", b"world"]).unwrap();
    assert_eq!((blob.digest(), blob.size()), (digest, 11));
    assert!(check(None, &[b"hello world"]).is_ok());
    assert_eq!(
        check(Some(11), &[b"hello"]),
        Err(BlobMismatch::Size {
            expected: 11,
            found: 5
        })
    );
    assert_eq!(
        check(Some(11), &[b"hello worlds"]),
        Err(BlobMismatch::Size {
            expected: 11,
            found: 12
        })
    );
    let found = Digest::sha256(b"hello_world");
    assert_eq!(
        check(Some(11), &[b"hello_world"]),
        Err(Box::new(DigestMismatch {
            expected: digest,
            found
        })
        .into())
    );
    let mut hasher = Hasher::new(Algorithm::Sha512);
    hasher.update(b"abc");
    assert_eq!(hasher.finish(), Digest::of(Algorithm::Sha512, b"abc"));
}

#[test]
fn bytes_and_digest_of_a_manifest_are_kept() {
    let text = serde_json::to_string_pretty(&image()).unwrap() + "\n";
    let manifest =
        Manifest::parse(text.clone().into_bytes(), Some(&MediaType::OCI_MANIFEST)).unwrap();
    assert_eq!(manifest.bytes(), text.as_bytes());
    assert_eq!(manifest.digest(), Digest::sha256(text.as_bytes()));
    assert_eq!(
        manifest.descriptor().size,
        u64::try_from(text.len()).unwrap()
    );
    assert_eq!(manifest.children().count(), 2);
    assert_eq!(manifest.artifact_type(), Some(&MediaType::OCI_CONFIG));
    assert!(matches!(manifest.content(), Content::Image { layers, .. } if layers.len() == 1));
}

#[test]
fn a_manifest_of_the_real_docker_has_the_digest_that_was_signed() {
    let bytes =
        include_bytes!("../../../../testdata/golden/docker/sample-store/manifest-demo-1.json");
    let manifest = Manifest::parse(bytes.to_vec(), Some(&MediaType::DOCKER_MANIFEST)).unwrap();
    assert_eq!(
        manifest.digest().hex(),
        "50edeb9098a750c99e6545361146808fe7e7133c72fa6141d640673ac2ea8793"
    );
    assert_eq!(manifest.descriptor().size, 523);
}

#[test]
fn the_type_comes_from_the_header_when_the_document_has_none() {
    let bytes = with(index(), "mediaType", Value::Null);
    let manifest = Manifest::parse(bytes.clone(), Some(&MediaType::OCI_INDEX)).unwrap();
    assert_eq!(manifest.media_type(), &MediaType::OCI_INDEX);
    let none = Manifest::parse(bytes, None);
    assert!(matches!(
        none,
        Err(ManifestError::UnsupportedMediaType { found: None })
    ));
}

#[test]
fn subject_artifact_type_and_annotations_are_read() {
    let mut document = image();
    document["subject"] = descriptor(&MediaType::OCI_MANIFEST);
    document["artifactType"] = json!("application/vnd.example.sbom");
    document["annotations"] = json!({ "k": "v" });
    let manifest = Manifest::parse(serde_json::to_vec(&document).unwrap(), None).unwrap();
    assert_eq!(manifest.subject().unwrap().digest, Digest::sha256(b"{}"));
    let entry = manifest.referrer_entry();
    assert_eq!(
        entry.artifact_type.unwrap().as_str(),
        "application/vnd.example.sbom"
    );
    assert_eq!(
        entry.annotations,
        BTreeMap::from([("k".to_owned(), "v".to_owned())])
    );
    assert_eq!(entry.digest, manifest.digest());
    let null = Manifest::parse(with(image(), "annotations", Value::Null), None).unwrap();
    assert!(null.annotations().is_empty());
}

#[test]
fn unsafe_or_foreign_manifests_are_refused() {
    type Fits = fn(&ManifestError) -> bool;
    let layers = json!([descriptor(&MediaType::OCI_LAYER)]);
    let upper = format!("sha256:{}", "A".repeat(64));
    let cases: [(Vec<u8>, Option<MediaType>, Fits); 14] = [
        (with(index(), "layers", layers.clone()), None, |e| {
            matches!(e, ManifestError::Ambiguous)
        }),
        (with(image(), "manifests", layers), None, |e| {
            matches!(e, ManifestError::Ambiguous)
        }),
        (with(index(), "Layers", json!([])), None, |e| {
            matches!(e, ManifestError::Ambiguous)
        }),
        (with(image(), "MEDIATYPE", json!("a/b")), None, |e| {
            matches!(e, ManifestError::Ambiguous)
        }),
        (with(index(), "fsLayers", json!([])), None, |e| {
            matches!(e, ManifestError::Ambiguous)
        }),
        (
            with(image(), "x", json!(1)),
            Some(MediaType::OCI_INDEX),
            |e| matches!(e, ManifestError::MediaTypeMismatch { .. }),
        ),
        (with(image(), "config", Value::Null), None, |e| {
            matches!(e, ManifestError::MissingField { field: "config" })
        }),
        (with(index(), "manifests", Value::Null), None, |e| {
            matches!(e, ManifestError::MissingField { field: "manifests" })
        }),
        (with(image(), "schemaVersion", json!(1)), None, |e| {
            matches!(e, ManifestError::SchemaVersion { found: 1 })
        }),
        (
            with(image(), "mediaType", json!("application/vnd.example+json")),
            None,
            |e| matches!(e, ManifestError::UnsupportedMediaType { found: Some(_) }),
        ),
        (vec![b' '; MANIFEST_MAX + 1], None, |e| {
            matches!(e, ManifestError::TooLarge { .. })
        }),
        (
            b"{\"schemaVersion\":2,\"schemaVersion\":2}".to_vec(),
            None,
            |e| matches!(e, ManifestError::Json(_)),
        ),
        (
            with(
                image(),
                "config",
                json!({ "mediaType": "a/b", "size": 1, "digest": upper }),
            ),
            None,
            |e| matches!(e, ManifestError::Json(_)),
        ),
        (
            with(
                image(),
                "config",
                json!({ "mediaType": "a/b", "size": -1, "digest": Digest::sha256(b"").to_string() }),
            ),
            None,
            |e| matches!(e, ManifestError::Json(_)),
        ),
    ];
    for (number, (bytes, content_type, fits)) in cases.into_iter().enumerate() {
        let error = Manifest::parse(bytes, content_type.as_ref()).expect_err("must be refused");
        assert!(fits(&error), "case {number}: {error:?}");
    }
}

#[test]
fn media_types_lose_parameters_and_case() {
    let parsed =
        MediaType::parse("Application/VND.oci.image.index.v1+json; charset=utf-8").unwrap();
    assert_eq!(parsed, MediaType::OCI_INDEX);
    for text in [
        "", "json", "/", "a/", "/b", "a/b/c", "a b/c", "a/b\n", ".a/b", "ä/b",
    ] {
        assert!(MediaType::parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn a_built_image_reads_back() {
    let layer = Layer {
        digest: Digest::sha256(b"gz"),
        size: 2,
        diff_id: Digest::sha256(b"tar"),
    };
    for (format, media_type) in [
        (Format::Docker, MediaType::DOCKER_MANIFEST),
        (Format::Oci, MediaType::OCI_MANIFEST),
    ] {
        let image = ImageSpec {
            format,
            platform: Platform {
                architecture: "amd64".into(),
                os: "linux".into(),
                variant: None,
                os_version: None,
            },
            created: "2024-01-02T03:04:05Z".into(),
            command: vec!["/hello".into()],
            labels: BTreeMap::new(),
            layers: vec![layer],
        }
        .build();
        let again = Manifest::parse(image.manifest.bytes().to_vec(), Some(&media_type)).unwrap();
        assert_eq!(again, image.manifest);
        let config = again.children().next().unwrap();
        assert_eq!(config.digest, Digest::sha256(&image.config));
        let config: Value = serde_json::from_slice(&image.config).unwrap();
        assert_eq!(
            config,
            json!({
                "created": "2024-01-02T03:04:05Z", "architecture": "amd64", "os": "linux",
                "config": { "Cmd": ["/hello"] },
                "rootfs": { "type": "layers", "diff_ids": [layer.diff_id.to_string()] },
                "history": [{ "created": "2024-01-02T03:04:05Z", "created_by": "countersign" }],
            })
        );
    }
}

/// Byte for byte what cosign 3.1 pushed for a signature (`testdata/golden/cosign`, case c12).
#[test]
fn an_artifact_is_written_as_cosign_writes_it() {
    let golden = include_bytes!(
        "../../../../testdata/golden/cosign/cases/c12_v31_key_empty_api/registry/manifests/sha256-1d219126a3f274762283289597156e02560fdd0ce7367fe4a78d639654e4fa78.json"
    );
    let golden = Manifest::parse(golden.to_vec(), None).unwrap();
    let Content::Image { config, layers } = golden.content().clone() else {
        panic!("an artifact is an image manifest")
    };
    let written = Manifest::artifact(Artifact {
        config: *config,
        layers,
        annotations: golden.annotations().clone(),
        subject: golden.subject().cloned(),
        artifact_type: golden.artifact_type().cloned(),
    });
    assert_eq!(written, golden);
}

#[test]
fn an_index_reads_back_with_its_entries() {
    let entries = vec![
        Descriptor::of(MediaType::OCI_MANIFEST, b"one"),
        Descriptor::of(MediaType::OCI_MANIFEST, b"two"),
    ];
    let index = Manifest::index(entries.clone());
    let again = Manifest::parse(index.bytes().to_vec(), None).unwrap();
    assert_eq!(again, index);
    assert_eq!(again.children().cloned().collect::<Vec<_>>(), entries);
    let empty: Value = serde_json::from_slice(Manifest::index(Vec::new()).bytes()).unwrap();
    assert_eq!(
        empty,
        json!({ "schemaVersion": 2, "mediaType": MediaType::OCI_INDEX.as_str(), "manifests": [] })
    );
}
