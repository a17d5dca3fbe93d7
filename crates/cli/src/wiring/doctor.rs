//! `doctor`: docker's version, and what trust servers answer.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use oci::Reference;
use pki::certificate::CertificateBundle;
use pki::key::{CanonicalKeyId, PublicKey};
use trust::{Remote, RemoteError, TrustServer};
use tuf::trusted::TargetsTrusted;
use tuf::{Expiry, Gun, Role};

use super::refusals;
use super::trust::Client;
use crate::personas::docker_trust::error::Context;
use crate::personas::docker_trust::ops::Refusal;
use crate::personas::native::doctor::facts::{Role as RoleFacts, RoleKey, Server};
use crate::personas::native::doctor::{DoctorOps, Examined};

/// How long docker may take to say its version; its engine may be far away, and is asked too.
const PATIENCE: Duration = Duration::from_secs(5);
/// A repository that nobody has, to see how a server says so.
const NOBODYS: &str = "countersign-doctor";

impl DoctorOps for Client<'_> {
    fn docker_version(&mut self, path: &Path) -> Result<String, String> {
        let mut command = tokio::process::Command::new(path);
        command
            .args(["version", "--format", "{{.Client.Version}}"])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let output = self
            .runtime
            .block_on(async { tokio::time::timeout(PATIENCE, command.output()).await })
            .map_err(|_| format!("no answer within {} seconds", PATIENCE.as_secs()))?
            .map_err(|error| error.to_string())?;
        // Without an engine it fails after it said its own version.
        let said = String::from_utf8_lossy(&output.stdout);
        let version = said.lines().next().unwrap_or_default().trim();
        if version.starts_with(|first: char| first.is_ascii_digit()) {
            Ok(version.to_owned())
        } else {
            Err(format!("it said {version:?}"))
        }
    }

    fn ask(&mut self, address: &str) -> Server {
        let problem = self.problem_of(address).err();
        Server {
            address: address.to_owned(),
            answers: problem.is_none(),
            problem,
        }
    }

    fn examine(&mut self, image: &Reference) -> Result<Examined, Refusal> {
        let name = image.repository();
        let repository = self.repository(name)?;
        let trusted = self
            .runtime
            .block_on(repository.update(self.process.now()))
            .map_err(|error| self.refusal(name, error))?;
        let digest = match image.tag() {
            Some(tag) => self.signed_digest(&repository, tag),
            None => None,
        };
        let skipped = trusted.skipped().iter().map(|(role, skipped)| {
            format!("signatures of {role} do not count: {}", skipped.refusal)
        });
        Ok(Examined {
            digest,
            skipped: skipped.collect(),
            roles: self.roles(&trusted),
        })
    }
}

impl Client<'_> {
    /// What a trusted pull would take; asked a moment after the update, it costs one small request.
    fn signed_digest(&self, repository: &trust::Repository<'_>, tag: &oci::Tag) -> Option<String> {
        let resolved = self
            .runtime
            .block_on(repository.resolve(tag, self.process.now()));
        let sha256 = resolved.ok()?.sha256()?;
        Some(format!("sha256:{sha256}"))
    }

    /// Why a server does not answer as a trust server does.
    fn problem_of(&self, address: &str) -> Result<(), String> {
        let text = |refusal: Refusal| Context::None.explain(&refusal);
        let server = TrustServer::parse(address)
            .map_err(|error| text(Refusal::ServerAddress { found: error.text }))?;
        let tls = server
            .tls(&self.tls_folder)
            .map_err(|error| text(refusals::config(error)))?;
        let http = net::Client::new(net::Config {
            tls,
            ..self.http.clone()
        })
        .map_err(|error| error.to_string())?;
        let gun = Gun::parse(NOBODYS).map_err(|error| error.to_string())?;
        let remote = Remote::new(
            http,
            &server,
            &gun,
            registry::CredentialSource::Anonymous,
            trust::Access::Pull,
        );
        match self.runtime.block_on(remote.current(&Role::Timestamp)) {
            // It is there, and says no as it should.
            Ok(_)
            | Err(
                RemoteError::NotFound { .. }
                | RemoteError::Unauthorized { .. }
                | RemoteError::Forbidden { .. }
                | RemoteError::Token(_),
            ) => Ok(()),
            Err(error) => {
                let place = refusals::Place {
                    gun: NOBODYS.to_owned(),
                    authority: self.tls_folder.join(server.host()).join("ca.crt"),
                    server: server.host(),
                    keys: self.trust.keys().private(),
                    signal: None,
                    user: None,
                };
                Err(text(refusals::trust(place, error.into(), |_| None)))
            }
        }
    }

    fn roles(&self, trusted: &TargetsTrusted) -> Vec<RoleFacts> {
        let root = trusted.snapshot().root();
        let snapshot = trusted.snapshot();
        let top = [
            (Role::Root, Some(root.file().expires())),
            (
                Role::Targets,
                trusted.file(&Role::Targets).map(|file| file.expires()),
            ),
            (Role::Snapshot, Some(snapshot.snapshot().expires())),
            (Role::Timestamp, Some(snapshot.timestamp().expires())),
        ];
        let mut roles: Vec<RoleFacts> = top
            .into_iter()
            .map(|(role, expires)| {
                let keys = root.keys_of(&role).map(|(_, key)| self.key(key)).collect();
                facts(&role, expires, keys)
            })
            .collect();
        for delegated in trusted.delegated_roles() {
            let role = delegated.delegation.name.clone().into();
            let keys = delegated.keys.iter().map(|key| self.key(key)).collect();
            let expires = trusted.file(&role).map(|file| file.expires());
            roles.push(facts(&role, expires, keys));
        }
        roles
    }

    fn key(&self, key: &PublicKey) -> RoleKey {
        let id = key
            .canonical_id()
            .unwrap_or_else(|_| CanonicalKeyId::from_bytes(*key.tuf_id().as_bytes()));
        let certificate = key
            .key_type()
            .is_x509()
            .then(|| CertificateBundle::parse_pem(key.public_bytes()).ok())
            .flatten();
        RoleKey {
            id: id.to_string(),
            held: matches!(self.trust.keys().find(&id), Ok(Some(_))),
            certificate_ends: certificate.map(|bundle| bundle.leaf().not_after().to_string()),
        }
    }
}

fn facts(role: &Role, expires: Option<&Expiry>, keys: Vec<RoleKey>) -> RoleFacts {
    RoleFacts {
        role: role.to_string(),
        expires: expires.map(|expires| expires.at().to_string()),
        keys,
    }
}
