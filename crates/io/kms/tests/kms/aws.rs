//! AWS KMS by its documented protocol; the server keeps real keys and checks every request.

use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kms::{AwsCredentials, Service, ServiceError, Setting, Settings};
use pki::digest::Sha256;
use pki::mac::hmac_sha256;
use pki::signature::{HashAlgorithm, Scheme};
use pki::signing::{KeyAlgorithm, SigningKey};
use serde_json::{Value, json};
use testkit::{Asked, WebServer};

use crate::{is_missing_key, open, refused, signs_with_every_scheme};

const ALIAS: &str = "alias/release";
const KEY_ID: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";
const ARN: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const SECRET: &str = "a/secret+access=key";

fn settings(server: &WebServer) -> Settings {
    let mut settings = crate::settings();
    settings.aws.region = Some("eu-west-1".to_owned());
    settings.aws.endpoint = Some(server.address.clone());
    settings.aws.credentials = Some(AwsCredentials {
        access_key_id: "AKIAEXAMPLE".to_owned(),
        secret_access_key: SECRET.to_owned().into(),
        session_token: Some("a-session-token".to_owned().into()),
    });
    settings
}

/// The signature computed once more from what arrived.
fn check_signature(asked: &Asked) {
    let names = "content-type;host;x-amz-date;x-amz-security-token;x-amz-target";
    let date = asked.header("x-amz-date");
    assert!(date.starts_with("20260820T12000"), "{date}");
    let lines: String = names
        .split(';')
        .map(|name| format!("{name}:{}\n", asked.header(name)))
        .collect();
    let body = Sha256::of(&asked.body);
    let canonical = format!("POST\n/\n\n{lines}\n{names}\n{body}");
    let scope = "20260820/eu-west-1/kms/aws4_request";
    let hash = Sha256::of(canonical.as_bytes());
    let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{hash}");
    let mut key = format!("AWS4{SECRET}").into_bytes();
    for part in scope.split('/') {
        key = hmac_sha256(&key, part.as_bytes()).as_bytes().to_vec();
    }
    let signature = hmac_sha256(&key, text.as_bytes());
    assert_eq!(
        asked.header("authorization"),
        format!(
            "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/{scope}, SignedHeaders={names}, Signature={signature}"
        )
    );
}

#[derive(Default)]
struct Keys {
    /// The one key, if it was made, and whether the alias leads to it.
    key: Mutex<Option<(SigningKey, bool)>>,
}

impl Keys {
    fn with(algorithm: KeyAlgorithm) -> Self {
        let key = SigningKey::generate(algorithm).unwrap();
        Self {
            key: Mutex::new(Some((key, true))),
        }
    }

    fn answer(&self, asked: &Asked) -> (u16, Value) {
        assert_eq!(asked.line(), "POST /");
        assert_eq!(asked.header("content-type"), "application/x-amz-json-1.1");
        check_signature(asked);
        let body = asked.json();
        let mut kept = self.key.lock().unwrap();
        match asked.header("x-amz-target") {
            "TrentService.CreateKey" => {
                assert_eq!(body["KeyUsage"], "SIGN_VERIFY");
                assert_eq!(body["KeySpec"], "ECC_NIST_P384");
                let key = SigningKey::generate(KeyAlgorithm::EcdsaP384).unwrap();
                *kept = Some((key, false));
                (
                    200,
                    json!({ "KeyMetadata": { "KeyId": KEY_ID, "Arn": ARN } }),
                )
            }
            "TrentService.CreateAlias" => {
                assert_eq!(body, json!({ "AliasName": ALIAS, "TargetKeyId": KEY_ID }));
                kept.as_mut().unwrap().1 = true;
                (200, json!({}))
            }
            operation => match kept.as_ref() {
                Some((key, true)) if operation == "TrentService.GetPublicKey" => {
                    assert_eq!(body, json!({ "KeyId": ALIAS }));
                    (200, public_key(key))
                }
                Some((key, true)) if operation == "TrentService.Sign" => (200, sign(key, &body)),
                _ => (
                    400,
                    json!({ "__type": "NotFoundException", "message": "Alias is not found." }),
                ),
            },
        }
    }
}

fn public_key(key: &SigningKey) -> Value {
    let key = key.verifying_key();
    let algorithms = match key.default_scheme() {
        Scheme::Ecdsa(HashAlgorithm::Sha256) => json!(["ECDSA_SHA_256"]),
        Scheme::Ecdsa(HashAlgorithm::Sha384) => json!(["ECDSA_SHA_384"]),
        Scheme::Ecdsa(HashAlgorithm::Sha512) => json!(["ECDSA_SHA_512"]),
        _ => json!([
            "RSASSA_PSS_SHA_256",
            "RSASSA_PKCS1_V1_5_SHA_512",
            "RSASSA_PKCS1_V1_5_SHA_256",
            "SOMETHING_NEW",
        ]),
    };
    json!({
        "KeyId": ARN,
        "KeySpec": "ANY",
        "KeyUsage": "SIGN_VERIFY",
        "PublicKey": STANDARD.encode(key.spki_der()),
        "SigningAlgorithms": algorithms,
    })
}

fn sign(key: &SigningKey, body: &Value) -> Value {
    assert_eq!(body["KeyId"], ARN);
    assert_eq!(body["MessageType"], "DIGEST");
    let scheme = match body["SigningAlgorithm"].as_str().unwrap() {
        "ECDSA_SHA_256" => Scheme::Ecdsa(HashAlgorithm::Sha256),
        "ECDSA_SHA_384" => Scheme::Ecdsa(HashAlgorithm::Sha384),
        "ECDSA_SHA_512" => Scheme::Ecdsa(HashAlgorithm::Sha512),
        "RSASSA_PSS_SHA_256" => Scheme::RsaPss(HashAlgorithm::Sha256),
        "RSASSA_PKCS1_V1_5_SHA_256" => Scheme::RsaPkcs1v15(HashAlgorithm::Sha256),
        "RSASSA_PKCS1_V1_5_SHA_512" => Scheme::RsaPkcs1v15(HashAlgorithm::Sha512),
        other => panic!("{other}"),
    };
    let digest = STANDARD.decode(body["Message"].as_str().unwrap()).unwrap();
    let signature = key.sign_digest_with(scheme, &digest).unwrap();
    json!({ "KeyId": ARN, "Signature": STANDARD.encode(signature) })
}

#[tokio::test]
async fn keys_of_every_kind_sign() {
    for algorithm in [
        KeyAlgorithm::EcdsaP256,
        KeyAlgorithm::EcdsaP384,
        KeyAlgorithm::EcdsaP521,
        KeyAlgorithm::Rsa2048,
    ] {
        let keys = Keys::with(algorithm);
        let expected = keys.key.lock().unwrap().as_ref().unwrap().0.verifying_key();
        let server = WebServer::start(move |asked| keys.answer(asked));
        let service = open(&format!("awskms:///{ALIAS}"), &settings(&server));
        assert_eq!(service.service(), Service::Aws);
        signs_with_every_scheme(service.as_ref(), &expected).await;
        let schemes = service.key().await.unwrap().schemes.len();
        let expected = if algorithm == KeyAlgorithm::Rsa2048 {
            3
        } else {
            1
        };
        assert_eq!(schemes, expected);
    }
}

#[tokio::test]
async fn a_key_is_made_for_an_alias() {
    let keys = Keys::default();
    let server = WebServer::start(move |asked| keys.answer(asked));
    let service = open(&format!("awskms:///{ALIAS}"), &settings(&server));
    assert!(is_missing_key(
        &service.key().await.unwrap_err(),
        Service::Aws
    ));
    let made = service.create(KeyAlgorithm::EcdsaP384).await.unwrap();
    signs_with_every_scheme(service.as_ref(), &made.verifying_key).await;
    assert_eq!(service.create(KeyAlgorithm::EcdsaP384).await.unwrap(), made);
}

#[tokio::test]
async fn an_id_names_no_new_key_and_ed25519_is_not_made() {
    let server = WebServer::start(|_| (400, json!({ "__type": "NotFoundException" })));
    let service = open(&format!("awskms:///{KEY_ID}"), &settings(&server));
    assert!(matches!(
        service.create(KeyAlgorithm::EcdsaP256).await,
        Err(ServiceError::NeedsAlias)
    ));
    assert!(matches!(
        service.create(KeyAlgorithm::Ed25519).await,
        Err(ServiceError::UnsupportedAlgorithm { .. })
    ));
}

#[tokio::test]
async fn refusals() {
    for (status, kind, denied) in [
        (400, "com.amazonaws.kms#AccessDeniedException", true),
        (400, "UnrecognizedClientException", true),
        (403, "", true),
        (400, "KMSInvalidStateException", false),
        (500, "KMSInternalException", false),
    ] {
        let server =
            WebServer::start(move |_| (status, json!({ "__type": kind, "Message": "words" })));
        let error = open(&format!("awskms:///{ALIAS}"), &settings(&server))
            .key()
            .await
            .unwrap_err();
        match error {
            ServiceError::Denied { message, .. } if denied => assert!(message.ends_with("words")),
            ServiceError::Answer { message, .. } if !denied => assert!(message.ends_with("words")),
            other => panic!("{kind}: {other:?}"),
        }
    }
    let key = SigningKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    for (field, value) in [
        ("KeyUsage", json!("ENCRYPT_DECRYPT")),
        ("SigningAlgorithms", json!(["SM2DSA"])),
        ("SigningAlgorithms", json!(null)),
        ("PublicKey", json!("")),
    ] {
        let mut answer = public_key(&key);
        answer[field] = value;
        let server = WebServer::start(move |_| (200, answer.clone()));
        assert!(matches!(
            open(&format!("awskms:///{ALIAS}"), &settings(&server))
                .key()
                .await,
            Err(ServiceError::UnsupportedKey { .. })
        ));
    }
}

#[tokio::test]
async fn settings_that_are_missing_or_no_use() {
    let server = WebServer::start(|_| (500, json!({})));
    let good = settings(&server);
    let alias = "awskms:///alias/a";
    assert_eq!(
        refused(alias, &good, |all| all.aws.region = None),
        Setting::AwsRegion
    );
    assert_eq!(
        refused(alias, &good, |all| all.aws.region =
            Some("evil.example/".to_owned())),
        Setting::AwsRegion
    );
    assert_eq!(
        refused(alias, &good, |all| all.aws.credentials = None),
        Setting::AwsCredentials
    );
    assert_eq!(
        refused("awskms://user@host/alias/a", &good, |_| {}),
        Setting::AwsEndpoint
    );
    // The region of an ARN needs no other.
    let mut settings = good.clone();
    settings.aws.region = None;
    kms::open(&crate::reference(&format!("awskms:///{ARN}")), &settings).unwrap();
    assert!(server.asked().is_empty());
}
