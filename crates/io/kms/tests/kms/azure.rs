//! Azure Key Vault by its documented interface; the server keeps real keys.

use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kms::{AzureCredentials, Service, ServiceError, Setting, Settings};
use pki::signature::{HashAlgorithm, Scheme, VerifyingKey, VerifyingKeyKind};
use pki::signing::{KeyAlgorithm, SigningKey};
use serde_json::{Value, json};
use testkit::{Asked, WebServer};

use crate::{is_missing_key, open, refused, signs_with_every_scheme};

const REFERENCE: &str = "azurekms://team.vault.azure.net/release";
const VERSION: &str = "78deebed173b48e48f55abf87ed4cf71";

fn settings(server: &WebServer) -> Settings {
    let mut settings = crate::settings();
    settings.azure.vault_address = Some(server.address.clone());
    settings.azure.authority = Some(server.address.clone());
    settings.azure.credentials = Some(AzureCredentials::ClientSecret {
        tenant: "tenant1".to_owned(),
        client_id: "client1".to_owned(),
        client_secret: "s+&=".to_owned().into(),
    });
    settings
}

fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// RFC 7517 of a key, taken from the end of its SubjectPublicKeyInfo.
fn json_web_key(key: &VerifyingKey) -> Value {
    let spki = key.spki_der();
    let kid = format!("https://team.vault.azure.net/keys/release/{VERSION}");
    match key.kind() {
        VerifyingKeyKind::Ecdsa(curve) => {
            let width = curve.field_bytes();
            let (x, y) = spki[spki.len() - 2 * width..].split_at(width);
            let crv = match width {
                32 => "P-256",
                48 => "P-384",
                _ => "P-521",
            };
            json!({ "kid": kid, "kty": "EC-HSM", "crv": crv, "x": text(x), "y": text(y) })
        }
        // The modulus of 2048 bits stands before INTEGER 65537 (5 bytes).
        _ => {
            let modulus = &spki[spki.len() - 5 - 256..spki.len() - 5];
            json!({ "kid": kid, "kty": "RSA", "n": text(modulus), "e": "AQAB" })
        }
    }
}

/// r‖s of a DER signature.
fn raw(der: &[u8], width: usize) -> Vec<u8> {
    // SEQUENCE, its length in one or two bytes, two INTEGERs with one byte of length each.
    let mut rest = &der[if der[1] == 0x81 { 3 } else { 2 }..];
    let mut raw = Vec::new();
    for _ in 0..2 {
        let length = usize::from(rest[1]);
        let number: Vec<u8> = rest[2..2 + length]
            .iter()
            .copied()
            .skip_while(|b| *b == 0)
            .collect();
        raw.extend(std::iter::repeat_n(0, width - number.len()));
        raw.extend(number);
        rest = &rest[2 + length..];
    }
    raw
}

fn sign(key: &SigningKey, body: &Value) -> Value {
    let scheme = match body["alg"].as_str().unwrap() {
        "ES256" => Scheme::Ecdsa(HashAlgorithm::Sha256),
        "ES384" => Scheme::Ecdsa(HashAlgorithm::Sha384),
        "ES512" => Scheme::Ecdsa(HashAlgorithm::Sha512),
        "RS256" => Scheme::RsaPkcs1v15(HashAlgorithm::Sha256),
        "RS384" => Scheme::RsaPkcs1v15(HashAlgorithm::Sha384),
        "RS512" => Scheme::RsaPkcs1v15(HashAlgorithm::Sha512),
        other => panic!("{other}"),
    };
    let digest = URL_SAFE_NO_PAD
        .decode(body["value"].as_str().unwrap())
        .unwrap();
    let signature = key.sign_digest_with(scheme, &digest).unwrap();
    let value = match key.verifying_key().kind() {
        VerifyingKeyKind::Ecdsa(curve) => raw(&signature, curve.field_bytes()),
        _ => signature,
    };
    json!({ "kid": "any", "value": text(&value) })
}

/// A vault that may have the key `release`; its token endpoint checks who asks with `check`.
fn server(key: Option<SigningKey>, check: impl Fn(&Asked) + Send + Sync + 'static) -> WebServer {
    let kept = Mutex::new(key);
    WebServer::start(move |asked| {
        if asked.line() == "POST /tenant1/oauth2/v2.0/token" {
            check(asked);
            return (200, json!({ "access_token": "fresh", "expires_in": 3599 }));
        }
        assert_eq!(asked.header("authorization"), "Bearer fresh");
        let mut kept = kept.lock().unwrap();
        let line = asked.line();
        let line = line.strip_suffix("?api-version=7.4").unwrap();
        if line == "POST /keys/release/create" {
            let body = asked.json();
            assert_eq!(
                (&body["kty"], &body["crv"]),
                (&json!("EC"), &json!("P-384"))
            );
            *kept = Some(SigningKey::generate(KeyAlgorithm::EcdsaP384).unwrap());
            return (200, json!({}));
        }
        let get = format!("GET /keys/release/{VERSION}");
        let post = format!("POST /keys/release/{VERSION}/sign");
        match kept.as_ref() {
            Some(key) if line == "GET /keys/release" || line == get => {
                (200, json!({ "key": json_web_key(&key.verifying_key()) }))
            }
            Some(key) if line == post => (200, sign(key, &asked.json())),
            _ => (
                404,
                json!({ "error": { "code": "KeyNotFound", "message": "no such key" } }),
            ),
        }
    })
}

fn secret_is_right(asked: &Asked) {
    let form = asked.form();
    assert_eq!(form["grant_type"], "client_credentials");
    assert_eq!(form["client_id"], "client1");
    assert_eq!(form["client_secret"], "s+&=");
    assert_eq!(form["scope"], "https://vault.azure.net/.default");
}

#[tokio::test]
async fn keys_of_every_kind_sign() {
    for algorithm in [
        KeyAlgorithm::EcdsaP256,
        KeyAlgorithm::EcdsaP384,
        KeyAlgorithm::EcdsaP521,
        KeyAlgorithm::Rsa2048,
    ] {
        let key = SigningKey::generate(algorithm).unwrap();
        let expected = key.verifying_key();
        let server = server(Some(key), secret_is_right);
        for reference in [REFERENCE.to_owned(), format!("{REFERENCE}/{VERSION}")] {
            let service = open(&reference, &settings(&server));
            assert_eq!(service.service(), Service::Azure);
            signs_with_every_scheme(service.as_ref(), &expected).await;
        }
        // One token for each of the two.
        let tokens = server
            .lines()
            .iter()
            .filter(|line| line.ends_with("/token"))
            .count();
        assert_eq!(tokens, 2);
    }
}

#[tokio::test]
async fn a_key_is_made_where_there_is_none() {
    let server = server(None, secret_is_right);
    let service = open(REFERENCE, &settings(&server));
    assert!(is_missing_key(
        &service.key().await.unwrap_err(),
        Service::Azure
    ));
    assert!(matches!(
        service.create(KeyAlgorithm::Ed25519).await,
        Err(ServiceError::UnsupportedAlgorithm { .. })
    ));
    let made = service.create(KeyAlgorithm::EcdsaP384).await.unwrap();
    signs_with_every_scheme(service.as_ref(), &made.verifying_key).await;
    assert_eq!(service.create(KeyAlgorithm::EcdsaP384).await.unwrap(), made);
}

#[tokio::test]
async fn a_federated_token_and_a_ready_one() {
    let make = || SigningKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let server = server(Some(make()), |asked| {
        let form = asked.form();
        assert_eq!(
            form["client_assertion_type"],
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        );
        assert_eq!(form["client_assertion"], "a.b.c");
        assert!(!form.contains_key("client_secret"));
    });
    let mut settings = settings(&server);
    settings.azure.credentials = Some(AzureCredentials::FederatedToken {
        tenant: "tenant1".to_owned(),
        client_id: "client1".to_owned(),
        token: "a.b.c\n".to_owned().into(),
    });
    open(REFERENCE, &settings).key().await.unwrap();
    let before = server.asked().len();
    settings.azure.credentials = Some(AzureCredentials::AccessToken("fresh".to_owned().into()));
    open(REFERENCE, &settings).key().await.unwrap();
    // No token was asked for.
    assert_eq!(server.asked().len(), before + 1);
}

#[tokio::test]
async fn answers_that_do_not_fit_are_refused() {
    let key = SigningKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let right = json_web_key(&key.verifying_key());
    for (field, value, unsupported) in [
        ("kty", json!("oct"), true),
        ("crv", json!("P-256K"), true),
        ("crv", json!("P-384"), false),
        ("x", json!("AA"), false),
        ("y", json!(null), false),
        (
            "kid",
            json!("https://team.vault.azure.net/keys/release/"),
            false,
        ),
        (
            "kid",
            json!("https://team.vault.azure.net/keys/release/0123"),
            false,
        ),
    ] {
        let mut altered = right.clone();
        altered[field] = value;
        let server = WebServer::start(move |_| (200, json!({ "key": altered })));
        let mut settings = settings(&server);
        settings.azure.credentials = Some(AzureCredentials::AccessToken("t".to_owned().into()));
        match open(&format!("{REFERENCE}/{VERSION}"), &settings)
            .key()
            .await
        {
            Err(ServiceError::UnsupportedKey { .. }) if unsupported => {}
            Err(ServiceError::Malformed { .. }) if !unsupported => {}
            other => panic!("{field}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn settings_that_are_missing_or_no_use() {
    let server = WebServer::start(|_| (500, json!({})));
    let good = settings(&server);
    assert_eq!(
        refused(REFERENCE, &good, |all| all.azure.credentials = None),
        Setting::AzureCredentials
    );
    assert_eq!(
        refused(REFERENCE, &good, |all| all.azure.authority =
            Some("nowhere".to_owned())),
        Setting::AzureAuthority
    );
    // Of a bare name the audience is not known.
    assert_eq!(
        refused("azurekms://team/release", &good, |_| {}),
        Setting::AzureVault
    );
    assert!(server.asked().is_empty());
}
