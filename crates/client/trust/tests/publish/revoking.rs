//! Tags taken out again, of every role that has them.

use trust::TrustError;
use tuf::Role;

use crate::common::{Home, Server};
use crate::{add, initialise, load_key, logged_in, revoke, sign, tags};

#[tokio::test]
async fn revoking_takes_a_tag_out_of_every_role() {
    let server = Server::start().await;
    let home = logged_in(&server, "admin");
    sign(
        &home,
        "r.example/a",
        &[("1", "one"), ("2", "two"), ("3", "three")],
    )
    .await
    .unwrap();
    let one = revoke(&home, "r.example/a", Some("1"))
        .await
        .unwrap()
        .outcome;
    assert_eq!(
        (one.tags, one.roles.len(), one.remaining.len()),
        (vec!["1".to_owned()], 2, 0)
    );
    let error = revoke(&home, "r.example/a", Some("1")).await.unwrap_err();
    assert!(matches!(error, TrustError::NotSigned { tag, .. } if tag == "1"));
    assert_eq!(
        revoke(&home, "r.example/a", None)
            .await
            .unwrap()
            .outcome
            .tags,
        ["2", "3"]
    );
    assert!(tags(&home, "r.example/a").await.is_empty());
    let error = revoke(&home, "r.example/a", None).await.unwrap_err();
    assert!(matches!(error, TrustError::NoSignedTags { .. }));
    let error = revoke(&home, "r.example/none", None).await.unwrap_err();
    assert!(matches!(error, TrustError::NotInitialised { .. }));
}

#[tokio::test]
async fn a_tag_that_would_stay_released_is_not_revoked() {
    let server = Server::start().await;
    let home = Home::new(&server);
    initialise(&home, "r.example/a").await.unwrap();
    sign(&home, "r.example/a", &[("1", "one")]).await.unwrap();
    let jeff = load_key(&home, "jeff");
    add(&home, "r.example/a", "jeff", std::slice::from_ref(&jeff))
        .await
        .unwrap();
    sign(&home, "r.example/a", &[("1", "one")]).await.unwrap();
    let stranger = Home::new(&server);
    stranger.copy(&home.trust().join("private"), "private");
    for key in stranger.client.keys().find_by_role("targets").unwrap() {
        std::fs::remove_file(key.path).unwrap();
    }
    let error = revoke(&stranger, "r.example/a", Some("1"))
        .await
        .unwrap_err();
    assert!(matches!(
        error,
        TrustError::MissingKeys {
            role: Role::Targets,
            ..
        }
    ));
    revoke(&home, "r.example/a", Some("1")).await.unwrap();
    assert!(tags(&home, "r.example/a").await.is_empty());
}
