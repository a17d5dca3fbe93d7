//! Services that keep keys: SoftHSM itself, the others by the protocol that they document.
#![allow(
    clippy::unwrap_used,
    reason = "a service that does not answer as expected fails the test"
)]

mod answers;
mod aws;
mod azure;
mod gitlab;
mod google;
mod plugin;
mod softhsm;
mod variables;
mod vault;

use kms::{
    KeyReference, Service, ServiceError, ServiceReference, Setting, Settings, SigningService,
};
use net::{Client, Config};

fn reference(text: &str) -> ServiceReference {
    match KeyReference::parse(text).unwrap() {
        KeyReference::Service(reference) => reference,
        other => panic!("{text}: {other:?}"),
    }
}

fn settings() -> Settings {
    let client = Client::new(Config::new("countersign-test")).unwrap();
    Settings::new(client, "2026-08-20T12:00:00Z".parse().unwrap())
}

fn open(text: &str, settings: &Settings) -> Box<dyn SigningService> {
    kms::open(&reference(text), settings).unwrap()
}

/// The setting for which a service is not opened, after a change of good ones.
fn refused(text: &str, good: &Settings, change: impl FnOnce(&mut Settings)) -> Setting {
    let mut settings = good.clone();
    change(&mut settings);
    match kms::open(&reference(text), &settings) {
        Err(ServiceError::Missing { setting } | ServiceError::Unusable { setting }) => setting,
        other => panic!("{other:?}"),
    }
}

/// Signs with every scheme that the key has; each signature is verified by the service's own wrapper, and here once
/// more under the key that is expected.
async fn signs_with_every_scheme(
    service: &dyn SigningService,
    expected: &pki::signature::VerifyingKey,
) {
    let key = service.key().await.unwrap();
    assert_eq!(&key.verifying_key, expected);
    assert_eq!(key.scheme(), expected.default_scheme());
    for scheme in key.schemes {
        let signature = service.sign(scheme, b"message").await.unwrap();
        let _valid = expected.verify(scheme, b"message", &signature).unwrap();
    }
}

fn is_missing_key(error: &ServiceError, service: Service) -> bool {
    matches!(error, ServiceError::KeyNotFound { service: found, .. } if *found == service)
}
