//! Against the real notary-server, and in turns with the real notary client on one trust folder.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use jiff::Timestamp;
use keystore::Fixed;
use oci::{Digest, MediaType, Reference, Tag};
use pki::keyfile::Passphrase;
use registry::ResolvedImage;
use testkit::{Folder, NotaryCli, NotaryServer, Peers, TestCa};
use trust::{Config, Published, SignerName, TrustClient, TrustError, Unchanged};

/// Real servers have real clocks.
#[allow(
    clippy::disallowed_methods,
    reason = "the peers read the clock of the machine"
)]
fn now() -> Timestamp {
    Timestamp::now()
}

fn client(server: &NotaryServer, folder: &Folder) -> TrustClient {
    let tls = folder.path().join("tls");
    let host = tls.join(server.address().to_string());
    std::fs::create_dir_all(&host).unwrap();
    std::fs::copy(server.ca_file(), host.join("ca.crt")).unwrap();
    let mut config = Config::new(
        folder.path().join("trust"),
        tls,
        net::Config::new("countersign-test"),
    );
    config.server = Some(server.url());
    TrustClient::new(config)
}

fn repository_of(name: &str) -> oci::Repository {
    Reference::parse(name).unwrap().repository().clone()
}

fn passphrases() -> Fixed {
    Fixed::new().otherwise(Passphrase::from(NotaryCli::PASSPHRASE.to_owned()))
}

async fn initialise(client: &TrustClient, name: &str) {
    let (mut passphrases, mut observer) = (passphrases(), ());
    let mut session = client.session(&mut passphrases, &mut observer, now());
    client
        .repository(&repository_of(name))
        .unwrap()
        .initialise(&mut session)
        .await
        .unwrap();
}

async fn sign(
    client: &TrustClient,
    name: &str,
    tags: &[&str],
) -> Result<Published<trust::Signed>, TrustError> {
    let name = repository_of(name);
    let index = MediaType::parse("application/vnd.oci.image.index.v1+json").unwrap();
    let image = |tag: &str| {
        ResolvedImage::assertion(
            name.clone(),
            Digest::sha256(tag.as_bytes()),
            7,
            index.clone(),
        )
    };
    let images: Vec<_> = tags
        .iter()
        .map(|tag| (Tag::parse(tag).unwrap(), image(tag)))
        .collect();
    let (mut passphrases, mut observer) = (passphrases(), ());
    let mut session = client.session(&mut passphrases, &mut observer, now());
    client
        .repository(&name)
        .unwrap()
        .sign(&images, Unchanged::Resign, &mut session)
        .await
}

async fn tags(client: &TrustClient, name: &str) -> Vec<(String, String)> {
    let repository = client.repository(&repository_of(name)).unwrap();
    let inspection = repository.inspect(None, now()).await.unwrap();
    inspection
        .tags
        .iter()
        .map(|tag| (tag.tag.clone(), tag.signers.join(",")))
        .collect()
}

fn hex(tag: &str) -> String {
    Digest::sha256(tag.as_bytes())
        .to_string()
        .replace("sha256:", "")
}

/// The names and roles that `notary list` prints.
fn listed(notary: &NotaryCli, gun: &str) -> Vec<(String, String)> {
    let output = notary.run(["list", gun]);
    let mut rows = Vec::new();
    for line in output
        .stdout
        .lines()
        .skip_while(|line| !line.starts_with("---"))
        .skip(1)
    {
        let cells: Vec<_> = line.split_whitespace().collect();
        if let [name, _, _, role] = cells.as_slice() {
            rows.push(((*name).to_owned(), (*role).to_owned()));
        }
    }
    rows
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected
        .iter()
        .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn ours_and_notary_take_turns_on_one_folder() {
    let Some(peers) = Peers::locate() else { return };
    let ca = TestCa::new();
    let server = NotaryServer::with_signer(&peers, &ca);
    let folder = Folder::new("trust");
    let client = client(&server, &folder);
    let notary = NotaryCli::new(&peers, &server.url(), server.ca_file())
        .trust_dir(&folder.path().join("trust"));
    let stranger = NotaryCli::new(&peers, &server.url(), server.ca_file());
    let gun = "r.example/turns";

    initialise(&client, gun).await;
    sign(&client, gun, &["one"]).await.unwrap();
    for reader in [&notary, &stranger] {
        assert_eq!(listed(reader, gun), pairs(&[("one", "targets")]));
    }
    notary
        .run(["addhash", "-p", gun, "two", "7", "--sha256", &hex("two")])
        .success();
    assert_eq!(tags(&client, gun).await, pairs(&[("one", ""), ("two", "")]));
    sign(&client, gun, &["three"]).await.unwrap();
    assert_eq!(listed(&stranger, gun).len(), 3);

    // A root rotated by notary is followed, with its new key.
    notary.run(["key", "rotate", gun, "root"]).success();
    sign(&client, gun, &["four"]).await.unwrap();
    notary.run(["key", "rotate", gun, "targets"]).success();
    sign(&client, gun, &["five"]).await.unwrap();
    assert_eq!(listed(&stranger, gun).len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_of_notary_is_signed_in() {
    let Some(peers) = Peers::locate() else { return };
    let ca = TestCa::new();
    let server = NotaryServer::memory(&peers, &ca);
    let folder = Folder::new("trust");
    let client = client(&server, &folder);
    let notary = NotaryCli::new(&peers, &server.url(), server.ca_file())
        .trust_dir(&folder.path().join("trust"));
    let gun = "r.example/theirs";
    notary.run(["init", "-p", gun]).success();
    // Notary holds the snapshot key itself unless told otherwise.
    let done = sign(&client, gun, &["one"]).await.unwrap();
    assert!(
        done.files
            .iter()
            .any(|(role, _)| role.as_str() == "snapshot"),
        "{:?}",
        done.files
    );
    assert_eq!(listed(&notary, gun), pairs(&[("one", "targets")]));
}

#[tokio::test(flavor = "multi_thread")]
async fn signers_are_understood_by_notary() {
    let Some(peers) = Peers::locate() else { return };
    let ca = TestCa::new();
    let server = NotaryServer::with_signer(&peers, &ca);
    let folder = Folder::new("trust");
    let client = client(&server, &folder);
    let gun = "r.example/signers";
    let keys = client.keys();
    let mut made = Vec::new();
    for role in ["amy", "jeff"] {
        let key = pki::signing::SigningKey::generate_ecdsa_p256().unwrap();
        let lock = keys.lock(std::time::Duration::ZERO).unwrap();
        let passphrase = Passphrase::from(NotaryCli::PASSPHRASE.to_owned());
        keys.save(
            &lock,
            &key,
            &passphrase,
            role,
            None,
            keystore::Replace::IfSame,
        )
        .unwrap();
        drop(lock);
        let (mut passphrases, mut observer) = (passphrases(), ());
        let mut session = client.session(&mut passphrases, &mut observer, now());
        let repository = client.repository(&repository_of(gun)).unwrap();
        let name = SignerName::parse(role).unwrap();
        let public = key.public_key().clone();
        repository
            .add_signer(&name, &[public], &mut session)
            .await
            .unwrap();
        made.push(key);
    }
    sign(&client, gun, &["one"]).await.unwrap();
    let stranger = NotaryCli::new(&peers, &server.url(), server.ca_file());
    let delegations = stranger.run(["delegation", "list", gun]).stdout;
    for key in &made {
        assert!(
            delegations.contains(&key.canonical_id().to_string()),
            "{delegations}"
        );
    }
    assert_eq!(listed(&stranger, gun).len(), 1);

    let (mut passphrases, mut observer) = (passphrases(), ());
    let mut session = client.session(&mut passphrases, &mut observer, now());
    let repository = client.repository(&repository_of(gun)).unwrap();
    let gone = repository
        .remove_signer(&SignerName::parse("amy").unwrap(), false, &mut session)
        .await
        .unwrap();
    assert!(
        !gone.outcome.releases_signed_anew,
        "jeff's signature is on the releases"
    );
    assert_eq!(tags(&client, gun).await, pairs(&[("one", "jeff")]));
    repository.revoke(None, &mut session).await.unwrap();
    assert!(tags(&client, gun).await.is_empty());
    assert!(listed(&stranger, gun).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn publishers_at_once_all_land_on_postgresql() {
    let Some(peers) = Peers::locate() else { return };
    let ca = TestCa::new();
    let server = NotaryServer::postgres(&peers, &ca);
    let folder = Folder::new("trust");
    let first = client(&server, &folder);
    let gun = "r.example/race";
    initialise(&first, gun).await;
    let other = Folder::new("trust");
    let second = client(&server, &other);
    let private = other.path().join("trust/private");
    std::fs::create_dir_all(&private).unwrap();
    for entry in std::fs::read_dir(folder.path().join("trust/private")).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, private.join(path.file_name().unwrap())).unwrap();
    }
    for round in 0..5 {
        let (a, b) = (format!("a{round}"), format!("b{round}"));
        let (a, b) = ([a.as_str()], [b.as_str()]);
        let (one, two) =
            futures_util::future::join(sign(&first, gun, &a), sign(&second, gun, &b)).await;
        one.unwrap();
        two.unwrap();
    }
    assert_eq!(tags(&first, gun).await.len(), 10);
}
