//! Registries and trust servers that want to know who asks: passwords, tokens, credential helpers.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use testkit::{
    DockerCli, DockerRegistry, DockerVersion, Folder, NotaryServer, Output, TestCa, TokenServer,
    files,
};

use crate::bench::{Bench, before_real, exists, local_images, ours, shim, untrusted};

/// A credential helper as docker's own: one file for each login, the key on standard input, JSON back. It notes what it
/// is asked, and fails once there is a file `locked` beside it.
const HELPER: &str = r#"#!/bin/sh
here=$(dirname "$0")
echo "$1" >> "$here/asked"
if [ -e "$here/locked" ]; then echo "the key ring is locked"; exit 1; fi
file_of() { echo "$here/login-$(printf %s "$1" | tr -c 'a-zA-Z0-9' _)"; }
case "$1" in
get)
    file=$(file_of "$(cat)")
    if [ -e "$file" ]; then cat "$file"; else echo "credentials not found in native keychain"; exit 1; fi ;;
store)
    login=$(cat)
    server=$(printf %s "$login" | sed 's/.*"ServerURL":"\([^"]*\)".*/\1/')
    printf %s "$login" > "$(file_of "$server")" ;;
erase)
    rm -f "$(file_of "$(cat)")" ;;
list)
    printf '{'
    comma=
    for file in "$here"/login-*; do
        [ -e "$file" ] || continue
        sed 's/.*"ServerURL":"\([^"]*\)","Username":"\([^"]*\)".*/'"$comma"'"\1":"\2"/' "$file"
        comma=,
    done
    printf '}' ;;
*)  exit 2 ;;
esac
"#;

/// What the password of [`DockerRegistry::USER`] is, and what it is not.
const RIGHT: &str = DockerRegistry::PASSWORD;
const WRONG: &str = "not the password";

/// A helper in a folder that goes on `PATH`.
struct Helper {
    folder: Folder,
}

impl Helper {
    /// Makes it this user's.
    fn install(docker: &DockerCli) -> (Self, DockerCli) {
        let folder = Folder::new("helper");
        let program = folder.path().join("docker-credential-test");
        fs::write(&program, HELPER).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        write_config(docker, &json!({"credsStore": "test"}));
        let path = format!("{}:/usr/bin:/bin", folder.path().display());
        (Self { folder }, docker.clone().env("PATH", &path))
    }

    /// The actions it was asked for so far.
    fn asked(&self) -> Vec<String> {
        let text = fs::read_to_string(self.folder.path().join("asked")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn lock(&self) {
        fs::write(self.folder.path().join("locked"), "").unwrap();
    }

    /// Keeps an identity token, under the name that stands for one.
    fn keep_token(&self, server: &str, token: &str) {
        let login = json!({"ServerURL": server, "Username": "<token>", "Secret": token});
        let program = self.folder.path().join("docker-credential-test");
        let mut store = std::process::Command::new(program);
        store.arg("store");
        testkit::run(store, login.to_string().as_bytes()).success();
    }
}

fn write_config(docker: &DockerCli, config: &serde_json::Value) {
    fs::write(docker.config_dir().join("config.json"), config.to_string()).unwrap();
}

/// As `docker login` leaves it where there is no helper.
fn log_in(docker: &DockerCli, server: &str, password: &str) {
    let auth = STANDARD.encode(format!("{}:{password}", DockerRegistry::USER));
    write_config(docker, &json!({"auths": {server: {"auth": auth}}}));
}

fn log_out(docker: &DockerCli) {
    write_config(docker, &json!({}));
}

/// What must be as it was after a refusal: the keys and trust data here, and what the engine has.
fn state(bench: &Bench, docker: &DockerCli) -> (Vec<String>, Vec<String>) {
    let kept = files(&docker.trust_dir()).into_keys();
    // The cache of trust data may grow by what was read and verified.
    let keys = kept.filter(|file| file.starts_with("private/"));
    (keys.collect(), local_images(&bench.docker))
}

/// Refused for this reason, with nothing changed here.
#[track_caller]
fn refused(bench: &Bench, docker: &DockerCli, words: &[&str], said: &str) -> Output {
    let before = state(bench, docker);
    let output = ours(docker, words).failure();
    assert_eq!(output.code(), Some(1), "{output}");
    assert_eq!(state(bench, docker), before, "{output}");
    output.says(said)
}

/// Whether the trust server knows of it, asked by stock docker elsewhere.
fn is_signed(bench: &Bench, image: &str) -> bool {
    let elsewhere = untrusted(&bench.user());
    elsewhere.run(["trust", "inspect", image]).status.success()
}

/// Whether the registry's storage has a tag.
fn has_tag(registry: &Path, repository: &str, tag: &str) -> bool {
    exists(
        &registry
            .join("docker/registry/v2/repositories")
            .join(repository)
            .join("_manifests/tags")
            .join(tag),
    )
}

fn with_signer(docker: &DockerCli, repository: &str) {
    ours(docker, ["trust", "key", "generate", "amy"]).success();
    let add = [
        "trust", "signer", "add", "--key", "amy.pub", "amy", repository,
    ];
    ours(docker, add).success();
}

/// A registry with a password, and logins in `config.json`.
#[test]
fn dockerd_a_registry_with_a_password() {
    let Some(bench) = Bench::start() else { return };
    let registry = DockerRegistry::start_with_password(bench.peers());
    let data = registry.data();
    let bench = bench.with_registry(registry);
    let (host, repository) = (bench.host(), bench.name("team/app"));
    let image = format!("{repository}:1");
    bench.import(&image, "one");
    let docker = &bench.docker;

    for (password, said) in [
        (None, "authentication required"),
        (Some(WRONG), "the stored login is not accepted"),
    ] {
        match password {
            Some(password) => log_in(docker, &host, password),
            None => log_out(docker),
        }
        let push = refused(&bench, docker, &["push", &image], said);
        push.says("run docker login").says("Nothing was pushed");
        // The user's name would be that of the first signer.
        let said = password.map_or("could not add signer to repo", |_| said);
        refused(&bench, docker, &["trust", "sign", &image], said).says("run docker login");
        assert!(!has_tag(&data, "team/app", "1"));
        assert!(!is_signed(&bench, &image), "nothing is signed");
    }
    log_in(docker, &host, RIGHT);
    let pushed = ours(docker, ["push", &image]).success();
    pushed.says(&format!("Successfully signed {image}"));
    assert!(has_tag(&data, "team/app", "1"));

    // The trust server is open; the registry is not.
    bench.forget(&[&image]);
    let other = bench.user();
    refused(
        &bench,
        &other,
        &["pull", &image],
        "no basic auth credentials",
    );
    log_in(&other, &host, WRONG);
    refused(&bench, &other, &["pull", &image], "unauthorized");
    log_in(&other, &host, RIGHT);
    ours(&other, ["pull", &image]).success();
    bench.inspect(&image).success();
    // Stock docker agrees, with the login as ours reads it.
    bench.forget(&[&image]);
    other.run(["pull", &image]).success();

    let signed = bench.name("signed");
    with_signer(docker, &signed);
    let image = format!("{signed}:1");
    bench.import(&image, "signed");
    let output = ours(docker, ["trust", "sign", &image]).success();
    output.says(&format!("Successfully signed {image}"));
    // Without the image here the registry is asked, with the login too.
    untrusted(docker)
        .run(["tag", &image, &format!("{signed}:2")])
        .success();
    untrusted(docker)
        .run(["push", &format!("{signed}:2")])
        .success();
    bench.forget(&[&image, &format!("{signed}:2")]);
    let image = format!("{signed}:2");
    log_in(docker, &host, WRONG);
    refused(
        &bench,
        docker,
        &["trust", "sign", &image],
        "the stored login is not accepted",
    );
    log_in(docker, &host, RIGHT);
    ours(docker, ["trust", "sign", &image])
        .success()
        .says(&format!("Successfully signed {image}"));
}

/// `docker login` of the real docker stores into the helper, ours asks it, and a helper that fails is no anonymity.
#[test]
fn dockerd_a_credential_helper() {
    let Some(bench) = Bench::start() else { return };
    let registry = DockerRegistry::start_with_password(bench.peers());
    let data = registry.data();
    let bench = bench.with_registry(registry);
    let (host, image) = (bench.host(), bench.name("helped:1"));
    bench.import(&image, "helped");
    let (helper, docker) = Helper::install(&bench.docker);

    // It has no login yet.
    refused(
        &bench,
        &docker,
        &["push", &image],
        "authentication required",
    );
    let words = [
        "login",
        "-u",
        DockerRegistry::USER,
        "--password-stdin",
        &host,
    ];
    docker.run_with_input(words, RIGHT.as_bytes()).success();
    assert!(
        helper.asked().contains(&"store".to_owned()),
        "the protocol is docker's"
    );
    let before = helper.asked().len();
    ours(&docker, ["push", &image])
        .success()
        .says("Successfully signed");
    let asked = helper.asked();
    assert!(asked.len() > before && asked[before..].iter().all(|action| action == "get"));

    helper.lock();
    bench.forget(&[&image]);
    let said = "credential helper docker-credential-test failed";
    refused(&bench, &docker, &["pull", &image], said).says("the key ring is locked");
    let next = bench.name("helped:2");
    bench.import(&next, "next");
    refused(&bench, &docker, &["push", &next], said).says("Nothing was pushed");
    refused(&bench, &docker, &["trust", "sign", &next], said);
    assert!(!has_tag(&data, "helped", "2"));
    fs::remove_file(helper.folder.path().join("docker-credential-test")).unwrap();
    refused(&bench, &docker, &["push", &next], "docker-credential-test");

    // Another helper, whose login is taken away by the real docker.
    let (helper, docker) = Helper::install(&bench.docker);
    docker.run_with_input(words, RIGHT.as_bytes()).success();
    ours(&docker, ["pull", &image]).success();
    let classic = format!("FROM {image}\nLABEL a=b\n");
    let build = before_real(&docker);
    let build = build.command_of(shim(&docker), ["build", "-t", "helped", "-"]);
    testkit::run(build, classic.as_bytes()).success();
    assert!(
        helper.asked().contains(&"list".to_owned()),
        "{:?}",
        helper.asked()
    );
    docker.run(["logout", &host]).success();
    assert!(helper.asked().contains(&"erase".to_owned()));
    let said = "authentication required";
    refused(&bench, &docker, &["push", &next], said).says("Nothing was pushed");
}

/// A registry with a token server: by password, and by an identity token that a helper keeps.
#[test]
fn dockerd_a_registry_with_tokens() {
    let Some(bench) = Bench::start() else { return };
    let ca = TestCa::new();
    let tokens = TokenServer::start(&ca);
    let registry = DockerRegistry::start_with_tokens(bench.peers(), &tokens);
    let data = registry.data();
    let bench = bench.with_registry(registry);
    let (host, image) = (bench.host(), bench.name("app:1"));
    let docker = &bench.docker;
    docker.add_ca(&host, &ca.file());
    bench.import(&image, "one");

    // Everybody may look, so that only the engine finds out.
    let push = refused(&bench, docker, &["push", &image], "denied");
    push.says("Nothing was signed");
    log_in(docker, &host, WRONG);
    let push = refused(
        &bench,
        docker,
        &["push", &image],
        "incorrect username or password",
    );
    push.says("Nothing was pushed");
    assert!(!has_tag(&data, "app", "1"));
    assert!(!is_signed(&bench, &image), "nothing is signed");
    log_in(docker, &host, RIGHT);
    ours(docker, ["push", &image])
        .success()
        .says(&format!("Successfully signed {image}"));

    let (helper, by_token) = Helper::install(docker);
    helper.keep_token(&host, TokenServer::REFRESH_TOKEN);
    let repository = bench.name("signed");
    with_signer(&by_token, &repository);
    let image = format!("{repository}:1");
    bench.import(&image, "by token");
    ours(&by_token, ["trust", "sign", &image])
        .success()
        .says(&format!("Successfully signed {image}"));
    assert!(has_tag(&data, "signed", "1"));
    let scope = "repository:signed:pull,push".to_owned();
    let asked = tokens.scopes();
    assert!(
        asked
            .iter()
            .any(|one| *one == scope || *one == "repository:signed:push,pull"),
        "{asked:?}"
    );
    helper.keep_token(&host, "an identity token that was taken back");
    let next = format!("{repository}:2");
    bench.import(&next, "next");
    refused(&bench, &by_token, &["push", &next], "run docker login").says("Nothing was pushed");

    // Everybody may pull.
    bench.forget(&[&image]);
    let other = bench.user();
    other.add_ca(&host, &ca.file());
    ours(&other, ["pull", &image]).success();
}

/// A trust server that wants tokens, with the login of the registry.
#[test]
fn dockerd_a_trust_server_with_tokens() {
    let Some(bench) = Bench::start() else { return };
    let ca = TestCa::new();
    let tokens = TokenServer::start(&ca);
    let registry = DockerRegistry::start_with_tokens(bench.peers(), &tokens);
    let server = NotaryServer::with_tokens(bench.peers(), &ca, &tokens);
    let data = registry.data();
    let bench = bench.with_registry(registry);
    let (host, image) = (bench.host(), bench.name("app:1"));
    let at_server = |docker: DockerCli| {
        docker.add_ca(&host, &ca.file());
        docker.trust_server(&server.url(), server.ca_file())
    };
    let docker = &at_server(bench.docker.clone());
    bench.import(&image, "one");

    let push = refused(&bench, docker, &["push", &image], "you are not authorized");
    push.says("Nothing was pushed").says("docker login");
    log_in(docker, &host, WRONG);
    refused(
        &bench,
        docker,
        &["push", &image],
        "incorrect username or password",
    )
    .says("Nothing was pushed");
    assert!(!has_tag(&data, "app", "1"));
    log_in(docker, &host, RIGHT);
    ours(docker, ["push", &image])
        .success()
        .says(&format!("Successfully signed {image}"));
    let scope = format!("repository:{}:pull,push", bench.name("app"));
    assert!(tokens.scopes().contains(&scope), "{:?}", tokens.scopes());

    bench.forget(&[&image]);
    let other = &at_server(bench.user());
    log_in(other, &host, WRONG);
    refused(
        &bench,
        other,
        &["pull", &image],
        "incorrect username or password",
    );
    bench.inspect(&image).failure();
    log_in(other, &host, RIGHT);
    ours(other, ["pull", &image]).success();
    // Stock docker signs the next tag with the same login, and ours pulls it with an identity token.
    let next = bench.name("app:2");
    bench.import(&next, "two");
    let stock = docker.version(DockerVersion::V28);
    stock.run(["push", &next]).success();
    bench.forget(&[&next]);
    let (helper, by_token) = Helper::install(other);
    helper.keep_token(&host, TokenServer::REFRESH_TOKEN);
    ours(&by_token, ["pull", &next]).success();
    let signed = bench.name("signed");
    with_signer(&by_token, &signed);
    let sign = bench.name("signed:1");
    bench.import(&sign, "signed");
    ours(&by_token, ["trust", "sign", &sign])
        .success()
        .says(&format!("Successfully signed {sign}"));
    // Everybody may pull, and yet a helper that fails is not passed over.
    helper.lock();
    bench.forget(&[&next]);
    let said = "credential helper docker-credential-test failed";
    refused(&bench, &by_token, &["pull", &next], said);
    refused(
        &bench,
        &by_token,
        &["trust", "sign", "--local", &sign],
        said,
    );
}
