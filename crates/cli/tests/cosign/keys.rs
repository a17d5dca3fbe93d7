//! Keys: files, variables, tokens, services.

use std::collections::BTreeMap;
use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pki::signature::{HashAlgorithm, Scheme};
use pki::signing::{KeyAlgorithm, SigningKey};
use serde_json::json;
use testkit::{Asked, Cosign, SoftHsm, Terminal, WebServer};

use crate::scene::{Scene, Who};

/// Signs an image with the key, and has the public half read by ours and cosign 2.5.
fn signs(scene: &Scene, name: &str, key: &str, public: &str, variables: &[(&str, &str)]) {
    let image = scene.image(name);
    let run = |words: &[&str]| scene.run_with_all(variables, words);
    run(&["sign", "--key", key, &image]).success();
    let verify = ["verify", "--insecure-ignore-tlog", "--key"];
    run(&[&verify[..], &[public, &image]].concat()).success();
    scene.run_on(Who::V2, &verify, &[public, &image]).success();
}

#[test]
fn passwords_of_key_files() {
    let Some(scene) = Scene::start() else { return };
    let variable = "COSIGN_PASSWORD";
    scene.generate_key(Who::V2, "theirs");
    scene.generate_key(Who::Ours, "ours");
    scene
        .run_with(
            Who::Ours,
            (variable, ""),
            &["generate-key-pair", "--output-key-prefix", "empty"],
        )
        .success();
    let image = scene.image("passwords");
    for key in ["theirs.key", "ours.key"] {
        let words = ["sign", "--key", key, &image];
        scene
            .run_with(Who::Ours, (variable, "wrong"), &words)
            .failure()
            .says("reading key: decrypt: encrypted: decryption failed\nThe password for ")
            .says(key);
        scene.run(Who::Ours, &words).success();
    }
    let words = ["sign", "--key", "empty.key", &image];
    scene.run_with(Who::Ours, (variable, ""), &words).success();
    scene
        .run_with(
            Who::V2,
            (variable, ""),
            &["public-key", "--key", "empty.key"],
        )
        .success();

    // Typed, piped, and not there at all.
    let words = ["public-key", "--key", "ours.key"];
    let without = || {
        let mut command = scene.command(&words);
        command.env_remove(variable);
        command
    };
    let mut terminal = Terminal::spawn(without());
    terminal.expect("Enter password for private key: ");
    terminal.type_line(Cosign::PASSWORD);
    let (said, code) = terminal.finish();
    assert_eq!(code, Some(0), "{said}");
    assert!(
        !said.contains(Cosign::PASSWORD),
        "the password is shown: {said}"
    );
    testkit::run(without(), Cosign::PASSWORD.as_bytes())
        .success()
        .says("BEGIN PUBLIC KEY");
    testkit::run(without(), b"")
        .failure()
        .says("no password for the private key\nSet COSIGN_PASSWORD");

    // A new one is typed twice.
    let generate = ["generate-key-pair", "--output-key-prefix", "typed"];
    for (again, code) in [("another", 1), ("a new password", 0)] {
        let mut command = scene.command(&generate);
        command.env_remove(variable);
        let mut terminal = Terminal::spawn(command);
        terminal.expect("Enter password for private key: ");
        terminal.type_line("a new password");
        terminal.expect("Enter password for private key again: ");
        terminal.type_line(again);
        let (said, found) = terminal.finish();
        assert_eq!(found, Some(code), "{said}");
        assert_eq!(said.contains("passwords do not match"), code == 1, "{said}");
    }
    scene
        .run_with(
            Who::V3,
            (variable, "a new password"),
            &["public-key", "--key", "typed.key"],
        )
        .success();
}

#[test]
fn keys_that_openssl_made() {
    let Some(scene) = Scene::start() else { return };
    for (name, algorithm) in [
        ("p256", KeyAlgorithm::EcdsaP256),
        ("p384", KeyAlgorithm::EcdsaP384),
        ("ed25519", KeyAlgorithm::Ed25519),
        ("rsa", KeyAlgorithm::Rsa2048),
    ] {
        let key = SigningKey::generate(algorithm).unwrap();
        scene.write(
            &format!("{name}.pem"),
            &pki::keyfile::KeyBlock::plain(&key).to_pem(),
        );
        scene.write(&format!("{name}.pub"), &key.verifying_key().to_pem());
        let plain = format!("{name}.pem");
        let public = format!("{name}.pub");
        // As it is, in a variable, and imported.
        signs(&scene, &format!("{name}-plain"), &plain, &public, &[]);
        let text = std::fs::read_to_string(scene.home().join(&plain)).unwrap();
        let variables = [("A_KEY", text.as_str())];
        signs(
            &scene,
            &format!("{name}-variable"),
            "env://A_KEY",
            &public,
            &variables,
        );
        let prefix = format!("imported-{name}");
        let words = [
            "import-key-pair",
            "--key",
            &plain,
            "--output-key-prefix",
            &prefix,
        ];
        scene.run(Who::Ours, &words).success();
        let (sealed, public_again) = (format!("{prefix}.key"), format!("{prefix}.pub"));
        signs(
            &scene,
            &format!("{name}-imported"),
            &sealed,
            &public_again,
            &[],
        );
        let words = ["public-key", "--key", &sealed];
        let printed = scene.run(Who::Ours, &words).success().stdout;
        let expected = std::fs::read_to_string(scene.home().join(&public)).unwrap();
        assert_eq!(printed, expected, "{name}");
    }
}

#[test]
fn what_is_no_key() {
    let Some(scene) = Scene::start() else { return };
    scene.generate_key(Who::Ours, "key");
    scene.write("junk", "junk");
    let sign = |key: &str| {
        let words = ["sign", "--key", key, "127.0.0.1:1/app:1"];
        scene.run(Who::Ours, &words).failure()
    };
    sign("nowhere.key").says("open nowhere.key: no such file or directory");
    sign("junk").says("reading key: junk: ");
    sign("key.pub").says("key.pub holds a \"PUBLIC KEY\", not a private key");
    sign("env://NOT_SET").says("environment variable NOT_SET is not set");
    sign("https://a.example/key").says("Only public keys are taken from there.");
    sign("k8s://default/key").says("keys of k8s:// are not supported\nPut the key into a variable");
    sign("gitlab://acme/app").says("the login for GitLab is not known\nSet GITLAB_TOKEN");
    sign("hashivault://app").says("the address of Vault is not known\nSet VAULT_ADDR or BAO_ADDR.");
    sign("awskms:///alias/app").says("the AWS region is not known\nSet AWS_REGION.");
    sign("awskms://elsewhere").says("is not of the form");
    let words = ["verify", "--key", "key.key", "127.0.0.1:1/app:1"];
    scene
        .run(Who::Ours, &words)
        .failure()
        .says("Are you passing the correct public key?");
}

/// A public key at a web address verifies, for ours as for cosign.
#[test]
fn a_public_key_from_the_web() {
    let Some(scene) = Scene::start() else { return };
    scene.generate_key(Who::Ours, "key");
    let pem = std::fs::read_to_string(scene.home().join("key.pub")).unwrap();
    let web = WebServer::start(move |asked| match asked.line().as_str() {
        "GET /key.pub" => (200, pem.clone()),
        "GET /huge" => (200, "x".repeat(10 << 20)),
        _ => (404, String::new()),
    });
    let url = format!("{}/key.pub", web.address);
    signs(&scene, "web", "key.key", &url, &[]);
    let image = scene.image("web");
    for (path, sentence) in [
        ("nothing", "answered 404"),
        ("huge", "huge: answer longer than 65536 bytes"),
    ] {
        let url = format!("{}/{path}", web.address);
        let words = ["verify", "--insecure-ignore-tlog", "--key", &url, &image];
        scene.run(Who::Ours, &words).failure().says(sentence);
    }
}

#[test]
fn a_pkcs11_token() {
    let there = |scene: &Scene| scene.peers.locate_plugin("SOFTHSM_MODULE").is_some();
    let Some(scene) = Scene::start().filter(there) else {
        return;
    };
    let token = SoftHsm::new(&scene.peers);
    let configuration = token.configuration().display().to_string();
    let module = token.module().display().to_string();
    let place = [
        (SoftHsm::CONFIGURATION, configuration.as_str()),
        ("COSIGN_PKCS11_MODULE_PATH", &module),
    ];
    let with_pin = [&place[..], &[("COSIGN_PKCS11_PIN", SoftHsm::PIN)]].concat();
    let uri = "pkcs11:token=a%20token;object=signing";
    let run = |variables: &[(&str, &str)], words: &[&str]| scene.run_with_all(variables, words);

    let generate = [
        "generate-key-pair",
        "--kms",
        uri,
        "--output-key-prefix",
        "hsm",
    ];
    run(&with_pin, &generate)
        .success()
        .says("Public key written to hsm.pub");
    let public = run(&with_pin, &["public-key", "--key", uri])
        .success()
        .stdout;
    let written = std::fs::read_to_string(scene.home().join("hsm.pub")).unwrap();
    assert_eq!(public, written);
    signs(&scene, "hsm", uri, "hsm.pub", &with_pin);
    let image = scene.image("hsm-verified");
    run(&with_pin, &["sign", "--key", uri, &image]).success();
    let verify = ["verify", "--insecure-ignore-tlog", "--key", uri, &image];
    run(&with_pin, &verify).success();

    // The PIN is typed where there is a terminal, and named where there is none.
    let sign = ["sign", "--key", uri, &image];
    run(&place, &sign)
        .failure()
        .says("needs a PIN\nSet COSIGN_PKCS11_PIN");
    let mut command = scene.command(&sign);
    command.envs(place);
    let mut terminal = Terminal::spawn(command);
    terminal.expect("Enter PIN for PKCS11 token 'a token': ");
    terminal.type_line(SoftHsm::PIN);
    let (said, code) = terminal.finish();
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains(SoftHsm::PIN), "the PIN is shown: {said}");
    let wrong = [&place[..], &[("COSIGN_PKCS11_PIN", "0000")]].concat();
    run(&wrong, &sign).failure().says("wrong PIN");
    let missing = [
        "sign",
        "--key",
        "pkcs11:token=a%20token;object=none",
        &image,
    ];
    run(&with_pin, &missing).failure().says("has no key");
}

const VAULT_TOKEN: &str = "hvs.a-secret-token";

/// Vault's transit engine by its documented interface, with real P-256 keys.
fn vault(keys: &Mutex<BTreeMap<String, SigningKey>>, asked: &Asked) -> (u16, String) {
    if asked.header("x-vault-token") != VAULT_TOKEN {
        return (403, json!({ "errors": ["permission denied"] }).to_string());
    }
    let (method, path) = (asked.method.as_str(), asked.path.as_str());
    let path: Vec<&str> = path.trim_start_matches("/v1/transit/").split('/').collect();
    let mut keys = keys.lock().unwrap();
    let answer = match (method, path.as_slice()) {
        ("GET", ["keys", name]) => match keys.get(*name) {
            None => return (404, json!({ "errors": [] }).to_string()),
            Some(key) => json!({
                "name": name, "type": "ecdsa-p256", "latest_version": 1,
                "keys": { "1": { "public_key": key.verifying_key().to_pem(), "name": "P-256" } },
            }),
        },
        ("POST" | "PUT", ["keys", name]) => {
            assert_eq!(asked.json()["type"], "ecdsa-p256");
            let key = SigningKey::generate_ecdsa_p256().unwrap();
            keys.insert((*name).to_owned(), key);
            json!({})
        }
        ("POST" | "PUT", ["sign", name, "sha2-256"]) => {
            let body = asked.json();
            let digest = STANDARD.decode(body["input"].as_str().unwrap()).unwrap();
            let scheme = Scheme::Ecdsa(HashAlgorithm::Sha256);
            let signature = keys[*name].sign_digest_with(scheme, &digest).unwrap();
            json!({ "signature": format!("vault:v1:{}", STANDARD.encode(signature)) })
        }
        _ => {
            return (
                404,
                json!({ "errors": ["no handler for route"] }).to_string(),
            );
        }
    };
    (200, json!({ "data": answer }).to_string())
}

#[test]
fn vault_signs() {
    let Some(scene) = Scene::start() else { return };
    let keys = Mutex::new(BTreeMap::new());
    let server = WebServer::start(move |asked| vault(&keys, asked));
    let variables = [
        ("VAULT_ADDR", server.address.as_str()),
        ("VAULT_TOKEN", VAULT_TOKEN),
    ];
    let run = |variables: &[(&str, &str)], words: &[&str]| scene.run_with_all(variables, words);
    let generate = [
        "generate-key-pair",
        "--kms",
        "hashivault://app",
        "--output-key-prefix",
        "vault",
    ];
    run(&variables, &generate).success();
    signs(&scene, "vault", "hashivault://app", "vault.pub", &variables);
    scene.write("file", "content");
    let words = [
        "sign-blob",
        "--key",
        "hashivault://app",
        "--output-signature",
        "s",
        "file",
    ];
    run(&variables, &words).success();
    let words = [
        "verify-blob",
        "--key",
        "vault.pub",
        "--signature",
        "s",
        "--insecure-ignore-tlog",
        "file",
    ];
    scene.run(Who::V2, &words).success();

    let denied = [variables[0], ("VAULT_TOKEN", "wrong")];
    let words = ["public-key", "--key", "hashivault://app"];
    run(&denied, &words)
        .failure()
        .says("Vault denies access (403): permission denied");
    run(&variables[..1], &words)
        .failure()
        .says("the login for Vault is not known\nSet VAULT_TOKEN or BAO_TOKEN");
    let words = ["public-key", "--key", "hashivault://nothing"];
    run(&variables, &words)
        .failure()
        .says("Vault has no key \"nothing\"");
    assert!(
        server
            .lines()
            .iter()
            .any(|line| line == "POST /v1/transit/sign/app/sha2-256")
    );
}

#[test]
fn gitlab_keeps_a_key() {
    let Some(scene) = Scene::start() else { return };
    let variables = Mutex::new(BTreeMap::<String, String>::new());
    let server = WebServer::start(move |asked| {
        if asked.header("private-token") != "glpat-secret" {
            return (401, json!({ "message": "401 Unauthorized" }).to_string());
        }
        let (method, path) = (asked.method.as_str(), asked.path.as_str());
        let Some(rest) = path.strip_prefix("/api/v4/projects/acme%2Fapp") else {
            return (404, json!({ "message": "404 Not Found" }).to_string());
        };
        let mut variables = variables.lock().unwrap();
        match (method, rest) {
            ("GET", "") => (200, json!({ "id": 1 }).to_string()),
            ("POST", "/variables") => {
                let body = asked.json();
                let text = |name: &str| body[name].as_str().unwrap().to_owned();
                variables.insert(text("key"), text("value"));
                (201, json!({}).to_string())
            }
            (_, rest) => match rest
                .strip_prefix("/variables/")
                .and_then(|name| variables.get(name))
            {
                Some(value) => (200, json!({ "value": value }).to_string()),
                None => (404, json!({ "message": "404 Not Found" }).to_string()),
            },
        }
    });
    let login = [
        ("GITLAB_HOST", server.address.as_str()),
        ("GITLAB_TOKEN", "glpat-secret"),
    ];
    scene
        .run_with_all(&login, &["generate-key-pair", "gitlab://acme/app"])
        .success()
        .says("Public key written to cosign.pub");
    assert!(!scene.home().join("cosign.key").exists());
    // The password is there, too.
    let without = [&login[..], &[("COSIGN_PASSWORD", "another")]].concat();
    signs(
        &scene,
        "gitlab",
        "gitlab://acme/app",
        "cosign.pub",
        &without,
    );
    let image = scene.image("gitlab-verified");
    for words in [
        ["sign", "--key", "gitlab://acme/app", &image],
        [
            "verify",
            "--insecure-ignore-tlog",
            "--key=gitlab://acme/app",
            &image,
        ],
    ] {
        scene.run_with_all(&login, &words).success();
    }
}
