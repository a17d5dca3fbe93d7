//! Identities.

use testkit::sigstack::{Claims, LogVersion, Ref, Sigstore};

use crate::scene::{Scene, verdict, verified};

const PIPELINE: &str = "https://gitlab.com/acme/app//.gitlab-ci.yml@refs/heads/main";

#[test]
fn identities_by_flags_and_by_a_file() {
    let Some(scene) = Scene::start() else { return };
    let sigstore = Sigstore::start();
    let token = sigstore.token(&Claims::gitlab(
        "https://gitlab.com",
        "acme/app",
        Ref::Branch("main"),
    ));
    let config = sigstore
        .signing_config(LogVersion::V1)
        .display()
        .to_string();
    let root = sigstore.trusted_root().display().to_string();
    let image = scene.image("app");
    let by_key = scene.image("key");
    scene.keys(&["release"]);
    scene
        .run(&["sign", "--key", "release.key", &by_key])
        .success();
    let words = [
        "sign",
        "--keyless",
        "--signing-config",
        &config,
        "--trusted-root",
        &root,
        "--identity-token",
        &token,
        "--yes",
        "--format",
        "both",
        "-a",
        "a=b",
        &image,
    ];
    scene.run(&words).success();
    let whose = ["--issuer", "https://gitlab.com", "--trusted-root", &root];
    let demand = |more: &[&str]| scene.verdict(&[&whose[..], more].concat());
    verified(
        &scene,
        &[&whose[..], &["--identity", PIPELINE, "-a", "a=b", &image]].concat(),
    );
    assert_eq!(
        demand(&["--identity", "mallory@example.com", &image]),
        verdict(12, "not-as-demanded", "identity-differs")
    );
    assert_eq!(
        demand(&["--identity-regexp", "^https://gitlab.com/", &by_key]),
        verdict(13, "key-only", "no-certificate")
    );
    assert_eq!(
        scene.verdict(&["--key", "release.pub", &image]),
        verdict(12, "not-as-demanded", "certificate-not-key")
    );

    let file = format!(
        "trusted-root = \"{root}\"\n\
         [keys]\nrelease = \"release.pub\"\n\
         [identities.pipeline]\nsubject = \"{PIPELINE}\"\nissuer = \"https://gitlab.com\"\n\
         [[rules]]\nrepositories = [\"HOST/app\"]\nall = [{{ key = \"release\" }}, {{ identity = \"pipeline\" }}]\n\
         [sign]\nsystems = [\"sigstore\"]\nkeyless = true\nsigning-config = \"{config}\"\n"
    );
    scene.policy(&file);
    assert_eq!(
        scene.verdict(&[&image]),
        verdict(12, "not-as-demanded", "not-signed-by")
    );
    scene
        .run(&["sign", "--no-policy", "--key", "release.key", &image])
        .success();
    verified(&scene, &[&image]);
    // By the file's own way of signing, with a token of the environment.
    let again = scene.image("app");
    scene
        .run_with(("SIGSTORE_ID_TOKEN", &token), &["sign", "--yes", &again])
        .success();
    let output = scene.run(&["verify", &again]).success();
    assert!(
        output
            .stdout
            .contains(&format!("{PIPELINE} (https://gitlab.com), key release")),
        "{output}"
    );
}
