//! CI/CD variables of GitLab, by its documented interface.

use std::collections::BTreeMap;
use std::sync::Mutex;

use kms::{
    KeyReference, Service, ServiceError, Setting, Settings, StoredKeyFile, StoredPrivateKey,
    fetch_stored_private_key, fetch_stored_public_key, store_key,
};
use pki::signing::{KeyAlgorithm, SigningKey};
use serde_json::json;
use testkit::WebServer;

use crate::is_missing_key;

fn place(text: &str) -> StoredKeyFile {
    match KeyReference::parse(text).unwrap() {
        KeyReference::Stored(place) => place,
        other => panic!("{other:?}"),
    }
}

/// A GitLab with one owner of variables: `projects/team%2Fapp` or `groups/team`.
fn server(owner: &'static str) -> WebServer {
    let variables = Mutex::new(BTreeMap::<String, String>::new());
    WebServer::start(move |asked| {
        if asked.header("private-token") != "glpat-secret" {
            return (401, json!({ "message": "401 Unauthorized" }));
        }
        let missing = (404, json!({ "message": "404 Not Found" }));
        let path = asked.path.strip_prefix("/git/api/v4/").unwrap();
        let Some(rest) = path.strip_prefix(owner) else {
            return missing;
        };
        let mut variables = variables.lock().unwrap();
        match (asked.method.as_str(), rest) {
            ("GET", "") => (200, json!({ "id": 1 })),
            ("POST", "/variables") => {
                let body = asked.json();
                let text = |name: &str| body[name].as_str().unwrap().to_owned();
                if variables.insert(text("key"), text("value")).is_some() {
                    return (400, json!({ "message": "key has already been taken" }));
                }
                (201, json!({}))
            }
            (_, rest) => match variables.get(rest.strip_prefix("/variables/").unwrap()) {
                Some(value) => (200, json!({ "value": value })),
                None => missing,
            },
        }
    })
}

fn settings(server: &WebServer) -> Settings {
    let mut settings = crate::settings();
    settings.gitlab.address = Some(format!("{}/git", server.address));
    settings.gitlab.token = Some("glpat-secret".to_owned().into());
    settings
}

#[tokio::test]
async fn what_is_stored_is_found_again() {
    let key = SigningKey::generate(KeyAlgorithm::EcdsaP256)
        .unwrap()
        .verifying_key();
    for (owner, reference) in [
        ("projects/team%2Fapp", "gitlab://team/app"),
        ("groups/team", "gitlab://team"),
    ] {
        let server = server(owner);
        let (settings, place) = (settings(&server), place(reference));
        let missing = fetch_stored_private_key(&place, &settings)
            .await
            .unwrap_err();
        assert!(is_missing_key(&missing, Service::GitLab), "{missing:?}");
        let private = StoredPrivateKey {
            pem: "a private key".to_owned().into(),
            password: "a password".to_owned().into(),
        };
        store_key(&place, &private, &key, &settings).await.unwrap();
        let found = fetch_stored_private_key(&place, &settings).await.unwrap();
        assert_eq!(
            (found.pem, found.password),
            (private.pem.clone(), private.password.clone())
        );
        let found = fetch_stored_public_key(&place, &settings).await.unwrap();
        assert_eq!(found, key);
        // What is there is not replaced.
        assert!(matches!(
            store_key(&place, &private, &key, &settings).await,
            Err(ServiceError::Answer { status: 400, .. })
        ));
    }
}

#[tokio::test]
async fn refusals() {
    let server = server("projects/other");
    let good = settings(&server);
    let app = place("gitlab://team/app");
    let error = fetch_stored_public_key(&app, &good).await.unwrap_err();
    assert!(is_missing_key(&error, Service::GitLab), "{error:?}");
    let mut wrong = good.clone();
    wrong.gitlab.token = Some("other".to_owned().into());
    assert!(matches!(
        fetch_stored_public_key(&app, &wrong).await,
        Err(ServiceError::Denied { status: 401, message, .. }) if message == "401 Unauthorized"
    ));
    wrong.gitlab.token = None;
    assert!(matches!(
        fetch_stored_public_key(&app, &wrong).await,
        Err(ServiceError::Missing {
            setting: Setting::GitLabToken
        })
    ));
    wrong = good.clone();
    wrong.gitlab.address = None;
    assert!(matches!(
        fetch_stored_public_key(&app, &wrong).await,
        Err(ServiceError::Missing {
            setting: Setting::GitLabAddress
        })
    ));
    for (reference, name) in [("k8s://space/name", "k8s"), ("github://team", "github")] {
        assert!(matches!(
            fetch_stored_private_key(&place(reference), &good).await,
            Err(ServiceError::UnsupportedStore { scheme }) if scheme == name
        ));
    }
}
