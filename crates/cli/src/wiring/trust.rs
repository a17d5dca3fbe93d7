//! Content trust for the commands: [`trust::TrustClient`] and [`registry::Registry`] behind [`TrustOps`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use oci::{Digest, MediaType, Reference, Repository, Tag};
use pki::key::CanonicalKeyId;
use registry::ResolvedImage;
use registry::{
    ConfigError, ConfigSources, CredentialSource, Credentials, DockerConfig, HostTls, Registry,
    RegistryConfig,
};
use trust::{
    Event, FirstSigner, Inspection, Observer, RoleExpiry, SignedTag, SignerName, TrustClient,
    TrustError, Unchanged,
};
use tuf::Role;

use super::refusals;
use super::runtime::Runtime;
use crate::docker_config;
use crate::env;
use crate::input::InputError;
use crate::personas::docker_trust::ops::{
    AddSigner, AddSignerEvent, Refusal, RemoveSigner, Revoke, SignEvent, SignRequest, SignSource,
    TrustOps,
};
use crate::personas::docker_trust::passphrases::{self, MAX_ATTEMPTS, UserPassphrases};
use crate::process::Process;
use crate::render::inspect::{RepositoryTrust, SignerView, TagView};
use crate::render::printable::printable;
use crate::session::{Globals, Session};

/// Tags looked up in the registry at the same time.
const LOOKUPS: usize = 32;

/// Where docker's daemon keeps roots and client certificates of registries.
pub(super) const DAEMON_CERTIFICATES: &str = "/etc/docker/certs.d";

/// Content trust for the user of one command.
pub(super) struct Client<'s> {
    pub(super) process: &'s Process,
    pub(super) globals: &'s Globals,
    /// docker's configuration folder.
    pub(super) folder: PathBuf,
    pub(super) trust: TrustClient,
    pub(super) logins: Arc<DockerConfig>,
    pub(super) tls_folder: PathBuf,
    pub(super) http: net::Config,
    pub(super) runtime: Runtime,
}

impl<'s> Client<'s> {
    /// Reads docker's configuration; contacts nobody.
    pub(super) fn new(session: &'s Session<'_>) -> Result<Self, Refusal> {
        let process = session.process;
        let folder = docker_config::folder(session).ok_or(Refusal::NoConfigFolder)?;
        let sources = ConfigSources {
            dir: folder.clone(),
            auth_config: process
                .var(env::AUTH_CONFIG.name)
                .map(|text| text.to_owned().into()),
            search_path: process.search_path().into(),
        };
        let logins = Arc::new(DockerConfig::read(&sources).map_err(refusals::config)?);
        let mut http = net::Config::new(concat!("countersign/", env!("CARGO_PKG_VERSION")));
        http.proxies = proxies(process);
        let tls_folder = folder.join("tls");
        let mut config = trust::Config::new(folder.join("trust"), tls_folder.clone(), http.clone());
        config.server = process
            .var(env::CONTENT_TRUST_SERVER.name)
            .map(str::to_owned);
        config.logins = Some(logins.clone());
        config.passphrase_attempts = MAX_ATTEMPTS;
        let runtime = Runtime::new().map_err(|source| Refusal::Folder {
            path: folder.clone(),
            action: "start work with",
            source,
        })?;
        Ok(Self {
            process,
            globals: session.globals,
            folder,
            trust: TrustClient::new(config),
            logins,
            tls_folder,
            http,
            runtime,
        })
    }

    pub(super) fn repository(&self, name: &Repository) -> Result<trust::Repository<'_>, Refusal> {
        self.trust
            .repository(name)
            .map_err(|error| self.refusal(name, error))
    }

    pub(super) fn registry(&self, name: &Repository) -> Result<Registry, Refusal> {
        let tls = registry_tls(Some(&self.tls_folder), name.host()).map_err(refusals::config)?;
        let client = net::Client::new(net::Config {
            tls,
            ..self.http.clone()
        })
        .map_err(|error| Refusal::Registry {
            host: name.host().to_owned(),
            problem: error.to_string(),
            authority: None,
        })?;
        let config = RegistryConfig::new(
            name.request_host().to_owned(),
            CredentialSource::docker(self.logins.clone(), name),
        );
        Ok(Registry::new(client, config))
    }

    /// The refusal for an error about a repository, with who asked for it where that matters.
    pub(super) fn refusal(&self, name: &Repository, error: TrustError) -> Refusal {
        let refused_login = error.remote().is_some_and(|remote| {
            matches!(
                remote,
                trust::RemoteError::Unauthorized {
                    credentials: true,
                    ..
                } | trust::RemoteError::Forbidden { .. }
            )
        });
        let user = if refused_login { self.user(name) } else { None };
        let server = self
            .trust
            .repository(name)
            .map(|repository| repository.server().host())
            .unwrap_or_default();
        let place = refusals::Place {
            gun: name.gun(),
            authority: self.tls_folder.join(&server).join("ca.crt"),
            server,
            keys: self.trust.keys().private(),
            signal: self.process.caught_signal(),
            user,
        };
        refusals::trust(place, error, |id| self.passphrase_variable(id))
    }

    /// The variable that the passphrase of a key comes from, if it is set.
    fn passphrase_variable(&self, id: Option<&CanonicalKeyId>) -> Option<&'static str> {
        let stored = id.and_then(|id| self.trust.keys().find(id).ok().flatten());
        let variable = passphrases::variable(&stored.map(|stored| stored.role).unwrap_or_default());
        self.process.var(variable.name).map(|_| variable.name)
    }

    fn user(&self, name: &Repository) -> Option<String> {
        let login = CredentialSource::docker(self.logins.clone(), name);
        match self.runtime.block_on(login.find()) {
            Ok(Some(Credentials::Password { username, .. })) => Some(username),
            _ => None,
        }
    }

    pub(super) fn warn_expiring(&self, gun: &str, expiring: &[RoleExpiry]) {
        for entry in expiring {
            self.process.err(format_args!(
                "warning: {} of {gun} expires at {}; sign and publish again before\n",
                entry.role,
                entry.expires.unix_date()
            ));
        }
    }

    /// The images of tags that are signed already, or are in the registry.
    async fn images(
        &self,
        request: &SignRequest,
        tags: &[&Tag],
        signed: &BTreeMap<String, SignedTag>,
        report: &mut dyn FnMut(SignEvent),
    ) -> Result<Vec<(Tag, ResolvedImage)>, Refusal> {
        let registry = self.registry(&request.repository)?;
        let lookups = stream::iter(tags).map(async |&tag| {
            if let Some(existing) = signed.get(tag.as_str())
                && let Some(digest) = existing.digest
            {
                let image = ResolvedImage::assertion(
                    request.repository.clone(),
                    Digest::Sha256(digest),
                    existing.length,
                    MediaType::DOCKER_MANIFEST,
                );
                return Ok::<_, Refusal>((tag.clone(), image, Some(existing.signers.clone())));
            }
            let (by_tag, by_digest) = match request.source {
                SignSource::Digest(digest) => (None, Some(digest)),
                _ => (Some(tag.clone()), None),
            };
            let reference = Reference::new(request.repository.clone(), by_tag, by_digest);
            let found = registry.resolve(&reference).await;
            let image = found.map_err(|error| refusals::registry(&reference, error))?;
            Ok((tag.clone(), image, None))
        });
        let mut lookups = lookups.buffered(LOOKUPS);
        let mut images = Vec::with_capacity(tags.len());
        while let Some((tag, image, signers)) = lookups.try_next().await? {
            let digest = image.manifest_digest();
            report(match signers {
                Some(signers) => SignEvent::Existing {
                    tag: tag.clone(),
                    digest,
                    signers,
                },
                None => SignEvent::Resolved {
                    tag: tag.clone(),
                    digest,
                    size: image.size(),
                },
            });
            images.push((tag, image));
        }
        Ok(images)
    }
}

impl TrustOps for Client<'_> {
    fn inspect(&mut self, images: &[Reference]) -> Vec<Result<RepositoryTrust, Refusal>> {
        let answers = self
            .runtime
            .block_on(self.trust.inspect(images, self.process.now()));
        let pairs = images.iter().zip(answers);
        pairs
            .map(|(image, answer)| match answer {
                Ok(inspection) => {
                    for (role, refusal) in &inspection.skipped {
                        let reason = refusal.to_string();
                        self.process.err(format_args!(
                            "warning: signatures of {role} in {} do not count: {}\n",
                            inspection.gun,
                            printable(&reason)
                        ));
                    }
                    Ok(view(inspection))
                }
                Err(error) => Err(self.refusal(image.repository(), error)),
            })
            .collect()
    }

    fn sign(
        &mut self,
        request: &SignRequest,
        report: &mut dyn FnMut(SignEvent),
    ) -> Result<(), Refusal> {
        let name = &request.repository;
        let repository = self.repository(name)?;
        let now = self.process.now();
        let mut held_back = Vec::new();
        let mut passphrases = UserPassphrases::new(self.process);
        let mut observer = ();
        let mut session = self.trust.session(&mut passphrases, &mut observer, now);
        let images = self.runtime.block_on(async {
            let (signed, is_new) = match repository.signed(&request.tags, now).await {
                Ok(_) if request.source != SignSource::Usual => (BTreeMap::new(), false),
                Ok(signed) => (released(signed), false),
                Err(error) if error.is_not_initialised() => (BTreeMap::new(), true),
                Err(error) => return Err(Failed::Trust(error)),
            };
            let unsigned = request
                .tags
                .iter()
                .filter(|tag| !signed.contains_key(tag.as_str()));
            let is_local = request.source == SignSource::Local;
            let (engine, local) = match request.source {
                SignSource::Digest(_) => (None, Vec::new()),
                _ => self.local_of(name, unsigned, is_local).await?,
            };
            let tags: Vec<_> = request
                .tags
                .iter()
                .filter(|tag| !local.iter().any(|local| local.is_of(tag)))
                .collect();
            // A new repository is announced before its tags, and only when it is there.
            let mut tell = |event| {
                if is_new {
                    held_back.push(event)
                } else {
                    report(event)
                }
            };
            let mut images = self.images(request, &tags, &signed, &mut tell).await?;
            if let Some(engine) = engine {
                repository
                    .rehearse_signing(&request.tags, FirstSigner::User, &mut session)
                    .await
                    .map_err(Failed::Trust)?;
                images.extend(self.push_local(&engine, name, local, report).await?);
            }
            Ok(images)
        });
        let images = images.map_err(|failed| self.failed(&request.repository, failed))?;
        session.set_now(self.process.now());
        let outcome =
            self.runtime
                .block_on(repository.sign(&images, Unchanged::Resign, &mut session));
        let published = outcome.map_err(|error| self.refusal(&request.repository, error))?;
        if let Some(initialised) = published.initialised {
            if let Some(name) = initialised.signer {
                report(SignEvent::SignerCreated { name });
            }
            report(SignEvent::Initialized);
        }
        held_back.into_iter().for_each(report);
        self.warn_expiring(&request.repository.gun(), &published.expiring);
        Ok(())
    }

    fn add_signer(
        &mut self,
        request: &AddSigner,
        report: &mut (dyn FnMut(AddSignerEvent) + Send),
    ) -> Result<(), Refusal> {
        let refused = |error| self.refusal(&request.repository, error);
        let name = SignerName::parse(&request.name).map_err(|error| refused(error.into()))?;
        let repository = self.repository(&request.repository)?;
        let mut passphrases = UserPassphrases::new(self.process);
        let mut observer = Announce {
            report: &mut *report,
        };
        let mut session = self
            .trust
            .session(&mut passphrases, &mut observer, self.process.now());
        let outcome =
            self.runtime
                .block_on(repository.add_signer(&name, &request.keys, &mut session));
        let published = outcome.map_err(refused)?;
        if published.initialised.is_some() {
            report(AddSignerEvent::Initialized);
        }
        self.warn_expiring(&request.repository.gun(), &published.expiring);
        Ok(())
    }

    fn remove_signer(
        &mut self,
        request: &RemoveSigner,
        may_break: &mut dyn FnMut() -> Result<bool, InputError>,
    ) -> Result<(), Refusal> {
        let refused = |error| self.refusal(&request.repository, error);
        let no_such = |_| Refusal::NoSuchSigner {
            name: request.name.clone(),
            repository: request.repository.gun(),
        };
        let name = SignerName::parse(&request.name).map_err(no_such)?;
        let repository = self.repository(&request.repository)?;
        let mut passphrases = UserPassphrases::new(self.process);
        let mut observer = ();
        let mut session = self
            .trust
            .session(&mut passphrases, &mut observer, self.process.now());
        let mut remove = |force| {
            self.runtime
                .block_on(repository.remove_signer(&name, force, &mut session))
        };
        let outcome = match remove(request.force) {
            Err(TrustError::LastSigner { .. }) => {
                if !may_break()? {
                    return Err(Refusal::Declined);
                }
                remove(true)
            }
            outcome => outcome,
        };
        let published = outcome.map_err(refused)?;
        if published.outcome.releases_broken {
            self.process.err(
                "warning: role targets/releases has fewer keys than its threshold of 1; it will not be usable until \
                 a signer is added\n",
            );
        }
        Ok(())
    }

    fn revoke(&mut self, repository: &Repository, what: &Revoke) -> Result<(), Refusal> {
        let known = self.repository(repository)?;
        let mut passphrases = UserPassphrases::new(self.process);
        let mut observer = ();
        let mut session = self
            .trust
            .session(&mut passphrases, &mut observer, self.process.now());
        let tag = match what {
            Revoke::Tag(tag) => Some(tag),
            Revoke::All => None,
        };
        let outcome = self.runtime.block_on(known.revoke(tag, &mut session));
        let published = outcome.map_err(|error| self.refusal(repository, error))?;
        for role in &published.outcome.remaining {
            self.process.err(format_args!(
                "warning: {role} still names what was revoked, because its keys are not here; it is not released\n"
            ));
        }
        Ok(())
    }
}

/// Where a step of signing failed.
enum Failed {
    Refusal(Refusal),
    Trust(TrustError),
}

impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(refusal)
    }
}

impl Client<'_> {
    fn failed(&self, name: &Repository, failed: Failed) -> Refusal {
        match failed {
            Failed::Refusal(refusal) => refusal,
            Failed::Trust(error) => self.refusal(name, error),
        }
    }
}

/// Tells that a repository is being initialised before the prompts for its keys, as docker does.
struct Announce<'a> {
    report: &'a mut (dyn FnMut(AddSignerEvent) + Send),
}

impl Observer for Announce<'_> {
    fn event(&mut self, event: Event<'_>) {
        if matches!(event, Event::Initialising { .. }) {
            (self.report)(AddSignerEvent::Initializing);
        }
    }
}

/// The tags as a trusted pull would take them.
fn released(signed: Vec<SignedTag>) -> BTreeMap<String, SignedTag> {
    let mut tags: BTreeMap<String, SignedTag> = BTreeMap::new();
    for tag in signed.into_iter().filter(|tag| tag.digest.is_some()) {
        let known = tags.get(&tag.tag);
        // Where the two released roles disagree, the delegated one counts.
        if known.is_none_or(|known| known.released_in == Role::Targets) {
            tags.insert(tag.tag.clone(), tag);
        }
    }
    tags
}

fn view(inspection: Inspection) -> RepositoryTrust {
    let tags = inspection.tags.into_iter().filter_map(|tag| {
        let digest = tag.digest?.to_string();
        Some(TagView {
            tag: tag.tag,
            digest,
            signers: tag.signers,
        })
    });
    let signers = inspection.signers.into_iter().map(|signer| SignerView {
        name: signer.name,
        keys: signer.keys.iter().map(ToString::to_string).collect(),
    });
    RepositoryTrust {
        tags: tags.collect(),
        signers: signers.collect(),
        root_keys: inspection
            .root_keys
            .iter()
            .map(ToString::to_string)
            .collect(),
        repository_keys: inspection
            .repository_keys
            .iter()
            .map(ToString::to_string)
            .collect(),
    }
}

/// How to reach a registry, by docker's folders: the daemon's, and `tls` of the configuration.
///
/// # Errors
/// A file there cannot be used.
pub(super) fn registry_tls(configured: Option<&Path>, host: &str) -> Result<net::Tls, ConfigError> {
    let mut tls = HostTls::read(Path::new(DAEMON_CERTIFICATES), host)?.into_tls(true);
    if let Some(folder) = configured {
        let own = HostTls::read(folder, host)?;
        tls.extra_roots_pem.extend(own.roots_pem);
        tls.client_identity = tls.client_identity.or(own.client_identity);
    }
    Ok(tls)
}

/// The proxies of the environment, in Go's order of names.
pub(super) fn proxies(process: &Process) -> net::Proxies {
    let first = |upper: &str, lower: &str| {
        [upper, lower]
            .into_iter()
            .find_map(|name| process.var(name))
            .map(str::to_owned)
    };
    net::Proxies {
        https: first("HTTPS_PROXY", "https_proxy"),
        http: first("HTTP_PROXY", "http_proxy"),
        exceptions: first("NO_PROXY", "no_proxy"),
    }
}
