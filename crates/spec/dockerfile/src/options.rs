//! What a build says besides its Dockerfile.

use std::collections::BTreeMap;
use std::fmt;

use oci::Reference;

use crate::error::ContextError;

/// Which program builds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Builder {
    /// BuildKit, by `docker build` or buildx: builds what the target needs.
    #[default]
    BuildKit,
    /// The engine's older builder (`DOCKER_BUILDKIT=0`): builds every stage up to the target, knows no `# syntax=`, no
    /// build contexts and no platform variables.
    Classic,
}

/// The arguments of a build that decide which images it uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Who builds.
    pub builder: Builder,
    /// `--build-arg NAME=VALUE`; also `BUILDKIT_SYNTAX`.
    pub build_args: BTreeMap<String, String>,
    /// Values of variables that the file itself leaves open. No builder has any; `cosign dockerfile verify` takes the
    /// environment's.
    pub environment: BTreeMap<String, String>,
    /// Every stage counts, whether the target needs it or not, for whatever platform: one that is not known is left out.
    pub every_stage: bool,
    /// `--build-context NAME=VALUE`, as given.
    pub build_contexts: Vec<(String, String)>,
    /// `--target`; the last stage if none.
    pub target: Option<String>,
    /// The platform the builder runs on. Unless given, a base that depends on it is undecided.
    pub build_platform: Option<Platform>,
    /// `--platform`, else the builder's. A build for several platforms is several builds.
    pub target_platform: Option<Platform>,
}

/// `os/arch[/variant]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Platform {
    /// `linux`
    pub os: String,
    /// `amd64`, as Go names it.
    pub architecture: String,
    /// `v7`; empty for most.
    pub variant: String,
}

impl Platform {
    /// Reads `os/arch` or `os/arch/variant`; names are not normalised (`x86_64` stays).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('/');
        let platform = Self {
            os: parts.next()?.to_owned(),
            architecture: parts.next()?.to_owned(),
            variant: parts.next().unwrap_or_default().to_owned(),
        };
        let plain = |text: &str| {
            text.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
        };
        let whole = !platform.os.is_empty() && !platform.architecture.is_empty();
        let fits = [&platform.os, &platform.architecture, &platform.variant]
            .iter()
            .all(|part| plain(part));
        (whole && fits && parts.next().is_none()).then_some(platform)
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        if self.variant.is_empty() {
            return Ok(());
        }
        write!(f, "/{}", self.variant)
    }
}

/// What a named build context stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Context {
    /// `docker-image://scratch`: nothing.
    Empty,
    /// `docker-image://…`, with `latest` if it had neither tag nor digest.
    Image(Reference),
    /// `oci-layout://…`: an image in a local folder.
    OciLayout(String),
    /// A folder on this machine.
    Path(String),
    /// `git` or `http(s)` address.
    Remote(String),
    /// `target:…` of a bake file, or `service:…` of a compose file: another build.
    Target(String),
}

impl Context {
    /// Reads the value after `NAME=`.
    pub fn parse(value: &str) -> Result<Self, ContextError> {
        if let Some(name) = value.strip_prefix("docker-image://") {
            if name == "scratch" {
                return Ok(Self::Empty);
            }
            let reference = Reference::parse(name).map_err(ContextError::Image)?;
            return Ok(Self::Image(reference.or_latest()));
        }
        if value.starts_with("docker-image:") {
            return Err(ContextError::Scheme);
        }
        let owned = |text: &str| text.to_owned();
        if let Some(path) = value.strip_prefix("oci-layout://") {
            return Ok(Self::OciLayout(owned(path)));
        }
        if let Some(name) = ["target:", "service:"]
            .iter()
            .find_map(|prefix| value.strip_prefix(prefix))
        {
            return Ok(Self::Target(owned(name)));
        }
        let remote = [
            "http://",
            "https://",
            "git://",
            "ssh://",
            "git@",
            "github.com/",
        ];
        if remote.iter().any(|prefix| value.starts_with(prefix)) {
            return Ok(Self::Remote(owned(value)));
        }
        Ok(Self::Path(owned(value)))
    }
}

/// The name that buildx and BuildKit compare: short, without `latest`.
pub(crate) fn context_name(reference: &Reference) -> String {
    let name = reference.familiar();
    match name.strip_suffix(":latest") {
        Some(short) => short.to_owned(),
        None => name,
    }
}

/// The contexts by the name they are compared by.
pub(crate) fn contexts(
    given: &[(String, String)],
) -> Result<BTreeMap<String, Context>, (String, ContextError)> {
    let mut contexts = BTreeMap::new();
    for (name, value) in given {
        let fail = |error| (name.clone(), error);
        let key = Reference::parse(name).map_err(|error| fail(ContextError::Name(error)))?;
        let context = Context::parse(value).map_err(fail)?;
        contexts.insert(context_name(&key), context);
    }
    Ok(contexts)
}
