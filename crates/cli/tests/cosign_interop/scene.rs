//! A registry, a private Sigstore, and three clients that share a home folder.

use std::path::Path;

use testkit::image;
use testkit::sigstack::{LogVersion, Sigstore};
use testkit::{
    ConnectProxy, Cosign, CosignVersion, Countersign, DockerRegistry, Folder, Output, Peers, Proxy,
    Skopeo,
};

/// The program under judgement.
pub(crate) const COUNTERSIGN: &str = env!("CARGO_BIN_EXE_countersign");

/// Who signs or verifies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Who {
    /// `countersign cosign`.
    Ours,
    /// cosign 2.5.
    V2,
    /// cosign 3.1.
    V3,
}

/// Where the images are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum At {
    /// docker-registry 2.8 over plain HTTP: no referrers API.
    DockerRegistry,
    /// `countersign serve` over HTTPS: with the referrers API.
    Countersign,
}

/// The machines of one test. No client may want a host besides them.
pub(crate) struct Scene {
    elsewhere: ConnectProxy,
    cosign: Cosign,
    pub(crate) sigstore: Sigstore,
    registry: Registry,
    skopeo: Skopeo,
    pub(crate) peers: Peers,
}

enum Registry {
    Docker(DockerRegistry),
    Ours(Countersign, Folder),
}

impl Scene {
    /// Starts them with the images at docker-registry.
    pub(crate) fn start() -> Option<Self> {
        Self::at(At::DockerRegistry)
    }

    /// Starts them; every client trusts the Sigstore by the variables of cosign 2.
    pub(crate) fn at(at: At) -> Option<Self> {
        let peers = Peers::locate()?;
        let sigstore = Sigstore::start();
        let elsewhere = ConnectProxy::start(&[]);
        let mut cosign = Cosign::new(&peers, CosignVersion::V2)
            .env("HTTPS_PROXY", &elsewhere.url())
            .env("HTTP_PROXY", &elsewhere.url());
        for (name, value) in sigstore.environment() {
            cosign = cosign.env(name, &value);
        }
        let registry = match at {
            At::DockerRegistry => Registry::Docker(DockerRegistry::start(&peers)),
            At::Countersign => {
                let server = Countersign::start(COUNTERSIGN);
                let authority = server.ca_file();
                cosign = cosign.env("SSL_CERT_FILE", &authority.display().to_string());
                let folder = Folder::new("certs");
                std::fs::copy(authority, folder.path().join("ca.crt")).unwrap();
                Registry::Ours(server, folder)
            }
        };
        let empty = r#"{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json","rekorTlogConfig":{},"tsaConfig":{}}"#;
        std::fs::write(cosign.home().join("empty.json"), empty).unwrap();
        let empty = r#"{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}"#;
        std::fs::write(cosign.home().join("empty-root.json"), empty).unwrap();
        Some(Self {
            elsewhere,
            cosign,
            sigstore,
            registry,
            skopeo: Skopeo::new(&peers),
            peers,
        })
    }

    /// Runs one of the clients with one more variable.
    #[track_caller]
    pub(crate) fn run_with(&self, who: Who, variable: (&str, &str), words: &[&str]) -> Output {
        run(&self.cosign.clone().env(variable.0, variable.1), who, words)
    }

    /// Runs ours with more variables.
    #[track_caller]
    pub(crate) fn run_with_all(&self, variables: &[(&str, &str)], words: &[&str]) -> Output {
        let mut command = self.command(words);
        command.envs(variables.iter().copied());
        testkit::run(command, b"")
    }

    /// The folder in which the clients run.
    pub(crate) fn home(&self) -> &Path {
        self.cosign.home()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.home().join(name), text).unwrap();
    }

    /// Runs one of the clients.
    #[track_caller]
    pub(crate) fn run(&self, who: Who, words: &[&str]) -> Output {
        run(&self.cosign, who, words)
    }

    /// The same with more words at the end.
    #[track_caller]
    pub(crate) fn run_on(&self, who: Who, words: &[&str], last: &[&str]) -> Output {
        run(&self.cosign, who, &[words, last].concat())
    }

    /// Ours, prepared, for a terminal or for more variables.
    pub(crate) fn command(&self, words: &[&str]) -> std::process::Command {
        self.cosign
            .command_of(COUNTERSIGN, [&["cosign"], words].concat())
    }

    /// `key.key` and `key.pub`, made by a client.
    pub(crate) fn generate_key(&self, who: Who, prefix: &str) {
        self.run(who, &["generate-key-pair", "--output-key-prefix", prefix])
            .success();
    }

    /// `<prefix>.key` and `<prefix>.pub` of a key that OpenSSL made, imported by a client.
    pub(crate) fn import_key(&self, who: Who, kind: KeyKind, prefix: &str) {
        let pem = format!("{prefix}.pem");
        let mut command = self.peers.openssl();
        command
            .args(["genpkey", "-out"])
            .arg(self.home().join(&pem));
        command.args(kind.openssl());
        testkit::run(command, b"").success();
        self.run(
            who,
            &[
                "import-key-pair",
                "--key",
                &pem,
                "--output-key-prefix",
                prefix,
            ],
        )
        .success();
    }

    /// Runs ours where there is no network at all, not even to this machine, and nobody is trusted yet.
    #[track_caller]
    pub(crate) fn run_without_network(&self, words: &[&str]) -> Output {
        let mut all = vec!["-rn", "env"];
        for (name, _) in self.sigstore.environment() {
            all.extend(["-u", name]);
        }
        all.extend([COUNTERSIGN, "cosign"]);
        all.extend(words);
        self.cosign.run_program("unshare", all)
    }

    /// A proxy in front of the registry, over plain HTTP.
    pub(crate) fn proxy(&self) -> Proxy {
        match &self.registry {
            Registry::Docker(registry) => Proxy::to(&registry.url()).start_http(),
            Registry::Ours(server, _) => Proxy::to(&server.url())
                .trust(&server.ca_file())
                .start_http(),
        }
    }

    /// The registry part of references.
    pub(crate) fn host(&self) -> String {
        match &self.registry {
            Registry::Docker(registry) => registry.host(),
            Registry::Ours(server, _) => server.host(),
        }
    }

    /// A new image in a repository of its own: `<host>/<name>@sha256:…`.
    pub(crate) fn image(&self, name: &str) -> String {
        self.image_in(name, name)
    }

    /// A new image in a repository that may have others.
    pub(crate) fn image_in(&self, repository: &str, text: &str) -> String {
        let folder = Folder::new("layout");
        let digest = image::write_oci_layout(folder.path(), "1", text).digest;
        self.push(folder.path(), repository);
        format!("{}/{repository}@{digest}", self.host())
    }

    /// A new image for two platforms: its reference and those of the two.
    pub(crate) fn index(&self, name: &str) -> (String, [String; 2]) {
        let folder = Folder::new("index");
        let texts = [format!("{name} for amd64"), format!("{name} for arm64")];
        let (digest, children) =
            image::write_oci_index(folder.path(), "1", texts.each_ref().map(String::as_str));
        self.push(folder.path(), name);
        let at = |digest: &str| format!("{}/{name}@{digest}", self.host());
        (at(&digest.digest), children.map(|child| at(&child.digest)))
    }

    fn push(&self, layout: &Path, name: &str) {
        let from = format!("oci:{}:1", layout.display());
        let to = format!("docker://{}/{name}:1", self.host());
        let flag = self.skopeo_flag("dest");
        self.skopeo
            .run(["copy", "--all", &flag, &from, &to])
            .success();
    }

    /// Copies a manifest to another tag, as it is.
    pub(crate) fn copy(&self, from: &str, to: &str) {
        let [from, to] = [from, to].map(|reference| format!("docker://{reference}"));
        let [source, destination] = ["src", "dest"].map(|end| self.skopeo_flag(end));
        self.skopeo
            .run(["copy", &source, &destination, &from, &to])
            .success();
    }

    /// How skopeo reaches the registry as `src` or `dest`.
    fn skopeo_flag(&self, end: &str) -> String {
        match &self.registry {
            Registry::Docker(_) => format!("--{end}-tls-verify=false"),
            Registry::Ours(_, folder) => format!("--{end}-cert-dir={}", folder.path().display()),
        }
    }

    pub(crate) fn trusted_root(&self) -> String {
        self.sigstore.trusted_root().display().to_string()
    }

    pub(crate) fn signing_config(&self, log: LogVersion) -> String {
        self.sigstore.signing_config(log).display().to_string()
    }

    /// `--fulcio-url … --rekor-url …`
    pub(crate) fn urls(&self) -> [&str; 4] {
        let sigstore = &self.sigstore;
        let (fulcio, rekor) = (sigstore.fulcio_url(), sigstore.rekor_url());
        ["--fulcio-url", fulcio, "--rekor-url", rekor]
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let refused = self.elsewhere.refused();
            assert!(refused.is_empty(), "hosts elsewhere: {refused:?}");
        }
    }
}

#[track_caller]
fn run(cosign: &Cosign, who: Who, words: &[&str]) -> Output {
    match who {
        Who::Ours => cosign.run_program(COUNTERSIGN, [&["cosign"], words].concat()),
        Who::V2 => cosign.version(CosignVersion::V2).run(words),
        Who::V3 => cosign.version(CosignVersion::V3).run(words),
    }
}

/// The command ended with `code`, printed nothing, and said all of `words`.
#[track_caller]
pub(crate) fn refused(output: Output, code: i32, words: &[&str]) {
    assert_eq!(
        (output.code(), output.stdout.as_str()),
        (Some(code), ""),
        "{output}"
    );
    words.iter().fold(output, |output, text| output.says(text));
}

/// Standard base64 with padding.
pub(crate) fn base64(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD
        .decode(text)
        .unwrap()
}

/// Keys besides those that `generate-key-pair` makes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum KeyKind {
    P384,
    P521,
    Ed25519,
    Rsa3072,
}

impl KeyKind {
    fn openssl(self) -> &'static [&'static str] {
        match self {
            Self::P384 => &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
            Self::P521 => &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"],
            Self::Ed25519 => &["-algorithm", "ED25519"],
            Self::Rsa3072 => &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"],
        }
    }
}
