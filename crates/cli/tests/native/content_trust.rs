//! Content trust alone.

use crate::scene::{At, Scene, verdict, verified};

#[test]
fn what_content_trust_says() {
    let Some(scene) = Scene::at(At::Countersign) else {
        return;
    };
    let image = scene.image("app");
    let trust = ["--content-trust", image.as_str()];
    assert_eq!(
        scene.verdict(&trust),
        verdict(10, "not-signed", "no-trust-data")
    );
    scene.push("app", "2", "two");
    let second = format!("{}/app:2", scene.host());
    scene.run(&["sign", "--content-trust", &second]).success();
    assert_eq!(
        scene.verdict(&trust),
        verdict(10, "not-signed", "role-not-signed")
    );
    scene.run(&["sign", "--content-trust", &image]).success();
    verified(&scene, &trust);
    verified(
        &scene,
        &[
            "--role",
            "targets/jeff",
            "--role",
            "targets/releases",
            &image,
        ],
    );
    // A role does not take the place of the release.
    let words = ["--content-trust", "--role", "targets/jeff", image.as_str()];
    let (document, code) = scene.json(&words);
    let demand = &document["images"][0]["demand"];
    assert_eq!(
        (
            code,
            demand["demand"].as_str(),
            &demand["parts"][0]["demand"]
        ),
        (0, Some("all of"), &"one of".into())
    );
    assert_eq!(
        scene.verdict(&["--role", "targets/alice", &image]),
        verdict(12, "not-as-demanded", "role-not-signed")
    );
    scene.push("app", "1", "moved");
    assert_eq!(
        scene.verdict(&trust),
        verdict(12, "not-as-demanded", "other-digest")
    );
    // Both kinds that flags demand must hold.
    scene.keys(&["release"]);
    let both = ["--content-trust", "--key", "release.pub", second.as_str()];
    let (code, result, _) = scene.verdict(&both);
    assert_eq!((code, result.as_str()), (12, "not-as-demanded"));
    scene
        .run(&["sign", "--key", "release.key", &second])
        .success();
    verified(&scene, &both);
}
