//! What was trusted before: the versions below which nothing may go.

use std::collections::BTreeMap;

use super::CachedRoot;
use crate::metadata::{Metadata, Snapshot, Targets, Timestamp};
use crate::name::Role;
use crate::refusal::Refusal;
use crate::verify::{Demands, Signers, Verified, verify};

/// Versions of the cached files that verify, expiry ignored, under the cached root and the cached delegations.
///
/// A cached file that does not verify sets no minimum: whoever can change the cache could remove it as well.
#[derive(Debug, Clone, Default)]
pub struct Previous {
    root: Option<CachedRoot>,
    versions: BTreeMap<Role, u64>,
    targets: BTreeMap<Role, Verified<Targets>>,
}

impl Previous {
    /// Knows nothing but the cached root, if there is one.
    #[must_use]
    pub fn new(root: Option<CachedRoot>) -> Self {
        Self {
            root,
            ..Self::default()
        }
    }

    /// Takes note of a cached file. Load a delegating role before the roles it delegates to.
    ///
    /// # Errors
    /// Why the file sets no minimum; to be reported or ignored.
    pub fn load(&mut self, role: &Role, bytes: &[u8]) -> Result<(), Refusal> {
        let unknown = || Refusal::UnknownRole { role: role.clone() };
        let version = match role {
            // The root has a chain of its own.
            Role::Root => return Ok(()),
            Role::Timestamp => self.verify::<Timestamp>(role, bytes)?.version(),
            Role::Snapshot => self.verify::<Snapshot>(role, bytes)?.version(),
            Role::Targets => {
                let file = self.verify::<Targets>(role, bytes)?;
                let version = file.version();
                self.targets.insert(role.clone(), file);
                version
            }
            Role::Delegation(name) => {
                let delegations = &self
                    .targets
                    .get(&name.delegator())
                    .ok_or_else(unknown)?
                    .signed()
                    .delegations;
                let keys = &delegations.role(name).ok_or_else(unknown)?.keys;
                let file: Verified<Targets> =
                    verify(bytes, &Signers::of(keys, &delegations.keys), &demands(role))?;
                let version = file.version();
                self.targets.insert(role.clone(), file);
                version
            }
        };
        self.versions.insert(role.clone(), version);
        Ok(())
    }

    /// The lowest version acceptable for a role; 1 if nothing is known.
    #[must_use]
    pub fn at_least(&self, role: &Role) -> u64 {
        self.versions.get(role).copied().unwrap_or(1)
    }

    fn verify<T: Metadata>(&self, role: &Role, bytes: &[u8]) -> Result<Verified<T>, Refusal> {
        let root = self
            .root
            .as_ref()
            .ok_or_else(|| Refusal::UnknownRole { role: role.clone() })?;
        verify(bytes, &root.signers(role), &demands(role))
    }
}

fn demands(role: &Role) -> Demands<'_> {
    Demands {
        role,
        described: None,
        at_least: 1,
        now: None,
    }
}
