//! What users, networks and servers get wrong: a message that begins with docker's words and says what to do,
//! an exit code other than zero, keys and metadata as they were.

use http::Method;
use testkit::{DockerCli, Fault, Peers, Terminal, TestCa};

use crate::signed::{Signed, keys_and_metadata, refused, still_works};
use crate::support::{COUNTERSIGN, trust};

/// A reason in the words of the notary library, what docker makes of it, and what is said to do about it.
#[derive(Clone, Copy)]
struct Words<'w> {
    bare: &'w str,
    translated: &'w str,
    advice: &'w str,
}

/// Every command that talks to the trust server refuses with this reason.
#[track_caller]
fn every_command_says(scene: &Signed, docker: &DockerCli, words: Words<'_>) {
    let Words {
        bare,
        translated,
        advice,
    } = words;
    let (one, two, repository) = (&scene.image("1"), &scene.image("2"), &scene.repository);
    let cannot = format!("no signatures or cannot access {one}: {bare}");
    let shown = refused(docker, &["inspect", one], &cannot, advice);
    assert_eq!(shown.stdout, "[]\n");
    let shown = refused(docker, &["inspect", "--pretty", one], &cannot, advice);
    assert_eq!(shown.stdout, "");
    refused(docker, &["sign", two], translated, advice);
    let cannot = format!("could not remove signature for {one}: {bare}");
    refused(docker, &["revoke", one], &cannot, advice);
    let key = scene.owner.home().join("jeff.pub");
    let add = [
        "signer",
        "add",
        "--key",
        key.to_str().unwrap(),
        "bob",
        repository,
    ];
    let shown = refused(docker, &add, translated, advice);
    assert!(
        shown
            .stderr
            .ends_with(&format!("failed to add signer to: {repository}\n")),
        "{shown}"
    );
    let remove = ["signer", "remove", "-f", "jeff", repository];
    // Only here docker has words of its own for a repository that nobody knows.
    let retrieving = format!("error retrieving signers for {repository}: {bare}");
    let unknown = bare.contains("does not have trust data");
    let says = if unknown { &retrieving } else { translated };
    let shown = refused(docker, &remove, says, advice);
    assert!(
        shown
            .stderr
            .ends_with(&format!("error removing signer from: {repository}\n")),
        "{shown}"
    );
}

fn server_of(url: &str) -> &str {
    url.trim_start_matches("https://")
}

#[test]
fn unreachable_server() {
    let Some(peers) = Peers::locate() else { return };
    let scene = Signed::new(&peers);
    // A port that nobody listens on any more.
    let gone = testkit::Proxy::to(&scene.server.url()).start_https(&scene.ca);
    let url = gone.url();
    drop(gone);
    let docker = scene.owner.clone().env("DOCKER_CONTENT_TRUST_SERVER", &url);
    let bare = format!("connection to {} refused", server_of(&url));
    let words = Words {
        bare: &bare,
        translated: &format!("Error: error contacting notary server: {bare}"),
        advice: "DOCKER_CONTENT_TRUST_SERVER names another",
    };
    every_command_says(&scene, &docker, words);
    still_works(&scene);
}

/// Neither another authority nor none will do, not even for a loopback name.
#[test]
fn wrong_authority() {
    let Some(peers) = Peers::locate() else { return };
    let scene = Signed::new(&peers);
    let url = scene.front.url();
    let host = server_of(&url);
    let bare = format!("TLS with {host}: certificate of an unknown issuer");
    let authority = scene
        .owner
        .config_dir()
        .join("tls")
        .join(host)
        .join("ca.crt");
    let words = Words {
        bare: &bare,
        translated: &format!("Error: error contacting notary server: {bare}"),
        advice: &format!("into {}.", authority.display()),
    };
    scene.owner.add_ca(host, &TestCa::new().file());
    every_command_says(&scene, &scene.owner, words);
    std::fs::remove_dir_all(scene.owner.config_dir().join("tls").join(host)).unwrap();
    every_command_says(&scene, &scene.owner, words);
    scene.owner.add_ca(host, &scene.ca.file());
    still_works(&scene);
}

/// The server's address must be an `https://` one.
#[test]
fn server_without_tls() {
    let Some(peers) = Peers::locate() else { return };
    let scene = Signed::new(&peers);
    let url = scene.front.url().replace("https://", "http://");
    let docker = scene.owner.clone().env("DOCKER_CONTENT_TRUST_SERVER", &url);
    let says = format!("valid https URL required for trust server, got {url}");
    for words in [["inspect", &scene.image("1")], ["sign", &scene.image("2")]] {
        refused(&docker, &words, &says, "to an https:// address");
    }
    assert_eq!(scene.front.requests(), [] as [String; 0]);
}

/// Whatever the status of every answer, nothing comes from the cache instead.
#[test]
fn refusing_server() {
    let Some(peers) = Peers::locate() else { return };
    let scene = Signed::new(&peers);
    let not_authorized = "you are not authorized to perform this operation: server returned";
    let unable = "unable to reach trust server at this time:";
    let gun = &scene.repository;
    let url = scene.front.url();
    let unknown = format!("{} does not have trust data for {gun}", server_of(&url));
    let translated = format!("Error: remote trust data does not exist for {gun}: {unknown}");
    let cases = [
        (401, format!("{not_authorized} 401."), "docker login"),
        (403, format!("{not_authorized} 403."), "Ask its operator"),
        (404, unknown, "What is cached was not used"),
        (413, format!("{unable} 413."), "must allow larger requests"),
        (429, format!("{unable} 429."), "Try again in 7 seconds."),
        (500, format!("{unable} 500."), "its log says why"),
        (503, format!("{unable} 503."), "its log says why"),
    ];
    for (status, bare, advice) in cases {
        let headers = if status == 429 {
            vec![("Retry-After".to_owned(), "7".to_owned())]
        } else {
            Vec::new()
        };
        let fault = Fault::Answer {
            status,
            headers,
            body: "".into(),
        };
        scene.front.on(|_, path| path.contains("/_trust/"), fault);
        let translated = if status == 404 { &translated } else { &bare };
        let words = Words {
            bare: &bare,
            translated,
            advice,
        };
        every_command_says(&scene, &scene.owner, words);
        scene.front.clear();
    }
    still_works(&scene);
}

/// An update that the server refuses is published neither now nor later.
#[test]
fn refused_update() {
    let Some(peers) = Peers::locate() else { return };
    let scene = Signed::new(&peers);
    let two = scene.image("2");
    let not_authorized = "you are not authorized to perform this operation: server returned";
    let unable = "unable to reach trust server at this time:";
    for (status, says, advice) in [
        (400, "trust server rejected operation", "the server's words"),
        (401, &format!("{not_authorized} 401."), "docker login"),
        (403, &format!("{not_authorized} 403."), "Ask its operator"),
        (
            409,
            &format!("failed to sign {two}: the trust data of"),
            "Run the command again",
        ),
        (413, &format!("{unable} 413."), "must allow larger requests"),
        (429, &format!("{unable} 429."), "Nothing was changed"),
        (500, &format!("{unable} 500."), "its log says why"),
        (503, &format!("{unable} 503."), "its log says why"),
    ] {
        let body = r#"{"errors":[{"code":"UNKNOWN","message":"the server's words"}]}"#;
        scene.front.on(
            |method, _| method == Method::POST,
            Fault::json(status, body),
        );
        refused(&scene.owner, &["sign", &two], says, advice);
        scene.front.clear();
    }
    still_works(&scene);
}

/// When the answer is lost, the update is looked for; when that cannot be done, nobody pretends to know.
#[test]
fn lost_answer() {
    let Some(peers) = Peers::locate() else { return };
    let scene = Signed::new(&peers);
    let two = scene.image("2");
    scene
        .front
        .on_next(1, |method, _| method == Method::POST, Fault::LoseAnswer);
    trust(&scene.owner, &["sign", &two])
        .success()
        .says("Successfully signed");
    let posts = scene.front.take_exchanges();
    let posts = posts
        .iter()
        .filter(|exchange| exchange.method == Method::POST);
    assert_eq!(posts.count(), 1, "published once, not twice");
    trust(&scene.user(), &["inspect", &two])
        .success()
        .says("\"SignedTag\": \"2\"");
}

/// Half an answer, or none: for who knows the repository, and for who sees it the first time.
#[test]
fn half_an_answer() {
    let Some(peers) = Peers::locate() else { return };
    let scene = Signed::new(&peers);
    let url = scene.front.url();
    let bare = format!("connection to {} ended early", server_of(&url));
    let words = Words {
        bare: &bare,
        translated: &format!("Error: error contacting notary server: {bare}"),
        advice: "Nothing was accepted from the local cache",
    };
    for fault in [Fault::CutHalf, Fault::Disconnect] {
        scene.front.on_path("/timestamp.json", fault.clone());
        every_command_says(&scene, &scene.owner, words);
        scene.front.clear();
        newcomers_refuse(&scene, &fault, &|_| bare.clone());
    }
    still_works(&scene);
}

/// Whichever file the fault hits, a newcomer says so and keeps nothing.
#[track_caller]
fn newcomers_refuse(scene: &Signed, fault: &Fault, says: &dyn Fn(&str) -> String) {
    let one = scene.image("1");
    for file in [
        "root",
        "timestamp",
        "snapshot",
        "targets",
        "targets/jeff",
        "targets/releases",
    ] {
        let part = format!("/_trust/tuf/{file}.");
        scene
            .front
            .on(move |_, path| path.contains(&part), fault.clone());
        let says = format!("no signatures or cannot access {one}: {}", says(file));
        let newcomer = scene.user();
        refused(&newcomer, &["inspect", &one], &says, "");
        assert!(keys_and_metadata(&newcomer).is_empty());
        scene.front.clear();
    }
}

#[test]
fn malformed_answer() {
    let Some(peers) = Peers::locate() else { return };
    let scene = Signed::new(&peers);
    let url = scene.front.url();
    let host = server_of(&url);
    for (body, problem) in [
        ("{not json", "timestamp type metadata invalid: invalid JSON"),
        ("<html></html>", "it is a web page"),
        ("null", "timestamp type metadata invalid"),
        ("{}", "timestamp type metadata invalid"),
        ("", "timestamp type metadata invalid"),
    ] {
        let fault = Fault::json(200, body);
        scene.front.on_path("/timestamp.json", fault.clone());
        let bare = format!("{host} sent a timestamp.json that cannot be used: {problem}");
        let words = Words {
            bare: &bare,
            translated: &format!("Error: error contacting notary server: {bare}"),
            advice: &format!("Is {host} a trust server?"),
        };
        every_command_says(&scene, &scene.owner, words);
        scene.front.clear();
        newcomers_refuse(&scene, &fault, &|file| format!("{host} sent a {file}."));
    }
    still_works(&scene);
}

#[test]
fn oversized_answer() {
    let Some(peers) = Peers::locate() else { return };
    let scene = Signed::new(&peers);
    let url = scene.front.url();
    let host = server_of(&url);
    let limit = 1 << 20;
    for fault in [Fault::json(200, " ".repeat(limit + 1)), Fault::Endless] {
        scene.front.on_path("/timestamp.json", fault);
        let bare = format!(
            "{host} sent a timestamp.json that cannot be used: it has more than the {limit} bytes"
        );
        let words = Words {
            bare: &bare,
            translated: &format!("Error: error contacting notary server: {bare}"),
            advice: "",
        };
        every_command_says(&scene, &scene.owner, words);
        scene.front.clear();
    }
    newcomers_refuse(&scene, &Fault::Endless, &|file| {
        format!("{host} sent a {file}.")
    });
    still_works(&scene);
}

/// A wrong value in the environment is not tried again; the variable is named.
#[test]
fn wrong_passphrase_in_the_environment() {
    let Some(peers) = Peers::locate() else { return };
    let scene = Signed::new(&peers);
    let (one, two, repository) = (scene.image("1"), scene.image("2"), &scene.repository);
    let docker = scene.owner.clone().env(
        "DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE",
        "not the passphrase",
    );
    let advice = "The passphrase in DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE does not open it.";
    let cause =
        "could not find necessary signing keys, at least one of these keys must be available: ";
    let says = format!("failed to sign {two}: {cause}");
    refused(&docker, &["sign", &two], &says, advice);
    let says = format!("could not remove signature for {one}: {cause}");
    refused(&docker, &["revoke", &one], &says, advice);
    let add = ["signer", "add", "--key", "jeff.pub", "bob", repository];
    refused(&docker, &add, cause, advice);
    let remove = ["signer", "remove", "-f", "jeff", repository];
    refused(&docker, &remove, cause, advice);
    // The root key is needed for a new repository; the key that was made for it is not left behind.
    let docker = scene
        .owner
        .clone()
        .env("DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE", "not the passphrase");
    let new = format!("{}/new", scene.server.host());
    let add = ["signer", "add", "--key", "jeff.pub", "bob", &new];
    let advice = "The passphrase in DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE does not open it.";
    refused(&docker, &add, cause, advice);
    trust(&docker, &["inspect", &new]).failure();
    still_works(&scene);
}

/// Three tries, then a clear end.
#[test]
fn wrong_passphrase_on_a_terminal() {
    let Some(peers) = Peers::locate() else { return };
    let scene = Signed::new(&peers);
    let two = scene.image("2");
    let docker = scene
        .owner
        .clone()
        .env_remove("DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE");
    let before = keys_and_metadata(&docker);
    let sign = docker.command_of(COUNTERSIGN, ["trust", "sign", &two]);
    let mut terminal = Terminal::spawn(sign);
    for attempt in ["first guess", "second guess", "third guess"] {
        terminal
            .expect("Enter passphrase for jeff key with ID ")
            .type_line(attempt);
    }
    let (said, code) = terminal.finish();
    assert_eq!(code, Some(1), "{said}");
    assert_eq!(said.matches("Enter passphrase").count(), 3, "{said}");
    assert!(
        said.contains("Passphrase incorrect. Please retry."),
        "{said}"
    );
    assert!(
        said.contains(&format!(
            "failed to sign {two}: could not find necessary signing keys"
        )),
        "{said}"
    );
    assert!(
        said.contains("No passphrase that was given opens it."),
        "{said}"
    );
    assert!(!said.contains("guess"), "{said}");
    assert!(before == keys_and_metadata(&docker));

    let sign = docker.command_of(COUNTERSIGN, ["trust", "sign", &two]);
    let mut terminal = Terminal::spawn(sign);
    for attempt in ["first guess", DockerCli::REPOSITORY_PASSPHRASE] {
        terminal
            .expect("Enter passphrase for jeff")
            .type_line(attempt);
    }
    let (said, code) = terminal.finish();
    assert_eq!(code, Some(0), "{said}");
}

/// Neither a variable nor a terminal.
#[test]
fn no_passphrase_at_all() {
    let Some(peers) = Peers::locate() else { return };
    let scene = Signed::new(&peers);
    let docker = scene
        .owner
        .clone()
        .env_remove("DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE");
    let advice = "DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE";
    refused(&docker, &["sign", &scene.image("2")], "", advice);
    let says = "failed to generate key for zoe: ";
    refused(&docker, &["key", "generate", "zoe"], says, advice);
    still_works(&scene);
}

#[test]
fn missing_keys() {
    let Some(peers) = Peers::locate() else { return };
    let scene = Signed::new(&peers);
    let (one, two, repository) = (scene.image("1"), scene.image("2"), &scene.repository);
    let stranger = scene.user();
    std::fs::copy(
        scene.owner.home().join("jeff.pub"),
        stranger.home().join("jeff.pub"),
    )
    .unwrap();
    trust(&stranger, &["inspect", &one]).success();
    refused(
        &stranger,
        &["sign", &two],
        &format!("failed to sign {two}: no valid signing keys for delegation roles"),
        "a key of: jeff. Load one with docker trust key load.",
    );
    let cause =
        "could not find necessary signing keys, at least one of these keys must be available: ";
    let folder = stranger.trust_dir().join("private");
    let advice = format!("No file in {} holds it.", folder.display());
    let says = format!("could not remove signature for {one}: {cause}");
    refused(&stranger, &["revoke", &one], &says, &advice);
    let add = ["signer", "add", "--key", "jeff.pub", "bob", repository];
    refused(&stranger, &add, cause, &advice);
    let remove = ["signer", "remove", "-f", "jeff", repository];
    refused(&stranger, &remove, cause, &advice);
    still_works(&scene);
}

#[test]
fn repository_not_initialised() {
    let Some(peers) = Peers::locate() else { return };
    let scene = Signed::new(&peers);
    let url = scene.front.url();
    let gun = format!("{}/new", scene.server.host());
    let image = format!("{gun}:1");
    let cause = format!("{} does not have trust data for {gun}", server_of(&url));
    for (words, says) in [
        (
            &["inspect", &image] as &[&str],
            &format!("no signatures or cannot access {image}: {cause}"),
        ),
        (
            &["revoke", &image],
            &format!("could not remove signature for {image}: {cause}"),
        ),
        (
            &["revoke", "-y", &gun],
            &format!("could not remove signature for {gun}: {cause}"),
        ),
        (
            &["signer", "remove", "jeff", &gun],
            &format!("error retrieving signers for {gun}: {cause}"),
        ),
    ] {
        refused(&scene.owner, words, says, "A new repository is set up by");
    }
    still_works(&scene);
}

/// No keys are made and no repository is initialised for an image that is not there.
#[test]
fn image_not_in_the_registry() {
    let Some(peers) = Peers::locate() else { return };
    let scene = Signed::new(&peers);
    let advice = "Push it first; the tag is signed as the registry has it.";
    for image in [
        scene.image("missing"),
        format!("{}/new:1", scene.server.host()),
    ] {
        let says = format!("Error: no such image: {image}");
        refused(&scene.owner, &["sign", &image], &says, advice);
    }
    // One of two is missing: neither is signed.
    let (two, missing) = (scene.image("2"), scene.image("missing"));
    refused(
        &scene.owner,
        &["sign", &two, &missing],
        &format!("Error: no such image: {missing}"),
        advice,
    );
    let one = scene.image("1");
    let says = format!("could not remove signature for {two}: No valid trust data for 2");
    let advice = "shows the tags that are signed";
    refused(&scene.owner, &["revoke", &two], &says, advice);
    let remove = ["signer", "remove", "-f", "bob", scene.repository.as_str()];
    let says = format!("no signer bob for repository {}", scene.repository);
    refused(&scene.owner, &remove, &says, "shows the signers there are");
    trust(&scene.owner, &["inspect", &one]).success();
    still_works(&scene);
}

/// What the registry gets wrong when a tag is to be signed. Nothing is signed on its word alone: not a manifest of
/// another digest than it says.
#[test]
fn faulty_registry() {
    let Some(peers) = Peers::locate() else { return };
    let scene = Signed::new(&peers);
    let registry = testkit::Proxy::to(&scene.server.url())
        .trust(&scene.server.ca_file())
        .start_https(&scene.ca);
    let host = registry.host();
    let image = format!("{host}/team/app:2");
    let gun = format!("{host}/team/app");
    scene.owner.add_ca(&host, &scene.ca.file());
    let add = ["signer", "add", "--key", "jeff.pub", "jeff", &gun];
    trust(&scene.owner, &add).success();
    trust(&scene.owner, &["inspect", &gun]).success();
    scene.front.take_exchanges();
    let other = scene.manifest("1");
    let says = format!("registry {host}: ");
    let sign = ["sign", image.as_str()];
    for (fault, reason) in [
        (Fault::status(401), "docker login"),
        (Fault::status(403), "denied"),
        (Fault::status(429), "limits the rate of requests"),
        (Fault::status(500), "500"),
        (Fault::json(200, "{not json"), "malformed manifest"),
        (Fault::json(200, ""), "malformed manifest"),
        (Fault::CutHalf, "ended early"),
        (Fault::Disconnect, "ended early"),
        (Fault::Endless, "too large"),
        (
            Fault::rewrite(move |_| other.clone().into()),
            "expected sha256:",
        ),
    ] {
        registry.on(|_, path| path.contains("/manifests/"), fault);
        refused(&scene.owner, &sign, &says, reason);
        registry.clear();
    }
    scene.owner.add_ca(&host, &TestCa::new().file());
    refused(
        &scene.owner,
        &sign,
        &says,
        "certificate of an unknown issuer",
    );
    scene.owner.add_ca(&host, &scene.ca.file());
    let requests = scene.front.requests();
    let posted = requests.iter().any(|request| request.starts_with("POST"));
    assert!(!posted, "{requests:?}");
    trust(&scene.owner, &sign).success();
    trust(&scene.owner, &["inspect", &gun]).success();
    drop(registry);
    scene.push("3", "3");
    let gone = format!("{host}/team/app:3");
    refused(&scene.owner, &["sign", &gone], &says, "refused");
}

#[test]
fn invalid_references() {
    let Some(peers) = Peers::locate() else { return };
    let scene = Signed::new(&peers);
    let long = "a".repeat(300);
    let hex = "a".repeat(64);
    for (name, says) in [
        ("", "invalid reference format"),
        ("a b", "invalid reference format"),
        ("app:", "invalid reference format"),
        ("app:la test", "invalid reference format"),
        ("localhost:1/app@sha256:12", "invalid reference format"),
        (
            "localhost:1/Team/app:1",
            "invalid reference format: repository name (Team/app) must be lowercase",
        ),
        (
            &long,
            "repository name must not be more than 255 characters",
        ),
        (
            &hex,
            &format!("invalid repository name ({hex}), cannot specify 64-byte hexadecimal strings"),
        ),
    ] {
        for words in [
            &["inspect", name] as &[&str],
            &["inspect", "--pretty", name],
            &["sign", name],
            &["revoke", "-y", name],
            &["signer", "add", "--key", "jeff.pub", "bob", name],
            &["signer", "remove", "bob", name],
        ] {
            refused(&scene.owner, words, says, "An image is named");
        }
    }
    let untagged = scene.repository.as_str();
    let says = format!("no tag specified for {untagged}");
    refused(&scene.owner, &["sign", untagged], &says, "Name the tag");
    let digest = format!("{untagged}@sha256:{hex}");
    let says = "cannot use a digest reference for IMAGE:TAG";
    for command in ["sign", "revoke"] {
        refused(&scene.owner, &[command, &digest], says, "");
    }
    assert_eq!(scene.front.requests(), [] as [String; 0]);
}
