//! What the judges share.

use std::path::Path;

use serde_json::Value;
use testkit::{Folder, Output, Skopeo, image};

/// The program under judgement.
pub(crate) const COUNTERSIGN: &str = env!("CARGO_BIN_EXE_countersign");

/// Copies every file of a folder.
pub(crate) fn copy_folder(from: &Path, to: &Path) {
    for (name, bytes) in testkit::files(from) {
        let path = to.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

/// The word that follows `marker`, up to white space.
#[track_caller]
pub(crate) fn word_after<'t>(text: &'t str, marker: &str) -> &'t str {
    let (_, rest) = text
        .split_once(marker)
        .unwrap_or_else(|| panic!("no {marker:?} in {text:?}"));
    rest.split_whitespace().next().expect("something follows")
}

/// A folder that holds nothing but the certificate of an authority, as skopeo wants it.
pub(crate) fn certificates(ca_file: &Path) -> Folder {
    let folder = Folder::new("certs");
    std::fs::copy(ca_file, folder.path().join("ca.crt")).unwrap();
    folder
}

/// An OCI layout with one image tagged `1`, and the manifest's digest.
pub(crate) fn layout(text: &str) -> (Folder, String) {
    let folder = Folder::new("layout");
    let manifest = image::write_oci_layout(folder.path(), "1", text);
    (folder, manifest.digest)
}

/// An OCI layout with an index of two platforms tagged `1`, and the index's digest. The first is linux/amd64.
pub(crate) fn index_layout(texts: [&str; 2]) -> (Folder, String) {
    let folder = Folder::new("index");
    let (index, _) = image::write_oci_index(folder.path(), "1", texts);
    (folder, index.digest)
}

/// The digest that an OCI layout names with tag `1`.
#[track_caller]
pub(crate) fn tagged_in(layout: &Path) -> String {
    let index = std::fs::read(layout.join("index.json")).unwrap();
    let index: Value = serde_json::from_slice(&index).unwrap();
    let entries = index["manifests"].as_array().unwrap();
    let entry = entries
        .iter()
        .find(|entry| entry["annotations"]["org.opencontainers.image.ref.name"] == "1");
    entry.expect("the tag is there")["digest"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// What stands in the output as JSON.
#[track_caller]
pub(crate) fn json_of(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output}"))
}

/// skopeo that trusts one authority.
pub(crate) struct TrustingSkopeo {
    skopeo: Skopeo,
    certificates: Folder,
}

impl TrustingSkopeo {
    pub(crate) fn new(peers: &testkit::Peers, ca_file: &Path) -> Self {
        Self {
            skopeo: Skopeo::new(peers),
            certificates: certificates(ca_file),
        }
    }

    /// `--<flag>=<folder of the authority>`.
    fn certificate_flag(&self, flag: &str) -> String {
        format!("--{flag}={}", self.certificates.path().display())
    }

    /// `skopeo copy --all`; on whichever side a registry is, its certificate is verified.
    #[track_caller]
    pub(crate) fn copy(&self, from: &str, to: &str) -> Output {
        let flags = [
            self.certificate_flag("src-cert-dir"),
            self.certificate_flag("dest-cert-dir"),
        ];
        self.skopeo
            .run(["copy", "--all", &flags[0], &flags[1], from, to])
    }

    /// `skopeo <command> <args>` at a registry.
    #[track_caller]
    pub(crate) fn at_registry(&self, command: &str, args: &[&str]) -> Output {
        let flag = self.certificate_flag("cert-dir");
        let mut words = vec![command, &flag];
        words.extend(args);
        self.skopeo.run(words)
    }

    /// Copies the layout's tag `1` to `reference` (`host/name:tag`).
    #[track_caller]
    pub(crate) fn push(&self, layout: &Path, reference: &str) {
        let from = format!("oci:{}:1", layout.display());
        self.copy(&from, &format!("docker://{reference}")).success();
    }

    /// Copies `reference` into a new layout as tag `1`.
    #[track_caller]
    pub(crate) fn pull(&self, reference: &str) -> Folder {
        let folder = Folder::new("pulled");
        let to = format!("oci:{}:1", folder.path().display());
        self.copy(&format!("docker://{reference}"), &to).success();
        folder
    }
}

/// Asks a server at `url` for a path, over TLS verified with `ca_file`: status and body.
#[track_caller]
pub(crate) fn get(url: &str, ca_file: &Path, path: &str) -> (u16, String) {
    // The test kit's proxy is the TLS client.
    let front = testkit::Proxy::to(url).trust(ca_file).start_http();
    let mut stream = std::net::TcpStream::connect(front.address()).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
    // Read for its end only: the proxy keeps the answer without its framing.
    std::io::copy(&mut stream, &mut std::io::sink()).unwrap();
    let exchange = front.take_exchanges().pop().expect("the proxy recorded it");
    (
        exchange.status.expect("an answer").as_u16(),
        String::from_utf8_lossy(&exchange.response_body).into_owned(),
    )
}

/// Ends it without warning and starts it again on the same data.
pub(crate) fn crash(server: &mut testkit::Countersign) {
    server.kill9();
    server.restart();
}

/// `countersign trust <words>` as this user.
#[track_caller]
pub(crate) fn trust(docker: &testkit::DockerCli, words: &[&str]) -> Output {
    docker.run_program(COUNTERSIGN, [&["trust"], words].concat())
}

/// A target as `notary list` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) name: String,
    /// SHA-256 in hex.
    pub(crate) digest: String,
    pub(crate) size: String,
    pub(crate) role: String,
}

/// The table of `notary list`, which must succeed.
#[track_caller]
pub(crate) fn list(notary: &testkit::NotaryCli, gun: &str) -> Vec<Listed> {
    let output = notary.run(["list", gun]).success();
    let rows = output.stdout.lines().filter_map(|line| {
        let mut words = line.split_whitespace().map(str::to_owned);
        let row = Listed {
            name: words.next()?,
            digest: words.next().filter(|word| word.len() == 64)?,
            size: words.next()?,
            role: words.next()?,
        };
        Some(row)
    });
    rows.collect()
}
