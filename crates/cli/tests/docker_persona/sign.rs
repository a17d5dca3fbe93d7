//! `docker trust sign` through the engine, and without one.

use testkit::DockerCli;

use crate::bench::{Bench, before_real, digest_after, ours, shim, untrusted};

/// A repository with the signer `amy`, whose key is here.
fn with_signer(bench: &Bench, name: &str) -> String {
    let repository = bench.name(name);
    ours(&bench.docker, ["trust", "key", "generate", "amy"]).success();
    let add = [
        "trust",
        "signer",
        "add",
        "--key",
        "amy.pub",
        "amy",
        &repository,
    ];
    ours(&bench.docker, add).success();
    repository
}

#[test]
fn dockerd_a_local_image_is_pushed_and_signed() {
    let Some(bench) = Bench::start() else { return };
    let repository = with_signer(&bench, "app");
    let image = format!("{repository}:1");
    bench.import(&image, "local");
    let signed = ours(&bench.docker, ["trust", "sign", &image]).success();
    assert_eq!(
        signed.stderr,
        format!(
            "Signing and pushing trust data for local image {image}, may overwrite remote trust data\n"
        )
    );
    let head = format!("The push refers to repository [{repository}]\n");
    assert!(signed.stdout.starts_with(&head), "{signed}");
    let tail = format!("\nSigning and pushing trust metadata\nSuccessfully signed {image}\n");
    assert!(signed.stdout.ends_with(&tail), "{signed}");
    let digest = digest_after(&signed.stdout, "1: digest: ");
    bench.forget(&[&image]);
    let pulled = bench.user().run(["pull", &image]).success();
    pulled.says(&digest);

    // Signed already: the same digest again, whatever is local.
    bench.forget(&[&image]);
    bench.import(&image, "another");
    let again = ours(&bench.docker, ["trust", "sign", &image]).success();
    again.says("Existing signatures for tag 1 digest");
    // Unless it is asked for.
    let local = ours(&bench.docker, ["trust", "sign", "--local", &image]).success();
    assert_ne!(digest_after(&local.stdout, "1: digest: "), digest);
    local.says("Successfully signed");
    bench.forget(&[&image]);
    let missing = ours(&bench.docker, ["trust", "sign", "--local", &image]).failure();
    missing.says("An image does not exist locally with the tag: ");
}

#[test]
fn dockerd_an_image_in_the_registry_is_signed_there() {
    let Some(bench) = Bench::start() else { return };
    let repository = with_signer(&bench, "remote");
    let (one, two) = (format!("{repository}:1"), format!("{repository}:2"));
    let mut digests = Vec::new();
    for (image, tag) in [(&one, "1"), (&two, "2")] {
        bench.import(image, tag);
        let pushed = untrusted(&bench.docker).run(["push", image]).success();
        digests.push(digest_after(&pushed.stdout, &format!("{tag}: digest: ")));
        bench.forget(&[image]);
    }
    let signed = ours(&bench.docker, ["trust", "sign", &one]).success();
    assert_eq!(signed.stderr, "");
    signed.says(&digests[0]);
    let alone: DockerCli = before_real(&bench.docker).env("DOCKER_HOST", "unix:///no/engine.sock");
    let program = shim(&alone);
    let signed = alone
        .run_program(&program, ["trust", "sign", &two])
        .success();
    signed.says(&digests[1]);
    let refused = alone.run_program(&program, ["trust", "sign", "--local", &two]);
    refused
        .failure()
        .says("Cannot connect to the Docker daemon at unix:///no/engine.sock");
    bench.user().run(["pull", &two]).success();
}
