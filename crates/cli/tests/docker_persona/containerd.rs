//! The containerd image store of Docker 28.5, the default of Docker 29: it reports no digest for programs, and keeps
//! indexes whole.

use testkit::Skopeo;

use crate::bench::{Bench, digest_after, ours, untrusted};

#[test]
fn dockerd_the_containerd_store_pushes_signs_pulls_and_runs() {
    let Some(bench) = Bench::start_containerd() else {
        return;
    };
    let repository = bench.name("app");
    let image = format!("{repository}:1");
    bench.import(&image, "containerd");
    let pushed = ours(&bench.docker, ["push", &image]).success();
    let digest = digest_after(&pushed.stdout, "1: digest: ");
    pushed.says(&format!("Successfully signed {image}"));
    bench.forget(&[&image]);

    let other = bench.user();
    let pulled = ours(&other, ["pull", &image]).success();
    assert!(
        pulled
            .stdout
            .starts_with(&format!("Pull (1 of 1): {image}@{digest}\n")),
        "{pulled}"
    );
    bench.inspect(&image).success().says(&digest);
    let created = ours(&other, ["create", "--network=none", &image, "/x"]).success();
    assert_eq!(created.stdout.len(), 65, "{created}");
    // The registry's digest without the engine's image is the same.
    bench.forget(&[&image]);
    let id = created.stdout.trim().to_owned();
    untrusted(&other).run(["rm", &id]).success();
}

/// An index is signed as a whole, and one of its platforms is pulled.
#[test]
fn dockerd_an_index_is_signed_and_pulled_by_platform() {
    let Some(bench) = Bench::start() else { return };
    let repository = bench.name("index");
    let image = format!("{repository}:1");
    let (layout, digest) = crate::bench::index_layout(["on amd64", "on arm64"]);
    let certificates = testkit::Folder::new("certs");
    std::fs::copy(bench.server.ca_file(), certificates.path().join("ca.crt")).unwrap();
    Skopeo::new(bench.peers())
        .run([
            "copy",
            "--all",
            &format!("--dest-cert-dir={}", certificates.path().display()),
            &format!("oci:{}:1", layout.path().display()),
            &format!("docker://{image}"),
        ])
        .success();
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
    let signed = ours(&bench.docker, ["trust", "sign", &image]).success();
    assert_eq!(digest_after(&signed.stdout, "1: digest: "), digest);

    let other = bench.user();
    let mut ids = Vec::new();
    for platform in ["linux/arm64", "linux/amd64"] {
        let pulled = ours(&other, ["pull", "--platform", platform, &image]).success();
        pulled.says(&format!("Pull (1 of 1): {image}@{digest}"));
        let shown = untrusted(&other).run(["image", "inspect", "--format", "{{.Id}}", &image]);
        ids.push(shown.success().stdout);
        bench.forget(&[&image]);
    }
    assert_ne!(ids[0], ids[1]);
    ours(&other, ["pull", "--platform", "nonsense", &image])
        .failure()
        .says("is not a platform");
}
