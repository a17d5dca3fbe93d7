//! A plugin: a small script that keeps its key in a file and signs with OpenSSL. cosign uses it too.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kms::{PluginError, Service, ServiceError, Settings};
use pki::keyfile::KeyBlock;
use pki::signature::{Scheme, VerifyingKey};
use pki::signing::{KeyAlgorithm, SigningKey};
use testkit::{Cosign, CosignVersion, Folder, Peers};

use crate::{open, signs_with_every_scheme};

/// `FOLDER` and `OPENSSL` stand for the places.
const SCRIPT: &str = r#"#!/bin/sh
cd FOLDER || exit 1
printf '%s %s\n' "$1" "$2" >>log
encoded() { base64 | tr -d '\n'; }
case $2 in
*'"hashFunc":5'*) hash=-sha256 ;;
*'"hashFunc":6'*) hash=-sha384 ;;
*'"hashFunc":7'*) hash=-sha512 ;;
esac
case $2 in
*'"keyResourceID":"broken"'*) echo 'no JSON' ;;
*'"keyResourceID":"long"'*) printf '{}%1048576s' '' ;;
*'"keyResourceID":"refusing"'*) printf '%s' '{"errorMessage":"out of\norder"}' && exit 7 ;;
*'"keyResourceID":"lying"'*'"methodName":"signMessage"'*) echo '{"signMessage":{"signature":"AAAA"}}' ;;
*'"methodName":"supportedAlgorithms"'*) echo '{"supportedAlgorithms":{"supportedAlgorithms":["ecdsa-p384","usual"]}}' ;;
*'"methodName":"defaultAlgorithm"'*) echo '{"defaultAlgorithm":{"defaultAlgorithm":"usual"}}' ;;
*'"methodName":"createKey"'*) echo '{"createKey":{"publicKeyPEM":""}}' ;;
*'"methodName":"publicKey"'*)
  printf '{"publicKey":{"publicKeyPEM":"%s"}}' "$(OPENSSL pkey -in key.pem -pubout | encoded)" ;;
*'"methodName":"signMessage"'*)
  printf '{"signMessage":{"signature":"%s"}}' "$(OPENSSL dgst $hash -sign key.pem | encoded)" ;;
esac
"#;

struct Plugin {
    folder: Folder,
    key: VerifyingKey,
}

impl Plugin {
    /// `sigstore-kms-demo` in a folder of its own.
    fn new(peers: &Peers, algorithm: KeyAlgorithm) -> Self {
        let folder = Folder::new("plugin");
        let key = SigningKey::generate(algorithm).unwrap();
        std::fs::write(
            folder.path().join("key.pem"),
            KeyBlock::plain(&key).to_pem().as_bytes(),
        )
        .unwrap();
        let openssl = peers.openssl().get_program().to_str().unwrap().to_owned();
        let script = SCRIPT
            .replace("FOLDER", folder.path().to_str().unwrap())
            .replace("OPENSSL", &openssl);
        write_program(&folder.path().join("sigstore-kms-demo"), &script);
        let key = key.verifying_key();
        Self { folder, key }
    }

    fn settings(&self) -> Settings {
        let mut settings = crate::settings();
        settings.plugins.search_path = vec!["/no/such".into(), self.folder.path().to_owned()];
        settings
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }
}

fn write_program(file: &Path, text: &str) {
    std::fs::write(file, text).unwrap();
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test]
async fn a_plugin_signs() {
    let Some(peers) = Peers::locate() else { return };
    for algorithm in [
        KeyAlgorithm::EcdsaP256,
        KeyAlgorithm::EcdsaP384,
        KeyAlgorithm::Rsa2048,
    ] {
        let plugin = Plugin::new(&peers, algorithm);
        let service = open("demo://a/key?x", &plugin.settings());
        assert_eq!(service.service(), Service::Plugin);
        signs_with_every_scheme(service.as_ref(), &plugin.key).await;
    }
}

/// The request that cosign sends, and the answers that both take from the same program.
#[tokio::test]
async fn cosign_asks_the_same_and_hears_the_same() {
    let Some(peers) = Peers::locate() else { return };
    let plugin = Plugin::new(&peers, KeyAlgorithm::EcdsaP256);
    let path = format!("{}:/usr/bin:/bin", plugin.folder.path().display());
    let service = open("demo://a/key", &plugin.settings());
    assert_eq!(service.key().await.unwrap().verifying_key, plugin.key);
    let ours = plugin.log();
    for version in [CosignVersion::V2, CosignVersion::V3] {
        std::fs::remove_file(plugin.folder.path().join("log")).unwrap();
        let cosign = Cosign::new(&peers, version).env("PATH", &path);
        let output = cosign
            .run(["public-key", "--key", "demo://a/key"])
            .success();
        assert_eq!(output.stdout.trim(), plugin.key.to_pem().trim());
        let value = |line: &str| -> serde_json::Value {
            serde_json::from_str(line.trim().strip_prefix("v1 ").unwrap()).unwrap()
        };
        assert_eq!(value(&plugin.log()), value(&ours));
    }
    let cosign = Cosign::new(&peers, CosignVersion::V2).env("PATH", &path);
    std::fs::write(cosign.home().join("blob"), "message").unwrap();
    let args = [
        "sign-blob",
        "--tlog-upload=false",
        "--yes",
        "--key",
        "demo://a/key",
        "blob",
    ];
    let output = cosign.run(args).success();
    let signature = STANDARD.decode(output.stdout.trim()).unwrap();
    let _valid = plugin
        .key
        .verify(plugin.key.default_scheme(), b"message", &signature)
        .unwrap();
}

#[tokio::test]
async fn a_plugin_names_its_algorithms() {
    let Some(peers) = Peers::locate() else { return };
    let plugin = Plugin::new(&peers, KeyAlgorithm::EcdsaP256);
    // The key is there only once it was made.
    let (hidden, there) = (
        plugin.folder.path().join("hidden.pem"),
        plugin.folder.path().join("key.pem"),
    );
    std::fs::rename(&there, &hidden).unwrap();
    for (algorithm, name) in [
        (KeyAlgorithm::EcdsaP384, Some("ecdsa-p384")),
        (KeyAlgorithm::EcdsaP256, Some("usual")),
        (KeyAlgorithm::Ed25519, None),
    ] {
        let service = open("demo://new", &plugin.settings());
        let outcome = service.create(algorithm).await;
        match name {
            Some(name) => assert!(
                plugin
                    .log()
                    .contains(&format!(r#""createKey":{{"algorithm":"{name}"}}"#)),
                "{name}: {outcome:?}"
            ),
            None => assert!(matches!(
                outcome,
                Err(ServiceError::UnsupportedAlgorithm { .. })
            )),
        }
    }
    std::fs::rename(&hidden, &there).unwrap();
    let made = open("demo://new", &plugin.settings())
        .create(KeyAlgorithm::EcdsaP256)
        .await
        .unwrap();
    assert_eq!(made.verifying_key, plugin.key);
}

#[tokio::test]
async fn failures() {
    let Some(peers) = Peers::locate() else { return };
    let plugin = Plugin::new(&peers, KeyAlgorithm::EcdsaP256);
    let settings = plugin.settings();
    let scheme: Scheme = plugin.key.default_scheme();
    match open("demo://refusing", &settings).key().await {
        Err(ServiceError::Plugin(PluginError::Failed { message })) => {
            assert_eq!(message, "out of order");
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        open("demo://broken", &settings).key().await,
        Err(ServiceError::Malformed { .. })
    ));
    match open("demo://long", &settings).key().await {
        Err(ServiceError::Plugin(PluginError::Run { source, .. })) => {
            assert_eq!(source.kind(), std::io::ErrorKind::FileTooLarge);
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        open("demo://lying", &settings)
            .sign(scheme, b"message")
            .await,
        Err(ServiceError::SignatureMismatch { .. })
    ));
    write_program(
        &plugin.folder.path().join("sigstore-kms-odd"),
        "#!/no/such/shell\n",
    );
    assert!(matches!(
        open("odd://key", &settings).key().await,
        Err(ServiceError::Plugin(PluginError::Run { .. }))
    ));
    std::fs::write(plugin.folder.path().join("sigstore-kms-text"), "").unwrap();
    let mut relative = settings.clone();
    relative.plugins.search_path = vec![".".into(), "".into()];
    for (text, settings) in [
        ("none://key", &settings),
        ("text://key", &settings),
        ("demo://key", &relative),
    ] {
        match kms::open(&crate::reference(text), settings) {
            Err(ServiceError::Plugin(PluginError::NotFound { program })) => {
                assert!(program.starts_with("sigstore-kms-"), "{program}");
            }
            other => panic!("{text}: {other:?}"),
        }
    }
}

/// A message longer than a pipe holds, to a plugin that does not read it.
#[tokio::test]
async fn a_message_that_is_not_read() {
    let Some(peers) = Peers::locate() else { return };
    let plugin = Plugin::new(&peers, KeyAlgorithm::EcdsaP256);
    let service = open("demo://lying", &plugin.settings());
    let message = vec![b'x'; 1 << 20];
    assert!(matches!(
        service.sign(plugin.key.default_scheme(), &message).await,
        Err(ServiceError::SignatureMismatch { .. })
    ));
}
