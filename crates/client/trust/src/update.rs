//! Bringing trusted metadata up to date: the server's timestamp, what the cache has, and the rest from the server.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future;
use futures_util::stream::{self, StreamExt as _};
use jiff::Timestamp;
use net::Bytes;
use pki::digest::Sha256;
use tuf::pins::Pins;
use tuf::trusted::{CachedRoot, Need, RootWanted, TargetsTrusted, Update, Wanted};
use tuf::{Gun, Refusal, Role};

use crate::cache::{Cache, CacheError};
use crate::error::{TrustError, UnusedCache};
use crate::remote::{Remote, RemoteError, Resource};

/// Requests at the same time.
const PARALLEL: usize = 8;

/// Most bytes fetched before they are known to be needed; beyond that, files come one after the other.
const EARLY_LIMIT: u64 = 32 << 20;

/// One update of one repository.
pub(crate) struct Updater<'a> {
    pub(crate) gun: &'a Gun,
    /// `host[:port]`, for errors.
    pub(crate) server: String,
    pub(crate) remote: &'a Remote,
    pub(crate) cache: &'a Cache,
    pub(crate) pins: &'a Pins,
    /// What was trusted at this very time, earlier in this process.
    pub(crate) last: Option<TargetsTrusted>,
}

/// What is at hand besides the server: cached files, and files fetched early.
#[derive(Default)]
struct AtHand {
    cached: BTreeMap<Role, Option<Cached>>,
    early: BTreeMap<(Role, Sha256), Result<Bytes, RemoteError>>,
    root: Option<Bytes>,
    timestamp: Option<Result<Bytes, RemoteError>>,
    remembered: BTreeSet<Role>,
}

#[derive(Clone)]
struct Cached {
    bytes: Bytes,
    sha256: Sha256,
}

/// Why a file cannot be had.
enum Unavailable {
    Cache(CacheError),
    Remote(RemoteError),
    /// Its parent describes it by nothing that can be asked for.
    Refused(Refusal),
}

impl Updater<'_> {
    /// Trusted metadata as the server has it now; the cache follows only when all of it is verified.
    ///
    /// Fails closed: a server that does not answer, or not with valid and current metadata, is an error whatever is
    /// cached.
    pub(crate) async fn run(&self, now: Timestamp) -> Result<TargetsTrusted, TrustError> {
        let mut at_hand = AtHand::default();
        if let Some(last) = &self.last {
            let timestamp = self.remote.current(&Role::Timestamp).await;
            if matches!(&timestamp, Ok(bytes) if **bytes == *last.snapshot().timestamp().bytes()) {
                return Ok(last.clone());
            }
            at_hand.timestamp = Some(timestamp);
        }
        let root = self
            .cached(&mut at_hand, &Role::Root)?
            .map(|root| root.bytes);
        if root.is_none() && at_hand.timestamp.is_none() {
            self.fetch_first(&mut at_hand).await?;
        }
        let mut update = Update::start(self.gun, self.pins.clone(), root.as_deref(), now)
            .map_err(|refusal| self.refused(refusal))?;
        while let Some(need) = update.need() {
            let bytes = match self.fetch(&need, &mut at_hand).await {
                Ok(bytes) => bytes,
                // A file that its parent names and the server does not have may belong to an older root.
                Err(Unavailable::Remote(error))
                    if error.is_not_found()
                        && matches!(need, Need::File(_))
                        && update.restart() =>
                {
                    continue;
                }
                Err(Unavailable::Remote(error)) => {
                    return Err(self.unavailable(&need.role(), error, root.is_some()));
                }
                Err(Unavailable::Refused(refusal)) => return Err(self.refused(refusal)),
                Err(Unavailable::Cache(error)) => return Err(error.into()),
            };
            self.remember(&mut update, &mut at_hand, &need.role(), &bytes)?;
            update
                .feed(&bytes)
                .map_err(|refusal| self.root_refused(refusal, root.as_deref()))?;
            if need.role() == Role::Snapshot {
                self.fetch_early(&update, &mut at_hand).await?;
            }
        }
        let trusted = update.finish().expect("the update needs nothing more");
        self.keep(&trusted, &at_hand)?;
        Ok(trusted)
    }

    /// Without a cache there is nothing to wait for: the timestamp is checked when the root is.
    async fn fetch_first(&self, at_hand: &mut AtHand) -> Result<(), TrustError> {
        let both = future::join(
            self.remote.current(&Role::Root),
            self.remote.current(&Role::Timestamp),
        );
        let (root, timestamp) = both.await;
        at_hand.root = Some(root.map_err(|error| self.unavailable(&Role::Root, error, false))?);
        at_hand.timestamp = Some(timestamp);
        Ok(())
    }

    async fn fetch(&self, need: &Need, at_hand: &mut AtHand) -> Result<Bytes, Unavailable> {
        let fetched = match need {
            Need::Timestamp => match at_hand.timestamp.take() {
                Some(fetched) => fetched,
                None => self.remote.current(&Role::Timestamp).await,
            },
            Need::Root(RootWanted::Newest(None)) => match at_hand.root.take() {
                Some(root) => Ok(root),
                None => self.remote.current(&Role::Root).await,
            },
            Need::Root(RootWanted::Version(version)) => self.remote.root_version(*version).await,
            Need::Root(RootWanted::Newest(Some(wanted))) | Need::File(wanted) => {
                return self.fetch_file(wanted, at_hand).await;
            }
            _ => {
                return Err(Unavailable::Refused(Refusal::UnknownRole {
                    role: need.role(),
                }));
            }
        };
        fetched.map_err(Unavailable::Remote)
    }

    /// A file by its content: from the cache, from what was fetched early, from the server.
    async fn fetch_file(
        &self,
        wanted: &Wanted,
        at_hand: &mut AtHand,
    ) -> Result<Bytes, Unavailable> {
        let role = &wanted.role;
        let sha256 = wanted.meta.hashes.sha256();
        let sha256 = sha256
            .ok_or_else(|| Unavailable::Refused(Refusal::NoKnownHash { role: role.clone() }))?;
        if let Some(cached) = self.cached(at_hand, role).map_err(Unavailable::Cache)?
            && cached.sha256 == sha256
        {
            return Ok(cached.bytes);
        }
        let fetched = match at_hand.early.remove(&(role.clone(), sha256)) {
            Some(fetched) => fetched,
            None => self.remote.by_hash(role, sha256, wanted.limit()).await,
        };
        fetched.map_err(Unavailable::Remote)
    }

    /// Fetches what the snapshot describes and the cache does not have, several files at the same time. What is not
    /// delegated in the end, or not there, does no harm.
    async fn fetch_early(&self, update: &Update, at_hand: &mut AtHand) -> Result<(), TrustError> {
        let Some(snapshot) = update.snapshot() else {
            return Ok(());
        };
        let mut missing = Vec::new();
        let mut total = 0_u64;
        for (name, meta) in snapshot.snapshot().signed().meta.iter() {
            let Some(role) = Role::parse(name).ok().filter(Role::holds_targets) else {
                continue;
            };
            let (Some(sha256), Ok(length)) = (meta.hashes.sha256(), u64::try_from(meta.length))
            else {
                continue;
            };
            let cached = self.cached(at_hand, &role)?;
            total = total.saturating_add(length);
            if cached.is_none_or(|cached| cached.sha256 != sha256) && total <= EARLY_LIMIT {
                missing.push((role, sha256, length));
            }
        }
        let fetched = stream::iter(missing).map(async |(role, sha256, length)| {
            let bytes = self.remote.by_hash(&role, sha256, length).await;
            ((role, sha256), bytes)
        });
        at_hand.early = fetched.buffer_unordered(PARALLEL).collect().await;
        Ok(())
    }

    /// Tells the update which version was trusted before, when the new file is another one. Unchanged files need no
    /// such minimum, and their parsing is saved.
    fn remember(
        &self,
        update: &mut Update,
        at_hand: &mut AtHand,
        role: &Role,
        bytes: &Bytes,
    ) -> Result<(), CacheError> {
        let cached = self.cached(at_hand, role)?;
        if *role == Role::Root || cached.is_none_or(|cached| cached.bytes == *bytes) {
            return Ok(());
        }
        let mut chain: Vec<_> =
            std::iter::successors(Some(role.clone()), Role::delegator).collect();
        while let Some(role) = chain.pop() {
            if let Some(cached) = self.cached(at_hand, &role)?
                && at_hand.remembered.insert(role.clone())
                && let Err(refusal) = update.remember(&role, &cached.bytes)
            {
                tracing::debug!(%role, %refusal, "a cached file sets no minimum version");
            }
        }
        Ok(())
    }

    fn cached(&self, at_hand: &mut AtHand, role: &Role) -> Result<Option<Cached>, CacheError> {
        if let Some(known) = at_hand.cached.get(role) {
            return Ok(known.clone());
        }
        let read = self.cache.read(role)?.map(|bytes| Cached {
            sha256: Sha256::of(&bytes),
            bytes,
        });
        at_hand.cached.insert(role.clone(), read.clone());
        Ok(read)
    }

    /// Writes what was verified and differs from the cache.
    fn keep(&self, trusted: &TargetsTrusted, at_hand: &AtHand) -> Result<(), CacheError> {
        let snapshot = trusted.snapshot();
        let top: [(&Role, &[u8]); 3] = [
            (&Role::Root, snapshot.root().bytes()),
            (&Role::Timestamp, snapshot.timestamp().bytes()),
            (&Role::Snapshot, snapshot.snapshot().bytes()),
        ];
        let files = trusted.files().map(|(role, file)| (role, file.bytes()));
        let changed: Vec<_> = top
            .into_iter()
            .chain(files)
            .filter(|(role, bytes)| {
                let cached = at_hand.cached.get(role).and_then(Option::as_ref);
                cached.is_none_or(|cached| cached.bytes != *bytes)
            })
            .collect();
        self.cache.store(&changed)
    }

    fn unavailable(&self, role: &Role, error: RemoteError, known: bool) -> TrustError {
        let current = matches!(
            &error,
            RemoteError::NotFound {
                resource: Resource::Current(_)
            }
        );
        let (server, gun) = (self.server.clone(), self.gun.clone());
        let unused = UnusedCache {
            written: self.cache.written(&Role::Timestamp),
        };
        match (known, role) {
            // A stock client caches what it initialised before it publishes; only a timestamp comes from a server.
            (true, _) if current && unused.written.is_none() => {
                TrustError::NotInitialised { server, gun }
            }
            (true, _) if current => TrustError::Deleted {
                server,
                gun,
                unused,
            },
            (false, Role::Root) if current => TrustError::NotInitialised { server, gun },
            (true, _) => TrustError::RemoteNotCached {
                source: Box::new(error),
                unused,
            },
            (false, _) => error.into(),
        }
    }

    fn refused(&self, refusal: Refusal) -> TrustError {
        TrustError::Refused {
            gun: self.gun.clone(),
            refusal: Box::new(refusal),
        }
    }

    fn root_refused(&self, refusal: Refusal, cached: Option<&[u8]>) -> TrustError {
        let replaced = matches!(
            refusal,
            Refusal::RootNotSignedByPrevious { .. } | Refusal::RootReplaced { .. }
        );
        let trusted = cached
            .filter(|_| replaced)
            .and_then(|bytes| CachedRoot::from_bytes(self.gun, bytes).ok());
        match trusted {
            Some(root) => TrustError::RootReplaced {
                gun: self.gun.clone(),
                trusted: root.version(),
                refusal: Box::new(refusal),
            },
            None => self.refused(refusal),
        }
    }
}
