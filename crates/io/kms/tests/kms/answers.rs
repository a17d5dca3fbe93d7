//! Answers that are too large or malformed, of every service.

use kms::{
    AwsCredentials, AzureCredentials, GoogleCredentials, KeyReference, ServiceError, Settings,
    fetch_stored_public_key, open,
};
use serde_json::{Value, json};
use testkit::WebServer;

const KEYS: [&str; 4] = [
    "awskms:///alias/release",
    "azurekms://team.vault.azure.net/release",
    "gcpkms://projects/p/locations/global/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1",
    "hashivault://release",
];

fn settings(server: &WebServer) -> Settings {
    let mut settings = crate::settings();
    let address = || Some(server.address.clone());
    let secret = || "secret".to_owned().into();
    settings.aws.endpoint = address();
    settings.aws.region = Some("eu-west-1".to_owned());
    settings.aws.credentials = Some(AwsCredentials {
        access_key_id: "AKID".to_owned(),
        secret_access_key: secret(),
        session_token: None,
    });
    settings.azure.vault_address = address();
    settings.azure.credentials = Some(AzureCredentials::AccessToken(secret()));
    settings.gitlab.address = address();
    settings.gitlab.token = Some(secret());
    settings.google.endpoint = address();
    settings.google.credentials = Some(GoogleCredentials::AccessToken(secret()));
    settings.vault.address = address();
    settings.vault.token = Some(secret());
    settings
}

/// What each service's client says of an answer, and that of the forge that keeps keys.
async fn said(status: u16, answer: Value) -> Vec<(&'static str, ServiceError)> {
    let server = WebServer::start(move |_| (status, answer.clone()));
    let settings = settings(&server);
    let mut said = Vec::new();
    for key in KEYS {
        let service = open(&crate::reference(key), &settings).unwrap();
        said.push((key, service.key().await.unwrap_err()));
    }
    let stored = "gitlab://team/app";
    let Ok(KeyReference::Stored(place)) = KeyReference::parse(stored) else {
        panic!("{stored} keeps keys");
    };
    let error = fetch_stored_public_key(&place, &settings).await;
    said.push((stored, error.unwrap_err()));
    said
}

#[tokio::test]
async fn an_answer_above_the_limit_is_not_read() {
    for status in [200, 403] {
        for (key, error) in said(status, "a".repeat(1 << 20).into()).await {
            assert!(
                matches!(
                    error,
                    ServiceError::Http {
                        source: net::Error::TooLarge { limit: 0x10_0000 },
                        ..
                    }
                ),
                "{key}: {error:?}"
            );
        }
    }
}

#[tokio::test]
async fn an_answer_of_another_shape_is_malformed() {
    let mut deep = json!(1);
    for _ in 0..120 {
        deep = json!([deep]);
    }
    for answer in [json!(null), json!([]), json!("key"), deep] {
        for (key, error) in said(200, answer.clone()).await {
            assert!(
                matches!(error, ServiceError::Malformed { .. }),
                "{key}: {error:?} of {answer}"
            );
        }
    }
}
