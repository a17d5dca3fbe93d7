//! Changes of delegations (`notary:tuf/tuf.go:UpdateDelegationKeys`, `UpdateDelegationPaths`, `DeleteDelegation`).

use std::collections::BTreeSet;

use pki::key::{CanonicalKeyId, PublicKey, TufKeyId};

use super::{EditError, Editor};
use crate::metadata::{Delegation, Delegations, RoleKeys};
use crate::name::{DelegationName, Role};

/// What to change about a delegation; what is left empty stays.
#[derive(Debug, Clone, Default)]
#[allow(
    clippy::exhaustive_structs,
    reason = "an argument, made with the rest from Default"
)]
pub struct DelegationChange {
    /// Distinct keys that must sign.
    pub threshold: Option<u32>,
    /// Keys to add at the end, if they are not there.
    pub add_keys: Vec<PublicKey>,
    /// Keys to remove; a certificate goes by the id of its bare key.
    pub remove_keys: Vec<CanonicalKeyId>,
    /// Paths to add at the end, if they are not there.
    pub add_paths: Vec<String>,
    /// Paths to remove.
    pub remove_paths: Vec<String>,
    /// Removes every path first.
    pub clear_paths: bool,
}

impl Editor {
    /// Changes a delegation, or makes it if there is none. Its delegator will be signed anew.
    ///
    /// # Errors
    /// A delegator that is unknown or not valid; a new role without keys; a threshold that the keys cannot meet.
    pub fn delegate(
        &mut self,
        name: &DelegationName,
        change: &DelegationChange,
    ) -> Result<(), EditError> {
        let role = Role::Delegation(name.clone());
        let delegator = name.delegator();
        self.paths(&delegator)?;
        let existing = self
            .targets(&delegator)
            .and_then(|file| file.delegations.role(name).cloned());
        let mut delegation = match existing {
            Some(delegation) => delegation,
            None if change.add_keys.is_empty() => return Err(EditError::NoKeys { role }),
            None => Delegation {
                keys: RoleKeys::new(Vec::new(), 1),
                name: name.clone(),
                paths: Vec::new(),
            },
        };
        let delegations = &mut self.edit(&delegator)?.delegations;
        change_keys(delegations, &mut delegation, change);
        change_paths(&mut delegation.paths, change);
        if let Some(threshold) = change.threshold {
            check_threshold(
                &role,
                threshold,
                delegations.keys_of(&delegation).map(|(_, key)| key),
            )?;
            delegation.keys.threshold = threshold.into();
        }
        match delegations
            .roles
            .iter_mut()
            .find(|listed| listed.name == *name)
        {
            Some(listed) => *listed = delegation,
            None => delegations.roles.push(delegation),
        }
        prune(delegations);
        Ok(())
    }

    /// Ends a delegation, and drops its file and those below it from the snapshot. Returns false, and leaves the
    /// delegator as it is, if there is none.
    ///
    /// # Errors
    /// A delegator that is unknown or not valid.
    pub fn remove_delegation(&mut self, name: &DelegationName) -> Result<bool, EditError> {
        let delegator = name.delegator();
        self.paths(&delegator)?;
        if self
            .targets(&delegator)
            .is_none_or(|file| file.delegations.role(name).is_none())
        {
            return Ok(false);
        }
        let delegations = &mut self.edit(&delegator)?.delegations;
        delegations.roles.retain(|listed| listed.name != *name);
        delegations.roles.null_if_empty();
        prune(delegations);
        let ended = Role::Delegation(name.clone());
        let outside = |role: &Role| !role.is_within(&ended);
        self.files.retain(|role, _| outside(role));
        self.edited.retain(|role, _| outside(role));
        self.skipped.retain(|role, _| outside(role));
        self.unloaded.retain(outside);
        self.snapshot
            .meta
            .retain(|role, _| Role::parse(role).is_ok_and(|role| outside(&role)));
        Ok(true)
    }

    /// Removes keys from every delegation below `targets`. Returns the delegations that had one of them.
    ///
    /// # Errors
    /// A delegator that is not valid.
    pub fn purge_keys(
        &mut self,
        keys: &[CanonicalKeyId],
    ) -> Result<Vec<DelegationName>, EditError> {
        let mut affected = Vec::new();
        for file in self
            .files
            .keys()
            .chain(self.edited.keys())
            .collect::<BTreeSet<_>>()
        {
            let Some(delegations) = self.targets(file).map(|file| &file.delegations) else {
                continue;
            };
            for delegation in delegations.roles.iter() {
                let holds = |(_, key): (TufKeyId, &PublicKey)| is_one_of(key, keys);
                if delegations.keys_of(delegation).any(holds) {
                    affected.push(delegation.name.clone());
                }
            }
        }
        let change = DelegationChange {
            remove_keys: keys.to_vec(),
            ..DelegationChange::default()
        };
        for name in &affected {
            self.delegate(name, &change)?;
        }
        Ok(affected)
    }
}

/// Checks that distinct keys can meet a threshold of at least 1.
pub(super) fn check_threshold<'a>(
    role: &Role,
    threshold: u32,
    keys: impl Iterator<Item = &'a PublicKey>,
) -> Result<(), EditError> {
    let keys = keys
        .filter_map(|key| key.canonical_id().ok())
        .collect::<BTreeSet<_>>()
        .len();
    if (1..=keys).contains(&usize::try_from(threshold).unwrap_or(usize::MAX)) {
        return Ok(());
    }
    Err(EditError::Threshold {
        role: role.clone(),
        threshold,
        keys,
    })
}

fn change_keys(
    delegations: &mut Delegations,
    delegation: &mut Delegation,
    change: &DelegationChange,
) {
    for key in &change.add_keys {
        let id = key.tuf_id();
        delegations.keys.insert(id, key.clone());
        if !delegation.keys.keyids.contains(&id) {
            delegation.keys.keyids.push(id);
        }
    }
    if !change.remove_keys.is_empty() {
        let removed = |id: &TufKeyId| {
            delegations
                .keys
                .get(id)
                .is_some_and(|key| is_one_of(key, &change.remove_keys))
        };
        delegation.keys.keyids.retain(|id| !removed(id));
        delegation.keys.keyids.null_if_empty();
    }
}

fn change_paths(paths: &mut Vec<String>, change: &DelegationChange) {
    if change.clear_paths {
        paths.clear();
    }
    paths.retain(|path| !change.remove_paths.contains(path));
    for path in &change.add_paths {
        if !paths.contains(path) {
            paths.push(path.clone());
        }
    }
}

fn is_one_of(key: &PublicKey, ids: &[CanonicalKeyId]) -> bool {
    key.canonical_id().is_ok_and(|id| ids.contains(&id))
}

/// Drops keys that no delegation uses any more.
fn prune(delegations: &mut Delegations) {
    let roles = &delegations.roles;
    let used: BTreeSet<_> = roles
        .iter()
        .flat_map(|role| role.keys.keyids.iter().copied())
        .collect();
    delegations.keys.retain(|id, _| used.contains(id));
}
