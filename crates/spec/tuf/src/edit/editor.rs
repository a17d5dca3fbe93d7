//! Staging of changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp as Instant;
use pki::digest::Sha256;
use pki::key::PublicKey;

use super::EditError;
use crate::expiry::Expiry;
use crate::metadata::{
    Delegations, FileMap, FileMeta, Nullable, Parsed, RoleKeys, Root, Snapshot, Targets,
};
use crate::name::{Gun, Role};
use crate::refusal::Refusal;
use crate::trusted::{CachedRoot, Paths, Skipped, TargetsTrusted, signers};
use crate::verify::{Demands, Signers, Verified, verify};

/// The keys of a new repository, each list not empty; root keys are certificates.
#[derive(Debug, Clone)]
#[allow(clippy::exhaustive_structs, reason = "the four roles of TUF")]
pub struct InitialKeys {
    /// Root certificates for the GUN.
    pub root: Vec<PublicKey>,
    /// Targets.
    pub targets: Vec<PublicKey>,
    /// Snapshot: ours, or the trust server's.
    pub snapshot: Vec<PublicKey>,
    /// Timestamp: the trust server's.
    pub timestamp: Vec<PublicKey>,
}

/// A repository with staged changes.
#[derive(Debug, Clone)]
pub struct Editor {
    pub(super) gun: Gun,
    /// The root that clients trust, whose keys must sign the next one; none before the first signature.
    pub(super) trusted_root: Option<Root>,
    /// A signed root that is to be published as it is.
    pub(super) unpublished_root: Option<Arc<[u8]>>,
    pub(super) edited_root: Option<Root>,
    /// Keys that may sign the next root besides those that must.
    pub(super) former_root_keys: Vec<PublicKey>,
    pub(super) files: BTreeMap<Role, Arc<Verified<Targets>>>,
    pub(super) skipped: BTreeMap<Role, Skipped>,
    /// Delegated roles whose published files were not loaded.
    pub(super) unloaded: BTreeSet<Role>,
    pub(super) edited: BTreeMap<Role, Targets>,
    pub(super) snapshot: SnapshotBase,
}

/// What the next snapshot starts from.
#[derive(Debug, Clone)]
pub(super) struct SnapshotBase {
    pub(super) version: u64,
    pub(super) meta: FileMap,
}

impl Editor {
    /// A new repository whose first versions are all 1: what `notary init` leaves in its folder.
    ///
    /// # Errors
    /// [`EditError::NoKeys`].
    pub fn init(gun: &Gun, keys: InitialKeys) -> Result<Self, EditError> {
        Self::new(gun, keys, 0)
    }

    /// A new repository to be published at once: root 1, targets 2, and snapshot 2 if the publisher signs it, as if
    /// version 1 of those had been signed by `init` and never published.
    ///
    /// # Errors
    /// [`EditError::NoKeys`].
    pub fn first_publication(gun: &Gun, keys: InitialKeys) -> Result<Self, EditError> {
        Self::new(gun, keys, 1)
    }

    /// Goes on from files that [`Self::init`] made and that no server has. Targets become dirty and the root is
    /// published with them, as `notary publish` does.
    ///
    /// # Errors
    /// Any [`Refusal`] about the files; expiry is ignored.
    pub fn from_unpublished(
        gun: &Gun,
        root: &[u8],
        targets: &[u8],
        snapshot: Option<&[u8]>,
    ) -> Result<Self, Refusal> {
        let trusted = CachedRoot::from_bytes(gun, root)?;
        let root = trusted.signed().clone();
        let demands = |role| Demands {
            role,
            described: None,
            at_least: 1,
            now: None,
        };
        let targets: Verified<Targets> = verify(
            targets,
            &signers(&root, &Role::Targets),
            &demands(&Role::Targets),
        )?;
        let snapshot = match snapshot {
            None => SnapshotBase {
                version: 0,
                meta: Nullable::default(),
            },
            Some(bytes) => {
                let signers = signers(&root, &Role::Snapshot);
                let file: Verified<Snapshot> = verify(bytes, &signers, &demands(&Role::Snapshot))?;
                SnapshotBase {
                    version: file.version(),
                    meta: file.signed().meta.clone(),
                }
            }
        };
        Ok(Self {
            gun: gun.clone(),
            trusted_root: Some(root),
            unpublished_root: Some(trusted.bytes().into()),
            edited_root: None,
            former_root_keys: Vec::new(),
            edited: BTreeMap::from([(Role::Targets, targets.signed().clone())]),
            files: BTreeMap::from([(Role::Targets, Arc::new(targets))]),
            skipped: BTreeMap::new(),
            unloaded: BTreeSet::new(),
            snapshot,
        })
    }

    /// Goes on from what an update trusted. Delegations that are not loaded cannot be changed.
    #[must_use]
    pub fn from_trusted(trusted: &TargetsTrusted) -> Self {
        let snapshot = trusted.snapshot();
        let base = snapshot.snapshot().signed();
        Self {
            gun: snapshot.gun().clone(),
            trusted_root: Some(snapshot.root().root().clone()),
            unpublished_root: None,
            edited_root: None,
            former_root_keys: Vec::new(),
            files: trusted.shared_files().clone(),
            skipped: trusted.skipped().clone(),
            unloaded: trusted.unloaded(),
            edited: BTreeMap::new(),
            snapshot: SnapshotBase {
                version: base.version,
                meta: base.meta.clone(),
            },
        }
    }

    /// Signs `name` in a role. Returns false, and leaves the role as it is, if it is there just so.
    ///
    /// # Errors
    /// A role that cannot hold targets, that is unknown or not valid; a name that the role may not sign or the format
    /// cannot hold.
    pub fn add_target(
        &mut self,
        role: &Role,
        name: &str,
        meta: FileMeta,
    ) -> Result<bool, EditError> {
        if name.bytes().any(|b| b < 0x20) {
            return Err(EditError::ControlCharacter {
                name: name.to_owned(),
            });
        }
        if !self.paths(role)?.allow(name) {
            return Err(EditError::OutsidePaths {
                role: role.clone(),
                name: name.to_owned(),
            });
        }
        if self
            .targets(role)
            .is_some_and(|file| file.targets.get(name) == Some(&meta))
        {
            return Ok(false);
        }
        self.edit(role)?.targets.insert(name.to_owned(), meta);
        Ok(true)
    }

    /// Takes `name` out of a role. Returns false, and leaves the role as it is, if it is not there.
    ///
    /// # Errors
    /// A role that cannot hold targets, that is unknown or not valid.
    pub fn remove_target(&mut self, role: &Role, name: &str) -> Result<bool, EditError> {
        self.paths(role)?;
        if self
            .targets(role)
            .is_none_or(|file| !file.targets.contains_key(name))
            && !self.skipped.contains_key(role)
        {
            return Ok(false);
        }
        Ok(self.edit(role)?.targets.remove(name).is_some())
    }

    /// Marks targets or a delegated role to be signed anew as it is. A file that is expired or has lost its signatures
    /// is adopted with what it holds.
    ///
    /// # Errors
    /// A role without a file.
    pub fn witness(&mut self, role: &Role) -> Result<(), EditError> {
        if self.targets(role).is_some() {
            self.edit(role)?;
            return Ok(());
        }
        self.paths(role)?;
        let Some(skipped) = self.skipped.remove(role) else {
            return Err(EditError::UnknownRole { role: role.clone() });
        };
        self.edited
            .insert(role.clone(), skipped.file.unverified().clone());
        Ok(())
    }

    /// Makes the next version of a role higher than `version`: for a role that was delegated before, whose former
    /// files the server remembers ([`Self::published`] may still name the last). The role becomes dirty.
    ///
    /// # Errors
    /// A role that cannot hold targets, that is unknown or not valid.
    pub fn raise_version(&mut self, role: &Role, version: u64) -> Result<(), EditError> {
        let content = self.edit(role)?;
        content.version = content.version.max(version);
        Ok(())
    }

    /// Replaces the keys of a top-level role. Keys that no role uses any more leave the root, but for root
    /// certificates, which stay for ever. A rotated targets role is signed anew, a root by old and new keys.
    ///
    /// # Errors
    /// No keys, fewer than the role's threshold, or a delegated role.
    pub fn rotate(&mut self, role: &Role, keys: Vec<PublicKey>) -> Result<(), EditError> {
        if keys.is_empty() {
            return Err(EditError::NoKeys { role: role.clone() });
        }
        let root = self.edit_root();
        let unknown = || EditError::UnknownRole { role: role.clone() };
        let listed = root.roles.get_mut(role.as_str()).ok_or_else(unknown)?;
        let threshold = u32::try_from(listed.threshold).unwrap_or(u32::MAX);
        super::delegations::check_threshold(role, threshold, keys.iter())?;
        let ids: Vec<_> = keys.iter().map(PublicKey::tuf_id).collect();
        let former = std::mem::replace(&mut listed.keyids, ids.clone().into());
        root.keys.extend(ids.into_iter().zip(keys));
        if *role != Role::Root {
            for id in former.iter() {
                if !root.roles.values().any(|listed| listed.keyids.contains(id)) {
                    root.keys.remove(id);
                }
            }
        }
        if *role == Role::Targets {
            self.edit(&Role::Targets)?;
        }
        Ok(())
    }

    /// Sets the number of keys that must sign for a top-level role.
    ///
    /// # Errors
    /// A threshold that its keys cannot meet, or a delegated role.
    pub fn set_threshold(&mut self, role: &Role, threshold: u32) -> Result<(), EditError> {
        let root = self.edit_root();
        let unknown = || EditError::UnknownRole { role: role.clone() };
        let listed = root.roles.get(role.as_str()).ok_or_else(unknown)?;
        let keys = listed.keyids.iter().filter_map(|id| root.keys.get(id));
        super::delegations::check_threshold(role, threshold, keys)?;
        if let Some(listed) = root.roles.get_mut(role.as_str()) {
            listed.threshold = threshold.into();
        }
        Ok(())
    }

    /// Marks the root to be signed anew as it is, say because it nears expiry.
    pub fn renew_root(&mut self) {
        self.edit_root();
    }

    /// Lets former root keys sign the next root too, for clients that still trust only them.
    pub fn also_sign_root_with(&mut self, keys: Vec<PublicKey>) {
        self.edit_root();
        self.former_root_keys.extend(keys);
    }

    /// The GUN.
    #[must_use]
    pub fn gun(&self) -> &Gun {
        &self.gun
    }

    /// The root as staged.
    #[must_use]
    pub fn root(&self) -> &Root {
        self.edited_root
            .as_ref()
            .or(self.trusted_root.as_ref())
            .expect("an editor has a root, signed or staged")
    }

    /// Whether the root has less than six calendar months left, when publishing should renew it.
    #[must_use]
    pub fn root_nears_expiry(&self, now: Instant) -> bool {
        self.trusted_root
            .as_ref()
            .is_some_and(|root| root.expires.is_near(now))
    }

    /// The content of targets or a delegated role as staged.
    #[must_use]
    pub fn targets(&self, role: &Role) -> Option<&Targets> {
        self.edited
            .get(role)
            .or_else(|| self.files.get(role).map(|file| file.signed()))
    }

    /// Whether anything is staged.
    #[must_use]
    pub fn is_dirty(&self) -> bool {
        self.edited_root.is_some() || !self.edited.is_empty()
    }

    /// Delegated roles whose published files would not verify any more under the keys as staged. Clients would skip
    /// them: witness them in the same publication.
    #[must_use]
    pub fn orphaned_roles(&self) -> Vec<Role> {
        let orphaned = |role: &Role, file: &Verified<Targets>| {
            let Role::Delegation(name) = role else {
                return false;
            };
            let Some(delegations) = self
                .targets(&name.delegator())
                .map(|file| &file.delegations)
            else {
                return false;
            };
            let Some(delegation) = delegations.role(name) else {
                return false;
            };
            let Ok(file) = Parsed::<Targets>::from_bytes(file.bytes()) else {
                return false;
            };
            Signers::of(&delegation.keys, &delegations.keys)
                .check(role, &file)
                .is_err()
        };
        let unedited = self
            .files
            .iter()
            .filter(|(role, _)| !self.edited.contains_key(role));
        unedited
            .filter(|(role, file)| orphaned(role, file))
            .map(|(role, _)| role.clone())
            .collect()
    }

    /// SHA-256 of the published file of a role, if it is part of the snapshot that the edit started from.
    #[must_use]
    pub fn published(&self, role: &Role) -> Option<Sha256> {
        self.snapshot.meta.get(role.as_str())?.hashes.sha256()
    }

    fn new(gun: &Gun, keys: InitialKeys, version: u64) -> Result<Self, EditError> {
        let roles = [
            (Role::Root, keys.root),
            (Role::Targets, keys.targets),
            (Role::Snapshot, keys.snapshot),
            (Role::Timestamp, keys.timestamp),
        ];
        let mut root = Root {
            consistent_snapshot: false,
            expires: unsigned(),
            keys: Nullable::default(),
            roles: Nullable::default(),
            version: 0,
        };
        for (role, keys) in roles {
            if keys.is_empty() {
                return Err(EditError::NoKeys { role });
            }
            let ids: Vec<_> = keys.iter().map(PublicKey::tuf_id).collect();
            root.roles
                .insert(role.as_str().to_owned(), RoleKeys::new(ids.clone(), 1));
            root.keys.extend(ids.into_iter().zip(keys));
        }
        Ok(Self {
            gun: gun.clone(),
            trusted_root: None,
            unpublished_root: None,
            edited_root: Some(root),
            former_root_keys: Vec::new(),
            files: BTreeMap::new(),
            skipped: BTreeMap::new(),
            unloaded: BTreeSet::new(),
            edited: BTreeMap::from([(Role::Targets, Targets { version, ..empty() })]),
            snapshot: SnapshotBase {
                version,
                meta: Nullable::default(),
            },
        })
    }

    pub(super) fn edit_root(&mut self) -> &mut Root {
        let trusted = &self.trusted_root;
        self.edited_root.get_or_insert_with(|| {
            trusted
                .clone()
                .expect("an editor has a root, signed or staged")
        })
    }

    /// The content of a role, to be changed: it will be signed anew.
    pub(super) fn edit(&mut self, role: &Role) -> Result<&mut Targets, EditError> {
        if !self.edited.contains_key(role) {
            self.paths(role)?;
            let content = match self.files.get(role) {
                Some(file) => file.signed().clone(),
                None if self.skipped.contains_key(role) => {
                    return Err(EditError::NeedsWitness { role: role.clone() });
                }
                None if self.unloaded.contains(role) => {
                    return Err(EditError::NotLoaded { role: role.clone() });
                }
                None => empty(),
            };
            self.edited.insert(role.clone(), content);
        }
        Ok(self.edited.get_mut(role).expect("inserted above"))
    }

    /// The paths effective for a role; an error if the role does not exist.
    pub(super) fn paths(&self, role: &Role) -> Result<Paths<'_>, EditError> {
        let unknown = || EditError::UnknownRole { role: role.clone() };
        match role {
            Role::Targets => Ok(Paths::all()),
            Role::Delegation(name) => {
                let delegator = name.delegator();
                let delegations = &self.targets(&delegator).ok_or_else(unknown)?.delegations;
                Ok(self
                    .paths(&delegator)?
                    .restrict(delegations.role(name).ok_or_else(unknown)?))
            }
            _ => Err(unknown()),
        }
    }
}

/// A targets file that nobody signed yet.
fn empty() -> Targets {
    Targets {
        delegations: Delegations::default(),
        expires: unsigned(),
        targets: Nullable::default(),
        version: 0,
    }
}

/// Stands where signing puts an expiry.
fn unsigned() -> Expiry {
    Expiry::utc(Instant::UNIX_EPOCH)
}
