use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use pki::digest::{Sha256, Sha512};
use sigstore_tuf::{
    Error as TufError, MetaFile, Role as _, TargetFile, Targets, TrustedMetadataSet,
};

use crate::folder::encode;
use crate::{Error, MetadataFault, RepositoryFolder, Transport, limits};

const ROOT: &str = "root.json";
const TIMESTAMP: &str = "timestamp.json";
const SNAPSHOT: &str = "snapshot.json";
const TARGETS: &str = "targets.json";

/// Before every expiry. Metadata is taken from the cache without judging its expiry, because old metadata still says
/// below which versions nothing is to be accepted; whether it may be used is judged afterwards.
const WHENEVER: Timestamp = Timestamp::MIN;

/// A TUF repository with a trusted root and nothing else yet (TUF specification 1.0, 5.1 to 5.2).
pub struct Repository<'a> {
    folder: &'a RepositoryFolder,
    set: TrustedMetadataSet,
    lengths: BTreeMap<&'static str, usize>,
}

/// A repository whose root, timestamp, snapshot and targets were all verified and in force at one time; made by
/// [`Repository::refresh`] and [`Repository::cached`] only.
pub struct Trusted<'a> {
    folder: &'a RepositoryFolder,
    set: TrustedMetadataSet,
    lengths: BTreeMap<&'static str, usize>,
    transport: Option<&'a dyn Transport>,
    now: Timestamp,
}

/// What a repository says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Root, snapshot, targets and timestamp.
    pub roles: Vec<RoleStatus>,
    /// The names of the targets of the top role.
    pub targets: Vec<String>,
}

/// One top role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleStatus {
    /// Its file, such as `root.json`.
    pub file: &'static str,
    /// Its version.
    pub version: u64,
    /// Bytes of its file.
    pub length: usize,
    /// Until when it is in force.
    pub expires: Timestamp,
}

impl<'a> Repository<'a> {
    /// Begins with a pinned root and the roots that follow it in the cache, or with the root of the cache.
    ///
    /// # Errors
    /// No root at all, or one that is not signed by its own keys.
    pub fn open(folder: &'a RepositoryFolder, pin: Option<&[u8]>) -> Result<Self, Error> {
        let cached;
        let root = match pin {
            Some(pin) => pin,
            None => {
                let loaded = folder.load(ROOT, limits::ROOT_BYTES)?;
                cached = loaded.ok_or_else(|| Error::NotInitialized {
                    folder: folder.metadata().map(ToOwned::to_owned),
                })?;
                &cached
            }
        };
        let mut set = TrustedMetadataSet::from_root(root).map_err(|error| of(ROOT, error))?;
        for _ in 0..limits::ROOT_ROTATIONS {
            let next = history_file(set.root().version.saturating_add(1));
            match folder.load(&next, limits::ROOT_BYTES)? {
                Some(bytes) if set.update_root(&bytes).is_ok() => {}
                _ => break,
            }
        }
        Ok(Self {
            folder,
            set,
            lengths: BTreeMap::new(),
        })
    }

    /// Brings everything up to date from a mirror (TUF specification 1.0, 5.3 to 5.6). What is verified is kept at
    /// once, each file whole.
    ///
    /// # Errors
    /// The mirror does not answer or lacks a file; anything that is not signed by enough keys, expired at `now`, older
    /// than what was trusted before, or not what the role above it pins; files of the cache.
    pub async fn refresh(
        mut self,
        transport: &'a dyn Transport,
        now: Timestamp,
    ) -> Result<Trusted<'a>, Error> {
        self.refresh_root(transport).await?;
        self.set
            .check_root_expired(now)
            .map_err(|error| of(ROOT, error))?;
        // What is in the cache and does not verify (any more) says nothing.
        if self.seed_timestamp()?.is_ok() {
            let _unusable = self.seed_snapshot()?;
        }
        self.refresh_timestamp(transport, now).await?;
        self.refresh_snapshot(transport, now).await?;
        self.refresh_targets(transport, now).await?;
        Ok(self.trusted(Some(transport), now))
    }

    /// Takes everything from the cache.
    ///
    /// # Errors
    /// A file that is not there, does not verify, or is expired at `now`.
    pub fn cached(mut self, now: Timestamp) -> Result<Trusted<'a>, Error> {
        self.set
            .check_root_expired(now)
            .map_err(|error| of(ROOT, error))?;
        self.seed_timestamp()?
            .map_err(|fault| metadata(TIMESTAMP, fault))?;
        self.seed_snapshot()?
            .map_err(|fault| metadata(SNAPSHOT, fault))?;
        let bytes = self.load(TARGETS, limits::TARGETS_BYTES)?;
        self.set
            .check_timestamp_expired(now)
            .map_err(|error| of(TIMESTAMP, error))?;
        self.take_targets(&bytes, now)
            .map_err(|error| of(TARGETS, error))?;
        Ok(self.trusted(None, now))
    }

    fn trusted(self, transport: Option<&'a dyn Transport>, now: Timestamp) -> Trusted<'a> {
        Trusted {
            folder: self.folder,
            set: self.set,
            lengths: self.lengths,
            transport,
            now,
        }
    }

    fn load(&self, file: &str, limit: u64) -> Result<Vec<u8>, Error> {
        self.folder
            .load(file, limit)?
            .ok_or_else(|| Error::NotCached {
                file: file.to_owned(),
            })
    }

    async fn refresh_root(&mut self, transport: &dyn Transport) -> Result<(), Error> {
        self.keep_root()?;
        for _ in 0..limits::ROOT_ROTATIONS {
            let file = format!("{}.{ROOT}", self.set.root().version.saturating_add(1));
            let Some(bytes) = transport.metadata(&file, limits::ROOT_BYTES).await? else {
                return Ok(());
            };
            self.set
                .update_root(&bytes)
                .map_err(|error| of(&file, error))?;
            self.keep_root()?;
        }
        Err(Error::TooMany {
            what: "new roots",
            found: limits::ROOT_ROTATIONS + 1,
            limit: limits::ROOT_ROTATIONS,
        })
    }

    fn keep_root(&self) -> Result<(), Error> {
        let (root, version) = (self.set.root_bytes(), self.set.root().version);
        for file in [history_file(version), ROOT.to_owned()] {
            if self.folder.load(&file, limits::ROOT_BYTES)?.as_deref() != Some(root) {
                self.folder.save(&file, root)?;
            }
        }
        Ok(())
    }

    fn seed_timestamp(&mut self) -> Result<Result<(), MetadataFault>, Error> {
        let Some(bytes) = self.folder.load(TIMESTAMP, limits::TIMESTAMP_BYTES)? else {
            return Ok(Err(missing(TIMESTAMP)));
        };
        let seeded = self.set.update_timestamp(&bytes, WHENEVER);
        if seeded.is_ok() {
            self.lengths.insert(TIMESTAMP, bytes.len());
        }
        Ok(seeded.map_err(MetadataFault::from))
    }

    fn seed_snapshot(&mut self) -> Result<Result<(), MetadataFault>, Error> {
        let Some(bytes) = self.folder.load(SNAPSHOT, limits::SNAPSHOT_BYTES)? else {
            return Ok(Err(missing(SNAPSHOT)));
        };
        let seeded = self.set.update_snapshot(&bytes, WHENEVER);
        if seeded.is_ok() {
            self.lengths.insert(SNAPSHOT, bytes.len());
        }
        Ok(seeded.map_err(MetadataFault::from))
    }

    async fn refresh_timestamp(
        &mut self,
        transport: &dyn Transport,
        now: Timestamp,
    ) -> Result<(), Error> {
        let bytes = fetch(transport, TIMESTAMP, limits::TIMESTAMP_BYTES).await?;
        match self.set.update_timestamp(&bytes, now) {
            Ok(()) => {
                self.folder.save(TIMESTAMP, &bytes)?;
                self.lengths.insert(TIMESTAMP, bytes.len());
            }
            // The one that is trusted already stays.
            Err(TufError::EqualVersion { .. }) => {}
            Err(error) => return Err(of(TIMESTAMP, error)),
        }
        self.set
            .check_timestamp_expired(now)
            .map_err(|error| of(TIMESTAMP, error))
    }

    async fn refresh_snapshot(
        &mut self,
        transport: &dyn Transport,
        now: Timestamp,
    ) -> Result<(), Error> {
        let pin = self.set.timestamp().and_then(|role| role.snapshot_meta());
        let pin = pin
            .cloned()
            .ok_or_else(|| metadata(TIMESTAMP, missing(SNAPSHOT)))?;
        let known = self.set.snapshot();
        if known.is_some_and(|role| role.version == pin.version && !role.is_expired(now)) {
            return Ok(());
        }
        let file = self.versioned(&pin, "snapshot");
        let bytes = fetch(transport, &file, length(&pin, limits::SNAPSHOT_BYTES)).await?;
        self.set
            .update_snapshot(&bytes, now)
            .map_err(|error| of(&file, error))?;
        self.folder.save(SNAPSHOT, &bytes)?;
        self.lengths.insert(SNAPSHOT, bytes.len());
        Ok(())
    }

    async fn refresh_targets(
        &mut self,
        transport: &dyn Transport,
        now: Timestamp,
    ) -> Result<(), Error> {
        if let Some(bytes) = self.folder.load(TARGETS, limits::TARGETS_BYTES)?
            && self.take_targets(&bytes, now).is_ok()
        {
            return Ok(());
        }
        let pin = self.set.snapshot().and_then(|role| role.meta.get(TARGETS));
        let pin = pin
            .cloned()
            .ok_or_else(|| metadata(SNAPSHOT, missing(TARGETS)))?;
        let file = self.versioned(&pin, "targets");
        let bytes = fetch(transport, &file, length(&pin, limits::TARGETS_BYTES)).await?;
        self.take_targets(&bytes, now)
            .map_err(|error| of(&file, error))?;
        Ok(self.folder.save(TARGETS, &bytes)?)
    }

    fn take_targets(&mut self, bytes: &[u8], now: Timestamp) -> Result<(), TufError> {
        self.set.update_targets(bytes, now)?;
        self.lengths.insert(TARGETS, bytes.len());
        Ok(())
    }

    fn versioned(&self, pin: &MetaFile, role: &str) -> String {
        file_name(&self.set, pin, role)
    }
}

impl Trusted<'_> {
    /// The content of a target, from the cache if that is what the repository says, else from the mirror; `None` if no
    /// role lists it (TUF specification 1.0, 5.6.7 and 5.7).
    ///
    /// # Errors
    /// Delegated roles as in [`Repository::refresh`]; content of another length or hash; not in the cache, and there is
    /// no mirror to ask.
    pub async fn target(&mut self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        match self.find(name).await? {
            Some(target) => self.content(name, &target).await.map(Some),
            None => Ok(None),
        }
    }

    /// What the top roles say.
    #[must_use]
    pub fn status(&self) -> Status {
        let root = self.set.root();
        let length = |file| self.lengths.get(file).copied().unwrap_or_default();
        let mut roles = vec![RoleStatus {
            file: ROOT,
            version: root.version,
            length: self.set.root_bytes().len(),
            expires: root.expires,
        }];
        let mut add = |file, role: Option<(u64, Timestamp)>| {
            roles.extend(role.map(|(version, expires)| RoleStatus {
                file,
                version,
                length: length(file),
                expires,
            }));
        };
        add(
            SNAPSHOT,
            self.set.snapshot().map(|r| (r.version, r.expires)),
        );
        add(TARGETS, self.top().map(|r| (r.version, r.expires)));
        add(
            TIMESTAMP,
            self.set.timestamp().map(|r| (r.version, r.expires)),
        );
        Status {
            roles,
            targets: self
                .top()
                .map_or_else(Vec::new, |top| top.targets.keys().cloned().collect()),
        }
    }

    pub(crate) fn top(&self) -> Option<&Targets> {
        self.set.targets_role("targets")
    }

    /// The first role that lists a target, in the order of delegation.
    async fn find(&mut self, name: &str) -> Result<Option<TargetFile>, Error> {
        let mut visited = BTreeSet::new();
        // The next one is the last; each with the role that delegates to it.
        let mut waiting = vec![("targets".to_owned(), "root".to_owned())];
        while let Some((role, parent)) = waiting.pop() {
            if visited.contains(&role) {
                continue;
            }
            if visited.len() == limits::ROLES {
                return Err(Error::TooMany {
                    what: "roles to look through",
                    found: u64::try_from(limits::ROLES + 1).unwrap_or(u64::MAX),
                    limit: u64::try_from(limits::ROLES).unwrap_or(u64::MAX),
                });
            }
            if !self.take_role(&role, &parent).await? {
                continue;
            }
            let Some(targets) = self.set.targets_role(&role) else {
                continue;
            };
            if let Some(found) = targets.target(name) {
                return Ok(Some(found.clone()));
            }
            let (children, terminating) = delegations(targets, &role, name)?;
            if terminating {
                waiting.clear();
            }
            waiting.extend(children.into_iter().rev());
            visited.insert(role);
        }
        Ok(None)
    }

    /// Verifies a delegated role for the one that delegates to it; false if the snapshot does not know it.
    async fn take_role(&mut self, role: &str, parent: &str) -> Result<bool, Error> {
        if role == "targets" {
            return Ok(true);
        }
        let file = format!("{}.json", encode(role));
        if self.set.targets_role(role).is_some() {
            // It may be reached from several roles, each with keys of its own for it.
            self.set
                .verify_delegated_targets(role, parent, self.now)
                .map_err(|error| of(&file, error))?;
            return Ok(true);
        }
        let pin = self
            .set
            .snapshot()
            .and_then(|snapshot| snapshot.meta.get(&format!("{role}.json")));
        let Some(pin) = pin.cloned() else {
            return Ok(false);
        };
        if let Some(bytes) = self.folder.load(&file, limits::TARGETS_BYTES)?
            && self
                .set
                .update_delegated_targets(&bytes, role, parent, self.now)
                .is_ok()
        {
            return Ok(true);
        }
        let Some(transport) = self.transport else {
            return Err(Error::NotCached { file });
        };
        let remote = file_name(&self.set, &pin, &encode(role));
        let bytes = fetch(transport, &remote, length(&pin, limits::TARGETS_BYTES)).await?;
        self.set
            .update_delegated_targets(&bytes, role, parent, self.now)
            .map_err(|error| of(&remote, error))?;
        self.folder.save(&file, &bytes)?;
        Ok(true)
    }

    async fn content(&self, name: &str, target: &TargetFile) -> Result<Vec<u8>, Error> {
        let file = format!("targets/{name}");
        if target.length > limits::TARGET_BYTES {
            return Err(Error::TooMany {
                what: "bytes of a target",
                found: target.length,
                limit: limits::TARGET_BYTES,
            });
        }
        if let Some(bytes) = self.folder.load_target(name, target.length)?
            && check_content(&bytes, target).is_ok()
        {
            return Ok(bytes);
        }
        let Some(transport) = self.transport else {
            return Err(Error::NotCached { file });
        };
        for path in self.paths(name, target)? {
            if let Some(bytes) = transport.target(&path, target.length).await? {
                check_content(&bytes, target).map_err(|fault| metadata(&file, fault))?;
                self.folder.save_target(name, &bytes)?;
                return Ok(bytes);
            }
        }
        Err(Error::NotServed { file })
    }

    /// Where a target may be: with consistent snapshots, under any of its hashes.
    fn paths(&self, name: &str, target: &TargetFile) -> Result<Vec<String>, Error> {
        if name.split('/').any(|segment| matches!(segment, "." | "..")) {
            return Err(Error::TargetName {
                name: name.to_owned(),
            });
        }
        if !self.set.root().consistent_snapshot {
            return Ok(vec![name.to_owned()]);
        }
        let (folder, file) = match name.rfind('/') {
            Some(slash) => name.split_at(slash + 1),
            None => ("", name),
        };
        let hashes = ["sha256", "sha512"].into_iter();
        let hashes = hashes.filter_map(|algorithm| target.hashes.get(algorithm));
        Ok(hashes
            .map(|hash| format!("{folder}{hash}.{file}"))
            .collect())
    }
}

/// The roles that `targets` delegates `name` to, up to the first that ends the search.
fn delegations(
    targets: &Targets,
    role: &str,
    name: &str,
) -> Result<(Vec<(String, String)>, bool), Error> {
    let mut children = Vec::new();
    for child in targets.delegations.iter().flat_map(|all| &all.roles) {
        // Files of delegated roles lie beside those of the top roles.
        let top = ["root", "timestamp", "snapshot", "targets"].contains(&child.name.as_str());
        let matches = child
            .matches_path(name)
            .map_err(|error| of(&format!("{role}.json"), error))?;
        if top || !matches {
            continue;
        }
        children.push((child.name.clone(), role.to_owned()));
        if child.terminating {
            return Ok((children, true));
        }
    }
    Ok((children, false))
}

/// Every hash that is known must be right, and one must be known.
fn check_content(bytes: &[u8], target: &TargetFile) -> Result<(), MetadataFault> {
    let mismatch = |reason: String| Err(MetadataFault::Mismatch { reason });
    if u64::try_from(bytes.len()) != Ok(target.length) {
        return mismatch(format!("{} bytes, not {}", bytes.len(), target.length));
    }
    let mut known = false;
    for (algorithm, expected) in &target.hashes {
        let found = match algorithm.as_str() {
            "sha256" => Sha256::of(bytes).to_string(),
            "sha512" => Sha512::of(bytes).to_string(),
            _ => continue,
        };
        if !found.eq_ignore_ascii_case(expected) {
            return mismatch(format!("{algorithm} {found}, not {expected}"));
        }
        known = true;
    }
    match known {
        true => Ok(()),
        false => mismatch("no hash of a known algorithm".to_owned()),
    }
}

async fn fetch(transport: &dyn Transport, file: &str, limit: u64) -> Result<Vec<u8>, Error> {
    let bytes = transport.metadata(file, limit).await?;
    bytes.ok_or_else(|| Error::NotServed {
        file: file.to_owned(),
    })
}

fn length(pin: &MetaFile, limit: u64) -> u64 {
    pin.length.unwrap_or(limit).min(limit)
}

fn file_name(set: &TrustedMetadataSet, pin: &MetaFile, role: &str) -> String {
    if set.root().consistent_snapshot {
        format!("{}.{role}.json", pin.version)
    } else {
        format!("{role}.json")
    }
}

fn history_file(version: u64) -> String {
    format!("root_history/{version}.{ROOT}")
}

fn missing(file: &str) -> MetadataFault {
    MetadataFault::Mismatch {
        reason: format!("there is no {file}"),
    }
}

fn of(file: &str, error: TufError) -> Error {
    metadata(file, error.into())
}

fn metadata(file: &str, fault: MetadataFault) -> Error {
    Error::Metadata {
        file: file.to_owned(),
        fault,
    }
}
