//! The trust server's HTTP API, as far as a client needs it.

mod error;
mod multipart;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use net::{Body, Bytes, Client, HeaderValue, Method, Request, Response, StatusCode, Url, header};
use pki::digest::Sha256;
use pki::key::{KeyType, PublicKey};
use registry::{Authenticator, CredentialSource, Scope};
use serde::Deserialize;
use tuf::limits::{MAX_METADATA_BYTES, MAX_SERVER_KEY_BYTES, MAX_TIMESTAMP_BYTES};
use tuf::{Gun, Role};

use crate::server::TrustServer;

pub use error::{RemoteError, Resource};

/// One repository on one trust server.
///
/// Nothing is asked beforehand: the first real request meets the server's challenge, connections are kept, and a
/// token is fetched once. Redirects are answers, as for the stock client.
#[derive(Debug)]
pub struct Remote {
    server: Authenticator,
    files: Url,
    scopes: [Scope; 1],
}

/// A public key as the server's key addresses give it.
#[derive(Deserialize)]
struct KeyDocument {
    keytype: String,
    keyval: KeyValue,
}

#[derive(Deserialize)]
struct KeyValue {
    /// Base64 of what its type says.
    public: String,
}

/// What a token must allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Deleting, and new keys of the server.
    Admin,
    /// Reading.
    Pull,
    /// Reading and publishing.
    PullPush,
}

impl Remote {
    /// The repository `gun` on `server`, with the login `source` of the registry. Contacts nobody.
    #[must_use]
    pub fn new(
        http: Client,
        server: &TrustServer,
        gun: &Gun,
        source: CredentialSource,
        access: Access,
    ) -> Self {
        let mut files = server.base().clone();
        let segments = ["v2"]
            .into_iter()
            .chain(gun.as_str().split('/'))
            .chain(["_trust", "tuf", ""]);
        files
            .path_segments_mut()
            .expect("an https address has a path")
            .pop_if_empty()
            .extend(segments);
        let actions = match access {
            Access::Admin => "*",
            Access::Pull => "pull",
            Access::PullPush => "pull,push",
        };
        // The name includes the registry's host, unlike in the registry's own scopes.
        let scopes = [Scope::repository(gun, actions)];
        Self {
            server: Authenticator::new(http, server.base().clone(), source),
            files,
            scopes,
        }
    }

    /// `timestamp.json`, at most 1 MiB; other current files at most 100 MiB.
    ///
    /// # Errors
    /// See [`RemoteError`].
    pub async fn current(&self, role: &Role) -> Result<Bytes, RemoteError> {
        let limit = if *role == Role::Timestamp {
            MAX_TIMESTAMP_BYTES
        } else {
            MAX_METADATA_BYTES
        };
        self.metadata(Resource::Current(role.clone()), limit).await
    }

    /// The file with this digest, of at most `length` bytes. The caller checks both.
    ///
    /// # Errors
    /// See [`RemoteError`].
    pub async fn by_hash(
        &self,
        role: &Role,
        sha256: Sha256,
        length: u64,
    ) -> Result<Bytes, RemoteError> {
        self.metadata(
            Resource::ByHash(role.clone(), sha256),
            length.min(MAX_METADATA_BYTES),
        )
        .await
    }

    /// A former root, at most 100 MiB.
    ///
    /// # Errors
    /// See [`RemoteError`].
    pub async fn root_version(&self, version: u64) -> Result<Bytes, RemoteError> {
        self.metadata(Resource::RootVersion(version), MAX_METADATA_BYTES)
            .await
    }

    /// The key that the server holds, or makes, for a role it signs: `timestamp` or `snapshot`.
    ///
    /// # Errors
    /// See [`RemoteError`].
    pub async fn server_key(&self, role: &Role) -> Result<PublicKey, RemoteError> {
        self.key(Method::GET, role).await
    }

    /// A new key for a role that the server signs; in use from the publish of a root that names it.
    ///
    /// # Errors
    /// See [`RemoteError`].
    pub async fn rotate_server_key(&self, role: &Role) -> Result<PublicKey, RemoteError> {
        self.key(Method::POST, role).await
    }

    /// Publishes these files in one request. The server stores all of them or none.
    ///
    /// # Errors
    /// See [`RemoteError`]; [`RemoteError::leaves_publish_open`] tells when nobody knows the outcome.
    pub async fn publish(&self, files: &[(Role, Bytes)]) -> Result<(), RemoteError> {
        let form = multipart::form(
            files
                .iter()
                .map(|(role, bytes)| (role.as_str(), bytes.as_ref())),
        );
        let content_type =
            HeaderValue::from_str(&form.content_type).expect("a boundary is hex digits");
        let response = self
            .send(
                Method::POST,
                Resource::Repository,
                Some((content_type, form.body)),
            )
            .await?;
        drop(response);
        Ok(())
    }

    /// Deletes the repository's metadata from the server, for everybody.
    ///
    /// # Errors
    /// See [`RemoteError`].
    pub async fn delete(&self) -> Result<(), RemoteError> {
        self.send(Method::DELETE, Resource::Repository, None)
            .await
            .map(drop)
    }

    async fn key(&self, method: Method, role: &Role) -> Result<PublicKey, RemoteError> {
        let resource = Resource::Key(role.clone());
        let response = self.send(method, resource.clone(), None).await?;
        let bytes = read(response, &resource, MAX_SERVER_KEY_BYTES).await?;
        let key: KeyDocument = serde_json::from_slice(&bytes).map_err(|_| RemoteError::Key {
            resource: resource.clone(),
        })?;
        let public = STANDARD
            .decode(key.keyval.public)
            .map_err(|_| RemoteError::Key { resource })?;
        Ok(PublicKey::new(KeyType::parse(&key.keytype), public))
    }

    async fn metadata(&self, resource: Resource, limit: u64) -> Result<Bytes, RemoteError> {
        let response = self.send(Method::GET, resource.clone(), None).await?;
        let bytes = read(response, &resource, limit).await?;
        // Valid metadata starts with a brace; what starts so is a proxy's or a login page.
        if bytes.trim_ascii_start().starts_with(b"<") {
            return Err(RemoteError::Html { resource });
        }
        Ok(bytes)
    }

    /// One request; any status but 200 is an error.
    async fn send(
        &self,
        method: Method,
        resource: Resource,
        body: Option<(HeaderValue, Bytes)>,
    ) -> Result<Response, RemoteError> {
        let url = self
            .files
            .join(&resource.to_string())
            .expect("role names and digits are a relative address");
        let sent = body.as_ref().map_or(0, |(_, bytes)| {
            u64::try_from(bytes.len()).unwrap_or(u64::MAX)
        });
        let mut request = Request::new(method, url);
        if let Some((content_type, bytes)) = body {
            request = request
                .header(header::CONTENT_TYPE, content_type)
                .body(Body::Bytes(bytes));
        }
        let response = self.server.send(request, &self.scopes).await?;
        if response.status == StatusCode::OK {
            return Ok(response);
        }
        Err(error::of(response, resource, self.server.has_credentials(), sent).await)
    }
}

async fn read(response: Response, resource: &Resource, limit: u64) -> Result<Bytes, RemoteError> {
    response
        .read_to_limit(limit)
        .await
        .map_err(|error| match error {
            net::Error::TooLarge { limit } => RemoteError::TooLarge {
                resource: resource.clone(),
                limit,
            },
            error => RemoteError::Network(error),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_of_the_stock_client() {
        let server = TrustServer::parse("https://n.example:4443/sub/").unwrap();
        let files = |gun: &str| {
            let http = Client::new(net::Config::new("test")).unwrap();
            let gun = Gun::parse(gun).unwrap();
            Remote::new(
                http,
                &server,
                &gun,
                CredentialSource::Anonymous,
                Access::Pull,
            )
            .files
            .to_string()
        };
        let base = "https://n.example:4443/sub/v2";
        assert_eq!(
            files("r.example:5000/a/b"),
            format!("{base}/r.example:5000/a/b/_trust/tuf/")
        );
        assert_eq!(
            files("a b/é?#%2f"),
            format!("{base}/a%20b/%C3%A9%3F%23%252f/_trust/tuf/")
        );

        let nested = Role::parse("targets/releases").unwrap();
        let sha256 = Sha256::of(b"");
        assert_eq!(
            Resource::Current(nested.clone()).to_string(),
            "targets/releases.json"
        );
        assert_eq!(
            Resource::ByHash(nested, sha256).to_string(),
            format!("targets/releases.{sha256}.json")
        );
        assert_eq!(Resource::RootVersion(3).to_string(), "3.root.json");
        assert_eq!(Resource::Key(Role::Snapshot).to_string(), "snapshot.key");
    }
}
