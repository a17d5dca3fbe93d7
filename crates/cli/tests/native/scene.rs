//! A registry, a trust server, and a user with keys.

use std::path::Path;

use serde_json::Value;
use testkit::image;
use testkit::{Cosign, CosignVersion, Countersign, DockerRegistry, Folder, Output, Peers, Skopeo};

/// The program under judgement.
pub(crate) const COUNTERSIGN: &str = env!("CARGO_BIN_EXE_countersign");

/// Where the images are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum At {
    /// docker-registry 2.8 over plain HTTP: no referrers API. `countersign serve` is the trust server.
    DockerRegistry,
    /// `countersign serve` for both.
    Countersign,
}

/// The machines of one test.
pub(crate) struct Scene {
    pub(crate) user: Cosign,
    pub(crate) server: Countersign,
    registry: Option<DockerRegistry>,
    skopeo: Skopeo,
    certificates: Folder,
}

impl Scene {
    /// Starts them with the images at docker-registry.
    pub(crate) fn start() -> Option<Self> {
        Self::at(At::DockerRegistry)
    }

    /// The user is logged in as jeff, trusts the server's authority, and has no keys.
    pub(crate) fn at(at: At) -> Option<Self> {
        let peers = Peers::locate()?;
        let server = Countersign::start(COUNTERSIGN);
        let registry = match at {
            At::DockerRegistry => Some(DockerRegistry::start(&peers)),
            At::Countersign => None,
        };
        let certificates = Folder::new("certs");
        std::fs::copy(server.ca_file(), certificates.path().join("ca.crt")).unwrap();
        let trust = format!("https://{}", server.host());
        let user = Cosign::new(&peers, CosignVersion::V2)
            .env("DOCKER_CONTENT_TRUST_SERVER", &trust)
            .env("DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE", "root passphrase")
            .env(
                "DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE",
                "repository passphrase",
            );
        let docker = user.home().join(".docker");
        let tls = docker.join("tls").join(server.host());
        std::fs::create_dir_all(&tls).unwrap();
        std::fs::copy(server.ca_file(), tls.join("ca.crt")).unwrap();
        let scene = Self {
            user,
            server,
            registry,
            skopeo: Skopeo::new(&peers),
            certificates,
        };
        // jeff:secret
        let login = format!(
            r#"{{"auths":{{"{}":{{"auth":"amVmZjpzZWNyZXQ="}}}}}}"#,
            scene.host()
        );
        std::fs::write(docker.join("config.json"), login).unwrap();
        Some(scene)
    }

    pub(crate) fn host(&self) -> String {
        match &self.registry {
            Some(registry) => registry.host(),
            None => self.server.host(),
        }
    }

    pub(crate) fn home(&self) -> &Path {
        self.user.home()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.home().join(name), text).unwrap();
    }

    /// `countersign.toml`, with `HOST` for the registry.
    pub(crate) fn policy(&self, text: &str) {
        self.write("countersign.toml", &text.replace("HOST", &self.host()));
    }

    /// Runs a command of the program.
    #[track_caller]
    pub(crate) fn run(&self, words: &[&str]) -> Output {
        self.user.run_program(COUNTERSIGN, words)
    }

    /// The same with one more variable.
    #[track_caller]
    pub(crate) fn run_with(&self, variable: (&str, &str), words: &[&str]) -> Output {
        let user = self.user.clone().env(variable.0, variable.1);
        user.run_program(COUNTERSIGN, words)
    }

    /// `<prefix>.key` and `<prefix>.pub`.
    pub(crate) fn keys(&self, prefixes: &[&str]) {
        for prefix in prefixes {
            let words = ["cosign", "generate-key-pair", "--output-key-prefix", prefix];
            self.run(&words).success();
        }
    }

    /// Pushes a made-up image as `<name>:<tag>`: its digest.
    pub(crate) fn push(&self, name: &str, tag: &str, text: &str) -> String {
        let folder = Folder::new("layout");
        let digest = image::write_oci_layout(folder.path(), "1", text).digest;
        self.copy(folder.path(), name, tag);
        digest
    }

    /// Pushes an image for two platforms as tag `1`: its reference by tag, and those of the two.
    pub(crate) fn index(&self, name: &str) -> (String, [String; 2]) {
        let folder = Folder::new("index");
        let (_, children) = image::write_oci_index(folder.path(), "1", ["amd64", "arm64"]);
        self.copy(folder.path(), name, "1");
        let at = |child: image::Blob| format!("{}/{name}@{}", self.host(), child.digest);
        (format!("{}/{name}:1", self.host()), children.map(at))
    }

    fn copy(&self, layout: &Path, name: &str, tag: &str) {
        let flag = match &self.registry {
            Some(_) => "--dest-tls-verify=false".to_owned(),
            None => format!("--dest-cert-dir={}", self.certificates.path().display()),
        };
        let from = format!("oci:{}:1", layout.display());
        let to = format!("docker://{}/{name}:{tag}", self.host());
        self.skopeo
            .run(["copy", "--all", &flag, &from, &to])
            .success();
    }

    /// The same as tag `1` of a repository of its own: its reference by tag.
    pub(crate) fn image(&self, name: &str) -> String {
        self.push(name, "1", name);
        format!("{}/{name}:1", self.host())
    }

    /// The document of `verify --json`, and the exit code.
    #[track_caller]
    pub(crate) fn json(&self, words: &[&str]) -> (Value, i32) {
        let output = self.run(&[&["verify", "--json"], words].concat());
        let document: Value = serde_json::from_str(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {output}"));
        assert_eq!(document["schema"], 1, "{output}");
        (document, output.code().unwrap())
    }

    /// Of one image: exit code, result and reason's code.
    #[track_caller]
    pub(crate) fn verdict(&self, words: &[&str]) -> (i32, String, String) {
        let (document, code) = self.json(words);
        let image = &document["images"][0];
        assert_eq!(image["exit_code"], code, "{document:#}");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (code, text(&image["result"]), text(&image["reason"]["code"]))
    }
}

/// What [`Scene::verdict`] gives.
pub(crate) fn verdict(code: i32, result: &str, reason: &str) -> (i32, String, String) {
    (code, result.to_owned(), reason.to_owned())
}

/// The image is verified.
#[track_caller]
pub(crate) fn verified(scene: &Scene, words: &[&str]) {
    assert_eq!(scene.verdict(words), verdict(0, "verified", ""));
}
