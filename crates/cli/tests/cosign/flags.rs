//! Flags that exclude each other: the message names both, and the one to drop.

use crate::scene::{Scene, Who, refused};

/// The command line, the flag to drop, and the one because of which.
type Case = (&'static str, &'static str, &'static str);

const IMAGE: &str = "127.0.0.1:1/app:1";

const SIGNING: &[Case] = &[
    ("--key k --sk", "sk", "key"),
    ("--key k --identity-token t", "identity-token", "key"),
    ("--key k --oidc-provider envvar", "oidc-provider", "key"),
    (
        "--key k --fulcio-auth-flow device",
        "fulcio-auth-flow",
        "key",
    ),
    (
        "--key k --issue-certificate --certificate c",
        "certificate",
        "issue-certificate",
    ),
    (
        "--signing-config s --fulcio-url u",
        "fulcio-url",
        "signing-config",
    ),
    (
        "--signing-config s --oidc-issuer u",
        "oidc-issuer",
        "signing-config",
    ),
    (
        "--signing-config s --rekor-url u",
        "rekor-url",
        "signing-config",
    ),
    (
        "--signing-config s --timestamp-server-url u",
        "timestamp-server-url",
        "signing-config",
    ),
    (
        "--use-signing-config --rekor-url u",
        "rekor-url",
        "use-signing-config",
    ),
    (
        "--signing-config s --use-signing-config=false",
        "use-signing-config",
        "signing-config",
    ),
    (
        "--identity-token t --oidc-provider envvar",
        "oidc-provider",
        "identity-token",
    ),
    (
        "--oidc-provider envvar --oidc-disable-ambient-providers",
        "oidc-disable-ambient-providers",
        "oidc-provider",
    ),
];

const SIGN: &[Case] = &[
    (
        "--key k --format legacy --new-bundle-format",
        "new-bundle-format",
        "format",
    ),
    (
        "--key k --format bundle --new-bundle-format=false",
        "new-bundle-format",
        "format",
    ),
    (
        "--key k --format both --new-bundle-format=false",
        "new-bundle-format",
        "format",
    ),
    (
        "--key k --format bundle --registry-referrers-mode legacy",
        "registry-referrers-mode",
        "format",
    ),
    (
        "--key k --new-bundle-format --registry-referrers-mode legacy",
        "registry-referrers-mode",
        "new-bundle-format",
    ),
    ("--key k --format legacy --bundle b", "bundle", "format"),
    (
        "--key k --bundle b --output-signature o",
        "output-signature",
        "bundle",
    ),
    (
        "--key k --format bundle --output-payload o",
        "output-payload",
        "format",
    ),
    (
        "--key k --signing-config s --output-certificate o",
        "output-certificate",
        "signing-config",
    ),
    ("--key k --payload p -a n=v", "annotations", "payload"),
    ("--key k --payload p --recursive", "recursive", "payload"),
    ("--key k --payload p --format both", "payload", "format"),
    (
        "--key k --recursive --output-signature o",
        "output-signature",
        "recursive",
    ),
    (
        "--key k --registry-token t --registry-username u --registry-password p",
        "registry-username",
        "registry-token",
    ),
];

const VERIFICATION: &[Case] = &[
    ("--key k --sk", "sk", "key"),
    (
        "--key k --certificate-identity i",
        "certificate-identity",
        "key",
    ),
    (
        "--key k --certificate-identity-regexp i",
        "certificate-identity-regexp",
        "key",
    ),
    (
        "--key k --certificate-oidc-issuer i",
        "certificate-oidc-issuer",
        "key",
    ),
    (
        "--key k --certificate-oidc-issuer-regexp i",
        "certificate-oidc-issuer-regexp",
        "key",
    ),
    (
        "--key k --certificate-github-workflow-ref r",
        "certificate-github-workflow-ref",
        "key",
    ),
    (
        "--certificate-identity i --certificate-identity-regexp i",
        "certificate-identity",
        "certificate-identity-regexp",
    ),
    (
        "--certificate-oidc-issuer i --certificate-oidc-issuer-regexp i",
        "certificate-oidc-issuer",
        "certificate-oidc-issuer-regexp",
    ),
    ("--key k --offline --rekor-url u", "rekor-url", "offline"),
    (
        "--key k --sct s --insecure-ignore-sct",
        "sct",
        "insecure-ignore-sct",
    ),
    (
        "--key k --trusted-root t --ca-roots c",
        "ca-roots",
        "trusted-root",
    ),
    (
        "--key k --trusted-root t --ca-intermediates c",
        "ca-intermediates",
        "trusted-root",
    ),
    (
        "--key k --trusted-root t --certificate-chain c",
        "certificate-chain",
        "trusted-root",
    ),
    (
        "--key k --trusted-root t --timestamp-certificate-chain c",
        "timestamp-certificate-chain",
        "trusted-root",
    ),
    (
        "--key k --ca-roots c --certificate-chain c",
        "certificate-chain",
        "ca-roots",
    ),
];

/// Flags of one command each, with its arguments.
const OTHERS: &[(&str, &str, &str)] = &[
    (
        "sign-blob --key k --signing-algorithm ecdsa-sha2-256-nistp256 file",
        "signing-algorithm",
        "key",
    ),
    (
        "sign-blob --key k --output o --output-signature o file",
        "output",
        "output-signature",
    ),
    (
        "attest-blob --key k --predicate file --statement file file",
        "predicate",
        "statement",
    ),
    (
        "verify-blob --key key.pub --signature s --bundle b file",
        "signature",
        "bundle",
    ),
    (
        "login -u bob -p secret --password-stdin a.example",
        "password",
        "password-stdin",
    ),
];

fn check(scene: &Scene, words: &str, drop: &str, because: &str) {
    let words: Vec<&str> = words.split(' ').collect();
    let sentence = format!("Error: --{drop} cannot be used with --{because}: ");
    let advice = format!("Drop --{drop}.");
    refused(scene.run(Who::Ours, &words), 1, &[&sentence, &advice]);
}

#[test]
fn conflicts_are_named() {
    let Some(scene) = Scene::start() else { return };
    scene.generate_key(Who::Ours, "key");
    for file in ["file", "s"] {
        scene.write(file, "{}");
    }
    scene.write("Dockerfile", &format!("FROM {IMAGE}\n"));
    let pod = format!("kind: Pod\nspec:\n  containers:\n  - image: {IMAGE}\n");
    scene.write("pod.yaml", &pod);
    for (words, drop, because) in SIGNING {
        for (command, rest) in [
            ("sign", IMAGE),
            ("attest --predicate file", IMAGE),
            ("sign-blob", "file"),
            ("attest-blob --predicate file", "file"),
        ] {
            // A signing configuration means a bundle, and a file's bundle goes to a file.
            let bundle = if command.contains("-blob") && words.contains("signing-config s") {
                " --bundle b"
            } else {
                ""
            };
            check(
                &scene,
                &format!("{command} {words}{bundle} {rest}"),
                drop,
                because,
            );
        }
    }
    for (words, drop, because) in SIGN {
        check(&scene, &format!("sign {words} {IMAGE}"), drop, because);
    }
    for (words, drop, because) in VERIFICATION {
        for (command, rest) in [
            ("verify", IMAGE),
            ("verify-attestation", IMAGE),
            ("verify-blob --bundle s", "file"),
            ("verify-blob-attestation --signature s", "file"),
            ("dockerfile verify", "Dockerfile"),
            ("manifest verify", "pod.yaml"),
        ] {
            check(&scene, &format!("{command} {words} {rest}"), drop, because);
        }
    }
    for (words, drop, because) in OTHERS {
        check(&scene, words, drop, because);
    }
}

/// A certificate's file without its key, half a client certificate, half a login: what is missing is named.
#[test]
fn missing_halves_are_named() {
    let Some(scene) = Scene::start() else { return };
    scene.write("file", "{}");
    for (words, missing) in [
        ("sign --certificate file", "--key is required"),
        (
            "sign --key k --certificate-chain file",
            "--certificate is required",
        ),
        (
            "sign --key k --timestamp-client-cert file",
            "--timestamp-client-key is required",
        ),
        (
            "sign --key k --timestamp-client-key file",
            "--timestamp-client-cert is required",
        ),
        (
            "sign --key k --registry-client-cert file",
            "--registry-client-key is required",
        ),
        (
            "verify --key k --registry-username u",
            "--registry-password is required",
        ),
        (
            "sign --fulcio-auth-flow telepathy",
            "must be normal, device, token or client_credentials",
        ),
        (
            "sign --oidc-provider nobody --fulcio-url http://127.0.0.1:1",
            "must be one of",
        ),
    ] {
        let words: Vec<&str> = words.split(' ').chain([IMAGE]).collect();
        refused(scene.run(Who::Ours, &words), 1, &[missing]);
    }
}

/// What is wrong, and below it what to do.
#[test]
fn refusals_say_what_to_do() {
    let Some(scene) = Scene::start() else {
        return;
    };
    scene.generate_key(Who::Ours, "key");
    for (words, says) in [
        (
            "verfy --key key.pub",
            "unknown command \"verfy\" for \"countersign cosign\"\n\nDid you mean this?\n\tverify\n",
        ),
        (
            "verify --kee key.pub",
            "unknown flag: --kee\nRun 'countersign cosign verify --help' for usage.",
        ),
        (
            "verify --key key.pub --signature nowhere.sig",
            "open nowhere.sig: no such file or directory\nLook whether its name is right",
        ),
        (
            "verify --certificate-identity-regexp ( --certificate-oidc-issuer i",
            "error parsing regexp: --certificate-identity-regexp: ",
        ),
        (
            "verify --key key.pub --slot signature",
            "--sk with its --slot is not supported\nName the key by its PKCS#11 URI",
        ),
        (
            "verify --key key.pub --local-image",
            "oci-layout is missing\nName a folder that 'save' wrote.",
        ),
        (
            "sign-blob --key key.key --signing-config s",
            "must specify --bundle with --signing-config\nName the file of the bundle",
        ),
        (
            "generate-key-pair --kms awskms:///alias/app",
            "both say where the key is made: drop one of them",
        ),
    ] {
        let words: Vec<&str> = words.split(' ').chain([IMAGE]).collect();
        let refused = scene.run(Who::Ours, &words);
        assert_eq!(refused.code(), Some(1), "{refused}");
        refused.says(says);
    }
}
