//! Docker's page.

use std::fs;

use testkit::{DockerCli, run};

use crate::page::Page;
use crate::site::{Behind, Person, Site, import_shell};

#[test]
fn dockerd_automation_with_20_10() {
    automation(Behind::V20);
}

#[test]
fn dockerd_automation_with_28() {
    automation(Behind::V28);
}

#[test]
fn dockerd_automation_with_28_5_and_containerd() {
    automation(Behind::Containerd28);
}

#[test]
fn dockerd_automation_with_a_stand_in_for_29() {
    automation(Behind::StandIn29);
}

fn automation(behind: Behind) {
    let Some(site) = Site::start(behind) else {
        return;
    };
    let page = Page::read("docker-automation", &[("registry", &site.server.host())]);
    let base = bases(&site);
    let person = site.person();
    delegation(&site, &person);
    let image = site.name("admin/demo:1");
    person.stock.import(&image, "demo");

    person.follows(page.step("add the delegation private key"));
    person.follows(page.step("add the delegation public key"));
    let signed = person.follows(page.step("sign an image"));
    let digest = digest_after(&signed.stdout, "1: digest: sha256:");
    site.judged(&site.server.url(), &site.server.ca_file(), &image)
        .success()
        .says(&digest)
        .says("jeff");

    person.follows(page.step("set the environment variable"));
    let built = "docker/trusttest:testing";
    let unsigned = dockerfile(&page).replace("trusttest:latest", "notrust:latest");
    assert_ne!(unsigned, dockerfile(&page));
    write(&person, &unsigned);
    let build = page.step("build");
    let refused = person.tries(build).failure();
    refused.says("docker/notrust");
    assert_eq!(person.image(built), None, "nothing is built");
    if behind == Behind::StandIn29 {
        // What is refused would be built by docker alone.
        person
            .without_ours(&["build", "-t", "unchecked", "."])
            .success();
    }

    write(&person, &dockerfile(&page));
    person.follows(build);
    assert_eq!(first_layer(&person, built), base, "on what is signed");
}

/// A signed image, whose tag is moved after that, and one that is not signed, as their owners made them. Returns what
/// the signed one begins with.
fn bases(site: &Site) -> String {
    let owner = site.person();
    let signed = site.name("docker/trusttest:latest");
    let unsigned = site.name("docker/notrust:latest");
    import_shell(&owner.stock, &signed);
    let layer = first_layer(&owner, &signed);
    owner.types(&format!(
        "export DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE={} DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE={}\n\
         docker push --disable-content-trust=false {signed}\n\
         docker tag {signed} {unsigned}\ndocker push {unsigned}\ndocker rmi {signed} {unsigned}",
        DockerCli::ROOT_PASSPHRASE,
        DockerCli::REPOSITORY_PASSPHRASE,
    ));
    owner.stock.import(&signed, "somebody else's");
    assert_ne!(first_layer(&owner, &signed), layer);
    owner.types(&format!("docker push {signed}\ndocker rmi {signed}"));
    layer
}

#[track_caller]
fn first_layer(person: &Person, image: &str) -> String {
    let format = "{{index .RootFS.Layers 0}}";
    let seen = person
        .stock
        .run(["image", "inspect", "--format", format, image]);
    seen.success().stdout
}

/// The page's key and certificate, made as the page before it says.
fn delegation(site: &Site, person: &Person) {
    let mut openssl = site.peers.openssl();
    openssl
        .current_dir(person.home())
        .args([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "365",
        ])
        .args(["-keyout", "delegation.key", "-out", "delegation.crt"])
        .args(["-subj", "/CN=registry.example.com"]);
    run(openssl, b"").success();
}

fn dockerfile(page: &Page) -> String {
    page.step("Dockerfile").lines.clone()
}

fn write(person: &Person, dockerfile: &str) {
    fs::write(person.home().join("Dockerfile"), dockerfile).unwrap();
    fs::write(person.home().join(".dockerignore"), "*\n").unwrap();
}

/// What follows a marker, up to the next space.
#[track_caller]
fn digest_after(text: &str, marker: &str) -> String {
    let (_, rest) = text
        .split_once(marker)
        .unwrap_or_else(|| panic!("no {marker:?} in {text:?}"));
    rest.split_whitespace().next().unwrap().to_owned()
}
