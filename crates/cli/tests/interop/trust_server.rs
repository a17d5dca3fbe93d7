//! The trust server of `countersign serve` against stock `notary`, and stock docker with content trust.

use std::path::PathBuf;
use std::time::Duration;

use http::Method;
use serde_json::Value;
use testkit::{
    ConnectProxy, Countersign, DockerCli, DockerVersion, Dockerd, Fault, Folder, NotaryCli, Output,
    Peers, Proxy, TestCa, image, run,
};

use crate::support::{COUNTERSIGN, Listed, copy_folder, crash, get, list, word_after};

const GUN: &str = "example.com/team/app";

/// A stock client with a trust folder of its own.
fn notary(peers: &Peers, server: &Countersign) -> NotaryCli {
    NotaryCli::new(peers, &server.url(), &server.ca_file())
}

/// A made-up content digest, in hex.
fn hash_of(target: &str) -> String {
    image::sha256(target.as_bytes()).replace("sha256:", "")
}

/// Adds a made-up target to a role and publishes.
#[track_caller]
fn publish(notary: &NotaryCli, gun: &str, role: &str, target: &str) -> Output {
    let hash = hash_of(target);
    notary.run([
        "addhash", "-p", "-r", role, gun, target, "7", "--sha256", &hash,
    ])
}

/// Exactly these targets are listed, each in this role with its digest.
#[track_caller]
fn lists(notary: &NotaryCli, gun: &str, expected: &[(&str, &str)]) {
    let expected: Vec<_> = expected
        .iter()
        .map(|(target, role)| Listed {
            name: (*target).to_owned(),
            digest: hash_of(target),
            size: "7".to_owned(),
            role: (*role).to_owned(),
        })
        .collect();
    assert_eq!(list(notary, gun), expected);
}

/// A delegation key pair: the private key is imported for `role`, the public key is in the returned file.
#[track_caller]
fn delegation_key(peers: &Peers, notary: &NotaryCli, folder: &Folder, name: &str) -> PathBuf {
    let private = folder.path().join(format!("{name}.key"));
    let public = folder.path().join(format!("{name}.pub"));
    let mut generate = peers.openssl();
    generate
        .args([
            "ecparam",
            "-name",
            "prime256v1",
            "-genkey",
            "-noout",
            "-out",
        ])
        .arg(&private);
    run(generate, b"").success();
    let mut export = peers.openssl();
    export.args(["ec", "-pubout", "-in"]).arg(&private);
    export.arg("-out").arg(&public);
    run(export, b"").success();
    let private = private.to_str().unwrap();
    notary.run(["key", "import", private, "-r", name]).success();
    public
}

/// Initialises, adds, removes, lists and looks up; a stranger sees the same, also after the server was killed.
#[test]
fn notary_publishes_lists_and_looks_up() {
    let Some(peers) = Peers::locate() else { return };
    let mut server = Countersign::start(COUNTERSIGN);
    let owner = notary(&peers, &server);
    owner.run(["init", "-p", GUN]).success();
    owner
        .run(["list", GUN])
        .success()
        .says("No targets present in this repository.");
    for target in ["v1", "v2", "v10"] {
        publish(&owner, GUN, "targets", target).success();
        crash(&mut server);
    }
    owner.run(["remove", "-p", GUN, "v2"]).success();
    let expected = [("v1", "targets"), ("v10", "targets")];
    lists(&owner, GUN, &expected);
    crash(&mut server);
    let stranger = notary(&peers, &server);
    lists(&stranger, GUN, &expected);
    stranger
        .run(["lookup", GUN, "v10"])
        .success()
        .says(&format!("v10 sha256:{} 7", hash_of("v10")));
    stranger
        .run(["lookup", GUN, "v2"])
        .failure()
        .says("No valid trust data for v2");
    stranger
        .run(["list", "example.com/other"])
        .failure()
        .says("does not have trust data for example.com/other");
}

/// Names that differ in case only are two repositories; deleting one leaves the other.
#[test]
fn notary_deletes_one_repository_and_no_other() {
    let Some(peers) = Peers::locate() else { return };
    let mut server = Countersign::start(COUNTERSIGN);
    let owner = notary(&peers, &server);
    let (gone, stays) = ("example.com/app", "example.com/App");
    for gun in [gone, stays] {
        owner.run(["init", "-p", gun]).success();
        publish(&owner, gun, "targets", "v1").success();
    }
    owner.run(["delete", "--remote", gone]).success();
    crash(&mut server);
    let stranger = notary(&peers, &server);
    stranger
        .run(["list", gone])
        .failure()
        .says("does not have trust data");
    lists(&stranger, stays, &[("v1", "targets")]);
    // The name is free again, for another root.
    let next = notary(&peers, &server);
    next.run(["init", "-p", gone]).success();
    publish(&next, gone, "targets", "v9").success();
    lists(&stranger, gone, &[("v9", "targets")]);
}

/// Whoever has no key of a repository cannot make it anew, nor change it.
#[test]
fn notary_of_a_stranger_takes_nothing_over() {
    let Some(peers) = Peers::locate() else { return };
    let server = Countersign::start(COUNTERSIGN);
    let owner = notary(&peers, &server);
    owner.run(["init", "-p", GUN]).success();
    publish(&owner, GUN, "targets", "v1").success();
    let stranger = notary(&peers, &server);
    stranger.run(["init", "-p", GUN]).failure();
    let other = notary(&peers, &server);
    lists(&other, GUN, &[("v1", "targets")]);
    publish(&other, GUN, "targets", "v2").failure();
    let rotate = ["key", "rotate", GUN, "targets"];
    other.run(rotate).failure();
    lists(&owner, GUN, &[("v1", "targets")]);
    publish(&owner, GUN, "targets", "v3").success();
    lists(
        &notary(&peers, &server),
        GUN,
        &[("v1", "targets"), ("v3", "targets")],
    );
}

/// The changefeed tells every publication and deletion, in order, and by repository.
#[test]
fn changefeed_tells_what_notary_did() {
    let Some(peers) = Peers::locate() else { return };
    let mut server = Countersign::start(COUNTERSIGN);
    let owner = notary(&peers, &server);
    for gun in [GUN, "example.com/other"] {
        owner.run(["init", "-p", gun]).success();
    }
    publish(&owner, GUN, "targets", "v1").success();
    owner.run(["delete", "--remote", GUN]).success();
    crash(&mut server);
    let feed = |path: &str| -> Vec<(String, String)> {
        let (status, body) = get(&server.url(), &server.ca_file(), path);
        assert_eq!(status, 200, "{body}");
        let feed: Value = serde_json::from_str(&body).unwrap();
        let records = feed["records"].as_array().unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        records
            .iter()
            .map(|record| (text(&record["GUN"]), text(&record["Category"])))
            .collect()
    };
    let of_app = [(GUN, "update"), (GUN, "update"), (GUN, "deletion")]
        .map(|(gun, category)| (gun.to_owned(), category.to_owned()));
    assert_eq!(
        feed(&format!("/v2/{GUN}/_trust/changefeed?records=100")),
        of_app
    );
    let all = feed("/v2/_trust/changefeed?records=100");
    assert_eq!(all.len(), 4, "{all:?}");
    assert_eq!(all[1].0, "example.com/other");
}

/// Delegations with keys and paths: added, signed for, listed, narrowed, and removed.
#[test]
fn notary_delegates() {
    let Some(peers) = Peers::locate() else { return };
    let mut server = Countersign::start(COUNTERSIGN);
    let owner = notary(&peers, &server);
    let keys = Folder::new("keys");
    owner.run(["init", "-p", GUN]).success();
    publish(&owner, GUN, "targets", "v1").success();
    owner
        .run(["key", "rotate", GUN, "snapshot", "-r"])
        .success();
    let (amy, bob) = (
        delegation_key(&peers, &owner, &keys, "amy"),
        delegation_key(&peers, &owner, &keys, "bob"),
    );
    let (amy, bob) = (amy.to_str().unwrap(), bob.to_str().unwrap());
    for (role, key, paths) in [
        ("targets/releases", amy, "--all-paths"),
        ("targets/bob", bob, "--paths=bob/"),
    ] {
        owner
            .run(["delegation", "add", "-p", GUN, role, key, paths])
            .success();
    }
    crash(&mut server);
    owner
        .run(["delegation", "list", GUN])
        .success()
        .says("targets/releases")
        .says("bob/");
    publish(&owner, GUN, "targets/releases", "v2").success();
    publish(&owner, GUN, "targets/bob", "bob/1").success();
    publish(&owner, GUN, "targets/bob", "amy/1").failure();
    owner.run(["reset", "--all", GUN]).success();
    crash(&mut server);
    let stranger = notary(&peers, &server);
    let all = [
        ("bob/1", "targets/bob"),
        ("v1", "targets"),
        ("v2", "targets/releases"),
    ];
    lists(&stranger, GUN, &all);
    owner
        .run(["delegation", "remove", "-y", "-p", GUN, "targets/bob"])
        .success();
    crash(&mut server);
    lists(&stranger, GUN, &all[1..]);
    let listed = stranger.run(["delegation", "list", GUN]).success();
    assert!(!listed.stdout.contains("targets/bob"), "{listed}");
}

/// A role whose signing key was taken away is taken over by another key of it.
#[test]
fn notary_witnesses_a_role_again() {
    let Some(peers) = Peers::locate() else { return };
    let mut server = Countersign::start(COUNTERSIGN);
    let owner = notary(&peers, &server);
    let keys = Folder::new("keys");
    owner.run(["init", "-p", GUN]).success();
    owner
        .run(["key", "rotate", GUN, "snapshot", "-r"])
        .success();
    let role = "targets/releases";
    let amy = delegation_key(&peers, &owner, &keys, "amy");
    owner
        .run([
            "delegation",
            "add",
            "-p",
            GUN,
            role,
            amy.to_str().unwrap(),
            "--all-paths",
        ])
        .success();
    publish(&owner, GUN, role, "v1").success();
    let listed = owner.run(["delegation", "list", GUN]).success();
    let amy_id = listed
        .stdout
        .split_whitespace()
        .find(|word| word.len() == 64)
        .expect("a key ID")
        .to_owned();
    let bob = delegation_key(&peers, &owner, &keys, "bob");
    owner
        .run(["delegation", "add", GUN, role, bob.to_str().unwrap()])
        .success();
    owner
        .run(["delegation", "remove", "-y", "-p", GUN, role, &amy_id])
        .success();
    let stranger = notary(&peers, &server);
    lists(&stranger, GUN, &[]);
    crash(&mut server);
    owner.run(["witness", "-p", GUN, role]).success();
    lists(&stranger, GUN, &[("v1", role)]);
}

/// Every key is rotated, and every client follows: who watched, who is new, and who missed several roots.
#[test]
fn notary_rotates_every_key() {
    let Some(peers) = Peers::locate() else { return };
    let mut server = Countersign::start(COUNTERSIGN);
    let owner = notary(&peers, &server);
    owner.run(["init", "-p", GUN]).success();
    publish(&owner, GUN, "targets", "v0").success();
    let ca = TestCa::new();
    let front = Proxy::to(&server.url())
        .trust(&server.ca_file())
        .start_https(&ca);
    let lagging = NotaryCli::new(&peers, &front.url(), &ca.file());
    let watching = notary(&peers, &server);
    let mut targets = vec!["v0".to_owned()];
    let check = |client: &NotaryCli, targets: &[String]| {
        let expected: Vec<_> = targets
            .iter()
            .map(|name| (name.as_str(), "targets"))
            .collect();
        lists(client, GUN, &expected);
    };
    check(&lagging, &targets);
    let rotations: [&[&str]; 7] = [
        &["targets"],
        &["snapshot", "-r"],
        &["timestamp", "-r"],
        &["root"],
        &["snapshot"],
        &["root"],
        &["root"],
    ];
    for (number, rotation) in rotations.iter().enumerate() {
        let words = [&["key", "rotate", GUN], *rotation].concat();
        owner
            .run_with_input(&words, "yes\n")
            .success()
            .says("Successfully rotated");
        crash(&mut server);
        check(&watching, &targets);
        let target = format!("v{}", number + 1);
        publish(&owner, GUN, "targets", &target).success();
        targets.push(target);
        check(&notary(&peers, &server), &targets);
    }
    front.take_exchanges();
    check(&lagging, &targets);
    let requests = front.requests();
    assert!(
        requests
            .iter()
            .any(|request| request.ends_with("_trust/tuf/2.root.json")),
        "it had to ask for the roots between: {requests:?}"
    );
}

/// Of two publications from the same version one is refused, keeps its changes, and succeeds the next time.
#[test]
fn notary_conflicts_lose_nothing() {
    let Some(peers) = Peers::locate() else { return };
    let mut server = Countersign::start(COUNTERSIGN);
    let owner = notary(&peers, &server);
    owner.run(["init", "-p", GUN]).success();
    publish(&owner, GUN, "targets", "v0").success();
    let ca = TestCa::new();
    let front = Proxy::to(&server.url())
        .trust(&server.ca_file())
        .start_https(&ca);
    let slow_folder = Folder::new("slow");
    copy_folder(owner.folder(), slow_folder.path());
    let slow = NotaryCli::new(&peers, &front.url(), &ca.file()).trust_dir(slow_folder.path());
    front.on_next(
        1,
        |method, _| method == Method::POST,
        Fault::Delay(Duration::from_secs(3)),
    );
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| publish(&slow, GUN, "targets", "slow"));
        wait_until_read(&front);
        publish(&owner, GUN, "targets", "fast").success();
        slow.join().unwrap().failure();
    });
    let refused = front
        .exchanges()
        .into_iter()
        .find(|exchange| exchange.method == Method::POST)
        .expect("it tried");
    assert_eq!(refused.status.unwrap().as_u16(), 409, "{refused:?}");
    crash(&mut server);
    let stranger = notary(&peers, &server);
    lists(&stranger, GUN, &[("fast", "targets"), ("v0", "targets")]);
    slow.run(["publish", GUN]).success();
    lists(
        &stranger,
        GUN,
        &[("fast", "targets"), ("slow", "targets"), ("v0", "targets")],
    );
}

/// A client has read the state that it builds on: it has the timestamp, and asks for nothing more.
#[track_caller]
fn wait_until_read(front: &Proxy) {
    let mut before = 0;
    for _ in 0..100 {
        std::thread::sleep(Duration::from_millis(200));
        let requests = front.requests();
        let has_timestamp = requests
            .iter()
            .any(|line| line.ends_with("/timestamp.json"));
        if has_timestamp && requests.len() == before {
            return;
        }
        before = requests.len();
    }
    panic!("it does not read: {:?}", front.requests());
}

/// Without any setting docker finds the trust server where the registry is. It signs on push and refuses on pull.
#[test]
fn dockerd_docker_pushes_and_pulls_with_content_trust() {
    let Some(peers) = Peers::locate_with_dockerd() else {
        return;
    };
    let mut server = Countersign::start(COUNTERSIGN);
    let dockerd = Dockerd::start(&peers);
    for version in [DockerVersion::V20, DockerVersion::V28] {
        let docker = DockerCli::new(&peers, version).daemon(&dockerd);
        let trusting = docker.clone().env("DOCKER_CONTENT_TRUST", "1");
        let repository = format!("{}/{version:?}", server.host()).to_lowercase();
        let name = |tag: &str| format!("{repository}:{tag}");
        docker.import(&name("unsigned"), "not signed");
        docker.run(["push", &name("unsigned")]).success();
        let mut digests = Vec::new();
        for tag in ["1", "2"] {
            docker.import(&name(tag), tag);
            let pushed = trusting
                .run(["push", &name(tag)])
                .success()
                .says("Successfully signed");
            digests.push(word_after(&pushed.stdout, "digest: ").to_owned());
            crash(&mut server);
        }
        // Somebody without content trust moves a tag; who verifies does not follow.
        docker.run(["tag", &name("unsigned"), &name("1")]).success();
        docker.run(["push", &name("1")]).success();
        let other = DockerCli::new(&peers, version)
            .daemon(&dockerd)
            .env("DOCKER_CONTENT_TRUST", "1");
        for (tag, digest) in ["1", "2"].iter().zip(&digests) {
            let pulled = other.run(["pull", &name(tag)]).success();
            assert_eq!(word_after(&pulled.stdout, "Digest: "), digest);
        }
        other
            .run(["pull", &name("unsigned")])
            .failure()
            .says("No valid trust data for unsigned");
        NotaryCli::new(&peers, &server.url(), &server.ca_file())
            .run(["list", &repository])
            .success()
            .says(&digests[0].replace("sha256:", ""));
    }
}

/// Signers come and go by `docker trust`, the server being killed after every step.
#[test]
fn dockerd_docker_trust_manages_signers() {
    let Some(peers) = Peers::locate_with_dockerd() else {
        return;
    };
    let mut server = Countersign::start(COUNTERSIGN);
    let dockerd = Dockerd::start(&peers);
    for version in [DockerVersion::V20, DockerVersion::V28] {
        let docker = DockerCli::new(&peers, version).daemon(&dockerd);
        let repository = format!("{}/signed-{version:?}", server.host()).to_lowercase();
        let image = format!("{repository}:1");
        let mut step = |words: &[&str], says: &str| {
            docker.run(words).success().says(says);
            crash(&mut server);
        };
        for signer in ["amy", "jeff"] {
            let key = format!("{signer}.pub");
            step(&["trust", "key", "generate", signer], "Successfully");
            step(
                &["trust", "signer", "add", "--key", &key, signer, &repository],
                &format!("Successfully added signer: {signer}"),
            );
        }
        docker.import(&image, "signed by two");
        step(&["trust", "sign", &image], "Successfully signed");
        step(&["trust", "inspect", "--pretty", &image], "amy, jeff");
        // docker 28 says that it removes a signer and does not.
        let remover = docker.version(DockerVersion::V20);
        remover
            .run(["trust", "signer", "remove", "-f", "amy", &repository])
            .success()
            .says("Successfully removed amy");
        docker.run(["trust", "sign", &image]).success();
        let inspected = docker
            .run(["trust", "inspect", "--pretty", &image])
            .success();
        assert!(!inspected.stdout.contains("amy"), "{inspected}");
        docker
            .run(["trust", "revoke", &image])
            .success()
            .says("Successfully deleted signature");
        docker
            .clone()
            .env("DOCKER_CONTENT_TRUST", "1")
            .run(["pull", &image])
            .failure()
            .says("No valid trust data for 1");
    }
}

/// For a name that is not loopback docker verifies our certificate, for the registry and for the trust server.
#[test]
fn dockerd_docker_verifies_our_certificate() {
    let Some(peers) = Peers::locate_with_dockerd() else {
        return;
    };
    let name = "registry.example.com";
    let server = Countersign::start_with(COUNTERSIGN, &["--name", name]);
    let names = ConnectProxy::start(&[("registry.example.com:443", server.address())]);
    let ca_file = server.ca_file();
    let dockerd = Dockerd::start_with_env(
        &peers,
        &[
            ("HTTPS_PROXY", &names.url()),
            ("SSL_CERT_FILE", ca_file.to_str().unwrap()),
        ],
    );
    let docker = DockerCli::new(&peers, DockerVersion::V28)
        .daemon(&dockerd)
        .env("HTTPS_PROXY", &names.url())
        .env("DOCKER_CONTENT_TRUST", "1");
    let image = format!("{name}/team/app:1");
    docker.import(&image, "tls");
    docker
        .run(["push", &image])
        .failure()
        .says("x509: certificate signed by unknown authority");
    docker.add_ca(name, &ca_file);
    docker
        .run(["push", &image])
        .success()
        .says("Successfully signed");
    docker.run(["pull", &image]).success();
}
