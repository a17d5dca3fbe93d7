//! Every golden repository through the client update: all signatures, all hashes, and the lists that `notary` printed.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![allow(clippy::disallowed_methods, reason = "golden data lies in files")]

mod common;

use common::{Cache, NOW, golden, now, repositories, run_update, signature_is_valid};
use pki::key::TufKeyId;
use tuf::metadata::{Parsed, Root, Snapshot, Targets, Timestamp};
use tuf::pins::Pins;
use tuf::refusal::Refusal;
use tuf::trusted::{CachedRoot, Need, RootWanted, Update};
use tuf::{Gun, Role};

#[test]
fn every_repository_lists_what_notary_listed() {
    for name in repositories() {
        let gun = Gun::parse(&format!("golden.example/{name}")).unwrap();
        let cache = Cache::server(&name);
        let now = if name == "expired-timestamp" {
            "2026-10-25T00:00:00Z".parse().unwrap()
        } else {
            now()
        };
        let trusted = run_update(&gun, Pins::none(), None, &cache, now).unwrap();
        let rows: Vec<String> = trusted
            .list(&[])
            .iter()
            .map(|t| {
                let sha256 = t.sha256().unwrap();
                format!(
                    "{}|{sha256}|{}|{}",
                    t.name().replace('\u{2028}', ""),
                    t.length(),
                    t.role()
                )
            })
            .collect();
        let printed =
            std::fs::read_to_string(golden(&format!("notary/repos/{name}/list.txt"))).unwrap();
        let expected: Vec<String> = printed.lines().filter_map(row).collect();
        assert_eq!(
            rows.iter()
                .map(|r| r.trim_start_matches(char::is_whitespace))
                .collect::<Vec<_>>(),
            expected
        );
        assert!(!rows.is_empty() && trusted.skipped().is_empty());
        for target in trusted.list(&[]) {
            assert_eq!(trusted.lookup(target.name(), &[]).as_ref(), Some(&target));
        }
    }
}

/// `name  digest  size  role` with the digest in the middle; names may be blank.
fn row(line: &str) -> Option<String> {
    let mut cells = line.rsplit(' ').filter(|cell| !cell.is_empty());
    let (role, size, digest) = (cells.next()?, cells.next()?, cells.next()?);
    let name = line.split(digest).next()?.trim().replace('\u{2028}', "");
    (digest.len() == 64).then(|| format!("{name}|{digest}|{size}|{role}"))
}

#[test]
fn the_expired_timestamp_is_refused() {
    let gun = Gun::parse("golden.example/expired-timestamp").unwrap();
    let refused = run_update(
        &gun,
        Pins::none(),
        None,
        &Cache::server("expired-timestamp"),
        now(),
    )
    .unwrap_err();
    assert!(matches!(
        &refused,
        Refusal::Expired {
            role: Role::Timestamp,
            ..
        }
    ));
    assert_eq!(
        refused.to_string(),
        "timestamp expired at Wed Nov 4 22:10:38 UTC 2026"
    );
}

#[test]
fn every_signature_of_every_file_verifies() {
    let mut checked = 0;
    for name in repositories() {
        let server = Cache::server(&name);
        let (roots, targets) = (server.all("root"), server.all_targets());
        let keys: Vec<_> = roots
            .iter()
            .flat_map(|bytes| {
                Parsed::<Root>::from_bytes(bytes)
                    .unwrap()
                    .unverified()
                    .keys
                    .clone()
                    .iter()
                    .map(|(i, k)| (*i, k.clone()))
                    .collect::<Vec<_>>()
            })
            .chain(targets.iter().flat_map(|bytes| {
                let file = Parsed::<Targets>::from_bytes(bytes).unwrap();
                file.unverified()
                    .delegations
                    .keys
                    .iter()
                    .map(|(i, k)| (*i, k.clone()))
                    .collect::<Vec<_>>()
            }))
            .collect();
        let mut check = |message: &[u8], signatures: &[tuf::metadata::Signature]| {
            assert!(!signatures.is_empty());
            for signature in signatures {
                let (_, key) = keys.iter().find(|(id, _)| *id == signature.keyid).unwrap();
                assert!(
                    signature_is_valid(key, message, signature),
                    "{name} {}",
                    signature.keyid
                );
                checked += 1;
            }
        };
        for bytes in &roots {
            let file = Parsed::<Root>::from_bytes(bytes).unwrap();
            check(file.message(), file.signatures());
        }
        for bytes in &targets {
            let file = Parsed::<Targets>::from_bytes(bytes).unwrap();
            check(file.message(), file.signatures());
        }
        for bytes in server.all("snapshot") {
            let file = Parsed::<Snapshot>::from_bytes(&bytes).unwrap();
            check(file.message(), file.signatures());
        }
        for bytes in server.all("timestamp") {
            let file = Parsed::<Timestamp>::from_bytes(&bytes).unwrap();
            check(file.message(), file.signatures());
        }
    }
    assert!(checked >= 66, "{checked} signatures");
}

#[test]
fn a_client_at_root_1_reaches_root_6_through_every_version() {
    let gun = Gun::parse("golden.example/rotated").unwrap();
    let old = Cache::trust_dir("notary/repos/rotated/client-at-root-v1/golden.example/rotated");
    let server = Cache::server("rotated");
    let mut update = Update::start(&gun, Pins::none(), Some(&old.current("root")), now()).unwrap();
    for role in ["timestamp", "snapshot", "targets"] {
        update
            .remember(&Role::parse(role).unwrap(), &old.current(role))
            .unwrap();
    }
    let mut versions = Vec::new();
    while let Some(need) = update.need() {
        if let Need::Root(RootWanted::Version(n)) = need {
            versions.push(n);
        }
        update.feed(&server.answer(&need)).unwrap();
    }
    assert_eq!(versions, [2, 3, 4, 5]);
    let trusted = update.finish().unwrap();
    assert_eq!(trusted.snapshot().root().version(), 6);
    assert_eq!(trusted.list(&[]).len(), 2);
}

#[test]
fn docker_sample_store_verifies_from_the_cache() {
    for (name, roles) in [("demo", 3), ("plain", 1)] {
        let gun = Gun::parse(&format!("registry.example.com/admin/{name}")).unwrap();
        let path = format!("docker/sample-store/trust/tuf/registry.example.com/admin/{name}");
        let cache = Cache::trust_dir(&path);
        let trusted = run_update(
            &gun,
            Pins::none(),
            Some(&cache.current("root")),
            &cache,
            now(),
        )
        .unwrap();
        assert_eq!(trusted.files().count(), roles);
        let found = trusted
            .lookup(
                "1",
                &[Role::parse("targets/releases").unwrap(), Role::Targets],
            )
            .unwrap();
        assert_eq!(
            found.role().as_str(),
            if roles == 3 {
                "targets/releases"
            } else {
                "targets"
            }
        );
        assert_eq!(found.length(), 523);
        assert_eq!(
            trusted.entries(Some("1")).len(),
            if roles == 3 { 2 } else { 1 }
        );
    }
}

#[test]
fn delegations_are_walked_and_limited_as_notary_does() {
    let gun = Gun::parse("golden.example/delegations").unwrap();
    let trusted = run_update(
        &gun,
        Pins::none(),
        None,
        &Cache::server("delegations"),
        now(),
    )
    .unwrap();
    let role = |text: &str| Role::parse(text).unwrap();
    assert_eq!(
        trusted.lookup("v1", &[]).unwrap().role(),
        &role("targets/alice")
    );
    assert_eq!(
        trusted
            .lookup("v1", &[role("targets/releases")])
            .unwrap()
            .role(),
        &role("targets/releases")
    );
    assert_eq!(trusted.lookup("base", &[role("targets/releases")]), None);
    let names = |roles: &[Role]| {
        trusted
            .list(roles)
            .iter()
            .map(|t| t.name().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&[role("targets/releases")]), ["nested/x", "v1", "v2"]);
    assert_eq!(
        names(&[role("targets/releases"), role("targets/releases/nested")]),
        ["nested/x", "v1", "v2"]
    );
    assert_eq!(names(&[role("targets/unknown")]), [""; 0]);
    assert_eq!(trusted.entries(Some("v1")).len(), 2);
    let delegated = trusted.delegated_roles();
    assert_eq!(
        delegated
            .iter()
            .map(|d| (d.delegation.name.as_str(), d.keys.len()))
            .collect::<Vec<_>>(),
        [
            ("targets/alice", 1),
            ("targets/releases", 3),
            ("targets/releases/nested", 1)
        ]
    );
}

#[test]
fn pins_hold_for_first_use_and_for_the_cache() {
    let gun = Gun::parse("golden.example/plain").unwrap();
    let cache = Cache::server("plain");
    let root = Parsed::<Root>::from_bytes(&cache.current("root")).unwrap();
    let id = root.unverified().role_keys(&Role::Root).unwrap().keyids[0];
    let other = TufKeyId::from_bytes([7; 32]);
    let run = |pins: Pins, cached: bool| {
        let bytes = cache.current("root");
        run_update(&gun, pins, cached.then_some(&bytes[..]), &cache, now()).map(|_| ())
    };
    let exact = || Pins::none().with_certificates(gun.as_str(), vec![other, id]);
    let wrong = || Pins::none().with_certificates("golden.example/*", vec![other]);
    for cached in [false, true] {
        assert_eq!(run(exact(), cached), Ok(()));
        assert_eq!(
            run(wrong(), cached),
            Err(Refusal::PinMismatch { gun: gun.clone() })
        );
        assert_eq!(
            run(
                wrong().with_certificates("golden.example/p*", vec![id]),
                cached
            ),
            Ok(()),
            "longest prefix"
        );
        let other_case = wrong().with_certificates("golden.example/Plain", vec![id]);
        assert_eq!(
            run(other_case, cached),
            Err(Refusal::PinMismatch { gun: gun.clone() })
        );
        // The generated certificate is for code signing, so no authority can vouch for it.
        let bundle = root.unverified().keys[&id].public_bytes().to_vec();
        let bundle = pki::certificate::CertificateBundle::parse_pem(&bundle).unwrap();
        let authority = Pins::none().with_authorities("golden", bundle);
        assert_eq!(
            run(authority, cached),
            Err(Refusal::PinMismatch { gun: gun.clone() })
        );
    }
    assert_eq!(
        run(Pins::none().without_tofu(), false),
        Err(Refusal::TofuDisabled { gun: gun.clone() })
    );
    assert_eq!(run(Pins::none().without_tofu(), true), Ok(()));
    assert_eq!(run(exact().without_tofu(), false), Ok(()));
}

#[test]
fn a_root_is_for_its_gun_only() {
    let other = Gun::parse("golden.example/Plain").unwrap();
    let bytes = Cache::server("plain").current("root");
    assert!(matches!(
        CachedRoot::from_bytes(&other, &bytes),
        Err(Refusal::BadRootCertificate { .. })
    ));
    assert_eq!(NOW, "2026-11-21T00:00:00Z");
}

#[test]
fn a_pinned_authority_vouches_for_certificates_it_issued() {
    use pki::certificate::{CertificateBundle, LocalCa, SubjectName};
    use pki::keyfile::KeyBlock;
    use tuf::trusted::RootTrusted;

    let gun = Gun::parse("example.com").unwrap();
    let (ours, other) = (
        LocalCa::generate("ours", now()).unwrap(),
        LocalCa::generate("other", now()).unwrap(),
    );
    let issued = ours
        .issue_server(&[SubjectName::Dns("example.com".into())], now(), 90)
        .unwrap();
    let secret = KeyBlock::parse_file(issued.key_pem.as_bytes())
        .unwrap()
        .remove(0)
        .unlock(None)
        .unwrap();
    let public = CertificateBundle::parse_pem(issued.cert_pem.as_bytes())
        .unwrap()
        .public_key()
        .unwrap();
    let mut forge = common::forge::Forge::new();
    forge.root.keys(
        &[&std::rc::Rc::new(common::forge::Key { secret, public })],
        1,
    );
    let root = forge.root_file();
    let run = |prefix: &str, ca: &LocalCa, now: jiff::Timestamp| {
        let bundle = CertificateBundle::parse_pem(ca.cert_pem().as_bytes()).unwrap();
        RootTrusted::first_use(
            &gun,
            &Pins::none().with_authorities(prefix, bundle).without_tofu(),
            &root,
            now,
        )
        .map(drop)
    };
    assert_eq!(run("example", &ours, now()), Ok(()));
    assert_eq!(
        run("example", &other, now()),
        Err(Refusal::PinMismatch { gun: gun.clone() })
    );
    assert_eq!(
        run("elsewhere", &ours, now()),
        Err(Refusal::TofuDisabled { gun: gun.clone() })
    );
    let late = now() + jiff::SignedDuration::from_hours(24 * 100);
    assert!(matches!(
        run("example", &ours, late),
        Err(Refusal::BadRootCertificate { .. })
    ));
}

#[test]
fn files_that_near_their_expiry_are_named() {
    let gun = Gun::parse("golden.example/plain").unwrap();
    let trusted = run_update(&gun, Pins::none(), None, &Cache::server("plain"), now()).unwrap();
    let near = |at: &str| {
        trusted
            .nearing_expiry(at.parse().unwrap())
            .iter()
            .map(|(role, _)| role.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(near(NOW), [""; 0]);
    assert_eq!(near("2029-06-01T00:00:00Z"), ["targets", "snapshot"]);
    assert_eq!(
        near("2036-06-01T00:00:00Z"),
        ["root", "targets", "snapshot"]
    );
}

#[test]
fn a_missing_file_leads_to_one_search_for_a_newer_root() {
    let gun = Gun::parse("golden.example/rotated").unwrap();
    let server = Cache::server("rotated");
    let mut update = Update::start(&gun, Pins::none(), None, now()).unwrap();
    assert!(!update.restart(), "there is no root yet to search from");
    assert!(update.feed(&server.current("root")).unwrap());
    assert!(update.feed(&server.current("timestamp")).unwrap());
    assert!(matches!(update.need(), Some(Need::File(wanted)) if wanted.role == Role::Snapshot));
    assert!(update.restart());
    assert_eq!(update.need(), Some(Need::Root(RootWanted::Newest(None))));
    assert!(!update.restart());
    let update = update.finish().unwrap_err();
    assert!(update.root().is_none());
    let mut update = *update;
    while let Some(need) = update.need() {
        assert!(update.feed(&server.answer(&need)).unwrap());
        assert!(!update.restart(), "a second search is not made");
    }
    assert_eq!(update.finish().unwrap().list(&[]).len(), 2);
}

#[test]
fn a_damaged_cache_sets_no_minimum_and_a_damaged_cached_root_is_an_error() {
    let gun = Gun::parse("golden.example/rotated").unwrap();
    let server = Cache::server("rotated");
    let root = server.current("root");
    let mut update = Update::start(&gun, Pins::none(), Some(&root), now()).unwrap();
    let future = String::from_utf8(server.current("timestamp")).unwrap();
    let future = future.replace("\"version\":7", "\"version\":9");
    let refused = update
        .remember(&Role::Timestamp, future.as_bytes())
        .unwrap_err();
    assert!(matches!(
        refused,
        Refusal::ThresholdUnmet {
            role: Role::Timestamp,
            ..
        }
    ));
    assert!(update.feed(&server.current("timestamp")).unwrap());
    let damaged = String::from_utf8(root)
        .unwrap()
        .replace("\"version\":6", "\"version\":5");
    let refused = Update::start(&gun, Pins::none(), Some(damaged.as_bytes()), now());
    assert!(matches!(
        refused,
        Err(Refusal::ThresholdUnmet {
            role: Role::Root,
            ..
        })
    ));
}
