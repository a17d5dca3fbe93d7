//! Keys and their passphrases: absent, wrong, held by somebody else, and what is left of them.

use http::Method;
use keystore::{Fixed, PassphraseError};
use pki::certificate::{CertificateBundle, self_signed_root};
use pki::key::PublicKey;
use pki::keyfile::Passphrase;
use pki::signing::SigningKey;
use registry::CredentialSource;
use trust::{Access, Remote, RemoteError, TrustError, TrustServer};
use tuf::edit::{Editor, InitialKeys, Lifetimes, SigningJob, SnapshotHolder};
use tuf::{Gun, Role};

use crate::common::{Fault, Home, Server, now};
use crate::{
    PASSPHRASE, add, fixed, initialise, logged_in, posts, save_key, sign, sign_with, tags,
};

#[tokio::test]
async fn wrong_or_absent_passphrases_leave_everything_as_it_was() {
    let server = Server::start().await;
    let home = Home::new(&server);
    initialise(&home, "r.example/a").await.unwrap();
    home.repository("r.example/a").update(now()).await.unwrap();
    let before = home.files();
    server.requests();
    let error = sign_with(&home, "r.example/a", &[("1", "one")], &mut fixed("wrong"))
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            TrustError::Keys(keystore::Error::AttemptsExceeded { .. })
        ),
        "{error:?}"
    );
    let error = sign_with(&home, "r.example/a", &[("1", "one")], &mut Fixed::new())
        .await
        .unwrap_err();
    assert!(matches!(
        error,
        TrustError::Keys(keystore::Error::Passphrase {
            source: PassphraseError::Unavailable,
            ..
        })
    ));
    assert_eq!(home.files(), before);
    assert_eq!(posts(&server.requests()), 0);

    // No passphrase for a new key: no half of a repository.
    let fresh = Home::new(&server);
    let mut root_only = Fixed::new().with("root", Passphrase::from(PASSPHRASE.to_owned()));
    let mut observer = ();
    let mut session = fresh.client.session(&mut root_only, &mut observer, now());
    let error = fresh
        .repository("r.example/new")
        .initialise(&mut session)
        .await
        .unwrap_err();
    assert!(matches!(error, TrustError::Keys(_)));
    assert!(fresh.files().is_empty());
}

#[tokio::test]
async fn missing_keys_are_named() {
    let server = Server::start().await;
    let home = Home::new(&server);
    let made = initialise(&home, "r.example/a")
        .await
        .unwrap()
        .initialised
        .unwrap();
    let stranger = Home::new(&server);
    let key = SigningKey::generate_ecdsa_p256()
        .unwrap()
        .public_key()
        .clone();
    let error = add(&stranger, "r.example/a", "eve", &[key])
        .await
        .unwrap_err();
    let TrustError::MissingKeys {
        role,
        acceptable,
        needed: 1,
    } = error
    else {
        panic!("{error:?}")
    };
    assert_eq!(
        (role, acceptable),
        (Role::Targets, vec![made.repository_key])
    );
    let error = sign(&stranger, "r.example/a", &[("1", "one")])
        .await
        .unwrap_err();
    assert!(matches!(
        error,
        TrustError::MissingKeys {
            role: Role::Targets,
            ..
        }
    ));
    let error = add(&home, "r.example/a", "nobody", &[]).await.unwrap_err();
    assert!(matches!(error, TrustError::SignerWithoutKeys));
}

#[tokio::test]
async fn a_refused_first_publish_leaves_no_key_behind() {
    let server = Server::start().await;
    let body = r#"{"errors":[{"code":"INVALID_UPDATE","message":"Update sent by the client is invalid.","detail":{"Name":"ErrBadRoot","Error":{"Msg":"no"}}}]}"#;
    for status in [400, 401, 403, 413, 429] {
        server.fault(Method::POST, "/_trust/tuf/", Fault::Status(status, body), 1);
        let home = logged_in(&server, "admin");
        let error = sign(&home, "r.example/a", &[("1", "one")])
            .await
            .unwrap_err();
        let Some(error) = error.remote() else {
            panic!("{error:?}")
        };
        let right = match status {
            400 => {
                matches!(error, RemoteError::Refused { rule, message } if rule == "ErrBadRoot" && message == "no")
            }
            401 => matches!(error, RemoteError::Unauthorized { .. }),
            403 => matches!(error, RemoteError::Forbidden { .. }),
            413 => matches!(error, RemoteError::UploadTooLarge { length } if *length > 1000),
            _ => matches!(error, RemoteError::RateLimited { .. }),
        };
        assert!(right, "{status}: {error:?}");
        assert!(home.files().is_empty(), "{status}");
    }
}

/// A repository as `notary init` makes it: the publisher holds the snapshot key too.
async fn publish_with_own_snapshot_key(home: &Home, server: &Server, gun: &Gun) -> Vec<PublicKey> {
    let address = TrustServer::parse(&format!("https://{}", server.host())).unwrap();
    let tls = address.tls(&home.client.config().tls_folder).unwrap();
    let config = net::Config {
        tls,
        ..net::Config::new("countersign-test")
    };
    let http = net::Client::new(config).unwrap();
    let remote = Remote::new(
        http,
        &address,
        gun,
        CredentialSource::Anonymous,
        Access::PullPush,
    );
    let keys: Vec<_> = (0..3)
        .map(|_| SigningKey::generate_ecdsa_p256().unwrap())
        .collect();
    let certificate = self_signed_root(gun.as_str(), &keys[0], now()).unwrap();
    let root = CertificateBundle::parse_pem(certificate.as_bytes())
        .unwrap()
        .public_key()
        .unwrap();
    let initial = InitialKeys {
        root: vec![root],
        targets: vec![keys[1].public_key().clone()],
        snapshot: vec![keys[2].public_key().clone()],
        timestamp: vec![remote.server_key(&Role::Timestamp).await.unwrap()],
    };
    let editor = Editor::first_publication(gun, initial).unwrap();
    let signing = editor
        .sign(SnapshotHolder::Publisher, &Lifetimes::default(), now())
        .unwrap();
    let sign = |job: &SigningJob| {
        keys.iter()
            .flat_map(|key| job.sign_with(key).unwrap())
            .collect::<Vec<_>>()
    };
    let signatures = signing
        .jobs()
        .iter()
        .map(|job| (job.role().clone(), sign(job)))
        .collect();
    let signing = signing.finish(&signatures).unwrap();
    let snapshot = sign(signing.job().unwrap());
    let files = signing.finish(&snapshot).unwrap().into_files();
    let files: Vec<_> = files
        .into_iter()
        .map(|file| (file.role, file.bytes.into()))
        .collect();
    remote.publish(&files).await.unwrap();
    keys.iter()
        .zip(["root", "targets", "snapshot"])
        .map(|(key, role)| save_key(home, key, role))
        .collect()
}

#[tokio::test]
async fn a_snapshot_key_of_ones_own_signs_the_snapshot() {
    let server = Server::start().await;
    let home = Home::new(&server);
    let gun = Gun::parse("r.example/a").unwrap();
    let keys = publish_with_own_snapshot_key(&home, &server, &gun).await;
    let done = sign(&home, "r.example/a", &[("1", "one")]).await.unwrap();
    assert_eq!(done.files, [(Role::Targets, 3), (Role::Snapshot, 3)]);
    assert_eq!(tags(&home, "r.example/a").await.len(), 1);
    let snapshot = server.newest("r.example/a", "snapshot").unwrap();
    let keyid = keys[2].tuf_id().to_string();
    assert!(std::str::from_utf8(&snapshot).unwrap().contains(&keyid));
}
