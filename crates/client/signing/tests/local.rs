//! Images in layouts on disk: what is said of them is what was checked, and nothing is contacted.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use layout::{Kind, Layout, Writer};
use oci::{Content, Descriptor, Manifest};
use signing::Place;
use signing::discover::Location;
use signing::verify::{ImageOutcome, VerifyError, VerifyFailure};
use sigstore::statement::COSIGN_SIGNATURE;
use sigstore::verify::{Because, Check, Outcome};
use support::{SCAN, Scene, attested, verify};
use testkit::Folder;

/// A layout as `cosign save` writes it: referrers are listed nowhere.
async fn layout(folder: &Folder, scene: &Scene, attached: &[&Manifest]) -> Place {
    let writer = Writer::create(&folder.path().join("layout")).await.unwrap();
    let mut entries = vec![Kind::Image.entry(scene.image.descriptor())];
    for manifest in [&[&scene.image], attached].concat() {
        for child in manifest.children() {
            writer.put_blob(&scene.shelf.bytes(child)).await.unwrap();
        }
        writer.put_manifest(manifest).await.unwrap();
        if manifest.subject().is_none() && manifest.digest() != scene.image.digest() {
            entries.push(Kind::Signatures.entry(manifest.descriptor()));
        }
    }
    Place::layout(writer.finish(entries).await.unwrap())
}

async fn judged(scene: &Scene, attached: &[&Manifest]) -> ImageOutcome {
    let folder = Folder::new("local");
    let place = layout(&folder, scene, attached).await;
    verify(&place, &scene.request()).await.unwrap()
}

#[tokio::test]
async fn signatures_of_both_forms() {
    let mut scene = Scene::new();
    let layer = scene.layer(&[("form", "older")]);
    let older = scene.manifest(vec![layer], false);
    let bundle = scene.bundle(&scene.signature_statement(&[("form", "bundle")]));
    let bundle = scene.attach_bundle(&bundle, Some(COSIGN_SIGNATURE));
    let outcome = judged(&scene, &[&older, &bundle]).await;
    let verified = outcome.verified().unwrap();
    let forms: Vec<_> = verified
        .iter()
        .map(|verified| {
            assert!(verified.repository().is_none());
            assert!(matches!(
                verified.locations(),
                [Location::Layout { layer: 0, .. }]
            ));
            verified.annotations()["form"].clone()
        })
        .collect();
    assert_eq!(forms, ["older", "bundle"]);
}

/// F5 and F6: cosign 3.1 verifies this layout, whose only attachment is a scan report that says FAILED, and says that
/// the transparency log was checked.
#[tokio::test]
async fn a_scan_report_is_no_signature_and_no_log_is_claimed() {
    let mut scene = Scene::new();
    let bundle = scene.bundle(&scene.scan_statement());
    let report = scene.attach_bundle(&bundle, Some(SCAN));
    let outcome = judged(&scene, &[&report]).await;
    let others = vec![SCAN.to_owned()];
    assert_eq!(
        outcome.verified().unwrap_err(),
        &VerifyFailure::NoSignature {
            others,
            image_absent: false
        }
    );
    let folder = Folder::new("local");
    let place = layout(&folder, &scene, &[&report]).await;
    let outcome = verify(&place, &attested(scene.request(), Some(SCAN)))
        .await
        .unwrap();
    let verified = outcome.verified().unwrap()[0];
    assert_eq!(
        verified.trace().outcome(Check::Log),
        Some(&Outcome::NotRequired {
            because: Because::FlagInsecureIgnoreTlog
        })
    );
    assert_eq!(verified.image(), scene.image.digest());
    assert_eq!(verified.signed_reference(), Some("app"));
}

/// One platform of a saved index; cosign cannot verify any part of one.
#[tokio::test]
async fn a_platform_of_an_index() {
    let mut scene = Scene::new();
    let bundle = scene.bundle(&scene.signature_statement(&[]));
    let bundle = scene.attach_bundle(&bundle, Some(COSIGN_SIGNATURE));
    let index = Manifest::index(vec![scene.image.descriptor()]);
    let folder = Folder::new("local");
    let Place::Layout(place) = layout(&folder, &scene, &[&bundle]).await else {
        panic!("it is a layout");
    };
    let folder = place.layout().folder().to_owned();
    let writer = Writer::create(&folder).await.unwrap();
    writer.put_manifest(&index).await.unwrap();
    let entry = Kind::ImageIndex.entry(index.descriptor());
    let place = Place::layout(writer.finish(vec![entry]).await.unwrap());
    let outcome = verify(&place, &scene.request()).await.unwrap();
    assert!(matches!(
        outcome.image().manifest().unwrap().content(),
        Content::Index { .. }
    ));
    assert_eq!(
        outcome.verified().unwrap_err(),
        &VerifyFailure::NoSignature {
            others: Vec::new(),
            image_absent: false
        }
    );
    let place = place.at(scene.image.digest());
    let outcome = verify(&place, &scene.request()).await.unwrap();
    assert_eq!(outcome.verified().unwrap().len(), 1);
}

#[tokio::test]
async fn a_layout_without_an_image() {
    let folder = Folder::new("local");
    let scene = Scene::new();
    let writer = Writer::create(&folder.path().join("empty")).await.unwrap();
    let entries: Vec<Descriptor> = Vec::new();
    let place = Place::layout(writer.finish(entries).await.unwrap());
    let error = verify(&place, &scene.request()).await.unwrap_err();
    assert!(matches!(error, VerifyError::NoSuchImage(_)));
    assert!(matches!(
        Layout::open(&folder.path().join("none")).await,
        Err(layout::Error::Absent {
            missing: "oci-layout",
            ..
        })
    ));
}
