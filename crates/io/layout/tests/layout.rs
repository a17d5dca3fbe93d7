//! Layouts are written whole, and nothing is read from them unchecked.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use futures_util::{StreamExt as _, TryStreamExt as _};
use layout::{Error, Kind, Layout, REF_NAME, Writer};
use oci::{Artifact, BlobMismatch, BlobVerifier, Descriptor, Digest, Manifest, MediaType};
use tokio::io::AsyncWriteExt as _;

const LAYER: &[u8] = b"not really a tar";

fn artifact(subject: Option<&Manifest>, note: &str) -> Manifest {
    Manifest::artifact(Artifact {
        config: Descriptor::of(MediaType::OCI_EMPTY, b"{}"),
        layers: vec![Descriptor::of(MediaType::OCTET_STREAM, LAYER)],
        annotations: BTreeMap::from([("note".to_owned(), note.to_owned())]),
        subject: subject.map(Manifest::descriptor),
        artifact_type: None,
    })
}

/// An image, its signatures, and one manifest that refers to it and is not listed.
async fn saved(folder: &Path) -> (Layout, Manifest, Manifest) {
    let (image, signatures) = (artifact(None, "image"), artifact(None, "signatures"));
    let bundle = artifact(Some(&image), "bundle");
    let writer = Writer::create(folder).await.unwrap();
    for blob in [b"{}".as_slice(), LAYER] {
        assert_eq!(writer.put_blob(blob).await.unwrap(), Digest::sha256(blob));
    }
    for manifest in [&image, &signatures, &bundle] {
        writer.put_manifest(manifest).await.unwrap();
    }
    let entries = vec![
        Kind::Image.entry(image.descriptor()),
        Kind::Signatures.entry(signatures.descriptor()),
    ];
    (writer.finish(entries).await.unwrap(), image, bundle)
}

fn blob_file(folder: &Path, digest: &Digest) -> std::path::PathBuf {
    folder.join("blobs/sha256").join(digest.hex())
}

#[tokio::test]
async fn what_is_written_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("a/new/place");
    let (layout, image, bundle) = saved(&place).await;
    assert_eq!(layout.folder(), place);
    assert_eq!(layout.image().unwrap().digest, image.digest());
    assert_eq!(layout.manifest(&image.digest()).await.unwrap(), image);
    assert_eq!(layout.referrers(&image.digest()).await.unwrap(), [bundle]);
    let signatures = artifact(None, "signatures").digest();
    let attached = layout.attached(&image.digest(), Kind::Signatures).unwrap();
    assert_eq!(attached.digest, signatures);
    assert_eq!(layout.attached(&signatures, Kind::Signatures), None);
    assert_eq!(layout.attached(&image.digest(), Kind::Attestations), None);
    let layer = Descriptor::of(MediaType::OCTET_STREAM, LAYER);
    assert_eq!(layout.blob(&layer, 100).await.unwrap(), LAYER);
    let pieces: Vec<_> = layout
        .stream(&layer)
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap();
    assert_eq!(pieces.concat(), LAYER);
    let index = fs::read_to_string(place.join("index.json")).unwrap();
    let expected = format!(
        "{{\n   \"schemaVersion\": 2,\n   \"mediaType\": \"application/vnd.oci.image.index.v1+json\",\n   \"manifests\": [\n      {{\n         \"mediaType\": \"application/vnd.oci.image.manifest.v1+json\",\n         \"size\": {},\n         \"digest\": \"{}\",\n         \"annotations\": {{\n            \"kind\": \"dev.cosignproject.cosign/image\"\n         }}\n      }},\n",
        image.bytes().len(),
        image.digest()
    );
    assert!(index.starts_with(&expected), "{index}");
}

#[tokio::test]
async fn a_large_blob_is_kept_by_its_proof_only() {
    let folder = tempfile::tempdir().unwrap();
    let writer = Writer::create(folder.path()).await.unwrap();
    let content = vec![7; 300_000];
    let blob = Descriptor::of(MediaType::OCTET_STREAM, &content);
    let mut staged = writer.stage().await.unwrap();
    staged.writer().write_all(&content).await.unwrap();
    staged.writer().flush().await.unwrap();
    drop(staged);
    assert!(!writer.has(&blob).await.unwrap());
    let mut staged = writer.stage().await.unwrap();
    staged.writer().write_all(&content).await.unwrap();
    let mut verifier = BlobVerifier::new(blob.digest, Some(blob.size));
    verifier.update(&content).unwrap();
    staged.keep(&verifier.finish().unwrap()).await.unwrap();
    assert!(writer.has(&blob).await.unwrap());
    let leftovers = fs::read_dir(folder.path()).unwrap();
    assert_eq!(leftovers.count(), 2);
    fs::write(blob_file(folder.path(), &blob.digest), &content[1..]).unwrap();
    assert!(!writer.has(&blob).await.unwrap());
}

#[tokio::test]
async fn what_is_damaged_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (layout, image, bundle) = saved(folder.path()).await;
    let layer = Descriptor::of(MediaType::OCTET_STREAM, LAYER);
    let path = blob_file(folder.path(), &layer.digest);
    fs::write(&path, b"not really A tar").unwrap();
    let error = layout.blob(&layer, 100).await.unwrap_err();
    assert!(matches!(error, Error::Blob { .. }), "{error:?}");
    let read: Vec<_> = layout.stream(&layer).await.unwrap().collect().await;
    let [Err(error)] = read.as_slice() else {
        panic!("{read:?}");
    };
    assert!(
        matches!(
            error.get_ref().and_then(|inner| inner.downcast_ref()),
            Some(BlobMismatch::Digest(found)) if found.expected == layer.digest
        ),
        "{error:?}"
    );
    let error = layout.blob(&layer, 3).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { limit: 3, .. }));
    fs::write(&path, vec![0; 200]).unwrap();
    let error = layout.blob(&layer, 100).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { limit: 100, .. }));
    fs::remove_file(&path).unwrap();
    let error = layout.blob(&layer, 100).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error:?}");

    // Another manifest in the place of the image, and of what refers to it.
    for digest in [image.digest(), bundle.digest()] {
        let other = artifact(Some(&image), "other");
        fs::write(blob_file(folder.path(), &digest), other.bytes()).unwrap();
    }
    let error = layout.manifest(&image.digest()).await.unwrap_err();
    assert!(matches!(error, Error::DigestMismatch(_)), "{error:?}");
    // The index lists it: it may be what refers to the image.
    let error = layout.referrers(&image.digest()).await.unwrap_err();
    assert!(matches!(error, Error::DigestMismatch(_)), "{error:?}");
    fs::write(blob_file(folder.path(), &image.digest()), image.bytes()).unwrap();
    assert_eq!(layout.referrers(&image.digest()).await.unwrap(), []);
    fs::remove_file(blob_file(folder.path(), &image.digest())).unwrap();
    let error = layout.referrers(&image.digest()).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_no_file_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let (layout, image, _) = saved(folder.path()).await;
    let path = blob_file(folder.path(), &image.digest());
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
    let error = layout.manifest(&image.digest()).await.unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error:?}");
    let error = layout.referrers(&image.digest()).await.unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error:?}");
}

#[tokio::test]
async fn files_of_others_are_not_overwritten() {
    for found in ["index.json", "blobs"] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(found), "mine").unwrap();
        let error = Writer::create(folder.path()).await.unwrap_err();
        assert!(matches!(&error, Error::Foreign { found: name, .. } if *name == found));
        let kept = fs::read_to_string(folder.path().join(found)).unwrap();
        assert_eq!(kept, "mine");
    }
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("notes.txt"), "mine").unwrap();
    saved(folder.path()).await;
    // And once more into what is a layout now.
    saved(folder.path()).await;
    assert_eq!(
        fs::read_to_string(folder.path().join("notes.txt")).unwrap(),
        "mine"
    );
}

/// A layout that is not finished has no index, and what it was before if it had one.
#[tokio::test]
async fn a_layout_is_whole_or_none() {
    let folder = tempfile::tempdir().unwrap();
    let writer = Writer::create(folder.path()).await.unwrap();
    writer.put_manifest(&artifact(None, "image")).await.unwrap();
    drop(writer);
    let error = Layout::open(folder.path()).await.unwrap_err();
    assert!(matches!(
        error,
        Error::Absent {
            missing: "index.json",
            ..
        }
    ));
    let (layout, ..) = saved(folder.path()).await;
    let writer = Writer::create(folder.path()).await.unwrap();
    writer.put_manifest(&artifact(None, "other")).await.unwrap();
    drop(writer);
    let again = Layout::open(folder.path()).await.unwrap();
    assert_eq!(again.entries(), layout.entries());
}

#[tokio::test]
async fn what_is_no_layout_is_named_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let error = Layout::open(&path.join("nowhere")).await.unwrap_err();
    assert!(matches!(
        error,
        Error::Absent {
            missing: "oci-layout",
            ..
        }
    ));
    for (marker, index) in [
        (r#"{"imageLayoutVersion":"2.0.0"}"#, "{}"),
        ("nothing", "{}"),
        (
            r#"{"imageLayoutVersion":"1.0.0"}"#,
            r#"{"schemaVersion":2,"manifests":"none"}"#,
        ),
        (
            r#"{"imageLayoutVersion":"1.0.0"}"#,
            r#"{"schemaVersion":2,"manifests":[{"mediaType":"a/b","size":1,"digest":"sha256:../../../../etc/passwd"}]}"#,
        ),
    ] {
        fs::write(path.join("oci-layout"), marker).unwrap();
        fs::write(path.join("index.json"), index).unwrap();
        let error = Layout::open(path).await.unwrap_err();
        assert!(
            matches!(error, Error::Version { .. } | Error::Manifest { .. }),
            "{error:?}"
        );
    }
    fs::write(path.join("index.json"), vec![b' '; 5 * 1024 * 1024]).unwrap();
    let error = Layout::open(path).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error:?}");
}

/// Other programs name the image and do not say what it is; what is attached has its tag as its name.
#[tokio::test]
async fn a_layout_of_other_programs() {
    let folder = tempfile::tempdir().unwrap();
    let text = r#"{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","size":10,"digest":"sha256:a1fce4363854ff888cff4b8e7875d600c2682390412a8cf79b37d0b11148b0fa","annotations":{"org.opencontainers.image.ref.name":"v1"}}]}"#;
    fs::write(
        folder.path().join("oci-layout"),
        r#"{"imageLayoutVersion":"1.0.0"}"#,
    )
    .unwrap();
    fs::write(folder.path().join("index.json"), text).unwrap();
    let layout = Layout::open(folder.path()).await.unwrap();
    let image = layout.image().unwrap().clone();
    assert_eq!(layout.named("v1"), Some(&image));
    assert_eq!(layout.named("v2"), None);
    let error = layout.manifest(&image.digest).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error:?}");

    let writer = Writer::create(folder.path()).await.unwrap();
    let mut signatures = artifact(None, "signatures").descriptor();
    let tag = format!("{}.sig", image.digest.referrers_tag());
    signatures.annotations.insert(REF_NAME.to_owned(), tag);
    let entries = vec![image.clone(), signatures.clone()];
    let layout = writer.finish(entries).await.unwrap();
    assert_eq!(layout.image(), None);
    assert_eq!(
        layout.attached(&image.digest, Kind::Signatures),
        Some(&signatures)
    );
}
