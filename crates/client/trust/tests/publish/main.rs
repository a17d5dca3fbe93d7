//! Publishing to a trust server in memory: what it gets, what stays here, and what happens when it does not take it.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

#[path = "../common/mod.rs"]
mod common;
mod contention;
mod keys;
mod revoking;
mod signers;

use std::sync::Arc;

use common::{Home, Server, now, reference};
use jiff::ToSpan as _;
use keystore::Fixed;
use oci::{Digest, MediaType, Tag};
use pki::key::PublicKey;
use pki::keyfile::Passphrase;
use pki::signing::SigningKey;
use registry::{ConfigSources, DockerConfig, ResolvedImage};
use trust::{
    Event, Observer, Published, Repository, Signed, SignerAdded, SignerName, SignerNameError,
    SignerRemoved, TrustError, Unchanged,
};
use tuf::Role;

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
