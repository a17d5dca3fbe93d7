//! The real programs among themselves: proves the harness before anything of ours stands in it.

use testkit::{
    ConnectProxy, DockerCli, DockerRegistry, DockerVersion, Dockerd, Folder, NotaryCli,
    NotaryServer, Peers, Postgres, Proxy, Skopeo, Terminal, TestCa, TokenServer,
};

/// Docker signs on push, inspects, and refuses what is not signed; notary reads the same repository.
#[test]
fn dockerd_docker_signs_on_push_and_notary_lists() {
    let Some(peers) = Peers::locate_with_dockerd() else {
        return;
    };
    let ca = TestCa::new();
    let registry = DockerRegistry::start(&peers);
    let server = NotaryServer::memory(&peers, &ca);
    let dockerd = Dockerd::start(&peers);
    let docker = DockerCli::new(&peers, DockerVersion::V20)
        .daemon(&dockerd)
        .trust_server(&server.url(), server.ca_file());
    let trusting = docker.clone().env("DOCKER_CONTENT_TRUST", "1");

    let repository = format!("{}/demo", registry.host());
    let (signed, unsigned) = (
        format!("{repository}:signed"),
        format!("{repository}:unsigned"),
    );
    docker.import(&signed, "signed");
    docker.import(&unsigned, "not signed");
    docker.run(["push", &unsigned]).success();
    let pushed = trusting
        .run(["push", &signed])
        .success()
        .says("Successfully signed");
    let digest = word_after(&pushed.stdout, "digest: sha256:");

    for version in [DockerVersion::V20, DockerVersion::V28] {
        let inspected = trusting
            .version(version)
            .run(["trust", "inspect", &signed])
            .success();
        assert!(inspected.stdout.contains(&digest), "{inspected}");
        trusting
            .version(version)
            .run(["pull", &signed])
            .success()
            .says(&digest);
        trusting
            .version(version)
            .run(["pull", &unsigned])
            .failure()
            .says("No valid trust data for unsigned");
    }
    let notary = NotaryCli::new(&peers, &server.url(), server.ca_file());
    notary.run(["list", &repository]).success().says(&digest);
}

/// The later Docker signs with a delegation key, on a server with a signer and PostgreSQL.
#[test]
fn dockerd_docker_28_signs_as_a_delegate_on_postgres() {
    let Some(peers) = Peers::locate_with_dockerd() else {
        return;
    };
    let ca = TestCa::new();
    let registry = DockerRegistry::start(&peers);
    let server = NotaryServer::postgres(&peers, &ca);
    let dockerd = Dockerd::start(&peers);
    let docker = DockerCli::new(&peers, DockerVersion::V28)
        .daemon(&dockerd)
        .trust_server(&server.url(), server.ca_file());
    let repository = format!("{}/demo", registry.host());
    let image = format!("{repository}:1");

    docker.run(["trust", "key", "generate", "jeff"]).success();
    docker
        .run([
            "trust",
            "signer",
            "add",
            "--key",
            "jeff.pub",
            "jeff",
            &repository,
        ])
        .success();
    docker.import(&image, "signed by a delegate");
    docker
        .run(["trust", "sign", &image])
        .success()
        .says("Successfully signed");
    docker
        .run(["trust", "inspect", "--pretty", &image])
        .success()
        .says("jeff");
    let roles = server.sql("SELECT DISTINCT role FROM tuf_files ORDER BY role");
    assert_eq!(
        roles,
        "root\nsnapshot\ntargets\ntargets/jeff\ntargets/releases\ntimestamp\n"
    );
}

/// For a name that is not loopback dockerd and Docker verify TLS; one origin serves registry and trust server.
#[test]
fn dockerd_docker_verifies_tls_for_a_real_name() {
    let Some(peers) = Peers::locate_with_dockerd() else {
        return;
    };
    let ca = TestCa::new();
    let registry = DockerRegistry::start(&peers);
    let server = NotaryServer::with_signer(&peers, &ca);
    let name = "registry.example.com";
    let front = Proxy::to(&registry.url())
        .route("/_trust/", &server.url())
        .trust(server.ca_file())
        .start_https_for(&ca, &[name]);
    let names = ConnectProxy::start(&[("registry.example.com:443", front.address())]);
    let ca_file = ca.file();
    let dockerd = Dockerd::start_with_env(
        &peers,
        &[
            ("HTTPS_PROXY", &names.url()),
            ("SSL_CERT_FILE", ca_file.to_str().expect("our own path")),
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
    assert!(
        front
            .requests()
            .iter()
            .any(|line| line == "POST /v2/registry.example.com/team/app/_trust/tuf/")
    );
}

/// Registry and trust server send Docker to the token server; wrong credentials get nowhere.
#[test]
fn dockerd_docker_logs_in_with_tokens() {
    let Some(peers) = Peers::locate_with_dockerd() else {
        return;
    };
    let ca = TestCa::new();
    let tokens = TokenServer::start(&ca);
    let registry = DockerRegistry::start_with_tokens(&peers, &tokens);
    let server = NotaryServer::with_tokens(&peers, &ca, &tokens);
    let dockerd = Dockerd::start(&peers);
    let docker = DockerCli::new(&peers, DockerVersion::V28)
        .daemon(&dockerd)
        .trust_server(&server.url(), server.ca_file())
        .env("DOCKER_CONTENT_TRUST", "1");
    let image = format!("{}/demo:1", registry.host());
    docker.import(&image, "with a token");
    docker.run(["push", &image]).failure().says("denied");
    let login = |password: &str| {
        docker.run_with_input(
            [
                "login",
                "-u",
                TokenServer::USER,
                "--password-stdin",
                &registry.host(),
            ],
            password.as_bytes(),
        )
    };
    login("wrong")
        .failure()
        .says("incorrect username or password");
    login(TokenServer::PASSWORD).success();
    docker
        .run(["push", &image])
        .success()
        .says("Successfully signed");
    let gun = format!("repository:{}/demo:push,pull", registry.host());
    assert!(tokens.scopes().contains(&gun), "{:?}", tokens.scopes());
}

/// A registry with passwords lets skopeo in with the right one only.
#[test]
fn skopeo_logs_in_with_a_password() {
    let Some(peers) = Peers::locate() else { return };
    let registry = DockerRegistry::start_with_password(&peers);
    let skopeo = Skopeo::new(&peers);
    let layout = Folder::new("layout");
    testkit::image::write_oci_layout(layout.path(), "1", "hello");
    let from = format!("oci:{}:1", layout.path().display());
    let to = format!("docker://{}/hello:1", registry.host());
    let copy = |password: &str| {
        let credentials = format!("--dest-creds={}:{password}", DockerRegistry::USER);
        skopeo.run(["copy", "--dest-tls-verify=false", &credentials, &from, &to])
    };
    copy("wrong").failure().says("authentication required");
    copy(DockerRegistry::PASSWORD).success();
}

/// notary initialises, publishes and lists; a second client trusts on first use.
#[test]
fn notary_publishes_and_lists() {
    let Some(peers) = Peers::locate() else { return };
    let ca = TestCa::new();
    let server = NotaryServer::with_signer(&peers, &ca);
    let notary = NotaryCli::new(&peers, &server.url(), server.ca_file());
    notary.run(["init", "example.com/app"]).success();
    let hash = testkit::image::sha256(b"content").replace("sha256:", "");
    notary
        .run([
            "addhash",
            "-p",
            "example.com/app",
            "1",
            "7",
            "--sha256",
            &hash,
        ])
        .success();
    let stranger = NotaryCli::new(&peers, &server.url(), server.ca_file());
    stranger
        .run(["list", "example.com/app"])
        .success()
        .says(&hash);
    stranger
        .run(["list", "example.com/other"])
        .failure()
        .says("does not have trust data");
}

/// skopeo copies an image of ours into docker-registry and finds it there with the digest we computed.
#[test]
fn skopeo_copies_a_made_up_image() {
    let Some(peers) = Peers::locate() else { return };
    let registry = DockerRegistry::start(&peers);
    let skopeo = Skopeo::new(&peers);
    let layout = Folder::new("layout");
    let manifest = testkit::image::write_oci_layout(layout.path(), "1", "hello");
    let from = format!("oci:{}:1", layout.path().display());
    let to = format!("docker://{}/hello:1", registry.host());
    skopeo
        .run(["copy", "--dest-tls-verify=false", &from, &to])
        .success();
    skopeo
        .run(["inspect", "--tls-verify=false", &to])
        .success()
        .says(&manifest.digest);
}

/// The database guard runs as an unprivileged user and ends with the test.
#[test]
fn postgres_answers() {
    let Some(peers) = Peers::locate() else { return };
    let postgres = Postgres::start(&peers);
    postgres.create_database("things");
    postgres.sql(
        "things",
        "CREATE TABLE t (n int); INSERT INTO t VALUES (41);",
    );
    assert_eq!(postgres.sql("things", "SELECT n + 1, 'x' FROM t"), "42|x\n");
}

/// Another program stands in for docker with the same environment, and only that.
#[test]
fn another_program_gets_the_environment_of_docker() {
    let Some(peers) = Peers::locate() else { return };
    let docker = DockerCli::new(&peers, DockerVersion::V28).env("DOCKER_CONTENT_TRUST", "1");
    let told = docker.run_program("env", [] as [&str; 0]).success().stdout;
    let mut names: Vec<&str> = told
        .lines()
        .filter_map(|line| Some(line.split_once('=')?.0))
        .collect();
    names.sort_unstable();
    let expected = [
        "DOCKER_CONFIG",
        "DOCKER_CONTENT_TRUST",
        "DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE",
        "DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE",
        "DOCKER_HOST",
        "HOME",
        "PATH",
    ];
    assert_eq!(names, expected);
}

/// OpenSSL reads what the certificate authority of the tests writes.
#[test]
fn openssl_verifies_a_test_certificate() {
    let Some(peers) = Peers::locate() else { return };
    let ca = TestCa::new();
    let certificate = ca.issue(&["registry.example.com"]);
    let mut verify = peers.openssl();
    verify.args([
        "verify",
        "-purpose",
        "sslserver",
        "-verify_hostname",
        "registry.example.com",
        "-CAfile",
    ]);
    verify.arg(ca.file()).arg(certificate.certificate_file);
    testkit::run(verify, b"").success().says("OK");
}

/// Prompts can be answered: a new key's passphrase is asked twice, without echo.
#[test]
fn terminal_answers_prompts_of_docker() {
    let Some(peers) = Peers::locate() else { return };
    let docker = DockerCli::new(&peers, DockerVersion::V28)
        .env_remove("DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE");
    let mut terminal = Terminal::spawn(docker.command(["trust", "key", "generate", "jeff"]));
    terminal
        .expect("Enter passphrase for new jeff key")
        .type_line("correct horse");
    terminal
        .expect("Repeat passphrase for new jeff key")
        .type_line("correct horse");
    let (transcript, code) = terminal.finish();
    assert_eq!(code, Some(0), "{transcript}");
    assert!(
        transcript.contains("Successfully generated and loaded private key"),
        "{transcript}"
    );
    assert!(!transcript.contains("correct horse"), "{transcript}");
    assert!(docker.home().join("jeff.pub").is_file());
}

/// The word that follows `marker`, up to white space.
fn word_after(text: &str, marker: &str) -> String {
    let rest = text
        .split_once(marker)
        .unwrap_or_else(|| panic!("no {marker:?} in {text:?}"))
        .1;
    rest.split_whitespace()
        .next()
        .expect("something follows")
        .to_owned()
}
