//! Azure's page: what version 2 of its Docker task calls, and what that task reads in the output.

use std::fs;

use testkit::{DockerCli, DockerRegistry, DockerVersion, NotaryCli, Output, run};

use crate::page::Page;
use crate::site::{Behind, Person, Site};

const KEY_PASSPHRASE: &str = "keypassphrase1";

#[test]
fn dockerd_azure_with_20_10() {
    azure(Behind::V20);
}

#[test]
fn dockerd_azure_with_28() {
    azure(Behind::V28);
}

#[test]
fn dockerd_azure_with_28_5_and_containerd() {
    azure(Behind::Containerd28);
}

#[test]
fn dockerd_azure_with_a_stand_in_for_29() {
    azure(Behind::StandIn29);
}

fn azure(behind: Behind) {
    let Some(site) = Site::start(behind) else {
        return;
    };
    // A registry that wants a password, and its trust server beside it.
    let registry = DockerRegistry::start_with_password(&site.peers);
    let base = format!("{}/foobar/base:1", registry.host());
    let image = format!("{}/foobar/content-trust:test", registry.host());
    let developer = developer(&site, &registry, &base, &image);

    let agent = site.person();
    let page = page_for(&registry, &agent);
    // The agent downloads the key as a secure file, under the name it has in the trust folder.
    let key = developer_key(&developer);
    let private = developer.trust_dir().join("private");
    fs::create_dir(agent.home().join("secure")).unwrap();
    fs::copy(private.join(&key), agent.home().join("secure").join(&key)).unwrap();
    fs::create_dir(agent.home().join("app")).unwrap();
    write(&agent, &base);
    let config = agent.home().join("agent");
    agent.types(&format!(
        "export DOCKER_CONFIG={} DOCKER_CONTENT_TRUST_SERVER={}\n\
         mkdir -p $DOCKER_CONFIG/tls\ncp -r ~/.docker/tls/* $DOCKER_CONFIG/tls\n\
         cp -r $DOCKER_CONFIG/tls/localhost* $DOCKER_CONFIG/tls/{}",
        config.display(),
        site.server.url(),
        site.server.address(),
    ));

    let logged_in = agent.follows(page.step("Docker@2 login"));
    logged_in.says("Login Succeeded");
    agent.follows(page.step("copy the delegation key"));
    let copied = testkit::files(&config.join("trust/private"));
    assert_eq!(copied.into_keys().collect::<Vec<_>>(), [key]);
    // The page's pipeline builds on an image that is signed; on another one it ends here.
    write(&agent, &base.replace("base:1", "unsigned:1"));
    agent
        .tries(page.step("Docker@2 build"))
        .failure()
        .says("foobar/unsigned");
    assert_eq!(agent.image(&image), None, "nothing is built");
    write(&agent, &base);
    let built = agent.follows(page.step("Docker@2 build"));
    assert!(
        image_id(&built.stdout).is_some_and(|id| agent.image(&image).unwrap().contains(id)),
        "the task finds the image: {built}"
    );

    // Without the passphrase nothing may be pushed.
    agent
        .tries(page.step("Docker@2 push"))
        .failure()
        .says("DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE");
    agent.types(&format!(
        "export DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE={KEY_PASSPHRASE}"
    ));
    let pushed = agent.follows(page.step("Docker@2 push"));
    let digest =
        digest(&pushed.stdout).unwrap_or_else(|| panic!("no digest for the task: {pushed}"));
    // Docker 29 would say there that it does not know the flag.
    assert!(!built.stdout.contains("deprecated"), "{built}");
    assert!(!pushed.stdout.contains("deprecated"), "{pushed}");
    pushed
        .clone()
        .says(&format!("Successfully signed {image}"))
        .says("createdAt:");
    let seen = site
        .judged(&site.server.url(), &site.server.ca_file(), &image)
        .success();
    let line = seen.stdout.lines().find(|line| line.starts_with("test "));
    let cells: Vec<_> = line.unwrap().split_whitespace().collect();
    assert_eq!(cells, ["test", digest, "jeff"], "{seen}");

    lists_keys(&site, &developer, &page);
}

/// The page's preparations, with stock docker: a signer's key, the repository, and a signed image to build on.
fn developer(site: &Site, registry: &DockerRegistry, base: &str, image: &str) -> DockerCli {
    let developer = site
        .person()
        .stock
        .version(DockerVersion::V20)
        .trust_server(&site.server.url(), &site.server.ca_file())
        .env("DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE", KEY_PASSPHRASE);
    let login = [
        "login",
        "-u",
        DockerRegistry::USER,
        "-p",
        DockerRegistry::PASSWORD,
        &registry.host(),
    ];
    developer.run(login).success();
    let repository = image.trim_end_matches(":test");
    developer
        .run(["trust", "key", "generate", "jeff"])
        .success();
    developer
        .run([
            "trust", "signer", "add", "--key", "jeff.pub", "jeff", repository,
        ])
        .success();
    let unsigned = base.replace("base:1", "unsigned:1");
    for name in [base, unsigned.as_str()] {
        developer.import(name, name);
        developer.run(["push", name]).success();
    }
    sign_base(site, &developer, base);
    for name in [base, unsigned.as_str()] {
        developer.run(["rmi", "-f", name]).success();
    }
    developer
}

/// By what is in the registry: stock docker cannot sign on containerd's image store.
fn sign_base(site: &Site, developer: &DockerCli, base: &str) {
    // Ours verifies the trust server whatever the registry is called.
    let host = site.server.address().to_string();
    developer.add_ca(&host, &site.server.ca_file());
    developer
        .run_program(crate::site::COUNTERSIGN, ["trust", "sign", base])
        .success();
}

fn page_for(registry: &DockerRegistry, agent: &Person) -> Page {
    let config = agent.home().join("agent").display().to_string();
    let secure = agent.home().join("secure");
    Page::read(
        "azure-pipelines",
        &[
            ("registry", &registry.host()),
            ("user", DockerRegistry::USER),
            ("password", DockerRegistry::PASSWORD),
            ("docker-config", &config),
            ("secure-file", &format!("{}/*.key", secure.display())),
        ],
    )
}

fn write(agent: &Person, base: &str) {
    let dockerfile = format!("FROM {base}\nCOPY x /\n");
    fs::write(agent.home().join("app/Dockerfile"), dockerfile).unwrap();
    fs::write(agent.home().join("app/x"), "x").unwrap();
}

/// The file of the signer's key: the only one whose role is the signer's name.
fn developer_key(developer: &DockerCli) -> String {
    let files = testkit::files(&developer.trust_dir().join("private"));
    let is_jeffs = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains("role: jeff");
    let mut found = files.into_iter().filter(|(_, bytes)| is_jeffs(bytes));
    found.next().expect("the signer's key").0
}

/// `notary key list` on the developer's machine, where notary's configuration names Docker's folder: what the real
/// notary says.
fn lists_keys(site: &Site, developer: &DockerCli, page: &Page) {
    let folder = developer.home().join(".notary");
    fs::create_dir(&folder).unwrap();
    let config = r#"{"trust_dir":"~/.docker/trust"}"#;
    fs::write(folder.join("config.json"), config).unwrap();
    let line = &page.step("list the local delegation keys").lines;
    let list = |notary: &std::path::Path| -> Output {
        let path = format!("{}:/usr/bin:/bin", notary.parent().unwrap().display());
        let shell = developer.clone().env("PATH", &path);
        run(shell.command_of("bash", ["-c", line]), b"").success()
    };
    let folder = developer.home().join("ours");
    let ours = list(&folder.join("notary"));
    let stock = NotaryCli::new(&site.peers, &site.server.url(), &site.server.ca_file());
    let stock = list(std::path::Path::new(stock.command([""; 0]).get_program()));
    assert_eq!(ours.stdout, stock.stdout);
    ours.says("jeff");
}

/// `sha256\:([\w]+)(\s+)size\:\s([\w]+)`, the task's pattern.
fn digest(stdout: &str) -> Option<&str> {
    stdout.match_indices("sha256:").find_map(|(at, found)| {
        let rest = stdout.get(at + found.len()..)?;
        let (digest, rest) = rest.split_at(rest.find(|letter| !is_word(letter))?);
        let size = rest.trim_start();
        let is_size = rest != size
            && size
                .strip_prefix("size: ")
                .is_some_and(|size| size.starts_with(is_word));
        (is_size && !digest.is_empty()).then_some(digest)
    })
}

/// `Successfully built <12 hex>`, another pattern of the task.
fn image_id(stdout: &str) -> Option<&str> {
    let (_, rest) = stdout.split_once("Successfully built ")?;
    rest.get(..12)
        .filter(|id| id.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn is_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}
