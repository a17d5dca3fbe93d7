//! What `sign` made by a file, `verify` accepts by the same file.

use crate::scene::{At, Scene, verdict};

const FILE: &str = r#"
[keys]
release = "keys/release.pub"

[[rules]]
repositories = ["HOST/**"]
annotations = { stage = "prod", note = "Doe, Jane = \"JD\"" }
all = [{ role = "targets/releases" }, { role = "targets/jeff" }, { key = "release" }]

[sign]
systems = ["sigstore", "content-trust"]
key = "keys/release.key"
format = "FORMAT"
annotations = { stage = "prod", note = "Doe, Jane = \"JD\"" }
"#;

fn round_trip(at: At) {
    let Some(scene) = Scene::at(at) else { return };
    std::fs::create_dir(scene.home().join("keys")).unwrap();
    scene.keys(&["keys/release"]);
    for format in ["tag", "referrer", "bundle", "both"] {
        scene.policy(&FILE.replace("FORMAT", format));
        let name = format!("acme/{format}");
        let first = scene.image(&name);
        let digest = scene.push(&name, "2", &format!("{format} two"));
        let (second, same) = (
            format!("{}/{name}:2", scene.host()),
            format!("{}/{name}:same", scene.host()),
        );
        scene.push(&name, "same", &format!("{format} two"));
        let output = scene.run(&["sign", &first, &second, &same]).success();
        let forms = if format == "both" {
            "tag, bundle"
        } else {
            format
        };
        let lines: Vec<&str> = output.stdout.lines().collect();
        assert_eq!(lines.len(), 7, "{output}");
        for (line, (image, system)) in lines.iter().skip(1).zip([
            (&first, "sigstore"),
            (&first, "content trust"),
            (&second, "sigstore"),
            (&second, "content trust"),
            (&same, "sigstore"),
            (&same, "content trust"),
        ]) {
            assert!(line.starts_with(image) && line.contains(system), "{output}");
        }
        assert!(lines[1].ends_with(&format!("signed ({forms})")), "{output}");
        assert!(
            lines[2].contains("targets/releases") && lines[2].contains("targets/jeff"),
            "{output}"
        );
        assert!(
            output.stderr.contains("6 of 6 signatures were made."),
            "{output}"
        );

        let output = scene.run(&["verify", &first, &second, &same]).success();
        assert_eq!(output.stdout.matches(" verified ").count(), 3, "{output}");
        assert!(output.stdout.contains("key release (sha256:"), "{output}");
        assert!(
            output.stdout.contains("content trust, targets/releases"),
            "{output}"
        );
        assert!(
            output.stderr.contains("3 of 3 images are as demanded."),
            "{output}"
        );

        let (document, _) = scene.json(&[&second]);
        let image = &document["images"][0];
        assert_eq!(image["digest"], digest, "{document:#}");
        assert_eq!(image["result"], "verified");
        assert_eq!(image["rule"]["line"], 5);
        assert_eq!(image["content_trust"]["checked"], "verified");
        let candidates = image["candidates"].as_array().unwrap();
        // One digest has two tags and was signed once.
        let expected = if format == "both" { 2 } else { 1 };
        assert_eq!(candidates.len(), expected, "{document:#}");
        for candidate in candidates {
            assert_eq!(candidate["result"], "verified");
            assert_eq!(candidate["annotations"]["note"], "Doe, Jane = \"JD\"");
        }

        // By its digest alone it is the same image.
        let by_digest = format!("{}/{name}@{digest}", scene.host());
        scene.run(&["verify", &by_digest]).success();

        // The registry's tag is another image now, signed by the key; nobody told content trust.
        let moved = scene.push(&name, "2", "moved");
        let pinned = format!("{}/{name}@{moved}", scene.host());
        let words = [
            "sign",
            "--no-policy",
            "--key",
            "keys/release.key",
            "-a",
            "stage=prod",
            "-a",
            "\"note=Doe, Jane = \"\"JD\"\"\"",
            &pinned,
        ];
        scene.run(&words).success();
        assert_eq!(
            scene.verdict(&[&second]),
            verdict(12, "not-as-demanded", "other-digest")
        );
        let output = scene.run(&["verify", &second]);
        assert!(
            output.stderr.contains(&format!(
                "content trust has tag 2 for {digest}, and the registry gives {moved}"
            )),
            "{output}"
        );
    }
}

#[test]
fn on_docker_registry() {
    round_trip(At::DockerRegistry);
}

#[test]
fn on_countersign_serve() {
    round_trip(At::Countersign);
}
