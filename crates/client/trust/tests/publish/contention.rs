//! Several publishers, and servers that fail in the middle.

use std::sync::Arc;

use http::Method;
use tokio::sync::Barrier;
use trust::{RemoteError, TrustClient, TrustError, Unchanged};

use crate::common::{Fault, Home, Server, now, reference};
use crate::{PASSPHRASE, fixed, image, initialise, logged_in, posts, roles, sign, tag, tags};

#[tokio::test]
async fn two_publishers_at_once_both_land() {
    let server = Server::start().await;
    let home = logged_in(&server, "admin");
    sign(&home, "r.example/a", &[("1", "one")]).await.unwrap();
    let other = Home::new(&server);
    other.copy(&home.trust().join("private"), "private");
    home.repository("r.example/a").update(now()).await.unwrap();
    server.requests();
    // Both arrive before either is stored; the second try of the loser passes alone.
    server.lock().barrier = Some((Arc::new(Barrier::new(2)), 2));
    let (one, two) = ([("2", "two")], [("3", "three")]);
    let (first, second) = futures_util::future::join(
        sign(&home, "r.example/a", &one),
        sign(&other, "r.example/a", &two),
    )
    .await;
    first.unwrap();
    second.unwrap();
    let seen: Vec<_> = tags(&home, "r.example/a")
        .await
        .into_iter()
        .map(|(tag, _)| tag)
        .collect();
    assert_eq!(seen, ["1", "2", "3"]);
    assert_eq!(posts(&server.requests()), 3);
}

#[tokio::test]
async fn endless_contention_ends() {
    let server = Server::start().await;
    let home = logged_in(&server, "admin");
    sign(&home, "r.example/a", &[("1", "one")]).await.unwrap();
    home.repository("r.example/a").update(now()).await.unwrap();
    let before = home.files();
    server.requests();
    let version = r#"{"errors":[{"code":"VERSION","message":"A newer version of metadata is already available.","detail":{}}]}"#;
    server.fault(
        Method::POST,
        "/_trust/tuf/",
        Fault::Status(400, version),
        99,
    );
    let error = sign(&home, "r.example/a", &[("2", "two")])
        .await
        .unwrap_err();
    assert!(matches!(error, TrustError::Contended { attempts: 3, .. }));
    assert_eq!((posts(&server.requests()), home.files()), (3, before));
}

#[tokio::test]
async fn a_server_that_stores_and_then_fails_has_stored() {
    let server = Server::start().await;
    for fault in [Fault::StoredBut(500), Fault::StoreAndDrop] {
        let home = logged_in(&server, "admin");
        server.lock().repos.clear();
        server.fault(Method::POST, "/_trust/tuf/", fault, 1);
        sign(&home, "r.example/a", &[("1", "one")]).await.unwrap();
        assert_eq!(tags(&home, "r.example/a").await.len(), 1);
        assert_eq!(posts(&server.requests()), 1);
    }
}

#[tokio::test]
async fn a_server_that_fails_before_it_stores_is_asked_again_or_reported() {
    let server = Server::start().await;
    let home = logged_in(&server, "admin");
    sign(&home, "r.example/a", &[("1", "one")]).await.unwrap();
    server.fault(Method::POST, "/_trust/tuf/", Fault::Status(500, "{}"), 1);
    sign(&home, "r.example/a", &[("2", "two")]).await.unwrap();

    // One that always fails is named as the one who fails, not the others as faster.
    server.fault(Method::POST, "/_trust/tuf/", Fault::Status(503, "{}"), 3);
    let error = sign(&home, "r.example/a", &[("3", "three")])
        .await
        .unwrap_err();
    assert!(matches!(
        error.remote(),
        Some(RemoteError::Status { status: 503, .. })
    ));

    server.fault(Method::POST, "/_trust/tuf/", Fault::Drop, 1);
    let error = sign(&home, "r.example/a", &[("3", "three")])
        .await
        .unwrap_err();
    assert!(
        matches!(error, TrustError::OutcomeUnknown { .. }),
        "{error:?}"
    );
    assert!(matches!(error.remote(), Some(RemoteError::Network(_))));
    assert_eq!(tags(&home, "r.example/a").await.len(), 2);

    // Of a first publish nobody can say that it failed for good, so its keys are kept.
    let fresh = logged_in(&server, "admin");
    server.fault(Method::POST, "/_trust/tuf/", Fault::Drop, 1);
    let error = sign(&fresh, "r.example/new", &[("1", "one")])
        .await
        .unwrap_err();
    assert!(
        matches!(error, TrustError::OutcomeUnknown { .. }),
        "{error:?}"
    );
    assert_eq!(roles(&fresh), ["admin", "root", "targets"]);
}

#[tokio::test]
async fn a_locked_or_unwritable_folder_is_an_error() {
    let server = Server::start().await;
    let home = Home::with(&server, |config| {
        config.lock_wait = std::time::Duration::from_millis(60)
    });
    let held = home.client.keys().lock(std::time::Duration::ZERO).unwrap();
    let error = initialise(&home, "r.example/a").await.unwrap_err();
    assert!(matches!(
        error,
        TrustError::Keys(keystore::Error::Locked { .. })
    ));
    drop(held);
    assert!(server.requests().is_empty());

    let blocked = Home::with(&server, |config| {
        let file = config.trust_folder.with_file_name("file");
        std::fs::write(&file, "").unwrap();
        config.trust_folder = file;
    });
    let error = initialise(&blocked, "r.example/a").await.unwrap_err();
    assert!(matches!(error, TrustError::Keys(_)), "{error:?}");
}

#[tokio::test]
async fn a_publisher_needs_the_server_whatever_is_cached() {
    let server = Server::start().await;
    let home = logged_in(&server, "admin");
    sign(&home, "r.example/a", &[("1", "one")]).await.unwrap();
    home.repository("r.example/a").update(now()).await.unwrap();
    let before = home.files();
    server.fault(Method::GET, "timestamp.json", Fault::Status(503, ""), 1);
    let error = sign(&home, "r.example/a", &[("2", "two")])
        .await
        .unwrap_err();
    assert!(matches!(error, TrustError::RemoteNotCached { .. }));
    server.lock().repos.clear();
    let error = sign(&home, "r.example/a", &[("2", "two")])
        .await
        .unwrap_err();
    assert!(
        matches!(error, TrustError::Deleted { .. }),
        "a deleted repository is not silently made anew"
    );
    assert_eq!(home.files(), before);
    home.repository("r.example/a").forget().await.unwrap();
    let done = sign(&home, "r.example/a", &[("2", "two")]).await.unwrap();
    assert!(done.initialised.is_some());
}

#[tokio::test]
async fn two_processes_in_one_trust_folder_take_turns() {
    let server = Server::start().await;
    let home = logged_in(&server, "admin");
    sign(&home, "r.example/a", &[("1", "one")]).await.unwrap();
    let second = TrustClient::new(home.client.config().clone());
    let repository = second
        .repository(reference("r.example/a").repository())
        .unwrap();
    let images = [(tag("3"), image(&repository, "three"))];
    let (mut passphrases, mut observer) = (fixed(PASSPHRASE), ());
    let mut session = second.session(&mut passphrases, &mut observer, now());
    let tags_of_first = [("2", "two")];
    let both = futures_util::future::join(
        sign(&home, "r.example/a", &tags_of_first),
        repository.sign(&images, Unchanged::Resign, &mut session),
    );
    let (first, second) = both.await;
    first.unwrap();
    second.unwrap();
    assert_eq!(tags(&home, "r.example/a").await.len(), 3);
}
