//! Reading from a trust server that serves what the real programs made, and from one that does not.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod common;

use common::{Fault, Home, Server, golden, now, reference};
use http::Method;
use jiff::ToSpan as _;
use oci::Tag;
use pki::key::TufKeyId;
use trust::{CacheError, RemoteError, Resource, TrustError};
use tuf::pins::Pins;
use tuf::{Refusal, Role};

const PLAIN: &str = "golden.example/plain";
const DELEGATIONS: &str = "golden.example/delegations";
const ROTATED: &str = "golden.example/rotated";

async fn serving(name: &str) -> Server {
    let server = Server::start().await;
    server.load_golden(name, &format!("golden.example/{name}"));
    server
}

fn tag(text: &str) -> Tag {
    Tag::parse(text).unwrap()
}

#[tokio::test]
async fn a_repository_is_inspected_and_its_bytes_are_cached() {
    let server = serving("plain").await;
    let home = Home::new(&server);
    let inspection = home.repository(PLAIN).inspect(None, now()).await.unwrap();
    let tags: Vec<_> = inspection.tags.iter().map(|tag| tag.tag.as_str()).collect();
    assert_eq!(tags, ["latest", "v1.0", "v1.1"]);
    assert!(
        inspection
            .tags
            .iter()
            .all(|tag| tag.signers.is_empty() && tag.digest.is_some())
    );
    assert!(inspection.signers.is_empty());
    assert_eq!(
        (inspection.root_keys.len(), inspection.repository_keys.len()),
        (1, 1)
    );
    assert!(inspection.expiries.iter().all(|role| !role.near));

    // The real client cached the same bytes.
    let real = golden().join("repos/plain/trust-dir/tuf/golden.example/plain/metadata");
    for role in ["root", "targets", "snapshot", "timestamp"] {
        let ours = &home.files()[&format!("tuf/golden.example/plain/metadata/{role}.json")];
        assert_eq!(
            *ours,
            std::fs::read(real.join(format!("{role}.json"))).unwrap(),
            "{role}"
        );
    }
}

#[tokio::test]
async fn requests_are_the_fewest_possible() {
    let server = serving("delegations").await;
    let home = Home::new(&server);
    home.repository(DELEGATIONS).update(now()).await.unwrap();
    let first = server.requests();
    assert_eq!(first.len(), 7, "{first:?}");
    assert!(
        !first.iter().any(|request| request.ends_with("GET /v2/")),
        "no ping: {first:?}"
    );

    let before = home.files();
    home.repository(DELEGATIONS).update(now()).await.unwrap();
    assert_eq!(
        server.requests(),
        ["GET /v2/golden.example/delegations/_trust/tuf/timestamp.json"]
    );
    assert_eq!(home.files(), before);
}

#[tokio::test]
async fn the_same_moment_twice_is_one_timestamp_and_still_fails_closed() {
    let server = serving("plain").await;
    let home = Home::new(&server);
    let repository = home.repository(PLAIN);
    repository.update(now()).await.unwrap();
    server.requests();
    repository.update(now()).await.unwrap();
    assert_eq!(server.requests().len(), 1);
    server.fault(Method::GET, "timestamp.json", Fault::Status(503, ""), 1);
    let error = repository.update(now()).await.unwrap_err();
    assert!(
        matches!(error, TrustError::RemoteNotCached { .. }),
        "{error:?}"
    );
    let error = repository
        .update(now() + (20 * 24).hours())
        .await
        .unwrap_err();
    assert!(
        matches!(error.refusal(), Some(Refusal::Expired { .. })),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_cache_of_the_stock_client_is_used() {
    let server = serving("delegations").await;
    let home = Home::new(&server);
    home.copy(&golden().join("repos/delegations/trust-dir/tuf"), "tuf");
    home.repository(DELEGATIONS).update(now()).await.unwrap();
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn signers_are_those_with_the_same_digest() {
    let server = serving("delegations").await;
    let home = Home::new(&server);
    let inspection = home
        .repository(DELEGATIONS)
        .inspect(None, now())
        .await
        .unwrap();
    let seen: Vec<_> = inspection
        .tags
        .iter()
        .map(|tag| (tag.tag.as_str(), tag.signers.join(",")))
        .collect();
    // `nested/x` is signed below targets/releases only, so it is not released.
    assert_eq!(
        seen,
        [
            ("base", String::new()),
            ("v1", "alice".to_owned()),
            ("v2", String::new())
        ]
    );
    let signers: Vec<_> = inspection
        .signers
        .iter()
        .map(|s| (s.name.as_str(), s.keys.len()))
        .collect();
    assert_eq!(signers, [("alice", 1), ("releases/nested", 1)]);

    // Key ids are those of the key files, also for a signer's certificate.
    let one = home
        .repository(DELEGATIONS)
        .inspect(Some(&tag("v1")), now())
        .await
        .unwrap();
    assert_eq!(one.tags.len(), 1);
    assert_eq!(one.signers[0].keys[0].to_string(), keyid("alice"));
}

/// The private key file of a role label, by its name.
fn keyid(role: &str) -> String {
    let folder = golden().join("repos/delegations/trust-dir/private");
    let mut found = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let path = found
        .find(|path| {
            std::fs::read_to_string(path)
                .unwrap()
                .contains(&format!("role: {role}"))
        })
        .unwrap();
    path.file_stem().unwrap().to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_tag_resolves_to_its_released_digest() {
    let server = serving("delegations").await;
    let home = Home::new(&server);
    let repository = home.repository(DELEGATIONS);
    let released = repository.resolve(&tag("v2"), now()).await.unwrap();
    assert_eq!(
        (released.role().as_str(), released.sha256().is_some()),
        ("targets/releases", true)
    );
    assert_eq!(
        repository
            .resolve(&tag("base"), now())
            .await
            .unwrap()
            .role(),
        &Role::Targets
    );
    let error = repository
        .resolve(&tag("unsigned"), now())
        .await
        .unwrap_err();
    assert!(matches!(error, TrustError::NotSigned { tag, .. } if tag == "unsigned"));
    let all: Vec<_> = repository
        .resolve_all(now())
        .await
        .unwrap()
        .iter()
        .map(|t| t.name().to_owned())
        .collect();
    assert_eq!(all, ["base", "v1", "v2"]);
}

#[tokio::test]
async fn a_client_at_the_first_root_catches_up() {
    let server = serving("rotated").await;
    let home = Home::new(&server);
    home.copy(&golden().join("repos/rotated/client-at-root-v1"), "tuf");
    let trusted = home.repository(ROTATED).update(now()).await.unwrap();
    assert_eq!(trusted.snapshot().root().version(), 6);
    let roots: Vec<_> = server
        .requests()
        .into_iter()
        .filter(|request| request.contains(".root.json"))
        .collect();
    assert!(
        !roots.is_empty(),
        "intermediate roots are asked for: {roots:?}"
    );
    let cached = &home.files()["tuf/golden.example/rotated/metadata/root.json"];
    assert_eq!(common::server::version(cached), 6);
}

#[tokio::test]
async fn every_golden_repository_is_read() {
    for name in ["plain", "delegations", "rotated", "odd", "ed25519"] {
        let server = serving(name).await;
        let home = Home::new(&server);
        let inspection = home
            .repository(&format!("golden.example/{name}"))
            .inspect(None, now())
            .await
            .unwrap();
        assert!(!inspection.expiries.is_empty(), "{name}");
    }
}

#[tokio::test]
async fn several_references_are_answered_in_order() {
    let server = serving("plain").await;
    server.load_golden("odd", "golden.example/odd");
    let home = Home::new(&server);
    let names = [
        "golden.example/odd",
        "golden.example/none",
        "golden.example/plain:v1.0",
    ]
    .map(reference);
    let answers = home.client.inspect(&names, now()).await;
    assert_eq!(
        answers[0].as_ref().unwrap().gun.as_str(),
        "golden.example/odd"
    );
    assert!(
        matches!(&answers[1], Err(TrustError::NotInitialised { gun, .. }) if gun.as_str() == "golden.example/none")
    );
    assert_eq!(answers[2].as_ref().unwrap().tags.len(), 1);
}

#[tokio::test]
async fn an_expired_timestamp_is_refused() {
    let server = serving("expired-timestamp").await;
    let home = Home::new(&server);
    let error = home
        .repository("golden.example/expired-timestamp")
        .update(now())
        .await
        .unwrap_err();
    assert!(matches!(
        error.refusal(),
        Some(Refusal::Expired {
            role: Role::Timestamp,
            ..
        })
    ));
    assert!(home.files().is_empty(), "nothing unverified is cached");
}

#[tokio::test]
async fn freezing_is_noticed_when_the_timestamp_ends() {
    let server = serving("plain").await;
    let home = Home::new(&server);
    home.repository(PLAIN).update(now()).await.unwrap();
    let before = home.files();
    let error = home
        .repository(PLAIN)
        .update(now() + (20 * 24).hours())
        .await
        .unwrap_err();
    assert!(matches!(
        error.refusal(),
        Some(Refusal::Expired {
            role: Role::Timestamp,
            ..
        })
    ));
    assert_eq!(home.files(), before);
}

#[tokio::test]
async fn older_metadata_than_seen_is_refused() {
    let server = serving("delegations").await;
    let home = Home::new(&server);
    home.repository(DELEGATIONS).update(now()).await.unwrap();
    let before = home.files();
    server
        .lock()
        .repos
        .get_mut(DELEGATIONS)
        .unwrap()
        .roles
        .get_mut("timestamp")
        .unwrap()
        .pop();
    let error = home
        .repository(DELEGATIONS)
        .update(now())
        .await
        .unwrap_err();
    let Some(Refusal::VersionRollback { role, .. }) = error.refusal() else {
        panic!("{error:?}")
    };
    assert_eq!(*role, Role::Timestamp);
    assert_eq!(home.files(), before);

    // Without memory it is the newest there is.
    Home::new(&server)
        .repository(DELEGATIONS)
        .update(now())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_server_that_fails_is_an_error_whatever_is_cached() {
    let server = serving("plain").await;
    let home = Home::new(&server);
    home.repository(PLAIN).update(now()).await.unwrap();
    let before = home.files();
    for status in [401, 403, 413, 429, 500, 503] {
        server.fault(
            Method::GET,
            "timestamp.json",
            Fault::Status(status, "{}"),
            1,
        );
        let error = home
            .repository(PLAIN)
            .inspect(None, now())
            .await
            .unwrap_err();
        let TrustError::RemoteNotCached { source, unused } = &error else {
            panic!("{status}: {error:?}")
        };
        assert!(unused.written.is_some());
        let right = match status {
            401 => matches!(
                &**source,
                RemoteError::Unauthorized {
                    credentials: false,
                    ..
                }
            ),
            403 => matches!(&**source, RemoteError::Forbidden { .. }),
            429 => matches!(&**source, RemoteError::RateLimited { retry_after: None }),
            _ => matches!(&**source, RemoteError::Status { status: found, .. } if *found == status),
        };
        assert!(right, "{status}: {source:?}");
    }
    server.fault(Method::GET, "timestamp.json", Fault::Status(404, ""), 1);
    let error = home
        .repository(PLAIN)
        .inspect(None, now())
        .await
        .unwrap_err();
    assert!(matches!(error, TrustError::Deleted { .. }), "{error:?}");
    assert_eq!(home.files(), before);
}

#[tokio::test]
async fn answers_that_are_none_are_told_apart() {
    let server = serving("plain").await;
    let home = Home::new(&server);
    let ask = async || home.repository(PLAIN).update(now()).await.unwrap_err();
    server.fault(
        Method::GET,
        "root.json",
        Fault::Body("<!doctype html><html></html>".into()),
        1,
    );
    assert!(matches!(
        ask().await.remote(),
        Some(RemoteError::Html { .. })
    ));
    server.fault(Method::GET, "root.json", Fault::Cut, 1);
    let error = ask().await;
    assert!(
        matches!(
            error.remote(),
            Some(RemoteError::Network(net::Error::Interrupted { .. }))
        ),
        "{error:?}"
    );
    server.fault(
        Method::GET,
        "root.json",
        Fault::Body("{\"signed\":".into()),
        1,
    );
    assert!(matches!(
        ask().await.refusal(),
        Some(Refusal::Malformed {
            role: Role::Root,
            ..
        })
    ));
    server.fault(
        Method::GET,
        "timestamp.json",
        Fault::Body(vec![b' '; (1 << 20) + 1].into()),
        1,
    );
    let error = ask().await;
    assert!(
        matches!(
            error.remote(),
            Some(RemoteError::TooLarge {
                limit: 1_048_576,
                ..
            })
        ),
        "{error:?}"
    );
    assert!(home.files().is_empty());
}

#[tokio::test]
async fn nobody_listening_is_unreachable() {
    let server = Server::start().await;
    let home = Home::with(&server, |config| {
        config.server = Some("https://localhost:1".to_owned())
    });
    let error = home.repository(PLAIN).update(now()).await.unwrap_err();
    assert!(
        matches!(
            error.remote(),
            Some(RemoteError::Network(net::Error::ConnectRefused { .. }))
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn an_unknown_authority_is_refused_for_loopback_too() {
    let server = serving("plain").await;
    let home = Home::with(&server, |config| config.tls_folder = "/nonexistent".into());
    let error = home.repository(PLAIN).update(now()).await.unwrap_err();
    let Some(RemoteError::Network(net::Error::Tls { reason, .. })) = error.remote() else {
        panic!("{error:?}")
    };
    assert_eq!(*reason, net::TlsFault::UnknownIssuer);
}

#[tokio::test]
async fn a_repository_made_anew_does_not_replace_the_pin() {
    let server = serving("rotated").await;
    let home = Home::new(&server);
    home.repository(ROTATED).update(now()).await.unwrap();
    let before = home.files();
    // Another owner's metadata, under the same name: a root that nobody trusted here signed.
    let mut repo = server.lock().repos[ROTATED].clone();
    repo.roles.get_mut("root").unwrap().truncate(1);
    repo.roles.get_mut("timestamp").unwrap().truncate(1);
    server.lock().repos.insert(ROTATED.to_owned(), repo);
    let error = home.repository(ROTATED).update(now()).await.unwrap_err();
    assert!(
        matches!(error, TrustError::RootReplaced { trusted: 6, .. }),
        "{error:?}"
    );
    assert_eq!(home.files(), before);
}

#[tokio::test]
async fn a_cache_that_was_tampered_with_is_not_trusted() {
    let server = serving("plain").await;
    let home = Home::new(&server);
    home.repository(PLAIN).update(now()).await.unwrap();
    let metadata = home.trust().join("tuf/golden.example/plain/metadata");
    std::fs::write(metadata.join("targets.json"), b"{}").unwrap();
    home.repository(PLAIN).update(now()).await.unwrap();
    assert_ne!(std::fs::read(metadata.join("targets.json")).unwrap(), b"{}");
    std::fs::write(metadata.join("root.json"), b"{}").unwrap();
    let error = home.repository(PLAIN).update(now()).await.unwrap_err();
    assert!(matches!(
        error.refusal(),
        Some(Refusal::Malformed {
            role: Role::Root,
            ..
        })
    ));
}

#[tokio::test]
async fn pins_hold_for_first_use_and_for_the_cache() {
    let server = serving("plain").await;
    let learnt = Home::new(&server)
        .repository(PLAIN)
        .inspect(None, now())
        .await
        .unwrap()
        .root_keys;
    let pinned = Home::with(&server, |config| {
        config.pins = Pins::none()
            .with_certificates("golden.example/*", learnt.clone())
            .without_tofu();
    });
    pinned.repository(PLAIN).update(now()).await.unwrap();

    let stranger = vec![TufKeyId::from_bytes([7; 32])];
    let other = Home::with(&server, |config| {
        config.pins = Pins::none().with_certificates(PLAIN, stranger.clone());
    });
    let error = other.repository(PLAIN).update(now()).await.unwrap_err();
    assert!(
        matches!(error.refusal(), Some(Refusal::PinMismatch { .. })),
        "{error:?}"
    );
    other.copy(&pinned.trust().join("tuf"), "tuf");
    let error = other.repository(PLAIN).update(now()).await.unwrap_err();
    assert!(
        matches!(error.refusal(), Some(Refusal::PinMismatch { .. })),
        "{error:?}"
    );

    let careful = Home::with(&server, |config| config.pins = Pins::none().without_tofu());
    let error = careful.repository(PLAIN).update(now()).await.unwrap_err();
    assert!(matches!(
        error.refusal(),
        Some(Refusal::TofuDisabled { .. })
    ));
    assert!(careful.files().is_empty());
}

#[tokio::test]
async fn a_file_that_its_parent_names_and_nobody_has_is_an_error() {
    let server = serving("plain").await;
    let home = Home::new(&server);
    server
        .lock()
        .repos
        .get_mut(PLAIN)
        .unwrap()
        .roles
        .remove("targets");
    let error = home.repository(PLAIN).update(now()).await.unwrap_err();
    let Some(RemoteError::NotFound {
        resource: Resource::ByHash(role, _),
    }) = error.remote()
    else {
        panic!("{error:?}")
    };
    assert_eq!(*role, Role::Targets);
    assert!(home.files().is_empty());
}

#[tokio::test]
async fn mixed_files_are_refused() {
    let server = serving("delegations").await;
    let home = Home::new(&server);
    // The right name, an older content.
    let older = server.lock().repos[DELEGATIONS].roles["targets"][0].clone();
    let newest = server.newest(DELEGATIONS, "targets").unwrap();
    let path = format!("targets.{}.json", pki::digest::Sha256::of(&newest));
    let padded: Vec<u8> = older
        .iter()
        .copied()
        .chain(std::iter::repeat(b' '))
        .take(newest.len())
        .collect();
    server.fault(Method::GET, &path, Fault::Body(padded.into()), 9);
    let error = home
        .repository(DELEGATIONS)
        .update(now())
        .await
        .unwrap_err();
    assert!(matches!(
        error.refusal(),
        Some(Refusal::HashMismatch {
            role: Role::Targets,
            ..
        })
    ));
    assert!(home.files().is_empty());
}

#[tokio::test]
async fn a_trust_folder_that_cannot_be_written_is_an_error() {
    let server = serving("plain").await;
    let home = Home::with(&server, |config| {
        let file = config.trust_folder.with_file_name("file");
        std::fs::write(&file, "").unwrap();
        config.trust_folder = file;
    });
    let error = home.repository(PLAIN).update(now()).await.unwrap_err();
    assert!(
        matches!(
            error,
            TrustError::Cache(CacheError {
                action: "writing",
                ..
            })
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn credentials_are_reported_as_missing() {
    let server = serving("plain").await;
    server.lock().required = Some(("Basic x".to_owned(), "Basic realm=\"trust\"".to_owned()));
    let home = Home::new(&server);
    let error = home.repository(PLAIN).update(now()).await.unwrap_err();
    assert!(
        matches!(
            error.remote(),
            Some(RemoteError::Unauthorized {
                credentials: false,
                ..
            })
        ),
        "{error:?}"
    );
}
