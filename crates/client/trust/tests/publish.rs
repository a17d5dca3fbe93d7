//! Publishing to a trust server in memory: what it gets, what stays here, and what happens when it does not take it.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod common;

use std::sync::Arc;

use common::{Fault, Home, Server, now, reference};
use http::Method;
use jiff::ToSpan as _;
use keystore::{Fixed, PassphraseError};
use oci::{Digest, MediaType, Tag};
use pki::certificate::{CertificateBundle, self_signed_root};
use pki::key::PublicKey;
use pki::keyfile::Passphrase;
use pki::signing::SigningKey;
use registry::{ConfigSources, CredentialSource, DockerConfig, ResolvedImage};
use tokio::sync::Barrier;
use trust::{
    Access, Event, Observer, Published, Remote, RemoteError, Repository, Signed, SignerAdded,
    SignerName, SignerNameError, SignerRemoved, TrustClient, TrustError, TrustServer, Unchanged,
};
use tuf::edit::{Editor, InitialKeys, Lifetimes, SigningJob, SnapshotHolder};
use tuf::{Gun, Refusal, Role};

const PASSPHRASE: &str = "passphrase123";

fn fixed(text: &str) -> Fixed {
    Fixed::new().otherwise(Passphrase::from(text.to_owned()))
}

fn tag(text: &str) -> Tag {
    Tag::parse(text).unwrap()
}

fn signer(text: &str) -> SignerName {
    SignerName::parse(text).unwrap()
}

/// An image whose digest is that of `content`.
fn image(repository: &Repository<'_>, content: &str) -> ResolvedImage {
    let name = reference(repository.gun().as_str()).repository().clone();
    let digest = Digest::sha256(content.as_bytes());
    ResolvedImage::assertion(
        name,
        digest,
        523,
        MediaType::parse("application/vnd.oci.image.index.v1+json").unwrap(),
    )
}

async fn sign_with(
    home: &Home,
    name: &str,
    tags: &[(&str, &str)],
    passphrases: &mut Fixed,
) -> Result<Published<Signed>, TrustError> {
    let repository = home.repository(name);
    let images: Vec<_> = tags
        .iter()
        .map(|(name, content)| (tag(name), image(&repository, content)))
        .collect();
    let mut observer = ();
    let mut session = home.client.session(passphrases, &mut observer, now());
    repository
        .sign(&images, Unchanged::Resign, &mut session)
        .await
}

async fn sign(
    home: &Home,
    name: &str,
    tags: &[(&str, &str)],
) -> Result<Published<Signed>, TrustError> {
    sign_with(home, name, tags, &mut fixed(PASSPHRASE)).await
}

async fn add(
    home: &Home,
    name: &str,
    who: &str,
    keys: &[PublicKey],
) -> Result<Published<SignerAdded>, TrustError> {
    let (mut passphrases, mut observer) = (fixed(PASSPHRASE), ());
    let mut session = home.client.session(&mut passphrases, &mut observer, now());
    home.repository(name)
        .add_signer(&signer(who), keys, &mut session)
        .await
}

async fn remove(
    home: &Home,
    name: &str,
    who: &str,
    force: bool,
) -> Result<Published<SignerRemoved>, TrustError> {
    let (mut passphrases, mut observer) = (fixed(PASSPHRASE), ());
    let mut session = home.client.session(&mut passphrases, &mut observer, now());
    home.repository(name)
        .remove_signer(&signer(who), force, &mut session)
        .await
}

async fn revoke(
    home: &Home,
    name: &str,
    which: Option<&str>,
) -> Result<Published<trust::Revoked>, TrustError> {
    let (mut passphrases, mut observer) = (fixed(PASSPHRASE), ());
    let mut session = home.client.session(&mut passphrases, &mut observer, now());
    home.repository(name)
        .revoke(which.map(tag).as_ref(), &mut session)
        .await
}

async fn initialise(home: &Home, name: &str) -> Result<Published<()>, TrustError> {
    let (mut passphrases, mut observer) = (fixed(PASSPHRASE), ());
    let mut session = home.client.session(&mut passphrases, &mut observer, now());
    home.repository(name).initialise(&mut session).await
}

/// Puts a key of its own into the key store, as `key load --name` does.
fn load_key(home: &Home, role: &str) -> PublicKey {
    save_key(home, &SigningKey::generate_ecdsa_p256().unwrap(), role)
}

fn save_key(home: &Home, key: &SigningKey, role: &str) -> PublicKey {
    let keys = home.client.keys();
    let lock = keys.lock(std::time::Duration::ZERO).unwrap();
    let passphrase = Passphrase::from(PASSPHRASE.to_owned());
    keys.save(
        &lock,
        key,
        &passphrase,
        role,
        None,
        keystore::Replace::IfSame,
    )
    .unwrap();
    key.public_key().clone()
}

fn forget_key(home: &Home, key: &PublicKey) {
    let keys = home.client.keys();
    keys.remove(
        &keys.lock(std::time::Duration::ZERO).unwrap(),
        &key.canonical_id().unwrap(),
    )
    .unwrap();
}

/// A home whose registry login is `user`.
fn logged_in(server: &Server, user: &str) -> Home {
    Home::with(server, |config| {
        let auth = format!(
            r#"{{"auths":{{"r.example":{{"auth":"{}"}}}}}}"#,
            base64(&format!("{user}:pw"))
        );
        let sources = ConfigSources {
            auth_config: Some(auth.into()),
            ..ConfigSources::default()
        };
        config.logins = Some(Arc::new(DockerConfig::read(&sources).unwrap()));
    })
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

async fn tags(home: &Home, name: &str) -> Vec<(String, String)> {
    let inspection = home.repository(name).inspect(None, now()).await.unwrap();
    inspection
        .tags
        .iter()
        .map(|tag| (tag.tag.clone(), tag.signers.join(",")))
        .collect()
}

fn roles(home: &Home) -> Vec<String> {
    let mut roles: Vec<_> = home
        .client
        .keys()
        .list()
        .unwrap()
        .keys
        .into_iter()
        .map(|key| key.role)
        .collect();
    roles.sort();
    roles
}

fn posts(requests: &[String]) -> usize {
    requests
        .iter()
        .filter(|request| request.starts_with("POST"))
        .count()
}

#[tokio::test]
async fn a_repository_is_initialised_as_docker_does() {
    let server = Server::start().await;
    let home = Home::new(&server);
    let made = initialise(&home, "r.example/a").await.unwrap();
    assert_eq!(made.files, [(Role::Root, 1), (Role::Targets, 2)]);
    assert!(made.initialised.as_ref().unwrap().root_key_is_new);
    assert_eq!(roles(&home), ["root", "targets"]);
    let cached = home.files();
    assert_eq!(
        cached["tuf/r.example/a/metadata/root.json"],
        server.newest("r.example/a", "root").unwrap()
    );
    assert_eq!(
        cached["tuf/r.example/a/metadata/targets.json"],
        server.newest("r.example/a", "targets").unwrap()
    );
    assert!(!cached.contains_key("tuf/r.example/a/metadata/timestamp.json"));
    assert_eq!(posts(&server.requests()), 1);

    let error = initialise(&home, "r.example/a").await.unwrap_err();
    assert!(matches!(error, TrustError::AlreadyInitialised { .. }));

    // The next repository has the same root key, and a repository key of its own.
    let second = initialise(&home, "r.example/b")
        .await
        .unwrap()
        .initialised
        .unwrap();
    let first = made.initialised.unwrap();
    assert!(!second.root_key_is_new && second.root_key == first.root_key);
    assert_ne!(second.repository_key, first.repository_key);
    assert_eq!(roles(&home), ["root", "targets", "targets"]);
    let stored = home
        .client
        .keys()
        .find(&second.repository_key)
        .unwrap()
        .unwrap();
    assert_eq!(stored.gun.as_deref(), Some("r.example/b"));
}

#[tokio::test]
async fn the_first_signature_makes_repository_and_signer_in_one_publish() {
    let server = Server::start().await;
    let home = logged_in(&server, "admin");
    let done = sign(&home, "r.example/a", &[("1", "one"), ("2", "two")])
        .await
        .unwrap();
    assert_eq!(done.initialised.unwrap().signer.as_deref(), Some("admin"));
    assert_eq!(posts(&server.requests()), 1);
    assert_eq!(roles(&home), ["admin", "root", "targets"]);
    assert_eq!(
        tags(&home, "r.example/a").await,
        [("1".into(), "admin".into()), ("2".into(), "admin".into())]
    );
    let target = home
        .repository("r.example/a")
        .resolve(&tag("2"), now())
        .await
        .unwrap();
    assert_eq!(
        Digest::Sha256(target.sha256().unwrap()),
        Digest::sha256(b"two")
    );
    assert_eq!(
        (target.role().as_str(), target.length()),
        ("targets/releases", 523)
    );
}

#[tokio::test]
async fn a_user_name_that_is_no_signer_is_refused_before_any_key_is_made() {
    let server = Server::start().await;
    for (user, reserved) in [("John.Doe", false), ("releases", true)] {
        let home = logged_in(&server, user);
        let error = sign(&home, "r.example/a", &[("1", "one")])
            .await
            .unwrap_err();
        let TrustError::SignerName(error) = error else {
            panic!("{error:?}")
        };
        assert_eq!(error == SignerNameError::Reserved, reserved);
        assert!(home.files().is_empty());
    }
    let home = Home::new(&server);
    let error = sign(&home, "r.example/a", &[("1", "one")])
        .await
        .unwrap_err();
    assert!(matches!(error, TrustError::NoUserName { registry } if registry == "r.example"));
    assert!(home.files().is_empty());
    assert_eq!(posts(&server.requests()), 0);
}

#[tokio::test]
async fn without_delegations_the_repository_key_signs() {
    let server = Server::start().await;
    let home = Home::new(&server);
    initialise(&home, "r.example/a").await.unwrap();
    let done = sign(&home, "r.example/a", &[("1", "one")]).await.unwrap();
    assert_eq!(done.files, [(Role::Targets, 3)]);
    assert_eq!(
        tags(&home, "r.example/a").await,
        [("1".into(), String::new())]
    );
}

#[tokio::test]
async fn with_delegations_every_key_at_hand_signs_and_targets_never() {
    let server = Server::start().await;
    let home = Home::new(&server);
    let (amy, jeff) = (load_key(&home, "amy"), load_key(&home, "jeff"));
    add(&home, "r.example/a", "jeff", std::slice::from_ref(&jeff))
        .await
        .unwrap();
    let added = add(&home, "r.example/a", "amy", std::slice::from_ref(&amy))
        .await
        .unwrap();
    assert!(added.outcome.is_new && added.initialised.is_none());
    let done = sign(&home, "r.example/a", &[("1", "one")]).await.unwrap();
    let names: Vec<_> = done.files.iter().map(|(role, _)| role.as_str()).collect();
    assert_eq!(names, ["targets/amy", "targets/jeff", "targets/releases"]);
    assert_eq!(
        tags(&home, "r.example/a").await,
        [("1".into(), "jeff,amy".into())]
    );

    // Only amy's key: she adds her signature, jeff's stays.
    forget_key(&home, &jeff);
    let done = sign(&home, "r.example/a", &[("2", "two")]).await.unwrap();
    assert_eq!(done.outcome.roles.len(), 2);
    assert_eq!(
        tags(&home, "r.example/a").await[1],
        ("2".into(), "amy".into())
    );

    // Nobody's key: the repository key is of no use.
    forget_key(&home, &amy);
    let before = home.files();
    let error = sign(&home, "r.example/a", &[("3", "three")])
        .await
        .unwrap_err();
    let TrustError::NoDelegationKeys { tag, roles, .. } = error else {
        panic!("{error:?}")
    };
    assert_eq!((tag.as_str(), roles.len()), ("3", 3));
    assert_eq!(home.files(), before);
}

#[tokio::test]
async fn signing_again_is_told_and_done() {
    let server = Server::start().await;
    let home = logged_in(&server, "admin");
    sign(&home, "r.example/a", &[("1", "one")]).await.unwrap();
    let again = sign(&home, "r.example/a", &[("1", "one")]).await.unwrap();
    let tag_outcome = &again.outcome.tags[0];
    assert_eq!(
        (tag_outcome.before.as_slice(), tag_outcome.signed),
        (&["admin".to_owned()][..], true)
    );
    assert_eq!(again.files.len(), 2, "signed anew");

    let moved = sign(&home, "r.example/a", &[("1", "other")]).await.unwrap();
    let replaced = moved.outcome.tags[0].replaced.map(Digest::Sha256);
    assert_eq!(replaced, Some(Digest::sha256(b"one")));

    // A wrong passphrase is not taken for success, also when there is nothing to change.
    home.repository("r.example/a").update(now()).await.unwrap();
    let before = home.files();
    server.requests();
    let error = sign_with(&home, "r.example/a", &[("1", "other")], &mut fixed("wrong"))
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            TrustError::Keys(keystore::Error::AttemptsExceeded { .. })
        ),
        "{error:?}"
    );
    assert_eq!((home.files(), posts(&server.requests())), (before, 0));
}

#[tokio::test]
async fn keeping_what_is_signed_publishes_nothing_until_it_nears_expiry() {
    let server = Server::start().await;
    let home = logged_in(&server, "admin");
    sign(&home, "r.example/a", &[("1", "one")]).await.unwrap();
    let repository = home.repository("r.example/a");
    let images = [(tag("1"), image(&repository, "one"))];
    let (mut passphrases, mut observer) = (fixed(PASSPHRASE), ());
    let mut session = home.client.session(&mut passphrases, &mut observer, now());
    let kept = repository
        .sign(&images, Unchanged::Keep, &mut session)
        .await
        .unwrap();
    assert!(kept.files.is_empty() && !kept.outcome.tags[0].signed);

    // Two years and nine months later; the server has kept its own roles fresh.
    let later = now() + (1005 * 24).hours();
    {
        let mut state = server.lock();
        state.now = later;
        state
            .repos
            .get_mut("r.example/a")
            .unwrap()
            .store(Vec::new(), later);
    }
    let mut session = home.client.session(&mut passphrases, &mut observer, later);
    let renewed = repository
        .sign(&images, Unchanged::Keep, &mut session)
        .await
        .unwrap();
    assert!(renewed.outcome.tags[0].signed);
    let expiring: Vec<_> = renewed
        .expiring
        .iter()
        .map(|entry| entry.role.as_str())
        .collect();
    assert_eq!(
        expiring,
        ["targets"],
        "what was not signed anew is reported"
    );
}

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

#[tokio::test]
async fn two_publishers_at_once_both_land() {
    let server = Server::start().await;
    let home = logged_in(&server, "admin");
    sign(&home, "r.example/a", &[("1", "one")]).await.unwrap();
    let other = Home::new(&server);
    other.copy(&home.trust().join("private"), "private");
    home.repository("r.example/a").update(now()).await.unwrap();
    server.requests();
    // Both arrive before either is stored; the second try of the loser passes alone.
    server.lock().barrier = Some((Arc::new(Barrier::new(2)), 2));
    let (one, two) = ([("2", "two")], [("3", "three")]);
    let (first, second) = futures_util::future::join(
        sign(&home, "r.example/a", &one),
        sign(&other, "r.example/a", &two),
    )
    .await;
    first.unwrap();
    second.unwrap();
    let seen: Vec<_> = tags(&home, "r.example/a")
        .await
        .into_iter()
        .map(|(tag, _)| tag)
        .collect();
    assert_eq!(seen, ["1", "2", "3"]);
    assert_eq!(posts(&server.requests()), 3);
}

#[tokio::test]
async fn endless_contention_ends() {
    let server = Server::start().await;
    let home = logged_in(&server, "admin");
    sign(&home, "r.example/a", &[("1", "one")]).await.unwrap();
    home.repository("r.example/a").update(now()).await.unwrap();
    let before = home.files();
    server.requests();
    let version = r#"{"errors":[{"code":"VERSION","message":"A newer version of metadata is already available.","detail":{}}]}"#;
    server.fault(
        Method::POST,
        "/_trust/tuf/",
        Fault::Status(400, version),
        99,
    );
    let error = sign(&home, "r.example/a", &[("2", "two")])
        .await
        .unwrap_err();
    assert!(matches!(error, TrustError::Contended { attempts: 3, .. }));
    assert_eq!((posts(&server.requests()), home.files()), (3, before));
}

#[tokio::test]
async fn a_server_that_stores_and_then_fails_has_stored() {
    let server = Server::start().await;
    for fault in [Fault::StoredBut(500), Fault::StoreAndDrop] {
        let home = logged_in(&server, "admin");
        server.lock().repos.clear();
        server.fault(Method::POST, "/_trust/tuf/", fault, 1);
        sign(&home, "r.example/a", &[("1", "one")]).await.unwrap();
        assert_eq!(tags(&home, "r.example/a").await.len(), 1);
        assert_eq!(posts(&server.requests()), 1);
    }
}

#[tokio::test]
async fn a_server_that_fails_before_it_stores_is_asked_again_or_reported() {
    let server = Server::start().await;
    let home = logged_in(&server, "admin");
    sign(&home, "r.example/a", &[("1", "one")]).await.unwrap();
    server.fault(Method::POST, "/_trust/tuf/", Fault::Status(500, "{}"), 1);
    sign(&home, "r.example/a", &[("2", "two")]).await.unwrap();

    // One that always fails is named as the one who fails, not the others as faster.
    server.fault(Method::POST, "/_trust/tuf/", Fault::Status(503, "{}"), 3);
    let error = sign(&home, "r.example/a", &[("3", "three")])
        .await
        .unwrap_err();
    assert!(matches!(
        error.remote(),
        Some(RemoteError::Status { status: 503, .. })
    ));

    server.fault(Method::POST, "/_trust/tuf/", Fault::Drop, 1);
    let error = sign(&home, "r.example/a", &[("3", "three")])
        .await
        .unwrap_err();
    assert!(
        matches!(error, TrustError::OutcomeUnknown { .. }),
        "{error:?}"
    );
    assert!(matches!(error.remote(), Some(RemoteError::Network(_))));
    assert_eq!(tags(&home, "r.example/a").await.len(), 2);

    // Of a first publish nobody can say that it failed for good, so its keys are kept.
    let fresh = logged_in(&server, "admin");
    server.fault(Method::POST, "/_trust/tuf/", Fault::Drop, 1);
    let error = sign(&fresh, "r.example/new", &[("1", "one")])
        .await
        .unwrap_err();
    assert!(
        matches!(error, TrustError::OutcomeUnknown { .. }),
        "{error:?}"
    );
    assert_eq!(roles(&fresh), ["admin", "root", "targets"]);
}

#[tokio::test]
async fn adding_a_signer_is_idempotent() {
    let server = Server::start().await;
    let home = Home::new(&server);
    let key = || {
        SigningKey::generate_ecdsa_p256()
            .unwrap()
            .public_key()
            .clone()
    };
    let (one, two) = (key(), key());
    let first = add(&home, "r.example/a", "jeff", std::slice::from_ref(&one))
        .await
        .unwrap();
    assert!(first.initialised.is_some() && first.outcome.is_new);
    assert_eq!(
        posts(&server.requests()),
        1,
        "initialised and added in one publish"
    );
    let again = add(&home, "r.example/a", "jeff", std::slice::from_ref(&one))
        .await
        .unwrap();
    assert!(again.files.is_empty() && again.outcome.added.is_empty());
    let more = add(&home, "r.example/a", "jeff", &[one.clone(), two.clone()])
        .await
        .unwrap();
    assert_eq!(more.outcome.added, [two.canonical_id().unwrap()]);
    let inspection = home
        .repository("r.example/a")
        .inspect(None, now())
        .await
        .unwrap();
    assert_eq!(inspection.signers.len(), 1);
    assert_eq!(
        inspection.signers[0].keys,
        [one, two].map(|key| key.canonical_id().unwrap())
    );
}

#[tokio::test]
async fn a_failed_addition_is_not_published_later() {
    let server = Server::start().await;
    let home = Home::new(&server);
    initialise(&home, "r.example/a").await.unwrap();
    let key = || {
        SigningKey::generate_ecdsa_p256()
            .unwrap()
            .public_key()
            .clone()
    };
    let (mut wrong, mut observer) = (fixed("wrong"), ());
    let mut session = home.client.session(&mut wrong, &mut observer, now());
    home.repository("r.example/a")
        .add_signer(&signer("eve"), &[key()], &mut session)
        .await
        .unwrap_err();
    add(&home, "r.example/a", "bob", &[key()]).await.unwrap();
    let inspection = home
        .repository("r.example/a")
        .inspect(None, now())
        .await
        .unwrap();
    assert_eq!(
        inspection
            .signers
            .iter()
            .map(|s| s.name.as_str())
            .collect::<Vec<_>>(),
        ["bob"]
    );
}

#[tokio::test]
async fn removing_a_signer_keeps_the_releases_verifiable() {
    let server = Server::start().await;
    let home = Home::new(&server);
    let (amy, jeff) = (load_key(&home, "amy"), load_key(&home, "jeff"));
    add(&home, "r.example/a", "amy", std::slice::from_ref(&amy))
        .await
        .unwrap();
    add(&home, "r.example/a", "jeff", std::slice::from_ref(&jeff))
        .await
        .unwrap();
    forget_key(&home, &jeff);
    sign(&home, "r.example/a", &[("1", "one")]).await.unwrap();

    // Only amy signed the releases and only her key is here: without her nobody could verify them.
    let error = remove(&home, "r.example/a", "amy", false)
        .await
        .unwrap_err();
    assert!(
        matches!(error, TrustError::LastSigner { ref signer, .. } if signer == "amy"),
        "{error:?}"
    );
    assert_eq!(
        home.repository("r.example/a")
            .inspect(None, now())
            .await
            .unwrap()
            .signers
            .len(),
        2
    );

    // Another signer never signed: taking him away harms nobody.
    let gone = remove(&home, "r.example/a", "jeff", false).await.unwrap();
    assert!(!gone.outcome.releases_signed_anew && !gone.outcome.releases_broken);
    assert_eq!(gone.outcome.withdrawn, [jeff.canonical_id().unwrap()]);
    assert_eq!(
        tags(&home, "r.example/a").await,
        [("1".into(), "amy".into())]
    );

    // A signer whose key is here takes over.
    let bob = load_key(&home, "bob");
    add(&home, "r.example/a", "bob", std::slice::from_ref(&bob))
        .await
        .unwrap();
    let gone = remove(&home, "r.example/a", "amy", false).await.unwrap();
    assert!(gone.outcome.releases_signed_anew);
    assert_eq!(
        tags(&home, "r.example/a").await,
        [("1".into(), String::new())]
    );

    // The last one only by force; then the releases are gone until somebody signs again.
    let error = remove(&home, "r.example/a", "bob", false)
        .await
        .unwrap_err();
    assert!(matches!(error, TrustError::LastSigner { .. }));
    assert!(
        remove(&home, "r.example/a", "bob", true)
            .await
            .unwrap()
            .outcome
            .releases_broken
    );
    let inspection = home
        .repository("r.example/a")
        .inspect(None, now())
        .await
        .unwrap();
    assert!(inspection.tags.is_empty() && inspection.signers.is_empty());
    assert!(matches!(
        inspection.skipped[0],
        (_, Refusal::ThresholdUnmet { .. })
    ));
    let error = sign(&home, "r.example/a", &[("1", "one")])
        .await
        .unwrap_err();
    assert!(matches!(error, TrustError::NoDelegationKeys { .. }));

    // A new signer begins the releases anew: nobody answers for what was there.
    let carol = load_key(&home, "carol");
    add(&home, "r.example/a", "carol", std::slice::from_ref(&carol))
        .await
        .unwrap();
    let done = sign(&home, "r.example/a", &[("9", "nine")]).await.unwrap();
    assert_eq!(done.outcome.reset.len(), 1);
    assert_eq!(
        tags(&home, "r.example/a").await,
        [("9".into(), "carol".into())]
    );
}

#[tokio::test]
async fn a_shared_key_may_still_release() {
    let server = Server::start().await;
    let home = Home::new(&server);
    let (own, shared) = (load_key(&home, "own"), load_key(&home, "shared"));
    add(&home, "r.example/a", "amy", &[own.clone(), shared.clone()])
        .await
        .unwrap();
    add(&home, "r.example/a", "jeff", std::slice::from_ref(&shared))
        .await
        .unwrap();
    let gone = remove(&home, "r.example/a", "amy", false)
        .await
        .unwrap()
        .outcome;
    assert_eq!(gone.withdrawn, [own.canonical_id().unwrap()]);
    assert_eq!(gone.shared, [shared.canonical_id().unwrap()]);
    let done = sign(&home, "r.example/a", &[("1", "one")]).await.unwrap();
    assert_eq!(done.outcome.roles.len(), 2, "jeff and the releases");
    let error = remove(&home, "r.example/a", "nobody", false)
        .await
        .unwrap_err();
    assert!(matches!(error, TrustError::NoSuchSigner { .. }));
    let error = remove(&home, "r.example/none", "nobody", false)
        .await
        .unwrap_err();
    assert!(matches!(error, TrustError::NotInitialised { .. }));
}

#[tokio::test]
async fn revoking_takes_a_tag_out_of_every_role() {
    let server = Server::start().await;
    let home = logged_in(&server, "admin");
    sign(
        &home,
        "r.example/a",
        &[("1", "one"), ("2", "two"), ("3", "three")],
    )
    .await
    .unwrap();
    let one = revoke(&home, "r.example/a", Some("1"))
        .await
        .unwrap()
        .outcome;
    assert_eq!(
        (one.tags, one.roles.len(), one.remaining.len()),
        (vec!["1".to_owned()], 2, 0)
    );
    let error = revoke(&home, "r.example/a", Some("1")).await.unwrap_err();
    assert!(matches!(error, TrustError::NotSigned { tag, .. } if tag == "1"));
    assert_eq!(
        revoke(&home, "r.example/a", None)
            .await
            .unwrap()
            .outcome
            .tags,
        ["2", "3"]
    );
    assert!(tags(&home, "r.example/a").await.is_empty());
    let error = revoke(&home, "r.example/a", None).await.unwrap_err();
    assert!(matches!(error, TrustError::NoSignedTags { .. }));
    let error = revoke(&home, "r.example/none", None).await.unwrap_err();
    assert!(matches!(error, TrustError::NotInitialised { .. }));
}

#[tokio::test]
async fn a_tag_that_would_stay_released_is_not_revoked() {
    let server = Server::start().await;
    let home = Home::new(&server);
    initialise(&home, "r.example/a").await.unwrap();
    sign(&home, "r.example/a", &[("1", "one")]).await.unwrap();
    let jeff = load_key(&home, "jeff");
    add(&home, "r.example/a", "jeff", std::slice::from_ref(&jeff))
        .await
        .unwrap();
    sign(&home, "r.example/a", &[("1", "one")]).await.unwrap();
    let stranger = Home::new(&server);
    stranger.copy(&home.trust().join("private"), "private");
    for key in stranger.client.keys().find_by_role("targets").unwrap() {
        std::fs::remove_file(key.path).unwrap();
    }
    let error = revoke(&stranger, "r.example/a", Some("1"))
        .await
        .unwrap_err();
    assert!(matches!(
        error,
        TrustError::MissingKeys {
            role: Role::Targets,
            ..
        }
    ));
    revoke(&home, "r.example/a", Some("1")).await.unwrap();
    assert!(tags(&home, "r.example/a").await.is_empty());
}

/// Counts what it sees.
#[derive(Default)]
struct Counter {
    staged: usize,
    already: usize,
    published: usize,
}

impl Observer for Counter {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Staged { done, total } => self.staged += usize::from(done <= total),
            Event::AlreadySigned { .. } => self.already += 1,
            Event::Published { .. } => self.published += 1,
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_thousand_tags_are_one_publish() {
    let server = Server::start().await;
    let home = logged_in(&server, "admin");
    sign(&home, "r.example/a", &[("t7", "7")]).await.unwrap();
    server.requests();
    let repository = home.repository("r.example/a");
    let images: Vec<_> = (0..1000)
        .map(|n| (tag(&format!("t{n}")), image(&repository, &n.to_string())))
        .collect();
    let (mut passphrases, mut counter) = (fixed(PASSPHRASE), Counter::default());
    let mut session = home.client.session(&mut passphrases, &mut counter, now());
    repository
        .sign(&images, Unchanged::Resign, &mut session)
        .await
        .unwrap();
    assert_eq!(
        (counter.staged, counter.already, counter.published),
        (1000, 1, 1)
    );
    assert_eq!(posts(&server.requests()), 1);
    assert_eq!(tags(&home, "r.example/a").await.len(), 1000);
}

#[tokio::test]
async fn an_image_of_another_repository_is_not_signed() {
    let server = Server::start().await;
    let home = logged_in(&server, "admin");
    let repository = home.repository("r.example/a");
    let foreign = image(&home.repository("r.example/b"), "x");
    let (mut passphrases, mut observer) = (fixed(PASSPHRASE), ());
    let mut session = home.client.session(&mut passphrases, &mut observer, now());
    let error = repository
        .sign(&[(tag("1"), foreign)], Unchanged::Resign, &mut session)
        .await
        .unwrap_err();
    assert!(matches!(error, TrustError::ImageRepository { .. }));
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_locked_or_unwritable_folder_is_an_error() {
    let server = Server::start().await;
    let home = Home::with(&server, |config| {
        config.lock_wait = std::time::Duration::from_millis(60)
    });
    let held = home.client.keys().lock(std::time::Duration::ZERO).unwrap();
    let error = initialise(&home, "r.example/a").await.unwrap_err();
    assert!(matches!(
        error,
        TrustError::Keys(keystore::Error::Locked { .. })
    ));
    drop(held);
    assert!(server.requests().is_empty());

    let blocked = Home::with(&server, |config| {
        let file = config.trust_folder.with_file_name("file");
        std::fs::write(&file, "").unwrap();
        config.trust_folder = file;
    });
    let error = initialise(&blocked, "r.example/a").await.unwrap_err();
    assert!(matches!(error, TrustError::Keys(_)), "{error:?}");
}

#[tokio::test]
async fn a_publisher_needs_the_server_whatever_is_cached() {
    let server = Server::start().await;
    let home = logged_in(&server, "admin");
    sign(&home, "r.example/a", &[("1", "one")]).await.unwrap();
    home.repository("r.example/a").update(now()).await.unwrap();
    let before = home.files();
    server.fault(Method::GET, "timestamp.json", Fault::Status(503, ""), 1);
    let error = sign(&home, "r.example/a", &[("2", "two")])
        .await
        .unwrap_err();
    assert!(matches!(error, TrustError::RemoteNotCached { .. }));
    server.lock().repos.clear();
    let error = sign(&home, "r.example/a", &[("2", "two")])
        .await
        .unwrap_err();
    assert!(
        matches!(error, TrustError::Deleted { .. }),
        "a deleted repository is not silently made anew"
    );
    assert_eq!(home.files(), before);
    home.repository("r.example/a").forget().await.unwrap();
    let done = sign(&home, "r.example/a", &[("2", "two")]).await.unwrap();
    assert!(done.initialised.is_some());
}

#[tokio::test]
async fn tokens_are_asked_for_with_the_whole_name() {
    let server = Server::start().await;
    let realm = format!(
        "Bearer realm=\"https://{}/token\",service=\"notary\"",
        server.host()
    );
    server.lock().required = Some(("Bearer t".to_owned(), realm));
    let home = logged_in(&server, "admin");
    sign(&home, "r.example/a", &[("1", "one")]).await.unwrap();
    home.repository("r.example/a").update(now()).await.unwrap();
    let requests = server.requests();
    let mut tokens: Vec<_> = requests
        .iter()
        .filter(|request| request.contains("/token?"))
        .collect();
    tokens.dedup();
    assert!(
        tokens[0].contains("account=admin") && tokens[0].contains("service=notary"),
        "{tokens:?}"
    );
    assert!(
        tokens[0].contains("scope=repository%3Ar.example%2Fa%3Apull%2Cpush"),
        "{tokens:?}"
    );
    assert!(
        tokens[1].contains("scope=repository%3Ar.example%2Fa%3Apull&"),
        "{tokens:?}"
    );
    assert_eq!(tokens.len(), 2, "one scope for each command: {requests:?}");
}

#[tokio::test]
async fn staged_changes_of_a_stock_client_are_left_alone() {
    let server = Server::start().await;
    let home = logged_in(&server, "admin");
    sign(&home, "r.example/a", &[("1", "one")]).await.unwrap();
    let changelist = home.trust().join("tuf/r.example/a/changelist");
    std::fs::create_dir_all(&changelist).unwrap();
    std::fs::write(changelist.join("00000000000000000001_x.change"), "{}").unwrap();
    sign(&home, "r.example/a", &[("2", "two")]).await.unwrap();
    let inspection = home
        .repository("r.example/a")
        .inspect(None, now())
        .await
        .unwrap();
    assert_eq!(inspection.staged_changes, 1);
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

#[tokio::test]
async fn two_processes_in_one_trust_folder_take_turns() {
    let server = Server::start().await;
    let home = logged_in(&server, "admin");
    sign(&home, "r.example/a", &[("1", "one")]).await.unwrap();
    let second = TrustClient::new(home.client.config().clone());
    let repository = second
        .repository(reference("r.example/a").repository())
        .unwrap();
    let images = [(tag("3"), image(&repository, "three"))];
    let (mut passphrases, mut observer) = (fixed(PASSPHRASE), ());
    let mut session = second.session(&mut passphrases, &mut observer, now());
    let tags_of_first = [("2", "two")];
    let both = futures_util::future::join(
        sign(&home, "r.example/a", &tags_of_first),
        repository.sign(&images, Unchanged::Resign, &mut session),
    );
    let (first, second) = both.await;
    first.unwrap();
    second.unwrap();
    assert_eq!(tags(&home, "r.example/a").await.len(), 3);
}
