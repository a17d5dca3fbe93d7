//! A private Sigstore in the test's own process.
//!
//! Fulcio, a certificate transparency log's key, Rekor with both interfaces, a timestamp authority, an issuer of
//! identity tokens and the repository that says what to trust, each on a port of its own. All of them check what they
//! are given as the real ones do: a token of another audience, an expired one or a wrong proof of possession gets no
//! certificate, a wrong signature no entry in a log.
//!
//! ```no_run
//! use testkit::sigstack::{Claims, Ref, Sigstore};
//!
//! let sigstore = Sigstore::start();
//! let token = sigstore.token(&Claims::gitlab("https://gitlab.com", "acme/app", Ref::Branch("main")));
//! ```

mod authority;
mod claims;
mod clock;
mod der;
mod exchange;
mod fulcio;
mod json;
mod keys;
mod log;
mod oidc;
mod proposal;
mod rekor;
mod rekor_v2;
mod trust;
mod tsa;
mod tuf;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

pub use claims::{COMMIT, Claims, Ref};
pub use exchange::Call;
pub use fulcio::IssuerKind;

use crate::folder::Folder;
use crate::server::Server;

/// Which of the two logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogVersion {
    /// Rekor's first interface.
    V1,
    /// Rekor's second interface, rekor-tiles.
    V2,
}

/// What the services do wrong from now on.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// Certificates have no signed certificate timestamp.
    pub no_sct: bool,
    /// The signed certificate timestamp is over other bytes.
    pub wrong_sct: bool,
    /// Certificates were issued so many seconds ago; they live for 600.
    pub certificate_age: i64,
    /// The signed entry timestamp of Rekor is over other bytes.
    pub wrong_set: bool,
    /// The log's checkpoint is signed over other bytes.
    pub wrong_checkpoint: bool,
    /// The inclusion proof leads to another root.
    pub wrong_proof: bool,
    /// The timestamp is signed over other bytes.
    pub wrong_timestamp: bool,
    /// The clock of the timestamp authority is so many seconds ahead.
    pub timestamp_skew: i64,
}

/// The running services. They end when this is dropped.
#[derive(Debug)]
pub struct Sigstore {
    shared: Arc<Shared>,
    urls: Urls,
    _servers: [Server; 6],
}

#[derive(Debug)]
struct Urls {
    fulcio: String,
    rekor: String,
    rekor_v2: String,
    tsa: String,
    oidc: String,
    tuf: String,
}

#[derive(Debug)]
struct Shared {
    fulcio: fulcio::Fulcio,
    rekor: rekor::Rekor,
    rekor_v2: rekor_v2::RekorV2,
    tsa: tsa::Tsa,
    issuer: oidc::Issuer,
    repository: tuf::Repository,
    folder: Folder,
    faults: Mutex<Faults>,
    calls: Mutex<Vec<Call>>,
}

impl Shared {
    fn record(&self, call: &Call) {
        self.calls
            .lock()
            .expect("nothing panics while it holds the lock")
            .push(call.clone());
    }

    fn faults(&self) -> Faults {
        self.faults
            .lock()
            .expect("nothing panics while it holds the lock")
            .clone()
    }

    fn repository_folder(&self) -> PathBuf {
        self.folder.path().join("tuf")
    }
}

impl Sigstore {
    /// What GitHub's runner would put into `ACTIONS_ID_TOKEN_REQUEST_TOKEN`.
    pub const GITHUB_REQUEST_TOKEN: &'static str = oidc::GITHUB_REQUEST_TOKEN;
    /// Who logs in at [`Sigstore::oidc_url`] in a browser or with a device.
    pub const PERSON: &'static str = oidc::PERSON;

    /// Starts all of them, with new keys. The repository names Rekor's first interface.
    pub fn start() -> Self {
        let shared = Arc::new(Shared {
            fulcio: fulcio::Fulcio::new(),
            rekor: rekor::Rekor::new(),
            rekor_v2: rekor_v2::RekorV2::new(),
            tsa: tsa::Tsa::new(),
            issuer: oidc::Issuer::new(),
            repository: tuf::Repository::new(),
            folder: Folder::new("sigstore"),
            faults: Mutex::default(),
            calls: Mutex::default(),
        });
        let servers = [
            exchange::serve(&shared, "fulcio", fulcio::answer),
            exchange::serve(&shared, "rekor", rekor::answer),
            exchange::serve(&shared, "rekor-v2", rekor_v2::answer),
            exchange::serve(&shared, "tsa", tsa::answer),
            exchange::serve(&shared, "oidc", oidc::answer),
            exchange::serve(&shared, "tuf", tuf::answer),
        ];
        let [fulcio, rekor, rekor_v2, tsa, oidc, tuf] = servers.each_ref().map(Server::url);
        shared.fulcio.trust(&oidc, IssuerKind::Email);
        let sigstore = Self {
            shared,
            urls: Urls {
                fulcio,
                rekor,
                rekor_v2,
                tsa,
                oidc,
                tuf,
            },
            _servers: servers,
        };
        sigstore.write_files();
        sigstore.publish(1, LogVersion::V1);
        sigstore
    }

    /// The certificate authority, `http://127.0.0.1:<port>` like the other services.
    pub fn fulcio_url(&self) -> &str {
        &self.urls.fulcio
    }

    /// The log with Rekor's first interface.
    pub fn rekor_url(&self) -> &str {
        &self.urls.rekor
    }

    /// The log with Rekor's second interface.
    pub fn rekor_v2_url(&self) -> &str {
        &self.urls.rekor_v2
    }

    /// Where timestamps are asked for: the whole address, with its path.
    pub fn timestamp_url(&self) -> String {
        format!("{}/api/v1/timestamp", self.urls.tsa)
    }

    /// The issuer of tokens for persons, with browser and device flows. The browser's part is to GET the address: the
    /// answer leads back with the code.
    pub fn oidc_url(&self) -> &str {
        &self.urls.oidc
    }

    /// What GitHub's runner would put into `ACTIONS_ID_TOKEN_REQUEST_URL`. It answers to
    /// [`Self::GITHUB_REQUEST_TOKEN`] with a token for the workflow of `acme/app` on `main`.
    pub fn github_request_url(&self) -> String {
        format!("{}/github/token?api-version=2.0", self.urls.oidc)
    }

    /// The repository of The Update Framework, for `initialize --mirror`.
    pub fn tuf_url(&self) -> &str {
        &self.urls.tuf
    }

    /// The `root.json` to begin with, for `initialize --root`.
    pub fn tuf_root(&self) -> PathBuf {
        self.shared.repository_folder().join("root.json")
    }

    /// `trusted_root.json` with both logs, as a file.
    pub fn trusted_root(&self) -> PathBuf {
        self.file("trusted_root.json")
    }

    /// `signing_config.json` that names the log of this version and the timestamp authority, as a file.
    pub fn signing_config(&self, log: LogVersion) -> PathBuf {
        self.file(config_name(log))
    }

    /// A file of these, all in PEM: `ctlog.pub`, `rekor.pub`, `fulcio.pem` (intermediate and root), `fulcio-root.pem`,
    /// `tsa.pem` (leaf to root).
    pub fn file(&self, name: &str) -> PathBuf {
        self.shared.folder.path().join(name)
    }

    /// The variables by which cosign 2 trusts these services when no repository tells it.
    pub fn environment(&self) -> [(&'static str, String); 4] {
        let path = |name| self.file(name).display().to_string();
        [
            ("SIGSTORE_CT_LOG_PUBLIC_KEY_FILE", path("ctlog.pub")),
            ("SIGSTORE_ROOT_FILE", path("fulcio.pem")),
            ("SIGSTORE_REKOR_PUBLIC_KEY", path("rekor.pub")),
            ("SIGSTORE_TSA_CERTIFICATE_FILE", path("tsa.pem")),
        ]
    }

    /// Version `version` of the repository's metadata, which names the log of this version. The first is published
    /// at the start.
    pub fn publish(&self, version: u32, log: LogVersion) {
        self.publish_for(version, log, tuf::YEAR);
    }

    /// The same with metadata that has expired already; the root has not.
    pub fn publish_expired(&self, version: u32, log: LogVersion) {
        self.publish_for(version, log, -60);
    }

    fn publish_for(&self, version: u32, log: LogVersion, expires_in: i64) {
        let read =
            |name| std::fs::read(self.file(name)).expect("the file was written at the start");
        let targets = tuf::targets(
            &self.shared,
            &self.urls,
            read("trusted_root.json"),
            read(config_name(log)),
        );
        self.shared.repository.write(
            &self.shared.repository_folder(),
            version,
            &targets,
            expires_in,
        );
    }

    /// Makes the certificate authority take tokens of another issuer, such as a GitLab instance. It takes those of
    /// gitlab.com, GitHub, Buildkite and [`Self::oidc_url`] from the start.
    pub fn trust_issuer(&self, issuer: &str, kind: IssuerKind) {
        self.shared.fulcio.trust(issuer, kind);
    }

    /// A token with these claims, signed with the key that all issuers have here.
    pub fn token(&self, claims: &Claims) -> String {
        self.shared.issuer.mint(claims)
    }

    /// From now on the services do this wrong; [`Faults::default`] makes them right again.
    pub fn set_faults(&self, faults: Faults) {
        *self
            .shared
            .faults
            .lock()
            .expect("nothing panics while it holds the lock") = faults;
    }

    /// Every request so far, to all services, in the order of arrival.
    pub fn calls(&self) -> Vec<Call> {
        self.shared
            .calls
            .lock()
            .expect("nothing panics while it holds the lock")
            .clone()
    }

    fn write_files(&self) {
        let (shared, urls) = (&self.shared, &self.urls);
        let config = |log| trust::signing_config(urls, log).to_string();
        let [issuing, root] = shared.fulcio.chain();
        let files = [
            (
                "trusted_root.json",
                trust::trusted_root(shared, urls).to_string(),
            ),
            (config_name(LogVersion::V1), config(LogVersion::V1)),
            (config_name(LogVersion::V2), config(LogVersion::V2)),
            ("ctlog.pub", shared.fulcio.ct.public_pem()),
            ("rekor.pub", shared.rekor.key.public_pem()),
            ("fulcio.pem", format!("{issuing}{root}")),
            ("fulcio-root.pem", root),
            ("tsa.pem", shared.tsa.chain_pem()),
        ];
        for (name, text) in files {
            std::fs::write(self.file(name), text).expect("the temporary folder is writable");
        }
    }
}

fn config_name(log: LogVersion) -> &'static str {
    match log {
        LogVersion::V1 => "signing_config.json",
        LogVersion::V2 => "signing_config_v2.json",
    }
}
