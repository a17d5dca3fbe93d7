//! For tests only: the real programs Countersign is judged against, and the tools to attack and observe them.
//!
//! Every guard starts a real program on loopback with a free port, a folder and a log of its own, waits until it
//! answers, and stops it when dropped; when the test fails, the end of the log is printed and the folder is kept.
//! Nothing here is asynchronous for the caller: the guards serve plain tests and tests inside a runtime alike.
//!
//! Failures are panics: in a test, a peer that does not start is a failed test.
//!
//! | guard | program |
//! |---|---|
//! | [`DockerRegistry`] | docker-registry 2.8 |
//! | [`NotaryServer`], [`Postgres`] | notary-server and notary-signer 0.7, in memory or on PostgreSQL |
//! | [`Dockerd`] | dockerd 20.10, or 28.5 with the containerd image store, with a containerd of its own (needs root) |
//! | [`DockerCli`], [`NotaryCli`], [`Skopeo`], [`Cosign`] | the clients, each with a home folder of its own |
//! | [`Countersign`] | `countersign serve` |
//! | [`Proxy`], [`ConnectProxy`] | ours: record, replace, delay, cut, route |
//! | [`sigstack::Sigstore`] | ours: a private Sigstore: certificates, logs, timestamps, identity tokens, trusted root |
//! | [`SoftHsm`] | SoftHSM: PKCS#11 tokens in files |
//! | [`TokenServer`] | ours: logins for docker-registry and notary-server |
//! | [`Disk`] | a small file system, to fill or to make read-only |
//!
//! ```no_run
//! use testkit::{DockerCli, DockerRegistry, DockerVersion, Dockerd, NotaryServer, Peers, TestCa};
//!
//! let Some(peers) = Peers::locate_with_dockerd() else { return };
//! let ca = TestCa::new();
//! let registry = DockerRegistry::start(&peers);
//! let server = NotaryServer::memory(&peers, &ca);
//! let dockerd = Dockerd::start(&peers);
//! let docker = DockerCli::new(&peers, DockerVersion::V20)
//!     .daemon(&dockerd)
//!     .trust_server(&server.url(), server.ca_file())
//!     .env("DOCKER_CONTENT_TRUST", "1");
//! let image = format!("{}/demo:1", registry.host());
//! docker.import(&image, "hello");
//! docker.run(["push", &image]).success().says("Successfully signed");
//! docker.version(DockerVersion::V28).run(["trust", "inspect", &image]).success();
//! ```
//!
//! Tests that start dockerd are called `dockerd_…`: the test runner does one of them at a time.

mod connect;
mod cosign;
mod countersign;
mod disk;
mod docker;
mod folder;
pub mod image;
mod notary;
mod peers;
mod postgres;
mod process;
mod proxy;
mod readers;
mod registry;
mod server;
pub mod sigstack;
mod skopeo;
mod softhsm;
mod terminal;
mod tls;
mod tokens;
mod web;

pub use connect::ConnectProxy;
pub use cosign::{Cosign, CosignVersion};
pub use countersign::Countersign;
pub use disk::Disk;
pub use docker::{DockerCli, DockerVersion, Dockerd};
pub use folder::{Folder, files};
pub use notary::{NotaryCli, NotaryServer};
pub use peers::{Peers, report_skipped, skip};
pub use postgres::Postgres;
pub use process::{Output, run};
pub use proxy::{Exchange, Fault, Proxy, ProxyBuilder};
pub use readers::Readers;
pub use registry::DockerRegistry;
pub use skopeo::Skopeo;
pub use softhsm::SoftHsm;
pub use terminal::Terminal;
pub use tls::{ServerCertificate, TestCa};
pub use tokens::TokenServer;
pub use web::{Asked, WebServer};
