//! docker's own commands: [`engine::Engine`], [`registry::Registry`] and [`trust::TrustClient`] behind [`DockerOps`].

use dockerfile::Heredocs;
use engine::{
    ApiVersion, Aux, Config, Endpoint, Engine, Event, Image, ImageName, Pushed, RegistryAuth,
    Sources, TlsMode, TlsSources,
};
use oci::manifest::Content;
use oci::{Digest, Platform, Reference, Repository, Tag};
use registry::{CredentialSource, Credentials, Registry, ResolvedImage};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use trust::{FirstSigner, Unchanged};

use super::refusals;
use super::trust::Client;
use crate::env;
use crate::personas::docker::ops::{
    DockerOps, EngineBuilder, PushEvent, PushRequest, PushedDiffers, Refusal,
};
use crate::personas::docker::progress;
use crate::personas::docker_trust::ops::{Refusal as TrustRefusal, SignEvent};
use crate::personas::docker_trust::passphrases::UserPassphrases;

/// The first major version of the engine whose BuildKit knows here-documents without a `# syntax=` line.
const KNOWS_HEREDOCS: u32 = 23;

/// An image as the engine has it, before it is pushed.
pub(super) struct Local {
    tag: Tag,
    image: Image,
}

/// The engine replaced an index by one of its manifests: it has no other (containerd store).
#[derive(Default)]
struct Replaced {
    pairs: Vec<(Digest, Digest)>,
}

impl Client<'_> {
    /// The engine that the user's docker would talk to.
    pub(super) async fn engine(&self) -> Result<Engine, Refusal> {
        let endpoint = self.endpoint()?;
        let mut config = Config::default();
        if let Some(text) = self.process.var(env::DOCKER_API_VERSION.name) {
            let version = text.parse::<ApiVersion>();
            config.api_version = Some(version.map_err(|_| Refusal::ApiVersion {
                found: text.to_owned(),
            })?);
        }
        Ok(Engine::connect(endpoint, config).await?)
    }

    fn endpoint(&self) -> Result<Endpoint, Refusal> {
        let process = self.process;
        let resolve =
            |path: &Option<std::path::PathBuf>| path.as_deref().map(|path| process.resolve(path));
        let tls = &self.globals.tls;
        let (ca, certificate, key) = (
            resolve(&tls.ca),
            resolve(&tls.certificate),
            resolve(&tls.key),
        );
        let set = |variable: env::Variable| process.var(variable.name).is_some();
        let mode = match (tls.verify, tls.on) {
            (Some(true), _) => TlsMode::Verified,
            (Some(false), _) => TlsMode::Unverified,
            (None, _) if set(env::DOCKER_TLS_VERIFY) => TlsMode::Verified,
            (None, Some(true)) => TlsMode::Unverified,
            (None, None) if set(env::DOCKER_TLS) => TlsMode::Unverified,
            (None, _) => TlsMode::Off,
        };
        let sources = Sources {
            host_flag: self.globals.hosts.last().map(String::as_str),
            context_flag: self.globals.context.as_deref(),
            docker_host: process.var(env::DOCKER_HOST.name),
            docker_context: process.var(env::DOCKER_CONTEXT.name),
            config_dir: Some(&self.folder),
            tls: TlsSources {
                mode,
                cert_path: process.path_var(env::DOCKER_CERT_PATH.name),
                ca_file: ca.as_deref(),
                cert_file: certificate.as_deref(),
                key_file: key.as_deref(),
            },
        };
        Ok(Endpoint::choose(&sources)?)
    }

    /// The user's login, for the engine to use at the registry.
    pub(super) async fn engine_login(&self, name: &Repository) -> Result<RegistryAuth, Refusal> {
        let source = CredentialSource::docker(self.logins.clone(), name);
        let server = match &source {
            CredentialSource::Docker { key, .. } => key.clone(),
            _ => name.host().to_owned(),
        };
        let reference = Reference::new(name.clone(), None, None);
        let found = source.find().await;
        let found = found.map_err(|error| refusals::registry(&reference, error))?;
        Ok(match found {
            // Docker's configuration holds no registry token.
            None | Some(Credentials::RegistryToken { .. }) => RegistryAuth::Anonymous,
            Some(Credentials::IdentityToken { token }) => {
                RegistryAuth::IdentityToken { server, token }
            }
            Some(Credentials::Password { username, password }) => RegistryAuth::Password {
                server,
                username,
                password,
            },
        })
    }

    /// The images to push, before anything happens.
    pub(super) async fn local(
        &self,
        engine: &Engine,
        repository: &Repository,
        tag: Option<&Tag>,
    ) -> Result<Vec<Local>, Refusal> {
        let missing = || Refusal::NoLocalImage {
            name: repository.familiar(),
        };
        let tags = match tag {
            Some(tag) => vec![tag.clone()],
            None => engine.tags(repository).await?,
        };
        if tags.is_empty() {
            return Err(missing());
        }
        let mut found = Vec::with_capacity(tags.len());
        for tag in tags {
            let name = Reference::new(repository.clone(), Some(tag.clone()), None);
            match engine.image(&ImageName::from(&name)).await {
                Ok(image) => found.push(Local { tag, image }),
                Err(engine::Error::NotFound { .. }) => return Err(missing()),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(found)
    }

    /// Pushes the images and finds them in the registry, as they were here.
    pub(super) async fn push_all(
        &self,
        engine: &Engine,
        registry: &Registry,
        repository: &Repository,
        images: Vec<Local>,
        report: &mut (dyn FnMut(&Event) + Send),
    ) -> Result<Vec<(Tag, ResolvedImage)>, Refusal> {
        let login = self.engine_login(repository).await?;
        let mut found = Vec::with_capacity(images.len());
        let mut announced = false;
        for local in images {
            let mut replaced = Replaced::default();
            let pushed = engine
                .push(repository, &local.tag, &login, &mut |event| {
                    replaced.note(event);
                    if !(announced && is_announcement(event)) {
                        report(event);
                    }
                    announced |= is_announcement(event);
                })
                .await?;
            let image = check_pushed(registry, repository, &local, &pushed, &replaced).await?;
            found.push((local.tag, image));
        }
        Ok(found)
    }

    /// Those of the tags that the engine has, and the engine if it has any. Who has no engine signs what is in the
    /// registry, unless the engine's image is asked for.
    pub(super) async fn local_of<'t>(
        &self,
        repository: &Repository,
        tags: impl Iterator<Item = &'t Tag>,
        required: bool,
    ) -> Result<(Option<Engine>, Vec<Local>), TrustRefusal> {
        let refused = |refusal| TrustRefusal::Engine(Box::new(refusal));
        let mut found = Vec::new();
        let mut tags = tags.peekable();
        if tags.peek().is_none() {
            return Ok((None, found));
        }
        let engine = match self.engine().await {
            Ok(engine) => engine,
            Err(error) if required => return Err(refused(error)),
            Err(error) => {
                tracing::debug!(%error, "no engine; tags are signed as the registry has them");
                return Ok((None, found));
            }
        };
        let here = engine.tags(repository).await;
        let here = here.map_err(|error| refused(error.into()))?;
        for tag in tags {
            if here.contains(tag) {
                let local = self.local(&engine, repository, Some(tag)).await;
                found.extend(local.map_err(refused)?);
            } else if required {
                let name = format!("{}:{tag}", repository.familiar());
                return Err(refused(Refusal::NoLocalImage { name }));
            }
        }
        Ok(((!found.is_empty()).then_some(engine), found))
    }

    /// Pushes the engine's images for `docker trust sign`.
    pub(super) async fn push_local(
        &self,
        engine: &Engine,
        repository: &Repository,
        images: Vec<Local>,
        report: &mut dyn FnMut(SignEvent),
    ) -> Result<Vec<(Tag, ResolvedImage)>, TrustRefusal> {
        let registry = self.registry(repository)?;
        let reference = Reference::new(repository.clone(), None, None);
        let reachable = registry.ping().await;
        reachable.map_err(|error| refusals::registry(&reference, error))?;
        for local in &images {
            report(SignEvent::Local {
                tag: local.tag.clone(),
            });
        }
        let (lines, mut shown) = mpsc::unbounded_channel();
        let mut each = |event: &Event| {
            // The reader is below, and ends with this future.
            let _ended = progress::line(event).map(|line| lines.send(line));
        };
        let pushing = self.push_all(engine, &registry, repository, images, &mut each);
        let pushing = unless_interrupted(false, pushing);
        let mut pushing = std::pin::pin!(pushing);
        let pushed = loop {
            tokio::select! {
                biased;
                Some(line) = shown.recv() => report(SignEvent::Pushing { line }),
                outcome = &mut pushing => break outcome,
            }
        };
        while let Ok(line) = shown.try_recv() {
            report(SignEvent::Pushing { line });
        }
        let pushed = pushed.map_err(|refusal| match refusal {
            Refusal::Trust(refusal) => refusal,
            refusal => TrustRefusal::Engine(Box::new(refusal)),
        })?;
        for (tag, _) in &pushed {
            report(SignEvent::Pushed { tag: tag.clone() });
        }
        Ok(pushed)
    }

    async fn push_and_sign(
        &self,
        request: &PushRequest,
        report: &mut (dyn FnMut(PushEvent<'_>) + Send),
    ) -> Result<(), Refusal> {
        let name = &request.repository;
        let engine = self.engine().await?;
        let images = self.local(&engine, name, request.tag.as_ref()).await?;
        let tags: Vec<_> = images.iter().map(|local| local.tag.clone()).collect();
        let registry = self.registry(name)?;
        let reference = Reference::new(name.clone(), None, None);
        let reachable = registry.ping().await;
        reachable.map_err(|error| refusals::registry(&reference, error))?;

        let repository = self.repository(name)?;
        let refused = |error| Refusal::Trust(self.refusal(name, error));
        let mut passphrases = UserPassphrases::new(self.process);
        let mut observer = ();
        let mut session = self
            .trust
            .session(&mut passphrases, &mut observer, self.process.now());
        let rehearsed = repository
            .rehearse_signing(&tags, FirstSigner::None, &mut session)
            .await;
        rehearsed.map_err(refused)?;

        report(PushEvent::Pushing);
        let mut each = |event: &Event| report(PushEvent::Engine(event));
        let pushing = self.push_all(&engine, &registry, name, images, &mut each);
        let images = unless_interrupted(false, pushing).await?;
        report(PushEvent::Pushed);
        session.set_now(self.process.now());
        let signing =
            repository.sign_from(&images, Unchanged::Resign, FirstSigner::None, &mut session);
        let signing = async { signing.await.map_err(refused) };
        let published = unless_interrupted(true, signing).await?;
        if published.initialised.is_some() {
            report(PushEvent::Initialized);
        }
        for (tag, _) in &images {
            report(PushEvent::Signed(tag));
        }
        self.warn_expiring(&name.gun(), &published.expiring);
        Ok(())
    }
}

impl DockerOps for Client<'_> {
    fn resolve(&mut self, name: &Repository, tag: &Tag) -> Result<Digest, Refusal> {
        let repository = self.repository(name)?;
        let found = self
            .runtime
            .block_on(repository.resolve(tag, self.process.now()));
        let target = found.map_err(|error| self.refusal(name, error))?;
        let digest = target.sha256().ok_or_else(|| TrustRefusal::TagNotSigned {
            tag: tag.to_string(),
        })?;
        Ok(Digest::Sha256(digest))
    }

    fn resolve_all(&mut self, name: &Repository) -> Result<Vec<(Tag, Digest)>, Refusal> {
        let repository = self.repository(name)?;
        let found = self
            .runtime
            .block_on(repository.resolve_all(self.process.now()));
        let targets = found.map_err(|error| self.refusal(name, error))?;
        // A name that is no tag, or a digest that docker cannot use, is nothing to pull.
        let pairs = targets.iter().filter_map(|target| {
            let tag = Tag::parse(target.name()).ok()?;
            Some((tag, Digest::Sha256(target.sha256()?)))
        });
        Ok(pairs.collect())
    }

    fn has(&mut self, repository: &Repository, digest: &Digest) -> Result<bool, Refusal> {
        let name = ImageName::from(&Reference::new(repository.clone(), None, Some(*digest)));
        self.runtime.block_on(async {
            match self.engine().await?.image(&name).await {
                Ok(_) => Ok(true),
                Err(engine::Error::NotFound { .. }) => Ok(false),
                Err(error) => Err(error.into()),
            }
        })
    }

    fn builder(&mut self) -> Option<EngineBuilder> {
        let version = self.runtime.block_on(async {
            let engine = self.engine().await?;
            engine.version().await.map_err(Refusal::from)
        });
        let version = version.ok()?;
        let text = format!("{}/{}", version.os, version.arch);
        let major = version.version.split('.').next()?.parse::<u32>().ok();
        Some(EngineBuilder {
            platform: dockerfile::Platform::parse(&text)?,
            heredocs: match major {
                Some(..KNOWS_HEREDOCS) => Heredocs::Unknown,
                _ => Heredocs::Known,
            },
        })
    }

    fn current(&mut self, image: &Reference) -> Result<Digest, Refusal> {
        let registry = self.registry(image.repository())?;
        let found = self.runtime.block_on(registry.resolve(image));
        let found = found.map_err(|error| refusals::registry(image, error))?;
        Ok(found.manifest_digest())
    }

    fn pull(
        &mut self,
        repository: &Repository,
        digest: &Digest,
        platform: Option<&Platform>,
        report: &mut (dyn FnMut(&Event) + Send),
    ) -> Result<(), Refusal> {
        self.runtime.block_on(async {
            let engine = self.engine().await?;
            let login = self.engine_login(repository).await?;
            engine
                .pull(repository, digest, platform, &login, report)
                .await?;
            Ok(())
        })
    }

    fn tag(&mut self, repository: &Repository, digest: &Digest, tag: &Tag) -> Result<(), Refusal> {
        let name = ImageName::from(&Reference::new(repository.clone(), None, Some(*digest)));
        self.runtime.block_on(async {
            let engine = self.engine().await?;
            Ok(engine.tag(&name, repository, tag).await?)
        })
    }

    fn push(
        &mut self,
        request: &PushRequest,
        report: &mut (dyn FnMut(PushEvent<'_>) + Send),
    ) -> Result<(), Refusal> {
        self.runtime.block_on(self.push_and_sign(request, report))
    }
}

impl Local {
    pub(super) fn is_of(&self, tag: &Tag) -> bool {
        self.tag == *tag
    }
}

impl Replaced {
    fn note(&mut self, event: &Event) {
        if let Event::Aux(Aux::ManifestInsteadOfIndex { index, manifest }) = event {
            self.pairs.push((index.digest, manifest.digest));
        }
    }
}

/// `The push refers to repository […]`: once is enough for several tags.
fn is_announcement(event: &Event) -> bool {
    matches!(event, Event::Status { id: None, text, .. } if text.starts_with("The push refers to "))
}

/// What was pushed, from the registry's own bytes: they hash to the digest, and they are the image that was here.
async fn check_pushed(
    registry: &Registry,
    repository: &Repository,
    local: &Local,
    pushed: &Pushed,
    replaced: &Replaced,
) -> Result<ResolvedImage, Refusal> {
    let tagged = || {
        Box::new(Reference::new(
            repository.clone(),
            Some(local.tag.clone()),
            None,
        ))
    };
    let reference = Reference::new(repository.clone(), None, Some(pushed.digest));
    let (image, manifest) = registry
        .resolve_manifest(&reference)
        .await
        .map_err(|error| refusals::registry(&reference, error))?;
    if image.size() != pushed.size {
        return Err(Refusal::SizeDiffers {
            image: tagged(),
            reported: pushed.size,
            found: image.size(),
        });
    }
    let found = match (&local.image.descriptor, manifest.content()) {
        (Some(_), _) => pushed.digest,
        (None, Content::Image { config, .. }) => config.digest,
        (None, Content::Index { .. }) => pushed.digest,
    };
    let here = match &local.image.descriptor {
        Some(descriptor) => descriptor.digest,
        None => local.image.id,
    };
    if found == here || replaced.pairs.contains(&(here, found)) {
        Ok(image)
    } else {
        Err(Refusal::PushedDiffers(Box::new(PushedDiffers {
            image: *tagged(),
            local: here,
            found,
        })))
    }
}

/// Ends `work` at the first Ctrl-C or SIGTERM; while something is being signed, at the second one.
async fn unless_interrupted<T>(
    signing: bool,
    work: impl Future<Output = Result<T, Refusal>>,
) -> Result<T, Refusal> {
    let interrupted = || Refusal::Interrupted { signing };
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|_| interrupted())?;
    let mut terminate = signal(SignalKind::terminate()).map_err(|_| interrupted())?;
    let mut patience = usize::from(signing);
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            outcome = &mut work => return outcome,
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        if patience == 0 {
            return Err(interrupted());
        }
        patience -= 1;
    }
}
