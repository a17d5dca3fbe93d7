//! Vault's transit engine by its documented interface; the server keeps real keys.

use std::collections::BTreeMap;
use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kms::{Service, ServiceError, Setting, Settings};
use pki::signature::{HashAlgorithm, Scheme};
use pki::signing::{KeyAlgorithm, SigningKey};
use serde_json::{Value, json};
use testkit::{Asked, WebServer};

use crate::{is_missing_key, open, refused, signs_with_every_scheme};

const TOKEN: &str = "hvs.a-secret-token";

fn algorithm(kind: &str) -> Option<KeyAlgorithm> {
    Some(match kind {
        "ecdsa-p256" => KeyAlgorithm::EcdsaP256,
        "ecdsa-p384" => KeyAlgorithm::EcdsaP384,
        "ecdsa-p521" => KeyAlgorithm::EcdsaP521,
        "ed25519" => KeyAlgorithm::Ed25519,
        "rsa-2048" => KeyAlgorithm::Rsa2048,
        _ => return None,
    })
}

/// A transit engine with keys that have one version, or two where the name says so.
#[derive(Default)]
struct Engine {
    keys: Mutex<BTreeMap<String, (String, Vec<SigningKey>)>>,
}

impl Engine {
    fn with(name: &str, kind: &str, versions: usize) -> Self {
        let engine = Self::default();
        engine.make(name, kind, versions);
        engine
    }

    fn make(&self, name: &str, kind: &str, versions: usize) {
        let make = |algorithm| SigningKey::generate(algorithm).unwrap();
        let keys = algorithm(kind).map(|kind| (0..versions).map(|_| make(kind)).collect());
        self.keys
            .lock()
            .unwrap()
            .insert(name.to_owned(), (kind.to_owned(), keys.unwrap_or_default()));
    }

    fn answer(&self, asked: &Asked) -> (u16, Value) {
        if asked.header("x-vault-token") != TOKEN {
            return (403, json!({ "errors": ["permission denied\n\u{1b}[31m"] }));
        }
        let path: Vec<&str> = asked
            .path
            .trim_start_matches("/v1/transit/")
            .split('/')
            .collect();
        match (asked.method.as_str(), path.as_slice()) {
            ("GET", ["keys", name]) => self.read(name),
            ("POST", ["keys", name]) => {
                self.make(name, asked.json()["type"].as_str().unwrap(), 1);
                (200, json!({}))
            }
            ("POST", ["sign", name, hash @ ..]) => self.sign(name, hash, &asked.json()),
            _ => (404, json!({ "errors": ["no handler for route"] })),
        }
    }

    fn read(&self, name: &str) -> (u16, Value) {
        let keys = self.keys.lock().unwrap();
        let Some((kind, versions)) = keys.get(name) else {
            return (404, json!({ "errors": [] }));
        };
        let mut listed = serde_json::Map::new();
        for (number, key) in versions.iter().enumerate() {
            let key = key.verifying_key();
            let text = key
                .ed25519()
                .map_or(key.to_pem(), |raw| STANDARD.encode(raw));
            listed.insert(
                (number + 1).to_string(),
                json!({ "name": kind, "public_key": text }),
            );
        }
        if versions.is_empty() {
            listed.insert("1".to_owned(), json!(1_700_000_000));
        }
        let latest = versions.len().max(1);
        (
            200,
            json!({ "data": { "type": kind, "latest_version": latest, "keys": listed } }),
        )
    }

    fn sign(&self, name: &str, hash: &[&str], body: &Value) -> (u16, Value) {
        let keys = self.keys.lock().unwrap();
        let (kind, versions) = &keys[name];
        let version = usize::try_from(body["key_version"].as_u64().unwrap()).unwrap();
        let key = &versions[version - 1];
        let input = STANDARD.decode(body["input"].as_str().unwrap()).unwrap();
        let signature = if kind == "ed25519" {
            assert_eq!((hash, &body["prehashed"]), (&[][..], &json!(false)));
            key.sign_with(Scheme::Ed25519, &input).unwrap()
        } else {
            let [hash] = hash else { panic!("{hash:?}") };
            let hash = match *hash {
                "sha2-256" => HashAlgorithm::Sha256,
                "sha2-384" => HashAlgorithm::Sha384,
                "sha2-512" => HashAlgorithm::Sha512,
                other => panic!("{other}"),
            };
            assert_eq!(body["prehashed"], true);
            let scheme = if kind.starts_with("rsa") {
                assert_eq!(body["signature_algorithm"], "pkcs1v15");
                Scheme::RsaPkcs1v15(hash)
            } else {
                assert_eq!(body["marshaling_algorithm"], "asn1");
                Scheme::Ecdsa(hash)
            };
            key.sign_digest_with(scheme, &input).unwrap()
        };
        let text = format!("vault:v{version}:{}", STANDARD.encode(signature));
        (
            200,
            json!({ "data": { "signature": text, "key_version": version } }),
        )
    }
}

fn server(engine: Engine) -> WebServer {
    WebServer::start(move |asked| engine.answer(asked))
}

fn settings(server: &WebServer) -> Settings {
    let mut settings = crate::settings();
    settings.vault.address = Some(server.address.clone());
    // As `~/.vault-token` has it.
    settings.vault.token = Some(format!("{TOKEN}\n").into());
    settings
}

#[tokio::test]
async fn keys_of_every_kind_sign() {
    for kind in [
        "ecdsa-p256",
        "ecdsa-p384",
        "ecdsa-p521",
        "ed25519",
        "rsa-2048",
    ] {
        let engine = Engine::with("release.key", kind, 1);
        let expected = engine.keys.lock().unwrap()["release.key"].1[0].verifying_key();
        let server = server(engine);
        let service = open("hashivault://release.key", &settings(&server));
        assert_eq!(service.service(), Service::Vault);
        signs_with_every_scheme(service.as_ref(), &expected).await;
        let lines = server.lines();
        assert_eq!(lines[0], "GET /v1/transit/keys/release.key");
        // The key is asked for once.
        assert!(
            lines[1..]
                .iter()
                .all(|line| line.starts_with("POST /v1/transit/sign/release.key"))
        );
    }
}

#[tokio::test]
async fn the_newest_version_signs_or_the_one_that_is_wanted() {
    let engine = Engine::with("k", "ecdsa-p256", 2);
    let keys: Vec<_> = engine.keys.lock().unwrap()["k"]
        .1
        .iter()
        .map(SigningKey::verifying_key)
        .collect();
    let server = server(engine);
    let mut settings = settings(&server);
    signs_with_every_scheme(open("openbao://k", &settings).as_ref(), &keys[1]).await;
    settings.vault.key_version = Some(1);
    signs_with_every_scheme(open("openbao://k", &settings).as_ref(), &keys[0]).await;
    settings.vault.key_version = Some(3);
    let error = open("openbao://k", &settings).key().await.unwrap_err();
    assert!(is_missing_key(&error, Service::Vault), "{error:?}");
}

#[tokio::test]
async fn a_key_is_made_where_there_is_none() {
    let server = server(Engine::default());
    let service = open("hashivault://new", &settings(&server));
    assert!(is_missing_key(
        &service.key().await.unwrap_err(),
        Service::Vault
    ));
    let made = service.create(KeyAlgorithm::EcdsaP384).await.unwrap();
    signs_with_every_scheme(service.as_ref(), &made.verifying_key).await;
    let again = open("hashivault://new", &settings(&server));
    assert_eq!(again.create(KeyAlgorithm::Rsa2048).await.unwrap(), made);
    let made = server
        .lines()
        .iter()
        .filter(|line| *line == "POST /v1/transit/keys/new")
        .count();
    assert_eq!(made, 1);
}

#[tokio::test]
async fn where_the_engine_is_and_in_which_namespace() {
    let key = SigningKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let pem = key.verifying_key().to_pem();
    let server = WebServer::start(move |_| {
        let keys = json!({ "1": { "public_key": pem } });
        (
            200,
            json!({ "data": { "type": "ecdsa-p256", "latest_version": 1, "keys": keys } }),
        )
    });
    let mut settings = settings(&server);
    settings.vault.address = Some(format!("{}/below/", server.address));
    settings.vault.engine_path = Some("/team/transit/".to_owned());
    settings.vault.namespace = Some("ns1".to_owned());
    open("hashivault://k", &settings).key().await.unwrap();
    let asked = &server.asked()[0];
    assert_eq!(asked.line(), "GET /below/v1/team/transit/keys/k");
    assert_eq!(asked.header("x-vault-namespace"), "ns1");
    assert_eq!(asked.header("x-vault-token"), TOKEN);
}

#[tokio::test]
async fn refusals() {
    let server = server(Engine::with("aes", "aes256-gcm96", 0));
    let good = settings(&server);
    match open("hashivault://aes", &good).key().await {
        Err(ServiceError::UnsupportedKey { found, .. }) => assert_eq!(found, "aes256-gcm96"),
        other => panic!("{other:?}"),
    }
    let mut wrong = good.clone();
    wrong.vault.token = Some("other".to_owned().into());
    match open("hashivault://aes", &wrong).key().await {
        Err(ServiceError::Denied {
            status: 403,
            message,
            ..
        }) => {
            assert_eq!(message, "permission denied  [31m");
        }
        other => panic!("{other:?}"),
    }
    wrong.vault.engine_path = Some("elsewhere".to_owned());
    wrong.vault.token = good.vault.token.clone();
    match open("hashivault://aes", &wrong).key().await {
        Err(ServiceError::KeyNotFound { message, .. }) => {
            assert_eq!(message, "no handler for route");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn settings_that_are_missing_or_no_use() {
    let server = server(Engine::default());
    let good = settings(&server);
    assert_eq!(
        refused("hashivault://k", &good, |all| all.vault.address = None),
        Setting::VaultAddress
    );
    assert_eq!(
        refused("hashivault://k", &good, |all| all.vault.token = None),
        Setting::VaultToken
    );
    assert_eq!(
        refused("hashivault://k", &good, |all| all.vault.address =
            Some("vault:8200".to_owned())),
        Setting::VaultAddress
    );
    assert_eq!(
        refused("hashivault://k", &good, |all| all.vault.token =
            Some("a\nb".to_owned().into())),
        Setting::VaultToken
    );
    for path in ["", "a//b", "../sys", "a/./b"] {
        let path = Some(path.to_owned());
        assert_eq!(
            refused("hashivault://k", &good, |all| all.vault.engine_path = path),
            Setting::VaultEnginePath
        );
    }
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn a_server_that_lies_is_not_believed() {
    let key = SigningKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let other = SigningKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let pem = key.verifying_key().to_pem();
    let scheme = key.verifying_key().default_scheme();
    for answer in ["other key", "other version", "no base64"] {
        let forged = STANDARD.encode(other.sign_with(scheme, b"message").unwrap());
        let right = STANDARD.encode(key.sign_with(scheme, b"message").unwrap());
        let signature = match answer {
            "other key" => format!("vault:v1:{forged}"),
            "other version" => format!("vault:v12:{right}"),
            _ => "vault:v1:%".to_owned(),
        };
        let pem = pem.clone();
        let server = WebServer::start(move |asked| {
            if asked.method == "GET" {
                let keys = json!({ "1": { "public_key": pem } });
                let data = json!({ "type": "ecdsa-p256", "latest_version": 1, "keys": keys });
                (200, json!({ "data": data }))
            } else {
                (200, json!({ "data": { "signature": signature } }))
            }
        });
        let service = open("hashivault://k", &settings(&server));
        match (answer, service.sign(scheme, b"message").await) {
            ("other key", Err(ServiceError::SignatureMismatch { .. }))
            | ("other version" | "no base64", Err(ServiceError::Malformed { .. })) => {}
            (_, found) => panic!("{answer}: {found:?}"),
        }
    }
}
