//! `countersign trust …` against the stock trust server and ours, in turns with stock docker and notary on one key
//! folder and one metadata cache.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use testkit::{
    Countersign, DockerCli, DockerRegistry, DockerVersion, Dockerd, Folder, NotaryCli,
    NotaryServer, Output, Peers, TestCa, run,
};

use crate::support::{
    COUNTERSIGN, TrustingSkopeo, index_layout, json_of, layout, trust, word_after,
};

/// A user's machine, a registry and a trust server.
struct Bench {
    peers: Peers,
    _ca: TestCa,
    registry: Countersign,
    trust: Option<NotaryServer>,
    skopeo: TrustingSkopeo,
    docker: DockerCli,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// Registry and trust server of one `countersign serve`, found without any setting.
    Ours,
    /// notary-server in memory, its keys in itself.
    Memory,
    /// notary-server and notary-signer on PostgreSQL.
    Postgres,
}

impl Bench {
    fn start(peers: &Peers, kind: Kind) -> Self {
        let ca = TestCa::new();
        let registry = Countersign::start(COUNTERSIGN);
        let trust = match kind {
            Kind::Ours => None,
            Kind::Memory => Some(NotaryServer::memory(peers, &ca)),
            Kind::Postgres => Some(NotaryServer::postgres(peers, &ca)),
        };
        let skopeo = TrustingSkopeo::new(peers, &registry.ca_file());
        let bench = Self {
            peers: peers.clone(),
            _ca: ca,
            docker: DockerCli::new(peers, DockerVersion::V28),
            registry,
            trust,
            skopeo,
        };
        let docker = bench.user();
        Self { docker, ..bench }
    }

    /// Another user's machine, without keys, that knows the servers.
    fn user(&self) -> DockerCli {
        let docker = DockerCli::new(&self.peers, DockerVersion::V28);
        docker.add_ca(&self.registry.host(), &self.registry.ca_file());
        match &self.trust {
            Some(server) => docker.trust_server(&server.url(), server.ca_file()),
            None => docker,
        }
    }

    fn trust_url(&self) -> String {
        match &self.trust {
            Some(server) => server.url(),
            None => format!("https://{}", self.registry.host()),
        }
    }

    fn trust_ca(&self) -> std::path::PathBuf {
        match &self.trust {
            Some(server) => server.ca_file().to_owned(),
            None => self.registry.ca_file(),
        }
    }

    /// A stock notary with an empty folder.
    fn notary(&self) -> NotaryCli {
        NotaryCli::new(&self.peers, &self.trust_url(), &self.trust_ca())
    }

    /// A stock notary on the folder and with the passphrases of a docker user.
    fn notary_of(&self, docker: &DockerCli) -> NotaryCli {
        self.notary()
            .trust_dir(&docker.trust_dir())
            .env("NOTARY_ROOT_PASSPHRASE", DockerCli::ROOT_PASSPHRASE)
            .env(
                "NOTARY_TARGETS_PASSPHRASE",
                DockerCli::REPOSITORY_PASSPHRASE,
            )
            .env(
                "NOTARY_DELEGATION_PASSPHRASE",
                DockerCli::REPOSITORY_PASSPHRASE,
            )
    }

    fn repository(&self, name: &str) -> String {
        format!("{}/{name}", self.registry.host())
    }

    /// Pushes a made-up image, unsigned; its digest in hex.
    fn push(&self, image: &str) -> String {
        let (folder, digest) = layout(image);
        self.skopeo.push(folder.path(), image);
        digest.replace("sha256:", "")
    }
}

/// What `trust inspect` shows, which is the same for ours and both dockers, to the byte, with `--pretty` too.
#[track_caller]
fn inspect_alike(docker: &DockerCli, names: &[&str]) -> Value {
    for format in [&[] as &[&str], &["--pretty"]] {
        let words = [&["inspect"], format, names].concat();
        let ours = trust(docker, &words).success();
        for version in [DockerVersion::V20, DockerVersion::V28] {
            let theirs = docker
                .version(version)
                .run([&["trust"], words.as_slice()].concat())
                .success();
            assert_eq!(ours.stdout, theirs.stdout, "{version:?}");
        }
    }
    json_of(&trust(docker, &[&["inspect"], names].concat()).success())
}

/// Tags with their digests, and names of the signers of each, as `inspect` shows them.
fn signed(inspected: &Value) -> Vec<(String, String, Vec<String>)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let tags = inspected[0]["SignedTags"].as_array().unwrap();
    tags.iter()
        .map(|tag| {
            let signers = tag["Signers"].as_array().unwrap();
            (
                text(&tag["SignedTag"]),
                text(&tag["Digest"]),
                signers.iter().map(text).collect(),
            )
        })
        .collect()
}

/// The same, spelt out.
fn tag(name: &str, digest: &str, signers: &[&str]) -> (String, String, Vec<String>) {
    let signers = signers.iter().map(|&signer| signer.to_owned()).collect();
    (name.to_owned(), digest.to_owned(), signers)
}

/// A whole life of a repository by our commands; stock programs see every step of it.
fn ours_manages_and_stock_reads(kind: Kind) {
    let Some(peers) = Peers::locate() else { return };
    let bench = Bench::start(&peers, kind);
    let docker = &bench.docker;
    let repository = bench.repository("team/app");
    let image = |tag: &str| format!("{repository}:{tag}");
    for signer in ["amy", "jeff"] {
        trust(docker, &["key", "generate", signer]).success();
    }
    trust(
        docker,
        &["signer", "add", "--key", "jeff.pub", "jeff", &repository],
    )
    .success()
    .says(&format!("Successfully initialized \"{repository}\""))
    .says(&format!("Successfully added signer: jeff to {repository}"));
    inspect_alike(docker, &[&repository]);

    let [one, two, ten] = ["1", "2", "10"].map(|tag| bench.push(&image(tag)));
    trust(docker, &["sign", &image("1"), &image("10")])
        .success()
        .says(&format!("Successfully signed {}", image("10")));
    trust(docker, &["sign", &image("2")]).success();
    let stranger = bench.user();
    let seen = inspect_alike(&stranger, &[&repository]);
    let by_jeff = [
        tag("1", &one, &["jeff"]),
        tag("2", &two, &["jeff"]),
        tag("10", &ten, &["jeff"]),
    ];
    assert_eq!(signed(&seen), by_jeff);
    inspect_alike(&stranger, &[&image("2")]);
    inspect_alike(&stranger, &[&image("2"), &image("10")]);
    bench
        .notary()
        .run(["lookup", &repository, "10"])
        .success()
        .says(&ten);

    trust(
        docker,
        &["signer", "add", "--key", "amy.pub", "amy", &repository],
    )
    .success();
    trust(docker, &["sign", &image("1")])
        .success()
        .says(&format!(
            "Existing signatures for tag 1 digest {one} from:\njeff"
        ));
    trust(docker, &["revoke", &image("10")])
        .success()
        .says(&format!(
            "Successfully deleted signature for {}",
            image("10")
        ));
    let seen = inspect_alike(&stranger, &[&repository]);
    assert_eq!(
        signed(&seen),
        [tag("1", &one, &["jeff", "amy"]), tag("2", &two, &["jeff"])]
    );

    trust(docker, &["signer", "remove", "-f", "jeff", &repository])
        .success()
        .says(&format!("Successfully removed jeff from {repository}"));
    trust(docker, &["sign", &image("1"), &image("2")]).success();
    let seen = inspect_alike(&stranger, &[&repository]);
    assert_eq!(
        signed(&seen),
        [tag("1", &one, &["amy"]), tag("2", &two, &["amy"])]
    );
    trust(docker, &["revoke", "--yes", &repository]).success();
    assert_eq!(signed(&inspect_alike(&stranger, &[&repository])), []);
    bench
        .notary()
        .run(["lookup", &repository, "1"])
        .failure()
        .says("No valid trust data for 1");
}

#[test]
fn ours_manages_and_stock_reads_on_our_server() {
    ours_manages_and_stock_reads(Kind::Ours);
}

#[test]
fn ours_manages_and_stock_reads_on_notary_server_in_memory() {
    ours_manages_and_stock_reads(Kind::Memory);
}

#[test]
fn ours_manages_and_stock_reads_on_notary_server_with_postgres() {
    ours_manages_and_stock_reads(Kind::Postgres);
}

/// `sign` alone initialises a repository; its signer is called as the registry knows the user.
#[test]
fn sign_initialises_as_the_user_of_the_registry() {
    let Some(peers) = Peers::locate() else { return };
    for kind in [Kind::Ours, Kind::Memory] {
        let bench = Bench::start(&peers, kind);
        let docker = &bench.docker;
        let image = bench.repository("app:1");
        let digest = bench.push(&image);
        let login = serde_json::json!({
            "auths": {bench.registry.host(): {"auth": STANDARD.encode("admin:secret")}},
        });
        std::fs::write(docker.config_dir().join("config.json"), login.to_string()).unwrap();
        trust(docker, &["sign", &image])
            .success()
            .says("Created signer: admin")
            .says(&format!(
                "Finished initializing signed repository for {image}"
            ))
            .says(&format!("Successfully signed {image}"));
        let seen = inspect_alike(&bench.user(), &[&bench.repository("app")]);
        assert_eq!(signed(&seen), [tag("1", &digest, &["admin"])], "{kind:?}");
    }
}

/// What stock notary initialised here and never published stands in nobody's way; its root key serves on.
#[test]
fn ours_goes_on_where_notary_only_initialised() {
    let Some(peers) = Peers::locate() else { return };
    let bench = Bench::start(&peers, Kind::Ours);
    let docker = &bench.docker;
    let repository = bench.repository("app");
    let image = bench.repository("app:1");
    let digest = bench.push(&image);
    bench.notary_of(docker).run(["init", &repository]).success();
    trust(docker, &["key", "generate", "jeff"]).success();
    let add = ["signer", "add", "--key", "jeff.pub", "jeff", &repository];
    trust(docker, &add).success();
    trust(docker, &["sign", &image]).success();
    let seen = inspect_alike(&bench.user(), &[&repository]);
    assert_eq!(signed(&seen), [tag("1", &digest, &["jeff"])]);
    let keys = testkit::files(&docker.trust_dir().join("private"));
    let is_root = |file: &&Vec<u8>| String::from_utf8_lossy(file).contains("role: root");
    assert_eq!(keys.values().filter(is_root).count(), 1);
}

/// An index is signed as what it is, in a docker-registry without TLS on loopback.
#[test]
fn ours_signs_an_index_in_docker_registry() {
    let Some(peers) = Peers::locate() else { return };
    let bench = Bench::start(&peers, Kind::Memory);
    let registry = DockerRegistry::start(&peers);
    let image = format!("{}/multi:1", registry.host());
    let (folder, digest) = index_layout(["amd64", "arm64"]);
    let from = format!("oci:{}:1", folder.path().display());
    testkit::Skopeo::new(&peers)
        .run([
            "copy",
            "--all",
            "--dest-tls-verify=false",
            &from,
            &format!("docker://{image}"),
        ])
        .success();
    let docker = &bench.docker;
    trust(docker, &["key", "generate", "jeff"]).success();
    let repository = format!("{}/multi", registry.host());
    trust(
        docker,
        &["signer", "add", "--key", "jeff.pub", "jeff", &repository],
    )
    .success();
    trust(docker, &["sign", &image]).success();
    let digest = digest.replace("sha256:", "");
    let seen = inspect_alike(docker, &[&repository]);
    assert_eq!(signed(&seen), [tag("1", &digest, &["jeff"])]);
    let size = std::fs::metadata(folder.path().join("blobs/sha256").join(&digest))
        .unwrap()
        .len();
    bench
        .notary()
        .run(["lookup", &repository, "1"])
        .success()
        .says(&format!("1 sha256:{digest} {size}"));

    // The tag moves; what is signed is what was named, and one that the registry does not have is not signed.
    let (other, _) = index_layout(["arm", "s390x"]);
    let from = format!("oci:{}:1", other.path().display());
    let to = format!("docker://{image}");
    let copy = ["copy", "--all", "--dest-tls-verify=false", &from, &to];
    testkit::Skopeo::new(&peers).run(copy).success();
    let named = format!("sha256:{digest}");
    trust(docker, &["sign", "--digest", &named, &image])
        .success()
        .says(&format!("1: digest: {named} size: {size}"));
    let seen = inspect_alike(docker, &[&repository]);
    assert_eq!(signed(&seen), [tag("1", &digest, &["jeff"])]);
    let nowhere = format!("sha256:{}", "0".repeat(64));
    trust(docker, &["sign", "--digest", &nowhere, &image])
        .failure()
        .says("no such image");
}

/// A private key as OpenSSL 3 encrypts it, in a form that neither docker nor notary can open, and its public key.
fn openssl_key(peers: &Peers, folder: &Path, name: &str) {
    let private = folder.join(format!("{name}.key"));
    let passphrase = format!("pass:{}", DockerCli::REPOSITORY_PASSPHRASE);
    let mut generate = peers.openssl();
    generate.args(["genpkey", "-algorithm", "EC"]);
    generate.args(["-pkeyopt", "ec_paramgen_curve:P-256"]);
    generate.args(["-aes256", "-pass", &passphrase, "-out"]);
    generate.arg(&private);
    run(generate, b"").success();
    let mut export = peers.openssl();
    export.args(["pkey", "-pubout", "-passin", &passphrase, "-in"]);
    export.arg(&private).arg("-out");
    export.arg(folder.join(format!("{name}.pub")));
    run(export, b"").success();
}

/// Stock docker, ours and notary take turns on one key folder and one metadata cache; each goes on where the last
/// one stopped, and dockers of other people pull exactly what was signed.
fn takes_turns_with_stock(kind: Kind) {
    let Some(peers) = Peers::locate_with_dockerd() else {
        return;
    };
    let bench = Bench::start(&peers, kind);
    let dockerd = Dockerd::start(&peers);
    let docker = &bench.docker.clone().daemon(&dockerd);
    let [v20, v28] =
        [DockerVersion::V20, DockerVersion::V28].map(|version| docker.version(version));
    let trusting = v20.clone().env("DOCKER_CONTENT_TRUST", "1");
    let repository = bench.repository("team/app");
    let image = |tag: &str| format!("{repository}:{tag}");
    let digest_of = |output: &Output| word_after(&output.stdout, "digest: sha256:").to_owned();

    // Stock: the first push makes root and repository key.
    docker.import(&image("1"), "1");
    let one = digest_of(&trusting.run(["push", &image("1")]).success());
    // Ours: with the repository key, which is the only one yet.
    let two = bench.push(&image("2"));
    trust(docker, &["sign", &image("2")]).success();
    let seen = inspect_alike(docker, &[&repository]);
    let admin = "Repo Admin";
    assert_eq!(
        signed(&seen),
        [tag("1", &one, &[admin]), tag("2", &two, &[admin])]
    );
    // Stock: a signer with a key made by it; ours: one with a key loaded by it.
    v28.run(["trust", "key", "generate", "jeff"]).success();
    v28.run([
        "trust",
        "signer",
        "add",
        "--key",
        "jeff.pub",
        "jeff",
        &repository,
    ])
    .success();
    openssl_key(&peers, docker.home(), "amy");
    trust(docker, &["key", "load", "--name", "amy", "amy.key"]).success();
    trust(
        docker,
        &["signer", "add", "--key", "amy.pub", "amy", &repository],
    )
    .success();
    inspect_alike(docker, &[&repository]);
    // Stock signs with both; ours signs with both; stock signs again.
    docker.import(&image("3"), "3");
    let three = digest_of(&v28.run(["trust", "sign", &image("3")]).success());
    let four = bench.push(&image("4"));
    trust(docker, &["sign", &image("4")]).success();
    docker.import(&image("5"), "5");
    let five = digest_of(&v20.run(["trust", "sign", &image("5")]).success());
    let both = ["jeff", "amy"];
    let seen = inspect_alike(docker, &[&repository]);
    assert_eq!(
        signed(&seen),
        [
            tag("1", &one, &[admin]),
            tag("2", &two, &[admin]),
            tag("3", &three, &both),
            tag("4", &four, &both),
            tag("5", &five, &both),
        ]
    );
    // notary removes a tag, ours another one, docker a third.
    let notary = bench.notary_of(docker);
    let roles = "targets/releases,targets/jeff,targets/amy";
    notary
        .run(["remove", "-p", "-r", roles, &repository, "3"])
        .success();
    trust(docker, &["revoke", &image("1")]).success();
    v28.run(["trust", "revoke", &image("5")]).success();
    // notary rotates the root and the repository key; ours and docker go on with the new ones.
    notary
        .run_with_input(["key", "rotate", &repository, "root"], "yes\n")
        .success();
    notary
        .run(["key", "rotate", &repository, "targets"])
        .success();
    trust(docker, &["signer", "remove", "-f", "jeff", &repository]).success();
    trust(docker, &["sign", &image("2")]).success();
    docker.import(&image("6"), "6");
    let six = digest_of(&trusting.run(["push", &image("6")]).success());
    let others = bench
        .user()
        .daemon(&dockerd)
        .env("DOCKER_CONTENT_TRUST", "1");
    for reader in [docker, &others] {
        let seen = inspect_alike(reader, &[&repository]);
        assert_eq!(
            signed(&seen),
            [
                tag("2", &two, &["amy"]),
                tag("4", &four, &["amy"]),
                tag("6", &six, &["amy"]),
            ]
        );
    }
    for version in [DockerVersion::V20, DockerVersion::V28] {
        for (name, digest) in [("2", &two), ("4", &four), ("6", &six)] {
            others
                .version(version)
                .run(["pull", &image(name)])
                .success()
                .says(&format!("Digest: sha256:{digest}"));
        }
        for name in ["1", "3", "5"] {
            others
                .version(version)
                .run(["pull", &image(name)])
                .failure()
                .says(&format!("No valid trust data for {name}"));
        }
    }
}

#[test]
fn dockerd_takes_turns_on_our_server() {
    takes_turns_with_stock(Kind::Ours);
}

#[test]
fn dockerd_takes_turns_on_notary_server_in_memory() {
    takes_turns_with_stock(Kind::Memory);
}

#[test]
fn dockerd_takes_turns_on_notary_server_with_postgres() {
    takes_turns_with_stock(Kind::Postgres);
}

/// With the containerd image store docker pushes and cannot sign: it does not learn the digest. Ours asks the registry,
/// and docker pulls what was signed.
#[test]
fn dockerd_28_with_the_containerd_image_store() {
    let Some(peers) = Peers::locate_with_dockerd_28() else {
        return;
    };
    let bench = Bench::start(&peers, Kind::Ours);
    let dockerd = Dockerd::start_28_containerd(&peers);
    let docker = bench.docker.version(DockerVersion::V28_5).daemon(&dockerd);
    let trusting = docker.clone().env("DOCKER_CONTENT_TRUST", "1");
    let repository = bench.repository("team/app");
    let image = bench.repository("team/app:1");
    docker.import(&image, "in containerd");
    trusting
        .run(["push", &image])
        .failure()
        .says("no hashes specified");
    trust(&docker, &["key", "generate", "jeff"]).success();
    let add = ["signer", "add", "--key", "jeff.pub", "jeff", &repository];
    trust(&docker, &add).success();
    let signed = trust(&docker, &["sign", &image]).success();
    let digest = word_after(&signed.stdout, "digest: ").to_owned();
    let others = bench
        .user()
        .version(DockerVersion::V28_5)
        .daemon(&dockerd)
        .env("DOCKER_CONTENT_TRUST", "1");
    docker.run(["image", "rm", &image]).success();
    let pulled = others.run(["pull", &image]).success();
    assert_eq!(word_after(&pulled.stdout, "Digest: "), digest);
}

/// Inside docker 28, which keeps `docker trust` for itself, it is `docker countersign trust`; Docker 29 calls the
/// plugin `trust` as it calls any other.
#[test]
fn docker_runs_the_plugin() {
    let Some(peers) = Peers::locate() else { return };
    let bench = Bench::start(&peers, Kind::Ours);
    let docker = &bench.docker;
    let image = bench.repository("app:1");
    let repository = bench.repository("app");
    bench.push(&image);
    trust(docker, &["key", "generate", "jeff"]).success();
    docker.add_plugin("countersign", Path::new(COUNTERSIGN));
    docker
        .run([
            "countersign",
            "trust",
            "signer",
            "add",
            "--key",
            "jeff.pub",
            "jeff",
            &repository,
        ])
        .success();
    docker
        .run(["countersign", "trust", "sign", &image])
        .success()
        .says("Successfully signed");
    let expected = trust(docker, &["inspect", &image]).success();
    let inside = docker
        .run(["countersign", "trust", "inspect", &image])
        .success();
    assert_eq!(inside.stdout, expected.stdout);

    let plugins = Folder::new("plugins");
    let plugin = plugins.path().join("docker-trust");
    std::os::unix::fs::symlink(COUNTERSIGN, &plugin).unwrap();
    let alone = docker
        .clone()
        .env("DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND", "/usr/bin/docker")
        .run_program(&plugin, ["trust", "inspect", &image])
        .success();
    assert_eq!(alone.stdout, expected.stdout);
    // docker 28 has a command of this name: its own answers, and it says nothing about ours.
    docker.add_plugin("trust", Path::new(COUNTERSIGN));
    let builtin = docker.run(["trust", "inspect", &image]).success();
    assert_eq!(builtin.stdout, expected.stdout);
    docker.run(["trust", "view", &image]).failure();
    trust(docker, &["view", &image]).success();
}
