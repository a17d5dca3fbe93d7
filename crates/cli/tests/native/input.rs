//! What is refused before anybody is contacted, and in which words.

use crate::scene::{At, Scene};

#[test]
fn flags_and_files_that_are_not_understood() {
    let Some(scene) = Scene::at(At::Countersign) else {
        return;
    };
    scene.keys(&["release"]);
    let image = "localhost:1/app:1";
    // Flag by flag: nobody could be contacted.
    for (words, says) in [
        (
            &["verify"][..],
            "nothing says whose signatures are demanded\nGive a key",
        ),
        (&["sign"], "nothing says how to sign\nGive a key"),
        (
            &["verify", "-a", "a=b"],
            "--annotations demands nothing of content trust",
        ),
        (
            &["verify", "--key", "absent.pub"],
            "open absent.pub: no such file or directory",
        ),
        (
            &["verify", "--key", "release.key"],
            "loading public key: release.key",
        ),
        (
            &["verify", "--identity", "a@b.example"],
            "--issuer is needed: ",
        ),
        (
            &["verify", "--issuer", "https://b.example"],
            "--identity is needed: ",
        ),
        (
            &[
                "verify",
                "--identity",
                "a",
                "--identity-regexp",
                "b",
                "--issuer",
                "c",
            ],
            "--identity-regexp cannot be used with --identity: one of them decides\nDrop --identity-regexp.",
        ),
        (
            &["verify", "--identity-regexp", "(", "--issuer", "c"],
            "--identity-regexp is no regular expression",
        ),
        (
            &[
                "verify",
                "--key",
                "release.pub",
                "--identity",
                "a",
                "--issuer",
                "c",
            ],
            "Drop --identity, or write a policy",
        ),
        (
            &[
                "verify",
                "--content-trust",
                "--identity",
                "",
                "--issuer",
                "",
            ],
            "--identity is empty: what it demands is not known\nGive a value, or drop it.",
        ),
        (
            &["verify", "--key", "release.pub", "--key", ""],
            "--key is empty",
        ),
        (
            &["verify", "--role", "root"],
            "--role \"root\" is no role of content trust",
        ),
        (
            &["verify", "--content-trust", "--offline"],
            "Drop --offline.",
        ),
        (
            &["verify", "--key", "release.pub", "--json", "--explain"],
            "--explain cannot be used with --json: the document has all of it\nDrop --explain.",
        ),
        (
            &["verify", "--key", "release.pub", "--policy", "x.toml"],
            "--key cannot be used with --policy: both say what is to be done\nDrop --key.",
        ),
        (
            &["verify", "--policy", "absent.toml"],
            "cannot read absent.toml: ",
        ),
        (
            &["sign", "--key", "absent.key"],
            "connection to localhost:1 refused",
        ),
        (
            &["sign", "--key", "release.key", "--keyless"],
            "--keyless cannot be used with --key: one of them signs\nDrop --keyless.",
        ),
        (
            &["sign", "--key", "release.key", "--format", "new"],
            "--format \"new\" is not known",
        ),
        (
            &["sign", "--content-trust", "-a", "a=b"],
            "--annotations cannot be used with content trust alone: it is about signatures of Sigstore\nDrop \
             --annotations, or sign by Sigstore, too: with --key or --keyless.",
        ),
        (
            &["sign", "--content-trust", "--recursive"],
            "--recursive cannot be used with content trust alone: ",
        ),
    ] {
        let output = scene.run(&[words, &[image]].concat()).failure();
        assert!(output.stderr.contains(says), "no {says:?}: {output}");
        assert_eq!(output.stdout, "", "{output}");
    }
    let by_digest = format!("localhost:1/app@sha256:{}", "0".repeat(64));
    scene
        .run(&["sign", "--content-trust", &by_digest])
        .failure()
        .says("has no tag, and content trust signs tags");
    scene
        .run(&["verify", "--key", "release.pub", "localhost:1/App:1"])
        .failure()
        .says("could not parse reference");

    // Flags where a file is in force already.
    scene.policy(
        "[[rules]]\nrepositories = ['**']\ndeny = true\n[sign]\nsystems = ['content-trust']\n",
    );
    scene
        .run(&["verify", "--key", "release.pub", image])
        .failure()
        .says("--key cannot be used with the policy countersign.toml of this folder")
        .says("Drop --key, or go without the policy by --no-policy.");
    scene
        .run(&["sign", "--key", "release.key", image])
        .failure()
        .says("Drop --key, or go without the policy by --no-policy.");
    scene
        .run_with(
            ("COUNTERSIGN_POLICY", "countersign.toml"),
            &["verify", "--content-trust", image],
        )
        .failure()
        .says("the policy countersign.toml of COUNTERSIGN_POLICY");
    scene
        .run(&[
            "verify",
            "--no-policy",
            "--policy",
            "countersign.toml",
            image,
        ])
        .failure()
        .says("Drop --no-policy.");

    for (text, says) in [
        (
            "[keys]\nrelease = \"release.pub\"\n\n[[rules]]\nrepositories = [\"**\"]\nall = [{ key = \"relaese\" }]\n",
            "countersign.toml: line 6, column 16: no key \"relaese\" is defined; there are release",
        ),
        (
            "[[rules]]\nrepository = [\"**\"]\ndeny = true\n",
            "countersign.toml: line 2, column 1: unknown member \"repository\"",
        ),
        (
            "[[rules]]\nrepositories = [\"**\"]\nall = [{ key = \"release\", annotation = {} }]\n",
            "line 3, column 27: unknown member \"annotation\"",
        ),
        (
            "[sign]\nsystems = [\"gpg\"]\n",
            "line 2, column 12: \"gpg\" is not one of content-trust, sigstore",
        ),
        (
            "[sign]\nsystems = [\"sigstore\"]\n",
            "line 1, column 1: exactly one of key, keyless is needed here, and there are 0",
        ),
        ("rules = [\n", "countersign.toml: line "),
    ] {
        scene.policy(text);
        for command in ["verify", "sign"] {
            scene.run(&[command, image]).failure().says(says);
        }
    }
    scene.policy("[keys]\n");
    scene
        .run(&["sign", image])
        .failure()
        .says("nothing says how to sign; countersign.toml has no [sign]");
    std::fs::write(scene.home().join("countersign.toml"), [0xff, 0xfe]).unwrap();
    scene
        .run(&["verify", image])
        .failure()
        .says("not UTF-8 text");
}
