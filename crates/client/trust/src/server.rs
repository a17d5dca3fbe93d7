//! Which trust server answers for a repository, and whom to believe that it is.

use std::fmt;
use std::path::Path;

use net::Url;

/// Docker's own trust server, for repositories of Docker Hub.
const HUB_SERVER: &str = "https://notary.docker.io";

/// A trust server: an `https` address, perhaps with a path in front of `/v2/`.
#[derive(Clone, PartialEq, Eq)]
pub struct TrustServer {
    base: Url,
}

/// Why a text is no trust server. Docker says `valid https URL required for trust server, got <text>`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("trust server {text:?} is not a valid https URL")]
pub struct ServerError {
    /// The text, without credentials.
    pub text: String,
}

impl TrustServer {
    /// The server for a repository: `setting` (`DOCKER_CONTENT_TRUST_SERVER`) if it is there and not empty, whatever
    /// the repository; Docker's for Docker Hub; else the registry's own host over https
    /// (`docker/cli:cli/trust/trust.go:Server`).
    ///
    /// # Errors
    /// `setting` is not an `https` address, or carries credentials.
    pub fn choose(
        repository: &oci::Repository,
        setting: Option<&str>,
    ) -> Result<Self, ServerError> {
        match setting.filter(|text| !text.is_empty()) {
            Some(text) => Self::parse(text),
            None if repository.is_hub() => Self::parse(HUB_SERVER),
            None => Self::parse(&format!("https://{}", repository.host())),
        }
    }

    /// Reads an address. A trailing slash and a path are allowed; plain `http` is not.
    ///
    /// # Errors
    /// Not an absolute `https` address, or one with credentials, query or fragment.
    pub fn parse(text: &str) -> Result<Self, ServerError> {
        let plain = |url: &Url| {
            url.scheme() == "https" && url.query().is_none() && url.fragment().is_none()
        };
        match net::parse_url(text) {
            Ok(base) if plain(&base) => Ok(Self { base }),
            _ => Err(ServerError {
                text: without_credentials(text),
            }),
        }
    }

    /// `host[:port]`, as messages and the folder below `tls/` name the server.
    #[must_use]
    pub fn host(&self) -> String {
        let host = self.base.host_str().unwrap_or_default();
        match self.base.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }

    /// Whom to believe that it is this server: the system's roots and what `<folder>/<host[:port]>/` adds
    /// (`~/.docker/tls`). The certificate is always verified, also for loopback names, where Docker does not.
    ///
    /// # Errors
    /// A file that cannot be read, or half of a client certificate.
    pub fn tls(&self, folder: &Path) -> Result<net::Tls, registry::ConfigError> {
        registry::HostTls::read(folder, &self.host()).map(|additions| additions.into_tls(true))
    }

    pub(crate) fn base(&self) -> &Url {
        &self.base
    }
}

impl fmt::Display for TrustServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.base.as_str().trim_end_matches('/'))
    }
}

impl fmt::Debug for TrustServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What cannot be parsed is shown, but never anything before an `@`.
fn without_credentials(text: &str) -> String {
    match text.rsplit_once('@') {
        Some((_, rest)) => format!("…@{rest}"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(name: &str, setting: Option<&str>) -> Result<String, ServerError> {
        let reference = oci::Reference::parse(name).unwrap();
        TrustServer::choose(reference.repository(), setting).map(|server| server.to_string())
    }

    #[test]
    fn the_server_follows_the_registry_unless_set() {
        assert_eq!(choose("alpine", None).unwrap(), "https://notary.docker.io");
        assert_eq!(
            choose("r.example:5000/a/b:1", None).unwrap(),
            "https://r.example:5000"
        );
        assert_eq!(
            choose("r.example/a", Some("")).unwrap(),
            "https://r.example"
        );
        assert_eq!(
            choose("alpine", Some("https://n.example:4443/")).unwrap(),
            "https://n.example:4443"
        );
        assert_eq!(
            choose("r.example/a", Some("https://n.example/sub/")).unwrap(),
            "https://n.example/sub"
        );
    }

    #[test]
    fn only_https_is_a_trust_server() {
        for bad in [
            "http://n.example",
            "n.example",
            "https://",
            "ftp://n.example",
            "https://n.example?x=1",
        ] {
            assert!(choose("alpine", Some(bad)).is_err(), "{bad}");
        }
        let error = choose("alpine", Some("https://u:secret@n.example")).unwrap_err();
        assert!(!error.text.contains("secret"), "{error}");
        assert_eq!(
            choose("alpine", Some("http://n.example")).unwrap_err().text,
            "http://n.example"
        );
    }

    #[test]
    fn the_tls_folder_is_named_after_host_and_port() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("n.example:4443");
        std::fs::create_dir(&own).unwrap();
        std::fs::write(own.join("ca.crt"), "root").unwrap();
        let server = TrustServer::parse("https://n.example:4443/sub").unwrap();
        let tls = server.tls(folder.path()).unwrap();
        assert_eq!(tls.extra_roots_pem, [b"root".to_vec()]);
        assert!(tls.system_roots && tls.insecure.is_none());
    }
}
