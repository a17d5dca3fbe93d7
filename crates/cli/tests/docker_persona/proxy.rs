//! Through a proxy, to servers with certificates of private authorities: one for the registry, in the engine's folder,
//! and another for the trust server, in the user's.

use std::fs;
use std::path::PathBuf;

use testkit::{
    ConnectProxy, Countersign, DockerCli, DockerVersion, Dockerd, Output, Peers, Proxy, TestCa,
    files,
};

use crate::bench::{COUNTERSIGN, exists, local_images, ours, server_files, untrusted};

const TRUST: &str = "notary.example.com";

/// Where the engine, and ours, look for the authorities of registries.
const DAEMON_CERTIFICATES: &str = "/etc/docker/certs.d";

/// A registry and a trust server that only the proxy can find.
struct Site {
    dockerd: Dockerd,
    docker: DockerCli,
    /// A name that no other run has: its folder in `/etc` is ours alone.
    host: String,
    peers: Peers,
    trust_ca: TestCa,
    registry_ca: TestCa,
    proxy: ConnectProxy,
    _fronts: [Proxy; 2],
    server: Countersign,
}

impl Site {
    fn start() -> Option<Self> {
        let peers = Peers::locate_with_dockerd()?;
        let server = Countersign::start(COUNTERSIGN);
        let (trust_ca, registry_ca) = (TestCa::new(), TestCa::new());
        let host = format!("registry-{}.example.com", std::process::id());
        let front = |ca: &TestCa, name: &str| {
            Proxy::to(&server.url())
                .trust(&server.ca_file())
                .start_https_for(ca, &[name])
        };
        let fronts = [front(&registry_ca, &host), front(&trust_ca, TRUST)];
        let names = [format!("{host}:443"), format!("{TRUST}:443")];
        let proxy = ConnectProxy::start(&[
            (&names[0], fronts[0].address()),
            (&names[1], fronts[1].address()),
        ]);
        let dockerd = Dockerd::start_with_env(&peers, &[("HTTPS_PROXY", &proxy.url())]);
        let docker = user(&peers, &dockerd, &proxy);
        Some(Self {
            dockerd,
            docker,
            host,
            peers,
            trust_ca,
            registry_ca,
            proxy,
            _fronts: fronts,
            server,
        })
    }

    /// Another machine that has the trust server's authority.
    fn user(&self) -> DockerCli {
        let docker = user(&self.peers, &self.dockerd, &self.proxy);
        docker.add_ca(TRUST, &self.trust_ca.file());
        docker
    }

    fn image(&self, name: &str) -> String {
        format!("{}/{name}", self.host)
    }

    /// Refused for this reason, and nothing is changed on the server, in the engine and among the keys.
    #[track_caller]
    fn refused(&self, docker: &DockerCli, words: &[&str], said: &[&str]) -> Output {
        let state = || {
            let images = local_images(&self.docker);
            let private = docker.trust_dir().join("private");
            (server_files(&self.server), images, files(&private))
        };
        let before = state();
        let mut output = ours(docker, words).failure();
        assert_eq!(output.code(), Some(1), "{output}");
        for said in said {
            output = output.says(said);
        }
        assert!(state() == before, "something was changed: {output}");
        output
    }
}

fn user(peers: &Peers, dockerd: &Dockerd, proxy: &ConnectProxy) -> DockerCli {
    DockerCli::new(peers, DockerVersion::V20)
        .daemon(dockerd)
        .env("DOCKER_CONTENT_TRUST", "1")
        .env("DOCKER_CONTENT_TRUST_SERVER", &format!("https://{TRUST}"))
        .env("HTTPS_PROXY", &proxy.url())
}

/// The authority of a registry in the engine's folder; taken away when dropped.
struct Authority {
    folder: PathBuf,
    /// The folder of all of them was made for this one.
    is_first: bool,
}

impl Authority {
    fn install(host: &str, ca: &TestCa) -> Self {
        let all = PathBuf::from(DAEMON_CERTIFICATES);
        let installed = Self {
            folder: all.join(host),
            is_first: !exists(&all),
        };
        fs::create_dir_all(&installed.folder).unwrap();
        fs::write(installed.folder.join("ca.crt"), ca.pem()).unwrap();
        installed
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.folder).unwrap();
        if self.is_first {
            // Somebody else may need it by now.
            drop(fs::remove_dir(DAEMON_CERTIFICATES));
        }
    }
}

#[test]
fn dockerd_through_a_proxy_with_private_authorities() {
    let Some(site) = Site::start() else { return };
    let image = site.image("team/app:1");
    untrusted(&site.docker).import(&image, "one");

    // Nobody vouches for the trust server, then for the registry.
    let file = site
        .docker
        .config_dir()
        .join("tls")
        .join(TRUST)
        .join("ca.crt");
    let authority = Authority::install(&site.host, &site.registry_ca);
    let nothing = "Nothing was pushed";
    let advice = format!(
        "put the certificate of its authority into {}",
        file.display()
    );
    site.refused(
        &site.docker,
        &["push", &image],
        &[
            "Error: error contacting notary server: TLS with",
            "unknown issuer",
            &advice,
            nothing,
        ],
    );
    drop(authority);
    let docker = &site.docker;
    docker.add_ca(TRUST, &site.trust_ca.file());
    let file = format!("{DAEMON_CERTIFICATES}/{}/ca.crt", site.host);
    let advice = format!("put the certificate of its authority into {file}");
    site.refused(
        docker,
        &["push", &image],
        &["unknown issuer", &advice, nothing],
    );
    // The trust server's authority does not vouch for the registry.
    let authority = Authority::install(&site.host, &site.trust_ca);
    site.refused(
        docker,
        &["push", &image],
        &["unknown issuer", &advice, nothing],
    );
    drop(authority);

    let authority = Authority::install(&site.host, &site.registry_ca);
    let pushed = ours(docker, ["push", &image]).success();
    pushed.says(&format!("Successfully signed {image}"));
    let other = site.user();
    untrusted(docker).run(["rmi", &image]).success();
    ours(&other, ["pull", &image]).success();
    untrusted(docker)
        .run(["image", "inspect", &image])
        .success();
    // Stock docker goes the same way.
    untrusted(docker).run(["rmi", &image]).success();
    site.user().run(["pull", &image]).success();

    let repository = site.image("team/signed");
    ours(docker, ["trust", "key", "generate", "amy"]).success();
    let add = ["trust", "signer", "add", "--key", "amy.pub", "amy"];
    ours(docker, [&add[..], &[&repository]].concat()).success();
    let signed = format!("{repository}:1");
    untrusted(docker).run(["tag", &image, &signed]).success();
    ours(docker, ["trust", "sign", &signed])
        .success()
        .says(&format!("Successfully signed {signed}"));
    ours(&other, ["trust", "inspect", "--pretty", &signed])
        .success()
        .says("amy");
    // Without an engine the registry is asked by ours alone, for which the user's folder counts too.
    let next = format!("{repository}:2");
    untrusted(docker).run(["tag", &image, &next]).success();
    untrusted(docker).run(["push", &next]).success();
    drop(authority);
    let alone = docker
        .clone()
        .env("DOCKER_HOST", "unix:///nonexistent/docker.sock");
    let sign = ["trust", "sign", &next];
    site.refused(&alone, &sign, &["unknown issuer", &advice]);
    alone.add_ca(&site.host, &site.registry_ca.file());
    ours(&alone, sign)
        .success()
        .says(&format!("Successfully signed {next}"));
    let authority = Authority::install(&site.host, &site.registry_ca);
    // A user who does not trust the trust server gets nothing.
    let stranger = user(&site.peers, &site.dockerd, &site.proxy);
    site.refused(&stranger, &["pull", &signed], &["unknown issuer"]);
    drop(authority);
    assert!(!exists(&PathBuf::from(file)));
}

/// Without its proxy ours goes no other way.
#[test]
fn dockerd_a_proxy_that_cannot_be_used() {
    let Some(site) = Site::start() else { return };
    let image = site.image("team/app:1");
    untrusted(&site.docker).import(&image, "one");
    let _authority = Authority::install(&site.host, &site.registry_ca);
    let docker = site.user();
    for (proxy, said) in [
        ("http://127.0.0.1:1", "127.0.0.1:1"),
        ("ftp://127.0.0.1", "ftp"),
        (&ConnectProxy::start(&[]).url(), "tunnel refused"),
    ] {
        let docker = docker.clone().env("HTTPS_PROXY", proxy);
        site.refused(&docker, &["push", &image], &[said, "Nothing was pushed"]);
        site.refused(&docker, &["pull", &image], &[said]);
    }
    // Exceptions are not asked of the proxy, and nobody else knows the names.
    let exempt = docker.clone().env("NO_PROXY", ".example.com");
    site.refused(
        &exempt,
        &["push", &image],
        &["example.com", "Nothing was pushed"],
    );
    ours(&docker, ["push", &image]).success();
}
