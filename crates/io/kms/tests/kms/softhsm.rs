//! Keys on a token of SoftHSM.
#![allow(
    clippy::disallowed_methods,
    reason = "the inner tests are told by a variable where the token is"
)]

use kms::{Pkcs11Error, Service, ServiceError, Setting, Settings};
use pki::keyfile::KeyBlock;
use pki::signature::{HashAlgorithm, Scheme};
use pki::signing::{KeyAlgorithm, SigningKey};
use testkit::{Peers, SoftHsm};

use crate::{is_missing_key, open, signs_with_every_scheme};

const KINDS: [(&str, KeyAlgorithm); 5] = [
    ("p256", KeyAlgorithm::EcdsaP256),
    ("p384", KeyAlgorithm::EcdsaP384),
    ("p521", KeyAlgorithm::EcdsaP521),
    ("ed25519", KeyAlgorithm::Ed25519),
    ("rsa", KeyAlgorithm::Rsa2048),
];

/// Settings with module and PIN, for an inner test.
fn settings() -> Settings {
    let mut settings = crate::settings();
    settings.pkcs11.module_path = Some(std::env::var_os("SOFTHSM_MODULE").unwrap().into());
    settings.pkcs11.pin = Some(SoftHsm::PIN.to_owned().into());
    settings
}

fn uri(rest: &str) -> String {
    format!("pkcs11:token=a%20token;{rest}")
}

fn public_file(label: &str) -> std::path::PathBuf {
    let configuration = std::env::var_os(SoftHsm::CONFIGURATION).unwrap();
    std::path::Path::new(&configuration).with_file_name(format!("{label}.pub"))
}

/// A token with one key of each kind, imported, and the public halves beside it.
fn token_with_keys(peers: &Peers) -> SoftHsm {
    let token = SoftHsm::new(peers);
    for (number, (label, algorithm)) in KINDS.into_iter().enumerate() {
        let key = SigningKey::generate(algorithm).unwrap();
        token.import(
            label,
            &format!("a{number}"),
            &KeyBlock::plain(&key).to_pem(),
        );
        let file = token.configuration().with_file_name(format!("{label}.pub"));
        std::fs::write(file, key.verifying_key().to_pem()).unwrap();
    }
    token
}

#[test]
fn imported_keys_of_every_kind_sign() {
    let Some(peers) = Peers::locate_with("SOFTHSM_MODULE") else {
        return;
    };
    token_with_keys(&peers).run_test("softhsm::inside_imported_keys");
}

#[tokio::test]
#[ignore = "started by imported_keys_of_every_kind_sign"]
async fn inside_imported_keys() {
    for (number, (label, _)) in KINDS.into_iter().enumerate() {
        let text = std::fs::read(public_file(label)).unwrap();
        let expected = pki::signature::VerifyingKey::from_pem(&text).unwrap();
        for name in [format!("object={label}"), format!("id=%a{number}")] {
            let service = open(&uri(&name), &settings());
            assert_eq!(service.service(), Service::Pkcs11);
            signs_with_every_scheme(service.as_ref(), &expected).await;
        }
    }
    let service = open(&uri("object=p256"), &settings());
    let scheme = Scheme::RsaPkcs1v15(HashAlgorithm::Sha256);
    assert!(matches!(
        service.sign(scheme, b"message").await,
        Err(ServiceError::UnsupportedScheme { .. })
    ));
    names_that_do_not_fit().await;
}

async fn names_that_do_not_fit() {
    let error = |text: String| async move { open(&text, &settings()).key().await.unwrap_err() };
    let missing = error(uri("object=other")).await;
    assert!(is_missing_key(&missing, Service::Pkcs11), "{missing:?}");
    // Of identifier and label both must fit.
    let missing = error(uri("object=p256;id=%a1")).await;
    assert!(is_missing_key(&missing, Service::Pkcs11), "{missing:?}");
    for text in [
        "pkcs11:token=other;object=p256",
        "pkcs11:token=a%20token;serial=0;object=p256",
        "pkcs11:slot-id=4242;object=p256",
    ] {
        match error(text.to_owned()).await {
            ServiceError::Pkcs11(Pkcs11Error::TokenNotFound { labels }) => {
                assert!(labels.contains(&SoftHsm::TOKEN.to_owned()), "{labels:?}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_pin_is_needed_to_sign_and_a_wrong_one_is_told() {
    let Some(peers) = Peers::locate_with("SOFTHSM_MODULE") else {
        return;
    };
    let token = token_with_keys(&peers);
    // A login holds for the whole program, so each of these has one of its own.
    for name in ["no_pin", "wrong_pin", "pin_of_a_file", "pin_in_the_uri"] {
        token.run_test(&format!("softhsm::inside_{name}"));
    }
}

#[tokio::test]
#[ignore = "started by a_pin_is_needed_to_sign_and_a_wrong_one_is_told"]
async fn inside_no_pin() {
    let mut settings = settings();
    settings.pkcs11.pin = None;
    let service = open(&uri("object=p256"), &settings);
    // The public half is public.
    let key = service.key().await.unwrap();
    assert!(matches!(
        service.sign(key.scheme(), b"message").await,
        Err(ServiceError::Pkcs11(Pkcs11Error::PinNeeded { token })) if token == SoftHsm::TOKEN
    ));
    let service = open(&uri("object=other"), &settings);
    assert!(matches!(
        service.key().await,
        Err(ServiceError::Pkcs11(Pkcs11Error::PinNeeded { .. }))
    ));
}

#[tokio::test]
#[ignore = "started by a_pin_is_needed_to_sign_and_a_wrong_one_is_told"]
async fn inside_wrong_pin() {
    let mut settings = settings();
    settings.pkcs11.pin = Some("00000".to_owned().into());
    assert!(matches!(
        open(&uri("object=p256"), &settings).key().await,
        Err(ServiceError::Pkcs11(Pkcs11Error::PinWrong))
    ));
}

#[tokio::test]
#[ignore = "started by a_pin_is_needed_to_sign_and_a_wrong_one_is_told"]
async fn inside_pin_of_a_file() {
    let mut settings = settings();
    settings.pkcs11.pin = Some("00000".to_owned().into());
    let file = public_file("pin");
    std::fs::write(&file, format!("{}\n", SoftHsm::PIN)).unwrap();
    let text = uri(&format!("object=p256?pin-source=file:{}", file.display()));
    let service = open(&text, &settings);
    let scheme = service.key().await.unwrap().scheme();
    service.sign(scheme, b"message").await.unwrap();
    // One byte over the limit: refused, not cut to what would be the PIN.
    let blanks = "\n".repeat(4097 - SoftHsm::PIN.len());
    std::fs::write(&file, format!("{}{blanks}", SoftHsm::PIN)).unwrap();
    assert!(matches!(
        kms::open(&crate::reference(&text), &settings),
        Err(ServiceError::Pkcs11(Pkcs11Error::PinSource { source, .. }))
            if source.kind() == std::io::ErrorKind::FileTooLarge
    ));
    let text = uri("object=p256?pin-source=/no/such/file");
    assert!(matches!(
        kms::open(&crate::reference(&text), &settings),
        Err(ServiceError::Pkcs11(Pkcs11Error::PinSource { .. }))
    ));
}

#[tokio::test]
#[ignore = "started by a_pin_is_needed_to_sign_and_a_wrong_one_is_told"]
async fn inside_pin_in_the_uri() {
    let mut settings = settings();
    settings.pkcs11.pin = None;
    let module = settings.pkcs11.module_path.take().unwrap();
    let text = uri(&format!(
        "object=p256?module-path={}&pin-value={}",
        module.display(),
        SoftHsm::PIN
    ));
    let service = open(&text, &settings);
    let scheme = service.key().await.unwrap().scheme();
    service.sign(scheme, b"message").await.unwrap();
}

#[test]
fn keys_are_made_on_the_token() {
    let Some(peers) = Peers::locate_with("SOFTHSM_MODULE") else {
        return;
    };
    SoftHsm::new(&peers).run_test("softhsm::inside_made_keys");
}

#[tokio::test]
#[ignore = "started by keys_are_made_on_the_token"]
async fn inside_made_keys() {
    for (label, algorithm) in KINDS {
        let service = open(&uri(&format!("object={label}")), &settings());
        let error = service.key().await.unwrap_err();
        assert!(is_missing_key(&error, Service::Pkcs11), "{error:?}");
        let made = service.create(algorithm).await.unwrap();
        signs_with_every_scheme(service.as_ref(), &made.verifying_key).await;
        // What is there stays.
        assert_eq!(service.create(KeyAlgorithm::EcdsaP256).await.unwrap(), made);
        let again = open(&uri(&format!("object={label}")), &settings());
        assert_eq!(again.create(KeyAlgorithm::EcdsaP256).await.unwrap(), made);
    }
}

#[tokio::test]
async fn a_module_that_is_none_is_refused() {
    let mut settings = crate::settings();
    let text = uri("object=o");
    let missing = |settings: &Settings| kms::open(&crate::reference(&text), settings).unwrap_err();
    assert!(matches!(
        missing(&settings),
        ServiceError::Missing {
            setting: Setting::Pkcs11Module
        }
    ));
    settings.pkcs11.module_path = Some("relative.so".into());
    assert!(matches!(
        missing(&settings),
        ServiceError::Unusable {
            setting: Setting::Pkcs11Module
        }
    ));
    for file in ["/no/such/module.so", "/etc/passwd"] {
        settings.pkcs11.module_path = Some(file.into());
        match open(&text, &settings).key().await {
            Err(ServiceError::Pkcs11(Pkcs11Error::Module { path, .. })) => {
                assert_eq!(path, std::path::Path::new(file));
            }
            other => panic!("{other:?}"),
        }
    }
}
