//! Google Cloud KMS by its documented interface; the server keeps real keys.

use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use kms::{GoogleCredentials, Service, ServiceError, Setting, Settings};
use pki::keyfile::KeyBlock;
use pki::signature::{HashAlgorithm, Scheme};
use pki::signing::{KeyAlgorithm, SigningKey};
use serde_json::{Value, json};
use testkit::{Asked, WebServer};

use crate::{is_missing_key, open, refused, signs_with_every_scheme};

const RING: &str = "projects/p/locations/global/keyRings/r";
const KEY: &str = "gcpkms://projects/p/locations/global/keyRings/r/cryptoKeys/k";

fn settings(server: &WebServer) -> Settings {
    let mut settings = crate::settings();
    settings.google.endpoint = Some(server.address.clone());
    settings.google.credentials = Some(GoogleCredentials::AccessToken(
        "ya29.token".to_owned().into(),
    ));
    settings
}

/// CRC-32C by its definition, bit by bit from the top (RFC 9260 appendix A), reflected at both ends.
fn crc32c(bytes: &[u8]) -> String {
    let mut register = u32::MAX;
    for byte in bytes {
        register ^= u32::from(byte.reverse_bits()) << 24;
        for _ in 0..8 {
            let carry = register >> 31;
            register <<= 1;
            if carry == 1 {
                register ^= 0x1edc_6f41;
            }
        }
    }
    (!register.reverse_bits()).to_string()
}

fn scheme(algorithm: &str) -> Scheme {
    match algorithm {
        "EC_SIGN_P256_SHA256" => Scheme::Ecdsa(HashAlgorithm::Sha256),
        "EC_SIGN_P384_SHA384" => Scheme::Ecdsa(HashAlgorithm::Sha384),
        "RSA_SIGN_PKCS1_2048_SHA256" => Scheme::RsaPkcs1v15(HashAlgorithm::Sha256),
        "RSA_SIGN_PKCS1_4096_SHA512" => Scheme::RsaPkcs1v15(HashAlgorithm::Sha512),
        "RSA_SIGN_PSS_2048_SHA256" => Scheme::RsaPss(HashAlgorithm::Sha256),
        other => panic!("{other}"),
    }
}

fn public_key(key: &SigningKey, algorithm: &str) -> Value {
    let pem = key.verifying_key().to_pem();
    let sum = crc32c(pem.as_bytes());
    json!({ "pem": pem, "algorithm": algorithm, "pemCrc32c": sum, "name": "any" })
}

fn sign(key: &SigningKey, scheme: Scheme, name: &str, body: &Value) -> Value {
    let field = match scheme.hash() {
        Some(HashAlgorithm::Sha256) => "sha256",
        Some(HashAlgorithm::Sha384) => "sha384",
        _ => "sha512",
    };
    let digest = STANDARD
        .decode(body["digest"][field].as_str().unwrap())
        .unwrap();
    assert_eq!(body["digestCrc32c"], crc32c(&digest));
    let signature = key.sign_digest_with(scheme, &digest).unwrap();
    json!({
        "name": name,
        "signature": STANDARD.encode(&signature),
        "signatureCrc32c": crc32c(&signature),
        "verifiedDigestCrc32c": true,
    })
}

/// A key with the given versions, of which the one numbered 10 is the newest that is enabled.
fn server(key: SigningKey, algorithm: &'static str) -> WebServer {
    WebServer::start(move |asked| {
        assert_eq!(asked.header("authorization"), "Bearer ya29.token");
        let versions = format!("{RING}/cryptoKeys/k/cryptoKeyVersions");
        let newest = format!("{versions}/10");
        let path = asked.path.strip_prefix("/v1/").unwrap();
        if path == format!("{versions}?filter=state%3DENABLED&pageSize=1000") {
            let version = |number: u8, state: &str| json!({ "name": format!("{versions}/{number}"), "state": state });
            let first = [version(9, "ENABLED"), version(11, "DISABLED")];
            (
                200,
                json!({ "cryptoKeyVersions": first, "nextPageToken": "a/b" }),
            )
        } else if path == format!("{versions}?filter=state%3DENABLED&pageSize=1000&pageToken=a%2Fb")
        {
            let rest = [json!({ "name": newest, "state": "ENABLED" })];
            (200, json!({ "cryptoKeyVersions": rest }))
        } else if path == format!("{newest}/publicKey") {
            (200, public_key(&key, algorithm))
        } else if path == format!("{newest}:asymmetricSign") {
            (200, sign(&key, scheme(algorithm), &newest, &asked.json()))
        } else {
            (
                404,
                json!({ "error": { "code": 404, "message": "no such thing", "status": "NOT_FOUND" } }),
            )
        }
    })
}

#[tokio::test]
async fn keys_of_every_kind_sign_with_their_one_scheme() {
    for (kind, algorithm) in [
        (KeyAlgorithm::EcdsaP256, "EC_SIGN_P256_SHA256"),
        (KeyAlgorithm::EcdsaP384, "EC_SIGN_P384_SHA384"),
        (KeyAlgorithm::Rsa2048, "RSA_SIGN_PKCS1_2048_SHA256"),
        (KeyAlgorithm::Rsa2048, "RSA_SIGN_PKCS1_4096_SHA512"),
        (KeyAlgorithm::Rsa2048, "RSA_SIGN_PSS_2048_SHA256"),
    ] {
        let key = SigningKey::generate(kind).unwrap();
        let expected = key.verifying_key();
        let server = server(key, algorithm);
        let service = open(KEY, &settings(&server));
        assert_eq!(service.service(), Service::Google);
        let found = service.key().await.unwrap();
        assert_eq!(found.verifying_key, expected);
        assert_eq!(found.schemes, [scheme(algorithm)]);
        let signature = service.sign(found.scheme(), b"message").await.unwrap();
        let _valid = expected
            .verify(found.scheme(), b"message", &signature)
            .unwrap();
    }
}

#[tokio::test]
async fn a_version_in_the_reference_is_taken() {
    let key = SigningKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let expected = key.verifying_key();
    let server = server(key, "EC_SIGN_P256_SHA256");
    let service = open(&format!("{KEY}/versions/10"), &settings(&server));
    signs_with_every_scheme(service.as_ref(), &expected).await;
    assert!(server.lines()[0].ends_with("/cryptoKeyVersions/10/publicKey"));
    let service = open(&format!("{KEY}/cryptoKeyVersions/9"), &settings(&server));
    match service.key().await {
        Err(ServiceError::KeyNotFound { message, .. }) => {
            assert_eq!(message, "NOT_FOUND: no such thing");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_key_is_made_with_its_ring_and_waited_for() {
    /// How far the making has come.
    #[derive(Default)]
    struct Made {
        ring: bool,
        key: Option<SigningKey>,
        lists: usize,
    }
    let made = Mutex::new(Made::default());
    let server = WebServer::start(move |asked| {
        let mut made = made.lock().unwrap();
        let missing = (
            404,
            json!({ "error": { "code": 404, "status": "NOT_FOUND" } }),
        );
        let version = format!("{RING}/cryptoKeys/k/cryptoKeyVersions/1");
        let line = asked.line().replace("/v1/", "").replace(RING, "RING");
        match line.as_str() {
            "GET RING" if made.ring => (200, json!({})),
            "POST projects/p/locations/global/keyRings?keyRingId=r" => {
                made.ring = true;
                (200, json!({}))
            }
            "POST RING/cryptoKeys?cryptoKeyId=k" => {
                assert!(made.ring);
                let body = json!({
                    "purpose": "ASYMMETRIC_SIGN",
                    "versionTemplate": { "algorithm": "EC_SIGN_P384_SHA384" },
                });
                assert_eq!(asked.json(), body);
                made.key = Some(SigningKey::generate(KeyAlgorithm::EcdsaP384).unwrap());
                (200, json!({}))
            }
            line => match &made.key {
                None => missing,
                Some(_) if line.contains("filter=") => {
                    made.lists += 1;
                    // It is being generated at first.
                    let versions = [json!({ "name": version, "state": "ENABLED" })];
                    let ready = if made.lists < 2 {
                        json!([])
                    } else {
                        json!(versions)
                    };
                    (200, json!({ "cryptoKeyVersions": ready }))
                }
                Some(key) if line.ends_with("/1/publicKey") => {
                    (200, public_key(key, "EC_SIGN_P384_SHA384"))
                }
                Some(key) if line.ends_with(":asymmetricSign") => {
                    let scheme = scheme("EC_SIGN_P384_SHA384");
                    (200, sign(key, scheme, &version, &asked.json()))
                }
                Some(_) => missing,
            },
        }
    });
    let service = open(KEY, &settings(&server));
    assert!(is_missing_key(
        &service.key().await.unwrap_err(),
        Service::Google
    ));
    let made = service.create(KeyAlgorithm::EcdsaP384).await.unwrap();
    signs_with_every_scheme(service.as_ref(), &made.verifying_key).await;
    for algorithm in [KeyAlgorithm::Ed25519, KeyAlgorithm::EcdsaP521] {
        // There is a key, so nothing is made.
        assert_eq!(service.create(algorithm).await.unwrap(), made);
        let other = open(
            &KEY.replace("cryptoKeys/k", "cryptoKeys/other"),
            &settings(&server),
        );
        assert!(matches!(
            other.create(algorithm).await,
            Err(ServiceError::UnsupportedAlgorithm { .. })
        ));
    }
}

/// A service whose answers are right but for one field.
async fn altered(field: &'static str, value: Value) -> WebServer {
    let key = SigningKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    WebServer::start(move |asked| {
        let mut answer = if asked.path.ends_with("/publicKey") {
            public_key(&key, "EC_SIGN_P256_SHA256")
        } else {
            let name = format!("{RING}/cryptoKeys/k/cryptoKeyVersions/1");
            sign(&key, scheme("EC_SIGN_P256_SHA256"), &name, &asked.json())
        };
        if answer.get(field).is_some() {
            answer[field] = value.clone();
        }
        (200, answer)
    })
}

#[tokio::test]
async fn damage_on_the_way_is_seen() {
    for (field, value) in [
        ("pemCrc32c", json!("1")),
        ("pem", json!("no pem")),
        ("signatureCrc32c", json!("1")),
        ("verifiedDigestCrc32c", json!(false)),
        ("name", json!("projects/p/other")),
        ("signature", json!("%")),
    ] {
        let server = altered(field, value).await;
        let service = open(&format!("{KEY}/versions/1"), &settings(&server));
        let scheme = Scheme::Ecdsa(HashAlgorithm::Sha256);
        assert!(
            matches!(
                service.sign(scheme, b"message").await,
                Err(ServiceError::Malformed { .. })
            ),
            "{field}"
        );
    }
    let server = altered("algorithm", json!("HMAC_SHA256")).await;
    let service = open(&format!("{KEY}/versions/1"), &settings(&server));
    assert!(matches!(
        service.key().await,
        Err(ServiceError::UnsupportedKey { found, .. }) if found == "HMAC_SHA256"
    ));
}

/// A token endpoint, and a key that needs the token.
async fn with_tokens(check: impl Fn(&Asked) + Send + Sync + 'static) -> (WebServer, SigningKey) {
    let key = SigningKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let copy = SigningKey::from_der(&key.to_pkcs8_der()).unwrap();
    let server = WebServer::start(move |asked| {
        if asked.path == "/token" {
            check(asked);
            return (
                200,
                json!({ "access_token": "fresh", "expires_in": 3599, "token_type": "Bearer" }),
            );
        }
        assert_eq!(asked.header("authorization"), "Bearer fresh");
        if asked.path.ends_with("/publicKey") {
            return (200, public_key(&copy, "EC_SIGN_P256_SHA256"));
        }
        let name = format!("{RING}/cryptoKeys/k/cryptoKeyVersions/1");
        (
            200,
            sign(&copy, scheme("EC_SIGN_P256_SHA256"), &name, &asked.json()),
        )
    });
    (server, key)
}

fn file(server: &WebServer, fields: Value) -> Settings {
    let mut fields = fields;
    fields["token_uri"] = json!(format!("{}/token", server.address));
    let mut settings = settings(server);
    settings.google.credentials = Some(GoogleCredentials::File(
        fields.to_string().into_bytes().into(),
    ));
    settings
}

#[tokio::test]
async fn a_service_account_asks_with_an_assertion_that_it_signed() {
    let account = SigningKey::generate(KeyAlgorithm::Rsa2048).unwrap();
    let public = account.verifying_key();
    let (server, key) = with_tokens(move |asked| {
        let form = asked.form();
        assert_eq!(
            form["grant_type"],
            "urn:ietf:params:oauth:grant-type:jwt-bearer"
        );
        let (signed, signature) = form["assertion"].rsplit_once('.').unwrap();
        let _valid = public
            .verify(
                Scheme::RsaPkcs1v15(HashAlgorithm::Sha256),
                signed.as_bytes(),
                &URL_SAFE_NO_PAD.decode(signature).unwrap(),
            )
            .unwrap();
        let parts: Vec<Value> = signed
            .split('.')
            .map(|part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap())
            .collect();
        assert_eq!(
            parts[0],
            json!({ "alg": "RS256", "typ": "JWT", "kid": "kid1" })
        );
        assert_eq!(parts[1]["iss"], "signer@p.iam.gserviceaccount.com");
        assert_eq!(
            parts[1]["scope"],
            "https://www.googleapis.com/auth/cloudkms"
        );
        // 2026-08-20T12:00:00Z and what the test took.
        let issued = parts[1]["iat"].as_i64().unwrap();
        assert!((1_787_227_200..1_787_227_260).contains(&issued), "{issued}");
        assert_eq!(parts[1]["exp"], issued + 3600);
        assert!(parts[1]["aud"].as_str().unwrap().ends_with("/token"));
    })
    .await;
    let settings = file(
        &server,
        json!({
            "type": "service_account",
            "client_email": "signer@p.iam.gserviceaccount.com",
            "private_key_id": "kid1",
            "private_key": KeyBlock::plain(&account).to_pem().as_str(),
        }),
    );
    let service = open(&format!("{KEY}/versions/1"), &settings);
    signs_with_every_scheme(service.as_ref(), &key.verifying_key()).await;
    // The token is asked for once.
    let tokens = server
        .lines()
        .iter()
        .filter(|line| *line == "POST /token")
        .count();
    assert_eq!(tokens, 1);
}

#[tokio::test]
async fn a_user_asks_with_a_refresh_token() {
    let (server, key) = with_tokens(|asked| {
        let form = asked.form();
        let fields = ["grant_type", "client_id", "client_secret", "refresh_token"];
        let values: Vec<&str> = fields.iter().map(|name| form[*name].as_str()).collect();
        assert_eq!(values, ["refresh_token", "id", "a&b=c", "r"]);
    })
    .await;
    let fields = json!({
        "type": "authorized_user",
        "client_id": "id",
        "client_secret": "a&b=c",
        "refresh_token": "r",
    });
    let service = open(&format!("{KEY}/versions/1"), &file(&server, fields));
    signs_with_every_scheme(service.as_ref(), &key.verifying_key()).await;
}

#[tokio::test]
async fn credentials_that_are_missing_or_no_use() {
    let server = WebServer::start(|_| {
        (
            401,
            json!({ "error": "invalid_grant", "error_description": "expired" }),
        )
    });
    let good = settings(&server);
    let file_of = |text: &str| Some(GoogleCredentials::File(text.as_bytes().to_vec().into()));
    let account = r#"{"type":"service_account","client_email":"a","private_key":"no key"}"#;
    for credentials in [
        None,
        file_of("no json"),
        file_of(account),
        Some(GoogleCredentials::AccessToken("a\nb".to_owned().into())),
    ] {
        let setting = refused(KEY, &good, |all| all.google.credentials = credentials);
        assert_eq!(setting, Setting::GoogleCredentials);
    }
    let mut other = good;
    other.google.credentials = file_of(r#"{"type":"external_account"}"#);
    assert!(matches!(
        kms::open(&crate::reference(KEY), &other),
        Err(ServiceError::UnsupportedCredentials { found, .. }) if found == "external_account"
    ));
    assert!(server.asked().is_empty());
    let fields = json!({
        "type": "authorized_user", "client_id": "id", "client_secret": "s", "refresh_token": "r",
    });
    match open(KEY, &file(&server, fields)).key().await {
        Err(ServiceError::Denied {
            status: 401,
            message,
            ..
        }) => {
            assert_eq!(message, "invalid_grant: expired");
        }
        other => panic!("{other:?}"),
    }
}
