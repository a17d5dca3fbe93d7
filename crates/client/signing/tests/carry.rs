//! Images and everything attached to them, in every form, between registries, layouts and the real cosigns.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "carry/world.rs"]
mod world;

use oci::Manifest;
use signing::carry::{
    AttachedKind, Branch, BranchKind, CarryError, CleanPlan, Fate, PlatformFilter, Removed,
    Selection, What, clean, copy, save, tree, triangulate,
};
use signing::{Place, TagKind};
use testkit::{CosignVersion, Peers};
use world::{Kind, World, plan};

/// An index in a registry without the API, with everything that can be attached.
async fn stocked() -> Option<(World, String, Manifest)> {
    let world = World::new(&Peers::locate()?).await;
    let from = world.image(Kind::NoApi, "from");
    let index = world.push_index(&from).await;
    world.attach_everything(&from, &index);
    Some((world, from, index))
}

/// Everything is found at the destination by both cosigns, which know nothing of where it was.
#[tokio::test(flavor = "multi_thread")]
async fn every_form_travels_between_registries() {
    let Some((world, from, index)) = stocked().await else {
        return;
    };
    let mut last = from;
    // To a registry with the API, to another repository there, and back to one without.
    for (kind, name) in [(Kind::Api, "a/to"), (Kind::Api, "bb"), (Kind::NoApi, "to")] {
        let to = world.image(kind, name);
        let source = world.place(&last).await;
        let carried = copy(&source, &world.registry_place(&to), &plan(Selection::ALL))
            .await
            .unwrap();
        let count = |wanted: fn(&What) -> bool| {
            let written = carried
                .items
                .iter()
                .filter(|item| item.fate == Fate::Written);
            written.filter(|item| wanted(&item.what)).count()
        };
        assert_eq!(count(|what| matches!(what, What::Image)), 1);
        assert_eq!(count(|what| matches!(what, What::Tagged { .. })), 4);
        assert_eq!(count(|what| matches!(what, What::Referrer { .. })), 3);
        assert_eq!(carried.items.len(), 8, "{carried:?}");
        world.verify_everything(&to, &index);
        last = to;
    }
    // Once more: there is nothing to do.
    let to = world.registry_place(&last);
    let source = world.place(&world.image(Kind::Api, "bb")).await;
    let carried = copy(&source, &to, &plan(Selection::ALL)).await.unwrap();
    let tagged = |what: &What| !matches!(what, What::Referrer { .. });
    assert!(
        carried
            .items
            .iter()
            .filter(|item| tagged(&item.what))
            .all(|item| item.fate == Fate::Present),
        "{carried:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_for_and_no_more() {
    let Some((world, from, index)) = stocked().await else {
        return;
    };
    let source = world.place(&from).await;
    let signatures = Selection {
        signatures: true,
        ..Selection::NONE
    };
    let to = world.image(Kind::NoApi, "signatures");
    // The image is there already, without its signatures.
    let image = Selection {
        image: true,
        ..Selection::NONE
    };
    for what in [image, signatures] {
        copy(&source, &world.registry_place(&to), &plan(what))
            .await
            .unwrap();
    }
    world
        .verify(CosignVersion::V2, "verify", &to, &index)
        .success();
    world
        .verify(CosignVersion::V3, "verify", &to, &index)
        .success();
    for version in [CosignVersion::V2, CosignVersion::V3] {
        world
            .verify(version, "verify-attestation", &to, &index)
            .failure();
    }

    // One platform, under a name of its own.
    let arm = PlatformFilter::parse("linux/arm64").unwrap();
    let to = world.image(Kind::Api, "arm");
    let platform = signing::carry::CopyPlan {
        platform: Some(&arm),
        ..plan(Selection::ALL)
    };
    let carried = copy(&source, &world.registry_place(&to), &platform)
        .await
        .unwrap();
    let there = world.place(&to).await.resolve().await.unwrap();
    assert_eq!(there.digest(), world.platform(&index, "arm64"));
    // Its own signature came along, those of the index did not.
    let kinds: Vec<_> = carried.items.iter().map(|item| &item.what).collect();
    assert!(
        matches!(
            kinds.as_slice(),
            [
                What::Tagged {
                    kind: TagKind::Signatures,
                    ..
                },
                What::Image
            ]
        ),
        "{kinds:?}"
    );
    let none = PlatformFilter::parse("windows").unwrap();
    let platform = signing::carry::CopyPlan {
        platform: Some(&none),
        ..platform
    };
    let error = copy(&source, &world.registry_place(&to), &platform)
        .await
        .unwrap_err();
    assert!(matches!(error, CarryError::Platform(_)), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_the_destination_is_lost() {
    let Some(peers) = Peers::locate() else { return };
    let world = World::new(&peers).await;
    let (from, to) = (
        world.image(Kind::NoApi, "from"),
        world.image(Kind::NoApi, "to"),
    );
    let index = world.push_index(&from).await;
    world.sign(CosignVersion::V2, &from, &index);
    world.sign(CosignVersion::V3, &from, &index);
    // The same image there, signed by somebody else in both forms.
    assert_eq!(world.push_index(&to).await.digest(), index.digest());
    let other = world.somebody_else();
    other.sign(CosignVersion::V2, &to, &index);
    other.sign(CosignVersion::V3, &to, &index);
    let source = world.place(&from).await;
    let there = world.registry_place(&to);
    let error = copy(&source, &there, &plan(Selection::ALL))
        .await
        .unwrap_err();
    let CarryError::Conflict { tag, .. } = error else {
        panic!("{error:?}")
    };
    assert!(tag.as_str().ends_with(".sig"), "{tag}");
    let forced = signing::carry::CopyPlan {
        force: true,
        ..plan(Selection::ALL)
    };
    let carried = copy(&source, &there, &forced).await.unwrap();
    assert!(carried.items.iter().any(|item| item.fate == Fate::Merged));
    for signer in [&world, &other] {
        for version in [CosignVersion::V2, CosignVersion::V3] {
            signer.verify(version, "verify", &to, &index).success();
        }
    }

    // Another image under the name gives way only when forced.
    let image: Manifest = world.push_image(&to).await;
    let error = copy(&source, &there, &plan(Selection::ALL))
        .await
        .unwrap_err();
    assert!(
        matches!(&error, CarryError::Conflict { found, .. } if **found == image.digest()),
        "{error:?}"
    );
    copy(&source, &there, &forced).await.unwrap();
    let now = world.place(&to).await.resolve().await.unwrap();
    assert_eq!(now.digest(), index.digest());
}

/// What we save, cosign loads, as far as it loads what it saves itself.
#[tokio::test(flavor = "multi_thread")]
async fn cosign_loads_what_we_save() {
    let Some((world, from, index)) = stocked().await else {
        return;
    };
    let folder = world.folder("saved");
    let source = world.place(&from).await;
    let (layout, carried) = save(&source, &folder, 4, &|_, _| {}).await.unwrap();
    assert_eq!(carried.items.len(), 8);
    assert_eq!(layout.image().unwrap().digest, index.digest());
    for version in [CosignVersion::V2, CosignVersion::V3] {
        let to = world.image(Kind::Api, &format!("loaded-{version:?}").to_lowercase());
        world
            .cosign(version, &["load", "--dir", "saved", &to])
            .success();
        world.accepts(CosignVersion::V2, &to, &index);
    }

    // Cosign 3.1 forgets bundles when there are attestations of the older form.
    let from = world.image(Kind::NoApi, "bundles");
    let index = world.push_image(&from).await;
    world.sign(CosignVersion::V3, &from, &index);
    let source = world.place(&from).await;
    let saved = save(&source, &world.folder("bundles"), 4, &|_, _| {}).await;
    let to = world.image(Kind::Api, "loaded-bundles");
    // It sends the manifest of a bundle before the bundle, which no registry that checks takes.
    world.push_blobs_of_referrers(&saved.unwrap().0, &to).await;
    world
        .cosign(CosignVersion::V3, &["load", "--dir", "bundles", &to])
        .success();
    world
        .verify(CosignVersion::V3, "verify", &to, &index)
        .success();
}

/// What cosign saves, we load, and everything that it saved is there.
#[tokio::test(flavor = "multi_thread")]
async fn we_load_what_cosign_saves() {
    let Some(peers) = Peers::locate() else { return };
    let world = World::new(&peers).await;
    let from = world.image(Kind::NoApi, "from");
    let image = world.push_image(&from).await;
    for version in [CosignVersion::V2, CosignVersion::V3] {
        world.sign(version, &from, &image);
        world.attest(version, &from, &image);
    }
    for (version, folder) in [(CosignVersion::V2, "two"), (CosignVersion::V3, "three")] {
        world
            .cosign(version, &["save", "--dir", folder, &from])
            .success();
        let layout = layout::Layout::open(&world.folder(folder)).await.unwrap();
        let to = world.image(Kind::NoApi, folder);
        let carried = copy(
            &Place::layout(layout),
            &world.registry_place(&to),
            &plan(Selection::ALL),
        )
        .await
        .unwrap();
        world.accepts(CosignVersion::V2, &to, &image);
        let bundles = carried.items.iter().filter(|item| {
            matches!(
                item.what,
                What::Referrer {
                    kind: AttachedKind::Signature | AttachedKind::Attestation,
                    ..
                }
            )
        });
        if version == CosignVersion::V3 {
            assert_eq!(bundles.count(), 2);
            world.accepts(CosignVersion::V3, &to, &image);
        } else {
            // It does not know them.
            assert_eq!(bundles.count(), 0);
        }
    }
}

/// Ours to ours, by way of a folder, into a registry of either kind.
#[tokio::test(flavor = "multi_thread")]
async fn everything_goes_through_a_layout() {
    let Some((world, from, index)) = stocked().await else {
        return;
    };
    let source = world.place(&from).await;
    let (layout, saved) = save(&source, &world.folder("saved"), 4, &|_, _| {})
        .await
        .unwrap();
    let layout = Place::layout(layout);
    for kind in [Kind::Api, Kind::NoApi] {
        let to = world.image(kind, "loaded");
        let loaded = copy(&layout, &world.registry_place(&to), &plan(Selection::ALL))
            .await
            .unwrap();
        assert_eq!(loaded.items.len(), saved.items.len());
        world.verify_everything(&to, &index);
    }
}

/// The same lines as cosign's, and nothing left that it finds.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_attached_is_listed_and_taken_away() {
    let Some(peers) = Peers::locate() else { return };
    let world = World::new(&peers).await;
    for kind in [Kind::NoApi, Kind::Api] {
        let image = world.image(kind, "listed");
        let index = world.push_index(&image).await;
        world.attach_everything(&image, &index);
        let place = world.place(&image).await;
        let found = tree(&place, 4).await.unwrap();
        assert_eq!(found.image, index.digest());
        let theirs = world.cosign(CosignVersion::V3, &["tree", &image]).success();
        let kinds: Vec<_> = found.branches.iter().map(|branch| &branch.kind).collect();
        let mut leaves = 0;
        for branch in &found.branches {
            let name = match &branch.kind {
                BranchKind::Tag { tag, .. } => tag.as_ref().unwrap().to_string(),
                BranchKind::Referrer { .. } => branch.manifest.to_string(),
            };
            assert!(theirs.stdout.contains(&name), "{name}: {theirs}");
            for leaf in branch.leaves.as_ref().unwrap() {
                leaves += 1;
                let line = format!("🍒 {leaf}");
                assert!(theirs.stdout.contains(&line), "{line}: {theirs}");
            }
            if let BranchKind::Referrer { label, .. } = &branch.kind {
                let line = format!("🔗 {} artifacts", label.as_ref().unwrap());
                assert!(theirs.stdout.contains(&line), "{line}: {theirs}");
            }
        }
        assert_eq!(theirs.stdout.matches('🍒').count(), leaves, "{theirs}");
        assert_eq!(kinds.len(), 6, "{kinds:?}");

        let there = world.registry_place(&image);
        let tag = triangulate(&there, TagKind::Signatures).await.unwrap();
        let theirs = world
            .cosign(CosignVersion::V2, &["triangulate", &image])
            .success();
        assert_eq!(theirs.stdout.trim_end(), tag.to_string());

        let only = |what| CleanPlan {
            tags: what,
            referrers: what,
            workers: 4,
        };
        let signatures = Selection {
            signatures: true,
            ..Selection::NONE
        };
        let removed = clean(&there, only(signatures)).await.unwrap();
        assert_eq!(removed.len(), 3, "{removed:?}");
        world
            .verify(CosignVersion::V2, "verify", &image, &index)
            .failure();
        // Cosign 3.1 takes an attestation for a signature, so it is not asked.
        let left = tree(&place, 4).await.unwrap().branches;
        let is_signature = |branch: &Branch| {
            matches!(
                branch.kind,
                BranchKind::Tag {
                    kind: TagKind::Signatures,
                    ..
                } | BranchKind::Referrer {
                    kind: AttachedKind::Signature,
                    ..
                }
            )
        };
        assert!(!left.iter().any(is_signature), "{left:?}");
        for version in [CosignVersion::V2, CosignVersion::V3] {
            world
                .verify(version, "verify-attestation", &image, &index)
                .success();
        }
        let removed = clean(&there, only(Selection::ATTACHED)).await.unwrap();
        let lists = removed
            .iter()
            .filter(|removed| matches!(removed, Removed::List { .. }));
        assert_eq!(lists.count(), usize::from(matches!(kind, Kind::NoApi)));
        assert_eq!(tree(&place, 4).await.unwrap().branches, []);
        world
            .cosign(CosignVersion::V3, &["tree", &image])
            .success()
            .says("No Supply Chain Security Related Artifacts");
        assert_eq!(clean(&there, only(Selection::ATTACHED)).await.unwrap(), []);
        // The image and the signature of its platform are still there.
        assert_eq!(place.resolve().await.unwrap().digest(), index.digest());
        let arm = place.at(world.platform(&index, "arm64"));
        assert_eq!(tree(&arm, 4).await.unwrap().branches.len(), 1);
    }
}
