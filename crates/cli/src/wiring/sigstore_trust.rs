//! Trusted roots for the commands: [`trustroot`] over the cache and the mirror that the environment names.

use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use net::{Client, Url};
use trustroot::{
    Cache, Contact, FolderTransport, HttpTransport, Loaded, Mirror, Transport, fetch_root,
};

use super::runtime::Runtime;
use super::trust::proxies;
use crate::env;
use crate::personas::cosign::error::Error;
use crate::personas::cosign::files;
use crate::personas::cosign::trust_ops::{Initialize, SigstoreTrust};
use crate::process::Process;

/// How long a mirror's answer is good for: a job that verifies a hundred images asks once.
const MAX_AGE: SignedDuration = SignedDuration::from_hours(24);
/// Most bytes of a root.
const ROOT_LIMIT: u64 = 512 << 10;

/// The cache, and the way to mirrors.
pub(super) struct Repositories<'s> {
    process: &'s Process,
    cache: Cache,
    runtime: Runtime,
}

impl<'s> Repositories<'s> {
    /// Reads the environment; contacts nobody.
    pub(super) fn new(process: &'s Process) -> Result<Self, Error> {
        let runtime = Runtime::new().map_err(|source| Error::Runtime { source })?;
        Ok(Self {
            process,
            cache: cache(process),
            runtime,
        })
    }

    fn client(&self) -> Result<Client, Error> {
        let mut config = net::Config::new(concat!("countersign/", env!("CARGO_PKG_VERSION")));
        config.proxies = proxies(self.process);
        Client::new(config).map_err(|error| unusable(&error))
    }

    fn transport(&self, mirror: &Mirror) -> Result<Box<dyn Transport>, Error> {
        Ok(match mirror.folder() {
            Some(folder) => Box::new(FolderTransport::new(folder)),
            None => Box::new(HttpTransport::new(self.client()?, mirror)),
        })
    }

    /// `TUF_MIRROR`, else what was initialised last.
    fn mirror(&self) -> Result<Option<Mirror>, Error> {
        match self.process.var("TUF_MIRROR") {
            Some(text) => Mirror::parse(text)
                .map(Some)
                .map_err(|error| unusable(&error)),
            None => Ok(self.cache.mirror().map_err(trustroot::Error::from)?),
        }
    }
}

/// `TUF_ROOT`, else the folder in which cosign keeps it, so that either program finds what the other initialised.
fn cache(process: &Process) -> Cache {
    if process
        .var("SIGSTORE_NO_CACHE")
        .is_some_and(|text| text != "false")
    {
        return Cache::none();
    }
    let home = || Some(process.path_var(env::HOME.name)?.join(".sigstore/root"));
    let folder = process.path_var("TUF_ROOT").map(Path::to_owned);
    match folder.or_else(home) {
        Some(folder) => Cache::at(process.resolve(&folder)),
        None => Cache::none(),
    }
}

fn unusable(problem: &impl ToString) -> Error {
    Error::TrustSource {
        problem: problem.to_string(),
    }
}

impl SigstoreTrust for Repositories<'_> {
    fn load(&self, offline: bool) -> Result<Option<Loaded>, Error> {
        let Some(mirror) = self.mirror()? else {
            return Ok(None);
        };
        let pin = match self.process.path_var("TUF_ROOT_JSON") {
            Some(path) => Some(files::read(self.process, path, ROOT_LIMIT)?),
            None => None,
        };
        let transport = self.transport(&mirror)?;
        let contact = if offline {
            Contact::Offline
        } else {
            Contact::Online {
                transport: &*transport,
                max_age: MAX_AGE,
            }
        };
        let now = self.process.now();
        let loaded = trustroot::load(&self.cache, &mirror, pin.as_deref(), contact, now);
        Ok(Some(self.runtime.block_on(loaded)?))
    }

    fn folder(&self) -> Option<PathBuf> {
        self.cache.folder().map(Path::to_owned)
    }

    fn initialize(&self, request: &Initialize<'_>) -> Result<Loaded, Error> {
        let mirror = Mirror::parse(request.mirror).map_err(|error| {
            unusable(&format!(
                "{error}\nWrite it as https://HOST/PATH or file:///FOLDER."
            ))
        })?;
        let root = match Url::parse(request.root) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => {
                self.runtime.block_on(fetch_root(&self.client()?, url))?
            }
            _ => files::read(self.process, &PathBuf::from(request.root), ROOT_LIMIT)?,
        };
        if let Some(checksum) = &request.checksum {
            checksum.check(&root).map_err(|error| match error {
                trustroot::RootChecksumError::Mismatch { expected, found } => Error::TrustSource {
                    problem: format!(
                        "incorrect checksum for file {}: expected {expected} but got {found}",
                        request.root
                    ),
                },
                error => unusable(&error),
            })?;
        }
        let transport = self.transport(&mirror)?;
        let now = self.process.now();
        let loaded = trustroot::initialize(&self.cache, &mirror, &root, &*transport, now);
        Ok(self.runtime.block_on(loaded)?)
    }
}
