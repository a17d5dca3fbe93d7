//! Signers: delegated roles `targets/<name>` whose keys may also release, that is sign `targets/releases`.

use std::collections::BTreeSet;
use std::fmt;

use pki::key::{CanonicalKeyId, PublicKey};
use registry::Credentials;
use tuf::edit::{DelegationChange, Editor};
use tuf::metadata::Delegations;
use tuf::{DelegationName, Role};

use crate::client::Repository;
use crate::error::TrustError;
use crate::inspect::{RELEASES, canonical};
use crate::publish::{Change, Draft, Missing, Published};
use crate::remote::RemoteError;
use crate::session::Session;

/// The name of a signer: what comes after `targets/`. Letters, digits, `-` and `_`, lower case, not `releases`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SignerName(DelegationName);

/// Why a text is no name of a signer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignerNameError {
    /// It cannot be part of a role's name.
    #[error("{text:?} cannot be the name of a signer")]
    Invalid {
        /// The text: given by the user, or a user name.
        text: String,
    },
    /// It is the role of released tags.
    #[error("releases is the role of released tags, not a signer")]
    Reserved,
}

/// What [`Repository::add_signer`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignerAdded {
    /// The signer did not exist before.
    pub is_new: bool,
    /// Keys that it did not have before, or that could not release before; empty if nothing was to be done.
    pub added: Vec<CanonicalKeyId>,
}

/// What [`Repository::remove_signer`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignerRemoved {
    /// Keys that may no longer release.
    pub withdrawn: Vec<CanonicalKeyId>,
    /// Keys of the signer that still may, because other signers have them too.
    pub shared: Vec<CanonicalKeyId>,
    /// Whether the releases were signed anew by a remaining signer, because without it nobody could verify them.
    pub releases_signed_anew: bool,
    /// The releases cannot be verified any more; it was forced.
    pub releases_broken: bool,
}

impl SignerName {
    /// Reads a name as the user gave it, or the user name of a login.
    ///
    /// # Errors
    /// Characters that a role's name cannot have, or `releases`.
    pub fn parse(text: &str) -> Result<Self, SignerNameError> {
        let invalid = || SignerNameError::Invalid {
            text: text.to_owned(),
        };
        if text.contains('/') {
            return Err(invalid());
        }
        let role = DelegationName::parse(&format!("targets/{text}")).map_err(|_| invalid())?;
        if role.as_str() == RELEASES {
            Err(SignerNameError::Reserved)
        } else {
            Ok(Self(role))
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str().strip_prefix("targets/").unwrap_or_default()
    }

    /// The delegated role.
    #[must_use]
    pub fn role(&self) -> &DelegationName {
        &self.0
    }
}

impl fmt::Display for SignerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Repository<'_> {
    /// Lets these keys sign as `name` and release what they signed; a signer that exists gets the keys it lacks. A
    /// repository that the server does not know is initialised in the same publish.
    ///
    /// # Errors
    /// [`TrustError::SignerWithoutKeys`]; else as every publishing use case.
    pub async fn add_signer(
        &self,
        name: &SignerName,
        keys: &[PublicKey],
        session: &mut Session<'_>,
    ) -> Result<Published<SignerAdded>, TrustError> {
        if keys.is_empty() {
            return Err(TrustError::SignerWithoutKeys);
        }
        self.publish(&AddSigner { name, keys }, session).await
    }

    /// Takes the signer and its keys away. What it signed stays released as long as another signer's signature is
    /// on the releases: if that needs one, and the key is here, they are signed anew.
    ///
    /// # Errors
    /// [`TrustError::NoSuchSigner`]; [`TrustError::LastSigner`] if nobody could verify the releases afterwards, unless
    /// forced; else as every publishing use case.
    pub async fn remove_signer(
        &self,
        name: &SignerName,
        force: bool,
        session: &mut Session<'_>,
    ) -> Result<Published<SignerRemoved>, TrustError> {
        self.publish(&RemoveSigner { name, force }, session).await
    }

    /// The signer named after the user who is logged in to the registry.
    pub(crate) async fn user(&self) -> Result<SignerName, TrustError> {
        let login = self.login().find().await.map_err(RemoteError::from)?;
        match login {
            Some(Credentials::Password { username, .. }) => Ok(SignerName::parse(&username)?),
            _ => Err(TrustError::NoUserName {
                registry: match &self.name {
                    Some(name) => name.host().to_owned(),
                    None => self.server.host(),
                },
            }),
        }
    }
}

/// Adds keys to `targets/<name>` and to `targets/releases`, for all tags.
pub(crate) fn delegate(
    editor: &mut Editor,
    name: &SignerName,
    keys: &[PublicKey],
) -> Result<(), TrustError> {
    let change = DelegationChange {
        add_keys: keys.to_vec(),
        add_paths: vec![String::new()],
        ..DelegationChange::default()
    };
    editor.delegate(name.role(), &change)?;
    editor.delegate(&releases(), &change)?;
    Ok(())
}

pub(crate) fn releases() -> DelegationName {
    DelegationName::parse(RELEASES).expect("a delegation name")
}

/// The delegations of `targets` as staged; none before there is such a file.
pub(crate) fn delegations(editor: &Editor) -> Option<&Delegations> {
    editor.targets(&Role::Targets).map(|file| &file.delegations)
}

struct AddSigner<'a> {
    name: &'a SignerName,
    keys: &'a [PublicKey],
}

impl Change for AddSigner<'_> {
    type Outcome = SignerAdded;

    fn missing(&self) -> Missing {
        Missing::Initialise
    }

    fn stage(&self, draft: &mut Draft<'_>, _: &mut Session<'_>) -> Result<SignerAdded, TrustError> {
        let existing = delegations(&draft.editor);
        let is_new = existing.is_none_or(|all| all.role(self.name.role()).is_none());
        let has = |role: &DelegationName, key: &PublicKey| {
            existing
                .and_then(|all| all.role(role))
                .is_some_and(|delegation| {
                    delegation.keys.keyids.contains(&key.tuf_id())
                        && delegation.paths.iter().any(String::is_empty)
                })
        };
        let lacking = |key: &&PublicKey| !has(self.name.role(), key) || !has(&releases(), key);
        let added: Vec<_> = self.keys.iter().filter(lacking).map(canonical).collect();
        if !added.is_empty() {
            delegate(&mut draft.editor, self.name, self.keys)?;
        }
        Ok(SignerAdded { is_new, added })
    }
}

struct RemoveSigner<'a> {
    name: &'a SignerName,
    force: bool,
}

impl RemoveSigner<'_> {
    /// The signer's keys: those that only it has, and those that it shares with other signers.
    fn keys(
        &self,
        draft: &Draft<'_>,
    ) -> Result<(Vec<CanonicalKeyId>, Vec<CanonicalKeyId>), TrustError> {
        let (gun, signer) = (draft.editor.gun().clone(), self.name.to_string());
        let missing = || TrustError::NoSuchSigner { gun, signer };
        let Some(all) = delegations(&draft.editor) else {
            return Err(missing());
        };
        let Some(own) = all.role(self.name.role()) else {
            return Err(missing());
        };
        let releases = releases();
        let others: BTreeSet<_> = all
            .roles
            .iter()
            .filter(|role| role.name != releases && role.name != *self.name.role())
            .flat_map(|role| all.keys_of(role).map(|(_, key)| canonical(key)))
            .collect();
        Ok(all
            .keys_of(own)
            .map(|(_, key)| canonical(key))
            .partition(|id| !others.contains(id)))
    }
}

impl Change for RemoveSigner<'_> {
    type Outcome = SignerRemoved;

    fn missing(&self) -> Missing {
        Missing::Fail
    }

    fn stage(
        &self,
        draft: &mut Draft<'_>,
        _: &mut Session<'_>,
    ) -> Result<SignerRemoved, TrustError> {
        let (withdrawn, shared) = self.keys(draft)?;
        let releases = releases();
        let role = Role::Delegation(releases.clone());
        draft.editor.remove_delegation(self.name.role())?;
        if delegations(&draft.editor).is_some_and(|all| all.role(&releases).is_some()) {
            let change = DelegationChange {
                remove_keys: withdrawn.clone(),
                ..DelegationChange::default()
            };
            draft.editor.delegate(&releases, &change)?;
        }
        // The signatures that count are those of the keys that remain, not those that are in the file.
        let mut outcome = SignerRemoved {
            withdrawn,
            shared,
            releases_signed_anew: false,
            releases_broken: false,
        };
        let has_tags = draft
            .editor
            .targets(&role)
            .is_some_and(|file| !file.targets.is_empty());
        if has_tags && draft.editor.orphaned_roles().contains(&role) {
            if can_sign(draft, &releases)? {
                draft.editor.witness(&role)?;
                outcome.releases_signed_anew = true;
            } else if self.force {
                outcome.releases_broken = true;
            } else {
                let (signer, gun) = (self.name.to_string(), draft.editor.gun().clone());
                return Err(TrustError::LastSigner { signer, gun });
            }
        }
        Ok(outcome)
    }
}

/// Whether enough keys of a delegation, as staged, are at hand.
fn can_sign(draft: &Draft<'_>, name: &DelegationName) -> Result<bool, TrustError> {
    let Some(all) = delegations(&draft.editor) else {
        return Ok(false);
    };
    let Some(delegation) = all.role(name) else {
        return Ok(false);
    };
    let at_hand = draft.keys_at_hand(all.keys_of(delegation).map(|(_, key)| key))?;
    Ok(usize::try_from(delegation.keys.threshold).is_ok_and(|needed| at_hand.len() >= needed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_parts_of_role_names() {
        assert_eq!(SignerName::parse("jeff").unwrap().to_string(), "jeff");
        assert_eq!(
            SignerName::parse("targets").unwrap().role().as_str(),
            "targets/targets"
        );
        assert_eq!(
            SignerName::parse("releases"),
            Err(SignerNameError::Reserved)
        );
        for bad in ["", "John", "a.b", "a@b", "a/b", "a b"] {
            assert_eq!(
                SignerName::parse(bad),
                Err(SignerNameError::Invalid {
                    text: bad.to_owned()
                })
            );
        }
    }
}
