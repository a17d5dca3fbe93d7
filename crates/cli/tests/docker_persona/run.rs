//! `docker create` and `docker run` with content trust.

use crate::bench::{Bench, digest_after, ours, untrusted};

/// The container's image is the signed digest, pulled by us where the engine does not have it; the rest is the real
/// docker's.
#[test]
fn dockerd_create_and_run_pin_their_image() {
    let Some(bench) = Bench::start() else { return };
    let repository = bench.name("app");
    let image = format!("{repository}:1");
    bench.import(&image, "app");
    let pushed = ours(&bench.docker, ["push", &image]).success();
    let digest = digest_after(&pushed.stdout, "1: digest: ");
    bench.forget(&[&image]);

    let other = bench.user();
    let created = ours(
        &other,
        [
            "create",
            "--name",
            "one",
            "-e",
            "A=b",
            "--network",
            "none",
            &image,
            "/hello",
            "--pull",
        ],
    )
    .success();
    let said = &created.stderr;
    let head = format!("Unable to find image '{image}' locally\n");
    assert!(said.starts_with(&head), "{created}");
    let tail = format!("\nTagging {repository}@{digest} as {image}\n");
    assert!(said.ends_with(&tail), "{created}");
    assert_eq!(
        created.stdout.len(),
        65,
        "an id and nothing else: {created}"
    );
    let config = untrusted(&other)
        .run([
            "inspect",
            "--format",
            "{{.Config.Image}} {{.Args}} {{.Config.Env}}",
            "one",
        ])
        .success();
    assert!(
        config
            .stdout
            .starts_with(&format!("{repository}@{digest} [--pull] [A=b")),
        "{config}"
    );
    // Now that it is local, nothing is pulled.
    let again = ours(
        &other,
        ["container", "create", "--network=none", &image, "/hello"],
    )
    .success();
    assert_eq!(again.stderr, "");
    let always = ours(
        &other,
        [
            "create",
            "--pull",
            "always",
            "--network=none",
            &image,
            "/hello",
        ],
    )
    .success();
    assert!(always.stderr.contains("Image is up to date"), "{always}");
    assert_eq!(always.stdout.len(), 65, "{always}");
    // The command does not exist in the image: the real docker says so, with its exit code.
    let ran = ours(
        &other,
        ["run", "--rm", "--network", "none", &image, "/nothing"],
    );
    assert_eq!(ran.code(), Some(127), "{ran}");
}

/// What is not signed does not run, local or not.
#[test]
fn dockerd_an_unsigned_image_does_not_run() {
    let Some(bench) = Bench::start() else { return };
    let repository = bench.name("app");
    let (signed, unsigned) = (format!("{repository}:1"), format!("{repository}:2"));
    bench.import(&signed, "signed");
    bench.import(&unsigned, "unsigned");
    ours(&bench.docker, ["push", &signed]).success();

    let refused = ours(&bench.docker, ["run", "--rm", &unsigned]).failure();
    assert_eq!((refused.code(), refused.stdout.as_str()), (Some(125), ""));
    assert!(
        refused
            .stderr
            .starts_with("docker: No valid trust data for 2\n"),
        "{refused}"
    );
    assert!(
        refused
            .stderr
            .ends_with("\nRun 'docker run --help' for more information\n")
    );
    let refused = ours(&bench.docker, ["create", &unsigned]).failure();
    assert_eq!(refused.code(), Some(1));
    assert!(refused.stderr.starts_with("No valid trust data for 2\n"));
    // `latest` is meant where no tag is given.
    let refused = ours(&bench.docker, ["run", &repository]).failure();
    refused.says("No valid trust data for latest");
    // By its id an image cannot be mistaken.
    let id = bench.inspect(&unsigned).success().stdout;
    let id = id.split_whitespace().next().unwrap();
    ours(&bench.docker, ["create", "--network=none", id, "/hello"]).success();
    // Off for this one.
    ours(
        &bench.docker,
        [
            "create",
            "--disable-content-trust",
            "--network=none",
            &unsigned,
            "/hello",
        ],
    )
    .success();
    // Not local, and not to be pulled: the engine says so.
    bench.forget(&[&signed]);
    let never = ours(&bench.docker, ["run", "--pull", "never", &signed]).failure();
    assert_eq!(never.code(), Some(125));
    never.says("No such image");
}
