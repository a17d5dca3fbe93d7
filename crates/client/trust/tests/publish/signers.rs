//! Signers: added, removed, and what their keys may still release.

use pki::signing::SigningKey;
use trust::TrustError;
use tuf::Refusal;

use crate::common::{Home, Server, now};
use crate::{add, fixed, forget_key, initialise, load_key, posts, remove, sign, signer, tags};

#[tokio::test]
async fn adding_a_signer_is_idempotent() {
    let server = Server::start().await;
    let home = Home::new(&server);
    let key = || {
        SigningKey::generate_ecdsa_p256()
            .unwrap()
            .public_key()
            .clone()
    };
    let (one, two) = (key(), key());
    let first = add(&home, "r.example/a", "jeff", std::slice::from_ref(&one))
        .await
        .unwrap();
    assert!(first.initialised.is_some() && first.outcome.is_new);
    assert_eq!(
        posts(&server.requests()),
        1,
        "initialised and added in one publish"
    );
    let again = add(&home, "r.example/a", "jeff", std::slice::from_ref(&one))
        .await
        .unwrap();
    assert!(again.files.is_empty() && again.outcome.added.is_empty());
    let more = add(&home, "r.example/a", "jeff", &[one.clone(), two.clone()])
        .await
        .unwrap();
    assert_eq!(more.outcome.added, [two.canonical_id().unwrap()]);
    let inspection = home
        .repository("r.example/a")
        .inspect(None, now())
        .await
        .unwrap();
    assert_eq!(inspection.signers.len(), 1);
    assert_eq!(
        inspection.signers[0].keys,
        [one, two].map(|key| key.canonical_id().unwrap())
    );
}

#[tokio::test]
async fn a_failed_addition_is_not_published_later() {
    let server = Server::start().await;
    let home = Home::new(&server);
    initialise(&home, "r.example/a").await.unwrap();
    let key = || {
        SigningKey::generate_ecdsa_p256()
            .unwrap()
            .public_key()
            .clone()
    };
    let (mut wrong, mut observer) = (fixed("wrong"), ());
    let mut session = home.client.session(&mut wrong, &mut observer, now());
    home.repository("r.example/a")
        .add_signer(&signer("eve"), &[key()], &mut session)
        .await
        .unwrap_err();
    add(&home, "r.example/a", "bob", &[key()]).await.unwrap();
    let inspection = home
        .repository("r.example/a")
        .inspect(None, now())
        .await
        .unwrap();
    assert_eq!(
        inspection
            .signers
            .iter()
            .map(|s| s.name.as_str())
            .collect::<Vec<_>>(),
        ["bob"]
    );
}

#[tokio::test]
async fn removing_a_signer_keeps_the_releases_verifiable() {
    let server = Server::start().await;
    let home = Home::new(&server);
    let (amy, jeff) = (load_key(&home, "amy"), load_key(&home, "jeff"));
    add(&home, "r.example/a", "amy", std::slice::from_ref(&amy))
        .await
        .unwrap();
    add(&home, "r.example/a", "jeff", std::slice::from_ref(&jeff))
        .await
        .unwrap();
    forget_key(&home, &jeff);
    sign(&home, "r.example/a", &[("1", "one")]).await.unwrap();

    // Only amy signed the releases and only her key is here: without her nobody could verify them.
    let error = remove(&home, "r.example/a", "amy", false)
        .await
        .unwrap_err();
    assert!(
        matches!(error, TrustError::LastSigner { ref signer, .. } if signer == "amy"),
        "{error:?}"
    );
    assert_eq!(
        home.repository("r.example/a")
            .inspect(None, now())
            .await
            .unwrap()
            .signers
            .len(),
        2
    );

    // Another signer never signed: taking him away harms nobody.
    let gone = remove(&home, "r.example/a", "jeff", false).await.unwrap();
    assert!(!gone.outcome.releases_signed_anew && !gone.outcome.releases_broken);
    assert_eq!(gone.outcome.withdrawn, [jeff.canonical_id().unwrap()]);
    assert_eq!(
        tags(&home, "r.example/a").await,
        [("1".into(), "amy".into())]
    );

    // A signer whose key is here takes over.
    let bob = load_key(&home, "bob");
    add(&home, "r.example/a", "bob", std::slice::from_ref(&bob))
        .await
        .unwrap();
    let gone = remove(&home, "r.example/a", "amy", false).await.unwrap();
    assert!(gone.outcome.releases_signed_anew);
    assert_eq!(
        tags(&home, "r.example/a").await,
        [("1".into(), String::new())]
    );

    // The last one only by force; then the releases are gone until somebody signs again.
    let error = remove(&home, "r.example/a", "bob", false)
        .await
        .unwrap_err();
    assert!(matches!(error, TrustError::LastSigner { .. }));
    assert!(
        remove(&home, "r.example/a", "bob", true)
            .await
            .unwrap()
            .outcome
            .releases_broken
    );
    let inspection = home
        .repository("r.example/a")
        .inspect(None, now())
        .await
        .unwrap();
    assert!(inspection.tags.is_empty() && inspection.signers.is_empty());
    assert!(matches!(
        inspection.skipped[0],
        (_, Refusal::ThresholdUnmet { .. })
    ));
    let error = sign(&home, "r.example/a", &[("1", "one")])
        .await
        .unwrap_err();
    assert!(matches!(error, TrustError::NoDelegationKeys { .. }));

    // A new signer begins the releases anew: nobody answers for what was there.
    let carol = load_key(&home, "carol");
    add(&home, "r.example/a", "carol", std::slice::from_ref(&carol))
        .await
        .unwrap();
    let done = sign(&home, "r.example/a", &[("9", "nine")]).await.unwrap();
    assert_eq!(done.outcome.reset.len(), 1);
    assert_eq!(
        tags(&home, "r.example/a").await,
        [("9".into(), "carol".into())]
    );
}

#[tokio::test]
async fn a_shared_key_may_still_release() {
    let server = Server::start().await;
    let home = Home::new(&server);
    let (own, shared) = (load_key(&home, "own"), load_key(&home, "shared"));
    add(&home, "r.example/a", "amy", &[own.clone(), shared.clone()])
        .await
        .unwrap();
    add(&home, "r.example/a", "jeff", std::slice::from_ref(&shared))
        .await
        .unwrap();
    let gone = remove(&home, "r.example/a", "amy", false)
        .await
        .unwrap()
        .outcome;
    assert_eq!(gone.withdrawn, [own.canonical_id().unwrap()]);
    assert_eq!(gone.shared, [shared.canonical_id().unwrap()]);
    let done = sign(&home, "r.example/a", &[("1", "one")]).await.unwrap();
    assert_eq!(done.outcome.roles.len(), 2, "jeff and the releases");
    let error = remove(&home, "r.example/a", "nobody", false)
        .await
        .unwrap_err();
    assert!(matches!(error, TrustError::NoSuchSigner { .. }));
    let error = remove(&home, "r.example/none", "nobody", false)
        .await
        .unwrap_err();
    assert!(matches!(error, TrustError::NotInitialised { .. }));
}
