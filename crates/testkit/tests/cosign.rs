//! The two cosigns sign for each other.

use testkit::{Cosign, CosignVersion, DockerRegistry, Peers, Skopeo};

#[test]
fn the_one_signs_and_the_other_verifies() {
    let Some(peers) = Peers::locate() else { return };
    let registry = DockerRegistry::start(&peers);
    let v3 = Cosign::new(&peers, CosignVersion::V3);
    let v2 = v3.version(CosignVersion::V2);
    let signed = Skopeo::new(&peers).push(&registry, "demo", "hello");
    v3.run(["generate-key-pair"]).success();
    let verify = [
        "verify",
        "--key",
        "cosign.pub",
        "--insecure-ignore-tlog",
        &signed,
    ];
    v2.run(verify).failure().says("no signatures found");
    v2.run([
        "sign",
        "--key",
        "cosign.key",
        "--tlog-upload=false",
        &signed,
    ])
    .success();
    v3.run(verify)
        .success()
        .says("The cosign claims were validated");
}
