//! The people of the demo: each has a home of their own, and does what the commands do.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use jiff::Timestamp;
use keystore::{Fixed, Replace};
use oci::{Digest, Reference, Repository};
use pki::digest::Sha256;
use pki::envelope;
use pki::key::TufKeyId;
use pki::keyfile::Passphrase;
use pki::signing::SigningKey;
use registry::{CredentialSource, Registry, RegistryConfig};
use trust::{
    Access, Initialised, Remote, RemoteError, SignerName, TrustClient, TrustError, Unchanged,
};
use tuf::edit::{Editor, Lifetimes, SnapshotHolder};
use tuf::metadata::{FileMeta, Hashes};
use tuf::{Refusal, Role};

use super::DemoError;
use crate::render::signature::Reason;

/// Somebody with a trust folder and access to the registry.
pub(super) struct Person {
    name: String,
    home: PathBuf,
    host: String,
    authority: String,
    passphrase: Passphrase,
    trust: TrustClient,
    http: net::Client,
    pub(super) registry: Arc<Registry>,
}

/// An image whose tag is signed, and whose bytes in the registry are the signed ones.
pub(super) struct Verified {
    pub(super) digest: Sha256,
    pub(super) signers: Vec<String>,
}

/// Why something was refused.
pub(super) enum NotVerified {
    /// The registry does not give the image.
    Registry(registry::Error),
    /// The trust server refuses.
    Remote(RemoteError),
    /// The registry has another image under the tag.
    TagMoved {
        signed: Sha256,
        found: Digest,
        signers: Vec<String>,
    },
    /// Content trust refuses.
    Trust(TrustError),
    /// There is no signature as demanded.
    Unsigned(Reason),
}

impl NotVerified {
    /// Why metadata was refused, if it was.
    pub(super) fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Trust(error) => error.refusal(),
            _ => None,
        }
    }

    /// Why there is no signature as demanded, if that is it.
    pub(super) fn code(&self) -> Option<&'static str> {
        match self {
            Self::Unsigned(reason) => Some(reason.code),
            _ => None,
        }
    }
}

impl Person {
    pub(super) fn new(
        name: &str,
        folder: &Path,
        host: &str,
        authority: &str,
    ) -> Result<Self, DemoError> {
        let home = folder.join(name);
        let tls_folder = home.join("tls");
        let roots = tls_folder.join(host);
        std::fs::create_dir_all(&roots)?;
        std::fs::write(roots.join("ca.crt"), authority)?;
        let mut http = net::Config::new(concat!("countersign/", env!("CARGO_PKG_VERSION")));
        http.tls = net::Tls {
            extra_roots_pem: vec![authority.as_bytes().to_vec()],
            ..net::Tls::default()
        };
        let trust = TrustClient::new(trust::Config::new(
            home.join("trust"),
            tls_folder,
            http.clone(),
        ));
        let client = net::Client::new(http)?;
        let config = RegistryConfig::new(host.to_owned(), CredentialSource::Anonymous);
        Ok(Self {
            name: name.to_owned(),
            home,
            host: host.to_owned(),
            authority: authority.to_owned(),
            passphrase: envelope::random_passphrase()?,
            trust,
            registry: Arc::new(Registry::new(client.clone(), config)),
            http: client,
        })
    }

    /// Somebody like this one who has seen nothing yet.
    pub(super) fn newcomer(&self) -> Result<Self, DemoError> {
        let folder = self.home.parent().unwrap_or(&self.home);
        Self::new(
            &format!("{}-new", self.name),
            folder,
            &self.host,
            &self.authority,
        )
    }

    /// `trust key generate`.
    pub(super) fn make_key(&self, role: &str) -> Result<SigningKey, DemoError> {
        let key = SigningKey::generate_ecdsa_p256()?;
        let keys = self.trust.keys();
        let lock = keys.lock(Duration::from_secs(1))?;
        keys.save(&lock, &key, &self.passphrase, role, None, Replace::IfSame)?;
        Ok(key)
    }

    /// `trust signer add` for a repository that does not exist yet.
    pub(super) async fn add_signer(
        &self,
        repository: &Repository,
        signer: &str,
        key: &SigningKey,
        now: Timestamp,
    ) -> Result<Initialised, DemoError> {
        let name = SignerName::parse(signer).map_err(TrustError::from)?;
        let (mut passphrases, mut observer) = (self.passphrases(), ());
        let mut session = self.trust.session(&mut passphrases, &mut observer, now);
        let repository = self.trust.repository(repository)?;
        let keys = [key.public_key().clone()];
        let published = repository.add_signer(&name, &keys, &mut session).await?;
        let gun = repository.gun().clone();
        Ok(published
            .initialised
            .ok_or(TrustError::AlreadyInitialised { gun })?)
    }

    /// `trust sign`.
    pub(super) async fn sign(&self, image: &Reference, now: Timestamp) -> Result<(), DemoError> {
        let resolved = self.registry.resolve(image).await?;
        let tag = image.tag().cloned().unwrap_or_else(oci::Tag::latest);
        let (mut passphrases, mut observer) = (self.passphrases(), ());
        let mut session = self.trust.session(&mut passphrases, &mut observer, now);
        let repository = self.trust.repository(image.repository())?;
        repository
            .sign(&[(tag, resolved)], Unchanged::Resign, &mut session)
            .await?;
        Ok(())
    }

    /// `trust revoke`.
    pub(super) async fn revoke(&self, image: &Reference, now: Timestamp) -> Result<(), DemoError> {
        let (mut passphrases, mut observer) = (self.passphrases(), ());
        let mut session = self.trust.session(&mut passphrases, &mut observer, now);
        self.trust
            .repository(image.repository())?
            .revoke(image.tag(), &mut session)
            .await?;
        Ok(())
    }

    /// What a trusted pull does: the tag's signed digest, and whether that is what the registry gives.
    pub(super) async fn verify(
        &self,
        image: &Reference,
        now: Timestamp,
    ) -> Result<Verified, NotVerified> {
        let tag = image.tag().cloned().unwrap_or_else(oci::Tag::latest);
        let repository = self
            .trust
            .repository(image.repository())
            .map_err(NotVerified::Trust)?;
        let target = repository
            .resolve(&tag, now)
            .await
            .map_err(NotVerified::Trust)?;
        let inspection = repository
            .inspect(Some(&tag), now)
            .await
            .map_err(NotVerified::Trust)?;
        let found = self
            .registry
            .resolve(image)
            .await
            .map_err(NotVerified::Registry)?;
        let signers = inspection
            .tags
            .into_iter()
            .next()
            .map(|tag| tag.signers)
            .unwrap_or_default();
        match target.sha256() {
            Some(digest) if Digest::Sha256(digest) == found.manifest_digest() => {
                Ok(Verified { digest, signers })
            }
            signed => Err(NotVerified::TagMoved {
                // A resolved target has one.
                signed: signed.unwrap_or_else(|| Sha256::from_bytes([0; 32])),
                found: found.manifest_digest(),
                signers,
            }),
        }
    }

    /// A file of this person's cache, as the server gave it.
    pub(super) fn cached(&self, repository: &Repository, role: &Role) -> Result<Bytes, DemoError> {
        let repository = self.trust.repository(repository)?;
        let file = repository.cache().read(role).map_err(TrustError::from)?;
        let (server, gun) = (repository.server().host(), repository.gun().clone());
        Ok(file.ok_or(TrustError::NotInitialised { server, gun })?)
    }

    /// A file of `role` that releases an image of one's own under `tag`: everything is as it must be, and the
    /// signature bears the id of the right key, but another key made it.
    pub(super) async fn forge(
        &self,
        repository: &Repository,
        role: &Role,
        tag: &str,
        now: Timestamp,
    ) -> Result<Bytes, DemoError> {
        let own = SigningKey::generate_ecdsa_p256()?;
        let trusted = self.trust.repository(repository)?.update(now).await?;
        let mut editor = Editor::from_trusted(&trusted);
        let digest = Sha256::of(b"an image that nobody signed");
        if let Some(meta) = FileMeta::new(523, Hashes::new(Some(digest), None), None) {
            editor.add_target(role, tag, meta)?;
        }
        let signing = editor.sign(SnapshotHolder::Server, &Lifetimes::default(), now)?;
        let mut forged = Bytes::new();
        for job in signing.jobs().iter().filter(|job| job.role() == role) {
            let claimed: Option<TufKeyId> = job.keys().next().map(|(id, _)| id);
            let signature = own.sign(job.payload())?;
            let payload = String::from_utf8_lossy(job.payload());
            let (id, method) = (
                claimed.map(|id| id.to_string()).unwrap_or_default(),
                signature.method.as_str(),
            );
            let text = STANDARD.encode(&signature.bytes);
            forged = format!(
                r#"{{"signed":{payload},"signatures":[{{"keyid":"{id}","method":"{method}","sig":"{text}"}}]}}"#
            )
            .into();
        }
        Ok(forged)
    }

    /// Sends a file to the trust server, as anybody can.
    pub(super) async fn upload(
        &self,
        repository: &Repository,
        role: &Role,
        file: &Bytes,
    ) -> Result<(), NotVerified> {
        let repository = self
            .trust
            .repository(repository)
            .map_err(NotVerified::Trust)?;
        let remote = Remote::new(
            self.http.clone(),
            repository.server(),
            repository.gun(),
            CredentialSource::Anonymous,
            Access::PullPush,
        );
        remote
            .publish(&[(role.clone(), file.clone())])
            .await
            .map_err(NotVerified::Remote)
    }

    fn passphrases(&self) -> Fixed {
        Fixed::new().otherwise(self.passphrase.clone())
    }
}
