//! Trusted push and pull, ours and stock docker's in turns.

use http::Method;
use testkit::{DockerVersion, Fault, Proxy, TestCa};

use crate::bench::{Bench, before_real, digest_after, exists, ours, shim, untrusted};

/// A first push makes the keys and signs; stock docker pulls it on another machine, and pushes the next tag, which ours
/// pulls.
#[test]
fn dockerd_ours_and_stock_docker_push_and_pull_in_turns() {
    let Some(bench) = Bench::start() else { return };
    let repository = bench.name("team/app");
    let (one, two) = (format!("{repository}:1"), format!("{repository}:2"));
    bench.import(&one, "one");
    bench.import(&two, "two");

    let pushed = ours(&bench.docker, ["push", &one]).success();
    assert!(
        pushed
            .stdout
            .starts_with(&format!("The push refers to repository [{repository}]\n")),
        "{pushed}"
    );
    let digest = digest_after(&pushed.stdout, "1: digest: ");
    let tail = format!(
        "\nSigning and pushing trust metadata\nFinished initializing \"{repository}\"\nSuccessfully signed {one}\n"
    );
    assert!(pushed.stdout.ends_with(&tail), "{pushed}");
    assert_eq!(pushed.stderr, "", "{pushed}");

    let other = bench.user();
    bench.forget(&[&one]);
    other.run(["pull", &one]).success().says(&digest);
    // Stock docker 28 on the first machine, with the keys that ours made.
    let stock = bench.docker.version(DockerVersion::V28);
    let second = stock.run(["push", &two]).success();
    second.clone().says(&format!("Successfully signed {two}"));
    let digest = digest_after(&second.stdout, "2: digest: ");
    bench.forget(&[&two]);

    let other = bench.user();
    let pulled = ours(&other, ["pull", &two]).success();
    let head = format!("Pull (1 of 1): {two}@{digest}\n");
    assert!(pulled.stdout.starts_with(&head), "{pulled}");
    assert!(pulled.stdout.ends_with(&format!("\n{two}\n")), "{pulled}");
    assert_eq!(
        pulled.stderr,
        format!("Tagging {repository}@{digest} as {two}\n")
    );
    bench.inspect(&two).success().says(&digest);
    // A third tag in the repository that stock docker changed last.
    let three = format!("{repository}:3");
    bench.import(&three, "three");
    let pushed = ours(&bench.docker, ["push", &three]).success();
    assert!(!pushed.stdout.contains("Finished initializing"), "{pushed}");
    bench.forget(&[&three]);
    bench.docker.run(["pull", &three]).success();
}

/// With signers, every key that is held signs; `trust inspect` of stock docker names them.
#[test]
fn dockerd_delegations_sign_a_push() {
    let Some(bench) = Bench::start() else { return };
    let image = format!("{}:1", bench.name("delegated"));
    bench.import(&image, "delegated");
    let docker = &bench.docker;
    for signer in ["amy", "jeff"] {
        ours(docker, ["trust", "key", "generate", signer]).success();
        let key = format!("{signer}.pub");
        let repository = bench.name("delegated");
        ours(
            docker,
            ["trust", "signer", "add", "--key", &key, signer, &repository],
        )
        .success();
    }
    ours(docker, ["push", &image]).success();
    let shown = docker
        .run(["trust", "inspect", "--pretty", &image])
        .success();
    shown.says("amy, jeff");
    // Without their keys nothing is pushed.
    let other = bench.user();
    let refused = ours(&other, ["push", &image]).failure();
    assert_eq!(refused.code(), Some(1));
    refused
        .says("failed to sign")
        .says("no valid signing keys for delegation roles")
        .says("Nothing was pushed");
}

/// Every tag of a repository is pushed and signed; a pull of all tags takes the signed ones only.
#[test]
fn dockerd_all_tags() {
    let Some(bench) = Bench::start() else { return };
    let repository = bench.name("all");
    for tag in ["1", "2", "latest"] {
        bench.import(&format!("{repository}:{tag}"), tag);
    }
    let pushed = ours(&bench.docker, ["push", "-a", &repository]).success();
    for tag in ["1", "2", "latest"] {
        let line = format!("Successfully signed {repository}:{tag}\n");
        assert!(pushed.stdout.contains(&line), "{pushed}");
    }
    assert_eq!(pushed.stdout.matches("The push refers to").count(), 1);
    let unsigned = format!("{repository}:unsigned");
    bench.import(&unsigned, "unsigned");
    untrusted(&bench.docker).run(["push", &unsigned]).success();
    let tags = ["1", "2", "latest", "unsigned"].map(|tag| format!("{repository}:{tag}"));
    bench.forget(&tags.each_ref().map(String::as_str));

    let other = bench.user();
    let pulled = ours(&other, ["pull", "--all-tags", &repository]).success();
    assert!(pulled.stdout.contains("Pull (3 of 3): "), "{pulled}");
    assert!(!pulled.stdout.contains("unsigned"), "{pulled}");
    bench.inspect(&unsigned).failure();
    bench.inspect(&tags[0]).success();
    let refused = ours(&other, ["pull", "-a", &tags[0]]).failure();
    assert_eq!(refused.stderr, "tag can't be used with --all-tags/-a\n");
}

/// What is not signed is not pulled, whatever is in the registry.
#[test]
fn dockerd_a_refused_pull_leaves_nothing() {
    let Some(bench) = Bench::start() else { return };
    let repository = bench.name("refused");
    let (signed, unsigned) = (format!("{repository}:1"), format!("{repository}:2"));
    bench.import(&signed, "signed");
    bench.import(&unsigned, "unsigned");
    ours(&bench.docker, ["push", &signed]).success();
    untrusted(&bench.docker).run(["push", &unsigned]).success();
    bench.forget(&[&signed, &unsigned]);

    let other = bench.user();
    let refused = ours(&other, ["pull", &unsigned]).failure();
    assert_eq!((refused.code(), refused.stdout.as_str()), (Some(1), ""));
    assert!(refused.stderr.starts_with("No valid trust data for 2\n"));
    bench.inspect(&unsigned).failure();

    let nobody = format!("{}:1", bench.name("nobody"));
    let refused = ours(&other, ["pull", &nobody]).failure();
    refused.says("Error: remote trust data does not exist for");

    // The tag moves in the registry: what is signed is pulled all the same.
    bench.import(&signed, "moved");
    untrusted(&bench.docker).run(["push", &signed]).success();
    let moved = bench.inspect(&signed).success().stdout;
    bench.forget(&[&signed]);
    ours(&other, ["pull", &signed]).success();
    assert_ne!(bench.inspect(&signed).success().stdout, moved);
    bench.forget(&[&signed]);

    // The trust server does not answer; nothing is taken from the cache.
    let away = before_real(&other).env("DOCKER_CONTENT_TRUST_SERVER", "https://127.0.0.1:1");
    let refused = away.run_program(shim(&other), ["pull", &signed]).failure();
    refused.says("Error: error contacting notary server");
    bench.inspect(&signed).failure();
}

/// A digest needs no trust data, and the user is told.
#[test]
fn dockerd_a_digest_is_pulled_as_it_is() {
    let Some(bench) = Bench::start() else { return };
    let image = format!("{}:1", bench.name("digest"));
    bench.import(&image, "by digest");
    let pushed = untrusted(&bench.docker).run(["push", &image]).success();
    let digest = digest_after(&pushed.stdout, "1: digest: ");
    bench.forget(&[&image]);
    let by_digest = format!("{}@{digest}", bench.name("digest"));
    let pulled = ours(&bench.user(), ["pull", &by_digest]).success();
    assert!(pulled.stdout.ends_with(&format!("\n{by_digest}\n")));
    assert!(
        pulled.stderr.contains("no trust data is needed"),
        "{pulled}"
    );
    bench.inspect(&by_digest).success();
    let refused = ours(&bench.docker, ["push", &by_digest]).failure();
    assert_eq!(refused.stderr, "cannot push a digest reference\n");
}

/// Everything that would make signing fail is found before anything is pushed.
#[test]
fn dockerd_nothing_is_pushed_that_cannot_be_signed() {
    let Some(bench) = Bench::start() else { return };
    let repository = bench.name("preflight");
    let image = format!("{repository}:1");
    bench.import(&image, "preflight");
    let docker = before_real(&bench.docker);
    let at_registry = || {
        let listing = untrusted(&bench.docker);
        listing.run(["manifest", "inspect", "--insecure", &image])
    };
    let refused = |docker: &testkit::DockerCli, said: &str| {
        let refused = docker
            .run_program(shim(&bench.docker), ["push", &image])
            .failure();
        assert_eq!(refused.code(), Some(1), "{refused}");
        assert!(refused.stderr.contains("Nothing was pushed"), "{refused}");
        refused.says(said);
        at_registry().failure();
    };
    refused(
        &docker
            .clone()
            .env("DOCKER_CONTENT_TRUST_SERVER", "https://127.0.0.1:1"),
        "Error: error contacting notary server",
    );
    refused(
        &docker
            .clone()
            .env("DOCKER_CONTENT_TRUST_SERVER", "http://127.0.0.1:1"),
        "valid https URL required for trust server",
    );
    refused(
        &docker
            .clone()
            .env("DOCKER_HOST", "unix:///nonexistent/docker.sock"),
        "Cannot connect to the Docker daemon at unix:///nonexistent/docker.sock",
    );
    let missing = format!("{repository}:missing");
    let said = ours(&bench.docker, ["push", &missing]).failure();
    said.says("An image does not exist locally with the tag: ");
    // No terminal, no passphrase.
    refused(
        &docker
            .clone()
            .env_remove("DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE"),
        "a passphrase is needed",
    );
    assert!(!exists(&bench.docker.trust_dir().join("private")), "no key");
    // A repository that exists, and the wrong passphrase for its key.
    ours(&bench.docker, ["push", &image]).success();
    let next = format!("{repository}:next");
    bench.import(&next, "next");
    let wrong = docker.env("DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE", "not this one");
    let refused = wrong.run_program(shim(&bench.docker), ["push", &next]);
    refused
        .failure()
        .says("DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE does not open it")
        .says("Nothing was pushed");
    let listing = untrusted(&bench.docker);
    listing
        .run(["manifest", "inspect", "--insecure", &next])
        .failure();
}

/// The registry breaks off in the middle of a push: nothing is signed.
#[test]
fn dockerd_a_push_cut_half_way_is_not_signed() {
    let Some(bench) = Bench::start() else { return };
    let ca = TestCa::new();
    let front = Proxy::to(&bench.server.url())
        .trust(&bench.server.ca_file())
        .start_https(&ca);
    let host = format!("localhost:{}", front.address().port());
    let image = format!("{host}/cut:1");
    bench.docker.add_ca(&host, &ca.file());
    bench.import(&image, "cut");
    front.on(
        |method, path| method == Method::PUT && path.contains("/manifests/"),
        Fault::Disconnect,
    );
    let refused = ours(&bench.docker, ["push", &image]).failure();
    assert_eq!(refused.code(), Some(1));
    assert!(!refused.stdout.contains("Signing"), "{refused}");
    refused.says("Nothing was signed");
    assert!(!exists(&bench.docker.trust_dir().join("private")), "no key");
    front.clear();
    let published =
        |request: &String| request.starts_with("POST") && request.ends_with("/_trust/tuf/");
    assert!(
        !front.requests().iter().any(published),
        "nothing was published"
    );
    // The same again, whole.
    ours(&bench.docker, ["push", &image]).success();
    assert!(front.requests().iter().any(published));
}
