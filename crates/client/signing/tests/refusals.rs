//! What is not a good signature, told apart: what was found, why it does not count, and what could not be known.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use oci::{Descriptor, Digest, Manifest, MediaType};
use signing::discover::{CandidateError, Claimed, SourceKind, limits};
use signing::verify::{
    Claims, GivenSignature, ImageOutcome, Judgement, VerifyError, VerifyFailure, verify_images,
};
use signing::{PlaceError, docker_reference};
use sigstore::bundle::{Content, MessageSignature};
use sigstore::simple_signing::SimpleSigning;
use sigstore::statement::COSIGN_SIGNATURE;
use sigstore::verify::{Check, Outcome, Refusal};
use support::{
    SCAN, Scene, Server, TRUST, annotated, attested, base64, by_key, key, now, place, verify,
};

fn failure(outcome: &ImageOutcome) -> &VerifyFailure {
    outcome
        .verified()
        .expect_err("nothing here is signed as demanded")
}

fn errors(outcome: &ImageOutcome) -> Vec<&CandidateError> {
    outcome
        .judged()
        .iter()
        .filter_map(|judged| match &judged.judgement {
            Judgement::Unreadable(error) => Some(&**error),
            _ => None,
        })
        .collect()
}

fn none(others: &[&str], image_absent: bool) -> VerifyFailure {
    VerifyFailure::NoSignature {
        others: others.iter().map(|other| (*other).to_owned()).collect(),
        image_absent,
    }
}

/// F7: four results, not one.
#[tokio::test]
async fn unsigned_absent_unreachable_and_refused_are_four_results() {
    let mut scene = Scene::new();
    let request = scene.request();
    let outcome = scene.verify(&request).await.unwrap();
    assert_eq!(failure(&outcome), &none(&[], false));

    let server = Server::start(scene.shelf.clone()).await;
    let error = verify(&place(&server.host, "app:2"), &request)
        .await
        .unwrap_err();
    assert!(
        matches!(&error, VerifyError::NoSuchImage(error) if error.is_absent()),
        "{error}"
    );
    let unknown = format!("app@{}", Digest::sha256(b"unknown"));
    let outcome = verify(&place(&server.host, &unknown), &request)
        .await
        .unwrap();
    assert_eq!(failure(&outcome), &none(&[], true));

    let digest = format!("app@{}", scene.image.digest());
    let address = server.host.clone();
    drop(server);
    for name in ["app:1", &digest] {
        let error = verify(&place(&address, name), &request).await.unwrap_err();
        assert!(
            matches!(&error, VerifyError::Place(error) if error.is_unreachable()),
            "{error:?}"
        );
    }
    for status in [401, 403] {
        scene.shelf.fault("", status);
        let server = Server::start(scene.shelf.clone()).await;
        for name in ["app:1", &digest] {
            let error = verify(&place(&server.host, name), &request)
                .await
                .unwrap_err();
            assert!(
                matches!(&error, VerifyError::Place(error) if error.is_refused()),
                "{status} {error:?}"
            );
        }
        scene = Scene::new();
    }
}

#[tokio::test]
async fn another_key_is_refused_at_its_signature() {
    let mut scene = Scene::new();
    let layer = scene.layer(&[]);
    scene.tag_signatures(vec![layer]);
    let bundle = scene.bundle(&scene.signature_statement(&[]));
    scene.attach_bundle(&bundle, Some(COSIGN_SIGNATURE));
    let outcome = scene.verify(&by_key(&key("cosign31"))).await.unwrap();
    assert_eq!(
        failure(&outcome),
        &VerifyFailure::NoneMatched { candidates: 2 }
    );
    for judged in outcome.judged() {
        let Judgement::Refused { refusal, trace } = &judged.judgement else {
            panic!("{judged:?}");
        };
        assert!(matches!(refusal, Refusal::Signature(_)));
        assert_eq!(
            trace.outcome(Check::Signature),
            Some(&Outcome::Refused(refusal.clone()))
        );
        // What comes after it was not looked at, and is not said to be.
        assert_eq!(trace.outcome(Check::Artifact), None);
    }
    let outcome = scene.verify(&scene.request()).await.unwrap();
    assert_eq!(outcome.verified().unwrap().len(), 2);
}

/// F5: an attestation of a scan that failed is no signature, whether or not its manifest says what it is.
#[tokio::test]
async fn an_attestation_is_no_signature() {
    for stated in [Some(SCAN), None, Some(COSIGN_SIGNATURE)] {
        let mut scene = Scene::new();
        let bundle = scene.bundle(&scene.scan_statement());
        scene.attach_bundle(&bundle, stated);
        let outcome = scene.verify(&scene.request()).await.unwrap();
        assert_eq!(failure(&outcome), &none(&[SCAN], false), "{stated:?}");
        let request = attested(scene.request(), Some(SCAN));
        let outcome = scene.verify(&request).await.unwrap();
        match stated {
            Some(COSIGN_SIGNATURE) => {
                let others = none(&[COSIGN_SIGNATURE], false);
                assert_eq!(failure(&outcome), &others);
            }
            _ => assert_eq!(outcome.verified().unwrap().len(), 1),
        }
    }
}

/// What its manifest says to be of another kind is not even fetched.
#[tokio::test]
async fn other_kinds_are_not_fetched() {
    let mut scene = Scene::new();
    let bundle = scene.bundle(&scene.scan_statement());
    let scan = scene.attach_bundle(&bundle, Some(SCAN));
    let bundle = scene.bundle(&scene.signature_statement(&[]));
    scene.attach_bundle(&bundle, Some(COSIGN_SIGNATURE));
    let server = Server::start(scene.shelf.clone()).await;
    let outcome = verify(&place(&server.host, "app:1"), &scene.request())
        .await
        .unwrap();
    assert_eq!(outcome.verified().unwrap().len(), 1);
    assert_eq!(
        outcome.judged()[0].claimed,
        Claimed::Statement(SCAN.to_owned())
    );
    assert_eq!(outcome.judged().len(), 2);
    let unwanted = scan.digest().to_string();
    let unwanted_blob = scan.children().nth(1).unwrap().digest.to_string();
    for path in server.seen() {
        assert!(!path.ends_with(&unwanted) && !path.ends_with(&unwanted_blob));
    }
}

#[tokio::test]
async fn annotations_are_demanded_in_both_forms() {
    let name = "Doe, Jane \"JD\" https://x.example/?a=b&c=<d>";
    let signed = [("user", name), ("tag", "v1")];
    let mut legacy = Scene::new();
    let layer = legacy.layer(&signed);
    legacy.tag_signatures(vec![layer]);
    let mut bundled = Scene::new();
    let bundle = bundled.bundle(&bundled.signature_statement(&signed));
    bundled.attach_bundle(&bundle, Some(COSIGN_SIGNATURE));
    for scene in [legacy, bundled] {
        let request = annotated(scene.request(), &[("user", name)]);
        let outcome = scene.verify(&request).await.unwrap();
        let verified = outcome.verified().unwrap();
        assert_eq!(verified[0].annotations()["user"], name);
        assert_eq!(verified[0].annotations()["tag"], "v1");
        for (key, value) in [("user", "Doe"), ("other", "")] {
            let mut request = annotated(scene.request(), &[("tag", "v1"), (key, value)]);
            // Not checking the claims does not give up what was demanded in as many words.
            request.claims = Claims::Waived;
            let outcome = scene.verify(&request).await.unwrap();
            assert!(matches!(
                &outcome.judged()[0].judgement,
                Judgement::Refused {
                    refusal: Refusal::Annotation(_),
                    ..
                }
            ));
        }
    }
}

#[tokio::test]
async fn the_same_signature_in_two_places_is_one() {
    let mut scene = Scene::new();
    let (one, two) = (scene.layer(&[]), scene.layer(&[("n", "2")]));
    scene.tag_signatures(vec![one.clone(), two.clone()]);
    // cosign 2 carries what is under the tag into the manifest that refers to the image.
    let referrer = scene.manifest(vec![one, two], true);
    scene.shelf.manifest(&referrer);
    let outcome = scene.verify(&scene.request()).await.unwrap();
    let verified = outcome.verified().unwrap();
    assert_eq!(verified.len(), 2);
    assert!(
        verified
            .iter()
            .all(|verified| verified.locations().len() == 2)
    );
}

/// Several signers of one image, each with a manifest of its own: cosign looks at the last of the list only.
/// A second manifest around the same bundle, which says that it is something else, hides nothing.
#[tokio::test]
async fn manifests_that_contradict_each_other_say_nothing() {
    for stated in [[SCAN, COSIGN_SIGNATURE], [COSIGN_SIGNATURE, SCAN]] {
        let mut scene = Scene::new();
        let bundle = scene.bundle(&scene.signature_statement(&[]));
        let entries = stated.map(|stated| {
            // A list without annotations.
            scene.attach_bundle(&bundle, Some(stated)).descriptor()
        });
        scene.shelf.list_referrers(&scene.image, entries.into());
        let outcome = scene.verify(&scene.request()).await.unwrap();
        let verified = outcome.verified().unwrap();
        assert_eq!(verified.len(), 1, "{stated:?}");
        assert_eq!(verified[0].locations().len(), 2, "{stated:?}");
    }
}

#[tokio::test]
async fn every_referrer_is_looked_at() {
    let mut scene = Scene::new();
    let theirs = Scene::new();
    let payload = SimpleSigning::new("app", &scene.digest(), &Default::default());
    let signatures = [&theirs, &scene, &theirs].map(|signer| signer.sign(payload.raw()));
    for signature in signatures {
        let media_type = MediaType::parse(sigstore::simple_signing::MEDIA_TYPE).unwrap();
        let mut layer = scene.shelf.blob(media_type, payload.raw());
        layer
            .annotations
            .insert(sigstore::legacy::SIGNATURE.to_owned(), base64(&signature));
        let referrer = scene.manifest(vec![layer], true);
        scene.shelf.manifest(&referrer);
    }
    for request in [scene.request(), theirs.request()] {
        let outcome = scene.verify(&request).await.unwrap();
        assert!(outcome.verified().is_ok());
        assert_eq!(outcome.judged().len(), 3);
    }
}

#[tokio::test]
async fn what_is_malformed_is_a_candidate_and_ends_nothing() {
    let mut scene = Scene::new();
    let mut broken = scene.layer(&[]);
    broken
        .annotations
        .insert(sigstore::legacy::BUNDLE.to_owned(), "{".to_owned());
    let mut unsigned = scene.layer(&[("un", "signed")]);
    unsigned.annotations.clear();
    let missing = scene.layer(&[("not", "there")]);
    scene.shelf.remove_blob(&missing);
    let huge = Descriptor {
        size: sigstore::limits::SIMPLE_SIGNING_BYTES as u64 + 1,
        ..scene.layer(&[("too", "large")])
    };
    scene.tag_signatures(vec![broken, unsigned, missing, huge]);
    scene.attach_bundle("{}", Some(COSIGN_SIGNATURE));
    let outcome = scene.verify(&scene.request()).await.unwrap();
    assert_eq!(
        failure(&outcome),
        &VerifyFailure::NoneMatched { candidates: 5 }
    );
    let errors = errors(&outcome);
    assert!(
        matches!(
            errors[..],
            [
                CandidateError::Legacy(_),
                CandidateError::Legacy(_),
                CandidateError::Fetch(PlaceError::Registry(registry::Error::NotFound { .. })),
                CandidateError::TooLarge { .. },
                CandidateError::Bundle(_),
            ]
        ),
        "{errors:?}"
    );

    let good = scene.bundle(&scene.signature_statement(&[]));
    scene.attach_bundle(&good, Some(COSIGN_SIGNATURE));
    let outcome = scene.verify(&scene.request()).await.unwrap();
    assert_eq!(outcome.verified().unwrap().len(), 1);
    assert_eq!(outcome.judged().len(), 6);
}

#[tokio::test]
async fn more_layers_than_the_limit_are_not_read() {
    let mut scene = Scene::new();
    let layer = scene.layer(&[]);
    scene.tag_signatures(vec![layer.clone(); limits::LAYERS]);
    let outcome = scene.verify(&scene.request()).await.unwrap();
    assert_eq!(outcome.verified().unwrap().len(), 1);
    let found = limits::LAYERS + 1;
    scene.tag_signatures(vec![layer; found]);
    let outcome = scene.verify(&scene.request()).await.unwrap();
    let limit = limits::LAYERS;
    assert!(matches!(
        errors(&outcome)[..],
        [CandidateError::TooManyLayers { found: f, limit: l }] if (*f, *l) == (found, limit)
    ));
}

#[tokio::test]
async fn together_it_must_not_be_too_much() {
    let mut scene = Scene::new();
    let size = sigstore::limits::BUNDLE_BYTES as u64;
    let media_type = MediaType::parse(sigstore::bundle::MEDIA_TYPE).unwrap();
    // What the manifest says is believed before anything is fetched.
    let layers: Vec<Descriptor> = (0..5_u8)
        .map(|n| Descriptor::new(media_type.clone(), Digest::sha256(&[n]), size))
        .collect();
    let referrer = scene.manifest(layers, true);
    scene.shelf.manifest(&referrer);
    let outcome = scene.verify(&scene.request()).await.unwrap();
    let too_much = errors(&outcome)
        .iter()
        .filter(|error| matches!(error, CandidateError::TooMuch { .. }))
        .count();
    assert_eq!(too_much, 2);
}

#[tokio::test]
async fn an_index_under_the_tag_is_no_signature() {
    let mut scene = Scene::new();
    let index = Manifest::index(vec![scene.image.descriptor()]);
    scene.shelf.manifest(&index);
    let tag = scene.sig_tag();
    scene.shelf.tag(&tag, &index);
    let outcome = scene.verify(&scene.request()).await.unwrap();
    assert!(matches!(errors(&outcome)[..], [CandidateError::NoLayers]));
}

/// F9: what could not be read is not taken for absent.
#[tokio::test]
async fn trouble_with_the_registry_is_not_no_signature() {
    let mut scene = Scene::new();
    let bundle = scene.bundle(&scene.signature_statement(&[]));
    let referrer = scene.attach_bundle(&bundle, None);
    let digest = referrer.digest().to_string();
    let blob = referrer.children().nth(1).unwrap().digest.to_string();
    let list = scene.image.digest().to_string();
    let tag = scene.sig_tag();
    for path in [digest, blob, format!("referrers/{list}"), tag] {
        for status in [429, 500, 503] {
            let mut faulty = scene.shelf.clone();
            faulty.fault(&path, status);
            let server = Server::start(faulty).await;
            let name = format!("app@{}", scene.image.digest());
            let outcome = verify(&place(&server.host, &name), &scene.request())
                .await
                .unwrap();
            match outcome.verified() {
                Ok(verified) => assert!(path.ends_with(".sig") && verified.len() == 1),
                Err(failure) => assert_eq!(failure, &VerifyFailure::Incomplete, "{path}"),
            }
            let other = verify(&place(&server.host, &name), &by_key(&key("cosign31")))
                .await
                .unwrap();
            assert_eq!(failure(&other), &VerifyFailure::Incomplete);
        }
    }
}

/// A list that clients keep can name what was deleted.
#[tokio::test]
async fn a_referrer_that_is_gone_is_no_trouble() {
    let mut scene = Scene::new();
    let bundle = scene.bundle(&scene.signature_statement(&[("n", "1")]));
    let gone = scene.attach_bundle(&bundle, None);
    scene.shelf.remove_manifest(&gone);
    let outcome = scene.verify(&scene.request()).await.unwrap();
    assert_eq!(
        failure(&outcome),
        &VerifyFailure::NoneMatched { candidates: 1 }
    );
    let bundle = scene.bundle(&scene.signature_statement(&[]));
    scene.attach_bundle(&bundle, None);
    let outcome = scene.verify(&scene.request()).await.unwrap();
    assert_eq!(outcome.verified().unwrap().len(), 1);
}

/// A flood of referrers of other types neither hides a signature nor is read without end.
#[tokio::test]
async fn a_flood_of_referrers_is_cut_and_counted() {
    let mut scene = Scene::new();
    let other = MediaType::parse("application/vnd.example.other").unwrap();
    let entry = |n: usize| Descriptor {
        artifact_type: Some(other.clone()),
        ..Descriptor::new(
            MediaType::OCI_MANIFEST,
            Digest::sha256(&n.to_be_bytes()),
            100,
        )
    };
    let flood: Vec<Descriptor> = (0..=limits::REFERRERS).map(entry).collect();
    let bundle = scene.bundle(&scene.signature_statement(&[]));
    let signature = scene.attach_bundle(&bundle, None);
    let mut entries = flood;
    entries.push(signature.referrer_entry());
    scene.shelf.list_referrers(&scene.image, entries);
    let outcome = scene.verify(&scene.request()).await.unwrap();
    assert_eq!(outcome.verified().unwrap().len(), 1);
    let outcome = scene.verify(&by_key(&key("cosign31"))).await.unwrap();
    assert_eq!(failure(&outcome), &VerifyFailure::Incomplete);
    let referrers = outcome
        .sources()
        .iter()
        .find(|source| source.kind == SourceKind::Referrers)
        .unwrap();
    assert_eq!(referrers.unopened, 2);
}

#[tokio::test]
async fn a_signature_of_another_image_is_refused() {
    let mut scene = Scene::new();
    let other = SimpleSigning::new(
        "app",
        &pki::digest::Sha256::of(b"other"),
        &Default::default(),
    );
    let signature = scene.sign(other.raw());
    let media_type = MediaType::parse(sigstore::simple_signing::MEDIA_TYPE).unwrap();
    let mut layer = scene.shelf.blob(media_type, other.raw());
    layer
        .annotations
        .insert(sigstore::legacy::SIGNATURE.to_owned(), base64(&signature));
    scene.tag_signatures(vec![layer]);
    let statement = scene.signature_statement(&[]);
    let other = statement.replace(
        &scene.digest().to_string(),
        &pki::digest::Sha256::of(b"other").to_string(),
    );
    let bundle = scene.bundle(&other);
    scene.attach_bundle(&bundle, Some(COSIGN_SIGNATURE));
    let outcome = scene.verify(&scene.request()).await.unwrap();
    assert_eq!(
        failure(&outcome),
        &VerifyFailure::NoneMatched { candidates: 2 }
    );
    for judged in outcome.judged() {
        assert!(matches!(
            judged.judgement,
            Judgement::Refused {
                refusal: Refusal::Artifact { .. },
                ..
            }
        ));
    }
    // Without claims, the older form says that somebody signed something; the result does not say what. A bundle is
    // always about the image.
    let mut request = scene.request();
    request.claims = Claims::Waived;
    let outcome = scene.verify(&request).await.unwrap();
    let verified = outcome.verified().unwrap();
    assert_eq!(verified.len(), 1);
    assert_eq!(verified[0].claims(), Claims::Waived);
}

/// Other producers sign the manifest itself; by its digest, it has to be fetched for that.
#[tokio::test]
async fn a_signature_over_the_manifest_itself() {
    let mut scene = Scene::new();
    let bundle = scene.bundle_of(Content::Message(MessageSignature {
        digest: None,
        signature: scene.sign(scene.image.bytes()),
    }));
    scene.attach_bundle(&bundle, None);
    let server = Server::start(scene.shelf.clone()).await;
    for name in ["app:1".to_owned(), format!("app@{}", scene.image.digest())] {
        let outcome = verify(&place(&server.host, &name), &scene.request())
            .await
            .unwrap();
        assert_eq!(outcome.verified().unwrap().len(), 1);
        let request = attested(scene.request(), None);
        let outcome = verify(&place(&server.host, &name), &request).await.unwrap();
        assert_eq!(failure(&outcome), &none(&[], false));
    }
}

#[tokio::test]
async fn a_signature_in_files() {
    let scene = Scene::new();
    let server = Server::start(scene.shelf.clone()).await;
    let place = place(&server.host, "app:1");
    let reference = docker_reference(place.repository().unwrap());
    let payload = SimpleSigning::new(&reference, &scene.digest(), &Default::default());
    let mut request = scene.request();
    for (signed, given) in [
        (payload.raw().to_vec(), None),
        (payload.raw().to_vec(), Some(payload.raw().to_vec())),
    ] {
        request.given = Some(GivenSignature {
            signature: scene.sign(&signed),
            payload: given,
        });
        let outcome = verify(&place, &request).await.unwrap();
        assert_eq!(outcome.verified().unwrap().len(), 1);
    }
    request.given = Some(GivenSignature {
        signature: scene.sign(b"another payload"),
        payload: None,
    });
    let outcome = verify(&place, &request).await.unwrap();
    assert_eq!(
        failure(&outcome),
        &VerifyFailure::NoneMatched { candidates: 1 }
    );
}

/// F10: nothing stops at the first failure, and there is a result for each.
#[tokio::test]
async fn many_images_have_a_result_each() {
    let mut scene = Scene::new();
    let layer = scene.layer(&[]);
    scene.tag_signatures(vec![layer]);
    let server = Server::start(scene.shelf.clone()).await;
    let registry = support::registry(&server.host);
    let places: Vec<_> = (0..40)
        .map(|n| {
            let tag = if n % 4 == 1 { "absent" } else { "1" };
            let reference = format!("{}/app{n}:{tag}", server.host);
            let reference = oci::Reference::parse(&reference).unwrap();
            signing::Place::registry(registry.clone(), &reference).unwrap()
        })
        .collect();
    let mut seen = Vec::new();
    let results = verify_images(
        &places,
        &scene.request(),
        &TRUST,
        now(),
        8,
        |index, result| seen.push((index, result.is_ok())),
    )
    .await;
    assert_eq!(results.len(), 40);
    seen.sort_unstable();
    for (n, result) in results.iter().enumerate() {
        assert_eq!(seen[n], (n, result.is_ok()));
        match result {
            Ok(outcome) => {
                let verified = outcome.verified().unwrap();
                let repository = verified[0].repository().unwrap();
                assert_eq!(repository.path().as_str(), format!("app{n}"));
            }
            Err(VerifyError::NoSuchImage(_)) => assert_eq!(n % 4, 1),
            Err(error) => panic!("{n}: {error}"),
        }
    }
}

/// Signatures of all images in one repository (`COSIGN_REPOSITORY`).
#[tokio::test]
async fn signatures_in_another_repository() {
    let mut scene = Scene::new();
    let images = Server::start(scene.shelf.clone()).await;
    let layer = scene.layer(&[]);
    scene.tag_signatures(vec![layer]);
    let signatures = Server::start(scene.shelf.clone()).await;
    let place = place(&images.host, "app:1");
    let outcome = verify(&place, &scene.request()).await.unwrap();
    assert_eq!(failure(&outcome), &none(&[], false));
    let repository = oci::Reference::parse(&format!("{}/signatures", signatures.host))
        .unwrap()
        .repository()
        .clone();
    let place = place.with_attachments(signing::Remote {
        registry: support::registry(&signatures.host),
        repository,
    });
    let outcome = verify(&place, &scene.request()).await.unwrap();
    assert_eq!(outcome.verified().unwrap().len(), 1);
}
