//! Policies: which rule decides, and what it takes.

use crate::scene::{At, Scene, verdict, verified};

const TWO_OF_THREE: &str = r#"
[keys]
a = "a.pub"
b = "b.pub"
c = "c.pub"

[[rules]]
repositories = ["HOST/app"]
at-least = 2
of = [{ key = "a" }, { key = "b" }, { key = "c" }]
"#;

#[test]
fn two_of_three_signers() {
    let Some(scene) = Scene::at(At::Countersign) else {
        return;
    };
    scene.keys(&["a", "b", "c"]);
    scene.policy(TWO_OF_THREE);
    let image = scene.image("app");
    assert_eq!(
        scene.verdict(&[&image]),
        verdict(10, "not-signed", "no-signature")
    );
    let sign = |key: &str| {
        scene.run(&["sign", "--key", key, &image]).success();
    };
    sign("b.key");
    // Twice by one signer is one signer.
    scene
        .run(&["sign", "--key", "b.key", "--format", "bundle", &image])
        .success();
    assert_eq!(
        scene.verdict(&[&image]),
        verdict(12, "not-as-demanded", "too-few-signers")
    );
    let output = scene.run(&["verify", &image]);
    assert!(
        output.stderr.contains(
            "signed by 1 of the 2 signers that are needed; key a, key c: did not sign it"
        ),
        "{output}"
    );
    sign("c.key");
    verified(&scene, &[&image]);
    // A third key that cannot be read does not matter, until it is needed.
    std::fs::remove_file(scene.home().join("a.pub")).unwrap();
    verified(&scene, &[&image]);
    std::fs::remove_file(scene.home().join("b.pub")).unwrap();
    assert_eq!(
        scene.verdict(&[&image]),
        verdict(15, "not-checked", "too-few-signers")
    );
    let output = scene.run(&["verify", &image]);
    assert!(
        output
            .stderr
            .contains("open b.pub: no such file or directory"),
        "{output}"
    );
}

#[test]
fn rules_for_repositories() {
    let Some(scene) = Scene::start() else { return };
    scene.keys(&["release"]);
    scene.policy(
        r#"
[keys]
release = "release.pub"

[[rules]]
repositories = ["HOST/open/*"]
accept-unsigned = true

[[rules]]
repositories = ["HOST/closed/*"]
deny = true

[[rules]]
repositories = ["HOST/acme/*"]
all = [{ key = "release" }]
"#,
    );
    let open = scene.image("open/app");
    let closed = scene.image("closed/app");
    let acme = scene.image("acme/app");
    let other = scene.image("other/app");
    // The file has no [sign], so that flags sign.
    scene
        .run(&["sign", "--key", "release.key", &closed, &acme, &other])
        .success();
    assert_eq!(scene.verdict(&[&open]), verdict(0, "accepted-unsigned", ""));
    assert_eq!(
        scene.verdict(&[&closed]),
        verdict(14, "denied", "denied-by-rule")
    );
    verified(&scene, &[&acme]);
    assert_eq!(scene.verdict(&[&other]), verdict(14, "denied", "no-rule"));
    // Who is denied is not asked: no registry answers here.
    assert_eq!(
        scene.verdict(&["127.0.0.1:1/app:1"]),
        verdict(14, "denied", "no-rule")
    );
    let output = scene.run(&["verify", &open, &closed, &acme, &other]);
    assert_eq!(output.code(), Some(14), "{output}");
    assert!(output.stdout.contains("accepted unsigned"), "{output}");
    assert!(
        output.stderr.contains("the rule on line 9 denies it"),
        "{output}"
    );
    assert!(
        output
            .stderr
            .contains("no rule of countersign.toml is for it"),
        "{output}"
    );
}

#[test]
fn the_policy_in_force() {
    let Some(scene) = Scene::start() else { return };
    let image = scene.image("app");
    let rule = |demand: &str| format!("[[rules]]\nrepositories = [\"**\"]\n{demand} = true\n");
    scene.policy(&rule("deny"));
    std::fs::create_dir(scene.home().join("etc")).unwrap();
    scene.write("etc/policy.toml", &rule("accept-unsigned"));
    scene.write("denied.toml", &rule("deny"));
    let code = |variable, words: &[&str]| {
        let words = [&["verify"], words, &[image.as_str()]].concat();
        scene
            .run_with(("COUNTERSIGN_POLICY", variable), &words)
            .code()
    };
    assert_eq!(code("", &[]), Some(14));
    assert_eq!(code("etc/policy.toml", &[]), Some(0));
    assert_eq!(
        code("etc/policy.toml", &["--policy", "denied.toml"]),
        Some(14)
    );
    assert_eq!(code("", &["--policy", "etc/policy.toml"]), Some(0));
    // One that is named and is not there is not passed over.
    assert_eq!(code("absent.toml", &[]), Some(1));
}

#[test]
fn a_signer_of_either_system() {
    let Some(scene) = Scene::at(At::Countersign) else {
        return;
    };
    scene.keys(&["release"]);
    scene.policy(
        "[keys]\nrelease = \"release.pub\"\n[[rules]]\nrepositories = [\"HOST/*\"]\n\
         any = [{ role = \"targets/releases\" }, { key = \"release\" }]\n",
    );
    let (by_key, by_trust, unsigned) = (scene.image("k"), scene.image("t"), scene.image("u"));
    scene
        .run(&["sign", "--key", "release.key", &by_key])
        .success();
    scene.run(&["sign", "--content-trust", &by_trust]).success();
    verified(&scene, &[&by_key]);
    verified(&scene, &[&by_trust]);
    assert_eq!(
        scene.verdict(&[&unsigned]),
        verdict(10, "not-signed", "no-signature")
    );
    // What is not needed any more may be unknown; what is needed may not.
    let nowhere = ("DOCKER_CONTENT_TRUST_SERVER", "https://localhost:1");
    let code = |image: &str| scene.run_with(nowhere, &["verify", image]).code();
    assert_eq!(code(&by_key), Some(0));
    assert_eq!(code(&by_trust), Some(15));
    let file = scene.home().join("countersign.toml");
    let all = std::fs::read_to_string(&file)
        .unwrap()
        .replace("any =", "all =");
    std::fs::write(&file, all).unwrap();
    assert_eq!(code(&by_key), Some(15));
    // Without the key's signature it is not as demanded, whatever content trust would say.
    assert_eq!(code(&by_trust), Some(10));
    assert_eq!(
        scene.verdict(&[&by_trust]),
        verdict(12, "not-as-demanded", "no-signature")
    );
    std::fs::write(
        &file,
        std::fs::read_to_string(&file)
            .unwrap()
            .replace("all =", "any ="),
    )
    .unwrap();
    let output = scene.run(&["verify", &by_key, &by_trust]).success();
    let by: Vec<&str> = output.stdout.lines().skip(1).collect();
    assert!(by[0].contains("key release (sha256:"), "{output}");
    assert!(
        by[1].contains("content trust, targets/releases"),
        "{output}"
    );
}
